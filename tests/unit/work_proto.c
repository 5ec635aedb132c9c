/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages between engine and worker: what goes in comes out, and damaged ones are refused. */
#include "base/fs.h"
#include "base/rng.h"
#include "work/proto.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const argv_rows[] = { "sh", "-eu", "-c", "", NULL };
static const char *const env_rows[] = { "A=1", "PATH=/bin", "EMPTY=", NULL };
static const char *const secret_rows[] = { "s3cret-value", NULL };

static struct proto_message full_start(void)
{
	struct proto_message m = { .type = MSG_START };
	m.spec = (struct step_spec){
		.key = { .run = INT64_C(1) << 60, .node = 7, .generation = 1, .iteration = 2,
			 .attempt = 3, .token = 99 },
		.run_id = "r-123456789", .node_name = "build", .argv = argv_rows, .env = env_rows,
		.script = "echo hello", .script_file = true, .plain = true,
		.stdin_bytes = "a\0b", .stdin_len = 3, .cwd = "/tmp", .log_path = "/tmp/x.log",
		.secrets = secret_rows, .want_tail = true, .timeout_ms = 1, .grace_ms = 2,
		.log_head = 3, .log_tail = 4, .memory_bytes = 5, .cpu_s = 6, .file_bytes = 7,
		.open_files = 8, .processes = 9, .umask = -1,
	};
	return m;
}

static struct proto_message full_result(void)
{
	struct proto_message m = { .type = MSG_RESULT };
	m.result = (struct step_result){
		.key = { .token = 5 }, .class = CLASS_TIMEOUT, .exit_code = -1, .signal = 9,
		.started_ms = 1, .ended_ms = 2, .frozen_ms = 3, .cpu_us = 4, .rss_kib = 5,
		.log_bytes = 6, .log_lines = 7, .log_dropped = 8, .log_lost = 9, .redacted = 10,
		.leftover = 11, .outputs = "", .outputs_len = 0, .message = "m", .tail = "t\n",
	};
	return m;
}

static struct proto_message full_hello(void)
{
	struct proto_message m = { .type = MSG_HELLO };
	m.hello = (struct worker_hello){ .version = 1, .pid = 2, .start_time = 3, .boot_id = "b",
					 .program = "p", .phase = WORKER_DONE, .key = { .token = 4 },
					 .child_pid = 5, .child_start = 6, .frozen = true };
	return m;
}

static void same_list(const char *const *a, const char *const *b)
{
	for (; *a && *b; a++, b++)
		ck_assert_str_eq(*a, *b);
	ck_assert(!*a && !*b);
}

/* Encoding what was decoded gives the same bytes: so every member made the way. */
static void round_trip(const struct proto_message *m, struct proto_message *back)
{
	auto_str first = STR_INIT, second = STR_INIT;
	proto_encode(m, &first);
	struct err err;
	ck_assert_msg(proto_decode(first.p, first.len, back, &err) == ERR_OK, "%s", err.message);
	proto_encode(back, &second);
	ck_assert_uint_eq(first.len, second.len);
	ck_assert(memcmp(first.p, second.p, first.len) == 0);
}

START_TEST(start_survives)
{
	struct proto_message m = full_start(), back;
	round_trip(&m, &back);
	same_list(back.spec.argv, argv_rows);
	same_list(back.spec.env, env_rows);
	same_list(back.spec.secrets, secret_rows);
	ck_assert_uint_eq(back.spec.stdin_len, 3);
	ck_assert(memcmp(back.spec.stdin_bytes, "a\0b", 4) == 0);
	ck_assert_int_eq(back.spec.key.run, INT64_C(1) << 60);
	ck_assert_int_eq(back.spec.umask, -1);
	ck_assert(back.spec.plain && back.spec.script_file && back.spec.want_tail);
	ck_assert_int_eq(back.spec.processes, 9);
	proto_done(&back);
}
END_TEST

START_TEST(result_survives)
{
	struct proto_message m = full_result(), back;
	round_trip(&m, &back);
	ck_assert_int_eq(back.result.class, CLASS_TIMEOUT);
	ck_assert_int_eq(back.result.exit_code, -1);
	ck_assert_ptr_nonnull(back.result.outputs);
	ck_assert_uint_eq(back.result.outputs_len, 0);
	ck_assert_str_eq(back.result.tail, "t\n");
	ck_assert_int_eq(back.result.leftover, 11);
	proto_done(&back);
}
END_TEST

START_TEST(hello_survives)
{
	struct proto_message m = full_hello(), back;
	round_trip(&m, &back);
	ck_assert_int_eq(back.hello.phase, WORKER_DONE);
	ck_assert(back.hello.frozen);
	ck_assert_int_eq(back.hello.child_start, 6);
	proto_done(&back);
}
END_TEST

START_TEST(unknown_fields_are_skipped)
{
	struct proto_message m = full_hello(), back;
	auto_str bytes = STR_INIT;
	proto_encode(&m, &bytes);
	str_add_len(&bytes, "\xe8\x03\x02\0\0\0zz", 8); /* tag 1000 */
	uint32_t len = (uint32_t)bytes.len;
	memcpy(bytes.p + 4, &len, 4);
	ck_assert_int_eq(proto_decode(bytes.p, bytes.len, &back, NULL), ERR_OK);
	ck_assert_int_eq(back.hello.pid, 2);
	proto_done(&back);
}
END_TEST

START_TEST(a_newer_version_is_told)
{
	struct proto_message m = full_hello(), back;
	auto_str bytes = STR_INIT;
	proto_encode(&m, &bytes);
	bytes.p[2] = PROTO_VERSION + 1;
	ck_assert_int_eq(proto_decode(bytes.p, bytes.len, &back, NULL), ERR_VERSION);
}
END_TEST

/* Every prefix is refused; random damage is refused or gives a message that can be encoded. */
START_TEST(damage_does_no_harm)
{
	struct proto_message m = full_start(), back;
	auto_str bytes = STR_INIT;
	proto_encode(&m, &bytes);
	for (size_t len = 0; len < bytes.len; len++) {
		auto_free char *cut = xmemdup(bytes.p, len);
		ck_assert_int_ne(proto_decode(cut, len, &back, NULL), ERR_OK);
	}
	struct rng rng = { 42 };
	int accepted = 0, refused = 0;
	for (int i = 0; i < 20000; i++) {
		auto_free char *bad = xmemdup(bytes.p, bytes.len);
		for (uint64_t n = 1 + rng_below(&rng, 4); n; n--)
			bad[8 + rng_below(&rng, bytes.len - 8)] = (char)rng_u64(&rng);
		if (proto_decode(bad, bytes.len, &back, NULL)) {
			refused++;
			continue;
		}
		auto_str again = STR_INIT;
		proto_encode(&back, &again);
		proto_done(&back);
		accepted++;
	}
	ck_assert_int_gt(accepted, 100);
	ck_assert_int_gt(refused, 100);
}
END_TEST

/* A message beyond a packet travels in a file; no descriptor is left behind. */
START_TEST(a_large_message_travels)
{
	int pair[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	struct proto_message m = full_start(), back;
	size_t len = 3 * MIB;
	auto_free char *script = xmalloc(len + 1);
	memset(script, 'x', len);
	script[len] = '\0';
	m.spec.script = script;
	int before = dup(0);
	(void)close(before);
	ck_assert_int_eq(proto_send(pair[0], &m, NULL), ERR_OK);
	ck_assert_int_eq(proto_recv(pair[1], &back, NULL), ERR_OK);
	ck_assert_str_eq(back.spec.script, script);
	same_list(back.spec.env, env_rows);
	proto_done(&back);
	int after = dup(0);
	(void)close(after);
	ck_assert_int_eq(before, after);

	m.spec.stdin_bytes = script;
	m.spec.stdin_len = len;
	ck_assert_int_eq(proto_send(pair[0], &m, NULL), ERR_TOO_LARGE);

	ck_assert_int_eq(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(proto_recv(pair[1], &back, NULL), ERR_TIMEOUT);
	(void)close(pair[0]);
	ck_assert_int_eq(proto_recv(pair[1], &back, NULL), ERR_UNAVAILABLE);
	ck_assert_int_eq(proto_send(pair[1], &m, NULL), ERR_TOO_LARGE);
	m = full_hello();
	ck_assert_int_eq(proto_send(pair[1], &m, NULL), ERR_UNAVAILABLE);
	(void)close(pair[1]);
}
END_TEST

START_TEST(exit_records_are_read_back)
{
	char home[] = "/tmp/pawl-work-proto-XXXXXX";
	ck_assert_ptr_nonnull(mkdtemp(home));
	struct proto_message m = full_result(), back;
	ck_assert_int_eq(exit_record_write(home, &m.result, NULL), ERR_OK);
	auto_free char *path = xasprintf("%s/spool/5.exit", home);
	ck_assert_int_eq(exit_record_read(path, &back, NULL), ERR_OK);
	ck_assert_int_eq(back.key.token, 5);
	ck_assert_str_eq(back.result.message, "m");
	proto_done(&back);
	ck_assert_int_eq(fs_write(path, "junk", 4, 0600, NULL), ERR_OK);
	ck_assert_int_eq(exit_record_read(path, &back, NULL), ERR_CORRUPT);
	ck_assert_int_eq(fs_rmtree(home, NULL), ERR_OK);
}
END_TEST

START_TEST(the_spool_is_swept)
{
	char home[] = "/tmp/pawl-work-proto-XXXXXX";
	ck_assert_ptr_nonnull(mkdtemp(home));
	pid_t gone = fork();
	if (gone == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(gone, NULL, 0), gone);
	auto_free char *spool = xasprintf("%s/spool", home);
	auto_free char *dead = xasprintf("%s/w%d/sub", spool, (int)gone);
	auto_free char *alive = xasprintf("%s/w%d", spool, (int)getpid());
	auto_free char *tmp = xasprintf("%s/7.exit.%d.tmp", spool, (int)gone);
	auto_free char *record = xasprintf("%s/7.exit", spool), *other = xasprintf("%s/wonder", spool);
	ck_assert_int_eq(fs_mkdirs(dead, 0700, NULL), ERR_OK);
	ck_assert_int_eq(fs_mkdirs(alive, 0700, NULL), ERR_OK);
	const char *const files[] = { tmp, record, other };
	for (size_t i = 0; i < COUNT(files); i++)
		ck_assert_int_eq(fs_write(files[i], "x", 1, 0600, NULL), ERR_OK);
	spool_sweep(home);
	ck_assert(!fs_exists(dead) && !fs_exists(tmp));
	ck_assert(fs_exists(alive) && fs_exists(record) && fs_exists(other));
	ck_assert_int_eq(fs_rmtree(home, NULL), ERR_OK);
	spool_sweep(home); /* nothing there: nothing to do */
}
END_TEST

int main(void)
{
	Suite *s = suite_create("work_proto");
	TCase *t = tcase_create("messages");
	tcase_add_test(t, start_survives);
	tcase_add_test(t, result_survives);
	tcase_add_test(t, hello_survives);
	tcase_add_test(t, unknown_fields_are_skipped);
	tcase_add_test(t, a_newer_version_is_told);
	tcase_add_test(t, damage_does_no_harm);
	tcase_add_test(t, a_large_message_travels);
	tcase_add_test(t, exit_records_are_read_back);
	tcase_add_test(t, the_spool_is_swept);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
