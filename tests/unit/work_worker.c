/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a real pawl-worker does with a step: its end in every form, its surroundings, its output. */
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

/* ---- how steps end ---- */

/* clang-format off */
static const struct {
	const char *script;
	enum error_class class;
	int exit_code, signal;
	const char *says;
} ends[] = {
	{ "true",                             CLASS_NONE,   0,   0,       NULL },
	{ "echo x; exit 3",                   CLASS_EXIT,   3,   0,       "exit code 3" },
	{ "false; true",                      CLASS_EXIT,   1,   0,       "exit code 1" },
	{ "echo $undefined_name",             CLASS_EXIT,   2,   0,       "exit code 2" },
	{ "no-such-program --x; true",        CLASS_EXIT,   127, 0,       "not found" },
	{ "/etc/passwd; true",                CLASS_EXIT,   126, 0,       "not be executed" },
	{ "kill -SEGV $$",                    CLASS_SIGNAL, 139, SIGSEGV, "SIGSEGV" },
	{ "kill -KILL $$",                    CLASS_SIGNAL, 137, SIGKILL, "SIGKILL" },
	{ "sh -c 'kill -KILL $$'; true",      CLASS_SIGNAL, 137, SIGKILL, "a command was ended by SIGKILL" },
	{ "exit 255",                         CLASS_EXIT,   255, 0,       "exit code 255" },
};
/* clang-format on */

START_TEST(steps_end_as_they_do)
{
	struct proto_message m;
	engine_shell(&e, ends[_i].script, &m);
	ck_assert_int_eq(m.result.class, ends[_i].class);
	ck_assert_int_eq(m.result.exit_code, ends[_i].exit_code);
	ck_assert_int_eq(m.result.signal, ends[_i].signal);
	if (ends[_i].says)
		ck_assert_msg(strstr(m.result.message, ends[_i].says), "%s", m.result.message);
	else
		ck_assert_ptr_null(m.result.message);
	ck_assert_int_gt(m.result.started_ms, 0);
	ck_assert_int_ge(m.result.ended_ms, m.result.started_ms);
	ck_assert_int_eq(m.result.leftover, 0);
	proto_done(&m);
}
END_TEST

START_TEST(many_steps_one_worker)
{
	for (int i = 0; i < 50; i++) {
		struct proto_message m;
		auto_free char *script = xasprintf("echo line; echo more >&2; exit %d", i % 3);
		engine_shell(&e, script, &m);
		ck_assert_int_eq(m.result.exit_code, i % 3);
		ck_assert_int_eq(m.result.log_lines, 2);
		ck_assert_int_eq(m.result.log_bytes, 10);
		if (i % 3)
			ck_assert_ptr_nonnull(strstr(m.result.tail, "line\n"));
		else
			ck_assert_ptr_null(m.result.tail);
		proto_done(&m);
	}
}
END_TEST

START_TEST(a_silent_step_makes_no_file)
{
	struct proto_message m;
	engine_shell(&e, "true", &m);
	proto_done(&m);
	auto_free char *logs = engine_path(&e, "logs");
	ck_assert(!fs_exists(logs));
}
END_TEST

START_TEST(a_missing_program_is_told)
{
	static const char *const rows[][3] = { { "no-such-program", NULL },
					       { "./no-such-file", NULL },
					       { "/etc/passwd", NULL } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct proto_message m, r;
		spec_init(&e, &m);
		m.spec.argv = rows[i];
		engine_run(&e, &m, &r);
		ck_assert_int_eq(r.result.class, CLASS_SPAWN);
		ck_assert_int_eq(r.result.exit_code, -1);
		ck_assert_msg(strstr(r.result.message, rows[i][0]), "%s", r.result.message);
		proto_done(&r);
	}
}
END_TEST

START_TEST(a_missing_folder_is_told)
{
	struct proto_message m, r;
	spec_shell(&e, &m, "true");
	m.spec.cwd = "/no/such/folder";
	engine_run(&e, &m, &r);
	ck_assert_int_eq(r.result.class, CLASS_SPAWN);
	ck_assert_ptr_nonnull(strstr(r.result.message, "/no/such/folder"));
	proto_done(&r);
	engine_shell(&e, "true", &r); /* and the worker is as good as before */
	ck_assert_int_eq(r.result.class, CLASS_NONE);
	proto_done(&r);
}
END_TEST

START_TEST(a_second_step_is_refused)
{
	struct proto_message m, r;
	spec_shell(&e, &m, "echo ready; until [ -e go ]; do sleep 0.01; done");
	engine_send(&e, &m);
	wait_for_log(&e, "ready");
	struct proto_message other = m;
	other.spec.key.token = 1;
	engine_send(&e, &other);
	engine_wait(&e, MSG_RESULT, &r);
	ck_assert_int_eq(r.result.key.token, 1);
	ck_assert_int_eq(r.result.class, CLASS_SYSTEM);
	proto_done(&r);
	make_file(&e, "go", "", 0600);
	engine_wait(&e, MSG_RESULT, &r);
	ck_assert_int_eq(r.result.key.token, m.spec.key.token);
	ck_assert_int_eq(r.result.class, CLASS_NONE);
	engine_ack(&e, &r);
	proto_done(&r);
}
END_TEST

/* ---- with and without a shell ---- */

static const char *const plain_rows[] = {
	"/bin/true", "/bin/false", "ls /no-such-file", "./segv", "./exit 7", "./exit 137", "./plain-text",
	"./not-executable", "./no-such-file", "no-such-program", ".", "/tmp", "./exit", "env",
};

START_TEST(plain_commands_end_as_under_a_shell)
{
	make_file(&e, "segv", "#!/bin/sh\nkill -SEGV $$\n", 0755);
	make_file(&e, "exit", "#!/bin/sh\nexit ${1:-0}\n", 0755);
	make_file(&e, "plain-text", "echo interpreted by a shell; exit 5\n", 0755);
	make_file(&e, "not-executable", "#!/bin/sh\n", 0644);
	for (size_t i = 0; i < COUNT(plain_rows); i++) {
		struct proto_message m, direct, shell;
		auto_free char *words = xstrdup(plain_rows[i]);
		const char *argv[3] = { words, NULL, NULL };
		char *space = strchr(words, ' ');
		if (space) {
			*space = '\0';
			argv[1] = space + 1;
		}
		spec_shell(&e, &m, plain_rows[i]);
		engine_run(&e, &m, &shell);
		auto_free char *shell_log = engine_log(&e);
		spec_shell(&e, &m, plain_rows[i]);
		m.spec.argv = argv;
		m.spec.plain = true;
		engine_run(&e, &m, &direct);
		auto_free char *direct_log = engine_log(&e);
		ck_assert_msg(direct.result.class == shell.result.class, "%s", plain_rows[i]);
		ck_assert_int_eq(direct.result.exit_code, shell.result.exit_code);
		ck_assert_int_eq(direct.result.signal, shell.result.signal);
		bool same_words = strchr("el", plain_rows[i][0]) || strchr(plain_rows[i], '-');
		if (same_words && !str_eq(plain_rows[i], "env"))
			ck_assert_str_eq(direct_log, shell_log);
		proto_done(&direct);
		proto_done(&shell);
	}
}
END_TEST

START_TEST(a_shell_that_changes_the_environment_is_kept)
{
	/* With PWD wrong or a name that is none of a variable, a shell would show another environment. */
	static const char *const rows[] = { "PWD=/wrong", "not-a-name=1", "IFS=x" };
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *env[] = { "PATH=/usr/bin:/bin", rows[i], NULL };
		static const char *const words[] = { "env", NULL };
		struct proto_message m, r;
		spec_shell(&e, &m, "env");
		m.spec.env = env;
		m.spec.argv = words;
		m.spec.plain = true;
		engine_run(&e, &m, &r);
		ck_assert_int_eq(r.result.class, CLASS_NONE);
		auto_free char *log = engine_log(&e), *line = xasprintf("\n%s\n", rows[i]);
		ck_assert_msg(!strstr(log, line), "%s", log);
		proto_done(&r);
	}
}
END_TEST

START_TEST(scripts_go_to_other_interpreters)
{
	static const char *const perl[] = { "perl", NULL };
	struct proto_message m, r;
	spec_shell(&e, &m, "print \"from a file: $0\\n\"; exit 4;");
	m.spec.argv = perl;
	m.spec.script_file = true;
	engine_run(&e, &m, &r);
	ck_assert_int_eq(r.result.exit_code, 4);
	auto_free char *log = engine_log(&e);
	ck_assert_msg(str_starts(log, "from a file: /tmp/pawl-work-"), "%s", log);
	proto_done(&r);

	static const char *const bash[] = { "bash", "-euo", "pipefail", "-c", NULL };
	spec_shell(&e, &m, "false | true");
	m.spec.argv = bash;
	engine_run(&e, &m, &r);
	ck_assert_int_eq(r.result.exit_code, 1);
	proto_done(&r);
}
END_TEST

/* ---- the surroundings ---- */

START_TEST(the_environment_is_exact)
{
	static const char *const words[] = { "env", NULL };
	static const char *const env[] = { "PATH=/usr/bin:/bin", "A=b c", "EMPTY=", "PAWL_STEP=forged",
					   NULL };
	struct proto_message m, r;
	spec_init(&e, &m);
	m.spec.argv = words;
	m.spec.env = env;
	engine_run(&e, &m, &r);
	auto_free char *log = engine_log(&e);
	auto_free char *expected = xasprintf(
		"PATH=/usr/bin:/bin\nA=b c\nEMPTY=\nPAWL_OUTPUT=%s/spool/w%d/%d\nPAWL_STEP=%d:%s\n", e.home,
		(int)e.worker, (int)e.token, (int)e.token, e.home);
	ck_assert_str_eq(log, expected);
	proto_done(&r);
}
END_TEST

START_TEST(no_file_and_no_signal_leaks)
{
	struct proto_message m;
	engine_shell(&e, "exec ls /proc/self/fd", &m);
	auto_free char *log = engine_log(&e);
	ck_assert_str_eq(log, "0\n1\n2\n3\n"); /* 3 is the folder that ls reads */
	proto_done(&m);
	engine_shell(&e, "exec cat /proc/self/status", &m);
	auto_free char *status = engine_log(&e);
	static const char *const sets[] = { "\nSigBlk:\t", "\nSigIgn:\t", "\nSigCgt:\t" };
	for (size_t i = 0; i < COUNT(sets); i++) {
		const char *set = strstr(status, sets[i]);
		ck_assert_ptr_nonnull(set);
		ck_assert_msg(str_starts(set + strlen(sets[i]), "0000000000000000"), "%.30s", set);
	}
	proto_done(&m);
	/* A session and process group of its own, without a terminal. */
	engine_shell(&e, "set -- $(cat /proc/$$/stat); test $1 = $5; test $1 = $6; test $7 = 0", &m);
	ck_assert_int_eq(m.result.class, CLASS_NONE);
	proto_done(&m);
}
END_TEST

START_TEST(stdin_is_empty_or_given)
{
	struct proto_message m, r;
	engine_shell(&e, "cat; test ! -t 0; readlink /proc/$$/fd/0", &r);
	ck_assert_int_eq(r.result.class, CLASS_NONE);
	auto_free char *log = engine_log(&e);
	ck_assert_str_eq(log, "/dev/null\n");
	proto_done(&r);
	spec_shell(&e, &m, "od -c -An; ! echo x >&0");
	m.spec.stdin_bytes = "a\0b";
	m.spec.stdin_len = 3;
	engine_run(&e, &m, &r);
	auto_free char *given = engine_log(&e);
	ck_assert_msg(str_starts(given, "   a  \\0   b\n"), "%s", given);
	proto_done(&r);
}
END_TEST

START_TEST(a_large_start_arrives)
{
	struct proto_message m, r;
	size_t len = 3 * MIB;
	auto_free char *text = xmalloc(len);
	memset(text, 'x', len);
	spec_shell(&e, &m, "wc -c");
	m.spec.stdin_bytes = text;
	m.spec.stdin_len = len;
	engine_run(&e, &m, &r);
	auto_free char *log = engine_log(&e);
	ck_assert_int_eq(strtol(log, NULL, 10), (long)len);
	proto_done(&r);
}
END_TEST

START_TEST(limits_hold)
{
	struct proto_message m, r;
	spec_shell(&e, &m, "ulimit -c; ulimit -n; ulimit -d; ulimit -t; ulimit -f; umask");
	m.spec.open_files = 50;
	m.spec.memory_bytes = 64 * MIB;
	m.spec.cpu_s = 7;
	m.spec.file_bytes = 10 * KIB;
	m.spec.umask = 027;
	engine_run(&e, &m, &r);
	auto_free char *log = engine_log(&e);
	ck_assert_str_eq(log, "0\n50\n65536\n7\n20\n0027\n");
	proto_done(&r);

	spec_shell(&e, &m, "exec head -c 100000 /dev/zero > big");
	m.spec.file_bytes = 10 * KIB;
	engine_run(&e, &m, &r);
	ck_assert_int_eq(r.result.class, CLASS_SIGNAL);
	ck_assert_int_eq(r.result.signal, SIGXFSZ);
	ck_assert_ptr_nonnull(strstr(r.result.message, "10240 bytes"));
	proto_done(&r);
}
END_TEST

/* ---- what comes out ---- */

START_TEST(outputs_are_collected)
{
	struct proto_message m;
	engine_shell(&e, "echo a=1 >> \"$PAWL_OUTPUT\"; echo b=2 >> \"$PAWL_OUTPUT\"", &m);
	ck_assert_int_eq(m.result.class, CLASS_NONE);
	ck_assert_str_eq(m.result.outputs, "a=1\nb=2\n");
	ck_assert_uint_eq(m.result.outputs_len, 8);
	proto_done(&m);
	engine_shell(&e, ": > \"$PAWL_OUTPUT\"", &m);
	ck_assert_ptr_nonnull(m.result.outputs);
	ck_assert_uint_eq(m.result.outputs_len, 0);
	proto_done(&m);
	engine_shell(&e, "test ! -e \"$PAWL_OUTPUT\"", &m);
	ck_assert_int_eq(m.result.class, CLASS_NONE);
	ck_assert_ptr_null(m.result.outputs);
	proto_done(&m);
}
END_TEST

/* clang-format off */
static const struct { const char *script, *says; } bad_outputs[] = {
	{ "head -c 300000 /dev/zero > \"$PAWL_OUTPUT\"", "300000 bytes" },
	{ "mkdir \"$PAWL_OUTPUT\"", "plain file" },
	{ "ln -s /etc/passwd \"$PAWL_OUTPUT\"", "can be read" },
	{ "mkfifo \"$PAWL_OUTPUT\"", "plain file" },
};
/* clang-format on */

START_TEST(bad_outputs_fail_the_step)
{
	struct proto_message m;
	engine_shell(&e, bad_outputs[_i].script, &m);
	ck_assert_int_eq(m.result.class, CLASS_OUTPUT);
	ck_assert_ptr_null(m.result.outputs);
	ck_assert_msg(strstr(m.result.message, bad_outputs[_i].says), "%s", m.result.message);
	proto_done(&m);
}
END_TEST

START_TEST(both_streams_are_kept)
{
	struct proto_message m;
	engine_shell(&e, "echo one; echo two >&2; echo 12345", &m);
	auto_free char *log = engine_log(&e);
	ck_assert_ptr_nonnull(strstr(log, "one\n"));
	ck_assert_ptr_nonnull(strstr(log, "two\n"));
	ck_assert_msg(strstr(log, "12345\n"), "%s", log);
	ck_assert_int_eq(m.result.log_bytes, 14);
	ck_assert_int_eq(m.result.log_lines, 3);
	proto_done(&m);
}
END_TEST

START_TEST(followers_see_lines_while_it_runs)
{
	struct proto_message m, r;
	spec_shell(&e, &m, "echo first; until [ -e go ]; do sleep 0.01; done; echo last");
	engine_send(&e, &m);
	wait_for_log(&e, "first\n");
	engine_recv(&e, &r);
	ck_assert_int_eq(r.type, MSG_STARTED);
	ck_assert_int_eq(r.start_time, proc_start_time((pid_t)r.pid));
	proto_done(&r);
	engine_recv(&e, &r);
	ck_assert_int_eq(r.type, MSG_PROGRESS);
	ck_assert_int_eq(r.bytes, 6);
	ck_assert_int_eq(r.lines, 1);
	proto_done(&r);
	make_file(&e, "go", "", 0600);
	engine_wait(&e, MSG_RESULT, &r);
	auto_free char *log = engine_log(&e);
	ck_assert_str_eq(log, "first\nlast\n");
	engine_ack(&e, &r);
	proto_done(&r);
}
END_TEST

START_TEST(the_tail_is_as_long_as_wanted)
{
	struct proto_message m, r;
	for (int want = 0; want < 2; want++) {
		spec_shell(&e, &m, "i=0; while [ $i -lt 9000 ]; do echo line $i; i=$((i+1)); done; exit 1");
		m.spec.want_tail = want;
		engine_run(&e, &m, &r);
		size_t len = strlen(r.result.tail), max = want ? 64 * KIB : 4 * KIB;
		ck_assert_uint_le(len, max);
		ck_assert_uint_gt(len, max - 100);
		ck_assert_msg(str_starts(r.result.tail, "line "), "%.40s", r.result.tail);
		ck_assert_ptr_nonnull(strstr(r.result.tail, "line 8999\n"));
		proto_done(&r);
	}
}
END_TEST

static int64_t peak_kib(pid_t pid)
{
	auto_free char *path = xasprintf("/proc/%d/status", (int)pid), *text = NULL;
	ck_assert_int_eq(fs_read(path, 64 * KIB, &text, NULL, NULL), ERR_OK);
	const char *line = strstr(text, "VmHWM:");
	ck_assert_ptr_nonnull(line);
	return strtoll(line + 6, NULL, 10);
}

START_TEST(big_output_takes_little_memory)
{
	struct proto_message m;
	engine_shell(&e, "yes 'a line of some length, as logs have them' | head -c 100000000", &m);
	ck_assert_int_eq(m.result.log_bytes, 100000000);
	ck_assert_int_eq(m.result.log_lost, 0);
	auto_free char *path = xasprintf("%s/logs/%d.log", e.home, (int)e.token);
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 100000000);
	proto_done(&m);
#ifndef PAWL_SANITIZED
	ck_assert_int_lt(peak_kib(e.worker), 8 * KIB);
#else
	ck_assert_int_gt(peak_kib(e.worker), 0);
#endif
}
END_TEST

START_TEST(long_output_is_cut_in_the_middle)
{
	struct proto_message m, r;
	spec_shell(&e, &m, "echo begin; yes | head -c 1000000; echo end");
	m.spec.log_head = 1000;
	m.spec.log_tail = 1000;
	engine_run(&e, &m, &r);
	auto_free char *log = engine_log(&e);
	ck_assert(str_starts(log, "begin\ny\n"));
	ck_assert_str_eq(log + strlen(log) - 6, "y\nend\n");
	ck_assert_int_lt(r.result.log_bytes, 3000);
	ck_assert_int_eq(r.result.log_bytes, (int64_t)strlen(log));
	ck_assert_int_gt(r.result.log_dropped, 990000);
	proto_done(&r);
}
END_TEST

START_TEST(secrets_are_masked)
{
	static const char *const secrets[] = { "correct-horse", "battery-staple", NULL };
	struct proto_message m, r;
	spec_shell(&e, &m, "printf 'x correct-'; sleep 0.1; echo horse y; echo battery-staple >&2;"
			   "echo k=correct-horse > \"$PAWL_OUTPUT\"; exit 9");
	m.spec.secrets = secrets;
	engine_run(&e, &m, &r);
	auto_free char *log = engine_log(&e);
	ck_assert_msg(strstr(log, "x *** y\n") && strstr(log, "***\n"), "%s", log);
	ck_assert(!strstr(log, "horse") && !strstr(log, "staple"));
	ck_assert_str_eq(r.result.outputs, "k=***\n");
	ck_assert_int_eq(r.result.exit_code, 9);
	ck_assert(!strstr(r.result.tail, "horse"));
	ck_assert_int_ge(r.result.redacted, 2);
	proto_done(&r);

	spec_init(&e, &m);
	m.spec.argv = (const char *const[]){ "/tmp/correct-horse/x", NULL };
	m.spec.secrets = secrets;
	engine_run(&e, &m, &r);
	ck_assert_ptr_nonnull(strstr(r.result.message, "/tmp/***/x"));
	proto_done(&r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("work_worker");
	TCase *t = tcase_create("steps");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, open_engine, close_engine);
	tcase_add_loop_test(t, steps_end_as_they_do, 0, (int)COUNT(ends));
	tcase_add_test(t, many_steps_one_worker);
	tcase_add_test(t, a_silent_step_makes_no_file);
	tcase_add_test(t, a_missing_program_is_told);
	tcase_add_test(t, a_missing_folder_is_told);
	tcase_add_test(t, a_second_step_is_refused);
	tcase_add_test(t, plain_commands_end_as_under_a_shell);
	tcase_add_test(t, a_shell_that_changes_the_environment_is_kept);
	tcase_add_test(t, scripts_go_to_other_interpreters);
	tcase_add_test(t, the_environment_is_exact);
	tcase_add_test(t, no_file_and_no_signal_leaks);
	tcase_add_test(t, stdin_is_empty_or_given);
	tcase_add_test(t, a_large_start_arrives);
	tcase_add_test(t, limits_hold);
	tcase_add_test(t, outputs_are_collected);
	tcase_add_loop_test(t, bad_outputs_fail_the_step, 0, (int)COUNT(bad_outputs));
	tcase_add_test(t, both_streams_are_kept);
	tcase_add_test(t, followers_see_lines_while_it_runs);
	tcase_add_test(t, the_tail_is_as_long_as_wanted);
	tcase_add_test(t, big_output_takes_little_memory);
	tcase_add_test(t, long_output_is_cut_in_the_middle);
	tcase_add_test(t, secrets_are_masked);
	suite_add_tcase(s, t);
	return run_suite(s);
}
