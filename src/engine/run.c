/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs: from the order to the result, and what pauses, freezes and ends them. */
#include "engine/engine_internal.h"

#include <string.h>

static void counts_text(const struct run *r, struct str *out)
{
	struct run_progress p;
	run_progress_of(r, &p);
	struct jw w = jw_begin(out);
	jw_obj(&w, NULL);
	jw_int(&w, "total", p.total);
	jw_int(&w, "pending", p.pending + p.blocked);
	jw_int(&w, "ready", p.ready);
	jw_int(&w, "running", p.running);
	jw_int(&w, "waiting", p.waiting + p.retrying);
	jw_int(&w, "succeeded", p.succeeded);
	jw_int(&w, "failed", p.failed);
	jw_int(&w, "skipped", p.skipped);
	jw_int(&w, "canceled", p.canceled);
	jw_end_obj(&w);
}

static void fill_row(const struct run *r, struct run_row *row)
{
	*row = (struct run_row){
		.id = r->id,
		.order = r->order_id,
		.workflow = r->definition->hash,
		.sub = r->sub,
		.name = r->graph->name,
		.file = r->file,
		.dir = r->dir,
		.state = r->state,
		.result = r->result,
		.mode = r->mode,
		.until = r->until,
		.reason = r->reason,
		.generation = r->generation,
		.priority = r->priority,
		.params = r->params_text,
		.env = r->env_text,
		.workspace = r->workspace,
		.parent_run = r->parent ? r->parent->id : 0,
		.parent_node = r->parent_node,
		.failed_node = r->failed_node,
		.failed_token = r->failed_token,
		.acknowledged = r->acknowledged,
		.created_ms = r->created_ms,
		.started_ms = r->started_ms,
		.ended_ms = r->ended_ms,
		.paused_at_ms = r->paused_at_ms,
		.paused_ms = r->paused_ms,
		.crashes = r->crashes,
	};
}

void run_store(struct engine *e, const struct run *r)
{
	struct run_row row;
	fill_row(r, &row);
	row.epoch = e->epoch;
	auto_str counts = STR_INIT;
	if (state_final(ENTITY_RUN, (int)r->state)) {
		counts_text(r, &counts);
		row.counts = str_text(&counts);
	}
	store_run_set(e->store, &row);
}

static void write_event(struct engine *e, const struct run *r, const char *type, int was, int now,
			const struct note *n)
{
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = type, .order = r->order_id, .run = r->id,
				.idx = -1, .generation = r->generation, .was = was, .now = now,
				.actor = n->actor, .who = n->who, .reason = n->reason, .data = n->data };
	store_event(e->store, &ev);
}

void run_event(struct engine *e, const struct run *r, const char *type, const struct note *n)
{
	write_event(e, r, type, -1, -1, n);
}

static bool takes_place(const struct run *r)
{
	return !r->parent && r->state != RUN_PAUSED && !state_final(ENTITY_RUN, (int)r->state);
}

void run_move(struct engine *e, struct run *r, enum run_state to, const struct note *n)
{
	if (!state_move_legal(ENTITY_RUN, (int)r->state, (int)to)) {
		write_event(e, r, "run.refused", (int)r->state, -1, n);
		return;
	}
	char type[32] = "run.";
	(void)strncat(type, state_name(ENTITY_RUN, (int)to), sizeof(type) - 5);
	enum run_state was = r->state;
	e->runs_active -= takes_place(r);
	r->state = to;
	e->runs_active += takes_place(r);
	if (was == RUN_RUNNING)
		resources_leave(e, r);
	if (to != RUN_RUNNING && to != RUN_PREPARING)
		r->break_hit = 0;
	bool stopped = to == RUN_PAUSED || to == RUN_FROZEN;
	if (stopped && !r->paused_at_ms)
		r->paused_at_ms = e->now.wall_ms;
	if (!stopped && r->paused_at_ms) {
		r->paused_ms += e->now.wall_ms - r->paused_at_ms;
		r->paused_at_ms = 0;
	}
	char *reason = n->reason ? xstrdup(n->reason) : NULL;
	free(r->reason);
	r->reason = reason;
	if (state_final(ENTITY_RUN, (int)to))
		r->ended_ms = e->now.wall_ms;
	run_store(e, r);
	write_event(e, r, type, (int)was, (int)to, n);
	if (to != RUN_PAUSING && to != RUN_PAUSED && to != RUN_FROZEN)
		way_back_drop(e, r);
	run_schedule(e, r);
	run_touch(e, r);
	if (r->parent) /* it may only wait for this one to pause */
		run_touch(e, r->parent);
}

/* ---- making ---- */

struct run *run_new(struct engine *e, id_t64 id, struct definition *d, const struct graph *g)
{
	struct run *r = xcalloc(1, sizeof(*r));
	r->id = id;
	r->definition = definition_ref(d);
	r->graph = g;
	r->generation = 1;
	r->step_node = r->failed_node = r->parent_node = -1;
	heap_init(&r->ready, node_heap_before);
	heap_init(&r->own, node_heap_before);
	r->nnodes = r->capnodes = g->nnodes;
	r->nodes = xcalloc(g->nnodes + 1, sizeof(*r->nodes));
	for (size_t i = 0; i < g->nnodes; i++)
		r->nodes[i] = node_new(r, &g->nodes[i], (int)i);
	r->counts[NODE_PENDING] = (int)(g->nnodes - g->nhandlers);
	r->pass = e->pass;
	resources_declare(e, g);
	map_put(&e->runs, (uint64_t)id, r);
	return r;
}

static void forget_child(struct run *parent, const struct run *child)
{
	for (size_t i = 0; i < parent->children.n; i++)
		if (parent->children.v[i] == child)
			parent->children.v[i] = parent->children.v[--parent->children.n];
}

void run_free(struct engine *e, struct run *r)
{
	if (heap_has(&r->turn))
		heap_del(&e->sched, &r->turn);
	if (map_get(&e->runs, (uint64_t)r->id) == r && r->dead && state_final(ENTITY_RUN, (int)r->state))
		(void)map_del(&e->runs, (uint64_t)r->id);
	for (size_t i = r->nnodes; i-- > 0;) /* instances before the group whose heap they wait in */
		node_free(e, r->nodes[i]);
	free(r->nodes);
	heap_done(&r->ready);
	heap_done(&r->own);
	for (char **p = r->base_env; p && *p; p++)
		free(*p);
	free(r->base_env);
	breakpoints_free(r);
	spaces_free(e, r);
	way_back_free(r);
	fork_free(r);
	free(r->targets);
	free(r->children.v);
	json_free(r->params);
	json_free(r->env);
	free(r->params_text);
	free(r->env_text);
	free(r->sub);
	free(r->file);
	free(r->dir);
	free(r->workspace);
	free(r->until);
	free(r->reason);
	definition_unref(e, r->definition);
	free(r);
}

static enum err_code parse_values(struct run *r, struct err *err)
{
	enum err_code code = json_parse(r->params_text, strlen(r->params_text), 4 * MIB, &r->params, err);
	if (!code && r->env_text)
		code = json_parse(r->env_text, strlen(r->env_text), 4 * MIB, &r->env, err);
	return code;
}

/* Row, event and workspace of a new run. On an error nothing is written and the run is freed. */
static enum err_code run_open(struct engine *e, struct run *r, const struct note *n, struct err *err)
{
	r->created_ms = r->started_ms = e->now.wall_ms;
	r->acknowledged = true; /* there is no failure yet that somebody must see */
	enum err_code code = parse_values(r, err);
	if (!code)
		code = spaces_open(e, r, err);
	if (code) {
		(void)map_del(&e->runs, (uint64_t)r->id);
		r->dead = true;
		run_free(e, r);
		return code;
	}
	struct run_row row;
	r->state = RUN_PREPARING;
	fill_row(r, &row);
	row.epoch = e->epoch;
	store_run_add(e->store, &row);
	e->runs_active += takes_place(r);
	write_event(e, r, "run.preparing", (int)RUN_PENDING, (int)RUN_PREPARING, n);
	return ERR_OK;
}

enum err_code run_start_order(struct engine *e, struct order *o, struct err *err)
{
	struct definition *d;
	enum err_code code = definition_get(e, &o->workflow, &d, err);
	if (code)
		return code;
	struct order_row row;
	code = store_order_get(e->store, o->id, &row, err);
	if (code) {
		definition_unref(e, d);
		return code;
	}
	e->last_run = id_next(e->last_run, e->now.wall_ms, (uint32_t)e->io->random(e->io_ctx));
	struct run *r = run_new(e, e->last_run, d, d->graph);
	definition_unref(e, d);
	r->order = o;
	r->order_id = o->id;
	r->priority = o->priority;
	r->params_text = xstrdup(row.params);
	r->env_text = row.env ? xstrdup(row.env) : NULL;
	r->file = xstrdup(row.file);
	r->dir = xstrdup(row.dir);
	r->until = row.until ? xstrdup(row.until) : NULL;
	bool until_failure = o->flags & ORDER_UNTIL_FAILURE;
	if (r->until || until_failure)
		r->mode = MODE_UNTIL;
	if (o->flags & ORDER_FORK)
		code = fork_open(e, r, err);
	if (code) {
		(void)map_del(&e->runs, (uint64_t)r->id);
		r->dead = true;
		run_free(e, r);
		return code;
	}
	code = run_open(e, r, &BY_ENGINE, err);
	if (code)
		return code;
	o->run = r->id;
	order_move(e, o, ORDER_RUNNING, &BY_ENGINE);
	if (r->mode == MODE_UNTIL) {
		auto_json *names = NULL;
		const char *list[64];
		size_t n = 0;
		if (r->until && json_parse(r->until, strlen(r->until), 64 * KIB, &names, NULL) == ERR_OK)
			for (const struct json *i = json_first(names); i && n < COUNT(list); i = json_next(i))
				list[n++] = json_str(i, "");
		run_set_until(e, r, list, n, until_failure);
	}
	if (o->flags & ORDER_BREAKPOINTS)
		breakpoints_begin(e, r, &(struct note){ .actor = ACTOR_OPERATOR, .who = row.submitter });
	if (spaces_prepare(e, r))
		run_prepared(e, r);
	return ERR_OK;
}

void run_prepared(struct engine *e, struct run *r)
{
	bool paused = r->order && (r->order->flags & ORDER_PAUSED) && !r->parent;
	checkpoint_start(e, r);
	fork_apply(e, r);
	run_begin(e, r);
	struct note n = { .actor = ACTOR_ENGINE, .reason = paused ? "operator" : NULL };
	run_move(e, r, paused ? RUN_PAUSED : RUN_RUNNING, &n);
	/* The run above may have been paused or frozen meanwhile: it waits with it. */
	if (r->parent && (r->parent->state == RUN_PAUSED || r->parent->state == RUN_PAUSING))
		run_pause(e, r, &(struct note){ .actor = ACTOR_ENGINE, .reason = r->parent->reason });
	else if (r->parent && r->parent->state == RUN_FROZEN)
		run_freeze(e, r, &BY_ENGINE);
}

struct run *run_start_child(struct engine *e, struct node *n, const char *params, struct err *err)
{
	struct run *p = n->run;
	e->last_run = id_next(e->last_run, e->now.wall_ms, (uint32_t)e->io->random(e->io_ctx));
	struct run *r = run_new(e, e->last_run, p->definition, n->def->workflow.graph);
	r->parent = p;
	r->parent_node = n->idx;
	r->sub = p->sub ? xasprintf("%s/%s", p->sub, n->def->name) : xstrdup(n->def->name);
	r->priority = p->priority;
	r->params_text = xstrdup(params);
	r->env_text = p->env_text ? xstrdup(p->env_text) : NULL;
	r->file = xstrdup(n->def->workflow.file);
	r->dir = xstrdup(p->dir);
	if (run_open(e, r, &BY_ENGINE, err))
		return NULL;
	GROW(p->children.v, p->children.n, p->children.cap);
	p->children.v[p->children.n++] = r;
	if (spaces_prepare(e, r))
		run_prepared(e, r);
	return r;
}

void run_begin(struct engine *e, struct run *r)
{
	for (size_t i = 0; i < r->graph->nnodes; i++) {
		struct node *n = r->nodes[i];
		if (n->parent < 0 && !node_is_handler(n) && n->state == NODE_PENDING && n->unmet == 0 && !heap_has(&n->ready))
			node_consider(e, n);
	}
	/* A failing run had taken those of its open groups out. */
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *n = r->nodes[i];
		if (n->parent >= 0 && node_counts(n) && n->state == NODE_PENDING && !heap_has(&n->ready) &&
		    r->nodes[n->parent]->state == NODE_RUNNING)
			node_consider(e, n);
	}
}

void run_set_until(struct engine *e UNUSED, struct run *r, const char *const *names, size_t n, bool failure)
{
	r->until_failure = failure;
	r->ntargets = 0;
	auto_str text = STR_INIT;
	struct jw w = jw_begin(&text);
	jw_arr(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		struct node *m = run_node(r, names[i]);
		if (m) {
			GROW(r->targets, r->ntargets, r->captargets);
			r->targets[r->ntargets++] = m;
		}
		if (str_eq(names[i], UNTIL_FAILURE))
			r->until_failure = true;
		else
			jw_str(&w, NULL, names[i]);
	}
	if (r->until_failure)
		jw_str(&w, NULL, UNTIL_FAILURE);
	jw_end_arr(&w);
	free(r->until);
	r->until = n || failure ? str_take(&text) : NULL;
}

/* ---- settling: what follows from what happened ---- */

bool run_quiet(const struct run *r)
{
	if (r->steps > 0 || r->patch_jobs > 0)
		return false;
	for (size_t i = 0; i < r->children.n; i++) {
		const struct run *c = r->children.v[i];
		if (!c->dead && c->state != RUN_PAUSED)
			return false;
	}
	return true;
}

bool run_starts(const struct run *r)
{
	if (r->dead || (r->graph->concurrency > 0 && r->steps >= r->graph->concurrency))
		return false;
	for (const struct run *p = r; p; p = p->parent)
		if (p->break_hit)
			return false;
	if (r->state == RUN_CANCELING)
		return r->phase == PHASE_HANDLERS;
	if (r->state == RUN_ROLLING_BACK)
		return way_back_runs(r);
	if (r->state != RUN_RUNNING)
		return false;
	return !run_step_of(r) || !state_final(ENTITY_NODE, (int)run_step_of(r)->state);
}

const struct node *run_step_of(const struct run *r)
{
	return r->mode == MODE_STEP && r->phase == PHASE_MAIN && r->step_node >= 0 ? r->nodes[r->step_node] : NULL;
}

bool run_may_start(const struct run *r, const struct node *n)
{
	const struct node *only = run_step_of(r);
	return !only || n == only || n->parent == only->idx;
}

void run_set_step(struct engine *e, struct run *r, const struct node *n)
{
	const char *name = n ? n->name : NULL;
	r->mode = MODE_STEP;
	r->step_node = n ? n->idx : -1;
	/* Kept as what the run pauses after, so that it is the same node after a restart. */
	run_set_until(e, r, &name, n ? 1 : 0, false);
}

void run_schedule(struct engine *e, struct run *r)
{
	bool want = r->ready.n + r->own.n > 0 && run_starts(r);
	if (want && !heap_has(&r->turn)) {
		/* One that was away does not get what it missed. */
		if (r->pass < e->pass)
			r->pass = e->pass;
		heap_add(&e->sched, &r->turn);
	} else if (!want && heap_has(&r->turn)) {
		heap_del(&e->sched, &r->turn);
	}
}

struct node *run_handler(struct run *r, enum handler_kind kind)
{
	for (size_t i = graph_handlers_from(r->graph); i < r->graph->nnodes; i++)
		if (node_is_placed(r->nodes[i]) && r->nodes[i]->def->handler == kind)
			return r->nodes[i];
	return NULL;
}

static struct node *next_handler(struct run *r)
{
	static const enum handler_kind by_result[] = { HANDLER_NONE, HANDLER_SUCCESS, HANDLER_FAILURE,
						       HANDLER_CANCEL };
	struct node *n = run_handler(r, by_result[r->result]);
	if (n && n->state == NODE_PENDING)
		return n;
	n = run_handler(r, HANDLER_EXIT);
	return n && n->state == NODE_PENDING ? n : NULL;
}

void run_finish(struct engine *e, struct run *r, const char *why)
{
	static const enum run_state states[] = { RUN_FAILED, RUN_SUCCEEDED, RUN_FAILED, RUN_CANCELED };
	static const enum order_state orders[] = { ORDER_FAILED, ORDER_SUCCEEDED, ORDER_FAILED, ORDER_CANCELED };
	if (!why && r->result != RESULT_PASSED && r->failed_node >= 0)
		why = r->nodes[r->failed_node]->name;
	auto_free char *reason = why ? xstrdup(why) : NULL;
	bool missed = r->mode == MODE_UNTIL && r->until && r->result == RESULT_PASSED;
	struct note n = { .actor = ACTOR_ENGINE, .reason = missed ? "until_not_reached" : reason };
	r->acknowledged = r->result != RESULT_FAILED || r->parent;
	run_move(e, r, states[r->result], &n);
	if (!state_final(ENTITY_RUN, (int)r->state))
		return;
	r->dead = true;
	run_schedule(e, r);
	GROW(e->dead, e->ndead, e->capdead);
	e->dead[e->ndead++] = r;
	spaces_release(e, r);
	int64_t took = r->ended_ms - r->started_ms - r->paused_ms;
	if (r->result == RESULT_PASSED && !r->parent) {
		e->mean_sum += took - (e->nmean == COUNT(e->mean_run_ms) ? e->mean_run_ms[e->atmean] : 0);
		e->mean_run_ms[e->atmean] = took;
		e->atmean = (e->atmean + 1) % COUNT(e->mean_run_ms);
		e->nmean = MIN(e->nmean + 1, COUNT(e->mean_run_ms));
	}
	if (r->parent) {
		forget_child(r->parent, r);
		workflow_ended(e, r);
	} else if (r->order) {
		struct note on = { .actor = ACTOR_ENGINE, .reason = reason };
		struct order *o = r->order;
		r->order = NULL;
		order_move(e, o, orders[r->result], &on);
		order_ended(e, o);
	}
}

static bool nothing_left(const struct run *r)
{
	int moving = r->counts[NODE_RUNNING] + r->counts[NODE_RETRYING] + r->counts[NODE_WAITING] +
		     r->counts[NODE_VALIDATING];
	if (moving > 0 || r->nspace_jobs > 0 || r->patch_jobs > 0)
		return false;
	if (r->state == RUN_CANCELING)
		return r->snapping == 0;
	return r->ready.n + r->own.n == 0 && r->parked == 0 && r->snapping == 0 && (r->failing || r->counts[NODE_PENDING] == 0);
}

/* A node may have failed without a failing run: one that was not sent back with others, or whose sub-workflow
 * was canceled. */
static void find_failure(struct run *r)
{
	for (size_t i = 0; i < r->graph->nnodes && !r->failing; i++) {
		const struct node *n = r->nodes[i];
		bool bad = n->state == NODE_FAILED || n->state == NODE_CANCELED;
		if (!bad || n->parent >= 0 || !n->def->critical || node_is_handler(n))
			continue;
		r->failing = true;
		r->failed_node = n->idx;
		r->failed_token = n->token;
	}
}

static void to_handlers(struct engine *e, struct run *r)
{
	if (r->state != RUN_CANCELING)
		find_failure(r);
	r->result = r->state == RUN_CANCELING ? RESULT_CANCELED : r->failing ? RESULT_FAILED : RESULT_PASSED;
	r->phase = PHASE_HANDLERS;
	if (next_handler(r)) {
		run_store(e, r); /* the phase and the result survive a crash */
		struct note n = { .actor = ACTOR_ENGINE, .reason = run_result_name(r->result) };
		run_event(e, r, "run.handlers", &n);
	}
}

static void settle_handlers(struct engine *e, struct run *r)
{
	for (size_t i = graph_handlers_from(r->graph); i < r->graph->nnodes; i++) {
		enum node_state s = r->nodes[i]->state;
		if (!node_is_placed(r->nodes[i]) || !node_is_handler(r->nodes[i]))
			continue;
		if (s == NODE_RUNNING || s == NODE_RETRYING || s == NODE_WAITING || s == NODE_VALIDATING ||
		    heap_has(&r->nodes[i]->ready))
			return;
	}
	struct node *n = next_handler(r);
	if (n)
		node_consider(e, n);
	else
		run_finish(e, r, NULL);
}

void run_unprepared(struct engine *e, struct run *r, const char *why)
{
	r->result = RESULT_FAILED;
	run_finish(e, r, why);
}

/* One that was skipped is not reached: it never completes. */
bool node_completed(const struct node *n)
{
	return n->state == NODE_SUCCEEDED || n->state == NODE_FAILED;
}

static bool target_reached(const struct run *r)
{
	for (size_t i = 0; i < r->ntargets; i++)
		if (node_completed(r->targets[i]))
			return true;
	return false;
}

static void settle_pause(struct engine *e, struct run *r)
{
	if (!run_quiet(r))
		return;
	for (size_t i = 0; i < r->nnodes; i++)
		if (r->nodes[i]->orphan)
			return;
	auto_free char *reason = r->reason ? xstrdup(r->reason) : NULL;
	struct note n = { .actor = ACTOR_ENGINE, .reason = reason };
	run_move(e, r, RUN_PAUSED, &n);
}

/* Nothing goes on before somebody decides. A group whose instances wait only waits, too. */
static bool only_asks(const struct run *r)
{
	if (r->counts[NODE_WAITING] == 0 || r->ready.n + r->own.n > 0 || r->parked + r->snapping > 0 || r->steps > 0)
		return false;
	int running = r->counts[NODE_RUNNING] + r->counts[NODE_RETRYING] + r->counts[NODE_VALIDATING];
	for (size_t i = 0; i < r->graph->nnodes && running > 0; i++)
		running -= r->nodes[i]->state == NODE_RUNNING && r->nodes[i]->def->kind == NODE_GROUP;
	return running == 0;
}

void run_settle(struct engine *e, struct run *r)
{
	bool back = r->state == RUN_ROLLING_BACK || (r->state == RUN_PAUSED && way_back_waits(r));
	if (r->state == RUN_PREPARING || (r->state == RUN_PAUSED && !back) || r->state == RUN_FROZEN)
		return;
	if (back) {
		way_back_settle(e, r);
		return;
	}
	bool asks = r->phase == PHASE_MAIN && only_asks(r);
	if (r->state == RUN_WAITING && asks)
		return;
	if (r->state == RUN_WAITING)
		run_move(e, r, RUN_RUNNING, &BY_ENGINE);
	if (r->state == RUN_PAUSING) {
		settle_pause(e, r);
		return;
	}
	if (r->break_hit && r->state == RUN_RUNNING) {
		breakpoint_stop(e, r);
		return;
	}
	if (r->phase == PHASE_HANDLERS) {
		settle_handlers(e, r);
		return;
	}
	if (r->state == RUN_RUNNING && r->mode == MODE_UNTIL &&
	    (target_reached(r) || (r->until_failure && r->failing))) {
		bool failed = !target_reached(r);
		struct note n = { .actor = ACTOR_ENGINE, .reason = failed ? "failure" : "until" };
		r->mode = MODE_RUN;
		run_set_until(e, r, NULL, 0, false);
		if (!nothing_left(r) || failed) {
			run_pause(e, r, &n);
			return;
		}
	}
	if (r->state == RUN_RUNNING && r->mode == MODE_STEP && r->step_node >= 0 &&
	    state_final(ENTITY_NODE, (int)r->nodes[r->step_node]->state) && !nothing_left(r)) {
		struct note n = { .actor = ACTOR_ENGINE, .reason = "step" };
		r->mode = MODE_RUN;
		r->step_node = -1;
		run_set_until(e, r, NULL, 0, false);
		run_pause(e, r, &n);
		return;
	}
	if (!nothing_left(r)) {
		if (asks && r->state == RUN_RUNNING)
			run_move(e, r, RUN_WAITING, &(struct note){ .actor = ACTOR_ENGINE, .reason = "approval" });
		run_schedule(e, r);
		return;
	}
	to_handlers(e, r);
	settle_handlers(e, r);
}

/* ---- verbs ---- */

static void each_running(struct engine *e, struct run *r, enum step_signal s)
{
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *n = r->nodes[i];
		if (!n->counted || !n->worker || n->held)
			continue;
		struct step_key key = node_key(n);
		n->worker->frozen = s == STEP_FREEZE;
		effect_signal(e, n->worker, &key, s, n->def->grace_ms ? n->def->grace_ms : e->settings->grace_ms);
	}
}

static void each_child(struct engine *e, struct run *r, const struct note *n,
		       void (*fn)(struct engine *e, struct run *c, const struct note *n))
{
	for (size_t i = 0; i < r->children.n; i++)
		if (!r->children.v[i]->dead)
			fn(e, r->children.v[i], n);
}

void run_pause(struct engine *e, struct run *r, const struct note *n)
{
	if (r->state == RUN_FROZEN)
		each_running(e, r, STEP_THAW);
	if (r->state == RUN_PAUSED || r->state == RUN_PAUSING || r->state == RUN_CANCELING || r->state == RUN_PREPARING)
		return;
	each_child(e, r, n, run_pause);
	run_move(e, r, run_quiet(r) ? RUN_PAUSED : RUN_PAUSING, n);
	if (r->parent)
		run_touch(e, r->parent);
}

void run_stop_steps(struct engine *e, struct run *r)
{
	each_running(e, r, STEP_CANCEL);
	for (size_t i = 0; i < r->children.n; i++)
		if (!r->children.v[i]->dead)
			run_stop_steps(e, r->children.v[i]);
}

void run_freeze(struct engine *e, struct run *r, const struct note *n)
{
	if (verb_fits(VERB_FREEZE, (int)r->state) != FIT_YES)
		return;
	each_running(e, r, STEP_FREEZE);
	each_child(e, r, n, run_freeze);
	run_move(e, r, RUN_FROZEN, n);
}

void run_resume_alone(struct engine *e, struct run *r, const struct note *n)
{
	r->crashes = 0;
	run_move(e, r, RUN_RUNNING, n);
}

void run_resume(struct engine *e, struct run *r, const struct note *n)
{
	if (verb_fits(VERB_RESUME, (int)r->state) != FIT_YES)
		return;
	if (r->state == RUN_FROZEN)
		each_running(e, r, STEP_THAW);
	r->crashes = 0;
	run_move(e, r, RUN_RUNNING, n);
	breakpoints_go_on(e, r);
	each_child(e, r, n, run_resume);
}

void run_cancel(struct engine *e, struct run *r, bool force, const struct note *n)
{
	bool again = r->state == RUN_CANCELING;
	if (r->state == RUN_FROZEN)
		each_running(e, r, STEP_THAW);
	each_running(e, r, again || force ? STEP_KILL : STEP_CANCEL);
	for (size_t i = 0; i < r->children.n; i++)
		if (!r->children.v[i]->dead)
			run_cancel(e, r->children.v[i], force, n);
	if (again) {
		run_event(e, r, "run.cancel_forced", n);
		return;
	}
	/* A handler that was on its way is over, too; those of the cancel come now. */
	if (r->phase == PHASE_HANDLERS)
		r->result = RESULT_CANCELED;
	run_move(e, r, RUN_CANCELING, n);
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *m = r->nodes[i];
		if (heap_has(&m->ready))
			node_unready(e, m);
		if (m->state == NODE_RETRYING || m->state == NODE_WAITING ||
		    (loop_between(m) && !patch_busy(m)))
			node_end(e, m, NODE_CANCELED, CLASS_CANCELED, NULL);
	}
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *m = r->nodes[i];
		if (m->state == NODE_RUNNING && m->def->kind == NODE_GROUP && m->instances_active == 0)
			node_end(e, m, NODE_CANCELED, CLASS_CANCELED, NULL);
	}
}

/* ---- how far it is ---- */

void run_progress_of(const struct run *r, struct run_progress *ret)
{
	*ret = (struct run_progress){ .eta_ms = -1 };
	ret->running = r->counts[NODE_RUNNING] + r->counts[NODE_VALIDATING];
	ret->waiting = r->counts[NODE_WAITING];
	ret->retrying = r->counts[NODE_RETRYING];
	ret->succeeded = r->counts[NODE_SUCCEEDED];
	ret->failed = r->counts[NODE_FAILED];
	ret->skipped = r->counts[NODE_SKIPPED];
	ret->canceled = r->counts[NODE_CANCELED];
	ret->ready = (int)MIN(r->ready.n + r->own.n + (size_t)r->parked, (size_t)r->counts[NODE_PENDING]);
	ret->pending = r->counts[NODE_PENDING] - ret->ready;
	for (int i = 0; i < NODE_STATE_COUNT; i++)
		ret->total += r->counts[i];
	if (ret->running > 0)
		for (size_t i = 0; i < r->nnodes && ret->ncurrent < COUNT(ret->current); i++)
			if (r->nodes[i]->state == NODE_RUNNING && r->nodes[i]->def->kind != NODE_GROUP)
				ret->current[ret->ncurrent++] = (int)i;
	int done = ret->succeeded + ret->failed + ret->skipped;
	int left = ret->total - done;
	if (done > 0 && r->started_ms && r->finished_work_ms > 0) {
		int64_t per_node = r->finished_work_ms / done;
		int lanes = r->steps > 0 ? r->steps : 1;
		ret->eta_ms = per_node * left / lanes;
	}
}
