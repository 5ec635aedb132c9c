/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: sub-workflows, and where their texts come from. */
#include "flow/keys.h"
#include "base/fs.h"

#include <string.h>

/* ---- files ---- */

static bool climbs(const char *path)
{
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (str_starts(p, "..") && (p[2] == '/' || !p[2]))
			return true;
	}
	return false;
}

static enum err_code read_file(void *ctx UNUSED, const char *from, const char *name, char **ret,
			       size_t *ret_len, char **ret_file, struct err *err)
{
	if (name[0] == '/' || climbs(name))
		return err_set(err, ERR_FORBIDDEN,
			       _("a sub-workflow lies beside the file that names it, or below: no / at the "
				 "beginning, no .."));
	const char *slash = strrchr(from, '/');
	auto_str path = STR_INIT;
	if (slash)
		str_add_len(&path, from, (size_t)(slash - from) + 1);
	str_add(&path, str_starts(name, "./") ? name + 2 : name);
	enum err_code code = fs_read(str_text(&path), FLOW_MAX, ret, ret_len, err);
	if (!code)
		*ret_file = str_take(&path);
	return code;
}

const struct flow_source flow_files = { .read = read_file, .ctx = NULL };

/* ---- nodes ---- */

/* Whether a file is being loaded already, further up; the chain in words. */
static bool is_recursion(const struct load *l, const char *file, struct str *chain)
{
	bool found = false;
	const struct load *files[FLOW_CHAIN_MAX + 1];
	size_t n = 0;
	for (const struct load *up = l; up && n < COUNT(files); up = up->parent) {
		files[n++] = up;
		found |= str_eq(up->file, file);
	}
	while (n-- > 0)
		str_addf(chain, "%s -> ", word_of(files[n]->file).s);
	str_add(chain, word_of(file).s);
	return found;
}

/* A sub-workflow that came in: compiled, its mistakes in the same report. */
static struct graph *compile(struct load *l, const struct tree *v, const char *file, const char *text,
			     size_t len)
{
	auto_str chain = STR_INIT;
	if (is_recursion(l, file, &chain)) {
		issue(l, v, _("the sub-workflow would contain itself: %s"), str_text(&chain));
		return NULL;
	}
	if (l->depth + 1 > FLOW_CHAIN_MAX) {
		issue(l, v, _("sub-workflows within sub-workflows, more than %d deep: %s"), FLOW_CHAIN_MAX,
		      str_text(&chain));
		return NULL;
	}
	l->shared->bytes += len;
	if (l->shared->bytes > FLOW_SUB_MAX) {
		issue(l, v, _("all sub-workflows together are larger than %d MiB"), FLOW_SUB_MAX / MIB);
		return NULL;
	}
	struct load sub = { .report = l->report, .source = l->source, .parent = l,
			    .depth = l->depth + 1, .shared = l->shared };
	struct graph *g = NULL;
	return load_file(&sub, file, text, len, &g) ? g : NULL;
}

static struct graph *load_sub(struct load *l, const struct tree *v, const char *name)
{
	struct err err = { 0 };
	auto_free char *text = NULL, *file = NULL;
	size_t len = 0;
	if (!l->source) {
		issue(l, v, _("sub-workflows cannot be used here: there is no file to look beside"));
		return NULL;
	}
	if (++l->shared->files > FLOW_FILES_MAX) {
		issue(l, v, _("more than %d sub-workflow files; use matrix: or foreach: for many runs of one"),
		      FLOW_FILES_MAX);
		return NULL;
	}
	if (l->source->read(l->source->ctx, l->file, name, &text, &len, &file, &err) != ERR_OK) {
		issue(l, v, _("the sub-workflow cannot be read: %s"), err.message);
		return NULL;
	}
	return compile(l, v, file, text, len);
}

KEY(node_workflow)
{
	struct node_load *nl = target;
	const char *name = load_scalar(l, v);
	if (!name)
		return;
	if (!*name || strstr(name, "${{")) {
		issue(l, v, _("the name of the file stands here itself, without ${{ }}: it is checked before the "
			      "run"));
		return;
	}
	nl->work->workflow.file = xstrdup(name);
	nl->work->workflow.graph = load_sub(l, v, name);
}

static const char *param_at(const void *ctx, size_t i)
{
	return ((const struct graph *)ctx)->params[i].name;
}

/* Constants are judged now, what an expression gives when the run comes there. */
static void check_constant(struct load *l, const struct tree *m, const struct graph_param *p,
			   const struct tmpl *value)
{
	if (!tmpl_is_constant(value))
		return;
	auto_str json = STR_INIT, out = STR_INIT;
	auto_json *v = NULL;
	struct err err = { 0 };
	enum err_code code = tmpl_value(value, NULL, &json, &err);
	if (!code)
		code = json_parse(str_text(&json), json.len, FLOW_MAX, &v, &err);
	if (!code)
		code = param_check(p, v, &out, &err);
	if (code)
		issue(l, m, "%s", err.message);
}

static void add_param(struct load *l, const struct tree *m, const struct graph *sub,
		      struct node_workflow *w, unsigned int names)
{
	struct tmpl *value = load_value(l, m, names);
	if (!value)
		return;
	w->params[w->nparams++] = (struct graph_env){ xstrdup(m->key), value };
	if (!sub)
		return;
	for (size_t i = 0; i < sub->nparams; i++)
		if (str_eq(sub->params[i].name, m->key)) {
			check_constant(l, m, &sub->params[i], value);
			return;
		}
	issue_key(l, m, _("%s has no parameter '%s'%s"), word_of(w->file).s, word_of(m->key).s,
		  suggest(l, m->key, param_at, sub, sub->nparams).s);
}

KEY(node_params)
{
	struct node_load *nl = target;
	struct node_workflow *w = &nl->work->workflow;
	if (!wants_small_map(l, v))
		return;
	w->params = xcalloc(v->n, sizeof(*w->params));
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		add_param(l, m, w->graph, w, nl->names);
		path_pop(l, before);
	}
}

void check_sub_params(struct load *l, const struct tree *node, const struct node_workflow *w)
{
	const struct tree *given = tree_get(node, "params");
	const struct tree *v = tree_get(node, "workflow");
	for (size_t i = 0; i < w->graph->nparams; i++) {
		const struct graph_param *p = &w->graph->params[i];
		if (p->required && (!given || !tree_get(given, p->name)))
			issue(l, v, _("%s needs the parameter '%s'; give it under params:"), word_of(w->file).s,
			      p->name);
	}
}
