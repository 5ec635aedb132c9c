/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker as the engine sees one: it follows src/work/worker_link.c and worker_step.c, message by message,
 * but its processes are only a plan in time. */
#include "tests/sim/world.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RETRY_MS 50
#define RETRY_SLOW_MS 1000
#define LONELY_MS 10000
#define FOREVER ((int64_t)1 << 50)

/* ---- what a script says ---- */

void script_done(struct script *s)
{
	free(s->outputs);
	free(s->tail);
	free(s->writes);
	free(s->said);
	free(s->breaker);
	free(s->verdicts);
	free(s->decision);
	*s = (struct script){ .took_ms = 10, .cost = -1 };
}

static void add_line(char **at, const char *text)
{
	char *more = *at ? xasprintf("%s%s\n", *at, text) : xasprintf("%s\n", text);
	free(*at);
	*at = more;
}

static void set_text(char **at, const char *text)
{
	free(*at);
	*at = xstrdup(text);
}

static void one_word(const char *word, struct script *ret)
{
	int64_t n = strchr(word, '=') ? strtoll(strchr(word, '=') + 1, NULL, 10) : 0;
	if (str_starts(word, "took="))
		ret->took_ms = n;
	else if (str_eq(word, "forever"))
		ret->took_ms = FOREVER;
	else if (str_starts(word, "exit="))
		ret->exit_code = (int)n;
	else if (str_starts(word, "signal="))
		ret->signal = (int)n;
	else if (str_starts(word, "fails="))
		ret->fails = (int)n;
	else if (str_starts(word, "dies="))
		ret->dies = (int)n;
	else if (str_starts(word, "log="))
		ret->log = n;
	else if (str_eq(word, "stubborn"))
		ret->stubborn = true;
	else if (str_starts(word, "out="))
		add_line(&ret->outputs, word + 4);
	else if (str_starts(word, "writes="))
		add_line(&ret->writes, word + 7);
	else if (str_starts(word, "says="))
		add_line(&ret->tail, word + 5);
	else if (str_starts(word, "said="))
		set_text(&ret->said, word + 5);
	else if (str_starts(word, "tokens="))
		ret->tokens = n;
	else if (str_starts(word, "disk="))
		ret->disk = n * MIB;
	else if (str_starts(word, "cost="))
		ret->cost = n;
	else if (str_starts(word, "breaker="))
		set_text(&ret->breaker, word + 8);
	else if (str_starts(word, "verdicts="))
		set_text(&ret->verdicts, word + 9);
	else if (str_starts(word, "decide="))
		set_text(&ret->decision, word + 7);
}

void script_parse(const char *text, struct script *ret)
{
	*ret = (struct script){ .took_ms = 10, .cost = -1 };
	auto_free char *copy = xstrdup(text ? text : "");
	char *save = NULL;
	for (char *word = strtok_r(copy, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
		one_word(word, ret);
}

/* ---- letters to the engine ---- */

static void tell(struct sim_worker *s, struct letter *l)
{
	int64_t at = MAX(l->at_ms, s->last_to_engine);
	s->last_to_engine = l->at_ms = at;
	l->conn = s->conn;
	heap_moved(&s->w->events, &l->h);
}

static void say_hello(struct sim_worker *s)
{
	struct letter *l = world_post(s->w, EVENT_TO_ENGINE, s, world_delay(s->w));
	l->m.type = MSG_HELLO;
	l->m.hello = (struct worker_hello){ .version = PROTO_VERSION, .pid = s->pid, .start_time = s->pid * 7,
					    .boot_id = s->w->reboot ? "another-boot" : clock_boot_id(),
					    .program = "sim", .phase = s->phase };
	if (s->phase != WORKER_IDLE)
		l->m.hello.key = s->key;
	l->m.hello.frozen = s->phase == WORKER_BUSY && s->frozen;
	tell(s, l);
}

static void tell_result(struct sim_worker *s)
{
	int times = world_chance(s->w, s->w->faults.duplicate) ? 2 : 1;
	for (int i = 0; i < times && s->peer; i++) {
		struct letter *l = world_post(s->w, EVENT_TO_ENGINE, s, world_delay(s->w));
		l->m.type = MSG_RESULT;
		l->m.key = s->key;
		l->m.result = s->result;
		l->outputs = s->outputs ? xstrdup(s->outputs) : NULL;
		l->tail = s->tail ? xstrdup(s->tail) : NULL;
		l->m.result.outputs = l->outputs;
		l->m.result.tail = l->tail;
		tell(s, l);
	}
	s->sent = true;
}

static void record(struct sim_worker *s)
{
	struct world *w = s->w;
	GROW(w->records, w->nrecords, w->caprecords);
	struct sim_record *r = &w->records[w->nrecords++];
	*r = (struct sim_record){ .token = s->key.token, .result = s->result };
	r->outputs = s->outputs ? xstrdup(s->outputs) : NULL;
	r->tail = s->tail ? xstrdup(s->tail) : NULL;
	r->result.outputs = r->outputs;
	r->result.tail = r->tail;
	s->recorded = true;
	world_say(w, "worker %" PRId64 " leaves a record of %" PRId64, s->pid, s->key.token);
}

static void drop_record(struct world *w, int64_t token)
{
	for (size_t i = 0; i < w->nrecords; i++) {
		if (w->records[i].token != token)
			continue;
		free(w->records[i].outputs);
		free(w->records[i].tail);
		w->records[i] = w->records[--w->nrecords];
		return;
	}
}

static void drop_result(struct sim_worker *s)
{
	if (s->recorded)
		drop_record(s->w, s->key.token);
	s->recorded = s->sent = false;
	s->phase = WORKER_IDLE;
	s->lonely_ms = s->w->boot_ms;
}

/* ---- the step ---- */

static void plan(struct sim_worker *s, int64_t in_ms)
{
	struct letter *l = world_post(s->w, EVENT_DUE, s, in_ms);
	l->conn = ++s->plan;
}

static void leave_if_asked(struct sim_worker *s)
{
	if (s->leaving && s->phase == WORKER_IDLE && s->alive)
		worker_doomed(s);
}

static void write_log(struct sim_worker *s)
{
	if (s->script.log <= 0)
		return;
	auto_free char *dir = xstrdup(s->log_path);
	*strrchr(dir, '/') = '\0';
	FILE *f = fs_mkdirs(dir, 0700, NULL) == ERR_OK ? fopen(s->log_path, "w") : NULL;
	for (int64_t i = 0; f && i < s->script.log; i++)
		(void)fputc(i % 64 == 63 ? '\n' : 'x', f);
	if (f && fclose(f) == 0) {
		s->result.log_bytes = s->script.log;
		s->result.log_lines = (s->script.log + 63) / 64;
	}
}

static bool ends_badly(const struct sim_worker *s)
{
	if (!s->script.exit_code && !s->script.signal)
		return false;
	return s->script.fails == 0 || s->try_number + s->key.iteration - 1 <= s->script.fails;
}

static void judge(struct sim_worker *s, struct step_result *r)
{
	r->class = s->stop;
	if (r->class == CLASS_CANCELED || r->class == CLASS_TIMEOUT) {
		r->signal = 15;
		r->exit_code = 143;
	} else if (ends_badly(s) && s->script.signal) {
		r->class = CLASS_SIGNAL;
		r->signal = s->script.signal;
		r->exit_code = 128 + r->signal;
	} else if (ends_badly(s)) {
		r->class = CLASS_EXIT;
		r->exit_code = s->script.exit_code;
	}
}

/* What it does to the files of its workspace. */
static void write_files(struct sim_worker *s)
{
	auto_free char *names = s->script.writes ? xstrdup(s->script.writes) : NULL;
	auto_free char *value = xasprintf("%" PRId64, s->key.token);
	char *save = NULL;
	for (char *name = names ? strtok_r(names, "\n", &save) : NULL; name; name = strtok_r(NULL, "\n", &save))
		world_write(s->w, s->cwd, name, value);
}

static void finish(struct sim_worker *s)
{
	struct world *w = s->w;
	write_files(s);
	s->result = (struct step_result){ .key = s->key, .started_ms = s->wall_ms, .ended_ms = w->wall_ms };
	s->result.disk_bytes = s->script.disk;
	judge(s, &s->result);
	write_log(s);
	free(s->outputs);
	free(s->tail);
	bool good = s->result.class == CLASS_NONE;
	s->outputs = good && s->script.outputs ? xstrdup(s->script.outputs) : NULL;
	if (s->reports || s->purpose == PHASE_STRATEGY) {
		free(s->outputs);
		s->outputs = sim_document(s, &s->result.class);
		good = s->result.class == CLASS_NONE;
		s->result.exit_code = good || s->result.exit_code ? s->result.exit_code : 1;
	}
	s->tail = !good && s->script.tail ? xstrdup(s->script.tail) : NULL;
	s->result.outputs = s->outputs;
	s->result.outputs_len = s->outputs ? strlen(s->outputs) : 0;
	s->result.tail = s->tail;
	s->phase = s->forget ? WORKER_IDLE : WORKER_DONE;
	s->lonely_ms = w->boot_ms;
	world_say(w, "worker %" PRId64 " ended %s try %d: %s%s", s->pid, s->node, s->key.attempt,
		  error_class_name(s->result.class), s->forget ? ", forgotten" : "");
	if (s->forget) {
		if (s->peer)
			say_hello(s);
	} else if (s->peer) {
		tell_result(s);
	} else {
		record(s);
	}
	s->forget = false;
	leave_if_asked(s);
}

static void stop(struct sim_worker *s, enum error_class why, int64_t in_ms)
{
	if (s->stop == CLASS_NONE)
		s->stop = why;
	s->frozen = false;
	plan(s, in_ms);
}

static void begin(struct sim_worker *s, struct letter *l)
{
	struct world *w = s->w;
	script_done(&s->script);
	free(s->node);
	free(s->run);
	free(s->log_path);
	free(s->cwd);
	s->cwd = TAKE(l->cwd);
	script_parse(l->script, &s->script);
	s->node = TAKE(l->node);
	s->run = TAKE(l->run);
	s->log_path = TAKE(l->log_path);
	s->key = l->m.spec.key;
	s->purpose = l->purpose;
	s->reports = l->reports;
	s->try_number = l->try_number;
	s->timeout_ms = l->m.spec.timeout_ms;
	s->phase = WORKER_BUSY;
	s->frozen = s->forget = s->recorded = s->sent = false;
	s->stop = CLASS_NONE;
	s->began_ms = w->boot_ms;
	s->wall_ms = w->wall_ms;
	s->left_ms = s->script.took_ms;
	if (s->timeout_ms > 0 && s->timeout_ms < s->left_ms) {
		s->left_ms = s->timeout_ms;
		s->stop = CLASS_TIMEOUT;
	}
	GROW(w->starts, w->nstarts, w->capstarts);
	w->starts[w->nstarts++] = (struct sim_start){ w->boot_ms, s->key.token, s->key.run, s->key.node,
						       s->key.attempt, xstrdup(s->node) };
	for (size_t i = 0; i < w->norphans; i++)
		if (w->orphans[i].until_ms > w->boot_ms && w->orphans[i].run == s->key.run &&
		    w->orphans[i].idx == s->key.node && w->on_orphan)
			w->on_orphan(w, w->after_ctx, &w->orphans[i]);
	world_say(w, "worker %" PRId64 " begins %s of %s try %d", s->pid, s->node, s->run, s->key.attempt);
	if (s->script.dies >= s->key.attempt) {
		struct letter *d = world_post(w, EVENT_GONE, s, MIN(s->left_ms / 2, (int64_t)1000));
		d->conn = 0;
		return;
	}
	if (world_chance(w, w->faults.worker_death))
		world_post(w, EVENT_GONE, s, (int64_t)rng_below(&w->rng, (uint64_t)MIN(s->left_ms, 500) + 20))->conn = 0;
	plan(s, s->left_ms);
}

static void refuse(struct sim_worker *s, const struct step_key *key)
{
	struct letter *l = world_post(s->w, EVENT_TO_ENGINE, s, world_delay(s->w));
	l->m.type = MSG_RESULT;
	l->m.key = *key;
	l->m.result = (struct step_result){ .key = *key, .class = CLASS_SYSTEM, .exit_code = -1,
					    .message = "the worker has another step" };
	tell(s, l);
}

static void signaled(struct sim_worker *s, enum step_signal signal)
{
	int64_t now = s->w->boot_ms;
	switch (signal) {
	case STEP_CANCEL:
		if (!s->script.stubborn)
			stop(s, CLASS_CANCELED, 3);
		else
			stop(s, CLASS_CANCELED, 5000);
		break;
	case STEP_KILL:
		stop(s, CLASS_CANCELED, 1);
		break;
	case STEP_FREEZE:
		if (s->frozen)
			break;
		s->left_ms = MAX(s->left_ms - (now - s->began_ms), (int64_t)0);
		s->frozen = true;
		s->plan++; /* what was planned does not come */
		break;
	case STEP_THAW:
		if (!s->frozen)
			break;
		s->frozen = false;
		s->began_ms = now;
		plan(s, s->left_ms);
		break;
	}
}

/* ---- letters from the engine ---- */

static void welcome(struct sim_worker *s, const struct letter *l)
{
	if (s->phase == WORKER_IDLE || s->key.token != l->m.key.token)
		return;
	if (l->m.keep && s->phase == WORKER_DONE && !s->sent) {
		tell_result(s);
	} else if (!l->m.keep && s->phase == WORKER_DONE) {
		drop_result(s);
	} else if (!l->m.keep) {
		s->forget = true;
		stop(s, CLASS_CANCELED, 1);
	}
}

void worker_receive(struct sim_worker *s, struct letter *l)
{
	switch (l->m.type) {
	case MSG_WELCOME:
		welcome(s, l);
		break;
	case MSG_START:
		if (s->phase == WORKER_DONE)
			drop_result(s);
		if (s->phase == WORKER_BUSY)
			refuse(s, &l->m.spec.key);
		else
			begin(s, l);
		break;
	case MSG_ACK:
		if (s->phase == WORKER_DONE && s->key.token == l->m.key.token)
			drop_result(s);
		break;
	case MSG_SIGNAL:
		if (s->phase == WORKER_BUSY && s->key.token == l->m.key.token)
			signaled(s, l->m.signal);
		break;
	case MSG_STOP:
		s->leaving = true;
		break;
	case MSG_HELLO:
	case MSG_STARTED:
	case MSG_RESULT:
	case MSG_PROGRESS:
		break;
	}
	leave_if_asked(s);
}

/* ---- its life ---- */

void worker_spawn(struct world *w)
{
	struct sim_worker *s = xcalloc(1, sizeof(*s));
	s->w = w;
	s->pid = ++w->last_pid;
	s->alive = true;
	s->lonely_ms = w->boot_ms;
	GROW(w->workers, w->nworkers, w->capworkers);
	w->workers[w->nworkers++] = s;
	worker_connect(s);
}

void worker_connect(struct sim_worker *s)
{
	struct world *w = s->w;
	if (!s->alive || s->peer)
		return;
	if (w->e && !w->dying) {
		s->conn++;
		s->last_to_engine = s->last_to_worker = w->boot_ms;
		s->peer = engine_worker_new(w->e, s);
		say_hello(s);
		return;
	}
	bool lonely = s->lonely_ms + LONELY_MS <= w->boot_ms;
	if (lonely && (s->phase == WORKER_IDLE || (s->phase == WORKER_DONE && s->recorded))) {
		s->alive = false;
		return;
	}
	(void)world_post(w, EVENT_CONNECT, s, lonely ? RETRY_SLOW_MS : RETRY_MS);
}

void worker_lost(struct sim_worker *s)
{
	s->peer = NULL;
	s->conn++;
	s->sent = false;
	if (!s->alive)
		return;
	s->lonely_ms = s->w->boot_ms;
	if (s->phase == WORKER_DONE && !s->recorded)
		record(s);
	(void)world_post(s->w, EVENT_CONNECT, s, RETRY_MS);
}

void worker_due(struct sim_worker *s, uint64_t number)
{
	if (s->alive && s->phase == WORKER_BUSY && s->plan == number)
		finish(s);
}

static void disconnect(struct sim_worker *s)
{
	struct worker *peer = s->peer;
	s->peer = NULL;
	s->conn++;
	if (peer && s->w->e && !s->w->dying)
		engine_worker_gone(s->w->e, peer);
}

void worker_kill(struct sim_worker *s)
{
	if (!s->alive)
		return;
	struct world *w = s->w;
	world_say(w, "worker %" PRId64 " dies", s->pid);
	s->alive = false;
	if (s->phase == WORKER_BUSY)
		write_files(s);
	if (s->phase == WORKER_BUSY && w->faults.orphans && !w->reboot) {
		GROW(w->orphans, w->norphans, w->caporphans);
		w->orphans[w->norphans++] = (struct sim_orphan){ s->key.token, w->boot_ms + s->left_ms, s->key.run,
								 s->key.node };
	}
	s->plan++;
	disconnect(s);
}

/* What it said before arrives before the end of the connection does. */
void worker_doomed(struct sim_worker *s)
{
	struct letter *l = world_post(s->w, EVENT_GONE, s, 0);
	l->conn = s->conn;
	l->at_ms = MAX(l->at_ms, s->last_to_engine);
	heap_moved(&s->w->events, &l->h);
}

void worker_free(struct sim_worker *s)
{
	script_done(&s->script);
	free(s->node);
	free(s->run);
	free(s->log_path);
	free(s->cwd);
	free(s->outputs);
	free(s->tail);
	free(s);
}
