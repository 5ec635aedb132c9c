/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots and restores: exact on random trees, finished after any interruption, and deaf to what a
 * folder's own repository would have executed. */
#include "space/snapshot.h"

#include "tests/unit/space_tree.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define OK(call) ck_assert_msg((call) == ERR_OK, "%s", err.message)

static struct err err;
static struct world w;
static const struct space_options plain = { false }, everything = { .include_ignored = true };

static void setup(void)
{
	(void)umask(022);
	world_open(&w);
}

static void teardown(void)
{
	world_close(&w);
}

static void snap(const struct space_options *options, char *id, struct space_report *report)
{
	OK(space_snapshot(w.store, w.folder, options, id, report, &err));
}

static void back(const char *id)
{
	CLEANUP(space_restored_done) struct space_restored done = { 0 };
	OK(space_restore(w.store, w.folder, id, &done, &err));
}

START_TEST(random_trees_come_back)
{
	struct rng r = { (uint64_t)_i * 7919 + 1 };
	char ids[4][SPACE_ID_LEN + 1];
	struct str pictures[4] = { STR_INIT, STR_INIT, STR_INIT, STR_INIT };
	for (size_t round = 0; round < COUNT(ids); round++) {
		for (size_t i = 0; i < 60; i++)
			change(&w, &r);
		snap(&plain, ids[round], NULL);
		picture(w.folder, "", &pictures[round]);
	}
	for (size_t i = 0; i < 6; i++) {
		size_t to = rng_below(&r, COUNT(ids));
		for (uint64_t n = rng_below(&r, 30); n > 0; n--)
			change(&w, &r);
		back(ids[to]);
		auto_str now = STR_INIT;
		picture(w.folder, "", &now);
		ck_assert_str_eq(str_text(&now), str_text(&pictures[to]));
		char again[SPACE_ID_LEN + 1];
		snap(&plain, again, NULL);
		ck_assert_str_eq(again, ids[to]);
	}
	for (size_t i = 0; i < COUNT(pictures); i++)
		str_done(&pictures[i]);
}
END_TEST

START_TEST(unchanged_files_are_not_read)
{
	char first[SPACE_ID_LEN + 1], second[SPACE_ID_LEN + 1];
	auto_report report = { 0 };
	struct timespec old[2] = { { 1000, 1 }, { 1000, 1 } };
	put(&w, "dir/file", "text");
	auto_free char *path = xasprintf("%s/dir/file", w.folder);
	snap(&plain, first, NULL);
	/* Until the file is old enough to be believed, it is read. */
	for (report.read = 1; report.read;) {
		space_report_done(&report);
		snap(&plain, second, &report);
		ck_assert_str_eq(first, second);
		put(&w, "tick", "");
		snap(&plain, second, NULL);
		auto_free char *tick = xasprintf("%s/tick", w.folder);
		ck_assert_int_eq(unlink(tick), 0);
	}
	/* Same size, times set back: the change of the inode betrays it. */
	int fd = open(path, O_WRONLY);
	ck_assert(fs_write_all(fd, "TEXT", 4));
	ck_assert_int_eq(futimens(fd, old), 0);
	(void)close(fd);
	snap(&plain, second, NULL);
	ck_assert_str_ne(first, second);
}
END_TEST

START_TEST(what_is_not_covered_is_named)
{
	char id[SPACE_ID_LEN + 1];
	auto_report report = { 0 };
	put(&w, ".gitignore", "*.o\n/out/\n!keep.o\n");
	put(&w, "a.o", "object");
	put(&w, "keep.o", "kept");
	put(&w, "out/x", "made");
	put(&w, "nested/.git/HEAD", "ref: refs/heads/main\n");
	put(&w, "nested/file", "theirs");
	auto_free char *fifo = xasprintf("%s/pipe", w.folder);
	ck_assert_int_eq(mkfifo(fifo, 0644), 0);
	snap(&plain, id, &report);
	ck_assert_uint_eq(report.files, 3);
	ck_assert_uint_eq(report.nleft[SPACE_LEFT_IGNORED], 2);
	ck_assert_uint_eq(report.nleft[SPACE_LEFT_REPOSITORY], 1);
	ck_assert_uint_eq(report.nleft[SPACE_LEFT_FIFO], 1);
	ck_assert_uint_eq(report.n, 4);
	ck_assert_str_eq(report.left[0].path, "a.o");
	ck_assert_str_eq(report.left[1].path, "nested/.git");
	ck_assert_str_eq(report.left[2].path, "out/");
	ck_assert_str_eq(report.left[3].path, "pipe");
	put(&w, "nested/file", "changed");
	put(&w, "nested/later", "x");
	put(&w, "a.o", "rebuilt");
	back(id);
	ck_assert(has(&w, "a.o") && has(&w, "out/x") && has(&w, "pipe") && has(&w, "nested/.git/HEAD"));
	ck_assert(!has(&w, "nested/later"));
	auto_report all = { 0 };
	snap(&everything, id, &all);
	ck_assert_uint_eq(all.files, 5);
	put(&w, "a.o", "once more");
	back(id);
	auto_free char *object = xasprintf("%s/a.o", w.folder), *text = NULL;
	OK(fs_read(object, 100, &text, NULL, &err));
	ck_assert_str_eq(text, "rebuilt");
}
END_TEST

static size_t files_in(const char *folder)
{
	struct dirent **list;
	int n = scandir(folder, &list, NULL, NULL);
	ck_assert_int_ge(n, 0);
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return (size_t)n;
}

/* Each is a pack of its own at first; a store with thousands of them would get slower with each. */
START_TEST(many_snapshots_are_few_packs)
{
	char ids[70][SPACE_ID_LEN + 1];
	auto_free char *packs = xasprintf("%s/objects/pack", w.store);
	put(&w, "stays", "as it is");
	for (size_t i = 0; i < COUNT(ids); i++) {
		auto_free char *text = xasprintf("%zu", i);
		put(&w, "file", text);
		snap(&plain, ids[i], NULL);
	}
	ck_assert_uint_lt(files_in(packs), COUNT(ids) * 2);
	auto_free char *file = xasprintf("%s/file", w.folder);
	for (size_t i = 0; i < COUNT(ids); i += 7) {
		auto_free char *wanted = xasprintf("%zu", i), *text = NULL;
		back(ids[i]);
		OK(fs_read(file, 100, &text, NULL, &err));
		ck_assert_str_eq(text, wanted);
		ck_assert(has(&w, "stays"));
	}
}
END_TEST

/* The rules of the snapshot decide, not the present ones. */
START_TEST(ignore_rules_are_those_of_the_time)
{
	char id[SPACE_ID_LEN + 1];
	put(&w, ".gitignore", "*.log\n");
	put(&w, "old.log", "of old");
	put(&w, "file", "x");
	snap(&plain, id, NULL);
	put(&w, ".gitignore", "*.tmp\n");
	put(&w, "new.tmp", "came later");
	back(id);
	ck_assert(has(&w, "old.log"));
	ck_assert(!has(&w, "new.tmp"));
	bool same = false;
	OK(space_same(w.store, w.folder, id, &same, &err));
	ck_assert(same);
	put(&w, "file", "y");
	OK(space_same(w.store, w.folder, id, &same, &err));
	ck_assert(!same);
}
END_TEST

START_TEST(what_stands_in_the_way_is_kept)
{
	char id[SPACE_ID_LEN + 1];
	put(&w, "thing", "a file");
	put(&w, "other", "1");
	snap(&plain, id, NULL);
	put(&w, "other", "2");
	auto_free char *thing = xasprintf("%s/thing", w.folder);
	ck_assert_int_eq(unlink(thing), 0);
	put(&w, "thing/.git/HEAD", "a repository now");
	auto_str before = STR_INIT, after = STR_INIT;
	picture(w.folder, "", &before);
	struct space_restored done = { 0 };
	ck_assert_int_eq(space_restore(w.store, w.folder, id, &done, &err), ERR_CONFLICT);
	ck_assert_ptr_nonnull(strstr(err.message, "thing/.git"));
	picture(w.folder, "", &after);
	ck_assert_str_eq(str_text(&before), str_text(&after));
}
END_TEST

/* A link to the outside in the place of a folder is replaced, and nothing is written through it. */
START_TEST(links_lead_nowhere)
{
	char id[SPACE_ID_LEN + 1];
	put(&w, "dir/victim", "inside");
	snap(&plain, id, NULL);
	auto_free char *dir = xasprintf("%s/dir", w.folder), *outside = xasprintf("%s/outside", w.root);
	auto_free char *victim = xasprintf("%s/victim", outside), *text = NULL;
	OK(fs_rmtree(dir, &err));
	ck_assert_int_eq(mkdir(outside, 0755), 0);
	OK(fs_write(victim, "outside", 7, 0644, &err));
	ck_assert_int_eq(symlink(outside, dir), 0);
	back(id);
	OK(fs_read(victim, 100, &text, NULL, &err));
	ck_assert_str_eq(text, "outside");
	struct stat st;
	ck_assert(lstat(dir, &st) == 0 && S_ISDIR(st.st_mode));
}
END_TEST

/* Our process is killed somewhere within a restore; git is killed on its own in every other case. */
START_TEST(interrupted_restores_are_finished)
{
	struct rng r = { (uint64_t)_i + 77 };
	char from[SPACE_ID_LEN + 1], to[SPACE_ID_LEN + 1];
	for (int i = 0; i < 200; i++)
		change(&w, &r);
	snap(&plain, to, NULL);
	auto_str wanted = STR_INIT, now = STR_INIT;
	picture(w.folder, "", &wanted);
	for (int i = 0; i < 200; i++)
		change(&w, &r);
	snap(&plain, from, NULL);
	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			CLEANUP(space_restored_done) struct space_restored done = { 0 };
			_exit(space_restore(w.store, w.folder, i % 2 ? from : to, &done, NULL) != ERR_OK);
		}
		struct timespec t = { 0, (long)rng_below(&r, 40000000) };
		int status;
		(void)nanosleep(&t, NULL); /* the moment is random; nothing depends on it */
		(void)kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	}
	back(to);
	picture(w.folder, "", &now);
	ck_assert_str_eq(str_text(&now), str_text(&wanted));
}
END_TEST

/* Several at once, in a store that none has made yet; some are killed, and their folder comes next. */
START_TEST(many_share_a_store)
{
	struct rng r = { 99 };
	char dirs[4][8], id[SPACE_ID_LEN + 1];
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(dirs[i], sizeof dirs[i], "d%zu", i);
		for (size_t k = 0; k < 50; k++) {
			auto_free char *name = xasprintf("%s/f%zu", dirs[i], k);
			put(&w, name, name);
		}
	}
	for (int round = 0; round < 6; round++) {
		pid_t pids[4];
		for (size_t i = 0; i < 4; i++) {
			auto_free char *folder = xasprintf("%s/%s", w.folder, dirs[i]);
			auto_free char *name = xasprintf("%s/round%d", dirs[i], round);
			put(&w, name, name);
			pids[i] = fork();
			if (pids[i] == 0)
				_exit(space_snapshot(w.store, folder, &plain, id, NULL, NULL) != ERR_OK);
		}
		for (size_t i = 0; i < 4; i++) {
			bool doomed = round % 2 && i < 2;
			struct timespec t = { 0, (long)rng_below(&r, 10000000) };
			if (doomed) {
				(void)nanosleep(&t, NULL); /* the moment is random; nothing depends on it */
				(void)kill(pids[i], SIGKILL);
			}
			int status;
			ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
			ck_assert(doomed || status == 0);
		}
	}
	snap(&plain, id, NULL);
	auto_free char *f = xasprintf("%s/d1/f3", w.folder);
	ck_assert_int_eq(unlink(f), 0);
	CLEANUP(space_restored_done) struct space_restored preview = { 0 };
	OK(space_restore_preview(w.store, w.folder, id, &preview, &err));
	ck_assert_uint_eq(preview.written, 1);
	ck_assert(!fs_exists(f));
	back(id);
	ck_assert(fs_exists(f));
}
END_TEST

static bool note(void *with, const char *path, enum space_change change)
{
	str_addf(with, "%s %s\n", space_change_name(change), path);
	return true;
}

START_TEST(differences_are_told)
{
	char a[SPACE_ID_LEN + 1], b[SPACE_ID_LEN + 1];
	put(&w, "same", "1");
	put(&w, "gone", "1");
	put(&w, "text", "one\ntwo\n");
	put(&w, "program", "1");
	put(&w, "private", "1");
	put(&w, "turns", "1");
	snap(&plain, a, NULL);
	auto_free char *gone = xasprintf("%s/gone", w.folder), *turns = xasprintf("%s/turns", w.folder);
	auto_free char *program = xasprintf("%s/program", w.folder);
	auto_free char *own = xasprintf("%s/private", w.folder), *dir = xasprintf("%s/void", w.folder);
	put(&w, "new\nline", "1");
	put(&w, "text", "one\n2\n");
	ck_assert(unlink(gone) == 0 && unlink(turns) == 0 && symlink("x", turns) == 0);
	ck_assert(chmod(program, 0755) == 0 && chmod(own, 0600) == 0 && mkdir(dir, 0755) == 0);
	snap(&plain, b, NULL);
	auto_str told = STR_INIT, text = STR_INIT, patch = STR_INIT;
	OK(space_diff(w.store, a, b, note, &told, &err));
	ck_assert_str_eq(str_text(&told), "removed gone\nadded new\nline\nmode program\nmodified text\n"
					  "kind turns\nadded void\nmode private\n");
	OK(space_diff_text(w.store, a, b, "text", 64 * KIB, &text, &err));
	ck_assert_ptr_nonnull(strstr(text.p, "--- a/text\n+++ b/text\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"));
	OK(space_diff_text(w.store, a, b, NULL, 64 * KIB, &patch, &err));
	ck_assert_ptr_nonnull(strstr(patch.p, "deleted file mode"));
	ck_assert_int_eq(space_diff_text(w.store, a, b, NULL, 10, &patch, &err), ERR_TOO_LARGE);
}
END_TEST

/* Which permissions are usual says nothing of a single file. */
START_TEST(permissions_that_stay_are_no_difference)
{
	char a[SPACE_ID_LEN + 1], b[SPACE_ID_LEN + 1];
	auto_str told = STR_INIT;
	auto_free char *one = xasprintf("%s/1", w.folder), *two = xasprintf("%s/d/2", w.folder);
	ck_assert_int_eq(chmod(w.folder, 0700), 0);
	put(&w, "1", "1");
	put(&w, "d/2", "2");
	put(&w, "d/e/3", "3");
	ck_assert(chmod(one, 0600) == 0 && chmod(two, 0600) == 0);
	snap(&plain, a, NULL);
	put(&w, "4", "4");
	put(&w, "d/f/5", "5");
	put(&w, "d/f/6", "6");
	ck_assert_int_eq(unlink(two), 0);
	auto_free char *three = xasprintf("%s/d/e/3", w.folder);
	ck_assert_int_eq(chmod(three, 0600), 0);
	ck_assert_int_eq(chmod(w.folder, 0711), 0);
	snap(&plain, b, NULL);
	OK(space_diff(w.store, a, b, note, &told, &err));
	ck_assert_str_eq(str_text(&told), "added 4\nremoved d/2\nadded d/f/5\nadded d/f/6\nmode \nmode d/e/3\n");
}
END_TEST

START_TEST(only_what_is_kept_stays)
{
	char a[SPACE_ID_LEN + 1], b[SPACE_ID_LEN + 1], c[SPACE_ID_LEN + 1];
	const char *keep[] = { a, b };
	uint64_t bytes = 0;
	put(&w, "file", "first");
	snap(&plain, a, NULL);
	put(&w, "file", "second");
	snap(&plain, b, NULL);
	put(&w, "file", "third");
	snap(&plain, c, NULL);
	const char *wrong[] = { a, "0123456789012345678901234567890123456789" };
	ck_assert_int_eq(space_gc(w.store, wrong, 2, NULL, &err), ERR_NOT_FOUND);
	back(c);
	OK(space_gc(w.store, keep, 2, &bytes, &err));
	ck_assert_uint_gt(bytes, 0);
	struct space_restored done = { 0 };
	ck_assert_int_eq(space_restore(w.store, w.folder, c, &done, &err), ERR_NOT_FOUND);
	back(a);
	back(b);
	OK(space_gc(w.store, keep, 1, NULL, &err));
	ck_assert_int_eq(space_restore(w.store, w.folder, b, &done, &err), ERR_NOT_FOUND);
	back(a);
}
END_TEST

/* ---- a hostile repository ---- */

static void git(const char *arguments)
{
	auto_free char *command = xasprintf("cd '%s' && git -c user.name=t -c user.email=t@t %s", w.folder,
					    arguments);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "%s", command);
}

START_TEST(nothing_of_the_repository_is_executed)
{
	char id[SPACE_ID_LEN + 1];
	put(&w, "file.txt", "one\r\ntwo $Id$\n");
	put(&w, "tracked.o", "ignored, but tracked");
	put(&w, ".gitignore", "*.o\n");
	git("init -q . && git add -f . && git -c user.name=t -c user.email=t@t commit -qm first");
	auto_free char *evil = xasprintf("%s/evil", w.root), *trace = xasprintf("%s/trace", w.root);
	auto_free char *script = xasprintf("#!/bin/sh\necho \"$0 $*\" >>'%s'\ncat\n", trace);
	OK(fs_write(evil, script, strlen(script), 0755, &err));
	static const char *const settings[] = { "filter.x.clean", "filter.x.smudge", "filter.x.process",
						"diff.x.textconv", "diff.x.command", "diff.external",
						"core.fsmonitor", "core.sshCommand", "core.pager" };
	for (size_t i = 0; i < COUNT(settings); i++) {
		auto_free char *set = xasprintf("config %s '%s'", settings[i], evil);
		git(set);
	}
	git("config core.autocrlf true && git config core.hooksPath .git/hooks");
	auto_free char *hooks = xasprintf("%s/.git/hooks", w.folder);
	OK(fs_mkdirs(hooks, 0755, &err));
	static const char *const names[] = { "pre-commit", "post-checkout", "post-index-change",
					     "reference-transaction", "fsmonitor-watchman" };
	for (size_t i = 0; i < COUNT(names); i++) {
		auto_free char *hook = xasprintf("%s/%s", hooks, names[i]);
		OK(fs_write(hook, script, strlen(script), 0755, &err));
	}
	put(&w, ".gitattributes", "* filter=x diff=x text ident eol=crlf working-tree-encoding=UTF-16\n");
	(void)unlink(trace);
	auto_str repository = STR_INIT, repository_after = STR_INIT, before = STR_INIT, after = STR_INIT;
	auto_free char *dotgit = xasprintf("%s/.git", w.folder);
	picture(dotgit, "", &repository);
	auto_report report = { 0 };
	snap(&plain, id, &report);
	ck_assert_uint_eq(report.files, 4);
	picture(w.folder, "", &before);
	put(&w, "file.txt", "changed");
	put(&w, "tracked.o", "changed");
	put(&w, "later.txt", "later");
	back(id);
	picture(w.folder, "", &after);
	picture(dotgit, "", &repository_after);
	ck_assert_str_eq(str_text(&before), str_text(&after));
	ck_assert_str_eq(str_text(&repository), str_text(&repository_after));
	ck_assert_msg(!fs_exists(trace), "something was executed");
	git("status >/dev/null 2>&1 || :"); /* the trap is one: who goes there without care is caught */
	ck_assert(fs_exists(trace));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("space_snapshot");
	TCase *tc = tcase_create("snapshot");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, random_trees_come_back, 0, 12);
	tcase_add_test(tc, unchanged_files_are_not_read);
	tcase_add_test(tc, what_is_not_covered_is_named);
	tcase_add_test(tc, many_snapshots_are_few_packs);
	tcase_add_test(tc, ignore_rules_are_those_of_the_time);
	tcase_add_test(tc, what_stands_in_the_way_is_kept);
	tcase_add_test(tc, links_lead_nowhere);
	tcase_add_loop_test(tc, interrupted_restores_are_finished, 0, 4);
	tcase_add_test(tc, many_share_a_store);
	tcase_add_test(tc, differences_are_told);
	tcase_add_test(tc, permissions_that_stay_are_no_difference);
	tcase_add_test(tc, only_what_is_kept_stays);
	tcase_add_test(tc, nothing_of_the_repository_is_executed);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
