/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What differs between two snapshots. */
#include "space/internal.h"

#include <assert.h>
#include <string.h>

/* clang-format off */
static const char *const change_names[] = {
	[SPACE_ADDED] = "added", [SPACE_REMOVED] = "removed", [SPACE_MODIFIED] = "modified",
	[SPACE_KIND] = "kind", [SPACE_MODE] = "mode",
};
/* clang-format on */
static_assert(COUNT(change_names) == SPACE_MODE + 1, "every change has a name");

const char *space_change_name(enum space_change change)
{
	return change_names[change];
}

/* Records of `git diff-tree -z`: ":100644 100755 OID OID M", then the path. */
static enum space_change change_of(const char *record)
{
	const char *status = strrchr(record, ' ');
	const char *oids = record + strlen(":100644 100644 ");
	switch (status ? status[1] : 'M') {
	case 'A':
		return SPACE_ADDED;
	case 'D':
		return SPACE_REMOVED;
	case 'T':
		return SPACE_KIND;
	default:
		return strncmp(oids, oids + SPACE_ID_LEN + 1, SPACE_ID_LEN) == 0 ? SPACE_MODE :
										   SPACE_MODIFIED;
	}
}

struct tell {
	struct smap told; /* paths that were */
	space_diff_fn each;
	void *with;
	bool ended;
};

static void tell_done(struct tell *tell)
{
	smap_done(&tell->told);
}

static void tell(struct tell *t, const char *path, enum space_change change)
{
	if (t->ended || smap_get(&t->told, path))
		return;
	smap_put(&t->told, path, t);
	t->ended = !t->each(t->with, path, change);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of one map that are not in the other, or (values) have another value there, sorted. */
static void tell_map(struct tell *t, const struct smap *these, const struct smap *those, bool values,
		     enum space_change change)
{
	auto_free const char **paths = xcalloc(these->n + 1, sizeof *paths);
	size_t n = 0, at = 0;
	const char *path;
	for (void *value; (value = smap_next(these, &at, &path));) {
		const void *other = smap_get(those, path);
		if (values ? other && other != value : !other)
			paths[n++] = path;
	}
	if (n)
		qsort((void *)paths, n, sizeof *paths, by_bytes);
	for (size_t i = 0; i < n; i++)
		tell(t, paths[i], change);
}

static enum err_code open_both(struct place *place, const char *store, const char *from, const char *to,
			       struct err *err)
{
	enum err_code code = check_id(from, err);
	if (!code)
		code = check_id(to, err);
	return code ? code : place_open(place, store, NULL, false, false, err);
}

static enum err_code open_pair(struct place *place, const char *store, const char *from, const char *to,
			       struct meta *a, struct meta *b, struct err *err)
{
	enum err_code code = open_both(place, store, from, to, err);
	if (!code)
		code = meta_read(place, from, a, err);
	return code ? code : meta_read(place, to, b, err);
}

static void modes_done(struct smap *modes)
{
	smap_done(modes);
}

static void put_mode(struct smap *modes, const char *path, uint32_t mode)
{
	smap_put(modes, path, (void *)(uintptr_t)(mode + 1));
}

/* The permissions of every file and folder: what is usual may differ between two snapshots, so that the exceptions
 * alone say nothing. */
static enum err_code all_modes(struct place *place, const char *id, const struct meta *meta, struct smap *modes,
			       struct err *err)
{
	auto_files files = FILES_INIT;
	enum err_code code = files_read(&place->objects, id, NULL, NULL, &files, err);
	for (size_t i = 0; i < files.n && !code; i++) {
		const struct file *f = &files.v[i];
		if (!S_ISLNK(f->mode))
			put_mode(modes, f->path, meta_mode(meta, f->path, f->mode, f->mode & S_IXUSR));
	}
	if (files.oid[0])
		put_mode(modes, "", meta_mode(meta, "", S_IFDIR, false));
	size_t at = 0;
	const char *path;
	while (!code && smap_next(&meta->empty, &at, &path))
		put_mode(modes, path, meta_mode(meta, path, S_IFDIR, false));
	return code;
}

static enum err_code tell_modes(struct tell *t, struct place *place, const char *const ids[2],
				const struct meta *const metas[2], struct err *err)
{
	CLEANUP(modes_done) struct smap a = MAP_INIT;
	CLEANUP(modes_done) struct smap b = MAP_INIT;
	enum err_code code = all_modes(place, ids[0], metas[0], &a, err);
	if (!code)
		code = all_modes(place, ids[1], metas[1], &b, err);
	if (!code)
		tell_map(t, &b, &a, true, SPACE_MODE);
	return code;
}

enum err_code space_diff(const char *store, const char *from, const char *to, space_diff_fn each,
			 void *with, struct err *err)
{
	auto_place place = PLACE_INIT;
	auto_meta a = META_INIT, b = META_INIT;
	enum err_code code = open_pair(&place, store, from, to, &a, &b, err);
	if (code)
		return code;
	const char *const args[] = { "diff-tree", "-r", "-z", "--no-renames", from, to, NULL };
	auto_str out = STR_INIT;
	code = git_capture(&place.git, args, -1, SPACE_META_MAX * 4, &out, err);
	CLEANUP(tell_done) struct tell t = { MAP_INIT, each, with, false };
	for (size_t at = 0; !code && at < out.len;) {
		const char *record = out.p + at;
		at += strlen(record) + 1;
		const char *path = at < out.len ? out.p + at : "";
		at += strlen(path) + 1;
		if (str_starts(path, "tree/") && strlen(record) > SPACE_ID_LEN * (size_t)2)
			tell(&t, path + strlen("tree/"), change_of(record));
	}
	if (code)
		return code;
	tell_map(&t, &b.empty, &a.empty, false, SPACE_ADDED);
	tell_map(&t, &a.empty, &b.empty, false, SPACE_REMOVED);
	return tell_modes(&t, &place, (const char *const[]){ from, to }, (const struct meta *const[]){ &a, &b }, err);
}

enum err_code space_diff_text(const char *store, const char *from, const char *to, const char *path,
			      size_t max, struct str *text, struct err *err)
{
	auto_place place = PLACE_INIT;
	enum err_code code = open_both(&place, store, from, to, err);
	if (code)
		return code;
	auto_free char *within = xasprintf("tree/%s", path ? path : "");
	const char *const args[] = { "diff-tree",     "-r",	      "-p",	     "--no-renames",
				     "--no-ext-diff", "--no-textconv", "--no-color", "--full-index",
				     "--binary",      "--relative=tree/", from,	     to,
				     "--",	      within,	      NULL };
	code = git_capture(&place.git, args, -1, max, text, err);
	if (code != ERR_IO)
		return code;
	struct err other; /* the usual reason has a better sentence */
	auto_meta a = META_INIT, b = META_INIT;
	return meta_read(&place, from, &a, &other) || meta_read(&place, to, &b, &other) ?
		       err_set(err, other.code, "%s", other.message) :
		       code;
}
