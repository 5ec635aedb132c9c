/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The console. */
#ifndef PAWL_TUI_TUI_H
#define PAWL_TUI_TUI_H

/* Run the console with its own options; returns the exit status. */
int tui_main(int argc, char **argv);

#endif
