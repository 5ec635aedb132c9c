/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "space/git.h"

#include "base/fs.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* For every repository: nothing that it names is executed, nothing is fetched, nothing runs behind. */
/* clang-format off */
static const char *const safe[] = {
	"core.hooksPath=/dev/null", "core.fsmonitor=false", "core.untrackedCache=false",
	"core.pager=cat", "core.editor=false", "core.askPass=false", "core.sshCommand=false",
	"credential.helper=", "protocol.allow=never", "gc.auto=0", "maintenance.auto=false",
	"submodule.recurse=false", "log.showSignature=false", "commit.gpgSign=false",
	"core.alternateRefsCommand=false", "core.attributesFile=/dev/null",
};
/* For pawl's own store: bytes are bytes, names are bytes, and what was written is on disk. */
static const char *const exact[] = {
	"core.excludesFile=/dev/null", "core.autocrlf=false", "core.safecrlf=false",
	"core.precomposeUnicode=false", "core.protectHFS=false", "core.protectNTFS=false",
	"core.ignoreCase=false", "core.symlinks=true", "core.fileMode=true", "core.quotePath=false",
	"core.logAllRefUpdates=false", "core.compression=1", "pack.compression=1",
	"fastimport.unpackLimit=1", "diff.renames=false",
	"core.fsync=objects,derived-metadata", /* branches are of no account */
};
/* clang-format on */

#define MAX_ARGS 160

struct vector {
	const char *v[MAX_ARGS];
	size_t n;
};

static void push(struct vector *vector, const char *text)
{
	if (vector->n + 1 < MAX_ARGS)
		vector->v[vector->n++] = text;
}

static void push_settings(struct vector *vector, const char *const *settings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		push(vector, "-c");
		push(vector, settings[i]);
	}
}

static void make_args(struct vector *argv, const struct git *git, const char *const *args)
{
	push(argv, "git");
	push(argv, "--no-pager");
	push(argv, "--literal-pathspecs");
	if (git->user)
		push_settings(argv, safe, 1); /* hooks */
	else
		push_settings(argv, safe, COUNT(safe));
	if (!git->foreign && !git->user)
		push_settings(argv, exact, COUNT(exact));
	size_t n = 0;
	while (git->settings && git->settings[n])
		n++;
	push_settings(argv, git->settings, n);
	for (size_t i = 0; args[i]; i++)
		push(argv, args[i]);
}

static int make_actions(posix_spawn_file_actions_t *actions, const char *cwd, int in, int out, int messages)
{
	int rc = in < 0 ? posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0) :
			  posix_spawn_file_actions_adddup2(actions, in, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(actions, out, 1);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(actions, messages, 2);
	if (!rc)
		rc = posix_spawn_file_actions_addclosefrom_np(actions, 3);
	if (!rc && cwd)
		rc = posix_spawn_file_actions_addchdir_np(actions, cwd);
	return rc;
}

static char program[4096]; /* "git" where it was not found: posix_spawnp() says why, then */

/* Each folder of a long PATH would cost every start a failing exec. */
static void find_program(void)
{
	const char *at = getenv("PATH");
	for (size_t len; at && *at; at += len + (at[len] == ':')) {
		len = strcspn(at, ":");
		if (*at == '/' && len < sizeof program - sizeof "/git") {
			(void)snprintf(program, sizeof program, "%.*s/git", (int)len, at);
			struct stat st;
			if (stat(program, &st) == 0 && S_ISREG(st.st_mode) && access(program, X_OK) == 0)
				return;
		}
	}
	(void)snprintf(program, sizeof program, "git");
}

static int spawn_git(struct git_proc *proc, const struct vector *argv, const char *const *env, const char *cwd, int in,
		     int out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	(void)posix_spawn_file_actions_init(&actions); /* cannot fail in glibc */
	(void)posix_spawnattr_init(&attr);
	int rc = make_actions(&actions, cwd, in, out, proc->messages);
	if (!rc)
		rc = posix_spawnattr_setsigdefault(&attr, &all);
	if (!rc)
		rc = posix_spawnattr_setsigmask(&attr, &none);
	if (!rc)
		rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, find_program); /* cannot fail */
	/* The vectors are not changed by the call; its prototype is older than const. */
	if (!rc)
		rc = posix_spawnp(&proc->pid, program, &actions, &attr, (char *const *)(uintptr_t)argv->v,
				  (char *const *)(uintptr_t)env);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	return rc;
}

/* Descriptors below 3 would be overwritten before they are copied. */
static int above_standard(int fd)
{
	if (fd < 0 || fd > 2)
		return fd;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	(void)close(fd);
	return copy;
}

extern char **environ;

/* The user's environment, but for what git itself would take of it; what is in `own` besides. Yours, the
 * texts are not. */
static const char **user_env(const struct vector *own)
{
	size_t n = 0, have = 0;
	while (environ[have])
		have++;
	const char **env = xcalloc(have + own->n + 1, sizeof(*env));
	for (size_t i = 0; i < have; i++)
		if (!str_starts(environ[i], "GIT_") || str_starts(environ[i], "GIT_SSH") ||
		    str_starts(environ[i], "GIT_ASKPASS="))
			env[n++] = environ[i];
	for (size_t i = 0; i < own->n; i++)
		env[n++] = own->v[i];
	return env;
}

enum err_code git_start(struct git_proc *proc, const struct git *git, const char *const *args, int in_fd,
			bool feed, struct err *err)
{
	*proc = (struct git_proc)GIT_PROC_INIT;
	proc->verb = args[0];
	struct vector argv = { { NULL }, 0 }, env = { { NULL }, 0 };
	make_args(&argv, git, args);
	const char *path = getenv("PATH");
	auto_free char *path_is = xasprintf("PATH=%s", path ? path : "/usr/bin:/bin");
	auto_free char *dir_is = xasprintf("GIT_DIR=%s", git->dir);
	auto_free char *work_is = git->work ? xasprintf("GIT_WORK_TREE=%s", git->work) : NULL;
	static const char *const always[] = {
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0",
		"GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none",
		"GIT_PAGER=cat", "GIT_EDITOR=false", "HOME=/dev/null", "LC_ALL=C",
	};
	for (size_t i = 0; i < COUNT(always) && !git->user; i++)
		push(&env, always[i]);
	if (git->user)
		push(&env, "GIT_TERMINAL_PROMPT=0");
	else
		push(&env, path_is);
	push(&env, dir_is);
	if (work_is)
		push(&env, work_is);
	auto_free char *index_is = git->index ? xasprintf("GIT_INDEX_FILE=%s", git->index) : NULL;
	if (index_is)
		push(&env, index_is);
	auto_free const char **whole = git->user ? user_env(&env) : NULL;
	int pair[2] = { -1, -1 }, out[2] = { -1, -1 };
	int rc = 0;
	if ((feed && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) || pipe2(out, O_CLOEXEC))
		rc = errno;
	proc->in = pair[0];
	proc->out = out[0];
	auto_fd child_in = above_standard(pair[1]), child_out = above_standard(out[1]);
	proc->messages = above_standard(memfd_create("git-messages", MFD_CLOEXEC));
	if (!rc && proc->messages < 0)
		rc = errno;
	if (!rc)
		rc = spawn_git(proc, &argv, whole ? whole : env.v, git->cwd, feed ? child_in : in_fd, child_out);
	if (!rc)
		return ERR_OK;
	proc->pid = 0;
	git_abort(proc);
	errno = rc;
	return err_sys(err, ERR_UNAVAILABLE, _("cannot start git"));
}

bool git_send(struct git_proc *proc, const void *p, size_t len)
{
	for (const char *at = p; len;) {
		ssize_t n = send(proc->in, at, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static int reap(struct git_proc *proc)
{
	int status = 0;
	pid_t got;
	while ((got = waitpid(proc->pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (got < 0)
		status = 127 << 8; /* somebody else took its end: how it ended is not known, so not well */
	proc->pid = 0;
	return status;
}

void git_abort(struct git_proc *proc)
{
	if (proc->pid > 0) {
		(void)kill(proc->pid, SIGKILL); /* it is ours and not reaped: the id is its own */
		(void)reap(proc);
	}
	space_close(&proc->in);
	space_close(&proc->out);
	space_close(&proc->messages);
}

enum err_code git_finish(struct git_proc *proc, struct err *err)
{
	space_close(&proc->in);
	space_close(&proc->out);
	int status = reap(proc);
	char said[512] = "";
	ssize_t n = pread(proc->messages, said, sizeof said - 1, 0);
	git_abort(proc);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return ERR_OK;
	said[n > 0 ? n : 0] = '\0';
	for (size_t len = strlen(said); len && said[len - 1] == '\n';)
		said[--len] = '\0';
	auto_free char *shown = git_shown(said);
	if (WIFSIGNALED(status))
		return err_set(err, ERR_UNAVAILABLE, _("git %s was ended by signal %d"), proc->verb,
			       WTERMSIG(status));
	bool full = strstr(said, "No space left") || strstr(said, "quota exceeded");
	return err_set(err, full ? ERR_STORAGE : ERR_IO, _("git %s failed: %s"), proc->verb,
		       shown[0] ? shown : _("it gave no reason"));
}

enum err_code git_capture(const struct git *git, const char *const *args, int in_fd, size_t max,
			  struct str *out, struct err *err)
{
	auto_git proc = GIT_PROC_INIT;
	enum err_code code = git_start(&proc, git, args, in_fd, false, err);
	if (code)
		return code;
	size_t had = out ? out->len : 0;
	char skipped[4 * KIB];
	for (;;) {
		if (out)
			str_reserve(out, 64 * KIB);
		ssize_t n = read(proc.out, out ? out->p + out->len : skipped,
				 out ? 64 * KIB : sizeof skipped);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read what git %s answers"), args[0]);
		if (n == 0)
			break;
		if (!out)
			continue;
		out->len += (size_t)n;
		out->p[out->len] = '\0';
		if (out->len - had > max)
			return err_set(err, ERR_TOO_LARGE, _("git %s answers more than %zu bytes"),
				       args[0], max);
	}
	return git_finish(&proc, err);
}

int git_memory(const void *p, size_t len)
{
	int fd = memfd_create("git-input", MFD_CLOEXEC);
	if (fd >= 0 && (!fs_write_all(fd, p, len) || lseek(fd, 0, SEEK_SET)))
		space_close(&fd);
	return fd;
}

char *git_shown(const char *name)
{
	auto_str s = STR_INIT;
	text_add_safe(&s, name, strlen(name), SAFE_PLAIN, false);
	return str_take(&s);
}
