/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state machines: names, numbers, every edge, and what each verb means in each state. */
#include "model/states.h"

#include <check.h>
#include <string.h>

static const enum entity machines[] = { ENTITY_ORDER, ENTITY_RUN, ENTITY_NODE, ENTITY_ATTEMPT };

/* The numbers are in databases: they may grow, but never change. */
static const struct { enum entity entity; const char *names; } numbers[] = {
	{ ENTITY_ORDER, "pending queued held blocked running succeeded failed skipped canceled" },
	{ ENTITY_RUN, "pending preparing running pausing paused frozen waiting canceling succeeded failed canceled rolling_back" },
	{ ENTITY_NODE, "pending blocked ready running waiting retrying validating succeeded failed skipped canceled" },
	{ ENTITY_ATTEMPT, "running succeeded failed timed_out canceled interrupted" },
};

START_TEST(numbers_and_names_never_change)
{
	auto_str all = STR_INIT;
	enum entity e = numbers[_i].entity;
	for (int i = 0; i < state_count(e); i++) {
		str_addf(&all, "%s%s", i ? " " : "", state_name(e, i));
		ck_assert_int_eq(state_from_name(e, state_name(e, i)), i);
	}
	ck_assert_str_eq(str_text(&all), numbers[_i].names);
	ck_assert_int_eq(state_from_name(e, "nonsense"), -1);
	ck_assert_str_eq(state_name(e, -1), "unknown");
	ck_assert_str_eq(state_name(e, 99), "unknown");
}
END_TEST

START_TEST(a_move_is_legal_exactly_when_the_table_has_it)
{
	size_t n;
	const struct state_move *moves = state_moves(&n);
	enum entity e = machines[_i];
	for (int from = 0; from < state_count(e); from++) {
		for (int to = 0; to < state_count(e); to++) {
			int rows = 0;
			for (size_t k = 0; k < n; k++)
				rows += moves[k].entity == e && moves[k].from == from && moves[k].to == to;
			ck_assert_msg(rows <= 1, "%s to %s stands twice", state_name(e, from), state_name(e, to));
			ck_assert_int_eq(state_move_legal(e, from, to), rows == 1);
		}
		ck_assert(!state_move_legal(e, from, from));
	}
}
END_TEST

START_TEST(every_state_is_reached_and_every_live_one_can_end)
{
	enum entity e = machines[_i];
	int n = state_count(e);
	/* blocked and ready of nodes are derived, validating … waiting of nodes and runs come with their kinds. */
	bool reached[16] = { true }, ends[16];
	for (int i = 0; i < n; i++)
		ends[i] = state_final(e, i);
	for (int round = 0; round < n; round++)
		for (int from = 0; from < n; from++)
			for (int to = 0; to < n; to++) {
				reached[to] |= reached[from] && state_move_legal(e, from, to);
				ends[from] |= ends[to] && state_move_legal(e, from, to);
			}
	for (int i = 0; i < n; i++) {
		bool derived = e == ENTITY_NODE && (i == NODE_BLOCKED || i == NODE_READY);
		ck_assert_msg(derived || reached[i], "nothing becomes %s", state_name(e, i));
		ck_assert_msg(derived || ends[i], "what is %s never ends", state_name(e, i));
	}
}
END_TEST

START_TEST(what_ended_is_only_reopened)
{
	size_t n;
	const struct state_move *moves = state_moves(&n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_ptr_nonnull(moves[i].on);
		if (!state_final(moves[i].entity, moves[i].from))
			continue;
		switch (moves[i].entity) {
		case ENTITY_ORDER:
			ck_assert_int_eq(moves[i].to, ORDER_RUNNING);
			break;
		case ENTITY_RUN:
			ck_assert(moves[i].to == RUN_RUNNING || moves[i].to == RUN_ROLLING_BACK);
			break;
		case ENTITY_NODE:
			ck_assert_int_eq(moves[i].to, NODE_PENDING);
			break;
		case ENTITY_ATTEMPT:
		case ENTITY_WORKER:
		case ENTITY_ENGINE:
		case ENTITY_PATCH:
		case ENTITY_COUNT:
			ck_abort_msg("an attempt that ended moves");
		}
	}
}
END_TEST

/* clang-format off */
static const struct { enum verb verb; const char *fits, *done; } verbs[] = {
	{ VERB_PAUSE,    "running frozen waiting", "pausing paused" },
	{ VERB_FREEZE,   "running pausing", "frozen" },
	{ VERB_RESUME,   "pausing paused frozen", "running" },
	{ VERB_STEP,     "paused", "succeeded" },
	{ VERB_UNTIL,    "running paused", "" },
	{ VERB_CANCEL,   "preparing running pausing paused frozen waiting canceling", "canceled" },
	{ VERB_ROLLBACK, "running pausing paused frozen waiting succeeded failed canceled", "" },
	{ VERB_FORK,     "running pausing paused frozen waiting succeeded failed canceled", "" },
	{ VERB_ACKNOWLEDGE, "failed", "" },
	{ VERB_RETRY,    "running pausing paused frozen waiting failed canceled", "" },
	{ VERB_RESUME_FROM, "running pausing paused frozen waiting succeeded failed canceled", "" },
	{ VERB_RUN_PRIORITY, "running pausing paused frozen waiting", "" },
	{ VERB_HOLD,     "queued blocked", "held" },
	{ VERB_RELEASE,  "held", "queued blocked" },
	{ VERB_FRONT,    "queued held blocked", "" },
	{ VERB_BACK,     "queued held blocked", "" },
	{ VERB_ORDER_PRIORITY, "queued held blocked", "" },
	{ VERB_ORDER_CANCEL, "queued held blocked running", "canceled" },
};
/* clang-format on */

START_TEST(each_verb_fits_its_states_and_no_other)
{
	enum verb v = verbs[_i].verb;
	enum entity e = verb_entity(v);
	auto_str fits = STR_INIT, done = STR_INIT;
	for (int i = 0; i < state_count(e); i++) {
		struct str *out = verb_fits(v, i) == FIT_YES ? &fits : verb_fits(v, i) == FIT_DONE ? &done : NULL;
		if (out)
			str_addf(out, "%s%s", out->len ? " " : "", state_name(e, i));
		auto_str legal = STR_INIT;
		str_add(&legal, ", ");
		verbs_legal(e, i, &legal);
		auto_free char *all = xasprintf("%s,", str_text(&legal)), *word = xasprintf(", %s,", verb_name(v));
		ck_assert_int_eq(verb_fits(v, i) == FIT_YES, strstr(all, word) != NULL);
	}
	ck_assert_str_eq(str_text(&fits), verbs[_i].fits);
	ck_assert_str_eq(str_text(&done), verbs[_i].done);
	ck_assert_int_gt(strlen(verb_help(v)), 0);
}
END_TEST

START_TEST(every_live_run_and_order_can_be_canceled)
{
	for (int i = RUN_RUNNING; i < RUN_STATE_COUNT; i++)
		if (!state_final(ENTITY_RUN, i) && i != RUN_ROLLING_BACK)
			ck_assert_int_eq(verb_fits(VERB_CANCEL, i), FIT_YES);
	for (int i = ORDER_QUEUED; i < ORDER_STATE_COUNT; i++)
		if (!state_final(ENTITY_ORDER, i))
			ck_assert_int_eq(verb_fits(VERB_ORDER_CANCEL, i), FIT_YES);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model_states");
	TCase *t = tcase_create("model_states");
	tcase_add_loop_test(t, numbers_and_names_never_change, 0, COUNT(numbers));
	tcase_add_loop_test(t, a_move_is_legal_exactly_when_the_table_has_it, 0, COUNT(machines));
	tcase_add_loop_test(t, every_state_is_reached_and_every_live_one_can_end, 0, COUNT(machines));
	tcase_add_test(t, what_ended_is_only_reopened);
	tcase_add_loop_test(t, each_verb_fits_its_states_and_no_other, 0, COUNT(verbs));
	tcase_add_test(t, every_live_run_and_order_can_be_canceled);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
