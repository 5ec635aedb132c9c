/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files: whole reads and writes with limits, folders, and the home. */
#ifndef PAWL_BASE_FS_H
#define PAWL_BASE_FS_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>

/* The whole file, at most `max` bytes; *ret is NUL-terminated and yours. */
enum err_code fs_read(const char *path, size_t max, char **ret, size_t *ret_len,
		      struct err *err) MUST_CHECK;
/* Write to a temporary file beside it, fsync, rename, fsync the folder: after a crash there is the
 * old file or the new one. */
enum err_code fs_write(const char *path, const void *p, size_t len, mode_t mode,
		       struct err *err) MUST_CHECK;
enum err_code fs_mkdirs(const char *path, mode_t mode, struct err *err) MUST_CHECK;
/* Remove a folder and all in it; does not follow links; a missing one is fine. */
enum err_code fs_rmtree(const char *path, struct err *err) MUST_CHECK;
/* All bytes, through EINTR and short writes. False with errno set. */
bool fs_write_all(int fd, const void *p, size_t len);
bool fs_exists(const char *path);
/* Bytes that a folder and all below it take on disk, links not followed and other file systems left out. What
 * cannot be read counts as nothing. Takes as long as there are files. */
int64_t fs_disk_used(const char *path);
/* Absolute path of `path` against `base`, "." and ".." resolved as text; yours. */
char *fs_absolute(const char *base, const char *path);

/* The home: --home, $PAWL_HOME (or $MEMORY_STORAGE_ROOT), else $XDG_STATE_HOME/pawl or
 * ~/.local/state/pawl. Checked: absolute, a folder that can be written or made, not in /proc, /sys or
 * /dev. *ret is yours. With `create` it is made, mode 0700. */
enum err_code fs_home(const char *option, bool create, char **ret, struct err *err) MUST_CHECK;
/* Name of the kind of a network file system that `path` is on ("nfs"), NULL when it is local. */
const char *fs_network_kind(const char *path);

#endif
