/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts with ${{ }} in them, constants, and lists and maps of these. */
#include "model/expr_internal.h"

#include <string.h>

enum tmpl_kind { TMPL_TEXT, TMPL_CONST, TMPL_LIST, TMPL_MAP };

struct part {
	char *text; /* literal, or … */
	size_t len;
	struct expr *expr; /* … an expression, and where it begins in the template */
	size_t at;
};

struct tmpl {
	enum tmpl_kind kind;
	unsigned int others; /* holders besides the first */
	char *text; /* TMPL_CONST: JSON. TMPL_TEXT: the literal if there is no expression */
	struct part *parts;
	size_t nparts;
	char **keys;
	struct tmpl **items;
	size_t nitems;
};

void tmpl_free(struct tmpl *t)
{
	if (!t || t->others-- > 0)
		return;
	for (size_t i = 0; i < t->nparts; i++) {
		free(t->parts[i].text);
		expr_free(t->parts[i].expr);
	}
	for (size_t i = 0; i < t->nitems; i++) {
		tmpl_free(t->items[i]);
		if (t->keys)
			free(t->keys[i]);
	}
	free(t->parts);
	free(t->keys);
	free(t->items);
	free(t->text);
	free(t);
}

struct tmpl *tmpl_ref(struct tmpl *t)
{
	if (t)
		t->others++;
	return t;
}

/* Where the expression that begins at text[i] ends: at the first }} outside of quotes. */
static size_t find_end(const char *text, size_t len, size_t i)
{
	for (char quote = '\0'; i < len; i++) {
		if (quote) {
			if (quote == '"' && text[i] == '\\')
				i++;
			else if (text[i] == quote)
				quote = '\0';
		} else if (text[i] == '\'' || text[i] == '"') {
			quote = text[i];
		} else if (text[i] == '}' && i + 1 < len && text[i + 1] == '}') {
			return i;
		}
	}
	return len;
}

static void add_literal(struct tmpl *t, size_t *cap, struct str *literal)
{
	if (!literal->len)
		return;
	GROW(t->parts, t->nparts, *cap);
	size_t len = literal->len;
	t->parts[t->nparts++] = (struct part){ .text = str_take(literal), .len = len };
}

static enum err_code add_expr(struct tmpl *t, size_t *cap, const char *text, size_t len, size_t *at,
			      size_t *ret_at, struct err *err)
{
	size_t start = *at + 3, end = find_end(text, len, start), bad = 0;
	struct expr *e = NULL;
	*ret_at = *at;
	if (end >= len)
		return err_set(err, ERR_INVALID, _("the ${{ that begins here is not closed with }}"));
	enum err_code code = expr_new(text + start, end - start, &e, &bad, err);
	*ret_at = start + bad;
	if (code)
		return code;
	GROW(t->parts, t->nparts, *cap);
	t->parts[t->nparts++] = (struct part){ .expr = e, .at = start };
	*at = end + 1;
	return ERR_OK;
}

enum err_code tmpl_new(const char *text, size_t len, struct tmpl **ret, size_t *ret_at,
		       struct err *err)
{
	struct tmpl *t = xcalloc(1, sizeof(*t));
	auto_str literal = STR_INIT;
	enum err_code code = ERR_OK;
	size_t cap = 0, bad = 0;
	for (size_t i = 0; i < len && !code; i++) {
		if (len - i >= 4 && memcmp(text + i, "$${{", 4) == 0) {
			str_add(&literal, "${{");
			i += 3;
		} else if (len - i >= 3 && memcmp(text + i, "${{", 3) == 0) {
			add_literal(t, &cap, &literal);
			code = add_expr(t, &cap, text, len, &i, &bad, err);
		} else {
			str_add_char(&literal, text[i]);
		}
	}
	if (ret_at)
		*ret_at = bad;
	if (code) {
		tmpl_free(t);
		return code;
	}
	if (t->nparts)
		add_literal(t, &cap, &literal);
	else
		t->text = str_take(&literal);
	*ret = t;
	return ERR_OK;
}

struct tmpl *tmpl_const(const char *json)
{
	struct tmpl *t = xcalloc(1, sizeof(*t));
	t->kind = TMPL_CONST;
	t->text = xstrdup(json);
	return t;
}

struct tmpl *tmpl_list(struct tmpl **v, size_t n)
{
	struct tmpl *t = xcalloc(1, sizeof(*t));
	t->kind = TMPL_LIST;
	t->items = v;
	t->nitems = n;
	return t;
}

struct tmpl *tmpl_map(char **keys, struct tmpl **v, size_t n)
{
	struct tmpl *t = tmpl_list(v, n);
	t->kind = TMPL_MAP;
	t->keys = keys;
	return t;
}

const char *tmpl_literal(const struct tmpl *t)
{
	return t->kind == TMPL_TEXT ? t->text : NULL;
}

bool tmpl_is_constant(const struct tmpl *t)
{
	bool constant = t->nparts == 0;
	for (size_t i = 0; i < t->nitems && constant; i++)
		constant = tmpl_is_constant(t->items[i]);
	return constant;
}

bool tmpl_asks_outcome(const struct tmpl *t)
{
	for (size_t i = 0; i < t->nparts; i++)
		if (t->parts[i].expr && t->parts[i].expr->asks_outcome)
			return true;
	for (size_t i = 0; i < t->nitems; i++)
		if (tmpl_asks_outcome(t->items[i]))
			return true;
	return false;
}

void tmpl_names(const struct tmpl *t,
		void (*fn)(void *ctx, const char *const *path, size_t npath, size_t at), void *ctx)
{
	for (size_t i = 0; i < t->nitems; i++)
		tmpl_names(t->items[i], fn, ctx);
	for (size_t i = 0; i < t->nparts; i++)
		if (t->parts[i].expr)
			expr_names_shifted(t->parts[i].expr, t->parts[i].at, fn, ctx);
}

/* ---- evaluation ---- */

/* The JSON text of one expression. */
static enum err_code add_text_of(struct str *out, const char *json, size_t len, struct err *err)
{
	auto_json *v = NULL;
	enum err_code code = json_parse(json, len, len, &v, err);
	if (code)
		return code;
	auto_arena arena = ARENA_INIT;
	struct val val = val_from_json(&arena, v);
	val_add_text(out, &val);
	return ERR_OK;
}

static enum err_code parts_text(const struct tmpl *t, const struct expr_scope *scope,
				struct str *out, struct err *err)
{
	size_t before = out->len;
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < t->nparts && !code; i++) {
		if (t->parts[i].text) {
			str_add_len(out, t->parts[i].text, t->parts[i].len);
			continue;
		}
		auto_str json = STR_INIT;
		code = expr_eval(t->parts[i].expr, scope, &json, err);
		if (!code)
			code = add_text_of(out, str_text(&json), json.len, err);
		if (!code && out->len - before > TMPL_RESULT_MAX)
			code = err_set(err, ERR_TOO_LARGE, _("the value is longer than %d KiB"),
				       TMPL_RESULT_MAX / KIB);
	}
	if (code)
		str_cut(out, before);
	return code;
}

static enum err_code items_value(const struct tmpl *t, const struct expr_scope *scope,
				 struct str *out, struct err *err)
{
	size_t before = out->len;
	enum err_code code = ERR_OK;
	str_add_char(out, t->keys ? '{' : '[');
	for (size_t i = 0; i < t->nitems && !code; i++) {
		if (i)
			str_add_char(out, ',');
		if (t->keys) {
			json_add_quoted(out, t->keys[i], strlen(t->keys[i]));
			str_add_char(out, ':');
		}
		code = tmpl_value(t->items[i], scope, out, err);
		if (!code && out->len - before > TMPL_RESULT_MAX)
			code = err_set(err, ERR_TOO_LARGE, _("the value is longer than %d KiB"),
				       TMPL_RESULT_MAX / KIB);
	}
	str_add_char(out, t->keys ? '}' : ']');
	if (code)
		str_cut(out, before);
	return code;
}

enum err_code tmpl_text(const struct tmpl *t, const struct expr_scope *scope, struct str *out,
			struct err *err)
{
	switch (t->kind) {
	case TMPL_CONST:
		if (t->text[0] != '"' && !str_eq(t->text, "null")) {
			str_add(out, t->text);
			return ERR_OK;
		}
		return add_text_of(out, t->text, strlen(t->text), err);
	case TMPL_LIST:
	case TMPL_MAP:
		return items_value(t, scope, out, err);
	case TMPL_TEXT:
		break;
	}
	if (!t->text)
		return parts_text(t, scope, out, err);
	str_add(out, t->text);
	return ERR_OK;
}

enum err_code tmpl_value(const struct tmpl *t, const struct expr_scope *scope, struct str *out,
			 struct err *err)
{
	if (t->kind == TMPL_CONST) {
		str_add(out, t->text);
		return ERR_OK;
	}
	if (t->kind != TMPL_TEXT)
		return items_value(t, scope, out, err);
	if (t->nparts == 1 && t->parts[0].expr)
		return expr_eval(t->parts[0].expr, scope, out, err);
	auto_str text = STR_INIT;
	enum err_code code = tmpl_text(t, scope, &text, err);
	if (!code)
		json_add_quoted(out, str_text(&text), text.len);
	return code;
}
