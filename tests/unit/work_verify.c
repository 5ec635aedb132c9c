/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl-verify, the program itself, on real files and with real commands: what each kind of check finds, what levels
 * follow, what is reported; and under a real worker, from the node to its class. */
#include "tests/unit/work_engine.h"
#include "work/executor.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>

static char home[64];  /* of the test */
static char *ws;       /* the workspace in it */
static char program[512], libexec[256];

/* ---- a workspace ---- */

static void put(const char *path, const char *text)
{
	auto_free char *full = xasprintf("%s/%s", ws, path), *folder = xstrdup(full);
	*strrchr(folder, '/') = '\0';
	ck_assert_int_eq(fs_mkdirs(folder, 0755, NULL), ERR_OK);
	ck_assert_int_eq(fs_write(full, text, strlen(text), 0644, NULL), ERR_OK);
}

static char *get(const char *name)
{
	auto_free char *full = xasprintf("%s/%s", home, name);
	char *text = NULL;
	return fs_read(full, 16 * MIB, &text, NULL, NULL) == ERR_OK ? text : NULL;
}

static void setup(void)
{
	(void)snprintf(home, sizeof(home), "/tmp/pawl-verify-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	ws = xasprintf("%s/ws", home);
	put("README", "read me\n");
	put("src/a.c", "int a;\n/* FIX" "ME */\nint b; // later\n");
	put("src/b.c", "int c;\n");
	put("src/deep/c.c", "// later\n// later\n");
	put("keys.txt", "nothing\nid = AKIAABCDEFGHIJKLMNOP\n");
	put("pem.txt", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\nBBBB\n-----END RSA PRIVATE KEY-----\n");
	put("aaa.txt", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n");
	put("want.json", "{\"a\": 1}\n");
	put("same.json", "{\"a\": 1}\n");
	put("other.json", "{\"a\": 2}\n");
	auto_free char *out = xasprintf("%s/out", ws), *binary = xasprintf("%s/bin.dat", ws);
	ck_assert_int_eq(symlink("/etc/hostname", out), 0);
	ck_assert_int_eq(fs_write(binary, "later\0later", 11, 0644, NULL), ERR_OK);
}

static void teardown(void)
{
	ck_assert_int_eq(fs_rmtree(home, NULL), ERR_OK);
	free(TAKE(ws));
}

/* ---- running it ---- */

static pid_t begin(const char *spec)
{
	int in = memfd_create("spec", MFD_CLOEXEC);
	auto_free char *log = xasprintf("%s/log", home), *output = xasprintf("PAWL_OUTPUT=%s/output", home);
	const char *argv[] = { program, NULL }, *env[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", output, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	ck_assert(fs_write_all(in, spec, strlen(spec)) && lseek(in, 0, SEEK_SET) == 0);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, in, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	(void)posix_spawn_file_actions_adddup2(&actions, 1, 2);
	(void)posix_spawn_file_actions_addchdir_np(&actions, ws);
	ck_assert_int_eq(posix_spawn(&pid, program, &actions, NULL, (char *const *)(uintptr_t)argv,
				     (char *const *)(uintptr_t)env), 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(in);
	return pid;
}

static int end(pid_t pid)
{
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static struct json *output_json(const char *name)
{
	auto_free char *text = get(name);
	struct json *v = NULL;
	struct err err;
	ck_assert_ptr_nonnull(text);
	ck_assert_msg(json_parse(text, strlen(text), 16 * MIB, &v, &err) == ERR_OK, "%s: %s", err.message, text);
	return v;
}

/* "L0:failed L1:not_reached" */
static char *level_states(const struct json *report)
{
	auto_str s = STR_INIT;
	for (const struct json *l = json_first(json_get(report, "levels")); l; l = json_next(l))
		str_addf(&s, "%s%s:%s", s.len ? " " : "", json_get_str(l, "level", "?"), json_get_str(l, "state", "?"));
	return str_take(&s);
}

static char *check_states(const struct json *report)
{
	auto_str s = STR_INIT;
	for (const struct json *l = json_first(json_get(report, "levels")); l; l = json_next(l))
		for (const struct json *c = json_first(json_get(l, "checks")); c; c = json_next(c))
			str_addf(&s, "%s%s:%s", s.len ? " " : "", json_get_str(c, "name", "?"),
				 json_get_str(c, "state", "?"));
	return str_take(&s);
}

/* ---- each kind of check ---- */

#define L0(kind, rest) "{\"level\":\"L0\",\"kind\":\"" kind "\",\"name\":\"" kind "\"," rest "}"
#define SH(level, name, script, rest)                                                                                  \
	"{\"level\":\"" level "\",\"kind\":\"run\",\"name\":\"" name "\",\"argv\":[\"sh\",\"-euc\",\"" script "\"]" rest "}"
#define FX(script, rest)                                                                                               \
	"{\"level\":\"L2\",\"kind\":\"fixture\",\"name\":\"answers\",\"argv\":[\"sh\",\"-euc\",\"" script "\"]," rest "}"
/* clang-format off */
static const struct { const char *checks; int exit; const char *class, *levels, *message, *changed; } rows[] = {
	/* files */
	{ L0("files", "\"files\":[\"README\",\"src/a.c\"]"), 0, NULL, "L0:passed", NULL, NULL },
	{ L0("files", "\"files\":[\"README\",\"NEWS\"]"), 1, "contract_failed", "L0:failed", "files failed: 1 required file is not there: NEWS (missing)", NULL },
	{ L0("files", "\"files\":[\"out\"]"), 1, "contract_failed", "L0:failed", "out (leads out of the workspace)", NULL },
	{ L0("files", "\"files\":[\"../log\"]"), 1, "contract_failed", "L0:failed", "../log (leads out of the workspace)", NULL },
	{ L0("files", "\"files\":[\"src\"]"), 1, "contract_failed", "L0:failed", "src (is no file)", NULL },
	/* forbid */
	{ L0("forbid", "\"patterns\":[\"FIX[M]E\"],\"in\":[\"**/*.c\"]"), 1, "contract_failed", "L0:failed", "1 place matches a forbidden pattern, in src/a.c", NULL },
	{ L0("forbid", "\"patterns\":[\"later$\"],\"in\":[\"src/**\"]"), 1, "contract_failed", "L0:failed", "3 places match a forbidden pattern, in src/a.c, src/deep/c.c", NULL },
	{ L0("forbid", "\"patterns\":[\"later$\"],\"in\":[\"src/*.c\"]"), 1, "contract_failed", "L0:failed", "1 place matches", NULL },
	{ L0("forbid", "\"patterns\":[\"^int\",\"later\"]"), 1, "contract_failed", "L0:failed", "1 place matches a forbidden pattern, in src/b.c", "[\"src/b.c\"]" },
	{ L0("forbid", "\"patterns\":[\"nowhere\"],\"in\":[\"**\"]"), 0, NULL, "L0:passed", NULL, NULL },
	{ L0("forbid", "\"patterns\":[\"later\"],\"in\":[\"*.dat\"]"), 0, NULL, "L0:passed", NULL, NULL },
	{ L0("forbid", "\"patterns\":[\"^(a+)+$\"],\"in\":[\"aaa.txt\"]"), 1, "contract_failed", "L0:failed", "in aaa.txt", NULL },
	/* paths */
	{ L0("paths", "\"allow\":[\"src/**\"]"), 0, NULL, "L0:passed", NULL, "[\"src/a.c\",\"src/deep/c.c\",\"src/gone.c\"]" },
	{ L0("paths", "\"allow\":[\"src/**\"]"), 1, "contract_failed", "L0:failed", "1 changed path is not allowed: README", "[\"src/a.c\",\"README\"]" },
	{ L0("paths", "\"deny\":[\"*.txt\"]"), 1, "contract_failed", "L0:failed", "2 changed paths are not allowed: aaa.txt, keys.txt", "[\"keys.txt\",\"aaa.txt\",\"src/a.c\"]" },
	{ L0("paths", "\"allow\":[\"src/**\"],\"deny\":[\"src/deep/**\"]"), 1, "contract_failed", "L0:failed", "src/deep/c.c", "[\"src/deep/c.c\"]" },
	{ L0("paths", "\"max_file\":10"), 1, "contract_failed", "L0:failed", "1 file is larger than 10 bytes: src/deep/c.c (18 bytes)", "[\"src/b.c\",\"src/deep/c.c\"]" },
	{ L0("paths", "\"max_file\":18"), 0, NULL, "L0:passed", NULL, "[\"src/b.c\",\"src/deep/c.c\"]" },
	/* secrets */
	{ L0("secrets", "\"in\":[\"src/**\"]"), 0, NULL, "L0:passed", NULL, NULL },
	{ L0("secrets", "\"in\":[\"keys.txt\"]"), 1, "contract_failed", "L0:failed", "1 place looks like a secret, in keys.txt", NULL },
	{ L0("secrets", "\"in\":[\"pem.txt\"]"), 1, "contract_failed", "L0:failed", "in pem.txt", NULL },
	{ L0("secrets", "\"skip\":false"), 1, "contract_failed", "L0:failed", "in keys.txt, pem.txt", NULL }, /* all: there is no repository */
	{ L0("secrets", "\"skip\":false"), 0, NULL, "L0:passed", NULL, "[\"README\"]" },
	/* commands */
	{ SH("L1", "build", "echo fine", ""), 0, NULL, "L1:passed", NULL, NULL },
	{ SH("L1", "build", "exit 3", ""), 1, "typecheck_failed", "L1:failed", "build failed: exit status 3, without output", NULL },
	{ SH("L1", "step", "kill -SEGV $$", ""), 1, "verification_failed", "L1:failed", "step failed: ended by signal 11", NULL },
	{ SH("L1", "lint", "echo a.c:3:5: error: bad; exit 1", ""), 1, "lint_failed", "L1:failed", "lint failed: exit status 1, 1 error in 1 file: a.c:3:5: bad", NULL },
	{ SH("L1", "step", "echo not ok 1 - adds; exit 1", ",\"parse\":\"tap\""), 1, "test_failed", "L1:failed", "1 failed test: adds", NULL },
	{ SH("L1", "step", "echo a.c:3:5: error: bad", ""), 0, NULL, "L1:passed", NULL, NULL },
	{ SH("L1", "hangs", "trap '' TERM; while :; do sleep 0.02; done", ",\"timeout_ms\":100"), 1, "verification_failed", "L1:failed", "hangs failed: did not end within 100ms", NULL },
	{ SH("L1", "leaves", "sleep 300 & setsid sleep 300 & echo left", ""), 0, NULL, "L1:passed", NULL, NULL },
	{ SH("L1", "env", "test -z ${PAWL_OUTPUT-} && test $PAWL_CHECK = env", ""), 0, NULL, "L1:passed", NULL, NULL },
	{ SH("L1", "stdin", "! read line", ""), 0, NULL, "L1:passed", NULL, NULL },
	{ "{\"level\":\"L1\",\"kind\":\"run\",\"name\":\"lost\",\"argv\":[\"nothing-like-this\"]}", 1, "verification_failed", "L1:failed", "lost failed: cannot start nothing-like-this: No such file", NULL },
	{ "{\"level\":\"L1\",\"kind\":\"run\",\"name\":\"script\",\"argv\":[\"sh\"],\"script\":\"test -f $0\\nexit 4\\n\"}", 1, "verification_failed", "L1:failed", "exit status 4", NULL },
	{ SH("L1", "tests", "printf '<testsuite><testcase name=\\\"t\\\"><failure message=\\\"no\\\"/></testcase></testsuite>' > r.xml; exit 1", ",\"report\":\"r.xml\",\"parse\":\"junit\""),
	  1, "test_failed", "L1:failed", "tests failed: exit status 1, 1 failed test: t: no", NULL },
	{ SH("L1", "tests", "exit 1", ",\"report\":\"README\""), 1, "test_failed", "L1:failed", "tests failed: exit status 1, 1 warning in 1 file: README: the report of check tests cannot be read", NULL },
	/* fixtures */
	{ FX("cat", "\"stdin\":\"a b\\n\",\"contains\":[\"a b\"],\"matches\":[\"^a .$\"]"), 0, NULL, "L2:passed", NULL, NULL },
	{ FX("cat", "\"stdin\":\"a b\\n\",\"contains\":[\"ab\"]"), 1, "blackbox_failed", "L2:failed", "answers failed: its output does not contain \"ab\"", NULL },
	{ FX("cat", "\"stdin\":\"a b\\n\",\"matches\":[\"^b\"]"), 1, "blackbox_failed", "L2:failed", "its output does not match ^b", NULL },
	{ FX("exit 7", "\"exit\":7"), 0, NULL, "L2:passed", NULL, NULL },
	{ FX("exit 1", "\"exit\":7"), 1, "blackbox_failed", "L2:failed", "exit status 1, expected 7", NULL },
	{ FX("echo x", "\"exit\":7,\"contains\":[\"y\"]"), 1, "blackbox_failed", "L2:failed", "exit status 0, expected 7; its output does not contain \"y\"", NULL },
	{ FX("cat want.json", "\"json\":{\"a\":1.0}"), 0, NULL, "L2:passed", NULL, NULL },
	{ FX("echo '{\\\"b\\\":[1,{\\\"x\\\":null}],\\\"a\\\":\\\"t\\\"}'", "\"json\":{\"a\":\"t\",\"b\":[1,{\"x\":null}]}"), 0, NULL, "L2:passed", NULL, NULL },
	{ FX("echo '[2,1]'", "\"json\":[1,2]"), 1, "blackbox_failed", "L2:failed", "its output is the JSON [2,1], expected [1,2]", NULL },
	{ FX("echo x", "\"json\":1"), 1, "blackbox_failed", "L2:failed", "its output is not JSON: ", NULL },
	{ FX("echo null", "\"json\":null"), 0, NULL, "L2:passed", NULL, NULL },
	{ FX("cat want.json", "\"schema\":{\"type\":\"object\",\"required\":[\"a\"]}"), 0, NULL, "L2:passed", NULL, NULL },
	{ FX("cat want.json", "\"schema\":{\"type\":\"object\",\"required\":[\"b\"]}"), 1, "blackbox_failed", "L2:failed", "its output does not fit the schema: $", NULL },
	{ FX("cp want.json made.json", "\"compare\":[{\"path\":\"made.json\",\"expected\":\"same.json\"}]"), 0, NULL, "L2:passed", NULL, NULL },
	{ FX(":", "\"compare\":[{\"path\":\"other.json\",\"expected\":\"same.json\"}]"), 1, "blackbox_failed", "L2:failed", "other.json differs from same.json at byte 7, line 1", NULL },
	{ FX(":", "\"compare\":[{\"path\":\"nothing\",\"expected\":\"same.json\"}]"), 1, "blackbox_failed", "L2:failed", "nothing is missing", NULL },
	{ FX("sleep 300", "\"timeout_ms\":50"), 1, "blackbox_failed", "L2:failed", "did not end within 50ms", NULL },
	/* levels */
	{ L0("files", "\"files\":[\"NEWS\"]") "," SH("L1", "build", "touch ran", "") "," SH("L3", "sane", ":", ""), 1, "contract_failed", "L0:failed L1:not_reached L3:not_reached", NULL, NULL },
	{ SH("L1", "build", "exit 1", "") "," SH("L1", "test", "exit 1", "") "," SH("L1", "lint", ":", ""), 1, "typecheck_failed", "L1:failed", "build failed: exit status 1, without output (and 1 check more)", NULL },
	{ SH("L1", "build", ":", "") "," SH("L3", "sane", "exit 9", ""), 1, "verification_failed", "L1:passed L3:failed", "sane failed: exit status 9", NULL },
	{ SH("L1", "build", "exit 1", ",\"skip\":true") "," SH("L2", "x", ":", ""), 0, NULL, "L1:skipped_config L2:passed", NULL, NULL },
	{ SH("L1", "build", "exit 1", ",\"skip\":true") "," SH("L1", "x", ":", ""), 0, NULL, "L1:passed", NULL, NULL },
	{ SH("L1", "build", "exit 1", "") "," SH("L2", "x", ":", ",\"skip\":true"), 1, "typecheck_failed", "L1:failed L2:skipped_config", NULL, NULL },
	{ "", 0, NULL, "", NULL, NULL },
};
/* clang-format on */

START_TEST(each_check_finds_what_it_is_for)
{
	auto_free char *spec = xasprintf("{\"changed\":%s,\"checks\":[%s]}", rows[_i].changed ? rows[_i].changed : "null",
					 rows[_i].checks);
	int status = end(begin(spec));
	auto_free char *log = get("log");
	ck_assert_msg(status == rows[_i].exit, "exit %d: %s", status, log);
	auto_json *v = output_json("output");
	const struct json *report = json_get(v, "report");
	auto_free char *levels = level_states(report);
	ck_assert_str_eq(levels, rows[_i].levels);
	ck_assert_int_eq(json_get_bool(report, "passed", false), rows[_i].exit == 0);
	ck_assert_str_eq(json_get_str(v, "class", "-"), rows[_i].class ? rows[_i].class : "-");
	ck_assert_str_eq(json_get_str(report, "class", "-"), rows[_i].class ? rows[_i].class : "none");
	const char *message = json_get_str(v, "message", "");
	ck_assert_msg(!rows[_i].message || strstr(message, rows[_i].message), "%s", message);
	auto_free char *ran = xasprintf("%s/ran", ws);
	ck_assert(!fs_exists(ran));
}
END_TEST

/* ---- a fault is no verdict ---- */

/* clang-format off */
static const struct { const char *spec, *message; } faults[] = {
	{ "", "byte" }, { "[]", "not a JSON object" }, { "{}", "no list" },
	{ "{\"checks\":[{\"level\":\"L9\",\"kind\":\"run\",\"name\":\"x\"}]}", "no level, kind, name" },
	{ "{\"checks\":[{\"level\":\"L1\",\"kind\":\"run\",\"name\":\"x\"}]}", "names no program" },
	{ "{\"checks\":[" SH("L2", "a", ":", "") "," SH("L1", "b", ":", "") "]}", "not sorted" },
	{ "{\"workspace\":\"/nothing/here\",\"checks\":[]}", "cannot open the workspace" },
	{ "{\"workspace\":\"here\",\"checks\":[]}", "no absolute path" },
	{ "{\"checks\":[" L0("forbid", "\"patterns\":[\"(\"],\"in\":[\"**\"]") "]}", "missing" },
};
/* clang-format on */

START_TEST(a_fault_of_its_own_is_no_verdict)
{
	ck_assert_int_eq(end(begin(faults[_i].spec)), 2);
	auto_json *v = output_json("output");
	ck_assert_str_eq(json_get_str(v, "class", ""), "system");
	ck_assert_ptr_null(json_get(v, "report"));
	ck_assert_msg(strstr(json_get_str(v, "message", ""), faults[_i].message) != NULL, "%s",
		      json_get_str(v, "message", ""));
}
END_TEST

/* ---- reports ---- */

START_TEST(secrets_are_in_no_report)
{
	auto_free char *spec = xasprintf("{\"report\":\"%s/r.json\",\"secrets\":[\"open sesame\"],\"checks\":[" SH(
					     "L1", "x", "echo a.c:1: error: open sesame; echo tell open sesame >&2; exit 1",
					     "") "]}", home);
	ck_assert_int_eq(end(begin(spec)), 1);
	auto_free char *output = get("output"), *report = get("r.json");
	ck_assert_ptr_null(strstr(output, "sesame"));
	ck_assert_ptr_null(strstr(report, "sesame"));
	ck_assert_ptr_nonnull(strstr(output, "error: ***"));
	ck_assert_ptr_nonnull(strstr(report, "tell ***"));
}
END_TEST

/* Where output is cut there is no half of a key: it would have no shape any more. */
START_TEST(a_cut_shows_no_half_of_a_secret)
{
	put("key.sh", "echo -----BEGIN RSA PRIVATE KEY-----\ni=0\nwhile [ $i -lt 100 ]; do i=$((i+1)); echo SECRETLINE$i; done\n"
		      "echo -----END RSA PRIVATE KEY-----\nexit 1\n");
	auto_free char *spec = xasprintf("{\"report\":\"%s/r.json\",\"checks\":[" SH("L1", "x", "sh key.sh", "") "]}", home);
	ck_assert_int_eq(end(begin(spec)), 1);
	auto_free char *report = get("r.json"), *output = get("output");
	ck_assert_ptr_null(strstr(report, "SECRETLINE"));
	ck_assert_ptr_null(strstr(output, "SECRETLINE"));
}
END_TEST

START_TEST(the_report_has_both_streams_and_diagnostics)
{
	auto_free char *spec = xasprintf(
	    "{\"run\":\"r-1\",\"node\":\"fix\",\"iteration\":3,\"report\":\"%s/r.json\",\"skip_levels\":[\"L3\"],\"checks\":["
	    SH("L1", "build", "i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo out $i; done; echo src/a.c:7:3: error: bad >&2; exit 2", "")
	    "," SH("L2", "x", ":", "") "," SH("L3", "y", ":", "") "]}", home);
	ck_assert_int_eq(end(begin(spec)), 1);
	auto_json *v = output_json("r.json");
	const struct json *levels = json_get(v, "levels"), *l1 = json_first(levels);
	const struct json *build = json_first(json_get(l1, "checks")), *d = json_first(json_get(v, "diagnostics"));
	ck_assert_str_eq(json_get_str(v, "node", ""), "fix");
	ck_assert_int_eq(json_get_int(v, "iteration", 0), 3);
	ck_assert(str_starts(json_get_str(build, "stdout_tail", ""), "out 11\n"));
	ck_assert_str_eq(json_get_str(build, "stderr_tail", ""), "src/a.c:7:3: error: bad\n");
	ck_assert_str_eq(json_get_str(d, "file", ""), "src/a.c");
	ck_assert_int_eq(json_get_int(d, "line", 0), 7);
	ck_assert_int_eq(json_get_int(d, "column", 0), 3);
	ck_assert_str_eq(json_get_str(d, "check", ""), "build");
	ck_assert_int_eq(json_get_int(json_get(v, "counts"), "errors", 0), 1);
	auto_free char *states = level_states(v);
	ck_assert_str_eq(states, "L1:failed L2:not_reached L3:skipped_config");
	auto_json *o = output_json("output");
	ck_assert_str_eq(json_get_str(json_get(o, "report"), "file", ""), "r.json");
}
END_TEST

START_TEST(much_output_is_cut_and_still_a_report)
{
	auto_str spec = STR_INIT;
	str_add(&spec, "{\"checks\":[");
	for (int i = 0; i < 60; i++)
		str_addf(&spec, "%s{\"level\":\"L1\",\"kind\":\"run\",\"name\":\"c%d\",\"argv\":[\"sh\",\"-c\",\"head -c %d /dev/zero | "
			 "tr '\\\\000' x; i=0; while [ $i -lt 5 ]; do i=$((i+1)); echo f$i.c:%d: error: $0; done; exit 1\"]}",
			 i ? "," : "", i, i == 0 ? 3000000 : 20000, i + 1);
	str_add(&spec, "]}");
	ck_assert_int_eq(end(begin(spec.p)), 1);
	auto_free char *text = get("output");
	ck_assert_uint_le(strlen(text), OUTPUTS_MAX);
	auto_json *v = output_json("output");
	const struct json *check = json_first(json_get(json_first(json_get(json_get(v, "report"), "levels")), "checks"));
	ck_assert_int_gt(json_get_int(check, "output_bytes", 0), 3000000);
	ck_assert_uint_le(strlen(json_get_str(check, "output", "")), 8 * KIB);
	ck_assert_int_eq(json_get_int(json_get(json_get(v, "report"), "counts"), "failed_checks", 0), 60);
	ck_assert_int_gt((int)json_count(json_get(json_get(v, "report"), "diagnostics")), 0);
}
END_TEST

START_TEST(a_lost_report_is_only_a_warning)
{
	ck_assert_int_eq(end(begin("{\"report\":\"/nothing/here/r.json\",\"checks\":[" SH("L1", "x", ":", "") "]}")), 0);
	auto_json *v = output_json("output");
	auto_free char *log = get("log");
	ck_assert(json_type(json_get(json_get(v, "report"), "file")) == JSON_NULL);
	ck_assert_ptr_nonnull(strstr(log, "pawl-verify: /nothing/here/r.json"));
}
END_TEST

START_TEST(warnings_of_a_passed_check_are_told)
{
	ck_assert_int_eq(end(begin("{\"checks\":[" SH("L1", "x", "echo a.c:1: warning: hm; echo b.c:1: error: no", "") "]}")), 0);
	auto_json *v = output_json("output");
	const struct json *report = json_get(v, "report"), *list = json_get(report, "diagnostics");
	ck_assert_uint_eq(json_count(list), 1);
	ck_assert_str_eq(json_get_str(json_first(list), "message", ""), "hm");
	ck_assert_int_eq(json_get_int(json_get(report, "counts"), "errors", -1), 0);
	ck_assert_int_eq(json_get_int(json_get(report, "counts"), "warnings", -1), 1);
}
END_TEST

START_TEST(a_repository_tells_what_changed)
{
	put("clean.sh", "git init -q . && git config user.name x && git config user.email x@y && git add -A && git commit -qm x\n");
	auto_free char *command = xasprintf("{\"checks\":[" SH("L1", "x", "GIT_CONFIG_GLOBAL=/dev/null sh clean.sh", "") "]}");
	ck_assert_int_eq(end(begin(command)), 0);
	put("src/b.c", "int changed;\n");
	put("new file.c", "int x;\n");
	auto_free char *gone = xasprintf("%s/README", ws);
	ck_assert_int_eq(unlink(gone), 0);
	ck_assert_int_eq(end(begin("{\"checks\":[" L0("paths", "\"allow\":[\"nothing\"]") "]}")), 1);
	auto_json *v = output_json("output");
	ck_assert_ptr_nonnull(strstr(json_get_str(v, "message", ""), "not allowed: README, new file.c, src/b.c"));
}
END_TEST

/* ---- life ---- */

static void wait_for_path(const char *name)
{
	auto_free char *path = xasprintf("%s/%s", ws, name);
	for (int64_t until = 0; waiting(&until);)
		if (fs_exists(path))
			return;
}

static bool anyone_below(const char *mark)
{
	bool found = false;
	DIR *proc = opendir("/proc");
	for (const struct dirent *e; (e = readdir(proc));) {
		auto_free char *path = xasprintf("/proc/%s/cmdline", e->d_name), *text = NULL;
		size_t len;
		if (e->d_name[0] < '0' || e->d_name[0] > '9' || fs_read(path, 64 * KIB, &text, &len, NULL))
			continue;
		found |= memmem(text, len, mark, strlen(mark)) != NULL;
	}
	(void)closedir(proc);
	return found;
}

START_TEST(nobody_stays_behind)
{
	auto_free char *spec = xasprintf("{\"checks\":[" SH("L1", "x", "sleep 4242.%d & setsid sh -c 'sleep 4242.%d; :' & exit 1", "") "]}",
					 (int)getpid(), (int)getpid());
	auto_free char *mark = xasprintf("4242.%d", (int)getpid());
	ck_assert_int_eq(end(begin(spec)), 1);
	for (int64_t until = 0; waiting(&until);)
		if (!anyone_below(mark))
			break;
}
END_TEST

START_TEST(killed_half_way_it_begins_anew)
{
	const char *spec = "{\"checks\":[" L0("files", "\"files\":[\"README\"]") ","
			   SH("L1", "x", "touch begun; while [ ! -e go ]; do sleep 0.02; done", "") "]}";
	pid_t pid = begin(spec);
	wait_for_path("begun");
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(end(pid), 128 + SIGKILL);
	ck_assert_ptr_null(get("output"));
	put("go", "");
	ck_assert_int_eq(end(begin(spec)), 0);
	auto_free char *log = get("log");
	ck_assert(str_starts(log, "== L0 files\n"));
	ck_assert_ptr_nonnull(strstr(log, "== L1 x: passed in "));
}
END_TEST

START_TEST(time_in_which_it_was_stopped_does_not_count)
{
	pid_t pid = begin("{\"checks\":[" SH("L1", "x", "touch begun; while [ ! -e go ]; do sleep 0.02; done", ",\"timeout_ms\":800") "]}");
	wait_for_path("begun");
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	int64_t limit_over = clock_mono_us() + 1500 * INT64_C(1000);
	for (int64_t until = 0; waiting(&until);)
		if (clock_mono_us() > limit_over)
			break;
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
	put("go", "");
	ck_assert_int_eq(end(pid), 0);
}
END_TEST

/* ---- as the engine does it ---- */

static char check_name[] = "tests", shell_script[] = "echo t.c:4: error: no; exit 1", good_script[] = "echo good";

static void run_node(struct engine *e, char *script, struct step_result *ret, struct step_end *ret_end,
		     struct proto_message *result)
{
	struct graph_check check = { .level = LEVEL_L1, .kind = CHECK_RUN, .name = check_name, .timeout_ms = 60000,
				     .command = { .shell = SHELL_SH, .script = script } };
	struct graph_node node = { .kind = NODE_RUN, .checks = &check, .nchecks = 1 };
	struct step_context c = { .node = &node, .workspace = e->home, .libexec = libexec, .iteration = 2 };
	struct step_build b = { 0 };
	struct proto_message m;
	struct err err;
	spec_init(e, &m);
	b.spec = m.spec;
	ck_assert_msg(verify_prepare(&c, &b, &err) == ERR_OK, "%s", err.message);
	m.spec = b.spec;
	engine_run(e, &m, result);
	*ret = result->result;
	verify_end_take(ret, ret_end);
	step_build_done(&b);
}

START_TEST(a_node_is_judged_under_a_worker)
{
	struct engine e;
	struct proto_message result;
	struct step_result r;
	struct step_end step;
	engine_open(&e);
	run_node(&e, shell_script, &r, &step, &result);
	ck_assert_str_eq(error_class_name(r.class), "test_failed");
	ck_assert_str_eq(str_text(&step.message), "tests failed: exit status 1, 1 error in 1 file: t.c:4: no");
	auto_json *report = NULL;
	ck_assert_int_eq(json_parse(step.report.p, step.report.len, MIB, &report, NULL), ERR_OK);
	ck_assert_str_eq(json_get_str(report, "kind", ""), "verify");
	auto_free char *file = xasprintf("%s/logs/%d.verify.json", e.home, (int)e.token);
	ck_assert(fs_exists(file));
	auto_free char *log = engine_log(&e);
	ck_assert_ptr_nonnull(strstr(log, "t.c:4: error: no\n"));
	step_end_done(&step);
	proto_done(&result);
	run_node(&e, good_script, &r, &step, &result);
	ck_assert_int_eq(r.class, CLASS_NONE);
	ck_assert_uint_gt(step.report.len, 0);
	step_end_done(&step);
	proto_done(&result);
	engine_close(&e);
}
END_TEST

static char n1[] = "files", n2[] = "forbid", n3[] = "paths", n4[] = "secrets", n5[] = "list", n6[] = "bash", n7[] = "custom",
	    n8[] = "long", n9[] = "fixture", n10[] = "later";
static char readme[] = "README", fixme[] = "FIX" "ME", c_files[] = "**/*.c", everything[] = "**", dat[] = "*.dat", sh[] = "sh",
	    dash_x[] = "-x", echo[] = "echo", hello[] = "hello there", pipes[] = "false | true", ended[] = "exit 0\n",
	    cat[] = "cat", one[] = "{\"a\": [1]}", two[] = "{\"a\":[1.0]}", schema[] = "{\"type\":\"object\"}",
	    want[] = "want.json", same[] = "same.json", any[] = "a.*1", quoted[] = "\"a\"", keys[] = "keys.txt";
static char *f1[] = { readme, NULL }, *f2[] = { fixme, NULL }, *f3[] = { c_files, NULL }, *f4[] = { everything, NULL },
	    *f5[] = { dat, NULL }, *f6[] = { echo, hello, NULL }, *f7[] = { sh, dash_x, NULL }, *f8[] = { quoted, NULL },
	    *f9[] = { any, NULL }, *f10[] = { keys, NULL };

START_TEST(every_kind_of_check_travels_whole)
{
	auto_free char *script = xmalloc(200 * KIB);
	memset(script, '#', 200 * KIB);
	(void)snprintf(script + 199 * KIB, KIB, "\nexit 0\n");
	struct check_fixture fixture = { .input = one, .contains = f8, .ncontains = 1, .matches = f9, .nmatches = 1,
					 .json = two, .schema_json = schema };
	fixture.files = xcalloc(1, sizeof(*fixture.files));
	fixture.files[0].path = want;
	fixture.files[0].expected = same;
	fixture.nfiles = 1;
	struct graph_check checks[] = {
		{ .level = LEVEL_L0, .kind = CHECK_FILES, .name = n1, .files = f1, .nfiles = 1 },
		{ .level = LEVEL_L0, .kind = CHECK_FORBID, .name = n2, .patterns = f2, .npatterns = 1, .in = f3, .nin = 1 },
		{ .level = LEVEL_L0, .kind = CHECK_PATHS, .name = n3, .allow = f4, .nallow = 1, .deny = f5, .ndeny = 1,
		  .max_file = 20 },
		{ .level = LEVEL_L0, .kind = CHECK_SECRETS, .name = n4, .in = f10, .nin = 1 },
		{ .level = LEVEL_L1, .kind = CHECK_RUN, .name = n5, .command = { .shell = SHELL_NONE, .argv = f6, .nargv = 2 } },
		{ .level = LEVEL_L1, .kind = CHECK_RUN, .name = n6, .command = { .shell = SHELL_BASH, .script = pipes } },
		{ .level = LEVEL_L1, .kind = CHECK_RUN, .name = n7,
		  .command = { .shell = SHELL_CUSTOM, .shell_argv = f7, .script = ended } },
		{ .level = LEVEL_L1, .kind = CHECK_RUN, .name = n8, .command = { .shell = SHELL_SH, .script = script } },
		{ .level = LEVEL_L2, .kind = CHECK_FIXTURE, .name = n9, .fixture = &fixture,
		  .command = { .shell = SHELL_SH, .script = cat } },
		{ .level = LEVEL_L3, .kind = CHECK_RUN, .name = n10, .command = { .shell = SHELL_SH, .script = cat } },
	};
	/* What fails in L0 as it should; everything but that; and without what fails in L1, too. */
	for (int round = 0; round < 3; round++) {
		struct graph_node node = { .kind = NODE_RUN, .checks = checks, .nchecks = COUNT(checks),
					   .verify_skip = round ? 1U << LEVEL_L0 | 1U << LEVEL_L3 : 0 };
		struct step_context c = { .node = &node, .workspace = ws, .libexec = libexec, .iteration = 1,
					  .changed = "[\"bin.dat\",\"src/a.c\"]" };
		struct step_build b = { 0 };
		ck_assert_int_eq(verify_prepare(&c, &b, NULL), ERR_OK);
		auto_free char *spec = xstrndup(b.spec.stdin_bytes, b.spec.stdin_len);
		step_build_done(&b);
		int status = end(begin(spec));
		auto_free char *log = get("log"), *states = NULL;
		auto_json *v = output_json("output");
		states = check_states(json_get(v, "report"));
		ck_assert_msg(status == (round < 2), "%s", log);
		if (round == 2) {
			ck_assert_ptr_nonnull(strstr(states, "bash:skipped_config custom:passed long:passed fixture:passed"));
			break;
		}
		ck_assert_str_eq(states, round ? "files:skipped_config forbid:skipped_config paths:skipped_config "
						 "secrets:skipped_config list:passed bash:failed custom:passed long:passed "
						 "fixture:not_reached later:skipped_config" :
						 "files:passed forbid:failed paths:failed secrets:failed list:not_reached "
						 "bash:not_reached custom:not_reached long:not_reached fixture:not_reached "
						 "later:not_reached");
		checks[5].skip = round == 1;
	}
	free(fixture.files);
}
END_TEST

START_TEST(an_end_without_a_word_is_no_verdict)
{
	struct step_result r = { .class = CLASS_EXIT, .exit_code = 2 };
	struct step_end step;
	verify_end_take(&r, &step);
	ck_assert_int_eq(r.class, CLASS_SYSTEM);
	r = (struct step_result){ .class = CLASS_NONE };
	verify_end_take(&r, &step);
	ck_assert_int_eq(r.class, CLASS_OUTPUT);
	r = (struct step_result){ .class = CLASS_TIMEOUT };
	verify_end_take(&r, &step);
	ck_assert_int_eq(r.class, CLASS_TIMEOUT);
}
END_TEST

int main(void)
{
	const char *folder = getenv("PAWL_LIBEXEC");
	if (!getcwd(libexec, sizeof(libexec)))
		return 1;
	if (folder)
		(void)snprintf(libexec, sizeof(libexec), "%s", folder);
	(void)snprintf(program, sizeof(program), "%s/pawl-verify", libexec);
	Suite *s = suite_create("work_verify");
	TCase *t = tcase_create("checks");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, each_check_finds_what_it_is_for, 0, COUNT(rows));
	tcase_add_loop_test(t, a_fault_of_its_own_is_no_verdict, 0, COUNT(faults));
	tcase_add_test(t, secrets_are_in_no_report);
	tcase_add_test(t, a_cut_shows_no_half_of_a_secret);
	tcase_add_test(t, the_report_has_both_streams_and_diagnostics);
	tcase_add_test(t, much_output_is_cut_and_still_a_report);
	tcase_add_test(t, a_lost_report_is_only_a_warning);
	tcase_add_test(t, warnings_of_a_passed_check_are_told);
	tcase_add_test(t, a_repository_tells_what_changed);
	tcase_add_test(t, every_kind_of_check_travels_whole);
	tcase_add_test(t, nobody_stays_behind);
	tcase_add_test(t, killed_half_way_it_begins_anew);
	tcase_add_test(t, time_in_which_it_was_stopped_does_not_count);
	suite_add_tcase(s, t);
	TCase *w = tcase_create("worker");
	tcase_set_timeout(w, 60);
	tcase_add_test(w, a_node_is_judged_under_a_worker);
	tcase_add_test(w, an_end_without_a_word_is_no_verdict);
	suite_add_tcase(s, w);
	return run_suite(s);
}
