/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/utf8.h"

#include <string.h>
#include <wchar.h>

#define COMBINING_MAX 4

size_t utf8_decode(const char *text, size_t n, uint32_t *ret_cp)
{
	const unsigned char *p = (const unsigned char *)text;
	if (n == 0)
		return 0;
	if (p[0] < 0x80) {
		*ret_cp = p[0];
		return 1;
	}
	size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n < len)
		return 0;
	uint32_t cp = p[0] & (0xffU >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (cp < least[len] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return 0;
	*ret_cp = cp;
	return len;
}

size_t utf8_len(const char *p, size_t n)
{
	uint32_t cp;
	return utf8_decode(p, n, &cp);
}

bool utf8_valid(const char *p, size_t n, size_t *ret_bad)
{
	for (size_t i = 0; i < n;) {
		if ((unsigned char)p[i] < 0x80) {
			i++;
			continue;
		}
		size_t len = utf8_len(p + i, n - i);
		if (!len) {
			if (ret_bad)
				*ret_bad = i;
			return false;
		}
		i += len;
	}
	return true;
}

size_t utf8_floor(const char *p, size_t n)
{
	size_t start = n;
	while (start > 0 && n - start < 4) {
		start--;
		unsigned char c = (unsigned char)p[start];
		if (c < 0x80)
			return n;
		if (c >= 0xc0) {
			size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
			return start + len <= n ? n : start;
		}
	}
	return n;
}

void utf8_add(struct str *s, uint32_t cp)
{
	if (cp < 0x80) {
		str_add_char(s, (char)cp);
		return;
	}
	unsigned int more = cp < 0x800 ? 1 : cp < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	str_add_char(s, (char)(lead[more] | (cp >> (6 * more))));
	while (more-- > 0)
		str_add_char(s, (char)(0x80 | ((cp >> (6 * more)) & 0x3f)));
}

static bool is_bidi(uint32_t cp)
{
	return (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0x200e ||
	       cp == 0x200f || cp == 0x061c;
}

static bool is_combining(uint32_t cp)
{
	return (cp >= 0x300 && cp <= 0x36f) || (cp >= 0x483 && cp <= 0x489) ||
	       (cp >= 0x591 && cp <= 0x5bd) || (cp >= 0x610 && cp <= 0x61a) ||
	       (cp >= 0x64b && cp <= 0x65f) || (cp >= 0xe31 && cp <= 0xe3a) ||
	       (cp >= 0xe47 && cp <= 0xe4e) || (cp >= 0x1ab0 && cp <= 0x1aff) ||
	       (cp >= 0x1dc0 && cp <= 0x1dff) || (cp >= 0x20d0 && cp <= 0x20ff) ||
	       (cp >= 0xfe00 && cp <= 0xfe0f) || (cp >= 0xfe20 && cp <= 0xfe2f) || cp == 0x200d ||
	       (cp >= 0xe0100 && cp <= 0xe01ef);
}

/* Length of a well-formed SGR sequence "ESC [ digits ; : m" at `p`, 0 if it is none. */
static size_t sgr_len(const char *p, size_t n)
{
	if (n < 3 || p[0] != 0x1b || p[1] != '[')
		return 0;
	for (size_t i = 2; i < n && i < 64; i++) {
		if (p[i] == 'm')
			return i + 1;
		if (!((p[i] >= '0' && p[i] <= '9') || p[i] == ';' || p[i] == ':'))
			return 0;
	}
	return 0;
}

/* Length of an escape sequence that is not kept (CSI, OSC, …), for leaving it out as a whole. */
static size_t escape_len(const char *p, size_t n)
{
	if (n < 2 || p[0] != 0x1b)
		return 0;
	if (p[1] == '[') {
		for (size_t i = 2; i < n && i < 64; i++)
			if (p[i] >= 0x40 && p[i] <= 0x7e)
				return i + 1;
		return 0;
	}
	if (p[1] == ']') {
		for (size_t i = 2; i < n && i < 4096; i++) {
			if (p[i] == 0x07)
				return i + 1;
			if (p[i] == 0x1b && i + 1 < n && p[i + 1] == '\\')
				return i + 2;
		}
	}
	return 0;
}

void text_add_safe(struct str *s, const char *text, size_t len, enum safe_mode mode, bool newlines)
{
	int combining = 0;
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)text[i];
		if ((c >= 0x20 && c < 0x7f) || c == '\t' || (c == '\n' && newlines)) {
			combining = 0;
			str_add_char(s, (char)c);
			i++;
			continue;
		}
		if (c == 0x1b && mode == SAFE_SGR) {
			size_t n = sgr_len(text + i, len - i);
			if (n) {
				str_add_len(s, text + i, n);
				i += n;
				continue;
			}
			n = escape_len(text + i, len - i);
			if (n) {
				i += n;
				continue;
			}
		}
		uint32_t cp = 0;
		size_t n = c >= 0x80 ? utf8_decode(text + i, len - i, &cp) : 0;
		if (n == 0 || cp < 0xa0) {
			str_addf(s, "\\x%02X", c);
			if (n > 1)
				str_addf(s, "\\x%02X", (unsigned char)text[i + 1]);
			i += n ? n : 1;
			combining = 0;
			continue;
		}
		if (is_bidi(cp)) {
			str_addf(s, "<U+%04X>", cp);
		} else if (is_combining(cp)) {
			if (combining++ < COMBINING_MAX)
				str_add_len(s, text + i, n);
		} else {
			combining = 0;
			str_add_len(s, text + i, n);
		}
		i += n;
	}
}

static size_t char_width(uint32_t cp)
{
	if (cp < 0x80)
		return 1;
	int w = wcwidth((wchar_t)cp);
	return w < 0 ? 1 : (size_t)w;
}

size_t text_width(const char *text, size_t len)
{
	size_t columns = 0;
	for (size_t i = 0; i < len;) {
		uint32_t cp = 0;
		size_t n = utf8_decode(text + i, len - i, &cp);
		columns += n ? char_width(cp) : 1;
		i += n ? n : 1;
	}
	return columns;
}

void text_add_column(struct str *s, const char *text, size_t columns)
{
	size_t has = text_width(text, strlen(text));
	str_add(s, text);
	for (; has < columns; has++)
		str_add_char(s, ' ');
}

size_t text_fit(const char *text, size_t len, size_t columns)
{
	size_t used = 0, i = 0;
	while (i < len) {
		uint32_t cp = 0;
		size_t n = utf8_decode(text + i, len - i, &cp);
		size_t w = n ? char_width(cp) : 1;
		if (used + w > columns)
			break;
		used += w;
		i += n ? n : 1;
	}
	return i;
}
