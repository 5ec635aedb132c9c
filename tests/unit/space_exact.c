/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots where exactness is hard: files that change without their times telling, or while they are read; links,
 * holes, permissions; and settings of git by which other programs change bytes or leave files out. */
#include "space/snapshot.h"

#include "tests/unit/space_tree.h"

#include <grp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define OK(call) ck_assert_msg((call) == ERR_OK, "%s", err.message)
#define NOBODY 65534

static struct err err;
static struct world w;

static void setup(void)
{
	(void)umask(022);
	world_open(&w);
}

static void teardown(void)
{
	world_close(&w);
}

static void snap(char *id, struct space_report *report)
{
	OK(space_snapshot(w.store, w.folder, NULL, id, report, &err));
}

static void back(const char *id)
{
	CLEANUP(space_restored_done) struct space_restored done = { 0 };
	OK(space_restore(w.store, w.folder, id, &done, &err));
}

static void is_exact(const char *id, const struct str *wanted)
{
	auto_str now = STR_INIT;
	back(id);
	picture(w.folder, "", &now);
	ck_assert_str_eq(str_text(&now), str_text(wanted));
}

static char *inside(const char *path)
{
	return xasprintf("%s/%s", w.folder, path);
}

static void has_text(const char *path, const char *wanted)
{
	auto_free char *text = NULL;
	OK(fs_read(path, 64 * KIB, &text, NULL, &err));
	ck_assert_str_eq(text, wanted);
}

/* Size and inode stay, times are set back, and all happens within one tick of the clock that stamps files. */
START_TEST(changes_that_times_hide_are_seen)
{
	char last[SPACE_ID_LEN + 1] = "", id[SPACE_ID_LEN + 1];
	const struct timespec old[2] = { { 1000, 1 }, { 1000, 1 } };
	put(&w, "other", "stays");
	put(&w, "file", "0000");
	auto_free char *path = inside("file");
	for (int i = 0; i < 30; i++) {
		char text[8];
		(void)snprintf(text, sizeof text, "%04d", i);
		int fd = open(path, O_WRONLY);
		ck_assert(pwrite(fd, text, 4, 0) == 4 && futimens(fd, old) == 0);
		(void)close(fd);
		snap(id, NULL);
		ck_assert_str_ne(id, last);
		memcpy(last, id, sizeof last);
	}
	put(&w, "file", "last");
	back(id);
	has_text(path, "0029");
}
END_TEST

/* Written to, replaced, made and removed all the time; once that ends, the next snapshot is exact. */
START_TEST(changes_while_it_is_taken)
{
	char id[SPACE_ID_LEN + 1];
	struct rng r = { 5 };
	for (int i = 0; i < 100; i++)
		change(&w, &r);
	put(&w, "grows", "");
	pid_t pid = fork();
	if (pid == 0) {
		auto_free char *grows = inside("grows");
		int fd = open(grows, O_WRONLY | O_APPEND);
		for (;;) {
			(void)fs_write_all(fd, "a line more\n", 12);
			change(&w, &r);
		}
	}
	int taken = 0;
	for (int i = 0; i < 10; i++) {
		enum err_code code = space_snapshot(w.store, w.folder, NULL, id, NULL, &err);
		ck_assert_msg(code == ERR_OK || code == ERR_CONFLICT, "%s", err.message);
		taken += code == ERR_OK;
	}
	int status;
	(void)kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_gt(taken, 0);
	auto_str wanted = STR_INIT;
	snap(id, NULL);
	picture(w.folder, "", &wanted);
	for (int i = 0; i < 50; i++)
		change(&w, &r);
	is_exact(id, &wanted);
}
END_TEST

START_TEST(names_of_one_file)
{
	char id[SPACE_ID_LEN + 1];
	auto_free char *one = inside("one"), *two = inside("two"), *outside = xasprintf("%s/outside", w.root);
	put(&w, "one", "first");
	ck_assert(link(one, two) == 0 && link(one, outside) == 0);
	snap(id, NULL);
	int fd = open(two, O_WRONLY | O_TRUNC);
	ck_assert(fs_write_all(fd, "second", 6));
	(void)close(fd);
	has_text(one, "second");
	back(id);
	has_text(one, "first");
	has_text(two, "first");
	has_text(outside, "second"); /* not in the workspace: nobody asked for it to go back */
}
END_TEST

START_TEST(holes_stay_holes)
{
	char id[SPACE_ID_LEN + 1];
	auto_free char *path = inside("image");
	int fd = open(path, O_RDWR | O_CREAT, 0644);
	ck_assert(pwrite(fd, "begin", 5, 0) == 5 && pwrite(fd, "middle", 6, 8 * MIB + 777) == 6);
	ck_assert_int_eq(ftruncate(fd, 32 * MIB + 5), 0);
	(void)close(fd);
	auto_str wanted = STR_INIT;
	picture(w.folder, "", &wanted);
	snap(id, NULL);
	put(&w, "image", "small now");
	is_exact(id, &wanted);
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_lt(st.st_blocks * 512, 2 * MIB);
}
END_TEST

START_TEST(what_cannot_be_read_is_named)
{
	char id[SPACE_ID_LEN + 1];
	auto_report report = { 0 };
	if (geteuid() == 0) { /* who may read everything cannot test this */
		ck_assert(chown(w.root, NOBODY, NOBODY) == 0 && chown(w.folder, NOBODY, NOBODY) == 0);
		ck_assert(setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0);
		ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
	}
	put(&w, "file", "covered");
	put(&w, "secret", "not for us");
	put(&w, "no-list/file", "1");
	put(&w, "no-enter/file", "2");
	auto_free char *secret = inside("secret"), *list = inside("no-list"), *enter = inside("no-enter");
	auto_free char *socket_path = inside("socket"), *file = inside("file");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	(void)close(fd);
	ck_assert(chmod(secret, 0) == 0 && chmod(list, 0300) == 0 && chmod(enter, 0600) == 0);
	snap(id, &report);
	put(&w, "file", "changed");
	back(id);
	has_text(file, "covered");
	ck_assert(chmod(secret, 0600) == 0 && chmod(list, 0700) == 0 && chmod(enter, 0700) == 0);
	auto_free char *kept = inside("no-enter/file"), *listed = inside("no-list/file");
	has_text(secret, "not for us");
	has_text(kept, "2");
	has_text(listed, "1");
	ck_assert_uint_eq(report.files, 1);
	ck_assert_uint_eq(report.nleft[SPACE_LEFT_UNREADABLE], 3);
	ck_assert_uint_eq(report.nleft[SPACE_LEFT_SOCKET], 1);
	ck_assert_uint_eq(report.n, 4);
	ck_assert_str_eq(report.left[0].path, "no-enter/file");
	ck_assert_str_eq(report.left[1].path, "no-list/");
	ck_assert_str_eq(report.left[2].path, "secret");
	ck_assert_str_eq(report.left[3].path, "socket");
}
END_TEST

/* ---- settings of git ---- */

static void shell(const char *commands)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (chdir(w.folder) == 0)
			execl("/bin/sh", "sh", "-euc", commands, (char *)NULL);
		_exit(127);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "%s", commands);
}

static void make_repository(void)
{
	put(&w, "text", "one\r\ntwo $Id$\n");
	put(&w, "tracked.o", "ignored, but tracked");
	put(&w, "left.o", "ignored");
	put(&w, ".gitignore", "*.o\n");
	put(&w, ".gitattributes", "* text eol=lf ident export-ignore filter=x working-tree-encoding=UTF-16\nsub -diff\n");
	shell("export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1\n"
	      "g() { git -c user.name=t -c user.email=t@t -c protocol.file.allow=always -c core.attributesFile=/dev/null \"$@\"; }\n"
	      "git init -q ../theirs; echo s >../theirs/inner\n"
	      "g -C ../theirs add inner; g -C ../theirs commit -qm s\n"
	      "mv .gitattributes ..; g init -q .; g submodule --quiet add ../theirs sub 2>/dev/null\n"
	      "g add -f text tracked.o .gitignore; g commit -qm first; mv ../.gitattributes .");
}

/* The user's settings, the system's environment and a repository of somebody else have no say. */
START_TEST(settings_have_no_say)
{
	char clean[SPACE_ID_LEN + 1], id[SPACE_ID_LEN + 1];
	make_repository();
	snap(clean, NULL);
	auto_str wanted = STR_INIT;
	picture(w.folder, "", &wanted);
	auto_free char *home = xasprintf("%s/home", w.root), *config = xasprintf("%s/.gitconfig", home);
	auto_free char *trap = xasprintf("%s/trap", home), *trace = xasprintf("%s/trace", w.root);
	auto_free char *elsewhere = xasprintf("%s/elsewhere", w.root), *everything = xasprintf("%s/ignore", home);
	auto_free char *script = xasprintf("#!/bin/sh\necho \"$0 $*\" >>'%s'\n", trace);
	auto_free char *settings = xasprintf(
		"[core]\n\tautocrlf = true\n\tfsmonitor = %s\n\thooksPath = %s\n\texcludesFile = %s\n\tignoreCase = true\n"
		"\tsymlinks = false\n\tfileMode = false\n\tbigFileThreshold = 1\n[filter \"x\"]\n\tclean = %s\n\tsmudge = %s\n"
		"\trequired = true\n[safe]\n\tbareRepository = explicit\n\tdirectory = /nowhere\n[init]\n\tdefaultObjectFormat = "
		"sha256\n\ttemplateDir = %s\n[extensions]\n\tpartialClone = origin\n[gc]\n\tauto = 1\n",
		trap, home, everything, trap, trap, home);
	OK(fs_mkdirs(home, 0755, &err));
	OK(fs_write(config, settings, strlen(settings), 0644, &err));
	OK(fs_write(trap, script, strlen(script), 0755, &err));
	OK(fs_write(everything, "*\n", 2, 0644, &err));
	const char *const environment[][2] = {
		{ "HOME", home }, { "XDG_CONFIG_HOME", home }, { "GIT_CONFIG_GLOBAL", config }, { "GIT_CONFIG_SYSTEM", config },
		{ "GIT_DIR", elsewhere }, { "GIT_WORK_TREE", elsewhere }, { "GIT_INDEX_FILE", elsewhere },
		{ "GIT_OBJECT_DIRECTORY", elsewhere }, { "GIT_ALTERNATE_OBJECT_DIRECTORIES", elsewhere },
		{ "GIT_COMMON_DIR", elsewhere }, { "GIT_NAMESPACE", "other" }, { "GIT_EXEC_PATH", home },
		{ "GIT_TEMPLATE_DIR", home }, { "GIT_CONFIG_COUNT", "1" }, { "GIT_CONFIG_KEY_0", "core.autocrlf" },
		{ "GIT_CONFIG_VALUE_0", "true" }, { "GIT_CONFIG_PARAMETERS", "'core.autocrlf=true'" },
		{ "GIT_EXTERNAL_DIFF", trap }, { "GIT_PAGER", trap }, { "GIT_SSH_COMMAND", trap }, { "GIT_TRACE", trace },
		{ "GIT_DEFAULT_HASH", "sha256" }, { "GIT_ICASE_PATHSPECS", "1" }, { "GIT_CEILING_DIRECTORIES", "/" },
	};
	for (size_t i = 0; i < COUNT(environment); i++)
		ck_assert_int_eq(setenv(environment[i][0], environment[i][1], 1), 0);
	if (geteuid() == 0) { /* a repository of somebody else, which git by itself would refuse */
		shell("chown -R 65534:65534 .git");
	}
	snap(id, NULL);
	ck_assert_str_eq(id, clean);
	auto_free char *fresh = xasprintf("%s/other-store", w.root);
	OK(space_snapshot(fresh, w.folder, NULL, id, NULL, &err));
	ck_assert_str_eq(id, clean);
	put(&w, "text", "changed\n");
	put(&w, "tracked.o", "changed");
	put(&w, "sub/inner", "changed");
	put(&w, "sub/later", "came later");
	snap(id, NULL);
	ck_assert_str_ne(id, clean);
	is_exact(clean, &wanted);
	ck_assert(has(&w, "left.o") && has(&w, "sub/.git") && has(&w, ".gitmodules"));
	ck_assert_msg(!fs_exists(trace), "something was executed, or told what it does");
	ck_assert_msg(!fs_exists(elsewhere), "something was written where the environment says");
}
END_TEST

/* The exclude file that the user's own settings name counts for git, and not for a snapshot: what it leaves out would
 * differ from user to user. What the repository says itself does count. */
START_TEST(only_the_repository_leaves_out)
{
	char id[SPACE_ID_LEN + 1];
	auto_report report = { 0 };
	make_repository();
	put(&w, "own.swp", "covered");
	put(&w, "here", "left out by info/exclude");
	shell("git config core.excludesFile ../excludes; echo '*.swp' >../excludes; echo /here >>.git/info/exclude");
	snap(id, &report);
	ck_assert_uint_eq(report.nleft[SPACE_LEFT_IGNORED], 2);
	ck_assert_uint_eq(report.nleft[SPACE_LEFT_REPOSITORY], 2);
	ck_assert_str_eq(report.left[0].path, ".git");
	ck_assert_str_eq(report.left[1].path, "here");
	ck_assert_str_eq(report.left[2].path, "left.o");
	ck_assert_str_eq(report.left[3].path, "sub/.git");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("space_exact");
	TCase *tc = tcase_create("exact");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, changes_that_times_hide_are_seen);
	tcase_add_test(tc, changes_while_it_is_taken);
	tcase_add_test(tc, names_of_one_file);
	tcase_add_test(tc, holes_stay_holes);
	tcase_add_test(tc, what_cannot_be_read_is_named);
	tcase_add_test(tc, settings_have_no_say);
	tcase_add_test(tc, only_the_repository_leaves_out);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
