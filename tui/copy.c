/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copying: text goes to the clipboard of the person's own terminal (OSC 52), also through SSH and tmux. What is
 * copied is the text itself, never the screen. */
#include "tui/action.h"
#include "tui/verb.h"

#define CLIPBOARD_MAX 74994 /* what terminals take at least: 100,000 bytes of base64 with its frame */

static void add_base64(struct str *s, const char *p, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)(unsigned char)p[i] << 16;
		v |= i + 1 < n ? (uint32_t)(unsigned char)p[i + 1] << 8 : 0;
		v |= i + 2 < n ? (uint32_t)(unsigned char)p[i + 2] : 0;
		str_add_char(s, digits[v >> 18]);
		str_add_char(s, digits[(v >> 12) & 63]);
		str_add_char(s, i + 1 < n ? digits[(v >> 6) & 63] : '=');
		str_add_char(s, i + 2 < n ? digits[v & 63] : '=');
	}
}

static void to_clipboard(struct console *c, const char *text, size_t len, const char *what)
{
	if (!len) {
		console_say(c, ROLE_DIM, _("there is nothing to copy"));
		return;
	}
	if (!screen_takes_osc(c->screen)) {
		console_say(c, ROLE_ALARM, _("this terminal takes nothing into its clipboard"));
		return;
	}
	bool cut = len > CLIPBOARD_MAX;
	auto_str s = STR_INIT;
	str_add(&s, "\033]52;c;");
	add_base64(&s, text, cut ? CLIPBOARD_MAX : len);
	str_add(&s, "\a");
	/* tmux takes it for its own buffer; passed through, the outer terminal gets it, too. */
	if (getenv("TMUX")) {
		size_t n = s.len;
		str_add(&s, "\033Ptmux;\033");
		str_reserve(&s, n); /* it is read from itself, so it must not move meanwhile */
		str_add_len(&s, s.p, n);
		str_add(&s, "\033\\");
	}
	screen_send(c->screen, s.p, s.len);
	if (cut)
		console_say(c, ROLE_ALARM, _("copied the first %d of %zu bytes: %s"), CLIPBOARD_MAX,
			    len, what);
	else
		console_say(c, ROLE_OK, _("copied to the terminal's clipboard: %s"), what);
}

static void add_plain(struct str *s, const struct log_text *line)
{
	for (size_t i = 0; line && line->text && i < line->len;) {
		if (line->text[i] == '\033') { /* well-formed colours only: ends with m */
			while (i < line->len && line->text[i] != 'm')
				i++;
			i++;
		} else {
			str_add_char(s, line->text[i++]);
		}
	}
}

static void add_row_text(struct console *c, struct str *s)
{
	const struct list *l = console_list(c);
	const struct row *row = l ? list_selected(l) : NULL;
	const struct list_context context = list_context(c, 1000);
	for (size_t i = 0; row && i < l->ops->ncolumns; i++) {
		enum role role;
		if (i)
			str_add_char(s, '\t');
		l->ops->columns[i].text(row, &context, s, &role);
	}
}

static void add_command(struct console *c, struct str *s)
{
	const struct log_name *n = &c->log.name;
	const struct list *l = console_list(c);
	if (c->confirm.open)
		str_add(s, c->confirm.command);
	else if (c->view == PANE_QUEUE && list_selected(l))
		str_addf(s, "pawl show %s", list_selected(l)->id);
	else if ((c->view == PANE_LOG || c->view == PANE_ITERATIONS) && n->run)
		str_addf(s, "pawl logs %s/%s", n->run, n->node);
	else if (c->view == PANE_EVENTS)
		str_add(s, "pawl events");
	else if (c->model.run)
		str_addf(s, "pawl show %s", c->model.run);
}

static void add_path(struct console *c, struct str *s)
{
	const struct run_row *run = console_run(c);
	if ((c->view == PANE_LOG || c->view == PANE_ITERATIONS) && c->log.path)
		str_add(s, c->log.path);
	else if (run && run->workspace)
		str_add(s, run->workspace);
}

void act_copy(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	auto_str s = STR_INIT;
	const struct list *l = console_list(c);
	switch (a->value) {
	case 'l':
		if (c->view == PANE_LOG)
			add_plain(&s, logview_line(&c->log, c->log.cursor));
		else
			add_row_text(c, &s);
		to_clipboard(c, s.p, s.len, _("the line"));
		break;
	case 'b':
		for (int i = 0; i < c->log.rows; i++) {
			const struct log_text *line = logview_line(&c->log, c->log.top + i);
			add_plain(&s, line);
			if (line)
				str_add_char(&s, '\n');
		}
		to_clipboard(c, s.p, s.len, _("the lines on the screen"));
		break;
	case 'i':
		if (c->view == PANE_QUEUE && list_selected(l))
			str_add(&s, list_selected(l)->id);
		else if (c->model.run)
			str_add(&s, c->model.run);
		to_clipboard(c, s.p, s.len, str_text(&s));
		break;
	case 'p':
		add_path(c, &s);
		to_clipboard(c, s.p, s.len, str_text(&s));
		break;
	default:
		add_command(c, &s);
		to_clipboard(c, s.p, s.len, str_text(&s));
	}
}
