/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl show: any one thing by its id. */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <string.h>

#define NODES_SHOWN 40

static void number_field(const struct cli *cli, const char *label, const struct json *v,
                         const char *key)
{
	if (json_type(json_get(v, key)) != JSON_NUMBER)
		return;
	auto_free char *text = xasprintf("%lld", (long long)json_get_int(v, key, 0));
	out_field(cli, label, text);
}

static void value_field(const struct cli *cli, const char *label, const struct json *v,
                        const char *key)
{
	const struct json *value = json_get(v, key);
	if (json_type(value) == JSON_NULL || (json_type(value) >= JSON_ARRAY && !json_first(value)))
		return;
	auto_str s = STR_INIT;
	if (json_type(value) == JSON_STRING)
		str_add(&s, json_str(value, ""));
	else
		json_add(&s, value);
	out_field(cli, label, s.p);
}

static void duration_field(const struct cli *cli, const char *label, const struct json *v,
                           const char *key)
{
	auto_str s = STR_INIT;
	if (json_get_int(v, key, 0) > 0)
		add_duration(&s, v, key);
	out_field(cli, label, str_text(&s));
}

static void state_field(const struct cli *cli, const struct json *v)
{
	const char *state = json_get_str(v, "state", "?"),
		   *reason = json_get_str(v, "reason", NULL);
	auto_str s = STR_INIT;
	str_addf(&s, "%s%s%s%s", state, json_get_bool(v, "stale", false) ? _(", stale") : "", reason ? ": " : "",
	         reason ? reason : "");
	out_field(cli, _("state"), s.p);
}

static void show_order(const struct cli *cli, const struct json *o)
{
	value_field(cli, _("order"), o, "id");
	value_field(cli, _("workflow"), o, "workflow");
	state_field(cli, o);
	value_field(cli, _("run"), o, "run");
	number_field(cli, _("priority"), o, "priority");
	number_field(cli, _("position"), o, "position");
	duration_field(cli, _("starts in"), o, "estimate_ms");
	value_field(cli, _("after"), o, "depends_on");
	value_field(cli, _("params"), o, "params");
	value_field(cli, _("submitter"), o, "submitter");
	value_field(cli, _("file"), o, "file");
	out_field_time(cli, _("submitted"), o, "enqueued_at_ms");
	out_field_time(cli, _("started"), o, "started_at_ms");
	out_field_time(cli, _("ended"), o, "ended_at_ms");
	duration_field(cli, _("max wait"), o, "max_wait_ms");
}

/* The state as a cell, with the mark of what was made from something that was made anew since. */
static void add_state_cell(struct grid *g, const struct json *v)
{
	const char *state = json_get_str(v, "state", "?");
	bool stale = json_get_bool(v, "stale", false);
	auto_free char *text = xasprintf("%s%s", state, stale ? _(", stale") : "");
	grid_add(g, stale ? STYLE_YELLOW : state_style(state), text);
}

/* ---- runs ---- */

static enum err_code node_row(void *ctx, const struct json *n, struct err *err UNUSED)
{
	struct grid *g = ctx;
	const char *reason = json_get_str(n, "reason", NULL);
	auto_str took = STR_INIT, tries = STR_INIT, note = STR_INIT;
	add_duration(&took, n, "duration_ms");
	int64_t attempts = json_get_int(n, "tries", 0);
	if (attempts > 1)
		str_addf(&tries, "%lld/%lld", (long long)attempts,
		         (long long)json_get_int(n, "max_attempts", attempts));
	const char *failure = json_get_str(json_get(n, "failure"), "message", NULL);
	if (failure || reason)
		str_add(&note, failure ? failure : reason);
	else if (json_type(json_get(n, "outputs")) == JSON_OBJECT &&
	         json_first(json_get(n, "outputs")))
		json_add(&note, json_get(n, "outputs"));
	grid_add(g, STYLE_BOLD, json_get_str(n, "node", "?"));
	add_state_cell(g, n);
	grid_add(g, STYLE_DIM, json_get_str(n, "kind", ""));
	grid_add(g, STYLE_NONE, str_text(&tries));
	grid_add(g, STYLE_NONE, str_text(&took));
	grid_add(g, STYLE_NONE, str_text(&note));
	return ERR_OK;
}

static enum err_code show_nodes(struct cli *cli, const char *run, int64_t max, int64_t all,
                                struct err *err)
{
	struct grid g;
	grid_begin(&g, 6);
	grid_head(&g, _("NODE"));
	grid_head(&g, _("STATE"));
	grid_head(&g, _("KIND"));
	grid_head(&g, _(">TRIES"));
	grid_head(&g, _(">TIME"));
	grid_head(&g, _("WHY, OR OUTPUTS"));
	auto_free char *path = xasprintf("/v1/runs/%s/nodes", run);
	enum err_code code = cli_list(cli, path, max, node_row, &g, NULL, err);
	if (!code && !cli->json) {
		(void)putchar('\n');
		grid_print(cli, &g);
		if (all > max)
			note_line(cli, _("%lld of %lld nodes are shown; --nodes shows all"),
			          (long long)max, (long long)all);
	}
	grid_done(&g);
	return code;
}

static enum err_code show_run(struct cli *cli, const struct json *r, struct err *err)
{
	auto_str progress = STR_INIT;
	const char *id = json_get_str(r, "id", "");
	if (json_type(json_get(r, "failure")) == JSON_OBJECT) {
		card_print(cli, r, stdout);
		(void)putchar('\n');
	}
	value_field(cli, _("run"), r, "id");
	value_field(cli, _("workflow"), r, "workflow");
	state_field(cli, r);
	add_progress(&progress, r);
	out_field(cli, _("nodes"), progress.p);
	value_field(cli, _("running"), r, "current");
	value_field(cli, _("until"), r, "until");
	value_field(cli, _("order"), r, "order");
	if (json_get_int(r, "generation", 1) > 1)
		number_field(cli, _("generation"), r, "generation");
	number_field(cli, _("priority"), r, "priority");
	value_field(cli, _("params"), r, "params");
	value_field(cli, _("workspace"), r, "workspace");
	value_field(cli, _("file"), r, "file");
	value_field(cli, _("parent"), r, "parent");
	value_field(cli, _("forked from"), r, "forked_from");
	if (json_first(json_get(r, "forks")))
		value_field(cli, _("forks"), r, "forks");
	out_field_time(cli, _("created"), r, "created_at_ms");
	out_field_time(cli, _("started"), r, "started_at_ms");
	out_field_time(cli, _("ended"), r, "ended_at_ms");
	duration_field(cli, _("time"), r, "duration_ms");
	duration_field(cli, _("paused for"), r, "paused_ms");
	duration_field(cli, _("about left"), r, "eta_ms");
	int64_t total = json_get_int(json_get(r, "progress"), "total", 0);
	return show_nodes(cli, id, NODES_SHOWN, total, err);
}

/* ---- nodes and attempts ---- */

static void show_attempt(const struct cli *cli, const struct json *a)
{
	auto_str which = STR_INIT;
	str_addf(&which, _("%lld (iteration %lld, generation %lld)"),
	         (long long)json_get_int(a, "attempt", 0),
	         (long long)json_get_int(a, "iteration", 0),
	         (long long)json_get_int(a, "generation", 0));
	out_field(cli, _("attempt"), which.p);
	state_field(cli, a);
	value_field(cli, _("class"), a, "class");
	value_field(cli, _("why"), a, "why");
	number_field(cli, _("exit code"), a, "exit_code");
	number_field(cli, _("signal"), a, "signal");
	out_field_time(cli, _("started"), a, "started_at_ms");
	duration_field(cli, _("time"), a, "duration_ms");
	duration_field(cli, _("cpu"), a, "cpu_ms");
	number_field(cli, _("memory KiB"), a, "rss_kib");
	duration_field(cli, _("frozen"), a, "frozen_ms");
	duration_field(cli, _("retry in"), a, "retry_in_ms");
	value_field(cli, _("retry why"), a, "retry_reason");
	const struct json *log = json_get(a, "log");
	number_field(cli, _("log lines"), log, "lines");
	value_field(cli, _("log file"), log, "path");
}

static enum err_code attempt_row(void *ctx, const struct json *a, struct err *err UNUSED)
{
	struct grid *g = ctx;
	auto_str which = STR_INIT, took = STR_INIT, started = STR_INIT;
	str_addf(&which, "%lld.%lld.%lld", (long long)json_get_int(a, "generation", 0),
	         (long long)json_get_int(a, "iteration", 0),
	         (long long)json_get_int(a, "attempt", 0));
	add_time(&started, a, "started_at_ms");
	add_duration(&took, a, "duration_ms");
	grid_add(g, STYLE_BOLD, which.p);
	add_state_cell(g, a);
	grid_add(g, STYLE_DIM, str_text(&started));
	grid_add(g, STYLE_NONE, str_text(&took));
	grid_add(g, STYLE_NONE, json_get_str(a, "why", ""));
	return ERR_OK;
}

static void attempts_head(struct grid *g, const char *first)
{
	grid_begin(g, 5);
	grid_head(g, first);
	grid_head(g, _("STATE"));
	grid_head(g, _("STARTED"));
	grid_head(g, _(">TIME"));
	grid_head(g, _("WHY"));
}

static enum err_code list_attempts(struct cli *cli, const char *path, struct err *err)
{
	struct grid g;
	attempts_head(&g, _("ATTEMPT"));
	enum err_code code = cli_list(cli, path, INT64_C(1000), attempt_row, &g, NULL, err);
	if (!code && !cli->json)
		grid_print(cli, &g);
	grid_done(&g);
	return code;
}

static enum err_code show_node(struct cli *cli, const struct target *t, const struct json *n,
                               struct err *err)
{
	value_field(cli, _("node"), n, "node");
	value_field(cli, _("run"), n, "run");
	value_field(cli, _("kind"), n, "kind");
	state_field(cli, n);
	value_field(cli, _("needs"), n, "needs");
	value_field(cli, _("feeds"), n, "feeds");
	value_field(cli, _("group"), n, "group");
	value_field(cli, _("sub-run"), n, "child");
	const struct json *failure = json_get(n, "failure");
	value_field(cli, _("class"), failure, "class");
	value_field(cli, _("what"), failure, "message");
	value_field(cli, _("outputs"), n, "outputs");
	out_field_time(cli, _("started"), n, "started_at_ms");
	out_field_time(cli, _("ended"), n, "ended_at_ms");
	out_field_time(cli, _("next try"), n, "next_at_ms");
	duration_field(cli, _("time"), n, "duration_ms");
	(void)putchar('\n');
	auto_free char *path = xasprintf("/v1/runs/%s/nodes/%s/attempts", t->id, t->node);
	return list_attempts(cli, path, err);
}

static bool fits(const struct target *t, const struct json *a)
{
	return json_get_int(a, "attempt", 0) == t->attempt &&
	       (!t->iteration || json_get_int(a, "iteration", 0) == t->iteration) &&
	       (!t->generation || json_get_int(a, "generation", 0) == t->generation);
}

static enum err_code one_attempt(struct cli *cli, const struct target *t, struct err *err)
{
	auto_free char *path =
	    xasprintf("/v1/runs/%s/nodes/%s/attempts?limit=1000", t->id, t->node);
	auto_json *list = NULL;
	enum err_code code = cli_get(cli, path, &list, err);
	if (code)
		return code;
	for (const struct json *e = json_first(json_get(list, "items")); e; e = json_next(e)) {
		if (!fits(t, e))
			continue;
		if (cli->json)
			out_json(e);
		else
			show_attempt(cli, e);
		return ERR_OK;
	}
	return err_set(err, ERR_NOT_FOUND, _("there is no attempt %lld of that node"),
	               (long long)t->attempt);
}

/* ---- the rest ---- */

static void show_event(const struct cli *cli, const struct json *e)
{
	number_field(cli, _("event"), e, "seq");
	value_field(cli, _("type"), e, "type");
	out_field_time(cli, _("at"), e, "at_ms");
	value_field(cli, _("order"), e, "order");
	value_field(cli, _("run"), e, "run");
	value_field(cli, _("node"), e, "node");
	value_field(cli, _("from"), e, "from");
	value_field(cli, _("to"), e, "to");
	value_field(cli, _("actor"), e, "actor");
	value_field(cli, _("who"), e, "who");
	value_field(cli, _("reason"), e, "reason");
	value_field(cli, _("data"), e, "data");
}

static enum err_code one_event(struct cli *cli, int64_t seq, struct err *err)
{
	auto_free char *path = xasprintf("/v1/events?after=%lld&limit=1", (long long)seq - 1);
	auto_json *list = NULL;
	enum err_code code = cli_get(cli, path, &list, err);
	const struct json *e = json_first(json_get(list, "items"));
	if (!code && json_get_int(e, "seq", 0) != seq)
		code = err_set(err, ERR_NOT_FOUND, _("there is no event %lld"), (long long)seq);
	if (code)
		return code;
	if (cli->json)
		out_json(e);
	else
		show_event(cli, e);
	return ERR_OK;
}

static enum err_code show_source(struct cli *cli, const char *path, struct err *err)
{
	auto_json *v = NULL;
	enum err_code code = cli_get(cli, path, &v, err);
	if (code)
		return code;
	if (cli->json) {
		out_json(v);
		return ERR_OK;
	}
	/* A file's text is for a file as well as for the eye: bytes that could control a terminal
	 * are shown there only. */
	const char *text = json_get_str(v, "source", "");
	auto_str s = STR_INIT;
	if (cli->any_tty_out)
		text_add_safe(&s, text, strlen(text), SAFE_PLAIN, true);
	else
		str_add(&s, text);
	out_text(&s);
	return ERR_OK;
}

/* An id without a letter: a run, or else an order. */
static enum err_code read_any(struct cli *cli, struct target *t, struct json **ret, struct err *err)
{
	auto_free char *path =
	    xasprintf("/v1/%s/%s", t->kind == TARGET_ORDER ? "orders" : "runs", t->id);
	enum err_code code = cli_get(cli, path, ret, err);
	if (code != ERR_NOT_FOUND || t->kind != TARGET_ANY) {
		t->kind = t->kind == TARGET_ANY ? TARGET_RUN : t->kind;
		return code;
	}
	auto_free char *order = xasprintf("/v1/orders/%s", t->id);
	t->kind = TARGET_ORDER;
	code = cli_get(cli, order, ret, err);
	return code == ERR_NOT_FOUND ? no_such(t->id, err) : code;
}

static enum err_code print_partial(struct cli *cli, const struct json *v)
{
	value_field(cli, _("completed"), v, "completed");
	value_field(cli, _("pending"), v, "pending");
	value_field(cli, _("outputs"), v, "outputs");
	return ERR_OK;
}

static enum err_code checkpoint_row(void *ctx, const struct json *c, struct err *err UNUSED)
{
	struct grid *g = ctx;
	auto_str seq = STR_INIT, at = STR_INIT;
	str_addf(&seq, "#%lld", (long long)json_get_int(c, "seq", 0));
	add_time(&at, c, "at_ms");
	grid_add(g, STYLE_BOLD, seq.p);
	grid_add(g, STYLE_NONE, json_get_str(c, "node", ""));
	grid_add(g, STYLE_DIM, str_text(&at));
	return ERR_OK;
}

static enum err_code iteration_row(void *ctx, const struct json *i, struct err *err)
{
	struct grid *g = ctx;
	auto_str which = STR_INIT;
	str_addf(&which, "%s ", json_get_str(i, "node", ""));
	auto_str took = STR_INIT, started = STR_INIT;
	str_addf(&which, "%lld.%lld", (long long)json_get_int(i, "generation", 0),
	         (long long)json_get_int(i, "iteration", 0));
	add_time(&started, i, "started_at_ms");
	add_duration(&took, i, "duration_ms");
	grid_add(g, STYLE_BOLD, which.p);
	add_state_cell(g, i);
	grid_add(g, STYLE_DIM, str_text(&started));
	grid_add(g, STYLE_NONE, str_text(&took));
	grid_add(g, STYLE_NONE, json_get_str(i, "why", ""));
	(void)err;
	return ERR_OK;
}

/* What --nodes, --partial, --iterations, --checkpoints and --definition ask for; *ret_done tells
 * whether there was one. */
static enum err_code show_part(struct call *call, const char *run, bool *ret_done, struct err *err)
{
	struct cli *cli = call->cli;
	*ret_done = true;
	auto_str path = STR_INIT;
	str_addf(&path, "/v1/runs/%s", run);
	if (call_has(call, "nodes"))
		return show_nodes(cli, run, INT64_C(10000000), 0, err);
	if (call_has(call, "definition")) {
		str_add(&path, "/definition");
		return show_source(cli, path.p, err);
	}
	if (call_has(call, "partial")) {
		str_add(&path, "/partial");
		auto_json *v = NULL;
		enum err_code code = cli_get(cli, path.p, &v, err);
		if (!code && cli->json)
			out_json(v);
		return code || cli->json ? code : print_partial(cli, v);
	}
	bool points = call_has(call, "checkpoints");
	if (!points && !call_has(call, "iterations")) {
		*ret_done = false;
		return ERR_OK;
	}
	struct grid g;
	if (points) {
		grid_begin(&g, 3);
		grid_head(&g, _("CHECKPOINT"));
		grid_head(&g, _("AFTER NODE"));
		grid_head(&g, _("AT"));
	} else {
		attempts_head(&g, _("ITERATION"));
	}
	str_add(&path, points ? "/checkpoints" : "/iterations");
	enum err_code code = cli_list(cli, path.p, INT64_C(1000000),
	                              points ? checkpoint_row : iteration_row, &g, NULL, err);
	if (!code && !cli->json)
		grid_print(cli, &g);
	grid_done(&g);
	return code;
}

static enum err_code show_object(struct call *call, struct target *t, struct err *err)
{
	struct cli *cli = call->cli;
	auto_json *v = NULL;
	enum err_code code;
	if (t->kind == TARGET_NODE) {
		auto_free char *path = xasprintf("/v1/runs/%s/nodes/%s", t->id, t->node);
		code = cli_get(cli, path, &v, err);
	} else {
		code = read_any(cli, t, &v, err);
	}
	bool done = false;
	if (!code && t->kind == TARGET_RUN)
		code = show_part(call, json_get_str(v, "id", t->id), &done, err);
	if (code || done)
		return code;
	if (cli->json)
		out_json(v);
	else if (t->kind == TARGET_NODE)
		code = show_node(cli, t, v, err);
	else if (t->kind == TARGET_ORDER)
		show_order(cli, v);
	else
		code = show_run(cli, v, err);
	return code;
}

static enum err_code run_show(struct call *call, struct err *err)
{
	struct cli *cli = call->cli;
	struct target t;
	enum err_code code = target_parse(call->nargs ? call->args[0] : "last", &t, err);
	if (code)
		return code;
	code = target_settle(cli, &t, err);
	if (code) {
		target_done(&t);
		return code;
	}
	if (t.kind == TARGET_EVENT) {
		code = one_event(cli, t.seq, err);
	} else if (t.kind == TARGET_ATTEMPT) {
		code = one_attempt(cli, &t, err);
	} else if (t.kind == TARGET_WORKFLOW) {
		auto_free char *path = xasprintf("/v1/workflows/%s", t.id);
		code = show_source(cli, path, err);
	} else {
		code = show_object(call, &t, err);
	}
	target_done(&t);
	return code;
}

/* clang-format off */
static const struct cli_option options[] = {
	{ "nodes",       0, NULL, N_("of a run: all its nodes") },
	{ "partial",     0, NULL, N_("of a run: what is completed, in order, what is pending, and the outputs so far") },
	{ "iterations",  0, NULL, N_("of a run: every round of every node") },
	{ "checkpoints", 0, NULL, N_("of a run: its checkpoints, oldest first") },
	{ "definition",  0, NULL, N_("of a run: the workflow as it was when the run began") },
	{ NULL },
};
static const struct cli_example examples[] = {
	{ "pawl show last", N_("the newest run; if it failed, why") },
	{ "pawl show r-3f9k2m7qd/tests", N_("one node and its attempts") },
	{ "pawl show r-3f9k2m7qd/tests.2", N_("its second attempt") },
	{ "pawl show '#1204'", N_("one event") },
	{ "pawl show last --partial --json", N_("the results so far, for programs") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_show = {
	.name = "show",
	.group = GROUP_LOOK,
	.arguments = "[ID]",
	.words = "ID",
	.max = 1,
	.help = N_("show one thing: a run, order, node, attempt, event"),
	.about = N_("Shows one thing by its id: a run (r-…), an order (o-…), a node (RUN/NODE), an "
	            "attempt (RUN/NODE.2), an "
	            "event (#123), or a workflow by its hash. The beginning of an id is enough "
	            "where it is the only one; last is "
	            "the newest run, and so is nothing."),
	.options = options,
	.examples = examples,
	.run = run_show,
};
