/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/steer.h"
#include "store/store_internal.h"

void store_breakpoint_put(struct store *st, const struct breakpoint_row *b)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_BREAKPOINT_PUT);
	stmt_bind(s, "iitmztiiit", b->run, (int64_t)b->number, b->node, (int64_t)b->state, (int64_t)b->class,
		  b->pattern, (int64_t)b->wanted, (int64_t)b->hits, b->made_ms, b->who);
	stmt_run(st, s);
}

void store_breakpoint_delete(struct store *st, id_t64 run, int number)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_BREAKPOINT_DELETE);
	stmt_bind(s, "ii", run, (int64_t)number);
	stmt_run(st, s);
}

enum err_code store_breakpoints_of(struct store *st, id_t64 run,
				   void (*fn)(void *ctx, const struct breakpoint_row *b), void *ctx,
				   struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_BREAKPOINTS_OF);
	stmt_bind(s, "i", run);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct breakpoint_row b = { .run = col_int(s, 0),
					    .number = (int)col_int(s, 1),
					    .node = col_text(s, 2),
					    .state = (int)col_or(s, 3, -1),
					    .class = (enum error_class)col_int(s, 4),
					    .pattern = col_text(s, 5),
					    .wanted = (int)col_int(s, 6),
					    .hits = (int)col_int(s, 7),
					    .made_ms = col_int(s, 8),
					    .who = col_text(s, 9) };
		fn(ctx, &b);
	}
	return code;
}

void store_order_breakpoints_put(struct store *st, id_t64 order, const char *json)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_ORDER_BREAKPOINTS_PUT);
	stmt_bind(s, "it", order, json);
	stmt_run(st, s);
}

char *store_order_breakpoints_get(struct store *st, id_t64 order)
{
	auto_stmt *s = stmt_get(st, STMT_ORDER_BREAKPOINTS_GET);
	stmt_bind(s, "i", order);
	enum err_code code = ERR_OK;
	return stmt_row(st, s, &code, NULL) ? xstrdup(col_text(s, 0)) : NULL;
}

void store_hold_put(struct store *st, const struct hold_row *h)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_HOLD_PUT);
	stmt_bind(s, "iiiztiiimt", h->run, (int64_t)h->number, (int64_t)h->idx, h->token, h->who, h->began_ms,
		  h->until_ms, h->ended_ms, (int64_t)h->exit_code, h->outcome);
	stmt_run(st, s);
}

static enum err_code each_hold(struct store *st, sqlite3_stmt *s, void (*fn)(void *ctx, const struct hold_row *h),
			       void *ctx, struct err *err)
{
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct hold_row h = { .run = col_int(s, 0),
				      .number = (int)col_int(s, 1),
				      .idx = (int)col_int(s, 2),
				      .token = col_int(s, 3),
				      .who = col_text(s, 4),
				      .began_ms = col_int(s, 5),
				      .until_ms = col_int(s, 6),
				      .ended_ms = col_int(s, 7),
				      .exit_code = (int)col_or(s, 8, -1),
				      .outcome = col_text(s, 9) };
		fn(ctx, &h);
	}
	return code;
}

enum err_code store_holds_of(struct store *st, id_t64 run, void (*fn)(void *ctx, const struct hold_row *h),
			     void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_HOLDS_OF);
	stmt_bind(s, "i", run);
	return each_hold(st, s, fn, ctx, err);
}

enum err_code store_holds_open(struct store *st, void (*fn)(void *ctx, const struct hold_row *h), void *ctx,
			       struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_HOLDS_OPEN);
	return each_hold(st, s, fn, ctx, err);
}

enum err_code store_node_generations(struct store *st, id_t64 run, int idx,
				     void (*fn)(void *ctx, const struct node_row *n), void *ctx,
				     struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_NODE_GENERATIONS);
	stmt_bind(s, "ii", run, (int64_t)idx);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct node_row n;
		node_from_stmt(s, &n);
		fn(ctx, &n);
	}
	return code;
}

static void definition_put(struct store *st, id_t64 run, int generation, const struct hash *workflow)
{
	sqlite3_stmt *s = stmt_get(st, STMT_RUN_DEFINITION_PUT);
	stmt_bind(s, "iib", run, (int64_t)generation, workflow);
	stmt_run(st, s);
}

void store_run_edit(struct store *st, id_t64 run, const struct hash *workflow, const struct hash *was, int generation,
		    const char *params, const char *env)
{
	struct hash first;
	turn_begin(st);
	if (was && !store_run_definition(st, run, generation, &first))
		definition_put(st, run, 1, was);
	if (was)
		definition_put(st, run, generation, workflow);
	sqlite3_stmt *s = stmt_get(st, STMT_RUN_EDIT);
	stmt_bind(s, "ibtt", run, workflow, params, env);
	stmt_run(st, s);
}

bool store_run_definition(struct store *st, id_t64 run, int generation, struct hash *ret)
{
	auto_stmt *s = stmt_get(st, STMT_RUN_DEFINITION_GET);
	enum err_code code = ERR_OK;
	stmt_bind(s, "ii", run, (int64_t)generation);
	if (!stmt_row(st, s, &code, NULL))
		return false;
	col_hash(s, 0, ret);
	return true;
}

void store_undo_put(struct store *st, id_t64 run, const char *verb, const char *before, int64_t now_ms)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_UNDO_PUT);
	stmt_bind(s, "itti", run, verb, before, now_ms);
	stmt_run(st, s);
}

void store_undo_delete(struct store *st, id_t64 run)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_UNDO_DELETE);
	stmt_bind(s, "i", run);
	stmt_run(st, s);
}

bool store_undo_get(struct store *st, id_t64 run, char **ret_verb, char **ret_before)
{
	auto_stmt *s = stmt_get(st, STMT_UNDO_GET);
	enum err_code code = ERR_OK;
	stmt_bind(s, "i", run);
	if (!stmt_row(st, s, &code, NULL))
		return false;
	*ret_verb = xstrdup(col_text(s, 0));
	*ret_before = xstrdup(col_text(s, 1));
	return true;
}
