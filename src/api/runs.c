/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs: lists, one, its definition, its iterations, checkpoints and partial results. */
#include "api/api_internal.h"

#include <string.h>

#define PARTIAL_MAX (4 * MIB) /* bytes of outputs in one answer */

struct list {
	struct api *api;
	struct jw w;
	size_t limit; /* bytes; 0: none */
	bool cut;
};

static void list_begin(struct list *l, struct request *r)
{
	*l = (struct list){ .api = r->api, .w = jw_begin(&r->out) };
	jw_obj(&l->w, NULL);
	jw_arr(&l->w, "items");
}

static void list_end(struct list *l, int64_t next, int64_t total)
{
	jw_end_arr(&l->w);
	jw_cursor(&l->w, next);
	jw_above(&l->w, "total", total);
	jw_end_obj(&l->w);
}

static void add_run(void *ctx, const struct run_row *row)
{
	struct list *l = ctx;
	show_run(l->api, &l->w, NULL, row);
}

static int64_t total_of(struct api *a, const struct run_filter *f)
{
	const struct read_counts *c = counts_now(a);
	if (f->workflow || f->text || f->parent || f->since_ms || (f->unseen && f->states))
		return -1;
	if (f->unseen)
		return read_unseen(a->store);
	if (!f->states)
		return c->nruns;
	int64_t n = 0;
	for (int i = 0; i < 16; i++)
		n += f->states >> i & 1 ? c->runs[i] : 0;
	return n;
}

static enum err_code run_filter(struct request *r, struct run_filter *f, struct err *err)
{
	*f = (struct run_filter){ .workflow = request_query(r, "workflow", NULL),
		                  .text = request_query(r, "q", NULL) };
	enum err_code code = query_states(r, ENTITY_RUN, &f->states, err);
	if (!code)
		code = request_number(r, "since_ms", 0, 0, INT64_MAX, &f->since_ms, err);
	const char *states = request_query(r, "state", "");
	f->unseen = strstr(states, "failed_new") != NULL;
	const char *parent = request_query(r, "parent", NULL);
	if (code || !parent)
		return code;
	if (str_eq(parent, "none")) {
		f->parent = -1;
		return ERR_OK;
	}
	return find_run(r->api, parent, &f->parent, err);
}

enum err_code api_runs(struct request *r, struct err *err)
{
	struct run_filter f;
	struct read_page page = { 0 };
	enum err_code code = request_limit(r, &page.limit, err);
	if (!code)
		code = request_cursor(r, &page.before, err);
	if (!code)
		code = run_filter(r, &f, err);
	if (code)
		return code;
	struct list l;
	list_begin(&l, r);
	code = read_runs(r->api->store, &f, &page, add_run, &l, err);
	list_end(&l, page.next, total_of(r->api, &f));
	return code;
}

enum err_code api_run(struct request *r, struct err *err)
{
	id_t64 id;
	struct run_row row;
	enum err_code code = find_run(r->api, r->args[0], &id, err);
	if (!code)
		code = store_run_get(r->api->store, id, &row, err);
	if (code)
		return code;
	if (row.failed_token) {
		struct attempt_row at;
		bool wait = false;
		if (!store_attempt_get(r->api->store, row.failed_token, &at, NULL))
			code = first_error_wait(r, &at, &wait, err);
		if (code || wait)
			return code;
	}
	struct jw w = jw_begin(&r->out);
	show_run(r->api, &w, NULL, &row);
	return ERR_OK;
}

/* ---- what it executes ---- */

static void show_retry(struct jw *w, const struct retry_policy *p)
{
	jw_obj(w, "retry");
	jw_int(w, "max_attempts", MAX(p->max_attempts, 1));
	jw_int(w, "initial_ms", p->initial_ms);
	jw_num(w, "factor", p->factor);
	jw_int(w, "max_ms", p->max_ms);
	jw_bool(w, "jitter", p->jitter);
	jw_end_obj(w);
}

static void show_definition_node(struct jw *w, const struct graph *g, const struct graph_node *n)
{
	jw_obj(w, NULL);
	jw_str(w, "name", n->name);
	jw_str(w, "description", n->description);
	jw_str(w, "kind", node_kind_name(n->kind));
	jw_arr(w, "needs");
	for (size_t i = 0; i < n->nneeds; i++) {
		jw_obj(w, NULL);
		jw_str(w, "node", g->nodes[n->needs[i].node].name);
		jw_str(w, "when", edge_when_name(n->needs[i].when));
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_int(w, "line", n->line);
	jw_above(w, "timeout_ms", n->timeout_ms > 0 ? n->timeout_ms : -1);
	show_retry(w, &n->retry);
	jw_bool(w, "critical", n->critical);
	jw_bool(w, "handler", n->handler != HANDLER_NONE);
	jw_str(w, "when", n->when ? expr_text(n->when) : NULL);
	jw_str(w, "run", n->kind == NODE_RUN ? n->run.script : NULL);
	jw_str(w, "workflow", n->kind == NODE_WORKFLOW ? n->workflow.file : NULL);
	jw_end_obj(w);
}

void show_params(struct jw *w, const struct graph *g)
{
	jw_arr(w, "params");
	for (size_t i = 0; g && i < g->nparams; i++) {
		const struct graph_param *p = &g->params[i];
		jw_obj(w, NULL);
		jw_str(w, "name", p->name);
		jw_str(w, "type", param_type_name(p->type));
		jw_bool(w, "required", p->required);
		jw_bool(w, "secret", p->secret);
		if (p->secret)
			jw_null(w, "default");
		else
			jw_raw(w, "default", p->default_json ? p->default_json : "null");
		jw_arr(w, "choices");
		for (size_t k = 0; k < p->nchoices; k++)
			jw_str(w, NULL, p->choices[k]);
		jw_end_arr(w);
		jw_str(w, "pattern", p->pattern);
		jw_str(w, "help", p->help);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

/* The lines of one node, to be edited. */
static void show_lines(struct jw *w, const struct graph *g, const char *node)
{
	int idx = node ? graph_find(g, node) : -1;
	size_t from, to;
	if (idx >= 0 && g->source && flow_node_lines(g->source, node, g->nodes[idx].line, &from, &to))
		jw_strn(w, "text", g->source + from, to - from);
	else
		jw_null(w, "text");
}

enum err_code api_run_definition(struct request *r, struct err *err)
{
	id_t64 id;
	enum err_code code = find_run(r->api, r->args[0], &id, err);
	if (code)
		return code;
	const struct run_graph *rg = run_graph(r->api, id);
	const struct graph *g = NULL;
	code = rg ? engine_graph(r->api->engine, &rg->workflow, rg->sub, &g, err)
	          : err_set(err, ERR_NOT_FOUND, _("there is no run %.64s"), r->args[0]);
	if (code)
		return code;
	char hash[HASH_TEXT_LEN + 1];
	hash_hex(&rg->workflow, hash);
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_str(&w, "hash", hash);
	jw_str(&w, "file", g->file);
	jw_strn(&w, "source", g->source ? g->source : "", g->source_len);
	show_lines(&w, g, request_query(r, "node", NULL));
	jw_str(&w, "name", g->name);
	jw_str(&w, "description", g->description);
	show_params(&w, g);
	jw_arr(&w, "nodes");
	for (size_t i = 0; i < g->nnodes; i++)
		if (graph_has(g, (int)i))
			show_definition_node(&w, g, &g->nodes[i]);
	jw_end_arr(&w);
	jw_end_obj(&w);
	return ERR_OK;
}

/* ---- iterations ---- */

static void add_iteration(void *ctx, const struct attempt_row *at, int newest)
{
	struct list *l = ctx;
	show_iteration(l->api, &l->w, NULL, at, newest);
}

struct node_iterations {
	struct list *list;
	int generation,
	    iteration; /* of the last attempt shown; newest first, so the first is the last try */
	bool within;   /* the page may begin in the middle of an iteration */
};

static void add_node_iteration(void *ctx, const struct attempt_row *at, int newest)
{
	struct node_iterations *n = ctx;
	if ((at->generation == n->generation && at->iteration == n->iteration) ||
	    (n->within && at->retry_in_ms >= 0))
		return;
	n->within = false;
	n->generation = at->generation;
	n->iteration = at->iteration;
	add_iteration(n->list, at, newest);
}

enum err_code api_iterations(struct request *r, struct err *err)
{
	id_t64 run;
	int idx = -1;
	struct read_page page = { 0 };
	enum err_code code = find_run(r->api, r->args[0], &run, err);
	if (!code)
		code = request_limit(r, &page.limit, err);
	if (!code)
		code = request_cursor(r, &page.before, err);
	const char *node = request_query(r, "node", NULL);
	if (!code && node)
		code = node_find(r->api, run, node, &idx, err);
	if (code)
		return code;
	struct list l;
	list_begin(&l, r);
	struct node_iterations n = { .list = &l, .within = page.before > 0 };
	code = node
	           ? read_node_attempts(r->api->store, run, idx, &page, add_node_iteration, &n, err)
	           : read_iterations(r->api->store, run, &page, add_iteration, &l, err);
	list_end(&l, page.next, -1);
	return code;
}

/* ---- checkpoints and partial results ---- */

static void add_completed(void *ctx, const struct node_row *n)
{
	struct list *l = ctx;
	jw_node(l->api, &l->w, NULL, n->run, n->idx);
}

static void add_outputs(void *ctx, const struct node_row *n)
{
	struct list *l = ctx;
	auto_str name = STR_INIT;
	const struct graph *g = graph_of(l->api, n->run);
	bool gone = g && (size_t)n->idx < g->nnodes && !graph_has(g, n->idx) && !graph_is_hole(g, n->idx);
	if (!n->outputs || gone || !node_name(l->api, n->run, n->idx, &name))
		return;
	if (l->w.out->len + strlen(n->outputs) > l->limit) {
		l->cut = true;
		return;
	}
	jw_raw(&l->w, str_text(&name), n->outputs);
}

static void add_pending(struct list *l, id_t64 run)
{
	const struct graph *g = graph_of(l->api, run);
	for (size_t i = 0; g && i < g->nnodes; i++) {
		if (g->nodes[i].handler != HANDLER_NONE)
			continue;
		/* Of a run that is not live no node is still to come. */
		int state = engine_node_state(l->api->engine, run, (int)i);
		if (state >= 0 && !state_final(ENTITY_NODE, state))
			jw_str(&l->w, NULL, g->nodes[i].name);
	}
}

enum err_code api_partial(struct request *r, struct err *err)
{
	id_t64 run;
	enum err_code code = find_run(r->api, r->args[0], &run, err);
	if (code)
		return code;
	struct list l = { .api = r->api, .w = jw_begin(&r->out), .limit = PARTIAL_MAX };
	struct read_page page = { .limit = GRAPH_NODES_MAX };
	jw_obj(&l.w, NULL);
	jw_arr(&l.w, "completed");
	code = read_checkpoints(r->api->store, run, &page, add_completed, &l, err);
	jw_end_arr(&l.w);
	jw_arr(&l.w, "pending");
	add_pending(&l, run);
	jw_end_arr(&l.w);
	jw_obj(&l.w, "outputs");
	page = (struct read_page){ .limit = GRAPH_NODES_MAX };
	if (!code)
		code = read_checkpoints(r->api->store, run, &page, add_outputs, &l, err);
	jw_end_obj(&l.w);
	jw_bool(&l.w, "truncated", l.cut);
	jw_end_obj(&l.w);
	return code;
}
