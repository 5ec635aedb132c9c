/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots as they travel from store to store: one pack of git's. What comes from elsewhere is looked at in a
 * store of its own before it may join another. */
#include "space/internal.h"

#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define OBJECT_MAX ((size_t)256 * MIB) /* of one tree */

static enum err_code list_file(const char *const *trees, size_t n, int *ret, struct err *err)
{
	auto_str text = STR_INIT;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < n && !code; i++) {
		code = check_id(trees[i], err);
		str_addf(&text, "%s\n", trees[i]);
	}
	if (code)
		return code;
	*ret = git_memory(str_text(&text), text.len);
	return *ret < 0 ? err_sys(err, ERR_IO, _("cannot list the snapshots")) : ERR_OK;
}

static enum err_code pour(struct git_proc *proc, int fd, const char *path, struct err *err)
{
	auto_free char *block = xmalloc(256 * KIB);
	for (;;) {
		ssize_t n = read(proc->out, block, 256 * KIB);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read what git %s answers"), proc->verb);
		if (n == 0)
			return git_finish(proc, err);
		if (!fs_write_all(fd, block, (size_t)n))
			return err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE : ERR_IO, _("cannot write %s"),
				       path);
	}
}

enum err_code space_pack(const char *store, const char *const *trees, size_t n, const char *path, struct err *err)
{
	auto_place place = PLACE_INIT;
	auto_git proc = GIT_PROC_INIT;
	auto_fd list = -1;
	enum err_code code = list_file(trees, n, &list, err);
	if (!code)
		code = place_open(&place, store, NULL, false, false, err);
	if (code)
		return code;
	auto_fd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, ERR_IO, _("cannot make %s"), path);
	static const char *const args[] = { "pack-objects", "--revs", "--stdout", "--quiet", "--threads=1", NULL };
	code = git_start(&proc, &place.git, args, list, false, err);
	return code ? code : pour(&proc, fd, path, err);
}

/* ---- what comes from elsewhere ---- */

/* A name that a tree may have: no way out of a folder, and nothing that git itself would obey. */
static bool entry_is_good(const char *name, size_t len)
{
	if (!len || memchr(name, '/', len))
		return false;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return false;
	return !(len == 4 && strncasecmp(name, ".git", 4) == 0);
}

/* "MODE NAME\0" and 20 bytes, repeated. */
static bool tree_is_good(const char *p, size_t len)
{
	while (len) {
		const char *space = memchr(p, ' ', len), *end = memchr(p, '\0', len);
		if (!space || !end || space > end || (size_t)(end - p) + 21 > len)
			return false;
		long mode = strtol(p, NULL, 8);
		bool known = mode == 040000 || mode == 0100644 || mode == 0100755 || mode == 0120000;
		if (!known || !entry_is_good(space + 1, (size_t)(end - space) - 1))
			return false;
		len -= (size_t)(end - p) + 21;
		p = end + 21;
	}
	return true;
}

/* The ids of all trees, a line each. */
static enum err_code all_trees(const struct git *git, struct str *ids, struct err *err)
{
	static const char *const args[] = { "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)",
					    NULL };
	auto_str all = STR_INIT;
	enum err_code code = git_capture(git, args, -1, SPACE_META_MAX * 4, &all, err);
	for (const char *p = code ? "" : str_text(&all); *p;) {
		size_t len = strcspn(p, "\n");
		if (str_starts(p, "tree "))
			str_add_len(ids, p + 5, len - 5 + (p[len] == '\n'));
		p += len + (p[len] == '\n');
	}
	return code;
}

static bool read_all(FILE *f, char *p, size_t len)
{
	return fread(p, 1, len, f) == len;
}

static enum err_code check_answers(FILE *f, struct err *err)
{
	char head[128];
	auto_str tree = STR_INIT;
	while (fgets(head, sizeof(head), f)) {
		size_t size = 0;
		if (sscanf(head, "%*s tree %zu", &size) != 1 || size > OBJECT_MAX)
			return err_set(err, ERR_INVALID, _("the snapshots cannot be read"));
		str_clear(&tree);
		str_reserve(&tree, size + 1);
		if (!read_all(f, tree.p, size + 1)) /* and the line end behind it */
			return err_set(err, ERR_INVALID, _("the snapshots cannot be read"));
		if (!tree_is_good(tree.p, size))
			return err_set(err, ERR_INVALID, _("a snapshot has names that are not allowed"));
	}
	return ERR_OK;
}

static enum err_code check_trees(const struct git *git, struct err *err)
{
	auto_str ids = STR_INIT;
	enum err_code code = all_trees(git, &ids, err);
	if (code)
		return code;
	auto_fd list = git_memory(str_text(&ids), ids.len);
	auto_git proc = GIT_PROC_INIT;
	static const char *const args[] = { "cat-file", "--batch", NULL };
	if (list < 0)
		return err_sys(err, ERR_IO, _("cannot list the snapshots"));
	code = git_start(&proc, git, args, list, false, err);
	if (code)
		return code;
	FILE *f = fdopen(dup(proc.out), "r");
	if (!f)
		return err_sys(err, ERR_IO, _("cannot read what git %s answers"), proc.verb);
	code = check_answers(f, err);
	(void)fclose(f);
	return code ? code : git_finish(&proc, err);
}

/* All that the trees reach is there. */
static enum err_code check_whole(struct place *place, const char *const *trees, size_t n, struct err *err)
{
	auto_fd list = -1;
	enum err_code code = list_file(trees, n, &list, err);
	static const char *const args[] = { "rev-list", "--objects", "--quiet", "--stdin", NULL };
	if (!code)
		code = git_capture(&place->git, args, list, 4 * KIB, NULL, err);
	for (size_t i = 0; i < n && !code; i++) {
		auto_meta meta = META_INIT;
		code = meta_read(place, trees[i], &meta, err);
	}
	return code;
}

enum err_code space_unpack(const char *path, const char *const *trees, size_t n, const char *into, struct err *err)
{
	auto_place place = PLACE_INIT;
	auto_fd pack = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (pack < 0)
		return err_sys(err, ERR_IO, _("cannot read %s"), path);
	static const char *const args[] = { "index-pack", "--stdin", "--threads=1", NULL };
	enum err_code code = place_open(&place, into, NULL, true, false, err);
	if (!code)
		code = git_capture(&place.git, args, pack, 4 * KIB, NULL, err);
	if (!code)
		code = check_trees(&place.git, err);
	if (!code)
		code = check_whole(&place, trees, n, err);
	if (code == ERR_IO || code == ERR_NOT_FOUND || code == ERR_VERSION) {
		struct err why = err ? *err : (struct err){ .code = code };
		return err_set(err, ERR_INVALID, _("the snapshots are not what they should be: %s"), why.message);
	}
	return code;
}

static int by_need(const void *a, const void *b)
{
	/* A pack without its index is not seen: the index comes last. */
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	bool xi = strstr(x, ".idx") != NULL, yi = strstr(y, ".idx") != NULL;
	return (int)xi - (int)yi;
}

enum err_code space_join(const char *from, const char *store, struct err *err)
{
	auto_place place = PLACE_INIT;
	enum err_code code = place_open(&place, store, NULL, true, false, err);
	auto_free char *source = xasprintf("%s/objects/pack", from), *target = xasprintf("%s/objects/pack", store);
	char *names[64];
	size_t n = 0;
	DIR *d = code ? NULL : opendir(source);
	for (const struct dirent *i; d && (i = readdir(d)) && n < COUNT(names);)
		if (i->d_name[0] != '.')
			names[n++] = xstrdup(i->d_name);
	if (d)
		(void)closedir(d);
	qsort(names, n, sizeof(*names), by_need);
	if (!code && mkdir(target, 0700) && errno != EEXIST)
		code = err_sys(err, ERR_IO, _("cannot make the folder %s"), target);
	for (size_t i = 0; i < n; i++) {
		auto_free char *old = xasprintf("%s/%s", source, names[i]), *new = xasprintf("%s/%s", target, names[i]);
		if (!code && rename(old, new))
			code = err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot make %s"), new);
		free(names[i]);
	}
	return code;
}
