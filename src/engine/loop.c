/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Iterations: work, checks, decision, and again. What is decided is model/loop.c's; here it is carried out, and each
 * step of it is a row before the next begins: after a crash work that is done is checked, not repeated. */
#include "engine/engine_internal.h"
#include "model/budget.h"
#include "model/feedback.h"

#include <stdio.h>
#include <string.h>

#define REPORT_MAX (512 * KIB)

bool node_loops(const struct node *n)
{
	const struct graph_node *d = n->def;
	const struct graph_budget *b = &d->budget;
	if (n->parent < 0 && d->kind == NODE_GROUP)
		return false;
	return d->kind == NODE_PATCH || d->nchecks || d->loop || d->kind == NODE_AGENT || d->kind == NODE_LLM || b->wall_ms || b->iteration_ms ||
	       b->tokens || b->tokens_per_iteration || b->cost_micro_usd || b->disk_bytes || b->memory_bytes ||
	       b->iterations;
}

void loop_free(struct node *n)
{
	struct node_loop *l = n->loop;
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		free((void *)(uintptr_t)l->rounds[i].said);
	free((void *)(uintptr_t)l->now.said);
	free(l->rounds);
	free(l->feedback);
	free(l->message);
	free(l->tail);
	free(l->tree);
	free(l->report);
	free(l);
	n->loop = NULL;
}

bool loop_between(const struct node *n)
{
	return n->state == NODE_VALIDATING && !n->counted;
}

enum attempt_phase node_phase(const struct node *n)
{
	return n->loop ? n->loop->phase : PHASE_WORK;
}

void loop_event(struct engine *e, const struct node *n, const char *type, const struct note *note)
{
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = type, .order = n->run->order_id, .run = n->run->id,
				.idx = n->idx, .generation = n->generation, .iteration = n->iteration,
				.attempt = n->attempt, .was = -1, .now = -1, .actor = note->actor, .who = note->who,
				.reason = note->reason, .data = note->data };
	store_event(e->store, &ev);
}

/* ---- limits ---- */

static void used_by(struct engine *e, const struct node *n, struct budget_used *u)
{
	const struct node_loop *l = n->loop;
	*u = (struct budget_used){ .memory_bytes = l->memory_bytes,
				   .tokens = l->used.total, .cost_micro_usd = l->used.cost_micro_usd,
				   .iteration_tokens = l->iteration_tokens, .call_tokens = l->used.call_total,
				   .call_cost_micro_usd = l->used.call_cost_micro_usd, .iterations = (int)l->n + l->opened };
	u->wall_ms = l->began_ms ? MAX(e->now.wall_ms - l->began_ms, (int64_t)0) : 0;
	u->iteration_ms = l->started_ms ? MAX(e->now.wall_ms - l->started_ms, (int64_t)0) : 0;
	u->disk_bytes = node_space(n)->disk_bytes;
}

int64_t engine_disk_used(struct engine *e, id_t64 run, int idx)
{
	const struct run *r = map_get(&e->runs, run);
	const struct node *n = r && idx >= 0 && (size_t)idx < r->nnodes ? r->nodes[idx] : NULL;
	return n && disk_is_limited(n) && node_space(n)->disk_bytes ? node_space(n)->disk_bytes : -1;
}

/* Of a whole run that the node belongs to, and whose nodes and sub-workflows share it. */
static void used_by_run(struct engine *e, const struct node *n, const struct run *r, struct budget_used *u)
{
	*u = (struct budget_used){ .tokens = r->used.total, .cost_micro_usd = r->used.cost_micro_usd,
				   .call_tokens = n->loop->used.call_total,
				   .call_cost_micro_usd = n->loop->used.call_cost_micro_usd,
				   .wall_ms = r->started_ms ? e->now.wall_ms - r->started_ms - r->paused_ms : 0,
				   .iterations = r->iterations, .iteration_tokens = n->loop->iteration_tokens };
	u->iteration_ms = n->loop->started_ms ? e->now.wall_ms - n->loop->started_ms : 0;
	u->memory_bytes = n->loop->memory_bytes;
	/* Workstreams may have the same folder. */
	for (size_t i = 0; i < r->graph->nstreams; i++) {
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again = again || r->spaces[k] == r->spaces[i];
		u->disk_bytes += again || !r->spaces[i] ? 0 : r->spaces[i]->disk_bytes;
	}
}

enum budget_kind loop_limit(struct engine *e, struct node *n, enum budget_moment moment, char *why, size_t size)
{
	struct budget_used u;
	used_by(e, n, &u);
	enum budget_kind k = budget_check(&n->def->budget, &u, moment, why, size);
	if (k)
		return k;
	for (const struct run *r = n->run; r && !k; r = r->parent) {
		used_by_run(e, n, r, &u);
		k = budget_check(&r->graph->budget, &u, moment, why, size);
	}
	return k;
}

int64_t loop_time_left_ms(struct engine *e, const struct node *n)
{
	struct budget_used u;
	if (!n->loop)
		return 0;
	used_by(e, n, &u);
	int64_t left = budget_time_left_ms(&n->def->budget, &u);
	for (const struct run *r = n->run; r; r = r->parent) {
		used_by_run(e, n, r, &u);
		int64_t there = budget_time_left_ms(&r->graph->budget, &u);
		left = left && there ? MIN(left, there) : left + there;
	}
	return left;
}

/* ---- rows ---- */

static void put_row(struct engine *e, struct node *n, enum iteration_state state, const struct loop_decision *d,
		    int64_t ended_ms)
{
	struct node_loop *l = n->loop;
	unsigned int bits = (l->now.worked ? ITER_WORKED : 0U) | (l->now.verified ? ITER_VERIFIED : 0U) |
			    (l->now.passed ? ITER_PASSED : 0U) | (l->now.changed ? ITER_CHANGED : 0U) |
			    (l->same_prompt ? ITER_SAME_PROMPT : 0U);
	l->state = state;
	struct iteration_row row = {
		.run = n->run->id, .idx = n->idx, .generation = n->generation, .iteration = n->iteration, .state = state,
		.work = l->work, .verify = l->verify, .strategy = l->strategy,
		.last = l->strategy ? l->strategy : l->verify ? l->verify : l->work, .prompt = l->prompt, .tree = l->tree,
		.content = l->now.content, .signature = l->now.signature, .level = l->now.level,
		.problems = l->now.problems, .bits = bits, .score = (int)(loop_score(&l->now, l->levels) * 1000),
		.action = d ? (int)d->action : 0, .final = d ? (int)d->final : 0, .trend = d ? (int)d->trend : 0,
		.detected = d ? d->detected : NULL, .confidence = d ? (int)(d->confidence * 1000) : 0,
		.reason = d && d->reason[0] ? d->reason : NULL, .feedback = l->feedback, .class = l->class,
		.message = l->message, .started_ms = l->started_ms, .worked_ms = l->worked_ms, .ended_ms = ended_ms,
	};
	store_iteration_put(e->store, &row);
	GROW(e->changed, e->nchanged, e->capchanged);
	e->changed[e->nchanged++] = (struct changed_iteration){ row.run, row.idx, row.generation, row.iteration };
}

static void hash_prompt(struct node *n)
{
	struct node_loop *l = n->loop;
	const char *feedback = l->feedback ? l->feedback : "";
	struct hash_part parts[] = { { n->run->graph->hash.b, HASH_LEN },
				     { n->name, strlen(n->name) },
				     { feedback, strlen(feedback) } };
	struct hash h = hash_parts(parts, COUNT(parts));
	hash_hex(&h, l->prompt);
}

/* Its row is made, before anything of it begins. */
static void begin_iteration(struct engine *e, struct node *n)
{
	struct node_loop *l = n->loop;
	l->started_ms = e->now.wall_ms;
	l->began_ms = l->began_ms ? l->began_ms : l->started_ms;
	l->phase = PHASE_WORK;
	l->iteration_tokens = 0;
	l->opened = true;
	for (struct run *r = n->run; r; r = r->parent)
		r->iterations++;
	hash_prompt(n);
	put_row(e, n, ITERATION_BUILDING, NULL, 0);
	auto_str data = STR_INIT;
	str_addf(&data, "{\"iteration\":%d,\"of\":%d}", (int)l->n + 1, loop_most(n->def->loop));
	loop_event(e, n, "iteration.started", &(struct note){ .actor = ACTOR_ENGINE, .data = str_text(&data) });
}

bool loop_may_start(struct engine *e, struct node *n, char *why, size_t size)
{
	if (!node_loops(n))
		return true;
	if (!n->loop) {
		n->loop = xcalloc(1, sizeof(*n->loop));
		n->loop->now.changed = true;
	}
	struct node_loop *l = n->loop;
	if (l->phase != PHASE_WORK)
		return true;
	if (loop_limit(e, n, l->opened ? BUDGET_BEFORE_CALL : BUDGET_BEFORE_ITERATION, why, size))
		return false;
	if (!l->opened)
		begin_iteration(e, n);
	return true;
}

void loop_started(struct engine *e, struct node *n)
{
	struct node_loop *l = n->loop;
	if (!l)
		return;
	int64_t *const tokens[] = { &l->work, &l->verify, &l->strategy };
	static const enum iteration_state states[] = { ITERATION_BUILDING, ITERATION_VERIFYING, ITERATION_DECIDING };
	*tokens[l->phase] = n->token;
	put_row(e, n, states[l->phase], NULL, 0);
}

/* ---- the end of an iteration ---- */

static void keep_round(struct node_loop *l)
{
	GROW(l->rounds, l->n, l->cap);
	l->rounds[l->n++] = l->now;
	l->now = (struct loop_round){ .changed = true };
}

static void decided_event(struct engine *e, const struct node *n, const struct loop_decision *d, const struct note *by)
{
	auto_str data = STR_INIT;
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	jw_str(&w, "action", loop_action_name(d->action));
	jw_str(&w, "final", d->final ? loop_final_name(d->final) : NULL);
	jw_str(&w, "trend", loop_trend_name(d->trend));
	jw_str(&w, "detected", d->detected);
	jw_bool(&w, "passed", n->loop->now.passed);
	jw_int(&w, "problems", n->loop->now.problems);
	jw_str(&w, "class", n->loop->class ? error_class_name(n->loop->class) : NULL);
	jw_end_obj(&w);
	loop_event(e, n, "iteration.decided",
		   &(struct note){ .actor = by->actor, .who = by->who, .reason = d->reason, .data = str_text(&data) });
}

static enum iteration_state final_state(const struct node_loop *l, const struct loop_decision *d)
{
	if (d->final == FINAL_CANCELED)
		return ITERATION_CANCELED;
	return !l->now.worked ? ITERATION_FAILED : l->now.passed ? ITERATION_PASSED : ITERATION_REJECTED;
}

static void end_iteration(struct engine *e, struct node *n, const struct loop_decision *d, const struct note *by)
{
	decided_event(e, n, d, by);
	put_row(e, n, final_state(n->loop, d), d, e->now.wall_ms);
	n->loop->opened = false;
}

void loop_close(struct engine *e, struct node *n, enum node_state to, const char *reason)
{
	struct node_loop *l = n->loop;
	if (!l || !l->opened)
		return;
	struct loop_decision d = { .action = LOOP_STOP, .final = to == NODE_FAILED ? FINAL_ERROR :
								 to == NODE_SUCCEEDED ? FINAL_PASSED : FINAL_CANCELED };
	loop_say(&d, reason ? reason : _("canceled"), NULL);
	end_iteration(e, n, &d, &BY_ENGINE);
}

/* What failed, in a sentence, for the node. */
static char *sum_up(const struct node *n, const struct loop_decision *d)
{
	const struct node_loop *l = n->loop;
	const char *what = l->message ? l->message : l->class ? _(error_class_meaning(l->class)) : "";
	int rounds = (int)l->n + 1;
	if (!n->def->loop && d->final != FINAL_TIMEOUT && d->final != FINAL_BUDGET)
		return xstrdup(what);
	return *what ? xasprintf(_("%s (iteration %d): %s"), d->reason, rounds, what) : xstrdup(d->reason);
}

static enum error_class class_of(const struct node_loop *l, const struct loop_decision *d)
{
	switch (d->final) {
	case FINAL_TIMEOUT:
	case FINAL_BUDGET:
		return CLASS_BUDGET;
	case FINAL_LOOP:
		return CLASS_LOOP;
	case FINAL_NONE:
	case FINAL_PASSED:
	case FINAL_MAX_ITERATIONS:
	case FINAL_STRATEGY:
	case FINAL_ERROR:
	case FINAL_CANCELED:
	case FINAL_COUNT:
		break;
	}
	return l->class ? l->class : CLASS_LOOP;
}

static void stop(struct engine *e, struct node *n, const struct loop_decision *d, const struct note *by)
{
	bool canceling = n->run->state == RUN_CANCELING && n->run->phase == PHASE_MAIN;
	auto_free char *why = d->final == FINAL_PASSED ? NULL : sum_up(n, d);
	enum error_class class = class_of(n->loop, d);
	end_iteration(e, n, d, by);
	if (d->final == FINAL_PASSED)
		node_end(e, n, NODE_SUCCEEDED, CLASS_NONE, NULL);
	else if (canceling)
		node_end(e, n, NODE_CANCELED, CLASS_CANCELED, why);
	else
		node_end(e, n, NODE_FAILED, class, why);
}

static void tell(struct node *n, const struct loop_decision *d, struct str *out)
{
	const struct node_loop *l = n->loop;
	auto_json *report = NULL;
	if (l->report && json_parse(l->report, strlen(l->report), REPORT_MAX, &report, NULL))
		report = NULL;
	struct feedback_case c = { .iteration = (int)l->n + 1, .report = report, .decision = d,
				   .failure = l->now.worked ? NULL : l->message, .tail = l->tail };
	feedback_add(&c, out);
}

/* It waits for a worker; its state says that it is in the middle. */
static void again(struct engine *e, struct node *n, const struct loop_decision *d)
{
	struct node_loop *l = n->loop;
	auto_str feedback = STR_INIT;
	if (d->action == LOOP_CONTINUE)
		tell(n, d, &feedback);
	else if (l->feedback)
		str_add(&feedback, l->feedback);
	keep_round(l);
	free(l->feedback);
	l->feedback = feedback.len ? str_take(&feedback) : NULL;
	l->same_prompt = d->action == LOOP_RETRY;
	free(TAKE(l->message));
	free(TAKE(l->tail));
	free(TAKE(l->report));
	free(TAKE(l->tree));
	l->class = CLASS_NONE;
	l->work = l->verify = l->strategy = 0;
	l->worked_ms = 0;
	n->iteration++;
	n->attempt = n->interrupted = 0;
	free(n->reason);
	n->reason = xstrdup(d->reason);
	begin_iteration(e, n);
	if (n->state != NODE_VALIDATING)
		node_move(e, n, NODE_VALIDATING, &(struct note){ .actor = ACTOR_ENGINE, .reason = d->reason });
	else
		node_store(e, n, store_last_seq(e->store));
	node_make_ready(e, n);
	run_touch(e, n->run);
}

static void escalate(struct engine *e, struct node *n, const struct loop_decision *d)
{
	auto_free char *question = xasprintf(_("%s: %s. What comes after iteration %d?"), n->name, d->reason,
					     (int)n->loop->n + 1);
	decided_event(e, n, d, &BY_ENGINE);
	put_row(e, n, ITERATION_WAITING, d, 0);
	ask_person(e, n, question, NULL,
		   1U << APPROVAL_CONTINUE | 1U << APPROVAL_RETRY | 1U << APPROVAL_SKIP | 1U << APPROVAL_ABORT);
}

/* ---- the decision ---- */

static void fill_case(struct engine *e, struct node *n, struct loop_case *c, char *limit, size_t size)
{
	struct node_loop *l = n->loop;
	*c = (struct loop_case){ .loop = n->def->loop, .iteration = (int)l->n + 1, .now = l->now, .previous = l->rounds,
				 .nprevious = l->n, .elapsed_ms = e->now.wall_ms - l->began_ms, .tokens = l->used.total,
				 .cost_micro_usd = l->used.cost_micro_usd,
				 .canceled = n->run->state == RUN_CANCELING && n->run->phase == PHASE_MAIN };
	enum budget_kind k = loop_limit(e, n, BUDGET_BEFORE_ITERATION, limit, size);
	if (!k && !l->now.passed)
		k = loop_limit(e, n, BUDGET_NOW, limit, size);
	if (k) {
		c->limit = limit;
		c->limit_final = k == BUDGET_WALL || k == BUDGET_ITERATION ? FINAL_TIMEOUT : FINAL_BUDGET;
	} else if (n->run->failing && !node_goes_on(n)) {
		c->limit = _("a critical node failed");
		c->limit_final = FINAL_CANCELED;
	}
}

static void settle(struct engine *e, struct node *n, const struct loop_decision *answer, const char *no_answer)
{
	struct node_loop *l = n->loop;
	struct loop_case c;
	struct loop_decision d;
	char limit[256] = "";
	if (!l->now.verified)
		l->now.passed = l->now.worked;
	fill_case(e, n, &c, limit, sizeof(limit));
	c.answer = answer;
	c.no_answer = no_answer;
	loop_decide(&c, &d);
	bool ask_command = c.loop && c.loop->strategy == LOOP_CUSTOM && d.action == LOOP_ESCALATE && !answer &&
			   l->phase != PHASE_STRATEGY;
	/* Nothing of it stays in the middle: what it applied is committed or taken back before it ends. */
	if (patch_settles(e, n, d.action == LOOP_STOP && d.final == FINAL_PASSED, l->message ? l->message : d.reason)) {
		l->phase = PHASE_STRATEGY;
		put_row(e, n, ITERATION_DECIDING, NULL, 0);
		if (n->state != NODE_VALIDATING)
			node_move(e, n, NODE_VALIDATING, &BY_ENGINE);
		return;
	}
	if (ask_command) {
		l->phase = PHASE_STRATEGY;
		put_row(e, n, ITERATION_DECIDING, NULL, 0);
		if (n->state != NODE_VALIDATING)
			node_move(e, n, NODE_VALIDATING, &BY_ENGINE);
		node_make_ready(e, n);
		run_touch(e, n->run); /* it may only have waited for this to pause */
		return;
	}
	if (d.action == LOOP_STOP)
		stop(e, n, &d, &BY_ENGINE);
	else if (d.action == LOOP_ESCALATE)
		escalate(e, n, &d);
	else {
		end_iteration(e, n, &d, &BY_ENGINE);
		again(e, n, &d);
	}
}

static void keep_text(char **at, const char *text)
{
	char *copy = text && *text ? xstrdup(text) : NULL;
	free(*at);
	*at = copy;
}

/* What it made: the files where they are kept, else what it said. */
static void look_at_work(struct node *n, const char *report)
{
	struct node_loop *l = n->loop;
	auto_json *v = NULL;
	if (report && json_parse(report, strlen(report), REPORT_MAX, &v, NULL))
		v = NULL;
	const char *said = json_get_str(v, "final_text", NULL);
	free((void *)(uintptr_t)l->now.said);
	l->now.said = said ? xstrdup(said) : NULL;
	const char *text = n->tree ? n->tree : said ? said : n->outputs;
	struct hash h = hash_bytes(text ? text : "", text ? strlen(text) : 0);
	l->now.content = 0;
	if (text)
		memcpy(&l->now.content, h.b, sizeof(l->now.content));
	const char *before = l->last_tree[0] ? l->last_tree : n->before;
	l->now.changed = !n->tree || !before || !str_eq(n->tree, before);
	keep_text(&l->tree, n->tree);
	(void)snprintf(l->last_tree, sizeof(l->last_tree), "%s", n->tree ? n->tree : "");
}

bool loop_worked(struct engine *e, struct node *n, const struct step_result *r, const char *message, const char *report)
{
	struct node_loop *l = n->loop;
	if (!l)
		return false;
	l->now.worked = r->class == CLASS_NONE;
	l->worked_ms = e->now.wall_ms;
	l->memory_bytes = MAX(l->memory_bytes, r->rss_kib * KIB);
	look_at_work(n, report);
	l->class = r->class;
	keep_text(&l->message, r->class ? message : NULL);
	keep_text(&l->tail, r->class ? r->tail : NULL);
	bool canceling = n->run->state == RUN_CANCELING && n->run->phase == PHASE_MAIN;
	if (!l->now.worked || n->def->nchecks == 0 || canceling) {
		settle(e, n, NULL, NULL);
		return true;
	}
	l->phase = PHASE_VERIFY;
	put_row(e, n, ITERATION_VERIFYING, NULL, 0);
	node_move(e, n, NODE_VALIDATING, &(struct note){ .actor = ACTOR_WORKER });
	node_make_ready(e, n);
	return true;
}

static void verified(struct engine *e, struct node *n, const struct step_result *r, const char *message,
		     const char *report)
{
	struct node_loop *l = n->loop;
	auto_json *v = NULL;
	if (report && json_parse(report, strlen(report), REPORT_MAX, &v, NULL))
		v = NULL;
	keep_text(&l->report, report);
	l->now.verified = true;
	if (v) {
		feedback_round(v, &l->now);
		l->levels = feedback_levels(v);
	} else {
		/* The checks themselves could not be made: that is no pass. */
		l->now.passed = false;
		l->now.problems = 1;
	}
	if (r->class != CLASS_NONE)
		l->now.passed = false;
	l->class = l->now.passed ? CLASS_NONE : r->class ? r->class : CLASS_VERIFICATION;
	keep_text(&l->message, l->now.passed ? NULL : message && *message ? message : _(error_class_meaning(l->class)));
	settle(e, n, NULL, NULL);
}

static void answered(struct engine *e, struct node *n, const struct step_result *r, const char *message,
		     const char *outputs)
{
	struct loop_decision d;
	auto_json *v = NULL;
	struct err err = { 0 };
	bool good = r->class == CLASS_NONE;
	if (good && (!outputs || !*outputs))
		err_note(&err, ERR_INVALID, _("it wrote nothing to $PAWL_OUTPUT; a line decision=continue, stop, retry or escalate is wanted"));
	else if (good && !json_parse(outputs, strlen(outputs), REPORT_MAX, &v, &err) && !loop_answer(v, &d, &err)) {
		settle(e, n, &d, NULL);
		return;
	}
	auto_free char *why = xasprintf(_("the command of the strategy did not answer: %s"), good ? err.message : message ? message : "?");
	settle(e, n, NULL, why);
}

bool loop_attempt_ended(struct engine *e, struct node *n, const struct step_result *r, const char *message,
			const char *report, const char *outputs)
{
	if (!n->loop)
		return false;
	switch (n->loop->phase) {
	case PHASE_WORK:
		return loop_worked(e, n, r, message, report);
	case PHASE_VERIFY:
		verified(e, n, r, message, report);
		return true;
	case PHASE_STRATEGY:
		answered(e, n, r, message, outputs);
		return true;
	case ATTEMPT_PHASE_COUNT:
		break;
	}
	return false;
}

/* After a restart in the middle of that. */
void loop_settle_patch(struct engine *e, struct node *n)
{
	if (!patch_busy(n))
		settle(e, n, NULL, NULL);
}

void loop_patched(struct engine *e, struct node *n, id_t64 patch, enum patch_state state, const char *why)
{
	struct node_loop *l = n->loop;
	if (!l)
		return;
	if (state == PATCH_COMMITTED) {
		struct loop_decision d = { .action = LOOP_STOP, .final = FINAL_PASSED };
		(void)snprintf(d.reason, sizeof(d.reason), "%s", _("the patch is committed"));
		stop(e, n, &d, &BY_ENGINE);
		return;
	}
	if (!l->class) {
		l->class = CLASS_PATCH;
		keep_text(&l->message, why);
	}
	/* When they could not be restored, that is more important than why they were to be. */
	bool back = state == PATCH_QUARANTINED;
	auto_free char *told = xasprintf(back ? _("%s; the patch is taken back, see: pawl patches show %s") : _("%s; see: pawl patches show %s"),
					 (back ? l->message : why) ? (back ? l->message : why) : "", id_text('p', patch).s);
	keep_text(&l->message, told);
	l->now.verified = true;
	l->now.passed = false;
	settle(e, n, NULL, NULL);
}

/* ---- a person decided ---- */

void loop_answered(struct engine *e, struct node *n, const struct answer_row *a)
{
	struct loop_decision d = { .action = a->choice == APPROVAL_RETRY ? LOOP_RETRY : LOOP_CONTINUE };
	auto_free char *why = xasprintf(_("%s decided: %s"), a->who ? a->who : "?",
					a->reason ? a->reason : approval_choice_name((enum approval_choice)a->choice));
	loop_say(&d, why, a->feedback);
	end_iteration(e, n, &d, &(struct note){ .actor = ACTOR_OPERATOR, .who = a->who });
	again(e, n, &d);
}

/* ---- what a strategy's command reads ---- */

void loop_input(struct engine *e, const struct node *n, struct str *out)
{
	const struct node_loop *l = n->loop;
	struct jw w = jw_begin(out);
	jw_obj(&w, NULL);
	jw_str(&w, "run", id_text('r', n->run->id).s);
	jw_str(&w, "node", n->name);
	jw_int(&w, "iteration", (int64_t)l->n + 1);
	jw_int(&w, "max_iterations", loop_most(n->def->loop));
	jw_int(&w, "elapsed_ms", e->now.wall_ms - l->began_ms);
	jw_int(&w, "max_time_ms", n->def->budget.wall_ms);
	jw_bool(&w, "agent_success", l->now.worked);
	jw_bool(&w, "verification_passed", l->now.passed);
	jw_int(&w, "problems", l->now.problems);
	jw_int(&w, "tokens", l->used.total);
	jw_int(&w, "cost_micro_usd", l->used.cost_micro_usd);
	jw_str(&w, "class", l->class ? error_class_name(l->class) : NULL);
	jw_str(&w, "message", l->message);
	jw_str(&w, "said", l->now.said);
	jw_raw(&w, "report", l->report ? l->report : "null");
	jw_arr(&w, "previous");
	for (size_t i = 0; i < l->n; i++) {
		jw_obj(&w, NULL);
		jw_int(&w, "iteration", (int64_t)i + 1);
		jw_bool(&w, "agent_success", l->rounds[i].worked);
		jw_bool(&w, "verification_passed", l->rounds[i].passed);
		jw_int(&w, "level", l->rounds[i].level);
		jw_int(&w, "problems", l->rounds[i].problems);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
}

/* ---- after a start ---- */

struct loading {
	struct engine *e;
	struct node *n;
	bool found;
};

static void load_row(void *ctx, const struct iteration_row *row)
{
	struct loading *ld = ctx;
	struct node_loop *l = ld->n->loop;
	if (row->generation != ld->n->generation)
		return;
	ld->found = true;
	l->began_ms = l->began_ms ? l->began_ms : row->started_ms;
	l->started_ms = row->started_ms;
	l->worked_ms = row->worked_ms;
	l->state = row->state;
	l->opened = row->ended_ms == 0;
	l->work = row->work;
	l->verify = row->verify;
	l->strategy = row->strategy;
	l->class = row->class;
	l->same_prompt = row->bits & ITER_SAME_PROMPT;
	(void)snprintf(l->prompt, sizeof(l->prompt), "%s", row->prompt ? row->prompt : "");
	if (row->tree)
		(void)snprintf(l->last_tree, sizeof(l->last_tree), "%s", row->tree);
	keep_text(&l->tree, row->tree);
	keep_text(&l->feedback, row->feedback);
	keep_text(&l->message, row->message);
	l->now = (struct loop_round){ .worked = row->bits & ITER_WORKED, .verified = row->bits & ITER_VERIFIED,
				      .passed = row->bits & ITER_PASSED, .changed = row->bits & ITER_CHANGED,
				      .content = row->content, .signature = row->signature, .level = row->level,
				      .problems = row->problems };
	auto_free char *text = row->work ? store_report_get(ld->e->store, row->work) : NULL;
	auto_json *v = NULL;
	if (text && !json_parse(text, strlen(text), REPORT_MAX, &v, NULL) && json_get_str(v, "final_text", NULL))
		l->now.said = xstrdup(json_get_str(v, "final_text", ""));
	if (!l->opened)
		keep_round(l);
}

void loop_load(struct engine *e, struct node *n)
{
	struct loading ld = { .e = e, .n = n };
	struct usage_sum now;
	if (!node_loops(n) || n->iteration == 0 || n->state == NODE_PENDING || state_final(ENTITY_NODE, (int)n->state))
		return;
	n->loop = xcalloc(1, sizeof(*n->loop));
	n->loop->now.changed = true;
	if (store_iterations_of(e->store, n->run->id, n->idx, n->generation, 0, INT64_MAX, load_row, &ld, NULL) ||
	    !ld.found) {
		loop_free(n);
		return;
	}
	struct node_loop *l = n->loop;
	static const enum attempt_phase phases[ITERATION_STATE_COUNT] = {
		[ITERATION_VERIFYING] = PHASE_VERIFY, [ITERATION_DECIDING] = PHASE_STRATEGY,
	};
	l->phase = phases[l->state];
	if (l->verify)
		l->report = store_report_get(e->store, l->verify);
	if (!store_usage_sum(e->store, n->run->id, n->idx, n->generation, 0, &l->used, NULL) &&
	    !store_usage_sum(e->store, n->run->id, n->idx, n->generation, n->iteration, &now, NULL))
		l->iteration_tokens = now.total;
}
