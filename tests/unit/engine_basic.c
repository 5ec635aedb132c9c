/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine does what a workflow says: order, data, conditions, retries, matrix and foreach,
 * sub-workflows, handlers. Real engine and store, played workers. */
#include "tests/unit/engine_world.h"

START_TEST(a_run_goes_from_order_to_success)
{
	id_t64 order = submit("nodes: {a: {run: took=5}, b: {run: took=5, needs: a}}");
	ck_assert_int_eq(world_order_state(w, order), ORDER_RUNNING);
	finish();
	ck_assert_int_eq(world_order_state(w, order), ORDER_SUCCEEDED);
	id_t64 r = world_run_of(w, order);
	is_run(r, RUN_SUCCEEDED);
	is_node(r, "a", NODE_SUCCEEDED);
	is_node(r, "b", NODE_SUCCEEDED);
	ck_assert_int_eq(w->nstarts, 2);
	ck_assert_str_eq(w->starts[0].node, "a");
}
END_TEST

START_TEST(a_node_begins_only_after_all_that_it_needs)
{
	id_t64 r = run("nodes: {z: {run: took=5, needs: [x, y]}, x: {run: took=50}, y: {run: took=5}}");
	ck_assert_str_eq(w->starts[2].node, "z");
	ck_assert_int_ge(w->starts[2].at_ms, w->starts[0].at_ms + 50);
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(a_failure_fails_the_run_and_starts_nothing_more)
{
	id_t64 order = submit("nodes: {a: {run: exit=3}, b: {run: took=1, needs: a}, c: {run: took=50}, "
			      "d: {run: took=1, needs: c}}");
	finish();
	id_t64 r = world_run_of(w, order);
	ck_assert_int_eq(world_order_state(w, order), ORDER_FAILED);
	is_run(r, RUN_FAILED);
	ck_assert_str_eq(world_run(w, r).reason, "a");
	is_node(r, "a", NODE_FAILED);
	ck_assert_ptr_nonnull(strstr(world_node(w, r, "a").reason, "3"));
	is_node(r, "c", NODE_SUCCEEDED); /* what ran went on to its end */
	started(r, "b", 0);
	started(r, "d", 0);
}
END_TEST

START_TEST(a_failure_that_is_not_critical_fails_nothing_else)
{
	id_t64 r = run("nodes: {a: {run: exit=1, critical: false}, b: {run: took=1}, c: {run: took=1, needs: a}, "
		       "d: {run: took=1, needs: {a: done}}, e: {run: took=1, needs: {a: failure}}}");
	is_run(r, RUN_SUCCEEDED);
	is_node(r, "a", NODE_FAILED);
	is_node(r, "b", NODE_SUCCEEDED);
	is_node(r, "c", NODE_SKIPPED);
	is_node(r, "d", NODE_SUCCEEDED);
	is_node(r, "e", NODE_SUCCEEDED);
}
END_TEST

START_TEST(a_retry_waits_longer_each_time_and_then_succeeds)
{
	id_t64 r = run("nodes: {a: {run: exit=75 fails=2, retry: {max_attempts: 3, on: [\"exit:75\"], initial: 1s, "
		       "factor: 2, jitter: false}}}");
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 3);
	ck_assert_int_ge(w->starts[1].at_ms - w->starts[0].at_ms, 1000);
	ck_assert_int_ge(w->starts[2].at_ms - w->starts[1].at_ms, 2000);
	ck_assert_int_lt(w->starts[2].at_ms - w->starts[1].at_ms, 2500);
	ck_assert_int_eq(world_node(w, r, "a").attempt, 3);
}
END_TEST

START_TEST(a_retry_budget_ends)
{
	id_t64 r = run("nodes: {a: {run: exit=75, retry: {max_attempts: 3, on: [\"exit:75\"], initial: 1s}}}");
	is_run(r, RUN_FAILED);
	started(r, "a", 3);
}
END_TEST

START_TEST(what_no_rule_names_is_not_retried)
{
	id_t64 r = run("nodes: {a: {run: exit=1, retry: {max_attempts: 3, on: [\"exit:75\", timeout]}}}");
	is_run(r, RUN_FAILED);
	started(r, "a", 1);
}
END_TEST

START_TEST(a_timeout_is_a_failure_of_its_own)
{
	id_t64 r = run("nodes: {a: {run: forever, timeout: 2s, retry: {max_attempts: 2, on: [timeout], initial: 1s}}}");
	is_run(r, RUN_FAILED);
	started(r, "a", 2);
	ck_assert_int_eq(world_node(w, r, "a").class, CLASS_TIMEOUT);
}
END_TEST

START_TEST(a_condition_that_is_false_skips_and_what_needs_it_goes_on)
{
	id_t64 r = run("params: {go: {type: bool, default: false}}\n"
		       "nodes: {a: {run: took=1, when: params.go}, b: {run: took=1, needs: a}, "
		       "c: {run: took=1, needs: a, allow_skipped: true}}");
	is_run(r, RUN_SUCCEEDED);
	is_node(r, "a", NODE_SKIPPED);
	is_node(r, "b", NODE_SUCCEEDED);
	started(r, "a", 0);
}
END_TEST

START_TEST(outputs_reach_conditions_of_later_nodes)
{
	id_t64 r = run("nodes: {a: {run: out=kind=big}, b: {run: took=1, needs: a, when: nodes.a.outputs.kind == 'big'}, "
		       "c: {run: took=1, needs: a, when: nodes.a.outputs.kind == 'small'}}");
	is_run(r, RUN_SUCCEEDED);
	is_node(r, "b", NODE_SUCCEEDED);
	is_node(r, "c", NODE_SKIPPED);
	ck_assert_str_eq(world_node(w, r, "a").outputs, "{\"kind\":\"big\"}");
}
END_TEST

START_TEST(an_output_that_was_declared_must_be_written)
{
	id_t64 r = run("nodes: {a: {run: out=x=1, outputs: [x, y]}}");
	is_run(r, RUN_FAILED);
	ck_assert_int_eq(world_node(w, r, "a").class, CLASS_OUTPUT);
	ck_assert_ptr_nonnull(strstr(world_node(w, r, "a").reason, "y"));
}
END_TEST

START_TEST(a_matrix_runs_the_product_of_its_axes)
{
	id_t64 r = run("nodes: {t: {matrix: {cc: [gcc, clang], os: [a, b]}, run: out=x=1}, z: {run: took=1, needs: t}}");
	is_run(r, RUN_SUCCEEDED);
	is_node(r, "t", NODE_SUCCEEDED);
	static const char *const names[] = { "t[gcc,a]", "t[gcc,b]", "t[clang,a]", "t[clang,b]" };
	for (size_t i = 0; i < COUNT(names); i++) {
		is_node(r, names[i], NODE_SUCCEEDED);
		started(r, names[i], 1);
	}
	ck_assert_str_eq(world_node(w, r, "t").outputs, "{\"x\":[\"1\",\"1\",\"1\",\"1\"]}");
	ck_assert_str_eq(w->starts[4].node, "z");
}
END_TEST

START_TEST(foreach_goes_over_what_an_earlier_node_wrote)
{
	id_t64 r = run("nodes: {list: {run: \"out=items=[\\\"p\\\",\\\"q\\\",\\\"r\\\"]\"}, "
		       "each: {needs: list, foreach: \"${{ nodes.list.outputs.items }}\", run: took=3, max_parallel: 1}}");
	is_run(r, RUN_SUCCEEDED);
	started(r, "each[0:p]", 1);
	started(r, "each[1:q]", 1);
	started(r, "each[2:r]", 1);
	ck_assert_int_ge(w->starts[2].at_ms, w->starts[1].at_ms + 3); /* one after the other */
	ck_assert_int_ge(w->starts[3].at_ms, w->starts[2].at_ms + 3);
}
END_TEST

START_TEST(an_instance_beyond_the_limit_of_its_group_is_retried_too)
{
	id_t64 r = run("nodes: {t: {matrix: {i: [\"1\", \"2\"]}, max_parallel: 1, run: exit=75 fails=1, "
		       "retry: {max_attempts: 2, on: [\"exit:75\"], initial: 1s}}}");
	is_run(r, RUN_SUCCEEDED);
	started(r, "t[1]", 2);
	started(r, "t[2]", 2);
}
END_TEST

START_TEST(an_empty_foreach_succeeds)
{
	id_t64 r = run("nodes: {list: {run: \"out=items=[]\"}, each: {needs: list, foreach: \"${{ nodes.list.outputs.items }}\", "
		       "run: took=3}, b: {run: took=1, needs: each}}");
	is_run(r, RUN_SUCCEEDED);
	is_node(r, "b", NODE_SUCCEEDED);
}
END_TEST

START_TEST(one_failed_instance_fails_its_group)
{
	id_t64 r = run("nodes: {t: {matrix: {i: [\"1\", \"2\", \"3\"]}, run: exit=1, fail_fast: true, max_parallel: 1}}");
	is_run(r, RUN_FAILED);
	is_node(r, "t", NODE_FAILED);
	is_node(r, "t[1]", NODE_FAILED);
	is_node(r, "t[2]", NODE_CANCELED);
	started(r, "t[2]", 0);
	ck_assert_str_eq(world_run(w, r).reason, "t");
}
END_TEST

START_TEST(a_sub_workflow_is_a_run_of_its_own)
{
	world_file(w, "child.yaml", "params: {n: {required: true}}\n"
				    "nodes: {a: {run: out=x=7}, b: {run: took=1, needs: a, when: params.n == '5'}}");
	id_t64 r = run("nodes: {pre: {run: out=n=5}, sub: {workflow: child.yaml, needs: pre, "
		       "params: {n: \"${{ nodes.pre.outputs.n }}\"}}, post: {run: took=1, needs: sub}}");
	is_run(r, RUN_SUCCEEDED);
	struct node_row n = world_node(w, r, "sub");
	ck_assert_int_eq(n.state, NODE_SUCCEEDED);
	ck_assert_str_eq(n.outputs, "{\"a\":{\"x\":\"7\"}}");
	is_run(n.child, RUN_SUCCEEDED);
	is_node(n.child, "b", NODE_SUCCEEDED);
	ck_assert_int_eq(world_run(w, n.child).parent_run, r);
}
END_TEST

START_TEST(the_failure_of_a_sub_workflow_is_shown_through)
{
	world_file(w, "child.yaml", "nodes: {a: {run: exit=9}}");
	id_t64 r = run("nodes: {sub: {workflow: child.yaml}}");
	is_run(r, RUN_FAILED);
	struct node_row n = world_node(w, r, "sub");
	ck_assert_int_eq(n.class, CLASS_CHILD);
	ck_assert_ptr_nonnull(strstr(n.reason, "/a: "));
	ck_assert_ptr_nonnull(strstr(n.reason, "9"));
	ck_assert_int_ne(world_run(w, r).failed_token, 0);
}
END_TEST

START_TEST(sub_workflows_in_a_matrix)
{
	world_file(w, "child.yaml", "params: {i: {required: true}}\nnodes: {a: {run: took=5}}");
	id_t64 r = run("nodes: {t: {matrix: {i: [\"1\", \"2\"]}, workflow: child.yaml, params: {i: \"${{ matrix.i }}\"}}}");
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(w->nstarts, 2);
	ck_assert_int_ne(world_node(w, r, "t[1]").child, world_node(w, r, "t[2]").child);
}
END_TEST

static const struct {
	const char *run, *handlers;
	enum run_state state;
} handled[] = {
	{ "took=1", "on_success on_exit", RUN_SUCCEEDED },
	{ "exit=1", "on_failure on_exit", RUN_FAILED },
};

START_TEST(handlers_run_after_the_end)
{
	auto_free char *yaml = xasprintf("nodes: {a: {run: %s}}\non_success: {run: took=1}\non_failure: {run: took=1}\n"
					 "on_cancel: {run: took=1}\non_exit: {run: took=1}\n", handled[_i].run);
	id_t64 r = run(yaml);
	is_run(r, handled[_i].state);
	auto_str all = STR_INIT;
	for (size_t i = 1; i < w->nstarts; i++)
		str_addf(&all, "%s%s", i > 1 ? " " : "", w->starts[i].node);
	ck_assert_str_eq(str_text(&all), handled[_i].handlers);
}
END_TEST

START_TEST(a_failed_handler_does_not_change_the_result)
{
	id_t64 r = run("nodes: {a: {run: took=1}}\non_success: {run: exit=1}\n");
	is_run(r, RUN_SUCCEEDED);
	is_node(r, "on_success", NODE_FAILED);
}
END_TEST

START_TEST(nodes_that_ask_for_failure_run_in_a_failing_run)
{
	id_t64 r = run("nodes: {a: {run: exit=1}, b: {run: took=1, needs: {a: failure}}, "
		       "c: {run: took=1, needs: a, when: always()}, d: {run: took=1, needs: a, when: failure()}, "
		       "e: {run: took=1, needs: a}}");
	is_run(r, RUN_FAILED);
	is_node(r, "b", NODE_SUCCEEDED);
	is_node(r, "c", NODE_SUCCEEDED);
	is_node(r, "d", NODE_SUCCEEDED);
	started(r, "e", 0);
}
END_TEST

START_TEST(what_asks_for_failure_has_its_tries_and_all_its_instances)
{
	id_t64 r = run("nodes: {a: {run: exit=1}, b: {needs: {a: failure}, matrix: {i: [\"1\", \"2\", \"3\"]}, max_parallel: 1, "
		       "run: exit=75 fails=1, retry: {max_attempts: 2, on: [\"exit:75\"], initial: 1s}}}\n"
		       "on_failure: {run: exit=75 fails=1, retry: {max_attempts: 2, on: [\"exit:75\"], initial: 1s}}\n");
	is_run(r, RUN_FAILED);
	is_node(r, "b", NODE_SUCCEEDED);
	started(r, "b[1]", 2);
	started(r, "b[3]", 2);
	is_node(r, "on_failure", NODE_SUCCEEDED);
}
END_TEST

START_TEST(a_resource_is_never_taken_twice)
{
	id_t64 r = run("resources: {db: 1}\n"
		       "nodes: {a: {run: took=9, resources: {db: 1}}, b: {run: took=9, resources: {db: 1}}, "
		       "c: {run: took=9, resources: {db: 1}}}");
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_ge(w->starts[1].at_ms, w->starts[0].at_ms + 9);
	ck_assert_int_ge(w->starts[2].at_ms, w->starts[1].at_ms + 9);
}
END_TEST

START_TEST(the_limits_of_run_and_engine_hold)
{
	(void)submit("concurrency: 2\nnodes: {t: {matrix: {i: [\"1\", \"2\", \"3\", \"4\", \"5\"]}, run: took=9}}");
	world_run_ms(w, 1);
	ck_assert_int_le(w->running_max, 2);
	finish();
	ck_assert_int_eq(w->running_max, 2);
	(void)run("nodes: {t: {matrix: {i: [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\"]}, run: took=9}}");
	ck_assert_int_eq(w->running_max, 4);
}
END_TEST

START_TEST(the_longest_path_goes_first)
{
	w->settings.steps = 1;
	(void)run("nodes: {short: {run: took=1}, l1: {run: took=1}, l2: {run: took=1, needs: l1}, "
		  "l3: {run: took=1, needs: l2}}");
	ck_assert_str_eq(w->starts[0].node, "l1");
	ck_assert_str_eq(w->starts[1].node, "l2");
}
END_TEST

START_TEST(a_workflow_with_mistakes_is_refused_with_all_of_them)
{
	struct answer a = world_submit(w, "nodes:\n  a: {rum: x}\n  b: {run: x, needs: c}\n", NULL);
	ck_assert_int_eq(a.code, ERR_INVALID);
	ck_assert_ptr_nonnull(strstr(a.message, "2:"));
	ck_assert_ptr_nonnull(strstr(a.message, "3:"));
	ck_assert_int_eq(a.times, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine_basic");
	TCase *t = tcase_create("engine_basic");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, a_run_goes_from_order_to_success);
	tcase_add_test(t, a_node_begins_only_after_all_that_it_needs);
	tcase_add_test(t, a_failure_fails_the_run_and_starts_nothing_more);
	tcase_add_test(t, a_failure_that_is_not_critical_fails_nothing_else);
	tcase_add_test(t, a_retry_waits_longer_each_time_and_then_succeeds);
	tcase_add_test(t, a_retry_budget_ends);
	tcase_add_test(t, what_no_rule_names_is_not_retried);
	tcase_add_test(t, a_timeout_is_a_failure_of_its_own);
	tcase_add_test(t, a_condition_that_is_false_skips_and_what_needs_it_goes_on);
	tcase_add_test(t, outputs_reach_conditions_of_later_nodes);
	tcase_add_test(t, an_output_that_was_declared_must_be_written);
	tcase_add_test(t, a_matrix_runs_the_product_of_its_axes);
	tcase_add_test(t, foreach_goes_over_what_an_earlier_node_wrote);
	tcase_add_test(t, an_instance_beyond_the_limit_of_its_group_is_retried_too);
	tcase_add_test(t, an_empty_foreach_succeeds);
	tcase_add_test(t, one_failed_instance_fails_its_group);
	tcase_add_test(t, a_sub_workflow_is_a_run_of_its_own);
	tcase_add_test(t, the_failure_of_a_sub_workflow_is_shown_through);
	tcase_add_test(t, sub_workflows_in_a_matrix);
	tcase_add_loop_test(t, handlers_run_after_the_end, 0, COUNT(handled));
	tcase_add_test(t, a_failed_handler_does_not_change_the_result);
	tcase_add_test(t, nodes_that_ask_for_failure_run_in_a_failing_run);
	tcase_add_test(t, what_asks_for_failure_has_its_tries_and_all_its_instances);
	tcase_add_test(t, a_resource_is_never_taken_twice);
	tcase_add_test(t, the_limits_of_run_and_engine_hold);
	tcase_add_test(t, the_longest_path_goes_first);
	tcase_add_test(t, a_workflow_with_mistakes_is_refused_with_all_of_them);
	suite_add_tcase(s, t);
	return run_suite(s);
}
