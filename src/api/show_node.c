/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nodes, iterations, attempts and failures as JSON. */
#include "api/api_internal.h"

#include "base/clock.h"
#include "flow/flow.h"

#include <string.h>

/* ---- failures ---- */

/* The last lines, as a list. */
static void show_tail(struct jw *w, const char *tail)
{
	jw_arr(w, "tail");
	for (const char *p = tail; p && *p;) {
		size_t len = strcspn(p, "\n");
		jw_strn(w, NULL, p, len);
		p += len + (p[len] == '\n');
	}
	jw_end_arr(w);
}

static void failure_of_attempt(struct api *a, struct jw *w, const struct attempt_row *at)
{
	int64_t line = first_error(a, at->token);
	jw_int(w, "iteration", at->iteration);
	jw_int(w, "attempt", at->attempt);
	jw_str(w, "class", error_class_name(at->class));
	jw_str(w, "message", at->message ? at->message : _(error_class_meaning(at->class)));
	jw_above(w, "exit_code", at->exit_code);
	jw_above(w, "signal", at->signal > 0 ? at->signal : -1);
	jw_above(w, "line", line > 0 ? line : -1);
	show_tail(w, at->tail);
}

struct failed {
	struct jw *w;
	bool found;
};

/* One that failed without an attempt of its own: a sub-workflow, a group, a value that cannot be
 * had. */
static void failure_of_node(void *ctx, const struct node_row *n)
{
	struct failed *f = ctx;
	struct jw *w = f->w;
	f->found = true;
	jw_int(w, "iteration", n->iteration);
	jw_int(w, "attempt", n->attempt);
	jw_str(w, "class", error_class_name(n->class));
	jw_str(w, "message", n->reason ? n->reason : _(error_class_meaning(n->class)));
	jw_null(w, "exit_code");
	jw_null(w, "signal");
	jw_null(w, "line");
	show_tail(w, NULL);
}

/* How its node ended: a loop may fail for more than its last attempt says. */
struct node_end {
	bool failed;
	int generation;
	enum error_class class;
	char *reason;
};

static void take_end(void *ctx, const struct node_row *n)
{
	struct node_end *end = ctx;
	free(end->reason);
	*end = (struct node_end){ n->state == NODE_FAILED, n->generation, n->class, NULL };
	end->reason = n->reason ? xstrdup(n->reason) : NULL;
}

static void node_end_done(struct node_end *end)
{
	free(end->reason);
}

void show_failure(struct api *a, struct jw *w, const char *key, id_t64 run, int idx, int64_t token,
                  const struct node_row *row)
{
	struct attempt_row at;
	struct failed f = { w, false };
	CLEANUP(node_end_done) struct node_end end = { .generation = row ? row->generation : 1 };
	if (row)
		take_end(&end, row);
	else if (read_nodes(a->store, run, idx, idx + 1, take_end, &end, NULL))
		end.failed = false;
	jw_obj(w, key);
	jw_node(a, w, "node", run, idx);
	if (token && !store_attempt_get(a->store, token, &at, NULL)) {
		if (end.failed && end.class && end.generation == at.generation) {
			at.class = end.class;
			at.message = end.reason ? end.reason : at.message;
		}
		failure_of_attempt(a, w, &at);
		end.generation = at.generation;
	} else if (row) {
		failure_of_node(&f, row);
	} else {
		if (read_nodes(a->store, run, idx, idx + 1, failure_of_node, &f, NULL) ||
		    !f.found) {
			jw_str(w, "class", error_class_name(CLASS_SYSTEM));
			jw_str(w, "message", _("the failed node is not stored"));
		}
	}
	show_failure_trail(a, w, run, idx, end.generation);
	jw_end_obj(w);
}

/* ---- nodes ---- */

/* How often the work of an attempt's iteration was tried; looking at what it made is no try. */
static int tries_by(struct api *a, const struct attempt_row *at)
{
	struct iteration_row i;
	struct attempt_row work;
	if (at->phase == PHASE_WORK ||
	    store_iteration_get(a->store, at->run, at->idx, at->generation, at->iteration, &i, NULL) ||
	    store_attempt_get(a->store, i.work, &work, NULL))
		return at->attempt;
	return work.attempt;
}

static int node_tries(struct api *a, const struct node_row *row)
{
	struct attempt_row at;
	if (!row || row->attempt < 2 || !row->token || store_attempt_get(a->store, row->token, &at, NULL))
		return row ? row->attempt : 0;
	return at.generation == row->generation && at.iteration == row->iteration ? tries_by(a, &at) : row->attempt;
}

int node_state_now(struct api *a, id_t64 run, int idx, const struct node_row *row)
{
	int live = engine_node_state(a->engine, run, idx);
	if (live >= 0)
		return live;
	return row ? (int)row->state : NODE_PENDING;
}

static void show_names(struct jw *w, const char *key, const struct graph *g,
                       const struct graph_node *n, bool feeds)
{
	jw_arr(w, key);
	for (size_t i = 0; g && n && i < (feeds ? n->nfeeds : n->nneeds); i++) {
		int idx = feeds ? n->feeds[i] : n->needs[i].node;
		jw_str(w, NULL, g->nodes[idx].name);
	}
	jw_end_arr(w);
}

/* What the graph says of the node: an instance is what its group's body is. */
static const struct graph_node *definition_of(const struct graph *g, const struct node_shown *n)
{
	int idx = n->instance ? n->instance->parent : n->idx;
	if (!g || idx < 0 || (size_t)idx >= g->nnodes)
		return NULL;
	const struct graph_node *gn = &g->nodes[idx];
	return n->instance && gn->kind == NODE_GROUP && gn->group.body ? gn->group.body : gn;
}

static void show_graph_part(struct jw *w, const struct graph *g, const struct node_shown *n,
                            const struct graph_node *gn)
{
	const struct graph_node *group = n->instance && g ? &g->nodes[n->instance->parent] : NULL;
	jw_str(w, "kind", gn ? node_kind_name(gn->kind) : NULL);
	jw_int(w, "max_attempts", gn ? MAX(gn->retry.max_attempts, 1) : 1);
	show_names(w, "needs", g, group ? group : gn, false);
	show_names(w, "feeds", g, group ? group : gn, true);
	jw_str(w, "group", group ? group->name : NULL);
	jw_bool(w, "critical", gn ? gn->critical : true);
	jw_bool(w, "handler", gn && gn->handler != HANDLER_NONE);
}

static void show_row_part(struct jw *w, const struct node_row *row, int state, int tries)
{
	static const struct node_row never = { .generation = 1 };
	if (!row)
		row = &never;
	int64_t end = row->ended_ms ? row->ended_ms : clock_wall_ms();
	jw_int(w, "generation", row->generation);
	jw_int(w, "iteration", row->iteration);
	jw_int(w, "attempts", row->attempt);
	jw_int(w, "tries", tries);
	jw_bool(w, "stale", row->stale);
	jw_time(w, "next_at_ms", state == NODE_RETRYING ? row->next_ms : 0);
	jw_time(w, "started_at_ms", row->started_ms);
	jw_time(w, "ended_at_ms", row->ended_ms);
	jw_above(w, "duration_ms", row->started_ms ? MAX(end - row->started_ms, (int64_t)0) : -1);
	jw_raw(w, "outputs", row->outputs ? row->outputs : "null");
	jw_id(w, "child", 'r', row->child);
	jw_int(w, "version", row->version);
}

void show_node(struct api *a, struct jw *w, const char *key, const struct node_shown *n)
{
	const struct graph *g = graph_of(a, n->run);
	const struct graph_node *gn = definition_of(g, n);
	int state = node_state_now(a, n->run, n->idx, n->row);
	auto_str why = STR_INIT;
	if (!state_final(ENTITY_NODE, state))
		engine_node_why(a->engine, n->run, n->idx, &why);
	bool gone = g && !n->instance && !graph_has(g, n->idx);
	const char *reason = gone ? _("the definition has it no more") : why.len ? str_text(&why) : n->row ? n->row->reason : NULL;
	jw_obj(w, key);
	jw_id(w, "run", 'r', n->run);
	jw_str(w, "node", n->instance ? n->instance->name : gn ? gn->name : NULL);
	jw_int(w, "index", n->idx);
	jw_str(w, "state", state_name(ENTITY_NODE, state));
	show_graph_part(w, g, n, gn);
	show_row_part(w, n->row, state, node_tries(a, n->row));
	jw_str(w, "reason", reason && *reason ? reason : NULL);
	struct approval_row asked;
	if (state == NODE_WAITING && n->row &&
	    !store_approval_get(a->store, n->run, n->idx, n->row->generation, n->row->iteration, &asked, NULL))
		show_approval(a, w, "approval", &asked);
	else
		jw_null(w, "approval");
	if (state == NODE_FAILED || state == NODE_RETRYING)
		show_failure(a, w, "failure", n->run, n->idx, n->row ? n->row->token : 0, n->row);
	else
		jw_null(w, "failure");
	jw_end_obj(w);
}

/* ---- iterations and attempts ---- */

/* One short line: why it is as it is. */
static void show_why(struct jw *w, const struct attempt_row *at)
{
	const char *why = at->message ? at->message
	                  : at->class ? _(error_class_meaning(at->class))
	                              : NULL;
	size_t len = why ? strcspn(why, "\n") : 0;
	if (why)
		jw_strn(w, "why", why, len);
	else
		jw_null(w, "why");
}

static int max_attempts(struct api *a, id_t64 run, int idx)
{
	const struct graph *g = graph_of(a, run);
	if (!g || idx < 0)
		return 1;
	struct instance_row i;
	if (graph_is_beyond(g, idx)) {
		if (read_instance(a->store, run, idx, NULL, &i, NULL) || i.parent < 0 ||
		    (size_t)i.parent >= g->nnodes)
			return 1;
		idx = i.parent;
	}
	const struct graph_node *gn = &g->nodes[idx];
	if (gn->kind == NODE_GROUP && gn->group.body)
		gn = gn->group.body;
	return MAX(gn->retry.max_attempts, 1);
}

struct whether_stale {
	const struct attempt_row *at;
	bool stale;
};

static void look_whether_stale(void *ctx, const struct node_row *n)
{
	struct whether_stale *s = ctx;
	s->stale = n->stale && n->generation == s->at->generation && n->iteration == s->at->iteration;
}

/* Whether it made what its node still stands by, and what that was made from was made anew since. */
static bool attempt_is_stale(struct api *a, const struct attempt_row *at)
{
	struct whether_stale s = { at, false };
	if (read_nodes(a->store, at->run, at->idx, at->idx + 1, look_whether_stale, &s, NULL))
		return false;
	return s.stale;
}

static void show_common(struct api *a, struct jw *w, const struct attempt_row *at, int newest)
{
	int64_t end = at->ended_ms ? at->ended_ms : clock_wall_ms();
	bool again = at->retry_in_ms >= 0 && at->ended_ms;
	jw_id(w, "run", 'r', at->run);
	jw_node(a, w, "node", at->run, at->idx);
	jw_int(w, "generation", at->generation);
	jw_int(w, "iteration", at->iteration);
	jw_int(w, "attempt", at->attempt);
	jw_int(w, "attempts", at->attempt);
	jw_int(w, "tries", tries_by(a, at));
	jw_int(w, "max_attempts", max_attempts(a, at->run, at->idx));
	jw_str(w, "phase", attempt_phase_name((enum attempt_phase)at->phase));
	jw_str(w, "state", state_name(ENTITY_ATTEMPT, (int)at->state));
	jw_str(w, "class", at->class ? error_class_name(at->class) : NULL);
	show_why(w, at);
	jw_above(w, "exit_code", at->exit_code);
	jw_above(w, "signal", at->signal > 0 ? at->signal : -1);
	jw_time(w, "started_at_ms", at->started_ms);
	jw_time(w, "ended_at_ms", at->ended_ms);
	jw_above(w, "duration_ms", at->started_ms ? MAX(end - at->started_ms, (int64_t)0) : -1);
	jw_bool(w, "superseded", newest > at->generation);
	jw_bool(w, "stale", attempt_is_stale(a, at));
	jw_time(w, "next_at_ms", again ? at->ended_ms + at->retry_in_ms : 0);
}

/* What the store says when it has ended, what the worker last said while it runs. */
static void log_size(struct api *a, const struct attempt_row *at, int64_t *ret_bytes,
                     int64_t *ret_lines)
{
	if (at->state == ATTEMPT_RUNNING &&
	    engine_attempt_log(a->engine, at->token, ret_bytes, ret_lines))
		return;
	*ret_bytes = at->log_bytes;
	*ret_lines = at->log_lines;
}

/* What the iteration came to, when its node has checks, a loop or a budget, or calls an agent or a model. */
static void show_round(struct api *a, struct jw *w, const struct attempt_row *at)
{
	struct iteration_row i;
	struct usage_sum u = { 0 };
	if (store_iteration_get(a->store, at->run, at->idx, at->generation, at->iteration, &i, NULL)) {
		jw_null(w, "round");
		return;
	}
	jw_obj(w, "round");
	jw_str(w, "state", iteration_state_name(i.state));
	jw_str(w, "decision", i.ended_ms ? loop_action_name((enum loop_action)i.action) : NULL);
	jw_str(w, "final", i.ended_ms && i.final ? loop_final_name((enum loop_final)i.final) : NULL);
	jw_str(w, "reason", i.reason);
	jw_int(w, "problems", i.problems);
	jw_bool(w, "verified", i.verify != 0);
	jw_time(w, "started_at_ms", i.started_ms);
	jw_time(w, "ended_at_ms", i.ended_ms);
	if (store_usage_sum(a->store, at->run, at->idx, at->generation, at->iteration, &u, NULL))
		u = (struct usage_sum){ 0 };
	int64_t tokens = u.calls > u.no_total ? u.total : -1;
	int64_t cost = u.calls > u.no_cost ? u.cost_micro_usd : -1;
	struct live_counts live;
	if (at->state == ATTEMPT_RUNNING && engine_attempt_live(a->engine, at->token, &live)) {
		/* As far as it is known: the present call goes on. */
		tokens = MAX(tokens, (int64_t)0) + MAX(live.input, (int64_t)0) + MAX(live.output, (int64_t)0);
		cost = live.cost_micro_usd < 0 ? cost : MAX(cost, (int64_t)0) + live.cost_micro_usd;
	}
	jw_above(w, "tokens", tokens);
	jw_above(w, "cost_micro_usd", cost);
	jw_end_obj(w);
}

void show_iteration(struct api *a, struct jw *w, const char *key, const struct attempt_row *at,
                    int newest)
{
	int64_t bytes, lines;
	log_size(a, at, &bytes, &lines);
	jw_obj(w, key);
	show_common(a, w, at, newest);
	show_round(a, w, at);
	jw_obj(w, "log");
	jw_int(w, "bytes", bytes);
	jw_int(w, "lines", lines);
	jw_end_obj(w);
	jw_end_obj(w);
}

void show_attempt(struct api *a, struct jw *w, const char *key, const struct attempt_row *at,
                  int newest)
{
	int64_t bytes, lines;
	log_size(a, at, &bytes, &lines);
	auto_free char *path = engine_log_path(a->engine, at->run, at->idx, at->generation,
	                                       at->iteration, at->attempt);
	auto_str token = STR_INIT;
	str_add_i64(&token, at->token);
	jw_obj(w, key);
	show_common(a, w, at, newest);
	jw_str(w, "token", str_text(&token));
	jw_above(w, "worker_pid", at->worker_pid > 0 ? at->worker_pid : -1);
	jw_null(w, "pid");
	jw_int(w, "cpu_ms", at->cpu_us / 1000);
	jw_int(w, "rss_kib", at->rss_kib);
	jw_int(w, "frozen_ms", at->frozen_ms);
	jw_int(w, "redacted", at->redacted);
	jw_above(w, "retry_in_ms", at->retry_in_ms);
	jw_str(w, "retry_reason", at->retry_reason);
	jw_int(w, "leftover", at->leftover);
	jw_obj(w, "log");
	jw_str(w, "path", path);
	jw_int(w, "bytes", bytes);
	jw_int(w, "lines", lines);
	jw_int(w, "dropped", at->log_dropped);
	jw_int(w, "lost", at->log_lost);
	jw_end_obj(w);
	jw_end_obj(w);
}

/* ---- finding ---- */

static enum err_code unknown_node(struct api *a, id_t64 run, const char *name, struct err *err)
{
	const struct run_graph *rg = run_graph(a, run);
	const struct graph *g = graph_of(a, run);
	err_note(err, ERR_NOT_FOUND, _("run %s (%s) has no node %.64s"), id_text('r', run).s,
	         rg ? rg->name : "", name);
	if (!g)
		return ERR_NOT_FOUND;
	auto_free const char **names = xcalloc(g->nnodes + 1, sizeof(*names));
	for (size_t i = 0; i < g->nnodes; i++)
		names[i] = g->nodes[i].name;
	const char *near = flow_nearest(name, names, g->nnodes);
	if (near)
		err_hint(err, _("did you mean %s?"), near);
	return ERR_NOT_FOUND;
}

enum err_code node_find(struct api *a, id_t64 run, const char *name, int *ret, struct err *err)
{
	const struct graph *g = graph_of(a, run);
	int idx = g ? graph_find(g, name) : -1;
	struct instance_row i;
	if (idx < 0 && g)
		idx = graph_find_gone(g, name);
	if (idx < 0 && !read_instance(a->store, run, 0, name, &i, NULL))
		idx = i.idx;
	if (idx < 0)
		return unknown_node(a, run, name, err);
	*ret = idx;
	return ERR_OK;
}
