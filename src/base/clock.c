/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/clock.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DAY_MS (24 * 3600 * 1000LL)

static int64_t read_ms(clockid_t id)
{
	struct timespec ts;
	(void)clock_gettime(id, &ts); /* cannot fail for these ids */
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t clock_boot_ms(void)
{
	return read_ms(CLOCK_BOOTTIME);
}

int64_t clock_mono_us(void)
{
	struct timespec ts;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

const char *clock_boot_id(void)
{
	static char id[40];
	if (!id[0]) {
		int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			ssize_t n = read(fd, id, sizeof(id) - 1);
			id[n > 0 ? n : 0] = '\0';
			id[strcspn(id, "\n")] = '\0';
			(void)close(fd);
		}
	}
	return id;
}

/* clang-format off */
static const struct {
	const char *name;
	int64_t ms;
} units[] = {
	{ "ms", 1 }, { "d", DAY_MS }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
};
/* clang-format on */

enum err_code duration_parse(const char *text, int64_t *ret_ms, struct err *err)
{
	const char *p = text;
	int64_t total = 0;
	while (*p) {
		if (!isdigit((unsigned char)*p))
			goto bad;
		int64_t v = 0;
		while (isdigit((unsigned char)*p) && v < 1000000000000)
			v = v * 10 + (*p++ - '0');
		int64_t unit = 0;
		if (!*p && p != text && total == 0)
			unit = 1000;
		for (size_t i = 0; i < COUNT(units) && !unit; i++) {
			size_t len = strlen(units[i].name);
			if (strncmp(p, units[i].name, len) == 0) {
				unit = units[i].ms;
				p += len;
			}
		}
		if (!unit || v > 366 * DAY_MS / unit)
			goto bad;
		total += v * unit;
	}
	if (p == text || total > 366 * DAY_MS)
		goto bad;
	*ret_ms = total;
	return ERR_OK;
bad:
	return err_set(err, ERR_INVALID,
		       _("\"%.40s\" is not a duration; write 90s, 30m, 1h30m or 2d (at most 366d)"),
		       text);
}

void duration_add(struct str *s, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	int64_t sec = ms / 1000;
	if (ms < 1000)
		str_addf(s, "%" PRId64 "ms", ms);
	else if (ms < 10000)
		str_addf(s, "%" PRId64 ".%" PRId64 "s", sec, ms % 1000 / 100);
	else if (sec < 60)
		str_addf(s, "%" PRId64 "s", sec);
	else if (sec < 3600)
		str_addf(s, "%" PRId64 "m%02" PRId64 "s", sec / 60, sec % 60);
	else if (sec < 24 * 3600)
		str_addf(s, "%" PRId64 "h%02" PRId64 "m", sec / 3600, sec / 60 % 60);
	else
		str_addf(s, "%" PRId64 "d%02" PRId64 "h", sec / 86400, sec / 3600 % 24);
}

void time_add_iso(struct str *s, int64_t wall_ms)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;
	gmtime_r(&t, &tm);
	str_addf(s, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(wall_ms % 1000));
}

void time_add_short(struct str *s, int64_t wall_ms, int64_t now_ms)
{
	time_t t = (time_t)(wall_ms / 1000), now = (time_t)(now_ms / 1000);
	struct tm tm, today;
	localtime_r(&t, &tm);
	localtime_r(&now, &today);
	if (tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday)
		str_addf(s, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
	else
		str_addf(s, "%02d-%02d %02d", tm.tm_mon + 1, tm.tm_mday, tm.tm_hour);
}

enum err_code time_parse(const char *text, int64_t now_ms, int64_t *ret_ms, struct err *err)
{
	int64_t age;
	if (isdigit((unsigned char)text[0]) && !strchr(text, ':') && !strchr(text, '-')) {
		enum err_code code = duration_parse(text, &age, NULL);
		if (code == ERR_OK) {
			*ret_ms = now_ms - age;
			return ERR_OK;
		}
	}
	static const char *const formats[] = { "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S",
					       "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d",
					       "%H:%M:%S", "%H:%M" };
	for (size_t i = 0; i < COUNT(formats); i++) {
		time_t now = (time_t)(now_ms / 1000);
		struct tm tm;
		localtime_r(&now, &tm);
		tm.tm_sec = 0;
		if (i == 4)
			tm.tm_hour = tm.tm_min = 0;
		const char *end = strptime(text, formats[i], &tm);
		if (!end || *end)
			continue;
		tm.tm_isdst = -1;
		*ret_ms = (int64_t)(i == 0 ? timegm(&tm) : mktime(&tm)) * 1000;
		return ERR_OK;
	}
	return err_set(err, ERR_USAGE,
		       _("\"%.40s\" is not a time; write 14:07, 2026-11-21 14:07 or an age such as 10m"),
		       text);
}
