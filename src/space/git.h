/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running git: by argument vector, never through a shell; with an environment of its own, so that no
 * GIT_* variable and no system or user configuration has a say; and with the settings of a repository
 * that would execute something overridden. Blocking; thread-safe. */
#ifndef PAWL_SPACE_GIT_H
#define PAWL_SPACE_GIT_H

#include "base/err.h"
#include "base/str.h"

#include <sys/types.h>
#include <unistd.h>

struct git {
	const char *dir;  /* the repository (GIT_DIR) */
	const char *work; /* its working tree, or NULL */
	/* Somebody else's repository: its own settings count, but for those that execute something. */
	bool foreign;
	/* Besides, the user's own settings and environment count, so that passwords and keys are found as the user
	 * has arranged it; hooks do not run, and nobody is asked. For what goes out over the network. */
	bool user;
	const char *index; /* an index of our own (GIT_INDEX_FILE); NULL: that of the repository */
	const char *cwd;   /* where it stands; NULL: where we do */
	const char *const *settings; /* more "name=value" settings, NULL-terminated; may be NULL */
};

struct git_proc {
	pid_t pid;
	int in;       /* git's stdin, a socket: write with git_send(); -1 if none */
	int out;      /* git's stdout */
	int messages; /* what it says on stderr, a memory file */
	const char *verb;
};
#define GIT_PROC_INIT { 0, -1, -1, -1, NULL }
#define auto_git CLEANUP(git_abort) struct git_proc

/* Start `git ARGS…` (NULL-terminated, args[0] is the subcommand). Its stdin is `in_fd` (borrowed); a
 * socket in proc->in if `feed`; else /dev/null. */
enum err_code git_start(struct git_proc *proc, const struct git *git, const char *const *args,
			int in_fd, bool feed, struct err *err) MUST_CHECK;
/* All bytes to its stdin; false when it does not take them (git_finish() tells why). */
bool git_send(struct git_proc *proc, const void *p, size_t len) MUST_CHECK;
/* Wait for its end; an error with its own words unless it ended with 0. ERR_STORAGE: disk full. */
enum err_code git_finish(struct git_proc *proc, struct err *err) MUST_CHECK;
/* End it, if it is still running. */
void git_abort(struct git_proc *proc);

/* Start, read all of stdout (at most `max` bytes, else ERR_TOO_LARGE), finish. out may be NULL. */
enum err_code git_capture(const struct git *git, const char *const *args, int in_fd, size_t max,
			  struct str *out, struct err *err) MUST_CHECK;
/* A memory file with these bytes, at its beginning; -1 with errno set. */
int git_memory(const void *p, size_t len);
/* A name as it may stand in a message: quoted by nothing, but unable to control a terminal; yours. */
char *git_shown(const char *name);

static inline void space_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}
#define auto_fd CLEANUP(space_close) int

#endif
