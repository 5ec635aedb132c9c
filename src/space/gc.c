/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dropping snapshots. What is kept is named by branches, and git drops what no branch reaches. */
#include "space/internal.h"

#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir); /* only read from */
}

/* Remove the files of a folder whose names begin and end so. A missing folder is fine. */
static void sweep(const char *folder, const char *begin, const char *end)
{
	CLEANUP(close_dir) DIR *dir = opendir(folder);
	for (struct dirent *d; dir && (d = readdir(dir));) {
		size_t len = strlen(d->d_name), n = strlen(end);
		if (str_starts(d->d_name, begin) && len >= n && str_eq(d->d_name + len - n, end))
			(void)unlinkat(dirfd(dir), d->d_name, 0); /* what stays is swept next time */
	}
}

/* A commit for each tree that is kept, from one fast-import, and no other branch. */
static enum err_code name_kept(struct place *place, const char *const *keep, size_t nkeep, struct err *err)
{
	auto_str text = STR_INIT;
	for (size_t i = 0; i < nkeep; i++)
		str_addf(&text,
			 "commit refs/pawl/keep-%zu\ncommitter pawl <pawl@localhost> 0 +0000\ndata 0\n"
			 "M 040000 %s \"\"\n\n",
			 i, keep[i]);
	str_add(&text, "done\n");
	auto_fd input = git_memory(text.p, text.len);
	if (input < 0)
		return err_sys(err, ERR_IO, _("cannot name the snapshots to keep"));
	auto_free char *refs = xasprintf("%s/refs/pawl", place->store);
	auto_free char *packed = xasprintf("%s/packed-refs", place->store);
	enum err_code code = fs_rmtree(refs, err);
	if (!code && unlink(packed) && errno != ENOENT)
		code = err_sys(err, ERR_IO, _("cannot remove %s"), packed);
	static const char *const args[] = { "fast-import", "--quiet", "--force", "--done", NULL };
	return code ? code : git_capture(&place->git, args, input, 4 * KIB, NULL, err);
}

static uint64_t size_of(const char *folder)
{
	uint64_t bytes = 0;
	CLEANUP(close_dir) DIR *dir = opendir(folder);
	struct stat st;
	for (struct dirent *d; dir && (d = readdir(dir));) {
		if (d->d_name[0] == '.' || fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		auto_free char *path = S_ISDIR(st.st_mode) ? xasprintf("%s/%s", folder, d->d_name) : NULL;
		bytes += path ? size_of(path) : (uint64_t)st.st_blocks * 512;
	}
	return bytes;
}

enum err_code space_gc(const char *store, const char *const *keep, size_t nkeep, uint64_t *ret_bytes,
		       struct err *err)
{
	auto_place place = PLACE_INIT;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < nkeep && !code; i++)
		code = check_id(keep[i], err);
	if (!code)
		code = place_open(&place, store, NULL, false, true, err);
	/* All must be there before anything is dropped: a wrong list loses nothing. */
	for (size_t i = 0; i < nkeep && !code; i++) {
		auto_meta meta = META_INIT;
		code = meta_read(&place, keep[i], &meta, err);
	}
	objects_done(&place.objects);
	if (code)
		return code;
	auto_free char *caches = xasprintf("%s/pawl", place.store);
	auto_free char *packs = xasprintf("%s/objects/pack", place.store);
	sweep(caches, "", ".cache"); /* they may build on a snapshot that goes */
	sweep(caches, "", ".tmp");
	sweep(place.store, "fast_import_crash_", "");
	sweep(packs, "tmp_", "");
	sweep(packs, ".tmp-", "");
	code = name_kept(&place, keep, nkeep, err);
	static const char *const repack[] = { "repack", "-a", "-d", "-q", NULL };
	static const char *const prune[] = { "prune", "--expire=now", NULL };
	if (!code)
		code = git_capture(&place.git, repack, -1, 4 * KIB, NULL, err);
	if (!code)
		code = git_capture(&place.git, prune, -1, 4 * KIB, NULL, err);
	if (!code && ret_bytes)
		*ret_bytes = size_of(place.store);
	return code;
}
