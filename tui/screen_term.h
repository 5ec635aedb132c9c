/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PAWL_TUI_SCREEN_TERM_H
#define PAWL_TUI_SCREEN_TERM_H

#include <stdbool.h>

/* Whether the terminal that was set up has a string capability ("cup"). */
bool screen_has(const char *name);

#endif
