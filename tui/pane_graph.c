/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The graph: a strip between lists and log, the whole screen, or a list when it does not fit. */
#include "tui/panes.h"

#include "base/utf8.h"
#include "tui/graph.h"

#include <string.h>

#define BOXES_MAX 400
#define CHANNEL 6 /* columns between two layers */
#define NAME_MAX_COLUMNS 24

enum { UP = 1, DOWN = 2, LEFT = 4, RIGHT = 8 };

struct canvas {
	struct console *c;
	struct rect r;
	struct graph_drawing d;
	int *x, *width; /* of each layer */
	unsigned char *lines; /* UP … RIGHT of each cell of the drawing */
	int columns, rows, left, top;
};

static const struct node_row *node_at(const struct console *c, int i)
{
	return (const struct node_row *)c->model.nodes.v[i];
}

/* A long name keeps its beginning and its end: instances of a group differ there. */
static void add_name(const char *name, struct str *s)
{
	size_t len = strlen(name);
	if (text_width(name, len) <= NAME_MAX_COLUMNS) {
		str_add(s, name);
		return;
	}
	size_t head = text_fit(name, len, NAME_MAX_COLUMNS / 2 - 1), tail = head;
	while (text_width(name + tail, len - tail) > NAME_MAX_COLUMNS / 2 - 1)
		tail += MAX(utf8_len(name + tail, len - tail), (size_t)1);
	str_add_len(s, name, head);
	str_add(s, "..");
	str_add(s, name + tail);
}

static void add_label(const struct console *c, const struct node_row *n, struct str *s)
{
	str_addf(s, "[%s ", state_glyph(n->row.state, c->cells->ascii));
	add_name(n->row.id, s);
	if (n->row.state == STATE_STALE) /* the one state that a node has beside another */
		str_addf(s, " %s", state_word(n->row.state));
	if (n->started_at_ms) {
		int64_t ms = n->ended_at_ms ? n->duration_ms :
					      MAX(console_seen_ms(c) - n->started_at_ms, (int64_t)0) / 5000 * 5000;
		str_add_char(s, ' ');
		add_took(s, ms);
	}
	str_add_char(s, ']');
}

static void measure(struct canvas *v)
{
	v->x = xcalloc((size_t)v->d.layers + 1, sizeof(int));
	v->width = xcalloc((size_t)v->d.layers + 1, sizeof(int));
	auto_str s = STR_INIT;
	for (size_t i = 0; i < v->d.nbox; i++) {
		const struct graph_box *b = &v->d.box[i];
		if (b->node < 0)
			continue;
		str_clear(&s);
		add_label(v->c, node_at(v->c, b->node), &s);
		v->width[b->layer] =
			MAX(v->width[b->layer], cells_width(v->c->cells, str_text(&s), s.len));
	}
	int at = 1;
	for (int layer = 0; layer < v->d.layers; layer++) {
		v->x[layer] = at;
		at += v->width[layer] + CHANNEL;
	}
	v->columns = at - CHANNEL + 1;
	v->rows = v->d.slots;
	v->lines = xcalloc((size_t)MAX(v->rows, 1) * (size_t)MAX(v->columns, 1), 1);
}

static void line_at(struct canvas *v, int row, int column, int bits)
{
	if (row >= 0 && row < v->rows && column >= 0 && column < v->columns)
		v->lines[row * v->columns + column] |= (unsigned char)bits;
}

static void route(struct canvas *v, const struct graph_line *line)
{
	const struct graph_box *a = &v->d.box[line->from], *b = &v->d.box[line->to];
	/* From the end of the box (or of what passes through) to the channel, along it, and on. */
	int start = v->x[a->layer] + (a->node < 0 ? 0 : 1);
	int middle = v->x[b->layer] - CHANNEL / 2 - 1;
	int end = v->x[b->layer] - 1;
	for (int x = start; x < middle; x++)
		line_at(v, a->slot, x, RIGHT | (x > start ? LEFT : 0));
	line_at(v, a->slot, middle, LEFT);
	for (int y = MIN(a->slot, b->slot); y < MAX(a->slot, b->slot); y++) {
		line_at(v, y, middle, DOWN);
		line_at(v, y + 1, middle, UP);
	}
	line_at(v, b->slot, middle, RIGHT);
	int stop = b->node < 0 ? v->x[b->layer] : end;
	for (int x = middle + 1; x <= stop; x++)
		line_at(v, b->slot, x, LEFT | RIGHT);
}

static const char *line_char(int bits, bool ascii)
{
	static const char *const box[16] = {
		[UP | DOWN] = "\xe2\x94\x82",
		[UP] = "\xe2\x94\x82",
		[DOWN] = "\xe2\x94\x82",
		[LEFT | RIGHT] = "\xe2\x94\x80",
		[LEFT] = "\xe2\x94\x80",
		[RIGHT] = "\xe2\x94\x80",
		[DOWN | RIGHT] = "\xe2\x94\x8c",
		[DOWN | LEFT] = "\xe2\x94\x90",
		[UP | RIGHT] = "\xe2\x94\x94",
		[UP | LEFT] = "\xe2\x94\x98",
		[UP | DOWN | RIGHT] = "\xe2\x94\x9c",
		[UP | DOWN | LEFT] = "\xe2\x94\xa4",
		[LEFT | RIGHT | DOWN] = "\xe2\x94\xac",
		[LEFT | RIGHT | UP] = "\xe2\x94\xb4",
		[UP | DOWN | LEFT | RIGHT] = "\xe2\x94\xbc",
	};
	if (!ascii)
		return box[bits] ? box[bits] : " ";
	bool vertical = bits & (UP | DOWN), horizontal = bits & (LEFT | RIGHT);
	return vertical && horizontal ? "+" : vertical ? "|" : horizontal ? "-" : " ";
}

static void put(struct canvas *v, int row, int column, uint32_t style, const char *text)
{
	int x = column - v->left, y = row - v->top;
	if (y < 0 || y >= v->r.rows || x >= v->r.columns)
		return;
	const char *p = text;
	while (x < 0 && *p) {
		p++;
		while (((unsigned char)*p & 0xc0) == 0x80)
			p++;
		x++;
	}
	(void)cells_puts(v->c->cells, v->r.row + y, v->r.column + x, v->r.columns - x, style, p);
}

static bool stops_at(const struct console *c, const char *node)
{
	for (size_t i = 0; i < c->model.breakpoints.n; i++) {
		const char *at = ((const struct break_row *)c->model.breakpoints.v[i])->node;
		if (at && (str_eq(at, node) || str_eq(at, "*")))
			return true;
	}
	return false;
}

static void draw_canvas(struct canvas *v, const char *selected)
{
	bool ascii = v->c->cells->ascii;
	for (size_t i = 0; i < v->d.nline; i++)
		route(v, &v->d.line[i]);
	for (int y = 0; y < v->rows; y++)
		for (int x = 0; x < v->columns; x++)
			if (v->lines[y * v->columns + x])
				put(v, y, x, ROLE_RULE,
				    line_char(v->lines[y * v->columns + x], ascii));
	auto_str s = STR_INIT;
	for (size_t i = 0; i < v->d.nbox; i++) {
		const struct graph_box *b = &v->d.box[i];
		if (b->node < 0)
			continue;
		const struct node_row *n = node_at(v->c, b->node);
		str_clear(&s);
		add_label(v->c, n, &s);
		bool here = selected && str_eq(selected, n->row.id);
		put(v, b->slot, v->x[b->layer], here ? ROLE_CURSOR : (uint32_t)state_role(n->row.state),
		    str_text(&s));
		if (stops_at(v->c, n->row.id))
			put(v, b->slot, v->x[b->layer] - 1, ROLE_PAUSED, "B");
		else if (b->layer > 0 && (n->nneeds || n->group || str_eq(n->kind ? n->kind : "", "group")))
			put(v, b->slot, v->x[b->layer] - 1, ROLE_RULE, ">");
	}
}

static void scroll_to(struct canvas *v, const char *selected)
{
	for (size_t i = 0; i < v->d.nbox; i++) {
		const struct graph_box *b = &v->d.box[i];
		if (b->node < 0 || !selected || !str_eq(node_at(v->c, b->node)->row.id, selected))
			continue;
		int right = v->x[b->layer] + v->width[b->layer] + 2;
		v->left = right > v->r.columns ? right - v->r.columns : 0;
		if (v->left > v->x[b->layer] - 1)
			v->left = MAX(v->x[b->layer] - 1, 0);
		v->top = b->slot >= v->r.rows ? b->slot - v->r.rows + 1 : 0;
	}
}

/* Each node one glyph: what a large run looks like at a glance. */
static void draw_dots(struct console *c, struct rect r)
{
	int at = r.column + 1, row = r.row;
	for (size_t i = 0; i < c->model.nodes.n; i++) {
		const struct row *n = c->model.nodes.v[i];
		if (at >= r.column + r.columns - 1) {
			at = r.column + 1;
			if (++row >= r.row + r.rows)
				return;
		}
		at += cells_puts(c->cells, row, at, 1, state_role(n->state),
				 state_glyph(n->state, c->cells->ascii));
	}
}

/* The graph as a list, indented by depth. */
static void draw_as_list(struct canvas *v, const char *selected)
{
	const struct rows *nodes = &v->c->model.nodes;
	size_t at = 0;
	for (size_t i = 0; i < nodes->n; i++)
		if (selected && str_eq(nodes->v[i]->id, selected))
			at = i;
	size_t top = at >= (size_t)v->r.rows ? at - (size_t)v->r.rows + 1 : 0;
	for (int i = 0; i < v->r.rows && top + (size_t)i < nodes->n; i++) {
		const struct node_row *n = node_at(v->c, (int)top + i);
		auto_str s = STR_INIT;
		for (int k = 0; k < MIN(v->d.depth[top + (size_t)i], 20); k++)
			str_add(&s, "  ");
		add_label(v->c, n, &s);
		if (stops_at(v->c, n->row.id))
			str_add(&s, " B");
		for (size_t k = 0; k < n->nneeds; k++)
			str_addf(&s, "%s%s", k ? ", " : "  < ", n->needs[k]);
		(void)cells_puts(v->c->cells, v->r.row + i, v->r.column + 1, v->r.columns - 1,
				 top + (size_t)i == at ? ROLE_CURSOR : (uint32_t)state_role(n->row.state),
				 str_text(&s));
	}
}

static const char *selected_node(const struct console *c)
{
	if (c->graph_node && rows_find(&c->model.nodes, c->graph_node))
		return c->graph_node;
	const struct iteration_row *it = console_iteration(c);
	if (it && it->node && rows_find(&c->model.nodes, it->node))
		return it->node;
	return c->model.nodes.n ? c->model.nodes.v[0]->id : NULL;
}

const char *console_node(const struct console *c)
{
	const struct iteration_row *it = console_iteration(c);
	if (c->view == PANE_GRAPH)
		return selected_node(c);
	return it ? it->node : NULL;
}

static void canvas_open(struct canvas *v, struct console *c, struct rect r)
{
	*v = (struct canvas){ .c = c, .r = r };
	graph_layout(&c->model.nodes, BOXES_MAX, &v->d);
	if (v->d.fits)
		measure(v);
}

static void canvas_done(struct canvas *v)
{
	graph_drawing_done(&v->d);
	free(v->x);
	free(v->width);
	free(v->lines);
}

static void graph_draw(struct console *c, struct rect r, bool focused)
{
	auto_str left = STR_INIT;
	bool strip = c->view != PANE_GRAPH;
	if (c->model.nodes_of)
		str_addf(&left, _("run %s   %zu nodes"), c->model.nodes_of, c->model.nodes.n);
	draw_title(c, r, focused, 0, _(pane_graph.title), str_text(&left),
		   strip ? _("D: whole screen") : _("D: off   q: back   Enter: log"));
	struct rect inner = { r.row + (strip ? 2 : 1), r.column, r.rows - (strip ? 3 : 1), r.columns };
	if (!c->model.nodes.n) {
		draw_empty(c, inner, TOPIC_NODES, _("no nodes"));
		return;
	}
	struct canvas v;
	canvas_open(&v, c, inner);
	const char *selected = strip ? NULL : selected_node(c);
	if (v.d.fits && (!strip || (v.rows <= inner.rows && v.columns <= inner.columns))) {
		scroll_to(&v, selected);
		draw_canvas(&v, selected);
	} else if (strip) {
		draw_dots(c, inner);
	} else {
		draw_as_list(&v, selected);
	}
	canvas_done(&v);
}

static const struct graph_box *box_of(const struct canvas *v, const char *name)
{
	for (size_t i = 0; i < v->d.nbox; i++)
		if (v->d.box[i].node >= 0 && str_eq(node_at(v->c, v->d.box[i].node)->row.id, name))
			return &v->d.box[i];
	return NULL;
}

/* The nearest node in that direction. */
static void graph_move(struct console *c, int across, int down)
{
	struct canvas v;
	const char *selected = selected_node(c);
	if (!selected)
		return;
	canvas_open(&v, c, (struct rect){ 0, 0, 1, 1 });
	const struct graph_box *here = v.d.fits ? box_of(&v, selected) : NULL;
	int best = -1, best_distance = 0;
	for (size_t i = 0; here && i < v.d.nbox; i++) {
		const struct graph_box *b = &v.d.box[i];
		int dx = b->layer - here->layer, dy = b->slot - here->slot;
		if (b->node < 0 || (across ? dx * across <= 0 : dx != 0 || dy * down <= 0))
			continue;
		int distance = across ? abs(dx) * 1000 + abs(dy) : abs(dy);
		if (best < 0 || distance < best_distance) {
			best = b->node;
			best_distance = distance;
		}
	}
	if (!here) {
		for (size_t i = 0; i < c->model.nodes.n; i++)
			if (str_eq(c->model.nodes.v[i]->id, selected))
				best = (int)i + (down + across > 0 ? 1 : -1);
		best = MIN(best, (int)c->model.nodes.n - 1);
	}
	if (best >= 0) {
		char *name = xstrdup(c->model.nodes.v[best]->id);
		free(c->graph_node);
		c->graph_node = name;
	}
	canvas_done(&v);
	c->dirty = true;
}

static void graph_enter(struct console *c)
{
	const char *selected = selected_node(c);
	struct list *l = &c->list[PANE_ITERATIONS];
	for (size_t i = 0; selected && i < l->n; i++) {
		const struct iteration_row *it = (const struct iteration_row *)list_at(l, i);
		if (!it->node || !str_eq(it->node, selected))
			continue;
		list_go(l, i);
		console_selected(c, PANE_ITERATIONS);
		console_view(c, PANE_LOG);
		console_focus(c, PANE_LOG);
		return;
	}
	console_say(c, ROLE_DIM, _("%s has not started yet"), selected ? selected : "?");
}

const struct pane_ops pane_graph = {
	.name = "graph",
	.title = N_("GRAPH"),
	.draw = graph_draw,
	.enter = graph_enter,
	.move = graph_move,
	.parent = PANE_ITERATIONS,
};
