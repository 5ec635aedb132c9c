/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the engine reads: everything that is live, at start, and single rows. */
#include "store/store_internal.h"

#include <string.h>

enum err_code store_orders_live(struct store *st, void (*fn)(void *ctx, const struct order_row *o),
				void *ctx, struct err *err)
{
	for (int state = 0; state < ORDER_STATE_COUNT; state++) {
		if (state_final(ENTITY_ORDER, state))
			continue;
		auto_stmt *s = stmt_get(st, STMT_ORDERS_LIVE);
		stmt_bind(s, "i", (int64_t)state);
		enum err_code code = ERR_OK;
		while (stmt_row(st, s, &code, err)) {
			struct order_row o;
			order_from_stmt(s, &o);
			fn(ctx, &o);
		}
		if (code)
			return code;
	}
	return ERR_OK;
}

enum err_code store_order_needs(struct store *st, id_t64 id, void (*fn)(void *ctx, id_t64 needs),
				void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_ORDER_NEEDS);
	stmt_bind(s, "i", id);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err))
		fn(ctx, col_int(s, 0));
	return code;
}

enum err_code store_order_waits(struct store *st, id_t64 id, void (*fn)(void *ctx, id_t64 needs),
				void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_ORDER_WAITS_FOR);
	stmt_bind(s, "i", id);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err))
		fn(ctx, col_int(s, 0));
	return code;
}

enum err_code store_runs_live(struct store *st, void (*fn)(void *ctx, const struct run_row *r),
			      void *ctx, struct err *err)
{
	for (int state = 0; state < RUN_STATE_COUNT; state++) {
		if (state_final(ENTITY_RUN, state))
			continue;
		auto_stmt *s = stmt_get(st, STMT_RUNS_LIVE);
		stmt_bind(s, "i", (int64_t)state);
		enum err_code code = ERR_OK;
		while (stmt_row(st, s, &code, err)) {
			struct run_row r;
			run_from_stmt(s, &r);
			fn(ctx, &r);
		}
		if (code)
			return code;
	}
	return ERR_OK;
}

enum err_code store_nodes_of(struct store *st, id_t64 run, void (*fn)(void *ctx, const struct node_row *n),
			     void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_NODES_OF);
	stmt_bind(s, "i", run);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct node_row n;
		node_from_stmt(s, &n);
		fn(ctx, &n);
	}
	return code;
}

enum err_code store_instances_of(struct store *st, id_t64 run,
				 void (*fn)(void *ctx, const struct instance_row *i), void *ctx,
				 struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_INSTANCES_OF);
	stmt_bind(s, "i", run);
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

enum err_code store_attempt_ends(struct store *st, id_t64 run,
				 void (*fn)(void *ctx, int idx, int generation, int iteration,
					    enum attempt_state state),
				 void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_ATTEMPT_ENDS);
	stmt_bind(s, "i", run);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err))
		fn(ctx, (int)col_int(s, 0), (int)col_int(s, 1), (int)col_int(s, 3), (enum attempt_state)col_int(s, 2));
	return code;
}

enum err_code store_workflow_get(struct store *st, const struct hash *hash, char **ret_file,
				 char **ret_source, char **ret_includes, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_WORKFLOW_GET);
	stmt_bind(s, "b", hash);
	enum err_code code = ERR_OK;
	if (!stmt_row(st, s, &code, err))
		return code ? code : err_set(err, ERR_NOT_FOUND, _("no workflow with this hash is stored"));
	*ret_file = xstrdup(col_text(s, 0));
	*ret_source = xstrdup(col_text(s, 1));
	*ret_includes = col_text(s, 2) ? xstrdup(col_text(s, 2)) : NULL;
	return ERR_OK;
}

/* The statement stays at its row, so that the texts live; the next use resets it. */
static enum err_code one_row(struct store *st, sqlite3_stmt *s, struct err *err, const char *what,
			     char kind, id_t64 id)
{
	enum err_code code = ERR_OK;
	if (stmt_row(st, s, &code, err))
		return ERR_OK;
	return code ? code : err_set(err, ERR_NOT_FOUND, _("there is no %s %s"), what, id_text(kind, id).s);
}

enum err_code store_order_get(struct store *st, id_t64 id, struct order_row *ret, struct err *err)
{
	sqlite3_stmt *s = stmt_get(st, STMT_ORDER_GET);
	stmt_bind(s, "i", id);
	enum err_code code = one_row(st, s, err, _("order"), 'o', id);
	if (!code)
		order_from_stmt(s, ret);
	return code;
}

enum err_code store_run_get(struct store *st, id_t64 id, struct run_row *ret, struct err *err)
{
	sqlite3_stmt *s = stmt_get(st, STMT_RUN_GET);
	stmt_bind(s, "i", id);
	enum err_code code = one_row(st, s, err, _("run"), 'r', id);
	if (!code)
		run_from_stmt(s, ret);
	return code;
}

enum err_code store_attempt_get(struct store *st, int64_t token, struct attempt_row *ret, struct err *err)
{
	sqlite3_stmt *s = stmt_get(st, STMT_ATTEMPT_GET);
	stmt_bind(s, "i", token);
	enum err_code code = one_row(st, s, err, _("attempt"), 'a', token);
	if (!code)
		attempt_from_stmt(s, ret);
	return code;
}

char *store_meta_get(struct store *st, const char *k)
{
	auto_stmt *s = stmt_get(st, STMT_META_GET);
	stmt_bind(s, "t", k);
	enum err_code code = ERR_OK;
	return stmt_row(st, s, &code, NULL) ? xstrdup(col_text(s, 0)) : NULL;
}

bool store_idempotency_get(struct store *st, const char *key, struct hash *ret_body, int *ret_kind,
			   id_t64 *ret_id)
{
	auto_stmt *s = stmt_get(st, STMT_IDEMPOTENCY_GET);
	stmt_bind(s, "t", key);
	enum err_code code = ERR_OK;
	if (!stmt_row(st, s, &code, NULL))
		return false;
	col_hash(s, 0, ret_body);
	*ret_kind = (int)col_int(s, 1);
	*ret_id = col_int(s, 2);
	return true;
}

static int64_t one_number(struct store *st, enum stmt_id id)
{
	auto_stmt *s = stmt_get(st, id);
	enum err_code code = ERR_OK;
	return stmt_row(st, s, &code, NULL) ? col_int(s, 0) : 0;
}

id_t64 store_last_order(struct store *st)
{
	return one_number(st, STMT_ORDER_LAST);
}

id_t64 store_last_run(struct store *st)
{
	return one_number(st, STMT_RUN_LAST);
}

int64_t store_last_token(struct store *st)
{
	return one_number(st, STMT_ATTEMPT_LAST);
}

int64_t store_mean_run_ms(struct store *st)
{
	return one_number(st, STMT_RUN_MEAN);
}
