/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions to people, and their answers. */
#include "api/api_internal.h"

#include <string.h>

static void show_choices(struct jw *w, unsigned int choices)
{
	jw_arr(w, "choices");
	for (int i = 0; i < APPROVAL_CHOICE_COUNT; i++)
		if (choices >> i & 1)
			jw_str(w, NULL, approval_choice_name((enum approval_choice)i));
	jw_end_arr(w);
}

void show_approval(struct api *a, struct jw *w, const char *key, const struct approval_row *row)
{
	static const char *const states[] = { "open", "decided", "expired", "withdrawn" };
	bool decided = row->choice >= 0 && row->choice < APPROVAL_CHOICE_COUNT;
	jw_obj(w, key);
	jw_id(w, "run", 'r', row->run);
	jw_node(a, w, "node", row->run, row->idx);
	jw_int(w, "generation", row->generation);
	jw_int(w, "iteration", row->iteration);
	jw_str(w, "state", states[row->state]);
	jw_str(w, "question", row->question);
	show_choices(w, row->choices);
	jw_raw(w, "roles", row->roles);
	jw_raw(w, "to", row->targets);
	jw_str(w, "on_timeout",
	       row->deadline_ms ? approval_choice_name((enum approval_choice)row->on_timeout) : NULL);
	jw_time(w, "asked_at_ms", row->asked_ms);
	jw_time(w, "deadline_at_ms", row->deadline_ms);
	jw_str(w, "choice", decided ? approval_choice_name((enum approval_choice)row->choice) : NULL);
	jw_str(w, "target", row->target);
	jw_str(w, "who", row->who);
	jw_str(w, "role", row->role);
	jw_str(w, "reason", row->reason);
	jw_str(w, "feedback", row->feedback);
	jw_time(w, "decided_at_ms", row->decided_ms);
	jw_end_obj(w);
}

struct approval_list {
	struct api *api;
	struct jw w;
	id_t64 run; /* 0: all */
	bool all;   /* answered ones, too */
};

static void add_one(void *ctx, const struct approval_row *row)
{
	struct approval_list *l = ctx;
	if (l->all || row->state == APPROVAL_OPEN)
		show_approval(l->api, &l->w, NULL, row);
}

enum err_code api_approvals(struct request *r, struct err *err)
{
	struct approval_list l = { .api = r->api };
	size_t limit;
	const char *run = request_query(r, "run", NULL);
	enum err_code code = request_limit(r, &limit, err);
	if (!code)
		code = request_flag(r, "all", &l.all, err);
	if (!code && run)
		code = find_run(r->api, run, &l.run, err);
	if (code)
		return code;
	if (l.all && !l.run)
		return err_set(err, ERR_USAGE, _("all: with run alone"));
	l.w = jw_begin(&r->out);
	jw_obj(&l.w, NULL);
	jw_arr(&l.w, "items");
	code = l.run ? store_approvals_of(r->api->store, l.run, add_one, &l, err)
	             : store_approvals_open(r->api->store, 0, (int64_t)limit, add_one, &l, err);
	jw_end_arr(&l.w);
	jw_null(&l.w, "next");
	jw_null(&l.w, "total");
	jw_end_obj(&l.w);
	return code;
}

static enum err_code choice_of(const struct request *r, int *ret, struct err *err)
{
	const char *choice = NULL;
	enum err_code code = body_text(r->json, "choice", &choice, err);
	for (int i = 0; !code && choice && i < APPROVAL_CHOICE_COUNT; i++) {
		if (!str_eq(choice, approval_choice_name((enum approval_choice)i)))
			continue;
		*ret = i;
		return ERR_OK;
	}
	return code ? code
	            : err_set(err, ERR_USAGE,
	                      _("choice: expected one of continue, retry, skip, redirect, abort"));
}

enum err_code api_decide(struct request *r, struct err *err)
{
	struct command c = { .nodes = &r->args[1], .nnodes = 1 };
	int idx;
	engine_settle(r->api->engine);
	enum err_code code = find_run(r->api, r->args[0], &c.id, err);
	if (!code)
		code = node_find(r->api, c.id, r->args[1], &idx, err);
	if (!code)
		code = choice_of(r, &c.choice, err);
	if (!code)
		code = body_text(r->json, "reason", &c.reason, err);
	if (!code)
		code = body_text(r->json, "role", &c.role, err);
	if (!code)
		code = body_text(r->json, "to", &c.target, err);
	if (!code)
		code = body_text(r->json, "feedback", &c.feedback, err);
	if (!code)
		command_start(r, &c);
	return code;
}
