/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: matrix and foreach. */
#include "flow/keys.h"

#define AXES_MAX 8
#define INSTANCES_MAX 10000

/* The product of the axes, as far as it is known before the run. */
static void check_size(struct load *l, const struct tree *v)
{
	double instances = 1;
	for (const struct tree *m = v->first; m; m = m->next)
		if (m->kind == TREE_LIST && m->n)
			instances *= (double)m->n;
	if (instances > INSTANCES_MAX)
		issue(l, v, _("%.0f instances; there may be %d"), instances, INSTANCES_MAX);
}

KEY(node_matrix)
{
	struct node_load *nl = target;
	struct node_group *g = &nl->node->group;
	if (nl->node->kind != NODE_GROUP || !wants_map(l, v))
		return;
	if (tree_get(nl->map, "foreach"))
		issue_key(l, v, _("a node has matrix: or foreach:, not both; a matrix can have a list as one axis"));
	if (!v->n || v->n > AXES_MAX) {
		issue(l, v, _("a matrix has 1 to %d axes, such as {cc: [gcc, clang]}"), AXES_MAX);
		return;
	}
	g->axes = xcalloc(v->n, sizeof(*g->axes));
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		struct tmpl *values = NULL;
		if (str_eq(m->key, "include") || str_eq(m->key, "exclude"))
			issue_key(l, m, _("'%s' is not available; an axis of this name would be confusing, too: "
					  "choose another, or leave instances out with when: inside a script"),
				  m->key);
		else if (load_name(l, m, m->key, true))
			values = load_list(l, m, NAMES_NODES | NAMES_WORKSPACE);
		if (values) {
			g->axes[g->naxes].name = xstrdup(m->key);
			g->axes[g->naxes++].values = values;
		}
		path_pop(l, before);
	}
	check_size(l, v);
}

KEY(node_foreach)
{
	struct node_load *nl = target;
	if (nl->node->kind == NODE_GROUP && !tree_get(nl->map, "matrix"))
		nl->node->group.foreach = load_list(l, v, NAMES_NODES | NAMES_WORKSPACE);
}

static bool in_group(struct load *l, const struct tree *v, const struct node_load *nl)
{
	if (nl->node->kind == NODE_GROUP)
		return true;
	issue_key(l, v, _("this belongs to a node with matrix: or foreach:"));
	return false;
}

KEY(node_max_parallel)
{
	struct node_load *nl = target;
	int64_t n = 0;
	if (in_group(l, v, nl) && load_int(l, v, 1, 10000, &n))
		nl->node->group.max_parallel = (int)n;
}

KEY(node_fail_fast)
{
	struct node_load *nl = target;
	if (in_group(l, v, nl))
		load_bool(l, v, &nl->node->group.fail_fast);
}
