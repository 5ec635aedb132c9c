/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Patches from outside: what is read, what is refused, and that the files are byte for byte what they were after
 * anything that went wrong. */
#include "space/patch.h"

#include "tests/unit/space_tree.h"

#include <stdlib.h>
#include <sys/wait.h>

#define H1 "@@ -1 +1 @@\n-a\n+b\n"
#define GIT(a, b) "diff --git " a " " b "\n"
#define TEXT(a, b) "--- " a "\n+++ " b "\n"

/* ---- reading ---- */

/* clang-format off */
static const struct {
	const char *name, *text, *error, *change, *path;
	int strip;
	size_t files, added, removed;
} texts[] = {
	{ "plain", TEXT("a/x", "b/x") H1, NULL, "modified", "x", 1, 1, 1, 1 },
	{ "times", TEXT("a/x\t2024-01-01 00:00:00", "b/x\t2024-01-02 00:00:00") H1, NULL, "modified", "x", 1, 1, 1, 1 },
	{ "strip 0", TEXT("x", "x") H1, NULL, "modified", "x", 0, 1, 1, 1 },
	{ "strip 2", TEXT("a/b/x", "c/d/x") H1, NULL, "modified", "x", 2, 1, 1, 1 },
	{ "too few folders", TEXT("x", "x") H1, "fewer than 1", NULL, NULL, 1, 0, 0, 0 },
	{ "talk before", "Here it is:\n--- not a name\n\n" TEXT("a/x", "b/x") H1, NULL, "modified", "x", 1, 1, 1, 1 },
	{ "new", TEXT("/dev/null", "b/d/x") "@@ -0,0 +1,2 @@\n+a\n+b\n", NULL, "created", "d/x", 1, 1, 2, 0 },
	{ "gone", TEXT("a/x", "/dev/null") "@@ -1,2 +0,0 @@\n-a\n-b\n", NULL, "deleted", "x", 1, 1, 0, 2 },
	{ "git", GIT("a/x", "b/x") "index 123..456 100644\n" TEXT("a/x", "b/x") H1, NULL, "modified", "x", 1, 1, 1, 1 },
	{ "git new", GIT("a/x", "b/x") "new file mode 100644\nindex 0..1\n" TEXT("/dev/null", "b/x") "@@ -0,0 +1 @@\n+a\n",
	  NULL, "created", "x", 1, 1, 1, 0 },
	{ "git empty new", GIT("a/x", "b/x") "new file mode 100644\nindex 0..1\n", NULL, "created", "x", 1, 1, 0, 0 },
	{ "git gone", GIT("a/x", "b/x") "deleted file mode 100644\n" TEXT("a/x", "/dev/null") "@@ -1 +0,0 @@\n-a\n",
	  NULL, "deleted", "x", 1, 1, 0, 1 },
	{ "rename", GIT("a/x", "b/y") "similarity index 100%\nrename from x\nrename to y\n", NULL, "renamed", "y", 1, 1, 0, 0 },
	{ "copy", GIT("a/x", "b/y") "similarity index 100%\ncopy from x\ncopy to y\n", NULL, "copied", "y", 1, 1, 0, 0 },
	{ "rename of one name", GIT("a/x", "b/y") "rename from x\n", "both names", NULL, NULL, 1, 0, 0, 0 },
	{ "rename, other names below", GIT("a/x", "b/y") "rename from x\nrename to y\n" TEXT("a/x", "b/z") H1,
	  "not those of the header", NULL, NULL, 1, 0, 0, 0 },
	{ "header and names differ", GIT("a/x", "b/x") TEXT("a/x", "b/../../etc/passwd") H1, "not those of the header",
	  NULL, NULL, 1, 0, 0, 0 },
	{ "mode", GIT("a/x", "b/x") "old mode 100644\nnew mode 100755\n", NULL, "modified", "x", 1, 1, 0, 0 },
	{ "mode of letters", GIT("a/x", "b/x") "old mode 1006x4\nnew mode 100755\n", "mode is not understood", NULL, NULL, 1, 0, 0, 0 },
	{ "binary without data", GIT("a/x", "b/x") "Binary files a/x and b/x differ\n", "not how", NULL, NULL, 1, 0, 0, 0 },
	{ "binary", GIT("a/x", "b/x") "index 1..2 100644\nGIT binary patch\nliteral 3\nKcmZ?\n\nliteral 0\nHcmV?d00001\n\n",
	  NULL, "modified", "x", 1, 1, 0, 0 },
	{ "quoted", GIT("\"a/\\303\\251\"", "\"b/\\303\\251\"") TEXT("\"a/\\303\\251\"", "\"b/\\303\\251\"") H1,
	  NULL, "modified", "\303\251", 1, 1, 1, 1 },
	{ "quoted NUL", TEXT("\"a/x\\000y\"", "\"b/x\\000y\"") H1, "quoted name", NULL, NULL, 1, 0, 0, 0 },
	{ "quoted escape", TEXT("\"a/x\\033[2J\"", "\"b/x\\033[2J\"") H1, "control characters", NULL, NULL, 1, 0, 0, 0 },
	{ "not UTF-8", TEXT("a/\377", "b/\377") H1, "not UTF-8", NULL, NULL, 1, 0, 0, 0 },
	{ "blanks in names", GIT("a/x y", "b/x y") "new file mode 100644\n", NULL, "created", "x y", 1, 1, 0, 0 },
	{ "absolute", TEXT("/etc/passwd", "/etc/passwd") H1, "absolute", NULL, NULL, 1, 0, 0, 0 },
	{ "two names", TEXT("a/x", "b/y") H1, "differ", NULL, NULL, 1, 0, 0, 0 },
	{ "both nothing", TEXT("/dev/null", "/dev/null") H1, "both names", NULL, NULL, 1, 0, 0, 0 },
	{ "cut off", TEXT("a/x", "b/x") "@@ -1,3 +1,3 @@\n a\n-b\n", "cut off", NULL, NULL, 1, 0, 0, 0 },
	{ "too long", TEXT("a/x", "b/x") "@@ -1 +1,1 @@\n-a\n-b\n+c\n", "more lines", NULL, NULL, 1, 0, 0, 0 },
	{ "not a line", TEXT("a/x", "b/x") "@@ -1,2 +1,2 @@\n-a\nb\n+c\n", "begins with", NULL, NULL, 1, 0, 0, 0 },
	{ "bad range", TEXT("a/x", "b/x") "@@ -x +1 @@\n-a\n+b\n", "a hunk begins", NULL, NULL, 1, 0, 0, 0 },
	{ "large range", TEXT("a/x", "b/x") "@@ -1,99999999999 +1 @@\n-a\n+b\n", "a hunk begins", NULL, NULL, 1, 0, 0, 0 },
	{ "hunk alone", H1, "without the names", NULL, NULL, 1, 0, 0, 0 },
	{ "no hunk", GIT("a/x", "b/x") TEXT("a/x", "b/x"), "no hunk", NULL, NULL, 1, 0, 0, 0 },
	{ "nothing", "", "no unified diff", NULL, NULL, 1, 0, 0, 0 },
	{ "talk", "I could not make a patch, sorry.\n", "no unified diff", NULL, NULL, 1, 0, 0, 0 },
	{ "empty change", GIT("a/x", "b/x") "index 1..1 100644\n", "nothing is changed", NULL, NULL, 1, 0, 0, 0 },
	{ "no newline", TEXT("a/x", "b/x") "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n",
	  NULL, "modified", "x", 1, 1, 1, 1 },
	{ "no last newline of the diff", TEXT("a/x", "b/x") "@@ -1 +1 @@\n-a\n+b", NULL, "modified", "x", 1, 1, 1, 1 },
	{ "CRLF in the file", TEXT("a/x", "b/x") "@@ -1 +1 @@\n-a\r\n+b\r\n", NULL, "modified", "x", 1, 1, 1, 1 },
	{ "CRLF in the diff", "--- a/x\r\n+++ b/x\r\n@@ -1 +1 @@\r\n-a\r\n+b\r\n", NULL, NULL, NULL, 1, 0, 0, 0 },
	{ "two files", TEXT("a/x", "b/x") H1 TEXT("a/y", "b/y") H1, NULL, "modified", "x", 1, 2, 2, 2 },
	{ "lines that look like names", TEXT("a/x", "b/x") "@@ -1,2 +1,2 @@\n--- a/y\n-+ b/y\n+++ b/z\n+@@ -1 +1 @@\n",
	  NULL, "modified", "x", 1, 1, 2, 2 },
	{ "new and gone", GIT("a/x", "b/x") "new file mode 100644\ndeleted file mode 100644\n", "new and deleted", NULL, NULL, 1, 0, 0, 0 },
};
/* clang-format on */

START_TEST(diffs_are_read)
{
	auto_patch p = { NULL, 0, 0, 0, 0 };
	struct err err = { 0 };
	enum err_code code = patch_read(texts[_i].text, strlen(texts[_i].text), texts[_i].strip, &p, &err);
	bool bad = texts[_i].error || !texts[_i].change;
	ck_assert_msg(bad == (code != ERR_OK), "%s: %s", texts[_i].name, err.message);
	if (texts[_i].error)
		ck_assert_msg(strstr(err.message, texts[_i].error) != NULL, "%s: %s", texts[_i].name, err.message);
	if (bad)
		return;
	ck_assert_uint_eq(p.n, texts[_i].files);
	ck_assert_uint_eq(p.added, texts[_i].added);
	ck_assert_uint_eq(p.removed, texts[_i].removed);
	ck_assert_str_eq(patch_change(&p.v[0]), texts[_i].change);
	ck_assert_str_eq(patch_path(&p.v[0]), texts[_i].path);
}
END_TEST

START_TEST(too_large_is_said)
{
	auto_patch p = { NULL, 0, 0, 0, 0 }, q = { NULL, 0, 0, 0, 0 };
	struct err err = { 0 };
	auto_free char *text = xcalloc(PATCH_TEXT_MAX + 2, 1);
	memset(text, 'x', PATCH_TEXT_MAX + 1);
	ck_assert_int_eq(patch_read(text, PATCH_TEXT_MAX + 1, 1, &p, &err), ERR_TOO_LARGE);
	auto_str many = STR_INIT;
	for (int i = 0; i <= PATCH_FILES_MAX; i++)
		str_addf(&many, "--- a/%d\n+++ b/%d\n" H1, i, i);
	ck_assert_int_eq(patch_read(many.p, many.len, 1, &q, &err), ERR_TOO_LARGE);
}
END_TEST

/* Any cut and any flipped byte of a good diff is read or refused, never more. */
START_TEST(broken_diffs_end)
{
	static const char whole[] = GIT("a/x", "b/y") "similarity index 50%\nrename from x\nrename to y\nindex 1..2 100644\n"
				    TEXT("a/x", "b/y") "@@ -1,2 +1,2 @@ f\n a\n-b\n+c\n\\ No newline at end of file\n"
				    TEXT("\"a/\\303\\251\"", "\"b/\\303\\251\"") H1;
	struct rng r = { (uint64_t)_i + 1 };
	for (int i = 0; i < 400; i++) {
		auto_patch p = { NULL, 0, 0, 0, 0 };
		auto_free char *text = xmemdup(whole, sizeof(whole));
		size_t len = 1 + rng_below(&r, sizeof(whole) - 1);
		for (uint64_t k = rng_below(&r, 4); k > 0; k--)
			text[rng_below(&r, len)] = (char)rng_below(&r, 256);
		auto_free char *exact = xmemdup(text, len);
		enum err_code code = patch_read(exact, len, (int)rng_below(&r, 3), &p, NULL);
		for (size_t k = 0; !code && k < p.n; k++)
			ck_assert_ptr_nonnull(patch_path(&p.v[k]));
	}
}
END_TEST

/* clang-format off */
static const struct { const char *text, *want; } fences[] = {
	{ "```diff\nx\ny\n```\n", "x\ny\n" }, { "\n```\nx\n```", "x\n" }, { "```diff\r\nx\n``` \n", "x\n" },
	{ "x\n", "x\n" }, { "talk\n```\nx\n```\n", "talk\n```\nx\n```\n" }, { "```\nx\n```\ntalk", "```\nx\n```\ntalk" },
	{ "```\nx\n```\n```\ny\n```\n", "```\nx\n```\n```\ny\n```\n" }, { "```\n```\n", "```\n```\n" }, { "", "" },
	{ "```not a name\nx\n```\n", "```not a name\nx\n```\n" }, { "```", "```" },
};
/* clang-format on */

START_TEST(fences_go)
{
	const char *p;
	size_t len;
	patch_unfence(fences[_i].text, strlen(fences[_i].text), &p, &len);
	bool empty = str_eq(fences[_i].text, "```\n```\n");
	auto_free char *got = xstrndup(p, len);
	if (!empty)
		ck_assert_str_eq(got, fences[_i].want);
}
END_TEST

/* ---- rules ---- */

static const char *const src_only[] = { "src/**" }, *const no_make[] = { "**/Makefile" };
#define NEW(path) TEXT("/dev/null", "b/" path) "@@ -0,0 +1 @@\n+a\n"

/* clang-format off */
static const struct {
	const char *text, *error; /* NULL: allowed */
	struct patch_rules rules;
} rules[] = {
	{ NEW("src/x"), NULL, { .allow = src_only, .nallow = 1 } },
	{ NEW("srcs/x"), "not among", { .allow = src_only, .nallow = 1 } },
	{ NEW("src/Makefile"), "denied", { .allow = src_only, .nallow = 1, .deny = no_make, .ndeny = 1 } },
	{ GIT("a/src/x", "b/y") "rename from src/x\nrename to y\n", "'y' is not among", { .allow = src_only, .nallow = 1 } },
	{ GIT("a/y", "b/src/x") "rename from y\nrename to src/x\n", "'y' is not among", { .allow = src_only, .nallow = 1 } },
	{ GIT("a/y", "b/src/x") "copy from y\ncopy to src/x\n", "'y' is not among", { .allow = src_only, .nallow = 1 } },
	{ NEW("../x"), "lead out", { 0 } }, { NEW("src/../../x"), "lead out", { 0 } }, { NEW("./x"), "lead out", { 0 } },
	{ NEW("src//x"), "lead out", { 0 } }, { NEW("src/.."), "lead out", { 0 } },
	{ NEW(".git/hooks/pre-commit"), ".git", { 0 } }, { NEW("sub/.GIT/config"), ".git", { 0 } },
	{ NEW(".git"), ".git", { 0 } }, { NEW("git~1/config"), ".git", { 0 } }, { NEW(".git. ./config"), ".git", { 0 } },
	{ NEW(".git::$INDEX_ALLOCATION/config"), ".git", { 0 } }, { NEW(".gitignore"), NULL, { 0 } }, { NEW(".github/x"), NULL, { 0 } },
	{ NEW("x") NEW("y") NEW("z"), "3 files", { .max_files = 2 } }, { NEW("x") NEW("y"), NULL, { .max_files = 2 } },
	{ NEW("x") NEW("y") NEW("z"), "3 lines", { .max_lines = 2 } }, { NEW("x") NEW("y"), NULL, { .max_lines = 2 } },
	{ GIT("a/x", "b/y") "rename from x\nrename to y\n", "2 files", { .max_files = 1 } },
	{ GIT("a/x", "b/x") "old mode 100644\nnew mode 100755\n", "mode of", { 0 } },
	{ GIT("a/x", "b/x") "old mode 100644\nnew mode 100755\n", NULL, { .modes = true } },
	{ GIT("a/x", "b/x") "new file mode 100755\n", "executable", { 0 } },
	{ GIT("a/x", "b/x") "new file mode 100644\n", NULL, { 0 } },
	{ GIT("a/x", "b/x") "new file mode 120000\n" TEXT("/dev/null", "b/x") "@@ -0,0 +1 @@\n+/etc\n\\ No newline at end of file\n",
	  "symbolic link", { .modes = true } },
	{ GIT("a/x", "b/x") "new file mode 120000\n" TEXT("/dev/null", "b/x") "@@ -0,0 +1 @@\n+y\n\\ No newline at end of file\n",
	  NULL, { .symlinks = true } },
	{ GIT("a/x", "b/x") "new file mode 160000\n", "neither", { .symlinks = true, .modes = true } },
	{ GIT("a/x", "b/x") "index 1..2 100644\nGIT binary patch\nliteral 1\nAc-\n\n", "binary", { 0 } },
	{ GIT("a/x", "b/x") "index 1..2 100644\nGIT binary patch\nliteral 1\nAc-\n\n", NULL, { .binary = true } },
};
/* clang-format on */

START_TEST(rules_hold)
{
	auto_patch p = { NULL, 0, 0, 0, 0 };
	struct err err = { 0 };
	ck_assert_msg(patch_read(rules[_i].text, strlen(rules[_i].text), 1, &p, &err) == ERR_OK, "%s", err.message);
	enum err_code code = patch_judge(&p, &rules[_i].rules, &err);
	ck_assert_msg((rules[_i].error != NULL) == (code != ERR_OK), "row %d: %s", _i, err.message);
	if (rules[_i].error)
		ck_assert_msg(strstr(err.message, rules[_i].error) != NULL, "row %d: %s", _i, err.message);
}
END_TEST

/* ---- applying ---- */

static void shell(const struct world *w, const char *script)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (chdir(w->folder) || setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1))
			_exit(126);
		execl("/bin/sh", "sh", "-ec", script, (char *)NULL);
		_exit(127);
	}
	int status;
	ck_assert(waitpid(pid, &status, 0) == pid && status == 0);
}

struct bench {
	struct world w;
	char *stem;
	struct patch_place place;
	struct patch patch;
};

static void bench_open(struct bench *b, bool repository)
{
	world_open(&b->w);
	put(&b->w, "src/a.txt", "one\ntwo\nthree\n");
	put(&b->w, "src/deep/b.txt", "alone\n");
	put(&b->w, "crlf.txt", "x\r\ny\r\n");
	put(&b->w, "end.txt", "no newline");
	shell(&b->w, "chmod 600 crlf.txt; chmod 750 src/deep; ln -s src here");
	if (repository)
		shell(&b->w, "git init -q -b main .; git add src crlf.txt end.txt; "
			     "git -c user.name=t -c user.email=t@t commit -qm first; echo staged >other; git add other");
	b->stem = xasprintf("%s/p", b->w.root);
	b->place = (struct patch_place){ .folder = b->w.folder, .stem = b->stem, .strip = 1 };
	b->patch = (struct patch){ NULL, 0, 0, 0, 0 };
}

static void bench_close(struct bench *b)
{
	patch_done(&b->patch);
	free(b->stem);
	world_close(&b->w);
}

static enum err_code run_patch(struct bench *b, const char *text, const struct patch_rules *r, struct err *err)
{
	bool stuck = false;
	auto_free char *diff = xasprintf("%s.diff", b->stem);
	ck_assert_int_eq(fs_write(diff, text, strlen(text), 0600, err), ERR_OK);
	patch_done(&b->patch);
	ck_assert_msg(patch_read(text, strlen(text), 1, &b->patch, err) == ERR_OK, "%s", err->message);
	enum err_code code = patch_judge(&b->patch, r, err);
	if (!code)
		code = patch_try(&b->place, &b->patch, err);
	if (!code)
		code = patch_apply(&b->place, &b->patch, r, &stuck, err);
	ck_assert(!stuck);
	return code;
}

/* All but the repository. */
static char *seen(const struct bench *b)
{
	auto_str s = STR_INIT;
	auto_free char *dir = xasprintf("%s/.git", b->w.folder), *aside = xasprintf("%s/git", b->w.root);
	bool moved = rename(dir, aside) == 0;
	picture(b->w.folder, "", &s);
	ck_assert(!moved || rename(aside, dir) == 0);
	return str_take(&s);
}

#define A(from, to) TEXT("a/src/a.txt", "b/src/a.txt") "@@ -1,3 +1,3 @@\n one\n-" from "\n+" to "\n three\n"

/* clang-format off */
static const struct { const char *name, *text, *error; struct patch_rules rules; } patches[] = {
	{ "one line", A("two", "2"), NULL, { 0 } },
	{ "new folders", NEW("n/e/w"), NULL, { 0 } },
	{ "gone, with its folder", GIT("a/src/deep/b.txt", "b/src/deep/b.txt") "deleted file mode 100644\n"
	  TEXT("a/src/deep/b.txt", "/dev/null") "@@ -1 +0,0 @@\n-alone\n", NULL, { 0 } },
	{ "renamed", GIT("a/src/deep/b.txt", "b/c.txt") "rename from src/deep/b.txt\nrename to c.txt\n", NULL, { 0 } },
	{ "CRLF", TEXT("a/crlf.txt", "b/crlf.txt") "@@ -1,2 +1,2 @@\n-x\r\n+z\r\n y\r\n", NULL, { 0 } },
	{ "no newline", TEXT("a/end.txt", "b/end.txt") "@@ -1 +1 @@\n-no newline\n\\ No newline at end of file\n+with\n", NULL, { 0 } },
	{ "file becomes folder", GIT("a/end.txt", "b/end.txt") "deleted file mode 100644\n" TEXT("a/end.txt", "/dev/null")
	  "@@ -1 +0,0 @@\n-no newline\n\\ No newline at end of file\n" NEW("end.txt/x"), NULL, { 0 } },
	{ "mode", GIT("a/src/a.txt", "b/src/a.txt") "old mode 100644\nnew mode 100755\n", NULL, { .modes = true } },
	{ "does not fit", A("zwei", "2"), "does not apply", { 0 } },
	{ "second does not fit", NEW("first") A("zwei", "2"), "does not apply", { 0 } },
	{ "there is one", NEW("end.txt"), "already exists", { 0 } },
	{ "through a link", TEXT("a/here/a.txt", "b/here/a.txt") "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n", "link", { 0 } },
	{ "into a new link", GIT("a/l", "b/l") "new file mode 120000\n" TEXT("/dev/null", "b/l")
	  "@@ -0,0 +1 @@\n+/tmp\n\\ No newline at end of file\n" NEW("l/x"), "l/x", { .symlinks = true } },
	{ "too large afterwards", A("two", "a long line that goes beyond the limit"), "would have", { .max_file = 20 } },
};
/* clang-format on */

static void take_and_give(bool repository, int i)
{
	struct bench b;
	struct err err = { 0 };
	enum patch_stand stand;
	bench_open(&b, repository);
	auto_free char *before = seen(&b);
	enum err_code code = run_patch(&b, patches[i].text, &patches[i].rules, &err);
	ck_assert_msg((patches[i].error != NULL) == (code != ERR_OK), "%s: %s", patches[i].name, err.message);
	if (patches[i].error) {
		ck_assert_msg(strstr(err.message, patches[i].error) != NULL, "%s: %s", patches[i].name, err.message);
	} else {
		auto_free char *after = seen(&b);
		ck_assert_str_ne(before, after);
		ck_assert_int_eq(patch_look(&b.place, &stand, &err), ERR_OK);
		ck_assert_int_eq(stand, PATCH_AFTER);
	}
	ck_assert_msg(patch_restore(&b.place, &err) == ERR_OK, "%s", err.message);
	auto_free char *now = seen(&b);
	ck_assert_str_eq(before, now);
	ck_assert_int_eq(patch_restore(&b.place, &err), ERR_OK);
	bench_close(&b);
}

START_TEST(files_come_back)
{
	take_and_give(true, _i);
}
END_TEST

START_TEST(files_come_back_without_a_repository)
{
	take_and_give(false, _i);
}
END_TEST

/* What was interrupted anywhere between the first byte and the last is neither one nor the other. */
START_TEST(a_half_comes_back)
{
	struct bench b;
	struct err err = { 0 };
	enum patch_stand stand;
	bench_open(&b, true);
	auto_free char *before = seen(&b);
	ck_assert_int_eq(run_patch(&b, A("two", "2") NEW("n/x"), &(struct patch_rules){ .max_files = 9 }, &err), ERR_OK);
	put(&b.w, "src/a.txt", "tor");
	shell(&b.w, "rm n/x");
	ck_assert_int_eq(patch_look(&b.place, &stand, &err), ERR_OK);
	ck_assert_int_eq(stand, PATCH_MIXED);
	struct patch_commit c;
	ck_assert_int_eq(patch_settle(&b.place, "m", NULL, &c, &err), ERR_CONFLICT);
	ck_assert_int_eq(patch_restore(&b.place, &err), ERR_OK);
	auto_free char *now = seen(&b);
	ck_assert_str_eq(before, now);
	ck_assert_int_eq(patch_settle(&b.place, "m", NULL, &c, &err), ERR_CONFLICT);
	bench_close(&b);
}
END_TEST

START_TEST(only_what_it_touched_is_committed)
{
	struct bench b;
	struct err err = { 0 };
	struct patch_commit c, again;
	bench_open(&b, true);
	put(&b.w, "untracked", "stays\n");
	ck_assert_int_eq(run_patch(&b, A("two", "2") NEW("n/x"), &(struct patch_rules){ .max_files = 9 }, &err), ERR_OK);
	ck_assert_msg(patch_settle(&b.place, "second\n\nbody", "A B <a@b>", &c, &err) == ERR_OK, "%s", err.message);
	ck_assert(c.made && c.commit[0]);
	ck_assert_int_eq(patch_settle(&b.place, "second", NULL, &again, &err), ERR_OK);
	ck_assert_str_eq(c.commit, again.commit);
	shell(&b.w, "test \"$(git log --format=%s:%an:%ae -1)\" = 'second:A B:a@b'; test \"$(git rev-list --count HEAD)\" = 2; "
		    "test \"$(git diff --name-only HEAD~1 HEAD | tr '\\n' ' ')\" = 'n/x src/a.txt '; "
		    "test \"$(git diff --cached --name-only)\" = other; test -z \"$(git diff --name-only)\"");
	bench_close(&b);
}
END_TEST

START_TEST(what_is_committed_goes_back)
{
	struct bench b;
	struct err err = { 0 };
	struct patch_commit c;
	bool stuck;
	bench_open(&b, true);
	auto_free char *before = seen(&b);
	ck_assert_int_eq(run_patch(&b, A("two", "2") NEW("n/x"), &(struct patch_rules){ .max_files = 9 }, &err), ERR_OK);
	ck_assert_int_eq(patch_settle(&b.place, "second", NULL, &c, &err), ERR_OK);
	auto_free char *stem = xasprintf("%s/q", b.w.root), *from = xasprintf("%s.diff", b.stem), *to = xasprintf("%s.diff", stem);
	ck_assert_int_eq(link(from, to), 0);
	struct patch_place back = { .folder = b.w.folder, .stem = stem, .strip = 1, .reverse = true };
	ck_assert_msg(patch_try(&back, &b.patch, &err) == ERR_OK, "%s", err.message);
	ck_assert_msg(patch_apply(&back, &b.patch, NULL, &stuck, &err) == ERR_OK, "%s", err.message);
	auto_free char *now = seen(&b);
	ck_assert_str_eq(before, now);
	ck_assert_msg(patch_settle(&back, "back", NULL, &c, &err) == ERR_OK, "%s", err.message);
	shell(&b.w, "test \"$(git rev-list --count HEAD)\" = 3; test -z \"$(git diff --name-only HEAD~2 HEAD)\"");
	bench_close(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("space_patch");
	TCase *tc = tcase_create("patch");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, diffs_are_read, 0, COUNT(texts));
	tcase_add_test(tc, too_large_is_said);
	tcase_add_loop_test(tc, broken_diffs_end, 0, 10);
	tcase_add_loop_test(tc, fences_go, 0, COUNT(fences));
	tcase_add_loop_test(tc, rules_hold, 0, COUNT(rules));
	tcase_add_loop_test(tc, files_come_back, 0, COUNT(patches));
	tcase_add_loop_test(tc, files_come_back_without_a_repository, 0, COUNT(patches));
	tcase_add_test(tc, a_half_comes_back);
	tcase_add_test(tc, only_what_it_touched_is_committed);
	tcase_add_test(tc, what_is_committed_goes_back);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
