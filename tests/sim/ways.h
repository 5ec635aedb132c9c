/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ways back in the simulator: before one is asked for, the preview is compared with what judge.c makes of the run's
 * history; after it, what became of the nodes and of the files. */
#ifndef PAWL_TESTS_SIM_WAYS_H
#define PAWL_TESTS_SIM_WAYS_H

#include "tests/sim/simulate.h"

/* Asks for retry, resume_from, rollback or fork. */
struct answer ways_ask(struct simulation *s, const struct command *c);
/* After a turn: those that take several steps may be done. */
void ways_check(struct simulation *s);
void ways_free(struct simulation *s);

#endif
