/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must be true after every turn: limits hold, counters are what counting gives, positions are what sorting
 * gives, and nothing that could go on stands still. */
#include "tests/sim/simulate.h"
#include "engine/engine_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void violation(struct simulation *s, const char *fmt, ...)
{
	if (s->problem[0])
		return;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(s->problem, sizeof(s->problem), fmt, ap);
	va_end(ap);
	world_say(s->w, "VIOLATION: %s", s->problem);
}

/* ---- orders ---- */

static bool goes_before(const struct order *a, const struct order *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	return a->place != b->place ? a->place < b->place : a->id < b->id;
}

static void check_queue(struct simulation *s, struct engine *e)
{
	int held = 0, blocked = 0, queued = 0;
	size_t at = 0;
	const struct order *o;
	while ((o = map_next(&e->orders, &at))) {
		held += o->state == ORDER_HELD;
		blocked += o->state == ORDER_BLOCKED;
		queued += o->state == ORDER_QUEUED;
		if (o->state != ORDER_QUEUED)
			continue;
		size_t rank = 0, at2 = 0;
		const struct order *p;
		while ((p = map_next(&e->orders, &at2)))
			rank += p->state == ORDER_QUEUED && p != o && goes_before(p, o);
		int64_t estimate;
		if ((int64_t)rank + 1 != engine_position(e, o->id, &estimate))
			violation(s, "%s is at place %zu, not %d", id_text('o', o->id).s, rank + 1,
				  (int)engine_position(e, o->id, &estimate));
	}
	if (held != e->held || blocked != e->blocked || queued != (int)queue_len(&e->queue))
		violation(s, "orders are miscounted");
	if (queued > 0 && !e->queue_paused && e->runs_active < e->settings->runs && !s->w->faults.workspace_fails)
		violation(s, "%d orders wait, and %d of %d runs run", queued, e->runs_active, e->settings->runs);
}

/* ---- runs ---- */

static void check_group(struct simulation *s, const struct run *r, const struct node *g)
{
	int done = 0, failed = 0, active = 0;
	for (int i = 0; i < g->ninstances; i++) {
		const struct node *n = r->nodes[g->first_instance + i];
		bool final = state_final(ENTITY_NODE, (int)n->state);
		done += final;
		failed += n->state == NODE_FAILED && n->def->critical;
		active += !final && n->state != NODE_PENDING;
		if (final && g->state == NODE_PENDING && r->generation == 1)
			violation(s, "%s ended before its group began", n->name);
	}
	if (done != g->instances_done || failed != g->instances_failed || active != g->instances_active)
		violation(s, "group %s counts %d done, %d failed, %d active: %d, %d, %d", g->name, g->instances_done,
			  g->instances_failed, g->instances_active, done, failed, active);
	if (g->def->group.max_parallel > 0 && active > g->def->group.max_parallel)
		violation(s, "group %s runs %d at once", g->name, active);
}

/* A node that has all it needs is in a heap, from which it will start. */
static bool is_forgotten(const struct run *r, const struct node *n)
{
	if (loop_between(n) && r->state != RUN_CANCELING && !heap_has(&n->ready))
		return true;
	if (n->state != NODE_PENDING || !node_counts(n) || (r->failing && !node_goes_on(n)) || r->phase != PHASE_MAIN)
		return false;
	if (r->state == RUN_CANCELING || r->state == RUN_PREPARING || r->state == RUN_ROLLING_BACK)
		return false;
	if (heap_has(&n->ready) || n->snapping)
		return false;
	if (n->parent >= 0)
		return r->nodes[n->parent]->state == NODE_RUNNING;
	return n->unmet == 0;
}

static void check_node(struct simulation *s, const struct run *r, const struct node *n)
{
	int unmet = 0;
	for (size_t i = 0; n->parent < 0 && i < n->def->nneeds; i++)
		unmet += !state_final(ENTITY_NODE, (int)r->nodes[n->def->needs[i].node]->state);
	if (r->state != RUN_CANCELING && n->parent < 0 && unmet != n->unmet)
		violation(s, "%s waits for %d, not %d", n->name, unmet, n->unmet);
	if (is_forgotten(r, n))
		violation(s, "%s of %s could run, and nobody knows", n->name, id_text('r', r->id).s);
	bool in_it = n->state == NODE_RUNNING || (n->state == NODE_VALIDATING && n->counted);
	if (in_it && n->token && !n->worker && !n->orphan && !n->held)
		violation(s, "%s runs, and nobody has it", n->name);
	if (n->def->kind == NODE_GROUP && n->parent < 0)
		check_group(s, r, n);
}

static void check_run(struct simulation *s, struct engine *e, struct run *r)
{
	int counts[NODE_STATE_COUNT] = { 0 }, steps = 0;
	for (size_t i = 0; i < r->nnodes; i++) {
		const struct node *n = r->nodes[i];
		check_node(s, r, n);
		if (node_counts(n))
			counts[n->state]++;
		steps += (n->state == NODE_RUNNING && n->token) || (n->state == NODE_VALIDATING && n->counted);
	}
	const char *id = id_text('r', r->id).s;
	if (memcmp(counts, r->counts, sizeof(counts)) || steps != r->steps)
		violation(s, "%s miscounts its nodes", id);
	if (r->graph->concurrency > 0 && steps > r->graph->concurrency)
		violation(s, "%s runs %d steps of %d", id, steps, r->graph->concurrency);
	if (r->state == RUN_PAUSED && steps > 0)
		violation(s, "%s is paused, and runs", id);
	bool could = run_starts(r) && r->ready.n > 0 && !run_step_of(r);
	if (could && e->idle && e->steps_running < e->settings->steps)
		violation(s, "%s could start something, and a worker is idle", id);
}

static bool fits(const struct engine *e, const struct node *n)
{
	for (size_t i = 0; i < n->def->nuses; i++) {
		const struct resource *res =
			smap_get(&e->resources, n->run->graph->resources[n->def->uses[i].resource].name);
		if (res->used + MIN(n->def->uses[i].units, res->capacity) > res->capacity)
			return false;
	}
	return true;
}

/* Whoever waits for a resource that is free has somebody before it who is about to take it. */
static void check_waiting(struct simulation *s, const struct engine *e, const struct resource *res)
{
	const struct node *first = res->waiting.n ? CONTAINER_OF(heap_min(&res->waiting), struct node, ready) : NULL;
	if (!first || !fits(e, first) || first->run->state != RUN_RUNNING)
		return;
	size_t at = 0;
	const struct run *r;
	while ((r = map_next(&e->runs, &at)))
		for (size_t i = 0; i < r->ready.n && r->state == RUN_RUNNING; i++)
			if (CONTAINER_OF(r->ready.v[i], struct node, ready)->def->nuses)
				return;
	violation(s, "%s waits for %s, which is free", first->name, res->name);
}

static void check_limits(struct simulation *s, const struct engine *e)
{
	if (e->steps_running > e->settings->steps)
		violation(s, "%d steps run, allowed are %d", e->steps_running, e->settings->steps);
	size_t at = 0;
	const struct resource *res;
	while ((res = smap_next(&e->resources, &at, NULL))) {
		check_waiting(s, e, res);
		if (res->used < 0 || (!s->plan->uneven && res->used > res->capacity))
			violation(s, "%d of %d units of %s are taken", res->used, res->capacity, res->name);
	}
}

/* Nobody runs a step of a node twice at the same time. */
static void check_twice(struct simulation *s)
{
	for (size_t i = 0; i < s->w->nworkers; i++) {
		const struct sim_worker *a = s->w->workers[i];
		if (!a->alive || a->phase != WORKER_BUSY || a->stop == CLASS_CANCELED)
			continue;
		for (size_t k = i + 1; k < s->w->nworkers; k++) {
			const struct sim_worker *b = s->w->workers[k];
			if (b->alive && b->phase == WORKER_BUSY && b->stop != CLASS_CANCELED && b->key.run == a->key.run &&
			    b->key.node == a->key.node)
				violation(s, "two workers run %s of %s", a->node, a->run);
		}
	}
}

void check_turn(struct simulation *s)
{
	struct engine *e = s->w->e;
	s->turns++;
	check_twice(s);
	if (e->storage_failed || e->draining)
		return;
	check_queue(s, e);
	check_limits(s, e);
	size_t at = 0;
	struct run *r;
	int active = 0, steps = 0;
	while ((r = map_next(&e->runs, &at))) {
		check_run(s, e, r);
		active += !r->parent && r->state != RUN_PAUSED;
		steps += r->steps;
	}
	if (active != e->runs_active || steps != e->steps_running)
		violation(s, "%d runs and %d steps are counted as %d and %d", active, steps, e->runs_active,
			  e->steps_running);
}

void check_store(struct simulation *s)
{
	struct fsck f;
	fsck_run(s->w->store, s->w->dir, s->w->e, &f);
	for (size_t i = 0; i < f.n; i++)
		if (f.v[i].problems > 0)
			violation(s, "fsck: %s: %s", f.v[i].name, str_text(&f.v[i].text));
	fsck_done(&f);
}
