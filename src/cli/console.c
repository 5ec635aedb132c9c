/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl console: this process becomes pawl-console, on an engine that runs. */
#include "cli/commands.h"

static enum err_code need_terminal(const struct cli *cli, struct err *err)
{
	if (cli->tty_out && cli->tty_in)
		return ERR_OK;
	if (cli->any_tty_out && cli->tty_in) {
		err_note(err, ERR_USAGE, _("this terminal (TERM) cannot show the console"));
		err_hint(err, _("use: pawl status --watch, pawl logs RUN/NODE -f"));
		return ERR_USAGE;
	}
	err_note(err, ERR_USAGE, _("standard output is not a terminal, so there is no console"));
	err_hint(err,
	         _("use: pawl status --watch, pawl runs, pawl logs RUN/NODE; or see: pawl --help"));
	return ERR_USAGE;
}

static enum err_code run_console(struct call *call, struct err *err)
{
	struct cli *cli = call->cli;
	bool prints = call_has(call, "print-keymap") || call_has(call, "print-actions");
	auto_free char *program = NULL;
	enum err_code code = prints ? ERR_OK : need_terminal(cli, err);
	code = code ? code : cli_program("pawl-console", &program, err);
	code = code || prints ? code : cli_connect(cli, true, err);
	if (code)
		return code;
	auto_free const char **argv = xcalloc(2 * call->ngiven + 6, sizeof(*argv));
	auto_free char **words = xcalloc(call->ngiven + 1, sizeof(*words));
	size_t n = 0;
	argv[n++] = program;
	if (!prints) {
		argv[n++] = cli->url ? "--url" : "--home";
		argv[n++] = cli->url ? cli->url : cli->home;
	}
	for (size_t i = 0; i < call->ngiven; i++) {
		const struct given *g = &call->given[i];
		if (str_eq(g->option->name, "home") || str_eq(g->option->name, "url") ||
		    str_eq(g->option->name, "json") || str_eq(g->option->name, "quiet"))
			continue;
		argv[n++] = words[i] = xasprintf("--%s", g->option->name);
		if (g->value)
			argv[n++] = g->value;
	}
	code = cli_exec(program, argv, err);
	for (size_t i = 0; i < call->ngiven; i++)
		free(words[i]);
	return code;
}

/* clang-format off */
static const struct cli_option options[] = {
	{ "theme",         0, N_("NAME|FILE"), N_("its colours"), .words = "FILE" },
	{ "keymap",        0, N_("FILE"),      N_("its keys"), .words = "FILE" },
	{ "ascii",         0, NULL,            N_("draw with ASCII alone") },
	{ "read-only",     0, NULL,            N_("look, but change nothing") },
	{ "mouse",         0, NULL,            N_("take notice of the mouse") },
	{ "notify",        0, NULL,            N_("ring and notify when a run ends") },
	{ "no-session",    0, NULL,            N_("begin afresh instead of where the last console was left") },
	{ "print-keymap",  0, NULL,            N_("print the keys as a keymap file") },
	{ "print-actions", 0, NULL,            N_("print what keys can be bound to") },
	{ NULL },
};
static const struct cli_example examples[] = {
	{ "pawl", N_("the same") },
	{ "pawl console --home /srv/pawl --read-only", N_("look at another engine") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_console = {
	.name = "console",
	.group = GROUP_LOOK,
	.arguments = "",
	.help = N_("open the console (also: pawl without a command)"),
	.about =
	    N_("Opens the console, which needs a terminal. It starts the engine if none runs."),
	.options = options,
	.examples = examples,
	.run = run_console,
};
