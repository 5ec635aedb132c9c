/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the next iteration is told: what failed in the last one, from the report of its checks. Pure. */
#ifndef PAWL_MODEL_FEEDBACK_H
#define PAWL_MODEL_FEEDBACK_H

#include "base/json.h"
#include "model/loop.h"

#define FEEDBACK_MAX (16 * KIB)

struct feedback_case {
	int iteration;              /* the one that failed */
	const struct json *report;  /* of verify; NULL: it was not reached */
	const char *failure;        /* message of work that failed; NULL: it did not */
	const char *tail;           /* the last output of that; may be NULL */
	const struct loop_decision *decision; /* what was decided, with what a strategy adds */
};

/* Append the text: which level and checks failed, their diagnostics with file, line and column, the last output of the
 * first failing check. At most FEEDBACK_MAX bytes; what is left out is counted. */
void feedback_add(const struct feedback_case *c, struct str *out);
/* The prompt of an iteration: the node's own, and what the last one left. */
void feedback_prompt(const char *prompt, const char *feedback, struct str *out);

/* What a round tells of itself, from the report of its checks: level, problems, signature, passed. */
void feedback_round(const struct json *report, struct loop_round *ret);
/* How many levels the report has that were not skipped by configuration. */
int feedback_levels(const struct json *report);

#endif
