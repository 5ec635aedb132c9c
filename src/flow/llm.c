/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: servers of models, and calls of them. */
#include "flow/keys.h"
#include "model/error.h"

#include <string.h>

#define TOKENS_MAX 10000000
#define PROVIDER_TIMEOUT_MS 60000
#define PROVIDER_TOKENS 4096

/* Waits of 1, 2 and 4 seconds, for what passes by itself; what a server calls wrong is never asked again. */
static const struct retry_policy provider_retry_usual = {
	.max_attempts = 4, .initial_ms = 1000, .factor = 2, .max_ms = 60000, .jitter = true,
	.classes = 1U << CLASS_TIMEOUT | 1U << CLASS_CONNECTION | 1U << CLASS_HTTP_STATUS,
};

struct tmpl *load_prompt(struct load *l, const struct tree *v, unsigned int names)
{
	struct tmpl *t = load_scalar(l, v) ? load_tmpl(l, v, names) : NULL;
	const char *text = t ? tmpl_literal(t) : NULL;
	if (text && strspn(text, " \t\r\n") == strlen(text))
		issue(l, v, _("the prompt is empty"));
	return t;
}

/* ---- providers ---- */

KEY(provider_type)
{
	const char *words[PROVIDER_TYPE_COUNT];
	for (size_t i = 0; i < COUNT(words); i++)
		words[i] = provider_type_name((enum provider_type)i);
	int which = load_word(l, v, words, COUNT(words));
	if (which >= 0)
		((struct graph_provider *)target)->type = (enum provider_type)which;
}

KEY(provider_url)
{
	struct graph_provider *p = target;
	p->url = load_tmpl(l, v, 0);
	const char *text = p->url ? tmpl_literal(p->url) : NULL;
	if (text && !str_starts(text, "http://") && !str_starts(text, "https://"))
		issue(l, v, _("'%s' is no address of a web server; it begins with https:// or http://"),
		      word_of(text).s);
}

KEY(provider_model)
{
	((struct graph_provider *)target)->model = load_tmpl(l, v, 0);
}

KEY(provider_key_env)
{
	struct graph_provider *p = target;
	const char *name = load_scalar(l, v);
	struct tree member = { .key = name, .key_line = v->line, .key_column = v->column };
	if (name && load_variable_name(l, &member))
		p->key_env = xstrdup(name);
}

struct secrets {
	const struct graph *g;
	const char *open; /* a parameter that is not secret */
	bool other;       /* a name that is no parameter */
};

static void look_for_secret(void *ctx, const char *const *path, size_t npath, size_t at UNUSED)
{
	struct secrets *s = ctx;
	if (npath < 2 || !str_eq(path[0], "params")) {
		s->other = true;
		return;
	}
	for (size_t i = 0; i < s->g->nparams; i++)
		if (str_eq(s->g->params[i].name, path[1]) && !s->g->params[i].secret)
			s->open = s->g->params[i].name;
}

/* A key that stands in a file, or in a value that is shown, is no secret any more. */
void load_check_secret(struct load *l, const struct tree *v, const struct tmpl *t, const char *what, const char *env_key)
{
	struct secrets s = { .g = l->g };
	tmpl_names(t, look_for_secret, &s);
	if (tmpl_literal(t) || s.other)
		issue(l, v, _("a %s comes from a secret parameter, as in \"${{ params.%s }}\", or from the engine's "
			      "environment with %s: NAME; it does not stand in a file"), what, what, env_key);
	else if (s.open)
		issue(l, v, _("parameter '%s' is not secret, so that the %s would be seen; add secret: true to it"),
		      s.open, what);
}

KEY(provider_key)
{
	struct graph_provider *p = target;
	if (p->key_env)
		issue_key(l, v, _("a provider has a key: or a key_env:, not both"));
	p->key = load_tmpl(l, v, 0);
	if (p->key)
		load_check_secret(l, v, p->key, "key", "key_env");
}

KEY(provider_timeout)
{
	struct graph_provider *p = target;
	if (load_duration(l, v, &p->timeout_ms) && p->timeout_ms < 1)
		issue(l, v, _("no time at all is too little"));
}

static void load_tokens(struct load *l, const struct tree *v, int *ret)
{
	int64_t n = 0;
	if (load_int(l, v, 1, TOKENS_MAX, &n))
		*ret = (int)n;
}

KEY(provider_max_tokens)
{
	load_tokens(l, v, &((struct graph_provider *)target)->max_tokens);
}

KEY(provider_retry)
{
	load_retry(l, v, &((struct graph_provider *)target)->retry);
}

KEY(provider_headers)
{
	struct graph_provider *p = target;
	load_headers(l, v, 0, &p->headers, &p->nheaders);
}

static bool wants_key(const struct graph_provider *p)
{
	return p->type != PROVIDER_OLLAMA && !p->url && !p->key && !p->key_env;
}

static void load_provider(struct load *l, const struct tree *v, struct graph_provider *p)
{
	*p = (struct graph_provider){ .name = xstrdup(v->key), .timeout_ms = PROVIDER_TIMEOUT_MS,
				      .max_tokens = PROVIDER_TOKENS };
	p->retry = provider_retry_usual;
	if (!wants_map(l, v))
		return;
	if (!tree_get(v, "type"))
		issue(l, v, _("what does it speak? write type: anthropic, ollama or openai"));
	load_map(l, v, &flow_provider_keys, p);
	if (tree_get(v, "type") && wants_key(p) && !tree_get(v, "key") && !tree_get(v, "key_env"))
		issue(l, v, _("%s wants a key: write key_env: NAME, a variable of the engine's environment, or key: with "
			      "a secret parameter"), provider_default_url(p->type));
}

KEY(workflow_providers)
{
	struct graph *g = l->g;
	if (!wants_map(l, v))
		return;
	if (v->n > PROVIDERS_MAX) {
		issue(l, v, _("more than %d entries"), PROVIDERS_MAX);
		return;
	}
	g->providers = xcalloc(v->n, sizeof(*g->providers));
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		if (load_name(l, m, m->key, true))
			load_provider(l, m, &g->providers[g->nproviders++]);
		path_pop(l, before);
	}
}

/* ---- calls ---- */

static const char *provider_at(const void *ctx, size_t i)
{
	return ((const struct graph *)ctx)->providers[i].name;
}

static void add_provider(struct load *l, const struct tree *e, struct node_llm *m)
{
	const struct graph *g = l->g;
	const char *name = load_scalar(l, e);
	if (!name)
		return;
	size_t i = 0;
	while (i < g->nproviders && !str_eq(g->providers[i].name, name))
		i++;
	if (i == g->nproviders) {
		struct suggestion near = suggest(l, name, provider_at, g, g->nproviders);
		issue(l, e, _("there is no provider '%s'%s%s"), word_of(name).s, near.s,
		      near.s[0] ? "" : _("; declare it under providers: of the workflow"));
		return;
	}
	for (size_t j = 0; j < m->nproviders; j++)
		if (m->providers[j] == (int)i) {
			issue(l, e, _("'%s' is named twice; once is enough"), word_of(name).s);
			return;
		}
	m->providers[m->nproviders++] = (int)i;
}

KEY(llm_providers)
{
	struct node_llm *m = &((struct node_load *)target)->work->llm;
	size_t i = 0;
	if (v->kind != TREE_LIST) {
		m->providers = xcalloc(1, sizeof(*m->providers));
		add_provider(l, v, m);
		return;
	}
	if (!v->n || v->n > PROVIDERS_MAX) {
		issue(l, v, _("1 to %d providers are wanted here, in the order in which they are tried"), PROVIDERS_MAX);
		return;
	}
	m->providers = xcalloc(v->n, sizeof(*m->providers));
	for (const struct tree *e = v->first; e; e = e->next) {
		size_t before = path_push_index(l, i++);
		add_provider(l, e, m);
		path_pop(l, before);
	}
}

KEY(llm_model)
{
	struct node_load *nl = target;
	nl->work->llm.model = load_tmpl(l, v, nl->names);
}

KEY(llm_system)
{
	struct node_load *nl = target;
	nl->work->llm.system = load_tmpl(l, v, nl->names);
}

KEY(llm_prompt)
{
	struct node_load *nl = target;
	nl->work->llm.prompt = load_prompt(l, v, nl->names);
}

KEY(llm_max_tokens)
{
	load_tokens(l, v, &((struct node_load *)target)->work->llm.max_tokens);
}

KEY(llm_temperature)
{
	load_number(l, v, 0, 2, &((struct node_load *)target)->work->llm.temperature);
}

KEY(llm_schema)
{
	((struct node_load *)target)->work->llm.schema_json = load_schema(l, v);
}

KEY(llm_stream)
{
	load_bool(l, v, &((struct node_load *)target)->work->llm.stream);
}

/* Somebody says which model it is. */
static void check_models(struct load *l, const struct tree *v, const struct node_llm *m)
{
	for (size_t i = 0; i < m->nproviders && !m->model; i++) {
		const struct graph_provider *p = &l->g->providers[m->providers[i]];
		if (!p->model)
			issue(l, v, _("which model? write model: here, or with the provider '%s'"), p->name);
	}
}

KEY(node_llm)
{
	struct node_load *nl = target;
	struct node_llm *m = &nl->work->llm;
	m->temperature = -1;
	m->stream = true;
	if (v->kind != TREE_MAP) {
		issue(l, v, _("a call of a model is a map: {providers: [NAME], prompt: WHAT TO ASK}"));
		return;
	}
	if (!tree_get(v, "providers"))
		issue(l, v, _("who is asked? write providers: and the names of one or more, declared under providers: of "
			      "the workflow"));
	if (!tree_get(v, "prompt"))
		issue(l, v, _("what is asked? write it under prompt:"));
	load_map(l, v, &flow_llm_keys, nl);
	if (!tree_get(v, "model"))
		check_models(l, v, m);
}
