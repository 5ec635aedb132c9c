/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of going back: workspaces, checkpoints, procedures, forks. */
#include "store/store_internal.h"
#include "store/check.h"

#include <stdint.h>

void store_workspace_put(struct store *st, const struct workspace_row *w)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_WORKSPACE_PUT);
	stmt_bind(s, "iiittttit", w->run, (int64_t)w->stream, (int64_t)w->kind, w->path, w->repository, w->branch,
		  w->base, (int64_t)w->state, w->tree);
	stmt_run(st, s);
}

void store_checkpoint_add(struct store *st, const struct checkpoint_row *c)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_CHECKPOINT_ADD);
	stmt_bind(s, "iiiiiiiitti", c->run, (int64_t)c->number, (int64_t)c->stream, (int64_t)c->idx,
		  (int64_t)c->generation, (int64_t)c->iteration, c->seq, c->at_ms, c->tree, c->why_not, c->nleft);
	stmt_run(st, s);
}

void store_procedure_put(struct store *st, const struct procedure_row *p)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_PROCEDURE_PUT);
	stmt_bind(s, "iiiittiiit", p->run, (int64_t)p->step, (int64_t)p->verb, (int64_t)p->was, p->request, p->spaces,
		  p->began_ms, p->ended_ms, p->lost_ms, p->error);
	stmt_run(st, s);
}

void store_fork_put(struct store *st, const struct fork_row *f)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_FORK_ADD);
	stmt_bind(s, "izii", f->order, f->run, f->source, (int64_t)f->checkpoint);
	stmt_run(st, s);
}

void store_forget_files(struct store *st, id_t64 run, const char *why)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_CHECKPOINTS_FORGET);
	stmt_bind(s, "it", run, why);
	stmt_run(st, s);
	s = stmt_get(st, STMT_BEFORES_FORGET);
	stmt_bind(s, "i", run);
	stmt_run(st, s);
}

/* ---- a row of a statement ---- */

static void workspace_from(sqlite3_stmt *s, struct workspace_row *w)
{
	*w = (struct workspace_row){ .run = col_int(s, 0),
				     .stream = (int)col_int(s, 1),
				     .kind = (int)col_int(s, 2),
				     .path = col_text(s, 3),
				     .repository = col_text(s, 4),
				     .branch = col_text(s, 5),
				     .base = col_text(s, 6),
				     .state = (enum space_state)col_int(s, 7),
				     .tree = col_text(s, 8) };
}

static void checkpoint_from(sqlite3_stmt *s, struct checkpoint_row *c)
{
	*c = (struct checkpoint_row){ .run = col_int(s, 0),
				      .number = (int)col_int(s, 1),
				      .stream = (int)col_int(s, 2),
				      .idx = (int)col_int(s, 3),
				      .generation = (int)col_int(s, 4),
				      .iteration = (int)col_int(s, 5),
				      .seq = col_int(s, 6),
				      .at_ms = col_int(s, 7),
				      .tree = col_text(s, 8),
				      .why_not = col_text(s, 9),
				      .nleft = col_int(s, 10) };
}

static void procedure_from(sqlite3_stmt *s, struct procedure_row *p)
{
	*p = (struct procedure_row){ .run = col_int(s, 0),
				     .step = (enum procedure_step)col_int(s, 1),
				     .verb = (int)col_int(s, 2),
				     .was = (int)col_int(s, 3),
				     .request = col_text(s, 4),
				     .spaces = col_text(s, 5),
				     .began_ms = col_int(s, 6),
				     .ended_ms = col_int(s, 7),
				     .lost_ms = col_int(s, 8),
				     .error = col_text(s, 9) };
}

static enum err_code each_workspace(struct store *st, sqlite3_stmt *s,
				    void (*fn)(void *ctx, const struct workspace_row *w), void *ctx, struct err *err)
{
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct workspace_row w;
		workspace_from(s, &w);
		fn(ctx, &w);
	}
	return code;
}

static enum err_code each_checkpoint(struct store *st, sqlite3_stmt *s,
				     void (*fn)(void *ctx, const struct checkpoint_row *c), void *ctx,
				     struct err *err)
{
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct checkpoint_row c;
		checkpoint_from(s, &c);
		fn(ctx, &c);
	}
	return code;
}

/* ---- reading ---- */

enum err_code store_workspaces_of(struct store *st, id_t64 run,
				  void (*fn)(void *ctx, const struct workspace_row *w), void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_WORKSPACES_OF);
	stmt_bind(s, "i", run);
	return each_workspace(st, s, fn, ctx, err);
}

enum err_code store_workspaces_in(struct store *st, enum space_state state,
				  void (*fn)(void *ctx, const struct workspace_row *w), void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_WORKSPACES_HELD);
	stmt_bind(s, "i", (int64_t)state);
	return each_workspace(st, s, fn, ctx, err);
}

enum err_code store_checkpoints_of(struct store *st, id_t64 run, int after, int64_t limit,
				   void (*fn)(void *ctx, const struct checkpoint_row *c), void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECKPOINTS_OF);
	stmt_bind(s, "iii", run, (int64_t)after, limit);
	return each_checkpoint(st, s, fn, ctx, err);
}

int store_last_checkpoint(struct store *st, id_t64 run)
{
	auto_stmt *s = stmt_get(st, STMT_CHECKPOINT_LAST);
	stmt_bind(s, "i", run);
	enum err_code code = ERR_OK;
	return stmt_row(st, s, &code, NULL) ? (int)col_int(s, 0) : 0;
}

enum err_code store_node_moves(struct store *st, id_t64 run, int64_t upto,
			       void (*fn)(void *ctx, const struct node_move *m), void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_NODE_MOVES);
	stmt_bind(s, "ii", run, upto);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct node_move m = { .idx = (int)col_int(s, 0),
				       .generation = (int)col_int(s, 1),
				       .iteration = (int)col_int(s, 2),
				       .attempt = (int)col_int(s, 3),
				       .now = (enum node_state)col_int(s, 4),
				       .seq = col_int(s, 5) };
		fn(ctx, &m);
	}
	return code;
}

static void fork_from(sqlite3_stmt *s, struct fork_row *f)
{
	*f = (struct fork_row){ .order = col_int(s, 0), .run = col_int(s, 1), .source = col_int(s, 2),
				.checkpoint = (int)col_int(s, 3) };
}

enum err_code store_forks_of(struct store *st, id_t64 run, void (*fn)(void *ctx, const struct fork_row *f),
			     void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_FORKS_OF);
	stmt_bind(s, "i", run);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct fork_row f;
		fork_from(s, &f);
		fn(ctx, &f);
	}
	return code;
}

/* The statement stays at its row, so that the texts live; the next use resets it. */
static enum err_code one_checkpoint(struct store *st, sqlite3_stmt *s, struct checkpoint_row *ret, struct err *err)
{
	enum err_code code = ERR_OK;
	if (!stmt_row(st, s, &code, err))
		return code ? code : err_set(err, ERR_NOT_FOUND, _("the run has no such checkpoint"));
	checkpoint_from(s, ret);
	return ERR_OK;
}

enum err_code store_checkpoint_at(struct store *st, id_t64 run, int number, struct checkpoint_row *ret,
				  struct err *err)
{
	sqlite3_stmt *s = stmt_get(st, STMT_CHECKPOINT_AT);
	stmt_bind(s, "ii", run, (int64_t)number);
	return one_checkpoint(st, s, ret, err);
}

enum err_code store_checkpoint_of(struct store *st, id_t64 run, int idx, struct checkpoint_row *ret,
				  struct err *err)
{
	sqlite3_stmt *s = stmt_get(st, STMT_CHECKPOINT_OF);
	stmt_bind(s, "ii", run, (int64_t)idx);
	return one_checkpoint(st, s, ret, err);
}

enum err_code store_checkpoint_files(struct store *st, id_t64 run, int stream, int64_t upto,
				     struct checkpoint_row *ret, struct err *err)
{
	sqlite3_stmt *s = stmt_get(st, STMT_CHECKPOINT_FILES);
	stmt_bind(s, "iii", run, (int64_t)stream, upto);
	return one_checkpoint(st, s, ret, err);
}

enum err_code store_procedure_get(struct store *st, id_t64 run, struct procedure_row *ret, struct err *err)
{
	sqlite3_stmt *s = stmt_get(st, STMT_PROCEDURE_GET);
	stmt_bind(s, "i", run);
	enum err_code code = ERR_OK;
	if (!stmt_row(st, s, &code, err))
		return code ? code : err_set(err, ERR_NOT_FOUND, _("the run was never rolled back"));
	procedure_from(s, ret);
	return ERR_OK;
}

enum err_code store_fork_get(struct store *st, id_t64 order, id_t64 run, struct fork_row *ret, struct err *err)
{
	auto_stmt *s = stmt_get(st, order ? STMT_FORK_GET : STMT_FORK_OF_RUN);
	stmt_bind(s, "i", order ? order : run);
	enum err_code code = ERR_OK;
	if (!stmt_row(st, s, &code, err))
		return code ? code : err_set(err, ERR_NOT_FOUND, _("the run is no fork"));
	fork_from(s, ret);
	return ERR_OK;
}

/* ---- gc ---- */

enum err_code store_trees(struct store *st, void (*fn)(void *ctx, const char *tree), void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_TREES);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err))
		fn(ctx, col_text(s, 0));
	return code;
}

enum err_code store_runs_ended(struct store *st, int64_t before_ms, id_t64 after, int64_t limit,
			       void (*fn)(void *ctx, const struct run_row *r), void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_RUNS_ENDED);
	stmt_bind(s, "iii", before_ms, after, limit);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct run_row r;
		run_from_stmt(s, &r);
		fn(ctx, &r);
	}
	return code;
}

bool store_fork_waits(struct store *st, id_t64 source)
{
	auto_stmt *s = stmt_get(st, STMT_FORK_WAITS);
	stmt_bind(s, "i", source);
	enum err_code code = ERR_OK;
	return stmt_row(st, s, &code, NULL);
}

/* ---- all of them, for fsck ---- */

enum err_code check_checkpoints(struct store *st, void (*fn)(void *ctx, const struct checkpoint_row *c), void *ctx,
				struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECK_CHECKPOINTS);
	return each_checkpoint(st, s, fn, ctx, err);
}

enum err_code check_workspaces(struct store *st, void (*fn)(void *ctx, const struct workspace_row *w), void *ctx,
			       struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECK_WORKSPACES);
	return each_workspace(st, s, fn, ctx, err);
}

enum err_code check_procedures(struct store *st, void (*fn)(void *ctx, const struct procedure_row *p), void *ctx,
			       struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECK_PROCEDURES);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct procedure_row p;
		procedure_from(s, &p);
		fn(ctx, &p);
	}
	return code;
}
