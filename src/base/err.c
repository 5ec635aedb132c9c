/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct {
	const char *name;
	int exit_status;
	int http_status;
	const char *meaning;
} rows[] = {
	[ERR_OK]           = { "ok",            0, 200, N_("done") },
	[ERR_RUN_FAILED]   = { "run_failed",    1, 200, N_("the workflow ran and failed") },
	[ERR_USAGE]        = { "usage",         2, 400, N_("the command or request is not understood") },
	[ERR_INVALID]      = { "invalid",       3, 422, N_("the workflow or a parameter is not valid") },
	[ERR_NOT_FOUND]    = { "not_found",     4, 404, N_("there is no such thing") },
	[ERR_AMBIGUOUS]    = { "ambiguous",     4, 409, N_("the prefix fits more than one id") },
	[ERR_CONFLICT]     = { "conflict",      5, 409, N_("not possible in the present state") },
	[ERR_UNAVAILABLE]  = { "unavailable",   6, 503, N_("the engine does not answer") },
	[ERR_QUEUE_FULL]   = { "queue_full",    7, 503, N_("the queue is full") },
	[ERR_TIMEOUT]      = { "timeout",       8, 504, N_("the time allowed ran out") },
	[ERR_UNAUTHORIZED] = { "unauthorized",  9, 401, N_("who asks is not known") },
	[ERR_FORBIDDEN]    = { "forbidden",     9, 403, N_("not allowed") },
	[ERR_TOO_LARGE]    = { "too_large",    10, 413, N_("larger than the limit") },
	[ERR_RATE_LIMITED] = { "rate_limited", 10, 429, N_("too many requests") },
	[ERR_STORAGE]      = { "storage",      11, 507, N_("the disk is full or cannot be written") },
	[ERR_IO]           = { "io",           12, 500, N_("a file could not be read or written") },
	[ERR_CORRUPT]      = { "corrupt",      13, 500, N_("stored data is damaged") },
	[ERR_VERSION]      = { "version",      14, 426, N_("made by another version") },
	[ERR_UNSUPPORTED]  = { "unsupported",  15, 501, N_("not available here") },
	[ERR_CANCELED]     = { "canceled",     16, 409, N_("canceled") },
	[ERR_INTERNAL]     = { "internal",     70, 500, N_("an error in pawl itself") },
};
/* clang-format on */
static_assert(COUNT(rows) == ERR_COUNT, "every error code has a row");

static PRINTF_LIKE(3, 0) void note(struct err *err, enum err_code code, const char *fmt,
				   va_list ap)
{
	err->code = code;
	err->hint[0] = '\0';
	/* A message that is cut is still a message. */
	(void)vsnprintf(err->message, sizeof(err->message), fmt, ap);
}

void err_note(struct err *err, enum err_code code, const char *fmt, ...)
{
	if (!err)
		return;
	va_list ap;
	va_start(ap, fmt);
	note(err, code, fmt, ap);
	va_end(ap);
}

void err_note_errno(struct err *err, enum err_code code, const char *fmt, ...)
{
	if (!err)
		return;
	int saved = errno;
	va_list ap;
	va_start(ap, fmt);
	note(err, code, fmt, ap);
	va_end(ap);
	size_t len = strlen(err->message);
	(void)snprintf(err->message + len, sizeof(err->message) - len, ": %s", strerror(saved));
}

void err_hint(struct err *err, const char *fmt, ...)
{
	if (!err)
		return;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
}

const char *err_name(enum err_code code)
{
	return rows[code].name;
}

int err_exit_status(enum err_code code)
{
	return rows[code].exit_status;
}

int err_http_status(enum err_code code)
{
	return rows[code].http_status;
}

const char *err_meaning(enum err_code code)
{
	return rows[code].meaning;
}

enum err_code err_from_name(const char *name)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (str_eq(rows[i].name, name))
			return (enum err_code)i;
	return ERR_INTERNAL;
}
