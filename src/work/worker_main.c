/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl-worker --home DIR: owns one step at a time on behalf of the engine at DIR/worker.sock, and outlives
 * it. Small and long-lived: it exists before the step does, and keeps what the step needs (its folder, its
 * signals, its place in no session) ready. See worker.h for its files. */
#include "work/worker.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/fs.h"
#include "base/proc.h"
#include "work/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Nothing of whoever started us stays open or set, so nothing of it can reach a step. */
static bool shed_inheritance(void)
{
	int null = open("/dev/null", O_RDWR);
	if (null < 0)
		return false;
	while (null < 2 && null >= 0) /* 0, 1 and 2 exist from here on */
		null = dup(null);
	if (null < 0 || dup2(null, 0) < 0 || close_range(3, ~0U, 0))
		return false;
	/* By the kernel's own call, since libc keeps two signals to itself, which may be inherited ignored. */
	static const unsigned long as_default[4]; /* struct kernel_sigaction: SIG_DFL, no flags, empty mask */
	for (int number = 1; number <= SIGRTMAX; number++)
		(void)syscall(SYS_rt_sigaction, number, as_default, NULL, 8UL); /* not all can be changed */
	(void)setsid(); /* fails if we lead a session already */
	/* A core file of a step holds its secrets. Both can only fail for a limit of the kernel. */
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	(void)prctl(PR_SET_DUMPABLE, 0);
	return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

static bool block_signals(struct worker *w)
{
	sigset_t all;
	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL))
		return false;
	w->signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->signal_fd >= 0;
}

static enum err_code make_folder(struct worker *w, struct err *err)
{
	w->folder = xasprintf("%s/spool/w%ld", w->home, (long)getpid());
	enum err_code code = fs_rmtree(w->folder, err); /* of an earlier process with this pid */
	return code ? code : fs_mkdirs(w->folder, 0700, err);
}

/* The engine finds the group through the link, should we be killed. */
static void open_cgroup(struct worker *w)
{
	w->cgroup_fd = -1;
	if (!cgroup_make(getpid(), &w->cgroup, &w->cgroup_fd))
		return;
	auto_free char *link = xasprintf("%s/cgroup", w->folder);
	(void)!symlink(w->cgroup, link); /* if not, sessions and marks have to do */
}

static void take_signals(struct worker *w, bool *ret_child)
{
	struct signalfd_siginfo info[8];
	ssize_t n = read(w->signal_fd, info, sizeof(info));
	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(info[0]); i++) {
		if (info[i].ssi_signo == SIGCHLD)
			*ret_child = true;
		else if (info[i].ssi_signo == SIGTERM || info[i].ssi_signo == SIGINT)
			w->leaving = true; /* when the step has ended: it is not ours to kill */
	}
}

static int wait_ms(const struct worker *w, int64_t now_us)
{
	int64_t due = MIN(step_due_us(w), link_due_us(w));
	due = MIN(due, w->sync.due_us);
	if (due == NEVER)
		return -1;
	return due <= now_us ? 0 : (int)MIN((due - now_us + MS - 1) / MS, INT64_C(3600000));
}

static void turn(struct worker *w)
{
	struct capture *c = &w->step.capture;
	bool busy = w->phase == WORKER_BUSY, child = false;
	bool unsent = w->phase == WORKER_DONE && w->result_wanted && !w->result_sent;
	struct pollfd fds[] = {
		{ .fd = w->signal_fd, .events = POLLIN },
		{ .fd = w->fd, .events = (short)(POLLIN | (unsent ? POLLOUT : 0)) },
		{ .fd = busy ? c->out.fd : -1, .events = POLLIN },
		{ .fd = busy ? c->err.fd : -1, .events = POLLIN },
	};
	if (poll(fds, COUNT(fds), wait_ms(w, clock_mono_us())) < 0)
		return;
	if (fds[2].revents)
		(void)capture_pump(c, &c->out);
	if (fds[3].revents)
		(void)capture_pump(c, &c->err);
	if (fds[0].revents)
		take_signals(w, &child);
	if (child)
		step_reap(w);
	if (fds[1].revents & POLLOUT)
		link_send_result(w);
	if (fds[1].revents & ~POLLOUT && w->fd == fds[1].fd)
		link_receive(w);
	int64_t now_us = clock_mono_us();
	step_tick(w, now_us);
	link_tick(w, now_us);
	if (w->sync.due_us <= now_us)
		sync_all(&w->sync);
}

static int usage(void)
{
	(void)fputs("usage: pawl-worker --home DIR\n"
		    "The engine starts it; there is nothing to be done with it by hand.\n",
		    stderr);
	return 2;
}

int main(int argc, char **argv)
{
	if (argc != 3 || !str_eq(argv[1], "--home") || argv[2][0] != '/')
		return usage();
	struct worker w = { .home = argv[2], .fd = -1, .signal_fd = -1, .record_us = NEVER, .sync.due_us = NEVER };
	struct err err;
	diag_open(2, DIAG_INFO, false, "pawl-worker");
	if (!shed_inheritance() || !block_signals(&w)) {
		diag(DIAG_ERROR, "cannot start: %s", strerror(errno));
		return 1;
	}
	w.self_start = proc_start_time(getpid());
	w.lonely_us = clock_mono_us();
	link_connect(&w, w.lonely_us);
	if (make_folder(&w, &err)) {
		diag(DIAG_ERROR, "cannot start: %s", err.message);
		return 1;
	}
	open_cgroup(&w);
	while (!w.done)
		turn(&w);
	sync_all(&w.sync);
	if (w.cgroup)
		(void)rmdir(w.cgroup);
	free(w.cgroup);
	(void)!fs_rmtree(w.folder, NULL); /* what stays is removed with the next start under this pid */
	free(w.folder);
	redact_set_free(w.cache.set);
	str_done(&w.cache.key);
	return 0;
}
