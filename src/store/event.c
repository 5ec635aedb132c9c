/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events: numbered without a gap, each hash over the one before it and the whole row. */
#include "store/store_internal.h"

#include <inttypes.h>
#include <string.h>

static struct hash_part text_part(const char *s)
{
	return s ? (struct hash_part){ s, strlen(s) + 1 } : (struct hash_part){ "", 0 };
}

static struct hash chain(const struct hash *before, const struct event_row *e)
{
	int64_t numbers[] = { e->seq,     e->at_ms,      e->order, e->run, e->idx, e->generation, e->iteration,
			      e->attempt, e->was, e->now, (int64_t)e->actor };
	struct hash_part parts[] = {
		{ before->b, HASH_LEN },  { numbers, sizeof(numbers) }, text_part(e->type),
		text_part(e->who), text_part(e->reason),         text_part(e->data),
	};
	return hash_parts(parts, COUNT(parts));
}

void store_event(struct store *st, struct event_row *e)
{
	turn_begin(st);
	e->seq = st->last_seq + 1;
	struct hash h = chain(&st->last_hash, e);
	sqlite3_stmt *s = stmt_get(st, STMT_EVENT_ADD);
	stmt_bind(s, "iitzzmzzzmmitttb", e->seq, e->at_ms, e->type, e->order, e->run, (int64_t)e->idx,
		  (int64_t)e->generation, (int64_t)e->iteration, (int64_t)e->attempt, (int64_t)e->was,
		  (int64_t)e->now, (int64_t)e->actor, e->who, e->reason, e->data, &h);
	stmt_run(st, s);
	st->last_seq = e->seq;
	st->last_hash = h;
}

int64_t store_last_seq(const struct store *st)
{
	return st->last_seq;
}

void event_from_stmt(sqlite3_stmt *s, struct event_row *e)
{
	*e = (struct event_row){
		.seq = col_int(s, 0),
		.at_ms = col_int(s, 1),
		.type = col_text(s, 2),
		.order = col_int(s, 3),
		.run = col_int(s, 4),
		.idx = (int)col_or(s, 5, -1),
		.generation = (int)col_int(s, 6),
		.iteration = (int)col_int(s, 7),
		.attempt = (int)col_int(s, 8),
		.was = (int)col_or(s, 9, -1),
		.now = (int)col_or(s, 10, -1),
		.actor = (enum actor)col_int(s, 11),
		.who = col_text(s, 12),
		.reason = col_text(s, 13),
		.data = col_text(s, 14),
	};
}

enum err_code store_load_tail(struct store *st, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_EVENT_LAST);
	enum err_code code = ERR_OK;
	if (stmt_row(st, s, &code, err)) {
		st->last_seq = col_int(s, 0);
		col_hash(s, 1, &st->last_hash);
	}
	st->committed_seq = st->last_seq;
	st->committed_hash = st->last_hash;
	return code;
}

enum err_code store_verify_events(struct store *st, int64_t *ret_checked, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_EVENT_ALL);
	struct hash before = { { 0 } };
	int64_t seq = 0;
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		struct event_row e;
		struct hash stored;
		event_from_stmt(s, &e);
		col_hash(s, 15, &stored);
		if (e.seq != ++seq)
			return err_set(err, ERR_CORRUPT, _("event %" PRId64 " is missing"), seq);
		struct hash h = chain(&before, &e);
		if (memcmp(h.b, stored.b, HASH_LEN))
			return err_set(err, ERR_CORRUPT, _("event %" PRId64 " was changed: its hash does not fit"),
				       seq);
		before = h;
	}
	*ret_checked = seq;
	return code;
}
