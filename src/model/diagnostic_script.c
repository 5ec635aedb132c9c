/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rustc and ruff ("message", then "--> place"); JavaScript: tsc, eslint, mocha, jest, node; shellcheck; shells; Perl;
 * and, last, any line that begins with FILE:LINE or FILE(LINE,COLUMN). */
#include "model/diagnostic_rules.h"

#include <ctype.h>
#include <string.h>

/* ---- rustc, cargo, ruff ---- */

static bool arrow_head(struct diagnostics *d, const struct diagnostic_match *m)
{
	if (str_starts(m->s[2], "aborting due to") || str_starts(m->s[2], "could not compile") ||
	    str_starts(m->s[2], "test failed, to rerun"))
		return true;
	bool warning = str_starts(m->s[1], "warning");
	struct pending *p = pending_begin(d, &rust_family, warning ? DIAGNOSTIC_WARNING : DIAGNOSTIC_ERROR,
					  SORT_COMPILER);
	pending_set(&p->message, m->s[2]);
	return true;
}

static bool ruff_head(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_begin(d, &rust_family, DIAGNOSTIC_ERROR, SORT_LINTER);
	pending_set(&p->message, m->s[1]);
	return true;
}

static bool arrow(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_of(d, &rust_family);
	if (!p)
		return false;
	pending_set(&p->file, m->s[1]);
	p->line = diagnostic_number(m->s[2]);
	p->column = diagnostic_number(m->s[3]);
	pending_flush(d);
	return true;
}

/* What is not followed by a place was another program's sentence, or a summary. */
static bool arrow_line(struct diagnostics *d, const char *line)
{
	struct pending *p = pending_of(d, &rust_family);
	if (!p || strstr(line, "--> "))
		return false;
	if (p->kind == DIAGNOSTIC_ERROR && p->sort == SORT_COMPILER) {
		p->sort = SORT_OTHER;
		pending_flush(d);
	} else {
		pending_drop(d);
	}
	return false;
}

static void arrow_end(struct diagnostics *d)
{
	(void)arrow_line(d, "");
}

/* clang-format off */
static const struct diagnostic_rule rust_rules[] = {
	{ ": ",    "^(error|warning)(?:\\[[\\w:]+\\])?: (\\S.*)$", arrow_head },
	{ NULL,    "^([A-Z]{1,4}\\d{3,4} (?:\\[\\*\\] )?\\S.*)$", ruff_head },
	{ "--> ",  "^\\s*--> (\\S.*?):(\\d+):(\\d+)$", arrow },
};
/* clang-format on */
const struct diagnostic_family rust_family = { PARSE_GENERIC, rust_rules, COUNT(rust_rules), arrow_line, arrow_end };

/* ---- JavaScript ---- */

static bool tsc(struct diagnostics *d, const struct diagnostic_match *m)
{
	enum diagnostic_kind kind = str_starts(m->s[4], "warning") ? DIAGNOSTIC_WARNING : DIAGNOSTIC_ERROR;
	(void)diagnostic_add(d, kind, SORT_COMPILER, m->s[1], diagnostic_number(m->s[2]), diagnostic_number(m->s[3]),
			     NULL, m->s[5]);
	return true;
}

static bool eslint_file(struct diagnostics *d, const struct diagnostic_match *m)
{
	if (pending_of(d, &script_family))
		return false;
	pending_set(&d->script_file, m->s[1]);
	return true;
}

static bool eslint_row(struct diagnostics *d, const struct diagnostic_match *m)
{
	if (!d->script_file.len)
		return false;
	enum diagnostic_kind kind = str_eq(m->s[3], "error") ? DIAGNOSTIC_ERROR : DIAGNOSTIC_WARNING;
	(void)diagnostic_add(d, kind, SORT_LINTER, d->script_file.p, diagnostic_number(m->s[1]),
			     diagnostic_number(m->s[2]), NULL, m->s[4]);
	return true;
}

static bool eslint_compact(struct diagnostics *d, const struct diagnostic_match *m)
{
	(void)diagnostic_add(d, str_eq(m->s[4], "Warning") ? DIAGNOSTIC_WARNING : DIAGNOSTIC_ERROR, SORT_LINTER, m->s[1],
			     diagnostic_number(m->s[2]), diagnostic_number(m->s[3]), NULL, m->s[5]);
	return true;
}

/* jest: "  ● suite › test", a message, a trace; mocha: "  1) suite", "       test:", a message, a trace. */
static bool jest_head(struct diagnostics *d, const struct diagnostic_match *m)
{
	bool suite = str_starts(m->s[1], "Test suite failed");
	struct pending *p = pending_begin(d, &script_family, suite ? DIAGNOSTIC_ERROR : DIAGNOSTIC_FAILURE, SORT_TEST);
	pending_set(&p->test, m->s[1]);
	return true;
}

static bool mocha_head(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_begin(d, &script_family, DIAGNOSTIC_FAILURE, SORT_TEST);
	pending_set(&p->test, m->s[1]);
	p->stage = 1; /* its second line decides whether this is the tree or the list of failures */
	return true;
}

static bool trace(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_of(d, &script_family);
	if (!p || strstr(m->s[1], "node_modules/") || str_starts(m->s[1], "node:"))
		return p != NULL;
	pending_set(&p->file, m->s[1]);
	p->line = diagnostic_number(m->s[2]);
	p->column = diagnostic_number(m->s[3]);
	pending_flush(d);
	return true;
}

static bool mocha_title(struct diagnostics *d, struct pending *p, const char *line)
{
	size_t len = strlen(line);
	if (len > 6 && str_starts(line, "      ") && line[len - 1] == ':') {
		while (*line == ' ')
			line++;
		str_addf(&p->test, " › %.*s", (int)(strlen(line) - 1), line);
		p->stage = 0;
		return true;
	}
	pending_drop(d);
	return false;
}

static bool script_line(struct diagnostics *d, const char *line)
{
	struct pending *p = pending_of(d, &script_family);
	if (!p)
		return false;
	while (p->stage == 1)
		return mocha_title(d, p, line);
	if (str_starts(line, "Tests: ") || str_starts(line, "Test Suites:")) {
		pending_flush(d);
		return true;
	}
	size_t spaces = strspn(line, " ");
	if (!p->message.len && spaces && line[spaces] && line[spaces] != '-' && !str_starts(line + spaces, "at ")) {
		str_add(&p->message, line + spaces);
		return true;
	}
	return false;
}

/* node: "/x/a.js:3", the source, a mark, and then the sentence. */
static bool node_place(struct diagnostics *d, const struct diagnostic_match *m)
{
	pending_set(&d->script_file, m->s[1]);
	d->script_line = diagnostic_number(m->s[2]);
	return true;
}

static bool node_error(struct diagnostics *d, const struct diagnostic_match *m)
{
	if (!d->script_line || pending_of(d, &script_family))
		return false;
	(void)diagnostic_add(d, DIAGNOSTIC_ERROR, str_starts(m->s[1], "SyntaxError") ? SORT_COMPILER : SORT_OTHER,
			     d->script_file.p, d->script_line, 0, NULL, m->s[1]);
	d->script_line = 0;
	str_clear(&d->script_file);
	return true;
}

/* ---- shells, shellcheck, Perl ---- */

static bool shellcheck_place(struct diagnostics *d, const struct diagnostic_match *m)
{
	pending_set(&d->script_file, m->s[1]);
	d->script_line = diagnostic_number(m->s[2]);
	return true;
}

static bool shellcheck_row(struct diagnostics *d, const struct diagnostic_match *m)
{
	if (!d->script_line)
		return false;
	auto_free char *message = xasprintf("%s [%s]", m->s[3], m->s[1]);
	(void)diagnostic_add(d, str_eq(m->s[2], "error") ? DIAGNOSTIC_ERROR : DIAGNOSTIC_WARNING, SORT_LINTER,
			     d->script_file.p, d->script_line, 0, NULL, message);
	return true;
}

static bool shell_error(struct diagnostics *d, const struct diagnostic_match *m)
{
	(void)diagnostic_add(d, DIAGNOSTIC_ERROR, SORT_OTHER, m->s[1], diagnostic_number(m->s[2]), 0, NULL, m->s[3]);
	return true;
}

static bool perl_error(struct diagnostics *d, const struct diagnostic_match *m)
{
	(void)diagnostic_add(d, DIAGNOSTIC_ERROR, SORT_OTHER, m->s[2], diagnostic_number(m->s[3]), 0, NULL, m->s[1]);
	return true;
}

/* clang-format off */
static const struct diagnostic_rule script_rules[] = {
	{ ": ",          "^(\\S.*?)\\((\\d+)(?:,(\\d+))?\\): ((?:error|warning|fatal error) ?\\w*): (.*)$", tsc },
	{ " - ",         "^(\\S.*?):(\\d+):(\\d+) - ((?:error|warning) ?\\w*): (.*)$", tsc },
	{ "line ",       "^(\\S.*?): line (\\d+), col (\\d+), (Error|Warning) - (.*)$", eslint_compact },
	{ "  ",          "^ +(\\d+):(\\d+) +(error|warning) +(.*?)(?: {2,}\\S+)?$", eslint_row },
	{ "●",           "^ +● (\\S.*)$", jest_head },
	{ ") ",          "^ +\\d+\\) (\\S.*?):?$", mocha_head },
	{ "at ",         "^\\s+at (?:.*\\()?((?:file://)?[^\\s():]+):(\\d+):(\\d+)\\)?$", trace },
	{ "In ",         "^In (\\S.*) line (\\d+):$", shellcheck_place },
	{ "SC",          "^\\s*\\^-*\\^? (SC\\d+)(?: \\((\\w+)\\))?: (.*)$", shellcheck_row },
	{ ": ",          "^(?:sh|bash|dash): (?:line )?(\\S*?)(\\d+): (.*)$", shell_error },
	{ ": line ",     "^(\\S+): line (\\d+): (.*)$", shell_error },
	{ ": ",          "^(\\S*[^\\s:]): (\\d+): (\\S.*)$", shell_error },
	{ " line ",      "^(.+) at (\\S+) line (\\d+)(?:, .*)?\\.?$", perl_error },
	{ ":",           "^((?:file://)?/[^\\s:]+\\.[cm]?[jt]s):(\\d+)$", node_place },
	{ "Error",       "^((?:[A-Z]\\w*)?Error(?: \\[\\w+\\])?: .*)$", node_error },
	{ ".",           "^((?:/\\S.*|[\\w./-]+)\\.\\w+)$", eslint_file },
};
/* clang-format on */
const struct diagnostic_family script_family = { PARSE_GENERIC, script_rules, COUNT(script_rules), script_line, NULL };

/* ---- any other ---- */

/* "F401 …", "C0114: …": what flake8, pylint and ruff give their rules. */
static bool take_code(const char *message, bool *ret_warning)
{
	size_t letters = strspn(message, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	size_t digits = strspn(message + letters, "0123456789");
	char next = message[letters + digits];
	if (letters < 1 || letters > 4 || digits < 2 || digits > 5 || (next != ' ' && next != ':'))
		return false;
	*ret_warning = letters == 1 && strchr("WCR", message[0]) != NULL;
	return true;
}

/* A name of a file: with a dot or slash in it, and a letter. */
static bool is_path(const char *text)
{
	bool letter = false, mark = false;
	for (const char *c = text; *c; c++) {
		letter |= isalpha((unsigned char)*c) != 0;
		mark |= *c == '.' || *c == '/';
	}
	return letter && mark && !strstr(text, "://");
}

static bool any_place(struct diagnostics *d, const struct diagnostic_match *m)
{
	bool warning = false;
	const char *message = m->s[4];
	if (!is_path(m->s[1]) || !*message)
		return false;
	bool linter = take_code(message, &warning);
	if (str_starts(message, "[warning] ") || str_starts(message, "[error] ")) { /* yamllint */
		linter = true;
		warning = message[1] == 'w';
		message = strchr(message, ' ') + 1;
	}
	const char *mark = strrchr(message, '[');
	if (mark && (str_starts(mark, "[Warning") || str_starts(mark, "[Error"))) { /* eslint -f unix */
		linter = true;
		warning = mark[1] == 'W';
	}
	(void)diagnostic_add(d, warning ? DIAGNOSTIC_WARNING : DIAGNOSTIC_ERROR, linter ? SORT_LINTER : SORT_OTHER, m->s[1],
			     diagnostic_number(m->s[2]), diagnostic_number(m->s[3]), NULL, message);
	return true;
}

/* clang-format off */
static const struct diagnostic_rule generic_rules[] = {
	{ ":", "^([^\\s:(\\[]+):(\\d+):(?:(\\d+):)? ?(.*)$", any_place },
	{ "(", "^([^\\s:(]+)\\((\\d+)(?:,(\\d+))?\\): ?(.*)$", any_place },
};
/* clang-format on */
const struct diagnostic_family generic_family = { PARSE_GENERIC, generic_rules, COUNT(generic_rules), NULL, NULL };
