/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: commands, and the paths, globs and patterns that stand beside them. */
#include "flow/keys.h"
#include "base/regex.h"
#include "model/schema.h"

#include <string.h>

/* ---- scripts and shells ---- */

char *load_script(struct load *l, const struct tree *v)
{
	if (!load_scalar(l, v))
		return NULL;
	const char *expression = strstr(v->text, "${{");
	if (expression) {
		int line, column;
		place_in(l, v, (size_t)(expression - v->text), &line, &column);
		issue_at(l, line, column,
			 _("no ${{ }} in a script: a value could become a command; set it under env:, "
			   "as in env: {VALUE: \"${{ … }}\"}, and write \"$VALUE\" here"));
	}
	if (strspn(v->text, " \t\r\n") == v->len)
		issue(l, v, _("the script is empty; a node that does nothing is written run: 'true'"));
	return xstrdup(v->text);
}

static void custom_shell(struct load *l, const struct tree *v, enum shell_kind *shell, char ***argv)
{
	size_t n;
	char **words = load_texts(l, v, WORDS_MAX, &n);
	bool good = n > 0 && words[0][0];
	for (size_t i = 0; i < n; i++)
		if (strlen(words[i]) > WORD_MAX)
			issue(l, v, _("longer than %d bytes"), WORD_MAX);
	if (!good && v->n <= WORDS_MAX)
		issue(l, v, _("which program? write the words before the script's path, such as [perl, -w]"));
	if (!good) {
		for (size_t i = 0; i < n; i++)
			free(words[i]);
		free(words);
		return;
	}
	*shell = SHELL_CUSTOM;
	*argv = words;
}

void load_shell(struct load *l, const struct tree *v, enum shell_kind *shell, char ***argv)
{
	static const char *const words[] = {
		[SHELL_SH] = "sh", [SHELL_BASH] = "bash", [SHELL_PYTHON] = "python3"
	};
	if (v->kind == TREE_LIST) {
		custom_shell(l, v, shell, argv);
		return;
	}
	if (!load_scalar(l, v))
		return;
	for (size_t i = 0; i < COUNT(words); i++)
		if (str_eq(words[i], v->text)) {
			*shell = (enum shell_kind)i;
			return;
		}
	issue(l, v, _("the shell is sh, bash, python3 or a list of words before the script's path; "
		      "did you mean [%s]?"), word_of(v->text).s);
}

/* ---- commands without templates ---- */

static void load_plain_words(struct load *l, const struct tree *v, struct graph_command *c)
{
	if (c->shell_argv || c->shell != SHELL_SH)
		issue(l, v, _("a list is executed without a shell; remove shell:, or write the script as a text"));
	else
		c->shell = SHELL_NONE;
	if (!v->n)
		issue(l, v, _("the list is empty; its first element is the program"));
	c->argv = load_texts(l, v, ENTRIES_MAX, &c->nargv);
	for (size_t i = 0; i < c->nargv; i++)
		if (strstr(c->argv[i], "${{"))
			issue(l, v, _("no ${{ }} here: the command is the same for all iterations; set the value under "
				      "env: of the node, and use the variable in a script"));
}

void load_command(struct load *l, const struct tree *v, struct graph_command *c)
{
	if (c->script || c->argv)
		return; /* of run: and fixture: in one check, which is told as a mistake of its own */
	if (v->kind == TREE_LIST)
		load_plain_words(l, v, c);
	else
		c->script = load_script(l, v);
}

/* ---- paths, globs, patterns ---- */

static bool leaves(const char *path)
{
	if (path[0] == '/')
		return true;
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (str_starts(p, "..") && (p[2] == '/' || !p[2]))
			return true;
	}
	return false;
}

bool load_path(struct load *l, const struct tree *v, const char *path)
{
	const char *wrong = !*path ? N_("the path is empty") :
			    strlen(path) > TEXT_MAX ? N_("the path is too long") :
			    leaves(path) ? N_("a path is relative to the workspace and stays in it: no / at the "
					      "beginning, no ..") : NULL;
	if (wrong)
		issue(l, v, "%s", _(wrong));
	return !wrong;
}

/* A bracket that is opened is closed; "]" as the first in it is itself. */
static bool glob_is_good(const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' && !*++s)
			return false;
		if (*s != '[')
			continue;
		s += s[1] == '!' || s[1] == '^';
		s += s[1] == ']';
		while (*++s && *s != ']' && *s != '/')
			;
		if (*s != ']')
			return false;
	}
	return true;
}

static void each_text(struct load *l, const struct tree *v, char **texts, size_t n,
		      void (*check)(struct load *l, const struct tree *v, const char *text))
{
	const struct tree *e = v->kind == TREE_LIST ? v->first : v;
	for (size_t i = 0; i < n && e; i++, e = e->next) {
		size_t before = v->kind == TREE_LIST ? path_push_index(l, i) : l->path.len;
		check(l, e, texts[i]);
		path_pop(l, before);
	}
}

static void check_path(struct load *l, const struct tree *v, const char *text)
{
	(void)load_path(l, v, text);
}

static void check_glob(struct load *l, const struct tree *v, const char *text)
{
	if (load_path(l, v, text) && !glob_is_good(text))
		issue(l, v, _("'%s' is no pattern of paths: a [ has no ], or a \\ stands at the end"),
		      word_of(text).s);
}

static void check_pattern(struct load *l, const struct tree *v, const char *text)
{
	struct err err = { 0 };
	auto_regex *re = NULL;
	if (!*text)
		issue(l, v, _("the pattern is empty, and would match everything"));
	else if (regex_new(text, REGEX_MULTILINE, &re, &err) != ERR_OK)
		issue(l, v, "%s", err.message);
}

static char **load_checked(struct load *l, const struct tree *v, size_t *ret_n,
			   void (*check)(struct load *l, const struct tree *v, const char *text))
{
	char **texts = load_texts(l, v, ENTRIES_MAX, ret_n);
	if (v->kind == TREE_LIST && !v->n)
		issue(l, v, _("the list is empty"));
	/* With an element that is no text the two would not go side by side, and that is reported. */
	if (v->kind != TREE_LIST || v->n == *ret_n)
		each_text(l, v, texts, *ret_n, check);
	return texts;
}

char **load_paths(struct load *l, const struct tree *v, size_t *ret_n)
{
	return load_checked(l, v, ret_n, check_path);
}

char **load_globs(struct load *l, const struct tree *v, size_t *ret_n)
{
	return load_checked(l, v, ret_n, check_glob);
}

char **load_patterns(struct load *l, const struct tree *v, size_t *ret_n)
{
	return load_checked(l, v, ret_n, check_pattern);
}

char *load_json(struct load *l, const struct tree *v)
{
	auto_str json = STR_INIT;
	tree_add_json(&json, v);
	if (json.len > JSON_VALUE_MAX) {
		issue(l, v, _("larger than %d KiB"), JSON_VALUE_MAX / KIB);
		return NULL;
	}
	return str_take(&json);
}

char *load_schema(struct load *l, const struct tree *v)
{
	auto_free char *text = wants_map(l, v) ? load_json(l, v) : NULL;
	auto_json *schema = NULL;
	struct err err = { 0 };
	if (!text)
		return NULL;
	enum err_code code = json_parse(text, strlen(text), JSON_VALUE_MAX, &schema, &err);
	if (!code)
		code = schema_verify(schema, &err);
	if (code)
		issue(l, v, "%s", err.message);
	return code ? NULL : TAKE(text);
}
