/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Regular expressions: what they match in text that may be no UTF-8, and what a plan says of a pattern. */
#include "base/regex.h"

#include "base/str.h"

#include <check.h>
#include <string.h>

/* clang-format off */
static const struct { const char *pattern, *text; int start, end; } matches[] = {
	{ "\\S+", "  \xc3\xa4" "b\xe2\x84\xaa" "c d", 2, 9 },
	{ "\\D*1", "\xc3\xa4" "1", 0, 3 },
	{ "\\W+", "ab\xe2\x82\xac-c", 2, 6 },
	{ "[\\S]+\\S", "\xc3\xa4\xc3\xb6", 0, 4 },
	{ "\\QS\\S\\E", "\\SS\\S", 2, 5 },
	{ "\\\\S", "a\\S", 1, 3 },
	{ "[]\\]\\S]+", "]\xc3\xa4 ", 0, 3 },
	{ "[[:alpha:]\\S]+\\S", "a\xc3\xa4 ", 0, 3 },
	{ ".", "\xff\x80" "a", 2, 3 },
	{ "b$", "a\nb", 2, 3 },
};
static const struct { const char *pattern; unsigned int flags; const char *texts; bool exact, fold, lines; } plans[] = {
	{ "abc", 0, "abc", true, false, true },
	{ "a\\.c", 0, "a.c", true, false, true },
	{ "abc", REGEX_CASELESS, "abc", true, true, true },
	{ "task", REGEX_CASELESS, "task|tas\xe2\x84\xaa|ta\xc5\xbf" "k|ta\xc5\xbf\xe2\x84\xaa", false, true, true },
	{ "(?i)error", 0, "error", true, true, true },
	{ "a+bcd*", 0, "bc", false, false, true },
	{ "ab{0,3}cde?f", 0, "cd", false, false, true },
	{ "ab{2}c", 0, "ab", false, false, true },
	{ "x{,2}", 0, "x{,2}", true, false, true },
	{ "(abcdef)?gh", 0, "gh", false, false, true },
	{ "abc|def", 0, "abc|def", false, false, true },
	{ "(abc|def)gh", 0, "abcgh|defgh", false, false, true },
	{ "abc|", 0, NULL, false, false, true },
	{ "|abc|de", 0, NULL, false, false, true },
	{ "(?:ab|\\d)cde", 0, "cde", false, false, true },
	{ "[a-z_/]+\\.[ch]:\\d+", 0, ".c:|.h:", false, false, true },
	{ "[abcd][abcd][abcd]e", 0, "ae|be|ce|de", false, false, true },
	{ "(?<name>foo)bar", 0, "foobar", true, false, true },
	{ "foo(?=bar|baz)", 0, "foo", false, false, false },
	{ "two\nx", REGEX_LITERAL, "two\nx", false, false, false },
	{ "^took=\\d+ms$", 0, "took=", false, false, true },
	{ "a\\nb", 0, "a", false, false, false },
	{ "foo(?!bar)", 0, "foo", false, false, false },
	{ "a(*ACCEPT)bcd", 0, NULL, false, false, false },
	{ "(?x)a b", 0, NULL, false, false, false },
	{ "\\Qabc\\E", 0, NULL, false, false, false },
	{ "a\\x62cd", 0, NULL, false, false, false },
	{ "a.c", REGEX_LITERAL, "a.c", true, false, true },
	{ "\\d+", 0, NULL, false, false, true },
	{ "a++b", 0, "a", false, false, false },
};
/* clang-format on */

START_TEST(matches_are_where_they_should_be)
{
	auto_regex *re = NULL;
	ck_assert_int_eq(regex_new(matches[_i].pattern, 0, &re, NULL), ERR_OK);
	size_t start = 99, end = 99;
	ck_assert(regex_find(re, matches[_i].text, strlen(matches[_i].text), 0, &start, &end, NULL));
	ck_assert_int_eq((int)start, matches[_i].start);
	ck_assert_int_eq((int)end, matches[_i].end);
}
END_TEST

START_TEST(a_plan_knows_what_every_match_holds)
{
	auto_regex *re = NULL;
	ck_assert_int_eq(regex_new(plans[_i].pattern, plans[_i].flags, &re, NULL), ERR_OK);
	struct regex_plan plan;
	regex_plan_init(&plan, re);
	auto_str texts = STR_INIT;
	for (size_t i = 0; i < plan.ntexts; i++)
		str_addf(&texts, "%s%s", i ? "|" : "", plan.texts[i].p);
	ck_assert_str_eq(str_text(&texts), plans[_i].texts ? plans[_i].texts : "");
	ck_assert_int_eq(plan.exact, plans[_i].exact);
	ck_assert_int_eq(plan.fold, plans[_i].fold);
	ck_assert_int_eq(plan.lines != NULL, plans[_i].lines);
	regex_plan_done(&plan);
}
END_TEST

START_TEST(a_bad_pattern_says_where)
{
	struct regex *re = NULL;
	struct err err;
	ck_assert_int_eq(regex_new("a\\S(b", 0, &re, &err), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.message, "character 6"));
	char long_one[REGEX_MAX + 2];
	memset(long_one, 'a', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	ck_assert_int_eq(regex_new(long_one, 0, &re, &err), ERR_TOO_LARGE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base_regex");
	TCase *c = tcase_create("regex");
	tcase_add_loop_test(c, matches_are_where_they_should_be, 0, COUNT(matches));
	tcase_add_loop_test(c, a_plan_knows_what_every_match_holds, 0, COUNT(plans));
	tcase_add_test(c, a_bad_pattern_says_where);
	suite_add_tcase(suite, c);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
