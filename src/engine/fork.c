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
	char (*files)[41];      /* by workstream */
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
	if ((size_t)row->idx < r->graph->nnodes) {
		if (v->p->rows[row->idx].verdict == VERDICT_KEPT)
			copy_row(&v->f->nodes[row->idx], row);
		return;
	}
	const struct node *n = r->nodes[row->idx];
	bool kept = v->p->rows[n->parent].verdict == VERDICT_KEPT;
	if (!kept || n->expansion != v->p->then[n->parent].iteration)
		return;
	GROW(v->f->instances, v->f->ninstances, v->f->capinstances);
	struct taken_instance *i = &v->f->instances[v->f->ninstances++];
	*i = (struct taken_instance){ .name = xstrdup(n->name), .bindings = xstrdup(n->bindings), .parent = n->parent };
	copy_row(&i->row, row);
}

static void take_spaces(struct fork *f, const struct reset *p)
{
	const struct run *r = p->r;
	f->nstreams = r->graph->nstreams;
	f->files = xcalloc(f->nstreams + 1, sizeof(*f->files));
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
	code = store_nodes_of(e->store, row.source, take_row, &v, err);
	reset_done(e, &p);
	return code;
}

static void add_instances(struct engine *e, struct run *r, const struct note *note)
{
	struct fork *f = r->fork;
	for (size_t i = 0; i < f->ninstances; i++) {
		struct taken_instance *t = &f->instances[i];
		struct node *g = r->nodes[t->parent];
		int idx = (int)r->nnodes;
		struct instance_row row = { .run = r->id, .idx = idx, .parent = g->idx, .expansion = g->iteration,
					    .name = t->name, .bindings = t->bindings };
		store_instance_add(e->store, &row);
		node_restore(e, node_instance(r, g, idx, g->iteration, t->name, t->bindings), &t->row, note);
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
	for (size_t i = 0; i < f->nnodes && i < r->graph->nnodes; i++)
		if (f->nodes[i].run)
			node_restore(e, r->nodes[i], &f->nodes[i], &note);
	add_instances(e, r, &note);
	run_derive(r);
	run_event(e, r, "run.forked_from", &(struct note){ ACTOR_ENGINE, NULL, NULL, str_text(&data) });
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *n = r->nodes[i];
		if (n->restored && n->state == NODE_SUCCEEDED)
			checkpoint_node(e, n, store_last_seq(e->store));
		n->restored = false;
	}
	f->row.run = r->id;
	store_fork_put(e->store, &f->row);
	fork_free(r);
}
