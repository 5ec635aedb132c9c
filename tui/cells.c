/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/cells.h"

#include "base/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <wctype.h>

static const char *const role_names[] = {
	[ROLE_TEXT] = "text",         [ROLE_DIM] = "dim",
	[ROLE_HEADER] = "header",     [ROLE_TITLE] = "title",
	[ROLE_FOCUS] = "focus",       [ROLE_RULE] = "rule",
	[ROLE_KEY] = "key",           [ROLE_OK] = "ok",
	[ROLE_RUNNING] = "running",   [ROLE_WAITING] = "waiting",
	[ROLE_PAUSED] = "paused",     [ROLE_FAILED] = "failed",
	[ROLE_NEW] = "new",           [ROLE_RETRY] = "retry",
	[ROLE_MATCH] = "match",       [ROLE_CURSOR] = "cursor",
	[ROLE_SELECTED] = "selected", [ROLE_MARK] = "mark",
	[ROLE_PROMPT] = "prompt",     [ROLE_CONFIRM] = "confirm",
	[ROLE_ALARM] = "alarm",       [ROLE_LEVEL_ERROR] = "level_error",
	[ROLE_LEVEL_WARN] = "level_warn", [ROLE_LEVEL_DEBUG] = "level_debug",
};
static_assert(COUNT(role_names) == ROLE_COUNT, "every role has a name");

const char *role_name(enum role role)
{
	return role_names[role];
}

void cells_done(struct cells *g)
{
	free(g->cell);
	*g = (struct cells){ .ascii = g->ascii };
}

void cells_resize(struct cells *g, int rows, int columns)
{
	free(g->cell);
	g->rows = MAX(rows, 1);
	g->columns = MAX(columns, 1);
	g->cell = xcalloc((size_t)g->rows * (size_t)g->columns, sizeof(*g->cell));
	cells_clear(g, (struct rect){ 0, 0, g->rows, g->columns }, ROLE_TEXT);
}

void cells_clear(struct cells *g, struct rect r, uint32_t style)
{
	const struct cell blank = { .ch = { L' ' }, .style = style };
	for (int row = MAX(r.row, 0); row < MIN(r.row + r.rows, g->rows); row++)
		for (int c = MAX(r.column, 0); c < MIN(r.column + r.columns, g->columns); c++)
			*cells_at(g, row, c) = blank;
}

/* Half of a wide character that is overwritten leaves a blank in its other half. */
static void split_wide(struct cells *g, int row, int column)
{
	if (cells_at(g, row, column)->ch[0] == 0 && column > 0)
		cells_at(g, row, column - 1)->ch[0] = L' ', cells_at(g, row, column - 1)->ch[1] = 0;
	if (column + 1 < g->columns && cells_at(g, row, column + 1)->ch[0] == 0)
		cells_at(g, row, column + 1)->ch[0] = L' ';
}

static void set(struct cells *g, int row, int column, wchar_t ch, int width, uint32_t style)
{
	for (int i = 0; i < width; i++) {
		split_wide(g, row, column + i);
		struct cell *c = cells_at(g, row, column + i);
		memset(c, 0, sizeof(*c));
		c->ch[0] = i == 0 ? ch : 0;
		c->style = style;
	}
}

static void add_mark(struct cells *g, int row, int column, wchar_t ch)
{
	while (column > 0 && cells_at(g, row, column)->ch[0] == 0)
		column--;
	struct cell *c = cells_at(g, row, column);
	for (int i = 1; i < CELL_CHARS; i++) {
		if (!c->ch[i]) {
			c->ch[i] = ch;
			return;
		}
	}
}

static bool is_format_control(uint32_t cp)
{
	return (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x202a && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x206f) || cp == 0x061c || cp == 0xfeff || cp == 0xad ||
	       (cp >= 0xe0000 && cp <= 0xe007f);
}

/* One step of cells_put() and cells_width(): what the character at `p` becomes. */
struct glyph {
	size_t bytes;
	int width;      /* 0: joins the previous one, -1: text[] stands for it */
	wchar_t ch;
	char text[12];
};

static struct glyph next_glyph(const struct cells *g, const char *p, size_t n)
{
	uint32_t cp = 0;
	size_t len = utf8_decode(p, n, &cp);
	struct glyph r = { .bytes = len ? len : 1, .width = 1, .ch = (wchar_t)cp };
	unsigned char byte = (unsigned char)*p;
	if (cp >= 0x20 && cp < 0x7f)
		return r;
	if (!len || cp < 0xa0) {
		r.width = -1;
		(void)snprintf(r.text, sizeof(r.text), "\\x%02X", len == 2 ? cp & 0xff : byte);
		return r;
	}
	if (is_format_control(cp)) {
		r.width = -1;
		(void)snprintf(r.text, sizeof(r.text), "<U+%04X>", cp & 0xfffff);
		return r;
	}
	r.width = g->ascii ? -1 : wcwidth((wchar_t)cp);
	if (r.width < 0) {
		r.width = -1;
		r.text[0] = '?';
		r.text[1] = '\0';
	}
	return r;
}

static int put_plain(struct cells *g, int row, int column, int width, uint32_t style, const char *text)
{
	int used = 0;
	for (; *text && used < width && column + used < g->columns; text++)
		set(g, row, column + used++, (wchar_t)(unsigned char)*text, 1, style);
	return used;
}

int cells_put(struct cells *g, int row, int column, int width, uint32_t style, const char *text,
	      size_t len)
{
	if (row < 0 || row >= g->rows || column < 0)
		return 0;
	width = MIN(width, g->columns - column);
	int used = 0;
	for (size_t i = 0; i < len;) {
		if (text[i] == '\t') {
			int to = MIN((used / 8 + 1) * 8, width);
			while (used < to)
				set(g, row, column + used++, L' ', 1, style);
			i++;
			continue;
		}
		struct glyph c = next_glyph(g, text + i, len - i);
		i += c.bytes;
		if (c.width == 0) {
			if (used > 0)
				add_mark(g, row, column + used - 1, c.ch);
			continue;
		}
		if (used >= width)
			break;
		if (c.width < 0) {
			used += put_plain(g, row, column + used, width - used, style, c.text);
		} else if (used + c.width > width) {
			set(g, row, column + used++, L' ', 1, style);
		} else {
			set(g, row, column + used, c.ch, c.width, style);
			used += c.width;
		}
	}
	return used;
}

int cells_width(const struct cells *g, const char *text, size_t len)
{
	int used = 0;
	for (size_t i = 0; i < len;) {
		if (text[i] == '\t') {
			used = (used / 8 + 1) * 8;
			i++;
			continue;
		}
		struct glyph c = next_glyph(g, text + i, len - i);
		i += c.bytes;
		used += c.width < 0 ? (int)strlen(c.text) : c.width;
	}
	return used;
}

int cells_putf(struct cells *g, int row, int column, int width, uint32_t style, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return n < 0 ? 0 : cells_put(g, row, column, width, style, text,
				     utf8_floor(text, MIN((size_t)n, sizeof(text) - 1)));
}

void cells_put_right(struct cells *g, int row, int column, int width, uint32_t style,
		     const char *text)
{
	int need = cells_width(g, text, strlen(text));
	int pad = MAX(width - need, 0);
	(void)cells_puts(g, row, column + pad, width - pad, style, text);
}

void cells_paint(struct cells *g, int row, int column, int width, enum role role)
{
	if (row < 0 || row >= g->rows)
		return;
	for (int c = MAX(column, 0); c < MIN(column + width, g->columns); c++)
		cells_at(g, row, c)->style = style_with_role(cells_at(g, row, c)->style, role);
}

void cells_add_style(struct cells *g, int row, int column, int width, uint32_t attrs)
{
	if (row < 0 || row >= g->rows)
		return;
	for (int c = MAX(column, 0); c < MIN(column + width, g->columns); c++)
		cells_at(g, row, c)->style |= attrs;
}

void cells_text(const struct cells *g, int row, struct str *out)
{
	size_t start = out->len;
	for (int c = 0; c < g->columns; c++)
		for (int i = 0; i < CELL_CHARS && cells_at(g, row, c)->ch[i]; i++)
			utf8_add(out, (uint32_t)cells_at(g, row, c)->ch[i]);
	while (out->len > start && out->p[out->len - 1] == ' ')
		str_cut(out, out->len - 1);
}
