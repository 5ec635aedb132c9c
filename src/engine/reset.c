/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sending a run back: retry and resume-from. The plan is model/reset.c's; here it is shown, or applied: the run gets
 * its next generation, what runs again gets new rows, and everything that was stays in the history. */
#include "engine/engine_internal.h"
#include "model/reset.h"

#include <string.h>

struct plan {
	struct run *r;
	struct reset_row *rows;
	enum reset_mode mode;
	bool loaded; /* the run had ended and was read for this */
};

static void plan_done(struct engine *e, struct plan *p)
{
	free(p->rows);
	if (!p->loaded)
		return;
	/* Only looked at: memory holds what is live alone. */
	(void)map_del(&e->runs, (uint64_t)p->r->id);
	p->r->dead = true;
	run_free(e, p->r);
}

static enum err_code named_nodes(const struct run *r, const struct command *c, int *ret, size_t *ret_n,
				 struct err *err)
{
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *n = run_node(r, c->nodes[i]);
		if (!n)
			return err_set(err, ERR_NOT_FOUND, _("the run has no node %s"), c->nodes[i]);
		/* An instance goes back with its group. */
		ret[i] = n->parent >= 0 ? n->parent : n->idx;
	}
	*ret_n = c->nnodes;
	return ERR_OK;
}

static enum err_code make_plan(struct engine *e, const struct command *c, struct plan *p, struct err *err)
{
	enum err_code code = ERR_OK;
	struct run *r = map_get(&e->runs, (uint64_t)c->id);
	*p = (struct plan){ .mode = c->verb == VERB_RETRY || mark_is(c->verb) ? RESET_RETRY : c->only ? RESET_ONLY : RESET_FROM };
	if (!r || r->dead) {
		if (r)
			return err_set(err, ERR_CONFLICT, _("the run is just ending; ask again"));
		code = run_load(e, c->id, &r, err);
		p->loaded = !code;
	}
	if (code)
		return code;
	p->r = r;
	size_t n = r->graph->nnodes, nnamed = 0;
	p->rows = xcalloc(n + 1, sizeof(*p->rows));
	enum node_state *states = xcalloc(n + 1, sizeof(*states));
	int *named = xcalloc(c->nnodes + 1, sizeof(*named));
	for (size_t i = 0; i < n; i++)
		states[i] = r->nodes[i]->state;
	struct run_row row;
	code = store_run_get(e->store, c->id, &row, err);
	if (!code && row.parent_run) {
		code = err_set(err, ERR_CONFLICT, _("this run belongs to a node of %s"), id_text('r', row.parent_run).s);
		err_hint(err, _("send that node back: pawl retry %s"), id_text('r', row.parent_run).s);
	}
	if (!code)
		code = named_nodes(r, c, named, &nnamed, err);
	if (!code)
		code = mark_check(r, c, err);
	if (!code)
		code = reset_plan(r->graph, states, p->mode, named, nnamed, p->rows, err);
	free(named);
	free(states);
	if (code)
		plan_done(e, p);
	return code;
}

enum err_code engine_reset_preview(struct engine *e, const struct command *c,
				   void (*fn)(void *ctx, const struct reset_preview *p), void *ctx, struct err *err)
{
	struct plan p;
	enum err_code code = make_plan(e, c, &p, err);
	if (code)
		return code;
	for (size_t i = 0; i < p.r->graph->nnodes; i++) {
		const struct reset_row *row = &p.rows[i];
		auto_str why = STR_INIT;
		const char *text = _(reset_why_text(row->why)), *at = strstr(text, "%s");
		str_add_len(&why, text, at ? (size_t)(at - text) : strlen(text));
		if (at) {
			str_add(&why, row->node >= 0 ? p.r->nodes[row->node]->name : "?");
			str_add(&why, at + 2);
		}
		struct reset_preview shown = { .node = p.r->nodes[i]->name,
					       .verdict = reset_verdict_name(row->verdict),
					       .why = str_text(&why),
					       .state = p.r->nodes[i]->state };
		fn(ctx, &shown);
	}
	plan_done(e, &p);
	return ERR_OK;
}

/* ---- doing it ---- */

static void back_to_pending(struct engine *e, struct node *n, bool new_iteration, const struct note *note)
{
	if (n->state == NODE_PENDING)
		return;
	struct run *r = n->run;
	timer_clear(e, &n->timer);
	approval_withdraw(e, n);
	if (heap_has(&n->ready))
		node_unready(e, n);
	n->generation = r->generation;
	if (new_iteration) {
		n->iteration++;
		n->attempt = n->interrupted = 0;
	}
	n->interrupts = 0;
	n->class = CLASS_NONE;
	n->stale = false;
	n->started_ms = n->ended_ms = n->next_ms = 0;
	n->child = NULL;
	n->child_id = 0;
	free(n->reason);
	free(n->outputs);
	n->reason = n->outputs = NULL;
	n->began = 0;
	free(TAKE(n->before));
	free(TAKE(n->tree));
	node_move(e, n, NODE_PENDING, note);
}

static void reset_group(struct engine *e, struct node *g, bool partly, const struct note *note)
{
	struct run *r = g->run;
	for (int i = 0; i < g->ninstances; i++) {
		struct node *n = r->nodes[g->first_instance + i];
		if (partly && n->state != NODE_SUCCEEDED)
			back_to_pending(e, n, true, note);
	}
	back_to_pending(e, g, !partly, note);
}

static void mark_stale(struct engine *e, struct node *n, const struct note *note)
{
	if (n->stale)
		return;
	n->stale = true;
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = "node.stale", .order = n->run->order_id,
				.run = n->run->id, .idx = n->idx, .generation = n->generation,
				.iteration = n->iteration, .attempt = n->attempt, .was = -1, .now = -1,
				.actor = note->actor, .who = note->who, .reason = note->reason };
	store_event(e->store, &ev);
	node_store(e, n, ev.seq);
}

/* Some instances did not succeed: only those are tried again. */
static bool has_undone(const struct node *g)
{
	for (int i = 0; i < g->ninstances; i++)
		if (g->run->nodes[g->first_instance + i]->state != NODE_SUCCEEDED)
			return true;
	return false;
}

static void apply_rows(struct engine *e, const struct plan *p, const struct note *note)
{
	/* What was ready may wait again now; run_begin() looks at all of them anew. */
	for (size_t i = 0; i < p->r->graph->nnodes; i++)
		if (heap_has(&p->r->nodes[i]->ready) && p->r->nodes[i]->state == NODE_PENDING)
			node_unready(e, p->r->nodes[i]);
	for (size_t i = 0; i < p->r->graph->nnodes; i++) {
		struct node *n = p->r->nodes[i];
		const struct reset_row *row = &p->rows[i];
		bool own_fault = row->why == WHY_FAILED || row->why == WHY_CHOSEN;
		if (row->verdict == VERDICT_STALE)
			mark_stale(e, n, note);
		else if (row->verdict == VERDICT_RERUN && n->def->kind == NODE_GROUP)
			reset_group(e, n, p->mode == RESET_RETRY && own_fault && has_undone(n), note);
		else if (row->verdict == VERDICT_RERUN)
			back_to_pending(e, n, true, note);
	}
}

static enum err_code reopen_order(struct engine *e, struct run *r, const struct note *note, struct err *err)
{
	struct order_row row;
	if (!r->order_id || r->order)
		return ERR_OK;
	enum err_code code = store_order_get(e->store, r->order_id, &row, err);
	if (code)
		return code;
	struct order *o = order_load(e, &row);
	o->ended_ms = 0;
	r->order = o;
	order_move(e, o, ORDER_RUNNING, note);
	return ERR_OK;
}

enum err_code run_reset(struct engine *e, const struct command *c, const struct note *given, struct err *err)
{
	struct plan p;
	enum err_code code = make_plan(e, c, &p, err);
	if (code)
		return code;
	struct run *r = p.r;
	struct note note = { .actor = given->actor, .who = given->who,
			     .reason = given->reason ? given->reason : reset_mode_name(p.mode) };
	code = e->io->workspace(e->io_ctx, r->workspace, id_text('r', r->id).s, false, err);
	if (!code)
		code = spaces_again(e, r, err);
	if (!code)
		code = reopen_order(e, r, &note, err);
	if (code) {
		plan_done(e, &p);
		return code;
	}
	p.loaded = false; /* it is live from here on */
	r->generation++;
	r->result = RESULT_NONE;
	r->phase = PHASE_MAIN;
	r->mode = MODE_RUN;
	r->failing = false; /* what failed and stays so counts at the end */
	r->failed_node = -1;
	r->failed_token = 0;
	r->acknowledged = true;
	r->crashes = 0;
	r->ended_ms = 0;
	run_set_until(e, r, NULL, 0, false);
	apply_rows(e, &p, &note);
	run_derive(r);
	auto_str data = STR_INIT;
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	jw_str(&w, "mode", mark_is(c->verb) ? verb_name(c->verb) : reset_mode_name(p.mode));
	jw_arr(&w, "rerun");
	for (size_t i = 0, shown = 0; i < r->graph->nnodes && shown < 100; i++)
		if (p.rows[i].verdict == VERDICT_RERUN && ++shown)
			jw_str(&w, NULL, r->nodes[i]->name);
	jw_end_arr(&w);
	jw_end_obj(&w);
	run_event(e, r, "run.reset", &(struct note){ note.actor, note.who, note.reason, str_text(&data) });
	plan_done(e, &p);
	mark_apply(e, r, c, &note);
	run_begin(e, r);
	if (r->state == RUN_PAUSED && mark_is(c->verb)) {
		run_store(e, r); /* it stays paused */
		return ERR_OK;
	}
	struct note go = { .actor = note.actor, .who = note.who };
	if (r->state == RUN_PAUSED)
		run_resume(e, r, &go); /* with the sub-workflows that were paused with it */
	else
		run_move(e, r, RUN_RUNNING, &go);
	return ERR_OK;
}
