/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine dies, a worker dies, the machine starts again, the disk is full: nothing that was finished is
 * lost, and what ran is adopted, collected, or interrupted with a reason. */
#include "tests/unit/engine_world.h"

#define LONG "nodes: {a: {run: took=60000 out=v=1}, b: {run: took=10, needs: a}}"

START_TEST(a_step_goes_on_while_the_engine_is_away_and_is_adopted)
{
	id_t64 r = begin(LONG);
	world_run_ms(w, 1000);
	world_crash(w, 3000);
	world_run_ms(w, 20000);
	is_node(r, "a", NODE_RUNNING);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "b", 1);
}
END_TEST

START_TEST(a_step_that_ends_while_the_engine_is_away_is_collected)
{
	id_t64 r = begin(LONG);
	world_run_ms(w, 1000);
	world_crash(w, 120000); /* the worker has left long before */
	world_run_ms(w, 119000);
	ck_assert_int_eq((int)w->nrecords, 1);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	ck_assert_str_eq(world_node(w, r, "a").outputs, "{\"v\":\"1\"}");
	ck_assert_int_eq((int)w->nrecords, 0);
}
END_TEST

START_TEST(a_lost_worker_is_an_interruption_and_the_step_runs_again)
{
	id_t64 r = run("nodes: {a: {run: took=1000 dies=2}, b: {run: took=10, needs: a}}");
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 3);
}
END_TEST

START_TEST(an_interruption_does_not_use_up_the_budget)
{
	id_t64 r = run("nodes: {a: {run: took=1000 dies=2 exit=75, retry: {max_attempts: 2, on: [\"exit:75\"], initial: 1s}}}");
	is_run(r, RUN_FAILED);
	started(r, "a", 4);
}
END_TEST

START_TEST(a_step_that_kills_its_worker_each_time_pauses_the_run)
{
	id_t64 r = begin("nodes: {a: {run: took=1000 dies=3}, b: {run: took=10, needs: a}}");
	world_run_ms(w, HOUR);
	is_run(r, RUN_PAUSED);
	ck_assert_str_eq(world_run(w, r).reason, "crash_loop");
	started(r, "a", 3);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 4);
}
END_TEST

START_TEST(a_crash_loop_is_seen_across_restarts_of_the_machine)
{
	id_t64 r = begin("nodes: {a: {run: took=60000}, b: {run: took=10, needs: a}}");
	for (int i = 0; i < 3; i++) {
		w->reboot = true;
		world_run_ms(w, 1000);
		world_crash(w, 1000);
		world_run_ms(w, 2000);
	}
	is_run(r, RUN_PAUSED);
	ck_assert_str_eq(world_run(w, r).reason, "crash_loop");
}
END_TEST

START_TEST(what_a_crash_means_is_the_nodes_choice)
{
	id_t64 r = begin("nodes: {a: {run: took=1000 dies=1, on_crash: fail}}");
	id_t64 s = begin("nodes: {a: {run: took=1000 dies=1, on_crash: ask}}");
	world_run_ms(w, HOUR);
	is_run(r, RUN_FAILED);
	ck_assert_int_eq(world_node(w, r, "a").class, CLASS_INTERRUPTED);
	is_run(s, RUN_PAUSED);
	ck_assert_str_eq(world_run(w, s).reason, "interrupted");
	verb(VERB_RESUME, s);
	finish();
	is_run(s, RUN_SUCCEEDED);
}
END_TEST

START_TEST(a_machine_that_starts_again_interrupts_what_ran)
{
	id_t64 r = begin(LONG);
	w->reboot = true; /* before the workers say who they are */
	world_run_ms(w, 1000);
	world_crash(w, 1000);
	world_run_ms(w, 2000);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 2);
}
END_TEST

START_TEST(what_was_not_committed_never_was)
{
	struct submission s = { .source = LONG, .source_len = strlen(LONG), .file = "t.yaml", .dir = "/" };
	struct command c = { .verb = VERB_SUBMIT, .submit = &s };
	engine_command(w->e, &c, NULL, NULL);
	world_restart(w); /* without the end of the turn */
	world_run_ms(w, HOUR);
	ck_assert_int_eq((int)w->nstarts, 0);
	ck_assert(world_finish(w, 0));
}
END_TEST

START_TEST(what_was_committed_as_started_but_never_sent_is_interrupted)
{
	id_t64 o = submit(LONG);
	w->effects_left = 1; /* the START of the step is the first effect */
	world_run_ms(w, 10);
	ck_assert_int_eq(w->ncrashes, 1);
	started(world_run_of(w, o), "a", 0);
	finish();
	is_run(world_run_of(w, o), RUN_SUCCEEDED);
	started(world_run_of(w, o), "a", 1);
}
END_TEST

START_TEST(a_step_under_until_and_step_survives_the_engine)
{
	id_t64 r = begin_paused("nodes: {a: {run: took=60000}, b: {run: took=10}, c: {run: took=10, needs: a}}");
	verb_node(VERB_STEP, r, "a");
	world_run_ms(w, 1000);
	world_restart(w);
	world_run_ms(w, HOUR);
	is_run(r, RUN_PAUSED);
	is_node(r, "a", NODE_SUCCEEDED);
	started(r, "b", 0);
	started(r, "c", 0);
	verb_node(VERB_UNTIL, r, "b");
	world_restart(w);
	world_run_ms(w, HOUR);
	is_node(r, "b", NODE_SUCCEEDED);
}
END_TEST

static void is_alone(struct world *x UNUSED, void *ctx UNUSED, const struct sim_orphan *o)
{
	ck_abort_msg("processes of try %lld are still there", (long long)o->token);
}

START_TEST(what_a_dead_worker_left_is_ended_by_the_next_engine)
{
	w->faults.orphans = true;
	w->on_orphan = is_alone;
	id_t64 r = begin("nodes: {a: {run: took=60000}}");
	world_run_ms(w, 1000);
	w->effects_left = 1; /* the engine dies before it ends them */
	worker_kill(world_worker_of(w, r, "a"));
	world_turn(w);
	ck_assert_int_eq(w->ncrashes, 1);
	ck_assert_int_eq((int)w->norphans, 1);
	finish();
	started(r, "a", 2);
}
END_TEST

START_TEST(a_frozen_step_is_adopted_frozen)
{
	id_t64 r = begin(LONG);
	world_run_ms(w, 1000);
	verb(VERB_FREEZE, r);
	world_run_ms(w, 10);
	world_crash(w, 2000);
	world_run_ms(w, HOUR);
	is_run(r, RUN_FROZEN);
	is_node(r, "a", NODE_RUNNING);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
}
END_TEST

START_TEST(a_cancel_that_was_not_heard_is_said_again)
{
	id_t64 r = begin("nodes: {a: {run: forever}}\non_exit: {run: took=1}\n");
	world_run_ms(w, 1000);
	struct command c = { .verb = VERB_CANCEL, .id = r };
	w->effects_left = 1;
	engine_command(w->e, &c, NULL, NULL);
	world_turn(w);
	ck_assert_int_eq(w->ncrashes, 1);
	finish();
	is_run(r, RUN_CANCELED);
	is_node(r, "on_exit", NODE_SUCCEEDED);
}
END_TEST

START_TEST(a_cancel_in_the_handlers_survives_the_engine)
{
	id_t64 r = begin("nodes: {a: {run: took=1}}\non_success: {run: forever stubborn}\n");
	world_run_ms(w, 1000);
	is_node(r, "on_success", NODE_RUNNING);
	verb(VERB_CANCEL, r);
	world_restart(w);
	finish();
	is_run(r, RUN_CANCELED);
}
END_TEST

START_TEST(handlers_go_on_after_a_crash)
{
	id_t64 r = begin("nodes: {a: {run: exit=1}}\non_failure: {run: took=20000}\non_exit: {run: took=1}\n");
	world_run_ms(w, 1000);
	is_node(r, "on_failure", NODE_RUNNING);
	world_restart(w);
	finish();
	is_run(r, RUN_FAILED);
	started(r, "a", 1);
	started(r, "on_failure", 1);
	started(r, "on_exit", 1);
}
END_TEST

START_TEST(groups_and_sub_workflows_go_on_after_a_crash)
{
	world_file(w, "child.yaml", "nodes: {x: {run: took=3000}, y: {run: took=3000, needs: x}}");
	id_t64 r = begin("nodes: {t: {matrix: {i: [\"1\", \"2\", \"3\"]}, max_parallel: 2, run: took=3000}, "
			 "sub: {workflow: child.yaml}, z: {run: took=1, needs: [t, sub]}}");
	for (int i = 0; i < 6; i++) {
		world_run_ms(w, 1100);
		world_restart(w);
	}
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "t[1]", 1);
	started(r, "t[3]", 1);
	started(world_node(w, r, "sub").child, "y", 1);
}
END_TEST

START_TEST(a_retry_waits_on_across_a_restart)
{
	id_t64 r = begin("nodes: {a: {run: exit=75 fails=1, retry: {max_attempts: 2, on: [\"exit:75\"], initial: 60s, "
			 "max: 60s, jitter: false}}}");
	world_run_ms(w, 20000);
	world_crash(w, 10000);
	world_run_ms(w, 20000);
	started(r, "a", 1);
	finish();
	started(r, "a", 2);
	ck_assert_int_ge(w->starts[1].at_ms - w->starts[0].at_ms, 60000);
	ck_assert_int_lt(w->starts[1].at_ms - w->starts[0].at_ms, 61000);
}
END_TEST

START_TEST(resources_are_still_taken_after_a_restart)
{
	id_t64 r = begin("resources: {db: 1}\nnodes: {a: {run: took=9000, resources: {db: 1}}, "
			 "b: {run: took=9000, resources: {db: 1}}}");
	world_run_ms(w, 1000);
	world_restart(w);
	world_run_ms(w, 5000);
	ck_assert_int_eq((int)w->nstarts, 1);
	finish();
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq((int)w->nstarts, 2);
}
END_TEST

START_TEST(resources_of_a_shrunken_capacity_come_back_whole)
{
	id_t64 r = begin("resources: {db: 3}\nnodes: {a: {run: took=9000, resources: {db: 1}}, "
			 "b: {run: took=9000, resources: {db: 1}}, c: {run: took=9000, resources: {db: 1}}}");
	world_run_ms(w, 1000);
	id_t64 s = begin("resources: {db: 1}\nnodes: {a: {run: took=9000, resources: {db: 1}}, "
			 "b: {run: took=9000, resources: {db: 1}}}");
	world_run_ms(w, 1000);
	world_restart(w); /* three hold what has room for one now */
	finish();
	is_run(r, RUN_SUCCEEDED);
	is_run(s, RUN_SUCCEEDED);
	ck_assert_int_eq((int)w->nstarts, 5);
	ck_assert_int_ge(w->starts[4].at_ms, w->starts[3].at_ms + 9000);
}
END_TEST

START_TEST(whoever_does_not_start_keeps_nobody_from_a_resource)
{
	/* `wide` is woken for db, but its group is full; the others must be woken in its place. */
	id_t64 r = run("resources: {db: 2, net: 1}\nconcurrency: 3\n"
		       "nodes: {a: {run: took=500, resources: {db: 2}}, "
		       "wide: {matrix: {i: [\"1\", \"2\", \"3\"]}, max_parallel: 1, run: took=500, resources: {db: 1}}, "
		       "both: {run: took=500, resources: {db: 1, net: 1}}, net: {run: took=9000, resources: {net: 1}}, "
		       "last: {run: took=500, resources: {db: 1}}}");
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(a_paused_run_keeps_nobody_from_a_resource)
{
	static const char yaml[] = "resources: {db: 1}\nnodes: {a: {run: took=1000, resources: {db: 1}}, "
				   "b: {run: took=1000, resources: {db: 1}}}";
	id_t64 r = begin(yaml);
	world_run_ms(w, 10);
	id_t64 s = begin(yaml);
	world_run_ms(w, 10);
	verb(VERB_PAUSE, r);
	world_run_ms(w, 10000);
	is_run(r, RUN_PAUSED);
	is_run(s, RUN_SUCCEEDED);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(a_full_disk_stops_admission_and_loses_nothing)
{
	id_t64 r = begin("nodes: {a: {run: took=2000 out=v=1}, b: {run: took=10, needs: a}}");
	world_run_ms(w, 1000);
	w->disk_full_until_ms = w->boot_ms + 10000;
	struct answer x = world_submit(w, LONG, NULL);
	ck_assert_int_eq(x.code, ERR_STORAGE);
	ck_assert_int_eq(x.times, 1);
	x = world_submit(w, LONG, NULL);
	ck_assert_int_eq(x.code, ERR_STORAGE);
	struct engine_stats stats;
	engine_stats(w->e, &stats);
	ck_assert(!stats.accepting);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	ck_assert_str_eq(world_node(w, r, "a").outputs, "{\"v\":\"1\"}");
}
END_TEST

START_TEST(a_worker_whose_step_is_given_up_is_told_to_end_it_and_works_on)
{
	w->settings.workers_max = 1;
	id_t64 r = begin("nodes: {a: {run: took=600000}, b: {run: took=10, needs: a}}");
	world_run_ms(w, 1000);
	struct sim_worker *s = world_worker_of(w, r, "a");
	/* It comes back only after the engine has given it up. */
	world_crash(w, 0);
	s->alive = false;
	world_run_ms(w, 30000);
	s->alive = true;
	worker_connect(s);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 2);
	ck_assert_int_eq(s->phase, WORKER_IDLE);
	struct engine_stats stats;
	engine_stats(w->e, &stats);
	ck_assert_int_eq(stats.workers_busy, 0);
	ck_assert_int_eq(stats.workers_idle, stats.workers);
}
END_TEST

static void write_record(struct world *x UNUSED, void *ctx)
{
	struct sim_worker *s = ctx;
	worker_due(s, s->plan);
	s->alive = false;
}

START_TEST(a_record_that_is_written_while_the_engine_waits_is_taken)
{
	id_t64 r = begin(LONG);
	world_run_ms(w, 1000);
	struct sim_worker *s = world_worker_of(w, r, "a");
	world_crash(w, 0);
	s->lonely_ms = INT64_MAX / 2; /* it never finds the engine */
	s->conn++;
	world_call(w, 5000, write_record, s);
	for (size_t i = 0; i < w->events.n; i++) {
		struct letter *l = CONTAINER_OF(w->events.v[i], struct letter, h);
		if (l->kind == EVENT_CONNECT && l->s == s)
			l->kind = EVENT_TO_WORKER; /* of an old connection: nothing happens */
	}
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
}
END_TEST

START_TEST(a_result_that_is_told_twice_counts_once)
{
	w->faults.duplicate = 1000;
	id_t64 r = run("nodes: {a: {run: took=5}, b: {run: took=5, needs: a}, c: {run: took=5}, d: {run: took=5}, "
		       "e: {run: took=5}, f: {run: took=5, needs: [a, b, c, d, e]}}");
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq((int)w->nstarts, 6);
}
END_TEST

START_TEST(a_connection_that_breaks_loses_no_step)
{
	w->faults.disconnect = 300;
	id_t64 r = run("nodes: {a: {run: took=500}, b: {run: took=500, needs: a}, c: {run: took=500, needs: b}}");
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq((int)w->nstarts, 3);
}
END_TEST

START_TEST(stopping_with_kill_lets_the_next_engine_run_it_again)
{
	id_t64 r = begin("nodes: {a: {run: took=60000}, b: {run: took=10, needs: a}}");
	world_run_ms(w, 1000);
	engine_drain(w->e, true);
	world_turn(w);
	world_run_ms(w, 1000);
	ck_assert(engine_idle(w->e));
	world_restart(w);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 2);
	started(r, "b", 1);
}
END_TEST

START_TEST(draining_starts_nothing_and_leaves_what_runs)
{
	id_t64 r = begin("nodes: {a: {run: took=1000}, b: {run: took=10, needs: a}}");
	world_run_ms(w, 100);
	engine_drain(w->e, false);
	world_turn(w);
	world_run_ms(w, 10000);
	is_node(r, "a", NODE_SUCCEEDED);
	started(r, "b", 0);
	world_restart(w);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(the_log_of_the_database_does_not_grow_for_ever)
{
	for (int i = 0; i < 400; i++)
		(void)run("nodes: {a: {run: took=1}}");
	auto_free char *wal = xasprintf("%s/state.db-wal", w->dir), *bytes = NULL;
	size_t len = 0;
	ck_assert_int_eq(fs_read(wal, 100 * MIB, &bytes, &len, NULL), ERR_OK);
	ck_assert_int_lt((int)len, 20 * MIB);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine_recovery");
	TCase *t = tcase_create("engine_recovery");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_step_goes_on_while_the_engine_is_away_and_is_adopted);
	tcase_add_test(t, a_step_that_ends_while_the_engine_is_away_is_collected);
	tcase_add_test(t, a_lost_worker_is_an_interruption_and_the_step_runs_again);
	tcase_add_test(t, an_interruption_does_not_use_up_the_budget);
	tcase_add_test(t, a_step_that_kills_its_worker_each_time_pauses_the_run);
	tcase_add_test(t, a_crash_loop_is_seen_across_restarts_of_the_machine);
	tcase_add_test(t, what_a_crash_means_is_the_nodes_choice);
	tcase_add_test(t, a_machine_that_starts_again_interrupts_what_ran);
	tcase_add_test(t, what_was_not_committed_never_was);
	tcase_add_test(t, what_was_committed_as_started_but_never_sent_is_interrupted);
	tcase_add_test(t, a_step_under_until_and_step_survives_the_engine);
	tcase_add_test(t, what_a_dead_worker_left_is_ended_by_the_next_engine);
	tcase_add_test(t, a_frozen_step_is_adopted_frozen);
	tcase_add_test(t, a_cancel_that_was_not_heard_is_said_again);
	tcase_add_test(t, a_cancel_in_the_handlers_survives_the_engine);
	tcase_add_test(t, handlers_go_on_after_a_crash);
	tcase_add_test(t, groups_and_sub_workflows_go_on_after_a_crash);
	tcase_add_test(t, a_retry_waits_on_across_a_restart);
	tcase_add_test(t, resources_are_still_taken_after_a_restart);
	tcase_add_test(t, resources_of_a_shrunken_capacity_come_back_whole);
	tcase_add_test(t, whoever_does_not_start_keeps_nobody_from_a_resource);
	tcase_add_test(t, a_paused_run_keeps_nobody_from_a_resource);
	tcase_add_test(t, a_full_disk_stops_admission_and_loses_nothing);
	tcase_add_test(t, a_worker_whose_step_is_given_up_is_told_to_end_it_and_works_on);
	tcase_add_test(t, a_record_that_is_written_while_the_engine_waits_is_taken);
	tcase_add_test(t, a_result_that_is_told_twice_counts_once);
	tcase_add_test(t, a_connection_that_breaks_loses_no_step);
	tcase_add_test(t, stopping_with_kill_lets_the_next_engine_run_it_again);
	tcase_add_test(t, draining_starts_nothing_and_leaves_what_runs);
	tcase_add_test(t, the_log_of_the_database_does_not_grow_for_ever);
	suite_add_tcase(s, t);
	return run_suite(s);
}
