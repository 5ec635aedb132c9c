/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Actions that move: cursors, panes, failures, marks. */
#include "tui/action.h"

#include <string.h>

static int page_rows(const struct console *c)
{
	struct layout l;
	layout_make(c, &l);
	struct rect r = c->view < PANES_MAIN ? l.pane[c->view] : l.body;
	return MAX(r.rows - 2, 1);
}

static void moved(struct console *c)
{
	console_selected(c, c->view);
}

void act_move(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	struct list *l = console_list(c);
	if (l)
		list_move(l, a->value);
	else if (c->view == PANE_LOG)
		logview_move(&c->log, a->value);
	else if (pane_ops(c->view)->move)
		pane_ops(c->view)->move(c, 0, a->value);
	moved(c);
}

void act_page(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	struct list *l = console_list(c);
	int rows = c->view == PANE_LOG ? MAX(c->log.rows, 1) : page_rows(c);
	int64_t by = (int64_t)a->value * rows / 2;
	if (by == 0)
		by = a->value;
	if (l) {
		/* The window moves with the cursor, which stays on its row of the screen. */
		l->top = by < 0 && (size_t)-by > l->top ? 0 : (size_t)((int64_t)l->top + by);
		list_move(l, by);
	} else if (c->view == PANE_LOG) {
		logview_move(&c->log, by);
	} else if (pane_ops(c->view)->move) {
		pane_ops(c->view)->move(c, 0, (int)by);
	}
	moved(c);
}

void act_ends(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	struct list *l = console_list(c);
	if (l)
		list_go(l, a->value > 0 && l->n ? l->n - 1 : 0);
	else if (c->view == PANE_LOG)
		logview_go(&c->log, a->value > 0 ? logview_count(&c->log) : 1);
	else if (pane_ops(c->view)->move)
		pane_ops(c->view)->move(c, 0, a->value * 1000000);
	moved(c);
}

void act_across(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	if (pane_ops(c->view)->move)
		pane_ops(c->view)->move(c, a->value, 0);
}

void act_sideways(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	if (a->value < 0 && c->log.left == 0) {
		act_leave(c, a, letter);
		return;
	}
	int64_t step = MAX(c->log.columns / 2, 8);
	c->log.left = MAX(c->log.left + a->value * step, (int64_t)0);
	c->dirty = true;
}

void act_enter(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	if (model_down(&c->model))
		model_retry(&c->model);
	if (pane_ops(c->view)->enter)
		pane_ops(c->view)->enter(c);
}

void act_leave(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	if (pane_ops(c->view)->leave)
		pane_ops(c->view)->leave(c);
}

void act_focus(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	console_focus(c, (enum pane)a->value);
}

void act_next_pane(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	console_focus(c, (enum pane)(((int)c->focus + a->value + PANES_MAIN) % PANES_MAIN));
}

void act_zoom(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	c->zoomed = !c->zoomed;
	c->dirty = true;
}

void act_split(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	struct layout l;
	layout_make(c, &l);
	int now = c->split ? c->split : l.pane[PANE_ITERATIONS].rows;
	c->split = MAX(now + a->value, 3);
	c->dirty = true;
}

void act_failure(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	const struct rows *f = &c->model.failures;
	if (!f->n) {
		console_say(c, ROLE_OK, c->model.feed[TOPIC_FAILURES].read_at_ms ?
						_("no failure is unacknowledged") :
						_("the failures are not read yet"));
		return;
	}
	size_t at = 0;
	if (a->value && c->model.run) {
		size_t here = f->n;
		for (size_t i = 0; i < f->n; i++)
			if (str_eq(f->v[i]->id, c->model.run))
				here = i;
		if (here < f->n) {
			int64_t to = (int64_t)here + a->value;
			if (to < 0 || to >= (int64_t)f->n) {
				console_say(c, ROLE_DIM, a->value > 0 ?
								 _("this is the oldest failure") :
								 _("this is the newest failure"));
				to = (int64_t)here;
			}
			at = (size_t)to;
		}
	}
	console_go_run(c, f->v[at]->id, true);
	if (c->view >= PANES_MAIN)
		console_view(c, c->focus);
}

void act_mark(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	struct list *l = console_list(c);
	struct row *row = l ? list_selected(l) : NULL;
	if (!row)
		return;
	list_mark(l, row, !list_is_marked(l, row));
	list_move(l, 1);
	moved(c);
}

void act_range(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	struct list *l = console_list(c);
	if (!l)
		return;
	list_range(l);
	if (l->anchor)
		console_say(c, ROLE_DIM, _("range: move to its other end, then again"));
	c->dirty = true;
}

void act_mark_all(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	struct list *l = console_list(c);
	if (!l)
		return;
	list_mark_all(l);
	console_say(c, ROLE_DIM, ngettext("%zu row marked", "%zu rows marked", l->marks.n), l->marks.n);
}

void act_sort(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	struct list *l = console_list(c);
	if (!l)
		return;
	int column = l->sort_column;
	bool reverse = l->reverse;
	if (a->value) {
		do
			column++;
		while (column < (int)l->ops->ncolumns && !l->ops->columns[column].compare);
		if (column >= (int)l->ops->ncolumns)
			column = -1;
		reverse = false;
	} else {
		reverse = !reverse;
	}
	list_set_sort(l, column, reverse);
	if (column < 0)
		console_say(c, ROLE_DIM, _("in the engine's order"));
	else
		console_say(c, ROLE_DIM, reverse ? _("sorted by %s, reversed") : _("sorted by %s"),
			    _(l->ops->columns[column].name));
	moved(c);
}

void act_columns(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	struct list *l = console_list(c);
	if (!l)
		return;
	/* The first column names the row: it stays; hiding goes from the right. */
	size_t last = l->ops->ncolumns - 1;
	while (last > 0 && (l->hidden & (1U << last)))
		last--;
	if (last > 0) {
		l->hidden |= 1U << last;
		console_say(c, ROLE_DIM, _("hidden: %s"), _(l->ops->columns[last].name));
	} else {
		l->hidden = 0;
		console_say(c, ROLE_DIM, _("all columns"));
	}
}
