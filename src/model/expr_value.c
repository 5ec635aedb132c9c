/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expressions: the values that they are about. */
#include "model/expr_internal.h"

#include <math.h>
#include <string.h>

static size_t count_of(const struct json *v)
{
	return json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT ? json_count(v) : 0;
}

struct val val_from_json(struct arena *arena, const struct json *v)
{
	struct val val = { .type = json_type(v), .n = count_of(v) };
	const char *text = json_str(v, "");
	size_t i = 0;
	switch (val.type) {
	case JSON_NULL:
		break;
	case JSON_BOOL:
		val.yes = json_bool(v, false);
		break;
	case JSON_NUMBER:
		val.number = json_num(v, 0);
		break;
	case JSON_STRING:
		val.n = strlen(text);
		val.text = arena_text(arena, text, val.n);
		break;
	case JSON_OBJECT:
		val.keys = arena_alloc(arena, val.n * sizeof(*val.keys));
		for (const struct json *e = json_first(v); e; e = json_next(e))
			val.keys[i++] = arena_text(arena, json_key(e), strlen(json_key(e)));
		i = 0;
		/* fall through: the values of an object are a list, too */
		__attribute__((fallthrough));
	case JSON_ARRAY:
		val.items = arena_alloc(arena, val.n * sizeof(*val.items));
		for (const struct json *e = json_first(v); e; e = json_next(e))
			val.items[i++] = val_from_json(arena, e);
		break;
	}
	return val;
}

static void add_value(struct jw *w, const char *key, const struct val *v)
{
	switch (v->type) {
	case JSON_NULL:
		jw_null(w, key);
		break;
	case JSON_BOOL:
		jw_bool(w, key, v->yes);
		break;
	case JSON_NUMBER:
		jw_num(w, key, v->number);
		break;
	case JSON_STRING:
		jw_strn(w, key, v->text, v->n);
		break;
	case JSON_ARRAY:
		jw_arr(w, key);
		for (size_t i = 0; i < v->n; i++)
			add_value(w, NULL, &v->items[i]);
		jw_end_arr(w);
		break;
	case JSON_OBJECT:
		jw_obj(w, key);
		for (size_t i = 0; i < v->n; i++)
			add_value(w, v->keys[i], &v->items[i]);
		jw_end_obj(w);
		break;
	}
}

void val_add_json(struct str *out, const struct val *v)
{
	struct jw w = jw_begin(out);
	add_value(&w, NULL, v);
}

void val_add_text(struct str *out, const struct val *v)
{
	if (v->type == JSON_STRING)
		str_add_len(out, v->text, v->n);
	else if (v->type != JSON_NULL)
		val_add_json(out, v);
}

bool val_truth(const struct val *v)
{
	switch (v->type) {
	case JSON_NULL:
		return false;
	case JSON_BOOL:
		return v->yes;
	case JSON_NUMBER:
		return fpclassify(v->number) != FP_ZERO;
	case JSON_STRING:
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return v->n > 0;
}

static bool numbers_equal(double a, double b)
{
	return a <= b && a >= b;
}

static bool items_equal(const struct val *a, const struct val *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (a->type == JSON_OBJECT && !str_eq(a->keys[i], b->keys[i]))
			return false;
		if (!val_equal(&a->items[i], &b->items[i]))
			return false;
	}
	return true;
}

bool val_equal(const struct val *a, const struct val *b)
{
	double number;
	if (a->type == JSON_STRING && b->type == JSON_NUMBER)
		return val_number_of(a->text, a->n, &number) && numbers_equal(number, b->number);
	if (a->type == JSON_NUMBER && b->type == JSON_STRING)
		return val_equal(b, a);
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return a->yes == b->yes;
	case JSON_NUMBER:
		return numbers_equal(a->number, b->number);
	case JSON_STRING:
		return a->n == b->n && memcmp(a->text, b->text, a->n) == 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return items_equal(a, b);
}

const char *val_type_name(const struct val *v)
{
	/* clang-format off */
	static const char *const names[] = {
		[JSON_NULL] = N_("nothing (null)"), [JSON_BOOL] = N_("true or false"),
		[JSON_NUMBER] = N_("a number"), [JSON_STRING] = N_("a text"), [JSON_ARRAY] = N_("a list"),
		[JSON_OBJECT] = N_("a map"),
	};
	/* clang-format on */
	return _(names[v->type]);
}
