/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl follow: watch what runs already. */
#include "cli/commands.h"

#include <string.h>

/* Read the order or run that `text` means. */
static enum err_code find(struct cli *cli, const char *text, struct followed *f, struct err *err)
{
	struct target t;
	enum err_code code = target_parse(text, &t, err);
	if (code)
		return code;
	auto_str path = STR_INIT;
	bool order = t.kind == TARGET_ORDER;
	if (t.kind == TARGET_ORDER || t.kind == TARGET_RUN || t.kind == TARGET_ANY)
		str_addf(&path, "/v1/%s/%s", order ? "orders" : "runs", t.id);
	else
		code = err_set(err, ERR_USAGE, _("\"%s\" is neither a run nor an order"), text);
	target_done(&t);
	auto_json *v = NULL;
	code = code ? code : cli_get(cli, path.p, &v, err);
	if (code)
		return code;
	const char *run = json_get_str(v, order ? "run" : "id", NULL);
	f->run = run ? xstrdup(run) : NULL;
	f->order = xstrdup(json_get_str(v, order ? "id" : "order", ""));
	f->title = xstrdup(json_get_str(v, "workflow", ""));
	return ERR_OK;
}

static enum err_code run_follow(struct call *call, struct err *err)
{
	struct cli *cli = call->cli;
	struct follow_options o = { .lines = call_has(call, "lines"), .leave_when_paused = true };
	auto_json *engine = NULL;
	enum err_code code = cli_get(cli, "/v1/engine", &engine, err);
	if (code)
		return code;
	o.after_seq = json_get_int(engine, "last_seq", 0);
	struct followed f = { .order = NULL };
	enum follow_end end = FOLLOW_DETACHED;
	code = find(cli, call->args[0], &f, err);
	code = code ? code : follow(cli, &f, 1, &o, &end, err);
	if (!code && end == FOLLOW_DETACHED)
		cli->status = 130;
	else if (!code)
		code = followed_report(cli, &f, err);
	followed_done(&f);
	return code;
}

/* clang-format off */
static const struct cli_option options[] = {
	{ "lines", 0, NULL, N_("a line for each change instead of a block that is redrawn") },
	{ NULL },
};
static const struct cli_example examples[] = {
	{ "pawl follow last", N_("the newest run") },
	{ "pawl follow o-3f9k2m7qd", N_("an order that still waits, and then its run") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_follow = {
	.name = "follow",
	.alias = "attach",
	.group = GROUP_RUN,
	.arguments = "RUN|ORDER",
	.words = "ID",
	.min = 1,
	.max = 1,
	.help = N_("watch a run to its end"),
	.about = N_("Watches a run as pawl run does, and ends with it and its exit status, or when "
	            "it is paused. Ctrl-C "
	            "leaves; the run goes on."),
	.options = options,
	.examples = examples,
	.run = run_follow,
};
