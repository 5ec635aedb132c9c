/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real outputs of compilers, linters and test runners (tests/fixtures/outputs, made by record.sh there): class, sentence
 * and every diagnostic of each are as in expected.txt. UPDATE=1 rewrites that file; read what changed. */
#include "base/fs.h"
#include "model/classify.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define ROOT "/ws"
#define RECORDED_MIN 60

static char *path_to(const char *name)
{
	const char *srcdir = getenv("srcdir");
	return xasprintf("%s/tests/fixtures/outputs/%s", srcdir ? srcdir : ".", name);
}

struct recorded {
	char *text, *command;
	const char *output; /* in text */
	int exit_code;
};

static void recorded_read(const char *file, struct recorded *r)
{
	auto_free char *path = path_to(file);
	ck_assert_int_eq(fs_read(path, MIB, &r->text, NULL, NULL), ERR_OK);
	char *line = strchr(r->text, '\n');
	ck_assert(str_starts(r->text, "$ ") && line && str_starts(line + 1, "exit "));
	r->command = xstrndup(r->text + 2, (size_t)(line - r->text) - 2);
	r->exit_code = atoi(line + 6);
	r->output = strchr(line + 1, '\n') + 1;
}

static void recorded_done(struct recorded *r)
{
	free(r->text);
	free(r->command);
}

/* Fed in pieces of that many bytes. */
static struct diagnostics *parse(const char *output, size_t piece)
{
	struct diagnostics *d = diagnostics_new(PARSE_AUTO, ROOT, ROOT);
	size_t len = strlen(output);
	for (size_t at = 0; at < len; at += piece)
		diagnostics_feed(d, output + at, MIN(piece, len - at));
	diagnostics_end(d);
	return d;
}

static void add_rows(struct str *s, const struct diagnostics *d)
{
	size_t n;
	const struct diagnostic *v = diagnostics_list(d, &n);
	for (size_t i = 0; i < n; i++) {
		str_addf(s, "\t%s ", diagnostic_kind_name(v[i].kind));
		str_addf(s, "%s:%d:%d: ", v[i].file ? v[i].file : "-", v[i].line, v[i].column);
		str_addf(s, "%s%s%s\n", v[i].test ? v[i].test : "", v[i].test ? ": " : "", v[i].message);
	}
}

/* What is expected of one: a block of expected.txt. */
static void describe(const char *name, const struct recorded *r, const struct diagnostics *d, struct str *out)
{
	auto_str message = STR_INIT;
	struct check_case c = { .level = LEVEL_L1, .kind = CHECK_RUN, .name = "check", .command = r->command,
				.exit_code = r->exit_code, .output = r->output, .diagnostics = d };
	struct diagnostic_counts counts = diagnostics_count(d);
	classify_message(&c, &message);
	str_addf(out, "%s: %s\n", name, error_class_name(classify_check(&c)));
	str_addf(out, "\t%lld errors, %lld failed tests, %lld warnings, %lld files\n", (long long)counts.errors,
		 (long long)counts.failed_tests, (long long)counts.warnings, (long long)counts.files);
	str_addf(out, "\t%s\n", message.p);
	add_rows(out, d);
}

static int is_output(const struct dirent *e)
{
	size_t len = strlen(e->d_name);
	return len > 4 && str_eq(e->d_name + len - 4, ".out");
}

static struct dirent **names;
static int nnames;

START_TEST(every_recorded_output_is_understood)
{
	auto_str all = STR_INIT;
	auto_free char *path = path_to("expected.txt"), *expected = NULL;
	ck_assert_int_ge(nnames, RECORDED_MIN);
	for (int i = 0; i < nnames; i++) {
		struct recorded r;
		recorded_read(names[i]->d_name, &r);
		auto_diagnostics *d = parse(r.output, 4096);
		auto_free char *name = xstrndup(names[i]->d_name, strlen(names[i]->d_name) - 4);
		describe(name, &r, d, &all);
		recorded_done(&r);
	}
	if (getenv("UPDATE"))
		ck_assert_int_eq(fs_write(path, all.p, all.len, 0644, NULL), ERR_OK);
	ck_assert_int_eq(fs_read(path, 4 * MIB, &expected, NULL, NULL), ERR_OK);
	const char *a = all.p, *b = expected;
	for (int line = 1; *a || *b; line++) {
		int na = (int)strcspn(a, "\n"), nb = (int)strcspn(b, "\n");
		ck_assert_msg(na == nb && memcmp(a, b, (size_t)na) == 0, "expected.txt:%d: expected\n%.*s\nbut got\n%.*s",
			      line, nb, b, na, a);
		a += na + (a[na] == '\n');
		b += nb + (b[nb] == '\n');
	}
}
END_TEST

START_TEST(it_is_of_no_matter_how_output_is_cut)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 64, 100000 };
	struct recorded r;
	recorded_read(names[_i]->d_name, &r);
	auto_diagnostics *whole = parse(r.output, 4096);
	auto_str expected = STR_INIT;
	add_rows(&expected, whole);
	for (size_t i = 0; i < COUNT(pieces); i++) {
		auto_str got = STR_INIT;
		auto_diagnostics *d = parse(r.output, pieces[i]);
		add_rows(&got, d);
		ck_assert_str_eq(str_text(&got), str_text(&expected));
	}
	recorded_done(&r);
}
END_TEST

/* A tool that fails is never without a class and a sentence; nothing of this machine is in the recordings. */
START_TEST(what_is_recorded_is_clean)
{
	static const char *const foreign[] = { "/ho" "me/", "/ro" "ot/", "/tmp/tmp." };
	struct recorded r;
	recorded_read(names[_i]->d_name, &r);
	for (size_t i = 0; i < COUNT(foreign); i++)
		ck_assert_msg(!strstr(r.text, foreign[i]), "%s has %s", names[_i]->d_name, foreign[i]);
	recorded_done(&r);
}
END_TEST

int main(void)
{
	auto_free char *folder = path_to("");
	nnames = scandir(folder, &names, is_output, alphasort);
	Suite *s = suite_create("model_outputs");
	TCase *t = tcase_create("outputs");
	tcase_add_test(t, every_recorded_output_is_understood);
	tcase_add_loop_test(t, it_is_of_no_matter_how_output_is_cut, 0, nnames);
	tcase_add_loop_test(t, what_is_recorded_is_clean, 0, nnames);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	for (int i = 0; i < nnames; i++)
		free(names[i]);
	free(names);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
