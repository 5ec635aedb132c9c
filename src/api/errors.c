/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first line of a log that looks like an error: what the failure card points at. Looked for
 * once, in the thread pool, when somebody asks about an attempt that has ended, and kept. */
#include "api/logs.h"

#define KEPT_MAX 10000
#define LOOK_US 1000000

/* What a line has to say to count. Words are looked at with their borders, so that "errors.c" or
 * "stderr" do not count; "0 errors", "no error", "failed: 0" and "-Werror" do not either. One
 * expression, tried on each line: a word of alarm at its borders, not after "0 ", "no ", "without "
 * or "-W", and not before "s: 0" or "=0"; "not ok" of a TAP test; the first line of a Python
 * traceback; "E   " of pytest; "undefined reference". */
static const char pattern[] = "(?<![\\w.-])(?<!\\b0 )(?<!\\bno )(?<!\\bNo )(?<!\\bwithout )"
			      "(?:(?i:error|fatal|panic|panicked|exception|assertion|traceback)|"
                              "FAIL(?:ED|URE)?|[Ff]ail(?:ed|ure)?|[Aa]ssert)"
			      "(?:s)?(?![\\w./-])(?!(?i:s)?\\s*[:=]\\s*0\\b)"
			      "|(?<![\\w])[A-Z]\\w*(?:Error|Exception)(?=:|\\b\\s*$)"
			      "|^\\s*not ok\\b"
			      "|undefined reference to"
			      "|: command not found$"
			      "|No such file or directory"
			      "|^E   ";

int64_t first_error(struct api *a, int64_t token)
{
	return (intptr_t)map_get(&a->first_errors, (uint64_t)token) - 1;
}

struct look {
	struct job job;
	int64_t token;
	char *path;
	int64_t line;
};

static bool take_line(void *ctx, const struct log_hit *hit)
{
	struct look *v = ctx;
	v->line = hit->line.number;
	return false;
}

static enum err_code look(struct job *j, struct err *err)
{
	struct look *v = CONTAINER_OF(j, struct look, job);
	struct log_reader *reader = NULL;
	struct regex *re = NULL;
	if (log_open(v->path, &reader, NULL))
		return ERR_OK; /* it wrote nothing, or it cannot be read: then no line is known */
	enum err_code code = regex_new(pattern, 0, &re, err);
	struct log_search s = { .re = re,
		                .from = 1,
		                .max_hits = 1,
		                .budget_us = LOOK_US,
		                .canceled = job_canceled,
		                .ctx = j };
	int64_t next;
	if (!code && log_find(reader, &s, take_line, v, &next, NULL))
		v->line = 0;
	regex_free(re);
	log_close(reader);
	return code;
}

static void looked(struct job *j)
{
	struct look *v = CONTAINER_OF(j, struct look, job);
	struct api *a = j->api;
	struct request *r = j->request;
	if (j->code) {
		request_finish(r, j->code, &j->err);
		return;
	}
	if (a->first_errors.n >= KEPT_MAX) {
		map_done(&a->first_errors);
		a->first_errors = (struct map)MAP_INIT;
	}
	map_put(&a->first_errors, (uint64_t)v->token, (void *)(intptr_t)(v->line + 1));
	request_again(r);
}

static void look_free(struct job *j)
{
	struct look *v = CONTAINER_OF(j, struct look, job);
	free(v->path);
	free(v);
}

enum err_code first_error_wait(struct request *r, const struct attempt_row *at, bool *ret_wait,
                               struct err *err)
{
	(void)err;
	struct api *a = r->api;
	*ret_wait = false;
	if (at->state == ATTEMPT_RUNNING || map_get(&a->first_errors, (uint64_t)at->token))
		return ERR_OK;
	struct look *v = xcalloc(1, sizeof(*v));
	v->token = at->token;
	v->path = engine_log_path(a->engine, at->run, at->idx, at->generation, at->iteration,
	                          at->attempt);
	v->job.request = r;
	v->job.run = look;
	v->job.done = looked;
	v->job.free = look_free;
	*ret_wait = true;
	job_start(a, &v->job);
	return ERR_OK;
}
