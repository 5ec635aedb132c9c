/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders: their moves, what they wait for, and their admission. */
#include "engine/engine_internal.h"
#include "base/rng.h"

#include <stdio.h>
#include <string.h>

#define ADMIT_A_TURN 64 /* runs started in one turn at most, so that a turn stays short */

struct order *order_new(struct engine *e, id_t64 id)
{
	struct order *o = xcalloc(1, sizeof(*o));
	struct rng rng = { (uint64_t)id ^ e->seed };
	o->id = id;
	o->weight = (uint32_t)rng_u64(&rng);
	map_put(&e->orders, (uint64_t)id, o);
	return o;
}

void order_free(struct engine *e, struct order *o)
{
	timer_clear(e, &o->wait);
	free(o->reason);
	free(o->feeds);
	free(o->needs);
	free(o);
}

void order_store(struct engine *e, const struct order *o)
{
	struct order_row row = { .id = o->id, .state = o->state, .priority = o->priority, .place = o->place,
				 .reason = o->reason, .run = o->run, .started_ms = o->started_ms,
				 .ended_ms = o->ended_ms };
	store_order_set(e->store, &row);
}

static void write_event(struct engine *e, const struct order *o, const char *type, int was, int now,
			const struct note *n)
{
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = type, .order = o->id, .idx = -1, .was = was,
				.now = now, .actor = n->actor, .who = n->who, .reason = n->reason,
				.data = n->data };
	store_event(e->store, &ev);
}

void order_event(struct engine *e, const struct order *o, const char *type, const struct note *n)
{
	write_event(e, o, type, -1, -1, n);
}

static void leave(struct engine *e, struct order *o)
{
	if (o->state == ORDER_QUEUED)
		queue_del(&e->queue, o);
	else if (o->state == ORDER_HELD)
		e->held--;
	else if (o->state == ORDER_BLOCKED)
		e->blocked--;
}

static void enter(struct engine *e, struct order *o)
{
	if (o->state == ORDER_QUEUED)
		queue_add(&e->queue, o);
	else if (o->state == ORDER_HELD)
		e->held++;
	else if (o->state == ORDER_BLOCKED)
		e->blocked++;
}

void order_move(struct engine *e, struct order *o, enum order_state to, const struct note *n)
{
	if (!state_move_legal(ENTITY_ORDER, (int)o->state, (int)to)) {
		write_event(e, o, "order.refused", (int)o->state, -1, n);
		return;
	}
	char type[32] = "order.";
	(void)strncat(type, state_name(ENTITY_ORDER, (int)to), sizeof(type) - 7);
	enum order_state was = o->state;
	leave(e, o);
	o->state = to;
	enter(e, o);
	free(o->reason);
	o->reason = n->reason ? xstrdup(n->reason) : NULL;
	if (to == ORDER_RUNNING && !o->started_ms)
		o->started_ms = e->now.wall_ms;
	if (state_final(ENTITY_ORDER, (int)to)) {
		o->ended_ms = e->now.wall_ms;
		timer_clear(e, &o->wait);
	}
	if (to == ORDER_RUNNING)
		timer_clear(e, &o->wait);
	order_store(e, o);
	write_event(e, o, type, (int)was, (int)to, n);
}

static void waited_too_long(struct engine *e, struct timer *t)
{
	struct order *o = CONTAINER_OF(t, struct order, wait);
	if (o->state != ORDER_QUEUED)
		return;
	struct note n = { .actor = ACTOR_ENGINE, .reason = "queue_timeout" };
	order_move(e, o, ORDER_FAILED, &n);
	order_ended(e, o);
}

void order_arm_wait(struct engine *e, struct order *o)
{
	if (o->max_wait_ms > 0)
		timer_set(e, &o->wait, o->enqueued_ms + o->max_wait_ms - e->now.wall_ms, waited_too_long);
}

void order_wait_for(struct engine *e, struct order *o, struct order *needed)
{
	(void)e;
	GROW(needed->feeds, needed->nfeeds, needed->capfeeds);
	needed->feeds[needed->nfeeds++] = o;
	GROW(o->needs, o->nneeds, o->capneeds);
	o->needs[o->nneeds++] = needed;
	o->unmet++;
}

static void dependency_failed(struct engine *e, struct order *o, const struct order *needed)
{
	char reason[64];
	(void)snprintf(reason, sizeof(reason), "needs %s, which %s", id_text('o', needed->id).s,
		       needed->state == ORDER_CANCELED ? "was canceled" :
		       needed->state == ORDER_SKIPPED  ? "was skipped" : "failed");
	struct note n = { .actor = ACTOR_ENGINE, .reason = reason };
	order_move(e, o, o->flags & ORDER_SKIP ? ORDER_SKIPPED : ORDER_FAILED, &n);
}

static void forget(struct order **v, size_t *n, const struct order *o)
{
	size_t kept = 0;
	for (size_t i = 0; i < *n; i++)
		if (v[i] != o)
			v[kept++] = v[i];
	*n = kept;
}

/* Those that wait for `o` go on, or end with it; the latter are added to `ended`. */
static void tell_feeds(struct engine *e, struct order *o, struct order ***ended, size_t *n, size_t *cap)
{
	for (size_t i = 0; i < o->nfeeds; i++) {
		struct order *f = o->feeds[i];
		forget(f->needs, &f->nneeds, o);
		if (state_final(ENTITY_ORDER, (int)f->state))
			continue;
		if (o->state != ORDER_SUCCEEDED) {
			dependency_failed(e, f, o);
			GROW(*ended, *n, *cap);
			(*ended)[(*n)++] = f;
		} else if (--f->unmet == 0 && f->state == ORDER_BLOCKED) {
			order_move(e, f, ORDER_QUEUED, &BY_ENGINE);
			order_arm_wait(e, f);
		}
	}
}

void order_ended(struct engine *e, struct order *o)
{
	/* A list, not recursion: chains of dependencies may be as long as the queue. */
	struct order **ended = NULL;
	size_t n = 0, cap = 0;
	GROW(ended, n, cap);
	ended[n++] = o;
	for (size_t i = 0; i < n; i++)
		tell_feeds(e, ended[i], &ended, &n, &cap);
	for (size_t i = 0; i < n; i++) {
		o = ended[i];
		(void)map_del(&e->orders, (uint64_t)o->id);
		for (size_t k = 0; k < o->nneeds; k++)
			forget(o->needs[k]->feeds, &o->needs[k]->nfeeds, o);
		order_free(e, o);
	}
	free(ended);
}

void order_admit(struct engine *e)
{
	if (e->queue_paused || e->draining || e->recovering)
		return;
	for (int i = 0; i < ADMIT_A_TURN && e->runs_active < e->settings->runs; i++) {
		struct order *o = queue_first(&e->queue);
		if (!o)
			return;
		struct err err;
		enum err_code code = run_start_order(e, o, &err);
		if (code == ERR_STORAGE)
			return; /* stays queued; tried again at the next turn */
		if (code) {
			struct note n = { .actor = ACTOR_ENGINE, .reason = err.message };
			order_move(e, o, ORDER_FAILED, &n);
			order_ended(e, o);
		}
	}
}
