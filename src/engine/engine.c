/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The turn: inputs change the memory and write rows; engine_commit() schedules, commits and then releases
 * the effects. A turn that cannot commit is treated as a crash without dying: memory is thrown away
 * and read again from disk, and the workers, closed, come back and say what they have. */
#include "engine/engine_internal.h"
#include "base/diag.h"

#include <string.h>
#include <unistd.h>

extern char **environ;

#define PROBE_MS 1000
#define PRUNE_MS (3600 * 1000)
#define KEY_LIFE_MS (24 * 3600 * 1000LL)

void engine_settings_default(struct engine_settings *s)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int n = cores > 0 && cores < 1024 ? (int)cores : 1;
	*s = (struct engine_settings){
		.steps = n,
		.runs = 2 * n,
		.queue_max = 100000,
		.workers_min = 1,
		.workers_max = 0, /* as many as steps */
		.worker_idle_ms = 60000,
		.grace_ms = 10000,
		.adopt_ms = 10000,
		.log_head = 224 * MIB,
		.log_tail = 32 * MIB,
		.redact_tokens = true,
	};
}

/* ---- timers ---- */

static bool timer_before(const struct heap_node *a, const struct heap_node *b)
{
	return CONTAINER_OF(a, const struct timer, h)->due_ms < CONTAINER_OF(b, const struct timer, h)->due_ms;
}

void timer_set(struct engine *e, struct timer *t, int64_t in_ms, void (*fire)(struct engine *e, struct timer *t))
{
	heap_del(&e->timers, &t->h);
	t->due_ms = e->now.boot_ms + (in_ms > 0 ? in_ms : 0);
	t->fire = fire;
	heap_add(&e->timers, &t->h);
}

void timer_clear(struct engine *e, struct timer *t)
{
	heap_del(&e->timers, &t->h);
}

static void probe_storage(struct engine *e, struct timer *t);

int64_t engine_next_ms(const struct engine *e)
{
	if (e->storage_failed)
		return e->probe.due_ms;
	const struct heap_node *h = heap_min(&e->timers);
	return h ? CONTAINER_OF(h, const struct timer, h)->due_ms : -1;
}

void engine_tick(struct engine *e)
{
	engine_touch(e);
	while (e->storage_failed) {
		/* Everything else waits until something can be written again. */
		if (e->probe.due_ms > e->now.boot_ms)
			return;
		heap_del(&e->timers, &e->probe.h);
		probe_storage(e, &e->probe);
	}
	for (;;) {
		struct heap_node *h = heap_min(&e->timers);
		struct timer *t = h ? CONTAINER_OF(h, struct timer, h) : NULL;
		if (!t || t->due_ms > e->now.boot_ms)
			return;
		heap_del(&e->timers, h);
		t->fire(e, t);
	}
}

/* ---- effects ---- */

void engine_touch(struct engine *e)
{
	e->now = e->io->now(e->io_ctx);
	e->in_turn = true;
}

struct effect *effect_add(struct engine *e, enum effect_kind kind)
{
	GROW(e->effects, e->neffects, e->capeffects);
	struct effect *f = &e->effects[e->neffects++];
	*f = (struct effect){ .kind = kind };
	return f;
}

void effect_signal(struct engine *e, struct worker *w, const struct step_key *key, enum step_signal s,
		   int64_t grace_ms)
{
	if (!w)
		return;
	struct effect *f = effect_add(e, EFFECT_SIGNAL);
	f->worker = w;
	f->key = *key;
	f->signal = s;
	f->grace_ms = grace_ms;
}

void run_touch(struct engine *e, struct run *r)
{
	if (r->dirty || r->dead)
		return;
	r->dirty = true;
	GROW(e->dirty, e->ndirty, e->capdirty);
	e->dirty[e->ndirty++] = r;
}

static void send(struct engine *e, struct worker *w, struct proto_message *m)
{
	if (w && w->peer)
		e->io->send(e->io_ctx, w->peer, m);
}

static void release_worker_effect(struct engine *e, struct effect *f)
{
	struct proto_message m = { .key = f->key, .signal = f->signal, .grace_ms = f->grace_ms, .keep = f->keep };
	switch (f->kind) {
	case EFFECT_START:
		m.type = MSG_START;
		m.spec = f->build->spec;
		if (f->worker)
			f->worker->needs_ack = false;
		break;
	case EFFECT_SIGNAL:
		m.type = MSG_SIGNAL;
		break;
	case EFFECT_WELCOME:
		m.type = MSG_WELCOME;
		break;
	case EFFECT_ACK:
		m.type = MSG_ACK;
		break;
	case EFFECT_STOP:
		m.type = MSG_STOP;
		break;
	case EFFECT_CLOSE:
	case EFFECT_REPLY:
	case EFFECT_SPAWN:
	case EFFECT_RECORD_REMOVE:
	case EFFECT_KILL_TOKEN:
	case EFFECT_SPACE:
		return;
	}
	send(e, f->worker, &m);
}

static void drop_effect(struct effect *f)
{
	if (f->build) {
		step_build_done(f->build);
		free(f->build);
	}
	if (f->job)
		space_job_drop(f->job);
}

static void release_effects(struct engine *e)
{
	/* A reply may bring the next command at once; it joins the next turn. A worker may be gone while it is
	 * spoken to: engine_worker_gone() then takes it out of what is being released, too. */
	struct effect *v = e->effects;
	size_t n = e->neffects, cap = e->capeffects;
	e->effects = NULL;
	e->neffects = e->capeffects = 0;
	e->releasing = v;
	e->nreleasing = n;
	for (size_t i = 0; i < n; i++) {
		struct effect *f = &v[i];
		release_worker_effect(e, f);
		if (f->kind == EFFECT_CLOSE && f->worker && f->worker->peer)
			e->io->close_worker(e->io_ctx, f->worker->peer);
		if (f->kind == EFFECT_REPLY && f->reply)
			f->reply(f->ctx, &f->answer);
		if (f->kind == EFFECT_SPAWN)
			e->io->spawn_worker(e->io_ctx);
		if (f->kind == EFFECT_RECORD_REMOVE)
			e->io->exit_record_remove(e->io_ctx, f->token);
		if (f->kind == EFFECT_KILL_TOKEN)
			e->io->kill_token(e->io_ctx, f->token);
		if (f->kind == EFFECT_SPACE)
			space_job_hand(e, TAKE(f->job));
		drop_effect(f);
	}
	for (size_t i = 0; i < e->nacks; i++) {
		struct worker *w = e->acks[i];
		if (!w || !w->needs_ack)
			continue;
		w->needs_ack = false;
		struct proto_message m = { .type = MSG_ACK, .key = w->key };
		send(e, w, &m);
	}
	e->nacks = 0;
	e->releasing = NULL;
	e->nreleasing = 0;
	if (!e->effects) {
		e->effects = v;
		e->capeffects = cap;
	} else {
		free(v);
	}
}

/* ---- the end of a turn ---- */

static void free_dead(struct engine *e)
{
	for (size_t i = 0; i < e->ndead; i++)
		run_free(e, e->dead[i]);
	e->ndead = 0;
}

static void settle_dirty(struct engine *e)
{
	while (e->ndirty > 0) {
		struct run *r = e->dirty[--e->ndirty];
		r->dirty = false;
		if (!r->dead)
			run_settle(e, r);
	}
}

static void tell_iterations(struct engine *e)
{
	for (size_t i = 0; i < e->nchanged && e->io->iteration; i++) {
		const struct changed_iteration *c = &e->changed[i];
		e->io->iteration(e->io_ctx, c->run, c->idx, c->generation, c->iteration);
	}
	e->nchanged = 0;
}

void engine_commit(struct engine *e)
{
	if (!e->in_turn)
		return;
	if (!e->storage_failed) {
		/* Settling may start nodes, and starting may end some at once: until nothing moves. */
		do {
			settle_dirty(e);
			schedule(e);
		} while (e->ndirty > 0);
	}
	e->in_turn = false;
	e->turns++;
	bool wrote = store_in_turn(e->store);
	struct err err;
	if (wrote && store_commit(e->store, &err)) {
		engine_storage_failed(e, &err);
		return;
	}
	free_dead(e);
	release_effects(e);
	if (wrote)
		e->io->published(e->io_ctx, store_last_seq(e->store));
	tell_iterations(e);
}

/* ---- when the disk does not take it ---- */

static int newest_first(const void *a, const void *b)
{
	const struct run *x = *(struct run *const *)a, *y = *(struct run *const *)b;
	return x->id < y->id ? 1 : x->id > y->id ? -1 : 0;
}

static void forget_memory(struct engine *e)
{
	size_t at = 0;
	struct run *r;
	space_forget(e);
	patches_forget(e);
	holds_free(e);
	free_dead(e); /* they are in the map, too, when a turn was left open */
	auto_free struct run **runs = xcalloc(e->runs.n + 1, sizeof(*runs));
	size_t nruns = 0;
	while ((r = map_next(&e->runs, &at))) {
		r->dead = true;
		runs[nruns++] = r;
	}
	/* Children point to parents and back: free without their ends' bookkeeping. They look at the workspaces of
	 * those above them, which are older. */
	qsort(runs, nruns, sizeof(*runs), newest_first);
	for (size_t i = 0; i < nruns; i++)
		run_free(e, runs[i]);
	map_done(&e->runs);
	e->ndirty = 0;
	struct order *o;
	at = 0;
	while ((o = map_next(&e->orders, &at)))
		order_free(e, o);
	map_done(&e->orders);
	e->queue = (struct queue){ NULL, 0, 0 };
	e->held = e->blocked = e->runs_active = e->steps_running = 0;
	heap_done(&e->sched);
	heap_init(&e->sched, run_heap_before);
	map_done(&e->tokens);
	at = 0;
	struct resource *res;
	while ((res = smap_next(&e->resources, &at, NULL))) {
		heap_done(&res->waiting);
		free(res->name);
		free(res);
	}
	smap_done(&e->resources);
	breakers_free(e);
	for (size_t i = 0; i < e->nworkers; i++)
		e->workers[i]->node = NULL;
	/* A definition that was to be stored in the lost turn is not in the store. */
	at = 0;
	struct definition *d;
	while ((d = map_next(&e->definitions, &at))) {
		graph_free(d->graph);
		free(d);
	}
	map_done(&e->definitions);
	map_done(&e->by_text);
}

static void probe_storage(struct engine *e, struct timer *t)
{
	struct err err;
	if (store_probe(e->store, &err)) {
		timer_set(e, t, PROBE_MS, probe_storage);
		return;
	}
	e->storage_failed = false;
	e->io->storage(e->io_ctx, NULL);
	forget_memory(e);
	if (recover(e, &err)) {
		e->storage_failed = true;
		e->io->storage(e->io_ctx, &err);
		timer_set(e, t, PROBE_MS, probe_storage);
		return;
	}
	pool_close_all(e); /* they come back with what they have */
}

void engine_storage_failed(struct engine *e, const struct err *err)
{
	store_rollback(e->store);
	e->storage_failed = true;
	for (size_t i = 0; i < e->neffects; i++) {
		struct effect *f = &e->effects[i];
		if (f->kind == EFFECT_REPLY && f->reply) {
			struct command_reply bad = { .code = err->code, .err = err, .state = -1 };
			f->reply(f->ctx, &bad);
		}
		drop_effect(f);
	}
	e->neffects = e->nacks = e->nchanged = 0;
	e->spawning = 0;
	free_dead(e);
	forget_memory(e);
	struct err again;
	/* What is on disk can be read even when nothing can be written: lists stay right meanwhile. */
	if (recover(e, &again))
		forget_memory(e);
	store_rollback(e->store);
	e->neffects = 0;
	pool_close_all(e);
	e->io->storage(e->io_ctx, err);
	timer_set(e, &e->probe, PROBE_MS, probe_storage);
}

/* ---- life ---- */

static void prune_keys(struct engine *e, struct timer *t)
{
	store_idempotency_prune(e->store, e->now.wall_ms - KEY_LIFE_MS);
	timer_set(e, t, PRUNE_MS, prune_keys);
}

/* What every step may see of the engine's own environment. */
static char **base_environment(void)
{
	static const char *const pass[] = { "PATH=", "HOME=", "USER=", "LOGNAME=", "SHELL=", "LANG=", "LC_",
					    "TZ=", "TMPDIR=", "XDG_", "SSH_AUTH_SOCK=" };
	char **v = NULL;
	size_t n = 0, cap = 0;
	bool path = false;
	for (char **p = environ; p && *p; p++) {
		for (size_t i = 0; i < COUNT(pass); i++) {
			if (!str_starts(*p, pass[i]))
				continue;
			path |= i == 0;
			GROW(v, n, cap);
			v[n++] = xstrdup(*p);
			break;
		}
	}
	GROW(v, n, cap);
	if (!path)
		v[n++] = xstrdup("PATH=/usr/local/bin:/usr/bin:/bin");
	GROW(v, n, cap);
	v[n] = NULL;
	return v;
}

enum err_code engine_new(struct store *store, const struct engine_settings *settings, const char *home,
			 const struct engine_io *io, void *io_ctx, struct engine **ret, struct err *err)
{
	struct engine *e = xcalloc(1, sizeof(*e));
	e->store = store;
	e->settings = settings;
	e->home = xstrdup(home);
	e->io = io;
	e->io_ctx = io_ctx;
	heap_init(&e->sched, run_heap_before);
	heap_init(&e->timers, timer_before);
	e->jobs_end = &e->jobs_wait;
	e->environment = base_environment();
	engine_touch(e);
	e->seed = io->random(io_ctx);
	enum err_code code = recover(e, err);
	if (code) {
		store_rollback(store);
		engine_free(e);
		return code;
	}
	timer_set(e, &e->prune, PRUNE_MS, prune_keys);
	pool_want(e, settings->workers_min); /* the first step need not wait for a worker */
	*ret = e;
	return ERR_OK;
}

void engine_set_libexec(struct engine *e, const char *libexec)
{
	free(e->libexec);
	e->libexec = xstrdup(libexec);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->neffects; i++)
		drop_effect(&e->effects[i]);
	e->neffects = 0;
	forget_memory(e);
	while (e->nworkers > 0) {
		e->workers[0]->peer = NULL;
		engine_worker_gone(e, e->workers[0]);
	}
	for (size_t i = 0; i < e->neffects; i++)
		drop_effect(&e->effects[i]);
	heap_done(&e->sched);
	heap_done(&e->timers);
	for (char **p = e->environment; p && *p; p++)
		free(*p);
	free(e->environment);
	calls_done(e);
	free(e->effects);
	free(e->acks);
	free(e->changed);
	free(e->dirty);
	free(e->dead);
	free(e->workers);
	free(e->libexec);
	free(e->home);
	free(e);
}

void engine_drain(struct engine *e, bool kill)
{
	engine_touch(e);
	e->draining = true;
	e->drain_kill |= kill;
	for (size_t i = 0; i < e->nworkers; i++) {
		struct worker *w = e->workers[i];
		if (kill && w->phase == WORKER_BUSY)
			effect_signal(e, w, &w->key, STEP_KILL, 0);
		if (w->phase == WORKER_IDLE)
			effect_add(e, EFFECT_STOP)->worker = w;
	}
}

bool engine_idle(const struct engine *e)
{
	return e->neffects == 0 && e->jobs == 0 && !e->in_turn && (!e->drain_kill || e->steps_running == 0);
}

int64_t engine_epoch(const struct engine *e)
{
	return e->epoch;
}

const char *engine_home(const struct engine *e)
{
	return e->home;
}

/* ---- what only memory knows ---- */

void engine_stats(const struct engine *e, struct engine_stats *ret)
{
	const struct order *first = NULL;
	for (size_t i = 0, n = MIN(queue_len(&e->queue), (size_t)64); i < n; i++) {
		const struct order *o = queue_at(&e->queue, i);
		if (!first || o->enqueued_ms < first->enqueued_ms)
			first = o;
	}
	struct engine_now now = e->io->now(e->io_ctx);
	*ret = (struct engine_stats){
		.steps_running = e->steps_running,
		.runs_live = (int)e->runs.n,
		.workers = (int)e->nworkers,
		.workers_idle = e->nidle,
		.workers_busy = e->busy,
		.waiting = (int)queue_len(&e->queue),
		.held = e->held,
		.blocked = e->blocked,
		.oldest_wait_ms = first ? now.wall_ms - first->enqueued_ms : 0,
		.mean_run_ms = e->nmean ? e->mean_sum / (int64_t)e->nmean : 0,
		.queue_paused = e->queue_paused,
		.accepting = !e->storage_failed && !e->draining &&
			     (int)queue_len(&e->queue) + e->held + e->blocked < e->settings->queue_max,
		.storage_failed = e->storage_failed,
		.turns = e->turns,
		.commits = store_commits(e->store),
		.last_seq = store_last_seq(e->store),
	};
}

int64_t engine_estimate(const struct engine *e, size_t ahead)
{
	if (!e->nmean)
		return -1;
	int64_t rounds = ((int64_t)ahead + e->settings->runs) / e->settings->runs;
	return rounds * (e->mean_sum / (int64_t)e->nmean);
}

int64_t engine_position(const struct engine *e, id_t64 order, int64_t *ret_estimate_ms)
{
	const struct order *o = map_get(&e->orders, (uint64_t)order);
	*ret_estimate_ms = -1;
	if (!o || o->state != ORDER_QUEUED)
		return 0;
	size_t rank = queue_rank(o);
	*ret_estimate_ms = engine_estimate(e, rank);
	return (int64_t)rank + 1;
}

size_t engine_queue_window(const struct engine *e, int64_t first, id_t64 *ids, size_t n)
{
	size_t got = 0;
	for (int64_t i = first - 1; i >= 0 && got < n; i++) {
		const struct order *o = queue_at(&e->queue, (size_t)i);
		if (!o)
			break;
		ids[got++] = o->id;
	}
	return got;
}

bool engine_run_progress(const struct engine *e, id_t64 run, struct run_progress *ret)
{
	const struct run *r = map_get(&e->runs, (uint64_t)run);
	if (!r || r->dead)
		return false;
	run_progress_of(r, ret);
	return true;
}

static const struct node *live_node(const struct engine *e, id_t64 run, int idx)
{
	const struct run *r = map_get(&e->runs, (uint64_t)run);
	return r && idx >= 0 && (size_t)idx < r->nnodes ? r->nodes[idx] : NULL;
}

int engine_node_state(const struct engine *e, id_t64 run, int idx)
{
	const struct node *n = live_node(e, run, idx);
	return n ? node_derived_state(n) : -1;
}

void engine_node_why(const struct engine *e, id_t64 run, int idx, struct str *out)
{
	const struct node *n = live_node(e, run, idx);
	if (!n)
		return;
	const struct run *r = n->run;
	if (n->state == NODE_PENDING && n->unmet > 0) {
		const char *comma = _("waits for ");
		for (size_t i = 0; i < n->def->nneeds && n->parent < 0; i++) {
			const struct node *m = r->nodes[n->def->needs[i].node];
			if (state_final(ENTITY_NODE, (int)m->state))
				continue;
			str_addf(out, "%s%s", comma, m->name);
			comma = ", ";
		}
	} else if (n->state == NODE_PENDING && r->failing) {
		str_add(out, _("not started: a critical node failed"));
	} else if (n->state == NODE_PENDING && !run_starts(r)) {
		str_addf(out, _("ready, but the run is %s"), state_name(ENTITY_RUN, (int)r->state));
	} else if (n->where && n->where != &r->ready && n->where != &r->own && n->parent < 0 &&
		   (breaker_why(e, n, out), out->len > 0)) {
		return;
	} else if (n->state == NODE_PENDING && (n->where == &r->ready || n->where == &r->own)) {
		str_addf(out, _("ready; waits for one of %d step places"), e->settings->steps);
	} else if (n->state == NODE_PENDING) {
		str_add(out, _("ready; waits for a resource or its group's limit"));
	} else if (n->state == NODE_RETRYING && n->reason) {
		str_addf(out, _("will be tried again: %s"), n->reason);
	} else if (n->reason) {
		str_add(out, n->reason);
	}
}

bool engine_attempt_log(const struct engine *e, int64_t token, int64_t *ret_bytes, int64_t *ret_lines)
{
	const struct node *n = map_get(&e->tokens, (uint64_t)token);
	if (!n)
		return false;
	*ret_bytes = n->log_bytes;
	*ret_lines = n->log_lines;
	return true;
}

bool engine_attempt_live(const struct engine *e, int64_t token, struct live_counts *ret)
{
	const struct node *n = map_get(&e->tokens, (uint64_t)token);
	if (!n || (!n->live.input && !n->live.output && !n->live.cost_micro_usd))
		return false;
	*ret = n->live;
	return true;
}

static void add_live(int64_t *sum, int64_t n)
{
	if (n >= 0)
		*sum = MAX(*sum, (int64_t)0) + n;
}

bool engine_run_live(const struct engine *e, id_t64 run, struct live_counts *ret)
{
	const struct run *r = map_get(&e->runs, (uint64_t)run);
	bool any = false;
	*ret = (struct live_counts){ -1, -1, -1 };
	for (size_t i = 0; r && r->steps && i < r->nnodes; i++) {
		const struct node *n = r->nodes[i];
		if (!n->counted || (!n->live.input && !n->live.output && !n->live.cost_micro_usd))
			continue;
		any = true;
		add_live(&ret->input, n->live.input);
		add_live(&ret->output, n->live.output);
		add_live(&ret->cost_micro_usd, n->live.cost_micro_usd);
	}
	return any;
}

char *engine_log_path(const struct engine *e, id_t64 run, int idx, int generation, int iteration, int attempt)
{
	return log_path_in(e->home, run, idx, generation, iteration, attempt);
}

void engine_workers(const struct engine *e, void (*fn)(void *ctx, const struct worker_info *w), void *ctx)
{
	for (size_t i = 0; i < e->nworkers; i++) {
		const struct worker *w = e->workers[i];
		struct worker_info info = { .pid = w->pid, .phase = w->phase, .adopted = w->adopted,
					    .frozen = w->frozen, .key = w->key, .since_ms = w->since_ms };
		if (w->hello)
			fn(ctx, &info);
	}
}

enum err_code engine_graph(struct engine *e, const struct hash *hash, const char *sub,
			   const struct graph **ret, struct err *err)
{
	struct definition *d;
	enum err_code code = definition_get(e, hash, &d, err);
	if (code)
		return code;
	*ret = definition_sub(d, sub);
	definition_unref(e, d); /* stays in the cache */
	return *ret ? ERR_OK : err_set(err, ERR_CORRUPT, _("the definition has no sub-workflow %s"), sub);
}
