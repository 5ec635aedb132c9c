/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The worktree of a run that ended is given back in two steps, each committed before the next begins: what was not
 * committed in it is kept as a snapshot (leaving), then it is removed (removing). So nobody ever takes what
 * an interrupted removal left for all that there was. */
#include "engine/engine_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- runs whose worktrees are just given back ---- */

static void count(struct engine *e, id_t64 run, int more)
{
	uintptr_t n = (uintptr_t)map_get(&e->leaving, (uint64_t)run) + (uintptr_t)(intptr_t)more;
	if (n)
		map_put(&e->leaving, (uint64_t)run, (void *)n);
	else
		(void)map_del(&e->leaving, (uint64_t)run);
}

bool spaces_leaving(const struct engine *e, id_t64 run)
{
	return map_get(&e->leaving, (uint64_t)run) != NULL;
}

bool space_gone(const struct space *sp)
{
	return sp->kind == WORKSPACE_REPO && (sp->state == SPACE_RELEASED || sp->state == SPACE_REMOVING);
}

/* ---- jobs ---- */

static void tell(struct engine *e, const struct space_job *j, const char *type, const char *reason, const char *data)
{
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = type, .run = j->run, .idx = -1, .was = -1, .now = -1,
				.actor = ACTOR_ENGINE, .reason = reason, .data = data };
	store_event(e->store, &ev);
}

static void put(struct engine *e, const struct space_job *j, enum space_state state, const char *tree)
{
	struct workspace_row row = { .run = j->run, .stream = j->stream, .kind = WORKSPACE_REPO, .path = j->path,
				     .repository = j->repository, .branch = j->branch, .base = j->base, .state = state,
				     .tree = tree[0] ? tree : NULL };
	store_workspace_put(e->store, &row);
}

static void removed(struct engine *e, struct space_job *j)
{
	count(e, j->run, -1);
	if (j->code) { /* the row stays: the next start tries again, gc names it, and a way back makes it anew */
		tell(e, j, "workspace.left", j->err.message, "{\"again\":true}");
		return;
	}
	put(e, j, SPACE_RELEASED, j->tree);
	tell(e, j, "workspace.released", j->path, NULL);
}

static struct space_job *removal(struct engine *e, id_t64 run, int stream, const char *tree)
{
	struct space_job *j = xcalloc(1, sizeof(*j));
	j->kind = SPACE_RELEASE;
	j->run = run;
	j->stream = stream;
	j->worktree = true;
	(void)snprintf(j->tree, sizeof(j->tree), "%s", tree ? tree : "");
	j->epoch = e->space_epoch;
	j->done = removed;
	effect_add(e, EFFECT_SPACE)->job = j;
	return j;
}

static void kept(struct engine *e, struct space_job *j)
{
	bool missing = j->code == ERR_NOT_FOUND; /* somebody removed the folder */
	if (j->code && !missing) { /* nothing is removed that could not be brought back; it stays as after a failure */
		count(e, j->run, -1);
		put(e, j, SPACE_HELD, j->tree);
		tell(e, j, "workspace.left", j->err.message, "{\"again\":false}");
		return;
	}
	const char *tree = missing ? j->tree : j->taken;
	put(e, j, SPACE_REMOVING, tree);
	struct space_job *next = removal(e, j->run, j->stream, tree);
	next->path = TAKE(j->path);
	next->repository = TAKE(j->repository);
	next->branch = TAKE(j->branch);
	next->base = TAKE(j->base);
}

static char *dup(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void keep(struct engine *e, const struct space *sp)
{
	struct space_job *j = space_job_new(e, SPACE_SNAPSHOT, sp, kept);
	memcpy(j->tree, sp->tree, sizeof(j->tree));
	count(e, j->run, 1);
}

static void remove_it(struct engine *e, const struct workspace_row *w)
{
	struct space_job *j = removal(e, w->run, w->stream, w->tree);
	j->path = dup(w->path);
	j->repository = dup(w->repository);
	j->branch = dup(w->branch);
	j->base = dup(w->base);
	count(e, j->run, 1);
}

void space_give_back(struct engine *e, struct space *sp)
{
	bool keeps = sp->policy != SNAPSHOT_OFF;
	sp->state = keeps ? SPACE_LEAVING : SPACE_REMOVING;
	space_store(e, sp);
	struct workspace_row w = { .run = sp->run->id, .stream = sp->stream, .path = sp->path, .repository = sp->repository,
				   .branch = sp->branch, .base = sp->base, .tree = sp->tree };
	if (keeps)
		keep(e, sp);
	else
		remove_it(e, &w);
}

/* ---- after a restart ---- */

struct unfinished {
	struct workspace_row *v;
	size_t n, cap;
};

static void add(void *ctx, const struct workspace_row *w)
{
	struct unfinished *u = ctx;
	GROW(u->v, u->n, u->cap);
	u->v[u->n++] = (struct workspace_row){ .run = w->run, .stream = w->stream, .state = w->state, .path = dup(w->path),
					       .repository = dup(w->repository), .branch = dup(w->branch),
					       .base = dup(w->base), .tree = dup(w->tree) };
}

/* What its snapshots cover is said in its workflow. */
static void keep_again(struct engine *e, const struct workspace_row *w)
{
	struct run *r = map_get(&e->runs, (uint64_t)w->run);
	if (r || run_load(e, w->run, &r, NULL))
		return; /* a run that cannot be read stays as it is; gc names it */
	for (size_t i = 0; i < r->graph->nstreams; i++)
		if (r->spaces[i]->run == r && r->spaces[i]->stream == w->stream && (int)i == w->stream)
			keep(e, r->spaces[i]);
	(void)map_del(&e->runs, (uint64_t)w->run);
	r->dead = true;
	run_free(e, r);
}

void spaces_recover(struct engine *e)
{
	struct unfinished u = { NULL, 0, 0 };
	static const enum space_state states[] = { SPACE_LEAVING, SPACE_REMOVING };
	for (size_t i = 0; i < COUNT(states); i++)
		if (store_workspaces_in(e->store, states[i], add, &u, NULL))
			continue; /* the next start tries again */
	for (size_t i = 0; i < u.n; i++) {
		struct workspace_row *w = &u.v[i];
		if (w->state == SPACE_LEAVING)
			keep_again(e, w);
		else
			remove_it(e, w);
		free((void *)(uintptr_t)w->path);
		free((void *)(uintptr_t)w->repository);
		free((void *)(uintptr_t)w->branch);
		free((void *)(uintptr_t)w->base);
		free((void *)(uintptr_t)w->tree);
	}
	free(u.v);
}
