/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sending a run back: retry and resume-from, what they keep and what they run again. */
#include "tests/unit/engine_world.h"
#include "model/reset.h"

#define BROKEN                                                                                                  \
	"nodes: {a: {run: out=v=1}, b: {run: exit=3 fails=1, needs: a}, c: {run: took=5, needs: b}, d: {run: took=5, needs: a}}"

static void preview(void *ctx, const struct reset_preview *p)
{
	str_addf(ctx, "%s %s; ", p->node, p->verdict);
}

static void previews(enum verb v, id_t64 r, const char *node, bool only, const char *want)
{
	const char *nodes[] = { node };
	struct command c = { .verb = v, .id = r, .nodes = nodes, .nnodes = node ? 1 : 0, .only = only };
	auto_str text = STR_INIT;
	struct err err;
	ck_assert_msg(engine_reset_preview(w->e, &c, preview, NULL, &text, &err) == ERR_OK, "%s", err.message);
	ck_assert_str_eq(str_text(&text), want);
}

START_TEST(retry_runs_what_failed_and_what_follows_from_it)
{
	id_t64 r = run(BROKEN);
	is_run(r, RUN_FAILED);
	previews(VERB_RETRY, r, NULL, false, "a kept; b rerun; c rerun; d kept; ");
	is_run(r, RUN_FAILED); /* a look changes nothing */
	verb(VERB_RETRY, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "b", 2);
	started(r, "c", 1);
	started(r, "d", 1);
	ck_assert_int_eq(world_run(w, r).generation, 2);
	ck_assert_int_eq(world_node(w, r, "b").iteration, 2);
	ck_assert_int_eq(world_node(w, r, "a").generation, 1);
	is_order(world_run(w, r).order, ORDER_SUCCEEDED);
}
END_TEST

START_TEST(retry_survives_the_engines_death_at_once)
{
	id_t64 r = run(BROKEN);
	verb(VERB_RETRY, r);
	world_restart(w);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
}
END_TEST

START_TEST(retry_of_a_run_in_which_nothing_failed_is_refused)
{
	id_t64 r = run("nodes: {a: {run: took=1}}");
	refused(VERB_RETRY, r, NULL, ERR_CONFLICT, "resume_from");
	id_t64 p = begin_paused("nodes: {a: {run: took=1}}");
	refused(VERB_RETRY, p, NULL, ERR_CONFLICT, "has failed");
}
END_TEST

START_TEST(resume_from_runs_the_node_and_all_after_it)
{
	id_t64 r = run("nodes: {a: {run: out=v=1}, b: {run: took=5, needs: a}, c: {run: took=5, needs: b}, d: {run: took=5, needs: a}}");
	is_run(r, RUN_SUCCEEDED);
	previews(VERB_RESUME_FROM, r, "b", false, "a kept; b rerun; c rerun; d kept; ");
	verb_node(VERB_RESUME_FROM, r, "b");
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "b", 2);
	started(r, "c", 2);
	started(r, "d", 1);
	refused(VERB_RESUME_FROM, r, "nope", ERR_NOT_FOUND, "no node nope");
	refused(VERB_RESUME_FROM, r, NULL, ERR_USAGE, "name the node");
}
END_TEST

START_TEST(only_marks_what_follows_as_stale)
{
	id_t64 r = run("nodes: {a: {run: took=1}, b: {run: took=1, needs: a}, c: {run: took=1, needs: b}}");
	previews(VERB_RESUME_FROM, r, "a", true, "a rerun; b stale; c stale; ");
	const char *nodes[] = { "a" };
	struct command c = { .verb = VERB_RESUME_FROM, .id = r, .nodes = nodes, .nnodes = 1, .only = true };
	struct answer a = world_ask(w, &c);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 2);
	started(r, "b", 1);
	ck_assert(world_node(w, r, "b").stale);
	ck_assert(!world_node(w, r, "a").stale);
	verb_node(VERB_RESUME_FROM, r, "b");
	finish();
	ck_assert(!world_node(w, r, "b").stale);
	ck_assert(!world_node(w, r, "c").stale);
}
END_TEST

START_TEST(retry_of_a_group_runs_only_the_instances_that_failed)
{
	id_t64 r = run("nodes: {m: {matrix: {x: [1, 2, 3]}, when: \"true\", run: took=5}, "
		       "bad: {foreach: [p, q], run: exit=1 fails=1, needs: m}, end: {run: took=1, needs: bad}}");
	is_run(r, RUN_FAILED);
	verb(VERB_RETRY, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "m[1]", 1);
	started(r, "end", 1);
	started(r, "bad[0:p]", 2);
	/* From the group itself: everything of it is made anew. */
	verb_node(VERB_RESUME_FROM, r, "m");
	world_restart(w);
	finish();
	is_run(r, RUN_FAILED); /* the new instances of bad are at their first iteration again */
	verb(VERB_RETRY, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "m[1]", 2);
	started(r, "m[3]", 2);
	started(r, "end", 2);
}
END_TEST

START_TEST(handlers_run_in_each_generation)
{
	id_t64 r = run("nodes: {a: {run: exit=1 fails=1}}\non_failure: {run: took=1}\non_exit: {run: took=1}");
	is_run(r, RUN_FAILED);
	started(r, "on_failure", 1);
	verb(VERB_RETRY, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "on_failure", 1);
	started(r, "on_exit", 2);
}
END_TEST

START_TEST(a_canceled_run_goes_on_where_it_was)
{
	id_t64 r = begin("nodes: {a: {run: took=100}, b: {run: took=100, needs: a}}");
	world_run_ms(w, 20);
	verb(VERB_CANCEL, r);
	finish();
	is_run(r, RUN_CANCELED);
	verb(VERB_RETRY, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 2);
	started(r, "b", 1);
}
END_TEST

START_TEST(a_run_of_a_node_is_sent_back_through_its_parent)
{
	world_file(w, "child.yaml", "nodes: {x: {run: exit=1 fails=1}}");
	id_t64 r = run("nodes: {sub: {workflow: child.yaml}}");
	is_run(r, RUN_FAILED);
	refused(VERB_RETRY, world_node(w, r, "sub").child, NULL, ERR_CONFLICT, "belongs to a node");
	verb(VERB_RETRY, r);
	finish();
	is_run(r, RUN_FAILED); /* a new run of the child begins with its first try, which fails again */
	ck_assert_int_eq(world_node(w, r, "sub").iteration, 2);
}
END_TEST

START_TEST(what_was_ready_waits_when_what_it_needs_goes_back)
{
	id_t64 r = begin("nodes: {a: {run: took=100 exit=1}, b: {run: took=10, needs: {a: failure}}, c: {run: took=200}}");
	world_run_ms(w, 20);
	verb(VERB_PAUSE, r);
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	is_node(r, "a", NODE_FAILED);
	verb(VERB_RETRY, r);
	world_run_ms(w, 50);
	started(r, "b", 0);
	finish();
	started(r, "a", 2);
	started(r, "b", 1);
}
END_TEST

START_TEST(what_never_ran_runs_in_the_generation_of_the_retry)
{
	id_t64 r = run("nodes: {a: {run: exit=1 fails=1}, b: {run: took=10, needs: a}, c: {run: took=10, needs: b}}");
	is_run(r, RUN_FAILED);
	verb(VERB_RETRY, r);
	world_restart(w);
	finish();
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(world_node(w, r, "c").generation, 2);
}
END_TEST

START_TEST(a_group_whose_instances_all_succeeded_runs_them_all_again)
{
	id_t64 r = run("nodes: {t: {matrix: {i: [\"1\", \"2\"]}, run: took=1}, z: {run: took=1 exit=1 fails=1, needs: t}}");
	is_run(r, RUN_FAILED);
	verb_node(VERB_RETRY, r, "t");
	finish();
	started(r, "t[1]", 2);
	started(r, "t[2]", 2);
}
END_TEST

START_TEST(the_instances_that_a_stopped_group_did_not_start_end_with_it)
{
	id_t64 r = run("nodes: {t: {matrix: {i: [\"1\", \"2\", \"3\"]}, max_parallel: 1, run: took=100}, z: {run: took=50 exit=1 fails=1}}");
	is_run(r, RUN_FAILED);
	is_node(r, "t[3]", NODE_CANCELED);
	verb_node(VERB_RETRY, r, "z");
	finish();
	is_node(r, "z", NODE_SUCCEEDED);
	is_run(r, RUN_FAILED); /* the group is still not done */
	ck_assert_str_eq(world_run(w, r).reason, "t");
	verb(VERB_RETRY, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "t[3]", 1);
}
END_TEST

START_TEST(of_two_failures_one_can_be_tried_again)
{
	id_t64 r = run("nodes: {a: {run: took=5 exit=1 fails=1}, b: {run: took=5 exit=1}, c: {run: took=1, needs: a}}");
	is_run(r, RUN_FAILED);
	verb_node(VERB_RETRY, r, "a");
	finish();
	is_node(r, "a", NODE_SUCCEEDED);
	is_node(r, "c", NODE_SUCCEEDED);
	started(r, "b", 1);
	is_run(r, RUN_FAILED);
	ck_assert_str_eq(world_run(w, r).reason, "b");
}
END_TEST

START_TEST(a_group_in_its_middle_goes_on_after_a_retry)
{
	world_file(w, "child.yaml", "nodes: {x: {run: took=10}, y: {run: took=10, needs: x}}");
	id_t64 r = begin("nodes: {a: {run: took=10 exit=1 fails=1}, "
			 "t: {matrix: {i: [\"1\", \"2\"]}, max_parallel: 1, workflow: child.yaml}}");
	world_run_ms(w, 5);
	verb(VERB_PAUSE, r);
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	verb(VERB_RETRY, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	is_node(r, "t[2]", NODE_SUCCEEDED);
}
END_TEST

START_TEST(a_canceled_sub_workflow_fails_the_run_above_it)
{
	world_file(w, "child.yaml", "nodes: {x: {run: forever}}");
	id_t64 r = begin("nodes: {sub: {workflow: child.yaml}, a: {run: took=10}, b: {run: took=1, needs: sub}}");
	world_run_ms(w, 100);
	verb(VERB_CANCEL, world_node(w, r, "sub").child);
	finish();
	is_node(r, "sub", NODE_CANCELED);
	is_run(r, RUN_FAILED);
	started(r, "b", 0);
}
END_TEST

START_TEST(files_go_back_to_before_the_first_iteration)
{
	id_t64 r = run("nodes: {x: {run: took=10 writes=f, loop: {strategy: fixed, max: 3}, "
		       "verify: [{run: took=100 verdicts=f1;p}]}, y: {run: took=50 writes=g}}");
	is_run(r, RUN_SUCCEEDED);
	previews(VERB_RESUME_FROM, r, "x", false, "x rerun; y ineligible; ");
}
END_TEST

START_TEST(what_was_between_two_tries_at_a_checkpoint_is_open_after_the_way_back)
{
	id_t64 r = begin("nodes: {a: {run: took=50}, b: {run: took=10 exit=75, retry: {max_attempts: 3, initial: 60s}}, "
			 "c: {run: took=1, needs: b}}");
	world_run_ms(w, 1000);
	verb(VERB_PAUSE, r);
	world_run_ms(w, 10);
	is_node(r, "b", NODE_RETRYING);
	const char *node = "b";
	struct command again = { .verb = VERB_RETRY, .id = r, .nodes = &node, .nnodes = 1, .stay = true, .who = "tester" };
	ck_assert_int_eq(world_ask(w, &again).code, ERR_OK);
	is_node(r, "b", NODE_PENDING);
	struct command back = { .verb = VERB_ROLLBACK, .id = r, .checkpoint = "a", .who = "tester" };
	auto_str text = STR_INIT;
	struct err err;
	ck_assert_int_eq(engine_reset_preview(w->e, &back, preview, NULL, &text, &err), ERR_OK);
	ck_assert_str_eq(str_text(&text), "a kept; b open; c open; ");
	ck_assert_int_eq(world_ask(w, &back).code, ERR_OK);
	world_run_ms(w, 1000);
	is_node(r, "b", NODE_PENDING);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_FAILED);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine_reset");
	TCase *t = tcase_create("reset");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, retry_runs_what_failed_and_what_follows_from_it);
	tcase_add_test(t, retry_survives_the_engines_death_at_once);
	tcase_add_test(t, retry_of_a_run_in_which_nothing_failed_is_refused);
	tcase_add_test(t, resume_from_runs_the_node_and_all_after_it);
	tcase_add_test(t, only_marks_what_follows_as_stale);
	tcase_add_test(t, retry_of_a_group_runs_only_the_instances_that_failed);
	tcase_add_test(t, handlers_run_in_each_generation);
	tcase_add_test(t, a_canceled_run_goes_on_where_it_was);
	tcase_add_test(t, a_run_of_a_node_is_sent_back_through_its_parent);
	tcase_add_test(t, what_was_ready_waits_when_what_it_needs_goes_back);
	tcase_add_test(t, what_never_ran_runs_in_the_generation_of_the_retry);
	tcase_add_test(t, a_group_whose_instances_all_succeeded_runs_them_all_again);
	tcase_add_test(t, the_instances_that_a_stopped_group_did_not_start_end_with_it);
	tcase_add_test(t, of_two_failures_one_can_be_tried_again);
	tcase_add_test(t, a_group_in_its_middle_goes_on_after_a_retry);
	tcase_add_test(t, a_canceled_sub_workflow_fails_the_run_above_it);
	tcase_add_test(t, files_go_back_to_before_the_first_iteration);
	tcase_add_test(t, what_was_between_two_tries_at_a_checkpoint_is_open_after_the_way_back);
	suite_add_tcase(s, t);
	return run_suite(s);
}
