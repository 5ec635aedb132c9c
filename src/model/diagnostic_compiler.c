/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compilers of the GNU form (GNU Coding Standards §4.4, "Formatting Error Messages") and what prints as they do:
 * gcc, clang, gfortran, javac, mypy, cppcheck, shellcheck -f gcc; linkers; make, ninja and cmake. */
#include "model/diagnostic_rules.h"

#include <string.h>

/* ---- gcc and clang ---- */

/* clang-format off */
static const struct { const char *word; enum diagnostic_kind kind; enum diagnostic_sort sort; } words[] = {
	{ "error", DIAGNOSTIC_ERROR, SORT_COMPILER },          { "Error", DIAGNOSTIC_ERROR, SORT_COMPILER },
	{ "fatal error", DIAGNOSTIC_ERROR, SORT_COMPILER },    { "Fatal Error", DIAGNOSTIC_ERROR, SORT_COMPILER },
	{ "internal compiler error", DIAGNOSTIC_ERROR, SORT_COMPILER },
	{ "warning", DIAGNOSTIC_WARNING, SORT_COMPILER },      { "Warning", DIAGNOSTIC_WARNING, SORT_COMPILER },
	{ "note", DIAGNOSTIC_NOTE, SORT_COMPILER },            { "remark", DIAGNOSTIC_NOTE, SORT_COMPILER },
	{ "style", DIAGNOSTIC_WARNING, SORT_LINTER },          { "performance", DIAGNOSTIC_WARNING, SORT_LINTER },
	{ "portability", DIAGNOSTIC_WARNING, SORT_LINTER },    { "information", DIAGNOSTIC_NOTE, SORT_LINTER },
};
/* clang-format on */

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), k = strlen(end);
	return n >= k && str_eq(text + n - k, end);
}

/* "… [SC2086]", "… [bugprone-use-after-move]", but not "… [-Wunused]": the name of a linter's rule. */
static bool has_rule_name(const char *message, const char *file)
{
	const char *open = strrchr(message, '[');
	if (!open || !ends_with(message, "]") || open[1] == '-' || open[2] == '\0')
		return false;
	if (strspn(open + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,") + 2 != strlen(open))
		return false;
	return !ends_with(file, ".py") && !ends_with(file, ".pyi");
}

static bool gnu_line(struct diagnostics *d, const struct diagnostic_match *m)
{
	const char *file = m->s[1], *word = m->s[4], *message = m->s[5];
	for (size_t i = 0; i < COUNT(words); i++) {
		if (!str_eq(words[i].word, word))
			continue;
		bool rule = has_rule_name(message, file);
		enum diagnostic_kind kind = words[i].kind;
		if (rule && kind == DIAGNOSTIC_NOTE && strstr(message, "[SC"))
			kind = DIAGNOSTIC_WARNING; /* a linter's finding of low rank */
		(void)diagnostic_add(d, kind, rule ? SORT_LINTER : words[i].sort,
				     str_eq(file, "nofile") ? NULL : file, diagnostic_number(m->s[2]),
				     diagnostic_number(m->s[3]), NULL, message);
		return true;
	}
	return false;
}

/* gfortran: the place, the source, a mark, and then the sentence. */
static bool place_alone(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_begin(d, &compiler_family, DIAGNOSTIC_ERROR, SORT_COMPILER);
	pending_set(&p->file, m->s[1]);
	p->line = diagnostic_number(m->s[2]);
	p->column = diagnostic_number(m->s[3]);
	return true;
}

static bool word_alone(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_of(d, &compiler_family);
	if (!p)
		return false;
	p->kind = str_eq(m->s[1], "Warning") ? DIAGNOSTIC_WARNING : DIAGNOSTIC_ERROR;
	pending_set(&p->message, m->s[2]);
	pending_flush(d);
	return true;
}

/* The driver or linker about itself: "collect2: error: ld returned 1 exit status" only says that there were. */
static bool driver(struct diagnostics *d, const struct diagnostic_match *m)
{
	bool follows = strstr(m->s[2], "exit status") || strstr(m->s[2], "linker command failed");
	bool bad = !strstr(m->s[1], "warning");
	enum diagnostic_kind kind = follows && diagnostic_has_errors(d) ? DIAGNOSTIC_NOTE :
				    bad					? DIAGNOSTIC_ERROR :
									  DIAGNOSTIC_WARNING;
	(void)diagnostic_add(d, kind, SORT_COMPILER, NULL, 0, 0, NULL, m->s[2]);
	return true;
}

static bool linker(struct diagnostics *d, const struct diagnostic_match *m)
{
	(void)diagnostic_add(d, DIAGNOSTIC_ERROR, SORT_COMPILER, m->s[1], diagnostic_number(m->s[2]), 0, NULL, m->s[3]);
	return true;
}

static bool linker_alone(struct diagnostics *d, const struct diagnostic_match *m)
{
	(void)diagnostic_add(d, DIAGNOSTIC_ERROR, SORT_COMPILER, NULL, 0, 0, NULL, m->s[1]);
	return true;
}

/* clang-format off */
static const struct diagnostic_rule compiler_rules[] = {
	{ ": ", "^(?:\\S*/)?(?:\\w+-)*ld(?:\\.\\w+)?: (?:error: )?"
	        "(cannot find .*|undefined symbol: .*|duplicate symbol: .*|cannot open .*)$", linker_alone },
	{ "undefined reference", "^(?:\\S*ld(?:\\.\\w+)?: )?(?:([^\\s:]+):(?:(\\d+):|\\([^)]*\\):) ?)?"
	                         "(undefined reference to .*)$", linker },
	{ "multiple definition", "^(?:\\S*ld(?:\\.\\w+)?: )?(?:[^\\s:]+\\.o:)?(?:([^\\s:]+):(?:(\\d+):|\\([^)]*\\):) ?)?"
	                         "(multiple definition of .*)$", linker },
	{ ": ", "^(?:\\S*/)?(?:[\\w.+-]*(?:gcc|g\\+\\+|clang|clang\\+\\+|cc1|cc1plus|cc|c\\+\\+|collect2|f951|rustc|javac)"
	        "(?:-\\d+)?): ((?:fatal )?(?:error|warning)): (.*)$", driver },
	{ ": ", "^(\\S.*?):(\\d+):(?:(\\d+):)? ?(fatal error|error|warning|note|remark|style|performance|portability|"
	        "information|Error|Warning|Fatal Error|internal compiler error): (.*)$", gnu_line },
	{ ":", "^(\\S+\\.\\w+):(\\d+):(\\d+):$", place_alone },
	{ ": ", "^(Error|Fatal Error|Warning): (.*)$", word_alone },
};
/* clang-format on */
const struct diagnostic_family compiler_family = { PARSE_GCC, compiler_rules, COUNT(compiler_rules), NULL, NULL };

/* ---- make, ninja, cmake ---- */

/* That a recipe failed is an error by itself only if what it ran gave none. */
static bool recipe(struct diagnostics *d, const struct diagnostic_match *m)
{
	auto_free char *message = m->s[4] ? xasprintf("%s: %s", m->s[3], m->s[4]) : xstrdup(m->s[3]);
	(void)diagnostic_add(d, diagnostic_has_errors(d) ? DIAGNOSTIC_NOTE : DIAGNOSTIC_ERROR, SORT_BUILD, m->s[1],
			     diagnostic_number(m->s[2]), 0, NULL, message);
	return true;
}

static bool make_stops(struct diagnostics *d, const struct diagnostic_match *m)
{
	if (!strstr(m->s[3], "Waiting for unfinished jobs"))
		(void)diagnostic_add(d, DIAGNOSTIC_ERROR, SORT_BUILD, m->s[1], diagnostic_number(m->s[2]), 0, NULL,
				     m->s[3]);
	return true;
}

static bool cmake_at(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_begin(
	    d, &make_family, str_eq(m->s[1], "Error") ? DIAGNOSTIC_ERROR : DIAGNOSTIC_WARNING, SORT_BUILD);
	pending_set(&p->file, m->s[2]);
	p->line = diagnostic_number(m->s[3]);
	return true;
}

static bool make_line(struct diagnostics *d, const char *line)
{
	struct pending *p = pending_of(d, &make_family);
	if (!p || !*line)
		return false;
	if (line[0] == ' ')
		pending_set(&p->message, line);
	pending_flush(d);
	return line[0] == ' ';
}

static bool cmake_alone(struct diagnostics *d, const struct diagnostic_match *m)
{
	(void)diagnostic_add(d, DIAGNOSTIC_ERROR, SORT_BUILD, NULL, 0, 0, NULL, m->s[1]);
	return true;
}

/* clang-format off */
static const struct diagnostic_rule make_rules[] = {
	{ "*** [", "^\\S*make(?:\\[\\d+\\])?: \\*\\*\\* \\[(?:([^:\\]]+):(\\d+): )?([^\\]]+)\\] (.*)$", recipe },
	{ "*** ", "^(?:\\S*make(?:\\[\\d+\\])?|([^\\s:]+):(\\d+)): \\*\\*\\* (.*?)(?:  Stop\\.)?$", make_stops },
	{ "FAILED: ", "^()()FAILED: ([^\\[(]\\S*\\.\\w+) ?$", recipe },
	{ "CMake ", "^CMake (Error|Warning) at (\\S+?):(\\d+) \\(.*\\):$", cmake_at },
	{ "CMake Error", "^CMake Error: (.*)$", cmake_alone },
};
/* clang-format on */
const struct diagnostic_family make_family = { PARSE_MAKE, make_rules, COUNT(make_rules), make_line, NULL };
