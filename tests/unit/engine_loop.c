/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Iterations: work, checks, decision, again; limits, usage, breakers; and at every point a crash. */
#include "tests/unit/engine_world.h"
#include "model/loop.h"
#include "store/check.h"

#include <stdio.h>

/* Without snapshots nobody knows whether files changed. */
#define CHECKED(work, verdicts, more) \
	"snapshot: off\nnodes: {a: {run: '" work "', verify: [{run: 'took=5 verdicts=" verdicts "'}]" more "}, b: {needs: a, run: took=1}}"
#define AGENT(words, verdicts, more) \
	"snapshot: off\nnodes: {a: {agent: {command: '" words "', adapter: claude, prompt: mend it}, verify: [{run: 'took=5 verdicts=" verdicts \
	"'}]" more "}}"

static struct iteration_row iterations[32];
static char feedbacks[32][4096], reasons[32][400];
static int niterations;

static void take(void *ctx UNUSED, const struct iteration_row *i)
{
	if (niterations >= 32)
		return;
	(void)snprintf(feedbacks[niterations], sizeof(feedbacks[0]), "%s", i->feedback ? i->feedback : "");
	(void)snprintf(reasons[niterations], sizeof(reasons[0]), "%s", i->reason ? i->reason : "");
	iterations[niterations++] = *i;
}

/* The iterations of a node, into the table above. */
static int look(id_t64 r, const char *node)
{
	niterations = 0;
	ck_assert_int_eq(store_iterations_of(w->store, r, world_idx(w, r, node), 0, 0, 100, take, NULL, NULL), ERR_OK);
	return niterations;
}

/* Attempts of a node of one purpose, without those that were lost. */
static int64_t counted_run;
static int counted_idx, counted[ATTEMPT_PHASE_COUNT], counted_lost;
static void count(void *ctx UNUSED, const struct attempt_row *a)
{
	if (a->run != counted_run || a->idx != counted_idx)
		return;
	if (a->state == ATTEMPT_INTERRUPTED)
		counted_lost++;
	else
		counted[a->phase]++;
}

static int attempts(id_t64 r, const char *node, enum attempt_phase phase)
{
	counted_run = r;
	counted_idx = world_idx(w, r, node);
	memset(counted, 0, sizeof(counted));
	counted_lost = 0;
	ck_assert_int_eq(check_attempts(w->store, count, NULL, NULL), ERR_OK);
	return counted[phase];
}

START_TEST(work_that_passes_its_checks_is_done)
{
	id_t64 r = run(CHECKED("took=5 out=v=1", "p", ""));
	is_run(r, RUN_SUCCEEDED);
	is_node(r, "a", NODE_SUCCEEDED);
	ck_assert_str_eq(world_node(w, r, "a").outputs, "{\"v\":\"1\"}"); /* of the work, not of the checks */
	ck_assert_int_eq(attempts(r, "a", PHASE_WORK), 1);
	ck_assert_int_eq(attempts(r, "a", PHASE_VERIFY), 1);
	ck_assert_int_eq(look(r, "a"), 1);
	ck_assert_int_eq(iterations[0].state, ITERATION_PASSED);
	ck_assert_int_eq(iterations[0].final, FINAL_PASSED);
	ck_assert_int_ne(iterations[0].work, 0);
	ck_assert_int_gt(iterations[0].verify, iterations[0].work);
	started(r, "b", 1);
}
END_TEST

START_TEST(without_a_loop_a_failed_check_fails_it)
{
	id_t64 r = run(CHECKED("took=5", "1f3", ""));
	is_run(r, RUN_FAILED);
	ck_assert_int_eq(world_node(w, r, "a").class, CLASS_TEST);
	struct node_row row = world_node(w, r, "a");
	ck_assert_msg(strstr(row.reason, "the checks found something") != NULL, "%s", row.reason);
	ck_assert_int_eq(look(r, "a"), 1);
	ck_assert_int_eq(iterations[0].state, ITERATION_REJECTED);
	ck_assert_int_eq(iterations[0].problems, 3);
	started(r, "b", 0);
}
END_TEST

START_TEST(what_failed_is_told_to_the_next_iteration)
{
	id_t64 r = run(CHECKED("took=5", "f3;f1;p", ", loop: {strategy: fixed, max: 5}"));
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(look(r, "a"), 3);
	ck_assert_int_eq(attempts(r, "a", PHASE_WORK), 3);
	ck_assert_int_eq(attempts(r, "a", PHASE_VERIFY), 3);
	ck_assert_str_eq(feedbacks[0], "");
	ck_assert_ptr_nonnull(strstr(feedbacks[1], "iteration 1 failed at level L0"));
	ck_assert_ptr_nonnull(strstr(feedbacks[1], "a.c:1: error: problem f3"));
	ck_assert_ptr_nonnull(strstr(feedbacks[2], "iteration 2"));
	ck_assert_int_eq(iterations[0].state, ITERATION_REJECTED);
	ck_assert_int_eq(iterations[0].action, LOOP_CONTINUE);
	ck_assert_int_eq(iterations[1].trend, TREND_IMPROVING);
	ck_assert_int_eq(iterations[2].state, ITERATION_PASSED);
	ck_assert_int_eq(world_node(w, r, "a").iteration, 3);
}
END_TEST

/* clang-format off */
static const struct { const char *yaml; int iterations; enum loop_final final; enum error_class class; const char *says; } ends[] = {
	{ CHECKED("took=1", "f3;f2;f1", ", loop: {strategy: fixed, max: 2}"), 2, FINAL_MAX_ITERATIONS, CLASS_TEST, "no iteration is left after 2" },
	{ CHECKED("took=1", "f3/1;f3/2;f3/3", ", loop: {strategy: hybrid}"), 3, FINAL_STRATEGY, CLASS_TEST, "no ground" },
	{ CHECKED("took=1", "f3/1;f4/2;f3/1;f4/2", ", loop: {strategy: fixed, max: 9}"), 4, FINAL_LOOP, CLASS_LOOP, "back and forth" },
	{ CHECKED("took=1", "f3/1", ", loop: {strategy: fixed, max: 9}"), 3, FINAL_LOOP, CLASS_LOOP, "same problems" },
	{ CHECKED("took=1 exit=3", "p", ", loop: {strategy: fixed, max: 2}"), 2, FINAL_ERROR, CLASS_EXIT, "exit code 3" },
	{ CHECKED("took=1", "x", ""), 1, FINAL_MAX_ITERATIONS, CLASS_SIGNAL, "signal" },
	{ CHECKED("took=1", "f1", ", loop: {strategy: fixed, max: 9}, budget: {iterations: 2}"), 2, FINAL_BUDGET, CLASS_BUDGET, "limit iterations" },
	{ AGENT("took=1 tokens=60", "f2;f1;p", ", loop: {strategy: fixed, max: 9}, budget: {tokens: 100}"), 1, FINAL_BUDGET, CLASS_BUDGET, "limit tokens leaves no room" },
	{ AGENT("took=1 tokens=60 cost=3000000", "f2;f1;p", ", loop: {strategy: fixed, max: 9}, budget: {cost: 5 USD}"), 1, FINAL_BUDGET, CLASS_BUDGET, "limit cost" },
	{ AGENT("took=4000", "f2;f1;p", ", loop: {strategy: fixed, max: 9}, budget: {wall: 6s}"), 2, FINAL_TIMEOUT, CLASS_BUDGET, "limit wall" },
	{ CHECKED("took=1 disk=300", "f2;f1;p", ", loop: {strategy: fixed, max: 9}, budget: {disk: 100MiB}"), 1, FINAL_BUDGET, CLASS_BUDGET, "limit disk is reached: 300.0 MiB of 100.0 MiB" },
	{ "budget: {disk: 100MiB}\n" CHECKED("took=1 disk=300", "f2;f1;p", ", loop: {strategy: fixed, max: 9}"), 1, FINAL_BUDGET, CLASS_BUDGET, "limit disk is reached" },
};
/* clang-format on */

START_TEST(loops_end_for_their_reason)
{
	id_t64 r = run(ends[_i].yaml);
	is_run(r, RUN_FAILED);
	is_node(r, "a", NODE_FAILED);
	int n = look(r, "a");
	ck_assert_msg(n == ends[_i].iterations, "%d iterations, the last: %s", n, n ? reasons[n - 1] : "");
	ck_assert_str_eq(loop_final_name((enum loop_final)iterations[n - 1].final), loop_final_name(ends[_i].final));
	struct node_row row = world_node(w, r, "a");
	ck_assert_str_eq(error_class_name(row.class), error_class_name(ends[_i].class));
	ck_assert_msg(strstr(row.reason, ends[_i].says) != NULL, "%s", row.reason);
}
END_TEST

START_TEST(work_that_changes_nothing_twice_is_not_repeated)
{
	id_t64 r = run("nodes: {a: {run: took=1, verify: [{run: 'verdicts=f3'}], loop: {strategy: fixed, max: 9}}}");
	is_run(r, RUN_FAILED);
	ck_assert_int_eq(look(r, "a"), 2);
	ck_assert_str_eq(loop_final_name((enum loop_final)iterations[1].final), "loop");
	ck_assert_ptr_nonnull(strstr(reasons[1], "nothing changed"));
}
END_TEST

START_TEST(a_signal_does_not_override_a_failing_gate)
{
	id_t64 r = run(AGENT("took=1 said=all_is_well|DONE", "f3;f2;p", ", loop: {strategy: ralph, max: 6}"));
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(look(r, "a"), 3);
	ck_assert_ptr_nonnull(strstr(reasons[0], "its checks failed"));
	ck_assert_ptr_nonnull(strstr(reasons[2], "DONE"));
}
END_TEST

START_TEST(a_command_decides)
{
	id_t64 r = run(CHECKED("took=1", "f3;f2;p", ", loop: {strategy: custom, max: 9, run: 'took=1 decide=continue;retry;stop'}"));
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(look(r, "a"), 3);
	ck_assert_int_eq(attempts(r, "a", PHASE_STRATEGY), 3);
	ck_assert_int_eq(iterations[0].action, LOOP_CONTINUE);
	ck_assert_int_eq(iterations[1].action, LOOP_RETRY);
	ck_assert_str_eq(feedbacks[2], feedbacks[1]); /* the same prompt again */
	ck_assert_ptr_nonnull(strstr(feedbacks[1], "more of it"));
	ck_assert_int_eq(iterations[2].bits & ITER_SAME_PROMPT, ITER_SAME_PROMPT);
}
END_TEST

/* clang-format off */
static const struct { const char *words, *says; } nonsense[] = {
	{ "decide=maybe",   "decided \"maybe\"; it is one of continue, stop" },
	{ "decide=silent",  "it wrote nothing to $PAWL_OUTPUT" },
	{ "decide=garbled", "line 1 of $PAWL_OUTPUT is neither name=value" },
	{ "exit=3",         "did not answer: ended with exit code 3" },
};
/* clang-format on */

START_TEST(a_command_that_talks_nonsense_leaves_it_to_a_person)
{
	auto_free char *yaml = xasprintf(CHECKED("took=1", "f3;p", ", loop: {strategy: custom, max: 9, run: 'took=1 %s'}"), nonsense[_i].words);
	id_t64 r = begin(yaml);
	world_run_ms(w, 1000);
	is_run(r, RUN_WAITING);
	ck_assert_int_eq(look(r, "a"), 1);
	ck_assert_msg(strstr(reasons[0], nonsense[_i].says) != NULL, "%s", reasons[0]);
	struct node_row a = world_node(w, r, "a");
	ck_assert_msg(strstr(a.reason, nonsense[_i].says) != NULL, "%s", a.reason);
	verb(VERB_CANCEL, r);
	finish();
}
END_TEST

START_TEST(an_escalation_asks_a_person)
{
	static const enum approval_choice choices[] = { APPROVAL_CONTINUE, APPROVAL_RETRY, APPROVAL_SKIP, APPROVAL_ABORT };
	static const enum node_state after[] = { NODE_WAITING, NODE_WAITING, NODE_SKIPPED, NODE_FAILED };
	id_t64 r = begin(CHECKED("took=1", "f3;f2;f1;p", ", loop: {strategy: custom, max: 9, run: 'took=1 decide=escalate'}"));
	world_run_ms(w, 1000);
	is_node(r, "a", NODE_WAITING);
	is_run(r, RUN_WAITING);
	world_restart(w);
	const char *node = "a";
	struct command c = { .verb = VERB_DECIDE, .id = r, .nodes = &node, .nnodes = 1, .choice = (int)choices[_i],
			     .reason = "so", .feedback = "try harder", .who = "tester" };
	struct answer a = world_ask(w, &c);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	world_run_ms(w, 1000);
	is_node(r, "a", after[_i]);
	int n = look(r, "a");
	ck_assert_int_eq(n, after[_i] == NODE_WAITING ? 2 : 1);
	if (choices[_i] == APPROVAL_CONTINUE)
		ck_assert_ptr_nonnull(strstr(feedbacks[1], "try harder"));
	if (choices[_i] == APPROVAL_RETRY)
		ck_assert_str_eq(feedbacks[1], feedbacks[0]);
	if (after[_i] == NODE_WAITING)
		verb(VERB_CANCEL, r);
	finish();
}
END_TEST

START_TEST(usage_is_counted_once_and_sums_agree)
{
	id_t64 r = begin(AGENT("took=1000 tokens=100 cost=250", "f2;p", ", loop: {strategy: fixed, max: 3}"));
	struct usage_sum all, first, second;
	world_run_ms(w, 500);
	world_crash(w, 2000); /* the agent goes on, and its result is told to the next engine, twice */
	w->faults.duplicate = 1000;
	finish();
	is_run(r, RUN_SUCCEEDED);
	int idx = world_idx(w, r, "a");
	ck_assert_int_eq(store_usage_sum(w->store, r, -1, 0, 0, &all, NULL), ERR_OK);
	ck_assert_int_eq(store_usage_sum(w->store, r, idx, 1, 1, &first, NULL), ERR_OK);
	ck_assert_int_eq(store_usage_sum(w->store, r, idx, 1, 2, &second, NULL), ERR_OK);
	ck_assert_int_eq(all.calls, 2);
	ck_assert_int_eq(all.total, 200);
	ck_assert_int_eq(all.cost_micro_usd, 500);
	ck_assert_int_eq(first.total + second.total, all.total);
	ck_assert_int_eq(first.cost_micro_usd + second.cost_micro_usd, all.cost_micro_usd);
}
END_TEST

/* Files that are there already are measured before the first call, beside the loop and once. */
START_TEST(a_full_folder_starts_nothing)
{
	w->disk_bytes = 150 * (int64_t)MIB;
	id_t64 r = run("budget: {disk: 100MiB}\n" CHECKED("took=1", "p", ""));
	is_run(r, RUN_FAILED);
	ck_assert_int_eq(world_node(w, r, "a").class, CLASS_BUDGET);
	started(r, "a", 0);
	ck_assert_int_eq(w->njobs_done[SPACE_MEASURE], 1);
	w->disk_bytes = 50 * (int64_t)MIB;
	r = run("budget: {disk: 100MiB}\n" CHECKED("took=1", "p", ""));
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(w->njobs_done[SPACE_MEASURE], 2);
}
END_TEST

/* What sub-workflows use, at any depth, is used by the run above; also by an engine that reads it from its rows. */
START_TEST(a_budget_counts_the_runs_below)
{
	world_file(w, "leaf.yaml", "snapshot: off\nnodes: {a: {agent: {command: 'took=20 tokens=100', adapter: claude, prompt: x}}}");
	world_file(w, "middle.yaml", "nodes: {sub: {workflow: leaf.yaml}}");
	id_t64 r = begin("budget: {tokens: 150}\nnodes: {one: {workflow: middle.yaml}, two: {needs: one, workflow: leaf.yaml}, "
			 "three: {needs: two, workflow: middle.yaml}}");
	struct usage_sum own, all;
	for (int i = 0; i < _i; i++) {
		world_run_ms(w, 15);
		world_crash(w, 5);
	}
	finish();
	is_run(r, RUN_FAILED);
	is_node(r, "two", NODE_SUCCEEDED);
	is_node(r, "three", NODE_FAILED);
	id_t64 leaf = world_node(w, world_node(w, r, "three").child, "sub").child;
	struct node_row a = world_node(w, leaf, "a");
	ck_assert_int_eq(a.class, CLASS_BUDGET);
	ck_assert_msg(strstr(a.reason, "limit tokens is reached: 200 of 150") != NULL, "%s", a.reason);
	ck_assert_int_eq(store_usage_sum(w->store, r, -1, 0, 0, &own, NULL), ERR_OK);
	ck_assert_int_eq(store_usage_sum_below(w->store, r, &all, NULL), ERR_OK);
	ck_assert_int_eq(own.calls, 0);
	ck_assert_int_eq(all.calls, 2);
	ck_assert_int_eq(all.total, 200);
	ck_assert_int_eq(store_iteration_count(w->store, r), 2);
}
END_TEST

/* The engine dies after so many milliseconds; whatever it was at, no work that was done is done again. */
START_TEST(a_crash_repeats_no_work_that_is_done)
{
	id_t64 r = begin(AGENT("took=50 tokens=10", "f3;f1;p", ", loop: {strategy: fixed, max: 5}"));
	for (int i = 0; i < 3; i++) {
		world_run_ms(w, 7 + 13 * (_i % 17));
		world_crash(w, _i % 3 == 0 ? 0 : _i % 3 == 1 ? 20 : 500);
	}
	finish();
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(look(r, "a"), 3);
	ck_assert_int_eq(attempts(r, "a", PHASE_WORK), 3);
	ck_assert_int_eq(counted[PHASE_VERIFY], 3);
	ck_assert_int_le(world_started(w, r, "a"), 6 + counted_lost);
	struct usage_sum all;
	ck_assert_int_eq(store_usage_sum(w->store, r, -1, 0, 0, &all, NULL), ERR_OK);
	ck_assert_int_eq(all.total, 30);
}
END_TEST

/* A worker that dies while it checks: the checks begin again, the work does not. */
START_TEST(checks_that_are_lost_begin_again)
{
	id_t64 r = run("nodes: {a: {run: took=5, verify: [{run: 'took=50 dies=3 verdicts=p'}]}}");
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(attempts(r, "a", PHASE_WORK), 1);
	ck_assert_int_eq(counted[PHASE_VERIFY], 1);
	ck_assert_int_eq(counted_lost, 2);
	ck_assert_int_eq(look(r, "a"), 1);
}
END_TEST

START_TEST(work_is_retried_within_its_iteration)
{
	id_t64 r = run(CHECKED("took=1 exit=75 fails=2", "p", ", retry: {max_attempts: 3, on: ['exit:75'], initial: 10ms}"));
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(attempts(r, "a", PHASE_WORK), 3);
	ck_assert_int_eq(look(r, "a"), 1);
}
END_TEST

START_TEST(a_pause_and_a_cancel_come_between)
{
	id_t64 r = begin(CHECKED("took=100", "f3;f2;f1;p", ", loop: {strategy: fixed, max: 9}"));
	world_run_ms(w, 50);
	verb(VERB_PAUSE, r);
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED); /* its work ended; the checks wait */
	is_node(r, "a", NODE_VALIDATING);
	ck_assert_int_eq(attempts(r, "a", PHASE_VERIFY), 0);
	world_restart(w);
	verb(VERB_RESUME, r);
	world_run_ms(w, 150);
	ck_assert_int_ge(look(r, "a"), 2);
	verb(VERB_CANCEL, r);
	finish();
	is_run(r, RUN_CANCELED);
	is_node(r, "a", NODE_CANCELED);
	int n = look(r, "a");
	ck_assert_int_eq(iterations[n - 1].state, ITERATION_CANCELED);
	verb(VERB_RETRY, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(a_loop_begins_anew_in_the_next_generation)
{
	id_t64 r = run(CHECKED("took=1", "f3;f2;f1;p", ", loop: {strategy: fixed, max: 3}"));
	is_run(r, RUN_FAILED);
	verb(VERB_RETRY, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(look(r, "a"), 4);
	ck_assert_int_eq(iterations[3].generation, 2);
	ck_assert_int_eq(iterations[3].iteration, 4);
	ck_assert_str_eq(feedbacks[3], "");
}
END_TEST

START_TEST(instances_have_loops_of_their_own)
{
	id_t64 r = run("nodes: {a: {matrix: {k: [x, y, z]}, max_parallel: 2, run: took=5, verify: [{run: 'took=5 verdicts=f2;p'}], "
		       "loop: {strategy: fixed, max: 3}}}");
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(look(r, "a[x]"), 2);
	ck_assert_int_eq(look(r, "a[z]"), 2);
}
END_TEST

START_TEST(a_resource_is_kept_between_work_and_checks)
{
	id_t64 r = run("resources: {lock: 1}\nnodes: {a: {resources: {lock: 1}, run: took=50, verify: [{run: 'took=50 verdicts=f1;p'}], "
		       "loop: {strategy: fixed, max: 3}}, b: {resources: {lock: 1}, run: took=50}}");
	is_run(r, RUN_SUCCEEDED);
	/* b comes before or after all of a, never between. */
	int changes = 0;
	for (size_t i = 1; i < w->nstarts; i++)
		changes += !str_eq(w->starts[i].node, w->starts[i - 1].node);
	ck_assert_int_eq(changes, 1);
}
END_TEST

/* ---- breakers ---- */

static struct breaker_row breaker;
static char breaker_reason[200];
static int breaker_waiting;
static void take_breaker(void *ctx UNUSED, const struct breaker_row *b, int waiting)
{
	breaker = *b;
	(void)snprintf(breaker_reason, sizeof(breaker_reason), "%s", b->reason ? b->reason : "");
	breaker_waiting = waiting;
}

#define BAD "nodes: {a: {agent: {command: 'broken took=1 exit=1 breaker=agent:broken', adapter: claude, prompt: x}}}"
#define GOOD "nodes: {a: {agent: {command: 'broken took=1 breaker=agent:broken', adapter: claude, prompt: x}}}"

static void open_breaker(void)
{
	for (int i = 0; i < BREAKER_FAILURES; i++)
		is_run(run(BAD), RUN_FAILED);
	engine_breakers(w->e, take_breaker, NULL);
	ck_assert_str_eq(breaker.name, "agent:broken");
	ck_assert_int_eq(breaker.b.state, BREAKER_OPEN);
}

START_TEST(an_open_breaker_holds_a_node_without_a_try)
{
	open_breaker();
	id_t64 r = begin(GOOD);
	world_run_ms(w, 1000);
	started(r, "a", 0);
	is_run(r, RUN_RUNNING);
	engine_breakers(w->e, take_breaker, NULL);
	ck_assert_int_eq(breaker_waiting, 1);
	auto_str why = STR_INIT;
	engine_node_why(w->e, r, world_idx(w, r, "a"), &why);
	ck_assert_msg(strstr(str_text(&why), "breaker of agent:broken is open"), "%s", str_text(&why));
	if (_i)
		world_restart(w);
	world_run_ms(w, BREAKER_WAIT_MS + 1000);
	finish();
	is_run(r, RUN_SUCCEEDED); /* the probe went well */
	engine_breakers(w->e, take_breaker, NULL);
	ck_assert_int_eq(breaker.b.state, BREAKER_CLOSED);
	ck_assert_int_eq(world_node(w, r, "a").attempt, 1);
}
END_TEST

START_TEST(one_probe_at_a_time)
{
	open_breaker();
	id_t64 r = begin("nodes: {a: {agent: {command: 'broken took=500 exit=1 breaker=agent:broken', adapter: claude, prompt: x}, "
			 "critical: false}, b: {agent: {command: 'broken took=500 breaker=agent:broken', adapter: claude, prompt: x}}}");
	world_run_ms(w, BREAKER_WAIT_MS + 200);
	ck_assert_int_eq(world_started(w, r, "a") + world_started(w, r, "b"), 1);
	world_run_ms(w, 2000);
	ck_assert_int_eq(world_started(w, r, "a") + world_started(w, r, "b"), 1); /* it failed: shut again, for longer */
	world_run_ms(w, 2 * BREAKER_WAIT_MS);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

static void force(enum breaker_force f, const char *reason, enum err_code code)
{
	struct command c = { .verb = VERB_BREAKER, .target = "agent:broken", .choice = (int)f, .reason = reason,
			     .who = "tester" };
	struct answer a = world_ask(w, &c);
	ck_assert_msg(a.code == code, "%s: %s", err_name(a.code), a.message);
}

START_TEST(an_operator_forces_a_breaker)
{
	force(FORCE_OPEN, NULL, ERR_USAGE); /* why? */
	force(FORCE_OPEN, "maintenance", ERR_OK);
	id_t64 r = begin(GOOD);
	world_run_ms(w, 10 * HOUR);
	started(r, "a", 0);
	world_restart(w);
	engine_breakers(w->e, take_breaker, NULL);
	ck_assert_int_eq(breaker.b.state, BREAKER_FORCED_OPEN);
	ck_assert_str_eq(breaker_reason, "maintenance");
	world_run_ms(w, 1000);
	started(r, "a", 0);
	force(FORCE_AUTO, NULL, ERR_OK);
	finish();
	is_run(r, RUN_SUCCEEDED);
	force(FORCE_CLOSED, "it is fine", ERR_OK);
	for (int i = 0; i < 2 * BREAKER_FAILURES; i++)
		is_run(run(BAD), RUN_FAILED);
	engine_breakers(w->e, take_breaker, NULL);
	ck_assert_int_eq(breaker.b.state, BREAKER_FORCED_CLOSED);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine_loop");
	TCase *t = tcase_create("loop");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, work_that_passes_its_checks_is_done);
	tcase_add_test(t, without_a_loop_a_failed_check_fails_it);
	tcase_add_test(t, what_failed_is_told_to_the_next_iteration);
	tcase_add_loop_test(t, loops_end_for_their_reason, 0, COUNT(ends));
	tcase_add_test(t, work_that_changes_nothing_twice_is_not_repeated);
	tcase_add_test(t, a_signal_does_not_override_a_failing_gate);
	tcase_add_test(t, a_command_decides);
	tcase_add_loop_test(t, a_command_that_talks_nonsense_leaves_it_to_a_person, 0, COUNT(nonsense));
	tcase_add_loop_test(t, an_escalation_asks_a_person, 0, 4);
	tcase_add_test(t, usage_is_counted_once_and_sums_agree);
	tcase_add_test(t, a_full_folder_starts_nothing);
	tcase_add_loop_test(t, a_budget_counts_the_runs_below, 0, 5);
	tcase_add_loop_test(t, a_crash_repeats_no_work_that_is_done, 0, 40);
	tcase_add_test(t, checks_that_are_lost_begin_again);
	tcase_add_test(t, work_is_retried_within_its_iteration);
	tcase_add_test(t, a_pause_and_a_cancel_come_between);
	tcase_add_test(t, a_loop_begins_anew_in_the_next_generation);
	tcase_add_test(t, instances_have_loops_of_their_own);
	tcase_add_test(t, a_resource_is_kept_between_work_and_checks);
	tcase_add_loop_test(t, an_open_breaker_holds_a_node_without_a_try, 0, 2);
	tcase_add_test(t, one_probe_at_a_time);
	tcase_add_test(t, an_operator_forces_a_breaker);
	suite_add_tcase(s, t);
	return run_suite(s);
}
