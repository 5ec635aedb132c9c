/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The child between vfork and exec. vfork and these few calls are what posix_spawn does without its sixty
 * sigaction calls: all signals of the worker are blocked and as by default, so there is nothing to reset.
 * The child runs in the worker's memory until exec, so it only makes system calls and writes to its
 * own stack and to `struct child`. */
#include "work/worker.h"

#include <errno.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

struct child {
	const struct exec_plan *plan;
	const char *path; /* $PATH of the step */
	sigset_t none;
	struct exec_fault fault;
};

const char *exec_env(const char *const *env, const char *name)
{
	size_t len = strlen(name);
	for (; env && *env; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

static void try_exec(const struct exec_plan *plan, const char *path)
{
	/* exec does not write to its arguments; its prototype is older than const. */
	(void)execve(path, (char *const *)(uintptr_t)plan->argv, (char *const *)(uintptr_t)plan->env);
}

/* Search $PATH as a shell does: what is not there or not allowed is passed over, the first other fault
 * ends the search. Returns errno. */
static int exec_program(const struct child *child)
{
	const char *name = child->plan->argv[0];
	if (strchr(name, '/')) {
		try_exec(child->plan, name);
		return errno;
	}
	char path[PATH_MAX];
	size_t name_len = strlen(name);
	int why = ENOENT;
	for (const char *at = child->path;; at++) {
		const char *end = strchrnul(at, ':');
		size_t len = (size_t)(end - at);
		if (len + name_len + 2 <= sizeof(path)) {
			memcpy(path, at, len);
			if (len)
				path[len++] = '/';
			memcpy(path + len, name, name_len + 1);
			try_exec(child->plan, path);
			if (errno == EACCES)
				why = EACCES;
			else if (errno != ENOENT && errno != ENOTDIR)
				return errno;
		}
		at = end;
		if (!*at)
			return why;
	}
}

static NORETURN void fail(struct child *child, enum exec_stage stage, int why)
{
	child->fault = (struct exec_fault){ stage, why };
	_exit(127);
}

static NORETURN void run_child(struct child *child)
{
	const struct exec_plan *plan = child->plan;
	(void)setsid(); /* cannot fail in a new process */
	if ((plan->in >= 0 && dup2(plan->in, 0) < 0) || dup2(plan->out, 1) < 0 || dup2(plan->err, 2) < 0)
		fail(child, EXEC_FORK, errno);
	if (plan->cwd && chdir(plan->cwd))
		fail(child, EXEC_CWD, errno);
	if (plan->mask >= 0)
		(void)umask((mode_t)plan->mask);
	for (size_t i = 0; i < plan->nlimits; i++) {
		struct rlimit limit = { (rlim_t)plan->limits[i].soft, (rlim_t)plan->limits[i].hard };
		if (setrlimit(plan->limits[i].what, &limit))
			fail(child, EXEC_LIMIT, errno);
	}
	(void)sigprocmask(SIG_SETMASK, &child->none, NULL);
	fail(child, EXEC_PROGRAM, exec_program(child));
}

/* vfork into a control group: clone3(2) can, vfork(3) and posix_spawn cannot. As with vfork, the child
 * goes on on the parent's stack while the parent waits, so the system call must stand in this very
 * function: one that returned in the child would let it overwrite the return address. */
#if defined(__x86_64__) || defined(__aarch64__)
static __attribute__((noinline)) pid_t start_child_in(struct child *child, int cgroup_fd)
{
	struct clone_args args = { .flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP,
				   .exit_signal = SIGCHLD,
				   .cgroup = (uint64_t)cgroup_fd };
#ifdef __x86_64__
	long pid;
	__asm__ volatile("syscall"
			 : "=a"(pid)
			 : "0"((long)SYS_clone3), "D"(&args), "S"(sizeof(args))
			 : "rcx", "r11", "memory");
#else
	register long pid __asm__("x0") = (long)&args;
	register long size __asm__("x1") = sizeof(args);
	register long number __asm__("x8") = SYS_clone3;
	__asm__ volatile("svc #0" : "+r"(pid) : "r"(size), "r"(number) : "memory");
#endif
	if (pid == 0)
		run_child(child);
	if (pid < 0)
		errno = (int)-pid;
	return pid < 0 ? -1 : (pid_t)pid;
}
#else
static pid_t start_child_in(struct child *child UNUSED, int cgroup_fd UNUSED)
{
	errno = ENOSYS;
	return -1;
}
#endif

/* Apart from everything else, since the child uses this frame, too. */
static __attribute__((noinline)) pid_t start_child(struct child *child)
{
	pid_t pid = vfork();
	if (pid == 0)
		run_child(child);
	return pid;
}

pid_t exec_start(const struct exec_plan *plan, struct exec_fault *ret_fault)
{
	struct child child = { .plan = plan, .path = exec_env(plan->env, "PATH") };
	if (!child.path)
		child.path = DEFAULT_PATH;
	(void)sigemptyset(&child.none);
	pid_t pid = plan->cgroup_fd >= 0 ? start_child_in(&child, plan->cgroup_fd) : -1;
	if (pid < 0) /* an old kernel, or the group is closed: then without */
		pid = start_child(&child);
	if (pid < 0) {
		*ret_fault = (struct exec_fault){ EXEC_FORK, errno };
		return -1;
	}
	if (child.fault.why == 0)
		return pid;
	(void)waitpid(pid, NULL, 0);
	*ret_fault = child.fault;
	return -1;
}
