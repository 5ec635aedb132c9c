/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The workspaces of runs: who has which folder, what must be made before a run starts, and when snapshots are
 * taken. What blocks is a job that the host does beside the loop; it is handed out after the commit, and comes
 * back as an input of a later turn. */
#include "engine/engine_internal.h"
#include "engine/gc.h"
#include "engine/patch_work.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[] = { "acquire", "snapshot", "measure", "protect", "restore", "gc", "release", "patch" };
_Static_assert(COUNT(kinds) == SPACE_JOB_KINDS, "every kind of job has a name");

const char *space_job_name(enum space_job_kind k)
{
	return kinds[k];
}

struct space *node_space(const struct node *n)
{
	return n->run->spaces[n->def->stream];
}

const char *node_workspace(const struct node *n)
{
	return node_space(n)->path;
}

/* ---- jobs ---- */

void space_job_free(struct space_job *j)
{
	if (!j)
		return;
	free(j->name);
	free(j->path);
	free(j->repository);
	free(j->branch);
	free(j->base);
	free(j->patch);
	if (j->gc)
		gc_free(j->gc);
	patch_work_free(j->patch_work);
	free(j);
}

static char *dup(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

/* "r-…", and the workstream behind it where it is not main: letters that a branch may have. */
static char *name_of(const struct run *r, int stream)
{
	char *name = stream == 0 ? xstrdup(id_text('r', r->id).s) :
				   xasprintf("%s-%s", id_text('r', r->id).s, r->graph->streams[stream].name);
	for (char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			*p = '_';
	return name;
}

struct space_job *space_job_new(struct engine *e, enum space_job_kind kind, const struct space *sp,
				void (*done)(struct engine *e, struct space_job *j))
{
	struct space_job *j = xcalloc(1, sizeof(*j));
	j->kind = kind;
	j->run = sp->run->id;
	j->stream = sp->stream;
	j->name = name_of(sp->run, sp->stream);
	j->path = xstrdup(sp->path);
	j->repository = dup(sp->repository);
	j->branch = dup(sp->branch);
	j->base = dup(sp->base);
	j->worktree = sp->kind == WORKSPACE_REPO;
	j->include_ignored = sp->include_ignored;
	j->epoch = e->space_epoch;
	j->done = done;
	effect_add(e, EFFECT_SPACE)->job = j;
	return j;
}

void space_job_hand(struct engine *e, struct space_job *j)
{
	/* gc works alone; and nothing overtakes it. */
	bool alone = j->kind == SPACE_GC && e->jobs > 0;
	if (e->stale_jobs > 0 || e->gc_runs || e->jobs_wait || alone) {
		*e->jobs_end = j;
		e->jobs_end = &j->next;
		return;
	}
	e->gc_runs = j->kind == SPACE_GC;
	if (e->gc_runs)
		gc_keep(e, j->gc);
	e->jobs++;
	e->io->space(e->io_ctx, j);
}

/* Nobody will do it. Whoever asked for a gc is told. */
void space_job_drop(struct space_job *j)
{
	j->code = err_set(&j->err, ERR_UNAVAILABLE, _("the engine had to begin anew; ask again"));
	if (j->kind == SPACE_GC)
		j->done(NULL, j);
	space_job_free(j);
}

static void hand_waiting(struct engine *e)
{
	struct space_job *next = TAKE(e->jobs_wait);
	e->jobs_end = &e->jobs_wait;
	for (struct space_job *w; (w = next);) {
		next = w->next;
		w->next = NULL;
		space_job_hand(e, w);
	}
}

void space_forget(struct engine *e)
{
	e->space_epoch++;
	e->stale_jobs += e->jobs;
	e->jobs = 0;
	for (struct space_job *j; (j = e->jobs_wait);) {
		e->jobs_wait = j->next;
		space_job_drop(j);
	}
	e->jobs_end = &e->jobs_wait;
	e->gc_runs = false;
	smap_done(&e->leases);
	map_done(&e->leaving);
}

void engine_space_done(struct engine *e, struct space_job *j)
{
	engine_touch(e);
	if (j->epoch != e->space_epoch) {
		e->stale_jobs--;
		if (j->kind == SPACE_GC)
			j->done(NULL, j);
	} else {
		e->jobs--;
		if (j->kind == SPACE_GC)
			e->gc_runs = false;
		j->done(e, j);
	}
	space_job_free(j);
	if (e->stale_jobs == 0 && e->jobs == 0 && e->jobs_wait)
		hand_waiting(e);
}

/* The space that a job was for; NULL: its run is not there any more. */
static struct space *space_of(struct engine *e, const struct space_job *j)
{
	struct run *r = map_get(&e->runs, (uint64_t)j->run);
	return r && !r->dead && r->spaces && (size_t)j->stream < r->graph->nstreams ? r->spaces[j->stream] : NULL;
}

/* What a snapshot told. */
static void take_snapshot(struct engine *e, struct space *sp, const struct space_job *j)
{
	free(TAKE(sp->why_not));
	if (j->taken[0]) {
		memcpy(sp->tree, j->taken, sizeof(sp->tree));
		sp->nleft = j->nleft;
		sp->dirty = false;
		return;
	}
	sp->tree[0] = '\0';
	sp->why_not = xstrdup(j->err.message);
	run_event(e, sp->run, "snapshot.failed",
		  &(struct note){ .actor = ACTOR_ENGINE, .reason = j->err.message });
}

/* ---- leases: a folder that is not shared belongs to one run at a time ---- */

static const struct run *top(const struct run *r)
{
	while (r->parent)
		r = r->parent;
	return r;
}

/* False: somebody else has it, *ret_holder. */
static bool take_lease(struct engine *e, struct space *sp, const struct space **ret_holder)
{
	if (sp->kind != WORKSPACE_FOLDER || sp->shared || sp->lease)
		return true;
	auto_free char *real = e->io->real_path(e->io_ctx, sp->path);
	const char *key = real ? real : sp->path;
	struct space *holder = smap_get(&e->leases, key);
	if (!holder && hold_of_folder(e, key) && hold_of_folder(e, key) != top(sp->run)->id)
		return false; /* somebody stands in it with a shell */
	if (holder && top(holder->run) == top(sp->run))
		return true; /* of the same tree of runs */
	*ret_holder = holder;
	if (holder)
		return false;
	sp->lease = xstrdup(key);
	smap_put(&e->leases, sp->lease, sp);
	return true;
}

static void give_lease(struct engine *e, struct space *sp)
{
	if (!sp->lease)
		return;
	(void)smap_del(&e->leases, sp->lease);
	free(TAKE(sp->lease));
}

void spaces_wake(struct engine *e)
{
	size_t at = 0;
	struct run *r;
	struct run **v = NULL;
	size_t n = 0, cap = 0;
	while ((r = map_next(&e->runs, &at))) {
		bool waits = false;
		for (size_t i = 0; !r->dead && r->state == RUN_PREPARING && r->spaces && i < r->graph->nstreams; i++)
			waits |= r->spaces[i]->run == r && r->spaces[i]->waiting;
		if (!waits)
			continue;
		GROW(v, n, cap);
		v[n++] = r;
	}
	/* The one that waits longest first. */
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			if (v[k]->id < v[i]->id) {
				struct run *spare = v[i];
				v[i] = v[k];
				v[k] = spare;
			}
	for (size_t i = 0; i < n; i++)
		if (v[i]->state == RUN_PREPARING && spaces_prepare(e, v[i]))
			run_prepared(e, v[i]);
	free(v);
}

/* ---- making ---- */

static enum err_code text_of(struct engine *e, struct run *r, const struct tmpl *t, const char *what, char **ret,
			     struct err *err)
{
	struct scope_ctx ctx = { e, NULL, r, NULL, 0 };
	struct expr_scope scope = node_scope(&ctx);
	auto_str text = STR_INIT;
	enum err_code code = tmpl_text(t, &scope, &text, err);
	if (!code && text.len == 0)
		code = err_set(err, ERR_INVALID, _("workspace.%s is empty"), what);
	if (!code)
		*ret = str_take(&text);
	return code;
}

static struct space *space_new(struct run *r, int stream, enum workspace_kind kind)
{
	struct space *sp = xcalloc(1, sizeof(*sp));
	sp->run = r;
	sp->stream = stream;
	sp->kind = kind;
	sp->policy = r->graph->snapshot;
	return sp;
}

static enum err_code open_space(struct engine *e, struct run *r, int stream, struct err *err)
{
	const struct graph_workspace *w = &r->graph->streams[stream].workspace;
	struct space *sp = r->spaces[stream] = space_new(r, stream, w->kind);
	struct id_text id = id_text('r', r->id);
	auto_free char *name = name_of(r, stream), *path = NULL;
	enum err_code code = ERR_OK;
	sp->include_ignored = w->include_ignored;
	sp->shared = w->shared;
	if (w->shared)
		sp->policy = SNAPSHOT_OFF;
	if (fork_files(r, stream) && w->kind == WORKSPACE_FOLDER) {
		sp->kind = WORKSPACE_SCRATCH; /* a copy: the folder itself is the other run's */
		sp->copied = true;
		sp->shared = false;
	} else if (w->kind != WORKSPACE_SCRATCH) {
		code = text_of(e, r, w->path, w->kind == WORKSPACE_REPO ? "repo" : "folder", &path, err);
	}
	if (fork_files(r, stream))
		(void)snprintf(sp->fill, sizeof(sp->fill), "%s", fork_files(r, stream));
	if (!code && fork_base(r, stream))
		sp->base = xstrdup(fork_base(r, stream));
	else if (!code && w->base)
		code = text_of(e, r, w->base, "base", &sp->base, err);
	if (code)
		return code;
	const char *dir = r->dir && r->dir[0] ? r->dir : "/";
	if (sp->kind == WORKSPACE_FOLDER) {
		sp->path = fs_absolute(dir, path);
		return e->io->workspace(e->io_ctx, sp->path, id.s, false, err);
	}
	sp->path = xasprintf("%s/runs/%s/work%s", e->home, id.s, name + strlen(id.s));
	if (sp->kind == WORKSPACE_SCRATCH) {
		sp->state = SPACE_HELD;
		memcpy(sp->tree, SPACE_EMPTY, sizeof(SPACE_EMPTY));
		return e->io->workspace(e->io_ctx, sp->path, id.s, true, err);
	}
	sp->repository = fs_absolute(dir, path);
	auto_free char *log = xasprintf("%s/runs/%s/log", e->home, id.s);
	return e->io->workspace(e->io_ctx, log, id.s, true, err); /* the worktree itself is a job's */
}

/* The parent's folder, for a sub-workflow that declares none. */
static struct space *inherited(const struct run *r, int stream)
{
	bool own = stream > 0 || r->graph->streams[0].workspace.kind != WORKSPACE_SCRATCH;
	return r->parent && !own ? node_space(r->parent->nodes[r->parent_node]) : NULL;
}

/* A workstream without a declaration shares main's plain folder. */
static bool same_as_main(const struct run *r, int stream)
{
	return stream > 0 && !r->graph->streams[stream].declared &&
	       r->graph->streams[0].workspace.kind == WORKSPACE_FOLDER;
}

enum err_code spaces_open(struct engine *e, struct run *r, struct err *err)
{
	enum err_code code = ERR_OK;
	r->spaces = xcalloc(r->graph->nstreams + 1, sizeof(*r->spaces));
	for (int i = 0; (size_t)i < r->graph->nstreams && !code; i++) {
		if (inherited(r, i) || same_as_main(r, i))
			r->spaces[i] = i == 0 ? inherited(r, i) : r->spaces[0];
		else
			code = open_space(e, r, i, err);
	}
	if (code)
		return code;
	r->workspace = xstrdup(r->spaces[0]->path);
	if (!r->parent || r->spaces[0]->run == r)
		return ERR_OK;
	/* Its logs need their folder all the same. */
	return e->io->workspace(e->io_ctx, r->workspace, id_text('r', r->id).s, false, err);
}

void spaces_free(struct engine *e, struct run *r)
{
	/* From the last: those that share another's look at it before that goes. */
	for (size_t i = r->spaces ? r->graph->nstreams : 0; i-- > 0;) {
		struct space *sp = r->spaces[i];
		if (!sp || sp->run != r || sp->stream != (int)i)
			continue;
		if (sp->lease && smap_get(&e->leases, sp->lease) == sp)
			give_lease(e, sp);
		free(sp->lease);
		free(sp->path);
		free(sp->repository);
		free(sp->branch);
		free(sp->base);
		free(sp->why_not);
		free(sp);
	}
	free(TAKE(r->spaces));
}

void space_store(struct engine *e, const struct space *sp)
{
	if (sp->kind == WORKSPACE_SCRATCH && !sp->copied)
		return; /* where it is follows from the run */
	struct workspace_row row = { .run = sp->run->id, .stream = sp->stream, .kind = (int)sp->kind, .path = sp->path,
				     .repository = sp->repository, .branch = sp->branch, .base = sp->base,
				     .state = sp->state, .tree = sp->tree[0] ? sp->tree : NULL };
	store_workspace_put(e->store, &row);
}

/* ---- preparing ---- */

static void acquired(struct engine *e, struct space_job *j)
{
	struct space *sp = space_of(e, j);
	if (!sp)
		return;
	struct run *r = sp->run;
	r->nspace_jobs--;
	run_touch(e, r);
	if (j->code) {
		if (r->state == RUN_PREPARING)
			run_unprepared(e, r, j->err.message);
		return;
	}
	sp->state = SPACE_HELD;
	if (j->worktree) {
		free(sp->repository);
		free(sp->branch);
		free(sp->base);
		sp->repository = TAKE(j->repository);
		sp->branch = TAKE(j->branch);
		sp->base = TAKE(j->base);
	}
	if (j->wanted)
		take_snapshot(e, sp, j);
	space_store(e, sp);
	if (r->state == RUN_PREPARING && spaces_prepare(e, r))
		run_prepared(e, r);
}

static bool is_empty(struct engine *e, struct space *sp);

static void filled(struct engine *e, struct space_job *j)
{
	struct space *sp = space_of(e, j);
	if (!sp)
		return;
	struct run *r = sp->run;
	r->nspace_jobs--;
	run_touch(e, r);
	if (r->state != RUN_PREPARING)
		return;
	if (j->code) {
		run_unprepared(e, r, j->err.message);
		return;
	}
	memcpy(sp->tree, j->tree, sizeof(sp->tree));
	sp->dirty = false;
	sp->fill[0] = '\0';
	space_store(e, sp);
	if (spaces_prepare(e, r))
		run_prepared(e, r);
}

/* A fork's workspaces get the files of the checkpoint. True: they have them. */
static bool fill(struct engine *e, struct run *r)
{
	for (size_t i = 0; i < r->graph->nstreams; i++) {
		struct space *sp = r->spaces[i];
		if (sp->run != r || sp->stream != (int)i || !sp->fill[0])
			continue;
		if (sp->copied)
			space_store(e, sp);
		if (str_eq(sp->fill, SPACE_EMPTY) && is_empty(e, sp)) {
			sp->fill[0] = '\0';
			continue;
		}
		struct space_job *j = space_job_new(e, SPACE_RESTORE, sp, filled);
		memcpy(j->tree, sp->fill, sizeof(j->tree));
		r->nspace_jobs++;
		return false;
	}
	return true;
}

static void tell_waiting(struct engine *e, struct space *sp, const struct space *holder)
{
	struct run *r = sp->run;
	if (sp->waiting)
		return;
	sp->waiting = true;
	free(r->reason);
	r->reason = holder ? xasprintf(_("waits for the folder %s, which %s has"), sp->path,
				       id_text('r', holder->run->id).s) :
			     xasprintf(_("waits for the folder %s, in which somebody stands with a shell"), sp->path);
	run_store(e, r);
	run_event(e, r, "run.waiting_for_folder", &(struct note){ .actor = ACTOR_ENGINE, .reason = r->reason });
}

bool spaces_prepare(struct engine *e, struct run *r)
{
	bool ready = true;
	for (size_t i = 0; i < r->graph->nstreams; i++) {
		struct space *sp = r->spaces[i];
		if (sp->run != r || sp->stream != (int)i || sp->state == SPACE_HELD)
			continue;
		ready = false;
		const struct space *holder = NULL;
		if (r->nspace_jobs > 0)
			return false; /* one after the other: they may be of one repository */
		if (!take_lease(e, sp, &holder)) {
			tell_waiting(e, sp, holder);
			continue;
		}
		sp->waiting = false;
		bool wanted = sp->policy != SNAPSHOT_OFF;
		if (sp->kind == WORKSPACE_FOLDER && !wanted) {
			sp->state = SPACE_HELD;
			space_store(e, sp);
			ready = true;
			continue;
		}
		space_store(e, sp);
		struct space_job *j = space_job_new(e, SPACE_ACQUIRE, sp, acquired);
		j->wanted = wanted;
		j->again = e->recovering;
		r->nspace_jobs++;
		return false;
	}
	return ready && fill(e, r);
}

/* ---- giving back ---- */

void spaces_release(struct engine *e, struct run *r)
{
	bool woke = false;
	for (size_t i = 0; r->spaces && i < r->graph->nstreams; i++) {
		struct space *sp = r->spaces[i];
		if (sp->run != r || sp->stream != (int)i || sp->kind == WORKSPACE_SCRATCH)
			continue;
		woke |= sp->lease != NULL;
		give_lease(e, sp);
		/* One that failed is kept: somebody will want to look at it. */
		bool remove = sp->kind == WORKSPACE_REPO && r->state != RUN_FAILED && sp->branch;
		if (remove) {
			space_give_back(e, sp);
			continue;
		}
		sp->state = sp->kind == WORKSPACE_REPO ? sp->state : SPACE_RELEASED;
		space_store(e, sp);
	}
	if (woke)
		spaces_wake(e);
}

/* ---- after a restart, and reopening ---- */

static void load_space(void *ctx, const struct workspace_row *w)
{
	struct run *r = ctx;
	if (w->stream < 0 || (size_t)w->stream >= r->graph->nstreams || !r->spaces[w->stream])
		return;
	struct space *sp = r->spaces[w->stream];
	if (sp->run != r || sp->stream != w->stream)
		return;
	free(sp->path);
	free(sp->repository);
	free(sp->branch);
	free(sp->base);
	sp->kind = (enum workspace_kind)w->kind; /* one that was imported has a folder of its own instead */
	sp->path = dup(w->path);
	sp->repository = dup(w->repository);
	sp->branch = dup(w->branch);
	sp->base = dup(w->base);
	sp->state = w->state;
	if (w->kind == WORKSPACE_SCRATCH) {
		sp->kind = WORKSPACE_SCRATCH;
		sp->copied = true;
		sp->state = SPACE_HELD;
	}
	(void)snprintf(sp->tree, sizeof(sp->tree), "%s", w->tree ? w->tree : "");
}

static void load_newest(struct engine *e, struct space *sp)
{
	struct checkpoint_row c;
	if (store_checkpoint_files(e->store, sp->run->id, sp->stream, INT64_MAX, &c, NULL) || !c.tree)
		return;
	(void)snprintf(sp->tree, sizeof(sp->tree), "%s", c.tree);
	sp->nleft = (uint64_t)c.nleft;
}

void spaces_load(struct engine *e, struct run *r)
{
	if (r->spaces)
		return;
	if (r->parent)
		spaces_load(e, r->parent);
	r->spaces = xcalloc(r->graph->nstreams + 1, sizeof(*r->spaces));
	for (int i = 0; (size_t)i < r->graph->nstreams; i++) {
		const struct graph_workspace *w = &r->graph->streams[i].workspace;
		if (inherited(r, i) || same_as_main(r, i)) {
			r->spaces[i] = i == 0 ? inherited(r, i) : r->spaces[0];
			continue;
		}
		struct space *sp = r->spaces[i] = space_new(r, i, w->kind);
		auto_free char *name = name_of(r, i);
		sp->include_ignored = w->include_ignored;
		sp->shared = w->shared;
		if (w->shared)
			sp->policy = SNAPSHOT_OFF;
		sp->path = i == 0 ? xstrdup(r->workspace) :
				    xasprintf("%s/runs/%s/work%s", e->home, id_text('r', r->id).s,
					      name + strlen(id_text('r', r->id).s));
		sp->state = w->kind == WORKSPACE_SCRATCH ? SPACE_HELD : SPACE_WANTED;
		sp->dirty = true; /* what happened since the newest snapshot is not known */
	}
	if (store_workspaces_of(e->store, r->id, load_space, r, NULL))
		return; /* they are waited for again */
	for (size_t i = 0; i < r->graph->nstreams; i++) {
		struct space *sp = r->spaces[i];
		if (sp->run != r || sp->stream != (int)i)
			continue;
		load_newest(e, sp);
		const struct space *holder = NULL;
		if (fork_files(r, (int)i))
			(void)snprintf(sp->fill, sizeof(sp->fill), "%s", fork_files(r, (int)i));
		/* A home of before: its folders were nobody's. And a folder that was given back is still there. */
		bool folder = sp->kind == WORKSPACE_FOLDER && sp->state == SPACE_RELEASED;
		if (folder || (r->state != RUN_PREPARING && sp->state == SPACE_WANTED))
			sp->state = SPACE_HELD;
		if (sp->state == SPACE_HELD && !state_final(ENTITY_RUN, (int)r->state))
			(void)take_lease(e, sp, &holder);
	}
}

enum err_code spaces_again(struct engine *e, struct run *r, struct err *err)
{
	if (patches_busy(e, r->id))
		return err_set(err, ERR_CONFLICT, _("a patch of the run is just being taken back; ask again"));
	for (size_t i = 0; i < r->graph->nstreams; i++) {
		struct space *sp = r->spaces[i];
		const struct space *holder = NULL;
		if (sp->run != r || sp->stream != (int)i)
			continue;
		if (sp->kind == WORKSPACE_REPO && spaces_leaving(e, r->id))
			return err_set(err, ERR_CONFLICT, _("the worktree %s is just being removed; ask again"), sp->path);
		if (!take_lease(e, sp, &holder)) {
			enum err_code code = err_set(err, ERR_CONFLICT, _("%s has the folder %s now"),
						     id_text('r', holder->run->id).s, sp->path);
			err_hint(err, _("ask again when it has ended"));
			return code;
		}
	}
	return ERR_OK;
}

/* ---- steps and snapshots ---- */

void space_touched(struct space *sp)
{
	sp->dirty = true;
	sp->measured = false;
}

void space_enter(struct node *n)
{
	struct space *sp = node_space(n);
	n->in_space = true;
	sp->running++;
	if (n->attempt > 1 || (n->loop && n->loop->n > 0))
		return;
	bool known = sp->policy != SNAPSHOT_OFF && sp->tree[0] && !(sp->dirty && sp->running == 1);
	free(n->before);
	n->before = known ? xstrdup(sp->tree) : NULL;
}

void space_leave(struct node *n)
{
	struct space *sp = node_space(n);
	if (!n->in_space)
		return;
	n->in_space = false;
	sp->running--;
	sp->measured = false;
	if (!n->snapped || !n->tree)
		sp->dirty = true;
	n->snapped = false;
}

/* An empty folder needs no job. */
static bool is_empty(struct engine *e, struct space *sp)
{
	if (sp->kind != WORKSPACE_SCRATCH || !e->io->empty(e->io_ctx, sp->path))
		return false;
	memcpy(sp->tree, SPACE_EMPTY, sizeof(SPACE_EMPTY));
	sp->dirty = false;
	sp->nleft = 0;
	return true;
}

static struct node *node_of_job(struct engine *e, const struct space_job *j, int idx)
{
	struct run *r = map_get(&e->runs, (uint64_t)j->run);
	return r && !r->dead && idx >= 0 && (size_t)idx < r->nnodes ? r->nodes[idx] : NULL;
}

/* `token` of the job is the index of the node that waits. */
static void snapped_before(struct engine *e, struct space_job *j)
{
	struct node *n = node_of_job(e, j, (int)j->token);
	if (!n || !n->snapping)
		return;
	struct space *sp = node_space(n);
	if (j->kind == SPACE_SNAPSHOT)
		take_snapshot(e, sp, j);
	if (j->kind == SPACE_SNAPSHOT && j->code)
		sp->dirty = false; /* it was tried; the node's beginning is just not kept */
	if (j->measure) {
		sp->disk_bytes = j->disk_bytes;
		sp->measured = true; /* or it cannot be, which is no reason to try for ever */
	}
	n->snapping = false;
	n->run->snapping--;
	/* Meanwhile the run may be failing, or have been sent back. */
	bool open = n->parent < 0 || n->run->nodes[n->parent]->state == NODE_RUNNING;
	if (n->state == NODE_PENDING && n->unmet == 0 && open && !n->superseded && !heap_has(&n->ready) &&
	    n->run->state != RUN_CANCELING)
		node_consider(e, n);
	run_touch(e, n->run);
}

bool disk_is_limited(const struct node *n)
{
	bool limited = n->def->budget.disk_bytes > 0;
	for (const struct run *r = n->run; r && !limited; r = r->parent)
		limited = r->graph->budget.disk_bytes > 0;
	return limited && node_loops(n);
}

bool space_before(struct engine *e, struct node *n)
{
	struct space *sp = node_space(n);
	if (n->state != NODE_PENDING || n->attempt > 0)
		return false;
	bool measure = !sp->measured && disk_is_limited(n);
	bool snap = sp->policy == SNAPSHOT_NODES && sp->dirty && sp->running == 0 && !is_empty(e, sp);
	if (!measure && !snap)
		return false;
	struct space_job *j = space_job_new(e, snap ? SPACE_SNAPSHOT : SPACE_MEASURE, sp, snapped_before);
	j->measure = measure;
	j->run = n->run->id;
	j->token = n->idx;
	n->snapping = true;
	n->run->snapping++;
	return true;
}

void held_free(struct held *h)
{
	if (!h)
		return;
	free(h->outputs);
	free(h->message);
	free(h->tail);
	free(h);
}

static struct held *held_new(const struct step_result *r)
{
	struct held *h = xcalloc(1, sizeof(*h));
	h->result = *r;
	if (r->outputs) {
		h->outputs = xmalloc(r->outputs_len + 1);
		memcpy(h->outputs, r->outputs, r->outputs_len);
		h->outputs[r->outputs_len] = '\0';
	}
	h->message = dup(r->message);
	h->tail = dup(r->tail);
	h->result.outputs = h->outputs;
	h->result.message = h->message;
	h->result.tail = h->tail;
	return h;
}

static void snapped_after(struct engine *e, struct space_job *j)
{
	struct node *n = map_get(&e->tokens, (uint64_t)j->token);
	struct held *h = n ? TAKE(n->held) : NULL;
	if (!h)
		return;
	struct worker *w = n->worker;
	take_snapshot(e, node_space(n), j);
	free(n->tree);
	n->tree = j->taken[0] ? xstrdup(j->taken) : NULL;
	n->snapped = true;
	if (h->record)
		effect_add(e, EFFECT_RECORD_REMOVE)->token = j->token;
	step_result(e, n, &h->result);
	held_free(h);
	if (!w)
		return;
	w->needs_ack = true;
	w->phase = WORKER_IDLE;
	GROW(e->acks, e->nacks, e->capacks);
	e->acks[e->nacks++] = w;
	pool_give(e, w);
}

static bool wants(const struct space *sp, const struct node *n)
{
	if (sp->policy == SNAPSHOT_GATES)
		return n->def->checkpoint;
	return sp->policy == SNAPSHOT_NODES;
}

bool space_hold(struct engine *e, struct node *n, const struct step_result *r)
{
	struct space *sp = node_space(n);
	if (n->snapped)
		return false;
	free(TAKE(n->tree));
	if (!wants(sp, n))
		return false;
	if (is_empty(e, sp)) {
		n->tree = xstrdup(SPACE_EMPTY);
		n->snapped = true;
		return false;
	}
	struct space_job *j = space_job_new(e, SPACE_SNAPSHOT, sp, snapped_after);
	j->token = n->token;
	n->held = held_new(r);
	return true;
}
