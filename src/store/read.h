/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading for the API: pages of lists by key, newest first unless said otherwise, on the store's
 * one connection. Call them between turns (engine_settle()), else they see what is not committed.
 * Rows and their texts are valid during the call of `fn`, which may read other rows but not the
 * same list again. Nothing here reads a whole table: a filter that fits little ends a page early,
 * with a key to go on from. */
#ifndef PAWL_STORE_READ_H
#define PAWL_STORE_READ_H

#include "store/store.h"

/* Where a page begins and ends. */
struct read_page {
	int64_t before; /* rows with a smaller key; 0: from the newest */
	size_t limit;   /* rows at most */
	int64_t next;   /* set: the key to go on from, 0 when there is nothing more */
};

typedef void (*read_order_fn)(void *ctx, const struct order_row *o);
typedef void (*read_run_fn)(void *ctx, const struct run_row *r);
typedef void (*read_node_fn)(void *ctx, const struct node_row *n);
typedef void (*read_event_fn)(void *ctx, const struct event_row *e);
/* `newest` is the newest generation of the attempt's node. */
typedef void (*read_attempt_fn)(void *ctx, const struct attempt_row *a, int newest);

struct order_filter {
	unsigned int states;  /* bits; 0: all */
	const char *workflow; /* name; NULL: all */
};
enum err_code read_orders(struct store *st, const struct order_filter *f, struct read_page *page,
                          read_order_fn fn, void *ctx, struct err *err) MUST_CHECK;

struct run_filter {
	unsigned int states; /* bits; 0: all */
	bool unseen;         /* or those whose failure nobody has acknowledged */
	const char *workflow;
	const char *text; /* in the id or the name */
	id_t64 parent;    /* children of this run; 0: all; -1: only runs without a parent */
	int64_t since_ms; /* made since; 0: all */
};
enum err_code read_runs(struct store *st, const struct run_filter *f, struct read_page *page,
                        read_run_fn fn, void *ctx, struct err *err) MUST_CHECK;

/* The ids from `first` to `last`: how many there are, 2 for "more than one", and the smallest. */
enum err_code read_order_range(struct store *st, id_t64 first, id_t64 last, int *ret_n, id_t64 *ret,
                               struct err *err) MUST_CHECK;
enum err_code read_run_range(struct store *st, id_t64 first, id_t64 last, int *ret_n, id_t64 *ret,
                             struct err *err) MUST_CHECK;

/* What a run executes; the texts live until the next call. ERR_NOT_FOUND. */
struct run_source {
	struct hash workflow;
	const char *sub, *name;
};
enum err_code read_run_source(struct store *st, id_t64 run, struct run_source *ret,
                              struct err *err) MUST_CHECK;

/* Rows of the nodes first … last - 1 of a run, each in its newest generation, ascending. */
enum err_code read_nodes(struct store *st, id_t64 run, int first, int last, read_node_fn fn,
                         void *ctx, struct err *err) MUST_CHECK;
/* One instance of a group, by index or by name (the one that is not NULL); the texts live until the
 * next call. ERR_NOT_FOUND. */
enum err_code read_instance(struct store *st, id_t64 run, int idx, const char *name,
                            struct instance_row *ret, struct err *err) MUST_CHECK;
/* One past the highest index of an instance, 0 when the run has none. */
int read_instances_end(struct store *st, id_t64 run);

/* The attempts of a node, all generations: the page's key is the token of the attempt to go on
 * from. */
enum err_code read_node_attempts(struct store *st, id_t64 run, int idx, struct read_page *page,
                                 read_attempt_fn fn, void *ctx, struct err *err) MUST_CHECK;
/* One attempt of a node; -1 stands for "the newest". ERR_NOT_FOUND. */
enum err_code read_attempt(struct store *st, id_t64 run, int idx, int generation, int iteration,
                           int attempt, struct attempt_row *ret, struct err *err) MUST_CHECK;
/* The last attempt of each iteration of a run, newest start first. */
enum err_code read_iterations(struct store *st, id_t64 run, struct read_page *page,
                              read_attempt_fn fn, void *ctx, struct err *err) MUST_CHECK;
/* The nodes that succeeded, by the event that says so, ascending from `after`; returns the last
 * event in page->next (0: no more). */
enum err_code read_checkpoints(struct store *st, id_t64 run, struct read_page *page,
                               read_node_fn fn, void *ctx, struct err *err) MUST_CHECK;

struct event_filter {
	int64_t after;     /* ascending from there … */
	int64_t before;    /* … or, if > 0, newest first from below there */
	int64_t upto;      /* none above; 0: no limit */
	id_t64 run, order; /* 0: all; an order's include its run's */
	const char *type;  /* prefixes, with commas between; NULL: all */
	size_t limit;
};
/* *ret_last is the last event that was looked at, 0 when nothing is left. */
enum err_code read_events(struct store *st, const struct event_filter *f, read_event_fn fn,
                          void *ctx, int64_t *ret_last, struct err *err) MUST_CHECK;

/* How many orders and runs there are in each state. Counted once, then kept up to date from the
 * events. */
#define READ_HOURS 12
struct read_counts {
	int64_t seq; /* up to this event; 0: not yet counted */
	int64_t orders[16], runs[16];
	int64_t norders, nruns;
	/* Runs that failed, by the hour since the epoch modulo READ_HOURS, up to `hour`. What was retried since counts until
	 * it is counted anew, and of more than a few thousand failures the newest runs count. */
	int64_t failed[READ_HOURS], hour;
};
/* How many failed in the hour `ago` hours before that of `now_ms`; 0 ≤ ago < READ_HOURS. */
int64_t read_failed_in_hour(const struct read_counts *c, int64_t now_ms, int ago);
enum err_code read_counts(struct store *st, struct read_counts *c, struct err *err) MUST_CHECK;
/* Runs that failed and were not acknowledged. */
int64_t read_unseen(struct store *st);
/* Mean time from enqueuing to start of the last 50 orders that started; -1 when none did. */
int64_t read_mean_wait_ms(struct store *st);

/* Name and text of a definition, yours. ERR_NOT_FOUND. */
enum err_code read_workflow(struct store *st, const struct hash *hash, char **ret_name,
                            char **ret_file, char **ret_source, struct err *err) MUST_CHECK;

#endif
