/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strict reading over cJSON: a pass over the bytes refuses what cJSON would quietly accept or change
 * (bad UTF-8, NUL, control bytes, leading zeros, depth), a walk refuses duplicate keys. */
#include "base/json.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#define DEPTH_MAX 64

static const cJSON *cj(const struct json *v)
{
	return (const cJSON *)(const void *)v;
}

static const struct json *js(const cJSON *v)
{
	return (const struct json *)(const void *)v;
}

/* ---- the pass before parsing ---- */

static enum err_code check_string(const char *text, size_t len, size_t *at, struct err *err)
{
	size_t i = *at + 1;
	for (; i < len && text[i] != '"'; i++) {
		if ((unsigned char)text[i] < 0x20)
			return err_set(err, ERR_USAGE, _("JSON, byte %zu: control byte in a string"), i);
		if (text[i] != '\\')
			continue;
		i++;
		if (i + 4 < len && memcmp(text + i, "u0000", 5) == 0)
			return err_set(err, ERR_USAGE, _("JSON, byte %zu: \\u0000 is not allowed"), i - 1);
	}
	if (i >= len)
		return err_set(err, ERR_USAGE, _("JSON, byte %zu: the string does not end"), *at);
	*at = i;
	return ERR_OK;
}

static bool number_ok(const char *p, const char *end, size_t *ret_len)
{
	const char *q = p;
	if (q < end && *q == '-')
		q++;
	if (q >= end || *q < '0' || *q > '9')
		return false;
	if (*q == '0' && q + 1 < end && q[1] >= '0' && q[1] <= '9')
		return false;
	while (q < end && *q >= '0' && *q <= '9')
		q++;
	if (q < end && *q == '.') {
		q++;
		if (q >= end || *q < '0' || *q > '9')
			return false;
		while (q < end && *q >= '0' && *q <= '9')
			q++;
	}
	if (q < end && (*q == 'e' || *q == 'E')) {
		q++;
		if (q < end && (*q == '+' || *q == '-'))
			q++;
		if (q >= end || *q < '0' || *q > '9')
			return false;
		while (q < end && *q >= '0' && *q <= '9')
			q++;
	}
	*ret_len = (size_t)(q - p);
	return true;
}

static enum err_code check_bytes(const char *text, size_t len, struct err *err)
{
	size_t bad;
	if (!utf8_valid(text, len, &bad))
		return err_set(err, ERR_USAGE, _("JSON, byte %zu: not valid UTF-8"), bad);
	int depth = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '"') {
			enum err_code code = check_string(text, len, &i, err);
			if (code)
				return code;
		} else if (c == '{' || c == '[') {
			if (++depth > DEPTH_MAX)
				return err_set(err, ERR_USAGE, _("JSON, byte %zu: nested deeper than %d"), i,
					       DEPTH_MAX);
		} else if (c == '}' || c == ']') {
			depth--;
		} else if (c == '-' || (c >= '0' && c <= '9')) {
			size_t n;
			if (!number_ok(text + i, text + len, &n))
				return err_set(err, ERR_USAGE, _("JSON, byte %zu: not a number"), i);
			i += n - 1;
		} else if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
			return err_set(err, ERR_USAGE, _("JSON, byte %zu: control byte"), i);
		}
	}
	return ERR_OK;
}

/* Small objects are compared pairwise; large ones (maps of values) through a sorted copy. */
static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *duplicate_key(const cJSON *obj)
{
	const char *small[16];
	const char **keys = small;
	size_t n = 0, cap = COUNT(small);
	const char *found = NULL;
	for (const cJSON *e = obj->child; e; e = e->next) {
		if (n == cap) {
			const char **more = xreallocarray(keys == small ? NULL : keys, cap * 2, sizeof(*keys));
			if (keys == small)
				memcpy(more, small, sizeof(small));
			keys = more;
			cap *= 2;
		}
		keys[n++] = e->string;
	}
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < n && !found; i++)
		if (str_eq(keys[i - 1], keys[i]))
			found = keys[i];
	if (keys != small)
		free(keys);
	return found;
}

static enum err_code check_tree(const cJSON *v, struct err *err)
{
	if (cJSON_IsObject(v) && v->child) {
		const char *twice = duplicate_key(v);
		if (twice)
			return err_set(err, ERR_USAGE, _("JSON: the key \"%.60s\" is given twice"), twice);
	}
	if (cJSON_IsNumber(v) && !isfinite(v->valuedouble))
		return err_set(err, ERR_USAGE, _("JSON: a number is too large"));
	for (const cJSON *e = v->child; e; e = e->next) {
		enum err_code code = check_tree(e, err);
		if (code)
			return code;
	}
	return ERR_OK;
}

enum err_code json_parse(const char *text, size_t len, size_t max, struct json **ret,
			 struct err *err)
{
	if (len > max)
		return err_set(err, ERR_TOO_LARGE, _("JSON of %zu bytes; the limit is %zu"), len, max);
	enum err_code code = check_bytes(text, len, err);
	if (code)
		return code;
	auto_free char *copy = xstrndup(text, len);
	const char *end = NULL;
	cJSON *v = cJSON_ParseWithLengthOpts(copy, len + 1, &end, 1);
	if (!v)
		return err_set(err, ERR_USAGE, _("JSON, byte %zu: not understood"),
			       end ? (size_t)(end - copy) : 0);
	code = check_tree(v, err);
	if (code) {
		cJSON_Delete(v);
		return code;
	}
	*ret = (struct json *)(void *)v;
	return ERR_OK;
}

void json_free(struct json *root)
{
	cJSON_Delete((cJSON *)(void *)root);
}

enum json_type json_type(const struct json *v)
{
	const cJSON *c = cj(v);
	if (cJSON_IsBool(c))
		return JSON_BOOL;
	if (cJSON_IsNumber(c))
		return JSON_NUMBER;
	if (cJSON_IsString(c))
		return JSON_STRING;
	if (cJSON_IsArray(c))
		return JSON_ARRAY;
	if (cJSON_IsObject(c))
		return JSON_OBJECT;
	return JSON_NULL;
}

const struct json *json_get(const struct json *v, const char *key)
{
	return v ? js(cJSON_GetObjectItemCaseSensitive(cj(v), key)) : NULL;
}

const char *json_str(const struct json *v, const char *fallback)
{
	return v && cJSON_IsString(cj(v)) ? cj(v)->valuestring : fallback;
}

double json_num(const struct json *v, double fallback)
{
	return v && cJSON_IsNumber(cj(v)) ? cj(v)->valuedouble : fallback;
}

int64_t json_int(const struct json *v, int64_t fallback)
{
	if (!v || !cJSON_IsNumber(cj(v)))
		return fallback;
	double d = cj(v)->valuedouble;
	if (d < -1e15 || d > 1e15)
		return fallback;
	int64_t i = (int64_t)d;
	return fabs((double)i - d) > 0 ? fallback : i;
}

bool json_bool(const struct json *v, bool fallback)
{
	return v && cJSON_IsBool(cj(v)) ? cJSON_IsTrue(cj(v)) : fallback;
}

const char *json_get_str(const struct json *v, const char *key, const char *fallback)
{
	return json_str(json_get(v, key), fallback);
}

int64_t json_get_int(const struct json *v, const char *key, int64_t fallback)
{
	return json_int(json_get(v, key), fallback);
}

bool json_get_bool(const struct json *v, const char *key, bool fallback)
{
	return json_bool(json_get(v, key), fallback);
}

size_t json_count(const struct json *v)
{
	return v ? (size_t)cJSON_GetArraySize(cj(v)) : 0;
}

const struct json *json_first(const struct json *v)
{
	return v ? js(cj(v)->child) : NULL;
}

const struct json *json_next(const struct json *e)
{
	return e ? js(cj(e)->next) : NULL;
}

const char *json_key(const struct json *e)
{
	return e ? cj(e)->string : NULL;
}

void json_add(struct str *s, const struct json *v)
{
	switch (json_type(v)) {
	case JSON_NULL:
		str_add(s, "null");
		break;
	case JSON_BOOL:
		str_add(s, json_bool(v, false) ? "true" : "false");
		break;
	case JSON_NUMBER: {
		struct jw w = jw_begin(s);
		jw_num(&w, NULL, json_num(v, 0));
		break;
	}
	case JSON_STRING:
		json_add_quoted(s, json_str(v, ""), strlen(json_str(v, "")));
		break;
	case JSON_ARRAY:
	case JSON_OBJECT: {
		bool obj = json_type(v) == JSON_OBJECT, first = true;
		str_add_char(s, obj ? '{' : '[');
		for (const struct json *e = json_first(v); e; e = json_next(e), first = false) {
			if (!first)
				str_add_char(s, ',');
			if (obj) {
				json_add_quoted(s, json_key(e), strlen(json_key(e)));
				str_add_char(s, ':');
			}
			json_add(s, e);
		}
		str_add_char(s, obj ? '}' : ']');
		break;
	}
	}
}
