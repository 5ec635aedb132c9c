/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing rows, and reading a row of a statement. */
#include "store/store_internal.h"

void store_workflow_put(struct store *st, const struct hash *hash, const char *name, const char *file,
			const char *source, const char *includes, int64_t now_ms)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_WORKFLOW_PUT);
	stmt_bind(s, "btttti", hash, name, file, source, includes, now_ms);
	stmt_run(st, s);
}

void store_order_add(struct store *st, const struct order_row *o)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_ORDER_ADD);
	stmt_bind(s, "ibtttiiitttiitztiii", o->id, &o->workflow, o->name, o->file, o->dir, (int64_t)o->state,
		  (int64_t)o->priority, o->place, o->params, o->env, o->until, (int64_t)o->flags,
		  o->max_wait_ms, o->reason, o->run, o->submitter, o->enqueued_ms, o->started_ms,
		  o->ended_ms);
	stmt_run(st, s);
}

void store_order_set(struct store *st, const struct order_row *o)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_ORDER_SET);
	stmt_bind(s, "iiiitzii", o->id, (int64_t)o->state, (int64_t)o->priority, o->place, o->reason, o->run,
		  o->started_ms, o->ended_ms);
	stmt_run(st, s);
}

void store_order_need_add(struct store *st, id_t64 id, id_t64 needs)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_ORDER_NEED_ADD);
	stmt_bind(s, "ii", id, needs);
	stmt_run(st, s);
}

void store_run_add(struct store *st, const struct run_row *r)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_RUN_ADD);
	stmt_bind(s, "izbttttiiittiitttzmmziiiiiiiti", r->id, r->order, &r->workflow, r->sub, r->name, r->file,
		  r->dir, (int64_t)r->state, (int64_t)r->result, (int64_t)r->mode, r->until, r->reason,
		  (int64_t)r->generation, (int64_t)r->priority, r->params, r->env, r->workspace,
		  r->parent_run, (int64_t)(r->parent_run ? r->parent_node : -1), (int64_t)r->failed_node,
		  r->failed_token, (int64_t)r->acknowledged, r->created_ms, r->started_ms, r->ended_ms,
		  r->paused_at_ms, r->paused_ms, (int64_t)r->crashes, r->counts, r->epoch);
	stmt_run(st, s);
}

void store_run_set(struct store *st, const struct run_row *r)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_RUN_SET);
	stmt_bind(s, "iiiittiimziiiiiiti", r->id, (int64_t)r->state, (int64_t)r->result, (int64_t)r->mode,
		  r->until, r->reason, (int64_t)r->generation, (int64_t)r->priority, (int64_t)r->failed_node,
		  r->failed_token, (int64_t)r->acknowledged, r->started_ms, r->ended_ms, r->paused_at_ms,
		  r->paused_ms, (int64_t)r->crashes, r->counts, r->epoch);
	stmt_run(st, s);
}

void store_node_put(struct store *st, const struct node_row *n)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_NODE_PUT);
	stmt_bind(s, "iiiiiizittziiiiiit", n->run, (int64_t)n->idx, (int64_t)n->generation, (int64_t)n->state,
		  (int64_t)n->iteration, (int64_t)n->attempt, n->token, (int64_t)n->class, n->reason,
		  n->outputs, n->child, n->started_ms, n->ended_ms, n->next_ms, (int64_t)n->stale, n->seq,
		  n->began, n->before);
	stmt_run(st, s);
}

void store_instance_add(struct store *st, const struct instance_row *i)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_INSTANCE_ADD);
	stmt_bind(s, "iiiitt", i->run, (int64_t)i->idx, (int64_t)i->parent, (int64_t)i->expansion, i->name,
		  i->bindings);
	stmt_run(st, s);
}

void store_attempt_add(struct store *st, const struct attempt_row *a)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_ATTEMPT_ADD);
	stmt_bind(s, "iiiiiiziiiti", a->token, a->run, (int64_t)a->idx, (int64_t)a->generation,
		  (int64_t)a->iteration, (int64_t)a->attempt, a->previous, a->started_ms, a->worker_pid,
		  a->worker_start, a->boot_id, (int64_t)a->phase);
	stmt_run(st, s);
}

void store_attempt_end(struct store *st, const struct attempt_row *a)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_ATTEMPT_END);
	stmt_bind(s, "iiimmttiiiiiiiiiiimt", a->token, (int64_t)a->state, (int64_t)a->class,
		  (int64_t)a->exit_code, (int64_t)a->signal, a->message, a->tail, a->started_ms, a->ended_ms,
		  a->cpu_us, a->rss_kib, a->frozen_ms, a->log_bytes, a->log_lines, a->log_dropped,
		  a->log_lost, a->redacted, a->leftover, a->retry_in_ms, a->retry_reason);
	stmt_run(st, s);
	if (!a->report)
		return;
	s = stmt_get(st, STMT_REPORT_ADD);
	stmt_bind(s, "it", a->token, a->report);
	stmt_run(st, s);
}

void store_meta_set(struct store *st, const char *k, const char *v)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_META_SET);
	stmt_bind(s, "tt", k, v);
	stmt_run(st, s);
}

void store_idempotency_put(struct store *st, const char *key, const struct hash *body, int kind,
			   id_t64 id, int64_t now_ms)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_IDEMPOTENCY_PUT);
	stmt_bind(s, "tbiii", key, body, (int64_t)kind, id, now_ms);
	stmt_run(st, s);
}

void store_idempotency_prune(struct store *st, int64_t before_ms)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_IDEMPOTENCY_PRUNE);
	stmt_bind(s, "i", before_ms);
	stmt_run(st, s);
}

/* ---- a row of a statement; the texts live until its next step ---- */

void order_from_stmt(sqlite3_stmt *s, struct order_row *o)
{
	*o = (struct order_row){
		.id = col_int(s, 0),
		.name = col_text(s, 2),
		.file = col_text(s, 3),
		.dir = col_text(s, 4),
		.state = (enum order_state)col_int(s, 5),
		.priority = (int)col_int(s, 6),
		.place = col_int(s, 7),
		.params = col_text(s, 8),
		.env = col_text(s, 9),
		.until = col_text(s, 10),
		.flags = (unsigned int)col_int(s, 11),
		.max_wait_ms = col_int(s, 12),
		.reason = col_text(s, 13),
		.run = col_int(s, 14),
		.submitter = col_text(s, 15),
		.enqueued_ms = col_int(s, 16),
		.started_ms = col_int(s, 17),
		.ended_ms = col_int(s, 18),
		.version = col_int(s, 19),
	};
	col_hash(s, 1, &o->workflow);
}

void run_from_stmt(sqlite3_stmt *s, struct run_row *r)
{
	*r = (struct run_row){
		.id = col_int(s, 0),
		.order = col_int(s, 1),
		.sub = col_text(s, 3),
		.name = col_text(s, 4),
		.file = col_text(s, 5),
		.dir = col_text(s, 6),
		.state = (enum run_state)col_int(s, 7),
		.result = (enum run_result)col_int(s, 8),
		.mode = (enum run_mode)col_int(s, 9),
		.until = col_text(s, 10),
		.reason = col_text(s, 11),
		.generation = (int)col_int(s, 12),
		.priority = (int)col_int(s, 13),
		.params = col_text(s, 14),
		.env = col_text(s, 15),
		.workspace = col_text(s, 16),
		.parent_run = col_int(s, 17),
		.parent_node = (int)col_or(s, 18, -1),
		.failed_node = (int)col_or(s, 19, -1),
		.failed_token = col_int(s, 20),
		.acknowledged = col_int(s, 21) != 0,
		.created_ms = col_int(s, 22),
		.started_ms = col_int(s, 23),
		.ended_ms = col_int(s, 24),
		.paused_at_ms = col_int(s, 25),
		.paused_ms = col_int(s, 26),
		.crashes = (int)col_int(s, 27),
		.counts = col_text(s, 28),
		.epoch = col_int(s, 29),
		.version = col_int(s, 30),
	};
	col_hash(s, 2, &r->workflow);
}

void node_from_stmt(sqlite3_stmt *s, struct node_row *n)
{
	*n = (struct node_row){
		.run = col_int(s, 0),
		.idx = (int)col_int(s, 1),
		.generation = (int)col_int(s, 2),
		.state = (enum node_state)col_int(s, 3),
		.iteration = (int)col_int(s, 4),
		.attempt = (int)col_int(s, 5),
		.token = col_int(s, 6),
		.class = (enum error_class)col_int(s, 7),
		.reason = col_text(s, 8),
		.outputs = col_text(s, 9),
		.child = col_int(s, 10),
		.started_ms = col_int(s, 11),
		.ended_ms = col_int(s, 12),
		.next_ms = col_int(s, 13),
		.stale = col_int(s, 14) != 0,
		.seq = col_int(s, 15),
		.version = col_int(s, 16),
		.began = col_int(s, 17),
		.before = col_text(s, 18),
	};
}

void attempt_from_stmt(sqlite3_stmt *s, struct attempt_row *a)
{
	*a = (struct attempt_row){
		.token = col_int(s, 0),
		.run = col_int(s, 1),
		.idx = (int)col_int(s, 2),
		.generation = (int)col_int(s, 3),
		.iteration = (int)col_int(s, 4),
		.attempt = (int)col_int(s, 5),
		.previous = col_int(s, 6),
		.state = (enum attempt_state)col_int(s, 7),
		.class = (enum error_class)col_int(s, 8),
		.exit_code = (int)col_or(s, 9, -1),
		.signal = (int)col_or(s, 10, -1),
		.message = col_text(s, 11),
		.tail = col_text(s, 12),
		.started_ms = col_int(s, 13),
		.ended_ms = col_int(s, 14),
		.worker_pid = col_int(s, 15),
		.worker_start = col_int(s, 16),
		.boot_id = col_text(s, 17),
		.cpu_us = col_int(s, 18),
		.rss_kib = col_int(s, 19),
		.frozen_ms = col_int(s, 20),
		.log_bytes = col_int(s, 21),
		.log_lines = col_int(s, 22),
		.log_dropped = col_int(s, 23),
		.log_lost = col_int(s, 24),
		.redacted = col_int(s, 25),
		.leftover = col_int(s, 26),
		.retry_in_ms = col_or(s, 27, -1),
		.retry_reason = col_text(s, 28),
		.phase = (int)col_int(s, 29),
	};
}
