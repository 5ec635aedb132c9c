/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Actions that change something: they name verbs, verb.c does them. */
#include "tui/action.h"
#include "tui/verb.h"

static void begin(struct console *c, const char *name, int64_t value)
{
	verb_do(c, name, &(struct verb_with){ .value = value });
}

void act_verb(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	begin(c, a->verb, 0);
}

void act_hold(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	const struct row *row = list_selected(&c->list[PANE_QUEUE]);
	begin(c, row && row->state == STATE_HELD ? "release" : "hold", 0);
}

void act_pause(struct console *c, const struct action *a, int letter)
{
	if (c->view == PANE_QUEUE) {
		act_hold(c, a, letter);
		return;
	}
	const struct run_row *run = console_run(c);
	if (c->view == PANE_RUNS)
		run = (const struct run_row *)list_selected(&c->list[PANE_RUNS]);
	bool stopped = run && state_is(run->row.state, STATE_BIT(STATE_PAUSED) |
							       STATE_BIT(STATE_PAUSING) |
							       STATE_BIT(STATE_FROZEN));
	begin(c, stopped ? "resume" : "pause", 0);
}

void act_queue_pause(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	begin(c, c->model.engine.queue_paused ? "queue_resume" : "queue_pause", 0);
}

static int64_t selected_priority(struct console *c)
{
	const struct list *l = console_list(c);
	const struct row *row = l ? list_selected(l) : NULL;
	if (!row)
		return 0;
	return c->view == PANE_QUEUE ? ((const struct order_row *)row)->priority :
				       ((const struct run_row *)row)->priority;
}

void act_priority(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	begin(c, "priority", selected_priority(c) + a->value);
}

void act_undo(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	if (model_down(&c->model)) {
		console_say(c, ROLE_ALARM, "%s", _("not sent: the engine is down"));
		return;
	}
	while (c->nundo) {
		struct undo u = c->undo[--c->nundo];
		const char *ids[] = { u.id ? u.id : "" };
		auto_free char *why = verb_why_not(c, u.verb, ids[0]);
		bool over = why != NULL; /* what it was done to has gone on since */
		c->undoing = true; /* asked for by its own key: no second question, and nothing to undo again */
		if (!over)
			verb_begin(c, u.verb, ids, 1, &(struct verb_with){ .value = u.value });
		c->undoing = false;
		free(u.id);
		if (!over)
			return;
	}
	/* Nothing from here: what anybody did last to the run. */
	verb_do(c, "undo", &(struct verb_with){ 0 });
}

/* ---- about one node ---- */

void act_node_prompt(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	const char *node = console_node(c);
	if (!c->model.run || !node) {
		console_say(c, ROLE_DIM, _("nothing is selected"));
		return;
	}
	prompt_open(&c->prompt, (enum prompt_kind)a->value, NULL);
	c->prompt.about = xstrdup(node);
	c->dirty = true;
}

void act_fork(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	const struct row *row = list_selected(&c->list[PANE_CHECKPOINTS]);
	if (row)
		verb_do(c, a->verb, &(struct verb_with){ .argument = row->id });
	else
		console_say(c, ROLE_DIM, _("nothing is selected"));
}

void act_break(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	const char *node = console_node(c);
	const struct rows *all = &c->model.breakpoints;
	for (size_t i = 0; node && i < all->n; i++) {
		const struct break_row *b = (const struct break_row *)all->v[i];
		if (!b->node || !str_eq(b->node, node))
			continue;
		verb_do(c, "unbreak", &(struct verb_with){ .argument = b->row.id });
		return;
	}
	if (node)
		verb_do(c, a->verb, &(struct verb_with){ .argument = node });
	else
		console_say(c, ROLE_DIM, _("nothing is selected"));
}

char *action_why_not(struct console *c, const struct action *a)
{
	if (a->changes && c->read_only)
		return xstrdup(_("the console is read-only"));
	const char *name = a->verb;
	if (a->run == act_pause)
		name = c->view == PANE_QUEUE ? NULL : "pause";
	if (a->run == act_undo)
		name = c->nundo ? NULL : "undo";
	if (!name)
		return NULL;
	auto_free const char **ids = NULL;
	size_t n = 0;
	const struct verb_row *v = verb_of_selection(c, name, &ids, &n);
	if (!v || !n)
		return xstrdup(_("nothing is selected"));
	if (a->run == act_pause) {
		const struct run_row *run = model_run(&c->model, ids[0]);
		const struct verb_row *resume = verb_find(OF_RUN, "resume");
		if (run && state_is(run->row.state, resume->states))
			v = resume;
	}
	return n == 1 ? verb_why_not(c, v, ids[0]) : NULL;
}
