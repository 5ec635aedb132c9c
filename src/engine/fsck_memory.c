/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fsck: the memory of a running engine. Everything live is in it as it is stored, its counters are what
 * counting gives, and no limit is exceeded. */
#include "engine/fsck_internal.h"

#include <string.h>

static void order_in_memory(struct facts *f, const struct order *o)
{
	const struct fact_order *row = map_get(&f->orders, (uint64_t)o->id);
	f->now->checked++;
	if (!row || !row->stored || row->state != o->state || row->run != o->run)
		fsck_wrong(f, _("%s is %s in memory, and otherwise on disk"), id_text('o', o->id).s,
			   state_name(ENTITY_ORDER, (int)o->state));
}

static void check_orders_memory(struct facts *f)
{
	int held = 0, blocked = 0, queued = 0;
	size_t at = 0;
	const struct order *o, *before = NULL;
	while ((o = map_next(&f->e->orders, &at))) {
		order_in_memory(f, o);
		held += o->state == ORDER_HELD;
		blocked += o->state == ORDER_BLOCKED;
		queued += o->state == ORDER_QUEUED;
	}
	at = 0;
	const struct fact_order *row;
	while ((row = map_next(&f->orders, &at)))
		if (row->stored && !state_final(ENTITY_ORDER, (int)row->state) &&
		    !map_get(&f->e->orders, (uint64_t)row->id))
			fsck_wrong(f, _("%s is %s on disk, but not in memory"), id_text('o', row->id).s,
				   state_name(ENTITY_ORDER, (int)row->state));
	if (held != f->e->held || blocked != f->e->blocked || queued != (int)queue_len(&f->e->queue))
		fsck_wrong(f, _("%d held, %d blocked and %d queued orders are counted as %d, %d and %d"), held, blocked,
			   queued, f->e->held, f->e->blocked, (int)queue_len(&f->e->queue));
	for (size_t i = 0; i < queue_len(&f->e->queue); i++) {
		o = queue_at(&f->e->queue, i);
		bool sorted = !before || before->priority > o->priority ||
			      (before->priority == o->priority &&
			       (before->place < o->place || (before->place == o->place && before->id < o->id)));
		if (!o || o->state != ORDER_QUEUED || queue_rank(o) != i || !sorted)
			fsck_wrong(f, _("place %zu of the queue is wrong"), i + 1);
		before = o;
	}
}

static void node_in_memory(struct facts *f, const struct run *r, const struct node *n)
{
	const struct fact_node *row = fact_node_find(f, r->id, n->idx, n->generation);
	enum node_state stored = row && row->stored ? row->state : NODE_PENDING;
	if (n->state != stored || (row && row->stored && row->token != n->token))
		fsck_wrong(f, _("%s is %s in memory, and %s on disk"), fact_name(r->id, n->idx),
			   state_name(ENTITY_NODE, (int)n->state), state_name(ENTITY_NODE, (int)stored));
	bool stepping = (n->state == NODE_RUNNING && n->token) || (n->state == NODE_VALIDATING && n->counted);
	if (stepping != (map_get(&f->e->tokens, (uint64_t)n->token) == n && n->token))
		fsck_wrong(f, _("%s runs, and nobody waits for its result"), fact_name(r->id, n->idx));
	if (stepping && !n->worker && !n->orphan)
		fsck_wrong(f, _("%s runs, and nobody has it"), fact_name(r->id, n->idx));
	if (n->worker && (n->worker->node != n || !stepping))
		fsck_wrong(f, _("%s and its worker disagree"), fact_name(r->id, n->idx));
	if (heap_has(&n->ready) && n->state != NODE_PENDING && n->state != NODE_RETRYING && !loop_between(n))
		fsck_wrong(f, _("%s is %s, and ready besides"), fact_name(r->id, n->idx),
			   state_name(ENTITY_NODE, (int)n->state));
	if (n->taken && !stepping && !loop_between(n))
		fsck_wrong(f, _("%s holds resources, but does not run"), fact_name(r->id, n->idx));
}

static void run_in_memory(struct facts *f, const struct run *r, int *steps)
{
	const struct fact_run *row = map_get(&f->runs, (uint64_t)r->id);
	int counts[NODE_STATE_COUNT] = { 0 }, running = 0;
	f->now->checked++;
	if (!row || !row->stored || row->state != r->state)
		fsck_wrong(f, _("%s is %s in memory, and otherwise on disk"), fact_name(r->id, -1),
			   state_name(ENTITY_RUN, (int)r->state));
	for (size_t i = 0; i < r->nnodes; i++) {
		const struct node *n = r->nodes[i];
		node_in_memory(f, r, n);
		if (node_counts(n))
			counts[n->state]++;
		running += (n->state == NODE_RUNNING && n->token) || (n->state == NODE_VALIDATING && n->counted);
	}
	if (memcmp(counts, r->counts, sizeof(counts)))
		fsck_wrong(f, _("%s counts its nodes wrongly"), fact_name(r->id, -1));
	if (running != r->steps)
		fsck_wrong(f, _("%s runs %d steps, counted as %d"), fact_name(r->id, -1), running, r->steps);
	*steps += running;
}

static void check_runs_memory(struct facts *f)
{
	int steps = 0, active = 0;
	size_t at = 0;
	const struct run *r;
	while ((r = map_next(&f->e->runs, &at))) {
		if (r->dead)
			continue;
		run_in_memory(f, r, &steps);
		active += !r->parent && r->state != RUN_PAUSED;
	}
	at = 0;
	const struct fact_run *row;
	while ((row = map_next(&f->runs, &at)))
		if (row->stored && !state_final(ENTITY_RUN, (int)row->state) && !map_get(&f->e->runs, (uint64_t)row->id))
			fsck_wrong(f, _("%s is %s on disk, but not in memory"), fact_name(row->id, -1),
				   state_name(ENTITY_RUN, (int)row->state));
	if (steps != f->e->steps_running || active != f->e->runs_active)
		fsck_wrong(f, _("%d steps of %d runs are counted as %d of %d"), steps, active, f->e->steps_running,
			   f->e->runs_active);
}

static void check_resources(struct facts *f)
{
	struct smap used = SMAP_INIT;
	size_t at = 0;
	const struct run *r;
	while ((r = map_next(&f->e->runs, &at)))
		for (size_t i = 0; i < r->nnodes; i++)
			for (size_t k = 0; r->nodes[i]->taken && k < r->nodes[i]->def->nuses; k++) {
				const char *name = r->graph->resources[r->nodes[i]->def->uses[k].resource].name;
				uintptr_t sum = (uintptr_t)smap_get(&used, name) + (unsigned int)r->nodes[i]->taken[k];
				if (sum)
					smap_put(&used, name, (void *)sum);
			}
	at = 0;
	const struct resource *res;
	const char *name;
	while ((res = smap_next(&f->e->resources, &at, &name))) {
		f->now->checked++;
		if ((int)(uintptr_t)smap_get(&used, name) != res->used)
			fsck_wrong(f, _("%d units of %s are taken, counted as %d"), (int)(uintptr_t)smap_get(&used, name), name,
				   res->used);
	}
	smap_done(&used);
}

static void check_workers(struct facts *f)
{
	int idle = 0, busy = 0;
	for (size_t i = 0; i < f->e->nworkers; i++) {
		const struct worker *w = f->e->workers[i];
		f->now->checked++;
		idle += w->in_idle;
		busy += w->phase == WORKER_BUSY;
		if (w->at != i || (w->in_idle && (w->node || w->phase == WORKER_BUSY)))
			fsck_wrong(f, _("the worker %lld is idle and busy at once"), (long long)w->pid);
	}
	if (idle != f->e->nidle || busy != f->e->busy)
		fsck_wrong(f, _("%d idle and %d busy workers are counted as %d and %d"), idle, busy, f->e->nidle,
			   f->e->busy);
}

void fsck_memory(struct facts *f)
{
	fsck_begin(f, "memory");
	if (f->e->storage_failed)
		return; /* what is on disk is read again when something can be stored */
	check_orders_memory(f);
	check_runs_memory(f);
	check_resources(f);
	check_workers(f);
}
