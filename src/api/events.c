/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of events. */
#include "api/api_internal.h"

struct list {
	struct api *api;
	struct jw w;
};

static void add_event(void *ctx, const struct event_row *e)
{
	struct list *l = ctx;
	show_event(l->api, &l->w, NULL, e);
}

enum err_code api_events(struct request *r, struct err *err)
{
	struct event_filter f = { .type = request_query(r, "type", NULL) };
	int64_t last;
	enum err_code code = request_limit(r, &f.limit, err);
	if (!code)
		code = request_number(r, "after", 0, 0, INT64_MAX - 1, &f.after, err);
	if (!code)
		code = request_number(r, "before", 0, 1, INT64_MAX, &f.before, err);
	if (!code && f.before && request_query(r, "after", NULL))
		code = err_set(err, ERR_USAGE, _("after and before exclude each other"));
	const char *run = request_query(r, "run", NULL), *order = request_query(r, "order", NULL);
	if (!code && run && order)
		code = err_set(err, ERR_USAGE, _("run and order exclude each other"));
	if (!code && run)
		code = find_run(r->api, run, &f.run, err);
	if (!code && order)
		code = find_order(r->api, order, &f.order, err);
	if (code)
		return code;
	struct list l = { r->api, jw_begin(&r->out) };
	jw_obj(&l.w, NULL);
	jw_arr(&l.w, "items");
	code = read_events(r->api->store, &f, add_event, &l, &last, err);
	jw_end_arr(&l.w);
	auto_str next = STR_INIT;
	str_add_i64(&next, last);
	jw_str(&l.w, "next", last > 0 ? str_text(&next) : NULL);
	if (f.run || f.order || f.type)
		jw_null(&l.w, "total");
	else
		jw_int(&l.w, "total", store_last_seq(r->api->store));
	jw_end_obj(&l.w);
	return code;
}
