/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions that nodes ask people: approvals lists them, approve answers one. */
#include "cli/commands.h"

#include <string.h>

/* ---- the list ---- */

static void add_list(struct str *out, const struct json *list)
{
	for (const struct json *i = json_first(list); i; i = json_next(i))
		str_addf(out, "%s%s", out->len ? ", " : "", json_str(i, ""));
}

static void add_row(struct grid *g, const struct json *a)
{
	auto_str what = STR_INIT, since = STR_INIT, until = STR_INIT, choices = STR_INIT;
	str_addf(&what, "%s/%s", json_get_str(a, "run", "?"), json_get_str(a, "node", "?"));
	add_time(&since, a, "asked_at_ms");
	add_time(&until, a, "deadline_at_ms");
	add_list(&choices, json_get(a, "choices"));
	grid_add(g, STYLE_BOLD, str_text(&what));
	grid_add(g, STYLE_DIM, str_text(&since));
	grid_add(g, STYLE_YELLOW, str_text(&until));
	grid_add(g, STYLE_NONE, str_text(&choices));
	grid_add(g, STYLE_NONE, json_get_str(a, "question", ""));
}

static enum err_code questions_of(struct cli *cli, const char *run, struct json **ret, struct err *err)
{
	auto_str path = STR_INIT;
	str_add(&path, "/v1/approvals?limit=1000");
	if (run)
		str_addf(&path, "&run=%s", run);
	return cli_get(cli, str_text(&path), ret, err);
}

static enum err_code run_approvals(struct call *call, struct err *err)
{
	struct target t = { .kind = TARGET_ANY };
	auto_json *v = NULL;
	enum err_code code = call->nargs ? target_parse(call->args[0], &t, err) : ERR_OK;
	if (!code)
		code = questions_of(call->cli, t.id, &v, err);
	target_done(&t);
	if (code)
		return code;
	if (call->cli->json) {
		out_json(v);
		return ERR_OK;
	}
	if (json_count(json_get(v, "items")) == 0) {
		note_line(call->cli, _("nothing waits for a decision"));
		return ERR_OK;
	}
	struct grid g;
	grid_begin(&g, 5);
	grid_head(&g, _("NODE"));
	grid_head(&g, _("SINCE"));
	grid_head(&g, _("UNTIL"));
	grid_head(&g, _("CHOICES"));
	grid_head(&g, _("QUESTION"));
	for (const struct json *i = json_first(json_get(v, "items")); i; i = json_next(i))
		add_row(&g, i);
	grid_print(call->cli, &g);
	grid_done(&g);
	return ERR_OK;
}

/* ---- the answer ---- */

/* RUN alone: the node that asks in it, if there is just one. */
static enum err_code find_node(struct cli *cli, const char *run, char **ret, struct err *err)
{
	auto_json *v = NULL;
	enum err_code code = questions_of(cli, run, &v, err);
	if (code)
		return code;
	const struct json *items = json_get(v, "items"), *first = json_first(items);
	if (!first)
		return err_set(err, ERR_CONFLICT, _("nothing in %s waits for a decision"), run);
	if (json_next(first)) {
		(void)err_set(err, ERR_USAGE, _("more than one node of %s waits for a decision: name one"), run);
		err_hint(err, _("they are listed by: pawl approvals %s"), run);
		return ERR_USAGE;
	}
	auto_str node = STR_INIT;
	client_add_encoded(&node, json_get_str(first, "node", ""));
	*ret = str_take(&node);
	return ERR_OK;
}

static enum err_code target_of(struct call *call, char **ret_run, char **ret_node, struct err *err)
{
	struct target t = { .kind = TARGET_ANY };
	enum err_code code = target_parse(call->args[0], &t, err);
	bool bare = !code && t.kind != TARGET_NODE && call->nargs < 2;
	if (bare) {
		*ret_run = xstrdup(t.id);
		code = find_node(call->cli, t.id, ret_node, err);
	}
	target_done(&t);
	size_t used = 1;
	if (!code && !bare)
		code = node_args(call, ret_run, ret_node, &used, err);
	if (!code && call->nargs > used)
		return err_set(err, ERR_USAGE, _("one node at a time: \"%s\" is too much"), call->args[used]);
	return code;
}

static void add_text(struct jw *w, const struct call *call, const char *option)
{
	if (call_value(call, option))
		jw_str(w, option, call_value(call, option));
}

static enum err_code run_approve(struct call *call, struct err *err)
{
	auto_free char *run = NULL, *node = NULL;
	enum err_code code = target_of(call, &run, &node, err);
	if (code)
		return code;
	auto_str body = STR_INIT;
	struct jw w = jw_begin(&body);
	const char *choice = call_value(call, "choice");
	jw_obj(&w, NULL);
	jw_str(&w, "choice", choice ? choice : "continue");
	add_text(&w, call, "reason");
	add_text(&w, call, "role");
	add_text(&w, call, "to");
	add_text(&w, call, "feedback");
	jw_end_obj(&w);
	auto_free char *path = xasprintf("/v1/runs/%s/nodes/%s/decide", run, node);
	auto_json *v = NULL;
	code = cli_post(call->cli, path, str_text(&body), &v, err);
	if (code)
		return code;
	if (call->cli->json) {
		out_json(v);
		return ERR_OK;
	}
	auto_str s = STR_INIT;
	str_addf(&s, _("%s: %s is decided; the run is %s\n"), choice ? choice : "continue", node, json_get_str(v, "state", "?"));
	out_text(&s);
	return ERR_OK;
}

/* clang-format off */
static const struct cli_option approve_options[] = {
	{ "choice",   'c', N_("CHOICE"), N_("continue (default), retry, skip, redirect or abort"),
	  .words = "continue retry skip redirect abort" },
	{ "reason",   0,   N_("TEXT"),   N_("why, for the record") },
	{ "to",       0,   N_("NODE"),   N_("with redirect: the node to go on at") },
	{ "feedback", 0,   N_("TEXT"),   N_("what the next iteration or node is told") },
	{ "role",     0,   N_("ROLE"),   N_("in which role you decide (default operator)") },
	{ NULL },
};
static const struct cli_example approve_examples[] = {
	{ "pawl approve last", N_("the only question of the newest run: go on") },
	{ "pawl approve last ship --choice abort --reason 'tests are red'", N_("not today") },
	{ "pawl approve r-7k2m/ship -c redirect --to fix", N_("back to the node fix") }, { NULL } };
static const struct cli_example approvals_examples[] = {
	{ "pawl approvals", N_("what waits for you") },
	{ "pawl approvals last --json", N_("of one run, for programs") }, { NULL } };
/* clang-format on */

const struct command cmd_approve = {
	.name = "approve", .group = GROUP_VERB, .arguments = "RUN [NODE]", .words = "ID", .min = 1, .max = 2,
	.help = N_("answer what a node asks"),
	.about = N_("Answers the question of an approval, or of a loop that asks what comes next. continue goes on; skip does "
		    "without the node; abort fails it; retry runs what it needs again and then asks again; redirect goes on "
		    "at another node. Who decided, when and why is kept."),
	.options = approve_options, .examples = approve_examples, .run = run_approve };
const struct command cmd_approvals = {
	.name = "approvals", .group = GROUP_LOOK, .arguments = "[RUN]", .words = "ID", .max = 1,
	.help = N_("list the questions that wait for a decision"),
	.about = N_("Lists the questions that nodes ask and nobody has answered, the oldest first, of one run or of all."),
	.examples = approvals_examples, .run = run_approvals };
