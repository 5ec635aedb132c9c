/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/breaker.h"

#include <assert.h>

static const char *const states[] = { "closed", "open", "half_open", "forced_open", "forced_closed" };
static_assert(COUNT(states) == BREAKER_STATE_COUNT, "every state has a name");
static const char *const forces[] = { "auto", "open", "closed" };
static_assert(COUNT(forces) == FORCE_COUNT, "every force has a name");

const char *breaker_state_name(enum breaker_state s)
{
	return states[s];
}

const char *breaker_force_name(enum breaker_force f)
{
	return forces[f];
}

bool breaker_allows(const struct breaker *b, int64_t now_ms, int64_t *ret_until_ms)
{
	*ret_until_ms = 0;
	switch (b->state) {
	case BREAKER_CLOSED:
	case BREAKER_FORCED_CLOSED:
		return true;
	case BREAKER_OPEN:
		/* A clock that was set back does not make it wait longer than it was to. */
		if (now_ms >= b->until_ms || now_ms < b->opened_ms)
			return true;
		*ret_until_ms = b->until_ms;
		return false;
	case BREAKER_HALF_OPEN:
		return b->probe == 0;
	case BREAKER_FORCED_OPEN:
	case BREAKER_STATE_COUNT:
		break;
	}
	return false;
}

bool breaker_begin(struct breaker *b, int64_t token)
{
	if (b->state != BREAKER_OPEN && b->state != BREAKER_HALF_OPEN)
		return false;
	b->state = BREAKER_HALF_OPEN;
	b->probe = token;
	return true;
}

static void open_again(struct breaker *b, int64_t now_ms)
{
	int64_t wait = BREAKER_WAIT_MS;
	for (int i = 0; i < b->opened && wait < BREAKER_WAIT_MAX_MS; i++)
		wait *= 2;
	b->state = BREAKER_OPEN;
	b->opened++;
	b->opened_ms = now_ms;
	b->until_ms = now_ms + MIN(wait, (int64_t)BREAKER_WAIT_MAX_MS);
	b->probe = 0;
}

static void close_it(struct breaker *b)
{
	*b = (struct breaker){ .state = BREAKER_CLOSED };
}

bool breaker_end(struct breaker *b, int64_t now_ms, int64_t token, bool ok, bool counts)
{
	bool probe = b->state == BREAKER_HALF_OPEN && b->probe == token;
	if (probe && ok && counts) {
		close_it(b);
		return true;
	}
	if (probe && counts) {
		b->failures++;
		open_again(b, now_ms);
		return true;
	}
	if (probe) {
		b->probe = 0; /* the next one tries it out */
		return true;
	}
	/* Calls that began before it opened, or was forced, tell nothing new. */
	if (b->state != BREAKER_CLOSED || !counts || (ok && b->failures == 0))
		return false;
	if (ok) {
		b->failures = 0;
		return true;
	}
	if (++b->failures >= BREAKER_FAILURES)
		open_again(b, now_ms);
	return true;
}

void breaker_force(struct breaker *b, enum breaker_force f)
{
	close_it(b);
	if (f != FORCE_AUTO)
		b->state = f == FORCE_OPEN ? BREAKER_FORCED_OPEN : BREAKER_FORCED_CLOSED;
}

bool breaker_status_counts(int http_status)
{
	return http_status < 400 || http_status >= 500 || http_status == 408 || http_status == 429;
}
