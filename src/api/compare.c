/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two attempts of a node beside each other, by default the failed one and the last that was good (of this run, or of
 * an earlier one of the same workflow): how they ended, what they were given, what they wrote. What is in memory and
 * in the database is compared on the loop; the logs in the thread pool. */
#include "api/api_internal.h"

#include "journal/compare.h"
#include "space/snapshot.h"
#include "store/steer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EARLIER_RUNS 50 /* looked at for a good one */
#define ATTEMPTS_MAX 1000
#define CONTEXT_MAX 100000
#define SHOWN_MAX 5000
#define LINE_SHOWN 4096
#define FILES_SHOWN 1000

struct side {
	id_t64 run;
	int idx;
	struct attempt_row at;
	char *message;
	char *outputs; /* NULL: not known of this attempt */
	char *before;  /* snapshot of its files when it began; NULL: none was kept */
	struct hash workflow;
	char *params, *log, *source;
	struct smap env; /* name → value, owned */
};

struct compare {
	struct job job;
	struct side a, b;
	char *node, *head; /* the first half of the answer */
	char *home;
	struct jw w;
	size_t nfiles;
	int64_t context;
};

static void side_done(struct side *s)
{
	size_t at = 0;
	char *v;
	while ((v = smap_next(&s->env, &at, NULL)))
		free(v);
	smap_done(&s->env);
	free(s->message);
	free(s->outputs);
	free(s->before);
	free(s->params);
	free(s->log);
	free(s->source);
}

static void free_compare(struct job *j)
{
	struct compare *c = CONTAINER_OF(j, struct compare, job);
	side_done(&c->a);
	side_done(&c->b);
	free(c->node);
	free(c->head);
	free(c->home);
	free(c);
}

/* ---- which two ---- */

/* "3", "1.3" or "2.1.3": attempt, iteration and attempt, generation and both. */
enum err_code attempt_numbers(const char *text, int ret[3], struct err *err)
{
	int v[3], n = 0;
	const char *p = text;
	for (; n < 3; p++) {
		char *end;
		long x = strtol(p, &end, 10);
		if (end == p || x < 1 || x > INT32_MAX)
			break;
		v[n++] = (int)x;
		p = end;
		if (*p != '.')
			break;
	}
	if (n == 0 || *p)
		return err_set(err, ERR_USAGE, _("\"%.40s\" is no attempt: expected A, I.A or G.I.A, as 2.1.3"), text);
	ret[0] = n > 2 ? v[n - 3] : -1;
	ret[1] = n > 1 ? v[n - 2] : -1;
	ret[2] = v[n - 1];
	return ERR_OK;
}

struct search {
	struct attempt_row found;
	int64_t below;  /* older than this one; 0: any */
	bool good, bad; /* one that succeeded, or one that failed */
	bool alike;     /* done for the same: work, checks, or a strategy's command */
	enum attempt_phase phase;
};

static void look_at(void *ctx, const struct attempt_row *at, int newest UNUSED)
{
	struct search *s = ctx;
	bool failed = at->state == ATTEMPT_FAILED || at->state == ATTEMPT_TIMED_OUT;
	if (s->found.token || at->state == ATTEMPT_RUNNING || (s->below && at->token >= s->below) ||
	    (s->good && at->state != ATTEMPT_SUCCEEDED) || (s->bad && !failed) ||
	    (s->alike && (enum attempt_phase)at->phase != s->phase))
		return;
	s->found = *at;
}

static enum err_code search(struct api *a, id_t64 run, int idx, struct search *s, struct err *err)
{
	struct read_page page = { .limit = ATTEMPTS_MAX };
	s->found.token = 0;
	return read_node_attempts(a->store, run, idx, &page, look_at, s, err);
}

struct earlier {
	struct api *api;
	id_t64 runs[EARLIER_RUNS];
	size_t n;
};

static void note_run(void *ctx, const struct run_row *r)
{
	struct earlier *e = ctx;
	if (e->n < EARLIER_RUNS)
		e->runs[e->n++] = r->id;
}

/* The node of that name in the newest earlier run of the same workflow in which it was good. */
static enum err_code good_earlier(struct api *a, const struct side *b, const char *node, struct side *ret,
				  struct err *err)
{
	const struct run_graph *rg = run_graph(a, b->run);
	auto_free char *name = xstrdup(rg ? rg->name : "");
	struct earlier e = { .api = a };
	struct run_filter f = { .workflow = name };
	struct read_page page = { .before = b->run, .limit = EARLIER_RUNS };
	enum err_code code = read_runs(a->store, &f, &page, note_run, &e, err);
	for (size_t i = 0; i < e.n && !code; i++) {
		struct search s = { .good = true, .alike = true, .phase = (enum attempt_phase)b->at.phase };
		int idx;
		if (node_find(a, e.runs[i], node, &idx, NULL))
			continue;
		code = search(a, e.runs[i], idx, &s, err);
		if (code || !s.found.token)
			continue;
		ret->run = e.runs[i];
		ret->idx = idx;
		ret->at = s.found;
		break;
	}
	return code;
}

static enum err_code choose_b(struct request *r, struct compare *c, struct err *err)
{
	int v[3];
	const char *text = request_query(r, "b", NULL);
	struct search s = { .bad = true };
	enum err_code code;
	if (text) {
		code = attempt_numbers(text, v, err);
		return code ? code : read_attempt(r->api->store, c->b.run, c->b.idx, v[0], v[1], v[2], &c->b.at, err);
	}
	code = search(r->api, c->b.run, c->b.idx, &s, err);
	if (!code && !s.found.token) {
		s.bad = false;
		code = search(r->api, c->b.run, c->b.idx, &s, err);
	}
	if (!code && !s.found.token)
		code = err_set(err, ERR_NOT_FOUND, _("no attempt of %.64s has ended: there is nothing to compare"), c->node);
	c->b.at = s.found;
	return code;
}

static enum err_code choose_a(struct request *r, struct compare *c, struct err *err)
{
	int v[3];
	const char *text = request_query(r, "a", NULL);
	struct search s = { .good = true, .below = c->b.at.token, .alike = true, .phase = (enum attempt_phase)c->b.at.phase };
	enum err_code code;
	c->a.run = c->b.run;
	c->a.idx = c->b.idx;
	if (text) {
		const char *slash = strchr(text, '/');
		auto_free char *run = slash ? xstrndup(text, (size_t)(slash - text)) : NULL;
		code = run ? find_run(r->api, run, &c->a.run, err) : ERR_OK;
		if (!code && run)
			code = node_find(r->api, c->a.run, c->node, &c->a.idx, err);
		if (!code)
			code = attempt_numbers(slash ? slash + 1 : text, v, err);
		return code ? code : read_attempt(r->api->store, c->a.run, c->a.idx, v[0], v[1], v[2], &c->a.at, err);
	}
	code = search(r->api, c->a.run, c->a.idx, &s, err);
	c->a.at = s.found;
	if (!code && !s.found.token)
		code = good_earlier(r->api, &c->b, c->node, &c->a, err);
	if (!code && !c->a.at.token) { /* one that went well afterwards */
		c->a.run = c->b.run;
		c->a.idx = c->b.idx;
		s.below = 0;
		code = search(r->api, c->a.run, c->a.idx, &s, err);
		if (s.found.token > c->b.at.token)
			c->a.at = s.found;
		s.below = c->b.at.token;
	}
	if (!code && !c->a.at.token) {
		s.good = false;
		code = search(r->api, c->a.run, c->a.idx, &s, err);
		c->a.at = s.found;
	}
	if (!code && !c->a.at.token) {
		code = err_set(err, ERR_NOT_FOUND, _("%.64s has just one attempt, and was never good in an earlier run"),
			       c->node);
		err_hint(err, _("name another one, as RUN/G.I.A"));
	}
	return code;
}

/* ---- what is known of each ---- */

static void note_outputs(void *ctx, const struct node_row *row)
{
	struct side *s = ctx;
	if (row->generation == s->at.generation && row->token == s->at.token && row->outputs && !s->outputs)
		s->outputs = xstrdup(row->outputs);
	if (row->generation == s->at.generation && row->iteration == s->at.iteration && row->before && !s->before)
		s->before = xstrdup(row->before);
}

static bool holds_secret(const struct stand *s, const char *value)
{
	for (const char *const *p = s->secrets; p && *p; p++)
		if (strstr(value, *p))
			return true;
	return false;
}

static void note_stand(void *ctx, const struct stand *s)
{
	struct side *side = ctx;
	for (size_t i = 0; i < s->nenv; i++) {
		const char *equals = strchr(s->env[i], '=');
		if (!equals)
			continue;
		auto_free char *name = xstrndup(s->env[i], (size_t)(equals - s->env[i]));
		free(smap_get(&side->env, name));
		smap_put(&side->env, name, xstrdup(holds_secret(s, equals + 1) ? "***" : equals + 1));
	}
}

/* Secret ones are not told apart. */
static char *params_shown(struct api *a, id_t64 run, const char *params)
{
	const struct graph *g = graph_of(a, run);
	auto_json *v = NULL;
	auto_str s = STR_INIT;
	struct jw w = jw_begin(&s);
	jw_obj(&w, NULL);
	if (json_parse(params, strlen(params), 4 * MIB, &v, NULL) == ERR_OK)
		for (const struct json *p = json_first(v); p; p = json_next(p)) {
			bool secret = !g;
			for (size_t i = 0; g && i < g->nparams; i++)
				secret |= g->params[i].secret && str_eq(g->params[i].name, json_key(p));
			auto_str text = STR_INIT;
			json_add(&text, p);
			jw_raw(&w, json_key(p), secret ? "\"***\"" : str_text(&text));
		}
	jw_end_obj(&w);
	return str_take(&s);
}

static enum err_code fill_side(struct api *a, struct side *s, const char *node, struct err *err)
{
	struct run_row row;
	enum err_code code = store_attempt_get(a->store, s->at.token, &s->at, err);
	if (code)
		return code;
	/* Its texts live until the next question. */
	s->message = s->at.message ? xstrdup(s->at.message) : NULL;
	s->at.message = s->at.tail = s->at.retry_reason = s->at.boot_id = NULL;
	code = store_run_get(a->store, s->run, &row, err);
	if (code)
		return code;
	s->workflow = row.workflow;
	auto_free char *params = xstrdup(row.params);
	/* It may have been edited since. */
	(void)store_run_definition(a->store, s->run, s->at.generation, &s->workflow);
	s->params = params_shown(a, s->run, params);
	s->log = engine_log_path(a->engine, s->run, s->idx, s->at.generation, s->at.iteration, s->at.attempt);
	auto_free char *name = NULL, *file = NULL;
	code = read_workflow(a->store, &s->workflow, &name, &file, &s->source, err);
	if (!code)
		code = store_node_generations(a->store, s->run, s->idx, note_outputs, s, err);
	/* Checks found what the work of their iteration left. */
	struct iteration_row i;
	if (!code && s->at.phase != PHASE_WORK &&
	    !store_iteration_get(a->store, s->run, s->idx, s->at.generation, s->at.iteration, &i, NULL) && i.tree) {
		free(s->before);
		s->before = xstrdup(i.tree);
	}
	struct err why;
	/* One whose values cannot be had (any more) has no environment to show. */
	auto_free char *then = NULL;
	if (!code && engine_stood(a->engine, s->run, node, &s->at, note_stand, s, &then, &why))
		code = ERR_OK; /* no environment, then */
	if (then) {
		free(s->params);
		s->params = params_shown(a, s->run, then);
	}
	return code;
}

/* ---- the answer ---- */

static void show_side(struct api *a, struct jw *w, const char *key, const struct side *s)
{
	const struct attempt_row *at = &s->at;
	char hash[HASH_TEXT_LEN + 1];
	hash_hex(&s->workflow, hash);
	jw_obj(w, key);
	jw_id(w, "run", 'r', s->run);
	jw_node(a, w, "node", s->run, s->idx);
	jw_int(w, "generation", at->generation);
	jw_int(w, "iteration", at->iteration);
	jw_int(w, "attempt", at->attempt);
	jw_str(w, "state", state_name(ENTITY_ATTEMPT, (int)at->state));
	jw_str(w, "class", at->class ? error_class_name(at->class) : NULL);
	jw_str(w, "message", s->message);
	jw_above(w, "exit_code", at->exit_code);
	jw_above(w, "signal", at->signal > 0 ? at->signal : -1);
	jw_time(w, "started_at_ms", at->started_ms);
	jw_above(w, "duration_ms", at->ended_ms ? MAX(at->ended_ms - at->started_ms, (int64_t)0) : -1);
	jw_int(w, "cpu_ms", at->cpu_us / 1000);
	jw_int(w, "rss_kib", at->rss_kib);
	jw_int(w, "log_lines", at->log_lines);
	jw_str(w, "workflow_hash", hash);
	jw_end_obj(w);
}

static void show_change(struct jw *w, const char *name, const char *a, const char *b)
{
	jw_obj(w, NULL);
	jw_str(w, "name", name);
	if (a)
		jw_raw(w, "a", a);
	else
		jw_null(w, "a");
	if (b)
		jw_raw(w, "b", b);
	else
		jw_null(w, "b");
	jw_end_obj(w);
}

/* Members of two objects that differ. */
static void show_members(struct jw *w, const char *key, const char *a, const char *b)
{
	auto_json *va = NULL, *vb = NULL;
	if ((a && json_parse(a, strlen(a), 16 * MIB, &va, NULL)) || (b && json_parse(b, strlen(b), 16 * MIB, &vb, NULL))) {
		jw_null(w, key);
		return;
	}
	jw_arr(w, key);
	for (int round = 0; round < 2; round++) {
		for (const struct json *i = json_first(round ? vb : va); i; i = json_next(i)) {
			const struct json *other = json_get(round ? va : vb, json_key(i));
			auto_str mine = STR_INIT, its = STR_INIT;
			json_add(&mine, i);
			if (other)
				json_add(&its, other);
			if (round ? other != NULL : other && str_eq(str_text(&mine), str_text(&its)))
				continue;
			const char *theirs = other ? str_text(&its) : NULL;
			show_change(w, json_key(i), round ? theirs : str_text(&mine), round ? str_text(&mine) : theirs);
		}
	}
	jw_end_arr(w);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What says which attempt it is differs by itself. */
static bool is_own_name(const char *name)
{
	return str_eq(name, "PAWL_RUN") || str_eq(name, "PAWL_GENERATION") || str_eq(name, "PAWL_ITERATION") ||
	       str_eq(name, "PAWL_ATTEMPT") || str_eq(name, "PAWL_WORKSPACE");
}

static void show_env(struct jw *w, const struct side *a, const struct side *b)
{
	const char **names = xcalloc(a->env.n + b->env.n + 1, sizeof(*names));
	size_t n = 0, at = 0;
	const char *name;
	while (smap_next(&a->env, &at, &name))
		names[n++] = name;
	at = 0;
	while (smap_next(&b->env, &at, &name))
		if (!smap_get(&a->env, name))
			names[n++] = name;
	qsort((void *)names, n, sizeof(*names), by_text);
	jw_arr(w, "environment");
	for (size_t i = 0; i < n; i++) {
		const char *va = smap_get(&a->env, names[i]), *vb = smap_get(&b->env, names[i]);
		if ((va && vb && str_eq(va, vb)) || is_own_name(names[i]))
			continue;
		auto_str qa = STR_INIT, qb = STR_INIT;
		if (va)
			json_add_quoted(&qa, va, strlen(va));
		if (vb)
			json_add_quoted(&qb, vb, strlen(vb));
		show_change(w, names[i], va ? str_text(&qa) : NULL, vb ? str_text(&qb) : NULL);
	}
	jw_end_arr(w);
	free((void *)names);
}

static char *make_head(struct api *a, const struct compare *c)
{
	auto_str s = STR_INIT;
	struct jw w = jw_begin(&s);
	jw_obj(&w, NULL);
	jw_id(&w, "run", 'r', c->b.run);
	jw_str(&w, "node", c->node);
	show_side(a, &w, "a", &c->a);
	show_side(a, &w, "b", &c->b);
	show_env(&w, &c->a, &c->b);
	show_members(&w, "params", c->a.params, c->b.params);
	show_members(&w, "outputs", c->a.outputs, c->b.outputs);
	return str_take(&s);
}

static bool add_file(void *with, const char *path, enum space_change change)
{
	struct compare *c = with;
	if (c->nfiles++ < FILES_SHOWN) {
		jw_obj(&c->w, NULL);
		jw_str(&c->w, "path", path);
		jw_str(&c->w, "change", space_change_name(change));
		jw_end_obj(&c->w);
	}
	return true;
}

/* What each found when it began. Null when that was not kept of both. */
static void compare_files(struct compare *c)
{
	char a[41], b[41];
	struct err why;
	bool known = c->a.before && c->b.before && !space_tree_id(c->home, c->a.before, a, &why) &&
		     !space_tree_id(c->home, c->b.before, b, &why);
	if (!known) {
		jw_null(&c->w, "files");
		return;
	}
	auto_free char *store = xasprintf("%s/snapshots", c->home);
	jw_obj(&c->w, "files");
	jw_arr(&c->w, "items");
	enum err_code code = str_eq(a, b) ? ERR_OK : space_diff(store, a, b, add_file, c, &why);
	jw_end_arr(&c->w);
	jw_int(&c->w, "total", (int64_t)c->nfiles);
	jw_str(&c->w, "error", code ? why.message : NULL);
	jw_end_obj(&c->w);
}

/* In the pool. */
static enum err_code compare_texts(struct job *j, struct err *err)
{
	struct compare *c = CONTAINER_OF(j, struct compare, job);
	struct text_lines a, b;
	str_add(&j->out, c->head);
	c->w = (struct jw){ .out = &j->out, .comma = true };
	compare_files(c);
	struct jw w = c->w;
	struct compare_options o = { .context = c->context, .max_shown = SHOWN_MAX, .line_max = LINE_SHOWN };
	if (memcmp(&c->a.workflow, &c->b.workflow, sizeof(c->a.workflow)) == 0) {
		jw_null(&w, "definition");
	} else {
		lines_of_text(c->a.source, &a);
		lines_of_text(c->b.source, &b);
		lines_compare(&a, &b, &o, &w, "definition");
		lines_done(&a);
		lines_done(&b);
	}
	enum err_code code = lines_of_log(c->a.log, &a, err);
	if (code)
		return code;
	code = lines_of_log(c->b.log, &b, err);
	if (!code) {
		o.mask = true;
		lines_compare(&a, &b, &o, &w, "log");
		lines_done(&b);
	}
	lines_done(&a);
	jw_end_obj(&w);
	return code;
}

enum err_code api_compare(struct request *r, struct err *err)
{
	struct compare *c = xcalloc(1, sizeof(*c));
	c->job.out = (struct str)STR_INIT;
	c->node = xstrdup(r->args[1]);
	bool all = false;
	engine_settle(r->api->engine);
	enum err_code code = find_run(r->api, r->args[0], &c->b.run, err);
	if (!code)
		code = node_find(r->api, c->b.run, c->node, &c->b.idx, err);
	if (!code)
		code = request_number(r, "context", 3, 0, CONTEXT_MAX, &c->context, err);
	if (!code)
		code = request_flag(r, "all", &all, err);
	if (!code)
		code = choose_b(r, c, err);
	if (!code)
		code = fill_side(r->api, &c->b, c->node, err);
	if (!code)
		code = choose_a(r, c, err);
	if (!code)
		code = fill_side(r->api, &c->a, c->node, err);
	if (code) {
		free_compare(&c->job);
		return code;
	}
	c->context = all ? -1 : c->context;
	c->head = make_head(r->api, c);
	c->home = xstrdup(engine_home(r->api->engine));
	c->job.request = r;
	c->job.run = compare_texts;
	c->job.free = free_compare;
	job_start(r->api, &c->job);
	return ERR_OK;
}
