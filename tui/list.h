/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list of rows under a cursor. Cursor, marks and range are kept by row id, never by index, so that rows
 * that come and go never move the selection. What a row looks like is a table of columns. */
#ifndef PAWL_TUI_LIST_H
#define PAWL_TUI_LIST_H

#include "base/map.h"
#include "tui/rows.h"

struct list_context { /* what a column may need besides the row */
	int64_t now_ms;
	bool ascii;
	bool roomy; /* the wide form of a text */
};

struct column {
	const char *name;  /* as in the column picker; translate on use */
	int width;         /* columns; the flexible one: the least */
	int share;         /* > 0: gets what its texts need of what is left, and the last of them the rest */
	bool right;        /* numbers: to the right edge */
	int from_width;    /* shown when the pane has at least this many columns */
	/* Append the cell's text; may change the role from that of the row's state. */
	void (*text)(const struct row *row, const struct list_context *c, struct str *out,
		     enum role *role);
	int (*compare)(const struct row *a, const struct row *b); /* NULL: cannot be sorted by */
};

struct list_ops {
	const struct column *columns; /* at most 16 */
	size_t ncolumns;
};

#define LIST_COLUMNS_MAX 16
struct list {
	const struct list_ops *ops;
	const struct rows *rows; /* borrowed */
	uint32_t *visible;       /* indices into rows->v: filtered and sorted */
	unsigned int gone;       /* rows->gone when they were made */
	size_t n, cap;
	char *cursor_id;         /* NULL: none */
	size_t cursor, top;      /* positions in `visible` */
	struct smap marks;
	char *anchor;            /* first row of a range; NULL: no range */
	char *filter;            /* fuzzy text, "!text" for the rest; NULL: none */
	bool (*keep)(const struct row *row, const void *ctx); /* another filter; NULL: none */
	const void *keep_ctx;
	int sort_column;         /* -1: the engine's order */
	bool reverse;
	uint32_t hidden;         /* bits of columns that are switched off */
	size_t new_above;        /* rows that came above the cursor and are not in sight */
	int need[LIST_COLUMNS_MAX]; /* columns that the texts of flexible columns take */
};

void list_init(struct list *l, const struct list_ops *ops, const struct rows *rows);
void list_done(struct list *l);
/* The rows changed: filter and sort again, find the cursor's row by its id. When it is gone, the cursor
 * stays at its place. */
void list_refresh(struct list *l);
struct row *list_selected(const struct list *l);
struct row *list_at(const struct list *l, size_t position);
/* Move the cursor by `by` rows, within bounds. */
void list_move(struct list *l, int64_t by);
void list_go(struct list *l, size_t position);
bool list_go_id(struct list *l, const char *id); /* false if it is not visible */
void list_set_filter(struct list *l, const char *filter);
void list_set_sort(struct list *l, int column, bool reverse);
bool list_is_marked(const struct list *l, const struct row *row);
void list_mark(struct list *l, struct row *row, bool on);
void list_range(struct list *l); /* begin a range at the cursor, or mark it and end */
void list_mark_all(struct list *l);
void list_clear_marks(struct list *l);
/* Ids of the marked rows, or of the selected one; an array that is yours, its texts are borrowed. */
const char **list_targets(const struct list *l, size_t *ret_n);

/* Draw `rows` rows of the list from `top`, which is moved so that the cursor is in sight. */
void list_draw(struct list *l, struct cells *g, struct rect r, bool focused, bool header,
	       const struct list_context *c);

#endif
