/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store, its locks, and the cache that it keeps for each folder. */
#include "space/internal.h"

#include "base/fs.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

void place_close(struct place *place)
{
	objects_done(&place->objects);
	space_close(&place->root);
	space_close(&place->folder_lock);
	space_close(&place->lock);
	free(place->store);
	free(place->folder);
	free(place->cache_path);
	*place = (struct place)PLACE_INIT;
}

static enum err_code lock_file(const char *path, int how, int *ret, struct err *err)
{
	*ret = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc = *ret < 0 ? -1 : flock(*ret, how);
	while (rc && errno == EINTR)
		rc = flock(*ret, how);
	return rc ? err_sys(err, ERR_IO, _("cannot lock %s"), path) : ERR_OK;
}

static enum err_code make_store(const struct place *place, struct err *err)
{
	static const char *const args[] = { "init",	  "--quiet", "--bare",
					    "--template=", NULL };
	enum err_code code = git_capture(&place->git, args, -1, 4 * KIB, NULL, err);
	/* Nobody looks into the store with another git's settings; should one, names and bytes hold. */
	static const char attributes[] = "* -text -eol -ident -filter -working-tree-encoding\n";
	auto_free char *info = xasprintf("%s/info", place->store);
	auto_free char *path = xasprintf("%s/attributes", info);
	if (!code)
		code = fs_mkdirs(info, 0700, err);
	if (!code)
		code = fs_write(path, attributes, sizeof attributes - 1, 0600, err);
	return code;
}

static enum err_code open_store(struct place *place, bool create, bool exclusive, struct err *err)
{
	auto_free char *ours = xasprintf("%s/pawl", place->store);
	auto_free char *lock = xasprintf("%s/lock", ours);
	auto_free char *attributes = xasprintf("%s/info/attributes", place->store);
	enum err_code code = ERR_OK;
	if (!create && !fs_exists(attributes))
		return err_set(err, ERR_NOT_FOUND, _("there are no snapshots in %s"), place->store);
	if (create)
		code = fs_mkdirs(ours, 0700, err);
	bool fresh = !fs_exists(attributes); /* written last, so that half a store is made anew */
	if (!code)
		code = lock_file(lock, exclusive || fresh ? LOCK_EX : LOCK_SH, &place->lock, err);
	if (!code && fresh && !fs_exists(attributes))
		code = make_store(place, err);
	if (!code && fresh && !exclusive && flock(place->lock, LOCK_SH))
		code = err_sys(err, ERR_IO, _("cannot lock %s"), lock);
	return code;
}

enum err_code place_open(struct place *place, const char *store, const char *folder, bool create,
			 bool exclusive, struct err *err)
{
	place->store = fs_absolute("/", store);
	place->git = (struct git){ .dir = place->store };
	place->objects.git = &place->git;
	enum err_code code = open_store(place, create, exclusive, err);
	if (code || !folder)
		return code;
	place->folder = realpath(folder, NULL);
	if (place->folder)
		place->root = open(place->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (place->root < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, _("cannot open the workspace %s"),
			       folder);
	struct hash hash = hash_bytes(place->folder, strlen(place->folder));
	char hex[HASH_TEXT_LEN + 1];
	hash_hex(&hash, hex);
	memcpy(place->key, hex, sizeof place->key - 1);
	place->cache_path = xasprintf("%s/pawl/%s.cache", place->store, place->key);
	auto_free char *lock = xasprintf("%s/pawl/%s.lock", place->store, place->key);
	return lock_file(lock, LOCK_EX, &place->folder_lock, err);
}

enum err_code check_id(const char *id, struct err *err)
{
	if (strlen(id) == SPACE_ID_LEN && strspn(id, "0123456789abcdef") == SPACE_ID_LEN)
		return ERR_OK;
	return err_set(err, ERR_USAGE, _("that is not the id of a snapshot: %d hexadecimal digits are"),
		       SPACE_ID_LEN);
}

/* ---- the cache: a head, entries each with its path behind it, a hash of all ---- */

#define CACHE_MAGIC "pawlsp1"

struct cache_head {
	char magic[8], id[SPACE_ID_LEN];
	unsigned char meta[32];
	uint64_t n;
};

struct cache_entry {
	uint32_t mode, len;
	uint64_t ino, size;
	int64_t mtime_ns, ctime_ns;
};

void cache_done(struct cache *cache)
{
	listing_done(&cache->listing);
}

bool cache_read(struct cache *cache, const char *path)
{
	auto_free char *text = NULL;
	size_t len, at = sizeof(struct cache_head);
	struct cache_head head;
	if (fs_read(path, (size_t)1024 * MIB, &text, &len, NULL) || len < sizeof head + HASH_LEN)
		return false;
	len -= HASH_LEN;
	struct hash hash = hash_bytes(text, len);
	memcpy(&head, text, sizeof head);
	if (memcmp(hash.b, text + len, HASH_LEN) != 0 || memcmp(head.magic, CACHE_MAGIC, 8) != 0)
		return false;
	struct listing *listing = &cache->listing;
	listing->cap = head.n + 1;
	listing->v = xcalloc(listing->cap, sizeof *listing->v);
	char *paths = arena_alloc(&listing->names, len);
	for (; listing->n < head.n; listing->n++) {
		struct cache_entry e;
		memcpy(&e, text + at, sizeof e);
		at += sizeof e;
		memcpy(paths, text + at, e.len + 1);
		at += e.len + 1;
		listing->v[listing->n] = (struct entry){ .path = paths,
							 .mode = e.mode,
							 .ino = e.ino,
							 .size = e.size,
							 .mtime_ns = e.mtime_ns,
							 .ctime_ns = e.ctime_ns };
		paths += e.len + 1;
	}
	memcpy(cache->id, head.id, SPACE_ID_LEN);
	cache->id[SPACE_ID_LEN] = '\0';
	memcpy(cache->meta, head.meta, sizeof head.meta);
	return true;
}

void cache_write(const struct cache *cache, const char *path)
{
	const struct listing *listing = &cache->listing;
	struct cache_head head = { .magic = CACHE_MAGIC, .n = listing->n };
	memcpy(head.id, cache->id, SPACE_ID_LEN);
	memcpy(head.meta, cache->meta, sizeof head.meta);
	auto_str out = STR_INIT;
	str_reserve(&out, sizeof head + listing->n * (sizeof(struct cache_entry) + 64));
	str_add_len(&out, &head, sizeof head);
	for (size_t i = 0; i < listing->n; i++) {
		const struct entry *e = &listing->v[i];
		struct cache_entry saved = { e->mode, (uint32_t)strlen(e->path), e->ino, e->size,
					     e->mtime_ns, e->ctime_ns };
		str_add_len(&out, &saved, sizeof saved);
		str_add_len(&out, e->path, saved.len + 1);
	}
	struct hash hash = hash_bytes(out.p, out.len);
	str_add_len(&out, hash.b, HASH_LEN);
	/* No fsync: a torn file does not have its hash, and is read as none. */
	auto_free char *tmp = xasprintf("%s.tmp", path);
	auto_fd fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || !fs_write_all(fd, out.p, out.len) || rename(tmp, path)) {
		(void)unlink(tmp); /* an older cache must not outlive what it describes */
		(void)unlink(path);
	}
}
