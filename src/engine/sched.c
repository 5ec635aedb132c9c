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
			smap_put(&e->resources, res->name, res);
		} else if (res->used == 0 && res->nwaiting == 0) {
			res->capacity = g->resources[i].capacity;
		} else if (g->resources[i].capacity < res->capacity) {
			res->capacity = g->resources[i].capacity;
		}
	}
}

bool resources_take(struct engine *e, struct node *n)
{
	const struct graph *g = n->run->graph;
	for (size_t i = 0; i < n->def->nuses; i++) {
		struct resource *res = resource_get(e, g->resources[n->def->uses[i].resource].name);
		int units = MIN(n->def->uses[i].units, res->capacity);
		if (res->used + units <= res->capacity)
			continue;
		GROW(res->waiting, res->nwaiting, res->capwaiting);
		res->waiting[res->nwaiting++] = n;
		return false;
	}
	for (size_t i = 0; i < n->def->nuses; i++) {
		struct resource *res = resource_get(e, g->resources[n->def->uses[i].resource].name);
		res->used += MIN(n->def->uses[i].units, res->capacity);
	}
	n->holds = n->def->nuses > 0;
	return true;
}

void resources_give(struct engine *e, struct node *n)
{
	const struct graph *g = n->run->graph;
	n->holds = false;
	for (size_t i = 0; i < n->def->nuses; i++) {
		struct resource *res = resource_get(e, g->resources[n->def->uses[i].resource].name);
		res->used -= MIN(n->def->uses[i].units, MAX(res->used, 0));
		/* All that waited may try again, in their order of importance. */
		for (size_t k = 0; k < res->nwaiting; k++)
			node_make_ready(e, res->waiting[k]);
		res->nwaiting = 0;
	}
}

void resources_forget(struct engine *e, struct node *n)
{
	for (size_t i = 0; i < n->def->nuses; i++) {
		struct resource *res = resource_get(e, n->run->graph->resources[n->def->uses[i].resource].name);
		size_t kept = 0;
		for (size_t k = 0; res && k < res->nwaiting; k++)
			if (res->waiting[k] != n)
				res->waiting[kept++] = res->waiting[k];
		if (res)
			res->nwaiting = kept;
	}
}

/* ---- starting ---- */

static bool done_by_engine(const struct node *n)
{
	return !executor_for(n->def->kind)->prepare;
}

static bool group_full(const struct node *n)
{
	const struct node *g = n->parent >= 0 ? n->run->nodes[n->parent] : NULL;
	return g && g->def->group.max_parallel > 0 && g->instances_active >= g->def->group.max_parallel;
}

/* The next node of the run that can start now. What cannot is set aside: whatever it waits for puts it back. */
static struct node *pick(struct engine *e, struct run *r)
{
	while (r->ready.n > 0) {
		struct node *n = CONTAINER_OF(heap_min(&r->ready), struct node, ready);
		if (r->chosen && heap_has(&r->chosen->ready))
			n = r->chosen;
		r->chosen = NULL;
		heap_del(&r->ready, &n->ready);
		if (group_full(n))
			continue; /* group_instance_ended() puts it back */
		if (!done_by_engine(n) && !resources_take(e, n))
			continue;
		return n;
	}
	return NULL;
}

/* Groups open and sub-workflows start without a worker, so they never wait for one. */
static void start_own(struct engine *e, struct run *r)
{
	struct node **found = NULL;
	size_t nfound = 0, cap = 0;
	for (size_t i = 0; i < r->ready.n; i++) {
		struct node *n = CONTAINER_OF(r->ready.v[i], struct node, ready);
		if (!done_by_engine(n) || group_full(n) || (r->chosen && r->chosen != n))
			continue;
		GROW(found, nfound, cap);
		found[nfound++] = n;
	}
	for (size_t i = 0; i < nfound; i++) {
		struct node *n = found[i];
		if (!heap_has(&n->ready) || !run_starts(r))
			continue;
		heap_del(&r->ready, &n->ready);
		if (n->def->kind == NODE_GROUP) {
			r->chosen = NULL;
			group_start(e, n);
			continue;
		}
		if (r->mode == MODE_STEP)
			r->step_node = n->idx;
		r->chosen = NULL;
		workflow_start(e, n);
	}
	free(found);
}

static bool has_own(const struct run *r)
{
	for (size_t i = 0; i < r->graph->nnodes; i++)
		if (r->graph->nodes[i].kind == NODE_GROUP || r->graph->nodes[i].kind == NODE_WORKFLOW)
			return true;
	return false;
}

static void start_all_own(struct engine *e)
{
	/* Starting one may make another run ready: go over them until nothing changes. */
	for (size_t i = 0; i < e->sched.n; i++) {
		struct run *r = CONTAINER_OF(e->sched.v[i], struct run, turn);
		if (!run_starts(r) || !has_own(r))
			continue;
		size_t was = r->ready.n;
		start_own(e, r);
		run_schedule(e, r);
		if (r->ready.n != was)
			i = (size_t)-1;
	}
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
		if (!run_starts(r)) {
			heap_del(&e->sched, &r->turn);
			continue;
		}
		struct worker *w = pool_take(e);
		if (!w)
			break;
		struct node *n = pick(e, r);
		if (!n) {
			pool_give(e, w);
			run_schedule(e, r);
			if (heap_has(&r->turn) && r->ready.n > 0)
				heap_del(&e->sched, &r->turn);
			continue;
		}
		if (r->mode == MODE_STEP && r->step_node < 0 && !node_is_handler(n))
			r->step_node = n->idx;
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
		pool_want(e, MIN(e->settings->steps - e->steps_running, (int)e->sched.n * 4));
}
