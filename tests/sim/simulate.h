/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulator: a seed gives workflows, orders, an operator's deeds and faults; what must always be true is
 * checked after every turn, everything by fsck after each crash and at the end, and the outcome is
 * compared with that of the same orders in a world in which nothing goes wrong. */
#ifndef PAWL_TESTS_SIM_SIMULATE_H
#define PAWL_TESTS_SIM_SIMULATE_H

#include "tests/sim/world.h"

#define ORDERS_MAX 10
#define FLOWS_MAX 4
#define CHILDREN_MAX 3
#define SEED_REPOS (1ULL << 32) /* from this seed on; those before stay what they were */

/* What a seed decides beforehand, so that the quiet world gets the very same. */
struct sim_plan {
	uint64_t seed;
	int steps, runs, workers_max;
	char *flows[FLOWS_MAX], *children[CHILDREN_MAX];
	int nflows, nchildren;
	int norders;
	struct {
		int flow, priority;
		int64_t at_ms, max_wait_ms;
		bool hold, paused, skip, until_failure;
		const char *until;
		int needs[3], nneeds; /* earlier orders */
	} orders[ORDERS_MAX];
	int ndeeds;
	int64_t deeds_ms; /* they are done within this time */
	struct sim_faults faults;
	int64_t idle_ms; /* of workers */
	bool drains;  /* the engine is stopped in order, too */
	bool lossy;   /* faults that may change an outcome: no comparison with the quiet world */
	int files;    /* how many in 100 steps write files, or workflows have workspaces other than scratch */
	bool streams; /* workflows have workstreams */
	bool backs;   /* the operator goes back often */
	bool repos;   /* workflows work in repositories, too */
	bool uneven;  /* workflows declare different capacities of a resource */
};

void plan_make(uint64_t seed, struct sim_plan *ret);
void plan_done(struct sim_plan *p);

/* One world in which a plan is carried out. */
struct simulation {
	const struct sim_plan *plan;
	struct world *w;
	struct rng rng; /* of the operator */
	bool quiet;     /* no operator, no faults */
	id_t64 orders[ORDERS_MAX]; /* 0: not submitted yet */
	bool disturbed[ORDERS_MAX]; /* canceled, or ended by a wait: not compared */
	int ncrashes_checked;
	struct ways *ways; /* back, under way; ways.c */
	int64_t turns, deeds, refused, judged, went_back, reshaped;
	char problem[1024]; /* the first violation; "": none */
};

void violation(struct simulation *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* check.c: what must be true after every turn. */
void check_turn(struct simulation *s);
/* Everything, from the disk. */
void check_store(struct simulation *s);

#endif
