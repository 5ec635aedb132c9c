/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables and widgets of the console without a terminal: actions, keymaps, verbs, themes, cells, lists,
 * prompts, graph layout; and that the files made from the tables are current. */
#include "base/fs.h"
#include "tui/action.h"
#include "tui/fuzzy.h"
#include "tui/graph.h"
#include "tui/outside.h"
#include "tui/panes.h"
#include "tui/verb.h"

#include <check.h>
#include <locale.h>
#include <string.h>

/* ---- cells: what is put there is what is seen, and no more ---- */

/* clang-format off */
static const struct { const char *in, *out; int width, used; } puts_[] = {
	{ "plain",                        "plain",          20, 5 },
	{ "cut here",                     "cut",             3, 3 },
	{ "a\tb",                         "a       b",      20, 9 },
	{ "\033[2J",                      "\\x1B[2J",       20, 7 },
	{ "\x9b",                         "\\x9B",          20, 4 },
	{ "\xff",                         "\\xFF",          20, 4 },
	{ "\xe2\x80\xae" "x",             "<U+202E>x",      20, 9 },
	{ "\xe6\x97\xa5\xe6\x9c\xac",     "\xe6\x97\xa5\xe6\x9c\xac", 20, 4 },
	{ "\xe6\x97\xa5\xe6\x9c\xac",     "\xe6\x97\xa5",    3, 3 },
	{ "e\xcc\x81x",                   "e\xcc\x81x",     20, 2 },
	{ "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81", "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81", 20, 1 },
};
/* clang-format on */

START_TEST(cells_show_text)
{
	struct cells g = { 0 };
	auto_str row = STR_INIT;
	cells_resize(&g, 1, 30);
	int used = cells_puts(&g, 0, 0, puts_[_i].width, ROLE_TEXT, puts_[_i].in);
	cells_text(&g, 0, &row);
	ck_assert_str_eq(str_text(&row), puts_[_i].out);
	ck_assert_int_eq(used, puts_[_i].used);
	cells_done(&g);
}
END_TEST

START_TEST(cells_replace_half_of_a_wide_character)
{
	struct cells g = { 0 };
	auto_str row = STR_INIT;
	cells_resize(&g, 1, 10);
	(void)cells_puts(&g, 0, 0, 10, ROLE_TEXT, "\xe6\x97\xa5\xe6\x9c\xac");
	(void)cells_puts(&g, 0, 1, 1, ROLE_TEXT, "x");
	cells_text(&g, 0, &row);
	ck_assert_str_eq(str_text(&row), " x\xe6\x9c\xac");
	cells_done(&g);
}
END_TEST

START_TEST(cells_are_ascii_where_asked)
{
	struct cells g = { .ascii = true };
	auto_str row = STR_INIT;
	cells_resize(&g, 1, 10);
	(void)cells_puts(&g, 0, 0, 10, ROLE_TEXT, "a\xe6\x97\xa5\xc3\xa9z");
	cells_text(&g, 0, &row);
	ck_assert_str_eq(str_text(&row), "a??z");
	cells_done(&g);
}
END_TEST

/* ---- keys and keymaps ---- */

/* clang-format off */
static const struct { const char *name; int key; } keys[] = {
	{ "j", 'j' }, { "C-d", 4 }, { "Enter", K_ENTER }, { "PgDn", K_PAGE_DOWN }, { "F1", K_F1 },
	{ "F12", K_F12 }, { "Space", ' ' }, { "\xc3\xa9", 0xe9 }, { "<", '<' }, { "S-Tab", K_BACKTAB },
};
static const struct { const char *text, *says; } bad_maps[] = {
	{ "runs x", "SCOPE KEY ACTION" },
	{ "nowhere x cancel", "no scope 'nowhere'" },
	{ "\nruns x no-such", ":2: no action 'no-such'" },
	{ "runs PgDown cancel", "'PgDown' is no key" },
	{ "runs a b c d cancel", "is no key" },
};
/* clang-format on */

START_TEST(keys_have_names)
{
	int key = 0;
	ck_assert_uint_eq(key_parse(keys[_i].name, &key), strlen(keys[_i].name));
	ck_assert_int_eq(key, keys[_i].key);
}
END_TEST

START_TEST(keymap_errors_say_where)
{
	struct err err = { 0 };
	struct keymap *m = keymap_new();
	ck_assert_int_eq(keymap_parse(m, "keys", bad_maps[_i].text, &err), ERR_INVALID);
	ck_assert_msg(strstr(err.message, bad_maps[_i].says) != NULL, "%s", err.message);
	keymap_free(m);
}
END_TEST

START_TEST(keymap_changes_and_unbinds)
{
	struct keymap *m = keymap_new();
	const struct action *a = NULL;
	int x = 'x', p = 'p';
	ck_assert_int_eq(keymap_parse(m, "keys", "# mine\nruns x cancel\nwork p -\nlog g g first\n", NULL),
			 ERR_OK);
	ck_assert_int_eq(keymap_look(m, PANE_RUNS, &x, 1, &a), MATCH_ACTION);
	ck_assert_str_eq(a->name, "cancel");
	ck_assert_int_eq(keymap_look(m, PANE_RUNS, &p, 1, &a), MATCH_NONE);
	int y = 'y', yi[] = { 'y', 'i' };
	ck_assert_int_eq(keymap_look(m, PANE_LOG, &y, 1, &a), MATCH_PREFIX);
	ck_assert_int_eq(keymap_look(m, PANE_LOG, yi, 2, &a), MATCH_ACTION);
	keymap_free(m);
}
END_TEST

/* Each default key is a key, and no two actions have one key in one pane. */
START_TEST(actions_have_their_keys_alone)
{
	for (size_t i = 0; i < nactions; i++) {
		ck_assert_ptr_eq(action_find(actions[i].name), &actions[i]);
		ck_assert_ptr_nonnull(actions[i].run);
		for (size_t k = 0; k < ACTION_KEYS && actions[i].keys[k]; k++) {
			for (size_t j = i + 1; j < nactions; j++)
				for (size_t n = 0; n < ACTION_KEYS && actions[j].keys[n]; n++)
					ck_assert_msg(!str_eq(actions[i].keys[k], actions[j].keys[n]) ||
							      !(actions[i].where & actions[j].where),
						      "%s and %s both have %s", actions[i].name,
						      actions[j].name, actions[i].keys[k]);
		}
	}
}
END_TEST

/* A key with Ctrl, Backspace or Delete changes nothing. */
START_TEST(no_muscle_memory_changes_anything)
{
	for (size_t i = 0; i < nactions; i++)
		for (size_t k = 0; k < ACTION_KEYS && actions[i].keys[k]; k++)
			ck_assert(!actions[i].changes || (!str_starts(actions[i].keys[k], "C-") &&
							  !str_eq(actions[i].keys[k], "BS") &&
							  !str_eq(actions[i].keys[k], "Del")));
}
END_TEST

START_TEST(a_printed_keymap_is_the_keymap)
{
	struct keymap *m = keymap_new(), *again = keymap_new();
	auto_str first = STR_INIT, second = STR_INIT;
	keymap_print(m, &first);
	ck_assert_int_eq(keymap_parse(again, "printed", str_text(&first), NULL), ERR_OK);
	ck_assert_uint_eq(again->n, m->n);
	keymap_print(again, &second);
	ck_assert_str_eq(str_text(&first), str_text(&second));
	keymap_free(m);
	keymap_free(again);
}
END_TEST

static char *read_source(const char *name)
{
	const char *folder = getenv("srcdir");
	auto_free char *path = xasprintf("%s/%s", folder ? folder : ".", name);
	char *text = NULL;
	size_t len = 0;
	struct err err = { 0 };
	ck_assert_msg(fs_read(path, MIB, &text, &len, &err) == ERR_OK, "%s", err.message);
	return text;
}

START_TEST(files_made_from_tables_are_current)
{
	auto_str map = STR_INIT, manual = STR_INIT;
	struct keymap *m = keymap_new();
	keymap_print(m, &map);
	keymap_free(m);
	actions_print_manual(&manual);
	auto_free char *file = read_source("data/keymap/default.keymap");
	auto_free char *page = read_source("doc/pawl-console.1");
	ck_assert_msg(strstr(file, str_text(&map)) != NULL,
		      "data/keymap/default.keymap differs from: pawl console --print-keymap");
	ck_assert_msg(strstr(page, str_text(&manual)) != NULL,
		      "doc/pawl-console.1 differs from: pawl console --print-actions");
}
END_TEST

/* ---- verbs ---- */

static size_t count_ids(const char *format)
{
	size_t n = 0;
	for (; format && (format = strchr(format, '%')) != NULL; format++)
		n += format[1] == 's' ? 1 : 100;
	return n;
}

START_TEST(verbs_are_complete)
{
	for (size_t i = 0; i < nverb_rows; i++) {
		const struct verb_row *v = &verb_rows[i];
		bool with_id = v->of == OF_RUN || v->of == OF_ORDER || v->of == OF_BREAKER;
		ck_assert_ptr_eq(verb_find(v->of, v->name), v);
		ck_assert_uint_eq(count_ids(v->path), with_id ? 1 : 0);
		ck_assert_uint_eq(count_ids(v->done), with_id ? 1 : 0);
		ck_assert_uint_le(count_ids(v->question), with_id ? 1 : 0);
		ck_assert(!v->states || v->cannot);
		ck_assert(!v->inverse || verb_find(v->of, v->inverse));
	}
	for (size_t i = 0; i < nactions; i++) {
		bool any = false;
		for (size_t v = 0; actions[i].verb && v < nverb_rows; v++)
			any = any || str_eq(verb_rows[v].name, actions[i].verb);
		ck_assert_msg(!actions[i].verb || any, "%s", actions[i].name);
	}
}
END_TEST

/* What the palette offers of the command line is there. */
START_TEST(outside_verbs_are_commands)
{
	auto_free char *page = read_source("doc/pawl.1");
	for (size_t i = 0; i < noutside_rows; i++) {
		auto_free char *head = xasprintf(".It Nm Cm %s", outside_rows[i].name);
		ck_assert_msg(strstr(page, head) != NULL, "%s", outside_rows[i].name);
		ck_assert(!outside_rows[i].of_node || outside_rows[i].of_run);
	}
	for (size_t i = 0; i < nverb_rows; i++) {
		const char *word = verb_rows[i].command + strlen("pawl ");
		auto_free char *head = xasprintf(".It Nm Cm %.*s", (int)strcspn(word, " "), word);
		ck_assert_msg(strstr(page, head) != NULL, "%s", verb_rows[i].command);
	}
}
END_TEST

/* ---- themes ---- */

START_TEST(themes_load_and_name_what_is_wrong)
{
	struct theme theme;
	struct err err = { 0 };
	for (const char *const *name = theme_names(); *name; name++)
		ck_assert_msg(theme_load(*name, &theme, &err) == ERR_OK, "%s", err.message);
	ck_assert_int_eq(theme_parse("mine", "text - -\nfailed redd - bold\n", &theme, &err), ERR_INVALID);
	ck_assert_ptr_nonnull(strstr(err.message, "mine:2: 'redd'"));
	ck_assert_int_eq(theme_parse("mine", "no-role red\n", &theme, &err), ERR_INVALID);
	ck_assert_int_eq(theme_parse("mine", "ok #00ff00 - bold\n", &theme, &err), ERR_OK);
	ck_assert_int_eq(theme.look[ROLE_OK].foreground, 46);
	ck_assert_int_eq(theme_load("none", &theme, &err), ERR_NOT_FOUND);
}
END_TEST

/* ---- lists ---- */

static struct row *made(const char *id, const char *workflow, int64_t created)
{
	struct run_row *r = xcalloc(1, sizeof(*r));
	r->row.id = xstrdup(id);
	r->workflow = xstrdup(workflow);
	r->created_at_ms = r->started_at_ms = created;
	return &r->row;
}

START_TEST(the_cursor_is_on_a_row_not_on_a_place)
{
	struct rows rows = { .kind = ROWS_RUNS };
	struct list l;
	list_init(&l, &runs_list, &rows);
	rows_put(&rows, made("r-1", "build", 1));
	rows_put(&rows, made("r-2", "test", 2));
	rows_put(&rows, made("r-3", "docs", 3));
	list_refresh(&l);
	ck_assert_str_eq(list_selected(&l)->id, "r-3");
	ck_assert(list_go_id(&l, "r-2"));
	list_mark(&l, list_selected(&l), true);
	rows_put(&rows, made("r-4", "build", 4));
	list_refresh(&l);
	ck_assert_str_eq(list_selected(&l)->id, "r-2");
	ck_assert_uint_eq(l.new_above, 1);
	list_set_filter(&l, "bui");
	ck_assert_uint_eq(l.n, 2);
	list_set_filter(&l, "!bui");
	ck_assert_uint_eq(l.n, 2);
	list_set_filter(&l, NULL);
	ck_assert_uint_eq(l.n, 4);
	size_t n = 0;
	auto_free const char **ids = list_targets(&l, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(ids[0], "r-2");
	list_set_sort(&l, 1, false);
	ck_assert_str_eq(list_at(&l, 0)->id, "r-4");
	ck_assert_str_eq(list_at(&l, 3)->id, "r-2");
	list_set_sort(&l, 1, true);
	ck_assert_str_eq(list_at(&l, 0)->id, "r-2");
	rows_remove(&rows, "r-2");
	list_refresh(&l);
	ck_assert_ptr_nonnull(list_selected(&l));
	list_done(&l);
	rows_done(&rows);
}
END_TEST

START_TEST(prompts_edit_text)
{
	struct prompt p = { 0 };
	prompt_open(&p, PROMPT_SEARCH, "ab");
	ck_assert(prompt_edit(&p, 0x65e5));
	ck_assert_str_eq(p.text, "ab\xe6\x97\xa5");
	ck_assert(prompt_edit(&p, K_LEFT) && prompt_edit(&p, 'x'));
	ck_assert_str_eq(p.text, "abx\xe6\x97\xa5");
	ck_assert(prompt_edit(&p, K_END) && prompt_edit(&p, K_BACKSPACE));
	ck_assert_str_eq(p.text, "abx");
	prompt_remember(&p);
	prompt_open(&p, PROMPT_SEARCH, NULL);
	ck_assert(prompt_edit(&p, K_UP));
	ck_assert_str_eq(p.text, "abx");
	ck_assert(!prompt_edit(&p, K_ENTER));
	for (int i = 0; i < 2 * PROMPT_MAX; i++)
		ck_assert(prompt_edit(&p, 'y'));
	ck_assert_uint_lt(p.len, PROMPT_MAX);
	prompt_done(&p);
}
END_TEST

START_TEST(fuzzy_prefers_what_is_together)
{
	ck_assert_int_lt(fuzzy_score("xyz", "nightly-train"), 0);
	ck_assert_int_gt(fuzzy_score("train", "nightly-train"), fuzzy_score("nltn", "nightly-train"));
	ck_assert_int_ge(fuzzy_score("nt tr", "nightly-train"), 0);
	ck_assert_int_ge(fuzzy_score("TRAIN", "nightly-train"), 0);
}
END_TEST

/* ---- graph ---- */

START_TEST(graphs_are_laid_out_in_layers)
{
	static const char text[] =
		"{\"items\":[{\"node\":\"a\",\"state\":\"succeeded\"},"
		"{\"node\":\"b\",\"state\":\"ready\",\"needs\":[\"a\"]},"
		"{\"node\":\"c\",\"state\":\"ready\",\"needs\":[\"a\"]},"
		"{\"node\":\"d\",\"state\":\"ready\",\"needs\":[\"b\",\"c\",\"a\"]}]}";
	struct rows rows = { .kind = ROWS_NODES };
	struct graph_drawing d;
	auto_json *v = NULL;
	ck_assert_int_eq(json_parse(text, strlen(text), MIB, &v, NULL), ERR_OK);
	rows_add_page(&rows, v);
	graph_layout(&rows, 100, &d);
	ck_assert(d.fits);
	ck_assert_int_eq(d.layers, 3);
	ck_assert_int_eq(d.depth[3], 2);
	/* Four nodes, and one place where the edge a → d passes the middle layer. */
	ck_assert_uint_eq(d.nbox, 5);
	ck_assert_uint_eq(d.nline, 6);
	for (size_t i = 0; i < d.nbox; i++)
		for (size_t j = i + 1; j < d.nbox; j++)
			ck_assert(d.box[i].layer != d.box[j].layer || d.box[i].slot != d.box[j].slot);
	graph_drawing_done(&d);
	graph_layout(&rows, 3, &d);
	ck_assert(!d.fits);
	graph_drawing_done(&d);
	rows_done(&rows);
}
END_TEST

START_TEST(instances_stand_before_their_group)
{
	static const char text[] = "{\"items\":[{\"node\":\"a\"},{\"node\":\"m\",\"kind\":\"group\",\"needs\":[\"a\"]},"
				   "{\"node\":\"m[0:x]\",\"group\":\"m\"},{\"node\":\"m[1:y]\",\"group\":\"m\"},"
				   "{\"node\":\"end\",\"needs\":[\"m\"]},{\"node\":\"bye\",\"handler\":true}]}";
	static const int depths[] = { 0, 2, 1, 1, 3, 4 };
	struct rows rows = { .kind = ROWS_NODES };
	struct graph_drawing d;
	auto_json *v = NULL;
	ck_assert_int_eq(json_parse(text, strlen(text), MIB, &v, NULL), ERR_OK);
	rows_add_page(&rows, v);
	graph_layout(&rows, 100, &d);
	for (size_t i = 0; i < COUNT(depths); i++)
		ck_assert_int_eq(d.depth[i], depths[i]);
	graph_drawing_done(&d);
	rows_done(&rows);
}
END_TEST

/* ---- levels ---- */

static const struct {
	const char *text;
	enum log_level level;
} levels[] = {
	{ "E test_merge.c:219: assertion failed", LEVEL_ERROR },
	{ "2026-11-21 ERROR cannot open", LEVEL_ERROR },
	{ "foo.c:3:5: error: expected ';'", LEVEL_ERROR },
	{ "W marker", LEVEL_WARN },
	{ "foo.c:3:5: warning: unused", LEVEL_WARN },
	{ "D left=3", LEVEL_DEBUG },
	{ "Everything is fine", LEVEL_NONE },
};

START_TEST(levels_are_seen)
{
	ck_assert_int_eq(log_level_of(levels[_i].text, strlen(levels[_i].text)), levels[_i].level);
}
END_TEST

int main(void)
{
	(void)setlocale(LC_ALL, "C.UTF-8");
	Suite *s = suite_create("tui_tables");
	TCase *t = tcase_create("tables");
	tcase_add_loop_test(t, cells_show_text, 0, (int)COUNT(puts_));
	tcase_add_test(t, cells_replace_half_of_a_wide_character);
	tcase_add_test(t, cells_are_ascii_where_asked);
	tcase_add_loop_test(t, keys_have_names, 0, (int)COUNT(keys));
	tcase_add_loop_test(t, keymap_errors_say_where, 0, (int)COUNT(bad_maps));
	tcase_add_test(t, keymap_changes_and_unbinds);
	tcase_add_test(t, actions_have_their_keys_alone);
	tcase_add_test(t, no_muscle_memory_changes_anything);
	tcase_add_test(t, a_printed_keymap_is_the_keymap);
	tcase_add_test(t, files_made_from_tables_are_current);
	tcase_add_test(t, verbs_are_complete);
	tcase_add_test(t, outside_verbs_are_commands);
	tcase_add_test(t, themes_load_and_name_what_is_wrong);
	tcase_add_test(t, the_cursor_is_on_a_row_not_on_a_place);
	tcase_add_test(t, prompts_edit_text);
	tcase_add_test(t, fuzzy_prefers_what_is_together);
	tcase_add_test(t, graphs_are_laid_out_in_layers);
	tcase_add_test(t, instances_stand_before_their_group);
	tcase_add_loop_test(t, levels_are_seen, 0, (int)COUNT(levels));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
