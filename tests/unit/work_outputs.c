/* SPDX-License-Identifier: GPL-3.0-or-later */
/* $PAWL_OUTPUT, and which scripts need no shell. */
#include "work/executor.h"

#include <check.h>
#include <string.h>

/* clang-format off */
static const struct { const char *text, *json; } good[] = {
	{ "", "{}" },
	{ "a=1\n", "{\"a\":\"1\"}" },
	{ "a=1", "{\"a\":\"1\"}" },
	{ "a=\nb=x=y\n\n", "{\"a\":\"\",\"b\":\"x=y\"}" },
	{ "a=1\na=2\n", "{\"a\":\"2\"}" },
	{ "t<<END\none\ntwo\nEND\nz=3\n", "{\"t\":\"one\\ntwo\",\"z\":\"3\"}" },
	{ "t<<END\nEND", "{\"t\":\"\"}" },
	{ "t<<END\n\nEND\n", "{\"t\":\"\"}" },
	{ "t<<END\n\n\nEND\n", "{\"t\":\"\\n\"}" },
	{ "a=x<<y\n", "{\"a\":\"x<<y\"}" },
	{ "t<<A=B\nv\nA=B\n", "{\"t\":\"v\"}" },
};
static const struct { const char *text, *says; } bad[] = {
	{ "ok=1\nhello\n", "line 2" },
	{ "=1\n", "line 1" },
	{ "1a=1\n", "line 1" },
	{ "a b=1\n", "line 1" },
	{ "a=1\nt<<END\nx\n", "line 2" },
	{ "t<<\nx\n", "line 1" },
};
static const struct { const char *script; int words; } plain[] = {
	{ "make", 1 }, { "make -j2 check\n", 3 }, { "  ./run a=b --x=1,2 \t c:d@e+f%g \n\n", 4 },
	{ "/bin/true", 1 }, { "sleep 5", 2 },
	{ "", 0 }, { "\n", 0 }, { "cd /tmp", 0 }, { "echo hi", 0 }, { "true", 0 }, { "a=b make", 0 },
	{ "make\nmake", 0 }, { "make $X", 0 }, { "make 'x'", 0 }, { "ls *.c", 0 }, { "ls ~", 0 },
	{ "a | b", 0 }, { "a && b", 0 }, { "a; b", 0 }, { "a > b", 0 }, { "# a", 0 }, { "a # b", 0 },
	{ "! a", 0 }, { "{ a", 0 }, { "if", 0 }, { "a \\b", 0 }, { "a `b`", 0 }, { "a {b,c}", 0 },
	{ "a [b]", 0 }, { "a?", 0 }, { "a\rb", 0 }, { "%1", 0 }, { "a \xc3\xa9", 0 }, { "a \"b\"", 0 },
	{ "a (b)", 0 }, { "a !b", 0 }, { "a ^b", 0 }, { ". x", 0 }, { ": x", 0 }, { "[ a", 0 },
};
/* clang-format on */

START_TEST(outputs_are_taken)
{
	auto_str json = STR_INIT;
	struct err err;
	ck_assert_msg(outputs_parse(good[_i].text, strlen(good[_i].text), &json, &err) == ERR_OK, "%s",
		      err.message);
	ck_assert_str_eq(str_text(&json), good[_i].json);
}
END_TEST

START_TEST(bad_outputs_name_the_line)
{
	auto_str json = STR_INIT;
	struct err err;
	ck_assert_int_ne(outputs_parse(bad[_i].text, strlen(bad[_i].text), &json, &err), ERR_OK);
	ck_assert_ptr_nonnull(strstr(err.message, bad[_i].says));
}
END_TEST

START_TEST(too_much_output_is_refused)
{
	auto_free char *text = xmalloc(OUTPUTS_MAX + 1);
	memset(text, 'a', OUTPUTS_MAX + 1);
	auto_str json = STR_INIT;
	ck_assert_int_eq(outputs_parse(text, OUTPUTS_MAX + 1, &json, NULL), ERR_TOO_LARGE);
}
END_TEST

/* clang-format off */
static const struct {
	const char *text;
	enum error_class given, class;
	const char *outputs, *report, *message;
	int64_t after;
} reports[] = {
	{ "{}", CLASS_NONE, CLASS_NONE, "", "", "", 0 },
	{ "{\"outputs\":{\"a\":\"1\",\"n\":2,\"l\":[1],\"no\":null},\"report\":{\"kind\":\"x\"}}", CLASS_NONE, CLASS_NONE,
	  "{\"a\":\"1\",\"n\":\"2\",\"l\":\"[1]\"}", "{\"kind\":\"x\"}", "", 0 },
	{ "{\"class\":\"http_status\",\"message\":\"a\\u001bb\",\"retry_after_ms\":70}", CLASS_EXIT, CLASS_HTTP_STATUS, "", "",
	  "a\\x1Bb", 70 },
	{ "{\"class\":\"http_status\",\"message\":\"m\"}", CLASS_NONE, CLASS_HTTP_STATUS, "", "", "m", 0 },
	{ "{\"class\":\"no_such\",\"message\":\"m\"}", CLASS_EXIT, CLASS_EXIT, "", "", "m", 0 },
	{ "{\"class\":\"http_status\",\"message\":\"m\",\"report\":{}}", CLASS_TIMEOUT, CLASS_TIMEOUT, "", "{}", "", 0 },
	{ "{\"outputs\":", CLASS_EXIT, CLASS_EXIT, "", "", "", 0 },
};
/* clang-format on */

START_TEST(reports_are_taken)
{
	const char *text = reports[_i].text;
	struct step_result r = { .class = reports[_i].given, .outputs = text, .outputs_len = strlen(text) };
	CLEANUP(step_end_done) struct step_end end = { 0 };
	report_take(&r, &end);
	ck_assert_int_eq(r.class, reports[_i].class);
	ck_assert_str_eq(str_text(&end.outputs), reports[_i].outputs);
	ck_assert_str_eq(str_text(&end.report), reports[_i].report);
	ck_assert_str_eq(str_text(&end.message), reports[_i].message);
	ck_assert_int_eq(end.retry_after_ms, reports[_i].after);
}
END_TEST

START_TEST(a_broken_report_fails_a_good_end)
{
	const char *text = "[1]";
	struct step_result r = { .outputs = text, .outputs_len = strlen(text) };
	CLEANUP(step_end_done) struct step_end end = { 0 };
	report_take(&r, &end);
	ck_assert_int_eq(r.class, CLASS_OUTPUT);
	ck_assert_ptr_nonnull(strstr(end.message.p, "JSON object"));
}
END_TEST

START_TEST(plain_commands_are_told_apart)
{
	auto_str words = STR_INIT;
	size_t n = 0;
	ck_assert_int_eq(script_is_plain(plain[_i].script, &words, &n), plain[_i].words > 0);
	ck_assert_uint_eq(n, (size_t)plain[_i].words);
	size_t seen = 0;
	for (const char *at = str_text(&words); at < str_text(&words) + words.len; seen++)
		at += strlen(at) + 1;
	ck_assert_uint_eq(seen, n);
}
END_TEST

START_TEST(the_last_value_of_a_variable_counts)
{
	struct step_build b = { 0 };
	for (int i = 0; i < 100; i++) {
		auto_free char *name = xasprintf("N%d", i % 60);
		auto_free char *value = xasprintf("%d", i);
		step_env(&b, name, value);
	}
	ck_assert_uint_eq(b.nenv, 60);
	ck_assert_str_eq(b.spec.env[0], "N0=60");
	ck_assert_str_eq(b.spec.env[59], "N59=59");
	ck_assert_ptr_null(b.spec.env[60]);
	step_build_done(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("work_outputs");
	TCase *t = tcase_create("outputs");
	tcase_add_loop_test(t, outputs_are_taken, 0, (int)COUNT(good));
	tcase_add_loop_test(t, bad_outputs_name_the_line, 0, (int)COUNT(bad));
	tcase_add_test(t, too_much_output_is_refused);
	tcase_add_loop_test(t, plain_commands_are_told_apart, 0, (int)COUNT(plain));
	tcase_add_test(t, the_last_value_of_a_variable_counts);
	tcase_add_loop_test(t, reports_are_taken, 0, (int)COUNT(reports));
	tcase_add_test(t, a_broken_report_fails_a_good_end);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
