/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: edges between nodes, both ways; cycles; ranks. Everything here is linear in nodes and
 * edges. */
#include "flow/load.h"

#include <string.h>

static const char *node_at(const void *ctx, size_t i)
{
	return ((const struct graph *)ctx)->nodes[i].name;
}

/* `seen` has a cell for each node: the last one, counted from 1, that needs it. */
static void add_edge(struct load *l, int from, const char *name, enum edge_when when, int line,
		     int column, int *seen)
{
	struct graph *g = l->g;
	struct graph_node *n = &g->nodes[from];
	int needed = graph_find(g, name);
	if (needed < 0)
		issue_at(l, line, column, _("there is no node '%s'%s"), word_of(name).s,
			 suggest(l, name, node_at, g, g->nnodes - g->nhandlers).s);
	else if (g->nodes[needed].handler)
		issue_at(l, line, column, _("%s is a handler; it runs at the end and cannot be needed"), name);
	else if (seen[needed] == from + 1)
		issue_at(l, line, column, _("'%s' is named twice; once is enough"), name);
	else {
		seen[needed] = from + 1;
		n->needs[n->nneeds++] = (struct graph_edge){ needed, when };
	}
}

static void add_conditions(struct load *l, int from, const struct tree *map, int *seen)
{
	const char *words[EDGE_WHEN_COUNT];
	for (int i = 0; i < EDGE_WHEN_COUNT; i++)
		words[i] = edge_when_name((enum edge_when)i);
	for (const struct tree *m = map->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		int when = load_word(l, m, words, EDGE_WHEN_COUNT);
		if (when >= 0)
			add_edge(l, from, m->key, (enum edge_when)when, m->key_line, m->key_column, seen);
		path_pop(l, before);
	}
}

static void add_needs(struct load *l, int from, int *seen)
{
	const struct tree *v = l->needs[from];
	struct graph_node *n = &l->g->nodes[from];
	size_t before = path_push(l, n->name), i = 0;
	path_push(l, "needs");
	if (v->kind == TREE_MAP) {
		n->needs = xcalloc(v->n, sizeof(*n->needs));
		add_conditions(l, from, v, seen);
	} else if (v->kind == TREE_LIST) {
		n->needs = xcalloc(v->n, sizeof(*n->needs));
		for (const struct tree *e = v->first; e; e = e->next) {
			size_t here = path_push_index(l, i++);
			if (load_scalar(l, e))
				add_edge(l, from, e->text, EDGE_SUCCESS, e->line, e->column, seen);
			path_pop(l, here);
		}
	} else if (v->kind != TREE_NULL) {
		n->needs = xcalloc(1, sizeof(*n->needs));
		add_edge(l, from, v->text, EDGE_SUCCESS, v->line, v->column, seen);
	}
	path_pop(l, before);
}

void load_needs(struct load *l)
{
	const struct graph *g = l->g;
	auto_free int *seen = xcalloc(g->nnodes, sizeof(*seen));
	for (size_t i = 0; i < g->nnodes; i++)
		if (l->needs[i])
			add_needs(l, (int)i, seen);
}

static void make_feeds(struct graph *g)
{
	for (size_t i = 0; i < g->nnodes; i++)
		for (size_t j = 0; j < g->nodes[i].nneeds; j++)
			g->nodes[g->nodes[i].needs[j].node].nfeeds++;
	for (size_t i = 0; i < g->nnodes; i++) {
		if (g->nodes[i].nfeeds)
			g->nodes[i].feeds = xcalloc(g->nodes[i].nfeeds, sizeof(int));
		g->nodes[i].nfeeds = 0;
	}
	for (size_t i = 0; i < g->nnodes; i++)
		for (size_t j = 0; j < g->nodes[i].nneeds; j++) {
			struct graph_node *needed = &g->nodes[g->nodes[i].needs[j].node];
			needed->feeds[needed->nfeeds++] = (int)i;
		}
}

/* Kahn 1962: each node behind all that it needs. Fewer than all when there are cycles; what is left in
 * `missing` is the number of needs of a node that are not in the order. */
static size_t make_order(const struct graph *g, int *order, size_t *missing)
{
	size_t norder = 0;
	for (size_t i = 0; i < g->nnodes; i++) {
		missing[i] = g->nodes[i].nneeds;
		if (!missing[i])
			order[norder++] = (int)i;
	}
	for (size_t at = 0; at < norder; at++) {
		const struct graph_node *n = &g->nodes[order[at]];
		for (size_t j = 0; j < n->nfeeds; j++)
			if (--missing[n->feeds[j]] == 0)
				order[norder++] = n->feeds[j];
	}
	return norder;
}

/* The cycle that `at` is on, in the order in which its nodes need each other. */
static void issue_cycle(struct load *l, const int *next, int at)
{
	const struct graph *g = l->g;
	auto_str chain = STR_INIT;
	size_t shown = 0, length = 0;
	int first = at;
	for (int n = next[at]; n != at; n = next[n])
		first = MIN(first, n); /* begin with the one that stands first in the file */
	int n = first;
	do {
		if (shown++ < 20)
			str_addf(&chain, "%s -> ", g->nodes[n].name);
		length++;
		n = next[n];
	} while (n != first);
	if (length > 20)
		str_addf(&chain, _("… %zu more … -> "), length - 20);
	str_add(&chain, g->nodes[first].name);
	const struct tree *v = l->needs[first];
	size_t before = path_push(l, "nodes");
	path_push(l, g->nodes[first].name);
	path_push(l, "needs");
	issue(l, v, _("the nodes need each other in a circle: %s; remove one of these needs"),
	      str_text(&chain));
	path_pop(l, before);
}

/* Every node that is not in the order needs another one that is not: following those ends in a cycle. */
static void find_cycles(struct load *l, const size_t *missing)
{
	const struct graph *g = l->g;
	auto_free int *walk = xcalloc(g->nnodes, sizeof(*walk)); /* by which walk a node was reached */
	auto_free int *next = xcalloc(g->nnodes, sizeof(*next));
	for (size_t i = 0; i < g->nnodes; i++) {
		int n = (int)i;
		while (missing[n] && !walk[n]) {
			walk[n] = (int)i + 1;
			for (size_t j = 0; j < g->nodes[n].nneeds; j++)
				if (missing[g->nodes[n].needs[j].node])
					next[n] = g->nodes[n].needs[j].node;
			n = next[n];
		}
		if (missing[i] && walk[n] == (int)i + 1)
			issue_cycle(l, next, n);
	}
}

void load_edges(struct load *l)
{
	struct graph *g = l->g;
	make_feeds(g);
	auto_free int *order = xcalloc(g->nnodes, sizeof(*order));
	auto_free size_t *missing = xcalloc(g->nnodes, sizeof(*missing));
	size_t norder = make_order(g, order, missing);
	if (norder < g->nnodes)
		find_cycles(l, missing);
	for (size_t i = norder; i-- > 0;) {
		struct graph_node *n = &g->nodes[order[i]];
		n->rank = 1;
		for (size_t j = 0; j < n->nfeeds; j++)
			n->rank = MAX(n->rank, g->nodes[n->feeds[j]].rank + 1);
	}
	load_refs(l, order, norder);
}
