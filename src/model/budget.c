/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/budget.h"

#include "base/clock.h"

#include <assert.h>
#include <stdio.h>

static const char *const names[] = { "none", "wall", "iteration", "tokens", "tokens_per_iteration", "cost",
				     "iterations", "disk", "memory" };
static_assert(COUNT(names) == BUDGET_KIND_COUNT, "every limit has a name");

const char *budget_kind_name(enum budget_kind k)
{
	return names[k];
}

/* One look: what there is, and what comes. */
struct look {
	enum budget_kind kind;
	int64_t limit, used, next;
};

static void amount(struct str *s, enum budget_kind kind, int64_t v)
{
	if (kind == BUDGET_WALL || kind == BUDGET_ITERATION)
		duration_add(s, v);
	else if (kind == BUDGET_COST)
		str_addf(s, "%.4f USD", (double)v / 1e6);
	else if (kind == BUDGET_DISK || kind == BUDGET_MEMORY)
		str_addf(s, "%.1f MiB", (double)v / MIB);
	else
		str_add_i64(s, v);
}

static void explain(const struct look *l, char *reason, size_t size)
{
	auto_str used = STR_INIT, limit = STR_INIT, next = STR_INIT;
	amount(&used, l->kind, l->used);
	amount(&limit, l->kind, l->limit);
	amount(&next, l->kind, l->next);
	if (l->used >= l->limit)
		(void)snprintf(reason, size, _("the limit %s is reached: %s of %s"), names[l->kind], str_text(&used),
			       str_text(&limit));
	else
		(void)snprintf(reason, size, _("the limit %s leaves no room for another call: %s of %s, and a call took %s"),
			       names[l->kind], str_text(&used), str_text(&limit), str_text(&next));
}

enum budget_kind budget_check(const struct graph_budget *b, const struct budget_used *u, enum budget_moment moment,
			      char *reason, size_t size)
{
	bool call = moment != BUDGET_NOW, iteration = moment == BUDGET_BEFORE_ITERATION;
	const struct look looks[] = {
		{ BUDGET_WALL, b->wall_ms, u->wall_ms, 0 },
		{ BUDGET_ITERATION, iteration ? 0 : b->iteration_ms, u->iteration_ms, 0 },
		{ BUDGET_TOKENS, b->tokens, u->tokens, call ? u->call_tokens : 0 },
		{ BUDGET_ITERATION_TOKENS, b->tokens_per_iteration, iteration ? 0 : u->iteration_tokens,
		  call ? u->call_tokens : 0 },
		{ BUDGET_COST, b->cost_micro_usd, u->cost_micro_usd, call ? u->call_cost_micro_usd : 0 },
		{ BUDGET_ITERATIONS, iteration ? b->iterations : 0, u->iterations, 0 },
		{ BUDGET_DISK, b->disk_bytes, u->disk_bytes, 0 },
		{ BUDGET_MEMORY, b->memory_bytes, u->memory_bytes, 0 },
	};
	for (size_t i = 0; i < COUNT(looks); i++) {
		const struct look *l = &looks[i];
		if (l->limit <= 0 || (l->used < l->limit && l->used + l->next <= l->limit))
			continue;
		explain(l, reason, size);
		return l->kind;
	}
	return BUDGET_NONE;
}

int64_t budget_time_left_ms(const struct graph_budget *b, const struct budget_used *u)
{
	int64_t wall = b->wall_ms > 0 ? MAX(b->wall_ms - u->wall_ms, (int64_t)1) : 0;
	int64_t iteration = b->iteration_ms > 0 ? MAX(b->iteration_ms - u->iteration_ms, (int64_t)1) : 0;
	return wall && iteration ? MIN(wall, iteration) : wall + iteration;
}
