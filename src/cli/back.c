/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a run can go back to (pawl checkpoints), and how its files changed between there and now (pawl changes). */
#include "cli/commands.h"

#include <string.h>

/* ---- checkpoints ---- */

static enum err_code add_point(void *ctx, const struct json *v, struct err *err)
{
	struct grid *g = ctx;
	auto_str at = STR_INIT, number = STR_INIT, files = STR_INIT;
	const char *kept = json_get_str(v, "files", "");
	bool stands = json_get_bool(v, "stands", true);
	(void)err;
	add_time(&at, v, "at_ms");
	str_addf(&number, "%lld", (long long)json_get_int(v, "number", 0));
	if (str_eq(kept, "kept"))
		str_add(&files, _("kept"));
	else if (str_eq(kept, "empty"))
		str_add(&files, _("none there"));
	else
		str_addf(&files, _("not kept: %s"), json_get_str(v, "why_not", ""));
	int64_t left = json_get_int(v, "not_covered", 0);
	if (left > 0)
		str_addf(&files, _(", %lld not covered"), (long long)left);
	auto_free char *generation = xasprintf("%lld.%lld", (long long)json_get_int(v, "generation", 0),
					       (long long)json_get_int(v, "iteration", 0));
	grid_add(g, STYLE_BOLD, str_text(&number));
	grid_add(g, stands ? STYLE_NONE : STYLE_DIM, json_get_str(v, "name", "?"));
	grid_add(g, STYLE_NONE, json_get_str(v, "workstream", ""));
	grid_add(g, STYLE_NONE, json_get_str(v, "node", NULL) ? generation : "");
	grid_add(g, STYLE_NONE, str_text(&at));
	grid_add(g, STYLE_NONE, stands ? _("stands") : _("ran again"));
	grid_add(g, STYLE_NONE, str_text(&files));
	return ERR_OK;
}

static enum err_code run_checkpoints(struct call *call, struct err *err)
{
	struct target t = { .kind = TARGET_ANY };
	struct grid g;
	enum err_code code = target_parse(call->args[0], &t, err);
	if (code)
		return code;
	auto_free char *path = xasprintf("/v1/runs/%s/checkpoints", t.id);
	target_done(&t);
	grid_begin(&g, 7);
	grid_head(&g, _(">NUMBER"));
	grid_head(&g, _("AFTER"));
	grid_head(&g, _("STREAM"));
	grid_head(&g, _("ITERATION"));
	grid_head(&g, _("AT"));
	grid_head(&g, _("NODE"));
	grid_head(&g, _("FILES"));
	code = cli_list(call->cli, path, INT64_MAX, add_point, &g, NULL, err);
	if (!code && !call->cli->json)
		grid_print(call->cli, &g);
	grid_done(&g);
	return code;
}

/* ---- changes ---- */

/* A text of another program, line by line: nothing in it reaches the terminal but what can be seen. */
static void add_text(const struct cli *cli, struct str *s, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		auto_free char *line = xstrndup(text, len);
		bool add = line[0] == '+', remove = line[0] == '-', place = strncmp(line, "@@", 2) == 0;
		str_add(s, style_on(cli, add ? STYLE_GREEN : remove ? STYLE_RED : place ? STYLE_CYAN : STYLE_NONE));
		if (cli->any_tty_out)
			add_safe(s, line);
		else
			str_add(s, line); /* for git apply */
		str_add(s, add || remove || place ? style_off(cli) : "");
		str_add_char(s, '\n');
		text += len + (text[len] == '\n');
	}
}

static void print_changes(const struct cli *cli, const struct json *v)
{
	auto_str s = STR_INIT;
	const char *text = json_get_str(v, "text", NULL);
	int64_t shown = 0, total = json_get_int(v, "total", 0);
	if (text) {
		add_text(cli, &s, text);
	} else {
		for (const struct json *i = json_first(json_get(v, "items")); i; i = json_next(i), shown++) {
			const char *change = json_get_str(i, "change", "?");
			enum style style = str_eq(change, "added")   ? STYLE_GREEN :
					   str_eq(change, "removed") ? STYLE_RED :
								       STYLE_YELLOW;
			str_addf(&s, "%s%-8s%s  ", style_on(cli, style), change, style_off(cli));
			const char *file = json_get_str(i, "path", "");
			add_safe(&s, file[0] ? file : ".");
			str_add_char(&s, '\n');
		}
		if (total > shown)
			str_addf(&s, _("… and %lld more\n"), (long long)(total - shown));
	}
	out_text(&s);
	if (total == 0 && !text)
		note_line(cli, _("no file differs between %s and %s"), json_get_str(v, "from", "?"),
			  json_get_str(v, "to", "?"));
}

static enum err_code run_changes(struct call *call, struct err *err)
{
	static const char *const sides[] = { "from", "to" };
	struct target t = { .kind = TARGET_ANY };
	enum err_code code = target_parse(call->args[0], &t, err);
	if (code)
		return code;
	auto_str path = STR_INIT;
	auto_json *v = NULL;
	str_addf(&path, "/v1/runs/%s/diff?text=%d", t.id, call_has(call, "text") || call_has(call, "path"));
	target_done(&t);
	for (size_t i = 1; i < call->nargs; i++) {
		str_addf(&path, "&%s=", sides[i - 1]);
		client_add_encoded(&path, call->args[i]);
	}
	static const char *const named[] = { "path", "workstream" };
	for (size_t i = 0; i < COUNT(named); i++) {
		if (!call_value(call, named[i]))
			continue;
		str_addf(&path, "&%s=", named[i]);
		client_add_encoded(&path, call_value(call, named[i]));
	}
	code = cli_get(call->cli, str_text(&path), &v, err);
	if (code)
		return code;
	if (call->cli->json)
		out_json(v);
	else
		print_changes(call->cli, v);
	return ERR_OK;
}

/* clang-format off */
static const struct cli_option changes_options[] = {
	{ "text",       't', NULL,       N_("line by line, as git apply takes it") },
	{ "path",       0,   N_("FILE"), N_("of this file alone, line by line") },
	{ "workstream", 0,   N_("NAME"), N_("of the files of this workstream (default: main)") },
	{ NULL },
};
static const struct cli_example checkpoints_examples[] = {
	{ "pawl checkpoints last", N_("where the last run can go back to") },
	{ "pawl checkpoints last --json", N_("… with the numbers of events, trees and hashes") }, { NULL } };
static const struct cli_example changes_examples[] = {
	{ "pawl changes last build", N_("which files are different from when build was done?") },
	{ "pawl changes last 2 3 --text", N_("what did the node of checkpoint 3 change?") },
	{ "pawl changes last", N_("all that changed since the start") }, { NULL } };
/* clang-format on */

const struct command cmd_checkpoints = {
	.name = "checkpoints", .group = GROUP_LOOK, .arguments = "RUN", .words = "ID", .min = 1, .max = 1,
	.help = N_("where a run can go back to"),
	.about = N_("Lists the checkpoints of a run in their order: its start and each success of a node, and whether the "
	            "files of its workspace were kept there. A node that ran again later has several; the newest stands."),
	.examples = checkpoints_examples, .run = run_checkpoints };
const struct command cmd_changes = {
	.name = "changes", .group = GROUP_LOOK, .arguments = "RUN [FROM [TO]]", .words = "ID", .min = 1, .max = 3,
	.help = N_("how a run's files changed between checkpoints"),
	.about = N_("Shows which files of a run's workspace differ between two checkpoints: numbers of pawl checkpoints, "
	            "nodes (after their success), start (the default for FROM) or now (the default for TO)."),
	.options = changes_options, .examples = changes_examples, .run = run_changes };
