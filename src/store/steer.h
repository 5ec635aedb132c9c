/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an operator put in the way of a run: breakpoints, and holds of attempts that somebody stands in. */
#ifndef PAWL_STORE_STEER_H
#define PAWL_STORE_STEER_H

#include "store/store.h"

struct breakpoint_row {
	id_t64 run;
	int number;
	const char *node;
	int state;               /* -1: any */
	enum error_class class;  /* CLASS_NONE: any */
	const char *pattern;     /* NULL: none */
	int wanted, hits;
	int64_t made_ms;
	const char *who;
};
void store_breakpoint_put(struct store *st, const struct breakpoint_row *b); /* of a known one: its hits */
void store_breakpoint_delete(struct store *st, id_t64 run, int number);
enum err_code store_breakpoints_of(struct store *st, id_t64 run,
				   void (*fn)(void *ctx, const struct breakpoint_row *b), void *ctx,
				   struct err *err) MUST_CHECK;
void store_order_breakpoints_put(struct store *st, id_t64 order, const char *json);
/* Yours; NULL if it has none. */
char *store_order_breakpoints_get(struct store *st, id_t64 order);

/* The rows of a node, the newest generation first. */
enum err_code store_node_generations(struct store *st, id_t64 run, int idx,
				     void (*fn)(void *ctx, const struct node_row *n), void *ctx,
				     struct err *err) MUST_CHECK;

struct hold_row {
	id_t64 run;
	int number, idx;
	int64_t token; /* 0: no attempt */
	const char *who;
	int64_t began_ms, until_ms, ended_ms; /* ended_ms 0: it is held */
	int exit_code;       /* -1: not known */
	const char *outcome; /* NULL while it is held */
};
void store_hold_put(struct store *st, const struct hold_row *h);
enum err_code store_holds_of(struct store *st, id_t64 run, void (*fn)(void *ctx, const struct hold_row *h),
			     void *ctx, struct err *err) MUST_CHECK;

enum err_code store_holds_open(struct store *st, void (*fn)(void *ctx, const struct hold_row *h), void *ctx,
			       struct err *err) MUST_CHECK;

/* What a run is given and what it executes from `generation` on; `was` is what it executed before, NULL: the same. */
void store_run_edit(struct store *st, id_t64 run, const struct hash *workflow, const struct hash *was, int generation,
		    const char *params, const char *env);
/* What a generation executed; false when it never changed: what the run says. */
bool store_run_definition(struct store *st, id_t64 run, int generation, struct hash *ret);

/* The last verb of a run and what was before it. */
void store_undo_put(struct store *st, id_t64 run, const char *verb, const char *before, int64_t now_ms);
void store_undo_delete(struct store *st, id_t64 run);
/* Both are yours; false when there is none. */
bool store_undo_get(struct store *st, id_t64 run, char **ret_verb, char **ret_before);

#endif
