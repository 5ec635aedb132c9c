/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log pane: lines in their colours, the search marked, and what the title says of the place. */
#include "tui/panes.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define GUTTER 2

static void add_grouped(struct str *s, int64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			str_add_char(s, ',');
		str_add_char(s, digits[i]);
	}
}

static enum role level_role(enum log_level level)
{
	switch (level) {
	case LEVEL_ERROR:
		return ROLE_LEVEL_ERROR;
	case LEVEL_WARN:
		return ROLE_LEVEL_WARN;
	case LEVEL_DEBUG:
		return ROLE_LEVEL_DEBUG;
	case LEVEL_NONE:
	case LEVEL_INFO:
		break;
	}
	return ROLE_TEXT;
}

static void add_time(const struct logview *v, const struct log_text *line, struct str *s)
{
	if (!line->t_ms || v->time_style == TIME_NONE)
		return;
	time_t at = (time_t)(line->t_ms / 1000);
	struct tm tm;
	char text[32];
	if (v->time_style == TIME_ELAPSED) {
		int64_t ms = line->t_ms - v->started_at_ms;
		str_addf(s, "%6lld.%02lld ", (long long)(ms / 1000), (long long)(ms % 1000 / 10));
		return;
	}
	if (v->time_style == TIME_UTC)
		(void)gmtime_r(&at, &tm);
	else
		(void)localtime_r(&at, &tm);
	(void)strftime(text, sizeof(text), "%H:%M:%S", &tm);
	str_addf(s, " %s.%02lld%s ", text, (long long)(line->t_ms % 1000 / 10),
		 v->time_style == TIME_UTC ? "Z" : "");
}

/* ---- colours of the text itself ---- */

static uint32_t apply_sgr(uint32_t style, const long *codes, size_t n, enum role role)
{
	for (size_t i = 0; i < n; i++) {
		long code = codes[i];
		bool extended = (code == 38 || code == 48) && i + 1 < n;
		if (code == 0)
			style = role;
		else if (code == 1)
			style |= STYLE_BOLD;
		else if (code == 2)
			style |= STYLE_DIM;
		else if (code == 4)
			style |= STYLE_UNDERLINE;
		else if (code == 7)
			style |= STYLE_REVERSE;
		else if (code == 22)
			style &= ~(STYLE_BOLD | STYLE_DIM);
		else if (code == 24)
			style &= ~STYLE_UNDERLINE;
		else if (code == 27)
			style &= ~STYLE_REVERSE;
		else if (code >= 30 && code <= 37)
			style = (style & ~STYLE_FG_MASK) | STYLE_FG(code - 30);
		else if (code >= 90 && code <= 97)
			style = (style & ~STYLE_FG_MASK) | STYLE_FG(code - 90 + 8);
		else if (code == 39)
			style &= ~STYLE_FG_MASK;
		else if (code >= 40 && code <= 47)
			style = (style & ~STYLE_BG_MASK) | STYLE_BG(code - 40);
		else if (code == 49)
			style &= ~STYLE_BG_MASK;
		else if (extended && codes[i + 1] == 5 && i + 2 < n) {
			uint32_t index = (uint32_t)(codes[i + 2] & 0xff);
			style = code == 38 ? (style & ~STYLE_FG_MASK) | STYLE_FG(index) :
					     (style & ~STYLE_BG_MASK) | STYLE_BG(index);
			i += 2;
		} else if (extended && codes[i + 1] == 2) {
			i += 4; /* 24-bit colours are left out */
		}
	}
	return style;
}

/* A well-formed "ESC [ … m" at `p`; returns its length. */
static size_t read_sgr(const char *p, size_t n, long *codes, size_t *ret_n)
{
	size_t i = 2;
	*ret_n = 0;
	long code = 0;
	for (; i < n && p[i] != 'm'; i++) {
		if (p[i] >= '0' && p[i] <= '9') {
			code = MIN(code * 10 + (p[i] - '0'), 9999L);
		} else if (*ret_n < 15) {
			codes[(*ret_n)++] = code;
			code = 0;
		}
	}
	codes[(*ret_n)++] = code;
	return MIN(i + 1, n);
}

/* A line as text without its colours, and what colour each byte has. */
struct flat {
	struct str text;
	uint32_t *style;
	size_t cap;
};

static void flatten(const struct log_text *line, enum role role, struct flat *f)
{
	uint32_t style = role;
	str_clear(&f->text);
	if (f->cap < line->len + 1) {
		f->cap = line->len + 256;
		f->style = xreallocarray(f->style, f->cap, sizeof(*f->style));
	}
	for (size_t i = 0; i < line->len;) {
		if (line->text[i] == '\033') {
			long codes[16];
			size_t n = 0;
			i += read_sgr(line->text + i, line->len - i, codes, &n);
			style = apply_sgr(style, codes, n, role);
			continue;
		}
		f->style[f->text.len] = style;
		str_add_char(&f->text, line->text[i++]);
	}
}

static void mark_matches(const struct logview *v, struct regex *re, struct flat *f)
{
	size_t from = 0, start, end;
	if (!re || v->negate)
		return;
	for (int i = 0; i < 64 && regex_find(re, str_text(&f->text), f->text.len, from, &start, &end,
					     NULL);
	     i++) {
		for (size_t b = start; b < end; b++)
			f->style[b] = style_with_role(f->style[b], ROLE_MATCH) &
				      ~(STYLE_FG_MASK | STYLE_BG_MASK);
		from = end > start ? end : end + 1;
		if (from > f->text.len)
			return;
	}
}

/* Put bytes [from, …) of a flat line into a row; returns the offset of the first byte that did not fit. */
static size_t put_flat(struct cells *g, int row, int column, int width, const struct flat *f,
		       size_t from, int skip, enum role cursor)
{
	size_t i = from;
	int at = 0;
	while (i < f->text.len && at - skip < width) {
		size_t run = i;
		uint32_t style = f->style[i];
		while (run < f->text.len && f->style[run] == style)
			run++;
		if (cursor == ROLE_CURSOR && style_role(style) != ROLE_MATCH)
			style = ROLE_CURSOR;
		/* One character at a time: what is scrolled out is skipped by columns. */
		while (i < run && at - skip < width) {
			size_t n = 1;
			while (i + n < run && ((unsigned char)f->text.p[i + n] & 0xc0) == 0x80)
				n++;
			int w = f->text.p[i] == '\t' ? 8 - at % 8 : cells_width(g, f->text.p + i, n);
			if (at - skip + w > width)
				return i;
			if (at >= skip && f->text.p[i] != '\t')
				(void)cells_put(g, row, column + at - skip, MAX(w, 1), style,
						f->text.p + i, n);
			else if (at >= skip && cursor == ROLE_CURSOR)
				cells_paint(g, row, column + at - skip, w, ROLE_CURSOR);
			at += w;
			i += n;
		}
	}
	return i;
}

/* ---- rows ---- */

struct drawing {
	struct console *c;
	struct rect r; /* of the lines */
	struct flat flat;
	int number_width;
	bool focused;
};

static void draw_gutter(struct drawing *d, int row, const struct log_text *line, bool cursor)
{
	struct cells *g = d->c->cells;
	uint32_t style = cursor && d->focused ? ROLE_CURSOR : cursor ? ROLE_SELECTED : ROLE_DIM;
	if (cursor && d->focused)
		cells_clear(g, (struct rect){ row, d->r.column, 1, d->r.columns }, ROLE_CURSOR);
	(void)cells_puts(g, row, d->r.column, 1, style, cursor ? ">" : line->context ? "-" : " ");
	(void)cells_putf(g, row, d->r.column + GUTTER, d->number_width, style, "%*lld",
			 d->number_width - 1, (long long)line->number);
}

/* Draw one line from screen row `row` on; returns the rows that it took. */
static int draw_line(struct drawing *d, int row, const struct log_text *line, bool cursor)
{
	struct logview *v = &d->c->log;
	struct cells *g = d->c->cells;
	auto_str time = STR_INIT;
	int end = d->r.row + d->r.rows, taken = 0;
	int at = d->r.column + GUTTER + d->number_width;
	draw_gutter(d, row, line, cursor);
	add_time(v, line, &time);
	enum role cursor_role = cursor && d->focused ? ROLE_CURSOR : ROLE_TEXT;
	at += cells_puts(g, row, at, 20, cursor_role == ROLE_CURSOR ? ROLE_CURSOR : ROLE_DIM,
			 str_text(&time));
	int width = d->r.column + d->r.columns - at;
	flatten(line, level_role(line->level), &d->flat);
	mark_matches(v, v->re ? v->re : v->filter_negate ? NULL : v->filter_re, &d->flat);
	size_t from = 0;
	do {
		if (taken && cursor_role == ROLE_CURSOR)
			cells_clear(g, (struct rect){ row + taken, d->r.column, 1, d->r.columns },
				    ROLE_CURSOR);
		size_t to = put_flat(g, row + taken, at, width, &d->flat, from,
				     v->wrap ? 0 : (int)v->left, cursor_role);
		taken++;
		if (to == from)
			break;
		from = to;
	} while (v->wrap && from < d->flat.text.len && row + taken < end);
	bool more = from < d->flat.text.len || line->full_len > 4096;
	if (more && (!v->wrap || from >= d->flat.text.len))
		(void)cells_puts(g, row + taken - 1, d->r.column + d->r.columns - 1, 1,
				 ROLE_DIM | STYLE_REVERSE, ">");
	return taken;
}

static int line_rows(const struct logview *v, const struct cells *g, const struct log_text *line,
		     int width)
{
	if (!v->wrap || !line || !line->text || width < 1)
		return 1;
	int columns = cells_width(g, line->text, line->len);
	return MAX((columns + width - 1) / width, 1);
}

/* With wrapping, lines above the cursor may push it out: move the top down until it is in sight. */
static void keep_cursor(struct drawing *d)
{
	struct logview *v = &d->c->log;
	int width = d->r.columns - GUTTER - d->number_width - (v->time_style == TIME_NONE ? 0 : 10);
	int used = 0;
	int64_t top = v->cursor;
	while (top >= v->top && top >= 1) {
		used += line_rows(v, d->c->cells, logview_line(v, top), width);
		if (used > d->r.rows && top < v->cursor)
			break;
		top--;
	}
	v->top = MAX(top + 1, (int64_t)1);
}

static void draw_lines(struct drawing *d)
{
	struct logview *v = &d->c->log;
	int row = d->r.row, end = d->r.row + d->r.rows;
	if (v->wrap)
		keep_cursor(d);
	for (int64_t p = v->top; row < end && p <= logview_count(v); p++) {
		const struct log_text *line = logview_line(v, p);
		if (line && line->text) {
			row += draw_line(d, row, line, p == v->cursor);
		} else {
			(void)cells_puts(d->c->cells, row++, d->r.column + GUTTER + 2, 20, ROLE_DIM,
					 _("reading ..."));
		}
	}
	if (!v->done && !v->filter && row < end)
		(void)cells_puts(d->c->cells, row, d->r.column + GUTTER, 20, ROLE_DIM, "~");
}

/* ---- title ---- */

static void add_place(const struct logview *v, struct str *s, bool roomy)
{
	int64_t number = logview_number(v, v->cursor);
	if (v->filter)
		str_addf(s, roomy ? _("%lld%s lines match  ") : "%lld%s  ", (long long)v->nhits,
			 v->filter_next ? "+" : "");
	if (v->call[LOG_SEARCH].request && v->mono_us - v->call[LOG_SEARCH].asked_us > 300000)
		str_add(s, _("searching, Esc stops  "));
	else if (v->pattern && v->match_count >= 0)
		str_addf(s, ngettext("%lld match  ", "%lld matches  ", (unsigned long)v->match_count),
			 (long long)v->match_count);
	add_grouped(s, MAX(MIN(number, v->lines), (int64_t)0));
	str_add_char(s, '/');
	add_grouped(s, v->lines);
	if (v->lines)
		str_addf(s, " %3d%%", (int)(number * 100 / v->lines));
	int64_t news = logview_new_lines(v);
	if (v->follow)
		str_add(s, v->done ? _("  end") : _("  following"));
	else if (news)
		str_addf(s, _("  %lld new (F)"), (long long)news);
	else if (!v->done)
		str_add(s, _("  held (F follows)"));
}

static void draw_log_title(struct console *c, struct rect r, bool focused)
{
	const struct logview *v = &c->log;
	auto_str left = STR_INIT, right = STR_INIT;
	bool roomy = r.columns >= 100;
	if (v->name.run) {
		auto_free char *what = v->checks || v->decides ?
					       xstrdup(v->checks ? _("verify") : _("decide")) :
					       xasprintf(_("try %lld"), (long long)MAX(v->attempt, (int64_t)1));
		if (roomy)
			str_addf(&left, _("run %s > it %lld > %s > %s"), v->name.run,
				 (long long)v->name.iteration, v->name.node, what);
		else
			str_addf(&left, _("it %lld %s %s"), (long long)v->name.iteration, v->name.node, what);
		if (v->error_line && v->cursor == v->error_line && !v->filter)
			str_add(&left, v->first_error == v->error_line ? _("   first error") : _("   on stderr"));
		if (v->pattern)
			str_addf(&left, "   /%s%s", v->negate ? "!" : "", v->pattern);
		if (v->filter)
			str_addf(&left, "   &%s%s", v->filter_negate ? "!" : "", v->filter);
		if (v->cut_bytes > 0)
			str_addf(&left, _("   %lld bytes cut at line %lld"), (long long)v->cut_bytes,
				 (long long)v->cut_line);
		if (v->have)
			add_place(v, &right, roomy);
	}
	draw_title(c, r, focused, 4, _(pane_log.title), str_text(&left), str_text(&right));
}

static void log_draw(struct console *c, struct rect r, bool focused)
{
	struct logview *v = &c->log;
	struct drawing d = { .c = c, .focused = focused };
	d.r = (struct rect){ r.row + 1, r.column, r.rows - 1, r.columns };
	d.number_width = v->lines >= 10000000 ? 10 : v->lines >= 100000 ? 8 : 6;
	bool resized = v->rows != d.r.rows;
	v->rows = d.r.rows;
	v->columns = d.r.columns;
	if (resized && v->have && logview_count(v))
		logview_fit(v);
	if (v->failed)
		(void)cells_putf(c->cells, d.r.row, d.r.column + 3, d.r.columns - 3,
				 v->missing ? ROLE_DIM : ROLE_ALARM, "%s",
				 v->missing ? _("the attempt wrote nothing") : v->err.message);
	else if (!v->wanted.run)
		(void)cells_puts(c->cells, d.r.row, d.r.column + 3, d.r.columns - 3, ROLE_DIM,
				 _("no attempt is selected"));
	else if (!v->have)
		(void)cells_puts(c->cells, d.r.row, d.r.column + 3, d.r.columns - 3, ROLE_DIM,
				 _("reading ..."));
	else if (!logview_count(v))
		(void)cells_puts(c->cells, d.r.row, d.r.column + 3, d.r.columns - 3, ROLE_DIM,
				 v->filter ? (v->filter_next ? _("searching ...") :
							       _("no line matches")) :
				 v->done   ? _("the attempt wrote nothing") :
					     _("nothing was written yet"));
	else
		draw_lines(&d);
	draw_log_title(c, r, focused);
	str_done(&d.flat.text);
	free(d.flat.style);
}

static void log_leave(struct console *c)
{
	console_focus(c, PANE_ITERATIONS);
}

static void log_enter(struct console *c)
{
	if (c->log.filter)
		logview_unfilter(&c->log);
	c->dirty = true;
}

const struct pane_ops pane_log = {
	.name = "log",
	.title = N_("LOG"),
	.draw = log_draw,
	.enter = log_enter,
	.leave = log_leave,
	.parent = PANE_ITERATIONS,
};
