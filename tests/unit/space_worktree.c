/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run's worktree: the repository is left as it was but for the branch, and nothing is left behind. */
#include "space/worktree.h"

#include "tests/unit/space_tree.h"

#include <sys/wait.h>

#define OK(call) ck_assert_msg((call) == ERR_OK, "%s", err.message)

static struct err err;
static struct world w;
static char *tree;

static void git(const char *arguments)
{
	auto_free char *command = xasprintf(
		"cd '%s' && export GIT_CONFIG_GLOBAL=/dev/null && git -c user.name=t -c user.email=t@t %s",
		w.folder, arguments);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "%s", command);
}

static void setup(void)
{
	(void)umask(022);
	world_open(&w);
	tree = xasprintf("%s/run", w.root);
	put(&w, "file", "committed\n");
	git("init -q -b main . && git add . && git -c user.name=t -c user.email=t@t commit -qm first");
	put(&w, "file", "changed by the user\n");
	put(&w, "untracked", "of the user\n");
}

static void teardown(void)
{
	free(tree);
	world_close(&w);
}

static char *look(void)
{
	struct str s = STR_INIT;
	picture(w.folder, "", &s);
	return str_take(&s);
}

static bool exists(const char *in, const char *name)
{
	auto_free char *path = xasprintf("%s/%s", in, name);
	return fs_exists(path);
}

/* What git leaves in .git of the first worktree: empty folders, which are of no account. */
static void tidy(void)
{
	static const char *const left[] = { "worktrees", "refs/heads/pawl", "logs/refs/heads/pawl" };
	for (size_t i = 0; i < COUNT(left); i++) {
		auto_free char *path = xasprintf("%s/.git/%s", w.folder, left[i]);
		ck_assert(rmdir(path) == 0 || errno == ENOENT); /* fails if anything is in it */
	}
}

START_TEST(comes_and_goes)
{
	auto_free char *before = look();
	CLEANUP(worktree_done) struct worktree t = { 0 };
	OK(worktree_acquire(w.folder, tree, "r-1", "main", &t, &err));
	ck_assert_str_eq(t.branch, "pawl/r-1");
	auto_free char *path = xasprintf("%s/file", tree), *text = NULL;
	OK(fs_read(path, 100, &text, NULL, &err));
	ck_assert_str_eq(text, "committed\n");
	bool kept = true;
	OK(worktree_release(&t, &kept, &err));
	ck_assert(!kept && !fs_exists(tree));
	OK(worktree_release(&t, &kept, &err));
	tidy();
	auto_free char *after = look();
	ck_assert_str_eq(before, after);
}
END_TEST

START_TEST(a_branch_with_commits_stays)
{
	CLEANUP(worktree_done) struct worktree t = { 0 };
	OK(worktree_acquire(w.folder, tree, "r-2", NULL, &t, &err));
	auto_free char *commit = xasprintf("-C '%s' commit -q --allow-empty -m work", tree);
	git(commit);
	bool kept = false;
	OK(worktree_release(&t, &kept, &err));
	ck_assert(kept && !fs_exists(tree) && exists(w.folder, ".git/refs/heads/pawl/r-2"));
	CLEANUP(worktree_done) struct worktree again = { 0 };
	ck_assert_int_eq(worktree_acquire(w.folder, tree, "r-2", NULL, &again, &err), ERR_CONFLICT);
	ck_assert(!fs_exists(tree));
}
END_TEST

static const struct {
	const char *run, *base;
	bool no_repository, folder_taken, branch_taken, no_parent;
	enum err_code code;
} refused[] = {
	{ "r-1", "nosuch", .code = ERR_NOT_FOUND },
	{ "r-1", "--help", .code = ERR_NOT_FOUND },
	{ "../x", "main", .code = ERR_USAGE },
	{ "", "main", .code = ERR_USAGE },
	{ "-f", "main", .code = ERR_USAGE },
	{ "r-1", "main", .no_repository = true, .code = ERR_NOT_FOUND },
	{ "r-1", "main", .folder_taken = true, .code = ERR_CONFLICT },
	{ "r-1", "main", .branch_taken = true, .code = ERR_CONFLICT },
	{ "r-1", "main", .no_parent = true, .code = ERR_IO },
};

START_TEST(a_failure_leaves_nothing)
{
	CLEANUP(worktree_done) struct worktree t = { 0 };
	auto_free char *taken = xasprintf("%s/file/x", w.folder);
	if (refused[_i].folder_taken)
		ck_assert_int_eq(mkdir(tree, 0755), 0);
	if (refused[_i].branch_taken)
		git("branch pawl/r-1");
	auto_free char *before = look();
	ck_assert_int_eq(worktree_acquire(refused[_i].no_repository ? "/proc/self" : w.folder,
					  refused[_i].no_parent ? taken : tree, refused[_i].run,
					  refused[_i].base, &t, &err),
			 refused[_i].code);
	if (!refused[_i].branch_taken)
		tidy();
	auto_free char *after = look();
	ck_assert_str_eq(before, after);
	ck_assert_int_eq(fs_exists(tree), refused[_i].folder_taken);
}
END_TEST

START_TEST(nothing_of_the_repository_is_executed)
{
	auto_free char *evil = xasprintf("%s/evil", w.root), *trace = xasprintf("%s/trace", w.root);
	auto_free char *script = xasprintf("#!/bin/sh\necho \"$0 $*\" >>'%s'\ncat\n", trace);
	OK(fs_write(evil, script, strlen(script), 0755, &err));
	put(&w, ".gitattributes", "* filter=x diff=x merge=x\n");
	git("add .gitattributes && git -c user.name=t -c user.email=t@t commit -qm attributes");
	static const char *const settings[] = { "filter.x.clean",  "filter.x.smudge", "filter.x.process",
						"diff.x.textconv", "core.fsmonitor",  "core.pager",
						"merge.x.driver" };
	for (size_t i = 0; i < COUNT(settings); i++) {
		auto_free char *set = xasprintf("config %s '%s'", settings[i], evil);
		git(set);
	}
	git("config filter.x.required true");
	auto_free char *hooks = xasprintf("%s/.git/hooks", w.folder);
	OK(fs_mkdirs(hooks, 0755, &err));
	static const char *const names[] = { "post-checkout", "post-index-change", "reference-transaction" };
	for (size_t i = 0; i < COUNT(names); i++) {
		auto_free char *hook = xasprintf("%s/%s", hooks, names[i]);
		OK(fs_write(hook, script, strlen(script), 0755, &err));
	}
	(void)unlink(trace);
	CLEANUP(worktree_done) struct worktree t = { 0 };
	OK(worktree_acquire(w.folder, tree, "r-3", "main", &t, &err));
	ck_assert(exists(tree, "file"));
	OK(worktree_release(&t, NULL, &err));
	auto_free char *what = NULL;
	ck_assert_msg(fs_read(trace, 4096, &what, NULL, NULL) == ERR_NOT_FOUND, "executed: %s", what);
	git("status >/dev/null 2>&1 || :"); /* the trap is one: who goes there without care is caught */
	ck_assert(fs_exists(trace));
}
END_TEST

static bool alive(void *with, const char *run)
{
	return str_eq(run, with);
}

START_TEST(orphans_are_listed)
{
	struct worktree t[3] = { { 0 } };
	static const char *const runs[] = { "r-a", "r-b", "r-c" };
	for (size_t i = 0; i < COUNT(t); i++) {
		auto_free char *folder = xasprintf("%s-%s", tree, runs[i]);
		OK(worktree_acquire(w.folder, folder, runs[i], "main", &t[i], &err));
	}
	OK(fs_rmtree(t[2].folder, &err));
	git("branch pawl/r-d && git branch other");
	struct worktree_orphan *v;
	size_t n;
	char living[] = "r-a";
	OK(worktree_orphans(w.folder, alive, living, &v, &n, &err));
	ck_assert_uint_eq(n, 3);
	ck_assert_str_eq(v[0].branch, "pawl/r-b");
	ck_assert_str_eq(v[0].folder, t[1].folder);
	ck_assert(!v[0].folder_gone && v[1].folder_gone);
	ck_assert_str_eq(v[2].branch, "pawl/r-d");
	ck_assert_ptr_null(v[2].folder);
	worktree_orphans_free(v, n);
	for (size_t i = 0; i < COUNT(t); i++) {
		OK(worktree_release(&t[i], NULL, &err));
		worktree_done(&t[i]);
	}
	git("branch -D -q pawl/r-d other");
	tidy();
}
END_TEST

/* As a git leaves it that is killed: the branch locked, its notes begun. */
static void break_off(const struct worktree *t)
{
	auto_free char *lock = xasprintf("%s/refs/heads/%s.lock", t->repository, t->branch);
	auto_free char *notes = xasprintf("%s/worktrees/%s/commondir", t->repository, strrchr(t->folder, '/') + 1);
	OK(fs_write(lock, "", 0, 0644, &err));
	ck_assert(fs_exists(notes));
	OK(fs_write(notes, "", 0, 0644, &err));
}

START_TEST(what_a_killed_git_left_is_cleared)
{
	CLEANUP(worktree_done) struct worktree t = { 0 }, again = { 0 }, other = { 0 };
	auto_free char *elsewhere = xasprintf("%s-other", tree);
	OK(worktree_acquire(w.folder, tree, "r-1", "main", &t, &err));
	OK(worktree_acquire(w.folder, elsewhere, "r-2", "main", &other, &err));
	break_off(&t);
	OK(worktree_again(w.folder, tree, "r-1", "main", &again, &err));
	ck_assert(exists(tree, "file"));
	break_off(&again);
	OK(worktree_release(&again, NULL, &err));
	ck_assert(!fs_exists(tree));
	ck_assert(exists(elsewhere, "file"));
	OK(worktree_release(&other, NULL, &err));
	tidy();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("space_worktree");
	TCase *tc = tcase_create("worktree");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, comes_and_goes);
	tcase_add_test(tc, a_branch_with_commits_stays);
	tcase_add_loop_test(tc, a_failure_leaves_nothing, 0, COUNT(refused));
	tcase_add_test(tc, nothing_of_the_repository_is_executed);
	tcase_add_test(tc, orphans_are_listed);
	tcase_add_test(tc, what_a_killed_git_left_is_cleared);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
