/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Query parameters and members of the body, with their types and limits checked. */
#include "api/api_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE_DEFAULT 100
#define PAGE_MAX 1000

const char *request_query(const struct request *r, const char *name, const char *fallback)
{
	const char *v = target_query(&r->target, name);
	return v && *v ? v : fallback;
}

enum err_code request_number(const struct request *r, const char *name, int64_t fallback,
                             int64_t min, int64_t max, int64_t *ret, struct err *err)
{
	const char *text = request_query(r, name, NULL);
	*ret = fallback;
	if (!text)
		return ERR_OK;
	char *end;
	errno = 0;
	int64_t v = strtoll(text, &end, 10);
	if (errno || *end || strchr(" \t\n+", *text))
		return err_set(err, ERR_USAGE, _("%s=%.40s is not a whole number"), name, text);
	if (v < min || v > max)
		return err_set(err, ERR_USAGE, _("%s=%.40s: allowed are %" PRId64 " to %" PRId64),
		               name, text, min, max);
	*ret = v;
	return ERR_OK;
}

enum err_code request_flag(const struct request *r, const char *name, bool *ret, struct err *err)
{
	int64_t v;
	enum err_code code = request_number(r, name, 0, 0, 1, &v, err);
	*ret = v != 0;
	return code;
}

enum err_code request_limit(const struct request *r, size_t *ret, struct err *err)
{
	int64_t v;
	enum err_code code = request_number(r, "limit", PAGE_DEFAULT, 1, PAGE_MAX, &v, err);
	*ret = (size_t)v;
	return code;
}

/* A cursor is a "c" and the key in hexadecimal; nobody outside has to know. */
enum err_code request_cursor(const struct request *r, int64_t *ret, struct err *err)
{
	const char *text = request_query(r, "after", NULL);
	*ret = 0;
	if (!text)
		return ERR_OK;
	char *end = NULL;
	errno = 0;
	if (text[0] == 'c' && strlen(text) <= 17 &&
	    strspn(text + 1, "0123456789abcdef") == strlen(text + 1))
		*ret = (int64_t)strtoll(text + 1, &end, 16);
	if (!end || *end || errno || *ret <= 0)
		return err_set(err, ERR_USAGE, _("after=%.40s is no cursor of this list"), text);
	return ERR_OK;
}

void jw_cursor(struct jw *w, int64_t key)
{
	char text[24];
	(void)snprintf(text, sizeof(text), "c%" PRIx64, (uint64_t)key);
	jw_str(w, "next", key > 0 ? text : NULL);
}

/* ---- the body ---- */

static enum err_code wrong(const char *name, const char *expected, struct err *err)
{
	return err_set(err, ERR_USAGE, _("%s: expected %s"), name, expected);
}

enum err_code body_text(const struct json *body, const char *name, const char **ret,
                        struct err *err)
{
	const struct json *v = json_get(body, name);
	*ret = NULL;
	if (json_type(v) == JSON_NULL)
		return ERR_OK;
	if (json_type(v) != JSON_STRING)
		return wrong(name, _("text"), err);
	*ret = json_str(v, NULL);
	return ERR_OK;
}

enum err_code body_number(const struct json *body, const char *name, int64_t fallback, int64_t min,
                          int64_t max, int64_t *ret, struct err *err)
{
	const struct json *v = json_get(body, name);
	*ret = fallback;
	if (json_type(v) == JSON_NULL)
		return ERR_OK;
	int64_t n = json_int(v, INT64_MIN);
	if (json_type(v) != JSON_NUMBER || n == INT64_MIN)
		return wrong(name, _("a whole number"), err);
	if (n < min || n > max)
		return err_set(err, ERR_USAGE,
		               _("%s: %" PRId64 ": allowed are %" PRId64 " to %" PRId64), name, n,
		               min, max);
	*ret = n;
	return ERR_OK;
}

enum err_code body_flag(const struct json *body, const char *name, bool *ret, struct err *err)
{
	const struct json *v = json_get(body, name);
	*ret = false;
	if (json_type(v) == JSON_NULL)
		return ERR_OK;
	if (json_type(v) != JSON_BOOL)
		return wrong(name, _("true or false"), err);
	*ret = json_bool(v, false);
	return ERR_OK;
}

enum err_code body_texts(const struct json *body, const char *name, size_t max, const char ***ret,
                         size_t *ret_n, struct err *err)
{
	const struct json *v = json_get(body, name);
	*ret = NULL;
	*ret_n = 0;
	if (json_type(v) == JSON_NULL)
		return ERR_OK;
	if (json_type(v) != JSON_ARRAY)
		return wrong(name, _("a list of texts"), err);
	size_t n = json_count(v);
	if (n > max)
		return err_set(err, ERR_USAGE, _("%s: at most %zu are possible"), name, max);
	auto_free const char **list = xcalloc(n + 1, sizeof(*list));
	size_t i = 0;
	for (const struct json *e = json_first(v); e; e = json_next(e)) {
		if (json_type(e) != JSON_STRING)
			return wrong(name, _("a list of texts"), err);
		list[i++] = json_str(e, "");
	}
	*ret_n = n;
	*ret = TAKE(list);
	return ERR_OK;
}

enum err_code body_check(const struct json *body, const char *fields, struct err *err)
{
	for (const struct json *e = json_first(body); e; e = json_next(e)) {
		enum err_code code = route_check_word(fields, json_key(e), _("member"), err);
		if (code)
			return code;
	}
	return ERR_OK;
}
