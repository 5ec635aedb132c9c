/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of commands: every row is complete, and no two names collide. */
#include "cli/cli_internal.h"

#include <check.h>
#include <string.h>

START_TEST(every_command_teaches)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		ck_assert_msg(c->help && c->help[0] && c->help[strlen(c->help) - 1] != '.',
		              "%s: help", c->name);
		ck_assert_msg(c->about && c->about[0] && c->about[strlen(c->about) - 1] == '.',
		              "%s: about", c->name);
		ck_assert_msg(c->run != NULL, "%s: function", c->name);
		ck_assert_msg(c->arguments != NULL && (c->max == 0) == (c->arguments[0] == '\0'),
		              "%s: arguments", c->name);
		ck_assert_msg(c->min >= 0 && (c->max < 0 || c->min <= c->max), "%s: counts",
		              c->name);
		ck_assert_msg(c->group < GROUP_COUNT, "%s: group", c->name);
		ck_assert_msg(strlen(c->help) <= 60, "%s: help is too long for the overview",
		              c->name);
		ck_assert_msg(c->examples && c->examples[0].command, "%s: example", c->name);
		for (const struct cli_example *e = c->examples; e->command; e++)
			ck_assert_msg(e->help && e->help[0], "%s: example %s", c->name, e->command);
	}
}
END_TEST

START_TEST(examples_name_their_command_and_known_options)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		for (const struct cli_example *e = c->examples; e->command; e++) {
			/* "pawl" alone is the console. */
			bool own =
			    strstr(e->command, c->name) != NULL || str_eq(e->command, "pawl");
			ck_assert_msg(own, "%s: %s", c->name, e->command);
			for (const char *p = e->command; (p = strstr(p, " --")) != NULL;) {
				p += 3;
				size_t len = strcspn(p, " =");
				bool known = len == 0;
				for (const struct cli_option *o = c->options; o && o->name; o++)
					known = known || (strlen(o->name) == len &&
					                  !strncmp(o->name, p, len));
				for (const struct cli_option *o = global_options; o->name; o++)
					known = known || (strlen(o->name) == len &&
					                  !strncmp(o->name, p, len));
				ck_assert_msg(known, "%s: --%.*s in \"%s\"", c->name, (int)len, p,
				              e->command);
			}
		}
	}
}
END_TEST

START_TEST(names_are_unique)
{
	for (size_t i = 0; commands[i]; i++) {
		ck_assert_ptr_eq(command_find(commands[i]->name), commands[i]);
		if (commands[i]->alias)
			ck_assert_ptr_eq(command_find(commands[i]->alias), commands[i]);
		ck_assert_msg(strspn(commands[i]->name, "abcdefghijklmnopqrstuvwxyz-") ==
		                  strlen(commands[i]->name),
		              "%s", commands[i]->name);
	}
	ck_assert_ptr_null(command_find("nothing"));
}
END_TEST

static void no_clash(const struct command *c, const struct cli_option *a,
                     const struct cli_option *b)
{
	ck_assert_msg(strcmp(a->name, b->name) != 0, "%s: --%s twice", c->name, a->name);
	ck_assert_msg(!a->letter || a->letter != b->letter, "%s: -%c twice", c->name, a->letter);
}

START_TEST(options_are_unique_and_explained)
{
	for (size_t i = 0; commands[i]; i++) {
		for (const struct cli_option *a = commands[i]->options; a && a->name; a++) {
			ck_assert_msg(a->help && a->help[0], "%s: --%s", commands[i]->name,
			              a->name);
			for (const struct cli_option *b = a + 1; b->name; b++)
				no_clash(commands[i], a, b);
			for (const struct cli_option *b = global_options; b->name; b++)
				no_clash(commands[i], a, b);
		}
	}
}
END_TEST

/* ---- calls ---- */

/* clang-format off */
static const struct {
	const char *argv[8];
	enum err_code code;
	const char *says; /* a part of the message, or of the hint */
} bad[] = {
	{ { "pawl", "qeue" },                        ERR_USAGE, "pawl queue" },
	{ { "pawl", "runs", "--limt", "3" },         ERR_USAGE, "--limit" },
	{ { "pawl", "runs", "--limit" },             ERR_USAGE, "needs a value" },
	{ { "pawl", "runs", "-x" },                  ERR_USAGE, "-x" },
	{ { "pawl", "runs", "--all=yes" },           ERR_USAGE, "no value" },
	{ { "pawl", "runs", "a", "b" },              ERR_USAGE, "too many" },
	{ { "pawl", "step" },                        ERR_USAGE, "RUN [NODE]" },
	{ { "pawl", "--lines", "logs" },             ERR_USAGE, "after its name" },
	{ { "pawl", "runs", "--limit=3", "-n", "4" }, ERR_USAGE, "twice" },
};
/* clang-format on */

START_TEST(a_wrong_call_says_what_is_right)
{
	char *argv[9] = { NULL };
	int argc = 0;
	for (; bad[_i].argv[argc]; argc++)
		argv[argc] = xstrdup(bad[_i].argv[argc]);
	struct cli cli = { .status = -1 };
	struct call call = { .cli = &cli };
	struct err err;
	ck_assert_int_eq(call_parse(&call, argc, argv, &err), bad[_i].code);
	ck_assert_msg(strstr(err.message, bad[_i].says) || strstr(err.hint, bad[_i].says),
	              "%s / %s", err.message, err.hint);
	call_done(&call);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
}
END_TEST

START_TEST(options_stand_anywhere)
{
	char words[][16] = { "pawl", "--json", "submit",        "-q",      "a.yaml", "-pa=1",
		             "-p",   "b:=2",   "--priority=-3", "--after", "o-1" };
	char *argv[COUNT(words) + 1] = { NULL };
	for (size_t i = 0; i < COUNT(words); i++)
		argv[i] = words[i];
	struct cli cli = { .status = -1 };
	struct call call = { .cli = &cli };
	struct err err;
	ck_assert_int_eq(call_parse(&call, COUNT(words), argv, &err), ERR_OK);
	ck_assert_str_eq(call.command->name, "submit");
	ck_assert_uint_eq(call.nargs, 1);
	ck_assert_str_eq(call.args[0], "a.yaml");
	size_t at = 0;
	ck_assert_str_eq(call_next(&call, "param", &at), "a=1");
	ck_assert_str_eq(call_next(&call, "param", &at), "b:=2");
	ck_assert_ptr_null(call_next(&call, "param", &at));
	int64_t priority = 0;
	ck_assert_int_eq(call_int(&call, "priority", -10, 10, &priority, &err), ERR_OK);
	ck_assert_int_eq(priority, -3);
	ck_assert_int_eq(call_int(&call, "priority", 0, 10, &priority, &err), ERR_USAGE);
	ck_assert(call_has(&call, "json") && call_has(&call, "quiet") && !call_has(&call, "hold"));
	call_done(&call);
}
END_TEST

START_TEST(numbers_and_what_follows_two_dashes_are_arguments)
{
	char words[][12] = { "pawl", "priority", "o-1", "-5" },
	     more[][12] = { "pawl", "runs", "--", "--all" };
	char *argv[] = { words[0], words[1], words[2], words[3] },
	     *rest[] = { more[0], more[1], more[2], more[3] };
	struct cli cli = { .status = -1 };
	struct call call = { .cli = &cli }, second = { .cli = &cli };
	ck_assert_int_eq(call_parse(&call, 4, argv, NULL), ERR_OK);
	ck_assert_str_eq(call.args[1], "-5");
	ck_assert_int_eq(call_parse(&second, 4, rest, NULL), ERR_OK);
	ck_assert_str_eq(second.args[0], "--all");
	ck_assert(!call_has(&second, "all"));
	call_done(&call);
	call_done(&second);
}
END_TEST

/* ---- ids ---- */

/* clang-format off */
static const struct { const char *text; enum err_code code; enum target_kind kind; const char *id, *node; } ids[] = {
	{ "r-3f9",           ERR_OK,    TARGET_RUN,      "r-3f9", NULL },
	{ "o-3f9",           ERR_OK,    TARGET_ORDER,    "o-3f9", NULL },
	{ "last",            ERR_OK,    TARGET_ANY,      "last",  NULL },
	{ "r-3f9/te sts",    ERR_OK,    TARGET_NODE,     "r-3f9", "te%20sts" },
	{ "last/a/../b",     ERR_OK,    TARGET_NODE,     "last",  "a%2F..%2Fb" },
	{ "../x",            ERR_USAGE, TARGET_ANY,      NULL,    NULL },
	{ "a b",             ERR_USAGE, TARGET_ANY,      NULL,    NULL },
	{ "#12",             ERR_OK,    TARGET_EVENT,    NULL,    NULL },
	{ "#x",              ERR_USAGE, TARGET_ANY,      NULL,    NULL },
	{ "",                ERR_USAGE, TARGET_ANY,      NULL,    NULL },
	{ "r-1/",            ERR_USAGE, TARGET_ANY,      NULL,    NULL },
	{ "/tests",          ERR_USAGE, TARGET_ANY,      NULL,    NULL },
	{ "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", ERR_OK, TARGET_WORKFLOW, NULL, NULL },
};
/* clang-format on */

START_TEST(an_id_says_what_it_is)
{
	struct target t = { .kind = TARGET_ANY };
	ck_assert_int_eq(target_parse(ids[_i].text, &t, NULL), ids[_i].code);
	if (ids[_i].code == ERR_OK)
		ck_assert_int_eq(t.kind, ids[_i].kind);
	if (ids[_i].id)
		ck_assert_str_eq(t.id, ids[_i].id);
	if (ids[_i].node)
		ck_assert_str_eq(t.node, ids[_i].node);
	target_done(&t);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("table");
	tcase_add_test(tc, every_command_teaches);
	tcase_add_test(tc, examples_name_their_command_and_known_options);
	tcase_add_test(tc, names_are_unique);
	tcase_add_test(tc, options_are_unique_and_explained);
	tcase_add_loop_test(tc, a_wrong_call_says_what_is_right, 0, COUNT(bad));
	tcase_add_test(tc, options_stand_anywhere);
	tcase_add_test(tc, numbers_and_what_follows_two_dashes_are_arguments);
	tcase_add_loop_test(tc, an_id_says_what_it_is, 0, COUNT(ids));
	Suite *s = suite_create("cli_table");
	suite_add_tcase(s, tc);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
