/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody stands in an attempt: what is kept from happening, and how it ends. */
#include "tests/unit/engine_world.h"

#include "store/steer.h"

#define FAILS "nodes: {a: {run: took=10}, b: {run: took=10 exit=3, needs: a}, c: {run: took=10, needs: b}}"

static struct answer shell(enum verb v, id_t64 r, const char *node, int number, enum shell_outcome outcome)
{
	struct command c = { .verb = v, .id = r, .nodes = &node, .nnodes = node ? 1 : 0, .who = "tester",
			     .number = number, .outcome = outcome, .exit_code = 7 };
	return world_ask(w, &c);
}

static void stand(id_t64 r, const char *node)
{
	struct answer a = shell(VERB_SHELL, r, node, 0, SHELL_LEAVE);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
}

static void leave(id_t64 r, const char *node, int number, enum shell_outcome outcome)
{
	struct answer a = shell(VERB_SHELL_END, r, node, number, outcome);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
}

static void note_last(void *ctx, const struct hold_row *h)
{
	char *text = ctx;
	(void)strncpy(text, h->outcome ? h->outcome : "held", 15);
}

static void ended(id_t64 r, const char *outcome)
{
	char text[16] = "none";
	ck_assert_int_eq(store_holds_of(w->store, r, note_last, text, NULL), ERR_OK);
	ck_assert_str_eq(text, outcome);
}

START_TEST(a_failed_run_is_held_then_retried)
{
	id_t64 r = run(FAILS);
	stand(r, "b");
	ended(r, "held");
	refused(VERB_RETRY, r, NULL, ERR_CONFLICT, "stands in a node");
	refused(VERB_RESUME_FROM, r, "a", ERR_CONFLICT, "stands in a node");
	ck_assert_int_eq(shell(VERB_SHELL, r, "b", 0, SHELL_LEAVE).code, ERR_CONFLICT);
	ck_assert_int_eq(shell(VERB_SHELL_RENEW, r, "b", 2, SHELL_LEAVE).code, ERR_NOT_FOUND);
	ck_assert_int_eq(shell(VERB_SHELL_END, r, "b", 2, SHELL_LEAVE).code, ERR_NOT_FOUND);
	leave(r, "b", 1, SHELL_RETRY);
	ended(r, "retry");
	finish();
	started(r, "b", 2);
	ck_assert_int_eq(world_run(w, r).generation, 2);
}
END_TEST

START_TEST(a_paused_run_is_held_then_marked)
{
	id_t64 r = begin_paused(FAILS);
	struct breakpoint_spec failed = { .node = "b", .state = "failed" };
	struct command c = { .verb = VERB_BREAK, .id = r, .breakpoint = &failed };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_OK);
	verb(VERB_RESUME, r);
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	stand(r, "b");
	refused(VERB_RESUME, r, NULL, ERR_CONFLICT, "stands in a node");
	refused(VERB_STEP, r, NULL, ERR_CONFLICT, "stands in a node");
	leave(r, "b", 1, SHELL_DONE);
	is_run(r, RUN_PAUSED);
	is_node(r, "b", NODE_SUCCEEDED);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "b", 1);
}
END_TEST

START_TEST(a_client_that_dies_loses_it)
{
	id_t64 r = run(FAILS);
	stand(r, "b");
	for (int i = 0; i < 5; i++) {
		world_run_ms(w, HOLD_LEASE_MS / 2);
		ck_assert_int_eq(shell(VERB_SHELL_RENEW, r, "b", 1, SHELL_LEAVE).code, ERR_OK);
	}
	world_restart(w);
	refused(VERB_RETRY, r, NULL, ERR_CONFLICT, "stands in a node");
	world_run_ms(w, HOLD_LEASE_MS / 2);
	ended(r, "held");
	world_run_ms(w, HOLD_LEASE_MS);
	ended(r, "lost");
	ck_assert_int_eq(shell(VERB_SHELL_END, r, "b", 1, SHELL_LEAVE).code, ERR_NOT_FOUND);
	stand(r, "a"); /* one that succeeded can be stood in, too */
	leave(r, "a", 2, SHELL_LEAVE);
	ended(r, "leave");
	verb(VERB_RETRY, r);
	finish();
}
END_TEST

START_TEST(what_cannot_be_done_then_leaves_it_held)
{
	id_t64 r = run(FAILS);
	stand(r, "a");
	struct answer a = shell(VERB_SHELL_END, r, "a", 1, SHELL_DONE);
	ck_assert_int_eq(a.code, ERR_CONFLICT);
	ended(r, "held");
	leave(r, "a", 1, SHELL_LEAVE);
}
END_TEST

START_TEST(where_nobody_can_stand)
{
	id_t64 r = begin("nodes: {g: {foreach: [1], run: took=500 exit=1}}");
	world_run_ms(w, 100);
	ck_assert_int_eq(shell(VERB_SHELL, r, "g[0:1]", 0, SHELL_LEAVE).code, ERR_CONFLICT);
	finish();
	struct answer a = shell(VERB_SHELL, r, "g", 0, SHELL_LEAVE);
	ck_assert_int_eq(a.code, ERR_CONFLICT);
	ck_assert_msg(strstr(a.message, "instances"), "%s", a.message);
	ck_assert_int_eq(shell(VERB_SHELL, r, "nope", 0, SHELL_LEAVE).code, ERR_NOT_FOUND);
	stand(r, "g[0:1]");
	leave(r, "g[0:1]", 1, SHELL_LEAVE);
}
END_TEST

START_TEST(its_folder_is_given_to_nobody)
{
	auto_free char *flow = xasprintf("workspace: {folder: %s}\n" FAILS "\n", w->dir);
	id_t64 r = run(flow);
	is_run(r, RUN_FAILED);
	stand(r, "b");
	id_t64 next = begin(flow);
	world_run_ms(w, 1000);
	is_run(next, RUN_PREPARING);
	ck_assert_msg(strstr(world_run(w, next).reason, "somebody stands"), "%s", world_run(w, next).reason);
	leave(r, "b", 1, SHELL_LEAVE);
	world_run_ms(w, 20);
	started(next, "a", 1);
	/* Now it is the other way round. */
	struct answer a = shell(VERB_SHELL, r, "b", 0, SHELL_LEAVE);
	ck_assert_msg(a.code == ERR_CONFLICT && strstr(a.message, "is used by"), "%s", a.message);
	finish();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hold");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, a_failed_run_is_held_then_retried);
	tcase_add_test(t, a_paused_run_is_held_then_marked);
	tcase_add_test(t, a_client_that_dies_loses_it);
	tcase_add_test(t, what_cannot_be_done_then_leaves_it_held);
	tcase_add_test(t, where_nobody_can_stand);
	tcase_add_test(t, its_folder_is_given_to_nobody);
	suite_add_tcase(s, t);
	return run_suite(s);
}
