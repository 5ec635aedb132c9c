/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two views that are lists: what happened, and what every key does. */
#include "tui/panes.h"

#include "tui/action.h"
#include "tui/verb.h"

#include <string.h>

/* ---- events ---- */

#define EVENT(row) ((const struct event_row *)(row))

static void add(struct str *out, const char *text)
{
	if (text)
		str_add(out, text);
}

static void event_seq(const struct row *row, const struct list_context *c, struct str *out,
		      enum role *role)
{
	(void)c;
	*role = ROLE_DIM;
	str_add_i64(out, EVENT(row)->seq);
}

static void event_when(const struct row *row, const struct list_context *c, struct str *out,
		       enum role *role)
{
	(void)role;
	add_when(out, EVENT(row)->at_ms, c->now_ms);
}

static void event_type(const struct row *row, const struct list_context *c, struct str *out,
		       enum role *role)
{
	(void)c, (void)role;
	add(out, EVENT(row)->type);
}

static void event_what(const struct row *row, const struct list_context *c, struct str *out,
		       enum role *role)
{
	(void)c, (void)role;
	add(out, EVENT(row)->run ? EVENT(row)->run : EVENT(row)->order);
}

static void event_node(const struct row *row, const struct list_context *c, struct str *out,
		       enum role *role)
{
	(void)c, (void)role;
	add(out, EVENT(row)->node);
}

static void event_move(const struct row *row, const struct list_context *c, struct str *out,
		       enum role *role)
{
	(void)c;
	if (!EVENT(row)->to)
		return;
	*role = state_role(row->state);
	add(out, EVENT(row)->from);
	str_add(out, " > ");
	add(out, EVENT(row)->to);
}

static void event_who(const struct row *row, const struct list_context *c, struct str *out,
		      enum role *role)
{
	(void)c;
	*role = ROLE_DIM;
	add(out, EVENT(row)->who ? EVENT(row)->who : EVENT(row)->actor);
}

static void event_reason(const struct row *row, const struct list_context *c, struct str *out,
			 enum role *role)
{
	(void)c, (void)role;
	add(out, EVENT(row)->reason);
}

/* clang-format off */
static const struct column event_columns[] = {
	{ N_("when"),   9, .text = event_when },
	{ N_("event"), 18, .text = event_type },
	{ N_("what"),  11, .text = event_what },
	{ N_("node"),  12, .share = 1, .text = event_node },
	{ N_("change"), 20, .from_width = 90, .text = event_move },
	{ N_("who"),    9, .from_width = 110, .text = event_who },
	{ N_("why"),   10, .share = 2, .text = event_reason },
	{ N_("number"), 9, .right = true, .from_width = 120, .text = event_seq },
};
/* clang-format on */
const struct list_ops events_list = { event_columns, COUNT(event_columns) };

static void events_draw(struct console *c, struct rect r, bool focused)
{
	struct list *l = &c->list[PANE_EVENTS];
	struct rect rows = { r.row + 1, r.column, r.rows - 1, r.columns };
	struct list_context context = list_context(c, r.columns);
	auto_str right = STR_INIT, left = STR_INIT;
	if (l->n)
		list_draw(l, c->cells, rows, focused, true, &context);
	else
		draw_empty(c, rows, TOPIC_EVENTS,
			   l->filter ? _("no row matches the filter") : _("no events"));
	if (l->filter)
		str_addf(&left, "/%s", l->filter);
	add_range(&right, l, rows.rows - 1, -1);
	draw_title(c, r, focused, 0, _(pane_events.title), str_text(&left), str_text(&right));
}

static void events_enter(struct console *c)
{
	const struct row *row = list_selected(&c->list[PANE_EVENTS]);
	if (!row || !EVENT(row)->run) {
		console_say(c, ROLE_DIM, _("this event belongs to no run"));
		return;
	}
	auto_free char *run = xstrdup(EVENT(row)->run);
	console_view(c, PANE_ITERATIONS);
	console_focus(c, PANE_ITERATIONS);
	console_go_run(c, run, false);
}

const struct pane_ops pane_events = {
	.name = "events",
	.title = N_("EVENTS"),
	.draw = events_draw,
	.enter = events_enter,
	.parent = PANE_ITERATIONS,
};

/* ---- help ---- */

#define HELP(row) ((const struct help_row *)(row))

static void help_keys(const struct row *row, const struct list_context *c, struct str *out,
		      enum role *role)
{
	(void)c;
	*role = ROLE_KEY;
	add(out, HELP(row)->keys);
}

static void help_text(const struct row *row, const struct list_context *c, struct str *out,
		      enum role *role)
{
	(void)c;
	*role = HELP(row)->why_not ? ROLE_DIM : ROLE_TEXT;
	add(out, _(HELP(row)->action->help));
	if (HELP(row)->why_not)
		str_addf(out, _("  (not now: %s)"), HELP(row)->why_not);
}

static void help_name(const struct row *row, const struct list_context *c, struct str *out,
		      enum role *role)
{
	(void)c;
	*role = ROLE_DIM;
	str_add(out, row->id);
}

/* clang-format off */
static const struct column help_columns[] = {
	{ N_("key"),     10, .text = help_keys },
	{ N_("what it does"), 20, .share = 1, .text = help_text },
	{ N_("command"), 18, .from_width = 60, .text = help_name },
};
/* clang-format on */
const struct list_ops help_list = { help_columns, COUNT(help_columns) };

void help_fill(struct console *c)
{
	struct rows *rows = &c->help_rows;
	enum pane pane = c->view == PANE_HELP ? c->focus : c->view;
	rows_clear(rows);
	c->help_of = pane;
	for (size_t i = 0; i < nactions; i++) {
		if (!(actions[i].where & IN(pane)))
			continue;
		struct help_row *row = xcalloc(1, sizeof(*row));
		auto_str keys = STR_INIT;
		keymap_add_keys(c->keymap, &actions[i], pane, &keys);
		row->row.id = xstrdup(actions[i].name);
		row->action = &actions[i];
		row->keys = str_take(&keys);
		row->why_not = action_why_not(c, &actions[i]);
		GROW(rows->v, rows->n, rows->cap);
		rows->v[rows->n++] = &row->row;
	}
	struct list *l = &c->list[PANE_HELP];
	list_set_filter(l, NULL);
	list_go(l, 0);
}

static void help_draw(struct console *c, struct rect r, bool focused)
{
	struct list *l = &c->list[PANE_HELP];
	struct rect rows = { r.row + 1, r.column, r.rows - 1, r.columns };
	struct list_context context = list_context(c, r.columns);
	auto_str left = STR_INIT, right = STR_INIT;
	list_draw(l, c->cells, rows, focused, true, &context);
	str_addf(&left, _("keys in %s   / filters, Enter runs what is selected"),
		 _(pane_ops(c->help_of)->title));
	add_range(&right, l, rows.rows - 1, -1);
	draw_title(c, r, focused, 0, _(pane_help.title), str_text(&left), str_text(&right));
}

static void help_enter(struct console *c)
{
	const struct row *row = list_selected(&c->list[PANE_HELP]);
	if (!row)
		return;
	const struct action *a = HELP(row)->action;
	auto_free char *why = HELP(row)->why_not ? xstrdup(HELP(row)->why_not) : NULL;
	console_view(c, c->help_of);
	if (why)
		console_say(c, ROLE_ALARM, "%s", why);
	else if (a->takes_letter)
		c->char_action = a;
	else
		a->run(c, a, 0);
}

const struct pane_ops pane_help = {
	.name = "help",
	.title = N_("KEYS"),
	.draw = help_draw,
	.enter = help_enter,
	.parent = PANE_RUNS,
};
