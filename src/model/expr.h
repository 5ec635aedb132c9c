/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The expression language of ${{ }} and `when:`. Small and total: no loops, no recursion, no side
 * effects, bounded in length (4 KiB), depth (32) and result (64 KiB), so that it always ends.
 *
 *   literals   null true false 12 1.5 'text' "text" [1, 2]
 *   names      params.x  nodes.NAME.outputs.y  nodes.NAME.state  matrix.axis  item  index  env.X
 *              run.id  run.generation  run.workflow  workspace.path; a.b["c-d"][0] index into values
 *   operators  ! - + * / %  == != < <= > >= in  && ||  c ? a : b
 *   functions  len(x) contains(x, y) starts_with(s, p) ends_with(s, p) lower(s) upper(s) trim(s)
 *              split(s, sep) join(list, sep) replace(s, a, b) format('…{0}…', a) json(s) to_json(x)
 *              number(s) string(x) range(n) keys(x) default(x, y) matches(s, regex) basename(p)
 *   in `when`  success() failure() always() canceled()
 */
#ifndef PAWL_MODEL_EXPR_H
#define PAWL_MODEL_EXPR_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

struct expr;
struct tmpl;

/* Gives the JSON value that a name path begins with. `path` is what the expression wrote ("nodes.a-b.
 * outputs.y" comes as { "nodes", "a-b", "outputs", "y" }), `npath` its length; consume as many parts
 * as you resolve (the rest is indexed by the evaluator) and append the value as JSON text to `out`.
 * ERR_NOT_FOUND with a sentence when there is no such name. */
struct expr_scope {
	enum err_code (*get)(void *ctx, const char *const *path, size_t npath, size_t *ret_used,
			     struct str *out, struct err *err);
	void *ctx;
	/* The outcome that success(), failure() and canceled() ask for. */
	bool any_failed, canceled;
};

/* Compile. *ret_at (may be NULL) is the offset of the mistake. */
enum err_code expr_new(const char *text, size_t len, struct expr **ret, size_t *ret_at,
		       struct err *err) MUST_CHECK;
void expr_free(struct expr *e);
/* Evaluate; the result is appended to `out` as JSON text. */
enum err_code expr_eval(const struct expr *e, const struct expr_scope *scope, struct str *out,
			struct err *err) MUST_CHECK;
/* Evaluate to yes or no: null, false, 0, "", [] and {} are no. */
enum err_code expr_test(const struct expr *e, const struct expr_scope *scope, bool *ret,
			struct err *err) MUST_CHECK;
/* As it was written; lives as long as the expression. */
const char *expr_text(const struct expr *e);
/* Whether the expression calls success(), failure(), always() or canceled(): then `when` is asked also
 * after something failed. */
bool expr_asks_outcome(const struct expr *e);
/* Calls `fn` for each name path that stands in the expression (for checks at load time). */
void expr_names(const struct expr *e,
		void (*fn)(void *ctx, const char *const *path, size_t npath, size_t at), void *ctx);

/* Text with ${{ }} in it. `$${{` stands for a literal `${{`. */
enum err_code tmpl_new(const char *text, size_t len, struct tmpl **ret, size_t *ret_at,
		       struct err *err) MUST_CHECK;
/* A template that is a constant JSON value (a number, list or map from the file). */
struct tmpl *tmpl_const(const char *json);
/* A list whose elements are templates; takes the elements. */
struct tmpl *tmpl_list(struct tmpl **v, size_t n);
/* A map whose values are templates; takes keys and values. */
struct tmpl *tmpl_map(char **keys, struct tmpl **v, size_t n);
void tmpl_free(struct tmpl *t);
/* Hold it once more: it lives until tmpl_free() was called for each holder. Not for several threads. */
struct tmpl *tmpl_ref(struct tmpl *t);
/* The literal text if it holds no expression, else NULL. */
const char *tmpl_literal(const struct tmpl *t);
/* Whether no expression is in it, at any depth: tmpl_value() needs no scope then. */
bool tmpl_is_constant(const struct tmpl *t);
/* As expr_asks_outcome(), for any expression in it. */
bool tmpl_asks_outcome(const struct tmpl *t);
/* As text: strings as they are, other values as JSON, null as "". */
enum err_code tmpl_text(const struct tmpl *t, const struct expr_scope *scope, struct str *out,
			struct err *err) MUST_CHECK;
/* As a JSON value: a template that is just one ${{ }} keeps its type. */
enum err_code tmpl_value(const struct tmpl *t, const struct expr_scope *scope, struct str *out,
			 struct err *err) MUST_CHECK;
void tmpl_names(const struct tmpl *t,
		void (*fn)(void *ctx, const char *const *path, size_t npath, size_t at), void *ctx);

/* The names of all functions, for completion and manuals; NULL behind the last. */
const char *expr_function_name(size_t i);
const char *expr_function_usage(size_t i); /* "split(text, separator)" */

#endif
