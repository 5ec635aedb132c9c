/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is ignored is what git ignores: the same random patterns are put to `git ls-files`. */
#include "space/ignore.h"
#include "space/snapshot.h"

#include "tests/unit/space_tree.h"

#include <sys/wait.h>

/* clang-format off */
static const struct { const char *pattern, *text; bool path, matches; } globs[] = {
	{ "a", "a", true, true }, { "a", "b", true, false }, { "*", "a/b", true, false },
	{ "*", "a/b", false, true }, { "**/b", "b", true, true }, { "**/b", "a/c/b", true, true },
	{ "a/**", "a/b/c", true, true }, { "a/**/b", "a/b", true, true }, { "a**b", "a/b", true, false },
	{ "[a-c]x", "bx", true, true }, { "[!a-c]x", "bx", true, false }, { "[]]", "]", true, true },
	{ "[[:digit:]]", "7", true, true }, { "[[:digit:]", "7", true, false }, { "\\*", "*", true, true },
	{ "a\\", "a", true, false }, { "?", "/", true, false }, { "*a*a*a*a*a*a*a*a*a*b",
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true, false },
};
static const char *const pieces[] = {
	"a", "b", "c", "*", "**", "?", "[ab]", "[!a]", "a*", "*b", "\\a", ".x", "a.b", "*.b",
};
static const char *const names[] = { "a", "b", "c", "ab", ".x", "a.b", "#a", "!b", "a " };
/* clang-format on */

START_TEST(globs_match)
{
	ck_assert_int_eq(ignore_glob(globs[_i].pattern, globs[_i].text, globs[_i].path), globs[_i].matches);
}
END_TEST

static void add_pattern(struct rng *r, struct str *s)
{
	static const char *const heads[] = { "", "", "", "!", "/", "#", "\\#", "\\!", "!/" };
	static const char *const tails[] = { "\n", "\n", "/\n", " \n", "\\ \n", "\r\n", "/**\n", "\n\n" };
	str_add(s, heads[rng_below(r, COUNT(heads))]);
	for (uint64_t i = 0, n = 1 + rng_below(r, 3); i < n; i++) {
		if (i)
			str_add_char(s, '/');
		str_add(s, pieces[rng_below(r, COUNT(pieces))]);
	}
	str_add(s, tails[rng_below(r, COUNT(tails))]);
}

static char *git_covers(const struct world *w)
{
	auto_free char *list = xasprintf("%s/list", w->root);
	auto_free char *command = xasprintf("cd '%s' && export GIT_CONFIG_GLOBAL=/dev/null && git init -q . && "
					    "git ls-files -o --exclude-standard | LC_ALL=C sort >'%s'",
					    w->folder, list);
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	int status;
	char *text;
	ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
	ck_assert_int_eq(fs_read(list, MIB, &text, NULL, NULL), ERR_OK);
	return text;
}

static bool note(void *with, const char *path, enum space_change change UNUSED)
{
	str_add(with, path);
	str_add_char(with, '\n');
	return true;
}

START_TEST(git_ignores_the_same)
{
	struct rng r = { (uint64_t)_i * 31 + 5 };
	struct err err;
	struct world w;
	char nothing[SPACE_ID_LEN + 1], all[SPACE_ID_LEN + 1];
	world_open(&w);
	ck_assert_int_eq(space_snapshot(w.store, w.folder, NULL, nothing, NULL, &err), ERR_OK);
	for (size_t i = 0; i < 80; i++) {
		auto_str path = STR_INIT;
		str_add(&path, w.folder);
		for (uint64_t k = 0, n = 1 + rng_below(&r, 4); k < n; k++) {
			if (k)
				(void)mkdir(str_text(&path), 0755);
			str_add_char(&path, '/');
			str_add(&path, names[rng_below(&r, COUNT(names))]);
		}
		int fd = open(str_text(&path), O_WRONLY | O_CREAT, 0644);
		if (fd >= 0)
			(void)close(fd);
	}
	static const char *const at[] = { ".gitignore", "a/.gitignore", "b/a/.gitignore" };
	for (size_t i = 0; i < COUNT(at); i++) {
		auto_str text = STR_INIT;
		for (uint64_t n = 1 + rng_below(&r, 4); n > 0; n--)
			add_pattern(&r, &text);
		auto_free char *full = xasprintf("%s/%s", w.folder, at[i]);
		int fd = open(full, O_WRONLY | O_CREAT, 0644);
		if (fd >= 0) {
			ck_assert(fs_write_all(fd, text.p, text.len));
			(void)close(fd);
		}
	}
	auto_free char *theirs = git_covers(&w);
	auto_str ours = STR_INIT;
	ck_assert_msg(space_snapshot(w.store, w.folder, NULL, all, NULL, &err) == ERR_OK, "%s", err.message);
	ck_assert_int_eq(space_diff(w.store, nothing, all, note, &ours, &err), ERR_OK);
	ck_assert_str_eq(str_text(&ours), theirs);
	world_close(&w);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("space_ignore");
	TCase *tc = tcase_create("ignore");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, globs_match, 0, COUNT(globs));
	tcase_add_loop_test(tc, git_ignores_the_same, 0, 25);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
