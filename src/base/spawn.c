/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

static int add_actions(posix_spawn_file_actions_t *actions, int log_fd)
{
	int rc = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
	if (!rc && log_fd < 0)
		rc = posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
	else if (!rc)
		rc = posix_spawn_file_actions_adddup2(actions, log_fd, 1);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(actions, 1, 2);
	if (!rc)
		rc = posix_spawn_file_actions_addclosefrom_np(actions, 3);
	return rc;
}

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t all, none;
	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	int rc = posix_spawnattr_setsigdefault(attr, &all);
	if (!rc)
		rc = posix_spawnattr_setsigmask(attr, &none);
	if (!rc)
		rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
							    POSIX_SPAWN_SETSIGMASK);
	return rc;
}

enum err_code spawn_daemon(const char *path, const char *const *argv, const char *const *env,
			   int log_fd, pid_t *ret_pid, struct err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	(void)posix_spawn_file_actions_init(&actions); /* cannot fail in glibc */
	(void)posix_spawnattr_init(&attr);
	int rc = add_actions(&actions, log_fd);
	if (!rc)
		rc = set_attributes(&attr);
	/* The arguments are not changed by the call; its prototype is older than const. */
	if (!rc)
		rc = posix_spawn(ret_pid, path, &actions, &attr, (char *const *)(uintptr_t)argv,
				 env ? (char *const *)(uintptr_t)env : environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	if (!rc)
		return ERR_OK;
	errno = rc;
	return err_sys(err, ERR_UNAVAILABLE, _("cannot start %s"), path);
}
