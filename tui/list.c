/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/list.h"

#include "base/utf8.h"
#include "tui/fuzzy.h"

#include <string.h>

#define MEASURED_ROWS 200
#define MEASURED_MAX 60 /* columns */

void list_init(struct list *l, const struct list_ops *ops, const struct rows *rows)
{
	*l = (struct list){ .ops = ops, .rows = rows, .sort_column = -1 };
}

void list_done(struct list *l)
{
	free(l->visible);
	free(l->cursor_id);
	free(l->anchor);
	free(l->filter);
	smap_done(&l->marks);
	*l = (struct list){ 0 };
}

/* The row of a position that is known to be one. */
static struct row *row_of(const struct list *l, size_t position)
{
	return l->rows->v[l->visible[position]];
}

static void row_text(const struct list *l, const struct row *row, struct str *out)
{
	const struct list_context c = { .ascii = true, .roomy = true };
	for (size_t i = 0; i < l->ops->ncolumns; i++) {
		enum role role = ROLE_TEXT;
		l->ops->columns[i].text(row, &c, out, &role);
		str_add_char(out, ' ');
	}
}

static bool is_kept(const struct list *l, const struct row *row, struct str *scratch)
{
	if (l->keep && !l->keep(row, l->keep_ctx))
		return false;
	if (!l->filter)
		return true;
	bool negate = l->filter[0] == '!';
	str_clear(scratch);
	row_text(l, row, scratch);
	return (fuzzy_score(l->filter + negate, str_text(scratch)) >= 0) != negate;
}

/* qsort() has no context of its own, and the C library's qsort_r() differs between systems. */
static void sort_visible(struct list *l)
{
	int (*compare)(const struct row *, const struct row *) =
		l->ops->columns[l->sort_column].compare;
	/* Merge sort: stable, so that equal rows keep the engine's order. */
	uint32_t *other = xreallocarray(NULL, l->n + 1, sizeof(*other));
	for (size_t width = 1; width < l->n; width *= 2) {
		for (size_t from = 0; from < l->n; from += 2 * width) {
			size_t i = from, mid = MIN(from + width, l->n), j = mid;
			size_t end = MIN(from + 2 * width, l->n);
			for (size_t k = from; k < end; k++) {
				bool left = i < mid;
				if (left && j < end) {
					int order = compare(l->rows->v[l->visible[i]],
							    l->rows->v[l->visible[j]]);
					left = l->reverse ? order >= 0 : order <= 0;
				}
				other[k] = l->visible[left ? i++ : j++];
			}
		}
		memcpy(l->visible, other, l->n * sizeof(*other));
	}
	free(other);
}

static void take_cursor(struct list *l)
{
	free(l->cursor_id);
	l->cursor_id = l->cursor < l->n ? xstrdup(row_of(l, l->cursor)->id) : NULL;
}

/* Of the first rows alone: columns that moved with each row would be worse than a cut one. */
static void measure(struct list *l)
{
	const struct list_context c = { .ascii = true, .roomy = true };
	auto_str text = STR_INIT;
	for (size_t i = 0; i < l->ops->ncolumns; i++) {
		l->need[i] = 0;
		for (size_t row = 0; l->ops->columns[i].share && row < MIN(l->n, (size_t)MEASURED_ROWS); row++) {
			enum role role = ROLE_TEXT;
			str_clear(&text);
			l->ops->columns[i].text(row_of(l, row), &c, &text, &role);
			l->need[i] = MAX(l->need[i], (int)MIN(text_width(str_text(&text), text.len), (size_t)MEASURED_MAX));
		}
	}
}

void list_refresh(struct list *l)
{
	auto_str scratch = STR_INIT;
	size_t was = l->cursor;
	l->n = 0;
	l->gone = l->rows->gone;
	for (size_t i = 0; i < l->rows->n; i++) {
		if (!is_kept(l, l->rows->v[i], &scratch))
			continue;
		GROW(l->visible, l->n, l->cap);
		l->visible[l->n++] = (uint32_t)i;
	}
	if (l->sort_column >= 0)
		sort_visible(l);
	measure(l);
	for (size_t i = 0; l->cursor_id && i < l->n; i++) {
		if (!str_eq(row_of(l, i)->id, l->cursor_id))
			continue;
		if (i > was)
			l->new_above += was || l->top ? i - was : 0;
		/* The row stays where it is on the screen. */
		l->top = l->top + i >= was ? l->top + i - was : 0;
		l->cursor = i;
		return;
	}
	l->cursor = l->n ? MIN(was, l->n - 1) : 0;
	if (l->rows->n) /* while there are none, they are being read: the cursor comes back to its row */
		take_cursor(l);
}

struct row *list_at(const struct list *l, size_t position)
{
	return position < l->n && l->gone == l->rows->gone ? row_of(l, position) : NULL;
}

struct row *list_selected(const struct list *l)
{
	return list_at(l, l->cursor);
}

/* Rows may have gone since the list was made of them: another run was chosen. */
static void catch_up(struct list *l)
{
	if (l->gone != l->rows->gone)
		list_refresh(l);
}

void list_go(struct list *l, size_t position)
{
	catch_up(l);
	l->cursor = l->n ? MIN(position, l->n - 1) : 0;
	if (l->cursor == 0)
		l->new_above = 0;
	take_cursor(l);
}

void list_move(struct list *l, int64_t by)
{
	int64_t to = (int64_t)l->cursor + by;
	list_go(l, to < 0 ? 0 : (size_t)to);
}

bool list_go_id(struct list *l, const char *id)
{
	catch_up(l);
	for (size_t i = 0; id && i < l->n; i++) {
		const struct row *row = list_at(l, i);
		if (row && str_eq(row->id, id)) {
			list_go(l, i);
			return true;
		}
	}
	return false;
}

void list_set_filter(struct list *l, const char *filter)
{
	free(l->filter);
	l->filter = filter && *filter ? xstrdup(filter) : NULL;
	list_refresh(l);
}

void list_set_sort(struct list *l, int column, bool reverse)
{
	l->sort_column = column >= 0 && l->ops->columns[column].compare ? column : -1;
	l->reverse = reverse;
	list_refresh(l);
}

bool list_is_marked(const struct list *l, const struct row *row)
{
	return l->marks.n && smap_get(&l->marks, row->id);
}

void list_mark(struct list *l, struct row *row, bool on)
{
	if (!row)
		return;
	if (on)
		smap_put(&l->marks, row->id, l);
	else
		(void)smap_del(&l->marks, row->id);
}

static bool find(const struct list *l, const char *id, size_t *ret)
{
	for (*ret = 0; *ret < l->n; (*ret)++) {
		const struct row *row = list_at(l, *ret);
		if (row && str_eq(row->id, id))
			return true;
	}
	return false;
}

void list_range(struct list *l)
{
	size_t from;
	catch_up(l);
	if (!l->anchor) {
		l->anchor = l->cursor_id ? xstrdup(l->cursor_id) : NULL;
		return;
	}
	if (find(l, l->anchor, &from))
		for (size_t i = MIN(from, l->cursor); i <= MAX(from, l->cursor); i++)
			list_mark(l, list_at(l, i), true);
	free(l->anchor);
	l->anchor = NULL;
}

void list_mark_all(struct list *l)
{
	catch_up(l);
	for (size_t i = 0; i < l->n; i++)
		list_mark(l, list_at(l, i), true);
}

void list_clear_marks(struct list *l)
{
	smap_done(&l->marks);
	l->marks = (struct smap)SMAP_INIT;
	free(l->anchor);
	l->anchor = NULL;
}

const char **list_targets(const struct list *l, size_t *ret_n)
{
	const char **ids = xcalloc(l->marks.n + 1, sizeof(*ids));
	size_t n = 0;
	for (size_t i = 0; l->marks.n && i < l->rows->n; i++)
		if (list_is_marked(l, l->rows->v[i]) && n < l->marks.n)
			ids[n++] = l->rows->v[i]->id;
	struct row *selected = list_selected(l);
	if (!n && selected)
		ids[n++] = selected->id;
	*ret_n = n;
	return ids;
}

/* ---- drawing ---- */

#define GUTTER 3 /* cursor, glyph, blank */

static void column_widths(const struct list *l, int width, int *widths)
{
	int fixed = GUTTER, shares = 0;
	for (size_t i = 0; i < l->ops->ncolumns; i++) {
		const struct column *c = &l->ops->columns[i];
		bool shown = width >= c->from_width && !(l->hidden & (1U << i));
		widths[i] = shown ? c->width : 0;
		fixed += shown ? c->width + 1 : 0;
		shares += shown ? c->share : 0;
	}
	int left = MAX(width - fixed + 1, 0);
	for (size_t i = 0; i < l->ops->ncolumns; i++) {
		const struct column *c = &l->ops->columns[i];
		if (!widths[i] || !c->share)
			continue;
		shares -= c->share;
		/* The rest to the last one; of the others none takes nearly all. */
		int part = shares ? MIN(MAX(l->need[i] - c->width, 0), left * 3 / 4) : left;
		widths[i] += part;
		left -= part;
	}
}

static void draw_header(const struct list *l, struct cells *g, struct rect r, const int *widths)
{
	int at = r.column + GUTTER, end = r.column + r.columns;
	for (size_t i = 0; i < l->ops->ncolumns; i++) {
		if (!widths[i])
			continue;
		const char *name = _(l->ops->columns[i].name);
		int width = MIN(widths[i], end - at);
		uint32_t style = (int)i == l->sort_column ? ROLE_DIM | STYLE_UNDERLINE : ROLE_DIM;
		if (l->ops->columns[i].right)
			cells_put_right(g, r.row, at, width, style, name);
		else
			(void)cells_puts(g, r.row, at, width, style, name);
		at += widths[i] + 1;
	}
}

static void draw_row(const struct list *l, struct cells *g, int screen_row, struct rect r,
		     size_t position, const int *widths, const struct list_context *c, bool focused)
{
	const struct row *row = list_at(l, position);
	if (!row)
		return;
	bool cursor = position == l->cursor, marked = list_is_marked(l, row);
	enum role role = cursor && focused ? ROLE_CURSOR : cursor ? ROLE_SELECTED : ROLE_TEXT;
	cells_clear(g, (struct rect){ screen_row, r.column, 1, r.columns },
		    role == ROLE_CURSOR ? ROLE_CURSOR : ROLE_TEXT);
	const char *lead = cursor ? ">" : marked ? "*" : " ";
	(void)cells_puts(g, screen_row, r.column, 1, marked ? ROLE_MARK : (uint32_t)role, lead);
	int at = r.column + GUTTER, end = r.column + r.columns;
	auto_str text = STR_INIT;
	enum role state = state_role(row->state);
	if (row->state != STATE_UNKNOWN)
		(void)cells_puts(g, screen_row, r.column + 1, 1,
				 role == ROLE_CURSOR ? ROLE_CURSOR : (uint32_t)state,
				 state_glyph(row->state, c->ascii));
	for (size_t i = 0; i < l->ops->ncolumns && at < end; i++) {
		if (!widths[i])
			continue;
		enum role own = marked ? ROLE_MARK : cursor && !focused ? ROLE_SELECTED : ROLE_TEXT;
		str_clear(&text);
		l->ops->columns[i].text(row, c, &text, &own);
		uint32_t style = role == ROLE_CURSOR ? ROLE_CURSOR : (uint32_t)own;
		int width = MIN(widths[i], end - at);
		if (l->ops->columns[i].right)
			cells_put_right(g, screen_row, at, width, style, str_text(&text));
		else
			(void)cells_put(g, screen_row, at, width, style, str_text(&text), text.len);
		at += widths[i] + 1;
	}
}

void list_draw(struct list *l, struct cells *g, struct rect r, bool focused, bool header,
	       const struct list_context *c)
{
	int widths[LIST_COLUMNS_MAX] = { 0 };
	catch_up(l);
	column_widths(l, r.columns, widths);
	if (header && r.rows > 1) {
		draw_header(l, g, r, widths);
		r.row++;
		r.rows--;
	}
	size_t rows = (size_t)MAX(r.rows, 1);
	if (l->top > l->cursor)
		l->top = l->cursor;
	if (l->cursor >= l->top + rows)
		l->top = l->cursor - rows + 1;
	if (l->top + rows > l->n)
		l->top = l->n > rows ? l->n - rows : 0;
	if (l->top == 0)
		l->new_above = 0;
	for (int i = 0; i < r.rows && l->top + (size_t)i < l->n; i++)
		draw_row(l, g, r.row + i, r, l->top + (size_t)i, widths, c, focused);
}
