/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pytest (sections with one test each, the short summary), unittest, and tracebacks of Python. */
#include "model/diagnostic_rules.h"

#include <string.h>

/* ---- pytest ---- */

/* The name by which section and summary can be told to mean the same. */
static char *plain_name(const char *name)
{
	auto_str s = STR_INIT;
	const char *at = strstr(name, "ERROR collecting ") ? name + strlen("ERROR collecting ") :
			 strstr(name, "ERROR at setup of ") ? name + strlen("ERROR at setup of ") :
			 strstr(name, "ERROR at teardown of ") ? name + strlen("ERROR at teardown of ") : name;
	for (; *at; at++) {
		str_add_char(&s, at[0] == ':' && at[1] == ':' ? '.' : *at);
		at += at[0] == ':' && at[1] == ':';
	}
	return str_take(&s);
}

static void finish_pending(struct diagnostics *d)
{
	if (!pending_of(d, &python_family))
		return;
	/* Only with something to say: a traceback of another program may begin and never end. */
	if (d->pending.message.len || d->pending.test.len)
		pending_flush(d);
	else
		pending_drop(d);
	d->python.in_traceback = false;
}

static bool section(struct diagnostics *d, const struct diagnostic_match *m)
{
	finish_pending(d);
	d->python.in_failures = str_eq(m->s[1], "FAILURES") || str_eq(m->s[1], "ERRORS");
	return true;
}

static bool one_test(struct diagnostics *d, const struct diagnostic_match *m)
{
	if (!d->python.in_failures)
		return false;
	auto_free char *name = plain_name(m->s[1]);
	bool collecting = str_starts(m->s[1], "ERROR collecting");
	finish_pending(d);
	struct pending *p = pending_begin(d, &python_family, collecting ? DIAGNOSTIC_ERROR : DIAGNOSTIC_FAILURE, SORT_TEST);
	pending_set(&p->test, name);
	if (d->python.tests.n < DIAGNOSTICS_MAX * 10)
		smap_put(&d->python.tests, name, d);
	return true;
}

/* "test_x.py:5: AssertionError", "test_x.py:5: in test_add": the last one before the next test is where it failed. */
static bool test_place(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_of(d, &python_family);
	if (!p || !d->python.in_failures)
		return false;
	if (p->file.len && m->s[1][0] == '/' && d->root && !str_starts(m->s[1], d->root))
		return true; /* in a library, called from the test */
	pending_set(&p->file, m->s[1]);
	p->line = diagnostic_number(m->s[2]);
	return true;
}

static bool test_message(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_of(d, &python_family);
	if (!p || !d->python.in_failures)
		return false;
	if (!p->message.len)
		str_add(&p->message, m->s[1]);
	return true;
}

/* The short summary; what its section said before is not said twice. */
static bool summary(struct diagnostics *d, const struct diagnostic_match *m)
{
	bool failed = str_eq(m->s[1], "FAILED");
	const char *test = m->s[3], *message = m->s[4] ? m->s[4] : "";
	auto_free char *name = plain_name(test ? test : m->s[2]);
	if (!failed && !test && str_starts(m->s[2], "("))
		return false;
	finish_pending(d);
	if (!smap_get(&d->python.tests, name))
		(void)diagnostic_add(d, failed || test ? DIAGNOSTIC_FAILURE : DIAGNOSTIC_ERROR, SORT_TEST, m->s[2], 0, 0,
				     name, message);
	return true;
}

/* ---- unittest and tracebacks ---- */

static bool unit_test(struct diagnostics *d, const struct diagnostic_match *m)
{
	finish_pending(d);
	struct pending *p = pending_begin(d, &python_family, DIAGNOSTIC_FAILURE, SORT_TEST);
	pending_set(&p->test, m->s[2]);
	return true;
}

static bool traceback(struct diagnostics *d, const struct diagnostic_match *m UNUSED)
{
	if (!pending_of(d, &python_family))
		(void)pending_begin(d, &python_family, DIAGNOSTIC_ERROR, SORT_OTHER);
	d->python.in_traceback = true;
	return true;
}

/* The innermost frame in the workspace; another one only if there is none. */
static bool frame(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_of(d, &python_family);
	bool own = m->s[1][0] != '/' || (d->root && str_starts(m->s[1], d->root));
	if (!p && m->s[3])
		return false;
	if (!p) { /* a SyntaxError has no head */
		p = pending_begin(d, &python_family, DIAGNOSTIC_ERROR, SORT_COMPILER);
		d->python.in_traceback = true;
	}
	if (m->s[1][0] == '<' || (!own && p->stage))
		return true;
	p->stage = own;
	pending_set(&p->file, m->s[1]);
	p->line = diagnostic_number(m->s[2]);
	return true;
}

static bool exception(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct pending *p = pending_of(d, &python_family);
	if (!p || !d->python.in_traceback)
		return false;
	d->python.in_traceback = false;
	if (!p->message.len)
		str_add(&p->message, m->s[0]);
	if (!p->test.len)
		pending_flush(d);
	return true;
}

static bool rule_line(struct diagnostics *d, const struct diagnostic_match *m UNUSED)
{
	struct pending *p = pending_of(d, &python_family);
	if (p && p->message.len)
		finish_pending(d);
	return p != NULL;
}

/* Lines within a block of pytest are no findings of other tools. */
static bool python_line(struct diagnostics *d, const char *line)
{
	return d->python.in_failures && pending_of(d, &python_family) && (line[0] == ' ' || line[0] == '>');
}

/* clang-format off */
static const struct diagnostic_rule python_rules[] = {
	{ "====",       "^={3,} ?([A-Za-z].*?) ?={3,}$", section },
	{ "___",        "^_{3,} (.+) _{3,}$", one_test },
	{ "E  ",        "^E {2,}(\\S.*)$", test_message },
	{ ".py:",       "^(\\S.*?\\.py):(\\d+): (?:in \\S+|[A-Z]\\w+|\\w+\\.[\\w.]+)?$", test_place },
	{ "FAILED ",    "^(FAILED) (\\S+?\\.py)::(\\S+(?:\\[.*?\\])?)(?: - (.*))?$", summary },
	{ "ERROR ",     "^(ERROR) (\\S+?\\.py)(?:::(\\S+(?:\\[.*?\\])?))?(?: - (.*))?$", summary },
	{ ": ",         "^(FAIL|ERROR): (\\w+) \\([\\w.]+\\)", unit_test },
	{ "Traceback",  "^Traceback \\(most recent call last\\):$", traceback },
	{ "File \"",    "^\\s+File \"(.+)\", line (\\d+)(, in .*)?$", frame },
	{ NULL,         "^(?:[A-Za-z_]\\w*\\.)*[A-Z]\\w*(?:Error|Exception|Warning|Interrupt|Exit)\\b.*$", exception },
	{ NULL,         "^(?:[A-Za-z_]\\w*\\.)+\\w+(?:: .*)?$", exception },
	{ "----",       "^-{60,}$", rule_line },
};
/* clang-format on */
const struct diagnostic_family python_family = { PARSE_PYTEST, python_rules, COUNT(python_rules), python_line,
						  finish_pending };
