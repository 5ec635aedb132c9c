/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A world for the real engine and the real store: a clock that is only moved, workers that are only
 * played, an operator who asks, and faults. Everything follows from the seed, so that what happened once happens
 * again. The unit tests of the engine and the simulator live in it.
 *
 * What a step does stands in its script, as words: `took=50 exit=3 out=x=1`. See struct script. */
#ifndef PAWL_TESTS_SIM_WORLD_H
#define PAWL_TESTS_SIM_WORLD_H

#include "base/fs.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/rng.h"
#include "engine/engine.h"

/* Under the sanitizers everything takes several times as long. */
#if defined(__SANITIZE_ADDRESS__)
#define SIM_SLOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_SLOW 1
#endif
#endif
#ifndef SIM_SLOW
#define SIM_SLOW 0
#endif

struct world;

/* What a script says that happens. */
struct script {
	int64_t took_ms;  /* took=MS, default 10; "forever" */
	int exit_code;    /* exit=N */
	int signal;       /* signal=N */
	int fails;        /* fails=N: only the first N tries end badly (default: all) */
	int dies;         /* dies=N: in the first N attempts the worker dies with it */
	bool stubborn;    /* TERM does not end it; KILL does */
	char *outputs;    /* out=NAME=VALUE, repeated: what it writes to $PAWL_OUTPUT, one a line */
	char *writes;     /* writes=NAME, repeated: files that it makes or changes, also when it fails; one a line */
	char *tail;       /* says=TEXT: the end of its log, when it fails */
	int64_t log;      /* log=N: bytes that it writes to its log */
	/* Of an agent or a model: what its report says. */
	char *said;       /* said=TEXT: the final text, _ for a blank */
	int64_t tokens;   /* tokens=N: that a call took */
	int64_t disk;     /* disk=N: MiB that its folder takes at the end */
	int64_t cost;     /* cost=N: micro-USD; without it the cost is not known */
	char *breaker;    /* breaker=NAME: it tells that breaker how it went */
	/* Of checks: one verdict for each iteration, the last one for all that follow: p passed, f3 three problems,
	 * 2f3 after two levels, f3/1 with the signature 1, x the checks themselves break. */
	char *verdicts;   /* verdicts=f3;f1;p */
	char *decision;   /* decide=continue;stop: of a strategy's command */
};

/* One simulated pawl-worker. */
struct sim_worker {
	struct world *w;
	int64_t pid;
	bool alive;
	struct worker *peer; /* the engine's; NULL: not connected */
	uint64_t conn;       /* counts connections: what was sent over an earlier one does not arrive */
	int64_t last_to_engine, last_to_worker; /* letters of a connection keep their order */
	enum worker_phase phase;
	struct step_key key;
	struct script script;
	char *node, *run, *log_path, *cwd;
	int try_number;      /* without those that were interrupted */
	int purpose;         /* enum attempt_phase */
	bool reports;        /* what it leaves is one document with a report */
	int64_t timeout_ms, began_ms, left_ms; /* left_ms: until it ends, as of began_ms */
	int64_t wall_ms;                       /* when it began, for people */
	bool frozen, forget, leaving, recorded, sent;
	enum error_class stop; /* CLASS_NONE: ends by itself */
	uint64_t plan;         /* counts plans of the end: an old one is void */
	struct step_result result;
	char *outputs, *tail;
	int64_t lonely_ms;
};

/* The files of a workspace, as text: "name=value" lines, sorted. Snapshots are kept by their id. */
struct sim_files {
	char *key; /* path or id */
	char *text;
};

struct sim_record {
	int64_t token;
	struct step_result result;
	char *outputs, *tail;
};

/* Processes of a step whose worker died: they go on until somebody ends them, or by themselves. */
struct sim_orphan {
	int64_t token, until_ms;
	id_t64 run;
	int idx;
};

/* A step that a worker began. */
struct sim_start {
	int64_t at_ms, token;
	id_t64 run;
	int idx, attempt;
	char *node;
};

/* How likely the unlikely is, in 1/1000 of each occasion. All 0: a perfect world. */
struct sim_faults {
	int worker_death;   /* at the start or end of a step */
	int slow_link;      /* a letter takes up to a second instead of some ms */
	int disconnect;     /* a connection breaks, though both ends live */
	int duplicate;      /* a result is told twice */
	int spawn_fails;
	int commit_fails;   /* begins a time in which nothing can be stored */
	int crash;          /* of the engine, at the end of a turn */
	int workspace_fails;
	int snapshot_fails;
	int clock_jump;     /* of the wall clock, with each letter */
	bool orphans;       /* a step outlives its worker */
};

struct world {
	char dir[64];
	struct engine_settings settings;
	struct store *store;
	struct engine *e; /* NULL: it is down */
	int64_t wall_ms, boot_ms;
	struct rng rng;
	struct sim_faults faults;
	struct sim_worker **workers;
	size_t nworkers, capworkers;
	struct heap events;
	uint64_t nevents;
	struct sim_record *records;
	size_t nrecords, caprecords;
	struct sim_orphan *orphans;
	size_t norphans, caporphans;
	struct sim_start *starts;
	size_t nstarts, capstarts;
	struct sim_files *files;     /* of folders */
	size_t nfiles, capfiles;
	struct sim_files *snapshots;
	size_t nsnapshots, capsnapshots;
	struct space_job **jobs;     /* under way */
	size_t njobs, capjobs;
	int njobs_done[SPACE_JOB_KINDS];
	int64_t disk_bytes;          /* what a job measures */
	int fail_job;                /* this many of the next jobs fail */
	int64_t last_pid;
	int64_t effects_left; /* effects until the engine dies while it releases them; -1: it does not */
	bool dying;           /* it did: nothing that it says arrives */
	int64_t disk_full_until_ms;
	bool page_limit;      /* … by a limit on the pages of the database: statements fail, too */
	bool reboot;          /* the next crash is one of the machine */
	int64_t back_ms;      /* when a new engine comes, while there is none */
	int64_t down_ms;      /* how long it stays away */
	int running_max;      /* the most steps that ran at once */
	int64_t seq_seen;     /* last event that was published */
	int ncrashes, nfull;
	bool trace;
	/* After each turn; may be NULL. */
	void (*after_turn)(struct world *w, void *ctx);
	void *after_ctx;
	/* A step begins while processes of an earlier try of it are there. */
	void (*on_orphan)(struct world *w, void *ctx, const struct sim_orphan *o);
};

/* A world with an engine in a temporary folder. `steps` at a time, runs at a time. */
struct world *world_new(uint64_t seed, int steps, int runs);
void world_free(struct world *w);
void world_say(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The engine dies now: what is not committed is lost. It is back after `down_ms`. */
void world_crash(struct world *w, int64_t down_ms);
/* … and at once. */
void world_restart(struct world *w);
/* The next thing that is due, at or before `until_ms` (boot clock); false when there is none. */
bool world_step(struct world *w, int64_t until_ms);
void world_run_ms(struct world *w, int64_t ms);
/* Run until every order has ended, or `ms` are over. */
bool world_finish(struct world *w, int64_t ms);
/* End the turn that may be open. */
void world_turn(struct world *w);
bool world_chance(struct world *w, int in_1000);

/* ---- the operator ---- */

struct answer {
	int times; /* how often it was answered: once, or never when the engine died */
	enum err_code code;
	id_t64 id;
	bool replayed;
	char message[1024];
	char hint[256];
	char note[32];
};
/* Asks and, unless the turn is left open, waits for the answer. */
struct answer world_ask(struct world *w, const struct command *c);
struct answer world_verb(struct world *w, enum verb v, id_t64 id, const char *node);
/* Submits; NULL options: none. */
struct answer world_submit(struct world *w, const char *yaml, const struct submission *options);
/* A file beside the workflows, for sub-workflows. */
void world_file(struct world *w, const char *name, const char *text);

/* ---- what is stored ---- */

enum order_state world_order_state(struct world *w, id_t64 order);
id_t64 world_run_of(struct world *w, id_t64 order);
struct run_row world_run(struct world *w, id_t64 run);
/* Of the newest generation; no row is pending. The texts live until the next call. */
struct node_row world_node(struct world *w, id_t64 run, const char *name);
int world_idx(struct world *w, id_t64 run, const char *name); /* -1 if there is none */
int world_started(struct world *w, id_t64 run, const char *name); /* how often a worker began it */
struct sim_worker *world_worker_of(struct world *w, id_t64 run, const char *name); /* NULL: none runs it */

/* ---- files.c: workspaces, of which no file exists ---- */

void world_write(struct world *w, const char *path, const char *name, const char *value); /* NULL: remove it */
const char *world_files(struct world *w, const char *path); /* "a=1 b=2"; "" when there is nothing */
const char *world_snapshot_text(struct world *w, const char *id); /* NULL: there is none */
bool files_empty(void *ctx, const char *path);
char *files_real_path(void *ctx, const char *path);
void files_job(void *ctx, struct space_job *j);
void files_crash(struct world *w); /* the engine died: its jobs get no further, or just did */
void files_free(struct world *w);

/* ---- worker.c ---- */

struct letter;
void worker_spawn(struct world *w);
void worker_receive(struct sim_worker *s, struct letter *l);
void worker_connect(struct sim_worker *s);
void worker_lost(struct sim_worker *s); /* the connection is gone */
void worker_due(struct sim_worker *s, uint64_t plan);
void worker_kill(struct sim_worker *s); /* SIGKILL to it and to its step */
void worker_free(struct sim_worker *s);
void worker_doomed(struct sim_worker *s); /* the last thing it does is to close the connection */
void script_done(struct script *s);
void script_parse(const char *text, struct script *ret);

/* program.c: what one of pawl's own programs leaves in $PAWL_OUTPUT, yours; may turn the class. */
char *sim_document(struct sim_worker *s, enum error_class *class);

/* ---- letters and events ---- */

enum sim_event { EVENT_TO_WORKER, EVENT_TO_ENGINE, EVENT_CONNECT, EVENT_DUE, EVENT_SPAWN, EVENT_GONE, EVENT_CALL };
struct letter {
	struct heap_node h;
	int64_t at_ms;
	uint64_t number;
	enum sim_event kind;
	struct sim_worker *s;
	uint64_t conn; /* or the plan */
	struct proto_message m; /* what it says; texts owned below */
	char *script, *node, *run, *log_path, *cwd, *outputs, *tail;
	int try_number, purpose;
	bool reports;
	void (*call)(struct world *w, void *ctx);
	void *ctx;
};
struct letter *world_post(struct world *w, enum sim_event kind, struct sim_worker *s, int64_t in_ms);
void world_call(struct world *w, int64_t in_ms, void (*call)(struct world *w, void *ctx), void *ctx);
int64_t world_delay(struct world *w);

#endif
