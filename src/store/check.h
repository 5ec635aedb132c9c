/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading all that is stored, for fsck: each row once, in the order of its key. Rows and their texts are
 * valid during the call of `fn`, which may read nothing of the same kind. */
#ifndef PAWL_STORE_CHECK_H
#define PAWL_STORE_CHECK_H

#include "store/store.h"

enum err_code check_orders(struct store *st, void (*fn)(void *ctx, const struct order_row *o), void *ctx,
			   struct err *err) MUST_CHECK;
enum err_code check_needs(struct store *st, void (*fn)(void *ctx, id_t64 order, id_t64 needs), void *ctx,
			  struct err *err) MUST_CHECK;
enum err_code check_runs(struct store *st, void (*fn)(void *ctx, const struct run_row *r), void *ctx,
			 struct err *err) MUST_CHECK;
enum err_code check_nodes(struct store *st, void (*fn)(void *ctx, const struct node_row *n), void *ctx,
			  struct err *err) MUST_CHECK;
enum err_code check_instances(struct store *st, void (*fn)(void *ctx, const struct instance_row *i), void *ctx,
			      struct err *err) MUST_CHECK;
enum err_code check_attempts(struct store *st, void (*fn)(void *ctx, const struct attempt_row *a), void *ctx,
			     struct err *err) MUST_CHECK;
enum err_code check_events(struct store *st, void (*fn)(void *ctx, const struct event_row *e), void *ctx,
			   struct err *err) MUST_CHECK;
enum err_code check_checkpoints(struct store *st, void (*fn)(void *ctx, const struct checkpoint_row *c),
				void *ctx, struct err *err) MUST_CHECK;
enum err_code check_workspaces(struct store *st, void (*fn)(void *ctx, const struct workspace_row *w),
			       void *ctx, struct err *err) MUST_CHECK;
enum err_code check_procedures(struct store *st, void (*fn)(void *ctx, const struct procedure_row *p),
			       void *ctx, struct err *err) MUST_CHECK;
enum err_code check_iterations(struct store *st, void (*fn)(void *ctx, const struct iteration_row *i), void *ctx,
			       struct err *err) MUST_CHECK;
enum err_code check_approvals(struct store *st, void (*fn)(void *ctx, const struct approval_row *a), void *ctx,
			      struct err *err) MUST_CHECK;
/* Idempotency keys whose answer names nothing that is there. */
enum err_code check_keys(struct store *st, void (*fn)(void *ctx, const char *key), void *ctx,
			 struct err *err) MUST_CHECK;
/* Rows that refer to a missing row: calls `fn` with the name of the table. */
enum err_code check_references(struct store *st, void (*fn)(void *ctx, const char *table, int64_t row), void *ctx,
			       struct err *err) MUST_CHECK;

#endif
