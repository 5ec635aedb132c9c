/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Budgets and breakers. */
#include "model/breaker.h"
#include "model/budget.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct {
	struct graph_budget b;
	struct budget_used u;
	enum budget_moment moment;
	enum budget_kind kind;
	const char *says;
} rows[] = {
	{ { 0 }, { .tokens = 1 << 30, .wall_ms = 1 << 30 }, BUDGET_BEFORE_ITERATION, BUDGET_NONE, "" },
	{ { .wall_ms = 1000 }, { .wall_ms = 999 }, BUDGET_NOW, BUDGET_NONE, "" },
	{ { .wall_ms = 1000 }, { .wall_ms = 1000 }, BUDGET_NOW, BUDGET_WALL, "limit wall is reached" },
	{ { .iteration_ms = 1000 }, { .iteration_ms = 1000 }, BUDGET_BEFORE_CALL, BUDGET_ITERATION, "limit iteration" },
	{ { .iteration_ms = 1000 }, { .iteration_ms = 5000 }, BUDGET_BEFORE_ITERATION, BUDGET_NONE, "" },
	/* what a call took before is what the next one is expected to take */
	{ { .tokens = 100 }, { .tokens = 60, .call_tokens = 40 }, BUDGET_BEFORE_CALL, BUDGET_NONE, "" },
	{ { .tokens = 100 }, { .tokens = 60, .call_tokens = 41 }, BUDGET_BEFORE_CALL, BUDGET_TOKENS, "60 of 100, and a call took 41" },
	{ { .tokens = 100 }, { .tokens = 60, .call_tokens = 41 }, BUDGET_NOW, BUDGET_NONE, "" },
	{ { .tokens = 100 }, { .tokens = 100 }, BUDGET_NOW, BUDGET_TOKENS, "100 of 100" },
	{ { .tokens_per_iteration = 100 }, { .tokens = 900, .iteration_tokens = 100 }, BUDGET_BEFORE_CALL,
	  BUDGET_ITERATION_TOKENS, "tokens_per_iteration" },
	{ { .tokens_per_iteration = 100 }, { .tokens = 900, .iteration_tokens = 100, .call_tokens = 50 },
	  BUDGET_BEFORE_ITERATION, BUDGET_NONE, "" },
	{ { .cost_micro_usd = 5000000 }, { .cost_micro_usd = 4900000, .call_cost_micro_usd = 200000 }, BUDGET_BEFORE_ITERATION,
	  BUDGET_COST, "4.9000 USD of 5.0000 USD" },
	{ { .iterations = 3 }, { .iterations = 3 }, BUDGET_BEFORE_ITERATION, BUDGET_ITERATIONS, "3 of 3" },
	{ { .iterations = 3 }, { .iterations = 3 }, BUDGET_BEFORE_CALL, BUDGET_NONE, "" },
	{ { .disk_bytes = MIB }, { .disk_bytes = 2 * MIB }, BUDGET_NOW, BUDGET_DISK, "2.0 MiB of 1.0 MiB" },
	{ { .memory_bytes = MIB }, { .memory_bytes = MIB }, BUDGET_NOW, BUDGET_MEMORY, "memory" },
};
/* clang-format on */

START_TEST(a_limit_is_seen_before_it_is_passed)
{
	char reason[256] = "";
	enum budget_kind k = budget_check(&rows[_i].b, &rows[_i].u, rows[_i].moment, reason, sizeof(reason));
	ck_assert_str_eq(budget_kind_name(k), budget_kind_name(rows[_i].kind));
	ck_assert_msg(strstr(reason, rows[_i].says) != NULL, "%s", reason);
}
END_TEST

START_TEST(the_time_that_is_left_is_the_shorter_one)
{
	struct graph_budget b = { .wall_ms = 1000, .iteration_ms = 300 };
	struct budget_used u = { .wall_ms = 100, .iteration_ms = 50 };
	ck_assert_int_eq(budget_time_left_ms(&b, &u), 250);
	u.wall_ms = 900;
	ck_assert_int_eq(budget_time_left_ms(&b, &u), 100);
	u.wall_ms = 2000;
	ck_assert_int_eq(budget_time_left_ms(&b, &u), 1);
	b.wall_ms = 0;
	ck_assert_int_eq(budget_time_left_ms(&b, &u), 250);
	b.iteration_ms = 0;
	ck_assert_int_eq(budget_time_left_ms(&b, &u), 0);
}
END_TEST

static struct breaker opened(int64_t now_ms)
{
	struct breaker b = { 0 };
	for (int i = 0; i < BREAKER_FAILURES; i++)
		(void)breaker_end(&b, now_ms, i + 1, false, true);
	return b;
}

START_TEST(failures_in_a_row_open_it)
{
	struct breaker b = { 0 };
	int64_t until;
	for (int i = 0; i < 3 * BREAKER_FAILURES; i++)
		(void)breaker_end(&b, 10, i, i % BREAKER_FAILURES == BREAKER_FAILURES - 1, true);
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
	for (int i = 0; i < 10 * BREAKER_FAILURES; i++) /* mistakes of the caller tell nothing */
		ck_assert(!breaker_end(&b, 10, i, false, false));
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
	b = opened(1000);
	ck_assert_int_eq(b.state, BREAKER_OPEN);
	ck_assert(!breaker_allows(&b, 1001, &until));
	ck_assert_int_eq(until, 1000 + BREAKER_WAIT_MS);
	/* what began before it opened tells nothing new */
	ck_assert(!breaker_end(&b, 2000, 77, true, true));
	ck_assert_int_eq(b.state, BREAKER_OPEN);
}
END_TEST

START_TEST(one_probe_decides)
{
	struct breaker b = opened(1000);
	int64_t until, now = 1000 + BREAKER_WAIT_MS;
	ck_assert(breaker_allows(&b, now, &until));
	ck_assert(breaker_begin(&b, 50));
	ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
	ck_assert(!breaker_allows(&b, now, &until)); /* only one at a time */
	ck_assert_int_eq(until, 0);
	ck_assert(!breaker_end(&b, now, 7, true, true)); /* another call is not the probe */
	ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
	ck_assert(breaker_end(&b, now, 50, false, true));
	ck_assert_int_eq(b.state, BREAKER_OPEN);
	ck_assert_int_eq(b.until_ms, now + 2 * BREAKER_WAIT_MS);
	now = b.until_ms;
	ck_assert(breaker_begin(&b, 51));
	ck_assert(breaker_end(&b, now, 51, false, false)); /* interrupted: the next one tries it out */
	ck_assert(breaker_allows(&b, now, &until));
	ck_assert(breaker_begin(&b, 52));
	ck_assert(breaker_end(&b, now, 52, true, true));
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
	ck_assert_int_eq(b.failures, 0);
	ck_assert_int_eq(b.opened, 0);
}
END_TEST

START_TEST(the_wait_has_a_longest)
{
	struct breaker b = opened(0);
	int64_t now = b.until_ms;
	for (int i = 0; i < 40; i++) {
		ck_assert(breaker_begin(&b, 100 + i));
		ck_assert(breaker_end(&b, now, 100 + i, false, true));
		ck_assert_int_le(b.until_ms - now, BREAKER_WAIT_MAX_MS);
		now = b.until_ms;
	}
	ck_assert_int_eq(b.until_ms - b.opened_ms, BREAKER_WAIT_MAX_MS);
}
END_TEST

START_TEST(an_operator_has_the_last_word)
{
	struct breaker b = opened(1000);
	int64_t until;
	breaker_force(&b, FORCE_CLOSED);
	ck_assert(breaker_allows(&b, 1001, &until));
	for (int i = 0; i < 20; i++)
		(void)breaker_end(&b, 1001, i, false, true);
	ck_assert_int_eq(b.state, BREAKER_FORCED_CLOSED);
	breaker_force(&b, FORCE_OPEN);
	ck_assert(!breaker_allows(&b, INT64_MAX, &until));
	ck_assert_int_eq(until, 0);
	(void)breaker_end(&b, 1001, 3, true, true);
	ck_assert_int_eq(b.state, BREAKER_FORCED_OPEN);
	breaker_force(&b, FORCE_AUTO);
	ck_assert_int_eq(b.state, BREAKER_CLOSED);
	ck_assert_int_eq(b.failures, 0);
}
END_TEST

START_TEST(a_clock_that_was_set_back_holds_nobody)
{
	struct breaker b = opened(1000000);
	int64_t until;
	ck_assert(!breaker_allows(&b, 1000001, &until));
	ck_assert(breaker_allows(&b, 5, &until));
}
END_TEST

static const struct { int status; bool counts; } statuses[] = {
	{ 0, true }, { 200, true }, { 400, false }, { 401, false }, { 404, false }, { 408, true }, { 422, false },
	{ 429, true }, { 500, true }, { 529, true },
};

START_TEST(mistakes_of_the_caller_do_not_count)
{
	ck_assert_int_eq(breaker_status_counts(statuses[_i].status), statuses[_i].counts);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model_limits");
	TCase *t = tcase_create("model_limits");
	tcase_add_loop_test(t, a_limit_is_seen_before_it_is_passed, 0, COUNT(rows));
	tcase_add_test(t, the_time_that_is_left_is_the_shorter_one);
	tcase_add_test(t, failures_in_a_row_open_it);
	tcase_add_test(t, one_probe_decides);
	tcase_add_test(t, the_wait_has_a_longest);
	tcase_add_test(t, an_operator_has_the_last_word);
	tcase_add_test(t, a_clock_that_was_set_back_holds_nobody);
	tcase_add_loop_test(t, mistakes_of_the_caller_do_not_count, 0, COUNT(statuses));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
