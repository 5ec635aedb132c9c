/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expressions: what others see. expr_lex.c makes tokens, expr_parse.c the tree, expr_eval.c the result,
 * expr_functions.c holds the table of functions, expr_tmpl.c the texts with ${{ }} in them. */
#include "model/expr_internal.h"
#include "base/utf8.h"

#include <string.h>

enum err_code expr_new(const char *text, size_t len, struct expr **ret, size_t *ret_at,
		       struct err *err)
{
	size_t bad = 0;
	if (ret_at)
		*ret_at = 0;
	if (len > EXPR_MAX)
		return err_set(err, ERR_INVALID, _("the expression is longer than %d bytes"), EXPR_MAX);
	if (!utf8_valid(text, len, &bad) || memchr(text, '\0', len)) {
		if (ret_at)
			*ret_at = bad;
		return err_set(err, ERR_INVALID, _("the expression is not valid UTF-8 text"));
	}
	struct expr *e = xcalloc(1, sizeof(*e));
	enum err_code code = expr_parse(e, text, len, ret_at, err);
	if (code) {
		expr_free(e);
		return code;
	}
	e->text = xstrndup(text, len);
	*ret = e;
	return ERR_OK;
}

void expr_free(struct expr *e)
{
	if (!e)
		return;
	arena_done(&e->arena);
	free(e->text);
	free(e);
}

const char *expr_text(const struct expr *e)
{
	return e->text;
}

bool expr_asks_outcome(const struct expr *e)
{
	return e->asks_outcome;
}

static void walk_names(const struct expr_node *n, size_t shift,
		       void (*fn)(void *ctx, const char *const *path, size_t npath, size_t at),
		       void *ctx)
{
	if (n->op == OP_NAME)
		fn(ctx, n->path, n->npath, n->at + shift);
	for (size_t i = 0; i < n->nkids; i++)
		walk_names(n->kids[i], shift, fn, ctx);
}

void expr_names(const struct expr *e,
		void (*fn)(void *ctx, const char *const *path, size_t npath, size_t at), void *ctx)
{
	walk_names(e->root, 0, fn, ctx);
}

void expr_names_shifted(const struct expr *e, size_t shift,
			void (*fn)(void *ctx, const char *const *path, size_t npath, size_t at),
			void *ctx)
{
	walk_names(e->root, shift, fn, ctx);
}

static enum err_code evaluate(struct eval *ev, const struct expr *e, struct val *ret,
			      struct err *err)
{
	enum err_code code = expr_eval_node(ev, e->root, ret, err);
	if (code != ERR_NOT_FOUND)
		return code;
	/* A name that is not there makes the expression wrong; the caller's own thing was found. */
	if (err)
		err->code = ERR_INVALID;
	return ERR_INVALID;
}

enum err_code expr_eval(const struct expr *e, const struct expr_scope *scope, struct str *out,
			struct err *err)
{
	auto_arena arena = ARENA_INIT;
	struct eval ev = { .scope = scope };
	struct val v = val_null();
	enum err_code code = evaluate(&ev, e, &v, err);
	arena = ev.arena;
	if (code)
		return code;
	size_t before = out->len;
	val_add_json(out, &v);
	if (out->len - before <= EXPR_RESULT_MAX)
		return ERR_OK;
	str_cut(out, before);
	return err_set(err, ERR_TOO_LARGE, _("the result is longer than %d KiB"), EXPR_RESULT_MAX / KIB);
}

enum err_code expr_test(const struct expr *e, const struct expr_scope *scope, bool *ret,
			struct err *err)
{
	struct eval ev = { .scope = scope };
	struct val v = val_null();
	enum err_code code = evaluate(&ev, e, &v, err);
	if (!code)
		*ret = val_truth(&v);
	arena_done(&ev.arena);
	return code;
}
