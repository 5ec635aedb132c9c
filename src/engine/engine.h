/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine: applies inputs (commands, worker messages, timers) to the state in memory, writes the
 * rows of the turn in one transaction, commits, and only then releases the effects: steps are started, requests
 * answered, events published. It reads no clock and starts no process itself: time comes in, and what reaches
 * the outside goes through `struct engine_io`, so that the simulator runs the very same code.
 *
 * A turn: any number of engine_command(), engine_worker_*() and engine_tick(), then engine_commit(). */
#ifndef PAWL_ENGINE_ENGINE_H
#define PAWL_ENGINE_ENGINE_H

#include "flow/flow.h"
#include "store/store.h"
#include "work/proto.h"

struct engine;
struct worker; /* engine/pool.h */
struct space_job;

struct engine_now {
	int64_t wall_ms; /* for what is shown and stored */
	int64_t boot_ms; /* for waiting: does not jump */
};

/* What the engine needs from outside. All are called after a commit only, but for `now` and `random`. */
struct engine_io {
	struct engine_now (*now)(void *ctx);
	uint64_t (*random)(void *ctx);
	/* Start a worker process; it will say HELLO. */
	void (*spawn_worker)(void *ctx);
	void (*send)(void *ctx, void *peer, const struct proto_message *m);
	void (*close_worker)(void *ctx, void *peer);
	/* Is the process there (same pid and start time)? */
	bool (*alive)(void *ctx, int64_t pid, int64_t start_time);
	/* End every process of an attempt whose worker is gone. */
	void (*kill_token)(void *ctx, int64_t token);
	/* Call fn for each exit record in the spool; remove one. */
	void (*exit_records)(void *ctx, void (*fn)(void *fn_ctx, const struct step_result *r), void *fn_ctx);
	void (*exit_record_remove)(void *ctx, int64_t token);
	/* Make the folder of a run (text of its id) for its logs, and make or check its workspace. */
	enum err_code (*workspace)(void *ctx, const char *path, const char *run, bool make, struct err *err);
	/* Whether a folder has nothing in it; false when that cannot be told. */
	bool (*empty)(void *ctx, const char *path);
	/* The path without links, yours; NULL when there is no such thing. */
	char *(*real_path)(void *ctx, const char *path);
	/* Do the job (space_job_run()) beside the loop, then hand it back: engine_space_done(). */
	void (*space)(void *ctx, struct space_job *j);
	/* The row of an iteration changed; NULL: nobody wants to know. */
	void (*iteration)(void *ctx, id_t64 run, int idx, int generation, int iteration);
	/* The log of a running attempt grew. */
	void (*progress)(void *ctx, int64_t token);
	/* New events up to `seq` are committed. */
	void (*published)(void *ctx, int64_t seq);
	/* A commit failed for want of space (err set), or works again (NULL). */
	void (*storage)(void *ctx, const struct err *err);
};

struct engine_settings {
	int steps;             /* steps at a time; default: cores */
	int runs;              /* runs at a time; default 64 */
	int queue_max;         /* orders waiting; default 100000 */
	int workers_min, workers_max;
	int64_t worker_idle_ms; /* an idle worker beyond workers_min leaves after so long */
	int64_t grace_ms;      /* between TERM and KILL where the workflow says nothing */
	int64_t adopt_ms;      /* how long a worker may take to come back after the engine's start */
	int64_t log_head, log_tail; /* kept bytes of each attempt's log */
	int64_t timeout_ms;    /* of an attempt where the workflow says nothing; 0: none */
	bool redact_tokens;
};
void engine_settings_default(struct engine_settings *s);

/* Load what the store holds and go on with it (recovery). The engine borrows store, settings, io. */
enum err_code engine_new(struct store *store, const struct engine_settings *settings, const char *home,
			 const struct engine_io *io, void *io_ctx, struct engine **ret, struct err *err) MUST_CHECK;
void engine_free(struct engine *e);
void engine_set_libexec(struct engine *e, const char *libexec); /* folder of pawl-http */

/* ---- commands ---- */

/* Where a run is to stop. */
struct breakpoint_spec {
	const char *node;   /* a name, a path into sub-workflows, or * */
	const char *state;  /* that it reaches ("ready": before it starts); NULL: any, or ready if nothing else is said */
	const char *class;  /* of its failure; NULL: any */
	const char *output; /* a pattern in the last 64 KiB of its output; NULL: none */
	int hits;           /* it stops from this hit on; 0: the first */
};
/* From {"node", "when": {"state", "class", "output"}, "hits"}; the texts are those of `v`. */
enum err_code breakpoint_read(const struct json *v, struct breakpoint_spec *ret, struct err *err) MUST_CHECK;

#define HOLD_LEASE_MS 60000 /* a hold that is not renewed ends after so long */

/* What is changed between steps; NULL: stays. */
struct edit_spec {
	const struct json *params;  /* object; null takes a value back to its default */
	const struct json *env;     /* object of strings; null removes */
	const struct json *outputs; /* object of objects of strings: by node */
	const char *source;         /* the whole definition anew, … */
	const char *node, *text;    /* … or the lines of one node … */
	bool from_file;             /* … or as its file is now */
};
/* How the file of a run's definition differs from what it executes: a JSON object, "null" when it has no file. Reads
 * the file, and compiles it when it is another. */
void engine_definition_news(struct engine *e, id_t64 run, struct str *ret);
/* The lines of a node in the text of a definition, its name included: *ret_to is behind them. False when they are not
 * lines of their own. */
bool flow_node_lines(const char *source, const char *node, int line, size_t *ret_from, size_t *ret_to);

struct submission {
	const char *source;        /* text of the workflow, or NULL … */
	const struct hash *hash;   /* … and the hash of one that is stored */
	size_t source_len;
	const char *file, *dir;    /* name for messages; absolute folder for relative paths */
	const struct json *params; /* object or NULL */
	const struct json *env;    /* object of strings or NULL */
	int priority;
	int64_t max_wait_ms;       /* 0: none */
	const id_t64 *depends_on;
	size_t ndepends_on;
	const char *const *until;  /* node names */
	size_t nuntil;
	const struct json *breaks; /* a list, as breakpoint_read() reads them, or NULL */
	bool until_failure, hold, paused, skip_on_failure;
	const char *submitter;
};

enum patch_do { PATCH_DO_REVERT, PATCH_DO_DROP, PATCH_DO_QUARANTINE, PATCH_DO_COUNT };
const char *patch_do_name(enum patch_do d); /* "revert" */

struct command {
	enum verb verb;
	id_t64 id;                 /* the order or run */
	const char *const *nodes;  /* step (at most one), until */
	size_t nnodes;
	bool failure;              /* until: also at the first failure */
	const char *checkpoint;    /* rollback, fork: its number, a node, or "start" */
	bool keep_files;           /* resume_from, rollback: the files stay as they are */
	bool now;                  /* retry, resume_from, rollback: what runs is stopped, not waited for */
	bool restore;              /* retry: files go back to before what runs again */
	const struct json *params; /* fork: other values, an object or NULL */
	bool paused;               /* fork: it does not start by itself */
	bool only;                 /* resume_from: just these nodes; what came after becomes stale */
	int priority;
	const struct breakpoint_spec *breakpoint; /* break */
	const struct edit_spec *edit; /* edit; retry, resume_from: first of all, or NULL */
	bool stay;                 /* retry: a paused run stays paused */
	int number;                /* unbreak: which, 0: all; shell_renew, shell_end: the hold */
	int64_t token;             /* shell: the attempt, 0: none */
	enum shell_outcome { SHELL_LEAVE, SHELL_RETRY, SHELL_DONE } outcome; /* shell_end: what then */
	int exit_code;             /* shell_end: of the shell, -1: not known */
	const struct json *outputs; /* mark: an object of strings, or NULL */
	int choice;                /* decide: enum approval_choice; breaker: enum breaker_force; patch: enum patch_do */
	const char *role, *target, *feedback; /* decide; may be NULL. breaker: target is its name; patch: its id */
	const char *reason, *who;
	const struct submission *submit;
	const char *idempotency_key; /* NULL: none */
	struct hash body;          /* of the request, with a key */
};

/* Called once, after the commit (or at once when refused). `report` holds the mistakes of a workflow that does
 * not validate, else NULL. `id` is the order or run concerned. */
struct command_reply {
	enum err_code code;
	const struct err *err;
	id_t64 id;
	bool replayed;
	const struct flow_report *report;
	int state;         /* of the thing, when code is ERR_CONFLICT for a wrong state; else -1 */
	const char *note;  /* "no_next_node": a step that found nothing to run, which is no error; else NULL */
};
typedef void (*command_reply_fn)(void *ctx, const struct command_reply *r);

void engine_command(struct engine *e, const struct command *c, command_reply_fn reply, void *ctx);

/* What retry or resume_from would do, node by node, without doing it. `fn` is called for each node of the graph in
 * its order; `why` is a sentence. */
struct reset_preview {
	const char *node;
	const char *verdict; /* reset_verdict_name() */
	const char *why;
	enum node_state state;
	bool runs; /* under a worker: it ends first, or is stopped */
};
/* … and what it would do to the files of each workspace. */
struct reset_files {
	const char *stream, *path;
	const char *to;  /* the snapshot that they go back to, or SPACE_EMPTY; NULL: they stay as they are … */
	const char *why; /* … because of this, a sentence */
	bool gone;       /* a worktree that was given back: it is made again */
	bool include_ignored;
	const char *repository, *branch; /* of a worktree; else NULL */
};
enum err_code engine_reset_preview(struct engine *e, const struct command *c,
				   void (*fn)(void *ctx, const struct reset_preview *p),
				   void (*files)(void *ctx, const struct reset_files *f), void *ctx,
				   struct err *err) MUST_CHECK; /* `files` may be NULL */

/* The workspaces of a run, live or ended. Texts are valid during the call. */
struct workspace_info {
	int stream;
	const char *name, *path, *branch; /* of the workstream; branch NULL: no worktree */
	const char *tree;                 /* newest snapshot that is known; NULL: none */
	bool gone, include_ignored;       /* gone: it was given back */
};
enum err_code engine_workspaces(struct engine *e, id_t64 run, void (*fn)(void *ctx, const struct workspace_info *w),
				void *ctx, struct err *err) MUST_CHECK;
/* A checkpoint by its number, its node, or "start"; the texts are valid until the next call of the store. */
enum err_code engine_checkpoint(struct engine *e, id_t64 run, const char *name, struct checkpoint_row *ret,
				struct err *err) MUST_CHECK;

/* Bytes that the workspace of a node with a limit for them held when that was last looked at; -1: it was not. */
int64_t engine_disk_used(struct engine *e, id_t64 run, int idx);

/* ---- work on files, which blocks: done beside the loop ---- */

enum space_job_kind {
	SPACE_ACQUIRE,  /* make the worktree, if it is one; first snapshot */
	SPACE_SNAPSHOT,
	SPACE_MEASURE,  /* what the folder takes on disk */
	SPACE_PROTECT,  /* snapshot, and what differs from `tree` as a patch */
	SPACE_RESTORE,  /* make the files those of `tree` */
	SPACE_GC,       /* drop what nothing names any more; no other job runs meanwhile */
	SPACE_RELEASE,  /* remove the worktree */
	SPACE_PATCH,    /* settle a patch, or take one back */
	SPACE_JOB_KINDS
};
const char *space_job_name(enum space_job_kind k); /* "snapshot" */

struct space_job {
	enum space_job_kind kind;
	/* What it is about; texts are the job's own. */
	id_t64 run;
	int stream;
	int64_t token;            /* of the attempt that waits for it, 0: none does */
	char *name;               /* of the run, and its workstream: what the branch is called after */
	char *path, *repository, *branch, *base, *patch;
	bool worktree, include_ignored;
	bool again;               /* acquire: what an engine that died began may be there */
	bool wanted;              /* acquire: a snapshot, too */
	bool measure;             /* snapshot: what the folder takes on disk, too */
	char tree[41];            /* "" or a snapshot or SPACE_EMPTY */
	/* What came of it. */
	enum err_code code;
	struct err err;
	char taken[41];           /* the snapshot; "" when none was made */
	size_t written, removed, changed_mode;
	uint64_t nleft;           /* not covered by the snapshot */
	int64_t disk_bytes;       /* as measured */
	bool branch_kept, too_large; /* too_large: the difference is no patch; the snapshot has it */
	struct gc *gc; /* gc */
	struct patch_work *patch_work; /* patch */
	/* The engine's. */
	uint64_t epoch;
	bool counted; /* its run waits for it */
	void (*done)(struct engine *e, struct space_job *j);
	struct space_job *next;
};
/* Blocks; touches nothing but the job and the files. `home` as the engine's. */
void space_job_run(const char *home, struct space_job *j);
void space_job_free(struct space_job *j);
/* SPACE_EMPTY by its real name, as the store of snapshots has it; others stay as they are. Blocks. */
enum err_code space_tree_id(const char *home, const char *tree, char ret[41], struct err *err) MUST_CHECK;
/* The job is done; takes it. */
void engine_space_done(struct engine *e, struct space_job *j);

/* ---- workers ---- */

/* A connection was made; `peer` is the host's handle of it. */
struct worker *engine_worker_new(struct engine *e, void *peer);
void engine_worker_message(struct engine *e, struct worker *w, const struct proto_message *m);
void engine_worker_gone(struct engine *e, struct worker *w); /* frees it */
void engine_spawn_failed(struct engine *e); /* a worker that was asked for will not come */

/* ---- the turn ---- */

/* Timers that are due. */
void engine_tick(struct engine *e);
/* When engine_tick() is wanted at the latest (boot clock), -1: never. */
int64_t engine_next_ms(const struct engine *e);
/* End the turn: commit and release the effects. Does nothing when nothing happened. After a failed commit the
 * engine has read everything again from disk; the commands of the turn were answered with the error. */
void engine_commit(struct engine *e);
/* Before reading from the store: end the turn that may be open. */
static inline void engine_settle(struct engine *e)
{
	engine_commit(e);
}
/* No more steps are started; when nothing is left to tell the workers, engine_idle() is true. */
void engine_drain(struct engine *e, bool kill);
bool engine_idle(const struct engine *e);

/* ---- what only memory knows; for the API ---- */

struct engine_stats {
	int steps_running, runs_live, workers, workers_idle, workers_busy;
	int waiting, held, blocked; /* orders */
	int64_t oldest_wait_ms, mean_run_ms;
	bool queue_paused, accepting, storage_failed;
	int64_t turns, commits, last_seq;
};
void engine_stats(const struct engine *e, struct engine_stats *ret);

/* Place of a queued order, from 1; 0 when it is not queued. *ret_estimate_ms is -1 without data. */
int64_t engine_position(const struct engine *e, id_t64 order, int64_t *ret_estimate_ms);
/* Orders by position: writes ids from `first` (from 1) on, at most n; returns how many. */
size_t engine_queue_window(const struct engine *e, int64_t first, id_t64 *ids, size_t n);

struct run_progress {
	int total, pending, blocked, ready, running, waiting, retrying, succeeded, failed, skipped, canceled;
	int current[8]; /* indices of running nodes */
	size_t ncurrent;
	int64_t eta_ms; /* -1: not known */
};
/* Of a live run; false when the run is not in memory (it ended). */
bool engine_run_progress(const struct engine *e, id_t64 run, struct run_progress *ret);
/* State of a node with the derived ones (pending, blocked, ready); -1 when the run is not live. */
int engine_node_state(const struct engine *e, id_t64 run, int idx);
/* Why a live node does not run yet, as a sentence; "" if there is nothing to say. */
void engine_node_why(const struct engine *e, id_t64 run, int idx, struct str *out);
/* The same at length, also of a run that has ended: a JSON object with a list of reasons and the history. */
enum err_code engine_why(struct engine *e, id_t64 run, const char *node, struct str *out,
			 struct err *err) MUST_CHECK;
/* Where an attempt stood (or one would stand now), made again from the run as it is. Valid during the call. */
struct stand {
	const char *cwd;
	const char *const *env;     /* "NAME=value" */
	size_t nenv;
	const char *const *secrets; /* NULL-terminated; may be NULL */
	int64_t memory_bytes, cpu_s, file_bytes; /* 0: no limit */
	int open_files, processes;
	const char *const *argv;    /* what it ran, NULL-terminated; NULL: not known */
	const char *script;         /* given to argv; may be NULL */
};
/* `a` may be NULL: the node as it is. */
enum err_code engine_stand(struct engine *e, id_t64 run, const char *node, const struct attempt_row *a,
			   void (*fn)(void *ctx, const struct stand *s), void *ctx, struct err *err) MUST_CHECK;
/* The same with the params and environment that the run had when the attempt began, before it was edited. *ret_params: these
 * params, a JSON object, the caller's; set also when only the surroundings cannot be had. Definition and outputs are
 * those of now. */
enum err_code engine_stood(struct engine *e, id_t64 run, const char *node, const struct attempt_row *a,
			   void (*fn)(void *ctx, const struct stand *s), void *ctx, char **ret_params,
			   struct err *err) MUST_CHECK;
/* Bytes and lines of a running attempt's log, as last heard; false when it does not run. */
bool engine_attempt_log(const struct engine *e, int64_t token, int64_t *ret_bytes, int64_t *ret_lines);
/* What a call of a model in a running attempt has used, as last heard; false: nothing was heard of one. */
bool engine_attempt_live(const struct engine *e, int64_t token, struct live_counts *ret);
/* … of all running attempts of a run. */
bool engine_run_live(const struct engine *e, id_t64 run, struct live_counts *ret);
/* The graph of a run or of a stored definition, from a cache; valid until the next call. `sub` as in run_row. */
enum err_code engine_graph(struct engine *e, const struct hash *hash, const char *sub,
			   const struct graph **ret, struct err *err) MUST_CHECK;
/* Path of an attempt's log; yours. */
char *engine_log_path(const struct engine *e, id_t64 run, int idx, int generation, int iteration, int attempt);
const char *engine_home(const struct engine *e);
int64_t engine_epoch(const struct engine *e); /* counts its starts */

struct worker_info {
	int64_t pid;
	enum worker_phase phase;
	bool adopted, frozen;
	struct step_key key;
	int64_t since_ms;
};
/* Where the files of a patch are: STEM.diff and others; yours. */
char *patch_stem(const char *home, id_t64 run, id_t64 patch);
/* The circuit breakers; `waiting`: nodes that each holds. */
void engine_breakers(const struct engine *e, void (*fn)(void *ctx, const struct breaker_row *b, int waiting),
		     void *ctx);
/* Calls of models since this engine began. */
struct call_count {
	const char *provider, *model, *status;
	int64_t calls, input, output, cache_read, cache_write, cost_micro_usd, retries, latency_ms;
	int64_t no_cost; /* calls whose cost is not known, and so not in the sum */
};
void engine_calls(const struct engine *e, void (*fn)(void *ctx, const struct call_count *c), void *ctx);
void engine_workers(const struct engine *e, void (*fn)(void *ctx, const struct worker_info *w), void *ctx);

/* ---- fsck: the invariants, checked against the store and the memory ---- */

struct fsck_check {
	const char *name;
	int64_t checked;
	int64_t problems;
	struct str text; /* one problem a line, at most 20 */
};
struct fsck {
	struct fsck_check v[24];
	size_t n;
	bool ok;
};
void fsck_done(struct fsck *f);
/* Of a home: `e` may be NULL (no engine runs). */
void fsck_run(struct store *store, const char *home, struct engine *e, struct fsck *ret);

#endif
