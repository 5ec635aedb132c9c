/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pool of workers: grows with what could run, shrinks when idle, replaces the dead. */
#include "engine/engine_internal.h"

#include <stdio.h>

#define SPAWN_WAIT_MS 5000  /* for a worker to say who it is */
#define SPAWN_AGAIN_MS 1000 /* after one could not even be started */

static void idle_add(struct engine *e, struct worker *w)
{
	w->in_idle = true;
	w->prev_idle = NULL;
	w->next_idle = e->idle;
	if (e->idle)
		e->idle->prev_idle = w;
	e->idle = w;
	e->nidle++;
}

static void idle_del(struct engine *e, struct worker *w)
{
	if (!w->in_idle)
		return;
	w->in_idle = false;
	if (w->prev_idle)
		w->prev_idle->next_idle = w->next_idle;
	else
		e->idle = w->next_idle;
	if (w->next_idle)
		w->next_idle->prev_idle = w->prev_idle;
	e->nidle--;
}

static int pool_max(const struct engine *e)
{
	return e->settings->workers_max > 0 ? e->settings->workers_max : e->settings->steps;
}

static void idle_long(struct engine *e, struct timer *t)
{
	struct worker *w = CONTAINER_OF(t, struct worker, idle);
	if (!w->in_idle || (int)e->nworkers <= e->settings->workers_min)
		return;
	idle_del(e, w);
	w->stopping = true;
	effect_add(e, EFFECT_STOP)->worker = w;
}

struct worker *pool_take(struct engine *e)
{
	struct worker *w = e->idle;
	if (!w)
		return NULL;
	idle_del(e, w);
	timer_clear(e, &w->idle);
	return w;
}

void pool_give(struct engine *e, struct worker *w)
{
	if (w->in_idle || w->stopping)
		return;
	if (e->draining) {
		effect_add(e, EFFECT_STOP)->worker = w;
		return;
	}
	idle_add(e, w);
	timer_set(e, &w->idle, e->settings->worker_idle_ms, idle_long);
}

/* One that was started did not come: it could not be executed, or died at once. */
static void never_came(struct engine *e, struct timer *t UNUSED)
{
	e->spawning = 0; /* the end of this turn asks for others */
}

void pool_want(struct engine *e, int n)
{
	int room = pool_max(e) - (int)e->nworkers - e->spawning;
	int more = n - e->nidle - e->spawning;
	if (more > 0 && room > 0)
		timer_set(e, &e->spawn_check, SPAWN_WAIT_MS, never_came);
	for (; more > 0 && room > 0; more--, room--) {
		e->spawning++;
		(void)effect_add(e, EFFECT_SPAWN);
	}
}

void pool_close_all(struct engine *e)
{
	/* Closing takes a worker out of the list at once. */
	for (size_t i = e->nworkers; i-- > 0;)
		if (i < e->nworkers && e->workers[i]->peer)
			e->io->close_worker(e->io_ctx, e->workers[i]->peer);
}

/* ---- what the host tells ---- */

void engine_spawn_failed(struct engine *e)
{
	engine_touch(e);
	if (e->spawning > 0)
		e->spawning--;
	timer_set(e, &e->spawn_check, SPAWN_AGAIN_MS, never_came);
}

struct worker *engine_worker_new(struct engine *e, void *peer)
{
	struct worker *w = xcalloc(1, sizeof(*w));
	w->e = e;
	w->peer = peer;
	w->at = e->nworkers;
	GROW(e->workers, e->nworkers, e->capworkers);
	e->workers[e->nworkers++] = w;
	return w;
}

static void forget_in_effects(struct engine *e, const struct worker *w)
{
	for (size_t i = 0; i < e->neffects; i++)
		if (e->effects[i].worker == w)
			e->effects[i].worker = NULL;
	for (size_t i = 0; i < e->nreleasing; i++)
		if (e->releasing[i].worker == w)
			e->releasing[i].worker = NULL;
	for (size_t i = 0; i < e->nacks; i++)
		if (e->acks[i] == w)
			e->acks[i] = NULL;
}

void engine_worker_gone(struct engine *e, struct worker *w)
{
	engine_touch(e);
	idle_del(e, w);
	timer_clear(e, &w->idle);
	forget_in_effects(e, w);
	e->busy -= w->phase == WORKER_BUSY;
	e->workers[w->at] = e->workers[--e->nworkers];
	e->workers[w->at]->at = w->at;
	if (!w->hello && e->spawning > 0)
		e->spawning--; /* one that was started did not even say who it is */
	struct node *n = w->node;
	if (n && e->storage_failed) {
		n->worker = NULL; /* looked into when something can be stored again */
		w->node = NULL;
	} else if (n && n->held) {
		n->worker = NULL; /* its result is here */
		w->node = NULL;
	} else if (n) {
		n->worker = NULL;
		w->node = NULL;
		bool lives = w->pid > 0 && e->io->alive(e->io_ctx, w->pid, w->start_time);
		if (lives) {
			/* The connection broke, the process is there: it will come back. */
			n->orphan = true;
			timer_set(e, &n->timer, e->settings->adopt_ms, recover_give_up);
		} else if (!recover_record(e, n)) {
			effect_add(e, EFFECT_KILL_TOKEN)->token = n->token;
			step_interrupted(e, n, _("its worker was lost"));
		}
	}
	free(w);
}

static void late_result(struct engine *e, const struct step_result *r)
{
	/* Of an attempt that is over: kept in the history, changes nothing. */
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = "attempt.late", .run = r->key.run,
				.idx = r->key.node, .generation = r->key.generation,
				.iteration = r->key.iteration, .attempt = r->key.attempt, .was = -1,
				.now = -1, .actor = ACTOR_WORKER, .reason = r->message };
	store_event(e->store, &ev);
}

static void on_result(struct engine *e, struct worker *w, const struct step_result *r)
{
	if (w->phase == WORKER_BUSY && w->key.token != r->key.token) {
		late_result(e, r); /* it has another step already: told twice */
		return;
	}
	w->key = r->key;
	e->busy -= w->phase == WORKER_BUSY;
	w->phase = WORKER_IDLE;
	w->frozen = false;
	struct node *n = map_get(&e->tokens, (uint64_t)r->key.token);
	if (n && (n->worker == w || !n->worker)) {
		w->node = NULL;
		if (!n->held)
			step_result(e, n, r);
		if (n->held) {
			/* It keeps the result until the success is stored. */
			w->phase = WORKER_DONE;
			w->node = n;
			n->worker = w;
			return;
		}
	} else {
		late_result(e, r);
	}
	w->needs_ack = true;
	GROW(e->acks, e->nacks, e->capacks);
	e->acks[e->nacks++] = w;
	pool_give(e, w);
}

/* A worker that was told to forget its step says so when that has ended. */
static void said_again(struct engine *e, struct worker *w, enum worker_phase phase)
{
	if (phase != WORKER_IDLE || w->phase != WORKER_BUSY || w->node)
		return;
	e->busy--;
	w->phase = WORKER_IDLE;
	w->frozen = false;
	pool_give(e, w);
}

void engine_worker_message(struct engine *e, struct worker *w, const struct proto_message *m)
{
	if (e->storage_failed)
		return; /* it is closed when the disk takes it, comes back, and says everything again */
	engine_touch(e);
	switch (m->type) {
	case MSG_HELLO:
		if (w->hello) {
			said_again(e, w, m->hello.phase);
			return;
		}
		w->hello = true;
		w->pid = m->hello.pid;
		w->start_time = m->hello.start_time;
		(void)snprintf(w->boot_id, sizeof(w->boot_id), "%s", m->hello.boot_id ? m->hello.boot_id : "");
		w->since_ms = e->now.wall_ms;
		if (e->spawning > 0)
			e->spawning--;
		recover_hello(e, w, &m->hello);
		break;
	case MSG_RESULT:
		if (w->hello)
			on_result(e, w, &m->result);
		break;
	case MSG_PROGRESS: {
		struct node *n = map_get(&e->tokens, (uint64_t)m->key.token);
		if (n && n->worker == w) {
			n->log_bytes = m->bytes;
			n->log_lines = m->lines;
			n->live = m->live;
			e->io->progress(e->io_ctx, m->key.token);
		}
		break;
	}
	case MSG_STARTED:
	case MSG_WELCOME:
	case MSG_START:
	case MSG_ACK:
	case MSG_SIGNAL:
	case MSG_STOP:
		break;
	}
}
