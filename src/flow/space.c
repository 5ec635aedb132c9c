/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: workspaces, workstreams and snapshots. */
#include "flow/keys.h"

#include <string.h>

/* ---- a workspace ---- */

static struct tmpl *load_place(struct load *l, const struct tree *v)
{
	struct tmpl *t = load_scalar(l, v) ? load_tmpl(l, v, 0) : NULL;
	if (t && v->len == 0)
		issue(l, v, _("the path is empty; for an empty folder of the run's own write workspace: scratch"));
	return t;
}

KEY(workspace_folder)
{
	struct graph_workspace *w = target;
	w->kind = WORKSPACE_FOLDER;
	w->path = load_place(l, v);
}

KEY(workspace_repo)
{
	struct graph_workspace *w = target;
	if (w->kind == WORKSPACE_FOLDER) {
		issue_key(l, v, _("a workspace is a folder: or a repo:, not both"));
		return;
	}
	w->kind = WORKSPACE_REPO;
	w->path = load_place(l, v);
}

KEY(workspace_base)
{
	struct graph_workspace *w = target;
	if (w->kind != WORKSPACE_REPO) {
		issue_key(l, v, _("base: says where the branch of a repo: begins, and there is none"));
		return;
	}
	w->base = load_scalar(l, v) ? load_tmpl(l, v, 0) : NULL;
	const char *text = w->base ? tmpl_literal(w->base) : NULL;
	if (text && (!*text || *text == '-' || strpbrk(text, " \t\r\n~^:?*[\\")))
		issue(l, v, _("'%s' is no branch, tag or commit"), word_of(text).s);
}

KEY(workspace_shared)
{
	struct graph_workspace *w = target;
	if (load_bool(l, v, &w->shared) && w->shared && w->kind != WORKSPACE_FOLDER)
		issue_key(l, v, _("shared: belongs to a folder:; scratch folders and worktrees are one run's own"));
}

KEY(workspace_include_ignored)
{
	load_bool(l, v, &((struct graph_workspace *)target)->include_ignored);
}

static void load_workspace(struct load *l, const struct tree *v, struct graph_workspace *w)
{
	if (v->kind == TREE_TEXT && str_eq(v->text, "scratch"))
		return;
	if (v->kind == TREE_TEXT)
		issue(l, v, _("a workspace is scratch, {folder: PATH} or {repo: PATH}; did you mean {folder: %s}?"),
		      word_of(v->text).s);
	else if (v->kind == TREE_MAP && !v->n)
		issue(l, v, _("which folder? write {folder: PATH} or {repo: PATH}, or scratch for an empty one"));
	else
		load_map(l, v, &flow_workspace_keys, w);
}

KEY(workflow_workspace)
{
	load_workspace(l, v, &l->g->streams[0].workspace);
	if (l->g->streams[0].workspace.shared)
		l->g->snapshot = SNAPSHOT_OFF;
}

/* ---- workstreams ---- */

KEY(workstream_workspace)
{
	load_workspace(l, v, &((struct graph_stream *)target)->workspace);
}

/* The index of a stream, made if it is new; -1 when there are too many. */
static int find_stream(struct load *l, const struct tree *v, const char *name)
{
	struct graph *g = l->g;
	for (size_t i = 0; i < g->nstreams; i++)
		if (str_eq(g->streams[i].name, name))
			return (int)i;
	if (g->nstreams == STREAMS_MAX) {
		issue(l, v, _("more than %d workstreams"), STREAMS_MAX);
		return -1;
	}
	g->streams = xreallocarray(g->streams, g->nstreams + 1, sizeof(*g->streams));
	g->streams[g->nstreams] = (struct graph_stream){ .name = xstrdup(name) };
	return (int)g->nstreams++;
}

KEY(workflow_workstreams)
{
	if (!wants_map(l, v))
		return;
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		if (str_eq(m->key, "main")) {
			issue_key(l, m, _("main is there by itself; its workspace is workspace: of the workflow"));
		} else if (load_name(l, m, m->key, true) && wants_map(l, m)) {
			int which = find_stream(l, m, m->key);
			struct graph_stream *s = which < 0 ? NULL : &l->g->streams[which];
			if (s)
				s->declared = tree_get(m, "workspace") != NULL;
			if (s)
				load_map(l, m, &flow_workstream_keys, s);
		}
		path_pop(l, before);
	}
}

KEY(node_workstream)
{
	struct node_load *nl = target;
	if (!load_scalar(l, v) || !load_name(l, v, v->text, false))
		return;
	nl->node->stream = nl->work->stream = MAX(find_stream(l, v, v->text), 0);
}

void load_streams_end(struct load *l)
{
	const struct graph_workspace *main = &l->g->streams[0].workspace;
	for (size_t i = 1; i < l->g->nstreams; i++) {
		struct graph_stream *s = &l->g->streams[i];
		if (s->declared)
			continue;
		s->workspace = *main;
		s->workspace.path = main->path ? tmpl_ref(main->path) : NULL;
		s->workspace.base = main->base ? tmpl_ref(main->base) : NULL;
	}
}

/* ---- snapshots ---- */

KEY(workflow_snapshot)
{
	const char *words[SNAPSHOT_POLICY_COUNT];
	for (size_t i = 0; i < COUNT(words); i++)
		words[i] = snapshot_policy_name((enum snapshot_policy)i);
	/* "off" is a text in YAML 1.2; false means the same to a person. */
	int which = v->kind == TREE_BOOL && (v->text[0] | 32) == 'f' ? SNAPSHOT_OFF :
								       load_word(l, v, words, COUNT(words));
	if (which < 0)
		return;
	l->g->snapshot = (enum snapshot_policy)which;
	if (which != SNAPSHOT_OFF && l->g->streams[0].workspace.shared)
		issue(l, v, _("other runs write into a shared folder, too: what is in it cannot be taken back for one; "
			      "remove shared: or write snapshot: off"));
}

KEY(node_checkpoint)
{
	struct node_load *nl = target;
	bool wanted = false;
	if (!load_bool(l, v, &wanted))
		return;
	nl->node->checkpoint = nl->work->checkpoint = wanted;
	if (nl->node->handler)
		issue_key(l, v, _("nobody goes back to a handler; a checkpoint belongs to a node"));
	else if (wanted && l->g->snapshot == SNAPSHOT_OFF)
		issue_key(l, v, _("snapshots are off in this workflow; write snapshot: gates"));
}
