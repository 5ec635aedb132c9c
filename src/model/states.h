/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state machines, as tables. The numbers are stored: they never change and are never reused. The
 * manual's tables are printed from here, and a test walks every edge. */
#ifndef PAWL_MODEL_STATES_H
#define PAWL_MODEL_STATES_H

#include "base/base.h"
#include "base/str.h"

enum entity { ENTITY_ORDER, ENTITY_RUN, ENTITY_NODE, ENTITY_ATTEMPT, ENTITY_WORKER, ENTITY_ENGINE, ENTITY_PATCH, ENTITY_COUNT };

enum order_state {
	ORDER_PENDING, ORDER_QUEUED, ORDER_HELD, ORDER_BLOCKED, ORDER_RUNNING, ORDER_SUCCEEDED,
	ORDER_FAILED, ORDER_SKIPPED, ORDER_CANCELED, ORDER_STATE_COUNT
};

enum run_state {
	RUN_PENDING, RUN_PREPARING, RUN_RUNNING, RUN_PAUSING, RUN_PAUSED, RUN_FROZEN, RUN_WAITING,
	RUN_CANCELING, RUN_SUCCEEDED, RUN_FAILED, RUN_CANCELED, RUN_ROLLING_BACK, RUN_STATE_COUNT
};

/* pending, blocked and ready are not stored: they follow from what the node needs. */
enum node_state {
	NODE_PENDING, NODE_BLOCKED, NODE_READY, NODE_RUNNING, NODE_WAITING, NODE_RETRYING,
	NODE_VALIDATING, NODE_SUCCEEDED, NODE_FAILED, NODE_SKIPPED, NODE_CANCELED, NODE_STATE_COUNT
};

enum attempt_state {
	ATTEMPT_RUNNING, ATTEMPT_SUCCEEDED, ATTEMPT_FAILED, ATTEMPT_TIMED_OUT, ATTEMPT_CANCELED,
	ATTEMPT_INTERRUPTED, ATTEMPT_STATE_COUNT
};

/* An entry of the ledger of patches. */
enum patch_state {
	PATCH_CREATED, PATCH_VALIDATED, PATCH_QUEUED, PATCH_APPLYING, PATCH_APPLIED, PATCH_VERIFIED,
	PATCH_COMMITTED, PATCH_ROLLED_BACK, PATCH_APPLY_FAILED, PATCH_QUARANTINED, PATCH_DROPPED, PATCH_STATE_COUNT
};

/* What an attempt is for. */
enum attempt_phase { PHASE_WORK, PHASE_VERIFY, PHASE_STRATEGY, ATTEMPT_PHASE_COUNT };
const char *attempt_phase_name(enum attempt_phase p); /* "verify" */

/* An iteration: under way, and what it came to. `waiting`: a person is asked what comes next. */
enum iteration_state {
	ITERATION_BUILDING, ITERATION_VERIFYING, ITERATION_DECIDING, ITERATION_WAITING, ITERATION_PASSED,
	ITERATION_REJECTED, ITERATION_FAILED, ITERATION_CANCELED, ITERATION_STATE_COUNT
};
const char *iteration_state_name(enum iteration_state s); /* "rejected" */

enum run_result { RESULT_NONE, RESULT_PASSED, RESULT_FAILED, RESULT_CANCELED, RESULT_COUNT };
enum run_mode { MODE_RUN, MODE_STEP, MODE_UNTIL, MODE_COUNT };
enum actor { ACTOR_OPERATOR, ACTOR_ENGINE, ACTOR_WORKER, ACTOR_RECOVERY, ACTOR_COUNT };

const char *entity_name(enum entity e);       /* "run" */
const char *state_name(enum entity e, int state); /* "succeeded" */
int state_from_name(enum entity e, const char *name); /* -1 when unknown */
int state_count(enum entity e);
bool state_final(enum entity e, int state);
const char *run_result_name(enum run_result r);
const char *run_mode_name(enum run_mode m);
const char *actor_name(enum actor a);

/* Whether the table has a move from `from` to `to`. */
bool state_move_legal(enum entity e, int from, int to);

struct state_move {
	enum entity entity;
	int from, to;
	const char *on; /* what brings it about, in words */
};
/* The whole table, for printing and for tests. */
const struct state_move *state_moves(size_t *ret_n);

/* What an operator can do, and in which states of the run or order it means something. */
enum verb {
	VERB_SUBMIT, VERB_PAUSE, VERB_FREEZE, VERB_RESUME, VERB_STEP, VERB_UNTIL, VERB_CANCEL,
	VERB_RETRY, VERB_RESUME_FROM, VERB_ROLLBACK, VERB_FORK,
	VERB_ACKNOWLEDGE, VERB_RUN_PRIORITY,
	VERB_SKIP, VERB_MARK, VERB_BREAK, VERB_UNBREAK, VERB_DECIDE,
	VERB_EDIT, VERB_UNDO, VERB_SHELL, VERB_SHELL_RENEW, VERB_SHELL_END,
	VERB_HOLD, VERB_RELEASE, VERB_FRONT, VERB_BACK, VERB_ORDER_PRIORITY, VERB_ORDER_CANCEL,
	VERB_QUEUE_PAUSE, VERB_QUEUE_RESUME, VERB_BREAKER, VERB_PATCH, VERB_COUNT
};
const char *verb_name(enum verb v); /* "pause" */
const char *verb_help(enum verb v); /* one line; translate on use */
enum entity verb_entity(enum verb v); /* ENTITY_RUN, ENTITY_ORDER or ENTITY_ENGINE */
enum verb_fit {
	FIT_NO,   /* means nothing in this state */
	FIT_YES,
	FIT_DONE, /* its effect is there already */
};
enum verb_fit verb_fits(enum verb v, int state);
/* The verbs that fit a state, as "pause, freeze, cancel". */
void verbs_legal(enum entity e, int state, struct str *out);

#endif
