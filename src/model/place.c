/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where nodes stand: the history of a run names its nodes by their places, so a definition that takes the place of
 * another one in the middle of a run is put into the places of that. */
#include "model/graph.h"
#include "base/str.h"

#include <string.h>

/* A handler is written with a mark, as a node may be called the same. */
static int find(const struct graph *g, const char *place)
{
	if (!place)
		return -1;
	if (place[0] != PLACE_HANDLER) {
		int i = graph_find(g, place);
		return i >= 0 && g->nodes[i].handler == HANDLER_NONE ? i : -1;
	}
	for (size_t i = g->nnodes - g->nhandlers; i < g->nnodes; i++)
		if (g->nodes[i].handler != HANDLER_NONE && str_eq(g->nodes[i].name, place + 1))
			return (int)i;
	return -1;
}

static void leave(struct graph_node *n, const char *place)
{
	*n = (struct graph_node){ .handler = HANDLER_GONE, .kind = NODE_RUN,
				  .name = xstrdup(!place ? "" : place[0] == PLACE_HANDLER ? place + 1 : place) };
	n->retry.max_attempts = 1;
}

static void move_edges(struct graph_node *n, const int *to)
{
	for (size_t i = 0; i < n->nneeds; i++)
		n->needs[i].node = to[n->needs[i].node];
	for (size_t i = 0; i < n->nfeeds; i++)
		n->feeds[i] = to[n->feeds[i]];
	if (n->kind == NODE_APPROVAL)
		for (size_t i = 0; i < n->approval.nto; i++)
			n->approval.to[i] = to[n->approval.to[i]];
	if (n->kind == NODE_GROUP && n->group.body)
		move_edges(n->group.body, to);
}

enum err_code graph_place(struct graph *g, const char *const *places, size_t n, struct err *err)
{
	auto_free int *to = xcalloc(g->nnodes + 1, sizeof(*to));
	size_t end = n, gone = 0;
	for (size_t i = 0; i < g->nnodes; i++)
		to[i] = -1;
	for (size_t i = 0; i < n; i++) {
		int at = find(g, places[i]);
		if (at >= 0 && to[at] < 0)
			to[at] = (int)i;
	}
	for (size_t i = 0; i < g->nnodes; i++)
		if (to[i] < 0)
			to[i] = (int)end++;
	if (end > GRAPH_NODES_MAX)
		return err_set(err, ERR_TOO_LARGE, _("with those that it had the run would have more than %d nodes"), GRAPH_NODES_MAX);
	struct graph_node *v = xcalloc(end + 1, sizeof(*v));
	for (size_t i = 0; i < g->nnodes; i++) {
		v[to[i]] = g->nodes[i];
		move_edges(&v[to[i]], to);
	}
	for (size_t i = 0; i < n; i++)
		if (!v[i].name) {
			leave(&v[i], places[i]);
			gone++;
		}
	struct smap names = SMAP_INIT;
	const char *name;
	const struct graph_node *was;
	for (size_t at = 0; (was = smap_next(&g->by_name, &at, &name));)
		smap_put(&names, name, &v[to[was - g->nodes]]);
	smap_done(&g->by_name);
	free(g->nodes);
	g->by_name = names;
	g->nodes = v;
	g->nnodes = end;
	g->nhandlers += gone;
	g->placed = true;
	return ERR_OK;
}

size_t graph_handlers_from(const struct graph *g)
{
	return g->placed ? 0 : g->nnodes - g->nhandlers;
}

bool graph_has(const struct graph *g, int idx)
{
	return idx >= 0 && (size_t)idx < g->nnodes && g->nodes[idx].handler != HANDLER_GONE;
}

bool graph_is_hole(const struct graph *g, int idx)
{
	return idx >= 0 && (size_t)idx < g->nnodes && g->nodes[idx].handler == HANDLER_GONE && !g->nodes[idx].name[0];
}

bool graph_is_beyond(const struct graph *g, int idx)
{
	return (idx >= 0 && (size_t)idx >= g->nnodes) || graph_is_hole(g, idx);
}

int graph_find_gone(const struct graph *g, const char *name)
{
	for (size_t i = 0; g->placed && i < g->nnodes; i++)
		if (g->nodes[i].handler == HANDLER_GONE && g->nodes[i].name[0] && str_eq(g->nodes[i].name, name))
			return (int)i;
	return -1;
}

bool graph_same_needs(const struct graph *a, int i, const struct graph *b, int k)
{
	const struct graph_node *x = &a->nodes[i], *y = &b->nodes[k];
	if (x->nneeds != y->nneeds)
		return false;
	for (size_t n = 0; n < x->nneeds; n++) {
		bool found = false;
		for (size_t m = 0; m < y->nneeds && !found; m++)
			found = x->needs[n].when == y->needs[m].when &&
				str_eq(a->nodes[x->needs[n].node].name, b->nodes[y->needs[m].node].name);
		if (!found)
			return false;
	}
	return true;
}
