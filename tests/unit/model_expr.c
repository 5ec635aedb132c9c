/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The expression language: what every operator and function gives, and what is refused. */
#include "model/expr.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* ---- a scope that holds one JSON object ---- */

static const char world[] =
	"{\"params\":{\"name\":\"Ada\",\"count\":3,\"on\":true,\"none\":null,\"list\":[1,2,3]},"
	"\"nodes\":{\"a-b\":{\"outputs\":{\"y\":\"12\",\"json\":\"{\\\"k\\\":[true]}\"},"
	"\"state\":\"succeeded\"}},\"item\":{\"deep\":[{\"x\":\"found\"}]},\"index\":4}";

/* Resolves two parts of a name ("params", "name"), or one if there are no more. */
static enum err_code world_get(void *ctx, const char *const *path, size_t npath, size_t *ret_used,
			       struct str *out, struct err *err)
{
	const struct json *v = json_get(ctx, path[0]);
	*ret_used = npath > 1 ? 2 : 1;
	if (v && npath > 1 && !str_eq(path[0], "item"))
		v = json_get(v, path[1]);
	else
		*ret_used = 1;
	if (!v)
		return err_set(err, ERR_NOT_FOUND, "there is no %s", path[npath > 1 ? 1 : 0]);
	json_add(out, v);
	return ERR_OK;
}

/* clang-format off */
static const struct { const char *text, *result; /* NULL: an error that holds … */ const char *error; } rows[] = {
	/* literals */
	{ "null", "null" }, { "true", "true" }, { "12", "12" }, { "1.5", "1.5" }, { "1e3", "1000" },
	{ "'it''s'", "\"it's\"" }, { "\"a\\tb\\u00e9\"", "\"a\\tb\xc3\xa9\"" }, { "'^\\d+$'", "\"^\\\\d+$\"" },
	{ "[1, 'two', [null]]", "[1,\"two\",[null]]" }, { "[]", "[]" },
	/* names */
	{ "params.name", "\"Ada\"" }, { "params['name']", "\"Ada\"" }, { "nodes.a-b.outputs.y", "\"12\"" },
	{ "nodes[\"a-b\"].state", "\"succeeded\"" }, { "params.list[1]", "2" }, { "params.list[9]", "null" },
	{ "item.deep[0].x", "\"found\"" }, { "item.deep[0]['x']", "\"found\"" }, { "item.nothing.here", "null" },
	{ "item.deep[index - 4].x", "\"found\"" }, { "params[lower('NAME')]", "\"Ada\"" },
	{ "params.nope", NULL, "there is no nope" }, { "params.name.x", NULL, "cannot be indexed" },
	/* operators and how tight they bind */
	{ "1 + 2 * 3", "7" }, { "(1 + 2) * 3", "9" }, { "10 - 2 - 3", "5" }, { "7 / 2", "3.5" }, { "7 % 4", "3" },
	{ "-2 + 1", "-1" }, { "!true", "false" }, { "!!'x'", "true" }, { "index-1", "3" },
	{ "'a' + 'b'", "\"ab\"" }, { "[1] + [2]", "[1,2]" },
	{ "1 == 1", "true" }, { "'1' == 1", "true" }, { "'x' == 1", "false" }, { "null == false", "false" },
	{ "[1, 2] == [1, 2]", "true" }, { "1 != 2", "true" }, { "2 < 10", "true" }, { "'2' < '10'", "false" },
	{ "'2' < 10", "true" }, { "3 >= 3", "true" },
	{ "2 in [1, 2]", "true" }, { "'d' in 'Ada'", "true" }, { "'name' in params", "true" }, { "1 in null", "false" },
	{ "true && 'x'", "\"x\"" }, { "false && params.nope", "false" }, { "'' || 'y'", "\"y\"" },
	{ "true || params.nope", "true" }, { "true || false && false", "true" }, { "1 == 2 || 3 == 3", "true" },
	{ "true ? 1 : params.nope", "1" }, { "false ? 1 : true ? 2 : 3", "2" },
	{ "1 / 0", NULL, "division by 0" }, { "1 % 0", NULL, "division by 0" }, { "1 + 'a'", NULL, "calculated" },
	{ "-'a'", NULL, "negative" }, { "1 < null", NULL, "no order" }, { "1 in 2", NULL, "cannot be looked for" },
	/* functions */
	{ "len('h\xc3\xa9')", "2" }, { "len([1, 2])", "2" }, { "len(null)", "0" }, { "len(item)", "1" }, { "len(3)", NULL, "no length" },
	{ "contains('abc', 'bc')", "true" }, { "contains([1, 2], 3)", "false" },
	{ "starts_with('abc', 'ab')", "true" }, { "ends_with('abc', 'bc')", "true" }, { "ends_with('c', 'bc')", "false" },
	{ "lower('ABc')", "\"abc\"" }, { "upper('abC1')", "\"ABC1\"" }, { "trim('  a b\\n')", "\"a b\\\\n\"" }, { "trim(\" a\\n\")", "\"a\"" },
	{ "split('a,b,,c', ',')", "[\"a\",\"b\",\"\",\"c\"]" }, { "split('a,', ',')", "[\"a\",\"\"]" },
	{ "split('', ',')", "[]" }, { "split(' a  b ')", "[\"a\",\"b\"]" },
	{ "join(['a', 1, true], '-')", "\"a-1-true\"" }, { "join([])", "\"\"" },
	{ "replace('a.b.c', '.', '::')", "\"a::b::c\"" }, { "replace('a', '', 'b')", NULL, "empty text" },
	{ "format('{0} and {1}{{}}', 'x', 2)", "\"x and 2{}\"" }, { "format('{1}', 'x')", NULL, "no value for {1}" },
	{ "format('{', 'x')", NULL, "brace" },
	{ "json(nodes.a-b.outputs.json).k[0]", "true" }, { "json('{')", NULL, "JSON" },
	{ "to_json(params.list)", "\"[1,2,3]\"" }, { "number(' 12 ') + 1", "13" }, { "number(true)", "1" },
	{ "number('x')", NULL, "not a number" }, { "string(1.5)", "\"1.5\"" }, { "string(null)", "\"\"" },
	{ "range(3)", "[0,1,2]" }, { "range(0 - 1)", NULL, "whole number" }, { "range(20000)", NULL, "whole number" },
	{ "keys(item)", "[\"deep\"]" }, { "keys([1])", NULL, "argument 1 is a list" },
	{ "default(params.nope, 'z')", "\"z\"" }, { "default(params.none, 'z')", "\"z\"" }, { "default('', 1)", "1" },
	{ "default(false, 1)", "false" }, { "default(1, params.nope)", NULL, "there is no nope" },
	{ "matches('v1.2', '^v\\d')", "true" }, { "matches('x', '(')", NULL, "" },
	{ "basename('/a/b.c')", "\"b.c\"" }, { "basename('a/')", "\"a\"" }, { "basename('/')", "\"/\"" },
	{ "success()", "false" }, { "failure()", "true" }, { "always()", "true" }, { "canceled()", "false" },
	/* what does not parse */
	{ "", NULL, "the expression ends where a value is expected" }, { "1 +", NULL, "the expression ends where" },
	{ "a b", NULL, "an operator or the end" }, { "(1", NULL, "')'" }, { "'abc", NULL, "does not end" },
	{ "\"abc", NULL, "does not end" }, { "\"\\x\"", NULL, "as in JSON" }, { "1x", NULL, "not a number" },
	{ "01", NULL, "not a number" }, { "a = b", NULL, "write '=='" }, { "a & b", NULL, "write '&&'" }, { "#", NULL, "means nothing" },
	{ "splt('a')", NULL, "did you mean 'split'?" }, { "len()", NULL, "is called as len(" }, { "a.", NULL, "a name" },
	{ "true ? 1", NULL, "':'" }, { "[1 2]", NULL, "','" }, { "\xff", NULL, "UTF-8" },
};
static const struct { const char *text, *result, *value; } templates[] = {
	{ "plain", "plain", "\"plain\"" }, { "", "", "\"\"" },
	{ "hello ${{ params.name }}!", "hello Ada!", "\"hello Ada!\"" },
	{ "${{ params.count }}", "3", "3" }, { "${{params.list}}", "[1,2,3]", "[1,2,3]" },
	{ "${{ params.count }} ", "3 ", "\"3 \"" }, { "${{ params.none }}", "", "null" },
	{ "a${{ '}}' }}b", "a}}b", "\"a}}b\"" }, { "$${{ x }}", "${{ x }}", "\"${{ x }}\"" },
	{ "$ {{ }} ${x}", "$ {{ }} ${x}", "\"$ {{ }} ${x}\"" }, { "${{ 1 }}${{ 'x' }}", "1x", "\"1x\"" },
};
/* clang-format on */

static struct expr_scope scope_of(struct json *v)
{
	return (struct expr_scope){ .get = world_get, .ctx = v, .any_failed = true };
}

static struct json *world_new(void)
{
	struct json *v = NULL;
	ck_assert_int_eq(json_parse(world, strlen(world), 4096, &v, NULL), ERR_OK);
	return v;
}

START_TEST(expressions)
{
	auto_json *v = world_new();
	struct expr_scope scope = scope_of(v);
	struct err err = { 0 };
	struct expr *e = NULL;
	auto_str out = STR_INIT;
	enum err_code code = expr_new(rows[_i].text, strlen(rows[_i].text), &e, NULL, &err);
	if (!code)
		code = expr_eval(e, &scope, &out, &err);
	expr_free(e);
	if (rows[_i].result) {
		ck_assert_msg(code == ERR_OK, "%s: %s", rows[_i].text, err.message);
		ck_assert_str_eq(str_text(&out), rows[_i].result);
		return;
	}
	ck_assert_msg(code != ERR_OK, "%s gave %s", rows[_i].text, str_text(&out));
	ck_assert_msg(strstr(err.message, rows[_i].error), "%s: %s", rows[_i].text, err.message);
}
END_TEST

START_TEST(texts_with_expressions)
{
	auto_json *v = world_new();
	struct expr_scope scope = scope_of(v);
	struct err err = { 0 };
	struct tmpl *t = NULL;
	const char *in = templates[_i].text;
	ck_assert_msg(tmpl_new(in, strlen(in), &t, NULL, &err) == ERR_OK, "%s", err.message);
	auto_str text = STR_INIT, value = STR_INIT;
	ck_assert_int_eq(tmpl_text(t, &scope, &text, &err), ERR_OK);
	ck_assert_int_eq(tmpl_value(t, &scope, &value, &err), ERR_OK);
	ck_assert_str_eq(str_text(&text), templates[_i].result);
	ck_assert_str_eq(str_text(&value), templates[_i].value);
	ck_assert_int_eq(tmpl_is_constant(t), tmpl_literal(t) != NULL);
	tmpl_free(t);
}
END_TEST

START_TEST(lists_maps_and_constants)
{
	auto_json *v = world_new();
	struct expr_scope scope = scope_of(v);
	struct tmpl **items = xcalloc(2, sizeof(*items));
	char **keys = xcalloc(2, sizeof(*keys));
	items[0] = tmpl_const("\"q\\\"\"");
	ck_assert_int_eq(tmpl_new("${{ params.count + 1 }}", 23, &items[1], NULL, NULL), ERR_OK);
	keys[0] = xstrdup("a");
	keys[1] = xstrdup("b");
	auto_str text = STR_INIT, out = STR_INIT;
	ck_assert_int_eq(tmpl_text(items[0], &scope, &text, NULL), ERR_OK);
	ck_assert_str_eq(str_text(&text), "q\"");
	struct tmpl *map = tmpl_map(keys, items, 2);
	ck_assert(!tmpl_is_constant(map));
	ck_assert_int_eq(tmpl_value(map, &scope, &out, NULL), ERR_OK);
	ck_assert_str_eq(str_text(&out), "{\"a\":\"q\\\"\",\"b\":4}");
	tmpl_free(map);
}
END_TEST

static void collect(void *ctx, const char *const *path, size_t npath, size_t at)
{
	struct str *s = ctx;
	str_addf(s, "%zu:", at);
	for (size_t i = 0; i < npath; i++)
		str_addf(s, "%s%s", i ? "/" : "", path[i]);
	str_add_char(s, ' ');
}

START_TEST(names_are_listed_with_their_place)
{
	struct tmpl *t = NULL;
	static const char text[] = "x ${{ params.a && nodes['b c'].outputs.d[item] }}";
	ck_assert_int_eq(tmpl_new(text, strlen(text), &t, NULL, NULL), ERR_OK);
	auto_str s = STR_INIT;
	tmpl_names(t, collect, &s);
	ck_assert_str_eq(str_text(&s), "6:params/a 18:nodes/b c/outputs/d 41:item ");
	tmpl_free(t);
}
END_TEST

START_TEST(truth_and_outcome)
{
	/* clang-format off */
	static const struct { const char *text; bool yes, asks; } tests[] = {
		{ "null", false, false }, { "0", false, false }, { "''", false, false }, { "[]", false, false },
		{ "'false'", true, false }, { "[0]", true, false }, { "failure() && 1", true, true },
		{ "success() || canceled()", false, true },
	};
	/* clang-format on */
	struct expr_scope scope = scope_of(NULL);
	for (size_t i = 0; i < COUNT(tests); i++) {
		struct expr *e = NULL;
		bool yes = !tests[i].yes;
		ck_assert_int_eq(expr_new(tests[i].text, strlen(tests[i].text), &e, NULL, NULL), ERR_OK);
		ck_assert_int_eq(expr_test(e, &scope, &yes, NULL), ERR_OK);
		ck_assert_msg(yes == tests[i].yes, "%s", tests[i].text);
		ck_assert_int_eq(expr_asks_outcome(e), tests[i].asks);
		expr_free(e);
	}
}
END_TEST

/* `count` copies of `piece` between two ends: too deep, too long, too much. */
static enum err_code many(const char *before, const char *piece, size_t count, const char *after,
			  struct err *err)
{
	auto_str text = STR_INIT, out = STR_INIT;
	str_add(&text, before);
	for (size_t i = 0; i < count; i++)
		str_add(&text, piece);
	str_add(&text, after);
	struct expr *e = NULL;
	struct expr_scope scope = scope_of(NULL);
	enum err_code code = expr_new(str_text(&text), text.len, &e, NULL, err);
	if (!code)
		code = expr_eval(e, &scope, &out, err);
	expr_free(e);
	return code;
}

START_TEST(everything_is_bounded)
{
	struct err err;
	ck_assert_int_eq(many("", "(", 30, "1))))))))))))))))))))))))))))))", &err), ERR_OK);
	ck_assert_int_eq(many("", "(", 2000, "1", &err), ERR_INVALID);
	ck_assert(strstr(err.message, "deeper than"));
	ck_assert_int_eq(many("", "!", 2000, "1", &err), ERR_INVALID);
	ck_assert(strstr(err.message, "deeper than"));
	ck_assert_int_eq(many("1", "+1", 200, "", &err), ERR_OK);
	ck_assert_int_eq(many("1", "+1", 1000, "", &err), ERR_INVALID);
	ck_assert(strstr(err.message, "in a row"));
	ck_assert_int_eq(many("'", "x", 5000, "'", &err), ERR_INVALID);
	ck_assert(strstr(err.message, "longer than 4096"));
	/* Texts grow by replacing; none may grow without end. */
	ck_assert_int_eq(many("len(replace(replace(join(range(9999)), '1', '", "y", 3000, "'), 'y', 'zzzz'))",
			      &err), ERR_TOO_LARGE);
	ck_assert_int_eq(many("[0", ", range(9999)", 250, "]", &err), ERR_TOO_LARGE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model_expr");
	TCase *t = tcase_create("expr");
	tcase_add_loop_test(t, expressions, 0, (int)COUNT(rows));
	tcase_add_loop_test(t, texts_with_expressions, 0, (int)COUNT(templates));
	tcase_add_test(t, lists_maps_and_constants);
	tcase_add_test(t, names_are_listed_with_their_place);
	tcase_add_test(t, truth_and_outcome);
	tcase_add_test(t, everything_is_bounded);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
