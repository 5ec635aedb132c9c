/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one routine behind every way of sending a run back (retry, resume-from; later rollback and fork): what of each
 * node is kept, runs again, becomes stale or cannot be kept, and why. Pure: the preview and the deed are
 * computed by the same call. */
#ifndef PAWL_MODEL_RESET_H
#define PAWL_MODEL_RESET_H

#include "model/graph.h"
#include "model/states.h"

enum reset_mode {
	RESET_RETRY, /* failed nodes (all, or those named) and what follows from them */
	RESET_FROM,  /* the named nodes and everything after them */
	RESET_ONLY,  /* just the named nodes; what came after them becomes stale */
	RESET_MODE_COUNT
};
const char *reset_mode_name(enum reset_mode m); /* "retry" */

enum reset_verdict {
	VERDICT_OPEN,  /* has not run yet: runs when its turn comes */
	VERDICT_KEPT,  /* stays as it is */
	VERDICT_RERUN, /* runs again, in the next generation */
	VERDICT_STALE, /* stays, but was made from something that will be made anew */
	VERDICT_COUNT
};
const char *reset_verdict_name(enum reset_verdict v); /* "rerun" */

/* Why; `node` of the row says which other node it is about. */
enum reset_why {
	WHY_NOTHING,
	WHY_CHOSEN,      /* it was named */
	WHY_FAILED,      /* it had failed or was canceled */
	WHY_AFTER,       /* it needs a node that runs again */
	WHY_SKIPPED,     /* it was skipped, and may run now */
	WHY_HANDLER,     /* it runs at the end of each generation */
	WHY_UNAFFECTED,  /* nothing that it needs runs again */
	WHY_NOT_RUN,     /* it has not run */
	WHY_COUNT
};
const char *reset_why_text(enum reset_why w); /* "needs %s, which runs again"; translate on use */

struct reset_row {
	enum reset_verdict verdict;
	enum reset_why why;
	int node; /* the one that the reason names, -1 if none */
};

/* `states`: of the graph's nodes, by index. `named`: indices, may be empty for RESET_RETRY. Fills one row for
 * each node. ERR_CONFLICT when nothing would run again, ERR_USAGE when a node must be named. */
enum err_code reset_plan(const struct graph *g, const enum node_state *states, enum reset_mode mode,
			 const int *named, size_t nnamed, struct reset_row *ret, struct err *err) MUST_CHECK;

#endif
