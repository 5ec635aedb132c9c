/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static void close_p(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}
#define auto_fd CLEANUP(close_p) int

enum err_code fs_read(const char *path, size_t max, char **ret, size_t *ret_len, struct err *err)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && !*path)
		return err_set(err, ERR_NOT_FOUND, _("there is no file without a name"));
	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, _("cannot read %s"), path);
	struct stat st;
	if (fstat(fd, &st) || S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, _("cannot read %s: it is not a file"), path);
	auto_str s = STR_INIT;
	for (;;) {
		str_reserve(&s, 64 * KIB);
		ssize_t n = read(fd, s.p + s.len, 64 * KIB);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read %s"), path);
		if (n == 0)
			break;
		s.len += (size_t)n;
		s.p[s.len] = '\0';
		if (s.len > max)
			return err_set(err, ERR_TOO_LARGE, _("%s is larger than %zu bytes"), path, max);
	}
	if (ret_len)
		*ret_len = s.len;
	*ret = str_take(&s);
	return ERR_OK;
}

bool fs_write_all(int fd, const void *p, size_t len)
{
	const char *at = p;
	while (len) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static enum err_code sync_folder_of(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) :
				      xstrdup(".");
	auto_fd fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		return err_sys(err, ERR_IO, _("cannot make %s durable"), path);
	return ERR_OK;
}

enum err_code fs_write(const char *path, const void *p, size_t len, mode_t mode, struct err *err)
{
	auto_free char *tmp = xasprintf("%s.%ld.tmp", path, (long)getpid());
	auto_fd fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot write %s"), path);
	if (!fs_write_all(fd, p, len) || fsync(fd) || rename(tmp, path)) {
		enum err_code code = err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE : ERR_IO,
					     _("cannot write %s"), path);
		(void)unlink(tmp); /* nothing more can be done about it */
		return code;
	}
	return sync_folder_of(path, err);
}

enum err_code fs_mkdirs(const char *path, mode_t mode, struct err *err)
{
	auto_free char *p = xstrdup(path);
	for (char *slash = p + 1; *slash; slash++) {
		if (*slash != '/')
			continue;
		*slash = '\0';
		if (mkdir(p, mode) && errno != EEXIST)
			return err_sys(err, ERR_IO, _("cannot make the folder %s"), p);
		*slash = '/';
	}
	if (mkdir(p, mode) && errno != EEXIST)
		return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot make the folder %s"),
			       p);
	struct stat st;
	if (stat(p, &st) || !S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, _("%s is not a folder"), p);
	return ERR_OK;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int kind UNUSED,
		      struct FTW *ftw UNUSED)
{
	return remove(path);
}

enum err_code fs_rmtree(const char *path, struct err *err)
{
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) && errno != ENOENT)
		return err_sys(err, ERR_IO, _("cannot remove %s"), path);
	return ERR_OK;
}

bool fs_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

char *fs_absolute(const char *base, const char *path)
{
	auto_str s = STR_INIT;
	if (path[0] != '/') {
		str_add(&s, base);
		str_add_char(&s, '/');
	}
	str_add(&s, path);
	char *out = xmalloc(s.len + 2);
	size_t n = 0;
	for (char *save = NULL, *part = strtok_r(s.p, "/", &save); part;
	     part = strtok_r(NULL, "/", &save)) {
		if (str_eq(part, "."))
			continue;
		if (str_eq(part, "..")) {
			while (n > 0 && out[--n] != '/')
				;
			continue;
		}
		out[n++] = '/';
		size_t len = strlen(part);
		memcpy(out + n, part, len);
		n += len;
	}
	if (n == 0)
		out[n++] = '/';
	out[n] = '\0';
	return out;
}

enum err_code fs_home(const char *option, bool create, char **ret, struct err *err)
{
	const char *from = "--home", *path = option;
	if (!path) {
		from = "PAWL_HOME";
		path = getenv("PAWL_HOME");
	}
	if (!path) {
		from = "MEMORY_STORAGE_ROOT";
		path = getenv("MEMORY_STORAGE_ROOT");
	}
	auto_free char *made = NULL;
	if (!path) {
		const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
		from = "HOME";
		if (state && state[0] == '/')
			path = made = xasprintf("%s/pawl", state);
		else if (home && home[0] == '/')
			path = made = xasprintf("%s/.local/state/pawl", home);
		else
			return err_set(err, ERR_USAGE, _("no home: set PAWL_HOME to a folder for pawl's data"));
	}
	if (!path[0])
		return err_set(err, ERR_USAGE, _("%s is empty; it must name a folder"), from);
	if (path[0] != '/')
		return err_set(err, ERR_USAGE, _("%s is \"%s\"; it must be an absolute path"), from, path);
	if (create) {
		enum err_code code = fs_mkdirs(path, 0700, err);
		if (code)
			return code;
	}
	char *real = realpath(path, NULL);
	if (!real && create)
		return err_sys(err, ERR_IO, _("%s is \"%s\""), from, path);
	if (!real)
		real = fs_absolute("/", path);
	static const char *const never[] = { "/proc", "/sys", "/dev" };
	for (size_t i = 0; i < COUNT(never); i++) {
		size_t len = strlen(never[i]);
		if (strncmp(real, never[i], len) == 0 && (real[len] == '/' || !real[len]) &&
		    !str_starts(real, "/dev/shm/")) {
			enum err_code code =
				err_set(err, ERR_USAGE, _("%s is \"%s\", inside %s: pawl's data cannot live there"),
					from, path, never[i]);
			free(real);
			return code;
		}
	}
	struct stat st;
	if (stat(real, &st) == 0 && (!S_ISDIR(st.st_mode) || access(real, R_OK | W_OK | X_OK))) {
		enum err_code code = S_ISDIR(st.st_mode)
					     ? err_sys(err, ERR_USAGE, _("%s is \"%s\", which cannot be written into"), from, path)
					     : err_set(err, ERR_USAGE, _("%s is \"%s\": not a folder"), from, path);
		free(real);
		return code;
	}
	if (create && stat(real, &st) == 0 && (st.st_mode & S_IWOTH)) {
		enum err_code code = err_set(err, ERR_USAGE, _("%s is \"%s\": others can write into it"), from, path);
		err_hint(err, _("chmod o-w %s"), real);
		free(real);
		return code;
	}
	*ret = real;
	return ERR_OK;
}

int64_t fs_disk_used(const char *path)
{
	char *root = xstrdup(path), *roots[] = { root, NULL };
	int64_t bytes = 0;
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	for (FTSENT *i; walk && (i = fts_read(walk));)
		if (i->fts_info == FTS_F || i->fts_info == FTS_D)
			bytes += (int64_t)i->fts_statp->st_blocks * 512;
	if (walk)
		(void)fts_close(walk);
	free(root);
	return bytes;
}

const char *fs_network_kind(const char *path)
{
	/* clang-format off */
	static const struct {
		unsigned int magic;
		const char *name;
	} kinds[] = {
		{ 0x6969, "nfs" }, { 0x517b, "smb" }, { 0xff534d42, "cifs" }, { 0xfe534d42, "smb2" },
		{ 0x01021997, "9p" }, { 0x00c36400, "ceph" }, { 0x5346414f, "afs" },
		{ 0x65735546, "fuse" }, { 0x0bd00bd0, "lustre" }, { 0x47504653, "gpfs" },
	};
	/* clang-format on */
	struct statfs fs;
	if (statfs(path, &fs))
		return NULL;
	for (size_t i = 0; i < COUNT(kinds); i++)
		if ((unsigned int)fs.f_type == kinds[i].magic)
			return kinds[i].name;
	return NULL;
}
