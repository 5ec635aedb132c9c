/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ledger of patches. A node of the kind applies its diff as a step (pawl-patch), is checked, and then settled
 * here: a commit, or the files as they were. What an end in the middle leaves behind (a cancel, a crash, a way back)
 * is restored before anything else happens to the run. Every move is a row and an event of the same turn. */
#include "engine/engine_internal.h"
#include "engine/patch_work.h"
#include "store/patch.h"

#include <stdio.h>
#include <string.h>

#define REPORT_MAX (512 * KIB)

struct ledger {
	id_t64 id, run;
	int idx, generation, iteration;
	int64_t token, files, added, removed, created_ms;
	enum patch_state state;
	id_t64 reverts, reverted_by;
	char *reason, *hash, *commit, *workspace, *detail, *who;
	bool stored; /* there is a row of it */
	bool busy;   /* a job is at its files */
	bool stuck;  /* they could not be restored: an operator has to look */
	char *wanted; /* an operator wants it quarantined, for this reason */
};

static char *dup(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void ledger_free(struct ledger *l)
{
	free(l->reason);
	free(l->hash);
	free(l->commit);
	free(l->workspace);
	free(l->detail);
	free(l->who);
	free(l->wanted);
	free(l);
}

static bool is_open(const struct ledger *l)
{
	return l->state != PATCH_COMMITTED && l->state != PATCH_QUARANTINED && !state_final(ENTITY_PATCH, (int)l->state);
}

char *patch_stem(const char *home, id_t64 run, id_t64 patch)
{
	return xasprintf("%s/runs/%s/patch/%s", home, id_text('r', run).s, id_text('p', patch).s);
}

/* ---- rows ---- */

static void put(struct engine *e, const struct ledger *l)
{
	struct patch_row row = { .id = l->id, .run = l->run, .idx = l->idx, .generation = l->generation, .iteration = l->iteration,
				 .token = l->token, .state = l->state, .reverts = l->reverts, .reverted_by = l->reverted_by,
				 .reason = l->reason, .hash = l->hash, .commit = l->commit, .workspace = l->workspace,
				 .detail = l->detail, .who = l->who, .files = l->files, .added = l->added, .removed = l->removed,
				 .created_ms = l->created_ms, .updated_ms = e->now.wall_ms };
	store_patch_put(e->store, &row);
}

static void move_event(struct engine *e, struct ledger *l, int was, const char *type, const struct note *n)
{
	auto_str data = STR_INIT;
	struct jw w = jw_begin(&data);
	const struct run *r = map_get(&e->runs, (uint64_t)l->run);
	jw_obj(&w, NULL);
	jw_str(&w, "patch", id_text('p', l->id).s);
	jw_str(&w, "was", was >= 0 ? state_name(ENTITY_PATCH, was) : NULL);
	jw_str(&w, "state", state_name(ENTITY_PATCH, (int)l->state));
	if (l->commit)
		jw_str(&w, "commit", l->commit);
	if (l->reverts)
		jw_str(&w, "reverts", id_text('p', l->reverts).s);
	jw_end_obj(&w);
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = type, .order = r ? r->order_id : 0, .run = l->run, .idx = l->idx,
				.generation = l->generation, .iteration = l->iteration, .was = -1, .now = -1, .actor = n->actor,
				.who = n->who, .reason = n->reason, .data = str_text(&data) };
	store_event(e->store, &ev);
	if (was == (int)l->state)
		return;
	put(e, l);
	struct patch_move_row m = { .was = was, .now = (int)l->state, .seq = ev.seq, .at_ms = e->now.wall_ms, .actor = n->actor,
				    .who = n->who, .reason = n->reason };
	store_patch_move_add(e->store, l->id, &m);
}

/* The only one that changes a state: what the table does not have is refused, and the refusal is an event. */
static bool move(struct engine *e, struct ledger *l, enum patch_state to, const struct note *n)
{
	int was = (int)l->state;
	if (!state_move_legal(ENTITY_PATCH, was, (int)to)) {
		move_event(e, l, was, "patch.refused", n);
		return false;
	}
	auto_free char *type = xasprintf("patch.%s", state_name(ENTITY_PATCH, (int)to));
	l->state = to;
	if (to == PATCH_QUARANTINED || to == PATCH_DROPPED || to == PATCH_ROLLED_BACK) {
		char *reason = xstrdup(n->reason && *n->reason ? n->reason : _("no reason was given"));
		free(l->reason);
		l->reason = reason;
	}
	move_event(e, l, was, type, n);
	return true;
}

/* Along the way from created to committed, as far as `to`. */
static void move_along(struct engine *e, struct ledger *l, enum patch_state to, const struct note *n)
{
	while (l->state < to && l->state < PATCH_COMMITTED)
		if (!move(e, l, (enum patch_state)((int)l->state + 1), n))
			return;
}

static struct ledger *open_entry(struct engine *e, id_t64 run, int idx)
{
	struct ledger *l = xcalloc(1, sizeof(*l));
	id_t64 last = MAX(e->last_patch, store_last_patch(e->store));
	l->id = e->last_patch = id_next(last, e->now.wall_ms, (uint32_t)e->io->random(e->io_ctx));
	l->run = run;
	l->idx = idx;
	l->created_ms = e->now.wall_ms;
	map_put(&e->ledgers, (uint64_t)l->id, l);
	return l;
}

/* It is settled: nothing of it is in memory any more. */
static void close_entry(struct engine *e, struct ledger *l)
{
	struct run *r = map_get(&e->runs, (uint64_t)l->run);
	if (r && l->idx >= 0 && (size_t)l->idx < r->nnodes && r->nodes[l->idx]->ledger == l)
		r->nodes[l->idx]->ledger = NULL;
	(void)map_del(&e->ledgers, (uint64_t)l->id);
	ledger_free(l);
}

void patches_forget(struct engine *e)
{
	size_t at = 0;
	for (struct ledger *l; (l = map_next(&e->ledgers, &at));)
		ledger_free(l);
	map_done(&e->ledgers);
	e->ledgers = (struct map)MAP_INIT;
}

/* ---- the step ---- */

/* Two patches at one folder would each take back what the other did. */
bool patch_waits(struct engine *e, struct node *n)
{
	size_t at = 0;
	if (n->def->kind != NODE_PATCH || n->ledger)
		return false;
	for (const struct ledger *l; (l = map_next(&e->ledgers, &at));) {
		if (!str_eq(l->workspace ? l->workspace : "", node_workspace(n)))
			continue;
		n->patch_waits = true;
		n->run->patch_waits = true;
		return true;
	}
	return false;
}

static void wake(struct engine *e, const char *workspace)
{
	size_t at = 0;
	for (struct run *r; (r = map_next(&e->runs, &at));) {
		if (!r->patch_waits || r->dead)
			continue;
		r->patch_waits = false;
		for (size_t i = 0; i < r->nnodes; i++) {
			struct node *n = r->nodes[i];
			if (!n->patch_waits)
				continue;
			bool same = str_eq(node_workspace(n), workspace);
			n->patch_waits = !same;
			r->patch_waits |= !same;
			if (same && !heap_has(&n->ready) && (n->state == NODE_PENDING || n->state == NODE_RETRYING))
				node_make_ready(e, n);
		}
		run_touch(e, r);
	}
}

void patch_prepare(struct engine *e, struct node *n)
{
	if (n->def->kind != NODE_PATCH || n->ledger || node_phase(n) != PHASE_WORK)
		return;
	struct ledger *l = n->ledger = open_entry(e, n->run->id, n->idx);
	l->workspace = xstrdup(node_workspace(n));
	l->generation = n->generation;
	l->iteration = n->iteration;
}

id_t64 patch_of(const struct node *n)
{
	return n->ledger ? n->ledger->id : 0;
}

void patch_unprepare(struct engine *e, struct node *n)
{
	if (!n->ledger || n->ledger->stored)
		return;
	auto_free char *workspace = xstrdup(n->ledger->workspace);
	close_entry(e, n->ledger);
	wake(e, workspace);
}

void patch_started(struct engine *e, struct node *n)
{
	struct ledger *l = n->ledger;
	if (!l || node_phase(n) != PHASE_WORK)
		return;
	l->token = n->token;
	if (l->stored) {
		put(e, l);
		return;
	}
	l->stored = true;
	move_event(e, l, -1, "patch.created", &BY_ENGINE);
}

static void take_report(struct ledger *l, const struct json *v)
{
	auto_str files = STR_INIT;
	if (json_type(json_get(v, "files")) == JSON_ARRAY)
		json_add(&files, json_get(v, "files"));
	free(l->detail);
	free(l->hash);
	l->detail = files.len ? str_take(&files) : NULL;
	l->hash = dup(json_get_str(v, "hash", NULL));
	l->files = json_get_int(v, "nfiles", 0);
	l->added = json_get_int(v, "added", 0);
	l->removed = json_get_int(v, "removed", 0);
}

void patch_result(struct engine *e, struct node *n, const struct step_result *r, const char *why)
{
	struct ledger *l = n->ledger;
	auto_json *v = NULL;
	if (!l || node_phase(n) != PHASE_WORK || !n->report || json_parse(n->report, strlen(n->report), REPORT_MAX, &v, NULL))
		return;
	take_report(l, v);
	const struct note note = { .actor = ACTOR_WORKER, .reason = r->class == CLASS_NONE ? NULL : json_get_str(v, "reason", why) };
	const char *state = json_get_str(v, "state", "");
	for (const struct json *m = json_first(json_get(v, "moves")); m; m = json_next(m)) {
		int to = state_from_name(ENTITY_PATCH, json_str(m, ""));
		if (to >= 0 && to != (int)l->state && state_move_legal(ENTITY_PATCH, (int)l->state, to))
			(void)move(e, l, (enum patch_state)to, &(struct note){ .actor = ACTOR_WORKER });
	}
	if (!str_eq(state, "quarantined") || !move(e, l, PATCH_QUARANTINED, &note)) {
		put(e, l);
		return;
	}
	auto_free char *workspace = xstrdup(l->workspace);
	close_entry(e, l);
	wake(e, workspace);
}

/* ---- settling ---- */

static void settled(struct engine *e, struct space_job *j);

static struct space_job *new_job(struct engine *e, struct ledger *l, enum patch_op op)
{
	struct run *r = map_get(&e->runs, (uint64_t)l->run);
	struct patch_work *w = xcalloc(1, sizeof(*w));
	struct space_job *j;
	struct node *n = r && r->spaces && l->idx >= 0 && (size_t)l->idx < r->nnodes ? r->nodes[l->idx] : NULL;
	w->op = op;
	w->id = l->id;
	w->stem = patch_stem(e->home, l->run, l->id);
	w->strip = 1;
	if (n) {
		j = space_job_new(e, SPACE_PATCH, node_space(n), settled);
		r->patch_jobs++;
		j->counted = true;
	} else {
		j = xcalloc(1, sizeof(*j));
		j->kind = SPACE_PATCH;
		j->epoch = e->space_epoch;
		j->done = settled;
		effect_add(e, EFFECT_SPACE)->job = j;
	}
	j->run = l->run;
	free(j->path);
	j->path = xstrdup(l->workspace);
	j->patch_work = w;
	l->busy = true;
	return j;
}

/* What the commit says. */
static enum err_code commit_texts(struct engine *e, struct node *n, struct patch_work *w, struct err *err)
{
	const struct node_patch *p = &n->def->patch;
	struct scope_ctx ctx = { e, n, n->run, NULL, 0 };
	struct expr_scope scope = node_scope(&ctx);
	auto_str message = STR_INIT, author = STR_INIT;
	enum err_code code = p->message ? tmpl_text(p->message, &scope, &message, err) : ERR_OK;
	if (!p->message || !message.len)
		str_addf(&message, "%s: %s of run %s", n->run->graph->name, n->name, id_text('r', n->run->id).s);
	if (!code && p->author)
		code = tmpl_text(p->author, &scope, &author, err);
	w->message = str_take(&message);
	w->author = author.len ? str_take(&author) : NULL;
	return code;
}

bool patch_settles(struct engine *e, struct node *n, bool passed, const char *why)
{
	struct ledger *l = n->ledger;
	struct err err = { 0 };
	if (n->def->kind != NODE_PATCH || !l)
		return false;
	if (l->busy)
		return true;
	if (l->stuck)
		return false;
	bool commit = passed && !l->wanted && l->state == PATCH_APPLIED;
	free(l->reason);
	l->reason = dup(l->wanted ? l->wanted : commit ? NULL : why && *why ? why : _("it did not pass"));
	struct space_job *j = new_job(e, l, commit ? PATCH_OP_COMMIT : PATCH_OP_RESTORE);
	if (commit && n->def->patch.commit && commit_texts(e, n, j->patch_work, &err)) {
		j->patch_work->op = PATCH_OP_RESTORE;
		l->reason = xstrdup(err.message);
	}
	return true;
}

/* Outputs are stored with the node: the commit is one of them. */
static void add_output(struct node *n, const char *commit)
{
	auto_json *v = NULL;
	auto_str out = STR_INIT;
	if (n->outputs && json_parse(n->outputs, strlen(n->outputs), REPORT_MAX, &v, NULL))
		return;
	struct jw w = jw_begin(&out);
	jw_obj(&w, NULL);
	for (const struct json *o = json_first(v); o; o = json_next(o))
		if (!str_eq(json_key(o), "commit"))
			jw_str(&w, json_key(o), json_str(o, ""));
	jw_str(&w, "commit", commit);
	jw_end_obj(&w);
	free(n->outputs);
	n->outputs = str_take(&out);
}


static void load(void *ctx, const struct patch_row *p);

/* An entry that is settled, for one move of it. */
static enum err_code settled_entry(struct engine *e, id_t64 id, struct ledger **ret, struct err *err)
{
	struct patch_row row;
	*ret = map_get(&e->ledgers, (uint64_t)id);
	if (*ret)
		return ERR_OK;
	enum err_code code = store_patch_get(e->store, id, &row, err);
	if (!code)
		load(e, &row);
	*ret = map_get(&e->ledgers, (uint64_t)id);
	return code;
}

/* The other entry did it: this one goes on to be rolled back. Nothing of its history changes. */
static void taken_back(struct engine *e, const struct ledger *by, const char *why)
{
	struct ledger *l = NULL;
	auto_free char *text = xasprintf(_("%s took it back: %s"), id_text('p', by->id).s, why ? why : _("no reason was given"));
	if (settled_entry(e, by->reverts, &l, NULL) || !l)
		return;
	l->reverted_by = by->id;
	(void)move(e, l, PATCH_ROLLED_BACK, &(struct note){ .actor = ACTOR_OPERATOR, .who = by->who, .reason = text });
	close_entry(e, l);
}

/* Moves of the entry by what the job came to. */
static void conclude(struct engine *e, struct ledger *l, const struct patch_work *w)
{
	const struct note by = { .actor = l->who ? ACTOR_OPERATOR : ACTOR_ENGINE, .who = l->who };
	if (l->reverts)
		move_along(e, l, w->state == PATCH_COMMITTED ? PATCH_VERIFIED : w->reached, &by);
	if (w->state == PATCH_COMMITTED) {
		free(l->commit);
		l->commit = w->commit[0] ? xstrdup(w->commit) : NULL;
		auto_free char *given = TAKE(l->reason);
		move_along(e, l, PATCH_COMMITTED, &by);
		if (l->reverts)
			taken_back(e, l, given);
		return;
	}
	auto_free char *why = xstrdup(w->why.code ? w->why.message : l->reason ? l->reason : _("it was stopped"));
	const struct note note = { .actor = by.actor, .who = by.who, .reason = why };
	if (l->state == PATCH_APPLYING && w->op == PATCH_OP_REVERT)
		(void)move(e, l, PATCH_APPLY_FAILED, &note);
	if (w->state == PATCH_QUARANTINED) {
		(void)move(e, l, PATCH_QUARANTINED, &note);
		if (l->reverts)
			move_event(e, l, (int)l->state, "patch.revert_failed", &note);
		return;
	}
	/* Not what they were: it stays where it is, and the next start, or an operator, tries again. */
	l->stuck = true;
	free(l->reason);
	l->reason = xstrdup(why);
	move_event(e, l, (int)l->state, "patch.stuck", &note);
	put(e, l);
}

static void settled(struct engine *e, struct space_job *j)
{
	const struct patch_work *w = j->patch_work;
	struct ledger *l = map_get(&e->ledgers, (uint64_t)w->id);
	struct run *r = map_get(&e->runs, (uint64_t)j->run);
	if (r && j->counted) {
		r->patch_jobs--;
		run_touch(e, r);
	}
	if (!l)
		return;
	l->busy = false;
	conclude(e, l, w);
	const id_t64 id = l->id;
	const enum patch_state state = l->state;
	bool committed = l->state == PATCH_COMMITTED, stays = is_open(l);
	auto_free char *workspace = xstrdup(l->workspace), *why = dup(l->reason), *commit = dup(l->commit);
	struct node *n = r && !r->dead && !l->reverts && l->idx >= 0 && (size_t)l->idx < r->nnodes && r->nodes[l->idx]->ledger == l ?
				 r->nodes[l->idx] : NULL;
	if (n && r->spaces)
		space_touched(node_space(n));
	if (!stays)
		close_entry(e, l);
	else if (n)
		n->ledger = NULL;
	if (n && committed && commit)
		add_output(n, commit);
	if (n && n->state == NODE_VALIDATING && !n->counted)
		loop_patched(e, n, id, state, why);
	if (!stays)
		wake(e, workspace);
}

bool patch_busy(const struct node *n)
{
	return n->ledger && n->ledger->busy;
}

/* The node has ended, or goes back, and nobody else will settle what it applied. */
void patch_left(struct engine *e, struct node *n, const char *why)
{
	struct ledger *l = n->ledger;
	if (!l || l->busy || l->stuck)
		return;
	if (!l->stored) {
		patch_unprepare(e, n);
		return;
	}
	free(l->reason);
	l->reason = xstrdup(why && *why ? why : _("its node ended before it was settled"));
	(void)new_job(e, l, PATCH_OP_RESTORE);
}

void patches_left(struct engine *e, struct run *r, const char *why)
{
	for (size_t i = 0; i < r->nnodes; i++)
		if (r->nodes[i]->ledger && !r->nodes[i]->counted)
			patch_left(e, r->nodes[i], why);
}

/* ---- after a start ---- */

static void load(void *ctx, const struct patch_row *p)
{
	struct engine *e = ctx;
	struct ledger *l = xcalloc(1, sizeof(*l));
	*l = (struct ledger){ .id = p->id, .run = p->run, .idx = p->idx, .generation = p->generation, .iteration = p->iteration,
			      .token = p->token, .files = p->files, .added = p->added, .removed = p->removed,
			      .created_ms = p->created_ms, .state = p->state, .reverts = p->reverts, .reverted_by = p->reverted_by,
			      .reason = dup(p->reason), .hash = dup(p->hash), .commit = dup(p->commit), .who = dup(p->who),
			      .workspace = xstrdup(p->workspace), .detail = dup(p->detail), .stored = true };
	map_put(&e->ledgers, (uint64_t)l->id, l);
}

static bool has_owner(struct engine *e, struct ledger *l)
{
	struct run *r = map_get(&e->runs, (uint64_t)l->run);
	struct node *n = r && !r->dead && l->idx >= 0 && (size_t)l->idx < r->nnodes ? r->nodes[l->idx] : NULL;
	if (!n || l->reverts || n->def->kind != NODE_PATCH || n->generation != l->generation || n->iteration != l->iteration ||
	    n->state == NODE_PENDING || state_final(ENTITY_NODE, (int)n->state))
		return false;
	n->ledger = l;
	return true;
}

enum err_code patches_load(struct engine *e, struct err *err)
{
	static const enum patch_state open[] = { PATCH_CREATED, PATCH_VALIDATED, PATCH_QUEUED, PATCH_APPLYING,
						 PATCH_APPLIED, PATCH_VERIFIED, PATCH_APPLY_FAILED };
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < COUNT(open) && !code; i++)
		code = store_patches(e->store, 0, (int)open[i], 0, INT32_MAX, load, e, err);
	e->last_patch = store_last_patch(e->store);
	return code;
}

void patches_adopt(struct engine *e)
{
	size_t at = 0;
	for (struct ledger *l; (l = map_next(&e->ledgers, &at));)
		if (!has_owner(e, l)) {
			free(l->reason);
			l->reason = xstrdup(_("the engine ended in the middle"));
			(void)new_job(e, l, PATCH_OP_RESTORE);
		}
}

/* ---- what an operator does ---- */

const char *patch_do_name(enum patch_do d)
{
	static const char *const names[] = { "revert", "drop", "quarantine" };
	_Static_assert(COUNT(names) == PATCH_DO_COUNT, "each has a name");
	return names[d];
}

bool patches_busy(const struct engine *e, id_t64 run)
{
	size_t at = 0;
	for (const struct ledger *l; (l = map_next(&e->ledgers, &at));)
		if (l->run == run && l->busy)
			return true;
	return false;
}

static enum err_code not_now(const struct ledger *l, const char *what, struct err *err)
{
	return err_set(err, ERR_CONFLICT, _("%s is %s: %s"), id_text('p', l->id).s, state_name(ENTITY_PATCH, (int)l->state), what);
}

static enum err_code drop(struct engine *e, struct ledger *l, const struct command *c, struct err *err)
{
	if (l->busy || !state_move_legal(ENTITY_PATCH, (int)l->state, PATCH_DROPPED))
		return not_now(l, _("only one that is quarantined can be dropped"), err);
	(void)move(e, l, PATCH_DROPPED, &(struct note){ .actor = ACTOR_OPERATOR, .who = c->who, .reason = c->reason });
	return ERR_OK;
}

static enum err_code quarantine(struct engine *e, struct ledger *l, const struct command *c, struct err *err)
{
	if (!is_open(l))
		return not_now(l, _("only one that is under way can be quarantined"), err);
	if (l->busy)
		return not_now(l, _("it is just being settled"), err);
	free(l->wanted);
	l->wanted = xstrdup(c->reason);
	move_event(e, l, (int)l->state, "patch.wanted_out", &(struct note){ .actor = ACTOR_OPERATOR, .who = c->who, .reason = c->reason });
	if (!l->stuck)
		return ERR_OK; /* its node settles it */
	l->stuck = false;
	free(l->reason);
	l->reason = xstrdup(c->reason);
	(void)new_job(e, l, PATCH_OP_RESTORE);
	return ERR_OK;
}

static char **copy_words(const char *const *v)
{
	size_t n = 0;
	while (v && v[n])
		n++;
	char **copy = xcalloc(n + 1, sizeof(*copy));
	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(v[i]);
	return copy;
}

static void keep_command(struct patch_command *to, const struct step_build *b)
{
	to->argv = copy_words(b->spec.argv);
	to->input_len = b->spec.stdin_len;
	to->input = b->spec.stdin_bytes ? xmemdup(b->spec.stdin_bytes, b->spec.stdin_len + 1) : NULL;
}

/* The commands of a revert: what takes it back, and the checks of the node again. */
static enum err_code prepare_revert(struct engine *e, struct node *n, struct patch_work *w, struct err *err)
{
	struct step_build b = { .texts = NULL }, again = { .texts = NULL };
	struct scope_ctx ctx = { e, n, n->run, &b, 0 };
	struct expr_scope scope = node_scope(&ctx);
	const struct step_context c = { .graph = n->run->graph, .node = n->def, .scope = &scope, .workspace = node_workspace(n),
					.libexec = e->libexec, .iteration = MAX(n->iteration, 1) };
	auto_free char *log = xasprintf("%s.log", w->stem);
	enum err_code code = step_surroundings(e, n, &b, err);
	w->cwd = xstrdup(code ? node_workspace(n) : b.spec.cwd);
	b.spec.log_path = log;
	if (!code && n->def->nchecks)
		code = verify_prepare(&c, &b, err);
	if (!code && n->def->nchecks)
		keep_command(&w->checks, &b);
	if (!code && w->how == COMPENSATE_RUN) {
		code = compensation_prepare(n->def->patch.command, &again, err);
		if (!code)
			keep_command(&w->compensation, &again);
	}
	GROW(b.env, b.nenv, b.capenv);
	b.env[b.nenv] = NULL;
	w->env = copy_words(b.env);
	step_build_done(&again);
	step_build_done(&b);
	return code;
}

static enum err_code may_revert(struct engine *e, const struct run *r, const struct ledger *l, const struct node *n, struct err *err)
{
	size_t at = 0;
	if (l->state != PATCH_COMMITTED)
		return not_now(l, _("only one that is committed can be taken back"), err);
	if (l->reverts)
		return not_now(l, _("it takes another one back; what it took back comes again with a retry of its node"), err);
	for (const struct ledger *o; (o = map_next(&e->ledgers, &at));)
		if (o->reverts == l->id || (o != l && str_eq(o->workspace, l->workspace)))
			return err_set(err, ERR_CONFLICT, _("%s is under way in the same workspace"), id_text('p', o->id).s);
	if (!n || n->def->kind != NODE_PATCH)
		return err_set(err, ERR_CONFLICT, _("its node is no patch any more"));
	bool rests = state_final(ENTITY_RUN, (int)r->state) || (r->state == RUN_PAUSED && run_quiet(r));
	if (!rests)
		return err_set(err, ERR_CONFLICT, _("%s is %s; pause it first"), id_text('r', r->id).s,
			       state_name(ENTITY_RUN, (int)r->state));
	if (spaces_leaving(e, r->id))
		return err_set(err, ERR_CONFLICT, _("its worktree is just being given back; ask again"));
	if (hold_of_folder(e, l->workspace) || (state_final(ENTITY_RUN, (int)r->state) && smap_get(&e->leases, l->workspace)))
		return err_set(err, ERR_CONFLICT, _("somebody else has the folder %s now"), l->workspace);
	return ERR_OK;
}

static enum err_code begin_revert(struct engine *e, struct node *n, const struct ledger *l, const struct command *c, id_t64 *ret_id,
				  struct err *err)
{
	struct ledger *o = open_entry(e, l->run, l->idx);
	o->generation = l->generation;
	o->iteration = l->iteration;
	o->workspace = xstrdup(l->workspace);
	o->reverts = l->id;
	o->hash = dup(l->hash);
	o->detail = dup(l->detail);
	o->files = l->files;
	o->added = l->removed;
	o->removed = l->added;
	o->who = dup(c->who);
	o->reason = xstrdup(c->reason);
	struct patch_work *w = xcalloc(1, sizeof(*w));
	w->op = PATCH_OP_REVERT;
	w->id = o->id;
	w->stem = patch_stem(e->home, l->run, o->id);
	w->from = patch_stem(e->home, l->run, l->id);
	w->strip = n->def->patch.strip;
	w->how = n->def->patch.compensate;
	if (l->commit)
		w->message = xasprintf("Revert %s of run %s\n\n%s takes back the commit %s: %s", n->name, id_text('r', l->run).s,
				       id_text('p', o->id).s, l->commit, c->reason);
	enum err_code code = prepare_revert(e, n, w, err);
	if (code) {
		patch_work_free(w);
		close_entry(e, o);
		return code;
	}
	struct space_job *j = new_job(e, o, PATCH_OP_REVERT);
	patch_work_free(j->patch_work);
	j->patch_work = w;
	o->stored = true;
	move_event(e, o, -1, "patch.created", &(struct note){ .actor = ACTOR_OPERATOR, .who = c->who, .reason = c->reason });
	*ret_id = o->id;
	return ERR_OK;
}

static enum err_code revert(struct engine *e, struct ledger *l, const struct command *c, id_t64 *ret_id, struct err *err)
{
	struct run *r;
	bool loaded;
	enum err_code code = run_look(e, l->run, &r, &loaded, err);
	if (code)
		return code;
	struct node *n = l->idx >= 0 && (size_t)l->idx < r->nnodes ? r->nodes[l->idx] : NULL;
	code = may_revert(e, r, l, n, err);
	if (!code)
		code = begin_revert(e, n, l, c, ret_id, err);
	run_look_done(e, r, loaded);
	return code;
}

enum err_code run_patch(struct engine *e, const struct command *c, id_t64 *ret_id, struct err *err)
{
	struct ledger *l = NULL;
	id_t64 id;
	enum err_code code = store_patch_find(e->store, c->target, &id, err);
	if (!code && (!c->reason || !*c->reason))
		code = err_set(err, ERR_USAGE, _("a reason is wanted"));
	if (!code)
		code = settled_entry(e, id, &l, err);
	if (code)
		return code;
	*ret_id = id;
	if (c->choice == PATCH_DO_DROP)
		code = drop(e, l, c, err);
	else if (c->choice == PATCH_DO_QUARANTINE)
		code = quarantine(e, l, c, err);
	else
		code = revert(e, l, c, ret_id, err);
	l = map_get(&e->ledgers, (uint64_t)id);
	if (l && !is_open(l))
		close_entry(e, l);
	return code;
}
