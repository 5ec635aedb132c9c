/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows as the API gave them, made safe for a terminal once, on the way in. */
#ifndef PAWL_TUI_ROWS_H
#define PAWL_TUI_ROWS_H

#include "base/json.h"
#include "tui/state.h"

/* What every row begins with; lists know rows by this alone. */
struct row {
	char *id; /* unique in its list */
	enum state state;
};

struct failure {
	char *node, *class, *message; /* node is NULL when there is no failure */
	char *place;                  /* the first thing that checks found: "merge.c:219"; NULL: none */
	int64_t problems;             /* that they counted; 0: none, or nothing was checked */
	int64_t iteration, attempt, exit_code, signal, line; /* -1: none */
};

struct order_row {
	struct row row;
	char *workflow, *reason, *run, *submitter;
	int64_t priority, position, estimate_ms, enqueued_at_ms; /* position and estimate -1: none */
};

struct run_row {
	struct row row;
	char *workflow, *order, *reason, *mode, *current, *workspace, *parent, *hash;
	int64_t priority, generation, created_at_ms, started_at_ms, ended_at_ms, duration_ms, eta_ms;
	int64_t total, done, running; /* nodes; done counts succeeded and skipped */
	bool acknowledged;
	struct failure failure;
};

struct iteration_row {
	struct row row;
	char *run, *node, *why, *class;
	int64_t generation, iteration, attempt, attempts, max_attempts;
	int64_t tries; /* of the work; its checks are attempts, too */
	int64_t started_at_ms, ended_at_ms, duration_ms, exit_code, signal, next_at_ms;
	int64_t log_bytes, log_lines;
	bool superseded;
	/* of nodes whose work is checked, or done by an agent or a model */
	bool round, verified;
	char *phase, *round_state, *decision, *final;
	int64_t problems, tokens, cost_micro_usd, round_started_ms, round_ended_ms; /* -1, 0: not known */
};

struct node_row {
	struct row row; /* id is the node's name */
	char *kind, *reason, *child, *group; /* group: it is an instance of; NULL: of none */
	char **needs;
	size_t nneeds;
	int64_t index, iteration, attempts, max_attempts, started_at_ms, ended_at_ms, duration_ms;
	bool critical, handler;
};

struct break_row { /* id is the number as text */
	struct row row;
	char *node, *when; /* when: "class timeout", NULL: always */
	int64_t hits, hit;
};

struct checkpoint_row { /* id is the number as text */
	struct row row;
	char *name, *stream, *files, *why_not; /* files: "kept", "empty", "not_kept", and then why */
	int64_t number, generation, at_ms, not_covered;
	bool stands; /* false: its node ran again since */
};

struct approval_row { /* id is "run/node/generation/iteration" */
	struct row row;
	char *run, *node, *question, *choices, *targets, *on_timeout; /* choices: "continue retry", with blanks */
	int64_t generation, iteration, asked_at_ms, deadline_at_ms;
};

struct breaker_row { /* id is its name */
	struct row row;
	char *word, *reason, *who; /* word: "half_open" */
	int64_t failures, until_ms, waiting, changed_at_ms;
};

struct event_row {
	struct row row; /* id is the number as text */
	int64_t seq, at_ms;
	char *type, *run, *order, *node, *from, *to, *actor, *who, *reason;
};

struct action;
struct help_row { /* not of the API: what the help lists */
	struct row row;
	const struct action *action;
	char *keys, *why_not; /* why_not: NULL when it can be done now */
};

enum row_kind { ROWS_ORDERS, ROWS_RUNS, ROWS_ITERATIONS, ROWS_NODES, ROWS_EVENTS, ROWS_HELP,
		ROWS_BREAKPOINTS, ROWS_CHECKPOINTS, ROWS_APPROVALS, ROWS_BREAKERS,
		ROW_KIND_COUNT };

/* A list of rows of one kind, in the order in which the engine gave them. */
struct rows {
	enum row_kind kind;
	struct row **v;
	size_t n, cap;
	unsigned int gone; /* how often rows went: indices from before are void */
	int64_t total; /* as the engine counts them, -1: unknown */
	char *next;    /* cursor of the page after the last row; NULL: all is here */
};

/* One row from an API object; NULL if it is none of its kind. */
struct row *row_read(enum row_kind kind, const struct json *object);
void row_free(enum row_kind kind, struct row *row);
/* All rows of a page, after those that are there. */
void rows_add_page(struct rows *rows, const struct json *page);
/* A fresh first page over an older list: known rows are replaced, unknown ones go on top in the page's
 * order, what the page no longer has stays (it may be on a later page). */
void rows_merge_page(struct rows *rows, const struct json *page);
/* Put or replace one row; a new one goes on top, a run before the first older one. */
void rows_put(struct rows *rows, struct row *row);
/* A copy of a run's row. */
struct row *run_copy(const struct row *row);
void rows_remove(struct rows *rows, const char *id);
struct row *rows_find(const struct rows *rows, const char *id);
void rows_clear(struct rows *rows);
void rows_done(struct rows *rows);
/* A JSON string, safe for a terminal; NULL when it is null or none. Yours. */
char *safe_text(const struct json *v);
void failure_read(struct failure *f, const struct json *v);
void failure_done(struct failure *f);

/* Durations and times as the lists show them: "28ms", "1.4s", "00:42", "3h05", "3d04h"; "14:06:58", "Thu 21", "-". */
/* "950", "12.3k", "1.2M"; "$0.0123"; "-" when it is not known. */
void add_count(struct str *s, int64_t n);
void add_cost(struct str *s, int64_t micro_usd);
void add_took(struct str *s, int64_t ms);
void add_when(struct str *s, int64_t at_ms, int64_t now_ms);

#endif
