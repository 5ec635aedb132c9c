/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Windows of a log, search in it, its raw bytes. The files are read in the thread pool, each
 * request with a reader of its own. */
#include "api/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_DEFAULT 100
#define LINES_MAX 10000
#define HITS_DEFAULT 100
#define HITS_MAX 1000
#define SEARCH_US 2000000 /* then the answer says where to go on */

enum err_code log_choose(struct request *r, bool show, struct log_choice *ret, struct err *err)
{
	struct api *a = r->api;
	int64_t generation = -1, iteration = -1, attempt = -1;
	*ret = (struct log_choice){ .token = 0 };
	enum err_code code = find_run(a, r->args[0], &ret->run, err);
	if (!code)
		code = node_find(a, ret->run, r->args[1], &ret->idx, err);
	if (!code)
		code = request_number(r, "generation", -1, 1, INT32_MAX, &generation, err);
	if (!code)
		code = request_number(r, "iteration", -1, 1, INT32_MAX, &iteration, err);
	if (!code)
		code = request_number(r, "attempt", -1, 1, INT32_MAX, &attempt, err);
	struct attempt_row at;
	if (!code)
		code = read_attempt(a->store, ret->run, ret->idx, (int)generation, (int)iteration,
		                    (int)attempt, &at, err);
	if (code)
		return code;
	ret->token = at.token;
	ret->generation = at.generation;
	ret->iteration = at.iteration;
	ret->attempt = at.attempt;
	ret->running = at.state == ATTEMPT_RUNNING;
	ret->path =
	    engine_log_path(a->engine, at.run, at.idx, at.generation, at.iteration, at.attempt);
	if (show) {
		auto_str text = STR_INIT;
		struct jw w = jw_begin(&text);
		show_attempt(a, &w, NULL, &at, at.generation);
		ret->attempt_json = str_take(&text);
	}
	return ERR_OK;
}

void log_choice_done(struct log_choice *c)
{
	free(c->path);
	free(c->attempt_json);
}

void jw_line(struct jw *w, const char *key, const struct log_line *line)
{
	static const char *const streams[] = {
		[0] = "out", [LOG_OUT] = "out", [LOG_ERR] = "err", [LOG_NOTE] = "note"
	};
	jw_obj(w, key);
	jw_int(w, "n", line->number);
	jw_time(w, "t_ms", line->wall_ms);
	jw_str(w, "s", (size_t)line->stream < COUNT(streams) ? streams[line->stream] : "out");
	jw_strn(w, "text", line->text, line->len);
	jw_int(w, "len", (int64_t)line->full_len);
	jw_end_obj(w);
}

/* ---- a window ---- */

struct window {
	struct job job;
	struct log_choice choice;
	int64_t from, lines, tail, at_ms, around, width;
	bool errors;
	int64_t first_error; /* 0: none; -1: not asked for */
	struct jw w;
	size_t shown_bytes;
};

static bool add_line(void *ctx, const struct log_line *line)
{
	struct window *v = ctx;
	jw_line(&v->w, NULL, line);
	return true;
}

static int64_t first_line(struct window *v, struct log_reader *reader, const struct log_info *info)
{
	if (v->tail)
		return MAX(info->lines - v->tail + 1, (int64_t)1);
	if (v->around)
		return MAX(v->around - v->lines / 2, (int64_t)1);
	if (v->at_ms)
		return log_line_at_time(reader, v->at_ms);
	return v->from;
}

static enum err_code show_window(struct job *j, struct err *err)
{
	struct window *v = CONTAINER_OF(j, struct window, job);
	struct log_reader *reader = NULL;
	struct log_info info = { .bytes = 0 };
	enum err_code code = log_open(v->choice.path, &reader, err);
	if (code && code != ERR_NOT_FOUND)
		return code;
	if (reader)
		log_info(reader, &info);
	int64_t first = reader ? first_line(v, reader, &info) : 1;
	v->w = jw_begin(&j->out);
	struct jw *w = &v->w;
	jw_obj(w, NULL);
	jw_raw(w, "attempt", v->choice.attempt_json);
	jw_int(w, "first", first);
	jw_arr(w, "items");
	code = reader ? log_window(reader, first, v->tail ? v->tail : v->lines, (size_t)v->width,
	                           LOG_BYTES_MAX, add_line, v, err)
	              : ERR_OK;
	jw_end_arr(w);
	jw_int(w, "lines", info.lines);
	jw_int(w, "bytes", info.bytes);
	jw_bool(w, "done", reader ? info.done || !v->choice.running : !v->choice.running);
	jw_above(w, "cut_line", info.cut_line > 0 ? info.cut_line : -1);
	jw_int(w, "cut_bytes", info.cut_bytes);
	if (v->errors)
		jw_above(w, "first_error", v->first_error > 0 ? v->first_error : -1);
	jw_end_obj(w);
	log_close(reader);
	return code;
}

static void free_window(struct job *j)
{
	struct window *v = CONTAINER_OF(j, struct window, job);
	log_choice_done(&v->choice);
	free(v);
}

static enum err_code read_window(struct request *r, struct window *v, struct err *err)
{
	enum err_code code = request_number(r, "from", 1, 1, INT64_MAX / 2, &v->from, err);
	if (!code)
		code = request_number(r, "lines", LINES_DEFAULT, 1, LINES_MAX, &v->lines, err);
	if (!code)
		code = request_number(r, "width", LINE_WIDTH, 1, LINE_WIDTH_MAX, &v->width, err);
	if (!code)
		code = request_number(r, "tail", 0, 1, LINES_MAX, &v->tail, err);
	if (!code)
		code = request_number(r, "at_ms", 0, 1, INT64_MAX, &v->at_ms, err);
	if (!code)
		code = request_number(r, "around", 0, 1, INT64_MAX / 2, &v->around, err);
	if (!code)
		code = request_flag(r, "errors", &v->errors, err);
	int ways = (request_query(r, "from", NULL) != NULL) + (v->tail != 0) + (v->at_ms != 0) +
	           (v->around != 0);
	if (!code && ways > 1)
		code =
		    err_set(err, ERR_USAGE, _("from, tail, at_ms and around exclude each other"));
	return code;
}

enum err_code api_log(struct request *r, struct err *err)
{
	struct window *v = xcalloc(1, sizeof(*v));
	enum err_code code = read_window(r, v, err);
	if (!code)
		code = log_choose(r, true, &v->choice, err);
	if (!code && v->errors) {
		struct attempt_row at;
		bool wait = false;
		code = store_attempt_get(r->api->store, v->choice.token, &at, err);
		if (!code)
			code = first_error_wait(r, &at, &wait, err);
		if (!code && wait) {
			free_window(&v->job);
			return ERR_OK;
		}
		v->first_error = first_error(r->api, v->choice.token);
	}
	if (code) {
		free_window(&v->job);
		return code;
	}
	v->job.request = r;
	v->job.run = show_window;
	v->job.free = free_window;
	job_start(r->api, &v->job);
	return ERR_OK;
}

/* ---- search ---- */

struct search {
	struct job job;
	struct log_choice choice;
	struct log_search s;
	int64_t width;
	bool count;
	struct jw w;
};

static bool add_hit(void *ctx, const struct log_hit *hit)
{
	struct search *v = ctx;
	struct log_line line = hit->line;
	line.len = MIN(line.len, (size_t)v->width);
	jw_obj(&v->w, NULL);
	jw_line(&v->w, "line", &line);
	jw_int(&v->w, "start", (int64_t)hit->start);
	jw_int(&v->w, "end", (int64_t)hit->end);
	jw_end_obj(&v->w);
	return v->job.out.len < LOG_BYTES_MAX;
}

static enum err_code search(struct job *j, struct err *err)
{
	struct search *v = CONTAINER_OF(j, struct search, job);
	struct log_reader *reader = NULL;
	int64_t next = 0, count = 0;
	v->s.canceled = job_canceled;
	v->s.ctx = j;
	enum err_code code = log_open(v->choice.path, &reader, err);
	bool none = code == ERR_NOT_FOUND; /* it wrote nothing */
	if (none)
		code = ERR_OK;
	v->w = jw_begin(&j->out);
	jw_obj(&v->w, NULL);
	jw_arr(&v->w, "hits");
	if (!code && !none)
		code = log_find(reader, &v->s, add_hit, v, &next, err);
	jw_end_arr(&v->w);
	jw_above(&v->w, "next", next > 0 ? next : -1);
	if (!code && !none && v->count)
		code = log_count(reader, &v->s, &count, err);
	jw_above(&v->w, "count", v->count ? count : -1);
	jw_end_obj(&v->w);
	log_close(reader);
	return code;
}

static void free_search(struct job *j)
{
	struct search *v = CONTAINER_OF(j, struct search, job);
	regex_free(v->s.re);
	log_choice_done(&v->choice);
	free(v);
}

static enum err_code read_pattern(struct request *r, struct search *v, struct err *err)
{
	bool sensitive = false, literal = false;
	const char *pattern = request_query(r, "pattern", NULL);
	if (!pattern)
		return err_set(err, ERR_USAGE, _("pattern: expected a regular expression"));
	enum err_code code = request_flag(r, "case", &sensitive, err);
	if (!code)
		code = request_flag(r, "literal", &literal, err);
	if (code)
		return code;
	unsigned int flags = (literal ? REGEX_LITERAL : 0U) | (sensitive ? 0U : REGEX_CASELESS);
	return regex_new(pattern, flags, &v->s.re, err);
}

static enum err_code read_search(struct request *r, struct search *v, struct err *err)
{
	const char *dir = request_query(r, "dir", "next");
	v->s.backwards = str_eq(dir, "prev");
	v->s.budget_us = SEARCH_US;
	if (!v->s.backwards && !str_eq(dir, "next"))
		return err_set(err, ERR_USAGE, _("dir=%.40s: possible are next and prev"), dir);
	enum err_code code = request_number(r, "from", v->s.backwards ? INT64_MAX / 2 : 1, 1,
	                                    INT64_MAX / 2, &v->s.from, err);
	if (!code)
		code = request_number(r, "limit", HITS_DEFAULT, 1, HITS_MAX, &v->s.max_hits, err);
	if (!code)
		code = request_number(r, "width", LINE_WIDTH, 1, LINE_WIDTH_MAX, &v->width, err);
	if (!code)
		code = request_flag(r, "invert", &v->s.invert, err);
	if (!code)
		code = request_flag(r, "count", &v->count, err);
	return code ? code : read_pattern(r, v, err);
}

enum err_code api_log_search(struct request *r, struct err *err)
{
	struct search *v = xcalloc(1, sizeof(*v));
	enum err_code code = read_search(r, v, err);
	if (!code)
		code = log_choose(r, false, &v->choice, err);
	if (code) {
		free_search(&v->job);
		return code;
	}
	v->job.request = r;
	v->job.run = search;
	v->job.free = free_search;
	job_start(r->api, &v->job);
	return ERR_OK;
}
