/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The diagnostics log of the engine and the workers: one line an event, key=value or JSON. Only programs log,
 * never the floors beneath them. */
#ifndef PAWL_BASE_DIAG_H
#define PAWL_BASE_DIAG_H

#include "base/base.h"

enum diag_level { DIAG_DEBUG, DIAG_INFO, DIAG_WARN, DIAG_ERROR };

/* Write to `fd` (2 until called) from `least` on. */
void diag_open(int fd, enum diag_level least, bool json, const char *program);
void diag(enum diag_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
