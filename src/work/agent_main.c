/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl-agent: an agent program as a step; see agent.h for what it reads and writes. One loop feeds the prompt
 * and reads both outputs as they come, so that neither side can wait for the other. What is known is
 * written now and then, so that the end of this very process loses little of it. */
#include "work/agent.h"

#include "base/clock.h"
#include "base/fs.h"
#include "work/executor.h"
#include "work/live.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_MAX (64 * KIB)
#define USAGE_US (5 * INT64_C(1000000))   /* between two lines of usage */
#define REPORT_US (1 * INT64_C(1000000))  /* between two reports */
#define LIVE_US (250 * INT64_C(1000))     /* between two looks at what it used */
#define RESULT_US (30 * INT64_C(1000000)) /* between two results while it runs */
#define LINGER_US (500 * INT64_C(1000))   /* the agent ended, but somebody holds its pipes open */
#define STDERR_LINE_MAX 300
#define TAIL_MAX (8 * KIB)
#define EXIT_SPAWN 127

extern char **environ;

struct session {
	struct agent_spec spec;
	struct agent agent;
	struct agent_end end;
	struct redact_set *secrets;
	struct agent_kept out, err_kept;
	struct redactor *stream_redactor, *log_redactor;
	int stream_fd; /* -1: none */
	int64_t stream_bytes;
	char *own_output, *own_prompt; /* paths for the agent; NULL: none */
	struct str last_err, err_line; /* of stderr: the last whole line; the present one */
	pid_t pid; /* also its process group; 0 when it ended */
	int in, out_fd, err_fd, signals;
	size_t fed; /* bytes of the prompt */
	int64_t began_us, ended_us;
	int64_t usage_us, report_us, result_us, live_us; /* when each is due at the earliest */
	struct str usage_shown;
	bool changed; /* since the last report */
};

/* ---- files ---- */

static void warn_file(struct session *s, const char *path, const char *why)
{
	agent_warn(&s->agent, "%s: %s", path, why);
	(void)fprintf(stderr, "pawl-agent: %s: %s\n", path, why);
}

/* Masked, with temp and rename; a failure is a warning. */
static bool write_masked(struct session *s, const char *path, const char *text, size_t len)
{
	auto_str clean = STR_INIT;
	struct err err;
	redact_text(s->secrets, text, len, &clean);
	if (!fs_write(path, str_text(&clean), clean.len, 0600, &err))
		return true;
	warn_file(s, path, err.message);
	return false;
}

/* Without the disk's word for it, unlike fs_write(): the worker reads it, and it does so in this boot. */
static void write_output(const char *path, const struct str *json)
{
	auto_free char *temporary = xasprintf("%s.new", path);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool good = fd >= 0 && fs_write_all(fd, json->p, json->len);
	if (fd >= 0)
		(void)close(fd);
	if (!good || rename(temporary, path)) {
		(void)fprintf(stderr, "pawl-agent: %s: %s\n", path, strerror(errno));
		(void)unlink(temporary);
	}
}

/* What the agent itself wrote to its $PAWL_OUTPUT; NULL when it wrote nothing that is understood. */
static struct json *read_own(struct session *s)
{
	auto_free char *text = NULL;
	auto_str own = STR_INIT;
	struct json *v = NULL;
	size_t len;
	struct err err;
	if (!s->own_output || !fs_exists(s->own_output))
		return NULL;
	enum err_code code = fs_read(s->own_output, OUTPUTS_MAX, &text, &len, &err);
	if (!code)
		code = outputs_parse(text, len, &own, &err);
	if (!code)
		code = json_parse(own.p, own.len, 8 * OUTPUTS_MAX, &v, &err);
	if (code)
		agent_warn(&s->agent, "%s", err.message);
	return code ? NULL : v;
}

static void write_report(struct session *s, const char *usage, const struct json *own)
{
	const char *path = getenv("PAWL_OUTPUT");
	auto_str json = STR_INIT;
	if (!path)
		return;
	agent_add_output(&s->agent, &s->spec, &s->end, usage, own, OUTPUTS_MAX, &json);
	write_output(path, &json);
}

static void write_result(struct session *s, const char *usage)
{
	auto_str json = STR_INIT;
	if (!s->spec.result || s->end.result_lost)
		return;
	agent_add_result(&s->agent, &s->spec, &s->end, &s->out, &s->err_kept, usage, &json);
	s->end.result_lost = !write_masked(s, s->spec.result, json.p, json.len);
}

/* The last words: both files, once everything is known that belongs into them. */
static void write_end(struct session *s)
{
	auto_str usage = STR_INIT;
	auto_json *own = read_own(s);
	agent_add_usage_rows(&s->agent, &s->spec, &s->end, &usage);
	write_result(s, usage.p);
	write_report(s, usage.p, own);
}

static void open_stream(struct session *s)
{
	s->stream_fd = -1;
	if (!s->spec.stream)
		return;
	s->stream_fd = open(s->spec.stream, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->stream_fd >= 0)
		return;
	s->end.stream_lost = true;
	warn_file(s, s->spec.stream, strerror(errno));
}

static void write_stream(struct session *s, const struct str *clean)
{
	if (s->stream_fd < 0 || !clean->len)
		return;
	if (fs_write_all(s->stream_fd, clean->p, clean->len))
		return;
	warn_file(s, s->spec.stream, strerror(errno));
	s->end.stream_lost = true;
	(void)close(s->stream_fd);
	s->stream_fd = -1;
}

static void add_stream(struct session *s, const char *bytes, size_t len)
{
	auto_str clean = STR_INIT;
	if (s->stream_bytes > s->spec.max_stream)
		return;
	redact_feed(s->stream_redactor, bytes, len, &clean);
	s->stream_bytes += (int64_t)len;
	if (s->stream_bytes > s->spec.max_stream) {
		str_addf(&clean, "\n[TRUNCATED - exceeded %lld bytes]\n", (long long)s->spec.max_stream);
		agent_warn(&s->agent, _("more than %lld bytes of output; the rest of the raw lines is not kept"),
			   (long long)s->spec.max_stream);
	}
	write_stream(s, &clean);
}

/* ---- the transcript ---- */

/* The worker masks secrets, too; who starts this program by hand is as safe. */
static void flush_log(struct session *s)
{
	auto_str clean = STR_INIT;
	redact_feed(s->log_redactor, str_text(&s->agent.log), s->agent.log.len, &clean);
	str_clear(&s->agent.log);
	if (clean.len)
		(void)!fs_write_all(STDOUT_FILENO, clean.p, clean.len); /* nobody reads: the work goes on */
}

static void show_usage(struct session *s, int64_t now_us)
{
	auto_str text = STR_INIT;
	if (now_us < s->usage_us)
		return;
	agent_add_usage(&s->agent, &text);
	if (!text.len || (s->usage_shown.len && str_eq(s->usage_shown.p, text.p)))
		return;
	s->usage_us = now_us + USAGE_US;
	agent_say(&s->agent, MARK_USAGE, text.p, text.len);
	str_clear(&s->usage_shown);
	str_add(&s->usage_shown, text.p);
}

/* For whoever watches, and if this very process is lost. */
static void tell_live(struct session *s, int64_t now_us)
{
	int64_t cost;
	if (now_us < s->live_us)
		return;
	struct agent_tokens t = agent_total(&s->agent, &cost);
	struct agent_tokens in = t;
	in.output = UNKNOWN;
	live_tell(&(struct live_counts){ agent_tokens_sum(&in), t.output, cost });
	s->live_us = now_us + LIVE_US;
}

/* ---- the child ---- */

static bool make_pipe(int ends[2], struct err *err)
{
	if (pipe2(ends, O_CLOEXEC) == 0)
		return true;
	err_note_errno(err, ERR_IO, _("no pipe"));
	return false;
}

/* What the agent is to find in its environment, in place of ours. */
static void set_environment(struct session *s)
{
	const char *output = getenv("PAWL_OUTPUT");
	if (output) {
		s->own_output = xasprintf("%s.agent", output);
		(void)unlink(s->own_output);
	}
	if (s->spec.prompt_via != PROMPT_FILE)
		return;
	s->own_prompt = output ? xasprintf("%s.prompt", output) : xasprintf("/tmp/pawl-prompt-XXXXXX");
	int fd = output ? open(s->own_prompt, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : mkstemp(s->own_prompt);
	if (fd < 0 || !fs_write_all(fd, s->spec.prompt, strlen(s->spec.prompt)))
		warn_file(s, s->own_prompt, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
}

static char **child_environment(const struct session *s)
{
	size_t n = 0, k = 0;
	while (environ[n])
		n++;
	char **v = xcalloc(n + 3, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		if (!str_starts(environ[i], "PAWL_OUTPUT=") && !str_starts(environ[i], "PAWL_PROMPT_FILE="))
			v[k++] = xstrdup(environ[i]);
	if (s->own_output)
		v[k++] = xasprintf("PAWL_OUTPUT=%s", s->own_output);
	if (s->own_prompt)
		v[k++] = xasprintf("PAWL_PROMPT_FILE=%s", s->own_prompt);
	return v;
}

static int spawn_agent(struct session *s, int in, int out, int err_fd)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	char **env = child_environment(s);
	(void)sigemptyset(&none);
	(void)sigemptyset(&usual);
	(void)sigaddset(&usual, SIGPIPE);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawnattr_init(&attr);
	if (in >= 0)
		(void)posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	else
		(void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&files, err_fd, STDERR_FILENO);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &usual);
	int why = posix_spawnp(&s->pid, s->spec.argv[0], &files, &attr, (char *const *)(uintptr_t)s->spec.argv, env);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	for (size_t i = 0; env[i]; i++)
		free(env[i]);
	free(env);
	return why;
}

static enum err_code start_agent(struct session *s, struct err *err)
{
	int in[2] = { -1, -1 }, out[2], err_ends[2];
	bool with_stdin = s->spec.prompt_via == PROMPT_STDIN;
	set_environment(s);
	if (s->spec.prompt_via == PROMPT_ARGUMENT)
		s->spec.argv[s->spec.nargv] = s->spec.prompt; /* there is room */
	if (!make_pipe(out, err) || !make_pipe(err_ends, err) || (with_stdin && !make_pipe(in, err)))
		return ERR_IO;
	s->began_us = clock_mono_us();
	s->end.began_ms = clock_wall_ms();
	int why = spawn_agent(s, in[0], out[1], err_ends[1]);
	if (with_stdin)
		(void)close(in[0]);
	(void)close(out[1]);
	(void)close(err_ends[1]);
	s->in = in[1];
	s->out_fd = out[0];
	s->err_fd = err_ends[0];
	if (with_stdin)
		(void)fcntl(s->in, F_SETFL, O_NONBLOCK);
	errno = why;
	return why ? err_sys(err, ERR_NOT_FOUND, _("%s cannot be started"), s->spec.argv[0]) : ERR_OK;
}

/* ---- the loop ---- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* An agent that does not read its prompt to the end is free to do so. */
static void feed_prompt(struct session *s)
{
	size_t len = strlen(s->spec.prompt);
	ssize_t n = write(s->in, s->spec.prompt + s->fed, len - s->fed);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	s->fed += n > 0 ? (size_t)n : 0;
	if (n < 0 || s->fed == len)
		close_fd(&s->in);
}

static void take_stdout(struct session *s)
{
	static char bytes[READ_MAX];
	ssize_t n = read(s->out_fd, bytes, sizeof(bytes));
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		close_fd(&s->out_fd);
		return;
	}
	agent_keep(&s->out, bytes, (size_t)n);
	add_stream(s, bytes, (size_t)n);
	agent_feed(&s->agent, bytes, (size_t)n, clock_mono_us());
	s->changed = true;
}

/* The last line that says something, for the message of a crash. */
static void watch_stderr(struct session *s, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n') {
			if (s->err_line.len < STDERR_LINE_MAX)
				str_add_char(&s->err_line, bytes[i]);
			continue;
		}
		auto_str clean = STR_INIT;
		agent_strip(str_text(&s->err_line), s->err_line.len, &clean);
		str_clear(&s->err_line);
		if (!clean.len || strspn(clean.p, " \t") == clean.len)
			continue;
		str_clear(&s->last_err);
		str_add_len(&s->last_err, clean.p, clean.len);
	}
}

static void take_stderr(struct session *s)
{
	static char bytes[READ_MAX];
	ssize_t n = read(s->err_fd, bytes, sizeof(bytes));
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		close_fd(&s->err_fd);
		return;
	}
	agent_keep(&s->err_kept, bytes, (size_t)n);
	watch_stderr(s, bytes, (size_t)n);
	(void)!fs_write_all(STDERR_FILENO, bytes, (size_t)n); /* nobody reads: the work goes on */
}

static void reap(struct session *s)
{
	int status;
	if (s->pid == 0 || waitpid(s->pid, &status, WNOHANG) != s->pid)
		return;
	s->end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	s->end.exit_code = s->end.signal ? 128 + s->end.signal : WEXITSTATUS(status);
	s->pid = 0;
	s->ended_us = clock_mono_us();
}

static void take_signal(struct session *s)
{
	struct signalfd_siginfo info;
	if (read(s->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCHLD) {
		reap(s);
		return;
	}
	s->end.stopped = (int)info.ssi_signo;
	if (s->pid)
		(void)kill(-s->pid, s->end.stopped);
}

static bool is_over(const struct session *s, int64_t now_us)
{
	if (s->pid)
		return false;
	return (s->out_fd < 0 && s->err_fd < 0) || now_us >= s->ended_us + LINGER_US;
}

/* What is due now and then. */
static void tick(struct session *s, int64_t now_us)
{
	s->end.duration_ms = (now_us - s->began_us) / 1000;
	show_usage(s, now_us);
	tell_live(s, now_us);
	flush_log(s);
	bool report = s->changed && now_us >= s->report_us, result = now_us >= s->result_us;
	if (!report && !result)
		return;
	auto_str usage = STR_INIT;
	agent_add_usage_rows(&s->agent, &s->spec, &s->end, &usage);
	if (report) {
		write_report(s, usage.p, NULL);
		s->changed = false;
		s->report_us = clock_mono_us() + REPORT_US;
	}
	if (result) {
		write_result(s, usage.p);
		s->result_us = clock_mono_us() + RESULT_US;
	}
}

static void run_loop(struct session *s)
{
	for (int64_t now_us = clock_mono_us(); !is_over(s, now_us); now_us = clock_mono_us()) {
		struct pollfd fds[] = { { .fd = s->signals, .events = POLLIN },
					{ .fd = s->out_fd, .events = POLLIN },
					{ .fd = s->err_fd, .events = POLLIN },
					{ .fd = s->in, .events = POLLOUT } };
		int64_t due_us = s->pid ? now_us + REPORT_US : s->ended_us + LINGER_US;
		if (poll(fds, COUNT(fds), (int)((due_us - now_us) / 1000) + 1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents)
			take_signal(s);
		if (fds[1].revents)
			take_stdout(s);
		if (fds[2].revents)
			take_stderr(s);
		if (fds[3].revents)
			feed_prompt(s);
		tick(s, clock_mono_us());
	}
}

/* ---- begin and end ---- */

static int open_signals(void)
{
	sigset_t mask;
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGINT);
	(void)sigaddset(&mask, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The worker makes the folder of the log with its first line; these files may be earlier. */
static void make_folder(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	if (!slash || slash == path)
		return;
	auto_free char *folder = xstrndup(path, (size_t)(slash - path));
	if (!fs_exists(folder))
		(void)!fs_mkdirs(folder, 0700, NULL); /* who opens the file says what is wrong */
}

static void open_session(struct session *s)
{
	const struct agent_spec *spec = &s->spec;
	s->in = s->out_fd = s->err_fd = -1;
	s->secrets = redact_set_new(true);
	for (const struct json *v = json_first(spec->secrets); v; v = json_next(v)) {
		const char *value = json_str(v, "");
		if (*value)
			(void)redact_secret(s->secrets, value, strlen(value), NULL); /* too short: the loader has said so */
	}
	redact_compile(s->secrets);
	agent_init(&s->agent, spec->adapter);
	s->out = (struct agent_kept){ .redactor = redactor_new(s->secrets), .max = spec->max_stdout };
	s->err_kept = (struct agent_kept){ .redactor = redactor_new(s->secrets), .max = spec->max_stderr };
	s->stream_redactor = redactor_new(s->secrets);
	s->log_redactor = redactor_new(s->secrets);
	s->signals = open_signals();
	s->end.began_ms = clock_wall_ms();
	s->began_us = clock_mono_us();
	make_folder(spec->stream);
	make_folder(spec->result);
	make_folder(spec->prompt_file);
	open_stream(s);
	if (spec->prompt_file)
		(void)write_masked(s, spec->prompt_file, spec->prompt, strlen(spec->prompt));
}

static void end_streams(struct session *s)
{
	auto_str clean = STR_INIT;
	agent_feed_end(&s->agent, clock_mono_us());
	watch_stderr(s, "\n", 1);
	redact_flush(s->out.redactor, &s->out.bytes);
	redact_flush(s->err_kept.redactor, &s->err_kept.bytes);
	redact_flush(s->stream_redactor, &clean);
	write_stream(s, &clean);
	if (s->stream_fd >= 0 && fsync(s->stream_fd))
		warn_file(s, s->spec.stream, strerror(errno));
	close_fd(&s->stream_fd);
}

static void conclude(struct session *s)
{
	end_streams(s);
	s->end.duration_ms = (s->ended_us - s->began_us) / 1000;
	s->end.last_stderr = str_text(&s->last_err);
	agent_judge(&s->agent, &s->spec, &s->end);
	if (s->end.class != CLASS_NONE) {
		agent_tail(&s->out, s->secrets, TAIL_MAX, &s->end.out_tail);
		agent_tail(&s->err_kept, s->secrets, TAIL_MAX, &s->end.err_tail);
	}
	if (s->agent.row->structured && s->end.class == CLASS_NONE)
		agent_sayf(&s->agent, MARK_NOTE, "%s", _("the agent succeeded"));
	else if (s->end.class != CLASS_NONE)
		agent_say(&s->agent, MARK_ERROR, s->end.message.p, s->end.message.len);
	write_end(s);
	show_usage(s, INT64_MAX - USAGE_US); /* with the price */
	flush_log(s);
	auto_str rest = STR_INIT;
	redact_flush(s->log_redactor, &rest);
	(void)!fs_write_all(STDOUT_FILENO, str_text(&rest), rest.len); /* nobody reads: nothing can be done */
}

static void close_session(struct session *s)
{
	if (s->own_output)
		(void)unlink(s->own_output);
	if (s->own_prompt)
		(void)unlink(s->own_prompt);
	free(s->own_output);
	free(s->own_prompt);
	close_fd(&s->in);
	close_fd(&s->out_fd);
	close_fd(&s->err_fd);
	close_fd(&s->signals);
	agent_kept_done(&s->out);
	agent_kept_done(&s->err_kept);
	str_done(&s->end.out_tail);
	str_done(&s->end.err_tail);
	redactor_free(s->stream_redactor);
	redactor_free(s->log_redactor);
	redact_set_free(s->secrets);
	str_done(&s->end.message);
	str_done(&s->last_err);
	str_done(&s->err_line);
	str_done(&s->usage_shown);
	agent_done(&s->agent);
	agent_spec_done(&s->spec);
}

static enum err_code read_stdin(struct str *text, struct err *err)
{
	for (;;) {
		str_reserve(text, READ_MAX);
		ssize_t n = read(STDIN_FILENO, text->p + text->len, READ_MAX);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read the spec"));
		if (n == 0)
			return ERR_OK;
		text->len += (size_t)n;
		if (text->len > AGENT_SPEC_MAX)
			return err_set(err, ERR_TOO_LARGE, _("the spec is larger than %d bytes"), AGENT_SPEC_MAX);
	}
}

/* The agent never ran. */
static void fail_start(struct session *s, const struct err *err)
{
	s->ended_us = clock_mono_us();
	end_streams(s);
	s->end.ended = true;
	s->end.exit_code = EXIT_SPAWN;
	s->end.class = CLASS_SPAWN;
	str_add(&s->end.message, err->message);
	(void)fprintf(stderr, "pawl-agent: %s\n", err->message);
	write_end(s);
}

int main(int argc, char **argv UNUSED)
{
	struct session s = { 0 };
	struct err err;
	if (argc != 1) {
		(void)fputs("usage: pawl-agent < SPEC.json\nThe worker starts it for a node of kind agent.\n", stderr);
		return 2;
	}
	auto_str text = STR_INIT;
	if (read_stdin(&text, &err) || agent_spec_parse(str_text(&text), text.len, &s.spec, &err)) {
		(void)fprintf(stderr, "pawl-agent: %s\n", err.message);
		return 2;
	}
	open_session(&s);
	if (start_agent(&s, &err)) {
		fail_start(&s, &err);
	} else {
		run_loop(&s);
		conclude(&s);
	}
	int code = s.end.class == CLASS_NONE ? 0 : s.end.exit_code ? s.end.exit_code : 1;
	close_session(&s);
	return code;
}
