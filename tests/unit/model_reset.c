/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What going back does to each node: the plan that is carried out and that of tests/sim/judge.c, which was written from
 * the manual, agree on random graphs; and each reason that is given is one. */
#include "model/reset.h"
#include "base/map.h"
#include "base/rng.h"
#include "tests/sim/judge.h"

#include <assert.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define NODES_MAX 14
#define SPACES_MAX 3
#define CASES 4000

struct trial {
	struct rng rng;
	struct graph g;
	struct graph_node nodes[NODES_MAX];
	struct graph_edge edges[NODES_MAX][NODES_MAX];
	int feeds[NODES_MAX][NODES_MAX];
	struct reset_node v[NODES_MAX];
	struct judge_node w[NODES_MAX];
	bool needs[NODES_MAX * NODES_MAX], named[NODES_MAX];
	int indices[NODES_MAX];
	struct reset_question q;
	struct judge_case c;
};

static int below(struct trial *t, int n)
{
	return (int)rng_below(&t->rng, (uint64_t)n);
}

static bool chance(struct trial *t, int percent)
{
	return below(t, 100) < percent;
}

static enum node_state some_state(struct trial *t)
{
	static const enum node_state states[] = { NODE_SUCCEEDED, NODE_SUCCEEDED, NODE_SUCCEEDED, NODE_SUCCEEDED, NODE_FAILED,
						  NODE_SKIPPED,	  NODE_CANCELED,  NODE_PENDING,	  NODE_PENDING,	  NODE_RUNNING,
						  NODE_RETRYING,  NODE_WAITING,	  NODE_VALIDATING };
	return states[below(t, chance(t, 70) ? 9 : (int)COUNT(states))];
}

static void make_edges(struct trial *t)
{
	size_t n = t->c.n;
	for (size_t a = 0; a < n; a++) {
		struct graph_node *node = &t->nodes[a];
		for (size_t b = 0; b < a && node->handler == HANDLER_NONE; b++) {
			if (t->nodes[b].handler == HANDLER_GONE || !chance(t, n < 6 ? 45 : 25))
				continue;
			t->needs[a * n + b] = true;
			t->edges[a][node->nneeds++].node = (int)b;
			t->feeds[b][t->nodes[b].nfeeds++] = (int)a;
		}
	}
}

/* Most began after what they need had ended; the rest is what a person decided. */
static void make_nodes(struct trial *t)
{
	static int64_t seq;
	for (size_t i = 0; i < t->c.n; i++) {
		struct reset_node *k = &t->v[i];
		*k = (struct reset_node){ .now = some_state(t), .space = below(t, (int)t->c.nspaces) };
		k->state = t->c.mode == JUDGE_BACK ? some_state(t) : k->now;
		if (k->state != NODE_PENDING && k->state != NODE_SKIPPED)
			k->began = ++seq + below(t, 20);
		if (k->state == NODE_SUCCEEDED) {
			k->ended = k->began + 1 + below(t, 30);
			k->wrote = chance(t, 50);
			k->began = chance(t, 90) ? k->began : 0;
		}
		seq += below(t, 5);
		k->other_needs = t->q.grown && chance(t, 15);
		t->w[i] = (struct judge_node){ .state = k->state, .now = k->now, .space = k->space, .began = k->began,
					       .ended = k->ended, .wrote = k->wrote,
					       .handler = t->nodes[i].handler != HANDLER_NONE,
					       .gone = t->nodes[i].handler == HANDLER_GONE,
					       .other_needs = k->other_needs,
					       .critical = t->nodes[i].critical };
	}
}

static void make(struct trial *t, uint64_t seed)
{
	*t = (struct trial){ .rng = { seed } };
	struct judge_case *c = &t->c;
	*c = (struct judge_case){ .mode = (enum judge_mode)below(t, 4), .n = 1 + (size_t)below(t, NODES_MAX),
				  .nspaces = 1 + (size_t)below(t, SPACES_MAX), .v = t->w, .needs = t->needs,
				  .named = t->named, .files = chance(t, 70), .grown = chance(t, 30) };
	t->q.grown = c->grown;
	t->g = (struct graph){ .nodes = t->nodes, .nnodes = c->n };
	for (size_t i = 0; i < c->n; i++) {
		t->nodes[i] = (struct graph_node){ .name = (char *)(uintptr_t)"n", .needs = t->edges[i], .feeds = t->feeds[i],
						   .critical = chance(t, 75) };
		if (i + 1 == c->n && chance(t, 30))
			t->nodes[i].handler = HANDLER_EXIT;
		else if (c->grown && chance(t, 10))
			t->nodes[i].handler = HANDLER_GONE;
	}
	make_edges(t);
	make_nodes(t);
	size_t nnamed = 0;
	for (size_t i = 0; i < c->n && c->mode != JUDGE_BACK; i++) {
		t->named[i] = chance(t, c->mode == JUDGE_RETRY ? 10 : 20);
		if (t->named[i])
			t->indices[nnamed++] = (int)i;
	}
	t->q = (struct reset_question){ .mode = (enum reset_mode)c->mode, .nodes = t->v, .named = t->indices,
					.nnamed = nnamed, .nspaces = c->nspaces, .files = c->files, .grown = c->grown };
}

static void describe(const struct trial *t, const struct reset_row *rows, const enum judge_verdict *wanted)
{
	(void)fprintf(stderr, "%s%s\n", reset_mode_name(t->q.mode), t->q.files ? ", with files" : "");
	for (size_t i = 0; i < t->c.n; i++) {
		(void)fprintf(stderr, "  %zu%s%s %s (%s), space %d, %lld to %lld%s: %s (%d, %d), judged %s; needs", i,
			      t->named[i] ? ", named" : "", t->w[i].handler ? ", handler" : "",
			      state_name(ENTITY_NODE, (int)t->v[i].state), state_name(ENTITY_NODE, (int)t->v[i].now),
			      t->v[i].space, (long long)t->v[i].began, (long long)t->v[i].ended,
			      t->v[i].wrote ? ", wrote" : "", reset_verdict_name(rows[i].verdict), (int)rows[i].why,
			      rows[i].node, reset_verdict_name((enum reset_verdict)wanted[i]));
		for (size_t k = 0; k < t->c.n; k++)
			if (t->needs[i * t->c.n + k])
				(void)fprintf(stderr, " %zu", k);
		(void)fprintf(stderr, "\n");
	}
}

static bool is_a_reason(const struct trial *t, const struct reset_row *rows, const int64_t *points, size_t i)
{
	const struct reset_row *row = &rows[i];
	const struct reset_node *k = &t->v[i];
	bool names = row->node >= 0 && t->needs[i * t->c.n + (size_t)row->node] &&
		     (reset_reruns(rows[row->node].verdict) || rows[row->node].verdict == VERDICT_STALE);
	switch (row->why) {
	case WHY_CHOSEN:
		return t->named[i] && row->verdict == VERDICT_RERUN;
	case WHY_FAILED:
		return (k->state == NODE_FAILED || k->state == NODE_CANCELED) && row->verdict == VERDICT_RERUN;
	case WHY_AFTER:
		return names && (row->verdict == VERDICT_RERUN || row->verdict == VERDICT_STALE);
	case WHY_SKIPPED:
		return names && k->state == NODE_SKIPPED && row->verdict == VERDICT_RERUN;
	case WHY_NEEDS:
		return k->other_needs && (row->verdict == VERDICT_STALE ? t->q.mode == RESET_ONLY : row->verdict == VERDICT_RERUN);
	case WHY_NOTHING:
		return t->w[i].gone && row->verdict == VERDICT_OPEN;
	case WHY_HANDLER:
		return t->w[i].handler;
	case WHY_UNAFFECTED:
		return row->verdict == VERDICT_KEPT && t->q.mode != RESET_BACK;
	case WHY_NOT_RUN:
		return row->verdict == VERDICT_OPEN;
	case WHY_LATER:
		return row->verdict == VERDICT_RERUN && k->now != NODE_PENDING && t->q.mode == RESET_BACK;
	case WHY_THEN:
		return row->verdict == VERDICT_KEPT && t->q.mode == RESET_BACK;
	case WHY_FILES:
		return row->verdict == VERDICT_INELIGIBLE && k->wrote && k->ended > points[k->space];
	case WHY_HEALTH: /* see health_runs_after_a_rollback_alone */
	case WHY_COUNT:
		break;
	}
	return false;
}

static void compare(struct trial *t, uint64_t seed, int *agreed)
{
	struct reset_row rows[NODES_MAX];
	enum judge_verdict wanted[NODES_MAX] = { JUDGE_OPEN };
	int64_t points[SPACES_MAX], wanted_points[SPACES_MAX];
	struct err err;
	enum judge_answer answer = judge(&t->c, wanted, wanted_points);
	enum err_code code = reset_plan(&t->g, &t->q, rows, points, &err);
	enum err_code want = answer == JUDGE_YES ? ERR_OK : answer == JUDGE_NAME_IT ? ERR_USAGE : ERR_CONFLICT;
	if (code != want)
		describe(t, rows, wanted);
	ck_assert_msg(code == want, "case %llu: it is %s, judged %d", (unsigned long long)seed, err_name(code), (int)answer);
	for (size_t i = 0; i < t->c.n && code == ERR_OK; i++) {
		bool same = (int)rows[i].verdict == (int)wanted[i] && is_a_reason(t, rows, points, i);
		if (!same)
			describe(t, rows, wanted);
		ck_assert_msg(same, "case %llu: node %zu", (unsigned long long)seed, i);
	}
	for (size_t s = 0; s < t->c.nspaces && code == ERR_OK; s++) {
		if (points[s] != wanted_points[s])
			describe(t, rows, wanted);
		ck_assert_msg(points[s] == wanted_points[s], "case %llu: workspace %zu goes back to %lld, judged %lld",
			      (unsigned long long)seed, s, (long long)points[s], (long long)wanted_points[s]);
	}
	*agreed += code == ERR_OK;
}

START_TEST(the_plan_is_what_the_manual_says)
{
	const char *scale = getenv("PAWL_TEST_SCALE");
	uint64_t n = CASES * (uint64_t)MAX(scale ? atoi(scale) : 1, 1);
	static_assert((int)RESET_BACK == (int)JUDGE_BACK && (int)RESET_ONLY == (int)JUDGE_ONLY, "the same modes");
	static_assert((int)VERDICT_INELIGIBLE == (int)JUDGE_INELIGIBLE && (int)VERDICT_STALE == (int)JUDGE_STALE,
		      "the same verdicts");
	struct trial *t = xcalloc(1, sizeof(*t));
	int agreed = 0;
	for (uint64_t i = (uint64_t)_i * n; i < ((uint64_t)_i + 1) * n; i++) {
		make(t, i);
		compare(t, i, &agreed);
	}
	ck_assert_int_gt(agreed, (int)n / 4); /* it is about something */
	free(t);
}
END_TEST

/* It is no part of a generation: a failure of it stays, and nobody who is sent back takes it along. */
START_TEST(health_runs_after_a_rollback_alone)
{
	static const struct { enum reset_mode mode; enum node_state now; enum reset_verdict verdict; } rows[] = {
		{ RESET_RETRY, NODE_PENDING, VERDICT_OPEN }, { RESET_RETRY, NODE_FAILED, VERDICT_KEPT },
		{ RESET_FROM, NODE_SUCCEEDED, VERDICT_KEPT }, { RESET_ONLY, NODE_SUCCEEDED, VERDICT_KEPT },
		{ RESET_BACK, NODE_PENDING, VERDICT_OPEN }, { RESET_BACK, NODE_FAILED, VERDICT_RERUN },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct graph_node nodes[] = { { .handler = HANDLER_NONE }, { .handler = HANDLER_HEALTH } };
		struct graph g = { .nodes = nodes, .nnodes = 2 };
		struct reset_node v[] = {
			{ .state = NODE_FAILED, .now = NODE_FAILED, .began = 5, .wrote = true },
			{ .state = rows[i].mode == RESET_BACK ? NODE_PENDING : rows[i].now, .now = rows[i].now,
			  .began = 7, .ended = 9, .wrote = true },
		};
		int named[] = { 0, 1 };
		struct reset_question q = { .mode = rows[i].mode, .nodes = v, .named = named, .nnamed = 2,
					    .nspaces = 1, .files = true };
		struct reset_row got[2];
		int64_t points[1];
		struct err err;
		ck_assert_msg(reset_plan(&g, &q, got, points, &err) == ERR_OK, "%s", err.message);
		ck_assert_int_eq(got[1].verdict, rows[i].verdict);
		ck_assert_str_eq(reset_why_text(got[1].why), "it runs after a rollback, never otherwise");
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model_reset");
	TCase *t = tcase_create("reset");
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, the_plan_is_what_the_manual_says, 0, 5);
	tcase_add_test(t, health_runs_after_a_rollback_alone);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
