/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing JSON; apart from reading, so that who only writes links no parser. */
#include "base/json.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void json_add_quoted(struct str *s, const char *text, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	str_reserve(s, len + 2);
	str_add_char(s, '"');
	size_t from = 0;
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)text[i];
		size_t n = 1;
		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			i++;
			continue;
		}
		if (c >= 0x80 && (n = utf8_len(text + i, len - i)) > 0) {
			i += n;
			continue;
		}
		str_add_len(s, text + from, i - from);
		if (c == '"' || c == '\\') {
			char esc[2] = { '\\', (char)c };
			str_add_len(s, esc, 2);
		} else if (c == '\n') {
			str_add_len(s, "\\n", 2);
		} else if (c == '\t') {
			str_add_len(s, "\\t", 2);
		} else if (c < 0x20 || c == 0x7f) {
			char esc[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
			str_add_len(s, esc, 6);
		} else {
			char esc[5] = { '\\', '\\', 'x', hex[c >> 4], hex[c & 15] };
			str_add_len(s, esc, 5);
		}
		from = ++i;
	}
	str_add_len(s, text + from, len - from);
	str_add_char(s, '"');
}

static void lead(struct jw *w, const char *key)
{
	if (w->comma)
		str_add_char(w->out, ',');
	w->comma = true;
	if (key) {
		json_add_quoted(w->out, key, strlen(key));
		str_add_char(w->out, ':');
	}
}

void jw_obj(struct jw *w, const char *key)
{
	lead(w, key);
	str_add_char(w->out, '{');
	w->comma = false;
}

void jw_arr(struct jw *w, const char *key)
{
	lead(w, key);
	str_add_char(w->out, '[');
	w->comma = false;
}

void jw_end_obj(struct jw *w)
{
	str_add_char(w->out, '}');
	w->comma = true;
}

void jw_end_arr(struct jw *w)
{
	str_add_char(w->out, ']');
	w->comma = true;
}

void jw_str(struct jw *w, const char *key, const char *text)
{
	if (text)
		jw_strn(w, key, text, strlen(text));
	else
		jw_null(w, key);
}

void jw_strn(struct jw *w, const char *key, const char *text, size_t len)
{
	lead(w, key);
	json_add_quoted(w->out, text, len);
}

void jw_int(struct jw *w, const char *key, int64_t v)
{
	lead(w, key);
	str_add_i64(w->out, v);
}

void jw_num(struct jw *w, const char *key, double v)
{
	lead(w, key);
	if (!isfinite(v)) {
		str_add(w->out, "null");
		return;
	}
	if (fabs(v) < 1e15 && !(fabs(v - (double)(int64_t)v) > 0)) {
		str_add_i64(w->out, (int64_t)v);
		return;
	}
	char buf[32];
	(void)snprintf(buf, sizeof(buf), "%.15g", v);
	if (fabs(strtod(buf, NULL) - v) > 0)
		(void)snprintf(buf, sizeof(buf), "%.17g", v);
	str_add(w->out, buf);
}

void jw_bool(struct jw *w, const char *key, bool v)
{
	lead(w, key);
	str_add(w->out, v ? "true" : "false");
}

void jw_null(struct jw *w, const char *key)
{
	lead(w, key);
	str_add(w->out, "null");
}

void jw_raw(struct jw *w, const char *key, const char *json)
{
	lead(w, key);
	str_add(w->out, json);
}

void jw_time(struct jw *w, const char *key, int64_t ms)
{
	if (ms)
		jw_int(w, key, ms);
	else
		jw_null(w, key);
}
