/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the store share. */
#ifndef PAWL_STORE_STORE_INTERNAL_H
#define PAWL_STORE_STORE_INTERNAL_H

#include "store/store.h"
#include "store/queries.h"

#include <sqlite3.h>

#define STORE_APPLICATION_ID 0x7061776c /* "pawl" */

struct store {
	sqlite3 *db;
	char *path;
	sqlite3_stmt *stmts[STMT_COUNT]; /* prepared at their first use */
	bool in_turn;
	enum err_code failed; /* first failure of a write of this turn */
	struct err failure;
	int64_t last_seq;
	struct hash last_hash;
	int64_t committed_seq;
	struct hash committed_hash;
	int64_t commits, statements;
	bool (*full)(void *ctx); /* tests only */
	void *full_ctx;
	int64_t wal_pages; /* grown since the last checkpoint */
};

struct store_query {
	const char *name;
	bool scan; /* reads a whole table, and says so */
	const char *sql;
};
extern const struct store_query store_queries[STMT_COUNT];

/* The prepared statement, reset and ready for binding; NULL with the store's failure set. */
sqlite3_stmt *stmt_get(struct store *st, enum stmt_id id);
/* Start the transaction of the turn if none is open. */
void turn_begin(struct store *st);
/* Bind by letters from parameter 1 on: i int64, t text (NULL is null), b struct hash *, n null,
 * z int64 where 0 is null, m int64 where -1 is null. */
void stmt_bind(sqlite3_stmt *s, const char *types, ...);
/* Run a writing statement; a failure sticks to the turn. */
void stmt_run(struct store *st, sqlite3_stmt *s);
/* Step a reading statement: true for a row; false at the end or on failure (*code set). */
bool stmt_row(struct store *st, sqlite3_stmt *s, enum err_code *code, struct err *err);
static inline void stmt_reset_p(sqlite3_stmt **s)
{
	if (*s)
		(void)sqlite3_reset(*s);
}
#define auto_stmt CLEANUP(stmt_reset_p) sqlite3_stmt

/* Column as text, NULL stays NULL. */
static inline const char *col_text(sqlite3_stmt *s, int i)
{
	return (const char *)sqlite3_column_text(s, i);
}
static inline int64_t col_int(sqlite3_stmt *s, int i)
{
	return sqlite3_column_int64(s, i);
}
/* Column as integer, `none` when null. */
static inline int64_t col_or(sqlite3_stmt *s, int i, int64_t none)
{
	return sqlite3_column_type(s, i) == SQLITE_NULL ? none : sqlite3_column_int64(s, i);
}
void col_hash(sqlite3_stmt *s, int i, struct hash *ret);

/* Turn what SQLite says into an error of ours. */
enum err_code store_error(struct store *st, int rc, struct err *err, const char *what);

/* Columns in the order of the statements ORDER_…, RUN_…, ATTEMPT_… that select whole rows. */
void order_from_stmt(sqlite3_stmt *s, struct order_row *o);
void run_from_stmt(sqlite3_stmt *s, struct run_row *r);
void node_from_stmt(sqlite3_stmt *s, struct node_row *n);
void attempt_from_stmt(sqlite3_stmt *s, struct attempt_row *a);
void event_from_stmt(sqlite3_stmt *s, struct event_row *e);

enum err_code store_load_tail(struct store *st, struct err *err) MUST_CHECK;

#endif
