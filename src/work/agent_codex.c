/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `codex exec --json`: one JSON object a line, as sdk/typescript/src/events.ts and items.ts of
 * github.com/openai/codex say. Its tokens count from the beginning of the thread on, however many turns
 * there are, and what came from the cache is part of the input. It tells neither model nor cost. */
#include "work/agent.h"

#include <inttypes.h>
#include <string.h>

static struct agent_tokens tokens_of(const struct json *usage)
{
	struct agent_tokens t = { agent_count(usage, "input_tokens"), agent_count(usage, "output_tokens"),
				  agent_count(usage, "cached_input_tokens"),
				  agent_count(usage, "cache_write_input_tokens") };
	int64_t cached = MAX(t.cache_read, INT64_C(0)) + MAX(t.cache_write, INT64_C(0));
	if (t.input != UNKNOWN)
		t.input = MAX(t.input - cached, INT64_C(0));
	return t;
}

/* ---- items ---- */

/* What a tool was given: the item without what came of it. */
static struct json *input_of(const struct json *item)
{
	static const char *const keys[] = { "command", "changes", "arguments", "query" };
	auto_str s = STR_INIT;
	struct jw w = jw_begin(&s);
	struct json *v = NULL;
	jw_obj(&w, NULL);
	for (size_t i = 0; i < COUNT(keys); i++) {
		auto_str value = STR_INIT;
		if (!json_get(item, keys[i]))
			continue;
		json_add(&value, json_get(item, keys[i]));
		jw_raw(&w, keys[i], value.p);
	}
	jw_end_obj(&w);
	return json_parse(s.p, s.len, 2 * AGENT_LINE_MAX, &v, NULL) ? NULL : v;
}

static void add_output(struct str *s, const struct json *item)
{
	const char *text = json_get_str(item, "aggregated_output", NULL);
	const char *error = json_get_str(json_get(item, "error"), "message", NULL);
	if (text)
		str_add(s, text);
	else if (error)
		str_add(s, error);
	else if (json_type(json_get(item, "result")) != JSON_NULL)
		json_add(s, json_get(item, "result"));
}

static bool has_failed(const struct json *item)
{
	const char *status = json_get_str(item, "status", "completed");
	return (!str_eq(status, "completed") && !str_eq(status, "in_progress")) ||
	       json_get_int(item, "exit_code", 0) != 0 || json_type(json_get(item, "error")) == JSON_OBJECT;
}

static void take_tool(struct agent *a, const struct json *item, const char *name, bool completed)
{
	const char *id = json_get_str(item, "id", "");
	if (!agent_tool_open(a, id)) {
		auto_json *input = input_of(item);
		agent_tool_begin(a, id, name, input);
	}
	if (!completed)
		return;
	auto_str output = STR_INIT;
	add_output(&output, item);
	agent_tool_end(a, id, str_text(&output), output.len, has_failed(item));
}

static void take_mcp(struct agent *a, const struct json *item, bool completed)
{
	auto_free char *name = xasprintf("%.80s.%.80s", json_get_str(item, "server", "?"), json_get_str(item, "tool", "?"));
	take_tool(a, item, name, completed);
}

static void take_todo(struct agent *a, const struct json *item)
{
	const char *next = NULL;
	int64_t n = 0, done = 0;
	for (const struct json *i = json_first(json_get(item, "items")); i; i = json_next(i), n++) {
		bool completed = json_get_bool(i, "completed", false);
		done += completed;
		if (!completed && !next)
			next = json_get_str(i, "text", "?");
	}
	if (next)
		agent_sayf(a, MARK_NOTE, _("plan: %" PRId64 " of %" PRId64 " done; next: %.200s"), done, n, next);
	else
		agent_sayf(a, MARK_NOTE, _("plan: %" PRId64 " of %" PRId64 " done"), done, n);
}

static void take_message(struct agent *a, const struct json *item)
{
	const char *text = json_get_str(item, "text", "");
	a->messages++;
	agent_say(a, MARK_AGENT, text, strlen(text));
	str_clear(&a->final_text);
	str_add(&a->final_text, text);
}

static void take_item(struct agent *a, const struct json *item, bool completed)
{
	const char *type = json_get_str(item, "type", "?"), *text = json_get_str(item, "text", "");
	auto_free char *other = xasprintf("item/%.60s", type);
	if (str_eq(type, "command_execution"))
		take_tool(a, item, "command", completed);
	else if (str_eq(type, "file_change") || str_eq(type, "web_search"))
		take_tool(a, item, type, completed);
	else if (str_eq(type, "mcp_tool_call"))
		take_mcp(a, item, completed);
	else if (str_eq(type, "todo_list"))
		take_todo(a, item);
	else if (!completed)
		return; /* the rest comes whole */
	else if (str_eq(type, "agent_message"))
		take_message(a, item);
	else if (str_eq(type, "reasoning"))
		agent_say(a, MARK_THINK, text, strlen(text));
	else if (str_eq(type, "plan"))
		agent_say(a, MARK_NOTE, text, strlen(text));
	else if (str_eq(type, "error"))
		agent_sayf(a, MARK_ERROR, "%s", json_get_str(item, "message", "?"));
	else
		agent_other(a, other);
}

/* ---- turns and errors ---- */

static void end_turn(struct agent *a, const struct json *event)
{
	struct agent_tokens t = tokens_of(json_get(event, "usage"));
	agent_tokens_max(&a->summed, &t);
	a->result_seen = a->success = true;
	agent_set(&a->subtype, "success");
	str_clear(&a->problem);
}

static void fail(struct agent *a, const char *message)
{
	agent_sayf(a, MARK_ERROR, "%s", message);
	str_clear(&a->problem);
	str_add(&a->problem, message);
}

/* "Reconnecting... 2/5" comes as an error, but is none. */
static void take_error(struct agent *a, const char *message)
{
	if (!str_starts(message, "Reconnecting")) {
		fail(a, message);
		return;
	}
	a->retries++;
	agent_sayf(a, MARK_RETRY, "%s", message);
}

static void take(struct agent *a, const struct json *event)
{
	const char *type = json_get_str(event, "type", "");
	if (str_eq(type, "thread.started")) {
		agent_set(&a->session_id, json_get_str(event, "thread_id", NULL));
		agent_sayf(a, MARK_NOTE, _("session %s"), a->session_id ? a->session_id : "?");
	} else if (str_eq(type, "turn.started")) {
		a->turns = MAX(a->turns, INT64_C(0)) + 1;
	} else if (str_eq(type, "item.completed")) {
		take_item(a, json_get(event, "item"), true);
	} else if (str_eq(type, "item.started") || str_eq(type, "item.updated")) {
		take_item(a, json_get(event, "item"), false);
	} else if (str_eq(type, "turn.completed")) {
		end_turn(a, event);
	} else if (str_eq(type, "turn.failed")) {
		a->result_seen = true;
		a->success = false;
		a->api_failed = true;
		agent_set(&a->subtype, "turn_failed");
		fail(a, json_get_str(json_get(event, "error"), "message", "?"));
	} else if (str_eq(type, "error")) {
		take_error(a, json_get_str(event, "message", "?"));
	} else {
		agent_other(a, *type ? type : "?");
	}
}

const struct agent_adapter_row agent_codex = { ADAPTER_CODEX, "openai", .structured = true, .take = take };
