/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What belongs to a run: nodes, instances, attempts, checkpoints; events; definitions. */
#include "store/read.h"
#include "store/store_internal.h"

#include <string.h>

enum err_code read_run_source(struct store *st, id_t64 run, struct run_source *ret, struct err *err)
{
	sqlite3_stmt *s = stmt_get(st, STMT_RUN_SOURCE);
	stmt_bind(s, "i", run);
	enum err_code code = ERR_OK;
	if (!stmt_row(st, s, &code, err))
		return code ? code
		            : err_set(err, ERR_NOT_FOUND, _("there is no run %s"),
		                      id_text('r', run).s);
	*ret = (struct run_source){ .sub = col_text(s, 1), .name = col_text(s, 2) };
	col_hash(s, 0, &ret->workflow);
	return ERR_OK;
}

enum err_code read_nodes(struct store *st, id_t64 run, int first, int last, read_node_fn fn,
                         void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_NODES_PAGE);
	stmt_bind(s, "iii", run, (int64_t)first, (int64_t)last);
	enum err_code code = ERR_OK;
	int seen = -1;
	while (stmt_row(st, s, &code, err)) {
		struct node_row n;
		node_from_stmt(s, &n);
		if (n.idx == seen)
			continue; /* an earlier generation */
		seen = n.idx;
		fn(ctx, &n);
	}
	return code;
}

enum err_code read_instance(struct store *st, id_t64 run, int idx, const char *name,
                            struct instance_row *ret, struct err *err)
{
	sqlite3_stmt *s = stmt_get(st, name ? STMT_INSTANCE_BY_NAME : STMT_INSTANCE_BY_IDX);
	if (name)
		stmt_bind(s, "it", run, name);
	else
		stmt_bind(s, "ii", run, (int64_t)idx);
	enum err_code code = ERR_OK;
	if (!stmt_row(st, s, &code, err))
		return code ? code
		            : err_set(err, ERR_NOT_FOUND, _("run %s has no such node"),
		                      id_text('r', run).s);
	*ret = (struct instance_row){ .run = run,
		                      .idx = (int)col_int(s, 1),
		                      .parent = (int)col_int(s, 2),
		                      .name = col_text(s, 3),
		                      .bindings = col_text(s, 4),
		                      .expansion = (int)col_int(s, 5),
		                      .superseded = col_int(s, 6) != 0 };
	return ERR_OK;
}

int read_instances_end(struct store *st, id_t64 run)
{
	auto_stmt *s = stmt_get(st, STMT_INSTANCE_LAST);
	stmt_bind(s, "i", run);
	enum err_code code = ERR_OK;
	return stmt_row(st, s, &code, NULL) ? (int)col_or(s, 0, -1) + 1 : 0;
}

/* ---- attempts ---- */

/* The newest generation of a node, and the newest attempt that it had in any; 0 and 0 when it never
 * began. */
static enum err_code newest_attempt(struct store *st, id_t64 run, int idx, int64_t *ret_token,
                                    int *ret_generation, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_NODE_TOKEN);
	stmt_bind(s, "ii", run, (int64_t)idx);
	enum err_code code = ERR_OK;
	*ret_token = 0;
	*ret_generation = 0;
	while (!*ret_token && stmt_row(st, s, &code, err)) {
		*ret_generation = MAX(*ret_generation, (int)col_int(s, 1));
		*ret_token = col_int(s, 0);
	}
	return code;
}

enum err_code read_node_attempts(struct store *st, id_t64 run, int idx, struct read_page *page,
                                 read_attempt_fn fn, void *ctx, struct err *err)
{
	int64_t token;
	int newest;
	page->next = 0;
	enum err_code code = newest_attempt(st, run, idx, &token, &newest, err);
	if (page->before)
		token = page->before;
	for (size_t n = 0; token && !code; n++) {
		if (n == page->limit) {
			page->next = token;
			break;
		}
		auto_stmt *s = stmt_get(st, STMT_ATTEMPT_LINK);
		stmt_bind(s, "i", token);
		if (!stmt_row(st, s, &code, err))
			break;
		struct attempt_row a;
		attempt_from_stmt(s, &a);
		/* A key that somebody made up leads nowhere else. */
		if (a.run != run || a.idx != idx)
			break;
		int64_t previous = a.previous;
		fn(ctx, &a, newest);
		token = previous < token ? previous : 0;
	}
	return code;
}

enum err_code read_attempt(struct store *st, id_t64 run, int idx, int generation, int iteration,
                           int attempt, struct attempt_row *ret, struct err *err)
{
	int64_t token;
	int newest;
	enum err_code code = newest_attempt(st, run, idx, &token, &newest, err);
	while (token && !code) {
		sqlite3_stmt *s = stmt_get(st, STMT_ATTEMPT_LINK);
		stmt_bind(s, "i", token);
		if (!stmt_row(st, s, &code, err))
			break;
		attempt_from_stmt(s, ret);
		if ((generation < 0 || ret->generation == generation) &&
		    (iteration < 0 || ret->iteration == iteration) &&
		    (attempt < 0 || ret->attempt == attempt))
			return ERR_OK;
		token = ret->previous < token ? ret->previous : 0;
	}
	return code ? code : err_set(err, ERR_NOT_FOUND, _("the node has no such attempt"));
}

enum err_code read_iterations(struct store *st, id_t64 run, struct read_page *page,
                              read_attempt_fn fn, void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_ITERATIONS_PAGE);
	stmt_bind(s, "iii", run, page->before > 0 ? page->before : INT64_MAX,
	          (int64_t)page->limit + 1);
	enum err_code code = ERR_OK;
	int64_t last = 0;
	page->next = 0;
	for (size_t n = 0; stmt_row(st, s, &code, err); n++) {
		struct attempt_row a;
		attempt_from_stmt(s, &a);
		if (n == page->limit) {
			page->next = last;
			break;
		}
		last = a.token;
		fn(ctx, &a, (int)col_int(s, 30));
	}
	return code;
}

enum err_code read_checkpoints(struct store *st, id_t64 run, struct read_page *page,
                               read_node_fn fn, void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_CHECKPOINTS_PAGE);
	stmt_bind(s, "iiii", run, (int64_t)NODE_SUCCEEDED, page->before, (int64_t)page->limit + 1);
	enum err_code code = ERR_OK;
	int64_t last = 0;
	page->next = 0;
	for (size_t n = 0; stmt_row(st, s, &code, err); n++) {
		struct node_row row;
		node_from_stmt(s, &row);
		if (n == page->limit) {
			page->next = last;
			break;
		}
		last = row.seq;
		fn(ctx, &row);
	}
	return code;
}

/* ---- events ---- */

static sqlite3_stmt *event_statement(struct store *st, const struct event_filter *f, int64_t after,
                                     int64_t below, int64_t limit, struct err *err)
{
	bool down = f->before > 0;
	sqlite3_stmt *s;
	if (f->order) {
		/* Its run is part of it. */
		struct order_row o;
		id_t64 run = store_order_get(st, f->order, &o, err) ? 0 : o.run;
		s = stmt_get(st, down ? STMT_ORDER_EVENTS_BEFORE : STMT_ORDER_EVENTS_AFTER);
		stmt_bind(s, "iiiii", after, below, limit, run ? run : -1, f->order);
	} else if (f->run) {
		s = stmt_get(st, down ? STMT_RUN_EVENTS_BEFORE : STMT_RUN_EVENTS_AFTER);
		stmt_bind(s, "iiii", after, below, limit, f->run);
	} else {
		s = stmt_get(st, down ? STMT_EVENTS_BEFORE : STMT_EVENTS_AFTER);
		stmt_bind(s, "iii", after, below, limit);
	}
	return s;
}

#define EVENT_SCAN_MAX 10000

/* `types`: prefixes, with commas between. */
static bool has_type(const char *types, const char *type)
{
	for (size_t len;; types += len + 1) {
		len = strcspn(types, ",");
		if (strncmp(type, types, len) == 0)
			return true;
		if (!types[len])
			return false;
	}
}

enum err_code read_events(struct store *st, const struct event_filter *f, read_event_fn fn,
                          void *ctx, int64_t *ret_last, struct err *err)
{
	int64_t limit = f->type ? EVENT_SCAN_MAX : (int64_t)f->limit + 1;
	int64_t below = f->upto ? f->upto + 1 : INT64_MAX;
	if (f->before > 0)
		below = MIN(below, f->before);
	auto_stmt *s = event_statement(st, f, f->before > 0 ? 0 : f->after, below, limit, err);
	enum err_code code = ERR_OK;
	int64_t last = 0, looked = 0;
	size_t shown = 0;
	*ret_last = 0;
	while (stmt_row(st, s, &code, err)) {
		struct event_row e;
		event_from_stmt(s, &e);
		if (shown == f->limit) {
			*ret_last = last;
			return ERR_OK;
		}
		last = e.seq;
		looked++;
		if (f->type && !has_type(f->type, e.type))
			continue;
		shown++;
		fn(ctx, &e);
	}
	if (!code && looked == limit)
		*ret_last = last;
	return code;
}

/* ---- definitions ---- */

enum err_code read_workflow(struct store *st, const struct hash *hash, char **ret_name,
                            char **ret_file, char **ret_source, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_WORKFLOW_SHOW);
	stmt_bind(s, "b", hash);
	enum err_code code = ERR_OK;
	if (!stmt_row(st, s, &code, err))
		return code
		           ? code
		           : err_set(err, ERR_NOT_FOUND, _("no workflow with this hash is stored"));
	*ret_name = xstrdup(col_text(s, 0));
	*ret_file = xstrdup(col_text(s, 1));
	*ret_source = xstrdup(col_text(s, 2));
	return ERR_OK;
}
