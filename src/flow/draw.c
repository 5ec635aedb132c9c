/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drawings of a graph. On a terminal: one node a line from top to bottom, its edges as rails at the left,
 * as version control draws history; a list with depths when there are too many rails. */
#include "flow/flow.h"
#include "base/utf8.h"

#include <string.h>

#define NAME_ROOM 24 /* columns that a name should have beside the rails */

/* Which neighbours a cell of the drawing is joined with. */
enum { UP = 1, DOWN = 2, LEFT = 4, RIGHT = 8, PASS = 16 /* a line goes by underneath */ };

struct rails {
	const struct graph *g;
	bool utf8;
	size_t width, max;
	const struct flow_mark *mark;
	struct str *out; /* NULL: only to see whether it fits */
	int *lanes;      /* the node whose outgoing edges run in a lane, -1 when it is free */
	size_t nlanes;
	unsigned char *cells;
	int *lane_of;
	size_t *open; /* edges of a node that are not drawn yet */
};

/* ---- signs ---- */

static const char *cell_sign(unsigned int bits, bool utf8)
{
	/* clang-format off */
	static const struct { unsigned int bits; const char *utf8, *ascii; } signs[] = {
		{ 0, " ", " " },
		{ UP | DOWN, "│", "|" }, { LEFT | RIGHT, "─", "-" }, { UP | DOWN | RIGHT, "├", "+" },
		{ UP | DOWN | LEFT, "┤", "+" }, { UP | RIGHT, "╰", "'" }, { UP | LEFT, "╯", "'" },
		{ DOWN | RIGHT, "╭", "." }, { DOWN | LEFT, "╮", "." }, { LEFT | RIGHT | DOWN, "┬", "+" },
		{ LEFT | RIGHT | UP, "┴", "+" }, { UP | DOWN | LEFT | RIGHT, "┼", "+" },
		{ UP, "│", "|" }, { DOWN, "│", "|" }, { LEFT, "─", "-" }, { RIGHT, "─", "-" },
	};
	/* clang-format on */
	/* A line that passes goes under the one that is there. */
	if (bits & PASS)
		bits = bits & (UP | DOWN) ? UP | DOWN : LEFT | RIGHT;
	for (size_t i = 0; i < COUNT(signs); i++)
		if (signs[i].bits == bits)
			return utf8 ? signs[i].utf8 : signs[i].ascii;
	return " ";
}

static void add_mark(const struct rails *r, int node)
{
	const struct graph_node *n = &r->g->nodes[node];
	int colour = 0;
	const char *mark = r->mark ? r->mark->mark(r->mark->ctx, node, &colour) : NULL;
	if (!mark)
		mark = n->handler ? (r->utf8 ? "◇" : "o") : n->kind == NODE_GROUP ? (r->utf8 ? "◆" : "#") :
								      (r->utf8 ? "●" : "*");
	if (colour > 0)
		str_addf(r->out, "\033[%dm%s\033[0m", colour, mark);
	else
		str_add(r->out, mark);
}

/* ---- what stands beside a name ---- */

static void add_conditions(const struct graph *g, const struct graph_node *n, struct str *s)
{
	for (size_t i = 0; i < n->nneeds; i++)
		if (n->needs[i].when != EDGE_SUCCESS)
			str_addf(s, n->needs[i].when == EDGE_FAILURE ? _(", if %s failed") : _(", however %s ended"),
				 g->nodes[n->needs[i].node].name);
}

/* What does the work, when it is no command. */
static void add_kind(const struct graph *g, const struct graph_node *work, struct str *s)
{
	if (work->kind == NODE_HTTP || work->kind == NODE_APPROVAL)
		str_addf(s, ", %s", node_kind_name(work->kind));
	if (work->kind == NODE_WORKFLOW)
		str_addf(s, ", workflow %s", work->workflow.file);
	if (work->kind == NODE_AGENT)
		str_add(s, ", agent");
	if (work->kind == NODE_AGENT && work->agent.adapter != ADAPTER_TEXT)
		str_addf(s, " %s", agent_adapter_name(work->agent.adapter));
	if (work->kind == NODE_PUBLISH)
		str_add(s, work->publish.github ? ", publish to github" : ", publish to git");
	if (work->kind == NODE_PATCH)
		str_add(s, work->patch.commit ? ", patch with a commit" : ", patch");
	for (size_t i = 0; work->kind == NODE_LLM && i < work->llm.nproviders; i++)
		str_addf(s, "%s %s", i ? "," : ", llm", g->providers[work->llm.providers[i]].name);
}

/* How its work is checked and done again: ", verify L0 L1, loop hybrid up to 5". */
static void add_checks(const struct graph_node *work, struct str *s)
{
	for (size_t i = 0; i < work->nchecks; i++)
		if (!i || work->checks[i].level != work->checks[i - 1].level)
			str_addf(s, "%s %s", i ? "" : ", verify", verify_level_name(work->checks[i].level));
	if (work->loop)
		str_addf(s, _(", loop %s up to %d"), loop_strategy_name(work->loop->strategy), work->loop->max);
}

static void add_note(const struct graph *g, const struct graph_node *n, struct str *s)
{
	const struct graph_node *work = n->kind == NODE_GROUP ? n->group.body : n;
	if (n->kind == NODE_GROUP) {
		str_add(s, n->group.foreach ? ", foreach" : ", matrix");
		for (size_t i = 0; i < n->group.naxes; i++)
			str_addf(s, " %s", n->group.axes[i].name);
	}
	add_kind(g, work, s);
	add_checks(work, s);
	if (n->stream)
		str_addf(s, _(", workstream %s"), g->streams[n->stream].name);
	if (n->when)
		str_add(s, _(", has a condition"));
	if (!n->critical)
		str_add(s, _(", may fail"));
	add_conditions(g, n, s);
}

/* The name and, as far as there is room, the note in brackets. */
static void add_label(const struct graph *g, const struct graph_node *n, size_t room, bool utf8,
		      struct str *out)
{
	auto_str note = STR_INIT, safe = STR_INIT;
	str_add(&safe, n->name);
	add_note(g, n, &note);
	if (note.len > 2) {
		str_add(&safe, "  (");
		text_add_safe(&safe, str_text(&note) + 2, note.len - 2, SAFE_PLAIN, false);
		str_add_char(&safe, ')');
	}
	room = MAX(room, (size_t)8);
	if (text_width(str_text(&safe), safe.len) > room) {
		str_cut(&safe, text_fit(str_text(&safe), safe.len, room - (utf8 ? 1 : 3)));
		str_add(&safe, utf8 ? "…" : "...");
	}
	str_add_len(out, str_text(&safe), safe.len);
}

/* ---- rails ---- */

static size_t free_lane(const struct rails *r, size_t from)
{
	while (from < r->nlanes && r->lanes[from] >= 0)
		from++;
	return from;
}

/* The lane of a node: straight down from a parent of which this is the last edge, else a free one. */
static size_t choose_lane(const struct rails *r, const struct graph_node *n)
{
	size_t best = r->max, first = r->nlanes;
	for (size_t i = 0; i < n->nneeds; i++) {
		int parent = n->needs[i].node;
		size_t lane = (size_t)r->lane_of[parent];
		first = MIN(first, lane);
		if (r->open[parent] == 0)
			best = MIN(best, lane);
	}
	if (best < r->max)
		return best;
	return n->nneeds ? free_lane(r, first) : free_lane(r, 0);
}

/* The row above a node, that leads the edges of its parents to its lane; none when they come straight. */
static void draw_joints(struct rails *r, const struct graph_node *n, size_t lane)
{
	bool needed = false;
	memset(r->cells, 0, r->max);
	for (size_t i = 0; i < r->nlanes; i++)
		if (r->lanes[i] >= 0)
			r->cells[i] = UP | (r->open[r->lanes[i]] || i == lane ? DOWN : 0);
	r->cells[lane] |= DOWN;
	for (size_t i = 0; i < n->nneeds; i++) {
		size_t from = (size_t)r->lane_of[n->needs[i].node];
		if (from == lane)
			continue;
		needed = true;
		r->cells[from] |= from < lane ? RIGHT : LEFT;
		r->cells[lane] |= from < lane ? LEFT : RIGHT;
		for (size_t k = MIN(from, lane) + 1; k < MAX(from, lane); k++)
			r->cells[k] |= PASS;
	}
	if (!needed || !r->out)
		return;
	size_t last = MAX(r->nlanes, lane + 1);
	for (size_t i = 0; i < last; i++) {
		unsigned int bits = r->cells[i];
		/* Another parent on the way joins the line that passes. */
		if (bits & PASS && bits & (LEFT | RIGHT))
			bits = (bits & ~(unsigned int)PASS) | LEFT | RIGHT;
		str_add(r->out, cell_sign(bits, r->utf8));
		bool on = r->cells[i] & (RIGHT | PASS) && i + 1 < last && r->cells[i + 1] & (LEFT | PASS);
		str_add(r->out, cell_sign(on ? LEFT | RIGHT : 0, r->utf8));
	}
	while (r->out->len && r->out->p[r->out->len - 1] == ' ')
		str_cut(r->out, r->out->len - 1);
	str_add_char(r->out, '\n');
}

static void draw_row(const struct rails *r, int node, size_t lane)
{
	size_t last = MAX(r->nlanes, lane + 1);
	for (size_t i = 0; i < last; i++) {
		if (i == lane)
			add_mark(r, node);
		else
			str_add(r->out, cell_sign(r->lanes[i] >= 0 ? UP | DOWN : 0, r->utf8));
		str_add_char(r->out, ' ');
	}
	size_t used = 2 * last;
	add_label(r->g, &r->g->nodes[node], r->width > used ? r->width - used : 0, r->utf8, r->out);
	str_add_char(r->out, '\n');
}

/* False when there are more lanes than fit. */
static bool draw_node(struct rails *r, int node)
{
	const struct graph_node *n = &r->g->nodes[node];
	for (size_t i = 0; i < n->nneeds; i++)
		r->open[n->needs[i].node]--;
	size_t lane = choose_lane(r, n);
	if (lane >= r->max)
		return false;
	draw_joints(r, n, lane);
	for (size_t i = 0; i < n->nneeds; i++)
		if (!r->open[n->needs[i].node])
			r->lanes[r->lane_of[n->needs[i].node]] = -1;
	while (r->nlanes && r->lanes[r->nlanes - 1] < 0)
		r->nlanes--;
	if (r->out)
		draw_row(r, node, lane);
	r->open[node] = n->nfeeds;
	if (!n->nfeeds)
		return true;
	for (; r->nlanes <= lane; r->nlanes++)
		r->lanes[r->nlanes] = -1;
	r->lanes[lane] = node;
	r->lane_of[node] = (int)lane;
	return true;
}

/* Depth first keeps the rails few: what became possible last is drawn next, in the order of the file. */
static bool draw_all(struct rails *r)
{
	const struct graph *g = r->g;
	size_t nnodes = g->nnodes - g->nhandlers, depth = 0;
	auto_free int *stack = xcalloc(g->nnodes, sizeof(*stack));
	auto_free size_t *missing = xcalloc(g->nnodes, sizeof(*missing));
	for (size_t i = nnodes; i-- > 0;) {
		missing[i] = g->nodes[i].nneeds;
		if (!missing[i])
			stack[depth++] = (int)i;
	}
	bool fits = true;
	while (depth && fits) {
		int node = stack[--depth];
		fits = draw_node(r, node);
		for (size_t i = g->nodes[node].nfeeds; i-- > 0;)
			if (--missing[g->nodes[node].feeds[i]] == 0)
				stack[depth++] = g->nodes[node].feeds[i];
	}
	for (size_t i = nnodes; r->out && i < g->nnodes; i++)
		draw_row(r, (int)i, 0);
	return fits;
}

static bool draw_rails(const struct graph *g, size_t width, bool utf8, const struct flow_mark *mark,
		       struct str *out)
{
	size_t max = width > NAME_ROOM ? (width - NAME_ROOM) / 2 : 1;
	struct rails r = { .g = g, .utf8 = utf8, .width = width, .max = max, .mark = mark, .out = out };
	r.lanes = xcalloc(max + 1, sizeof(*r.lanes));
	r.cells = xcalloc(max + 1, sizeof(*r.cells));
	r.lane_of = xcalloc(g->nnodes, sizeof(*r.lane_of));
	r.open = xcalloc(g->nnodes, sizeof(*r.open));
	bool fits = draw_all(&r);
	free(r.lanes);
	free(r.cells);
	free(r.lane_of);
	free(r.open);
	return fits;
}

/* ---- the list ---- */

static void add_needs(const struct graph *g, const struct graph_node *n, size_t room, struct str *out)
{
	if (!n->nneeds)
		return;
	auto_str s = STR_INIT;
	str_add(&s, " <- ");
	for (size_t i = 0; i < n->nneeds; i++) {
		const char *name = g->nodes[n->needs[i].node].name;
		if (i && s.len + strlen(name) + 8 > room) {
			str_addf(&s, _(" and %zu more"), n->nneeds - i);
			break;
		}
		str_addf(&s, "%s%s", i ? ", " : "", name);
	}
	if (s.len <= room)
		str_add_len(out, str_text(&s), s.len);
	else
		str_addf(out, " <- %zu", n->nneeds);
}

static int compare_depth(const void *a, const void *b, void *depths)
{
	const int *x = a, *y = b;
	const size_t *depth = depths;
	return depth[*x] != depth[*y] ? (depth[*x] < depth[*y] ? -1 : 1) : *x - *y;
}

/* Depth, name, needs: layer by layer. */
static void draw_list(const struct graph *g, size_t width, bool utf8, const struct flow_mark *mark,
		      struct str *out)
{
	struct rails r = { .g = g, .utf8 = utf8, .mark = mark, .out = out };
	auto_free size_t *depth = xcalloc(g->nnodes, sizeof(*depth));
	auto_free int *order = xcalloc(g->nnodes, sizeof(*order));
	auto_free size_t *missing = xcalloc(g->nnodes, sizeof(*missing));
	size_t n = 0, nnodes = g->nnodes - g->nhandlers;
	for (size_t i = 0; i < nnodes; i++)
		if (!(missing[i] = g->nodes[i].nneeds))
			order[n++] = (int)i;
	for (size_t at = 0; at < n; at++)
		for (size_t i = 0; i < g->nodes[order[at]].nfeeds; i++) {
			int next = g->nodes[order[at]].feeds[i];
			depth[next] = MAX(depth[next], depth[order[at]] + 1);
			if (--missing[next] == 0)
				order[n++] = next;
		}
	qsort_r(order, n, sizeof(*order), compare_depth, depth);
	for (size_t i = nnodes; i < g->nnodes; i++)
		order[n++] = (int)i;
	for (size_t i = 0; i < n; i++) {
		const struct graph_node *node = &g->nodes[order[i]];
		size_t indent = MIN(depth[order[i]] * 2, width / 4);
		str_addf(out, "%4zu %*s", depth[order[i]] + 1, (int)indent, "");
		add_mark(&r, order[i]);
		str_add_char(out, ' ');
		size_t used = 7 + indent, room = width > used + 16 ? width - used : 16, at = out->len;
		add_label(g, node, room, utf8, out);
		size_t label = text_width(out->p + at, out->len - at);
		add_needs(g, node, room > label ? room - label : 0, out);
		str_add_char(out, '\n');
	}
}

/* ---- files for other programs ---- */

static void draw_dot(const struct graph *g, struct str *out)
{
	str_addf(out, "digraph \"%s\" {\n\trankdir=LR;\n\tnode [shape=box, style=rounded];\n", g->name);
	for (size_t i = 0; i < g->nnodes; i++) {
		const struct graph_node *n = &g->nodes[i];
		const char *look = n->handler ? " [style=dashed]" : n->kind == NODE_GROUP ? " [peripheries=2]" :
				   n->kind == NODE_APPROVAL ? " [shape=diamond]" : "";
		str_addf(out, "\t\"%s\"%s;\n", n->name, look);
	}
	for (size_t i = 0; i < g->nnodes; i++)
		for (size_t j = 0; j < g->nodes[i].nneeds; j++) {
			const struct graph_edge *e = &g->nodes[i].needs[j];
			str_addf(out, "\t\"%s\" -> \"%s\"", g->nodes[e->node].name, g->nodes[i].name);
			if (e->when != EDGE_SUCCESS)
				str_addf(out, " [label=\"%s\"]", edge_when_name(e->when));
			str_add(out, ";\n");
		}
	str_add(out, "}\n");
}

static void draw_mermaid(const struct graph *g, struct str *out)
{
	str_add(out, "flowchart LR\n");
	for (size_t i = 0; i < g->nnodes; i++) {
		const struct graph_node *n = &g->nodes[i];
		const char *open = n->handler ? "([" : n->kind == NODE_GROUP ? "[[" :
				   n->kind == NODE_APPROVAL ? "{" : "[";
		const char *close = n->handler ? "])" : n->kind == NODE_GROUP ? "]]" :
				    n->kind == NODE_APPROVAL ? "}" : "]";
		str_addf(out, "    n%zu%s\"%s\"%s\n", i, open, n->name, close);
	}
	for (size_t i = 0; i < g->nnodes; i++)
		for (size_t j = 0; j < g->nodes[i].nneeds; j++) {
			const struct graph_edge *e = &g->nodes[i].needs[j];
			str_addf(out, "    n%d -->", e->node);
			if (e->when != EDGE_SUCCESS)
				str_addf(out, "|%s|", edge_when_name(e->when));
			str_addf(out, " n%zu\n", i);
		}
}

void flow_draw(const struct graph *g, enum flow_drawing kind, size_t width, bool utf8,
	       const struct flow_mark *mark, struct str *out)
{
	if (kind == FLOW_DOT)
		draw_dot(g, out);
	else if (kind == FLOW_MERMAID)
		draw_mermaid(g, out);
	else if (draw_rails(g, width, utf8, mark, NULL))
		(void)draw_rails(g, width, utf8, mark, out);
	else
		draw_list(g, width, utf8, mark, out);
}
