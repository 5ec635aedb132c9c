/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/diag.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/utf8.h"

#include <unistd.h>

static int out_fd = 2;
static enum diag_level out_least = DIAG_INFO;
static bool out_json;
static const char *out_program = "pawl";

static const char *const names[] = { "debug", "info", "warn", "error" };

void diag_open(int fd, enum diag_level least, bool json, const char *program)
{
	out_fd = fd;
	out_least = least;
	out_json = json;
	out_program = program;
}

void diag(enum diag_level level, const char *fmt, ...)
{
	if (level < out_least)
		return;
	auto_str text = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	auto_str line = STR_INIT;
	if (out_json) {
		struct jw w = jw_begin(&line);
		jw_obj(&w, NULL);
		jw_int(&w, "at_ms", clock_wall_ms());
		jw_str(&w, "level", names[level]);
		jw_str(&w, "program", out_program);
		jw_int(&w, "pid", getpid());
		jw_str(&w, "message", str_text(&text));
		jw_end_obj(&w);
	} else {
		time_add_iso(&line, clock_wall_ms());
		str_addf(&line, " %s[%ld] %s: ", out_program, (long)getpid(), names[level]);
		text_add_safe(&line, str_text(&text), text.len, SAFE_PLAIN, false);
	}
	str_add_char(&line, '\n');
	(void)fs_write_all(out_fd, line.p, line.len); /* nowhere to complain about the log itself */
}
