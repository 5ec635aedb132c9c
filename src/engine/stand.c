/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where an attempt stood: its environment and folder, made again from the run as it is now, or with the values that it had
 * then. */
#include "engine/engine_internal.h"

#include "store/read.h"

#include <string.h>

static enum err_code give(struct engine *e, struct node *n, void (*fn)(void *ctx, const struct stand *s), void *ctx,
			  struct err *err)
{
	struct step_build b = { .texts = NULL };
	enum err_code code = step_surroundings(e, n, &b, err);
	struct step_build whole = { .texts = NULL };
	struct err why;
	/* What it ran cannot always be had: an output that it names may be gone. It can be stood in all the same. */
	bool known = !code && !node_is_own(n) && step_prepare(e, n, &whole, &why) == ERR_OK;
	if (!code) {
		const struct step_spec *s = &b.spec;
		struct stand stand = { .cwd = s->cwd, .env = b.env, .nenv = b.nenv, .secrets = s->secrets,
				       .memory_bytes = s->memory_bytes, .cpu_s = s->cpu_s,
				       .file_bytes = s->file_bytes, .open_files = s->open_files,
				       .processes = s->processes,
				       .argv = known ? whole.spec.argv : NULL,
				       .script = known ? whole.spec.script : NULL };
		fn(ctx, &stand);
	}
	step_build_done(&whole);
	step_build_done(&b);
	return code;
}

static enum err_code stand(struct engine *e, struct run *r, const char *node, const struct attempt_row *a,
			   void (*fn)(void *ctx, const struct stand *s), void *ctx, struct err *err)
{
	enum err_code code;
	struct node *n = run_node(r, node);
	if (!n) {
		code = err_set(err, ERR_NOT_FOUND, _("the run has no node %.64s"), node);
	} else {
		enum run_phase phase = r->phase;
		int generation = n->generation, iteration = n->iteration, attempt = n->attempt;
		if (!node_is_handler(n))
			r->phase = PHASE_MAIN; /* as it was when it ran */
		if (a) {
			n->generation = a->generation;
			n->iteration = a->iteration;
			n->attempt = a->attempt;
		}
		code = give(e, n, fn, ctx, err);
		r->phase = phase;
		n->generation = generation;
		n->iteration = iteration;
		n->attempt = attempt;
	}
	return code;
}

enum err_code engine_stand(struct engine *e, id_t64 run, const char *node, const struct attempt_row *a,
			   void (*fn)(void *ctx, const struct stand *s), void *ctx, struct err *err)
{
	struct run *r;
	bool loaded;
	enum err_code code = run_look(e, run, &r, &loaded, err);
	if (code)
		return code;
	code = stand(e, r, node, a, fn, ctx, err);
	run_look_done(e, r, loaded);
	return code;
}

/* ---- as it was then ---- */

#define EDITS_MAX 10000 /* looked at */

struct values {
	int64_t since_ms;
	char *params, *env; /* JSON objects */
};

static void keep(struct jw *w, const struct json *member)
{
	auto_str value = STR_INIT;
	json_add(&value, member);
	jw_raw(w, json_key(member), str_text(&value));
}

/* What an edit changed, put back. A secret is not in the event and stays as it is. */
static void put_back(char **text, const struct json *changes)
{
	auto_json *now = NULL;
	auto_str s = STR_INIT;
	if (!changes || json_parse(*text, strlen(*text), 4 * MIB, &now, NULL))
		return;
	struct jw w = jw_begin(&s);
	jw_obj(&w, NULL);
	for (const struct json *i = json_first(changes); i; i = json_next(i)) {
		const struct json *was = json_get(i, "was");
		auto_str value = STR_INIT;
		json_add(&value, was);
		if (json_type(was) != JSON_NULL && !str_eq(json_str(was, ""), "***"))
			jw_raw(&w, json_key(i), str_text(&value));
	}
	for (const struct json *i = json_first(now); i; i = json_next(i)) {
		const struct json *change = json_get(changes, json_key(i));
		if (!change || str_eq(json_get_str(change, "was", ""), "***"))
			keep(&w, i);
	}
	jw_end_obj(&w);
	free(*text);
	*text = str_take(&s);
}

static void on_edit(void *ctx, const struct event_row *e)
{
	struct values *v = ctx;
	auto_json *data = NULL;
	/* One of the same millisecond made it begin: while an attempt runs nothing can be edited. */
	if (e->at_ms <= v->since_ms || !e->data || json_parse(e->data, strlen(e->data), 4 * MIB, &data, NULL))
		return;
	put_back(&v->params, json_get(data, "params"));
	put_back(&v->env, json_get(data, "env"));
}

/* Newest first: each edit since the attempt began is taken back. */
static enum err_code values_then(struct engine *e, const struct run *r, const struct attempt_row *a, struct values *ret,
				 struct err *err)
{
	*ret = (struct values){ a->started_ms, xstrdup(r->params_text ? r->params_text : "{}"),
				xstrdup(r->env_text ? r->env_text : "{}") };
	struct event_filter f = { .before = INT64_MAX, .run = r->id, .type = "run.edited", .limit = EDITS_MAX };
	int64_t last;
	return read_events(e->store, &f, on_edit, ret, &last, err);
}

enum err_code engine_stood(struct engine *e, id_t64 run, const char *node, const struct attempt_row *a,
			   void (*fn)(void *ctx, const struct stand *s), void *ctx, char **ret_params, struct err *err)
{
	struct run *r;
	bool loaded;
	enum err_code code = run_look(e, run, &r, &loaded, err);
	if (code)
		return code;
	struct values then;
	code = values_then(e, r, a, &then, err);
	auto_json *params = NULL, *env = NULL;
	if (!code)
		code = json_parse(then.params, strlen(then.params), 4 * MIB, &params, err);
	if (!code)
		code = json_parse(then.env, strlen(then.env), 4 * MIB, &env, err);
	if (!code) {
		*ret_params = xstrdup(then.params);
		struct json *params_now = r->params, *env_now = r->env;
		char *params_text = r->params_text, *env_text = r->env_text, **base = r->base_env;
		r->params = params;
		r->env = env;
		r->params_text = then.params;
		r->env_text = then.env;
		r->base_env = NULL; /* made anew of these */
		code = stand(e, r, node, a, fn, ctx, err);
		for (char **p = r->base_env; p && *p; p++)
			free(*p);
		free(r->base_env);
		r->params = params_now;
		r->env = env_now;
		r->params_text = params_text;
		r->env_text = env_text;
		r->base_env = base;
	}
	free(then.params);
	free(then.env);
	run_look_done(e, r, loaded);
	return code;
}
