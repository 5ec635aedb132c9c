/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The three protocols, as their makers describe them:
 *   Anthropic  platform.claude.com/docs, "Streaming messages": message_start … message_stop; the count of
 *              output tokens in message_delta is that of the whole answer until now
 *   Ollama     github.com/ollama/ollama, docs/api.md: lines of JSON, the last one with "done": true
 *   OpenAI     platform.openai.com/docs/api-reference/chat: data: {…} … data: [DONE]; the counts in a last
 *              chunk without choices, if at all
 * Event framing: HTML Living Standard, 9.2.6. */
#include "work/llm_decode.h"

#include "base/utf8.h"

#include <assert.h>
#include <string.h>

#define SHORT_MAX 200     /* bytes of a name that a server sends: model, id, reason */
#define MESSAGE_MAX 600   /* bytes of its sentence about an error */
#define BYTE_MARK 0x10ff00 /* + a byte: stands for one that is not UTF-8, while the JSON is read */

void llm_answer_init(struct llm_answer *a)
{
	*a = (struct llm_answer){ .tokens = TOKENS_UNKNOWN };
}

void llm_answer_done(struct llm_answer *a)
{
	str_done(&a->text);
	str_done(&a->model);
	str_done(&a->id);
	str_done(&a->stop);
	str_done(&a->error_type);
	str_done(&a->error);
	llm_answer_init(a);
}

/* ---- pieces of an answer ---- */

/* Replace by at most `max` bytes, safe to show. */
static void set_text(struct str *s, const char *text, size_t max)
{
	if (!text)
		return;
	str_clear(s);
	text_add_safe(s, text, utf8_floor(text, MIN(strlen(text), max)), SAFE_PLAIN, false);
}

/* The text with the marks of single bytes turned back into these bytes. */
static void unmark(const char *text, struct str *out)
{
	size_t len = strlen(text);
	for (size_t i = 0; i < len;) {
		uint32_t cp = 0;
		size_t n = utf8_decode(text + i, len - i, &cp);
		if (n == 4 && cp >= BYTE_MARK + 0x80 && cp <= BYTE_MARK + 0xff)
			str_add_char(out, (char)(cp - BYTE_MARK));
		else
			str_add_len(out, text + i, n ? n : 1);
		i += n ? n : 1;
	}
}

static void add_text(struct llm_decoder *d, const char *text)
{
	struct llm_answer *a = d->answer;
	auto_str bytes = STR_INIT;
	if (!text || !*text)
		return;
	if (d->mangled) {
		unmark(text, &bytes);
		text = bytes.p;
	}
	size_t len = strlen(text);
	if (a->text.len + len > LLM_TEXT_MAX) {
		a->too_large = true;
		return;
	}
	str_add_len(&a->text, text, len);
	if (d->text)
		d->text(d->ctx, text, len);
}

/* A count that the server gave; what it did not give stays as it is. */
static void set_count(int64_t *ret, const struct json *usage, const char *name)
{
	int64_t n = json_get_int(usage, name, -1);
	if (n >= 0)
		*ret = n;
}

static void set_stop(struct llm_answer *a, const char *reason)
{
	static const char *const cuts[] = { "max_tokens", "length", "model_context_window_exceeded" };
	static const char *const refusals[] = { "refusal", "content_filter" };
	if (!reason)
		return;
	set_text(&a->stop, reason, SHORT_MAX);
	for (size_t i = 0; i < COUNT(cuts); i++)
		a->cut = a->cut || str_eq(reason, cuts[i]);
	for (size_t i = 0; i < COUNT(refusals); i++)
		a->refused = a->refused || str_eq(reason, refusals[i]);
}

/* {"error": "text"}, {"error": {"type", "code", "message"}}, or {"message": "text"}. */
static bool take_error(const struct json *v, struct str *ret_type, struct str *ret_message)
{
	const struct json *e = json_get(v, "error");
	const char *text = json_str(e, json_get_str(e, "message", NULL));
	if (json_type(e) == JSON_NULL)
		text = json_get_str(v, "message", NULL);
	if (json_type(e) == JSON_NULL && !text)
		return false;
	const char *type = json_get_str(e, "type", NULL), *code = json_get_str(e, "code", NULL);
	set_text(ret_type, type ? type : code, SHORT_MAX);
	/* Both matter: OpenAI says what is wrong in the code. */
	if (type && code && !str_eq(type, code)) {
		str_add(ret_type, "/");
		text_add_safe(ret_type, code, MIN(strlen(code), (size_t)SHORT_MAX), SAFE_PLAIN, false);
	}
	set_text(ret_message, text ? text : _("an error without a message"), MESSAGE_MAX);
	return true;
}

void llm_decode_error(const char *body, size_t len, struct str *ret_type, struct str *ret_message)
{
	auto_json *v = NULL;
	if (json_parse(body, len, LLM_LINE_MAX, &v, NULL) == ERR_OK && take_error(v, ret_type, ret_message))
		return;
	while (len && (*body == ' ' || *body == '\n' || *body == '\r' || *body == '\t')) {
		body++;
		len--;
	}
	const char *newline = memchr(body, '\n', len);
	size_t n = newline ? (size_t)(newline - body) : len;
	text_add_safe(ret_message, body, utf8_floor(body, MIN(n, (size_t)SHORT_MAX)), SAFE_PLAIN, false);
}

static void fail(struct llm_answer *a, const struct json *v)
{
	a->failed = take_error(v, &a->error_type, &a->error) || a->failed;
}

/* ---- Anthropic ---- */

static void anthropic_usage(struct llm_answer *a, const struct json *usage)
{
	struct token_counts *t = &a->tokens;
	const struct json *writes = json_get(usage, "cache_creation");
	set_count(&t->input, usage, "input_tokens");
	set_count(&t->output, usage, "output_tokens");
	set_count(&t->cache_read, usage, "cache_read_input_tokens");
	if (json_type(writes) == JSON_OBJECT) {
		set_count(&t->cache_write_5m, writes, "ephemeral_5m_input_tokens");
		set_count(&t->cache_write_1h, writes, "ephemeral_1h_input_tokens");
	} else if (t->cache_write_1h < 0) {
		set_count(&t->cache_write_5m, usage, "cache_creation_input_tokens");
	}
}

static void anthropic_message(struct llm_decoder *d, const struct json *m)
{
	struct llm_answer *a = d->answer;
	set_text(&a->model, json_get_str(m, "model", NULL), SHORT_MAX);
	set_text(&a->id, json_get_str(m, "id", NULL), SHORT_MAX);
	anthropic_usage(a, json_get(m, "usage"));
	for (const struct json *b = json_first(json_get(m, "content")); b; b = json_next(b))
		if (str_eq(json_get_str(b, "type", ""), "text"))
			add_text(d, json_get_str(b, "text", NULL));
	set_stop(a, json_get_str(m, "stop_reason", NULL));
}

static void anthropic_record(struct llm_decoder *d, const struct json *v)
{
	struct llm_answer *a = d->answer;
	const char *type = json_get_str(v, "type", "");
	if (str_eq(type, "message_start")) {
		anthropic_message(d, json_get(v, "message"));
	} else if (str_eq(type, "content_block_start")) {
		add_text(d, json_get_str(json_get(v, "content_block"), "text", NULL));
	} else if (str_eq(type, "content_block_delta")) {
		add_text(d, json_get_str(json_get(v, "delta"), "text", NULL));
	} else if (str_eq(type, "message_delta")) {
		set_stop(a, json_get_str(json_get(v, "delta"), "stop_reason", NULL));
		anthropic_usage(a, json_get(v, "usage"));
		a->counted = a->counted || json_get_int(json_get(v, "usage"), "output_tokens", -1) >= 0;
	} else if (str_eq(type, "message_stop")) {
		a->complete = true;
	} else if (str_eq(type, "message")) {
		anthropic_message(d, v);
		a->complete = a->counted = true;
	} else if (str_eq(type, "error")) {
		fail(a, v);
	}
	/* ping, the ends of blocks, and types that come one day: nothing to be done */
}

/* ---- Ollama ---- */

static void ollama_record(struct llm_decoder *d, const struct json *v)
{
	struct llm_answer *a = d->answer;
	if (json_type(json_get(v, "error")) != JSON_NULL) {
		fail(a, v);
		return;
	}
	set_text(&a->model, json_get_str(v, "model", NULL), SHORT_MAX);
	add_text(d, json_get_str(json_get(v, "message"), "content", json_get_str(v, "response", NULL)));
	if (!json_get_bool(v, "done", false))
		return;
	/* The count of the prompt is left out when the server had it in its cache. */
	set_count(&a->tokens.input, v, "prompt_eval_count");
	set_count(&a->tokens.output, v, "eval_count");
	set_stop(a, json_get_str(v, "done_reason", NULL));
	a->complete = a->counted = true;
}

/* ---- OpenAI-compatible ---- */

/* The cached tokens are a part of those of the prompt; here they are counted apart. */
static void openai_usage(struct llm_answer *a, const struct json *usage)
{
	struct token_counts *t = &a->tokens;
	if (json_type(usage) != JSON_OBJECT)
		return;
	set_count(&t->input, usage, "prompt_tokens");
	set_count(&t->output, usage, "completion_tokens");
	int64_t cached = json_get_int(json_get(usage, "prompt_tokens_details"), "cached_tokens", -1);
	if (cached >= 0 && t->input >= cached) {
		t->cache_read = cached;
		t->input -= cached;
	}
	a->counted = t->output >= 0;
}

static void openai_record(struct llm_decoder *d, const struct json *v)
{
	struct llm_answer *a = d->answer;
	if (json_type(json_get(v, "error")) != JSON_NULL) {
		fail(a, v);
		return;
	}
	set_text(&a->model, json_get_str(v, "model", NULL), SHORT_MAX);
	set_text(&a->id, json_get_str(v, "id", NULL), SHORT_MAX);
	openai_usage(a, json_get(v, "usage"));
	const struct json *choice = json_first(json_get(v, "choices"));
	const struct json *message = json_get(choice, "delta");
	if (!message)
		message = json_get(choice, "message");
	add_text(d, json_get_str(message, "content", NULL));
	if (json_get_str(message, "refusal", NULL)) {
		add_text(d, json_get_str(message, "refusal", NULL));
		a->refused = true;
	}
	set_stop(a, json_get_str(choice, "finish_reason", NULL));
	if (json_get_str(choice, "finish_reason", NULL))
		a->complete = true; /* some servers leave [DONE] out */
}

/* ---- records ---- */

/* clang-format off */
static const struct {
	void (*record)(struct llm_decoder *d, const struct json *v);
	bool lines; /* each line is a record; else server-sent events */
} protocols[] = {
	[PROVIDER_ANTHROPIC] = { anthropic_record, .lines = false },
	[PROVIDER_OLLAMA]    = { ollama_record,    .lines = true },
	[PROVIDER_OPENAI]    = { openai_record,    .lines = false },
};
/* clang-format on */
static_assert(COUNT(protocols) == PROVIDER_TYPE_COUNT, "every type of provider has a protocol");

/* Some servers cut a character between two records. The bytes are carried through the strict reader as
 * characters of the last private plane, and become bytes again in add_text(). */
static void mark_bytes(const char *text, size_t len, struct str *out)
{
	for (size_t i = 0; i < len;) {
		size_t n = utf8_len(text + i, len - i);
		if (n)
			str_add_len(out, text + i, n);
		else
			utf8_add(out, BYTE_MARK + (unsigned char)text[i]);
		i += n ? n : 1;
	}
}

static void record(struct llm_decoder *d, const char *text, size_t len)
{
	auto_json *v = NULL;
	auto_str marked = STR_INIT;
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (len == 6 && memcmp(text, "[DONE]", 6) == 0) {
		d->answer->complete = true;
		return;
	}
	d->mangled = !utf8_valid(text, len, NULL);
	if (d->mangled) {
		mark_bytes(text, len, &marked);
		text = marked.p;
		len = marked.len;
	}
	if (json_parse(text, len, (size_t)LLM_LINE_MAX * 4, &v, NULL) || json_type(v) != JSON_OBJECT)
		d->answer->odd++;
	else
		protocols[d->type].record(d, v);
}

/* ---- framing ---- */

static void dispatch(struct llm_decoder *d)
{
	if (d->has_data)
		record(d, str_text(&d->data), d->data.len);
	str_clear(&d->data);
	d->has_data = false;
}

/* One line of an event; the event's name is of no matter, since every record has its own type. */
static void event_line(struct llm_decoder *d, const char *line, size_t len)
{
	if (len < 5 || memcmp(line, "data:", 5) != 0)
		return; /* a comment, or another field */
	size_t from = len > 5 && line[5] == ' ' ? 6 : 5;
	if (d->data.len + len > LLM_LINE_MAX) {
		d->answer->odd++;
		str_clear(&d->data);
		d->has_data = false;
		return;
	}
	if (d->has_data)
		str_add_char(&d->data, '\n');
	str_add_len(&d->data, line + from, len - from);
	d->has_data = true;
}

static void line_end(struct llm_decoder *d)
{
	const char *line = str_text(&d->line);
	size_t len = d->line.len;
	if (d->nlines++ == 0 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		len -= 3;
	}
	if (d->overlong)
		d->answer->odd++;
	else if (protocols[d->type].lines && len)
		record(d, line, len);
	else if (!protocols[d->type].lines && len)
		event_line(d, line, len);
	else if (!protocols[d->type].lines)
		dispatch(d);
	str_clear(&d->line);
	d->overlong = false;
}

/* A line that is too long is dropped up to its end; the next one is taken again. */
static void line_add(struct llm_decoder *d, const char *bytes, size_t len)
{
	if (d->overlong || d->line.len + len > LLM_LINE_MAX) {
		d->overlong = true;
		str_clear(&d->line);
		return;
	}
	str_add_len(&d->line, bytes, len);
}

static void feed_lines(struct llm_decoder *d, const char *p, size_t n)
{
	size_t at = 0;
	while (at < n) {
		if (d->after_cr) {
			d->after_cr = false;
			if (p[at] == '\n') {
				at++;
				continue;
			}
		}
		size_t end = at;
		while (end < n && p[end] != '\n' && p[end] != '\r')
			end++;
		if (end > at)
			line_add(d, p + at, end - at);
		if (end == n)
			return;
		d->after_cr = p[end] == '\r';
		line_end(d);
		at = end + 1;
	}
}

void llm_decoder_init(struct llm_decoder *d, enum provider_type type, bool whole, struct llm_answer *answer,
		      llm_text_fn text, void *ctx)
{
	*d = (struct llm_decoder){ .type = type, .whole = whole, .answer = answer, .text = text, .ctx = ctx };
}

void llm_decoder_done(struct llm_decoder *d)
{
	str_done(&d->line);
	str_done(&d->data);
}

void llm_decode(struct llm_decoder *d, const char *bytes, size_t len)
{
	if (!d->whole)
		feed_lines(d, bytes, len);
	else if (d->line.len + len > LLM_LINE_MAX)
		d->answer->too_large = true;
	else
		str_add_len(&d->line, bytes, len);
}

/* Text of pieces that never became whole characters gets the sign for that. */
static void make_utf8(struct str *s)
{
	auto_str good = STR_INIT;
	if (utf8_valid(str_text(s), s->len, NULL))
		return;
	for (size_t i = 0; i < s->len;) {
		size_t n = utf8_len(s->p + i, s->len - i);
		str_add_len(&good, n ? s->p + i : "\xef\xbf\xbd", n ? n : 3);
		i += n ? n : 1;
	}
	struct str swap = *s;
	*s = good;
	good = swap;
}

void llm_decode_end(struct llm_decoder *d)
{
	struct llm_answer *a = d->answer;
	if (d->whole && !a->too_large) {
		record(d, str_text(&d->line), d->line.len);
	} else if (!d->whole) {
		if (d->line.len || d->overlong)
			line_end(d);
		dispatch(d);
	}
	str_clear(&d->line);
	/* A count on the way says nothing about an answer that broke off, nor does one that a broken server forgot. */
	if (!a->counted)
		a->tokens.output = -1;
	make_utf8(&a->text);
}
