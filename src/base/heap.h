/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A binary heap of pointers whose elements know their place, so that any of them can be removed or
 * moved in O(log n). */
#ifndef PAWL_BASE_HEAP_H
#define PAWL_BASE_HEAP_H

#include "base/base.h"

/* Embedded in what is put into the heap. */
struct heap_node {
	size_t at; /* place + 1; 0 is "not in a heap" */
};

typedef bool (*heap_before_fn)(const struct heap_node *a, const struct heap_node *b);

struct heap {
	struct heap_node **v;
	size_t n, cap;
	heap_before_fn before;
};

void heap_init(struct heap *h, heap_before_fn before);
void heap_done(struct heap *h); /* not the elements */
void heap_add(struct heap *h, struct heap_node *e);
void heap_del(struct heap *h, struct heap_node *e); /* fine if it is not in */
void heap_moved(struct heap *h, struct heap_node *e); /* its key changed */
static inline struct heap_node *heap_min(const struct heap *h)
{
	return h->n ? h->v[0] : NULL;
}
static inline bool heap_has(const struct heap_node *e)
{
	return e->at != 0;
}

#endif
