/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The event stream (Server-Sent Events). A stream is a place in the numbered events: it reads on
 * from the store whenever its client takes more, so nothing is queued in memory, and resuming after
 * a number is the same as going on. One that falls behind by more than `event_lag` is told what it
 * lost and goes on at the newest. */
#include "api/api_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PING_MS 15000
#define BATCH 200   /* events read at a time */
#define BURST 64    /* streams are woken at once so often, then … */
#define WAKE_MS 10  /* … together after so long */
#define REFILL_MS 5 /* a wake more after so long */

struct stream {
	struct events *all;
	struct MHD_Connection *mhd;
	id_t64 run, order; /* 0: all */
	char *type;        /* prefixes of the types that are wanted; NULL: all */
	int64_t cursor;    /* the last event that was looked at */
	struct str buf;    /* text to be sent, from `at` on */
	size_t at;
	bool suspended;
	int64_t spoke_ms;
	struct stream *next, *previous;
};

struct events {
	struct api *api;
	struct stream *first;
	int64_t newest; /* published */
	int burst;
	int64_t refilled_ms;
	uv_timer_t wake; /* when there were too many turns to wake at each */
	uv_timer_t ping;
	bool stopping;
};

static void resume(struct stream *s)
{
	if (!s->suspended)
		return;
	s->suspended = false;
	api_wake(s->all->api);
	MHD_resume_connection(s->mhd);
}

static void wake_all(struct events *e)
{
	for (struct stream *s = e->first; s; s = s->next)
		if (s->cursor < e->newest || e->stopping)
			resume(s);
}

static void on_wake(uv_timer_t *timer)
{
	struct events *e = timer->data;
	wake_all(e);
	api_turn(e->api);
}

/* Each turn is told at once while there are few; a storm of turns is told every 10 ms. */
static bool may_wake(struct events *e)
{
	int64_t now = clock_boot_ms();
	int64_t more = (now - e->refilled_ms) / REFILL_MS;
	if (more > 0) {
		e->burst = (int)MIN(e->burst + more, (int64_t)BURST);
		e->refilled_ms = now;
	}
	if (e->burst > 0) {
		e->burst--;
		return true;
	}
	return false;
}

void events_published(void *ctx, int64_t seq)
{
	struct api *a = ctx;
	struct events *e = a->events;
	if (!e)
		return;
	e->newest = seq;
	follows_published(a->follows);
	if (!e->first || uv_is_active((uv_handle_t *)&e->wake))
		return;
	/* By the timer in any case: the library sends what was resumed only when it is run, and the
	 * turn that published may have come from a worker, with no request at hand. */
	(void)uv_timer_start(&e->wake, on_wake, may_wake(e) ? 0 : WAKE_MS, 0);
}

static void on_ping(uv_timer_t *timer)
{
	struct events *e = timer->data;
	int64_t now = clock_boot_ms();
	for (struct stream *s = e->first; s; s = s->next)
		if (s->suspended && now - s->spoke_ms >= PING_MS - 1000) {
			str_clear(&s->buf);
			s->at = 0;
			str_add(&s->buf, ": ping\n\n");
			resume(s);
		}
	api_turn(e->api);
}

/* ---- one stream ---- */

static void add_frame(void *ctx, const struct event_row *e)
{
	struct stream *s = ctx;
	str_addf(&s->buf, "id: %" PRId64 "\nevent: %s\ndata: ", e->seq, e->type);
	struct jw w = jw_begin(&s->buf);
	show_event(s->all->api, &w, NULL, e);
	str_add(&s->buf, "\n\n");
}

static void add_lost(struct stream *s, int64_t newest)
{
	str_addf(&s->buf,
	         "id: %" PRId64 "\nevent: lost\ndata: {\"from\":%" PRId64 ",\"to\":%" PRId64
	         "}\n\n",
	         newest, s->cursor + 1, newest);
	s->cursor = newest;
}

/* Read on; false at a fault. */
static bool fill(struct stream *s)
{
	struct api *a = s->all->api;
	int64_t newest = s->all->newest;
	str_clear(&s->buf);
	s->at = 0;
	if (newest - s->cursor > a->config->event_lag)
		add_lost(s, newest);
	while (s->cursor < newest && !s->buf.len) {
		struct event_filter f = { .after = s->cursor,
			                  .upto = newest,
			                  .run = s->run,
			                  .order = s->order,
			                  .type = s->type,
			                  .limit = BATCH };
		int64_t last;
		if (read_events(a->store, &f, add_frame, s, &last, NULL))
			return false;
		s->cursor = last ? last : newest;
	}
	return true;
}

static ssize_t read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct stream *s = cls;
	(void)pos;
	if (s->at == s->buf.len) {
		if (s->all->stopping)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (!fill(s))
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	size_t n = MIN(max, s->buf.len - s->at);
	if (!n) {
		s->suspended = true;
		MHD_suspend_connection(s->mhd);
		return 0;
	}
	memcpy(buf, s->buf.p + s->at, n);
	s->at += n;
	s->spoke_ms = clock_boot_ms();
	return (ssize_t)n;
}

static void stream_free(void *cls)
{
	struct stream *s = cls;
	struct events *e = s->all;
	if (s->previous)
		s->previous->next = s->next;
	else
		e->first = s->next;
	if (s->next)
		s->next->previous = s->previous;
	e->api->streams--;
	if (!e->first)
		(void)uv_timer_stop(&e->ping);
	str_done(&s->buf);
	free(s->type);
	free(s);
}

/* Where to go on: ?after=, or what the client says that it has (Last-Event-ID); else from now on.
 */
static enum err_code starting_point(struct request *r, int64_t *ret, struct err *err)
{
	int64_t newest = r->api->events->newest;
	const char *seen = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Last-Event-ID");
	enum err_code code = request_number(r, "after", newest, 0, INT64_MAX, ret, err);
	if (code)
		return code;
	if (seen && *seen) {
		char *end;
		errno = 0;
		*ret = strtoll(seen, &end, 10);
		if (*end || errno || *ret < 0 || *seen == ' ')
			return err_set(err, ERR_USAGE,
			               _("Last-Event-ID: %.40s is no number of an event"), seen);
	}
	if (*ret > newest) /* of another life of the store: begin anew */
		*ret = newest;
	return ERR_OK;
}

enum err_code api_event_stream(struct request *r, struct err *err)
{
	struct events *e = r->api->events;
	struct stream *s = xcalloc(1, sizeof(*s));
	const char *run = request_query(r, "run", NULL), *order = request_query(r, "order", NULL);
	const char *type = request_query(r, "type", NULL);
	e->newest = store_last_seq(r->api->store);
	enum err_code code = starting_point(r, &s->cursor, err);
	if (!code && run && order)
		code = err_set(err, ERR_USAGE, _("run and order exclude each other"));
	if (!code && run)
		code = find_run(r->api, run, &s->run, err);
	if (!code && order)
		code = find_order(r->api, order, &s->order, err);
	if (code) {
		free(s);
		return code;
	}
	s->all = e;
	s->type = type ? xstrdup(type) : NULL;
	s->mhd = r->mhd;
	s->spoke_ms = clock_boot_ms();
	str_add(&s->buf, ": pawl\n\n");
	s->next = e->first;
	if (s->next)
		s->next->previous = s;
	e->first = s;
	r->type = "text/event-stream";
	if (!uv_is_active((uv_handle_t *)&e->ping))
		(void)uv_timer_start(&e->ping, on_ping, PING_MS, PING_MS);
	return request_stream(r, read_stream, s, stream_free, -1, err);
}

/* ---- life ---- */

struct events *events_new(struct api *a)
{
	struct events *e = xcalloc(1, sizeof(*e));
	e->api = a;
	e->burst = BURST;
	e->newest = store_last_seq(a->store);
	(void)uv_timer_init(a->loop, &e->wake); /* cannot fail */
	(void)uv_timer_init(a->loop, &e->ping);
	e->wake.data = e->ping.data = e;
	return e;
}

void events_stop(struct events *e)
{
	e->stopping = true;
	wake_all(e);
}

static void on_ping_closed(uv_handle_t *handle)
{
	struct events *e = handle->data;
	e->api->closing--;
	free(e);
}

void events_free(struct events *e)
{
	if (!e)
		return;
	e->api->closing++;
	uv_close((uv_handle_t *)&e->wake, NULL);
	uv_close((uv_handle_t *)&e->ping, on_ping_closed);
}
