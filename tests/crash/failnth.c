/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A preloaded library that lets the Nth call of a kind below a folder fail.
 *
 *   PAWL_FAULT_DIR     the folder; calls on other files pass
 *   PAWL_FAULT_CALLS   which kinds: write fsync open rename truncate mkdir unlink, or all of these
 *                      (separated by ,); and send, what goes to sockets, wherever they are
 *   PAWL_FAULT_AT      N of the first call that fails; 0 counts only
 *   PAWL_FAULT_LENGTH  how many fail from there on (1; 0 for all that follow)
 *   PAWL_FAULT_ERROR   EIO ENOSPC EMFILE EROFS EDQUOT, or KILL: the program is killed before the call
 *   PAWL_FAULT_SHORT   1: the first failing write writes half, the next one fails
 *   PAWL_FAULT_STATE   a file for the counters that all processes share, and for what happened
 *   PAWL_FAULT_PROGRAM only in the program of this name
 *
 * The state file begins with the lines "calls N" and "failed N" (and bytes of 0 that belong to the
 * counters); then there is a line for each failed call: kind, program, path. Opening for reading
 * fails only with EMFILE. */
#include "preload.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum kind { K_WRITE, K_FSYNC, K_OPEN, K_RENAME, K_TRUNCATE, K_MKDIR, K_UNLINK, K_SEND, K_COUNT };
static const char *const kind_names[K_COUNT] = { "write",    "fsync", "open",   "rename",
						 "truncate", "mkdir", "unlink", "send" };
#define KILL (-1) /* instead of an errno */

struct state { /* shared by all processes; the text says the same as the numbers */
	char text[64];
	_Atomic uint64_t calls, failed;
};

static unsigned kinds;
static uint64_t first, length = 1;
static int error_number = EIO;
static bool half;
static struct state *state;
static char state_path[PATH_MAX];

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
	const char *value = getenv(variable);
	return value && *value ? strtoull(value, NULL, 10) : otherwise;
}

static int error_of(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} known[] = { { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EMFILE", EMFILE },
		      { "EROFS", EROFS },	 { "EDQUOT", EDQUOT }, { "KILL", KILL } };
	for (size_t i = 0; name && i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].number;
	return EIO;
}

static void kinds_parse(const char *list)
{
	for (int k = 0; k < K_COUNT; k++)
		if ((list && strstr(list, kind_names[k])) ||
		    (k != K_SEND && (!list || strstr(list, "all"))))
			kinds |= 1u << k;
}

__attribute__((constructor)) static void fault_start(void)
{
	const char *path = getenv("PAWL_FAULT_STATE"), *program = getenv("PAWL_FAULT_PROGRAM");
	if (!path || strlen(path) >= sizeof(state_path))
		return;
	if (program && *program && strcmp(program, program_invocation_short_name) != 0)
		return;
	memcpy(state_path, path, strlen(path) + 1);
	REAL(int, open, (const char *, int, ...))
	REAL(int, ftruncate, (int, off_t))
	int fd = real_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) ||
	    (st.st_size < (off_t)sizeof(*state) && real_ftruncate(fd, sizeof(*state)))) {
		dprintf(2, "failnth: %s: %s\n", path, strerror(errno));
		abort();
	}
	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (state == MAP_FAILED)
		abort();
	kinds_parse(getenv("PAWL_FAULT_CALLS"));
	first = number_of("PAWL_FAULT_AT", 0);
	length = number_of("PAWL_FAULT_LENGTH", 1);
	half = number_of("PAWL_FAULT_SHORT", 0) != 0;
	error_number = error_of(getenv("PAWL_FAULT_ERROR"));
	watch("PAWL_FAULT_DIR");
}

static void report(enum kind kind, const char *path)
{
	REAL(int, open, (const char *, int, ...))
	REAL(ssize_t, write, (int, const void *, size_t))
	char line[PATH_MAX + 64];
	int n = snprintf(line, sizeof(line), "%s %s %s\n", kind_names[kind],
			 program_invocation_short_name, *path ? path : ".");
	int fd = real_open(state_path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd >= 0) {
		(void)!real_write(fd, line, (size_t)n);
		close(fd);
	}
}

/* Count a call on `path` (relative, NULL for others' files); true when it is to fail, errno is set. */
static bool fails(enum kind kind, const char *path)
{
	if (!path || !state || !(kinds & 1u << kind))
		return false;
	uint64_t n = atomic_fetch_add(&state->calls, 1) + 1;
	bool now = first && n >= first && (!length || n < first + length);
	uint64_t failed = now ? atomic_fetch_add(&state->failed, 1) + 1 : atomic_load(&state->failed);
	(void)snprintf(state->text, sizeof(state->text), "calls %12ju\nfailed %12ju\n", (uintmax_t)n,
		       (uintmax_t)failed);
	if (now)
		report(kind, path);
	if (now && error_number == KILL)
		(void)raise(SIGKILL);
	errno = now ? error_number : errno;
	return now;
}

static bool fd_fails(enum kind kind, int fd)
{
	char buf[PATH_MAX];
	struct stat st;
	if (!state || !(kinds & 1u << kind))
		return false;
	int saved = errno;
	const char *path = fd_below(fd, buf, &st);
	errno = saved;
	return fails(kind, path);
}

static bool name_fails(enum kind kind, int dirfd, const char *path)
{
	char buf[PATH_MAX];
	if (!state || !(kinds & 1u << kind))
		return false;
	int saved = errno;
	const char *rel = name_below(dirfd, path, buf);
	errno = saved;
	return fails(kind, rel);
}

/* ---- the calls ---- */

static bool open_fails(int dirfd, const char *path, int flags)
{
	bool writes = (flags & (O_ACCMODE | O_CREAT)) != 0;
	return (writes || error_number == EMFILE) && name_fails(K_OPEN, dirfd, path);
}
int open(const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	REAL(int, open, (const char *, int, ...))
	return open_fails(AT_FDCWD, path, flags) ? -1 : real_open(path, flags, mode);
}
int open64(const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	REAL(int, open64, (const char *, int, ...))
	return open_fails(AT_FDCWD, path, flags) ? -1 : real_open64(path, flags, mode);
}
int openat(int dirfd, const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	REAL(int, openat, (int, const char *, int, ...))
	return open_fails(dirfd, path, flags) ? -1 : real_openat(dirfd, path, flags, mode);
}
int openat64(int dirfd, const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	REAL(int, openat64, (int, const char *, int, ...))
	return open_fails(dirfd, path, flags) ? -1 : real_openat64(dirfd, path, flags, mode);
}
int creat(const char *path, mode_t mode)
{
	return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int mkstemp(char *template)
{
	REAL(int, mkstemp, (char *))
	return name_fails(K_OPEN, AT_FDCWD, template) ? -1 : real_mkstemp(template);
}

/* A failing write may be short at first, as on a disk that fills up within it. */
static size_t shortened(size_t len)
{
	return half && len > 1 && error_number != EIO ? len / 2 : 0;
}

ssize_t write(int fd, const void *p, size_t len)
{
	REAL(ssize_t, write, (int, const void *, size_t))
	if (fd_fails(K_WRITE, fd))
		return shortened(len) ? real_write(fd, p, shortened(len)) : -1;
	return real_write(fd, p, len);
}
ssize_t pwrite(int fd, const void *p, size_t len, off_t at)
{
	REAL(ssize_t, pwrite, (int, const void *, size_t, off_t))
	if (fd_fails(K_WRITE, fd))
		return shortened(len) ? real_pwrite(fd, p, shortened(len), at) : -1;
	return real_pwrite(fd, p, len, at);
}
ssize_t pwrite64(int fd, const void *p, size_t len, off_t at)
{
	return pwrite(fd, p, len, at);
}
ssize_t writev(int fd, const struct iovec *v, int n)
{
	REAL(ssize_t, writev, (int, const struct iovec *, int))
	return fd_fails(K_WRITE, fd) ? -1 : real_writev(fd, v, n);
}
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	REAL(ssize_t, pwritev, (int, const struct iovec *, int, off_t))
	return fd_fails(K_WRITE, fd) ? -1 : real_pwritev(fd, v, n, at);
}
ssize_t pwritev64(int fd, const struct iovec *v, int n, off_t at)
{
	return pwritev(fd, v, n, at);
}
int fsync(int fd)
{
	REAL(int, fsync, (int))
	return fd_fails(K_FSYNC, fd) ? -1 : real_fsync(fd);
}
int fdatasync(int fd)
{
	REAL(int, fdatasync, (int))
	return fd_fails(K_FSYNC, fd) ? -1 : real_fdatasync(fd);
}
int ftruncate(int fd, off_t size)
{
	REAL(int, ftruncate, (int, off_t))
	return fd_fails(K_TRUNCATE, fd) ? -1 : real_ftruncate(fd, size);
}
int ftruncate64(int fd, off_t size)
{
	return ftruncate(fd, size);
}
int posix_fallocate(int fd, off_t at, off_t len)
{
	REAL(int, posix_fallocate, (int, off_t, off_t))
	return fd_fails(K_TRUNCATE, fd) ? errno : real_posix_fallocate(fd, at, len);
}
int posix_fallocate64(int fd, off_t at, off_t len)
{
	return posix_fallocate(fd, at, len);
}
int fallocate(int fd, int mode, off_t at, off_t len)
{
	REAL(int, fallocate, (int, int, off_t, off_t))
	return fd_fails(K_TRUNCATE, fd) ? -1 : real_fallocate(fd, mode, at, len);
}
int fallocate64(int fd, int mode, off_t at, off_t len)
{
	return fallocate(fd, mode, at, len);
}
int renameat2(int od, const char *old, int nd, const char *new, unsigned flags)
{
	REAL(int, renameat2, (int, const char *, int, const char *, unsigned))
	return name_fails(K_RENAME, nd, new) ? -1 : real_renameat2(od, old, nd, new, flags);
}
int renameat(int od, const char *old, int nd, const char *new)
{
	return renameat2(od, old, nd, new, 0);
}
int rename(const char *old, const char *new)
{
	return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0);
}
int mkdirat(int dirfd, const char *path, mode_t mode)
{
	REAL(int, mkdirat, (int, const char *, mode_t))
	return name_fails(K_MKDIR, dirfd, path) ? -1 : real_mkdirat(dirfd, path, mode);
}
int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}
int unlinkat(int dirfd, const char *path, int flags)
{
	REAL(int, unlinkat, (int, const char *, int))
	return name_fails(K_UNLINK, dirfd, path) ? -1 : real_unlinkat(dirfd, path, flags);
}
int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

ssize_t send(int fd, const void *p, size_t len, int flags)
{
	REAL(ssize_t, send, (int, const void *, size_t, int))
	return fails(K_SEND, "socket") ? -1 : real_send(fd, p, len, flags);
}
ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	REAL(ssize_t, sendmsg, (int, const struct msghdr *, int))
	return fails(K_SEND, "socket") ? -1 : real_sendmsg(fd, m, flags);
}
