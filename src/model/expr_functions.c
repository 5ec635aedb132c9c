/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expressions: the functions, and the table that names them. */
#include "model/expr_internal.h"
#include "base/regex.h"
#include "base/utf8.h"

#include <math.h>
#include <string.h>

#define RANGE_MAX 10000

/* Every function has this form; arguments are of the types that its row asks for. */
#define FUNCTION(name)                                                                             \
	static enum err_code name(struct eval *ev UNUSED, const struct val *args UNUSED,           \
				  size_t nargs UNUSED, struct val *ret, struct err *err UNUSED)

/* ---- lists and maps ---- */

FUNCTION(call_len)
{
	size_t n = args[0].n;
	if (args[0].type == JSON_STRING) { /* characters, not bytes */
		n = 0;
		for (size_t i = 0; i < args[0].n; n++) {
			size_t step = utf8_len(args[0].text + i, args[0].n - i);
			i += step ? step : 1;
		}
	} else if (args[0].type == JSON_NUMBER || args[0].type == JSON_BOOL) {
		return err_set(err, ERR_INVALID, _("%s has no length"), val_type_name(&args[0]));
	}
	*ret = val_number((double)n);
	return ERR_OK;
}

FUNCTION(call_contains)
{
	bool found = false;
	if (args[0].type == JSON_STRING) {
		auto_str text = STR_INIT;
		val_add_text(&text, &args[1]);
		found = strstr(args[0].text, str_text(&text)) != NULL;
	} else {
		for (size_t i = 0; i < args[0].n && !found; i++)
			found = val_equal(&args[0].items[i], &args[1]);
	}
	*ret = val_bool(found);
	return ERR_OK;
}

FUNCTION(call_range)
{
	double n = args[0].number;
	if (n < 0 || n > RANGE_MAX || n < floor(n) || n > floor(n))
		return err_set(err, ERR_INVALID, _("range() takes a whole number from 0 to %d"), RANGE_MAX);
	*ret = (struct val){ .type = JSON_ARRAY, .n = (size_t)n };
	ret->items = arena_alloc(&ev->arena, ret->n * sizeof(*ret->items));
	for (size_t i = 0; i < ret->n; i++)
		ret->items[i] = val_number((double)i);
	return ERR_OK;
}

FUNCTION(call_keys)
{
	*ret = (struct val){ .type = JSON_ARRAY, .n = args[0].n };
	ret->items = arena_alloc(&ev->arena, ret->n * sizeof(*ret->items));
	for (size_t i = 0; i < ret->n; i++)
		ret->items[i] = val_text(args[0].keys[i], strlen(args[0].keys[i]));
	return ERR_OK;
}

FUNCTION(call_default)
{
	bool empty = args[0].type == JSON_NULL || (args[0].type == JSON_STRING && !args[0].n);
	*ret = args[empty ? 1 : 0];
	return ERR_OK;
}

/* ---- texts ---- */

FUNCTION(call_starts_with)
{
	*ret = val_bool(str_starts(args[0].text, args[1].text));
	return ERR_OK;
}

FUNCTION(call_ends_with)
{
	*ret = val_bool(args[0].n >= args[1].n &&
			str_eq(args[0].text + args[0].n - args[1].n, args[1].text));
	return ERR_OK;
}

/* The letters of ASCII; what a letter is elsewhere depends on the language. */
static enum err_code change_case(struct eval *ev, const struct val *v, char first, char last,
				 struct val *ret)
{
	char *copy = arena_text(&ev->arena, v->text, v->n);
	for (size_t i = 0; i < v->n; i++)
		if (copy[i] >= first && copy[i] <= last)
			copy[i] = (char)(copy[i] ^ 32);
	*ret = val_text(copy, v->n);
	return ERR_OK;
}

FUNCTION(call_lower)
{
	return change_case(ev, &args[0], 'A', 'Z', ret);
}

FUNCTION(call_upper)
{
	return change_case(ev, &args[0], 'a', 'z', ret);
}

static struct val trimmed(struct eval *ev, const char *text, size_t len)
{
	static const char blanks[] = " \t\r\n";
	while (len && strchr(blanks, *text))
		text++, len--;
	while (len && strchr(blanks, text[len - 1]))
		len--;
	return val_text(arena_text(&ev->arena, text, len), len);
}

FUNCTION(call_trim)
{
	*ret = trimmed(ev, args[0].text, args[0].n);
	return ERR_OK;
}

/* The empty text splits into no parts; without a separator, at blanks, empty parts left out. */
FUNCTION(call_split)
{
	const char *sep = nargs > 1 ? args[1].text : "";
	size_t n = 0, cap = 0;
	struct val *items = NULL;
	const char *p = args[0].text;
	while (*p) {
		size_t len, step;
		if (*sep) {
			const char *end = strstr(p, sep);
			len = end ? (size_t)(end - p) : strlen(p);
			step = end ? len + strlen(sep) : len;
		} else {
			p += strspn(p, " \t\r\n");
			step = len = strcspn(p, " \t\r\n");
			if (!len)
				break;
		}
		GROW(items, n, cap);
		items[n++] = val_text(arena_text(&ev->arena, p, len), len);
		p += step;
		if (*sep && step > len && !*p) { /* it ends with a separator */
			GROW(items, n, cap);
			items[n++] = val_text("", 0);
		}
	}
	*ret = (struct val){ .type = JSON_ARRAY, .n = n };
	ret->items = arena_alloc(&ev->arena, n * sizeof(*items));
	if (n)
		memcpy(ret->items, items, n * sizeof(*items));
	free(items);
	return ERR_OK;
}

FUNCTION(call_join)
{
	auto_str text = STR_INIT;
	for (size_t i = 0; i < args[0].n && text.len <= EXPR_RESULT_MAX; i++) {
		if (i)
			str_add(&text, nargs > 1 ? args[1].text : " ");
		val_add_text(&text, &args[0].items[i]);
	}
	return eval_text(ev, &text, ret, err);
}

FUNCTION(call_replace)
{
	if (!args[1].n)
		return err_set(err, ERR_INVALID, _("replace() cannot look for an empty text"));
	auto_str text = STR_INIT;
	const char *p = args[0].text;
	for (const char *hit; (hit = strstr(p, args[1].text)) && text.len <= EXPR_RESULT_MAX;
	     p = hit + args[1].n) {
		str_add_len(&text, p, (size_t)(hit - p));
		str_add_len(&text, args[2].text, args[2].n);
	}
	str_add(&text, p);
	return eval_text(ev, &text, ret, err);
}

/* {0} is the first value; {{ and }} stand for { and }. */
FUNCTION(call_format)
{
	auto_str text = STR_INIT;
	for (const char *p = args[0].text; *p && text.len <= EXPR_RESULT_MAX; p++) {
		if ((*p == '{' || *p == '}') && p[1] == *p) {
			str_add_char(&text, *p++);
			continue;
		}
		if (*p != '{' && *p != '}') {
			str_add_char(&text, *p);
			continue;
		}
		size_t which = 0, digits = 0;
		while (*p == '{' && p[1 + digits] >= '0' && p[1 + digits] <= '9' && digits < 3)
			which = which * 10 + (size_t)(p[1 + digits++] - '0');
		if (!digits || p[1 + digits] != '}')
			return err_set(err, ERR_INVALID,
				       _("format() takes {0}, {1} …; a brace by itself is written {{ or }}"));
		if (which + 1 >= nargs)
			return err_set(err, ERR_INVALID, _("format() has no value for {%zu}"), which);
		val_add_text(&text, &args[which + 1]);
		p += digits + 1;
	}
	return eval_text(ev, &text, ret, err);
}

FUNCTION(call_matches)
{
	auto_regex *re = NULL;
	enum err_code code = regex_new(args[1].text, 0, &re, err);
	if (code)
		return ERR_INVALID;
	size_t start, end;
	bool limited = false;
	*ret = val_bool(regex_find(re, args[0].text, args[0].n, 0, &start, &end, &limited));
	if (limited)
		return err_set(err, ERR_INVALID, _("matches() takes too long; write a simpler pattern"));
	return ERR_OK;
}

FUNCTION(call_basename)
{
	size_t end = args[0].n;
	while (end > 1 && args[0].text[end - 1] == '/')
		end--;
	size_t start = end;
	while (start > 0 && args[0].text[start - 1] != '/')
		start--;
	if (start == end && end == 1)
		start = 0; /* "/" is its own name */
	*ret = val_text(arena_text(&ev->arena, args[0].text + start, end - start), end - start);
	return ERR_OK;
}

/* ---- from one type to another ---- */

FUNCTION(call_json)
{
	auto_json *v = NULL;
	enum err_code code = json_parse(args[0].text, args[0].n, EXPR_RESULT_MAX, &v, err);
	if (code)
		return ERR_INVALID;
	*ret = val_from_json(&ev->arena, v);
	return ERR_OK;
}

FUNCTION(call_to_json)
{
	auto_str text = STR_INIT;
	val_add_json(&text, &args[0]);
	return eval_text(ev, &text, ret, err);
}

FUNCTION(call_number)
{
	double number = args[0].number;
	struct val plain = args[0];
	if (plain.type == JSON_STRING)
		plain = trimmed(ev, plain.text, plain.n);
	if (plain.type == JSON_BOOL)
		number = plain.yes ? 1 : 0;
	else if (plain.type != JSON_NUMBER &&
		 (plain.type != JSON_STRING || !val_number_of(plain.text, plain.n, &number)))
		return err_set(err, ERR_INVALID, _("number() was given what is not a number"));
	*ret = val_number(number);
	return ERR_OK;
}

FUNCTION(call_string)
{
	auto_str text = STR_INIT;
	val_add_text(&text, &args[0]);
	return eval_text(ev, &text, ret, err);
}

/* ---- what happened so far ---- */

FUNCTION(call_success)
{
	*ret = val_bool(!ev->scope->any_failed && !ev->scope->canceled);
	return ERR_OK;
}

FUNCTION(call_failure)
{
	*ret = val_bool(ev->scope->any_failed);
	return ERR_OK;
}

FUNCTION(call_always)
{
	*ret = val_bool(true);
	return ERR_OK;
}

FUNCTION(call_canceled)
{
	*ret = val_bool(ev->scope->canceled);
	return ERR_OK;
}

/* clang-format off */
static const struct expr_function functions[] = {
	{ "always", "always()", 0, 0, "", call_always, .outcome = true },
	{ "basename", "basename(path)", 1, 1, "t", call_basename },
	{ "canceled", "canceled()", 0, 0, "", call_canceled, .outcome = true },
	{ "contains", "contains(list or text, what)", 2, 2, "cx", call_contains },
	{ "default", "default(value, otherwise)", 2, 2, "x", call_default, .lazy = true },
	{ "ends_with", "ends_with(text, end)", 2, 2, "t", call_ends_with },
	{ "failure", "failure()", 0, 0, "", call_failure, .outcome = true },
	{ "format", "format('…{0}…', value, …)", 1, EXPR_ARGS_MAX, "tx", call_format },
	{ "join", "join(list, separator)", 1, 2, "lt", call_join },
	{ "json", "json(text)", 1, 1, "t", call_json },
	{ "keys", "keys(map)", 1, 1, "o", call_keys },
	{ "len", "len(list, map or text)", 1, 1, "x", call_len },
	{ "lower", "lower(text)", 1, 1, "t", call_lower },
	{ "matches", "matches(text, pattern)", 2, 2, "t", call_matches },
	{ "number", "number(text)", 1, 1, "x", call_number },
	{ "range", "range(count)", 1, 1, "n", call_range },
	{ "replace", "replace(text, what, by)", 3, 3, "t", call_replace },
	{ "split", "split(text, separator)", 1, 2, "t", call_split },
	{ "starts_with", "starts_with(text, beginning)", 2, 2, "t", call_starts_with },
	{ "string", "string(value)", 1, 1, "x", call_string },
	{ "success", "success()", 0, 0, "", call_success, .outcome = true },
	{ "to_json", "to_json(value)", 1, 1, "x", call_to_json },
	{ "trim", "trim(text)", 1, 1, "t", call_trim },
	{ "upper", "upper(text)", 1, 1, "t", call_upper },
};
/* clang-format on */

const struct expr_function *expr_function_find(const char *name)
{
	for (size_t i = 0; i < COUNT(functions); i++)
		if (str_eq(functions[i].name, name))
			return &functions[i];
	return NULL;
}

const struct expr_function *expr_functions(size_t *ret_n)
{
	*ret_n = COUNT(functions);
	return functions;
}

const char *expr_function_name(size_t i)
{
	return i < COUNT(functions) ? functions[i].name : NULL;
}

const char *expr_function_usage(size_t i)
{
	return i < COUNT(functions) ? functions[i].usage : NULL;
}
