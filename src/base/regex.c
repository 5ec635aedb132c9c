/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/regex_internal.h"

#include "base/str.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 1000000
#define HEAP_LIMIT_KIB (32 * 1024)
#define JIT_STACK_FIRST (32 * KIB)
#define JIT_STACK_MAX MIB

struct regex {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	bool jit;
	char *pattern;
	unsigned int flags;
};

const char *regex_skip_class(const char *p, const char *end)
{
	const char *first = p + 1 + (end - p > 1 && p[1] == '^');
	for (p = first; p < end && (*p != ']' || p == first); p++) {
		if (*p == '\\' && end - p > 1) {
			p++;
		} else if (*p == '[' && end - p > 1 && p[1] == ':') {
			const char *close = memmem(p + 2, (size_t)(end - p - 2), ":]", 2);
			p = close ? close + 1 : p;
		}
	}
	return p < end ? p + 1 : end;
}

/* In texts that may be invalid UTF-8, the machine code of PCRE2 10.42 takes \D, \W and \S for ASCII
 * characters only. Written as classes they are right. */
static void mend(const char *pattern, size_t len, struct str *out)
{
	const char *end = pattern + len;
	for (const char *p = pattern; p < end;) {
		size_t n = 1;
		if (*p == '[') {
			n = (size_t)(regex_skip_class(p, end) - p);
		} else if (*p == '\\' && end - p > 1) {
			n = 2;
			if (p[1] == 'Q') {
				const char *close = memmem(p, (size_t)(end - p), "\\E", 2);
				n = close ? (size_t)(close + 2 - p) : (size_t)(end - p);
			} else if (p[1] == 'D' || p[1] == 'W' || p[1] == 'S') {
				str_addf(out, "[^\\%c]", p[1] | 0x20);
				p += 2;
				continue;
			}
		}
		str_add_len(out, p, n);
		p += n;
	}
}

/* Compile what means the same and is right with JIT; NULL when there is no need. */
static pcre2_code *compile_mended(const char *pattern, size_t len, uint32_t options)
{
	if (!(options & PCRE2_UTF) || (options & PCRE2_LITERAL))
		return NULL;
	auto_str mended = STR_INIT;
	mend(pattern, len, &mended);
	int number;
	PCRE2_SIZE offset;
	return mended.len == len ? NULL :
				   pcre2_compile((PCRE2_SPTR)mended.p, mended.len, options, &number, &offset, NULL);
}

enum err_code regex_new(const char *pattern, unsigned int flags, struct regex **ret, struct err *err)
{
	size_t len = strlen(pattern);
	if (len > REGEX_MAX)
		return err_set(err, ERR_TOO_LARGE, _("pattern of %zu bytes; the limit is %d"), len, REGEX_MAX);
	uint32_t options = PCRE2_NEVER_BACKSLASH_C;
	if (!(flags & REGEX_BYTES))
		options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
	if (flags & REGEX_CASELESS)
		options |= PCRE2_CASELESS;
	if (flags & REGEX_MULTILINE)
		options |= PCRE2_MULTILINE;
	if (flags & REGEX_LITERAL) {
		/* PCRE2_LITERAL takes few other options; caseless and UTF are among them. */
		options = PCRE2_LITERAL | (options & (PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_CASELESS));
	}
	int number;
	PCRE2_SIZE offset;
	pcre2_code *code =
		pcre2_compile((PCRE2_SPTR)pattern, len, options, &number, &offset, NULL);
	if (!code) {
		PCRE2_UCHAR why[128];
		(void)pcre2_get_error_message(number, why, sizeof(why));
		return err_set(err, ERR_USAGE, _("pattern \"%.60s\", at character %zu: %s"), pattern,
			       (size_t)offset + 1, (char *)why);
	}
	pcre2_code *mended = compile_mended(pattern, len, options);
	if (mended) {
		pcre2_code_free(code);
		code = mended;
	}
	struct regex *re = xcalloc(1, sizeof(*re));
	re->code = code;
	re->jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0; /* without, it is slower, not wrong */
	re->pattern = xstrdup(pattern);
	re->flags = flags;
	re->match = pcre2_match_data_create_from_pattern(code, NULL);
	re->context = pcre2_match_context_create(NULL);
	if (!re->match || !re->context)
		abort();
	(void)pcre2_set_match_limit(re->context, MATCH_LIMIT);
	(void)pcre2_set_heap_limit(re->context, HEAP_LIMIT_KIB);
	if (re->jit)
		re->stack = pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK_MAX, NULL);
	if (re->stack)
		pcre2_jit_stack_assign(re->context, NULL, re->stack);
	*ret = re;
	return ERR_OK;
}

void regex_free(struct regex *re)
{
	if (!re)
		return;
	pcre2_match_context_free(re->context);
	pcre2_match_data_free(re->match);
	pcre2_jit_stack_free(re->stack);
	pcre2_code_free(re->code);
	free(re->pattern);
	free(re);
}

bool regex_find(struct regex *re, const char *text, size_t len, size_t from, size_t *ret_start,
		size_t *ret_end, bool *ret_limited)
{
	if (from > len)
		return false;
	/* What pcre2_match() checks beforehand is so here: the machine code takes invalid UTF-8, too. */
	int rc = re->jit ? pcre2_jit_match(re->code, (PCRE2_SPTR)text, len, from, 0, re->match, re->context) :
			   pcre2_match(re->code, (PCRE2_SPTR)text, len, from, 0, re->match, re->context);
	if (ret_limited)
		*ret_limited = rc < 0 && rc != PCRE2_ERROR_NOMATCH;
	if (rc < 0)
		return false;
	return regex_group(re, 0, ret_start, ret_end);
}

bool regex_group(struct regex *re, unsigned int n, size_t *ret_start, size_t *ret_end)
{
	if (n >= pcre2_get_ovector_count(re->match))
		return false;
	const PCRE2_SIZE *v = pcre2_get_ovector_pointer(re->match);
	size_t start = v[2 * (size_t)n], end = v[2 * (size_t)n + 1];
	if (start == PCRE2_UNSET || end == PCRE2_UNSET)
		return false;
	*ret_start = start;
	*ret_end = end;
	return true;
}

const char *regex_pattern(const struct regex *re, unsigned int *ret_flags)
{
	*ret_flags = re->flags;
	return re->pattern;
}
