/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is sent to a language model: address, headers and body in the three protocols (sources as in
 * llm_decode.c). */
#include "work/llm.h"

#include <assert.h>
#include <string.h>

#define ANTHROPIC_VERSION "2023-06-01" /* of the protocol, not of a model */

/* What the models are told about a schema, besides what the protocol itself may carry. */
static const char schema_words[] =
	"Answer with one JSON document and nothing else: no explanation, no code fence. It must be valid against this "
	"JSON Schema:\n";

/* ---- messages ---- */

static void add_message(struct jw *w, const char *role, const char *text)
{
	jw_obj(w, NULL);
	jw_str(w, "role", role);
	jw_str(w, "content", text);
	jw_end_obj(w);
}

/* The system text with the words about the schema; empty if there is neither. */
static void add_system(const struct llm_spec *s, struct str *out)
{
	if (s->system)
		str_add(out, s->system);
	if (!s->schema)
		return;
	if (out->len)
		str_add(out, "\n\n");
	str_add(out, schema_words);
	json_add(out, s->schema);
}

static void add_messages(const struct llm_spec *s, const struct llm_talk *talk, bool with_system, struct jw *w)
{
	auto_str system = STR_INIT;
	add_system(s, &system);
	jw_arr(w, "messages");
	if (with_system && system.len)
		add_message(w, "system", system.p);
	add_message(w, "user", s->prompt);
	if (talk->answer) {
		/* An answer that is empty is refused by some servers. */
		add_message(w, "assistant", *talk->answer ? talk->answer : "(empty)");
		add_message(w, "user", talk->complaint);
	}
	jw_end_arr(w);
}

static void add_limits(const struct llm_spec *s, const struct llm_provider *p, const char *max_name, struct jw *w)
{
	if (p->max_tokens > 0)
		jw_int(w, max_name, p->max_tokens);
	if (s->temperature >= 0)
		jw_num(w, "temperature", s->temperature);
}

/* ---- the protocols ---- */

static void anthropic_body(const struct llm_spec *s, const struct llm_provider *p, const struct llm_talk *talk,
			   struct jw *w)
{
	auto_str system = STR_INIT;
	add_system(s, &system);
	if (system.len)
		jw_str(w, "system", system.p);
	add_messages(s, talk, false, w);
	add_limits(s, p, "max_tokens", w);
}

static void ollama_body(const struct llm_spec *s, const struct llm_provider *p, const struct llm_talk *talk,
			struct jw *w)
{
	add_messages(s, talk, true, w);
	if (s->schema) {
		auto_str schema = STR_INIT;
		json_add(&schema, s->schema);
		jw_raw(w, "format", schema.p);
	}
	jw_obj(w, "options");
	add_limits(s, p, "num_predict", w);
	jw_end_obj(w);
}

static void openai_body(const struct llm_spec *s, const struct llm_provider *p, const struct llm_talk *talk,
			struct jw *w)
{
	/* The maker's newer models take only the longer name, others' servers only the older one. */
	bool maker = str_starts(p->url, provider_default_url(PROVIDER_OPENAI));
	add_messages(s, talk, true, w);
	add_limits(s, p, maker ? "max_completion_tokens" : "max_tokens", w);
	if (s->stream) {
		jw_obj(w, "stream_options");
		jw_bool(w, "include_usage", true);
		jw_end_obj(w);
	}
	if (s->schema) {
		auto_str schema = STR_INIT;
		json_add(&schema, s->schema);
		jw_obj(w, "response_format");
		jw_str(w, "type", "json_schema");
		jw_obj(w, "json_schema");
		jw_str(w, "name", "answer");
		jw_raw(w, "schema", schema.p);
		jw_end_obj(w);
		jw_end_obj(w);
	}
}

/* clang-format off */
static const struct {
	const char *folder, *call; /* folder: may be a part of the address that is given */
	const char *key, *version; /* headers; %s is the key */
	void (*body)(const struct llm_spec *s, const struct llm_provider *p, const struct llm_talk *talk, struct jw *w);
} rows[] = {
	[PROVIDER_ANTHROPIC] = { "/v1",  "/messages",         "x-api-key: ",            "anthropic-version", anthropic_body },
	[PROVIDER_OLLAMA]    = { "/api", "/chat",             "Authorization: Bearer ", NULL,                ollama_body },
	[PROVIDER_OPENAI]    = { "/v1",  "/chat/completions", "Authorization: Bearer ", NULL,                openai_body },
};
/* clang-format on */
static_assert(COUNT(rows) == PROVIDER_TYPE_COUNT, "every type of provider has a way to ask");

static bool ends_with(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);
	return len >= n && memcmp(s + len - n, end, n) == 0;
}

void llm_request_url(const struct llm_provider *p, struct str *ret)
{
	size_t len = strcspn(p->url, "?#");
	const char *query = p->url + len;
	while (len && p->url[len - 1] == '/')
		len--;
	str_add_len(ret, p->url, len);
	if (!ends_with(p->url, len, rows[p->type].call)) {
		if (!ends_with(p->url, len, rows[p->type].folder))
			str_add(ret, rows[p->type].folder);
		str_add(ret, rows[p->type].call);
	}
	if (*query == '?')
		str_add(ret, query);
}

void llm_request_body(const struct llm_spec *s, const struct llm_provider *p, const struct llm_talk *talk,
		      struct str *ret)
{
	struct jw w = jw_begin(ret);
	jw_obj(&w, NULL);
	jw_str(&w, "model", p->model);
	jw_bool(&w, "stream", s->stream);
	rows[p->type].body(s, p, talk, &w);
	jw_end_obj(&w);
}

static bool says(const struct llm_provider *p, const char *name)
{
	for (const struct json *h = json_first(p->headers); h; h = json_next(h))
		if (strcasecmp(json_get_str(h, "name", ""), name) == 0)
			return true;
	return false;
}

static void add_line(void (*add)(void *ctx, const char *line), void *ctx, const char *name, const char *value)
{
	/* libcurl's form for a header that is empty */
	auto_free char *line = value[0] ? xasprintf("%s: %s", name, value) : xasprintf("%s;", name);
	add(ctx, line);
	explicit_bzero(line, strlen(line));
}

void llm_request_headers(const struct llm_provider *p, bool stream, void (*add)(void *ctx, const char *line),
			 void *ctx)
{
	add(ctx, "Content-Type: application/json");
	add(ctx, stream && p->type != PROVIDER_OLLAMA ? "Accept: text/event-stream" : "Accept: application/json");
	add(ctx, "Expect:"); /* none: it costs a round trip */
	if (rows[p->type].version && !says(p, rows[p->type].version))
		add_line(add, ctx, rows[p->type].version, ANTHROPIC_VERSION);
	if (p->key) {
		auto_free char *line = xasprintf("%s%s", rows[p->type].key, p->key);
		add(ctx, line);
		explicit_bzero(line, strlen(line));
	}
	for (const struct json *h = json_first(p->headers); h; h = json_next(h))
		add_line(add, ctx, json_get_str(h, "name", ""), json_get_str(h, "value", ""));
}
