/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Actions on what is seen: views, prompts, filters, the console itself. */
#include "tui/action.h"
#include "tui/inspect.h"
#include "tui/submit.h"
#include "tui/textview.h"

#include <string.h>

void act_view(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	enum pane view = (enum pane)a->value;
	if (view == PANE_INSPECT && !inspect_open(c)) {
		console_say(c, ROLE_DIM, _("nothing is selected"));
		return;
	}
	if (view == PANE_SUBMIT) {
		if (c->read_only) {
			console_say(c, ROLE_ALARM, _("the console is read-only"));
			return;
		}
		submit_open(c);
	}
	console_view(c, view);
}

void act_graph(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	static const enum graph_mode next[] = {
		[GRAPH_STRIP] = GRAPH_FULL,
		[GRAPH_FULL] = GRAPH_OFF,
		[GRAPH_OFF] = GRAPH_STRIP,
	};
	c->graph_mode = next[c->graph_mode];
	if (c->graph_mode == GRAPH_FULL) {
		console_view(c, PANE_GRAPH);
	} else {
		if (c->view == PANE_GRAPH)
			console_view(c, c->focus);
		console_say(c, ROLE_DIM, c->graph_mode == GRAPH_OFF ?
						 _("graph: off") :
						 _("graph: a strip where there is room"));
	}
	c->dirty = true;
}

void act_prompt(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	enum prompt_kind kind = (enum prompt_kind)a->value;
	struct list *l = console_list(c);
	if (a->changes && c->read_only) {
		console_say(c, ROLE_ALARM, _("the console is read-only"));
		return;
	}
	const char *text = kind == PROMPT_FILTER && l ? l->filter : NULL;
	if (kind == PROMPT_FILTER && c->view == PANE_RUNS && c->model.runs_text)
		text = c->model.runs_text;
	const struct iteration_row *it = kind == PROMPT_FROM ? console_iteration(c) : NULL;
	if (it)
		text = it->node;
	prompt_open(&c->prompt, kind, text);
	c->dirty = true;
}

/* States of the saved filters that come with pawl, for the runs. */
static const struct {
	char letter;
	const char *state;
} builtin[] = {
	{ 'f', "failed" },
	{ 'r', "preparing,running,waiting" },
	{ 'p', "pausing,paused,frozen" },
	{ 'n', "failed_new" },
	{ 'd', "succeeded" },
};

void act_saved_filter(struct console *c, const struct action *a, int letter)
{
	(void)a;
	if (c->saving_filter) {
		c->saving_filter = false;
		struct list *l = console_list(c);
		if (!l || letter < 'a' || letter > 'z')
			return;
		free(c->saved_filters[letter - 'a']);
		c->saved_filters[letter - 'a'] = l->filter ? xstrdup(l->filter) : NULL;
		console_say(c, ROLE_DIM, _("the filter is saved under ,%c"), letter);
		return;
	}
	if (letter == 's') {
		c->saving_filter = true;
		c->char_action = a;
		console_say(c, ROLE_DIM, _("save the filter under which letter?"));
		return;
	}
	if (letter >= 'a' && letter <= 'z' && c->saved_filters[letter - 'a']) {
		struct list *l = console_list(c);
		if (l)
			list_set_filter(l, c->saved_filters[letter - 'a']);
		c->dirty = true;
		return;
	}
	for (size_t i = 0; i < COUNT(builtin); i++) {
		if (builtin[i].letter != letter)
			continue;
		list_set_filter(&c->list[PANE_RUNS], NULL);
		console_filter_runs(c, builtin[i].state, NULL);
		console_focus(c, PANE_RUNS);
		return;
	}
	if (letter == 'a') {
		list_set_filter(&c->list[PANE_RUNS], NULL);
		console_filter_runs(c, NULL, NULL);
		console_focus(c, PANE_RUNS);
		return;
	}
	console_say(c, ROLE_DIM, _("no filter is saved under ,%c"), letter);
}

/* Close a view: a text goes back to where it was asked for. */
static void close_view(struct console *c)
{
	bool text = c->view == PANE_TEXT && c->text && c->text->from >= PANES_MAIN;
	console_view(c, text ? c->text->from : c->focus);
}

void act_escape(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	struct list *l = console_list(c);
	c->dirty = true;
	if (c->view == PANE_LOG && logview_stop(&c->log))
		return;
	if (c->message.text) {
		free(c->message.text);
		c->message.text = NULL;
	}
	if (l && (l->marks.n || l->anchor)) {
		list_clear_marks(l);
		return;
	}
	if (l && l->filter) {
		list_set_filter(l, NULL);
		console_selected(c, c->view);
		return;
	}
	if (c->view == PANE_RUNS && (c->model.runs_state || c->model.runs_text)) {
		console_filter_runs(c, NULL, NULL);
		return;
	}
	if (c->view == PANE_LOG && c->log.filter) {
		logview_unfilter(&c->log);
		return;
	}
	if (c->view == PANE_LOG && c->log.pattern) {
		logview_unsearch(&c->log);
		return;
	}
	if (c->view >= PANES_MAIN)
		close_view(c);
	else
		c->zoomed = false;
}

void act_quit(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	if (!a->value && c->view >= PANES_MAIN) {
		close_view(c);
		return;
	}
	if (!a->value && c->zoomed) {
		c->zoomed = false;
		c->dirty = true;
		return;
	}
	c->quit = true;
}

void act_suspend(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	c->suspend_wanted = true;
}

void act_repaint(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	screen_repaint(c->screen);
	c->dirty = true;
}

void act_reload(struct console *c, const struct action *a, int letter)
{
	act_repaint(c, a, letter);
	model_retry(&c->model);
	model_stale(&c->model, ~0U & ~(TOPIC_BIT(TOPIC_RUNS_MORE) | TOPIC_BIT(TOPIC_EVENTS_MORE)));
	logview_refresh(&c->log);
}

void act_mouse(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	c->options.mouse = !c->options.mouse;
	screen_set_mouse(c->screen, c->options.mouse);
	console_say(c, ROLE_DIM, c->options.mouse ? _("mouse on") :
						    _("mouse off: the terminal selects text"));
}

void act_theme(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	const char *const *names = theme_names();
	struct theme theme;
	c->theme = names[c->theme + 1] ? c->theme + 1 : 0;
	if (theme_load(names[c->theme], &theme, NULL) == ERR_OK)
		screen_set_theme(c->screen, &theme);
	console_say(c, ROLE_DIM, _("theme: %s"), names[c->theme]);
}

void act_read_write(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	c->read_only = !c->read_only;
	console_say(c, ROLE_DIM, c->read_only ? _("read-only: nothing can be changed from here") :
						_("changes are allowed"));
}
