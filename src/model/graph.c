/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/graph.h"

#include <assert.h>

/* clang-format off */
static const char *const kinds[] = {
	[NODE_RUN] = "run", [NODE_HTTP] = "http", [NODE_WORKFLOW] = "workflow", [NODE_GROUP] = "group",
	[NODE_AGENT] = "agent", [NODE_LLM] = "llm", [NODE_APPROVAL] = "approval", [NODE_PUBLISH] = "publish",
	[NODE_PATCH] = "patch",
};
static const char *const whens[] = {
	[EDGE_SUCCESS] = "success", [EDGE_FAILURE] = "failure", [EDGE_DONE] = "done",
};
static const char *const types[] = {
	[PARAM_STRING] = "string", [PARAM_INT] = "int", [PARAM_NUMBER] = "number",
	[PARAM_BOOL] = "bool", [PARAM_ENUM] = "enum", [PARAM_LIST] = "list",
};
static const char *const adapters[] = {
	[ADAPTER_TEXT] = "text", [ADAPTER_CLAUDE] = "claude", [ADAPTER_CODEX] = "codex",
};
static const char *const vias[] = {
	[PROMPT_STDIN] = "stdin", [PROMPT_ARGUMENT] = "argument", [PROMPT_FILE] = "file",
};
static const char *const providers[] = {
	[PROVIDER_ANTHROPIC] = "anthropic", [PROVIDER_OLLAMA] = "ollama",
	[PROVIDER_OPENAI] = "openai",
};
static const char *const choices[] = {
	[APPROVAL_CONTINUE] = "continue", [APPROVAL_RETRY] = "retry", [APPROVAL_SKIP] = "skip",
	[APPROVAL_REDIRECT] = "redirect", [APPROVAL_ABORT] = "abort",
};
static const char *const modes[] = {
	[PUBLISH_DISABLED] = "disabled", [PUBLISH_BEST_EFFORT] = "best_effort",
	[PUBLISH_FAIL_FAST] = "fail_fast",
};
static const char *const compensations[] = {
	[COMPENSATE_REVERT] = "revert", [COMPENSATE_RUN] = "run", [COMPENSATE_MANUAL] = "manual",
};
static const char *const levels[] = {
	[LEVEL_L0] = "L0", [LEVEL_L1] = "L1", [LEVEL_L2] = "L2", [LEVEL_L3] = "L3",
};
static const char *const checks[] = {
	[CHECK_FILES] = "files", [CHECK_FORBID] = "forbid", [CHECK_PATHS] = "paths",
	[CHECK_SECRETS] = "secrets", [CHECK_RUN] = "run", [CHECK_FIXTURE] = "fixture",
};
static const char *const parsers[] = {
	[PARSE_AUTO] = "auto", [PARSE_GCC] = "gcc", [PARSE_MAKE] = "make", [PARSE_TAP] = "tap",
	[PARSE_JUNIT] = "junit", [PARSE_PYTEST] = "pytest", [PARSE_GO] = "go",
	[PARSE_GENERIC] = "generic",
};
static const char *const strategies[] = {
	[LOOP_FIXED] = "fixed", [LOOP_HYBRID] = "hybrid", [LOOP_RALPH] = "ralph",
	[LOOP_CUSTOM] = "custom",
};
static const char *const snapshots[] = {
	[SNAPSHOT_NODES] = "nodes", [SNAPSHOT_GATES] = "gates", [SNAPSHOT_OFF] = "off",
};
static const char *const urls[] = {
	[PROVIDER_ANTHROPIC] = "https://api.anthropic.com", [PROVIDER_OLLAMA] = "http://127.0.0.1:11434",
	[PROVIDER_OPENAI] = "https://api.openai.com",
};
/* clang-format on */
static_assert(COUNT(kinds) == NODE_KIND_COUNT, "every kind has a name");
static_assert(COUNT(whens) == EDGE_WHEN_COUNT, "every condition has a name");
static_assert(COUNT(types) == PARAM_TYPE_COUNT, "every type has a name");
static_assert(COUNT(adapters) == ADAPTER_COUNT, "every row of enum agent_adapter");
static_assert(COUNT(vias) == PROMPT_VIA_COUNT, "every row of enum prompt_via");
static_assert(COUNT(providers) == PROVIDER_TYPE_COUNT, "every row of enum provider_type");
static_assert(COUNT(choices) == APPROVAL_CHOICE_COUNT, "every row of enum approval_choice");
static_assert(COUNT(compensations) == PATCH_COMPENSATION_COUNT, "every row of enum patch_compensation");
static_assert(COUNT(modes) == PUBLISH_MODE_COUNT, "every row of enum publish_mode");
static_assert(COUNT(levels) == VERIFY_LEVEL_COUNT, "every row of enum verify_level");
static_assert(COUNT(checks) == CHECK_KIND_COUNT, "every row of enum check_kind");
static_assert(COUNT(parsers) == CHECK_PARSE_COUNT, "every row of enum check_parse");
static_assert(COUNT(strategies) == LOOP_STRATEGY_COUNT, "every row of enum loop_strategy");
static_assert(COUNT(snapshots) == SNAPSHOT_POLICY_COUNT, "every row of enum snapshot_policy");
static_assert(COUNT(urls) == PROVIDER_TYPE_COUNT, "every type of provider has an address");

const char *node_kind_name(enum node_kind kind)
{
	return kinds[kind];
}

const char *edge_when_name(enum edge_when w)
{
	return whens[w];
}

const char *param_type_name(enum param_type t)
{
	return types[t];
}

const char *agent_adapter_name(enum agent_adapter v)
{
	return adapters[v];
}

const char *prompt_via_name(enum prompt_via v)
{
	return vias[v];
}

const char *provider_type_name(enum provider_type v)
{
	return providers[v];
}

const char *approval_choice_name(enum approval_choice v)
{
	return choices[v];
}

const char *patch_compensation_name(enum patch_compensation v)
{
	return compensations[v];
}

const char *publish_mode_name(enum publish_mode v)
{
	return modes[v];
}

const char *verify_level_name(enum verify_level v)
{
	return levels[v];
}

const char *check_kind_name(enum check_kind v)
{
	return checks[v];
}

const char *check_parse_name(enum check_parse v)
{
	return parsers[v];
}

const char *loop_strategy_name(enum loop_strategy v)
{
	return strategies[v];
}

const char *snapshot_policy_name(enum snapshot_policy v)
{
	return snapshots[v];
}

const char *provider_default_url(enum provider_type t)
{
	return urls[t];
}

static void free_texts(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

static void free_env(struct graph_env *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].name);
		tmpl_free(v[i].value);
	}
	free(v);
}

static void free_words(char **v)
{
	for (char **p = v; p && *p; p++)
		free(*p);
	free(v);
}

static void retry_done(struct retry_policy *r)
{
	free(r->exit_codes);
	free(r->signals);
	free_texts(r->patterns, r->npatterns);
}

static void run_done(struct node_run *r)
{
	free_words(r->shell_argv);
	free(r->script);
	for (size_t i = 0; i < r->nargv; i++)
		tmpl_free(r->argv_tmpl[i]);
	free(r->argv_tmpl);
	free_texts(r->argv, r->nargv);
}

static void http_done(struct node_http *h)
{
	tmpl_free(h->method);
	tmpl_free(h->url);
	tmpl_free(h->body);
	free_env(h->headers, h->nheaders);
	free(h->expect);
	for (size_t i = 0; i < h->noutputs; i++) {
		free(h->outputs[i].name);
		free(h->outputs[i].path);
	}
	free(h->outputs);
}

static void group_done(struct node_group *g)
{
	for (size_t i = 0; i < g->naxes; i++) {
		free(g->axes[i].name);
		tmpl_free(g->axes[i].values);
	}
	free(g->axes);
	tmpl_free(g->foreach);
	if (g->body)
		graph_node_done(g->body);
	free(g->body);
}

static void agent_done(struct node_agent *a)
{
	run_done(&a->command);
	tmpl_free(a->prompt);
}

static void llm_done(struct node_llm *m)
{
	free(m->providers);
	tmpl_free(m->model);
	tmpl_free(m->system);
	tmpl_free(m->prompt);
	free(m->schema_json);
}

static void approval_done(struct node_approval *a)
{
	tmpl_free(a->ask);
	free_texts(a->roles, a->nroles);
	free(a->to);
}

static void publish_done(struct node_publish *p)
{
	tmpl_free(p->remote);
	tmpl_free(p->branch);
	tmpl_free(p->message);
	struct tmpl *const more[] = { p->repository, p->base, p->title, p->body, p->api, p->token };
	for (size_t k = 0; k < COUNT(more); k++)
		tmpl_free(more[k]);
	free(p->token_env);
}

void graph_command_done(struct graph_command *c)
{
	free_words(c->shell_argv);
	free(c->script);
	free_texts(c->argv, c->nargv);
}

static void patch_node_done(struct node_patch *p)
{
	tmpl_free(p->file);
	tmpl_free(p->text);
	tmpl_free(p->message);
	tmpl_free(p->author);
	free_texts(p->allow, p->nallow);
	free_texts(p->deny, p->ndeny);
	if (p->command)
		graph_command_done(p->command);
	free(p->command);
}

static void fixture_free(struct check_fixture *f)
{
	if (!f)
		return;
	free(f->input);
	free_texts(f->contains, f->ncontains);
	free_texts(f->matches, f->nmatches);
	free(f->json);
	free(f->schema_json);
	for (size_t i = 0; i < f->nfiles; i++) {
		free(f->files[i].path);
		free(f->files[i].expected);
	}
	free(f->files);
	free(f);
}

void graph_check_done(struct graph_check *c)
{
	free(c->name);
	free(c->report);
	free_texts(c->files, c->nfiles);
	free_texts(c->patterns, c->npatterns);
	free_texts(c->in, c->nin);
	free_texts(c->allow, c->nallow);
	free_texts(c->deny, c->ndeny);
	graph_command_done(&c->command);
	fixture_free(c->fixture);
}

void graph_loop_done(struct graph_loop *l)
{
	free_texts(l->signals, l->nsignals);
	graph_command_done(&l->command);
}

static void kind_done(struct graph_node *n)
{
	switch (n->kind) {
	case NODE_RUN:
		run_done(&n->run);
		break;
	case NODE_HTTP:
		http_done(&n->http);
		break;
	case NODE_WORKFLOW:
		free(n->workflow.file);
		graph_free(n->workflow.graph);
		free_env(n->workflow.params, n->workflow.nparams);
		break;
	case NODE_GROUP:
		group_done(&n->group);
		break;
	case NODE_AGENT:
		agent_done(&n->agent);
		break;
	case NODE_LLM:
		llm_done(&n->llm);
		break;
	case NODE_APPROVAL:
		approval_done(&n->approval);
		break;
	case NODE_PATCH:
		patch_node_done(&n->patch);
		break;
	case NODE_PUBLISH:
		publish_done(&n->publish);
		break;
	case NODE_KIND_COUNT:
		break;
	}
}

void graph_node_done(struct graph_node *n)
{
	kind_done(n);
	free(n->name);
	free(n->description);
	free(n->needs);
	free(n->feeds);
	expr_free(n->when);
	retry_done(&n->retry);
	free_env(n->env, n->nenv);
	tmpl_free(n->cwd);
	free(n->uses);
	free_texts(n->outputs, n->noutputs);
	for (size_t i = 0; i < n->nchecks; i++)
		graph_check_done(&n->checks[i]);
	free(n->checks);
	if (n->loop)
		graph_loop_done(n->loop);
	free(n->loop);
}

static void workspace_done(struct graph_workspace *w)
{
	tmpl_free(w->path);
	tmpl_free(w->base);
}

static void provider_done(struct graph_provider *p)
{
	free(p->name);
	tmpl_free(p->url);
	tmpl_free(p->model);
	free(p->key_env);
	tmpl_free(p->key);
	retry_done(&p->retry);
	free_env(p->headers, p->nheaders);
}

static void param_done(struct graph_param *p)
{
	free(p->name);
	free(p->default_json);
	free_texts(p->choices, p->nchoices);
	free(p->pattern);
	free(p->help);
}

void graph_free(struct graph *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->nparams; i++)
		param_done(&g->params[i]);
	free(g->params);
	free_env(g->env, g->nenv);
	free_texts(g->pass_env, g->npass_env);
	for (size_t i = 0; i < g->nresources; i++)
		free(g->resources[i].name);
	free(g->resources);
	for (size_t i = 0; i < g->nstreams; i++) {
		free(g->streams[i].name);
		workspace_done(&g->streams[i].workspace);
	}
	free(g->streams);
	for (size_t i = 0; i < g->nproviders; i++)
		provider_done(&g->providers[i]);
	free(g->providers);
	for (size_t i = 0; i < g->nnodes; i++)
		graph_node_done(&g->nodes[i]);
	free(g->nodes);
	smap_done(&g->by_name);
	free(g->name);
	free(g->description);
	free(g->file);
	free(g->source);
	free(g);
}

int graph_find(const struct graph *g, const char *name)
{
	const struct graph_node *n = smap_get(&g->by_name, name);
	return n ? (int)(n - g->nodes) : -1;
}

const struct graph_workspace *graph_workspace(const struct graph *g)
{
	static const struct graph_workspace scratch = { .kind = WORKSPACE_SCRATCH };
	return g->nstreams ? &g->streams[0].workspace : &scratch;
}
