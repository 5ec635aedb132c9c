/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of an agent's work: class and message, the kept result, and the report to the engine. */
#include "work/agent.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

#define RESULT_FORMAT 1
#define MESSAGE_MAX 900
#define TAIL_BYTES (32 * KIB)
#define TAIL_LINES 50
#define RESULT_FINAL_MAX MIB /* of the final text in the kept result */

/* ---- class and message ---- */

static void add_end(struct str *s, const struct agent_end *end)
{
	if (end->signal)
		str_addf(s, _("was ended by signal %d (%s)"), end->signal, strsignal(end->signal));
	else
		str_addf(s, _("ended with exit code %d"), end->exit_code);
}

static void judge_crash(const struct agent *a, struct agent_end *end)
{
	struct str *s = &end->message;
	const char *why = a->problem.len ? a->problem.p : end->last_stderr;
	end->class = CLASS_AGENT_CRASH;
	add_end(s, end);
	if (a->row->structured)
		str_add(s, _(" and told no result"));
	if (why && *why)
		str_addf(s, ": %s", why);
}

static void judge(const struct agent *a, const struct agent_spec *spec, struct agent_end *end)
{
	struct str *s = &end->message;
	end->ended = true;
	end->class = CLASS_NONE;
	str_clear(s);
	bool told = !a->row->structured || a->result_seen;
	if (end->exit_code == 0 && told && (a->success || !a->row->structured))
		return;
	str_addf(s, "%s ", spec->program);
	if (!told || !a->row->structured) {
		judge_crash(a, end);
		return;
	}
	end->class = CLASS_AGENT_FAILURE;
	if (a->success) {
		str_add(s, _("told success, but "));
		add_end(s, end);
		return;
	}
	str_addf(s, _("did not succeed: %s"), a->subtype ? a->subtype : "?");
	if (a->turns != UNKNOWN)
		str_addf(s, ngettext(" after %" PRId64 " turn", " after %" PRId64 " turns", (unsigned long)a->turns), a->turns);
	if (a->problem.len)
		str_addf(s, ": %s", a->problem.p);
}

void agent_judge(const struct agent *a, const struct agent_spec *spec, struct agent_end *end)
{
	judge(a, spec, end);
	if (end->message.len > MESSAGE_MAX)
		str_cut(&end->message, utf8_floor(end->message.p, MESSAGE_MAX));
}

/* ---- texts with a limit ---- */

static void add_marker(struct str *s, size_t max)
{
	str_addf(s, "[TRUNCATED - exceeded %zu bytes]", max);
}

/* The head, for the beginning of an answer mostly says it; of plain output the end does. */
static void add_limited(struct str *s, const struct str *text, size_t max, bool keep_end)
{
	size_t len = text->len;
	const char *p = str_text(text);
	if (len <= max) {
		str_add_len(s, p, len);
	} else if (!keep_end) {
		str_add_len(s, p, utf8_floor(p, max));
		str_add_char(s, '\n');
		add_marker(s, max);
	} else {
		const char *newline = memchr(p + len - max, '\n', max);
		size_t from = newline && newline + 1 < p + len ? (size_t)(newline + 1 - p) : utf8_floor(p, len - max);
		add_marker(s, max);
		str_add_char(s, '\n');
		str_add_len(s, p + from, len - from);
	}
}

static void add_final(struct str *s, const struct agent *a, size_t max)
{
	struct str text = a->final_text;
	while (text.len && (text.p[text.len - 1] == '\n' || text.p[text.len - 1] == '\r'))
		text.len--; /* borrowed: only the length is changed */
	add_limited(s, &text, max, !a->row->structured);
}

void agent_keep(struct agent_kept *k, const char *bytes, size_t len)
{
	k->size += (int64_t)len;
	if ((int64_t)k->bytes.len <= k->max)
		redact_feed(k->redactor, bytes, len, &k->bytes);
	str_add_len(&k->tail, bytes, len);
	if (k->tail.len < 4 * TAIL_BYTES)
		return;
	memmove(k->tail.p, k->tail.p + (k->tail.len - TAIL_BYTES), TAIL_BYTES);
	str_cut(&k->tail, TAIL_BYTES);
}

void agent_tail(const struct agent_kept *k, const struct redact_set *secrets, size_t max, struct str *ret)
{
	auto_str clean = STR_INIT;
	redact_text(secrets, str_text(&k->tail), k->tail.len, &clean);
	size_t end = clean.len, from = end;
	bool whole = (int64_t)k->tail.len == k->size;
	for (int lines = 0; lines < TAIL_LINES && from > 0; lines++) {
		size_t start = from - 1;
		while (start > 0 && clean.p[start - 1] != '\n')
			start--;
		if (end - start > max || (start == 0 && !whole))
			break;
		from = start;
	}
	str_add_len(ret, str_text(&clean) + from, end - from);
}

void agent_kept_done(struct agent_kept *k)
{
	redactor_free(k->redactor);
	str_done(&k->bytes);
	str_done(&k->tail);
	*k = (struct agent_kept){ 0 };
}

static void add_base64(struct str *s, const unsigned char *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < n; i += 3) {
		unsigned int v = (unsigned int)p[i] << 16;
		v |= i + 1 < n ? (unsigned int)p[i + 1] << 8 : 0;
		v |= i + 2 < n ? (unsigned int)p[i + 2] : 0;
		str_add_char(s, digits[v >> 18]);
		str_add_char(s, digits[v >> 12 & 63]);
		str_add_char(s, i + 1 < n ? digits[v >> 6 & 63] : '=');
		str_add_char(s, i + 2 < n ? digits[v & 63] : '=');
	}
}

/* NUL is what a strict reader of JSON does not take, not even escaped. */
static void write_text(struct jw *w, const char *key, const struct str *text)
{
	auto_str clean = STR_INIT;
	const char *p = str_text(text), *end = p + text->len, *nul;
	while ((nul = memchr(p, '\0', (size_t)(end - p)))) {
		str_add_len(&clean, p, (size_t)(nul - p));
		str_add(&clean, "\xef\xbf\xbd");
		p = nul + 1;
	}
	str_add_len(&clean, p, (size_t)(end - p));
	jw_strn(w, key, str_text(&clean), clean.len);
}

static void write_tail(struct jw *w, const char *key, const struct str *tail)
{
	if (tail->len)
		write_text(w, key, tail);
	else
		jw_null(w, key);
}

/* NAME, NAME_bytes, NAME_truncated, and NAME_base64 when the bytes are no text that JSON can hold exactly. */
static void write_stream(struct jw *w, const char *name, const struct agent_kept *k)
{
	auto_free char *bytes = xasprintf("%s_bytes", name), *cut = xasprintf("%s_truncated", name);
	auto_free char *base64 = xasprintf("%s_base64", name);
	bool truncated = (int64_t)k->bytes.len > k->max;
	const char *p = str_text(&k->bytes);
	size_t len = truncated ? utf8_floor(p, (size_t)k->max) : k->bytes.len;
	auto_str text = STR_INIT;
	str_add_len(&text, p, len);
	if (truncated) {
		str_add_char(&text, '\n');
		add_marker(&text, (size_t)k->max);
	}
	write_text(w, name, &text);
	jw_int(w, bytes, k->size);
	jw_bool(w, cut, truncated);
	if (utf8_valid(p, len, NULL) && !memchr(p, '\0', len))
		return;
	auto_str exact = STR_INIT;
	add_base64(&exact, (const unsigned char *)p, len);
	jw_str(w, base64, str_text(&exact));
}

/* ---- the kept result ---- */

static void write_env(struct jw *w, const char *key, const char *name, bool number)
{
	const char *value = getenv(name);
	if (!value)
		jw_null(w, key);
	else if (number)
		jw_int(w, key, strtoll(value, NULL, 10));
	else
		jw_str(w, key, value);
}

static void write_tools(struct jw *w, const struct agent *a)
{
	jw_arr(w, "tool_calls");
	for (size_t i = 0; i < a->ntools; i++) {
		const struct agent_tool *t = &a->tools[i];
		auto_json *input = NULL;
		jw_obj(w, NULL);
		jw_str(w, "tool", t->name);
		if (json_parse(str_text(&t->input), t->input.len, AGENT_LINE_MAX, &input, NULL))
			jw_strn(w, "input", str_text(&t->input), t->input.len);
		else
			jw_raw(w, "input", t->input.p);
		if (t->ended)
			jw_strn(w, "output", str_text(&t->output), t->output.len);
		else
			jw_null(w, "output");
		jw_int(w, "output_bytes", t->output_len);
		jw_bool(w, "failed", t->failed);
		agent_write_count(w, "duration_ms", t->duration_ms);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void write_tokens(struct jw *w, const struct agent *a)
{
	int64_t cost;
	struct agent_tokens t = agent_total(a, &cost);
	if (agent_tokens_sum(&t) == UNKNOWN) {
		jw_null(w, "tokens_used");
	} else {
		jw_obj(w, "tokens_used");
		agent_write_count(w, "input", t.input);
		agent_write_count(w, "output", t.output);
		agent_write_count(w, "cache_read", t.cache_read);
		agent_write_count(w, "cache_write", t.cache_write);
		jw_end_obj(w);
	}
	if (cost == UNKNOWN)
		jw_null(w, "total_cost_usd");
	else
		jw_num(w, "total_cost_usd", (double)cost / 1e6);
}

static void write_warnings(struct jw *w, const struct agent *a)
{
	jw_arr(w, "warnings");
	for (const char *p = str_text(&a->warnings); p < str_text(&a->warnings) + a->warnings.len; p += strlen(p) + 1)
		jw_str(w, NULL, p);
	jw_end_arr(w);
}

static void write_structured(struct jw *w, const char *key, const struct agent *a, size_t max)
{
	if (a->structured.len && a->structured.len <= max)
		jw_raw(w, key, a->structured.p);
	else
		jw_null(w, key);
}

static void write_counts(struct jw *w, const struct agent *a)
{
	jw_int(w, "messages", a->messages);
	agent_write_count(w, "turns", a->turns);
	jw_int(w, "tool_calls_total", a->tools_seen);
	jw_int(w, "tool_calls_failed", a->tools_failed);
	jw_int(w, "retries", a->retries);
	jw_int(w, "lines", a->lines);
	jw_int(w, "raw_lines", a->unparsed + a->too_long);
	jw_obj(w, "other_events");
	for (size_t i = 0; i < a->nothers; i++)
		jw_int(w, a->others[i].type, a->others[i].n);
	jw_end_obj(w);
}

static void write_end(struct jw *w, const struct agent *a, const struct agent_end *end)
{
	jw_bool(w, "success", end->ended && end->class == CLASS_NONE);
	if (end->ended)
		jw_int(w, "exit_code", end->exit_code);
	else
		jw_null(w, "exit_code");
	jw_str(w, "class", end->ended && end->class != CLASS_NONE ? error_class_name(end->class) : NULL);
	jw_str(w, "message", end->message.len ? end->message.p : NULL);
	jw_str(w, "subtype", a->subtype);
	jw_int(w, "duration_ms", end->duration_ms);
}

void agent_add_result(const struct agent *a, const struct agent_spec *spec, const struct agent_end *end,
		      const struct agent_kept *out, const struct agent_kept *err_kept, const char *usage,
		      struct str *json)
{
	struct jw w = jw_begin(json);
	auto_str now = STR_INIT, final = STR_INIT;
	time_add_iso(&now, end->began_ms + end->duration_ms);
	add_final(&final, a, RESULT_FINAL_MAX);
	jw_obj(&w, NULL);
	jw_int(&w, "format", RESULT_FORMAT);
	jw_bool(&w, "complete", end->ended);
	write_env(&w, "run", "PAWL_RUN", false);
	write_env(&w, "node", "PAWL_NODE", false);
	write_env(&w, "generation", "PAWL_GENERATION", true);
	write_env(&w, "iteration", "PAWL_ITERATION", true);
	write_env(&w, "attempt", "PAWL_ATTEMPT", true);
	jw_str(&w, "captured_at", now.p);
	jw_str(&w, "adapter", agent_adapter_name(a->row->adapter));
	jw_str(&w, "program", spec->program);
	jw_str(&w, "session_id", a->session_id ? a->session_id : "unknown");
	jw_str(&w, "model", agent_main_model(a, spec));
	write_end(&w, a, end);
	write_text(&w, "final_text", &final);
	write_structured(&w, "structured_output", a, AGENT_LINE_MAX);
	write_tokens(&w, a);
	jw_raw(&w, "usage", usage);
	write_counts(&w, a);
	if (spec->tool_calls)
		write_tools(&w, a);
	write_warnings(&w, a);
	write_stream(&w, "stdout", out);
	write_stream(&w, "stderr", err_kept);
	write_tail(&w, "stdout_tail", &end->out_tail);
	write_tail(&w, "stderr_tail", &end->err_tail);
	jw_end_obj(&w);
}

/* ---- the report ---- */

static void write_number_output(struct jw *w, const char *key, int64_t n)
{
	auto_str s = STR_INIT;
	if (n == UNKNOWN)
		return;
	str_add_i64(&s, n);
	jw_str(w, key, s.p);
}

static void write_text_output(struct jw *w, const char *key, const char *text)
{
	if (text && *text)
		jw_str(w, key, text);
}

/* The names of pawl's own outputs stay pawl's: what the agent wrote under one of them is left out. */
static bool is_ours(const char *name)
{
	static const char *const names[] = { "text", "session_id", "model", "structured", "cost_usd", "input_tokens",
					     "output_tokens", "total_tokens", "turns", "tool_calls" };
	for (size_t i = 0; i < COUNT(names); i++)
		if (str_eq(name, names[i]))
			return true;
	return false;
}

static void write_outputs(struct jw *w, const struct agent *a, const struct agent_spec *spec, const struct str *final,
			  const struct json *own, bool with_structured)
{
	int64_t cost;
	struct agent_tokens t = agent_total(a, &cost);
	jw_obj(w, "outputs");
	write_text(w, "text", final);
	write_text_output(w, "session_id", a->session_id);
	write_text_output(w, "model", agent_main_model(a, spec));
	if (with_structured)
		write_text_output(w, "structured", str_text(&a->structured));
	write_number_output(w, "input_tokens", t.input);
	write_number_output(w, "output_tokens", t.output);
	write_number_output(w, "total_tokens", agent_tokens_sum(&t));
	write_number_output(w, "turns", a->turns);
	write_number_output(w, "tool_calls", a->row->structured ? a->tools_seen : UNKNOWN);
	if (cost != UNKNOWN) {
		auto_free char *usd = xasprintf("%" PRId64 ".%06" PRId64, cost / 1000000, cost % 1000000);
		jw_str(w, "cost_usd", usd);
	}
	for (const struct json *o = json_first(own); o; o = json_next(o))
		if (!is_ours(json_key(o)))
			jw_str(w, json_key(o), json_str(o, ""));
	jw_end_obj(w);
}

static void write_file(struct jw *w, const char *key, const char *path, bool lost)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	jw_str(w, key, lost ? NULL : slash ? slash + 1 : path);
}

/* Whether the program can be relied on: it said how it ended, and the service behind it answered. One that
 * was stopped says nothing about that. */
static void write_breaker(struct jw *w, const struct agent *a, const struct agent_spec *spec, const struct agent_end *end)
{
	auto_free char *name = xasprintf("agent:%s", spec->program);
	bool told = a->row->structured ? a->result_seen : end->exit_code == 0;
	jw_arr(w, "breakers");
	if (end->ended && !end->stopped) {
		jw_obj(w, NULL);
		jw_str(w, "name", name);
		jw_bool(w, "ok", told && !a->api_failed);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void write_report(struct jw *w, const struct agent *a, const struct agent_spec *spec, const struct agent_end *end,
			 const char *usage, const struct str *final)
{
	jw_obj(w, "report");
	jw_str(w, "kind", "agent");
	jw_bool(w, "complete", end->ended);
	jw_str(w, "adapter", agent_adapter_name(a->row->adapter));
	jw_str(w, "program", spec->program);
	jw_str(w, "session_id", a->session_id);
	jw_str(w, "model", agent_main_model(a, spec));
	jw_str(w, "provider", a->row->provider);
	write_end(w, a, end);
	write_text(w, "final_text", final);
	write_tail(w, "stderr_tail", &end->err_tail);
	agent_write_count(w, "turns", a->turns);
	agent_write_count(w, "tool_calls", a->row->structured ? a->tools_seen : UNKNOWN);
	jw_int(w, "retries", a->retries);
	jw_raw(w, "usage", usage);
	write_warnings(w, a);
	jw_obj(w, "files");
	write_file(w, "result", spec->result, end->result_lost);
	write_file(w, "stream", spec->stream, end->stream_lost);
	write_file(w, "prompt", spec->prompt_file, false);
	jw_end_obj(w);
	write_breaker(w, a, spec, end);
	jw_end_obj(w);
}

void agent_add_output(const struct agent *a, const struct agent_spec *spec, const struct agent_end *end,
		      const char *usage, const struct json *own, size_t max, struct str *json)
{
	size_t before = json->len, budget = AGENT_FINAL_MAX;
	bool structured = a->structured.len <= AGENT_STRUCTURED_MAX;
	for (;; budget /= 2) {
		struct jw w = jw_begin(json);
		auto_str final = STR_INIT;
		add_final(&final, a, budget);
		jw_obj(&w, NULL);
		write_outputs(&w, a, spec, &final, own, structured);
		write_report(&w, a, spec, end, usage, &final);
		if (end->ended && end->class != CLASS_NONE) {
			jw_str(&w, "class", error_class_name(end->class));
			jw_str(&w, "message", str_text(&end->message));
		}
		jw_end_obj(&w);
		if (json->len - before <= max || budget < KIB)
			return;
		str_cut(json, before);
		if (budget < AGENT_FINAL_MAX / 2) { /* escapes made it large: the long rest goes first */
			structured = false;
			own = NULL;
		}
	}
}
