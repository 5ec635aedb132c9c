/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: one SQLite connection, the only one in the world (locking_mode=EXCLUSIVE, WAL,
 * synchronous=FULL). The engine writes through the functions here, inside one transaction a turn; readers
 * of lists use store/read.h on the same connection, between turns. */
#ifndef PAWL_STORE_STORE_H
#define PAWL_STORE_STORE_H

#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"
#include "model/breaker.h"
#include "model/error.h"
#include "model/states.h"

struct store;

struct store_options {
	bool unsafe_network_fs; /* allow a network file system */
	bool relaxed_sync;      /* synchronous=OFF: for the simulator only */
};

/* Open or make the database at `path`; migrates forward (after a copy beside it). ERR_CONFLICT when another
 * program holds it, ERR_VERSION when it is newer, ERR_CORRUPT, ERR_STORAGE. */
enum err_code store_open(const char *path, const struct store_options *o, struct store **ret,
			 struct err *err) MUST_CHECK;
void store_close(struct store *st);
/* Migrate down to `version` (for a downgrade; a copy is made before). */
enum err_code store_migrate_down(struct store *st, int version, struct err *err) MUST_CHECK;
int store_version(const struct store *st);
int store_newest_version(void);

/* The transaction of a turn. begin is done by the first write; nothing is on disk before commit. When commit
 * fails everything since begin is undone. */
enum err_code store_commit(struct store *st, struct err *err) MUST_CHECK;
void store_rollback(struct store *st);
bool store_in_turn(const struct store *st); /* something was written since the last commit */
/* The first error of a write of this turn sticks, and commit reports it. */
/* Do what is useful when idle (checkpoint of the write-ahead log). */
void store_idle(struct store *st);
/* Try whether a commit would work (after ERR_STORAGE). */
enum err_code store_probe(struct store *st, struct err *err) MUST_CHECK;
int64_t store_commits(const struct store *st); /* since open */
int64_t store_statements(const struct store *st); /* run since open */
/* For tests: asked before each commit; true makes it fail as a full disk does. */
void store_on_commit(struct store *st, bool (*full)(void *ctx), void *ctx);
/* For tests: let the file grow by so many pages at most, as a small disk does; -1: no limit. */
void store_limit_growth(struct store *st, int64_t pages);

/* ---- rows ---- */

enum order_flags {
	ORDER_PAUSED = 1,     /* the run starts paused */
	ORDER_SKIP = 2,       /* skipped, not failed, when a dependency fails */
	ORDER_UNTIL_FAILURE = 4,
	ORDER_BREAKPOINTS = 8, /* it was submitted with some */
	ORDER_FORK = 16,       /* its run begins at a checkpoint of another one */
	ORDER_FLAGS_ALL = 31,
};

struct order_row {
	id_t64 id;
	struct hash workflow;
	const char *name, *file, *dir;
	enum order_state state;
	int priority;
	int64_t place;
	const char *params, *env, *until; /* JSON; env and until may be NULL */
	unsigned int flags;
	int64_t max_wait_ms;
	const char *reason;
	id_t64 run;
	const char *submitter;
	int64_t enqueued_ms, started_ms, ended_ms;
	int64_t version;
};

struct run_row {
	id_t64 id, order;
	struct hash workflow;
	const char *sub, *name, *file, *dir;
	enum run_state state;
	enum run_result result;
	enum run_mode mode;
	const char *until, *reason;
	int generation, priority;
	const char *params, *env, *workspace;
	id_t64 parent_run;
	int parent_node;
	int failed_node; /* -1: none */
	int64_t failed_token;
	bool acknowledged;
	int64_t created_ms, started_ms, ended_ms, paused_at_ms, paused_ms;
	int crashes;
	const char *counts;
	int64_t epoch, version;
};

struct node_row {
	id_t64 run;
	int idx, generation;
	enum node_state state;
	int iteration, attempt;
	int64_t token; /* 0: none */
	enum error_class class;
	const char *reason, *outputs;
	id_t64 child;
	int64_t started_ms, ended_ms, next_ms, seq, version;
	bool stale; /* what it was made from was made anew since */
	int64_t began;      /* event by which its present iteration began, 0: it did not */
	const char *before; /* snapshot of its workspace then; NULL: none was kept */
};

struct instance_row {
	id_t64 run;
	int idx, parent;
	int expansion; /* the iteration of the group that made it */
	bool superseded; /* the group was expanded anew since; when reading single ones */
	const char *name, *bindings;
};

struct attempt_row {
	int64_t token;
	id_t64 run;
	int idx, generation, iteration, attempt;
	int64_t previous;
	enum attempt_state state;
	enum error_class class;
	int exit_code, signal; /* -1: none */
	const char *message, *tail;
	int64_t started_ms, ended_ms, worker_pid, worker_start;
	const char *boot_id;
	int64_t cpu_us, rss_kib, frozen_ms, log_bytes, log_lines, log_dropped, log_lost, redacted, leftover;
	int64_t retry_in_ms; /* -1: none */
	const char *retry_reason;
	const char *report; /* JSON that the step's program wrote about its work; NULL: none. When ending; see
			       store_report_get() */
	int phase;          /* enum attempt_phase */
};

/* ---- iterations (store/loop.c) ---- */

enum iteration_bits { ITER_WORKED = 1, ITER_VERIFIED = 2, ITER_PASSED = 4, ITER_CHANGED = 8, ITER_SAME_PROMPT = 16 };
struct iteration_row {
	id_t64 run;
	int idx, generation, iteration;
	enum iteration_state state;
	int64_t work, verify, strategy, last; /* tokens; 0: none */
	const char *prompt, *tree;            /* may be NULL */
	uint64_t content, signature;
	int level, problems;
	unsigned int bits;
	int score;      /* thousandths */
	int action, final, trend; /* enums of model/loop.h; mean something once it has ended */
	const char *detected;
	int confidence; /* thousandths */
	const char *reason, *feedback;
	enum error_class class;
	const char *message;
	int64_t started_ms, worked_ms, ended_ms;
};

#define USAGE_LOST "lost" /* status: nobody could say what it took; its counts are those that were heard last */

struct usage_row {
	int64_t token;
	int number;
	id_t64 run;
	int idx, generation, iteration;
	const char *provider, *model;
	int64_t input, output, cache_read, cache_write, total, cost_micro_usd; /* -1: not known */
	const char *price_version;
	const char *status;
	int http_status, retry_count; /* http_status -1: none */
	int64_t latency_ms, at_ms;
};

/* Sums; what is not known counts as nothing in them, and how often that was. */
struct usage_sum {
	int64_t calls, input, output, cache_read, cache_write, total, cost_micro_usd, no_cost, no_total;
	int64_t call_total, call_cost_micro_usd; /* the most that one call took */
};

struct breaker_row {
	const char *name;
	struct breaker b;
	const char *reason, *who;
	int64_t changed_ms;
};

enum approval_state { APPROVAL_OPEN, APPROVAL_DECIDED, APPROVAL_EXPIRED, APPROVAL_WITHDRAWN, APPROVAL_STATE_COUNT };
struct approval_row {
	id_t64 run;
	int idx, generation, iteration;
	enum approval_state state;
	const char *question;
	unsigned int choices;
	const char *roles, *targets; /* JSON lists */
	int on_timeout;
	int64_t asked_ms, deadline_ms;
	int choice; /* -1: none yet */
	const char *target, *who, *role, *reason, *feedback;
	int64_t decided_ms;
};

/* SPACE_EMPTY stands for the snapshot of an empty folder wherever a snapshot is named. */
#define SPACE_EMPTY "empty"
/* Stored: numbers never change. Leaving: what is in it is kept first; removing: it is, and it goes. */
enum space_state { SPACE_WANTED, SPACE_HELD, SPACE_LEAVING, SPACE_RELEASED, SPACE_REMOVING };
struct workspace_row {
	id_t64 run;
	int stream, kind;
	const char *path, *repository, *branch, *base; /* the last three of a worktree, else NULL */
	enum space_state state;
	const char *tree; /* newest snapshot; NULL: none */
};

struct checkpoint_row {
	id_t64 run;
	int number, stream, idx; /* number 0: the start, idx -1 */
	int generation, iteration;
	int64_t seq, at_ms;
	const char *tree, *why_not; /* either is NULL */
	int64_t nleft;
};

/* A way back that takes several steps; the numbers are stored. */
enum procedure_step {
	STEP_ACQUIRE, STEP_PROTECT, STEP_RESTORE, STEP_COMMIT, STEP_HEALTH, STEP_DONE, STEP_UNDONE, STEP_BACK,
	STEP_QUIESCE, STEP_COUNT
};
struct procedure_row {
	id_t64 run;
	enum procedure_step step;
	int verb, was;
	const char *request, *spaces, *error;
	int64_t began_ms, ended_ms, lost_ms;
};

struct fork_row {
	id_t64 order, run, source; /* run 0: it has not started yet */
	int checkpoint;
};

struct event_row {
	int64_t seq; /* set by store_event() */
	int64_t at_ms;
	const char *type; /* "run.paused" */
	id_t64 order, run;
	int idx, generation, iteration, attempt; /* idx -1: no node */
	int was, now; /* -1: no state changed */
	enum actor actor;
	const char *who, *reason, *data;
};

/* All writes start the turn's transaction if need be. A failure is kept and reported by commit: the
 * in-memory state of the engine is then thrown away and read again, as after a crash. */
void store_event(struct store *st, struct event_row *e); /* gives it its number and hash */
int64_t store_last_seq(const struct store *st);
void store_workflow_put(struct store *st, const struct hash *hash, const char *name, const char *file,
			const char *source, const char *includes, int64_t now_ms);
void store_order_add(struct store *st, const struct order_row *o);
void store_order_need_add(struct store *st, id_t64 id, id_t64 needs);
void store_order_set(struct store *st, const struct order_row *o); /* all but what never changes */
void store_run_add(struct store *st, const struct run_row *r);
void store_run_set(struct store *st, const struct run_row *r);
void store_node_put(struct store *st, const struct node_row *n); /* add or replace of this generation */
void store_instance_add(struct store *st, const struct instance_row *i);
void store_attempt_add(struct store *st, const struct attempt_row *a);
void store_attempt_end(struct store *st, const struct attempt_row *a); /* a running one, once */
void store_workspace_put(struct store *st, const struct workspace_row *w);
void store_checkpoint_add(struct store *st, const struct checkpoint_row *c);
void store_procedure_put(struct store *st, const struct procedure_row *p);
/* The files of a run's checkpoints are not kept any more; `why` says so. */
void store_forget_files(struct store *st, id_t64 run, const char *why);
void store_fork_put(struct store *st, const struct fork_row *f);
void store_iteration_put(struct store *st, const struct iteration_row *i);
void store_usage_add(struct store *st, const struct usage_row *u);
void store_breaker_put(struct store *st, const struct breaker_row *b);
void store_approval_put(struct store *st, const struct approval_row *a);
void store_meta_set(struct store *st, const char *k, const char *v);
void store_idempotency_put(struct store *st, const char *key, const struct hash *body, int kind,
			   id_t64 id, int64_t now_ms);
void store_idempotency_prune(struct store *st, int64_t before_ms);

/* ---- reading for the engine: start and look-ups ---- */

/* The walkers call `fn` with rows that are valid during the call. */
enum err_code store_orders_live(struct store *st, void (*fn)(void *ctx, const struct order_row *o),
				void *ctx, struct err *err) MUST_CHECK;
enum err_code store_order_needs(struct store *st, id_t64 id, void (*fn)(void *ctx, id_t64 needs),
				void *ctx, struct err *err) MUST_CHECK;
/* Those of them that it has to wait for still: not what has succeeded since it came, or had by then. */
enum err_code store_order_waits(struct store *st, id_t64 id, void (*fn)(void *ctx, id_t64 needs),
				void *ctx, struct err *err) MUST_CHECK;
enum err_code store_runs_live(struct store *st, void (*fn)(void *ctx, const struct run_row *r),
			      void *ctx, struct err *err) MUST_CHECK;
enum err_code store_nodes_of(struct store *st, id_t64 run, void (*fn)(void *ctx, const struct node_row *n),
			     void *ctx, struct err *err) MUST_CHECK; /* every generation, in order */
enum err_code store_instances_of(struct store *st, id_t64 run,
				 void (*fn)(void *ctx, const struct instance_row *i), void *ctx,
				 struct err *err) MUST_CHECK;
/* The attempts of a run in their order: of which node, and how they ended. */
enum err_code store_attempt_ends(struct store *st, id_t64 run,
				 void (*fn)(void *ctx, int idx, int generation, int iteration,
					    enum attempt_state state),
				 void *ctx, struct err *err) MUST_CHECK;
enum err_code store_workspaces_of(struct store *st, id_t64 run,
				  void (*fn)(void *ctx, const struct workspace_row *w), void *ctx,
				  struct err *err) MUST_CHECK;
enum err_code store_workspaces_in(struct store *st, enum space_state state,
				  void (*fn)(void *ctx, const struct workspace_row *w), void *ctx,
				  struct err *err) MUST_CHECK;
/* Those with a number above `after` (-1: all), oldest first, at most `limit`. */
enum err_code store_checkpoints_of(struct store *st, id_t64 run, int after, int64_t limit,
				   void (*fn)(void *ctx, const struct checkpoint_row *c), void *ctx,
				   struct err *err) MUST_CHECK;
int store_last_checkpoint(struct store *st, id_t64 run);
/* The moves of a run's nodes up to event `upto`, oldest first. */
struct node_move {
	int idx, generation, iteration, attempt;
	enum node_state now;
	int64_t seq;
};
enum err_code store_node_moves(struct store *st, id_t64 run, int64_t upto,
			       void (*fn)(void *ctx, const struct node_move *m), void *ctx,
			       struct err *err) MUST_CHECK;
enum err_code store_forks_of(struct store *st, id_t64 run, void (*fn)(void *ctx, const struct fork_row *f),
			     void *ctx, struct err *err) MUST_CHECK;
/* Those of a node after (generation, iteration), oldest first. */
enum err_code store_iterations_of(struct store *st, id_t64 run, int idx, int generation, int iteration, int64_t limit,
				  void (*fn)(void *ctx, const struct iteration_row *i), void *ctx,
				  struct err *err) MUST_CHECK;
/* The texts are valid until the next call. ERR_NOT_FOUND. */
enum err_code store_iteration_get(struct store *st, id_t64 run, int idx, int generation, int iteration,
				  struct iteration_row *ret, struct err *err) MUST_CHECK;
int store_iteration_count(struct store *st, id_t64 run); /* with those of its sub-workflows */
/* The report of an attempt, yours; NULL: it has none. */
char *store_report_get(struct store *st, int64_t token);
/* The calls of a run from a token on, oldest first; run 0: of all, newest first, before a token (0: from the newest). */
enum err_code store_usage_of(struct store *st, id_t64 run, int64_t token, int64_t limit,
			     void (*fn)(void *ctx, const struct usage_row *u), void *ctx, struct err *err) MUST_CHECK;
/* Of a run; idx -1, generation 0, iteration 0: of all. */
enum err_code store_usage_sum(struct store *st, id_t64 run, int idx, int generation, int iteration,
			      struct usage_sum *ret, struct err *err) MUST_CHECK;
/* Of a run and all of its sub-workflows. */
enum err_code store_usage_sum_below(struct store *st, id_t64 run, struct usage_sum *ret, struct err *err) MUST_CHECK;
enum err_code store_breakers(struct store *st, void (*fn)(void *ctx, const struct breaker_row *b), void *ctx,
			     struct err *err) MUST_CHECK;
/* Questions that wait for an answer, asked after `after_ms`, oldest first. */
enum err_code store_approvals_open(struct store *st, int64_t after_ms, int64_t limit,
				   void (*fn)(void *ctx, const struct approval_row *a), void *ctx,
				   struct err *err) MUST_CHECK;
enum err_code store_approvals_of(struct store *st, id_t64 run, void (*fn)(void *ctx, const struct approval_row *a),
				 void *ctx, struct err *err) MUST_CHECK;
enum err_code store_approval_get(struct store *st, id_t64 run, int idx, int generation, int iteration,
				 struct approval_row *ret, struct err *err) MUST_CHECK;
/* Text of a definition, yours. ERR_NOT_FOUND. */
enum err_code store_workflow_get(struct store *st, const struct hash *hash, char **ret_file,
				 char **ret_source, char **ret_includes, struct err *err) MUST_CHECK;
/* One row; the texts are valid until the next call of the store. ERR_NOT_FOUND. */
enum err_code store_order_get(struct store *st, id_t64 id, struct order_row *ret, struct err *err) MUST_CHECK;
enum err_code store_run_get(struct store *st, id_t64 id, struct run_row *ret, struct err *err) MUST_CHECK;
enum err_code store_attempt_get(struct store *st, int64_t token, struct attempt_row *ret,
				struct err *err) MUST_CHECK;
/* Every snapshot that a checkpoint, node or workspace names. */
enum err_code store_trees(struct store *st, void (*fn)(void *ctx, const char *tree), void *ctx,
			  struct err *err) MUST_CHECK;
/* Runs that ended strictly before a time, by id from above `after`. */
enum err_code store_runs_ended(struct store *st, int64_t before_ms, id_t64 after, int64_t limit,
			       void (*fn)(void *ctx, const struct run_row *r), void *ctx,
			       struct err *err) MUST_CHECK;
bool store_fork_waits(struct store *st, id_t64 source); /* an order that has not started begins there */
/* A checkpoint by its number, the newest of a node, the newest of a workstream up to an event. */
enum err_code store_checkpoint_at(struct store *st, id_t64 run, int number, struct checkpoint_row *ret,
				  struct err *err) MUST_CHECK;
enum err_code store_checkpoint_of(struct store *st, id_t64 run, int idx, struct checkpoint_row *ret,
				  struct err *err) MUST_CHECK;
enum err_code store_checkpoint_files(struct store *st, id_t64 run, int stream, int64_t upto,
				     struct checkpoint_row *ret, struct err *err) MUST_CHECK;
enum err_code store_procedure_get(struct store *st, id_t64 run, struct procedure_row *ret,
				  struct err *err) MUST_CHECK;
/* Of an order, or (the other one 0) of a run. */
enum err_code store_fork_get(struct store *st, id_t64 order, id_t64 run, struct fork_row *ret,
			     struct err *err) MUST_CHECK;
char *store_meta_get(struct store *st, const char *k); /* yours; NULL if not set */
bool store_idempotency_get(struct store *st, const char *key, struct hash *ret_body, int *ret_kind,
			   id_t64 *ret_id);
id_t64 store_last_order(struct store *st);
id_t64 store_last_run(struct store *st);
int64_t store_last_token(struct store *st);
/* Mean of the last 50 durations of ended runs, 0 if there is none. */
int64_t store_mean_run_ms(struct store *st);

/* Verify the chain of event hashes: ERR_CORRUPT names the first bad event. */
enum err_code store_verify_events(struct store *st, int64_t *ret_checked, struct err *err) MUST_CHECK;
/* SQLite's own check of the file. */
enum err_code store_check(struct store *st, bool quick, struct err *err) MUST_CHECK;

#endif
