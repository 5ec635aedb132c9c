/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `claude -p --output-format stream-json --verbose`: one JSON object a line, as its documentation ("headless
 * mode", and the message types of its agent SDK) says. Several assistant lines may belong to one message of
 * the model (tools that are called at once), so tokens are counted by the message's id. The last word
 * is that of the result line: its is_error counts, whatever the exit status says. */
#include "work/agent.h"

#include <inttypes.h>
#include <string.h>

static struct agent_tokens tokens_of(const struct json *usage)
{
	return (struct agent_tokens){
		agent_count(usage, "input_tokens"), agent_count(usage, "output_tokens"),
		agent_count(usage, "cache_read_input_tokens"), agent_count(usage, "cache_creation_input_tokens"),
	};
}

/* ---- assistant ---- */

static void take_text(struct agent *a, enum agent_mark mark, const char *text, bool inner)
{
	if (!*text)
		return;
	agent_say(a, mark, text, strlen(text));
	if (mark != MARK_AGENT || inner || a->final_is_result)
		return;
	str_clear(&a->final_text);
	str_add(&a->final_text, text);
}

static void take_block(struct agent *a, const struct json *block, bool inner)
{
	const char *type = json_get_str(block, "type", "");
	if (str_eq(type, "text"))
		take_text(a, MARK_AGENT, json_get_str(block, "text", ""), inner);
	else if (str_eq(type, "thinking"))
		take_text(a, MARK_THINK, json_get_str(block, "thinking", ""), inner);
	else if (str_eq(type, "redacted_thinking"))
		agent_sayf(a, MARK_THINK, "%s", _("(not shown by the provider)"));
	else if (str_eq(type, "tool_use") || str_eq(type, "server_tool_use"))
		agent_tool_begin(a, json_get_str(block, "id", ""), json_get_str(block, "name", "?"),
				 json_get(block, "input"));
	else
		agent_other(a, *type ? type : "assistant");
}

static void take_assistant(struct agent *a, const struct json *event)
{
	const struct json *message = json_get(event, "message"), *usage = json_get(message, "usage");
	const struct json *content = json_get(message, "content");
	const char *id = json_get_str(message, "id", NULL), *model = json_get_str(message, "model", NULL);
	bool inner = json_type(json_get(event, "parent_tool_use_id")) == JSON_STRING;
	auto_free char *unnamed = id ? NULL : xasprintf("line %" PRId64, a->lines);
	size_t known = a->by_message.n;
	struct agent_use *use = agent_use_of(&a->by_message, id ? id : unnamed);
	a->messages += a->by_message.n > known && !inner;
	if (json_type(usage) == JSON_OBJECT) {
		struct agent_tokens t = tokens_of(usage);
		agent_tokens_max(&use->tokens, &t);
	}
	if (model && *model != '<') { /* "<synthetic>": the program speaks itself */
		agent_set(&use->model, model);
		if (!inner)
			agent_set(&a->model, model);
	}
	if (json_type(content) == JSON_STRING)
		take_text(a, MARK_AGENT, json_str(content, ""), inner);
	else
		for (const struct json *b = json_first(content); b; b = json_next(b))
			take_block(a, b, inner);
}

/* ---- user: what tools answered ---- */

static void add_tool_text(struct str *s, const struct json *content)
{
	if (json_type(content) == JSON_STRING) {
		str_add(s, json_str(content, ""));
		return;
	}
	for (const struct json *b = json_first(content); b; b = json_next(b)) {
		const char *type = json_get_str(b, "type", "?");
		if (s->len)
			str_add_char(s, '\n');
		if (str_eq(type, "text"))
			str_add(s, json_get_str(b, "text", ""));
		else
			str_addf(s, "[%.100s]", type);
	}
}

static void take_user(struct agent *a, const struct json *event)
{
	const struct json *content = json_get(json_get(event, "message"), "content");
	if (json_type(content) != JSON_ARRAY)
		return; /* its own prompt */
	for (const struct json *b = json_first(content); b; b = json_next(b)) {
		const char *type = json_get_str(b, "type", "");
		auto_str text = STR_INIT;
		if (str_eq(type, "text"))
			continue;
		if (!str_eq(type, "tool_result")) {
			agent_other(a, *type ? type : "user");
			continue;
		}
		add_tool_text(&text, json_get(b, "content"));
		agent_tool_end(a, json_get_str(b, "tool_use_id", NULL), str_text(&text), text.len,
			       json_get_bool(b, "is_error", false));
	}
}

/* ---- system ---- */

static void take_retry(struct agent *a, const struct json *event)
{
	int64_t delay_ms = MAX(json_get_int(event, "retry_delay_ms", 0), INT64_C(0));
	const struct json *status = json_get(event, "error_status");
	auto_str why = STR_INIT;
	a->retries++;
	if (json_type(status) == JSON_NUMBER)
		str_addf(&why, "%" PRId64 " ", json_int(status, 0));
	str_add(&why, json_get_str(event, "error", json_get_str(json_get(event, "error"), "type", "?")));
	agent_sayf(a, MARK_RETRY, _("attempt %" PRId64 " of %" PRId64 " in %" PRId64 ".%" PRId64 " s: %s"),
		   json_get_int(event, "attempt", a->retries), json_get_int(event, "max_retries", 0),
		   delay_ms / 1000, delay_ms % 1000 / 100, why.p);
}

static void take_system(struct agent *a, const struct json *event)
{
	const char *subtype = json_get_str(event, "subtype", "");
	auto_free char *type = xasprintf("system/%.60s", subtype);
	if (str_eq(subtype, "init")) {
		agent_set(&a->model, json_get_str(event, "model", NULL));
		agent_sayf(a, MARK_NOTE, _("model %s, session %s"), a->model ? a->model : "?",
			   a->session_id ? a->session_id : "?");
	} else if (str_eq(subtype, "api_retry")) {
		take_retry(a, event);
	} else {
		agent_other(a, type);
	}
}

/* ---- result ---- */

static void take_models(struct agent *a, const struct json *models)
{
	for (const struct json *m = json_first(models); m && a->by_model.n < AGENT_MODELS_MAX; m = json_next(m)) {
		struct agent_use *use = agent_use_of(&a->by_model, json_key(m));
		agent_set(&use->model, json_key(m));
		use->tokens = (struct agent_tokens){ agent_count(m, "inputTokens"), agent_count(m, "outputTokens"),
						     agent_count(m, "cacheReadInputTokens"),
						     agent_count(m, "cacheCreationInputTokens") };
		use->cost_micro_usd = agent_micro_usd(m, "costUSD");
	}
}

static void take_problem(struct agent *a, const struct json *event, const char *text)
{
	str_clear(&a->problem);
	for (const struct json *e = json_first(json_get(event, "errors")); e; e = json_next(e))
		str_addf(&a->problem, "%s%s", a->problem.len ? "; " : "", json_str(e, json_get_str(e, "message", "?")));
	if (!a->problem.len && text)
		str_add(&a->problem, text);
}

static void take_result(struct agent *a, const struct json *event)
{
	const char *text = json_get_str(event, "result", NULL);
	const struct json *structured = json_get(event, "structured_output");
	struct agent_tokens t = tokens_of(json_get(event, "usage"));
	agent_set(&a->subtype, json_get_str(event, "subtype", NULL));
	bool good = a->subtype && str_eq(a->subtype, "success");
	a->result_seen = true;
	a->success = good && !json_get_bool(event, "is_error", false);
	a->api_failed = good && !a->success; /* the service's error stands where the answer would */
	if (a->api_failed)
		agent_set(&a->subtype, "is_error");
	a->turns = agent_count(event, "num_turns");
	a->api_ms = agent_count(event, "duration_api_ms");
	a->denials = (int64_t)json_count(json_get(event, "permission_denials"));
	agent_tokens_max(&a->summed, &t);
	a->cost_micro_usd = MAX(a->cost_micro_usd, agent_micro_usd(event, "total_cost_usd"));
	if (json_type(json_get(event, "modelUsage")) == JSON_OBJECT)
		take_models(a, json_get(event, "modelUsage"));
	str_clear(&a->structured);
	if (json_type(structured) != JSON_NULL)
		json_add(&a->structured, structured);
	if (text && a->success) {
		a->final_is_result = true;
		str_clear(&a->final_text);
		str_add(&a->final_text, text);
	}
	if (!a->success)
		take_problem(a, event, text);
	agent_sayf(a, a->success ? MARK_NOTE : MARK_ERROR, _("result: %s%s%s"), a->subtype ? a->subtype : "?",
		   a->problem.len ? ": " : "", str_text(&a->problem));
}

/* ---- the row ---- */

static void take(struct agent *a, const struct json *event)
{
	const char *type = json_get_str(event, "type", "");
	agent_set(&a->session_id, json_get_str(event, "session_id", NULL));
	if (str_eq(type, "assistant"))
		take_assistant(a, event);
	else if (str_eq(type, "user"))
		take_user(a, event);
	else if (str_eq(type, "system"))
		take_system(a, event);
	else if (str_eq(type, "result"))
		take_result(a, event);
	else if (!str_eq(type, "stream_event")) /* pieces of what comes whole later */
		agent_other(a, *type ? type : "?");
}

const struct agent_adapter_row agent_claude = { ADAPTER_CLAUDE, "anthropic", .structured = true, .take = take };
