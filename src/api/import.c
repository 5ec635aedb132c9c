/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run from elsewhere: the upload is unpacked, checked and laid out in the thread pool; ids and the commit are the
 * loop's. One at a time. */
#include "api/upload.h"

#include "engine/carry.h"

#include <string.h>

#define FILES_MAX 2000000

struct importing {
	struct job job;
	struct request *request;
	struct upload *upload;
	struct import *x;
	enum { STEP_READ, STEP_MAKE, STEP_CLEAN } step;
	bool go_on;  /* another round in the thread pool, when this one is over */
	bool inside; /* of the callback of a job */
	bool over;
};

static enum err_code work(struct job *j, struct err *err)
{
	struct importing *v = CONTAINER_OF(j, struct importing, job);
	enum err_code code = ERR_OK;
	switch (v->step) {
	case STEP_READ:
		code = upload_finish(v->upload, err);
		return code ? code : import_read(v->x, err);
	case STEP_MAKE:
		return import_make(v->x, err);
	case STEP_CLEAN:
		import_free(TAKE(v->x));
		upload_free(TAKE(v->upload));
		v->over = true;
		break;
	}
	return ERR_OK;
}

static void next(struct importing *v, int step)
{
	v->step = step;
	if (v->inside)
		v->go_on = true;
	else
		job_start(v->job.api, &v->job);
}

/* The answer is out; what was left of the way is removed. */
static void end(struct importing *v, enum err_code code, const struct err *err)
{
	struct request *r = TAKE(v->request);
	r->api->importing = false;
	request_finish(r, code, err);
	next(v, STEP_CLEAN);
}

/* `replayed`: what it became before; 0: it was stored now. */
static void show_import(struct api *a, struct str *out, const struct import *x, id_t64 replayed)
{
	struct imported i;
	struct run_row row;
	import_result(x, &i);
	i.run = replayed ? replayed : i.run;
	bool there = store_run_get(a->store, i.run, &row, NULL) == ERR_OK;
	i.order = there ? row.order : i.order;
	struct jw w = jw_begin(out);
	jw_obj(&w, NULL);
	jw_id(&w, "run", 'r', i.run);
	jw_id(&w, "order", 'o', i.order);
	jw_obj(&w, "from");
	jw_id(&w, "run", 'r', i.from_run);
	jw_id(&w, "order", 'o', i.from_order);
	jw_end_obj(&w);
	jw_str(&w, "name", there ? row.name : "");
	jw_str(&w, "state", there ? state_name(ENTITY_RUN, (int)row.state) : "");
	jw_str(&w, "workspace", there ? row.workspace : "");
	jw_int(&w, "runs", (int64_t)i.nruns);
	jw_int(&w, "rows", i.nrows);
	jw_int(&w, "files", i.nfiles);
	jw_int(&w, "snapshots", (int64_t)i.nsnapshots);
	jw_bool(&w, "logs", i.logs);
	jw_bool(&w, "paused", i.live);
	jw_bool(&w, "moved", i.moved);
	jw_end_obj(&w);
}

static void committed(void *ctx, const struct command_reply *reply)
{
	struct importing *v = ctx;
	struct request *r = v->request;
	if (!reply->code) {
		import_keep(v->x);
		r->status = 201;
		show_import(r->api, &r->out, v->x, 0);
	}
	end(v, reply->code, reply->err);
}

static void done(struct job *j)
{
	struct importing *v = CONTAINER_OF(j, struct importing, job);
	struct err err = j->err;
	enum err_code code = j->code;
	if (v->step == STEP_CLEAN)
		return;
	v->inside = true;
	if (!code && j->api->stopping)
		code = err_set(&err, ERR_UNAVAILABLE, _("the engine is leaving"));
	id_t64 before = 0;
	if (!code && v->step == STEP_READ)
		code = import_seen(j->api->engine, v->x, v->request->idempotency_key, &before, &err);
	if (!code && v->step == STEP_READ && !before)
		code = import_reserve(j->api->engine, v->x, &err);
	if (!code && before) {
		v->request->replayed = true;
		v->request->status = 201;
		show_import(j->api, &v->request->out, v->x, before);
	}
	if (code || before)
		end(v, code, &err);
	else if (v->step == STEP_READ)
		next(v, STEP_MAKE);
	else
		import_commit(j->api->engine, v->x, v->request->idempotency_key, committed, v);
	v->inside = false;
}

static void free_import(struct job *j)
{
	struct importing *v = CONTAINER_OF(j, struct importing, job);
	if (v->over) {
		free(v);
	} else if (v->go_on) {
		v->go_on = false;
		job_start(j->api, &v->job);
	}
}

enum err_code api_import(struct request *r, struct err *err)
{
	struct api *a = r->api;
	struct import_limits limits = { .bytes = a->config->import_max, .files = FILES_MAX };
	if (!upload_bytes(r->upload))
		return err_set(err, ERR_USAGE, _("the body is empty: it has to be what an export gave"));
	if (a->importing || a->collecting) {
		enum err_code code = err_set(err, ERR_CONFLICT, _("another import or a gc is under way"));
		err_hint(err, _("ask again when it is done"));
		return code;
	}
	struct import *x = NULL;
	enum err_code code = import_new(a->engine, upload_path(r->upload), &limits, &x, err);
	if (code)
		return code;
	struct importing *v = xcalloc(1, sizeof(*v));
	v->request = r;
	v->upload = TAKE(r->upload);
	v->x = x;
	v->job.run = work;
	v->job.done = done;
	v->job.free = free_import;
	v->job.api = a;
	a->importing = true;
	request_wait(r);
	job_start(a, &v->job);
	return ERR_OK;
}
