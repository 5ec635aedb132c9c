/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/arena.h"

#include <stdalign.h>
#include <string.h>

#define CHUNK_SMALL 512
#define CHUNK_LARGE (256 * KIB)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

void arena_done(struct arena *a)
{
	while (a->chunk) {
		struct arena_chunk *next = a->chunk->next;
		free(a->chunk);
		a->chunk = next;
	}
	a->used = 0;
}

/* Chunks double in size, so that a small use stays small and a large one needs few of them. */
static void add_chunk(struct arena *a, size_t size)
{
	size_t want = a->chunk ? MIN(a->chunk->size * 2, (size_t)CHUNK_LARGE) : (size_t)CHUNK_SMALL;
	want = MAX(want, size);
	struct arena_chunk *c = xmalloc(sizeof(*c) + want);
	*c = (struct arena_chunk){ .next = a->chunk, .used = 0, .size = want };
	a->chunk = c;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!a->chunk || a->chunk->size - a->chunk->used < size)
		add_chunk(a, size);
	void *p = a->chunk->bytes + a->chunk->used;
	a->chunk->used += size;
	a->used += size;
	return memset(p, 0, size);
}

char *arena_text(struct arena *a, const char *text, size_t len)
{
	char *p = arena_alloc(a, len + 1);
	if (len)
		memcpy(p, text, len);
	return p;
}
