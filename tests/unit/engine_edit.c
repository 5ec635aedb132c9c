/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Editing between steps: what follows sees it, what was is kept, what does not fit is refused. */
#include "tests/unit/engine_world.h"

#include "base/json.h"
#include "store/steer.h"

static const char flow[] = "params:\n  n: {type: int, default: 1}\nnodes:\n  a:\n    run: took=10 out=v=1\n  # about b\n"
			   "  b:\n    needs: a\n    critical: false\n    run: exit=3\n\n  c:\n    needs: {b: done}\n"
			   "    when: params.n == 5 && nodes.a.outputs.v == '9'\n    run: took=10\n";

static struct answer edit(enum verb v, id_t64 r, const char *what, const char *node)
{
	struct json *j = NULL;
	struct err err;
	ck_assert_msg(json_parse(what, strlen(what), MIB, &j, &err) == ERR_OK, "%s", err.message);
	struct edit_spec s = { .params = json_get(j, "params"), .env = json_get(j, "env"), .outputs = json_get(j, "outputs"),
			       .source = json_get_str(j, "source", NULL), .node = json_get_str(j, "node", NULL),
			       .text = json_get_str(j, "text", NULL), .from_file = json_get_bool(j, "from_file", false) };
	struct command c = { .verb = v, .id = r, .edit = &s, .nodes = &node, .nnodes = node ? 1 : 0, .who = "tester" };
	struct answer a = world_ask(w, &c);
	json_free(j);
	return a;
}

static void edited(id_t64 r, const char *what)
{
	struct answer a = edit(VERB_EDIT, r, what, NULL);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
}

static void not_edited(id_t64 r, const char *what, enum err_code code, const char *says)
{
	struct answer a = edit(VERB_EDIT, r, what, NULL);
	ck_assert_msg(a.code == code, "%s: %s (%s)", what, err_name(a.code), a.message);
	ck_assert_msg(strstr(a.message, says), "%s", a.message);
}

START_TEST(params_and_outputs_of_a_paused_run)
{
	id_t64 r = begin_paused(flow);
	verb_node(VERB_UNTIL, r, "a");
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	edited(r, "{\"params\":{\"n\":5},\"outputs\":{\"a\":{\"v\":\"9\"}},\"env\":{\"X\":\"1\"}}");
	ck_assert_str_eq(world_node(w, r, "a").outputs, "{\"v\":\"9\"}");
	world_restart(w);
	ck_assert_str_eq(world_run(w, r).env, "{\"X\":\"1\"}");
	verb(VERB_RESUME, r);
	finish();
	started(r, "c", 1);
	ck_assert_int_eq(world_run(w, r).generation, 1);
	edited(r, "{\"params\":{\"n\":null},\"env\":{\"X\":null}}"); /* it has ended: for the next time */
	ck_assert_str_eq(world_run(w, r).params, "{\"n\":1}");
	ck_assert_str_eq(world_run(w, r).env, "{}");
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(a_node_of_a_run_that_failed)
{
	static const char chain[] = "nodes:\n  a:\n    run: took=10\n  b:\n    needs: a\n    run: exit=3\n  c: {needs: b, run: took=1}\n";
	id_t64 r = run(chain);
	is_run(r, RUN_FAILED);
	struct hash first = world_run(w, r).workflow, now, seen;
	edited(r, "{\"node\":\"b\",\"text\":\"  b:\\n    needs: a\\n    run: took=20\\n\"}");
	ck_assert_int_eq(world_run(w, r).generation, 2);
	now = world_run(w, r).workflow;
	ck_assert(memcmp(&first, &now, sizeof(first)) != 0);
	ck_assert(store_run_definition(w->store, r, 1, &seen) && memcmp(&first, &seen, sizeof(seen)) == 0);
	verb(VERB_RETRY, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "b", 2);
}
END_TEST

START_TEST(the_definition_of_a_paused_run)
{
	id_t64 r = begin_paused("nodes:\n  a:\n    run: took=10\n  t: {run: exit=75, retry: {max_attempts: 3, on: [\"exit:75\"], initial: 1s}}\n"
				"  g: {foreach: [1, 2], needs: a, run: exit=1}\n");
	verb_node(VERB_UNTIL, r, "a");
	world_run_ms(w, 5000);
	is_run(r, RUN_PAUSED);
	edited(r, "{\"source\":\"nodes:\\n  a:\\n    run: took=10\\n  t: {run: took=1, retry: {max_attempts: 3, on: [\\\"exit:75\\\"], initial: 1s}}\\n"
		  "  g: {foreach: [1, 2, 3], needs: a, run: took=1}\\n\"}");
	world_restart(w);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	is_node(r, "g[2:3]", NODE_SUCCEEDED);
}
END_TEST

START_TEST(with_a_retry)
{
	id_t64 r = run("params: {n: {type: int, default: 1}}\nnodes:\n  a: {run: took=1}\n  b: {needs: a, run: exit=2}\n"
		       "  c: {needs: {b: done}, when: \"params.n == 2 && failure()\", run: took=1}\n");
	struct answer a = edit(VERB_RETRY, r, "{\"params\":{\"n\":2}}", "b");
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	finish();
	started(r, "c", 1);
	ck_assert_int_eq(world_run(w, r).generation, 2);
	/* What cannot go back is not edited. */
	a = edit(VERB_RESUME_FROM, r, "{\"params\":{\"n\":3}}", "zzz");
	ck_assert_int_eq(a.code, ERR_NOT_FOUND);
	ck_assert_str_eq(world_run(w, r).params, "{\"n\":2}");
	/* The file as it is now. */
	world_file(w, "t.yaml", "params: {n: {type: int, default: 1}}\nnodes:\n  a: {run: took=1}\n  b: {needs: a, run: took=2}\n"
				"  c: {needs: {b: done}, when: \"params.n == 2 && failure()\", run: took=1}\n");
	a = edit(VERB_RESUME_FROM, r, "{\"from_file\":true}", "b");
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "b", 3);
	ck_assert_int_eq(world_run(w, r).generation, 3);
}
END_TEST

START_TEST(what_is_refused)
{
	id_t64 r = begin_paused(flow);
	not_edited(r, "{\"params\":{\"m\":1}}", ERR_INVALID, "m");
	not_edited(r, "{\"params\":{\"n\":\"x\"}}", ERR_INVALID, "n");
	not_edited(r, "{\"params\":[]}", ERR_USAGE, "params");
	not_edited(r, "{\"env\":{\"A=\":\"1\"}}", ERR_USAGE, "env");
	not_edited(r, "{\"env\":{\"A\":1}}", ERR_USAGE, "env");
	not_edited(r, "{\"outputs\":{\"a\":{\"v\":\"1\"}}}", ERR_CONFLICT, "only one that succeeded");
	not_edited(r, "{\"outputs\":{\"z\":{\"v\":\"1\"}}}", ERR_NOT_FOUND, "no node z");
	not_edited(r, "{}", ERR_USAGE, "nothing is to be changed");
	not_edited(r, "{\"source\":\"nodes: {a: {rum: x}}\"}", ERR_INVALID, "");
	not_edited(r, "{\"source\":\"nodes: {a: {run: x, workstream: y}, d: {run: x}}\"}", ERR_CONFLICT, "workstreams are others");
	not_edited(r, "{\"node\":\"b\",\"text\":\"  bb:\\n    run: x\\n\"}", ERR_INVALID, "");
	not_edited(r, "{\"node\":\"z\",\"text\":\"x\"}", ERR_NOT_FOUND, "no node z");
	not_edited(r, "{\"from_file\":true}", ERR_NOT_FOUND, "t.yaml");
	ck_assert_str_eq(world_run(w, r).params, "{\"n\":1}");
	verb(VERB_RESUME, r);
	not_edited(r, "{\"params\":{\"n\":2}}", ERR_CONFLICT, "running");
	finish();
}
END_TEST

static const struct {
	const char *source, *node;
	int line;
	const char *lines; /* NULL: none of its own */
} cuts[] = {
	{ "nodes:\n  a:\n    run: x\n  b:\n    run: y\n", "a", 2, "  a:\n    run: x\n" },
	{ "nodes:\n  a:\n    run: x\n  b:\n    run: y\n", "b", 4, "  b:\n    run: y\n" },
	{ "nodes:\n  a:\n    run: x\n\n  # of b\n  b:\n    run: y\n", "a", 2, "  a:\n    run: x\n" },
	{ "nodes:\n  a:\n    run: |\n      x\n\n      # y\n      z\non_exit: {run: x}\n", "a", 2, "  a:\n    run: |\n      x\n\n      # y\n      z\n" },
	{ "nodes:\n  \"a\":\n    run: x", "a", 2, "  \"a\":\n    run: x" },
	{ "nodes: {a: {run: x}}\n", "a", 1, NULL },
	{ "nodes:\n  a: {run: x}\n  b: {run: y}\n", "a", 2, "  a: {run: x}\n" },
	{ "nodes:\n  ab:\n    run: x\n", "a", 2, NULL },
	{ "", "a", 7, NULL },
};

START_TEST(lines_of_a_node)
{
	size_t from, to;
	bool is = flow_node_lines(cuts[_i].source, cuts[_i].node, cuts[_i].line, &from, &to);
	ck_assert_int_eq(is, cuts[_i].lines != NULL);
	if (!is)
		return;
	auto_free char *got = xstrndup(cuts[_i].source + from, to - from);
	ck_assert_str_eq(got, cuts[_i].lines);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("edit");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, params_and_outputs_of_a_paused_run);
	tcase_add_test(t, a_node_of_a_run_that_failed);
	tcase_add_test(t, the_definition_of_a_paused_run);
	tcase_add_test(t, with_a_retry);
	tcase_add_test(t, what_is_refused);
	tcase_add_loop_test(t, lines_of_a_node, 0, COUNT(cuts));
	suite_add_tcase(s, t);
	return run_suite(s);
}
