/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text that comes from outside: UTF-8, JSON, ids, durations, and what may reach a terminal. */
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/utf8.h"

#include <check.h>
#include <string.h>

/* clang-format off */
static const struct { const char *in; size_t len; const char *plain; } safe[] = {
	{ "abc\tdef", 7, "abc\tdef" },
	{ "a\033]0;title\007b", 12, "a\\x1B]0;title\\x07b" },
	{ "a\rb\bc", 5, "a\\x0Db\\x08c" },
	{ "x\xc2\x9b" "31m", 6, "x\\xC2\\x9B31m" },
	{ "\xe2\x80\xae" "rtl", 6, "<U+202E>rtl" },
	{ "\xe6\xff", 2, "\\xE6\\xFF" },
	{ "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81", 13,
	  "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81" },
};
static const struct { const char *in; bool good; } json[] = {
	{ "{\"a\":1}", true }, { "[1,2.5,-3e2,\"x\",null,true]", true }, { " 7 ", true },
	{ "{\"a\":1,\"a\":2}", false }, { "[01]", false }, { "[1.]", false }, { "\"\\u0000\"", false },
	{ "\"\xff\"", false }, { "{} x", false }, { "\"a\nb\"", false }, { "", false }, { "[1e999]", false },
};
static const struct { const char *in; int64_t ms; } durations[] = {
	{ "90s", 90000 }, { "1h30m", 5400000 }, { "250ms", 250 }, { "2d", 172800000 }, { "15", 15000 },
	{ "", -1 }, { "5x", -1 }, { "h", -1 }, { "400d", -1 }, { "1h30", -1 },
};
/* clang-format on */

START_TEST(text_is_made_safe)
{
	auto_str s = STR_INIT;
	text_add_safe(&s, safe[_i].in, safe[_i].len, SAFE_PLAIN, false);
	ck_assert_str_eq(str_text(&s), safe[_i].plain);
}
END_TEST

START_TEST(reserved_memory_is_a_text)
{
	auto_str s = STR_INIT;
	str_reserve(&s, 100);
	auto_free char *text = str_take(&s);
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(json_is_strict)
{
	struct json *v = NULL;
	struct err err;
	enum err_code code = json_parse(json[_i].in, strlen(json[_i].in), 1000, &v, &err);
	ck_assert_msg((code == ERR_OK) == json[_i].good, "%s", json[_i].in);
	if (code == ERR_OK)
		json_free(v);
}
END_TEST

START_TEST(json_survives_a_round)
{
	static const char text[] = "{\"a\":[1,2.5,\"q\\\"\\n\\u001b\"],\"b\":{\"c\":null,\"d\":true}}";
	auto_json *v = NULL;
	ck_assert_int_eq(json_parse(text, strlen(text), 1000, &v, NULL), ERR_OK);
	auto_str s = STR_INIT;
	json_add(&s, v);
	ck_assert_str_eq(str_text(&s), text);
}
END_TEST

START_TEST(durations_parse)
{
	int64_t ms = -1;
	enum err_code code = duration_parse(durations[_i].in, &ms, NULL);
	ck_assert_int_eq(code == ERR_OK, durations[_i].ms >= 0);
	ck_assert_int_eq(ms, durations[_i].ms);
}
END_TEST

START_TEST(ids_are_ranges)
{
	id_t64 a = id_next(0, 1800000000000, 5), b = id_next(a, 1800000000000, 0), first, last;
	ck_assert_int_gt(b, a);
	struct id_text ta = id_text('r', a), tb = id_text('r', b);
	ck_assert_int_lt(strcmp(ta.s, tb.s), 0);
	ck_assert_int_eq(id_parse('r', ta.s, &first, &last, NULL), ERR_OK);
	ck_assert(first == a && last == a);
	ta.s[5] = '\0';
	ck_assert_int_eq(id_parse('r', ta.s, &first, &last, NULL), ERR_OK);
	ck_assert(first <= a && b <= last);
	ck_assert_int_ne(id_parse('r', "o-123", &first, &last, NULL), ERR_OK);
	ck_assert_int_ne(id_parse('r', "r-u!", &first, &last, NULL), ERR_OK);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base_text");
	TCase *t = tcase_create("text");
	tcase_add_test(t, reserved_memory_is_a_text);
	tcase_add_loop_test(t, text_is_made_safe, 0, (int)COUNT(safe));
	tcase_add_loop_test(t, json_is_strict, 0, (int)COUNT(json));
	tcase_add_test(t, json_survives_a_round);
	tcase_add_loop_test(t, durations_parse, 0, (int)COUNT(durations));
	tcase_add_test(t, ids_are_ranges);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
