/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each iteration as a file beside its logs, IDX.gG.iI.iteration.json: what its row says, for whoever looks at the
 * folder without an engine. It is made when the iteration begins, and follows the row as results come. Written in the
 * thread pool, whole or not at all; what changes meanwhile is written once more. A failure is told once and harms
 * nobody: the rows are what counts. */
#include "api/api_internal.h"

#include "base/diag.h"
#include "base/fs.h"

#include <inttypes.h>
#include <string.h>

#define FILE_MAX_BYTES (4 * MIB)
#define AT_START 500 /* of the newest changes: those that an engine that died may not have written */

struct iteration_key {
	id_t64 run;
	int idx, generation, iteration;
};

struct files {
	struct api *api;
	struct iteration_key *v; /* to be written */
	size_t n, cap;
	bool writing, told;
};

struct one {
	char *path;
	struct str text;
};

struct batch {
	struct job job;
	struct files *files;
	struct one *v;
	size_t n;
};

static enum err_code write_one(const struct one *o, struct err *err)
{
	auto_free char *old = NULL;
	size_t len = 0;
	bool same = fs_exists(o->path) && !fs_read(o->path, FILE_MAX_BYTES, &old, &len, NULL) && len == o->text.len &&
		    memcmp(old, o->text.p, len) == 0;
	return same ? ERR_OK : fs_write(o->path, o->text.p, o->text.len, 0600, err);
}

static enum err_code write_all(struct job *j, struct err *err)
{
	struct batch *b = CONTAINER_OF(j, struct batch, job);
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < b->n; i++) {
		struct err why;
		enum err_code e = write_one(&b->v[i], &why);
		if (e && !code) {
			code = e;
			*err = why;
		}
	}
	return code;
}

static void start(struct files *f);

static void written(struct job *j)
{
	struct files *f = CONTAINER_OF(j, struct batch, job)->files;
	f->writing = false;
	if (j->code && !f->told)
		diag(DIAG_WARN, "an iteration's file was not written: %s", j->err.message);
	f->told = j->code != ERR_OK;
	start(f);
}

static void batch_free(struct job *j)
{
	struct batch *b = CONTAINER_OF(j, struct batch, job);
	for (size_t i = 0; i < b->n; i++) {
		free(b->v[i].path);
		str_done(&b->v[i].text);
	}
	free(b->v);
	free(b);
}

static char *path_of(struct api *a, const struct iteration_key *k)
{
	auto_free char *log = engine_log_path(a->engine, k->run, k->idx, k->generation, k->iteration, 1);
	size_t len = strlen(log) - strlen(".a1.log");
	return xasprintf("%.*s.iteration.json", (int)len, log);
}

static void compose(struct api *a, const struct iteration_key *k, struct batch *b)
{
	CLEANUP(iteration_copy_done) struct iteration_row row = { .run = 0 };
	if (iteration_copy(a, k->run, k->idx, k->generation, k->iteration, &row))
		return;
	struct one *o = &b->v[b->n++];
	*o = (struct one){ path_of(a, k), STR_INIT };
	struct jw w = jw_begin(&o->text);
	show_iteration_row(a, &w, &row);
	str_add_char(&o->text, '\n');
}

static void start(struct files *f)
{
	if (f->writing || !f->n || f->api->stopping)
		return;
	struct batch *b = xcalloc(1, sizeof(*b));
	b->files = f;
	b->v = xcalloc(f->n, sizeof(*b->v));
	b->job.run = write_all;
	b->job.done = written;
	b->job.free = batch_free;
	for (size_t i = 0; i < f->n; i++)
		compose(f->api, &f->v[i], b);
	f->n = 0;
	f->writing = true;
	job_start(f->api, &b->job);
}

static void add(struct files *f, const struct iteration_key *k)
{
	for (size_t i = f->n; i-- > 0;) /* the same one comes again soon, if at all */
		if (f->v[i].run == k->run && f->v[i].idx == k->idx && f->v[i].generation == k->generation &&
		    f->v[i].iteration == k->iteration)
			return;
	GROW(f->v, f->n, f->cap);
	f->v[f->n++] = *k;
}

static void changed(void *ctx, id_t64 run, int idx, int generation, int iteration)
{
	struct files *f = ctx;
	add(f, &(struct iteration_key){ run, idx, generation, iteration });
	start(f);
}

static void add_event(void *ctx, const struct event_row *e)
{
	if (e->idx >= 0 && e->iteration > 0)
		add(ctx, &(struct iteration_key){ e->run, e->idx, e->generation, e->iteration });
}

struct files *iteration_files_new(struct api *a)
{
	struct files *f = xcalloc(1, sizeof(*f));
	struct event_filter newest = { .before = INT64_MAX, .type = "iteration.", .limit = AT_START };
	int64_t last;
	f->api = a;
	if (read_events(a->store, &newest, add_event, f, &last, NULL))
		f->n = 0; /* what cannot be read now is nobody's trouble yet */
	host_on_iteration(a->host, changed, f);
	start(f);
	return f;
}

void iteration_files_free(struct files *f)
{
	if (!f)
		return;
	free(f->v);
	free(f);
}
