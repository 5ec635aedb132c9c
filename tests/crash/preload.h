/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two preloaded libraries share: the real calls, and which files they are about. */
#ifndef PAWL_TESTS_CRASH_PRELOAD_H
#define PAWL_TESTS_CRASH_PRELOAD_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* `REAL(int, close, (int));` declares real_close: the next definition of close, found when needed. */
#define REAL(type, name, args)                                                                     \
	static type(*real_##name) args;                                                            \
	if (!real_##name) {                                                                        \
		void *found_ = dlsym(RTLD_NEXT, #name);                                            \
		memcpy(&real_##name, &found_, sizeof(found_));                                     \
	}

/* The folder that is watched: absolute, without a slash at its end. Empty: nothing is watched. */
static char watched[PATH_MAX];
static size_t watched_len;

static void watch(const char *variable)
{
	const char *dir = getenv(variable);
	if (!dir || !realpath(dir, watched))
		watched[0] = '\0';
	watched_len = strlen(watched);
}

/* The part of an absolute path below the watched folder ("" is the folder itself), or NULL. */
static const char *below(const char *path)
{
	if (!watched_len || strncmp(path, watched, watched_len) != 0)
		return NULL;
	if (path[watched_len] == '\0')
		return path + watched_len;
	return path[watched_len] == '/' ? path + watched_len + 1 : NULL;
}

/* Where an open file or folder was opened, below the watched folder; NULL for all else. Safe in a
 * signal handler. The kernel appends " (deleted)" to what has no name any more. */
static const char *fd_below(int fd, char buf[PATH_MAX], struct stat *st)
{
	if (!watched_len || fstat(fd, st) || (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode)))
		return NULL;
	char proc[40];
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(proc, buf, PATH_MAX - 1);
	if (n <= 0)
		return NULL;
	buf[n] = '\0';
	return below(buf);
}

/* The same for a name that need not exist: its folder is resolved, its last part is kept. */
static const char *name_below(int dirfd, const char *path, char buf[PATH_MAX])
{
	if (!watched_len || !path || !*path)
		return NULL;
	char whole[PATH_MAX + 40];
	if (path[0] != '/' && dirfd != AT_FDCWD)
		(void)snprintf(whole, sizeof(whole), "/proc/self/fd/%d/%s", dirfd, path);
	else
		(void)snprintf(whole, sizeof(whole), "%s%s", path[0] == '/' ? "" : "./", path);
	size_t len = strlen(whole);
	while (len > 1 && whole[len - 1] == '/')
		whole[--len] = '\0';
	char *slash = strrchr(whole, '/');
	char last[NAME_MAX + 1];
	if (!slash || strlen(slash + 1) > NAME_MAX)
		return NULL;
	(void)snprintf(last, sizeof(last), "%.*s", NAME_MAX, slash + 1);
	*(slash == whole ? slash + 1 : slash) = '\0';
	if (!realpath(whole, buf))
		return NULL;
	len = strlen(buf);
	if (len + 1 + strlen(last) >= PATH_MAX)
		return NULL;
	(void)snprintf(buf + len, PATH_MAX - len, "%s%s", buf[len - 1] == '/' ? "" : "/", last);
	return below(buf);
}

/* The mode argument of open(), which is there only when something may be created. */
#define OPEN_MODE(flags, mode)                                                                     \
	mode_t mode = 0;                                                                           \
	if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                   \
		va_list ap_;                                                                       \
		va_start(ap_, flags);                                                              \
		mode = va_arg(ap_, mode_t);                                                        \
		va_end(ap_);                                                                       \
	}

#endif
