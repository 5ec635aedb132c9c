/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ledger of patches: listed, shown with the diff and the history, and what an operator does to one. */
#include "api/api_internal.h"

#include "base/fs.h"
#include "store/patch.h"

#include <string.h>

#define DIFF_MAX ((size_t)1 * MIB)

static void show_patch(struct api *a, struct jw *w, const struct patch_row *p)
{
	jw_id(w, "id", 'p', p->id);
	jw_id(w, "run", 'r', p->run);
	jw_node(a, w, "node", p->run, p->idx);
	jw_int(w, "generation", p->generation);
	jw_int(w, "iteration", p->iteration);
	jw_str(w, "state", state_name(ENTITY_PATCH, (int)p->state));
	jw_str(w, "reason", p->reason);
	jw_id(w, "reverts", 'p', p->reverts);
	jw_id(w, "reverted_by", 'p', p->reverted_by);
	jw_str(w, "commit", p->commit);
	jw_int(w, "files", p->files);
	jw_int(w, "added", p->added);
	jw_int(w, "removed", p->removed);
	jw_str(w, "workspace", p->workspace);
	jw_str(w, "who", p->who);
	jw_time(w, "created_at_ms", p->created_ms);
	jw_time(w, "updated_at_ms", p->updated_ms);
}

/* ---- the list ---- */

struct patch_list {
	struct api *api;
	struct jw w;
	size_t n;
	id_t64 last;
};

static void list_one(void *ctx, const struct patch_row *p)
{
	struct patch_list *l = ctx;
	jw_obj(&l->w, NULL);
	show_patch(l->api, &l->w, p);
	jw_end_obj(&l->w);
	l->n++;
	l->last = p->id;
}

enum err_code api_patches(struct request *r, struct err *err)
{
	size_t limit = 0;
	int64_t after = 0;
	id_t64 run = 0;
	int state = -1;
	const char *id = request_query(r, "run", NULL), *word = request_query(r, "state", NULL);
	engine_settle(r->api->engine);
	enum err_code code = request_limit(r, &limit, err);
	if (!code)
		code = request_cursor(r, &after, err);
	if (!code && id)
		code = find_run(r->api, id, &run, err);
	if (!code && word && (state = state_from_name(ENTITY_PATCH, word)) < 0)
		code = err_set(err, ERR_USAGE, _("state: \"%.40s\" is no state of a patch; \"quarantined\" and \"committed\" are"), word);
	if (code)
		return code;
	struct patch_list l = { .api = r->api, .w = jw_begin(&r->out) };
	jw_obj(&l.w, NULL);
	jw_arr(&l.w, "items");
	code = store_patches(r->api->store, run, state, after, (int)limit, list_one, &l, err);
	jw_end_arr(&l.w);
	jw_cursor(&l.w, !run && l.n == limit ? l.last : 0);
	jw_null(&l.w, "total");
	jw_end_obj(&l.w);
	return code;
}

/* ---- one ---- */

static void show_move(void *ctx, const struct patch_move_row *m)
{
	struct jw *w = ctx;
	jw_obj(w, NULL);
	jw_int(w, "number", m->number);
	jw_str(w, "from", m->was >= 0 ? state_name(ENTITY_PATCH, m->was) : NULL);
	jw_str(w, "to", state_name(ENTITY_PATCH, m->now));
	jw_int(w, "seq", m->seq);
	jw_time(w, "at_ms", m->at_ms);
	jw_str(w, "actor", actor_name(m->actor));
	jw_str(w, "who", m->who);
	jw_str(w, "reason", m->reason);
	jw_end_obj(w);
}

/* All that the store knows; the object is left open. */
static enum err_code show_whole(struct api *a, struct jw *w, id_t64 id, char **ret_path, struct err *err)
{
	struct patch_row p;
	enum err_code code = store_patch_get(a->store, id, &p, err);
	if (code)
		return code;
	auto_free char *stem = patch_stem(engine_home(a->engine), p.run, p.id), *detail = p.detail ? xstrdup(p.detail) : NULL;
	*ret_path = xasprintf("%s.diff", stem);
	jw_obj(w, NULL);
	show_patch(a, w, &p);
	jw_raw(w, "changes", detail ? detail : "[]");
	jw_arr(w, "history");
	code = store_patch_moves(a->store, id, show_move, w, err);
	jw_end_arr(w);
	jw_str(w, "diff_file", *ret_path);
	return code;
}

struct diff_read { /* the file is read beside the loop */
	struct job job;
	struct jw w;
	char *path;
};

static enum err_code read_diff(struct job *j, struct err *err)
{
	struct diff_read *d = CONTAINER_OF(j, struct diff_read, job);
	auto_free char *text = NULL;
	size_t len;
	(void)err;
	d->w.out = &j->out;
	if (fs_read(d->path, DIFF_MAX, &text, &len, NULL))
		jw_null(&d->w, "diff"); /* there was none, or it is not there any more */
	else
		jw_strn(&d->w, "diff", text, len);
	jw_end_obj(&d->w);
	return ERR_OK;
}

static void diff_free(struct job *j)
{
	struct diff_read *d = CONTAINER_OF(j, struct diff_read, job);
	free(d->path);
	free(d);
}

enum err_code api_patch(struct request *r, struct err *err)
{
	id_t64 id;
	engine_settle(r->api->engine);
	enum err_code code = store_patch_find(r->api->store, r->args[0], &id, err);
	if (code)
		return code;
	struct diff_read *d = xcalloc(1, sizeof(*d));
	d->job = (struct job){ .request = r, .run = read_diff, .free = diff_free };
	d->w = jw_begin(&d->job.out);
	code = show_whole(r->api, &d->w, id, &d->path, err);
	if (code) {
		str_done(&d->job.out);
		diff_free(&d->job);
		return code;
	}
	job_start(r->api, &d->job);
	return ERR_OK;
}

enum err_code patch_answer(struct request *r, id_t64 id, struct err *err)
{
	struct patch_row p;
	struct jw w = jw_begin(&r->out);
	enum err_code code = store_patch_get(r->api->store, id, &p, err);
	if (code)
		return code;
	jw_obj(&w, NULL);
	show_patch(r->api, &w, &p);
	jw_end_obj(&w);
	return ERR_OK;
}

enum err_code api_patch_do(struct request *r, struct err *err)
{
	struct command c = { .target = r->args[0], .choice = PATCH_DO_COUNT };
	const char *what = NULL;
	engine_settle(r->api->engine);
	enum err_code code = body_text(r->json, "do", &what, err);
	if (!code)
		code = body_text(r->json, "reason", &c.reason, err);
	for (int i = 0; !code && what && i < PATCH_DO_COUNT; i++)
		if (str_eq(what, patch_do_name((enum patch_do)i)))
			c.choice = i;
	if (!code && c.choice == PATCH_DO_COUNT)
		return err_set(err, ERR_USAGE, _("do: expected one of revert, drop, quarantine"));
	if (!code)
		command_start(r, &c);
	return code;
}
