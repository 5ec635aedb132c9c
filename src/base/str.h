/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growing byte string, always terminated by a NUL that `len` does not count. */
#ifndef PAWL_BASE_STR_H
#define PAWL_BASE_STR_H

#include "base/base.h"

#include <stdarg.h>

struct str {
	char *p; /* "" when nothing was added yet is not promised: use str_text() */
	size_t len, cap;
};

#define STR_INIT { NULL, 0, 0 }
#define auto_str CLEANUP(str_done) struct str

void str_done(struct str *s); /* frees the bytes; the struct is empty again */
void str_clear(struct str *s); /* keeps the memory */
void str_reserve(struct str *s, size_t more);
void str_add(struct str *s, const char *text);
void str_add_len(struct str *s, const void *bytes, size_t len);
void str_add_char(struct str *s, char c);
void str_add_u64(struct str *s, uint64_t v);
void str_add_i64(struct str *s, int64_t v);
void str_addf(struct str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void str_vaddf(struct str *s, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
void str_cut(struct str *s, size_t len); /* shorten to `len` */

/* The text, "" when empty; valid until the next change. */
static inline const char *str_text(const struct str *s)
{
	return s->p ? s->p : "";
}

/* Take the bytes out (never NULL); the string is empty afterwards. */
char *str_take(struct str *s);

#endif
