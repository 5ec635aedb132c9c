/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/map.h"

#include <string.h>

/* The finaliser of SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

void map_done(struct map *m)
{
	free(m->slots);
	*m = (struct map)MAP_INIT;
}

static size_t map_find(const struct map *m, uint64_t key)
{
	size_t i = mix(key) & (m->cap - 1);
	while (m->slots[i].value && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

void *map_get(const struct map *m, uint64_t key)
{
	return m->n ? m->slots[map_find(m, key)].value : NULL;
}

static void map_grow(struct map *m)
{
	struct map old = *m;
	m->cap = old.cap ? old.cap * 2 : 16;
	m->slots = xcalloc(m->cap, sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].value)
			m->slots[map_find(m, old.slots[i].key)] = old.slots[i];
	free(old.slots);
}

void map_put(struct map *m, uint64_t key, void *value)
{
	if ((m->n + 1) * 4 > m->cap * 3)
		map_grow(m);
	struct map_slot *s = &m->slots[map_find(m, key)];
	if (!s->value)
		m->n++;
	*s = (struct map_slot){ key, value };
}

void *map_del(struct map *m, uint64_t key)
{
	if (!m->n)
		return NULL;
	size_t i = map_find(m, key);
	void *value = m->slots[i].value;
	if (!value)
		return NULL;
	/* Close the gap: move back what hashed to or before it (Knuth 6.4, algorithm R). */
	m->slots[i].value = NULL;
	for (size_t j = (i + 1) & (m->cap - 1); m->slots[j].value; j = (j + 1) & (m->cap - 1)) {
		size_t home = mix(m->slots[j].key) & (m->cap - 1);
		if (((j - home) & (m->cap - 1)) >= ((j - i) & (m->cap - 1))) {
			m->slots[i] = m->slots[j];
			m->slots[j].value = NULL;
			i = j;
		}
	}
	m->n--;
	return value;
}

void *map_next(const struct map *m, size_t *at)
{
	while (*at < m->cap) {
		void *v = m->slots[(*at)++].value;
		if (v)
			return v;
	}
	return NULL;
}

/* FNV-1a with a finaliser; keys are names of nodes and headers, not adversarial at scale: every
 * input is capped in number. */
static uint64_t hash_text(const char *s, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ULL;
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3ULL;
	return mix(h);
}

void smap_done(struct smap *m)
{
	for (size_t i = 0; i < m->cap; i++)
		free(m->slots[i].key);
	free(m->slots);
	*m = (struct smap)SMAP_INIT;
}

static size_t smap_find(const struct smap *m, const char *key, size_t len, uint64_t hash)
{
	size_t i = hash & (m->cap - 1);
	for (; m->slots[i].key; i = (i + 1) & (m->cap - 1))
		if (m->slots[i].hash == hash && strncmp(m->slots[i].key, key, len) == 0 &&
		    !m->slots[i].key[len])
			break;
	return i;
}

void *smap_getn(const struct smap *m, const char *key, size_t len)
{
	if (!m->n)
		return NULL;
	return m->slots[smap_find(m, key, len, hash_text(key, len))].value;
}

void *smap_get(const struct smap *m, const char *key)
{
	return smap_getn(m, key, strlen(key));
}

static void smap_grow(struct smap *m)
{
	struct smap old = *m;
	m->cap = old.cap ? old.cap * 2 : 16;
	m->slots = xcalloc(m->cap, sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++) {
		if (!old.slots[i].key)
			continue;
		size_t at = old.slots[i].hash & (m->cap - 1);
		while (m->slots[at].key)
			at = (at + 1) & (m->cap - 1);
		m->slots[at] = old.slots[i];
	}
	free(old.slots);
}

void smap_put(struct smap *m, const char *key, void *value)
{
	if ((m->n + 1) * 4 > m->cap * 3)
		smap_grow(m);
	size_t len = strlen(key);
	uint64_t hash = hash_text(key, len);
	struct smap_slot *s = &m->slots[smap_find(m, key, len, hash)];
	if (!s->key) {
		s->key = xstrdup(key);
		s->hash = hash;
		m->n++;
	}
	s->value = value;
}

void *smap_del(struct smap *m, const char *key)
{
	if (!m->n)
		return NULL;
	size_t len = strlen(key);
	size_t i = smap_find(m, key, len, hash_text(key, len));
	if (!m->slots[i].key)
		return NULL;
	void *value = m->slots[i].value;
	free(m->slots[i].key);
	m->slots[i].key = NULL;
	for (size_t j = (i + 1) & (m->cap - 1); m->slots[j].key; j = (j + 1) & (m->cap - 1)) {
		size_t home = m->slots[j].hash & (m->cap - 1);
		if (((j - home) & (m->cap - 1)) >= ((j - i) & (m->cap - 1))) {
			m->slots[i] = m->slots[j];
			m->slots[j] = (struct smap_slot){ NULL, 0, NULL };
			i = j;
		}
	}
	m->n--;
	return value;
}

void *smap_next(const struct smap *m, size_t *at, const char **ret_key)
{
	while (*at < m->cap) {
		const struct smap_slot *s = &m->slots[(*at)++];
		if (!s->key)
			continue;
		if (ret_key)
			*ret_key = s->key;
		return s->value;
	}
	return NULL;
}
