/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/ways.h"
#include "tests/sim/judge.h"
#include "engine/engine_internal.h"
#include "store/read.h"
#include "store/steer.h"

#include <stdio.h>
#include <string.h>

#define WAY_NODES 40
#define WAY_SPACES 4

/* What the events of a run tell of a node. A life: from its beginning to its being sent back. */
struct past {
	enum node_state state;
	int generation, iteration; /* of the life: a row that came back names an earlier one */
	int row;                   /* generation of its row */
	int64_t began, ended;      /* events; 0: not */
};

struct history {
	struct past v[WAY_NODES];
	struct life {
		int idx;
		struct past p;
	} *lives;
	size_t n, nlives, caplives;
	int64_t reset;  /* the newest event that told of a way back */
	bool went[WAY_NODES]; /* was sent back after `after` */
	int64_t after;
};

struct way {
	id_t64 run;
	enum verb verb;
	enum judge_mode mode;
	int generation;
	int64_t seq; /* of the last event before it */
	size_t n, nspaces;
	struct past now[WAY_NODES], then[WAY_NODES];
	enum judge_verdict verdicts[WAY_NODES];
	bool gone[WAY_NODES];
	struct way_space {
		char to[41]; /* "": the files stay */
		char *path, *text;
		bool own, gone; /* gone: a worktree that was given back */
	} spaces[WAY_SPACES];
};

struct ways {
	struct way *v;
	size_t n, cap;
};

static void way_done(struct way *y)
{
	for (size_t i = 0; i < y->nspaces; i++) {
		free(y->spaces[i].path);
		free(y->spaces[i].text);
	}
}

void ways_free(struct simulation *s)
{
	for (size_t i = 0; s->ways && i < s->ways->n; i++)
		way_done(&s->ways->v[i]);
	if (s->ways)
		free(s->ways->v);
	free(s->ways);
	s->ways = NULL;
}

/* ---- the history ---- */

static struct past *life_of(struct history *h, int idx, int generation)
{
	for (size_t i = h->nlives; i-- > 0;)
		if (h->lives[i].idx == idx && h->lives[i].p.generation == generation)
			return &h->lives[i].p;
	return NULL;
}

/* It comes back as it was in an earlier generation. */
static void come_back(struct history *h, const struct event_row *e)
{
	auto_json *data = NULL;
	struct past *p = &h->v[e->idx];
	const struct past *was = NULL;
	if (e->data && !json_parse(e->data, strlen(e->data), KIB, &data, NULL))
		was = life_of(h, e->idx, (int)json_get_int(data, "generation", 0));
	*p = was ? *was : (struct past){ .began = json_get_int(data, "began", 0), .ended = e->seq };
	p->state = (enum node_state)e->now;
	p->iteration = e->iteration;
	p->row = e->generation;
	GROW(h->lives, h->nlives, h->caplives);
	h->lives[h->nlives] = (struct life){ e->idx, *p };
	h->lives[h->nlives++].p.generation = e->generation; /* it may come back from there, too */
}

static void add_event(void *ctx, const struct event_row *e)
{
	struct history *h = ctx;
	if (str_eq(e->type, "run.reset"))
		h->reset = e->seq;
	if (e->idx < 0 || (size_t)e->idx >= h->n || e->now < 0)
		return;
	struct past *p = &h->v[e->idx];
	if (str_eq(e->type, "node.restored")) {
		come_back(h, e);
		return;
	}
	enum node_state now = (enum node_state)e->now;
	if (now == NODE_PENDING) {
		*p = (struct past){ .generation = e->generation, .row = e->generation };
		h->went[e->idx] |= e->seq > h->after;
		return;
	}
	p->state = now;
	p->generation = p->row = e->generation;
	p->iteration = e->iteration;
	if (now == NODE_RUNNING && e->was == NODE_PENDING)
		p->began = e->seq;
	p->ended = now == NODE_SUCCEEDED ? e->seq : 0;
	struct past *life = life_of(h, e->idx, e->generation);
	if (!life) {
		GROW(h->lives, h->nlives, h->caplives);
		h->lives[h->nlives] = (struct life){ .idx = e->idx };
		life = &h->lives[h->nlives++].p;
	}
	*life = *p;
}

static void read_history(struct simulation *s, id_t64 run, size_t n, int64_t upto, int64_t after, struct history *h)
{
	*h = (struct history){ .n = n, .after = after };
	struct event_filter f = { .run = run, .upto = upto, .limit = 1000 };
	int64_t last = 0;
	do {
		if (read_events(s->w->store, &f, add_event, h, &last, NULL))
			violation(s, "the events of a run cannot be read");
		f.after = last;
	} while (last > 0 && !s->problem[0]);
	free(h->lives);
	h->lives = NULL;
}

/* ---- rows ---- */

struct rows {
	struct {
		int idx, generation;
		enum node_state state;
		bool stale;
		char *before, *outputs;
	} *v;
	size_t n, cap;
	struct {
		int number, stream, idx;
		int64_t seq;
		char tree[41];
	} *points;
	size_t npoints, cappoints;
};

static void take_row(void *ctx, const struct node_row *n)
{
	struct rows *r = ctx;
	GROW(r->v, r->n, r->cap);
	r->v[r->n].idx = n->idx;
	r->v[r->n].generation = n->generation;
	r->v[r->n].state = n->state;
	r->v[r->n].stale = n->stale;
	r->v[r->n].before = n->before ? xstrdup(n->before) : NULL;
	r->v[r->n++].outputs = n->outputs ? xstrdup(n->outputs) : NULL;
}

static void take_point(void *ctx, const struct checkpoint_row *c)
{
	struct rows *r = ctx;
	GROW(r->points, r->npoints, r->cappoints);
	r->points[r->npoints].number = c->number;
	r->points[r->npoints].stream = c->stream;
	r->points[r->npoints].idx = c->idx;
	r->points[r->npoints].seq = c->seq;
	(void)snprintf(r->points[r->npoints++].tree, sizeof(r->points->tree), "%s", c->tree ? c->tree : "");
}

static void read_rows(struct simulation *s, id_t64 run, struct rows *r)
{
	*r = (struct rows){ 0 };
	if (store_nodes_of(s->w->store, run, take_row, r, NULL) ||
	    store_checkpoints_of(s->w->store, run, -1, INT64_MAX, take_point, r, NULL))
		violation(s, "the rows of a run cannot be read");
}

static void rows_done(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].before);
		free(r->v[i].outputs);
	}
	free(r->v);
	free(r->points);
}

static const char *before_of(const struct rows *r, int idx, int generation)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].idx == idx && r->v[i].generation == generation)
			return r->v[i].before;
	return NULL;
}

static const char *outputs_of(const struct rows *r, int idx, int generation)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].idx == idx && r->v[i].generation == generation)
			return r->v[i].outputs ? r->v[i].outputs : "";
	return "";
}

static const char *tree_at(const struct rows *r, int idx, int64_t seq)
{
	for (size_t i = 0; i < r->npoints; i++)
		if (r->points[i].idx == idx && r->points[i].seq == seq)
			return r->points[i].tree;
	return "";
}

/* ---- the case ---- */

/* A node that never began wrote nothing; a question and a call do not work in a folder. */
static bool has_written(const struct graph_node *def, const struct past *p, const struct rows *r, int idx)
{
	if (def->kind == NODE_HTTP || def->kind == NODE_LLM || def->kind == NODE_APPROVAL || p->began == 0)
		return false;
	const char *before = before_of(r, idx, p->generation), *after = tree_at(r, idx, p->ended);
	return !before || !*after || !str_eq(before, after);
}

static int first_stream(const struct run *r, int stream)
{
	for (int i = 0; i < stream; i++)
		if (r->spaces[i] == r->spaces[stream])
			return i;
	return stream;
}

struct asking {
	const struct run *r; /* in memory, for its graph and folders alone */
	const struct graph *g;
	struct rows rows;
	struct judge_node v[WAY_NODES];
	bool needs[WAY_NODES * WAY_NODES], named[WAY_NODES];
	enum err_code code; /* what it is refused with, for another reason than the judge's */
};

static bool find_point(const struct asking *a, const char *name, int64_t *ret_seq)
{
	int idx = graph_find(a->g, name);
	int number = str_eq(name, "start") ? 0 : name[0] >= '0' && name[0] <= '9' ? atoi(name) : -1;
	bool found = false;
	for (size_t i = 0; i < a->rows.npoints; i++) {
		if (number >= 0 ? a->rows.points[i].number != number : idx < 0 || a->rows.points[i].idx != idx)
			continue;
		found = true;
		*ret_seq = a->rows.points[i].seq;
	}
	return found;
}

static bool has_need(const struct graph *g, int idx, const char *name, enum edge_when when)
{
	const struct graph_node *n = &g->nodes[idx];
	for (size_t i = 0; i < n->nneeds; i++)
		if (n->needs[i].when == when && str_eq(g->nodes[n->needs[i].node].name, name))
			return true;
	return false;
}

/* What the definition of a generation of the run said; NULL: what it says now. */
static const struct graph *graph_of(struct simulation *s, id_t64 run, int generation)
{
	struct hash hash;
	const struct graph *g = NULL;
	if (!store_run_definition(s->w->store, run, generation, &hash) || engine_graph(s->w->e, &hash, NULL, &g, NULL))
		return NULL;
	return g;
}

static bool has_other_needs(struct simulation *s, const struct asking *a, const struct way *y, int idx, int generation)
{
	const struct graph *last = graph_of(s, y->run, y->generation), *then = graph_of(s, y->run, generation);
	if (a->g->nodes[idx].handler != HANDLER_NONE)
		return false;
	if (last && !graph_has(last, idx))
		return true; /* it had left, and came back */
	if (!then || !graph_has(then, idx))
		return false;
	for (int side = 0; side < 2; side++) {
		const struct graph *x = side ? a->g : then, *z = side ? then : a->g;
		for (size_t i = 0; i < x->nodes[idx].nneeds; i++)
			if (!has_need(z, idx, x->nodes[x->nodes[idx].needs[i].node].name, x->nodes[idx].needs[i].when))
				return true;
	}
	return false;
}

static void fill_nodes(struct simulation *s, const struct asking *a, const struct way *y, struct judge_node *v)
{
	bool back = y->mode == JUDGE_BACK;
	for (size_t i = 0; i < a->g->nnodes; i++) {
		const struct graph_node *def = &a->g->nodes[i];
		const struct past *p = back ? &y->then[i] : &y->now[i];
		const struct space *sp = a->r->spaces[def->stream];
		bool kept = sp->policy != SNAPSHOT_OFF;
		v[i] = (struct judge_node){ .state = p->state, .now = y->now[i].state,
					    .space = first_stream(a->r, def->stream), .began = kept ? p->began : 0,
					    .ended = p->ended, .wrote = kept && has_written(def, p, &a->rows, (int)i),
					    .handler = def->handler != HANDLER_NONE, .critical = def->critical,
					    .gone = def->handler == HANDLER_GONE,
					    .other_needs = has_other_needs(s, a, y, (int)i, p->row) };
	}
}

/* Where its files were not kept a workspace stays, and nobody is sent back for its sake. */
static bool pin(struct asking *a, struct way *y, const int64_t *points)
{
	bool any = false;
	for (size_t s = 0; s < y->nspaces; s++) {
		bool unknown = false;
		y->spaces[s].to[0] = '\0';
		for (size_t i = 0; i < y->n && points[s] != JUDGE_STAYS; i++) {
			if (a->v[i].space != (int)s || a->v[i].began != points[s])
				continue;
			const char *before = before_of(&a->rows, (int)i, y->now[i].generation);
			unknown |= !before;
			(void)snprintf(y->spaces[s].to, sizeof(y->spaces[s].to), "%s", before ? before : "");
		}
		for (size_t i = 0; i < y->n && unknown; i++)
			if (a->v[i].space == (int)s)
				a->v[i].began = a->v[i].wrote = 0;
		any |= unknown;
	}
	return any;
}

static void files_then(struct asking *a, struct way *y, int64_t upto)
{
	for (size_t s = 0; s < y->nspaces; s++) {
		int newest = -1;
		for (size_t i = 0; i < a->rows.npoints; i++) {
			if (a->rows.points[i].stream != (int)s || a->rows.points[i].seq > upto || a->rows.points[i].number < newest)
				continue;
			newest = a->rows.points[i].number;
			(void)snprintf(y->spaces[s].to, sizeof(y->spaces[s].to), "%s", a->rows.points[i].tree);
		}
		if (first_stream(a->r, (int)s) != (int)s)
			y->spaces[s].to[0] = '\0';
		else if (!y->spaces[s].to[0])
			a->code = ERR_CONFLICT;
	}
}

static enum judge_answer judge_it(struct simulation *s, const struct command *c, struct asking *a, struct way *y)
{
	struct history h;
	int64_t upto = 0, points[WAY_SPACES];
	read_history(s, c->id, y->n, 0, 0, &h);
	memcpy(y->now, h.v, sizeof(y->now));
	if (y->mode == JUDGE_BACK) {
		if (!find_point(a, c->checkpoint, &upto)) {
			a->code = ERR_NOT_FOUND;
			return JUDGE_YES;
		}
		read_history(s, c->id, y->n, upto, 0, &h);
		memcpy(y->then, h.v, sizeof(y->then));
		if (!c->keep_files)
			files_then(a, y, upto);
	}
	for (size_t i = 0; i < c->nnodes && y->mode != JUDGE_BACK; i++) {
		int idx = graph_find(a->g, c->nodes[i]);
		if (idx < 0 && !a->code)
			a->code = graph_find_gone(a->g, c->nodes[i]) < 0 ? ERR_NOT_FOUND : ERR_CONFLICT;
		else if (idx >= 0)
			a->named[idx] = true;
	}
	for (size_t i = 0; i < y->n; i++)
		for (size_t k = 0; k < a->g->nodes[i].nneeds; k++)
			a->needs[i * y->n + (size_t)a->g->nodes[i].needs[k].node] = true;
	fill_nodes(s, a, y, a->v);
	struct hash hash;
	for (size_t i = 0; i < y->n; i++)
		y->gone[i] = a->v[i].gone;
	struct judge_case jc = { .mode = y->mode, .n = y->n, .nspaces = y->nspaces, .v = a->v, .needs = a->needs,
				 .named = a->named, .files = c->verb == VERB_RETRY ? c->restore : !c->keep_files,
				 .grown = store_run_definition(s->w->store, c->id, INT32_MAX, &hash) };
	enum judge_answer answer = judge(&jc, y->verdicts, points);
	while (y->mode != JUDGE_BACK && answer == JUDGE_YES && pin(a, y, points))
		answer = judge(&jc, y->verdicts, points);
	return answer;
}

/* ---- the preview ---- */

struct shown {
	struct simulation *s;
	const struct way *y;
	size_t at, at_space;
};

static void compare_row(void *ctx, const struct reset_preview *p)
{
	static const char *const names[] = { "open", "kept", "rerun", "stale", "ineligible" };
	struct shown *sh = ctx;
	while (sh->at + 1 < sh->y->n && sh->y->gone[sh->at])
		sh->at++;
	const char *judged = names[sh->y->verdicts[sh->at++]];
	if (!str_eq(judged, p->verdict))
		violation(sh->s, "%s of %s would be %s (%s), and is judged %s", p->node, id_text('r', sh->y->run).s, p->verdict,
			  p->why, judged);
}

static void compare_files(void *ctx, const struct reset_files *f)
{
	struct shown *sh = ctx;
	const struct way *y = sh->y;
	while (sh->at_space < y->nspaces && !y->spaces[sh->at_space].own)
		sh->at_space++;
	const char *to = sh->at_space < y->nspaces ? y->spaces[sh->at_space].to : "?";
	if (!str_eq(to, f->to ? f->to : ""))
		violation(sh->s, "the files %s of %s would become %s, and are judged to become %s", f->path,
			  id_text('r', y->run).s, f->to ? f->to : "nothing else", to[0] ? to : "nothing else");
	sh->at_space++;
}

/* False: this one is not judged. */
static bool preview(struct simulation *s, const struct command *c, struct way *y)
{
	struct err err;
	struct run *r = map_get(&s->w->e->runs, (uint64_t)c->id);
	struct run_row row = world_run(s->w, c->id);
	if (row.state == RUN_STATE_COUNT || row.parent_run || (r && r->dead) || s->w->e->storage_failed)
		return false;
	bool loaded = !r;
	if (loaded && run_load(s->w->e, c->id, &r, &err))
		return false;
	struct asking *a = xcalloc(1, sizeof(*a));
	a->r = r;
	a->g = r->graph;
	/* While something runs it is not known yet what there will be to go back. */
	bool still = r->steps == 0 && r->snapping == 0 && !r->way_back;
	for (size_t i = 0; i < r->children.n; i++)
		still = still && (r->children.v[i]->dead || r->children.v[i]->state == RUN_PAUSED);
	bool judged = a->g->nnodes <= WAY_NODES && a->g->nstreams <= WAY_SPACES && r->spaces && still;
	*y = (struct way){ .run = c->id, .verb = c->verb, .n = a->g->nnodes, .nspaces = a->g->nstreams,
			   .generation = row.generation, .seq = store_last_seq(s->w->store),
			   .mode = c->verb == VERB_RETRY ? JUDGE_RETRY : c->verb == VERB_RESUME_FROM ? c->only ? JUDGE_ONLY :
						  JUDGE_FROM : JUDGE_BACK };
	enum judge_answer answer = JUDGE_YES;
	if (judged) {
		for (size_t i = 0; i < y->nspaces; i++)
			y->spaces[i] = (struct way_space){ .path = xstrdup(r->spaces[i]->path), .own = first_stream(r, (int)i) == (int)i,
							   .gone = space_gone(r->spaces[i]),
							   .text = xstrdup(world_files(s->w, r->spaces[i]->path)) };
		read_rows(s, c->id, &a->rows);
		answer = judge_it(s, c, a, y);
		rows_done(&a->rows);
	}
	if (loaded) {
		(void)map_del(&s->w->e->runs, (uint64_t)c->id);
		r->dead = true;
		run_free(s->w->e, r);
	}
	enum err_code want = a->code ? a->code : answer == JUDGE_YES ? ERR_OK : answer == JUDGE_NAME_IT ? ERR_USAGE : ERR_CONFLICT;
	free(a);
	if (!judged)
		return false;
	struct shown sh = { .s = s, .y = y };
	enum err_code code = engine_reset_preview(s->w->e, c, compare_row, compare_files, &sh, &err);
	if (code != want)
		violation(s, "%s of %s: %s %s, and is judged %s", verb_name(c->verb), id_text('r', c->id).s, err_name(code),
			  code ? err.message : "", err_name(want));
	s->judged++;
	return code == ERR_OK;
}

/* ---- what came of it ---- */

static void check_node(struct simulation *s, const struct way *y, const struct history *h, const struct rows *rows,
		       size_t i)
{
	const struct past *p = &h->v[i], *was = y->mode == JUDGE_BACK ? &y->then[i] : &y->now[i];
	const char *run = id_text('r', y->run).s;
	bool pending = p->state == NODE_PENDING;
	bool under_way = y->now[i].state != NODE_PENDING; /* it may have had to end for the others */
	bool same = p->state == was->state && p->began == was->began && p->ended == was->ended;
	switch (y->verdicts[i]) {
	case JUDGE_OPEN:
		if (!pending && !(under_way && p->state == y->now[i].state))
			violation(s, "node %zu of %s was open, and is %s", i, run, state_name(ENTITY_NODE, (int)p->state));
		break;
	case JUDGE_RERUN:
	case JUDGE_INELIGIBLE:
		if (!pending)
			violation(s, "node %zu of %s was to run again, and is %s", i, run, state_name(ENTITY_NODE, (int)p->state));
		break;
	case JUDGE_KEPT:
	case JUDGE_STALE:
		if (!same || (y->mode != JUDGE_BACK && h->went[i]))
			violation(s, "node %zu of %s was to stay %s, and is %s", i, run, state_name(ENTITY_NODE, (int)was->state),
				  state_name(ENTITY_NODE, (int)p->state));
		else if (y->mode == JUDGE_BACK && p->state == NODE_SUCCEEDED &&
			 !str_eq(outputs_of(rows, (int)i, was->generation), outputs_of(rows, (int)i, y->generation + 1)) &&
			 y->now[i].generation != was->generation)
			violation(s, "node %zu of %s came back without its outputs", i, run);
		break;
	}
	size_t newest = rows->n; /* one that came back has a row of its own */
	for (size_t k = 0; k < rows->n; k++)
		if (rows->v[k].idx == (int)i && (newest == rows->n || rows->v[k].generation > rows->v[newest].generation))
			newest = k;
	bool ended = newest < rows->n && state_final(ENTITY_NODE, (int)rows->v[newest].state);
	if (y->verdicts[i] == JUDGE_STALE && ended && !rows->v[newest].stale)
		violation(s, "node %zu of %s is not marked as stale", i, run);
}

static void check_files(struct simulation *s, const struct way *y, bool happened)
{
	for (size_t i = 0; i < y->nspaces; i++) {
		const struct way_space *sp = &y->spaces[i];
		const char *want = happened && sp->to[0] ? world_snapshot_text(s->w, sp->to) : NULL;
		const char *is = world_files(s->w, sp->path);
		if (sp->own && want && !str_eq(is, want))
			violation(s, "the files of %s are \"%s\" instead of \"%s\"", id_text('r', y->run).s, is, want);
		else if (sp->own && !sp->gone && !happened && !str_eq(is, sp->text))
			violation(s, "%s was not sent back, and its files changed from \"%s\" to \"%s\"", id_text('r', y->run).s,
				  sp->text, is);
	}
}

/* True: it is over. */
static bool check_way(struct simulation *s, const struct way *y)
{
	struct run_row row = world_run(s->w, y->run);
	struct history h;
	struct rows rows;
	if (row.state == RUN_ROLLING_BACK && row.generation == y->generation)
		return false;
	bool happened = row.generation > y->generation;
	check_files(s, y, happened);
	if (!happened)
		return true;
	read_history(s, y->run, y->n, 0, y->seq, &h);
	read_history(s, y->run, y->n, h.reset, y->seq, &h);
	read_rows(s, y->run, &rows);
	for (size_t i = 0; i < y->n; i++)
		if (!y->gone[i])
			check_node(s, y, &h, &rows, i);
	rows_done(&rows);
	s->went_back++;
	return true;
}

void ways_check(struct simulation *s)
{
	if (!s->ways || !s->w->e || s->w->e->storage_failed)
		return;
	for (size_t i = 0; i < s->ways->n; i++) {
		if (!check_way(s, &s->ways->v[i]))
			continue;
		way_done(&s->ways->v[i]);
		s->ways->v[i--] = s->ways->v[--s->ways->n];
	}
}

struct answer ways_ask(struct simulation *s, const struct command *c)
{
	struct way y = { 0 };
	engine_settle(s->w->e);
	bool judged = preview(s, c, &y);
	struct answer a = world_ask(s->w, c);
	if (!judged || a.code != ERR_OK || a.times != 1 || c->verb == VERB_FORK || !s->w->e) {
		way_done(&y);
		return a;
	}
	if (!s->ways)
		s->ways = xcalloc(1, sizeof(*s->ways));
	GROW(s->ways->v, s->ways->n, s->ways->cap);
	s->ways->v[s->ways->n++] = y;
	ways_check(s);
	return a;
}
