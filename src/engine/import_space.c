/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The folders of an imported run: plain ones beneath this home, whatever they were, with the files of the newest
 * snapshot that the file has of each. */
#include "engine/carry_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_own(const struct import_run *r, size_t stream)
{
	const struct graph_workspace *main = &r->graph->streams[0].workspace;
	if (stream == 0)
		return r->parent == SIZE_MAX || main->kind != WORKSPACE_SCRATCH;
	return r->graph->streams[stream].declared || main->kind != WORKSPACE_FOLDER;
}

static int stream_of(const struct import *x, size_t run, int idx)
{
	const struct graph *g = x->runs[run].graph;
	if (idx >= 0 && (size_t)idx < g->nnodes)
		return g->nodes[idx].stream;
	for (size_t k = 0; k < x->rows[CARRY_INSTANCE].n; k++) {
		int64_t parent = import_number(x, CARRY_INSTANCE, k, "parent");
		if (import_number(x, CARRY_INSTANCE, k, "run") == x->runs[run].id &&
		    import_number(x, CARRY_INSTANCE, k, "idx") == idx && parent >= 0 && (size_t)parent < g->nnodes)
			return g->nodes[parent].stream;
	}
	return 0;
}

/* Whose folder a workstream of a run works in. */
static struct import_space *owner(const struct import *x, size_t run, size_t stream)
{
	while (stream < x->runs[run].graph->nstreams && !is_own(&x->runs[run], stream)) {
		if (stream > 0) {
			stream = 0;
			continue;
		}
		int s = stream_of(x, x->runs[run].parent, x->runs[run].parent_node);
		run = x->runs[run].parent;
		stream = (size_t)s;
	}
	for (size_t i = 0; i < x->nspaces; i++)
		if (x->spaces[i].run == run && x->spaces[i].stream == (int)stream)
			return &x->spaces[i];
	return NULL;
}

static size_t run_index(const struct import *x, int64_t id)
{
	for (size_t i = 0; i < x->nruns; i++)
		if (x->runs[i].id == id)
			return i;
	return SIZE_MAX;
}

static void set_tree(struct import_space *s, const char *tree, int64_t seq)
{
	if (!s || !tree || seq < s->seq)
		return;
	(void)snprintf(s->tree, sizeof(s->tree), "%s", tree);
	s->seq = seq;
}

static void find_trees(struct import *x)
{
	for (size_t k = 0; k < x->rows[CARRY_CHECKPOINT].n; k++) {
		size_t run = run_index(x, import_number(x, CARRY_CHECKPOINT, k, "run"));
		size_t stream = (size_t)import_number(x, CARRY_CHECKPOINT, k, "stream");
		if (run != SIZE_MAX && stream < x->runs[run].graph->nstreams)
			set_tree(owner(x, run, stream), import_text(x, CARRY_CHECKPOINT, k, "tree"),
				 import_number(x, CARRY_CHECKPOINT, k, "seq"));
	}
	/* What a worktree was when it was given back is newer than any checkpoint. */
	for (size_t k = 0; k < x->rows[CARRY_WORKSPACE].n; k++) {
		size_t run = run_index(x, import_number(x, CARRY_WORKSPACE, k, "run"));
		size_t stream = (size_t)import_number(x, CARRY_WORKSPACE, k, "stream");
		int64_t state = import_number(x, CARRY_WORKSPACE, k, "state");
		bool released = (state == SPACE_RELEASED || state == SPACE_REMOVING) &&
				import_number(x, CARRY_WORKSPACE, k, "kind") == WORKSPACE_REPO;
		if (run != SIZE_MAX && stream < x->runs[run].graph->nstreams && released)
			set_tree(owner(x, run, stream), import_text(x, CARRY_WORKSPACE, k, "tree"), INT64_MAX);
	}
}

static void set_text(struct import *x, struct carry_cell *c, const char *text)
{
	c->null = text == NULL;
	c->len = text ? strlen(text) : 0;
	c->s = text ? arena_text(&x->texts, text, c->len) : NULL;
}

/* A row for each that was not a scratch folder: those follow from the run. */
static void make_rows(struct import *x)
{
	struct import_rows *r = &x->rows[CARRY_WORKSPACE];
	r->n = 0;
	r->width = x->columns[CARRY_WORKSPACE].n;
	for (size_t i = 0; i < x->nspaces; i++) {
		const struct import_space *s = &x->spaces[i];
		if (s->scratch)
			continue;
		x->moved = true;
		if (r->n == r->cap) {
			r->cap = r->cap ? r->cap * 2 : 8;
			r->v = xreallocarray(r->v, r->cap * r->width, sizeof(*r->v));
		}
		size_t k = r->n++;
		for (size_t c = 0; c < r->width; c++)
			r->v[k * r->width + c] =
				(struct carry_cell){ .type = x->columns[CARRY_WORKSPACE].v[c].type, .null = true };
		static const char *const numbers[] = { "run", "stream", "kind", "state" };
		const int64_t values[] = { x->runs[s->run].id, s->stream, WORKSPACE_SCRATCH, SPACE_HELD };
		for (size_t c = 0; c < COUNT(numbers); c++) {
			struct carry_cell *cell = import_cell(x, CARRY_WORKSPACE, k, numbers[c]);
			cell->null = false;
			cell->i = values[c];
		}
		set_text(x, import_cell(x, CARRY_WORKSPACE, k, "path"), s->path);
		set_text(x, import_cell(x, CARRY_WORKSPACE, k, "tree"), s->tree[0] ? s->tree : NULL);
	}
}

static char *folder_of(const struct import *x, const struct import_run *r, size_t stream)
{
	const char *name = stream ? r->graph->streams[stream].name : "";
	char *path = xasprintf("%s/runs/%s/work%s%s", x->home, id_text('r', r->id).s, stream ? "-" : "", name);
	for (char *p = path + strlen(path) - strlen(name); *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			*p = '_';
	return path;
}

void import_spaces(struct import *x)
{
	for (size_t i = 0; i < x->nruns; i++) {
		const struct import_run *r = &x->runs[i];
		for (size_t k = 0; k < r->graph->nstreams; k++) {
			if (!is_own(r, k))
				continue;
			GROW(x->spaces, x->nspaces, x->capspaces);
			x->spaces[x->nspaces++] = (struct import_space){
				.run = i, .stream = (int)k, .path = folder_of(x, r, k),
				.scratch = r->graph->streams[k].workspace.kind == WORKSPACE_SCRATCH };
		}
	}
	find_trees(x);
	for (size_t k = 0; k < x->rows[CARRY_RUN].n; k++) {
		size_t run = run_index(x, import_number(x, CARRY_RUN, k, "id"));
		const struct import_space *s = owner(x, run, 0);
		set_text(x, import_cell(x, CARRY_RUN, k, "workspace"), s ? s->path : x->home);
	}
	make_rows(x);
}
