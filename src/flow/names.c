/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: every name that an expression uses is known, and is known there. */
#include "flow/load.h"

#include <string.h>

struct check {
	struct load *l;
	const struct tree *v;
	unsigned int names;
	size_t shift;
};

/* A mistake in the expression, at byte `at` of the value. */
static PRINTF_LIKE(3, 4) void issue_in(const struct check *c, size_t at, const char *fmt, ...)
{
	int line, column;
	auto_str message = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&message, fmt, ap);
	va_end(ap);
	place_in(c->l, c->v, at + c->shift, &line, &column);
	issue_at(c->l, line, column, "%s", str_text(&message));
}

static const char *param_at(const void *ctx, size_t i)
{
	return ((const struct graph *)ctx)->params[i].name;
}

static const char *node_at(const void *ctx, size_t i)
{
	return ((const struct graph *)ctx)->nodes[i].name;
}

static void check_param(const struct check *c, const char *const *path, size_t npath, size_t at)
{
	const struct graph *g = c->l->g;
	if (npath < 2) {
		issue_in(c, at, _("name the parameter: params.NAME"));
		return;
	}
	for (size_t i = 0; i < g->nparams; i++)
		if (str_eq(g->params[i].name, path[1]))
			return;
	struct suggestion near = suggest(c->l, path[1], param_at, g, g->nparams);
	issue_in(c, at, _("there is no parameter '%s'%s%s"), word_of(path[1]).s, near.s,
		 near.s[0] ? "" : _("; declare it under params:"));
}

static bool is_needed(const struct graph_node *n, int named)
{
	for (size_t i = 0; i < n->nneeds; i++)
		if (n->needs[i].node == named)
			return true;
	return false;
}

static void check_node(const struct check *c, const char *const *path, size_t npath, size_t at)
{
	static const char *const parts[] = { "outputs", "state" };
	struct load *l = c->l;
	if (!(c->names & NAMES_NODES)) {
		issue_in(c, at, _("nodes cannot be named here; this value is the same for all of them"));
		return;
	}
	int named = npath > 1 ? graph_find(l->g, path[1]) : -1;
	if (named < 0 || l->g->nodes[named].handler != HANDLER_NONE) {
		if (npath < 2)
			issue_in(c, at, _("name the node: nodes.NAME.outputs.… or nodes.NAME.state"));
		else
			issue_in(c, at, _("there is no node '%s'%s"), word_of(path[1]).s,
				 suggest(l, path[1], node_at, l->g, l->g->nnodes - l->g->nhandlers).s);
		return;
	}
	if (npath < 3 || (!str_eq(path[2], parts[0]) && !str_eq(path[2], parts[1]))) {
		issue_in(c, at, _("a node has outputs and a state: nodes.%s.outputs.… or nodes.%s.state"),
			 word_of(path[1]).s, word_of(path[1]).s);
		return;
	}
	const struct node_load *nl = l->current;
	GROW(l->refs, l->nrefs, l->refs_cap);
	struct node_ref *r = &l->refs[l->nrefs++];
	*r = (struct node_ref){ .node = nl->index, .named = named, .v = c->v, .at = at + c->shift,
				.path = xstrdup(str_text(&l->path)) };
	r->direct = nl->node->handler != HANDLER_NONE || is_needed(nl->node, named);
	if (npath > 3 && str_eq(path[2], parts[0]))
		r->output = arena_text(&l->arena, path[3], strlen(path[3]));
}

static void check_each(const struct check *c, const char *const *path, size_t npath, size_t at)
{
	const struct node_load *nl = c->l->current;
	bool group = nl && nl->node->kind == NODE_GROUP;
	bool matrix = group && nl->node->group.naxes > 0;
	bool wants_matrix = str_eq(path[0], "matrix");
	if (group && !(c->names & NAMES_EACH)) {
		issue_in(c, at, _("'%s' is not known here: this is decided once, before the instances are made"),
			 path[0]);
		return;
	}
	if (!group || (wants_matrix && !matrix) || (str_eq(path[0], "item") && matrix)) {
		issue_in(c, at, _("'%s' is known only in a node with %s"), path[0],
			 wants_matrix ? "matrix:" : str_eq(path[0], "item") ? "foreach:" : "matrix: or foreach:");
		return;
	}
	if (!wants_matrix || npath < 2)
		return;
	const char *axes[16];
	size_t n = MIN(nl->node->group.naxes, COUNT(axes));
	for (size_t i = 0; i < n; i++) {
		axes[i] = nl->node->group.axes[i].name;
		if (str_eq(axes[i], path[1]))
			return;
	}
	issue_in(c, at, _("the matrix has no axis '%s'%s"), word_of(path[1]).s,
		 suggest_of(c->l, path[1], axes, n).s);
}

static void check_env(const struct check *c, const char *const *path, size_t npath, size_t at)
{
	if (npath < 2) {
		issue_in(c, at, _("name the variable: env.NAME"));
		return;
	}
	/* LC_… and XDG_… come along as a family. */
	if (smap_get(&c->l->env, path[1]) || str_starts(path[1], "LC_") || str_starts(path[1], "XDG_"))
		return;
	const struct node_load *nl = c->l->current;
	for (size_t i = 0; nl && i < nl->work->nenv; i++)
		if (str_eq(nl->work->env[i].name, path[1]))
			return;
	issue_in(c, at, _("no variable '%s' is set here; set it above under env:, or let it through with "
			  "pass_env:"), word_of(path[1]).s);
}

static void check_run(const struct check *c, const char *const *path, size_t npath, size_t at)
{
	static const char *const parts[] = { "id", "generation", "workflow", "result", "failed_node" };
	for (size_t i = 0; i < COUNT(parts); i++)
		if (npath == 2 && str_eq(path[1], parts[i]))
			return;
	issue_in(c, at, _("of the run there are run.id, generation, workflow, result and failed_node%s"),
		 npath > 1 ? suggest_of(c->l, path[1], parts, COUNT(parts)).s : "");
}

static void check_workspace(const struct check *c, const char *const *path, size_t npath, size_t at)
{
	if (!(c->names & NAMES_WORKSPACE))
		issue_in(c, at, _("the workspace is not known here yet"));
	else if (npath != 2 || !str_eq(path[1], "path"))
		issue_in(c, at, _("of the workspace there is workspace.path"));
}

/* clang-format off */
static const struct {
	const char *name;
	void (*check)(const struct check *c, const char *const *path, size_t npath, size_t at);
} roots[] = {
	{ "params", check_param }, { "nodes", check_node }, { "matrix", check_each },
	{ "item", check_each }, { "index", check_each }, { "env", check_env }, { "run", check_run },
	{ "workspace", check_workspace },
};
/* clang-format on */

static void check_name(void *ctx, const char *const *path, size_t npath, size_t at)
{
	const struct check *c = ctx;
	const char *names[COUNT(roots)];
	for (size_t i = 0; i < COUNT(roots); i++) {
		names[i] = roots[i].name;
		if (str_eq(roots[i].name, path[0])) {
			roots[i].check(c, path, npath, at);
			return;
		}
	}
	const struct graph *g = c->l->g;
	bool is_param = false;
	for (size_t i = 0; i < g->nparams && !is_param; i++)
		is_param = str_eq(g->params[i].name, path[0]);
	struct word w = word_of(path[0]);
	if (is_param)
		issue_in(c, at, _("'%s' is a parameter: write params.%s"), w.s, w.s);
	else if (graph_find(g, path[0]) >= 0)
		issue_in(c, at, _("'%s' is a node: write nodes.%s.outputs.… or nodes.%s.state"), w.s, w.s, w.s);
	else
		issue_in(c, at, _("'%s' means nothing here%s; names begin with params, nodes, env, run, workspace, "
				  "matrix, item or index, and a text stands in quotes"),
			 w.s, suggest_of(c->l, path[0], names, COUNT(names)).s);
}

static void check_outcome(struct load *l, const struct tree *v, unsigned int names)
{
	if (!(names & NAMES_OUTCOME))
		issue(l, v, _("success(), failure(), always() and canceled() can be asked in when: alone"));
}

void check_tmpl(struct load *l, const struct tree *v, const struct tmpl *t, unsigned int names)
{
	struct check c = { .l = l, .v = v, .names = names };
	if (tmpl_literal(t))
		return;
	tmpl_names(t, check_name, &c);
	if (tmpl_asks_outcome(t))
		check_outcome(l, v, names);
}

void check_expr(struct load *l, const struct tree *v, const struct expr *e, unsigned int names,
		size_t shift)
{
	struct check c = { .l = l, .v = v, .names = names, .shift = shift };
	expr_names(e, check_name, &c);
	if (expr_asks_outcome(e))
		check_outcome(l, v, names);
}

/* ---- nodes named must come before ---- */

/* Which of up to 64 named nodes come before each node, as bits: one pass over the edges in the order of
 * `order` (needed ones first). */
static void spread(const struct graph *g, const int *order, size_t norder, uint64_t *bits)
{
	for (size_t i = 0; i < norder; i++) {
		const struct graph_node *n = &g->nodes[order[i]];
		for (size_t j = 0; j < n->nneeds; j++)
			bits[order[i]] |= bits[n->needs[j].node];
	}
}

static int compare_refs(const void *a, const void *b)
{
	const struct node_ref *x = a, *y = b;
	return x->named != y->named ? (x->named < y->named ? -1 : 1) : x->v->line - y->v->line;
}

/* What work of a kind gives besides what it declares. */
/* clang-format off */
static const struct { enum node_kind kind; const char *name; } given_outputs[] = {
	{ NODE_HTTP, "status" }, { NODE_HTTP, "content_type" }, { NODE_HTTP, "location" }, { NODE_HTTP, "etag" },
	{ NODE_HTTP, "error" }, { NODE_HTTP, "retry_after_ms" },
	{ NODE_AGENT, "text" }, { NODE_AGENT, "structured" }, { NODE_AGENT, "session_id" }, { NODE_AGENT, "model" },
	{ NODE_AGENT, "cost_usd" }, { NODE_AGENT, "input_tokens" }, { NODE_AGENT, "output_tokens" },
	{ NODE_AGENT, "total_tokens" }, { NODE_AGENT, "turns" }, { NODE_AGENT, "tool_calls" },
	{ NODE_PUBLISH, "branch" }, { NODE_PUBLISH, "commit" }, { NODE_PUBLISH, "files" }, { NODE_PUBLISH, "pushed" },
	{ NODE_PUBLISH, "pr_url" }, { NODE_PUBLISH, "pr_number" },
	{ NODE_PATCH, "patch" }, { NODE_PATCH, "files" }, { NODE_PATCH, "added" }, { NODE_PATCH, "removed" },
	{ NODE_PATCH, "commit" },
	{ NODE_LLM, "text" }, { NODE_LLM, "json" }, { NODE_LLM, "provider" }, { NODE_LLM, "model" }, { NODE_LLM, "stop" },
};
/* clang-format on */

/* The outputs that a node is known to give; none when it may give any. */
static size_t outputs_of(const struct graph_node *n, const char **names, size_t max)
{
	const struct graph_node *work = n->kind == NODE_GROUP ? n->group.body : n;
	size_t count = 0;
	if (work->kind == NODE_AGENT && !work->noutputs)
		return 0; /* it may write what it likes */
	for (size_t i = 0; i < work->noutputs && count < max; i++)
		names[count++] = work->outputs[i];
	for (size_t i = 0; work->kind == NODE_HTTP && i < work->http.noutputs && count < max; i++)
		names[count++] = work->http.outputs[i].name;
	for (size_t i = 0; i < COUNT(given_outputs) && count < max; i++)
		if (given_outputs[i].kind == work->kind && !(str_eq(given_outputs[i].name, "json") && !work->llm.schema_json))
			names[count++] = given_outputs[i].name;
	return count;
}

static PRINTF_LIKE(3, 4) void issue_ref(struct load *l, const struct node_ref *r, const char *fmt, ...)
{
	auto_str message = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&message, fmt, ap);
	va_end(ap);
	int line, column;
	place_in(l, r->v, r->at, &line, &column);
	report_add(l->report, l->file, line, column, r->path, "%s", str_text(&message));
}

static void judge_output(struct load *l, const struct node_ref *r)
{
	const char *names[256];
	size_t n = r->output ? outputs_of(&l->g->nodes[r->named], names, COUNT(names)) : 0;
	for (size_t i = 0; i < n; i++)
		if (str_eq(names[i], r->output))
			return;
	if (n && n < COUNT(names))
		issue_ref(l, r, _("'%s' declares no output '%s'%s"), l->g->nodes[r->named].name,
			  word_of(r->output).s, suggest_of(l, r->output, names, n).s);
}

static void judge_ref(struct load *l, const struct node_ref *r, bool before)
{
	const char *name = l->g->nodes[r->named].name;
	if (r->named == r->node)
		issue_ref(l, r, _("a node cannot use what it gives itself"));
	else if (!before && !r->direct)
		issue_ref(l, r, _("'%s' may not have run by then: add %s to the needs of %s"), name, name,
			  l->g->nodes[r->node].name);
	else
		judge_output(l, r);
}

static bool all_direct(const struct node_ref *refs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!refs[i].direct)
			return false;
	return true;
}

void load_refs(struct load *l, const int *order, size_t norder)
{
	const struct graph *g = l->g;
	if (!l->nrefs || norder < g->nnodes)
		return; /* none, or there are cycles: "before" means nothing */
	qsort(l->refs, l->nrefs, sizeof(*l->refs), compare_refs);
	auto_free uint64_t *bits = xmalloc(g->nnodes * sizeof(*bits));
	for (size_t from = 0, to; from < l->nrefs; from = to) {
		memset(bits, 0, g->nnodes * sizeof(*bits));
		size_t named = 0;
		for (to = from; to < l->nrefs; to++) {
			bool next = to == from || l->refs[to].named != l->refs[to - 1].named;
			if (next && named == 64)
				break;
			named += next;
			bits[l->refs[to].named] |= 1ULL << (named - 1);
		}
		if (!all_direct(l->refs + from, to - from))
			spread(g, order, norder, bits);
		size_t bit = 0;
		for (size_t i = from; i < to; i++) {
			bit += i > from && l->refs[i].named != l->refs[i - 1].named;
			judge_ref(l, &l->refs[i], bits[l->refs[i].node] >> bit & 1);
		}
	}
}
