/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One attempt: from a ready node to a worker's order, and from its result to what follows. */
#include "engine/engine_internal.h"
#include "base/clock.h"
#include "model/retry.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define TAIL_KEPT (4 * KIB)
#define INTERRUPTS_MAX 3 /* in a row, before the run is paused as a crash loop */

char *log_path_in(const char *home, id_t64 run, int idx, int generation, int iteration, int attempt)
{
	return xasprintf("%s/runs/%s/log/%d.g%d.i%d.a%d.log", home, id_text('r', run).s, idx, generation, iteration,
			 attempt);
}

/* ---- the environment ---- */

static void add_env(char ***v, size_t *n, size_t *cap, char *text)
{
	GROW(*v, *n, *cap);
	(*v)[(*n)++] = text;
}

static char *param_variable(const char *name, const struct json *v)
{
	auto_str s = STR_INIT;
	str_add(&s, "PARAM_");
	for (const char *p = name; *p; p++)
		str_add_char(&s, isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_');
	str_add_char(&s, '=');
	if (json_type(v) == JSON_STRING)
		str_add(&s, json_str(v, ""));
	else if (json_type(v) != JSON_NULL)
		json_add(&s, v);
	return str_take(&s);
}

extern char **environ;

void step_base_env(struct engine *e, struct run *r)
{
	char **v = NULL;
	size_t n = 0, cap = 0;
	for (char **p = e->environment; *p; p++)
		add_env(&v, &n, &cap, xstrdup(*p));
	for (size_t i = 0; i < r->graph->npass_env; i++) {
		const char *value = getenv(r->graph->pass_env[i]);
		if (value)
			add_env(&v, &n, &cap, xasprintf("%s=%s", r->graph->pass_env[i], value));
	}
	for (const struct json *i = json_first(r->params); i; i = json_next(i))
		add_env(&v, &n, &cap, param_variable(json_key(i), i));
	for (const struct json *i = json_first(r->env); i; i = json_next(i))
		add_env(&v, &n, &cap, xasprintf("%s=%s", json_key(i), json_str(i, "")));
	add_env(&v, &n, &cap, xasprintf("PAWL_RUN=%s", id_text('r', r->id).s));
	add_env(&v, &n, &cap, xasprintf("PAWL_WORKFLOW=%s", r->graph->name));
	add_env(&v, &n, &cap, xasprintf("PAWL_WORKSPACE=%s", r->workspace));
	add_env(&v, &n, &cap, xasprintf("PAWL_HOME=%s", e->home));
	GROW(v, n, cap);
	v[n] = NULL;
	r->base_env = v;
}

/* A later setting of a name replaces the earlier one. */
static void set_env(struct step_build *b, const char *name, const char *value)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < b->nenv; i++) {
		if (strncmp(b->env[i], name, len) == 0 && b->env[i][len] == '=') {
			auto_free char *text = xasprintf("%s=%s", name, value);
			b->env[i] = step_keep(b, text, strlen(text));
			return;
		}
	}
	step_env(b, name, value);
}

static enum err_code template_env(struct step_build *b, const struct graph_env *v, size_t n,
				  const struct expr_scope *scope, struct err *err)
{
	auto_str value = STR_INIT;
	for (size_t i = 0; i < n; i++) {
		str_clear(&value);
		enum err_code code = tmpl_text(v[i].value, scope, &value, err);
		if (code)
			return code;
		set_env(b, v[i].name, str_text(&value));
	}
	return ERR_OK;
}

static void number_env(struct step_build *b, const char *name, int64_t v)
{
	auto_str s = STR_INIT;
	str_add_i64(&s, v);
	step_env(b, name, str_text(&s));
}

static enum err_code fill_env(struct engine *e, const struct node *n, struct step_build *b,
			      const struct expr_scope *scope, struct err *err)
{
	struct run *r = n->run;
	if (!r->base_env)
		step_base_env(e, r);
	for (char **p = r->base_env; *p; p++) {
		GROW(b->env, b->nenv, b->capenv);
		b->env[b->nenv++] = *p; /* borrowed: the run outlives the turn */
	}
	if (node_space(n) != r->spaces[0])
		set_env(b, "PAWL_WORKSPACE", node_workspace(n));
	step_env(b, "PAWL_NODE", n->name);
	number_env(b, "PAWL_GENERATION", n->generation);
	number_env(b, "PAWL_ITERATION", n->iteration);
	number_env(b, "PAWL_ATTEMPT", n->attempt);
	if (n->loop && n->loop->feedback && n->loop->phase == PHASE_WORK)
		step_env(b, "PAWL_FEEDBACK", n->loop->feedback);
	if (r->phase == PHASE_HANDLERS) {
		step_env(b, "PAWL_RESULT", run_result_name(r->result));
		step_env(b, "PAWL_FAILED_NODE", r->failed_node >= 0 ? r->nodes[r->failed_node]->name : "");
	}
	enum err_code code = template_env(b, r->graph->env, r->graph->nenv, scope, err);
	return code ? code : template_env(b, n->def->env, n->def->nenv, scope, err);
}

static enum err_code fill_cwd(const struct node *n, struct step_build *b, const struct expr_scope *scope,
			      struct err *err)
{
	b->spec.cwd = node_workspace(n);
	if (!n->def->cwd)
		return ERR_OK;
	auto_str path = STR_INIT;
	enum err_code code = tmpl_text(n->def->cwd, scope, &path, err);
	if (code)
		return code;
	auto_free char *full = fs_absolute(node_workspace(n), str_text(&path));
	b->spec.cwd = step_keep(b, full, strlen(full));
	return ERR_OK;
}

static void fill_secrets(const struct node *n, struct step_build *b)
{
	const struct graph *g = n->run->graph;
	const char **v = NULL;
	size_t k = 0;
	for (size_t i = 0; i < g->nparams; i++) {
		const char *value = g->params[i].secret ? json_get_str(n->run->params, g->params[i].name, NULL) : NULL;
		if (!value || !*value)
			continue;
		if (!v)
			v = xcalloc(g->nparams + 1, sizeof(*v));
		v[k++] = value;
	}
	b->spec.secrets = v;
	b->secrets = v;
}

enum err_code step_surroundings(struct engine *e, const struct node *n, struct step_build *b, struct err *err)
{
	struct scope_ctx ctx = { e, n, n->run, b, 0 };
	struct expr_scope scope = node_scope(&ctx);
	enum attempt_phase phase = node_phase(n);
	struct step_spec *s = &b->spec;
	s->key = node_key(n);
	s->run_id = step_keep(b, id_text('r', n->run->id).s, ID_LEN);
	s->node_name = n->name;
	s->umask = -1;
	s->want_tail = n->def->retry.npatterns > 0 || breakpoint_wants_tail(n);
	/* The time of a node is that of one try at its work; checks have their own. */
	s->timeout_ms = n->def->timeout_ms && phase == PHASE_WORK ? n->def->timeout_ms : e->settings->timeout_ms;
	int64_t left_ms = loop_time_left_ms(e, n);
	if (left_ms && (!s->timeout_ms || left_ms < s->timeout_ms))
		s->timeout_ms = left_ms;
	s->grace_ms = n->def->grace_ms ? n->def->grace_ms : e->settings->grace_ms;
	s->log_head = n->def->limits.output_bytes ? n->def->limits.output_bytes * 7 / 8 : e->settings->log_head;
	s->log_tail = n->def->limits.output_bytes ? n->def->limits.output_bytes / 8 : e->settings->log_tail;
	s->memory_bytes = n->def->limits.memory_bytes;
	s->cpu_s = n->def->limits.cpu_s;
	s->file_bytes = n->def->limits.file_bytes;
	s->open_files = n->def->limits.open_files;
	s->processes = n->def->limits.processes;
	auto_free char *log = log_path_in(e->home, n->run->id, n->idx, n->generation, n->iteration, n->attempt);
	s->log_path = step_keep(b, log, strlen(log));
	s->measure = disk_is_limited(n) ? node_workspace(n) : NULL;
	fill_secrets(n, b);
	enum err_code code = fill_env(e, n, b, &scope, err);
	if (!code)
		code = fill_cwd(n, b, &scope, err);
	return code;
}

enum err_code step_prepare(struct engine *e, const struct node *n, struct step_build *b, struct err *err)
{
	struct scope_ctx ctx = { e, n, n->run, b, 0 };
	struct expr_scope scope = node_scope(&ctx);
	struct step_context c = { .graph = n->run->graph, .node = n->def, .scope = &scope,
				  .workspace = node_workspace(n), .libexec = e->libexec, .iteration = n->iteration,
				  .feedback = n->loop ? n->loop->feedback : NULL, .breaker_until = breaker_until,
				  .breaker_ctx = e };
	auto_free char *stem = patch_of(n) ? patch_stem(e->home, n->run->id, patch_of(n)) : NULL;
	const struct id_text id = id_text('p', patch_of(n));
	c.patch_stem = stem;
	c.patch_id = patch_of(n) ? id.s : NULL;
	auto_str input = STR_INIT;
	enum attempt_phase phase = node_phase(n);
	if (phase == PHASE_STRATEGY) {
		loop_input(e, n, &input);
		c.input = str_text(&input);
	}
	enum err_code code = step_surroundings(e, n, b, err);
	if (!code)
		code = executor_at(n->def->kind, phase)->prepare(&c, b, err);
	GROW(b->env, b->nenv, b->capenv);
	b->env[b->nenv] = NULL;
	b->spec.env = b->env;
	return code;
}

/* ---- start ---- */

static void no_start(struct engine *e, struct node *n, enum error_class class, const char *why)
{
	loop_close(e, n, NODE_FAILED, why);
	node_end(e, n, NODE_FAILED, class, why);
}

/* Its state says that it runs, or that its checks do. */
static void enter_state(struct engine *e, struct node *n)
{
	enum attempt_phase phase = node_phase(n);
	if (phase == PHASE_WORK) {
		node_move(e, n, NODE_RUNNING, &(struct note){ .actor = ACTOR_ENGINE });
		return;
	}
	if (n->state != NODE_VALIDATING)
		node_move(e, n, NODE_VALIDATING, &(struct note){ .actor = ACTOR_ENGINE });
	loop_event(e, n, phase == PHASE_VERIFY ? "verification.started" : "strategy.started", &BY_ENGINE);
	node_store(e, n, store_last_seq(e->store));
}

void step_start(struct engine *e, struct node *n, struct worker *w)
{
	char why[256];
	bool begins = n->state == NODE_PENDING;
	if (begins && space_before(e, n)) {
		if (n->taken)
			resources_give(e, n);
		pool_give(e, w);
		return;
	}
	/* The commit or the way back of a patch needs no worker. */
	if (n->def->kind == NODE_PATCH && node_phase(n) == PHASE_STRATEGY) {
		pool_give(e, w);
		loop_settle_patch(e, n);
		return;
	}
	if (patch_waits(e, n)) {
		if (n->taken)
			resources_give(e, n);
		pool_give(e, w);
		return;
	}
	int64_t previous = n->token;
	if (n->iteration == 0)
		n->iteration = 1;
	if (!loop_may_start(e, n, why, sizeof(why))) {
		pool_give(e, w);
		no_start(e, n, CLASS_BUDGET, why);
		return;
	}
	struct step_build *b = xcalloc(1, sizeof(*b));
	n->attempt++;
	n->token = ++e->last_token;
	if (!n->started_ms)
		n->started_ms = e->now.wall_ms;
	struct err err;
	patch_prepare(e, n);
	enum err_code code = step_prepare(e, n, b, &err);
	if (code) {
		patch_unprepare(e, n);
		n->attempt--;
		n->token = previous;
		step_build_done(b);
		free(b);
		pool_give(e, w);
		no_start(e, n, code == ERR_IO ? CLASS_WORKSPACE : CLASS_EXPRESSION, err.message);
		return;
	}
	struct attempt_row a = { .token = n->token, .run = n->run->id, .idx = n->idx, .generation = n->generation,
				 .iteration = n->iteration, .attempt = n->attempt, .previous = previous,
				 .started_ms = e->now.wall_ms, .worker_pid = w->pid,
				 .worker_start = w->start_time, .boot_id = w->boot_id,
				 .phase = (int)node_phase(n) };
	store_attempt_add(e->store, &a);
	loop_started(e, n);
	patch_started(e, n);
	breaker_started(e, n);
	free(n->reason);
	n->reason = NULL;
	n->class = CLASS_NONE;
	n->next_ms = 0;
	n->log_bytes = n->log_lines = 0;
	n->live = (struct live_counts){ 0 };
	breakpoint_tail(n, NULL);
	space_enter(n);
	enter_state(e, n);
	n->worker = w;
	n->counted = true;
	n->run->steps++;
	e->steps_running++;
	e->busy++;
	if (n->parent >= 0 && begins)
		n->run->nodes[n->parent]->instances_active++;
	w->node = n;
	w->phase = WORKER_BUSY;
	w->key = b->spec.key;
	w->since_ms = e->now.wall_ms;
	map_put(&e->tokens, (uint64_t)n->token, n);
	struct effect *f = effect_add(e, EFFECT_START);
	f->worker = w;
	f->build = b;
}

/* ---- end ---- */

static void free_place(struct engine *e, struct node *n)
{
	(void)map_del(&e->tokens, (uint64_t)n->token);
	if (n->worker) {
		n->worker->node = NULL;
		n->worker = NULL;
	}
	n->orphan = false;
	space_leave(n);
	timer_clear(e, &n->timer);
	if (n->counted) {
		n->counted = false;
		n->run->steps--;
		e->steps_running--;
		run_schedule(e, n->run);
	}
}

static enum attempt_state attempt_state_of(enum error_class class)
{
	static const struct {
		enum error_class class;
		enum attempt_state state;
	} others[] = {
		{ CLASS_NONE, ATTEMPT_SUCCEEDED },
		{ CLASS_TIMEOUT, ATTEMPT_TIMED_OUT },
		{ CLASS_AGENT_TIMEOUT, ATTEMPT_TIMED_OUT },
		{ CLASS_CANCELED, ATTEMPT_CANCELED },
		{ CLASS_INTERRUPTED, ATTEMPT_INTERRUPTED },
	};
	for (size_t i = 0; i < COUNT(others); i++)
		if (others[i].class == class)
			return others[i].state;
	return ATTEMPT_FAILED;
}

static void default_message(const struct node *n, const struct step_result *r, struct str *message)
{
	if (message->len || r->class == CLASS_NONE)
		return;
	if (r->message && *r->message)
		str_add(message, r->message);
	else if (r->class == CLASS_EXIT)
		str_addf(message, _("ended with exit code %d"), r->exit_code);
	else if (r->class == CLASS_SIGNAL)
		str_addf(message, _("ended by signal %d"), r->signal);
	else if (r->class == CLASS_TIMEOUT) {
		str_add(message, _("ran longer than the "));
		duration_add(message, n->def->timeout_ms);
		str_add(message, _(" allowed"));
	} else {
		str_add(message, _(error_class_meaning(r->class)));
	}
}

/* What the failure card shows; retry patterns look at more. */
static char *short_tail(const char *tail)
{
	size_t len = strlen(tail);
	if (len <= TAIL_KEPT)
		return xstrdup(tail);
	const char *from = tail + len - TAIL_KEPT, *newline = strchr(from, '\n');
	return xstrdup(newline && newline[1] ? newline + 1 : from);
}

/* The report belongs to this attempt alone: it goes with its row. */
static void end_attempt(struct engine *e, struct node *n, const struct step_result *r, const char *message,
			const struct retry_verdict *v)
{
	auto_free char *tail = r->class != CLASS_NONE && r->tail && *r->tail ? short_tail(r->tail) : NULL;
	struct attempt_row a = {
		.token = n->token, .state = attempt_state_of(r->class), .class = r->class,
		.exit_code = r->exit_code >= 0 ? r->exit_code : -1, .signal = r->signal > 0 ? r->signal : -1,
		.message = r->class != CLASS_NONE ? message : NULL, .tail = tail,
		.started_ms = r->started_ms ? r->started_ms : e->now.wall_ms,
		.ended_ms = r->ended_ms ? r->ended_ms : e->now.wall_ms, .cpu_us = r->cpu_us,
		.rss_kib = r->rss_kib, .frozen_ms = r->frozen_ms, .log_bytes = r->log_bytes,
		.log_lines = r->log_lines, .log_dropped = r->log_dropped, .log_lost = r->log_lost,
		.redacted = r->redacted, .leftover = r->leftover,
		.retry_in_ms = v && v->again ? v->wait_ms : -1,
		.retry_reason = v && v->again ? v->reason : NULL, .report = n->report,
	};
	store_attempt_end(e->store, &a);
	report_learn(e, n, r->class, n->report);
	free(TAKE(n->report));
}

static void retry(struct engine *e, struct node *n, const char *message, const struct retry_verdict *v)
{
	n->next_ms = e->now.wall_ms + v->wait_ms;
	char *text = xasprintf("%s (%s)", message, v->reason);
	free(n->reason);
	n->reason = text;
	auto_str data = STR_INIT;
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	jw_str(&w, "class", error_class_name(n->class));
	jw_str(&w, "rule", v->reason);
	jw_int(&w, "wait_ms", v->wait_ms);
	jw_end_obj(&w);
	struct note note = { .actor = ACTOR_WORKER, .reason = message, .data = str_text(&data) };
	node_move(e, n, NODE_RETRYING, &note);
	if (n->taken)
		resources_give(e, n);
	node_retry_later(e, n, v->wait_ms);
}

static void judge(struct engine *e, struct node *n, const struct step_result *r, const char *message,
		  int64_t retry_after_ms)
{
	struct retry_case c = { .attempt = n->attempt - n->interrupted, .class = r->class, .exit_code = r->exit_code,
				.signal = r->signal, .tail = r->tail, .tail_len = r->tail ? strlen(r->tail) : 0,
				.retry_after_ms = retry_after_ms,
				.random = (double)(e->io->random(e->io_ctx) >> 11) * 0x1p-53 };
	struct retry_verdict v = { .again = false };
	char limit[256];
	bool stopping = n->run->state == RUN_CANCELING && n->run->phase == PHASE_MAIN;
	bool may = !stopping && (!n->run->failing || node_goes_on(n)) && node_phase(n) == PHASE_WORK;
	if (may && (!n->loop || !loop_limit(e, n, BUDGET_BEFORE_CALL, limit, sizeof(limit))))
		v = retry_judge(&n->def->retry, &c);
	auto_free char *report = n->loop && n->report ? xstrdup(n->report) : NULL;
	end_attempt(e, n, r, message, &v);
	free_place(e, n);
	n->class = r->class;
	if (v.again)
		retry(e, n, message, &v);
	else if (r->class == CLASS_CANCELED || stopping)
		node_end(e, n, NODE_CANCELED, CLASS_CANCELED, message);
	else if (!loop_attempt_ended(e, n, r, message, report, NULL))
		node_end(e, n, NODE_FAILED, r->class, message);
}

void step_result(struct engine *e, struct node *n, const struct step_result *given)
{
	struct step_result r = *given;
	CLEANUP(step_end_done) struct step_end end;
	step_end_take_at(n->def, node_phase(n), &r, &end);
	default_message(n, &r, &end.message);
	if (r.disk_bytes > 0)
		node_space(n)->disk_bytes = r.disk_bytes;
	free(n->report);
	n->report = end.report.len ? str_take(&end.report) : NULL;
	/* Nobody canceled the run: the engine was stopped with what runs. */
	if (r.class == CLASS_CANCELED && n->run->state != RUN_CANCELING)
		r.class = CLASS_INTERRUPTED;
	if (r.class == CLASS_INTERRUPTED) {
		step_interrupted(e, n, str_text(&end.message));
		return;
	}
	breakpoint_tail(n, r.tail);
	if (r.class == CLASS_NONE && node_phase(n) != PHASE_STRATEGY && space_hold(e, n, given))
		return;
	patch_result(e, n, &r, str_text(&end.message));
	if (node_phase(n) == PHASE_WORK) {
		free(n->outputs);
		n->outputs = end.outputs.len ? str_take(&end.outputs) : NULL;
	}
	n->interrupts = 0;
	if (n->run->crashes) {
		n->run->crashes = 0;
		run_store(e, n->run);
	}
	if (r.class != CLASS_NONE) {
		judge(e, n, &r, str_text(&end.message), end.retry_after_ms);
		return;
	}
	auto_free char *report = n->loop && n->report ? xstrdup(n->report) : NULL;
	end_attempt(e, n, &r, NULL, NULL);
	free_place(e, n);
	if (!loop_attempt_ended(e, n, &r, NULL, report, str_text(&end.outputs)))
		node_end(e, n, NODE_SUCCEEDED, CLASS_NONE, NULL);
}

/* The attempt was lost. It does not use up the retry budget; again and again, it pauses the run. */
void step_interrupted(struct engine *e, struct node *n, const char *why)
{
	struct step_result r = { .key = node_key(n), .class = CLASS_INTERRUPTED, .exit_code = -1 };
	struct retry_verdict v = { .again = false };
	struct run *r_run = n->run;
	bool stopping = r_run->state == RUN_CANCELING && r_run->phase == PHASE_MAIN;
	bool asked = way_back_stops(r_run);
	n->interrupted++;
	if (!e->draining && !asked) {
		n->interrupts++;
		r_run->crashes++;
		run_store(e, r_run);
	}
	bool loop = n->interrupts >= INTERRUPTS_MAX;
	v.again = !stopping && (!r_run->failing || node_goes_on(n)) && (asked || n->def->on_crash != CRASH_FAIL);
	(void)snprintf(v.reason, sizeof(v.reason), "interrupted");
	end_attempt(e, n, &r, why, &v);
	free_place(e, n);
	n->class = CLASS_INTERRUPTED;
	if (!v.again) {
		node_end(e, n, stopping ? NODE_CANCELED : NODE_FAILED, stopping ? CLASS_CANCELED : CLASS_INTERRUPTED,
			 why);
		return;
	}
	retry(e, n, why, &v);
	if (r_run->state == RUN_RUNNING && (loop || n->def->on_crash == CRASH_ASK)) {
		struct note note = { .actor = ACTOR_ENGINE, .reason = loop ? "crash_loop" : "interrupted" };
		n->interrupts = loop ? 0 : n->interrupts;
		run_pause(e, r_run, &note);
	}
}
