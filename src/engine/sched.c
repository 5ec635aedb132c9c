/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What starts next. Between runs: stride scheduling (Waldspurger, Weihl 1995), so that a higher priority
 * gets a larger share and nobody starves. Within a run: the node with the longest path behind it. Resources are
 * counting semaphores with a name, shared by all runs. */
#include "engine/engine_internal.h"

#include <math.h>
#include <string.h>

bool node_heap_before(const struct heap_node *a, const struct heap_node *b)
{
	const struct node *x = CONTAINER_OF(a, const struct node, ready);
	const struct node *y = CONTAINER_OF(b, const struct node, ready);
	if (x->def->rank != y->def->rank)
		return x->def->rank > y->def->rank;
	return x->idx < y->idx;
}

bool run_heap_before(const struct heap_node *a, const struct heap_node *b)
{
	const struct run *x = CONTAINER_OF(a, const struct run, turn);
	const struct run *y = CONTAINER_OF(b, const struct run, turn);
	if (x->pass < y->pass || y->pass < x->pass)
		return x->pass < y->pass;
	return x->id < y->id;
}

/* Ten steps of priority double the share. */
static double stride(const struct run *r)
{
	int p = r->priority > 100 ? 100 : r->priority < -100 ? -100 : r->priority;
	return exp2(-(double)p / 10.0);
}

/* ---- resources ---- */

static struct resource *resource_get(struct engine *e, const char *name)
{
	return smap_get(&e->resources, name);
}

/* Runs that declare the same name share it; the smallest capacity that was declared holds. */
void resources_declare(struct engine *e, const struct graph *g)
{
	for (size_t i = 0; i < g->nresources; i++) {
		struct resource *res = resource_get(e, g->resources[i].name);
		if (!res) {
			res = xcalloc(1, sizeof(*res));
			res->name = xstrdup(g->resources[i].name);
			res->capacity = g->resources[i].capacity;
			heap_init(&res->waiting, node_heap_before);
			smap_put(&e->resources, res->name, res);
		} else if (res->used == 0 && res->waiting.n == 0) {
			res->capacity = g->resources[i].capacity;
		} else if (g->resources[i].capacity < res->capacity) {
			res->capacity = g->resources[i].capacity;
		}
	}
}

static struct resource *used_by(struct engine *e, const struct node *n, size_t i)
{
	return resource_get(e, n->run->graph->resources[n->def->uses[i].resource].name);
}

/* The first resource of which the node would not get enough; NULL: it gets all. */
static struct resource *lacking(struct engine *e, const struct node *n)
{
	for (size_t i = 0; i < n->def->nuses; i++) {
		struct resource *res = used_by(e, n, i);
		if (res->used + MIN(n->def->uses[i].units, res->capacity) > res->capacity)
			return res;
	}
	return NULL;
}

/* Let those go on for whom there is room. The first that wants more of it than there is keeps its place before
 * the others, so that it is not overtaken for ever; one that lacks something else waits for that. */
static void wake(struct engine *e, struct resource *res)
{
	for (int room = res->capacity - res->used; room > 0 && res->waiting.n > 0;) {
		struct node *n = CONTAINER_OF(heap_min(&res->waiting), struct node, ready);
		struct resource *other = lacking(e, n);
		if (other == res)
			return;
		if (other) {
			node_park(n, &other->waiting);
			continue;
		}
		node_make_ready(e, n);
		for (size_t i = 0; i < n->def->nuses; i++)
			if (used_by(e, n, i) == res)
				room -= n->def->uses[i].units;
	}
}

void resources_wake(struct engine *e, const struct node *n)
{
	for (size_t i = 0; i < n->def->nuses; i++)
		wake(e, used_by(e, n, i));
}

bool resources_take(struct engine *e, struct node *n)
{
	struct resource *res = lacking(e, n);
	if (res) {
		node_park(n, &res->waiting);
		resources_wake(e, n); /* it does not take its turn of the others */
		return false;
	}
	if (n->def->nuses == 0)
		return true;
	n->taken = xcalloc(n->def->nuses, sizeof(*n->taken));
	for (size_t i = 0; i < n->def->nuses; i++) {
		res = used_by(e, n, i);
		n->taken[i] = MIN(n->def->uses[i].units, res->capacity);
		res->used += n->taken[i];
	}
	return true;
}

void resources_hold(struct engine *e, struct node *n)
{
	if (n->def->nuses == 0)
		return;
	n->taken = xcalloc(n->def->nuses, sizeof(*n->taken));
	for (size_t i = 0; i < n->def->nuses; i++) {
		n->taken[i] = n->def->uses[i].units;
		used_by(e, n, i)->used += n->taken[i];
	}
}

void resources_give(struct engine *e, struct node *n)
{
	for (size_t i = 0; i < n->def->nuses; i++)
		used_by(e, n, i)->used -= n->taken[i];
	free(n->taken);
	n->taken = NULL;
	resources_wake(e, n);
}

void resources_leave(struct engine *e, struct run *r)
{
	for (size_t i = 0; i < r->nnodes && r->graph->nresources > 0; i++) {
		struct node *n = r->nodes[i];
		if (n->taken && loop_between(n))
			resources_give(e, n);
		bool in_group = n->parent >= 0 && n->where == r->nodes[n->parent]->waiting;
		if (n->def->nuses == 0 || !n->where || in_group)
			continue;
		node_make_ready(e, n);
		resources_wake(e, n);
	}
}

/* ---- starting ---- */

/* One that is tried again has its place already. */
static bool group_full(const struct node *n)
{
	if (n->state != NODE_PENDING)
		return false;
	const struct node *g = n->parent >= 0 ? n->run->nodes[n->parent] : NULL;
	return g && g->def->group.max_parallel > 0 && g->instances_active >= g->def->group.max_parallel;
}

static void wait_for_group(struct engine *e, struct node *n)
{
	struct node *g = n->run->nodes[n->parent];
	if (!g->waiting) {
		g->waiting = xcalloc(1, sizeof(*g->waiting));
		heap_init(g->waiting, node_heap_before);
	}
	node_park(n, g->waiting);
	resources_wake(e, n);
}

/* The first in `h` that a single step allows; NULL: none. */
static struct node *first_allowed(const struct run *r, const struct heap *h)
{
	if (h->n == 0 || !run_step_of(r))
		return h->n ? CONTAINER_OF(heap_min(h), struct node, ready) : NULL;
	struct node *best = NULL;
	for (size_t i = 0; i < h->n; i++) {
		struct node *n = CONTAINER_OF(h->v[i], struct node, ready);
		if (run_may_start(r, n) && (!best || node_heap_before(&n->ready, &best->ready)))
			best = n;
	}
	return best;
}

/* The next node of the run that can start now. What cannot is parked with what it waits for. */
static struct node *pick(struct engine *e, struct run *r)
{
	struct node *n;
	while ((n = first_allowed(r, &r->ready))) {
		if (group_full(n)) {
			wait_for_group(e, n);
			continue;
		}
		if (breaker_holds(e, n))
			continue;
		/* Between its attempts it keeps what it has. */
		if (!n->taken && !resources_take(e, n))
			continue;
		node_park(n, NULL);
		return n;
	}
	return NULL;
}

/* It is the one that is stepped, if none is yet. */
static void take_step(struct engine *e, struct run *r, const struct node *n)
{
	if (r->mode != MODE_STEP || r->phase != PHASE_MAIN || r->step_node >= 0)
		return;
	run_set_step(e, r, n);
	run_store(e, r);
}

/* Groups open and sub-workflows start without a worker, so they never wait for one. */
static bool start_own(struct engine *e, struct run *r)
{
	bool any = false;
	struct node *n;
	while (run_starts(r) && (n = first_allowed(r, &r->own))) {
		any = true;
		if (group_full(n)) {
			wait_for_group(e, n);
			continue;
		}
		node_unready(e, n);
		if (n->def->kind == NODE_GROUP) {
			group_start(e, n);
			continue;
		}
		take_step(e, r, n);
		if (n->def->kind == NODE_APPROVAL)
			approval_start(e, n);
		else
			workflow_start(e, n);
	}
	return any;
}

static void start_all_own(struct engine *e)
{
	/* Starting one may put its own run, or a new one, into the heap: look until none has any. */
	for (size_t i = 0; i < e->sched.n; i++) {
		struct run *r = CONTAINER_OF(e->sched.v[i], struct run, turn);
		if (r->own.n == 0 || !run_starts(r) || !start_own(e, r))
			continue;
		run_schedule(e, r);
		i = (size_t)-1;
	}
}

/* As many workers as there are steps that only wait for one. */
static void want_workers(struct engine *e)
{
	int free_places = e->settings->steps - e->steps_running, n = 0;
	for (size_t i = 0; i < e->sched.n && n < free_places; i++)
		n += (int)MIN(CONTAINER_OF(e->sched.v[i], struct run, turn)->ready.n, (size_t)free_places);
	pool_want(e, MIN(n, free_places));
}

void schedule(struct engine *e)
{
	if (e->recovering)
		return;
	order_admit(e);
	if (e->draining)
		return;
	start_all_own(e);
	while (e->sched.n > 0 && e->steps_running < e->settings->steps) {
		struct run *r = CONTAINER_OF(heap_min(&e->sched), struct run, turn);
		if (!run_starts(r) || r->ready.n == 0) {
			heap_del(&e->sched, &r->turn);
			continue;
		}
		struct worker *w = pool_take(e);
		if (!w)
			break;
		struct node *n = pick(e, r);
		if (!n) {
			pool_give(e, w);
			heap_del(&e->sched, &r->turn); /* whatever comes next puts it back */
			continue;
		}
		take_step(e, r, n);
		e->pass = r->pass;
		r->pass += stride(r);
		if (heap_has(&r->turn))
			heap_moved(&e->sched, &r->turn);
		step_start(e, n, w);
		run_schedule(e, r);
		if (e->sched.n == 0 && e->ndirty == 0)
			order_admit(e);
	}
	if (e->sched.n > 0)
		want_workers(e);
}
