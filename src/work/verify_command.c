/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A command of a check: a process group of its own, a time limit, both outputs in order line by line to the log, to
 * the diagnostics, and kept; nothing of it stays behind. */
#include "work/verify.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "space/git.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARGIN (64 * KIB)                 /* longer than any secret */
#define LINE_HELD (8 * KIB)              /* of a line without end, before it is given on */
#define SLICE_MS 250                     /* at most between two looks at the clock */
#define GRACE_US (2 * INT64_C(1000000))  /* between TERM and KILL */
#define LINGER_US (500 * INT64_C(1000))  /* it ended, but somebody holds its pipes open */

extern char **environ;

struct stream {
	int fd;          /* read end; -1 when it ended */
	int to;          /* 1 or 2: of the log */
	struct str line; /* not given on yet */
	struct str *tail; /* the end of it, kept */
};

struct running {
	struct verify *v;
	struct check *c;
	struct command *command;
	struct stream out, err;
	pid_t pid;       /* 0: it ended */
	int status;
	int64_t deadline_us, kill_us, ended_us; /* 0: not */
};

/* ---- output ---- */

/* Keep the end of what comes, and more than is shown in the end: what the cut halves must not be seen. */
static void keep(struct str *s, const char *bytes, size_t len)
{
	str_add_len(s, bytes, len);
	if (s->len <= 2 * (size_t)VERIFY_KEPT_MAX)
		return;
	size_t cut = s->len - VERIFY_KEPT_MAX - MARGIN;
	memmove(s->p, s->p + cut, s->len - cut);
	str_cut(s, s->len - cut);
}

/* It has ended: mask, and then cut to what the report has. A key goes over lines, so half of it has no shape. */
static void settle(const struct verify *v, struct str *s, size_t lines, size_t max)
{
	struct str clean = STR_INIT, cut = STR_INIT;
	redact_text(v->secrets, str_text(s), s->len, &clean);
	size_t from = tail_of(str_text(&clean), clean.len, lines, max);
	str_add_len(&cut, str_text(&clean) + from, clean.len - from);
	str_done(&clean);
	str_done(s);
	*s = cut;
}

static void settle_all(struct verify *v, struct check *c)
{
	size_t max = v->kept > VERIFY_KEPT_ALL ? VERIFY_SHOWN_MAX : VERIFY_KEPT_MAX;
	settle(v, &c->output, SIZE_MAX, max);
	settle(v, &c->out_tail, TAIL_LINES, VERIFY_TAIL_MAX);
	settle(v, &c->err_tail, TAIL_LINES, VERIFY_TAIL_MAX);
	v->kept += c->output.len + c->out_tail.len + c->err_tail.len;
}

/* Whole lines, so that those of the two streams do not mix. */
static void give_on(struct running *r, struct stream *s, const char *bytes, size_t len)
{
	struct check *c = r->c;
	(void)!fs_write_all(s->to, bytes, len);
	c->output_bytes += (int64_t)len;
	keep(&c->output, bytes, len);
	keep(s->tail, bytes, len);
	if (c->diagnostics)
		diagnostics_feed(c->diagnostics, bytes, len);
}

static void take_bytes(struct running *r, struct stream *s, const char *bytes, size_t len)
{
	if (s == &r->out && r->command->out_max) {
		size_t room = r->command->out_max - r->command->out.len;
		str_add_len(&r->command->out, bytes, MIN(room, len));
		r->command->out_cut |= len > room;
	}
	const char *last = memrchr(bytes, '\n', len);
	size_t whole = last ? (size_t)(last - bytes) + 1 : 0;
	if (whole) {
		str_add_len(&s->line, bytes, whole);
		give_on(r, s, s->line.p, s->line.len);
		str_clear(&s->line);
	}
	str_add_len(&s->line, bytes + whole, len - whole);
	if (s->line.len > LINE_HELD) {
		give_on(r, s, s->line.p, s->line.len);
		str_clear(&s->line);
	}
}

static void end_stream(struct running *r, struct stream *s)
{
	if (s->line.len) {
		str_add_char(&s->line, '\n');
		give_on(r, s, s->line.p, s->line.len);
	}
	str_done(&s->line);
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
}

static void read_stream(struct running *r, struct stream *s)
{
	char bytes[64 * KIB];
	ssize_t n = read(s->fd, bytes, sizeof(bytes));
	if (n > 0)
		take_bytes(r, s, bytes, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		end_stream(r, s);
}

/* ---- start ---- */

/* Everything but $PAWL_OUTPUT, which is pawl-verify's own. */
static const char **make_env(const struct check *c, struct str *name)
{
	size_t n = 0, k = 0;
	while (environ[n])
		n++;
	const char **env = xcalloc(n + 2, sizeof(*env));
	for (size_t i = 0; i < n; i++)
		if (!str_starts(environ[i], "PAWL_OUTPUT=") && !str_starts(environ[i], "PAWL_CHECK="))
			env[k++] = environ[i];
	str_addf(name, "PAWL_CHECK=%s", c->name);
	env[k] = name->p;
	return env;
}

/* The words, and the path of the script behind them if there is one. */
static const char **make_argv(const struct check *c, const char *script)
{
	const struct json *list = json_get(c->v, "argv");
	const char **argv = xcalloc(json_count(list) + 2, sizeof(*argv));
	size_t n = 0;
	for (const struct json *e = json_first(list); e; e = json_next(e))
		argv[n++] = json_str(e, "");
	argv[n] = script;
	return argv;
}

/* A temporary file with the script; *ret is NULL when the check has none. */
static enum err_code write_script(const struct check *c, char **ret, struct err *err)
{
	const char *script = json_get_str(c->v, "script", NULL), *folder = getenv("TMPDIR");
	if (!script)
		return ERR_OK;
	char *path = xasprintf("%s/pawl-check-XXXXXX", folder && *folder ? folder : "/tmp");
	int fd = mkostemp(path, O_CLOEXEC);
	bool good = fd >= 0 && fs_write_all(fd, script, strlen(script));
	enum err_code code = good ? ERR_OK : err_sys(err, ERR_IO, _("cannot write the script to %s"), path);
	if (fd >= 0)
		(void)close(fd);
	*ret = path;
	return code;
}

static int spawn(struct running *r, const char *const *argv, const char *const *env, int in, int out, int err_fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	(void)sigfillset(&all);
	(void)sigemptyset(&none);
	(void)posix_spawn_file_actions_init(&actions); /* cannot fail in glibc */
	(void)posix_spawnattr_init(&attr);
	int rc = in >= 0 ? posix_spawn_file_actions_adddup2(&actions, in, 0) :
			   posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&actions, err_fd, 2);
	if (!rc)
		rc = posix_spawnattr_setsigdefault(&attr, &all);
	if (!rc)
		rc = posix_spawnattr_setsigmask(&attr, &none);
	if (!rc)
		rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
							 POSIX_SPAWN_SETSIGMASK);
	/* The arguments are not changed by the call; its prototype is older than const. */
	if (!rc)
		rc = posix_spawnp(&r->pid, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv,
				  (char *const *)(uintptr_t)env);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	if (rc)
		r->pid = 0;
	return rc;
}

static enum err_code start(struct running *r, const char *input, size_t input_len, const char *script, struct err *err)
{
	int out[2], err_pipe[2];
	auto_str name = STR_INIT;
	if (pipe2(out, O_CLOEXEC))
		return err_sys(err, ERR_IO, _("cannot make a pipe"));
	if (pipe2(err_pipe, O_CLOEXEC)) {
		(void)close(out[0]);
		(void)close(out[1]);
		return err_sys(err, ERR_IO, _("cannot make a pipe"));
	}
	auto_fd in = input ? git_memory(input, input_len) : -1;
	auto_free const char **env = make_env(r->c, &name), **argv = make_argv(r->c, script);
	int why = input && in < 0 ? errno : spawn(r, argv, env, in, out[1], err_pipe[1]);
	(void)close(out[1]);
	(void)close(err_pipe[1]);
	r->out.fd = out[0];
	r->err.fd = err_pipe[0];
	if (why)
		check_fail(r->c, _("cannot start %s: %s"), argv[0], strerror(why));
	return ERR_OK;
}

/* ---- run ---- */

/* The group, and whoever left it for a session of its own. */
static void signal_all(const struct running *r, int signal)
{
	struct proc_list list = { 0 };
	if (r->pid)
		(void)kill(-r->pid, signal);
	proc_descendants(getpid(), &list);
	for (size_t i = 0; i < list.n; i++)
		(void)kill(list.v[i].pid, signal);
	proc_list_done(&list);
}

static void reap(struct running *r, int64_t now)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid != r->pid)
			continue; /* an orphan that came to us */
		r->pid = 0;
		r->status = status;
		r->ended_us = now;
	}
}

/* What time does to it: TERM, KILL, and closing pipes that others hold. */
static void look_at_clock(struct running *r, int64_t now)
{
	if (r->pid && r->deadline_us && now >= r->deadline_us && !r->command->timed_out) {
		r->command->timed_out = true;
		r->kill_us = now + GRACE_US;
		signal_all(r, SIGTERM);
	}
	if (r->pid && r->kill_us && now >= r->kill_us) {
		r->kill_us = now + GRACE_US;
		signal_all(r, SIGKILL);
	}
	if (!r->pid && now - r->ended_us > LINGER_US) {
		end_stream(r, &r->out);
		end_stream(r, &r->err);
	}
}

/* Until it has ended and nothing more comes. Time in which this process was stopped does not count. */
static void pump(struct running *r)
{
	int64_t before = clock_mono_us();
	while (r->pid || r->out.fd >= 0 || r->err.fd >= 0) {
		struct pollfd p[2] = { { .fd = r->out.fd, .events = POLLIN }, { .fd = r->err.fd, .events = POLLIN } };
		bool waiting = r->out.fd < 0 && r->err.fd < 0;
		int wait_ms = waiting ? 5 : SLICE_MS;
		if (r->deadline_us)
			wait_ms = (int)MIN((int64_t)wait_ms, MAX((r->deadline_us - before) / 1000 + 1, INT64_C(5)));
		(void)poll(p, 2, wait_ms);
		if (p[0].revents)
			read_stream(r, &r->out);
		if (p[1].revents)
			read_stream(r, &r->err);
		int64_t now = clock_mono_us(), lost = now - before - 2 * SLICE_MS * 1000;
		if (lost > 0 && r->deadline_us)
			r->deadline_us += lost;
		before = now;
		reap(r, now);
		look_at_clock(r, now);
	}
}

/* What it left in the background. */
static void clean_up(struct running *r)
{
	for (int i = 0; i < 100; i++) {
		struct proc_list list = { 0 };
		proc_descendants(getpid(), &list);
		for (size_t k = 0; k < list.n; k++)
			(void)kill(list.v[k].pid, SIGKILL);
		bool none = list.n == 0;
		proc_list_done(&list);
		reap(r, 0);
		if (none)
			return;
		(void)poll(NULL, 0, 5);
	}
}

enum err_code command_run(struct verify *v, struct check *c, const char *input, size_t input_len, struct command *ret,
			  struct err *err)
{
	struct running r = { .v = v, .c = c, .command = ret, .out = { -1, STDOUT_FILENO, STR_INIT, &c->out_tail },
			     .err = { -1, STDERR_FILENO, STR_INIT, &c->err_tail } };
	auto_free char *script = NULL;
	enum err_code code = write_script(c, &script, err);
	if (!code)
		code = start(&r, input, input_len, script, err);
	if (!code && r.pid) {
		c->ran = true;
		r.deadline_us = c->timeout_ms > 0 ? clock_mono_us() + c->timeout_ms * 1000 : 0;
		pump(&r);
		clean_up(&r);
		c->signal = WIFSIGNALED(r.status) ? WTERMSIG(r.status) : 0;
		c->exit_code = c->signal ? 128 + c->signal : WEXITSTATUS(r.status);
	}
	end_stream(&r, &r.out);
	end_stream(&r, &r.err);
	settle_all(v, c);
	if (script)
		(void)unlink(script);
	return code;
}

/* ---- the check of kind run ---- */

static char *command_text(const struct check *c)
{
	auto_str s = STR_INIT;
	for (const struct json *e = json_first(json_get(c->v, "argv")); e; e = json_next(e))
		str_addf(&s, "%s%s", s.len ? " " : "", json_str(e, ""));
	return str_take(&s);
}

/* A report that the command wrote, in place of its output. */
static void take_report(struct verify *v, struct check *c)
{
	struct tree_file file;
	diagnostics_free(c->diagnostics);
	c->diagnostics = diagnostics_new(c->parse, v->workspace, v->cwd);
	tree_read(v, c->report, DIAGNOSTIC_REPORT_MAX, &file);
	if (file.why == TREE_READ) {
		diagnostics_feed(c->diagnostics, file.bytes, file.len);
	} else {
		auto_free char *message = xasprintf(_("the report of check %s cannot be read"), c->name);
		diagnostics_add(c->diagnostics, DIAGNOSTIC_WARNING, SORT_OTHER, c->report, 0, 0, message);
	}
	diagnostics_end(c->diagnostics);
	tree_file_done(&file);
}

static void judge(struct check *c, const struct command *command)
{
	auto_free char *text = command_text(c);
	struct check_case k = { .level = c->level, .kind = c->kind, .name = c->name, .command = text,
				.timed_out = command->timed_out, .timeout_ms = c->timeout_ms, .exit_code = c->exit_code,
				.signal = command->timed_out ? 0 : c->signal, .output = str_text(&c->output),
				.diagnostics = c->diagnostics };
	if (c->exit_code == 0 && !command->timed_out) {
		c->state = STATE_PASSED;
		return;
	}
	c->state = STATE_FAILED;
	c->class = classify_check(&k);
	classify_detail(&k, &c->message);
}

enum err_code check_command(struct verify *v, struct check *c, struct err *err)
{
	struct command command = { 0 };
	if (c->report) /* one of an earlier iteration would tell of that */
		(void)unlinkat(v->root, c->report, 0);
	c->diagnostics = diagnostics_new(c->parse, v->workspace, v->cwd);
	enum err_code code = command_run(v, c, NULL, 0, &command, err);
	diagnostics_end(c->diagnostics);
	if (!code && c->ran && c->report)
		take_report(v, c);
	if (!code && c->ran)
		judge(c, &command);
	return code;
}
