/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages of orders and runs. Without a filter a page is a range of ids; with one, candidates come
 * from the index that serves it best, are put in order, and the rest of the filter is asked of
 * their rows. */
#include "store/read.h"
#include "store/store_internal.h"

#include <stdio.h>
#include <string.h>

#define SCAN_MAX 10000 /* candidates looked at for a page */

struct candidates {
	id_t64 *v;
	size_t n, cap;
	bool more;                   /* a source gave as many as were asked for */
	id_t64 last;                 /* the lowest id that a source of names looked at */
	const char *workflow, *text; /* what the names have to fulfil already; NULL: anything */
};

static void candidates_done(struct candidates *c)
{
	free(c->v);
}
#define auto_candidates CLEANUP(candidates_done) struct candidates

static bool name_fits(const struct candidates *c, char kind, id_t64 id, const char *name)
{
	return (!c->workflow || str_eq(name, c->workflow)) &&
	       (!c->text || strcasestr(name, c->text) || strcasestr(id_text(kind, id).s, c->text));
}

/* As collect(), for statements that give the name as well: most rows are sorted out without being
 * read whole. */
static enum err_code collect_names(struct store *st, sqlite3_stmt *s, char kind, int64_t most,
                                   struct candidates *c, struct err *err)
{
	enum err_code code = ERR_OK;
	int64_t n = 0;
	for (; stmt_row(st, s, &code, err); n++) {
		c->last = col_int(s, 0);
		if (!name_fits(c, kind, c->last, col_text(s, 1)))
			continue;
		GROW(c->v, c->n, c->cap);
		c->v[c->n++] = c->last;
	}
	(void)sqlite3_reset(s);
	c->more |= n == most;
	return code;
}

/* All ids of a statement whose last parameter was bound to `most`. */
static enum err_code collect(struct store *st, sqlite3_stmt *s, int64_t most, struct candidates *c,
                             struct err *err)
{
	enum err_code code = ERR_OK;
	int64_t n = 0;
	while (stmt_row(st, s, &code, err)) {
		GROW(c->v, c->n, c->cap);
		c->v[c->n++] = col_int(s, 0);
		n++;
	}
	(void)sqlite3_reset(s);
	c->more |= n == most;
	return code;
}

static enum err_code collect_states(struct store *st, enum stmt_id id, unsigned int states,
                                    int64_t before, int64_t most, struct candidates *c,
                                    struct err *err)
{
	for (int state = 0; state < 16; state++) {
		if (!(states >> state & 1))
			continue;
		sqlite3_stmt *s = stmt_get(st, id);
		stmt_bind(s, "iii", (int64_t)state, before, most);
		enum err_code code = collect(st, s, most, c, err);
		if (code)
			return code;
	}
	return ERR_OK;
}

static int newest_first(const void *a, const void *b)
{
	id_t64 x = *(const id_t64 *)a, y = *(const id_t64 *)b;
	return (x < y) - (x > y);
}

static void put_in_order(struct candidates *c)
{
	if (!c->n)
		return;
	qsort(c->v, c->n, sizeof(*c->v), newest_first);
	size_t n = 1;
	for (size_t i = 1; i < c->n; i++)
		if (c->v[i] != c->v[n - 1])
			c->v[n++] = c->v[i];
	c->n = n;
}

static int64_t before_of(const struct read_page *p)
{
	return p->before > 0 ? p->before : INT64_MAX;
}

/* ---- orders ---- */

static enum err_code orders_page(struct store *st, struct read_page *page, read_order_fn fn,
                                 void *ctx, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_ORDERS_PAGE);
	stmt_bind(s, "ii", before_of(page), (int64_t)page->limit + 1);
	enum err_code code = ERR_OK;
	id_t64 last = 0;
	for (size_t n = 0; stmt_row(st, s, &code, err); n++) {
		struct order_row o;
		order_from_stmt(s, &o);
		if (n == page->limit) {
			page->next = last;
			break;
		}
		last = o.id;
		fn(ctx, &o);
	}
	return code;
}

enum err_code read_orders(struct store *st, const struct order_filter *f, struct read_page *page,
                          read_order_fn fn, void *ctx, struct err *err)
{
	page->next = 0;
	if (!f->states && !f->workflow)
		return orders_page(st, page, fn, ctx, err);
	auto_candidates c = { 0 };
	int64_t most = f->workflow ? SCAN_MAX : (int64_t)page->limit + 1;
	enum err_code code;
	if (f->states) {
		code = collect_states(st, STMT_ORDER_IDS_BY_STATE, f->states, before_of(page), most,
		                      &c, err);
	} else {
		sqlite3_stmt *s = stmt_get(st, STMT_ORDER_IDS);
		stmt_bind(s, "ii", before_of(page), most);
		c.workflow = f->workflow;
		code = collect_names(st, s, 'o', most, &c, err);
	}
	put_in_order(&c);
	id_t64 last = 0;
	size_t shown = 0;
	for (size_t i = 0; i < c.n && !code; i++) {
		if (shown == page->limit || (int64_t)i == SCAN_MAX) {
			page->next = last;
			return ERR_OK;
		}
		auto_stmt *s = stmt_get(st, STMT_ORDER_FILTERED);
		stmt_bind(s, "i", c.v[i]);
		last = c.v[i];
		if (!stmt_row(st, s, &code, err))
			continue;
		struct order_row o;
		order_from_stmt(s, &o);
		if (f->workflow && !str_eq(o.name, f->workflow))
			continue;
		fn(ctx, &o);
		shown++;
	}
	page->next = !c.more ? 0 : c.last ? c.last : last;
	return code;
}

/* ---- runs ---- */

static enum err_code runs_page(struct store *st, struct read_page *page, read_run_fn fn, void *ctx,
                               struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_RUNS_PAGE);
	stmt_bind(s, "ii", before_of(page), (int64_t)page->limit + 1);
	enum err_code code = ERR_OK;
	id_t64 last = 0;
	for (size_t n = 0; stmt_row(st, s, &code, err); n++) {
		struct run_row r;
		run_from_stmt(s, &r);
		if (n == page->limit) {
			page->next = last;
			break;
		}
		last = r.id;
		fn(ctx, &r);
	}
	return code;
}

static bool run_fits(const struct run_filter *f, const struct run_row *r)
{
	if ((f->states || f->unseen) && !(f->states >> r->state & 1) &&
	    !(f->unseen && !r->acknowledged))
		return false;
	if (f->workflow && !str_eq(r->name, f->workflow))
		return false;
	if (f->parent && (f->parent < 0 ? r->parent_run != 0 : r->parent_run != f->parent))
		return false;
	if (f->text && !strcasestr(r->name, f->text) && !strcasestr(id_text('r', r->id).s, f->text))
		return false;
	return true;
}

/* Candidates from the most selective index. */
static enum err_code run_candidates(struct store *st, const struct run_filter *f, int64_t before,
                                    int64_t most, struct candidates *c, struct err *err)
{
	sqlite3_stmt *s;
	enum err_code code = ERR_OK;
	if (f->parent > 0) {
		s = stmt_get(st, STMT_RUN_IDS_BY_PARENT);
		stmt_bind(s, "iii", f->parent, before, most);
		return collect(st, s, most, c, err);
	}
	if (f->states || f->unseen) {
		code = collect_states(st, STMT_RUN_IDS_BY_STATE, f->states, before, most, c, err);
		if (code || !f->unseen)
			return code;
		s = stmt_get(st, STMT_RUN_IDS_UNSEEN);
		stmt_bind(s, "ii", before, most);
		return collect(st, s, most, c, err);
	}
	if (f->workflow) {
		s = stmt_get(st, STMT_RUN_IDS_BY_NAME);
		stmt_bind(s, "tii", f->workflow, before, most);
		return collect(st, s, most, c, err);
	}
	s = stmt_get(st, STMT_RUN_IDS);
	stmt_bind(s, "ii", before, most);
	c->text = f->text;
	return collect_names(st, s, 'r', most, c, err);
}

/* Whether one index alone answers the filter, so that no more candidates than rows are needed. */
static bool one_index(const struct run_filter *f)
{
	int sources = (f->parent != 0) + (f->states || f->unseen) + (f->workflow != NULL);
	return sources == 1 && f->parent >= 0 && !f->text && !f->since_ms;
}

enum err_code read_runs(struct store *st, const struct run_filter *f, struct read_page *page,
                        read_run_fn fn, void *ctx, struct err *err)
{
	page->next = 0;
	if (!f->states && !f->unseen && !f->workflow && !f->text && !f->parent && !f->since_ms)
		return runs_page(st, page, fn, ctx, err);
	auto_candidates c = { 0 };
	int64_t most = one_index(f) ? (int64_t)page->limit + 1 : SCAN_MAX;
	enum err_code code = run_candidates(st, f, before_of(page), most, &c, err);
	put_in_order(&c);
	id_t64 last = 0;
	size_t shown = 0;
	for (size_t i = 0; i < c.n && !code; i++) {
		if (shown == page->limit || (int64_t)i == SCAN_MAX) {
			page->next = last;
			return ERR_OK;
		}
		auto_stmt *s = stmt_get(st, STMT_RUN_FILTERED);
		stmt_bind(s, "i", c.v[i]);
		last = c.v[i];
		if (!stmt_row(st, s, &code, err))
			continue;
		struct run_row r;
		run_from_stmt(s, &r);
		if (f->since_ms && r.created_ms < f->since_ms)
			return ERR_OK; /* ids grow with time: nothing newer follows */
		if (!run_fits(f, &r))
			continue;
		fn(ctx, &r);
		shown++;
	}
	page->next = !c.more ? 0 : c.last ? c.last : last;
	return code;
}

/* ---- prefixes ---- */

static enum err_code range(struct store *st, enum stmt_id id, id_t64 first, id_t64 last, int *ret_n,
                           id_t64 *ret, struct err *err)
{
	auto_stmt *s = stmt_get(st, id);
	stmt_bind(s, "ii", first, last);
	enum err_code code = ERR_OK;
	*ret_n = 0;
	while (stmt_row(st, s, &code, err))
		if (++*ret_n == 1)
			*ret = col_int(s, 0);
	return code;
}

enum err_code read_order_range(struct store *st, id_t64 first, id_t64 last, int *ret_n, id_t64 *ret,
                               struct err *err)
{
	return range(st, STMT_ORDER_RANGE, first, last, ret_n, ret, err);
}

enum err_code read_run_range(struct store *st, id_t64 first, id_t64 last, int *ret_n, id_t64 *ret,
                             struct err *err)
{
	return range(st, STMT_RUN_RANGE, first, last, ret_n, ret, err);
}

/* ---- counts ---- */

static enum err_code count_states(struct store *st, enum stmt_id id, int64_t *v, int64_t *ret_total,
                                  struct err *err)
{
	auto_stmt *s = stmt_get(st, id);
	enum err_code code = ERR_OK;
	*ret_total = 0;
	while (stmt_row(st, s, &code, err)) {
		int64_t state = col_int(s, 0);
		if (state >= 0 && state < 16)
			v[state] = col_int(s, 1);
		*ret_total += col_int(s, 1);
	}
	return code;
}

#define HOUR_MS 3600000
#define FAILED_MAX 5000 /* failed runs that are looked at when counting anew */

/* Hours that passed without a failure are emptied on the way to the next one. */
static void count_failure(struct read_counts *c, int64_t at_ms)
{
	int64_t hour = at_ms / HOUR_MS;
	if (!c->hour)
		c->hour = hour;
	for (; c->hour < hour && hour - c->hour < READ_HOURS; c->failed[c->hour % READ_HOURS] = 0)
		c->hour++;
	if (c->hour < hour) {
		memset(c->failed, 0, sizeof(c->failed));
		c->hour = hour;
	}
	if (hour >= 0 && c->hour - hour < READ_HOURS)
		c->failed[hour % READ_HOURS]++;
}

int64_t read_failed_in_hour(const struct read_counts *c, int64_t now_ms, int ago)
{
	int64_t hour = now_ms / HOUR_MS - ago;
	return hour >= 0 && hour <= c->hour && c->hour - hour < READ_HOURS ? c->failed[hour % READ_HOURS] : 0;
}

static enum err_code count_failed(struct store *st, struct read_counts *c, struct err *err)
{
	auto_stmt *s = stmt_get(st, STMT_RUNS_FAILED);
	stmt_bind(s, "ii", (int64_t)RUN_FAILED, (int64_t)FAILED_MAX);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err))
		count_failure(c, col_int(s, 0));
	return code;
}

static enum err_code recount(struct store *st, struct read_counts *c, struct err *err)
{
	*c = (struct read_counts){ .seq = 0 };
	enum err_code code = count_states(st, STMT_ORDER_COUNTS, c->orders, &c->norders, err);
	if (!code)
		code = count_states(st, STMT_RUN_COUNTS, c->runs, &c->nruns, err);
	if (!code)
		code = count_failed(st, c, err);
	if (!code)
		c->seq = store_last_seq(st);
	return code;
}

/* The first event of an order or run moves it out of "pending", in which none is ever stored. */
static void fold(int64_t *v, int64_t *total, int64_t was, int64_t now)
{
	if (now < 0 || now >= 16 || was >= 16)
		return; /* no state changed */
	v[now]++;
	if (was > 0)
		v[was]--;
	else
		++*total;
}

#define FOLD_MAX 20000 /* events; beyond it counting anew is quicker */

enum err_code read_counts(struct store *st, struct read_counts *c, struct err *err)
{
	int64_t newest = store_last_seq(st);
	if (!c->seq || newest < c->seq || newest - c->seq > FOLD_MAX)
		return recount(st, c, err);
	if (newest == c->seq)
		return ERR_OK;
	auto_stmt *s = stmt_get(st, STMT_EVENTS_AFTER);
	stmt_bind(s, "iii", c->seq, newest + 1, (int64_t)FOLD_MAX);
	enum err_code code = ERR_OK;
	while (stmt_row(st, s, &code, err)) {
		const char *type = col_text(s, 2);
		if (str_starts(type, "order."))
			fold(c->orders, &c->norders, col_or(s, 9, -1), col_or(s, 10, -1));
		else if (str_starts(type, "run."))
			fold(c->runs, &c->nruns, col_or(s, 9, -1), col_or(s, 10, -1));
		if (str_eq(type, "run.failed"))
			count_failure(c, col_int(s, 1));
	}
	c->seq = code ? 0 : newest;
	return code;
}

int64_t read_unseen(struct store *st)
{
	auto_stmt *s = stmt_get(st, STMT_RUN_UNSEEN);
	enum err_code code = ERR_OK;
	return stmt_row(st, s, &code, NULL) ? col_int(s, 0) : 0;
}

struct wait {
	int64_t started_ms, wait_ms;
};

static int latest_start_first(const void *a, const void *b)
{
	const struct wait *x = a, *y = b;
	return (x->started_ms < y->started_ms) - (x->started_ms > y->started_ms);
}

int64_t read_mean_wait_ms(struct store *st)
{
	static const enum order_state states[] = { ORDER_RUNNING, ORDER_SUCCEEDED, ORDER_FAILED,
		                                   ORDER_CANCELED };
	struct wait v[COUNT(states) * 50];
	size_t n = 0;
	for (size_t i = 0; i < COUNT(states); i++) {
		auto_stmt *s = stmt_get(st, STMT_ORDER_WAITS);
		stmt_bind(s, "i", (int64_t)states[i]);
		enum err_code code = ERR_OK;
		while (n < COUNT(v) && stmt_row(st, s, &code, NULL))
			if (col_int(s, 1))
				v[n++] =
				    (struct wait){ col_int(s, 1), col_int(s, 1) - col_int(s, 0) };
	}
	if (!n)
		return -1;
	qsort(v, n, sizeof(*v), latest_start_first);
	int64_t sum = 0;
	n = MIN(n, (size_t)50);
	for (size_t i = 0; i < n; i++)
		sum += MAX(v[i].wait_ms, 0);
	return sum / (int64_t)n;
}
