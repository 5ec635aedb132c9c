/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/target.h"

#include "base/utf8.h"

#include <string.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode in place; the result is never longer. */
static enum err_code decode(char *s, struct err *err)
{
	char *out = s;
	for (const char *p = s; *p; p++) {
		if (*p != '%') {
			*out++ = *p;
			continue;
		}
		int high = hex_value(p[1]), low = high < 0 ? -1 : hex_value(p[2]);
		if (low < 0)
			return err_set(err, ERR_USAGE,
			               _("'%%' is followed by two hexadecimal digits: %.40s"), p);
		*out++ = (char)(high << 4 | low);
		p += 2;
	}
	size_t len = (size_t)(out - s), bad = 0;
	if (!utf8_valid(s, len, &bad))
		return err_set(err, ERR_USAGE, _("the URL is not UTF-8"));
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return err_set(err, ERR_USAGE, _("the URL holds a control character"));
	*out = '\0';
	return ERR_OK;
}

static enum err_code add_query(struct target *t, char *pair, struct err *err)
{
	char *value = strchr(pair, '=');
	if (value)
		*value++ = '\0';
	else
		value = pair + strlen(pair);
	enum err_code code = decode(pair, err);
	if (!code)
		code = decode(value, err);
	if (code)
		return code;
	if (target_query(t, pair))
		return err_set(err, ERR_USAGE, _("the query names %.64s twice"), pair);
	if (t->nquery == TARGET_QUERY_MAX)
		return err_set(err, ERR_USAGE, _("the query has more than %d parameters"),
		               TARGET_QUERY_MAX);
	t->query[t->nquery].name = pair;
	t->query[t->nquery++].value = value;
	return ERR_OK;
}

static enum err_code parse_path(struct target *t, char *path, struct err *err)
{
	if (*path != '/')
		return err_set(err, ERR_USAGE, _("the path begins with '/'"));
	char *rest = path + 1, *segment;
	while ((segment = strsep(&rest, "/"))) {
		if (t->nsegments == TARGET_SEGMENTS_MAX)
			return err_set(err, ERR_NOT_FOUND, _("no route has more than %d parts"),
			               TARGET_SEGMENTS_MAX);
		enum err_code code = decode(segment, err);
		if (code)
			return code;
		t->segments[t->nsegments++] = segment;
	}
	return ERR_OK;
}

enum err_code target_parse(const char *raw, struct target *ret, struct err *err)
{
	*ret = (struct target){ .storage = NULL };
	size_t len = strlen(raw);
	if (len > TARGET_MAX)
		return err_set(err, ERR_TOO_LARGE, _("the URL is longer than %d bytes"),
		               TARGET_MAX);
	size_t path_len = strcspn(raw, "?");
	ret->path = xstrndup(raw, path_len);
	ret->storage = xstrdup(raw);
	char *query = raw[path_len] ? ret->storage + path_len + 1 : NULL;
	ret->storage[path_len] = '\0';
	enum err_code code = parse_path(ret, ret->storage, err);
	char *pair;
	while (!code && (pair = strsep(&query, "&")))
		if (*pair)
			code = add_query(ret, pair, err);
	return code;
}

void target_done(struct target *t)
{
	free(t->storage);
	free(t->path);
	*t = (struct target){ .storage = NULL };
}

const char *target_query(const struct target *t, const char *name)
{
	for (size_t i = 0; i < t->nquery; i++)
		if (str_eq(t->query[i].name, name))
			return t->query[i].value;
	return NULL;
}
