/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of pawl-worker, shared by its files alone:
 *
 *   worker_main.c  start, the loop, the end
 *   worker_link.c  the socket to the engine: hello, messages, exit records while nobody answers
 *   worker_step.c  one step from START to its result: time limit, freezing, killing
 *   worker_exec.c  the child between vfork and exec
 *   worker_log.c   from the pipes through the redactor into the log
 *
 * Times that end in _us are of the monotonic clock, which stands still while the machine sleeps, as the step
 * does. */
#ifndef PAWL_WORK_WORKER_H
#define PAWL_WORK_WORKER_H

#include "journal/journal.h"
#include "journal/redact.h"
#include "work/proto.h"

#include <sys/resource.h>
#include <sys/types.h>

#define NEVER INT64_MAX
#define MS INT64_C(1000) /* in microseconds */

/* ---- worker_exec.c ---- */

struct limit {
	int what;
	int64_t soft, hard;
};

/* What the child does before exec, in this order; all made ready by the parent. */
struct exec_plan {
	const char *const *argv;
	const char *const *env;
	const char *cwd;
	int in, out, err; /* in: -1 keeps the worker's, which is /dev/null */
	int mask;         /* umask, -1 the worker's */
	int cgroup_fd;    /* the group to start it in; -1: the worker's own */
	struct limit limits[6];
	size_t nlimits;
};

enum exec_stage { EXEC_FORK, EXEC_CWD, EXEC_LIMIT, EXEC_PROGRAM };

struct exec_fault {
	enum exec_stage stage;
	int why; /* errno */
};

/* The pid, or -1 and what failed. No child is left behind after a fault. */
pid_t exec_start(const struct exec_plan *plan, struct exec_fault *ret_fault);
/* The value of a variable in an environment; NULL if it is not set. */
const char *exec_env(const char *const *env, const char *name);

/* ---- worker_log.c ---- */

struct pump {
	int fd, write_fd; /* both ends of the pipe; see pump_open() */
	enum log_stream stream;
	struct redactor *redactor;
};

/* The patterns of the last secrets seen; compiled when a step has something to redact. */
struct redact_cache {
	struct str key;
	struct redact_set *set;
};

struct capture {
	struct pump out, err;
	struct log_writer *log; /* NULL until the first byte */
	const struct step_spec *spec;
	struct redact_cache *cache;
	int64_t flush_us;    /* when what was written is to be shown; NEVER */
	int64_t redacted;
	size_t unsynced;     /* bytes since the disk was told to begin */
	int sync_fd;
	bool sync;           /* closed, and small enough to be made durable a moment after the result */
};

bool capture_open(struct capture *c, const struct step_spec *spec, struct redact_cache *cache);
/* Take what is there, at most a buffer of it; false when there was nothing. */
bool capture_pump(struct capture *c, struct pump *p);
/* A sentence of the worker's own into the log. */
void capture_note(struct capture *c, const char *text);
void capture_flush(struct capture *c);
void capture_drain(struct capture *c);
/* End: totals and, with `tail_max`, the last lines (to be freed by the caller). */
void capture_close(struct capture *c, struct step_result *r, size_t tail_max, char **ret_tail);

/* Small logs reach the disk a moment after the result is told, and several of them together. */
#define SYNC_LIST_MAX 64
struct sync_list {
	char *paths[SYNC_LIST_MAX];
	size_t n;
	int64_t due_us; /* NEVER when empty */
};
void sync_later(struct sync_list *list, const char *path);
void sync_all(struct sync_list *list);

void capture_redact(struct capture *c, const char *text, size_t len, struct str *out);

/* ---- worker_step.c ---- */

enum stop_reason { STOP_NONE, STOP_TIMEOUT, STOP_CANCEL };
enum stop_stage { STAGE_RUN, STAGE_TERM, STAGE_KILL };

struct step {
	struct proto_message start; /* owns what the spec points into */
	pid_t pid;
	int64_t start_time; /* of the pid, as in /proc; 0 until it is asked for */
	struct capture capture;
	char *output_path, *script_path;
	int64_t began_us, started_ms;
	bool started_told;
	int64_t progress_us, progress_next_us; /* when it is due (NEVER), and allowed at the earliest */
	int64_t live_us;       /* when to look at what a call of a model uses; NEVER */
	struct live_counts live;
	enum stop_reason reason;
	enum stop_stage stage;
	int64_t stage_us; /* when the next stage is due; NEVER */
	bool frozen;
	int64_t frozen_at_us, frozen_us;
	bool ended; /* the main process */
	int64_t ended_us;
	int status;
	int64_t cpu_us, rss_kib;
	int leftover;
	bool forget; /* the engine does not want the result */
};

/* The result and the texts that it points to. */
struct kept_result {
	struct step_result r;
	struct str outputs, message;
	char *tail;
};

struct worker {
	const char *home;
	char *folder; /* home/spool/w<pid>: outputs and scripts of the present step */
	enum worker_phase phase;
	struct step step;          /* WORKER_BUSY */
	struct kept_result result; /* WORKER_DONE */
	bool result_wanted, result_sent, result_recorded; /* wanted: the engine knows of it */
	int64_t record_us; /* when the next try to write the exit record is due */
	struct redact_cache cache;
	struct sync_list sync;
	int fd; /* to the engine; -1 */
	int64_t connect_us, lonely_us; /* the next try; since when nobody answers */
	int signal_fd;
	int64_t self_start;
	char *cgroup; /* the group of the steps, NULL if there is none */
	int cgroup_fd;
	bool leaving; /* when idle */
	bool done;
};

void step_start(struct worker *w, struct proto_message *m); /* takes the message */
void step_signal(struct worker *w, enum step_signal signal, int64_t grace_ms);
/* Children ended: collect them. */
void step_reap(struct worker *w);
void step_tick(struct worker *w, int64_t now_us);
int64_t step_due_us(const struct worker *w);
void step_forget(struct worker *w);
void result_done(struct kept_result *kept);

/* ---- worker_link.c ---- */

void link_connect(struct worker *w, int64_t now_us);
void link_receive(struct worker *w);
void link_send(struct worker *w, const struct proto_message *m); /* may be dropped */
void link_hello(struct worker *w); /* who it is and what it has */
/* The step ended: send the result, or leave a record. */
void link_result(struct worker *w);
/* The socket took nothing more when the result was sent: again. */
void link_send_result(struct worker *w);
void link_tick(struct worker *w, int64_t now_us);
int64_t link_due_us(const struct worker *w);

#endif
