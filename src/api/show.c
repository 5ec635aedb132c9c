/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders, runs and events as JSON: the rows of the store, and over them what only the engine's
 * memory knows. */
#include "api/api_internal.h"

#include "base/clock.h"
#include "base/diag.h"

#include <string.h>

#define RUN_GRAPHS_MAX 4096

/* ---- small things ---- */

void jw_id(struct jw *w, const char *key, char kind, id_t64 id)
{
	struct id_text text = id_text(kind, id);
	jw_str(w, key, id ? text.s : NULL);
}

void jw_above(struct jw *w, const char *key, int64_t v)
{
	if (v < 0)
		jw_null(w, key);
	else
		jw_int(w, key, v);
}

static void jw_hash(struct jw *w, const char *key, const struct hash *h)
{
	char text[HASH_TEXT_LEN + 1];
	hash_hex(h, text);
	jw_str(w, key, text);
}

static void free_run_graph(struct run_graph *g)
{
	free(g->sub);
	free(g->name);
	free(g);
}

void forget_run_graph(struct api *a, id_t64 run)
{
	struct run_graph *g = map_get(&a->run_graphs, (uint64_t)run);
	if (!g)
		return;
	(void)map_del(&a->run_graphs, (uint64_t)run);
	free_run_graph(g);
}

static void forget_run_graphs(struct api *a)
{
	size_t at = 0;
	struct run_graph *g;
	while ((g = map_next(&a->run_graphs, &at)))
		free_run_graph(g);
	map_done(&a->run_graphs);
	a->run_graphs = (struct map)MAP_INIT;
}

const struct run_graph *run_graph(struct api *a, id_t64 run)
{
	struct run_graph *g = map_get(&a->run_graphs, (uint64_t)run);
	if (g || !run)
		return g;
	struct run_source s;
	if (read_run_source(a->store, run, &s, NULL))
		return NULL;
	if (a->run_graphs.n >= RUN_GRAPHS_MAX)
		forget_run_graphs(a);
	g = xcalloc(1, sizeof(*g));
	g->workflow = s.workflow;
	g->sub = s.sub ? xstrdup(s.sub) : NULL;
	g->name = xstrdup(s.name);
	map_put(&a->run_graphs, (uint64_t)run, g);
	return g;
}

const struct graph *graph_of(struct api *a, id_t64 run)
{
	const struct run_graph *rg = run_graph(a, run);
	const struct graph *g = NULL;
	if (!rg || engine_graph(a->engine, &rg->workflow, rg->sub, &g, NULL))
		return NULL;
	return g;
}

bool node_name(struct api *a, id_t64 run, int idx, struct str *out)
{
	const struct graph *g = graph_of(a, run);
	if (idx < 0 || !g)
		return false;
	if (!graph_is_beyond(g, idx)) {
		str_add(out, g->nodes[idx].name);
		return true;
	}
	struct instance_row i;
	if (read_instance(a->store, run, idx, NULL, &i, NULL))
		return false;
	str_add(out, i.name);
	return true;
}

void jw_node(struct api *a, struct jw *w, const char *key, id_t64 run, int idx)
{
	auto_str name = STR_INIT;
	jw_str(w, key, node_name(a, run, idx, &name) ? str_text(&name) : NULL);
}

/* Values of parameters that the workflow calls secret are not shown. */
static void jw_params(struct api *a, struct jw *w, const struct hash *workflow, const char *sub,
                      const char *params)
{
	const struct graph *g;
	bool secret = false;
	if (!engine_graph(a->engine, workflow, sub, &g, NULL))
		for (size_t i = 0; i < g->nparams; i++)
			secret |= g->params[i].secret;
	auto_json *v = NULL;
	if (!secret || json_parse(params, strlen(params), 4 * MIB, &v, NULL)) {
		jw_raw(w, "params", params);
		return;
	}
	jw_obj(w, "params");
	for (const struct json *e = json_first(v); e; e = json_next(e)) {
		bool hide = false;
		for (size_t i = 0; i < g->nparams; i++)
			hide |= g->params[i].secret && str_eq(g->params[i].name, json_key(e));
		auto_str text = STR_INIT;
		json_add(&text, e);
		if (hide)
			jw_str(w, json_key(e), "***");
		else
			jw_raw(w, json_key(e), str_text(&text));
	}
	jw_end_obj(w);
}

/* ---- orders ---- */

static void add_need(void *ctx, id_t64 needs)
{
	jw_id(ctx, NULL, 'o', needs);
}

void show_order(struct api *a, struct jw *w, const char *key, const struct order_row *o)
{
	int64_t estimate = -1, position = 0;
	if (o->state == ORDER_QUEUED)
		position = engine_position(a->engine, o->id, &estimate);
	jw_obj(w, key);
	jw_id(w, "id", 'o', o->id);
	jw_str(w, "workflow", o->name);
	jw_hash(w, "workflow_hash", &o->workflow);
	jw_str(w, "file", o->file);
	jw_str(w, "state", state_name(ENTITY_ORDER, (int)o->state));
	jw_int(w, "priority", o->priority);
	jw_above(w, "position", position > 0 ? position : -1);
	jw_above(w, "ahead", position > 0 ? position - 1 : -1);
	jw_above(w, "estimate_ms", estimate);
	jw_str(w, "reason", o->reason);
	jw_id(w, "run", 'r', o->run);
	jw_params(a, w, &o->workflow, NULL, o->params);
	jw_arr(w, "depends_on");
	struct err err;
	if (store_order_needs(a->store, o->id, add_need, w, &err))
		diag(DIAG_ERROR, "order %s: %s", id_text('o', o->id).s, err.message);
	jw_end_arr(w);
	jw_above(w, "max_wait_ms", o->max_wait_ms > 0 ? o->max_wait_ms : -1);
	jw_str(w, "submitter", o->submitter);
	jw_time(w, "enqueued_at_ms", o->enqueued_ms);
	jw_time(w, "started_at_ms", o->started_ms);
	jw_time(w, "ended_at_ms", o->ended_ms);
	jw_int(w, "version", o->version);
	jw_end_obj(w);
}

/* ---- runs ---- */

static void show_progress(struct api *a, struct jw *w, const struct run_row *r, int64_t *ret_eta)
{
	struct run_progress p;
	*ret_eta = -1;
	if (!engine_run_progress(a->engine, r->id, &p)) {
		jw_raw(w, "progress", r->counts ? r->counts : "null");
		jw_arr(w, "current");
		jw_end_arr(w);
		return;
	}
	*ret_eta = p.eta_ms;
	jw_obj(w, "progress");
	jw_int(w, "total", p.total);
	jw_int(w, "pending", p.pending + p.blocked);
	jw_int(w, "ready", p.ready);
	jw_int(w, "running", p.running);
	jw_int(w, "waiting", p.waiting + p.retrying);
	jw_int(w, "succeeded", p.succeeded);
	jw_int(w, "failed", p.failed);
	jw_int(w, "skipped", p.skipped);
	jw_int(w, "canceled", p.canceled);
	jw_end_obj(w);
	jw_arr(w, "current");
	for (size_t i = 0; i < p.ncurrent; i++)
		jw_node(a, w, NULL, r->id, p.current[i]);
	jw_end_arr(w);
}

/* What calls of models that are under way have used. */
static void show_live(struct api *a, struct jw *w, const struct run_row *r)
{
	struct live_counts c;
	if (!engine_run_live(a->engine, r->id, &c)) {
		jw_null(w, "live");
		return;
	}
	jw_obj(w, "live");
	jw_above(w, "input", c.input);
	jw_above(w, "output", c.output);
	jw_above(w, "cost_micro_usd", c.cost_micro_usd);
	jw_end_obj(w);
}

static void show_parent(struct api *a, struct jw *w, const struct run_row *r)
{
	if (!r->parent_run) {
		jw_null(w, "parent");
		return;
	}
	jw_obj(w, "parent");
	jw_id(w, "run", 'r', r->parent_run);
	jw_node(a, w, "node", r->parent_run, r->parent_node);
	jw_end_obj(w);
}

static void show_fork(void *ctx, const struct fork_row *f)
{
	if (f->run)
		jw_id(ctx, NULL, 'r', f->run);
}

/* Where it comes from, and what comes from it. */
static void show_lineage(struct api *a, struct jw *w, const struct run_row *r)
{
	struct fork_row f;
	if (store_fork_get(a->store, 0, r->id, &f, NULL)) {
		jw_null(w, "forked_from");
	} else {
		jw_obj(w, "forked_from");
		jw_id(w, "run", 'r', f.source);
		jw_int(w, "checkpoint", f.checkpoint);
		jw_end_obj(w);
	}
	jw_arr(w, "forks");
	(void)!store_forks_of(a->store, r->id, show_fork, w, NULL);
	jw_end_arr(w);
}

static void show_times(struct jw *w, const struct run_row *r, int64_t eta)
{
	int64_t now = clock_wall_ms();
	int64_t end = r->ended_ms ? r->ended_ms : now;
	jw_time(w, "created_at_ms", r->created_ms);
	jw_time(w, "started_at_ms", r->started_ms);
	jw_time(w, "ended_at_ms", r->ended_ms);
	jw_above(w, "duration_ms", r->started_ms ? MAX(end - r->started_ms, (int64_t)0) : -1);
	jw_above(w, "eta_ms", eta);
	jw_int(w, "paused_ms",
	       r->paused_ms + (r->paused_at_ms ? MAX(now - r->paused_at_ms, (int64_t)0) : 0));
}

void show_run(struct api *a, struct jw *w, const char *key, const struct run_row *r)
{
	int64_t eta;
	jw_obj(w, key);
	jw_id(w, "id", 'r', r->id);
	jw_id(w, "order", 'o', r->order);
	jw_str(w, "workflow", r->name);
	jw_hash(w, "workflow_hash", &r->workflow);
	jw_str(w, "file", r->file);
	jw_str(w, "state", state_name(ENTITY_RUN, (int)r->state));
	jw_str(w, "result", run_result_name(r->result));
	jw_str(w, "mode", run_mode_name(r->mode));
	jw_raw(w, "until", r->until ? r->until : "[]");
	jw_str(w, "reason", r->reason);
	jw_str(w, "way_back", way_back_step(a, r));
	jw_int(w, "generation", r->generation);
	jw_int(w, "priority", r->priority);
	show_progress(a, w, r, &eta);
	show_live(a, w, r);
	show_times(w, r, eta);
	show_parent(a, w, r);
	show_lineage(a, w, r);
	if (r->failed_node >= 0)
		show_failure(a, w, "failure", r->id, r->failed_node, r->failed_token, NULL);
	else
		jw_null(w, "failure");
	jw_bool(w, "acknowledged", r->acknowledged);
	jw_params(a, w, &r->workflow, r->sub, r->params);
	jw_str(w, "workspace", r->workspace);
	jw_int(w, "version", r->version);
	jw_end_obj(w);
}

/* ---- events ---- */

static enum entity event_entity(const char *type)
{
	size_t len = strcspn(type, ".");
	for (int e = 0; e < ENTITY_COUNT; e++) {
		const char *name = entity_name((enum entity)e);
		if (strlen(name) == len && !strncmp(name, type, len))
			return (enum entity)e;
	}
	return ENTITY_ENGINE;
}

static void jw_state(struct jw *w, const char *key, enum entity e, int state)
{
	jw_str(w, key, state >= 0 && state < state_count(e) ? state_name(e, state) : NULL);
}

void show_event(struct api *a, struct jw *w, const char *key, const struct event_row *e)
{
	enum entity entity = event_entity(e->type);
	jw_obj(w, key);
	jw_int(w, "seq", e->seq);
	jw_time(w, "at_ms", e->at_ms);
	jw_int(w, "engine", 1);
	jw_int(w, "lamport", e->seq);
	jw_str(w, "type", e->type);
	jw_str(w, "entity", entity_name(entity));
	jw_id(w, "order", 'o', e->order);
	jw_id(w, "run", 'r', e->run);
	jw_node(a, w, "node", e->run, e->idx);
	jw_above(w, "generation", e->generation ? e->generation : -1);
	jw_above(w, "iteration", e->iteration ? e->iteration : -1);
	jw_above(w, "attempt", e->attempt ? e->attempt : -1);
	jw_state(w, "from", entity, e->was);
	jw_state(w, "to", entity, e->now);
	jw_str(w, "actor", actor_name(e->actor));
	jw_str(w, "who", e->who);
	jw_str(w, "reason", e->reason);
	jw_raw(w, "data", e->data ? e->data : "null");
	jw_end_obj(w);
}

void show_report(struct jw *w, const char *key, const struct flow_report *report)
{
	jw_arr(w, key);
	for (size_t i = 0; report && i < report->n; i++) {
		const struct flow_issue *issue = &report->v[i];
		jw_obj(w, NULL);
		jw_str(w, "file", issue->file);
		jw_int(w, "line", issue->line);
		jw_int(w, "column", issue->column);
		jw_str(w, "path", issue->path);
		jw_str(w, "message", issue->message);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}
