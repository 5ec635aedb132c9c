/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings: what is accepted, what is refused and how it is said, and that the sample file is the
 * default. */
#include "api/config.h"
#include "base/fs.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *text;
	const char *error; /* part of the message; NULL: accepted */
	const char *hint;  /* part of the hint */
} cases[] = {
	{ "steps=8", NULL, NULL },
	{ " steps = 8 ", NULL, NULL },
	{ "grace=5s", NULL, NULL },
	{ "grace=0", NULL, NULL },
	{ "log_head=64M", NULL, NULL },
	{ "log_head=1GiB", NULL, NULL },
	{ "redact_tokens=off", NULL, NULL },
	{ "steps", "x: steps: expected key = value", NULL },
	{ "stpes=3", "x: stpes: there is no such setting", "did you mean steps?" },
	{ "zzzzzzzzz=3", "there is no such setting", "--help-config" },
	{ "steps=", "x: steps: : expected a whole number", NULL },
	{ "steps=4x", "expected a whole number", NULL },
	{ "steps=4K", "expected a whole number", NULL },
	{ "steps=0", "allowed are 1 to 4096", NULL },
	{ "steps=5000", "allowed are 1 to 4096", NULL },
	{ "steps=99999999999999999999", "expected a whole number", NULL },
	{ "grace=-5s", "expected a time", NULL },
	{ "grace=2d", "allowed are 0 to 1d", NULL },
	{ "log_head=-1", "allowed are", NULL },
	{ "log_head=9999999T", "bytes", NULL },
	{ "log_head=5MB5", "bytes", NULL },
	{ "redact_tokens=perhaps", "yes or no", NULL },
};

START_TEST(values_are_checked)
{
	struct config c, before;
	struct err err = { .message = "" };
	config_default(&c);
	before = c;
	enum err_code code = config_set(&c, "x", cases[_i].text, &err);
	ck_assert_msg((code != ERR_OK) == (cases[_i].error != NULL), "%s: %s", cases[_i].text,
	              err.message);
	if (code) {
		ck_assert_msg(strstr(err.message, cases[_i].error) != NULL, "%s: %s",
		              cases[_i].text, err.message);
		ck_assert(!cases[_i].hint || strstr(err.hint, cases[_i].hint));
		ck_assert_msg(!memcmp(&c, &before, sizeof(c)), "%s: changed something",
		              cases[_i].text);
	}
}
END_TEST

START_TEST(values_arrive)
{
	struct config c;
	config_default(&c);
	ck_assert(!config_set(&c, "x", "steps=8", NULL) && c.engine.steps == 8);
	ck_assert(!config_set(&c, "x", "grace=90s", NULL) && c.engine.grace_ms == 90000);
	ck_assert(!config_set(&c, "x", "log_tail=3K", NULL) && c.engine.log_tail == 3072);
	ck_assert(!config_set(&c, "x", "redact_tokens=no", NULL) && !c.engine.redact_tokens);
	ck_assert(!config_set(&c, "x", "unsafe_network_fs=yes", NULL) && c.unsafe_network_fs);
}
END_TEST

/* The sample with its comment signs taken away sets everything to what it is. */
START_TEST(the_sample_is_the_default)
{
	struct config c, want;
	config_default(&c);
	config_default(&want);
	auto_str help = STR_INIT;
	config_help(&help);
	char *rest = help.p, *line;
	int n = 0;
	while ((line = strsep(&rest, "\n"))) {
		if (!strstr(line, " = ") || strstr(line, "key = value"))
			continue;
		struct err err = { .message = "" };
		ck_assert_msg(!config_set(&c, "sample", line + 2, &err), "%s", err.message);
		n++;
	}
	ck_assert_int_ge(n, 13);
	ck_assert(!memcmp(&c, &want, sizeof(c)));
}
END_TEST

START_TEST(files_are_read)
{
	char dir[] = "/tmp/pawl-config-XXXXXX";
	ck_assert_ptr_nonnull(mkdtemp(dir));
	auto_free char *path = xasprintf("%s/pawl.conf", dir);
	struct config c;
	struct err err;
	config_default(&c);
	ck_assert_int_eq(config_read(&c, path, &err), ERR_OK); /* there is none */
	static const char good[] = "# a comment\n\n  steps = 3   # three\r\nruns=5\n";
	ck_assert_int_eq(fs_write(path, good, strlen(good), 0600, &err), ERR_OK);
	ck_assert_int_eq(config_read(&c, path, &err), ERR_OK);
	ck_assert(c.engine.steps == 3 && c.engine.runs == 5);
	static const char bad[] = "steps = 3\n\nruns = none\n";
	ck_assert_int_eq(fs_write(path, bad, strlen(bad), 0600, &err), ERR_OK);
	ck_assert_int_eq(config_read(&c, path, &err), ERR_USAGE);
	auto_free char *where = xasprintf("%s:3: runs: none: ", path);
	ck_assert_msg(str_starts(err.message, where), "%s", err.message);
	ck_assert_int_eq(fs_rmtree(dir, &err), ERR_OK);
}
END_TEST

START_TEST(parts_must_fit)
{
	struct config c;
	struct err err;
	config_default(&c);
	ck_assert_int_eq(config_check(&c, &err), ERR_OK);
	c.engine.workers_max = 2;
	c.engine.workers_min = 3;
	ck_assert_int_eq(config_check(&c, &err), ERR_USAGE);
	config_default(&c);
	c.engine.log_head = 0;
	ck_assert_int_eq(config_check(&c, &err), ERR_USAGE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("api_config");
	TCase *t = tcase_create("settings");
	tcase_add_loop_test(t, values_are_checked, 0, COUNT(cases));
	tcase_add_test(t, values_arrive);
	tcase_add_test(t, the_sample_is_the_default);
	tcase_add_test(t, files_are_read);
	tcase_add_test(t, parts_must_fit);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
