/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fsck: runs against their definitions. A node ran only after everything that it needs had ended as wanted,
 * seen from its own generation; a run that ended left nothing undone. */
#include "engine/fsck_internal.h"

#include <inttypes.h>
#include <string.h>

#define GRAPHS_KEPT 64

struct graphs {
	struct map by_hash; /* first 8 bytes → struct graph */
};

static const struct graph *graph_of(struct facts *f, struct graphs *gs, const struct fact_run *r)
{
	uint64_t key;
	memcpy(&key, r->workflow.b, sizeof(key));
	struct graph *g = map_get(&gs->by_hash, key);
	if (g)
		return graph_sub(g, r->sub);
	if (gs->by_hash.n >= GRAPHS_KEPT) {
		size_t at = 0;
		while ((g = map_next(&gs->by_hash, &at)))
			graph_free(g);
		map_done(&gs->by_hash);
		gs->by_hash = (struct map)MAP_INIT;
	}
	struct err err;
	if (definition_load(f->store, &r->workflow, &g, &err)) {
		fsck_wrong(f, _("%s: its definition cannot be read: %s"), fact_name(r->id, -1), err.message);
		return NULL;
	}
	map_put(&gs->by_hash, key, g);
	return graph_sub(g, r->sub);
}

/* Node `idx` as generation `generation` sees it: the newest that is not newer. NULL: it has no row. */
static const struct fact_node *seen(const struct facts *f, const struct fact_run *r, int idx, int generation)
{
	const struct fact_node *n = NULL;
	for (; generation > 0 && (!n || !n->stored); generation--)
		n = fact_node_find(f, r->id, idx, generation);
	return n && n->stored ? n : NULL;
}

static bool edge_fits(const struct graph_edge *edge, const struct fact_node *m, const struct graph_node *def)
{
	switch (edge->when) {
	case EDGE_SUCCESS:
		return m->state == NODE_SUCCEEDED || (m->state == NODE_SKIPPED && def->allow_skipped && !m->by_needs);
	case EDGE_FAILURE:
		return m->state == NODE_FAILED;
	case EDGE_DONE:
	case EDGE_WHEN_COUNT:
		break;
	}
	return true;
}

static void check_node(struct facts *f, const struct fact_run *r, const struct graph *g, const struct fact_node *n,
		       const struct graph_node *def)
{
	f->now->checked++;
	bool asks = def->when && expr_asks_outcome(def->when);
	for (size_t i = 0; i < def->nneeds && n->first_run; i++) {
		const struct graph_edge *edge = &def->needs[i];
		const struct fact_node *m = seen(f, r, edge->node, n->generation);
		const char *needed = g->nodes[edge->node].name;
		if (!m || !state_final(ENTITY_NODE, (int)m->state))
			fsck_wrong(f, _("%s (%s) ran, but %s has not ended"), fact_name(r->id, n->idx), def->name, needed);
		else if (m->last > n->first_run)
			fsck_wrong(f, _("%s (%s) ran before %s ended"), fact_name(r->id, n->idx), def->name, needed);
		else if (!asks && !edge_fits(edge, m, &g->nodes[edge->node]))
			fsck_wrong(f, _("%s (%s) ran, although %s is %s"), fact_name(r->id, n->idx), def->name, needed,
				   state_name(ENTITY_NODE, (int)m->state));
	}
	if (n->state != NODE_RUNNING)
		return;
	if (def->kind == NODE_GROUP ? n->token || n->child : def->kind == NODE_WORKFLOW ? n->token || !n->child : !n->token)
		fsck_wrong(f, _("%s (%s) runs, but not as a node of its kind does"), fact_name(r->id, n->idx), def->name);
}

static void check_instance(struct facts *f, const struct fact_run *r, const struct graph *g, const struct fact_node *n)
{
	int parent = r->instances[n->idx - (int)g->nnodes];
	f->now->checked++;
	if (parent < 0 || (size_t)parent >= g->nnodes || g->nodes[parent].kind != NODE_GROUP) {
		fsck_wrong(f, _("%s is an instance of what is no group"), fact_name(r->id, n->idx));
		return;
	}
	const struct fact_node *group = seen(f, r, parent, n->generation);
	if (n->first_run && (!group || !group->first_run || group->first_run > n->first_run))
		fsck_wrong(f, _("%s ran before its group did"), fact_name(r->id, n->idx));
	if (group && group->state == NODE_SUCCEEDED && !state_final(ENTITY_NODE, (int)n->state))
		fsck_wrong(f, _("%s is %s, but its group succeeded"), fact_name(r->id, n->idx),
			   state_name(ENTITY_NODE, (int)n->state));
}

/* What the row of an ended run says of its nodes. */
static void check_counts(struct facts *f, const struct fact_run *r, const struct graph *g)
{
	auto_json *v = NULL;
	int counts[NODE_STATE_COUNT] = { 0 };
	int ordinary = (int)(g->nnodes - g->nhandlers), total = ordinary + (int)r->ninstances, rows = 0;
	for (size_t i = 0; i < r->nnodes; i++) {
		const struct fact_node *n = r->nodes[i];
		bool newest = i + 1 == r->nnodes || r->nodes[i + 1]->idx != n->idx;
		bool handler = n->idx >= ordinary && (size_t)n->idx < g->nnodes;
		if (!newest || handler)
			continue;
		counts[n->state]++;
		rows++;
	}
	if (r->state == RUN_SUCCEEDED && rows != total)
		fsck_wrong(f, _("%s succeeded, but %d of its nodes never ended"), fact_name(r->id, -1), total - rows);
	if (!r->counts || json_parse(r->counts, strlen(r->counts), 64 * KIB, &v, NULL)) {
		fsck_wrong(f, _("%s has ended, but its counts are not readable"), fact_name(r->id, -1));
		return;
	}
	static const enum node_state shown[] = { NODE_SUCCEEDED, NODE_FAILED, NODE_SKIPPED, NODE_CANCELED };
	for (size_t i = 0; i < COUNT(shown); i++) {
		const char *name = state_name(ENTITY_NODE, (int)shown[i]);
		if (json_get_int(v, name, -1) != counts[shown[i]])
			fsck_wrong(f, _("%s says that %d nodes are %s, there are %d"), fact_name(r->id, -1),
				   (int)json_get_int(v, name, -1), name, counts[shown[i]]);
	}
	if (json_get_int(v, "total", -1) != total)
		fsck_wrong(f, _("%s says that it has %d nodes, it has %d"), fact_name(r->id, -1),
			   (int)json_get_int(v, "total", -1), total);
}

static void check_run(struct facts *f, struct graphs *gs, const struct fact_run *r)
{
	const struct graph *g = graph_of(f, gs, r);
	if (!g)
		return;
	if (r->ninstances > 0 && r->first_instance != (int)g->nnodes)
		fsck_wrong(f, _("%s: its instances are numbered from %d, not %zu"), fact_name(r->id, -1), r->first_instance,
			   g->nnodes);
	for (size_t i = 0; i < r->nnodes; i++) {
		const struct fact_node *n = r->nodes[i];
		if ((size_t)n->idx < g->nnodes)
			check_node(f, r, g, n, &g->nodes[n->idx]);
		else if ((size_t)n->idx < g->nnodes + r->ninstances)
			check_instance(f, r, g, n);
		else
			fsck_wrong(f, _("%s is not in the graph"), fact_name(r->id, n->idx));
	}
	if (state_final(ENTITY_RUN, (int)r->state))
		check_counts(f, r, g);
}

void fsck_graphs(struct facts *f)
{
	struct graphs gs = { MAP_INIT };
	fsck_begin(f, "needs");
	size_t at = 0;
	const struct fact_run *r;
	while ((r = map_next(&f->runs, &at)))
		if (r->stored)
			check_run(f, &gs, r);
	at = 0;
	struct graph *g;
	while ((g = map_next(&gs.by_hash, &at)))
		graph_free(g);
	map_done(&gs.by_hash);
}
