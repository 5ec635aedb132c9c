/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl-console: what `pawl` becomes on a terminal. A program of its own, so that the command line
 * starts without the libraries of the console. The map of what is beneath is in tui/main.c. */
#include "tui/tui.h"

int main(int argc, char **argv)
{
	return tui_main(argc, argv);
}
