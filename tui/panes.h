/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns of the lists, for console_open() to set them up. */
#ifndef PAWL_TUI_PANES_H
#define PAWL_TUI_PANES_H

#include "tui/console.h"

extern const struct list_ops queue_list, runs_list, iterations_list, events_list, help_list, checkpoints_list,
	approvals_list, breakers_list;

/* Rows of a list with its title; `nothing` is said when there are none. */
void draw_list(struct console *c, enum pane pane, struct rect r, bool focused, enum topic topic,
	       const char *left, const char *nothing);
/* The question that an answer would be for: under the cursor, or of the selected node or run. NULL: none. */
const struct approval_row *approval_selected(const struct console *c);
void approval_complete(struct console *c);
void iterations_fit(struct console *c);

#endif
