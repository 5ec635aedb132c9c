/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The submit form: a workflow file, its parameters with their types, priority, and the order. */
#ifndef PAWL_TUI_SUBMIT_H
#define PAWL_TUI_SUBMIT_H

#include "tui/console.h"

void submit_open(struct console *c);
bool submit_busy(const struct console *c); /* an answer is out */
void submit_free(struct console *c);

#endif
