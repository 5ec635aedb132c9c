/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/heap.h"

void heap_init(struct heap *h, heap_before_fn before)
{
	*h = (struct heap){ .before = before };
}

void heap_done(struct heap *h)
{
	free(h->v);
	h->v = NULL;
	h->n = h->cap = 0;
}

static void place(struct heap *h, size_t i, struct heap_node *e)
{
	h->v[i] = e;
	e->at = i + 1;
}

static void sift_up(struct heap *h, size_t i)
{
	struct heap_node *e = h->v[i];
	while (i > 0) {
		size_t parent = (i - 1) / 2;
		if (!h->before(e, h->v[parent]))
			break;
		place(h, i, h->v[parent]);
		i = parent;
	}
	place(h, i, e);
}

static void sift_down(struct heap *h, size_t i)
{
	struct heap_node *e = h->v[i];
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= h->n)
			break;
		if (child + 1 < h->n && h->before(h->v[child + 1], h->v[child]))
			child++;
		if (!h->before(h->v[child], e))
			break;
		place(h, i, h->v[child]);
		i = child;
	}
	place(h, i, e);
}

void heap_add(struct heap *h, struct heap_node *e)
{
	GROW(h->v, h->n, h->cap);
	place(h, h->n, e);
	h->n++;
	sift_up(h, h->n - 1);
}

void heap_moved(struct heap *h, struct heap_node *e)
{
	sift_up(h, e->at - 1);
	sift_down(h, e->at - 1);
}

void heap_del(struct heap *h, struct heap_node *e)
{
	if (!e->at)
		return;
	size_t i = e->at - 1;
	e->at = 0;
	struct heap_node *last = h->v[--h->n];
	if (last == e)
		return;
	place(h, i, last);
	heap_moved(h, last);
}
