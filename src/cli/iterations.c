/* SPDX-License-Identifier: GPL-3.0-or-later */
/* iterations: what each round of a node did, found and decided; report: what its checks found, line by line. */
#include "cli/commands.h"

#include <string.h>

/* Micro-USD as people read them. */
static void add_cost(struct str *s, const struct json *usage)
{
	const struct json *cost = json_get(usage, "cost_micro_usd");
	if (json_get_int(usage, "calls", 0) == 0)
		return;
	if (json_type(cost) == JSON_NULL)
		str_add(s, "?");
	else
		str_addf(s, "$%.4f%s", json_num(cost, 0) / 1e6, json_get_int(usage, "calls_without_cost", 0) ? "+" : "");
}

static void add_row(struct grid *g, const struct json *i)
{
	const struct json *d = json_get(i, "decision"), *usage = json_get(i, "usage");
	const char *state = json_get_str(i, "state", "?");
	auto_str number = STR_INIT, time = STR_INIT, tokens = STR_INIT, cost = STR_INIT, problems = STR_INIT, what = STR_INIT;
	str_addf(&number, "%lld.%lld", (long long)json_get_int(i, "generation", 0), (long long)json_get_int(i, "iteration", 0));
	add_duration(&time, i, "duration_ms");
	if (json_get_int(usage, "calls", 0))
		str_add_i64(&tokens, json_get_int(usage, "total", 0));
	add_cost(&cost, usage);
	if (json_get_int(i, "problems", 0) > 0)
		str_add_i64(&problems, json_get_int(i, "problems", 0));
	str_add(&what, json_get_str(d, "action", ""));
	if (json_get_str(d, "final", NULL))
		str_addf(&what, " (%s)", json_get_str(d, "final", ""));
	str_addf(&what, "%s%s", what.len ? ": " : "", json_get_str(d, "reason", json_get_str(i, "message", "")));
	grid_add(g, STYLE_BOLD, str_text(&number));
	grid_add(g, state_style(str_eq(state, "passed") ? "succeeded" : str_eq(state, "rejected") ? "failed" : state), state);
	grid_add(g, STYLE_DIM, str_text(&time));
	grid_add(g, STYLE_NONE, str_text(&problems));
	grid_add(g, STYLE_NONE, str_text(&tokens));
	grid_add(g, STYLE_NONE, str_text(&cost));
	grid_add(g, STYLE_RED, json_get_str(i, "class", ""));
	grid_add(g, STYLE_NONE, str_text(&what));
}

static enum err_code take_row(void *ctx, const struct json *item, struct err *err)
{
	(void)err;
	add_row(ctx, item);
	return ERR_OK;
}

static enum err_code path_of(const struct call *call, const char *what, struct str *path, struct err *err)
{
	auto_free char *run = NULL, *node = NULL;
	size_t used;
	enum err_code code = node_args(call, &run, &node, &used, err);
	if (!code && call->nargs > used)
		code = err_set(err, ERR_USAGE, _("one node at a time: \"%s\" is too much"), call->args[used]);
	if (!code)
		str_addf(path, "/v1/runs/%s/nodes/%s/%s", run, node, what);
	return code;
}

static enum err_code run_iterations(struct call *call, struct err *err)
{
	static const char *const heads[] = { N_(">NUMBER"), N_("STATE"), N_(">TIME"), N_(">PROBLEMS"),
					     N_(">TOKENS"), N_(">COST"), N_("CLASS"), N_("DECISION") };
	auto_str path = STR_INIT;
	enum err_code code = path_of(call, "iterations", &path, err);
	if (code)
		return code;
	struct grid g;
	int64_t total;
	grid_begin(&g, COUNT(heads));
	for (size_t i = 0; i < COUNT(heads); i++)
		grid_head(&g, _(heads[i]));
	code = cli_list(call->cli, str_text(&path), 100000, take_row, &g, &total, err);
	if (!code && !call->cli->json && g.n == COUNT(heads))
		note_line(call->cli, _("the node has no iterations of its own"));
	else if (!code && !call->cli->json)
		grid_print(call->cli, &g);
	grid_done(&g);
	return code;
}

/* ---- the report ---- */

static void add_level(const struct cli *cli, struct str *s, const struct json *l)
{
	const char *state = json_get_str(l, "state", "?");
	bool skipped = str_eq(state, "skipped_config"), reached = !str_eq(state, "not_reached");
	str_addf(s, "%s %s %s\n", mark(cli, str_eq(state, "passed") ? "succeeded" : str_eq(state, "failed") ? "failed" : "skipped"),
		 json_get_str(l, "level", "?"), skipped ? _("skipped: configured so") : reached ? state : _("not reached"));
	for (const struct json *c = json_first(json_get(l, "checks")); c && reached && !skipped; c = json_next(c)) {
		str_addf(s, "    %s %s", mark(cli, str_eq(json_get_str(c, "state", ""), "passed") ? "succeeded" :
						   str_eq(json_get_str(c, "state", ""), "failed") ? "failed" : "skipped"),
			 "");
		add_safe(s, json_get_str(c, "name", "?"));
		if (*json_get_str(c, "message", "")) {
			str_add(s, ": ");
			add_safe(s, json_get_str(c, "message", ""));
		}
		str_add_char(s, '\n');
	}
}

static void add_diagnostic(struct str *s, const struct json *d)
{
	const char *file = json_get_str(d, "file", NULL);
	int64_t line = json_get_int(d, "line", 0), column = json_get_int(d, "column", 0);
	str_add(s, "  ");
	if (file && *file) {
		add_safe(s, file);
		if (line > 0)
			str_addf(s, ":%lld", (long long)line);
		if (line > 0 && column > 0)
			str_addf(s, ":%lld", (long long)column);
		str_add(s, ": ");
	}
	str_addf(s, "%s: ", json_get_str(d, "kind", "error"));
	add_safe(s, json_get_str(d, "message", ""));
	str_add_char(s, '\n');
}

static void add_work(struct str *s, const struct json *report)
{
	static const struct {
		const char *key, *label;
	} rows[] = {
		{ "kind", N_("kind") }, { "adapter", N_("adapter") }, { "provider", N_("provider") }, { "model", N_("model") },
		{ "session_id", N_("session") },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!json_get_str(report, rows[i].key, NULL))
			continue;
		str_addf(s, "%s: ", _(rows[i].label));
		add_safe(s, json_get_str(report, rows[i].key, ""));
		str_add_char(s, '\n');
	}
	const char *said = json_get_str(report, "final_text", "");
	while (*said) {
		size_t len = strcspn(said, "\n");
		auto_free char *line = xstrndup(said, len);
		str_add(s, "  ");
		add_safe(s, line);
		str_add_char(s, '\n');
		said += len + (said[len] == '\n');
	}
}

static enum err_code run_report(struct call *call, struct err *err)
{
	auto_str path = STR_INIT;
	int64_t iteration = 0;
	enum err_code code = path_of(call, "report", &path, err);
	if (!code)
		code = call_int(call, "iteration", 1, 1000000, &iteration, err);
	if (!code && iteration)
		str_addf(&path, "?iteration=%lld", (long long)iteration);
	if (!code && call_value(call, "token"))
		str_addf(&path, "%ctoken=%lld", iteration ? '&' : '?', strtoll(call_value(call, "token"), NULL, 10));
	auto_json *v = NULL;
	if (!code)
		code = cli_get(call->cli, str_text(&path), &v, err);
	if (code)
		return code;
	if (call->cli->json) {
		out_json(v);
		return ERR_OK;
	}
	const struct json *report = json_get(v, "report");
	auto_str s = STR_INIT;
	str_addf(&s, _("%s/%s, iteration %lld, try %lld: %s\n"), json_get_str(v, "run", "?"), json_get_str(v, "node", "?"),
		 (long long)json_get_int(v, "iteration", 0), (long long)json_get_int(v, "attempt", 0),
		 json_get_str(v, "state", "?"));
	for (const struct json *l = json_first(json_get(report, "levels")); l; l = json_next(l))
		add_level(call->cli, &s, l);
	if (json_count(json_get(report, "diagnostics")))
		str_addf(&s, _("found (%zu):\n"), json_count(json_get(report, "diagnostics")));
	for (const struct json *d = json_first(json_get(report, "diagnostics")); d; d = json_next(d))
		add_diagnostic(&s, d);
	if (!json_get(report, "levels"))
		add_work(&s, report);
	if (json_get_str(v, "file", NULL))
		str_addf(&s, _("all of it: %s\n"), json_get_str(v, "file", ""));
	out_text(&s);
	return ERR_OK;
}

/* clang-format off */
static const struct cli_option report_options[] = {
	{ "iteration", 'i', N_("N"),     N_("of this iteration (default: the newest)") },
	{ "token",     0,   N_("TOKEN"), N_("of this attempt, as in pawl iterations --json") },
	{ NULL },
};
static const struct cli_example iterations_examples[] = {
	{ "pawl iterations last fix", N_("every round of the node fix: what it found, what was decided") },
	{ "pawl iterations last/fix --json | jq '.items[-1]'", N_("all of the newest one, with its files") }, { NULL } };
static const struct cli_example report_examples[] = {
	{ "pawl report last fix", N_("what the checks of the newest iteration found, with file and line") },
	{ "pawl report last/fix -i 2 --json", N_("the report of the second one") }, { NULL } };
/* clang-format on */

const struct command cmd_iterations = {
	.name = "iterations", .group = GROUP_LOOK, .arguments = "RUN NODE", .words = "ID", .min = 1, .max = 2,
	.help = N_("list the iterations of a node"),
	.about = N_("Lists the rounds of a node that has checks, a loop or a budget, or asks an agent or a model: how each ended, "
		    "how many problems its checks found, what it took, and what was decided and why."),
	.examples = iterations_examples, .run = run_iterations };
const struct command cmd_report = {
	.name = "report", .group = GROUP_LOOK, .arguments = "RUN NODE", .words = "ID", .min = 1, .max = 2,
	.help = N_("show what the checks of a node found"),
	.about = N_("Shows the report of a node's checks, level by level, with what they found in which file and line; of a node "
		    "without checks what its agent or model reported."),
	.options = report_options, .examples = report_examples, .run = run_report };
