/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Diagnostics: paths, limits, colours, hostile reports; classes and sentences. What real tools write is in
 * model_outputs. */
#include "model/classify.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* "KIND FILE:LINE:COLUMN: [TEST: ]MESSAGE" of each row, one a line. */
static void parse(enum check_parse parse, const char *root, const char *text, struct str *out)
{
	size_t n;
	auto_diagnostics *d = diagnostics_new(parse, root, NULL);
	diagnostics_feed(d, text, strlen(text));
	diagnostics_end(d);
	const struct diagnostic *v = diagnostics_list(d, &n);
	for (size_t i = 0; i < n; i++)
		str_addf(out, "%s %s:%d:%d: %s%s%s\n", diagnostic_kind_name(v[i].kind), v[i].file ? v[i].file : "-",
			 v[i].line, v[i].column, v[i].test ? v[i].test : "", v[i].test ? ": " : "", v[i].message);
}

#define TESTCASE(inner) "<testsuite><testcase classname='c' name='t' file='a.c' line='3'>" inner "</testcase></testsuite>"
#define BAD(at, why) "error -:0:0: the XML report is not good at byte " at ": " why "\n"
/* clang-format off */
static const struct { enum check_parse parse; const char *root, *text, *rows; } rows[] = {
	/* paths: from the workspace, wherever they are named from */
	{ PARSE_GCC, "/w", "/w/a.c:1:2: error: x\n", "error a.c:1:2: x\n" },
	{ PARSE_GCC, "/w", "./a.c:1:2: error: x\n", "error a.c:1:2: x\n" },
	{ PARSE_GCC, "/w", "sub/../a.c:1:2: error: x\n", "error a.c:1:2: x\n" },
	{ PARSE_GCC, "/w", "../other/a.c:1:2: error: x\n", "error ../other/a.c:1:2: x\n" },
	{ PARSE_GCC, "/w", "/where/a.c:1:2: error: x\n", "error /where/a.c:1:2: x\n" },
	{ PARSE_GCC, "/w", "/wide/a.c:1:2: error: x\n", "error /wide/a.c:1:2: x\n" },
	{ PARSE_GCC, NULL, "./a b.c:1: warning: x\n", "warning a b.c:1:0: x\n" },
	{ PARSE_AUTO, "/w", "make: Entering directory '/w/build'\n../a.c:1: error: x\nmake[1]: Entering directory '/w/build/in'\n"
	                    "b.c:2: error: y\nmake[1]: Leaving directory '/w/build/in'\nc.c:3: error: z\n",
	  "error a.c:1:0: x\nerror build/in/b.c:2:0: y\nerror build/c.c:3:0: z\n" },
	/* the same once; not the same twice */
	{ PARSE_GCC, "/w", "a.c:1: error: x\na.c:1: error: x\na.c:2: error: x\n", "error a.c:1:0: x\nerror a.c:2:0: x\n" },
	/* colours, carriage returns, links, titles, NUL-less rubbish */
	{ PARSE_GCC, "/w", "\033[01m\033[Ka.c:1:2:\033[m\033[K \033[01;31merror: \033[mx\r\n", "error a.c:1:2: x\n" },
	{ PARSE_GCC, "/w", "50%\rdone\ra.c:1: error: x\n", "error a.c:1:0: x\n" },
	{ PARSE_GCC, "/w", "\033]8;;http://h\033\\a.c:1: error: x\033]8;;\a\n", "error a.c:1:0: x\n" },
	{ PARSE_GCC, "/w", "a.c:1: error: \x01y\xff\n", "error a.c:1:0: \\x01y\\xFF\n" },
	{ PARSE_GCC, "/w", "a.c:1: error: no newline at the end", "error a.c:1:0: no newline at the end\n" },
	/* each parser by itself hears nothing of the others' */
	{ PARSE_MAKE, "/w", "a.c:1: error: x\nmake: *** [Makefile:3: a.o] Error 1\n", "error Makefile:3:0: a.o: Error 1\n" },
	{ PARSE_TAP, "/w", "a.c:1: error: x\nnot ok 1 - t\n", "failure -:0:0: t: \n" },
	{ PARSE_GO, "/w", "not ok 1 - t\n--- FAIL: TestX (0.00s)\n    x_test.go:3: no\n", "failure x_test.go:3:0: TestX: no\n" },
	{ PARSE_GENERIC, "/w", "a.tex:12: Undefined\nat 12:30:45: x\nhttp://h.org:80: x\nb.f(3): oops\n",
	  "error a.tex:12:0: Undefined\nerror b.f:3:0: oops\n" },
	/* TAP */
	{ PARSE_TAP, "/w", "1..2\nok 1\n", "error -:0:0: 2 tests were planned, but only 1 ran\n" },
	{ PARSE_TAP, "/w", "1..2\nok 1\nnot ok 2 # todo later\n", "" },
	{ PARSE_TAP, "/w", "1..0 # SKIP no net\n", "" },
	{ PARSE_TAP, "/w", "not ok 1 - a\n  ---\n  message: \"is \\\"b\\\"\"\n", "failure -:0:0: a: is \\\"b\\\"\n" },
	/* JUnit */
	{ PARSE_JUNIT, "/w", TESTCASE("<failure message='no &lt;b&gt; &#65;&#x42;'>x</failure>"), "failure a.c:3:0: c.t: no <b> AB\n" },
	{ PARSE_AUTO, "/w", "<?xml version='1.0'?>\n" TESTCASE("<failure><![CDATA[one\ntwo]]></failure>"), "failure a.c:3:0: c.t: one\n" },
	{ PARSE_JUNIT, "/w", TESTCASE("<skipped message='x'/>"), "" },
	{ PARSE_JUNIT, "/w", TESTCASE("<error type='Boom'/>"), "failure a.c:3:0: c.t: Boom\n" },
	{ PARSE_JUNIT, "/w", "<testsuite><error message='no suite'/></testsuite>", "error -:0:0: no suite\n" },
	{ PARSE_JUNIT, "/w", "<testsuite><testcase name='t'><failure message='m'>at /usr/x.js:9:1\nat /w/src/y.js:4:2</failure></testcase></testsuite>",
	  "failure src/y.js:4:0: t: m\n" },
	{ PARSE_JUNIT, "/w", "<a><b></a>", BAD("6", "the tag ends another element than the one that is open") },
	{ PARSE_JUNIT, "/w", "<a>", BAD("3", "the document ends before its elements do") },
	{ PARSE_JUNIT, "/w", "<a", BAD("2", "the document ends in a tag") },
	{ PARSE_JUNIT, "/w", "<a b='", BAD("6", "the document ends in a value") },
	{ PARSE_JUNIT, "/w", "<a b='1'c='2'/>", BAD("8", "a space is expected") },
	{ PARSE_JUNIT, "/w", "<a b=1/>", BAD("5", "a quoted value is expected") },
	{ PARSE_JUNIT, "/w", "<a b='<'/>", BAD("6", "'<' in a value") },
	{ PARSE_JUNIT, "/w", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", BAD("0", "a document type is not accepted") },
	{ PARSE_JUNIT, "/w", "<a>&x;</a>", BAD("3", "an entity is not known") },
	{ PARSE_JUNIT, "/w", "<a>&#xD800;</a>", BAD("3", "a character reference is not valid") },
	{ PARSE_JUNIT, "/w", "<a>&#0;</a>", BAD("3", "a character reference is not valid") },
	{ PARSE_JUNIT, "/w", "x", BAD("0", "text outside of the document") },
	{ PARSE_JUNIT, "/w", "<a><!-- ", BAD("3", "something begins here and does not end") },
	{ PARSE_JUNIT, "/w", "", "" },
};
/* clang-format on */

START_TEST(output_becomes_rows)
{
	auto_str got = STR_INIT;
	parse(rows[_i].parse, rows[_i].root, rows[_i].text, &got);
	ck_assert_str_eq(str_text(&got), rows[_i].rows);
}
END_TEST

START_TEST(errors_drive_out_warnings_when_there_are_too_many)
{
	auto_str text = STR_INIT;
	size_t n;
	for (int i = 1; i <= 300; i++)
		str_addf(&text, "w%d.c:%d: warning: w\n", i, i);
	for (int i = 1; i <= 3; i++)
		str_addf(&text, "e.c:%d: error: e\n", i);
	auto_diagnostics *d = diagnostics_new(PARSE_AUTO, NULL, NULL);
	diagnostics_feed(d, text.p, text.len);
	diagnostics_end(d);
	struct diagnostic_counts c = diagnostics_count(d);
	ck_assert_int_eq(c.warnings, 300);
	ck_assert_int_eq(c.errors, 3);
	ck_assert_int_eq(c.files, 1);
	const struct diagnostic *v = diagnostics_list(d, &n);
	ck_assert_uint_eq(n, DIAGNOSTICS_MAX);
	ck_assert_int_eq(v[n - 1].kind, DIAGNOSTIC_ERROR);
	ck_assert_int_eq(v[n - 3].line, 1);
	ck_assert_int_eq(v[0].line, 1);
}
END_TEST

START_TEST(long_lines_and_deep_reports_have_an_end)
{
	auto_str text = STR_INIT, got = STR_INIT;
	str_add(&text, "a.c:1: error: ");
	for (int i = 0; i < 100000; i++)
		str_add_char(&text, 'x');
	parse(PARSE_GCC, NULL, text.p, &got);
	ck_assert_uint_lt(got.len, DIAGNOSTIC_MESSAGE_MAX + 50);
	str_clear(&text);
	str_clear(&got);
	for (int i = 0; i < 100; i++)
		str_add(&text, "<a>");
	parse(PARSE_JUNIT, NULL, text.p, &got);
	ck_assert_ptr_nonnull(strstr(got.p, "nested too deeply"));
}
END_TEST

START_TEST(a_report_that_is_too_large_is_refused)
{
	auto_free char *piece = xmalloc(MIB);
	auto_diagnostics *d = diagnostics_new(PARSE_JUNIT, NULL, NULL);
	size_t n;
	memset(piece, ' ', MIB);
	for (int i = 0; i < 12; i++)
		diagnostics_feed(d, piece, MIB);
	diagnostics_end(d);
	const struct diagnostic *v = diagnostics_list(d, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_ptr_nonnull(strstr(v[0].message, "too large"));
}
END_TEST

/* clang-format off */
static const struct { struct agent_case c; enum error_class class; } agents[] = {
	{ { .exit_code = 0, .structured = true, .success = true }, CLASS_NONE },
	{ { .exit_code = 0, .structured = true, .success = false }, CLASS_AGENT_FAILURE },
	{ { .exit_code = 1, .structured = true, .success = false }, CLASS_AGENT_FAILURE },
	{ { .exit_code = 1 }, CLASS_AGENT_CRASH },
	{ { .exit_code = 139 }, CLASS_AGENT_CRASH },
	{ { .exit_code = 137 }, CLASS_AGENT_TIMEOUT },
	{ { .exit_code = 143, .timed_out = true }, CLASS_AGENT_TIMEOUT },
	{ { .exit_code = 0, .timed_out = true, .structured = true, .success = true }, CLASS_AGENT_TIMEOUT },
	{ { .exit_code = 0 }, CLASS_NONE },
};
#define RUN(n, c) { .level = LEVEL_L1, .kind = CHECK_RUN, .name = n, .command = c, .exit_code = 2 }
static const struct { struct check_case c; const char *output; enum error_class class; const char *message; } checks[] = {
	{ RUN("typecheck", "x"), "", CLASS_TYPECHECK, "typecheck failed: exit status 2, without output" },
	{ RUN("type-check", "x"), "last words\n\n", CLASS_TYPECHECK, "type-check failed: exit status 2: last words" },
	{ RUN("Build the tests", "x"), "", CLASS_TYPECHECK, NULL },
	{ RUN("lint", "x"), "", CLASS_LINT, NULL },
	{ RUN("ESLint", "x"), "", CLASS_LINT, NULL },
	{ RUN("test", "x"), "", CLASS_TEST, NULL },
	{ RUN("vitest", "x"), "", CLASS_TEST, NULL },
	{ RUN("unit-tests", "x"), "", CLASS_TEST, NULL },
	{ RUN("blackbox", "x"), "", CLASS_BLACKBOX, NULL },
	{ RUN("ci", "x"), "", CLASS_CI, NULL },
	{ RUN("latest", "x"), "", CLASS_VERIFICATION, NULL },
	{ RUN("decide", "x"), "", CLASS_VERIFICATION, NULL },
	{ RUN("run", "npm run lint"), "", CLASS_LINT, NULL },
	{ RUN("run", "npx tsc --noEmit"), "", CLASS_TYPECHECK, NULL },
	{ RUN("run", "make test"), "a.c:1:2: error: x\nb.c:1:2: error: y\n", CLASS_TYPECHECK,
	  "run failed: exit status 2, 2 errors in 2 files; the first: a.c:1:2: x" },
	{ RUN("run", "x"), "not ok 1 - a\n", CLASS_TEST, "run failed: exit status 2, 1 failed test: a" },
	{ RUN("lint", "x"), "a.c:1:2: warning: x\na.c:2:2: warning: x\n", CLASS_LINT,
	  "lint failed: exit status 2, 2 warnings in 1 file; the first: a.c:1:2: x" },
	{ { .kind = CHECK_RUN, .level = LEVEL_L3, .name = "sane", .signal = 11, .exit_code = 139 }, "", CLASS_VERIFICATION,
	  "sane failed: ended by signal 11, without output" },
	{ { .kind = CHECK_RUN, .level = LEVEL_L1, .name = "tests", .timed_out = true, .timeout_ms = 90000 }, "so far\n", CLASS_TEST,
	  "tests failed: did not end within 1m30s: so far" },
	{ { .kind = CHECK_FILES, .level = LEVEL_L0, .name = "files", .message = "README is missing" }, "", CLASS_CONTRACT,
	  "files failed: README is missing" },
	{ { .kind = CHECK_FIXTURE, .level = LEVEL_L2, .name = "tests", .message = "exit status 1, expected 0" }, "", CLASS_BLACKBOX,
	  "tests failed: exit status 1, expected 0" },
};
/* clang-format on */

START_TEST(agents_are_classified)
{
	ck_assert_str_eq(error_class_name(classify_agent(&agents[_i].c)), error_class_name(agents[_i].class));
}
END_TEST

START_TEST(checks_are_classified)
{
	auto_str message = STR_INIT;
	struct check_case c = checks[_i].c;
	auto_diagnostics *d = diagnostics_new(PARSE_AUTO, NULL, NULL);
	diagnostics_feed(d, checks[_i].output, strlen(checks[_i].output));
	diagnostics_end(d);
	c.diagnostics = d;
	c.output = checks[_i].output;
	ck_assert_str_eq(error_class_name(classify_check(&c)), error_class_name(checks[_i].class));
	classify_message(&c, &message);
	if (checks[_i].message)
		ck_assert_str_eq(str_text(&message), checks[_i].message);
}
END_TEST

/* clang-format off */
static const struct { const char *text; size_t lines, max; const char *tail; } tails[] = {
	{ "a\nb\nc\n", 2, 100, "b\nc\n" }, { "a\nb\nc", 2, 100, "b\nc" }, { "a\nb\n", 5, 100, "a\nb\n" },
	{ "", 5, 100, "" }, { "\n", 1, 100, "\n" }, { "abcdef", 1, 3, "def" }, { "ab\xe2\x82\xac", 1, 2, "" },
	{ "a\n\n\n", 2, 100, "\n\n" },
};
/* clang-format on */

START_TEST(the_last_lines_are_kept)
{
	const char *text = tails[_i].text;
	ck_assert_str_eq(text + tail_of(text, strlen(text), tails[_i].lines, tails[_i].max), tails[_i].tail);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model_diagnostic");
	TCase *t = tcase_create("diagnostic");
	tcase_add_loop_test(t, output_becomes_rows, 0, COUNT(rows));
	tcase_add_test(t, errors_drive_out_warnings_when_there_are_too_many);
	tcase_add_test(t, long_lines_and_deep_reports_have_an_end);
	tcase_add_test(t, a_report_that_is_too_large_is_refused);
	tcase_add_loop_test(t, agents_are_classified, 0, COUNT(agents));
	tcase_add_loop_test(t, checks_are_classified, 0, COUNT(checks));
	tcase_add_loop_test(t, the_last_lines_are_kept, 0, COUNT(tails));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
