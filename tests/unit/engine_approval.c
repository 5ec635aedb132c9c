/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions to people: what each answer does, deadlines, roles, and that the question outlives the engine. */
#include "tests/unit/engine_world.h"
#include "store/check.h"

#define SHIP "nodes: {build: {run: out=v=1}, ok: {needs: build, approval: {ask: 'Ship ${{ nodes.build.outputs.v }}?'}}, " \
	     "ship: {needs: ok, run: took=5}}"

static struct answer decide(id_t64 r, const char *node, enum approval_choice choice, const char *reason)
{
	struct command c = { .verb = VERB_DECIDE, .id = r, .nodes = &node, .nnodes = node ? 1 : 0, .choice = (int)choice,
			     .reason = reason, .who = "tester" };
	return world_ask(w, &c);
}

static void decided(id_t64 r, const char *node, enum approval_choice choice)
{
	struct answer a = decide(r, node, choice, "because");
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
}

static struct approval_row question(id_t64 r, const char *node, int generation, int iteration)
{
	struct approval_row row = { .state = APPROVAL_STATE_COUNT };
	(void)!store_approval_get(w->store, r, world_idx(w, r, node), generation, iteration, &row, NULL);
	return row;
}

static id_t64 wanted_run;
static const char *wanted_type;
static int found_events;

static void count_event(void *ctx UNUSED, const struct event_row *e)
{
	found_events += e->run == wanted_run && str_eq(e->type, wanted_type);
}

static int events_of(id_t64 r, const char *type)
{
	wanted_run = r;
	wanted_type = type;
	found_events = 0;
	ck_assert_int_eq(check_events(w->store, count_event, NULL, NULL), ERR_OK);
	return found_events;
}

/* A run whose node `ok` has just asked. */
static id_t64 asking(const char *yaml)
{
	id_t64 r = begin(yaml);
	world_run_ms(w, 1000);
	is_run(r, RUN_WAITING);
	is_node(r, "ok", NODE_WAITING);
	return r;
}

START_TEST(a_question_waits_and_rings)
{
	id_t64 r = asking(SHIP);
	ck_assert_str_eq(world_node(w, r, "ok").reason, "Ship 1?");
	ck_assert_int_eq(events_of(r, "approval.requested"), 1);
	struct approval_row q = question(r, "ok", 1, 1);
	ck_assert_int_eq(q.state, APPROVAL_OPEN);
	ck_assert_str_eq(q.question, "Ship 1?");
	ck_assert_int_eq(q.deadline_ms, 0);
	world_run_ms(w, 10 * HOUR);
	is_run(r, RUN_WAITING);
	started(r, "ship", 0);
	decided(r, "ok", APPROVAL_CONTINUE);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "ship", 1);
	q = question(r, "ok", 1, 1);
	ck_assert_int_eq(q.state, APPROVAL_DECIDED);
	ck_assert_int_eq(q.choice, APPROVAL_CONTINUE);
	ck_assert_str_eq(q.who, "tester");
	ck_assert_str_eq(q.reason, "because");
	ck_assert_ptr_nonnull(strstr(world_node(w, r, "ok").outputs, "\"choice\":\"continue\""));
}
END_TEST

/* clang-format off */
static const struct { enum approval_choice choice; enum node_state node; enum run_state run; enum error_class class; } ends[] = {
	{ APPROVAL_CONTINUE, NODE_SUCCEEDED, RUN_SUCCEEDED, CLASS_NONE },
	{ APPROVAL_SKIP,     NODE_SKIPPED,   RUN_SUCCEEDED, CLASS_NONE },
	{ APPROVAL_ABORT,    NODE_FAILED,    RUN_FAILED,    CLASS_APPROVAL },
};
/* clang-format on */

START_TEST(each_answer_ends_it_in_its_way)
{
	id_t64 r = asking(SHIP);
	decided(r, NULL, ends[_i].choice); /* it is the only question: nobody needs to name it */
	finish();
	is_node(r, "ok", ends[_i].node);
	is_run(r, ends[_i].run);
	ck_assert_int_eq(world_node(w, r, "ok").class, ends[_i].class);
	ck_assert_int_eq(events_of(r, "approval.decided"), 1);
	refused(VERB_DECIDE, r, "ok", ERR_CONFLICT, "decide means nothing");
}
END_TEST

START_TEST(retry_runs_what_it_is_about_again_and_asks_again)
{
	id_t64 r = asking(SHIP);
	decided(r, "ok", APPROVAL_RETRY);
	world_run_ms(w, 1000);
	started(r, "build", 2);
	is_run(r, RUN_WAITING);
	ck_assert_int_eq(world_run(w, r).generation, 2);
	ck_assert_int_eq(question(r, "ok", 1, 1).choice, APPROVAL_RETRY);
	ck_assert_int_eq(question(r, "ok", 2, 2).state, APPROVAL_OPEN);
	decided(r, "ok", APPROVAL_CONTINUE);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(redirect_goes_on_at_another_node)
{
	id_t64 r = asking("nodes: {plan: {run: took=1}, build: {needs: plan, run: took=1}, ok: {needs: build, approval: {ask: ok, "
			  "choices: [continue, redirect], to: [plan, build]}}}");
	struct answer a = decide(r, "ok", APPROVAL_REDIRECT, NULL);
	ck_assert_int_eq(a.code, ERR_USAGE); /* to which of the two? */
	const char *node = "ok";
	struct command c = { .verb = VERB_DECIDE, .id = r, .nodes = &node, .nnodes = 1, .choice = APPROVAL_REDIRECT,
			     .target = "nowhere" };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_USAGE);
	is_run(r, RUN_WAITING);
	c.target = "plan";
	a = world_ask(w, &c);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	world_run_ms(w, 1000);
	started(r, "plan", 2);
	started(r, "build", 2);
	is_node(r, "ok", NODE_WAITING);
	ck_assert_int_eq(decide(r, "ok", APPROVAL_SKIP, NULL).code, ERR_USAGE); /* not among its choices */
	decided(r, "ok", APPROVAL_CONTINUE);
	finish();
}
END_TEST

START_TEST(a_role_that_is_not_asked_does_not_decide)
{
	id_t64 r = asking("nodes: {ok: {approval: {ask: ok, roles: [lead, owner]}}}");
	const char *node = "ok";
	struct command c = { .verb = VERB_DECIDE, .id = r, .nodes = &node, .nnodes = 1, .choice = APPROVAL_CONTINUE };
	struct answer a = world_ask(w, &c);
	ck_assert_int_eq(a.code, ERR_FORBIDDEN);
	ck_assert_ptr_nonnull(strstr(a.message, "lead"));
	c.role = "owner";
	ck_assert_int_eq(world_ask(w, &c).code, ERR_OK);
	ck_assert_str_eq(question(r, "ok", 1, 1).role, "owner");
	finish();
}
END_TEST

/* clang-format off */
static const struct { const char *policy; enum node_state node; } policies[] = {
	{ "abort", NODE_FAILED }, { "continue", NODE_SUCCEEDED }, { "skip", NODE_SKIPPED },
};
/* clang-format on */

START_TEST(a_deadline_decides_by_its_policy_also_after_a_restart)
{
	for (int restart = 0; restart < 2; restart++) {
		auto_free char *yaml = xasprintf("nodes: {ok: {approval: {ask: ok, timeout: 1h, on_timeout: %s}}}",
						 policies[_i].policy);
		id_t64 r = asking(yaml);
		world_run_ms(w, HOUR / 2);
		if (restart)
			world_restart(w);
		is_node(r, "ok", NODE_WAITING);
		world_run_ms(w, HOUR / 2 + 1000);
		is_node(r, "ok", policies[_i].node);
		ck_assert_int_eq(question(r, "ok", 1, 1).state, APPROVAL_EXPIRED);
		finish();
	}
}
END_TEST

START_TEST(a_deadline_that_retries_asks_again)
{
	id_t64 r = asking("nodes: {a: {run: took=1}, ok: {needs: a, approval: {ask: ok, timeout: 1h, on_timeout: retry}}}");
	world_run_ms(w, HOUR + 5000);
	is_node(r, "ok", NODE_WAITING);
	started(r, "a", 2);
	verb(VERB_CANCEL, r);
	finish();
	ck_assert_int_eq(question(r, "ok", 2, 2).state, APPROVAL_WITHDRAWN);
}
END_TEST

START_TEST(a_deadline_that_retries_does_so_for_a_while)
{
	id_t64 r = asking("nodes: {a: {run: took=1}, ok: {needs: a, approval: {ask: ok, timeout: 1h, on_timeout: retry, retries: 2}}}");
	world_run_ms(w, HOUR + 5000);
	decided(r, "ok", APPROVAL_RETRY); /* somebody was there: it counts from the beginning */
	world_run_ms(w, HOUR + 5000);
	world_restart(w);
	world_run_ms(w, HOUR + 5000);
	is_node(r, "ok", NODE_WAITING);
	started(r, "a", 5);
	finish();
	is_node(r, "ok", NODE_FAILED);
	is_run(r, RUN_FAILED);
	started(r, "a", 5);
	ck_assert_str_eq(world_node(w, r, "ok").reason, "aborted: nobody decided in time, and it was asked 3 times");
}
END_TEST

START_TEST(a_question_outlives_the_engine)
{
	id_t64 r = asking(SHIP);
	world_restart(w);
	is_run(r, RUN_WAITING);
	world_crash(w, 100);
	world_run_ms(w, 1000);
	is_node(r, "ok", NODE_WAITING);
	decided(r, "ok", APPROVAL_CONTINUE);
	world_restart(w);
	finish();
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(events_of(r, "approval.requested"), 1);
	ck_assert_int_eq(events_of(r, "approval.decided"), 1);
}
END_TEST

START_TEST(other_nodes_go_on_while_it_asks)
{
	id_t64 r = begin("nodes: {a: {run: took=1}, ok: {needs: a, approval: {ask: ok}}, long: {run: took=5000}, "
			 "after: {needs: long, run: took=1}}");
	world_run_ms(w, 1000);
	is_node(r, "ok", NODE_WAITING);
	is_run(r, RUN_RUNNING);
	struct answer a = decide(r, "ok", APPROVAL_RETRY, NULL); /* a way back needs a run in which nothing runs */
	ck_assert_int_eq(a.code, ERR_CONFLICT);
	ck_assert_ptr_nonnull(strstr(a.message, "long still runs"));
	is_node(r, "ok", NODE_WAITING);
	world_run_ms(w, 10000);
	is_node(r, "after", NODE_SUCCEEDED);
	is_run(r, RUN_WAITING);
	verb(VERB_PAUSE, r);
	is_run(r, RUN_PAUSED);
	decided(r, "ok", APPROVAL_CONTINUE); /* decided while it is paused; it goes on when it may */
	is_run(r, RUN_PAUSED);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(a_critical_failure_withdraws_it)
{
	id_t64 r = begin("nodes: {ok: {approval: {ask: ok}}, bad: {run: took=100 exit=1}}");
	finish();
	is_run(r, RUN_FAILED);
	is_node(r, "ok", NODE_CANCELED);
	ck_assert_int_eq(question(r, "ok", 1, 1).state, APPROVAL_WITHDRAWN);
	verb(VERB_RETRY, r);
	world_run_ms(w, 50);
	is_node(r, "ok", NODE_WAITING);
	verb(VERB_CANCEL, r);
	finish();
}
END_TEST

START_TEST(of_two_questions_one_is_named)
{
	id_t64 r = begin("nodes: {one: {approval: {ask: '1'}}, two: {approval: {ask: '2'}}}");
	is_run(r, RUN_WAITING);
	struct answer a = decide(r, NULL, APPROVAL_CONTINUE, NULL);
	ck_assert_int_eq(a.code, ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(a.message, "one, two"));
	decided(r, "one", APPROVAL_CONTINUE);
	is_run(r, RUN_WAITING);
	decided(r, NULL, APPROVAL_CONTINUE);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(a_sub_workflow_asks_too)
{
	world_file(w, "child.yaml", "nodes: {ok: {approval: {ask: inner}}, then: {needs: ok, run: took=1}}");
	id_t64 r = begin("nodes: {sub: {workflow: child.yaml}}");
	world_run_ms(w, 100);
	id_t64 c = world_node(w, r, "sub").child;
	is_run(c, RUN_WAITING);
	verb(VERB_PAUSE, r);
	is_run(r, RUN_PAUSED);
	is_run(c, RUN_PAUSED);
	verb(VERB_RESUME, r);
	is_run(c, RUN_WAITING);
	decided(c, "ok", APPROVAL_CONTINUE);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine_approval");
	TCase *t = tcase_create("approval");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, a_question_waits_and_rings);
	tcase_add_loop_test(t, each_answer_ends_it_in_its_way, 0, COUNT(ends));
	tcase_add_test(t, retry_runs_what_it_is_about_again_and_asks_again);
	tcase_add_test(t, redirect_goes_on_at_another_node);
	tcase_add_test(t, a_role_that_is_not_asked_does_not_decide);
	tcase_add_loop_test(t, a_deadline_decides_by_its_policy_also_after_a_restart, 0, COUNT(policies));
	tcase_add_test(t, a_deadline_that_retries_asks_again);
	tcase_add_test(t, a_deadline_that_retries_does_so_for_a_while);
	tcase_add_test(t, a_question_outlives_the_engine);
	tcase_add_test(t, other_nodes_go_on_while_it_asks);
	tcase_add_test(t, a_critical_failure_withdraws_it);
	tcase_add_test(t, of_two_questions_one_is_named);
	tcase_add_test(t, a_sub_workflow_asks_too);
	suite_add_tcase(s, t);
	return run_suite(s);
}
