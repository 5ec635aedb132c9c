/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions to people: an approval node, or a loop that asks what comes next. The question and its deadline are rows,
 * so they outlive the engine; the answer is audited with who gave it and why. */
#include "engine/engine_internal.h"

#include <string.h>

#define QUESTION_MAX (4 * KIB)
#define FEEDBACK_TEXT_MAX LOOP_FEEDBACK_MAX
#define ASK_AGAIN_MS 1000 /* a policy that cannot be carried out while other nodes run */

static void close_row(struct engine *e, const struct node *n, enum approval_state state, const struct answer_row *a)
{
	struct approval_row row;
	if (store_approval_get(e->store, n->run->id, n->idx, n->generation, n->iteration, &row, NULL))
		return;
	row.state = state;
	row.choice = a->choice;
	row.target = a->target;
	row.who = a->who;
	row.role = a->role;
	row.reason = a->reason;
	row.feedback = a->feedback;
	row.decided_ms = e->now.wall_ms;
	/* Its texts live in the statement that read them; the one that writes is another. */
	store_approval_put(e->store, &row);
}

static void approval_event(struct engine *e, const struct node *n, const char *type, const struct note *note)
{
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = type, .order = n->run->order_id, .run = n->run->id,
				.idx = n->idx, .generation = n->generation, .iteration = n->iteration,
				.attempt = n->attempt, .was = -1, .now = -1, .actor = note->actor, .who = note->who,
				.reason = note->reason, .data = note->data };
	store_event(e->store, &ev);
}

void approval_withdraw(struct engine *e, struct node *n)
{
	if (!n->asked)
		return;
	n->asked = false;
	close_row(e, n, APPROVAL_WITHDRAWN, &(struct answer_row){ .choice = -1 });
	approval_event(e, n, "approval.withdrawn", &BY_ENGINE);
}

/* ---- asking ---- */

static void list_choices(struct jw *w, unsigned int choices)
{
	jw_arr(w, "choices");
	for (int i = 0; i < APPROVAL_CHOICE_COUNT; i++)
		if (choices >> i & 1)
			jw_str(w, NULL, approval_choice_name((enum approval_choice)i));
	jw_end_arr(w);
}

static void list_names(struct str *out, char *const *names, size_t n)
{
	struct jw w = jw_begin(out);
	jw_arr(&w, NULL);
	for (size_t i = 0; i < n; i++)
		jw_str(&w, NULL, names[i]);
	jw_end_arr(&w);
}

static void list_targets(struct str *out, const struct node *n, const struct node_approval *a)
{
	struct jw w = jw_begin(out);
	jw_arr(&w, NULL);
	for (size_t i = 0; a && i < a->nto; i++)
		jw_str(&w, NULL, n->run->graph->nodes[a->to[i]].name);
	jw_end_arr(&w);
}

static void time_out(struct engine *e, struct timer *t);

void ask_person(struct engine *e, struct node *n, const char *question, const struct node_approval *a,
		  unsigned int choices)
{
	auto_str roles = STR_INIT, targets = STR_INIT, data = STR_INIT;
	list_names(&roles, a ? a->roles : NULL, a ? a->nroles : 0);
	list_targets(&targets, n, a);
	int64_t timeout_ms = a ? a->timeout_ms : 0;
	struct approval_row row = { .run = n->run->id, .idx = n->idx, .generation = n->generation,
				    .iteration = n->iteration, .state = APPROVAL_OPEN, .question = question,
				    .choices = choices, .roles = str_text(&roles), .targets = str_text(&targets),
				    .on_timeout = a ? (int)a->on_timeout : (int)APPROVAL_ABORT,
				    .asked_ms = e->now.wall_ms, .choice = -1,
				    .deadline_ms = timeout_ms ? e->now.wall_ms + timeout_ms : 0 };
	store_approval_put(e->store, &row);
	n->asked = true;
	n->next_ms = row.deadline_ms;
	free(n->reason);
	n->reason = xstrdup(question);
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	list_choices(&w, choices);
	jw_raw(&w, "roles", row.roles);
	jw_raw(&w, "to", row.targets);
	jw_time(&w, "deadline_ms", row.deadline_ms);
	jw_end_obj(&w);
	node_move(e, n, NODE_WAITING, &(struct note){ .actor = ACTOR_ENGINE, .reason = question });
	approval_event(e, n, "approval.requested",
		       &(struct note){ .actor = ACTOR_ENGINE, .reason = question, .data = str_text(&data) });
	if (timeout_ms)
		timer_set(e, &n->timer, timeout_ms, time_out);
}

void approval_start(struct engine *e, struct node *n)
{
	struct scope_ctx ctx = { e, n, n->run, NULL, 0 };
	struct expr_scope scope = node_scope(&ctx);
	auto_str question = STR_INIT;
	struct err err;
	own_begin(e, n);
	enum err_code code = tmpl_text(n->def->approval.ask, &scope, &question, &err);
	if (code) {
		node_end(e, n, NODE_FAILED, CLASS_EXPRESSION, err.message);
		return;
	}
	if (question.len > QUESTION_MAX) {
		size_t at = QUESTION_MAX;
		while (at > 0 && ((unsigned char)question.p[at] & 0xc0) == 0x80)
			at--;
		str_cut(&question, at);
	}
	ask_person(e, n, str_text(&question), &n->def->approval, n->def->approval.choices);
}

/* ---- the answer ---- */

/* The node has it as outputs: what follows may look at it. */
static void answer_outputs(struct node *n, const struct answer_row *a)
{
	auto_str out = STR_INIT;
	struct jw w = jw_begin(&out);
	jw_obj(&w, NULL);
	jw_str(&w, "choice", approval_choice_name((enum approval_choice)a->choice));
	jw_str(&w, "who", a->who ? a->who : "");
	jw_str(&w, "reason", a->reason ? a->reason : "");
	jw_str(&w, "feedback", a->feedback ? a->feedback : "");
	jw_end_obj(&w);
	free(n->outputs);
	n->outputs = str_take(&out);
}

/* The nodes that run again: the target, or what the question was about; and the question itself. */
static enum err_code go_back(struct engine *e, struct node *n, const struct answer_row *a, const struct note *note,
			     struct err *err)
{
	struct run *r = n->run;
	const char *names[65];
	size_t count = 0;
	if (n->parent >= 0)
		return err_set(err, ERR_CONFLICT, _("%s is one of a matrix or foreach; only continue, skip and abort are possible"),
			       n->name);
	if (a->choice == APPROVAL_REDIRECT)
		names[count++] = a->target;
	for (size_t i = 0; a->choice == APPROVAL_RETRY && i < n->def->nneeds && count < COUNT(names) - 1; i++)
		names[count++] = r->nodes[n->def->needs[i].node]->name;
	names[count++] = n->name;
	for (size_t i = 0; i < r->nnodes; i++)
		if (r->nodes[i]->state == NODE_RUNNING || r->nodes[i]->state == NODE_VALIDATING)
			return err_set(err, ERR_CONFLICT, _("%s still runs; answer with %s when it has ended"), r->nodes[i]->name,
				       approval_choice_name((enum approval_choice)a->choice));
	struct command c = { .verb = VERB_RESUME_FROM, .id = r->id, .nodes = names, .nnodes = count,
			     .reason = note->reason, .who = note->who };
	enum run_state was = r->state;
	if (was != RUN_PAUSED)
		run_pause(e, r, &(struct note){ .actor = note->actor, .who = note->who, .reason = "approval" });
	enum err_code code = run_reset(e, &c, note, err);
	if (code && was != RUN_PAUSED && r->state == RUN_PAUSED)
		run_resume(e, r, &(struct note){ .actor = note->actor, .who = note->who });
	return code;
}

/* Decided: the row, the event, and what follows. */
static enum err_code apply(struct engine *e, struct node *n, const struct answer_row *a, enum approval_state state,
			   struct err *err)
{
	static const enum node_state ends[] = { NODE_SUCCEEDED, NODE_WAITING, NODE_SKIPPED, NODE_WAITING, NODE_FAILED };
	bool expired = state == APPROVAL_EXPIRED;
	auto_str data = STR_INIT;
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	jw_str(&w, "choice", approval_choice_name((enum approval_choice)a->choice));
	jw_str(&w, "to", a->target);
	jw_str(&w, "role", a->role);
	jw_bool(&w, "expired", expired);
	jw_end_obj(&w);
	struct note note = { .actor = expired ? ACTOR_ENGINE : ACTOR_OPERATOR, .who = a->who, .reason = a->reason,
			     .data = str_text(&data) };
	struct node saved = *n; /* key of the row: a way back changes it */
	bool own = n->def->kind == NODE_APPROVAL;
	bool back = a->choice == APPROVAL_RETRY || a->choice == APPROVAL_REDIRECT;
	if (back && own) {
		n->asked = false;
		enum err_code code = go_back(e, n, a, &(struct note){ note.actor, note.who, note.reason, NULL }, err);
		n->asked = n->asked || code;
		if (code)
			return code;
	}
	close_row(e, &saved, state, a);
	approval_event(e, &saved, "approval.decided", &note);
	if (back && own)
		return ERR_OK;
	n->asked = false;
	timer_clear(e, &n->timer);
	if (n->run->state == RUN_WAITING)
		run_move(e, n->run, RUN_RUNNING, &(struct note){ .actor = note.actor, .who = note.who });
	if (!own && a->choice != APPROVAL_SKIP && a->choice != APPROVAL_ABORT) {
		loop_answered(e, n, a);
		return ERR_OK;
	}
	const char *word = a->choice == APPROVAL_SKIP ? "skipped" : a->choice == APPROVAL_ABORT ? "aborted" : "approved";
	auto_free char *reason = expired	? xasprintf("%s: %s", word, a->reason) :
				 a->reason	? xasprintf("%s by %s: %s", word, a->who ? a->who : "?", a->reason) :
						  xasprintf("%s by %s", word, a->who ? a->who : "?");
	note.reason = reason;
	auto_free char *by_class = xasprintf("{\"class\":\"%s\"}", error_class_name(CLASS_APPROVAL));
	if (a->choice == APPROVAL_ABORT)
		note.data = by_class;
	if (own)
		answer_outputs(n, a);
	node_end_by(e, n, ends[a->choice], a->choice == APPROVAL_ABORT ? CLASS_APPROVAL : CLASS_NONE, &note);
	return ERR_OK;
}

struct retried {
	int idx, n;
};

static void count_retry(void *ctx, const struct approval_row *a)
{
	struct retried *c = ctx;
	if (a->idx == c->idx)
		c->n = a->state == APPROVAL_EXPIRED && a->choice == APPROVAL_RETRY ? c->n + 1 : a->state == APPROVAL_OPEN ? c->n : 0;
}

/* A policy that asks anew does so a number of times in a row: nobody may ever come. */
static bool asked_enough(struct engine *e, const struct node *n, int *ret_times)
{
	struct retried c = { .idx = n->idx };
	if (n->def->approval.on_timeout != APPROVAL_RETRY || store_approvals_of(e->store, n->run->id, count_retry, &c, NULL))
		return false;
	*ret_times = c.n + 1;
	return c.n >= n->def->approval.retries;
}

static void time_out(struct engine *e, struct timer *t)
{
	struct node *n = CONTAINER_OF(t, struct node, timer);
	struct err err;
	int times = 0;
	if (n->state != NODE_WAITING || !n->asked)
		return;
	struct answer_row a = { .choice = (int)n->def->approval.on_timeout, .reason = "nobody decided in time" };
	auto_free char *enough = NULL;
	if (asked_enough(e, n, &times)) {
		enough = xasprintf("nobody decided in time, and it was asked %d times", times);
		a.choice = APPROVAL_ABORT;
		a.reason = enough;
	}
	if (apply(e, n, &a, APPROVAL_EXPIRED, &err))
		timer_set(e, &n->timer, ASK_AGAIN_MS, time_out);
}

void approval_load(struct engine *e, struct node *n)
{
	struct approval_row row;
	if (store_approval_get(e->store, n->run->id, n->idx, n->generation, n->iteration, &row, NULL) ||
	    row.state != APPROVAL_OPEN) {
		node_end(e, n, NODE_FAILED, CLASS_SYSTEM, _("its question is missing"));
		return;
	}
	n->asked = true;
	if (!row.deadline_ms)
		return;
	/* The wall clock may have been set meanwhile: never longer than it was to wait. */
	int64_t left = MIN(row.deadline_ms - e->now.wall_ms, row.deadline_ms - row.asked_ms);
	timer_set(e, &n->timer, MAX(left, (int64_t)0), time_out);
}

/* ---- the command ---- */

static struct node *only_question(const struct run *r, struct err *err)
{
	struct node *found = NULL;
	auto_str names = STR_INIT;
	for (size_t i = 0; i < r->nnodes; i++) {
		if (r->nodes[i]->state != NODE_WAITING)
			continue;
		str_addf(&names, "%s%s", found ? ", " : "", r->nodes[i]->name);
		found = r->nodes[i];
	}
	if (!found)
		err_note(err, ERR_CONFLICT, _("nothing in %s waits for a decision"), id_text('r', r->id).s);
	else if (!str_eq(found->name, str_text(&names)))
		err_note(err, ERR_USAGE, _("more than one node waits for a decision, name one: %s"), str_text(&names));
	else
		return found;
	return NULL;
}

static bool in_list(const char *list, const char *text)
{
	auto_json *v = NULL;
	if (json_parse(list, strlen(list), MIB, &v, NULL))
		return false;
	for (const struct json *i = json_first(v); i; i = json_next(i))
		if (str_eq(json_str(i, ""), text))
			return true;
	return false;
}

static enum err_code check_answer(const struct node *n, const struct approval_row *row, struct answer_row *a,
				  struct err *err)
{
	if (a->choice < 0 || a->choice >= APPROVAL_CHOICE_COUNT || !(row->choices >> a->choice & 1)) {
		auto_str words = STR_INIT;
		for (int i = 0; i < APPROVAL_CHOICE_COUNT; i++)
			if (row->choices >> i & 1)
				str_addf(&words, "%s%s", words.len ? ", " : "", approval_choice_name((enum approval_choice)i));
		return err_set(err, ERR_USAGE, _("%s asks for one of: %s"), n->name, str_text(&words));
	}
	bool everybody = str_eq(row->roles, "[]");
	if (!everybody && !in_list(row->roles, a->role))
		return err_set(err, ERR_FORBIDDEN, _("%s is to be decided by one of the roles %s, not by %s"), n->name,
			       row->roles, a->role);
	if (a->choice != APPROVAL_REDIRECT)
		return a->target ? err_set(err, ERR_USAGE, _("`to` belongs to redirect alone")) : ERR_OK;
	auto_json *targets = NULL;
	if (!a->target && json_parse(row->targets, strlen(row->targets), MIB, &targets, NULL) == ERR_OK &&
	    json_count(targets) != 1)
		return err_set(err, ERR_USAGE, _("redirect: name the node in `to`; it is one of %s"), row->targets);
	if (a->target && !in_list(row->targets, a->target))
		return err_set(err, ERR_USAGE, _("redirect: %s is not one of %s"), a->target, row->targets);
	return ERR_OK;
}

enum err_code run_decide(struct engine *e, struct run *r, const struct command *c, struct err *err)
{
	struct node *n = c->nnodes ? run_node(r, c->nodes[0]) : only_question(r, err);
	struct approval_row row;
	if (!n)
		return c->nnodes ? err_set(err, ERR_NOT_FOUND, _("the run has no node %s"), c->nodes[0]) : err->code;
	if (n->state != NODE_WAITING || !n->asked)
		return err_set(err, ERR_CONFLICT, _("%s is %s; it waits for no decision"), n->name,
			       state_name(ENTITY_NODE, node_derived_state(n)));
	if (c->feedback && strlen(c->feedback) > FEEDBACK_TEXT_MAX)
		return err_set(err, ERR_TOO_LARGE, _("feedback: at most %d bytes"), FEEDBACK_TEXT_MAX);
	enum err_code code = store_approval_get(e->store, r->id, n->idx, n->generation, n->iteration, &row, err);
	struct answer_row a = { .choice = c->choice, .target = c->target, .who = c->who,
				.role = c->role && *c->role ? c->role : "operator", .reason = c->reason,
				.feedback = c->feedback };
	if (!code)
		code = check_answer(n, &row, &a, err);
	if (code)
		return code;
	if (a.choice == APPROVAL_REDIRECT && !a.target)
		a.target = r->graph->nodes[n->def->approval.to[0]].name;
	return apply(e, n, &a, APPROVAL_DECIDED, err);
}
