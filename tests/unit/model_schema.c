/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON Schema: rows of a schema, a value, and what does not fit. */
#include "model/schema.h"

#include <check.h>
#include <string.h>

static struct json *parse(const char *text)
{
	struct json *v = NULL;
	struct err err = { 0 };
	ck_assert_msg(json_parse(text, strlen(text), MIB, &v, &err) == ERR_OK, "%s: %s", text, err.message);
	return v;
}

/* clang-format off */
static const struct { const char *schema, *value, *says; } rows[] = {
	{ "true", "17", NULL },
	{ "false", "17", "$: is not asked for\n" },
	{ "{}", "[null]", NULL },
	/* types */
	{ "{'type':'null'}", "null", NULL },
	{ "{'type':'boolean'}", "false", NULL },
	{ "{'type':'integer'}", "3", NULL },
	{ "{'type':'integer'}", "3.0", NULL },
	{ "{'type':'integer'}", "3.5", "$: is of type number; integer is asked for\n" },
	{ "{'type':'number'}", "3.5", NULL },
	{ "{'type':'string'}", "3", "$: is of type number; string is asked for\n" },
	{ "{'type':['string','null']}", "null", NULL },
	{ "{'type':['string','null']}", "[]", "$: is of type array; one of [\"string\",\"null\"] is asked for\n" },
	/* objects */
	{ "{'properties':{'a':{'type':'string'}},'required':['a','b']}", "{'a':'x','b':1}", NULL },
	{ "{'properties':{'a':{'type':'string'}},'required':['a','b']}", "{'a':7}",
	  "$.a: is of type number; string is asked for\n$: the member \"b\" is missing\n" },
	{ "{'required':['a']}", "'no object'", NULL },
	{ "{'properties':{'a':{}},'additionalProperties':false}", "{'a':1,'b':2}",
	  "$: has the member \"b\", which is not asked for\n" },
	{ "{'patternProperties':{'^x':{'type':'number'}},'additionalProperties':false}", "{'x1':1}", NULL },
	{ "{'patternProperties':{'^x':{'type':'number'}}}", "{'x1':'1'}", "$.x1: is of type string" },
	{ "{'additionalProperties':{'type':'number'}}", "{'a':1,'b':'2'}", "$.b: is of type string" },
	{ "{'propertyNames':{'pattern':'^[a-z]+$'}}", "{'ok':1,'NO':2}", "$.NO: is \"NO\", which the pattern" },
	{ "{'minProperties':1}", "{}", "$: has 0 members; at least 1 are asked for\n" },
	{ "{'maxProperties':1}", "{'a':1,'b':2}", "$: has 2 members; at most 1 are asked for\n" },
	/* lists */
	{ "{'items':{'type':'integer'}}", "[1,2,'3']", "$[2]: is of type string; integer is asked for\n" },
	{ "{'items':{'properties':{'name':{'minLength':2}}}}", "[{'name':'ab'},{'name':'c'}]",
	  "$[1].name: is a text of 1 characters; at least 2 are asked for\n" },
	{ "{'prefixItems':[{'type':'string'}],'items':{'type':'number'}}", "['a',1,2]", NULL },
	{ "{'prefixItems':[{'type':'string'}],'items':false}", "['a',1]", "$[1]: is not asked for\n" },
	{ "{'minItems':2,'maxItems':3}", "[1]", "$: has 1 items; at least 2 are asked for\n" },
	{ "{'maxItems':1}", "[1,2]", "$: has 2 items; at most 1 are asked for\n" },
	{ "{'uniqueItems':true}", "[1,{'a':1,'b':2},{'b':2,'a':1}]", "$: the items 1 and 2 are the same\n" },
	{ "{'uniqueItems':true}", "[1,'1',[1],true]", NULL },
	/* numbers and texts */
	{ "{'minimum':1,'maximum':5}", "5", NULL },
	{ "{'minimum':1,'maximum':5}", "0.5", "$: is 0.5; at least 1 is asked for\n" },
	{ "{'minimum':1,'maximum':5}", "6", "$: is 6; at most 5 is asked for\n" },
	{ "{'exclusiveMinimum':1}", "1", "more than 1" },
	{ "{'exclusiveMaximum':5}", "5", "less than 5" },
	{ "{'multipleOf':0.1}", "0.3", NULL },
	{ "{'multipleOf':2}", "3", "$: is 3, which is no multiple of 2\n" },
	{ "{'minLength':3,'maxLength':3}", "'äöü'", NULL },
	{ "{'maxLength':2}", "'äöü'", "3 characters" },
	{ "{'pattern':'^v[0-9]+$'}", "'v12'", NULL },
	{ "{'pattern':'[0-9]'}", "'a1b'", NULL },
	{ "{'pattern':'^v[0-9]+$'}", "'version'", "$: is \"version\", which the pattern ^v[0-9]+$ does not match\n" },
	{ "{'format':'date-time'}", "'not a date'", NULL },
	/* choices */
	{ "{'enum':['a',1,null]}", "null", NULL },
	{ "{'enum':['a',1,null]}", "'b'", "$: is \"b\", which is none of [\"a\",1,null]\n" },
	{ "{'enum':[{'a':[1,2]}]}", "{'a':[1,2]}", NULL },
	{ "{'const':{'a':1,'b':2}}", "{'b':2,'a':1}", NULL },
	{ "{'const':1}", "2", "$: is 2; 1 is asked for\n" },
	{ "{'anyOf':[{'type':'string'},{'minimum':10}]}", "12", NULL },
	{ "{'anyOf':[{'type':'string'},{'minimum':10}]}", "2",
	  "$: fits none of the 2 forms of anyOf; this is why not the first:\n$: is of type number" },
	{ "{'oneOf':[{'type':'number'},{'minimum':10}]}", "12", "$: fits 2 forms of oneOf; exactly one is asked for\n" },
	{ "{'oneOf':[{'type':'number'},{'minimum':10}]}", "2", NULL },
	{ "{'oneOf':[{'type':'string'},{'type':'null'}]}", "2", "none of the 2 forms of oneOf" },
	{ "{'allOf':[{'minimum':1},{'maximum':3}]}", "4", "at most 3" },
	{ "{'not':{'type':'string'}}", "'x'", "$: is \"x\", which is just what is excluded\n" },
	{ "{'if':{'type':'string'},'then':{'minLength':2},'else':{'minimum':2}}", "'a'", "at least 2" },
	{ "{'if':{'type':'string'},'then':{'minLength':2},'else':{'minimum':2}}", "1", "at least 2" },
	{ "{'if':{'type':'string'},'then':{'minLength':2}}", "1", NULL },
	/* references */
	{ "{'$ref':'#/$defs/n','$defs':{'n':{'type':'number'}}}", "'x'", "$: is of type string" },
	{ "{'$defs':{'a/b~c':{'type':'number'}},'items':{'$ref':'#/$defs/a~1b~0c'}}", "[1,'x']", "$[1]: is of type" },
	{ "{'properties':{'next':{'$ref':'#'},'v':{'type':'number'}}}", "{'next':{'next':{'v':'x'}}}", "$.next.next.v: " },
	{ "{'$ref':'#/anyOf/1','anyOf':[true,{'type':'null'}]}", "1", "null is asked for" },
	{ "{'$ref':'#'}", "1", "refers to itself without end" },
	{ "{'anyOf':[{'$ref':'#'},{'$ref':'#'}]}", "1", "without end" },
};

static const struct { const char *schema, *says; } refused[] = {
	{ "[]", "this is of type array" },
	{ "{'type':'text'}", "\"type\" in the schema needs one of null" },
	{ "{'type':[]}", "\"type\"" },
	{ "{'enum':[]}", "\"enum\" in the schema needs a list" },
	{ "{'required':'a'}", "\"required\" in the schema needs a list of names" },
	{ "{'properties':[]}", "\"properties\" in the schema needs a map of schemas" },
	{ "{'properties':{'a':3}}", "a schema is a map" },
	{ "{'anyOf':{}}", "\"anyOf\"" },
	{ "{'minLength':-1}", "\"minLength\" in the schema needs a whole number" },
	{ "{'minimum':'1'}", "\"minimum\" in the schema needs a number" },
	{ "{'multipleOf':0}", "\"multipleOf\"" },
	{ "{'pattern':'('}", "\"pattern\" in the schema: " },
	{ "{'patternProperties':{'(':{}}}", "\"patternProperties\" in the schema: " },
	{ "{'items':{'unevaluatedItems':false}}", "\"unevaluatedItems\" in the schema is not a keyword" },
	{ "{'minLenght':3}", "\"minLenght\"" },
	{ "{'$ref':'http://example.org/x'}", "a place in the same schema" },
	{ "{'items':{'$ref':'#/$defs/none'}}", "#/$defs/none, which is not there" },
};
/* clang-format on */

/* The rows write ' for ", which no row needs for itself. */
static struct json *parse_row(const char *text)
{
	auto_free char *copy = xstrdup(text);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	return parse(copy);
}

START_TEST(values)
{
	auto_json *schema = parse_row(rows[_i].schema), *value = parse_row(rows[_i].value);
	auto_str problems = STR_INIT;
	struct err err = { 0 };
	ck_assert_msg(schema_verify(schema, &err) == ERR_OK, "%s: %s", rows[_i].schema, err.message);
	bool good = schema_fits(schema, value, &problems);
	ck_assert_msg(good == !rows[_i].says, "%s %s: %s", rows[_i].schema, rows[_i].value, str_text(&problems));
	ck_assert_int_eq(good, schema_fits(schema, value, NULL));
	if (good)
		ck_assert_uint_eq(problems.len, 0);
	else
		ck_assert_msg(strstr(problems.p, rows[_i].says), "%s", problems.p);
}
END_TEST

START_TEST(what_cannot_be_checked_is_refused)
{
	auto_json *schema = parse_row(refused[_i].schema);
	struct err err = { 0 };
	ck_assert_int_eq(schema_verify(schema, &err), ERR_INVALID);
	ck_assert_msg(strstr(err.message, refused[_i].says), "%s", err.message);
}
END_TEST

START_TEST(problems_are_bounded)
{
	auto_str list = STR_INIT, problems = STR_INIT;
	str_add(&list, "[1");
	for (int i = 0; i < 1000; i++)
		str_add(&list, ",1");
	str_add(&list, "]");
	auto_json *schema = parse("{\"items\":{\"type\":\"string\"}}"), *value = parse(list.p);
	ck_assert(!schema_fits(schema, value, &problems));
	size_t lines = 0;
	for (const char *p = problems.p; *p; p++)
		lines += *p == '\n';
	ck_assert_uint_eq(lines, SCHEMA_PROBLEMS);
}
END_TEST

/* A value's own text does not reach the terminal as it is. */
START_TEST(problems_are_safe_to_show)
{
	auto_json *schema = parse("{\"const\":1}"), *value = parse("\"\\u001b[2J\\n\"");
	auto_str problems = STR_INIT;
	ck_assert(!schema_fits(schema, value, &problems));
	ck_assert_ptr_null(strchr(problems.p, 0x1b));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model_schema");
	TCase *t = tcase_create("schema");
	tcase_add_loop_test(t, values, 0, (int)COUNT(rows));
	tcase_add_loop_test(t, what_cannot_be_checked_is_refused, 0, (int)COUNT(refused));
	tcase_add_test(t, problems_are_bounded);
	tcase_add_test(t, problems_are_safe_to_show);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
