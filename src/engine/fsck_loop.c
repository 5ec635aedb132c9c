/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fsck: iterations and questions agree with their nodes. */
#include "engine/fsck_internal.h"
#include "store/check.h"

static void check_end(struct facts *f, const struct iteration_row *i, const char *who)
{
	bool ended = i->ended_ms > 0, final = i->state >= ITERATION_PASSED;
	if (ended != final)
		fsck_wrong(f, _("%s iteration %d is %s, and its end is %s"), who, i->iteration,
			   iteration_state_name(i->state), ended ? _("noted") : _("not noted"));
	if (ended && !i->reason)
		fsck_wrong(f, _("%s iteration %d ended without a decision"), who, i->iteration);
	if (ended && (i->action == LOOP_STOP) != (i->final != FINAL_NONE))
		fsck_wrong(f, _("%s iteration %d decided %s, and ends as %s"), who, i->iteration,
			   loop_action_name((enum loop_action)i->action), loop_final_name((enum loop_final)i->final));
	if (i->state == ITERATION_PASSED && !(i->bits & ITER_PASSED))
		fsck_wrong(f, _("%s iteration %d passed, but its checks did not"), who, i->iteration);
}

static void read_iteration(void *ctx, const struct iteration_row *i)
{
	struct facts *f = ctx;
	struct fact_node *n = fact_node_find(f, i->run, i->idx, i->generation);
	const char *who = fact_name(i->run, i->idx);
	f->now->checked++;
	if (!n || !n->stored) {
		fsck_wrong(f, _("%s iteration %d belongs to no node"), who, i->iteration);
		return;
	}
	if (n->looped && i->iteration != n->last_iteration + 1)
		fsck_wrong(f, _("%s: iteration %d comes after %d"), who, i->iteration, n->last_iteration);
	if (n->looped && n->iteration_open)
		fsck_wrong(f, _("%s: iteration %d began while the one before it went on"), who, i->iteration);
	n->looped = true;
	n->last_iteration = i->iteration;
	n->iteration_open = i->ended_ms == 0;
	n->passed = i->final == FINAL_PASSED;
	check_end(f, i, who);
}

static void read_question(void *ctx, const struct approval_row *a)
{
	struct facts *f = ctx;
	struct fact_node *n = fact_node_find(f, a->run, a->idx, a->generation);
	const char *who = fact_name(a->run, a->idx);
	f->now->checked++;
	if (!n || !n->stored) {
		fsck_wrong(f, _("%s: its question belongs to no node"), who);
		return;
	}
	bool open = a->state == APPROVAL_OPEN;
	n->asked |= open;
	if (open && (n->state != NODE_WAITING || n->iteration != a->iteration))
		fsck_wrong(f, _("%s waits for an answer, but is %s"), who, state_name(ENTITY_NODE, (int)n->state));
	if (open != (a->decided_ms == 0))
		fsck_wrong(f, _("%s: its question is answered and open at once"), who);
}

static void compare_node(struct facts *f, const struct fact_node *n)
{
	const char *who = fact_name(n->run, n->idx);
	bool final = state_final(ENTITY_NODE, (int)n->state);
	const struct fact_run *r = map_get(&f->runs, (uint64_t)n->run);
	if (!r || fact_node_seen(f, n->run, n->idx, r->generation) != n)
		return; /* what it was when it was sent back */
	if (n->looped && final && n->iteration_open)
		fsck_wrong(f, _("%s has ended, but its iteration %d goes on"), who, n->last_iteration);
	if (n->looped && !final && n->state != NODE_PENDING && !n->iteration_open)
		fsck_wrong(f, _("%s is %s, but no iteration goes on"), who, state_name(ENTITY_NODE, (int)n->state));
	if (n->looped && n->state == NODE_SUCCEEDED && !n->decided && !n->passed)
		fsck_wrong(f, _("%s succeeded, but its last iteration did not pass"), who);
	if (n->state == NODE_WAITING && !n->asked)
		fsck_wrong(f, _("%s waits for an answer, but nothing was asked"), who);
}

void fsck_iterations(struct facts *f)
{
	struct err err;
	fsck_begin(f, "iterations");
	if (check_iterations(f->store, read_iteration, f, &err))
		fsck_unable(f, &err);
	fsck_begin(f, "approvals");
	if (check_approvals(f->store, read_question, f, &err))
		fsck_unable(f, &err);
	size_t at = 0;
	const struct fact_node *first;
	while ((first = map_next(&f->nodes, &at)))
		for (const struct fact_node *n = first; n; n = n->same_key)
			if (n->stored)
				compare_node(f, n);
}
