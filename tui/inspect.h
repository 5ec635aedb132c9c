/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inspect view: everything that is known of a run and one of its nodes, as text. */
#ifndef PAWL_TUI_INSPECT_H
#define PAWL_TUI_INSPECT_H

#include "tui/console.h"

bool inspect_open(struct console *c); /* for what is selected; false if nothing is */
bool inspect_busy(const struct console *c); /* something is being read */
void inspect_refresh(struct console *c);
void inspect_free(struct console *c);

#endif
