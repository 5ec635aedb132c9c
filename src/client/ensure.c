/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting the engine on demand. The starter passes a pipe on which pawld writes one line when it
 * accepts requests
 * ("ready") or cannot ("error: why"), so that nobody polls. A lock file keeps two starters from
 * racing. */
#include "client/client_internal.h"

#include "base/clock.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 60000 /* an engine that recovers a large store takes its time */
#define ENDING_MS 2000 /* between closing the pipe and being gone */
#define READY_FD 3
#define SETTINGS_MAX 32

static pid_t ours; /* the engine that this process started, until it is reaped */

extern char **environ;

static void close_p(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}
#define auto_fd CLEANUP(close_p) int

void engine_reap(void)
{
	if (ours > 0 && waitpid(ours, NULL, WNOHANG) == ours)
		ours = 0;
}

static enum err_code find_pawld(char **ret, struct err *err)
{
	const char *named = getenv("PAWL_ENGINE");
	if (named && named[0]) {
		if (access(named, X_OK))
			return err_sys(err, ERR_USAGE, _("PAWL_ENGINE is \"%s\""), named);
		*ret = xstrdup(named);
		return ERR_OK;
	}
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		char *slash = strrchr(self, '/');
		if (slash)
			*slash = '\0';
		auto_free char *beside = xasprintf("%s/pawld", self);
		if (access(beside, X_OK) == 0) {
			*ret = TAKE(beside);
			return ERR_OK;
		}
	}
	if (access(BINDIR "/pawld", X_OK) == 0) {
		*ret = xstrdup(BINDIR "/pawld");
		return ERR_OK;
	}
	err_note(err, ERR_UNAVAILABLE,
	         _("the engine's program pawld is neither beside pawl nor in %s"), BINDIR);
	err_hint(err, _("set PAWL_ENGINE to its path"));
	return err ? err->code : ERR_UNAVAILABLE;
}

/* Its own session, default signals, no descriptor but null, its diagnostics file and the ready
 * pipe. */
static int spawn(const char *path, char **argv, int log, int ready, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	int e = posix_spawn_file_actions_init(&actions);
	if (e)
		return e;
	e = posix_spawnattr_init(&attributes);
	if (e) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return e;
	}
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
	                                                POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	e = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	e = e ? e : posix_spawn_file_actions_adddup2(&actions, log, 1);
	e = e ? e : posix_spawn_file_actions_adddup2(&actions, log, 2);
	e = e ? e : posix_spawn_file_actions_adddup2(&actions, ready, READY_FD);
	e = e ? e : posix_spawn_file_actions_addclosefrom_np(&actions, READY_FD + 1);
	e = e ? e : posix_spawn_file_actions_addchdir_np(&actions, "/");
	e = e ? e : posix_spawn(ret, path, &actions, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return e;
}

/* One line from the pipe. False: it ended or fell silent without one. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t len = 0;
	int64_t until_us = clock_mono_us() + (int64_t)READY_MS * 1000;
	while (len + 1 < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left = (until_us - clock_mono_us()) / 1000;
		int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return false;
		ssize_t n = read(fd, line + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		line[len] = '\0';
		char *lf = strchr(line, '\n');
		if (lf) {
			*lf = '\0';
			return true;
		}
	}
	line[len] = '\0';
	return len > 0;
}

/* Why an engine that said nothing is gone. */
static enum err_code died(pid_t pid, const char *home, struct err *err)
{
	int status = 0;
	auto_fd end = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = end, .events = POLLIN };
	(void)poll(&p, 1, ENDING_MS);
	pid_t got = waitpid(pid, &status, WNOHANG);
	if (got == 0) {
		err_note(err, ERR_TIMEOUT, _("the engine (pid %ld) does not become ready"),
		         (long)pid);
	} else if (WIFSIGNALED(status)) {
		err_note(err, ERR_UNAVAILABLE,
		         _("the engine was ended by signal %d while it started"), WTERMSIG(status));
	} else {
		err_note(err, ERR_UNAVAILABLE,
		         _("the engine ended with status %d while it started"),
		         WEXITSTATUS(status));
	}
	err_hint(err, _("see the end of %s/pawld.log"), home);
	return got == 0 ? ERR_TIMEOUT : ERR_UNAVAILABLE;
}

static enum err_code wait_ready(int fd, pid_t pid, const char *home, struct err *err)
{
	char line[sizeof(err->message)];
	if (!read_line(fd, line, sizeof(line)))
		return died(pid, home, err);
	if (str_eq(line, "ready")) {
		ours = pid;
		return ERR_OK;
	}
	(void)waitpid(pid, NULL, 0); /* it said that it ends */
	const char *why = str_starts(line, "error: ") ? line + 7 : line;
	err_note(err, ERR_UNAVAILABLE, "%s", why);
	err_hint(err, _("see the end of %s/pawld.log"), home);
	return ERR_UNAVAILABLE;
}

static enum err_code start(const char *home, const char *const *settings, struct err *err)
{
	auto_free char *path = NULL;
	enum err_code code = find_pawld(&path, err);
	if (code)
		return code;
	auto_free char *log_path = xasprintf("%s/pawld.log", home);
	auto_fd log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (log < 0)
		return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot write %s"),
		               log_path);
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return err_sys(err, ERR_INTERNAL, _("cannot make a pipe"));
	auto_fd from = ends[0];
	int to = ends[1];
	const char *argv[8 + 2 * SETTINGS_MAX] = { path, "--home", home, "--ready-fd", "3" };
	size_t n = 5;
	for (size_t i = 0; settings && settings[i] && i < SETTINGS_MAX; i++) {
		argv[n++] = "--set";
		argv[n++] = settings[i];
	}
	pid_t pid;
	/* posix_spawn() does not write to its arguments. */
	int e = spawn(path, (char **)(uintptr_t)argv, log, to, &pid);
	(void)close(to);
	if (e) {
		errno = e;
		return err_sys(err, ERR_UNAVAILABLE, _("cannot start %s"), path);
	}
	return wait_ready(from, pid, home, err);
}

static enum err_code connected(const char *home, struct client **ret, struct err *err)
{
	struct client_options o = { .home = home };
	struct client *c;
	enum err_code code = client_new(&o, &c, err);
	if (code)
		return code;
	code = client_connect(c, err);
	if (code) {
		client_free(c);
		return code;
	}
	*ret = c;
	return ERR_OK;
}

enum err_code engine_ensure(const char *home, const char *const *settings, struct client **ret,
                            struct err *err)
{
	enum err_code code = connected(home, ret, err);
	if (code != ERR_UNAVAILABLE)
		return code;
	code = fs_mkdirs(home, 0700, err);
	if (code)
		return code;
	auto_free char *lock_path = xasprintf("%s/starting.lock", home);
	auto_fd lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot write %s"),
		               lock_path);
	while (flock(lock, LOCK_EX))
		if (errno != EINTR)
			return err_sys(err, ERR_IO, _("cannot lock %s"), lock_path);
	code = connected(home, ret, err); /* somebody else may have been quicker */
	if (code != ERR_UNAVAILABLE)
		return code;
	code = start(home, settings, err);
	return code ? code : connected(home, ret, err);
}
