/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The real console on a pseudo-terminal, beside a stand-in engine whose scene is always the same. Each
 * row types keys and compares the screen (text and attributes) with tests/golden/tui; UPDATE=1 records. */
#include "base/clock.h"
#include "base/fs.h"
#include "tests/unit/standin.h"
#include "tests/unit/term.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENV_MAX 16

struct scene {
	char *home;
	pid_t engine;
	struct term *term;
};

static const char *build_folder(void)
{
	const char *b = getenv("abs_builddir");
	return b ? b : ".";
}

static const char *source_folder(void)
{
	const char *s = getenv("srcdir");
	return s ? s : ".";
}

static bool try_connect(const char *home, int *ret_fd)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/pawl.sock", home);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
		*ret_fd = fd;
		return true;
	}
	(void)close(fd);
	return false;
}

static void start_engine(struct scene *s, const char *runs, const char *lines)
{
	auto_free char *program = xasprintf("%s/tests/tui/engine", build_folder());
	s->engine = fork();
	ck_assert_int_ge(s->engine, 0);
	if (s->engine == 0) {
		(void)execl(program, program, s->home, runs, lines, (char *)NULL);
		_exit(127);
	}
	int fd = -1;
	int64_t until = clock_mono_us() + 10000000;
	while (!try_connect(s->home, &fd)) {
		ck_assert_msg(clock_mono_us() < until, "the stand-in engine does not start");
		(void)poll(NULL, 0, 2);
	}
	(void)close(fd);
}

static void stop_engine(struct scene *s)
{
	if (s->engine <= 0)
		return;
	(void)kill(s->engine, SIGKILL);
	(void)waitpid(s->engine, NULL, 0);
	s->engine = 0;
}

/* Tell the stand-in to change its scene. */
static void tell(struct scene *s, const char *what)
{
	int fd = -1;
	char answer[256];
	ck_assert(try_connect(s->home, &fd));
	auto_free char *request =
		xasprintf("POST /test/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", what);
	ck_assert(fs_write_all(fd, request, strlen(request)));
	ck_assert_int_gt(read(fd, answer, sizeof(answer)), 0);
	(void)close(fd);
}

static void start_console(struct scene *s, int rows, int columns, const char *env, const char *options)
{
	auto_free char *program = xasprintf("%s/tests/tui/console", build_folder());
	auto_free char *home_env = xasprintf("HOME=%s", s->home);
	const char *all[ENV_MAX] = {
		home_env, "TZ=UTC", "PAWL_TEST_NOW_MS=1795270051000", "PAWL_TEST_IDLE=1",
		"PAGER=true", "EDITOR=true", NULL,
	};
	size_t n = 6;
	auto_free char *copy = xstrdup(env && *env ? env : "LC_ALL=C.UTF-8 TERM=xterm-256color");
	char *save = NULL;
	for (char *e = strtok_r(copy, " ", &save); e && n < ENV_MAX - 1; e = strtok_r(NULL, " ", &save))
		all[n++] = e;
	const char *argv[12] = { program, "--home", s->home, NULL };
	size_t argc = 3;
	auto_free char *opts = xstrdup(options ? options : "--no-session");
	save = NULL;
	for (char *o = strtok_r(opts, " ", &save); o && argc < 11; o = strtok_r(NULL, " ", &save))
		argv[argc++] = o;
	s->term = term_start(rows, columns, argv, all);
}

static struct scene *scene_open(int rows, int columns, const char *env, const char *options,
				const char *runs, const char *lines)
{
	struct scene *s = xcalloc(1, sizeof(*s));
	s->home = standin_home();
	if (runs)
		start_engine(s, runs, lines);
	start_console(s, rows, columns, env, options);
	return s;
}

static void scene_close(struct scene *s)
{
	term_stop(s->term);
	stop_engine(s);
	standin_home_remove(s->home);
	free(s);
}

static void show(const struct term *t)
{
	auto_str text = STR_INIT;
	term_dump(t, false, &text);
	(void)fprintf(stderr, "%s", str_text(&text));
}

#define expect(cond, s)                                                                            \
	do {                                                                                       \
		bool expect_ = (cond);                                                             \
		if (!expect_)                                                                      \
			show((s)->term);                                                           \
		ck_assert_msg(expect_, "%s", #cond);                                               \
	} while (0)

/* ---- screens against goldens ---- */

static const char utf8[] = "LC_ALL=C.UTF-8 TERM=xterm-256color";
static const char ascii[] = "LC_ALL=C TERM=xterm-256color";
static const char mono[] = "LC_ALL=C.UTF-8 TERM=xterm-256color NO_COLOR=1";

/* clang-format off */
static const struct { const char *name; int rows, columns; const char *env, *keys, *options; } screens[] = {
	{ "start-80x24",        24,  80, utf8,  "" },
	{ "start-120x40",       40, 120, utf8,  "" },
	{ "start-200x60",       60, 200, utf8,  "" },
	{ "start-40x10",        10,  40, utf8,  "" },
	{ "start-30x8",          8,  30, utf8,  "" },
	{ "start-80x24-ascii",  24,  80, ascii, "" },
	{ "start-120x40-ascii", 40, 120, ascii, "" },
	{ "start-200x60-ascii", 60, 200, ascii, "" },
	{ "start-40x10-ascii",  10,  40, ascii, "" },
	{ "start-80x24-mono",   24,  80, mono,  "" },
	{ "start-80x24-light",  24,  80, utf8,  "", "--no-session --theme light" },
	{ "start-200x60-light", 60, 200, utf8,  "", "--no-session --theme light" },
	{ "start-80x24-contrast", 24, 80, utf8, "", "--no-session --theme contrast" },
	{ "start-80x24-colorblind", 24, 80, utf8, "", "--no-session --theme colorblind" },
	{ "queue-80x24",        24,  80, utf8,  "1" },
	{ "queue-200x60",       60, 200, utf8,  "1 j j" },
	{ "runs-80x24",         24,  80, utf8,  "2" },
	{ "runs-running-80x24", 24,  80, utf8,  "2 j" },
	{ "runs-120x40",        40, 120, utf8,  "2 j j j" },
	{ "log-80x24",          24,  80, utf8,  "4" },
	{ "log-40x10",          10,  40, utf8,  "4" },
	{ "log-first-80x24",    24,  80, utf8,  "4 g" },
	{ "log-colors-80x24",   24,  80, utf8,  "4 : 122 <Enter>" },
	{ "log-wrap-80x24",     24,  80, utf8,  "4 w : 122 <Enter>" },
	{ "log-search-80x24",   24,  80, utf8,  "4 / needle <Enter> N" },
	{ "log-sideways-80x24", 24,  80, utf8,  "4 / FARAWAY <Enter>" },
	{ "log-filter-80x24",   24,  80, utf8,  "4 & NEEDLE|assertion <Enter>" },
	{ "log-context-80x24",  24,  80, utf8,  "4 & NEEDLE|assertion <Enter> + +" },
	{ "log-utc-80x24",      24,  80, utf8,  "4 t t" },
	{ "zoom-80x24",         24,  80, utf8,  "4 z" },
	{ "zoom-runs-120x40",   40, 120, utf8,  "2 z" },
	{ "filter-80x24",       24,  80, utf8,  "2 / train" },
	{ "saved-filter-80x24", 24,  80, utf8,  ", p" },
	{ "marks-80x24",        24,  80, utf8,  "2 <Space> <Space>" },
	{ "sort-120x40",        40, 120, utf8,  "2 s" },
	{ "confirm-80x24",      24,  80, utf8,  "2 j X" },
	{ "retry-80x24",        24,  80, utf8,  "2 r" },
	{ "retried-80x24",      24,  80, utf8,  "2 r y" },
	{ "resume-from-80x24",  24,  80, utf8,  "R <C-u> fe <Tab> <Enter>" },
	{ "canceled-80x24",     24,  80, utf8,  "2 j X y" },
	{ "paused-80x24",       24,  80, utf8,  "2 j p" },
	{ "undone-80x24",       24,  80, utf8,  "2 j p u" },
	{ "refused-80x24",      24,  80, utf8,  "2 X" },
	{ "queue-paused-120x40", 40, 120, utf8, "P y" },
	{ "held-80x24",         24,  80, utf8,  "1 H" },
	{ "priority-80x24",     24,  80, utf8,  "1 + = 42 <Enter>" },
	{ "read-only-80x24",    24,  80, utf8,  "2 j p", "--no-session --read-only" },
	{ "help-80x24",         24,  80, utf8,  "?" },
	{ "help-filter-80x24",  24,  80, utf8,  "? / copy" },
	{ "palette-80x24",      24,  80, utf8,  ": pau" },
	{ "prefix-80x24",       24,  80, utf8,  "y" },
	{ "events-120x40",      40, 120, utf8,  "L" },
	{ "inspect-80x24",      24,  80, utf8,  "i" },
	{ "inspect-120x40",     40, 120, utf8,  "i G" },
	{ "why-80x24",          24,  80, utf8,  "W" },
	{ "diff-80x24",         24,  80, utf8,  "d" },
	{ "diff-next-80x24",    24,  80, utf8,  "d n n" },
	{ "decide-80x24",       24,  80, utf8,  "2 j j j j j 3 Y perhaps <Enter>" },
	{ "rounds-80x24", 24, 80, utf8, "2 j j j j j 3" },
	{ "rounds-120x40", 40, 120, utf8, "2 j j j j j 3" },
	{ "rounds-200x60", 60, 200, utf8, "2 j j j j j 3" },
	{ "rounds-zoom-120x40", 40, 120, utf8, "2 j j j j j 3 z" },
	{ "rounds-80x24-ascii", 24, 80, ascii, "2 j j j j j 3" },
	{ "rounds-120x40-ascii", 40, 120, ascii, "2 j j j j j 3" },
	{ "checks-80x24", 24, 80, utf8, "2 j j j j j 3 E" },
	{ "checks-120x40", 40, 120, utf8, "2 j j j j j 3 E" },
	{ "checks-80x24-ascii", 24, 80, ascii, "2 j j j j j 3 E" },
	{ "checks-120x40-ascii", 40, 120, ascii, "2 j j j j j 3 E" },
	{ "transcript-80x24", 24, 80, utf8, "2 j j j j j 3 t" },
	{ "transcript-120x40", 40, 120, utf8, "2 j j j j j 3 t" },
	{ "transcript-80x24-ascii", 24, 80, ascii, "2 j j j j j 3 t" },
	{ "transcript-120x40-ascii", 40, 120, ascii, "2 j j j j j 3 t" },
	{ "prompt-80x24", 24, 80, utf8, "2 j j j j j 3 I" },
	{ "prompt-120x40", 40, 120, utf8, "2 j j j j j 3 I" },
	{ "prompt-80x24-ascii", 24, 80, ascii, "2 j j j j j 3 I" },
	{ "prompt-120x40-ascii", 40, 120, ascii, "2 j j j j j 3 I" },
	{ "decisions-80x24", 24, 80, utf8, "2 j j j j j 3 J" },
	{ "decisions-120x40", 40, 120, utf8, "2 j j j j j 3 J" },
	{ "decisions-80x24-ascii", 24, 80, ascii, "2 j j j j j 3 J" },
	{ "decisions-120x40-ascii", 40, 120, ascii, "2 j j j j j 3 J" },
	{ "checks-outside-80x24", 24, 80, utf8, "2 j j j j j 3 E n <Enter>" },
	{ "transcript-open-80x24", 24, 80, utf8, "2 j j j j j 3 t - n n n" },
	{ "prompt-first-80x24", 24, 80, utf8, "2 j j j j j 3 I { {" },
	{ "questions-80x24", 24, 80, utf8, "Y" },
	{ "questions-120x40", 40, 120, utf8, "Y" },
	{ "questions-80x24-ascii", 24, 80, ascii, "Y" },
	{ "questions-120x40-ascii", 40, 120, ascii, "Y" },
	{ "answer-tab-80x24", 24, 80, utf8, "2 j j j j j 3 Y red <Tab>" },
	{ "breakers-80x24", 24, 80, utf8, "O" },
	{ "breakers-120x40", 40, 120, utf8, "O" },
	{ "breakers-80x24-ascii", 24, 80, ascii, "O" },
	{ "breakers-120x40-ascii", 40, 120, ascii, "O" },
	{ "breaker-open-80x24", 24, 80, utf8, "O j o bill <Enter>" },
	{ "palette-outside-80x24", 24, 80, utf8, ": pawl" },
	{ "skip-80x24",         24,  80, utf8,  "x not needed" },
	{ "checkpoints-80x24",  24,  80, utf8,  "B j" },
	{ "checkpoints-120x40", 40, 120, utf8,  "B" },
	{ "files-80x24",        24,  80, utf8,  "B d n" },
	{ "rollback-80x24",     24,  80, utf8,  "B <Enter> 48" },
	{ "rolled-back-80x24",  24,  80, utf8,  "B <Enter> 4813 <Enter> 4812 <Enter>" },
	{ "rollback-options-80x24", 24, 80, utf8, "B <Enter> K 48" },
	{ "resume-options-80x24", 24, 80, utf8, "R <C-u> fe <Tab> <Enter> O K O" },
	{ "fork-options-40x12", 12,  40, ascii, "B F K" },
	{ "stale-80x24",        24,  80, utf8,  "2 j j j j j j 3" },
	{ "stale-80x24-ascii",  24,  80, ascii, "2 j j j j j j 3" },
	{ "stale-graph-120x40", 40, 120, utf8,  "2 j j j j j j D" },
	{ "stale-graph-80x24-ascii", 24, 80, ascii, "2 j j j j j j D" },
	{ "break-120x40",       40, 120, utf8,  "D h b" },
	{ "graph-120x40",       40, 120, utf8,  "D" },
	{ "graph-80x24-ascii",  24,  80, ascii, "D h" },
};
/* clang-format on */

/* What the console writes about its home differs from run to run. */
static void compare(const char *name, const struct term *t)
{
	auto_str now = STR_INIT;
	auto_free char *path = xasprintf("%s/tests/golden/tui/%s.txt", source_folder(), name);
	term_dump(t, true, &now);
	if (getenv("UPDATE")) {
		ck_assert_int_eq(fs_write(path, now.p, now.len, 0644, NULL), ERR_OK);
		return;
	}
	auto_free char *was = NULL;
	size_t len = 0;
	struct err err = { 0 };
	ck_assert_msg(fs_read(path, 4 * MIB, &was, &len, &err) == ERR_OK, "%s", err.message);
	if (!str_eq(was, str_text(&now)))
		(void)fprintf(stderr, "---- %s: expected\n%s---- is\n%s", name, was, str_text(&now));
	ck_assert_msg(str_eq(was, str_text(&now)), "%s differs; UPDATE=1 records it", name);
}

START_TEST(screen_is_as_recorded)
{
	struct scene *s = scene_open(screens[_i].rows, screens[_i].columns, screens[_i].env,
				     screens[_i].options, "1000", "18214");
	expect(term_settle(s->term), s);
	expect(term_type(s->term, screens[_i].keys), s);
	compare(screens[_i].name, s->term);
	scene_close(s);
}
END_TEST

/* ---- behaviour ---- */

START_TEST(engine_loss_keeps_the_picture)
{
	struct scene *s = scene_open(24, 80, utf8, NULL, "10", "18214");
	expect(term_settle(s->term), s);
	stop_engine(s);
	expect(term_wait(s->term, "ENGINE DOWN"), s);
	expect(term_has(s->term, "assertion failed: expected 3, got 4"), s);
	expect(term_has(s->term, "ITERATIONS"), s);
	expect(term_type(s->term, "2 j p"), s);
	expect(term_has(s->term, "not sent: the engine is down"), s);
	start_engine(s, "10", "18214");
	term_send(s->term, "\022", 1); /* ^R: at once */
	expect(term_wait(s->term, "engine up"), s);
	scene_close(s);
}
END_TEST

START_TEST(console_starts_without_an_engine)
{
	struct scene *s = scene_open(24, 80, utf8, NULL, NULL, NULL);
	expect(term_wait(s->term, "ENGINE DOWN"), s);
	expect(term_wait(s->term, "cannot be read"), s);
	expect(!term_has(s->term, "no runs yet"), s);
	start_engine(s, "10", "18214");
	term_send(s->term, "\022", 1);
	expect(term_wait(s->term, "assertion failed: expected 3"), s);
	scene_close(s);
}
END_TEST

START_TEST(an_empty_engine_says_so)
{
	struct scene *s = scene_open(24, 80, utf8, NULL, "0", "18214");
	expect(term_settle(s->term), s);
	tell(s, "empty");
	term_send(s->term, "q", 1);
	ck_assert_int_eq(term_end(s->term), 0);
	term_stop(s->term);
	start_console(s, 24, 80, utf8, NULL);
	expect(term_wait(s->term, "no runs yet; A submits a workflow"), s);
	expect(term_type(s->term, "1 f j k G <Enter> 4 / x <Enter> n e D D D i"), s);
	expect(term_type(s->term, "<Esc> 1"), s);
	expect(term_has(s->term, "nothing waits"), s);
	scene_close(s);
}
END_TEST

START_TEST(new_failure_rings)
{
	struct scene *s = scene_open(24, 80, utf8, NULL, "0", "18214");
	expect(term_settle(s->term), s);
	ck_assert_int_eq(term_bells(s->term), 0);
	tell(s, "fail");
	expect(term_wait(s->term, "failed: r-000004811"), s);
	ck_assert_int_eq(term_bells(s->term), 1);
	/* The selection did not move. */
	expect(term_has(s->term, "run r-000004812"), s);
	expect(term_type(s->term, "f"), s);
	expect(term_has(s->term, "run r-000004812") || term_has(s->term, "run r-000004811"), s);
	scene_close(s);
}
END_TEST

START_TEST(following_shows_what_is_written)
{
	struct scene *s = scene_open(24, 80, utf8, NULL, "0", "500");
	expect(term_settle(s->term), s);
	expect(term_type(s->term, "2 j <Enter> <Enter>"), s);
	expect(term_has(s->term, "following"), s);
	tell(s, "append");
	expect(term_wait(s->term, "appended 503"), s);
	expect(term_type(s->term, "k k"), s);
	expect(term_has(s->term, "held"), s);
	tell(s, "append");
	expect(term_wait(s->term, "3 new"), s);
	expect(!term_has(s->term, "appended 506"), s);
	expect(term_type(s->term, "F"), s);
	expect(term_has(s->term, "appended 506"), s);
	scene_close(s);
}
END_TEST

START_TEST(acknowledging_goes_to_the_next_failure)
{
	struct scene *s = scene_open(24, 80, utf8, NULL, "0", "18214");
	expect(term_settle(s->term), s);
	expect(term_has(s->term, "new 2"), s);
	expect(term_type(s->term, "a"), s);
	expect(term_wait(s->term, "new 1"), s);
	expect(term_type(s->term, "f"), s);
	expect(term_wait(s->term, "run r-000004807"), s);
	scene_close(s);
}
END_TEST

START_TEST(hostile_log_touches_nothing)
{
	struct scene *s = scene_open(24, 80, utf8, NULL, "0", "18214");
	expect(term_settle(s->term), s);
	tell(s, "hostile");
	expect(term_type(s->term, "2 j j <Enter> <Enter> : 101 <Enter>"), s);
	for (int i = 0; i < 60; i++)
		expect(term_type(s->term, "<Space>"), s);
	expect(term_has(s->term, "LOG"), s);
	ck_assert_ptr_null(term_title(s->term));
	ck_assert_uint_eq(term_answers(s->term), 0);
	ck_assert(term_alternate(s->term));
	ck_assert_ptr_null(memmem(term_bytes(s->term)->p, term_bytes(s->term)->len, "\033]52", 4));
	ck_assert_ptr_null(memmem(term_bytes(s->term)->p, term_bytes(s->term)->len, "\xe2\x80\xae", 3));
	scene_close(s);
}
END_TEST

START_TEST(copying_goes_to_the_clipboard)
{
	struct scene *s = scene_open(24, 80, utf8, NULL, "0", "18214");
	expect(term_settle(s->term), s);
	expect(term_type(s->term, "4 y i"), s);
	/* base64 of r-000004812 */
	expect(term_wait_bytes(s->term, "\033]52;c;ci0wMDAwMDQ4MTI=\a"), s);
	/* and of: pawl rollback r-000004812 3 --keep-files */
	expect(term_type(s->term, "B <Enter> K C"), s);
	expect(term_wait_bytes(s->term, "\033]52;c;cGF3bCByb2xsYmFjayByLTAwMDAwNDgxMiAzIC0ta2VlcC1maWxlcw==\a"), s);
	scene_close(s);
}
END_TEST

START_TEST(submit_form_checks_and_sends)
{
	struct scene *s = scene_open(24, 80, utf8, NULL, "0", "18214");
	auto_free char *good = xasprintf("%s/good.yaml", s->home);
	auto_free char *bad = xasprintf("%s/bad.yaml", s->home);
	ck_assert_int_eq(fs_write(good, "name: demo\n", 11, 0644, NULL), ERR_OK);
	ck_assert_int_eq(fs_write(bad, "bogus: 1\n", 9, 0644, NULL), ERR_OK);
	expect(term_settle(s->term), s);
	auto_free char *type_bad = xasprintf("A %s <Enter>", bad);
	auto_free char *type_good = xasprintf("A %s <Enter>", good);
	expect(term_type(s->term, type_bad), s);
	expect(term_wait(s->term, "3:5: nodes.a: unknown key 'bogus'"), s);
	expect(term_type(s->term, "<Esc>"), s);
	expect(term_type(s->term, type_good), s);
	expect(term_wait(s->term, "suite"), s);
	expect(term_type(s->term, "<Right> <Enter>"), s);
	expect(term_wait(s->term, "jobs is required"), s);
	expect(term_type(s->term, "x <Enter>"), s);
	expect(term_wait(s->term, "expected a whole number"), s);
	expect(term_type(s->term, "<BS> 8 <Enter>"), s);
	expect(term_wait(s->term, "submitted o-000000999"), s);
	scene_close(s);
}
END_TEST

START_TEST(paste_is_no_command)
{
	struct scene *s = scene_open(24, 80, utf8, NULL, "0", "18214");
	expect(term_settle(s->term), s);
	term_send(s->term, "\033[200~qXy\033[201~", 15);
	expect(term_wait(s->term, "pasted text is not taken as keys"), s);
	expect(term_type(s->term, "2"), s);
	scene_close(s);
}
END_TEST

START_TEST(resize_storm_is_survived)
{
	static const int sizes[][2] = { { 1, 1 }, { 3, 10 }, { 24, 80 }, { 100, 300 }, { 2, 200 },
					{ 60, 5 }, { 10, 40 }, { 9, 39 }, { 24, 99 }, { 25, 100 } };
	struct scene *s = scene_open(24, 80, utf8, NULL, "100", "18214");
	expect(term_settle(s->term), s);
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < COUNT(sizes); i++) {
			term_resize(s->term, sizes[i][0], sizes[i][1]);
			expect(term_type(s->term, round == 1 ? "4" : "3"), s);
		}
	term_resize(s->term, 24, 80);
	expect(term_wait(s->term, "ITERATIONS"), s);
	expect(term_wait(s->term, "assertion failed: expected 3, got 4"), s);
	scene_close(s);
}
END_TEST

START_TEST(suspending_gives_the_terminal_back)
{
	struct scene *s = scene_open(24, 80, utf8, NULL, "0", "18214");
	expect(term_settle(s->term), s);
	term_send(s->term, "\032", 1);
	expect(term_stopped(s->term), s);
	ck_assert(!term_alternate(s->term));
	ck_assert(term_cursor(s->term));
	term_mark(s->term);
	term_signal(s->term, SIGCONT);
	expect(term_wait_bytes(s->term, "ITERATIONS"), s);
	ck_assert(term_alternate(s->term));
	expect(term_type(s->term, "j"), s);
	scene_close(s);
}
END_TEST

static const int endings[] = { SIGTERM, SIGHUP, SIGINT };

START_TEST(signals_leave_the_terminal_clean)
{
	struct scene *s = scene_open(24, 80, utf8, "--no-session --mouse", "0", "18214");
	expect(term_settle(s->term), s);
	term_signal(s->term, endings[_i]);
	ck_assert_int_eq(term_end(s->term), 128 + endings[_i]);
	ck_assert(!term_alternate(s->term));
	ck_assert(term_cursor(s->term));
	const struct str *b = term_bytes(s->term);
	ck_assert_ptr_nonnull(memmem(b->p, b->len, "\033[?2004l", 8));
	ck_assert_ptr_nonnull(memmem(b->p, b->len, "1000l", 5));
	scene_close(s);
}
END_TEST

/* clang-format off */
static const struct { const char *term; int status; const char *says; } terms[] = {
	{ "xterm-256color", -1, "ITERATIONS" }, { "tmux-256color", -1, "ITERATIONS" }, { "screen", -1, "ITERATIONS" },
	{ "linux", -1, "ITERATIONS" }, { "vt100", -1, "ITERATIONS" },
	{ "dumb", 2, "pawl status --watch" }, { "no-such-terminal", 2, "pawl status --watch" },
};
/* clang-format on */

START_TEST(terminals_work_or_are_refused)
{
	auto_free char *env = xasprintf("LC_ALL=C.UTF-8 TERM=%s", terms[_i].term);
	struct scene *s = scene_open(24, 80, env, NULL, "0", "18214");
	expect(term_wait(s->term, terms[_i].says), s);
	if (terms[_i].status < 0)
		term_send(s->term, "q", 1);
	ck_assert_int_eq(term_end(s->term), MAX(terms[_i].status, 0));
	scene_close(s);
}
END_TEST

/* Every key of every pane, with a failed, a running, a paused, a waiting, an ended run selected: the console
 * stays, and still answers. */
START_TEST(every_key_in_every_state)
{
	static const char *const keys =
		"j k <C-f> <C-b> <C-d> <C-u> <Space> g G l h z z < > f [ ] e E p Z . U <Esc> X <Esc> a P <Esc> H "
		"K J + - = <Esc> u / <Esc> * <Esc> s S C V <Esc> n N & <Esc> F w t { } m a ' a x o v y l y i y c "
		"b ! e <Esc> x <Esc> c <Esc> Y <Esc> d n N <Esc> W n N [ ] h l <Esc> t n N - E n <Enter> d n <Esc> I J { } <Enter> <Esc> O o <Esc> c <Esc> = <Esc> <Esc> B j k d n <Esc> B <Enter> <Esc> F <Esc> <Esc> D D D i <Esc> L <Esc> ? <Esc> : <Esc> A <Esc> M M T <C-l> <C-r> <Tab> <S-Tab>";
	struct scene *s = scene_open(24, 80, utf8, NULL, "20", "18214");
	expect(term_settle(s->term), s);
	auto_str go = STR_INIT;
	str_add(&go, "2 g");
	for (int i = 0; i < _i / 4; i++)
		str_add(&go, " j");
	str_addf(&go, " %d", _i % 4 + 1);
	expect(term_type(s->term, str_text(&go)), s);
	expect(term_type(s->term, keys), s);
	expect(term_type(s->term, "<Esc> <Esc> <Esc> 2"), s);
	expect(term_wait(s->term, "[2] RUNS"), s);
	scene_close(s);
}
END_TEST

/* Keys at random, faster than they are answered, while the scene changes, the window too, and the engine goes and
 * comes. Left out: what leaves the console (q, C-z, !, e) or writes files (S). PAWL_MONKEY_STEPS makes it longer. */
START_TEST(random_keys_are_survived)
{
	static const char *const keys[] = {
		"j", "k", "j", "k", "g", "G", "h", "l", "z", "<", ">", "f", "[", "]", "E", "p", "Z", ".", "U", "X", "a", "P", "H", "K",
		"J", "+", "-", "=", "u", "/", "*", "s", "C", "V", "n", "N", "&", "F", "w", "t", "{", "}", "m", "'", "x", "o", "v",
		"y", "c", "b", "Y", "d", "W", "I", "O", "B", "D", "i", "L", "A", "M", "T", "R", "r", "1", "2", "3", "4", "0", "9", " ",
		"\r", "\r", "\t", "\033", "\033", "\177", "\006", "\002", "\004", "\025", "\014", "\022", "\001", "\033[A",
		"\033[B", "\033[Z", "\033[5~", "\033[6~", "\033[1;5Q", "\033[<0;3;4M", "\377", "\xe6\x9e\x84", "\xcc\x81",
		":run\033", "?jjk\033", "/.*(\r", "&!x+\r", ",f", ",a", "\033[200~X\ry\033]0;a\007\xe2\x80\xae\033[201~",
	};
	static const char *const news[] = { "append", "fail", "hostile", "flood" };
	static const int sizes[][2] = { { 24, 80 }, { 40, 120 }, { 60, 200 }, { 10, 40 }, { 4, 12 }, { 7, 300 }, { 90, 20 } };
	const char *wanted = getenv("PAWL_MONKEY_STEPS");
	long steps = wanted ? strtol(wanted, NULL, 10) : 400;
	unsigned int seed = (unsigned int)_i * 7919U + 17U;
	struct scene *s = scene_open(24, 80, _i % 2 ? "LC_ALL=C TERM=screen" : utf8, NULL, "200", "18214");
	expect(term_settle(s->term), s);
	for (long i = 0; i < steps; i++) {
		int dice = rand_r(&seed) % 100;
		const char *key = keys[(size_t)rand_r(&seed) % COUNT(keys)];
		if (dice == 0 && s->engine)
			tell(s, news[(size_t)rand_r(&seed) % COUNT(news)]);
		else if (dice == 1 && i % 7 == 0)
			stop_engine(s);
		else if (dice == 2 && !s->engine)
			start_engine(s, "200", "18214");
		else if (dice < 6)
			term_resize(s->term, sizes[dice][0], sizes[dice][1]);
		else
			term_send(s->term, key, strlen(key));
		if (i % 16 == 15)
			ck_assert_msg(term_settle(s->term), "after step %ld: not idle, or ended with %d", i, term_end(s->term));
	}
	if (!s->engine)
		start_engine(s, "200", "18214");
	term_resize(s->term, 24, 80);
	expect(term_type(s->term, "<Esc> <Esc> <Esc> <Esc> <C-r> 2"), s);
	expect(term_wait(s->term, "[2] "), s);
	term_send(s->term, "q", 1);
	ck_assert_int_eq(term_end(s->term), 0);
	scene_close(s);
}
END_TEST

START_TEST(session_is_restored)
{
	struct scene *s = scene_open(24, 80, utf8, "--ascii", "5", "18214");
	expect(term_settle(s->term), s);
	expect(term_type(s->term, "a"), s);
	expect(term_wait(s->term, "new 1"), s);
	expect(term_type(s->term, "f a"), s);
	expect(term_wait(s->term, "run r-000004807"), s);
	expect(term_type(s->term, "2 j w"), s);
	term_send(s->term, "q", 1);
	ck_assert_int_eq(term_end(s->term), 0);
	term_stop(s->term);
	start_console(s, 24, 80, utf8, "--ascii");
	expect(term_settle(s->term), s);
	expect(term_has(s->term, "[2] RUNS"), s);
	expect(term_has(s->term, ">? r-000004806"), s);
	scene_close(s);
}
END_TEST

/* Bytes are what a slow link feels. */
START_TEST(keys_cost_few_bytes)
{
	struct scene *s = scene_open(24, 80, utf8, NULL, "1000", "18214");
	expect(term_settle(s->term), s);
	const size_t idle = sizeof("\033]999;idle\a") - 1;
	expect(term_type(s->term, "4 g"), s);
	term_mark(s->term);
	expect(term_type(s->term, "j j j j j j j j j j j j j j j j j j j j"), s);
	size_t marks = 0;
	for (const char *p = term_bytes(s->term)->p; (p = strstr(p, "\033]999;")) != NULL; p += idle)
		marks++;
	ck_assert_uint_le((term_bytes(s->term)->len - marks * idle) / 20, 250);
	scene_close(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tui_screens");
	TCase *c = tcase_create("screens");
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, screen_is_as_recorded, 0, (int)COUNT(screens));
	tcase_add_test(c, engine_loss_keeps_the_picture);
	tcase_add_test(c, console_starts_without_an_engine);
	tcase_add_test(c, an_empty_engine_says_so);
	tcase_add_test(c, new_failure_rings);
	tcase_add_test(c, following_shows_what_is_written);
	tcase_add_test(c, acknowledging_goes_to_the_next_failure);
	tcase_add_test(c, hostile_log_touches_nothing);
	tcase_add_test(c, copying_goes_to_the_clipboard);
	tcase_add_test(c, submit_form_checks_and_sends);
	tcase_add_test(c, paste_is_no_command);
	tcase_add_test(c, resize_storm_is_survived);
	tcase_add_test(c, suspending_gives_the_terminal_back);
	tcase_add_loop_test(c, signals_leave_the_terminal_clean, 0, (int)COUNT(endings));
	tcase_add_loop_test(c, terminals_work_or_are_refused, 0, (int)COUNT(terms));
	tcase_add_loop_test(c, every_key_in_every_state, 0, 4 * 8);
	tcase_add_test(c, session_is_restored);
	tcase_add_test(c, keys_cost_few_bytes);
	suite_add_tcase(suite, c);
	TCase *monkey = tcase_create("monkey");
	tcase_set_timeout(monkey, getenv("PAWL_MONKEY_STEPS") ? 3600 : 60);
	tcase_add_loop_test(monkey, random_keys_are_survived, 0, 6);
	suite_add_tcase(suite, monkey);
	SRunner *r = srunner_create(suite);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
