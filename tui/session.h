/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is remembered from one session to the next, per home of an engine: place, filters, theme, history. */
#ifndef PAWL_TUI_SESSION_H
#define PAWL_TUI_SESSION_H

#include "tui/console.h"

void session_restore(struct console *c);
void session_save(const struct console *c);

#endif
