/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole commands against a stand-in for the engine: what they ask, what they print, how they end. */
#include "cli/cli.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "tests/unit/standin.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RUNNING "{\"id\":\"r-1\",\"order\":\"o-1\",\"workflow\":\"hello\",\"state\":\"running\"," \
	    "\"progress\":{\"total\":3,\"succeeded\":1},\"current\":[\"build\"]}"
#define FAILED \
	"{\"id\":\"r-1\",\"workflow\":\"hel\\u001b[31mlo\",\"state\":\"failed\",\"duration_ms\":2000,\"progress\":{\"total\":3}," \
	"\"failure\":{\"node\":\"tests\",\"attempt\":2,\"class\":\"exit\",\"message\":\"exit code 7\",\"exit_code\":7,\"line\":42," \
	"\"tail\":[\"first\",\"\\u001b]0;title\\u0007last\"]}}"
#define CONFLICT \
	"409 {\"code\":\"conflict\",\"message\":\"it has ended\",\"details\":{\"state\":\"failed\",\"legal\":[\"retry\"]},\"hint\":\"look\"}"
#define INVALID \
	"422 {\"code\":\"invalid\",\"message\":\"1 mistake\",\"details\":{\"issues\":[{\"file\":\"a.yaml\",\"line\":3,\"column\":5," \
	"\"path\":\"nodes.a\",\"message\":\"oh\"}]}}"
#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

static char *home;
static struct standin *server;

static char *contents(const char *name)
{
	auto_free char *path = xasprintf("%s/%s", home, name);
	char *text = NULL;
	ck_assert_int_eq(fs_read(path, MIB, &text, NULL, NULL), ERR_OK);
	return text;
}

/* Run "pawl --home HOME words…" in this process; its output goes to files of the home. */
static int pawl(const char *words, char **ret_out, char **ret_err)
{
	char *argv[32] = { xstrdup("pawl"), xstrdup("--home"), xstrdup(home) }, *copy = xstrdup(words), *save = NULL;
	int argc = 3;
	for (char *w = strtok_r(copy, " ", &save); w && argc < 31; w = strtok_r(NULL, " ", &save))
		argv[argc++] = xstrdup(w);
	auto_free char *out = xasprintf("%s/out", home), *err = xasprintf("%s/err", home);
	(void)fflush(NULL);
	int saved[2] = { dup(1), dup(2) };
	ck_assert(freopen(out, "w", stdout) && freopen(err, "w", stderr));
	int status = cli_main(argc, argv);
	(void)fflush(NULL);
	ck_assert(dup2(saved[0], 1) == 1 && dup2(saved[1], 2) == 2);
	(void)close(saved[0]);
	(void)close(saved[1]);
	*ret_out = contents("out");
	*ret_err = contents("err");
	while (argc > 0)
		free(argv[--argc]);
	free(copy);
	return status;
}

static void setup(void)
{
	home = standin_home();
	static const char yaml[] = "name: hello\nnodes: {a: {run: 'true'}}\n";
	auto_free char *file = xasprintf("%s/hello.yaml", home);
	ck_assert_int_eq(fs_write(file, yaml, sizeof(yaml) - 1, 0600, NULL), ERR_OK);
	ck_assert_int_eq(chdir(home), 0);
	ck_assert_int_eq(setenv("LC_ALL", "C", 1), 0);
	ck_assert_int_eq(unsetenv("PAWL_URL"), 0);
	/* An engine that cannot be started, so that nothing starts one by mistake. */
	ck_assert_int_eq(setenv("PAWL_ENGINE", "/nonexistent/pawld", 1), 0);
}

static void teardown(void)
{
	if (server)
		standin_stop(TAKE(server));
	ck_assert_int_eq(chdir("/"), 0);
	standin_home_remove(TAKE(home));
}

/* clang-format off */
static const struct {
	const char *words;
	struct standin_row rows[4];
	int status;
	const char *asked;     /* a part of the last request, or NULL */
	const char *out, *err; /* parts of the output, or NULL: it must be empty */
} cases[] = {
	{ "submit hello.yaml", { { "POST /v1/orders ", "{\"id\":\"o-1\",\"state\":\"queued\",\"position\":3}" } },
	  0, "\"file\":\"hello.yaml\"", "o-1 queued, position 3\n", NULL },
	{ "submit hello.yaml -q", { { "POST /v1/orders ", "{\"id\":\"o-1\",\"state\":\"queued\",\"position\":3}" } },
	  0, NULL, "o-1\n", NULL },
	{ "submit hello.yaml --json -p a=1 -p b:=[1,2] --priority 4 --hold --paused --until x --after o-0 --max-wait 2m --key k1",
	  { { "POST /v1/orders ", "{\"id\":\"o-1\"}" } }, 0,
	  "\"params\":{\"a\":\"1\",\"b\":[1,2]},\"priority\":4,\"max_wait_ms\":120000,\"hold\":true,\"paused\":true,"
	  "\"depends_on\":[\"o-0\"],\"until\":[\"x\"]}", "{\"id\":\"o-1\"}\n", NULL },
	{ "submit hello.yaml --key k1", { { "POST /v1/orders ", "{\"id\":\"o-1\"}" } }, 0, "Idempotency-Key: k1\r\n", "o-1", NULL },
	{ "submit hello.yaml", { { "POST /v1/orders ", INVALID } }, 3, NULL, NULL, "a.yaml:3:5: nodes.a: oh\npawl: the workflow has 1 mistake\n" },
	{ "submit none.yaml", { { "POST /v1/orders ", "{}" } }, 4, NULL, NULL, "none.yaml" },
	{ "submit hello.yaml -p a=1 -p a=2", { { "POST", "{}" } }, 2, NULL, NULL, "parameter a is given twice" },
	{ "submit hello.yaml -p =2", { { "POST", "{}" } }, 2, NULL, NULL, "NAME=VALUE" },
	{ "submit hello.yaml -p a:={", { { "POST", "{}" } }, 2, NULL, NULL, "not JSON" },
	{ "submit hello.yaml --max-wait never", { { "POST", "{}" } }, 2, NULL, NULL, "never" },
	{ "pause r-1 --reason look", { { "POST /v1/runs/r-1/pause ", RUNNING } }, 0, "{\"reason\":\"look\"}", "r-1 ", NULL },
	{ "pause o-1", { { "GET /v1/orders/o-1 ", "{\"id\":\"o-1\",\"run\":\"r-1\"}" }, { "POST /v1/runs/r-1/pause ", RUNNING } },
	  0, "POST /v1/runs/r-1/pause", "r-1 ", NULL },
	{ "pause o-1", { { "GET /v1/orders/o-1 ", "{\"id\":\"o-1\",\"run\":null,\"state\":\"queued\"}" } }, 5, NULL, NULL, "no run yet" },
	{ "hold r-1", { { "GET /v1/runs/r-1 ", RUNNING }, { "POST /v1/orders/o-1/hold ", "{\"id\":\"o-1\",\"state\":\"held\"}" } },
	  0, "POST /v1/orders/o-1/hold", "o-1 held\n", NULL },
	{ "cancel abc", { { "POST /v1/orders/abc/cancel ", "{\"id\":\"o-abc\",\"state\":\"canceled\"}" } },
	  0, "POST /v1/orders/abc/cancel", "o-abc canceled\n", NULL },
	{ "resume r-1", { { "POST /v1/runs/r-1/resume ", CONFLICT } }, 5, NULL, NULL, "pawl: it has ended\n      look\n" },
	{ "resume r-1 --json", { { "POST /v1/runs/r-1/resume ", CONFLICT } }, 5, NULL, NULL,
	  "{\"code\":\"conflict\",\"message\":\"it has ended\",\"details\":{\"state\":\"failed\",\"legal\":[\"retry\"]},\"hint\":\"look\"}\n" },
	{ "resume r-1 r-2", { { "POST /v1/runs/r-2/resume ", "{\"id\":\"r-2\",\"state\":\"running\"}" } },
	  4, "r-2/resume", "r-2 running\n", "no such row" },
	{ "step r-1 build", { { "POST /v1/runs/r-1/step ", RUNNING } }, 0, "{\"node\":\"build\"}", "r-1", NULL },
	{ "until r-1 a b --failure", { { "POST /v1/runs/r-1/until ", RUNNING } }, 0, "{\"nodes\":[\"a\",\"b\"],\"failure\":true}", "r-1", NULL },
	{ "until r-1", { { "POST", "{}" } }, 2, NULL, NULL, "--failure" },
	{ "priority o-1 -5", { { "POST /v1/orders/o-1/priority ", "{\"id\":\"o-1\",\"state\":\"queued\"}" } }, 0, "{\"priority\":-5}", "o-1", NULL },
	{ "priority o-1 high", { { "POST", "{}" } }, 2, NULL, NULL, "whole number" },
	{ "ack r-1", { { "POST /v1/runs/r-1/acknowledge ", RUNNING } }, 0, NULL, "r-1", NULL },
	{ "runs -s failed -w a/b --json", { { "GET /v1/runs?state=failed&workflow=a%2Fb&limit=50 ", "{\"items\":[{\"id\":\"r-1\"}],\"next\":null,\"total\":1}" } },
	  0, NULL, "{\"items\":[{\"id\":\"r-1\"}],\"next\":null,\"total\":1}\n", NULL },
	{ "runs -n 3", { { "GET /v1/runs?limit=3 ", "{\"items\":[" FAILED "],\"next\":\"c\",\"total\":9}" }, { "GET /v1/runs?limit=2&after=c ", "{\"items\":[]}" } },
	  0, NULL, "hel\\x1B[31mlo", "" },
	{ "runs", { { "GET /v1/runs", "{\"items\":[],\"next\":null,\"total\":0}" } }, 0, NULL, NULL, "no such runs" },
	{ "queue", { { "GET /v1/orders?order=queue&limit=50 ",
	  "{\"items\":[{\"id\":\"o-1\",\"state\":\"queued\",\"position\":1,\"priority\":2,\"workflow\":\"w\",\"depends_on\":[]}]}" },
	  { "GET /v1/orders?state=held,blocked,pending&limit=49 ", "{\"items\":[{\"id\":\"o-2\",\"state\":\"held\"}]}" } },
	  0, "state=held", "  1  o-1       2  queued  w", NULL },
	{ "queue pause --reason x", { { "POST /v1/queue/pause ", "{\"paused\":true}" } }, 0, "{\"reason\":\"x\"}", "pawl queue resume", NULL },
	{ "queue sleep", { { "GET", "{}" } }, 2, NULL, NULL, "list, stats, health" },
	{ "show r-1", { { "GET /v1/runs/r-1/nodes/tests/attempts", "{\"items\":[{\"log\":{\"path\":\"/x/1.log\"}}]}" },
	  { "GET /v1/runs/r-1/nodes?", "{\"items\":[{\"node\":\"tests\",\"state\":\"failed\"}]}" }, { "GET /v1/runs/r-1 ", FAILED } },
	  0, NULL, "exit (exit code 7)", NULL },
	{ "show r-1", { { "GET /v1/runs/r-1/nodes?", "{\"items\":[{\"node\":\"tests\",\"kind\":\"run\",\"state\":\"succeeded\",\"stale\":true,"
	  "\"attempts\":3,\"tries\":2,\"max_attempts\":2}]}" }, { "GET /v1/runs/r-1 ", RUNNING } },
	  0, NULL, "tests  succeeded, stale  run     2/2", NULL },
	{ "show r-1", { { "GET /v1/runs/r-1/nodes?", "{\"items\":[{\"node\":\"tests\",\"kind\":\"run\",\"state\":\"succeeded\","
	  "\"attempts\":2,\"tries\":1,\"max_attempts\":1}]}" }, { "GET /v1/runs/r-1 ", RUNNING } },
	  0, NULL, "tests  succeeded  run\n", NULL },
	{ "show r-1/tests.2", { { "GET /v1/runs/r-1/nodes/tests/attempts", "{\"items\":[{\"attempt\":3},{\"attempt\":2,\"iteration\":1,\"state\":\"failed\"}]}" } },
	  0, NULL, "2 (iteration 1", NULL },
	{ "show r-1/tests.9", { { "GET /v1/runs/r-1/nodes/tests/attempts", "{\"items\":[{\"attempt\":3}]}" } }, 4, NULL, NULL, "no attempt 9" },
	{ "show #7 --json", { { "GET /v1/events?after=6&limit=1 ", "{\"items\":[{\"seq\":7,\"type\":\"run.paused\"}]}" } },
	  0, NULL, "{\"seq\":7,\"type\":\"run.paused\"}\n", NULL },
	{ "show abc", { { "GET /v1/orders/abc ", "{\"id\":\"o-abc\",\"state\":\"held\",\"workflow\":\"w\"}" } }, 0, NULL, "o-abc", NULL },
	{ "logs r-1/a", { { "GET /v1/runs/r-1/nodes/a/log?from=1&", "{\"items\":[{\"n\":1,\"s\":\"out\",\"text\":\"x\\u001b[2J\"},{\"n\":2,\"s\":\"err\",\"text\":\"y\"}],\"lines\":2}" } },
	  0, NULL, "x\\x1B[2J\ny\n", NULL },
	{ "logs r-1/a --stderr -n", { { "GET /v1/runs/r-1/nodes/a/log?", "{\"items\":[{\"n\":1,\"s\":\"out\",\"text\":\"x\"},{\"n\":2,\"s\":\"err\",\"text\":\"y\"}],\"lines\":2}" } },
	  0, NULL, "     2 y\n", NULL },
	{ "logs r-1/a --lines 2:2", { { "GET /v1/runs/r-1/nodes/a/log?from=2&", "{\"items\":[{\"n\":2,\"s\":\"out\",\"text\":\"y\"},{\"n\":3,\"s\":\"out\",\"text\":\"z\"}],\"lines\":9}" } },
	  0, NULL, "y\n", NULL },
	{ "logs r-1/a --lines 5:2", { { "GET", "{}" } }, 2, NULL, NULL, "A:B" },
	{ "logs r-1/a --tail 1", { { "GET /v1/runs/r-1/nodes/a/log?tail=1", "{\"items\":[],\"lines\":8}" }, { "GET /v1/runs/r-1/nodes/a/log?from=8&", "{\"items\":[{\"n\":8,\"text\":\"end\"}],\"lines\":8}" } },
	  0, NULL, "end\n", NULL },
	{ "logs r-1/a -g x+ -i", { { "GET /v1/runs/r-1/nodes/a/log/search?pattern=x%2B&from=1&dir=next&limit=1000&case=0 ",
	  "{\"hits\":[{\"line\":{\"n\":4,\"text\":\"axx\"},\"start\":1,\"end\":3}],\"next\":null}" } }, 0, NULL, "axx\n", NULL },
	{ "logs r-1/a -g none", { { "GET /v1/runs/r-1/nodes/a/log/search", "{\"hits\":[],\"next\":null}" } }, 4, NULL, NULL, "no line matches" },
	{ "logs r-1/a --raw", { { "GET /v1/runs/r-1/nodes/a/log/raw", "HTTP/1.1 206 P\r\nContent-Length: 3\r\n\r\n\033[m" } }, 0, "Range: bytes=0-", "\033[m", NULL },
	{ "logs r-1", { { "GET /v1/runs/r-1 ", FAILED }, { "GET /v1/runs/r-1/nodes/tests/log?from=1", "{\"items\":[{\"n\":1,\"text\":\"t\"}],\"lines\":1}" } },
	  0, NULL, "t\n", "r-1/tests" },
	{ "logs r-1/a -f", { { "GET /v1/runs/r-1/nodes/a/log/follow?from=2", EVENTS "event: lines\ndata: {\"items\":[{\"n\":1,\"text\":\"old\"},{\"n\":2,\"text\":\"new\"}]}\n\nevent: end\ndata: {}\n\n", .hold = true },
	  { "GET /v1/runs/r-1/nodes/a/log?from=1", "{\"items\":[{\"n\":1,\"text\":\"one\"}],\"lines\":1}" },
	  { "GET /v1/engine", "{\"last_seq\":1}" }, { "GET /v1/runs/r-1/nodes/a ", "{\"state\":\"succeeded\",\"attempts\":1}" } },
	  0, NULL, "one\nnew\n", NULL },
	{ "events -n 2", { { "GET /v1/events?before=900000000000000&limit=2 ", "{\"items\":[{\"seq\":9,\"type\":\"run.failed\",\"run\":\"r-1\"},{\"seq\":8,\"type\":\"run.started\"}]}" } },
	  0, NULL, "run.failed", NULL },
	{ "events --after 3 --json", { { "GET /v1/events?after=3&", "{\"items\":[{\"seq\":4}]}" }, { "GET /v1/events?after=4&", "{\"items\":[]}" } },
	  0, NULL, "{\"seq\":4}\n", NULL },
	{ "engine status --json", { { "GET /v1/engine ", "{\"pid\":77}" } }, 0, NULL, "{\"pid\":77}\n", NULL },
	{ "engine start", { { "GET /v1/engine ", "{\"pid\":77}" } }, 0, NULL, "already, pid 77\n", NULL },
	{ "engine stop --kill --json", { { "POST /v1/engine/stop ", "{\"stopping\":true}" } }, 0, "{\"kill\":true}", "{\"stopping\":true}\n", NULL },
	{ "fsck", { { "POST /v1/fsck ", "{\"ok\":false,\"checks\":[{\"name\":\"chain\",\"ok\":false,\"count\":3,\"problems\":[\"broken\"]}]}" } },
	  13, NULL, "broken", "breaks the rules" },
	{ "workers", { { "GET /v1/workers ", "{\"items\":[{\"pid\":5,\"state\":\"busy\",\"run\":\"r-1\",\"node\":\"a\"}]}" } }, 0, NULL, "r-1/a", NULL },
	{ "status", { { "GET /v1/engine ", "{\"state\":\"storage\",\"reason\":\"disk full\",\"failures_unacknowledged\":1}" },
	  { "GET /v1/runs?state=failed_new", "{\"items\":[" FAILED "]}" }, { "GET /v1/runs?state=prep", "{\"items\":[]}" },
	  { "GET /v1/runs/r-1/nodes/tests/attempts", "{\"items\":[]}" } }, 0, NULL, "1 new failure, the engine: storage disk full", NULL },
	{ "run hello.yaml", { { "POST /v1/orders ", "{\"id\":\"o-1\",\"workflow\":\"hello\",\"run\":\"r-1\"}" }, { "GET /v1/engine", "{\"last_seq\":5}" },
	  { "GET /v1/runs/r-1 ", FAILED }, { "GET /v1/events/stream?after=5 ", EVENTS, .hold = true } }, 1, NULL, "pawl logs r-1/tests --lines 37:52", NULL },
	{ "run hello.yaml --json", { { "POST /v1/orders ", "{\"id\":\"o-1\",\"run\":\"r-1\"}" }, { "GET /v1/engine", "{\"last_seq\":5}" },
	  { "GET /v1/runs/r-1 ", "{\"id\":\"r-1\",\"state\":\"succeeded\"}" }, { "GET /v1/events", EVENTS, .hold = true } }, 0, NULL, "{\"id\":\"r-1\",\"state\":\"succeeded\"}\n", NULL },
	{ "run hello.yaml", { { "POST /v1/orders ", "{\"id\":\"o-1\",\"workflow\":\"hello\",\"run\":null}" }, { "GET /v1/engine", "{\"last_seq\":5}" },
	  { "GET /v1/orders/o-1 ", "{\"id\":\"o-1\",\"state\":\"failed\",\"reason\":\"it waited too long\"}" }, { "GET /v1/events", EVENTS, .hold = true } },
	  1, NULL, NULL, "it waited too long" },
	{ "follow r-1", { { "GET /v1/engine", "{\"last_seq\":5}" }, { "GET /v1/runs/r-1 ", "{\"id\":\"r-1\",\"workflow\":\"w\",\"order\":\"o-1\",\"state\":\"paused\",\"reason\":\"operator\"}" },
	  { "GET /v1/events", EVENTS, .hold = true } }, 0, NULL, "pawl resume r-1", NULL },
	{ "logs r-1 x", { { "GET", "{}" } }, 2, NULL, NULL, "too many" },
	{ "runs", { { "GET /v1/runs", "not JSON" } }, 70, NULL, NULL, "not JSON" },
};
/* clang-format on */

START_TEST(a_command)
{
	size_t n = 0;
	while (n < COUNT(cases[_i].rows) && cases[_i].rows[n].request)
		n++;
	server = standin_start(home, cases[_i].rows, n);
	auto_free char *out = NULL, *err = NULL;
	int status = pawl(cases[_i].words, &out, &err);
	ck_assert_msg(status == cases[_i].status, "%s: exit status %d\n%s%s", cases[_i].words, status, out, err);
	size_t asked = standin_requests(server);
	if (cases[_i].asked)
		ck_assert_msg(asked && strstr(standin_request(server, asked - 1), cases[_i].asked), "%s: asked\n%s", cases[_i].words,
			      asked ? standin_request(server, asked - 1) : "nothing");
	if (cases[_i].out)
		ck_assert_msg(strstr(out, cases[_i].out) != NULL, "%s: printed\n%s", cases[_i].words, out);
	else
		ck_assert_msg(!out[0], "%s: printed\n%s", cases[_i].words, out);
	if (cases[_i].err)
		ck_assert_msg(strstr(err, cases[_i].err) != NULL, "%s: said\n%s", cases[_i].words, err);
	else
		ck_assert_msg(!err[0], "%s: said\n%s", cases[_i].words, err);
	bool raw = strstr(cases[_i].words, "--raw") != NULL;
	ck_assert_msg(raw || !strchr(out, '\033'), "%s: an escape came through", cases[_i].words);
}
END_TEST

/* What must work without an engine, and what says that there is none. */
/* clang-format off */
static const struct { const char *words; int status; const char *out, *err; } alone[] = {
	{ "version", 0, "pawl ", NULL },
	{ "version --json", 0, "{\"version\":\"", NULL },
	{ "help logs", 0, "pawl logs last", NULL },
	{ "help nothing", 2, NULL, "nothing" },
	{ "--help", 0, "submit", NULL },
	{ "exit-codes", 0, "queue_full", NULL },
	{ "exit-codes --json", 0, "{\"exit\":7,\"code\":\"queue_full\",\"http\":503", NULL },
	{ "completion bash", 0, "complete -F _pawl pawl", NULL },
	{ "completion zsh", 0, "#compdef pawl", NULL },
	{ "completion fish", 2, NULL, "bash or zsh" },
	{ "engine status", 6, NULL, "no engine answers" },
	{ "engine status --json", 6, NULL, "{\"code\":\"unavailable\"" },
	{ "engine stop", 0, NULL, "no engine runs" },
	{ "engine fly", 2, NULL, "start, stop, status, metrics, run" },
	{ "status", 6, NULL, "no engine answers" },
	{ "runs", 2, NULL, "/nonexistent/pawld" },
	{ "console", 2, NULL, "not a terminal" },
	{ "", 2, NULL, "status --watch" },
	{ "doctor --json", 15, "\"name\":\"disk\"", "must be mended" },
	{ "runs --help", 0, "Examples", NULL },
	{ "runs --url ftp://x", 2, NULL, "http" },
};
/* clang-format on */

START_TEST(without_an_engine)
{
	auto_free char *out = NULL, *err = NULL;
	int status = pawl(alone[_i].words, &out, &err);
	ck_assert_msg(status == alone[_i].status, "%s: exit status %d\n%s%s", alone[_i].words, status, out, err);
	ck_assert_msg(alone[_i].out ? strstr(out, alone[_i].out) != NULL : !out[0], "%s: printed\n%s", alone[_i].words, out);
	ck_assert_msg(alone[_i].err ? strstr(err, alone[_i].err) != NULL : !err[0], "%s: said\n%s", alone[_i].words, err);
}
END_TEST

START_TEST(every_list_is_read_to_its_end)
{
	struct standin_row rows[] = {
		{ "GET /v1/runs?limit=500 ", "{\"items\":[{\"id\":\"r-1\"},{\"id\":\"r-2\"}],\"next\":\"a b\",\"total\":3}" },
		{ "GET /v1/runs?limit=500&after=a%20b ", "{\"items\":[{\"id\":\"r-3\"}],\"next\":null,\"total\":3}" },
	};
	server = standin_start(home, rows, COUNT(rows));
	auto_free char *out = NULL, *err = NULL;
	ck_assert_int_eq(pawl("runs --all --json", &out, &err), 0);
	auto_json *v = NULL;
	ck_assert_int_eq(json_parse(out, strlen(out) - 1, MIB, &v, NULL), ERR_OK);
	ck_assert_uint_eq(json_count(json_get(v, "items")), 3);
	ck_assert_uint_eq(standin_connections(server), 1);
}
END_TEST

/* The shortest way: one connection, one request. */
START_TEST(a_submit_is_one_request)
{
	struct standin_row row = { "POST /v1/orders ", "{\"id\":\"o-1\"}" };
	server = standin_start(home, &row, 1);
	auto_free char *out = NULL, *err = NULL;
	ck_assert_int_eq(pawl("submit hello.yaml", &out, &err), 0);
	ck_assert_uint_eq(standin_requests(server), 1);
	ck_assert_uint_eq(standin_connections(server), 1);
	auto_free char *dir = xasprintf("\"dir\":\"%s\"", home);
	ck_assert_ptr_nonnull(strstr(standin_request(server, 0), dir));
	ck_assert_ptr_nonnull(strstr(standin_request(server, 0), "\"workflow\":\"name: hello\\nnodes"));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("commands");
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_command, 0, COUNT(cases));
	tcase_add_loop_test(tc, without_an_engine, 0, COUNT(alone));
	tcase_add_test(tc, every_list_is_read_to_its_end);
	tcase_add_test(tc, a_submit_is_one_request);
	Suite *s = suite_create("cli_commands");
	suite_add_tcase(s, tc);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
