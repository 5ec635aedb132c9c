/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which locale an Accept-Language leads to, and what a process asks for. The locales of the machine decide which there
 * are, so the rows are about which one wins, and about what must lead nowhere. */
#include "base/language.h"

#include "base/base.h"

#include <check.h>
#include <string.h>

static const char *const nowhere[] = {
	"", ",", ", ,;", "en", "en-GB", "EN", "*", "xx", "xx-YY", "q", "x-klingon", "de;q=0", "de;q=0.0", "de; q=x", "de;level=1",
	"../../etc-DE", "/tmp-DE", "d", "de_DE", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-DE",
};

START_TEST(leads_nowhere)
{
	ck_assert_ptr_eq(language_find(nowhere[_i]), LC_GLOBAL_LOCALE);
}
END_TEST

START_TEST(nothing_is_asked_for)
{
	ck_assert_ptr_eq(language_find(NULL), LC_GLOBAL_LOCALE);
}
END_TEST

/* English is always there: what weighs less than it does not win, and neither does what this machine lacks. */
START_TEST(the_weight_decides)
{
	ck_assert_ptr_eq(language_find("xx-XX, en;q=0.9, yy-YY;q=0.8"), LC_GLOBAL_LOCALE);
	locale_t german = language_find("de-DE");
	ck_assert_ptr_eq(language_find("de-DE;q=0.5, en;q=0.8"), LC_GLOBAL_LOCALE);
	ck_assert_ptr_eq(language_find("en;q=0.123, de-DE;q=0.124"), german);
	ck_assert_ptr_eq(language_find("xx, de-DE;q=0.2"), german);
	ck_assert_ptr_eq(language_find("de-DE"), german);
}
END_TEST

/* Whatever comes, no more than a few locales are kept. */
START_TEST(many_tags)
{
	for (int i = 0; i < 1000; i++) {
		auto_free char *tag = xasprintf("l%c%c-X%c", 'a' + i % 26, 'a' + i / 26 % 26, 'A' + i % 26);
		(void)language_find(tag);
	}
	ck_assert_ptr_eq(language_find("en"), LC_GLOBAL_LOCALE);
}
END_TEST

START_TEST(english_asks_for_nothing)
{
	auto_str s = STR_INIT;
	(void)setlocale(LC_MESSAGES, "C");
	(void)setenv("LANGUAGE", "de:es", 1);
	language_wanted(&s);
	ck_assert_str_eq(str_text(&s), "");
}
END_TEST

START_TEST(numbers_keep_their_point)
{
	(void)setenv("LC_ALL", "de_DE.UTF-8", 1);
	language_begin();
	ck_assert_str_eq(localeconv()->decimal_point, ".");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("language");
	TCase *t = tcase_create("all");
	tcase_add_loop_test(t, leads_nowhere, 0, COUNT(nowhere));
	tcase_add_test(t, nothing_is_asked_for);
	tcase_add_test(t, the_weight_decides);
	tcase_add_test(t, many_tags);
	tcase_add_test(t, english_asks_for_nothing);
	tcase_add_test(t, numbers_keep_their_point);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
