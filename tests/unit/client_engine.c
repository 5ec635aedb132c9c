/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting an engine on demand, with a script in its place that plays the parts an engine can play.
 */
#include "base/fs.h"
#include "client/client.h"
#include "tests/unit/standin.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *home;

/* A program that is started as pawld. */
static void engine_is(const char *script)
{
	home = standin_home();
	auto_free char *path = xasprintf("%s/engine", home),
		       *text = xasprintf("#!/bin/sh\n%s\n", script);
	ck_assert_int_eq(fs_write(path, text, strlen(text), 0700, NULL), ERR_OK);
	ck_assert_int_eq(setenv("PAWL_ENGINE", path, 1), 0);
}

static void teardown(void)
{
	standin_home_remove(TAKE(home));
}

/* clang-format off */
static const struct { const char *script; enum err_code code; const char *says; } failures[] = {
	{ "echo 'error: the store is locked' >&3; exit 6", ERR_UNAVAILABLE, "the store is locked" },
	{ "exit 7", ERR_UNAVAILABLE, "status 7" },
	{ "kill -9 $$", ERR_UNAVAILABLE, "signal 9" },
	{ "echo ready >&3", ERR_UNAVAILABLE, "no engine answers" },
};
/* clang-format on */

START_TEST(a_start_that_fails_says_why)
{
	engine_is(failures[_i].script);
	struct client *c = NULL;
	struct err err;
	ck_assert_int_eq(engine_ensure(home, NULL, &c, &err), failures[_i].code);
	ck_assert_msg(strstr(err.message, failures[_i].says) != NULL, "%s", err.message);
	ck_assert_ptr_null(c);
}
END_TEST

START_TEST(it_starts_in_a_clean_place)
{
	/* What the script saw goes into a file; it says that it is ready when the file is whole. */
	engine_is("{ echo \"$@\"; pwd; ls /proc/self/fd | tr '\\n' ' '; echo; "
	          "[ \"$(ps -o sid= -p $$)\" -eq $$ ] && echo session; } > ${0%engine}seen 2>&1; "
	          "echo noise; echo ready >&3");
	static const char *const settings[] = { "steps=3", "trace=on", NULL };
	struct client *c = NULL;
	ck_assert_int_eq(engine_ensure(home, settings, &c, NULL),
	                 ERR_UNAVAILABLE); /* nobody listens */
	auto_free char *seen = NULL, *log = NULL;
	auto_free char *seen_path = xasprintf("%s/seen", home),
		       *log_path = xasprintf("%s/pawld.log", home);
	ck_assert_int_eq(fs_read(seen_path, 4096, &seen, NULL, NULL), ERR_OK);
	ck_assert_int_eq(fs_read(log_path, 4096, &log, NULL, NULL), ERR_OK);
	auto_free char *args =
	    xasprintf("--home %s --ready-fd 3 --set steps=3 --set trace=on\n/\n", home);
	ck_assert_msg(str_starts(seen, args), "%s", seen);
	ck_assert_ptr_nonnull(strstr(seen, "session"));
	ck_assert_str_eq(log, "noise\n");
	struct stat st;
	ck_assert_int_eq(stat(log_path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(an_engine_that_answers_is_not_started_again)
{
	engine_is("touch ${0%engine}started; echo ready >&3");
	static const struct standin_row rows[] = { { "GET /v1/engine", "{\"pid\":1}" } };
	struct standin *server = standin_start(home, rows, COUNT(rows));
	struct client *c = NULL;
	ck_assert_int_eq(engine_ensure(home, NULL, &c, NULL), ERR_OK);
	ck_assert_int_eq(client_call(c, "GET", "/v1/engine", NULL, NULL, NULL), ERR_OK);
	ck_assert_uint_eq(standin_connections(server), 1);
	auto_free char *started = xasprintf("%s/started", home);
	ck_assert(!fs_exists(started));
	client_free(c);
	standin_stop(server);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_named)
{
	engine_is("exit 0");
	ck_assert_int_eq(setenv("PAWL_ENGINE", "/nonexistent/pawld", 1), 0);
	struct client *c = NULL;
	struct err err;
	ck_assert_int_eq(engine_ensure(home, NULL, &c, &err), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.message, "/nonexistent/pawld"));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("engine");
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, a_start_that_fails_says_why, 0, COUNT(failures));
	tcase_add_test(tc, it_starts_in_a_clean_place);
	tcase_add_test(tc, an_engine_that_answers_is_not_started_again);
	tcase_add_test(tc, a_program_that_is_not_there_is_named);
	Suite *s = suite_create("client_engine");
	suite_add_tcase(s, tc);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
