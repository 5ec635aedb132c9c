/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands: what an operator asks for. Each is checked against the table of verbs, applied, and answered
 * after the commit. */
#include "engine/engine_internal.h"
#include "store/steer.h"

#include <inttypes.h>
#include <string.h>

#define UNTIL_MAX 64
#define DEPENDS_MAX 256

static void answer_later(struct engine *e, command_reply_fn reply, void *ctx, id_t64 id, bool replayed,
			 const char *note)
{
	struct effect *f = effect_add(e, EFFECT_REPLY);
	f->reply = reply;
	f->ctx = ctx;
	f->answer = (struct command_reply){ .code = ERR_OK, .id = id, .replayed = replayed, .state = -1,
					    .note = note };
}

static void refuse(command_reply_fn reply, void *ctx, enum err_code code, const struct err *err, int state,
		   const struct flow_report *report)
{
	struct command_reply r = { .code = code, .err = err, .state = state, .report = report };
	reply(ctx, &r);
}

/* ---- submit ---- */

static enum err_code check_needs(struct engine *e, const struct submission *s, bool *ret_failed, struct err *err)
{
	*ret_failed = false;
	if (s->ndepends_on > DEPENDS_MAX)
		return err_set(err, ERR_TOO_LARGE, _("more than %d dependencies"), DEPENDS_MAX);
	for (size_t i = 0; i < s->ndepends_on; i++) {
		struct order_row row;
		enum err_code code = store_order_get(e->store, s->depends_on[i], &row, err);
		if (code)
			return code;
		*ret_failed |= row.state == ORDER_FAILED || row.state == ORDER_CANCELED ||
			       row.state == ORDER_SKIPPED;
	}
	return ERR_OK;
}

static enum err_code check_until(const struct graph *g, const struct submission *s, struct str *ret_json,
				 struct err *err)
{
	if (s->nuntil > UNTIL_MAX)
		return err_set(err, ERR_TOO_LARGE, _("more than %d nodes to stop at"), UNTIL_MAX);
	struct jw w = jw_begin(ret_json);
	jw_arr(&w, NULL);
	for (size_t i = 0; i < s->nuntil; i++) {
		if (graph_find(g, s->until[i]) < 0)
			return err_set(err, ERR_INVALID, _("the workflow has no node %s to stop at"), s->until[i]);
		jw_str(&w, NULL, s->until[i]);
	}
	jw_end_arr(&w);
	return ERR_OK;
}

enum err_code check_env(const struct json *env, bool takes_away, struct err *err)
{
	static const char in_names[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
	for (const struct json *i = json_first(env); i; i = json_next(i)) {
		const char *k = json_key(i) ? json_key(i) : "?";
		if (json_type(i) != JSON_STRING && !(takes_away && json_type(i) == JSON_NULL))
			return err_set(err, ERR_USAGE, _("env must map names to strings; %s does not"), k);
		if (!*k || k[strspn(k, in_names)] || (*k >= '0' && *k <= '9'))
			return err_set(err, ERR_USAGE, _("env: \"%.64s\" is no name of a variable; it has letters, digits and _"), k);
	}
	return ERR_OK;
}

static void add_order(struct engine *e, const struct submission *s, const struct definition *d,
		      const char *params, const char *until, bool needs_failed, const struct command *c,
		      struct order **ret)
{
	e->last_order = id_next(e->last_order, e->now.wall_ms, (uint32_t)e->io->random(e->io_ctx));
	struct order *o = order_new(e, e->last_order);
	o->workflow = d->hash;
	o->priority = s->priority;
	o->place = ++e->queue.last_place;
	o->enqueued_ms = e->now.wall_ms;
	o->max_wait_ms = s->max_wait_ms;
	o->flags = (s->paused ? (unsigned int)ORDER_PAUSED : 0) |
		   (s->skip_on_failure ? (unsigned int)ORDER_SKIP : 0) |
		   (s->until_failure ? (unsigned int)ORDER_UNTIL_FAILURE : 0) |
		   (s->breaks ? (unsigned int)ORDER_BREAKPOINTS : 0);
	auto_str env = STR_INIT;
	if (s->env)
		json_add(&env, s->env);
	for (size_t i = 0; i < s->ndepends_on; i++) {
		struct order *needed = map_get(&e->orders, (uint64_t)s->depends_on[i]);
		if (needed)
			order_wait_for(e, o, needed);
	}
	struct order_row row = { .id = o->id, .workflow = d->hash, .name = d->graph->name,
				 .file = s->file ? s->file : "", .dir = s->dir ? s->dir : "",
				 .state = ORDER_PENDING, .priority = o->priority, .place = o->place,
				 .params = params, .env = env.len ? str_text(&env) : NULL, .until = until,
				 .flags = o->flags, .max_wait_ms = o->max_wait_ms,
				 .submitter = s->submitter ? s->submitter : "", .enqueued_ms = o->enqueued_ms };
	row.state = needs_failed ? (s->skip_on_failure ? ORDER_SKIPPED : ORDER_FAILED) :
		    s->hold	 ? ORDER_HELD :
		    o->unmet > 0 ? ORDER_BLOCKED : ORDER_QUEUED;
	store_order_add(e->store, &row);
	if (s->breaks) {
		auto_str breaks = STR_INIT;
		json_add(&breaks, s->breaks);
		store_order_breakpoints_put(e->store, o->id, str_text(&breaks));
	}
	for (size_t i = 0; i < s->ndepends_on; i++)
		store_order_need_add(e->store, o->id, s->depends_on[i]);
	struct note n = { .actor = ACTOR_OPERATOR, .who = c->who, .reason = c->reason };
	if (needs_failed)
		n.reason = _("an order that it needs had failed already");
	order_move(e, o, row.state, &n);
	if (!needs_failed)
		order_arm_wait(e, o);
	*ret = o;
}

static enum err_code submit(struct engine *e, const struct command *c, struct flow_report *report, id_t64 *ret,
			    struct err *err)
{
	const struct submission *s = c->submit;
	if ((int)queue_len(&e->queue) + e->held + e->blocked >= e->settings->queue_max)
		return err_set(err, ERR_QUEUE_FULL, _("the queue is full: %d orders wait"), e->settings->queue_max);
	struct definition *d;
	enum err_code code = definition_submit(e, s, &d, report, err);
	if (code)
		return code;
	auto_free char *params = NULL;
	auto_str until = STR_INIT;
	bool needs_failed = false;
	struct order *o = NULL;
	code = flow_params(d->graph, s->params, &params, err);
	if (!code)
		code = check_until(d->graph, s, &until, err);
	if (!code)
		code = check_env(s->env, false, err);
	if (!code && s->breaks)
		code = breakpoints_check(d->graph, s->breaks, err);
	if (!code)
		code = check_needs(e, s, &needs_failed, err);
	if (!code) {
		add_order(e, s, d, params, s->nuntil ? str_text(&until) : NULL, needs_failed, c, &o);
		*ret = o->id;
		if (state_final(ENTITY_ORDER, (int)o->state))
			order_ended(e, o);
	}
	definition_unref(e, d);
	return code;
}

/* ---- orders ---- */

enum err_code wrong_state(enum entity entity, enum verb v, const char *id, int state, struct err *err)
{
	auto_str legal = STR_INIT;
	verbs_legal(entity, state, &legal);
	(void)err_set(err, ERR_CONFLICT, _("%s means nothing for %s %s, which is %s"), verb_name(v),
		      entity_name(entity), id, state_name(entity, state));
	err_hint(err, legal.len ? _("possible now: %s") : _("nothing is possible now%s"), str_text(&legal));
	return ERR_CONFLICT;
}

static enum err_code order_verb(struct engine *e, const struct command *c, int *ret_state, struct err *err)
{
	struct order *o = map_get(&e->orders, (uint64_t)c->id);
	struct order_row row;
	struct id_text id = id_text('o', c->id);
	if (!o) {
		enum err_code code = store_order_get(e->store, c->id, &row, err);
		if (code)
			return code;
	}
	int state = o ? (int)o->state : (int)row.state;
	enum verb_fit fit = verb_fits(c->verb, state);
	if (fit == FIT_DONE)
		return ERR_OK;
	if (fit == FIT_NO || !o) {
		*ret_state = state;
		return wrong_state(ENTITY_ORDER, c->verb, id.s, state, err);
	}
	struct note n = { .actor = ACTOR_OPERATOR, .who = c->who, .reason = c->reason };
	bool queued = o->state == ORDER_QUEUED;
	struct run *r;
	switch (c->verb) {
	case VERB_HOLD:
		order_move(e, o, ORDER_HELD, &n);
		break;
	case VERB_RELEASE:
		order_move(e, o, o->unmet > 0 ? ORDER_BLOCKED : ORDER_QUEUED, &n);
		order_arm_wait(e, o);
		break;
	case VERB_FRONT:
	case VERB_BACK:
	case VERB_ORDER_PRIORITY:
		if (queued)
			queue_del(&e->queue, o);
		if (c->verb == VERB_FRONT)
			o->place = --e->queue.first_place;
		else if (c->verb == VERB_BACK)
			o->place = ++e->queue.last_place;
		else
			o->priority = c->priority;
		if (queued)
			queue_add(&e->queue, o);
		order_store(e, o);
		order_event(e, o, c->verb == VERB_ORDER_PRIORITY ? "order.priority" :
				  c->verb == VERB_FRONT ? "order.front" : "order.back", &n);
		break;
	case VERB_ORDER_CANCEL:
		r = o->state == ORDER_RUNNING ? map_get(&e->runs, (uint64_t)o->run) : NULL;
		if (r) {
			run_cancel(e, r, false, &n);
			break;
		}
		order_move(e, o, ORDER_CANCELED, &n);
		order_ended(e, o);
		break;
	case VERB_SUBMIT:
	case VERB_DECIDE:
	case VERB_RETRY:
	case VERB_RESUME_FROM:
	case VERB_ROLLBACK:
	case VERB_FORK:
	case VERB_PAUSE:
	case VERB_FREEZE:
	case VERB_RESUME:
	case VERB_STEP:
	case VERB_UNTIL:
	case VERB_CANCEL:
	case VERB_ACKNOWLEDGE:
	case VERB_RUN_PRIORITY:
	case VERB_SKIP:
	case VERB_MARK:
	case VERB_BREAK:
	case VERB_UNBREAK:
	case VERB_EDIT:
	case VERB_UNDO:
	case VERB_SHELL:
	case VERB_SHELL_RENEW:
	case VERB_SHELL_END:
	case VERB_QUEUE_PAUSE:
	case VERB_QUEUE_RESUME:
	case VERB_BREAKER:
	case VERB_PATCH:
	case VERB_COUNT:
		return err_set(err, ERR_INTERNAL, "not a verb of orders");
	}
	return ERR_OK;
}

/* ---- runs ---- */

/* The sub-workflow that was paused in its middle, if there is nothing else to step. */
static struct run *paused_child(const struct run *r)
{
	for (size_t i = 0; i < r->children.n; i++)
		if (!r->children.v[i]->dead && r->children.v[i]->state == RUN_PAUSED)
			return r->children.v[i];
	return NULL;
}

static enum err_code do_step(struct engine *e, struct run *r, const struct command *c, const struct note *n,
			     const char **ret_note, struct err *err)
{
	struct node *m = NULL;
	if (c->nnodes > 0) {
		m = run_node(r, c->nodes[0]);
		if (!m)
			return err_set(err, ERR_NOT_FOUND, _("the run has no node %s"), c->nodes[0]);
		if (!heap_has(&m->ready) && m->state != NODE_RETRYING)
			return err_set(err, ERR_CONFLICT, _("%s is %s; only a node that is ready can be stepped"), m->name,
				       state_name(ENTITY_NODE, node_derived_state(m)));
	}
	bool any = r->ready.n + r->own.n > 0 || r->parked > 0 || r->counts[NODE_RETRYING] > 0;
	struct run *child = any ? NULL : paused_child(r);
	if (any || child) {
		run_set_step(e, r, child ? r->nodes[child->parent_node] : m);
		run_resume_alone(e, r, n);
		if (child)
			run_resume(e, child, n);
		return ERR_OK;
	}
	/* Nothing is left to run: it ends. */
	*ret_note = "no_next_node";
	run_resume(e, r, n);
	return ERR_OK;
}

static enum err_code do_until(struct engine *e, struct run *r, const struct command *c, const struct note *n,
			      struct err *err)
{
	if (c->nnodes == 0 && !c->failure)
		return err_set(err, ERR_USAGE, _("name the nodes to stop at"));
	bool reached = false;
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *m = run_node(r, c->nodes[i]);
		if (!m)
			return err_set(err, ERR_NOT_FOUND, _("the run has no node %s"), c->nodes[i]);
		if (state_final(ENTITY_NODE, (int)m->state) && !node_completed(m))
			return err_set(err, ERR_CONFLICT, _("%s was %s: it will not be reached"), m->name,
				       state_name(ENTITY_NODE, (int)m->state));
		reached |= node_completed(m);
	}
	if (reached) {
		/* Nothing runs for a target that is there already. */
		run_event(e, r, "run.until_reached", n);
		if (r->state == RUN_RUNNING)
			run_pause(e, r, &(struct note){ .actor = n->actor, .who = n->who, .reason = "until" });
		return ERR_OK;
	}
	run_set_until(e, r, c->nodes, c->nnodes, c->failure);
	r->mode = MODE_UNTIL;
	if (r->state == RUN_PAUSED) {
		run_resume(e, r, n);
	} else {
		run_store(e, r);
		run_event(e, r, "run.until", n);
		run_schedule(e, r); /* it may have been in the middle of a step */
	}
	return ERR_OK;
}

static enum err_code acknowledge(struct engine *e, id_t64 id, const struct note *n, struct err *err)
{
	struct run_row row;
	enum err_code code = store_run_get(e->store, id, &row, err);
	if (code || row.acknowledged)
		return code;
	/* The texts of the row live until the next use of its statement; RUN_SET is another one. */
	row.acknowledged = true;
	store_run_set(e->store, &row);
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = "run.acknowledged", .order = row.order, .run = id,
				.idx = -1, .generation = row.generation, .was = -1, .now = -1, .actor = n->actor,
				.who = n->who, .reason = n->reason };
	store_event(e->store, &ev);
	return ERR_OK;
}

void run_set_priority(struct engine *e, struct run *r, int priority, const struct note *n)
{
	r->priority = priority;
	run_store(e, r);
	run_event(e, r, "run.priority", n);
	for (size_t i = 0; i < r->children.n; i++)
		run_set_priority(e, r->children.v[i], priority, n);
}

/* It runs, but would stop by itself after a step or at a target: now it will not. */
static void go_on(struct engine *e, struct run *r, const struct note *n)
{
	r->mode = MODE_RUN;
	run_set_until(e, r, NULL, 0, false);
	run_store(e, r);
	run_event(e, r, "run.resumed", n);
	run_schedule(e, r);
	run_touch(e, r);
}

static enum err_code run_verb(struct engine *e, const struct command *c, int *ret_state, const char **ret_note,
			      struct flow_report *report, struct err *err);

/* What retry and resume_from change before they go back; nothing when they cannot go back. */
static enum err_code edit_first(struct engine *e, const struct command *c, const struct note *n,
				struct flow_report *report, struct err *err)
{
	struct reset p;
	enum err_code code = reset_make(e, c, &p, err);
	if (code)
		return code;
	reset_done(e, &p);
	return run_edit(e, c, &(struct note){ .actor = n->actor, .who = n->who, .reason = c->reason }, report, err);
}

/* Retry, resume_from and rollback. */
static enum err_code send_back(struct engine *e, const struct command *c, const struct note *n,
			       struct flow_report *report, struct err *err)
{
	const struct run *r = map_get(&e->runs, (uint64_t)c->id);
	enum err_code code = ERR_OK;
	if (c->edit && r && !r->dead && r->state != RUN_PAUSED) {
		code = err_set(err, ERR_CONFLICT, _("what a run is given can be changed when nothing runs in it"));
		err_hint(err, _("pause it first: pawl pause %s"), id_text('r', c->id).s);
	} else if (c->edit) {
		code = edit_first(e, c, n, report, err);
	}
	struct command then = *c; /* what was to be edited is */
	then.edit = NULL;
	return code ? code : way_back_ask(e, &then, &(struct note){ .actor = n->actor, .who = n->who, .reason = c->reason }, err);
}

/* The end of a shell, and what is to become of the node; what cannot be leaves the hold as it is. */
static enum err_code end_shell(struct engine *e, const struct command *c, int *ret_state, const char **ret_note,
			       struct err *err)
{
	const char *reason = c->reason ? c->reason : "a shell";
	struct command then = { .verb = c->outcome == SHELL_RETRY ? VERB_RETRY : VERB_MARK, .id = c->id,
				.nodes = c->nodes, .nnodes = c->nnodes, .outputs = c->outputs, .who = c->who,
				.reason = reason };
	enum err_code code = hold_lift(e, c, true, err);
	if (!code && c->outcome != SHELL_LEAVE)
		code = run_verb(e, &then, ret_state, ret_note, NULL, err);
	if (!code)
		hold_end(e, c, &(struct note){ .actor = ACTOR_OPERATOR, .who = c->who, .reason = c->reason });
	else
		(void)hold_lift(e, c, false, NULL);
	return code;
}

static enum err_code run_verb(struct engine *e, const struct command *c, int *ret_state, const char **ret_note,
			      struct flow_report *report, struct err *err)
{
	struct run *r = map_get(&e->runs, (uint64_t)c->id);
	struct run_row row;
	struct id_text id = id_text('r', c->id);
	if (!r || r->dead) {
		enum err_code code = store_run_get(e->store, c->id, &row, err);
		if (code)
			return code;
	}
	int state = r && !r->dead ? (int)r->state : (int)row.state;
	enum verb_fit fit = verb_fits(c->verb, state);
	struct note n = { .actor = ACTOR_OPERATOR, .who = c->who, .reason = c->reason ? c->reason : "operator" };
	if (fit == FIT_YES && c->verb == VERB_UNDO)
		return run_undo(e, c, &(struct note){ .actor = n.actor, .who = n.who, .reason = c->reason }, err);
	if (fit == FIT_YES && c->verb == VERB_EDIT)
		return run_edit(e, c, &(struct note){ .actor = n.actor, .who = n.who, .reason = c->reason }, report, err);
	if (fit == FIT_YES && c->verb == VERB_SHELL)
		return hold_begin(e, c, &(struct note){ .actor = n.actor, .who = n.who, .reason = c->reason }, err);
	if (c->verb == VERB_SHELL_RENEW)
		return hold_renew(e, c, err);
	if (c->verb == VERB_SHELL_END)
		return end_shell(e, c, ret_state, ret_note, err);
	enum err_code held = fit == FIT_NO ? ERR_OK : hold_refuses(e, c, err);
	if (held)
		return held;
	if (fit == FIT_YES && c->verb == VERB_ACKNOWLEDGE)
		return acknowledge(e, c->id, &n, err);
	if (fit == FIT_YES && (c->verb == VERB_RETRY || c->verb == VERB_RESUME_FROM || c->verb == VERB_ROLLBACK))
		return send_back(e, c, &n, report, err);
	if (fit == FIT_YES && (c->verb == VERB_SKIP || c->verb == VERB_MARK))
		return run_mark(e, c, &n, err);
	if (fit == FIT_YES && (c->verb == VERB_BREAK || c->verb == VERB_UNBREAK))
		return run_break(e, c, &(struct note){ .actor = n.actor, .who = n.who, .reason = c->reason }, err);
	if (fit == FIT_DONE && c->verb == VERB_RESUME && r && !r->dead && r->mode != MODE_RUN)
		go_on(e, r, &(struct note){ .actor = n.actor, .who = n.who });
	if (fit == FIT_DONE) {
		*ret_note = c->verb == VERB_STEP ? "no_next_node" : NULL;
		return ERR_OK;
	}
	if (fit == FIT_NO || !r || r->dead) {
		*ret_state = state;
		struct event_row ev = { .at_ms = e->now.wall_ms, .type = "run.refused", .run = c->id, .idx = -1,
					.was = state, .now = -1, .actor = ACTOR_OPERATOR, .who = c->who,
					.reason = verb_name(c->verb) };
		store_event(e->store, &ev);
		return wrong_state(ENTITY_RUN, c->verb, id.s, state, err);
	}
	switch (c->verb) {
	case VERB_PAUSE:
		run_pause(e, r, &n);
		break;
	case VERB_FREEZE:
		run_freeze(e, r, &n);
		break;
	case VERB_RESUME:
		r->mode = MODE_RUN;
		run_set_until(e, r, NULL, 0, false);
		run_resume(e, r, &(struct note){ .actor = n.actor, .who = n.who });
		break;
	case VERB_STEP:
		return do_step(e, r, c, &(struct note){ .actor = n.actor, .who = n.who }, ret_note, err);
	case VERB_UNTIL:
		return do_until(e, r, c, &(struct note){ .actor = n.actor, .who = n.who }, err);
	case VERB_CANCEL:
		run_cancel(e, r, false, &n);
		break;
	case VERB_RUN_PRIORITY:
		run_set_priority(e, r, c->priority, &n);
		break;
	case VERB_DECIDE:
		return run_decide(e, r, c, err);
	case VERB_RETRY:
	case VERB_RESUME_FROM:
	case VERB_ROLLBACK:
	case VERB_FORK:
	case VERB_SKIP:
	case VERB_MARK:
	case VERB_BREAK:
	case VERB_UNBREAK:
	case VERB_EDIT:
	case VERB_UNDO:
	case VERB_SHELL:
	case VERB_SHELL_RENEW:
	case VERB_SHELL_END:
		break; /* done above: they also fit runs that have ended */
	case VERB_SUBMIT:
	case VERB_ACKNOWLEDGE:
	case VERB_HOLD:
	case VERB_RELEASE:
	case VERB_FRONT:
	case VERB_BACK:
	case VERB_ORDER_PRIORITY:
	case VERB_ORDER_CANCEL:
	case VERB_QUEUE_PAUSE:
	case VERB_QUEUE_RESUME:
	case VERB_BREAKER:
	case VERB_PATCH:
	case VERB_COUNT:
		return err_set(err, ERR_INTERNAL, "not a verb of runs");
	}
	return ERR_OK;
}

/* ---- the engine ---- */

static void pause_queue(struct engine *e, bool paused, const struct command *c)
{
	if (e->queue_paused == paused)
		return;
	e->queue_paused = paused;
	store_meta_set(e->store, "queue_paused", paused ? "1" : "0");
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = paused ? "queue.paused" : "queue.resumed", .idx = -1,
				.was = -1, .now = -1, .actor = ACTOR_OPERATOR, .who = c->who, .reason = c->reason };
	store_event(e->store, &ev);
}

/* A verb of a run, and what would take it back. */
static enum err_code noted_verb(struct engine *e, const struct command *c, int *ret_state, const char **ret_note,
				struct flow_report *report, struct err *err)
{
	auto_str before = STR_INIT;
	bool noted = undo_before(e, c, &before);
	enum err_code code = run_verb(e, c, ret_state, ret_note, report, err);
	if (!code && noted)
		undo_note(e, c, &before);
	return code;
}

void engine_command(struct engine *e, const struct command *c, command_reply_fn reply, void *ctx)
{
	engine_touch(e);
	struct err err = { .code = ERR_OK };
	struct flow_report report = { 0 };
	enum err_code code = ERR_OK;
	id_t64 id = c->id;
	int state = -1;
	const char *note = NULL;
	struct hash body;
	int kind;
	if (e->storage_failed) {
		code = err_set(&err, ERR_STORAGE, _("nothing can be stored at present; what runs goes on"));
		err_hint(&err, _("free some space on the disk of %s; pawl goes on by itself"), e->home);
		refuse(reply, ctx, code, &err, -1, NULL);
		return;
	}
	if (c->idempotency_key && store_idempotency_get(e->store, c->idempotency_key, &body, &kind, &id)) {
		if (memcmp(&body, &c->body, sizeof(body)) == 0) {
			answer_later(e, reply, ctx, id, true, NULL);
			return;
		}
		code = err_set(&err, ERR_CONFLICT, _("the idempotency key was used with another request"));
		refuse(reply, ctx, code, &err, -1, NULL);
		return;
	}
	if (e->draining && c->verb == VERB_SUBMIT)
		code = err_set(&err, ERR_UNAVAILABLE, _("the engine is stopping"));
	else if (c->verb == VERB_SUBMIT)
		code = submit(e, c, &report, &id, &err);
	else if (c->verb == VERB_QUEUE_PAUSE || c->verb == VERB_QUEUE_RESUME)
		pause_queue(e, c->verb == VERB_QUEUE_PAUSE, c);
	else if (c->verb == VERB_BREAKER)
		code = run_force_breaker(e, c, &err);
	else if (c->verb == VERB_PATCH)
		code = run_patch(e, c, &id, &err);
	else if (c->verb == VERB_FORK)
		code = run_fork(e, c, &id, &state, &err);
	else if (verb_entity(c->verb) == ENTITY_ORDER)
		code = order_verb(e, c, &state, &err);
	else
		code = noted_verb(e, c, &state, &note, &report, &err);
	if (code) {
		refuse(reply, ctx, code, &err, state, code == ERR_INVALID && report.n ? &report : NULL);
	} else {
		if (c->idempotency_key)
			store_idempotency_put(e->store, c->idempotency_key, &c->body,
					      c->verb == VERB_SUBMIT || c->verb == VERB_FORK || verb_entity(c->verb) == ENTITY_ORDER ? 1 : 2,
					      id, e->now.wall_ms);
		answer_later(e, reply, ctx, id, false, note);
	}
	flow_report_done(&report);
}
