/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The palette: every command by its name, fuzzy, with its key. */
#ifndef PAWL_TUI_PALETTE_H
#define PAWL_TUI_PALETTE_H

#include "tui/console.h"

struct action;

/* Draw the candidates above the prompt's row. */
void palette_draw(struct console *c, int prompt_row);
/* Run the chosen candidate, or go to a line when the text is a number. */
void palette_run(struct console *c);
/* Keys that move the choice; false if it is none. */
bool palette_key(struct console *c, int key);

#endif
