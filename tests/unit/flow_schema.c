/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The JSON Schema, the manual and the tables of the loader have the same keys; the examples
 * are valid. */
#include "base/fs.h"
#include "flow/load.h"
#include "model/error.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static char *read_source(const char *name, size_t *ret_len)
{
	const char *srcdir = getenv("srcdir");
	auto_free char *path = xasprintf("%s/%s", srcdir ? srcdir : ".", name);
	char *text = NULL;
	struct err err = { 0 };
	ck_assert_msg(fs_read(path, MIB, &text, ret_len, &err) == ERR_OK, "%s", err.message);
	return text;
}

/* Where a definition has its properties: itself, or the alternative that is a map. */
static const struct json *properties_of(const struct json *schema, const char *name)
{
	const struct json *d = str_eq(name, "workflow") ? schema :
							  json_get(json_get(schema, "definitions"), name);
	if (json_get(d, "properties"))
		return json_get(d, "properties");
	for (const struct json *e = json_first(json_get(d, "anyOf")); e; e = json_next(e))
		if (json_get(e, "properties"))
			return json_get(e, "properties");
	return NULL;
}

static size_t count_tables(void)
{
	size_t n = 0;
	while (flow_tables[n])
		n++;
	return n;
}

START_TEST(schema_has_the_keys)
{
	const struct flow_table *t = flow_tables[_i];
	size_t len;
	auto_free char *text = read_source("data/workflow.schema.json", &len);
	auto_json *schema = NULL;
	ck_assert_int_eq(json_parse(text, len, MIB, &schema, NULL), ERR_OK);
	const struct json *e = json_first(properties_of(schema, t->name));
	auto_str there = STR_INIT, wanted = STR_INIT;
	for (; e; e = json_next(e))
		str_addf(&there, "%s ", json_key(e));
	/* The order of the tables is that of loading; the schema's is for people. */
	size_t found = 0;
	for (size_t i = 0; i < t->n; i++) {
		ck_assert_msg(json_get(properties_of(schema, t->name), t->keys[i].name) != NULL,
			      "%s of %s is not in the schema", t->keys[i].name, t->name);
		str_addf(&wanted, "%s ", t->keys[i].name);
		found++;
	}
	ck_assert_msg(json_count(properties_of(schema, t->name)) == found, "%s: the schema has %s, the loader %s",
		      t->name, str_text(&there), str_text(&wanted));
}
END_TEST

START_TEST(defaults_have_the_shared_keys)
{
	size_t len, shared = 0;
	auto_free char *text = read_source("data/workflow.schema.json", &len);
	auto_json *schema = NULL;
	ck_assert_int_eq(json_parse(text, len, MIB, &schema, NULL), ERR_OK);
	const struct json *there = properties_of(schema, "defaults");
	for (size_t i = 0; i < flow_node_keys.n; i++) {
		const struct flow_key *k = &flow_node_keys.keys[i];
		ck_assert_msg((json_get(there, k->name) != NULL) == k->shared, "%s", k->name);
		shared += k->shared;
	}
	ck_assert_uint_eq(json_count(there), shared);
}
END_TEST

START_TEST(manual_has_the_keys)
{
	const struct flow_table *t = flow_tables[_i];
	size_t len;
	auto_free char *text = read_source("doc/pawl-workflow.5", &len);
	for (size_t i = 0; i < t->n; i++) {
		bool found = false;
		size_t n = strlen(t->keys[i].name);
		for (const char *p = strstr(text, "\n.It Ic "); p && !found; p = strstr(p + 1, "\n.It Ic ")) {
			const char *end = strchr(p + 1, '\n');
			for (const char *w = p; (w = strstr(w, t->keys[i].name)) && w < end && !found; w++)
				found = w[-1] == ' ' && (w[n] == ' ' || w[n] == '\n');
		}
		ck_assert_msg(found, "%s of %s is not in the manual", t->keys[i].name, t->name);
	}
}
END_TEST

START_TEST(manual_has_the_classes)
{
	size_t len;
	auto_free char *text = read_source("doc/pawl-agents.7", &len);
	for (int c = CLASS_NONE + 1; c < CLASS_COUNT; c++) {
		const char *name = error_class_name((enum error_class)c);
		auto_free char *item = xasprintf(".It Li %s\n", name), *listed = xasprintf(" %s ,", name);
		auto_free char *last = xasprintf(" , %s\n", name);
		ck_assert_msg(strstr(text, item) || strstr(text, listed) || strstr(text, last), "%s", name);
	}
}
END_TEST

START_TEST(manual_has_the_functions)
{
	size_t len;
	auto_free char *text = read_source("doc/pawl-workflow.5", &len);
	for (size_t i = 0; expr_function_name(i); i++) {
		auto_free char *with = xasprintf("\n.It Fn %s ", expr_function_name(i));
		auto_free char *alone = xasprintf("\n.It Fn %s\n", expr_function_name(i));
		ck_assert_msg(strstr(text, with) || strstr(text, alone), "%s", expr_function_name(i));
	}
}
END_TEST

/* clang-format off */
static const char *const examples[] = {
	"approval", "back", "charter", "fails", "foreach", "handlers", "hello", "http", "llm", "matrix", "mend", "params", "retries",
	"self-build", "sub", "sub-child",
};
/* clang-format on */

START_TEST(examples_are_valid)
{
	size_t len;
	const char *srcdir = getenv("srcdir");
	auto_free char *name = xasprintf("data/examples/%s.yaml", examples[_i]);
	auto_free char *path = xasprintf("%s/%s", srcdir ? srcdir : ".", name);
	auto_free char *text = read_source(name, &len);
	struct flow_report report = { 0 };
	struct graph *g = NULL;
	struct err err = { 0 };
	enum err_code code = flow_load(path, text, len, &flow_files, &g, &report, &err);
	ck_assert_msg(code == ERR_OK, "%s", err.message);
	ck_assert_str_eq(g->name, examples[_i]);
	graph_free(g);
	flow_report_done(&report);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flow_schema");
	TCase *t = tcase_create("schema");
	tcase_add_loop_test(t, schema_has_the_keys, 0, (int)count_tables());
	tcase_add_test(t, defaults_have_the_shared_keys);
	tcase_add_loop_test(t, manual_has_the_keys, 0, (int)count_tables());
	tcase_add_test(t, manual_has_the_classes);
	tcase_add_test(t, manual_has_the_functions);
	tcase_add_loop_test(t, examples_are_valid, 0, (int)COUNT(examples));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
