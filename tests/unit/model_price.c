/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Costs of calls: which row of the table is taken, how it is summed, and what stays unknown. */
#include "model/price.h"
#include "base/clock.h"
#include "base/fs.h"

#include <check.h>
#include <string.h>

static const char table[] =
	"{\"prices\":["
	"{\"provider\":\"anthropic\",\"model\":\"big-*\",\"effective_from\":\"2025-01-01\",\"version\":\"v1\","
	"\"input\":15000000,\"output\":75000000,\"cache_read\":1500000,\"cache_write_5m\":18750000,"
	"\"cache_write_1h\":30000000},"
	"{\"provider\":\"anthropic\",\"model\":\"big-*\",\"effective_from\":\"2025-06-01\",\"version\":\"v2\","
	"\"input\":5000000,\"output\":25000000},"
	"{\"provider\":\"anthropic\",\"model\":\"big-4*\",\"effective_from\":\"2025-01-01\",\"version\":\"v3\","
	"\"input\":1,\"output\":2},"
	"{\"provider\":\"mine\",\"model\":\"big-*\",\"effective_from\":\"2025-01-01\","
	"\"input\":7000000,\"output\":7000000},"
	"{\"provider\":\"*\",\"model\":\"long\",\"effective_from\":\"2025-01-01\",\"version\":\"t\","
	"\"input\":1000000,\"output\":2000000,"
	"\"tier\":{\"above\":1000,\"input\":3000000,\"output\":4000000,\"cache_read\":1000000}}"
	"]}";

#define COUNTS(i, o, r, w5, w1) { i, o, r, w5, w1 }

/* clang-format off */
static const struct {
	const char *provider, *type, *model, *at;
	struct token_counts tokens;
	int64_t micro_usd;
	const char *version; /* or what the sentence says */
} rows[] = {
	{ "claude", "anthropic", "big-3", "2025-03-01T00:00:00Z", COUNTS(1000, 100, 0, 0, 0),            22500, "v1" },
	{ "claude", "anthropic", "big-3", "2025-03-01T00:00:00Z", COUNTS(1000, 100, 2000, 400, 300),     22500 + 3000 + 7500 + 9000, "v1" },
	{ "claude", "anthropic", "big-3", "2025-06-01T00:00:00Z", COUNTS(1000, 100, 0, 0, 0),            7500, "v2" },
	{ "claude", "anthropic", "big-3", "2025-05-31T23:59:59Z", COUNTS(1000, 100, 0, 0, 0),            22500, "v1" },
	{ "claude", "anthropic", "big-3", "2024-12-31T23:59:59Z", COUNTS(1000, 100, 0, 0, 0),            -1, "no price is known for the model big-3 of claude" },
	{ "claude", "anthropic", "big-3", "2025-06-01T00:00:00Z", COUNTS(1000, 100, 5, 0, 0),            -1, "the price of cache_read tokens" },
	{ "claude", "anthropic", "big-3", "2025-06-01T00:00:00Z", COUNTS(1000, 100, -1, -1, -1),         7500, "v2" },
	{ "claude", "anthropic", "big-4", "2025-06-01T00:00:00Z", COUNTS(1000000, 1000000, 0, 0, 0),     3, "v3" },
	{ "claude", "anthropic", "big-4", "2025-06-01T00:00:00Z", COUNTS(300000, 100000, 0, 0, 0),       1, "v3" }, /* 0.5 is rounded up */
	{ "claude", "anthropic", "big-4", "2025-06-01T00:00:00Z", COUNTS(200000, 100000, 0, 0, 0),       0, "v3" },
	{ "mine",   "anthropic", "big-3", "2025-06-01T00:00:00Z", COUNTS(1000, 0, 0, 0, 0),              7000, "2025-01-01" },
	{ "claude", "anthropic", "small", "2025-06-01T00:00:00Z", COUNTS(1, 1, 0, 0, 0),                 -1, "no price is known" },
	{ "claude", "anthropic", "big-3", "2025-06-01T00:00:00Z", COUNTS(-1, 100, 0, 0, 0),              -1, "did not say" },
	{ "claude", "anthropic", "big-3", "2025-06-01T00:00:00Z", COUNTS(100, -1, 0, 0, 0),              -1, "did not say" },
	{ "x",      "openai",    "long",  "2025-06-01T00:00:00Z", COUNTS(1000, 10, 0, 0, 0),             1020, "t" },
	{ "x",      "openai",    "long",  "2025-06-01T00:00:00Z", COUNTS(1001, 10, 0, 0, 0),             3043, "t" },
	{ "x",      "openai",    "long",  "2025-06-01T00:00:00Z", COUNTS(600, 10, 600, 0, 0),            1800 + 40 + 600, "t" },
	{ "x",      "openai",    "long",  "2025-06-01T00:00:00Z", COUNTS(2000000000, 1, 0, 0, 0),        -1, "more than can be counted" },
	{ "here",   "ollama",    "any",   "2025-06-01T00:00:00Z", COUNTS(-1, 100, -1, -1, -1),           0, NULL },
	{ "here",   "ollama",    "long",  "2025-06-01T00:00:00Z", COUNTS(10, 10, -1, -1, -1),            30, "t" },
};

static const struct { const char *text, *says; } refused[] = {
	{ "[]", "a list \"prices\" is missing" },
	{ "{\"prices\":[{}]}", "row 1: \"provider\" and \"model\"" },
	{ "{\"prices\":[{\"provider\":\"a\",\"model\":\"b\"}]}", "\"effective_from\" is a date" },
	{ "{\"prices\":[{\"provider\":\"a\",\"model\":\"b\",\"effective_from\":\"soon\"}]}", "\"effective_from\" is a date" },
	{ "{\"prices\":[{\"provider\":\"a\",\"model\":\"b\",\"effective_from\":\"2025-01-01\"}]}", "\"input\" and \"output\"" },
	{ "{\"prices\":[{\"provider\":\"a\",\"model\":\"b\",\"effective_from\":\"2025-01-01\",\"input\":1.5,\"output\":1}]}", "\"input\" is whole micro-USD" },
	{ "{\"prices\":[{\"provider\":\"a\",\"model\":\"b\",\"effective_from\":\"2025-01-01\",\"input\":1,\"output\":-4}]}", "\"output\" is whole" },
	{ "{\"prices\":[{\"provider\":\"a\",\"model\":\"b\",\"effective_from\":\"2025-01-01\",\"input\":1,\"output\":1,\"tier\":{}}]}", "needs \"above\"" },
	{ "{\"prices\":", "byte" },
};
/* clang-format on */

static struct price_table *parse(const char *text, size_t len)
{
	struct price_table *t = NULL;
	struct err err = { 0 };
	ck_assert_msg(price_table_new(text, len, &t, &err) == ERR_OK, "%s", err.message);
	return t;
}

START_TEST(costs)
{
	auto_prices *t = parse(table, sizeof(table) - 1);
	int64_t at = 0;
	ck_assert_int_eq(time_parse(rows[_i].at, 0, &at, NULL), ERR_OK);
	struct price p = price_of(t, rows[_i].provider, rows[_i].type, rows[_i].model, &rows[_i].tokens, at);
	ck_assert_int_eq(p.micro_usd, rows[_i].micro_usd);
	if (p.micro_usd < 0) {
		ck_assert_msg(strstr(p.why, rows[_i].version), "%s", p.why);
		ck_assert_ptr_null(p.version);
	} else if (rows[_i].version) {
		ck_assert_str_eq(p.version, rows[_i].version);
	} else {
		ck_assert_ptr_null(p.version);
	}
}
END_TEST

START_TEST(without_a_table_nothing_is_known)
{
	struct token_counts some = { 10, 10, 0, 0, 0 };
	ck_assert_int_eq(price_of(NULL, "a", "anthropic", "big-3", &some, 0).micro_usd, PRICE_UNKNOWN);
	ck_assert_int_eq(price_of(NULL, "a", "ollama", "big-3", &some, 0).micro_usd, 0);
}
END_TEST

START_TEST(bad_tables_are_refused)
{
	struct price_table *t = NULL;
	struct err err = { 0 };
	ck_assert_int_ne(price_table_new(refused[_i].text, strlen(refused[_i].text), &t, &err), ERR_OK);
	ck_assert_msg(strstr(err.message, refused[_i].says), "%s", err.message);
	ck_assert_ptr_null(t);
}
END_TEST

START_TEST(totals)
{
	struct token_counts all = { 1, 2, 4, 8, 16 }, part = { 1, 2, -1, -1, 16 }, none = TOKENS_UNKNOWN;
	ck_assert_int_eq(tokens_total(&all), 31);
	ck_assert_int_eq(tokens_total(&part), 19);
	ck_assert_int_eq(tokens_total(&none), -1);
	ck_assert_int_eq(tokens_cache_write(&all), 24);
	ck_assert_int_eq(tokens_cache_write(&part), 16);
	ck_assert_int_eq(tokens_cache_write(&none), -1);
}
END_TEST

/* The file that ships is one that is taken. */
START_TEST(the_example_is_a_table)
{
	const char *srcdir = getenv("srcdir");
	auto_free char *path = xasprintf("%s/data/prices.example.json", srcdir ? srcdir : "."), *text = NULL;
	size_t len = 0;
	struct token_counts million = { 1000000, 0, 0, 0, 0 };
	ck_assert_int_eq(fs_read(path, PRICE_FILE_MAX, &text, &len, NULL), ERR_OK);
	auto_prices *t = parse(text, len);
	ck_assert_int_gt(price_of(t, "a", "anthropic", "claude-sonnet-4-5", &million, clock_wall_ms()).micro_usd, 0);
	ck_assert_int_eq(price_of(t, "a", "anthropic", "another", &million, clock_wall_ms()).micro_usd, PRICE_UNKNOWN);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model_price");
	TCase *t = tcase_create("prices");
	tcase_add_loop_test(t, costs, 0, (int)COUNT(rows));
	tcase_add_loop_test(t, bad_tables_are_refused, 0, (int)COUNT(refused));
	tcase_add_test(t, without_a_table_nothing_is_known);
	tcase_add_test(t, totals);
	tcase_add_test(t, the_example_is_a_table);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
