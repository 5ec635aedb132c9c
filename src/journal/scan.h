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

/* Several texts, the first of any. */
#define SCAN_SET 16
struct scan_set {
	struct scan_text text[SCAN_SET]; /* rare[0]: where the bytes are that are looked at */
	size_t n, width;
	uint8_t low[3][32], high[3][32]; /* by half-bytes: the buckets of texts that may be there */
};

/* Each at least two bytes long. False when the machine cannot do it quickly. */
bool scan_set_init(struct scan_set *set, const struct scan_text *texts, size_t n);
/* Where one is that no other precedes by a line: texts hold no newline. Or SCAN_NONE. */
size_t scan_set_find(const struct scan_set *set, const char *p, size_t len);

/* Whether all bytes are below 128. */
bool scan_ascii(const char *p, size_t len);

#endif
