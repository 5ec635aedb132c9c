/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl, the command line. */
/* clang-format off */
/* A map of what is beneath:
 *
 *   src/cli/       the command line
 *     cli.c          surroundings, dispatch, exit status    args.c    argv to a call
 *     table.c        all commands, in the order of help     help.c    help and the manual's tables
 *     submit.c … doctor.c   one command or family each, its row beside its function
 *     follow.c       watching runs to their end             card.c    why a run failed
 *     connection.c   the engine, programs, files, lists     out.c     printing what comes from outside
 *   src/client/    HTTP to the engine: unix socket or URL, event streams, starting the engine
 *   src/base/      errors, strings, JSON, time
 *   src/model/     names of states and classes
 *
 * Beside this program stand pawl-console (src/console.c, tui/), which it becomes on a terminal; pawld (src/pawld.c),
 * the engine; pawl-worker (src/work/), which runs one step at a time; and pawl-flow (src/flow/flow_main.c), which
 * checks and draws workflow files. */
/* clang-format on */
#include "cli/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
