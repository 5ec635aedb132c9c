/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of fsck share: everything that is stored, as small facts in memory, and where problems go. */
#ifndef PAWL_ENGINE_FSCK_INTERNAL_H
#define PAWL_ENGINE_FSCK_INTERNAL_H

#include "engine/engine_internal.h"

/* `folded` is the state that follows from the events alone; -1: they do not know it. */
struct fact_order {
	id_t64 id, run;
	enum order_state state;
	bool stored;
	int folded;
	bool succeeded;    /* at some time; it may have been reopened since */
	int unmet, failed; /* orders that it needs: never succeeded, and ended otherwise */
	int open;          /* … that have not succeeded now; they may have, and be reopened */
};

struct fact_node {
	id_t64 run;
	int idx, generation;
	bool stored;
	enum node_state state;
	int iteration, attempt;
	int64_t token, seq;
	id_t64 child;
	bool by_needs;      /* skipped, because of what it needs */
	bool decided;       /* an operator ended it, whatever its tries say */
	int folded;
	int64_t first_run;  /* number of the event by which it ran first in this generation; 0: it did not */
	int64_t last;       /* … of its last move, */
	int64_t marked;     /* … and of the one by which it became stale; 0: it is not */
	bool looped;        /* has iterations with rows */
	bool asked;         /* a question of it is open */
	int last_iteration; /* … of them */
	bool iteration_open, passed; /* the last one has not ended; it passed */
	int last_phase;     /* of its attempts */
	int tries;          /* attempts of the last iteration */
	int tries_of;       /* … which is this one */
	int64_t last_token;
	enum attempt_state last_attempt;
	bool restored;      /* by a way back, from an earlier row or another run */
	int checkpoints;    /* how many name it */
	struct fact_node *same_key; /* in the map */
};

struct fact_run {
	id_t64 id, order, parent;
	int parent_node, generation;
	struct hash workflow;
	char *sub, *counts;
	enum run_state state;
	enum run_result result;
	bool stored;
	int folded, failed_node;
	struct fact_node **nodes; /* every generation, ascending */
	size_t nnodes, capnodes;
	struct fact_instance {
		int idx, parent, expansion;
	} *instances; /* in their order */
	size_t ninstances, capinstances;
};

struct facts {
	int last_point; /* number of the last checkpoint of … */
	id_t64 last_run;
	struct store *store;
	const char *home;
	struct engine *e; /* NULL: no engine runs */
	struct fsck *ret;
	struct fsck_check *now; /* where problems go */
	struct map orders, runs, nodes, tokens;
	int64_t last_token, events;
};

struct fsck_check *fsck_begin(struct facts *f, const char *name);
/* A problem: one line. */
void fsck_wrong(struct facts *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A check that could not be made. */
void fsck_unable(struct facts *f, const struct err *err);
/* Node `idx` as generation `generation` sees it: the newest row that is not newer. NULL: it has none. */
const struct fact_node *fact_node_seen(const struct facts *f, id_t64 run, int idx, int generation);
struct fact_node *fact_node_find(const struct facts *f, id_t64 run, int idx, int generation);
/* "r-… node 3" for messages; valid until the fourth call after it. */
const char *fact_name(id_t64 run, int idx);

void fsck_iterations(struct facts *f); /* iterations and questions */
void fsck_graphs(struct facts *f); /* needs, and what a definition says of its runs */
void fsck_points(struct facts *f); /* checkpoints, workspaces and ways back */
void fsck_files(struct facts *f);  /* logs and exit records */
void fsck_memory(struct facts *f); /* the engine's memory against what is stored */

#endif
