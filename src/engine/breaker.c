/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Circuit breakers at work: a node whose program or provider is out of order waits, without using up a try; and
 * what the reports of attempts say is learned: calls, and whether they went well. */
#include "engine/engine_internal.h"

#include <string.h>

struct gate { /* a breaker, with those that wait for it */
	char *name, *reason, *who;
	struct breaker b;
	int64_t changed_ms;
	struct heap waiting;
	struct timer timer;
};

static struct gate *gate_get(struct engine *e, const char *name)
{
	struct gate *g = smap_get(&e->breakers, name);
	if (g)
		return g;
	g = xcalloc(1, sizeof(*g));
	g->name = xstrdup(name);
	heap_init(&g->waiting, node_heap_before);
	smap_put(&e->breakers, g->name, g);
	return g;
}

static void gate_event(struct engine *e, const struct gate *g, const struct note *n)
{
	auto_str data = STR_INIT;
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	jw_str(&w, "breaker", g->name);
	jw_str(&w, "state", breaker_state_name(g->b.state));
	jw_int(&w, "failures", g->b.failures);
	jw_time(&w, "until_ms", g->b.until_ms);
	jw_end_obj(&w);
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = "breaker.changed", .idx = -1, .was = -1, .now = -1,
				.actor = n->actor, .who = n->who, .reason = n->reason, .data = str_text(&data) };
	store_event(e->store, &ev);
}

static void wake(struct engine *e, struct gate *g)
{
	while (g->waiting.n > 0) {
		struct node *n = CONTAINER_OF(heap_min(&g->waiting), struct node, ready);
		node_make_ready(e, n);
	}
}

static void due(struct engine *e, struct timer *t)
{
	wake(e, CONTAINER_OF(t, struct gate, timer));
}

static void gate_store(struct engine *e, struct gate *g, enum breaker_state was, const struct note *n)
{
	g->changed_ms = e->now.wall_ms;
	struct breaker_row row = { .name = g->name, .b = g->b, .reason = g->reason, .who = g->who,
				   .changed_ms = g->changed_ms };
	store_breaker_put(e->store, &row);
	if (g->b.state != was)
		gate_event(e, g, n);
	timer_clear(e, &g->timer);
	int64_t until;
	if (breaker_allows(&g->b, e->now.wall_ms, &until))
		wake(e, g);
	else if (until)
		timer_set(e, &g->timer, MAX(until - e->now.wall_ms, (int64_t)1), due);
}

/* ---- a node at the gate ---- */

bool breaker_holds(struct engine *e, struct node *n)
{
	struct gate *held = NULL;
	if (node_phase(n) != PHASE_WORK)
		return false;
	for (size_t i = 0;; i++) {
		auto_free char *name = executor_breaker(n->run->graph, n->def, i);
		int64_t until;
		if (!name)
			break;
		struct gate *g = smap_get(&e->breakers, name);
		if (!g || breaker_allows(&g->b, e->now.wall_ms, &until))
			return false; /* one that works is enough: the others come after it */
		held = held ? held : g;
	}
	if (!held)
		return false;
	node_park(n, &held->waiting);
	resources_wake(e, n);
	return true;
}

void breaker_started(struct engine *e, struct node *n)
{
	for (size_t i = 0; node_phase(n) == PHASE_WORK; i++) {
		auto_free char *name = executor_breaker(n->run->graph, n->def, i);
		struct gate *g = name ? smap_get(&e->breakers, name) : NULL;
		int64_t until;
		if (!name)
			break;
		if (!g || !breaker_allows(&g->b, e->now.wall_ms, &until))
			continue;
		enum breaker_state was = g->b.state;
		if (breaker_begin(&g->b, n->token))
			gate_store(e, g, was, &BY_ENGINE);
	}
}

void breaker_why(const struct engine *e, const struct node *n, struct str *out)
{
	const struct gate *g;
	size_t at = 0;
	while ((g = smap_next(&e->breakers, &at, NULL))) {
		if (n->where != &g->waiting)
			continue;
		str_addf(out, _("ready, but the circuit breaker of %s is %s"), g->name, breaker_state_name(g->b.state));
		if (g->b.until_ms > e->now.wall_ms)
			str_addf(out, _(", for %lld s more"), (long long)((g->b.until_ms - e->now.wall_ms + 999) / 1000));
		if (g->reason)
			str_addf(out, ": %s", g->reason);
		return;
	}
}

int64_t breaker_until(void *ctx, const char *name)
{
	const struct engine *e = ctx;
	const struct gate *g = smap_get(&e->breakers, name);
	int64_t until;
	if (!g || breaker_allows(&g->b, e->now.wall_ms, &until))
		return 0;
	return until ? until : -1;
}

/* ---- what attempts say ---- */

static int64_t count_of(const struct json *v, const char *key)
{
	const struct json *m = json_get(v, key);
	return json_type(m) == JSON_NUMBER && json_int(m, -1) >= 0 ? json_int(m, -1) : -1;
}

static void add_to(struct usage_sum *s, const struct usage_row *u)
{
	s->calls++;
	s->input += MAX(u->input, (int64_t)0);
	s->output += MAX(u->output, (int64_t)0);
	s->total += MAX(u->total, (int64_t)0);
	s->cost_micro_usd += MAX(u->cost_micro_usd, (int64_t)0);
	s->call_total = MAX(s->call_total, u->total);
	s->call_cost_micro_usd = MAX(s->call_cost_micro_usd, u->cost_micro_usd);
}

/* Of input and output where the other side does not say it. */
static int64_t total_of(const struct usage_row *u)
{
	if (u->total >= 0)
		return u->total;
	if (u->input < 0 && u->output < 0)
		return -1;
	return MAX(u->input, (int64_t)0) + MAX(u->output, (int64_t)0) + MAX(u->cache_read, (int64_t)0) +
	       MAX(u->cache_write, (int64_t)0);
}

/* A sub-workflow's calls are its parent's, too. */
static void take_call(struct engine *e, const struct node *n, struct usage_row *u)
{
	u->total = total_of(u);
	store_usage_add(e->store, u);
	calls_count(e, u);
	for (struct run *r = n->run; r; r = r->parent)
		add_to(&r->used, u);
	if (!n->loop)
		return;
	add_to(&n->loop->used, u);
	n->loop->iteration_tokens += MAX(u->total, (int64_t)0);
}

/* Its program told nothing any more, but a call may have been under way: what was last heard of it, which is the
 * least that it used. */
static void take_lost(struct engine *e, struct node *n)
{
	bool heard = n->live.input || n->live.output || n->live.cost_micro_usd;
	auto_free char *name = executor_breaker(n->run->graph, n->def, 0);
	const char *colon = name ? strchr(name, ':') : NULL;
	struct usage_row u = { .token = n->token, .number = 1, .run = n->run->id, .idx = n->idx, .generation = n->generation,
			       .iteration = n->iteration, .provider = colon ? colon + 1 : "", .model = "",
			       .input = heard ? n->live.input : -1, .output = heard ? n->live.output : -1, .cache_read = -1,
			       .cache_write = -1, .total = -1, .cost_micro_usd = heard ? n->live.cost_micro_usd : -1,
			       .status = USAGE_LOST, .http_status = -1, .latency_ms = -1, .at_ms = e->now.wall_ms };
	take_call(e, n, &u);
}

static int take_usage(struct engine *e, struct node *n, const struct json *report)
{
	int number = 0;
	for (const struct json *i = json_first(json_get(report, "usage")); i && number < 1000; i = json_next(i)) {
		struct usage_row u = {
			.token = n->token, .number = ++number, .run = n->run->id, .idx = n->idx, .generation = n->generation,
			.iteration = n->iteration, .provider = json_get_str(i, "provider", ""),
			.model = json_get_str(i, "model", ""), .input = count_of(i, "input"), .output = count_of(i, "output"),
			.cache_read = count_of(i, "cache_read"), .cache_write = count_of(i, "cache_write"),
			.total = count_of(i, "total"), .cost_micro_usd = count_of(i, "cost_micro_usd"),
			.price_version = json_get_str(i, "price_version", NULL), .status = json_get_str(i, "status", "ok"),
			.http_status = (int)count_of(i, "http_status"),
			.retry_count = (int)MAX(count_of(i, "retry_count"), (int64_t)0),
			.latency_ms = count_of(i, "latency_ms"), .at_ms = json_get_int(i, "at_ms", e->now.wall_ms),
		};
		take_call(e, n, &u);
	}
	return number;
}

static void learn(struct engine *e, const struct node *n, const char *name, bool ok, bool counts)
{
	struct gate *g = gate_get(e, name);
	enum breaker_state was = g->b.state;
	if (!breaker_end(&g->b, e->now.wall_ms, n->token, ok, counts))
		return;
	auto_free char *why = ok ? NULL : xasprintf(_("%d failures in a row, the last in %s"), g->b.failures, n->name);
	if (counts) {
		free(g->reason);
		g->reason = why ? xstrdup(why) : NULL;
		free(TAKE(g->who));
	}
	gate_store(e, g, was, &(struct note){ .actor = ACTOR_WORKER, .reason = why });
}

/* A pull request that was made is told to whoever listens. */
static void tell_pull(struct engine *e, const struct node *n, const struct json *report)
{
	auto_str data = STR_INIT;
	if (!str_eq(json_get_str(report, "kind", ""), "publish") || !json_get_bool(report, "pr_created", false))
		return;
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	jw_str(&w, "url", json_get_str(report, "pr_url", ""));
	jw_int(&w, "number", json_get_int(report, "pr_number", 0));
	jw_str(&w, "branch", json_get_str(report, "branch", ""));
	jw_end_obj(&w);
	loop_event(e, n, "pr.created", &(struct note){ .actor = ACTOR_WORKER, .data = str_text(&data) });
}

void report_learn(struct engine *e, struct node *n, enum error_class class, const char *report)
{
	auto_json *v = NULL;
	if (report && json_parse(report, strlen(report), 2 * MIB, &v, NULL))
		v = NULL;
	bool calls = node_phase(n) == PHASE_WORK && (n->def->kind == NODE_AGENT || n->def->kind == NODE_LLM);
	int ncalls = v && node_phase(n) == PHASE_WORK ? take_usage(e, n, v) : 0;
	if (v)
		tell_pull(e, n, v);
	if (calls && !ncalls && class == CLASS_INTERRUPTED)
		take_lost(e, n);
	for (const struct json *i = json_first(json_get(v, "breakers")); i; i = json_next(i)) {
		const char *name = json_get_str(i, "name", "");
		if (*name && strlen(name) < 128)
			learn(e, n, name, json_get_bool(i, "ok", true), true);
	}
	/* A probe that told nothing leaves its place to another one. */
	const struct gate *g;
	size_t at = 0;
	while ((g = smap_next(&e->breakers, &at, NULL)))
		if (g->b.state == BREAKER_HALF_OPEN && g->b.probe == n->token)
			learn(e, n, g->name, false, false);
}

/* ---- the operator, the API, the start ---- */

enum err_code run_force_breaker(struct engine *e, const struct command *c, struct err *err)
{
	if (!c->target || !*c->target || strlen(c->target) >= 128)
		return err_set(err, ERR_USAGE, _("name the breaker, as agent:PROGRAM or llm:PROVIDER"));
	if (!smap_get(&e->breakers, c->target) && !str_starts(c->target, "agent:") && !str_starts(c->target, "llm:"))
		return err_set(err, ERR_NOT_FOUND, _("there is no breaker %s"), c->target);
	if ((!c->reason || !*c->reason) && c->choice != FORCE_AUTO)
		return err_set(err, ERR_USAGE, _("say why, for the record: a reason is wanted"));
	struct gate *g = gate_get(e, c->target);
	enum breaker_state was = g->b.state;
	breaker_force(&g->b, (enum breaker_force)c->choice);
	free(g->reason);
	free(g->who);
	g->reason = c->reason ? xstrdup(c->reason) : NULL;
	g->who = c->who ? xstrdup(c->who) : NULL;
	gate_store(e, g, was, &(struct note){ .actor = ACTOR_OPERATOR, .who = c->who, .reason = c->reason });
	return ERR_OK;
}

void engine_breakers(const struct engine *e, void (*fn)(void *ctx, const struct breaker_row *b, int waiting),
		     void *ctx)
{
	const struct gate *g;
	size_t at = 0;
	while ((g = smap_next(&e->breakers, &at, NULL))) {
		struct breaker_row row = { .name = g->name, .b = g->b, .reason = g->reason, .who = g->who,
					   .changed_ms = g->changed_ms };
		fn(ctx, &row, (int)g->waiting.n);
	}
}

static void load_one(void *ctx, const struct breaker_row *row)
{
	struct engine *e = ctx;
	struct gate *g = gate_get(e, row->name);
	g->b = row->b;
	g->reason = row->reason ? xstrdup(row->reason) : NULL;
	g->who = row->who ? xstrdup(row->who) : NULL;
	g->changed_ms = row->changed_ms;
	int64_t until;
	if (!breaker_allows(&g->b, e->now.wall_ms, &until) && until)
		timer_set(e, &g->timer, MIN(until - e->now.wall_ms, (int64_t)BREAKER_WAIT_MAX_MS), due);
}

enum err_code breakers_load(struct engine *e, struct err *err)
{
	return store_breakers(e->store, load_one, e, err);
}

void breakers_recover(struct engine *e)
{
	/* A probe whose attempt is gone tells nothing any more. */
	struct gate *g;
	size_t at = 0;
	while ((g = smap_next(&e->breakers, &at, NULL)))
		if (g->b.state == BREAKER_HALF_OPEN && g->b.probe && !map_get(&e->tokens, (uint64_t)g->b.probe) &&
		    breaker_end(&g->b, e->now.wall_ms, g->b.probe, false, false))
			gate_store(e, g, BREAKER_HALF_OPEN, &(struct note){ .actor = ACTOR_RECOVERY });
}

void breakers_free(struct engine *e)
{
	struct gate *g;
	size_t at = 0;
	while ((g = smap_next(&e->breakers, &at, NULL))) {
		timer_clear(e, &g->timer);
		heap_done(&g->waiting);
		free(g->name);
		free(g->reason);
		free(g->who);
		free(g);
	}
	smap_done(&e->breakers);
	e->breakers = (struct smap)SMAP_INIT;
}
