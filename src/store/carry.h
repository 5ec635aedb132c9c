/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows of one run as they travel from home to home: read page by page whatever columns a table has, and put
 * into another store. What the numbers mean there is the caller's business. */
#ifndef PAWL_STORE_CARRY_H
#define PAWL_STORE_CARRY_H

#include "store/store.h"

/* In the order in which they are put: a row refers to those before it. */
enum carry_table {
	CARRY_WORKFLOW, CARRY_ORDER, CARRY_RUN, CARRY_NODE, CARRY_INSTANCE, CARRY_ATTEMPT, CARRY_REPORT, CARRY_USAGE,
	CARRY_ITERATION, CARRY_APPROVAL, CARRY_WORKSPACE, CARRY_CHECKPOINT, CARRY_PROCEDURE, CARRY_FORK,
	CARRY_DEFINITION, CARRY_BREAKPOINT, CARRY_HOLD, CARRY_EVENT, CARRY_ORDER_EVENT, CARRY_TABLES
};
const char *carry_table_name(enum carry_table t); /* "node"; both kinds of events are "event" */

#define CARRY_KEYS 3
struct carry_cursor {
	int64_t key[CARRY_KEYS]; /* of the last row that was read */
	bool begun;
};

/* Append rows of `id` (a run; of the tables order and order_event an order; of workflow see below) behind the
 * cursor, each as a line with a JSON object of its columns; numbers beyond ±10^15 and bytes (in hexadecimal) are
 * texts. Stops after `limit` rows or a MiB. *ret_n 0: there are no more. */
enum err_code store_carry_rows(struct store *st, enum carry_table t, int64_t id, struct carry_cursor *c,
			       int64_t limit, struct str *out, int64_t *ret_n, struct err *err) MUST_CHECK;
enum err_code store_carry_workflow(struct store *st, const struct hash *hash, struct str *out,
				   struct err *err) MUST_CHECK;
/* The definitions that a run has had. */
enum err_code store_carry_definitions(struct store *st, id_t64 run, void (*fn)(void *ctx, const struct hash *hash),
				      void *ctx, struct err *err) MUST_CHECK;
/* The newest event of a run: while it stays the same, so do its rows. */
int64_t store_carry_seq(struct store *st, id_t64 run);
/* The runs below one, oldest first. */
enum err_code store_carry_children(struct store *st, id_t64 run, void (*fn)(void *ctx, id_t64 child), void *ctx,
				   struct err *err) MUST_CHECK;
/* The snapshots that its rows name, SPACE_EMPTY among them; those of its way back are in procedure_row.spaces. */
enum err_code store_carry_trees(struct store *st, id_t64 run, void (*fn)(void *ctx, const char *tree), void *ctx,
				struct err *err) MUST_CHECK;
/* Whether there is a row or an event of an order or run: its id is not free. */
bool store_carry_known_run(struct store *st, id_t64 run);
bool store_carry_known_order(struct store *st, id_t64 order);

enum carry_type { CARRY_INT, CARRY_TEXT, CARRY_BYTES };
#define CARRY_COLUMNS 40
struct carry_columns {
	struct carry_column {
		char name[32];
		enum carry_type type;
	} v[CARRY_COLUMNS];
	size_t n;
};
enum err_code store_carry_columns(struct store *st, enum carry_table t, struct carry_columns *ret,
				  struct err *err) MUST_CHECK;

struct carry_cell {
	bool null;
	enum carry_type type;
	int64_t i;
	const char *s; /* text, or bytes */
	size_t len;
};
/* As the other writing functions: what fails is told by the commit. Not for events: those are store_event()'s. */
void store_carry_put(struct store *st, enum carry_table t, const struct carry_cell *cells, size_t n);

#endif
