/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading a pattern in order to search many lines with it quickly: a text that every match
 * contains, and a form of the pattern whose matches stay within a line, so that one call goes
 * through a whole buffer. What is not understood here is searched line by line, which is right and
 * slower. */
#include "base/regex_internal.h"

#include "base/str.h"
#include "base/utf8.h"

#include <string.h>

struct reading {
	const char *p, *end;
	bool safe;     /* `out` is a form for many lines */
	bool readable; /* the meaning of the pattern is known at all */
	bool ascii;
	struct str out;
};

static void copy(struct reading *r, size_t n)
{
	str_add_len(&r->out, r->p, n);
	r->p += n;
}

static void replace(struct reading *r, size_t n, const char *with)
{
	str_add(&r->out, with);
	r->p += n;
}

/* The `n` bytes of the pattern at r->p stand for a character that begins with `first`. */
static void character(struct reading *r, size_t n, char first)
{
	r->safe &= first != '\n';
	r->ascii &= (unsigned char)first < 128;
	copy(r, n);
}

static bool alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void escape(struct reading *r)
{
	if (r->end - r->p < 2) {
		r->readable = false;
		return;
	}
	char c = r->p[1];
	if (!alnum(c)) {
		size_t n = MAX(utf8_len(r->p + 1, (size_t)(r->end - r->p - 1)), (size_t)1);
		character(r, n + 1, r->p[1]);
		return;
	}
	switch (c) {
	case 'd':
	case 'w':
	case 'S':
	case 'h':
	case 'N':
	case 'V':
	case 'b':
	case 'B':
	case 't':
	case 'r':
	case 'f':
	case 'e':
	case 'a':
		copy(r, 2);
		return;
	case 's':
		replace(r, 2, "[^\\S\\n]");
		return;
	case 'D':
		replace(r, 2, "[^\\d\\n]");
		return;
	case 'W':
		replace(r, 2, "[^\\w\\n]");
		return;
	case 'H':
		replace(r, 2, "[^\\h\\n]");
		return;
	default:
		break;
	}
	/* A reference to a group; with more digits it could be a character as well. */
	if (c >= '1' && c <= '9' && (r->end - r->p < 3 || !alnum(r->p[2]))) {
		copy(r, 2);
		return;
	}
	r->safe = false;
	/* \Q…\E quotes, \x and others have arguments: their end is not looked for. */
	if (strchr("AzZGKRXnv", c))
		copy(r, 2);
	else
		r->readable = false;
}

/* [:name:] inside of a class; those that hold the newline are told by *newline. */
static size_t posix_class(const char *p, const char *end, bool *newline)
{
	if (end - p < 4 || p[1] != ':')
		return 0;
	const char *close = memmem(p + 2, (size_t)(end - p - 2), ":]", 2);
	if (!close)
		return 0;
	size_t n = (size_t)(close + 2 - p);
	static const char *const without[] = { "[:alpha:]", "[:digit:]",  "[:alnum:]", "[:upper:]",
		                               "[:lower:]", "[:punct:]",  "[:blank:]", "[:graph:]",
		                               "[:print:]", "[:xdigit:]", "[:word:]" };
	for (size_t i = 0; i < COUNT(without); i++)
		if (strlen(without[i]) == n && memcmp(p, without[i], n) == 0)
			return n;
	*newline = true;
	return n;
}

/* The items of a class from `p` on. Returns its closing bracket, NULL if there is none; *newline
 * when the newline may be among them. */
static const char *class_items(const char *p, const char *end, bool *newline)
{
	const char *first = p;
	while (p < end && (*p != ']' || p == first)) {
		size_t n = 1;
		if (*p == '[')
			n = MAX(posix_class(p, end, newline), (size_t)1);
		else if (*p == '\\' && end - p > 1) {
			n = 2;
			if (alnum(p[1]) && !strchr("dwShtrfe", p[1]))
				*newline = true;
			if (p[1] == 'Q' || p[1] == 'E')
				return NULL;
		} else if (*p == '\n') {
			*newline = true;
		}
		/* A range: only from a printed character on it is sure not to hold the newline. */
		bool range = end - p > (ptrdiff_t)n + 1 && p[n] == '-' && p[n + 1] != ']';
		if (range && (n > 1 || (unsigned char)*p <= ' '))
			*newline = true;
		p += n;
	}
	return p < end ? p : NULL;
}

static void class(struct reading *r)
{
	bool negated = r->end - r->p > 1 && r->p[1] == '^', newline = false;
	const char *items = r->p + 1 + negated;
	const char *close = class_items(items, r->end, &newline);
	if (!close) {
		r->readable = false;
		return;
	}
	size_t n = (size_t)(close + 1 - r->p);
	if (!newline && !negated) {
		copy(r, n);
		return;
	}
	if (negated) {
		str_add(&r->out, "[^\\n");
		if (*items == ']' || *items == '-' || *items == '^')
			str_add_char(&r->out, '\\');
	} else {
		str_add(&r->out, "(?:(?!\\n)[");
	}
	str_add_len(&r->out, items, (size_t)(close + 1 - items));
	replace(r, n, negated ? "" : ")");
}

static void group(struct reading *r)
{
	static const struct {
		const char *opening;
		bool safe;
	} known[] = { { "(?:", true },   { "(?=", false },  { "(?!", false },
		      { "(?<=", false }, { "(?<!", false }, { "(?>", false } };
	size_t left = (size_t)(r->end - r->p);
	if (left < 2 || (r->p[1] != '?' && r->p[1] != '*')) {
		copy(r, 1);
		return;
	}
	for (size_t i = 0; i < COUNT(known); i++) {
		size_t n = strlen(known[i].opening);
		if (n <= left && memcmp(r->p, known[i].opening, n) == 0) {
			r->safe &= known[i].safe;
			copy(r, n);
			return;
		}
	}
	const char *name = memchr(r->p, '<', MIN(left, (size_t)4)), *close = NULL;
	if (name && (name == r->p + 2 || (name == r->p + 3 && r->p[2] == 'P')))
		close = memchr(name, '>', (size_t)(r->end - name));
	if (close)
		copy(r, (size_t)(close + 1 - r->p));
	else
		r->readable = false; /* options, verbs, conditions, recursion */
}

size_t regex_quantifier(const char *p, const char *end, unsigned int *least)
{
	*least = *p == '+';
	if (strchr("*+?", *p))
		return 1;
	const char *at = p + 1;
	while (at < end && *at >= '0' && *at <= '9')
		*least |= *at++ != '0';
	if (*p != '{' || at == p + 1)
		return 0;
	if (at < end && *at == ',')
		for (at++; at < end && *at >= '0' && *at <= '9'; at++)
			;
	return at < end && *at == '}' ? (size_t)(at + 1 - p) : 0;
}

static bool repeat(struct reading *r)
{
	unsigned int least;
	size_t n = regex_quantifier(r->p, r->end, &least);
	if (n == 0)
		return false;
	if (r->p + n < r->end && (r->p[n] == '?' || r->p[n] == '+')) {
		/* Possessive: where it stops depends on what follows the line. */
		r->safe &= r->p[n] == '?';
		n++;
	}
	copy(r, n);
	return true;
}

static void step(struct reading *r)
{
	switch (*r->p) {
	case '\\':
		escape(r);
		return;
	case '[':
		class(r);
		return;
	case '(':
		group(r);
		return;
	case '$':
		replace(r, 1, "(?=\\r?$)");
		return;
	case '^':
	case '.':
		copy(r, 1);
		return;
	case ')':
	case '|':
		copy(r, 1);
		return;
	default:
		break;
	}
	if (strchr("*+?{", *r->p) && *r->p && repeat(r))
		return;
	size_t n = MAX(utf8_len(r->p, (size_t)(r->end - r->p)), (size_t)1);
	character(r, n, *r->p);
}

static struct regex *compile(const struct str *pattern, unsigned int flags)
{
	struct regex *re = NULL;
	return pattern->len <= REGEX_MAX && regex_new(str_text(pattern), flags, &re, NULL) == ERR_OK
	           ? re
	           : NULL;
}

void regex_plan_init(struct regex_plan *plan, const struct regex *re)
{
	unsigned int flags;
	const char *pattern = regex_pattern(re, &flags);
	struct reading r = { .p = pattern,
		             .end = pattern + strlen(pattern),
		             .safe = true,
		             .readable = true,
		             .ascii = true };
	*plan = (struct regex_plan){ .fold = flags & REGEX_CASELESS };
	if (!(flags & REGEX_LITERAL) && str_starts(pattern, "(?i)")) {
		plan->fold = true;
		copy(&r, 4);
	}
	const char *body = r.p;
	while (r.p < r.end && r.readable) {
		if (flags & REGEX_LITERAL)
			character(&r, 1, *r.p);
		else
			step(&r);
	}
	if (r.readable)
		regex_texts_find(plan, body, flags);
	if (r.readable && r.safe) {
		unsigned int kept = flags & (REGEX_CASELESS | REGEX_LITERAL | REGEX_BYTES);
		plan->lines = compile(&r.out, kept | REGEX_MULTILINE);
		/* In bytes, a character of the pattern that is not ASCII would be several. */
		if (plan->lines && r.ascii)
			plan->lines_ascii = compile(&r.out, kept | REGEX_MULTILINE | REGEX_BYTES);
	}
	str_done(&r.out);
}

void regex_plan_done(struct regex_plan *plan)
{
	for (size_t i = 0; i < plan->ntexts; i++)
		free(plan->texts[i].p);
	regex_free(plan->lines);
	regex_free(plan->lines_ascii);
	*plan = (struct regex_plan){ 0 };
}
