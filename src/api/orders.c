/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders: lists, one, its place in the queue. */
#include "api/api_internal.h"

struct list {
	struct api *api;
	struct jw w;
};

static void list_begin(struct list *l, struct request *r)
{
	l->api = r->api;
	l->w = jw_begin(&r->out);
	jw_obj(&l->w, NULL);
	jw_arr(&l->w, "items");
}

static void add_order(void *ctx, const struct order_row *o)
{
	struct list *l = ctx;
	show_order(l->api, &l->w, NULL, o);
}

static int64_t total_of(struct api *a, const struct order_filter *f)
{
	const struct read_counts *c = counts_now(a);
	if (f->workflow)
		return -1;
	if (!f->states)
		return c->norders;
	int64_t n = 0;
	for (int i = 0; i < 16; i++)
		n += f->states >> i & 1 ? c->orders[i] : 0;
	return n;
}

#define WAITING (1U << ORDER_PENDING | 1U << ORDER_QUEUED | 1U << ORDER_HELD | 1U << ORDER_BLOCKED)
#define BEHIND \
	(INT64_C(1) << 50) /* added to an id in cursors: the page is past what has a position */

/* Those with a position, from `from` on. */
static enum err_code add_queued(struct list *l, int64_t from, size_t limit, size_t *ret_n,
                                struct err *err)
{
	auto_free id_t64 *ids = xcalloc(limit, sizeof(*ids));
	*ret_n = engine_queue_window(l->api->engine, from, ids, limit);
	for (size_t i = 0; i < *ret_n; i++) {
		struct order_row o;
		enum err_code code = store_order_get(l->api->store, ids[i], &o, err);
		if (code)
			return code;
		show_order(l->api, &l->w, NULL, &o);
	}
	return ERR_OK;
}

/* The queue as it will start; behind it what waits without a position, newest first. */
static enum err_code queue_page(struct request *r, const struct order_filter *asked, size_t limit,
                                int64_t key, struct err *err)
{
	struct order_filter f = { .states = asked->states ? asked->states : WAITING };
	int64_t total = total_of(r->api, &f), next = 0;
	bool positions = f.states >> ORDER_QUEUED & 1 && key < BEHIND;
	struct read_page rest = { .before = key > BEHIND ? key - BEHIND : 0, .limit = limit };
	struct list l;
	size_t n = 0;
	enum err_code code = ERR_OK;
	list_begin(&l, r);
	if (positions) {
		int64_t from = MAX(key, (int64_t)1);
		code = add_queued(&l, from, limit, &n, err);
		next = n == limit ? from + (int64_t)n : 0;
		rest.limit = limit - n;
	}
	f.states &= ~(1U << ORDER_QUEUED);
	if (!code && rest.limit && f.states) {
		code = read_orders(r->api->store, &f, &rest, add_order, &l, err);
		next = rest.next ? rest.next + BEHIND : 0;
	}
	jw_end_arr(&l.w);
	jw_cursor(&l.w, next);
	jw_int(&l.w, "total", total);
	jw_end_obj(&l.w);
	return code;
}

enum err_code api_orders(struct request *r, struct err *err)
{
	struct read_page page = { 0 };
	struct order_filter f = { .workflow = request_query(r, "workflow", NULL) };
	enum err_code code = request_limit(r, &page.limit, err);
	if (!code)
		code = request_cursor(r, &page.before, err);
	if (!code)
		code = query_states(r, ENTITY_ORDER, &f.states, err);
	if (code)
		return code;
	const char *order = request_query(r, "order", "newest");
	if (str_eq(order, "queue"))
		return queue_page(r, &f, page.limit, page.before, err);
	if (!str_eq(order, "newest"))
		return err_set(err, ERR_USAGE, _("order=%.40s: possible are newest and queue"),
		               order);
	struct list l;
	list_begin(&l, r);
	code = read_orders(r->api->store, &f, &page, add_order, &l, err);
	jw_end_arr(&l.w);
	jw_cursor(&l.w, page.next);
	jw_above(&l.w, "total", total_of(r->api, &f));
	jw_end_obj(&l.w);
	return code;
}

static enum err_code order_of(struct request *r, struct order_row *ret, struct err *err)
{
	id_t64 id;
	enum err_code code = find_order(r->api, r->args[0], &id, err);
	return code ? code : store_order_get(r->api->store, id, ret, err);
}

enum err_code api_order(struct request *r, struct err *err)
{
	struct order_row o;
	enum err_code code = order_of(r, &o, err);
	if (code)
		return code;
	struct jw w = jw_begin(&r->out);
	show_order(r->api, &w, NULL, &o);
	return ERR_OK;
}

/* 1 is the next to start; 0 says that it has started. */
enum err_code api_order_position(struct request *r, struct err *err)
{
	struct order_row o;
	enum err_code code = order_of(r, &o, err);
	if (code)
		return code;
	int64_t estimate = -1;
	int64_t position =
	    o.state == ORDER_QUEUED ? engine_position(r->api->engine, o.id, &estimate) : 0;
	bool waits = o.state == ORDER_QUEUED || o.state == ORDER_HELD || o.state == ORDER_BLOCKED;
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_above(&w, "position", waits && !position ? -1 : position);
	jw_above(&w, "estimated_wait_ms", waits ? estimate : 0);
	jw_above(&w, "ahead", position > 0 ? position - 1 : waits ? -1 : 0);
	jw_str(&w, "state",
	       o.state == ORDER_QUEUED ? "waiting" : state_name(ENTITY_ORDER, (int)o.state));
	jw_time(&w, "enqueued_at_ms", o.enqueued_ms);
	jw_end_obj(&w);
	return ERR_OK;
}

enum err_code api_workflow(struct request *r, struct err *err)
{
	struct hash hash;
	auto_free char *name = NULL, *file = NULL, *source = NULL;
	if (!hash_parse(r->args[0], &hash))
		return err_set(err, ERR_NOT_FOUND,
		               _("a workflow is named by the %d hexadecimal digits of its hash"),
		               HASH_TEXT_LEN);
	enum err_code code = read_workflow(r->api->store, &hash, &name, &file, &source, err);
	if (code)
		return code;
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_str(&w, "hash", r->args[0]);
	jw_str(&w, "name", name);
	jw_str(&w, "file", file);
	jw_str(&w, "source", source);
	jw_end_obj(&w);
	return ERR_OK;
}
