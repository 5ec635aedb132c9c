/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names that expressions see: params, run, nodes, matrix, item, env, workspace. */
#include "engine/engine_internal.h"

#include <string.h>

static enum err_code give_text(struct str *out, const char *text)
{
	json_add_quoted(out, text ? text : "", text ? strlen(text) : 0);
	return ERR_OK;
}

static enum err_code get_param(const struct run *r, const char *name, struct str *out, struct err *err)
{
	const struct json *v = json_get(r->params, name);
	if (!v)
		return err_set(err, ERR_NOT_FOUND, _("there is no parameter %s"), name);
	json_add(out, v);
	return ERR_OK;
}

static enum err_code get_run(const struct run *r, const char *name, struct str *out, struct err *err)
{
	if (str_eq(name, "id"))
		return give_text(out, id_text('r', r->id).s);
	if (str_eq(name, "workflow"))
		return give_text(out, r->graph->name);
	if (str_eq(name, "result"))
		return give_text(out, run_result_name(r->result));
	if (str_eq(name, "failed_node"))
		return give_text(out, r->failed_node >= 0 ? r->nodes[r->failed_node]->name : "");
	if (str_eq(name, "generation")) {
		str_add_i64(out, r->generation);
		return ERR_OK;
	}
	return err_set(err, ERR_NOT_FOUND, _("run has no %s; it has id, workflow, generation, result, failed_node"),
		       name);
}

static enum err_code get_node(const struct run *r, const char *name, const char *what, struct str *out,
			      struct err *err)
{
	const struct node *n = run_node(r, name);
	if (!n)
		return err_set(err, ERR_NOT_FOUND, _("there is no node %s"), name);
	if (str_eq(what, "state"))
		return give_text(out, state_name(ENTITY_NODE, node_derived_state(n)));
	if (str_eq(what, "outputs")) {
		str_add(out, n->outputs ? n->outputs : "{}");
		return ERR_OK;
	}
	return err_set(err, ERR_NOT_FOUND, _("a node has no %s; it has outputs and state"), what);
}

static enum err_code get_binding(const struct node *n, const char *name, struct str *out, struct err *err)
{
	auto_json *v = NULL;
	if (!n || !n->bindings || json_parse(n->bindings, strlen(n->bindings), 4 * MIB, &v, NULL) || !json_get(v, name))
		return err_set(err, ERR_NOT_FOUND, _("%s is known inside of a matrix or foreach alone"), name);
	json_add(out, json_get(v, name));
	return ERR_OK;
}

/* A variable of the step that is being made: what was set last, as the step will see it. */
static const char *built_env(const struct step_build *b, const char *name)
{
	size_t len = strlen(name);
	for (size_t i = b->nenv; i-- > 0;)
		if (strncmp(b->env[i], name, len) == 0 && b->env[i][len] == '=')
			return b->env[i] + len + 1;
	return NULL;
}

/* A variable of the workflow, where there is no step yet. Its value may name those above it, and no others. */
static enum err_code workflow_env(const struct scope_ctx *c, size_t i, struct str *out, struct err *err)
{
	const struct graph *g = c->r->graph;
	struct scope_ctx above = *c;
	auto_str value = STR_INIT;
	above.hidden = g->nenv - i;
	struct expr_scope scope = node_scope(&above);
	enum err_code code = tmpl_text(g->env[i].value, &scope, &value, err);
	return code ? code : give_text(out, str_text(&value));
}

static enum err_code get_env(const struct scope_ctx *c, const char *name, struct str *out, struct err *err)
{
	const struct graph *g = c->r->graph;
	const char *built = c->b ? built_env(c->b, name) : NULL;
	if (built)
		return give_text(out, built);
	for (size_t i = c->b ? 0 : g->nenv - c->hidden; i-- > 0;)
		if (str_eq(g->env[i].name, name))
			return workflow_env(c, i, out, err);
	const char *given = json_get_str(c->r->env, name, NULL);
	if (given)
		return give_text(out, given);
	size_t len = strlen(name);
	for (char **p = c->e->environment; *p; p++)
		if (strncmp(*p, name, len) == 0 && (*p)[len] == '=')
			return give_text(out, *p + len + 1);
	str_add(out, "null");
	return ERR_OK;
}

static enum err_code scope_get(void *ctx, const char *const *path, size_t npath, size_t *ret_used,
			       struct str *out, struct err *err)
{
	const struct scope_ctx *c = ctx;
	const char *first = path[0];
	*ret_used = 2;
	if (str_eq(first, "matrix") || str_eq(first, "item") || str_eq(first, "index")) {
		*ret_used = 1;
		return get_binding(c->n, first, out, err);
	}
	if (npath >= 2 && str_eq(first, "params"))
		return get_param(c->r, path[1], out, err);
	if (npath >= 2 && str_eq(first, "run"))
		return get_run(c->r, path[1], out, err);
	if (npath >= 2 && str_eq(first, "env"))
		return get_env(c, path[1], out, err);
	if (npath >= 2 && str_eq(first, "workspace") && str_eq(path[1], "path"))
		return give_text(out, c->n ? node_workspace(c->n) : c->r->workspace);
	if (npath >= 3 && str_eq(first, "nodes")) {
		*ret_used = 3;
		return get_node(c->r, path[1], path[2], out, err);
	}
	return err_set(err, ERR_NOT_FOUND,
		       _("there is no %s here; known are params.NAME, nodes.NAME.outputs.NAME, nodes.NAME.state, "
			 "run.id, env.NAME, workspace.path, matrix.NAME, item, index"),
		       first);
}

struct expr_scope node_scope(struct scope_ctx *ctx)
{
	return (struct expr_scope){ .get = scope_get, .ctx = ctx };
}
