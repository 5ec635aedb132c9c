/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl events: what happened, one line each. */
#include "cli/commands.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

struct events {
	struct cli *cli;
	const char *order, *type; /* filters; NULL: all */
	int64_t last_seq;
	struct err failure;
};

static void add_part(struct str *s, const char *before, const char *text)
{
	if (!text || !text[0])
		return;
	str_add(s, before);
	add_safe(s, text);
}

static void print_event(struct events *w, const struct json *e)
{
	const struct cli *cli = w->cli;
	w->last_seq = MAX(w->last_seq, json_get_int(e, "seq", 0));
	if (cli->json) {
		out_json(e);
		return;
	}
	auto_str s = STR_INIT;
	const char *to = json_get_str(e, "to", ""), *run = json_get_str(e, "run", NULL);
	str_addf(&s, "%s#%-6lld%s ", style_on(cli, STYLE_DIM), (long long)json_get_int(e, "seq", 0),
	         style_off(cli));
	time_add_short(&s, json_get_int(e, "at_ms", 0), clock_wall_ms());
	str_addf(&s, " %s", style_on(cli, state_style(to)));
	auto_str type = STR_INIT;
	add_safe(&type, json_get_str(e, "type", "?"));
	str_addf(&s, "%-18s%s", str_text(&type), style_off(cli));
	add_part(&s, " ", run ? run : json_get_str(e, "order", NULL));
	add_part(&s, "/", json_get_str(e, "node", NULL));
	if (json_get_int(e, "attempt", 0) > 1)
		str_addf(&s, ".%lld", (long long)json_get_int(e, "attempt", 0));
	add_part(&s, " ", json_get_str(e, "from", NULL));
	add_part(&s, cli->utf8 ? " → " : " -> ", to);
	const char *actor = json_get_str(e, "actor", ""), *who = json_get_str(e, "who", NULL);
	if (!str_eq(actor, "engine") && !str_eq(actor, "worker"))
		add_part(&s, _(" by "), who ? who : actor);
	add_part(&s, ": ", json_get_str(e, "reason", NULL));
	str_add_char(&s, '\n');
	out_text(&s);
}

static enum err_code base_query(const struct call *call, struct str *s, struct err *err)
{
	const char *run = call_value(call, "run"), *order = call_value(call, "order"),
		   *type = call_value(call, "type");
	if (run) {
		auto_json *r = NULL;
		enum err_code code = target_run(call->cli, run, &r, err);
		if (code)
			return code;
		str_addf(s, "&run=%s", json_get_str(r, "id", ""));
	}
	if (order) {
		str_add(s, "&order=");
		client_add_encoded(s, order);
	}
	if (type) {
		str_add(s, "&type=");
		client_add_encoded(s, type);
	}
	return ERR_OK;
}

/* The newest `n`, printed oldest first. */
static enum err_code newest(struct events *w, const char *query, int64_t n, struct err *err)
{
	struct json *pages[64];
	size_t count = 0;
	int64_t before = INT64_C(900000000000000), left = n;
	enum err_code code = ERR_OK;
	while (!code && left > 0 && count < COUNT(pages)) {
		auto_free char *path =
		    xasprintf("/v1/events?before=%lld&limit=%lld%s", (long long)before,
		              (long long)MIN(left, (int64_t)1000), query);
		code = cli_get(w->cli, path, &pages[count], err);
		if (code)
			break;
		const struct json *items = json_get(pages[count++], "items");
		int64_t got = 0;
		for (const struct json *e = json_first(items); e; e = json_next(e), got++)
			before = json_get_int(e, "seq", 0);
		left -= got;
		if (!got || got < MIN(left + got, (int64_t)1000))
			break;
	}
	for (size_t i = count; i-- > 0 && !code;) {
		const struct json *items = json_get(pages[i], "items");
		size_t len = json_count(items), at = 0;
		auto_free const struct json **v = xcalloc(len + 1, sizeof(*v));
		for (const struct json *e = json_first(items); e; e = json_next(e))
			v[at++] = e;
		while (at-- > 0)
			print_event(w, v[at]);
	}
	for (size_t i = 0; i < count; i++)
		json_free(pages[i]);
	return code;
}

/* Everything after `seq`, page by page. */
static enum err_code after(struct events *w, const char *query, int64_t seq, int64_t max,
                           struct err *err)
{
	for (int64_t left = max; left > 0;) {
		auto_free char *path =
		    xasprintf("/v1/events?after=%lld&limit=%lld%s", (long long)seq,
		              (long long)MIN(left, (int64_t)1000), query);
		auto_json *page = NULL;
		enum err_code code = cli_get(w->cli, path, &page, err);
		if (code)
			return code;
		const struct json *e = json_first(json_get(page, "items"));
		if (!e)
			return ERR_OK;
		for (; e && left > 0; e = json_next(e), left--) {
			seq = json_get_int(e, "seq", seq);
			print_event(w, e);
		}
	}
	return ERR_OK;
}

static void on_event(void *ctx, const struct stream_event *se)
{
	struct events *w = ctx;
	auto_json *e = NULL;
	if (json_parse(se->data, se->len, 4 * MIB, &e, NULL))
		return; /* a kind that a newer engine knows */
	if (str_eq(se->type, "lost")) {
		note_line(w->cli, _("events %lld to %lld were missed: this reader was too slow"),
		          (long long)json_get_int(e, "from", 0),
		          (long long)json_get_int(e, "to", 0));
		return;
	}
	if (w->type && !str_starts(json_get_str(e, "type", ""), w->type))
		return;
	if (w->order && !str_starts(json_get_str(e, "order", ""), w->order))
		return;
	if (json_get_int(e, "seq", 0) > w->last_seq)
		print_event(w, e);
	(void)fflush(stdout); /* a failure shows at the end */
}

static void on_state(void *ctx, enum stream_state state, const struct err *err, int64_t retry_in_ms)
{
	struct events *w = ctx;
	if (state == STREAM_DOWN && retry_in_ms < 0)
		w->failure = *err;
	else if (state == STREAM_DOWN)
		note_line(w->cli, _("%s; again in %lld s"), err->message,
		          (long long)(retry_in_ms + 999) / 1000);
}

static enum err_code follow_events(struct events *w, const char *query, struct err *err)
{
	auto_free char *path =
	    xasprintf("/v1/events/stream?after=%lld%s", (long long)w->last_seq, query);
	int signals = signals_open();
	if (signals < 0)
		return err_sys(err, ERR_INTERNAL, _("cannot catch signals"));
	struct client *c = w->cli->client;
	unsigned int stream = client_stream(c, path, on_event, on_state, w);
	bool left = false;
	while (!left && !w->failure.code) {
		struct pollfd fds[17];
		int timeout;
		size_t n = client_poll(c, fds, COUNT(fds) - 1, &timeout);
		fds[n] = (struct pollfd){ .fd = signals, .events = POLLIN };
		int ready = poll(fds, n + 1, timeout);
		if (ready < 0 && errno != EINTR)
			break;
		client_turn(c, fds, ready > 0 ? n : 0);
		int signal = ready > 0 && fds[n].revents ? signals_take(signals) : 0;
		left = signal && signal != SIGWINCH;
	}
	client_drop(c, stream);
	signals_close(signals);
	if (left) {
		leave_line(w->cli);
		w->cli->status = 130;
	}
	if (w->failure.code && err)
		*err = w->failure;
	return w->failure.code;
}

static enum err_code run_events(struct call *call, struct err *err)
{
	struct events w = { .cli = call->cli,
		            .order = call_value(call, "order"),
		            .type = call_value(call, "type") };
	auto_str query = STR_INIT;
	int64_t limit = call_has(call, "follow") ? 10 : 50, seq = -1;
	enum err_code code = call_int(call, "limit", 0, 60000, &limit, err);
	code = code ? code : call_int(call, "after", 0, INT64_C(900000000000000), &seq, err);
	code = code ? code : base_query(call, &query, err);
	if (code)
		return code;
	if (seq >= 0)
		code = after(&w, str_text(&query), seq, call_has(call, "limit") ? limit : INT64_MAX,
		             err);
	else
		code = newest(&w, str_text(&query), limit, err);
	w.last_seq = MAX(w.last_seq, seq);
	if (code || !call_has(call, "follow"))
		return code;
	if (!w.last_seq) {
		auto_json *engine = NULL;
		code = cli_get(call->cli, "/v1/engine", &engine, err);
		w.last_seq = json_get_int(engine, "last_seq", 0);
	}
	return code ? code : follow_events(&w, str_text(&query), err);
}

/* clang-format off */
static const struct cli_option options[] = {
	{ "follow", 'f', NULL,         N_("go on with what happens") },
	{ "limit",  'n', N_("N"),      N_("the newest N (default 50; with -f 10)") },
	{ "after",  0,   N_("NUMBER"), N_("all after this event, oldest first") },
	{ "run",    'r', N_("RUN"),    N_("only of this run"), .words = "ID" },
	{ "order",  'o', N_("ORDER"),  N_("only of this order"), .words = "ID" },
	{ "type",   't', N_("PREFIX"), N_("only types that begin so: run. or node.failed"), .words = "order. run. node. attempt. worker. engine." },
	{ NULL },
};
static const struct cli_example examples[] = {
	{ "pawl events", N_("the newest 50, the newest last") },
	{ "pawl events -f --type run.", N_("watch what becomes of runs") },
	{ "pawl events --run last --json", N_("one JSON object a line") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_events = {
	.name = "events",
	.group = GROUP_LOOK,
	.arguments = "",
	.help = N_("list and follow what happened"),
	.about = N_("Lists events: every change of an order, run, node, attempt, worker or of the "
	            "engine is one, with a number "
	            "that never changes."),
	.options = options,
	.examples = examples,
	.run = run_events,
};
