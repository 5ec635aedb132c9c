/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/classify.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SIGKILL_EXIT 137
#define WORD_MAX 40
#define LAST_LINE_MAX 200

enum error_class classify_agent(const struct agent_case *c)
{
	if (c->timed_out || c->exit_code == SIGKILL_EXIT)
		return CLASS_AGENT_TIMEOUT;
	if (c->structured)
		return c->success ? CLASS_NONE : CLASS_AGENT_FAILURE;
	return c->exit_code != 0 ? CLASS_AGENT_CRASH : CLASS_NONE;
}

/* ---- words ---- */

enum fit { WHOLE, BEGINS };

/* clang-format off */
/* What names of checks, and commands, say of their kind; the first row that fits any word decides. */
static const struct { const char *word; enum fit fit; enum error_class class; } words[] = {
	{ "type", BEGINS, CLASS_TYPECHECK },     { "tsc", WHOLE, CLASS_TYPECHECK },
	{ "mypy", WHOLE, CLASS_TYPECHECK },      { "pyright", WHOLE, CLASS_TYPECHECK },
	{ "build", BEGINS, CLASS_TYPECHECK },    { "compil", BEGINS, CLASS_TYPECHECK },
	{ "lint", BEGINS, CLASS_LINT },          { "eslint", WHOLE, CLASS_LINT },
	{ "style", WHOLE, CLASS_LINT },          { "format", BEGINS, CLASS_LINT },
	{ "flake8", WHOLE, CLASS_LINT },         { "pylint", WHOLE, CLASS_LINT },
	{ "ruff", WHOLE, CLASS_LINT },           { "shellcheck", WHOLE, CLASS_LINT },
	{ "cppcheck", WHOLE, CLASS_LINT },       { "clippy", WHOLE, CLASS_LINT },
	{ "tidy", WHOLE, CLASS_LINT },           { "prettier", WHOLE, CLASS_LINT },
	{ "yamllint", WHOLE, CLASS_LINT },       { "vet", WHOLE, CLASS_LINT },
	{ "blackbox", BEGINS, CLASS_BLACKBOX },  { "test", BEGINS, CLASS_TEST },
	{ "unittest", BEGINS, CLASS_TEST },      { "pytest", WHOLE, CLASS_TEST },
	{ "vitest", WHOLE, CLASS_TEST },         { "jest", WHOLE, CLASS_TEST },
	{ "mocha", WHOLE, CLASS_TEST },          { "unit", WHOLE, CLASS_TEST },
	{ "prove", WHOLE, CLASS_TEST },          { "ctest", WHOLE, CLASS_TEST },
	{ "bats", WHOLE, CLASS_TEST },           { "ci", WHOLE, CLASS_CI },
};
/* clang-format on */

static bool has_word(const char *text, const char *word, enum fit fit)
{
	size_t len = strlen(word);
	for (const char *at = text; *at;) {
		size_t n = 0;
		char lower[WORD_MAX];
		while (at[n] && isalnum((unsigned char)at[n]) && n + 1 < sizeof(lower)) {
			lower[n] = (char)tolower((unsigned char)at[n]);
			n++;
		}
		lower[n] = '\0';
		if (n >= len && memcmp(lower, word, len) == 0 && (fit == BEGINS || n == len))
			return true;
		at += n ? n : 1;
	}
	return false;
}

static enum error_class class_of_words(const char *text)
{
	for (size_t i = 0; text && i < COUNT(words); i++)
		if (has_word(text, words[i].word, words[i].fit))
			return words[i].class;
	return CLASS_NONE;
}

static enum error_class class_of_sorts(const struct diagnostics *d)
{
	/* clang-format off */
	static const struct { enum diagnostic_sort sort; enum error_class class; } rows[] = {
		{ SORT_TEST, CLASS_TEST }, { SORT_COMPILER, CLASS_TYPECHECK }, { SORT_LINTER, CLASS_LINT },
	};
	/* clang-format on */
	for (size_t i = 0; d && i < COUNT(rows); i++)
		if (diagnostics_sort_count(d, rows[i].sort) > 0)
			return rows[i].class;
	return CLASS_NONE;
}

enum error_class classify_check(const struct check_case *c)
{
	if (c->kind == CHECK_FIXTURE)
		return CLASS_BLACKBOX;
	if (c->kind != CHECK_RUN)
		return CLASS_CONTRACT;
	enum error_class class = class_of_words(c->name);
	if (class == CLASS_NONE)
		class = class_of_sorts(c->diagnostics);
	if (class == CLASS_NONE)
		class = class_of_words(c->command);
	return class == CLASS_NONE ? CLASS_VERIFICATION : class;
}

/* ---- the sentence ---- */

static void add_count(struct str *s, size_t before, int64_t n, const char *text)
{
	if (n > 0)
		str_addf(s, "%s%" PRId64 " %s", s->len > before ? ", " : "", n, text);
}

void classify_counts(const struct diagnostic_counts *counts, struct str *out)
{
	size_t before = out->len;
	unsigned long errors = (unsigned long)counts->errors, tests = (unsigned long)counts->failed_tests,
		      warnings = (unsigned long)counts->warnings, files = (unsigned long)counts->files;
	add_count(out, before, counts->failed_tests, ngettext("failed test", "failed tests", tests));
	add_count(out, before, counts->errors, ngettext("error", "errors", errors));
	if (!counts->errors && !counts->failed_tests)
		add_count(out, before, counts->warnings, ngettext("warning", "warnings", warnings));
	if (counts->files > 0 && out->len > before)
		str_addf(out, ngettext(" in %lu file", " in %lu files", files), files);
}

/* The most important one that has a place. */
static const struct diagnostic *first_of(const struct diagnostics *d)
{
	size_t n = 0;
	const struct diagnostic *v = d ? diagnostics_list(d, &n) : NULL, *best = NULL;
	for (size_t i = 0; i < n; i++) {
		if (v[i].kind == DIAGNOSTIC_NOTE)
			continue;
		bool better = !best || (v[i].kind < DIAGNOSTIC_WARNING && best->kind == DIAGNOSTIC_WARNING) ||
			      ((v[i].kind < DIAGNOSTIC_WARNING) == (best->kind < DIAGNOSTIC_WARNING) && v[i].file &&
			       !best->file);
		if (better)
			best = &v[i];
	}
	return best;
}

static void add_place(struct str *s, const struct diagnostic *at)
{
	if (at->file)
		str_add(s, at->file);
	if (at->file && at->line)
		str_addf(s, ":%d", at->line);
	if (at->file && at->line && at->column)
		str_addf(s, ":%d", at->column);
	if (at->test)
		str_addf(s, "%s%s", at->file ? ": " : "", at->test);
	if (at->message[0])
		str_addf(s, "%s%s", at->file || at->test ? ": " : "", at->message);
}

static void add_end(struct str *s, const struct check_case *c)
{
	auto_str time = STR_INIT;
	duration_add(&time, c->timeout_ms);
	if (c->timed_out)
		str_addf(s, _("did not end within %s"), time.p);
	else if (c->signal)
		str_addf(s, _("ended by signal %d"), c->signal);
	else
		str_addf(s, _("exit status %d"), c->exit_code);
}

/* When nothing was recognized: the last line that says something. */
static void add_last_line(struct str *s, const struct check_case *c)
{
	size_t len = c->output ? strlen(c->output) : 0;
	while (len && isspace((unsigned char)c->output[len - 1]))
		len--;
	size_t from = len;
	while (from && c->output[from - 1] != '\n')
		from--;
	if (from == len) {
		str_add(s, _(", without output"));
		return;
	}
	str_add(s, ": ");
	size_t n = utf8_floor(c->output + from, MIN(len - from, (size_t)LAST_LINE_MAX));
	text_add_safe(s, c->output + from, n, SAFE_PLAIN, false);
}

void classify_detail(const struct check_case *c, struct str *out)
{
	const struct diagnostic *first = first_of(c->diagnostics);
	if (c->message) {
		str_add(out, c->message);
		return;
	}
	add_end(out, c);
	if (!first) {
		add_last_line(out, c);
		return;
	}
	struct diagnostic_counts counts = diagnostics_count(c->diagnostics);
	str_add(out, ", ");
	classify_counts(&counts, out);
	str_add(out, counts.errors + counts.failed_tests + counts.warnings > 1 ? _("; the first: ") : ": ");
	add_place(out, first);
}

void classify_message(const struct check_case *c, struct str *out)
{
	str_addf(out, _("%s failed: "), c->name);
	classify_detail(c, out);
}

size_t tail_of(const char *text, size_t len, size_t lines, size_t max)
{
	size_t from = len, found = 0;
	if (from && text[from - 1] == '\n')
		from--;
	while (from && len - from < max) {
		if (text[from - 1] == '\n' && ++found == lines)
			break;
		from--;
	}
	while (from < len && ((unsigned char)text[from] & 0xc0) == 0x80)
		from++;
	return from;
}
