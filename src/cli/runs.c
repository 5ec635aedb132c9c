/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl runs and pawl workers: lists. */
#include "cli/commands.h"

#include <string.h>

static enum err_code run_row(void *ctx, const struct json *run, struct err *err UNUSED)
{
	struct grid *g = ctx;
	const char *state = json_get_str(run, "state", "?");
	auto_str progress = STR_INIT, started = STR_INIT, took = STR_INIT, why = STR_INIT;
	add_progress(&progress, run);
	add_time(&started, run, "started_at_ms");
	add_duration(&took, run, "duration_ms");
	const struct json *failure = json_get(run, "failure");
	const char *reason = json_get_str(run, "reason", NULL);
	if (json_type(failure) == JSON_OBJECT)
		str_addf(&why, "%s: %s", json_get_str(failure, "node", ""),
		         json_get_str(failure, "message", ""));
	else if (reason)
		str_add(&why, reason);
	for (const struct json *e = why.len ? NULL : json_first(json_get(run, "current")); e;
	     e = json_next(e))
		str_addf(&why, "%s%s", why.len ? ", " : "", json_str(e, ""));
	grid_add(g, STYLE_BOLD, json_get_str(run, "id", "?"));
	grid_add(g, state_style(state), state);
	grid_add(g, STYLE_NONE, json_get_str(run, "workflow", ""));
	grid_add(g, STYLE_NONE, progress.p);
	grid_add(g, STYLE_DIM, str_text(&started));
	grid_add(g, STYLE_NONE, str_text(&took));
	grid_add(g, STYLE_NONE, str_text(&why));
	return ERR_OK;
}

static void runs_head(struct grid *g)
{
	grid_begin(g, 7);
	grid_head(g, _("RUN"));
	grid_head(g, _("STATE"));
	grid_head(g, _("WORKFLOW"));
	grid_head(g, _(">NODES"));
	grid_head(g, _("STARTED"));
	grid_head(g, _(">TIME"));
	grid_head(g, _("WHY, OR WHAT RUNS"));
}

static void add_query(struct str *s, const char *key, const char *value)
{
	if (!value)
		return;
	str_addf(s, "%c%s=", strchr(s->p, '?') ? '&' : '?', key);
	client_add_encoded(s, value);
}

static enum err_code runs_path(const struct call *call, struct str *path, struct err *err)
{
	str_add(path, "/v1/runs");
	add_query(path, "state",
	          call_has(call, "failed") ? "failed_new" : call_value(call, "state"));
	add_query(path, "workflow", call_value(call, "workflow"));
	add_query(path, "parent", call_value(call, "parent"));
	add_query(path, "q", call->nargs ? call->args[0] : NULL);
	int64_t at = 0;
	enum err_code code = call_time(call, "since", &at, err);
	if (!code && at)
		str_addf(path, "%csince_ms=%lld", strchr(path->p, '?') ? '&' : '?', (long long)at);
	return code;
}

static enum err_code limit_of(const struct call *call, int64_t *limit, struct err *err)
{
	*limit = call_has(call, "all") ? INT64_C(10000000) : 50;
	return call_int(call, "limit", 1, 10000000, limit, err);
}

static void more_note(const struct call *call, size_t shown, int64_t total)
{
	if (total > (int64_t)shown && !call->cli->json)
		note_line(call->cli, _("%zu of %lld are shown; --all shows the rest"), shown,
		          (long long)total);
}

static enum err_code run_runs(struct call *call, struct err *err)
{
	auto_str path = STR_INIT;
	int64_t limit, total;
	enum err_code code = limit_of(call, &limit, err);
	code = code ? code : runs_path(call, &path, err);
	if (code)
		return code;
	struct grid g;
	runs_head(&g);
	code = cli_list(call->cli, path.p, limit, run_row, &g, &total, err);
	size_t shown = g.n / 7 - 1;
	if (!code && !call->cli->json && !shown)
		note_line(call->cli, _("there are no such runs"));
	else if (!code && !call->cli->json)
		grid_print(call->cli, &g);
	grid_done(&g);
	if (!code)
		more_note(call, shown, total);
	return code;
}

static void worker_row(struct grid *g, const struct json *w)
{
	auto_str since = STR_INIT, what = STR_INIT, pid = STR_INIT;
	const char *state = json_get_str(w, "state", "?"), *run = json_get_str(w, "run", NULL);
	add_time(&since, w, "since_ms");
	str_add_i64(&pid, json_get_int(w, "pid", 0));
	if (run)
		str_addf(&what, "%s/%s", run, json_get_str(w, "node", ""));
	if (json_get_bool(w, "adopted", false))
		str_add(&what, _(" (adopted)"));
	grid_add(g, STYLE_NONE, pid.p);
	grid_add(g, state_style(state), state);
	grid_add(g, STYLE_DIM, str_text(&since));
	grid_add(g, STYLE_NONE, str_text(&what));
}

static enum err_code run_workers(struct call *call, struct err *err)
{
	auto_json *v = NULL;
	enum err_code code = cli_get(call->cli, "/v1/workers", &v, err);
	if (code)
		return code;
	if (call->cli->json) {
		out_json(v);
		return ERR_OK;
	}
	struct grid g;
	grid_begin(&g, 4);
	grid_head(&g, _(">PID"));
	grid_head(&g, _("STATE"));
	grid_head(&g, _("SINCE"));
	grid_head(&g, _("STEP"));
	for (const struct json *e = json_first(json_get(v, "items")); e; e = json_next(e))
		worker_row(&g, e);
	grid_print(call->cli, &g);
	grid_done(&g);
	return ERR_OK;
}

/* clang-format off */
static const struct cli_option options[] = {
	{ "state",    's', N_("STATE,…"), N_("only runs in these states"),
	  .words = "pending preparing running pausing paused frozen waiting canceling succeeded failed canceled" },
	{ "failed",   0,   NULL,          N_("only failures that nobody has acknowledged") },
	{ "workflow", 'w', N_("NAME"),    N_("only runs of this workflow") },
	{ "since",    0,   N_("TIME"),    N_("only newer ones: 2h, 14:07, 2026-11-21") },
	{ "parent",   0,   N_("RUN"),     N_("only sub-workflows of this run"), .words = "ID" },
	{ "limit",    'n', N_("N"),       N_("at most N (default 50)") },
	{ "all",      0,   NULL,          N_("all of them") },
	{ NULL },
};
static const struct cli_example runs_examples[] = {
	{ "pawl runs", N_("the newest 50") },
	{ "pawl runs --failed", N_("what needs a look") },
	{ "pawl runs -s running,paused -w deploy", N_("some states of one workflow") },
	{ "pawl runs --json | jq -r '.items[].id'", N_("for programs") },
	{ NULL },
};
static const struct cli_example workers_examples[] = {
	{ "pawl workers", N_("the processes that run steps") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_runs = {
	.name = "runs",
	.alias = "list",
	.group = GROUP_LOOK,
	.arguments = "[TEXT]",
	.max = 1,
	.help = N_("list runs, newest first"),
	.about =
	    N_("Lists runs, newest first. TEXT selects those whose id or workflow name holds it."),
	.options = options,
	.examples = runs_examples,
	.run = run_runs,
};

const struct command cmd_workers = {
	.name = "workers",
	.group = GROUP_LOOK,
	.arguments = "",
	.help = N_("list the worker processes"),
	.about = N_("Lists the worker processes of the engine and the steps they run."),
	.examples = workers_examples,
	.run = run_workers,
};
