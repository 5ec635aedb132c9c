/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run as one file: made in the thread pool, but for the rows, which are read between the turns; then streamed from
 * a temporary file that has no name any more. */
#include "api/api_internal.h"

#include "engine/carry.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct exporting {
	struct job job;
	struct request *request;
	struct export *x;
	id_t64 run;
	int fd;
	int64_t size;
	bool made, again, over;
};

static enum err_code work(struct job *j, struct err *err)
{
	struct exporting *v = CONTAINER_OF(j, struct exporting, job);
	enum err_code code = v->over ? ERR_OK : export_work(v->x, err);
	struct stat st;
	if (!code && export_path(v->x) && !v->over) {
		v->fd = open(export_path(v->x), O_RDONLY | O_CLOEXEC);
		if (v->fd < 0 || fstat(v->fd, &st))
			code = err_sys(err, ERR_IO, _("cannot read %s"), export_path(v->x));
		else
			v->size = (int64_t)st.st_size;
		v->made = !code;
	}
	if (code || v->made || v->over) {
		export_free(v->x);
		v->x = NULL;
	}
	return code;
}

static void answer(struct exporting *v)
{
	struct request *r = v->request;
	struct err err = { .code = ERR_OK };
	enum err_code code = raw_stream(r, v->fd, 0, v->size, &err);
	v->fd = -1;
	if (!code && r->response) {
		auto_free char *name =
		    xasprintf("attachment; filename=\"%s.pawl\"", id_text('r', v->run).s);
		(void)MHD_add_response_header(r->response, "Content-Disposition", name);
	}
	request_finish(r, code, &err);
}

static void go_on(struct job *j)
{
	struct exporting *v = CONTAINER_OF(j, struct exporting, job);
	if (v->over)
		return;
	if (j->code) {
		request_finish(v->request, j->code, &j->err);
		return;
	}
	if (v->made) {
		answer(v);
		return;
	}
	struct err err = { .code = ERR_OK };
	bool more = false;
	enum err_code code =
	    j->api->stopping ? err_set(&err, ERR_UNAVAILABLE, _("the engine is leaving"))
			     : export_next(j->api->engine, v->x, &more, &err);
	if (code) {
		request_finish(v->request, code, &err);
		v->over = true; /* its files are removed beside the loop */
	}
	v->again = true;
}

static void over(struct job *j)
{
	struct exporting *v = CONTAINER_OF(j, struct exporting, job);
	if (v->again) {
		v->again = false;
		job_start(j->api, j);
		return;
	}
	if (v->fd >= 0)
		(void)close(v->fd);
	free(v);
}

enum err_code api_export(struct request *r, struct err *err)
{
	id_t64 run;
	bool logs = true;
	enum err_code code = find_run(r->api, r->args[0], &run, err);
	const char *word = request_query(r, "logs", "1");
	if (!code && !str_eq(word, "0") && !str_eq(word, "1"))
		code = err_set(err, ERR_USAGE, _("logs=%.40s: possible are 0 and 1"), word);
	logs = !str_eq(word, "0");
	struct export *x = NULL;
	if (!code)
		code = export_new(r->api->engine, run, logs, &x, err);
	bool more = false;
	if (!code && (code = export_next(r->api->engine, x, &more, err)))
		export_free(x); /* it has no files yet */
	if (code)
		return code;
	struct exporting *v = xcalloc(1, sizeof(*v));
	v->request = r;
	v->x = x;
	v->run = run;
	v->fd = -1;
	v->job.run = work;
	v->job.done = go_on;
	v->job.free = over;
	request_wait(r);
	job_start(r->api, &v->job);
	return ERR_OK;
}
