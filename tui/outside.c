/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/outside.h"

#include "tui/action.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 32

/* clang-format off */
const struct outside_row outside_rows[] = {
	{ "status",    N_("say in plain lines how things are") },
	{ "runs",      N_("list runs, newest first") },
	{ "queue",     N_("show what waits") },
	{ "workers",   N_("list the worker processes") },
	{ "approvals", N_("list the questions that wait for a decision") },
	{ "show",      N_("show the selected run in plain lines"), .of_run = true },
	{ "graph",     N_("draw the selected run in plain lines"), .of_run = true },
	{ "why",       N_("why the selected node ran, waits or did not run"), .of_run = true, .of_node = true },
	{ "diff",      N_("two attempts of the selected node beside each other"), .of_run = true, .of_node = true },
	{ "iterations", N_("the iterations of the selected node: checks, snapshots, decisions"), .of_run = true, .of_node = true },
	{ "report",    N_("what the checks of the selected node found"), .of_run = true, .of_node = true },
	{ "patches",   N_("list the patches, and why one was refused") },
	{ "usage",     N_("what calls of models took") },
	{ "breakers",  N_("list the circuit breakers") },
	{ "shell",     N_("a shell where the selected node stood; then retry, done or leave"), .of_run = true, .of_node = true, .changes = true, .talks = true },
	{ "edit",      N_("the lines of the selected node, in $EDITOR; the run has to stand"), .of_run = true, .of_node = true, .changes = true, .talks = true },
	{ "gc",        N_("give back disk space of runs that ended long ago"), .changes = true, .more = true },
	{ "export",    N_("write a run into one file"), .of_run = true, .more = true },
	{ "import",    N_("read a run that pawl export wrote"), .changes = true, .more = true },
	{ "doctor",    N_("check the surroundings: disk, programs, kernel, limits") },
	{ "help",      N_("the commands of the command line") },
	{ "exit-codes", N_("list the exit statuses and error codes") },
};
/* clang-format on */
const size_t noutside_rows = COUNT(outside_rows);

static void child_signals(void)
{
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
}

static void wait_for_enter(int status)
{
	char c = 0;
	if (status)
		(void)printf(_("\n-- it ended with %d; Enter goes back to the console --"), status);
	else
		(void)printf("\n%s", _("-- Enter goes back to the console --"));
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && c != '\r')
		;
}

int outside_run(struct console *c, const char *const *argv, enum outside_wait wait)
{
	int status = 0;
	screen_suspend(c->screen);
	pid_t pid = fork();
	if (pid == 0) {
		child_signals();
		/* execvp() does not write to its arguments. */
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	int code = pid < 0 ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (code >= 0 && code != 127 && (wait == WAIT_ALWAYS || (wait == WAIT_FAILED && code)))
		wait_for_enter(code);
	screen_resume(c->screen);
	c->cells = screen_cells(c->screen);
	c->dirty = true;
	return code == 127 ? -1 : code;
}

/* Beside this program, in the installation, or wherever the shell would look. */
static char *find_pawl(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[MAX(n, 0)] = '\0';
	char *slash = strrchr(self, '/');
	auto_free char *beside = slash ? xasprintf("%.*s/pawl", (int)(slash - self), self) : NULL;
	if (beside && access(beside, X_OK) == 0)
		return TAKE(beside);
	return xstrdup(access(BINDIR "/pawl", X_OK) == 0 ? BINDIR "/pawl" : "pawl");
}

int outside_pawl(struct console *c, const char *const *words, enum outside_wait wait)
{
	auto_free char *program = find_pawl();
	const char *argv[WORDS_MAX + 5] = { program };
	size_t n = 1;
	for (; *words && n < WORDS_MAX; words++)
		argv[n++] = *words;
	argv[n++] = c->options.base_url ? "--url" : "--home";
	argv[n++] = c->options.base_url ? c->options.base_url : c->options.home;
	int code = outside_run(c, argv, wait);
	if (code < 0)
		console_say(c, ROLE_ALARM, _("%s cannot be run"), program);
	/* What it did is told by the stream; after a longer talk the lists are read anew at once. */
	model_stale(&c->model, TOPIC_BIT(TOPIC_ENGINE) | TOPIC_BIT(TOPIC_RUNS) |
				       TOPIC_BIT(TOPIC_ITERATIONS) | TOPIC_BIT(TOPIC_NODES));
	return code;
}

char *outside_why_not(const struct console *c, const struct outside_row *row)
{
	if (row->changes && c->read_only)
		return xstrdup(_("the console is read-only"));
	if ((row->of_run && !c->model.run) || (row->of_node && !console_node(c)))
		return xstrdup(_("nothing is selected"));
	return NULL;
}

void outside_verb(struct console *c, const struct outside_row *row)
{
	const char *words[4] = { row->name };
	size_t n = 1;
	auto_free char *why = outside_why_not(c, row);
	if (why) {
		console_say(c, ROLE_ALARM, "%s", why);
		return;
	}
	auto_free char *run = row->of_run ? xstrdup(c->model.run) : NULL;
	auto_free char *node = row->of_node ? xstrdup(console_node(c)) : NULL;
	if (run)
		words[n++] = run;
	if (node)
		words[n++] = node;
	if (row->more) {
		auto_free char *line = xasprintf("pawl %s%s%s ", row->name, run ? " " : "", run ? run : "");
		prompt_open(&c->prompt, PROMPT_PALETTE, line);
		c->dirty = true;
		return;
	}
	(void)outside_pawl(c, words, row->talks ? WAIT_FAILED : WAIT_ALWAYS);
}

void act_shell(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	for (size_t i = 0; i < COUNT(outside_rows); i++)
		if (str_eq(outside_rows[i].name, a->name))
			outside_verb(c, &outside_rows[i]);
}

void outside_break(struct console *c, const char *text)
{
	auto_free char *run = xstrdup(c->model.run);
	const char *words[] = { "break", run, text, NULL };
	(void)outside_pawl(c, words, WAIT_FAILED);
	model_ask_anew(&c->model, TOPIC_BREAKPOINTS);
}

/* "NAME=VALUE", "env NAME=VALUE", "output NODE.NAME=VALUE": what the run is given from now on. */
void outside_edit(struct console *c, const char *text)
{
	static const struct { const char *word, *option; } kinds[] = {
		{ "env ", "--env" }, { "output ", "--output" }, { "set ", "--set" }, { "", "--set" },
	};
	auto_free char *run = xstrdup(c->model.run);
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (!str_starts(text, kinds[i].word))
			continue;
		const char *words[] = { "edit", run, kinds[i].option, text + strlen(kinds[i].word), NULL };
		(void)outside_pawl(c, words, WAIT_FAILED);
		return;
	}
}

static bool looks_only(const char *name)
{
	for (size_t i = 0; i < COUNT(outside_rows); i++)
		if (str_eq(outside_rows[i].name, name))
			return !outside_rows[i].changes;
	return false;
}

void outside_line(struct console *c, const char *line)
{
	auto_free char *text = xstrdup(line);
	const char *words[WORDS_MAX] = { NULL };
	size_t n = 0;
	char *in = text, *out = text;
	while (n < WORDS_MAX - 1) {
		while (*in == ' ')
			in++;
		if (!*in)
			break;
		words[n++] = out;
		for (char quote = 0; *in && (quote || *in != ' '); in++) {
			if (*in == quote)
				quote = 0;
			else if (!quote && (*in == '\'' || *in == '"'))
				quote = *in;
			else
				*out++ = *in;
		}
		in += *in == ' ';
		*out++ = '\0';
	}
	if (n < 2 || !str_eq(words[0], "pawl"))
		console_say(c, ROLE_DIM, _("type: pawl COMMAND"));
	else if (c->read_only && !looks_only(words[1]))
		console_say(c, ROLE_ALARM, _("the console is read-only"));
	else
		(void)outside_pawl(c, words + 1, WAIT_ALWAYS);
}

/* ---- files ---- */

/* The program's words come from the person's environment and go through sh; path and line are arguments and are never
 * read as shell. */
static void run_program(struct console *c, const char *program, int64_t at, const char *path)
{
	auto_free char *line = xasprintf("+%lld", (long long)at);
	auto_free char *script = xasprintf("exec %s \"$@\"", program);
	const char *argv[] = { "/bin/sh", "-c", script, "sh", line, "--", path, NULL };
	if (outside_run(c, argv, WAIT_NEVER) < 0)
		console_say(c, ROLE_ALARM, _("%s cannot be run"), program);
}

void outside_page_file(struct console *c, const char *path, int64_t line)
{
	const char *program = getenv("PAGER");
	run_program(c, program && *program ? program : "less", line, path);
}

void outside_edit_file(struct console *c, const char *path, int64_t line)
{
	const char *program = getenv("VISUAL");
	if (!program || !*program)
		program = getenv("EDITOR");
	run_program(c, program && *program ? program : "vi", line, path);
}
