/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's end of the worker's socket, as far as tests need one: it starts a real pawl-worker in a
 * home of its own and talks to it. Whatever it waits for has a deadline of half a minute. */
#ifndef PAWL_TESTS_WORK_ENGINE_H
#define PAWL_TESTS_WORK_ENGINE_H

#include "base/clock.h"
#include "base/fs.h"
#include "base/proc.h"
#include "work/proto.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 30000

struct engine {
	char home[64];
	int listener, fd;
	pid_t worker;
	int64_t token;
};

static inline const char *worker_program(void)
{
	const char *program = getenv("PAWL_WORKER");
	return program ? program : "./pawl-worker";
}

/* Wait for a condition: `while (waiting(&until)) if (…) break;` fails the test after the deadline. */
static inline bool waiting(int64_t *until_us)
{
	if (!*until_us) {
		*until_us = clock_mono_us() + DEADLINE_MS * 1000;
		return true;
	}
	ck_assert_msg(clock_mono_us() < *until_us, "waited in vain");
	(void)poll(NULL, 0, 5);
	return true;
}

static inline void engine_listen(struct engine *e)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/worker.sock", e->home);
	(void)unlink(at.sun_path);
	e->listener = socket(AF_UNIX, SOCK_SEQPACKET, 0); /* not CLOEXEC: the worker must shed it */
	ck_assert_int_ge(e->listener, 3);
	ck_assert_int_eq(bind(e->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(e->listener, 5), 0);
}

static inline bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	return poll(&p, 1, ms) > 0;
}

static inline void engine_recv(struct engine *e, struct proto_message *ret)
{
	struct err err;
	ck_assert_msg(readable(e->fd, DEADLINE_MS), "no message came");
	ck_assert_msg(proto_recv(e->fd, ret, &err) == ERR_OK, "%s", err.message);
}

/* The next message of that type; STARTED and PROGRESS that come before it are passed over. */
static inline void engine_wait(struct engine *e, enum proto_type type, struct proto_message *ret)
{
	for (;;) {
		engine_recv(e, ret);
		if (ret->type == type)
			return;
		ck_assert_msg(ret->type == MSG_STARTED || ret->type == MSG_PROGRESS, "got message %d",
			      (int)ret->type);
		proto_done(ret);
	}
}

static inline void engine_send(struct engine *e, const struct proto_message *m)
{
	struct err err;
	ck_assert_msg(proto_send(e->fd, m, &err) == ERR_OK, "%s", err.message);
}

static inline void engine_accept(struct engine *e, struct proto_message *ret_hello)
{
	ck_assert_msg(readable(e->listener, DEADLINE_MS), "no worker came");
	e->fd = accept(e->listener, NULL, NULL);
	ck_assert_int_ge(e->fd, 0);
	engine_wait(e, MSG_HELLO, ret_hello);
}

static inline void engine_open(struct engine *e)
{
	*e = (struct engine){ .home = "/tmp/pawl-work-XXXXXX", .token = 100 };
	ck_assert_ptr_nonnull(mkdtemp(e->home));
	engine_listen(e);
	const char *argv[] = { "pawl-worker", "--home", e->home, NULL };
	ck_assert_int_eq(posix_spawn(&e->worker, worker_program(), NULL, NULL,
				     (char *const *)(uintptr_t)argv, environ), 0);
	struct proto_message hello;
	engine_accept(e, &hello);
	ck_assert_int_eq(hello.hello.pid, e->worker);
	ck_assert_int_eq(hello.hello.phase, WORKER_IDLE);
	ck_assert_int_eq(hello.hello.start_time, proc_start_time(e->worker));
	proto_done(&hello);
}

/* The engine dies: both ends close. */
static inline void engine_vanish(struct engine *e)
{
	(void)close(e->fd);
	(void)close(e->listener);
	e->fd = e->listener = -1;
}

static inline void engine_close(struct engine *e)
{
	int status;
	/* It may have left already. */
	(void)!proto_send(e->fd, &(struct proto_message){ .type = MSG_STOP }, NULL);
	ck_assert_int_eq(waitpid(e->worker, &status, 0), e->worker);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the worker ended with %x", (unsigned int)status);
	engine_vanish(e);
	/* Nothing stays but logs and the empty spool. */
	auto_free char *spool = xasprintf("%s/spool", e->home);
	ck_assert_int_eq(rmdir(spool), 0);
	ck_assert_int_eq(fs_rmtree(e->home, NULL), ERR_OK);
}

static const char *const plain_env[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", NULL };

static inline char *engine_path(const struct engine *e, const char *name)
{
	return xasprintf("%s/%s", e->home, name);
}

static inline void spec_init(struct engine *e, struct proto_message *m)
{
	static char log_path[128];
	*m = (struct proto_message){ .type = MSG_START };
	m->spec.key.token = ++e->token;
	(void)snprintf(log_path, sizeof(log_path), "%s/logs/%d.log", e->home, (int)e->token);
	m->spec.env = plain_env;
	m->spec.cwd = e->home;
	m->spec.log_path = log_path;
	m->spec.grace_ms = 2000;
	m->spec.umask = -1;
}

static inline void spec_shell(struct engine *e, struct proto_message *m, const char *script)
{
	static const char *const sh[] = { "sh", "-eu", "-c", NULL };
	spec_init(e, m);
	m->spec.argv = sh;
	m->spec.script = script;
}

static inline void engine_ack(struct engine *e, const struct proto_message *result)
{
	engine_send(e, &(struct proto_message){ .type = MSG_ACK, .key = result->result.key });
}

static inline void engine_run(struct engine *e, const struct proto_message *start,
			      struct proto_message *ret_result)
{
	engine_send(e, start);
	engine_wait(e, MSG_RESULT, ret_result);
	ck_assert_int_eq(ret_result->result.key.token, start->spec.key.token);
	engine_ack(e, ret_result);
}

static inline void engine_shell(struct engine *e, const char *script, struct proto_message *ret_result)
{
	struct proto_message m;
	spec_shell(e, &m, script);
	engine_run(e, &m, ret_result);
}

static inline void engine_signal(struct engine *e, enum step_signal signal, int64_t grace_ms)
{
	struct proto_message m = { .type = MSG_SIGNAL, .signal = signal, .grace_ms = grace_ms };
	m.key.token = e->token;
	engine_send(e, &m);
}

/* The log of the present step, "" when there is none. */
static inline char *engine_log(const struct engine *e)
{
	auto_free char *path = xasprintf("%s/logs/%d.log", e->home, (int)e->token);
	char *text = NULL;
	return fs_read(path, 256 * MIB, &text, NULL, NULL) == ERR_OK ? text : xstrdup("");
}

static inline void wait_for_log(const struct engine *e, const char *text)
{
	for (int64_t until = 0; waiting(&until);) {
		auto_free char *log = engine_log(e);
		if (strstr(log, text))
			return;
	}
}

static inline void wait_for_file(const struct engine *e, const char *name)
{
	auto_free char *path = engine_path(e, name);
	for (int64_t until = 0; waiting(&until);)
		if (fs_exists(path))
			return;
}

static inline void make_file(const struct engine *e, const char *name, const char *text, mode_t mode)
{
	auto_free char *path = engine_path(e, name);
	ck_assert_int_eq(fs_write(path, text, strlen(text), mode, NULL), ERR_OK);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static inline pid_t read_pid(const struct engine *e, const char *name)
{
	auto_free char *path = engine_path(e, name), *text = NULL;
	for (int64_t until = 0; waiting(&until);) {
		free(TAKE(text));
		if (fs_read(path, 100, &text, NULL, NULL) == ERR_OK && strchr(text, '\n'))
			return (pid_t)strtol(text, NULL, 10);
	}
	return 0;
}

static inline int run_suite(Suite *s)
{
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}

#endif
