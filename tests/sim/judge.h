/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the manual says of going back, once more and in other words: by relations over sets of nodes, without a line of
 * the product's own planning. The two are compared on random graphs (tests/unit/model_reset.c), and before and after
 * each way back in the simulator.
 *
 * The words. A node has *ended* when it succeeded, failed, was skipped or canceled, or is between two tries; it has
 * not when it is *open*: it did not begin, or is in the middle of a try. `b` is *made from* `a` when both have ended and b
 * needs a, or needs what is made from a: what ended while a need of it was still open was decided without it.
 *   retry       what failed or was canceled, or else what is named, runs again, with what is made from it
 *   resume-from what is named and what failed run again, with what is made from them
 *   only        what is named runs again; what is made from it is stale, but for what was skipped, which may run now
 *   rollback    each node is what it was; one that was not decided then is open. A critical failure of then would
 *               only fail the run anew, so it runs again with what is made from it
 * Handlers run again always: they belong to the end of a generation.
 * Definitions. What ended when it needed other nodes than by now runs again, with what is made from it; `only` makes it
 * stale. What the definition has no more is open, and never runs. Where a definition is another one than in an earlier
 * generation, what is open is enough to go on with.
 * Files. Each workspace goes back to before the first that runs again in it, by its place or by what it is made from;
 * a failure that is only taken along finds its files as they are. Who would be kept but ended later than that and
 * changed files cannot be kept: it runs again, with what is made from it, until nothing changes any more. */
#ifndef PAWL_TESTS_SIM_JUDGE_H
#define PAWL_TESTS_SIM_JUDGE_H

#include "model/states.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JUDGE_STAYS INT64_MAX

enum judge_mode { JUDGE_RETRY, JUDGE_FROM, JUDGE_ONLY, JUDGE_BACK };
enum judge_verdict { JUDGE_OPEN, JUDGE_KEPT, JUDGE_RERUN, JUDGE_STALE, JUDGE_INELIGIBLE };
enum judge_answer { JUDGE_YES, JUDGE_NOTHING, JUDGE_NAME_IT, JUDGE_BUSY };

struct judge_node {
	enum node_state state, now; /* at the checkpoint, or as `now` */
	int space;
	int64_t began, ended; /* events; 0: none */
	bool wrote, handler, critical;
	bool other_needs, gone;
};

struct judge_case {
	enum judge_mode mode;
	size_t n, nspaces;
	const struct judge_node *v;
	const bool *needs; /* n × n: needs[a * n + b]: a needs b */
	const bool *named; /* n */
	bool files, grown; /* grown: the definition is another one by now */
};

/* One verdict a node; one event a workspace, up to which it goes back. They are set for JUDGE_YES alone. */
enum judge_answer judge(const struct judge_case *c, enum judge_verdict *ret, int64_t *ret_points);

#endif
