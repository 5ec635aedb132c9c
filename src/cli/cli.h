/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line: one table of commands; --help, completions and the manual's tables come from
 * it. */
#ifndef PAWL_CLI_CLI_H
#define PAWL_CLI_CLI_H

/* Run one command (argv[0] is "pawl"); returns the exit status. */
int cli_main(int argc, char **argv);

#endif
