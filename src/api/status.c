/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine as a whole: figures, health, workers, its end and its check of itself. */
#include "api/api_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define WAIT_FRESH_MS 1000 /* the mean wait is asked for again after so long */
#define SPACE_LOW (64 * MIB)

/* ---- figures ---- */

static int64_t average_wait(struct api *a)
{
	int64_t now = clock_boot_ms();
	if (!a->average_wait_at_ms || now - a->average_wait_at_ms >= WAIT_FRESH_MS) {
		a->average_wait_ms = read_mean_wait_ms(a->store);
		a->average_wait_at_ms = now;
	}
	return a->average_wait_ms;
}

static void show_queue(struct api *a, struct jw *w, const char *key)
{
	struct engine_stats s;
	engine_stats(a->engine, &s);
	jw_obj(w, key);
	jw_int(w, "waiting", s.waiting);
	jw_int(w, "running", s.runs_live);
	jw_int(w, "held", s.held);
	jw_int(w, "blocked", s.blocked);
	jw_int(w, "max_concurrent", a->config->engine.runs);
	jw_above(w, "average_wait_ms", average_wait(a));
	jw_int(w, "max_queue_size", a->config->engine.queue_max);
	jw_bool(w, "accepting", s.accepting);
	jw_above(w, "oldest_wait_ms", s.waiting ? s.oldest_wait_ms : -1);
	jw_bool(w, "paused", s.queue_paused);
	jw_end_obj(w);
}

enum err_code api_queue_stats(struct request *r, struct err *err)
{
	(void)err;
	struct jw w = jw_begin(&r->out);
	show_queue(r->api, &w, NULL);
	return ERR_OK;
}

static void show_counts(struct jw *w, const char *key, enum entity e, const int64_t *v)
{
	jw_obj(w, key);
	for (int i = 0; i < state_count(e); i++)
		jw_int(w, state_name(e, i), v[i]);
	jw_end_obj(w);
}

static const char *engine_state(const struct api *a, const struct engine_stats *s)
{
	if (a->stopping || host_stopping(a->host))
		return "draining";
	return s->storage_failed ? "storage" : "running";
}

enum err_code api_engine(struct request *r, struct err *err)
{
	(void)err;
	struct api *a = r->api;
	struct engine_stats s;
	engine_stats(a->engine, &s);
	const struct read_counts *c = counts_now(a);
	int64_t started = host_started_ms(a->host);
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_str(&w, "version", PACKAGE_VERSION);
	jw_int(&w, "pid", getpid());
	jw_str(&w, "home", engine_home(a->engine));
	jw_time(&w, "started_at_ms", started);
	jw_int(&w, "uptime_ms", MAX(clock_wall_ms() - started, (int64_t)0));
	jw_str(&w, "state", engine_state(a, &s));
	jw_str(&w, "reason", s.storage_failed ? host_storage_trouble(a->host) : NULL);
	jw_obj(&w, "steps");
	jw_int(&w, "limit", a->config->engine.steps);
	jw_int(&w, "running", s.steps_running);
	jw_end_obj(&w);
	jw_obj(&w, "runs");
	jw_int(&w, "limit", a->config->engine.runs);
	jw_int(&w, "live", s.runs_live);
	jw_end_obj(&w);
	show_queue(a, &w, "queue");
	jw_obj(&w, "workers");
	jw_int(&w, "total", s.workers);
	jw_int(&w, "idle", s.workers_idle);
	jw_int(&w, "busy", s.workers_busy);
	jw_end_obj(&w);
	jw_obj(&w, "counts");
	show_counts(&w, "runs", ENTITY_RUN, c->runs);
	show_counts(&w, "orders", ENTITY_ORDER, c->orders);
	jw_end_obj(&w);
	jw_int(&w, "failures_unacknowledged", read_unseen(a->store));
	jw_arr(&w, "failures_per_hour");
	for (int ago = READ_HOURS - 1; ago >= 0; ago--)
		jw_int(&w, NULL, read_failed_in_hour(c, clock_wall_ms(), ago));
	jw_end_arr(&w);
	jw_bool(&w, "queue_paused", s.queue_paused);
	jw_int(&w, "last_seq", s.last_seq);
	jw_str(&w, "boot_id", clock_boot_id());
	jw_int(&w, "commits", s.commits);
	jw_int(&w, "streams", a->streams);
	jw_end_obj(&w);
	return ERR_OK;
}

/* ---- health ---- */

enum health { HEALTHY, DEGRADED, UNHEALTHY };
static const char *const health_names[] = { "healthy", "degraded", "unhealthy" };

struct component {
	const char *name;
	enum health health;
	char message[400];
};

static void judge_database(struct api *a, const struct engine_stats *s, struct component *c)
{
	c->health = s->storage_failed ? UNHEALTHY : HEALTHY;
	if (s->storage_failed)
		(void)snprintf(c->message, sizeof(c->message), "%s", host_storage_trouble(a->host));
}

static void judge_space(struct api *a, struct component *c)
{
	struct statvfs v;
	if (statvfs(engine_home(a->engine), &v)) {
		c->health = DEGRADED;
		(void)snprintf(c->message, sizeof(c->message), "%s",
		               _("the free space of the home is not known"));
		return;
	}
	uint64_t space = (uint64_t)v.f_bavail * v.f_frsize;
	c->health = space < SPACE_LOW ? DEGRADED : HEALTHY;
	(void)snprintf(c->message, sizeof(c->message), _("%llu MiB free"),
	               (unsigned long long)(space / MIB));
}

static void judge_queue(struct api *a, const struct engine_stats *s, struct component *c)
{
	int most = a->config->engine.queue_max;
	if (!s->accepting)
		c->health = UNHEALTHY;
	else if ((int64_t)s->waiting * 5 > (int64_t)most * 4 || s->queue_paused)
		c->health = DEGRADED;
	(void)snprintf(c->message, sizeof(c->message),
	               s->queue_paused ? _("%d of %d waiting, and the queue is paused")
	                               : _("%d of %d waiting"),
	               s->waiting, most);
}

static void judge_workers(struct api *a, const struct engine_stats *s, struct component *c)
{
	const struct engine_settings *e = &a->config->engine;
	/* None is fine while nothing runs: they are started when they are needed. */
	c->health = s->steps_running > s->workers ? DEGRADED : HEALTHY;
	(void)snprintf(c->message, sizeof(c->message), _("%d busy, %d idle, %d at most"),
	               s->workers_busy, s->workers_idle,
	               e->workers_max ? e->workers_max : e->steps);
}

static enum health judge(struct api *a, struct component v[4])
{
	struct engine_stats s;
	engine_stats(a->engine, &s);
	memset(v, 0, 4 * sizeof(*v));
	v[0].name = "database";
	judge_database(a, &s, &v[0]);
	v[1].name = "space";
	judge_space(a, &v[1]);
	v[2].name = "queue";
	judge_queue(a, &s, &v[2]);
	v[3].name = "workers";
	judge_workers(a, &s, &v[3]);
	enum health worst = a->stopping || host_stopping(a->host) ? UNHEALTHY : HEALTHY;
	for (int i = 0; i < 4; i++)
		worst = MAX(worst, v[i].health);
	return worst;
}

static enum err_code show_health(struct request *r, enum health health, const struct component *v,
                                 size_t n)
{
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_str(&w, "status", health_names[health]);
	jw_obj(&w, "components");
	for (size_t i = 0; i < n; i++) {
		jw_obj(&w, v[i].name);
		jw_str(&w, "status", health_names[v[i].health]);
		jw_str(&w, "message", v[i].message);
		jw_end_obj(&w);
	}
	jw_end_obj(&w);
	jw_end_obj(&w);
	return ERR_OK;
}

enum err_code api_health_live(struct request *r, struct err *err)
{
	(void)err;
	return show_health(r, HEALTHY, NULL, 0);
}

enum err_code api_health_ready(struct request *r, struct err *err)
{
	(void)err;
	struct component v[4];
	enum health health = judge(r->api, v);
	r->status = health == UNHEALTHY ? 503 : 200;
	return show_health(r, health, NULL, 0);
}

enum err_code api_health(struct request *r, struct err *err)
{
	(void)err;
	struct component v[4];
	enum health health = judge(r->api, v);
	r->status = health == UNHEALTHY ? 503 : 200;
	return show_health(r, health, v, COUNT(v));
}

enum err_code api_queue_health(struct request *r, struct err *err)
{
	(void)err;
	struct component v[4];
	(void)judge(r->api, v);
	r->status = v[2].health == UNHEALTHY ? 503 : 200;
	return show_health(r, v[2].health, &v[2], 1);
}

/* ---- workers ---- */

struct workers {
	struct api *api;
	struct jw w;
	int n;
};

static void add_worker(void *ctx, const struct worker_info *i)
{
	static const char *const phases[] = {
		[WORKER_IDLE] = "idle", [WORKER_BUSY] = "busy", [WORKER_DONE] = "done"
	};
	struct workers *l = ctx;
	struct jw *w = &l->w;
	bool busy = i->phase != WORKER_IDLE;
	char id[32];
	(void)snprintf(id, sizeof(id), "w-%lld", (long long)i->pid);
	l->n++;
	jw_obj(w, NULL);
	jw_str(w, "id", id);
	jw_int(w, "pid", i->pid);
	jw_str(w, "state", i->frozen ? "frozen" : phases[i->phase]);
	jw_id(w, "run", 'r', busy ? i->key.run : 0);
	if (busy)
		jw_node(l->api, w, "node", i->key.run, i->key.node);
	else
		jw_null(w, "node");
	jw_time(w, "since_ms", i->since_ms);
	jw_bool(w, "adopted", i->adopted);
	jw_end_obj(w);
}

enum err_code api_workers(struct request *r, struct err *err)
{
	(void)err;
	struct workers l = { r->api, jw_begin(&r->out), 0 };
	jw_obj(&l.w, NULL);
	jw_arr(&l.w, "items");
	engine_workers(r->api->engine, add_worker, &l);
	jw_end_arr(&l.w);
	jw_null(&l.w, "next");
	jw_int(&l.w, "total", l.n);
	jw_end_obj(&l.w);
	return ERR_OK;
}

/* ---- end ---- */

static void leave(struct request *r)
{
	api_stop_soon(r->api, false);
}

static void leave_and_kill(struct request *r)
{
	api_stop_soon(r->api, true);
}

enum err_code api_engine_stop(struct request *r, struct err *err)
{
	bool kill;
	enum err_code code = body_flag(r->json, "kill", &kill, err);
	if (code)
		return code;
	r->sent = kill ? leave_and_kill : leave;
	r->close = true;
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_bool(&w, "stopping", true);
	jw_end_obj(&w);
	return ERR_OK;
}
