/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/sim/judge.h"
#include "base/base.h"

#include <string.h>

/* A relation over nodes, and sets of them, as tables of truth. */
struct judgment {
	const struct judge_case *c;
	size_t n;
	bool *made_from; /* n × n */
	bool *named, *failed, *again;
	bool *other; /* made when they needed others */
};

static bool has_ended(const struct judge_case *c, size_t i)
{
	const struct judge_node *k = &c->v[i];
	if (k->gone)
		return false;
	switch (k->state) {
	case NODE_SUCCEEDED:
	case NODE_FAILED:
	case NODE_SKIPPED:
	case NODE_CANCELED:
		return !k->handler;
	case NODE_RETRYING:
	case NODE_WAITING:
	case NODE_VALIDATING:
		return !k->handler && c->mode != JUDGE_BACK; /* then it was not decided yet */
	case NODE_PENDING:
	case NODE_BLOCKED:
	case NODE_READY:
	case NODE_RUNNING:
	case NODE_STATE_COUNT:
		break;
	}
	return false;
}

/* Warshall, 1962. */
static void close_over(struct judgment *j)
{
	size_t n = j->n;
	for (size_t a = 0; a < n; a++)
		for (size_t b = 0; b < n; b++)
			j->made_from[a * n + b] = j->c->needs[a * n + b] && has_ended(j->c, a) && has_ended(j->c, b);
	for (size_t via = 0; via < n; via++)
		for (size_t a = 0; a < n; a++)
			for (size_t b = 0; j->made_from[a * n + via] && b < n; b++)
				j->made_from[a * n + b] |= j->made_from[via * n + b];
}

static bool is_made_from_any(const struct judgment *j, size_t i, const bool *set)
{
	for (size_t k = 0; k < j->n; k++)
		if (set[k] && j->made_from[i * j->n + k])
			return true;
	return false;
}

/* The set, and all that is made from it. */
static bool *with_descendants(const struct judgment *j, const bool *set)
{
	bool *all = xcalloc(j->n + 1, sizeof(*all));
	for (size_t i = 0; i < j->n; i++)
		all[i] = set[i] || is_made_from_any(j, i, set);
	return all;
}

static size_t size_of(const bool *set, size_t n)
{
	size_t size = 0;
	for (size_t i = 0; i < n; i++)
		size += set[i];
	return size;
}

/* Where it all begins. */
static void choose(struct judgment *j)
{
	const struct judge_case *c = j->c;
	bool all = size_of(c->named, c->n) == 0 || c->mode == JUDGE_FROM;
	for (size_t i = 0; i < c->n; i++) {
		enum node_state s = c->v[i].state;
		bool bad = s == NODE_CANCELED || (s == NODE_FAILED && (c->mode != JUDGE_BACK || c->v[i].critical));
		j->named[i] = c->mode != JUDGE_BACK && c->named[i] && has_ended(c, i);
		j->failed[i] = (s == NODE_FAILED || s == NODE_CANCELED) && has_ended(c, i);
		j->again[i] = j->named[i] || (all && bad && has_ended(c, i) && c->mode != JUDGE_ONLY);
		j->other[i] = c->v[i].other_needs && has_ended(c, i);
		j->again[i] |= j->other[i] && c->mode != JUDGE_ONLY;
	}
}

static bool any_open(const struct judge_case *c)
{
	bool any = false;
	for (size_t i = 0; i < c->n; i++)
		any |= !has_ended(c, i) && !c->v[i].handler && !c->v[i].gone;
	return any;
}

/* Whether its workspace must be as it was before it began. */
static bool takes_files_back(const struct judgment *j, const bool *again, const bool *first, size_t i)
{
	if (!again[i] || j->c->v[i].began == 0)
		return false;
	if (j->named[i] || is_made_from_any(j, i, j->named))
		return true;
	if (j->failed[i] && j->c->mode != JUDGE_RETRY)
		return false;
	return first[i] || is_made_from_any(j, i, again);
}

/* `first` is what was chosen; on return `again` holds all that runs again. */
static void take_files_back(struct judgment *j, const bool *first, bool **again, int64_t *points)
{
	const struct judge_node *v = j->c->v;
	for (size_t before = SIZE_MAX; before != size_of(*again, j->n);) {
		before = size_of(*again, j->n);
		for (size_t i = 0; i < j->n; i++)
			if (takes_files_back(j, *again, first, i))
				points[v[i].space] = MIN(points[v[i].space], v[i].began);
		for (size_t i = 0; i < j->n; i++)
			if (has_ended(j->c, i) && v[i].wrote && v[i].ended > points[v[i].space])
				(*again)[i] = true;
		bool *more = with_descendants(j, *again);
		free(*again);
		*again = more;
	}
}

static enum judge_verdict verdict_of(const struct judgment *j, const bool *first, const bool *again, size_t i)
{
	const struct judge_case *c = j->c;
	const struct judge_node *k = &c->v[i];
	if (k->gone)
		return JUDGE_OPEN;
	if (k->handler)
		return k->now == NODE_PENDING ? JUDGE_OPEN : JUDGE_RERUN;
	if (!has_ended(c, i))
		return c->mode == JUDGE_BACK && k->now != NODE_PENDING ? JUDGE_RERUN : JUDGE_OPEN;
	if (!again[i])
		return JUDGE_KEPT;
	if (first[i])
		return JUDGE_RERUN;
	if (c->mode == JUDGE_ONLY)
		return k->state == NODE_SKIPPED ? JUDGE_RERUN : JUDGE_STALE;
	return is_made_from_any(j, i, again) ? JUDGE_RERUN : JUDGE_INELIGIBLE;
}

/* One that is in the middle of its work with what would be made anew. */
static bool any_busy(const struct judgment *j, const bool *again)
{
	for (size_t i = 0; i < j->n; i++) {
		bool under_way = !has_ended(j->c, i) && !j->c->v[i].handler && j->c->v[i].now != NODE_PENDING;
		for (size_t k = 0; under_way && k < j->n; k++)
			if (again[k] && j->c->needs[i * j->n + k])
				return true;
	}
	return false;
}

enum judge_answer judge(const struct judge_case *c, enum judge_verdict *ret, int64_t *ret_points)
{
	size_t n = c->n;
	if (size_of(c->named, n) == 0 && (c->mode == JUDGE_FROM || c->mode == JUDGE_ONLY))
		return JUDGE_NAME_IT;
	struct judgment j = { c, n, xcalloc(n * n + 1, sizeof(bool)), xcalloc(n + 1, sizeof(bool)),
			      xcalloc(n + 1, sizeof(bool)), xcalloc(n + 1, sizeof(bool)), xcalloc(n + 1, sizeof(bool)) };
	close_over(&j);
	choose(&j);
	bool *begin = xcalloc(n + 1, sizeof(bool));
	for (size_t i = 0; i < n; i++)
		begin[i] = j.again[i] || j.other[i];
	bool *again = with_descendants(&j, begin);
	free(begin);
	for (size_t s = 0; s < c->nspaces; s++)
		ret_points[s] = JUDGE_STAYS;
	if (c->files && (c->mode == JUDGE_FROM || c->mode == JUDGE_RETRY))
		take_files_back(&j, j.again, &again, ret_points);
	for (size_t i = 0; i < n; i++)
		ret[i] = verdict_of(&j, j.again, again, i);
	enum judge_answer answer = JUDGE_YES;
	bool enough = c->grown && c->mode != JUDGE_ONLY && any_open(c);
	if (c->mode != JUDGE_BACK && size_of(j.again, n) == 0 && !enough)
		answer = JUDGE_NOTHING;
	else if (c->mode != JUDGE_BACK && c->mode != JUDGE_ONLY && any_busy(&j, again))
		answer = JUDGE_BUSY;
	free(again);
	free(j.made_from);
	free(j.named);
	free(j.failed);
	free(j.again);
	free(j.other);
	return answer;
}
