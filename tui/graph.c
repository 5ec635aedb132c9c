/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/graph.h"

#include "base/map.h"

#include <string.h>

#define NODE(rows, i) ((const struct node_row *)(rows)->v[i])

struct need { /* `node` needs `on` */
	int node, on;
};

struct work {
	const struct rows *nodes;
	struct smap by_name;
	struct graph_drawing *d;
	size_t box_cap, line_cap, max_boxes;
	struct need *need;
	size_t nneed, need_cap;
	int *box_of; /* of each node */
};

static int index_of(const struct work *w, const char *name)
{
	return (int)((intptr_t)smap_get(&w->by_name, name) - 1);
}

static void add_need(struct work *w, int node, const char *on)
{
	int i = index_of(w, on);
	if (i < 0 || i == node)
		return;
	GROW(w->need, w->nneed, w->need_cap);
	w->need[w->nneed++] = (struct need){ node, i };
}

/* The instances of a group stand between what the group needs and the group itself, which ends with them. */
static void find_needs(struct work *w)
{
	bool *has_instances = xcalloc(w->nodes->n + 1, sizeof(*has_instances));
	for (size_t i = 0; i < w->nodes->n; i++) {
		const struct node_row *n = NODE(w->nodes, i);
		int group = n->group ? index_of(w, n->group) : -1;
		if (group < 0)
			continue;
		has_instances[group] = true;
		add_need(w, group, n->row.id);
		const struct node_row *g = NODE(w->nodes, group);
		for (size_t k = 0; k < g->nneeds; k++)
			add_need(w, (int)i, g->needs[k]);
	}
	for (size_t i = 0; i < w->nodes->n; i++) {
		const struct node_row *n = NODE(w->nodes, i);
		for (size_t k = 0; !has_instances[i] && k < n->nneeds; k++)
			add_need(w, (int)i, n->needs[k]);
	}
	free(has_instances);
}

/* Longest path from a start: relax until nothing moves. The engine gives the nodes nearly in graph order, so
 * this is a few rounds; a circle cannot be, but must not hang the console. */
static void find_depths(struct work *w)
{
	bool moved = true;
	for (size_t round = 0; moved && round < w->nodes->n + 1 && round < 1000; round++) {
		moved = false;
		for (size_t k = 0; k < w->nneed; k++) {
			int depth = w->d->depth[w->need[k].on] + 1;
			if (depth <= w->d->depth[w->need[k].node] || depth > (int)w->nodes->n)
				continue;
			w->d->depth[w->need[k].node] = depth;
			moved = true;
		}
	}
}

/* Handlers need nothing and run at the end: they stand there. */
static void place_handlers(struct work *w)
{
	int last = 0;
	for (size_t i = 0; i < w->nodes->n; i++)
		if (!NODE(w->nodes, i)->handler)
			last = MAX(last, w->d->depth[i] + 1);
	for (size_t i = 0; i < w->nodes->n; i++)
		if (NODE(w->nodes, i)->handler)
			w->d->depth[i] = last;
}

static int add_box(struct work *w, int node, int layer)
{
	struct graph_drawing *d = w->d;
	if (d->nbox >= w->max_boxes)
		return -1;
	GROW(d->box, d->nbox, w->box_cap);
	d->box[d->nbox] = (struct graph_box){ .node = node, .layer = layer };
	d->layers = MAX(d->layers, layer + 1);
	return (int)d->nbox++;
}

static void add_line(struct work *w, int from, int to)
{
	struct graph_drawing *d = w->d;
	GROW(d->line, d->nline, w->line_cap);
	d->line[d->nline++] = (struct graph_line){ from, to };
}

/* An edge over several layers passes through a box of its own in each. */
static bool add_edge(struct work *w, int need, int node)
{
	int from = w->box_of[need];
	for (int layer = w->d->depth[need] + 1; layer < w->d->depth[node]; layer++) {
		int through = add_box(w, -1, layer);
		if (through < 0)
			return false;
		add_line(w, from, through);
		from = through;
	}
	add_line(w, from, w->box_of[node]);
	return true;
}

static void place_layer(struct graph_drawing *d, int layer)
{
	/* Insertion by barycentre; layers are small. */
	int slot = 0;
	for (;;) {
		int best = -1;
		for (size_t i = 0; i < d->nbox; i++)
			if (d->box[i].layer == layer && d->box[i].slot < 0 &&
			    (best < 0 || d->box[i].place < d->box[best].place))
				best = (int)i;
		if (best < 0)
			return;
		slot = MAX(slot, (int)d->box[best].place);
		d->box[best].slot = slot++;
		d->slots = MAX(d->slots, slot);
	}
}

static void place(struct graph_drawing *d)
{
	for (int pass = 0; pass < 2; pass++) {
		d->slots = 0;
		for (int layer = 0; layer < d->layers; layer++) {
			double order = 0;
			for (size_t i = 0; i < d->nbox; i++) {
				if (d->box[i].layer != layer)
					continue;
				double sum = 0;
				int n = 0;
				for (size_t k = 0; k < d->nline; k++) {
					if (d->line[k].to != (int)i)
						continue;
					sum += d->box[d->line[k].from].slot;
					n++;
				}
				d->box[i].place = n ? sum / n : layer ? 0 : order++;
				d->box[i].slot = -1;
			}
			place_layer(d, layer);
		}
	}
}

void graph_layout(const struct rows *nodes, size_t max_boxes, struct graph_drawing *d)
{
	*d = (struct graph_drawing){ .fits = true };
	d->depth = xcalloc(nodes->n + 1, sizeof(*d->depth));
	struct work w = { .nodes = nodes, .d = d, .max_boxes = max_boxes };
	w.box_of = xcalloc(nodes->n + 1, sizeof(*w.box_of));
	for (size_t i = 0; i < nodes->n; i++)
		smap_put(&w.by_name, nodes->v[i]->id, (void *)(intptr_t)(i + 1));
	find_needs(&w);
	find_depths(&w);
	place_handlers(&w);
	for (size_t i = 0; i < nodes->n && d->fits; i++) {
		w.box_of[i] = add_box(&w, (int)i, d->depth[i]);
		d->fits = w.box_of[i] >= 0;
	}
	for (size_t k = 0; k < w.nneed && d->fits; k++)
		if (d->depth[w.need[k].on] < d->depth[w.need[k].node])
			d->fits = add_edge(&w, w.need[k].on, w.need[k].node);
	if (d->fits)
		place(d);
	free(w.box_of);
	free(w.need);
	smap_done(&w.by_name);
}

void graph_drawing_done(struct graph_drawing *d)
{
	free(d->box);
	free(d->line);
	free(d->depth);
	*d = (struct graph_drawing){ 0 };
}
