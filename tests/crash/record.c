/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A preloaded library that writes down every change below a folder, in order, and every flush, so
 * that replay can rebuild what a disk may hold after a power loss.
 *
 *   PAWL_RECORD_DIR=folder PAWL_RECORD_LOG=file LD_PRELOAD=…/record.so program…
 *
 * All processes that inherit the environment append to one log (outside the folder). A record is
 * one append, made after the call succeeded and before it returns: what a process says afterwards
 * stands after it. The records, one line each, paths relative to the folder and last:
 *
 *   c INO PATH     file created          w INO OFFSET LEN   written, the bytes follow, then \n
 *   o INO PATH     existing file opened  t INO SIZE         size set
 *   d INO PATH     folder made           s INO              fsync or fdatasync of a file or folder
 *   r OLD\tNEW     renamed               S                  sync of everything
 *   l OLD\tNEW     linked                m TEXT             a mark of the test: acknowledged
 *   u PATH         removed               x WHAT             something that replay cannot know
 *   y INO TARGET\tPATH  symbolic link made
 *
 * A test adds marks itself, by appending a line to the log. Writes of stdio do not pass here (libc
 * calls itself), so such a file appears as x. */
#include "preload.h"

#include <inttypes.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char log_path[PATH_MAX];
static int log_fd = -1;
static struct stat log_stat;

static void die(const char *what)
{
	dprintf(2, "record: %s: %s\n", what, strerror(errno));
	abort();
}

static int call_open(const char *path, int flags)
{
	REAL(int, open, (const char *, int, ...))
	return real_open(path, flags, 0600);
}

/* A program may close descriptors that it does not know, and the number may be another file then. */
static void log_ready(void)
{
	struct stat now;
	if (log_fd >= 0 && !fstat(log_fd, &now) && now.st_ino == log_stat.st_ino &&
	    now.st_dev == log_stat.st_dev)
		return;
	int fd = call_open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &log_stat))
		die(log_path);
	log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 200);
	if (log_fd < 0)
		log_fd = fd;
	else
		close(fd);
}

static void note(const char *head, size_t len, const struct iovec *body, int nbody)
{
	REAL(ssize_t, writev, (int, const struct iovec *, int))
	struct iovec all[66];
	int n = 0;
	size_t want = len;
	all[n++] = (struct iovec){ (void *)(uintptr_t)head, len };
	for (int i = 0; i < nbody; i++) {
		all[n++] = body[i];
		want += body[i].iov_len;
	}
	if (nbody) {
		all[n++] = (struct iovec){ (void *)(uintptr_t) "\n", 1 };
		want++;
	}
	log_ready();
	if (real_writev(log_fd, all, n) != (ssize_t)want)
		die("cannot append to the log");
}

static void notef(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void notef(const char *fmt, ...)
{
	char line[3 * PATH_MAX];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		die("a record is too long");
	note(line, (size_t)n, NULL, 0);
}

__attribute__((constructor)) static void record_start(void)
{
	const char *path = getenv("PAWL_RECORD_LOG");
	if (path && strlen(path) < sizeof(log_path)) {
		memcpy(log_path, path, strlen(path) + 1);
		watch("PAWL_RECORD_DIR");
	}
}

/* `call` and its record are one step for the other threads of this process. */
static void enter(void)
{
	pthread_mutex_lock(&lock);
}
static void leave(void)
{
	int saved = errno;
	pthread_mutex_unlock(&lock);
	errno = saved;
}

/* ---- open ---- */

static bool exists(int dirfd, const char *path)
{
	struct stat st;
	return !fstatat(dirfd, path, &st, 0);
}

static void opened(int fd, int flags, bool existed)
{
	char buf[PATH_MAX];
	struct stat st;
	int saved = errno;
	const char *rel = fd < 0 ? NULL : fd_below(fd, buf, &st);
	if (rel && S_ISREG(st.st_mode)) {
		if ((flags & O_TMPFILE) == O_TMPFILE)
			notef("x O_TMPFILE\n");
		else if ((flags & O_CREAT) && !existed)
			notef("c %ju %s\n", (uintmax_t)st.st_ino, rel);
		else if ((flags & O_ACCMODE) != O_RDONLY)
			notef("o %ju %s\n", (uintmax_t)st.st_ino, rel);
		if (existed && (flags & O_TRUNC))
			notef("t %ju 0\n", (uintmax_t)st.st_ino);
		if (flags & O_DSYNC)
			notef("x O_SYNC\n");
	}
	errno = saved;
}

#define OPEN_BODY(dirfd, call)                                                                     \
	if (!watched_len || !(flags & (O_CREAT | O_ACCMODE | O_TRUNC)))                            \
		return call;                                                                       \
	enter();                                                                                   \
	bool existed = exists(dirfd, path);                                                        \
	int fd = call;                                                                             \
	opened(fd, flags, existed);                                                                \
	leave();                                                                                   \
	return fd;

int open(const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	REAL(int, open, (const char *, int, ...))
	OPEN_BODY(AT_FDCWD, real_open(path, flags, mode))
}
int open64(const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	REAL(int, open64, (const char *, int, ...))
	OPEN_BODY(AT_FDCWD, real_open64(path, flags, mode))
}
int openat(int dirfd, const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	REAL(int, openat, (int, const char *, int, ...))
	OPEN_BODY(dirfd, real_openat(dirfd, path, flags, mode))
}
int openat64(int dirfd, const char *path, int flags, ...)
{
	OPEN_MODE(flags, mode)
	REAL(int, openat64, (int, const char *, int, ...))
	OPEN_BODY(dirfd, real_openat64(dirfd, path, flags, mode))
}
int creat(const char *path, mode_t mode)
{
	return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
int mkstemp(char *template)
{
	REAL(int, mkstemp, (char *))
	enter();
	int fd = real_mkstemp(template);
	opened(fd, O_CREAT | O_RDWR, false);
	leave();
	return fd;
}
int mkostemp(char *template, int flags)
{
	REAL(int, mkostemp, (char *, int))
	enter();
	int fd = real_mkostemp(template, flags);
	opened(fd, O_CREAT | O_RDWR | flags, false);
	leave();
	return fd;
}

static void stdio_opened(FILE *f, const char *how)
{
	char buf[PATH_MAX];
	struct stat st;
	if (f && strpbrk(how, "wa+") && fd_below(fileno(f), buf, &st))
		notef("x stdio writes %s\n", below(buf));
}
FILE *fopen(const char *path, const char *how)
{
	REAL(FILE *, fopen, (const char *, const char *))
	FILE *f = real_fopen(path, how);
	stdio_opened(f, how);
	return f;
}
FILE *fopen64(const char *path, const char *how)
{
	REAL(FILE *, fopen64, (const char *, const char *))
	FILE *f = real_fopen64(path, how);
	stdio_opened(f, how);
	return f;
}
FILE *fdopen(int fd, const char *how)
{
	REAL(FILE *, fdopen, (int, const char *))
	FILE *f = real_fdopen(fd, how);
	stdio_opened(f, how);
	return f;
}

/* ---- bytes ---- */

static bool ours(int fd, struct stat *st)
{
	char buf[PATH_MAX];
	int saved = errno;
	bool yes = fd_below(fd, buf, st) && S_ISREG(st->st_mode);
	errno = saved;
	return yes;
}

static void wrote(const struct stat *st, off_t at, const struct iovec *v, int n, ssize_t done)
{
	if (done <= 0)
		return;
	struct iovec part[64];
	int nparts = 0;
	size_t left = (size_t)done;
	for (int i = 0; i < n && left; i++) {
		if (nparts == 64)
			die("writev of more than 64 parts");
		part[nparts] = v[i];
		if (part[nparts].iov_len > left)
			part[nparts].iov_len = left;
		left -= part[nparts++].iov_len;
	}
	char head[100];
	int len = snprintf(head, sizeof(head), "w %ju %jd %zd\n", (uintmax_t)st->st_ino,
			   (intmax_t)at, done);
	int saved = errno;
	note(head, (size_t)len, part, nparts);
	errno = saved;
}

/* Where the write that just moved the position began. */
static off_t began(int fd, ssize_t done)
{
	return done > 0 ? lseek(fd, 0, SEEK_CUR) - done : 0;
}

#define WRITE_BODY(call, at, v, n)                                                                 \
	struct stat st;                                                                            \
	if (!watched_len || !ours(fd, &st))                                                        \
		return call;                                                                       \
	enter();                                                                                   \
	ssize_t done = call;                                                                       \
	wrote(&st, (at), (v), (n), done);                                                          \
	leave();                                                                                   \
	return done;

ssize_t write(int fd, const void *p, size_t len)
{
	REAL(ssize_t, write, (int, const void *, size_t))
	struct iovec v = { (void *)(uintptr_t)p, len };
	WRITE_BODY(real_write(fd, p, len), began(fd, done), &v, 1)
}
ssize_t writev(int fd, const struct iovec *v, int n)
{
	REAL(ssize_t, writev, (int, const struct iovec *, int))
	WRITE_BODY(real_writev(fd, v, n), began(fd, done), v, n)
}
ssize_t pwrite(int fd, const void *p, size_t len, off_t at)
{
	REAL(ssize_t, pwrite, (int, const void *, size_t, off_t))
	struct iovec v = { (void *)(uintptr_t)p, len };
	WRITE_BODY(real_pwrite(fd, p, len, at), at, &v, 1)
}
ssize_t pwrite64(int fd, const void *p, size_t len, off_t at)
{
	return pwrite(fd, p, len, at);
}
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	REAL(ssize_t, pwritev, (int, const struct iovec *, int, off_t))
	WRITE_BODY(real_pwritev(fd, v, n, at), at, v, n)
}
ssize_t pwritev64(int fd, const struct iovec *v, int n, off_t at)
{
	return pwritev(fd, v, n, at);
}

/* After a call that may have changed a file's size in its own way: what the size is now. */
#define SIZE_BODY(call)                                                                            \
	struct stat st;                                                                            \
	if (!watched_len || !ours(fd, &st))                                                        \
		return call;                                                                       \
	enter();                                                                                   \
	off_t before = st.st_size;                                                                 \
	int rc = call;                                                                             \
	if (!rc && ours(fd, &st) && st.st_size != before)                                          \
		notef("t %ju %jd\n", (uintmax_t)st.st_ino, (intmax_t)st.st_size);                  \
	leave();                                                                                   \
	return rc;

int ftruncate(int fd, off_t size)
{
	REAL(int, ftruncate, (int, off_t))
	SIZE_BODY(real_ftruncate(fd, size))
}
int ftruncate64(int fd, off_t size)
{
	return ftruncate(fd, size);
}
int posix_fallocate(int fd, off_t at, off_t len)
{
	REAL(int, posix_fallocate, (int, off_t, off_t))
	SIZE_BODY(real_posix_fallocate(fd, at, len))
}
int posix_fallocate64(int fd, off_t at, off_t len)
{
	return posix_fallocate(fd, at, len);
}
int fallocate(int fd, int mode, off_t at, off_t len)
{
	REAL(int, fallocate, (int, int, off_t, off_t))
	SIZE_BODY(real_fallocate(fd, mode, at, len))
}
int fallocate64(int fd, int mode, off_t at, off_t len)
{
	return fallocate(fd, mode, at, len);
}
int truncate(const char *path, off_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int rc = ftruncate(fd, size);
	int saved = errno;
	close(fd);
	errno = saved;
	return rc;
}
int truncate64(const char *path, off_t size)
{
	return truncate(path, size);
}

/* What moves bytes past us is written down as such, so that replay refuses instead of guessing. */
#define UNKNOWN_BODY(fd, what)                                                                     \
	struct stat st;                                                                            \
	if (watched_len && ours((fd), &st)) {                                                      \
		enter();                                                                           \
		notef("x %s\n", (what));                                                           \
		leave();                                                                           \
	}

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t len, unsigned flags)
{
	REAL(ssize_t, copy_file_range, (int, off64_t *, int, off64_t *, size_t, unsigned))
	UNKNOWN_BODY(out, "copy_file_range")
	return real_copy_file_range(in, in_at, out, out_at, len, flags);
}
ssize_t sendfile(int out, int in, off_t *at, size_t len)
{
	REAL(ssize_t, sendfile, (int, int, off_t *, size_t))
	UNKNOWN_BODY(out, "sendfile")
	return real_sendfile(out, in, at, len);
}
ssize_t splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t len, unsigned flags)
{
	REAL(ssize_t, splice, (int, off64_t *, int, off64_t *, size_t, unsigned))
	UNKNOWN_BODY(out, "splice")
	return real_splice(in, in_at, out, out_at, len, flags);
}
void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t at)
{
	REAL(void *, mmap, (void *, size_t, int, int, int, off_t))
	if (fd >= 0 && (prot & PROT_WRITE) && (flags & MAP_SHARED)) {
		UNKNOWN_BODY(fd, "a writable shared mapping")
	}
	return real_mmap(addr, len, prot, flags, fd, at);
}
void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t at)
{
	return mmap(addr, len, prot, flags, fd, at);
}

/* ---- flushes ---- */

#define SYNC_BODY(call)                                                                            \
	char buf[PATH_MAX];                                                                        \
	struct stat st;                                                                            \
	if (!fd_below(fd, buf, &st))                                                               \
		return call;                                                                       \
	enter();                                                                                   \
	int rc = call;                                                                             \
	if (!rc)                                                                                   \
		notef("s %ju\n", (uintmax_t)st.st_ino);                                            \
	leave();                                                                                   \
	return rc;

int fsync(int fd)
{
	REAL(int, fsync, (int))
	SYNC_BODY(real_fsync(fd))
}
int fdatasync(int fd)
{
	REAL(int, fdatasync, (int))
	SYNC_BODY(real_fdatasync(fd))
}
void sync(void)
{
	REAL(void, sync, (void))
	real_sync();
	if (watched_len)
		notef("S\n");
}
int syncfs(int fd)
{
	REAL(int, syncfs, (int))
	int rc = real_syncfs(fd);
	if (watched_len && !rc)
		notef("S\n");
	return rc;
}

/* ---- names ---- */

static void two_names(char kind, const char *old, const char *new)
{
	if (old && new)
		notef("%c %s\t%s\n", kind, old, new);
	else if (old || new)
		notef("x %s over the edge of the folder: %s\n", kind == 'r' ? "rename" : "link",
		      old ? old : new);
}

int renameat2(int od, const char *old, int nd, const char *new, unsigned flags)
{
	REAL(int, renameat2, (int, const char *, int, const char *, unsigned))
	char a[PATH_MAX], b[PATH_MAX];
	const char *from = name_below(od, old, a), *to = name_below(nd, new, b);
	enter();
	int rc = real_renameat2(od, old, nd, new, flags);
	if (!rc && (flags & ~1u /* RENAME_NOREPLACE */) && (from || to))
		notef("x renameat2 with flags\n");
	else if (!rc)
		two_names('r', from, to);
	leave();
	return rc;
}
int renameat(int od, const char *old, int nd, const char *new)
{
	return renameat2(od, old, nd, new, 0);
}
int rename(const char *old, const char *new)
{
	return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0);
}
int linkat(int od, const char *old, int nd, const char *new, int flags)
{
	REAL(int, linkat, (int, const char *, int, const char *, int))
	char a[PATH_MAX], b[PATH_MAX];
	const char *from = name_below(od, old, a), *to = name_below(nd, new, b);
	enter();
	int rc = real_linkat(od, old, nd, new, flags);
	if (!rc)
		two_names('l', from, to);
	leave();
	return rc;
}
int link(const char *old, const char *new)
{
	return linkat(AT_FDCWD, old, AT_FDCWD, new, 0);
}

#define NAME_BODY(dirfd, path, call, record)                                                       \
	char buf[PATH_MAX];                                                                        \
	const char *rel = name_below((dirfd), (path), buf);                                        \
	if (!rel)                                                                                  \
		return call;                                                                       \
	enter();                                                                                   \
	int rc = call;                                                                             \
	struct stat st;                                                                            \
	if (!rc) {                                                                                 \
		record;                                                                            \
	}                                                                                          \
	leave();                                                                                   \
	return rc;

int unlinkat(int dirfd, const char *path, int flags)
{
	REAL(int, unlinkat, (int, const char *, int))
	NAME_BODY(dirfd, path, real_unlinkat(dirfd, path, flags), (void)st; notef("u %s\n", rel))
}
int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}
int rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}
int remove(const char *path)
{
	int rc = unlink(path);
	return rc && errno == EISDIR ? rmdir(path) : rc;
}
int mkdirat(int dirfd, const char *path, mode_t mode)
{
	REAL(int, mkdirat, (int, const char *, mode_t))
	NAME_BODY(dirfd, path, real_mkdirat(dirfd, path, mode),
		  if (!fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW))
			  notef("d %ju %s\n", (uintmax_t)st.st_ino, rel))
}
int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}
char *mkdtemp(char *template)
{
	REAL(char *, mkdtemp, (char *))
	char *made = real_mkdtemp(template);
	char buf[PATH_MAX];
	struct stat st;
	const char *rel = made ? name_below(AT_FDCWD, made, buf) : NULL;
	if (rel && !stat(made, &st))
		notef("d %ju %s\n", (uintmax_t)st.st_ino, rel);
	return made;
}
int symlinkat(const char *target, int dirfd, const char *path)
{
	REAL(int, symlinkat, (const char *, int, const char *))
	NAME_BODY(dirfd, path, real_symlinkat(target, dirfd, path),
		  if (!fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW))
			  notef("y %ju %s\t%s\n", (uintmax_t)st.st_ino, target, rel))
}
int symlink(const char *target, const char *path)
{
	return symlinkat(target, AT_FDCWD, path);
}
