/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Public ids: a letter, a dash and nine characters of Crockford's base32 (crockford.com/base32.html),
 * lower case: "r-3f9k2m7qd". Inside they are 45-bit integers that grow with time, so that text order
 * is order of making, and a prefix is a range of integers. Nobody may parse meaning out of them. */
#ifndef PAWL_BASE_ID_H
#define PAWL_BASE_ID_H

#include "base/err.h"

#define ID_CHARS 9
#define ID_LEN (ID_CHARS + 2) /* "r-" and the characters */
typedef int64_t id_t64;      /* > 0; 0 is "none" */

struct id_text {
	char s[ID_LEN + 1];
};

/* The text of an id; `kind` is 'r' run, 'o' order. id 0 gives "". */
struct id_text id_text(char kind, id_t64 id);
/* Read a whole id or a prefix of one, with or without "r-"; upper case and the look-alikes o, i, l
 * are accepted. Sets the smallest and largest id that it can mean. */
enum err_code id_parse(char kind, const char *text, id_t64 *ret_first, id_t64 *ret_last,
		       struct err *err) MUST_CHECK;
/* The next id: from the clock and `random`, but always above `last`. */
id_t64 id_next(id_t64 last, int64_t wall_ms, uint32_t random);

#endif
