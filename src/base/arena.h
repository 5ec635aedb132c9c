/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory for many small things that die together: a syntax tree, the values of one evaluation. */
#ifndef PAWL_BASE_ARENA_H
#define PAWL_BASE_ARENA_H

#include "base/base.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunk;
	size_t used; /* bytes handed out, for limits */
};

#define ARENA_INIT { NULL, 0 }
#define auto_arena CLEANUP(arena_done) struct arena

void arena_done(struct arena *a);
/* Zeroed and aligned for any type; lives until arena_done(). */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull));
/* A copy with a NUL behind it. */
char *arena_text(struct arena *a, const char *text, size_t len) __attribute__((returns_nonnull));

#endif
