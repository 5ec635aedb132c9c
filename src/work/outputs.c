/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a step wrote to $PAWL_OUTPUT: lines "name=value", and for longer texts
 *
 *	name<<END
 *	any lines
 *	END
 *
 * as people know it from GitHub Actions. A later value of a name replaces an earlier one. */
#include "work/executor.h"

#include <string.h>

#define OUTPUTS_COUNT_MAX 1000

struct output {
	const char *name, *value; /* in the text */
	size_t name_len, value_len;
};

struct lines {
	const char *p, *end;
	int number; /* of the line returned last, from 1 */
};

static bool next_line(struct lines *l, const char **ret, size_t *ret_len)
{
	if (l->p >= l->end)
		return false;
	const char *newline = memchr(l->p, '\n', (size_t)(l->end - l->p));
	const char *stop = newline ? newline : l->end;
	*ret = l->p;
	*ret_len = (size_t)(stop - l->p);
	l->p = newline ? newline + 1 : l->end;
	l->number++;
	return true;
}

static bool name_is_good(const char *name, size_t len)
{
	if (len == 0 || len > NAME_MAX_LEN)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '.' || c == '-')))
			return false;
	}
	return true;
}

/* The lines up to one that is just the mark; without the last newline. */
static enum err_code take_block(struct lines *l, const char *mark, size_t mark_len,
				struct output *o, struct err *err)
{
	int begun = l->number;
	const char *line, *from = l->p;
	size_t len;
	while (next_line(l, &line, &len)) {
		if (len != mark_len || memcmp(line, mark, len) != 0)
			continue;
		o->value = from;
		o->value_len = line > from ? (size_t)(line - from) - 1 : 0;
		return ERR_OK;
	}
	return err_set(err, ERR_INVALID,
		       _("line %d of $PAWL_OUTPUT begins a text that ends with a line \"%.*s\", which does not come"),
		       begun, (int)MIN(mark_len, (size_t)40), mark);
}

static enum err_code take_output(struct lines *l, const char *line, size_t len, struct output *o,
				 struct err *err)
{
	const char *equals = memchr(line, '=', len);
	const char *arrows = memmem(line, len, "<<", 2);
	const char *name_end = arrows && (!equals || arrows < equals) ? arrows : equals;
	o->name = line;
	o->name_len = name_end ? (size_t)(name_end - line) : 0;
	if (!name_end)
		return err_set(err, ERR_INVALID,
			       _("line %d of $PAWL_OUTPUT is neither name=value nor name<<END"), l->number);
	if (!name_is_good(o->name, o->name_len))
		return err_set(err, ERR_INVALID,
			       _("line %d of $PAWL_OUTPUT: a name is 1 to %d letters, digits and _ . -, and begins with a letter or _"),
			       l->number, NAME_MAX_LEN);
	if (name_end == equals) {
		o->value = equals + 1;
		o->value_len = (size_t)(line + len - o->value);
		return ERR_OK;
	}
	const char *mark = arrows + 2;
	size_t mark_len = (size_t)(line + len - mark);
	if (mark_len == 0)
		return err_set(err, ERR_INVALID,
			       _("line %d of $PAWL_OUTPUT: after << comes the word that ends the text"),
			       l->number);
	return take_block(l, mark, mark_len, o, err);
}

static void put_output(struct output *v, size_t *n, const struct output *o)
{
	for (size_t i = 0; i < *n; i++)
		if (v[i].name_len == o->name_len && memcmp(v[i].name, o->name, o->name_len) == 0) {
			v[i] = *o;
			return;
		}
	v[(*n)++] = *o;
}

enum err_code outputs_parse(const char *text, size_t len, struct str *ret_json, struct err *err)
{
	if (len > OUTPUTS_MAX)
		return err_set(err, ERR_TOO_LARGE, _("$PAWL_OUTPUT has %zu bytes; at most %d are taken"),
			       len, OUTPUTS_MAX);
	struct lines l = { text, text + len, 0 };
	auto_free struct output *v = NULL;
	size_t n = 0, cap = 0, line_len;
	const char *line;
	while (next_line(&l, &line, &line_len)) {
		struct output o;
		if (line_len == 0)
			continue;
		enum err_code code = take_output(&l, line, line_len, &o, err);
		if (code)
			return code;
		if (memchr(o.value, '\0', o.value_len))
			return err_set(err, ERR_INVALID, _("line %d of $PAWL_OUTPUT holds a NUL byte"),
				       l.number);
		GROW(v, n, cap);
		put_output(v, &n, &o);
		if (n > OUTPUTS_COUNT_MAX)
			return err_set(err, ERR_TOO_LARGE, _("$PAWL_OUTPUT has more than %d outputs"),
				       OUTPUTS_COUNT_MAX);
	}
	struct jw w = jw_begin(ret_json);
	jw_obj(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		auto_free char *name = xstrndup(v[i].name, v[i].name_len);
		jw_strn(&w, name, v[i].value, v[i].value_len);
	}
	jw_end_obj(&w);
	return ERR_OK;
}
