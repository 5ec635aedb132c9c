/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl why: why a node ran, did not run, waits, or would run again. */
#include "cli/commands.h"

#include <string.h>

static const char *headline(const char *verdict)
{
	if (str_eq(verdict, "waits"))
		return _("it waits");
	if (str_eq(verdict, "runs"))
		return _("it runs");
	if (str_eq(verdict, "ran"))
		return _("it ran");
	return _("it did not run");
}

static void add_reason(const struct cli *cli, struct str *s, const struct json *r)
{
	const struct json *holds = json_get(r, "holds");
	bool none = json_type(holds) != JSON_BOOL, yes = json_bool(holds, false);
	const char *sign = none ? "-" : yes ? "+" : "!";
	enum style style = none ? STYLE_DIM : yes ? STYLE_GREEN : STYLE_YELLOW;
	str_addf(s, "  %s%s%s ", style_on(cli, style), sign, style_off(cli));
	add_safe(s, json_get_str(r, "text", ""));
	str_add_char(s, '\n');
	for (const struct json *v = json_first(json_get(r, "values")); v; v = json_next(v)) {
		auto_str value = STR_INIT;
		json_add(&value, json_get(v, "value"));
		str_add(s, "      ");
		add_safe(s, json_get_str(v, "name", "?"));
		str_add(s, " = ");
		add_safe(s, str_text(&value));
		str_add_char(s, '\n');
	}
}

static void add_history(struct str *s, const struct json *items)
{
	if (json_count(items) < 2)
		return;
	str_add(s, _("earlier generations:\n"));
	for (const struct json *h = json_next(json_first(items)); h; h = json_next(h)) {
		str_addf(s, "  g%lld ", (long long)json_get_int(h, "generation", 0));
		add_safe(s, json_get_str(h, "state", "?"));
		if (json_get_int(h, "attempts", 0) > 1)
			str_addf(s, _(", %lld tries"), (long long)json_get_int(h, "attempts", 0));
		if (json_get_bool(h, "stale", false))
			str_add(s, _(", stale"));
		if (json_get_str(h, "reason", NULL)) {
			str_add(s, ": ");
			add_safe(s, json_get_str(h, "reason", ""));
		}
		str_add_char(s, '\n');
	}
}

static enum err_code run_why(struct call *call, struct err *err)
{
	auto_free char *run = NULL, *node = NULL;
	size_t used;
	enum err_code code = node_args(call, &run, &node, &used, err);
	if (!code && call->nargs > used)
		code = err_set(err, ERR_USAGE, _("one node at a time: \"%s\" is too much"), call->args[used]);
	if (code)
		return code;
	auto_free char *path = xasprintf("/v1/runs/%s/nodes/%s/why", run, node);
	auto_json *v = NULL;
	code = cli_get(call->cli, path, &v, err);
	if (code)
		return code;
	if (call->cli->json) {
		out_json(v);
		return ERR_OK;
	}
	auto_str s = STR_INIT;
	const char *state = json_get_str(v, "state", "?");
	add_safe(&s, json_get_str(v, "node", "?"));
	str_addf(&s, " %s%s%s: %s\n", style_on(call->cli, state_style(state)), state, style_off(call->cli),
		 headline(json_get_str(v, "verdict", "")));
	for (const struct json *r = json_first(json_get(v, "reasons")); r; r = json_next(r))
		add_reason(call->cli, &s, r);
	add_history(&s, json_get(v, "history"));
	out_text(&s);
	return ERR_OK;
}

static const struct cli_example why_examples[] = {
	{ "pawl why last tests", N_("why does it wait, or why did it not run?") }, { NULL }
};

const struct command cmd_why = {
	.name = "why", .group = GROUP_LOOK, .arguments = "RUN NODE", .words = "ID", .min = 1, .max = 2,
	.help = N_("why a node ran, waits or did not run"),
	.about = N_("Lists what speaks for (+) and against (!) a node's running: what it needs, its condition with the values "
		    "in it, resources and who has them, the state of the run, the retry rule; what would run it again; and "
		    "how it ended in earlier generations."),
	.examples = why_examples, .run = run_why };
