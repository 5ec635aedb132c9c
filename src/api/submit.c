/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Submitting orders, one or many in one commit, and checking a workflow without submitting it. */
#include "api/api_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BATCH_ORDERS_MAX 1000000
#define LIST_MAX 1000 /* of depends_on and until */

/* A submission as read from the body; the texts are the body's. */
struct reading {
	struct submission s;
	struct hash hash;
	id_t64 *depends_on;
	const char **until;
};

static void reading_done(struct reading *x)
{
	free(x->depends_on);
	free((void *)x->until);
}
#define auto_reading CLEANUP(reading_done) struct reading

/* The member of the order, or that of the batch around it. */
static const struct json *member(const struct json *order, const struct json *batch,
                                 const char *name)
{
	const struct json *v = json_get(order, name);
	return json_type(v) == JSON_NULL && batch ? json_get(batch, name) : v;
}

static enum err_code read_workflow_part(const struct json *order, const struct json *batch,
                                        struct reading *x, struct err *err)
{
	const struct json *source = member(order, batch, "workflow"),
			  *hash = member(order, batch, "workflow_hash");
	bool has_source = json_type(source) == JSON_STRING,
	     has_hash = json_type(hash) == JSON_STRING;
	if (has_source == has_hash)
		return err_set(
		    err, ERR_USAGE,
		    _("give the text of the workflow in \"workflow\", or the hash of a stored one "
		      "in \"workflow_hash\", and not both"));
	if (has_hash) {
		if (!hash_parse(json_str(hash, ""), &x->hash))
			return err_set(err, ERR_USAGE,
			               _("workflow_hash: expected %d hexadecimal digits"),
			               HASH_TEXT_LEN);
		x->s.hash = &x->hash;
	} else {
		x->s.source = json_str(source, "");
		x->s.source_len = strlen(x->s.source);
	}
	const struct json *file = member(order, batch, "file"), *dir = member(order, batch, "dir");
	x->s.file = json_str(file, "");
	x->s.dir = json_str(dir, "");
	if (strlen(x->s.file) > 4096 || strlen(x->s.dir) > 4096)
		return err_set(err, ERR_USAGE, _("file and dir have at most 4096 bytes"));
	if (*x->s.dir && *x->s.dir != '/')
		return err_set(err, ERR_USAGE, _("dir: expected an absolute path"));
	return ERR_OK;
}

static enum err_code read_depends(struct api *a, const struct json *order, struct reading *x,
                                  struct err *err)
{
	auto_free const char **names = NULL;
	enum err_code code =
	    body_texts(order, "depends_on", LIST_MAX, &names, &x->s.ndepends_on, err);
	if (code || !x->s.ndepends_on)
		return code;
	x->depends_on = xcalloc(x->s.ndepends_on, sizeof(*x->depends_on));
	x->s.depends_on = x->depends_on;
	engine_settle(a->engine);
	for (size_t i = 0; i < x->s.ndepends_on && !code; i++)
		code = find_order(a, names[i], &x->depends_on[i], err);
	return code;
}

static enum err_code read_flags(const struct json *order, struct submission *s, struct err *err)
{
	const char *policy = NULL;
	int64_t priority = 0;
	enum err_code code = body_flag(order, "hold", &s->hold, err);
	if (!code)
		code = body_flag(order, "paused", &s->paused, err);
	if (!code)
		code = body_flag(order, "until_failure", &s->until_failure, err);
	if (!code)
		code = body_number(order, "priority", 0, -1000000, 1000000, &priority, err);
	if (!code)
		code = body_number(order, "max_wait_ms", 0, 0, INT64_C(366) * 24 * 3600 * 1000,
		                   &s->max_wait_ms, err);
	if (!code)
		code = body_text(order, "on_dependency_failure", &policy, err);
	if (!code)
		code = body_text(order, "submitter", &s->submitter, err);
	if (code)
		return code;
	s->priority = (int)priority;
	if (s->submitter && strlen(s->submitter) > 128)
		return err_set(err, ERR_USAGE, _("submitter: at most 128 bytes"));
	if (policy && !str_eq(policy, "fail") && !str_eq(policy, "skip"))
		return err_set(err, ERR_USAGE,
		               _("on_dependency_failure: %.40s: possible are fail and skip"),
		               policy);
	s->skip_on_failure = policy && str_eq(policy, "skip");
	return ERR_OK;
}

static enum err_code read_submission(struct api *a, const struct json *order,
                                     const struct json *batch, struct reading *x, struct err *err)
{
	enum err_code code = read_workflow_part(order, batch, x, err);
	if (!code)
		code = read_flags(order, &x->s, err);
	if (!code)
		code = read_depends(a, order, x, err);
	if (!code)
		code = body_texts(order, "until", LIST_MAX, &x->until, &x->s.nuntil, err);
	if (code)
		return code;
	x->s.until = x->until;
	x->s.params = member(order, batch, "params");
	x->s.env = member(order, batch, "env");
	x->s.breaks = json_get(order, "breakpoints");
	if (json_type(x->s.breaks) == JSON_NULL)
		x->s.breaks = NULL;
	if (json_type(x->s.params) != JSON_NULL && json_type(x->s.params) != JSON_OBJECT)
		return err_set(err, ERR_USAGE, _("params: expected an object"));
	if (json_type(x->s.env) != JSON_NULL && json_type(x->s.env) != JSON_OBJECT)
		return err_set(err, ERR_USAGE, _("env: expected an object of texts"));
	for (const struct json *e = json_first(x->s.env); e; e = json_next(e))
		if (json_type(e) != JSON_STRING)
			return err_set(err, ERR_USAGE, _("env: %.64s: expected text"), json_key(e));
	if (json_type(x->s.params) == JSON_NULL)
		x->s.params = NULL;
	if (json_type(x->s.env) == JSON_NULL)
		x->s.env = NULL;
	return ERR_OK;
}

enum err_code api_submit(struct request *r, struct err *err)
{
	auto_reading x = { .depends_on = NULL };
	enum err_code code = read_submission(r->api, r->json, NULL, &x, err);
	if (code)
		return code;
	struct command c = { .verb = VERB_SUBMIT, .submit = &x.s };
	command_start(r, &c);
	return ERR_OK;
}

/* ---- many in one commit ---- */

struct batch {
	struct request *request;
	size_t left; /* not yet answered */
	bool given;  /* all were given to the engine */
	size_t nrefused;
	struct batch_item {
		struct batch *batch;
		id_t64 id;
		enum err_code code;
		char *message; /* of a refusal */
	} * items;
	size_t n;
};

static void batch_free(void *state)
{
	struct batch *b = state;
	for (size_t i = 0; i < b->n; i++)
		free(b->items[i].message);
	free(b->items);
	free(b);
}

static void batch_finish(struct batch *b)
{
	struct request *r = b->request;
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_arr(&w, "items");
	for (size_t i = 0; i < b->n; i++) {
		const struct batch_item *item = &b->items[i];
		jw_obj(&w, NULL);
		if (item->code) {
			jw_str(&w, "code", err_name(item->code));
			jw_str(&w, "message", item->message);
		} else {
			jw_id(&w, "id", 'o', item->id);
		}
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	r->status = 201;
	request_finish(r, ERR_OK, NULL);
}

static void refuse_item(struct batch_item *item, enum err_code code, const struct err *err)
{
	item->code = code;
	item->message = xstrdup(err ? err->message : "");
	item->batch->nrefused++;
}

static void item_answered(void *ctx, const struct command_reply *reply)
{
	struct batch_item *item = ctx;
	struct batch *b = item->batch;
	if (reply->code)
		refuse_item(item, reply->code, reply->err);
	item->id = reply->id;
	if (reply->replayed)
		b->request->replayed = true;
	if (--b->left == 0 && b->given)
		batch_finish(b);
}

/* One after the other into the same turn, so that one commit holds all. */
static void give_item(struct batch *b, const struct json *order, struct batch_item *item, size_t i,
                      const struct hash *body)
{
	struct request *r = b->request;
	auto_reading x = { .depends_on = NULL };
	struct err err = { .code = ERR_OK };
	enum err_code code =
	    json_type(order) == JSON_OBJECT
		? body_check(order, ORDER_FIELDS, &err)
		: err_set(&err, ERR_USAGE, _("orders: expected a list of objects"));
	if (!code)
		code = read_submission(r->api, order, r->json, &x, &err);
	if (code) {
		refuse_item(item, code, &err);
		b->left--;
		return;
	}
	char key[192];
	if (!x.s.submitter)
		x.s.submitter = request_who(r);
	struct command c = { .verb = VERB_SUBMIT, .submit = &x.s, .who = request_who(r), .body = *body };
	if (r->idempotency_key) {
		(void)snprintf(key, sizeof(key), "%s/%zu", r->idempotency_key, i);
		c.idempotency_key = key;
	}
	engine_command(r->api->engine, &c, item_answered, item);
}

enum err_code api_batch(struct request *r, struct err *err)
{
	const struct json *list = json_get(r->json, "orders");
	size_t n = json_count(list);
	if (json_type(list) != JSON_ARRAY || !n)
		return err_set(err, ERR_USAGE, _("orders: expected a list of at least one order"));
	if (n > BATCH_ORDERS_MAX)
		return err_set(err, ERR_TOO_LARGE, _("orders: at most %d in one request"),
		               BATCH_ORDERS_MAX);
	struct batch *b = xcalloc(1, sizeof(*b));
	b->request = r;
	b->items = xcalloc(n, sizeof(*b->items));
	b->n = b->left = n;
	r->state = b;
	r->state_free = batch_free;
	struct hash body = hash_bytes(str_text(&r->body), r->idempotency_key ? r->body.len : 0);
	request_wait(r);
	size_t i = 0;
	for (const struct json *e = json_first(list); e; e = json_next(e), i++) {
		b->items[i].batch = b;
		give_item(b, e, &b->items[i], i, &body);
	}
	b->given = true;
	if (!b->left)
		batch_finish(b);
	return ERR_OK;
}

/* ---- checking: files may be read, so it is done in the thread pool ---- */

struct validation {
	struct job job;
	const char *source; /* the request's */
	char *file;
};

static enum err_code validate(struct job *j, struct err *err)
{
	struct validation *v = CONTAINER_OF(j, struct validation, job);
	struct flow_report report = { .v = NULL };
	struct graph *g = NULL;
	struct err why = { .code = ERR_OK };
	enum err_code code =
	    flow_load(v->file, v->source, strlen(v->source), &flow_files, &g, &report, &why);
	if (code && code != ERR_INVALID) {
		flow_report_done(&report);
		*err = why;
		return code;
	}
	struct jw w = jw_begin(&j->out);
	char hash[HASH_TEXT_LEN + 1] = "";
	if (g)
		hash_hex(&g->hash, hash);
	jw_obj(&w, NULL);
	jw_bool(&w, "valid", !code);
	show_report(&w, "issues", &report);
	jw_int(&w, "dropped", (int64_t)report.dropped);
	jw_str(&w, "hash", g ? hash : NULL);
	jw_str(&w, "name", g ? g->name : NULL);
	jw_int(&w, "nodes", g ? (int64_t)g->nnodes : 0);
	show_params(&w, g);
	jw_end_obj(&w);
	graph_free(g);
	flow_report_done(&report);
	return ERR_OK;
}

static void free_validation(struct job *j)
{
	struct validation *v = CONTAINER_OF(j, struct validation, job);
	free(v->file);
	free(v);
}

enum err_code api_validate(struct request *r, struct err *err)
{
	const char *source = NULL, *file = NULL, *dir = NULL;
	enum err_code code = body_text(r->json, "workflow", &source, err);
	if (!code)
		code = body_text(r->json, "file", &file, err);
	if (!code)
		code = body_text(r->json, "dir", &dir, err);
	if (!code && !source)
		code = err_set(err, ERR_USAGE, _("workflow: expected the text of a workflow"));
	if (code)
		return code;
	struct validation *v = xcalloc(1, sizeof(*v));
	v->source = source;
	/* Sub-workflows are looked for beside the file, and the file where it was. */
	const char *base = file && strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	v->file = file && *file && *file != '/' && dir && *dir ? xasprintf("%s/%s", dir, base)
	                                                       : xstrdup(file ? file : "");
	v->job.request = r;
	v->job.run = validate;
	v->job.free = free_validation;
	job_start(r->api, &v->job);
	return ERR_OK;
}
