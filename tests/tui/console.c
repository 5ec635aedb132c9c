/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The console alone, as a program. */
#include "tui/tui.h"

int main(int argc, char **argv)
{
	return tui_main(argc, argv);
}
