/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "space/internal.h"

#include "base/hash.h"

#include <assert.h>
#include <string.h>
#include <time.h>

/* A file that was written to this shortly before may be again within the same tick of the clock that
 * stamps files, so its times prove nothing. */
#define YOUNG_NS ((int64_t)20 * 1000000)
#define YOUNG_COARSE_NS ((int64_t)2000 * 1000000) /* file systems that keep whole seconds */
#define TRIES 6

/* clang-format off */
static const char *const left_names[] = {
	[SPACE_LEFT_IGNORED] = "ignored", [SPACE_LEFT_REPOSITORY] = "repository",
	[SPACE_LEFT_SOCKET] = "socket", [SPACE_LEFT_FIFO] = "fifo", [SPACE_LEFT_DEVICE] = "device",
	[SPACE_LEFT_MOUNT] = "mount", [SPACE_LEFT_UNREADABLE] = "unreadable",
};
/* clang-format on */
static_assert(COUNT(left_names) == SPACE_LEFT_COUNT, "every reason has a name");

const char *space_left_name(enum space_left left)
{
	return left_names[left];
}

void space_report_done(struct space_report *report)
{
	for (size_t i = 0; i < report->n; i++)
		free(report->left[i].path);
	free(report->left);
	*report = (struct space_report){ 0 };
}

static bool same_content(const struct entry *a, const struct entry *b)
{
	return ((a->mode ^ b->mode) & (S_IFMT | S_IXUSR)) == 0 && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

/* Mark what is known to be unchanged; whether that is all, and nothing is gone. */
static bool compare(const struct listing *last, struct listing *now)
{
	bool same = true;
	size_t i = 0;
	for (size_t j = 0; j < now->n; j++) {
		struct entry *e = &now->v[j];
		int order = 1;
		while (i < last->n && (order = path_order(last->v[i].path, e->path)) < 0) {
			same &= S_ISDIR(last->v[i].mode);
			i++;
		}
		bool found = i < last->n && order == 0;
		if (found)
			e->changed = !same_content(&last->v[i++], e);
		if (S_ISDIR(e->mode))
			e->changed = false; /* what matters of folders is in the meta text */
		same &= !e->changed;
	}
	for (; i < last->n; i++)
		same &= S_ISDIR(last->v[i].mode);
	return same;
}

static void distrust_young(struct listing *listing, int64_t now_ns)
{
	for (size_t i = 0; i < listing->n; i++) {
		struct entry *e = &listing->v[i];
		int64_t last = MAX(e->mtime_ns, e->ctime_ns);
		if (last + (e->ctime_ns % 1000000000 ? YOUNG_NS : YOUNG_COARSE_NS) > now_ns)
			e->mtime_ns = e->ctime_ns = 0;
	}
}

static enum err_code take_once(struct place *place, const struct rules *rules, bool use_cache,
			       struct cache *now, struct space_report *report, bool *ret_again,
			       struct err *err)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_REALTIME, &t); /* the clock that stamps files */
	int64_t begin_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
	auto_cache last = CACHE_INIT;
	bool cached = use_cache && cache_read(&last, place->cache_path);
	enum err_code code = walk(place->root, rules, &now->listing, report, err);
	if (code)
		return code;
	bool same = compare(&last.listing, &now->listing);
	auto_str meta = STR_INIT;
	meta_write(&meta, rules, &now->listing);
	struct hash hash = hash_bytes(meta.p, meta.len);
	memcpy(now->meta, hash.b, sizeof now->meta);
	memcpy(now->id, last.id, sizeof now->id);
	if (cached && same && memcmp(last.meta, now->meta, sizeof now->meta) == 0)
		return ERR_OK;
	code = import(place, &last, &now->listing, &meta, report, now->id, ret_again, err);
	if (!code && !*ret_again) {
		distrust_young(&now->listing, begin_ns);
		cache_write(now, place->cache_path);
	}
	return code;
}

enum err_code take(struct place *place, const struct rules *rules, char id[SPACE_ID_LEN + 1],
		   struct listing *ret_listing, struct space_report *report, struct err *err)
{
	enum err_code code = ERR_OK;
	bool again = true, use_cache = true;
	for (int i = 0; i < TRIES && again; i++) {
		auto_cache now = CACHE_INIT;
		space_report_done(report);
		again = false;
		code = take_once(place, rules, use_cache, &now, report, &again, err);
		if (code == ERR_IO && use_cache) { /* what it builds on may be gone from the store */
			use_cache = false;
			again = true;
		} else if (code) {
			return code;
		} else if (!again) {
			memcpy(id, now.id, sizeof now.id);
			if (ret_listing) {
				*ret_listing = now.listing;
				now.listing = (struct listing)LISTING_INIT;
			}
		}
	}
	return again && !code ? err_set(err, ERR_CONFLICT,
					_("files of the workspace come and go faster than they can be read")) :
				code;
}

enum err_code space_snapshot(const char *store, const char *folder, const struct space_options *options,
			     char ret_id[SPACE_ID_LEN + 1], struct space_report *ret_report, struct err *err)
{
	auto_place place = PLACE_INIT;
	auto_rules rules = RULES_INIT;
	auto_report report = { 0 };
	char id[SPACE_ID_LEN + 1];
	enum err_code code = place_open(&place, store, folder, true, false, err);
	if (!code)
		code = rules_present(&rules, place.folder, options, err);
	if (!code)
		code = take(&place, &rules, id, NULL, &report, err);
	if (code)
		return code;
	memcpy(ret_id, id, sizeof id);
	if (ret_report) {
		*ret_report = report;
		report = (struct space_report){ 0 };
	}
	return ERR_OK;
}
