/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs in a thread beside the loop, and touches nothing but the job and the files. Whatever ends it in the middle, the
 * journal of the patch says what to do: the engine asks for a restore, which finds what was settled. */
#include "engine/patch_work.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/utf8.h"
#include "engine/engine.h"
#include "space/git.h"
#include "space/patch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMAND_MS (30 * 60 * 1000)
#define OUTPUT_MAX ((size_t)1 * MIB)

static void free_words(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

void patch_work_free(struct patch_work *w)
{
	if (!w)
		return;
	free(w->stem);
	free(w->message);
	free(w->author);
	free(w->from);
	free_words(w->compensation.argv);
	free(w->compensation.input);
	free_words(w->checks.argv);
	free(w->checks.input);
	free_words(w->env);
	free(w->cwd);
	free(w);
}

/* ---- commands ---- */

static int start(const struct patch_command *c, const struct patch_work *w, char *const *env, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	auto_fd in = git_memory(c->input ? c->input : "", c->input_len);
	if (in < 0)
		return errno;
	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attr);
	int rc = posix_spawn_file_actions_adddup2(&actions, in, 0);
	/* What it says may hold anything; the report of the checks is masked, and is what is kept. */
	if (!rc)
		rc = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	if (!rc)
		rc = posix_spawn_file_actions_addchdir_np(&actions, w->cwd);
	if (!rc)
		rc = posix_spawnattr_setsigdefault(&attr, &all);
	if (!rc)
		rc = posix_spawnattr_setsigmask(&attr, &none);
	if (!rc)
		rc = posix_spawnattr_setpgroup(&attr, 0);
	if (!rc)
		rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	if (!rc)
		rc = posix_spawnp(ret_pid, c->argv[0], &actions, &attr, c->argv, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	return rc;
}

static enum err_code run_command(const struct patch_command *c, const struct patch_work *w, const char *output,
				 int *ret_status, struct err *err)
{
	pid_t pid;
	size_t n = 0;
	while (w->env && w->env[n])
		n++;
	auto_free char **env = xcalloc(n + 2, sizeof(*env));
	auto_free char *variable = output ? xasprintf("PAWL_OUTPUT=%s", output) : NULL;
	for (size_t i = 0; i < n; i++)
		env[i] = w->env[i];
	env[n] = variable;
	int rc = start(c, w, env, &pid);
	if (rc) {
		errno = rc;
		return err_sys(err, ERR_UNAVAILABLE, _("cannot start %s"), c->argv[0]);
	}
	auto_fd fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int got = fd < 0 ? 1 : 0;
	for (int64_t until = clock_boot_ms() + COMMAND_MS; got <= 0 && clock_boot_ms() < until;)
		got = poll(&p, 1, (int)MAX(until - clock_boot_ms(), (int64_t)1));
	bool late = got <= 0;
	if (late)
		(void)kill(-pid, SIGKILL); /* its own group, and not reaped yet */
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		;
	return late ? err_set(err, ERR_TIMEOUT, _("%s took longer than %d minutes"), c->argv[0], COMMAND_MS / 60000) : ERR_OK;
}

static enum err_code judge_status(int status, const char *what, struct err *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return ERR_OK;
	return err_set(err, ERR_RUN_FAILED, WIFSIGNALED(status) ? _("%s was ended by signal %d") : _("%s ended with exit code %d"), what,
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static enum err_code compensate(void *ctx, struct err *err)
{
	const struct patch_work *w = ctx;
	int status = 0;
	if (w->how == COMPENSATE_MANUAL)
		return ERR_OK;
	enum err_code code = run_command(&w->compensation, w, NULL, &status, err);
	return code ? code : judge_status(status, _("the compensation"), err);
}

/* pawl-verify says in its report whether they passed: {"message": …, "report": {"passed": …}}. */
static enum err_code check(const struct patch_work *w, struct err *err)
{
	auto_free char *output = xasprintf("%s.output", w->stem), *text = NULL;
	auto_json *v = NULL;
	int status = 0;
	size_t len = 0;
	if (!w->checks.argv)
		return ERR_OK;
	(void)unlink(output);
	enum err_code code = run_command(&w->checks, w, output, &status, err);
	if (!code)
		code = fs_read(output, OUTPUT_MAX, &text, &len, err);
	(void)unlink(output);
	if (!code)
		code = json_parse(text, len, OUTPUT_MAX, &v, err);
	if (code || json_get_bool(json_get(v, "report"), "passed", false))
		return code;
	auto_str s = STR_INIT;
	const char *said = json_get_str(v, "message", _("a check failed"));
	text_add_safe(&s, said, strlen(said), SAFE_PLAIN, false);
	return err_set(err, ERR_RUN_FAILED, "%.600s", str_text(&s));
}

/* ---- the work ---- */

static void commit(const struct patch_place *p, struct patch_work *w)
{
	struct patch_commit c;
	struct err also;
	enum err_code code = patch_settle(p, w->message, w->author, &c, &w->why);
	if (!code) {
		w->state = PATCH_COMMITTED;
		memcpy(w->commit, c.commit, sizeof(w->commit));
		return;
	}
	w->state = PATCH_QUARANTINED;
	if (patch_restore(p, &also)) {
		w->state = PATCH_APPLY_FAILED;
		w->why = also;
	}
}

static void restore(const struct patch_place *p, struct patch_work *w)
{
	struct patch_commit c;
	if (patch_is_settled(p->stem, &c)) {
		w->state = PATCH_COMMITTED;
		memcpy(w->commit, c.commit, sizeof(w->commit));
		return;
	}
	w->state = patch_restore(p, &w->why) ? PATCH_APPLY_FAILED : PATCH_QUARANTINED;
}

static enum err_code copy_diff(const struct patch_work *w, struct patch *p, struct err *err)
{
	auto_free char *from = xasprintf("%s.diff", w->from), *to = xasprintf("%s.diff", w->stem), *text = NULL;
	size_t len;
	enum err_code code = fs_read(from, PATCH_TEXT_MAX, &text, &len, err);
	if (!code)
		code = patch_read(text, len, w->strip, p, err);
	return code ? code : fs_write(to, text, len, 0600, err);
}

static void revert(const struct patch_place *place, struct patch_work *w)
{
	auto_patch p = { NULL, 0, 0, 0, 0 };
	bool stuck = false;
	const struct patch_rules links = { .symlinks = true };
	w->state = PATCH_QUARANTINED;
	w->reached = PATCH_CREATED;
	if (copy_diff(w, &p, &w->why) || (w->how == COMPENSATE_REVERT && patch_try(place, &p, &w->why)))
		return;
	w->reached = PATCH_APPLYING;
	enum err_code code = w->how == COMPENSATE_REVERT ? patch_apply(place, &p, &links, &stuck, &w->why) :
							   patch_apply_by(place, &p, compensate, w, &stuck, &w->why);
	if (code) {
		w->state = stuck ? PATCH_APPLY_FAILED : PATCH_QUARANTINED;
		return;
	}
	w->reached = PATCH_APPLIED;
	struct err failed;
	if (check(w, &failed)) {
		restore(place, w);
		w->why = w->state == PATCH_QUARANTINED ? failed : w->why;
		return;
	}
	w->reached = PATCH_VERIFIED;
	commit(place, w);
}

/* The worktree of a run that ended is made again for this, and goes afterwards. */
static enum err_code make_place(const struct space_job *j, struct worktree *made, bool *ret_made, struct err *err)
{
	*ret_made = false;
	if (fs_exists(j->path))
		return ERR_OK;
	if (!j->worktree || !j->repository)
		return err_set(err, ERR_NOT_FOUND, _("the workspace %s is not there any more"), j->path);
	enum err_code code = worktree_again(j->repository, j->path, j->name, j->base && *j->base ? j->base : NULL, made, err);
	*ret_made = !code;
	return code;
}

void patch_work_run(struct space_job *j)
{
	struct patch_work *w = j->patch_work;
	CLEANUP(worktree_done) struct worktree made = { .repository = NULL };
	struct patch_place place = { .folder = j->path, .stem = w->stem, .strip = w->strip,
				     .reverse = w->op == PATCH_OP_REVERT && w->how == COMPENSATE_REVERT };
	bool again = false;
	struct err err;
	w->reached = PATCH_APPLIED;
	w->why = (struct err){ .code = ERR_OK };
	w->state = PATCH_QUARANTINED;
	if (make_place(j, &made, &again, &w->why))
		return;
	if (w->op == PATCH_OP_COMMIT)
		commit(&place, w);
	else if (w->op == PATCH_OP_RESTORE)
		restore(&place, w);
	else
		revert(&place, w);
	if (again && worktree_release(&made, NULL, &err))
		(void)0; /* gc names it */
}
