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

/* The keys of one map that have not the same value in the other, sorted. */
static void tell_map(struct tell *t, const struct smap *these, const struct smap *those, bool values,
		     enum space_change change)
{
	auto_free const char **paths = xcalloc(these->n + 1, sizeof *paths);
	size_t n = 0, at = 0;
	const char *path;
	for (void *value; (value = smap_next(these, &at, &path));) {
		const void *other = smap_get(those, path);
		if (values ? other != value : !other)
			paths[n++] = path;
	}
	if (n)
		qsort((void *)paths, n, sizeof *paths, by_bytes);
	for (size_t i = 0; i < n; i++)
		tell(t, paths[i], change);
}

static enum err_code open_pair(struct place *place, const char *store, const char *from, const char *to,
			       struct meta *a, struct meta *b, struct err *err)
{
	enum err_code code = check_id(from, err);
	if (!code)
		code = check_id(to, err);
	if (!code)
		code = place_open(place, store, NULL, false, false, err);
	if (!code)
		code = meta_read(place, from, a, err);
	return code ? code : meta_read(place, to, b, err);
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
	tell_map(&t, &b.modes, &a.modes, true, SPACE_MODE);
	tell_map(&t, &a.modes, &b.modes, true, SPACE_MODE);
	return ERR_OK;
}

enum err_code space_diff_text(const char *store, const char *from, const char *to, const char *path,
			      size_t max, struct str *text, struct err *err)
{
	auto_place place = PLACE_INIT;
	auto_meta a = META_INIT, b = META_INIT;
	enum err_code code = open_pair(&place, store, from, to, &a, &b, err);
	if (code)
		return code;
	auto_free char *within = xasprintf("tree/%s", path ? path : "");
	const char *const args[] = { "diff-tree",     "-r",	      "-p",	     "--no-renames",
				     "--no-ext-diff", "--no-textconv", "--no-color", "--full-index",
				     "--binary",      "--relative=tree/", from,	     to,
				     "--",	      within,	      NULL };
	return git_capture(&place.git, args, -1, max, text, err);
}
