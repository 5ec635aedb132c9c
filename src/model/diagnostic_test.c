/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Test runners whose results are one line each: Check, automake's parallel harness, ctest, cargo test. */
#include "model/diagnostic_rules.h"

#include <string.h>

/* Check: "FILE:LINE:F:CASE:TEST:ITERATION: MESSAGE" (its srunner_print). */
static bool check_result(struct diagnostics *d, const struct diagnostic_match *m)
{
	auto_free char *test = str_eq(m->s[5], "0") ? xstrdup(m->s[4]) : xasprintf("%s[%s]", m->s[4], m->s[5]);
	if (str_eq(m->s[3], "P"))
		return true;
	(void)diagnostic_add(d, DIAGNOSTIC_FAILURE, SORT_TEST, m->s[1], diagnostic_number(m->s[2]), 0, test, m->s[6]);
	return true;
}

/* "FAIL: tests/unit/x": it is named beside what it said itself, and again in the summary. */
static bool automake_result(struct diagnostics *d, const struct diagnostic_match *m)
{
	const char *message = str_eq(m->s[1], "FAIL") ? "failed" : str_eq(m->s[1], "XPASS") ? "passed unexpectedly" :
									"could not be run, or timed out";
	if (!diagnostic_of_test(d, m->s[2]))
		(void)diagnostic_add(d, DIAGNOSTIC_FAILURE, SORT_TEST, NULL, 0, 0, m->s[2], message);
	return true;
}

static bool ctest_result(struct diagnostics *d, const struct diagnostic_match *m)
{
	if (!diagnostic_of_test(d, m->s[1]))
		(void)diagnostic_add(d, DIAGNOSTIC_FAILURE, SORT_TEST, NULL, 0, 0, m->s[1], m->s[2]);
	return true;
}

/* ---- cargo test ---- */

static bool cargo_result(struct diagnostics *d, const struct diagnostic_match *m)
{
	if (!diagnostic_of_test(d, m->s[1]))
		(void)diagnostic_add(d, DIAGNOSTIC_FAILURE, SORT_TEST, NULL, 0, 0, m->s[1], "");
	return true;
}

static bool panicked(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct diagnostic *row = diagnostic_of_test(d, m->s[1]);
	if (!row && strstr(m->s[1], "::")) /* a thread with the name of a test; --quiet says no more */
		row = diagnostic_add(d, DIAGNOSTIC_FAILURE, SORT_TEST, NULL, 0, 0, m->s[1], "");
	if (!row) {
		struct pending *p = pending_begin(d, &test_family, DIAGNOSTIC_ERROR, SORT_OTHER);
		pending_set(&p->file, m->s[2]);
		p->line = diagnostic_number(m->s[3]);
		p->column = diagnostic_number(m->s[4]);
		return true;
	}
	diagnostic_place(d, row, m->s[2], diagnostic_number(m->s[3]), diagnostic_number(m->s[4]));
	if (!row->message[0]) {
		struct pending *p = pending_begin(d, &test_family, DIAGNOSTIC_NOTE, SORT_TEST);
		pending_set(&p->test, row->test);
	}
	return true;
}

static bool panicked_old(struct diagnostics *d, const struct diagnostic_match *m)
{
	struct diagnostic *row = diagnostic_of_test(d, m->s[1]);
	int line = diagnostic_number(m->s[4]), column = diagnostic_number(m->s[5]);
	if (!row) {
		(void)diagnostic_add(d, DIAGNOSTIC_ERROR, SORT_OTHER, m->s[3], line, column, NULL, m->s[2]);
		return true;
	}
	diagnostic_place(d, row, m->s[3], line, column);
	diagnostic_say(row, m->s[2]);
	return true;
}

/* The line after "panicked at FILE:LINE:COLUMN:" says why. */
static bool test_line(struct diagnostics *d, const char *line)
{
	struct pending *p = pending_of(d, &test_family);
	if (!p || !*line)
		return false;
	struct diagnostic *row = p->test.len ? diagnostic_of_test(d, p->test.p) : NULL;
	if (row) {
		diagnostic_say(row, line);
		pending_drop(d);
		return true;
	}
	pending_set(&p->message, line);
	pending_flush(d);
	return true;
}

/* clang-format off */
static const struct diagnostic_rule test_rules[] = {
	{ ":",           "^(\\S.*?):(\\d+):([PFE]):[^:]*:([^:]+):(\\d+): (.*)$", check_result },
	{ ": ",          "^(FAIL|ERROR|XPASS): (\\S+)(?: \\(exit status: \\d+\\))?$", automake_result },
	{ " - ",         "^\\s+\\d+ - (\\S+) \\((Failed|Timeout|SEGFAULT|Not Run|Child aborted|Subprocess aborted|"
	                 "Exception|ILLEGAL|NUMERICAL)\\)", ctest_result },
	{ "... FAILED",  "^test (.+?)(?: - should panic)? \\.\\.\\. FAILED$", cargo_result },
	{ "panicked at", "^thread '([^']+)' (?:\\(\\d+\\) )?panicked at (\\S+?):(\\d+):(\\d+):$", panicked },
	{ "panicked at", "^thread '([^']+)' panicked at '(.*)', (\\S+?):(\\d+):(\\d+)$", panicked_old },
};
/* clang-format on */
const struct diagnostic_family test_family = { PARSE_GENERIC, test_rules, COUNT(test_rules), test_line, NULL };
