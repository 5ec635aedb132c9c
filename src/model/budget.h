/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Limits of a loop and of a run. They are looked at before each call and each iteration, with what the next call
 * is expected to take, so that they are not found out afterwards. Pure. */
#ifndef PAWL_MODEL_BUDGET_H
#define PAWL_MODEL_BUDGET_H

#include "model/graph.h"

enum budget_kind {
	BUDGET_NONE, BUDGET_WALL, BUDGET_ITERATION, BUDGET_TOKENS, BUDGET_ITERATION_TOKENS, BUDGET_COST,
	BUDGET_ITERATIONS, BUDGET_DISK, BUDGET_MEMORY, BUDGET_KIND_COUNT
};
const char *budget_kind_name(enum budget_kind k); /* "wall"; never translated */

struct budget_used {
	int64_t wall_ms;           /* since it began, without pauses */
	int64_t iteration_ms;      /* of the present iteration */
	int64_t tokens, iteration_tokens;
	int64_t cost_micro_usd;
	int64_t disk_bytes;        /* of the workspace and the logs; 0: not known */
	int64_t memory_bytes;      /* the most that one attempt took */
	int iterations;            /* that have begun */
	/* What a call took at most so far: the next one is expected to take as much. */
	int64_t call_tokens, call_cost_micro_usd;
};

enum budget_moment { BUDGET_NOW, BUDGET_BEFORE_CALL, BUDGET_BEFORE_ITERATION };

/* The first limit that is reached, or would be by what comes next; BUDGET_NONE: there is room. `reason` gets
 * a sentence. */
enum budget_kind budget_check(const struct graph_budget *b, const struct budget_used *used, enum budget_moment moment,
			      char *reason, size_t size);
/* The shorter of the two limits of time that is left for an attempt; 0: none. */
int64_t budget_time_left_ms(const struct graph_budget *b, const struct budget_used *used);

#endif
