/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figures for a monitoring system: the text format 0.0.4 of Prometheus. Gauges are of now, counters of the time since this
 * engine began. No prompt, no key and no path is in them; names that workflows choose are escaped as labels. */
#include "api/api_internal.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

static void begin(struct str *s, const char *name, const char *type, const char *help)
{
	str_addf(s, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct str *s, const char *name, const char *type, const char *help, int64_t v)
{
	begin(s, name, type, help);
	str_addf(s, "%s %" PRId64 "\n", name, v);
}

/* A label's value: backslash, quote and line feed are escaped, other control characters left out. */
static void add_label(struct str *s, const char *name, const char *value)
{
	str_addf(s, "%s%s=\"", s->p[s->len - 1] == '{' ? "" : ",", name);
	for (const char *p = value; *p; p++) {
		if (*p == '\\' || *p == '"')
			str_add_char(s, '\\');
		if (*p == '\n')
			str_add(s, "\\n");
		else if ((unsigned char)*p >= ' ' && *p != 0x7f)
			str_add_char(s, *p);
	}
	str_add_char(s, '"');
}

static void add_states(struct str *s, const char *name, const char *help, enum entity e, const int64_t *v)
{
	begin(s, name, "gauge", help);
	for (int i = 0; i < state_count(e); i++)
		str_addf(s, "%s{state=\"%s\"} %" PRId64 "\n", name, state_name(e, i), v[i]);
}

/* ---- calls of models ---- */

struct series {
	struct str *s;
	const char *name, *kind; /* kind NULL: no such label */
	int64_t (*value)(const struct call_count *c);
	int decimals; /* the value is in so many places behind the point */
};

static int64_t calls(const struct call_count *c)
{
	return c->calls;
}

static int64_t retries(const struct call_count *c)
{
	return c->retries;
}

static int64_t input(const struct call_count *c)
{
	return c->input;
}

static int64_t output(const struct call_count *c)
{
	return c->output;
}

static int64_t cache_read(const struct call_count *c)
{
	return c->cache_read;
}

static int64_t cache_write(const struct call_count *c)
{
	return c->cache_write;
}

static int64_t cost(const struct call_count *c)
{
	return c->cost_micro_usd;
}

static int64_t no_cost(const struct call_count *c)
{
	return c->no_cost;
}

static int64_t latency(const struct call_count *c)
{
	return c->latency_ms;
}

static void add_call(void *ctx, const struct call_count *c)
{
	const struct series *x = ctx;
	int64_t v = x->value(c), unit = 1;
	for (int i = 0; i < x->decimals; i++)
		unit *= 10;
	str_addf(x->s, "%s{", x->name);
	add_label(x->s, "provider", c->provider);
	add_label(x->s, "model", c->model);
	add_label(x->s, "status", c->status);
	if (x->kind)
		add_label(x->s, "kind", x->kind);
	str_addf(x->s, "} %" PRId64, v / unit);
	if (x->decimals)
		str_addf(x->s, ".%0*" PRId64, x->decimals, v % unit);
	str_add_char(x->s, '\n');
}

static void add_calls(const struct engine *e, struct str *s)
{
	static const struct {
		const char *name, *help, *kind;
		int64_t (*value)(const struct call_count *c);
		int decimals;
	} rows[] = {
		{ "pawl_llm_calls_total", "Calls of models, by outcome.", NULL, calls, 0 },
		{ "pawl_llm_retries_total", "Tries of them after the first.", NULL, retries, 0 },
		{ "pawl_llm_tokens_total", "Tokens that calls of models took, where they are known.", "input", input, 0 },
		{ "pawl_llm_tokens_total", NULL, "output", output, 0 },
		{ "pawl_llm_tokens_total", NULL, "cache_read", cache_read, 0 },
		{ "pawl_llm_tokens_total", NULL, "cache_write", cache_write, 0 },
		{ "pawl_llm_cost_usd_total", "Cost of them by the price table, where it is known.", NULL, cost, 6 },
		{ "pawl_llm_calls_without_cost_total", "Calls whose price is not known.", NULL, no_cost, 0 },
		{ "pawl_llm_latency_seconds_total", "Time that calls of models took.", NULL, latency, 3 },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct series x = { s, rows[i].name, rows[i].kind, rows[i].value, rows[i].decimals };
		if (rows[i].help)
			begin(s, rows[i].name, "counter", rows[i].help);
		engine_calls(e, add_call, &x);
	}
}

/* ---- breakers ---- */

struct breakers {
	struct str *s;
	int open;
};

static void add_breaker(void *ctx, const struct breaker_row *b, int waiting UNUSED)
{
	struct breakers *x = ctx;
	x->open += b->b.state == BREAKER_OPEN || b->b.state == BREAKER_FORCED_OPEN;
	str_add(x->s, "pawl_circuit_breaker_state{");
	add_label(x->s, "name", b->name);
	add_label(x->s, "state", breaker_state_name(b->b.state));
	str_add(x->s, "} 1\n");
}

enum err_code api_metrics(struct request *r, struct err *err)
{
	(void)err;
	struct api *a = r->api;
	struct str *s = &r->out;
	struct engine_stats e;
	engine_stats(a->engine, &e);
	const struct read_counts *c = counts_now(a);
	struct breakers b = { .s = s };
	r->type = "text/plain; version=0.0.4; charset=utf-8";
	begin(s, "pawl_build_info", "gauge", "Always 1; the version is a label.");
	str_addf(s, "pawl_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
	one(s, "pawl_uptime_seconds", "gauge", "Since this engine began.",
	    MAX(clock_wall_ms() - host_started_ms(a->host), (int64_t)0) / 1000);
	add_states(s, "pawl_orders", "Orders in each state.", ENTITY_ORDER, c->orders);
	add_states(s, "pawl_runs", "Runs in each state.", ENTITY_RUN, c->runs);
	one(s, "pawl_queue_depth", "gauge", "Orders that wait for a place.", e.waiting);
	one(s, "pawl_queue_oldest_wait_seconds", "gauge", "How long the oldest of them waits.", e.waiting ? e.oldest_wait_ms / 1000 : 0);
	one(s, "pawl_queue_paused", "gauge", "1: nothing is started.", e.queue_paused);
	one(s, "pawl_steps_running", "gauge", "Steps at work.", e.steps_running);
	one(s, "pawl_active_workers", "gauge", "Worker processes that have a step.", e.workers_busy);
	one(s, "pawl_idle_workers", "gauge", "Worker processes that wait for one.", e.workers_idle);
	one(s, "pawl_failures_unacknowledged", "gauge", "Failed runs that nobody has looked at.", read_unseen(a->store));
	one(s, "pawl_storage_failed", "gauge", "1: nothing can be stored.", e.storage_failed);
	one(s, "pawl_events_total", "counter", "Events in the history.", e.last_seq);
	begin(s, "pawl_circuit_breaker_state", "gauge", "1 for the state that each circuit breaker is in.");
	engine_breakers(a->engine, add_breaker, &b);
	one(s, "pawl_circuit_breakers_open", "gauge", "Those that let nothing through.", b.open);
	add_calls(a->engine, s);
	return ERR_OK;
}
