/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Going back where it takes several steps: what runs ends or is stopped, the worktree is made again, the present is
 * protected, files are restored and compared, the rows go back, the health command runs. Each step is committed before the next begins. After a
 * crash it goes on forward once files were touched; before that, and when a step fails, the run is what it was. */
#include "engine/engine_internal.h"

#include <stdio.h>
#include <string.h>

#define ROW_MAX MIB

struct back_space {
	int stream;
	char to[41], present[41]; /* present: the snapshot that protects what was there */
	bool acquire, too_large;
	size_t written, removed;
};

struct way_back {
	enum procedure_step step;
	enum verb verb;
	enum run_state was;
	char *request, *error;
	struct json *asked; /* the request, read */
	struct back_space *v;
	size_t n, at;
	bool busy; /* a job is under way */
	bool stirred; /* something ended since the present was protected, and may have written */
	int64_t began_ms, lost_ms;
};

/* ---- what is stored of it ---- */

static char *write_request(const struct command *c, const struct reset *p, const struct run *r,
			   const struct note *note)
{
	auto_str text = STR_INIT;
	struct jw w = jw_begin(&text);
	jw_obj(&w, NULL);
	jw_str(&w, "verb", verb_name(c->verb));
	if (p->mode == RESET_BACK)
		jw_int(&w, "checkpoint", p->checkpoint);
	jw_arr(&w, "nodes");
	for (size_t i = 0; i < c->nnodes; i++)
		jw_str(&w, NULL, c->nodes[i]);
	jw_end_arr(&w);
	jw_bool(&w, "only", c->only);
	jw_bool(&w, "keep_files", c->keep_files);
	jw_bool(&w, "restore", c->restore);
	jw_bool(&w, "now", c->now);
	jw_bool(&w, "stay", c->stay);
	jw_int(&w, "ended_ms", r->ended_ms);
	jw_int(&w, "generation", r->generation);
	if (note->reason)
		jw_str(&w, "reason", note->reason);
	if (note->who)
		jw_str(&w, "who", note->who);
	if (c->outputs) { /* of mark */
		auto_str outputs = STR_INIT;
		json_add(&outputs, c->outputs);
		jw_raw(&w, "outputs", str_text(&outputs));
	}
	jw_end_obj(&w);
	return str_take(&text);
}

static void put_spaces(const struct run *r, const struct way_back *b, struct jw *w, const char *key)
{
	jw_arr(w, key);
	for (size_t i = 0; i < b->n; i++) {
		const struct back_space *s = &b->v[i];
		jw_obj(w, NULL);
		jw_int(w, "stream", s->stream);
		jw_str(w, "name", r->graph->streams[s->stream].name);
		jw_str(w, "to", s->to);
		jw_str(w, "present", s->present);
		jw_bool(w, "acquire", s->acquire);
		jw_bool(w, "too_large", s->too_large);
		jw_int(w, "written", (int64_t)s->written);
		jw_int(w, "removed", (int64_t)s->removed);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void put(struct engine *e, const struct run *r, int64_t ended_ms)
{
	const struct way_back *b = r->way_back;
	auto_str spaces = STR_INIT;
	struct jw w = jw_begin(&spaces);
	put_spaces(r, b, &w, NULL);
	struct procedure_row row = { .run = r->id, .step = b->step, .verb = (int)b->verb, .was = (int)b->was,
				     .request = b->request, .spaces = str_text(&spaces), .error = b->error,
				     .began_ms = b->began_ms, .ended_ms = ended_ms, .lost_ms = b->lost_ms };
	store_procedure_put(e->store, &row);
}

static void read_spaces(const struct run *r, struct way_back *b, const char *text)
{
	auto_json *list = NULL;
	if (json_parse(text, strlen(text), ROW_MAX, &list, NULL))
		return;
	b->v = xcalloc(json_count(list) + 1, sizeof(*b->v));
	for (const struct json *i = json_first(list); i; i = json_next(i)) {
		struct back_space *s = &b->v[b->n++];
		int64_t stream = json_get_int(i, "stream", 0);
		s->stream = stream < 0 || (size_t)stream >= r->graph->nstreams ? 0 : (int)stream;
		(void)snprintf(s->to, sizeof(s->to), "%s", json_get_str(i, "to", ""));
		(void)snprintf(s->present, sizeof(s->present), "%s", json_get_str(i, "present", ""));
		s->acquire = json_get_bool(i, "acquire", false);
		s->too_large = json_get_bool(i, "too_large", false);
		s->written = (size_t)json_get_int(i, "written", 0);
		s->removed = (size_t)json_get_int(i, "removed", 0);
	}
}

void way_back_free(struct run *r)
{
	struct way_back *b = TAKE(r->way_back);
	if (!b)
		return;
	free(b->request);
	free(b->error);
	free(b->v);
	json_free(b->asked);
	free(b);
}

/* ---- the command, again ---- */

struct asked {
	struct command c;
	struct note note;
	const char *nodes[1000];
	char checkpoint[16];
};

static void ask_again(const struct run *r, struct asked *a)
{
	const struct way_back *b = r->way_back;
	const struct json *v = b->asked;
	*a = (struct asked){ .c = { .verb = b->verb, .id = r->id, .nodes = a->nodes } };
	(void)snprintf(a->checkpoint, sizeof(a->checkpoint), "%d", (int)json_get_int(v, "checkpoint", -1));
	a->c.checkpoint = a->checkpoint;
	for (const struct json *i = json_first(json_get(v, "nodes")); i && a->c.nnodes < COUNT(a->nodes); i = json_next(i))
		a->nodes[a->c.nnodes++] = json_str(i, "");
	a->c.only = json_get_bool(v, "only", false);
	a->c.keep_files = json_get_bool(v, "keep_files", false);
	a->c.restore = json_get_bool(v, "restore", false);
	a->c.now = json_get_bool(v, "now", false);
	a->c.stay = json_get_bool(v, "stay", false);
	a->note = (struct note){ .actor = ACTOR_OPERATOR, .who = json_get_str(v, "who", NULL),
				 .reason = json_get_str(v, "reason", NULL) };
	a->c.reason = a->note.reason ? a->note.reason : "";
	a->c.outputs = json_get(v, "outputs");
}

/* ---- beginning ---- */

static bool is_there(struct engine *e, const struct space *sp, const char *to)
{
	return str_eq(to, SPACE_EMPTY) && sp->kind == WORKSPACE_SCRATCH && e->io->empty(e->io_ctx, sp->path);
}

static bool is_own(const struct run *r, int stream)
{
	for (int i = 0; i < stream; i++)
		if (r->spaces[i] == r->spaces[stream])
			return false;
	return true;
}

bool way_back_needed(struct engine *e, const struct reset *p)
{
	bool needed = p->mode == RESET_BACK;
	for (int i = 0; (size_t)i < p->r->graph->nstreams; i++) {
		const struct space *sp = p->r->spaces[i];
		if (is_own(p->r, i))
			needed |= space_gone(sp) || (p->spaces[i].to[0] && !is_there(e, sp, p->spaces[i].to));
	}
	return needed;
}

static int64_t lost_ms(struct engine *e, const struct reset *p)
{
	const struct run *r = p->r;
	int64_t until = r->ended_ms ? r->ended_ms : r->paused_at_ms ? r->paused_at_ms : e->now.wall_ms;
	return p->mode == RESET_BACK ? MAX(until - p->at_ms, (int64_t)0) : 0;
}

static void go(struct engine *e, struct run *r);

static struct way_back *way_back_new(struct engine *e, const struct reset *p, const struct command *c,
				     enum procedure_step step, const struct note *note)
{
	struct run *r = p->r;
	struct way_back *b = r->way_back = xcalloc(1, sizeof(*b));
	b->step = step;
	b->verb = c->verb;
	b->was = r->state;
	b->began_ms = e->now.wall_ms;
	b->lost_ms = lost_ms(e, p);
	b->request = write_request(c, p, r, note);
	if (json_parse(b->request, strlen(b->request), ROW_MAX, &b->asked, NULL))
		b->asked = NULL;
	return b;
}

void way_back_begin(struct engine *e, const struct reset *p, const struct command *c, const struct note *note)
{
	struct run *r = p->r;
	struct way_back *b = way_back_new(e, p, c, STEP_ACQUIRE, note);
	b->began_ms = p->asked_ms ? p->asked_ms : e->now.wall_ms;
	b->v = xcalloc(r->graph->nstreams + 1, sizeof(*b->v));
	for (int i = 0; (size_t)i < r->graph->nstreams; i++) {
		const struct space *sp = r->spaces[i];
		const char *to = p->spaces[i].to;
		/* A sub-workflow that has to end may still write. */
		bool there = is_there(e, sp, to) && !(p->mode == RESET_BACK && r->children.n > 0);
		if (!is_own(r, i) || (!space_gone(sp) && (!to[0] || there)))
			continue;
		struct back_space *s = &b->v[b->n++];
		*s = (struct back_space){ .stream = i, .acquire = space_gone(sp) };
		memcpy(s->to, to[0] ? to : sp->tree, sizeof(s->to));
	}
	r->ended_ms = 0;
	put(e, r, 0);
	run_move(e, r, RUN_ROLLING_BACK, note);
	go(e, r);
}

/* ---- steps ---- */

static void next_step(struct engine *e, struct run *r, enum procedure_step step)
{
	r->way_back->step = step;
	r->way_back->at = 0;
	put(e, r, 0);
}

/* What was begun is no more; the run is what it was. */
static void undo(struct engine *e, struct run *r)
{
	struct way_back *b = r->way_back;
	auto_free char *why = b->error ? xstrdup(b->error) : NULL;
	enum run_state was = b->was;
	int64_t ended_ms = json_get_int(b->asked, "ended_ms", 0);
	b->step = STEP_UNDONE;
	put(e, r, e->now.wall_ms);
	run_event(e, r, "run.rollback_undone", &(struct note){ .actor = ACTOR_ENGINE, .reason = why });
	way_back_free(r);
	if (!state_final(ENTITY_RUN, (int)was)) {
		reset_ended_for_it(e, r, &(struct note){ .actor = ACTOR_ENGINE, .reason = "rollback_undone" });
		run_begin(e, r);
		run_move(e, r, RUN_PAUSED, &(struct note){ .actor = ACTOR_ENGINE, .reason = "rollback_undone" });
		return;
	}
	bool seen = r->acknowledged;
	run_finish(e, r, NULL);
	r->acknowledged = seen;
	r->ended_ms = ended_ms ? ended_ms : r->ended_ms;
	run_store(e, r);
}

static void failed(struct engine *e, struct run *r, const char *why)
{
	struct way_back *b = r->way_back;
	run_event(e, r, "run.rollback_failed", &(struct note){ .actor = ACTOR_ENGINE, .reason = why });
	if (!b->error)
		b->error = xstrdup(why);
}

static struct run *run_of_job(struct engine *e, const struct space_job *j)
{
	struct run *r = map_get(&e->runs, (uint64_t)j->run);
	if (!r || r->dead || !r->way_back || !r->way_back->busy)
		return NULL;
	r->way_back->busy = false;
	return r;
}

static void acquired(struct engine *e, struct space_job *j)
{
	struct run *r = run_of_job(e, j);
	if (!r)
		return;
	struct space *sp = r->spaces[j->stream];
	if (j->code) {
		failed(e, r, j->err.message);
		undo(e, r);
		return;
	}
	free(sp->repository);
	free(sp->branch);
	free(sp->base);
	sp->repository = TAKE(j->repository);
	sp->branch = TAKE(j->branch);
	sp->base = TAKE(j->base);
	sp->state = SPACE_HELD;
	space_store(e, sp);
	r->way_back->at++;
	go(e, r);
}

static void protected(struct engine *e, struct space_job *j)
{
	struct run *r = run_of_job(e, j);
	if (!r)
		return;
	struct back_space *s = &r->way_back->v[r->way_back->at];
	if (j->code) {
		failed(e, r, j->err.message); /* nothing is removed that could not be brought back */
		undo(e, r);
		return;
	}
	memcpy(s->present, j->taken, sizeof(s->present));
	s->too_large = j->too_large;
	auto_str data = STR_INIT;
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	jw_str(&w, "stream", r->graph->streams[s->stream].name);
	jw_str(&w, "snapshot", s->present);
	if (j->patch && !j->too_large)
		jw_str(&w, "patch", j->patch);
	jw_end_obj(&w);
	run_event(e, r, "run.protected", &(struct note){ .actor = ACTOR_ENGINE, .data = str_text(&data) });
	r->way_back->at++;
	go(e, r);
}

static void restored(struct engine *e, struct space_job *j)
{
	struct run *r = run_of_job(e, j);
	if (!r)
		return;
	struct way_back *b = r->way_back;
	struct back_space *s = &b->v[b->at];
	struct space *sp = r->spaces[s->stream];
	if (j->code) {
		failed(e, r, j->err.message);
		if (b->step == STEP_RESTORE)
			next_step(e, r, STEP_BACK);
		else
			b->at++; /* what it was is in the snapshot that the event names */
		go(e, r);
		return;
	}
	memcpy(sp->tree, j->tree, sizeof(sp->tree));
	sp->dirty = false;
	space_store(e, sp);
	if (b->step == STEP_RESTORE) {
		s->written = j->written;
		s->removed = j->removed;
		auto_str data = STR_INIT;
		struct jw w = jw_begin(&data);
		jw_obj(&w, NULL);
		jw_str(&w, "stream", r->graph->streams[s->stream].name);
		jw_str(&w, "snapshot", s->to);
		jw_int(&w, "written", (int64_t)s->written);
		jw_int(&w, "removed", (int64_t)s->removed);
		jw_end_obj(&w);
		run_event(e, r, "run.restored", &(struct note){ .actor = ACTOR_ENGINE, .data = str_text(&data) });
	}
	b->at++;
	go(e, r);
}

static char *patch_path(const struct engine *e, const struct run *r, int stream)
{
	int64_t generation = json_get_int(r->way_back->asked, "generation", 1);
	const char *name = r->graph->streams[stream].name;
	return stream == 0 ? xasprintf("%s/runs/%s/rollback-%d.patch", e->home, id_text('r', r->id).s, (int)generation) :
			     xasprintf("%s/runs/%s/rollback-%d-%s.patch", e->home, id_text('r', r->id).s,
				       (int)generation, name);
}

/* Give the job of the present step for the next workspace that wants one; false: there is none left. */
static bool next_job(struct engine *e, struct run *r)
{
	struct way_back *b = r->way_back;
	for (; b->at < b->n; b->at++) {
		struct back_space *s = &b->v[b->at];
		struct space *sp = r->spaces[s->stream];
		struct space_job *j = NULL;
		if (b->step == STEP_ACQUIRE && s->acquire) {
			j = space_job_new(e, SPACE_ACQUIRE, sp, acquired);
			j->again = true;
		} else if (b->step == STEP_PROTECT && !s->acquire) {
			j = space_job_new(e, SPACE_PROTECT, sp, protected);
			j->patch = patch_path(e, r, s->stream);
			memcpy(j->tree, s->to, sizeof(j->tree));
		} else if (b->step == STEP_RESTORE && s->to[0] && (b->stirred || !str_eq(s->to, s->present))) {
			j = space_job_new(e, SPACE_RESTORE, sp, restored);
			memcpy(j->tree, s->to, sizeof(j->tree));
		} else if (b->step == STEP_BACK && s->present[0]) {
			j = space_job_new(e, SPACE_RESTORE, sp, restored);
			memcpy(j->tree, s->present, sizeof(j->tree));
		}
		if (j) {
			b->busy = true;
			return true;
		}
	}
	return false;
}

/* A rollback decides anew about everything, other ways back about what works on files that go back. */
static bool goes_along(const struct run *r, const struct node *n)
{
	const struct way_back *b = r->way_back;
	bool along = b->verb == VERB_ROLLBACK;
	for (size_t i = 0; i < b->n; i++)
		along |= b->v[i].to[0] && r->spaces[b->v[i].stream] == node_space(n);
	return along;
}

/* What is in its middle (a sub-workflow that was paused with the run, an open group) ends, with the handlers that
 * belong to its end, and begins anew later; true: it has. Before files go back: nobody writes after that. */
static bool quiesce(struct engine *e, struct run *r)
{
	struct note why = { .actor = ACTOR_ENGINE, .reason = WAY_BACK_REASON };
	bool any = r->steps > 0;
	r->way_back->stirred |= r->children.n > 0;
	for (size_t i = 0; i < r->children.n; i++) {
		struct run *c = r->children.v[i];
		if (c->dead || !goes_along(r, r->nodes[c->parent_node]))
			continue;
		any = true;
		if (c->state != RUN_CANCELING)
			run_cancel(e, c, true, &why);
	}
	for (size_t i = 0; i < r->graph->nnodes && !any; i++) {
		struct node *n = r->nodes[i];
		bool asks = n->state == NODE_WAITING && r->way_back->verb == VERB_ROLLBACK;
		if (n->parent < 0 && (n->state == NODE_RUNNING || asks) && goes_along(r, n))
			node_end(e, n, NODE_CANCELED, CLASS_CANCELED, WAY_BACK_REASON);
	}
	return !any;
}

static enum err_code commit_rows(struct engine *e, struct run *r, struct err *err)
{
	struct asked a;
	struct reset p;
	ask_again(r, &a);
	enum err_code code = reset_make(e, &a.c, &p, err);
	if (code)
		return code;
	code = reset_apply(e, &p, &a.c, &a.note, err);
	reset_done(e, &p);
	return code;
}

static void finish(struct engine *e, struct run *r, bool healthy)
{
	struct way_back *b = r->way_back;
	struct asked a;
	ask_again(r, &a);
	bool rollback = b->verb == VERB_ROLLBACK;
	auto_str data = STR_INIT;
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	jw_str(&w, "verb", verb_name(b->verb));
	if (rollback)
		jw_int(&w, "checkpoint", json_get_int(b->asked, "checkpoint", 0));
	jw_int(&w, "lost_ms", b->lost_ms);
	jw_int(&w, "took_ms", e->now.wall_ms - b->began_ms);
	jw_bool(&w, "healthy", healthy);
	put_spaces(r, b, &w, "files");
	jw_end_obj(&w);
	b->step = STEP_DONE;
	put(e, r, e->now.wall_ms);
	run_event(e, r, "run.rolled_back", &(struct note){ a.note.actor, a.note.who, a.note.reason, str_text(&data) });
	struct note go_on = { .actor = a.note.actor, .who = a.note.who };
	struct note stop = { .actor = a.note.actor, .who = a.note.who, .reason = healthy ? "rollback" : "health_failed" };
	mark_apply(e, r, &a.c, &a.note);
	run_begin(e, r);
	bool stays = rollback || (a.c.stay && b->was == RUN_PAUSED);
	stop.reason = rollback ? stop.reason : "retry";
	run_move(e, r, stays ? RUN_PAUSED : RUN_RUNNING, stays ? &stop : &go_on);
	for (size_t i = 0; i < r->children.n && !stays; i++)
		if (!r->children.v[i]->dead)
			run_resume(e, r->children.v[i], &go_on);
	way_back_free(r);
}

/* True: it has ended, or there is none. */
static bool health(struct engine *e, struct run *r, bool *ret_good)
{
	struct node *n = r->way_back->verb == VERB_ROLLBACK ? run_handler(r, HANDLER_HEALTH) : NULL;
	*ret_good = true;
	if (!n)
		return true;
	if (n->state == NODE_PENDING && !heap_has(&n->ready))
		node_consider(e, n);
	if (!state_final(ENTITY_NODE, (int)n->state))
		return false;
	*ret_good = n->state != NODE_FAILED && n->state != NODE_CANCELED;
	return true;
}

static void go(struct engine *e, struct run *r)
{
	struct err err;
	bool good;
	while (r->way_back && !r->way_back->busy) {
		switch (r->way_back->step) {
		case STEP_ACQUIRE:
			if (!next_job(e, r))
				next_step(e, r, STEP_PROTECT);
			break;
		case STEP_PROTECT:
			if (!next_job(e, r))
				next_step(e, r, STEP_RESTORE);
			break;
		case STEP_RESTORE:
			if (!quiesce(e, r))
				return;
			if (!next_job(e, r))
				next_step(e, r, STEP_COMMIT);
			break;
		case STEP_COMMIT:
			if (commit_rows(e, r, &err)) {
				failed(e, r, err.message);
				next_step(e, r, STEP_BACK);
			} else {
				next_step(e, r, STEP_HEALTH);
			}
			break;
		case STEP_HEALTH:
			if (!health(e, r, &good)) {
				run_schedule(e, r);
				return;
			}
			finish(e, r, good);
			break;
		case STEP_BACK:
			if (!next_job(e, r))
				undo(e, r);
			break;
		case STEP_QUIESCE:
		case STEP_DONE:
		case STEP_UNDONE:
		case STEP_COUNT:
			return;
		}
	}
}

/* ---- what runs ends first ---- */

bool way_back_waits(const struct run *r)
{
	return r->way_back && r->way_back->step == STEP_QUIESCE;
}

bool way_back_stops(const struct run *r)
{
	for (; r; r = r->parent)
		if (way_back_waits(r) && json_get_bool(r->way_back->asked, "now", false))
			return true;
	return false;
}

/* Nothing has been changed yet but that the run stopped. */
static void give_up(struct engine *e, struct run *r, const char *why)
{
	struct way_back *b = r->way_back;
	b->step = STEP_UNDONE;
	b->error = xstrdup(why);
	put(e, r, e->now.wall_ms);
	run_event(e, r, "run.rollback_undone", &(struct note){ .actor = ACTOR_ENGINE, .reason = why });
	way_back_free(r);
}

void way_back_drop(struct engine *e, struct run *r)
{
	if (way_back_waits(r))
		give_up(e, r, _("something else was asked of the run before it was quiet"));
}

enum err_code way_back_ask(struct engine *e, const struct command *c, const struct note *note, struct err *err)
{
	struct run *r = map_get(&e->runs, (uint64_t)c->id);
	struct reset p;
	if (r && !r->dead)
		patches_left(e, r, _("the run was sent back"));
	if (!r || r->dead || (r->state == RUN_PAUSED && r->snapping == 0 && r->patch_jobs == 0))
		return run_reset(e, c, note, err);
	enum err_code code = reset_make_after(e, c, &p, err);
	if (code)
		return code;
	int64_t asked_ms = way_back_waits(r) ? r->way_back->began_ms : e->now.wall_ms;
	way_back_free(r); /* asked for another way: that one counts */
	way_back_new(e, &p, c, STEP_QUIESCE, note)->began_ms = asked_ms;
	reset_done(e, &p);
	put(e, r, 0);
	auto_str data = STR_INIT;
	str_addf(&data, "{\"verb\":\"%s\",\"now\":%s}", verb_name(c->verb), c->now ? "true" : "false");
	run_event(e, r, "run.quiescing", &(struct note){ note->actor, note->who, note->reason, str_text(&data) });
	run_pause(e, r, &(struct note){ .actor = note->actor, .who = note->who, .reason = verb_name(c->verb) });
	if (c->now)
		run_stop_steps(e, r);
	run_touch(e, r);
	return ERR_OK;
}

/* Nor does anybody read its files. */
static bool is_still(const struct run *r)
{
	bool still = run_quiet(r) && r->snapping == 0;
	for (size_t i = 0; i < r->children.n && still; i++)
		still = r->children.v[i]->dead || is_still(r->children.v[i]);
	return still;
}

static void after_quiesce(struct engine *e, struct run *r)
{
	struct asked a;
	struct err err;
	ask_again(r, &a);
	struct way_back *b = r->way_back;
	b->step = STEP_DONE; /* unless files go back, which is told anew */
	put(e, r, e->now.wall_ms);
	r->way_back = NULL;
	enum err_code code = hold_refuses(e, &a.c, &err);
	if (!code)
		code = run_reset_asked(e, &a.c, &a.note, b->began_ms, &err);
	struct way_back *begun = r->way_back;
	r->way_back = b;
	if (code) {
		give_up(e, r, err.message);
		if (r->state == RUN_PAUSED) { /* not by the verb: that did not come about */
			free(r->reason);
			r->reason = xstrdup("rollback_undone");
			run_store(e, r);
		}
		return;
	}
	way_back_free(r);
	r->way_back = begun;
}

void way_back_settle(struct engine *e, struct run *r)
{
	if (!way_back_waits(r)) {
		go(e, r);
	} else {
		if (r->steps == 0)
			patches_left(e, r, _("the run was sent back")); /* what was stopped in the middle */
		if (is_still(r))
			after_quiesce(e, r);
	}
}

bool way_back_runs(const struct run *r)
{
	return r->way_back && r->way_back->step == STEP_HEALTH;
}

/* ---- after a restart ---- */

void way_back_load(struct engine *e, struct run *r)
{
	struct procedure_row row;
	if (store_procedure_get(e->store, r->id, &row, NULL))
		return;
	if (r->state != RUN_ROLLING_BACK && row.step != STEP_QUIESCE)
		return; /* of long ago */
	struct way_back *b = r->way_back = xcalloc(1, sizeof(*b));
	b->step = row.step;
	b->stirred = true; /* for all that is known */
	b->was = (enum run_state)row.was;
	b->request = xstrdup(row.request);
	b->error = row.error ? xstrdup(row.error) : NULL;
	b->began_ms = row.began_ms;
	b->lost_ms = row.lost_ms;
	read_spaces(r, b, row.spaces);
	if (json_parse(b->request, strlen(b->request), ROW_MAX, &b->asked, NULL))
		b->asked = NULL;
	/* By name: the numbers of verbs are nobody's promise. */
	const char *verb = json_get_str(b->asked, "verb", "");
	static const enum verb ways[] = { VERB_RESUME_FROM, VERB_ROLLBACK, VERB_RETRY, VERB_SKIP, VERB_MARK };
	b->verb = ways[0];
	for (size_t i = 0; i < COUNT(ways); i++)
		if (str_eq(verb, verb_name(ways[i])))
			b->verb = ways[i];
}

void way_back_resume(struct engine *e, struct run *r)
{
	struct way_back *b = r->way_back;
	if (!b) {
		run_move(e, r, RUN_PAUSED, &(struct note){ .actor = ACTOR_RECOVERY, .reason = "rollback_undone" });
		return;
	}
	if (b->step == STEP_ACQUIRE || b->step == STEP_PROTECT) {
		failed(e, r, _("the engine was stopped before any file was touched"));
		undo(e, r);
		return;
	}
	go(e, r);
}
