/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of routes: complete in itself, equal to data/openapi.json, and matched as it says. */
#include "api/route.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"

#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

START_TEST(rows_are_complete)
{
	const struct route *r = &routes[_i];
	ck_assert_msg(r->perm != PERM_UNSET, "%s %s: no permission", r->method, r->pattern);
	ck_assert_msg(r->handle && r->help && *r->help, "%s %s", r->method, r->pattern);
	bool post = str_eq(r->method, "POST");
	bool remove = str_eq(r->method, "DELETE");
	ck_assert_msg(post || remove || str_eq(r->method, "GET"), "%s", r->method);
	ck_assert_msg(post == (r->body_max > 0 || r->upload), "%s %s: body", r->method, r->pattern);
	ck_assert_msg((post && !r->upload) == (r->fields != NULL), "%s %s: fields", r->method, r->pattern);
	ck_assert_msg(!(post || remove) || r->perm > PERM_NONE, "%s %s: anybody may change something",
	              r->method, r->pattern);
	for (size_t i = 0; i < nroutes; i++)
		ck_assert_msg(i == (size_t)_i || !str_eq(routes[i].pattern, r->pattern) ||
		                  !str_eq(routes[i].method, r->method),
		              "%s %s twice", r->method, r->pattern);
}
END_TEST

/* Each route is found by its own pattern, its {…} filled. */
START_TEST(rows_are_found)
{
	const struct route *r = &routes[_i], *got = NULL;
	auto_str path = STR_INIT;
	size_t nargs = 0;
	for (const char *p = r->pattern; *p; p++) {
		if (*p != '{') {
			str_add_char(&path, *p);
			continue;
		}
		str_addf(&path, "x%zu%%2Fy", ++nargs);
		p = strchr(p, '}');
	}
	struct target t;
	auto_free char *allow = NULL;
	const char *args[ROUTE_ARGS_MAX] = { NULL };
	struct err err;
	ck_assert_int_eq(target_parse(str_text(&path), &t, &err), ERR_OK);
	ck_assert_int_eq(route_find(r->method, &t, &got, args, &allow, &err), ERR_OK);
	ck_assert_msg(got == r, "%s finds %s", str_text(&path), got->pattern);
	for (size_t i = 0; i < nargs; i++) {
		char want[16];
		(void)snprintf(want, sizeof(want), "x%zu/y", i + 1);
		ck_assert_str_eq(args[i], want);
	}
	target_done(&t);
}
END_TEST

static const struct {
	const char *method, *path;
	enum err_code code;
	const char *hint; /* part of it */
} misses[] = {
	{ "GET", "/v1/runz", ERR_NOT_FOUND, "/v1/runs" },
	{ "GET", "/v1/runs/r-1/node", ERR_NOT_FOUND, "/v1/runs/r-1/nodes" },
	{ "GET", "/", ERR_NOT_FOUND, "" },
	{ "GET", "/v1/runs/", ERR_NOT_FOUND, "" },
	{ "GET", "/v1/runs//nodes", ERR_NOT_FOUND, "" },
	{ "PUT", "/v1/orders", ERR_USAGE, "POST, GET, HEAD" },
	{ "POST", "/v1/runs", ERR_USAGE, "GET, HEAD" },
	{ "get", "/v1/runs", ERR_USAGE, "GET" },
};

START_TEST(misses_are_explained)
{
	struct target t;
	const struct route *got = NULL;
	const char *args[ROUTE_ARGS_MAX];
	auto_free char *allow = NULL;
	struct err err;
	ck_assert_int_eq(target_parse(misses[_i].path, &t, &err), ERR_OK);
	ck_assert_int_eq(route_find(misses[_i].method, &t, &got, args, &allow, &err),
	                 misses[_i].code);
	ck_assert_msg(strstr(err.hint, misses[_i].hint) != NULL, "%s: %s", misses[_i].path,
	              err.hint);
	ck_assert((allow != NULL) == (misses[_i].code == ERR_USAGE));
	target_done(&t);
}
END_TEST

START_TEST(head_is_as_get)
{
	struct target t;
	const struct route *got = NULL;
	const char *args[ROUTE_ARGS_MAX];
	auto_free char *allow = NULL;
	ck_assert_int_eq(target_parse("/health/live", &t, NULL), ERR_OK);
	ck_assert_int_eq(route_find("HEAD", &t, &got, args, &allow, NULL), ERR_OK);
	ck_assert_str_eq(got->method, "GET");
	target_done(&t);
}
END_TEST

/* ---- the OpenAPI document ---- */

static struct json *document;

static void load_document(void)
{
	const char *srcdir = getenv("srcdir");
	auto_free char *path = xasprintf("%s/data/openapi.json", srcdir ? srcdir : ".");
	auto_free char *text = NULL;
	size_t len = 0;
	struct err err = { .message = "" };
	ck_assert_msg(!fs_read(path, MIB, &text, &len, &err), "%s", err.message);
	ck_assert_msg(!json_parse(text, len, MIB, &document, &err), "%s", err.message);
}

static void drop_document(void)
{
	json_free(document);
	document = NULL;
}

static const struct json *operation(const struct route *r)
{
	char method[8];
	size_t n = strlen(r->method);
	for (size_t i = 0; i <= n; i++)
		method[i] = (char)tolower((unsigned char)r->method[i]);
	return json_get(json_get(json_get(document, "paths"), r->pattern), method);
}

/* Names of the query parameters in the document, separated by a space. */
static void query_of(const struct json *op, struct str *out)
{
	for (const struct json *p = json_first(json_get(op, "parameters")); p; p = json_next(p))
		if (str_eq(json_get_str(p, "in", ""), "query"))
			str_addf(out, "%s%s", out->len ? " " : "", json_get_str(p, "name", ""));
}

static void fields_of(const struct json *op, struct str *out)
{
	const struct json *content = json_get(json_get(op, "requestBody"), "content");
	const struct json *schema = json_get(json_get(content, "application/json"), "schema");
	for (const struct json *p = json_first(json_get(schema, "properties")); p; p = json_next(p))
		str_addf(out, "%s%s", out->len ? " " : "", json_key(p));
}

START_TEST(rows_are_documented)
{
	static const char *const permissions[] = { "unset", "none", "read", "operate", "admin" };
	const struct route *r = &routes[_i];
	const struct json *op = operation(r);
	ck_assert_msg(op != NULL, "%s %s is not in openapi.json", r->method, r->pattern);
	auto_str query = STR_INIT, fields = STR_INIT;
	query_of(op, &query);
	fields_of(op, &fields);
	ck_assert_str_eq(str_text(&query), r->query ? r->query : "");
	ck_assert_str_eq(str_text(&fields), r->fields ? r->fields : "");
	ck_assert_str_eq(json_get_str(op, "summary", ""), r->help);
	ck_assert_str_eq(json_get_str(op, "x-permission", ""), permissions[r->perm]);
}
END_TEST

START_TEST(documented_routes_exist)
{
	size_t n = 0;
	for (const struct json *p = json_first(json_get(document, "paths")); p; p = json_next(p))
		for (const struct json *m = json_first(p); m; m = json_next(m)) {
			bool found = false;
			for (size_t i = 0; i < nroutes; i++)
				found |= str_eq(routes[i].pattern, json_key(p)) &&
				         !strcasecmp(routes[i].method, json_key(m));
			ck_assert_msg(found, "%s %s is no route", json_key(m), json_key(p));
			n++;
		}
	ck_assert_uint_eq(n, nroutes);
}
END_TEST

/* ---- targets ---- */

static const struct {
	const char *raw;
	enum err_code code;
	const char *last, *query; /* last segment; value of "q" */
} targets[] = {
	{ "/a/b", ERR_OK, "b", NULL },
	{ "/a%2Fb?q=1%202", ERR_OK, "a/b", "1 2" },
	{ "/a?q=a+b%2Bc", ERR_OK, "a", "a+b+c" },
	{ "/a?q=", ERR_OK, "a", "" },
	{ "/a?q", ERR_OK, "a", "" },
	{ "/a?&q=x&", ERR_OK, "a", "x" },
	{ "/%C3%A4?q=%E2%82%AC", ERR_OK, "\xc3\xa4", "\xe2\x82\xac" },
	{ "/a?q=a=b", ERR_OK, "a", "a=b" },
	{ "a", ERR_USAGE, NULL, NULL },
	{ "", ERR_USAGE, NULL, NULL },
	{ "/%", ERR_USAGE, NULL, NULL },
	{ "/%4", ERR_USAGE, NULL, NULL },
	{ "/%4g", ERR_USAGE, NULL, NULL },
	{ "/%00", ERR_USAGE, NULL, NULL },
	{ "/%0a", ERR_USAGE, NULL, NULL },
	{ "/%7f", ERR_USAGE, NULL, NULL },
	{ "/%ff", ERR_USAGE, NULL, NULL },
	{ "/a?q=%c3", ERR_USAGE, NULL, NULL },
	{ "/a?q=1&q=2", ERR_USAGE, NULL, NULL },
	{ "/1/2/3/4/5/6/7/8/9/10/11/12/13", ERR_NOT_FOUND, NULL, NULL },
	{ "/a?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q&r&s&t&u&v&w&x&y", ERR_USAGE, NULL, NULL },
};

START_TEST(targets_are_taken_apart)
{
	struct target t;
	struct err err;
	enum err_code code = target_parse(targets[_i].raw, &t, &err);
	ck_assert_msg(code == targets[_i].code, "%s: %s", targets[_i].raw, err_name(code));
	if (!code) {
		ck_assert_str_eq(t.segments[t.nsegments - 1], targets[_i].last);
		const char *q = target_query(&t, "q");
		ck_assert((q != NULL) == (targets[_i].query != NULL));
		ck_assert(!q || str_eq(q, targets[_i].query));
	}
	target_done(&t);
}
END_TEST

START_TEST(long_targets_are_refused)
{
	auto_free char *raw = xmalloc(TARGET_MAX + 2);
	memset(raw, '/', TARGET_MAX + 1);
	raw[TARGET_MAX + 1] = '\0';
	struct target t;
	ck_assert_int_eq(target_parse(raw, &t, NULL), ERR_TOO_LARGE);
	target_done(&t);
}
END_TEST

START_TEST(words_are_checked)
{
	struct err err;
	ck_assert(route_allows("a bc d", "bc") && !route_allows("a bc d", "b") &&
	          !route_allows(NULL, "a") && !route_allows("a", ""));
	ck_assert_int_eq(route_check_word("state limit", "limit", "x", &err), ERR_OK);
	ck_assert_int_eq(route_check_word("state limit", "limt", "query parameter", &err),
	                 ERR_USAGE);
	ck_assert_str_eq(err.message, "unknown query parameter limt");
	ck_assert_ptr_nonnull(strstr(err.hint, "did you mean limit?"));
	ck_assert_int_eq(route_check_word(NULL, "x", "member", &err), ERR_USAGE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("api_route");
	TCase *t = tcase_create("table");
	tcase_add_loop_test(t, rows_are_complete, 0, (int)nroutes);
	tcase_add_loop_test(t, rows_are_found, 0, (int)nroutes);
	tcase_add_loop_test(t, misses_are_explained, 0, COUNT(misses));
	tcase_add_test(t, head_is_as_get);
	tcase_add_test(t, words_are_checked);
	suite_add_tcase(s, t);
	t = tcase_create("document");
	tcase_add_unchecked_fixture(t, load_document, drop_document);
	tcase_add_loop_test(t, rows_are_documented, 0, (int)nroutes);
	tcase_add_test(t, documented_routes_exist);
	suite_add_tcase(s, t);
	t = tcase_create("target");
	tcase_add_loop_test(t, targets_are_taken_apart, 0, COUNT(targets));
	tcase_add_test(t, long_targets_are_refused);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
