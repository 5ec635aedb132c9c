/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of language models: what is read out of each protocol's bytes, cut at every byte; what is asked; and what
 * a refusal means. (The exchange itself is tested against a server in tests/llm.) */
#include "work/llm.h"

#include <check.h>
#include <string.h>

#define DATA(json) "data: " json "\n\n"
#define TEXT "Grüße, 世界 🙂\n"

static const char anthropic[] =
	"event: message_start\n" DATA("{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"m-1\",\"content\":[],"
	"\"usage\":{\"input_tokens\":11,\"output_tokens\":3,\"cache_read_input_tokens\":5,\"cache_creation_input_tokens\":7}}}")
	"event: ping\n" DATA("{\"type\":\"ping\"}")
	DATA("{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}")
	": a comment\n\n"
	DATA("{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}")
	DATA("{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Grü\"}}")
	DATA("{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"\\u00dfe, 世\"}}")
	DATA("{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"界 🙂\\n\"}}")
	DATA("{\"type\":\"something_new\",\"text\":\"not text\"}")
	DATA("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}")
	DATA("{\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":17}}")
	"event: message_stop\n" DATA("{\"type\":\"message_stop\"}");

static const char ollama[] =
	"{\"model\":\"m-1\",\"message\":{\"role\":\"assistant\",\"content\":\"Grü\"},\"done\":false}\n"
	"{\"model\":\"m-1\",\"message\":{\"content\":\"\\u00dfe, 世\",\"thinking\":\"hm\"},\"done\":false}\r\n"
	"{\"model\":\"m-1\",\"message\":{\"content\":\"界 🙂\\n\"},\"done\":false}\n\n"
	"{\"model\":\"m-1\",\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":11,"
	"\"eval_count\":17}\n";

static const char openai[] =
	DATA("{\"id\":\"c-1\",\"model\":\"m-1\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}")
	DATA("{\"model\":\"m-1\",\"choices\":[{\"delta\":{\"content\":\"Grü\"}}]}")
	"data:{\"choices\":[{\"delta\":{\"content\":\"\\u00dfe, 世\"}}]}\r\n\r\n"
	DATA("{\"choices\":[{\"delta\":{\"content\":\"界 🙂\\n\"}}]}")
	DATA("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}")
	DATA("{\"choices\":[],\"usage\":{\"prompt_tokens\":16,\"completion_tokens\":17,\"prompt_tokens_details\":{\"cached_tokens\":5}}}")
	DATA("[DONE]");

/* clang-format off */
static const struct {
	enum provider_type type;
	const char *body;
	size_t len;
	struct token_counts tokens;
	const char *stop;
} streams[] = {
	{ PROVIDER_ANTHROPIC, anthropic, sizeof(anthropic) - 1, { 11, 17, 5, 7, -1 },   "end_turn" },
	{ PROVIDER_OLLAMA,    ollama,    sizeof(ollama) - 1,    { 11, 17, -1, -1, -1 }, "stop" },
	{ PROVIDER_OPENAI,    openai,    sizeof(openai) - 1,    { 11, 17, 5, -1, -1 },  "stop" },
};
/* clang-format on */

static void collect(void *ctx, const char *text, size_t len)
{
	str_add_len(ctx, text, len);
}

/* The body up to `len`, first `cut` bytes of it, then the rest; or byte by byte. */
static void decode(enum provider_type type, bool whole, const char *body, size_t len, size_t cut, struct llm_answer *a)
{
	struct llm_decoder d;
	auto_str seen = STR_INIT;
	llm_answer_init(a);
	llm_decoder_init(&d, type, whole, a, collect, &seen);
	auto_free char *first = xmemdup(body, cut), *rest = xmemdup(body + cut, len - cut);
	llm_decode(&d, first, cut);
	llm_decode(&d, rest, len - cut);
	llm_decode_end(&d);
	llm_decoder_done(&d);
	/* What was shown is what is kept, but for what never became characters. */
	ck_assert_uint_ge(a->text.len, seen.len);
}

static void is_whole(const struct llm_answer *a, int row)
{
	ck_assert_str_eq(str_text(&a->text), TEXT);
	ck_assert_str_eq(str_text(&a->model), "m-1");
	ck_assert_str_eq(str_text(&a->stop), streams[row].stop);
	ck_assert(a->complete && !a->failed && !a->cut && !a->refused);
	ck_assert_uint_eq(a->odd, 0);
	ck_assert_int_eq(memcmp(&a->tokens, &streams[row].tokens, sizeof(a->tokens)), 0);
}

START_TEST(cut_in_two_at_every_byte)
{
	for (size_t cut = 0; cut <= streams[_i].len; cut++) {
		struct llm_answer a;
		decode(streams[_i].type, false, streams[_i].body, streams[_i].len, cut, &a);
		is_whole(&a, _i);
		llm_answer_done(&a);
	}
}
END_TEST

START_TEST(byte_by_byte)
{
	struct llm_answer a;
	struct llm_decoder d;
	llm_answer_init(&a);
	llm_decoder_init(&d, streams[_i].type, false, &a, NULL, NULL);
	for (size_t i = 0; i < streams[_i].len; i++)
		llm_decode(&d, streams[_i].body + i, 1);
	llm_decode_end(&d);
	is_whole(&a, _i);
	llm_decoder_done(&d);
	llm_answer_done(&a);
}
END_TEST

/* A body that breaks off has a beginning of the text, and is complete only if its end was there. */
START_TEST(broken_off_at_every_byte)
{
	for (size_t len = 0; len <= streams[_i].len; len++) {
		struct llm_answer a;
		decode(streams[_i].type, false, streams[_i].body, len, len / 2, &a);
		ck_assert(!a.failed);
		ck_assert_int_eq(strncmp(str_text(&a.text), TEXT, a.text.len), 0);
		ck_assert(!a.complete || str_eq(str_text(&a.text), TEXT));
		ck_assert(a.tokens.output == -1 || a.tokens.output == 17 || a.tokens.output == 9);
		if (len < streams[_i].len / 2)
			ck_assert(!a.complete);
		llm_answer_done(&a);
	}
}
END_TEST

/* clang-format off */
static const struct {
	enum provider_type type;
	bool whole;
	const char *body;
	const char *text, *error, *stop;
	bool complete, failed, cut, refused;
	size_t odd;
	struct token_counts tokens;
} rows[] = {
	{ PROVIDER_ANTHROPIC, true, "{\"type\":\"message\",\"model\":\"m\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"x\"},{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}],"
	  "\"stop_reason\":\"max_tokens\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2,\"cache_creation\":{\"ephemeral_5m_input_tokens\":3,\"ephemeral_1h_input_tokens\":4},\"cache_creation_input_tokens\":7}}",
	  "ab", "", "max_tokens", true, false, true, false, 0, { 1, 2, -1, 3, 4 } },
	{ PROVIDER_ANTHROPIC, false, DATA("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}"),
	  "", "Overloaded", "", false, true, false, false, 0, { -1, -1, -1, -1, -1 } },
	{ PROVIDER_ANTHROPIC, false, DATA("{broken") DATA("{\"type\":\"message_stop\"}"), "", "", "", true, false, false, false, 1, { -1, -1, -1, -1, -1 } },
	{ PROVIDER_ANTHROPIC, false, "\xef\xbb\xbf" "data: {\"type\":\ndata: \"message_stop\"}\n\n", "", "", "", true, false, false, false, 0, { -1, -1, -1, -1, -1 } },
	{ PROVIDER_ANTHROPIC, false, "data: {\"type\":\"message_stop\"}", "", "", "", true, false, false, false, 0, { -1, -1, -1, -1, -1 } },
	{ PROVIDER_ANTHROPIC, false, DATA("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\"},\"usage\":{\"output_tokens\":0}}"),
	  "", "", "refusal", false, false, false, true, 0, { -1, 0, -1, -1, -1 } },
	{ PROVIDER_OLLAMA, false, "{\"error\":\"model 'x' not found\"}\n", "", "model 'x' not found", "", false, true, false, false, 0, { -1, -1, -1, -1, -1 } },
	{ PROVIDER_OLLAMA, false, "{\"message\":{\"content\":\"a\"}}\n{\"error\":{\"message\":\"out of memory\"}}\n", "a", "out of memory", "", false, true, false, false, 0, { -1, -1, -1, -1, -1 } },
	{ PROVIDER_OLLAMA, true, "{\n \"response\": \"a\",\n \"done\": true, \"eval_count\": 1}", "a", "", "", true, false, false, false, 0, { -1, 1, -1, -1, -1 } },
	{ PROVIDER_OLLAMA, false, "7\n{\"done\":true}\n", "", "", "", true, false, false, false, 1, { -1, -1, -1, -1, -1 } },
	{ PROVIDER_OPENAI, true, "{\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":2}}",
	  "a", "", "length", true, false, true, false, 0, { 4, 2, -1, -1, -1 } },
	{ PROVIDER_OPENAI, true, "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"I will not\"},\"finish_reason\":\"stop\"}]}",
	  "I will not", "", "stop", true, false, false, true, 0, { -1, -1, -1, -1, -1 } },
	{ PROVIDER_OPENAI, false, DATA("{\"error\":{\"message\":\"quota\",\"type\":\"t\",\"code\":\"insufficient_quota\"}}"), "", "quota", "", false, true, false, false, 0, { -1, -1, -1, -1, -1 } },
	/* a character in two records, and one that never ends */
	{ PROVIDER_OPENAI, false, DATA("{\"choices\":[{\"delta\":{\"content\":\"\xe4\xb8\"}}]}") DATA("{\"choices\":[{\"delta\":{\"content\":\"\x96\xe4\"},\"finish_reason\":\"stop\"}]}"),
	  "\xe4\xb8\x96\xef\xbf\xbd", "", "stop", true, false, false, false, 0, { -1, -1, -1, -1, -1 } },
	{ PROVIDER_OPENAI, false, DATA("{\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":-4,\"completion_tokens\":1e99}}"),
	  "a", "", "stop", true, false, false, false, 0, { -1, -1, -1, -1, -1 } },
};

static const struct {
	long status;
	const char *body;
	bool again;
	const char *kind, *says;
} refusals[] = {
	{ 400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"max_tokens: too big\"}}", false, "http_status", "status 400, invalid_request_error: max_tokens: too big" },
	{ 429, "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow down\"}}", true, "http_status", "status 429, rate_limit_error: slow down" },
	{ 429, "{\"error\":{\"type\":\"rate_limit_error\",\"message\":\"enforced_spend_limit_reached\"}}", false, "spend_limit", "enforced_spend_limit_reached" },
	{ 429, "{\"error\":{\"type\":\"x\",\"code\":\"insufficient_quota\",\"message\":\"no money\"}}", false, "spend_limit", "x/insufficient_quota: no money" },
	{ 400, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"enforced_spend_limit_reached\"}}", false, "spend_limit", "status 400" },
	{ 401, "", false, "http_status", "status 401" },
	{ 403, "{}", false, "http_status", "status 403" },
	{ 404, "{\"error\":\"model 'x' not found\"}", false, "http_status", "status 404: model 'x' not found" },
	{ 408, "", true, "http_status", "status 408" },
	{ 409, "", true, "http_status", "status 409" },
	{ 413, "", false, "http_status", "status 413" },
	{ 500, "<html>\nlong page", true, "http_status", "status 500: <html>" },
	{ 501, "", false, "http_status", "status 501" },
	{ 502, "", true, "http_status", "status 502" },
	{ 504, "", true, "http_status", "status 504" },
	{ 529, "{\"message\":\"over\"}", true, "http_status", "status 529: over" },
	{ 302, "", false, "redirect", "not followed" },
};

static const struct { enum provider_type type; const char *given, *asked; } urls[] = {
	{ PROVIDER_ANTHROPIC, "https://a.example", "https://a.example/v1/messages" },
	{ PROVIDER_ANTHROPIC, "https://a.example/", "https://a.example/v1/messages" },
	{ PROVIDER_ANTHROPIC, "https://a.example/proxy/v1", "https://a.example/proxy/v1/messages" },
	{ PROVIDER_ANTHROPIC, "https://a.example/v1/messages", "https://a.example/v1/messages" },
	{ PROVIDER_OLLAMA, "http://127.0.0.1:11434", "http://127.0.0.1:11434/api/chat" },
	{ PROVIDER_OLLAMA, "http://127.0.0.1:11434/api/", "http://127.0.0.1:11434/api/chat" },
	{ PROVIDER_OPENAI, "https://o.example/v1", "https://o.example/v1/chat/completions" },
	{ PROVIDER_OPENAI, "https://o.example/d/x?api-version=2", "https://o.example/d/x/v1/chat/completions?api-version=2" },
};

static const struct { const char *text, *json; } extracts[] = {
	{ "{\"a\":1}", "{\"a\":1}" },
	{ " \n[1, 2]\n", "[1, 2]" },
	{ "```json\n{\"a\":1}\n```", "{\"a\":1}" },
	{ "```\n{\"a\":1}\n```\n", "{\"a\":1}" },
	{ "Here it is:\n\n```json\n{\"a\": [1]}\n```\nAnything else?", "{\"a\": [1]}" },
	{ "The answer is {\"a\":1}.", "{\"a\":1}" },
	{ "{\"big\":12345678901234567890}", "{\"big\":12345678901234567890}" },
	{ "no", NULL }, { "", NULL }, { "{\"a\":", NULL }, { "} {", NULL },
};
/* clang-format on */

START_TEST(answers)
{
	struct llm_answer a;
	decode(rows[_i].type, rows[_i].whole, rows[_i].body, strlen(rows[_i].body), 0, &a);
	ck_assert_str_eq(str_text(&a.text), rows[_i].text);
	ck_assert_str_eq(str_text(&a.error), rows[_i].error);
	ck_assert_str_eq(str_text(&a.stop), rows[_i].stop);
	ck_assert_int_eq(a.complete, rows[_i].complete);
	ck_assert_int_eq(a.failed, rows[_i].failed);
	ck_assert_int_eq(a.cut, rows[_i].cut);
	ck_assert_int_eq(a.refused, rows[_i].refused);
	ck_assert_uint_eq(a.odd, rows[_i].odd);
	ck_assert_int_eq(memcmp(&a.tokens, &rows[_i].tokens, sizeof(a.tokens)), 0);
	llm_answer_done(&a);
}
END_TEST

START_TEST(statuses)
{
	struct llm_try t = { .http_status = refusals[_i].status };
	auto_str type = STR_INIT, message = STR_INIT;
	llm_decode_error(refusals[_i].body, strlen(refusals[_i].body), &type, &message);
	llm_judge_status(&t, &type, &message);
	ck_assert_int_eq(t.again, refusals[_i].again);
	ck_assert_int_eq(t.class, CLASS_HTTP_STATUS);
	ck_assert_str_eq(t.status, refusals[_i].kind);
	ck_assert_msg(strstr(str_text(&t.why), refusals[_i].says), "%s", str_text(&t.why));
	llm_try_done(&t);
}
END_TEST

START_TEST(addresses)
{
	struct llm_provider p = { .type = urls[_i].type, .url = urls[_i].given };
	auto_str url = STR_INIT;
	llm_request_url(&p, &url);
	ck_assert_str_eq(url.p, urls[_i].asked);
}
END_TEST

START_TEST(documents_within_answers)
{
	auto_str text = STR_INIT, json = STR_INIT;
	str_add(&text, extracts[_i].text);
	auto_json *v = llm_extract(&text, &json, NULL);
	ck_assert_int_eq(v != NULL, extracts[_i].json != NULL);
	ck_assert_str_eq(str_text(&json), extracts[_i].json ? extracts[_i].json : "");
}
END_TEST

/* An event or line that is longer than any should be is dropped, and the next one taken. */
START_TEST(a_line_without_end)
{
	struct llm_answer a;
	struct llm_decoder d;
	auto_free char *much = xmalloc(MIB);
	memset(much, 'x', MIB);
	llm_answer_init(&a);
	llm_decoder_init(&d, streams[_i].type, false, &a, NULL, NULL);
	llm_decode(&d, "data: ", 6);
	for (int i = 0; i < 20; i++)
		llm_decode(&d, much, MIB);
	ck_assert_uint_le(d.line.cap + d.data.cap, 3 * LLM_LINE_MAX);
	llm_decode(&d, "\n\n", 2);
	llm_decode(&d, streams[_i].body, streams[_i].len);
	llm_decode_end(&d);
	ck_assert_str_eq(str_text(&a.text), TEXT);
	ck_assert(a.complete);
	ck_assert_uint_eq(a.odd, 1);
	llm_decoder_done(&d);
	llm_answer_done(&a);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("work_llm");
	TCase *t = tcase_create("answers");
	tcase_add_loop_test(t, cut_in_two_at_every_byte, 0, (int)COUNT(streams));
	tcase_add_loop_test(t, byte_by_byte, 0, (int)COUNT(streams));
	tcase_add_loop_test(t, broken_off_at_every_byte, 0, (int)COUNT(streams));
	tcase_add_loop_test(t, answers, 0, (int)COUNT(rows));
	tcase_add_loop_test(t, statuses, 0, (int)COUNT(refusals));
	tcase_add_loop_test(t, addresses, 0, (int)COUNT(urls));
	tcase_add_loop_test(t, documents_within_answers, 0, (int)COUNT(extracts));
	tcase_add_loop_test(t, a_line_without_end, 0, (int)COUNT(streams));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
