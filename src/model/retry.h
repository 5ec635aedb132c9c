/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether and when a failed attempt is tried again. Pure. */
#ifndef PAWL_MODEL_RETRY_H
#define PAWL_MODEL_RETRY_H

#include "model/error.h"
#include "model/graph.h"

struct retry_case {
	int attempt;            /* the one that failed, from 1 */
	enum error_class class;
	int exit_code, signal;  /* -1, 0: none */
	const char *tail;       /* last output; may be NULL */
	size_t tail_len;
	int64_t retry_after_ms; /* named by the other side; 0: none */
	double random;          /* 0 … 1, for the jitter */
};

struct retry_verdict {
	bool again;
	int64_t wait_ms;
	char reason[96]; /* which rule, for the history: "exit:75", "timeout" … */
};

struct retry_verdict retry_judge(const struct retry_policy *p, const struct retry_case *c);
/* The wait before try `attempt` + 1: min(initial · factor^(attempt-1), max), then 0 … 25 % more if `jitter`.
 * Exact without jitter. */
int64_t retry_wait_ms(const struct retry_policy *p, int attempt, double random);

#endif
