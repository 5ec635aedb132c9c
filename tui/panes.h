/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns of the lists, for console_open() to set them up. */
#ifndef PAWL_TUI_PANES_H
#define PAWL_TUI_PANES_H

#include "tui/console.h"

extern const struct list_ops queue_list, runs_list, iterations_list, events_list, help_list, checkpoints_list;

#endif
