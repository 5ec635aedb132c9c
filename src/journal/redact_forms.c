/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The encodings in which a secret may turn up. */
#include "journal/redact_set.h"

#include "base/utf8.h"

#include <string.h>

static void add_str(struct redact_set *set, const struct str *s)
{
	redact_pattern(set, str_text(s), s->len, 0);
}

static const char base64_plain[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The characters of base64 that depend on the value alone when `shift` unknown bytes precede it:
 * those at the edges, which carry bits of their neighbours, are left away. */
static void add_base64(struct redact_set *set, const char *value, size_t len, size_t shift,
                       const char *alphabet)
{
	size_t first = (8 * shift + 5) / 6, end = 8 * (shift + len) / 6;
	auto_str s = STR_INIT;
	for (size_t i = first; i < end; i++) {
		unsigned int bits = 0;
		for (size_t k = 0; k < 6; k++) {
			size_t bit = 6 * i + k - 8 * shift;
			bits = bits << 1 | ((unsigned char)value[bit / 8] >> (7 - bit % 8) & 1);
		}
		str_add_char(&s, alphabet[bits]);
	}
	add_str(set, &s);
}

static void add_hex(struct redact_set *set, const char *value, size_t len, const char *digits)
{
	auto_str s = STR_INIT;
	for (size_t i = 0; i < len; i++) {
		str_add_char(&s, digits[(unsigned char)value[i] >> 4]);
		str_add_char(&s, digits[(unsigned char)value[i] & 15]);
	}
	add_str(set, &s);
}

/* Percent-encoding: `safe` are the characters that stay besides letters and digits. */
static void add_percent(struct redact_set *set, const char *value, size_t len, const char *safe,
                        bool plus, const char *digits)
{
	auto_str s = STR_INIT;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];
		bool alnum =
		    (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (alnum || (c && strchr(safe, c))) {
			str_add_char(&s, (char)c);
		} else if (plus && c == ' ') {
			str_add_char(&s, '+');
		} else {
			str_add_char(&s, '%');
			str_add_char(&s, digits[c >> 4]);
			str_add_char(&s, digits[c & 15]);
		}
	}
	add_str(set, &s);
}

struct json_style {
	const char *digits; /* of \u escapes */
	bool ascii, slash, html;
};

static void add_u16(struct str *s, unsigned int unit, const char *digits)
{
	str_add(s, "\\u");
	for (int shift = 12; shift >= 0; shift -= 4)
		str_add_char(s, digits[unit >> shift & 15]);
}

static void json_char(struct str *s, const char *bytes, size_t n, uint32_t cp,
                      const struct json_style *style)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const char *at = cp && cp < 128 ? strchr(plain, (int)cp) : NULL;
	if (at) {
		str_add_char(s, '\\');
		str_add_char(s, letter[at - plain]);
	} else if (cp == '/' && style->slash) {
		str_add(s, "\\/");
	} else if (cp < 0x20 || (style->html && (cp == '<' || cp == '>' || cp == '&')) ||
	           (style->ascii && cp >= 0x7f && cp < 0x10000)) {
		add_u16(s, cp, style->digits);
	} else if (style->ascii && cp >= 0x10000) {
		add_u16(s, 0xd800 + ((cp - 0x10000) >> 10), style->digits);
		add_u16(s, 0xdc00 + ((cp - 0x10000) & 0x3ff), style->digits);
	} else {
		str_add_len(s, bytes, n);
	}
}

static void add_json(struct redact_set *set, const char *value, size_t len,
                     const struct json_style *style)
{
	auto_str s = STR_INIT;
	for (size_t i = 0; i < len;) {
		uint32_t cp;
		size_t n = utf8_decode(value + i, len - i, &cp);
		if (n)
			json_char(&s, value + i, n, cp, style);
		else
			str_add_char(&s, value[i]);
		i += n ? n : 1;
	}
	add_str(set, &s);
}

static void add_escapes(struct redact_set *set, const char *value, size_t len)
{
	static const char upper[] = "0123456789ABCDEF", lower[] = "0123456789abcdef";
	/* clang-format off */
	static const struct json_style styles[] = {
		{ lower },
		{ upper },
		{ lower, .ascii = true },
		{ upper, .ascii = true },
		{ lower, .slash = true },
		{ lower, .ascii = true, .slash = true },
		{ lower, .html = true },
	};
	/* clang-format on */
	for (size_t i = 0; i < COUNT(styles); i++)
		add_json(set, value, len, &styles[i]);
	/* Space as + is what forms do; which marks stay differs from language to language. */
	static const char *const plain[] = { "-_.~", "-_.!~*'()", "-_.~/" };
	static const char *const plus[] = { "-_.", "-_.*", "-_.~" };
	for (int i = 0; i < 2; i++) {
		const char *digits = i ? lower : upper;
		add_hex(set, value, len, digits);
		for (size_t k = 0; k < COUNT(plain); k++)
			add_percent(set, value, len, plain[k], false, digits);
		for (size_t k = 0; k < COUNT(plus); k++)
			add_percent(set, value, len, plus[k], true, digits);
	}
}

/* Programs that wrap base64 at 64 or 76 columns cut a long value into pieces. */
static void add_wrapped(struct redact_set *set, const char *value, size_t len, size_t columns)
{
	size_t piece = columns / 4 * 3;
	if (len <= piece)
		return;
	for (size_t at = 0; at < len; at += piece)
		add_base64(set, value + at, MIN(piece, len - at), 0, base64_plain);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Each line of a value of several lines: programs print them with prefixes, or one by one. */
static void add_lines(struct redact_set *set, const char *value, size_t len)
{
	const char *at = value, *end = value + len;
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;
		while (at < stop && blank(*at))
			at++;
		while (stop > at && blank(stop[-1]))
			stop--;
		size_t n = (size_t)(stop - at);
		if (n >= SECRET_MIN && n < len) {
			redact_pattern(set, at, n, 0);
			add_escapes(set, at, n);
		}
		at = newline ? newline + 1 : end;
	}
}

void redact_add_forms(struct redact_set *set, const char *value, size_t len)
{
	redact_pattern(set, value, len, 0);
	for (size_t shift = 0; shift < 3; shift++) {
		add_base64(set, value, len, shift, base64_plain);
		add_base64(set, value, len, shift, base64_url);
	}
	add_wrapped(set, value, len, 64);
	add_wrapped(set, value, len, 76);
	add_escapes(set, value, len);
	if (memchr(value, '\n', len))
		add_lines(set, value, len);
}
