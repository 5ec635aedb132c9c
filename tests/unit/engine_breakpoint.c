/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Breakpoints: where a run stops, and that it is remembered. */
#include "tests/unit/engine_world.h"

#include "base/json.h"
#include "store/steer.h"

#include <stdio.h>

#define CHAIN "nodes: {a: {run: took=100}, b: {run: took=100 exit=3, needs: a}, c: {run: took=100, needs: b}}"

static struct answer ask_break(id_t64 r, const char *spec)
{
	struct breakpoint_spec s;
	struct err err;
	auto_json *v = NULL;
	ck_assert_int_eq(json_parse(spec, strlen(spec), KIB, &v, NULL), ERR_OK);
	struct answer a = { .times = 1 };
	a.code = breakpoint_read(v, &s, &err);
	if (a.code) {
		(void)snprintf(a.message, sizeof(a.message), "%s", err.message);
		return a;
	}
	struct command c = { .verb = VERB_BREAK, .id = r, .breakpoint = &s, .who = "tester" };
	return world_ask(w, &c);
}

static void stop_at(id_t64 r, const char *spec)
{
	struct answer a = ask_break(r, spec);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
}

static void stopped(id_t64 r)
{
	is_run(r, RUN_PAUSED);
	ck_assert_str_eq(world_run(w, r).reason, "breakpoint");
}

static void count_hits(void *ctx, const struct breakpoint_row *b)
{
	int *hits = ctx;
	if (b->number < 8)
		hits[b->number] = b->hits + 100; /* it is there */
}

static int hits_of(id_t64 r, int number)
{
	int hits[8] = { 0 };
	ck_assert_int_eq(store_breakpoints_of(w->store, r, count_hits, hits, NULL), ERR_OK);
	return hits[number] - 100;
}

START_TEST(before_a_node_starts)
{
	id_t64 r = begin(CHAIN);
	stop_at(r, "{\"node\":\"b\"}");
	world_run_ms(w, 1000);
	stopped(r);
	is_node(r, "a", NODE_SUCCEEDED);
	started(r, "b", 0);
	ck_assert_int_eq(hits_of(r, 1), 1);
	verb(VERB_RESUME, r);
	finish();
	started(r, "b", 1);
	is_run(r, RUN_FAILED);
	ck_assert_int_eq(hits_of(r, 1), 1);
}
END_TEST

/* It came when the node was ready already, which is no reason to pass it by. */
START_TEST(at_a_node_that_is_ready_already)
{
	id_t64 r = begin(CHAIN);
	world_run_ms(w, 50);
	verb(VERB_PAUSE, r);
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	is_node(r, "a", NODE_SUCCEEDED);
	stop_at(r, "{\"node\":\"b\"}");
	verb(VERB_RESUME, r);
	world_run_ms(w, 1000);
	stopped(r);
	started(r, "b", 0);
	ck_assert_int_eq(hits_of(r, 1), 1);
	world_restart(w);
	verb(VERB_RESUME, r); /* it was met: now it is left behind */
	finish();
	started(r, "b", 1);
	is_run(r, RUN_FAILED);
}
END_TEST

START_TEST(at_a_node_that_waits_for_a_place)
{
	id_t64 r = begin("concurrency: 1\nnodes: {a: {run: took=1000}, b: {run: took=100}}");
	world_run_ms(w, 100);
	bool first = world_node(w, r, "a").state == NODE_RUNNING;
	stop_at(r, first ? "{\"node\":\"b\"}" : "{\"node\":\"a\"}");
	world_run_ms(w, 5000);
	stopped(r);
	started(r, first ? "b" : "a", 0);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(at_a_node_that_was_sent_back)
{
	id_t64 r = begin(CHAIN);
	finish();
	stop_at(r, "{\"node\":\"b\"}");
	struct answer a = world_ask(w, &(struct command){ .verb = VERB_ROLLBACK, .id = r, .checkpoint = "a", .who = "tester" });
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	world_run_ms(w, 5000);
	is_run(r, RUN_PAUSED);
	verb(VERB_RESUME, r);
	world_run_ms(w, 5000);
	stopped(r);
	started(r, "b", 1);
	verb(VERB_RESUME, r);
	finish();
	started(r, "b", 2);
}
END_TEST

START_TEST(when_a_node_fails_with_a_class)
{
	id_t64 r = begin("nodes: {a: {run: exit=1, critical: false}, b: {run: took=9000, timeout: 1s, needs: {a: done}}}");
	stop_at(r, "{\"node\":\"*\",\"when\":{\"class\":\"timeout\"}}");
	world_run_ms(w, 500);
	is_node(r, "a", NODE_FAILED);
	is_run(r, RUN_RUNNING);
	world_run_ms(w, 20000);
	stopped(r);
	is_node(r, "b", NODE_FAILED);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_FAILED);
}
END_TEST

START_TEST(from_the_third_time_on)
{
	id_t64 r = begin("nodes: {g: {foreach: [1, 2, 3, 4], max_parallel: 1, run: took=10}}");
	stop_at(r, "{\"node\":\"*\",\"when\":{\"state\":\"succeeded\"},\"hits\":3}");
	world_run_ms(w, 5000);
	stopped(r);
	is_node(r, "g[2:3]", NODE_SUCCEEDED);
	started(r, "g[3:4]", 0);
	verb(VERB_RESUME, r);
	world_run_ms(w, 5000);
	stopped(r);
	ck_assert_int_ge(hits_of(r, 1), 4);
	struct command c = { .verb = VERB_UNBREAK, .id = r, .number = 1, .who = "tester" };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_OK);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(hits_of(r, 1), -100);
	c.number = 7;
	ck_assert_int_eq(world_ask(w, &c).code, ERR_NOT_FOUND);
}
END_TEST

START_TEST(at_a_pattern_in_the_output)
{
	id_t64 r = begin("nodes: {a: {run: says=plain exit=1, critical: false}, b: {run: says=warning:7 exit=1, critical: false, needs: {a: done}}, c: {run: took=1, needs: {b: done}}}");
	stop_at(r, "{\"node\":\"*\",\"when\":{\"output\":\"^warning:[0-9]$\"}}");
	world_run_ms(w, 5000);
	stopped(r);
	is_node(r, "a", NODE_FAILED);
	is_node(r, "b", NODE_FAILED);
	started(r, "c", 0);
	verb(VERB_RESUME, r);
	finish();
	started(r, "c", 1);
}
END_TEST

START_TEST(in_a_sub_workflow_by_path)
{
	world_file(w, "child.yaml", "nodes: {x: {run: took=10}, y: {run: took=10, needs: x}}");
	id_t64 r = begin("nodes: {sub: {workflow: child.yaml}, other: {run: took=5000}}");
	stop_at(r, "{\"node\":\"sub/y\"}");
	world_run_ms(w, 1000);
	id_t64 c = world_node(w, r, "sub").child;
	is_run(r, RUN_PAUSING); /* other runs to its end */
	is_run(c, RUN_PAUSED);
	started(c, "y", 0);
	world_run_ms(w, 20000);
	stopped(r);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(of_an_order_and_over_a_restart)
{
	auto_json *v = NULL;
	const char *text = "[{\"node\":\"a\"},{\"node\":\"b\",\"when\":{\"state\":\"failed\"}}]";
	ck_assert_int_eq(json_parse(text, strlen(text), KIB, &v, NULL), ERR_OK);
	id_t64 o = submit_as(CHAIN, &(struct submission){ .breaks = v, .hold = true });
	world_restart(w);
	verb(VERB_RELEASE, o);
	id_t64 r = world_run_of(w, o);
	stopped(r);
	started(r, "a", 0);
	world_restart(w);
	stopped(r);
	ck_assert_int_eq(hits_of(r, 1), 1);
	verb(VERB_RESUME, r);
	world_run_ms(w, 150);
	started(r, "b", 1);
	world_crash(w, 1000);
	world_run_ms(w, 5000);
	stopped(r);
	is_node(r, "b", NODE_FAILED);
	ck_assert_int_eq(hits_of(r, 2), 1);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_FAILED);
	/* It is opened again: they are still there. */
	stop_at(r, "{\"node\":\"c\"}");
	verb(VERB_RETRY, r);
	world_run_ms(w, 5000);
	stopped(r);
	ck_assert_int_eq(hits_of(r, 2), 2);
	verb(VERB_CANCEL, r);
	finish();
}
END_TEST

START_TEST(a_step_ends_at_it)
{
	id_t64 r = begin_paused(CHAIN);
	stop_at(r, "{\"node\":\"a\",\"when\":{\"state\":\"running\"}}");
	verb(VERB_STEP, r);
	world_run_ms(w, 1000);
	stopped(r);
	is_node(r, "a", NODE_SUCCEEDED);
	verb(VERB_RESUME, r);
	finish();
}
END_TEST

static const struct {
	const char *spec;
	enum err_code code;
	const char *says;
} bad[] = {
	{ "{\"node\":\"nope\"}", ERR_NOT_FOUND, "no node nope" },
	{ "{\"node\":\"a/b\"}", ERR_NOT_FOUND, "no node a/b" },
	{ "{\"node\":\"a[1]\"}", ERR_NOT_FOUND, "no node a[1]" },
	{ "{\"node\":\"\"}", ERR_USAGE, "node" },
	{ "{\"node\":3}", ERR_USAGE, "node" },
	{ "{\"node\":\"a\",\"wen\":1}", ERR_USAGE, "wen" },
	{ "{\"node\":\"a\",\"when\":[]}", ERR_USAGE, "when" },
	{ "{\"node\":\"a\",\"when\":{\"state\":\"pending\"}}", ERR_USAGE, "none of" },
	{ "{\"node\":\"a\",\"when\":{\"state\":4}}", ERR_USAGE, "expected text" },
	{ "{\"node\":\"a\",\"when\":{\"stat\":\"failed\"}}", ERR_USAGE, "stat" },
	{ "{\"node\":\"a\",\"when\":{\"class\":\"oh\"}}", ERR_USAGE, "class of failure" },
	{ "{\"node\":\"a\",\"when\":{\"output\":\"(\"}}", ERR_USAGE, "when.output" },
	{ "{\"node\":\"a\",\"hits\":0}", ERR_USAGE, "hits" },
	{ "{\"node\":\"a\",\"hits\":1.5}", ERR_USAGE, "hits" },
};

START_TEST(what_is_refused)
{
	id_t64 r = begin_paused(CHAIN);
	struct answer a = ask_break(r, bad[_i].spec);
	ck_assert_msg(a.code == bad[_i].code, "%s: %s", bad[_i].spec, a.message);
	ck_assert_msg(strstr(a.message, bad[_i].says), "%s", a.message);
	verb(VERB_CANCEL, r);
}
END_TEST

START_TEST(not_too_many)
{
	id_t64 r = begin_paused(CHAIN);
	for (int i = 0; i < 64; i++)
		stop_at(r, "{\"node\":\"c\"}");
	ck_assert_int_eq(ask_break(r, "{\"node\":\"c\"}").code, ERR_TOO_LARGE);
	struct command c = { .verb = VERB_UNBREAK, .id = r, .who = "tester" };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_OK);
	stop_at(r, "{\"node\":\"c\"}");
	verb(VERB_CANCEL, r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("breakpoint");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, before_a_node_starts);
	tcase_add_test(t, at_a_node_that_is_ready_already);
	tcase_add_test(t, at_a_node_that_waits_for_a_place);
	tcase_add_test(t, at_a_node_that_was_sent_back);
	tcase_add_test(t, when_a_node_fails_with_a_class);
	tcase_add_test(t, from_the_third_time_on);
	tcase_add_test(t, at_a_pattern_in_the_output);
	tcase_add_test(t, in_a_sub_workflow_by_path);
	tcase_add_test(t, of_an_order_and_over_a_restart);
	tcase_add_test(t, a_step_ends_at_it);
	tcase_add_loop_test(t, what_is_refused, 0, COUNT(bad));
	tcase_add_test(t, not_too_many);
	suite_add_tcase(s, t);
	return run_suite(s);
}
