/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Work that takes long (searching a log) in the loop's thread pool, with its request suspended. */
#include "api/api_internal.h"

static void run(uv_work_t *work)
{
	struct job *j = work->data;
	locale_t before = uselocale(j->language);
	j->code = j->run(j, &j->err);
	(void)uselocale(before);
}

static void done(uv_work_t *work, int status)
{
	struct job *j = work->data;
	struct api *a = j->api;
	a->jobs--;
	if (status)
		j->code = err_set(&j->err, ERR_UNAVAILABLE, _("the engine is leaving"));
	locale_t before = uselocale(j->language);
	if (j->done) {
		j->done(j);
	} else if (j->request) {
		struct str spare = j->request->out;
		j->request->out = j->out;
		j->out = spare;
		request_finish(j->request, j->code, &j->err);
	}
	(void)uselocale(before);
	str_done(&j->out);
	j->free(j);
	api_turn(a);
}

void job_start(struct api *a, struct job *j)
{
	j->api = a;
	j->language = j->request ? j->request->language : LC_GLOBAL_LOCALE;
	j->work.data = j;
	if (j->request)
		request_wait(j->request);
	a->jobs++;
	int e = uv_queue_work(a->loop, &j->work, run, done);
	if (e)
		done(&j->work, e);
}

bool job_canceled(void *job)
{
	/* Read without a lock: a stale answer costs a few MiB of searching. */
	const struct job *j = job;
	return __atomic_load_n(&j->api->stopping, __ATOMIC_RELAXED);
}
