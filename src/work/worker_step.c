/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One step: started by START, ended when its process and everything below it are gone. Whatever the step
 * leaves behind is found because the worker is the sub-reaper of all of it: as long as wait() knows a
 * child, somebody is left. */
#include "work/worker.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "work/cgroup.h"
#include "work/live.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STARTED_US (10 * MS)   /* shorter steps are not told as started */
#define PROGRESS_US (250 * MS)
#define LIVE_US (500 * MS)
#define LINGER_US (200 * MS)   /* a pipeline's last process may outlive the first by so much */
#define LEFTOVER_GRACE_US (2000 * MS)
#define KILL_AGAIN_US (100 * MS)
#define GIVE_UP_US (10000 * MS) /* leftovers that not even SIGKILL ends */
#define SCANS_MAX 50
#define TAIL_SHORT (4 * KIB)
#define TAIL_LONG (64 * KIB)

/* ---- signals to all of the step ---- */

/* Send a signal once to every process of the step, those included that are forked meanwhile. */
static int signal_all(int signal)
{
	struct proc_list told = { 0 };
	for (int scan = 0; scan < SCANS_MAX; scan++) {
		struct proc_list now;
		size_t before = told.n;
		proc_descendants(getpid(), &now);
		for (size_t i = 0; i < now.n; i++) {
			bool known = false;
			for (size_t k = 0; k < before && !known; k++)
				known = told.v[k].pid == now.v[i].pid && told.v[k].start == now.v[i].start;
			if (known || kill(now.v[i].pid, signal))
				continue;
			GROW(told.v, told.n, told.cap);
			told.v[told.n++] = now.v[i];
		}
		proc_list_done(&now);
		if (told.n == before)
			break;
	}
	int count = (int)told.n;
	proc_list_done(&told);
	return count;
}

static void freeze(struct step *s)
{
	if (s->frozen)
		return;
	(void)signal_all(SIGSTOP);
	s->frozen = true;
	s->frozen_at_us = clock_mono_us();
}

static void thaw(struct step *s)
{
	if (!s->frozen)
		return;
	(void)signal_all(SIGCONT);
	s->frozen = false;
	s->frozen_us += clock_mono_us() - s->frozen_at_us;
}

static void enter_kill(struct worker *w)
{
	struct step *s = &w->step;
	if (w->cgroup)
		cgroup_kill(w->cgroup);
	if (!s->ended)
		(void)kill(-s->pid, SIGKILL);
	(void)signal_all(SIGKILL);
	s->stage = STAGE_KILL;
	s->stage_us = clock_mono_us() + KILL_AGAIN_US;
}

static void enter_term(struct step *s, int64_t grace_us)
{
	(void)signal_all(SIGTERM);
	thaw(s); /* a stopped process sees the signal when it goes on */
	s->stage = STAGE_TERM;
	s->stage_us = clock_mono_us() + grace_us;
}

/* End the step for a reason; a second call does not wait any longer. */
static void stop(struct worker *w, enum stop_reason reason, int64_t grace_ms)
{
	struct step *s = &w->step;
	if (s->reason == STOP_NONE && !s->ended)
		s->reason = reason;
	if (s->stage == STAGE_RUN && grace_ms > 0)
		enter_term(s, grace_ms * MS);
	else
		enter_kill(w);
}

void step_signal(struct worker *w, enum step_signal signal, int64_t grace_ms)
{
	struct step *s = &w->step;
	switch (signal) {
	case STEP_CANCEL:
		stop(w, STOP_CANCEL, grace_ms);
		break;
	case STEP_KILL:
		stop(w, STOP_CANCEL, 0);
		break;
	case STEP_FREEZE:
		freeze(s);
		break;
	case STEP_THAW:
		thaw(s);
		break;
	}
}

void step_forget(struct worker *w)
{
	w->step.forget = true;
	stop(w, STOP_CANCEL, 0);
}

/* ---- the result ---- */

void result_done(struct kept_result *kept)
{
	str_done(&kept->outputs);
	str_done(&kept->message);
	free(kept->tail);
	*kept = (struct kept_result){ 0 };
}

static void step_free(struct step *s)
{
	if (s->output_path)
		(void)unlink(s->output_path); /* mostly not there */
	if (s->start.spec.live)
		live_remove(s->output_path);
	if (s->script_path)
		(void)unlink(s->script_path);
	free(s->output_path);
	free(s->script_path);
	proto_done(&s->start);
	*s = (struct step){ 0 };
}

/* Everything but the texts' addresses, which link_result() sets. */
static void conclude(struct worker *w)
{
	struct step *s = &w->step;
	struct kept_result *kept = &w->result;
	if (kept->message.len && s->start.spec.secrets && s->start.spec.secrets[0]) {
		auto_str clean = STR_INIT;
		capture_redact(&s->capture, kept->message.p, kept->message.len, &clean);
		struct str swap = kept->message;
		kept->message = clean;
		clean = swap;
	}
	kept->r.key = s->start.spec.key;
	kept->r.started_ms = s->started_ms;
	kept->r.ended_ms = clock_wall_ms();
	if (s->capture.sync)
		sync_later(&w->sync, s->start.spec.log_path);
	bool forget = s->forget;
	step_free(s);
	w->phase = forget ? WORKER_IDLE : WORKER_DONE;
	if (forget) {
		result_done(kept);
		link_hello(w); /* it can take another one */
	} else {
		link_result(w);
	}
}

static void fail_outputs(struct kept_result *kept, const char *why)
{
	if (kept->r.class != CLASS_NONE)
		return;
	kept->r.class = CLASS_OUTPUT;
	str_add(&kept->message, why);
}

static void unreadable_outputs(struct kept_result *kept)
{
	auto_free char *why = xasprintf(_("$PAWL_OUTPUT is not a file that can be read: %s"), strerror(errno));
	fail_outputs(kept, why);
}

/* Take the file that the step wrote to $PAWL_OUTPUT, if it did. */
static void take_outputs(struct step *s, struct kept_result *kept)
{
	struct stat st;
	int fd = open(s->output_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		if (errno != ENOENT)
			unreadable_outputs(kept);
		return;
	}
	auto_free char *bytes = NULL;
	size_t len = 0;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		fail_outputs(kept, _("$PAWL_OUTPUT is not a plain file"));
	} else if (st.st_size > OUTPUTS_MAX) {
		auto_free char *why = xasprintf(_("$PAWL_OUTPUT has %lld bytes; at most %d are taken"),
						(long long)st.st_size, OUTPUTS_MAX);
		fail_outputs(kept, why);
	} else {
		bytes = xmalloc((size_t)st.st_size);
		ssize_t n = 0;
		while (len < (size_t)st.st_size &&
		       (n = read(fd, bytes + len, (size_t)st.st_size - len)) > 0)
			len += (size_t)n;
		if (n < 0)
			unreadable_outputs(kept);
		capture_redact(&s->capture, bytes, len, &kept->outputs);
		str_reserve(&kept->outputs, 0); /* present, though it may be empty */
		kept->outputs.p[kept->outputs.len] = '\0';
	}
	(void)close(fd);
}

/* POSIX shells report a command that a signal ended as 128 + the signal. */
static bool is_shell(const struct step_spec *spec)
{
	static const char *const shells[] = { "sh", "bash", "dash", "ash", "ksh", "zsh" };
	const char *slash = strrchr(spec->argv[0], '/'), *name = slash ? slash + 1 : spec->argv[0];
	for (size_t i = 0; i < COUNT(shells); i++)
		if (str_eq(name, shells[i]))
			return spec->script != NULL;
	return spec->plain;
}

static void judge_status(const struct step *s, struct kept_result *kept)
{
	struct step_result *r = &kept->r;
	if (WIFSIGNALED(s->status)) {
		r->signal = WTERMSIG(s->status);
		r->exit_code = 128 + r->signal;
	} else {
		r->exit_code = WEXITSTATUS(s->status);
		if (is_shell(&s->start.spec) && r->exit_code > 128 && sigabbrev_np(r->exit_code - 128))
			r->signal = r->exit_code - 128;
	}
	r->class = r->signal ? CLASS_SIGNAL : r->exit_code ? CLASS_EXIT : CLASS_NONE;
}

static void add_signal(struct str *s, int signal)
{
	const char *name = sigabbrev_np(signal);
	if (name)
		str_addf(s, "SIG%s (%s)", name, sigdescr_np(signal));
	else
		str_addf(s, _("signal %d"), signal);
}

static void add_signal_end(const struct step *s, struct kept_result *kept)
{
	if (WIFSIGNALED(s->status))
		str_add(&kept->message, _("ended by "));
	else
		str_addf(&kept->message, _("exit code %d: a command was ended by "), kept->r.exit_code);
	add_signal(&kept->message, kept->r.signal);
}

static void describe_end(const struct step *s, struct kept_result *kept)
{
	const struct step_spec *spec = &s->start.spec;
	struct step_result *r = &kept->r;
	if (r->signal == SIGXCPU && spec->cpu_s)
		str_addf(&kept->message, _("used up its %" PRId64 " s of processor time (SIGXCPU)"), spec->cpu_s);
	else if (r->signal == SIGXFSZ && spec->file_bytes)
		str_addf(&kept->message, _("wrote a file larger than its limit of %" PRId64 " bytes (SIGXFSZ)"),
			 spec->file_bytes);
	else if (r->signal)
		add_signal_end(s, kept);
	else if (r->exit_code == 127 && is_shell(spec))
		str_add(&kept->message, _("exit code 127: a command was not found"));
	else if (r->exit_code == 126 && is_shell(spec))
		str_add(&kept->message, _("exit code 126: a command could not be executed"));
	else if (r->exit_code)
		str_addf(&kept->message, _("exit code %d"), r->exit_code);
}

static void judge(struct step *s, struct kept_result *kept)
{
	judge_status(s, kept);
	if (s->reason == STOP_TIMEOUT) {
		kept->r.class = CLASS_TIMEOUT;
		str_add(&kept->message, _("ran longer than its time limit of "));
		duration_add(&kept->message, s->start.spec.timeout_ms);
	} else if (s->reason == STOP_CANCEL) {
		kept->r.class = CLASS_CANCELED;
		str_add(&kept->message, _("canceled while it ran"));
	} else {
		describe_end(s, kept);
	}
}

static void finish(struct worker *w)
{
	struct step *s = &w->step;
	struct kept_result *kept = &w->result;
	thaw(s);
	capture_drain(&s->capture);
	judge(s, kept);
	take_outputs(s, kept);
	if (s->leftover) {
		auto_free char *note = xasprintf(ngettext("%d process that was left in the background was ended",
							  "%d processes that were left in the background were ended",
							  (unsigned long)s->leftover), s->leftover);
		capture_note(&s->capture, note);
	}
	kept->r.frozen_ms = s->frozen_us / MS;
	kept->r.cpu_us = s->cpu_us;
	kept->r.rss_kib = s->rss_kib;
	kept->r.leftover = s->leftover;
	kept->r.disk_bytes = s->start.spec.measure ? fs_disk_used(s->start.spec.measure) : 0;
	size_t tail_max = s->start.spec.want_tail ? TAIL_LONG : kept->r.class == CLASS_NONE ? 0 : TAIL_SHORT;
	capture_close(&s->capture, &kept->r, tail_max, &kept->tail);
	conclude(w);
}

static void finish_unstarted(struct worker *w, enum error_class class)
{
	w->result.r.class = class;
	w->result.r.exit_code = -1;
	if (w->step.capture.out.fd >= 0)
		capture_close(&w->step.capture, &w->result.r, 0, &w->result.tail);
	conclude(w);
}

/* ---- the start ---- */

/* Names that a shell sets or drops by itself: with one of them in the environment a command sees
 * another one under a shell than without it. */
static bool env_is_plain(const struct step_spec *spec)
{
	static const char *const touched[] = { "IFS=", "OPTIND=", "PPID=", "PS1=", "PS2=", "PS4=",
					       "LINENO=", "OLDPWD=", "_=" };
	for (const char *const *e = spec->env; e && *e; e++) {
		const char *p = *e;
		if ((*p < 'A' || *p > 'Z') && (*p < 'a' || *p > 'z') && *p != '_')
			return false;
		while ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') || *p == '_' ||
		       (*p >= '0' && *p <= '9'))
			p++;
		if (*p != '=')
			return false;
		for (size_t i = 0; i < COUNT(touched); i++)
			if (str_starts(*e, touched[i]))
				return false;
	}
	const char *pwd = exec_env(spec->env, "PWD");
	return exec_env(spec->env, "PATH") && (!pwd || (spec->cwd && str_eq(pwd, spec->cwd)));
}

/* The step's environment with the two variables of the worker; the array is the caller's to free. */
static const char **make_env(struct worker *w, struct str *texts)
{
	static const char *const own[] = { "PAWL_OUTPUT=", STEP_MARK "=" };
	struct step *s = &w->step;
	size_t n = 0, token_at;
	str_add(texts, own[0]);
	str_add_len(texts, s->output_path, strlen(s->output_path) + 1);
	token_at = texts->len;
	str_add(texts, own[1]);
	step_token(texts, w->home, s->start.spec.key.token);
	for (const char *const *e = s->start.spec.env; e && *e; e++)
		n++;
	const char **env = xcalloc(n + 3, sizeof(*env));
	n = 0;
	for (const char *const *e = s->start.spec.env; e && *e; e++)
		if (!str_starts(*e, own[0]) && !str_starts(*e, own[1]))
			env[n++] = *e;
	env[n++] = texts->p;
	env[n++] = texts->p + token_at;
	return env;
}

/* The argument list with the script behind it, or the shell's own for a plain command. */
static const char **make_argv(const struct step *s, bool shell)
{
	static const char *const sh[] = { "sh", "-eu", "-c", NULL };
	const struct step_spec *spec = &s->start.spec;
	const char *const *words = spec->plain && shell ? sh : spec->argv;
	const char *last = s->script_path ? s->script_path : spec->script;
	size_t n = 0;
	while (words[n])
		n++;
	const char **argv = xcalloc(n + 2, sizeof(*argv));
	for (size_t i = 0; i < n; i++)
		argv[i] = words[i];
	if (last && (shell || !spec->plain))
		argv[n] = last;
	return argv;
}

static void add_limit(struct exec_plan *plan, int what, int64_t soft, int64_t more)
{
	struct rlimit now;
	if (soft <= 0)
		return;
	int64_t hard = soft + more;
	if (getrlimit(what, &now) == 0 && now.rlim_max != RLIM_INFINITY && (int64_t)now.rlim_max < hard)
		hard = (int64_t)now.rlim_max; /* nobody can raise it without being root */
	plan->limits[plan->nlimits++] = (struct limit){ what, MIN(soft, hard), hard };
}

static void add_limits(struct exec_plan *plan, const struct step_spec *spec)
{
	/* Writable private memory: address space alone is reserved freely by many runtimes. */
	add_limit(plan, RLIMIT_DATA, spec->memory_bytes, 0);
	add_limit(plan, RLIMIT_CPU, spec->cpu_s, 5); /* XCPU first, KILL five seconds later */
	add_limit(plan, RLIMIT_FSIZE, spec->file_bytes, 0);
	add_limit(plan, RLIMIT_NOFILE, spec->open_files, 0);
	add_limit(plan, RLIMIT_NPROC, spec->processes, 0);
}

static int make_stdin(const struct step_spec *spec)
{
	if (!spec->stdin_bytes)
		return -1;
	int fd = memfd_create("pawl-stdin", MFD_CLOEXEC);
	if (fd < 0 || (fs_write_all(fd, spec->stdin_bytes, spec->stdin_len) && lseek(fd, 0, SEEK_SET) == 0))
		return fd;
	(void)close(fd);
	return -1;
}

static bool write_script(struct worker *w)
{
	struct step *s = &w->step;
	s->script_path = xasprintf("%s/%" PRId64 ".script", w->folder, s->start.spec.key.token);
	int fd = open(s->script_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	bool good = fs_write_all(fd, s->start.spec.script, strlen(s->start.spec.script));
	return close(fd) == 0 && good;
}

static enum error_class describe_fault(const struct step_spec *spec, const struct exec_fault *fault,
				       struct str *message)
{
	const char *why = strerror(fault->why);
	switch (fault->stage) {
	case EXEC_FORK:
		str_addf(message, _("no process could be started: %s"), why);
		return CLASS_SYSTEM;
	case EXEC_CWD:
		str_addf(message, _("cannot work in the folder %s: %s"), spec->cwd, why);
		return CLASS_SPAWN;
	case EXEC_LIMIT:
		str_addf(message, _("the limits of the step cannot be set: %s"), why);
		return CLASS_SPAWN;
	case EXEC_PROGRAM:
		break;
	}
	if (fault->why == ENOENT && !strchr(spec->argv[0], '/'))
		str_addf(message, _("there is no program %s in PATH"), spec->argv[0]);
	else if (fault->why == ENOEXEC)
		str_addf(message, _("%s is no program: a script begins with #! and its interpreter"),
			 spec->argv[0]);
	else
		str_addf(message, _("cannot execute %s: %s"), spec->argv[0], why);
	return fault->why == ENOMEM || fault->why == EAGAIN || fault->why == EMFILE ||
			       fault->why == ENFILE ?
		       CLASS_SYSTEM :
		       CLASS_SPAWN;
}

/* Execute; a plain command first by itself, then, if that fails, through the shell, which says why. */
static bool execute(struct worker *w, struct exec_fault *ret_fault)
{
	struct step *s = &w->step;
	const struct step_spec *spec = &s->start.spec;
	auto_str texts = STR_INIT;
	auto_free const char **env = make_env(w, &texts);
	struct exec_plan plan = { .env = env, .cwd = spec->cwd, .mask = spec->umask,
				  .cgroup_fd = w->cgroup_fd,
				  .out = s->capture.out.write_fd, .err = s->capture.err.write_fd };
	add_limits(&plan, spec);
	plan.in = make_stdin(spec);
	if (plan.in < 0 && spec->stdin_bytes) {
		*ret_fault = (struct exec_fault){ EXEC_FORK, errno };
		return false;
	}
	bool shell = !spec->plain || !env_is_plain(spec);
	auto_free const char **argv = make_argv(s, shell);
	plan.argv = argv;
	s->pid = exec_start(&plan, ret_fault);
	if (s->pid < 0 && !shell && ret_fault->stage == EXEC_PROGRAM) {
		auto_free const char **shell_argv = make_argv(s, true);
		plan.argv = shell_argv;
		s->pid = exec_start(&plan, ret_fault);
	}
	if (plan.in >= 0)
		(void)close(plan.in);
	return s->pid > 0;
}

void step_start(struct worker *w, struct proto_message *m)
{
	struct step *s = &w->step;
	struct exec_fault fault = { EXEC_FORK, 0 };
	*s = (struct step){ .start = *m, .stage_us = NEVER, .progress_us = NEVER, .live_us = NEVER };
	*m = (struct proto_message){ 0 };
	const struct step_spec *spec = &s->start.spec;
	s->capture.out.fd = s->capture.err.fd = -1;
	s->started_ms = clock_wall_ms();
	s->output_path = xasprintf("%s/%" PRId64, w->folder, spec->key.token);
	w->phase = WORKER_BUSY;
	w->result_wanted = w->result_sent = w->result_recorded = false;
	if (!spec->argv || !spec->log_path) {
		str_add(&w->result.message, _("the engine sent a step without a command or a log"));
		finish_unstarted(w, CLASS_SYSTEM);
		return;
	}
	if ((spec->script_file && spec->script && !write_script(w)) ||
	    !capture_open(&s->capture, spec, &w->cache)) {
		str_addf(&w->result.message, _("the step could not be prepared: %s"), strerror(errno));
		finish_unstarted(w, CLASS_SYSTEM);
		return;
	}
	s->began_us = clock_mono_us();
	if (spec->live)
		s->live_us = s->began_us + LIVE_US;
	if (!execute(w, &fault))
		finish_unstarted(w, describe_fault(spec, &fault, &w->result.message));
}

/* ---- while it runs ---- */

void step_reap(struct worker *w)
{
	struct step *s = &w->step;
	struct rusage usage;
	int status;
	pid_t pid;
	while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
		s->cpu_us += (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
			     usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
		s->rss_kib = MAX(s->rss_kib, (int64_t)usage.ru_maxrss);
		if (pid != s->pid || s->ended)
			continue;
		s->ended = true;
		s->status = status;
	}
	if (w->phase != WORKER_BUSY || !s->ended)
		return;
	if (pid < 0) { /* ECHILD: nobody is left */
		finish(w);
		return;
	}
	if (!s->ended_us) {
		s->ended_us = clock_mono_us();
		if (s->stage == STAGE_RUN)
			s->stage_us = s->ended_us + LINGER_US;
	}
}

static int64_t deadline_us(const struct step *s)
{
	if (s->start.spec.timeout_ms <= 0 || s->frozen || s->ended || s->reason != STOP_NONE)
		return NEVER;
	return s->began_us + s->start.spec.timeout_ms * MS + s->frozen_us;
}

static void tell_started(struct worker *w)
{
	struct step *s = &w->step;
	s->started_told = true;
	s->start_time = proc_start_time(s->pid);
	link_send(w, &(struct proto_message){ .type = MSG_STARTED, .key = s->start.spec.key,
					      .pid = s->pid, .start_time = s->start_time });
}

static void tell_progress(struct worker *w, int64_t now_us)
{
	struct step *s = &w->step;
	struct log_totals totals = { 0 };
	if (s->capture.log)
		log_totals(s->capture.log, &totals);
	s->progress_us = NEVER;
	s->progress_next_us = now_us + PROGRESS_US;
	link_send(w, &(struct proto_message){ .type = MSG_PROGRESS, .key = s->start.spec.key,
					      .bytes = totals.bytes, .lines = totals.lines, .live = s->live });
}

/* What changed goes with the next progress. */
static void look_at_live(struct step *s, int64_t now_us)
{
	struct live_counts c;
	s->live_us = now_us + LIVE_US;
	if (!live_read(s->output_path, &c) || memcmp(&c, &s->live, sizeof(c)) == 0)
		return;
	s->live = c;
	if (s->progress_us == NEVER)
		s->progress_us = MAX(now_us, s->progress_next_us);
}

/* The next stage of ending: TERM → KILL → KILL again; or, for what is left in the background, all of it. */
static void next_stage(struct worker *w, int64_t now_us)
{
	struct step *s = &w->step;
	if (s->stage == STAGE_RUN) {
		s->leftover = signal_all(SIGTERM);
		s->stage = STAGE_TERM;
		s->stage_us = now_us + MIN(s->start.spec.grace_ms * MS, LEFTOVER_GRACE_US);
		return;
	}
	enter_kill(w);
	if (s->ended && now_us - s->ended_us > s->start.spec.grace_ms * MS + GIVE_UP_US) {
		/* They hang in the kernel. The step is over; a fresh worker takes the next one. */
		w->leaving = true;
		finish(w);
	}
}

void step_tick(struct worker *w, int64_t now_us)
{
	struct step *s = &w->step;
	if (w->phase != WORKER_BUSY)
		return;
	if (s->capture.flush_us <= now_us) {
		capture_flush(&s->capture);
		if (s->progress_us == NEVER)
			s->progress_us = MAX(now_us, s->progress_next_us);
	}
	if (s->live_us <= now_us)
		look_at_live(s, now_us);
	if (s->progress_us <= now_us)
		tell_progress(w, now_us);
	if (!s->started_told && s->began_us + STARTED_US <= now_us)
		tell_started(w);
	if (deadline_us(s) <= now_us) {
		auto_str note = STR_INIT;
		str_add(&note, _("the time limit is reached: "));
		duration_add(&note, s->start.spec.timeout_ms);
		capture_note(&s->capture, note.p);
		stop(w, STOP_TIMEOUT, s->start.spec.grace_ms);
	}
	if (s->stage_us <= now_us && !s->frozen)
		next_stage(w, now_us);
}

int64_t step_due_us(const struct worker *w)
{
	const struct step *s = &w->step;
	if (w->phase != WORKER_BUSY)
		return NEVER;
	int64_t due = MIN(s->capture.flush_us, s->progress_us);
	due = MIN(due, s->live_us);
	if (!s->started_told)
		due = MIN(due, s->began_us + STARTED_US);
	if (!s->frozen)
		due = MIN(due, s->stage_us);
	return MIN(due, deadline_us(s));
}
