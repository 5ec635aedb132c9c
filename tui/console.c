/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys to actions, and what follows from a selection and from news. */
#include "tui/console.h"

#include "base/utf8.h"
#include "tui/action.h"
#include "tui/inspect.h"
#include "tui/outside.h"
#include "tui/live.h"
#include "tui/palette.h"
#include "tui/panes.h"
#include "tui/roundview.h"
#include "tui/savelog.h"
#include "tui/submit.h"
#include "tui/verb.h"

#include <assert.h>
#include <string.h>

#define MESSAGE_US 6000000
#define START_WAIT_US 150000 /* the first frame waits so long for the first answers */

static const struct pane_ops *const panes[] = {
	[PANE_QUEUE] = &pane_queue,     [PANE_RUNS] = &pane_runs,
	[PANE_ITERATIONS] = &pane_iterations, [PANE_LOG] = &pane_log,
	[PANE_GRAPH] = &pane_graph,     [PANE_INSPECT] = &pane_inspect,
	[PANE_EVENTS] = &pane_events,   [PANE_HELP] = &pane_help,
	[PANE_SUBMIT] = &pane_submit,   [PANE_CHECKPOINTS] = &pane_checkpoints,
	[PANE_TEXT] = &pane_text,       [PANE_ROUND] = &pane_round,
	[PANE_APPROVALS] = &pane_approvals, [PANE_BREAKERS] = &pane_breakers,
};
static_assert(COUNT(panes) == PANE_COUNT, "every pane has its functions");

const struct pane_ops *pane_ops(enum pane pane)
{
	return panes[pane];
}

bool console_list_pane(enum pane pane)
{
	return pane == PANE_QUEUE || pane == PANE_RUNS || pane == PANE_ITERATIONS ||
	       pane == PANE_EVENTS || pane == PANE_HELP || pane == PANE_CHECKPOINTS ||
	       pane == PANE_APPROVALS || pane == PANE_BREAKERS;
}

struct list *console_list(struct console *c)
{
	return console_list_pane(c->view) ? &c->list[c->view] : NULL;
}

void console_say(struct console *c, enum role role, const char *fmt, ...)
{
	va_list ap;
	auto_str s = STR_INIT, safe = STR_INIT;
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	text_add_safe(&safe, str_text(&s), s.len, SAFE_PLAIN, false);
	free(c->message.text);
	c->message = (struct message){ str_take(&safe), role, c->mono_us + MESSAGE_US };
	c->dirty = true;
}

struct run_row *console_run(const struct console *c)
{
	return model_run(&c->model, c->model.run);
}

struct iteration_row *console_iteration(const struct console *c)
{
	return (struct iteration_row *)list_selected(&c->list[PANE_ITERATIONS]);
}

void console_focus(struct console *c, enum pane pane)
{
	c->focus = c->view = pane;
	if (pane != PANE_LOG)
		c->expanded = pane;
	c->dirty = true;
}

void console_view(struct console *c, enum pane pane)
{
	if (pane == PANE_EVENTS) {
		c->model.watched |= TOPIC_BIT(TOPIC_EVENTS) | TOPIC_BIT(TOPIC_EVENTS_MORE);
		model_stale(&c->model, TOPIC_BIT(TOPIC_EVENTS));
	}
	if (pane == PANE_CHECKPOINTS) {
		c->model.watched |= TOPIC_BIT(TOPIC_CHECKPOINTS);
		model_ask_anew(&c->model, TOPIC_CHECKPOINTS);
	} else if (c->view == PANE_CHECKPOINTS && pane < PANES_MAIN) {
		c->model.watched &= ~TOPIC_BIT(TOPIC_CHECKPOINTS);
	}
	if (pane == PANE_BREAKERS) {
		c->model.watched |= TOPIC_BIT(TOPIC_BREAKERS);
		model_ask_anew(&c->model, TOPIC_BREAKERS);
	} else if (c->view == PANE_BREAKERS) {
		c->model.watched &= ~TOPIC_BIT(TOPIC_BREAKERS);
	}
	if (c->view == PANE_EVENTS && pane != PANE_EVENTS)
		c->model.watched &= ~(TOPIC_BIT(TOPIC_EVENTS) | TOPIC_BIT(TOPIC_EVENTS_MORE));
	if (c->view == PANE_GRAPH && pane < PANES_MAIN && c->graph_mode == GRAPH_FULL)
		c->graph_mode = GRAPH_STRIP;
	if (pane == PANE_HELP)
		help_fill(c);
	c->view = pane;
	c->dirty = true;
}

/* ---- selections ---- */

void console_filter_runs(struct console *c, const char *state, const char *text)
{
	model_filter_runs(&c->model, state, text);
	list_refresh(&c->list[PANE_RUNS]);
	c->dirty = true;
}


static bool has_failed(enum state s)
{
	return s == STATE_FAILED || s == STATE_TIMED_OUT || s == STATE_INTERRUPTED;
}

static void open_log(struct console *c, const struct iteration_row *it, int64_t line)
{
	if (!it || !it->run || !it->node) {
		logview_close(&c->log);
		return;
	}
	struct log_name name = { .generation = it->generation, .iteration = it->iteration };
	name.run = it->run;
	name.node = it->node;
	logview_open(&c->log, &name, has_failed(it->row.state), line);
}

static void select_run(struct console *c, const char *run)
{
	free(c->pending_log_iteration);
	c->pending_log_iteration = NULL;
	model_select_run(&c->model, run);
	if (run)
		return;
	list_refresh(&c->list[PANE_ITERATIONS]);
	logview_close(&c->log);
}

void console_selected(struct console *c, enum pane pane)
{
	c->dirty = true;
	const struct row *row = console_list_pane(pane) ? list_selected(&c->list[pane]) : NULL;
	if (pane == PANE_RUNS)
		select_run(c, row ? row->id : NULL);
	else if (pane == PANE_ITERATIONS)
		open_log(c, (const struct iteration_row *)row, 0);
	/* Near the end of what was read: the next page. */
	struct list *l = &c->list[pane];
	if (pane == PANE_RUNS && c->model.runs.next && l->cursor + 50 >= l->n)
		model_stale(&c->model, TOPIC_BIT(TOPIC_RUNS_MORE));
	if (pane == PANE_EVENTS && l->n && l->cursor + 50 >= l->n)
		model_stale(&c->model, TOPIC_BIT(TOPIC_EVENTS_MORE));
}

/* The log on its first error line at once: what the run says of its failure is enough to ask for it. */
static void open_failure(struct console *c, const struct run_row *run)
{
	const struct failure *f = &run->failure;
	if (!f->node)
		return;
	struct log_name name = { .generation = run->generation, .iteration = f->iteration };
	name.run = run->row.id;
	name.node = f->node;
	c->pending_log_iteration = xasprintf("%s/%lld", f->node, (long long)f->iteration);
	c->pending_line = MAX(f->line, (int64_t)0);
	logview_open(&c->log, &name, true, c->pending_line);
}

void console_go_run(struct console *c, const char *run, bool to_failure)
{
	struct list *l = &c->list[PANE_RUNS];
	auto_free char *id = xstrdup(run);
	if (!list_go_id(l, id)) {
		struct rows *failures = &c->model.failures;
		for (size_t i = 0; i < failures->n; i++) {
			if (!str_eq(failures->v[i]->id, id))
				continue;
			/* Its page is not read yet, or a filter hides it. */
			list_set_filter(l, NULL);
			if (c->model.runs_state || c->model.runs_text)
				console_filter_runs(c, NULL, NULL);
			rows_put(&c->model.runs, run_copy(failures->v[i]));
			list_refresh(l);
			(void)list_go_id(l, id);
			break;
		}
	}
	bool same = c->model.run && str_eq(c->model.run, id);
	select_run(c, id);
	struct run_row *row = model_run(&c->model, id);
	if (to_failure && row)
		open_failure(c, row);
	if (same)
		c->model.changed |= TOPIC_BIT(TOPIC_ITERATIONS);
	if (to_failure && c->focus != PANE_LOG)
		console_focus(c, PANE_ITERATIONS);
	c->dirty = true;
}

static bool is_pending(const struct console *c, const struct iteration_row *it)
{
	if (!c->pending_log_iteration || !it->node)
		return false;
	auto_free char *name = xasprintf("%s/%lld", it->node, (long long)it->iteration);
	return str_eq(name, c->pending_log_iteration);
}

/* The iterations of a run came. When it is another run, choose one: that which was asked for, else the newest
 * that failed if the run did, else the newest. */
static void take_iterations(struct console *c)
{
	struct list *l = &c->list[PANE_ITERATIONS];
	bool other = !c->shown_run || !c->model.iterations_of ||
		     !str_eq(c->shown_run, c->model.iterations_of);
	if (c->model.run && c->model.iterations_of && !str_eq(c->model.run, c->model.iterations_of))
		return;
	iterations_fit(c);
	if (!other && !c->pending_log_iteration) {
		list_refresh(l);
		const struct iteration_row *it = console_iteration(c);
		if (it && c->log.have)
			logview_refresh_state(&c->log, it->row.state, it->attempt);
		open_log(c, it, 0);
		return;
	}
	free(c->shown_run);
	c->shown_run = c->model.iterations_of ? xstrdup(c->model.iterations_of) : NULL;
	if (other) {
		list_clear_marks(l);
		free(l->filter);
		l->filter = NULL;
		free(l->cursor_id);
		l->cursor_id = NULL;
		l->cursor = l->top = l->new_above = 0;
	}
	list_refresh(l);
	const struct run_row *run = console_run(c);
	int64_t line = 0;
	size_t at = 0;
	bool found = false;
	for (size_t i = 0; i < l->n && !found; i++)
		if ((found = is_pending(c, (struct iteration_row *)list_at(l, i))))
			at = i, line = c->pending_line;
	for (size_t i = 0; i < l->n && !found && run && has_failed(run->row.state); i++)
		if ((found = has_failed(list_at(l, i)->state)))
			at = i;
	list_go(l, at);
	open_log(c, console_iteration(c), line);
	free(c->pending_log_iteration);
	c->pending_log_iteration = NULL;
}

/* ---- news ---- */

static void start(struct console *c)
{
	unsigned int first = TOPIC_BIT(TOPIC_ENGINE) | TOPIC_BIT(TOPIC_RUNS) |
			     TOPIC_BIT(TOPIC_FAILURES) | TOPIC_BIT(TOPIC_ORDERS);
	if (!model_has(&c->model, first))
		return;
	c->started = true;
	const struct rows *failures = &c->model.failures;
	if (failures->n) {
		console_go_run(c, failures->v[0]->id, true);
		return;
	}
	if (c->restored_run && list_go_id(&c->list[PANE_RUNS], c->restored_run)) {
		select_run(c, c->restored_run);
		if (c->restored_iteration) {
			c->pending_log_iteration = c->restored_iteration;
			c->restored_iteration = NULL;
			c->pending_line = c->restored_line;
		}
		return;
	}
	console_selected(c, PANE_RUNS);
}

static void tell(struct console *c)
{
	screen_beep(c->screen);
	if (c->options.notify && screen_takes_osc(c->screen)) {
		auto_str s = STR_INIT;
		str_addf(&s, "\033]9;%s\a", c->message.text);
		screen_send(c->screen, s.p, s.len);
	}
}

static void ring(struct console *c)
{
	const struct rows *failures = &c->model.failures;
	const struct run_row *run = NULL;
	if (!c->model.feed[TOPIC_FAILURES].read_at_ms)
		return;
	for (size_t i = failures->n; i-- > 0;) {
		if (smap_get(&c->known_failures, failures->v[i]->id))
			continue;
		smap_put(&c->known_failures, failures->v[i]->id, c);
		run = (const struct run_row *)failures->v[i];
	}
	bool first = !c->failures_known;
	c->failures_known = true;
	if (first || !run)
		return;
	console_say(c, ROLE_FAILED, _("failed: %s %s  %s %s  (f goes there)"), run->row.id,
		    run->workflow ? run->workflow : "", run->failure.node ? run->failure.node : "",
		    run->failure.message ? run->failure.message : "");
	tell(c);
}

/* A question that was not there before rings as a failure does. */
static void ring_questions(struct console *c)
{
	const struct rows *all = &c->model.approvals;
	const struct approval_row *asked = NULL;
	if (!c->model.feed[TOPIC_APPROVALS].read_at_ms)
		return;
	list_refresh(&c->list[PANE_APPROVALS]);
	for (size_t i = 0; i < all->n; i++) {
		if (smap_get(&c->known_approvals, all->v[i]->id))
			continue;
		smap_put(&c->known_approvals, all->v[i]->id, c);
		asked = (const struct approval_row *)all->v[i];
	}
	bool first = !c->approvals_known;
	c->approvals_known = true;
	if (first || !asked)
		return;
	console_say(c, ROLE_RETRY, _("%s asks: %s  (Y answers)"), asked->node ? asked->node : "?",
		    asked->question ? asked->question : "");
	tell(c);
}

/* Other rows came (a filter, a first run): what the cursor is on now is what the other panes show. */
static void follow_cursor(struct console *c)
{
	const struct row *row = list_selected(&c->list[PANE_RUNS]);
	if (row && (!c->model.run || !str_eq(row->id, c->model.run)))
		console_selected(c, PANE_RUNS);
}

static void take_changes(struct console *c, unsigned int changed)
{
	c->dirty = true;
	if (changed & TOPIC_BIT(TOPIC_ORDERS))
		list_refresh(&c->list[PANE_QUEUE]);
	if (changed & (TOPIC_BIT(TOPIC_RUNS) | TOPIC_BIT(TOPIC_RUNS_MORE)))
		list_refresh(&c->list[PANE_RUNS]);
	if (changed & (TOPIC_BIT(TOPIC_EVENTS) | TOPIC_BIT(TOPIC_EVENTS_MORE)))
		list_refresh(&c->list[PANE_EVENTS]);
	if (changed & TOPIC_BIT(TOPIC_CHECKPOINTS))
		list_refresh(&c->list[PANE_CHECKPOINTS]);
	if (changed & TOPIC_BIT(TOPIC_BREAKERS))
		list_refresh(&c->list[PANE_BREAKERS]);
	if (changed & TOPIC_BIT(TOPIC_APPROVALS))
		ring_questions(c);
	if (!c->started)
		start(c);
	else if (changed & TOPIC_BIT(TOPIC_RUNS))
		follow_cursor(c);
	if (changed & TOPIC_BIT(TOPIC_ITERATIONS))
		take_iterations(c);
	if (changed & TOPIC_BIT(TOPIC_FAILURES))
		ring(c);
	if (c->view == PANE_INSPECT && (changed & TOPIC_BIT(TOPIC_NODES)))
		inspect_refresh(c);
}

void console_update(struct console *c)
{
	unsigned int changed = c->model.changed;
	c->model.changed = 0;
	if (c->message.text && c->mono_us >= c->message.until_us) {
		free(c->message.text);
		c->message.text = NULL;
		c->dirty = true;
	}
	if (c->log.message) {
		console_say(c, ROLE_DIM, "%s", c->log.message);
		free(c->log.message);
		c->log.message = NULL;
	}
	if (c->log.changed) {
		c->log.changed = false;
		c->dirty = true;
	}
	if (changed)
		take_changes(c, changed);
	/* The lists show the rows that came: what is under the cursor now is what these two are about. */
	round_turn(c, (changed & TOPIC_BIT(TOPIC_ITERATIONS)) != 0);
	live_turn(c);
}

/* ---- keys ---- */

static void set_problem(struct console *c, const struct err *err)
{
	free(c->prompt.problem);
	c->prompt.problem = xstrdup(err->message);
}

/* Filter as the person types, so that the effect is seen before Enter. */
static void preview(struct console *c)
{
	struct list *l = console_list(c);
	if (c->prompt.kind == PROMPT_FILTER && l)
		list_set_filter(l, c->prompt.text);
}

static void accept_filter(struct console *c)
{
	struct list *l = console_list(c);
	/* A list that is not read to its end is filtered by the engine. */
	bool all_here = !c->model.runs.next && !c->model.runs_text;
	if (c->view == PANE_RUNS && !all_here && c->prompt.text[0] != '!') {
		list_set_filter(l, NULL);
		console_filter_runs(c, c->model.runs_state,
				  c->prompt.len ? c->prompt.text : NULL);
	} else if (l) {
		list_set_filter(l, c->prompt.text);
	}
	console_selected(c, c->view);
}

static void accept_node(struct console *c, const char *name, const char *node)
{
	verb_do(c, name, &(struct verb_with){ .argument = node });
}

static bool is_integer(const char *s)
{
	char *end = NULL;
	long v = strtol(s, &end, 10);
	return end != s && !*end && v >= -1000000 && v <= 1000000;
}

/* Whether the prompt is to be closed. */
static bool accept(struct console *c)
{
	struct err err = { 0 };
	auto_free char *text = xstrdup(c->prompt.text);
	auto_free char *about = c->prompt.about ? xstrdup(c->prompt.about) : NULL;
	switch (c->prompt.kind) {
	case PROMPT_FILTER:
		accept_filter(c);
		return true;
	case PROMPT_SEARCH:
	case PROMPT_SEARCH_UP:
		if (!*text && c->log.pattern) {
			logview_next(&c->log, false);
			return true;
		}
		if (logview_search(&c->log, text, c->prompt.kind == PROMPT_SEARCH_UP, &err) == ERR_OK)
			return true;
		break;
	case PROMPT_LOG_FILTER:
		if (logview_filter(&c->log, text, &err) == ERR_OK)
			return true;
		break;
	case PROMPT_SAVE:
		savelog_begin(c, text);
		return true;
	case PROMPT_PRIORITY:
		if (is_integer(text)) {
			verb_do(c, "priority", &(struct verb_with){ .value = strtoll(text, NULL, 10) });
			return true;
		}
		err_note(&err, ERR_USAGE, _("a priority is a whole number"));
		break;
	case PROMPT_UNTIL:
	case PROMPT_STEP:
	case PROMPT_FROM:
		if (rows_find(&c->model.nodes, text)) {
			accept_node(c, c->prompt.kind == PROMPT_UNTIL ? "until" :
				       c->prompt.kind == PROMPT_STEP  ? "step" : "resume_from", text);
			return true;
		}
		err_note(&err, ERR_NOT_FOUND, _("the run has no node '%.60s'"), text);
		break;
	case PROMPT_SKIP:
	case PROMPT_MARK:
		if (*text) {
			verb_do(c, c->prompt.kind == PROMPT_SKIP ? "skip" : "mark",
				&(struct verb_with){ .argument = about, .reason = text });
			return true;
		}
		err_note(&err, ERR_USAGE, _("a reason is needed: it is kept in the history"));
		break;
	case PROMPT_BREAK:
		if (c->model.run && *text) {
			prompt_remember(&c->prompt);
			prompt_close(&c->prompt);
			outside_break(c, text);
			return false;
		}
		err_note(&err, ERR_USAGE, _("which node?"));
		break;
	case PROMPT_EDIT:
		if (c->model.run && strchr(text, '=') && text[0] != '=') {
			prompt_remember(&c->prompt);
			prompt_close(&c->prompt);
			outside_edit(c, text);
			return false;
		}
		err_note(&err, ERR_USAGE, _("that is not NAME=VALUE"));
		break;
	case PROMPT_OPEN:
	case PROMPT_CLOSE:
		if (*text) {
			verb_do(c, c->prompt.kind == PROMPT_OPEN ? "breaker_open" : "breaker_close",
				&(struct verb_with){ .reason = text });
			return true;
		}
		err_note(&err, ERR_USAGE, _("a reason is needed: it is kept in the history"));
		break;
	case PROMPT_DECIDE:
		if (verb_is_choice(text)) {
			verb_do(c, "decide", &(struct verb_with){ .argument = about, .reason = text });
			return true;
		}
		err_note(&err, ERR_USAGE, _("no such choice"));
		break;
	case PROMPT_PALETTE:
		prompt_remember(&c->prompt);
		palette_run(c);
		return false;
	case PROMPT_NONE:
	case PROMPT_KIND_COUNT:
		return true;
	}
	set_problem(c, &err);
	return false;
}

/* Tab completes the name of a node. */
static void complete_node(struct console *c)
{
	for (size_t i = 0; i < c->model.nodes.n; i++) {
		const char *name = c->model.nodes.v[i]->id;
		if (strncmp(name, c->prompt.text, c->prompt.len) == 0) {
			prompt_open(&c->prompt, c->prompt.kind, name);
			return;
		}
	}
}

static void prompt_key(struct console *c, int key)
{
	enum prompt_kind kind = c->prompt.kind;
	struct list *l = console_list(c);
	c->dirty = true;
	if (key == K_ESCAPE || key == K_CTRL('c')) {
		if (kind == PROMPT_FILTER && l)
			list_set_filter(l, NULL);
		prompt_close(&c->prompt);
	} else if (key == K_ENTER) {
		if (accept(c) && c->prompt.kind == kind) {
			prompt_remember(&c->prompt);
			prompt_close(&c->prompt);
		}
	} else if (kind == PROMPT_PALETTE && palette_key(c, key)) {
		return;
	} else if ((kind == PROMPT_UNTIL || kind == PROMPT_STEP || kind == PROMPT_FROM) && key == K_TAB) {
		complete_node(c);
	} else if (kind == PROMPT_DECIDE && key == K_TAB) {
		approval_complete(c);
	} else if (key == K_BACKSPACE && !c->prompt.len) {
		prompt_close(&c->prompt);
	} else if (prompt_edit(&c->prompt, key)) {
		preview(c);
	}
}

static void run_action(struct console *c, const struct action *a, int letter)
{
	if (a->changes && c->read_only) {
		console_say(c, ROLE_ALARM, _("the console is read-only"));
		return;
	}
	a->run(c, a, letter);
	c->dirty = true;
}

static void command_key(struct console *c, int key)
{
	const struct action *a = NULL;
	if (c->char_action) {
		a = c->char_action;
		c->char_action = NULL;
		free(c->message.text);
		c->message.text = NULL;
		if (key != K_ESCAPE)
			run_action(c, a, key);
		return;
	}
	c->prefix[c->nprefix++] = key;
	enum keymap_match match = keymap_look(c->keymap, c->view, c->prefix, c->nprefix, &a);
	c->dirty = true;
	if (match == MATCH_PREFIX && c->nprefix < SEQUENCE_MAX)
		return;
	c->nprefix = 0;
	if (match != MATCH_ACTION)
		return;
	if (a->takes_letter) {
		c->char_action = a;
		console_say(c, ROLE_DIM, "%s: %s", a->name, _(a->help));
		return;
	}
	run_action(c, a, 0);
}

static void mouse_key(struct console *c, const struct key_event *e)
{
	struct layout l;
	layout_make(c, &l);
	if (e->key != K_MOUSE_CLICK) {
		for (int i = 0; i < 3; i++)
			command_key(c, e->key == K_WHEEL_UP ? K_UP : K_DOWN);
		return;
	}
	for (int p = 0; p < PANES_MAIN && c->view < PANES_MAIN; p++) {
		struct rect r = l.pane[p];
		if (e->row < r.row || e->row >= r.row + r.rows || e->column < r.column ||
		    e->column >= r.column + r.columns)
			continue;
		console_focus(c, (enum pane)p);
		int row = e->row - r.row - 2;
		if (row >= 0 && console_list_pane((enum pane)p)) {
			list_go(&c->list[p], c->list[p].top + (size_t)row);
			console_selected(c, (enum pane)p);
		} else if (row >= -1 && p == PANE_LOG) {
			logview_go(&c->log, c->log.top + row + 1);
		}
	}
}

void console_key(struct console *c, const struct key_event *e)
{
	int key = e->key;
	c->dirty = true;
	if (key == K_PASTE_BEGIN || key == K_PASTE_END) {
		c->pasting = key == K_PASTE_BEGIN;
		return;
	}
	if (c->pasting && c->prompt.kind == PROMPT_NONE && c->view != PANE_SUBMIT) {
		console_say(c, ROLE_ALARM, _("pasted text is not taken as keys; open a prompt first"));
		return;
	}
	if (c->pasting && (key == K_ENTER || key == K_TAB))
		key = K_SPACE;
	if (c->confirm.open)
		confirm_answer(c, key);
	else if (c->prompt.kind != PROMPT_NONE)
		prompt_key(c, key);
	else if (key == K_MOUSE_CLICK || key == K_WHEEL_UP || key == K_WHEEL_DOWN)
		mouse_key(c, e);
	else if (pane_ops(c->view)->key && pane_ops(c->view)->key(c, key))
		return;
	else
		command_key(c, key);
}
