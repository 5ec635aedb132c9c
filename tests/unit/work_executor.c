/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a node of kind run to the words of its process. */
#include "work/executor.h"

#include <check.h>
#include <string.h>

/* clang-format off */
static const struct {
	enum shell_kind shell;
	const char *script, *words; /* separated by a blank */
	bool plain;
} rows[] = {
	{ SHELL_SH,     "make && make check", "sh -eu -c",                false },
	{ SHELL_SH,     "make check\n",       "make check",               true },
	{ SHELL_SH,     "echo a",             "sh -eu -c",                false },
	{ SHELL_BASH,   "make check",         "bash -euo pipefail -c",    false },
	{ SHELL_PYTHON, "print(1)",           "python3 -c",               false },
	{ SHELL_CUSTOM, "say 1",              "perl -w",                  false },
};
/* clang-format on */

static char *perl_words[] = { (char[]){ "perl" }, (char[]){ "-w" }, NULL };

static void joined(const struct step_build *b, struct str *s)
{
	for (size_t i = 0; b->spec.argv[i]; i++)
		str_addf(s, "%s%s", i ? " " : "", b->spec.argv[i]);
}

static enum err_code prepare(const struct graph_node *node, struct step_build *b, struct err *err)
{
	struct expr_scope scope = { 0 };
	struct step_context c = { .node = node, .scope = &scope, .libexec = "/nowhere" };
	*b = (struct step_build){ 0 };
	return executor_for(node->kind)->prepare(&c, b, err);
}

START_TEST(a_script_goes_to_its_shell)
{
	struct graph_node node = { .kind = NODE_RUN };
	auto_free char *script = xstrdup(rows[_i].script);
	node.run = (struct node_run){ .shell = rows[_i].shell, .script = script, .shell_argv = perl_words };
	struct step_build b;
	ck_assert_int_eq(prepare(&node, &b, NULL), ERR_OK);
	auto_str words = STR_INIT;
	joined(&b, &words);
	ck_assert_str_eq(words.p, rows[_i].words);
	ck_assert_str_eq(b.spec.script, rows[_i].script);
	ck_assert_int_eq(b.spec.plain, rows[_i].plain);
	ck_assert_int_eq(b.spec.script_file, rows[_i].shell == SHELL_CUSTOM);
	step_build_done(&b);
}
END_TEST

START_TEST(a_long_script_goes_through_a_file)
{
	static const char *const words[] = { "sh -eu", "bash -euo pipefail", "python3" };
	static const enum shell_kind shells[] = { SHELL_SH, SHELL_BASH, SHELL_PYTHON };
	struct graph_node node = { .kind = NODE_RUN };
	auto_free char *script = xmalloc(200 * KIB);
	memset(script, ' ', 200 * KIB);
	memcpy(script, "ls; ls", 6);
	script[200 * KIB - 1] = '\0';
	for (size_t i = 0; i < COUNT(shells); i++) {
		node.run = (struct node_run){ .shell = shells[i], .script = script };
		struct step_build b;
		ck_assert_int_eq(prepare(&node, &b, NULL), ERR_OK);
		auto_str text = STR_INIT;
		joined(&b, &text);
		ck_assert_str_eq(text.p, words[i]);
		ck_assert(b.spec.script_file);
		step_build_done(&b);
	}
}
END_TEST

static struct tmpl *text(const char *s)
{
	struct tmpl *t = NULL;
	ck_assert_int_eq(tmpl_new(s, strlen(s), &t, NULL, NULL), ERR_OK);
	return t;
}

START_TEST(a_list_is_its_words)
{
	struct tmpl *words[] = { text("printf"), text("%s $HOME"), text("a${{ 1 + 1 }}b"), text("") };
	struct graph_node node = { .kind = NODE_RUN };
	node.run = (struct node_run){ .shell = SHELL_NONE, .argv_tmpl = words, .nargv = COUNT(words) };
	struct step_build b;
	struct err err;
	ck_assert_msg(prepare(&node, &b, &err) == ERR_OK, "%s", err.message);
	ck_assert_str_eq(b.spec.argv[0], "printf");
	ck_assert_str_eq(b.spec.argv[1], "%s $HOME");
	ck_assert_str_eq(b.spec.argv[2], "a2b");
	ck_assert_str_eq(b.spec.argv[3], "");
	ck_assert_ptr_null(b.spec.argv[4]);
	ck_assert_ptr_null(b.spec.script);
	step_build_done(&b);
	node.run.argv_tmpl = &words[3];
	node.run.nargv = 1;
	ck_assert_int_eq(prepare(&node, &b, &err), ERR_INVALID);
	step_build_done(&b);
	for (size_t i = 0; i < COUNT(words); i++)
		tmpl_free(words[i]);
}
END_TEST

START_TEST(every_kind_has_its_row)
{
	for (int kind = 0; kind < NODE_KIND_COUNT; kind++) {
		ck_assert_int_eq(executor_for((enum node_kind)kind)->kind, kind);
		ck_assert_str_eq(executor_for((enum node_kind)kind)->name, node_kind_name((enum node_kind)kind));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("work_executor");
	TCase *t = tcase_create("run");
	tcase_add_loop_test(t, a_script_goes_to_its_shell, 0, (int)COUNT(rows));
	tcase_add_test(t, a_long_script_goes_through_a_file);
	tcase_add_test(t, a_list_is_its_words);
	tcase_add_test(t, every_kind_has_its_row);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
