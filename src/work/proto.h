/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What engine and worker say to each other, over a unix SOCK_SEQPACKET socket (`home/worker.sock`): one
 * packet a message. A packet is a header and fields of tag, length, bytes, so that an old worker can
 * finish its step under a new engine: unknown fields are skipped, unknown messages ignored.
 *
 *   worker → engine   HELLO   who it is and what it has: nothing, a running step, or a result; again when
 *                             a step has ended that it was told to forget
 *                     STARTED the process exists (pid, start time); sent lazily, with the next wake-up,
 *                             or not at all when the step ended before
 *                     RESULT  the step ended; kept by the worker until acknowledged
 *                     PROGRESS the log grew (bytes, lines), or a call of a model went on (what it used so far):
 *                             at most 4 a second, only while it runs
 *   engine → worker   WELCOME the protocol version and what to do with what HELLO named: keep it, or
 *                             kill it (an attempt that is fenced)
 *                     START   run this step; acknowledges the last result too
 *                     ACK     the result is committed; forget it
 *                     SIGNAL  cancel (TERM, grace, KILL), kill at once, freeze, thaw
 *                     STOP    leave when idle
 *
 * A START that does not fit into a packet (64 KiB) travels in a memfd that is passed along.
 */
#ifndef PAWL_WORK_PROTO_H
#define PAWL_WORK_PROTO_H

#include "base/err.h"
#include "base/str.h"
#include "model/error.h"

#define PROTO_VERSION 1
#define PROTO_PACKET_MAX (64 * KIB)
#define PROTO_MESSAGE_MAX (4 * MIB)
#define OUTPUTS_MAX (256 * KIB) /* bytes of $PAWL_OUTPUT that are taken */

enum proto_type {
	MSG_HELLO = 1,
	MSG_STARTED,
	MSG_RESULT,
	MSG_PROGRESS,
	MSG_WELCOME = 64,
	MSG_START,
	MSG_ACK,
	MSG_SIGNAL,
	MSG_STOP,
};

enum step_signal { STEP_CANCEL = 1, STEP_KILL, STEP_FREEZE, STEP_THAW };

/* What a call of a model has used so far; below 0: not known. All 0: nothing was said. */
struct live_counts {
	int64_t input, output, cost_micro_usd;
};

/* Which attempt: run, node, generation, iteration, attempt. `token` is the attempt's row id, unique
 * in the home; it fences: a result for a token that is not running is stored, not applied. */
struct step_key {
	int64_t run;
	int32_t node, generation, iteration, attempt;
	int64_t token;
};

/* One step, as data; the worker knows nothing of workflows. Text is borrowed by the encoder and owned
 * by a decoded message. The worker itself adds two names to the environment: PAWL_OUTPUT, a path in its own
 * folder, and PAWL_STEP (STEP_MARK, step_token()), by which the processes of a step are found again. */
struct step_spec {
	struct step_key key;
	const char *run_id, *node_name; /* for messages and PAWL_RUN, PAWL_NODE */
	const char *const *argv; /* NULL-terminated. argv[0] is looked up in PATH of env */
	const char *const *env;  /* "NAME=value", NULL-terminated: the whole environment */
	const char *script;      /* if not NULL: given to argv as its last argument (see script_file) */
	bool script_file;        /* … as the path of a temporary file, instead of as text */
	bool plain;              /* script is a simple command: argv may be executed without the shell when
				    its program is found (argv then holds the words, script the text) */
	const char *stdin_bytes; /* NULL: stdin is /dev/null */
	size_t stdin_len;
	const char *cwd;
	const char *log_path;    /* the text file of the log */
	const char *const *secrets; /* exact values to mask, NULL-terminated; may be NULL */
	bool want_tail;          /* the result's tail is to be 64 KiB, not 4: retry patterns look at it */
	int64_t timeout_ms;      /* 0: none */
	int64_t grace_ms;        /* between TERM and KILL */
	int64_t log_head, log_tail;
	int64_t memory_bytes, cpu_s, file_bytes; /* limits; 0: none */
	int32_t open_files, processes;
	int32_t umask;           /* -1: the worker's */
	const char *measure;     /* folder whose size on disk belongs into the result; NULL: none */
	bool live;               /* it calls a model and tells what that uses (work/live.h) */
};

/* How a step ended. */
struct step_result {
	struct step_key key;
	enum error_class class;  /* CLASS_NONE: success */
	int32_t exit_code;       /* 0 … 255; 128 + n when a signal n ended it; -1 when it never ran */
	int32_t signal;          /* the signal, 0 if none; of a shell also one that ended a command in it */
	int64_t started_ms, ended_ms; /* wall clock */
	int64_t frozen_ms;       /* part of it that it was frozen */
	int64_t cpu_us, rss_kib; /* of the process and what it waited for */
	int64_t log_bytes, log_lines, log_dropped, log_lost;
	int64_t redacted;        /* secrets masked */
	int64_t disk_bytes;      /* that the folder to be measured takes at the end; 0: not known */
	int32_t leftover;        /* background processes that were killed at the end */
	const char *outputs;     /* bytes of $PAWL_OUTPUT; NULL if the file is not there */
	size_t outputs_len;
	const char *message;     /* one sentence when class is not CLASS_NONE; may be NULL */
	const char *tail;        /* last lines of the log when class is not CLASS_NONE, at most 4 KiB (64 with
				    want_tail), for the failure card and retry patterns; else NULL */
};

enum worker_phase { WORKER_IDLE, WORKER_BUSY, WORKER_DONE /* holds a result */ };

struct worker_hello {
	int32_t version;
	int64_t pid, start_time; /* of the worker, start time as in /proc/PID/stat field 22 */
	const char *boot_id;
	const char *program;     /* version of pawl that it was built from */
	enum worker_phase phase;
	struct step_key key;     /* unless idle */
	int64_t child_pid, child_start;
	bool frozen;
};

struct proto_message {
	enum proto_type type;
	struct step_key key;          /* STARTED, PROGRESS, ACK, SIGNAL, WELCOME */
	int64_t pid, start_time;      /* STARTED */
	int64_t bytes, lines;         /* PROGRESS */
	struct live_counts live;      /* PROGRESS */
	enum step_signal signal;      /* SIGNAL */
	int64_t grace_ms;             /* SIGNAL */
	bool keep;                    /* WELCOME: go on with it; else kill and forget */
	struct step_spec spec;        /* START */
	struct step_result result;    /* RESULT */
	struct worker_hello hello;    /* HELLO */
	void *storage;                /* what decoded text points into */
};

/* Append the encoding of `m` to `out`. */
void proto_encode(const struct proto_message *m, struct str *out);
/* Decode; on success call proto_done() later. ERR_VERSION, ERR_CORRUPT. */
enum err_code proto_decode(const void *bytes, size_t len, struct proto_message *ret,
			   struct err *err) MUST_CHECK;
void proto_done(struct proto_message *m);

/* Send and receive one message on a SEQPACKET socket; large ones through a memfd. send: ERR_IO with errno
 * EAGAIN when the socket is full, ERR_UNAVAILABLE when the peer is gone. recv: ERR_UNAVAILABLE at the
 * end, ERR_TIMEOUT when nothing is there (non-blocking). */
enum err_code proto_send(int fd, const struct proto_message *m, struct err *err) MUST_CHECK;
enum err_code proto_recv(int fd, struct proto_message *ret, struct err *err) MUST_CHECK;

/* As proto_send(), for a message that is encoded already. */
enum err_code proto_send_bytes(int fd, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/* The mark in the environment of a step's processes, and its value: the token and the home, since tokens
 * of two homes are alike. */
#define STEP_MARK "PAWL_STEP"
void step_token(struct str *s, const char *home, int64_t token);

/* The exit record: what a worker leaves in `home/spool/<token>.exit` when no engine answers. It is an
 * encoded MSG_RESULT, written with fs_write(). */
enum err_code exit_record_write(const char *home, const struct step_result *r,
				struct err *err) MUST_CHECK;
enum err_code exit_record_read(const char *path, struct proto_message *ret, struct err *err) MUST_CHECK;
/* Remove what dead workers left in the spool besides exit records, and kill what still runs in their
 * control groups: when the engine starts, and when a worker was lost. */
void spool_sweep(const char *home);

#endif
