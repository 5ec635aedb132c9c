/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The nodes of a run and their attempts. */
#include "api/api_internal.h"

#include <limits.h>
#include <string.h>

#define SCAN_MAX 10000 /* nodes looked at for one page with a filter */

struct node_list {
	struct api *api;
	struct jw w;
	id_t64 run;
	const struct graph *g;
	int end;             /* with the instances */
	bool gone;           /* shows what the definition has no more, too */
	unsigned int states; /* 0: all */
	size_t limit, shown;
	int at; /* the next index */
};

static void show_one(struct node_list *l, int idx, const struct node_row *row)
{
	l->at = idx + 1;
	if (l->states && !(l->states >> node_state_now(l->api, l->run, idx, row) & 1))
		return;
	struct instance_row i;
	struct node_shown n = { .run = l->run, .idx = idx, .row = row };
	auto_free char *name = NULL;
	if (!l->g || graph_is_beyond(l->g, idx)) {
		if (read_instance(l->api->store, l->run, idx, NULL, &i, NULL) || i.superseded)
			return;
		name = xstrdup(i.name); /* other names are read meanwhile */
		i.name = name;
		n.instance = &i;
	}
	if (!n.instance && !l->gone && !graph_has(l->g, idx))
		return;
	show_node(l->api, &l->w, NULL, &n);
	l->shown++;
}

/* Rows come in order; what has none never left pending. */
static void take_row(void *ctx, const struct node_row *row)
{
	struct node_list *l = ctx;
	while (l->at < row->idx && l->shown < l->limit)
		show_one(l, l->at, NULL);
	if (l->at == row->idx && l->shown < l->limit)
		show_one(l, row->idx, row);
}

static enum err_code fill(struct node_list *l, struct err *err)
{
	int first = l->at, stop = MIN(l->end, first + SCAN_MAX);
	while (l->at < stop && l->shown < l->limit) {
		int last = l->states ? MIN(stop, l->at + 1000)
		                     : MIN(stop, l->at + (int)(l->limit - l->shown));
		enum err_code code =
		    read_nodes(l->api->store, l->run, l->at, last, take_row, l, err);
		if (code)
			return code;
		while (l->at < last && l->shown < l->limit)
			show_one(l, l->at, NULL);
	}
	return ERR_OK;
}

enum err_code api_nodes(struct request *r, struct err *err)
{
	struct node_list l = { .api = r->api };
	int64_t after = 0;
	enum err_code code = find_run(r->api, r->args[0], &l.run, err);
	if (!code)
		code = request_limit(r, &l.limit, err);
	if (!code)
		code = request_cursor(r, &after, err);
	if (!code)
		code = query_states(r, ENTITY_NODE, &l.states, err);
	if (code)
		return code;
	const struct graph *g = graph_of(r->api, l.run);
	l.g = g;
	l.end = MAX(g ? (int)g->nnodes : 0, read_instances_end(r->api->store, l.run));
	l.at = (int)MIN(after, (int64_t)INT_MAX - SCAN_MAX);
	l.w = jw_begin(&r->out);
	jw_obj(&l.w, NULL);
	jw_arr(&l.w, "items");
	code = fill(&l, err);
	jw_end_arr(&l.w);
	jw_cursor(&l.w, l.at < l.end ? l.at : 0);
	jw_above(&l.w, "total", l.states ? -1 : l.end);
	jw_end_obj(&l.w);
	return code;
}

static enum err_code node_of(struct request *r, id_t64 *ret_run, int *ret_idx, struct err *err)
{
	enum err_code code = find_run(r->api, r->args[0], ret_run, err);
	return code ? code : node_find(r->api, *ret_run, r->args[1], ret_idx, err);
}

static void take_token(void *ctx, const struct node_row *row)
{
	int64_t *token = ctx;
	*token = row->state == NODE_FAILED || row->state == NODE_RETRYING ? row->token : 0;
}

enum err_code api_node(struct request *r, struct err *err)
{
	struct node_list l = { .api = r->api, .limit = 1 };
	int idx;
	int64_t token = 0;
	enum err_code code = node_of(r, &l.run, &idx, err);
	if (!code)
		code = read_nodes(r->api->store, l.run, idx, idx + 1, take_token, &token, err);
	struct attempt_row at;
	bool wait = false;
	if (!code && token && !store_attempt_get(r->api->store, token, &at, NULL))
		code = first_error_wait(r, &at, &wait, err);
	if (code || wait)
		return code;
	const struct graph *g = graph_of(r->api, l.run);
	l.g = g;
	l.gone = true;
	l.at = idx;
	l.end = idx + 1;
	l.w = jw_begin(&r->out);
	return fill(&l, err);
}

enum err_code api_why(struct request *r, struct err *err)
{
	id_t64 run;
	int idx;
	engine_settle(r->api->engine);
	enum err_code code = node_of(r, &run, &idx, err);
	if (!code)
		code = engine_why(r->api->engine, run, r->args[1], &r->out, err);
	if (code)
		str_clear(&r->out);
	return code;
}

struct attempt_list {
	struct api *api;
	struct jw w;
};

static void add_attempt(void *ctx, const struct attempt_row *at, int newest)
{
	struct attempt_list *l = ctx;
	show_attempt(l->api, &l->w, NULL, at, newest);
}

enum err_code api_node_attempts(struct request *r, struct err *err)
{
	id_t64 run;
	int idx;
	struct read_page page = { 0 };
	enum err_code code = node_of(r, &run, &idx, err);
	if (!code)
		code = request_limit(r, &page.limit, err);
	if (!code)
		code = request_cursor(r, &page.before, err);
	if (code)
		return code;
	struct attempt_list l = { r->api, jw_begin(&r->out) };
	jw_obj(&l.w, NULL);
	jw_arr(&l.w, "items");
	code = read_node_attempts(r->api->store, run, idx, &page, add_attempt, &l, err);
	jw_end_arr(&l.w);
	jw_cursor(&l.w, page.next);
	jw_null(&l.w, "total");
	jw_end_obj(&l.w);
	return code;
}
