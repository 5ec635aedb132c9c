/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Circuit breakers: one for each program and provider that fails by itself (Nygard, "Release It!"). After so many
 * failures in a row nothing is tried for a while, then one probe decides. An operator may force one open or
 * closed. Mistakes of the caller (4xx but 408 and 429, a bad prompt) do not count. Pure; every field is stored. */
#ifndef PAWL_MODEL_BREAKER_H
#define PAWL_MODEL_BREAKER_H

#include "base/base.h"

#define BREAKER_FAILURES 5             /* in a row: it opens */
#define BREAKER_WAIT_MS (60 * 1000)    /* the first time; doubles with each probe that fails … */
#define BREAKER_WAIT_MAX_MS (900 * 1000) /* … up to this */

/* Stored: numbers never change. */
enum breaker_state {
	BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_FORCED_OPEN, BREAKER_FORCED_CLOSED, BREAKER_STATE_COUNT
};
const char *breaker_state_name(enum breaker_state s); /* "half_open" */

struct breaker {
	enum breaker_state state;
	int failures;      /* in a row */
	int opened;        /* times in a row that it opened without a success between */
	int64_t opened_ms; /* wall clock; 0: it is not open */
	int64_t until_ms;  /* no try before; 0 unless open */
	int64_t probe;     /* token of the attempt that tries it out; 0: none */
};

enum breaker_force { FORCE_AUTO, FORCE_OPEN, FORCE_CLOSED, FORCE_COUNT };
const char *breaker_force_name(enum breaker_force f); /* "auto", "open", "closed" */

/* May a call begin? If not, *ret_until_ms is when to ask again, 0: when somebody changes it or a probe ends. */
bool breaker_allows(const struct breaker *b, int64_t now_ms, int64_t *ret_until_ms);
/* A call begins that breaker_allows() allowed; of an open one it is the probe. True when the breaker changed. */
bool breaker_begin(struct breaker *b, int64_t token);
/* It ended. `counts` false: neither a success nor a failure of the other side. True when the breaker changed. */
bool breaker_end(struct breaker *b, int64_t now_ms, int64_t token, bool ok, bool counts);
/* An operator's word. */
void breaker_force(struct breaker *b, enum breaker_force f);
/* Whether the answer of a server tells about the server: false for 4xx but 408 and 429. 0: no answer came. */
bool breaker_status_counts(int http_status);

#endif
