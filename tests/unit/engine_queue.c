/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders: their sequence, hold and release, dependencies, waiting, and requests sent twice. */
#include "tests/unit/engine_world.h"

#define ONE "nodes: {a: {run: took=100}}"
#define BAD "nodes: {a: {run: took=100 exit=1}}"

/* One run at a time, and one that keeps the place busy. */
static id_t64 busy(void)
{
	w->settings.runs = 1;
	return submit("nodes: {busy: {run: took=1000}}");
}

static id_t64 with_priority(int priority)
{
	return submit_as(ONE, &(struct submission){ .priority = priority });
}

static int64_t position(id_t64 o)
{
	int64_t estimate;
	return engine_position(w->e, o, &estimate);
}

static int64_t began_ms(id_t64 order)
{
	for (size_t i = 0; i < w->nstarts; i++)
		if (w->starts[i].run == world_run_of(w, order))
			return w->starts[i].at_ms;
	return -1;
}

START_TEST(orders_run_by_priority_and_then_in_their_turn)
{
	(void)busy();
	id_t64 a = with_priority(0), b = with_priority(5), c = with_priority(0), d = with_priority(5);
	ck_assert_int_eq(position(b), 1);
	ck_assert_int_eq(position(d), 2);
	ck_assert_int_eq(position(a), 3);
	ck_assert_int_eq(position(c), 4);
	finish();
	ck_assert_int_lt(began_ms(b), began_ms(d));
	ck_assert_int_lt(began_ms(d), began_ms(a));
	ck_assert_int_lt(began_ms(a), began_ms(c));
	ck_assert_int_eq(position(a), 0);
}
END_TEST

START_TEST(front_back_and_a_new_priority_move_an_order)
{
	(void)busy();
	id_t64 a = with_priority(0), b = with_priority(0), c = with_priority(0);
	verb(VERB_FRONT, c);
	ck_assert_int_eq(position(c), 1);
	verb(VERB_BACK, c);
	ck_assert_int_eq(position(c), 3);
	struct answer x = world_ask(w, &(struct command){ .verb = VERB_ORDER_PRIORITY, .id = b, .priority = 9 });
	ck_assert_int_eq(x.code, ERR_OK);
	ck_assert_int_eq(position(b), 1);
	world_restart(w);
	ck_assert_int_eq(position(b), 1);
	ck_assert_int_eq(position(a), 2);
	ck_assert_int_eq(position(c), 3);
	id_t64 ids[4];
	ck_assert_int_eq((int)engine_queue_window(w->e, 2, ids, 4), 2);
	ck_assert_int_eq(ids[0], a);
	ck_assert_int_eq(ids[1], c);
	finish();
}
END_TEST

START_TEST(an_order_that_is_held_waits_for_its_release)
{
	id_t64 o = submit_as(ONE, &(struct submission){ .hold = true });
	world_run_ms(w, HOUR);
	is_order(o, ORDER_HELD);
	world_restart(w);
	verb(VERB_RELEASE, o);
	finish();
	is_order(o, ORDER_SUCCEEDED);
}
END_TEST

START_TEST(hold_takes_an_order_out_and_release_puts_it_back)
{
	(void)busy();
	id_t64 a = with_priority(0), b = with_priority(0);
	verb(VERB_HOLD, a);
	verb(VERB_HOLD, a);
	ck_assert_int_eq(position(a), 0);
	ck_assert_int_eq(position(b), 1);
	verb(VERB_RELEASE, a);
	ck_assert_int_eq(position(a), 1); /* its place was kept */
	verb(VERB_RELEASE, a);
	finish();
	refused(VERB_HOLD, a, NULL, ERR_CONFLICT, "succeeded");
}
END_TEST

START_TEST(an_order_waits_for_those_that_it_depends_on)
{
	id_t64 a = submit(ONE), b = submit(ONE);
	id_t64 needs[] = { a, b, a };
	id_t64 c = submit_as(ONE, &(struct submission){ .depends_on = needs, .ndepends_on = 3 });
	is_order(c, ORDER_BLOCKED);
	finish();
	is_order(c, ORDER_SUCCEEDED);
	ck_assert_int_ge(began_ms(c), began_ms(a) + 100);
	ck_assert_int_ge(began_ms(c), began_ms(b) + 100);
}
END_TEST

START_TEST(dependencies_survive_a_restart)
{
	id_t64 a = submit(ONE);
	id_t64 c = submit_as(ONE, &(struct submission){ .depends_on = &a, .ndepends_on = 1 });
	world_run_ms(w, 20);
	world_restart(w);
	is_order(c, ORDER_BLOCKED);
	finish();
	is_order(c, ORDER_SUCCEEDED);
}
END_TEST

START_TEST(a_failed_dependency_fails_or_skips_all_that_follow)
{
	id_t64 a = submit(BAD);
	id_t64 b = submit_as(ONE, &(struct submission){ .depends_on = &a, .ndepends_on = 1 });
	id_t64 twice[] = { b, a, b };
	id_t64 c = submit_as(ONE, &(struct submission){ .depends_on = twice, .ndepends_on = 3, .skip_on_failure = true });
	id_t64 d = submit_as(ONE, &(struct submission){ .depends_on = &c, .ndepends_on = 1, .hold = true });
	finish();
	is_order(a, ORDER_FAILED);
	is_order(b, ORDER_FAILED);
	is_order(c, ORDER_SKIPPED);
	is_order(d, ORDER_FAILED);
	id_t64 late = submit_as(ONE, &(struct submission){ .depends_on = &a, .ndepends_on = 1 });
	is_order(late, ORDER_FAILED);
	late = submit_as(ONE, &(struct submission){ .depends_on = &a, .ndepends_on = 1, .skip_on_failure = true });
	is_order(late, ORDER_SKIPPED);
	id_t64 both[] = { submit(ONE), a };
	late = submit_as(ONE, &(struct submission){ .depends_on = both, .ndepends_on = 2, .hold = true });
	is_order(late, ORDER_FAILED);
}
END_TEST

START_TEST(a_long_chain_of_dependencies_fails_at_once)
{
	id_t64 first = submit_as(ONE, &(struct submission){ .hold = true }), last = first;
	for (int i = 0; i < 20000; i++)
		last = submit_as(ONE, &(struct submission){ .depends_on = &last, .ndepends_on = 1 });
	verb(VERB_ORDER_CANCEL, first);
	is_order(last, ORDER_FAILED);
}
END_TEST

START_TEST(an_order_that_waits_too_long_fails)
{
	(void)busy();
	id_t64 a = submit_as(ONE, &(struct submission){ .max_wait_ms = 500 });
	id_t64 b = submit_as(ONE, &(struct submission){ .max_wait_ms = 2000 });
	world_run_ms(w, 300);
	world_restart(w);
	world_run_ms(w, 300);
	is_order(a, ORDER_FAILED);
	finish();
	is_order(b, ORDER_SUCCEEDED);
}
END_TEST

START_TEST(cancel_of_an_order_takes_it_out_or_ends_its_run)
{
	id_t64 r = busy();
	id_t64 a = submit(ONE);
	verb(VERB_ORDER_CANCEL, a);
	is_order(a, ORDER_CANCELED);
	world_run_ms(w, 100);
	verb(VERB_ORDER_CANCEL, r);
	finish();
	is_order(r, ORDER_CANCELED);
	is_run(world_run_of(w, r), RUN_CANCELED);
	verb(VERB_ORDER_CANCEL, r);
}
END_TEST

START_TEST(a_queue_that_is_paused_starts_nothing)
{
	verb(VERB_QUEUE_PAUSE, 0);
	id_t64 a = submit(ONE);
	world_run_ms(w, HOUR);
	is_order(a, ORDER_QUEUED);
	world_restart(w);
	world_run_ms(w, HOUR);
	is_order(a, ORDER_QUEUED);
	verb(VERB_QUEUE_RESUME, 0);
	finish();
	is_order(a, ORDER_SUCCEEDED);
}
END_TEST

START_TEST(a_full_queue_refuses_and_says_how_full)
{
	w->settings.queue_max = 2;
	(void)busy();
	(void)submit(ONE);
	(void)submit_as(ONE, &(struct submission){ .hold = true });
	struct answer x = world_submit(w, ONE, NULL);
	ck_assert_int_eq(x.code, ERR_QUEUE_FULL);
	ck_assert_ptr_nonnull(strstr(x.message, "2"));
}
END_TEST

START_TEST(a_request_sent_twice_is_done_once)
{
	struct submission s = { .source = ONE, .source_len = strlen(ONE), .file = "t.yaml", .dir = "/" };
	struct command c = { .verb = VERB_SUBMIT, .submit = &s, .idempotency_key = "k1", .body = hash_bytes("x", 1) };
	struct answer one = world_ask(w, &c), two = world_ask(w, &c);
	ck_assert_int_eq(one.code, ERR_OK);
	ck_assert(!one.replayed);
	ck_assert_int_eq(two.code, ERR_OK);
	ck_assert(two.replayed);
	ck_assert_int_eq(two.id, one.id);
	world_restart(w);
	two = world_ask(w, &c);
	ck_assert(two.replayed);
	ck_assert_int_eq(two.id, one.id);
	c.body = hash_bytes("y", 1);
	ck_assert_int_eq(world_ask(w, &c).code, ERR_CONFLICT);
	finish();
	ck_assert_int_eq((int)w->nstarts, 1);
}
END_TEST

START_TEST(an_order_on_a_missing_one_is_refused)
{
	id_t64 none = 12345;
	struct answer x = world_submit(w, ONE, &(struct submission){ .depends_on = &none, .ndepends_on = 1 });
	ck_assert_int_eq(x.code, ERR_NOT_FOUND);
	world_run_ms(w, 1000);
	ck_assert_int_eq((int)w->nstarts, 0);
}
END_TEST

START_TEST(runs_of_higher_priority_get_more_and_others_not_nothing)
{
	w->settings.steps = 1;
	auto_str yaml = STR_INIT;
	str_add(&yaml, "nodes: {");
	for (int i = 0; i < 40; i++)
		str_addf(&yaml, "%sn%d: {run: took=10}", i ? ", " : "", i);
	str_add(&yaml, "}");
	id_t64 low = submit(str_text(&yaml));
	id_t64 high = submit_as(str_text(&yaml), &(struct submission){ .priority = 20 });
	world_run_ms(w, 12000);
	int lows = 0, highs = 0;
	for (size_t i = 0; i < w->nstarts && highs < 39; i++) {
		lows += w->starts[i].run == world_run_of(w, low);
		highs += w->starts[i].run == world_run_of(w, high);
	}
	ck_assert_int_ge(highs, 3 * lows);
	ck_assert_int_ge(lows, 5);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine_queue");
	TCase *t = tcase_create("engine_queue");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, orders_run_by_priority_and_then_in_their_turn);
	tcase_add_test(t, front_back_and_a_new_priority_move_an_order);
	tcase_add_test(t, an_order_that_is_held_waits_for_its_release);
	tcase_add_test(t, hold_takes_an_order_out_and_release_puts_it_back);
	tcase_add_test(t, an_order_waits_for_those_that_it_depends_on);
	tcase_add_test(t, dependencies_survive_a_restart);
	tcase_add_test(t, a_failed_dependency_fails_or_skips_all_that_follow);
	tcase_add_test(t, a_long_chain_of_dependencies_fails_at_once);
	tcase_add_test(t, an_order_that_waits_too_long_fails);
	tcase_add_test(t, cancel_of_an_order_takes_it_out_or_ends_its_run);
	tcase_add_test(t, a_queue_that_is_paused_starts_nothing);
	tcase_add_test(t, a_full_queue_refuses_and_says_how_full);
	tcase_add_test(t, a_request_sent_twice_is_done_once);
	tcase_add_test(t, an_order_on_a_missing_one_is_refused);
	tcase_add_test(t, runs_of_higher_priority_get_more_and_others_not_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
