/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Regular expressions: PCRE2 with JIT, UTF-8 where the text is, and limits so that no pattern hangs. */
#ifndef PAWL_BASE_REGEX_H
#define PAWL_BASE_REGEX_H

#include "base/err.h"

#define REGEX_MAX 4096 /* bytes of a pattern */

struct regex;

enum regex_flags {
	REGEX_CASELESS = 1,
	REGEX_LITERAL = 2,   /* the pattern is plain text */
	REGEX_MULTILINE = 4, /* ^ and $ match at lines */
	REGEX_BYTES = 8,     /* characters are bytes: faster, and the same on ASCII */
};

/* Compile; the error names the offset in the pattern. */
enum err_code regex_new(const char *pattern, unsigned int flags, struct regex **ret,
			struct err *err) MUST_CHECK;
void regex_free(struct regex *re);
static inline void regex_free_p(struct regex **p)
{
	regex_free(*p);
}
#define auto_regex CLEANUP(regex_free_p) struct regex

/* First match in text[from..len): true and its bounds. Bytes that are not UTF-8 never match but do
 * no harm. When a match limit is hit the answer is false and *ret_limited (may be NULL) is set. */
bool regex_find(struct regex *re, const char *text, size_t len, size_t from, size_t *ret_start,
		size_t *ret_end, bool *ret_limited);
/* Bounds of group `n` of the last match; false if it took no part. */
bool regex_group(struct regex *re, unsigned int n, size_t *ret_start, size_t *ret_end);

/* The pattern that it was made of, and its flags. */
const char *regex_pattern(const struct regex *re, unsigned int *ret_flags);

/* How to find, in a text of many lines, those that match a pattern when each is taken by itself. What
 * the pattern does not allow is NULL. */
#define REGEX_TEXTS 16
struct regex_plan {
	/* One of these stands in every match; the case of ASCII letters is of no matter if `fold`. */
	struct {
		char *p;
		size_t len;
	} texts[REGEX_TEXTS];
	size_t ntexts; /* 0: none is known */
	bool fold;
	bool exact; /* there is one, and wherever it stands is a match */
	/* Matches many lines at once: no match goes over the end of a line, ^ and $ are at lines, and $ is
	 * before a carriage return, too. The second one is for ASCII only. */
	struct regex *lines, *lines_ascii;
};

void regex_plan_init(struct regex_plan *plan, const struct regex *re);
void regex_plan_done(struct regex_plan *plan);

#endif
