/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What agents print, as recorded shapes: what is understood of it, that no cut of the bytes changes that, and
 * what the result and the report say. */
#include "work/agent.h"

#include "base/fs.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define U UNKNOWN

/* clang-format off */
static const struct {
	const char *file;
	enum agent_adapter adapter;
	int exit_code;
	enum error_class class;
	int64_t turns, messages, tools, failed, retries, others, raw;
	struct agent_tokens tokens; /* input, output, cache read, cache write */
	int64_t micro_usd;
	const char *final_text, *says; /* says: in the message of the failure */
} rows[] = {
	{ "claude-success.jsonl",    ADAPTER_CLAUDE, 0, CLASS_NONE,          2, 2, 1, 0, 0, 0, 0, { 10, 95, 12000, 12300 },    50217,
	  "A semicolon is missing.\n\nIt is mended now.", NULL },
	{ "claude-parallel.jsonl",   ADAPTER_CLAUDE, 0, CLASS_NONE,          3, 2, 4, 1, 0, 0, 0, { 51, 205, 10700, 900 },     31200,
	  "One test fails: tests/log.", NULL },
	{ "claude-retry.jsonl",      ADAPTER_CLAUDE, 0, CLASS_NONE,          1, 1, 0, 0, 2, 0, 0, { 3, 7, 0, 0 },              100,
	  "Done after all.", NULL },
	{ "claude-max-turns.jsonl",  ADAPTER_CLAUDE, 1, CLASS_AGENT_FAILURE, 30, 1, 1, 0, 0, 0, 0, { 500, 2000, 90000, 0 },     420000,
	  "", "error_max_turns after 30 turns: Reached maximum number of turns (30)" },
	{ "claude-is-error.jsonl",   ADAPTER_CLAUDE, 0, CLASS_AGENT_FAILURE, 1, 1, 0, 0, 0, 0, 0, { 0, 0, 0, 0 },              0,
	  "API Error: 529 overloaded", "is_error after 1 turn: API Error: 529 overloaded" },
	{ "claude-structured.jsonl", ADAPTER_CLAUDE, 0, CLASS_NONE,          1, 1, 0, 0, 0, 0, 0, { 3, 9, 0, 0 },              1000,
	  "{\"verdict\":\"ok\"}", NULL },
	{ "claude-truncated.jsonl",  ADAPTER_CLAUDE, 137, CLASS_AGENT_CRASH, U, 2, 1, 0, 0, 0, 1, { 15, 23, 50, 3 },           U,
	  "First.", "ended with exit code 137 and told no result: last words" },
	{ "claude-odd.jsonl",        ADAPTER_CLAUDE, 0, CLASS_NONE,          1, 1, 0, 0, 0, 4, 3, { 2, 5, 0, 0 },              200,
	  "Still here.", NULL },
	{ "claude-cjk.jsonl",        ADAPTER_CLAUDE, 0, CLASS_NONE,          2, 1, 1, 0, 0, 0, 0, { 6, 50, 0, 0 },             900,
	  "修好了 ✅", NULL },
	{ "codex-success.jsonl",     ADAPTER_CODEX,  0, CLASS_NONE,          1, 1, 4, 1, 0, 0, 0, { 4277, 1590, 22272, U },    U,
	  "Mended a.c; the tests pass.", NULL },
	{ "codex-two-turns.jsonl",   ADAPTER_CODEX,  0, CLASS_NONE,          2, 2, 0, 0, 0, 0, 0, { 1100, 90, 1400, U },       U,
	  "Two.", NULL },
	{ "codex-failed.jsonl",      ADAPTER_CODEX,  1, CLASS_AGENT_FAILURE, 1, 0, 0, 0, 1, 0, 0, { U, U, U, U },              U,
	  "", "turn_failed after 1 turn: stream disconnected before completion" },
	{ "codex-truncated.jsonl",   ADAPTER_CODEX,  0, CLASS_AGENT_CRASH,   1, 0, 1, 0, 0, 0, 1, { U, U, U, U },              U,
	  "", "ended with exit code 0 and told no result" },
	{ "codex-odd.jsonl",         ADAPTER_CODEX,  0, CLASS_NONE,          1, 1, 1, 1, 0, 2, 0, { U, U, U, U },              U,
	  "完了しました。", NULL },
	{ "text-plain.txt",          ADAPTER_TEXT,   0, CLASS_NONE,          U, 0, 0, 0, 0, 0, 0, { U, U, U, U },              U,
	  "Looking at it.\nモデルが 作業中…\nDONE\n", NULL },
	{ "text-plain.txt",          ADAPTER_TEXT,   3, CLASS_AGENT_CRASH,   U, 0, 0, 0, 0, 0, 0, { U, U, U, U },              U,
	  "Looking at it.\nモデルが 作業中…\nDONE\n", "ended with exit code 3: last words" },
};
/* clang-format on */

static void fixture(const char *name, char **ret, size_t *ret_len)
{
	const char *srcdir = getenv("srcdir");
	auto_free char *path = xasprintf("%s/tests/fixtures/agent/%s", srcdir ? srcdir : "..", name);
	struct err err;
	ck_assert_msg(fs_read(path, MIB, ret, ret_len, &err) == ERR_OK, "%s", err.message);
}

static int64_t others(const struct agent *a)
{
	int64_t n = 0;
	for (size_t i = 0; i < a->nothers; i++)
		n += a->others[i].n;
	return n;
}

static struct agent_spec spec_of(enum agent_adapter adapter)
{
	auto_free char *text = xasprintf("{\"adapter\":\"%s\",\"argv\":[\"/opt/bin/helper\",\"-p\"],\"prompt\":\"x\"}",
					 agent_adapter_name(adapter));
	struct agent_spec spec;
	struct err err;
	ck_assert_msg(agent_spec_parse(text, strlen(text), &spec, &err) == ERR_OK, "%s", err.message);
	return spec;
}

START_TEST(a_stream_is_understood)
{
	auto_free char *text = NULL;
	size_t len;
	struct agent a;
	CLEANUP(agent_spec_done) struct agent_spec spec = spec_of(rows[_i].adapter);
	fixture(rows[_i].file, &text, &len);
	agent_init(&a, rows[_i].adapter);
	agent_feed(&a, text, len, 0);
	agent_feed_end(&a, 0);
	ck_assert_int_eq(a.turns, rows[_i].turns);
	ck_assert_int_eq(a.messages, rows[_i].messages);
	ck_assert_int_eq(a.tools_seen, rows[_i].tools);
	ck_assert_int_eq(a.tools_failed, rows[_i].failed);
	ck_assert_int_eq(a.retries, rows[_i].retries);
	ck_assert_int_eq(others(&a), rows[_i].others);
	ck_assert_int_eq(a.unparsed, rows[_i].raw);
	int64_t cost;
	struct agent_tokens t = agent_total(&a, &cost);
	ck_assert_int_eq(t.input, rows[_i].tokens.input);
	ck_assert_int_eq(t.output, rows[_i].tokens.output);
	ck_assert_int_eq(t.cache_read, rows[_i].tokens.cache_read);
	ck_assert_int_eq(t.cache_write, rows[_i].tokens.cache_write);
	ck_assert_int_eq(cost, rows[_i].micro_usd);
	ck_assert_str_eq(str_text(&a.final_text), rows[_i].final_text);
	struct agent_end end = { .exit_code = rows[_i].exit_code, .last_stderr = rows[_i].exit_code ? "last words" : "" };
	agent_judge(&a, &spec, &end);
	ck_assert_int_eq(end.class, rows[_i].class);
	ck_assert_msg(!rows[_i].says || strstr(str_text(&end.message), rows[_i].says), "%s", str_text(&end.message));
	str_done(&end.message);
	agent_done(&a);
}
END_TEST

/* ---- cuts ---- */

struct counts {
	int64_t v[9];
};

static struct counts counts_of(const struct agent *a)
{
	int64_t cost;
	struct agent_tokens t = agent_total(a, &cost);
	return (struct counts){ { a->lines, a->messages, a->tools_seen, a->retries, others(a), a->unparsed,
				  agent_tokens_sum(&t), t.output, cost } };
}

/* Byte by byte: the transcript is that of the whole, every line is counted once, and no count ever shrinks. */
START_TEST(no_cut_changes_anything)
{
	auto_free char *text = NULL;
	size_t len;
	struct agent whole, a;
	int64_t newlines = 0;
	fixture(rows[_i].file, &text, &len);
	agent_init(&whole, rows[_i].adapter);
	agent_feed(&whole, text, len, 0);
	agent_feed_end(&whole, 0);
	agent_init(&a, rows[_i].adapter);
	struct counts before = counts_of(&a);
	for (size_t i = 0; i < len; i++) {
		agent_feed(&a, text + i, 1, 0);
		newlines += text[i] == '\n';
		struct counts now = counts_of(&a);
		ck_assert_int_eq(a.lines, newlines);
		for (size_t k = 0; k < COUNT(now.v); k++)
			ck_assert_msg(now.v[k] >= before.v[k], "byte %zu: count %zu shrinks", i, k);
		before = now;
	}
	agent_feed_end(&a, 0);
	ck_assert_int_eq(a.lines, whole.lines);
	ck_assert_uint_eq(a.log.len, whole.log.len);
	ck_assert_int_eq(memcmp(str_text(&a.log), str_text(&whole.log), a.log.len), 0);
	ck_assert_str_eq(str_text(&a.final_text), str_text(&whole.final_text));
	agent_done(&a);
	agent_done(&whole);
}
END_TEST

static void check_document(const struct str *json, size_t max)
{
	auto_json *v = NULL;
	struct err err;
	ck_assert_msg(json_parse(str_text(json), json->len, max, &v, &err) == ERR_OK, "%s", err.message);
}

/* The stream ends at any byte: what came before counts, what is left of a line is kept, and both documents
 * are whole. */
START_TEST(a_stream_may_end_anywhere)
{
	auto_free char *text = NULL;
	size_t len;
	fixture(rows[_i].file, &text, &len);
	CLEANUP(agent_spec_done) struct agent_spec spec = spec_of(rows[_i].adapter);
	struct redact_set *none = redact_set_new(true);
	redact_compile(none);
	for (size_t cut = 0; cut <= len; cut++) {
		struct agent a;
		struct agent_kept out = { .redactor = redactor_new(none), .max = MIB };
		struct agent_kept err_kept = { .redactor = redactor_new(none), .max = MIB };
		struct agent_end end = { .exit_code = 1 };
		auto_str usage = STR_INIT, result = STR_INIT, output = STR_INIT;
		int64_t newlines = 0;
		for (size_t i = 0; i < cut; i++)
			newlines += text[i] == '\n';
		agent_init(&a, rows[_i].adapter);
		agent_feed(&a, text, cut, 0);
		agent_keep(&out, text, cut);
		redact_flush(out.redactor, &out.bytes);
		ck_assert_int_eq(a.lines, newlines);
		agent_feed_end(&a, 0);
		bool half = a.row->structured && cut && text[cut - 1] != '\n';
		ck_assert_int_eq(a.lines, newlines + half);
		agent_judge(&a, &spec, &end);
		agent_add_usage_rows(&a, &spec, &end, &usage);
		agent_add_result(&a, &spec, &end, &out, &err_kept, usage.p, &result);
		agent_add_output(&a, &spec, &end, usage.p, NULL, 256 * KIB, &output);
		check_document(&result, 4 * MIB);
		check_document(&output, 256 * KIB);
		agent_kept_done(&out);
		agent_kept_done(&err_kept);
			str_done(&end.message);
		agent_done(&a);
	}
	redact_set_free(none);
}
END_TEST

/* ---- lines ---- */

/* clang-format off */
static const struct { const char *line, *clean; } stripped[] = {
	{ "plain {\"a\":1}", "plain {\"a\":1}" },
	{ "\033[0m{\"a\":1}\033[?25h", "{\"a\":1}" },
	{ "\033]0;title\a{}", "{}" },
	{ "\033]8;;http://x\033\\{}", "{}" },
	{ "\033]0;no end {}", "0;no end {}" },
	{ "\033(B{}\r", "{}" },
	{ "\a\b{\x7f}\t", "{}\t" },
	{ "\033[1;2", "" },
	{ "\033", "" },
	{ "修\033[1m好\033[0m", "修好" },
};
/* clang-format on */

START_TEST(escapes_are_stripped)
{
	auto_str s = STR_INIT;
	agent_strip(stripped[_i].line, strlen(stripped[_i].line), &s);
	ck_assert_str_eq(str_text(&s), stripped[_i].clean);
}
END_TEST

START_TEST(a_line_that_is_too_long_is_passed_over)
{
	static const char good[] = "{\"type\":\"assistant\",\"message\":{\"id\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"here\"}]}}\n";
	struct agent a;
	auto_free char *bytes = xmalloc(MIB);
	memset(bytes, 'x', MIB);
	agent_init(&a, ADAPTER_CLAUDE);
	agent_feed(&a, "{\"type\":\"", 9, 0);
	for (int i = 0; i < 9; i++)
		agent_feed(&a, bytes, MIB, 0);
	ck_assert_uint_lt(a.line.cap, 16 * MIB);
	agent_feed(&a, "\"}\n", 3, 0);
	agent_feed(&a, good, sizeof(good) - 1, 0);
	agent_feed_end(&a, 0);
	ck_assert_int_eq(a.too_long, 1);
	ck_assert_int_eq(a.unparsed, 0);
	ck_assert_int_eq(a.lines, 2);
	ck_assert_int_eq(a.messages, 1);
	ck_assert_str_eq(str_text(&a.log), "raw> a line of 9437195 bytes was not read; the limit is 8388608\nagent> here\n");
	agent_done(&a);
}
END_TEST

START_TEST(a_transcript_can_be_folded)
{
	auto_free char *text = NULL;
	size_t len;
	struct agent a;
	fixture("claude-parallel.jsonl", &text, &len);
	agent_init(&a, ADAPTER_CLAUDE);
	agent_feed(&a, text, len, 0);
	ck_assert_str_eq(str_text(&a.log),
			 "note> model claude-sonnet-4-5-20250929, session 0f7c2a9e-5b1d-4c3e-9a60-2f4d8b7e6c11\n"
			 "tool> Bash make -j2 check\n"
			 "tool> Grep malloc\n"
			 "tool> Task Find callers\n"
			 "tool< Grep: 2 lines, 0.0 s\n"
			 "tool> Grep open_log\n"
			 "tool< Grep: 1 line, 0.0 s\n"
			 "tool< Bash: failed, 2 lines, 0.0 s: FAIL: tests/log\n"
			 "tool< Task: 2 lines, 0.0 s\n"
			 "agent> One test fails: tests/log.\n"
			 "note> result: success\n");
	agent_done(&a);
}
END_TEST

START_TEST(tools_have_their_duration)
{
	static const char begin[] = "{\"type\":\"assistant\",\"message\":{\"id\":\"m\",\"content\":"
				    "[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\",\"input\":{\"command\":\"a\\nb\"}}]}}\n";
	static const char end[] = "{\"type\":\"user\",\"message\":{\"content\":"
				  "[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"x\"}]}}\n";
	struct agent a;
	agent_init(&a, ADAPTER_CLAUDE);
	agent_feed(&a, begin, sizeof(begin) - 1, 1000000);
	agent_feed(&a, end, sizeof(end) - 1, 13450000);
	ck_assert_int_eq(a.tools[0].duration_ms, 12450);
	ck_assert_str_eq(a.tools[0].input.p, "{\"command\":\"a\\nb\"}");
	ck_assert_str_eq(str_text(&a.log), "tool> Bash a …\ntool< Bash: 1 line, 12.4 s\n");
	agent_done(&a);
}
END_TEST

/* ---- documents ---- */

static struct json *output_of(const char *stream, enum agent_adapter adapter, size_t max)
{
	struct agent a;
	struct agent_end end = { .began_ms = 1000, .duration_ms = 500 };
	CLEANUP(agent_spec_done) struct agent_spec spec = spec_of(adapter);
	auto_str usage = STR_INIT, output = STR_INIT;
	struct json *v = NULL;
	agent_init(&a, adapter);
	agent_feed(&a, stream, strlen(stream), 0);
	agent_feed_end(&a, 0);
	agent_judge(&a, &spec, &end);
	agent_add_usage_rows(&a, &spec, &end, &usage);
	agent_add_output(&a, &spec, &end, usage.p, NULL, max, &output);
	ck_assert_uint_le(output.len, max);
	ck_assert_int_eq(json_parse(output.p, output.len, max, &v, NULL), ERR_OK);
	str_done(&end.message);
	agent_done(&a);
	return v;
}

START_TEST(a_report_says_what_is_known)
{
	auto_free char *text = NULL;
	size_t len;
	fixture("claude-parallel.jsonl", &text, &len);
	auto_json *v = output_of(text, ADAPTER_CLAUDE, 256 * KIB);
	const struct json *report = json_get(v, "report"), *row = json_first(json_get(report, "usage"));
	ck_assert_str_eq(json_get_str(json_get(v, "outputs"), "text", ""), "One test fails: tests/log.");
	ck_assert_str_eq(json_get_str(json_get(v, "outputs"), "cost_usd", ""), "0.031200");
	ck_assert_ptr_null(json_get(v, "class"));
	ck_assert_str_eq(json_get_str(report, "kind", ""), "agent");
	ck_assert(json_get_bool(report, "success", false));
	ck_assert_int_eq(json_get_int(report, "tool_calls", 0), 4);
	ck_assert_uint_eq(json_count(json_get(report, "usage")), 2);
	ck_assert_str_eq(json_get_str(row, "model", ""), "claude-sonnet-4-5-20250929");
	ck_assert_int_eq(json_get_int(row, "cost_micro_usd", 0), 30100);
	ck_assert_int_eq(json_get_int(row, "total", 0), 21 + 180 + 10700 + 900);
	ck_assert_str_eq(json_get_str(json_next(row), "provider", ""), "anthropic");
	ck_assert_str_eq(json_get_str(json_first(json_get(report, "breakers")), "name", ""), "agent:helper");
	ck_assert(json_get_bool(json_first(json_get(report, "breakers")), "ok", false));
}
END_TEST

/* Never 0 for what nobody said. */
START_TEST(unknown_counts_are_null)
{
	auto_json *v = output_of("{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":5,\"output_tokens\":null}}\n",
				 ADAPTER_CODEX, 256 * KIB);
	const struct json *report = json_get(v, "report"), *row = json_first(json_get(report, "usage"));
	static const char *const nulls[] = { "output", "cache_read", "cache_write", "total", "cost_micro_usd", "model" };
	ck_assert_int_eq(json_get_int(row, "input", -1), 5);
	for (size_t i = 0; i < COUNT(nulls); i++) {
		ck_assert_ptr_nonnull(json_get(row, nulls[i]));
		ck_assert_int_eq(json_type(json_get(row, nulls[i])), JSON_NULL);
	}
	ck_assert_int_eq(json_type(json_get(report, "turns")), JSON_NULL);
	ck_assert_ptr_null(json_get(json_get(v, "outputs"), "output_tokens"));
	ck_assert_ptr_nonnull(strstr(json_str(json_first(json_get(report, "warnings")), ""), "no price"));
}
END_TEST

/* A program that tells no cost: its model is that of its command, and the price that of the table. */
START_TEST(the_table_prices_what_the_program_does_not)
{
	static const char stream[] = "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":3000000,"
				     "\"cached_input_tokens\":1000000,\"output_tokens\":500000}}\n";
	static const char prices[] = "{\"prices\":[{\"provider\":\"openai\",\"model\":\"code-*\",\"effective_from\":\"2020-01-01\","
				     "\"version\":\"v7\",\"input\":2000000,\"output\":8000000,\"cache_read\":100000}]}";
	char path[] = "/tmp/pawl-prices-XXXXXX";
	int fd = mkstemp(path);
	ck_assert(fs_write_all(fd, prices, sizeof(prices) - 1));
	ck_assert_int_eq(close(fd), 0);
	auto_free char *text = xasprintf("{\"adapter\":\"codex\",\"argv\":[\"codex\",\"-m\",\"code-9\"],\"prices\":\"%s\"}", path);
	CLEANUP(agent_spec_done) struct agent_spec spec;
	struct agent a;
	struct agent_end end = { .began_ms = INT64_C(1700000000000), .class = CLASS_NONE };
	auto_str usage = STR_INIT, shown = STR_INIT;
	auto_json *v = NULL;
	ck_assert_int_eq(agent_spec_parse(text, strlen(text), &spec, NULL), ERR_OK);
	agent_init(&a, ADAPTER_CODEX);
	agent_feed(&a, stream, sizeof(stream) - 1, 0);
	agent_judge(&a, &spec, &end);
	agent_add_usage_rows(&a, &spec, &end, &usage);
	ck_assert_int_eq(json_parse(usage.p, usage.len, MIB, &v, NULL), ERR_OK);
	ck_assert_str_eq(json_get_str(json_first(v), "model", ""), "code-9");
	ck_assert_str_eq(json_get_str(json_first(v), "price_version", ""), "v7");
	ck_assert_int_eq(json_get_int(json_first(v), "cost_micro_usd", 0), 2 * 2000000 + 100000 + 4000000);
	agent_add_usage(&a, &shown);
	ck_assert_str_eq(shown.p, "3.0M in (1.0M cached), 500.0k out, $8.1000");
	ck_assert_uint_eq(a.nwarnings, 0);
	str_done(&end.message);
	agent_done(&a);
	ck_assert_int_eq(remove(path), 0);
}
END_TEST

START_TEST(a_report_stays_within_its_limit)
{
	auto_str stream = STR_INIT;
	str_add(&stream, "{\"type\":\"item.completed\",\"item\":{\"type\":\"agent_message\",\"text\":\"");
	for (int i = 0; i < 200000; i++)
		str_add(&stream, "\\u0001");
	str_add(&stream, "\"}}\n{\"type\":\"turn.completed\"}\n");
	auto_json *v = output_of(stream.p, ADAPTER_CODEX, 64 * KIB);
	const char *text = json_get_str(json_get(v, "outputs"), "text", "");
	ck_assert_ptr_nonnull(strstr(text, "\n[TRUNCATED - exceeded 4096 bytes]"));
	ck_assert_uint_eq(strspn(text, "\001"), 4096);
}
END_TEST

START_TEST(of_plain_text_the_end_is_kept)
{
	auto_str stream = STR_INIT;
	for (int i = 0; i < 100000; i++)
		str_addf(&stream, "line %d\n", i);
	auto_json *v = output_of(stream.p, ADAPTER_TEXT, 256 * KIB);
	const char *text = json_get_str(json_get(v, "outputs"), "text", "");
	ck_assert(str_starts(text, "[TRUNCATED - exceeded 32768 bytes]\nline "));
	ck_assert_str_eq(text + strlen(text) - 10, "line 99999");
	ck_assert_uint_eq(json_count(json_get(json_get(v, "report"), "usage")), 0);
}
END_TEST

/* ---- the kept result ---- */

/* clang-format off */
static const struct {
	const char *bytes;
	size_t len;
	int64_t max;
	const char *text, *base64; /* NULL: none */
	bool truncated;
} kept[] = {
	{ "all of it\n", 10, 10, "all of it\n", NULL, false },
	{ "", 0, 0, "", NULL, false },
	{ "修好了", 9, 8, "修好\n[TRUNCATED - exceeded 8 bytes]", NULL, true },
	{ "修好了", 9, 6, "修好\n[TRUNCATED - exceeded 6 bytes]", NULL, true },
	{ "修好了", 9, 9, "修好了", NULL, false },
	{ "abc", 3, 0, "\n[TRUNCATED - exceeded 0 bytes]", NULL, true },
	{ "a\xff" "b", 3, 100, "a\\xffb", "Yf9i", false },
	{ "a\0b", 3, 100, "a\xef\xbf\xbd" "b", "YQBi", false },
	{ "with letmein-123 in it", 22, 100, "with *** in it", NULL, false },
	{ "with letmein-123 in it", 22, 10, "with *** i\n[TRUNCATED - exceeded 10 bytes]", NULL, true },
};
/* clang-format on */

START_TEST(streams_are_kept_exactly)
{
	struct agent a;
	struct agent_end end = { .ended = true };
	CLEANUP(agent_spec_done) struct agent_spec spec = spec_of(ADAPTER_CLAUDE);
	struct redact_set *set = redact_set_new(false);
	auto_str json = STR_INIT;
	auto_json *v = NULL;
	ck_assert_int_eq(redact_secret(set, "letmein-123", 11, NULL), ERR_OK);
	redact_compile(set);
	struct agent_kept out = { .redactor = redactor_new(set), .max = kept[_i].max };
	struct agent_kept none = { .redactor = redactor_new(set), .max = 10 };
	agent_init(&a, ADAPTER_CLAUDE);
	for (size_t i = 0; i < kept[_i].len; i++)
		agent_keep(&out, kept[_i].bytes + i, 1);
	redact_flush(out.redactor, &out.bytes);
	agent_add_result(&a, &spec, &end, &out, &none, "[]", &json);
	ck_assert_int_eq(json_parse(json.p, json.len, MIB, &v, NULL), ERR_OK);
	ck_assert_str_eq(json_get_str(v, "stdout", "?"), kept[_i].text);
	ck_assert_int_eq(json_get_int(v, "stdout_bytes", -1), (int64_t)kept[_i].len);
	ck_assert_int_eq(json_get_bool(v, "stdout_truncated", !kept[_i].truncated), kept[_i].truncated);
	ck_assert_str_eq(json_get_str(v, "stdout_base64", "-"), kept[_i].base64 ? kept[_i].base64 : "-");
	ck_assert_str_eq(json_get_str(v, "session_id", "?"), "unknown");
	agent_kept_done(&out);
	agent_kept_done(&none);
	redact_set_free(set);
	agent_done(&a);
}
END_TEST

START_TEST(a_tail_is_the_last_lines)
{
	struct redact_set *set = redact_set_new(false);
	auto_str few = STR_INIT, many = STR_INIT, small = STR_INIT;
	ck_assert_int_eq(redact_secret(set, "letmein-123", 11, NULL), ERR_OK);
	redact_compile(set);
	struct agent_kept k = { .redactor = redactor_new(set), .max = 10 };
	agent_keep(&k, "one letmein-123\ntwo", 19);
	agent_tail(&k, set, KIB, &few);
	ck_assert_str_eq(few.p, "one ***\ntwo");
	for (int i = 0; i < 30000; i++) {
		auto_free char *line = xasprintf("\nline %d", i);
		agent_keep(&k, line, strlen(line));
	}
	agent_tail(&k, set, 8 * KIB, &many);
	ck_assert(str_starts(many.p, "line 29950\n"));
	ck_assert_str_eq(many.p + many.len - 10, "line 29999");
	agent_tail(&k, set, 25, &small);
	ck_assert_str_eq(small.p, "line 29998\nline 29999");
	agent_kept_done(&k);
	redact_set_free(set);
}
END_TEST

START_TEST(a_result_has_the_tool_calls)
{
	auto_free char *text = NULL;
	size_t len;
	struct agent a;
	struct agent_end end = { .ended = true };
	struct agent_kept none = { .max = 10 };
	CLEANUP(agent_spec_done) struct agent_spec spec = spec_of(ADAPTER_CLAUDE);
	auto_str json = STR_INIT;
	auto_json *v = NULL;
	fixture("claude-parallel.jsonl", &text, &len);
	agent_init(&a, ADAPTER_CLAUDE);
	agent_feed(&a, text, len, 0);
	agent_add_result(&a, &spec, &end, &none, &none, "[]", &json);
	ck_assert_int_eq(json_parse(json.p, json.len, MIB, &v, NULL), ERR_OK);
	const struct json *t = json_first(json_get(v, "tool_calls"));
	ck_assert_str_eq(json_get_str(t, "tool", ""), "Bash");
	ck_assert_str_eq(json_get_str(json_get(t, "input"), "command", ""), "make -j2 check");
	ck_assert_str_eq(json_get_str(t, "output", ""), "FAIL: tests/log\n1 of 14 tests failed\n");
	ck_assert(json_get_bool(t, "failed", false));
	t = json_next(json_next(t));
	ck_assert_str_eq(json_get_str(t, "output", ""), "Only src/log.c calls it.\n[image]");
	ck_assert_int_eq(json_get_int(json_get(v, "tokens_used"), "input", 0), 51);
	agent_done(&a);
}
END_TEST

/* ---- the spec ---- */

/* clang-format off */
static const struct { const char *text, *says; } bad_specs[] = {
	{ "{", "JSON" },
	{ "{\"adapter\":\"text\"}", "argv is missing" },
	{ "{\"adapter\":\"text\",\"argv\":[]}", "argv is missing" },
	{ "{\"adapter\":\"text\",\"argv\":[1]}", "list of texts" },
	{ "{\"adapter\":\"claud\",\"argv\":[\"x\"]}", "text, claude or codex" },
	{ "{\"adapter\":\"text\",\"argv\":[\"x\"],\"prompt_via\":\"fax\"}", "stdin, argument or file" },
	{ "{\"adapter\":\"text\",\"argv\":[\"x\"],\"max_stdout\":-1}", "max_stdout" },
};
/* clang-format on */

START_TEST(a_wrong_spec_is_refused)
{
	struct agent_spec spec;
	struct err err;
	ck_assert_int_ne(agent_spec_parse(bad_specs[_i].text, strlen(bad_specs[_i].text), &spec, &err), ERR_OK);
	ck_assert_msg(strstr(err.message, bad_specs[_i].says), "%s", err.message);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("work_agent");
	TCase *t = tcase_create("agent");
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, a_stream_is_understood, 0, (int)COUNT(rows));
	tcase_add_loop_test(t, no_cut_changes_anything, 0, (int)COUNT(rows));
	tcase_add_loop_test(t, a_stream_may_end_anywhere, 0, (int)COUNT(rows));
	tcase_add_loop_test(t, escapes_are_stripped, 0, (int)COUNT(stripped));
	tcase_add_test(t, a_line_that_is_too_long_is_passed_over);
	tcase_add_test(t, a_transcript_can_be_folded);
	tcase_add_test(t, tools_have_their_duration);
	tcase_add_test(t, a_report_says_what_is_known);
	tcase_add_test(t, unknown_counts_are_null);
	tcase_add_test(t, the_table_prices_what_the_program_does_not);
	tcase_add_test(t, a_report_stays_within_its_limit);
	tcase_add_test(t, of_plain_text_the_end_is_kept);
	tcase_add_loop_test(t, streams_are_kept_exactly, 0, (int)COUNT(kept));
	tcase_add_test(t, a_tail_is_the_last_lines);
	tcase_add_test(t, a_result_has_the_tool_calls);
	tcase_add_loop_test(t, a_wrong_spec_is_refused, 0, (int)COUNT(bad_specs));
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
