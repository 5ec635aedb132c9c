/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run's graph as a drawing: nodes in layers by their longest path from a start, edges as lines through the
 * channels between the layers. The layers are ordered by barycentres (Sugiyama, Tagawa, Toda: "Methods for Visual
 * Understanding of Hierarchical System Structures", 1981), two sweeps, which is enough for graphs that fit
 * on a screen. */
#ifndef PAWL_TUI_GRAPH_H
#define PAWL_TUI_GRAPH_H

#include "tui/rows.h"

struct graph_box {
	int node;          /* index into rows->v; -1: an edge that passes through this layer */
	int layer, slot;   /* column and row of the drawing */
	double place;      /* barycentre */
};

struct graph_line { /* from a box to one of the next layer */
	int from, to;
};

struct graph_drawing {
	struct graph_box *box;
	size_t nbox;
	struct graph_line *line;
	size_t nline;
	int layers, slots;
	int *depth;        /* of each node */
	bool fits;         /* false: too large to be drawn; only `depth` is set */
};

/* Lay out at most `max_boxes` boxes. */
void graph_layout(const struct rows *nodes, size_t max_boxes, struct graph_drawing *ret);
void graph_drawing_done(struct graph_drawing *d);

#endif
