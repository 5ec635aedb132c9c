/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: agent programs. */
#include "flow/keys.h"

#include <stdio.h>
#include <string.h>

#define KEPT_DEFAULT 1000000 /* bytes of each stream in the result */

/* Programs that are known, and what makes them speak the protocol of their adapter. */
/* clang-format off */
static const struct {
	const char *program;
	enum agent_adapter adapter;
	const char *word, *whole;
} programs[] = {
	{ "claude", ADAPTER_CLAUDE, "stream-json", "claude -p --output-format stream-json --verbose" },
	{ "codex",  ADAPTER_CODEX,  "--json",      "codex exec --json" },
};
/* clang-format on */

/* The program of a script: its first word that is neither an assignment nor a word before a command. */
static void program_of_script(const char *script, char *name, size_t size)
{
	static const char *const before[] = { "exec", "env", "command", "nice", "nohup" };
	const char *at = script;
	for (bool again = true; again;) {
		at += strspn(at, " \t\r\n");
		size_t n = strcspn(at, " \t\r\n");
		(void)snprintf(name, size, "%.*s", (int)MIN(n, size - 1), at);
		again = n && memchr(at, '=', n) != NULL;
		for (size_t i = 0; i < COUNT(before) && !again; i++)
			again = str_eq(before[i], name);
		at += n;
	}
}

static bool has_word(const struct node_run *c, const char *word)
{
	for (size_t i = 0; i < c->nargv; i++)
		if (strstr(c->argv[i], word))
			return true;
	return c->script && strstr(c->script, word);
}

/* By the name of the program; a program that is not known is read as text. */
static void guess_adapter(struct load *l, const struct tree *command, struct node_agent *a)
{
	char name[256] = "";
	if (a->command.script)
		program_of_script(a->command.script, name, sizeof(name));
	else if (a->command.nargv && tmpl_literal(a->command.argv_tmpl[0]))
		(void)snprintf(name, sizeof(name), "%s", a->command.argv[0]);
	else if (a->command.nargv)
		issue(l, command, _("which program it is shows only when it runs; say adapter: claude, codex or text"));
	const char *slash = strrchr(name, '/');
	for (size_t i = 0; i < COUNT(programs); i++) {
		if (!str_eq(slash ? slash + 1 : name, programs[i].program))
			continue;
		a->adapter = programs[i].adapter;
		if (!has_word(&a->command, programs[i].word))
			issue(l, command, _("%s tells what it does only when it is asked to: write %s; or say adapter: text"),
			      programs[i].program, programs[i].whole);
	}
}

KEY(agent_command)
{
	struct node_load *nl = target;
	struct node_run *c = &nl->work->agent.command;
	if (v->kind == TREE_LIST)
		load_words(l, v, nl, c);
	else
		c->script = load_script(l, v);
}

KEY(agent_adapter)
{
	const char *words[ADAPTER_COUNT];
	for (size_t i = 0; i < COUNT(words); i++)
		words[i] = agent_adapter_name((enum agent_adapter)i);
	int which = load_word(l, v, words, COUNT(words));
	if (which >= 0)
		((struct node_load *)target)->work->agent.adapter = (enum agent_adapter)which;
}

KEY(agent_prompt)
{
	struct node_load *nl = target;
	nl->work->agent.prompt = load_prompt(l, v, nl->names);
}

KEY(agent_prompt_via)
{
	const char *words[PROMPT_VIA_COUNT];
	for (size_t i = 0; i < COUNT(words); i++)
		words[i] = prompt_via_name((enum prompt_via)i);
	int which = load_word(l, v, words, COUNT(words));
	if (which >= 0)
		((struct node_load *)target)->work->agent.prompt_via = (enum prompt_via)which;
}

static void load_kept(struct load *l, const struct tree *v, int64_t *bytes)
{
	if (load_size(l, v, bytes) && *bytes > AGENT_KEPT_MAX)
		issue(l, v, _("at most %d MiB are kept"), AGENT_KEPT_MAX / MIB);
}

KEY(agent_max_stdout)
{
	load_kept(l, v, &((struct node_load *)target)->work->agent.max_stdout);
}

KEY(agent_max_stderr)
{
	load_kept(l, v, &((struct node_load *)target)->work->agent.max_stderr);
}

KEY(agent_tool_calls)
{
	load_bool(l, v, &((struct node_load *)target)->work->agent.tool_calls);
}

KEY(node_agent)
{
	struct node_load *nl = target;
	struct node_agent *a = &nl->work->agent;
	a->command.shell = SHELL_SH;
	a->max_stdout = a->max_stderr = KEPT_DEFAULT;
	a->tool_calls = true;
	if (v->kind != TREE_MAP) {
		issue(l, v, _("an agent is a map: {command: PROGRAM AND OPTIONS, prompt: WHAT TO DO}"));
		return;
	}
	if (!tree_get(v, "command"))
		issue(l, v, _("which program? write command:, such as command: %s"), programs[0].whole);
	if (!tree_get(v, "prompt"))
		issue(l, v, _("what is it to do? write it under prompt:"));
	load_map(l, v, &flow_agent_keys, nl);
	size_t before = path_push(l, "command");
	if (!tree_get(v, "adapter"))
		guess_adapter(l, tree_get(v, "command"), a);
	path_pop(l, before);
}
