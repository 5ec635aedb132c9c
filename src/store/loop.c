/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of iterations, reports, usage, breakers and approvals. */
#include "store/check.h"
#include "store/store_internal.h"

void store_iteration_put(struct store *st, const struct iteration_row *i)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_ITERATION_PUT);
	stmt_bind(s, "iiiiizzzzttiiiiiiiiitittitiii", i->run, (int64_t)i->idx, (int64_t)i->generation, (int64_t)i->iteration,
		  (int64_t)i->state, i->work, i->verify, i->strategy, i->last, i->prompt, i->tree, (int64_t)i->content,
		  (int64_t)i->signature, (int64_t)i->level, (int64_t)i->problems, (int64_t)i->bits, (int64_t)i->score,
		  (int64_t)i->action, (int64_t)i->final, (int64_t)i->trend, i->detected, (int64_t)i->confidence, i->reason,
		  i->feedback, (int64_t)i->class, i->message, i->started_ms, i->worked_ms, i->ended_ms);
	stmt_run(st, s);
}

void store_usage_add(struct store *st, const struct usage_row *u)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_USAGE_ADD);
	stmt_bind(s, "iiiiiittmmmmmmttmimi", u->token, (int64_t)u->number, u->run, (int64_t)u->idx, (int64_t)u->generation,
		  (int64_t)u->iteration, u->provider, u->model, u->input, u->output, u->cache_read, u->cache_write, u->total,
		  u->cost_micro_usd, u->price_version, u->status, (int64_t)u->http_status, (int64_t)u->retry_count,
		  u->latency_ms, u->at_ms);
	stmt_run(st, s);
}

void store_breaker_put(struct store *st, const struct breaker_row *b)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_BREAKER_PUT);
	stmt_bind(s, "tiiiiiitti", b->name, (int64_t)b->b.state, (int64_t)b->b.failures, (int64_t)b->b.opened, b->b.opened_ms,
		  b->b.until_ms, b->b.probe, b->reason, b->who, b->changed_ms);
	stmt_run(st, s);
}

void store_approval_put(struct store *st, const struct approval_row *a)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_APPROVAL_PUT);
	stmt_bind(s, "iiiiitittiiimttttti", a->run, (int64_t)a->idx, (int64_t)a->generation, (int64_t)a->iteration,
		  (int64_t)a->state, a->question, (int64_t)a->choices, a->roles, a->targets, (int64_t)a->on_timeout,
		  a->asked_ms, a->deadline_ms, (int64_t)a->choice, a->target, a->who, a->role, a->reason, a->feedback,
		  a->decided_ms);
	stmt_run(st, s);
}

/* ---- a row of a statement ---- */

static void iteration_from(sqlite3_stmt *s, struct iteration_row *i)
{
	*i = (struct iteration_row){
		.run = col_int(s, 0),
		.idx = (int)col_int(s, 1),
		.generation = (int)col_int(s, 2),
		.iteration = (int)col_int(s, 3),
		.state = (enum iteration_state)col_int(s, 4),
		.work = col_int(s, 5),
		.verify = col_int(s, 6),
		.strategy = col_int(s, 7),
		.last = col_int(s, 8),
		.prompt = col_text(s, 9),
		.tree = col_text(s, 10),
		.content = (uint64_t)col_int(s, 11),
		.signature = (uint64_t)col_int(s, 12),
		.level = (int)col_int(s, 13),
		.problems = (int)col_int(s, 14),
		.bits = (unsigned int)col_int(s, 15),
		.score = (int)col_int(s, 16),
		.action = (int)col_int(s, 17),
		.final = (int)col_int(s, 18),
		.trend = (int)col_int(s, 19),
		.detected = col_text(s, 20),
		.confidence = (int)col_int(s, 21),
		.reason = col_text(s, 22),
		.feedback = col_text(s, 23),
		.class = (enum error_class)col_int(s, 24),
		.message = col_text(s, 25),
		.started_ms = col_int(s, 26),
		.worked_ms = col_int(s, 27),
		.ended_ms = col_int(s, 28),
	};
}

static void usage_from(sqlite3_stmt *s, struct usage_row *u)
{
	*u = (struct usage_row){
		.token = col_int(s, 0),
		.number = (int)col_int(s, 1),
		.run = col_int(s, 2),
		.idx = (int)col_int(s, 3),
		.generation = (int)col_int(s, 4),
		.iteration = (int)col_int(s, 5),
		.provider = col_text(s, 6),
		.model = col_text(s, 7),
		.input = col_or(s, 8, -1),
		.output = col_or(s, 9, -1),
		.cache_read = col_or(s, 10, -1),
		.cache_write = col_or(s, 11, -1),
		.total = col_or(s, 12, -1),
		.cost_micro_usd = col_or(s, 13, -1),
		.price_version = col_text(s, 14),
		.status = col_text(s, 15),
		.http_status = (int)col_or(s, 16, -1),
		.retry_count = (int)col_int(s, 17),
		.latency_ms = col_or(s, 18, -1),
		.at_ms = col_int(s, 19),
	};
}

static void approval_from(sqlite3_stmt *s, struct approval_row *a)
{
	*a = (struct approval_row){
		.run = col_int(s, 0),
		.idx = (int)col_int(s, 1),
		.generation = (int)col_int(s, 2),
		.iteration = (int)col_int(s, 3),
		.state = (enum approval_state)col_int(s, 4),
		.question = col_text(s, 5),
		.choices = (unsigned int)col_int(s, 6),
		.roles = col_text(s, 7),
		.targets = col_text(s, 8),
		.on_timeout = (int)col_int(s, 9),
		.asked_ms = col_int(s, 10),
		.deadline_ms = col_int(s, 11),
		.choice = (int)col_or(s, 12, -1),
		.target = col_text(s, 13),
		.who = col_text(s, 14),
		.role = col_text(s, 15),
		.reason = col_text(s, 16),
		.feedback = col_text(s, 17),
		.decided_ms = col_int(s, 18),
	};
}

static enum err_code each_iteration(struct store *st, sqlite3_stmt *s,
				    void (*fn)(void *ctx, const struct iteration_row *i), void *ctx, struct err *err)
{
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct iteration_row i;
		iteration_from(s, &i);
		fn(ctx, &i);
	}
	return code;
}

static enum err_code each_approval(struct store *st, sqlite3_stmt *s,
				   void (*fn)(void *ctx, const struct approval_row *a), void *ctx, struct err *err)
{
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct approval_row a;
		approval_from(s, &a);
		fn(ctx, &a);
	}
	return code;
}

/* ---- reading ---- */

enum err_code store_iterations_of(struct store *st, id_t64 run, int idx, int generation, int iteration, int64_t limit,
				  void (*fn)(void *ctx, const struct iteration_row *i), void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_ITERATIONS_OF);
	stmt_bind(s, "iiiii", run, (int64_t)idx, (int64_t)generation, (int64_t)iteration, limit);
	return each_iteration(st, s, fn, ctx, err);
}

/* The statement stays at its row, so that the texts live; the next use resets it. */
enum err_code store_iteration_get(struct store *st, id_t64 run, int idx, int generation, int iteration,
				  struct iteration_row *ret, struct err *err)
{
	sqlite3_stmt *s = stmt_get(st, STMT_ITERATION_GET);
	stmt_bind(s, "iiii", run, (int64_t)idx, (int64_t)generation, (int64_t)iteration);
	enum err_code code = ERR_OK;
	if (!stmt_row(st, s, &code, err))
		return code ? code : err_set(err, ERR_NOT_FOUND, _("there is no such iteration"));
	iteration_from(s, ret);
	return ERR_OK;
}

int store_iteration_count(struct store *st, id_t64 run)
{
	auto_stmt *s = stmt_get(st, STMT_ITERATION_COUNT);
	stmt_bind(s, "i", run);
	enum err_code code = ERR_OK;
	return stmt_row(st, s, &code, NULL) ? (int)col_int(s, 0) : 0;
}

char *store_report_get(struct store *st, int64_t token)
{
	auto_stmt *s = stmt_get(st, STMT_REPORT_GET);
	stmt_bind(s, "i", token);
	enum err_code code = ERR_OK;
	return stmt_row(st, s, &code, NULL) ? xstrdup(col_text(s, 0)) : NULL;
}

enum err_code store_usage_of(struct store *st, id_t64 run, int64_t token, int64_t limit,
			     void (*fn)(void *ctx, const struct usage_row *u), void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, run ? STMT_USAGE_OF : STMT_USAGE_PAGE);
	if (run)
		stmt_bind(s, "iii", run, token, limit);
	else
		stmt_bind(s, "ii", token > 0 ? token : INT64_MAX, limit);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct usage_row u;
		usage_from(s, &u);
		fn(ctx, &u);
	}
	return code;
}

static enum err_code take_sum(struct store *st, sqlite3_stmt *s, struct usage_sum *ret, struct err *err)
{
	enum err_code code = ERR_OK;
	*ret = (struct usage_sum){ 0 };
	if (stmt_row(st, s, &code, err))
		*ret = (struct usage_sum){ col_int(s, 0), col_int(s, 1), col_int(s, 2), col_int(s, 3), col_int(s, 4), col_int(s, 5),
					   col_int(s, 6), col_int(s, 7), col_int(s, 8), col_int(s, 9), col_int(s, 10) };
	return code;
}

enum err_code store_usage_sum_below(struct store *st, id_t64 run, struct usage_sum *ret, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_USAGE_SUM_BELOW);
	stmt_bind(s, "i", run);
	return take_sum(st, s, ret, err);
}

enum err_code store_usage_sum(struct store *st, id_t64 run, int idx, int generation, int iteration,
			      struct usage_sum *ret, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_USAGE_SUM);
	stmt_bind(s, "iiii", run, (int64_t)idx, (int64_t)generation, (int64_t)iteration);
	return take_sum(st, s, ret, err);
}

enum err_code store_breakers(struct store *st, void (*fn)(void *ctx, const struct breaker_row *b), void *ctx,
			     struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_BREAKERS);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct breaker_row b = {
			.name = col_text(s, 0),
			.b = { (enum breaker_state)col_int(s, 1), (int)col_int(s, 2), (int)col_int(s, 3), col_int(s, 4),
			       col_int(s, 5), col_int(s, 6) },
			.reason = col_text(s, 7),
			.who = col_text(s, 8),
			.changed_ms = col_int(s, 9),
		};
		fn(ctx, &b);
	}
	return code;
}

enum err_code store_approvals_open(struct store *st, int64_t after_ms, int64_t limit,
				   void (*fn)(void *ctx, const struct approval_row *a), void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_APPROVALS_OPEN);
	stmt_bind(s, "ii", after_ms, limit);
	return each_approval(st, s, fn, ctx, err);
}

enum err_code store_approvals_of(struct store *st, id_t64 run, void (*fn)(void *ctx, const struct approval_row *a),
				 void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_APPROVALS_OF);
	stmt_bind(s, "i", run);
	return each_approval(st, s, fn, ctx, err);
}

enum err_code store_approval_get(struct store *st, id_t64 run, int idx, int generation, int iteration,
				 struct approval_row *ret, struct err *err)
{
	sqlite3_stmt *s = stmt_get(st, STMT_APPROVAL_GET);
	stmt_bind(s, "iiii", run, (int64_t)idx, (int64_t)generation, (int64_t)iteration);
	enum err_code code = ERR_OK;
	if (!stmt_row(st, s, &code, err))
		return code ? code : err_set(err, ERR_NOT_FOUND, _("there is no such question"));
	approval_from(s, ret);
	return ERR_OK;
}

/* ---- all of them, for fsck ---- */

enum err_code check_iterations(struct store *st, void (*fn)(void *ctx, const struct iteration_row *i), void *ctx,
			       struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECK_ITERATIONS);
	return each_iteration(st, s, fn, ctx, err);
}

enum err_code check_approvals(struct store *st, void (*fn)(void *ctx, const struct approval_row *a), void *ctx,
			      struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECK_APPROVALS);
	return each_approval(st, s, fn, ctx, err);
}
