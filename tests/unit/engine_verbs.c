/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an operator asks of runs: pause, freeze, resume, step, until, cancel. */
#include "tests/unit/engine_world.h"

#define CHAIN "nodes: {a: {run: took=100 out=v=1}, b: {run: took=100, needs: a}, c: {run: took=100, needs: b}}"

START_TEST(pause_lets_what_runs_end_and_starts_nothing)
{
	id_t64 r = begin(CHAIN);
	world_run_ms(w, 20);
	verb(VERB_PAUSE, r);
	is_run(r, RUN_PAUSING);
	world_run_ms(w, HOUR);
	is_run(r, RUN_PAUSED);
	is_node(r, "a", NODE_SUCCEEDED);
	started(r, "b", 0);
	verb(VERB_PAUSE, r); /* twice is once */
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "b", 1);
}
END_TEST

START_TEST(pause_of_a_run_in_which_nothing_runs_is_at_once)
{
	id_t64 r = begin("nodes: {a: {run: exit=75, retry: {max_attempts: 2, on: [\"exit:75\"], initial: 10s}}}");
	world_run_ms(w, 2000);
	is_node(r, "a", NODE_RETRYING);
	verb(VERB_PAUSE, r);
	is_run(r, RUN_PAUSED);
	world_run_ms(w, 60000);
	started(r, "a", 1); /* the wait is over, but it is paused */
	verb(VERB_RESUME, r);
	finish();
	started(r, "a", 2);
	is_run(r, RUN_FAILED);
}
END_TEST

START_TEST(pause_reaches_sub_workflows)
{
	world_file(w, "child.yaml", CHAIN);
	id_t64 r = begin("nodes: {sub: {workflow: child.yaml}, other: {run: took=1, needs: sub}}");
	world_run_ms(w, 20);
	id_t64 c = world_node(w, r, "sub").child;
	verb(VERB_PAUSE, r);
	is_run(c, RUN_PAUSING);
	is_run(r, RUN_PAUSING);
	world_run_ms(w, HOUR);
	is_run(c, RUN_PAUSED);
	is_run(r, RUN_PAUSED);
	started(c, "b", 0);
	verb(VERB_RESUME, r);
	is_run(c, RUN_RUNNING);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(freeze_stops_processes_and_their_clock)
{
	id_t64 r = begin("nodes: {a: {run: took=5000, timeout: 8s}, b: {run: took=1, needs: a}}");
	world_run_ms(w, 1000);
	verb(VERB_FREEZE, r);
	is_run(r, RUN_FROZEN);
	world_run_ms(w, HOUR);
	is_node(r, "a", NODE_RUNNING);
	ck_assert(world_worker_of(w, r, "a")->frozen);
	verb(VERB_RESUME, r);
	world_run_ms(w, 5000);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	ck_assert_int_ge(world_run(w, r).paused_ms, HOUR);
}
END_TEST

START_TEST(freeze_then_pause_thaws_and_drains)
{
	id_t64 r = begin(CHAIN);
	world_run_ms(w, 20);
	verb(VERB_FREEZE, r);
	world_run_ms(w, 1000);
	verb(VERB_PAUSE, r);
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	is_node(r, "a", NODE_SUCCEEDED);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(freeze_reaches_sub_workflows)
{
	world_file(w, "child.yaml", CHAIN);
	id_t64 r = begin("nodes: {sub: {workflow: child.yaml}}");
	world_run_ms(w, 20);
	id_t64 c = world_node(w, r, "sub").child;
	verb(VERB_FREEZE, r);
	is_run(c, RUN_FROZEN);
	world_run_ms(w, HOUR);
	is_node(c, "a", NODE_RUNNING);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(until_stops_after_the_target)
{
	id_t64 r = begin_paused(CHAIN);
	verb_node(VERB_UNTIL, r, "b");
	world_run_ms(w, HOUR);
	is_run(r, RUN_PAUSED);
	ck_assert_str_eq(world_run(w, r).reason, "until");
	is_node(r, "a", NODE_SUCCEEDED);
	is_node(r, "b", NODE_SUCCEEDED);
	started(r, "c", 0);
	ck_assert_str_eq(world_node(w, r, "a").outputs, "{\"v\":\"1\"}");
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "b", 1);
	started(r, "c", 1);
}
END_TEST

START_TEST(until_with_several_targets_stops_at_the_first)
{
	const char *targets[] = { "slow", "fast" };
	id_t64 o = submit_as("nodes: {slow: {run: took=9000}, fast: {run: took=10}, last: {run: took=1, needs: fast}}",
			     &(struct submission){ .until = targets, .nuntil = 2 });
	id_t64 r = world_run_of(w, o);
	world_run_ms(w, 2000);
	is_run(r, RUN_PAUSING); /* slow runs to its end */
	started(r, "last", 0);
	world_run_ms(w, HOUR);
	is_run(r, RUN_PAUSED);
}
END_TEST

START_TEST(until_a_target_that_is_complete_runs_nothing)
{
	id_t64 r = begin_paused(CHAIN);
	verb(VERB_STEP, r);
	world_run_ms(w, HOUR);
	verb_node(VERB_UNTIL, r, "a");
	world_run_ms(w, HOUR);
	is_run(r, RUN_PAUSED);
	started(r, "b", 0);
}
END_TEST

START_TEST(until_an_unknown_target_is_an_error)
{
	id_t64 r = begin_paused(CHAIN);
	refused(VERB_UNTIL, r, "nope", ERR_NOT_FOUND, "nope");
	const char *targets[] = { "nope" };
	struct answer a = world_submit(w, CHAIN, &(struct submission){ .until = targets, .nuntil = 1 });
	ck_assert_int_eq(a.code, ERR_INVALID);
	ck_assert_ptr_nonnull(strstr(a.message, "nope"));
}
END_TEST

START_TEST(until_a_target_that_is_never_reached_says_so)
{
	const char *targets[] = { "other" };
	id_t64 o = submit_as("nodes: {a: {run: exit=1, critical: false}, other: {run: took=1, needs: {a: success}, when: \"false\"}}",
			     &(struct submission){ .until = targets, .nuntil = 1 });
	finish();
	is_run(world_run_of(w, o), RUN_SUCCEEDED);
	ck_assert_str_eq(world_run(w, world_run_of(w, o)).reason, "until_not_reached");
}
END_TEST

START_TEST(until_failure_pauses_at_the_failure_and_resume_ends_it)
{
	id_t64 o = submit_as("nodes: {a: {run: exit=4}, b: {run: took=1, needs: {a: failure}}}",
			     &(struct submission){ .until_failure = true });
	id_t64 r = world_run_of(w, o);
	world_run_ms(w, HOUR);
	is_run(r, RUN_PAUSED);
	ck_assert_str_eq(world_run(w, r).reason, "failure");
	is_node(r, "a", NODE_FAILED);
	started(r, "b", 0);
	verb(VERB_RESUME, r);
	finish();
	is_node(r, "b", NODE_SUCCEEDED);
	is_run(r, RUN_FAILED);
}
END_TEST

START_TEST(step_runs_exactly_one_node)
{
	id_t64 r = begin_paused("nodes: {a: {run: took=10}, b: {run: took=10}, c: {run: took=10, needs: [a, b]}}");
	for (int i = 1; i <= 2; i++) {
		verb(VERB_STEP, r);
		world_run_ms(w, HOUR);
		is_run(r, RUN_PAUSED);
		ck_assert_str_eq(world_run(w, r).reason, "step");
		ck_assert_int_eq((int)w->nstarts, i);
	}
	verb(VERB_STEP, r);
	world_run_ms(w, HOUR);
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq((int)w->nstarts, 3);
}
END_TEST

START_TEST(step_at_the_end_says_that_there_is_no_next_node)
{
	id_t64 r = begin_paused("nodes: {a: {run: took=10}}");
	verb(VERB_STEP, r);
	world_run_ms(w, HOUR);
	is_run(r, RUN_SUCCEEDED);
	struct answer a = world_verb(w, VERB_STEP, r, NULL);
	ck_assert_int_eq(a.code, ERR_OK);
	ck_assert_str_eq(a.note, "no_next_node");
	ck_assert_int_eq((int)w->nstarts, 1);
}
END_TEST

START_TEST(step_runs_the_node_that_was_named)
{
	id_t64 r = begin_paused("nodes: {a: {run: took=10}, b: {run: took=10}, c: {run: took=10, needs: b}}");
	refused(VERB_STEP, r, "c", ERR_CONFLICT, "c");
	refused(VERB_STEP, r, "d", ERR_NOT_FOUND, "d");
	verb_node(VERB_STEP, r, "a"); /* though the path behind b is longer */
	world_run_ms(w, HOUR);
	ck_assert_int_eq((int)w->nstarts, 1);
	ck_assert_str_eq(w->starts[0].node, "a");
	is_run(r, RUN_PAUSED);
}
END_TEST

START_TEST(step_of_a_node_that_is_retried_runs_its_tries)
{
	id_t64 r = begin_paused("nodes: {a: {run: exit=75 fails=1, retry: {max_attempts: 2, on: [\"exit:75\"], initial: 1s}}, "
				"b: {run: took=1}}");
	verb_node(VERB_STEP, r, "a");
	world_run_ms(w, HOUR);
	is_run(r, RUN_PAUSED);
	is_node(r, "a", NODE_SUCCEEDED);
	started(r, "a", 2);
	started(r, "b", 0);
}
END_TEST

START_TEST(step_goes_through_instances_and_sub_workflows)
{
	world_file(w, "child.yaml", "nodes: {x: {run: took=10}, y: {run: took=10, needs: x}}");
	id_t64 r = begin_paused("nodes: {t: {matrix: {i: [\"1\", \"2\"]}, run: took=10}, "
				"sub: {workflow: child.yaml, needs: t}, z: {run: took=10, needs: sub}}");
	verb(VERB_STEP, r);
	world_run_ms(w, HOUR);
	ck_assert_int_eq((int)w->nstarts, 1);
	is_run(r, RUN_PAUSED);
	verb(VERB_STEP, r);
	world_run_ms(w, HOUR);
	ck_assert_int_eq((int)w->nstarts, 2);
	verb(VERB_STEP, r); /* the sub-workflow as a whole is one node */
	world_run_ms(w, HOUR);
	is_node(r, "sub", NODE_SUCCEEDED);
	ck_assert_int_eq((int)w->nstarts, 4);
	is_run(r, RUN_PAUSED);
	verb(VERB_STEP, r);
	world_run_ms(w, HOUR);
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(step_beside_a_paused_sub_workflow_leaves_it_paused)
{
	world_file(w, "child.yaml", "nodes: {x: {run: took=100}, y: {run: took=10, needs: x}}");
	id_t64 r = begin("nodes: {sub: {workflow: child.yaml}, a: {run: took=100}, b: {run: took=10, needs: a}}");
	world_run_ms(w, 20);
	verb(VERB_PAUSE, r);
	world_run_ms(w, HOUR);
	is_run(r, RUN_PAUSED);
	id_t64 c = world_node(w, r, "sub").child;
	verb(VERB_STEP, r);
	world_run_ms(w, HOUR);
	is_node(r, "b", NODE_SUCCEEDED);
	started(c, "y", 0);
	is_run(r, RUN_PAUSED);
	verb(VERB_STEP, r); /* what is left of the sub-workflow is the next node */
	world_run_ms(w, HOUR);
	started(c, "y", 1);
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(cancel_ends_what_runs_and_runs_the_handler)
{
	id_t64 r = begin("nodes: {a: {run: forever}, b: {run: took=1, needs: a}}\non_cancel: {run: took=1}\n"
			 "on_failure: {run: took=1}\n");
	world_run_ms(w, 100);
	verb(VERB_CANCEL, r);
	is_run(r, RUN_CANCELING);
	finish();
	is_run(r, RUN_CANCELED);
	is_node(r, "a", NODE_CANCELED);
	is_node(r, "on_cancel", NODE_SUCCEEDED);
	is_node(r, "on_failure", NODE_PENDING);
	started(r, "b", 0);
	ck_assert_int_eq(w->nstarts, 2);
	verb(VERB_CANCEL, r); /* it is canceled */
}
END_TEST

START_TEST(a_second_cancel_kills)
{
	id_t64 r = begin("nodes: {a: {run: forever stubborn}}");
	world_run_ms(w, 100);
	verb(VERB_CANCEL, r);
	world_run_ms(w, 100);
	is_node(r, "a", NODE_RUNNING);
	verb(VERB_CANCEL, r);
	world_run_ms(w, 100);
	is_run(r, RUN_CANCELED);
}
END_TEST

START_TEST(cancel_of_a_paused_and_of_a_frozen_run)
{
	id_t64 r = begin(CHAIN), f = begin(CHAIN);
	world_run_ms(w, 20);
	verb(VERB_PAUSE, r);
	verb(VERB_FREEZE, f);
	world_run_ms(w, 1000);
	verb(VERB_CANCEL, r);
	is_run(r, RUN_CANCELED);
	verb(VERB_CANCEL, f);
	finish();
	is_run(f, RUN_CANCELED);
	is_node(f, "a", NODE_CANCELED);
}
END_TEST

START_TEST(cancel_reaches_sub_workflows_and_groups)
{
	world_file(w, "child.yaml", "nodes: {x: {run: forever}}");
	id_t64 r = begin("nodes: {sub: {workflow: child.yaml}, t: {matrix: {i: [\"1\", \"2\", \"3\"]}, max_parallel: 1, run: forever}}");
	world_run_ms(w, 100);
	id_t64 c = world_node(w, r, "sub").child;
	verb(VERB_CANCEL, r);
	finish();
	is_run(r, RUN_CANCELED);
	is_run(c, RUN_CANCELED);
	is_node(r, "sub", NODE_CANCELED);
	is_node(r, "t", NODE_CANCELED);
}
END_TEST

START_TEST(cancel_while_a_handler_runs)
{
	id_t64 r = begin("nodes: {a: {run: took=1}}\non_success: {run: forever}\non_exit: {run: took=1}\n");
	world_run_ms(w, 1000);
	is_node(r, "on_success", NODE_RUNNING);
	verb(VERB_CANCEL, r);
	finish();
	is_run(r, RUN_CANCELED);
	is_node(r, "on_success", NODE_CANCELED);
	is_node(r, "on_exit", NODE_SUCCEEDED);
}
END_TEST

START_TEST(a_verb_that_means_nothing_names_those_that_do)
{
	id_t64 r = begin(CHAIN);
	refused(VERB_STEP, r, NULL, ERR_CONFLICT, "pause, freeze");
	refused(VERB_PAUSE, 12345, NULL, ERR_NOT_FOUND, "r-");
	finish();
	refused(VERB_PAUSE, r, NULL, ERR_CONFLICT, "succeeded");
}
END_TEST

START_TEST(a_failed_run_is_acknowledged_once)
{
	id_t64 r = run("nodes: {a: {run: exit=1}}");
	ck_assert(!world_run(w, r).acknowledged);
	verb(VERB_ACKNOWLEDGE, r);
	ck_assert(world_run(w, r).acknowledged);
	is_run(r, RUN_FAILED);
	verb(VERB_ACKNOWLEDGE, r);
}
END_TEST

START_TEST(five_concurrent_runs_keep_their_own_data)
{
	id_t64 runs[5];
	for (int i = 0; i < 5; i++) {
		auto_free char *yaml = xasprintf("params: {n: {default: p%d}}\n"
						 "nodes: {a: {run: took=%d out=v=%d}, b: {run: took=7, needs: a, "
						 "when: nodes.a.outputs.v == '%d'}, c: {run: took=9 out=w=%d, needs: b}}",
						 i, 5 + i, i, i, i * i);
		runs[i] = begin_paused(yaml);
		verb_node(VERB_UNTIL, runs[i], "b");
	}
	world_run_ms(w, HOUR);
	for (int i = 0; i < 5; i++) {
		is_run(runs[i], RUN_PAUSED);
		is_node(runs[i], "b", NODE_SUCCEEDED);
	}
	world_restart(w);
	for (int i = 4; i >= 0; i--)
		verb(VERB_RESUME, runs[i]);
	finish();
	for (int i = 0; i < 5; i++) {
		auto_free char *v = xasprintf("{\"v\":\"%d\"}", i), *x = xasprintf("{\"w\":\"%d\"}", i * i);
		is_run(runs[i], RUN_SUCCEEDED);
		started(runs[i], "a", 1);
		ck_assert_str_eq(world_node(w, runs[i], "a").outputs, v);
		ck_assert_str_eq(world_node(w, runs[i], "c").outputs, x);
	}
}
END_TEST

struct seqs {
	int64_t v[8];
	size_t n;
};

static void note_seq(void *ctx, const struct node_row *n)
{
	struct seqs *s = ctx;
	if (n->state == NODE_SUCCEEDED && s->n < COUNT(s->v))
		s->v[s->n++] = n->seq;
}

START_TEST(until_next_partial_and_resume_across_a_restart)
{
	/* until → state → next node → partial results → restart → resume: nothing runs twice. */
	id_t64 r = begin_paused("nodes: {c1: {run: out=r=1}, c2: {run: out=r=2, needs: c1}, c3: {run: out=r=3, needs: c2}, "
				"sum: {run: took=1, needs: [c1, c2, c3]}}");
	verb_node(VERB_UNTIL, r, "c1");
	world_run_ms(w, HOUR);
	verb(VERB_STEP, r);
	world_run_ms(w, HOUR);
	struct run_progress p;
	ck_assert(engine_run_progress(w->e, r, &p));
	ck_assert_int_eq(p.succeeded, 2);
	ck_assert_int_eq(p.total, 4);
	ck_assert_int_eq(engine_node_state(w->e, r, world_idx(w, r, "c3")), NODE_READY);
	ck_assert_int_eq(engine_node_state(w->e, r, world_idx(w, r, "sum")), NODE_BLOCKED);
	world_restart(w);
	is_run(r, RUN_PAUSED);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	static const char *const names[] = { "c1", "c2", "c3", "sum" };
	for (size_t i = 0; i < COUNT(names); i++)
		started(r, names[i], 1);
	/* Checkpoints in their order. */
	struct seqs s = { .n = 0 };
	ck_assert_int_eq(store_nodes_of(w->store, r, note_seq, &s, NULL), ERR_OK);
	ck_assert_int_eq((int)s.n, 4);
	for (size_t i = 1; i < s.n; i++)
		ck_assert_int_gt(s.v[i], s.v[i - 1]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine_verbs");
	TCase *t = tcase_create("engine_verbs");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, pause_lets_what_runs_end_and_starts_nothing);
	tcase_add_test(t, pause_of_a_run_in_which_nothing_runs_is_at_once);
	tcase_add_test(t, pause_reaches_sub_workflows);
	tcase_add_test(t, freeze_stops_processes_and_their_clock);
	tcase_add_test(t, freeze_then_pause_thaws_and_drains);
	tcase_add_test(t, freeze_reaches_sub_workflows);
	tcase_add_test(t, until_stops_after_the_target);
	tcase_add_test(t, until_with_several_targets_stops_at_the_first);
	tcase_add_test(t, until_a_target_that_is_complete_runs_nothing);
	tcase_add_test(t, until_an_unknown_target_is_an_error);
	tcase_add_test(t, until_a_target_that_is_never_reached_says_so);
	tcase_add_test(t, until_failure_pauses_at_the_failure_and_resume_ends_it);
	tcase_add_test(t, step_runs_exactly_one_node);
	tcase_add_test(t, step_at_the_end_says_that_there_is_no_next_node);
	tcase_add_test(t, step_runs_the_node_that_was_named);
	tcase_add_test(t, step_of_a_node_that_is_retried_runs_its_tries);
	tcase_add_test(t, step_goes_through_instances_and_sub_workflows);
	tcase_add_test(t, step_beside_a_paused_sub_workflow_leaves_it_paused);
	tcase_add_test(t, cancel_ends_what_runs_and_runs_the_handler);
	tcase_add_test(t, a_second_cancel_kills);
	tcase_add_test(t, cancel_of_a_paused_and_of_a_frozen_run);
	tcase_add_test(t, cancel_reaches_sub_workflows_and_groups);
	tcase_add_test(t, cancel_while_a_handler_runs);
	tcase_add_test(t, a_verb_that_means_nothing_names_those_that_do);
	tcase_add_test(t, a_failed_run_is_acknowledged_once);
	tcase_add_test(t, five_concurrent_runs_keep_their_own_data);
	tcase_add_test(t, until_next_partial_and_resume_across_a_restart);
	suite_add_tcase(s, t);
	return run_suite(s);
}
