/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state in memory, shared by the files of the engine. What is live is here; what ended is only in
 * the store. */
#ifndef PAWL_ENGINE_ENGINE_INTERNAL_H
#define PAWL_ENGINE_ENGINE_INTERNAL_H

#include "base/fs.h"
#include "base/heap.h"
#include "base/map.h"
#include "engine/engine.h"
#include "model/reset.h"
#include "model/budget.h"
#include "model/loop.h"
#include "work/executor.h"

struct run;
struct node;

/* ---- timers ---- */

struct timer {
	struct heap_node h;
	int64_t due_ms; /* boot clock */
	void (*fire)(struct engine *e, struct timer *t);
};
void timer_set(struct engine *e, struct timer *t, int64_t in_ms, void (*fire)(struct engine *e, struct timer *t));
void timer_clear(struct engine *e, struct timer *t);

/* ---- definitions, shared by the runs that use them ---- */

struct definition {
	struct hash hash;
	struct graph *graph;
	int refs;
	uint64_t used; /* when last, for dropping the oldest that nobody uses */
};
struct definition *definition_ref(struct definition *d);
void definition_unref(struct engine *e, struct definition *d);
/* From the cache, the store, or (source) compiled anew and kept. The caller owns one reference. */
enum err_code definition_get(struct engine *e, const struct hash *hash, struct definition **ret, struct err *err);
struct definition_text {
	const char *file, *text;
	size_t len;
	const char *const *places; /* where its nodes are to stand, as for graph_place(); NULL: as they are written */
	size_t nplaces;
};
/* A new text of a definition. `was`: the file and the sub-workflows are those of that one; NULL: those of the files. */
enum err_code definition_edited(struct engine *e, const struct hash *was, const struct definition_text *t,
				struct definition **ret, struct flow_report *report, struct err *err) MUST_CHECK;
/* The same, only to look at: nothing is stored, and the graph is yours. */
enum err_code definition_try(struct engine *e, const struct hash *was, const struct definition_text *t,
			     struct graph **ret, struct flow_report *report, struct err *err) MUST_CHECK;
enum err_code definition_submit(struct engine *e, const struct submission *s, struct definition **ret,
				struct flow_report *report, struct err *err);
/* A text that is stored with those that it includes (JSON, may be NULL), compiled; yours. */
enum err_code definition_compile(const char *file, const char *text, const char *includes, struct graph **ret,
				 struct err *err) MUST_CHECK;
/* From the store, compiled; yours. */
enum err_code definition_load(struct store *store, const struct hash *hash, struct graph **ret, struct err *err);
const struct graph *graph_sub(const struct graph *g, const char *sub); /* `sub` as in run_row */
const struct graph *definition_sub(const struct definition *d, const char *sub);

/* ---- the queue ---- */

struct order {
	id_t64 id;
	struct hash workflow;
	enum order_state state;
	int priority;
	int64_t place;
	id_t64 run;
	int64_t enqueued_ms, started_ms, ended_ms, max_wait_ms;
	unsigned int flags;
	char *reason;
	int unmet;           /* orders that it waits for */
	bool ready_once_released; /* held before its dependencies were met or after */
	struct order **feeds; /* orders that wait for this one */
	size_t nfeeds, capfeeds;
	struct order **needs; /* live orders that it waits for */
	size_t nneeds, capneeds;
	struct timer wait;
	/* A treap over (priority desc, place, id), with sizes: position in O(log n). */
	struct order *left, *right, *up;
	uint32_t weight, size;
};

struct queue {
	struct order *root;
	int64_t first_place, last_place;
};
void queue_add(struct queue *q, struct order *o);
void queue_del(struct queue *q, struct order *o);
struct order *queue_first(const struct queue *q);
struct order *queue_at(const struct queue *q, size_t i); /* from 0 */
size_t queue_rank(const struct order *o);                /* from 0 */
static inline size_t queue_len(const struct queue *q)
{
	return q->root ? q->root->size : 0;
}

/* ---- workspaces ---- */

/* The folder that the nodes of a workstream work in. A child run may use its parent's. */
struct space {
	struct run *run; /* whose it is */
	int stream;
	enum workspace_kind kind;
	enum space_state state;
	bool copied;     /* of a fork: a folder of its own where the workflow says another one */
	char fill[41];   /* of a fork: the snapshot that its files are still to be taken from, "" */
	bool shared, include_ignored, waiting; /* waiting: somebody else has the folder */
	enum snapshot_policy policy;
	char *path;
	char *lease;     /* key in engine->leases while it has the folder, NULL: it has not */
	char *repository, *branch, *base;
	char tree[41];   /* newest snapshot, "" if there is none */
	bool dirty;      /* something ended since, and is not in it */
	int running;     /* steps in it */
	uint64_t nleft;  /* not covered by the newest snapshot */
	int64_t disk_bytes; /* that it took when it was measured last … */
	bool measured;   /* … since when nothing ended in it */
	char *why_not;   /* the last snapshot failed; NULL: it did not */
};

/* A result whose success waits for the snapshot. */
struct held {
	struct step_result result;
	char *outputs, *message, *tail;
	bool record; /* it was an exit record, which goes when the success is stored */
};

/* ---- iterations ---- */

/* Of a node that has any; rebuilt from its rows. */
struct node_loop {
	enum attempt_phase phase;   /* what the present iteration is at */
	enum iteration_state state;
	bool opened;                /* the present iteration has a row that has not ended */
	struct loop_round *rounds;  /* of this generation, that have ended; their texts are owned */
	size_t n, cap;
	struct loop_round now;      /* the present one, as far as it is known */
	int levels;                 /* of its checks */
	int64_t work, verify, strategy; /* last tokens of the present one */
	int64_t began_ms, started_ms, worked_ms; /* the first iteration, the present one, the end of its work */
	struct usage_sum used;      /* in this generation */
	int64_t iteration_tokens, memory_bytes;
	char *feedback;             /* what the present one was told; NULL: nothing */
	bool same_prompt;
	enum error_class class;     /* what failed in the present one … */
	char *message, *tail;
	char *report;               /* … and the report of its checks, JSON */
	char *tree;                 /* snapshot after its work; NULL: none */
	char last_tree[48];         /* … after the last work of all */
	char prompt[HASH_TEXT_LEN + 1];
};

/* ---- runs and nodes ---- */

enum run_phase { PHASE_MAIN, PHASE_HANDLERS };

struct node {
	struct run *run;
	const struct graph_node *def;
	int idx, parent; /* parent: the group that it is an instance of, -1 */
	char *name;      /* owned for instances, else def's */
	char *bindings;  /* JSON; instances only */
	int expansion;   /* instances: the iteration of the group that made it */
	bool superseded; /* instances: the group was or will be expanded anew */
	bool stale;      /* what it was made from was made anew since */
	bool asked;      /* a question of it waits for an answer */
	bool met;        /* it is ready, and a breakpoint has held there */
	struct ledger *ledger; /* of a patch: its entry that is not settled yet; owned by engine->ledgers */
	bool patch_waits;      /* of a patch: for another one in its workspace */
	struct node_loop *loop; /* NULL: it has no iterations, or has not begun */
	enum node_state state;
	int unmet;       /* needed nodes that have not ended */
	int generation, iteration, attempt;
	int interrupts;  /* in a row */
	int interrupted; /* attempts that do not count as tries */
	int64_t token;   /* the last attempt */
	int64_t started_ms, ended_ms, next_ms, version;
	enum error_class class;
	char *reason, *outputs;
	char *report;    /* JSON that came with the last result, until its attempt's row has it; NULL: none */
	struct run *child;
	id_t64 child_id;
	int64_t began;   /* event by which the present iteration began; 0: it did not */
	char *before;    /* snapshot of its workspace then; NULL: none is kept */
	char *tree;      /* … and after the last attempt that ended well; NULL: none */
	struct held *held;
	bool snapped;    /* … was made: the result counts now */
	bool in_space;   /* counted in its space's `running` */
	bool restored;   /* by the reset that is being applied */
	bool snapping;   /* waits for a snapshot before it begins */
	int last_iteration; /* of all generations */
	struct worker *worker; /* while it runs under one */
	bool orphan;     /* runs, but its worker has not come back yet */
	bool counted;    /* takes a step slot */
	int *taken;      /* units of each resource that it holds, NULL: none */
	int64_t log_bytes, log_lines; /* as last heard while it runs */
	struct live_counts live;      /* … of a call of a model */
	char *tail; /* the end of its last output, if a breakpoint looks at it */
	struct heap_node ready; /* in one heap at most: … */
	struct heap *where;     /* … its run's ready or own, a resource's or its group's waiting; NULL: none */
	struct timer timer;     /* retry, or adoption */
	/* of a group */
	int ninstances, instances_done, instances_failed, instances_active, first_instance;
	struct heap *waiting; /* instances beyond its max_parallel */
};

struct child_list {
	struct run **v;
	size_t n, cap;
};

struct run {
	id_t64 id, order_id;
	struct order *order; /* borrowed; NULL for a child run */
	struct definition *definition;
	const struct graph *graph;
	char *sub, *file, *dir, *workspace, *until, *reason, *params_text, *env_text;
	struct json *params, *env;
	enum run_state state;
	enum run_result result; /* what it will be, in the handlers' phase */
	enum run_mode mode;
	enum run_phase phase;
	int generation, priority;
	bool until_failure;
	bool failing;  /* a critical node failed: nothing ordinary starts any more */
	bool acknowledged;
	bool dirty;    /* in engine->dirty: settle it before the turn ends */
	bool dead;     /* ended; freed at the end of the turn */
	struct node **targets; /* of until */
	size_t ntargets, captargets;
	int step_node; /* mode step: the node that is stepped, -1: none yet */
	int failed_node;
	int64_t failed_token;
	int crashes;
	int64_t created_ms, started_ms, ended_ms, paused_at_ms, paused_ms;
	struct node **nodes; /* the graph's, then the instances */
	size_t nnodes, capnodes;
	int counts[NODE_STATE_COUNT]; /* of the nodes that are no handlers; pending includes blocked and ready */
	int steps; /* running under workers */
	struct heap ready;     /* nodes that can start under a worker, longest path first */
	struct heap own;       /* groups and sub-workflows that can start: the engine does them itself */
	int parked;            /* nodes that are ready, but wait for a resource */
	struct heap_node turn; /* in engine->sched */
	double pass;           /* stride scheduling: the run with the least goes next */
	struct space **spaces; /* of each workstream; two may be the same */
	int nspace_jobs;       /* of its spaces, before it starts */
	struct fork *fork;     /* until it starts: what it takes over from another run; NULL: nothing */
	struct way_back *way_back; /* under way; NULL: none is */
	int snapping;          /* nodes that wait for a snapshot */
	int patch_jobs;        /* that are at its files */
	bool patch_waits;      /* one of its nodes does */
	int ncheckpoints;      /* the newest number */
	struct run *parent;
	int parent_node;
	struct child_list children;
	struct breakpoint **breaks;
	size_t nbreaks, capbreaks;
	int break_hit; /* number of the breakpoint at which it is to stop now, 0: none */
	char **base_env; /* what is the same for each of its steps; NULL-terminated */
	int64_t finished_work_ms; /* for the estimate */
	struct usage_sum used;    /* by calls of its nodes */
	int iterations;           /* that its nodes have begun */
};

struct resource {
	char *name;
	int capacity, used;
	struct heap waiting; /* nodes that are ready, but for this resource */
};

/* ---- workers ---- */

struct worker {
	struct engine *e;
	void *peer;
	int64_t pid, start_time;
	char boot_id[40];
	bool hello;      /* it said who it is */
	bool adopted, frozen, stopping, needs_ack;
	enum worker_phase phase;
	struct step_key key;
	struct node *node; /* the step that it runs, NULL: none that counts */
	int64_t since_ms;
	struct timer idle;
	struct worker *next_idle, *prev_idle; /* in engine->idle */
	bool in_idle;
	size_t at; /* in engine->workers */
};

/* ---- effects: what is done after the commit ---- */

enum effect_kind { EFFECT_START, EFFECT_SIGNAL, EFFECT_WELCOME, EFFECT_STOP, EFFECT_ACK, EFFECT_CLOSE, EFFECT_REPLY,
		   EFFECT_SPAWN, EFFECT_RECORD_REMOVE, EFFECT_KILL_TOKEN, EFFECT_SPACE };

struct effect {
	enum effect_kind kind;
	struct worker *worker; /* NULL when it went away meanwhile */
	struct step_build *build; /* START; owned */
	struct step_key key;
	enum step_signal signal;
	int64_t grace_ms;
	bool keep;
	command_reply_fn reply;
	void *ctx;
	struct command_reply answer;
	int64_t token;
	struct space_job *job; /* SPACE; owned */
};

struct engine {
	struct store *store;
	const struct engine_settings *settings;
	char *home, *libexec;
	const struct engine_io *io;
	void *io_ctx;
	struct engine_now now; /* of this turn; refreshed when an input comes */
	bool in_turn;

	struct call_count *calls;
	size_t ncalls, capcalls;

	struct map orders; /* id → struct order: live ones */
	struct queue queue;
	int held, blocked;
	bool queue_paused;
	struct map runs; /* id → struct run: live ones */
	int runs_active; /* top-level, not paused: they take a place */
	struct heap sched; /* runs that have something to start */
	double pass;       /* of the run that went last */
	struct run **dirty;
	size_t ndirty, capdirty;
	struct run **dead;
	size_t ndead, capdead;
	struct smap resources;
	struct map ledgers; /* patch → struct ledger: those that are not settled */
	struct map holds; /* run → struct hold */
	struct smap breakers; /* name → struct gate */
	struct smap leases; /* path → struct space: folders that one run has for itself */
	struct map leaving; /* run → how many of its worktrees are just given back */
	uint64_t space_epoch; /* jobs of an earlier one are nobody's */
	bool gc_runs;
	int jobs, stale_jobs; /* handed out; those of an earlier epoch */
	struct space_job *jobs_wait, **jobs_end; /* until the stale ones are back */
	struct map tokens; /* token → struct node: running attempts */
	struct heap timers;
	struct map definitions; /* first 8 bytes of the hash → struct definition */
	struct map by_text;     /* first 8 bytes of a text's hash → struct definition */
	uint64_t uses;

	struct worker **workers;
	size_t nworkers, capworkers;
	struct worker *idle; /* list, the last used first */
	int nidle, spawning, busy;
	int steps_running;

	struct changed_iteration {
		id_t64 run;
		int idx, generation, iteration;
	} *changed; /* in this turn */
	size_t nchanged, capchanged;
	struct effect *effects;
	size_t neffects, capeffects;
	struct effect *releasing; /* those of the turn that was committed, while they are released */
	size_t nreleasing;
	struct worker **acks;
	size_t nacks, capacks;

	id_t64 last_order, last_run, last_patch;
	int64_t last_token, epoch;
	int64_t mean_run_ms[50]; /* ring of the last durations */
	size_t nmean, atmean;
	int64_t mean_sum;
	bool draining, drain_kill, storage_failed, recovering;
	struct timer probe, prune, spawn_check;
	int64_t turns;
	char **environment; /* base of each step's environment */
	uint64_t seed;
};

/* ---- engine.c ---- */
void engine_touch(struct engine *e); /* an input comes: take the time */
struct effect *effect_add(struct engine *e, enum effect_kind kind);
void effect_signal(struct engine *e, struct worker *w, const struct step_key *key, enum step_signal s,
		   int64_t grace_ms);
void run_touch(struct engine *e, struct run *r); /* settle it before the turn ends */
/* A commit cannot work: forget the turn and the memory, read everything again. */
void engine_storage_failed(struct engine *e, const struct err *err);

struct note { /* of an event; all may be empty */
	enum actor actor;
	const char *who, *reason, *data;
};
#define BY_ENGINE ((struct note){ .actor = ACTOR_ENGINE })

/* ---- order.c ---- */
struct order *order_new(struct engine *e, id_t64 id);
void order_free(struct engine *e, struct order *o);
void order_move(struct engine *e, struct order *o, enum order_state to, const struct note *n);
void order_event(struct engine *e, const struct order *o, const char *type, const struct note *n);
void order_store(struct engine *e, const struct order *o);
/* It ended: wake or end those that wait for it. */
void order_ended(struct engine *e, struct order *o);
void order_admit(struct engine *e); /* start what may start */
void order_arm_wait(struct engine *e, struct order *o);
void order_wait_for(struct engine *e, struct order *o, struct order *needed);
int64_t engine_estimate(const struct engine *e, size_t ahead);

/* ---- run.c ---- */
struct run *run_new(struct engine *e, id_t64 id, struct definition *d, const struct graph *g);
void run_free(struct engine *e, struct run *r);
enum err_code run_start_order(struct engine *e, struct order *o, struct err *err);
struct node *run_handler(struct run *r, enum handler_kind kind); /* NULL: it has none */
/* Its result stands: the last state, and what follows for its order or the run above. `why` may be NULL. */
void run_finish(struct engine *e, struct run *r, const char *why);
/* Its workspaces are there: it starts. */
void run_prepared(struct engine *e, struct run *r);
/* They cannot be made. */
void run_unprepared(struct engine *e, struct run *r, const char *why);
struct run *run_start_child(struct engine *e, struct node *n, const char *params, struct err *err);
void run_move(struct engine *e, struct run *r, enum run_state to, const struct note *n);
void run_event(struct engine *e, const struct run *r, const char *type, const struct note *n);
void run_store(struct engine *e, const struct run *r);
void run_settle(struct engine *e, struct run *r);
void run_pause(struct engine *e, struct run *r, const struct note *n);
void run_stop_steps(struct engine *e, struct run *r); /* TERM, grace, KILL; the run itself stays */
void run_freeze(struct engine *e, struct run *r, const struct note *n);
void run_resume(struct engine *e, struct run *r, const struct note *n);
void run_resume_alone(struct engine *e, struct run *r, const struct note *n); /* without its sub-workflows */
/* Single step of `n` (NULL: of whichever comes first). */
void run_set_step(struct engine *e, struct run *r, const struct node *n);
const struct node *run_step_of(const struct run *r); /* NULL: none is chosen yet, or it does not step */
bool run_may_start(const struct run *r, const struct node *n); /* the step that is chosen allows it */
void run_cancel(struct engine *e, struct run *r, bool force, const struct note *n);
/* The failure as a target is kept in the list as UNTIL_FAILURE, so that it survives a restart. */
#define UNTIL_FAILURE "(failure)"
void run_set_until(struct engine *e, struct run *r, const char *const *names, size_t n, bool failure);
bool run_quiet(const struct run *r);
bool run_starts(const struct run *r); /* nodes may be started now */
void run_schedule(struct engine *e, struct run *r); /* put into or out of engine->sched */
void run_begin(struct engine *e, struct run *r); /* consider the nodes that need nothing */
void run_progress_of(const struct run *r, struct run_progress *ret);

/* ---- node.c ---- */
struct node *node_new(struct run *r, const struct graph_node *def, int idx);
/* A node or handler of the definition: no instance, and not gone. */
static inline bool node_is_placed(const struct node *n)
{
	return n->parent < 0 && n->def->handler != HANDLER_GONE;
}
struct node *node_instance(struct run *r, struct node *group, int idx, int expansion, const char *name,
			   const char *bindings);
bool node_counts(const struct node *n); /* in run->counts: no handler, not superseded */
void node_free(struct engine *e, struct node *n);
bool node_is_handler(const struct node *n);
/* It asks for a failure (or is a handler), so that it runs, with its tries, although the run is failing. */
bool node_goes_on(const struct node *n);
bool node_completed(const struct node *n); /* it ran to an end */
/* `needed` has ended as the edge wants. */
bool node_edge_holds(const struct graph_edge *edge, const struct node *needed);
bool node_anything_failed(const struct node *n); /* of what it needs */
/* Write the row of a node that moves to `to`, and its event. */
void node_move(struct engine *e, struct node *n, enum node_state to, const struct note *note);
void node_store(struct engine *e, const struct node *n, int64_t seq); /* its row, as it is now */
/* It ended: the ones that need it, its group and its run take notice. */
void node_end(struct engine *e, struct node *n, enum node_state to, enum error_class class, const char *reason);
/* … with the words of whoever ended it. */
void node_end_by(struct engine *e, struct node *n, enum node_state to, enum error_class class,
		 const struct note *note);
/* All that it needs has ended: decide whether it runs or is skipped. */
void node_consider(struct engine *e, struct node *n);
void node_make_ready(struct engine *e, struct node *n);
void node_unready(struct engine *e, struct node *n); /* out of whatever heap it is in */
void node_park(struct node *n, struct heap *where);  /* ready, but for something that `where` waits for */
bool node_is_own(const struct node *n);              /* done by the engine itself */
int node_derived_state(const struct node *n);
struct node *run_node(const struct run *r, const char *name); /* NULL if there is none */
void node_retry_later(struct engine *e, struct node *n, int64_t wait_ms);
struct step_key node_key(const struct node *n);

/* ---- space.c ---- */
struct space *node_space(const struct node *n);
const char *node_workspace(const struct node *n); /* its path */
/* Make what stands for the workspaces of a new run; scratch folders at once. */
enum err_code spaces_open(struct engine *e, struct run *r, struct err *err);
/* Go on until all are there: true; false: a job or somebody else's folder is waited for, or it failed. */
bool spaces_prepare(struct engine *e, struct run *r);
void spaces_load(struct engine *e, struct run *r); /* as stored */
void spaces_free(struct engine *e, struct run *r);
/* It ended: folders are free for others, worktrees go. */
void spaces_release(struct engine *e, struct run *r);
void spaces_wake(struct engine *e); /* a folder is free: runs that wait for it may take it */
/* Folders of a run that ended and is reopened: ERR_CONFLICT when somebody has one now. */
enum err_code spaces_again(struct engine *e, struct run *r, struct err *err) MUST_CHECK;
/* A worktree goes, when what is in it is kept; release.c. */
void space_give_back(struct engine *e, struct space *sp);
bool spaces_leaving(const struct engine *e, id_t64 run);
/* It went, or there is no knowing what is left of it. */
bool space_gone(const struct space *sp);
/* Finish the releases that the last engine did not. */
void spaces_recover(struct engine *e);
void space_store(struct engine *e, const struct space *sp);
void space_enter(struct node *n); /* its attempt begins */
void space_leave(struct node *n); /* … has ended */
/* Something ended in it that no snapshot has. */
void space_touched(struct space *sp);
/* A snapshot has to be made before the node's first attempt: true, and it is ready again later. */
bool space_before(struct engine *e, struct node *n);
/* Its budget, or that of a run that it belongs to, says how much its files may take. */
bool disk_is_limited(const struct node *n);
/* The attempt ended well: true when the success waits for a snapshot; step_result() is called again then. */
bool space_hold(struct engine *e, struct node *n, const struct step_result *r);
void held_free(struct held *h);
struct space_job *space_job_new(struct engine *e, enum space_job_kind kind, const struct space *sp,
				void (*done)(struct engine *e, struct space_job *j));
void space_job_drop(struct space_job *j);
void space_job_hand(struct engine *e, struct space_job *j); /* from the release of effects */
void space_forget(struct engine *e); /* what was handed out is nobody's any more */

/* ---- checkpoint.c ---- */
/* A node succeeded by event `seq`. */
void checkpoint_node(struct engine *e, struct node *n, int64_t seq);
/* What a fork took over is a checkpoint of it, too: as in the other run. */
void checkpoint_taken(struct engine *e, struct node *n, const struct checkpoint_row *of);
void checkpoint_start(struct engine *e, struct run *r);

/* ---- scope.c ---- */
struct scope_ctx {
	struct engine *e;
	const struct node *n; /* may be NULL */
	const struct run *r;
	const struct step_build *b; /* env.NAME is looked for among its variables; NULL: in the workflow's */
	size_t hidden;              /* so many of the workflow's last variables are not known yet */
};
struct expr_scope node_scope(struct scope_ctx *ctx);

/* ---- step.c ---- */
/* Start the node under worker `w`: attempt row, node row, event and the START effect; or fail it. */
void step_start(struct engine *e, struct node *n, struct worker *w);
void step_result(struct engine *e, struct node *n, const struct step_result *r);
void step_interrupted(struct engine *e, struct node *n, const char *why);
enum err_code step_prepare(struct engine *e, const struct node *n, struct step_build *b, struct err *err);
/* Where a step stands, without what it does: environment, folder, limits, secrets. */
enum err_code step_surroundings(struct engine *e, const struct node *n, struct step_build *b, struct err *err);
/* Path of the log of an attempt; yours. */
char *log_path_in(const char *home, id_t64 run, int idx, int generation, int iteration, int attempt);
void step_base_env(struct engine *e, struct run *r);

/* ---- approval.c ---- */
struct answer_row { /* of an approval */
	int choice; /* enum approval_choice; -1: none */
	const char *target, *who, *role, *reason, *feedback; /* may be NULL, but for role */
};
void approval_start(struct engine *e, struct node *n);
/* The node waits from now on, with a question; `a` may be NULL: nobody in particular, no deadline. */
void ask_person(struct engine *e, struct node *n, const char *question, const struct node_approval *a,
		  unsigned int choices);
void approval_load(struct engine *e, struct node *n); /* after a start */
/* Nobody needs the answer any more; nothing happens when nobody was asked. */
void approval_withdraw(struct engine *e, struct node *n);
enum err_code run_decide(struct engine *e, struct run *r, const struct command *c, struct err *err);

/* ---- loop.c ---- */
bool node_loops(const struct node *n); /* has iterations with rows of their own */
enum attempt_phase node_phase(const struct node *n);
bool loop_between(const struct node *n); /* between two attempts of its iterations */
/* What comes next may begin: false, with a sentence, when a limit is reached. Makes the row of a new iteration. */
bool loop_may_start(struct engine *e, struct node *n, char *why, size_t size);
void loop_started(struct engine *e, struct node *n); /* … and has begun */
/* An attempt ended for good and is stored: what follows. False: the node has no iterations. */
/* Its patch is settled: committed, or quarantined; anything else: its files could not be restored. */
void loop_patched(struct engine *e, struct node *n, id_t64 patch, enum patch_state state, const char *why);
void loop_settle_patch(struct engine *e, struct node *n);
bool loop_attempt_ended(struct engine *e, struct node *n, const struct step_result *r, const char *message,
			const char *report, const char *outputs);
bool loop_worked(struct engine *e, struct node *n, const struct step_result *r, const char *message, const char *report);
/* The node ends from outside: so does its iteration. */
void loop_close(struct engine *e, struct node *n, enum node_state to, const char *reason);
void loop_answered(struct engine *e, struct node *n, const struct answer_row *a);
void loop_input(struct engine *e, const struct node *n, struct str *out);
enum budget_kind loop_limit(struct engine *e, struct node *n, enum budget_moment moment, char *why, size_t size);
int64_t loop_time_left_ms(struct engine *e, const struct node *n); /* 0: no limit */
void loop_load(struct engine *e, struct node *n); /* after a start */
void loop_free(struct node *n);
void loop_event(struct engine *e, const struct node *n, const char *type, const struct note *note);

/* ---- breaker.c ---- */
/* It is parked until the breaker lets it through. */
bool breaker_holds(struct engine *e, struct node *n);
void breaker_started(struct engine *e, struct node *n);
void breaker_why(const struct engine *e, const struct node *n, struct str *out);
int64_t breaker_until(void *engine, const char *name); /* as in struct step_context */
/* An attempt ended: its calls and what its breakers learn. */
void report_learn(struct engine *e, struct node *n, enum error_class class, const char *report);
enum err_code run_force_breaker(struct engine *e, const struct command *c, struct err *err);
enum err_code breakers_load(struct engine *e, struct err *err);
void breakers_recover(struct engine *e);
void breakers_free(struct engine *e);

/* ---- calls.c ---- */

void calls_count(struct engine *e, const struct usage_row *u);
void calls_done(struct engine *e);

/* ---- group.c ---- */
/* The engine itself begins with the node: its attempt, which no worker has. */
void own_begin(struct engine *e, struct node *n);
void group_start(struct engine *e, struct node *n);
void group_instance_ended(struct engine *e, struct node *group, struct node *instance);
void workflow_start(struct engine *e, struct node *n);
void workflow_ended(struct engine *e, struct run *child);

/* ---- sched.c ---- */
void schedule(struct engine *e);
bool resources_take(struct engine *e, struct node *n); /* false: it waits for one now */
/* Of a node that runs already: whatever the capacity is now. */
void resources_hold(struct engine *e, struct node *n);
void resources_give(struct engine *e, struct node *n);
/* `n` does not take its turn: others that wait for what it uses may try. */
void resources_wake(struct engine *e, const struct node *n);
/* The run starts nothing for a while: its nodes keep nobody from a resource. */
void resources_leave(struct engine *e, struct run *r);
void resources_declare(struct engine *e, const struct graph *g);
bool node_heap_before(const struct heap_node *a, const struct heap_node *b);
bool run_heap_before(const struct heap_node *a, const struct heap_node *b);

/* ---- pool.c ---- */
struct worker *pool_take(struct engine *e); /* an idle one, or NULL (and more are started) */
void pool_give(struct engine *e, struct worker *w);
void pool_want(struct engine *e, int n); /* n steps could run: start workers for them */
void pool_close_all(struct engine *e);

/* ---- reset.c ---- */
struct node_then { /* at a checkpoint */
	enum node_state state;
	int generation, iteration;
};
struct reset_space { /* by workstream; of those that share one, the first */
	char to[41];     /* what its files go back to; "": they stay, … */
	const char *why; /* … because of this, if it is not plain; translate on use */
};
struct reset {
	struct run *r;
	const struct graph *graph; /* the run's, or … */
	struct graph *own;         /* … that of a definition which it would have; NULL: there is none */
	enum reset_mode mode;
	struct reset_row *rows;
	struct reset_space *spaces;
	struct node_then *then; /* RESET_BACK: by index */
	bool loaded;     /* the run had ended and was read for this */
	bool keep_files, grown;
	int checkpoint;  /* RESET_BACK: its number, event and time */
	int64_t upto, at_ms;
	bool after;      /* made for when what runs has ended */
	int64_t asked_ms; /* when it was asked for, 0: now */
};
/* What the command would do; reset_done() later. */
enum err_code reset_make(struct engine *e, const struct command *c, struct reset *p, struct err *err) MUST_CHECK;
/* As it will be when what runs has ended. */
enum err_code reset_make_after(struct engine *e, const struct command *c, struct reset *p, struct err *err) MUST_CHECK;
void reset_done(struct engine *e, struct reset *p);
enum err_code reset_reopen(struct engine *e, struct reset *p, const struct note *note, struct err *err) MUST_CHECK;
/* Do it to the rows of the nodes: the next generation. */
enum err_code reset_apply(struct engine *e, struct reset *p, const struct command *c, const struct note *note,
			  struct err *err) MUST_CHECK;
/* It begins anew, in the present generation. */
void node_send_back(struct engine *e, struct node *n, bool new_iteration, const struct note *note);
void node_mark_stale(struct engine *e, struct node *n, const struct note *note);
/* The node is what `row` says, in the present generation; takes the row's texts. */
void node_restore(struct engine *e, struct node *n, struct node_row *row, const struct note *note);

/* ---- verbs.c ---- */
/* ERR_CONFLICT: what the verb means nothing for, and what would be possible. */
enum err_code wrong_state(enum entity entity, enum verb v, const char *id, int state, struct err *err);

/* ---- fork.c ---- */
enum err_code run_fork(struct engine *e, const struct command *c, id_t64 *ret_order, int *ret_state, struct err *err);
/* Read what the run of such an order takes over; its files follow when the workspaces are made. */
enum err_code fork_open(struct engine *e, struct run *r, struct err *err) MUST_CHECK;
const char *fork_files(const struct run *r, int stream); /* the snapshot; NULL: it is no fork */
const char *fork_start(const struct run *r, int stream); /* the snapshot at the other run's beginning, or NULL */
const char *fork_base(const struct run *r, int stream);  /* of its worktree; NULL: as the workflow says */
void fork_apply(struct engine *e, struct run *r); /* the nodes that it takes over */
void fork_free(struct run *r);

/* ---- rollback.c: going back where it takes several steps ---- */
bool way_back_needed(struct engine *e, const struct reset *p);
#define WAY_BACK_REASON "rollback" /* of what had to end for it, though it was in its middle */
/* That goes back to its beginning. */
void reset_ended_for_it(struct engine *e, struct run *r, const struct note *note);
void way_back_begin(struct engine *e, const struct reset *p, const struct command *c, const struct note *note);
void way_back_settle(struct engine *e, struct run *r);
bool way_back_runs(const struct run *r); /* its health command may start */
/* The same verbs of a run in which something may run: that ends first (`now`: it is stopped), then run_reset(). */
enum err_code way_back_ask(struct engine *e, const struct command *c, const struct note *n, struct err *err) MUST_CHECK;
bool way_back_waits(const struct run *r); /* for the end of what runs */
bool way_back_stops(const struct run *r); /* what runs in it is stopped for a way back of it, or of a run above */
void way_back_drop(struct engine *e, struct run *r); /* one that waits is not to be any more */
void way_back_load(struct engine *e, struct run *r); /* after a restart */
void way_back_resume(struct engine *e, struct run *r);
void way_back_free(struct run *r);

/* Asked for at another time than now. */
enum err_code run_reset_asked(struct engine *e, const struct command *c, const struct note *n, int64_t asked_ms,
			      struct err *err) MUST_CHECK;
enum err_code run_reset(struct engine *e, const struct command *c, const struct note *n, struct err *err);

/* ---- breakpoint.c ---- */
enum err_code run_break(struct engine *e, const struct command *c, const struct note *n, struct err *err);
/* Of an order: `breaks` are fit for the graph. */
enum err_code breakpoints_check(const struct graph *g, const struct json *breaks, struct err *err);
/* The run of an order begins: its breakpoints become the run's. */
void breakpoints_begin(struct engine *e, struct run *r, const struct note *n);
enum err_code breakpoints_load(struct engine *e, struct run *r, struct err *err);
void breakpoints_free(struct run *r);
/* The node reached a state (NODE_READY: it may start). */
void breakpoint_reached(struct engine *e, struct node *n, enum node_state state);
/* The run goes on: those at nodes that became ready while it could not stop are met now. */
void breakpoints_go_on(struct engine *e, struct run *r);
/* A node is ready that was ready before the engine came back: whether that was met then. */
void breakpoint_recovered(struct node *n);
/* Stop at the breakpoint that was hit. */
void breakpoint_stop(struct engine *e, struct run *r);
/* The end of its output is looked at, even if it succeeds. */
bool breakpoint_wants_tail(const struct node *n);
void breakpoint_tail(struct node *n, const char *tail); /* NULL: there is none */

/* ---- hold.c: somebody stands in an attempt ---- */
enum err_code hold_begin(struct engine *e, const struct command *c, const struct note *n, struct err *err);
enum err_code hold_renew(struct engine *e, const struct command *c, struct err *err);
/* While it is lifted, it keeps nothing from happening. */
enum err_code hold_lift(struct engine *e, const struct command *c, bool lifted, struct err *err);
void hold_end(struct engine *e, const struct command *c, const struct note *n);
/* ERR_CONFLICT when the verb would start something in a run that is held. */
enum err_code hold_refuses(struct engine *e, const struct command *c, struct err *err);
id_t64 hold_of_folder(const struct engine *e, const char *folder); /* the run; 0: nobody stands there */
enum err_code holds_load(struct engine *e, struct err *err);
void holds_free(struct engine *e);

/* ---- edit.c ---- */
/* Change what the run is given, or its definition: of a run that is paused or has ended. */
/* Names and texts; NULL takes one away, where that means something. */
enum err_code check_env(const struct json *env, bool takes_away, struct err *err);
/* Without a note it is only checked. */
enum err_code run_edit(struct engine *e, const struct command *c, const struct note *n, struct flow_report *report,
		       struct err *err);

/* The graph that the run would have with its definition edited; yours. *ret is NULL when that stays. Nothing changes. */
enum err_code edit_try(struct engine *e, struct run *r, const struct edit_spec *spec, struct graph **ret,
		       struct err *err) MUST_CHECK;

/* ---- undo.c ---- */
/* What is before a verb that may be undone; false: it leaves what can be undone alone. */
bool undo_before(struct engine *e, const struct command *c, struct str *ret);
void undo_note(struct engine *e, const struct command *c, const struct str *before);
enum err_code run_undo(struct engine *e, const struct command *c, const struct note *n, struct err *err);
void run_set_priority(struct engine *e, struct run *r, int priority, const struct note *n); /* verbs.c */

/* ---- patch.c ---- */
/* Another patch is at the workspace; it is made ready again when that is settled. */
bool patch_waits(struct engine *e, struct node *n);
void patch_prepare(struct engine *e, struct node *n);   /* before its step is prepared: it gets an entry … */
void patch_unprepare(struct engine *e, struct node *n); /* … that goes when it cannot be */
void patch_started(struct engine *e, struct node *n);
id_t64 patch_of(const struct node *n); /* 0: it has none that is open */
/* What its step came to; n->report is read. */
void patch_result(struct engine *e, struct node *n, const struct step_result *r, const char *why);
/* True: it is being settled (committed if `passed`, else restored), and loop_patched() follows. */
bool patch_settles(struct engine *e, struct node *n, bool passed, const char *why);
bool patch_busy(const struct node *n);
/* It is restored beside everything else, and its run waits for that. */
void patch_left(struct engine *e, struct node *n, const char *why);
void patches_left(struct engine *e, struct run *r, const char *why);
bool patches_busy(const struct engine *e, id_t64 run);
enum err_code patches_load(struct engine *e, struct err *err) MUST_CHECK;
void patches_adopt(struct engine *e);
void patches_forget(struct engine *e);
enum err_code run_patch(struct engine *e, const struct command *c, id_t64 *ret_id, struct err *err);

/* ---- why.c ---- */
/* A run to look at: one that ended is read for it, and forgotten by run_look_done(). */
enum err_code run_look(struct engine *e, id_t64 id, struct run **ret, bool *ret_loaded, struct err *err);
void run_look_done(struct engine *e, struct run *r, bool loaded);

/* ---- mark.c: skip and mark ---- */
enum err_code run_mark(struct engine *e, const struct command *c, const struct note *n, struct err *err);
/* Both do nothing for other verbs. What a reset for skip or mark asks first … */
enum err_code mark_check(const struct run *r, const struct command *c, struct err *err);
/* … and does when the nodes have gone back. */
void mark_apply(struct engine *e, struct run *r, const struct command *c, const struct note *n);
bool mark_is(enum verb v);
enum err_code mark_outputs_fit(const struct json *outputs, struct err *err); /* names and texts, not too many */

/* ---- recover.c ---- */
/* Read a run that ended back into memory, as it ended. */
enum err_code run_load(struct engine *e, id_t64 id, struct run **ret, struct err *err);
struct order *order_load(struct engine *e, const struct order_row *row);
/* Runs that were just stored and had not ended elsewhere: what ran there is interrupted, and they are paused. */
void recover_imported(struct engine *e, const id_t64 *ids, size_t n, const struct note *note);
void run_derive(struct run *r); /* the counters that follow from the states */
enum err_code recover(struct engine *e, struct err *err);
void recover_hello(struct engine *e, struct worker *w, const struct worker_hello *h);
/* Take the exit record of a node's attempt, if there is one. */
bool recover_record(struct engine *e, struct node *n);
void recover_give_up(struct engine *e, struct timer *t); /* the worker of a node did not come back */

#endif
