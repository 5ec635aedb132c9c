/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checkpoints: what is kept with each success, so that a run can go back to it. */
#include "engine/engine_internal.h"

#include <string.h>

static const char *why_no_files(const struct space *sp)
{
	if (sp->shared)
		return N_("the folder is shared with other runs");
	if (sp->policy == SNAPSHOT_OFF)
		return N_("the workflow says snapshot: off");
	if (sp->policy == SNAPSHOT_GATES)
		return N_("the workflow says snapshot: gates, and this is none");
	return sp->why_not ? sp->why_not : N_("no snapshot was taken");
}

void checkpoint_node(struct engine *e, struct node *n, int64_t seq)
{
	struct run *r = n->run;
	const struct space *sp = node_space(n);
	/* What the engine did itself has no attempt whose end a snapshot was taken at: the newest one it is. */
	const char *newest = sp->policy == SNAPSHOT_NODES && sp->tree[0] ? sp->tree : NULL;
	const char *tree = n->tree ? n->tree : newest;
	int stream = sp->run == r ? sp->stream : n->def->stream;
	struct checkpoint_row c = { .run = r->id, .number = ++r->ncheckpoints, .stream = stream, .idx = n->idx,
				    .generation = n->generation, .iteration = n->iteration, .seq = seq,
				    .at_ms = e->now.wall_ms, .tree = tree, .why_not = tree ? NULL : why_no_files(sp),
				    .nleft = tree ? (int64_t)sp->nleft : 0 };
	store_checkpoint_add(e->store, &c);
}

void checkpoint_taken(struct engine *e, struct node *n, const struct checkpoint_row *of)
{
	struct run *r = n->run;
	struct checkpoint_row c = *of;
	c.run = r->id;
	c.number = ++r->ncheckpoints;
	c.idx = n->idx;
	c.generation = n->generation;
	c.iteration = n->iteration;
	c.seq = store_last_seq(e->store);
	store_checkpoint_add(e->store, &c);
}

void checkpoint_start(struct engine *e, struct run *r)
{
	for (size_t i = 0; i < r->graph->nstreams; i++) {
		const struct space *sp = r->spaces[i];
		/* A fork's beginning is that of the other run: all that it took over came after. */
		const char *then = fork_start(r, (int)i);
		bool known = (then || sp->tree[0]) && sp->policy != SNAPSHOT_OFF;
		struct checkpoint_row c = { .run = r->id, .number = 0, .stream = (int)i, .idx = -1, .generation = 1,
					    .seq = store_last_seq(e->store), .at_ms = e->now.wall_ms,
					    .tree = !known ? NULL : then ? then : sp->tree,
					    .why_not = known ? NULL : why_no_files(sp), .nleft = (int64_t)sp->nleft };
		store_checkpoint_add(e->store, &c);
	}
}
