/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keywords of JSON Schema that are understood: one row each, with how a schema's use of it is verified
 * and how a value is checked. Follows draft 2020-12 (json-schema.org/draft/2020-12, Core and Validation). */
#include "model/schema.h"
#include "base/regex.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 200     /* schemas within schemas; a reference to itself ends here, too */
#define WORK_MAX 1000000  /* schemas applied to one value */
#define PATH_MAX_SHOWN 512
#define TEXT_SHOWN 60

/* One checking: where it is in the value, and what it found. */
struct judge {
	const struct json *root; /* the schema, for $ref */
	struct str path;
	struct str *problems;    /* NULL: only the answer counts */
	size_t nproblems;
	int depth;
	long work;
};

struct keyword {
	const char *name;
	/* `k` is the keyword's value, `s` the schema around it. NULL: any value is good, nothing is checked. */
	enum err_code (*verify)(const struct json *k, const char *name, struct err *err);
	bool (*check)(struct judge *j, const struct json *s, const struct json *k, const struct json *v);
};

static bool fits(struct judge *j, const struct json *s, const struct json *v);

/* ---- problems ---- */

static PRINTF_LIKE(2, 3) bool bad(struct judge *j, const char *fmt, ...)
{
	if (!j->problems || j->nproblems++ >= SCHEMA_PROBLEMS)
		return false;
	size_t len = utf8_floor(j->path.p, MIN(j->path.len, (size_t)PATH_MAX_SHOWN));
	text_add_safe(j->problems, j->path.p, len, SAFE_PLAIN, false);
	str_add(j->problems, ": ");
	auto_str text = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	text_add_safe(j->problems, text.p, text.len, SAFE_PLAIN, false);
	str_add_char(j->problems, '\n');
	return false;
}

/* A value as people read it in a sentence; yours. */
static char *shown(const struct json *v)
{
	auto_str s = STR_INIT;
	json_add(&s, v);
	if (s.len > TEXT_SHOWN) {
		str_cut(&s, utf8_floor(s.p, TEXT_SHOWN));
		str_add(&s, "…");
	}
	return str_take(&s);
}

/* ---- values ---- */

static bool same(double a, double b)
{
	return !(a < b) && !(a > b);
}

static bool is_whole(const struct json *v)
{
	double d = json_num(v, 0.5);
	return same(d, floor(d));
}

static bool object_equal(const struct json *a, const struct json *b)
{
	if (json_count(a) != json_count(b))
		return false;
	for (const struct json *e = json_first(a); e; e = json_next(e)) {
		const struct json *other = json_get(b, json_key(e));
		if (!other || !json_equal(e, other))
			return false;
	}
	return true;
}

static bool array_equal(const struct json *a, const struct json *b)
{
	const struct json *x = json_first(a), *y = json_first(b);
	for (; x && y; x = json_next(x), y = json_next(y))
		if (!json_equal(x, y))
			return false;
	return !x && !y;
}

bool json_equal(const struct json *a, const struct json *b)
{
	enum json_type type = json_type(a);
	if (type != json_type(b))
		return false;
	switch (type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return json_bool(a, false) == json_bool(b, false);
	case JSON_NUMBER:
		return same(json_num(a, 0), json_num(b, 0));
	case JSON_STRING:
		return str_eq(json_str(a, ""), json_str(b, ""));
	case JSON_ARRAY:
		return array_equal(a, b);
	case JSON_OBJECT:
		return object_equal(a, b);
	}
	return false;
}

/* The characters of a text, not its bytes. */
static size_t text_len(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* ---- what a schema may say ---- */

static const char *const type_names[] = { "null", "boolean", "number", "string", "array", "object", "integer" };

static const char *type_of(const struct json *v)
{
	return type_names[json_type(v)];
}

static enum err_code verify_schema(const struct json *s, int depth, struct err *err);

static enum err_code wrong(const char *name, const char *needs, struct err *err)
{
	return err_set(err, ERR_INVALID, _("\"%s\" in the schema needs %s"), name, needs);
}

static bool names_type(const struct json *k)
{
	for (size_t i = 0; i < COUNT(type_names); i++)
		if (str_eq(json_str(k, ""), type_names[i]))
			return true;
	return false;
}

static enum err_code verify_type(const struct json *k, const char *name, struct err *err)
{
	bool good = names_type(k);
	if (json_type(k) == JSON_ARRAY) {
		good = json_first(k) != NULL;
		for (const struct json *e = json_first(k); e; e = json_next(e))
			good = good && names_type(e);
	}
	return good ? ERR_OK :
		      wrong(name, _("one of null, boolean, integer, number, string, array, object, or a list of them"), err);
}

static enum err_code verify_list(const struct json *k, const char *name, struct err *err)
{
	return json_type(k) == JSON_ARRAY && json_first(k) ? ERR_OK : wrong(name, _("a list that is not empty"), err);
}

static enum err_code verify_names(const struct json *k, const char *name, struct err *err)
{
	bool good = json_type(k) == JSON_ARRAY;
	for (const struct json *e = json_first(k); e; e = json_next(e))
		good = good && json_type(e) == JSON_STRING;
	return good ? ERR_OK : wrong(name, _("a list of names"), err);
}

static enum err_code verify_number(const struct json *k, const char *name, struct err *err)
{
	return json_type(k) == JSON_NUMBER ? ERR_OK : wrong(name, _("a number"), err);
}

static enum err_code verify_positive(const struct json *k, const char *name, struct err *err)
{
	return json_num(k, 0) > 0 ? ERR_OK : wrong(name, _("a number above 0"), err);
}

static enum err_code verify_count(const struct json *k, const char *name, struct err *err)
{
	return json_int(k, -1) >= 0 ? ERR_OK : wrong(name, _("a whole number from 0 on"), err);
}

static enum err_code verify_flag(const struct json *k, const char *name, struct err *err)
{
	return json_type(k) == JSON_BOOL ? ERR_OK : wrong(name, _("true or false"), err);
}

static enum err_code verify_text(const struct json *k, const char *name, struct err *err)
{
	return json_type(k) == JSON_STRING ? ERR_OK : wrong(name, _("a text"), err);
}

static enum err_code verify_pattern_text(const char *pattern, const char *name, struct err *err)
{
	auto_regex *re = NULL;
	struct err why;
	if (regex_new(pattern, 0, &re, &why))
		return err_set(err, ERR_INVALID, _("\"%s\" in the schema: %s"), name, why.message);
	return ERR_OK;
}

static enum err_code verify_pattern(const struct json *k, const char *name, struct err *err)
{
	enum err_code code = verify_text(k, name, err);
	return code ? code : verify_pattern_text(json_str(k, ""), name, err);
}

/* Only references within the document are followed: "#", "#/$defs/name" and other pointers. */
static enum err_code verify_ref(const struct json *k, const char *name, struct err *err)
{
	return json_str(k, "")[0] == '#' ? ERR_OK :
					   wrong(name, _("a place in the same schema, such as #/$defs/name"), err);
}

/* These hold schemas; verify_schema() goes into them, with the depth that is known there. */
enum holds { HOLDS_NOTHING, HOLDS_SCHEMA, HOLDS_LIST, HOLDS_MAP };

/* ---- checks ---- */

static bool type_fits(const char *type, const struct json *v)
{
	if (str_eq(type, "integer"))
		return json_type(v) == JSON_NUMBER && is_whole(v);
	return str_eq(type, type_of(v));
}

static bool check_type(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	if (json_type(k) == JSON_STRING)
		return type_fits(json_str(k, ""), v) ? true :
						       bad(j, _("is of type %s; %s is asked for"), type_of(v),
							   json_str(k, ""));
	for (const struct json *e = json_first(k); e; e = json_next(e))
		if (type_fits(json_str(e, ""), v))
			return true;
	auto_free char *types = shown(k);
	return bad(j, _("is of type %s; one of %s is asked for"), type_of(v), types);
}

static bool check_enum(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	for (const struct json *e = json_first(k); e; e = json_next(e))
		if (json_equal(e, v))
			return true;
	auto_free char *is = shown(v), *list = shown(k);
	return bad(j, _("is %s, which is none of %s"), is, list);
}

static bool check_const(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	auto_free char *is = shown(v), *asked = shown(k);
	return json_equal(k, v) ? true : bad(j, _("is %s; %s is asked for"), is, asked);
}

/* A number against a limit. */
static bool check_limit(struct judge *j, double value, double limit, bool good, const char *fmt)
{
	if (good)
		return true;
	auto_str is = STR_INIT, at = STR_INIT;
	struct jw w = jw_begin(&is), l = jw_begin(&at);
	jw_num(&w, NULL, value);
	jw_num(&l, NULL, limit);
	/* The two texts are the arguments of every such sentence. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	auto_free char *text = xasprintf(fmt, is.p, at.p);
#pragma GCC diagnostic pop
	return bad(j, "%s", text);
}

#define NUMBER_CHECK(fn, good, text)                                                                       \
	static bool fn(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v) \
	{                                                                                                  \
		double value = json_num(v, 0), limit = json_num(k, 0);                                     \
		return json_type(v) != JSON_NUMBER || check_limit(j, value, limit, good, text);            \
	}
NUMBER_CHECK(check_minimum, value >= limit, _("is %s; at least %s is asked for"))
NUMBER_CHECK(check_maximum, value <= limit, _("is %s; at most %s is asked for"))
NUMBER_CHECK(check_above, value > limit, _("is %s; more than %s is asked for"))
NUMBER_CHECK(check_below, value < limit, _("is %s; less than %s is asked for"))

static bool check_multiple(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	double value = json_num(v, 0), unit = json_num(k, 1), times = value / unit;
	/* 0.3 / 0.1 is not quite 3 */
	bool good = fabs(times - round(times)) <= 1e-9 * fmax(1, fabs(times));
	return json_type(v) != JSON_NUMBER || check_limit(j, value, unit, good, _("is %s, which is no multiple of %s"));
}

#define COUNT_CHECK(fn, of, count, good, text)                                                             \
	static bool fn(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v) \
	{                                                                                                  \
		if (json_type(v) != (of))                                                                  \
			return true;                                                                       \
		int64_t n = (int64_t)(count), limit = json_int(k, 0);                                      \
		return check_limit(j, (double)n, (double)limit, good, text);                               \
	}
COUNT_CHECK(check_min_length, JSON_STRING, text_len(json_str(v, "")), n >= limit,
	    _("is a text of %s characters; at least %s are asked for"))
COUNT_CHECK(check_max_length, JSON_STRING, text_len(json_str(v, "")), n <= limit,
	    _("is a text of %s characters; at most %s are asked for"))
COUNT_CHECK(check_min_items, JSON_ARRAY, json_count(v), n >= limit, _("has %s items; at least %s are asked for"))
COUNT_CHECK(check_max_items, JSON_ARRAY, json_count(v), n <= limit, _("has %s items; at most %s are asked for"))
COUNT_CHECK(check_min_members, JSON_OBJECT, json_count(v), n >= limit,
	    _("has %s members; at least %s are asked for"))
COUNT_CHECK(check_max_members, JSON_OBJECT, json_count(v), n <= limit,
	    _("has %s members; at most %s are asked for"))

static bool matches(const char *pattern, const char *text)
{
	auto_regex *re = NULL;
	size_t start, end;
	return regex_new(pattern, 0, &re, NULL) == ERR_OK && regex_find(re, text, strlen(text), 0, &start, &end, NULL);
}

static bool check_pattern(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	if (json_type(v) != JSON_STRING || matches(json_str(k, ""), json_str(v, "")))
		return true;
	auto_free char *is = shown(v);
	return bad(j, _("is %s, which the pattern %s does not match"), is, json_str(k, ""));
}

static bool check_required(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	bool good = true;
	if (json_type(v) != JSON_OBJECT)
		return true;
	for (const struct json *e = json_first(k); e; e = json_next(e))
		if (!json_get(v, json_str(e, "")))
			good = bad(j, _("the member \"%s\" is missing"), json_str(e, ""));
	return good;
}

static bool check_unique(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	if (json_type(v) != JSON_ARRAY || !json_bool(k, false))
		return true;
	int at = 0;
	for (const struct json *a = json_first(v); a; a = json_next(a), at++) {
		int other = at + 1;
		for (const struct json *b = json_next(a); b; b = json_next(b), other++) {
			if (++j->work > WORK_MAX)
				return bad(j, _("has too many items to be compared"));
			if (json_equal(a, b))
				return bad(j, _("the items %d and %d are the same"), at, other);
		}
	}
	return true;
}

/* ---- checks that go deeper ---- */

static bool fits_at(struct judge *j, const struct json *s, const struct json *v, const char *name, size_t index)
{
	size_t len = j->path.len;
	if (name)
		str_addf(&j->path, ".%s", name);
	else
		str_addf(&j->path, "[%zu]", index);
	bool good = fits(j, s, v);
	str_cut(&j->path, len);
	return good;
}

static bool check_properties(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	bool good = true;
	if (json_type(v) != JSON_OBJECT)
		return true;
	for (const struct json *p = json_first(k); p; p = json_next(p)) {
		const struct json *member = json_get(v, json_key(p));
		if (member && !fits_at(j, p, member, json_key(p), 0))
			good = false;
	}
	return good;
}

static bool check_pattern_properties(struct judge *j, const struct json *s UNUSED, const struct json *k,
				     const struct json *v)
{
	bool good = true;
	if (json_type(v) != JSON_OBJECT)
		return true;
	for (const struct json *p = json_first(k); p; p = json_next(p))
		for (const struct json *e = json_first(v); e; e = json_next(e))
			if (matches(json_key(p), json_key(e)) && !fits_at(j, p, e, json_key(e), 0))
				good = false;
	return good;
}

static bool is_named(const struct json *s, const char *name)
{
	if (json_get(json_get(s, "properties"), name))
		return true;
	for (const struct json *p = json_first(json_get(s, "patternProperties")); p; p = json_next(p))
		if (matches(json_key(p), name))
			return true;
	return false;
}

static bool check_additional(struct judge *j, const struct json *s, const struct json *k, const struct json *v)
{
	bool good = true;
	if (json_type(v) != JSON_OBJECT)
		return true;
	for (const struct json *e = json_first(v); e; e = json_next(e)) {
		if (is_named(s, json_key(e)))
			continue;
		if (json_type(k) == JSON_BOOL && !json_bool(k, true))
			good = bad(j, _("has the member \"%s\", which is not asked for"), json_key(e));
		else if (!fits_at(j, k, e, json_key(e), 0))
			good = false;
	}
	return good;
}

static bool check_names(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	bool good = true;
	if (json_type(v) != JSON_OBJECT)
		return true;
	for (const struct json *e = json_first(v); e; e = json_next(e)) {
		auto_str text = STR_INIT;
		auto_json *name = NULL;
		json_add_quoted(&text, json_key(e), strlen(json_key(e)));
		if (json_parse(text.p, text.len, text.len, &name, NULL) == ERR_OK &&
		    !fits_at(j, k, name, json_key(e), 0))
			good = false;
	}
	return good;
}

static bool check_items(struct judge *j, const struct json *s, const struct json *k, const struct json *v)
{
	bool good = true;
	size_t at = 0, first = json_count(json_get(s, "prefixItems"));
	if (json_type(v) != JSON_ARRAY)
		return true;
	for (const struct json *e = json_first(v); e; e = json_next(e), at++)
		if (at >= first && !fits_at(j, k, e, NULL, at))
			good = false;
	return good;
}

static bool check_prefix(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	bool good = true;
	size_t at = 0;
	if (json_type(v) != JSON_ARRAY)
		return true;
	const struct json *e = json_first(v), *p = json_first(k);
	for (; e && p; e = json_next(e), p = json_next(p), at++)
		if (!fits_at(j, p, e, NULL, at))
			good = false;
	return good;
}

/* Whether it fits, without a word about it. */
static bool quietly(struct judge *j, const struct json *s, const struct json *v)
{
	struct str *problems = j->problems;
	j->problems = NULL;
	bool good = fits(j, s, v);
	j->problems = problems;
	return good;
}

static size_t count_fitting(struct judge *j, const struct json *list, const struct json *v)
{
	size_t n = 0;
	for (const struct json *s = json_first(list); s; s = json_next(s))
		n += quietly(j, s, v);
	return n;
}

static bool check_all(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	bool good = true;
	for (const struct json *e = json_first(k); e; e = json_next(e))
		if (!fits(j, e, v))
			good = false;
	return good;
}

static bool check_any(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	for (const struct json *e = json_first(k); e; e = json_next(e))
		if (quietly(j, e, v))
			return true;
	(void)bad(j, _("fits none of the %zu forms of anyOf; this is why not the first:"), json_count(k));
	(void)fits(j, json_first(k), v);
	return false;
}

static bool check_one(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	size_t n = count_fitting(j, k, v);
	if (n == 1)
		return true;
	if (n > 1)
		return bad(j, _("fits %zu forms of oneOf; exactly one is asked for"), n);
	(void)bad(j, _("fits none of the %zu forms of oneOf; this is why not the first:"), json_count(k));
	(void)fits(j, json_first(k), v);
	return false;
}

static bool check_not(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	auto_free char *is = shown(v);
	return quietly(j, k, v) ? bad(j, _("is %s, which is just what is excluded"), is) : true;
}

static bool check_if(struct judge *j, const struct json *s, const struct json *k, const struct json *v)
{
	const struct json *then = json_get(s, quietly(j, k, v) ? "then" : "else");
	return !then || fits(j, then, v);
}

/* RFC 6901, percent-decoding left out: a name in a schema seldom needs it. NULL when it leads nowhere. */
static const struct json *follow(const struct json *root, const char *ref)
{
	const struct json *v = root;
	const char *p = ref + 1;
	while (v && *p == '/') {
		auto_str name = STR_INIT;
		for (p++; *p && *p != '/'; p++) {
			bool escape = *p == '~' && (p[1] == '0' || p[1] == '1');
			str_add_char(&name, escape ? (p[1] == '0' ? '~' : '/') : *p);
			p += escape;
		}
		if (json_type(v) == JSON_ARRAY) {
			size_t index = strtoul(str_text(&name), NULL, 10);
			for (v = json_first(v); v && index; index--)
				v = json_next(v);
		} else {
			v = json_get(v, str_text(&name));
		}
	}
	return *p ? NULL : v;
}

static bool check_ref(struct judge *j, const struct json *s UNUSED, const struct json *k, const struct json *v)
{
	const struct json *to = follow(j->root, json_str(k, "#"));
	return to ? fits(j, to, v) : bad(j, _("the schema refers to %s, which is not there"), json_str(k, ""));
}

/* ---- the table ---- */

/* clang-format off */
static const struct {
	struct keyword row;
	enum holds holds;
} keywords[] = {
	{ { "$ref",                 verify_ref,      check_ref },                HOLDS_NOTHING },
	{ { "type",                 verify_type,     check_type },               HOLDS_NOTHING },
	{ { "enum",                 verify_list,     check_enum },               HOLDS_NOTHING },
	{ { "const",                NULL,            check_const },              HOLDS_NOTHING },
	{ { "required",             verify_names,    check_required },           HOLDS_NOTHING },
	{ { "properties",           NULL,            check_properties },         HOLDS_MAP },
	{ { "patternProperties",    NULL,            check_pattern_properties }, HOLDS_MAP },
	{ { "additionalProperties", NULL,            check_additional },         HOLDS_SCHEMA },
	{ { "propertyNames",        NULL,            check_names },              HOLDS_SCHEMA },
	{ { "minProperties",        verify_count,    check_min_members },        HOLDS_NOTHING },
	{ { "maxProperties",        verify_count,    check_max_members },        HOLDS_NOTHING },
	{ { "items",                NULL,            check_items },              HOLDS_SCHEMA },
	{ { "prefixItems",          verify_list,     check_prefix },             HOLDS_LIST },
	{ { "minItems",             verify_count,    check_min_items },          HOLDS_NOTHING },
	{ { "maxItems",             verify_count,    check_max_items },          HOLDS_NOTHING },
	{ { "uniqueItems",          verify_flag,     check_unique },             HOLDS_NOTHING },
	{ { "minimum",              verify_number,   check_minimum },            HOLDS_NOTHING },
	{ { "maximum",              verify_number,   check_maximum },            HOLDS_NOTHING },
	{ { "exclusiveMinimum",     verify_number,   check_above },              HOLDS_NOTHING },
	{ { "exclusiveMaximum",     verify_number,   check_below },              HOLDS_NOTHING },
	{ { "multipleOf",           verify_positive, check_multiple },           HOLDS_NOTHING },
	{ { "minLength",            verify_count,    check_min_length },         HOLDS_NOTHING },
	{ { "maxLength",            verify_count,    check_max_length },         HOLDS_NOTHING },
	{ { "pattern",              verify_pattern,  check_pattern },            HOLDS_NOTHING },
	{ { "allOf",                verify_list,     check_all },                HOLDS_LIST },
	{ { "anyOf",                verify_list,     check_any },                HOLDS_LIST },
	{ { "oneOf",                verify_list,     check_one },                HOLDS_LIST },
	{ { "not",                  NULL,            check_not },                HOLDS_SCHEMA },
	{ { "if",                   NULL,            check_if },                 HOLDS_SCHEMA },
	{ { "then",                 NULL,            NULL },                     HOLDS_SCHEMA }, /* by "if" */
	{ { "else",                 NULL,            NULL },                     HOLDS_SCHEMA },
	{ { "$defs",                NULL,            NULL },                     HOLDS_MAP },
	{ { "definitions",          NULL,            NULL },                     HOLDS_MAP },
};

/* These say something about a value, but do not restrict it. */
static const char *const notes[] = {
	"$schema", "$id", "$comment", "title", "description", "default", "deprecated", "readOnly", "writeOnly",
	"examples", "format", "contentEncoding", "contentMediaType",
};
/* clang-format on */

static bool is_note(const char *name)
{
	for (size_t i = 0; i < COUNT(notes); i++)
		if (str_eq(notes[i], name))
			return true;
	return str_starts(name, "x-");
}

static enum err_code verify_held(enum holds holds, const struct json *k, const char *name, int depth, struct err *err)
{
	enum err_code code = ERR_OK;
	if (holds == HOLDS_NOTHING)
		return ERR_OK;
	if (holds == HOLDS_SCHEMA)
		return verify_schema(k, depth, err);
	if (json_type(k) != (holds == HOLDS_MAP ? JSON_OBJECT : JSON_ARRAY))
		return wrong(name, holds == HOLDS_MAP ? _("a map of schemas") : _("a list of schemas"), err);
	for (const struct json *e = json_first(k); e && !code; e = json_next(e)) {
		if (str_eq(name, "patternProperties"))
			code = verify_pattern_text(json_key(e), name, err);
		if (!code)
			code = verify_schema(e, depth, err);
	}
	return code;
}

static enum err_code verify_keyword(const struct json *k, int depth, struct err *err)
{
	const char *name = json_key(k);
	for (size_t i = 0; i < COUNT(keywords); i++) {
		if (!str_eq(keywords[i].row.name, name))
			continue;
		enum err_code code = keywords[i].row.verify ? keywords[i].row.verify(k, name, err) : ERR_OK;
		return code ? code : verify_held(keywords[i].holds, k, name, depth + 1, err);
	}
	return is_note(name) ? ERR_OK :
			       err_set(err, ERR_INVALID,
				       _("\"%.60s\" in the schema is not a keyword that can be checked"), name);
}

static enum err_code verify_schema(const struct json *s, int depth, struct err *err)
{
	enum err_code code = ERR_OK;
	if (json_type(s) == JSON_BOOL)
		return ERR_OK;
	if (json_type(s) != JSON_OBJECT)
		return err_set(err, ERR_INVALID, _("a schema is a map, true or false; this is of type %s"), type_of(s));
	if (depth > DEPTH_MAX)
		return err_set(err, ERR_INVALID, _("the schema is nested more than %d deep"), DEPTH_MAX);
	for (const struct json *k = json_first(s); k && !code; k = json_next(k))
		code = verify_keyword(k, depth, err);
	return code;
}

/* Every reference leads somewhere. */
static enum err_code verify_refs(const struct json *root, const struct json *v, struct err *err)
{
	enum err_code code = ERR_OK;
	const struct json *ref = json_get(v, "$ref");
	if (json_type(v) != JSON_OBJECT && json_type(v) != JSON_ARRAY)
		return ERR_OK;
	if (json_type(ref) == JSON_STRING && json_str(ref, "")[0] == '#' && !follow(root, json_str(ref, "")))
		return err_set(err, ERR_INVALID, _("the schema refers to %.100s, which is not there"), json_str(ref, ""));
	for (const struct json *e = json_first(v); e && !code; e = json_next(e))
		code = verify_refs(root, e, err);
	return code;
}

enum err_code schema_verify(const struct json *schema, struct err *err)
{
	enum err_code code = verify_schema(schema, 0, err);
	return code ? code : verify_refs(schema, schema, err);
}

static bool fits(struct judge *j, const struct json *s, const struct json *v)
{
	bool good = true;
	if (json_type(s) == JSON_BOOL)
		return json_bool(s, true) ? true : bad(j, _("is not asked for"));
	if (j->depth >= DEPTH_MAX || ++j->work > WORK_MAX)
		return bad(j, _("cannot be checked: the schema refers to itself without end"));
	j->depth++;
	for (const struct json *k = json_first(s); k; k = json_next(k))
		for (size_t i = 0; i < COUNT(keywords); i++)
			if (keywords[i].row.check && str_eq(keywords[i].row.name, json_key(k)) &&
			    !keywords[i].row.check(j, s, k, v))
				good = false;
	j->depth--;
	return good;
}

bool schema_fits(const struct json *schema, const struct json *value, struct str *ret_problems)
{
	struct judge j = { .root = schema, .problems = ret_problems };
	str_add_char(&j.path, '$');
	bool good = fits(&j, schema, value);
	str_done(&j.path);
	return good;
}
