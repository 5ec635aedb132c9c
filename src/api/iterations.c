/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The iterations of a node: what was done, checked and decided in each, and the files that tell more. */
#include "api/api_internal.h"

#include <string.h>
#include <unistd.h>

#define REPORT_MAX (2 * MIB)

/* ---- files beside the log ---- */

/* Path of a file beside the log of an attempt; yours, NULL when it is not there. */
static char *file_of(struct api *a, const struct attempt_row *at, const char *ending)
{
	auto_free char *log =
	    engine_log_path(a->engine, at->run, at->idx, at->generation, at->iteration, at->attempt);
	size_t len = strlen(log);
	char *path = xasprintf("%.*s%s", (int)(len > 4 ? len - 4 : len), log, ending);
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static void show_file(struct api *a, struct jw *w, const char *key, const struct attempt_row *at, const char *ending)
{
	auto_free char *path = file_of(a, at, ending);
	jw_str(w, key, path);
}

/* Of an agent, or of a model. */
static void show_result(struct api *a, struct jw *w, const char *key, const struct attempt_row *at)
{
	auto_free char *agent = file_of(a, at, ".agent.json");
	auto_free char *llm = agent ? NULL : file_of(a, at, ".llm.json");
	jw_str(w, key, agent ? agent : llm);
}

static struct json *report_of(struct api *a, int64_t token)
{
	auto_free char *text = token ? store_report_get(a->store, token) : NULL;
	struct json *v = NULL;
	if (text && json_parse(text, strlen(text), REPORT_MAX, &v, NULL))
		v = NULL;
	return v;
}

static void copy(struct jw *w, const char *key, const struct json *from, const char *name)
{
	auto_str text = STR_INIT;
	json_add(&text, json_get(from, name));
	jw_raw(w, key, text.len ? str_text(&text) : "null");
}

static void show_token(struct jw *w, int64_t token)
{
	auto_str text = STR_INIT;
	str_add_i64(&text, token);
	jw_str(w, "token", str_text(&text));
}

static int64_t took(const struct attempt_row *at)
{
	return at->ended_ms && at->started_ms ? MAX(at->ended_ms - at->started_ms, (int64_t)0) : -1;
}

/* The last attempt at the work. */
static void show_work(struct api *a, struct jw *w, int64_t token)
{
	struct attempt_row at;
	if (!token || store_attempt_get(a->store, token, &at, NULL)) {
		jw_null(w, "work");
		return;
	}
	auto_json *report = report_of(a, token);
	jw_obj(w, "work");
	show_token(w, token);
	jw_int(w, "attempt", at.attempt);
	jw_str(w, "state", state_name(ENTITY_ATTEMPT, (int)at.state));
	jw_above(w, "duration_ms", took(&at));
	jw_above(w, "exit_code", at.exit_code);
	copy(w, "kind", report, "kind");
	copy(w, "session_id", report, "session_id");
	copy(w, "model", report, "model");
	copy(w, "success", report, "success");
	copy(w, "turns", report, "turns");
	copy(w, "tool_calls", report, "tool_calls");
	show_file(a, w, "log", &at, ".log");
	show_result(a, w, "result", &at);
	show_file(a, w, "stream", &at, ".stream.jsonl");
	show_file(a, w, "prompt", &at, ".prompt.txt");
	jw_end_obj(w);
}

static void show_levels(struct jw *w, const struct json *report)
{
	jw_arr(w, "levels");
	for (const struct json *l = json_first(json_get(report, "levels")); l; l = json_next(l)) {
		jw_obj(w, NULL);
		jw_str(w, "level", json_get_str(l, "level", ""));
		jw_str(w, "state", json_get_str(l, "state", ""));
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void show_checks(struct api *a, struct jw *w, const char *key, int64_t token)
{
	struct attempt_row at;
	if (!token || store_attempt_get(a->store, token, &at, NULL)) {
		jw_null(w, key);
		return;
	}
	auto_json *report = report_of(a, token);
	jw_obj(w, key);
	show_token(w, token);
	jw_int(w, "attempt", at.attempt);
	jw_str(w, "state", state_name(ENTITY_ATTEMPT, (int)at.state));
	jw_above(w, "duration_ms", took(&at));
	copy(w, "passed", report, "passed");
	show_levels(w, report);
	copy(w, "counts", report, "counts");
	show_file(a, w, "log", &at, ".log");
	show_file(a, w, "report", &at, ".verify.json");
	jw_end_obj(w);
}

void show_sum(struct jw *w, const char *key, const struct usage_sum *u)
{
	jw_obj(w, key);
	jw_int(w, "calls", u->calls);
	jw_int(w, "input", u->input);
	jw_int(w, "output", u->output);
	jw_int(w, "cache_read", u->cache_read);
	jw_int(w, "cache_write", u->cache_write);
	jw_int(w, "total", u->total);
	/* What nobody knows is null, not 0: a sum that misses some says how many. */
	if (u->calls > 0 && u->no_cost == u->calls)
		jw_null(w, "cost_micro_usd");
	else
		jw_int(w, "cost_micro_usd", u->cost_micro_usd);
	jw_int(w, "calls_without_cost", u->no_cost);
	jw_int(w, "calls_without_tokens", u->no_total);
	jw_end_obj(w);
}

static void show_decision(struct jw *w, const struct iteration_row *i)
{
	bool decided = i->ended_ms > 0 || i->state == ITERATION_WAITING;
	if (!decided) {
		jw_null(w, "decision");
		return;
	}
	jw_obj(w, "decision");
	jw_str(w, "action", loop_action_name((enum loop_action)i->action));
	jw_str(w, "final", i->final ? loop_final_name((enum loop_final)i->final) : NULL);
	jw_str(w, "reason", i->reason);
	jw_str(w, "trend", loop_trend_name((enum loop_trend)i->trend));
	jw_str(w, "detected", i->detected);
	jw_num(w, "confidence", i->confidence / 1000.0);
	jw_end_obj(w);
}

/* The whole of an iteration, as the exported file iteration-N.json has it. */
void show_iteration_row(struct api *a, struct jw *w, const struct iteration_row *i)
{
	struct usage_sum u = { 0 };
	jw_obj(w, NULL);
	jw_id(w, "run", 'r', i->run);
	jw_node(a, w, "node", i->run, i->idx);
	jw_int(w, "generation", i->generation);
	jw_int(w, "iteration", i->iteration);
	jw_str(w, "state", iteration_state_name(i->state));
	jw_bool(w, "worked", i->bits & ITER_WORKED);
	if (i->bits & ITER_VERIFIED)
		jw_bool(w, "passed", i->bits & ITER_PASSED);
	else
		jw_null(w, "passed");
	jw_bool(w, "changed", i->bits & ITER_CHANGED);
	jw_str(w, "class", i->class ? error_class_name(i->class) : NULL);
	jw_str(w, "message", i->message);
	jw_int(w, "level", i->level);
	jw_int(w, "problems", i->problems);
	jw_num(w, "score", i->score / 1000.0);
	show_decision(w, i);
	jw_str(w, "feedback", i->feedback);
	jw_bool(w, "same_prompt", i->bits & ITER_SAME_PROMPT);
	jw_str(w, "prompt_hash", i->prompt);
	jw_str(w, "tree", i->tree);
	jw_time(w, "started_at_ms", i->started_ms);
	jw_time(w, "worked_at_ms", i->worked_ms);
	jw_time(w, "ended_at_ms", i->ended_ms);
	jw_above(w, "duration_ms", i->ended_ms ? i->ended_ms - i->started_ms : -1);
	show_work(a, w, i->work);
	show_checks(a, w, "verify", i->verify);
	show_checks(a, w, "strategy", i->strategy);
	if (store_usage_sum(a->store, i->run, i->idx, i->generation, i->iteration, &u, NULL))
		u = (struct usage_sum){ 0 };
	show_sum(w, "usage", &u);
	jw_end_obj(w);
}

/* ---- lists ---- */

/* Rows of a list are kept until it is read: showing one reads others. */
struct kept {
	struct iteration_row *v;
	size_t n, cap, all; /* all: with those that are left out */
};

static char *text(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void copy_row(struct iteration_row *row, const struct iteration_row *i)
{
	*row = *i;
	row->prompt = text(i->prompt);
	row->tree = text(i->tree);
	row->detected = text(i->detected);
	row->reason = text(i->reason);
	row->feedback = text(i->feedback);
	row->message = text(i->message);
}

void iteration_copy_done(struct iteration_row *i)
{
	const char *const texts[] = { i->prompt, i->tree, i->detected, i->reason, i->feedback, i->message };
	for (size_t t = 0; t < COUNT(texts); t++)
		free((void *)(uintptr_t)texts[t]);
}

enum err_code iteration_copy(struct api *a, id_t64 run, int idx, int generation, int iteration, struct iteration_row *ret)
{
	struct iteration_row row;
	enum err_code code = store_iteration_get(a->store, run, idx, generation, iteration, &row, NULL);
	if (!code)
		copy_row(ret, &row);
	return code;
}

static void keep(void *ctx, const struct iteration_row *i)
{
	struct kept *k = ctx;
	GROW(k->v, k->n, k->cap);
	copy_row(&k->v[k->n++], i);
	k->all = k->n;
}

static void kept_done(struct kept *k)
{
	for (size_t i = 0; i < k->all; i++)
		iteration_copy_done(&k->v[i]);
	free(k->v);
}

static enum err_code node_of(struct request *r, id_t64 *ret_run, int *ret_idx, struct err *err)
{
	enum err_code code = find_run(r->api, r->args[0], ret_run, err);
	return code ? code : node_find(r->api, *ret_run, r->args[1], ret_idx, err);
}

enum err_code api_node_iterations(struct request *r, struct err *err)
{
	CLEANUP(kept_done) struct kept k = { NULL, 0, 0, 0 };
	id_t64 run;
	int idx;
	size_t limit = 0;
	int64_t after = 0, generation = 0, iteration = 0; /* 0: from the first on */
	enum err_code code = node_of(r, &run, &idx, err);
	if (!code)
		code = request_limit(r, &limit, err);
	if (!code)
		code = request_cursor(r, &after, err);
	if (!code)
		code = request_number(r, "generation", 0, 0, 1000000, &generation, err);
	if (!code)
		code = request_number(r, "iteration", 0, 0, 1000000, &iteration, err);
	/* The cursor is generation and iteration, as one number. */
	if (!after && generation)
		after = generation << 24 | (iteration ? iteration - 1 : 0);
	if (!code)
		code = store_iterations_of(r->api->store, run, idx, (int)(after >> 24), (int)(after & 0xffffff),
		                           (int64_t)limit + 1, keep, &k, err);
	if (code)
		return code;
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_arr(&w, "items");
	for (size_t i = 0; i < k.n && i < limit; i++)
		show_iteration_row(r->api, &w, &k.v[i]);
	jw_end_arr(&w);
	const struct iteration_row *last = k.n > limit ? &k.v[limit - 1] : NULL;
	jw_cursor(&w, last ? (int64_t)last->generation << 24 | last->iteration : 0);
	jw_null(&w, "total");
	show_budget(r->api, &w, run, idx);
	jw_end_obj(&w);
	return ERR_OK;
}

/* ---- a failure ---- */

#define DIAGNOSTICS_SHOWN 20
#define TRAIL_SHOWN 50

static void show_diagnostics(struct jw *w, const struct json *report)
{
	size_t n = 0;
	jw_arr(w, "diagnostics");
	for (const struct json *d = json_first(json_get(report, "diagnostics")); d && n < DIAGNOSTICS_SHOWN; d = json_next(d)) {
		auto_str text = STR_INIT;
		json_add(&text, d);
		jw_raw(w, NULL, str_text(&text));
		n++;
	}
	jw_end_arr(w);
}

static void show_files(struct api *a, struct jw *w, const struct iteration_row *i)
{
	struct attempt_row at;
	jw_obj(w, "files");
	if (i && i->verify && !store_attempt_get(a->store, i->verify, &at, NULL))
		show_file(a, w, "report", &at, ".verify.json");
	else
		jw_null(w, "report");
	if (i && i->work && !store_attempt_get(a->store, i->work, &at, NULL)) {
		show_result(a, w, "result", &at);
		show_file(a, w, "stream", &at, ".stream.jsonl");
		show_file(a, w, "prompt", &at, ".prompt.txt");
	} else {
		jw_null(w, "result");
		jw_null(w, "stream");
		jw_null(w, "prompt");
	}
	jw_end_obj(w);
}

void show_failure_trail(struct api *a, struct jw *w, id_t64 run, int idx, int generation)
{
	CLEANUP(kept_done) struct kept k = { NULL, 0, 0, 0 };
	if (store_iterations_of(a->store, run, idx, generation, 0, INT64_MAX, keep, &k, NULL))
		k.n = 0;
	while (k.n > 0 && k.v[k.n - 1].generation != generation)
		k.n--; /* of a later one */
	const struct iteration_row *last = k.n ? &k.v[k.n - 1] : NULL;
	auto_json *report = last ? report_of(a, last->verify) : NULL;
	show_files(a, w, last);
	jw_arr(w, "trail");
	for (size_t i = k.n > TRAIL_SHOWN ? k.n - TRAIL_SHOWN : 0; i < k.n; i++) {
		jw_obj(w, NULL);
		jw_int(w, "iteration", k.v[i].iteration);
		jw_str(w, "state", iteration_state_name(k.v[i].state));
		jw_int(w, "problems", k.v[i].problems);
		jw_str(w, "decision", k.v[i].ended_ms ? loop_action_name((enum loop_action)k.v[i].action) : NULL);
		jw_str(w, "reason", k.v[i].reason);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	show_diagnostics(w, report);
}

/* ---- reports ---- */

static void newest_report(void *ctx, const struct iteration_row *i)
{
	int64_t *token = ctx;
	if (i->verify || i->work)
		*token = i->verify ? i->verify : i->work;
}

/* The token that is asked for; without one, the checks of the newest iteration, or its work if it has none. */
static enum err_code report_token(struct request *r, int64_t *ret, struct err *err)
{
	id_t64 run;
	int idx;
	int64_t iteration = 0;
	const char *token = request_query(r, "token", NULL);
	enum err_code code = node_of(r, &run, &idx, err);
	if (!code)
		code = request_number(r, "iteration", 0, 0, 1000000, &iteration, err);
	if (code)
		return code;
	if (token) {
		struct attempt_row at;
		*ret = strtoll(token, NULL, 10);
		code = store_attempt_get(r->api->store, *ret, &at, err);
		if (!code && (at.run != run || at.idx != idx))
			code = err_set(err, ERR_NOT_FOUND, _("the attempt %.20s is not one of this node"), token);
		return code;
	}
	*ret = 0;
	CLEANUP(kept_done) struct kept k = { NULL, 0, 0, 0 };
	code = store_iterations_of(r->api->store, run, idx, 0, 0, INT64_MAX, keep, &k, err);
	for (size_t i = 0; i < k.n && !code; i++)
		if (!iteration || k.v[i].iteration == iteration)
			newest_report(ret, &k.v[i]);
	return code;
}

enum err_code api_node_report(struct request *r, struct err *err)
{
	int64_t token = 0;
	struct attempt_row at;
	enum err_code code = report_token(r, &token, err);
	if (code)
		return code;
	auto_free char *report = token ? store_report_get(r->api->store, token) : NULL;
	if (!report || store_attempt_get(r->api->store, token, &at, NULL))
		return err_set(err, ERR_NOT_FOUND, _("%.64s has no report there"), r->args[1]);
	struct jw w = jw_begin(&r->out);
	jw_obj(&w, NULL);
	jw_id(&w, "run", 'r', at.run);
	jw_node(r->api, &w, "node", at.run, at.idx);
	jw_int(&w, "generation", at.generation);
	jw_int(&w, "iteration", at.iteration);
	jw_int(&w, "attempt", at.attempt);
	show_token(&w, token);
	jw_str(&w, "phase", attempt_phase_name((enum attempt_phase)at.phase));
	jw_str(&w, "state", state_name(ENTITY_ATTEMPT, (int)at.state));
	if (at.phase == PHASE_VERIFY)
		show_file(r->api, &w, "file", &at, ".verify.json");
	else
		show_result(r->api, &w, "file", &at);
	jw_raw(&w, "report", report);
	jw_end_obj(&w);
	return ERR_OK;
}
