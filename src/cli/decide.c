/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an operator says of a node: skip (it is not needed) and mark (it is done). */
#include "cli/commands.h"

#include <string.h>

enum err_code node_args(const struct call *call, char **ret_run, char **ret_node, size_t *ret_used,
			struct err *err)
{
	struct target t = { .kind = TARGET_ANY };
	enum err_code code = target_parse(call->args[0], &t, err);
	if (!code && t.kind != TARGET_ANY && t.kind != TARGET_RUN && t.kind != TARGET_NODE)
		code = err_set(err, ERR_USAGE, _("\"%s\" is not a run"), call->args[0]);
	else if (!code && t.kind != TARGET_NODE && call->nargs < 2)
		code = err_set(err, ERR_USAGE, _("name a node: RUN NODE, or RUN/NODE"));
	if (!code) {
		auto_str node = STR_INIT;
		if (t.kind == TARGET_NODE)
			str_add(&node, t.node);
		else
			client_add_encoded(&node, call->args[1]);
		*ret_used = t.kind == TARGET_NODE ? 1 : 2;
		*ret_run = xstrdup(t.id);
		*ret_node = str_take(&node);
	}
	target_done(&t);
	return code;
}

static enum err_code add_outputs(const struct call *call, struct jw *w, struct err *err)
{
	size_t at = 0;
	const char *v;
	jw_obj(w, "outputs");
	while ((v = call_next(call, "output", &at))) {
		const char *equals = strchr(v, '=');
		if (!equals || equals == v)
			return err_set(err, ERR_USAGE, _("--output: expected NAME=TEXT, not \"%s\""), v);
		auto_free char *name = xstrndup(v, (size_t)(equals - v));
		jw_str(w, name, equals + 1);
	}
	jw_end_obj(w);
	return ERR_OK;
}

static enum err_code decide(struct call *call, const char *verb, struct err *err)
{
	auto_free char *run = NULL, *node = NULL;
	size_t used;
	enum err_code code = node_args(call, &run, &node, &used, err);
	if (code)
		return code;
	if (call->nargs > used)
		return err_set(err, ERR_USAGE, _("one node at a time: \"%s\" is too much"), call->args[used]);
	if (!call_value(call, "reason"))
		return err_set(err, ERR_USAGE, _("say why, for the record: --reason TEXT"));
	auto_str body = STR_INIT;
	struct jw w = jw_begin(&body);
	jw_obj(&w, NULL);
	jw_str(&w, "reason", call_value(call, "reason"));
	if (str_eq(verb, "mark") && (code = add_outputs(call, &w, err)))
		return code;
	jw_end_obj(&w);
	auto_free char *path = xasprintf("/v1/runs/%s/nodes/%s/%s", run, node, verb);
	auto_json *v = NULL;
	code = cli_post(call->cli, path, str_text(&body), &v, err);
	if (code)
		return code;
	if (call->cli->json) {
		out_json(v);
		return ERR_OK;
	}
	auto_str s = STR_INIT;
	str_addf(&s, str_eq(verb, "skip") ? _("%s goes on without it: %s, generation %lld\n") :
					    _("%s takes it as done: %s, generation %lld\n"),
		 json_get_str(v, "id", "?"), json_get_str(v, "state", "?"), (long long)json_get_int(v, "generation", 0));
	out_text(&s);
	return ERR_OK;
}

static enum err_code run_skip(struct call *call, struct err *err)
{
	return decide(call, "skip", err);
}

static enum err_code run_mark(struct call *call, struct err *err)
{
	return decide(call, "mark", err);
}

/* clang-format off */
static const struct cli_option skip_options[] = {
	{ "reason", 0,   N_("TEXT"),      N_("why, for the record; wanted") },
	{ NULL },
};
static const struct cli_option mark_options[] = {
	{ "output", 'o', N_("NAME=TEXT"), N_("an output that it would have written"), .many = true },
	{ "reason", 0,   N_("TEXT"),      N_("why, for the record; wanted") },
	{ NULL },
};
static const struct cli_example skip_examples[] = {
	{ "pawl skip last lint --reason 'known to fail on this branch'", N_("go on without it") }, { NULL } };
static const struct cli_example mark_examples[] = {
	{ "pawl mark last build --reason 'built by hand' -o version=1.2", N_("it is done; what needs it sees the output") },
	{ NULL } };
/* clang-format on */

const struct command cmd_skip = {
	.name = "skip", .group = GROUP_VERB, .arguments = "RUN NODE", .words = "ID", .min = 1, .max = 2,
	.help = N_("do without a node"),
	.about = N_("Says that a node is not needed. What needs it goes on as after a condition that was false. A node "
		    "that has failed goes back for it, with what follows: the next generation. A node that runs must "
		    "end first."),
	.options = skip_options, .examples = skip_examples, .run = run_skip };
const struct command cmd_mark = {
	.name = "mark", .group = GROUP_VERB, .arguments = "RUN NODE", .words = "ID", .min = 1, .max = 2,
	.help = N_("say that a node is done"),
	.about = N_("Says that a node is done, with the outputs that are given, as if it had succeeded. A node that has "
		    "failed goes back for it, with what follows: the next generation. A node that runs must end "
		    "first."),
	.options = mark_options, .examples = mark_examples, .run = run_mark };
