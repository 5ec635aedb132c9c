/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nodes: when they may start, and what follows when they end. */
#include "engine/engine_internal.h"

#include <string.h>

struct node *node_new(struct run *r, const struct graph_node *def, int idx)
{
	struct node *n = xcalloc(1, sizeof(*n));
	n->run = r;
	n->def = def;
	n->idx = idx;
	n->parent = -1;
	n->name = def->name;
	n->generation = r->generation;
	n->unmet = (int)def->nneeds;
	return n;
}

struct node *node_instance(struct run *r, struct node *group, int idx, int expansion, const char *name,
			   const char *bindings)
{
	struct node *n = node_new(r, group->def->group.body, idx);
	n->parent = group->idx;
	n->expansion = expansion;
	n->name = xstrdup(name);
	n->bindings = xstrdup(bindings);
	n->unmet = 0;
	if ((size_t)idx < r->nnodes) { /* a place that is kept for it */
		free(r->nodes[idx]);
		r->nodes[idx] = n;
	} else {
		GROW(r->nodes, r->nnodes, r->capnodes);
		r->nodes[r->nnodes++] = n;
	}
	r->counts[NODE_PENDING]++;
	return n;
}

void node_free(struct engine *e, struct node *n)
{
	timer_clear(e, &n->timer);
	if (n->token && map_get(&e->tokens, (uint64_t)n->token) == n)
		(void)map_del(&e->tokens, (uint64_t)n->token);
	if (n->worker)
		n->worker->node = NULL;
	if (n->parent >= 0) {
		free(n->name);
		free(n->bindings);
	}
	if (n->where && n->where != &n->run->ready && n->where != &n->run->own)
		heap_del(n->where, &n->ready);
	if (n->waiting)
		heap_done(n->waiting);
	free(n->waiting);
	free(n->taken);
	free(n->reason);
	free(n->outputs);
	free(n->tail);
	free(n->report);
	loop_free(n);
	free(n->before);
	free(n->tree);
	held_free(n->held);
	free(n);
}

bool node_is_handler(const struct node *n)
{
	return n->def->handler != HANDLER_NONE;
}

bool node_counts(const struct node *n)
{
	return !node_is_handler(n) && !n->superseded;
}

struct node *run_node(const struct run *r, const char *name)
{
	const struct graph_node *def = smap_get(&r->graph->by_name, name);
	if (def)
		return r->nodes[def - r->graph->nodes];
	if (strchr(name, '['))
		for (size_t i = r->nnodes; i-- > 0;)
			if (r->nodes[i]->parent >= 0 && !r->nodes[i]->superseded && str_eq(r->nodes[i]->name, name))
				return r->nodes[i];
	return NULL;
}

struct step_key node_key(const struct node *n)
{
	return (struct step_key){ .run = n->run->id, .node = n->idx, .generation = n->generation,
				  .iteration = n->iteration, .attempt = n->attempt, .token = n->token };
}

int node_derived_state(const struct node *n)
{
	if (n->state != NODE_PENDING)
		return (int)n->state;
	if (n->unmet > 0)
		return NODE_BLOCKED;
	return heap_has(&n->ready) ? NODE_READY : NODE_PENDING;
}

void node_store(struct engine *e, const struct node *n, int64_t seq)
{
	struct node_row row = { .run = n->run->id, .idx = n->idx, .generation = n->generation, .state = n->state,
				.iteration = n->iteration, .attempt = n->attempt, .token = n->token,
				.class = n->class, .reason = n->reason, .outputs = n->outputs,
				.child = n->child_id, .started_ms = n->started_ms, .ended_ms = n->ended_ms,
				.next_ms = n->next_ms, .stale = n->stale, .seq = seq, .began = n->began,
				.before = n->before };
	store_node_put(e->store, &row);
}

void node_move(struct engine *e, struct node *n, enum node_state to, const struct note *note)
{
	static const char *const types[] = {
		[NODE_PENDING] = "node.reset",
		[NODE_RUNNING] = "node.running",     [NODE_WAITING] = "node.waiting",
		[NODE_RETRYING] = "node.retrying",   [NODE_VALIDATING] = "node.validating",
		[NODE_SUCCEEDED] = "node.succeeded", [NODE_FAILED] = "node.failed",
		[NODE_SKIPPED] = "node.skipped",     [NODE_CANCELED] = "node.canceled",
	};
	struct run *r = n->run;
	struct event_row ev = { .at_ms = e->now.wall_ms, .order = r->order_id, .run = r->id, .idx = n->idx,
				.generation = n->generation, .iteration = n->iteration, .attempt = n->attempt,
				.was = (int)n->state, .now = (int)to, .actor = note->actor, .who = note->who,
				.reason = note->reason, .data = note->data };
	if (!state_move_legal(ENTITY_NODE, (int)n->state, (int)to)) {
		ev.type = "node.refused";
		ev.now = -1;
		store_event(e->store, &ev);
		return;
	}
	ev.type = types[to];
	if (node_counts(n)) {
		r->counts[n->state]--;
		r->counts[to]++;
	}
	n->state = to;
	store_event(e->store, &ev);
	/* Of its first iteration: the files before that are the ones that are kept. */
	if (to == NODE_RUNNING && ev.was == NODE_PENDING)
		n->began = ev.seq;
	node_store(e, n, ev.seq);
	if (to == NODE_SUCCEEDED)
		checkpoint_node(e, n, ev.seq);
	run_touch(e, r);
	if (to != NODE_PENDING)
		breakpoint_reached(e, n, to);
}

/* ---- ready ---- */

bool node_is_own(const struct node *n)
{
	return n->def->kind == NODE_GROUP || n->def->kind == NODE_WORKFLOW || n->def->kind == NODE_APPROVAL;
}

static bool is_parked(const struct node *n)
{
	const struct run *r = n->run;
	return n->where && n->where != &r->ready && n->where != &r->own && n->parent < 0;
}

static void move_to(struct node *n, struct heap *where)
{
	struct run *r = n->run;
	r->parked -= is_parked(n);
	if (n->where)
		heap_del(n->where, &n->ready);
	n->where = where;
	if (where)
		heap_add(where, &n->ready);
	r->parked += is_parked(n);
}

void node_make_ready(struct engine *e, struct node *n)
{
	struct heap *where = node_is_own(n) ? &n->run->own : &n->run->ready;
	if (n->where != where)
		move_to(n, where);
	run_schedule(e, n->run);
}

void node_unready(struct engine *e, struct node *n)
{
	move_to(n, NULL);
	resources_wake(e, n);
	run_schedule(e, n->run);
}

void node_park(struct node *n, struct heap *where)
{
	move_to(n, where);
}

bool node_edge_holds(const struct graph_edge *edge, const struct node *needed)
{
	switch (edge->when) {
	case EDGE_SUCCESS:
		return needed->state == NODE_SUCCEEDED ||
		       (needed->state == NODE_SKIPPED && needed->def->allow_skipped && needed->class == CLASS_NONE &&
			!(needed->reason && str_starts(needed->reason, "needs ")));
	case EDGE_FAILURE:
		return needed->state == NODE_FAILED;
	case EDGE_DONE:
	case EDGE_WHEN_COUNT:
		break;
	}
	return true;
}

bool node_anything_failed(const struct node *n)
{
	for (size_t i = 0; i < n->def->nneeds; i++) {
		enum node_state s = n->run->nodes[n->def->needs[i].node]->state;
		if (s == NODE_FAILED || s == NODE_CANCELED)
			return true;
		if (s == NODE_SKIPPED) {
			const struct node *m = n->run->nodes[n->def->needs[i].node];
			if (m->reason && str_starts(m->reason, "needs "))
				return true;
		}
	}
	return false;
}

static void skip(struct engine *e, struct node *n, const char *reason)
{
	node_end(e, n, NODE_SKIPPED, CLASS_NONE, reason);
}

bool node_goes_on(const struct node *n)
{
	if (n->parent >= 0)
		return node_goes_on(n->run->nodes[n->parent]);
	if (node_is_handler(n) || (n->def->when && expr_asks_outcome(n->def->when)))
		return true;
	for (size_t i = 0; i < n->def->nneeds; i++)
		if (n->def->needs[i].when != EDGE_SUCCESS)
			return true;
	return false;
}

void node_consider(struct engine *e, struct node *n)
{
	struct run *r = n->run;
	bool asks = n->def->when && expr_asks_outcome(n->def->when);
	if (n->parent < 0 && !node_is_handler(n)) {
		for (size_t i = 0; i < n->def->nneeds && !asks; i++) {
			const struct node *m = r->nodes[n->def->needs[i].node];
			if (node_edge_holds(&n->def->needs[i], m))
				continue;
			auto_free char *why = xasprintf("needs %s, which %s", m->name,
							m->state == NODE_SUCCEEDED ? "succeeded" :
							m->state == NODE_FAILED	  ? "failed" :
							m->state == NODE_SKIPPED   ? "was skipped" : "was canceled");
			skip(e, n, why);
			return;
		}
		if (r->failing && !node_goes_on(n))
			return; /* stays pending: a later retry can still run it */
	}
	if (n->def->when) {
		struct scope_ctx ctx = { e, n, r, NULL, 0 };
		struct expr_scope scope = node_scope(&ctx);
		scope.any_failed = r->failing || node_anything_failed(n);
		scope.canceled = r->state == RUN_CANCELING;
		bool yes;
		struct err err;
		if (expr_test(n->def->when, &scope, &yes, &err)) {
			node_end(e, n, NODE_FAILED, CLASS_EXPRESSION, err.message);
			return;
		}
		if (!yes) {
			skip(e, n, "its condition is false");
			return;
		}
	}
	node_make_ready(e, n);
	if (e->recovering)
		breakpoint_recovered(n);
	else
		breakpoint_reached(e, n, NODE_READY);
}

/* ---- the end ---- */

static void start_failing(struct engine *e, struct run *r, struct node *n)
{
	r->failing = true;
	r->failed_node = n->idx;
	r->failed_token = n->token;
	run_store(e, r);
	/* Nothing ordinary starts any more: what was ready goes back, what waits for a retry is over. */
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *m = r->nodes[i];
		/* Work that is done is checked to the end. */
		bool checks = m->state == NODE_VALIDATING && node_phase(m) != PHASE_WORK;
		if (heap_has(&m->ready) && !node_goes_on(m) && !checks)
			node_unready(e, m);
	}
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *m = r->nodes[i];
		if (m == n || node_goes_on(m))
			continue;
		if (m->state == NODE_RETRYING || (loop_between(m) && node_phase(m) == PHASE_WORK))
			node_end(e, m, NODE_FAILED, m->class ? m->class : CLASS_CANCELED,
				 m->state == NODE_RETRYING ? m->reason : "a critical node failed");
		else if (m->state == NODE_WAITING)
			node_end(e, m, NODE_CANCELED, CLASS_CANCELED, "a critical node failed");
		else if (m->state == NODE_RUNNING && m->def->kind == NODE_GROUP && m->instances_active == 0)
			node_end(e, m, NODE_CANCELED, CLASS_CANCELED, "a critical node failed");
	}
}

static void wake_feeds(struct engine *e, struct node *n)
{
	for (size_t i = 0; i < n->def->nfeeds; i++) {
		struct node *f = n->run->nodes[n->def->feeds[i]];
		/* What ends for a way back decides nothing: it begins anew. */
		if (--f->unmet == 0 && f->state == NODE_PENDING && n->run->state != RUN_ROLLING_BACK)
			node_consider(e, f);
	}
}

void node_end(struct engine *e, struct node *n, enum node_state to, enum error_class class, const char *reason)
{
	auto_str data = STR_INIT;
	if (class != CLASS_NONE)
		str_addf(&data, "{\"class\":\"%s\"}", error_class_name(class));
	struct note note = { .actor = n->token ? ACTOR_WORKER : ACTOR_ENGINE, .reason = reason,
			     .data = data.len ? str_text(&data) : NULL };
	node_end_by(e, n, to, class, &note);
}

void node_end_by(struct engine *e, struct node *n, enum node_state to, enum error_class class,
		 const struct note *given)
{
	struct run *r = n->run;
	char *text = given->reason ? xstrdup(given->reason) : NULL;
	free(n->reason);
	n->reason = text;
	n->class = class;
	n->next_ms = 0;
	n->ended_ms = e->now.wall_ms;
	if (n->started_ms)
		r->finished_work_ms += n->ended_ms - n->started_ms;
	timer_clear(e, &n->timer);
	approval_withdraw(e, n);
	patch_left(e, n, n->reason);
	loop_close(e, n, to, n->reason);
	if (heap_has(&n->ready))
		node_unready(e, n);
	if (n->taken)
		resources_give(e, n);
	struct note note = *given;
	note.reason = n->reason;
	node_move(e, n, to, &note);
	if (!state_final(ENTITY_NODE, (int)n->state) || node_is_handler(n))
		return;
	for (int i = 0; i < n->ninstances; i++) {
		struct node *m = r->nodes[n->first_instance + i];
		if (m->state == NODE_PENDING || m->state == NODE_RETRYING || m->state == NODE_WAITING ||
		    loop_between(m))
			node_end(e, m, NODE_CANCELED, CLASS_CANCELED, "its group ended");
	}
	bool fatal = to == NODE_FAILED && n->def->critical && n->parent < 0;
	if (fatal && !r->failing && r->state != RUN_CANCELING)
		start_failing(e, r, n);
	if (n->parent >= 0)
		group_instance_ended(e, r->nodes[n->parent], n);
	else if (r->state != RUN_CANCELING)
		wake_feeds(e, n);
}

static void retry_due(struct engine *e, struct timer *t)
{
	struct node *n = CONTAINER_OF(t, struct node, timer);
	if (n->state == NODE_RETRYING)
		node_make_ready(e, n);
}

void node_retry_later(struct engine *e, struct node *n, int64_t wait_ms)
{
	timer_set(e, &n->timer, wait_ms, retry_due);
}
