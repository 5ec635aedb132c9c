/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command of a custom loop strategy: it reads the iteration as JSON on its standard input, and writes
 * decision=continue, reason=… and feedback=… to $PAWL_OUTPUT. */
#include "work/executor_rows.h"

#include <string.h>

static const char **words_of(struct step_build *b, size_t n)
{
	free(b->argv);
	b->argv = xcalloc(n + 1, sizeof(*b->argv));
	b->nargv = n;
	b->spec.argv = b->argv;
	return b->argv;
}

static enum err_code prepare_command(const struct graph_command *command, const char *input, struct step_build *b, struct err *err)
{
	static const char *const shells[][4] = {
		[SHELL_SH] = { "sh", "-eu", "-c" },
		[SHELL_BASH] = { "bash", "-eu", "-c" },
		[SHELL_PYTHON] = { "python3", "-c" },
	};
	if (!command || (!command->script && !command->argv))
		return err_set(err, ERR_INVALID, _("the loop has no command"));
	char *const *words = command->shell == SHELL_NONE ? command->argv : command->shell_argv;
	size_t n = 0;
	if (command->shell == SHELL_NONE || command->shell == SHELL_CUSTOM) {
		while (words[n])
			n++;
		const char **argv = words_of(b, n);
		for (size_t i = 0; i < n; i++)
			argv[i] = words[i]; /* the graph outlives the step */
	} else {
		while (shells[command->shell][n])
			n++;
		memcpy(words_of(b, n), shells[command->shell], n * sizeof(char *));
	}
	if (command->shell != SHELL_NONE)
		b->spec.script = command->script;
	b->spec.script_file = command->shell == SHELL_CUSTOM;
	b->spec.stdin_bytes = input ? step_keep(b, input, strlen(input)) : "";
	b->spec.stdin_len = strlen(b->spec.stdin_bytes);
	return ERR_OK;
}

enum err_code prepare_strategy(const struct step_context *c, struct step_build *b, struct err *err)
{
	return prepare_command(c->node->loop ? &c->node->loop->command : NULL, c->input, b, err);
}

/* Nobody appends a script for us here: it is the last word. */
enum err_code compensation_prepare(const struct graph_command *command, struct step_build *b, struct err *err)
{
	enum err_code code = prepare_command(command, NULL, b, err);
	if (code || !b->spec.script)
		return code;
	size_t n = b->nargv;
	const char **argv = xcalloc(n + 2, sizeof(*argv));
	for (size_t i = 0; i < n; i++)
		argv[i] = b->argv[i];
	argv[n] = b->spec.script;
	free(b->argv);
	b->argv = argv;
	b->nargv = n + 1;
	b->spec.argv = argv;
	return ERR_OK;
}
