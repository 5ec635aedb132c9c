/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/palette.h"

#include "tui/action.h"
#include "tui/fuzzy.h"
#include "tui/outside.h"
#include "tui/verb.h"

#include <ctype.h>
#include <string.h>

#define SHOWN 12
#define ALL_MAX 128

struct candidate {
	const struct action *action;
	const struct outside_row *outside; /* a verb of the command line instead */
	int score;
};

static int score_of(const struct console *c, const char *name, const char *help)
{
	auto_free char *text = xasprintf("%s %s", name, help);
	int score = fuzzy_score(c->prompt.text, name);
	bool inside = strcasestr(text, c->prompt.text) != NULL;
	return score >= 0 ? score + 100 : inside ? 0 : -1;
}

static size_t insert(struct candidate *out, size_t n, struct candidate one)
{
	if (one.score < 0 || n == ALL_MAX)
		return n;
	size_t at = n;
	for (; at > 0 && out[at - 1].score < one.score; at--)
		out[at] = out[at - 1];
	out[at] = one;
	return n + 1;
}

static size_t candidates(const struct console *c, struct candidate *out)
{
	size_t n = 0;
	for (size_t i = 0; i < nactions; i++) {
		const struct action *a = &actions[i];
		if ((a->where & IN(c->view)) && !a->takes_letter)
			n = insert(out, n, (struct candidate){ a, NULL, score_of(c, a->name, _(a->help)) });
	}
	for (size_t i = 0; i < noutside_rows; i++) {
		const struct outside_row *o = &outside_rows[i];
		auto_free char *name = xasprintf("pawl %s", o->name);
		/* Behind an action of the same worth. */
		n = insert(out, n, (struct candidate){ NULL, o, score_of(c, name, _(o->help)) });
	}
	return n;
}

static bool is_number(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isdigit((unsigned char)*s))
			return false;
	return true;
}

void palette_draw(struct console *c, int prompt_row)
{
	struct candidate all[ALL_MAX];
	size_t n = candidates(c, all);
	int rows = MIN((int)n, SHOWN);
	rows = MIN(rows, prompt_row - 1);
	size_t from = c->prompt.chosen >= (size_t)rows ? c->prompt.chosen - (size_t)rows + 1 : 0;
	if (is_number(c->prompt.text)) {
		cells_clear(c->cells, (struct rect){ prompt_row - 1, 0, 1, c->cells->columns }, ROLE_TEXT);
		(void)cells_putf(c->cells, prompt_row - 1, 1, c->cells->columns - 1, ROLE_TEXT,
				 _("Enter goes to line %s of the log"), c->prompt.text);
		return;
	}
	if (str_starts(c->prompt.text, "pawl ") && !n) {
		cells_clear(c->cells, (struct rect){ prompt_row - 1, 0, 1, c->cells->columns }, ROLE_TEXT);
		(void)cells_puts(c->cells, prompt_row - 1, 1, c->cells->columns - 1, ROLE_TEXT,
				 _("Enter runs this command in the terminal"));
		return;
	}
	for (int i = 0; i < rows; i++) {
		const struct action *a = all[from + (size_t)i].action;
		const struct outside_row *o = all[from + (size_t)i].outside;
		bool chosen = from + (size_t)i == c->prompt.chosen;
		int row = prompt_row - rows + i;
		auto_str keys = STR_INIT, name = STR_INIT;
		auto_free char *why = a ? action_why_not(c, a) : outside_why_not(c, o);
		uint32_t style = chosen ? ROLE_CURSOR : why ? ROLE_DIM : ROLE_TEXT;
		if (a)
			keymap_add_keys(c->keymap, a, c->view, &keys);
		str_addf(&name, "%s%s", a ? "" : "pawl ", a ? a->name : o->name);
		cells_clear(c->cells, (struct rect){ row, 0, 1, c->cells->columns }, style);
		(void)cells_puts(c->cells, row, 1, 18, style, str_text(&name));
		(void)cells_puts(c->cells, row, 20, 9, chosen ? ROLE_CURSOR : ROLE_KEY, str_text(&keys));
		(void)cells_puts(c->cells, row, 30, c->cells->columns - 30, style,
				 why ? why : a ? _(a->help) : _(o->help));
	}
	if (!n)
		cells_clear(c->cells, (struct rect){ prompt_row - 1, 0, 1, c->cells->columns }, ROLE_TEXT);
	if (!n)
		(void)cells_puts(c->cells, prompt_row - 1, 1, c->cells->columns - 1, ROLE_ALARM,
				 _("no such command"));
}

void palette_run(struct console *c)
{
	struct candidate all[ALL_MAX];
	size_t n = candidates(c, all), chosen = c->prompt.chosen;
	if (is_number(c->prompt.text)) {
		int64_t line = strtoll(c->prompt.text, NULL, 10);
		prompt_close(&c->prompt);
		console_focus(c, PANE_LOG);
		logview_go_line(&c->log, line);
		return;
	}
	if (!n) {
		auto_free char *line = xstrdup(c->prompt.text);
		if (!str_starts(line, "pawl "))
			return;
		prompt_close(&c->prompt);
		outside_line(c, line);
		return;
	}
	const struct action *a = all[MIN(chosen, n - 1)].action;
	const struct outside_row *o = all[MIN(chosen, n - 1)].outside;
	prompt_close(&c->prompt);
	if (o) {
		outside_verb(c, o);
		return;
	}
	auto_free char *why = action_why_not(c, a);
	if (why)
		console_say(c, ROLE_ALARM, "%s", why);
	else
		a->run(c, a, 0);
}

bool palette_key(struct console *c, int key)
{
	struct candidate all[ALL_MAX];
	size_t n = candidates(c, all);
	if (key == K_DOWN || key == K_TAB || key == K_CTRL('n'))
		c->prompt.chosen = n ? (c->prompt.chosen + 1) % n : 0;
	else if (key == K_UP || key == K_BACKTAB || key == K_CTRL('p'))
		c->prompt.chosen = n ? (c->prompt.chosen + n - 1) % n : 0;
	else
		return false;
	return true;
}
