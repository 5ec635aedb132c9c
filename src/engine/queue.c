/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The queue: a treap (Seidel, Aragon: Randomized search trees, 1996) over priority, place and id, with
 * the size of each subtree, so that adding, removing and the position are O(log n). */
#include "engine/engine_internal.h"

static bool before(const struct order *a, const struct order *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	if (a->place != b->place)
		return a->place < b->place;
	return a->id < b->id;
}

static uint32_t size_of(const struct order *o)
{
	return o ? o->size : 0;
}

static void update(struct order *o)
{
	o->size = 1 + size_of(o->left) + size_of(o->right);
	if (o->left)
		o->left->up = o;
	if (o->right)
		o->right->up = o;
}

/* Everything before `key` to *l, the rest to *r. */
static void split(struct order *t, const struct order *key, struct order **l, struct order **r)
{
	if (!t) {
		*l = *r = NULL;
	} else if (before(t, key)) {
		split(t->right, key, &t->right, r);
		*l = t;
		update(t);
	} else {
		split(t->left, key, l, &t->left);
		*r = t;
		update(t);
	}
}

static struct order *join(struct order *l, struct order *r)
{
	if (!l || !r)
		return l ? l : r;
	if (l->weight > r->weight) {
		l->right = join(l->right, r);
		update(l);
		return l;
	}
	r->left = join(l, r->left);
	update(r);
	return r;
}

void queue_add(struct queue *q, struct order *o)
{
	struct order *l, *r;
	o->left = o->right = o->up = NULL;
	o->size = 1;
	split(q->root, o, &l, &r);
	q->root = join(join(l, o), r);
	q->root->up = NULL;
}

void queue_del(struct queue *q, struct order *o)
{
	struct order *up = o->up, *rest = join(o->left, o->right);
	if (rest)
		rest->up = up;
	if (!up)
		q->root = rest;
	else if (up->left == o)
		up->left = rest;
	else
		up->right = rest;
	for (; up; up = up->up)
		up->size--;
	o->left = o->right = o->up = NULL;
	o->size = 0;
}

struct order *queue_first(const struct queue *q)
{
	struct order *o = q->root;
	while (o && o->left)
		o = o->left;
	return o;
}

struct order *queue_at(const struct queue *q, size_t i)
{
	struct order *o = q->root;
	while (o) {
		size_t l = size_of(o->left);
		if (i == l)
			return o;
		if (i < l) {
			o = o->left;
		} else {
			i -= l + 1;
			o = o->right;
		}
	}
	return NULL;
}

size_t queue_rank(const struct order *o)
{
	size_t rank = size_of(o->left);
	for (; o->up; o = o->up)
		if (o->up->right == o)
			rank += size_of(o->up->left) + 1;
	return rank;
}
