/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Applying a patch, and taking it back: what is touched is kept first, git does the work, and what came of it is
 * looked at. */
#include "space/patch_journal.h"

#include "base/fs.h"
#include "base/map.h"
#include "space/filters.h"
#include "space/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)16 * MIB)

bool patch_can_commit(const char *folder)
{
	auto_free char *dir = xasprintf("%s/.git", folder);
	return fs_exists(dir);
}

/* ---- git ---- */

/* git apply, with these options before ours. Outside of a repository git works all the same. */
static enum err_code apply(const struct patch_place *w, const char *const *options, struct str *out, struct err *err)
{
	auto_free char *dir = xasprintf("%s/.git", w->folder), *diff = xasprintf("%s.diff", w->stem),
		       *strip = xasprintf("-p%d", w->strip);
	auto_filters filters = { NULL, 0, 0 };
	enum err_code code = patch_can_commit(w->folder) ? filters_find(dir, &filters, err) : ERR_OK;
	struct git git = { .dir = dir, .work = w->folder, .cwd = w->folder, .foreign = true,
			   .settings = (const char *const *)filters.settings };
	const char *args[16] = { "apply", "--whitespace=nowarn", strip };
	size_t n = 3;
	for (; *options; options++)
		args[n++] = *options;
	args[n++] = "--";
	args[n] = diff;
	return code ? code : git_capture(&git, args, -1, ANSWER_MAX, out, err);
}

/* "ADDED\tREMOVED\tPATH\0" a file, "-" for binary ones: whether the names are those that were judged. Git names a
 * file by what it is called afterwards, or was when it is removed. */
static bool same_names(const struct str *said, const struct patch *p)
{
	const char *at = str_text(said), *end = at + said->len;
	size_t i = 0;
	for (; at < end && i < p->n; i++) {
		const struct patch_file *f = &p->v[i];
		const char *tab = strchr(at, '\t'), *name = tab ? strchr(tab + 1, '\t') : NULL;
		if (!name || !str_eq(name + 1, patch_path(f)))
			return false;
		at = name + 1 + strlen(name + 1) + 1;
	}
	return at >= end && i == p->n;
}

enum err_code patch_try(const struct patch_place *w, const struct patch *p, struct err *err)
{
	auto_str said = STR_INIT;
	enum err_code code = apply(w, (const char *const[]){ "--numstat", "-z", NULL }, &said, err);
	if (!code && !same_names(&said, p))
		code = err_set(err, ERR_INVALID, _("git reads other names out of the diff than stand in its headers"));
	return code ? code : apply(w, (const char *const[]){ "--check", w->reverse ? "-R" : NULL, NULL }, NULL, err);
}

/* ---- keeping ---- */

static enum err_code copy_out(int root, const struct kept *k, const char *to, struct err *err)
{
	const char *name;
	auto_fd parent = patch_parent(root, k->path, &name);
	char bytes[64 * KIB];
	ssize_t n = 0;
	if (parent >= 0 && k->before.kind == KEPT_LINK) {
		n = readlinkat(parent, name, bytes, sizeof(bytes));
		return n < 0 ? err_sys(err, ERR_IO, _("cannot read %s"), k->path) : fs_write(to, bytes, (size_t)n, 0600, err);
	}
	auto_fd in = parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (in < 0)
		return err_sys(err, ERR_IO, _("cannot read %s"), k->path);
	auto_fd out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool good = out >= 0;
	while (good && (n = read(in, bytes, sizeof(bytes))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		good = n > 0 && fs_write_all(out, bytes, (size_t)n);
	}
	if (!good || fsync(out))
		return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot keep %s"), k->path);
	return ERR_OK;
}

/* The folders that lead to a path, those above first. */
static void keep_folders(int root, const char *path, struct patch_journal *j, struct smap *seen, size_t *cap)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		auto_free char *folder = xstrndup(path, (size_t)(slash - path));
		struct stat st;
		if (smap_get(seen, folder))
			continue;
		smap_put(seen, folder, j);
		auto_fd fd = open_beneath(root, folder, O_RDONLY | O_DIRECTORY);
		bool there = fd >= 0 && fstat(fd, &st) == 0;
		GROW(j->folders, j->nfolders, *cap);
		j->folders[j->nfolders++] = (struct kept_folder){ TAKE(folder), there ? (int64_t)(st.st_mode & 07777) : -1 };
	}
}

static enum err_code keep_path(int root, const char *path, struct patch_journal *j, struct smap *seen, size_t *cap,
			       struct err *err)
{
	if (!path || smap_get(seen, path))
		return ERR_OK;
	smap_put(seen, path, j);
	GROW(j->v, j->n, *cap);
	struct kept *k = &j->v[j->n++];
	*k = (struct kept){ .path = xstrdup(path) };
	return patch_stat(root, path, &k->before, &k->mtime_ns, err);
}

static enum err_code look_at_all(int root, const struct patch *p, struct patch_journal *j, struct err *err)
{
	struct smap seen = SMAP_INIT, folders = SMAP_INIT;
	size_t cap = 0, folder_cap = 0;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < p->n && !code; i++) {
		code = keep_path(root, p->v[i].from, j, &seen, &cap, err);
		if (!code)
			code = keep_path(root, p->v[i].to, j, &seen, &cap, err);
	}
	for (size_t i = 0; i < j->n && !code; i++)
		keep_folders(root, j->v[i].path, j, &folders, &folder_cap);
	smap_done(&seen);
	smap_done(&folders);
	return code;
}

/* A link that is there is only changed by a patch about links, which was judged. */
static enum err_code check_links(const struct patch *p, const struct patch_journal *j, const struct patch_rules *rules,
				 struct err *err)
{
	for (size_t i = 0; i < j->n && !(rules && rules->symlinks); i++)
		if (j->v[i].before.kind == KEPT_LINK)
			return err_set(err, ERR_FORBIDDEN, _("'%s' is a symbolic link; symlinks: true allows them"), j->v[i].path);
	(void)p;
	return ERR_OK;
}

static enum err_code keep(const struct patch_place *w, int root, const struct patch *p, const struct patch_rules *rules,
			  struct patch_journal *j, struct err *err)
{
	auto_free char *folder = xasprintf("%s.pre", w->stem);
	enum err_code code = look_at_all(root, p, j, err);
	if (!code)
		code = check_links(p, j, rules, err);
	if (!code)
		code = fs_mkdirs(folder, 0700, err);
	for (size_t i = 0; i < j->n && !code; i++) {
		auto_free char *to = xasprintf("%s/%zu", folder, i);
		if (j->v[i].before.kind != KEPT_ABSENT)
			code = copy_out(root, &j->v[i], to, err);
	}
	auto_fd fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!code && (fd < 0 || fsync(fd)))
		code = err_sys(err, ERR_IO, _("cannot keep what the files are in %s"), folder);
	return code ? code : patch_journal_write(w->stem, j, err);
}

/* ---- taking back ---- */

static enum err_code write_back(const struct patch_place *w, int root, const struct patch_journal *j, size_t i, struct err *err)
{
	const struct kept *k = &j->v[i];
	const char *name;
	auto_free char *from = xasprintf("%s.pre/%zu", w->stem, i), *bytes = NULL;
	auto_free char *tmp = xasprintf(".pawl-%ld-%zu", (long)getpid(), i);
	size_t len;
	enum err_code code = fs_read(from, (size_t)PATCH_FILE_MAX, &bytes, &len, err);
	if (code)
		return code;
	auto_fd parent = patch_parent(root, k->path, &name);
	if (parent < 0)
		return err_sys(err, ERR_IO, _("cannot restore %s"), k->path);
	(void)unlinkat(parent, tmp, 0);
	bool good;
	if (k->before.kind == KEPT_LINK) {
		auto_free char *target = xstrndup(bytes, len);
		good = symlinkat(target, parent, tmp) == 0;
	} else {
		struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					     { k->mtime_ns / 1000000000, k->mtime_ns % 1000000000 } };
		auto_fd fd = openat(parent, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		good = fd >= 0 && fs_write_all(fd, bytes, len) && fchmod(fd, k->before.mode) == 0 &&
		       futimens(fd, times) == 0 && fsync(fd) == 0;
	}
	if (good && renameat(parent, tmp, parent, name) == 0)
		return ERR_OK;
	code = err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE : ERR_IO, _("cannot restore %s"), k->path);
	(void)unlinkat(parent, tmp, 0);
	return code;
}

static enum err_code remove_new(int root, const struct patch_journal *j, struct err *err)
{
	for (size_t i = 0; i < j->n; i++) {
		const char *name;
		if (j->v[i].before.kind != KEPT_ABSENT)
			continue;
		auto_fd parent = patch_parent(root, j->v[i].path, &name);
		if (parent >= 0 && unlinkat(parent, name, 0) && errno != ENOENT && errno != EISDIR)
			return err_sys(err, ERR_IO, _("cannot remove %s"), j->v[i].path);
	}
	for (size_t i = j->nfolders; i-- > 0;) {
		const char *name;
		if (j->folders[i].mode >= 0)
			continue;
		auto_fd parent = patch_parent(root, j->folders[i].path, &name);
		if (parent >= 0)
			(void)unlinkat(parent, name, AT_REMOVEDIR); /* somebody else's files in it: it stays */
	}
	return ERR_OK;
}

static enum err_code make_folders(int root, const struct patch_journal *j, struct err *err)
{
	for (size_t i = 0; i < j->nfolders; i++) {
		const struct kept_folder *f = &j->folders[i];
		const char *name;
		if (f->mode < 0)
			continue;
		auto_fd parent = patch_parent(root, f->path, &name);
		if (parent < 0)
			return err_sys(err, ERR_IO, _("cannot restore the folder %s"), f->path);
		if (mkdirat(parent, name, 0700) == 0 && fchmodat(parent, name, (mode_t)f->mode, 0))
			return err_sys(err, ERR_IO, _("cannot restore the folder %s"), f->path);
	}
	return ERR_OK;
}

static enum err_code restore(const struct patch_place *w, int root, struct patch_journal *j, struct err *err)
{
	enum err_code code = remove_new(root, j, err);
	if (!code)
		code = make_folders(root, j, err);
	for (size_t i = 0; i < j->n && !code; i++) {
		struct kept_stand now;
		if (j->v[i].before.kind == KEPT_ABSENT)
			continue;
		code = patch_stat(root, j->v[i].path, &now, NULL, err);
		if (!code && !kept_same(&now, &j->v[i].before))
			code = write_back(w, root, j, i, err);
	}
	j->phase = JOURNAL_RESTORED;
	return code ? code : patch_journal_write(w->stem, j, err);
}

enum err_code patch_restore(const struct patch_place *w, struct err *err)
{
	auto_journal j = { .phase = JOURNAL_APPLYING };
	auto_fd root = -1;
	enum err_code code = patch_journal_read(w->stem, &j, err);
	if (code)
		return code == ERR_NOT_FOUND ? ERR_OK : code;
	if (j.phase == JOURNAL_RESTORED)
		return ERR_OK;
	if (j.phase == JOURNAL_SETTLED)
		return err_set(err, ERR_CONFLICT, _("the patch is settled; what it did stays"));
	code = patch_root(w->folder, &root, err);
	return code ? code : restore(w, root, &j, err);
}

/* ---- applying ---- */

static enum err_code look_after(int root, struct patch_journal *j, const struct patch_rules *rules, struct err *err)
{
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < j->n && !code; i++) {
		const char *name;
		struct stat st;
		code = patch_stat(root, j->v[i].path, &j->v[i].after, NULL, err);
		if (code || j->v[i].after.kind != KEPT_FILE)
			continue;
		auto_fd parent = patch_parent(root, j->v[i].path, &name);
		auto_fd fd = parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 || fstat(fd, &st) || fsync(fd))
			code = err_sys(err, ERR_IO, _("cannot read %s"), j->v[i].path);
		else if (rules && rules->max_file && st.st_size > rules->max_file)
			code = err_set(err, ERR_FORBIDDEN, _("'%s' would have %lld bytes; at most %lld are allowed"), j->v[i].path,
				       (long long)st.st_size, (long long)rules->max_file);
	}
	return code;
}

static enum err_code do_apply(const struct patch_place *w, const struct patch *p, const struct patch_rules *rules,
			      patch_instead_fn instead, void *ctx, bool *ret_stuck, struct err *err)
{
	auto_journal j = { .phase = JOURNAL_APPLYING };
	auto_fd root = -1;
	struct err also;
	*ret_stuck = false;
	enum err_code code = patch_root(w->folder, &root, err);
	if (!code)
		code = keep(w, root, p, rules, &j, err);
	if (code)
		return code; /* nothing was written yet */
	code = instead ? instead(ctx, err) : apply(w, (const char *const[]){ w->reverse ? "-R" : NULL, NULL }, NULL, err);
	if (!code)
		code = look_after(root, &j, rules, err);
	j.phase = JOURNAL_APPLIED;
	if (!code)
		code = patch_journal_write(w->stem, &j, err);
	if (code && restore(w, root, &j, &also)) {
		*ret_stuck = true;
		return err_set(err, also.code, _("the files could not be restored: %s"), also.message);
	}
	return code;
}

enum err_code patch_apply(const struct patch_place *w, const struct patch *p, const struct patch_rules *rules,
			  bool *ret_stuck, struct err *err)
{
	return do_apply(w, p, rules, NULL, NULL, ret_stuck, err);
}

enum err_code patch_apply_by(const struct patch_place *w, const struct patch *p, patch_instead_fn instead, void *ctx,
			     bool *ret_stuck, struct err *err)
{
	const struct patch_rules rules = { .symlinks = true };
	return do_apply(w, p, &rules, instead, ctx, ret_stuck, err);
}

enum err_code patch_look(const struct patch_place *w, enum patch_stand *ret, struct err *err)
{
	auto_journal j = { .phase = JOURNAL_APPLYING };
	auto_fd root = -1;
	bool before = true, after = true;
	*ret = PATCH_NONE;
	enum err_code code = patch_journal_read(w->stem, &j, err);
	if (code)
		return code == ERR_NOT_FOUND ? ERR_OK : code;
	code = patch_root(w->folder, &root, err);
	for (size_t i = 0; i < j.n && !code; i++) {
		struct kept_stand now;
		code = patch_stat(root, j.v[i].path, &now, NULL, err);
		before &= kept_same(&now, &j.v[i].before);
		after &= j.phase != JOURNAL_APPLYING && kept_same(&now, &j.v[i].after);
	}
	*ret = after ? PATCH_AFTER : before ? PATCH_BEFORE : PATCH_MIXED;
	return code;
}
