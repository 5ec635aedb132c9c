/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UTF-8, and making untrusted text safe for a terminal. */
#ifndef PAWL_BASE_UTF8_H
#define PAWL_BASE_UTF8_H

#include "base/str.h"

/* Length (1..4) of the well-formed character at `p`, 0 if there is none. */
size_t utf8_len(const char *p, size_t n);
/* As utf8_len(), and the code point in *ret_cp. */
size_t utf8_decode(const char *p, size_t n, uint32_t *ret_cp);
/* Whether all is well-formed; otherwise *ret_bad (may be NULL) is the offset of the first bad byte. */
bool utf8_valid(const char *p, size_t n, size_t *ret_bad);
/* The largest length ≤ n that does not cut a character. */
size_t utf8_floor(const char *p, size_t n);

/* Append the character `cp` (a Unicode scalar value). */
void utf8_add(struct str *s, uint32_t cp);

/* How text_add_safe() treats what could control a terminal. */
enum safe_mode {
	SAFE_PLAIN, /* every control character is made visible */
	SAFE_SGR,   /* colour sequences (SGR) that are well-formed are kept, re-written; others go */
};
/* Append `text` so that no byte of it can control a terminal: C0 (but TAB), DEL, C1 and invalid
 * bytes become \xNN, \r and \b symbols, bidirectional controls <U+202E>, more than 4 combining
 * marks in a row are dropped. A newline is kept only if `newlines`. */
void text_add_safe(struct str *s, const char *text, size_t len, enum safe_mode mode, bool newlines);
/* Columns on a terminal (wcwidth of the current locale); safe text only. */
size_t text_width(const char *text, size_t len);
/* Append `text` and the blanks that it lacks to fill `columns`. */
void text_add_column(struct str *s, const char *text, size_t columns);
/* Bytes of `text` that fit into `columns`. */
size_t text_fit(const char *text, size_t len, size_t columns);

#endif
