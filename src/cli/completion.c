/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completions for bash and zsh, written from the table of commands. */
#include "cli/commands.h"

#include <string.h>

/* Text inside single quotes of a shell, where `also` is escaped with a backslash beforehand (zsh's
 * own marks). */
static void quoted(struct str *s, const char *text, const char *also)
{
	for (; *text; text++) {
		if (*text == '\'')
			str_add(s, "'\\''");
		else if (strchr(also, *text))
			str_addf(s, "\\%c", *text);
		else
			str_add_char(s, *text);
	}
}

static void add_option_names(struct str *s, const struct cli_option *v)
{
	for (; v && v->name; v++)
		str_addf(s, " --%s", v->name);
}

static bool is_kind(const char *words, const char *kind)
{
	return words && str_eq(words, kind);
}

/* ---- bash ---- */

static void bash_values(struct str *s, const struct command *c, const struct cli_option *v)
{
	for (; v && v->name; v++) {
		if (!v->value)
			continue;
		str_addf(s, "\t\t%s,--%s", c ? c->name : "*", v->name);
		if (v->letter)
			str_addf(s, "|%s,-%c", c ? c->name : "*", v->letter);
		if (is_kind(v->words, "FILE"))
			str_add(s, ") compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")); "
			           "return ;;\n");
		else if (is_kind(v->words, "ID"))
			str_add(s, ") COMPREPLY=($(compgen -W \"last $(_pawl_ids)\" -- \"$cur\")); "
			           "return ;;\n");
		else
			str_addf(s, ") COMPREPLY=($(compgen -W '%s' -- \"$cur\")); return ;;\n",
			         v->words ? v->words : "");
	}
}

static void bash_arguments(struct str *s, const struct command *c)
{
	str_addf(s, "\t%s%s%s) ", c->name, c->alias ? "|" : "", c->alias ? c->alias : "");
	if (!c->words)
		str_add(s, ":");
	else if (is_kind(c->words, "FILE"))
		str_add(s, "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))");
	else if (is_kind(c->words, "ID"))
		str_add(s, "COMPREPLY=($(compgen -W \"last $(_pawl_ids)\" -- \"$cur\"))");
	else if (is_kind(c->words, "COMMAND"))
		str_add(s, "COMPREPLY=($(compgen -W \"$commands\" -- \"$cur\"))");
	else
		str_addf(s, "COMPREPLY=($(compgen -W '%s' -- \"$cur\"))", c->words);
	str_add(s, " ;;\n");
}

static void bash(struct str *s)
{
	str_add(
	    s,
	    "# bash completion for pawl; made by: pawl completion bash\n\n"
	    "# Ids of runs and orders, from an engine that runs already.\n"
	    "_pawl_ids() {\n"
	    "\tpawl engine status --json >/dev/null 2>&1 || return\n"
	    "\t{ pawl runs --json -n 30; pawl queue --json -n 30; } 2>/dev/null | grep -o "
	    "'\"id\":\"[ro]-[0-9a-z]*\"' | cut -d'\"' -f4\n"
	    "}\n\n"
	    "_pawl() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev= command= i commands options\n"
	    "\t((COMP_CWORD)) && prev=${COMP_WORDS[COMP_CWORD-1]}\n\tCOMPREPLY=()\n\tcommands='");
	for (size_t i = 0; commands[i]; i++)
		str_addf(s, "%s%s", i ? " " : "", commands[i]->name);
	str_add(s, "'\n\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	           "\t\tcase ${COMP_WORDS[i]} in\n"
	           "\t\t--home|--url) ((i++)) ;;\n"
	           "\t\t-*) ;;\n"
	           "\t\t*) command=${COMP_WORDS[i]}; break ;;\n"
	           "\t\tesac\n\tdone\n\tcase $command in\n");
	for (size_t i = 0; commands[i]; i++)
		if (commands[i]->alias)
			str_addf(s, "\t%s) command=%s ;;\n", commands[i]->alias, commands[i]->name);
	str_add(s, "\tesac\n\tcase $command,$prev in\n");
	for (size_t i = 0; commands[i]; i++)
		bash_values(s, commands[i], commands[i]->options);
	bash_values(s, NULL, global_options);
	str_add(s, "\tesac\n\tif [[ $cur == -* ]]; then\n\t\toptions='");
	add_option_names(s, global_options);
	str_add(s, "'\n\t\tcase $command in\n");
	for (size_t i = 0; commands[i]; i++) {
		if (!commands[i]->options)
			continue;
		str_addf(s, "\t\t%s) options+='", commands[i]->name);
		add_option_names(s, commands[i]->options);
		str_add(s, "' ;;\n");
	}
	str_add(
	    s,
	    "\t\tesac\n\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n\t\treturn\n\tfi\n"
	    "\tcase $command in\n\t'') COMPREPLY=($(compgen -W \"$commands\" -- \"$cur\")) ;;\n");
	for (size_t i = 0; commands[i]; i++)
		bash_arguments(s, commands[i]);
	str_add(s, "\tesac\n}\ncomplete -F _pawl pawl\n");
}

/* ---- zsh ---- */

static void zsh_kind(struct str *s, const char *words)
{
	if (!words)
		str_add(s, " ");
	else if (is_kind(words, "FILE"))
		str_add(s, "_files");
	else if (is_kind(words, "ID"))
		str_add(s, "_pawl_ids");
	else if (is_kind(words, "COMMAND"))
		str_add(s, "_pawl_commands");
	else
		str_addf(s, "(%s)", words);
}

/* One line of _arguments for each spelling of an option. */
static void zsh_options(struct str *s, const struct cli_option *v)
{
	for (; v && v->name; v++) {
		for (int letter = v->letter ? 0 : 1; letter < 2; letter++) {
			str_add(s, " \\\n\t\t\t'");
			if (v->many)
				str_add_char(s, '*');
			if (letter == 0)
				str_addf(s, "-%c", v->letter);
			else
				str_addf(s, "--%s%s", v->name, v->value ? "=" : "");
			str_add_char(s, '[');
			quoted(s, v->help, "[]:");
			str_add_char(s, ']');
			if (v->value) {
				str_add_char(s, ':');
				quoted(s, v->value, "[]:");
				str_add_char(s, ':');
				zsh_kind(s, v->words);
			}
			str_add_char(s, '\'');
		}
	}
}

static void zsh(struct str *s)
{
	str_add(s, "#compdef pawl\n# zsh completion for pawl; made by: pawl completion zsh\n\n"
	           "_pawl_ids() {\n\tlocal -a ids\n\tids=(last)\n"
	           "\tif pawl engine status --json >/dev/null 2>&1; then\n"
	           "\t\tids+=(${(f)\"$({ pawl runs --json -n 30; pawl queue --json -n 30; } "
	           "2>/dev/null | grep -o '\"id\":\"[ro]-[0-9a-z]*\"' | cut -d'\"' -f4)\"})\n"
	           "\tfi\n\tcompadd -a ids\n}\n\n_pawl_commands() {\n\tlocal -a all\n\tall=(\n");
	for (size_t i = 0; commands[i]; i++) {
		str_addf(s, "\t\t'%s:", commands[i]->name);
		quoted(s, commands[i]->help, ":");
		str_add(s, "'\n");
	}
	str_add(s,
	        "\t)\n\t_describe -t commands command all\n}\n\n_pawl() {\n"
	        "\tlocal context state state_descr line\n\ttypeset -A opt_args\n\t_arguments -C");
	zsh_options(s, global_options);
	str_add(s, " \\\n\t\t\t'1:command:_pawl_commands' '*::argument:->rest' && return\n"
	           "\t[[ $state == rest ]] || return\n\tcase $line[1] in\n");
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		str_addf(s, "\t%s%s%s)\n\t\t_arguments", c->name, c->alias ? "|" : "",
		         c->alias ? c->alias : "");
		zsh_options(s, c->options);
		zsh_options(s, global_options);
		str_add(s, " \\\n\t\t\t'*:argument:");
		zsh_kind(s, c->words);
		str_add(s, "' ;;\n");
	}
	str_add(s, "\tesac\n}\n\n_pawl \"$@\"\n");
}

static enum err_code run_completion(struct call *call, struct err *err)
{
	auto_str s = STR_INIT;
	const char *shell = call->args[0];
	if (str_eq(shell, "bash"))
		bash(&s);
	else if (str_eq(shell, "zsh"))
		zsh(&s);
	else
		return err_set(
		    err, ERR_USAGE,
		    _("\"%s\" is no shell that completions are made for; use bash or zsh"), shell);
	out_text(&s);
	return ERR_OK;
}

/* clang-format off */
static const struct cli_example examples[] = {
	{ "source <(pawl completion bash)", N_("in ~/.bashrc, where the package has not installed them") },
	{ "pawl completion zsh > ~/.zfunc/_pawl", N_("for zsh, in a folder of $fpath") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_completion = {
	.name = "completion",
	.group = GROUP_OTHER,
	.arguments = "bash|zsh",
	.words = "bash zsh",
	.min = 1,
	.max = 1,
	.help = N_("print completions for a shell"),
	.about = N_("Prints the completions of all commands and options for bash or zsh."),
	.examples = examples,
	.run = run_completion,
};
