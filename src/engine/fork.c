/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fork: a new run that begins where another one was at a checkpoint. It is an order as any other, and starts when its
 * turn comes; the history of the other run does not change, so what it takes over is the same then. */
#include "engine/engine_internal.h"

#include <stdio.h>
#include <string.h>

struct taken_instance {
	struct node_row row;
	char *name, *bindings;
	int parent;
};

struct fork {
	struct fork_row row;
	struct node_row *nodes; /* of the graph, by index; run 0: not taken over. Texts owned */
	size_t nnodes;
	struct taken_instance *instances;
	size_t ninstances, capinstances;
	struct checkpoint_row *points; /* of the other run, by its indices; number 0: none. Texts owned */
	size_t npoints;
	char (*files)[41], (*starts)[41]; /* by workstream */
	char **bases;
	size_t nstreams;
};

static char *dup(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void drop_texts(struct node_row *row)
{
	free((void *)(uintptr_t)row->reason);
	free((void *)(uintptr_t)row->outputs);
	free((void *)(uintptr_t)row->before);
}

void fork_free(struct run *r)
{
	struct fork *f = TAKE(r->fork);
	if (!f)
		return;
	for (size_t i = 0; i < f->nnodes; i++)
		drop_texts(&f->nodes[i]);
	for (size_t i = 0; i < f->ninstances; i++) {
		drop_texts(&f->instances[i].row);
		free(f->instances[i].name);
		free(f->instances[i].bindings);
	}
	for (size_t i = 0; i < f->nstreams; i++)
		free(f->bases[i]);
	for (size_t i = 0; i < f->npoints; i++) {
		free((void *)(uintptr_t)f->points[i].tree);
		free((void *)(uintptr_t)f->points[i].why_not);
	}
	free(f->points);
	free(f->starts);
	free(f->nodes);
	free(f->instances);
	free(f->files);
	free(f->bases);
	free(f);
}

const char *fork_files(const struct run *r, int stream)
{
	return r->fork && (size_t)stream < r->fork->nstreams ? r->fork->files[stream] : NULL;
}

const char *fork_start(const struct run *r, int stream)
{
	bool known = r->fork && (size_t)stream < r->fork->nstreams && r->fork->starts[stream][0];
	return known ? r->fork->starts[stream] : NULL;
}

const char *fork_base(const struct run *r, int stream)
{
	return r->fork && (size_t)stream < r->fork->nstreams ? r->fork->bases[stream] : NULL;
}

/* ---- asking for it ---- */

/* The parameters of the other run, with those that are given anew. */
static enum err_code merge_params(const struct run *r, const struct json *given, char **ret, struct err *err)
{
	auto_str text = STR_INIT;
	auto_json *merged = NULL;
	struct jw w = jw_begin(&text);
	jw_obj(&w, NULL);
	for (const struct json *i = json_first(r->params); i; i = json_next(i)) {
		auto_str value = STR_INIT;
		json_add(&value, json_get(given, json_key(i)) ? json_get(given, json_key(i)) : i);
		jw_raw(&w, json_key(i), str_text(&value));
	}
	for (const struct json *i = json_first(given); i; i = json_next(i)) {
		auto_str value = STR_INIT;
		if (json_get(r->params, json_key(i)))
			continue;
		json_add(&value, i); /* flow_params() says what is wrong with it */
		jw_raw(&w, json_key(i), str_text(&value));
	}
	jw_end_obj(&w);
	enum err_code code = json_parse(str_text(&text), text.len, 4 * MIB, &merged, err);
	return code ? code : flow_params(r->graph, merged, ret, err);
}

static struct order *add_order(struct engine *e, const struct reset *p, const struct command *c, const char *params)
{
	const struct run *r = p->r;
	e->last_order = id_next(e->last_order, e->now.wall_ms, (uint32_t)e->io->random(e->io_ctx));
	struct order *o = order_new(e, e->last_order);
	o->workflow = r->definition->hash;
	o->priority = c->priority ? c->priority : r->priority;
	o->place = ++e->queue.last_place;
	o->enqueued_ms = e->now.wall_ms;
	o->flags = ORDER_FORK | (c->paused ? (unsigned int)ORDER_PAUSED : 0);
	struct order_row row = { .id = o->id, .workflow = o->workflow, .name = r->graph->name,
				 .file = r->file ? r->file : "", .dir = r->dir ? r->dir : "", .state = ORDER_PENDING,
				 .priority = o->priority, .place = o->place, .params = params, .env = r->env_text,
				 .flags = o->flags, .submitter = c->who ? c->who : "", .enqueued_ms = o->enqueued_ms };
	row.state = ORDER_QUEUED;
	store_order_add(e->store, &row);
	store_fork_put(e->store, &(struct fork_row){ .order = o->id, .source = r->id, .checkpoint = p->checkpoint });
	return o;
}

enum err_code run_fork(struct engine *e, const struct command *c, id_t64 *ret_order, int *ret_state, struct err *err)
{
	struct run_row row;
	struct reset p;
	auto_free char *params = NULL;
	enum err_code code = store_run_get(e->store, c->id, &row, err);
	if (code)
		return code;
	if (verb_fits(VERB_FORK, (int)row.state) != FIT_YES) {
		*ret_state = (int)row.state;
		return wrong_state(ENTITY_RUN, VERB_FORK, id_text('r', c->id).s, (int)row.state, err);
	}
	if ((int)queue_len(&e->queue) + e->held + e->blocked >= e->settings->queue_max)
		return err_set(err, ERR_QUEUE_FULL, _("the queue is full: %d orders wait"), e->settings->queue_max);
	code = reset_make(e, c, &p, err);
	if (code)
		return code;
	code = merge_params(p.r, c->params, &params, err);
	if (!code) {
		struct order *o = add_order(e, &p, c, params);
		struct note n = { .actor = ACTOR_OPERATOR, .who = c->who, .reason = c->reason };
		order_move(e, o, ORDER_QUEUED, &n);
		*ret_order = o->id;
		auto_str data = STR_INIT;
		str_addf(&data, "{\"order\":\"%s\",\"checkpoint\":%d}", id_text('o', o->id).s, p.checkpoint);
		run_event(e, p.r, "run.forked", &(struct note){ n.actor, n.who, n.reason, str_text(&data) });
	}
	reset_done(e, &p);
	return code;
}

/* ---- taking over ---- */

struct reading {
	struct fork *f;
	const struct reset *p;
};

static bool is_of_then(const struct reading *v, const struct node_row *row)
{
	const struct node_then *then = &v->p->then[row->idx];
	return row->generation == then->generation && row->state == then->state;
}

static void copy_row(struct node_row *to, const struct node_row *row)
{
	*to = *row;
	to->reason = dup(row->reason);
	to->outputs = dup(row->outputs);
	to->before = dup(row->before);
}

static void take_row(void *ctx, const struct node_row *row)
{
	struct reading *v = ctx;
	const struct run *r = v->p->r;
	if (row->idx < 0 || (size_t)row->idx >= r->nnodes || !is_of_then(v, row))
		return;
	const struct node *n = r->nodes[row->idx];
	if (n->parent < 0) {
		if (v->p->rows[row->idx].verdict == VERDICT_KEPT)
			copy_row(&v->f->nodes[row->idx], row);
		return;
	}
	bool kept = v->p->rows[n->parent].verdict == VERDICT_KEPT;
	if (!kept || n->expansion != v->p->then[n->parent].iteration)
		return;
	GROW(v->f->instances, v->f->ninstances, v->f->capinstances);
	struct taken_instance *i = &v->f->instances[v->f->ninstances++];
	*i = (struct taken_instance){ .name = xstrdup(n->name), .bindings = xstrdup(n->bindings), .parent = n->parent };
	copy_row(&i->row, row);
}

static const struct node_row *taken_row(const struct fork *f, int idx)
{
	if ((size_t)idx < f->nnodes && f->nodes[idx].run)
		return &f->nodes[idx];
	for (size_t i = 0; i < f->ninstances; i++)
		if (f->instances[i].row.idx == idx)
			return &f->instances[i].row;
	return NULL;
}

/* The checkpoint of the success itself; one that a way back made of it later only where that is not known. */
static void take_point(void *ctx, const struct checkpoint_row *c)
{
	struct reading *v = ctx;
	struct fork *f = v->f;
	if (c->number == 0) {
		if (c->stream >= 0 && (size_t)c->stream < f->nstreams && c->tree)
			(void)snprintf(f->starts[c->stream], sizeof(*f->starts), "%s", c->tree);
		return;
	}
	const struct node_row *row = c->idx >= 0 && (size_t)c->idx < f->npoints ? taken_row(f, c->idx) : NULL;
	if (!row || f->points[c->idx].number)
		return;
	bool itself = c->iteration == row->iteration && c->at_ms == row->ended_ms;
	if (!itself && c->generation != row->generation)
		return;
	f->points[c->idx] = *c;
	f->points[c->idx].tree = dup(c->tree);
	f->points[c->idx].why_not = dup(c->why_not);
}

static void take_spaces(struct fork *f, const struct reset *p)
{
	const struct run *r = p->r;
	f->nstreams = r->graph->nstreams;
	f->files = xcalloc(f->nstreams + 1, sizeof(*f->files));
	f->starts = xcalloc(f->nstreams + 1, sizeof(*f->starts));
	f->bases = xcalloc(f->nstreams + 1, sizeof(*f->bases));
	for (size_t i = 0; i < f->nstreams; i++) {
		const struct space *sp = r->spaces[i];
		memcpy(f->files[i], p->spaces[i].to, sizeof(f->files[i]));
		/* Its commits are there while the branch is; it is dropped when there are none. */
		f->bases[i] = dup(sp->kind == WORKSPACE_REPO && sp->state == SPACE_HELD ? sp->branch : sp->base);
	}
}

enum err_code fork_open(struct engine *e, struct run *r, struct err *err)
{
	struct fork_row row;
	struct reset p;
	char checkpoint[16];
	enum err_code code = store_fork_get(e->store, r->order_id, 0, &row, err);
	if (code)
		return code;
	(void)snprintf(checkpoint, sizeof(checkpoint), "%d", row.checkpoint);
	struct command c = { .verb = VERB_FORK, .id = row.source, .checkpoint = checkpoint };
	code = reset_make(e, &c, &p, err);
	if (code)
		return code;
	struct fork *f = r->fork = xcalloc(1, sizeof(*f));
	f->row = row;
	f->nnodes = p.r->graph->nnodes;
	f->nodes = xcalloc(f->nnodes + 1, sizeof(*f->nodes));
	take_spaces(f, &p);
	struct reading v = { f, &p };
	f->npoints = p.r->nnodes;
	f->points = xcalloc(f->npoints + 1, sizeof(*f->points));
	code = store_nodes_of(e->store, row.source, take_row, &v, err);
	if (!code)
		code = store_checkpoints_of(e->store, row.source, -1, INT64_MAX, take_point, &v, err);
	reset_done(e, &p);
	return code;
}

/* What is taken over, in the order in which it ended in the other run. */
struct taken {
	struct node_row *row;
	const struct taken_instance *instance; /* NULL: a node of the graph */
	int64_t then, here; /* the event of its end there, and here */
};

static int by_end(const void *a, const void *b)
{
	const struct taken *x = a, *y = b;
	return x->then != y->then ? (x->then < y->then ? -1 : 1) : y->row->idx - x->row->idx;
}

static struct taken taken_of(const struct fork *f, struct node_row *row, const struct taken_instance *i)
{
	const struct checkpoint_row *c = &f->points[row->idx];
	return (struct taken){ row, i, c->number ? c->seq : row->seq, 0 };
}

static struct node *new_instance(struct engine *e, struct run *r, const struct taken_instance *t)
{
	struct node *g = r->nodes[t->parent];
	int idx = (int)r->nnodes;
	struct instance_row row = { .run = r->id, .idx = idx, .parent = g->idx, .expansion = r->fork->nodes[t->parent].iteration,
				    .name = t->name, .bindings = t->bindings };
	store_instance_add(e->store, &row);
	return node_instance(r, g, idx, row.expansion, t->name, t->bindings);
}

/* One after the other, each with its checkpoint; it began after what had ended by then. */
static void take_over(struct engine *e, struct run *r, struct taken *v, size_t n, const struct note *note)
{
	int64_t base = store_last_seq(e->store);
	for (size_t i = 0; i < n; i++) {
		struct node_row *row = v[i].row;
		const struct checkpoint_row *c = &r->fork->points[row->idx];
		struct node *m = v[i].instance ? new_instance(e, r, v[i].instance) : r->nodes[row->idx];
		size_t low = 0, high = i;
		while (low < high) {
			size_t mid = (low + high) / 2;
			if (v[mid].then <= row->began)
				low = mid + 1;
			else
				high = mid;
		}
		row->began = !row->began ? 0 : low > 0 ? v[low - 1].here : base;
		node_restore(e, m, row, note);
		v[i].here = store_last_seq(e->store);
		m->restored = false;
		if (m->state == NODE_SUCCEEDED && c->number)
			checkpoint_taken(e, m, c);
		else if (m->state == NODE_SUCCEEDED)
			checkpoint_node(e, m, v[i].here);
	}
}

void fork_apply(struct engine *e, struct run *r)
{
	struct fork *f = r->fork;
	if (!f)
		return;
	struct note note = { .actor = ACTOR_ENGINE, .reason = "fork" };
	auto_str data = STR_INIT;
	str_addf(&data, "{\"run\":\"%s\",\"checkpoint\":%d}", id_text('r', f->row.source).s, f->row.checkpoint);
	struct taken *v = xcalloc(f->nnodes + f->ninstances + 1, sizeof(*v));
	size_t n = 0;
	run_event(e, r, "run.forked_from", &(struct note){ ACTOR_ENGINE, NULL, NULL, str_text(&data) });
	for (size_t i = 0; i < f->nnodes && i < r->graph->nnodes; i++)
		if (f->nodes[i].run)
			v[n++] = taken_of(f, &f->nodes[i], NULL);
	for (size_t i = 0; i < f->ninstances; i++)
		v[n++] = taken_of(f, &f->instances[i].row, &f->instances[i]);
	qsort(v, n, sizeof(*v), by_end);
	take_over(e, r, v, n, &note);
	free(v);
	run_derive(r);
	f->row.run = r->id;
	store_fork_put(e->store, &f->row);
	fork_free(r);
}
