/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What calls of models took, and the circuit breakers of programs and providers. */
#include "api/api_internal.h"

#include <string.h>

struct usage_list {
	size_t n, limit;
	struct usage_row *v; /* kept: the names of nodes are read meanwhile */
	size_t cap;
};

static char *text(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void keep_call(void *ctx, const struct usage_row *u)
{
	struct usage_list *l = ctx;
	GROW(l->v, l->n, l->cap);
	l->v[l->n] = *u;
	l->v[l->n].provider = text(u->provider);
	l->v[l->n].model = text(u->model);
	l->v[l->n].price_version = text(u->price_version);
	l->v[l->n++].status = text(u->status);
}

static void show_call(struct api *a, struct jw *w, const struct usage_row *u)
{
	auto_str token = STR_INIT;
	str_add_i64(&token, u->token);
	jw_obj(w, NULL);
	jw_id(w, "run", 'r', u->run);
	jw_node(a, w, "node", u->run, u->idx);
	jw_int(w, "generation", u->generation);
	jw_int(w, "iteration", u->iteration);
	jw_str(w, "token", str_text(&token));
	jw_int(w, "number", u->number);
	jw_str(w, "provider", u->provider);
	jw_str(w, "model", u->model);
	jw_above(w, "input", u->input);
	jw_above(w, "output", u->output);
	jw_above(w, "cache_read", u->cache_read);
	jw_above(w, "cache_write", u->cache_write);
	jw_above(w, "total", u->total);
	jw_above(w, "cost_micro_usd", u->cost_micro_usd);
	jw_str(w, "price_version", u->price_version);
	jw_str(w, "status", u->status);
	jw_above(w, "http_status", u->http_status);
	jw_int(w, "retry_count", u->retry_count);
	jw_above(w, "latency_ms", u->latency_ms);
	jw_time(w, "at_ms", u->at_ms);
	jw_end_obj(w);
}

static void list_done(struct usage_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free((void *)(uintptr_t)l->v[i].provider);
		free((void *)(uintptr_t)l->v[i].model);
		free((void *)(uintptr_t)l->v[i].price_version);
		free((void *)(uintptr_t)l->v[i].status);
	}
	free(l->v);
}

enum err_code api_usage(struct request *r, struct err *err)
{
	CLEANUP(list_done) struct usage_list l = { 0 };
	id_t64 run = 0;
	int64_t after = 0;
	struct usage_sum sum = { 0 };
	const char *id = request_query(r, "run", NULL);
	enum err_code code = request_limit(r, &l.limit, err);
	if (!code)
		code = request_cursor(r, &after, err);
	if (!code && id)
		code = find_run(r->api, id, &run, err);
	if (!code)
		code = store_usage_of(r->api->store, run, after, (int64_t)l.limit, keep_call, &l, err);
	if (!code && run)
		code = store_usage_sum(r->api->store, run, -1, 0, 0, &sum, err);
	if (code)
		return code;
	/* Calls of one attempt stay together: a page begins with a new attempt. */
	size_t n = l.n;
	bool more = l.n == l.limit;
	while (more && n > 1 && l.v[n - 1].token == l.v[l.n - 1].token)
		n--;
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_arr(&w, "items");
	for (size_t i = 0; i < n; i++)
		show_call(r->api, &w, &l.v[i]);
	jw_end_arr(&w);
	jw_cursor(&w, more ? l.v[n - 1].token : 0);
	jw_null(&w, "total");
	if (run)
		show_sum(&w, "sum", &sum);
	else
		jw_null(&w, "sum");
	jw_end_obj(&w);
	return ERR_OK;
}

/* ---- breakers ---- */

struct breaker_list {
	struct jw *w;
	const char *name; /* only this one; NULL: all */
	bool found;
};

static void show_breaker(void *ctx, const struct breaker_row *b, int waiting)
{
	struct breaker_list *l = ctx;
	if (l->name && !str_eq(l->name, b->name))
		return;
	struct jw *w = l->w;
	l->found = true;
	jw_obj(w, NULL);
	jw_str(w, "name", b->name);
	jw_str(w, "state", breaker_state_name(b->b.state));
	jw_int(w, "failures", b->b.failures);
	jw_time(w, "opened_at_ms", b->b.opened_ms);
	jw_time(w, "until_ms", b->b.until_ms);
	jw_bool(w, "probing", b->b.probe != 0);
	jw_int(w, "waiting", waiting);
	jw_str(w, "reason", b->reason);
	jw_str(w, "who", b->who);
	jw_time(w, "changed_at_ms", b->changed_ms);
	jw_end_obj(w);
}

void breaker_answer(struct request *r, const char *name)
{
	struct jw w = jw_begin(&r->out);
	struct breaker_list l = { .w = &w, .name = name };
	engine_breakers(r->api->engine, show_breaker, &l);
}

enum err_code api_breakers(struct request *r, struct err *err UNUSED)
{
	struct jw w = jw_begin(&r->out);
	struct breaker_list l = { .w = &w };
	jw_obj(&w, NULL);
	jw_arr(&w, "items");
	engine_breakers(r->api->engine, show_breaker, &l);
	jw_end_arr(&w);
	jw_null(&w, "next");
	jw_null(&w, "total");
	jw_end_obj(&w);
	return ERR_OK;
}

enum err_code api_breaker(struct request *r, struct err *err)
{
	struct command c = { .target = r->args[0], .choice = FORCE_COUNT };
	const char *force = NULL;
	enum err_code code = body_text(r->json, "force", &force, err);
	if (!code)
		code = body_text(r->json, "reason", &c.reason, err);
	for (int i = 0; !code && force && i < FORCE_COUNT; i++)
		if (str_eq(force, breaker_force_name((enum breaker_force)i)))
			c.choice = i;
	if (!code && c.choice == FORCE_COUNT)
		return err_set(err, ERR_USAGE, _("force: expected one of open, closed, auto"));
	if (!code)
		command_start(r, &c);
	return code;
}
