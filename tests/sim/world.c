/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time, letters, the life and death of the engine, and the operator. */
#include "tests/sim/world.h"
#include "engine/engine_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define START_WALL_MS 1700000000000LL

void world_say(struct world *w, const char *fmt, ...)
{
	if (!w->trace)
		return;
	va_list ap;
	va_start(ap, fmt);
	(void)fprintf(stderr, "%9.3f  ", (double)w->boot_ms / 1000);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
}

bool world_chance(struct world *w, int in_1000)
{
	return in_1000 > 0 && (int)rng_below(&w->rng, 1000) < in_1000;
}

int64_t world_delay(struct world *w)
{
	if (world_chance(w, w->faults.slow_link))
		return (int64_t)rng_below(&w->rng, 1000);
	return (int64_t)rng_below(&w->rng, 3);
}

/* ---- letters ---- */

static bool letter_before(const struct heap_node *a, const struct heap_node *b)
{
	const struct letter *x = CONTAINER_OF(a, const struct letter, h);
	const struct letter *y = CONTAINER_OF(b, const struct letter, h);
	return x->at_ms != y->at_ms ? x->at_ms < y->at_ms : x->number < y->number;
}

struct letter *world_post(struct world *w, enum sim_event kind, struct sim_worker *s, int64_t in_ms)
{
	struct letter *l = xcalloc(1, sizeof(*l));
	l->kind = kind;
	l->s = s;
	l->at_ms = w->boot_ms + in_ms;
	l->number = ++w->nevents;
	heap_add(&w->events, &l->h);
	return l;
}

void world_call(struct world *w, int64_t in_ms, void (*call)(struct world *w, void *ctx), void *ctx)
{
	struct letter *l = world_post(w, EVENT_CALL, NULL, in_ms);
	l->call = call;
	l->ctx = ctx;
}

static void letter_free(struct letter *l)
{
	free(l->script);
	free(l->node);
	free(l->run);
	free(l->log_path);
	free(l->cwd);
	free(l->outputs);
	free(l->tail);
	free(l);
}

/* ---- what the engine asks for ---- */

/* Whether this effect still happens: the engine may die between two of them. */
static bool effect(struct world *w)
{
	if (w->dying)
		return false;
	if (w->effects_left > 0 && --w->effects_left == 0) {
		world_say(w, "the engine dies while it releases effects");
		w->effects_left = -1;
		w->dying = true;
		return false;
	}
	return true;
}

static struct engine_now io_now(void *ctx)
{
	const struct world *w = ctx;
	return (struct engine_now){ w->wall_ms, w->boot_ms };
}

static uint64_t io_random(void *ctx)
{
	struct world *w = ctx;
	return rng_u64(&w->rng);
}

static void io_spawn_worker(void *ctx)
{
	struct world *w = ctx;
	if (effect(w))
		(void)world_post(w, EVENT_SPAWN, NULL, 1 + world_delay(w));
}

/* What stands in the file; pawl's own programs get it wrapped. */
static const char *script_of(const struct node *n, const struct proto_message *m)
{
	if (n && node_phase(n) == PHASE_VERIFY)
		return n->def->checks[0].command.script ? n->def->checks[0].command.script : "";
	if (n && node_phase(n) == PHASE_STRATEGY)
		return n->def->loop->command.script;
	if (n && n->def->kind == NODE_AGENT)
		return n->def->agent.command.script;
	return m->spec.script ? m->spec.script : m->spec.argv[0];
}

static void io_send(void *ctx, void *peer, const struct proto_message *m)
{
	struct world *w = ctx;
	struct sim_worker *s = peer;
	if (!effect(w))
		return;
	struct letter *l = world_post(w, EVENT_TO_WORKER, s, world_delay(w));
	l->at_ms = s->last_to_worker = MAX(l->at_ms, s->last_to_worker);
	l->conn = s->conn;
	heap_moved(&w->events, &l->h);
	l->m = *m;
	l->m.storage = NULL;
	if (m->type != MSG_START)
		return;
	const struct node *asked = map_get(&w->e->tokens, (uint64_t)m->spec.key.token);
	l->script = xstrdup(script_of(asked, m));
	l->purpose = asked ? (int)node_phase(asked) : PHASE_WORK;
	l->reports = asked && executor_at(asked->def->kind, node_phase(asked))->form == OUTPUT_REPORT;
	l->node = xstrdup(m->spec.node_name);
	l->run = xstrdup(m->spec.run_id);
	l->log_path = xstrdup(m->spec.log_path);
	l->cwd = xstrdup(m->spec.cwd);
	const struct node *n = map_get(&w->e->tokens, (uint64_t)m->spec.key.token);
	l->try_number = m->spec.key.attempt - (n ? n->interrupted : 0);
	l->m.spec = (struct step_spec){ .key = m->spec.key, .timeout_ms = m->spec.timeout_ms };
}

static void io_close_worker(void *ctx, void *peer)
{
	struct world *w = ctx;
	struct sim_worker *s = peer;
	struct worker *gone = s->peer;
	if (!effect(w) || !gone)
		return;
	worker_lost(s);
	engine_worker_gone(w->e, gone);
}

static bool io_alive(void *ctx, int64_t pid, int64_t start_time)
{
	const struct world *w = ctx;
	for (size_t i = 0; i < w->nworkers; i++)
		if (w->workers[i]->pid == pid && w->workers[i]->alive && start_time == pid * 7)
			return true;
	return false;
}

static void io_kill_token(void *ctx, int64_t token)
{
	struct world *w = ctx;
	if (!effect(w))
		return;
	for (size_t i = 0; i < w->norphans; i++)
		if (w->orphans[i].token == token)
			w->orphans[i].until_ms = 0;
	for (size_t i = 0; i < w->nworkers; i++) {
		struct sim_worker *s = w->workers[i];
		if (!s->alive || s->phase != WORKER_BUSY || s->key.token != token)
			continue;
		s->stop = CLASS_SIGNAL;
		worker_due(s, s->plan);
	}
}

static void io_exit_records(void *ctx, void (*fn)(void *fn_ctx, const struct step_result *r), void *fn_ctx)
{
	struct world *w = ctx;
	for (size_t i = 0; i < w->nrecords; i++)
		fn(fn_ctx, &w->records[i].result);
}

static void io_exit_record_remove(void *ctx, int64_t token)
{
	struct world *w = ctx;
	if (!effect(w))
		return;
	for (size_t i = 0; i < w->nrecords; i++) {
		if (w->records[i].token != token)
			continue;
		free(w->records[i].outputs);
		free(w->records[i].tail);
		w->records[i] = w->records[--w->nrecords];
		return;
	}
}

static enum err_code io_workspace(void *ctx, const char *path, const char *run UNUSED, bool make UNUSED,
				  struct err *err)
{
	struct world *w = ctx;
	if (world_chance(w, w->faults.workspace_fails))
		return err_set(err, rng_below(&w->rng, 2) ? ERR_STORAGE : ERR_IO, "cannot make %s", path);
	return ERR_OK;
}

static void io_space(void *ctx, struct space_job *j)
{
	struct world *w = ctx;
	if (effect(w))
		files_job(ctx, j);
	else
		space_job_free(j);
}

static void io_progress(void *ctx UNUSED, int64_t token UNUSED)
{
}

static void io_published(void *ctx, int64_t seq)
{
	struct world *w = ctx;
	if (!w->dying)
		w->seq_seen = seq;
}

static void io_storage(void *ctx, const struct err *err)
{
	struct world *w = ctx;
	world_say(w, "storage: %s", err ? err->message : "works again");
}

static const struct engine_io io = {
	.now = io_now,
	.random = io_random,
	.spawn_worker = io_spawn_worker,
	.send = io_send,
	.close_worker = io_close_worker,
	.alive = io_alive,
	.kill_token = io_kill_token,
	.exit_records = io_exit_records,
	.exit_record_remove = io_exit_record_remove,
	.workspace = io_workspace,
	.empty = files_empty,
	.real_path = files_real_path,
	.space = io_space,
	.progress = io_progress,
	.published = io_published,
	.storage = io_storage,
};

/* ---- life and death ---- */

static bool no_room(void *ctx)
{
	struct world *w = ctx;
	if (!w->page_limit && w->boot_ms >= w->disk_full_until_ms && world_chance(w, w->faults.commit_fails)) {
		w->disk_full_until_ms = w->boot_ms + 1 + (int64_t)rng_below(&w->rng, 5000);
		w->page_limit = rng_below(&w->rng, 2) == 1;
		if (w->page_limit)
			store_limit_growth(w->store, (int64_t)rng_below(&w->rng, 8));
		w->nfull++;
		world_say(w, "the disk is full");
	}
	return !w->page_limit && w->boot_ms < w->disk_full_until_ms;
}

static void open_engine(struct world *w)
{
	struct err err = { 0 };
	auto_free char *path = xasprintf("%s/state.db", w->dir);
	enum err_code code = store_open(path, &(struct store_options){ .relaxed_sync = true }, &w->store, &err);
	if (!code) {
		store_on_commit(w->store, no_room, w);
		code = engine_new(w->store, &w->settings, w->dir, &io, w, &w->e, &err);
	}
	if (code) {
		(void)fprintf(stderr, "seed: the engine does not start: %s\n", err.message);
		abort();
	}
	w->seq_seen = store_last_seq(w->store);
	world_turn(w);
}

static void close_engine(struct world *w)
{
	files_crash(w);
	engine_free(w->e);
	w->e = NULL;
	store_close(w->store);
	w->store = NULL;
	w->dying = false;
	w->effects_left = -1;
}

void world_crash(struct world *w, int64_t down_ms)
{
	if (!w->e)
		return;
	world_say(w, "the engine dies%s", w->reboot ? " with the machine" : "");
	w->ncrashes++;
	close_engine(w);
	w->back_ms = w->boot_ms + down_ms;
	for (size_t i = 0; i < w->nworkers; i++) {
		struct sim_worker *s = w->workers[i];
		if (s->alive && w->reboot) {
			s->peer = NULL;
			worker_kill(s);
		} else if (s->alive && s->peer) {
			worker_lost(s);
		}
	}
	if (w->reboot)
		w->norphans = 0;
	w->reboot = false;
	w->page_limit = false; /* of the connection that is gone */
}

static void come_back(struct world *w)
{
	world_say(w, "an engine starts");
	open_engine(w);
}

void world_restart(struct world *w)
{
	world_crash(w, 0);
	come_back(w);
}

void world_turn(struct world *w)
{
	if (!w->e)
		return;
	/* Effects may bring inputs (a connection that is closed), as with the real host. */
	for (int i = 0; i < 3; i++) {
		engine_commit(w->e);
		if (w->dying) {
			world_crash(w, w->down_ms);
			return;
		}
	}
	struct engine_stats stats;
	engine_stats(w->e, &stats);
	w->running_max = MAX(w->running_max, stats.steps_running);
	if (w->after_turn)
		w->after_turn(w, w->after_ctx);
}

struct world *world_new(uint64_t seed, int steps, int runs)
{
	struct world *w = xcalloc(1, sizeof(*w));
	w->rng.s = seed;
	w->wall_ms = START_WALL_MS;
	w->boot_ms = 1000;
	w->effects_left = -1;
	heap_init(&w->events, letter_before);
	(void)snprintf(w->dir, sizeof(w->dir), "%s/pawl-sim-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(w->dir))
		abort();
	engine_settings_default(&w->settings);
	w->settings.steps = steps;
	w->settings.runs = runs;
	open_engine(w);
	return w;
}

void world_free(struct world *w)
{
	if (w->e)
		close_engine(w);
	while (w->events.n > 0) {
		struct letter *l = CONTAINER_OF(heap_min(&w->events), struct letter, h);
		heap_del(&w->events, &l->h);
		letter_free(l);
	}
	heap_done(&w->events);
	for (size_t i = 0; i < w->nworkers; i++)
		worker_free(w->workers[i]);
	for (size_t i = 0; i < w->nrecords; i++) {
		free(w->records[i].outputs);
		free(w->records[i].tail);
	}
	for (size_t i = 0; i < w->nstarts; i++)
		free(w->starts[i].node);
	files_free(w);
	free(w->workers);
	free(w->records);
	free(w->starts);
	free(w->orphans);
	if (fs_rmtree(w->dir, NULL))
		(void)fprintf(stderr, "%s stays\n", w->dir);
	free(w);
}

/* ---- the next thing ---- */

static void happen(struct world *w, struct letter *l)
{
	struct sim_worker *s = l->s;
	switch (l->kind) {
	case EVENT_TO_WORKER:
		if (s->alive && s->conn == l->conn)
			worker_receive(s, l);
		break;
	case EVENT_TO_ENGINE:
		if (world_chance(w, w->faults.clock_jump))
			w->wall_ms += (int64_t)rng_below(&w->rng, 7200000) - 3600000;
		if (w->e && s->peer && s->conn == l->conn)
			engine_worker_message(w->e, s->peer, &l->m);
		if (w->e && s->peer && s->conn == l->conn && world_chance(w, w->faults.disconnect)) {
			struct worker *peer = s->peer;
			world_say(w, "the connection of worker %" PRId64 " breaks", s->pid);
			worker_lost(s);
			engine_worker_gone(w->e, peer);
		}
		break;
	case EVENT_CONNECT:
		worker_connect(s);
		break;
	case EVENT_DUE:
		worker_due(s, l->conn);
		break;
	case EVENT_SPAWN:
		if (!world_chance(w, w->faults.spawn_fails))
			worker_spawn(w);
		else if (w->e)
			engine_spawn_failed(w->e);
		break;
	case EVENT_GONE:
		if (l->conn == 0 || s->conn == l->conn)
			worker_kill(s);
		break;
	case EVENT_CALL:
		l->call(w, l->ctx);
		break;
	}
}

static void advance(struct world *w, int64_t to_ms)
{
	if (to_ms > w->boot_ms) {
		w->wall_ms += to_ms - w->boot_ms;
		w->boot_ms = to_ms;
	}
}

bool world_step(struct world *w, int64_t until_ms)
{
	struct heap_node *h = heap_min(&w->events);
	struct letter *l = h ? CONTAINER_OF(h, struct letter, h) : NULL;
	int64_t timer = w->e ? engine_next_ms(w->e) : w->back_ms;
	if (timer < 0)
		timer = INT64_MAX;
	int64_t at = MIN(timer, l ? l->at_ms : INT64_MAX);
	if (at > until_ms)
		return false;
	advance(w, at);
	if (w->e && w->page_limit && w->boot_ms >= w->disk_full_until_ms) {
		w->page_limit = false;
		store_limit_growth(w->store, -1);
	}
	if (l && l->at_ms <= timer) {
		heap_del(&w->events, h);
		happen(w, l);
		letter_free(l);
	} else if (w->e) {
		engine_tick(w->e);
	} else {
		come_back(w);
	}
	/* More that is due now may come into the same turn. */
	h = heap_min(&w->events);
	bool more = h && CONTAINER_OF(h, struct letter, h)->at_ms <= w->boot_ms && w->e;
	if (more && rng_below(&w->rng, 2))
		return true;
	if (w->e && world_chance(w, w->faults.crash)) {
		if (rng_below(&w->rng, 2))
			world_crash(w, w->down_ms);
		else
			w->effects_left = 1 + (int64_t)rng_below(&w->rng, 4);
	}
	world_turn(w);
	return true;
}

void world_run_ms(struct world *w, int64_t ms)
{
	int64_t until = w->boot_ms + ms;
	while (world_step(w, until))
		;
	advance(w, until);
	world_turn(w);
}

struct count {
	int n;
};

static void count_order(void *ctx, const struct order_row *o UNUSED)
{
	((struct count *)ctx)->n++;
}

static bool all_ended(struct world *w)
{
	struct engine_stats stats;
	if (!w->e)
		return false;
	engine_stats(w->e, &stats);
	if (stats.storage_failed || stats.runs_live > 0 || stats.waiting + stats.held + stats.blocked > 0)
		return false;
	struct count c = { 0 };
	return store_orders_live(w->store, count_order, &c, NULL) == ERR_OK && c.n == 0;
}

bool world_finish(struct world *w, int64_t ms)
{
	int64_t until = w->boot_ms + ms;
	while (!all_ended(w))
		if (!world_step(w, until))
			return all_ended(w);
	return true;
}

/* ---- the operator ---- */

static void answered(void *ctx, const struct command_reply *r)
{
	struct answer *a = ctx;
	a->times++;
	a->code = r->code;
	a->id = r->id;
	a->replayed = r->replayed;
	(void)snprintf(a->note, sizeof(a->note), "%s", r->note ? r->note : "");
	if (!r->err)
		return;
	(void)snprintf(a->message, sizeof(a->message), "%.*s", (int)sizeof(a->message) - 1, r->err->message);
	(void)snprintf(a->hint, sizeof(a->hint), "%s", r->err->hint);
	if (!r->report)
		return;
	auto_str text = STR_INIT;
	flow_report_text(r->report, &text);
	(void)snprintf(a->message, sizeof(a->message), "%s", str_text(&text));
}

struct answer world_ask(struct world *w, const struct command *c)
{
	struct answer a = { .code = ERR_UNAVAILABLE };
	if (!w->e)
		return a;
	engine_command(w->e, c, answered, &a);
	world_turn(w);
	world_say(w, "operator: %s %s%s%s: %s %s", verb_name(c->verb),
		  id_text(verb_entity(c->verb) == ENTITY_RUN ? 'r' : 'o', c->verb == VERB_SUBMIT ? a.id : c->id).s,
		  c->nnodes ? " " : "", c->nnodes ? c->nodes[0] : "", err_name(a.code), a.message);
	return a;
}

struct answer world_verb(struct world *w, enum verb v, id_t64 id, const char *node)
{
	struct command c = { .verb = v, .id = id, .nodes = &node, .nnodes = node ? 1 : 0, .who = "tester" };
	return world_ask(w, &c);
}

struct answer world_submit(struct world *w, const char *yaml, const struct submission *options)
{
	struct submission s = options ? *options : (struct submission){ 0 };
	auto_free char *name = xasprintf("%s/t.yaml", w->dir);
	s.source = yaml;
	s.source_len = strlen(yaml);
	s.file = name;
	s.dir = w->dir;
	s.submitter = "tester";
	struct command c = { .verb = VERB_SUBMIT, .submit = &s, .who = "tester" };
	return world_ask(w, &c);
}

void world_file(struct world *w, const char *name, const char *text)
{
	auto_free char *path = xasprintf("%s/%s", w->dir, name);
	struct err err = { 0 };
	if (fs_write(path, text, strlen(text), 0600, &err)) {
		(void)fprintf(stderr, "%s\n", err.message);
		abort();
	}
}

/* ---- what is stored ---- */

enum order_state world_order_state(struct world *w, id_t64 order)
{
	struct order_row row = { .state = ORDER_STATE_COUNT };
	bool missing = store_order_get(w->store, order, &row, NULL) != ERR_OK;
	return missing ? ORDER_STATE_COUNT : row.state;
}

id_t64 world_run_of(struct world *w, id_t64 order)
{
	struct order_row row = { 0 };
	return store_order_get(w->store, order, &row, NULL) ? 0 : row.run;
}

struct run_row world_run(struct world *w, id_t64 run)
{
	struct run_row row = { .state = RUN_STATE_COUNT };
	if (store_run_get(w->store, run, &row, NULL))
		row.state = RUN_STATE_COUNT;
	return row;
}

struct find {
	const char *name;
	int idx;
	struct node_row row;
	char *reason, *outputs, *before;
};

static void find_instance(void *ctx, const struct instance_row *i)
{
	struct find *f = ctx;
	if (str_eq(i->name, f->name))
		f->idx = i->idx;
}

static void find_row(void *ctx, const struct node_row *n)
{
	struct find *f = ctx;
	if (n->idx != f->idx || n->generation < f->row.generation)
		return;
	free(f->reason);
	free(f->outputs);
	free(f->before);
	f->row = *n;
	f->row.before = f->before = n->before ? xstrdup(n->before) : NULL;
	f->row.reason = f->reason = n->reason ? xstrdup(n->reason) : NULL;
	f->row.outputs = f->outputs = n->outputs ? xstrdup(n->outputs) : NULL;
}

int world_idx(struct world *w, id_t64 run, const char *name)
{
	struct run_row row;
	const struct graph *g;
	struct find f = { .name = name, .idx = -1 };
	if (store_run_get(w->store, run, &row, NULL))
		return -1;
	auto_free char *sub = row.sub ? xstrdup(row.sub) : NULL;
	if (engine_graph(w->e, &row.workflow, sub, &g, NULL))
		return -1;
	f.idx = graph_find(g, name);
	if (f.idx < 0 && store_instances_of(w->store, run, find_instance, &f, NULL))
		return -1;
	return f.idx;
}

struct node_row world_node(struct world *w, id_t64 run, const char *name)
{
	static struct find f; /* keeps the texts until the next call */
	free(f.reason);
	free(f.outputs);
	free(f.before);
	f = (struct find){ .name = name, .idx = world_idx(w, run, name) };
	f.row = (struct node_row){ .state = NODE_PENDING };
	if (f.idx < 0 || store_nodes_of(w->store, run, find_row, &f, NULL))
		f.row.state = NODE_STATE_COUNT;
	return f.row;
}

int world_started(struct world *w, id_t64 run, const char *name)
{
	int n = 0;
	for (size_t i = 0; i < w->nstarts; i++)
		n += w->starts[i].run == run && str_eq(w->starts[i].node, name);
	return n;
}

struct sim_worker *world_worker_of(struct world *w, id_t64 run, const char *name)
{
	for (size_t i = 0; i < w->nworkers; i++) {
		struct sim_worker *s = w->workers[i];
		if (s->alive && s->phase == WORKER_BUSY && s->key.run == run && str_eq(s->node, name))
			return s;
	}
	return NULL;
}
