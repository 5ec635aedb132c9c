/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Logs beside each other: what is left out, and what is shown. */
#include "journal/compare.h"

#include <check.h>
#include <string.h>

static const struct {
	const char *line, *masked;
} masks[] = {
	{ "plain words stay", "plain words stay" },
	{ "2026-11-21T06:42:30.123Z start", "# start" },
	{ "2026-11-21 06:42:30,123 start", "# start" },
	{ "[06:42:30] start", "[#] start" },
	{ "[06:42] start", "[#] start" },
	{ "Nov 21 06:42:30 host sshd[812]: hello", "Nov # # host sshd[#]: hello" },
	{ "main.c:3:12: error: expected ';'", "main.c:3:12: error: expected ';'" },
	{ "took 12.5 s, or 300ms, or 0m1.204s", "took # s, or #ms, or #m#s" },
	{ "real\t0m0.311s", "real\t#m#s" },
	{ "5 items, 3 more", "5 items, 3 more" },
	{ "5 sheep", "5 sheep" },
	{ "at 0x7ffc12ab and 0x55de", "at # and #" },
	{ "commit 4a0eddf", "commit #" },
	{ "deface the facade", "deface the facade" },
	{ "1234567 bytes", "1234567 bytes" },
	{ "now 1795242612680", "now #" },
	{ "id 0f7c2a9e-5b1d-4c3e-9a60-2f4d8b7e6c11.", "id #." },
	{ "run r-0wcpkt7te of o-0wcpkt7b3", "run r-# of o-#" },
	{ "or-else", "or-else" },
	{ "pid 4711 left, pid=12", "pid # left, pid=#" },
	{ "wrote /tmp/tmp.v9G5stPOdY/home", "wrote /tmp/#/home" },
	{ "\033[31mred\033[0m \033]0;title\007x", "red x" },
	{ "cut \033[3", "cut " },
	{ "line\r", "line" },
	{ "version 1.2.3", "version 1.2.3" },
	{ "v1.2.3 of 2026", "v1.2.3 of 2026" },
	{ "exit 3", "exit 3" },
	{ "", "" },
};

START_TEST(what_differs_by_itself_is_left_out)
{
	auto_str s = STR_INIT;
	log_mask(masks[_i].line, strlen(masks[_i].line), &s);
	ck_assert_str_eq(str_text(&s), masks[_i].masked);
}
END_TEST

static void compared(const char *a, const char *b, int64_t context, size_t max, struct str *out)
{
	struct text_lines la, lb;
	lines_of_text(a, &la);
	lines_of_text(b, &lb);
	struct jw w = jw_begin(out);
	struct compare_options o = { true, context, max, 100 };
	lines_compare(&la, &lb, &o, &w, NULL);
	lines_done(&la);
	lines_done(&lb);
}

START_TEST(equal_ones)
{
	auto_str s = STR_INIT;
	compared("begin 06:00:01\ntook 3 s\n", "begin 07:10:02\ntook 4 s\n", 3, 100, &s);
	ck_assert_str_eq(str_text(&s), "{\"same\":2,\"removed\":0,\"added\":0,\"from_a\":1,\"from_b\":1,\"hunks\":[],\"truncated\":false}");
}
END_TEST

START_TEST(hunks_have_their_context)
{
	auto_str s = STR_INIT;
	compared("1\n2\n3\n4\nold\n6\n7\n8\n9\n10\n11\nend\n", "1\n2\n3\n4\nnew\n6\n7\n8\n9\n10\n11\nend\nmore", 1, 100, &s);
	ck_assert_str_eq(str_text(&s),
			 "{\"same\":11,\"removed\":1,\"added\":2,\"from_a\":1,\"from_b\":1,\"hunks\":["
			 "{\"a\":4,\"b\":4,\"lines\":[{\"op\":\"same\",\"a\":4,\"b\":4,\"text\":\"4\"},"
			 "{\"op\":\"remove\",\"a\":5,\"b\":null,\"text\":\"old\"},{\"op\":\"add\",\"a\":null,\"b\":5,\"text\":\"new\"},"
			 "{\"op\":\"same\",\"a\":6,\"b\":6,\"text\":\"6\"}]},"
			 "{\"a\":12,\"b\":12,\"lines\":[{\"op\":\"same\",\"a\":12,\"b\":12,\"text\":\"end\"},"
			 "{\"op\":\"add\",\"a\":null,\"b\":13,\"text\":\"more\"}]}],\"truncated\":false}");
}
END_TEST

START_TEST(long_ones_are_cut)
{
	auto_str s = STR_INIT, a = STR_INIT;
	for (int i = 0; i < 50; i++)
		str_addf(&a, "line%c\n", 'a' + i % 26);
	compared(str_text(&a), "nothing\n", 3, 10, &s);
	auto_json *v = NULL;
	ck_assert_int_eq(json_parse(s.p, s.len, MIB, &v, NULL), ERR_OK);
	ck_assert(json_get_bool(v, "truncated", false));
	ck_assert_int_eq(json_get_int(v, "removed", 0), 50);
	ck_assert_uint_eq(json_count(json_get(json_first(json_get(v, "hunks")), "lines")), 10);
}
END_TEST

START_TEST(no_log_is_an_empty_one)
{
	struct text_lines l;
	struct err err;
	ck_assert_int_eq(lines_of_log("/nonexistent/x.log", &l, &err), ERR_OK);
	ck_assert_uint_eq(l.n, 0);
	lines_done(&l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("compare");
	TCase *t = tcase_create("all");
	tcase_add_loop_test(t, what_differs_by_itself_is_left_out, 0, COUNT(masks));
	tcase_add_test(t, equal_ones);
	tcase_add_test(t, hunks_have_their_context);
	tcase_add_test(t, long_ones_are_cut);
	tcase_add_test(t, no_log_is_an_empty_one);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
