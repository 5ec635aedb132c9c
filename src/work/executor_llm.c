/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node of kind llm becomes a run of pawl-llm: providers with their keys, prompt and schema travel as a document
 * on its stdin (llm.h), and nothing of them in an argument or variable. */
#include "work/executor_rows.h"

#include "model/error.h"
#include "model/feedback.h"

#include <string.h>

#define DOCUMENT_MAX (3 * MIB) /* has to fit into a message to the worker with everything else */

static const char *step_variable(const struct step_build *b, const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < b->nenv; i++)
		if (strncmp(b->env[i], name, len) == 0 && b->env[i][len] == '=')
			return b->env[i] + len + 1;
	return NULL;
}

/* A key that is not there is no reason to ask nobody: the next provider may need none. */
static enum err_code add_key(struct jw *w, const struct graph_provider *p, const struct step_context *c,
			     struct err *err)
{
	const char *value = p->key_env ? getenv(p->key_env) : NULL;
	if (!p->key_env)
		return spec_text(w, "key", p->key, c->scope, err);
	if (value && *value)
		jw_str(w, "key", value);
	else
		jw_str(w, "missing_key", p->key_env);
	return ERR_OK;
}

static enum err_code add_headers(struct jw *w, const struct graph_provider *p, const struct step_context *c,
				 struct err *err)
{
	enum err_code code = ERR_OK;
	jw_arr(w, "headers");
	for (size_t i = 0; i < p->nheaders && !code; i++) {
		jw_obj(w, NULL);
		jw_str(w, "name", p->headers[i].name);
		code = spec_text(w, "value", p->headers[i].value, c->scope, err);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	return code;
}

static void add_retry(struct jw *w, const struct retry_policy *r)
{
	static const enum error_class classes[] = { CLASS_TIMEOUT, CLASS_CONNECTION, CLASS_HTTP_STATUS };
	jw_obj(w, "retry");
	jw_int(w, "max_attempts", r->max_attempts);
	jw_int(w, "initial_ms", r->initial_ms);
	jw_num(w, "factor", r->factor);
	jw_int(w, "max_ms", r->max_ms);
	jw_bool(w, "jitter", r->jitter);
	jw_arr(w, "on");
	/* "provider", which the named policies have, is all that may fail for a while on the other side. */
	for (size_t i = 0; i < COUNT(classes); i++)
		if (r->classes >> classes[i] & 1 || r->classes >> CLASS_PROVIDER & 1)
			jw_str(w, NULL, error_class_name(classes[i]));
	jw_end_arr(w);
	jw_end_obj(w);
}

static enum err_code add_provider(struct jw *w, const struct graph_provider *p, const struct step_context *c,
				  struct err *err)
{
	const struct node_llm *llm = &c->node->llm;
	auto_free char *breaker = xasprintf("llm:%s", p->name);
	jw_obj(w, NULL);
	jw_str(w, "name", p->name);
	jw_str(w, "type", provider_type_name(p->type));
	enum err_code code = spec_text(w, "url", p->url, c->scope, err);
	if (!code)
		code = spec_text(w, "model", llm->model ? llm->model : p->model, c->scope, err);
	if (!code)
		code = add_key(w, p, c, err);
	if (!code)
		code = add_headers(w, p, c, err);
	jw_int(w, "timeout_ms", p->timeout_ms);
	jw_int(w, "max_tokens", p->max_tokens);
	add_retry(w, &p->retry);
	if (c->breaker_until)
		jw_int(w, "breaker_open_until_ms", c->breaker_until(c->breaker_ctx, breaker));
	jw_end_obj(w);
	return code;
}

static enum err_code add_prompt(struct jw *w, const struct step_context *c, struct err *err)
{
	auto_str prompt = STR_INIT, whole = STR_INIT;
	enum err_code code = tmpl_text(c->node->llm.prompt, c->scope, &prompt, err);
	if (code)
		return code;
	if (strlen(str_text(&prompt)) != prompt.len)
		return err_set(err, ERR_INVALID, _("the prompt holds a NUL byte; a text has none"));
	if (c->feedback && *c->feedback)
		feedback_prompt(str_text(&prompt), c->feedback, &whole);
	else
		str_add(&whole, str_text(&prompt));
	jw_strn(w, "prompt", str_text(&whole), whole.len);
	return ERR_OK;
}

static void add_files(struct jw *w, const struct step_build *b)
{
	const char *home = step_variable(b, "PAWL_HOME");
	size_t len = strlen(b->spec.log_path);
	if (len > 4 && str_eq(b->spec.log_path + len - 4, ".log"))
		len -= 4;
	jw_strn(w, "files", b->spec.log_path, len);
	if (home) {
		auto_free char *prices = xasprintf("%s/prices.json", home);
		jw_str(w, "prices", prices);
	}
	jw_arr(w, "secrets");
	for (size_t i = 0; b->spec.secrets && b->spec.secrets[i]; i++)
		jw_str(w, NULL, b->spec.secrets[i]);
	jw_end_arr(w);
}

static enum err_code add_providers(struct jw *w, const struct step_context *c, struct err *err)
{
	const struct node_llm *llm = &c->node->llm;
	enum err_code code = ERR_OK;
	jw_arr(w, "providers");
	for (size_t i = 0; i < llm->nproviders && !code; i++)
		code = add_provider(w, &c->graph->providers[llm->providers[i]], c, err);
	jw_end_arr(w);
	return code;
}

enum err_code prepare_llm(const struct step_context *c, struct step_build *b, struct err *err)
{
	const struct node_llm *llm = &c->node->llm;
	auto_free char *program = xasprintf("%s/pawl-llm", c->libexec);
	auto_str document = STR_INIT;
	struct jw w = jw_begin(&document);
	jw_obj(&w, NULL);
	enum err_code code = add_providers(&w, c, err);
	if (!code)
		code = spec_text(&w, "system", llm->system, c->scope, err);
	if (!code)
		code = add_prompt(&w, c, err);
	if (code)
		return code;
	if (llm->max_tokens)
		jw_int(&w, "max_tokens", llm->max_tokens);
	if (llm->temperature >= 0)
		jw_num(&w, "temperature", llm->temperature);
	if (llm->schema_json)
		jw_raw(&w, "schema", llm->schema_json);
	jw_bool(&w, "stream", llm->stream);
	add_files(&w, b);
	jw_end_obj(&w);
	if (document.len > DOCUMENT_MAX)
		return err_set(err, ERR_TOO_LARGE, _("the prompt has %zu bytes when quoted; at most %d can be given"),
			       document.len, DOCUMENT_MAX);
	b->argv = xcalloc(2, sizeof(*b->argv));
	b->argv[0] = step_keep(b, program, strlen(program));
	b->nargv = 1;
	b->spec.live = true;
	b->spec.argv = b->argv;
	b->spec.stdin_bytes = step_keep(b, document.p, document.len);
	b->spec.stdin_len = document.len;
	return ERR_OK;
}
