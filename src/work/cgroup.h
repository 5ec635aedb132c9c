/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A control group (v2) for the steps of one worker, where the system has delegated some to us: what is in it
 * is killed in one call that nothing can outrun or hide from, also by the engine after the worker's
 * death. Everywhere else sessions, descent and the mark in the environment have to do. */
#ifndef PAWL_WORK_CGROUP_H
#define PAWL_WORK_CGROUP_H

#include "base/base.h"

#include <sys/types.h>

/* Make the group "pawl-w<pid>" below our own, if that one is delegated: marked so by who manages it
 * (user.delegate or trusted.delegate, as systemd does), or not the root group and writable for a user
 * who is not root. *ret_path is yours, *ret_fd for clone3(). False: there is none. */
bool cgroup_make(pid_t pid, char **ret_path, int *ret_fd);
/* SIGKILL to all in it. */
void cgroup_kill(const char *path);
/* Kill and remove the group that the link `link` names, if it is that of the worker `pid`; false when
 * it could not be removed yet. */
bool cgroup_sweep(const char *link, pid_t pid);

#endif
