/* SPDX-License-Identifier: GPL-3.0-or-later */
/* usage: what calls of models took; breakers and breaker: what may be called at all. */
#include "cli/commands.h"

#include <string.h>

static void add_number(struct grid *g, const struct json *object, const char *key)
{
	auto_str s = STR_INIT;
	const struct json *v = json_get(object, key);
	if (json_type(v) == JSON_NUMBER)
		str_add_i64(&s, json_int(v, 0));
	grid_add(g, STYLE_NONE, v && json_type(v) != JSON_NULL ? str_text(&s) : "?");
}

static void add_cost(struct str *s, const struct json *object)
{
	const struct json *cost = json_get(object, "cost_micro_usd");
	if (json_type(cost) == JSON_NULL)
		str_add(s, "?");
	else
		str_addf(s, "$%.6f", json_num(cost, 0) / 1e6);
}

static enum err_code call_row(void *ctx, const struct json *u, struct err *err)
{
	struct grid *g = ctx;
	auto_str at = STR_INIT, what = STR_INIT, cost = STR_INIT;
	(void)err;
	add_time(&at, u, "at_ms");
	str_addf(&what, "%s/%s", json_get_str(u, "run", "?"), json_get_str(u, "node", "?"));
	add_cost(&cost, u);
	grid_add(g, STYLE_DIM, str_text(&at));
	grid_add(g, STYLE_BOLD, str_text(&what));
	grid_add(g, STYLE_NONE, json_get_str(u, "provider", ""));
	grid_add(g, STYLE_NONE, json_get_str(u, "model", ""));
	add_number(g, u, "input");
	add_number(g, u, "output");
	grid_add(g, STYLE_NONE, str_text(&cost));
	grid_add(g, STYLE_NONE, json_get_str(u, "status", ""));
	return ERR_OK;
}

static enum err_code print_sum(struct cli *cli, const char *path, struct err *err)
{
	auto_json *v = NULL;
	auto_free char *first = xasprintf("%s&limit=1", path);
	enum err_code code = cli_get(cli, first, &v, err);
	if (code)
		return code;
	const struct json *sum = json_get(v, "sum");
	auto_str s = STR_INIT, cost = STR_INIT;
	add_cost(&cost, sum);
	str_addf(&s, _("%lld calls, %lld tokens (%lld in, %lld out), %s"), (long long)json_get_int(sum, "calls", 0),
		 (long long)json_get_int(sum, "total", 0), (long long)json_get_int(sum, "input", 0),
		 (long long)json_get_int(sum, "output", 0), str_text(&cost));
	if (json_get_int(sum, "calls_without_cost", 0))
		str_addf(&s, _("; the cost of %lld is not known"), (long long)json_get_int(sum, "calls_without_cost", 0));
	str_add_char(&s, '\n');
	out_text(&s);
	return ERR_OK;
}

static enum err_code run_usage(struct call *call, struct err *err)
{
	static const char *const heads[] = { N_("AT"), N_("NODE"), N_("PROVIDER"), N_("MODEL"), N_(">IN"), N_(">OUT"), N_(">COST"),
					     N_("STATUS") };
	auto_str path = STR_INIT;
	struct target t = { .kind = TARGET_ANY };
	enum err_code code = call->nargs ? target_parse(call->args[0], &t, err) : ERR_OK;
	str_add(&path, "/v1/usage");
	if (t.id)
		str_addf(&path, "?run=%s", t.id);
	bool one_run = t.id;
	target_done(&t);
	int64_t limit = one_run ? 100000 : 100, total;
	if (!code)
		code = call_int(call, "limit", 1, 10000000, &limit, err);
	if (code)
		return code;
	struct grid g;
	grid_begin(&g, COUNT(heads));
	for (size_t i = 0; i < COUNT(heads); i++)
		grid_head(&g, _(heads[i]));
	code = cli_list(call->cli, str_text(&path), limit, call_row, &g, &total, err);
	if (!code && !call->cli->json && g.n == COUNT(heads))
		note_line(call->cli, _("no model was called"));
	else if (!code && !call->cli->json)
		grid_print(call->cli, &g);
	bool any = g.n > COUNT(heads);
	grid_done(&g);
	return !code && one_run && any && !call->cli->json ? print_sum(call->cli, str_text(&path), err) : code;
}

/* ---- breakers ---- */

static void breaker_row(struct grid *g, const struct json *b)
{
	auto_str until = STR_INIT;
	const char *state = json_get_str(b, "state", "?");
	add_time(&until, b, "until_ms");
	grid_add(g, STYLE_BOLD, json_get_str(b, "name", "?"));
	grid_add(g, str_eq(state, "closed") || str_eq(state, "forced_closed") ? STYLE_GREEN : STYLE_RED, state);
	add_number(g, b, "failures");
	grid_add(g, STYLE_YELLOW, str_text(&until));
	add_number(g, b, "waiting");
	grid_add(g, STYLE_NONE, json_get_str(b, "reason", ""));
}

static void print_breakers(struct cli *cli, const struct json *first)
{
	static const char *const heads[] = { N_("BREAKER"), N_("STATE"), N_(">FAILURES"), N_("UNTIL"), N_(">WAITING"), N_("REASON") };
	struct grid g;
	grid_begin(&g, COUNT(heads));
	for (size_t i = 0; i < COUNT(heads); i++)
		grid_head(&g, _(heads[i]));
	for (const struct json *b = first; b; b = json_next(b))
		breaker_row(&g, b);
	grid_print(cli, &g);
	grid_done(&g);
}

static enum err_code run_breakers(struct call *call, struct err *err)
{
	auto_json *v = NULL;
	enum err_code code = cli_get(call->cli, "/v1/breakers", &v, err);
	if (code)
		return code;
	const struct json *first = json_first(json_get(v, "items"));
	if (call->cli->json)
		out_json(v);
	else if (!first)
		note_line(call->cli, _("no program or provider has failed yet"));
	else
		print_breakers(call->cli, first);
	return ERR_OK;
}

static enum err_code run_breaker(struct call *call, struct err *err)
{
	static const struct {
		const char *option, *force;
	} forces[] = { { "open", "open" }, { "close", "closed" }, { "auto", "auto" } };
	const char *force = NULL;
	int n = 0;
	for (size_t i = 0; i < COUNT(forces); i++) {
		if (!call_has(call, forces[i].option))
			continue;
		force = forces[i].force;
		n++;
	}
	if (n != 1)
		return err_set(err, ERR_USAGE, _("say one of --open, --close, --auto"));
	if (!str_eq(force, "auto") && !call_value(call, "reason"))
		return err_set(err, ERR_USAGE, _("say why, for the record: --reason TEXT"));
	auto_str path = STR_INIT, body = STR_INIT;
	str_add(&path, "/v1/breakers/");
	client_add_encoded(&path, call->args[0]);
	struct jw w = jw_begin(&body);
	jw_obj(&w, NULL);
	jw_str(&w, "force", force);
	if (call_value(call, "reason"))
		jw_str(&w, "reason", call_value(call, "reason"));
	jw_end_obj(&w);
	auto_json *v = NULL;
	enum err_code code = cli_post(call->cli, str_text(&path), str_text(&body), &v, err);
	if (code)
		return code;
	if (call->cli->json)
		out_json(v);
	else
		print_breakers(call->cli, v);
	return ERR_OK;
}

/* clang-format off */
static const struct cli_option usage_options[] = {
	{ "limit", 'n', N_("N"), N_("at most N calls (default: 100, all of one run)") },
	{ NULL },
};
static const struct cli_option breaker_options[] = {
	{ "open",   0, NULL,       N_("let nothing through") },
	{ "close",  0, NULL,       N_("let everything through, whatever fails") },
	{ "auto",   0, NULL,       N_("by itself again, from closed on") },
	{ "reason", 0, N_("TEXT"), N_("why, for the record") },
	{ NULL },
};
static const struct cli_example usage_examples[] = {
	{ "pawl usage last", N_("the calls of the newest run, and their sum") },
	{ "pawl usage --json | jq '.items[].cost_micro_usd'", N_("of all runs, for programs") }, { NULL } };
static const struct cli_example breakers_examples[] = {
	{ "pawl breakers", N_("what is out of order, and until when") }, { NULL } };
static const struct cli_example breaker_examples[] = {
	{ "pawl breaker llm:claude --open --reason 'billing'", N_("no calls until further notice") },
	{ "pawl breaker llm:claude --auto", N_("as usual again") }, { NULL } };
/* clang-format on */

const struct command cmd_usage = {
	.name = "usage", .group = GROUP_LOOK, .arguments = "[RUN]", .words = "ID", .max = 1,
	.help = N_("show what calls of models took"),
	.about = N_("Shows each call of a model with its tokens and its cost, of one run with their sum, or the newest of all. "
		    "What is not known is a question mark: a cost needs a price for the model in prices.json."),
	.options = usage_options, .examples = usage_examples, .run = run_usage };
const struct command cmd_breakers = {
	.name = "breakers", .group = GROUP_LOOK, .arguments = "",
	.help = N_("list the circuit breakers"),
	.about = N_("Lists the circuit breakers of agent programs and providers. An open one holds the nodes that need it, without "
		    "using up a try, until its time is over and one of them tries it out."),
	.examples = breakers_examples, .run = run_breakers };
const struct command cmd_breaker = {
	.name = "breaker", .group = GROUP_VERB, .arguments = "NAME", .min = 1, .max = 1,
	.help = N_("force a circuit breaker open or closed"),
	.about = N_("Forces the circuit breaker of a program (agent:NAME) or provider (llm:NAME) open or closed, or lets it work "
		    "by itself again."),
	.options = breaker_options, .examples = breaker_examples, .run = run_breaker };
