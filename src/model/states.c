/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/states.h"

#include <assert.h>

static const char *const entities[] = { "order", "run", "node", "attempt", "worker", "engine", "patch" };
static_assert(COUNT(entities) == ENTITY_COUNT, "every entity has a name");

/* clang-format off */
static const char *const order_names[] = {
	[ORDER_PENDING] = "pending", [ORDER_QUEUED] = "queued", [ORDER_HELD] = "held",
	[ORDER_BLOCKED] = "blocked", [ORDER_RUNNING] = "running", [ORDER_SUCCEEDED] = "succeeded",
	[ORDER_FAILED] = "failed", [ORDER_SKIPPED] = "skipped", [ORDER_CANCELED] = "canceled",
};
static const char *const run_names[] = {
	[RUN_PENDING] = "pending", [RUN_PREPARING] = "preparing", [RUN_RUNNING] = "running",
	[RUN_PAUSING] = "pausing", [RUN_PAUSED] = "paused", [RUN_FROZEN] = "frozen",
	[RUN_WAITING] = "waiting", [RUN_CANCELING] = "canceling", [RUN_SUCCEEDED] = "succeeded",
	[RUN_FAILED] = "failed", [RUN_CANCELED] = "canceled", [RUN_ROLLING_BACK] = "rolling_back",
};
static const char *const node_names[] = {
	[NODE_PENDING] = "pending", [NODE_BLOCKED] = "blocked", [NODE_READY] = "ready",
	[NODE_RUNNING] = "running", [NODE_WAITING] = "waiting", [NODE_RETRYING] = "retrying",
	[NODE_VALIDATING] = "validating", [NODE_SUCCEEDED] = "succeeded", [NODE_FAILED] = "failed",
	[NODE_SKIPPED] = "skipped", [NODE_CANCELED] = "canceled",
};
static const char *const attempt_names[] = {
	[ATTEMPT_RUNNING] = "running", [ATTEMPT_SUCCEEDED] = "succeeded", [ATTEMPT_FAILED] = "failed",
	[ATTEMPT_TIMED_OUT] = "timed_out", [ATTEMPT_CANCELED] = "canceled",
	[ATTEMPT_INTERRUPTED] = "interrupted",
};
static const char *const patch_names[] = {
	[PATCH_CREATED] = "created", [PATCH_VALIDATED] = "validated", [PATCH_QUEUED] = "queued",
	[PATCH_APPLYING] = "applying", [PATCH_APPLIED] = "applied", [PATCH_VERIFIED] = "verified",
	[PATCH_COMMITTED] = "committed", [PATCH_ROLLED_BACK] = "rolled_back", [PATCH_APPLY_FAILED] = "apply_failed",
	[PATCH_QUARANTINED] = "quarantined", [PATCH_DROPPED] = "dropped",
};
static const char *const results[] = { NULL, "passed", "failed", "canceled" };
static const char *const modes[] = { "run", "step", "until" };
static const char *const actors[] = { "operator", "engine", "worker", "recovery" };

static const struct {
	const char *const *names;
	int count;
	unsigned int final; /* bits */
} machines[] = {
	[ENTITY_ORDER] = { order_names, ORDER_STATE_COUNT,
		1U << ORDER_SUCCEEDED | 1U << ORDER_FAILED | 1U << ORDER_SKIPPED | 1U << ORDER_CANCELED },
	[ENTITY_RUN] = { run_names, RUN_STATE_COUNT,
		1U << RUN_SUCCEEDED | 1U << RUN_FAILED | 1U << RUN_CANCELED },
	[ENTITY_NODE] = { node_names, NODE_STATE_COUNT,
		1U << NODE_SUCCEEDED | 1U << NODE_FAILED | 1U << NODE_SKIPPED | 1U << NODE_CANCELED },
	[ENTITY_ATTEMPT] = { attempt_names, ATTEMPT_STATE_COUNT,
		1U << ATTEMPT_SUCCEEDED | 1U << ATTEMPT_FAILED | 1U << ATTEMPT_TIMED_OUT |
		1U << ATTEMPT_CANCELED | 1U << ATTEMPT_INTERRUPTED },
	[ENTITY_WORKER] = { NULL, 0, 0 },
	[ENTITY_ENGINE] = { NULL, 0, 0 },
	[ENTITY_PATCH] = { patch_names, PATCH_STATE_COUNT, 1U << PATCH_ROLLED_BACK | 1U << PATCH_DROPPED },
};

static const struct state_move moves[] = {
	{ ENTITY_ORDER, ORDER_PENDING, ORDER_QUEUED,    N_("the queue has room") },
	{ ENTITY_ORDER, ORDER_PENDING, ORDER_BLOCKED,   N_("an order that it depends on has not ended") },
	{ ENTITY_ORDER, ORDER_PENDING, ORDER_HELD,      N_("submitted with hold") },
	{ ENTITY_ORDER, ORDER_PENDING, ORDER_FAILED,    N_("an order that it depends on failed") },
	{ ENTITY_ORDER, ORDER_PENDING, ORDER_SKIPPED,   N_("an order that it depends on failed, and it asked to be skipped then") },
	{ ENTITY_ORDER, ORDER_BLOCKED, ORDER_QUEUED,    N_("the orders that it depends on succeeded") },
	{ ENTITY_ORDER, ORDER_BLOCKED, ORDER_HELD,      N_("hold") },
	{ ENTITY_ORDER, ORDER_BLOCKED, ORDER_FAILED,    N_("an order that it depends on failed") },
	{ ENTITY_ORDER, ORDER_BLOCKED, ORDER_SKIPPED,   N_("an order that it depends on failed, and it asked to be skipped then") },
	{ ENTITY_ORDER, ORDER_BLOCKED, ORDER_CANCELED,  N_("cancel") },
	{ ENTITY_ORDER, ORDER_QUEUED,  ORDER_HELD,      N_("hold") },
	{ ENTITY_ORDER, ORDER_QUEUED,  ORDER_RUNNING,   N_("its turn came") },
	{ ENTITY_ORDER, ORDER_QUEUED,  ORDER_FAILED,    N_("it waited longer than allowed, or cannot be started") },
	{ ENTITY_ORDER, ORDER_QUEUED,  ORDER_CANCELED,  N_("cancel") },
	{ ENTITY_ORDER, ORDER_HELD,    ORDER_QUEUED,    N_("release") },
	{ ENTITY_ORDER, ORDER_HELD,    ORDER_BLOCKED,   N_("release, and an order that it depends on has not ended") },
	{ ENTITY_ORDER, ORDER_HELD,    ORDER_FAILED,    N_("an order that it depends on failed") },
	{ ENTITY_ORDER, ORDER_HELD,    ORDER_SKIPPED,   N_("an order that it depends on failed, and it asked to be skipped then") },
	{ ENTITY_ORDER, ORDER_HELD,    ORDER_CANCELED,  N_("cancel") },
	{ ENTITY_ORDER, ORDER_RUNNING, ORDER_SUCCEEDED, N_("its run succeeded") },
	{ ENTITY_ORDER, ORDER_RUNNING, ORDER_FAILED,    N_("its run failed") },
	{ ENTITY_ORDER, ORDER_RUNNING, ORDER_CANCELED,  N_("its run was canceled") },
	{ ENTITY_ORDER, ORDER_SUCCEEDED, ORDER_RUNNING, N_("its run was reopened") },
	{ ENTITY_ORDER, ORDER_FAILED,  ORDER_RUNNING,   N_("its run was reopened") },
	{ ENTITY_ORDER, ORDER_CANCELED, ORDER_RUNNING,  N_("its run was reopened") },

	{ ENTITY_RUN, RUN_PENDING,   RUN_PREPARING, N_("started") },
	{ ENTITY_RUN, RUN_PENDING,   RUN_CANCELED,  N_("cancel") },
	{ ENTITY_RUN, RUN_PREPARING, RUN_RUNNING,   N_("the workspace is there") },
	{ ENTITY_RUN, RUN_PREPARING, RUN_PAUSED,    N_("the workspace is there, and it was submitted paused") },
	{ ENTITY_RUN, RUN_PREPARING, RUN_FAILED,    N_("the workspace could not be made") },
	{ ENTITY_RUN, RUN_PREPARING, RUN_CANCELING, N_("cancel") },
	{ ENTITY_RUN, RUN_RUNNING,   RUN_PAUSING,   N_("pause, or a target or step is done, while nodes run") },
	{ ENTITY_RUN, RUN_RUNNING,   RUN_PAUSED,    N_("pause, or a target or step is done") },
	{ ENTITY_RUN, RUN_RUNNING,   RUN_FROZEN,    N_("freeze") },
	{ ENTITY_RUN, RUN_RUNNING,   RUN_WAITING,   N_("only a decision of a person can go on") },
	{ ENTITY_RUN, RUN_RUNNING,   RUN_CANCELING, N_("cancel") },
	{ ENTITY_RUN, RUN_RUNNING,   RUN_SUCCEEDED, N_("all nodes succeeded or were skipped") },
	{ ENTITY_RUN, RUN_RUNNING,   RUN_FAILED,    N_("a critical node failed") },
	{ ENTITY_RUN, RUN_WAITING,   RUN_RUNNING,   N_("the decision came") },
	{ ENTITY_RUN, RUN_WAITING,   RUN_PAUSED,    N_("pause") },
	{ ENTITY_RUN, RUN_WAITING,   RUN_CANCELING, N_("cancel") },
	{ ENTITY_RUN, RUN_WAITING,   RUN_FAILED,    N_("the decision was to abort, or its time ran out") },
	{ ENTITY_RUN, RUN_PAUSING,   RUN_PAUSED,    N_("what ran has ended") },
	{ ENTITY_RUN, RUN_PAUSING,   RUN_RUNNING,   N_("resume") },
	{ ENTITY_RUN, RUN_PAUSING,   RUN_FROZEN,    N_("freeze") },
	{ ENTITY_RUN, RUN_PAUSING,   RUN_CANCELING, N_("cancel") },
	{ ENTITY_RUN, RUN_PAUSING,   RUN_SUCCEEDED, N_("what ran has ended, and nothing is left") },
	{ ENTITY_RUN, RUN_PAUSING,   RUN_FAILED,    N_("what ran has ended, and a critical node failed") },
	{ ENTITY_RUN, RUN_PAUSED,    RUN_RUNNING,   N_("resume, step or until") },
	{ ENTITY_RUN, RUN_PAUSED,    RUN_CANCELING, N_("cancel") },
	{ ENTITY_RUN, RUN_PAUSED,    RUN_ROLLING_BACK, N_("rollback") },
	{ ENTITY_RUN, RUN_FROZEN,    RUN_RUNNING,   N_("resume") },
	{ ENTITY_RUN, RUN_FROZEN,    RUN_PAUSING,   N_("pause: what runs is thawed and ends") },
	{ ENTITY_RUN, RUN_FROZEN,    RUN_PAUSED,    N_("pause") },
	{ ENTITY_RUN, RUN_FROZEN,    RUN_CANCELING, N_("cancel") },
	{ ENTITY_RUN, RUN_FROZEN,    RUN_SUCCEEDED, N_("what was ending ended, and nothing is left") },
	{ ENTITY_RUN, RUN_FROZEN,    RUN_FAILED,    N_("what was ending ended, and a critical node failed") },
	{ ENTITY_RUN, RUN_CANCELING, RUN_CANCELED,  N_("what ran has ended") },
	{ ENTITY_RUN, RUN_FAILED,    RUN_RUNNING,   N_("retry or resume-from: the next generation") },
	{ ENTITY_RUN, RUN_SUCCEEDED, RUN_RUNNING,   N_("resume-from: the next generation") },
	{ ENTITY_RUN, RUN_CANCELED,  RUN_RUNNING,   N_("retry or resume-from: the next generation") },
	{ ENTITY_RUN, RUN_FAILED,    RUN_ROLLING_BACK, N_("rollback") },
	{ ENTITY_RUN, RUN_SUCCEEDED, RUN_ROLLING_BACK, N_("rollback") },
	{ ENTITY_RUN, RUN_CANCELED,  RUN_ROLLING_BACK, N_("rollback") },
	{ ENTITY_RUN, RUN_ROLLING_BACK, RUN_PAUSED, N_("the checkpoint is restored and verified") },
	{ ENTITY_RUN, RUN_ROLLING_BACK, RUN_RUNNING, N_("the files are restored: the next generation goes on") },
	{ ENTITY_RUN, RUN_ROLLING_BACK, RUN_FAILED, N_("it was undone: the run is what it was") },
	{ ENTITY_RUN, RUN_ROLLING_BACK, RUN_SUCCEEDED, N_("it was undone: the run is what it was") },
	{ ENTITY_RUN, RUN_ROLLING_BACK, RUN_CANCELED, N_("it was undone: the run is what it was") },

	{ ENTITY_NODE, NODE_PENDING,  NODE_RUNNING,   N_("a worker took it") },
	{ ENTITY_NODE, NODE_PENDING,  NODE_SKIPPED,   N_("its condition is false, or what it needs did not end as wanted") },
	{ ENTITY_NODE, NODE_PENDING,  NODE_SUCCEEDED, N_("mark: an operator says that it is done") },
	{ ENTITY_NODE, NODE_PENDING,  NODE_FAILED,    N_("it cannot be started") },
	{ ENTITY_NODE, NODE_PENDING,  NODE_CANCELED,  N_("its group was stopped") },
	{ ENTITY_NODE, NODE_RUNNING,  NODE_SUCCEEDED, N_("the work is done") },
	{ ENTITY_NODE, NODE_RUNNING,  NODE_VALIDATING, N_("the work is done and its checks begin") },
	{ ENTITY_NODE, NODE_RUNNING,  NODE_RETRYING,  N_("it failed and will be tried again") },
	{ ENTITY_NODE, NODE_RUNNING,  NODE_WAITING,   N_("it waits for a person") },
	{ ENTITY_NODE, NODE_RUNNING,  NODE_FAILED,    N_("it failed and is not tried again") },
	{ ENTITY_NODE, NODE_RUNNING,  NODE_CANCELED,  N_("cancel") },
	{ ENTITY_NODE, NODE_VALIDATING, NODE_SUCCEEDED, N_("its checks passed") },
	{ ENTITY_NODE, NODE_VALIDATING, NODE_RUNNING, N_("a check failed: next iteration") },
	{ ENTITY_NODE, NODE_VALIDATING, NODE_FAILED,  N_("a check failed, and no iteration is left") },
	{ ENTITY_NODE, NODE_VALIDATING, NODE_CANCELED, N_("cancel") },
	{ ENTITY_NODE, NODE_WAITING,  NODE_RUNNING,   N_("the decision came") },
	{ ENTITY_NODE, NODE_WAITING,  NODE_SUCCEEDED, N_("the decision was to go on") },
	{ ENTITY_NODE, NODE_WAITING,  NODE_SKIPPED,   N_("the decision was to skip it") },
	{ ENTITY_NODE, NODE_WAITING,  NODE_FAILED,    N_("the decision was to abort, or its time ran out") },
	{ ENTITY_NODE, NODE_WAITING,  NODE_CANCELED,  N_("cancel") },
	{ ENTITY_NODE, NODE_WAITING,  NODE_PENDING,   N_("the decision was to go back: the next generation") },
	{ ENTITY_NODE, NODE_WAITING,  NODE_VALIDATING, N_("the decision was another iteration") },
	{ ENTITY_NODE, NODE_VALIDATING, NODE_RETRYING, N_("its checks were interrupted: they begin again") },
	{ ENTITY_NODE, NODE_RETRYING, NODE_VALIDATING, N_("a worker took its checks again") },
	{ ENTITY_NODE, NODE_VALIDATING, NODE_PENDING, N_("sent back between two iterations: the next generation") },
	{ ENTITY_NODE, NODE_VALIDATING, NODE_WAITING, N_("a person is asked what comes next") },
	{ ENTITY_NODE, NODE_RETRYING, NODE_RUNNING,   N_("the wait is over and a worker took it") },
	{ ENTITY_NODE, NODE_RETRYING, NODE_FAILED,    N_("it cannot be started") },
	{ ENTITY_NODE, NODE_RETRYING, NODE_CANCELED,  N_("cancel") },
	{ ENTITY_NODE, NODE_RETRYING, NODE_SKIPPED,   N_("skip: an operator says that it is not needed") },
	{ ENTITY_NODE, NODE_RETRYING, NODE_SUCCEEDED, N_("mark: an operator says that it is done") },

	{ ENTITY_NODE, NODE_SUCCEEDED, NODE_PENDING,  N_("resume-from: the next generation") },
	{ ENTITY_NODE, NODE_FAILED,   NODE_PENDING,   N_("retry or resume-from: the next generation") },
	{ ENTITY_NODE, NODE_SKIPPED,  NODE_PENDING,   N_("retry or resume-from: the next generation") },
	{ ENTITY_NODE, NODE_CANCELED, NODE_PENDING,   N_("retry or resume-from: the next generation") },
	{ ENTITY_NODE, NODE_RETRYING, NODE_PENDING,   N_("retry: at once, with a fresh budget") },

	{ ENTITY_ATTEMPT, ATTEMPT_RUNNING, ATTEMPT_SUCCEEDED,   N_("it ended well") },
	{ ENTITY_ATTEMPT, ATTEMPT_RUNNING, ATTEMPT_FAILED,      N_("it ended badly") },
	{ ENTITY_ATTEMPT, ATTEMPT_RUNNING, ATTEMPT_TIMED_OUT,   N_("its time ran out") },
	{ ENTITY_ATTEMPT, ATTEMPT_RUNNING, ATTEMPT_CANCELED,    N_("cancel") },
	{ ENTITY_ATTEMPT, ATTEMPT_RUNNING, ATTEMPT_INTERRUPTED, N_("its worker or the machine went away") },

	{ ENTITY_PATCH, PATCH_CREATED,   PATCH_VALIDATED,   N_("its form, its paths and its limits are good, and it would apply") },
	{ ENTITY_PATCH, PATCH_CREATED,   PATCH_QUARANTINED, N_("it was refused") },
	{ ENTITY_PATCH, PATCH_VALIDATED, PATCH_QUEUED,      N_("it is to be applied") },
	{ ENTITY_PATCH, PATCH_VALIDATED, PATCH_QUARANTINED, N_("it was stopped before it was applied") },
	{ ENTITY_PATCH, PATCH_QUEUED,    PATCH_APPLYING,    N_("what it touches is kept") },
	{ ENTITY_PATCH, PATCH_QUEUED,    PATCH_QUARANTINED, N_("it was stopped before it was applied") },
	{ ENTITY_PATCH, PATCH_APPLYING,  PATCH_APPLIED,     N_("the files are what it makes of them") },
	{ ENTITY_PATCH, PATCH_APPLYING,  PATCH_APPLY_FAILED, N_("it could not be applied, or was interrupted") },
	{ ENTITY_PATCH, PATCH_APPLYING,  PATCH_QUARANTINED, N_("it was interrupted, and the files are what they were") },
	{ ENTITY_PATCH, PATCH_APPLY_FAILED, PATCH_QUEUED,   N_("another try, of three") },
	{ ENTITY_PATCH, PATCH_APPLY_FAILED, PATCH_QUARANTINED, N_("no try is left, and the files are what they were") },
	{ ENTITY_PATCH, PATCH_APPLY_FAILED, PATCH_DROPPED,  N_("drop") },
	{ ENTITY_PATCH, PATCH_APPLIED,   PATCH_VERIFIED,    N_("the checks passed, or there are none") },
	{ ENTITY_PATCH, PATCH_APPLIED,   PATCH_QUARANTINED, N_("a check failed or it was stopped, and the files are what they were") },
	{ ENTITY_PATCH, PATCH_VERIFIED,  PATCH_COMMITTED,   N_("it stays") },
	{ ENTITY_PATCH, PATCH_VERIFIED,  PATCH_QUARANTINED, N_("there could be no commit, and the files are what they were") },
	{ ENTITY_PATCH, PATCH_COMMITTED, PATCH_ROLLED_BACK, N_("revert: another entry took it back") },
	{ ENTITY_PATCH, PATCH_QUARANTINED, PATCH_DROPPED,   N_("drop") },
};

#define S(x) (1U << (x))
#define RUN_LIVE (S(RUN_RUNNING) | S(RUN_PAUSING) | S(RUN_PAUSED) | S(RUN_FROZEN) | S(RUN_WAITING))
#define ANY_STATE (~0U)
#define RUN_ENDABLE (RUN_LIVE | S(RUN_PREPARING))
#define RUN_FINAL (S(RUN_SUCCEEDED) | S(RUN_FAILED) | S(RUN_CANCELED))
#define ORDER_WAITS (S(ORDER_QUEUED) | S(ORDER_HELD) | S(ORDER_BLOCKED))
static const struct {
	const char *name;
	enum entity entity;
	unsigned int fits, done; /* bits of states */
	const char *help;
} verbs[] = {
	[VERB_SUBMIT]  = { "submit",  ENTITY_ENGINE, 0, 0, N_("put a workflow into the queue") },
	[VERB_PAUSE]   = { "pause",   ENTITY_RUN, S(RUN_RUNNING) | S(RUN_WAITING) | S(RUN_FROZEN),
			   S(RUN_PAUSING) | S(RUN_PAUSED), N_("start nothing new; what runs ends") },
	[VERB_FREEZE]  = { "freeze",  ENTITY_RUN, S(RUN_RUNNING) | S(RUN_PAUSING), S(RUN_FROZEN),
			   N_("stop the running processes where they are") },
	[VERB_RESUME]  = { "resume",  ENTITY_RUN, S(RUN_PAUSED) | S(RUN_PAUSING) | S(RUN_FROZEN), S(RUN_RUNNING),
			   N_("go on") },
	[VERB_STEP]    = { "step",    ENTITY_RUN, S(RUN_PAUSED), S(RUN_SUCCEEDED), N_("run one ready node, then pause") },
	[VERB_UNTIL]   = { "until",   ENTITY_RUN, S(RUN_PAUSED) | S(RUN_RUNNING), 0,
			   N_("go on, and pause after a node") },
	[VERB_CANCEL]  = { "cancel",  ENTITY_RUN, RUN_ENDABLE | S(RUN_CANCELING), S(RUN_CANCELED),
			   N_("end it; again: at once") },
	[VERB_RETRY]   = { "retry",   ENTITY_RUN, RUN_LIVE | S(RUN_FAILED) | S(RUN_CANCELED), 0,
			   N_("run again what failed, and what follows from it") },
	[VERB_RESUME_FROM] = { "resume_from", ENTITY_RUN, RUN_LIVE | RUN_FINAL, 0,
			   N_("run a node again, and everything after it") },
	[VERB_ROLLBACK] = { "rollback", ENTITY_RUN, RUN_LIVE | RUN_FINAL, 0,
			   N_("everything as it was at a checkpoint, files too; then paused") },
	[VERB_FORK]    = { "fork", ENTITY_RUN, RUN_LIVE | RUN_FINAL, 0, N_("a new run that begins at a checkpoint") },
	[VERB_ACKNOWLEDGE]  = { "acknowledge", ENTITY_RUN, S(RUN_FAILED), 0, N_("the failure was seen") },
	[VERB_RUN_PRIORITY] = { "priority", ENTITY_RUN, RUN_LIVE, 0, N_("change the share of the run") },
	[VERB_SKIP]    = { "skip",    ENTITY_RUN, RUN_LIVE | RUN_FINAL, 0, N_("do without a node") },
	[VERB_MARK]    = { "mark",    ENTITY_RUN, RUN_LIVE | RUN_FINAL, 0, N_("say that a node is done") },
	[VERB_BREAK]   = { "break",   ENTITY_RUN, RUN_LIVE | RUN_FINAL, 0, N_("stop at a node") },
	[VERB_UNBREAK] = { "unbreak", ENTITY_RUN, RUN_LIVE | RUN_FINAL, 0, N_("stop there no more") },
	[VERB_DECIDE]  = { "decide",  ENTITY_RUN, RUN_LIVE, 0, N_("answer what a node asks") },
	[VERB_UNDO]    = { "undo",    ENTITY_RUN, RUN_LIVE | RUN_FINAL, 0, N_("take the last verb back") },
	[VERB_EDIT]    = { "edit",    ENTITY_RUN, S(RUN_PAUSED) | RUN_FINAL, 0, N_("change what it is given") },
	[VERB_SHELL]   = { "shell",   ENTITY_RUN, S(RUN_PAUSED) | RUN_FINAL, 0, N_("stand where a node stood") },
	[VERB_SHELL_RENEW] = { "shell_renew", ENTITY_RUN, ANY_STATE, 0, N_("the shell is still there") },
	[VERB_SHELL_END]   = { "shell_end",   ENTITY_RUN, ANY_STATE, 0, N_("the shell is gone") },
	[VERB_HOLD]    = { "hold",    ENTITY_ORDER, S(ORDER_QUEUED) | S(ORDER_BLOCKED), S(ORDER_HELD),
			   N_("keep it from starting") },
	[VERB_RELEASE] = { "release", ENTITY_ORDER, S(ORDER_HELD), S(ORDER_QUEUED) | S(ORDER_BLOCKED),
			   N_("let it start again") },
	[VERB_FRONT]   = { "front",   ENTITY_ORDER, ORDER_WAITS, 0, N_("before the others of its priority") },
	[VERB_BACK]    = { "back",    ENTITY_ORDER, ORDER_WAITS, 0, N_("behind the others of its priority") },
	[VERB_ORDER_PRIORITY] = { "priority", ENTITY_ORDER, ORDER_WAITS, 0, N_("change its priority") },
	[VERB_ORDER_CANCEL] = { "cancel", ENTITY_ORDER, ORDER_WAITS | S(ORDER_RUNNING), S(ORDER_CANCELED),
			   N_("take it out of the queue, or end its run") },
	[VERB_QUEUE_PAUSE]  = { "queue_pause",  ENTITY_ENGINE, 0, 0, N_("let no order start") },
	[VERB_BREAKER] = { "breaker", ENTITY_ENGINE, 0, 0, N_("force a circuit breaker open or closed") },
	[VERB_PATCH]   = { "patch",   ENTITY_ENGINE, 0, 0, N_("revert, drop or quarantine a patch") },
	[VERB_QUEUE_RESUME] = { "queue_resume", ENTITY_ENGINE, 0, 0, N_("let orders start again") },
};
/* clang-format on */
static_assert(COUNT(verbs) == VERB_COUNT, "every verb has a row");
static_assert(COUNT(run_names) == RUN_STATE_COUNT, "every run state has a name");
static_assert(COUNT(node_names) == NODE_STATE_COUNT, "every node state has a name");
static_assert(COUNT(order_names) == ORDER_STATE_COUNT, "every order state has a name");
static_assert(COUNT(patch_names) == PATCH_STATE_COUNT, "every patch state has a name");
static_assert(COUNT(attempt_names) == ATTEMPT_STATE_COUNT, "every attempt state has a name");

const char *entity_name(enum entity e)
{
	return entities[e];
}

const char *state_name(enum entity e, int state)
{
	return state >= 0 && state < machines[e].count ? machines[e].names[state] : "unknown";
}

int state_from_name(enum entity e, const char *name)
{
	for (int i = 0; i < machines[e].count; i++)
		if (str_eq(machines[e].names[i], name))
			return i;
	return -1;
}

int state_count(enum entity e)
{
	return machines[e].count;
}

bool state_final(enum entity e, int state)
{
	return machines[e].final >> state & 1;
}

const char *run_result_name(enum run_result r)
{
	return results[r];
}

const char *run_mode_name(enum run_mode m)
{
	return modes[m];
}

const char *attempt_phase_name(enum attempt_phase p)
{
	static const char *const names[] = { "work", "verify", "strategy" };
	static_assert(COUNT(names) == ATTEMPT_PHASE_COUNT, "every phase has a name");
	return names[p];
}

const char *iteration_state_name(enum iteration_state s)
{
	static const char *const names[] = { "building", "verifying", "deciding", "waiting", "passed", "rejected",
					     "failed", "canceled" };
	static_assert(COUNT(names) == ITERATION_STATE_COUNT, "every state has a name");
	return names[s];
}

const char *actor_name(enum actor a)
{
	return actors[a];
}

bool state_move_legal(enum entity e, int from, int to)
{
	/* One word of bits per state and entity, made of the table at the first question. */
	static unsigned int legal[ENTITY_COUNT][16];
	static bool made;
	if (!made) {
		for (size_t i = 0; i < COUNT(moves); i++)
			legal[moves[i].entity][moves[i].from] |= 1U << moves[i].to;
		made = true;
	}
	return legal[e][from] >> to & 1;
}

const struct state_move *state_moves(size_t *ret_n)
{
	*ret_n = COUNT(moves);
	return moves;
}

const char *verb_name(enum verb v)
{
	return verbs[v].name;
}

const char *verb_help(enum verb v)
{
	return verbs[v].help;
}

enum entity verb_entity(enum verb v)
{
	return verbs[v].entity;
}

enum verb_fit verb_fits(enum verb v, int state)
{
	if (verbs[v].fits >> state & 1)
		return FIT_YES;
	return verbs[v].done >> state & 1 ? FIT_DONE : FIT_NO;
}

void verbs_legal(enum entity e, int state, struct str *out)
{
	const char *comma = "";
	for (size_t i = 0; i < COUNT(verbs); i++) {
		if (verbs[i].entity != e || verbs[i].fits == ANY_STATE || !(verbs[i].fits >> state & 1))
			continue; /* what fits always is no choice of a person: the shell says it by itself */
		str_addf(out, "%s%s", comma, verbs[i].name);
		comma = ", ";
	}
}
