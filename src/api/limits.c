/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The limits of a node's loop and of its run, and how much of each is used. */
#include "api/api_internal.h"

#include "base/clock.h"
#include "model/budget.h"

static void show_limit(struct jw *w, const char *of, enum budget_kind kind, int64_t limit, int64_t used)
{
	if (!limit)
		return;
	jw_obj(w, NULL);
	jw_str(w, "of", of);
	jw_str(w, "what", budget_kind_name(kind));
	jw_int(w, "limit", limit);
	jw_above(w, "used", used);
	jw_end_obj(w);
}

/* What a list of iterations of one generation adds up to. */
struct spent {
	int generation, n;
	int64_t began_ms, ended_ms, iteration_ms; /* ended 0: not yet */
	int iteration;                            /* the newest */
	int64_t memory_bytes;                     /* the most that its work took; 0: not known */
	struct store *store;
};

static void add_round(void *ctx, const struct iteration_row *i)
{
	struct spent *s = ctx;
	if (i->generation != s->generation) {
		*s = (struct spent){ .generation = i->generation, .began_ms = i->started_ms, .store = s->store };
	}
	struct attempt_row work;
	if (i->work && !store_attempt_get(s->store, i->work, &work, NULL))
		s->memory_bytes = MAX(s->memory_bytes, work.rss_kib * KIB);
	s->n++;
	s->iteration = i->iteration;
	s->ended_ms = i->ended_ms;
	s->iteration_ms = (i->ended_ms ? i->ended_ms : clock_wall_ms()) - i->started_ms;
}

static void show_limits(struct jw *w, const char *of, const struct graph_budget *b, const struct budget_used *u)
{
	show_limit(w, of, BUDGET_WALL, b->wall_ms, u->wall_ms);
	show_limit(w, of, BUDGET_ITERATIONS, b->iterations, u->iterations);
	show_limit(w, of, BUDGET_TOKENS, b->tokens, u->tokens);
	show_limit(w, of, BUDGET_COST, b->cost_micro_usd, u->cost_micro_usd);
	show_limit(w, of, BUDGET_ITERATION, b->iteration_ms, u->iteration_ms);
	show_limit(w, of, BUDGET_ITERATION_TOKENS, b->tokens_per_iteration, u->iteration_tokens);
	show_limit(w, of, BUDGET_DISK, b->disk_bytes, u->disk_bytes);
	show_limit(w, of, BUDGET_MEMORY, b->memory_bytes, u->memory_bytes ? u->memory_bytes : -1);
}

static struct usage_sum sum_of(struct api *a, id_t64 run, int idx, int generation, int iteration)
{
	struct usage_sum u;
	if (store_usage_sum(a->store, run, idx, generation, iteration, &u, NULL))
		u = (struct usage_sum){ 0 };
	return u;
}

/* The definition of a node; an instance has that of its group's body. */
static const struct graph_node *definition_of(struct api *a, id_t64 run, int idx)
{
	const struct graph *g = graph_of(a, run);
	struct instance_row i;
	if (g && graph_is_beyond(g, idx))
		idx = read_instance(a->store, run, idx, NULL, &i, NULL) ? -1 : i.parent;
	if (!g || idx < 0 || (size_t)idx >= g->nnodes)
		return NULL;
	const struct graph_node *n = &g->nodes[idx];
	return n->kind == NODE_GROUP && n->group.body ? n->group.body : n;
}

void show_budget(struct api *a, struct jw *w, id_t64 run, int idx)
{
	struct spent s = { .store = a->store };
	struct run_row row;
	const struct graph *g = graph_of(a, run);
	const struct graph_node *n = definition_of(a, run, idx);
	jw_arr(w, "budget");
	if (g && n && !store_iterations_of(a->store, run, idx, 0, 0, INT64_MAX, add_round, &s, NULL) && s.n) {
		struct usage_sum all = sum_of(a, run, idx, s.generation, 0);
		struct usage_sum last = sum_of(a, run, idx, s.generation, s.iteration);
		struct budget_used u = { .wall_ms = (s.ended_ms ? s.ended_ms : clock_wall_ms()) - s.began_ms,
			                 .iteration_ms = s.iteration_ms, .tokens = all.total,
			                 .iteration_tokens = last.total,
			                 .disk_bytes = engine_disk_used(a->engine, run, idx), .memory_bytes = s.memory_bytes,
			                 .cost_micro_usd = all.cost_micro_usd, .iterations = s.n };
		show_limits(w, "node", &n->budget, &u);
	}
	if (g && s.n && !store_run_get(a->store, run, &row, NULL)) {
		struct usage_sum all;
		if (store_usage_sum_below(a->store, run, &all, NULL))
			all = (struct usage_sum){ 0 };
		int64_t end = row.ended_ms ? row.ended_ms : clock_wall_ms();
		struct budget_used u = { .wall_ms = row.started_ms ? end - row.started_ms - row.paused_ms : 0,
			                 .iteration_ms = s.iteration_ms, .tokens = all.total,
			                 .iteration_tokens = sum_of(a, run, idx, s.generation, s.iteration).total,
			                 .cost_micro_usd = all.cost_micro_usd, .disk_bytes = engine_disk_used(a->engine, run, idx),
			                 .iterations = store_iteration_count(a->store, run) };
		show_limits(w, "run", &g->budget, &u);
	}
	jw_end_arr(w);
}
