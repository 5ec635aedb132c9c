/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After a start (or a commit that failed): read what is live, take the results that lie ready, adopt what still
 * runs, and end what was lost. The same functions that move states while running move them here. */
#include "engine/engine_internal.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

/* ---- definitions may be missing or broken: such a run is failed, not the start ---- */

struct load {
	struct engine *e;
	struct run_row *runs; /* copies; texts owned */
	size_t nruns, capruns;
	struct order **orders;
	size_t norders, caporders;
	struct attempt_row *attempts;
	size_t nattempts, capattempts;
	struct run *r;
	struct order *o;
};

struct order *order_load(struct engine *e, const struct order_row *row)
{
	struct order *o = order_new(e, row->id);
	o->workflow = row->workflow;
	o->state = row->state;
	o->priority = row->priority;
	o->place = row->place;
	o->flags = row->flags;
	o->max_wait_ms = row->max_wait_ms;
	o->reason = row->reason ? xstrdup(row->reason) : NULL;
	o->run = row->run;
	o->enqueued_ms = row->enqueued_ms;
	o->started_ms = row->started_ms;
	if (o->place > e->queue.last_place)
		e->queue.last_place = o->place;
	if (o->place < e->queue.first_place)
		e->queue.first_place = o->place;
	if (o->state == ORDER_QUEUED)
		queue_add(&e->queue, o);
	e->held += o->state == ORDER_HELD;
	e->blocked += o->state == ORDER_BLOCKED;
	return o;
}

static void load_order(void *ctx, const struct order_row *row)
{
	struct load *l = ctx;
	struct order *o = order_load(l->e, row);
	/* What a queued one needed has succeeded; if it was reopened since, that changes nothing any more. */
	if (o->state == ORDER_QUEUED)
		order_arm_wait(l->e, o);
	if (o->state == ORDER_HELD || o->state == ORDER_BLOCKED) {
		GROW(l->orders, l->norders, l->caporders);
		l->orders[l->norders++] = o;
	}
}

static void load_need(void *ctx, id_t64 needs)
{
	struct load *l = ctx;
	struct order *needed = map_get(&l->e->orders, (uint64_t)needs);
	if (needed)
		order_wait_for(l->e, l->o, needed);
}

static char *dup(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void load_run(void *ctx, const struct run_row *row)
{
	struct load *l = ctx;
	GROW(l->runs, l->nruns, l->capruns);
	struct run_row *c = &l->runs[l->nruns++];
	*c = *row;
	c->sub = dup(row->sub);
	c->name = dup(row->name);
	c->file = dup(row->file);
	c->dir = dup(row->dir);
	c->until = dup(row->until);
	c->reason = dup(row->reason);
	c->params = dup(row->params);
	c->env = dup(row->env);
	c->workspace = dup(row->workspace);
	c->counts = NULL;
}

static void load_attempt(struct load *l, const struct attempt_row *row)
{
	GROW(l->attempts, l->nattempts, l->capattempts);
	struct attempt_row *c = &l->attempts[l->nattempts++];
	*c = *row;
	c->message = c->tail = c->retry_reason = NULL;
	c->boot_id = dup(row->boot_id);
}

static void load_instance(void *ctx, const struct instance_row *row)
{
	struct load *l = ctx;
	struct run *r = l->r;
	bool kept = graph_is_hole(r->graph, row->idx) && row->idx >= 0 && r->nodes[row->idx]->parent < 0;
	if ((row->idx != (int)r->nnodes && !kept) || row->parent < 0 || (size_t)row->parent >= r->graph->nnodes ||
	    r->graph->nodes[row->parent].kind != NODE_GROUP)
		return; /* fsck tells of it */
	struct node *g = r->nodes[row->parent];
	(void)node_instance(r, g, row->idx, row->expansion, row->name, row->bindings);
}

static void load_node(void *ctx, const struct node_row *row)
{
	struct load *l = ctx;
	struct run *r = l->r;
	if (row->idx < 0 || (size_t)row->idx >= r->nnodes || row->generation > r->generation)
		return;
	struct node *n = r->nodes[row->idx];
	if (node_counts(n)) {
		r->counts[n->state]--;
		r->counts[row->state]++;
	}
	n->state = row->state;
	n->generation = row->generation;
	n->iteration = row->iteration;
	n->attempt = row->attempt;
	n->token = row->token;
	n->class = row->class;
	free(n->reason);
	n->reason = dup(row->reason);
	free(n->outputs);
	n->outputs = dup(row->outputs);
	n->child_id = row->child;
	n->started_ms = row->started_ms;
	n->ended_ms = row->ended_ms;
	n->next_ms = row->next_ms;
	n->stale = row->stale;
	n->began = row->began;
	free(n->before);
	n->before = dup(row->before);
	n->last_iteration = MAX(n->last_iteration, n->iteration);
	if (state_final(ENTITY_NODE, (int)n->state) && n->started_ms)
		r->finished_work_ms += n->ended_ms - n->started_ms;
}

/* What interrupted it is no try of its retry budget, however often the engine started meanwhile. */
static void count_interrupted(void *ctx, int idx, int generation, int iteration, enum attempt_state state)
{
	struct run *r = ctx;
	struct node *n = idx >= 0 && (size_t)idx < r->nnodes ? r->nodes[idx] : NULL;
	if (!n || n->generation != generation || state == ATTEMPT_RUNNING)
		return;
	n->interrupted += state == ATTEMPT_INTERRUPTED && iteration == n->iteration;
	/* A resume, and progress of any node, begin the count of those in a row anew. */
	n->interrupts = state == ATTEMPT_INTERRUPTED ? MIN(n->interrupts + 1, r->crashes) : 0;
}

/* Instances of an earlier expansion of their group count no more. */
static void find_instances(struct run *r)
{
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *n = r->nodes[i], *g = n->parent >= 0 ? r->nodes[n->parent] : NULL;
		if (!g || n->superseded)
			continue;
		if (g->def->kind != NODE_GROUP) { /* the definition has it no more */
			n->superseded = true;
			continue;
		}
		if (n->expansion != g->iteration) {
			r->counts[n->state]--;
			n->superseded = true;
			continue;
		}
		if (g->ninstances++ == 0)
			g->first_instance = (int)i;
	}
}

void run_derive(struct run *r)
{
	/* What has not run yet runs in the present generation, and sees it. */
	for (size_t i = 0; i < r->nnodes; i++)
		if (r->nodes[i]->state == NODE_PENDING)
			r->nodes[i]->generation = r->generation;
	for (size_t i = 0; i < r->graph->nnodes; i++) {
		struct node *n = r->nodes[i];
		if (n->parent >= 0)
			continue;
		n->unmet = n->ninstances = n->instances_done = n->instances_failed = n->instances_active = 0;
		for (size_t k = 0; k < n->def->nneeds; k++)
			n->unmet += !state_final(ENTITY_NODE, (int)r->nodes[n->def->needs[k].node]->state);
	}
	find_instances(r);
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *n = r->nodes[i], *g = n->parent >= 0 ? r->nodes[n->parent] : NULL;
		if (!g || n->superseded)
			continue;
		bool final = state_final(ENTITY_NODE, (int)n->state);
		g->instances_done += final;
		g->instances_failed += n->state == NODE_FAILED && n->def->critical;
		g->instances_active += !final && n->state != NODE_PENDING;
	}
}

static enum err_code open_run(struct load *l, struct run_row *row, struct err *err)
{
	struct engine *e = l->e;
	struct definition *d;
	enum err_code code = definition_get(e, &row->workflow, &d, err);
	if (code)
		return code;
	const struct graph *g = definition_sub(d, row->sub);
	if (!g) {
		definition_unref(e, d);
		return err_set(err, ERR_CORRUPT, _("the definition has no sub-workflow %s"), row->sub);
	}
	struct run *r = l->r = run_new(e, row->id, d, g);
	definition_unref(e, d);
	r->order_id = row->order;
	r->order = map_get(&e->orders, (uint64_t)row->order);
	r->sub = dup(row->sub);
	r->file = dup(row->file);
	r->dir = dup(row->dir);
	r->workspace = dup(row->workspace);
	r->reason = dup(row->reason);
	r->params_text = dup(row->params);
	r->env_text = dup(row->env);
	r->state = row->state;
	r->result = row->result;
	r->phase = row->result != RESULT_NONE ? PHASE_HANDLERS : PHASE_MAIN;
	r->mode = row->mode;
	r->generation = row->generation;
	r->priority = row->priority;
	r->failed_node = row->failed_node;
	r->failed_token = row->failed_token;
	r->failing = row->failed_node >= 0;
	r->created_ms = row->created_ms;
	r->started_ms = row->started_ms;
	r->paused_at_ms = row->paused_at_ms;
	r->paused_ms = row->paused_ms;
	r->crashes = row->crashes;
	r->parent_node = row->parent_node;
	r->ncheckpoints = store_last_checkpoint(e->store, r->id);
	code = json_parse(r->params_text, strlen(r->params_text), 4 * MIB, &r->params, err);
	if (!code && r->env_text)
		code = json_parse(r->env_text, strlen(r->env_text), 4 * MIB, &r->env, err);
	if (!code)
		code = breakpoints_load(e, r, err);
	if (!code)
		code = store_instances_of(e->store, r->id, load_instance, l, err);
	if (!code)
		code = store_nodes_of(e->store, r->id, load_node, l, err);
	if (!code)
		code = store_attempt_ends(e->store, r->id, count_interrupted, r, err);
	if (code)
		return code;
	run_derive(r);
	for (size_t i = 0; i < r->nnodes; i++) {
		loop_load(e, r->nodes[i]);
		r->nodes[i]->asked = r->nodes[i]->state == NODE_WAITING; /* a failure that is told now withdraws it */
	}
	r->iterations = store_iteration_count(e->store, r->id);
	code = store_usage_sum_below(e->store, r->id, &r->used, err);
	if (code)
		return code;
	e->runs_active += !row->parent_run && r->state != RUN_PAUSED && !state_final(ENTITY_RUN, (int)r->state);
	auto_json *until = NULL;
	const char *names[64];
	size_t n = 0;
	if (row->until && json_parse(row->until, strlen(row->until), 64 * KIB, &until, NULL) == ERR_OK)
		for (const struct json *i = json_first(until); i && n < COUNT(names); i = json_next(i))
			names[n++] = json_str(i, "");
	run_set_until(e, r, names, n, false);
	if (r->mode == MODE_STEP && n == 1 && run_node(r, names[0]))
		r->step_node = run_node(r, names[0])->idx;
	return ERR_OK;
}

static void link_children(struct load *l)
{
	for (size_t i = 0; i < l->nruns; i++) {
		struct run *c = map_get(&l->e->runs, (uint64_t)l->runs[i].id);
		struct run *p = c ? map_get(&l->e->runs, (uint64_t)l->runs[i].parent_run) : NULL;
		if (!p || c->parent_node < 0 || (size_t)c->parent_node >= p->nnodes)
			continue;
		c->parent = p;
		p->nodes[c->parent_node]->child = c;
		GROW(p->children.v, p->children.n, p->children.cap);
		p->children.v[p->children.n++] = c;
	}
}

/* ---- what was running ---- */

struct record_search {
	struct engine *e;
	struct node *n;
	bool found;
};

/* It stays where it is until what it tells is stored. */
static void use_record(struct engine *e, struct node *n, const struct step_result *r)
{
	if (!n->held)
		step_result(e, n, r);
	if (n->held)
		n->held->record = true;
	else
		effect_add(e, EFFECT_RECORD_REMOVE)->token = r->key.token;
}

static void take_own_record(void *ctx, const struct step_result *r)
{
	struct record_search *s = ctx;
	if (s->found || r->key.token != s->n->token)
		return;
	s->found = true;
	use_record(s->e, s->n, r);
}

bool recover_record(struct engine *e, struct node *n)
{
	struct record_search s = { e, n, false };
	e->io->exit_records(e->io_ctx, take_own_record, &s);
	return s.found;
}

void recover_give_up(struct engine *e, struct timer *t)
{
	struct node *n = CONTAINER_OF(t, struct node, timer);
	if (!n->orphan || recover_record(e, n))
		return;
	effect_add(e, EFFECT_KILL_TOKEN)->token = n->token;
	step_interrupted(e, n, _("its worker did not come back"));
}

/* The node that ran under the attempt, as an orphan; NULL: there is none any more. */
static struct node *orphan_of(struct engine *e, const struct attempt_row *a)
{
	struct run *r = map_get(&e->runs, (uint64_t)a->run);
	struct node *n = r && a->idx >= 0 && (size_t)a->idx < r->nnodes ? r->nodes[a->idx] : NULL;
	if (!n || n->token != a->token || (n->state != NODE_RUNNING && n->state != NODE_VALIDATING))
		return NULL;
	n->counted = n->orphan = n->in_space = true;
	node_space(n)->running++;
	r->steps++;
	e->steps_running++;
	resources_hold(e, n);
	map_put(&e->tokens, (uint64_t)n->token, n);
	return n;
}

static void adopt_or_end(struct engine *e, struct node *n, const struct attempt_row *a, bool alive)
{
	if (!str_eq(a->boot_id, clock_boot_id()) && a->boot_id[0]) {
		step_interrupted(e, n, _("the machine was restarted"));
	} else if (!alive) {
		effect_add(e, EFFECT_KILL_TOKEN)->token = n->token;
		step_interrupted(e, n, _("its worker was lost"));
	} else {
		timer_set(e, &n->timer, e->settings->adopt_ms, recover_give_up);
	}
}

static void take_record(void *ctx, const struct step_result *r)
{
	struct engine *e = ctx;
	struct node *n = map_get(&e->tokens, (uint64_t)r->key.token);
	if (n && n->orphan)
		use_record(e, n, r);
	else
		effect_add(e, EFFECT_RECORD_REMOVE)->token = r->key.token;
}

/* Records first: a worker that wrote one and left is not lost. */
struct record_tokens {
	struct map seen;
};

static void note_record(void *ctx, const struct step_result *r)
{
	struct record_tokens *t = ctx;
	map_put(&t->seen, (uint64_t)r->key.token, t);
}

/* The wall clock may have been set meanwhile: never longer than the wait that was decided. */
static int64_t retry_wait_left(struct engine *e, const struct node *n)
{
	int64_t left = n->next_ms - e->now.wall_ms;
	struct attempt_row a;
	if (store_attempt_get(e->store, n->token, &a, NULL) == ERR_OK && a.retry_in_ms >= 0)
		left = MIN(left, a.retry_in_ms);
	return MAX(left, (int64_t)0);
}

static void resume_node(struct engine *e, struct node *n)
{
	struct run *r = n->run;
	if (n->state == NODE_RETRYING) {
		/* The last engine may have died before it ended what the lost worker had left. */
		if (n->class == CLASS_INTERRUPTED)
			effect_add(e, EFFECT_KILL_TOKEN)->token = n->token;
		node_retry_later(e, n, retry_wait_left(e, n));
	} else if (n->state == NODE_WAITING) {
		approval_load(e, n);
	} else if (loop_between(n)) {
		node_make_ready(e, n);
	} else if (n->state == NODE_RUNNING && n->def->kind == NODE_WORKFLOW && !n->child) {
		/* Its run was made in the same commit as this state, so it has ended in one: cannot be. */
		node_end(e, n, NODE_FAILED, CLASS_SYSTEM, _("its run is missing"));
	} else if (n->state == NODE_PENDING && n->unmet == 0 && n->parent < 0 && !node_is_handler(n)) {
		node_consider(e, n);
	} else if (n->state == NODE_PENDING && n->parent >= 0 && (!r->failing || node_goes_on(n)) && r->state != RUN_CANCELING &&
		   r->nodes[n->parent]->state == NODE_RUNNING) {
		node_consider(e, n);
	}
}

static void resume_run(struct engine *e, struct run *r)
{
	if (r->state == RUN_PREPARING) {
		if (spaces_prepare(e, r))
			run_prepared(e, r);
		return;
	}
	if (r->state == RUN_ROLLING_BACK) {
		/* What is between two tries, or asks: it may be kept, or all be undone. */
		for (size_t i = 0; i < r->nnodes; i++) {
			struct node *n = r->nodes[i];
			if (n->state == NODE_RETRYING || n->state == NODE_WAITING || loop_between(n))
				resume_node(e, n);
		}
		way_back_resume(e, r);
		return;
	}
	for (size_t i = 0; i < r->nnodes; i++)
		if (r->phase == PHASE_MAIN || node_is_handler(r->nodes[i]))
			if (r->state != RUN_CANCELING || node_is_handler(r->nodes[i]) ||
			    r->nodes[i]->state == NODE_RUNNING || r->nodes[i]->state == NODE_VALIDATING)
				resume_node(e, r->nodes[i]);
	run_schedule(e, r);
	run_touch(e, r);
}

static void fail_unloadable(struct load *l, const struct run_row *row, const struct err *why)
{
	struct engine *e = l->e;
	struct run *broken = map_get(&e->runs, (uint64_t)row->id);
	if (broken) {
		(void)map_del(&e->runs, (uint64_t)row->id);
		broken->dead = true;
		run_free(e, broken);
	}
	struct run_row r = *row;
	r.state = RUN_FAILED;
	r.result = RESULT_FAILED;
	r.reason = why->message;
	r.ended_ms = e->now.wall_ms;
	r.epoch = e->epoch;
	store_run_set(e->store, &r);
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = "run.failed", .order = row->order, .run = row->id,
				.idx = -1, .generation = row->generation, .was = (int)row->state, .now = RUN_FAILED,
				.actor = ACTOR_RECOVERY, .reason = why->message };
	store_event(e->store, &ev);
	struct order *o = map_get(&e->orders, (uint64_t)row->order);
	if (o && o->state == ORDER_RUNNING) {
		struct note n = { .actor = ACTOR_RECOVERY, .reason = why->message };
		order_move(e, o, ORDER_FAILED, &n);
		order_ended(e, o);
	}
}

static enum err_code load_all(struct load *l, struct err *err)
{
	struct store *st = l->e->store;
	enum err_code code = store_orders_live(st, load_order, l, err);
	for (size_t i = 0; i < l->norders && !code; i++) {
		l->o = l->orders[i];
		/* One that had all it needs goes on, also when something of that was reopened since. */
		if (l->o->state == ORDER_BLOCKED || l->o->state == ORDER_HELD)
			code = store_order_waits(st, l->o->id, load_need, l, err);
		order_arm_wait(l->e, l->o);
	}
	if (!code)
		code = store_runs_live(st, load_run, l, err);
	return code;
}

static void load_done(struct load *l)
{
	for (size_t i = 0; i < l->nruns; i++) {
		const char *const texts[] = { l->runs[i].sub,    l->runs[i].name,   l->runs[i].file,
					      l->runs[i].dir,    l->runs[i].until,  l->runs[i].reason,
					      l->runs[i].params, l->runs[i].env,    l->runs[i].workspace };
		for (size_t k = 0; k < COUNT(texts); k++)
			free((void *)(uintptr_t)texts[k]);
	}
	for (size_t i = 0; i < l->nattempts; i++)
		free((void *)(uintptr_t)l->attempts[i].boot_id);
	free(l->attempts);
	free(l->runs);
	free(l->orders);
}

/* An attempt runs exactly when its node does. */
static void load_attempts(struct load *l)
{
	for (size_t i = 0; i < l->nruns; i++) {
		const struct run *r = map_get(&l->e->runs, (uint64_t)l->runs[i].id);
		for (size_t k = 0; r && k < r->nnodes; k++) {
			struct attempt_row row;
			bool runs = r->nodes[k]->state == NODE_RUNNING || r->nodes[k]->state == NODE_VALIDATING;
			if (runs && r->nodes[k]->token &&
			    store_attempt_get(l->e->store, r->nodes[k]->token, &row, NULL) == ERR_OK &&
			    row.state == ATTEMPT_RUNNING)
				load_attempt(l, &row);
		}
	}
}

static void take_running(struct engine *e, struct load *l)
{
	load_attempts(l);
	struct record_tokens records = { MAP_INIT };
	/* Who lives is asked before the records are read: one that leaves in between has written its own. */
	auto_free bool *alive = xcalloc(l->nattempts + 1, sizeof(*alive));
	for (size_t i = 0; i < l->nattempts; i++)
		alive[i] = e->io->alive(e->io_ctx, l->attempts[i].worker_pid, l->attempts[i].worker_start);
	e->io->exit_records(e->io_ctx, note_record, &records);
	/* All of them run before the first one ends: a run in which others run does not pause at once. */
	auto_free struct node **nodes = xcalloc(l->nattempts + 1, sizeof(*nodes));
	for (size_t i = 0; i < l->nattempts; i++)
		nodes[i] = orphan_of(e, &l->attempts[i]);
	for (size_t i = 0; i < l->nattempts; i++)
		if (nodes[i] && !map_get(&records.seen, (uint64_t)l->attempts[i].token))
			adopt_or_end(e, nodes[i], &l->attempts[i], alive[i]);
	e->io->exit_records(e->io_ctx, take_record, e);
	map_done(&records.seen);
}

enum err_code run_load(struct engine *e, id_t64 id, struct run **ret, struct err *err)
{
	struct load l = { .e = e };
	struct run_row row;
	enum err_code code = store_run_get(e->store, id, &row, err);
	if (code)
		return code;
	load_run(&l, &row);
	code = open_run(&l, &l.runs[0], err);
	struct run *r = map_get(&e->runs, (uint64_t)id);
	if (code && r) {
		r->dead = true;
		(void)map_del(&e->runs, (uint64_t)id);
		run_free(e, r);
	}
	if (!code) {
		r->ended_ms = row.ended_ms;
		spaces_load(e, r);
	}
	load_done(&l);
	*ret = code ? NULL : r;
	return code;
}

/* Forks after all others: what they take over is asked of the run that they are of. */
static void load_spaces(struct load *l, bool of_forks)
{
	struct engine *e = l->e;
	for (size_t i = 0; i < l->nruns; i++) {
		struct run *r = map_get(&e->runs, (uint64_t)l->runs[i].id);
		bool forks = r && r->state == RUN_PREPARING && r->order && (r->order->flags & ORDER_FORK);
		struct err why;
		if (!r || forks != of_forks)
			continue;
		if (forks && fork_open(e, r, &why))
			fail_unloadable(l, &l->runs[i], &why);
		else
			spaces_load(e, r);
		if (map_get(&e->runs, (uint64_t)l->runs[i].id) != r)
			continue;
		if (r->state == RUN_ROLLING_BACK || r->state == RUN_PAUSING || r->state == RUN_PAUSED || r->state == RUN_FROZEN)
			way_back_load(e, r);
	}
}

enum err_code recover(struct engine *e, struct err *err)
{
	e->recovering = true;
	auto_free char *epoch = store_meta_get(e->store, "epoch");
	auto_free char *paused = store_meta_get(e->store, "queue_paused");
	e->epoch = (epoch ? strtoll(epoch, NULL, 10) : 0) + 1;
	e->queue_paused = paused && str_eq(paused, "1");
	e->last_order = store_last_order(e->store);
	e->last_run = store_last_run(e->store);
	e->last_token = store_last_token(e->store);
	int64_t mean = store_mean_run_ms(e->store);
	if (mean > 0 && e->nmean == 0) {
		e->nmean = e->atmean = 1;
		e->mean_run_ms[0] = e->mean_sum = mean;
	}
	struct load l = { .e = e };
	enum err_code code = breakers_load(e, err);
	if (!code)
		code = patches_load(e, err);
	if (!code)
		code = load_all(&l, err);
	if (!code)
		code = holds_load(e, err);
	if (!code) {
		char text[24];
		(void)snprintf(text, sizeof(text), "%lld", (long long)e->epoch);
		store_meta_set(e->store, "epoch", text);
		for (size_t i = 0; i < l.nruns; i++) {
			struct err why;
			if (open_run(&l, &l.runs[i], &why))
				fail_unloadable(&l, &l.runs[i], &why);
		}
		link_children(&l);
		load_spaces(&l, false);
		load_spaces(&l, true);
		spaces_recover(e);
		patches_adopt(e);
		take_running(e, &l);
		breakers_recover(e);
		for (size_t i = 0; i < l.nruns; i++) {
			struct run *r = map_get(&e->runs, (uint64_t)l.runs[i].id);
			if (r && !r->dead)
				resume_run(e, r);
		}
	}
	load_done(&l);
	e->recovering = false;
	return code;
}

void recover_imported(struct engine *e, const id_t64 *ids, size_t n, const struct note *note)
{
	struct load l = { .e = e };
	struct run_row row;
	for (size_t i = 0; i < n; i++)
		if (store_run_get(e->store, ids[i], &row, NULL) == ERR_OK && !state_final(ENTITY_RUN, (int)row.state))
			load_run(&l, &row);
	for (size_t i = 0; i < l.nruns; i++) {
		struct err why;
		if (open_run(&l, &l.runs[i], &why))
			fail_unloadable(&l, &l.runs[i], &why);
	}
	link_children(&l);
	for (size_t i = 0; i < l.nruns; i++) {
		struct run *r = map_get(&e->runs, (uint64_t)l.runs[i].id);
		if (r)
			spaces_load(e, r);
	}
	load_attempts(&l);
	/* All of them run before the first one ends, and they are to pause before anything follows from that. */
	auto_free struct node **nodes = xcalloc(l.nattempts + 1, sizeof(*nodes));
	for (size_t i = 0; i < l.nattempts; i++)
		nodes[i] = orphan_of(e, &l.attempts[i]);
	for (size_t i = 0; i < l.nruns; i++) {
		struct run *r = map_get(&e->runs, (uint64_t)l.runs[i].id);
		if (r && !r->parent)
			run_pause(e, r, note);
	}
	for (size_t i = 0; i < l.nattempts; i++)
		if (nodes[i])
			step_interrupted(e, nodes[i], _("it ran where it was exported"));
	for (size_t i = 0; i < l.nruns; i++) {
		struct run *r = map_get(&e->runs, (uint64_t)l.runs[i].id);
		if (r && !r->dead)
			resume_run(e, r);
	}
	load_done(&l);
}

/* ---- a worker says what it has ---- */

void recover_hello(struct engine *e, struct worker *w, const struct worker_hello *h)
{
	w->phase = h->phase;
	w->key = h->key;
	if (h->phase == WORKER_IDLE) {
		pool_give(e, w);
		return;
	}
	w->adopted = true;
	w->frozen = h->frozen;
	struct node *n = map_get(&e->tokens, (uint64_t)h->key.token);
	bool ours = n && (n->orphan || !n->worker || n->worker == w);
	struct effect *f = effect_add(e, EFFECT_WELCOME);
	f->worker = w;
	f->key = h->key;
	f->keep = ours || h->phase == WORKER_DONE;
	if (h->phase == WORKER_BUSY)
		e->busy++;
	if (!ours)
		return; /* fenced: it ends the step, and its late result changes nothing */
	n->orphan = false;
	timer_clear(e, &n->timer);
	n->worker = w;
	w->node = n;
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = "attempt.adopted", .order = n->run->order_id,
				.run = n->run->id, .idx = n->idx, .generation = n->generation,
				.iteration = n->iteration, .attempt = n->attempt, .was = -1, .now = -1,
				.actor = ACTOR_RECOVERY };
	store_event(e->store, &ev);
	/* What was asked of it while it was away. */
	bool frozen = n->run->state == RUN_FROZEN;
	if (n->run->state == RUN_CANCELING || way_back_stops(n->run))
		effect_signal(e, w, &h->key, STEP_CANCEL, n->def->grace_ms ? n->def->grace_ms : e->settings->grace_ms);
	else if (frozen != h->frozen)
		effect_signal(e, w, &h->key, frozen ? STEP_FREEZE : STEP_THAW, 0);
}
