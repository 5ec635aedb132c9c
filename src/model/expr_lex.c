/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expressions: text to tokens. */
#include "model/expr_internal.h"
#include "base/utf8.h"

#include <math.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char peek(const struct lexer *l, size_t ahead)
{
	return l->at + ahead < l->len ? l->text[l->at + ahead] : '\0';
}

bool val_number_of(const char *text, size_t len, double *ret)
{
	struct json *v = NULL;
	if (!len || len > 64 || !(is_digit(text[0]) || text[0] == '-') || !is_digit(text[len - 1]) ||
	    json_parse(text, len, len, &v, NULL) != ERR_OK)
		return false;
	bool number = json_type(v) == JSON_NUMBER;
	if (number)
		*ret = json_num(v, 0);
	json_free(v);
	return number && isfinite(*ret);
}

static enum err_code lex_number(struct lexer *l, struct token *ret, struct err *err)
{
	size_t end = l->at;
	while (end < l->len &&
	       (is_digit(l->text[end]) || is_name_start(l->text[end]) || l->text[end] == '.' ||
		((l->text[end] == '+' || l->text[end] == '-') && (l->text[end - 1] | 32) == 'e')))
		end++;
	if (!val_number_of(l->text + l->at, end - l->at, &ret->number))
		return err_set(err, ERR_INVALID, _("not a number; a text stands in quotes"));
	ret->kind = TOKEN_NUMBER;
	ret->len = end - l->at;
	l->at = end;
	return ERR_OK;
}

/* '…': nothing is special but '' for one quote. */
static enum err_code lex_single(struct lexer *l, struct token *ret, struct err *err)
{
	size_t end = l->at + 1;
	while (end < l->len && (l->text[end] != '\'' || (end + 1 < l->len && l->text[end + 1] == '\'')))
		end += l->text[end] == '\'' ? 2 : 1;
	if (end >= l->len)
		return err_set(err, ERR_INVALID, _("the text that begins here does not end; close it with '"));
	char *copy = arena_alloc(l->arena, end - l->at);
	size_t n = 0;
	for (size_t i = l->at + 1; i < end; i++) {
		copy[n++] = l->text[i];
		if (l->text[i] == '\'')
			i++;
	}
	*ret = (struct token){ .kind = TOKEN_TEXT, .at = l->at, .text = copy, .len = n };
	l->at = end + 1;
	return ERR_OK;
}

/* "…": a JSON string. */
static enum err_code lex_double(struct lexer *l, struct token *ret, struct err *err)
{
	size_t end = l->at + 1;
	while (end < l->len && l->text[end] != '"')
		end += l->text[end] == '\\' ? 2 : 1;
	if (end >= l->len)
		return err_set(err, ERR_INVALID,
			       _("the text that begins here does not end; close it with \""));
	auto_json *v = NULL;
	if (json_parse(l->text + l->at, end + 1 - l->at, EXPR_MAX, &v, NULL) != ERR_OK)
		return err_set(err, ERR_INVALID,
			       _("a text in \"…\" is written as in JSON; in '…' a backslash is just itself"));
	const char *text = json_str(v, "");
	size_t len = strlen(text);
	*ret = (struct token){ .kind = TOKEN_TEXT, .at = l->at, .len = len,
			       .text = arena_text(l->arena, text, len) };
	l->at = end + 1;
	return ERR_OK;
}

static enum err_code lex_name(struct lexer *l, bool member, struct token *ret)
{
	size_t end = l->at;
	while (end < l->len && (is_name_start(l->text[end]) || is_digit(l->text[end]) ||
				(member && l->text[end] == '-')))
		end++;
	*ret = (struct token){ .kind = TOKEN_NAME, .at = l->at, .len = end - l->at,
			       .text = arena_text(l->arena, l->text + l->at, end - l->at) };
	l->at = end;
	return ERR_OK;
}

static enum err_code lex_sign(struct lexer *l, struct token *ret, struct err *err)
{
	static const char *const two[] = { "==", "!=", "<=", ">=", "&&", "||" };
	size_t len = 0;
	for (size_t i = 0; i < COUNT(two) && !len; i++)
		if (peek(l, 0) == two[i][0] && peek(l, 1) == two[i][1])
			len = 2;
	if (!len && strchr("!-+*/%<>?:()[],.", peek(l, 0)))
		len = 1;
	if (!len) {
		auto_str safe = STR_INIT;
		size_t n = utf8_len(l->text + l->at, l->len - l->at);
		text_add_safe(&safe, l->text + l->at, n ? n : 1, SAFE_PLAIN, false);
		const char *instead = peek(l, 0) == '=' ? "==" : peek(l, 0) == '&' ? "&&" :
				      peek(l, 0) == '|' ? "||" : NULL;
		if (instead)
			return err_set(err, ERR_INVALID, _("'%s' means nothing here; write '%s'"),
				       str_text(&safe), instead);
		return err_set(err, ERR_INVALID, _("'%s' means nothing here"), str_text(&safe));
	}
	*ret = (struct token){ .kind = TOKEN_SIGN, .at = l->at, .len = len,
			       .text = arena_text(l->arena, l->text + l->at, len) };
	l->at += len;
	return ERR_OK;
}

enum err_code expr_lex(struct lexer *l, bool member, struct token *ret, struct err *err)
{
	while (l->at < l->len && strchr(" \t\r\n", l->text[l->at]))
		l->at++;
	*ret = (struct token){ .kind = TOKEN_END, .at = l->at, .text = "" };
	char c = peek(l, 0);
	if (l->at >= l->len)
		return ERR_OK;
	if (is_name_start(c) || (member && is_digit(c)))
		return lex_name(l, member, ret);
	if (is_digit(c))
		return lex_number(l, ret, err);
	if (c == '\'')
		return lex_single(l, ret, err);
	if (c == '"')
		return lex_double(l, ret, err);
	return lex_sign(l, ret, err);
}
