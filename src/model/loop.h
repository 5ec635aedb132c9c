/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What follows an iteration: stop, go on, try the same again, or ask a person. Every strategy is one row with one
 * callback that is given the whole context; the order of the rules is the same for all: cancel, hard limits,
 * passed and complete, maximum, going in circles, breaker, minimum, strategy. Pure. */
#ifndef PAWL_MODEL_LOOP_H
#define PAWL_MODEL_LOOP_H

#include "model/graph.h"

enum loop_action {
	LOOP_STOP,     /* the node ends */
	LOOP_CONTINUE, /* the next iteration, with feedback */
	LOOP_RETRY,    /* the next iteration, with the same prompt */
	LOOP_ESCALATE, /* a person decides */
	LOOP_ACTION_COUNT
};
const char *loop_action_name(enum loop_action a); /* "continue"; never translated */
enum loop_action loop_action_from_name(const char *name); /* LOOP_ACTION_COUNT when unknown */

/* What the loop came to, when it stops. Stored: numbers never change. */
enum loop_final {
	FINAL_NONE,           /* it goes on */
	FINAL_PASSED,
	FINAL_MAX_ITERATIONS, /* no iteration is left */
	FINAL_TIMEOUT,        /* its time is over */
	FINAL_BUDGET,         /* tokens, cost, disk, memory … */
	FINAL_LOOP,           /* it goes in circles */
	FINAL_STRATEGY,       /* the strategy gave up */
	FINAL_ERROR,          /* the work itself failed */
	FINAL_CANCELED,
	FINAL_COUNT
};
const char *loop_final_name(enum loop_final f); /* "max_iterations" */
enum loop_final loop_final_from_name(const char *name); /* FINAL_COUNT when unknown */

enum loop_trend { TREND_UNKNOWN, TREND_IMPROVING, TREND_STAGNANT, TREND_REGRESSING, TREND_COUNT };
const char *loop_trend_name(enum loop_trend t);

/* One iteration that has ended. */
struct loop_round {
	bool worked;        /* the work itself (agent, command) ended well */
	bool verified;      /* there was a gate … */
	bool passed;        /* … and it passed; without a gate: as `worked` */
	bool changed;       /* the files are not as they were before it; true when nobody knows */
	uint64_t content;   /* hash of what the work made; 0: not known */
	uint64_t signature; /* of the first diagnostics; 0: none */
	int level;          /* the gate's levels that passed */
	int problems;       /* what the failing level counted: errors, failed tests, failed checks */
	const char *said;   /* the final text, may be NULL; borrowed */
};

struct loop_case {
	const struct graph_loop *loop; /* NULL: one iteration */
	int iteration;                 /* the one that ended, from 1 */
	int64_t elapsed_ms, tokens, cost_micro_usd; /* of the whole loop */
	struct loop_round now;
	const struct loop_round *previous; /* oldest first */
	size_t nprevious;
	bool canceled;
	const char *limit;       /* the limit that is reached, as a sentence; NULL: none */
	enum loop_final limit_final; /* FINAL_TIMEOUT or FINAL_BUDGET, with limit */
	const char *breaker;     /* an open breaker without which it cannot go on; NULL: none */
	const struct loop_decision *answer; /* of the command of a custom strategy; NULL: it has not answered */
	const char *no_answer;   /* … and why not; NULL: it was not asked yet */
};

#define LOOP_FEEDBACK_MAX (16 * KIB)

struct loop_decision {
	enum loop_action action;
	enum loop_final final;   /* with LOOP_STOP */
	enum loop_trend trend;
	const char *detected;    /* "repeat", "diagnostics", "oscillation", "no_change", "similar"; NULL: nothing */
	double confidence;       /* of what was detected, 0 … 1 */
	char reason[320];        /* a sentence */
	char feedback[LOOP_FEEDBACK_MAX + 1]; /* of a custom strategy or a person, for the next prompt; else "" */
};

void loop_decide(const struct loop_case *c, struct loop_decision *ret);
/* Reason and feedback (NULL: none), cut at a character where they are too long. */
void loop_say(struct loop_decision *d, const char *reason, const char *feedback);

/* How much `now` is better than `before`, from -1 to 1: the part of the problems that is gone, or 1 when a
 * level more passed. */
double loop_progress(const struct loop_round *before, const struct loop_round *now);
/* 0 … 1, for people: levels passed of `levels`, and within the failing one fewer problems are more. */
double loop_score(const struct loop_round *r, int levels);
/* Jaccard index of the sets of words of two texts (Jaccard 1901): 1 for two empty ones. */
double loop_likeness(const char *a, const char *b);
/* The signal that stands alone in a line of the text (marks of Markdown do not count); NULL: none does. A loop that
 * names none knows the usual ones: TASK_COMPLETE, TASK_COMPLETED, DONE, [COMPLETE], [DONE]. */
const char *loop_signal(const struct graph_loop *loop, const char *text);
/* What a custom strategy wrote: {"decision": "continue", "reason": …, "feedback": …}. ERR_INVALID says what is
 * wrong with it. */
enum err_code loop_answer(const struct json *v, struct loop_decision *ret, struct err *err) MUST_CHECK;
/* The most iterations that there can be. */
int loop_most(const struct graph_loop *loop);

#endif
