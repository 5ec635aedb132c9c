/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sending a run back: retry, resume-from, rollback. The plan is model/reset.c's; here it is shown, or applied: the run
 * gets its next generation, what runs again gets new rows, and everything that was stays in the history. When files
 * go back, too, that takes several steps: rollback.c. */
#include "engine/engine_internal.h"
#include "store/steer.h"

#include <stdio.h>
#include <string.h>

void reset_done(struct engine *e, struct reset *p)
{
	free(p->rows);
	free(p->then);
	free(p->spaces);
	graph_free(TAKE(p->own));
	if (!p->loaded)
		return;
	/* Only looked at: memory holds what is live alone. */
	(void)map_del(&e->runs, (uint64_t)p->r->id);
	p->r->dead = true;
	run_free(e, p->r);
}

static enum err_code named_nodes(const struct reset *p, const struct command *c, int *ret, size_t *ret_n,
				 struct err *err)
{
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *n = run_node(p->r, c->nodes[i]);
		/* An instance goes back with its group. */
		ret[i] = n ? n->parent >= 0 ? n->parent : n->idx : graph_find(p->graph, c->nodes[i]);
		if (ret[i] < 0 && graph_find_gone(p->graph, c->nodes[i]) < 0)
			return err_set(err, ERR_NOT_FOUND, _("the run has no node %s"), c->nodes[i]);
		if (graph_has(p->graph, ret[i]))
			continue;
		enum err_code code = err_set(err, ERR_CONFLICT, _("the definition has no %s any more: the run cannot go back to it"),
					     c->nodes[i]);
		err_hint(err, _("name a node that it needed, or that needed it"));
		return code;
	}
	*ret_n = c->nnodes;
	return ERR_OK;
}

/* ---- what the plan is made from ---- */

/* The first workstream that has the same workspace. */
static int space_index(const struct run *r, int stream)
{
	for (int i = 0; i < stream; i++)
		if (r->spaces[i] == r->spaces[stream])
			return i;
	return stream;
}

struct facts_of {
	const struct run *r;
	const struct reset *p;
	struct reset_node *v;
};

static void add_end(void *ctx, const struct checkpoint_row *c)
{
	struct facts_of *f = ctx;
	if (c->idx < 0 || (size_t)c->idx >= MIN(f->p->graph->nnodes, f->r->nnodes))
		return;
	const struct node *n = f->r->nodes[c->idx];
	struct reset_node *v = &f->v[c->idx];
	/* The first one since it began: later ones tell that it came back. */
	if (n->state != NODE_SUCCEEDED || c->iteration != n->iteration || c->seq < n->began || v->ended)
		return;
	v->ended = c->seq;
	/* What never began wrote nothing; a question and a call do not work in a folder. */
	bool works = n->began && n->def->kind != NODE_HTTP && n->def->kind != NODE_LLM && n->def->kind != NODE_APPROVAL;
	v->wrote = works && (!n->before || !c->tree || !str_eq(n->before, c->tree));
}

static void take_move(void *ctx, const struct node_move *m)
{
	struct reset *p = ctx;
	if (m->idx < 0 || (size_t)m->idx >= p->r->nnodes)
		return;
	p->then[m->idx] = (struct node_then){ m->now, m->generation, m->iteration };
}

/* What is in its middle and had to end for a way back is open as it was before. */
static bool ended_for_it(const struct node *n)
{
	return n->state == NODE_CANCELED && n->reason && str_eq(n->reason, WAY_BACK_REASON);
}

/* The definitions of earlier generations. */
struct earlier {
	struct engine *e;
	const struct run *r;
	struct definition **v; /* by generation */
	int n;
};

static const struct graph *graph_then(struct earlier *y, int generation)
{
	struct hash hash;
	if (generation < 1 || generation >= y->n)
		return NULL;
	if (!y->v[generation] && store_run_definition(y->e->store, y->r->id, generation, &hash) &&
	    definition_get(y->e, &hash, &y->v[generation], NULL))
		y->v[generation] = NULL;
	return y->v[generation] ? y->v[generation]->graph : NULL;
}

/* What it needed when it ended, or that it was not there at all, is not what the definition says now. */
static bool has_other_needs(struct earlier *y, const struct reset *p, const struct node *n, int generation)
{
	const struct graph *then = graph_then(y, generation), *last = graph_then(y, y->r->generation);
	if (!graph_has(p->graph, n->idx) || p->graph->nodes[n->idx].handler != HANDLER_NONE)
		return false;
	if (p->own) /* the last one is what it has */
		last = y->r->graph;
	if (last && !graph_has(last, n->idx))
		return true;
	if (!then && p->own)
		then = y->r->graph;
	return then && graph_has(then, n->idx) && !graph_same_needs(then, n->idx, p->graph, n->idx);
}

static void compare_needs(struct engine *e, struct reset *p, struct reset_node *v)
{
	const struct run *r = p->r;
	struct hash hash;
	struct earlier y = { e, r, NULL, r->generation + 1 };
	p->grown = p->own || store_run_definition(e->store, r->id, INT32_MAX, &hash);
	if (!p->grown)
		return;
	y.v = xcalloc((size_t)y.n + 1, sizeof(struct definition *));
	for (size_t i = 0; i < MIN(p->graph->nnodes, r->nnodes); i++) {
		const struct node *n = r->nodes[i];
		if (n->parent < 0 && v[i].state != NODE_PENDING)
			v[i].other_needs = has_other_needs(&y, p, n, p->then ? p->then[i].generation : n->generation);
	}
	for (int i = 0; i < y.n; i++)
		if (y.v[i])
			definition_unref(e, y.v[i]);
	free(y.v);
}

/* What is true of each node, at present and, for a way back to a checkpoint, at that. */
static enum err_code gather(struct engine *e, struct reset *p, struct reset_node *v, struct err *err)
{
	const struct run *r = p->r;
	struct facts_of f = { r, p, v };
	size_t known = MIN(p->graph->nnodes, r->nnodes);
	for (size_t i = 0; i < p->graph->nnodes; i++) {
		const struct node *n = i < r->nnodes ? r->nodes[i] : NULL;
		enum node_state now = !n ? NODE_PENDING : ended_for_it(n) ? NODE_RUNNING : n->state;
		v[i] = (struct reset_node){ .state = now, .now = now, .began = n ? n->began : 0,
					    .space = space_index(r, p->graph->nodes[i].stream) };
	}
	enum err_code code;
	if (p->mode == RESET_BACK) {
		p->then = xcalloc(r->nnodes + 1, sizeof(*p->then));
		code = store_node_moves(e->store, r->id, p->upto, take_move, p, err);
		for (size_t i = 0; i < known; i++)
			v[i].state = p->then[i].state;
	} else {
		code = store_checkpoints_of(e->store, r->id, -1, INT64_MAX, add_end, &f, err);
	}
	if (!code)
		compare_needs(e, p, v);
	return code;
}

/* ---- where the files go back to ---- */

static bool can_go_back(const struct space *sp)
{
	return sp->policy != SNAPSHOT_OFF;
}

/* A workspace whose files were not kept then stays as it is, and keeps nobody from being kept. */
static bool pin_unknown(struct reset *p, struct reset_node *v, const int64_t *points)
{
	bool any = false;
	for (size_t s = 0; s < p->r->graph->nstreams; s++) {
		if (points[s] == RESET_STAYS)
			continue;
		for (size_t i = 0; i < MIN(p->graph->nnodes, p->r->nnodes); i++) {
			const struct node *n = p->r->nodes[i];
			if (v[i].space != (int)s || v[i].began != points[s])
				continue;
			if (n->before)
				(void)snprintf(p->spaces[s].to, sizeof(p->spaces[s].to), "%s", n->before);
			else
				p->spaces[s].why = N_("its files were not kept then");
			any |= !n->before;
		}
		for (size_t i = 0; i < p->graph->nnodes && p->spaces[s].why; i++)
			if (v[i].space == (int)s)
				v[i].began = v[i].wrote = 0;
	}
	return any;
}

static enum err_code plan_files(struct reset *p, struct reset_node *v, const struct reset_question *q,
				struct err *err)
{
	const struct run *r = p->r;
	int64_t *points = xcalloc(r->graph->nstreams + 1, sizeof(*points));
	for (size_t i = 0; i < p->graph->nnodes; i++)
		if (!can_go_back(r->spaces[v[i].space]))
			v[i].began = v[i].wrote = 0;
	enum err_code code = reset_plan(p->graph, q, p->rows, points, err);
	while (!code && pin_unknown(p, v, points)) {
		for (size_t s = 0; s < r->graph->nstreams; s++)
			p->spaces[s].to[0] = '\0';
		code = reset_plan(p->graph, q, p->rows, points, err);
	}
	free(points);
	return code;
}

/* To a checkpoint: each workspace as its newest snapshot up to then. */
static enum err_code files_of_checkpoint(struct engine *e, struct reset *p, struct err *err)
{
	const struct run *r = p->r;
	for (int s = 0; (size_t)s < r->graph->nstreams && !p->keep_files; s++) {
		struct checkpoint_row c;
		if (space_index(r, s) != s)
			continue;
		enum err_code code = store_checkpoint_files(e->store, r->id, s, p->upto, &c, err);
		if (!code && c.tree) {
			(void)snprintf(p->spaces[s].to, sizeof(p->spaces[s].to), "%s", c.tree);
			continue;
		}
		code = err_set(err, ERR_CONFLICT, _("the files of checkpoint %d were not kept: %s"), p->checkpoint,
			       code ? _("there is no snapshot") : _(c.why_not));
		err_hint(err, _("with keep_files only the state goes back, and the files stay as they are"));
		return code;
	}
	return ERR_OK;
}

static enum err_code checkpoint_of(struct engine *e, const struct run *r, const char *name,
				   struct checkpoint_row *ret, struct err *err)
{
	char *end = NULL;
	enum err_code code;
	long number = name ? strtol(name, &end, 10) : 0;
	if (!name || !*name)
		return err_set(err, ERR_USAGE, _("name the checkpoint to go back to: its number, a node, or start"));
	if (str_eq(name, "start") || (end && end != name && !*end)) {
		code = number < 0 || number > INT32_MAX ? ERR_NOT_FOUND :
							  store_checkpoint_at(e->store, r->id, (int)number, ret, err);
		if (code)
			return err_set(err, ERR_NOT_FOUND, _("the run has no checkpoint %s"), name);
	} else {
		const struct node *n = run_node(r, name);
		if (!n)
			return err_set(err, ERR_NOT_FOUND, _("the run has no node %s"), name);
		code = store_checkpoint_of(e->store, r->id, n->idx, ret, err);
		if (code)
			return err_set(err, ERR_NOT_FOUND, _("%s has no checkpoint: it did not succeed"), name);
	}
	return ERR_OK;
}

static enum err_code find_checkpoint(struct engine *e, struct reset *p, const char *name, struct err *err)
{
	struct checkpoint_row c;
	enum err_code code = checkpoint_of(e, p->r, name, &c, err);
	if (code)
		return code;
	p->checkpoint = c.number;
	p->upto = c.seq;
	p->at_ms = c.at_ms;
	return ERR_OK;
}

/* The run in memory, as it is or read for a look. */
static enum err_code look_at(struct engine *e, id_t64 id, struct reset *p, struct err *err)
{
	*p = (struct reset){ .r = map_get(&e->runs, (uint64_t)id) };
	if (p->r && !p->r->dead)
		return ERR_OK;
	if (p->r)
		return err_set(err, ERR_CONFLICT, _("the run is just ending; ask again"));
	enum err_code code = run_load(e, id, &p->r, err);
	p->loaded = !code;
	return code;
}

enum err_code engine_checkpoint(struct engine *e, id_t64 run, const char *name, struct checkpoint_row *ret,
				struct err *err)
{
	struct reset p;
	enum err_code code = look_at(e, run, &p, err);
	if (code)
		return code;
	code = checkpoint_of(e, p.r, name, ret, err);
	reset_done(e, &p);
	return code;
}

enum err_code engine_workspaces(struct engine *e, id_t64 run, void (*fn)(void *ctx, const struct workspace_info *w),
				void *ctx, struct err *err)
{
	struct reset p;
	enum err_code code = look_at(e, run, &p, err);
	if (code)
		return code;
	for (int i = 0; (size_t)i < p.r->graph->nstreams; i++) {
		const struct space *sp = p.r->spaces[i];
		struct workspace_info w = { .stream = sp->run == p.r ? sp->stream : i, .name = p.r->graph->streams[i].name,
					    .path = sp->path, .branch = sp->branch, .tree = sp->tree[0] ? sp->tree : NULL,
					    .gone = sp->kind == WORKSPACE_REPO && sp->state != SPACE_HELD,
					    .include_ignored = sp->include_ignored };
		fn(ctx, &w);
	}
	reset_done(e, &p);
	return ERR_OK;
}

/* What runs will have ended: well, when it is waited for; and nobody knows yet what it wrote. */
static void as_after(const struct run *r, const struct command *c, struct reset_node *v)
{
	for (size_t i = 0; i < r->graph->nnodes; i++) {
		const struct node *n = r->nodes[i];
		if (!node_is_placed(n))
			continue;
		bool runs = n->state == NODE_RUNNING || (n->state == NODE_VALIDATING && n->counted);
		if (!runs || node_is_own(n))
			continue;
		enum node_state then = c->now ? NODE_RETRYING : NODE_SUCCEEDED;
		v[i].now = then;
		if (c->verb == VERB_ROLLBACK)
			continue;
		v[i].state = then;
		v[i].ended = c->now ? 0 : RESET_STAYS - 1;
		v[i].wrote = !c->now && n->def->kind != NODE_HTTP && n->def->kind != NODE_LLM;
	}
}

static enum err_code make_rows(struct engine *e, const struct command *c, struct reset *p, struct err *err)
{
	struct run *r = p->r;
	size_t nnamed = 0;
	auto_free int *named = xcalloc(c->nnodes + 1, sizeof(*named));
	auto_free struct reset_node *v = xcalloc(p->graph->nnodes + 1, sizeof(*v));
	enum err_code code = p->mode == RESET_BACK ? find_checkpoint(e, p, c->checkpoint, err) :
						     named_nodes(p, c, named, &nnamed, err);
	if (!code)
		code = mark_check(r, c, err);
	if (!code)
		code = gather(e, p, v, err);
	if (!code && p->after)
		as_after(r, c, v);
	if (!code && p->mode == RESET_BACK)
		code = files_of_checkpoint(e, p, err);
	if (code)
		return code;
	bool files = !mark_is(c->verb) && (p->mode == RESET_FROM ? !c->keep_files : p->mode == RESET_RETRY && c->restore);
	struct reset_question q = { .mode = p->mode, .nodes = v, .named = named, .nnamed = nnamed,
				    .nspaces = r->graph->nstreams, .files = files, .grown = p->grown };
	return plan_files(p, v, &q, err);
}

static enum reset_mode mode_of(const struct command *c)
{
	if (c->verb == VERB_ROLLBACK || c->verb == VERB_FORK)
		return RESET_BACK;
	return c->verb == VERB_RETRY || mark_is(c->verb) ? RESET_RETRY : c->only ? RESET_ONLY : RESET_FROM;
}

static enum err_code make(struct engine *e, const struct command *c, bool after, struct reset *p, struct err *err)
{
	enum err_code code = ERR_OK;
	struct run *r = map_get(&e->runs, (uint64_t)c->id);
	*p = (struct reset){ .mode = mode_of(c), .keep_files = c->keep_files, .checkpoint = -1,
			    .after = after };
	if (r && r->dead)
		return err_set(err, ERR_CONFLICT, _("the run is just ending; ask again"));
	if (!r) {
		code = run_load(e, c->id, &r, err);
		p->loaded = !code;
	}
	if (code)
		return code;
	p->r = r;
	code = edit_try(e, r, c->edit, &p->own, err);
	p->graph = p->own ? p->own : r->graph;
	p->rows = xcalloc(p->graph->nnodes + 1, sizeof(*p->rows));
	p->spaces = xcalloc(r->graph->nstreams + 1, sizeof(*p->spaces));
	struct run_row row;
	if (!code)
		code = store_run_get(e->store, c->id, &row, err);
	if (!code && row.parent_run) {
		code = err_set(err, ERR_CONFLICT, _("this run belongs to a node of %s"), id_text('r', row.parent_run).s);
		err_hint(err, _("send that node back: pawl retry %s"), id_text('r', row.parent_run).s);
	}
	if (!code)
		code = make_rows(e, c, p, err);
	if (code)
		reset_done(e, p);
	return code;
}

enum err_code reset_make(struct engine *e, const struct command *c, struct reset *p, struct err *err)
{
	return make(e, c, false, p, err);
}

enum err_code reset_make_after(struct engine *e, const struct command *c, struct reset *p, struct err *err)
{
	return make(e, c, true, p, err);
}

/* ---- showing it ---- */

static void show_rows(const struct reset *p, void (*fn)(void *ctx, const struct reset_preview *p), void *ctx)
{
	for (size_t i = 0; i < p->graph->nnodes; i++) {
		const struct reset_row *row = &p->rows[i];
		const struct node *n = i < p->r->nnodes ? p->r->nodes[i] : NULL;
		auto_str why = STR_INIT;
		if (!graph_has(p->graph, (int)i))
			continue;
		const char *text = _(reset_why_text(row->why)), *at = strstr(text, "%s");
		str_add_len(&why, text, at ? (size_t)(at - text) : strlen(text));
		if (at) {
			str_add(&why, row->node >= 0 ? p->graph->nodes[row->node].name : "?");
			str_add(&why, at + 2);
		}
		struct reset_preview shown = { .node = p->graph->nodes[i].name,
					       .verdict = reset_verdict_name(row->verdict),
					       .why = str_text(&why),
					       .state = n ? n->state : NODE_PENDING,
					       .runs = p->after && n && n->counted };
		fn(ctx, &shown);
	}
}

static const char *why_stays(const struct reset *p, const struct space *sp, const struct reset_space *s)
{
	if (s->why)
		return s->why;
	if (sp->shared)
		return N_("the folder is shared with other runs");
	if (!can_go_back(sp))
		return N_("the workflow takes no snapshots");
	if (p->mode == RESET_FROM || p->mode == RESET_BACK)
		return p->keep_files ? N_("as was asked for") : N_("nothing that runs again worked in it");
	return p->mode == RESET_ONLY ? N_("what came after the node stays") : N_("a retry goes on with the files as they are");
}

static void show_spaces(const struct reset *p, void (*fn)(void *ctx, const struct reset_files *f), void *ctx)
{
	const struct run *r = p->r;
	for (int i = 0; (size_t)i < r->graph->nstreams; i++) {
		const struct space *sp = r->spaces[i];
		if (space_index(r, i) != i)
			continue;
		struct reset_files f = { .stream = r->graph->streams[i].name, .path = sp->path,
					 .gone = space_gone(sp),
					 .include_ignored = sp->include_ignored,
					 .repository = sp->repository, .branch = sp->branch,
					 .to = p->spaces[i].to[0] ? p->spaces[i].to : NULL };
		f.why = f.to ? NULL : _(why_stays(p, sp, &p->spaces[i]));
		fn(ctx, &f);
	}
}

enum err_code engine_reset_preview(struct engine *e, const struct command *c,
				   void (*fn)(void *ctx, const struct reset_preview *p),
				   void (*files)(void *ctx, const struct reset_files *f), void *ctx, struct err *err)
{
	struct reset p;
	struct flow_report report = { 0 };
	enum err_code code = c->edit ? run_edit(e, c, NULL, &report, err) : ERR_OK;
	flow_report_done(&report);
	if (!code)
		code = make(e, c, c->verb != VERB_FORK, &p, err);
	if (code)
		return code;
	show_rows(&p, fn, ctx);
	if (files)
		show_spaces(&p, files, ctx);
	reset_done(e, &p);
	return ERR_OK;
}

/* ---- doing it ---- */

void node_send_back(struct engine *e, struct node *n, bool new_iteration, const struct note *note)
{
	if (n->state == NODE_PENDING)
		return;
	struct run *r = n->run;
	timer_clear(e, &n->timer);
	approval_withdraw(e, n);
	loop_close(e, n, NODE_CANCELED, note->reason);
	loop_free(n);
	if (heap_has(&n->ready))
		node_unready(e, n);
	if (n->taken) /* between work and checks */
		resources_give(e, n);
	n->generation = r->generation;
	n->last_iteration = MAX(n->last_iteration, n->iteration);
	if (new_iteration) {
		n->iteration = ++n->last_iteration;
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
			node_send_back(e, n, true, note);
	}
	node_send_back(e, g, !partly, note);
}

void node_mark_stale(struct engine *e, struct node *n, const struct note *note)
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

void reset_ended_for_it(struct engine *e, struct run *r, const struct note *note)
{
	for (size_t i = 0; i < r->graph->nnodes; i++) {
		struct node *n = r->nodes[i];
		if (!node_is_placed(n))
			continue;
		if (ended_for_it(n) && n->def->kind == NODE_GROUP)
			reset_group(e, n, false, note);
		else if (ended_for_it(n))
			node_send_back(e, n, true, note);
	}
	run_derive(r);
}

static void apply_rows(struct engine *e, const struct reset *p, const struct note *note)
{
	/* What was ready may wait again now; run_begin() looks at all of them anew. */
	for (size_t i = 0; i < p->r->graph->nnodes; i++)
		if (node_is_placed(p->r->nodes[i]) && heap_has(&p->r->nodes[i]->ready) &&
		    p->r->nodes[i]->state == NODE_PENDING)
			node_unready(e, p->r->nodes[i]);
	for (size_t i = 0; i < p->r->graph->nnodes; i++) {
		struct node *n = p->r->nodes[i];
		if (!node_is_placed(n))
			continue;
		const struct reset_row *row = &p->rows[i];
		bool own_fault = row->why == WHY_FAILED || row->why == WHY_CHOSEN;
		if (row->verdict == VERDICT_STALE)
			node_mark_stale(e, n, note);
		else if (reset_reruns(row->verdict) && n->def->kind == NODE_GROUP)
			reset_group(e, n, p->mode == RESET_RETRY && own_fault && has_undone(n), note);
		else if (reset_reruns(row->verdict))
			node_send_back(e, n, true, note);
	}
	reset_ended_for_it(e, p->r, note);
}

/* ---- as it was at a checkpoint ---- */

struct rows_then {
	struct reset *p;
	struct node_row *v; /* texts owned; run 0: none */
};

static void take_row(void *ctx, const struct node_row *row)
{
	struct rows_then *t = ctx;
	if (row->idx < 0 || (size_t)row->idx >= t->p->r->nnodes)
		return;
	const struct node_then *then = &t->p->then[row->idx];
	if (row->generation != then->generation || row->state != then->state)
		return;
	struct node_row *c = &t->v[row->idx];
	*c = *row;
	c->reason = row->reason ? xstrdup(row->reason) : NULL;
	c->outputs = row->outputs ? xstrdup(row->outputs) : NULL;
	c->before = row->before ? xstrdup(row->before) : NULL;
}

void node_restore(struct engine *e, struct node *n, struct node_row *row, const struct note *note)
{
	struct run *r = n->run;
	timer_clear(e, &n->timer);
	if (heap_has(&n->ready))
		node_unready(e, n);
	if (n->taken)
		resources_give(e, n);
	auto_str data = STR_INIT;
	if (row->run == r->id)
		str_addf(&data, "{\"generation\":%d}", row->generation);
	else if (row->began) /* of a fork: the event before which it begins there */
		str_addf(&data, "{\"began\":%lld}", (long long)row->began);
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = "node.restored", .order = r->order_id, .run = r->id,
				.idx = n->idx, .generation = r->generation, .iteration = row->iteration,
				.attempt = row->attempt, .was = (int)n->state, .now = (int)row->state,
				.actor = note->actor, .who = note->who, .reason = note->reason,
				.data = data.len ? str_text(&data) : NULL };
	store_event(e->store, &ev);
	if (node_counts(n)) {
		r->counts[n->state]--;
		r->counts[row->state]++;
	}
	n->generation = r->generation;
	n->state = row->state;
	n->iteration = row->iteration;
	n->attempt = row->attempt;
	n->token = row->run == r->id ? row->token : 0;
	n->class = row->class;
	n->child = NULL;
	n->child_id = row->run == r->id ? row->child : 0;
	n->started_ms = row->started_ms;
	n->ended_ms = row->ended_ms;
	n->next_ms = 0;
	n->interrupts = n->interrupted = 0;
	n->stale = false;
	n->began = row->began;
	n->last_iteration = MAX(n->last_iteration, n->iteration);
	free(n->reason);
	free(n->outputs);
	free(n->before);
	free(TAKE(n->tree));
	n->reason = (char *)(uintptr_t)TAKE(row->reason);
	n->outputs = (char *)(uintptr_t)TAKE(row->outputs);
	n->before = (char *)(uintptr_t)TAKE(row->before);
	node_store(e, n, ev.seq);
	n->restored = true;
}

/* It is what it was then, by a row of that time. */
static void as_then(struct engine *e, struct rows_then *t, struct node *n, const struct note *note)
{
	struct node_row *row = &t->v[n->idx];
	if (row->run && (n->generation != row->generation || n->state != row->state))
		node_restore(e, n, row, note);
}

/* The instances of an expansion that counts again, or counts no more. */
static void instances_then(struct engine *e, struct rows_then *t, struct node *g, const struct note *note)
{
	struct run *r = g->run;
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *n = r->nodes[i];
		if (n->parent != g->idx)
			continue;
		bool counts = n->expansion == g->iteration;
		if (counts == n->superseded) {
			r->counts[n->state] += counts ? 1 : -1;
			n->superseded = !counts;
		}
		if (counts && t->v[i].run && (g->state != NODE_PENDING || t->v[i].state == NODE_SUCCEEDED))
			as_then(e, t, n, note);
		else if (counts)
			node_send_back(e, n, true, note);
	}
}

static enum err_code apply_then(struct engine *e, struct reset *p, const struct note *note, struct err *err)
{
	struct run *r = p->r;
	struct rows_then t = { p, xcalloc(r->nnodes + 1, sizeof(*t.v)) };
	enum err_code code = store_nodes_of(e->store, r->id, take_row, &t, err);
	for (size_t i = 0; i < r->nnodes && !code; i++)
		if (heap_has(&r->nodes[i]->ready) && r->nodes[i]->state == NODE_PENDING)
			node_unready(e, r->nodes[i]);
	for (size_t i = 0; i < r->graph->nnodes && !code; i++) {
		struct node *n = r->nodes[i];
		const struct node_then *then = &p->then[i];
		if (!node_is_placed(n))
			continue;
		bool group = n->def->kind == NODE_GROUP;
		int was = n->generation;
		if (p->rows[i].verdict == VERDICT_KEPT) {
			as_then(e, &t, n, note);
			if (group && n->generation != was)
				instances_then(e, &t, n, note);
		} else if (reset_reruns(p->rows[i].verdict) && group && then->state == NODE_RUNNING) {
			/* Its instances that had succeeded by then have. */
			n->last_iteration = MAX(n->last_iteration, n->iteration);
			n->iteration = then->iteration;
			node_send_back(e, n, false, note);
			instances_then(e, &t, n, note);
		} else if (reset_reruns(p->rows[i].verdict)) {
			node_send_back(e, n, true, note);
		}
	}
	for (size_t i = 0; i < r->nnodes; i++) {
		free((void *)(uintptr_t)t.v[i].reason);
		free((void *)(uintptr_t)t.v[i].outputs);
		free((void *)(uintptr_t)t.v[i].before);
	}
	free(t.v);
	return code;
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

static void tell(struct engine *e, const struct reset *p, const struct command *c, const struct note *note)
{
	const struct run *r = p->r;
	auto_str data = STR_INIT;
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	jw_str(&w, "mode", mark_is(c->verb) ? verb_name(c->verb) : reset_mode_name(p->mode));
	if (p->mode == RESET_BACK)
		jw_int(&w, "checkpoint", p->checkpoint);
	jw_arr(&w, "rerun");
	for (size_t i = 0, shown = 0; i < r->graph->nnodes && shown < 100; i++)
		if (reset_reruns(p->rows[i].verdict) && ++shown)
			jw_str(&w, NULL, r->nodes[i]->name);
	jw_end_arr(&w);
	jw_end_obj(&w);
	run_event(e, r, "run.reset", &(struct note){ note->actor, note->who, note->reason, str_text(&data) });
}

enum err_code reset_apply(struct engine *e, struct reset *p, const struct command *c, const struct note *note,
			  struct err *err)
{
	struct run *r = p->r;
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
	enum err_code code = ERR_OK;
	if (p->mode == RESET_BACK)
		code = apply_then(e, p, note, err);
	else
		apply_rows(e, p, note);
	if (code)
		return code;
	run_derive(r);
	run_store(e, r);
	tell(e, p, c, note);
	/* What came back is a checkpoint again: of the state as it is now. */
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *n = r->nodes[i];
		if (n->restored && n->state == NODE_SUCCEEDED)
			checkpoint_node(e, n, store_last_seq(e->store));
		n->restored = false;
	}
	return ERR_OK;
}

/* Its folders and its order are there again. */
enum err_code reset_reopen(struct engine *e, struct reset *p, const struct note *note, struct err *err)
{
	struct run *r = p->r;
	struct space *sp = r->spaces[0];
	enum err_code code = ERR_OK;
	if (sp->kind != WORKSPACE_REPO)
		code = e->io->workspace(e->io_ctx, r->workspace, id_text('r', r->id).s, false, err);
	if (!code)
		code = spaces_again(e, r, err);
	if (!code)
		code = reopen_order(e, r, note, err);
	if (!code)
		p->loaded = false; /* it is live from here on */
	return code;
}

enum err_code run_reset_asked(struct engine *e, const struct command *c, const struct note *given, int64_t asked_ms,
			      struct err *err)
{
	struct reset p;
	enum err_code code = reset_make(e, c, &p, err);
	if (code)
		return code;
	struct run *r = p.r;
	p.asked_ms = asked_ms;
	way_back_drop(e, r);
	struct note note = { .actor = given->actor, .who = given->who,
			     .reason = given->reason ? given->reason : reset_mode_name(p.mode) };
	code = reset_reopen(e, &p, &note, err);
	if (!code && way_back_needed(e, &p)) {
		way_back_begin(e, &p, c, &note);
		reset_done(e, &p);
		return ERR_OK;
	}
	if (!code)
		code = reset_apply(e, &p, c, &note, err);
	reset_done(e, &p);
	if (code)
		return code;
	mark_apply(e, r, c, &note);
	run_begin(e, r);
	if (r->state == RUN_PAUSED && (mark_is(c->verb) || c->stay)) {
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

enum err_code run_reset(struct engine *e, const struct command *c, const struct note *given, struct err *err)
{
	return run_reset_asked(e, c, given, 0, err);
}
