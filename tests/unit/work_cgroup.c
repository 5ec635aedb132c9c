/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Steps in a control group. Needs a v2 hierarchy in which a group can be made and delegated (root, or
 * a delegated one); elsewhere the program says so and is skipped. */
#include "tests/unit/work_engine.h"

#include <sys/xattr.h>

static struct engine e;
static char base[300], group[400];

static bool write_pid(const char *folder)
{
	auto_free char *path = xasprintf("%s/cgroup.procs", folder), *pid = xasprintf("%d", (int)getpid());
	FILE *f = fopen(path, "we");
	bool good = f && fputs(pid, f) >= 0;
	return f && fclose(f) == 0 && good;
}

/* A group that looks delegated, with us in it. */
static bool enter_group(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[1024];
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, " - cgroup2 "))
			(void)sscanf(line, "%*s %*s %*s %*s %255s", base);
	if (f)
		(void)fclose(f);
	(void)snprintf(group, sizeof(group), "%s/pawl-test-%d", base, (int)getpid());
	if (!base[0] || mkdir(group, 0755))
		return false;
	if (setxattr(group, "user.delegate", "1", 1, 0) == 0 && write_pid(group))
		return true;
	(void)rmdir(group);
	return false;
}

static void open_engine(void)
{
	ck_assert(write_pid(group));
	engine_open(&e);
}

static char *leaf_of(pid_t worker)
{
	return xasprintf("%s/pawl-w%d", group, (int)worker);
}

static void wait_until_gone(pid_t pid)
{
	for (int64_t until = 0; waiting(&until);)
		if (kill(pid, 0) && errno == ESRCH)
			return;
}

START_TEST(a_step_is_in_the_group)
{
	struct proto_message m;
	engine_shell(&e, "cat /proc/self/cgroup", &m);
	ck_assert_int_eq(m.result.class, CLASS_NONE);
	auto_free char *log = engine_log(&e);
	auto_free char *expected = xasprintf("0::/pawl-test-%d/pawl-w%d\n", (int)getppid(), (int)e.worker);
	ck_assert_msg(strstr(log, expected), "%s", log);
	proto_done(&m);
	auto_free char *leaf = leaf_of(e.worker);
	ck_assert(fs_exists(leaf));
	engine_close(&e);
	ck_assert(!fs_exists(leaf));
}
END_TEST

/* Neither its session, nor its parent, nor its environment leads to it. */
static const char escape[] = "env -i setsid /bin/sh -c '/bin/sh -c \"echo \\$\\$ > far; until [ -e never ]; do "
			     "/bin/sleep 0.02; done\" & exit 0'; until [ -s far ]; do sleep 0.01; done; "
			     "trap '' TERM; echo ready; until [ -e never ]; do sleep 0.02; done";

START_TEST(a_group_is_killed_with_its_worker_dead)
{
	struct proto_message m;
	spec_shell(&e, &m, escape);
	engine_send(&e, &m);
	wait_for_log(&e, "ready");
	pid_t far = read_pid(&e, "far");
	auto_free char *leaf = leaf_of(e.worker);
	ck_assert_int_eq(kill(e.worker, SIGKILL), 0);
	ck_assert_int_eq(waitpid(e.worker, NULL, 0), e.worker);
	ck_assert_int_eq(kill(far, 0), 0);
	for (int64_t until = 0; fs_exists(leaf) && waiting(&until);)
		spool_sweep(e.home);
	wait_until_gone(far);
	engine_vanish(&e);
	ck_assert_int_eq(fs_rmtree(e.home, NULL), ERR_OK);
}
END_TEST

START_TEST(cancel_kills_the_group)
{
	struct proto_message m, r;
	spec_shell(&e, &m, escape);
	engine_send(&e, &m);
	wait_for_log(&e, "ready");
	pid_t far = read_pid(&e, "far");
	engine_signal(&e, STEP_KILL, 0);
	engine_wait(&e, MSG_RESULT, &r);
	ck_assert_int_eq(r.result.signal, SIGKILL);
	wait_until_gone(far);
	engine_ack(&e, &r);
	proto_done(&r);
	engine_close(&e);
}
END_TEST

int main(void)
{
	if (!enter_group()) {
		(void)puts("skipped: no control group (v2) can be made and delegated here");
		return 77;
	}
	Suite *s = suite_create("work_cgroup");
	TCase *t = tcase_create("groups");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, open_engine, NULL);
	tcase_add_test(t, a_step_is_in_the_group);
	tcase_add_test(t, a_group_is_killed_with_its_worker_dead);
	tcase_add_test(t, cancel_kills_the_group);
	suite_add_tcase(s, t);
	int rc = run_suite(s);
	if (!write_pid(base) || rmdir(group))
		(void)fprintf(stderr, "%s: %s\n", group, strerror(errno));
	return rc;
}
