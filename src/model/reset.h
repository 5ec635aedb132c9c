/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one routine behind every way of sending a run back (retry, resume-from, rollback, fork): what of each
 * node is kept, runs again, becomes stale or cannot be kept, and why; and up to which event the files of each
 * workspace go back. Pure: the preview and the deed are computed by the same call. */
#ifndef PAWL_MODEL_RESET_H
#define PAWL_MODEL_RESET_H

#include "model/graph.h"
#include "model/states.h"

#include <stdint.h>

enum reset_mode {
	RESET_RETRY, /* failed nodes (all, or those named) and what follows from them */
	RESET_FROM,  /* the named nodes and everything after them */
	RESET_ONLY,  /* just the named nodes; what came after them becomes stale */
	RESET_BACK,  /* everything as it was at a checkpoint */
	RESET_MODE_COUNT
};
const char *reset_mode_name(enum reset_mode m); /* "retry" */

enum reset_verdict {
	VERDICT_OPEN,  /* has not run yet: runs when its turn comes */
	VERDICT_KEPT,  /* stays as it is */
	VERDICT_RERUN, /* runs again, in the next generation */
	VERDICT_STALE, /* stays, but was made from something that will be made anew */
	VERDICT_INELIGIBLE, /* would stay, but its files go back to before it ended: runs again, too */
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
	WHY_LATER,       /* it ended after the checkpoint */
	WHY_THEN,        /* it had ended so by the checkpoint */
	WHY_FILES,       /* it wrote into the workspace after the point that its files go back to */
	WHY_HEALTH,      /* it runs after a rollback, never otherwise */
	WHY_NEEDS,       /* the definition says by now that it needs other nodes */
	WHY_COUNT
};
const char *reset_why_text(enum reset_why w); /* "needs %s, which runs again"; translate on use */

struct reset_row {
	enum reset_verdict verdict;
	enum reset_why why;
	int node; /* the one that the reason names, -1 if none */
};

/* What is known of a node. Workspaces are numbered; nodes with the same number share one. */
struct reset_node {
	enum node_state state; /* RESET_BACK: at the checkpoint, `now` at present */
	enum node_state now;
	int space;
	int64_t began, ended;  /* events: of the beginning of its last iteration, of its success; 0: none */
	bool wrote;            /* the files of its workspace were not the same after it as before */
	bool other_needs;      /* it ended when it needed other nodes than by now */
};

struct reset_question {
	enum reset_mode mode;
	const struct reset_node *nodes; /* of the graph, by index */
	const int *named;               /* indices; may be empty for RESET_RETRY; not used by RESET_BACK */
	size_t nnamed, nspaces;
	bool files;                     /* files go back, too */
	bool grown;                     /* another definition: what is open is reason enough to go on */
};

#define RESET_STAYS INT64_MAX
/* Fills one row for each node, and in ret_points (nspaces of them) the event up to which the files of each
 * workspace go back: it is as it was before the node that began by it; RESET_STAYS: they stay (always so for
 * RESET_BACK, whose files follow from the checkpoint). ERR_CONFLICT when nothing would run again (but for
 * RESET_BACK), ERR_USAGE when a node must be named. */
enum err_code reset_plan(const struct graph *g, const struct reset_question *q, struct reset_row *ret,
			 int64_t *ret_points, struct err *err) MUST_CHECK;
/* Whether the verdict means that it runs again. */
bool reset_reruns(enum reset_verdict v);

#endif
