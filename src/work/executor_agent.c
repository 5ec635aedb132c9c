/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node of kind agent becomes a run of pawl-agent: the program's words, the prompt and where to put what
 * comes of it travel as a document on its stdin (agent.h). */
#include "work/executor_rows.h"

#include <inttypes.h>
#include <string.h>

#define PROMPT_MAX MIB
#define ARGUMENT_MAX (128 * KIB - 1) /* the kernel's limit for one argument */
#define DOCUMENT_MAX (3 * MIB)       /* has to fit into a message to the worker with everything else */

/* ---- the command ---- */

static void write_words(struct jw *w, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		jw_str(w, NULL, words[i]);
}

/* Whether a script does something with its arguments itself. */
static bool uses_arguments(const char *script)
{
	return strstr(script, "$1") || strstr(script, "${1") || strstr(script, "$@") || strstr(script, "$*");
}

/* Words that begin a script but name no program. */
static bool is_shell_word(const char *word, size_t len)
{
	static const char *const words[] = { "case", "cd", "command", "env", "exec", "export", "for", "if", "nice", "set",
					     "time", "timeout", "until", "while" };
	for (size_t i = 0; i < COUNT(words); i++)
		if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
			return true;
	return false;
}

static void write_script(struct jw *w, const struct node_agent *agent, const char *name)
{
	auto_str words = STR_INIT, script = STR_INIT;
	size_t n;
	if (script_is_plain(agent->command.script, &words, &n)) {
		const char *at = words.p;
		for (size_t i = 0; i < n; i++, at += strlen(at) + 1)
			jw_str(w, NULL, at);
		return;
	}
	str_add(&script, agent->command.script);
	while (script.len && (script.p[script.len - 1] == '\n' || script.p[script.len - 1] == ' '))
		str_cut(&script, script.len - 1);
	if (agent->prompt_via == PROMPT_ARGUMENT && !uses_arguments(str_text(&script)))
		str_add(&script, " \"$@\"");
	const char *const shell[] = { "sh", "-eu", "-c", str_text(&script), name };
	write_words(w, shell, COUNT(shell));
}

static enum err_code write_list(struct jw *w, const struct node_run *command, const struct expr_scope *scope,
				struct err *err)
{
	for (size_t i = 0; i < command->nargv; i++) {
		auto_str word = STR_INIT;
		enum err_code code = tmpl_text(command->argv_tmpl[i], scope, &word, err);
		if (code)
			return code;
		if (strlen(str_text(&word)) != word.len)
			return err_set(err, ERR_INVALID, _("word %zu of `command` holds a NUL byte; no argument can"),
				       i + 1);
		if (i == 0 && !word.len)
			return err_set(err, ERR_INVALID,
				       _("the first word of `command` is empty; it names the program"));
		jw_strn(w, NULL, str_text(&word), word.len);
	}
	return ERR_OK;
}

/* What the program is called: the last part of the command's first word, or the adapter if that is no name. */
char *agent_program(const struct node_agent *agent)
{
	const char *text = agent->command.shell == SHELL_NONE ? agent->command.argv[0] : agent->command.script;
	text += strspn(text, " \t\n");
	size_t len = strcspn(text, " \t\n"), from = len;
	while (from > 0 && text[from - 1] != '/')
		from--;
	if (is_shell_word(text, len))
		return xstrdup(agent_adapter_name(agent->adapter));
	for (size_t i = from; i < len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-", text[i]))
			return xstrdup(agent_adapter_name(agent->adapter));
	return len > from ? xstrndup(text + from, MIN(len - from, (size_t)NAME_MAX_LEN)) :
			    xstrdup(agent_adapter_name(agent->adapter));
}

/* ---- the document ---- */

static enum err_code build_prompt(const struct step_context *c, struct str *prompt, struct err *err)
{
	const struct node_agent *agent = &c->node->agent;
	enum err_code code = agent->prompt ? tmpl_text(agent->prompt, c->scope, prompt, err) : ERR_OK;
	if (code)
		return code;
	if (c->feedback && *c->feedback)
		str_addf(prompt, "%s%s", prompt->len ? "\n\n" : "", c->feedback);
	size_t max = agent->prompt_via == PROMPT_ARGUMENT ? ARGUMENT_MAX : PROMPT_MAX;
	if (strlen(str_text(prompt)) != prompt->len)
		return err_set(err, ERR_INVALID, _("the prompt holds a NUL byte; a text has none"));
	if (prompt->len <= max)
		return ERR_OK;
	if (agent->prompt_via == PROMPT_ARGUMENT)
		return err_set(err, ERR_TOO_LARGE,
			       _("the prompt has %zu bytes; an argument can have %zu. Longer ones go with prompt_via: stdin or file"),
			       prompt->len, max);
	return err_set(err, ERR_TOO_LARGE, _("the prompt has %zu bytes; at most %zu can be given"), prompt->len, max);
}

/* The log's path with another ending. */
static void write_path(struct jw *w, const char *key, const char *log_path, const char *ending)
{
	size_t len = strlen(log_path);
	if (len > 4 && str_eq(log_path + len - 4, ".log"))
		len -= 4;
	auto_free char *path = xasprintf("%.*s%s", (int)len, log_path, ending);
	jw_str(w, key, path);
}

static void write_paths(struct jw *w, const struct step_build *b)
{
	write_path(w, "result", b->spec.log_path, ".agent.json");
	write_path(w, "stream", b->spec.log_path, ".stream.jsonl");
	write_path(w, "prompt_file", b->spec.log_path, ".prompt.txt");
	for (size_t i = 0; i < b->nenv; i++)
		if (str_starts(b->env[i], "PAWL_HOME=")) {
			auto_free char *prices = xasprintf("%s/prices.json", b->env[i] + strlen("PAWL_HOME="));
			jw_str(w, "prices", prices);
		}
}

enum err_code prepare_agent(const struct step_context *c, struct step_build *b, struct err *err)
{
	const struct node_agent *agent = &c->node->agent;
	auto_free char *name = agent_program(agent), *program = xasprintf("%s/pawl-agent", c->libexec);
	auto_str document = STR_INIT, prompt = STR_INIT;
	struct jw w = jw_begin(&document);
	enum err_code code = build_prompt(c, &prompt, err);
	jw_obj(&w, NULL);
	jw_str(&w, "adapter", agent_adapter_name(agent->adapter));
	jw_str(&w, "program", name);
	jw_arr(&w, "argv");
	if (!code && agent->command.shell == SHELL_NONE)
		code = write_list(&w, &agent->command, c->scope, err);
	else if (!code)
		write_script(&w, agent, name);
	jw_end_arr(&w);
	jw_strn(&w, "prompt", str_text(&prompt), prompt.len);
	jw_str(&w, "prompt_via", prompt_via_name(agent->prompt_via));
	jw_int(&w, "max_stdout", agent->max_stdout);
	jw_int(&w, "max_stderr", agent->max_stderr);
	jw_bool(&w, "tool_calls", agent->tool_calls);
	jw_arr(&w, "secrets");
	for (size_t i = 0; b->spec.secrets && b->spec.secrets[i]; i++)
		jw_str(&w, NULL, b->spec.secrets[i]);
	jw_end_arr(&w);
	write_paths(&w, b);
	jw_end_obj(&w);
	if (code)
		return code;
	if (document.len > DOCUMENT_MAX)
		return err_set(err, ERR_TOO_LARGE, _("prompt and command have %zu bytes when quoted; at most %d can be given"),
			       document.len, DOCUMENT_MAX);
	b->argv = xcalloc(2, sizeof(*b->argv));
	b->argv[0] = step_keep(b, program, strlen(program));
	b->nargv = 1;
	b->spec.live = true;
	b->spec.argv = b->argv;
	b->spec.stdin_bytes = step_keep(b, document.p, document.len);
	b->spec.stdin_len = document.len;
	return ERR_OK;
}

/* pawl-agent itself was ended: no word of its own about the class came through. */
void finish_agent(const struct graph_node *node UNUSED, struct step_result *r, struct step_end *end UNUSED)
{
	if (r->class == CLASS_TIMEOUT)
		r->class = CLASS_AGENT_TIMEOUT;
	else if (r->class == CLASS_SIGNAL)
		r->class = CLASS_AGENT_CRASH;
}
