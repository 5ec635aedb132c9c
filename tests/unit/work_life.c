/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps that are ended, stopped or left behind, and workers whose engine goes away: with real processes. */
#include "tests/unit/work_engine.h"

static struct engine e;

static void open_engine(void)
{
	engine_open(&e);
}

static void close_engine(void)
{
	engine_close(&e);
}

static void wait_until_gone(pid_t pid)
{
	for (int64_t until = 0; waiting(&until);)
		if (kill(pid, 0) && errno == ESRCH)
			return;
}

static char state_of(pid_t pid)
{
	auto_free char *path = xasprintf("/proc/%d/stat", (int)pid), *text = NULL;
	if (fs_read(path, 4 * KIB, &text, NULL, NULL))
		return '-';
	return strrchr(text, ')')[2];
}

/* A process in a session of its own that is nobody's child, and one in the background of the step; both
 * ignore TERM if `stubborn`. Each tells its pid. */
static const char family[] =
	"#!/bin/sh\n"
	"[ -z \"${STUBBORN:-}\" ] || trap '' TERM\n"
	"setsid sh -c 'sh -c \"echo \\$\\$ > far; until [ -e never ]; do sleep 0.02; done\" & exit 0'\n"
	"sh -c 'echo $$ > near; until [ -e never ]; do sleep 0.02; done' &\n"
	"until [ -s far ] && [ -s near ]; do sleep 0.01; done\n";

static void start_family(struct proto_message *m, const char *then, bool stubborn)
{
	static const char *const stubborn_env[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "STUBBORN=1", NULL };
	static char script[1024];
	(void)snprintf(script, sizeof(script), "%s%s", family, then);
	spec_shell(&e, m, script);
	if (stubborn)
		m->spec.env = stubborn_env;
}

static void family_is_gone(void)
{
	wait_until_gone(read_pid(&e, "far"));
	wait_until_gone(read_pid(&e, "near"));
}

/* ---- ends that somebody wants ---- */

START_TEST(a_time_limit_ends_all_of_it)
{
	struct proto_message m, r;
	start_family(&m, "echo started\nuntil [ -e never ]; do sleep 0.02; done\n", _i);
	m.spec.timeout_ms = 1500;
	m.spec.grace_ms = 50;
	engine_run(&e, &m, &r);
	ck_assert_int_eq(r.result.class, CLASS_TIMEOUT);
	ck_assert_int_eq(r.result.signal, _i ? SIGKILL : SIGTERM);
	ck_assert_ptr_nonnull(strstr(r.result.message, "1.5s"));
	family_is_gone();
	auto_free char *log = engine_log(&e);
	ck_assert(str_starts(log, "started\n"));
	ck_assert_ptr_nonnull(strstr(log, "[pawl: the time limit is reached: 1.5s]\n"));
	proto_done(&r);
}
END_TEST

START_TEST(cancel_ends_all_of_it)
{
	struct proto_message m, r;
	start_family(&m, "echo ready\nuntil [ -e never ]; do sleep 0.02; done\n", _i);
	engine_send(&e, &m);
	wait_for_log(&e, "ready");
	engine_signal(&e, STEP_CANCEL, _i ? 50 : 20000);
	engine_wait(&e, MSG_RESULT, &r);
	ck_assert_int_eq(r.result.class, CLASS_CANCELED);
	ck_assert_int_eq(r.result.signal, _i ? SIGKILL : SIGTERM);
	family_is_gone();
	engine_ack(&e, &r);
	proto_done(&r);
}
END_TEST

START_TEST(a_second_cancel_waits_no_longer)
{
	struct proto_message m, r;
	start_family(&m, "echo ready\nuntil [ -e never ]; do sleep 0.02; done\n", true);
	engine_send(&e, &m);
	wait_for_log(&e, "ready");
	engine_signal(&e, STEP_CANCEL, 3600000);
	engine_signal(&e, _i ? STEP_CANCEL : STEP_KILL, 3600000);
	engine_wait(&e, MSG_RESULT, &r);
	ck_assert_int_eq(r.result.class, CLASS_CANCELED);
	ck_assert_int_eq(r.result.signal, SIGKILL);
	family_is_gone();
	engine_ack(&e, &r);
	proto_done(&r);
}
END_TEST

/* A program that cleans up on TERM has the time to do it. */
START_TEST(cancel_lets_it_clean_up)
{
	struct proto_message m, r;
	spec_shell(&e, &m, "trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.02; done");
	engine_send(&e, &m);
	wait_for_log(&e, "ready");
	engine_signal(&e, STEP_CANCEL, 20000);
	engine_wait(&e, MSG_RESULT, &r);
	ck_assert_int_eq(r.result.class, CLASS_CANCELED);
	ck_assert_int_eq(r.result.exit_code, 0);
	auto_free char *log = engine_log(&e);
	ck_assert_ptr_nonnull(strstr(log, "cleaned\n"));
	engine_ack(&e, &r);
	proto_done(&r);
}
END_TEST

/* ---- what is left behind ---- */

START_TEST(leftovers_are_ended)
{
	struct proto_message m, r;
	start_family(&m, "exit 0\n", _i);
	m.spec.grace_ms = 50;
	engine_run(&e, &m, &r);
	ck_assert_int_eq(r.result.class, CLASS_NONE);
	ck_assert_int_ge(r.result.leftover, 2);
	family_is_gone();
	auto_free char *log = engine_log(&e);
	ck_assert_msg(strstr(log, "left in the background"), "%s", log);
	proto_done(&r);
}
END_TEST

/* The last process of a pipeline may end after the first one; what it writes belongs to the step. */
START_TEST(late_output_is_kept)
{
	struct proto_message m;
	engine_shell(&e, "(trap '' TERM; sleep 0.05; echo late) & exit 0", &m);
	ck_assert_int_eq(m.result.class, CLASS_NONE);
	ck_assert_int_eq(m.result.leftover, 0);
	auto_free char *log = engine_log(&e);
	ck_assert_str_eq(log, "late\n");
	proto_done(&m);
}
END_TEST

/* ---- frozen ---- */

START_TEST(frozen_time_does_not_count)
{
	struct proto_message m, r;
	start_family(&m, "echo ready; until [ -e go ]; do sleep 0.01; done; kill $(cat far) $(cat near)\n", false);
	m.spec.timeout_ms = 1500;
	engine_send(&e, &m);
	wait_for_log(&e, "ready");
	pid_t far = read_pid(&e, "far"), near = read_pid(&e, "near");
	engine_signal(&e, STEP_FREEZE, 0);
	for (int64_t until = 0; waiting(&until);)
		if (state_of(far) == 'T' && state_of(near) == 'T')
			break;
	/* Longer than the limit, nothing happens. */
	while (readable(e.fd, 2000)) {
		engine_recv(&e, &r);
		ck_assert_int_ne(r.type, MSG_RESULT);
		proto_done(&r);
	}
	ck_assert(state_of(far) == 'T' && state_of(near) == 'T');
	make_file(&e, "go", "", 0600);
	engine_signal(&e, STEP_THAW, 0);
	engine_wait(&e, MSG_RESULT, &r);
	ck_assert_int_eq(r.result.class, CLASS_NONE);
	ck_assert_int_ge(r.result.frozen_ms, 2000);
	engine_ack(&e, &r);
	proto_done(&r);
}
END_TEST

START_TEST(a_frozen_step_can_be_canceled)
{
	struct proto_message m, r;
	start_family(&m, "echo ready; until [ -e go ]; do sleep 0.01; done\n", false);
	engine_send(&e, &m);
	wait_for_log(&e, "ready");
	pid_t far = read_pid(&e, "far");
	engine_signal(&e, STEP_FREEZE, 0);
	for (int64_t until = 0; waiting(&until);)
		if (state_of(far) == 'T')
			break;
	engine_signal(&e, STEP_CANCEL, 20000);
	engine_wait(&e, MSG_RESULT, &r);
	ck_assert_int_eq(r.result.class, CLASS_CANCELED);
	ck_assert_int_eq(r.result.signal, SIGTERM);
	family_is_gone();
	engine_ack(&e, &r);
	proto_done(&r);
}
END_TEST

/* ---- the engine goes away ---- */

static void start_waiting_step(struct proto_message *m)
{
	spec_shell(&e, m, "echo run >> runs; echo ready; until [ -e go ]; do sleep 0.01; done;"
			  "echo k=v > \"$PAWL_OUTPUT\"; exit 6");
	engine_send(&e, m);
	wait_for_log(&e, "ready");
}

static void ran_once(void)
{
	auto_free char *path = engine_path(&e, "runs"), *text = NULL;
	ck_assert_int_eq(fs_read(path, 100, &text, NULL, NULL), ERR_OK);
	ck_assert_str_eq(text, "run\n");
}

static void welcome(bool keep)
{
	struct proto_message m = { .type = MSG_WELCOME, .keep = keep };
	m.key.token = e.token;
	engine_send(&e, &m);
}

START_TEST(the_result_waits_for_the_next_engine)
{
	struct proto_message m, r;
	start_waiting_step(&m);
	engine_vanish(&e);
	make_file(&e, "go", "", 0600);
	auto_free char *record = xasprintf("spool/%d.exit", (int)e.token);
	wait_for_file(&e, record);
	auto_free char *path = engine_path(&e, record);
	ck_assert_int_eq(exit_record_read(path, &r, NULL), ERR_OK);
	ck_assert_int_eq(r.result.exit_code, 6);
	ck_assert_str_eq(r.result.outputs, "k=v\n");
	proto_done(&r);

	engine_listen(&e);
	engine_accept(&e, &r);
	ck_assert_int_eq(r.hello.phase, WORKER_DONE);
	ck_assert_int_eq(r.hello.key.token, e.token);
	proto_done(&r);
	welcome(true);
	engine_wait(&e, MSG_RESULT, &r);
	ck_assert_int_eq(r.result.exit_code, 6);
	ck_assert_str_eq(r.result.outputs, "k=v\n");
	ck_assert(fs_exists(path));
	engine_ack(&e, &r);
	proto_done(&r);
	engine_shell(&e, "true", &r); /* came after the acknowledgement */
	proto_done(&r);
	ck_assert(!fs_exists(path));
	ck_assert(!readable(e.fd, 0)); /* no second result */
	ran_once();
}
END_TEST

START_TEST(a_running_step_is_adopted)
{
	struct proto_message m, r;
	start_waiting_step(&m);
	engine_wait(&e, MSG_STARTED, &r);
	int64_t pid = r.pid, start_time = r.start_time;
	proto_done(&r);
	engine_vanish(&e);
	engine_listen(&e);
	engine_accept(&e, &r);
	ck_assert_int_eq(r.hello.phase, WORKER_BUSY);
	ck_assert_int_eq(r.hello.key.token, e.token);
	ck_assert_int_eq(r.hello.child_pid, pid);
	ck_assert_int_eq(r.hello.child_start, start_time);
	ck_assert_str_eq(r.hello.boot_id, clock_boot_id());
	proto_done(&r);
	welcome(true);
	make_file(&e, "go", "", 0600);
	engine_wait(&e, MSG_RESULT, &r);
	ck_assert_int_eq(r.result.exit_code, 6);
	engine_ack(&e, &r);
	proto_done(&r);
	ran_once();
}
END_TEST

START_TEST(an_unwanted_step_is_ended)
{
	struct proto_message m, r;
	start_waiting_step(&m);
	engine_wait(&e, MSG_STARTED, &r);
	pid_t pid = (pid_t)r.pid;
	proto_done(&r);
	engine_vanish(&e);
	engine_listen(&e);
	engine_accept(&e, &r);
	proto_done(&r);
	welcome(false);
	wait_until_gone(pid);
	engine_wait(&e, MSG_HELLO, &r); /* it can take another one */
	ck_assert_int_eq(r.hello.phase, WORKER_IDLE);
	proto_done(&r);
	struct proto_message next;
	spec_shell(&e, &next, "exit 3");
	engine_send(&e, &next);
	engine_wait(&e, MSG_RESULT, &r);
	ck_assert_int_eq(r.result.key.token, next.spec.key.token);
	ck_assert_int_eq(r.result.class, CLASS_EXIT);
	proto_done(&r);
	engine_send(&e, &(struct proto_message){ .type = MSG_ACK, .key = next.spec.key });
}
END_TEST

START_TEST(an_unacknowledged_result_is_told_again)
{
	struct proto_message m, r;
	spec_shell(&e, &m, "exit 8");
	engine_send(&e, &m);
	engine_wait(&e, MSG_RESULT, &r);
	proto_done(&r);
	engine_vanish(&e); /* before the commit */
	auto_free char *record = xasprintf("spool/%d.exit", (int)e.token), *path = engine_path(&e, record);
	wait_for_file(&e, record);
	engine_listen(&e);
	engine_accept(&e, &r);
	ck_assert_int_eq(r.hello.phase, WORKER_DONE);
	proto_done(&r);
	welcome(_i);
	if (_i) {
		engine_wait(&e, MSG_RESULT, &r);
		ck_assert_int_eq(r.result.exit_code, 8);
		proto_done(&r);
	}
	engine_shell(&e, "exit 9", &r); /* a START acknowledges */
	ck_assert_int_eq(r.result.exit_code, 9);
	proto_done(&r);
	ck_assert(!fs_exists(path));
}
END_TEST

/* A record that cannot be written is tried again; the worker does not leave with it. */
START_TEST(a_full_disk_is_waited_for)
{
	struct proto_message m, r;
	start_waiting_step(&m);
	engine_vanish(&e);
	auto_free char *temporary = xasprintf("%s/spool/%d.exit.%d.tmp", e.home, (int)e.token, (int)e.worker);
	ck_assert_int_eq(mkdir(temporary, 0700), 0); /* stands in the way of the record */
	make_file(&e, "go", "", 0600);
	auto_free char *folder = xasprintf("%s/spool/w%d/%d", e.home, (int)e.worker, (int)e.token);
	for (int64_t until = 0; waiting(&until);) /* its outputs are taken: it has ended */
		if (!fs_exists(folder) && state_of(e.worker) == 'S')
			break;
	ck_assert_int_eq(rmdir(temporary), 0);
	auto_free char *record = xasprintf("spool/%d.exit", (int)e.token);
	wait_for_file(&e, record);
	engine_listen(&e);
	engine_accept(&e, &r);
	ck_assert_int_eq(r.hello.phase, WORKER_DONE);
	proto_done(&r);
	welcome(true);
	engine_wait(&e, MSG_RESULT, &r);
	engine_ack(&e, &r);
	proto_done(&r);
}
END_TEST

START_TEST(a_worker_told_to_leave_ends_its_step_first)
{
	struct proto_message m, r;
	start_waiting_step(&m);
	ck_assert_int_eq(kill(e.worker, _i ? SIGTERM : SIGHUP), 0);
	make_file(&e, "go", "", 0600);
	engine_wait(&e, MSG_RESULT, &r);
	ck_assert_int_eq(r.result.class, CLASS_EXIT);
	engine_ack(&e, &r);
	proto_done(&r);
	ran_once();
}
END_TEST

/* What recovery does when the worker itself was killed: the step is found by its mark and ended. */
START_TEST(orphans_are_found_by_their_mark)
{
	struct proto_message m;
	int status;
	start_family(&m, "echo ready\nuntil [ -e never ]; do sleep 0.02; done\n", true);
	engine_send(&e, &m);
	wait_for_log(&e, "ready");
	ck_assert_int_eq(kill(e.worker, SIGKILL), 0);
	ck_assert_int_eq(waitpid(e.worker, &status, 0), e.worker);
	ck_assert_int_ne(kill(read_pid(&e, "far"), 0), -1);
	auto_str token = STR_INIT;
	step_token(&token, e.home, e.token + 1);
	const char *value = token.p;
	ck_assert_int_eq(proc_signal_marked(STEP_MARK, &value, 1, SIGKILL), 0);
	str_clear(&token);
	step_token(&token, e.home, e.token);
	value = token.p;
	ck_assert_int_ge(proc_signal_marked(STEP_MARK, &value, 1, SIGKILL), 3);
	family_is_gone();
	engine_vanish(&e);
	ck_assert_int_eq(fs_rmtree(e.home, NULL), ERR_OK);
}
END_TEST

START_TEST(a_process_is_known_by_its_start)
{
	int64_t start = proc_start_time(getpid());
	ck_assert_int_gt(start, 0);
	ck_assert(proc_alive(getpid(), start));
	ck_assert(!proc_alive(getpid(), start + 1));
	ck_assert(!proc_alive(0, 0));
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	siginfo_t info;
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert(!proc_alive(pid, proc_start_time(pid))); /* a zombie */
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(proc_start_time(pid), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("work_life");
	TCase *t = tcase_create("steps");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, open_engine, close_engine);
	tcase_add_loop_test(t, a_time_limit_ends_all_of_it, 0, 2);
	tcase_add_loop_test(t, cancel_ends_all_of_it, 0, 2);
	tcase_add_loop_test(t, a_second_cancel_waits_no_longer, 0, 2);
	tcase_add_test(t, cancel_lets_it_clean_up);
	tcase_add_loop_test(t, leftovers_are_ended, 0, 2);
	tcase_add_test(t, late_output_is_kept);
	tcase_add_test(t, frozen_time_does_not_count);
	tcase_add_test(t, a_frozen_step_can_be_canceled);
	tcase_add_test(t, the_result_waits_for_the_next_engine);
	tcase_add_test(t, a_running_step_is_adopted);
	tcase_add_test(t, an_unwanted_step_is_ended);
	tcase_add_loop_test(t, an_unacknowledged_result_is_told_again, 0, 2);
	tcase_add_test(t, a_full_disk_is_waited_for);
	tcase_add_loop_test(t, a_worker_told_to_leave_ends_its_step_first, 0, 2);
	suite_add_tcase(s, t);
	TCase *dead = tcase_create("after the worker");
	tcase_set_timeout(dead, 60);
	tcase_add_checked_fixture(dead, open_engine, NULL);
	tcase_add_test(dead, orphans_are_found_by_their_mark);
	suite_add_tcase(s, dead);
	TCase *p = tcase_create("processes");
	tcase_add_test(p, a_process_is_known_by_its_start);
	suite_add_tcase(s, p);
	return run_suite(s);
}
