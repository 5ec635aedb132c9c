/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What pawl-llm tells: the report, $PAWL_OUTPUT, and the prompt as it was sent. */
#include "work/llm.h"

#include "base/utf8.h"
#include "work/proto.h"

#include <string.h>

#define MESSAGE_SHOWN 900

/* ---- pieces ---- */

/* A text with its secrets masked, cut to `max` at a character, with a mark that says so. */
static void add_text(struct jw *w, const struct llm_run *r, const char *key, const char *text, size_t len, size_t max)
{
	auto_str clean = STR_INIT;
	redact_text(r->spec->secrets, text, len, &clean);
	if (clean.len > max) {
		str_cut(&clean, utf8_floor(clean.p, max));
		str_addf(&clean, "\n[TRUNCATED - exceeded %zu bytes]", max);
	}
	jw_strn(w, key, str_text(&clean), clean.len);
}

static void add_known(struct jw *w, const char *key, int64_t n)
{
	if (n < 0)
		jw_null(w, key);
	else
		jw_int(w, key, n);
}

static const char *or_null(const struct str *s)
{
	return s->len ? s->p : NULL;
}

static const char *model_of(const struct llm_try *t)
{
	return t->answer.model.len ? t->answer.model.p : t->provider->model;
}

/* "…/log/3.g1.i1.a1" and ".llm.json": the name alone. */
static char *file_name(const struct llm_run *r, const char *end)
{
	const char *slash = r->spec->files ? strrchr(r->spec->files, '/') : NULL;
	return xasprintf("%s%s", slash ? slash + 1 : r->spec->files ? r->spec->files : "", end);
}

/* ---- the report ---- */

static void add_try(struct jw *w, const struct llm_run *r, const struct llm_try *t, bool whole)
{
	struct token_counts counts = t->answer.tokens, *c = &counts;
	if (!t->answer.counted)
		c->output = -1; /* while it comes, the count of what came is not the last word */
	jw_obj(w, NULL);
	jw_str(w, "provider", t->provider->name);
	jw_str(w, "model", model_of(t));
	add_known(w, "input", c->input);
	add_known(w, "output", c->output);
	add_known(w, "cache_read", c->cache_read);
	add_known(w, "cache_write", tokens_cache_write(c));
	add_known(w, "total", tokens_total(c));
	add_known(w, "cost_micro_usd", t->price.micro_usd);
	jw_str(w, "price_version", t->price.version);
	jw_str(w, "status", t->status);
	add_known(w, "http_status", t->http_status ? t->http_status : -1);
	jw_int(w, "retry_count", t->number - 1);
	jw_int(w, "latency_ms", t->latency_ms);
	jw_int(w, "at_ms", t->at_ms);
	jw_str(w, "request_id", or_null(&t->request_id));
	if (whole) {
		jw_str(w, "class", error_class_name(t->class));
		add_text(w, r, "why", str_text(&t->why), t->why.len, MESSAGE_SHOWN);
		jw_str(w, "stop", or_null(&t->answer.stop));
		jw_str(w, "id", or_null(&t->answer.id));
		add_text(w, r, "text", str_text(&t->answer.text), t->answer.text.len, LLM_TEXT_MAX);
	}
	jw_end_obj(w);
}

static void add_lists(struct jw *w, const struct llm_run *r, bool whole)
{
	jw_arr(w, "usage");
	for (size_t i = 0; i < r->ntries; i++)
		add_try(w, r, &r->tries[i], whole);
	jw_end_arr(w);
	jw_arr(w, "warnings");
	for (size_t i = 0; i < r->nwarnings; i++)
		jw_str(w, NULL, r->warnings[i]);
	jw_end_arr(w);
	jw_arr(w, "skipped");
	for (size_t i = 0; i < r->nskipped; i++) {
		jw_obj(w, NULL);
		jw_str(w, "provider", r->skipped[i].provider);
		jw_str(w, "reason", r->skipped[i].reason);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_arr(w, "breakers");
	for (size_t i = 0; i < r->nbreakers; i++) {
		auto_free char *name = xasprintf("llm:%s", r->breakers[i].provider);
		jw_obj(w, NULL);
		jw_str(w, "name", name);
		jw_bool(w, "ok", r->breakers[i].ok);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

static void report(const struct llm_run *r, bool whole, size_t final_max, struct jw *w, const char *key)
{
	const struct llm_try *good = r->answered ? &r->tries[r->good] : NULL;
	auto_free char *result = file_name(r, ".llm.json"), *prompt = file_name(r, ".prompt.txt");
	jw_obj(w, key);
	jw_str(w, "kind", "llm");
	jw_str(w, "adapter", r->answered ? provider_type_name(r->answered->type) : NULL);
	jw_null(w, "session_id");
	jw_str(w, "model", good ? model_of(good) : NULL);
	jw_str(w, "provider", r->answered ? r->answered->name : NULL);
	jw_bool(w, "success", r->class == CLASS_NONE);
	if (good)
		add_text(w, r, "final_text", str_text(&r->text), r->text.len, final_max);
	else
		jw_null(w, "final_text");
	jw_int(w, "turns", r->turns);
	jw_int(w, "tool_calls", 0);
	jw_int(w, "duration_ms", r->duration_ms);
	jw_int(w, "prompt_bytes",
	       (int64_t)(strlen(r->spec->prompt) + (r->spec->system ? strlen(r->spec->system) : 0)));
	jw_str(w, "stop", good ? or_null(&good->answer.stop) : NULL);
	add_lists(w, r, whole);
	if (r->spec->files) {
		jw_obj(w, "files");
		jw_str(w, "result", result);
		jw_str(w, "prompt", prompt);
		jw_end_obj(w);
	}
	jw_end_obj(w);
}

void llm_report(const struct llm_run *r, bool whole, struct str *ret)
{
	struct jw w = jw_begin(ret);
	report(r, whole, whole ? LLM_TEXT_MAX : LLM_FINAL_MAX, &w, NULL);
}

static void add_outputs(struct jw *w, const struct llm_run *r, size_t text_max)
{
	const struct llm_try *good = &r->tries[r->good];
	jw_obj(w, "outputs");
	add_text(w, r, "text", str_text(&r->text), r->text.len, text_max);
	/* Half a document is worse than none. */
	if (r->spec->schema && r->text.len <= text_max)
		add_text(w, r, "json", str_text(&r->text), r->text.len, text_max);
	jw_str(w, "provider", r->answered->name);
	jw_str(w, "model", model_of(good));
	jw_str(w, "stop", str_text(&good->answer.stop));
	jw_end_obj(w);
}

static void write_output(const struct llm_run *r, size_t text_max, size_t final_max, struct str *ret)
{
	struct jw w = jw_begin(ret);
	jw_obj(&w, NULL);
	if (r->class == CLASS_NONE) {
		add_outputs(&w, r, text_max);
	} else {
		jw_str(&w, "class", error_class_name(r->class));
		add_text(&w, r, "message", str_text(&r->message), r->message.len, MESSAGE_SHOWN);
	}
	report(r, false, final_max, &w, "report");
	if (r->class != CLASS_NONE && r->retry_after_ms)
		jw_int(&w, "retry_after_ms", r->retry_after_ms);
	jw_end_obj(&w);
	str_add_char(ret, '\n');
}

void llm_output(const struct llm_run *r, struct str *ret)
{
	/* Escapes can make a text six times as long. */
	for (size_t part = 1; part <= 64; part *= 2) {
		str_clear(ret);
		write_output(r, LLM_OUTPUT_TEXT_MAX / part, LLM_FINAL_MAX / part, ret);
		if (ret->len <= OUTPUTS_MAX)
			return;
	}
}

void llm_prompt_text(const struct llm_spec *s, struct str *ret)
{
	auto_str text = STR_INIT;
	if (s->system)
		str_addf(&text, "# system\n%s\n\n# user\n", s->system);
	str_addf(&text, "%s\n", s->prompt);
	redact_text(s->secrets, text.p, text.len, ret);
}
