/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The frame: how the screen is divided, the header, the detail line, the key row, prompts and questions. */
#include "tui/action.h"
#include "tui/live.h"
#include "tui/palette.h"
#include "tui/panes.h"
#include "tui/roundview.h"
#include "tui/verb.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define WIDE 100
#define SPARK 200 /* columns from which on the header has room for failures by the hour */
#define GRAPH_ROWS 7 /* title, blank, up to four, blank */

static int key_rows(int columns)
{
	return columns >= WIDE ? 2 : 1;
}

/* Side by side above a log of full width, so that the terminal itself can scroll the log. */
static void layout_wide(const struct console *c, struct layout *l, int rows, int columns)
{
	int bottom = rows - key_rows(columns) - 1;
	bool graph = c->graph_mode == GRAPH_STRIP && columns >= 160 && rows >= 50;
	int lists = c->split ? c->split : MAX((rows - 6) * 2 / 5, 4);
	int rest = bottom - 1 - (graph ? GRAPH_ROWS : 0);
	lists = MIN(lists, rest - 3);
	int queue = columns >= 160 ? columns / 5 : columns * 22 / 100;
	int runs = columns >= 160 ? columns / 3 : (columns - queue - 2) / 2;
	l->pane[PANE_QUEUE] = (struct rect){ 1, 0, lists, queue };
	l->pane[PANE_RUNS] = (struct rect){ 1, queue + 1, lists, runs };
	l->pane[PANE_ITERATIONS] =
		(struct rect){ 1, queue + runs + 2, lists, columns - queue - runs - 2 };
	if (graph)
		l->graph = (struct rect){ 1 + lists, 0, GRAPH_ROWS, columns };
	int log = 1 + lists + (graph ? GRAPH_ROWS : 0);
	l->pane[PANE_LOG] = (struct rect){ log, 0, bottom - log, columns };
	for (int p = 0; p < PANES_MAIN; p++)
		l->open[p] = true;
}

/* One below the other; lists that do not have the focus are one line. */
static void layout_narrow(const struct console *c, struct layout *l, int rows, int columns)
{
	int bottom = rows - 2, row = 1;
	enum pane open = c->focus == PANE_LOG ? c->expanded : c->focus;
	int share = bottom - 1 - 2;
	int list = c->split ? MIN(c->split, share - 3) : (share + 1) / 2 + 1;
	if (c->focus == PANE_LOG && !c->split)
		list = MAX(share / 3, 3);
	for (int p = 0; p < PANE_LOG; p++) {
		bool is_open = p == (int)open;
		l->open[p] = is_open;
		l->pane[p] = (struct rect){ row, 0, is_open ? list : 1, columns };
		row += l->pane[p].rows;
	}
	l->open[PANE_LOG] = true;
	l->pane[PANE_LOG] = (struct rect){ row, 0, bottom - row, columns };
}

void layout_make(const struct console *c, struct layout *l)
{
	int rows = c->cells->rows, columns = c->cells->columns;
	*l = (struct layout){ 0 };
	l->tiny = rows < 10 || columns < 40;
	l->small = !l->tiny && (rows < 24 || columns < 80);
	l->narrow = !l->small && columns < WIDE;
	int keys = l->small ? 1 : key_rows(columns);
	int detail = l->small ? 0 : 1;
	l->header = (struct rect){ 0, 0, 1, columns };
	l->keys = (struct rect){ rows - keys, 0, keys, columns };
	l->detail = (struct rect){ rows - keys - detail, 0, detail, columns };
	l->body = (struct rect){ 1, 0, rows - 1 - keys - detail, columns };
	if (l->tiny)
		return;
	if (l->small || c->zoomed) {
		l->pane[c->focus] = l->body;
		l->open[c->focus] = true;
	} else if (l->narrow) {
		layout_narrow(c, l, rows, columns);
	} else {
		layout_wide(c, l, rows, columns);
	}
}

struct list_context list_context(const struct console *c, int width)
{
	/* Ages in lists move in steps of five seconds, so that the terminal can scroll them. */
	int64_t coarse = console_seen_ms(c) / 5000 * 5000;
	return (struct list_context){ coarse, c->cells->ascii, width >= 60 };
}

void add_range(struct str *s, const struct list *l, int rows, int64_t total)
{
	size_t last = MIN(l->top + (size_t)MAX(rows, 0), l->n);
	if (!l->n) {
		str_add(s, "0");
		return;
	}
	bool filtered = l->filter != NULL;
	str_addf(s, "%zu-%zu/", l->top + 1, last);
	if (!filtered && total > (int64_t)l->n)
		str_add_i64(s, total);
	else
		str_addf(s, "%zu%s", l->n, l->rows->next ? "+" : "");
}

void draw_title(struct console *c, struct rect r, bool focused, int number, const char *name,
		const char *left, const char *right)
{
	uint32_t style = focused ? ROLE_FOCUS : ROLE_TITLE;
	cells_clear(c->cells, (struct rect){ r.row, r.column, 1, r.columns }, style);
	int at = r.column, end = r.column + r.columns;
	if (number)
		at += cells_putf(c->cells, r.row, at, end - at, style, focused ? "[%d] " : " %d  ",
				 number);
	at += cells_putf(c->cells, r.row, at, end - at, style, "%s", name);
	uint32_t plain = focused ? ROLE_FOCUS : ROLE_TEXT;
	int room = end - at - 2;
	int right_width = right ? cells_width(c->cells, right, strlen(right)) : 0;
	int left_room = right && right_width + 2 <= room ? room - right_width - 2 : room;
	if (left && *left)
		(void)cells_puts(c->cells, r.row, at + 2, left_room, plain, left);
	if (right && right_width + 2 <= room)
		cells_put_right(c->cells, r.row, end - right_width - 1, right_width,
				focused ? ROLE_FOCUS : ROLE_DIM, right);
}

void draw_empty(struct console *c, struct rect r, enum topic topic, const char *nothing)
{
	const struct feed *f = &c->model.feed[topic];
	if (r.rows < 1)
		return;
	if (f->read_at_ms)
		(void)cells_puts(c->cells, r.row, r.column + 3, r.columns - 3, ROLE_DIM, nothing);
	else if (f->failed)
		(void)cells_putf(c->cells, r.row, r.column + 3, r.columns - 3, ROLE_ALARM,
				 _("cannot be read: %s"), f->err.message);
	else
		(void)cells_puts(c->cells, r.row, r.column + 3, r.columns - 3, ROLE_DIM,
				 _("reading ..."));
}

/* ---- header ---- */

/* An age that moves seldom, the older the less: each step costs a slow link more than the clock does. */
static int64_t coarse_age(int64_t ms)
{
	int64_t step = ms < 5000 ? 1000 : ms < 60000 ? 5000 : 60000;
	return MAX(ms, (int64_t)0) / step * step;
}

static void add_engine(const struct console *c, struct str *s)
{
	const struct model *m = &c->model;
	if (model_down(m)) {
		/* In steps and without a countdown: an outage may last, and costs a link no more than the clock. */
		str_add(s, _("ENGINE DOWN "));
		add_took(s, coarse_age(c->wall_ms - m->down_since_ms));
		if (m->engine.pid)
			str_addf(s, _("  pid %lld"), (long long)m->engine.pid);
		if (m->was_up) {
			str_add(s, _("  heard "));
			add_when(s, m->heard_ms, c->wall_ms);
		}
		str_add(s, _("  ^R tries now"));
		return;
	}
	if (!m->was_up) {
		str_add(s, _("connecting ..."));
		return;
	}
	if (c->cells->columns >= 60)
		str_add(s, _("engine "));
	if (m->engine.state && !str_eq(m->engine.state, "running"))
		str_addf(s, "%s%s%s", m->engine.state, m->engine.reason ? ": " : "",
			 m->engine.reason ? m->engine.reason : "");
	else
		str_add(s, _("up "));
	int64_t up_ms = MAX(c->wall_ms - m->engine.started_at_ms, (int64_t)0);
	if (m->engine.state && str_eq(m->engine.state, "running")) {
		if (up_ms < 3600000)
			str_addf(s, "%lldm", (long long)(up_ms / 60000));
		else
			add_took(s, up_ms);
	}
	const struct feed *f = &m->feed[TOPIC_ENGINE];
	if (f->request && c->mono_us - f->asked_us > 1500000)
		str_addf(s, _("  answer late by %llds"),
			 (long long)((c->mono_us - f->asked_us) / 1000000));
}

struct count {
	const char *label;
	int64_t n;
	enum role role;
};

static int draw_counts(struct console *c, int row, int at, int end, int columns)
{
	const struct engine_info *e = &c->model.engine;
	const struct count counts[] = {
		{ N_("queue"), e->queue_waiting, ROLE_HEADER },
		{ N_("run"), e->runs[STATE_RUNNING] + e->runs[STATE_PREPARING], ROLE_RUNNING },
		{ N_("FAIL"), e->runs[STATE_FAILED], ROLE_FAILED },
		{ N_("new"), e->new_failures, ROLE_NEW },
		{ N_("pause"), e->runs[STATE_PAUSED] + e->runs[STATE_PAUSING], ROLE_PAUSED },
		{ N_("ask"), e->runs[STATE_WAITING], ROLE_RETRY },
	};
	for (size_t i = 0; i < COUNT(counts); i++) {
		if (!counts[i].n && (i > 2 || (i == 2 && columns < WIDE)))
			continue;
		/* Where there is no room for all, failures matter most. */
		if (i < 2 && columns < 60 && e->runs[STATE_FAILED])
			continue;
		enum role role = counts[i].n ? counts[i].role : ROLE_DIM;
		auto_free char *text = xasprintf("%s %lld", _(counts[i].label), (long long)counts[i].n);
		if (at + cells_width(c->cells, text, strlen(text)) > end)
			break;
		at += cells_putf(c->cells, row, at, end - at, role, "%s %lld", _(counts[i].label),
				 (long long)counts[i].n);
		at += i == 2 && e->new_failures ? 1 : 2;
	}
	if (e->queue_paused && at + 12 <= end)
		at += cells_puts(c->cells, row, at, end - at, ROLE_ALARM, _("QUEUE PAUSED")) + 2;
	return at;
}

/* Runs that failed in each of the last hours, as heights; returns the column where it begins. Its signs have one column
 * in every font, which blocks have not. */
static int draw_failures(struct console *c, int row, int end)
{
	static const char *const heights[] = { ".", "\xe2\xa3\x80", "\xe2\xa3\xa4", "\xe2\xa3\xb6", "\xe2\xa3\xbf" };
	static const char *const ascii[] = { ".", ":", "i", "I", "#" };
	const int64_t *failed = c->model.engine.failed;
	const char *const *signs = c->cells->ascii ? ascii : heights;
	int64_t most = 0, all = 0;
	auto_str text = STR_INIT;
	for (size_t i = 0; i < FAILED_HOURS; i++) {
		most = MAX(most, failed[i]);
		all += failed[i];
	}
	str_addf(&text, "%s ", _("fails/h"));
	for (size_t i = 0; i < FAILED_HOURS; i++)
		str_add(&text, signs[failed[i] ? 1 + (failed[i] * 4 - 1) / most : 0]);
	str_addf(&text, _("  %lld in 12h"), (long long)all);
	int at = end - cells_width(c->cells, str_text(&text), text.len);
	(void)cells_put(c->cells, row, at, end - at, all ? ROLE_TEXT : ROLE_DIM, str_text(&text), text.len);
	return at;
}

static void draw_header(struct console *c, struct rect r)
{
	bool down = model_down(&c->model);
	char clock[16] = "";
	auto_str engine = STR_INIT, right = STR_INIT;
	time_t now = (time_t)(c->wall_ms / 1000);
	struct tm tm;
	(void)localtime_r(&now, &tm);
	(void)strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	/* The clock has no attributes: they would cost more than its digits, each second. */
	str_addf(&right, "  %s", c->read_only ? _("ro") : _("rw"));
	add_engine(c, &engine);
	cells_clear(c->cells, r, ROLE_HEADER);
	int right_at = r.columns - (int)cells_width(c->cells, str_text(&right), right.len);
	int clock_at = right_at - (int)strlen(clock), end = clock_at - 1;
	if (r.columns >= SPARK && c->model.engine.tells_hours && !down)
		end = draw_failures(c, r.row, end - 3) - 2;
	int at = 1 + cells_puts(c->cells, r.row, 1, end - 1, ROLE_HEADER, "pawl");
	if (r.columns >= WIDE && c->model.engine.home)
		at += 2 + cells_puts(c->cells, r.row, at + 2, MIN(36, end - at - 2), ROLE_TEXT,
				     c->model.engine.home);
	int width = cells_width(c->cells, str_text(&engine), engine.len);
	at += 2;
	(void)cells_put(c->cells, r.row, at, MIN(width, end - at), down ? ROLE_ALARM : ROLE_TEXT,
			str_text(&engine), engine.len);
	at += width + 3;
	if (r.columns >= WIDE && c->model.engine.pid && !down)
		at += 2 + cells_putf(c->cells, r.row, at - 1, end - at, ROLE_DIM, _("pid %lld"),
				     (long long)c->model.engine.pid);
	if (c->model.was_up && at < end)
		(void)draw_counts(c, r.row, at, end - 1, r.columns);
	(void)cells_puts(c->cells, r.row, right_at, r.columns - right_at, ROLE_HEADER, str_text(&right));
	if (down)
		cells_add_style(c->cells, r.row, 0, r.columns, STYLE_DIM);
	(void)cells_puts(c->cells, r.row, MAX(clock_at, 0), right_at - clock_at, ROLE_TEXT, clock);
}

/* Below 40 columns or 10 rows: one line of truth. */
static void draw_tiny(struct console *c)
{
	const struct model *m = &c->model;
	auto_str s = STR_INIT;
	if (model_down(m))
		str_add(&s, _("ENGINE DOWN "));
	str_addf(&s, "pawl %dx%d", c->cells->columns, c->cells->rows);
	if (m->engine.new_failures || m->failures.n) {
		str_addf(&s, " %s %lld", _("FAIL"), (long long)m->engine.new_failures);
		if (m->failures.n) {
			const struct run_row *run = (const struct run_row *)m->failures.v[0];
			str_addf(&s, ": %s %s", run->row.id,
				 run->failure.node ? run->failure.node : "");
		}
	} else if (m->was_up) {
		str_addf(&s, " %s %lld", _("run"), (long long)m->engine.runs[STATE_RUNNING]);
	}
	(void)cells_puts(c->cells, 0, 0, c->cells->columns,
			 m->failures.n ? ROLE_FAILED : ROLE_TEXT, str_text(&s));
	if (c->cells->rows > 1)
		(void)cells_puts(c->cells, 1, 0, c->cells->columns, ROLE_DIM, _("q quits"));
}

/* ---- detail line ---- */

static void add_failure(struct console *c, const struct run_row *run, struct str *s)
{
	const struct failure *f = &run->failure;
	str_addf(s, _("%s it %lld failed "), f->node, (long long)f->iteration);
	const struct iteration_row *it = console_iteration(c);
	if (it && it->node && str_eq(it->node, f->node) && it->max_attempts > 1)
		str_addf(s, _("(try %lld/%lld) "), (long long)it->tries,
			 (long long)it->max_attempts);
	if (run->ended_at_ms) {
		add_took(s, coarse_age(console_seen_ms(c) - run->ended_at_ms));
		str_add(s, _(" ago: "));
	}
	if (f->class && *f->class && (!f->message || !strstr(f->message, f->class)))
		str_addf(s, "%s, ", f->class);
	if (f->problems > 0)
		str_addf(s, ngettext("%lld problem", "%lld problems", (unsigned long)f->problems), (long long)f->problems);
	if (f->place)
		str_addf(s, _("%sfirst in %s"), f->problems > 0 ? ", " : "", f->place);
	if (f->problems > 0 || f->place)
		str_add(s, _(" (E shows); "));
	str_add(s, f->message ? f->message : "");
}

static void add_iteration(const struct console *c, const struct iteration_row *it, struct str *s)
{
	live_add(c, it, s);
	if (s->len)
		str_add(s, "  ");
	if (it->round)
		str_addf(s, _("node %s  it %lld  %s"), it->node ? it->node : "?", (long long)it->iteration,
			 it->decision ? it->decision : it->phase ? it->phase : "");
	else
		str_addf(s, _("node %s  it %lld  try %lld/%lld"), it->node ? it->node : "?",
			 (long long)it->iteration, (long long)it->tries, (long long)it->max_attempts);
	if (it->exit_code >= 0 && !it->round)
		str_addf(s, _("  exit %lld"), (long long)it->exit_code);
	if (it->signal > 0)
		str_addf(s, _("  signal %lld"), (long long)it->signal);
	if (it->class && *it->class)
		str_addf(s, "  %s", it->class);
	if (it->why && *it->why)
		str_addf(s, "  %s", it->why);
}

static void add_question(const struct approval_row *a, struct str *s)
{
	str_addf(s, "[%s]  %s", a->choices, a->question ? a->question : "?");
}

/* Under the cursor of the graph. */
static void add_node(const struct node_row *n, struct str *s)
{
	str_addf(s, _("node %s  it %lld  try %lld/%lld"), n->row.id, (long long)n->iteration,
		 (long long)n->attempts, (long long)n->max_attempts);
	if (n->reason && *n->reason)
		str_addf(s, "  %s", n->reason);
}

static void add_checkpoint(const struct row *row, struct str *s)
{
	const struct checkpoint_row *p = (const struct checkpoint_row *)row;
	str_addf(s, _("checkpoint %s"), row->id);
	if (p->name && p->number)
		str_addf(s, _(" after %s"), p->name);
	if (p->stream)
		str_addf(s, _("  workstream %s"), p->stream);
	str_addf(s, _("  generation %lld"), (long long)p->generation);
	if (p->why_not)
		str_addf(s, _("  files not kept: %s"), p->why_not);
	else if (p->not_covered)
		str_addf(s, _(", %lld not covered"), (long long)p->not_covered);
}

static void draw_detail(struct console *c, struct rect r)
{
	auto_str s = STR_INIT;
	enum role role = ROLE_TEXT;
	const struct run_row *run = console_run(c);
	const struct iteration_row *it = console_iteration(c);
	const char *name = console_node(c);
	const struct row *node = c->view == PANE_GRAPH && name ? rows_find(&c->model.nodes, name) : NULL;
	if (r.rows < 1)
		return;
	if (c->prompt.kind == PROMPT_DECIDE && approval_selected(c)) {
		add_question(approval_selected(c), &s);
		role = ROLE_RETRY;
	} else if (c->message.text) {
		str_add(&s, c->message.text);
		role = c->message.role;
	} else if (c->view == PANE_APPROVALS && approval_selected(c)) {
		add_question(approval_selected(c), &s);
	} else if (c->view == PANE_QUEUE) {
		const struct order_row *o =
			(const struct order_row *)list_selected(&c->list[PANE_QUEUE]);
		if (o)
			str_addf(&s, _("order %s  %s  priority %lld  by %s%s%s"), o->row.id,
				 o->workflow ? o->workflow : "", (long long)o->priority,
				 o->submitter ? o->submitter : "?", o->reason ? "  " : "",
				 o->reason ? o->reason : "");
	} else if (c->view == PANE_CHECKPOINTS && list_selected(&c->list[PANE_CHECKPOINTS])) {
		add_checkpoint(list_selected(&c->list[PANE_CHECKPOINTS]), &s);
	} else if (run && run->failure.node && run->row.state == STATE_FAILED &&
		   (!name || str_eq(name, run->failure.node) || (!node && c->focus == PANE_RUNS))) {
		add_failure(c, run, &s);
		role = ROLE_FAILED;
	} else if (node) {
		add_node((const struct node_row *)node, &s);
	} else if (it && c->focus != PANE_RUNS) {
		add_iteration(c, it, &s);
	} else if (run && run->row.state == STATE_WAITING && approval_selected(c)) {
		add_question(approval_selected(c), &s);
		role = ROLE_RETRY;
	} else if (run) {
		str_addf(&s, "%s %s  %lld/%lld", run->row.id, run->workflow ? run->workflow : "",
			 (long long)run->done, (long long)run->total);
		if (run->reason)
			str_addf(&s, "  %s", run->reason);
		if (run->current)
			str_addf(&s, _("  now %s"), run->current);
	}
	(void)cells_put(c->cells, r.row, 1, r.columns - 1, role, str_text(&s), s.len);
}

/* ---- key row ---- */

/* Actions with a label, the most needed ones first; the last two are always there. */
static const char *const key_order[] = {
	"rollback", "files-diff", "fork", "change-next", "stop-next", "checks", "transcript", "work-diff", "breaker-open", "breaker-close", "breaker-auto", "decide", "prompt", "decisions", "fold", "retry", "resume-from", "pause", "cancel", "acknowledge", "failure-newest", "failure-next", "search", "log-filter",
	"error-next", "follow", "filter", "hold", "front", "back", "step", "queue-pause", "submit",
	"inspect", "graph", "diff", "checkpoints", "why", "break", "events", "zoom", "shell", "edit", "edit-values", "pager", "editor", "palette",
};
static const char *const key_last[] = { "help", "back-or-quit" };

static int draw_key(struct console *c, int row, int at, int end, const char *name, bool measure)
{
	const struct action *a = action_find(name);
	auto_str key = STR_INIT;
	if (!a || !(a->where & IN(c->view)) || (a->changes && c->read_only))
		return 0;
	if (((a->run == act_round || a->run == act_work_diff) && round_why_not(c)) || (a->run == act_answer && !approval_selected(c)))
		return 0; /* most runs have no such thing: no room for it */
	keymap_add_keys(c->keymap, a, c->view, &key);
	char *blank = key.p ? strchr(key.p, ' ') : NULL;
	if (blank && a->keys[1])
		*blank = '\0';
	if (!key.len)
		return 0;
	const char *label = a->label ? _(a->label) : a->name;
	int key_width = cells_width(c->cells, key.p, strlen(key.p));
	int width = key_width + 1 + cells_width(c->cells, label, strlen(label));
	if (measure || at + width > end)
		return width;
	auto_free char *why = action_why_not(c, a);
	(void)cells_puts(c->cells, row, at, end - at, why ? ROLE_DIM : ROLE_KEY, key.p);
	(void)cells_puts(c->cells, row, at + key_width + 1, end - at - key_width - 1,
			 why ? ROLE_DIM : ROLE_TEXT, label);
	return width;
}

static void draw_keys(struct console *c, struct rect r)
{
	int last = 0, row = r.row, at = 1;
	for (size_t i = 0; i < COUNT(key_last); i++)
		last += draw_key(c, 0, 0, 0, key_last[i], true) + 2;
	for (size_t i = 0; i < COUNT(key_order); i++) {
		int end = row == r.row + r.rows - 1 ? r.columns - last : r.columns;
		int width = draw_key(c, row, at, end, key_order[i], false);
		if (width && at + width > end) {
			if (row + 1 >= r.row + r.rows)
				continue; /* a shorter one may fit */
			row++;
			at = 1;
			end = row == r.row + r.rows - 1 ? r.columns - last : r.columns;
			width = draw_key(c, row, at, end, key_order[i], false);
		}
		at += width ? width + 2 : 0;
	}
	at = r.columns - last + 1;
	for (size_t i = 0; i < COUNT(key_last); i++)
		at += draw_key(c, r.row + r.rows - 1, at, r.columns, key_last[i], false) + 2;
}

static void draw_prefix(struct console *c, int row)
{
	auto_str s = STR_INIT;
	for (int i = 0; i < c->nprefix; i++)
		key_add_name(&s, c->prefix[i]);
	cells_clear(c->cells, (struct rect){ row, 0, 1, c->cells->columns }, ROLE_PROMPT);
	int at = 1 + cells_puts(c->cells, row, 1, 20, ROLE_KEY, str_text(&s)) + 1;
	for (size_t i = 0; i < c->keymap->n; i++) {
		const struct binding *b = &c->keymap->v[i];
		if (b->pane != c->view || b->n <= c->nprefix ||
		    memcmp(b->key, c->prefix, (size_t)c->nprefix * sizeof(int)) != 0)
			continue;
		str_clear(&s);
		key_add_name(&s, b->key[c->nprefix]);
		at += 1 + cells_puts(c->cells, row, at, c->cells->columns - at, ROLE_KEY, str_text(&s));
		at += 2 + cells_puts(c->cells, row, at, c->cells->columns - at, ROLE_TEXT,
				     _(b->action->help));
	}
}

/* What can be switched, above the question: in as many rows as it takes, which are returned. */
static int draw_options(struct console *c, int row)
{
	const struct confirm *f = &c->confirm;
	int columns = c->cells->columns, at = 1, rows = 1, line = 0;
	int where[VERB_OPTION_COUNT] = { 0 };
	if (!f->verb->options && !f->verb->typed)
		return 0;
	for (int i = 0; i < VERB_OPTION_COUNT; i++) {
		const char *label = _(verb_option_rows[i].label);
		int width = 6 + cells_width(c->cells, label, strlen(label));
		if (!(f->verb->options & OPTION_BIT(i)))
			continue;
		if (at > 1 && at + width > columns) {
			at = 1;
			rows++;
		}
		where[i] = rows - 1;
		at += width + 3;
	}
	cells_clear(c->cells, (struct rect){ row - rows, 0, rows, columns }, ROLE_TEXT);
	at = 1;
	for (int i = 0; i < VERB_OPTION_COUNT; i++) {
		const struct verb_option_row *o = &verb_option_rows[i];
		bool on = f->options & OPTION_BIT(i);
		if (!(f->verb->options & OPTION_BIT(i)))
			continue;
		at = where[i] == line ? at : 1;
		line = where[i];
		int y = row - rows + line;
		at += 1 + cells_putf(c->cells, y, at, columns - at, ROLE_KEY, "%c", o->key);
		at += 3 + cells_putf(c->cells, y, at, columns - at, on ? ROLE_TITLE : ROLE_TEXT, "[%c] %s", on ? 'x' : ' ',
				     _(o->label));
	}
	if (f->verb->typed)
		(void)cells_puts(c->cells, row - 1, at, columns - at, ROLE_TEXT, _("C copy command"));
	return rows;
}

/* What the verb would do, above the question. */
static void draw_preview(struct console *c, int row)
{
	const struct confirm *f = &c->confirm;
	size_t shown = MIN(f->npreview, (size_t)MAX(row / 2, 1));
	for (size_t i = 0; i < shown; i++) {
		int at = row - (int)shown + (int)i;
		bool alarm = f->preview_failed || f->preview[i][0] == '!';
		enum role role = alarm ? ROLE_ALARM : i == 0 ? ROLE_TITLE : ROLE_TEXT;
		cells_clear(c->cells, (struct rect){ at, 0, 1, c->cells->columns }, ROLE_TEXT);
		(void)cells_puts(c->cells, at, 1, c->cells->columns - 1, role, f->preview[i]);
	}
	if (shown < f->npreview)
		(void)cells_putf(c->cells, row - 1, 1, c->cells->columns - 1, ROLE_DIM,
				 _("  ... and %zu more"), f->npreview - shown + 1);
}

/* A question that a single key must not answer. */
static void draw_typed(struct console *c, int row)
{
	const struct confirm *f = &c->confirm;
	int columns = c->cells->columns;
	auto_free char *ask = xasprintf(_("?  last 4 of its id: %s"), f->typed);
	int need = cells_width(c->cells, ask, strlen(ask)) + 1;
	int at = 1 + cells_puts(c->cells, row, 1, MAX(columns - need - 12, 0), ROLE_CONFIRM, f->text);
	at += cells_puts(c->cells, row, at, columns - at, ROLE_CONFIRM, ask);
	screen_cursor(c->screen, row, at);
	(void)cells_puts(c->cells, row, at + 2, columns - at - 2, ROLE_CONFIRM, _("  Esc no"));
}

static void draw_confirm(struct console *c, int row)
{
	draw_preview(c, row - draw_options(c, row));
	cells_clear(c->cells, (struct rect){ row, 0, 1, c->cells->columns }, ROLE_CONFIRM);
	if (c->confirm.verb->typed) {
		draw_typed(c, row);
		return;
	}
	const char *answers = c->cells->columns >= WIDE ? _("y yes  c copy command  Esc no") :
							  _("y yes  c copy  Esc no");
	int need = cells_width(c->cells, answers, strlen(answers));
	int room = MAX(c->cells->columns - need - 4, 0);
	int at = 1 + cells_puts(c->cells, row, 1, room, ROLE_CONFIRM, c->confirm.text);
	at += cells_puts(c->cells, row, at, 1, ROLE_CONFIRM, "?");
	(void)cells_puts(c->cells, row, at + 2, c->cells->columns - at - 2, ROLE_CONFIRM, answers);
}

static void draw_bottom(struct console *c, const struct layout *l)
{
	int row = c->cells->rows - 1;
	screen_cursor(c->screen, -1, 0);
	if (c->confirm.open) {
		draw_confirm(c, row);
	} else if (c->prompt.kind != PROMPT_NONE) {
		if (c->prompt.kind == PROMPT_PALETTE)
			palette_draw(c, row);
		screen_cursor(c->screen, row, prompt_draw(&c->prompt, c->cells, row));
	} else if (c->nprefix) {
		draw_prefix(c, row);
	} else if (c->message.text && l->detail.rows < 1) {
		(void)cells_puts(c->cells, row, 1, c->cells->columns - 1, c->message.role,
				 c->message.text);
	} else {
		draw_keys(c, l->keys);
	}
}

static void draw_rules(struct console *c, const struct layout *l)
{
	if (l->narrow || l->small || c->zoomed)
		return;
	const char *rule = c->cells->ascii ? "|" : "\xe2\x94\x82";
	for (int p = PANE_QUEUE; p < PANE_ITERATIONS; p++)
		for (int i = 0; i < l->pane[p].rows; i++)
			(void)cells_puts(c->cells, l->pane[p].row + i,
					 l->pane[p].column + l->pane[p].columns, 1, ROLE_RULE, rule);
}

void frame_draw(struct console *c)
{
	struct layout l;
	layout_make(c, &l);
	cells_clear(c->cells, (struct rect){ 0, 0, c->cells->rows, c->cells->columns }, ROLE_TEXT);
	screen_cursor(c->screen, -1, 0);
	if (l.tiny) {
		draw_tiny(c);
		return;
	}
	draw_header(c, l.header);
	if (c->view >= PANES_MAIN) {
		pane_ops(c->view)->draw(c, l.body, true);
	} else {
		for (int p = 0; p < PANES_MAIN; p++) {
			const struct pane_ops *ops = pane_ops((enum pane)p);
			if (l.open[p] && l.pane[p].rows > 0)
				ops->draw(c, l.pane[p], p == (int)c->focus);
			else if (l.pane[p].rows > 0)
				ops->summary(c, l.pane[p]);
		}
		draw_rules(c, &l);
		if (l.graph.rows)
			pane_graph.draw(c, l.graph, false);
	}
	draw_detail(c, l.detail);
	draw_bottom(c, &l);
}
