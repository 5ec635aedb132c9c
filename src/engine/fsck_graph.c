/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fsck: runs against their definitions. A node ran only after everything that it needs had ended as wanted,
 * seen from its own generation; a run that ended left nothing undone. */
#include "engine/fsck_internal.h"
#include "store/steer.h"

#include <inttypes.h>
#include <string.h>

#define GRAPHS_KEPT 64

struct graphs {
	struct map by_hash; /* first 8 bytes → struct graph */
};

/* Between two runs: what is looked at stays. */
static void graphs_drop(struct graphs *gs)
{
	size_t at = 0;
	struct graph *g;
	while ((g = map_next(&gs->by_hash, &at)))
		graph_free(g);
	map_done(&gs->by_hash);
	gs->by_hash = (struct map)MAP_INIT;
}

static const struct graph *graph_of(struct facts *f, struct graphs *gs, const struct fact_run *r)
{
	uint64_t key;
	memcpy(&key, r->workflow.b, sizeof(key));
	struct graph *g = map_get(&gs->by_hash, key);
	if (g)
		return graph_sub(g, r->sub);
	struct err err;
	if (definition_load(f->store, &r->workflow, &g, &err)) {
		fsck_wrong(f, _("%s: its definition cannot be read: %s"), fact_name(r->id, -1), err.message);
		return NULL;
	}
	map_put(&gs->by_hash, key, g);
	return graph_sub(g, r->sub);
}

/* Of an earlier generation, whose definition was another one. */
static const struct graph *graph_then(struct facts *f, struct graphs *gs, const struct fact_run *r, int generation,
				      const struct graph *now)
{
	struct fact_run then = { .id = r->id, .sub = r->sub };
	if (!store_run_definition(f->store, r->id, generation, &then.workflow) ||
	    memcmp(&then.workflow, &r->workflow, sizeof(then.workflow)) == 0)
		return now;
	return graph_of(f, gs, &then);
}

static const struct fact_instance *instance_of(const struct fact_run *r, int idx)
{
	size_t low = 0, high = r->ninstances;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (r->instances[mid].idx < idx)
			low = mid + 1;
		else
			high = mid;
	}
	return low < r->ninstances && r->instances[low].idx == idx ? &r->instances[low] : NULL;
}

/* It stands behind what was known when it came, each behind the other. */
static void check_places(struct facts *f, const struct fact_run *r, const struct graph *g)
{
	int next = (int)g->nnodes;
	for (size_t i = 0; i < r->ninstances; i++) {
		int idx = r->instances[i].idx;
		if (graph_is_hole(g, idx))
			continue;
		if (idx != next)
			fsck_wrong(f, _("%s: an instance before it is missing"), fact_name(r->id, idx));
		next = idx + 1;
	}
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
		const struct fact_node *m = fact_node_seen(f, r->id, edge->node, n->generation);
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

/* Whether an instance is of an earlier expansion of its group. */
static bool is_superseded(const struct facts *f, const struct fact_run *r, const struct fact_instance *i)
{
	const struct fact_node *group = fact_node_seen(f, r->id, i->parent, r->generation);
	return !group || group->iteration != i->expansion;
}

static void check_instance(struct facts *f, const struct fact_run *r, const struct graph *g, const struct fact_node *n)
{
	const struct fact_instance *i = instance_of(r, n->idx);
	f->now->checked++;
	if (i->parent >= 0 && (size_t)i->parent < g->nnodes && g->nodes[i->parent].handler == HANDLER_GONE)
		return; /* the definition has its group no more */
	if (i->parent < 0 || (size_t)i->parent >= g->nnodes || g->nodes[i->parent].kind != NODE_GROUP) {
		fsck_wrong(f, _("%s is an instance of what is no group"), fact_name(r->id, n->idx));
		return;
	}
	const struct fact_node *group = fact_node_seen(f, r->id, i->parent, n->generation);
	if (n->first_run && (!group || !group->first_run || group->first_run > n->first_run))
		fsck_wrong(f, _("%s ran before its group did"), fact_name(r->id, n->idx));
	group = fact_node_seen(f, r->id, i->parent, r->generation);
	bool newest = fact_node_seen(f, r->id, n->idx, r->generation) == n;
	if (newest && group && group->state == NODE_SUCCEEDED && !is_superseded(f, r, i) &&
	    !state_final(ENTITY_NODE, (int)n->state))
		fsck_wrong(f, _("%s is %s, but its group succeeded"), fact_name(r->id, n->idx),
			   state_name(ENTITY_NODE, (int)n->state));
}

/* Handlers and instances of earlier expansions are not counted. */
static bool is_counted(const struct facts *f, const struct fact_run *r, const struct graph *g, int idx)
{
	const struct fact_instance *i = instance_of(r, idx);
	if (!i)
		return graph_has(g, idx) && g->nodes[idx].handler == HANDLER_NONE;
	return graph_has(g, i->parent) && !is_superseded(f, r, i);
}

/* What the row of an ended run says of its nodes. `then`: the definition by which it ended; it may have been given
 * another one since, whose nodes come with the next way back. */
static void check_counts(struct facts *f, const struct fact_run *r, const struct graph *g, const struct graph *then)
{
	auto_json *v = NULL;
	int counts[NODE_STATE_COUNT] = { 0 }, total = 0, ended = 0;
	for (size_t i = 0; i < g->nnodes; i++)
		total += graph_has(g, (int)i) && graph_has(then, (int)i) && is_counted(f, r, g, (int)i);
	for (size_t i = 0; i < r->ninstances; i++)
		total += is_counted(f, r, g, r->instances[i].idx);
	for (size_t i = 0; i < r->nnodes; i++) {
		const struct fact_node *n = r->nodes[i];
		bool newest = i + 1 == r->nnodes || r->nodes[i + 1]->idx != n->idx;
		bool here = graph_has(then, n->idx) || graph_is_beyond(g, n->idx);
		if (!newest || !here || !is_counted(f, r, g, n->idx))
			continue;
		bool bad = n->state == NODE_FAILED || n->state == NODE_CANCELED;
		if (r->state == RUN_SUCCEEDED && bad && graph_has(g, n->idx) && g->nodes[n->idx].critical)
			fsck_wrong(f, _("%s succeeded, but its node %d is %s"), fact_name(r->id, -1), n->idx,
				   state_name(ENTITY_NODE, (int)n->state));
		counts[n->state]++;
		ended += state_final(ENTITY_NODE, (int)n->state);
	}
	if (r->state == RUN_SUCCEEDED && ended != total)
		fsck_wrong(f, _("%s succeeded, but %d of its nodes never ended"), fact_name(r->id, -1), total - ended);
	if (g != then)
		return;
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
	if (gs->by_hash.n >= GRAPHS_KEPT)
		graphs_drop(gs);
	const struct graph *g = graph_of(f, gs, r);
	if (!g)
		return;
	struct hash any;
	bool edited = store_run_definition(f->store, r->id, INT32_MAX, &any);
	check_places(f, r, g);
	for (size_t i = 0; i < r->nnodes; i++) {
		const struct fact_node *n = r->nodes[i];
		const struct graph *then = edited ? graph_then(f, gs, r, n->generation, g) : g;
		if (instance_of(r, n->idx))
			check_instance(f, r, g, n);
		else if ((size_t)n->idx >= g->nnodes || graph_is_hole(g, n->idx))
			fsck_wrong(f, _("%s is not in the graph"), fact_name(r->id, n->idx));
		else if (then && graph_has(then, n->idx))
			check_node(f, r, then, n, &then->nodes[n->idx]);
	}
	int last = 1;
	for (size_t i = 0; i < r->nnodes; i++)
		last = MAX(last, r->nodes[i]->generation);
	const struct graph *then = edited ? graph_then(f, gs, r, last, g) : g;
	if (state_final(ENTITY_RUN, (int)r->state) && then)
		check_counts(f, r, g, then);
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
	graphs_drop(&gs);
}
