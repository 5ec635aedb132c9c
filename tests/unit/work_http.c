/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node of kind http, from the node through a real worker and a real pawl-http to a real server on the
 * loopback, and back to class, outputs and message. */
#include "tests/unit/work_engine.h"
#include "work/executor.h"
#include "work/http_request.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <time.h>

static struct engine e;
static pid_t server;
static int port;
static char libexec[256];

/* ---- the server: one request a connection ---- */

static void say(int fd, const char *text)
{
	(void)!fs_write_all(fd, text, strlen(text));
}

static void answer_text(int fd, const char *status, const char *headers, const char *body)
{
	auto_free char *text = xasprintf("HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n%s",
					 status, strlen(body), headers, body);
	say(fd, text);
}

/* The value of a header of the request, "" if it has none. */
static char *header(const char *request, const char *name)
{
	auto_free char *mark = xasprintf("\r\n%s: ", name);
	const char *at = strcasestr(request, mark);
	return at ? xstrndup(at + strlen(mark), strcspn(at + strlen(mark), "\r")) : xstrdup("");
}

static void echo(int fd, const char *request)
{
	auto_free char *method = xstrndup(request, strcspn(request, " "));
	auto_free char *key = header(request, "X-Api-Key"), *type = header(request, "Content-Type");
	auto_str s = STR_INIT;
	struct jw w = jw_begin(&s);
	jw_obj(&w, NULL);
	jw_str(&w, "method", method);
	jw_str(&w, "key", key);
	jw_str(&w, "type", type);
	jw_str(&w, "body", strstr(request, "\r\n\r\n") + 4);
	jw_raw(&w, "items", "[{\"id\":\"a\"},{\"id\":7,\"lines\":\"one\\nEND\\ntwo\"}]");
	jw_end_obj(&w);
	answer_text(fd, "200 OK", "Content-Type: application/json\r\nETag: \"v1\"\r\n", s.p);
}

static void stall(int fd)
{
	char byte;
	say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegin");
	(void)!read(fd, &byte, 1); /* until the other side has had enough */
}

static void big(int fd)
{
	auto_free char *body = xmalloc(HTTP_ANSWER_MAX + 100);
	memset(body, 'x', HTTP_ANSWER_MAX + 99);
	body[HTTP_ANSWER_MAX + 99] = '\0';
	answer_text(fd, "200 OK", "", body);
}

static void answer_date(int fd)
{
	char date[64];
	time_t then = time(NULL) + 3600;
	struct tm tm;
	(void)strftime(date, sizeof(date), "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&then, &tm));
	answer_text(fd, "429 Too Many Requests", date, "later");
}

static void serve(int fd, const char *request)
{
	auto_free char *away = xasprintf("Location: http://localhost:%d/echo\r\n", port);
	const char *path = strchr(request, ' ') + 1;
	if (str_starts(path, "/echo"))
		echo(fd, request);
	else if (str_starts(path, "/busy"))
		answer_text(fd, "503 Service Unavailable", "Retry-After: 7\r\n", "no\n");
	else if (str_starts(path, "/date"))
		answer_date(fd);
	else if (str_starts(path, "/near"))
		answer_text(fd, "302 Found", "Location: /echo\r\n", "");
	else if (str_starts(path, "/same"))
		answer_text(fd, "307 Temporary Redirect", "Location: /echo\r\n", "");
	else if (str_starts(path, "/away"))
		answer_text(fd, "302 Found", away, "");
	else if (str_starts(path, "/loop"))
		answer_text(fd, "302 Found", "Location: /loop\r\n", "");
	else if (str_starts(path, "/file"))
		answer_text(fd, "302 Found", "Location: file:///etc/passwd\r\n", "");
	else if (str_starts(path, "/break"))
		say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin");
	else if (str_starts(path, "/stall"))
		stall(fd);
	else if (str_starts(path, "/big"))
		big(fd);
	else
		answer_text(fd, "404 Not Found", "", "nothing here");
}

static NORETURN void run_server(int listener)
{
	static char request[64 * KIB];
	(void)signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		size_t len = 0;
		ssize_t n;
		const char *end = NULL;
		while (len < sizeof(request) - 1 && (n = read(fd, request + len, sizeof(request) - 1 - len)) > 0) {
			request[len += (size_t)n] = '\0';
			end = strstr(request, "\r\n\r\n");
			auto_free char *length = header(request, "Content-Length");
			if (end && len >= (size_t)(end + 4 - request) + (size_t)strtol(length, NULL, 10))
				break;
		}
		if (end)
			serve(fd, request);
		(void)close(fd);
	}
}

static void open_all(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(listener, 5), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	port = ntohs(at.sin_port);
	server = fork();
	if (server == 0)
		run_server(listener);
	(void)close(listener);
	ck_assert_ptr_nonnull(getcwd(libexec, sizeof(libexec)));
	engine_open(&e);
}

static void close_all(void)
{
	engine_close(&e);
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
}

/* ---- a node ---- */

struct answer {
	struct step_result r; /* texts are not kept */
	struct str outputs, message;
	int64_t retry_after_ms;
	char *log;
};

static struct tmpl *text(const char *s)
{
	struct tmpl *t = NULL;
	struct err err;
	ck_assert_msg(!s || tmpl_new(s, strlen(s), &t, NULL, &err) == ERR_OK, "%s", err.message);
	return t;
}

static void ask_url(struct node_http http, const char *method, const char *url, const char *body,
		    int64_t timeout_ms, struct answer *ret)
{
	struct graph_node node = { .name = (char[]){ "ask" }, .kind = NODE_HTTP, .timeout_ms = timeout_ms };
	node.http = http;
	node.http.method = text(method);
	node.http.url = text(url);
	node.http.body = text(body);
	struct graph_env headers[] = { { (char[]){ "X-Api-Key" }, text("letmein-123") } };
	node.http.headers = headers;
	node.http.nheaders = 1;
	struct expr_scope scope = { 0 };
	struct step_context c = { .node = &node, .scope = &scope, .libexec = libexec };
	struct step_build b = { 0 };
	struct proto_message m, r;
	struct err err;
	spec_init(&e, &m);
	b.spec = m.spec;
	step_env(&b, "PATH", "/usr/bin:/bin");
	const struct executor *x = executor_for(NODE_HTTP);
	ck_assert_msg(x->prepare(&c, &b, &err) == ERR_OK, "%s", err.message);
	for (size_t i = 0; b.spec.argv[i]; i++)
		ck_assert(!strstr(b.spec.argv[i], "letmein"));
	m.spec = b.spec;
	engine_run(&e, &m, &r);
	*ret = (struct answer){ .r = r.result };
	struct step_end end;
	step_end_take(&node, &ret->r, &end);
	ret->outputs = end.outputs;
	ret->message = end.message;
	ret->retry_after_ms = end.retry_after_ms;
	ret->log = engine_log(&e);
	proto_done(&r);
	step_build_done(&b);
	tmpl_free(node.http.method);
	tmpl_free(node.http.url);
	tmpl_free(node.http.body);
	tmpl_free(headers[0].value);
}

static void ask(struct node_http http, const char *method, const char *path, const char *body,
		struct answer *ret)
{
	auto_free char *url = xasprintf("http://127.0.0.1:%d%s", port, path);
	ask_url(http, method, url, body, 0, ret);
}

static void answer_done(struct answer *a)
{
	str_done(&a->outputs);
	str_done(&a->message);
	free(a->log);
}

static void has_output(const struct answer *a, const char *name, const char *value)
{
	auto_json *v = NULL;
	ck_assert_int_eq(json_parse(str_text(&a->outputs), a->outputs.len, MIB, &v, NULL), ERR_OK);
	if (value)
		ck_assert_str_eq(json_get_str(v, name, "(none)"), value);
	else
		ck_assert_ptr_null(json_get(v, name));
}

/* ---- the tests ---- */

START_TEST(an_answer_gives_outputs)
{
	struct node_http http = { 0 };
	__typeof__(*http.outputs) outputs[] = {
		{ (char[]){ "first" }, (char[]){ "items[0].id" } },
		{ (char[]){ "second" }, (char[]){ "items[1].id" } },
		{ (char[]){ "lines" }, (char[]){ "items[1].lines" } },
		{ (char[]){ "got" }, (char[]){ "body" } },
		{ (char[]){ "type" }, (char[]){ "type" } },
	};
	http.outputs = outputs;
	http.noutputs = COUNT(outputs);
	struct answer a;
	ask(http, "POST", "/echo", "{\"a\":1}", &a);
	ck_assert_msg(a.r.class == CLASS_NONE, "%s", a.log);
	has_output(&a, "status", "200");
	has_output(&a, "content_type", "application/json");
	has_output(&a, "etag", "\"v1\"");
	has_output(&a, "first", "a");
	has_output(&a, "second", "7");
	has_output(&a, "lines", "one\nEND\ntwo");
	has_output(&a, "got", "{\"a\":1}");
	has_output(&a, "type", "application/json");
	ck_assert_ptr_nonnull(strstr(a.log, "\"key\":\"letmein-123\"")); /* sent; nobody called it a secret */
	answer_done(&a);
}
END_TEST

/* clang-format off */
static const struct {
	const char *method, *path, *body, *shows;
} methods[] = {
	{ NULL,     "/echo",  NULL,    "\"method\":\"GET\",\"key\":\"letmein-123\",\"type\":\"\",\"body\":\"\"" },
	{ "DELETE", "/echo",  NULL,    "\"method\":\"DELETE\"" },
	{ "PUT",    "/echo",  "plain", "\"method\":\"PUT\",\"key\":\"letmein-123\",\"type\":\"text/plain; charset=utf-8\",\"body\":\"plain\"" },
	{ "GET",    "/echo",  "query", "\"method\":\"GET\",\"key\":\"letmein-123\",\"type\":\"text/plain; charset=utf-8\",\"body\":\"query\"" },
	{ "POST",   "/near",  "body",  "\"method\":\"GET\",\"key\":\"letmein-123\",\"type\":\"\",\"body\":\"\"" },
	{ "POST",   "/same",  "body",  "\"method\":\"POST\",\"key\":\"letmein-123\",\"type\":\"text/plain; charset=utf-8\",\"body\":\"body\"" },
	{ "GET",    "/away",  NULL,    "\"method\":\"GET\",\"key\":\"\"" },
	{ "HEAD",   "/echo",  NULL,    "" },
};
/* clang-format on */

START_TEST(methods_and_redirects)
{
	struct answer a;
	ask((struct node_http){ .follow_redirects = true }, methods[_i].method, methods[_i].path,
	    methods[_i].body, &a);
	ck_assert_msg(a.r.class == CLASS_NONE, "%s", a.log);
	has_output(&a, "status", "200");
	ck_assert_msg(strstr(a.log, methods[_i].shows), "%s", a.log);
	answer_done(&a);
}
END_TEST

/* clang-format off */
static const struct {
	const char *path;
	bool follow;
	enum error_class class;
	int64_t after_ms;
	const char *says, *status;
} failures[] = {
	{ "/none",  false, CLASS_HTTP_STATUS, 0,       "status 404",         "404" },
	{ "/busy",  false, CLASS_HTTP_STATUS, 7000,    "status 503",         "503" },
	{ "/date",  false, CLASS_HTTP_STATUS, 3600000, "status 429",         "429" },
	{ "/near",  false, CLASS_HTTP_STATUS, 0,       "status 302",         "302" },
	{ "/loop",  true,  CLASS_HTTP_STATUS, 0,       "10 redirects",       NULL },
	{ "/file",  true,  CLASS_HTTP_STATUS, 0,       "away from http",     NULL },
	{ "/break", false, CLASS_CONNECTION,  0,       "/break: ",           NULL },
	{ "/big",   false, CLASS_OUTPUT,      0,       "larger than",        NULL },
};
/* clang-format on */

START_TEST(failures_have_their_class)
{
	struct answer a;
	ask((struct node_http){ .follow_redirects = failures[_i].follow }, "GET", failures[_i].path, NULL, &a);
	ck_assert_int_eq(a.r.class, failures[_i].class);
	ck_assert_msg(strstr(str_text(&a.message), failures[_i].says), "%s", str_text(&a.message));
	has_output(&a, "status", failures[_i].status);
	ck_assert_int_le(a.retry_after_ms, failures[_i].after_ms);
	ck_assert_int_ge(a.retry_after_ms, failures[_i].after_ms - failures[_i].after_ms / 60);
	ck_assert(!strstr(str_text(&a.outputs), "root:"));
	answer_done(&a);
}
END_TEST

START_TEST(an_expected_status_is_success)
{
	int expect[] = { 204, 404 };
	struct answer a;
	ask((struct node_http){ .expect = expect, .nexpect = 2 }, "GET", "/none", NULL, &a);
	ck_assert_int_eq(a.r.class, CLASS_NONE);
	ck_assert_str_eq(a.log, "nothing here\n");
	answer_done(&a);
	ask((struct node_http){ .expect = expect, .nexpect = 2 }, "GET", "/echo", NULL, &a);
	ck_assert_int_eq(a.r.class, CLASS_HTTP_STATUS);
	answer_done(&a);
}
END_TEST

START_TEST(a_slow_answer_is_a_timeout)
{
	struct answer a;
	auto_free char *url = xasprintf("http://127.0.0.1:%d/stall?token=secret-in-query", port);
	ask_url((struct node_http){ 0 }, "GET", url, NULL, 300, &a);
	ck_assert_int_eq(a.r.class, CLASS_TIMEOUT);
	ck_assert_ptr_nonnull(strstr(str_text(&a.message), "/stall"));
	ck_assert(!strstr(str_text(&a.message), "secret-in-query"));
	answer_done(&a);
}
END_TEST

START_TEST(no_server_is_a_connection)
{
	struct answer a;
	(void)kill(server, SIGKILL);
	ck_assert_int_eq(waitpid(server, NULL, 0), server);
	server = fork();
	if (server == 0)
		for (;;)
			(void)pause();
	ask((struct node_http){ 0 }, "GET", "/echo", NULL, &a);
	ck_assert_int_eq(a.r.class, CLASS_CONNECTION);
	answer_done(&a);
}
END_TEST

START_TEST(an_output_that_is_not_there)
{
	struct node_http http = { 0 };
	__typeof__(*http.outputs) outputs[] = { { (char[]){ "id" }, (char[]){ "items[5].id" } } };
	http.outputs = outputs;
	http.noutputs = 1;
	struct answer a;
	ask(http, "GET", "/echo", NULL, &a);
	ck_assert_int_eq(a.r.class, CLASS_OUTPUT);
	ck_assert_msg(strstr(a.message.p, "no \"items[5]\""), "%s", a.message.p);
	answer_done(&a);
}
END_TEST

/* clang-format off */
static const struct { const char *document, *says; } bad[] = {
	{ "", "byte" },
	{ "{\"url\":\"ftp://x/\"}", "neither http" },
	{ "{\"url\":\"file:///etc/passwd\"}", "neither http" },
	{ "{\"url\":\"http://x/\",\"method\":\"GET /\"}", "method" },
	{ "{\"url\":\"http://x/\",\"headers\":[{\"name\":\"A\",\"value\":\"b\\r\\nC: d\"}]}", "line break" },
	{ "{\"url\":\"http://x/\",\"headers\":[{\"name\":\"A:\",\"value\":\"b\"}]}", "name of a header" },
};
/* clang-format on */

START_TEST(bad_requests_are_refused)
{
	struct http_request q;
	struct err err;
	ck_assert_int_ne(http_request_parse(bad[_i].document, strlen(bad[_i].document), &q, &err), ERR_OK);
	if (_i)
		ck_assert_msg(strstr(err.message, bad[_i].says), "%s", err.message);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("work_http");
	TCase *t = tcase_create("requests");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, open_all, close_all);
	tcase_add_test(t, an_answer_gives_outputs);
	tcase_add_loop_test(t, methods_and_redirects, 0, (int)COUNT(methods));
	tcase_add_loop_test(t, failures_have_their_class, 0, (int)COUNT(failures));
	tcase_add_test(t, an_expected_status_is_success);
	tcase_add_test(t, a_slow_answer_is_a_timeout);
	tcase_add_test(t, no_server_is_a_connection);
	tcase_add_test(t, an_output_that_is_not_there);
	suite_add_tcase(s, t);
	TCase *p = tcase_create("documents");
	tcase_add_loop_test(p, bad_requests_are_refused, 0, (int)COUNT(bad));
	suite_add_tcase(s, p);
	return run_suite(s);
}
