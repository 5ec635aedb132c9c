/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals as a descriptor, so that a command that watches waits for all at once. */
#include "cli/cli_internal.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void caught(sigset_t *set)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };
	sigemptyset(set);
	for (size_t i = 0; i < COUNT(signals); i++)
		sigaddset(set, signals[i]);
}

int signals_open(void)
{
	sigset_t set;
	caught(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int signals_take(int fd)
{
	struct signalfd_siginfo info;
	return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

void signals_close(int fd)
{
	sigset_t set;
	caught(&set);
	if (fd >= 0)
		(void)close(fd);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}
