/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expressions: from the tree to a value. Every step is bounded: the tree by the length of its text,
 * each value by EXPR_RESULT_MAX, all of them together by EXPR_MEMORY_MAX. */
#include "model/expr_internal.h"

#include <math.h>
#include <string.h>

static enum err_code check_memory(const struct eval *ev, struct err *err)
{
	if (ev->arena.used <= EXPR_MEMORY_MAX)
		return ERR_OK;
	return err_set(err, ERR_TOO_LARGE, _("the expression needs more than %d MiB of memory"),
		       EXPR_MEMORY_MAX / MIB);
}

enum err_code eval_text(struct eval *ev, const struct str *text, struct val *ret, struct err *err)
{
	if (text->len > EXPR_RESULT_MAX)
		return err_set(err, ERR_TOO_LARGE, _("a text in an expression is longer than %d KiB"),
			       EXPR_RESULT_MAX / KIB);
	*ret = val_text(arena_text(&ev->arena, str_text(text), text->len), text->len);
	return check_memory(ev, err);
}

/* ---- names and indices ---- */

static struct val step_into(const struct val *what, const char *key)
{
	for (size_t i = 0; i < what->n; i++)
		if (str_eq(what->keys[i], key))
			return what->items[i];
	return val_null();
}

/* Something that is not there is null, so that default() and == null can ask for it; a step into what
 * has no inside is a mistake. */
static enum err_code index_value(const struct val *what, const struct val *at, struct val *ret,
				 struct err *err)
{
	if (what->type == JSON_NULL) {
		*ret = val_null();
		return ERR_OK;
	}
	if (what->type == JSON_OBJECT && at->type == JSON_STRING) {
		*ret = step_into(what, at->text);
		return ERR_OK;
	}
	double i = at->number;
	if (what->type == JSON_ARRAY && at->type == JSON_STRING && !val_number_of(at->text, at->n, &i))
		return err_set(err, ERR_INVALID, _("a list has no '%.64s', only [0], [1] …"), at->text);
	if (what->type == JSON_ARRAY && (at->type == JSON_NUMBER || at->type == JSON_STRING)) {
		bool inside = i >= 0 && i < (double)what->n && !(i < floor(i)) && !(i > floor(i));
		*ret = inside ? what->items[(size_t)i] : val_null();
		return ERR_OK;
	}
	return err_set(err, ERR_INVALID, _("%s cannot be indexed with %s"), val_type_name(what),
		       val_type_name(at));
}

static enum err_code eval_name(struct eval *ev, const struct expr_node *n, struct val *ret,
			       struct err *err)
{
	auto_str text = STR_INIT;
	size_t used = n->npath;
	enum err_code code = ev->scope->get(ev->scope->ctx, n->path, n->npath, &used, &text, err);
	if (code)
		return code;
	auto_json *v = NULL;
	code = json_parse(str_text(&text), text.len, EXPR_MEMORY_MAX / 16, &v, err);
	if (code)
		return code;
	*ret = val_from_json(&ev->arena, v);
	for (size_t i = used; i < n->npath && !code; i++) {
		struct val what = *ret, at = val_text(n->path[i], strlen(n->path[i]));
		code = index_value(&what, &at, ret, err);
	}
	return code ? code : check_memory(ev, err);
}

static enum err_code eval_index(struct eval *ev, const struct expr_node *n, struct val *ret,
				struct err *err)
{
	struct val what = val_null(), at = val_null();
	enum err_code code = expr_eval_node(ev, n->kids[0], &what, err);
	if (!code)
		code = expr_eval_node(ev, n->kids[1], &at, err);
	return code ? code : index_value(&what, &at, ret, err);
}

/* ---- operators ---- */

static enum err_code finite_number(double number, struct val *ret, struct err *err)
{
	if (!isfinite(number))
		return err_set(err, ERR_INVALID, _("the result is not a number; is there a division by 0?"));
	*ret = val_number(number);
	return ERR_OK;
}

static enum err_code concat(struct eval *ev, const struct val *a, const struct val *b,
			    struct val *ret, struct err *err)
{
	if (a->type == JSON_STRING) {
		auto_str text = STR_INIT;
		str_add_len(&text, a->text, a->n);
		str_add_len(&text, b->text, b->n);
		return eval_text(ev, &text, ret, err);
	}
	*ret = (struct val){ .type = JSON_ARRAY, .n = a->n + b->n };
	ret->items = arena_alloc(&ev->arena, ret->n * sizeof(*ret->items));
	if (a->n)
		memcpy(ret->items, a->items, a->n * sizeof(*a->items));
	if (b->n)
		memcpy(ret->items + a->n, b->items, b->n * sizeof(*b->items));
	return check_memory(ev, err);
}

static enum err_code arithmetic(struct eval *ev, enum op op, const struct val *a,
				const struct val *b, struct val *ret, struct err *err)
{
	if (op == OP_ADD && a->type == b->type && (a->type == JSON_STRING || a->type == JSON_ARRAY))
		return concat(ev, a, b, ret, err);
	if (a->type != JSON_NUMBER || b->type != JSON_NUMBER) {
		enum err_code code = err_set(err, ERR_INVALID, _("%s and %s cannot be calculated with"),
					     val_type_name(a), val_type_name(b));
		err_hint(err, "%s", _("number(x) makes a number of a text, string(x) a text of a number"));
		return code;
	}
	double x = a->number, y = b->number;
	double r = op == OP_ADD ? x + y : op == OP_SUB ? x - y : op == OP_MUL ? x * y :
		   op == OP_DIV ? x / y : fmod(x, y);
	return finite_number(r, ret, err);
}

static enum err_code compare(enum op op, const struct val *a, const struct val *b, struct val *ret,
			     struct err *err)
{
	double x = a->number, y = b->number;
	int order;
	if (a->type == JSON_STRING && b->type == JSON_STRING) {
		order = strcmp(a->text, b->text);
	} else if ((a->type == JSON_NUMBER ||
		    (a->type == JSON_STRING && val_number_of(a->text, a->n, &x))) &&
		   (b->type == JSON_NUMBER ||
		    (b->type == JSON_STRING && val_number_of(b->text, b->n, &y)))) {
		order = x < y ? -1 : x > y;
	} else {
		return err_set(err, ERR_INVALID, _("%s and %s have no order"), val_type_name(a),
			       val_type_name(b));
	}
	*ret = val_bool(op == OP_LT ? order < 0 : op == OP_LE ? order <= 0 :
			op == OP_GT ? order > 0 : order >= 0);
	return ERR_OK;
}

static enum err_code contains(const struct val *what, const struct val *where, struct val *ret,
			      struct err *err)
{
	bool found = false;
	if (where->type == JSON_ARRAY) {
		for (size_t i = 0; i < where->n && !found; i++)
			found = val_equal(&where->items[i], what);
	} else if (where->type == JSON_OBJECT && what->type == JSON_STRING) {
		for (size_t i = 0; i < where->n && !found; i++)
			found = str_eq(where->keys[i], what->text);
	} else if (where->type == JSON_STRING && what->type == JSON_STRING) {
		found = strstr(where->text, what->text) != NULL;
	} else if (where->type != JSON_NULL) {
		return err_set(err, ERR_INVALID, _("%s cannot be looked for in %s"), val_type_name(what),
			       val_type_name(where));
	}
	*ret = val_bool(found);
	return ERR_OK;
}

static enum err_code eval_binary(struct eval *ev, const struct expr_node *n, struct val *ret,
				 struct err *err)
{
	struct val a = val_null(), b = val_null();
	enum err_code code = expr_eval_node(ev, n->kids[0], &a, err);
	if (!code)
		code = expr_eval_node(ev, n->kids[1], &b, err);
	if (code)
		return code;
	if (n->op == OP_EQ || n->op == OP_NE) {
		*ret = val_bool(val_equal(&a, &b) == (n->op == OP_EQ));
		return ERR_OK;
	}
	if (n->op == OP_IN)
		return contains(&a, &b, ret, err);
	if (n->op >= OP_LT && n->op <= OP_GE)
		return compare(n->op, &a, &b, ret, err);
	return arithmetic(ev, n->op, &a, &b, ret, err);
}

/* && || and ?: look at what they need and no more. */
static enum err_code eval_logic(struct eval *ev, const struct expr_node *n, struct val *ret,
				struct err *err)
{
	enum err_code code = expr_eval_node(ev, n->kids[0], ret, err);
	if (code)
		return code;
	bool yes = val_truth(ret);
	if (n->op == OP_CHOICE)
		return expr_eval_node(ev, n->kids[yes ? 1 : 2], ret, err);
	return yes == (n->op == OP_AND) ? expr_eval_node(ev, n->kids[1], ret, err) : ERR_OK;
}

static enum err_code eval_unary(struct eval *ev, const struct expr_node *n, struct val *ret,
				struct err *err)
{
	struct val v = val_null();
	enum err_code code = expr_eval_node(ev, n->kids[0], &v, err);
	if (code)
		return code;
	if (n->op == OP_NOT) {
		*ret = val_bool(!val_truth(&v));
		return ERR_OK;
	}
	if (v.type != JSON_NUMBER)
		return err_set(err, ERR_INVALID, _("%s has no negative"), val_type_name(&v));
	*ret = val_number(0 - v.number);
	return ERR_OK;
}

/* ---- lists and calls ---- */

static enum err_code eval_list(struct eval *ev, const struct expr_node *n, struct val *ret,
			       struct err *err)
{
	struct val list = { .type = JSON_ARRAY, .n = n->nkids };
	list.items = arena_alloc(&ev->arena, n->nkids * sizeof(*list.items));
	for (size_t i = 0; i < n->nkids; i++) {
		enum err_code code = expr_eval_node(ev, n->kids[i], &list.items[i], err);
		if (code)
			return code;
	}
	*ret = list;
	return check_memory(ev, err);
}

static bool type_fits(char type, const struct val *v)
{
	switch (type) {
	case 't':
		return v->type == JSON_STRING;
	case 'n':
		return v->type == JSON_NUMBER;
	case 'l':
		return v->type == JSON_ARRAY;
	case 'o':
		return v->type == JSON_OBJECT;
	case 'c':
		return v->type == JSON_ARRAY || v->type == JSON_STRING;
	default:
		return true;
	}
}

/* What a text function gets that is no text is read as one if that is plain to see. */
static enum err_code fit_argument(struct eval *ev, char type, struct val *v, struct err *err)
{
	if (type != 't' || (v->type != JSON_NUMBER && v->type != JSON_BOOL && v->type != JSON_NULL))
		return ERR_OK;
	auto_str text = STR_INIT;
	val_add_text(&text, v);
	return eval_text(ev, &text, v, err);
}

static enum err_code eval_call(struct eval *ev, const struct expr_node *n, struct val *ret,
			       struct err *err)
{
	const struct expr_function *f = n->function;
	struct val args[EXPR_ARGS_MAX];
	for (size_t i = 0; i < n->nkids; i++) {
		args[i] = val_null();
		enum err_code code = expr_eval_node(ev, n->kids[i], &args[i], err);
		if (code == ERR_NOT_FOUND && f->lazy && i == 0) {
			args[i] = val_null();
			code = ERR_OK;
		}
		char type = f->types[MIN(i, strlen(f->types) - 1)];
		if (!code)
			code = fit_argument(ev, type, &args[i], err);
		if (code)
			return code;
		if (!type_fits(type, &args[i]))
			return err_set(err, ERR_INVALID, _("%s() is called as %s; argument %zu is %s"),
				       f->name, f->usage, i + 1, val_type_name(&args[i]));
	}
	enum err_code code = f->call(ev, args, n->nkids, ret, err);
	return code ? code : check_memory(ev, err);
}

enum err_code expr_eval_node(struct eval *ev, const struct expr_node *n, struct val *ret,
			     struct err *err)
{
	switch (n->op) {
	case OP_VALUE:
		*ret = n->value;
		return ERR_OK;
	case OP_LIST:
		return eval_list(ev, n, ret, err);
	case OP_NAME:
		return eval_name(ev, n, ret, err);
	case OP_INDEX:
		return eval_index(ev, n, ret, err);
	case OP_CALL:
		return eval_call(ev, n, ret, err);
	case OP_NOT:
	case OP_MINUS:
		return eval_unary(ev, n, ret, err);
	case OP_AND:
	case OP_OR:
	case OP_CHOICE:
		return eval_logic(ev, n, ret, err);
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
	case OP_DIV:
	case OP_MOD:
	case OP_EQ:
	case OP_NE:
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
	case OP_IN:
		break;
	}
	return eval_binary(ev, n, ret, err);
}
