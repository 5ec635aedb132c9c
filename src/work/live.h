/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a call of a model has used so far, told by the program that makes it to its worker, a few times a second
 * at most: a small file beside $PAWL_OUTPUT. It is for watching, and what is left of a call that is lost; what
 * counts is the report. */
#ifndef PAWL_WORK_LIVE_H
#define PAWL_WORK_LIVE_H

#include "work/proto.h"

/* Tell it; all three below 0: nothing is known yet, and nothing is told. A failure is nobody's trouble. */
void live_tell(const struct live_counts *c);
/* What was told last for this $PAWL_OUTPUT; false: nothing. */
bool live_read(const char *output_path, struct live_counts *ret);
void live_remove(const char *output_path);

#endif
