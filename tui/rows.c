/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/rows.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX 2048 /* bytes of one field that are kept */

char *safe_text(const struct json *v)
{
	const char *text = json_str(v, NULL);
	if (!text)
		return NULL;
	auto_str s = STR_INIT;
	size_t len = utf8_floor(text, strnlen(text, TEXT_MAX));
	text_add_safe(&s, text, len, SAFE_PLAIN, false);
	return str_take(&s);
}

static char *get(const struct json *object, const char *key)
{
	return safe_text(json_get(object, key));
}

void failure_read(struct failure *f, const struct json *v)
{
	*f = (struct failure){ .exit_code = -1 };
	if (json_type(v) != JSON_OBJECT)
		return;
	f->node = get(v, "node");
	f->class = get(v, "class");
	f->message = get(v, "message");
	f->iteration = json_get_int(v, "iteration", -1);
	f->attempt = json_get_int(v, "attempt", -1);
	f->exit_code = json_get_int(v, "exit_code", -1);
	f->signal = json_get_int(v, "signal", -1);
	f->line = json_get_int(v, "line", -1);
	for (const struct json *e = json_first(json_get(v, "trail")); e; e = json_next(e))
		f->problems = json_get_int(e, "problems", 0);
	for (const struct json *e = json_first(json_get(v, "diagnostics")); e && !f->place; e = json_next(e)) {
		auto_free char *file = get(e, "file");
		int64_t line = json_get_int(e, "line", 0);
		if (file && *file)
			f->place = line > 0 ? xasprintf("%s:%lld", file, (long long)line) : TAKE(file);
	}
}

void failure_done(struct failure *f)
{
	free(f->node);
	free(f->class);
	free(f->message);
	free(f->place);
	*f = (struct failure){ 0 };
}

static struct row *read_order(const struct json *o)
{
	struct order_row *r = xcalloc(1, sizeof(*r));
	r->workflow = get(o, "workflow");
	r->reason = get(o, "reason");
	r->run = get(o, "run");
	r->submitter = get(o, "submitter");
	r->priority = json_get_int(o, "priority", 0);
	r->position = json_get_int(o, "position", -1);
	r->estimate_ms = json_get_int(o, "estimate_ms", -1);
	r->enqueued_at_ms = json_get_int(o, "enqueued_at_ms", 0);
	return &r->row;
}

static char *first_text(const struct json *list)
{
	return safe_text(json_first(list));
}

static struct row *read_run(const struct json *o)
{
	struct run_row *r = xcalloc(1, sizeof(*r));
	const struct json *progress = json_get(o, "progress"), *parent = json_get(o, "parent");
	r->workflow = get(o, "workflow");
	r->order = get(o, "order");
	r->reason = get(o, "reason");
	r->mode = get(o, "mode");
	r->current = first_text(json_get(o, "current"));
	r->workspace = get(o, "workspace");
	r->hash = get(o, "workflow_hash");
	r->parent = get(parent, "run");
	r->priority = json_get_int(o, "priority", 0);
	r->generation = json_get_int(o, "generation", 1);
	r->created_at_ms = json_get_int(o, "created_at_ms", 0);
	r->started_at_ms = json_get_int(o, "started_at_ms", 0);
	r->ended_at_ms = json_get_int(o, "ended_at_ms", 0);
	r->duration_ms = json_get_int(o, "duration_ms", -1);
	r->eta_ms = json_get_int(o, "eta_ms", -1);
	r->total = json_get_int(progress, "total", 0);
	r->running = json_get_int(progress, "running", 0);
	r->done = json_get_int(progress, "succeeded", 0) + json_get_int(progress, "skipped", 0);
	r->acknowledged = json_get_bool(o, "acknowledged", false);
	failure_read(&r->failure, json_get(o, "failure"));
	return &r->row;
}

static void read_round(struct iteration_row *r, const struct json *o)
{
	r->tokens = r->cost_micro_usd = -1;
	if (json_type(o) != JSON_OBJECT)
		return;
	r->round = true;
	r->verified = json_get_bool(o, "verified", false);
	r->round_state = get(o, "state");
	r->decision = get(o, "decision");
	r->final = get(o, "final");
	r->problems = json_get_int(o, "problems", 0);
	r->tokens = json_get_int(o, "tokens", -1);
	r->cost_micro_usd = json_get_int(o, "cost_micro_usd", -1);
	r->round_started_ms = json_get_int(o, "started_at_ms", 0);
	r->round_ended_ms = json_get_int(o, "ended_at_ms", 0);
}

static struct row *read_iteration(const struct json *o)
{
	struct iteration_row *r = xcalloc(1, sizeof(*r));
	const struct json *log = json_get(o, "log");
	r->run = get(o, "run");
	r->node = get(o, "node");
	r->why = get(o, "why");
	r->class = get(o, "class");
	r->generation = json_get_int(o, "generation", 1);
	r->iteration = json_get_int(o, "iteration", 1);
	r->attempt = json_get_int(o, "attempt", 1);
	r->attempts = json_get_int(o, "attempts", r->attempt);
	r->tries = json_get_int(o, "tries", r->attempts);
	r->max_attempts = json_get_int(o, "max_attempts", 1);
	r->started_at_ms = json_get_int(o, "started_at_ms", 0);
	r->ended_at_ms = json_get_int(o, "ended_at_ms", 0);
	r->duration_ms = json_get_int(o, "duration_ms", -1);
	r->exit_code = json_get_int(o, "exit_code", -1);
	r->signal = json_get_int(o, "signal", -1);
	r->next_at_ms = json_get_int(o, "next_at_ms", 0);
	r->log_bytes = json_get_int(log, "bytes", 0);
	r->log_lines = json_get_int(log, "lines", 0);
	r->superseded = json_get_bool(o, "superseded", false);
	r->phase = get(o, "phase");
	read_round(r, json_get(o, "round"));
	r->row.id = xasprintf("%s/%lld/%lld", r->node ? r->node : "?", (long long)r->generation,
			      (long long)r->iteration);
	return &r->row;
}

static struct row *read_node(const struct json *o)
{
	struct node_row *r = xcalloc(1, sizeof(*r));
	const struct json *needs = json_get(o, "needs");
	r->row.id = get(o, "node");
	r->kind = get(o, "kind");
	r->reason = get(o, "reason");
	r->child = get(o, "child");
	r->group = get(o, "group");
	r->needs = xcalloc(json_count(needs) + 1, sizeof(*r->needs));
	for (const struct json *e = json_first(needs); e; e = json_next(e)) {
		char *name = safe_text(e);
		if (name)
			r->needs[r->nneeds++] = name;
	}
	r->index = json_get_int(o, "index", 0);
	r->iteration = json_get_int(o, "iteration", 0);
	r->attempts = json_get_int(o, "attempts", 0);
	r->max_attempts = json_get_int(o, "max_attempts", 1);
	r->started_at_ms = json_get_int(o, "started_at_ms", 0);
	r->ended_at_ms = json_get_int(o, "ended_at_ms", 0);
	r->duration_ms = json_get_int(o, "duration_ms", -1);
	r->critical = json_get_bool(o, "critical", true);
	r->handler = json_get_bool(o, "handler", false);
	return &r->row;
}

static struct row *read_event(const struct json *o)
{
	struct event_row *r = xcalloc(1, sizeof(*r));
	r->seq = json_get_int(o, "seq", 0);
	r->at_ms = json_get_int(o, "at_ms", 0);
	r->type = get(o, "type");
	r->run = get(o, "run");
	r->order = get(o, "order");
	r->node = get(o, "node");
	r->from = get(o, "from");
	r->to = get(o, "to");
	r->actor = get(o, "actor");
	r->who = get(o, "who");
	r->reason = get(o, "reason");
	r->row.id = xasprintf("%lld", (long long)r->seq);
	return &r->row;
}

static struct row *read_break(const struct json *o)
{
	static const char *const conditions[] = { "state", "class", "output" };
	struct break_row *r = xcalloc(1, sizeof(*r));
	auto_str when = STR_INIT;
	for (size_t i = 0; i < COUNT(conditions); i++) {
		auto_free char *value = get(json_get(o, "when"), conditions[i]);
		if (value)
			str_addf(&when, "%s%s %s", when.len ? ", " : "", conditions[i], value);
	}
	r->node = get(o, "node");
	r->when = when.len ? str_take(&when) : NULL;
	r->hits = json_get_int(o, "hits", 0);
	r->hit = json_get_int(o, "hit", 0);
	r->row.id = xasprintf("%lld", (long long)json_get_int(o, "number", 0));
	return &r->row;
}

static struct row *read_checkpoint(const struct json *o)
{
	struct checkpoint_row *r = xcalloc(1, sizeof(*r));
	r->name = get(o, "name");
	r->stream = get(o, "workstream");
	r->files = get(o, "files");
	r->why_not = get(o, "why_not");
	r->not_covered = json_get_int(o, "not_covered", 0);
	r->stands = json_get_bool(o, "stands", true);
	r->number = json_get_int(o, "number", 0);
	r->generation = json_get_int(o, "generation", 0);
	r->at_ms = json_get_int(o, "at_ms", 0);
	r->row.id = xasprintf("%lld", (long long)r->number);
	return &r->row;
}

static void join(const struct json *list, struct str *s)
{
	for (const struct json *e = json_first(list); e; e = json_next(e)) {
		auto_free char *word = safe_text(e);
		str_addf(s, "%s%s", s->len ? " " : "", word ? word : "?");
	}
}

static struct row *read_approval(const struct json *o)
{
	struct approval_row *r = xcalloc(1, sizeof(*r));
	auto_str choices = STR_INIT, targets = STR_INIT;
	join(json_get(o, "choices"), &choices);
	join(json_get(o, "to"), &targets);
	r->run = get(o, "run");
	r->node = get(o, "node");
	r->question = get(o, "question");
	r->on_timeout = get(o, "on_timeout");
	r->choices = str_take(&choices);
	r->targets = str_take(&targets);
	r->generation = json_get_int(o, "generation", 1);
	r->iteration = json_get_int(o, "iteration", 1);
	r->asked_at_ms = json_get_int(o, "asked_at_ms", 0);
	r->deadline_at_ms = json_get_int(o, "deadline_at_ms", 0);
	r->row.id = xasprintf("%s/%s/%lld/%lld", r->run ? r->run : "?", r->node ? r->node : "?",
			      (long long)r->generation, (long long)r->iteration);
	return &r->row;
}

static struct row *read_breaker(const struct json *o)
{
	struct breaker_row *r = xcalloc(1, sizeof(*r));
	r->row.id = get(o, "name");
	r->word = get(o, "state");
	r->reason = get(o, "reason");
	r->who = get(o, "who");
	r->failures = json_get_int(o, "failures", 0);
	r->until_ms = json_get_int(o, "until_ms", 0);
	r->waiting = json_get_int(o, "waiting", 0);
	r->changed_at_ms = json_get_int(o, "changed_at_ms", 0);
	return &r->row;
}

/* Between two attempts of an iteration the last one has ended, but the iteration has not. */
static enum state iteration_state(const struct iteration_row *r, enum state attempt)
{
	if (!r->round || r->round_ended_ms || attempt != STATE_SUCCEEDED || !r->round_state)
		return attempt;
	return str_eq(r->round_state, "waiting") ? STATE_WAITING : STATE_VALIDATING;
}

static enum state breaker_state(const char *word)
{
	static const struct { const char *word; enum state state; } words[] = {
		{ "closed", STATE_SUCCEEDED }, { "open", STATE_FAILED }, { "half_open", STATE_RETRYING },
		{ "forced_open", STATE_HELD }, { "forced_closed", STATE_PAUSED },
	};
	for (size_t i = 0; i < COUNT(words); i++)
		if (word && str_eq(words[i].word, word))
			return words[i].state;
	return STATE_UNKNOWN;
}

static struct row *(*const readers[])(const struct json *) = {
	[ROWS_ORDERS] = read_order, [ROWS_RUNS] = read_run,     [ROWS_ITERATIONS] = read_iteration,
	[ROWS_NODES] = read_node,   [ROWS_EVENTS] = read_event, [ROWS_HELP] = NULL,
	[ROWS_BREAKPOINTS] = read_break, [ROWS_CHECKPOINTS] = read_checkpoint,
	[ROWS_APPROVALS] = read_approval, [ROWS_BREAKERS] = read_breaker,
};
static_assert(COUNT(readers) == ROW_KIND_COUNT, "every kind is read");

struct row *row_read(enum row_kind kind, const struct json *object)
{
	if (json_type(object) != JSON_OBJECT || !readers[kind])
		return NULL;
	struct row *row = readers[kind](object);
	if (!row->id)
		row->id = get(object, "id");
	const char *state = kind == ROWS_EVENTS ? "to" : "state";
	row->state = ui_state_from_name(json_get_str(object, state, ""));
	if (kind == ROWS_ITERATIONS)
		row->state = iteration_state((struct iteration_row *)row, row->state);
	else if (kind == ROWS_APPROVALS)
		row->state = STATE_WAITING;
	else if (kind == ROWS_BREAKERS)
		row->state = breaker_state(((struct breaker_row *)row)->word);
	if (row->state == STATE_SUCCEEDED && json_get_bool(object, "stale", false))
		row->state = STATE_STALE;
	if (row->id)
		return row;
	row_free(kind, row);
	return NULL;
}

void row_free(enum row_kind kind, struct row *row)
{
	if (!row)
		return;
	free(row->id);
	if (kind == ROWS_ORDERS) {
		struct order_row *r = (struct order_row *)row;
		free(r->workflow), free(r->reason), free(r->run), free(r->submitter);
	} else if (kind == ROWS_RUNS) {
		struct run_row *r = (struct run_row *)row;
		free(r->workflow), free(r->order), free(r->reason), free(r->mode);
		free(r->current), free(r->workspace), free(r->parent), free(r->hash);
		failure_done(&r->failure);
	} else if (kind == ROWS_ITERATIONS) {
		struct iteration_row *r = (struct iteration_row *)row;
		free(r->run), free(r->node), free(r->why), free(r->class);
		free(r->phase), free(r->round_state), free(r->decision), free(r->final);
	} else if (kind == ROWS_APPROVALS) {
		struct approval_row *r = (struct approval_row *)row;
		free(r->run), free(r->node), free(r->question), free(r->choices);
		free(r->targets), free(r->on_timeout);
	} else if (kind == ROWS_BREAKERS) {
		struct breaker_row *r = (struct breaker_row *)row;
		free(r->word), free(r->reason), free(r->who);
	} else if (kind == ROWS_NODES) {
		struct node_row *r = (struct node_row *)row;
		free(r->kind), free(r->reason), free(r->child), free(r->group);
		for (size_t i = 0; i < r->nneeds; i++)
			free(r->needs[i]);
		free(r->needs);
	} else if (kind == ROWS_BREAKPOINTS) {
		struct break_row *r = (struct break_row *)row;
		free(r->node), free(r->when);
	} else if (kind == ROWS_CHECKPOINTS) {
		struct checkpoint_row *r = (struct checkpoint_row *)row;
		free(r->name), free(r->stream), free(r->files), free(r->why_not);
	} else if (kind == ROWS_HELP) {
		struct help_row *r = (struct help_row *)row;
		free(r->keys), free(r->why_not);
	} else {
		struct event_row *r = (struct event_row *)row;
		free(r->type), free(r->run), free(r->order), free(r->node), free(r->from);
		free(r->to), free(r->actor), free(r->who), free(r->reason);
	}
	free(row);
}

static char *copy_text(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

struct row *run_copy(const struct row *row)
{
	const struct run_row *from = (const struct run_row *)row;
	struct run_row *r = xmemdup(from, sizeof(*from));
	char **texts[] = { &r->row.id, &r->workflow, &r->order, &r->reason, &r->mode, &r->current,
			   &r->workspace, &r->parent, &r->hash, &r->failure.node, &r->failure.class,
			   &r->failure.message, &r->failure.place };
	for (size_t i = 0; i < COUNT(texts); i++)
		*texts[i] = copy_text(*texts[i]);
	return &r->row;
}

struct row *rows_find(const struct rows *rows, const char *id)
{
	for (size_t i = 0; id && i < rows->n; i++)
		if (str_eq(rows->v[i]->id, id))
			return rows->v[i];
	return NULL;
}

static bool replace(struct rows *rows, struct row *row)
{
	for (size_t i = 0; i < rows->n; i++) {
		if (!str_eq(rows->v[i]->id, row->id))
			continue;
		row_free(rows->kind, rows->v[i]);
		rows->v[i] = row;
		return true;
	}
	return false;
}

static void insert(struct rows *rows, size_t at, struct row *row)
{
	GROW(rows->v, rows->n, rows->cap);
	memmove(rows->v + at + 1, rows->v + at, (rows->n - at) * sizeof(struct row *));
	rows->v[at] = row;
	rows->n++;
}

void rows_put(struct rows *rows, struct row *row)
{
	if (replace(rows, row))
		return;
	size_t at = 0;
	if (rows->kind == ROWS_RUNS) {
		int64_t made = ((struct run_row *)row)->created_at_ms;
		while (at < rows->n && ((struct run_row *)rows->v[at])->created_at_ms > made)
			at++;
	}
	insert(rows, at, row);
}

void rows_remove(struct rows *rows, const char *id)
{
	for (size_t i = 0; i < rows->n; i++) {
		if (!str_eq(rows->v[i]->id, id))
			continue;
		row_free(rows->kind, rows->v[i]);
		memmove(rows->v + i, rows->v + i + 1, (rows->n - i - 1) * sizeof(struct row *));
		rows->n--;
		rows->gone++;
		return;
	}
}

static void take_totals(struct rows *rows, const struct json *page, bool cursor)
{
	rows->total = json_get_int(page, "total", -1);
	if (!cursor)
		return;
	free(rows->next);
	const char *next = json_get_str(page, "next", NULL);
	rows->next = next ? xstrdup(next) : NULL;
}

void rows_add_page(struct rows *rows, const struct json *page)
{
	const struct json *items = json_get(page, "items");
	bool first = rows->n == 0;
	for (const struct json *e = json_first(items); e; e = json_next(e)) {
		struct row *row = row_read(rows->kind, e);
		if (!row || (!first && replace(rows, row)))
			continue;
		GROW(rows->v, rows->n, rows->cap);
		rows->v[rows->n++] = row;
	}
	take_totals(rows, page, true);
}

void rows_merge_page(struct rows *rows, const struct json *page)
{
	const struct json *items = json_get(page, "items");
	bool empty = rows->n == 0;
	size_t at = 0;
	for (const struct json *e = json_first(items); e; e = json_next(e)) {
		struct row *row = row_read(rows->kind, e);
		if (row && (empty || !replace(rows, row)))
			insert(rows, MIN(at++, rows->n), row);
	}
	take_totals(rows, page, empty || !json_get_str(page, "next", NULL));
}

void rows_clear(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		row_free(rows->kind, rows->v[i]);
	rows->n = 0;
	rows->gone++;
	rows->total = -1;
	free(rows->next);
	rows->next = NULL;
}

void rows_done(struct rows *rows)
{
	rows_clear(rows);
	free(rows->v);
	*rows = (struct rows){ .kind = rows->kind, .total = -1 };
}

void add_count(struct str *s, int64_t n)
{
	if (n < 0)
		str_add_char(s, '-');
	else if (n < 1000)
		str_add_i64(s, n);
	else if (n < 1000000)
		str_addf(s, "%lld.%lldk", (long long)(n / 1000), (long long)(n % 1000 / 100));
	else
		str_addf(s, "%lld.%lldM", (long long)(n / 1000000), (long long)(n % 1000000 / 100000));
}

void add_cost(struct str *s, int64_t micro_usd)
{
	if (micro_usd < 0)
		str_add_char(s, '-');
	else if (micro_usd < 100000000)
		str_addf(s, "$%lld.%04lld", (long long)(micro_usd / 1000000), (long long)(micro_usd % 1000000 / 100));
	else
		str_addf(s, "$%lld.%02lld", (long long)(micro_usd / 1000000), (long long)(micro_usd % 1000000 / 10000));
}

void add_took(struct str *s, int64_t ms)
{
	long long seconds = ms / 1000;
	if (ms < 0)
		str_add_char(s, '-');
	else if (ms > 0 && ms < 1000)
		str_addf(s, "%lldms", (long long)ms);
	else if (ms < 10000 && ms % 1000)
		str_addf(s, "%lld.%llds", seconds, (long long)(ms % 1000 / 100));
	else if (seconds < 3600)
		str_addf(s, "%02lld:%02lld", seconds / 60, seconds % 60);
	else if (seconds < 86400)
		str_addf(s, "%lldh%02lld", seconds / 3600, seconds / 60 % 60);
	else
		str_addf(s, "%lldd%02lldh", seconds / 86400, seconds / 3600 % 24);
}

void add_when(struct str *s, int64_t at_ms, int64_t now_ms)
{
	if (at_ms <= 0) {
		str_add_char(s, '-');
		return;
	}
	time_t at = (time_t)(at_ms / 1000), now = (time_t)(now_ms / 1000);
	struct tm a, n;
	char text[32];
	(void)localtime_r(&at, &a);
	(void)localtime_r(&now, &n);
	bool today = a.tm_year == n.tm_year && a.tm_yday == n.tm_yday;
	bool week = now_ms - at_ms < 6 * 86400000LL;
	(void)strftime(text, sizeof(text), today ? "%H:%M:%S" : week ? "%a %H:%M" : "%Y-%m-%d", &a);
	str_add(s, text);
}
