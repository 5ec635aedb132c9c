/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes as /proc shows them. A pid alone names nothing for long: with its start time it does, within
 * one boot (clock_boot_id()). */
#ifndef PAWL_BASE_PROC_H
#define PAWL_BASE_PROC_H

#include "base/base.h"

#include <sys/types.h>

struct proc_entry {
	pid_t pid, parent, session;
	char state;    /* as in /proc/PID/stat: R S D T Z … */
	int64_t start; /* field 22: clock ticks since boot */
};

struct proc_list {
	struct proc_entry *v;
	size_t n, cap;
};

/* When the process started, 0 if there is none (a zombie still counts). */
int64_t proc_start_time(pid_t pid);
/* Whether that very process still lives; zombies do not. */
bool proc_alive(pid_t pid, int64_t start);

/* All processes below `root`, without it; zombies are left out. Calls of a growing tree may miss what is
 * forked meanwhile: repeat until nothing new comes. */
void proc_descendants(pid_t root, struct proc_list *ret);
void proc_list_done(struct proc_list *list);

/* Send a signal to every process that has one of the n `values` as the value of the variable `name`
 * in its first environment, and to everything below these; repeated until nothing new comes (new
 * children of a process that was told to stop included). Never to the caller. Returns how many got it. */
int proc_signal_marked(const char *name, const char *const *values, size_t n, int signal);

#endif
