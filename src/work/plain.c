/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which scripts need no shell. A shell costs a second exec, more than everything else that is done for a
 * small step, so a script that is one command of plain words is executed directly. Only what every
 * POSIX shell would pass on unchanged counts: letters, digits and _./:,+@%- make words, no word
 * can then be expanded, and the first one is no assignment and not known to the shell itself.
 * The worker has the last word: it also looks at the environment, and goes back to the shell when
 * the program cannot be executed, so that the message and the exit status are the shell's. */
#include "work/executor.h"

#include <string.h>

#define PLAIN_MAX 2048
#define WORDS_MAX 64

/* Reserved words, special and regular builtins of dash, bash, ksh, zsh and busybox. Sorted. */
static const char *const shell_words[] = {
	".", ":", "alias", "autoload", "bg", "bind", "break", "builtin", "caller", "case", "cd",
	"chdir", "command", "compgen", "complete", "compopt", "continue", "coproc", "declare",
	"dirs", "disown", "do", "done", "echo", "elif", "else", "enable", "esac", "eval", "exec",
	"exit", "export", "false", "fc", "fg", "fi", "float", "for", "foreach", "function",
	"functions", "getopts", "hash", "help", "hist", "history", "if", "in", "integer",
	"jobs", "kill", "let", "limit", "local", "logout", "mapfile", "nameref", "namespace",
	"newgrp", "nocorrect", "noglob", "popd", "print", "printf", "pushd", "pwd",
	"read", "readarray", "readonly", "redirect", "rehash", "repeat", "return", "select", "set",
	"setopt", "shift", "shopt", "source", "stop", "suspend", "test", "then", "time",
	"times", "trap", "true", "type", "typeset", "ulimit", "umask", "unalias", "unfunction",
	"unlimit", "unset", "unsetopt", "until", "vared", "wait", "whence", "where", "which", "while",
};

static bool is_shell_word(const char *word)
{
	for (size_t i = 0; i < COUNT(shell_words); i++)
		if (str_eq(word, shell_words[i]))
			return true;
	return false;
}

static bool is_plain_char(char c, bool first_word)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	/* "a=b" first is an assignment, "%1" first a job. */
	return c != '\0' && strchr(first_word ? "_./:,+@-" : "_./:,+@-%=", c);
}

/* One word from *at on; false if there is a character that a shell might look at. */
static bool take_word(const char **at, const char *end, bool first, struct str *words)
{
	size_t start = words->len;
	for (; *at < end && **at != ' ' && **at != '\t'; (*at)++) {
		if (!is_plain_char(**at, first))
			return false;
		str_add_char(words, **at);
	}
	str_add_char(words, '\0');
	return !first || !is_shell_word(words->p + start);
}

bool script_is_plain(const char *script, struct str *ret_words, size_t *ret_n)
{
	size_t len = strlen(script), n = 0, start = ret_words->len;
	while (len && strchr(" \t\n", script[len - 1]))
		len--;
	const char *at = script, *end = script + len;
	bool plain = len <= PLAIN_MAX;
	while (plain && at < end) {
		if (*at == ' ' || *at == '\t')
			at++;
		else
			plain = ++n <= WORDS_MAX && take_word(&at, end, n == 1, ret_words);
	}
	if (!plain || n == 0) {
		str_cut(ret_words, start);
		return false;
	}
	*ret_n = n;
	return true;
}
