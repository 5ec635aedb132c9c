/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hash maps: integer → pointer and text → pointer. Open addressing, grows by doubling. */
#ifndef PAWL_BASE_MAP_H
#define PAWL_BASE_MAP_H

#include "base/base.h"

struct map_slot {
	uint64_t key;
	void *value; /* NULL is free */
};

struct map {
	struct map_slot *slots;
	size_t n, cap;
};

#define MAP_INIT { NULL, 0, 0 }
void map_done(struct map *m); /* not the values */
void *map_get(const struct map *m, uint64_t key);
void map_put(struct map *m, uint64_t key, void *value); /* value is not NULL; replaces */
void *map_del(struct map *m, uint64_t key);             /* returns what was there, or NULL */
/* Walk: size_t at = 0; while ((v = map_next(m, &at))) …; nothing may be added or removed meanwhile. */
void *map_next(const struct map *m, size_t *at);

struct smap_slot {
	char *key; /* owned; NULL is free */
	uint64_t hash;
	void *value;
};

struct smap {
	struct smap_slot *slots;
	size_t n, cap;
};

#define SMAP_INIT { NULL, 0, 0 }
void smap_done(struct smap *m);
void *smap_get(const struct smap *m, const char *key);
void *smap_getn(const struct smap *m, const char *key, size_t len);
void smap_put(struct smap *m, const char *key, void *value); /* value is not NULL; replaces */
void *smap_del(struct smap *m, const char *key);
void *smap_next(const struct smap *m, size_t *at, const char **ret_key);

#endif
