/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody stands in an attempt with a shell: nothing of the run starts meanwhile, and its folder is not given to
 * another run. A hold is a lease that its client renews; when the client dies, it ends by itself. */
#include "engine/engine_internal.h"
#include "store/steer.h"

#include <string.h>

struct hold {
	struct timer timer;
	struct hold_row row; /* the texts are owned */
	char *folder;        /* real path */
	bool lifted;         /* its end is being decided */
	int generation;
	id_t64 order;
};

static void hold_free(struct engine *e, struct hold *h)
{
	timer_clear(e, &h->timer);
	free((void *)(uintptr_t)h->row.who);
	free(h->folder);
	free(h);
}

void holds_free(struct engine *e)
{
	size_t at = 0;
	struct hold *h;
	while ((h = map_next(&e->holds, &at)))
		hold_free(e, h);
	map_done(&e->holds);
}

static void say(struct engine *e, const struct hold *h, const char *type, const struct note *n)
{
	auto_str data = STR_INIT;
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	jw_int(&w, "hold", h->row.number);
	if (h->row.ended_ms) {
		jw_str(&w, "outcome", h->row.outcome);
		if (h->row.exit_code >= 0)
			jw_int(&w, "exit_code", h->row.exit_code);
		else
			jw_null(&w, "exit_code");
		jw_int(&w, "duration_ms", h->row.ended_ms - h->row.began_ms);
	}
	jw_end_obj(&w);
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = type, .order = h->order, .run = h->row.run,
				.idx = h->row.idx, .generation = h->generation, .was = -1, .now = -1,
				.actor = n->actor, .who = n->who, .reason = n->reason, .data = str_text(&data) };
	store_event(e->store, &ev);
}

static void end(struct engine *e, struct hold *h, const char *outcome, int exit_code, const struct note *n)
{
	h->row.ended_ms = e->now.wall_ms;
	h->row.outcome = outcome;
	h->row.exit_code = exit_code;
	store_hold_put(e->store, &h->row);
	say(e, h, "node.shell_ended", n);
	/* Whoever stood there may have changed files. */
	struct run *r = map_get(&e->runs, (uint64_t)h->row.run);
	for (size_t i = 0; r && r->spaces && i < r->graph->nstreams; i++)
		space_touched(r->spaces[i]);
	(void)map_del(&e->holds, (uint64_t)h->row.run);
	hold_free(e, h);
	spaces_wake(e);
}

static void expired(struct engine *e, struct timer *t)
{
	end(e, CONTAINER_OF(t, struct hold, timer), "lost", -1,
	    &(struct note){ .actor = ACTOR_ENGINE, .reason = "its client went away" });
}

static void arm(struct engine *e, struct hold *h)
{
	timer_set(e, &h->timer, MIN(MAX(h->row.until_ms - e->now.wall_ms, (int64_t)0), (int64_t)HOLD_LEASE_MS), expired);
}

/* ---- what it keeps from happening ---- */

enum err_code hold_refuses(struct engine *e, const struct command *c, struct err *err)
{
	const struct hold *h = map_get(&e->holds, (uint64_t)c->id);
	static const enum verb starts[] = { VERB_RESUME, VERB_STEP, VERB_UNTIL, VERB_RETRY, VERB_RESUME_FROM, VERB_ROLLBACK, VERB_SKIP,
					    VERB_MARK, VERB_CANCEL };
	bool would = false;
	for (size_t i = 0; i < COUNT(starts); i++)
		would |= starts[i] == c->verb;
	if (!h || h->lifted || !would)
		return ERR_OK;
	enum err_code code = err_set(err, ERR_CONFLICT, _("%s stands in a node of %s with a shell: nothing is started there"),
				     h->row.who, id_text('r', h->row.run).s);
	err_hint(err, _("it ends with that shell, or %d s after its client is gone"), HOLD_LEASE_MS / 1000);
	return code;
}

id_t64 hold_of_folder(const struct engine *e, const char *folder)
{
	size_t at = 0;
	const struct hold *h;
	while ((h = map_next(&e->holds, &at)))
		if (h->folder && str_eq(h->folder, folder))
			return h->row.run;
	return 0;
}

/* ---- beginning ---- */

static void last_number(void *ctx, const struct hold_row *h)
{
	int *n = ctx;
	*n = MAX(*n, h->number);
}

static enum err_code check_node(struct engine *e, const struct run *r, const struct node *n, struct err *err)
{
	if (node_is_own(n))
		return err_set(err, ERR_CONFLICT, n->def->kind == NODE_GROUP ?
							  _("%s is a group: name one of its instances") :
							  _("%s is a sub-workflow: name a node of its run"), n->name);
	enum err_code code =
		e->io->workspace(e->io_ctx, node_workspace(n), id_text('r', r->id).s, false, err);
	if (code)
		err_hint(err, _("the folder goes with the run; a retry brings it back, and a breakpoint keeps it: pawl break %s %s:failed"),
			 id_text('r', r->id).s, n->name);
	return code;
}

enum err_code hold_begin(struct engine *e, const struct command *c, const struct note *n, struct err *err)
{
	struct run *r;
	bool loaded;
	const struct hold *held = map_get(&e->holds, (uint64_t)c->id);
	if (held)
		return err_set(err, ERR_CONFLICT, _("%s stands in a node of %s already"), held->row.who,
			       id_text('r', c->id).s);
	enum err_code code = run_look(e, c->id, &r, &loaded, err);
	if (code)
		return code;
	const struct node *m = c->nnodes == 1 ? run_node(r, c->nodes[0]) : NULL;
	code = m ? check_node(e, r, m, err) :
		   err_set(err, ERR_NOT_FOUND, _("the run has no node %s"), c->nnodes ? c->nodes[0] : "?");
	int number = 0;
	if (!code)
		code = store_holds_of(e->store, c->id, last_number, &number, err);
	char *folder = code ? NULL : e->io->real_path(e->io_ctx, node_workspace(m));
	const struct space *other = folder ? smap_get(&e->leases, folder) : NULL;
	if (other && other->run->id != c->id)
		code = err_set(err, ERR_CONFLICT, _("the folder %s is used by %s now"), folder,
			       id_text('r', other->run->id).s);
	if (code) {
		free(folder);
		run_look_done(e, r, loaded);
		return code;
	}
	struct hold *h = xcalloc(1, sizeof(*h));
	h->row = (struct hold_row){ .run = c->id, .number = number + 1, .idx = m->idx, .token = c->token,
				    .who = xstrdup(n->who ? n->who : ""), .began_ms = e->now.wall_ms,
				    .until_ms = e->now.wall_ms + HOLD_LEASE_MS, .exit_code = -1 };
	h->folder = folder;
	h->generation = m->generation;
	h->order = r->order_id;
	run_look_done(e, r, loaded);
	map_put(&e->holds, (uint64_t)c->id, h);
	store_hold_put(e->store, &h->row);
	say(e, h, "node.shell", n);
	arm(e, h);
	return ERR_OK;
}

/* ---- going on, and the end ---- */

static struct hold *find(struct engine *e, const struct command *c, struct err *err)
{
	struct hold *h = map_get(&e->holds, (uint64_t)c->id);
	if (h && h->row.number == c->number)
		return h;
	err_note(err, ERR_NOT_FOUND, _("the hold %d of %s has ended"), c->number, id_text('r', c->id).s);
	return NULL;
}

enum err_code hold_renew(struct engine *e, const struct command *c, struct err *err)
{
	struct hold *h = find(e, c, err);
	if (!h)
		return ERR_NOT_FOUND;
	h->row.until_ms = e->now.wall_ms + HOLD_LEASE_MS;
	store_hold_put(e->store, &h->row);
	arm(e, h);
	return ERR_OK;
}

enum err_code hold_lift(struct engine *e, const struct command *c, bool lifted, struct err *err)
{
	struct hold *h = find(e, c, err);
	if (!h)
		return ERR_NOT_FOUND;
	h->lifted = lifted;
	return ERR_OK;
}

void hold_end(struct engine *e, const struct command *c, const struct note *n)
{
	static const char *const outcomes[] = { "leave", "retry", "done" };
	struct hold *h = map_get(&e->holds, (uint64_t)c->id);
	if (h)
		end(e, h, outcomes[c->outcome], c->exit_code, n);
}

/* ---- after a start ---- */

static void load_open(void *ctx, const struct hold_row *row)
{
	struct engine *e = ctx;
	struct hold *h = xcalloc(1, sizeof(*h));
	h->row = *row;
	h->row.who = xstrdup(row->who);
	h->row.outcome = NULL;
	map_put(&e->holds, (uint64_t)row->run, h);
}

enum err_code holds_load(struct engine *e, struct err *err)
{
	enum err_code code = store_holds_open(e->store, load_open, e, err);
	size_t at = 0;
	struct hold *h;
	while (!code && (h = map_next(&e->holds, &at))) {
		struct run_row row;
		if (store_run_get(e->store, h->row.run, &row, NULL) == ERR_OK) {
			auto_free char *path = xstrdup(row.workspace);
			h->order = row.order;
			h->generation = row.generation;
			h->folder = e->io->real_path(e->io_ctx, path);
		}
		arm(e, h);
	}
	return code;
}
