/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: patches. */
#include "flow/keys.h"

#include <string.h>

#define STRIP_MAX 20
#define COUNT_MAX 1000000

static struct node_patch *patch_of(void *target)
{
	return &((struct node_load *)target)->work->patch;
}

KEY(patch_file)
{
	struct node_load *nl = target;
	nl->work->patch.file = load_scalar(l, v) ? load_tmpl(l, v, nl->names) : NULL;
	const char *text = nl->work->patch.file ? tmpl_literal(nl->work->patch.file) : NULL;
	if (text)
		(void)load_path(l, v, text);
}

KEY(patch_text)
{
	struct node_load *nl = target;
	nl->work->patch.text = load_prompt(l, v, nl->names);
}

KEY(patch_strip)
{
	int64_t n = 1;
	if (load_int(l, v, 0, STRIP_MAX, &n))
		patch_of(target)->strip = (int)n;
}

KEY(patch_paths)
{
	struct node_patch *p = patch_of(target);
	struct graph_check scope = { .kind = CHECK_PATHS };
	if (v->kind == TREE_MAP && !v->n)
		issue(l, v, _("which paths? write allow: or deny: with patterns such as src/**, or max_file:"));
	load_map(l, v, &flow_paths_keys, &scope);
	p->allow = scope.allow;
	p->nallow = scope.nallow;
	p->deny = scope.deny;
	p->ndeny = scope.ndeny;
	p->max_file = scope.max_file;
}

static void load_count(struct load *l, const struct tree *v, size_t *ret)
{
	int64_t n;
	if (load_int(l, v, 1, COUNT_MAX, &n))
		*ret = (size_t)n;
}

KEY(patch_max_files)
{
	load_count(l, v, &patch_of(target)->max_files);
}

KEY(patch_max_lines)
{
	load_count(l, v, &patch_of(target)->max_lines);
}

KEY(patch_binary)
{
	load_bool(l, v, &patch_of(target)->binary);
}

KEY(patch_modes)
{
	load_bool(l, v, &patch_of(target)->modes);
}

KEY(patch_symlinks)
{
	load_bool(l, v, &patch_of(target)->symlinks);
}

/* ---- commit ---- */

KEY(commit_message)
{
	struct node_load *nl = target;
	nl->work->patch.message = load_scalar(l, v) ? load_tmpl(l, v, nl->names) : NULL;
	if (nl->work->patch.message && v->len == 0)
		issue(l, v, _("the message is empty; without it the names of workflow, node and run are written"));
}

KEY(commit_author)
{
	struct node_load *nl = target;
	nl->work->patch.author = load_scalar(l, v) ? load_tmpl(l, v, nl->names) : NULL;
	const char *text = nl->work->patch.author ? tmpl_literal(nl->work->patch.author) : NULL;
	const char *less = text ? strchr(text, '<') : NULL;
	if (text && (!less || less == text || less[1] == '>' || !strchr(less, '>')))
		issue(l, v, _("an author is written as NAME <ADDRESS>"));
}

KEY(patch_commit)
{
	struct node_load *nl = target;
	nl->work->patch.commit = true;
	if (v->kind == TREE_MAP)
		load_map(l, v, &flow_commit_keys, nl);
	else
		load_bool(l, v, &nl->work->patch.commit);
}

/* ---- taking back ---- */

KEY(compensate_shell)
{
	struct graph_command *c = target;
	if (v->kind == TREE_LIST)
		issue(l, v, _("the shell of a compensation is sh, bash or python3; a list under run: is executed without one"));
	else
		load_shell(l, v, &c->shell, &c->shell_argv);
}

KEY(compensate_run)
{
	load_command(l, v, target);
}

KEY(patch_compensate)
{
	struct node_patch *p = patch_of(target);
	static const char *const words[] = { "revert", "manual" };
	if (v->kind == TREE_MAP) {
		p->compensate = COMPENSATE_RUN;
		p->command = xcalloc(1, sizeof(*p->command));
		if (!tree_get(v, "run"))
			issue(l, v, _("which command? write it under run:"));
		load_map(l, v, &flow_compensate_keys, p->command);
		return;
	}
	int which = load_word(l, v, words, COUNT(words));
	if (which >= 0)
		p->compensate = which == 0 ? COMPENSATE_REVERT : COMPENSATE_MANUAL;
}

/* ---- the node ---- */

KEY(node_patch)
{
	struct node_load *nl = target;
	struct node_patch *p = &nl->work->patch;
	p->strip = 1;
	if (nl->node->handler)
		issue_key(l, v, _("a handler changes no files of the run; patch: belongs to nodes"));
	if (v->kind != TREE_MAP) {
		issue(l, v, _("patch: is a map: {file: PATH} or {text: \"${{ nodes.NAME.outputs.text }}\"}"));
		return;
	}
	const struct tree *file = tree_get(v, "file"), *text = tree_get(v, "text");
	if (!file && !text)
		issue(l, v, _("where is the diff? write file: or text:"));
	else if (file && text)
		issue_key(l, file, _("the diff is in one place; file: and text: exclude each other"));
	load_map(l, v, &flow_patch_keys, nl);
	const struct graph_stream *s = &l->g->streams[nl->node->stream];
	bool scratch = (s->declared || nl->node->stream == 0 ? s : l->g->streams)->workspace.kind == WORKSPACE_SCRATCH;
	const struct tree *commit = tree_get(v, "commit");
	if (commit && p->commit && scratch)
		issue_key(l, commit, _("there is no repository to commit to; declare workspace: {repo: PATH}, or remove commit:"));
}
