/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run that was exported, in this home: its rows in one turn. Its folder stands ready and is put in its place
 * before the commit; should that not come, gc finds it. */
#include "engine/engine_internal.h"
#include "store/carry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static id_t64 order_of(const struct json *rows)
{
	const struct json *t = json_get(json_get(rows, "tables"), "work_order");
	const char *id = json_str(json_first(json_first(json_get(t, "rows"))), "");
	return id[0] == 'i' ? strtoll(id + 1, NULL, 10) : 0;
}

/* Wherever they were, the files are a folder of the run's own here. */
static enum err_code place_files(struct engine *e, id_t64 id, const char *work, struct err *err)
{
	struct run *r;
	enum err_code code = run_load(e, id, &r, err);
	if (code)
		return code;
	for (int i = 0; (size_t)i < r->graph->nstreams; i++) {
		struct workspace_row w = { .run = id, .stream = i, .kind = WORKSPACE_SCRATCH, .path = work,
					   .state = SPACE_HELD };
		bool own = r->spaces[i]->run == r && r->spaces[i]->stream == i;
		auto_free char *path = i == 0 ? xstrdup(work) : xasprintf("%s-%s", work, r->graph->streams[i].name);
		w.path = path;
		if (own && r->graph->streams[i].workspace.kind != WORKSPACE_SCRATCH)
			store_workspace_put(e->store, &w);
	}
	(void)map_del(&e->runs, (uint64_t)id);
	r->dead = true;
	run_free(e, r);
	return ERR_OK;
}

enum err_code engine_import(struct engine *e, id_t64 run, const struct json *rows, const char *folder, struct err *err)
{
	struct run_row row;
	struct order_row order_row;
	id_t64 order = order_of(rows);
	auto_free char *place = xasprintf("%s/runs/%s", e->home, id_text('r', run).s);
	auto_free char *work = xasprintf("%s/work", place);
	engine_commit(e);
	if (e->storage_failed)
		return err_set(err, ERR_STORAGE, _("nothing can be stored at present; what runs goes on"));
	if (store_run_get(e->store, run, &row, NULL) == ERR_OK || store_order_get(e->store, order, &order_row, NULL) == ERR_OK)
		return err_set(err, ERR_CONFLICT, _("%s is here already"), id_text('r', run).s);
	engine_touch(e);
	struct carry c = { .workspace = work, .last_token = e->last_token };
	enum err_code code = carry_in(e->store, rows, run, order, &c, err);
	if (!code && store_run_get(e->store, run, &row, err))
		code = ERR_CORRUPT;
	if (!code && !state_final(ENTITY_RUN, (int)row.state))
		code = err_set(err, ERR_CORRUPT, _("the run of the export has not ended"));
	if (!code)
		code = place_files(e, run, work, err);
	if (!code && rename(folder, place))
		code = err_sys(err, ERR_IO, _("cannot put the run's folder to %s"), place);
	if (code) {
		store_rollback(e->store);
		return code;
	}
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = "run.imported", .order = order, .run = run, .idx = -1,
				.was = -1, .now = -1, .actor = ACTOR_OPERATOR, .who = "local" };
	store_event(e->store, &ev);
	e->last_token = MAX(e->last_token, c.last_token);
	e->last_run = MAX(e->last_run, run);
	e->last_order = MAX(e->last_order, order);
	engine_commit(e);
	if (e->storage_failed)
		return err_set(err, ERR_STORAGE, _("nothing can be stored at present; what runs goes on"));
	return ERR_OK;
}
