/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From what an agent or a check left to the class of the failure and a sentence that says what failed, how many, and
 * where to look. Pure. */
#ifndef PAWL_MODEL_CLASSIFY_H
#define PAWL_MODEL_CLASSIFY_H

#include "model/diagnostic.h"
#include "model/error.h"

#define TAIL_LINES 50 /* of each stream, kept with a failure */

/* How an agent program ended. */
struct agent_case {
	bool timed_out;
	int exit_code; /* 128 + n when a signal ended it */
	bool structured; /* it left a result that is understood */
	bool success;    /* which says that the task is done */
};
/* CLASS_NONE when it did its task. Exit 137 is a timeout, too: what stops a program that does not listen. */
enum error_class classify_agent(const struct agent_case *c);

/* A check that failed. */
struct check_case {
	enum verify_level level;
	enum check_kind kind;
	const char *name;
	const char *command;     /* what was run; NULL: nothing */
	bool timed_out;
	int64_t timeout_ms;
	int exit_code, signal;   /* of a command */
	const char *message;     /* what the check itself found; NULL: it is a command */
	const char *output;      /* of the command, or its end; may be NULL */
	const struct diagnostics *diagnostics; /* in its output; may be NULL */
};
enum error_class classify_check(const struct check_case *c);
/* Append what is wrong: "exit status 2, 3 errors in 2 files; the first: src/a.c:7:3: …"; and the same behind
 * "build failed: ". */
void classify_detail(const struct check_case *c, struct str *out);
void classify_message(const struct check_case *c, struct str *out);
/* "3 errors, 1 warning in 2 files"; nothing when there is nothing. */
void classify_counts(const struct diagnostic_counts *counts, struct str *out);

/* Where the last `lines` lines of a text begin, but at most `max` bytes before its end and never within a
 * character. */
size_t tail_of(const char *text, size_t len, size_t lines, size_t max);

#endif
