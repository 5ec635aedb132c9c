/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What differs in a log with each run: times, durations, ids, addresses, process numbers, names of temporary files. */
#include "journal/compare.h"

#include <ctype.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static size_t digits(const char *p, const char *end)
{
	size_t n = 0;
	while (p + n < end && is_digit(p[n]))
		n++;
	return n;
}

static size_t hex_digits(const char *p, const char *end)
{
	size_t n = 0;
	while (p + n < end && is_hex(p[n]))
		n++;
	return n;
}

/* Bytes of an escape sequence at p, 0: none begins here. */
static size_t escape(const char *p, const char *end)
{
	if (*p != '\033' || p + 1 >= end)
		return *p == '\033';
	const char *q = p + 2;
	if (p[1] == '[') {
		while (q < end && (unsigned char)*q >= 0x20 && (unsigned char)*q < 0x40)
			q++;
		return (size_t)(MIN(q + 1, end) - p);
	}
	if (p[1] == ']') {
		while (q < end && *q != '\a' && *q != '\033')
			q++;
		q += q < end && *q == '\033' ? 2 : 1;
		return (size_t)(MIN(q, end) - p);
	}
	return 2;
}

/* "8-4-4-4-12" hexadecimal digits. */
static size_t uuid(const char *p, const char *end)
{
	static const size_t groups[] = { 8, 4, 4, 4, 12 };
	const char *q = p;
	for (size_t i = 0; i < COUNT(groups); i++) {
		if (i && (q >= end || *q++ != '-'))
			return 0;
		if (hex_digits(q, end) != groups[i])
			return 0;
		q += groups[i];
	}
	return (size_t)(q - p);
}

/* ":dd" or "-dd". */
static size_t pair(const char *p, const char *end, char before)
{
	return p < end && *p == before && digits(p + 1, end) == 2 ? 3 : 0;
}

static size_t fraction(const char *p, const char *end)
{
	return p < end && (*p == '.' || *p == ',') && digits(p + 1, end) ? 1 + digits(p + 1, end) : 0;
}

static size_t zone(const char *p, const char *end)
{
	if (p < end && *p == 'Z')
		return 1;
	if (p >= end || (*p != '+' && *p != '-') || digits(p + 1, end) < 2)
		return 0;
	size_t n = digits(p + 1, end);
	return n == 4 ? 5 : n == 2 ? 3 + pair(p + 3, end, ':') : 0;
}

/* hh:mm:ss with what may follow; or hh:mm, where nothing else would begin so. */
static size_t clock_time(const char *p, const char *end, bool alone)
{
	size_t n = digits(p, end);
	if (n < 1 || n > 2)
		return 0;
	size_t minutes = pair(p + n, end, ':');
	size_t seconds = minutes ? pair(p + n + minutes, end, ':') : 0;
	if (!minutes || (!seconds && !(alone && n == 2)))
		return 0;
	n += minutes + seconds;
	n += seconds ? fraction(p + n, end) : 0;
	return n + zone(p + n, end);
}

static size_t date(const char *p, const char *end)
{
	if (digits(p, end) != 4 || p + 4 >= end)
		return 0;
	char between = p[4] == '/' ? '/' : '-';
	size_t month = pair(p + 4, end, between), day = month ? pair(p + 4 + month, end, between) : 0;
	if (!day)
		return 0;
	size_t n = 4 + month + day;
	if (p + n + 1 < end && (p[n] == 'T' || p[n] == ' ' || p[n] == '_')) {
		size_t t = clock_time(p + n + 1, end, true);
		n += t ? 1 + t : 0;
	}
	return n;
}

/* "12.5 s", "300ms": what follows the number is a unit of time. *ret_number is how long the number is. */
static size_t duration(const char *p, const char *end, size_t *ret_number)
{
	static const char *const units[] = { "ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "m",
					     "min", "mins", "minute", "minutes", "h", "hour", "hours" };
	size_t n = digits(p, end);
	n += fraction(p + n, end);
	*ret_number = n;
	const char *unit = p + n + (p + n < end && p[n] == ' ');
	size_t len = 0;
	while (unit + len < end && (isalpha((unsigned char)unit[len]) || (unsigned char)unit[len] >= 0x80))
		len++;
	for (size_t i = 0; i < COUNT(units); i++)
		if (strlen(units[i]) == len && !strncmp(units[i], unit, len) && !(unit > p + n && len == 1 && *unit != 's'))
			return (size_t)(unit - p) + len;
	return 0;
}

static bool ends_with(const struct str *s, const char *word)
{
	size_t len = strlen(word);
	return s->len >= len && !memcmp(s->p + s->len - len, word, len);
}

static bool after_month(const struct str *s)
{
	static const char *const months[] = { "Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ",
					      "Oct ", "Nov ", "Dec " };
	for (size_t i = 0; i < COUNT(months); i++)
		if (ends_with(s, months[i]))
			return true;
	return ends_with(s, "Jan  ") || (s->len > 4 && s->p[s->len - 1] == ' ' && s->p[s->len - 2] == ' ' &&
					 isupper((unsigned char)s->p[s->len - 5]));
}

static bool after_pid(const struct str *s)
{
	return ends_with(s, "pid ") || ends_with(s, "pid=") || ends_with(s, "pid: ") || ends_with(s, "PID ") ||
	       ends_with(s, "PID=") || ends_with(s, "PID: ");
}

/* What begins with a digit. Returns the bytes that were taken. */
static size_t number(const char *p, const char *end, struct str *out)
{
	bool alone = !out->len || strchr(" [(|\t=", out->p[out->len - 1]);
	size_t n = date(p, end), len;
	if (!n)
		n = uuid(p, end);
	if (!n)
		n = clock_time(p, end, alone);
	if (!n && p[0] == '0' && p + 2 < end && (p[1] == 'x' || p[1] == 'X') && hex_digits(p + 2, end))
		n = 2 + hex_digits(p + 2, end);
	if (n) {
		str_add_char(out, '#');
		return n;
	}
	n = duration(p, end, &len);
	if (n) {
		str_add_char(out, '#');
		str_add_len(out, p + len, n - len);
		return n;
	}
	n = digits(p, end);
	size_t hex = hex_digits(p, end);
	if (hex >= 7 && hex > n && (p + hex == end || !is_word(p[hex]))) {
		str_add_char(out, '#');
		return hex;
	}
	bool process = after_pid(out) || (out->len > 1 && out->p[out->len - 1] == '[' && is_word(out->p[out->len - 2]) &&
					  p + n + 1 < end && p[n] == ']' && p[n + 1] == ':');
	if (n >= 10 || process || (n <= 2 && after_month(out)))
		str_add_char(out, '#');
	else
		str_add_len(out, p, n);
	return n;
}

/* What begins with a letter: an id, a hash, or just a word. */
static size_t word(const char *p, const char *end, struct str *out)
{
	size_t n = 0, hex = hex_digits(p, end), figures = 0;
	if (uuid(p, end)) {
		str_add_char(out, '#');
		return uuid(p, end);
	}
	while (p + n < end && is_word(p[n]))
		n++;
	for (size_t i = 0; i < hex; i++)
		figures += is_digit(p[i]);
	if (hex == n && hex >= 7 && figures) {
		str_add_char(out, '#');
		return n;
	}
	/* r-3f9k2m7qd: an id of ours. */
	if (n == 1 && strchr("roq", *p) && p + 9 < end && p[1] == '-') {
		size_t id = 0;
		while (p + 2 + id < end && (is_digit(p[2 + id]) || (p[2 + id] >= 'a' && p[2 + id] <= 'z')))
			id++;
		if (id >= 8) {
			str_add_len(out, p, 2);
			str_add_char(out, '#');
			return 2 + id;
		}
	}
	str_add_len(out, p, n);
	return n;
}

/* The part of a path below a folder for temporary files. */
static size_t temporary(const char *p, const char *end, struct str *out)
{
	if (!ends_with(out, "/tmp/") || p >= end || *p == '/')
		return 0;
	size_t n = 0;
	while (p + n < end && (is_word(p[n]) || p[n] == '.' || p[n] == '-'))
		n++;
	if (n)
		str_add_char(out, '#');
	return n;
}

void log_mask(const char *line, size_t len, struct str *out)
{
	const char *p = line, *end = line + len;
	while (end > p && (end[-1] == '\r' || end[-1] == ' '))
		end--;
	while (p < end) {
		size_t n = escape(p, end);
		if (!n && is_word(*p)) {
			n = temporary(p, end, out);
			if (!n)
				n = is_digit(*p) ? number(p, end, out) : word(p, end, out);
		} else if (!n) {
			str_add_char(out, *p);
			n = 1;
		}
		p += n;
	}
}
