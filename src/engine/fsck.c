/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fsck: is what is stored sound? Every state must follow from the events alone, every thing must be in exactly
 * one place, nothing may be half there. All rows are read once into facts; the checks go over those. */
#include "engine/fsck_internal.h"
#include "store/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PROBLEMS_SHOWN 20

struct fsck_check *fsck_begin(struct facts *f, const char *name)
{
	f->now = &f->ret->v[f->ret->n++];
	*f->now = (struct fsck_check){ .name = name, .text = STR_INIT };
	return f->now;
}

void fsck_wrong(struct facts *f, const char *fmt, ...)
{
	f->ret->ok = false;
	if (f->now->problems++ >= PROBLEMS_SHOWN)
		return;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&f->now->text, fmt, ap);
	va_end(ap);
	str_add_char(&f->now->text, '\n');
}

void fsck_unable(struct facts *f, const struct err *err)
{
	fsck_wrong(f, "%s", err->message);
}

const char *fact_name(id_t64 run, int idx)
{
	static char text[4][64];
	static unsigned int at;
	char *t = text[at++ % COUNT(text)];
	if (idx < 0)
		(void)snprintf(t, sizeof(text[0]), "%s", id_text('r', run).s);
	else
		(void)snprintf(t, sizeof(text[0]), _("%s node %d"), id_text('r', run).s, idx);
	return t;
}

/* ---- facts ---- */

static struct fact_order *order_of(struct facts *f, id_t64 id)
{
	struct fact_order *o = map_get(&f->orders, (uint64_t)id);
	if (!o) {
		o = xcalloc(1, sizeof(*o));
		o->id = id;
		o->folded = -1;
		map_put(&f->orders, (uint64_t)id, o);
	}
	return o;
}

static struct fact_run *run_of(struct facts *f, id_t64 id)
{
	struct fact_run *r = map_get(&f->runs, (uint64_t)id);
	if (!r) {
		r = xcalloc(1, sizeof(*r));
		r->id = id;
		r->folded = -1;
		map_put(&f->runs, (uint64_t)id, r);
	}
	return r;
}

static uint64_t node_hash(id_t64 run, int idx, int generation)
{
	uint64_t h = (uint64_t)run * 0x9e3779b97f4a7c15ULL;
	h = (h ^ (uint64_t)idx) * 0xbf58476d1ce4e5b9ULL;
	h = (h ^ (uint64_t)generation) * 0x94d049bb133111ebULL;
	return h ^ h >> 31;
}

struct fact_node *fact_node_find(const struct facts *f, id_t64 run, int idx, int generation)
{
	struct fact_node *n = map_get(&f->nodes, node_hash(run, idx, generation));
	while (n && (n->run != run || n->idx != idx || n->generation != generation))
		n = n->same_key;
	return n;
}

const struct fact_node *fact_node_seen(const struct facts *f, id_t64 run, int idx, int generation)
{
	const struct fact_node *n = NULL;
	for (; generation > 0 && (!n || !n->stored); generation--)
		n = fact_node_find(f, run, idx, generation);
	return n && n->stored ? n : NULL;
}

static struct fact_node *node_of(struct facts *f, id_t64 run, int idx, int generation)
{
	struct fact_node *n = fact_node_find(f, run, idx, generation);
	if (n)
		return n;
	uint64_t h = node_hash(run, idx, generation);
	n = xcalloc(1, sizeof(*n));
	n->run = run;
	n->idx = idx;
	n->generation = generation;
	n->folded = -1;
	n->same_key = map_get(&f->nodes, h);
	map_put(&f->nodes, h, n);
	return n;
}

static void facts_done(struct facts *f)
{
	size_t at = 0;
	struct fact_order *o;
	while ((o = map_next(&f->orders, &at)))
		free(o);
	at = 0;
	struct fact_run *r;
	while ((r = map_next(&f->runs, &at))) {
		free(r->sub);
		free(r->counts);
		free(r->nodes);
		free(r->instances);
		free(r);
	}
	at = 0;
	struct fact_node *n;
	while ((n = map_next(&f->nodes, &at))) {
		for (struct fact_node *next; n; n = next) {
			next = n->same_key;
			free(n);
		}
	}
	map_done(&f->orders);
	map_done(&f->runs);
	map_done(&f->nodes);
	map_done(&f->tokens);
}

/* ---- the fold of the events ---- */

static void fold(struct facts *f, enum entity entity, const struct event_row *e, const char *who, int *folded,
		 int start)
{
	int was = *folded < 0 ? start : *folded;
	f->now->checked++;
	if (e->was != was)
		fsck_wrong(f, _("event %" PRId64 ": %s moves from %s, but it was %s"), e->seq, who,
			   state_name(entity, e->was), state_name(entity, was));
	else if (!str_eq(e->type, "node.restored") && !state_move_legal(entity, e->was, e->now))
		fsck_wrong(f, _("event %" PRId64 ": %s must not move from %s to %s"), e->seq, who,
			   state_name(entity, e->was), state_name(entity, e->now));
	*folded = e->now;
}

static void fold_node(struct facts *f, const struct event_row *e)
{
	struct fact_node *n = node_of(f, e->run, e->idx, e->generation);
	int start = NODE_PENDING;
	/* The first move of a generation may undo the last one of the generation before it. */
	bool again = str_eq(e->type, "node.reset") || str_eq(e->type, "node.restored");
	n->restored = str_eq(e->type, "node.restored");
	for (int g = e->generation - 1; g > 0 && again; g--) {
		const struct fact_node *before = fact_node_find(f, e->run, e->idx, g);
		if (!before || before->folded < 0)
			continue;
		start = before->folded;
		break;
	}
	fold(f, ENTITY_NODE, e, fact_name(e->run, e->idx), &n->folded, start);
	n->last = e->seq;
	n->decided = e->actor == ACTOR_OPERATOR && state_final(ENTITY_NODE, e->now);
	if (e->now == NODE_RUNNING && !n->first_run)
		n->first_run = e->seq;
}

static void fold_event(void *ctx, const struct event_row *e)
{
	struct facts *f = ctx;
	f->events++;
	if (str_eq(e->type, "node.stale") || str_eq(e->type, "node.edited"))
		node_of(f, e->run, e->idx, e->generation)->marked = e->seq;
	if (str_eq(e->type, "order.succeeded"))
		order_of(f, e->order)->succeeded = true;
	if (e->now < 0)
		return;
	if (str_starts(e->type, "node."))
		fold_node(f, e);
	else if (str_starts(e->type, "run."))
		fold(f, ENTITY_RUN, e, fact_name(e->run, -1), &run_of(f, e->run)->folded, RUN_PENDING);
	else if (str_starts(e->type, "order."))
		fold(f, ENTITY_ORDER, e, id_text('o', e->order).s, &order_of(f, e->order)->folded, ORDER_PENDING);
	else
		fsck_wrong(f, _("event %" PRId64 " has a state, but %s is nobody's"), e->seq, e->type);
}

static void read_events(struct facts *f)
{
	struct err err;
	int64_t n = 0;
	struct fsck_check *c = fsck_begin(f, "chain");
	if (store_verify_events(f->store, &n, &err))
		fsck_unable(f, &err);
	c->checked = n;
	fsck_begin(f, "moves");
	if (check_events(f->store, fold_event, f, &err))
		fsck_unable(f, &err);
}

/* ---- rows ---- */

static void compare(struct facts *f, enum entity entity, const char *who, int state, int folded)
{
	f->now->checked++;
	if (folded < 0)
		fsck_wrong(f, _("%s is %s, but no event says so"), who, state_name(entity, state));
	else if (state != folded)
		fsck_wrong(f, _("%s is %s, but by its events it is %s"), who, state_name(entity, state),
			   state_name(entity, folded));
}

static void read_order(void *ctx, const struct order_row *row)
{
	struct facts *f = ctx;
	struct fact_order *o = order_of(f, row->id);
	o->stored = true;
	o->state = row->state;
	o->run = row->run;
	compare(f, ENTITY_ORDER, id_text('o', row->id).s, (int)row->state, o->folded);
	if (state_final(ENTITY_ORDER, (int)row->state) != (row->ended_ms > 0))
		fsck_wrong(f, _("%s is %s, and its end is %s"), id_text('o', row->id).s,
			   state_name(ENTITY_ORDER, (int)row->state), row->ended_ms ? _("noted") : _("not noted"));
}

static void read_need(void *ctx, id_t64 order, id_t64 needs)
{
	struct facts *f = ctx;
	const struct fact_order *needed = map_get(&f->orders, (uint64_t)needs);
	struct fact_order *o = order_of(f, order);
	if (!needed || !needed->stored) {
		fsck_wrong(f, _("%s needs an order that is not there"), id_text('o', order).s);
		return;
	}
	bool good = needed->succeeded;
	o->unmet += !good;
	o->open += needed->state != ORDER_SUCCEEDED;
	o->failed += !good && state_final(ENTITY_ORDER, (int)needed->state);
}

static void read_run(void *ctx, const struct run_row *row)
{
	struct facts *f = ctx;
	struct fact_run *r = run_of(f, row->id);
	r->stored = true;
	r->order = row->order;
	r->parent = row->parent_run;
	r->parent_node = row->parent_node;
	r->generation = row->generation;
	r->workflow = row->workflow;
	r->sub = row->sub ? xstrdup(row->sub) : NULL;
	r->counts = row->counts ? xstrdup(row->counts) : NULL;
	r->state = row->state;
	r->result = row->result;
	r->failed_node = row->failed_node;
	compare(f, ENTITY_RUN, fact_name(row->id, -1), (int)row->state, r->folded);
	if (state_final(ENTITY_RUN, (int)row->state) != (row->ended_ms > 0))
		fsck_wrong(f, _("%s is %s, and its end is %s"), fact_name(row->id, -1),
			   state_name(ENTITY_RUN, (int)row->state), row->ended_ms ? _("noted") : _("not noted"));
	bool stopped = row->state == RUN_PAUSED || row->state == RUN_FROZEN;
	if (stopped != (row->paused_at_ms > 0))
		fsck_wrong(f, _("%s is %s, and its pause is %s"), fact_name(row->id, -1),
			   state_name(ENTITY_RUN, (int)row->state), row->paused_at_ms ? _("noted") : _("not noted"));
}

static void check_outputs(struct facts *f, const struct node_row *row)
{
	auto_json *v = NULL;
	if (row->outputs && (json_parse(row->outputs, strlen(row->outputs), 16 * MIB, &v, NULL) ||
			     json_type(v) != JSON_OBJECT))
		fsck_wrong(f, _("%s: its outputs are not readable"), fact_name(row->run, row->idx));
}

static void read_node(void *ctx, const struct node_row *row)
{
	struct facts *f = ctx;
	struct fact_node *n = node_of(f, row->run, row->idx, row->generation);
	struct fact_run *r = run_of(f, row->run);
	n->stored = true;
	n->state = row->state;
	n->iteration = row->iteration;
	n->attempt = row->attempt;
	n->token = row->token;
	n->seq = row->seq;
	n->child = row->child;
	n->by_needs = row->reason && str_starts(row->reason, "needs ");
	GROW(r->nodes, r->nnodes, r->capnodes);
	r->nodes[r->nnodes++] = n;
	compare(f, ENTITY_NODE, fact_name(row->run, row->idx), (int)row->state, n->folded);
	bool final = state_final(ENTITY_NODE, (int)row->state);
	if (final ? row->seq != MAX(n->last, n->marked) : row->seq < n->last)
		fsck_wrong(f, _("%s is %s by event %" PRId64 ", but its row names %" PRId64),
			   fact_name(row->run, row->idx), state_name(ENTITY_NODE, (int)row->state), n->last, row->seq);
	if (row->generation > r->generation)
		fsck_wrong(f, _("%s is of generation %d, its run of %d"), fact_name(row->run, row->idx), row->generation,
			   r->generation);
	check_outputs(f, row);
}

static void read_instance(void *ctx, const struct instance_row *row)
{
	struct facts *f = ctx;
	struct fact_run *r = run_of(f, row->run);
	f->now->checked++;
	GROW(r->instances, r->ninstances, r->capinstances);
	r->instances[r->ninstances++] = (struct fact_instance){ row->idx, row->parent, row->expansion };
}

static void not_stored(struct facts *f)
{
	size_t at = 0;
	const struct fact_order *o;
	while ((o = map_next(&f->orders, &at)))
		if (!o->stored)
			fsck_wrong(f, _("%s has events, but is not there"), id_text('o', o->id).s);
	at = 0;
	const struct fact_run *r;
	while ((r = map_next(&f->runs, &at)))
		if (!r->stored)
			fsck_wrong(f, _("%s has events or nodes, but is not there"), fact_name(r->id, -1));
	at = 0;
	const struct fact_node *first;
	while ((first = map_next(&f->nodes, &at)))
		for (const struct fact_node *n = first; n; n = n->same_key)
			if (!n->stored)
				fsck_wrong(f, _("%s has events, but is not there"), fact_name(n->run, n->idx));
}

static void read_rows(struct facts *f)
{
	struct err err;
	fsck_begin(f, "orders");
	if (check_orders(f->store, read_order, f, &err) || check_needs(f->store, read_need, f, &err))
		fsck_unable(f, &err);
	fsck_begin(f, "runs");
	if (check_runs(f->store, read_run, f, &err))
		fsck_unable(f, &err);
	fsck_begin(f, "nodes");
	if (check_nodes(f->store, read_node, f, &err))
		fsck_unable(f, &err);
	not_stored(f);
	fsck_begin(f, "instances");
	if (check_instances(f->store, read_instance, f, &err))
		fsck_unable(f, &err);
}

/* ---- attempts ---- */

static void end_of_attempt(struct facts *f, const struct attempt_row *a, const char *who)
{
	if ((a->state == ATTEMPT_SUCCEEDED) != (a->class == CLASS_NONE))
		fsck_wrong(f, _("%s try %d is %s with the error class %s"), who, a->attempt,
			   state_name(ENTITY_ATTEMPT, (int)a->state), error_class_name(a->class));
	if (a->ended_ms <= 0)
		fsck_wrong(f, _("%s try %d has no end"), who, a->attempt);
}

static void running_attempt(struct facts *f, const struct attempt_row *a, const struct fact_node *n, const char *who)
{
	const struct fact_run *r = map_get(&f->runs, (uint64_t)a->run);
	if (n->state != (a->phase == PHASE_WORK ? NODE_RUNNING : NODE_VALIDATING) || n->token != a->token)
		fsck_wrong(f, _("%s try %d runs, but the node is %s with another try"), who, a->attempt,
			   state_name(ENTITY_NODE, (int)n->state));
	if (!r || state_final(ENTITY_RUN, (int)r->state))
		fsck_wrong(f, _("%s try %d runs, but its run has ended"), who, a->attempt);
}

static void read_attempt(void *ctx, const struct attempt_row *a)
{
	struct facts *f = ctx;
	struct fact_node *n = fact_node_find(f, a->run, a->idx, a->generation);
	const char *who = fact_name(a->run, a->idx);
	f->now->checked++;
	f->last_token = MAX(f->last_token, a->token);
	map_put(&f->tokens, (uint64_t)a->token, f);
	if (!n) {
		fsck_wrong(f, _("%s try %d belongs to no node"), who, a->attempt);
		return;
	}
	if (n->tries_of != a->iteration) {
		n->tries_of = a->iteration;
		n->tries = 0;
	}
	if (a->attempt != ++n->tries)
		fsck_wrong(f, _("%s: try %d comes where %d was due"), who, a->attempt, n->tries);
	if (n->last_token && n->last_attempt == ATTEMPT_RUNNING)
		fsck_wrong(f, _("%s: try %d began while another one ran"), who, a->attempt);
	if (n->last_token && n->last_attempt == ATTEMPT_SUCCEEDED && !n->looped)
		fsck_wrong(f, _("%s: try %d began after a success"), who, a->attempt);
	if (a->phase != PHASE_WORK && !n->looped)
		fsck_wrong(f, _("%s: try %d is of an iteration that is not there"), who, a->attempt);
	if (n->tries > 1 && a->phase < n->last_phase)
		fsck_wrong(f, _("%s: try %d does its work again, after it was done"), who, a->attempt);
	n->last_phase = a->phase;
	if (n->last_token && a->previous != n->last_token)
		fsck_wrong(f, _("%s: try %d does not follow the one before it"), who, a->attempt);
	n->last_token = a->token;
	n->last_attempt = a->state;
	if (a->state == ATTEMPT_RUNNING)
		running_attempt(f, a, n, who);
	else
		end_of_attempt(f, a, who);
}

/* A node that a worker runs or ran, against the last of its attempts. */
static void compare_last(struct facts *f, const struct fact_node *n)
{
	const char *who = fact_name(n->run, n->idx);
	bool by_worker = n->last_token != 0;
	if (n->restored)
		return; /* its attempts are those of the generation, or run, that it came from */
	bool fresh = n->looped && n->attempt == 0 && n->iteration == n->tries_of + 1; /* the next iteration waits */
	if (n->state == NODE_RUNNING && n->token && (n->last_token != n->token || n->last_attempt != ATTEMPT_RUNNING))
		fsck_wrong(f, _("%s runs, but its try does not"), who);
	if (n->state == NODE_SUCCEEDED && n->token && !n->decided && (n->last_token != n->token || n->last_attempt != ATTEMPT_SUCCEEDED))
		fsck_wrong(f, _("%s succeeded, but its last try did not"), who);
	if (by_worker && !n->decided && !n->looped && n->state != NODE_SUCCEEDED && n->last_attempt == ATTEMPT_SUCCEEDED)
		fsck_wrong(f, _("%s is %s, but its last try succeeded"), who, state_name(ENTITY_NODE, (int)n->state));
	if (n->state == NODE_RETRYING && !by_worker)
		fsck_wrong(f, _("%s is to be tried again, but was never tried"), who);
	if (by_worker && !fresh && (n->attempt != n->tries || n->iteration != n->tries_of))
		fsck_wrong(f, _("%s counts %d tries, there are %d"), who, n->attempt, n->tries);
}

static void read_attempts(struct facts *f)
{
	struct err err;
	fsck_begin(f, "attempts");
	if (check_attempts(f->store, read_attempt, f, &err))
		fsck_unable(f, &err);
	size_t at = 0;
	const struct fact_node *first;
	while ((first = map_next(&f->nodes, &at)))
		for (const struct fact_node *n = first; n; n = n->same_key)
			if (n->stored)
				compare_last(f, n);
}

/* ---- everything in exactly one place ---- */

static void place_of_order(struct facts *f, const struct fact_order *o)
{
	static const enum run_state ends[ORDER_STATE_COUNT] = { [ORDER_SUCCEEDED] = RUN_SUCCEEDED,
								 [ORDER_FAILED] = RUN_FAILED,
								 [ORDER_CANCELED] = RUN_CANCELED };
	const struct fact_run *r = o->run ? map_get(&f->runs, (uint64_t)o->run) : NULL;
	struct id_text id = id_text('o', o->id);
	const char *state = state_name(ENTITY_ORDER, (int)o->state);
	f->now->checked++;
	if (o->run && (!r || !r->stored || r->order != o->id)) {
		fsck_wrong(f, _("%s names a run that is not its own"), id.s);
		return;
	}
	if (o->state == ORDER_RUNNING) {
		if (!r || state_final(ENTITY_RUN, (int)r->state))
			fsck_wrong(f, _("%s is running, but its run is %s"), id.s,
				   r ? state_name(ENTITY_RUN, (int)r->state) : _("missing"));
	} else if (state_final(ENTITY_ORDER, (int)o->state)) {
		if (r && (o->state == ORDER_SKIPPED || r->state != ends[o->state]))
			fsck_wrong(f, _("%s is %s, but its run is %s"), id.s, state, state_name(ENTITY_RUN, (int)r->state));
	} else if (r) {
		fsck_wrong(f, _("%s is %s, but has a run already"), id.s, state);
	}
	if ((o->state == ORDER_QUEUED || o->state == ORDER_RUNNING) && o->unmet > 0)
		fsck_wrong(f, _("%s is %s, but what it needs has not succeeded"), id.s, state);
	if (o->state == ORDER_BLOCKED && (o->open == 0 || o->failed > 0))
		fsck_wrong(f, _("%s is blocked, but nothing will unblock it"), id.s);
}

static void place_of_run(struct facts *f, const struct fact_run *r)
{
	const char *who = fact_name(r->id, -1);
	bool final = state_final(ENTITY_RUN, (int)r->state);
	f->now->checked++;
	if (final && (int)r->result != (r->state == RUN_SUCCEEDED ? RESULT_PASSED :
					r->state == RUN_FAILED	  ? RESULT_FAILED : RESULT_CANCELED))
		fsck_wrong(f, _("%s is %s, but its result is another one"), who, state_name(ENTITY_RUN, (int)r->state));
	for (size_t i = 0; i < r->nnodes && final; i++) {
		const struct fact_node *n = r->nodes[i];
		bool newest = i + 1 == r->nnodes || r->nodes[i + 1]->idx != n->idx;
		if (newest && n->state != NODE_PENDING && !state_final(ENTITY_NODE, (int)n->state))
			fsck_wrong(f, _("%s has ended, but its node %d is %s"), who, n->idx,
				   state_name(ENTITY_NODE, (int)n->state));
	}
	if (!r->parent) {
		const struct fact_order *o = map_get(&f->orders, (uint64_t)r->order);
		if (!o || o->run != r->id)
			fsck_wrong(f, _("%s belongs to no order"), who);
		return;
	}
	const struct fact_run *p = map_get(&f->runs, (uint64_t)r->parent);
	if (!p || !p->stored) {
		fsck_wrong(f, _("%s: the run above it is not there"), who);
		return;
	}
	const struct fact_node *n = NULL;
	for (size_t i = 0; i < p->nnodes; i++)
		if (p->nodes[i]->idx == r->parent_node && p->nodes[i]->child == r->id)
			n = p->nodes[i];
	if (!final && (!n || n->state != NODE_RUNNING))
		fsck_wrong(f, _("%s goes on, but its node in the run above does not run it"), who);
	if (!final && state_final(ENTITY_RUN, (int)p->state))
		fsck_wrong(f, _("%s goes on, but the run above has ended"), who);
}

static void check_places(struct facts *f)
{
	size_t at = 0;
	const struct fact_order *o;
	const struct fact_run *r;
	fsck_begin(f, "places");
	while ((o = map_next(&f->orders, &at)))
		if (o->stored)
			place_of_order(f, o);
	at = 0;
	while ((r = map_next(&f->runs, &at)))
		if (r->stored)
			place_of_run(f, r);
}

/* ---- the file ---- */

static void bad_key(void *ctx, const char *key)
{
	fsck_wrong(ctx, _("the request key %s names what is not there"), key);
}

static void bad_reference(void *ctx, const char *table, int64_t row)
{
	fsck_wrong(ctx, _("row %" PRId64 " of %s refers to a row that is not there"), row, table);
}

static void check_file(struct facts *f)
{
	struct err err;
	struct fsck_check *c = fsck_begin(f, "file");
	c->checked = 1;
	if (store_check(f->store, false, &err))
		fsck_unable(f, &err);
	if (store_version(f->store) != store_newest_version())
		fsck_wrong(f, _("the schema is version %d, not %d"), store_version(f->store), store_newest_version());
	c = fsck_begin(f, "references");
	c->checked = 1;
	if (check_references(f->store, bad_reference, f, &err) || check_keys(f->store, bad_key, f, &err))
		fsck_unable(f, &err);
}

void fsck_run(struct store *store, const char *home, struct engine *e, struct fsck *ret)
{
	struct facts f = { .store = store, .home = home, .e = e, .ret = ret };
	*ret = (struct fsck){ .ok = true };
	if (e)
		engine_settle(e);
	check_file(&f);
	read_events(&f);
	read_rows(&f);
	fsck_iterations(&f);
	read_attempts(&f);
	check_places(&f);
	fsck_graphs(&f);
	fsck_points(&f);
	fsck_files(&f);
	if (e)
		fsck_memory(&f);
	facts_done(&f);
}

void fsck_done(struct fsck *f)
{
	for (size_t i = 0; i < f->n; i++)
		str_done(&f->v[i].text);
	f->n = 0;
}
