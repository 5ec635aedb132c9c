/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Going through many bytes quickly: newlines and plain text, with AVX2 where the processor has it.
 */
#ifndef PAWL_JOURNAL_SCAN_H
#define PAWL_JOURNAL_SCAN_H

#include "base/base.h"

#define SCAN_NONE SIZE_MAX

/* How many newlines there are. */
size_t scan_newlines(const char *p, size_t len);
/* Go past `n` newlines. Returns the bytes gone past, `len` when there are not so many, and in
 * *ret_found how many newlines they hold. */
size_t scan_lines(const char *p, size_t len, size_t n, size_t *ret_found);

/* A text to look for. Letters of ASCII match in either case if `fold`. */
struct scan_text {
	const char *text; /* borrowed */
	size_t len;       /* > 0 */
	bool fold;
	size_t rare[2]; /* where its two rarest bytes are */
};

void scan_text_init(struct scan_text *t, const char *text, size_t len, bool fold);
/* Where it is first, or SCAN_NONE. */
size_t scan_find(const struct scan_text *t, const char *p, size_t len);
/* Whether all bytes are below 128. */
bool scan_ascii(const char *p, size_t len);

#endif
