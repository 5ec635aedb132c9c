/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Actions of the log pane. */
#include "tui/action.h"

#include "base/fs.h"
#include "tui/outside.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void act_follow(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	if (c->log.filter)
		logview_unfilter(&c->log);
	logview_follow(&c->log, !c->log.follow);
	c->dirty = true;
}

void act_wrap(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	c->log.wrap = !c->log.wrap;
	c->log.left = 0;
	console_say(c, ROLE_DIM, c->log.wrap ? _("long lines are wrapped") : _("long lines are cut"));
}

void act_time(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	c->log.time_style = (enum time_style)((c->log.time_style + 1) % TIME_STYLE_COUNT);
	c->dirty = true;
}

void act_next_match(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	logview_next(&c->log, a->value < 0);
	c->dirty = true;
}

void act_next_error(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	logview_next_error(&c->log, a->value < 0);
	c->dirty = true;
}

void act_context(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	if (c->log.filter)
		logview_unfilter(&c->log);
	c->dirty = true;
}

void act_more_context(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	if (!c->log.filter)
		console_say(c, ROLE_DIM, _("first filter the lines with &"));
	logview_context(&c->log, a->value);
	c->dirty = true;
}

void act_bookmark(struct console *c, const struct action *a, int letter)
{
	if (letter < 'a' || letter > 'z') {
		console_say(c, ROLE_DIM, _("a bookmark is a letter from a to z"));
		return;
	}
	int64_t *line = &c->log.marks[letter - 'a'].line;
	if (!a->value) {
		*line = logview_number(&c->log, c->log.cursor);
		console_say(c, ROLE_DIM, _("bookmark %c is on line %lld"), letter, (long long)*line);
	} else if (*line) {
		logview_go_line(&c->log, *line);
		console_focus(c, PANE_LOG);
	} else {
		console_say(c, ROLE_DIM, _("there is no bookmark %c in this log"), letter);
	}
}

void act_attempt(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	int64_t to = c->log.attempt + a->value;
	if (!c->log.name.run || to < 1 || to > MAX(c->log.attempts, c->log.attempt)) {
		console_say(c, ROLE_DIM, _("there is no other attempt in that direction"));
		return;
	}
	struct log_name name = { 0 };
	log_name_set(&name, &c->log.name);
	name.attempt = to;
	logview_open(&c->log, &name, true, 0);
	log_name_done(&name);
	c->dirty = true;
}

/* ---- other programs ---- */

void act_pager(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	if (!c->log.path) {
		console_say(c, ROLE_DIM, _("there is no log"));
		return;
	}
	if (access(c->log.path, R_OK)) {
		console_say(c, ROLE_ALARM, _("%s cannot be read from here: %s"), c->log.path,
			    strerror(errno));
		return;
	}
	int64_t line = MAX(logview_number(&c->log, c->log.cursor), 1);
	if (a->value)
		outside_edit_file(c, c->log.path, line);
	else
		outside_page_file(c, c->log.path, line);
}
