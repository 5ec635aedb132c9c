/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time: reading the clocks, and printing and parsing times and durations. The engine's core never
 * reads a clock itself; `now` comes in as an argument. */
#ifndef PAWL_BASE_CLOCK_H
#define PAWL_BASE_CLOCK_H

#include "base/err.h"
#include "base/str.h"

int64_t clock_wall_ms(void);     /* milliseconds since 1970, UTC */
int64_t clock_boot_ms(void);     /* milliseconds since boot, counting suspend (CLOCK_BOOTTIME) */
int64_t clock_mono_us(void);     /* microseconds, for measuring */
const char *clock_boot_id(void); /* the kernel's boot id, 36 characters; "" if unknown */

/* "90s", "30m", "1h30m", "2d", "250ms"; a bare number is seconds. At most 366 days. */
enum err_code duration_parse(const char *text, int64_t *ret_ms, struct err *err) MUST_CHECK;
/* "42s", "2m11s", "1h27m", "3d4h": two units, at most 7 columns. */
void duration_add(struct str *s, int64_t ms);
/* "2026-11-21T14:07:31.042Z" */
void time_add_iso(struct str *s, int64_t wall_ms);
/* Local time of day "14:07:31", or the date when it is not today. */
void time_add_short(struct str *s, int64_t wall_ms, int64_t now_ms);
/* "2026-11-21T14:07:31Z", "2026-11-21 14:07", "14:07", or an age such as "10m". */
enum err_code time_parse(const char *text, int64_t now_ms, int64_t *ret_ms,
			 struct err *err) MUST_CHECK;

#endif
