/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which failure is tried again, after how long, and by which rule. */
#include "model/retry.h"
#include "base/str.h"

#include <check.h>
#include <string.h>

#define BIT(class) (1U << (class))

static int tempfail[] = { 75, 111 };
static int killed[] = { 9 };
static char transient[] = "try again", broken[] = "(", anchored[] = "^E[0-9]+$";
static char *patterns[] = { transient, broken, anchored };

static const struct retry_policy policy = { .max_attempts = 3, .initial_ms = 1000, .factor = 2, .max_ms = 60000,
					    .classes = BIT(CLASS_TIMEOUT) | BIT(CLASS_CONNECTION),
					    .exit_codes = tempfail, .nexit_codes = 2, .signals = killed, .nsignals = 1,
					    .patterns = patterns, .npatterns = 3 };

/* clang-format off */
static const struct { struct retry_case c; const char *rule; } rows[] = {
	{ { .attempt = 1, .class = CLASS_EXIT, .exit_code = 75 }, "exit:75" },
	{ { .attempt = 1, .class = CLASS_EXIT, .exit_code = 111 }, "exit:111" },
	{ { .attempt = 1, .class = CLASS_EXIT, .exit_code = 1 }, NULL },
	{ { .attempt = 2, .class = CLASS_EXIT, .exit_code = 75 }, "exit:75" },
	{ { .attempt = 3, .class = CLASS_EXIT, .exit_code = 75 }, NULL }, /* the budget is used up */
	{ { .attempt = 4, .class = CLASS_EXIT, .exit_code = 75 }, NULL },
	{ { .attempt = 1, .class = CLASS_SIGNAL, .signal = 9, .exit_code = 137 }, "signal:9" },
	{ { .attempt = 1, .class = CLASS_EXIT, .exit_code = 137 }, "signal:9" }, /* as a shell says it */
	{ { .attempt = 1, .class = CLASS_SIGNAL, .signal = 15, .exit_code = 143 }, NULL },
	{ { .attempt = 1, .class = CLASS_TIMEOUT, .exit_code = 143 }, "timeout" },
	{ { .attempt = 1, .class = CLASS_CONNECTION, .exit_code = -1 }, "connection" },
	{ { .attempt = 1, .class = CLASS_OUTPUT }, NULL },
	{ { .attempt = 1, .class = CLASS_EXIT, .exit_code = 1, .tail = "please try again\n", .tail_len = 17 }, "output:try again" },
	{ { .attempt = 1, .class = CLASS_EXIT, .exit_code = 1, .tail = "x\nE42\ny", .tail_len = 7 }, "output:^E[0-9]+$" },
	{ { .attempt = 1, .class = CLASS_EXIT, .exit_code = 1, .tail = "E42x", .tail_len = 4 }, NULL },
	{ { .attempt = 1, .class = CLASS_OUTPUT, .tail = "try again", .tail_len = 9 }, "output:try again" },
	/* never, whatever the rules say */
	{ { .attempt = 1, .class = CLASS_CANCELED, .exit_code = 75, .tail = "try again", .tail_len = 9 }, NULL },
	{ { .attempt = 1, .class = CLASS_EXPRESSION, .tail = "try again", .tail_len = 9 }, NULL },
	{ { .attempt = 1, .class = CLASS_NONE, .tail = "try again", .tail_len = 9 }, NULL },
	{ { .attempt = 1, .class = CLASS_BUDGET, .tail = "try again", .tail_len = 9 }, NULL },
	{ { .attempt = 1, .class = CLASS_LOOP, .tail = "try again", .tail_len = 9 }, NULL },
};
/* clang-format on */

START_TEST(the_first_rule_that_fits_decides)
{
	struct retry_verdict v = retry_judge(&policy, &rows[_i].c);
	ck_assert_int_eq(v.again, rows[_i].rule != NULL);
	if (rows[_i].rule)
		ck_assert_str_eq(v.reason, rows[_i].rule);
}
END_TEST

START_TEST(any_exit_is_every_code_that_is_not_zero)
{
	struct retry_policy p = { .max_attempts = 2, .any_exit = true, .initial_ms = 5, .factor = 1 };
	struct retry_case c = { .attempt = 1, .class = CLASS_EXIT, .exit_code = 3 };
	ck_assert_str_eq(retry_judge(&p, &c).reason, "exit");
	c.class = CLASS_TIMEOUT;
	ck_assert(!retry_judge(&p, &c).again);
	c = (struct retry_case){ .attempt = 1, .class = CLASS_EXIT, .exit_code = 3 };
	p.max_attempts = 1;
	ck_assert(!retry_judge(&p, &c).again);
}
END_TEST

/* clang-format off */
static const struct { int64_t initial, max; double factor; int attempt; double random; bool jitter; int64_t wait; } waits[] = {
	{ 1000, 60000, 2, 1, 0, false, 1000 },
	{ 1000, 60000, 2, 2, 0, false, 2000 },
	{ 1000, 60000, 2, 5, 0, false, 16000 },
	{ 1000, 60000, 2, 7, 0, false, 60000 },
	{ 1000, 60000, 2, 1000000, 0, false, 60000 },
	{ 1000, 0, 2, 5, 0, false, 1000 },
	{ 1000, 60000, 1, 5, 0, false, 1000 },
	{ 0, 0, 2, 5, 0.5, true, 0 },
	{ 1000, 60000, 2, 1, 0, true, 1000 },
	{ 1000, 60000, 2, 1, 0.5, true, 1125 },
	{ 1000, 60000, 2, 7, 0.999999, true, 74999 },
};
/* clang-format on */

START_TEST(the_wait_grows_to_its_longest)
{
	struct retry_policy p = { .initial_ms = waits[_i].initial, .max_ms = waits[_i].max, .factor = waits[_i].factor,
				  .jitter = waits[_i].jitter };
	ck_assert_int_eq(retry_wait_ms(&p, waits[_i].attempt, waits[_i].random), waits[_i].wait);
}
END_TEST

START_TEST(what_the_other_side_names_is_waited_for)
{
	struct retry_case c = { .attempt = 1, .class = CLASS_CONNECTION, .retry_after_ms = 30000 };
	ck_assert_int_eq(retry_judge(&policy, &c).wait_ms, 30000);
	c.retry_after_ms = 10;
	ck_assert_int_eq(retry_judge(&policy, &c).wait_ms, 1000);
}
END_TEST

/* The numbers are in databases: they may grow, but never change. */
START_TEST(classes_keep_their_numbers)
{
	auto_str all = STR_INIT;
	for (int i = 0; i < CLASS_COUNT; i++) {
		enum error_class c = (enum error_class)i;
		str_addf(&all, "%s%s", i ? " " : "", error_class_name(c));
		ck_assert_int_eq(error_class_from_name(error_class_name(c)), c);
		ck_assert_int_gt(strlen(error_class_meaning(c)), 5);
	}
	ck_assert_str_eq(str_text(&all), "none exit signal timeout spawn output expression http_status connection "
					 "interrupted workspace child canceled system agent_crash agent_timeout "
					 "agent_failure typecheck_failed lint_failed test_failed blackbox_failed "
					 "ci_failed contract_failed verification_failed snapshot_error provider "
					 "budget loop publish approval patch");
	ck_assert_int_eq(error_class_from_name("nonsense"), CLASS_COUNT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model_retry");
	TCase *t = tcase_create("model_retry");
	tcase_add_loop_test(t, the_first_rule_that_fits_decides, 0, COUNT(rows));
	tcase_add_test(t, any_exit_is_every_code_that_is_not_zero);
	tcase_add_loop_test(t, the_wait_grows_to_its_longest, 0, COUNT(waits));
	tcase_add_test(t, what_the_other_side_names_is_waited_for);
	tcase_add_test(t, classes_keep_their_numbers);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
