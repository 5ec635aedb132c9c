/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why a node waits: each thing that the scheduler looks at is named. */
#include "tests/unit/engine_world.h"

#include "base/json.h"

/* The text of the first reason of a kind; NULL if there is none. Valid until the next call. */
static const char *reason(id_t64 r, const char *node, const char *kind)
{
	static struct json *v;
	struct str out = STR_INIT;
	struct err err;
	json_free(v);
	v = NULL;
	ck_assert_msg(engine_why(w->e, r, node, &out, &err) == ERR_OK, "%s", err.message);
	ck_assert_msg(json_parse(out.p, out.len, MIB, &v, &err) == ERR_OK, "%s: %s", err.message, out.p);
	str_done(&out);
	for (const struct json *i = json_first(json_get(v, "reasons")); i; i = json_next(i))
		if (str_eq(json_get_str(i, "kind", ""), kind))
			return json_get_str(i, "text", "");
	return NULL;
}

static void says(id_t64 r, const char *node, const char *kind, const char *what)
{
	const char *text = reason(r, node, kind);
	ck_assert_msg(text && strstr(text, what), "%s %s: %s", node, kind, text ? text : "no such reason");
}

START_TEST(what_it_waits_for)
{
	id_t64 r = begin("resources: {db: 1}\nconcurrency: 3\nnodes:\n"
			 "  a: {run: took=1000, resources: {db: 1}}\n"
			 "  b: {run: took=1000, resources: {db: 1}}\n"
			 "  c: {run: took=1, needs: [a, b]}\n"
			 "  g: {foreach: [1, 2, 3], max_parallel: 1, run: took=1000}\n"
			 "  t: {run: exit=75, retry: {max_attempts: 3, on: [\"exit:75\"], initial: 1h}}\n");
	world_run_ms(w, 200);
	says(r, "a", "now", "try 1 runs");
	says(r, "a", "resource", "it has 1 of 1 units of db");
	says(r, "b", "resource", "1 of 1 are used: r-");
	says(r, "c", "need", "a, which is running: it waits");
	says(r, "g", "now", "0 of its 3 instances");
	says(r, "g[1:2]", "group", "is an instance of g");
	says(r, "t", "retry", "try 1 of 3");
	ck_assert_ptr_null(reason(r, "c", "again"));
	verb(VERB_PAUSE, r);
	world_run_ms(w, 5000);
	says(r, "b", "run", "the run is paused: operator");
	world_restart(w);
	says(r, "b", "run", "the run is paused: operator");
	verb(VERB_CANCEL, r);
	finish();
}
END_TEST

START_TEST(the_places_of_the_engine_and_of_the_workflow)
{
	id_t64 first = begin("nodes: {a: {run: took=9000}, b: {run: took=9000}, c: {run: took=9000}, d: {run: took=9000}, e: {run: took=1}}");
	world_run_ms(w, 100);
	says(first, "e", "places", "4 steps at a time");
	finish();
	id_t64 r = begin("concurrency: 1\nnodes: {a: {run: took=1000}, b: {run: took=1}}");
	world_run_ms(w, 100);
	says(r, "b", "concurrency", "1 nodes at a time");
	finish();
}
END_TEST

START_TEST(a_failing_run_and_a_step)
{
	id_t64 r = begin("nodes: {a: {run: took=10 exit=1}, s: {run: took=5000}, b: {run: took=1, needs: s}}");
	world_run_ms(w, 100);
	says(r, "b", "failing", "a failed, and it is critical");
	finish();
	says(r, "a", "retry", "there are no more");
	says(r, "a", "again", "with a retry");
	r = begin_paused("nodes: {a: {run: took=1000}, b: {run: took=1}}");
	verb_node(VERB_STEP, r, "a");
	world_run_ms(w, 100);
	says(r, "b", "step", "steps a alone");
	verb(VERB_CANCEL, r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("why");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, what_it_waits_for);
	tcase_add_test(t, the_places_of_the_engine_and_of_the_workflow);
	tcase_add_test(t, a_failing_run_and_a_step);
	suite_add_tcase(s, t);
	return run_suite(s);
}
