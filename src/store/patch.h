/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ledger of patches: what each is now, and every move that led there. */
#ifndef PAWL_STORE_PATCH_H
#define PAWL_STORE_PATCH_H

#include "store/store.h"

struct patch_row {
	id_t64 id, run;
	int idx, generation, iteration;
	int64_t token;            /* 0: no attempt */
	enum patch_state state;
	id_t64 reverts, reverted_by; /* 0: none */
	const char *reason, *hash, *commit, *workspace, *detail, *who; /* may be NULL, but for workspace */
	int64_t files, added, removed, created_ms, updated_ms;
	int version;
};

struct patch_move_row {
	int number, was, now; /* enum patch_state; was -1: it was made */
	int64_t seq, at_ms;
	enum actor actor;
	const char *who, *reason;
};

void store_patch_put(struct store *st, const struct patch_row *p);
void store_patch_move_add(struct store *st, id_t64 patch, const struct patch_move_row *m);

typedef void (*patch_row_fn)(void *ctx, const struct patch_row *p);
/* Texts of a row are valid until the next call of the store. ERR_NOT_FOUND. */
enum err_code store_patch_get(struct store *st, id_t64 id, struct patch_row *ret, struct err *err) MUST_CHECK;
/* By an id or a prefix of one. ERR_NOT_FOUND, ERR_AMBIGUOUS, ERR_USAGE. */
enum err_code store_patch_find(struct store *st, const char *text, id_t64 *ret, struct err *err) MUST_CHECK;
/* The newest first. run 0: of all; state -1: in any; only those with a smaller id than `before` (0: all). At most
 * `max` but for a run, whose are all given. */
enum err_code store_patches(struct store *st, id_t64 run, int state, id_t64 before, int max, patch_row_fn fn, void *ctx,
			    struct err *err) MUST_CHECK;
enum err_code store_patch_moves(struct store *st, id_t64 patch, void (*fn)(void *ctx, const struct patch_move_row *m),
				void *ctx, struct err *err) MUST_CHECK;
id_t64 store_last_patch(struct store *st);

#endif
