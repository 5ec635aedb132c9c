/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/model.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>

#define PAGE_RUNS 100
#define PAGE_LONG 200
#define PAGE_CHECKPOINTS 1000
#define INTERVAL_US 200000    /* between two readings of one list */
#define RUN_REQUESTS_MAX 4    /* single runs asked for at the same time */
#define STALE_RUNS_MAX 64     /* beyond it the first page is read instead */

static void path_engine(const struct model *m, struct str *path)
{
	(void)m;
	str_add(path, "/v1/engine");
}

static void path_orders(const struct model *m, struct str *path)
{
	(void)m;
	str_addf(path, "/v1/orders?order=queue&state=pending,queued,held,blocked&limit=%d", PAGE_LONG);
}

static void path_runs(const struct model *m, struct str *path)
{
	str_addf(path, "/v1/runs?limit=%d", PAGE_RUNS);
	if (m->runs_state) {
		str_add(path, "&state=");
		client_add_encoded(path, m->runs_state);
	}
	if (m->runs_text) {
		str_add(path, "&q=");
		client_add_encoded(path, m->runs_text);
	}
}

static void path_runs_more(const struct model *m, struct str *path)
{
	path_runs(m, path);
	str_add(path, "&after=");
	client_add_encoded(path, m->runs.next);
}

static void path_failures(const struct model *m, struct str *path)
{
	(void)m;
	str_add(path, "/v1/runs?state=failed_new&limit=50");
}

static void path_iterations(const struct model *m, struct str *path)
{
	str_add(path, "/v1/runs/");
	client_add_encoded(path, m->run);
	str_addf(path, "/iterations?limit=%d", PAGE_LONG);
}

static void path_nodes(const struct model *m, struct str *path)
{
	str_add(path, "/v1/runs/");
	client_add_encoded(path, m->run);
	str_add(path, "/nodes?limit=1000");
}

static void path_breakpoints(const struct model *m, struct str *path)
{
	str_add(path, "/v1/runs/");
	client_add_encoded(path, m->run);
	str_add(path, "/breakpoints");
}

static void path_checkpoints(const struct model *m, struct str *path)
{
	str_add(path, "/v1/runs/");
	client_add_encoded(path, m->run);
	str_addf(path, "/checkpoints?limit=%d", PAGE_CHECKPOINTS);
}

static void path_approvals(const struct model *m, struct str *path)
{
	(void)m;
	str_addf(path, "/v1/approvals?limit=%d", PAGE_LONG);
}

static void path_breakers(const struct model *m, struct str *path)
{
	(void)m;
	str_add(path, "/v1/breakers");
}

static void path_events(const struct model *m, struct str *path)
{
	str_addf(path, "/v1/events?before=999999999999999&limit=%d", PAGE_LONG);
	if (m->events_run) {
		str_add(path, "&run=");
		client_add_encoded(path, m->events_run);
	}
}

static void path_events_more(const struct model *m, struct str *path)
{
	const char *last = m->events.n ? m->events.v[m->events.n - 1]->id : "0";
	str_addf(path, "/v1/events?before=%s&limit=%d", last, PAGE_LONG);
	if (m->events_run) {
		str_add(path, "&run=");
		client_add_encoded(path, m->events_run);
	}
}

static void set_text(char **field, char *text)
{
	free(*field);
	*field = text;
}

static void apply_engine(struct model *m, const struct json *body)
{
	struct engine_info *e = &m->engine;
	const struct json *queue = json_get(body, "queue"), *steps = json_get(body, "steps");
	const struct json *runs = json_get(json_get(body, "counts"), "runs");
	set_text(&e->version, safe_text(json_get(body, "version")));
	set_text(&e->home, safe_text(json_get(body, "home")));
	set_text(&e->state, safe_text(json_get(body, "state")));
	set_text(&e->reason, safe_text(json_get(body, "reason")));
	e->pid = json_get_int(body, "pid", 0);
	e->started_at_ms = json_get_int(body, "started_at_ms", 0);
	e->last_seq = json_get_int(body, "last_seq", 0);
	e->new_failures = json_get_int(body, "failures_unacknowledged", 0);
	e->queue_paused = json_get_bool(body, "queue_paused", false);
	e->queue_waiting = json_get_int(queue, "waiting", 0);
	e->queue_held = json_get_int(queue, "held", 0);
	e->oldest_wait_ms = json_get_int(queue, "oldest_wait_ms", -1);
	e->steps_running = json_get_int(steps, "running", 0);
	e->steps_limit = json_get_int(steps, "limit", 0);
	e->runs_limit = json_get_int(json_get(body, "runs"), "limit", 0);
	const struct json *hour = json_first(json_get(body, "failures_per_hour"));
	e->tells_hours = hour != NULL;
	for (size_t i = 0; i < FAILED_HOURS; i++, hour = json_next(hour))
		e->failed[i] = json_int(hour, 0);
	memset(e->runs, 0, sizeof(e->runs));
	for (const struct json *c = json_first(runs); c; c = json_next(c))
		e->runs[ui_state_from_name(json_key(c))] += json_int(c, 0);
}

static void apply_orders(struct model *m, const struct json *body)
{
	rows_clear(&m->orders);
	rows_add_page(&m->orders, body);
}

static void apply_runs(struct model *m, const struct json *body)
{
	rows_merge_page(&m->runs, body);
}

static void apply_runs_more(struct model *m, const struct json *body)
{
	rows_add_page(&m->runs, body);
}

static int by_end(const void *a, const void *b)
{
	int64_t x = (*(struct run_row *const *)a)->ended_at_ms;
	int64_t y = (*(struct run_row *const *)b)->ended_at_ms;
	return (x < y) - (x > y);
}

static void apply_failures(struct model *m, const struct json *body)
{
	rows_clear(&m->failures);
	rows_add_page(&m->failures, body);
	/* The one that failed last comes first, whenever its run began. */
	if (m->failures.n)
		qsort(m->failures.v, m->failures.n, sizeof(*m->failures.v), by_end);
}

static void apply_iterations(struct model *m, const struct json *body)
{
	rows_clear(&m->iterations);
	rows_add_page(&m->iterations, body);
	set_text(&m->iterations_of, xstrdup(m->run));
}

static void apply_nodes(struct model *m, const struct json *body)
{
	rows_clear(&m->nodes);
	rows_add_page(&m->nodes, body);
	set_text(&m->nodes_of, xstrdup(m->run));
}

static void apply_breakpoints(struct model *m, const struct json *body)
{
	rows_clear(&m->breakpoints);
	rows_add_page(&m->breakpoints, body);
}

/* The newest first: that is where one mostly goes back to. */
static int by_number(const void *a, const void *b)
{
	int64_t x = (*(struct checkpoint_row *const *)a)->number;
	int64_t y = (*(struct checkpoint_row *const *)b)->number;
	return (x < y) - (x > y);
}

static void take_way_back(struct model *m, const struct json *v)
{
	auto_str s = STR_INIT;
	if (json_type(v) != JSON_OBJECT) {
		set_text(&m->way_back, NULL);
		return;
	}
	auto_free char *step = safe_text(json_get(v, "step")), *error = safe_text(json_get(v, "error"));
	str_addf(&s, _("last way back: %s"), step ? step : "?");
	if (json_get_int(v, "lost_ms", 0) > 0) {
		str_add(&s, _("  work lost "));
		add_took(&s, json_get_int(v, "lost_ms", 0));
	}
	if (json_get_int(v, "took_ms", -1) >= 0) {
		str_add(&s, _("  it took "));
		add_took(&s, json_get_int(v, "took_ms", 0));
	}
	if (error)
		str_addf(&s, _("  %s; it is as it was, and resume goes on"), error);
	set_text(&m->way_back, str_take(&s));
}

static void apply_checkpoints(struct model *m, const struct json *body)
{
	rows_clear(&m->checkpoints);
	rows_add_page(&m->checkpoints, body);
	if (m->checkpoints.n)
		qsort(m->checkpoints.v, m->checkpoints.n, sizeof(*m->checkpoints.v), by_number);
	take_way_back(m, json_get(body, "way_back"));
}

static void apply_approvals(struct model *m, const struct json *body)
{
	rows_clear(&m->approvals);
	rows_add_page(&m->approvals, body);
}

static void apply_breakers(struct model *m, const struct json *body)
{
	rows_clear(&m->breakers);
	rows_add_page(&m->breakers, body);
}

static void apply_events(struct model *m, const struct json *body)
{
	rows_merge_page(&m->events, body);
}

static void apply_events_more(struct model *m, const struct json *body)
{
	rows_add_page(&m->events, body);
}

/* clang-format off */
static const struct {
	void (*path)(const struct model *m, struct str *path);
	void (*apply)(struct model *m, const struct json *body);
	bool of_run; /* needs a selected run */
} feeds[] = {
	[TOPIC_ENGINE]      = { path_engine,      apply_engine      },
	[TOPIC_ORDERS]      = { path_orders,      apply_orders      },
	[TOPIC_RUNS]        = { path_runs,        apply_runs        },
	[TOPIC_RUNS_MORE]   = { path_runs_more,   apply_runs_more   },
	[TOPIC_FAILURES]    = { path_failures,    apply_failures    },
	[TOPIC_ITERATIONS]  = { path_iterations,  apply_iterations,  .of_run = true },
	[TOPIC_NODES]       = { path_nodes,       apply_nodes,       .of_run = true },
	[TOPIC_BREAKPOINTS] = { path_breakpoints, apply_breakpoints, .of_run = true },
	[TOPIC_CHECKPOINTS] = { path_checkpoints, apply_checkpoints, .of_run = true },
	[TOPIC_APPROVALS]   = { path_approvals,   apply_approvals   },
	[TOPIC_BREAKERS]    = { path_breakers,    apply_breakers    },
	[TOPIC_EVENTS]      = { path_events,      apply_events      },
	[TOPIC_EVENTS_MORE] = { path_events_more, apply_events_more },
};
/* clang-format on */
static_assert(COUNT(feeds) == TOPIC_COUNT, "every topic is read");

static void heard(struct model *m)
{
	m->heard_ms = m->wall_ms;
	m->was_up = true;
	if (!model_down(m))
		return;
	m->down_since_ms = 0;
	m->changed = ~0U;
	model_stale(m, ~0U & ~(TOPIC_BIT(TOPIC_RUNS_MORE) | TOPIC_BIT(TOPIC_EVENTS_MORE)));
}

static void lost(struct model *m, const struct err *err)
{
	if (err)
		m->link_err = *err;
	if (model_down(m))
		return;
	m->down_since_ms = m->wall_ms;
	m->changed = ~0U;
}

static void on_reply(void *ctx, const struct client_reply *r)
{
	struct feed *f = ctx;
	struct model *m = f->model;
	f->request = 0;
	m->changed |= TOPIC_BIT(f->topic);
	f->failed = r->code != ERR_OK;
	if (f->failed) {
		f->err = r->err ? *r->err : (struct err){ .code = r->code };
		if (!r->status) {
			f->stale = true;
			lost(m, r->err);
		}
		return;
	}
	heard(m);
	f->read_at_ms = m->wall_ms;
	feeds[f->topic].apply(m, r->body);
}

static void on_run(void *ctx, const struct client_reply *r)
{
	struct model *m = ctx;
	/* The answers come in any order; what counts is how many are still out. */
	size_t at = 0;
	void *any = map_next(&m->run_requests, &at);
	if (any)
		(void)map_del(&m->run_requests, (uint64_t)(uintptr_t)any);
	if (r->code == ERR_OK) {
		heard(m);
		model_take_run(m, r->body);
	} else if (!r->status) {
		lost(m, r->err);
	}
}

void model_take_run(struct model *m, const struct json *object)
{
	struct row *row = row_read(ROWS_RUNS, object);
	if (!row)
		return;
	m->changed |= TOPIC_BIT(TOPIC_RUNS);
	bool filtered = m->runs_state || m->runs_text;
	if (filtered && !rows_find(&m->runs, row->id))
		row_free(ROWS_RUNS, row);
	else
		rows_put(&m->runs, row);
}

struct run_row *model_run(const struct model *m, const char *id)
{
	struct row *row = rows_find(&m->runs, id);
	if (!row)
		row = rows_find(&m->failures, id);
	return (struct run_row *)row;
}

/* ---- the event stream ---- */

static void run_is_stale(struct model *m, const char *run)
{
	if (m->stale_runs.n >= STALE_RUNS_MAX)
		m->feed[TOPIC_RUNS].stale = true;
	else
		smap_put(&m->stale_runs, run, m);
}

static void on_event(void *ctx, const struct stream_event *e)
{
	struct model *m = ctx;
	m->heard_ms = m->wall_ms;
	if (str_eq(e->type, "lost")) {
		model_stale(m, ~0U & ~(TOPIC_BIT(TOPIC_RUNS_MORE) | TOPIC_BIT(TOPIC_EVENTS_MORE)));
		return;
	}
	auto_json *v = NULL;
	if (json_parse(e->data, e->len, MIB, &v, NULL))
		return;
	const char *run = json_get_str(v, "run", NULL), *to = json_get_str(v, "to", "");
	unsigned int topics = TOPIC_BIT(TOPIC_ENGINE) | TOPIC_BIT(TOPIC_EVENTS);
	if (str_starts(e->type, "order.") || str_starts(e->type, "queue."))
		topics |= TOPIC_BIT(TOPIC_ORDERS);
	if (str_starts(e->type, "approval.") || str_eq(to, "waiting"))
		topics |= TOPIC_BIT(TOPIC_APPROVALS);
	if (str_starts(e->type, "breaker.") || str_starts(e->type, "node."))
		topics |= TOPIC_BIT(TOPIC_BREAKERS);
	if (str_starts(e->type, "run.")) {
		if (str_eq(to, "failed") || strstr(e->type, "acknowledged"))
			topics |= TOPIC_BIT(TOPIC_FAILURES);
	}
	if (run) {
		if (rows_find(&m->runs, run))
			run_is_stale(m, run);
		else
			topics |= TOPIC_BIT(TOPIC_RUNS);
		if (m->run && str_eq(run, m->run)) {
			topics |= TOPIC_BIT(TOPIC_ITERATIONS) | TOPIC_BIT(TOPIC_NODES) |
				  TOPIC_BIT(TOPIC_CHECKPOINTS);
			if (str_starts(e->type, "run."))
				topics |= TOPIC_BIT(TOPIC_BREAKPOINTS);
		}
	}
	model_stale(m, topics);
}

static void on_stream(void *ctx, enum stream_state state, const struct err *err, int64_t retry_in_ms)
{
	struct model *m = ctx;
	(void)retry_in_ms;
	m->link = state;
	if (state == STREAM_LIVE) {
		heard(m);
	} else if (state == STREAM_DOWN) {
		lost(m, err);
	}
}

static void open_stream(struct model *m)
{
	auto_str path = STR_INIT;
	str_addf(&path, "/v1/events/stream?after=%lld", (long long)m->engine.last_seq);
	m->stream = client_stream(m->client, str_text(&path), on_event, on_stream, m);
}

/* ---- asking ---- */

static bool wanted(const struct model *m, enum topic t)
{
	if (!(m->watched & TOPIC_BIT(t)) || (feeds[t].of_run && !m->run))
		return false;
	if (t == TOPIC_RUNS_MORE)
		return m->runs.next != NULL;
	return true;
}

static void ask(struct model *m, struct feed *f)
{
	auto_str path = STR_INIT;
	feeds[f->topic].path(m, &path);
	f->stale = false;
	f->asked_us = f->sent_us = m->mono_us;
	f->request = client_send(m->client, "GET", str_text(&path), NULL, on_reply, f);
}

static void ask_runs(struct model *m)
{
	while (m->stale_runs.n && m->run_requests.n < RUN_REQUESTS_MAX) {
		size_t at = 0;
		const char *id = NULL;
		if (!smap_next(&m->stale_runs, &at, &id))
			return;
		auto_str path = STR_INIT;
		str_add(&path, "/v1/runs/");
		client_add_encoded(&path, id);
		(void)smap_del(&m->stale_runs, id);
		unsigned int r = client_send(m->client, "GET", str_text(&path), NULL, on_run, m);
		map_put(&m->run_requests, r, (void *)(uintptr_t)r);
	}
}

int64_t model_turn(struct model *m, int64_t wall_ms, int64_t mono_us)
{
	m->wall_ms = wall_ms;
	m->mono_us = mono_us;
	int64_t next_us = -1;
	if (!m->stream && m->feed[TOPIC_ENGINE].read_at_ms)
		open_stream(m);
	bool first = !m->was_up && !model_down(m);
	for (size_t i = 0; i < TOPIC_COUNT; i++) {
		struct feed *f = &m->feed[i];
		if (!f->stale || f->request || !wanted(m, f->topic))
			continue;
		/* While the engine is away only the stream knocks, or one feed until there is one. */
		if (model_down(m) && (m->stream || f->topic != TOPIC_ENGINE))
			continue;
		int64_t pause = model_down(m) ? 1000000 : INTERVAL_US;
		int64_t due = f->sent_us ? f->sent_us + pause : 0;
		if (first || due <= mono_us)
			ask(m, f);
		else
			next_us = next_us < 0 ? due - mono_us : MIN(next_us, due - mono_us);
	}
	if (!model_down(m))
		ask_runs(m);
	return next_us;
}

void model_stale(struct model *m, unsigned int topics)
{
	for (size_t i = 0; i < TOPIC_COUNT; i++)
		if (topics & TOPIC_BIT(i))
			m->feed[i].stale = true;
}

void model_ask_anew(struct model *m, enum topic t)
{
	struct feed *f = &m->feed[t];
	if (f->request)
		client_drop(m->client, f->request);
	f->request = 0;
	f->sent_us = 0;
	f->stale = true;
	f->failed = false;
}

void model_select_run(struct model *m, const char *run)
{
	if (m->run && run && str_eq(m->run, run))
		return;
	set_text(&m->run, run ? xstrdup(run) : NULL);
	if (!run) {
		rows_clear(&m->iterations);
		rows_clear(&m->nodes);
	}
	rows_clear(&m->breakpoints); /* of another run: none is better than wrong ones */
	rows_clear(&m->checkpoints);
	set_text(&m->way_back, NULL);
	m->feed[TOPIC_CHECKPOINTS].read_at_ms = 0;
	model_ask_anew(m, TOPIC_ITERATIONS);
	model_ask_anew(m, TOPIC_NODES);
	model_ask_anew(m, TOPIC_BREAKPOINTS);
	model_ask_anew(m, TOPIC_CHECKPOINTS);
}

void model_filter_runs(struct model *m, const char *state, const char *text)
{
	char *new_state = state ? xstrdup(state) : NULL, *new_text = text ? xstrdup(text) : NULL;
	set_text(&m->runs_state, new_state);
	set_text(&m->runs_text, new_text);
	rows_clear(&m->runs);
	m->feed[TOPIC_RUNS].read_at_ms = 0;
	model_ask_anew(m, TOPIC_RUNS);
	if (m->feed[TOPIC_RUNS_MORE].request)
		client_drop(m->client, m->feed[TOPIC_RUNS_MORE].request);
	m->feed[TOPIC_RUNS_MORE].request = 0;
	m->feed[TOPIC_RUNS_MORE].stale = false;
}

bool model_has(const struct model *m, unsigned int topics)
{
	for (size_t i = 0; i < TOPIC_COUNT; i++)
		if ((topics & TOPIC_BIT(i)) && !m->feed[i].read_at_ms && !m->feed[i].failed)
			return false;
	return true;
}

bool model_busy(const struct model *m)
{
	for (size_t i = 0; i < TOPIC_COUNT; i++)
		if (m->feed[i].request || (m->feed[i].stale && wanted(m, (enum topic)i)))
			return true;
	return m->stale_runs.n || m->run_requests.n;
}

void model_retry(struct model *m)
{
	if (m->stream)
		client_stream_retry(m->client, m->stream);
	m->feed[TOPIC_ENGINE].sent_us = 0;
}

void model_init(struct model *m, struct client *client)
{
	*m = (struct model){ .client = client };
	m->orders = (struct rows){ .kind = ROWS_ORDERS, .total = -1 };
	m->runs = (struct rows){ .kind = ROWS_RUNS, .total = -1 };
	m->failures = (struct rows){ .kind = ROWS_RUNS, .total = -1 };
	m->iterations = (struct rows){ .kind = ROWS_ITERATIONS, .total = -1 };
	m->nodes = (struct rows){ .kind = ROWS_NODES, .total = -1 };
	m->events = (struct rows){ .kind = ROWS_EVENTS, .total = -1 };
	m->breakpoints = (struct rows){ .kind = ROWS_BREAKPOINTS, .total = -1 };
	m->checkpoints = (struct rows){ .kind = ROWS_CHECKPOINTS, .total = -1 };
	m->approvals = (struct rows){ .kind = ROWS_APPROVALS, .total = -1 };
	m->breakers = (struct rows){ .kind = ROWS_BREAKERS, .total = -1 };
	m->engine.oldest_wait_ms = -1;
	m->watched = ~0U & ~(TOPIC_BIT(TOPIC_EVENTS) | TOPIC_BIT(TOPIC_EVENTS_MORE) |
			     TOPIC_BIT(TOPIC_CHECKPOINTS) | TOPIC_BIT(TOPIC_BREAKERS));
	for (size_t i = 0; i < TOPIC_COUNT; i++)
		m->feed[i] = (struct feed){ .model = m, .topic = (enum topic)i };
	model_stale(m, TOPIC_BIT(TOPIC_ENGINE) | TOPIC_BIT(TOPIC_ORDERS) | TOPIC_BIT(TOPIC_RUNS) |
			       TOPIC_BIT(TOPIC_FAILURES) | TOPIC_BIT(TOPIC_APPROVALS));
}

void model_done(struct model *m)
{
	struct rows *all[] = { &m->orders,     &m->runs,  &m->failures,
			       &m->iterations, &m->nodes, &m->events,
			       &m->breakpoints, &m->checkpoints, &m->approvals, &m->breakers };
	for (size_t i = 0; i < COUNT(all); i++)
		rows_done(all[i]);
	char *texts[] = { m->engine.version, m->engine.home, m->engine.state, m->engine.reason,
			  m->run, m->iterations_of, m->nodes_of, m->runs_state, m->runs_text,
			  m->events_run, m->way_back };
	for (size_t i = 0; i < COUNT(texts); i++)
		free(texts[i]);
	smap_done(&m->stale_runs);
	map_done(&m->run_requests);
}
