/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl, the console and the command line. A map of what is beneath:
 *
 *   src/cli/     the command line
 *     cli.c        surroundings, dispatch, exit status      args.c       argv to a call
 *     table.c      all commands, in the order of the help   help.c       help and the manual's
 * tables submit.c … doctor.c   one command or family each, its row beside its function follow.c
 * watching runs to their end               card.c       why a run failed connection.c the engine,
 * programs and files           out.c        printing what comes from outside src/client/  HTTP to
 * the engine: unix socket or URL, event streams, starting the engine tui/         the console
 *   src/base/    errors, strings, JSON, time              src/model/   names of states and classes
 *
 * Beside this program stand pawld (src/pawld.c), the engine; pawl-worker, which runs one step; and
 * pawl-flow (src/flow/flow_main.c), which checks and draws workflow files. */
#include "cli/cli.h"
#include "tui/tui.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv, tui_main);
}
