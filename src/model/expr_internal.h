/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the expression language share: tokens, the syntax tree, values. */
#ifndef PAWL_MODEL_EXPR_INTERNAL_H
#define PAWL_MODEL_EXPR_INTERNAL_H

#include "base/arena.h"
#include "model/expr.h"

#define EXPR_MAX (4 * KIB)         /* bytes of an expression */
#define EXPR_DEPTH_MAX 32          /* of brackets and the like */
#define EXPR_HEIGHT_MAX 256        /* of the tree: a chain such as a || b || … grows it, too */
#define EXPR_RESULT_MAX (64 * KIB) /* bytes of any text or result */
#define TMPL_RESULT_MAX (256 * KIB)/* bytes of a text or list with expressions in it */
#define EXPR_MEMORY_MAX (16 * MIB) /* of one evaluation */
#define EXPR_PATH_MAX 16           /* parts of a name */
#define EXPR_ARGS_MAX 16

/* ---- tokens ---- */

enum token_kind {
	TOKEN_END,
	TOKEN_NUMBER,
	TOKEN_TEXT,
	TOKEN_NAME,
	TOKEN_SIGN, /* one of the operators and brackets; `text` says which */
};

struct token {
	enum token_kind kind;
	size_t at;        /* offset in the expression */
	const char *text; /* of a name, a text (escapes resolved) or a sign; in the arena */
	size_t len;
	double number;
};

struct lexer {
	const char *text;
	size_t len, at;
	struct arena *arena;
};

/* The next token. After a dot, a name may begin with a digit and hold dashes. */
enum err_code expr_lex(struct lexer *l, bool member, struct token *ret, struct err *err) MUST_CHECK;

/* ---- values ---- */

struct val {
	enum json_type type;
	size_t n; /* bytes of the text, elements of the list, members of the object */
	union {
		bool yes;
		double number;
		const char *text; /* NUL-terminated */
		struct val *items;
	};
	const char **keys; /* of an object, beside `items` */
};

/* Copies of JSON in `arena`. */
struct val val_from_json(struct arena *arena, const struct json *v);
void val_add_json(struct str *out, const struct val *v);
/* As text: strings as they are, null as "", everything else as JSON. */
void val_add_text(struct str *out, const struct val *v);
bool val_truth(const struct val *v);
bool val_equal(const struct val *a, const struct val *b);
/* A text that is a JSON number, whole. */
bool val_number_of(const char *text, size_t len, double *ret);
const char *val_type_name(const struct val *v); /* "a number"; for messages */

static inline struct val val_null(void)
{
	return (struct val){ .type = JSON_NULL };
}
static inline struct val val_bool(bool yes)
{
	return (struct val){ .type = JSON_BOOL, .yes = yes };
}
static inline struct val val_number(double number)
{
	return (struct val){ .type = JSON_NUMBER, .number = number };
}
static inline struct val val_text(const char *text, size_t len)
{
	return (struct val){ .type = JSON_STRING, .text = text, .n = len };
}

/* ---- the tree ---- */

enum op {
	OP_VALUE, /* `value` */
	OP_LIST,  /* kids */
	OP_NAME,  /* path */
	OP_INDEX, /* kids: what, index */
	OP_CALL,  /* function, kids */
	OP_NOT, OP_MINUS,
	OP_AND, OP_OR, OP_CHOICE,
	OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD,
	OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_IN,
};

struct expr_function;

struct expr_node {
	enum op op;
	int height;
	size_t at; /* offset in the expression, for messages */
	struct val value;
	const char **path;
	size_t npath;
	const struct expr_function *function;
	struct expr_node **kids;
	size_t nkids;
};

struct expr {
	struct arena arena;
	struct expr_node *root;
	char *text; /* as it was written */
	bool asks_outcome;
};

enum err_code expr_parse(struct expr *e, const char *text, size_t len, size_t *ret_at,
			 struct err *err) MUST_CHECK;

/* As expr_names(), `shift` added to every offset. */
void expr_names_shifted(const struct expr *e, size_t shift,
			void (*fn)(void *ctx, const char *const *path, size_t npath, size_t at),
			void *ctx);

/* ---- evaluation ---- */

struct eval {
	struct arena arena;
	const struct expr_scope *scope;
};

enum err_code expr_eval_node(struct eval *ev, const struct expr_node *n, struct val *ret,
			     struct err *err) MUST_CHECK;
/* A text of the result's own, refused when it is longer than EXPR_RESULT_MAX. */
enum err_code eval_text(struct eval *ev, const struct str *text, struct val *ret,
			struct err *err) MUST_CHECK;

/* ---- functions ---- */

struct expr_function {
	const char *name;
	const char *usage; /* "split(text, separator)" */
	size_t min_args, max_args;
	const char *types; /* one letter an argument: t text, n number, l list, o object, c list or text,
	                    * x anything; the last one holds for all that follow */
	enum err_code (*call)(struct eval *ev, const struct val *args, size_t nargs, struct val *ret,
			      struct err *err);
	bool lazy;    /* default(): the first argument may be a name that does not exist */
	bool outcome; /* success() and the like: only in `when` */
};

const struct expr_function *expr_function_find(const char *name);
const struct expr_function *expr_functions(size_t *ret_n);

#endif
