/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Saving a log to a file of the person's choice. */
#ifndef PAWL_TUI_SAVELOG_H
#define PAWL_TUI_SAVELOG_H

#include "tui/console.h"

/* Begin to read the whole log through the API and write it; an existing file is not replaced. */
void savelog_begin(struct console *c, const char *path);

#endif
