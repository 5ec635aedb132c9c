/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl status: how things are, in plain lines that a screen reader, a dumb terminal or a log can
 * take. */
#include "cli/commands.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define FAILURES_SHOWN 3
#define RUNS_SHOWN 10
#define PAUSE_US 1000000 /* between two lines of --watch */

static long long count(const struct json *engine, const char *kind, const char *state)
{
	return (long long)json_get_int(json_get(json_get(engine, "counts"), kind), state, 0);
}

/* One line: "14:07:31 2 running, 5 waiting, 1 paused, 1 new failure". */
static void counts_line(const struct json *engine, struct str *s)
{
	const struct json *queue = json_get(engine, "queue");
	long long running = (long long)json_get_int(json_get(engine, "runs"), "live", 0);
	long long waiting = (long long)json_get_int(queue, "waiting", 0),
		  held = (long long)json_get_int(queue, "held", 0);
	long long failures = (long long)json_get_int(engine, "failures_unacknowledged", 0);
	long long paused = count(engine, "runs", "paused") + count(engine, "runs", "frozen");
	str_addf(s, ngettext("%lld run live", "%lld runs live", (unsigned long)running), running);
	str_addf(s, ngettext(", %lld order waits", ", %lld orders wait", (unsigned long)waiting),
	         waiting);
	if (held)
		str_addf(s, _(", %lld held"), held);
	if (paused)
		str_addf(s, _(", %lld paused"), paused);
	str_addf(s,
	         ngettext(", %lld step runs", ", %lld steps run",
	                  (unsigned long)json_get_int(json_get(engine, "steps"), "running", 0)),
	         (long long)json_get_int(json_get(engine, "steps"), "running", 0));
	str_addf(s, ngettext(", %lld new failure", ", %lld new failures", (unsigned long)failures),
	         failures);
	if (json_get_bool(engine, "queue_paused", false))
		str_add(s, _(", the queue is paused"));
	const char *state = json_get_str(engine, "state", "running"),
		   *reason = json_get_str(engine, "reason", NULL);
	if (strcmp(state, "running")) {
		str_add(s, _(", the engine: "));
		add_safe(s, state);
		if (reason) {
			str_add_char(s, ' ');
			add_safe(s, reason);
		}
	}
}

static void run_line(const struct json *run)
{
	auto_str s = STR_INIT;
	str_add(&s, "  ");
	add_safe(&s, json_get_str(run, "id", "?"));
	str_add_char(&s, ' ');
	add_safe(&s, json_get_str(run, "workflow", ""));
	str_addf(&s, " %s ", json_get_str(run, "state", "?"));
	add_progress(&s, run);
	const struct json *e = json_first(json_get(run, "current"));
	for (const char *before = ": "; e; e = json_next(e), before = ", ") {
		str_add(&s, before);
		add_safe(&s, json_str(e, ""));
	}
	str_add_char(&s, '\n');
	out_text(&s);
}

static enum err_code print_runs(struct cli *cli, struct err *err)
{
	auto_free char *path = xasprintf(
	    "/v1/runs?state=preparing,running,pausing,paused,frozen,waiting,canceling&limit=%d",
	    RUNS_SHOWN);
	auto_json *live = NULL, *failed = NULL;
	enum err_code code = cli_get(cli, path, &live, err);
	if (code)
		return code;
	for (const struct json *r = json_first(json_get(live, "items")); r; r = json_next(r))
		run_line(r);
	auto_free char *failures = xasprintf("/v1/runs?state=failed_new&limit=%d", FAILURES_SHOWN);
	code = cli_get(cli, failures, &failed, err);
	for (const struct json *r = code ? NULL : json_first(json_get(failed, "items")); r;
	     r = json_next(r)) {
		(void)putchar('\n');
		card_print(cli, r, stdout);
	}
	return code;
}

static enum err_code once(struct cli *cli, struct err *err)
{
	auto_json *engine = NULL;
	enum err_code code = client_call(cli->client, "GET", "/v1/engine", NULL, &engine, err);
	if (code)
		return code;
	if (cli->json) {
		out_json(engine);
		return ERR_OK;
	}
	auto_str s = STR_INIT;
	counts_line(engine, &s);
	str_add_char(&s, '\n');
	out_text(&s);
	return print_runs(cli, err);
}

/* ---- --watch ---- */

struct watch {
	struct cli *cli;
	bool changed;
	struct str last;     /* the line that was printed */
	struct str failures; /* ids of runs that were explained, each in blanks */
	struct err failure;
};

static void on_event(void *ctx, const struct stream_event *e UNUSED)
{
	struct watch *w = ctx;
	w->changed = true;
}

static void on_state(void *ctx, enum stream_state state, const struct err *err, int64_t retry_in_ms)
{
	struct watch *w = ctx;
	w->changed = state == STREAM_LIVE;
	if (state == STREAM_DOWN && retry_in_ms < 0)
		w->failure = *err;
	else if (state == STREAM_DOWN)
		note_line(w->cli, _("%s; again in %lld s"), err->message,
		          (long long)(retry_in_ms + 999) / 1000);
}

/* Explain each new failure once. */
static enum err_code new_failures(struct watch *w, bool silently, struct err *err)
{
	auto_json *failed = NULL;
	enum err_code code = cli_get(w->cli, "/v1/runs?state=failed_new&limit=20", &failed, err);
	for (const struct json *r = code ? NULL : json_first(json_get(failed, "items")); r;
	     r = json_next(r)) {
		auto_free char *id = xasprintf(" %s ", json_get_str(r, "id", ""));
		if (strstr(str_text(&w->failures), id))
			continue;
		str_add(&w->failures, id);
		if (!silently)
			card_print(w->cli, r, stdout);
	}
	return code;
}

static enum err_code look(struct watch *w, bool first, struct err *err)
{
	auto_json *engine = NULL;
	auto_str s = STR_INIT, line = STR_INIT;
	enum err_code code = client_call(w->cli->client, "GET", "/v1/engine", NULL, &engine, err);
	if (code)
		return code;
	if (w->cli->json) {
		out_json(engine);
	} else {
		counts_line(engine, &s);
		if (strcmp(str_text(&s), str_text(&w->last))) {
			time_add_short(&line, clock_wall_ms(), clock_wall_ms());
			str_addf(&line, " %s\n", s.p);
			out_text(&line);
		}
		str_clear(&w->last);
		str_add(&w->last, str_text(&s));
		code = new_failures(w, first, err);
	}
	(void)fflush(stdout); /* a failure shows at the end */
	w->changed = false;
	return code;
}

static enum err_code watch_loop(struct watch *w, int signals, struct err *err)
{
	int64_t looked_us = clock_mono_us();
	struct client *c = w->cli->client;
	for (;;) {
		int64_t wait = looked_us + PAUSE_US - clock_mono_us();
		if (w->changed && wait <= 0) {
			enum err_code code = look(w, false, err);
			if (code && code != ERR_UNAVAILABLE && code != ERR_TIMEOUT)
				return code;
			looked_us = clock_mono_us();
			continue;
		}
		struct pollfd fds[17];
		int timeout;
		size_t n = client_poll(c, fds, COUNT(fds) - 1, &timeout);
		fds[n] = (struct pollfd){ .fd = signals, .events = POLLIN };
		if (w->changed && (timeout < 0 || wait / 1000 + 1 < timeout))
			timeout = (int)(wait / 1000) + 1;
		int ready = poll(fds, n + 1, timeout);
		if (ready < 0 && errno != EINTR)
			return err_sys(err, ERR_INTERNAL, _("cannot wait for the engine"));
		client_turn(c, fds, ready > 0 ? n : 0);
		int signal = ready > 0 && fds[n].revents ? signals_take(signals) : 0;
		if (signal && signal != SIGWINCH) {
			leave_line(w->cli);
			return ERR_OK;
		}
		if (w->failure.code) {
			if (err)
				*err = w->failure;
			return w->failure.code;
		}
	}
}

static enum err_code run_watch(struct cli *cli, struct err *err)
{
	struct watch w = { .cli = cli };
	enum err_code code = look(&w, true, err);
	code = code || cli->json ? code : print_runs(cli, err);
	auto_json *engine = NULL;
	code = code ? code : cli_get(cli, "/v1/engine", &engine, err);
	if (!code) {
		(void)fflush(stdout); /* a failure shows at the end */
		auto_free char *path = xasprintf("/v1/events/stream?after=%lld",
		                                 (long long)json_get_int(engine, "last_seq", 0));
		int signals = signals_open();
		unsigned int stream = client_stream(cli->client, path, on_event, on_state, &w);
		code = watch_loop(&w, signals, err);
		client_drop(cli->client, stream);
		signals_close(signals);
		cli->status = code ? -1 : 130;
	}
	str_done(&w.last);
	str_done(&w.failures);
	return code;
}

static enum err_code run_status(struct call *call, struct err *err)
{
	struct cli *cli = call->cli;
	bool watching = call_has(call, "watch");
	enum err_code code = cli_connect(cli, watching, err);
	if (code)
		return code;
	return watching ? run_watch(cli, err) : once(cli, err);
}

/* clang-format off */
static const struct cli_option options[] = {
	{ "watch", 'w', NULL, N_("a line whenever something changes, and an explanation of each new failure") },
	{ NULL },
};
static const struct cli_example examples[] = {
	{ "pawl status", N_("counts, what runs, the newest failures explained") },
	{ "pawl status --watch", N_("instead of the console where that cannot be shown, or not be read aloud") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_status = {
	.name = "status",
	.alias = "st",
	.group = GROUP_LOOK,
	.arguments = "",
	.help = N_("say in plain lines how things are"),
	.about = N_("Says how many runs live and orders wait, which nodes run, and explains the "
	            "newest failures that nobody has "
	            "acknowledged. With --watch it goes on, a line for each change, without moving "
	            "the cursor."),
	.options = options,
	.examples = examples,
	.run = run_status,
};
