/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watching orders until they end. What is shown as the state is read from the engine whenever the
 * event stream says that something changed; the stream alone gives the lines between. A stream that
 * breaks costs nothing but time. */
#include "cli/cli_internal.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/utf8.h"
#include "model/states.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_EVERY_US 100000 /* at most so often per run */
#define LIVE_EVERY_US 1000000 /* what a call uses changes without an event */
#define DRAW_EVERY_MS 200   /* the clock in the block */
#define LAST_EVENTS_US 300000
#define REVIVE_MAX 3 /* an engine that dies again and again is not started for ever */
#define LINES_MAX_NODES 200 /* beyond, only failures and tenths get a line */

struct watch;

struct asked { /* what an answer belongs to */
	struct watch *w;
	struct followed *f;
};

struct watch {
	struct cli *cli;
	struct asked *asked; /* one for each of `v` */
	struct followed *v;
	size_t n;
	const struct follow_options *options;
	bool block;         /* redrawn block instead of lines */
	size_t drawn_lines; /* of the block that is on the screen */
	bool changed;
	bool away;          /* the stream is down */
	bool live;
	bool lost;          /* … and the engine did not take its leave */
	int revived;
	unsigned int stream;
	struct err failure; /* the engine refused something that must work */
};

/* ---- lines that stay ---- */

static void erase_block(struct watch *w)
{
	if (w->drawn_lines)
		(void)printf("\r\033[%zuA\033[J", w->drawn_lines);
	w->drawn_lines = 0;
}

static void say(struct watch *w, const char *node, const char *state, int64_t took_ms,
                const char *detail)
{
	struct cli *cli = w->cli;
	auto_str s = STR_INIT;
	if (cli->quiet || cli->json)
		return;
	time_add_short(&s, clock_wall_ms(), clock_wall_ms());
	str_addf(&s, " %s%s%s ", style_on(cli, state_style(state)), mark(cli, state),
	         style_off(cli));
	add_safe(&s, node);
	str_addf(&s, " %s%s%s", style_on(cli, state_style(state)), state, style_off(cli));
	if (took_ms >= 0) {
		str_addf(&s, " %s", style_on(cli, STYLE_DIM));
		duration_add(&s, took_ms);
		str_add(&s, style_off(cli));
	}
	if (detail && detail[0]) {
		str_add(&s, ": ");
		add_safe(&s, detail);
	}
	str_add_char(&s, '\n');
	erase_block(w);
	out_text(&s);
	(void)fflush(stdout); /* a failure shows at the end */
}

static struct followed *find(struct watch *w, const struct json *event)
{
	const char *order = json_get_str(event, "order", ""), *run = json_get_str(event, "run", "");
	for (size_t i = 0; i < w->n; i++)
		if (str_eq(w->v[i].order, order) || (w->v[i].run && str_eq(w->v[i].run, run)))
			return &w->v[i];
	return NULL;
}

static bool many_nodes(const struct followed *f)
{
	return json_get_int(json_get(f->last, "progress"), "total", 0) > LINES_MAX_NODES;
}

/* Starting times stay in the map as (ms since 1970) + 1: never NULL. */
static int64_t took(struct followed *f, const char *node, int64_t at_ms)
{
	int64_t begun = f->started ? (int64_t)(intptr_t)smap_get(f->started, node) : 0;
	return begun ? at_ms - (begun - 1) : -1;
}

static void node_event(struct watch *w, struct followed *f, const struct json *e)
{
	const char *node = json_get_str(e, "node", ""), *to = json_get_str(e, "to", "");
	int64_t at = json_get_int(e, "at_ms", 0);
	int state = state_from_name(ENTITY_NODE, to);
	if (!node[0] || state < 0)
		return;
	if (!f->started) {
		f->started = xmalloc(sizeof(*f->started));
		*f->started = (struct smap)SMAP_INIT;
	}
	bool fails = state == NODE_FAILED || state == NODE_RETRYING || state == NODE_WAITING;
	bool ended = state_final(ENTITY_NODE, state);
	if (state == NODE_RUNNING)
		smap_put(f->started, node, (void *)(intptr_t)(at + 1));
	auto_free char *name = w->n > 1 ? xasprintf("%s/%s", f->title, node) : xstrdup(node);
	bool shown = fails || (!many_nodes(f) && (ended || (!w->block && state == NODE_RUNNING)));
	if (shown)
		say(w, name, to, ended || fails ? took(f, node, at) : -1,
		    fails || state == NODE_SKIPPED ? json_get_str(e, "reason", NULL) : NULL);
	if (ended)
		(void)smap_del(f->started, node);
}

/* What became of an iteration that is not the end of its node. */
static void iteration_line(struct watch *w, struct followed *f, const struct json *e)
{
	const struct json *data = json_get(e, "data");
	const char *action = json_get_str(data, "action", ""), *class = json_get_str(data, "class", NULL);
	bool passed = json_get_bool(data, "passed", false);
	if (str_eq(action, "stop") || many_nodes(f))
		return;
	auto_free char *name = xasprintf("%s%s%s %lld", w->n > 1 ? f->title : "", w->n > 1 ? "/" : "",
					 json_get_str(e, "node", "?"), (long long)json_get_int(e, "iteration", 0));
	auto_free char *detail = xasprintf("%s%s%s: %s", class ? class : "", class ? "; " : "", action,
					   json_get_str(e, "reason", ""));
	say(w, name, passed ? "passed" : "rejected", -1, detail);
}

/* In a large graph, a line for each tenth. */
static void tenth_line(struct watch *w, struct followed *f)
{
	const struct json *p = json_get(f->last, "progress");
	int64_t total = json_get_int(p, "total", 0);
	if (w->block || !many_nodes(f))
		return;
	int64_t done = json_get_int(p, "succeeded", 0) + json_get_int(p, "failed", 0) +
	               json_get_int(p, "skipped", 0) + json_get_int(p, "canceled", 0);
	int64_t tenth = done * 10 / total;
	if (tenth <= f->shown_tenth)
		return;
	f->shown_tenth = tenth;
	auto_free char *detail =
	    xasprintf(_("%lld of %lld nodes"), (long long)done, (long long)total);
	say(w, f->title, json_get_str(f->last, "state", "running"), -1, detail);
}

/* ---- what the engine says ---- */

static void on_event(void *ctx, const struct stream_event *e)
{
	struct watch *w = ctx;
	w->changed = true;
	if (str_eq(e->type, "lost")) {
		for (size_t i = 0; i < w->n; i++)
			w->v[i].dirty = true;
		return;
	}
	auto_json *event = NULL;
	if (json_parse(e->data, e->len, 4 * MIB, &event, NULL))
		return; /* the state is read again anyway */
	struct followed *f = find(w, event);
	if (!f)
		return;
	f->dirty = true;
	const char *run = json_get_str(event, "run", NULL);
	if (!f->run && run)
		f->run = xstrdup(run);
	const char *entity = json_get_str(event, "entity", "");
	if (str_eq(entity, "node"))
		node_event(w, f, event);
	else if (str_eq(json_get_str(event, "type", ""), "iteration.decided"))
		iteration_line(w, f, event);
	else if (!str_eq(entity, "attempt"))
		f->asked_us = 0; /* of the run itself there are few, and it may be the end: ask at once */
	int state = str_eq(entity, "run") ? state_from_name(ENTITY_RUN, json_get_str(event, "to", "")) : -1;
	f->heard_end = f->heard_end || (state >= 0 && state_final(ENTITY_RUN, state));
}

static void on_stream(void *ctx, enum stream_state state, const struct err *err, int64_t retry_in_ms)
{
	struct watch *w = ctx;
	w->changed = true;
	if (state == STREAM_DOWN && retry_in_ms < 0)
		w->failure = *err;
	/* An engine that leaves says so, and whoever stopped it wants it stopped. One that is gone was lost. */
	w->lost = state == STREAM_DOWN && w->live && err->code == ERR_UNAVAILABLE;
	w->live = state == STREAM_LIVE;
	w->away = state == STREAM_DOWN;
	for (size_t i = 0; i < w->n; i++)
		w->v[i].dirty = true;
}

/* Start an engine in place of the one that was lost; it goes on with the runs. */
static void revive(struct watch *w)
{
	struct client *c = NULL;
	struct err err;
	w->lost = false;
	if (w->cli->url || ++w->revived > REVIVE_MAX)
		return; /* it may come back by other means */
	enum err_code code = engine_ensure(w->cli->home, NULL, &c, &err);
	client_free(c);
	if (code) {
		erase_block(w);
		note_line(w->cli, "%s", err.message);
		return;
	}
	erase_block(w);
	note_line(w->cli, _("the engine was lost; another one goes on"));
	w->live = true; /* or it is lost again: what answered may have been the last breath of the first one */
	client_stream_retry(w->cli->client, w->stream);
}

static void took_run(struct watch *w, struct followed *f)
{
	const char *state = json_get_str(f->last, "state", "");
	int number = state_from_name(ENTITY_RUN, state);
	tenth_line(w, f);
	bool ended = number >= 0 && state_final(ENTITY_RUN, number);
	bool still = number == RUN_PAUSED || number == RUN_FROZEN;
	if (still && !f->stopped)
		say(w, f->title, state, -1, json_get_str(f->last, "reason", NULL));
	f->stopped = still;
	if (ended && !f->ended)
		f->ended_us = clock_mono_us();
	f->ended = ended;
}

static void took_order(struct followed *f)
{
	const char *run = json_get_str(f->last, "run", NULL);
	int state = state_from_name(ENTITY_ORDER, json_get_str(f->last, "state", ""));
	if (!f->run && run) {
		f->run = xstrdup(run);
		f->dirty = true;
		return;
	}
	f->ended = state >= 0 && state_final(ENTITY_ORDER, state);
}

static void on_answer(void *ctx, const struct client_reply *r)
{
	struct asked *a = ctx;
	struct watch *w = a->w;
	struct followed *f = a->f;
	f->request = 0;
	w->changed = true;
	if (r->code == ERR_UNAVAILABLE || r->code == ERR_TIMEOUT) {
		w->away = true; /* the stream comes back first, and marks all as changed */
		return;
	}
	if (r->code) {
		w->failure = *r->err;
		return;
	}
	bool was_run = str_starts(json_get_str(r->body, "id", ""), "r-");
	json_free(f->last);
	if (json_parse(r->bytes, r->len, r->len, &f->last, NULL))
		f->last = NULL; /* cannot be: it parsed before */
	if (was_run)
		took_run(w, f);
	else
		took_order(f);
}

static void ask(struct watch *w, struct followed *f)
{
	auto_free char *path =
	    f->run ? xasprintf("/v1/runs/%s", f->run) : xasprintf("/v1/orders/%s", f->order);
	struct asked *a = &w->asked[f - w->v];
	*a = (struct asked){ w, f };
	f->dirty = false;
	f->asked_us = clock_mono_us();
	f->request = client_send(w->cli->client, "GET", path, NULL, on_answer, a);
}

/* ---- the block ---- */

static void add_bar(const struct cli *cli, struct str *s, const struct json *run)
{
	const struct json *p = json_get(run, "progress");
	int64_t total = json_get_int(p, "total", 0), width = 20;
	if (total <= 0)
		return;
	int64_t good =
	    (json_get_int(p, "succeeded", 0) + json_get_int(p, "skipped", 0)) * width / total;
	int64_t bad = json_get_int(p, "failed", 0) + json_get_int(p, "canceled", 0);
	bad = bad ? MAX(bad * width / total, (int64_t)1) : 0;
	/* clang-format off */
	const struct { enum style style; int64_t n; const char *utf8, *ascii; } parts[] = {
		{ STYLE_GREEN, good, "█", "#" }, { STYLE_RED, bad, "█", "#" }, { STYLE_DIM, width - good - bad, "·", "." },
	};
	/* clang-format on */
	str_add_char(s, '[');
	for (size_t i = 0; i < COUNT(parts); i++) {
		if (parts[i].n <= 0)
			continue;
		str_add(s, style_on(cli, parts[i].style));
		for (int64_t k = 0; k < parts[i].n; k++)
			str_add(s, cli->utf8 ? parts[i].utf8 : parts[i].ascii);
		str_add(s, style_off(cli));
	}
	str_add(s, "] ");
	add_progress(s, run);
}

static void add_live(struct str *s, const struct json *live)
{
	int64_t in = json_get_int(live, "input", -1), out = json_get_int(live, "output", -1);
	int64_t cost = json_get_int(live, "cost_micro_usd", -1);
	if (in < 0 && out < 0)
		return;
	str_addf(s, _(", %lld tokens"), (long long)(MAX(in, (int64_t)0) + MAX(out, (int64_t)0)));
	if (cost >= 0)
		str_addf(s, _(", %lld.%04lld USD"), (long long)(cost / 1000000), (long long)(cost % 1000000 / 100));
}

static size_t add_title(const struct watch *w, struct str *s, const struct followed *f)
{
	const struct cli *cli = w->cli;
	const char *state = json_get_str(f->last, "state", "pending");
	str_addf(s, "%s%s%s ", style_on(cli, state_style(state)), mark(cli, state), style_off(cli));
	add_safe(s, f->title);
	str_addf(s, " %s", style_on(cli, STYLE_DIM));
	add_safe(s, f->run ? f->run : f->order);
	str_addf(s, "%s %s ", style_off(cli), state);
	if (f->run && json_get(f->last, "progress"))
		add_bar(cli, s, f->last);
	int64_t begun = json_get_int(f->last, "started_at_ms", 0),
		ended = json_get_int(f->last, "ended_at_ms", 0);
	if (begun) {
		str_add_char(s, ' ');
		duration_add(s, (ended ? ended : clock_wall_ms()) - begun);
	}
	int64_t eta = json_get_int(f->last, "eta_ms", -1),
		position = json_get_int(f->last, "position", 0);
	if (eta >= 2000 && !ended) {
		str_add(s, _(", about "));
		duration_add(s, eta);
		str_add(s, _(" left"));
	}
	add_live(s, json_get(f->last, "live"));
	if (!f->run && position > 0)
		str_addf(s, _("position %lld"), (long long)position);
	str_add_char(s, '\n');
	return 1;
}

static size_t add_current(const struct watch *w, struct str *s, const struct followed *f,
                          size_t max)
{
	size_t lines = 0;
	const struct cli *cli = w->cli;
	if (f->ended)
		return 0;
	for (const struct json *e = json_first(json_get(f->last, "current")); e && lines < max;
	     e = json_next(e)) {
		auto_str line = STR_INIT;
		const char *node = json_str(e, "");
		add_safe(&line, node);
		str_addf(s, "  %s%s%s ", style_on(cli, STYLE_CYAN), mark(cli, "running"),
		         style_off(cli));
		str_add_len(s, str_text(&line),
		            text_fit(str_text(&line), line.len, cli->columns - 16));
		int64_t begun = f->started ? (int64_t)(intptr_t)smap_get(f->started, node) : 0;
		if (begun) {
			str_addf(s, " %s", style_on(cli, STYLE_DIM));
			duration_add(s, MAX(clock_wall_ms() - begun + 1, (int64_t)0));
			str_add(s, style_off(cli));
		}
		str_add_char(s, '\n');
		lines++;
	}
	return lines;
}

static void draw(struct watch *w)
{
	if (!w->block || w->cli->columns < 30)
		return;
	auto_str s = STR_INIT;
	size_t lines = 0, room = w->cli->rows > w->n + 3 ? w->cli->rows - w->n - 3 : 0;
	for (size_t i = 0; i < w->n; i++) {
		lines += add_title(w, &s, &w->v[i]);
		lines += add_current(w, &s, &w->v[i], MIN(room / w->n, (size_t)8));
	}
	if (w->away) {
		str_addf(&s, "%s%s%s\n", style_on(w->cli, STYLE_YELLOW),
		         _("the engine is away; waiting for it"), style_off(w->cli));
		lines++;
	}
	erase_block(w);
	/* Lines that are too long are cut by the terminal instead of wrapped. */
	(void)printf("\033[?7l%s\033[?7h", s.p);
	(void)fflush(stdout);
	w->drawn_lines = lines;
}

/* ---- Ctrl-C ---- */

/* One key's line from the terminal: 'd', 'c' or 'g'; a second Ctrl-C is 'd'. */
static char ask_person(struct watch *w, int signals)
{
	erase_block(w);
	(void)printf("\n%s ", _("The run goes on. [d]etach, [c]ancel it, or [g]o on watching?"));
	(void)fflush(stdout);
	for (;;) {
		struct pollfd fds[2] = { { .fd = 0, .events = POLLIN },
			                 { .fd = signals, .events = POLLIN } };
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return 'd';
		int signal = fds[1].revents ? signals_take(signals) : 0;
		if (signal && signal != SIGWINCH)
			return 'd';
		if (!fds[0].revents)
			continue;
		char line[64];
		ssize_t n = read(0, line, sizeof(line));
		return n > 0 ? line[0] : 'd';
	}
}

static void cancel_all(struct watch *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct followed *f = &w->v[i];
		if (f->ended)
			continue;
		auto_free char *path = f->run ? xasprintf("/v1/runs/%s/cancel", f->run)
		                              : xasprintf("/v1/orders/%s/cancel", f->order);
		(void)client_send(w->cli->client, "POST", path, "{}", NULL, NULL);
		f->dirty = true;
	}
}

/* Returns true when the watching is over. */
static bool interrupted(struct watch *w, int signals)
{
	for (int signal; (signal = signals_take(signals)) != 0;) {
		if (signal == SIGWINCH)
			continue;
		if (signal != SIGINT || !w->options->asks)
			return true;
		char answer = ask_person(w, signals);
		if (answer == 'd' || answer == 'D')
			return true;
		if (answer == 'c' || answer == 'C')
			cancel_all(w);
		w->changed = true;
	}
	return false;
}

/* ---- the loop ---- */

/* The state may be known before the events that led to it were told: they get a moment to come. */
static bool is_over(const struct watch *w, const struct followed *f)
{
	if (f->stopped && w->options->leave_when_paused)
		return true;
	return f->ended && (!f->run || f->heard_end || w->away || w->cli->json || w->cli->quiet ||
			    clock_mono_us() - f->ended_us > LAST_EVENTS_US);
}

static bool all_over(const struct watch *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (!is_over(w, &w->v[i]))
			return false;
	return true;
}

/* Ask for what changed; returns when to come back for what was put off, -1: never. */
static int ask_due(struct watch *w)
{
	int timeout = -1;
	int64_t now = clock_mono_us();
	for (size_t i = 0; i < w->n; i++) {
		struct followed *f = &w->v[i];
		if (f->ended && !is_over(w, f))
			timeout = timeout < 0 ? LAST_EVENTS_US / 1000 : timeout;
		if (w->block && f->run && !f->ended && f->asked_us && now - f->asked_us >= LIVE_EVERY_US)
			f->dirty = true;
		if (!f->dirty || f->request || f->ended)
			continue;
		int64_t wait = f->asked_us ? f->asked_us + ASK_EVERY_US - now : 0;
		if (wait <= 0)
			ask(w, f);
		else if (timeout < 0 || wait / 1000 + 1 < timeout)
			timeout = (int)(wait / 1000) + 1;
	}
	return timeout;
}

static int earlier(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : MIN(a, b);
}

static enum err_code loop(struct watch *w, int signals, enum follow_end *ret, struct err *err)
{
	int64_t drawn_us = 0;
	for (;;) {
		if (w->lost)
			revive(w);
		int due = ask_due(w);
		if (w->failure.code) {
			if (err)
				*err = w->failure;
			return w->failure.code;
		}
		if (all_over(w)) {
			*ret = FOLLOW_ALL_ENDED;
			return ERR_OK;
		}
		int64_t now = clock_mono_us();
		if (w->block && now - drawn_us >= (w->changed ? ASK_EVERY_US : (int64_t)DRAW_EVERY_MS * 1000)) {
			draw(w);
			drawn_us = now;
			w->changed = false;
		}
		struct pollfd fds[33];
		int timeout;
		size_t n = client_poll(w->cli->client, fds, COUNT(fds) - 1, &timeout);
		fds[n] = (struct pollfd){ .fd = signals, .events = POLLIN };
		timeout = earlier(earlier(timeout, due), !w->block ? -1 : w->changed ? ASK_EVERY_US / 1000 : DRAW_EVERY_MS);
		int ready = poll(fds, n + 1, timeout);
		if (ready < 0 && errno != EINTR)
			return err_sys(err, ERR_INTERNAL, _("cannot wait for the engine"));
		client_turn(w->cli->client, fds, ready > 0 ? n : 0);
		if (ready > 0 && fds[n].revents && interrupted(w, signals)) {
			*ret = FOLLOW_DETACHED;
			return ERR_OK;
		}
	}
}

enum err_code follow(struct cli *cli, struct followed *v, size_t n, const struct follow_options *o,
                     enum follow_end *ret, struct err *err)
{
	auto_free struct asked *asked = xcalloc(n, sizeof(*asked));
	struct watch w = { .cli = cli, .asked = asked, .v = v, .n = n, .options = o };
	w.block = cli->tty_out && !o->lines && !cli->json && !cli->quiet;
	/* Who shows no nodes need not be told of them: in a long chain that would be a good part of all work. */
	auto_free char *path = xasprintf("/v1/events/stream?after=%lld%s", (long long)o->after_seq,
					 cli->quiet || cli->json ? "&type=order.,run." : "");
	for (size_t i = 0; i < n; i++)
		v[i].dirty = true;
	int signals = signals_open();
	if (signals < 0)
		return err_sys(err, ERR_INTERNAL, _("cannot catch signals"));
	w.stream = client_stream(cli->client, path, on_event, on_stream, &w);
	enum err_code code = loop(&w, signals, ret, err);
	client_drop(cli->client, w.stream);
	for (size_t i = 0; i < n; i++)
		if (v[i].request)
			client_drop(cli->client, v[i].request);
	erase_block(&w);
	signals_close(signals);
	return code;
}

void followed_done(struct followed *f)
{
	free(f->order);
	free(f->run);
	free(f->title);
	json_free(f->last);
	if (f->started) {
		smap_done(f->started);
		free(f->started);
	}
}

/* An order that ended without a run. */
static enum err_code report_order(struct cli *cli, const struct followed *f, struct err *err)
{
	const char *state = json_get_str(f->last, "state", "?"),
		   *reason = json_get_str(f->last, "reason", NULL);
	if (cli->json)
		out_json(f->last);
	if (str_eq(state, "canceled"))
		return err_set(err, ERR_CANCELED, _("the order %s was canceled before it started"),
		               f->order);
	return err_set(err, ERR_RUN_FAILED, _("the order %s ended without a run: %s, %s"), f->order,
	               state, reason ? reason : _("no reason is known"));
}

enum err_code followed_report(struct cli *cli, const struct followed *f, struct err *err)
{
	if (!f->run)
		return report_order(cli, f, err);
	const char *state = json_get_str(f->last, "state", "?");
	bool failed = str_eq(state, "failed"), canceled = str_eq(state, "canceled");
	if (err)
		err->message[0] = '\0'; /* the card says it all */
	if (cli->json)
		out_json(f->last);
	else if (failed || canceled)
		card_print(cli, f->last, stdout);
	else if (!cli->quiet) {
		auto_str s = STR_INIT;
		str_addf(&s, "%s%s %s%s ", style_on(cli, state_style(state)), mark(cli, state),
		         f->title, style_off(cli));
		add_safe(&s, f->run);
		str_addf(&s, " %s, ", state);
		add_progress(&s, f->last);
		str_add(&s, _(" nodes"));
		if (json_type(json_get(f->last, "duration_ms")) == JSON_NUMBER) {
			str_add(&s, _(", in "));
			add_duration(&s, f->last, "duration_ms");
		}
		str_add_char(&s, '\n');
		if (f->stopped)
			str_addf(&s, _("  go on with: pawl resume %s, or one node: pawl step %s\n"),
			         f->run, f->run);
		out_text(&s);
	}
	return failed ? ERR_RUN_FAILED : canceled ? ERR_CANCELED : ERR_OK;
}
