/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Following a log: the stream of one attempt, then, if the node is tried again, of the next. */
#include "cli/log_lines.h"

#include "model/states.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

struct following {
	struct log_view *v;
	int64_t next, last; /* lines before `next` were printed */
	bool over;          /* this stream has done its part */
	struct err failure;
};

static void on_lines(void *ctx, const struct stream_event *e)
{
	struct following *f = ctx;
	if (str_eq(e->type, "end")) {
		f->over = true;
		return;
	}
	auto_json *page = NULL;
	if (!str_eq(e->type, "lines") || json_parse(e->data, e->len, 64 * MIB, &page, NULL))
		return; /* a kind that a newer engine knows */
	for (const struct json *line = json_first(json_get(page, "items")); line;
	     line = json_next(line)) {
		int64_t n = json_get_int(line, "n", f->next);
		if (n < f->next || n > f->last)
			continue; /* a stream that came back repeats itself */
		log_line_print(f->v, line, 0, 0);
		f->next = n + 1;
	}
	(void)fflush(stdout); /* a failure shows at the end */
	f->over = f->over || f->next > f->last;
}

/* Whether the node has come so far that there is something new to look at. */
static void on_event(void *ctx, const struct stream_event *e)
{
	struct following *f = ctx;
	auto_json *event = NULL;
	if (json_parse(e->data, e->len, 4 * MIB, &event, NULL))
		return;
	auto_str node = STR_INIT;
	client_add_encoded(&node, json_get_str(event, "node", ""));
	int state = state_from_name(ENTITY_NODE, json_get_str(event, "to", ""));
	bool mine = str_eq(str_text(&node), f->v->node) &&
	            str_eq(json_get_str(event, "entity", ""), "node");
	int run = str_eq(json_get_str(event, "entity", ""), "run")
	              ? state_from_name(ENTITY_RUN, json_get_str(event, "to", ""))
	              : -1;
	f->over =
	    f->over ||
	    (mine && state >= 0 && (state == NODE_RUNNING || state_final(ENTITY_NODE, state))) ||
	    (run >= 0 && state_final(ENTITY_RUN, run));
}

static void on_state(void *ctx, enum stream_state state, const struct err *err, int64_t retry_in_ms)
{
	struct following *f = ctx;
	if (state == STREAM_DOWN && retry_in_ms < 0)
		f->failure = *err;
	else if (state == STREAM_DOWN && !f->over)
		note_line(f->v->cli, _("%s; again in %lld s"), err->message,
		          (long long)(retry_in_ms + 999) / 1000);
}

/* Run one stream until it is over. *ret_left: the person left. */
static enum err_code stream(struct following *f, const char *path, client_event_fn fn, int signals,
                            bool *ret_left, struct err *err)
{
	struct client *c = f->v->cli->client;
	unsigned int number = client_stream(c, path, fn, on_state, f);
	f->over = false;
	while (!f->over && !f->failure.code && !*ret_left) {
		struct pollfd fds[17];
		int timeout;
		size_t n = client_poll(c, fds, COUNT(fds) - 1, &timeout);
		fds[n] = (struct pollfd){ .fd = signals, .events = POLLIN };
		int ready = poll(fds, n + 1, timeout);
		if (ready < 0 && errno != EINTR)
			break;
		client_turn(c, fds, ready > 0 ? n : 0);
		int signal = ready > 0 && fds[n].revents ? signals_take(signals) : 0;
		*ret_left = signal && signal != SIGWINCH;
	}
	client_drop(c, number);
	if (f->failure.code && err)
		*err = f->failure;
	return f->failure.code;
}

/* Read the node; *ret_live: it may write more. */
static enum err_code node_lives(struct log_view *v, bool *ret_live, int64_t *ret_attempt,
                                struct err *err)
{
	auto_free char *path = xasprintf("/v1/runs/%s/nodes/%s", v->run, v->node);
	auto_json *node = NULL;
	enum err_code code = cli_get(v->cli, path, &node, err);
	int state = state_from_name(ENTITY_NODE, json_get_str(node, "state", ""));
	*ret_live = !code && state >= 0 && !state_final(ENTITY_NODE, state);
	*ret_attempt = json_get_int(node, "attempts", 0);
	return code;
}

static enum err_code last_seq(struct log_view *v, int64_t *ret, struct err *err)
{
	auto_json *engine = NULL;
	enum err_code code = cli_get(v->cli, "/v1/engine", &engine, err);
	*ret = json_get_int(engine, "last_seq", 0);
	return code;
}

enum err_code log_follow(struct log_view *v, int64_t from, int64_t last, struct err *err)
{
	struct following f = { .v = v, .next = from, .last = last };
	bool left = false, live = true, chosen = v->attempt != 0;
	int64_t seen = 0, attempts = 0, seq = 0;
	int signals = signals_open();
	if (signals < 0)
		return err_sys(err, ERR_INTERNAL, _("cannot catch signals"));
	enum err_code code = node_lives(v, &live, &seen, err);
	while (!code && !left) {
		auto_str path = STR_INIT;
		auto_free char *query =
		    xasprintf("from=%lld&width=%lld", (long long)f.next, (long long)v->width);
		log_view_path(v, "/follow", query, &path);
		if (seen)
			code = stream(&f, path.p, on_lines, signals, &left, err);
		/* The number of the newest event first: what happens after the look at the node is
		 * not missed. */
		code = code ? code : last_seq(v, &seq, err);
		code = code ? code : node_lives(v, &live, &attempts, err);
		if (code || left || chosen || f.next > f.last || (!live && attempts == seen))
			break;
		if (attempts == seen) {
			auto_free char *events = xasprintf("/v1/events/stream?after=%lld&run=%s",
			                                   (long long)seq, v->run);
			code = stream(&f, events, on_event, signals, &left, err);
			code = code ? code : node_lives(v, &live, &attempts, err);
		}
		if (attempts > seen) {
			if (seen && !code)
				note_line(v->cli, _("--- attempt %lld ---"), (long long)attempts);
			f.next = 1;
		} else if (!live) {
			break;
		}
		seen = attempts;
	}
	signals_close(signals);
	if (left) {
		leave_line(v->cli);
		v->cli->status = 130;
	}
	return code;
}
