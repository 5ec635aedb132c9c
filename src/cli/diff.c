/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl diff: two attempts of a node beside each other. */
#include "cli/commands.h"

#include <string.h>

static void add_side(const struct cli *cli, struct str *s, const char *sign, enum style style, const struct json *side)
{
	const char *state = json_get_str(side, "state", "?"), *class = json_get_str(side, "class", NULL);
	str_addf(s, "%s%s%s ", style_on(cli, style), sign, style_off(cli));
	add_safe(s, json_get_str(side, "run", "?"));
	str_add_char(s, '/');
	add_safe(s, json_get_str(side, "node", "?"));
	str_addf(s, " %lld.%lld.%lld %s%s%s", (long long)json_get_int(side, "generation", 0),
		 (long long)json_get_int(side, "iteration", 0), (long long)json_get_int(side, "attempt", 0),
		 style_on(cli, state_style(state)), state, style_off(cli));
	if (class) {
		str_add(s, ", ");
		add_safe(s, class);
	}
	if (json_get_int(side, "exit_code", -1) >= 0)
		str_addf(s, _(", exit code %lld"), (long long)json_get_int(side, "exit_code", 0));
	if (json_get_int(side, "signal", -1) > 0)
		str_addf(s, _(", signal %lld"), (long long)json_get_int(side, "signal", 0));
	str_add(s, ", ");
	add_duration(s, side, "duration_ms");
	str_addf(s, _(", %lld lines\n"), (long long)json_get_int(side, "log_lines", 0));
}

static void add_value(struct str *s, const struct json *v)
{
	auto_str text = STR_INIT;
	if (json_type(v) == JSON_STRING)
		str_add(&text, json_str(v, ""));
	else
		json_add(&text, v);
	add_safe(s, str_text(&text));
}

static void add_values(const struct cli *cli, struct str *s, const char *title, const struct json *items)
{
	if (!json_first(items))
		return;
	str_addf(s, "%s%s%s\n", style_on(cli, STYLE_BOLD), title, style_off(cli));
	for (const struct json *i = json_first(items); i; i = json_next(i)) {
		static const char *const keys[] = { "a", "b" };
		for (size_t k = 0; k < COUNT(keys); k++) {
			if (json_type(json_get(i, keys[k])) == JSON_NULL)
				continue;
			str_addf(s, "%s%c ", style_on(cli, k ? STYLE_GREEN : STYLE_RED), k ? '+' : '-');
			add_safe(s, json_get_str(i, "name", "?"));
			str_add_char(s, '=');
			add_value(s, json_get(i, keys[k]));
			str_addf(s, "%s\n", style_off(cli));
		}
	}
}

static void add_line(const struct cli *cli, struct str *s, const struct json *line)
{
	const char *op = json_get_str(line, "op", "same");
	bool add = str_eq(op, "add"), remove = str_eq(op, "remove");
	enum style style = add ? STYLE_GREEN : remove ? STYLE_RED : STYLE_NONE;
	str_addf(s, "%s%c", style_on(cli, style), add ? '+' : remove ? '-' : ' ');
	add_safe(s, json_get_str(line, "text", ""));
	str_addf(s, "%s\n", add || remove ? style_off(cli) : "");
}

static void add_texts(const struct cli *cli, struct str *s, const char *title, const struct json *v)
{
	const struct json *hunks = json_get(v, "hunks");
	if (json_type(v) != JSON_OBJECT)
		return;
	str_addf(s, "%s%s%s: ", style_on(cli, STYLE_BOLD), title, style_off(cli));
	int64_t removed = json_get_int(v, "removed", 0), added = json_get_int(v, "added", 0);
	if (!removed && !added)
		str_addf(s, _("%lld lines, no difference\n"), (long long)json_get_int(v, "same", 0));
	else
		str_addf(s, _("%lld lines are the same, %lld removed, %lld added\n"), (long long)json_get_int(v, "same", 0),
			 (long long)removed, (long long)added);
	for (const struct json *h = json_first(hunks); h; h = json_next(h)) {
		str_addf(s, "%s@@ -%lld +%lld @@%s\n", style_on(cli, STYLE_CYAN), (long long)json_get_int(h, "a", 0),
			 (long long)json_get_int(h, "b", 0), style_off(cli));
		for (const struct json *l = json_first(json_get(h, "lines")); l; l = json_next(l))
			add_line(cli, s, l);
	}
	if (json_get_bool(v, "truncated", false))
		str_add(s, _("(there is more)\n"));
}

static void add_files(const struct cli *cli, struct str *s, const struct json *files)
{
	if (json_get_int(files, "total", 0) == 0)
		return;
	str_addf(s, _("%sfiles%s when it began: %lld differ\n"), style_on(cli, STYLE_BOLD), style_off(cli),
		 (long long)json_get_int(files, "total", 0));
	for (const struct json *i = json_first(json_get(files, "items")); i; i = json_next(i)) {
		add_safe(s, json_get_str(i, "change", "?"));
		str_add_char(s, ' ');
		add_safe(s, json_get_str(i, "path", "?"));
		str_add_char(s, '\n');
	}
}

static enum err_code run_diff(struct call *call, struct err *err)
{
	auto_free char *run = NULL, *node = NULL;
	size_t used;
	int64_t context = 3;
	enum err_code code = node_args(call, &run, &node, &used, err);
	if (!code)
		code = call_int(call, "context", 0, 100000, &context, err);
	if (!code && call->nargs > used + 2)
		code = err_set(err, ERR_USAGE, _("two attempts are compared: \"%s\" is too much"), call->args[used + 2]);
	if (code)
		return code;
	auto_str path = STR_INIT;
	str_addf(&path, "/v1/runs/%s/nodes/%s/compare?context=%lld", run, node, (long long)context);
	if (call_has(call, "all"))
		str_add(&path, "&all=1");
	for (size_t i = used; i < call->nargs; i++) {
		str_add(&path, i == used ? "&a=" : "&b=");
		client_add_encoded(&path, call->args[i]);
	}
	auto_json *v = NULL;
	code = cli_get(call->cli, str_text(&path), &v, err);
	if (code)
		return code;
	if (call->cli->json) {
		out_json(v);
		return ERR_OK;
	}
	auto_str s = STR_INIT;
	add_side(call->cli, &s, "---", STYLE_RED, json_get(v, "a"));
	add_side(call->cli, &s, "+++", STYLE_GREEN, json_get(v, "b"));
	add_values(call->cli, &s, _("parameters"), json_get(v, "params"));
	add_values(call->cli, &s, _("environment"), json_get(v, "environment"));
	add_values(call->cli, &s, _("outputs"), json_get(v, "outputs"));
	add_files(call->cli, &s, json_get(v, "files"));
	add_texts(call->cli, &s, _("definition"), json_get(v, "definition"));
	add_texts(call->cli, &s, _("log"), json_get(v, "log"));
	out_text(&s);
	return ERR_OK;
}

/* clang-format off */
static const struct cli_option diff_options[] = {
	{ "context", 'U', N_("N"), N_("lines around each change (default: 3)") },
	{ "all",     'a', NULL,    N_("all lines") },
	{ NULL },
};
static const struct cli_example diff_examples[] = {
	{ "pawl diff last tests", N_("what is different from when it last was good?") },
	{ "pawl diff last tests 1.1 2.1", N_("iteration 1 beside iteration 2") },
	{ "pawl diff last tests r-3f9k2m7qd/1.1.1 1.1.1", N_("an attempt of another run beside one of this") }, { NULL } };
/* clang-format on */

const struct command cmd_diff = {
	.name = "diff", .group = GROUP_LOOK, .arguments = "RUN NODE [A B]", .words = "ID", .min = 1, .max = 4,
	.help = N_("two attempts of a node beside each other"),
	.about = N_("Shows what is different between two attempts: how they ended, parameters, environment, outputs, the "
		    "definition, and the logs line by line; times, durations, ids and addresses in logs do not count. By "
		    "default the newest attempt that failed is compared with the newest before it that was good, of this run "
		    "or of an earlier one of the same workflow. An attempt is A, I.A or G.I.A: generation, iteration, "
		    "attempt."),
	.options = diff_options, .examples = diff_examples, .run = run_diff };
