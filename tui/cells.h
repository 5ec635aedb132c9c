/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is to be seen, as a grid of cells: the panes draw here, and screen.c alone turns it into bytes
 * for a terminal. Nothing that is put here can control a terminal, whatever the text holds. */
#ifndef PAWL_TUI_CELLS_H
#define PAWL_TUI_CELLS_H

#include "base/str.h"

#include <wchar.h>

#define CELL_CHARS 5 /* a base character and its combining marks */

/* What a piece of text means; the theme says how that looks. */
enum role {
	ROLE_TEXT,
	ROLE_DIM,      /* details, skipped, finished long ago */
	ROLE_HEADER,   /* the top row */
	ROLE_TITLE,    /* title row of a pane */
	ROLE_FOCUS,    /* title row of the pane that has the keys */
	ROLE_RULE,     /* lines between panes */
	ROLE_KEY,      /* a key's name in the key row */
	ROLE_OK,
	ROLE_RUNNING,
	ROLE_WAITING,
	ROLE_PAUSED,
	ROLE_FAILED,
	ROLE_NEW,      /* a failure that nobody acknowledged */
	ROLE_RETRY,
	ROLE_MATCH,    /* a search hit */
	ROLE_CURSOR,   /* the selected row of the focused pane */
	ROLE_SELECTED, /* the selected row of another pane */
	ROLE_MARK,     /* a marked row */
	ROLE_PROMPT,
	ROLE_CONFIRM,
	ROLE_ALARM,    /* engine down, an action refused */
	ROLE_LEVEL_ERROR,
	ROLE_LEVEL_WARN,
	ROLE_LEVEL_DEBUG,
	ROLE_COUNT
};
const char *role_name(enum role role); /* "cursor", in theme files */

/* A style is a role in bits 0–7, attributes in 8–11 and, for coloured log text, a foreground and a
 * background colour (index + 1) in 12–20 and 21–29. */
#define STYLE_BOLD 0x100U
#define STYLE_DIM 0x200U
#define STYLE_UNDERLINE 0x400U
#define STYLE_REVERSE 0x800U
#define STYLE_ATTRS 0xf00U
#define STYLE_FG(index) (((uint32_t)(index) + 1U) << 12)
#define STYLE_BG(index) (((uint32_t)(index) + 1U) << 21)
#define STYLE_FG_MASK (0x1ffU << 12)
#define STYLE_BG_MASK (0x1ffU << 21)
static inline enum role style_role(uint32_t style)
{
	return (enum role)(style & 0xffU);
}
static inline uint32_t style_with_role(uint32_t style, enum role role)
{
	return (style & ~0xffU) | (uint32_t)role;
}

struct cell {
	wchar_t ch[CELL_CHARS]; /* NUL-terminated if shorter; ch[0] is 0 in the right half of a wide one */
	uint32_t style;
};

struct cells {
	struct cell *cell; /* rows × columns */
	int rows, columns;
	bool ascii;        /* the terminal or locale cannot show more than ASCII */
};

struct rect {
	int row, column, rows, columns;
};

void cells_done(struct cells *g);
void cells_resize(struct cells *g, int rows, int columns); /* blank afterwards */
void cells_clear(struct cells *g, struct rect r, uint32_t style);
/* Put text at (row, column), clipped to `width` columns; returns the columns used. Tabs go to
 * multiples of 8 from `origin`. What cannot be shown appears as ?, controls as \xNN. */
int cells_put(struct cells *g, int row, int column, int width, uint32_t style, const char *text,
	      size_t len);
static inline int cells_puts(struct cells *g, int row, int column, int width, uint32_t style,
			     const char *text)
{
	return cells_put(g, row, column, width, style, text, __builtin_strlen(text));
}
int cells_putf(struct cells *g, int row, int column, int width, uint32_t style, const char *fmt, ...)
	PRINTF_LIKE(6, 7);
/* As cells_puts(), to the right edge of the field, or cut on the left. */
void cells_put_right(struct cells *g, int row, int column, int width, uint32_t style,
		     const char *text);
/* Give all cells of a piece of a row another role, keeping attributes and colours. */
void cells_paint(struct cells *g, int row, int column, int width, enum role role);
void cells_add_style(struct cells *g, int row, int column, int width, uint32_t attrs);
/* The row as UTF-8 text without trailing blanks (for tests and "save screen"). */
void cells_text(const struct cells *g, int row, struct str *out);
/* Columns that `text` takes when put. */
int cells_width(const struct cells *g, const char *text, size_t len);

static inline struct cell *cells_at(const struct cells *g, int row, int column)
{
	return &g->cell[(size_t)row * (size_t)g->columns + (size_t)column];
}

#endif
