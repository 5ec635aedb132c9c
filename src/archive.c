/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl-archive: the file that carries a run, a tar archive (pax) compressed by zstd, made and taken apart with
 * libarchive. A program of its own, so that the engine starts without a dozen libraries that it seldom needs, and
 * so that a malicious archive meets a process that has nothing.
 *
 *   pawl-archive pack FILE            members come on stdin: name, path and size, each ended by a NUL
 *   pawl-archive unpack FILE FOLDER BYTES FILES
 *                                     into an empty folder, at most so many bytes and files
 *
 * Exit status: 0; else what err_exit_status() gives for the error, which is told on stderr as "NAME: message". */
#include "base/err.h"
#include "base/fs.h"
#include "base/language.h"
#include "base/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN_MAX 200
#define LIST_MAX ((size_t)256 * MIB)
#define BLOCK ((size_t)256 * KIB)

static enum err_code broken(struct archive *a, enum err_code otherwise, const char *what, struct err *err)
{
	int number = archive_errno(a);
	enum err_code code = number == ENOSPC || number == EDQUOT ? ERR_STORAGE : otherwise;
	const char *why = archive_error_string(a);
	return err_set(err, code, "%s: %s", what, why ? why : _("no reason is given"));
}

/* Plain components of letters, digits, '.', '-', '_' and '+', none of which begins with a dot: no such name leads
 * out of a folder, or is special in one. */
static bool name_is_good(const char *name)
{
	size_t len = strlen(name);
	bool begins = true;
	if (!len || len > NAME_LEN_MAX || name[len - 1] == '/')
		return false;
	for (const char *p = name; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			     *p == '-' || *p == '_' || *p == '+';
		if (!plain && (begins || (*p != '.' && *p != '/')))
			return false;
		begins = *p == '/';
	}
	return true;
}

/* ---- packing ---- */

static enum err_code copy_in(struct archive *a, int fd, const char *path, int64_t size, struct err *err)
{
	auto_free char *block = xmalloc(BLOCK);
	while (size > 0) {
		ssize_t n = read(fd, block, MIN(BLOCK, (size_t)size));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? err_sys(err, ERR_IO, _("cannot read %s"), path) :
				   err_set(err, ERR_CONFLICT, _("%s got shorter while it was read"), path);
		if (archive_write_data(a, block, (size_t)n) != n)
			return broken(a, ERR_IO, _("cannot write the archive"), err);
		size -= n;
	}
	return ERR_OK;
}

static enum err_code pack_one(struct archive *a, const char *name, const char *path, int64_t size, struct err *err)
{
	if (!name_is_good(name))
		return err_set(err, ERR_INTERNAL, _("no member may be called %s"), name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		enum err_code code = err_sys(err, ERR_IO, _("cannot read %s"), path);
		if (fd >= 0)
			(void)close(fd);
		return code;
	}
	struct archive_entry *e = archive_entry_new();
	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0600);
	archive_entry_set_size(e, size);
	archive_entry_set_mtime(e, st.st_mtime, 0);
	enum err_code code = ERR_OK;
	if (archive_write_header(a, e) != ARCHIVE_OK)
		code = broken(a, ERR_IO, _("cannot write the archive"), err);
	if (!code)
		code = copy_in(a, fd, path, size, err);
	archive_entry_free(e);
	(void)close(fd);
	return code;
}

static enum err_code read_list(struct str *list, struct err *err)
{
	for (;;) {
		str_reserve(list, 64 * KIB);
		ssize_t n = read(0, list->p + list->len, 64 * KIB);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read the list of members"));
		if (n == 0)
			return ERR_OK;
		list->len += (size_t)n;
		list->p[list->len] = '\0';
		if (list->len > LIST_MAX)
			return err_set(err, ERR_TOO_LARGE, _("there are too many members"));
	}
}

static enum err_code pack_all(struct archive *a, const struct str *list, struct err *err)
{
	enum err_code code = ERR_OK;
	for (size_t at = 0; at < list->len && !code;) {
		const char *name = list->p + at;
		const char *path = name + strlen(name) + 1;
		const char *size = path < list->p + list->len ? path + strlen(path) + 1 : path;
		if (size >= list->p + list->len)
			return err_set(err, ERR_INTERNAL, _("the list of members ends early"));
		code = pack_one(a, name, path, strtoll(size, NULL, 10), err);
		at = (size_t)(size - list->p) + strlen(size) + 1;
	}
	return code;
}

static enum err_code pack(const char *file, struct err *err)
{
	auto_str list = STR_INIT;
	enum err_code code = read_list(&list, err);
	if (code)
		return code;
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot make %s"), file);
	struct archive *a = archive_write_new();
	/* A warning means that another program would compress: that is not what we are. */
	if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK || archive_write_add_filter_zstd(a) != ARCHIVE_OK ||
	    archive_write_open_fd(a, fd) != ARCHIVE_OK)
		code = broken(a, ERR_UNSUPPORTED, _("this libarchive cannot write zstd"), err);
	if (!code)
		code = pack_all(a, &list, err);
	if (!code && archive_write_close(a) != ARCHIVE_OK)
		code = broken(a, ERR_IO, _("cannot write the archive"), err);
	(void)archive_write_free(a);
	(void)close(fd);
	return code;
}

/* ---- unpacking ---- */

struct room {
	int64_t bytes, files; /* that are still allowed */
};

static enum err_code make_folders(int folder, const char *name, struct err *err)
{
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		auto_free char *part = xstrndup(name, (size_t)(slash - name));
		if (mkdirat(folder, part, 0700) && errno != EEXIST)
			return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_INVALID, _("cannot make the folder %s"), part);
	}
	return ERR_OK;
}

static enum err_code copy_out(struct archive *a, int fd, const char *name, struct room *room, struct err *err)
{
	auto_free char *block = xmalloc(BLOCK);
	for (;;) {
		ssize_t n = archive_read_data(a, block, BLOCK);
		if (n < 0)
			return broken(a, ERR_INVALID, _("the archive is damaged"), err);
		if (n == 0)
			return ERR_OK;
		room->bytes -= n;
		if (room->bytes < 0)
			return err_set(err, ERR_TOO_LARGE, _("the archive is larger than what is allowed"));
		if (!fs_write_all(fd, block, (size_t)n))
			return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot write %s"), name);
	}
}

static enum err_code unpack_one(struct archive *a, struct archive_entry *e, int folder, struct room *room,
				struct err *err)
{
	const char *name = archive_entry_pathname(e);
	if (!name || !name_is_good(name))
		return err_set(err, ERR_INVALID, _("the archive has a member whose name is not allowed"));
	if (archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) || archive_entry_symlink(e))
		return err_set(err, ERR_INVALID, _("%s in the archive is no plain file"), name);
	if (--room->files < 0)
		return err_set(err, ERR_TOO_LARGE, _("the archive has more files than are allowed"));
	if (archive_entry_size(e) > room->bytes)
		return err_set(err, ERR_TOO_LARGE, _("the archive is larger than what is allowed"));
	enum err_code code = make_folders(folder, name, err);
	if (code)
		return code;
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && errno == EEXIST)
		return err_set(err, ERR_INVALID, _("%s is twice in the archive"), name);
	if (fd < 0)
		return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_INVALID, _("cannot write %s"), name);
	code = copy_out(a, fd, name, room, err);
	(void)close(fd);
	return code;
}

static enum err_code unpack_all(struct archive *a, int folder, struct room *room, struct err *err)
{
	for (;;) {
		struct archive_entry *e;
		int rc = archive_read_next_header(a, &e);
		if (rc == ARCHIVE_EOF)
			return ERR_OK;
		if (rc != ARCHIVE_OK)
			return broken(a, ERR_INVALID, _("the archive is damaged"), err);
		enum err_code code = unpack_one(a, e, folder, room, err);
		if (code)
			return code;
	}
}

static enum err_code unpack(const char *file, const char *into, struct room *room, struct err *err)
{
	int folder = open(into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return err_sys(err, ERR_IO, _("cannot open %s"), into);
	struct archive *a = archive_read_new();
	enum err_code code = ERR_OK;
	if (archive_read_support_format_tar(a) != ARCHIVE_OK || archive_read_support_filter_zstd(a) != ARCHIVE_OK)
		code = broken(a, ERR_UNSUPPORTED, _("this libarchive cannot read zstd"), err);
	if (!code && archive_read_open_filename(a, file, BLOCK) != ARCHIVE_OK)
		code = broken(a, ERR_INVALID, _("this is no archive that pawl wrote"), err);
	if (!code)
		code = unpack_all(a, folder, room, err);
	(void)archive_read_free(a);
	(void)close(folder);
	return code;
}

int main(int argc, char **argv)
{
	language_begin();
	struct err err = { .code = ERR_OK };
	enum err_code code;
	if (argc == 3 && str_eq(argv[1], "pack")) {
		code = pack(argv[2], &err);
	} else if (argc == 6 && str_eq(argv[1], "unpack")) {
		struct room room = { strtoll(argv[4], NULL, 10), strtoll(argv[5], NULL, 10) };
		code = unpack(argv[2], argv[3], &room, &err);
	} else {
		code = err_set(&err, ERR_USAGE, _("usage: pawl-archive pack FILE | unpack FILE FOLDER BYTES FILES"));
	}
	if (code)
		(void)fprintf(stderr, "%s: %s\n", err_name(code), err.message);
	return code ? err_exit_status(code) : 0;
}
