/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting a program of pawl's own that lives on by itself: the engine, a worker. */
#ifndef PAWL_BASE_SPAWN_H
#define PAWL_BASE_SPAWN_H

#include "base/err.h"

#include <sys/types.h>

/* Start `path` in a session of its own, with stdin from /dev/null, stdout and stderr to `log_fd` (to
 * /dev/null if it is -1), no other file open, all signals as by default. env NULL: the caller's. The
 * caller reaps it. ERR_UNAVAILABLE when it cannot be started. */
enum err_code spawn_daemon(const char *path, const char *const *argv, const char *const *env,
			   int log_fd, pid_t *ret_pid, struct err *err) MUST_CHECK;

#endif
