/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the iteration under the cursor uses while it works: its agent says so in its log, line by line. Nothing is
 * asked for when nothing runs. */
#ifndef PAWL_TUI_LIVE_H
#define PAWL_TUI_LIVE_H

#include "tui/console.h"

/* Read on when it is time. */
void live_turn(struct console *c);
bool live_busy(const struct console *c);
/* "/ work 00:12  1.1k in, 50 out, $0.0010"; nothing when the iteration does not run. The mark in front turns with
 * the clock in the header, so that it costs no frame of its own. */
void live_add(const struct console *c, const struct iteration_row *it, struct str *s);
void live_free(struct console *c);

#endif
