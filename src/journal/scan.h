/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Going through many bytes quickly: newlines and plain text, with AVX2 where the processor has it.
 */
#ifndef PAWL_JOURNAL_SCAN_H
#define PAWL_JOURNAL_SCAN_H

#include "base/base.h"

/* How many newlines there are. */
size_t scan_newlines(const char *p, size_t len);
/* Go past `n` newlines. Returns the bytes gone past, `len` when there are not so many, and in
 * *ret_found how many newlines they hold. */
size_t scan_lines(const char *p, size_t len, size_t n, size_t *ret_found);

#endif
