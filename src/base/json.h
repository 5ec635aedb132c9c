/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON: strict reading (over cJSON, which alone is too lenient) and fast writing. Integers beyond
 * ±10^15 do not survive a double: they travel as strings. */
#ifndef PAWL_BASE_JSON_H
#define PAWL_BASE_JSON_H

#include "base/err.h"
#include "base/str.h"

/* ---- reading ---- */

struct json; /* a value; the root owns everything beneath it */

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Parse exactly one value of at most `max` bytes. Refuses invalid UTF-8, \u0000, raw control
 * bytes, depth over 64, duplicate keys and anything after the value; the error says at which byte. */
enum err_code json_parse(const char *text, size_t len, size_t max, struct json **ret,
			 struct err *err) MUST_CHECK;
void json_free(struct json *root);
static inline void json_free_p(struct json **p)
{
	json_free(*p);
}
#define auto_json CLEANUP(json_free_p) struct json

enum json_type json_type(const struct json *v); /* NULL is JSON_NULL */
/* Member by exact name; NULL when `v` is no object or has none. */
const struct json *json_get(const struct json *v, const char *key);
const char *json_str(const struct json *v, const char *fallback);
double json_num(const struct json *v, double fallback);
int64_t json_int(const struct json *v, int64_t fallback); /* fallback too if not whole */
bool json_bool(const struct json *v, bool fallback);
/* Shorthands for json_str(json_get(v, key), fallback) and the like. */
const char *json_get_str(const struct json *v, const char *key, const char *fallback);
int64_t json_get_int(const struct json *v, const char *key, int64_t fallback);
bool json_get_bool(const struct json *v, const char *key, bool fallback);
size_t json_count(const struct json *v); /* members or elements; O(n) */
/* Walk: for (e = json_first(v); e; e = json_next(e)); json_key() is the name inside an object. */
const struct json *json_first(const struct json *v);
const struct json *json_next(const struct json *e);
const char *json_key(const struct json *e);
/* The value as compact JSON text. */
void json_add(struct str *s, const struct json *v);

/* ---- writing ---- */

/* Writes into `out`; commas are put in by itself. Keys and text are escaped; bytes that are not
 * UTF-8 become \xNN in the text (and so visible). */
struct jw {
	struct str *out;
	bool comma; /* a value was written at this level */
};

static inline struct jw jw_begin(struct str *out)
{
	return (struct jw){ .out = out, .comma = false };
}
void jw_obj(struct jw *w, const char *key); /* key is NULL in arrays and at the top */
void jw_arr(struct jw *w, const char *key);
void jw_end_obj(struct jw *w);
void jw_end_arr(struct jw *w);
void jw_str(struct jw *w, const char *key, const char *text);    /* NULL text is null */
void jw_strn(struct jw *w, const char *key, const char *text, size_t len);
void jw_int(struct jw *w, const char *key, int64_t v);
void jw_num(struct jw *w, const char *key, double v);
void jw_bool(struct jw *w, const char *key, bool v);
void jw_null(struct jw *w, const char *key);
void jw_raw(struct jw *w, const char *key, const char *json);    /* JSON already made */
void jw_time(struct jw *w, const char *key, int64_t ms);         /* 0 is null */
void json_add_quoted(struct str *s, const char *text, size_t len); /* "…" */

#endif
