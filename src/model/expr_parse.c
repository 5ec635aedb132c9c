/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expressions: tokens to a tree. Recursive descent; binary operators by precedence climbing. */
#include "model/expr_internal.h"
#include "base/nearest.h"

#include <string.h>

struct parser {
	struct lexer lexer;
	struct expr *e;
	struct token tok;
	int depth;
	size_t bad; /* offset of the mistake */
	struct err *err;
};

/* clang-format off */
static const struct {
	const char *sign;
	enum op op;
	int level; /* a higher one binds tighter */
} operators[] = {
	{ "||", OP_OR, 1 }, { "&&", OP_AND, 2 },
	{ "==", OP_EQ, 3 }, { "!=", OP_NE, 3 },
	{ "<", OP_LT, 4 }, { "<=", OP_LE, 4 }, { ">", OP_GT, 4 }, { ">=", OP_GE, 4 }, { "in", OP_IN, 4 },
	{ "+", OP_ADD, 5 }, { "-", OP_SUB, 5 },
	{ "*", OP_MUL, 6 }, { "/", OP_DIV, 6 }, { "%", OP_MOD, 6 },
};
/* clang-format on */

static struct expr_node *parse_choice(struct parser *p);

static bool advance(struct parser *p)
{
	bool member = p->tok.kind == TOKEN_SIGN && str_eq(p->tok.text, ".");
	if (expr_lex(&p->lexer, member, &p->tok, p->err) == ERR_OK)
		return true;
	p->bad = p->lexer.at;
	return false;
}

static bool is_sign(const struct parser *p, const char *sign)
{
	return p->tok.kind == TOKEN_SIGN && str_eq(p->tok.text, sign);
}

static struct expr_node *new_node(struct parser *p, enum op op, size_t at, size_t nkids)
{
	struct expr_node *n = arena_alloc(&p->e->arena, sizeof(*n));
	n->op = op;
	n->at = at;
	n->height = 1;
	n->nkids = nkids;
	if (nkids)
		n->kids = arena_alloc(&p->e->arena, nkids * sizeof(struct expr_node *));
	return n;
}

static struct expr_node *measure(struct parser *p, struct expr_node *n)
{
	for (size_t i = 0; i < n->nkids; i++)
		n->height = MAX(n->height, n->kids[i]->height + 1);
	if (n->height <= EXPR_HEIGHT_MAX)
		return n;
	p->bad = n->at;
	err_note(p->err, ERR_INVALID, _("more than %d operators in a row; use brackets or a list"),
		 EXPR_HEIGHT_MAX);
	return NULL;
}

/* What stands here instead of what is expected. */
static void *expected(struct parser *p, const char *what)
{
	p->bad = p->tok.at;
	if (p->tok.kind == TOKEN_END)
		err_note(p->err, ERR_INVALID, _("the expression ends where %s is expected"), what);
	else
		err_note(p->err, ERR_INVALID, _("%s is expected here"), what);
	return NULL;
}

static bool expect_sign(struct parser *p, const char *sign)
{
	if (is_sign(p, sign))
		return advance(p);
	char what[8] = { '\'', sign[0], '\'', '\0' };
	expected(p, what);
	return false;
}

/* Elements up to the closing sign, which is taken, too. */
static struct expr_node *parse_kids(struct parser *p, enum op op, size_t at, const char *end)
{
	struct expr_node *list = new_node(p, op, at, 0);
	size_t cap = 0;
	while (!is_sign(p, end)) {
		if (list->nkids && !expect_sign(p, ","))
			return NULL;
		if (list->nkids == cap) {
			struct expr_node **more =
				arena_alloc(&p->e->arena, (cap + 4) * 2 * sizeof(*more));
			if (cap)
				memcpy(more, list->kids, cap * sizeof(*more));
			list->kids = more;
			cap = (cap + 4) * 2;
		}
		struct expr_node *kid = parse_choice(p);
		if (!kid)
			return NULL;
		list->kids[list->nkids++] = kid;
	}
	return advance(p) ? measure(p, list) : NULL;
}

static struct expr_node *parse_call(struct parser *p, const struct token *name)
{
	const struct expr_function *f = expr_function_find(name->text);
	if (!f) {
		struct nearest near = { .word = name->text };
		size_t n;
		const struct expr_function *all = expr_functions(&n);
		for (size_t i = 0; i < n; i++)
			nearest_try(&near, all[i].name);
		p->bad = name->at;
		if (near.best)
			err_note(p->err, ERR_INVALID, _("there is no function '%.64s'; did you mean '%s'?"),
				 name->text, near.best);
		else
			err_note(p->err, ERR_INVALID, _("there is no function '%.64s'"), name->text);
		return NULL;
	}
	if (!advance(p)) /* ( */
		return NULL;
	struct expr_node *call = parse_kids(p, OP_CALL, name->at, ")");
	if (!call)
		return NULL;
	call->function = f;
	if (f->outcome)
		p->e->asks_outcome = true;
	if (call->nkids >= f->min_args && call->nkids <= f->max_args)
		return call;
	p->bad = name->at;
	err_note(p->err, ERR_INVALID, _("%s() is called as %s"), f->name, f->usage);
	return NULL;
}

static struct expr_node *parse_name(struct parser *p)
{
	/* clang-format off */
	static const struct { const char *name; struct val value; } words[] = {
		{ "null", { .type = JSON_NULL } },
		{ "true", { .type = JSON_BOOL, .yes = true } },
		{ "false", { .type = JSON_BOOL, .yes = false } },
	};
	/* clang-format on */
	struct token name = p->tok;
	if (!advance(p))
		return NULL;
	if (is_sign(p, "("))
		return parse_call(p, &name);
	struct expr_node *n = new_node(p, OP_NAME, name.at, 0);
	for (size_t i = 0; i < COUNT(words); i++)
		if (str_eq(words[i].name, name.text)) {
			n->op = OP_VALUE;
			n->value = words[i].value;
			return n;
		}
	n->path = arena_alloc(&p->e->arena, EXPR_PATH_MAX * sizeof(*n->path));
	n->path[n->npath++] = name.text;
	return n;
}

static struct expr_node *parse_primary(struct parser *p)
{
	size_t at = p->tok.at;
	struct expr_node *n;
	if (p->tok.kind == TOKEN_NAME)
		return parse_name(p);
	if (p->tok.kind == TOKEN_NUMBER || p->tok.kind == TOKEN_TEXT) {
		n = new_node(p, OP_VALUE, at, 0);
		n->value = p->tok.kind == TOKEN_NUMBER ? val_number(p->tok.number) :
							 val_text(p->tok.text, p->tok.len);
		return advance(p) ? n : NULL;
	}
	if (is_sign(p, "["))
		return advance(p) ? parse_kids(p, OP_LIST, at, "]") : NULL;
	if (!is_sign(p, "("))
		return expected(p, _("a value"));
	if (!advance(p) || !(n = parse_choice(p)) || !expect_sign(p, ")"))
		return NULL;
	return n;
}

/* `what` with one more step: part of the name as long as that is constant, an index afterwards. */
static struct expr_node *add_step(struct parser *p, struct expr_node *what, struct expr_node *step)
{
	if (what->op == OP_NAME && step->op == OP_VALUE && step->value.type == JSON_STRING) {
		if (what->npath < EXPR_PATH_MAX) {
			what->path[what->npath++] = step->value.text;
			return what;
		}
		p->bad = step->at;
		err_note(p->err, ERR_INVALID, _("a name has at most %d parts"), EXPR_PATH_MAX);
		return NULL;
	}
	struct expr_node *n = new_node(p, OP_INDEX, step->at, 2);
	n->kids[0] = what;
	n->kids[1] = step;
	return measure(p, n);
}

static struct expr_node *parse_postfix(struct parser *p)
{
	struct expr_node *n = parse_primary(p);
	while (n) {
		struct expr_node *step;
		if (is_sign(p, ".")) {
			if (!advance(p))
				return NULL;
			if (p->tok.kind != TOKEN_NAME)
				return expected(p, _("a name"));
			step = new_node(p, OP_VALUE, p->tok.at, 0);
			step->value = val_text(p->tok.text, p->tok.len);
			if (!advance(p))
				return NULL;
		} else if (is_sign(p, "[")) {
			if (!advance(p) || !(step = parse_choice(p)) || !expect_sign(p, "]"))
				return NULL;
		} else {
			return n;
		}
		n = add_step(p, n, step);
	}
	return NULL;
}

static bool deeper(struct parser *p)
{
	if (++p->depth <= EXPR_DEPTH_MAX)
		return true;
	p->bad = p->tok.at;
	err_note(p->err, ERR_INVALID, _("nested deeper than %d"), EXPR_DEPTH_MAX);
	return false;
}

static struct expr_node *parse_unary(struct parser *p)
{
	if (!is_sign(p, "!") && !is_sign(p, "-"))
		return parse_postfix(p);
	struct expr_node *n = new_node(p, is_sign(p, "!") ? OP_NOT : OP_MINUS, p->tok.at, 1);
	if (!deeper(p) || !advance(p) || !(n->kids[0] = parse_unary(p)))
		return NULL;
	p->depth--;
	return measure(p, n);
}

static int operator_here(const struct parser *p)
{
	if (p->tok.kind == TOKEN_SIGN || p->tok.kind == TOKEN_NAME)
		for (size_t i = 0; i < COUNT(operators); i++)
			if (str_eq(operators[i].sign, p->tok.text))
				return (int)i;
	return -1;
}

static struct expr_node *parse_binary(struct parser *p, int level)
{
	struct expr_node *left = parse_unary(p);
	while (left) {
		int which = operator_here(p);
		if (which < 0 || operators[which].level < level)
			return left;
		struct expr_node *n = new_node(p, operators[which].op, p->tok.at, 2);
		n->kids[0] = left;
		if (!advance(p) || !(n->kids[1] = parse_binary(p, operators[which].level + 1)))
			return NULL;
		left = measure(p, n);
	}
	return NULL;
}

static struct expr_node *parse_choice(struct parser *p)
{
	if (!deeper(p))
		return NULL;
	struct expr_node *n = parse_binary(p, 1);
	if (n && is_sign(p, "?")) {
		struct expr_node *choice = new_node(p, OP_CHOICE, p->tok.at, 3);
		choice->kids[0] = n;
		if (!advance(p) || !(choice->kids[1] = parse_choice(p)) || !expect_sign(p, ":") ||
		    !(choice->kids[2] = parse_choice(p)))
			return NULL;
		n = measure(p, choice);
	}
	p->depth--;
	return n;
}

enum err_code expr_parse(struct expr *e, const char *text, size_t len, size_t *ret_at,
			 struct err *err)
{
	struct parser p = { .lexer = { .text = text, .len = len, .arena = &e->arena },
			    .e = e, .err = err };
	if (advance(&p) && (e->root = parse_choice(&p)) && p.tok.kind != TOKEN_END) {
		e->root = NULL;
		expected(&p, _("an operator or the end"));
	}
	if (e->root)
		return ERR_OK;
	if (ret_at)
		*ret_at = p.bad;
	return ERR_INVALID;
}
