/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running pawl-archive; and the files that a run is carried in. Blocks: beside the loop only. */
#include "engine/carry_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int start(const char *program, const char *const *args, int in, int messages, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	(void)posix_spawn_file_actions_init(&actions); /* cannot fail in glibc */
	(void)posix_spawnattr_init(&attr);
	int rc = posix_spawn_file_actions_adddup2(&actions, in, 0);
	if (!rc)
		rc = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&actions, messages, 2);
	if (!rc)
		rc = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	/* The vector is not changed by the call; its prototype is older than const. */
	if (!rc)
		rc = posix_spawn(ret_pid, program, &actions, &attr, (char *const *)(uintptr_t)args, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	return rc;
}

/* "NAME: message" becomes the error. */
static enum err_code told(int messages, int status, struct err *err)
{
	char said[700] = "";
	ssize_t n = pread(messages, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	said[strcspn(said, "\n")] = '\0';
	char *colon = strstr(said, ": ");
	if (!WIFEXITED(status) || !colon)
		return err_set(err, ERR_INTERNAL, _("pawl-archive ended badly (%d)"), status);
	*colon = '\0';
	return err_set(err, err_from_name(said), "%s", colon + 2);
}

enum err_code archive_run(const char *libexec, const char *const *words, const struct str *in, struct err *err)
{
	auto_free char *program = xasprintf("%s/pawl-archive", libexec);
	const char *args[8] = { program };
	for (size_t i = 0; words[i] && i + 2 < COUNT(args); i++)
		args[i + 1] = words[i];
	int list = memfd_create("members", MFD_CLOEXEC), messages = memfd_create("messages", MFD_CLOEXEC);
	enum err_code code = ERR_OK;
	pid_t pid = 0;
	if (list < 0 || messages < 0 || !fs_write_all(list, in ? str_text(in) : "", in ? in->len : 0) ||
	    lseek(list, 0, SEEK_SET))
		code = err_sys(err, ERR_IO, _("cannot make a temporary file"));
	int rc = code ? 0 : start(program, args, list, messages, &pid);
	if (rc) {
		errno = rc;
		code = err_sys(err, ERR_UNAVAILABLE, _("cannot start %s"), program);
	}
	int status = 0;
	while (!code && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!code && status)
		code = told(messages, status, err);
	if (list >= 0)
		(void)close(list);
	if (messages >= 0)
		(void)close(messages);
	return code;
}

enum err_code hash_file(const char *path, struct hash *ret, int64_t *ret_size, struct err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool good = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && hash_fd(fd, (uint64_t)st.st_size, ret);
	enum err_code code = good ? ERR_OK : err_sys(err, ERR_IO, _("cannot read %s"), path);
	if (fd >= 0)
		(void)close(fd);
	if (good)
		*ret_size = (int64_t)st.st_size;
	return code;
}

enum err_code staging_make(const char *home, const char *what, int64_t epoch, char **ret, struct err *err)
{
	auto_free char *folder = xasprintf("%s/tmp", home);
	enum err_code code = fs_mkdirs(folder, 0700, err);
	if (code)
		return code;
	char *path = xasprintf("%s/%s-%lld-XXXXXX", folder, what, (long long)epoch);
	if (!mkdtemp(path)) {
		code = err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot make the folder %s"), path);
		free(path);
		return code;
	}
	*ret = path;
	return ERR_OK;
}
