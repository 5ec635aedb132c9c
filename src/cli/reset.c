/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sending a run back: retry and resume-from, and what they would do (--dry-run). */
#include "cli/commands.h"

#include <string.h>

static enum err_code run_of(struct cli *cli, const char *text, char **ret, struct err *err)
{
	struct target t = { .kind = TARGET_ANY };
	enum err_code code = target_parse(text, &t, err);
	if (!code && t.kind != TARGET_ANY && t.kind != TARGET_RUN)
		code = err_set(err, ERR_USAGE, _("\"%s\" is not a run"), text);
	if (!code)
		*ret = xstrdup(t.id);
	target_done(&t);
	(void)cli;
	return code;
}

static void add_names(struct str *path, struct call *call)
{
	for (size_t i = 1; i < call->nargs; i++) {
		str_add(path, i == 1 ? "&node=" : "%2C");
		client_add_encoded(path, call->args[i]);
	}
}

static void print_preview(const struct cli *cli, const struct json *v)
{
	auto_str s = STR_INIT;
	for (const struct json *i = json_first(json_get(v, "items")); i; i = json_next(i)) {
		const char *verdict = json_get_str(i, "verdict", "?");
		bool again = str_eq(verdict, "rerun"), stale = str_eq(verdict, "stale");
		str_addf(&s, "%s%-6s%s  ", again || stale ? style_on(cli, STYLE_BOLD) : "", verdict,
		         again || stale ? style_off(cli) : "");
		add_safe(&s, json_get_str(i, "node", "?"));
		str_add(&s, ": ");
		add_safe(&s, json_get_str(i, "why", ""));
		str_add_char(&s, '\n');
	}
	str_add(&s, _("the workspace "));
	add_safe(&s, json_get_str(v, "workspace", ""));
	str_add_char(&s, '\n');
	out_text(&s);
}

static enum err_code show_preview(struct call *call, const char *run, const char *verb, struct err *err)
{
	auto_str path = STR_INIT;
	auto_json *v = NULL;
	str_addf(&path, "/v1/runs/%s/preview?verb=%s", run, verb);
	add_names(&path, call);
	if (call_has(call, "only"))
		str_add(&path, "&only=1");
	enum err_code code = cli_get(call->cli, str_text(&path), &v, err);
	if (code)
		return code;
	if (call->cli->json)
		out_json(v);
	else
		print_preview(call->cli, v);
	return ERR_OK;
}

/* --edit: the lines of the first node that is named, in $EDITOR, before anything goes back. */
static enum err_code edit_named(struct call *call, const char *run, struct err *err)
{
	auto_json *v = NULL;
	bool changed;
	if (!call_has(call, "edit"))
		return ERR_OK;
	if (call->nargs < 2)
		return err_set(err, ERR_USAGE, _("--edit: name the node to edit"));
	return edit_node(call->cli, run, call->args[1], call_value(call, "reason"), &changed, &v, err);
}

static enum err_code send_back(struct call *call, const char *verb, const char *route, struct err *err)
{
	auto_free char *run = NULL;
	enum err_code code = run_of(call->cli, call->args[0], &run, err);
	if (code)
		return code;
	if (call_has(call, "dry-run"))
		return show_preview(call, run, verb, err);
	auto_str body = STR_INIT;
	struct jw w = jw_begin(&body);
	jw_obj(&w, NULL);
	jw_arr(&w, "nodes");
	for (size_t i = 1; i < call->nargs; i++)
		jw_str(&w, NULL, call->args[i]);
	jw_end_arr(&w);
	if (call_has(call, "only"))
		jw_bool(&w, "only", true);
	if (call_value(call, "with-definition"))
		jw_str(&w, "definition", call_value(call, "with-definition"));
	if (call_value(call, "reason"))
		jw_str(&w, "reason", call_value(call, "reason"));
	code = add_edits(call, &w, "set", err);
	if (!code)
		code = edit_named(call, run, err);
	if (code)
		return code;
	jw_end_obj(&w);
	auto_free char *path = xasprintf("/v1/runs/%s/%s", run, route);
	auto_json *v = NULL;
	code = cli_post(call->cli, path, str_text(&body), &v, err);
	if (code)
		return code;
	if (call->cli->json) {
		out_json(v);
		return ERR_OK;
	}
	auto_str s = STR_INIT;
	str_addf(&s, _("%s runs again, generation %lld\n"), json_get_str(v, "id", "?"),
	         (long long)json_get_int(v, "generation", 0));
	out_text(&s);
	return ERR_OK;
}

static enum err_code run_retry(struct call *call, struct err *err)
{
	return send_back(call, "retry", "retry", err);
}

static enum err_code run_resume_from(struct call *call, struct err *err)
{
	return send_back(call, "resume_from", "resume-from", err);
}

/* clang-format off */
#define EDIT_OPTIONS \
	{ "set",     0,   N_("NAME=VALUE"), N_("a parameter is another from now on; NAME:=JSON, NAME alone for its default"), .many = true }, \
	{ "env",     0,   N_("NAME=TEXT"), N_("a variable for all steps; NAME alone takes it away"), .many = true }, \
	{ "edit",    0,   NULL,       N_("edit the lines of the first node in $EDITOR before") }, \
	{ "with-definition", 0, N_("new|pinned"), N_("the file as it is now, or the definition as it was (default)"), .words = "new pinned" }
static const struct cli_option retry_options[] = {
	EDIT_OPTIONS,
	{ "dry-run", 'n', NULL,       N_("only show what would run again, and why") },
	{ "reason",  0,   N_("TEXT"), N_("why, for the record") },
	{ NULL },
};
static const struct cli_option resume_from_options[] = {
	EDIT_OPTIONS,
	{ "only",    0,   NULL,       N_("just these nodes; what came after them is marked as stale") },
	{ "dry-run", 'n', NULL,       N_("only show what would run again, and why") },
	{ "reason",  0,   N_("TEXT"), N_("why, for the record") },
	{ NULL },
};
static const struct cli_example retry_examples[] = {
	{ "pawl retry last", N_("everything that failed, and what follows from it") },
	{ "pawl retry last tests --dry-run", N_("what would retrying one node do?") }, { NULL } };
static const struct cli_example resume_from_examples[] = {
	{ "pawl resume-from last build", N_("build and everything after it; the rest is kept") },
	{ "pawl resume-from last build --only", N_("just build") }, { NULL } };
/* clang-format on */

const struct command cmd_retry = {
	.name = "retry", .group = GROUP_VERB, .arguments = "RUN [NODE…]", .words = "ID", .min = 1, .max = -1,
	.help = N_("run again what failed"),
	.about = N_("Runs again the nodes of a run that failed (or those named), and what follows from them, with a fresh "
	            "budget of tries. What succeeded is kept. A run that has ended is opened again: same id, next "
	            "generation; everything earlier stays in its history. The files of its workspace stay as they are."),
	.options = retry_options, .examples = retry_examples, .run = run_retry };
const struct command cmd_resume_from = {
	.name = "resume-from", .group = GROUP_VERB, .arguments = "RUN NODE…", .words = "ID", .min = 2, .max = -1,
	.help = N_("run a node and all after it again"),
	.about = N_("Runs the named nodes again, with everything that needs them, and what had failed. All else is kept. "
	            "A run that has ended is opened again: same id, next generation. The files of its workspace stay "
	            "as they are."),
	.options = resume_from_options, .examples = resume_from_examples, .run = run_resume_from };
