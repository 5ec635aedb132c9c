/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/regex.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define MATCH_LIMIT 1000000
#define HEAP_LIMIT_KIB (32 * 1024)

struct regex {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *context;
};

enum err_code regex_new(const char *pattern, unsigned int flags, struct regex **ret, struct err *err)
{
	size_t len = strlen(pattern);
	if (len > REGEX_MAX)
		return err_set(err, ERR_TOO_LARGE, _("pattern of %zu bytes; the limit is %d"), len, REGEX_MAX);
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
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
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without JIT it is slower, not wrong */
	struct regex *re = xcalloc(1, sizeof(*re));
	re->code = code;
	re->match = pcre2_match_data_create_from_pattern(code, NULL);
	re->context = pcre2_match_context_create(NULL);
	if (!re->match || !re->context)
		abort();
	(void)pcre2_set_match_limit(re->context, MATCH_LIMIT);
	(void)pcre2_set_heap_limit(re->context, HEAP_LIMIT_KIB);
	*ret = re;
	return ERR_OK;
}

void regex_free(struct regex *re)
{
	if (!re)
		return;
	pcre2_match_context_free(re->context);
	pcre2_match_data_free(re->match);
	pcre2_code_free(re->code);
	free(re);
}

bool regex_find(struct regex *re, const char *text, size_t len, size_t from, size_t *ret_start,
		size_t *ret_end, bool *ret_limited)
{
	if (from > len)
		return false;
	int rc = pcre2_match(re->code, (PCRE2_SPTR)text, len, from, 0, re->match, re->context);
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
