/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/id.h"

#include <ctype.h>
#include <string.h>

#define EPOCH_S 1735689600LL /* 2025-01-01, so that 31 bits of seconds last until 2093 */
#define RANDOM_BITS 14

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

struct id_text id_text(char kind, id_t64 id)
{
	struct id_text t = { "" };
	if (id <= 0)
		return t;
	t.s[0] = kind;
	t.s[1] = '-';
	for (int i = ID_CHARS; i > 0; i--, id >>= 5)
		t.s[i + 1] = digits[id & 31];
	return t;
}

static int digit_value(char c)
{
	c = (char)tolower((unsigned char)c);
	if (c == 'o')
		c = '0';
	if (c == 'i' || c == 'l')
		c = '1';
	const char *p = c ? strchr(digits, c) : NULL;
	return p ? (int)(p - digits) : -1;
}

enum err_code id_parse(char kind, const char *text, id_t64 *ret_first, id_t64 *ret_last,
		       struct err *err)
{
	const char *p = text;
	if (tolower((unsigned char)p[0]) == kind && p[1] == '-')
		p += 2;
	else if (p[0] && p[1] == '-')
		return err_set(err, ERR_USAGE, _("\"%.20s\" is not the id that is wanted here (%c-…)"), text,
			       kind);
	size_t len = strlen(p);
	if (len == 0 || len > ID_CHARS)
		return err_set(err, ERR_NOT_FOUND, _("\"%.40s\" is not an id"), text);
	id_t64 v = 0;
	for (size_t i = 0; i < len; i++) {
		int d = digit_value(p[i]);
		if (d < 0)
			return err_set(err, ERR_NOT_FOUND, _("\"%.40s\" is not an id"), text);
		v = v << 5 | d;
	}
	int rest = 5 * (ID_CHARS - (int)len);
	*ret_first = v << rest;
	*ret_last = (v << rest) | (((id_t64)1 << rest) - 1);
	return ERR_OK;
}

id_t64 id_next(id_t64 last, int64_t wall_ms, uint32_t random)
{
	int64_t seconds = wall_ms / 1000 - EPOCH_S;
	if (seconds < 0)
		seconds = 0;
	/* Half of the random range stays free above the start, for ids made in the same second. */
	id_t64 id = seconds << RANDOM_BITS | (random & ((1U << (RANDOM_BITS - 1)) - 1));
	return id > last ? id : last + 1;
}
