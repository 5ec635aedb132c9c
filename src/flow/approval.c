/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: questions to people. */
#include "flow/keys.h"

#include <string.h>

#define APPROVAL_RETRIES_MAX 1000
#define CHOICE(c) (1U << (c))

/* ---- approvals ---- */

static int load_choice(struct load *l, const struct tree *v)
{
	const char *words[APPROVAL_CHOICE_COUNT];
	for (size_t i = 0; i < COUNT(words); i++)
		words[i] = approval_choice_name((enum approval_choice)i);
	return load_word(l, v, words, COUNT(words));
}

KEY(approval_ask)
{
	struct node_load *nl = target;
	nl->work->approval.ask = load_scalar(l, v) ? load_tmpl(l, v, nl->names) : NULL;
	if (nl->work->approval.ask && v->len == 0)
		issue(l, v, _("the question is empty"));
}

KEY(approval_choices)
{
	struct node_approval *a = &((struct node_load *)target)->work->approval;
	size_t i = 0;
	a->choices = 0;
	const struct tree *first = v->kind == TREE_LIST ? v->first : v;
	if (!first)
		issue(l, v, _("the list is empty; without it there are continue, retry, skip and abort"));
	for (const struct tree *e = first; e; e = v->kind == TREE_LIST ? e->next : NULL) {
		size_t before = v->kind == TREE_LIST ? path_push_index(l, i++) : l->path.len;
		int which = load_choice(l, e);
		if (which >= 0 && a->choices & CHOICE(which))
			issue(l, e, _("'%s' is named twice; once is enough"), e->text);
		if (which >= 0)
			a->choices |= CHOICE(which);
		path_pop(l, before);
	}
}

KEY(approval_roles)
{
	struct node_approval *a = &((struct node_load *)target)->work->approval;
	a->roles = load_texts(l, v, WORDS_MAX, &a->nroles);
	for (size_t i = 0; i < a->nroles; i++)
		load_name(l, v, a->roles[i], false);
}

KEY(approval_timeout)
{
	load_duration(l, v, &((struct node_load *)target)->work->approval.timeout_ms);
}

KEY(approval_on_timeout)
{
	struct node_load *nl = target;
	int which = load_choice(l, v);
	if (which == APPROVAL_REDIRECT)
		issue(l, v, _("where to go is for a person to say; on_timeout: is abort, continue, skip or retry"));
	else if (which >= 0)
		nl->work->approval.on_timeout = (enum approval_choice)which;
}

KEY(approval_retries)
{
	int64_t n;
	if (load_int(l, v, 1, APPROVAL_RETRIES_MAX, &n))
		((struct node_load *)target)->work->approval.retries = (int)n;
}

static const char *node_at(const void *ctx, size_t i)
{
	return ((const struct graph *)ctx)->nodes[i].name;
}

static void add_target(struct load *l, const struct tree *e, struct node_load *nl)
{
	struct node_approval *a = &nl->work->approval;
	const struct graph *g = l->g;
	if (!load_scalar(l, e))
		return;
	int which = graph_find(g, e->text);
	size_t nnodes = g->nnodes - g->nhandlers;
	if (which < 0 || (size_t)which >= nnodes)
		issue(l, e, _("there is no node '%s'%s"), word_of(e->text).s, suggest(l, e->text, node_at, g, nnodes).s);
	else if (which == nl->index)
		issue(l, e, _("this is the question itself; to: names nodes where the run can go on"));
	else
		a->to[a->nto++] = which;
}

KEY(approval_to)
{
	struct node_load *nl = target;
	size_t i = 0, n = v->kind == TREE_LIST ? v->n : 1;
	if (!n || n > ENTRIES_MAX) {
		issue(l, v, _("1 to %d nodes are wanted here"), ENTRIES_MAX);
		return;
	}
	nl->work->approval.to = xcalloc(n, sizeof(int));
	for (const struct tree *e = v->kind == TREE_LIST ? v->first : v; e; e = v->kind == TREE_LIST ? e->next : NULL) {
		size_t before = v->kind == TREE_LIST ? path_push_index(l, i++) : l->path.len;
		add_target(l, e, nl);
		path_pop(l, before);
	}
}

static void check_approval(struct load *l, const struct tree *v, struct node_approval *a)
{
	const struct tree *choices = tree_get(v, "choices"), *to = tree_get(v, "to");
	bool redirects = a->choices & CHOICE(APPROVAL_REDIRECT);
	if (!choices && to)
		a->choices |= CHOICE(APPROVAL_REDIRECT);
	else if (to && !redirects)
		issue_key(l, to, _("to: is where redirect goes, and redirect is not among the choices"));
	if (choices && redirects && !to)
		issue(l, choices, _("redirect to where? name the nodes under to:"));
	const struct tree *on_timeout = tree_get(v, "on_timeout");
	if (on_timeout && !tree_get(v, "timeout"))
		issue_key(l, on_timeout, _("without timeout: it waits for ever"));
	const struct tree *retries = tree_get(v, "retries");
	if (retries && a->on_timeout != APPROVAL_RETRY)
		issue_key(l, retries, _("retries: says how often on_timeout: retry asks anew; without that it means nothing"));
}

KEY(node_approval)
{
	struct node_load *nl = target;
	struct node_approval *a = &nl->work->approval;
	a->choices = CHOICE(APPROVAL_CONTINUE) | CHOICE(APPROVAL_RETRY) | CHOICE(APPROVAL_SKIP) | CHOICE(APPROVAL_ABORT);
	a->on_timeout = APPROVAL_ABORT;
	a->retries = APPROVAL_RETRIES;
	if (nl->node->kind == NODE_GROUP)
		issue_key(l, v, _("one question is asked once; matrix: and foreach: do not go with approval:"));
	if (nl->node->handler)
		issue_key(l, v, _("a handler asks nobody; approval: belongs to nodes"));
	if (v->kind == TREE_TEXT) {
		approval_ask(l, v, nl);
		return;
	}
	if (v->kind == TREE_MAP && !tree_get(v, "ask"))
		issue(l, v, _("what is the question? write it under ask:"));
	load_map(l, v, &flow_approval_keys, nl);
	if (v->kind == TREE_MAP)
		check_approval(l, v, a);
}
