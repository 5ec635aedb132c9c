/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Errors: a code that programs read and a sentence that people read. One table gives each code its
 * name in JSON, its HTTP status and its exit status. */
#ifndef PAWL_BASE_ERR_H
#define PAWL_BASE_ERR_H

#include "base/base.h"

enum err_code {
	ERR_OK,
	ERR_RUN_FAILED,   /* the workflow ran and failed */
	ERR_USAGE,        /* the command or request itself is wrong */
	ERR_INVALID,      /* a workflow or parameter does not validate */
	ERR_NOT_FOUND,
	ERR_AMBIGUOUS,    /* a prefix fits more than one id */
	ERR_CONFLICT,     /* not possible in the present state */
	ERR_UNAVAILABLE,  /* the engine does not answer */
	ERR_QUEUE_FULL,
	ERR_TIMEOUT,
	ERR_UNAUTHORIZED,
	ERR_FORBIDDEN,
	ERR_TOO_LARGE,
	ERR_RATE_LIMITED,
	ERR_STORAGE,      /* disk full or read-only: nothing can be committed */
	ERR_IO,
	ERR_CORRUPT,
	ERR_VERSION,      /* made by a newer pawl, or an unknown protocol version */
	ERR_UNSUPPORTED,
	ERR_CANCELED,
	ERR_INTERNAL,
	ERR_COUNT
};

struct err {
	enum err_code code;
	char message[768]; /* one sentence: what is wrong, with names and numbers */
	char hint[256];    /* what to do about it; may be empty */
};

/* Fill `err` (may be NULL) and evaluate to `code`, so that `return err_set(…)` reads well. */
#define err_set(err, code, ...) (err_note((err), (code), __VA_ARGS__), (code))
void err_note(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Add what to do about it. Does nothing when `err` is NULL. */
void err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* As err_set(), with ": " and the text of errno appended. */
#define err_sys(err, code, ...) (err_note_errno((err), (code), __VA_ARGS__), (code))
void err_note_errno(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

const char *err_name(enum err_code code);     /* "not_found"; never translated */
int err_exit_status(enum err_code code);      /* of the command line */
int err_http_status(enum err_code code);
const char *err_meaning(enum err_code code);  /* a sentence for the manual; translate on use */
enum err_code err_from_name(const char *name); /* ERR_INTERNAL when unknown */

#endif
