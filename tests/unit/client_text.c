/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading HTTP answers and event streams: any cut of the bytes gives the same, and noise does no
 * harm. */
#include "base/rng.h"
#include "client/http.h"
#include "client/sse.h"

#include <check.h>
#include <string.h>

static void note(void *ctx, const struct stream_event *e)
{
	struct str *s = ctx;
	str_addf(s, "<%s|%s|", e->type, e->id);
	str_add_len(s, e->data, e->len);
	str_add(s, ">");
}

/* clang-format off */
static const struct { const char *in, *out; } streams[] = {
	{ "data: a\n\n", "<message||a>" },
	{ "id: 7\nevent: run.paused\ndata: {\"seq\":7}\n\n", "<run.paused|7|{\"seq\":7}>" },
	{ "data: a\r\ndata: b\r\n\r\ndata: c\r\r", "<message||a\nb><message||c>" },
	{ "\xef\xbb\xbf" "data:x\n\n: ping\n\ndata:  y\n\n", "<message||x><message|| y>" },
	{ "\xef\xbb" "data:x\n\ndata:y\n\n", "<message||y>" },
	{ "event: a\n\nevent: b\ndata\n\n", "<b||>" },
	{ "id: 1\n\nid: 2\ndata: z\n\ndata: q\n\n", "<message|2|z><message|2|q>" },
	{ "retry: 5\nunknown: x\ndata: a\n\ndata: cut off", "<message||a>" },
	{ "data: \xe2\x82\xac\n\n", "<message||\xe2\x82\xac>" },
};

static const struct { const char *in; int status; const char *body; bool keep; } answers[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true },
	{ "HTTP/1.1 200\nContent-Length: 0\n\n", 200, "", true },
	{ "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", false },
	{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nCONTENT-LENGTH:2 \r\n\r\n{}", 201, "{}", true },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\nA: b\r\n\r\n",
	  200, "Wikipedia", true },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
	  200, "0123456789", false },
	{ "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 404, "{}", true },
};

static const char *const broken[] = {
	"HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 999 OK\r\n\r\n", "garbage\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
	"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
};
/* clang-format on */

START_TEST(a_stream_reads_the_same_at_every_cut)
{
	const char *in = streams[_i].in;
	size_t len = strlen(in);
	for (size_t cut = 0; cut <= len; cut++) {
		struct sse s = { 0 };
		auto_str out = STR_INIT;
		ck_assert(sse_feed(&s, in, cut, note, &out));
		ck_assert(sse_feed(&s, in + cut, len - cut, note, &out));
		ck_assert_str_eq(str_text(&out), streams[_i].out);
		sse_done(&s);
	}
	struct sse s = { 0 };
	auto_str out = STR_INIT;
	for (size_t i = 0; i < len; i++)
		ck_assert(sse_feed(&s, in + i, 1, note, &out));
	ck_assert_str_eq(str_text(&out), streams[_i].out);
	sse_done(&s);
}
END_TEST

START_TEST(a_new_connection_keeps_the_last_id)
{
	struct sse s = { 0 };
	auto_str out = STR_INIT;
	static const char first[] = "id: 41\ndata: a\n\nid: 42\ndata: half",
			  second[] = "data: b\n\n";
	ck_assert(sse_feed(&s, first, sizeof(first) - 1, note, &out));
	sse_restart(&s);
	ck_assert(sse_feed(&s, second, sizeof(second) - 1, note, &out));
	ck_assert_str_eq(str_text(&out), "<message|41|a><message|41|b>");
	sse_done(&s);
}
END_TEST

/* Feed in[from..to); false: refused. */
static bool feed(struct http *h, const char *in, size_t from, size_t to, struct str *body,
                 bool *ret_end)
{
	while (from < to && !*ret_end) {
		size_t used, len;
		const char *piece;
		enum http_result got =
		    http_feed(h, in + from, to - from, &used, &piece, &len, NULL);
		if (got == HTTP_BAD)
			return false;
		if (got == HTTP_BODY)
			str_add_len(body, piece, len);
		*ret_end = h->state == HTTP_COMPLETE;
		from += used;
	}
	return true;
}

START_TEST(an_answer_reads_the_same_at_every_cut)
{
	const char *in = answers[_i].in;
	size_t len = strlen(in);
	for (size_t cut = 0; cut <= len; cut++) {
		struct http h;
		http_init(&h);
		auto_str body = STR_INIT;
		bool end = false;
		ck_assert(feed(&h, in, 0, cut, &body, &end));
		ck_assert(feed(&h, in, cut, len, &body, &end));
		ck_assert(end);
		ck_assert_int_eq(h.status, answers[_i].status);
		ck_assert_str_eq(str_text(&body), answers[_i].body);
		ck_assert_int_eq(h.keep_alive, answers[_i].keep);
		http_done(&h);
	}
}
END_TEST

START_TEST(a_body_may_end_with_the_connection)
{
	static const char in[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata";
	struct http h;
	http_init(&h);
	auto_str body = STR_INIT;
	bool end = false;
	ck_assert(feed(&h, in, 0, 10, &body, &end));
	ck_assert(!http_eof(&h));
	ck_assert(feed(&h, in, 10, sizeof(in) - 1, &body, &end));
	ck_assert(!end && http_eof(&h) && !h.keep_alive);
	ck_assert_str_eq(h.content_type, "text/event-stream");
	ck_assert_str_eq(str_text(&body), "data");
	http_done(&h);
}
END_TEST

START_TEST(what_is_not_http_is_refused)
{
	struct http h;
	http_init(&h);
	auto_str body = STR_INIT;
	bool end = false;
	ck_assert_msg(!feed(&h, broken[_i], 0, strlen(broken[_i]), &body, &end), "%s", broken[_i]);
	http_done(&h);
}
END_TEST

START_TEST(endless_headers_are_refused)
{
	struct http h;
	http_init(&h);
	auto_str body = STR_INIT;
	bool end = false, good = feed(&h, "HTTP/1.1 200 OK\r\n", 0, 17, &body, &end);
	size_t n = 0;
	for (; good && n < 10000; n++)
		good = feed(&h, "X-Padding: aaaaaaaa\r\n", 0, 21, &body, &end);
	ck_assert(!good && n <= HTTP_HEAD_MAX / 21 + 1);
	http_done(&h);
}
END_TEST

/* Changed bytes and random cuts: never a crash (the sanitizers watch), never more body than bytes.
 */
START_TEST(noise_does_no_harm)
{
	struct rng rng = { 1 };
	for (int round = 0; round < 20000; round++) {
		const char *seed = answers[rng_below(&rng, COUNT(answers))].in;
		auto_free char *in = xstrdup(seed);
		size_t len = strlen(in);
		for (uint64_t i = rng_below(&rng, 4); i > 0; i--)
			in[rng_below(&rng, len)] = (char)rng_below(&rng, 256);
		struct http h;
		http_init(&h);
		auto_str body = STR_INIT;
		bool end = false, good = true;
		for (size_t at = 0; at < len && good && !end;) {
			size_t n = 1 + rng_below(&rng, len - at);
			good = feed(&h, in, at, at + n, &body, &end);
			at += n;
		}
		ck_assert_uint_le(body.len, len);
		http_done(&h);
		struct sse s = { 0 };
		auto_str out = STR_INIT;
		ck_assert(sse_feed(&s, in, len, note, &out));
		sse_done(&s);
	}
}
END_TEST

START_TEST(paths_are_encoded)
{
	auto_str s = STR_INIT;
	client_add_encoded(&s, "a b/\xc3\xa9?%~");
	ck_assert_str_eq(str_text(&s), "a%20b%2F%C3%A9%3F%25~");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("text");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_stream_reads_the_same_at_every_cut, 0, COUNT(streams));
	tcase_add_test(tc, a_new_connection_keeps_the_last_id);
	tcase_add_loop_test(tc, an_answer_reads_the_same_at_every_cut, 0, COUNT(answers));
	tcase_add_test(tc, a_body_may_end_with_the_connection);
	tcase_add_loop_test(tc, what_is_not_http_is_refused, 0, COUNT(broken));
	tcase_add_test(tc, endless_headers_are_refused);
	tcase_add_test(tc, noise_does_no_harm);
	tcase_add_test(tc, paths_are_encoded);
	Suite *s = suite_create("client_text");
	suite_add_tcase(s, tc);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
