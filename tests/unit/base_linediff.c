/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Differences: known ones, and random ones that must make the one sequence into the other. */
#include "base/linediff.h"
#include "base/rng.h"
#include "base/str.h"

#include <check.h>
#include <string.h>

/* Each letter is a line. */
static size_t numbers(const char *s, int *ret)
{
	size_t n = strlen(s);
	for (size_t i = 0; i < n; i++)
		ret[i] = (unsigned char)s[i];
	return n;
}

static const struct {
	const char *a, *b, *script; /* "=2-1+1": same, removed, added */
} rows[] = {
	{ "", "", "" },
	{ "abc", "abc", "=3" },
	{ "", "ab", "+2" },
	{ "ab", "", "-2" },
	{ "abc", "axc", "=1-1+1=1" },
	{ "abc", "abxc", "=2+1=1" },
	{ "abxc", "abc", "=2-1=1" },
	{ "abcabba", "cbabac", "" /* its length alone is known */ },
	{ "xaaay", "xaay", "=3-1=1" },
	{ "abcdef", "defabc", "" },
	{ "aaaa", "bbbb", "-4+4" },
};

static void apply(const int *a, size_t na, const int *b, size_t nb, struct str *script)
{
	struct linediff d;
	linediff_make(a, na, b, nb, &d);
	size_t x = 0, y = 0;
	for (size_t i = 0; i < d.n; i++) {
		const struct diff_part *p = &d.v[i];
		ck_assert_uint_eq(p->a, x);
		ck_assert_uint_eq(p->b, y);
		ck_assert_uint_gt(p->n, 0);
		ck_assert(!i || d.v[i - 1].op != p->op);
		ck_assert(!i || p->op != DIFF_REMOVE || d.v[i - 1].op != DIFF_ADD);
		for (size_t k = 0; p->op == DIFF_SAME && k < p->n; k++)
			ck_assert_int_eq(a[x + k], b[y + k]);
		x += p->op == DIFF_ADD ? 0 : p->n;
		y += p->op == DIFF_REMOVE ? 0 : p->n;
		str_addf(script, "%c%zu", "=-+"[p->op], p->n);
	}
	ck_assert_uint_eq(x, na);
	ck_assert_uint_eq(y, nb);
	linediff_done(&d);
}

START_TEST(known_ones)
{
	int a[32] = { 0 }, b[32] = { 0 };
	auto_str script = STR_INIT;
	size_t na = numbers(rows[_i].a, a), nb = numbers(rows[_i].b, b);
	apply(a, na, b, nb, &script);
	if (rows[_i].script[0] || na + nb == 0)
		ck_assert_str_eq(str_text(&script), rows[_i].script);
}
END_TEST

START_TEST(random_ones)
{
	struct rng rng = { (uint64_t)_i * 77 + 1 };
	static int a[3000], b[3000];
	size_t na = rng_below(&rng, 3000), nb = 0;
	int kinds = 2 + (int)rng_below(&rng, 400);
	for (size_t i = 0; i < na; i++)
		a[i] = 1 + (int)rng_below(&rng, (uint64_t)kinds);
	uint64_t changed = 1 + rng_below(&rng, 60);
	for (size_t i = 0; i < na && nb < COUNT(b); i++) {
		uint64_t what = rng_below(&rng, 100) < changed ? rng_below(&rng, 3) : 3;
		if (what != 0)
			b[nb++] = what == 1 ? 1 + (int)rng_below(&rng, (uint64_t)kinds) : a[i];
		if (what == 2 && nb < COUNT(b))
			b[nb++] = 1 + (int)rng_below(&rng, (uint64_t)kinds);
	}
	auto_str script = STR_INIT;
	apply(a, na, b, nb, &script);
}
END_TEST

/* Two long sequences with nothing in common but a few lines cost no more than the limit allows. */
START_TEST(long_and_different)
{
	size_t n = 100000;
	auto_free int *a = xmalloc(sizeof(int) * n), *b = xmalloc(sizeof(int) * n);
	for (size_t i = 0; i < n; i++) {
		a[i] = (int)(i % 7) + 1;
		b[i] = (int)(i % 11) + 4;
	}
	auto_str script = STR_INIT;
	apply(a, n, b, n, &script);
}
END_TEST

START_TEST(equal_texts_have_equal_numbers)
{
	struct line_numbers m = { NULL, 0, 0 };
	static char text[2000][8];
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 2000; i++) {
			size_t len = 0;
			for (int v = i; len == 0 || v > 0; v /= 10)
				text[i][len++] = (char)('0' + v % 10);
			ck_assert_int_eq(line_number(&m, text[i], len), i + 1);
		}
	line_numbers_done(&m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("linediff");
	TCase *t = tcase_create("all");
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, known_ones, 0, COUNT(rows));
	tcase_add_loop_test(t, random_ones, 0, 60);
	tcase_add_test(t, long_and_different);
	tcase_add_test(t, equal_texts_have_equal_numbers);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
