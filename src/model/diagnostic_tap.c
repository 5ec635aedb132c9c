/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Test Anything Protocol, versions 12 to 14 (https://testanything.org): plan, results with directives,
 * subtests by indentation, YAML blocks, and the comments that Perl's Test::More and bats write about a failure. */
#include "model/diagnostic_rules.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static void finish_pending(struct diagnostics *d)
{
	struct pending *p = pending_of(d, &tap_family);
	d->tap.in_yaml = d->tap.yaml_text = false;
	if (!p)
		return;
	struct diagnostic *row = diagnostic_of_test(d, str_text(&p->test));
	if (row) { /* a comment told of it before */
		diagnostic_place(d, row, str_text(&p->file), p->line, p->column);
		pending_drop(d);
		return;
	}
	if (p->stage == 1) /* the sum of subtests */
		p->kind = DIAGNOSTIC_NOTE;
	pending_flush(d);
}

static bool has_directive(const char *text)
{
	for (const char *at = text; (at = strchr(at, '#')); at++) {
		const char *word = at + 1;
		while (*word == ' ')
			word++;
		if ((at == text || at[-1] != '\\') && (strncasecmp(word, "todo", 4) == 0 || strncasecmp(word, "skip", 4) == 0))
			return true;
	}
	return false;
}

static bool result(struct diagnostics *d, const struct diagnostic_match *m)
{
	const char *text = m->s[4] ? m->s[4] : "";
	finish_pending(d);
	d->tap.on = true;
	d->tap.indent = (int64_t)strlen(m->s[1]);
	if (d->tap.indent == 0)
		d->tap.ran++;
	if (!m->s[2] || has_directive(text))
		return true;
	auto_free char *number = xasprintf("test %s", m->s[3] ? m->s[3] : "");
	struct pending *p = pending_begin(d, &tap_family, DIAGNOSTIC_FAILURE, SORT_TEST);
	pending_set(&p->test, *text ? text : number);
	return true;
}

static bool plan(struct diagnostics *d, const struct diagnostic_match *m)
{
	if (d->parse != PARSE_TAP && !d->tap.on && m->s[1][0] == ' ')
		return false;
	if (m->s[1][0] == '\0')
		d->tap.planned = strtoll(m->s[2], NULL, 10);
	return true;
}

static bool bail_out(struct diagnostics *d, const struct diagnostic_match *m)
{
	finish_pending(d);
	auto_free char *message = xasprintf("Bail out! %s", m->s[1]);
	(void)diagnostic_add(d, DIAGNOSTIC_ERROR, SORT_TEST, NULL, 0, 0, NULL, message);
	d->tap.planned = 0; /* who bails out owes no more tests */
	return true;
}

/* ---- comments ---- */

static bool failed_test(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_of(d, &tap_family);
	if (p && m->s[1] && !str_eq(str_text(&p->test), m->s[1]))
		finish_pending(d);
	if (pending_of(d, &tap_family) || !m->s[1])
		return true;
	p = pending_begin(d, &tap_family, DIAGNOSTIC_FAILURE, SORT_TEST);
	pending_set(&p->test, m->s[1]);
	return true;
}

static bool at_line(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_of(d, &tap_family);
	if (p && !p->file.len) {
		pending_set(&p->file, m->s[1]);
		p->line = diagnostic_number(m->s[2]);
	}
	return true;
}

static bool comment_detail(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_of(d, &tap_family);
	if (!p || str_starts(m->s[1], "Looks like") || str_starts(m->s[1], "Subtest"))
		return false;
	if (p->message.len < DIAGNOSTIC_MESSAGE_MAX)
		str_addf(&p->message, "%s%s", p->message.len ? "; " : "", m->s[1]);
	return true;
}

/* ---- YAML blocks ---- */

/* "'a.js:5:1'": file, line and column. */
static void take_location(struct pending *p, const char *value)
{
	auto_free char *text = xstrdup(value);
	int numbers[2] = { 0, 0 };
	size_t n = 0;
	for (; n < 2; n++) {
		char *colon = strrchr(text, ':');
		if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
			break;
		numbers[1] = numbers[0];
		numbers[0] = diagnostic_number(colon + 1);
		*colon = '\0';
	}
	if (!n)
		return;
	pending_set(&p->file, text);
	p->line = numbers[0];
	p->column = n == 2 ? numbers[1] : 0;
}

static char *unquote(const char *value)
{
	size_t len = strlen(value);
	if (len >= 2 && (value[0] == '\'' || value[0] == '"') && value[len - 1] == value[0])
		return xstrndup(value + 1, len - 2);
	return xstrdup(value);
}

static void yaml_value(struct diagnostics *d, struct pending *p, const char *key, const char *raw)
{
	auto_free char *value = unquote(raw);
	bool is_text = str_eq(key, "message") || str_eq(key, "error") || str_eq(key, "reason");
	if (str_eq(key, "location") || str_eq(key, "at"))
		take_location(p, strrchr(value, '(') ? strrchr(value, '(') + 1 : value);
	else if (str_eq(key, "file"))
		pending_set(&p->file, value);
	else if (str_eq(key, "line"))
		p->line = diagnostic_number(value);
	else if (str_eq(key, "column"))
		p->column = diagnostic_number(value);
	else if (str_eq(key, "failureType") && str_eq(value, "subtestsFailed"))
		p->stage = 1;
	else if (is_text && !p->message.len && (value[0] == '|' || value[0] == '>'))
		d->tap.yaml_text = true;
	else if (is_text && !p->message.len)
		str_add(&p->message, value);
}

static bool yaml_line(struct diagnostics *d, struct pending *p, const char *line)
{
	while (*line == ' ')
		line++;
	if (str_eq(line, "...")) {
		d->tap.in_yaml = d->tap.yaml_text = false;
		return true;
	}
	if (d->tap.yaml_text && *line) {
		d->tap.yaml_text = false;
		str_add(&p->message, line);
		return true;
	}
	size_t key_len = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
	if (!key_len || line[key_len] != ':')
		return true;
	auto_free char *key = xstrndup(line, key_len);
	const char *value = line + key_len + 1;
	while (*value == ' ')
		value++;
	yaml_value(d, p, key, value);
	return true;
}

/* What mocha writes below a result: the error and its trace, without marks. */
static bool bare_line(struct pending *p, const char *text)
{
	if (!*text || *text == '#' || isdigit((unsigned char)*text) || str_starts(text, "ok ") || str_starts(text, "not ok"))
		return false;
	if (str_starts(text, "at ")) {
		const char *from = strchr(text, '(') ? strchr(text, '(') + 1 : text + 3;
		auto_free char *place = xstrndup(from, strcspn(from, ")"));
		if (!p->file.len && !str_starts(place, "node:") && !strstr(place, "node_modules/"))
			take_location(p, place);
	} else if (!p->message.len) {
		str_add(&p->message, text);
	}
	return true;
}

static bool tap_line(struct diagnostics *d, const char *line)
{
	struct pending *p = pending_of(d, &tap_family);
	size_t spaces = strspn(line, " ");
	if (!p)
		return false;
	if (d->tap.in_yaml)
		return yaml_line(d, p, line);
	d->tap.in_yaml = spaces > 0 && str_eq(line + spaces, "---");
	return d->tap.in_yaml || (spaces > 1 && bare_line(p, line + spaces));
}

static void tap_end(struct diagnostics *d)
{
	finish_pending(d);
	if (!d->tap.on || d->tap.planned <= d->tap.ran)
		return;
	auto_free char *message = xasprintf("%lld tests were planned, but only %lld ran", (long long)d->tap.planned,
					    (long long)d->tap.ran);
	(void)diagnostic_add(d, DIAGNOSTIC_ERROR, SORT_TEST, NULL, 0, 0, NULL, message);
}

/* Of prove, without the results themselves. */
static bool prove_died(struct diagnostics *d, const struct diagnostic_match *m)
{
	if (!strstr(m->s[2], "exited") && !strstr(m->s[2], "No plan") && !strstr(m->s[2], "No subtests"))
		return false;
	finish_pending(d);
	if (!diagnostic_has_errors(d))
		(void)diagnostic_add(d, DIAGNOSTIC_ERROR, SORT_TEST, m->s[1], 0, 0, NULL, m->s[2]);
	return true;
}

/* clang-format off */
static const struct diagnostic_rule tap_rules[] = {
	{ "ok ",            "^((?: {4})*)(not )?ok (?:(\\d+)(?: -)?|-)(?: +(.*))?$", result },
	{ "1..",            "^((?: {4})*)1\\.\\.(\\d+)(?:\\s*#.*)?$", plan },
	{ "Bail out!",      "^Bail out!\\s*(.*)$", bail_out },
	{ "Failed test",    "^\\s*#\\s+Failed (?:\\(TOD[O]\\) )?test(?: '(.*)')?$", failed_test },
	{ "in test file",   "^\\s*# \\(in test file (.+), line (\\d+)\\)$", at_line },
	{ "line ",          "^\\s*#\\s+at (.+?) line (\\d+)\\.?$", at_line },
	{ "#",              "^\\s*#\\s{2,}(\\S.*)$", comment_detail },
	{ "Dubious",        "^(\\S+\\.t) \\.+.*(Dubious.*)$", prove_died },
	{ "(Wstat",         "^(\\S+)\\s+\\((Wstat: .* exited .*)\\)$", prove_died },
};
/* clang-format on */
const struct diagnostic_family tap_family = { PARSE_TAP, tap_rules, COUNT(tap_rules), tap_line, tap_end };
