/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Following a log (Server-Sent Events): the lines that are there, then those that come, until the
 * attempt has ended. While anybody follows, the size of the files is looked at ten times a second;
 * the end of an attempt is told by the turn that commits it. Only whole lines are sent, but for the
 * last of an attempt that ended. */
#include "api/logs.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_MS 100
#define PING_MS 15000
#define LINES 1000
#define BYTES (256 * KIB)

struct follow {
	struct job job;
	struct follows *all;
	struct MHD_Connection *mhd;
	struct log_choice choice;
	struct log_reader *reader; /* used by the job while it runs, else by nobody */
	int64_t width;
	int64_t next_line;
	int64_t seen_bytes; /* size of the file that was read to its end */
	bool ended;         /* the attempt has, so what is in the file is all */
	struct str buf;     /* what is sent, from `at` on */
	size_t at;
	bool more, over, faulty; /* set by the job */
	bool reading, suspended, gone;
	int64_t spoke_ms;
	struct jw w;
	int64_t items,
	    last_end; /* of the present job: lines, and the byte after the last of them */
	struct follow *next, *previous;
};

struct follows {
	struct api *api;
	struct follow *first;
	uv_timer_t look;
	bool stopping;
};

/* ---- in the pool ---- */

static bool add_line(void *ctx, const struct log_line *line)
{
	struct follow *f = ctx;
	struct log_info info;
	log_info(f->reader, &info);
	int64_t end = line->offset + (int64_t)line->full_len;
	if (end >= info.bytes && !f->ended)
		return false; /* its end has not come */
	jw_line(&f->w, NULL, line);
	f->items++;
	f->next_line = line->number + 1;
	return true;
}

static void add_end(struct follow *f)
{
	str_addf(&f->job.out,
	         "event: end\ndata: "
	         "{\"attempt\":%d,\"iteration\":%d,\"generation\":%d,\"lines\":%" PRId64 "}\n\n",
	         f->choice.attempt, f->choice.iteration, f->choice.generation, f->next_line - 1);
	f->over = true;
}

static enum err_code read_lines(struct job *j, struct err *err)
{
	struct follow *f = CONTAINER_OF(j, struct follow, job);
	struct log_info info = { .bytes = 0 };
	f->more = false;
	f->items = 0;
	enum err_code code =
	    f->reader ? log_refresh(f->reader, err) : log_open(f->choice.path, &f->reader, err);
	if (code == ERR_NOT_FOUND && !f->reader) {
		if (f->ended)
			add_end(f);
		return ERR_OK;
	}
	if (code)
		return code;
	log_info(f->reader, &info);
	auto_str items = STR_INIT;
	f->w = jw_begin(&items);
	jw_arr(&f->w, NULL);
	code =
	    log_window(f->reader, f->next_line, LINES, (size_t)f->width, BYTES, add_line, f, err);
	jw_end_arr(&f->w);
	if (code)
		return code;
	f->seen_bytes = info.bytes;
	if (f->items) {
		f->more = f->next_line <= info.lines;
		str_addf(&j->out,
		         "id: %" PRId64 "\nevent: lines\ndata: {\"items\":%s,\"lines\":%" PRId64
		         ",\"bytes\":%" PRId64 "}\n\n",
		         f->next_line - 1, str_text(&items), info.lines, info.bytes);
	} else if (f->ended) {
		add_end(f);
	}
	return ERR_OK;
}

/* ---- on the loop ---- */

static void resume(struct follow *f)
{
	if (!f->suspended)
		return;
	f->suspended = false;
	f->all->api->again = true;
	MHD_resume_connection(f->mhd);
}

static void lines_read(struct job *j)
{
	struct follow *f = CONTAINER_OF(j, struct follow, job);
	f->reading = false;
	f->faulty = j->code != ERR_OK;
	struct str spare = f->buf;
	f->buf = j->out;
	j->out = spare;
	str_clear(&j->out);
	f->at = 0;
	if (f->buf.len || f->faulty || f->over)
		resume(f);
}

static void follow_free(struct follow *f)
{
	log_close(f->reader);
	log_choice_done(&f->choice);
	str_done(&f->buf);
	free(f);
}

static void job_over(struct job *j)
{
	struct follow *f = CONTAINER_OF(j, struct follow, job);
	if (f->gone)
		follow_free(f);
}

static bool still_runs(const struct follow *f)
{
	int64_t bytes, lines;
	return engine_attempt_log(f->all->api->engine, f->choice.token, &bytes, &lines);
}

static void read_on(struct follow *f)
{
	/* Asked before the file is read: what an attempt wrote before it ended is then seen. */
	f->ended = f->ended || !still_runs(f);
	f->reading = true;
	job_start(f->all->api, &f->job);
}

static bool grew(const struct follow *f)
{
	struct stat st;
	return stat(f->choice.path, &st) == 0 && (int64_t)st.st_size != f->seen_bytes;
}

static void look(struct follow *f)
{
	if (f->reading || f->over || !f->suspended || f->at < f->buf.len)
		return;
	if (!still_runs(f) || grew(f)) {
		read_on(f);
	} else if (clock_boot_ms() - f->spoke_ms >= PING_MS) {
		str_clear(&f->buf);
		f->at = 0;
		str_add(&f->buf, ": ping\n\n");
		resume(f);
	}
}

static void on_look(uv_timer_t *timer)
{
	struct follows *l = timer->data;
	for (struct follow *f = l->first; f; f = f->next)
		look(f);
	api_turn(l->api);
}

void follows_published(struct follows *l)
{
	for (struct follow *f = l ? l->first : NULL; f; f = f->next)
		if (!f->ended && !still_runs(f))
			look(f);
}

static ssize_t give(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct follow *f = cls;
	(void)pos;
	if (f->faulty)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	size_t n = MIN(max, f->buf.len - f->at);
	if (n) {
		memcpy(buf, f->buf.p + f->at, n);
		f->at += n;
		f->spoke_ms = clock_boot_ms();
		return (ssize_t)n;
	}
	if (f->over || f->all->stopping)
		return MHD_CONTENT_READER_END_OF_STREAM;
	f->suspended = true;
	MHD_suspend_connection(f->mhd);
	/* The end comes after the last lines, so it is asked for once more. */
	if (!f->reading && (f->more || !f->seen_bytes || f->ended))
		read_on(f);
	return 0;
}

static void give_up(void *cls)
{
	struct follow *f = cls;
	struct follows *l = f->all;
	if (f->previous)
		f->previous->next = f->next;
	else
		l->first = f->next;
	if (f->next)
		f->next->previous = f->previous;
	if (!l->first)
		(void)uv_timer_stop(&l->look);
	l->api->streams--;
	f->gone = true;
	if (!f->reading)
		follow_free(f);
}

/* From line ?from=, or after the last that the client has (Last-Event-ID), else from the first. */
static enum err_code read_start(struct request *r, struct follow *f, struct err *err)
{
	const char *seen = MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, "Last-Event-ID");
	enum err_code code = request_number(r, "from", 1, 1, INT64_MAX / 2, &f->next_line, err);
	if (!code)
		code = request_number(r, "width", LINE_WIDTH, 1, LINE_WIDTH_MAX, &f->width, err);
	if (!code && seen && strspn(seen, "0123456789") == strlen(seen) && strlen(seen) < 18 &&
	    *seen)
		f->next_line = strtoll(seen, NULL, 10) + 1;
	return code;
}

enum err_code api_log_follow(struct request *r, struct err *err)
{
	struct follows *l = r->api->follows;
	struct follow *f = xcalloc(1, sizeof(*f));
	enum err_code code = read_start(r, f, err);
	if (!code)
		code = log_choose(r, false, &f->choice, err);
	if (code) {
		follow_free(f);
		return code;
	}
	f->all = l;
	f->mhd = r->mhd;
	f->job.run = read_lines;
	f->job.done = lines_read;
	f->job.free = job_over;
	f->job.api = r->api;
	f->spoke_ms = clock_boot_ms();
	str_add(&f->buf, ": pawl\n\n");
	f->next = l->first;
	if (f->next)
		f->next->previous = f;
	l->first = f;
	if (!uv_is_active((uv_handle_t *)&l->look))
		(void)uv_timer_start(&l->look, on_look, LOOK_MS, LOOK_MS);
	r->type = "text/event-stream";
	return request_stream(r, give, f, give_up, -1, err);
}

/* ---- life ---- */

struct follows *follows_new(struct api *a)
{
	struct follows *l = xcalloc(1, sizeof(*l));
	l->api = a;
	(void)uv_timer_init(a->loop, &l->look); /* cannot fail */
	l->look.data = l;
	return l;
}

void follows_stop(struct follows *l)
{
	l->stopping = true;
	for (struct follow *f = l->first; f; f = f->next)
		resume(f);
}

static void on_look_closed(uv_handle_t *handle)
{
	struct follows *l = handle->data;
	l->api->closing--;
	free(l);
}

void follows_free(struct follows *l)
{
	if (!l)
		return;
	l->api->closing++;
	uv_close((uv_handle_t *)&l->look, on_look_closed);
}
