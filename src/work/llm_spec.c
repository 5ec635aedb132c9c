/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The document on stdin of pawl-llm, as a struct. */
#include "work/llm.h"

#include "model/schema.h"
#include "work/http_request.h"

#include <string.h>

#define ATTEMPTS_MAX 100

static enum err_code take_type(struct llm_provider *p, const char *name, struct err *err)
{
	for (int i = 0; i < PROVIDER_TYPE_COUNT; i++)
		if (str_eq(provider_type_name((enum provider_type)i), name)) {
			p->type = (enum provider_type)i;
			return ERR_OK;
		}
	return err_set(err, ERR_INVALID, _("provider %.64s: its type is anthropic, ollama or openai, not \"%.40s\""),
		       p->name, name);
}

/* Failures of a model call are of these three classes; which of them pass is decided in llm_call.c. */
static void take_retry(struct llm_provider *p, const struct json *v)
{
	const struct json *f = json_get(v, "factor");
	p->retry.max_attempts = (int)MIN(json_get_int(v, "max_attempts", 1), (int64_t)ATTEMPTS_MAX);
	p->retry.initial_ms = json_get_int(v, "initial_ms", 1000);
	p->retry.max_ms = json_get_int(v, "max_ms", 60000);
	p->retry.factor = json_num(f, 2);
	p->retry.jitter = json_get_bool(v, "jitter", true);
	for (const struct json *c = json_first(json_get(v, "on")); c; c = json_next(c)) {
		enum error_class class = error_class_from_name(json_str(c, ""));
		p->retry.classes |= class < CLASS_COUNT ? 1U << class : 0;
	}
	if (!json_first(json_get(v, "on")))
		p->retry.classes = 1U << CLASS_TIMEOUT | 1U << CLASS_CONNECTION | 1U << CLASS_HTTP_STATUS;
}

static enum err_code take_headers(const struct llm_provider *p, struct err *err)
{
	enum err_code code = ERR_OK;
	for (const struct json *h = json_first(p->headers); h && !code; h = json_next(h))
		code = http_header_check(json_get_str(h, "name", ""), json_get_str(h, "value", ""), err);
	/* A key that would begin another header is none; its value is not shown. */
	if (!code && p->key && http_header_check("key", p->key, NULL))
		code = err_set(err, ERR_INVALID, _("provider %.64s: the key holds a line break or control character"),
			       p->name);
	return code;
}

static enum err_code take_provider(const struct json *v, int64_t max_tokens, struct llm_provider *p, struct err *err)
{
	p->name = json_get_str(v, "name", "");
	enum err_code code = take_type(p, json_get_str(v, "type", ""), err);
	if (code)
		return code;
	p->url = json_get_str(v, "url", "");
	if (!*p->url)
		p->url = provider_default_url(p->type);
	p->model = json_get_str(v, "model", "");
	p->key = json_get_str(v, "key", NULL);
	if (p->key && !*p->key)
		p->key = NULL;
	p->missing_key = json_get_str(v, "missing_key", NULL);
	p->headers = json_get(v, "headers");
	p->timeout_ms = json_get_int(v, "timeout_ms", 0);
	p->max_tokens = max_tokens > 0 ? max_tokens : json_get_int(v, "max_tokens", 0);
	p->breaker_open_until_ms = json_get_int(v, "breaker_open_until_ms", 0);
	take_retry(p, json_get(v, "retry"));
	if (!*p->model)
		return err_set(err, ERR_INVALID, _("provider %.64s: no model is named"), p->name);
	if (strncasecmp(p->url, "http://", 7) != 0 && strncasecmp(p->url, "https://", 8) != 0)
		return err_set(err, ERR_INVALID, _("provider %.64s: its URL begins with neither http:// nor https://"),
			       p->name);
	return take_headers(p, err);
}

/* A header may carry a key, too. */
static void take_header_secrets(struct llm_spec *s, const struct llm_provider *p)
{
	static const char *const names[] = { "auth", "key", "token", "cookie", "secret" };
	for (const struct json *h = json_first(p->headers); h; h = json_next(h)) {
		const char *name = json_get_str(h, "name", ""), *value = json_get_str(h, "value", "");
		const char *space = strrchr(value, ' '); /* Bearer … */
		for (size_t i = 0; i < COUNT(names); i++)
			if (strcasestr(name, names[i]))
				(void)redact_secret(s->secrets, space ? space + 1 : value,
						    strlen(space ? space + 1 : value), NULL);
	}
}

static void take_secrets(struct llm_spec *s)
{
	s->secrets = redact_set_new(true);
	/* One that is too short to be masked is not: it would mask half of what is said. */
	for (const struct json *v = json_first(json_get(s->document, "secrets")); v; v = json_next(v))
		(void)redact_secret(s->secrets, json_str(v, ""), strlen(json_str(v, "")), NULL);
	for (size_t i = 0; i < s->nproviders; i++) {
		if (s->providers[i].key)
			(void)redact_secret(s->secrets, s->providers[i].key, strlen(s->providers[i].key), NULL);
		take_header_secrets(s, &s->providers[i]);
	}
	redact_compile(s->secrets);
}

static enum err_code take_document(struct llm_spec *s, struct err *err)
{
	const struct json *d = s->document, *list = json_get(d, "providers");
	enum err_code code = ERR_OK;
	size_t n = json_count(list);
	if (json_type(list) != JSON_ARRAY || n == 0 || n > LLM_PROVIDERS_MAX)
		return err_set(err, ERR_INVALID, _("a list of 1 to %d providers is missing"), LLM_PROVIDERS_MAX);
	s->providers = xcalloc(n, sizeof(*s->providers));
	for (const struct json *v = json_first(list); v && !code; v = json_next(v))
		code = take_provider(v, json_get_int(d, "max_tokens", 0), &s->providers[s->nproviders++], err);
	if (code)
		return code;
	s->system = json_get_str(d, "system", NULL);
	s->prompt = json_get_str(d, "prompt", "");
	s->temperature = json_num(json_get(d, "temperature"), -1);
	s->stream = json_get_bool(d, "stream", true);
	s->prices = json_get_str(d, "prices", NULL);
	s->files = json_get_str(d, "files", NULL);
	s->schema = json_get(d, "schema");
	if (json_type(s->schema) == JSON_NULL)
		s->schema = NULL;
	if (s->system && !*s->system)
		s->system = NULL;
	if (!*s->prompt)
		return err_set(err, ERR_INVALID, _("the prompt is empty"));
	take_secrets(s);
	return s->schema ? schema_verify(s->schema, err) : ERR_OK;
}

enum err_code llm_spec_parse(const char *text, size_t len, struct llm_spec *ret, struct err *err)
{
	struct llm_spec s = { 0 };
	enum err_code code = json_parse(text, len, LLM_SPEC_MAX, &s.document, err);
	if (!code)
		code = take_document(&s, err);
	if (code)
		llm_spec_done(&s);
	else
		*ret = s;
	return code;
}

void llm_spec_done(struct llm_spec *s)
{
	if (s->secrets)
		redact_set_free(s->secrets);
	json_free(s->document);
	free(s->providers);
	*s = (struct llm_spec){ 0 };
}
