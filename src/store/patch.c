/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/patch.h"
#include "store/store_internal.h"

void store_patch_put(struct store *st, const struct patch_row *p)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_PATCH_PUT);
	stmt_bind(s, "iiiiizizztttttiiitii", p->id, p->run, (int64_t)p->idx, (int64_t)p->generation, (int64_t)p->iteration,
		  p->token, (int64_t)p->state, p->reverts, p->reverted_by, p->reason, p->hash, p->commit, p->workspace,
		  p->detail, p->files, p->added, p->removed, p->who, p->created_ms, p->updated_ms);
	stmt_run(st, s);
}

void store_patch_move_add(struct store *st, id_t64 patch, const struct patch_move_row *m)
{
	turn_begin(st);
	sqlite3_stmt *s = stmt_get(st, STMT_PATCH_MOVE_ADD);
	stmt_bind(s, "iiiiiitt", patch, (int64_t)m->was, (int64_t)m->now, m->seq, m->at_ms, (int64_t)m->actor, m->who, m->reason);
	stmt_run(st, s);
}

static void from_stmt(sqlite3_stmt *s, struct patch_row *p)
{
	*p = (struct patch_row){
		.id = col_int(s, 0),
		.run = col_int(s, 1),
		.idx = (int)col_int(s, 2),
		.generation = (int)col_int(s, 3),
		.iteration = (int)col_int(s, 4),
		.token = col_int(s, 5),
		.state = (enum patch_state)col_int(s, 6),
		.reverts = col_int(s, 7),
		.reverted_by = col_int(s, 8),
		.reason = col_text(s, 9),
		.hash = col_text(s, 10),
		.commit = col_text(s, 11),
		.workspace = col_text(s, 12),
		.detail = col_text(s, 13),
		.files = col_int(s, 14),
		.added = col_int(s, 15),
		.removed = col_int(s, 16),
		.who = col_text(s, 17),
		.created_ms = col_int(s, 18),
		.updated_ms = col_int(s, 19),
		.version = (int)col_int(s, 20),
	};
}

enum err_code store_patch_get(struct store *st, id_t64 id, struct patch_row *ret, struct err *err)
{
	/* Not reset here: its texts are the caller's until the next call. */
	sqlite3_stmt *s = stmt_get(st, STMT_PATCH_GET);
	enum err_code code = ERR_OK;
	stmt_bind(s, "i", id);
	if (stmt_row(st, s, &code, err)) {
		from_stmt(s, ret);
		return ERR_OK;
	}
	return code ? code : err_set(err, ERR_NOT_FOUND, _("there is no patch %s"), id_text('p', id).s);
}

enum err_code store_patch_find(struct store *st, const char *text, id_t64 *ret, struct err *err)
{
	id_t64 first, last, found[2] = { 0, 0 };
	enum err_code code = id_parse('p', text, &first, &last, err);
	if (code)
		return code;
	auto_stmt *s = stmt_get(st, STMT_PATCH_BY_PREFIX);
	stmt_bind(s, "ii", first, last);
	for (size_t i = 0; i < COUNT(found) && stmt_row(st, s, &code, err); i++)
		found[i] = col_int(s, 0);
	if (code)
		return code;
	if (!found[0])
		return err_set(err, ERR_NOT_FOUND, _("there is no patch %.64s"), text);
	if (found[1])
		return err_set(err, ERR_AMBIGUOUS, _("%.64s is the beginning of %s and of %s"), text, id_text('p', found[0]).s,
			       id_text('p', found[1]).s);
	*ret = found[0];
	return ERR_OK;
}

enum err_code store_patches(struct store *st, id_t64 run, int state, id_t64 before, int max, patch_row_fn fn, void *ctx,
			    struct err *err)
{
	auto_stmt *s = stmt_get(st, run ? STMT_PATCHES_OF_RUN : state >= 0 ? STMT_PATCHES_IN : STMT_PATCHES_ALL);
	enum err_code code = ERR_OK;
	int64_t below = before ? before : INT64_MAX;
	struct patch_row p;
	if (run)
		stmt_bind(s, "i", run);
	else if (state >= 0)
		stmt_bind(s, "iii", (int64_t)state, below, (int64_t)max);
	else
		stmt_bind(s, "ii", below, (int64_t)max);
	while (stmt_row(st, s, &code, err)) {
		from_stmt(s, &p);
		if ((state < 0 || (int)p.state == state) && p.id < below)
			fn(ctx, &p);
	}
	return code;
}

enum err_code store_patch_moves(struct store *st, id_t64 patch, void (*fn)(void *ctx, const struct patch_move_row *m),
				void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_PATCH_MOVES);
	enum err_code code = ERR_OK;
	stmt_bind(s, "i", patch);
	while (stmt_row(st, s, &code, err)) {
		struct patch_move_row m = { .number = (int)col_int(s, 0), .was = (int)col_int(s, 1), .now = (int)col_int(s, 2),
					    .seq = col_int(s, 3), .at_ms = col_int(s, 4), .actor = (enum actor)col_int(s, 5),
					    .who = col_text(s, 6), .reason = col_text(s, 7) };
		fn(ctx, &m);
	}
	return code;
}

id_t64 store_last_patch(struct store *st)
{
	auto_stmt *s = stmt_get(st, STMT_PATCH_LAST);
	enum err_code code = ERR_OK;
	return stmt_row(st, s, &code, NULL) ? col_int(s, 0) : 0;
}
