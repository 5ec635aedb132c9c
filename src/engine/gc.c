/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gc: gives back the disk space of runs that ended long ago, and of what a crash left behind. Rows, events and logs
 * stay; what goes are workspaces, worktrees, and snapshots that nothing names any more. A run that has not ended
 * keeps everything. While it works on the store of snapshots no other job does. */
#include "engine/gc.h"
#include "engine/engine_internal.h"
#include "base/fs.h"
#include "space/snapshot.h"
#include "space/worktree.h"
#include "store/check.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define PAGE 500
#define DEPTH_MAX 200

struct gathering {
	struct engine *e;
	struct gc *gc;
	id_t64 last;
	int64_t n;
};

static struct gc_item *add_item(struct gc *gc, enum gc_kind kind, id_t64 run, const char *path)
{
	GROW(gc->v, gc->n, gc->cap);
	struct gc_item *i = &gc->v[gc->n++];
	*i = (struct gc_item){ .kind = kind, .run = run, .path = xstrdup(path) };
	return i;
}

void gc_free(struct gc *gc)
{
	for (size_t i = 0; i < gc->n; i++) {
		free(gc->v[i].path);
		free(gc->v[i].repository);
		free(gc->v[i].branch);
		free(gc->v[i].base);
	}
	for (size_t i = 0; i < gc->nkeep; i++)
		free(gc->keep[i]);
	for (size_t i = 0; i < gc->nrepositories; i++)
		free(gc->repositories[i]);
	free(gc->v);
	free(gc->keep);
	free(gc->runs);
	free(gc->repositories);
	map_done(&gc->known);
	free(gc->home);
	free(gc);
}

/* ---- what goes ---- */

static void add_run(void *ctx, const struct run_row *r)
{
	struct gathering *g = ctx;
	g->last = r->id;
	g->n++;
	/* Live in memory means reopened; somebody may stand in it, or a fork may be about to begin there. */
	bool used = map_get(&g->e->runs, (uint64_t)r->id) || map_get(&g->e->holds, (uint64_t)r->id);
	if (used || r->parent_run || !state_final(ENTITY_RUN, (int)r->state))
		return;
	GROW(g->gc->runs, g->gc->nruns, g->gc->capruns);
	g->gc->runs[g->gc->nruns++] = r->id;
}

static void add_workspace(void *ctx, const struct workspace_row *w)
{
	struct gathering *g = ctx;
	map_put(&g->gc->known, (uint64_t)w->run, g->gc);
	if (w->repository) {
		bool known = false;
		for (size_t i = 0; i < g->gc->nrepositories; i++)
			known |= str_eq(g->gc->repositories[i], w->repository);
		if (!known) {
			GROW(g->gc->repositories, g->gc->nrepositories, g->gc->caprepositories);
			g->gc->repositories[g->gc->nrepositories++] = xstrdup(w->repository);
		}
	}
}

static void add_old_workspace(void *ctx, const struct workspace_row *w)
{
	struct gathering *g = ctx;
	if (w->kind != WORKSPACE_REPO || w->state == SPACE_RELEASED || !w->repository || !w->branch)
		return;
	struct gc_item *i = add_item(g->gc, GC_WORKTREE, w->run, w->path);
	i->stream = w->stream;
	i->repository = xstrdup(w->repository);
	i->branch = xstrdup(w->branch);
	i->base = w->base ? xstrdup(w->base) : NULL;
}

static void add_tree(void *ctx, const char *tree)
{
	struct gc *gc = ctx;
	if (strlen(tree) != SPACE_ID_LEN)
		return; /* SPACE_EMPTY is made again when it is needed */
	GROW(gc->keep, gc->nkeep, gc->capkeep);
	gc->keep[gc->nkeep++] = xstrdup(tree);
}

/* What the protecting snapshots of ways back are, and those that no row names yet. */
static void keep_present(struct engine *e, struct gc *gc)
{
	size_t at = 0;
	const struct run *r;
	while ((r = map_next(&e->runs, &at))) {
		for (size_t i = 0; r->spaces && i < r->graph->nstreams; i++)
			add_tree(gc, r->spaces[i]->tree);
		for (size_t i = 0; i < r->nnodes; i++) {
			add_tree(gc, r->nodes[i]->before ? r->nodes[i]->before : "");
			add_tree(gc, r->nodes[i]->tree ? r->nodes[i]->tree : "");
		}
	}
}

struct protection {
	struct gc *gc;
	const struct map *gone;
};

static void keep_protected(void *ctx, const struct procedure_row *p)
{
	const struct protection *k = ctx;
	auto_json *list = NULL;
	if (map_get(k->gone, (uint64_t)p->run) || json_parse(p->spaces, strlen(p->spaces), MIB, &list, NULL))
		return;
	for (const struct json *i = json_first(list); i; i = json_next(i)) {
		add_tree(k->gc, json_get_str(i, "present", ""));
		add_tree(k->gc, json_get_str(i, "to", ""));
	}
}

/* When nobody works on files: the snapshots that stay. */
void gc_keep(struct engine *e, struct gc *gc)
{
	struct map gone = MAP_INIT;
	for (size_t i = 0; i < gc->nruns; i++)
		map_put(&gone, (uint64_t)gc->runs[i], gc);
	struct protection k = { gc, &gone };
	gc->code = store_trees(e->store, add_tree, gc, &gc->err);
	if (!gc->code)
		gc->code = check_procedures(e->store, keep_protected, &k, &gc->err);
	keep_present(e, gc);
	map_done(&gone);
}

/* A whole id, not the beginning of one. */
static bool is_run_id(const char *name, id_t64 *ret)
{
	id_t64 last;
	return id_parse('r', name, ret, &last, NULL) == ERR_OK && *ret == last && str_eq(id_text('r', *ret).s, name);
}

static bool is_left_behind(const struct gathering *g, const char *name, id_t64 *ret)
{
	struct run_row row;
	return is_run_id(name, ret) && store_run_get(g->e->store, *ret, &row, NULL) != ERR_OK;
}

/* Folders of runs that are not there: of a start that did not commit. */
static void find_run_folders(struct gathering *g)
{
	auto_free char *folder = xasprintf("%s/runs", g->e->home);
	DIR *d = opendir(folder);
	for (const struct dirent *i; d && (i = readdir(d));) {
		id_t64 id;
		if (i->d_name[0] == '.' || !is_left_behind(g, i->d_name, &id))
			continue;
		auto_free char *path = xasprintf("%s/%s", folder, i->d_name);
		(void)add_item(g->gc, GC_FOLDER, id, path);
	}
	if (d)
		(void)closedir(d);
}

static void find_scratch(struct gathering *g, id_t64 run)
{
	auto_free char *folder = xasprintf("%s/runs/%s", g->e->home, id_text('r', run).s);
	DIR *d = opendir(folder);
	for (const struct dirent *i; d && (i = readdir(d));) {
		if (!str_eq(i->d_name, "work") && !str_starts(i->d_name, "work-"))
			continue;
		auto_free char *path = xasprintf("%s/%s", folder, i->d_name);
		bool worktree = false;
		for (size_t k = 0; k < g->gc->n; k++)
			worktree |= str_eq(g->gc->v[k].path, path);
		if (!worktree)
			(void)add_item(g->gc, GC_WORKSPACE, run, path);
	}
	if (d)
		(void)closedir(d);
}

static enum err_code gather(struct gathering *g, int64_t before_ms, struct err *err)
{
	enum err_code code = ERR_OK;
	do {
		g->n = 0;
		code = store_runs_ended(g->e->store, before_ms, g->last, PAGE, add_run, g, err);
	} while (!code && g->n == PAGE);
	size_t kept = 0;
	for (size_t i = 0; i < g->gc->nruns && !code; i++)
		if (!store_fork_waits(g->e->store, g->gc->runs[i]))
			g->gc->runs[kept++] = g->gc->runs[i];
	g->gc->nruns = kept;
	for (size_t i = 0; i < g->gc->nruns && !code; i++)
		code = store_workspaces_of(g->e->store, g->gc->runs[i], add_old_workspace, g, err);
	for (size_t i = 0; i < g->gc->nruns && !code; i++)
		find_scratch(g, g->gc->runs[i]);
	if (!code)
		code = check_workspaces(g->e->store, add_workspace, g, err);
	find_run_folders(g);
	return code;
}

static void note_worktrees(struct engine *e, struct gc *gc)
{
	for (size_t i = 0; i < gc->n; i++) {
		const struct gc_item *v = &gc->v[i];
		if (v->kind != GC_WORKTREE)
			continue;
		struct workspace_row row = { .run = v->run, .stream = v->stream, .kind = WORKSPACE_REPO,
					     .path = v->path, .repository = v->repository, .branch = v->branch,
					     .base = v->base, .state = SPACE_RELEASED };
		store_workspace_put(e->store, &row);
	}
}

static void done(struct engine *e, struct space_job *j)
{
	struct gc *gc = j->gc;
	if (e && !gc->dry_run && !j->code) {
		auto_str data = STR_INIT;
		str_addf(&data, "{\"runs\":%zu,\"bytes\":%lld}", gc->nruns, (long long)gc->bytes);
		struct event_row ev = { .at_ms = e->now.wall_ms, .type = "engine.gc", .idx = -1, .was = -1, .now = -1,
					.actor = ACTOR_OPERATOR, .who = "local", .data = str_text(&data) };
		store_event(e->store, &ev);
	}
	gc->done(gc->ctx, j->code, &j->err, gc);
}

enum err_code engine_gc(struct engine *e, int64_t older_ms, bool dry_run, gc_done_fn fn, void *ctx, struct err *err)
{
	engine_touch(e);
	if (older_ms < 0)
		return err_set(err, ERR_USAGE, _("older_ms: an age cannot be below 0"));
	struct gc *gc = xcalloc(1, sizeof(*gc));
	struct gathering g = { .e = e, .gc = gc };
	gc->dry_run = dry_run;
	gc->done = fn;
	gc->ctx = ctx;
	gc->home = xstrdup(e->home);
	gc->epoch = e->epoch;
	enum err_code code = gather(&g, e->now.wall_ms - older_ms, err);
	if (code) {
		gc_free(gc);
		return code;
	}
	if (!dry_run) {
		for (size_t i = 0; i < gc->nruns; i++)
			store_forget_files(e->store, gc->runs[i], N_("gc removed it"));
		note_worktrees(e, gc);
	}
	struct space_job *j = xcalloc(1, sizeof(*j));
	j->kind = SPACE_GC;
	j->gc = gc;
	j->epoch = e->space_epoch;
	j->done = done;
	effect_add(e, EFFECT_SPACE)->job = j;
	return ERR_OK;
}

/* ---- in the pool ---- */

static uint64_t size_below(const char *path, int depth)
{
	uint64_t bytes = 0;
	DIR *d = depth < DEPTH_MAX ? opendir(path) : NULL;
	for (const struct dirent *i; d && (i = readdir(d));) {
		struct stat st;
		if (str_eq(i->d_name, ".") || str_eq(i->d_name, ".."))
			continue;
		auto_free char *inner = xasprintf("%s/%s", path, i->d_name);
		if (lstat(inner, &st))
			continue;
		bytes += (uint64_t)st.st_blocks * 512;
		if (S_ISDIR(st.st_mode))
			bytes += size_below(inner, depth + 1);
	}
	if (d)
		(void)closedir(d);
	return bytes;
}

static uint64_t size_of(const char *path)
{
	struct stat st;
	if (!path[0] || lstat(path, &st))
		return 0;
	return (uint64_t)st.st_blocks * 512 + (S_ISDIR(st.st_mode) ? size_below(path, 0) : 0);
}

static bool run_is_known(void *with, const char *run)
{
	const struct gc *gc = with;
	id_t64 id;
	char name[ID_LEN + 1];
	size_t len = strcspn(run + (str_starts(run, "r-") ? 2 : 0), "-") + (str_starts(run, "r-") ? 2 : 0);
	if (len > ID_LEN)
		return true; /* not of ours: left alone */
	memcpy(name, run, len);
	name[len] = '\0';
	return !is_run_id(name, &id) || map_get(&gc->known, (uint64_t)id) != NULL;
}

/* The repositories whose worktrees lie in folders of runs that are not there: no row names them. */
static void find_repositories(struct gc *gc)
{
	size_t n = gc->n;
	for (size_t k = 0; k < n; k++) {
		DIR *d = gc->v[k].kind == GC_FOLDER ? opendir(gc->v[k].path) : NULL;
		for (const struct dirent *i; d && (i = readdir(d));) {
			auto_free char *work = xasprintf("%s/%s", gc->v[k].path, i->d_name);
			auto_free char *inside = xasprintf("%s/.git", work), *repository = NULL;
			if (!str_starts(i->d_name, "work") || !fs_exists(inside) ||
			    worktree_repository(work, &repository, NULL))
				continue;
			GROW(gc->repositories, gc->nrepositories, gc->caprepositories);
			gc->repositories[gc->nrepositories++] = TAKE(repository);
		}
		if (d)
			(void)closedir(d);
	}
}

/* "import-EPOCH-…": those of this engine may be in use. */
static void find_temporary(struct gc *gc)
{
	auto_free char *folder = xasprintf("%s/tmp", gc->home);
	DIR *d = opendir(folder);
	for (const struct dirent *i; d && (i = readdir(d));) {
		const char *dash = strchr(i->d_name, '-');
		if (i->d_name[0] == '.' || (dash && strtoll(dash + 1, NULL, 10) == gc->epoch))
			continue;
		auto_free char *path = xasprintf("%s/%s", folder, i->d_name);
		(void)add_item(gc, GC_TEMPORARY, 0, path);
	}
	if (d)
		(void)closedir(d);
}

static bool is_named(const struct gc *gc, const char *branch)
{
	for (size_t i = 0; i < gc->n; i++)
		if (gc->v[i].kind == GC_ORPHAN && str_eq(gc->v[i].branch, branch))
			return true;
	return false;
}

/* Branches and worktrees named as of a run that is not there. */
static void find_orphans(struct gc *gc)
{
	for (size_t i = 0; i < gc->nrepositories; i++) {
		struct worktree_orphan *v = NULL;
		size_t n = 0;
		if (worktree_orphans(gc->repositories[i], run_is_known, gc, &v, &n, NULL))
			continue; /* the repository is gone, and its worktrees with it */
		for (size_t k = 0; k < n; k++) {
			if (is_named(gc, v[k].branch))
				continue;
			struct gc_item *o = add_item(gc, GC_ORPHAN, 0, v[k].folder ? v[k].folder : "");
			o->repository = xstrdup(gc->repositories[i]);
			o->branch = xstrdup(v[k].branch);
		}
		worktree_orphans_free(v, n);
	}
}

static enum err_code remove_item(const struct gc *gc, struct gc_item *i, struct err *err)
{
	struct worktree t = { .repository = i->repository, .folder = i->path, .branch = i->branch };
	if (i->kind == GC_WORKSPACE || i->kind == GC_FOLDER || i->kind == GC_TEMPORARY)
		return fs_rmtree(i->path, err);
	/* A worktree that somebody else made, under a name like ours, is only named. */
	auto_free char *ours = xasprintf("%s/runs/", gc->home);
	if (i->kind == GC_ORPHAN && i->path[0] && !str_starts(i->path, ours)) {
		i->kept = true;
		return ERR_OK;
	}
	if (i->base && strlen(i->base) <= WORKTREE_OID_LEN)
		memcpy(t.base, i->base, strlen(i->base) + 1);
	return worktree_release(&t, i->kind == GC_ORPHAN ? &i->kept : NULL, err);
}

enum err_code gc_run(struct gc *gc, struct err *err)
{
	auto_free char *store = xasprintf("%s/snapshots", gc->home);
	if (gc->code) {
		*err = gc->err;
		return gc->code;
	}
	find_repositories(gc);
	find_orphans(gc);
	find_temporary(gc);
	for (size_t i = 0; i < gc->n; i++) {
		struct gc_item *v = &gc->v[i];
		v->bytes = size_of(v->path);
		gc->bytes += v->bytes;
		v->failed = !gc->dry_run && remove_item(gc, v, &v->err);
	}
	gc->store_bytes = size_below(store, 0);
	uint64_t after = gc->store_bytes;
	enum err_code code = ERR_OK;
	if (!gc->dry_run && fs_exists(store)) {
		code = space_gc(store, (const char *const *)gc->keep, gc->nkeep, &after, err);
		after = size_below(store, 0);
		gc->bytes += gc->store_bytes > after ? gc->store_bytes - after : 0;
		gc->store_bytes = after;
	}
	return code;
}
