/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "work/http_request.h"

#include <string.h>

#define METHOD_LEN_MAX 16

/* RFC 9110 §5.6.2: what names of methods and headers are made of. */
static bool is_token(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');
		if (!plain && !strchr("!#$%&'*+-.^_`|~", *s))
			return false;
	}
	return true;
}

/* A line break in a value would begin another header. */
static bool is_header_value(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 ? *s != '\t' : *s == 0x7f)
			return false;
	return true;
}

enum err_code http_header_check(const char *name, const char *value, struct err *err)
{
	if (!is_token(name))
		return err_set(err, ERR_INVALID, _("\"%.60s\" cannot be the name of a header"), name);
	if (!is_header_value(value))
		return err_set(err, ERR_INVALID, _("the value of the header %s holds a line break or control character"),
			       name);
	return ERR_OK;
}

static enum err_code take_headers(struct http_request *q, struct err *err)
{
	const struct json *list = json_get(q->document, "headers");
	q->headers = xcalloc(json_count(list), sizeof(*q->headers));
	for (const struct json *h = json_first(list); h; h = json_next(h)) {
		const char *name = json_get_str(h, "name", ""), *value = json_get_str(h, "value", "");
		enum err_code code = http_header_check(name, value, err);
		if (code)
			return code;
		q->headers[q->nheaders++] = (struct http_header){ name, value };
	}
	return ERR_OK;
}

static enum err_code take_document(struct http_request *q, struct err *err)
{
	const struct json *d = q->document;
	q->method = json_get_str(d, "method", "GET");
	q->url = json_get_str(d, "url", "");
	q->body = json_get_str(d, "body", NULL);
	q->body_len = q->body ? strlen(q->body) : 0;
	q->expect = json_get(d, "expect");
	q->outputs = json_get(d, "outputs");
	q->follow = json_get_bool(d, "follow", false);
	q->timeout_ms = json_get_int(d, "timeout_ms", 0);
	if (!is_token(q->method) || strlen(q->method) > METHOD_LEN_MAX)
		return err_set(err, ERR_INVALID, _("\"%.40s\" is not a method; write GET, POST, PUT …"),
			       q->method);
	if (strncasecmp(q->url, "http://", 7) != 0 && strncasecmp(q->url, "https://", 8) != 0)
		return err_set(err, ERR_INVALID, _("the URL begins with neither http:// nor https://"));
	return take_headers(q, err);
}

enum err_code http_request_parse(const char *text, size_t len, struct http_request *ret, struct err *err)
{
	struct http_request q = { 0 };
	enum err_code code = json_parse(text, len, HTTP_REQUEST_MAX, &q.document, err);
	if (!code)
		code = take_document(&q, err);
	if (code)
		http_request_done(&q);
	else
		*ret = q;
	return code;
}

void http_request_done(struct http_request *q)
{
	json_free(q->document);
	free(q->headers);
	*q = (struct http_request){ 0 };
}

bool http_request_expects(const struct http_request *q, long status)
{
	const struct json *e = json_first(q->expect);
	if (!e)
		return status >= 200 && status <= 299;
	for (; e; e = json_next(e))
		if (json_int(e, 0) == status)
			return true;
	return false;
}

/* ---- outputs ---- */

static const struct json *element(const struct json *list, size_t index)
{
	if (json_type(list) != JSON_ARRAY)
		return NULL;
	const struct json *e = json_first(list);
	while (e && index--)
		e = json_next(e);
	return e;
}

/* One step of a path from *at on: a name, or an index in brackets. NULL if it is not there. */
static const struct json *descend(const struct json *v, const char **at)
{
	const char *p = *at;
	if (*p == '[') {
		char *end;
		size_t index = strtoul(p + 1, &end, 10);
		*at = end + (*end == ']');
		return *end == ']' && end > p + 1 ? element(v, index) : NULL;
	}
	p += *p == '.';
	size_t len = strcspn(p, ".[");
	auto_free char *name = xstrndup(p, len);
	*at = p + len;
	return json_type(v) == JSON_OBJECT ? json_get(v, name) : NULL;
}

enum err_code http_extract(const struct json *answer, const char *path, struct str *ret, struct err *err)
{
	const struct json *v = answer;
	const char *at = str_eq(path, ".") ? "" : path;
	while (*at) {
		v = descend(v, &at);
		if (!v)
			return err_set(err, ERR_NOT_FOUND, _("the answer has no \"%.*s\""), (int)(at - path),
				       path);
	}
	if (json_type(v) == JSON_STRING)
		str_add(ret, json_str(v, ""));
	else
		json_add(ret, v);
	return ERR_OK;
}

/* Whether `word` stands alone on a line of the text. */
static bool has_line(const char *text, size_t len, const char *word, size_t word_len)
{
	const char *p = text, *end = text + len;
	while (p <= end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;
		if ((size_t)(stop - p) == word_len && memcmp(p, word, word_len) == 0)
			return true;
		p = stop + 1;
	}
	return false;
}

void http_add_output(struct str *out, const char *name, const char *value, size_t len)
{
	if (!memchr(value, '\n', len)) {
		str_addf(out, "%s=", name);
		str_add_len(out, value, len);
		str_add_char(out, '\n');
		return;
	}
	auto_str word = STR_INIT;
	str_add(&word, "END");
	while (has_line(value, len, word.p, word.len))
		str_add_char(&word, '_');
	str_addf(out, "%s<<%s\n", name, word.p);
	str_add_len(out, value, len);
	str_addf(out, "\n%s\n", word.p);
}
