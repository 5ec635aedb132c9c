/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last verb is taken back where something takes it back. */
#include "tests/unit/engine_world.h"

#include "base/json.h"
#include "store/steer.h"

#define CHAIN "params: {n: {type: int, default: 1}}\nnodes: {a: {run: took=100}, b: {run: took=100, needs: a}, c: {run: took=100, needs: b}}"

static struct answer decide(enum verb v, id_t64 r, const char *node)
{
	struct command c = { .verb = v, .id = r, .nodes = &node, .nnodes = 1, .who = "tester", .reason = "because" };
	return world_ask(w, &c);
}

START_TEST(states)
{
	id_t64 r = begin(CHAIN);
	refused(VERB_UNDO, r, NULL, ERR_CONFLICT, "nothing to undo");
	world_run_ms(w, 20);
	verb(VERB_PAUSE, r);
	is_run(r, RUN_PAUSING);
	verb(VERB_UNDO, r);
	is_run(r, RUN_RUNNING);
	refused(VERB_UNDO, r, NULL, ERR_CONFLICT, "nothing to undo"); /* not twice */
	verb(VERB_FREEZE, r);
	verb(VERB_UNDO, r);
	is_run(r, RUN_RUNNING);
	verb(VERB_PAUSE, r);
	world_run_ms(w, 1000);
	verb(VERB_RESUME, r);
	verb(VERB_UNDO, r);
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	world_restart(w);
	verb(VERB_RESUME, r);
	finish();
	refused(VERB_UNDO, r, NULL, ERR_CONFLICT, "has ended since");
}
END_TEST

START_TEST(priority_and_breakpoints)
{
	id_t64 r = begin_paused(CHAIN);
	struct command c = { .verb = VERB_RUN_PRIORITY, .id = r, .priority = 7, .who = "tester" };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_OK);
	verb(VERB_UNDO, r);
	ck_assert_int_eq(world_run(w, r).priority, 0);
	struct breakpoint_spec at = { .node = "c", .state = "succeeded", .hits = 2 };
	c = (struct command){ .verb = VERB_BREAK, .id = r, .breakpoint = &at };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_OK);
	verb(VERB_UNDO, r);
	c = (struct command){ .verb = VERB_UNBREAK, .id = r, .number = 1 };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_NOT_FOUND);
	at = (struct breakpoint_spec){ .node = "b" };
	c = (struct command){ .verb = VERB_BREAK, .id = r, .breakpoint = &at };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_OK);
	c = (struct command){ .verb = VERB_UNBREAK, .id = r };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_OK);
	verb(VERB_UNDO, r);
	verb(VERB_RESUME, r);
	world_run_ms(w, 2000);
	is_run(r, RUN_PAUSED);
	ck_assert_str_eq(world_run(w, r).reason, "breakpoint");
	verb(VERB_CANCEL, r);
	world_run_ms(w, 100);
	refused(VERB_UNDO, r, NULL, ERR_CONFLICT, "retry runs it again");
}
END_TEST

START_TEST(skip_and_mark)
{
	id_t64 r = begin_paused(CHAIN);
	ck_assert_int_eq(decide(VERB_SKIP, r, "a").code, ERR_OK);
	is_node(r, "a", NODE_SKIPPED);
	verb(VERB_UNDO, r);
	is_run(r, RUN_PAUSED);
	is_node(r, "a", NODE_PENDING);
	ck_assert_int_eq(decide(VERB_MARK, r, "a").code, ERR_OK);
	verb(VERB_RESUME, r);
	refused(VERB_STEP, r, NULL, ERR_CONFLICT, "");
	verb(VERB_PAUSE, r);
	ck_assert_int_eq(decide(VERB_SKIP, r, "c").code, ERR_OK);
	world_run_ms(w, 1000);
	verb(VERB_UNDO, r); /* nothing needs c */
	is_node(r, "c", NODE_PENDING);
	verb(VERB_RESUME, r);
	finish();
	started(r, "a", 0);
	started(r, "b", 1);
	started(r, "c", 1);
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(not_when_something_was_made_of_it)
{
	id_t64 r = begin_paused(CHAIN);
	ck_assert_int_eq(decide(VERB_MARK, r, "a").code, ERR_OK);
	verb(VERB_RESUME, r);
	world_run_ms(w, 50);
	verb(VERB_UNDO, r); /* the resume */
	world_run_ms(w, 2000);
	is_node(r, "b", NODE_SUCCEEDED);
	refused(VERB_UNDO, r, NULL, ERR_CONFLICT, "nothing to undo");
	ck_assert_int_eq(decide(VERB_MARK, r, "c").code, ERR_OK);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	refused(VERB_UNDO, r, NULL, ERR_CONFLICT, "has ended since");
}
END_TEST

START_TEST(edits)
{
	id_t64 r = begin_paused("params: {n: {type: int, default: 1}}\nnodes:\n  a:\n    run: took=1\n");
	struct hash was = world_run(w, r).workflow;
	auto_json *v = NULL;
	const char *text = "{\"params\":{\"n\":5},\"env\":{\"X\":\"1\"}}";
	ck_assert_int_eq(json_parse(text, strlen(text), KIB, &v, NULL), ERR_OK);
	struct edit_spec s = { .params = json_get(v, "params"), .env = json_get(v, "env"), .node = "a",
			       .text = "  a:\n    run: exit=1\n" };
	struct command c = { .verb = VERB_EDIT, .id = r, .edit = &s };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_OK);
	verb(VERB_UNDO, r);
	ck_assert_str_eq(world_run(w, r).params, "{\"n\":1}");
	ck_assert_str_eq(world_run(w, r).env, "{}");
	struct hash now = world_run(w, r).workflow;
	ck_assert(memcmp(&was, &now, sizeof(was)) == 0);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("undo");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, states);
	tcase_add_test(t, priority_and_breakpoints);
	tcase_add_test(t, skip_and_mark);
	tcase_add_test(t, not_when_something_was_made_of_it);
	tcase_add_test(t, edits);
	suite_add_tcase(s, t);
	return run_suite(s);
}
