/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an operator says of a node: skip and mark. */
#include "tests/unit/engine_world.h"

#include "base/json.h"

#define CHAIN "nodes: {a: {run: took=100 out=v=1}, b: {run: took=100 exit=3, needs: a}, c: {run: took=100, needs: b}}"

static struct answer decide(enum verb v, id_t64 id, const char *node, const char *outputs, const char *reason)
{
	struct json *o = NULL;
	if (outputs)
		ck_assert_int_eq(json_parse(outputs, strlen(outputs), KIB, &o, NULL), ERR_OK);
	struct command c = { .verb = v, .id = id, .nodes = &node, .nnodes = 1, .who = "tester", .outputs = o,
			     .reason = reason };
	struct answer a = world_ask(w, &c);
	json_free(o);
	ck_assert_int_eq(a.times, 1);
	return a;
}

static void decided(enum verb v, id_t64 id, const char *node, const char *outputs)
{
	struct answer a = decide(v, id, node, outputs, "because");
	ck_assert_msg(a.code == ERR_OK, "%s %s: %s", verb_name(v), node, a.message);
}

static void undecided(enum verb v, id_t64 id, const char *node, enum err_code code, const char *says)
{
	struct answer a = decide(v, id, node, NULL, "because");
	ck_assert_msg(a.code == code, "%s: %s, not %s (%s)", verb_name(v), err_name(a.code), err_name(code), a.message);
	ck_assert_msg(strstr(a.message, says) || strstr(a.hint, says), "%s | %s", a.message, a.hint);
}

START_TEST(skip_of_what_has_not_run_lets_dependents_go_on)
{
	id_t64 r = begin(CHAIN);
	decided(VERB_SKIP, r, "b", NULL);
	is_node(r, "b", NODE_SKIPPED);
	ck_assert_str_eq(world_node(w, r, "b").reason, "skipped by the operator: because");
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "b", 0);
	started(r, "c", 1);
	ck_assert_int_eq(world_run(w, r).generation, 1);
}
END_TEST

START_TEST(a_skipped_node_that_counts_as_unmet_stops_what_needs_it)
{
	id_t64 r = begin_paused("nodes: {a: {run: took=1, allow_skipped: false}, b: {run: took=1, needs: a}}");
	decided(VERB_SKIP, r, "a", NULL);
	is_node(r, "b", NODE_SKIPPED);
	verb(VERB_RESUME, r);
	finish();
	started(r, "b", 0);
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(mark_gives_outputs_to_what_needs_it)
{
	id_t64 r = begin_paused("nodes: {a: {run: took=1}, b: {run: took=1, needs: a, when: \"nodes.a.outputs.v == '7'\"}}");
	decided(VERB_MARK, r, "a", "{\"v\":\"7\"}");
	is_node(r, "a", NODE_SUCCEEDED);
	ck_assert_str_eq(world_node(w, r, "a").outputs, "{\"v\":\"7\"}");
	is_run(r, RUN_PAUSED);
	verb(VERB_RESUME, r);
	finish();
	started(r, "a", 0);
	started(r, "b", 1);
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(mark_of_a_failed_node_opens_the_run_again)
{
	id_t64 r = run(CHAIN);
	is_run(r, RUN_FAILED);
	decided(VERB_MARK, r, "b", NULL);
	finish();
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(world_run(w, r).generation, 2);
	started(r, "a", 1);
	started(r, "b", 1);
	started(r, "c", 1);
	is_node(r, "b", NODE_SUCCEEDED);
}
END_TEST

START_TEST(skip_of_a_failed_node_of_a_paused_run_leaves_it_paused)
{
	id_t64 r = begin("nodes: {a: {run: took=10 exit=1, critical: false}, b: {run: took=500}, c: {run: took=1, needs: [a, b]}}");
	world_run_ms(w, 100);
	is_node(r, "a", NODE_FAILED);
	undecided(VERB_SKIP, r, "a", ERR_CONFLICT, "pause it first");
	verb(VERB_PAUSE, r);
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	decided(VERB_SKIP, r, "a", NULL);
	is_run(r, RUN_PAUSED);
	is_node(r, "a", NODE_SKIPPED);
	world_restart(w);
	is_run(r, RUN_PAUSED);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "c", 1);
}
END_TEST

START_TEST(a_node_that_waits_for_its_next_try_can_be_marked)
{
	id_t64 r = begin("nodes: {a: {run: exit=75, retry: {max_attempts: 3, on: [\"exit:75\"], initial: 1h}}, b: {run: took=1, needs: a}}");
	world_run_ms(w, 2000);
	is_node(r, "a", NODE_RETRYING);
	decided(VERB_MARK, r, "a", NULL);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "b", 1);
}
END_TEST

START_TEST(an_instance_can_be_marked)
{
	id_t64 r = run("nodes: {g: {foreach: [1, 2, 3], run: \"exit=1\"}, after: {run: took=1, needs: g}}");
	is_run(r, RUN_FAILED);
	verb_node(VERB_RETRY, r, "g");
	finish();
	decided(VERB_MARK, r, "g[1:2]", NULL);
	finish();
	is_node(r, "g[1:2]", NODE_SUCCEEDED);
	is_node(r, "g[0:1]", NODE_FAILED); /* tried once more */
	is_run(r, RUN_FAILED);
	started(r, "g[1:2]", 2);
}
END_TEST

START_TEST(a_handler_can_be_skipped)
{
	id_t64 r = begin("nodes: {a: {run: took=100}}\non_exit: {run: took=1}\n");
	decided(VERB_SKIP, r, "on_exit", NULL);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "on_exit", 0);
}
END_TEST

START_TEST(what_is_refused)
{
	id_t64 r = begin("nodes: {a: {run: took=100, outputs: [v]}, b: {run: took=1, needs: a, outputs: [v]}, c: {run: took=1}}");
	world_run_ms(w, 50);
	undecided(VERB_SKIP, r, "a", ERR_CONFLICT, "a is running");
	undecided(VERB_MARK, r, "a", ERR_CONFLICT, "a is running");
	undecided(VERB_MARK, r, "c", ERR_CONFLICT, "succeeded already");
	undecided(VERB_MARK, r, "b", ERR_INVALID, "declares the output v");
	undecided(VERB_SKIP, r, "none", ERR_NOT_FOUND, "no node none");
	struct answer a = decide(VERB_SKIP, r, "b", NULL, NULL);
	ck_assert_int_eq(a.code, ERR_USAGE);
	a = decide(VERB_MARK, r, "b", "{\"v\":\"1\",\"0bad\":\"1\"}", "x");
	ck_assert_int_eq(a.code, ERR_USAGE);
	a = decide(VERB_MARK, r, "b", "{\"v\":1}", "x");
	ck_assert_int_eq(a.code, ERR_USAGE);
	decided(VERB_SKIP, r, "b", NULL);
	undecided(VERB_SKIP, r, "b", ERR_CONFLICT, "skipped already");
	verb(VERB_CANCEL, r);
	undecided(VERB_MARK, r, "a", ERR_CONFLICT, "canceling");
	finish();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("decide");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, skip_of_what_has_not_run_lets_dependents_go_on);
	tcase_add_test(t, a_skipped_node_that_counts_as_unmet_stops_what_needs_it);
	tcase_add_test(t, mark_gives_outputs_to_what_needs_it);
	tcase_add_test(t, mark_of_a_failed_node_opens_the_run_again);
	tcase_add_test(t, skip_of_a_failed_node_of_a_paused_run_leaves_it_paused);
	tcase_add_test(t, a_node_that_waits_for_its_next_try_can_be_marked);
	tcase_add_test(t, an_instance_can_be_marked);
	tcase_add_test(t, a_handler_can_be_skipped);
	tcase_add_test(t, what_is_refused);
	suite_add_tcase(s, t);
	return run_suite(s);
}
