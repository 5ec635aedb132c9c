/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another definition in the middle of a run: nodes come, go, and need others; what was done stays with the nodes that
 * did it, and nothing that was made of other things passes for what the definition asks for. */
#include "tests/unit/engine_world.h"

#include "model/reset.h"

static struct answer give(enum verb v, id_t64 r, const char *source, const char *node, bool only)
{
	struct edit_spec s = { .source = source };
	struct command c = { .verb = v, .id = r, .edit = &s, .nodes = &node, .nnodes = node ? 1 : 0, .only = only, .who = "tester" };
	return world_ask(w, &c);
}

static void given(enum verb v, id_t64 r, const char *source, const char *node)
{
	struct answer a = give(v, r, source, node, false);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
}

static void not_given(enum verb v, id_t64 r, const char *source, const char *node, enum err_code code, const char *says)
{
	struct hash was = world_run(w, r).workflow;
	struct answer a = give(v, r, source, node, false);
	ck_assert_msg(a.code == code, "%s (%s)", err_name(a.code), a.message);
	ck_assert_msg(strstr(a.message, says), "%s", a.message);
	struct hash now = world_run(w, r).workflow;
	ck_assert(memcmp(&was, &now, sizeof(was)) == 0);
}

static void show(void *ctx, const struct reset_preview *p)
{
	str_addf(ctx, "%s %s; ", p->node, p->verdict);
}

static void previews(enum verb v, id_t64 r, const char *source, const char *node, bool only, const char *want)
{
	struct edit_spec s = { .source = source };
	struct command c = { .verb = v, .id = r, .edit = source ? &s : NULL, .nodes = &node, .nnodes = node ? 1 : 0,
			     .only = only };
	auto_str text = STR_INIT;
	struct err err;
	ck_assert_msg(engine_reset_preview(w->e, &c, show, NULL, &text, &err) == ERR_OK, "%s", err.message);
	ck_assert_str_eq(str_text(&text), want);
}

START_TEST(what_has_not_begun_comes_and_goes)
{
	id_t64 r = begin_paused("nodes: {a: {run: took=10}, b: {run: took=1, needs: a}, c: {run: took=1, needs: a}}");
	verb_node(VERB_UNTIL, r, "a");
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	given(VERB_EDIT, r, "nodes: {x: {run: took=1, needs: a}, a: {run: took=10}, c: {run: took=1, needs: x}}", NULL);
	world_restart(w);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "b", 0);
	started(r, "x", 1);
	started(r, "c", 1);
	ck_assert_int_eq(world_node(w, r, "a").idx, 0);
	ck_assert_int_eq(world_node(w, r, "c").idx, 2);
	ck_assert_int_eq(world_node(w, r, "x").idx, 3); /* it stands behind what was there */
}
END_TEST

START_TEST(a_node_between_two_that_have_run)
{
	static const char more[] = "nodes: {a: {run: took=1}, x: {run: took=1, needs: a}, b: {run: took=1, needs: x},\n"
				   "  c: {run: took=1, needs: b}, d: {run: took=1, needs: a}}";
	id_t64 r = run("nodes: {a: {run: took=1}, b: {run: took=1, needs: a}, c: {run: took=1, needs: b}, d: {run: took=1, needs: a}}");
	is_run(r, RUN_SUCCEEDED);
	previews(VERB_RESUME_FROM, r, more, "x", false, "a kept; b rerun; c rerun; d kept; x open; ");
	ck_assert_int_eq(world_run(w, r).generation, 1); /* a look changes nothing */
	given(VERB_RESUME_FROM, r, more, "x");
	world_restart(w);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "x", 1);
	started(r, "b", 2);
	started(r, "c", 2);
	started(r, "d", 1);
}
END_TEST

START_TEST(a_leaf_is_enough_to_go_on_with)
{
	static const char more[] = "nodes: {a: {run: took=1}, b: {run: took=1, needs: a}}\n";
	id_t64 r = run("nodes: {a: {run: took=1}}");
	given(VERB_RESUME_FROM, r, more, "b");
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "b", 1);
}
END_TEST

START_TEST(one_goes_and_comes_back)
{
	static const char with[] = "nodes: {a: {run: took=1}, b: {run: out=v=1, needs: a}, c: {run: exit=3, needs: b}}";
	static const char without[] = "nodes: {a: {run: took=1}, c: {run: took=1, needs: a}}";
	static const char again[] = "nodes: {a: {run: took=1}, b: {run: out=v=2, needs: a}, c: {run: took=1, needs: b}}";
	id_t64 r = run(with);
	is_run(r, RUN_FAILED);
	not_given(VERB_RESUME_FROM, r, without, "b", ERR_CONFLICT, "has no b any more");
	given(VERB_RETRY, r, without, NULL);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "b", 1);
	started(r, "c", 2);
	refused(VERB_RESUME_FROM, r, "b", ERR_CONFLICT, "has no b any more");
	is_sound();
	world_restart(w);
	/* What it had done then is its history; it is done anew. */
	previews(VERB_RESUME_FROM, r, again, "c", false, "a kept; b rerun; c rerun; ");
	given(VERB_RESUME_FROM, r, again, "c");
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "b", 2);
	started(r, "c", 3);
	ck_assert_int_eq(world_node(w, r, "b").idx, 1);
	ck_assert_str_eq(world_node(w, r, "b").outputs, "{\"v\":\"2\"}");
}
END_TEST

START_TEST(with_instances)
{
	id_t64 r = run("nodes: {a: {run: took=1}, g: {foreach: [1, 2, 3], run: took=1, needs: a}, b: {run: exit=1, needs: g}}");
	is_run(r, RUN_FAILED);
	given(VERB_RETRY, r, "nodes: {a: {run: took=1}, g: {foreach: [1, 2, 3], run: took=1, needs: a},\n"
	      "  h: {foreach: [7, 8], run: took=1, needs: g}, b: {run: took=1, needs: h}}", NULL);
	world_run_ms(w, 1);
	world_restart(w);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "g[0:1]", 1);
	started(r, "h[1:8]", 1);
	ck_assert_int_eq(world_node(w, r, "h").idx, 6);
	/* Its group begins anew: the instances stand behind all others. */
	verb_node(VERB_RESUME_FROM, r, "g");
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "g[0:1]", 2);
	is_sound();
	/* A group goes with its instances. */
	given(VERB_RESUME_FROM, r, "nodes: {a: {run: took=1}, h: {foreach: [7, 8], run: took=1, needs: a}, b: {run: took=1, needs: h}}", "h");
	world_restart(w);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "g[0:1]", 2);
	started(r, "h[1:8]", 3);
}
END_TEST

START_TEST(only_makes_stale_what_was_made_of_others)
{
	static const char more[] = "nodes: {a: {run: took=1}, x: {run: took=1}, b: {run: took=1, needs: [a, x]}, c: {run: took=1, needs: b}}";
	id_t64 r = run("nodes: {a: {run: took=1}, b: {run: took=1, needs: a}, c: {run: took=1, needs: b}}");
	struct answer a = give(VERB_RESUME_FROM, r, more, "a", true);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 2);
	started(r, "x", 1);
	started(r, "b", 1);
	ck_assert(world_node(w, r, "b").stale);
	ck_assert(world_node(w, r, "c").stale);
	/* An edit alone makes it stale, too; the next way back makes it anew. */
	id_t64 p = begin_paused("nodes: {a: {run: took=10}, b: {run: took=1, needs: a}, c: {run: took=1, needs: b}}");
	verb_node(VERB_UNTIL, p, "b");
	world_run_ms(w, 1000);
	given(VERB_EDIT, p, "nodes: {a: {run: took=10}, b: {run: took=1}, c: {run: took=1, needs: b}}", NULL);
	ck_assert(world_node(w, p, "b").stale);
	previews(VERB_RESUME_FROM, p, NULL, "c", false, "a kept; b rerun; c open; ");
	verb(VERB_RESUME, p);
	finish();
	is_run(p, RUN_SUCCEEDED);
}
END_TEST

START_TEST(back_to_before_the_other_definition)
{
	id_t64 r = run("nodes: {a: {run: took=1}, b: {run: took=1, needs: a}, c: {run: took=1, needs: b}}");
	given(VERB_RESUME_FROM, r, "nodes: {a: {run: took=1}, x: {run: took=1}, b: {run: took=1, needs: [a, x]}, d: {run: took=1, needs: b}}", "d");
	finish();
	is_run(r, RUN_SUCCEEDED);
	struct command c = { .verb = VERB_ROLLBACK, .id = r, .checkpoint = "2", .who = "tester", .keep_files = true };
	struct answer a = world_ask(w, &c);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	world_restart(w);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "c", 1);
	started(r, "x", 2);
	started(r, "b", 3);
	started(r, "d", 2);
}
END_TEST

START_TEST(what_does_not_fit)
{
	id_t64 r = begin_paused("nodes: {a: {run: took=10}, g: {foreach: [1], run: took=1, needs: a},\n"
				"  q: {approval: {ask: ok}, needs: a}, e: {run: took=1, needs: [q, g]}}");
	not_given(VERB_EDIT, r, "nodes: {a: {run: took=10}, g: {run: took=1, needs: a}, q: {approval: {ask: ok}, needs: a}}", NULL,
		  ERR_CONFLICT, "g becomes another kind");
	not_given(VERB_EDIT, r, "nodes: {a: {run: took=10, workstream: other}, g: {foreach: [1], run: took=1, needs: a}}", NULL,
		  ERR_CONFLICT, "workstreams are others");
	verb(VERB_RESUME, r);
	world_run_ms(w, 1000);
	is_run(r, RUN_WAITING);
	verb(VERB_PAUSE, r);
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	not_given(VERB_EDIT, r, "nodes: {a: {run: took=10}, e: {run: took=1, needs: a}}", NULL, ERR_CONFLICT,
		  "takes away q, which is waiting");
	verb(VERB_CANCEL, r);
	finish();
	is_run(r, RUN_CANCELED);
}
END_TEST

START_TEST(a_handler_comes_and_goes)
{
	id_t64 r = run("nodes: {a: {run: exit=1}}\non_failure: {run: took=1}\n");
	is_run(r, RUN_FAILED);
	started(r, "on_failure", 1);
	given(VERB_RETRY, r, "nodes: {a: {run: took=1}, b: {run: took=1}}\non_exit: {run: took=1}\non_success: {run: took=1}\n", NULL);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "on_failure", 1);
	started(r, "on_exit", 1);
	started(r, "on_success", 1);
	world_restart(w);
	given(VERB_RESUME_FROM, r, "nodes: {a: {run: exit=1}, b: {run: took=1}}\non_failure: {run: took=1}\n", "a");
	finish();
	is_run(r, RUN_FAILED);
	started(r, "on_failure", 2);
	started(r, "on_exit", 1);
}
END_TEST

START_TEST(what_waits_for_its_next_try_goes)
{
	id_t64 r = begin_paused("nodes: {a: {run: exit=75, retry: {max_attempts: 3, on: [\"exit:75\"], initial: 60s}}, b: {run: took=9}}");
	verb_node(VERB_UNTIL, r, "b");
	world_run_ms(w, 5000);
	is_run(r, RUN_PAUSED);
	is_node(r, "a", NODE_RETRYING);
	given(VERB_EDIT, r, "nodes: {b: {run: took=9}, c: {run: took=1, needs: b}}", NULL);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "c", 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine_reshape");
	TCase *t = tcase_create("reshape");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, what_has_not_begun_comes_and_goes);
	tcase_add_test(t, a_node_between_two_that_have_run);
	tcase_add_test(t, a_leaf_is_enough_to_go_on_with);
	tcase_add_test(t, one_goes_and_comes_back);
	tcase_add_test(t, with_instances);
	tcase_add_test(t, only_makes_stale_what_was_made_of_others);
	tcase_add_test(t, back_to_before_the_other_definition);
	tcase_add_test(t, what_does_not_fit);
	tcase_add_test(t, a_handler_comes_and_goes);
	tcase_add_test(t, what_waits_for_its_next_try_goes);
	suite_add_tcase(s, t);
	return run_suite(s);
}
