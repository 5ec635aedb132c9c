/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client against a stand-in: connections are kept, broken ones replaced, streams resumed. */
#include "client/client.h"
#include "tests/unit/standin.h"

#include <check.h>
#include <string.h>

#define JSON_HEAD "Content-Type: application/json\r\n"
#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

static char *home;
static struct standin *server;
static struct client *client;

static void serve(const struct standin_row *rows, size_t n)
{
	home = standin_home();
	server = standin_start(home, rows, n);
	struct client_options o = { .home = home, .timeout_ms = 5000 };
	ck_assert_int_eq(client_new(&o, &client, NULL), ERR_OK);
}
#define SERVE(...) \
	static const struct standin_row rows[] = { __VA_ARGS__ }; \
	serve(rows, COUNT(rows))

static void teardown(void)
{
	client_free(client);
	if (server)
		standin_stop(server);
	if (home)
		standin_home_remove(home);
	client = NULL;
	server = NULL;
	home = NULL;
}

START_TEST(calls_share_one_connection)
{
	SERVE({ "GET /v1/engine", "{\"pid\":12}" },
	      { "POST /v1/orders",
	        "HTTP/1.1 201 Created\r\n" JSON_HEAD
	        "Transfer-Encoding: chunked\r\n\r\n6\r\n{\"id\":\r\n6\r\n\"o-1\"}\r\n0\r\n\r\n",
	        .piece = 1 });
	struct err err;
	auto_json *engine = NULL, *order = NULL;
	ck_assert_int_eq(client_call(client, "GET", "/v1/engine", NULL, &engine, &err), ERR_OK);
	ck_assert_int_eq(json_get_int(engine, "pid", 0), 12);
	ck_assert_int_eq(client_call(client, "POST", "/v1/orders", "{\"x\":1}", &order, &err),
	                 ERR_OK);
	ck_assert_str_eq(json_get_str(order, "id", ""), "o-1");
	ck_assert_uint_eq(standin_connections(server), 1);
	ck_assert_ptr_nonnull(strstr(standin_request(server, 1), "Idempotency-Key: "));
	ck_assert_ptr_nonnull(strstr(standin_request(server, 1), "Content-Length: 7\r\n"));
	ck_assert_ptr_null(strstr(standin_request(server, 0), "Idempotency-Key: "));
}
END_TEST

START_TEST(an_error_answer_is_an_error)
{
	SERVE({ "POST /v1/runs/r-1/pause",
	        "HTTP/1.1 409 Conflict\r\n" JSON_HEAD "Content-Length: 94\r\n\r\n"
	        "{\"code\":\"conflict\",\"message\":\"it "
	        "ended\",\"details\":{\"legal\":[\"retry\"]},\"hint\":\"look\",\"x\":[1,2]}" },
	      { "GET /plain", "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy" });
	struct err err;
	ck_assert_int_eq(client_call(client, "POST", "/v1/runs/r-1/pause", "{}", NULL, &err),
	                 ERR_CONFLICT);
	ck_assert_str_eq(err.message, "it ended");
	ck_assert_str_eq(err.hint, "look");
	const struct json *legal =
	    json_get(json_get(client_error_body(client), "details"), "legal");
	ck_assert_uint_eq(json_count(legal), 1);
	ck_assert_int_eq(client_call(client, "GET", "/plain", NULL, NULL, &err), ERR_UNAVAILABLE);
	ck_assert_ptr_null(client_error_body(client));
	ck_assert_int_eq(client_call(client, "GET", "/else", NULL, NULL, &err), ERR_NOT_FOUND);
	ck_assert_int_eq(client_call(client, "GET", "/with space", NULL, NULL, &err), ERR_USAGE);
	ck_assert_int_eq(client_call(client, "GET", "/a\r\nX: y", NULL, NULL, &err), ERR_USAGE);
	ck_assert_uint_eq(standin_connections(server), 1);
}
END_TEST

START_TEST(no_engine_is_unavailable)
{
	SERVE({ "GET /", "{}" });
	standin_stop(TAKE(server));
	struct err err;
	ck_assert_int_eq(client_call(client, "GET", "/v1/engine", NULL, NULL, &err),
	                 ERR_UNAVAILABLE);
	ck_assert_ptr_nonnull(strstr(err.message, home));
	ck_assert_ptr_nonnull(strstr(err.hint, "engine start"));
}
END_TEST

START_TEST(a_broken_change_is_sent_again_under_its_key)
{
	SERVE({ "POST /v1/orders", NULL, .uses = 1 }, { "POST /v1/orders", "{\"id\":\"o-1\"}" });
	ck_assert_int_eq(client_call(client, "POST", "/v1/orders", "{}", NULL, NULL), ERR_OK);
	ck_assert_uint_eq(standin_requests(server), 2);
	ck_assert_str_eq(standin_request(server, 0), standin_request(server, 1));
	ck_assert_uint_eq(standin_connections(server), 2);
}
END_TEST

START_TEST(it_is_sent_again_only_once)
{
	SERVE({ "POST /v1/orders", NULL });
	struct err err;
	ck_assert_int_eq(client_call(client, "POST", "/v1/orders", "{}", NULL, &err),
	                 ERR_UNAVAILABLE);
	ck_assert_uint_eq(standin_requests(server), 2);
}
END_TEST

START_TEST(a_connection_that_went_stale_is_replaced)
{
	SERVE({ "GET /a", "{}", .close = true }, { "GET /b", "{}" });
	ck_assert_int_eq(client_call(client, "GET", "/a", NULL, NULL, NULL), ERR_OK);
	ck_assert_int_eq(client_call(client, "GET", "/b", NULL, NULL, NULL), ERR_OK);
	ck_assert_int_eq(client_call(client, "GET", "/a", NULL, NULL, NULL), ERR_OK);
	ck_assert_uint_eq(standin_connections(server), 2);
}
END_TEST

START_TEST(silence_times_out)
{
	SERVE({ "GET /slow", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" },
	      { "GET /b", "{}" });
	client_free(client);
	struct client_options o = { .home = home, .timeout_ms = 50 };
	ck_assert_int_eq(client_new(&o, &client, NULL), ERR_OK);
	struct err err;
	ck_assert_int_eq(client_call(client, "GET", "/slow", NULL, NULL, &err), ERR_TIMEOUT);
	ck_assert_int_eq(client_call(client, "GET", "/b", NULL, NULL, &err), ERR_OK);
}
END_TEST

START_TEST(bytes_come_as_they_are)
{
	SERVE({ "GET /raw", "HTTP/1.1 206 Partial\r\nContent-Length: 4\r\n\r\nab\xff\n" },
	      { "GET /end", "HTTP/1.1 416 Range\r\n" JSON_HEAD "Content-Length: 2\r\n\r\n{}" });
	auto_str out = STR_INIT;
	bool more = false;
	ck_assert_int_eq(client_fetch_range(client, "/raw", 8, 4, &out, &more, NULL), ERR_OK);
	ck_assert(more);
	ck_assert_uint_eq(out.len, 4);
	ck_assert_ptr_nonnull(strstr(standin_request(server, 0), "Range: bytes=8-11\r\n"));
	ck_assert_int_eq(client_fetch_range(client, "/end", 12, 4, &out, &more, NULL), ERR_OK);
	ck_assert(!more);
	ck_assert_int_eq(client_fetch(client, "/raw", &out, NULL), ERR_OK);
	ck_assert_str_eq(out.p, "ab\xff\nab\xff\n");
}
END_TEST

/* ---- many at once ---- */

static void turn_until(const bool *done)
{
	while (!*done) {
		struct pollfd fds[32];
		int timeout;
		size_t n = client_poll(client, fds, COUNT(fds), &timeout);
		ck_assert_int_ge(poll(fds, n, timeout), 0);
		client_turn(client, fds, n);
	}
}

struct count {
	int n, wanted, bad;
	bool done;
};

static void counted(void *ctx, const struct client_reply *r)
{
	struct count *c = ctx;
	c->bad += r->code != ERR_OK || json_get_int(r->body, "a", 0) != 1;
	c->done = ++c->n == c->wanted;
}

START_TEST(many_are_answered)
{
	SERVE({ "GET /many", "{\"a\":1}", .piece = 7 });
	struct count c = { .wanted = 100 };
	for (int i = 0; i < c.wanted; i++)
		(void)client_send(client, "GET", "/many", NULL, counted, &c);
	struct count dropped = { .wanted = 1 };
	client_drop(client, client_send(client, "GET", "/many", NULL, counted, &dropped));
	turn_until(&c.done);
	ck_assert_int_eq(c.bad, 0);
	ck_assert_int_eq(dropped.n, 0);
	ck_assert_uint_le(standin_connections(server), 6);
}
END_TEST

struct watch {
	struct str text;
	unsigned int stream;
	const char *last; /* done when an event with this id came */
	bool done, drop;
};

static void on_event(void *ctx, const struct stream_event *e)
{
	struct watch *w = ctx;
	str_addf(&w->text, "%s:%s ", e->id, e->type);
	w->done = w->done || str_eq(e->id, w->last);
	if (w->done && w->drop)
		client_drop(client, w->stream);
}

static void on_state(void *ctx, enum stream_state state, const struct err *err, int64_t retry_in_ms)
{
	struct watch *w = ctx;
	str_add(&w->text, state == STREAM_LIVE ? "up " : "down ");
	if (state == STREAM_DOWN)
		ck_assert(err && err->message[0]);
	if (state == STREAM_DOWN && retry_in_ms >= 0)
		client_stream_retry(client, w->stream); /* do not wait a second */
	if (state == STREAM_DOWN && retry_in_ms < 0)
		w->done = true;
}

START_TEST(a_stream_resumes_after_the_last_event)
{
	SERVE({ "GET /s", EVENTS "id: 1\nevent: a\ndata: {}\n\nid: 2\ndata: half", .uses = 1,
	        .close = true, .piece = 3 },
	      { "GET /s", EVENTS "id: 2\nevent: b\ndata: {}\n\nid: 3\nevent: c\ndata: {}\n\n",
	        .hold = true });
	struct watch w = { .last = "3", .drop = true };
	w.stream = client_stream(client, "/s", on_event, on_state, &w);
	turn_until(&w.done);
	ck_assert_str_eq(str_text(&w.text), "up 1:a down up 2:b 3:c ");
	ck_assert_ptr_null(strstr(standin_request(server, 0), "Last-Event-ID"));
	ck_assert_ptr_nonnull(strstr(standin_request(server, 1), "Last-Event-ID: 1\r\n"));
	str_done(&w.text);
}
END_TEST

START_TEST(a_stream_that_is_refused_does_not_come_back)
{
	SERVE({ "GET /else", "{}" });
	struct watch w = { .last = "" };
	w.stream = client_stream(client, "/nothing", on_event, on_state, &w);
	turn_until(&w.done);
	ck_assert_str_eq(str_text(&w.text), "down ");
	ck_assert_uint_eq(standin_requests(server), 1);
	str_done(&w.text);
}
END_TEST

/* ---- through libcurl ---- */

static void serve_tcp(const struct standin_row *rows, size_t n)
{
	int port;
	server = standin_start_tcp(rows, n, &port);
	auto_free char *url = xasprintf("http://127.0.0.1:%d/", port);
	struct client_options o = { .base_url = url, .token = "secret", .timeout_ms = 5000 };
	ck_assert_int_eq(client_new(&o, &client, NULL), ERR_OK);
	ck_assert_int_eq(unsetenv("http_proxy"), 0);
}

START_TEST(a_url_is_asked_as_the_socket_is)
{
	static const struct standin_row rows[] = {
		{ "GET /v1/engine", "{\"pid\":12}" },
		{ "POST /v1/orders", "409 {\"code\":\"conflict\",\"message\":\"no\",\"details\":{\"state\":\"x\"}}" },
		{ "POST /v1/else", NULL },
	};
	serve_tcp(rows, COUNT(rows));
	struct err err;
	auto_json *engine = NULL;
	ck_assert_int_eq(client_call(client, "GET", "/v1/engine", NULL, &engine, &err), ERR_OK);
	ck_assert_int_eq(json_get_int(engine, "pid", 0), 12);
	ck_assert_ptr_nonnull(strstr(standin_request(server, 0), "Authorization: Bearer secret\r\n"));
	ck_assert_int_eq(client_call(client, "POST", "/v1/orders", "{\"a\":1}", NULL, &err), ERR_CONFLICT);
	ck_assert_str_eq(json_get_str(json_get(client_error_body(client), "details"), "state", ""), "x");
	ck_assert_ptr_nonnull(strstr(standin_request(server, 1), "Idempotency-Key: "));
	ck_assert_ptr_nonnull(strstr(standin_request(server, 1), "\r\n\r\n{\"a\":1}"));
	ck_assert_int_eq(client_call(client, "POST", "/v1/else", "{}", NULL, &err), ERR_UNAVAILABLE);
	ck_assert_str_eq(standin_request(server, 2), standin_request(server, 3));
	ck_assert_uint_ge(standin_requests(server), 4); /* libcurl itself may repeat what a kept connection lost */
}
END_TEST

START_TEST(a_stream_from_a_url_resumes)
{
	static const struct standin_row rows[] = {
		{ "GET /s", EVENTS "id: 1\nevent: a\ndata: {}\n\n", .uses = 1, .close = true },
		{ "GET /s", EVENTS "id: 2\nevent: b\ndata: {}\n\n", .hold = true },
	};
	serve_tcp(rows, COUNT(rows));
	struct watch w = { .last = "2", .drop = true };
	w.stream = client_stream(client, "/s", on_event, on_state, &w);
	turn_until(&w.done);
	ck_assert_str_eq(str_text(&w.text), "up 1:a down up 2:b ");
	ck_assert_ptr_nonnull(strstr(standin_request(server, 1), "Last-Event-ID: 1\r\n"));
	str_done(&w.text);
}
END_TEST

START_TEST(a_url_where_nobody_is)
{
	static const struct standin_row rows[] = { { "GET /", "{}" } };
	serve_tcp(rows, COUNT(rows));
	standin_stop(TAKE(server));
	struct err err;
	ck_assert_int_eq(client_call(client, "GET", "/v1/engine", NULL, NULL, &err), ERR_UNAVAILABLE);
	ck_assert_ptr_nonnull(strstr(err.message, "127.0.0.1"));
}
END_TEST

START_TEST(a_base_url_must_be_one)
{
	struct client *c;
	struct err err;
	struct client_options ftp = { .base_url = "ftp://x" }, none = { 0 };
	struct client_options token = { .base_url = "https://x", .token = "a\r\nX: y" };
	ck_assert_int_eq(client_new(&ftp, &c, &err), ERR_USAGE);
	ck_assert_int_eq(client_new(&none, &c, &err), ERR_USAGE);
	ck_assert_int_eq(client_new(&token, &c, &err), ERR_USAGE);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("socket");
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, calls_share_one_connection);
	tcase_add_test(tc, an_error_answer_is_an_error);
	tcase_add_test(tc, no_engine_is_unavailable);
	tcase_add_test(tc, a_broken_change_is_sent_again_under_its_key);
	tcase_add_test(tc, it_is_sent_again_only_once);
	tcase_add_test(tc, a_connection_that_went_stale_is_replaced);
	tcase_add_test(tc, silence_times_out);
	tcase_add_test(tc, bytes_come_as_they_are);
	tcase_add_test(tc, many_are_answered);
	tcase_add_test(tc, a_stream_resumes_after_the_last_event);
	tcase_add_test(tc, a_stream_that_is_refused_does_not_come_back);
	tcase_add_test(tc, a_url_is_asked_as_the_socket_is);
	tcase_add_test(tc, a_stream_from_a_url_resumes);
	tcase_add_test(tc, a_url_where_nobody_is);
	tcase_add_test(tc, a_base_url_must_be_one);
	Suite *s = suite_create("client_socket");
	suite_add_tcase(s, tc);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
