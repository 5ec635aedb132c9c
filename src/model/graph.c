/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/graph.h"

#include <assert.h>

/* clang-format off */
static const char *const kinds[] = {
	[NODE_RUN] = "run", [NODE_HTTP] = "http", [NODE_WORKFLOW] = "workflow", [NODE_GROUP] = "group",
};
static const char *const whens[] = {
	[EDGE_SUCCESS] = "success", [EDGE_FAILURE] = "failure", [EDGE_DONE] = "done",
};
static const char *const types[] = {
	[PARAM_STRING] = "string", [PARAM_INT] = "int", [PARAM_NUMBER] = "number",
	[PARAM_BOOL] = "bool", [PARAM_ENUM] = "enum", [PARAM_LIST] = "list",
};
/* clang-format on */
static_assert(COUNT(kinds) == NODE_KIND_COUNT, "every kind has a name");
static_assert(COUNT(whens) == EDGE_WHEN_COUNT, "every condition has a name");
static_assert(COUNT(types) == PARAM_TYPE_COUNT, "every type has a name");

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

static void run_done(struct node_run *r)
{
	for (char **p = r->shell_argv; p && *p; p++)
		free(*p);
	free(r->shell_argv);
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

void graph_node_done(struct graph_node *n)
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
	case NODE_KIND_COUNT:
		break;
	}
	free(n->name);
	free(n->description);
	free(n->needs);
	free(n->feeds);
	expr_free(n->when);
	free(n->retry.exit_codes);
	free(n->retry.signals);
	free_texts(n->retry.patterns, n->retry.npatterns);
	free_env(n->env, n->nenv);
	tmpl_free(n->cwd);
	free(n->uses);
	free_texts(n->outputs, n->noutputs);
	free(n->workstream);
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
	tmpl_free(g->workspace_path);
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
