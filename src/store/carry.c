/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/carry.h"
#include "store/store_internal.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE_BYTES ((size_t)MIB)
#define WHOLE_MAX INT64_C(1000000000000000) /* what survives in JSON's numbers */

/* clang-format off */
static const struct table {
	const char *name;
	enum stmt_id rows, put;
	const char *keys[CARRY_KEYS]; /* columns of the order in which they are read */
} tables[CARRY_TABLES] = {
	[CARRY_WORKFLOW]    = { "workflow",   STMT_CARRY_WORKFLOW,   STMT_CARRY_WORKFLOW_PUT },
	[CARRY_ORDER]       = { "order",      STMT_CARRY_ORDER,      STMT_CARRY_ORDER_PUT,      { "id" } },
	[CARRY_RUN]         = { "run",        STMT_CARRY_RUN,        STMT_CARRY_RUN_PUT,        { "id" } },
	[CARRY_NODE]        = { "node",       STMT_CARRY_NODE,       STMT_CARRY_NODE_PUT,       { "idx", "generation" } },
	[CARRY_INSTANCE]    = { "instance",   STMT_CARRY_INSTANCE,   STMT_CARRY_INSTANCE_PUT,   { "idx" } },
	[CARRY_ATTEMPT]     = { "attempt",    STMT_CARRY_ATTEMPT,    STMT_CARRY_ATTEMPT_PUT,    { "token" } },
	[CARRY_REPORT]      = { "report",     STMT_CARRY_REPORT,     STMT_CARRY_REPORT_PUT,     { "token" } },
	[CARRY_USAGE]       = { "usage",      STMT_CARRY_USAGE,      STMT_CARRY_USAGE_PUT,      { "token", "number" } },
	[CARRY_ITERATION]   = { "iteration",  STMT_CARRY_ITERATION,  STMT_CARRY_ITERATION_PUT,
				{ "idx", "generation", "iteration" } },
	[CARRY_APPROVAL]    = { "approval",   STMT_CARRY_APPROVAL,   STMT_CARRY_APPROVAL_PUT,
				{ "idx", "generation", "iteration" } },
	[CARRY_WORKSPACE]   = { "workspace",  STMT_CARRY_WORKSPACE,  STMT_CARRY_WORKSPACE_PUT,  { "stream" } },
	[CARRY_CHECKPOINT]  = { "checkpoint", STMT_CARRY_CHECKPOINT, STMT_CARRY_CHECKPOINT_PUT, { "number", "stream" } },
	[CARRY_PROCEDURE]   = { "procedure",  STMT_CARRY_PROCEDURE,  STMT_CARRY_PROCEDURE_PUT,  { "run" } },
	[CARRY_FORK]        = { "fork",       STMT_CARRY_FORK,       STMT_CARRY_FORK_PUT,       { "order_id" } },
	[CARRY_DEFINITION]  = { "definition", STMT_CARRY_DEFINITION, STMT_CARRY_DEFINITION_PUT, { "generation" } },
	[CARRY_BREAKPOINT]  = { "breakpoint", STMT_CARRY_BREAKPOINT, STMT_CARRY_BREAKPOINT_PUT, { "number" } },
	[CARRY_HOLD]        = { "hold",       STMT_CARRY_HOLD,       STMT_CARRY_HOLD_PUT,       { "number" } },
	[CARRY_EVENT]       = { "event",      STMT_CARRY_EVENT,      STMT_COUNT,                { "seq" } },
	[CARRY_ORDER_EVENT] = { "event",      STMT_CARRY_ORDER_EVENT, STMT_COUNT,               { "seq" } },
};
/* clang-format on */

const char *carry_table_name(enum carry_table t)
{
	return tables[t].name;
}

static void write_cell(struct jw *w, sqlite3_stmt *s, int i)
{
	const char *name = sqlite3_column_name(s, i);
	char number[24];
	int64_t v;
	switch (sqlite3_column_type(s, i)) {
	case SQLITE_INTEGER:
		v = col_int(s, i);
		(void)snprintf(number, sizeof(number), "%" PRId64, v);
		if (v > WHOLE_MAX || v < -WHOLE_MAX)
			jw_str(w, name, number);
		else
			jw_raw(w, name, number);
		break;
	case SQLITE_TEXT:
		jw_str(w, name, col_text(s, i));
		break;
	case SQLITE_BLOB: {
		const unsigned char *b = sqlite3_column_blob(s, i);
		auto_str hex = STR_INIT;
		for (int k = 0; k < sqlite3_column_bytes(s, i); k++)
			str_addf(&hex, "%02x", (unsigned int)b[k]);
		jw_str(w, name, str_text(&hex));
		break;
	}
	default:
		jw_null(w, name);
	}
}

static void write_row(struct str *out, sqlite3_stmt *s)
{
	struct jw w = jw_begin(out);
	jw_obj(&w, NULL);
	for (int i = 0; i < sqlite3_column_count(s); i++)
		write_cell(&w, s, i);
	jw_end_obj(&w);
	str_add_char(out, '\n');
}

static int64_t column(sqlite3_stmt *s, const char *name)
{
	for (int i = 0; i < sqlite3_column_count(s); i++)
		if (str_eq(sqlite3_column_name(s, i), name))
			return col_int(s, i);
	return 0;
}

enum err_code store_carry_rows(struct store *st, enum carry_table t, int64_t id, struct carry_cursor *c,
			       int64_t limit, struct str *out, int64_t *ret_n, struct err *err)
{
	auto_stmt *s = stmt_get(st, tables[t].rows);
	enum err_code code = ERR_OK;
	*ret_n = 0;
	if (!c->begun)
		*c = (struct carry_cursor){ .key = { INT64_MIN, INT64_MIN, INT64_MIN }, .begun = true };
	stmt_bind(s, "iiiii", id, c->key[0], c->key[1], c->key[2], limit);
	size_t before = out->len;
	while (out->len - before < PAGE_BYTES && stmt_row(st, s, &code, err)) {
		write_row(out, s);
		for (int i = 0; i < CARRY_KEYS && tables[t].keys[i]; i++)
			c->key[i] = column(s, tables[t].keys[i]);
		++*ret_n;
	}
	return code;
}

enum err_code store_carry_workflow(struct store *st, const struct hash *hash, struct str *out, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CARRY_WORKFLOW);
	enum err_code code = ERR_OK;
	stmt_bind(s, "b", hash);
	if (stmt_row(st, s, &code, err))
		write_row(out, s);
	return code;
}

enum err_code store_carry_definitions(struct store *st, id_t64 run, void (*fn)(void *ctx, const struct hash *hash),
				      void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CARRY_HASHES);
	enum err_code code = ERR_OK;
	stmt_bind(s, "i", run);
	while (stmt_row(st, s, &code, err)) {
		struct hash h;
		col_hash(s, 0, &h);
		fn(ctx, &h);
	}
	return code;
}

static int64_t one_number(struct store *st, enum stmt_id id, int64_t of)
{
	auto_stmt *s = stmt_get(st, id);
	enum err_code code = ERR_OK;
	stmt_bind(s, "i", of);
	return stmt_row(st, s, &code, NULL) ? col_int(s, 0) : 0;
}

int64_t store_carry_seq(struct store *st, id_t64 run)
{
	return one_number(st, STMT_CARRY_SEQ, run);
}

bool store_carry_known_run(struct store *st, id_t64 run)
{
	return one_number(st, STMT_CARRY_KNOWN_RUN, run) != 0;
}

bool store_carry_known_order(struct store *st, id_t64 order)
{
	return one_number(st, STMT_CARRY_KNOWN_ORDER, order) != 0;
}

enum err_code store_carry_children(struct store *st, id_t64 run, void (*fn)(void *ctx, id_t64 child), void *ctx,
				   struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CARRY_CHILDREN);
	enum err_code code = ERR_OK;
	stmt_bind(s, "i", run);
	while (stmt_row(st, s, &code, err))
		fn(ctx, col_int(s, 0));
	return code;
}

enum err_code store_carry_trees(struct store *st, id_t64 run, void (*fn)(void *ctx, const char *tree), void *ctx,
				struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CARRY_TREES);
	enum err_code code = ERR_OK;
	stmt_bind(s, "i", run);
	while (stmt_row(st, s, &code, err))
		fn(ctx, col_text(s, 0));
	return code;
}

enum err_code store_carry_columns(struct store *st, enum carry_table t, struct carry_columns *ret, struct err *err)
{
	auto_stmt *s = stmt_get(st, tables[t].rows);
	*ret = (struct carry_columns){ .n = 0 };
	int n = s ? sqlite3_column_count(s) : 0;
	if (n <= 0 || n > CARRY_COLUMNS)
		return err_set(err, ERR_INTERNAL, _("the columns of the table %s cannot be told"), tables[t].name);
	for (int i = 0; i < n; i++) {
		const char *type = sqlite3_column_decltype(s, i);
		struct carry_column *c = &ret->v[ret->n++];
		(void)snprintf(c->name, sizeof(c->name), "%s", sqlite3_column_name(s, i));
		c->type = !type || str_eq(type, "TEXT") ? CARRY_TEXT : str_eq(type, "BLOB") ? CARRY_BYTES : CARRY_INT;
	}
	return ERR_OK;
}

void store_carry_put(struct store *st, enum carry_table t, const struct carry_cell *cells, size_t n)
{
	const struct carry_cell *c = cells;
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, tables[t].put);
	for (int i = 1; s && (size_t)i <= n; i++, c++) {
		if (c->null)
			(void)sqlite3_bind_null(s, i); /* cannot fail: the statement has as many as the table */
		else if (c->type == CARRY_INT)
			(void)sqlite3_bind_int64(s, i, c->i);
		else if (c->type == CARRY_BYTES)
			(void)sqlite3_bind_blob(s, i, c->s, (int)c->len, SQLITE_STATIC);
		else
			(void)sqlite3_bind_text(s, i, c->s, (int)c->len, SQLITE_STATIC);
	}
	stmt_run(st, s);
	if (s)
		(void)sqlite3_clear_bindings(s);
}
