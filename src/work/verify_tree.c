/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of the workspace. The kernel itself sees to it that no path, whatever links are in it, leads out of it
 * (openat2(2), RESOLVE_BENEATH), also while somebody changes them. */
#include "work/verify.h"

#include "space/git.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEPTH_MAX 100
#define STATUS_MAX (64 * MIB)

enum err_code tree_open(struct verify *v, struct err *err)
{
	v->root = open(v->workspace, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (v->root < 0)
		return err_sys(err, ERR_IO, _("cannot open the workspace %s"), v->workspace);
	int probe = tree_open_at(v, ".", O_PATH | O_DIRECTORY);
	if (probe < 0)
		return err_sys(err, ERR_UNSUPPORTED, _("cannot look into the workspace with openat2"));
	(void)close(probe);
	return ERR_OK;
}

int tree_open_at(const struct verify *v, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(unsigned int)flags | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	return (int)syscall(SYS_openat2, v->root, *path ? path : ".", &how, sizeof(how));
}

/* ---- reading ---- */

static enum tree_why why_not(int why)
{
	switch (why) {
	case ENOENT:
	case ENOTDIR:
		return TREE_MISSING;
	case EXDEV:
		return TREE_OUTSIDE;
	default:
		return TREE_REFUSED;
	}
}

static bool read_bytes(int fd, struct tree_file *ret)
{
	ret->bytes = xmalloc((size_t)ret->size + 1);
	while (ret->len < (size_t)ret->size) {
		ssize_t n = read(fd, ret->bytes + ret->len, (size_t)ret->size - ret->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			break; /* it has become shorter */
		ret->len += (size_t)n;
	}
	ret->bytes[ret->len] = '\0';
	return true;
}

void tree_read(const struct verify *v, const char *path, int64_t max, struct tree_file *ret)
{
	struct stat st;
	*ret = (struct tree_file){ .why = TREE_READ };
	/* Not to wait for the other end of a named pipe. */
	auto_fd fd = tree_open_at(v, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		ret->why = why_not(errno);
		return;
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		ret->why = TREE_NO_FILE;
		return;
	}
	ret->size = st.st_size;
	if (st.st_size > max)
		ret->why = TREE_LARGE;
	else if (!read_bytes(fd, ret))
		ret->why = TREE_REFUSED;
	if (ret->why != TREE_READ) {
		free(TAKE(ret->bytes));
		ret->len = 0;
	}
}

void tree_file_done(struct tree_file *f)
{
	free(f->bytes);
	*f = (struct tree_file){ 0 };
}

/* ---- all files ---- */

struct walk {
	struct verify *v;
	struct str path;
	size_t cap;
};

static enum err_code walk_folder(struct walk *w, size_t depth, struct err *err);

static enum err_code walk_entry(struct walk *w, int folder, const char *name, size_t depth, struct err *err)
{
	struct verify *v = w->v;
	struct stat st;
	size_t before = w->path.len;
	if (str_eq(name, ".") || str_eq(name, "..") || str_eq(name, ".git"))
		return ERR_OK;
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
		return ERR_OK; /* it is gone again */
	str_addf(&w->path, "%s%s", before ? "/" : "", name);
	enum err_code code = ERR_OK;
	if (S_ISDIR(st.st_mode)) {
		code = walk_folder(w, depth + 1, err);
	} else if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) {
		if (v->nfiles == VERIFY_FILES_MAX)
			code = err_set(err, ERR_TOO_LARGE, _("the workspace has more than %d files"), VERIFY_FILES_MAX);
		GROW(v->files, v->nfiles, w->cap);
		if (!code)
			v->files[v->nfiles++] = xstrdup(w->path.p);
	}
	str_cut(&w->path, before);
	return code;
}

static enum err_code walk_folder(struct walk *w, size_t depth, struct err *err)
{
	enum err_code code = ERR_OK;
	if (depth > DEPTH_MAX)
		return err_set(err, ERR_TOO_LARGE, _("the workspace has folders more than %d deep"), DEPTH_MAX);
	int fd = tree_open_at(w->v, str_text(&w->path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return errno == ENOENT ? ERR_OK : err_sys(err, ERR_IO, _("cannot read the folder %s"), str_text(&w->path));
	}
	for (const struct dirent *e; !code && (e = readdir(dir));)
		code = walk_entry(w, fd, e->d_name, depth, err);
	(void)closedir(dir);
	return code;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

enum err_code tree_files(struct verify *v, struct err *err)
{
	struct walk w = { .v = v };
	if (v->files_known)
		return ERR_OK;
	enum err_code code = walk_folder(&w, 0, err);
	str_done(&w.path);
	if (!code && v->nfiles)
		qsort(v->files, v->nfiles, sizeof(*v->files), by_name);
	v->files_known = !code;
	return code;
}

/* ---- what was changed ---- */

static void add_changed(struct verify *v, size_t *cap, const char *path)
{
	GROW(v->changed, v->nchanged, *cap);
	v->changed[v->nchanged++] = xstrdup(path);
}

/* `git status --porcelain -z`: "XY PATH", NUL; a rename has the old path behind it. */
static void take_status(struct verify *v, const struct str *text)
{
	size_t cap = 0;
	const char *at = text->p, *end = text->p + text->len;
	while (at && at < end) {
		size_t len = strlen(at);
		if (len > 3) {
			add_changed(v, &cap, at + 3);
			if (at[0] == 'R' || at[0] == 'C') {
				at += len + 1;
				len = at < end ? strlen(at) : 0;
				if (len && at[0])
					add_changed(v, &cap, at);
			}
		}
		at += len + 1;
	}
}

static enum err_code ask_git(struct verify *v, struct err *err)
{
	auto_free char *dir = xasprintf("%s/.git", v->workspace);
	auto_str text = STR_INIT;
	const struct git git = { .dir = dir, .work = v->workspace, .foreign = true };
	static const char *const args[] = { "status", "--porcelain=v1", "-z", "--untracked-files=all",
					    "--ignore-submodules=none", NULL };
	enum err_code code = git_capture(&git, args, -1, STATUS_MAX, &text, err);
	if (!code)
		take_status(v, &text);
	return code;
}

enum err_code tree_changed(struct verify *v, struct err *err)
{
	const struct json *given = json_get(v->document, "changed");
	struct stat st;
	size_t cap = 0;
	enum err_code code = ERR_OK;
	if (v->changed_known)
		return ERR_OK;
	auto_free char *dir = xasprintf("%s/.git", v->workspace);
	if (json_type(given) == JSON_ARRAY) {
		for (const struct json *e = json_first(given); e; e = json_next(e))
			if (json_type(e) == JSON_STRING)
				add_changed(v, &cap, json_str(e, ""));
	} else if (lstat(dir, &st) == 0) {
		code = ask_git(v, err);
	} else {
		code = tree_files(v, err);
		for (size_t i = 0; !code && i < v->nfiles; i++)
			add_changed(v, &cap, v->files[i]);
	}
	if (v->nchanged)
		qsort(v->changed, v->nchanged, sizeof(*v->changed), by_name);
	v->changed_known = !code;
	return code;
}
