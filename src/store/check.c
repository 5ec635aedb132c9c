/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Walks over whole tables, for fsck alone. */
#include "store/check.h"
#include "store/store_internal.h"

enum err_code check_orders(struct store *st, void (*fn)(void *ctx, const struct order_row *o), void *ctx,
			   struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECK_ORDERS);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct order_row o;
		order_from_stmt(s, &o);
		fn(ctx, &o);
	}
	return code;
}

enum err_code check_runs(struct store *st, void (*fn)(void *ctx, const struct run_row *r), void *ctx,
			   struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECK_RUNS);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct run_row r;
		run_from_stmt(s, &r);
		fn(ctx, &r);
	}
	return code;
}

enum err_code check_nodes(struct store *st, void (*fn)(void *ctx, const struct node_row *n), void *ctx,
			   struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECK_NODES);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct node_row n;
		node_from_stmt(s, &n);
		fn(ctx, &n);
	}
	return code;
}

enum err_code check_attempts(struct store *st, void (*fn)(void *ctx, const struct attempt_row *a), void *ctx,
			   struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECK_ATTEMPTS);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct attempt_row a;
		attempt_from_stmt(s, &a);
		fn(ctx, &a);
	}
	return code;
}

enum err_code check_events(struct store *st, void (*fn)(void *ctx, const struct event_row *e), void *ctx,
			   struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_EVENT_ALL);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct event_row e;
		event_from_stmt(s, &e);
		fn(ctx, &e);
	}
	return code;
}

enum err_code check_needs(struct store *st, void (*fn)(void *ctx, id_t64 order, id_t64 needs), void *ctx,
			  struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECK_NEEDS);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err))
		fn(ctx, col_int(s, 0), col_int(s, 1));
	return code;
}

enum err_code check_instances(struct store *st, void (*fn)(void *ctx, const struct instance_row *i), void *ctx,
			      struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECK_INSTANCES);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct instance_row i = { .run = col_int(s, 0),
					  .idx = (int)col_int(s, 1),
					  .parent = (int)col_int(s, 2),
					  .name = col_text(s, 3),
					  .bindings = col_text(s, 4),
					  .expansion = (int)col_int(s, 5) };
		fn(ctx, &i);
	}
	return code;
}

enum err_code check_keys(struct store *st, void (*fn)(void *ctx, const char *key), void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECK_KEYS);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err))
		fn(ctx, col_text(s, 0));
	return code;
}

enum err_code check_references(struct store *st, void (*fn)(void *ctx, const char *table, int64_t row), void *ctx,
			       struct err *err)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(st->db, "PRAGMA foreign_key_check", -1, &s, NULL);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(s);
		if (rc == SQLITE_ROW)
			fn(ctx, col_text(s, 0), col_int(s, 1));
	}
	enum err_code code = rc == SQLITE_DONE ? ERR_OK : store_error(st, rc, err, _("checking references"));
	(void)sqlite3_finalize(s);
	return code;
}
