/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fsck: a node succeeded exactly when there is a checkpoint of it, and each says either what its files were or
 * why they are not kept. */
#include "engine/fsck_internal.h"
#include "store/check.h"

#include <inttypes.h>
#include <string.h>

static bool is_tree(const char *tree)
{
	return str_eq(tree, SPACE_EMPTY) || (strlen(tree) == 40 && strspn(tree, "0123456789abcdef") == 40);
}

static void read_point(void *ctx, const struct checkpoint_row *c)
{
	struct facts *f = ctx;
	const char *who = fact_name(c->run, -1);
	f->now->checked++;
	if (c->run != f->last_run) {
		f->last_run = c->run;
		f->last_point = 0;
	}
	if (c->number != 0 && c->number != ++f->last_point)
		fsck_wrong(f, _("%s: checkpoint %d comes where %d was due"), who, c->number, f->last_point);
	if (!c->tree == !c->why_not || (c->tree && !is_tree(c->tree)))
		fsck_wrong(f, _("%s: checkpoint %d does not say what its files were"), who, c->number);
	if (c->number == 0)
		return;
	struct fact_node *n = fact_node_find(f, c->run, c->idx, c->generation);
	if (!n || !n->stored || n->state != NODE_SUCCEEDED) {
		fsck_wrong(f, _("%s: checkpoint %d is of a node that did not succeed"), who, c->number);
		return;
	}
	if (n->checkpoints++ > 0)
		fsck_wrong(f, _("%s has two checkpoints"), fact_name(n->run, n->idx));
	if (n->restored ? c->seq < n->last : c->seq != n->last)
		fsck_wrong(f, _("%s succeeded by event %" PRId64 ", its checkpoint names %" PRId64),
			   fact_name(n->run, n->idx), n->last, c->seq);
}

static void read_procedure(void *ctx, const struct procedure_row *p)
{
	struct facts *f = ctx;
	const struct fact_run *r = map_get(&f->runs, (uint64_t)p->run);
	bool over = p->step == STEP_DONE || p->step == STEP_UNDONE;
	bool waits = r && (r->state == RUN_PAUSING || r->state == RUN_PAUSED || r->state == RUN_FROZEN);
	bool fits = p->step == STEP_QUIESCE ? waits : r && over != (r->state == RUN_ROLLING_BACK);
	f->now->checked++;
	if (r && !fits)
		fsck_wrong(f, over ? _("%s is rolling back, but nothing of that is left to do") :
				     _("%s is not rolling back, but that has not ended"),
			   fact_name(p->run, -1));
}

void fsck_points(struct facts *f)
{
	struct err err;
	fsck_begin(f, "checkpoints");
	if (check_checkpoints(f->store, read_point, f, &err))
		fsck_unable(f, &err);
	size_t at = 0;
	const struct fact_node *first;
	while ((first = map_next(&f->nodes, &at)))
		for (const struct fact_node *n = first; n; n = n->same_key)
			if (n->stored && n->state == NODE_SUCCEEDED && !n->checkpoints)
				fsck_wrong(f, _("%s succeeded, but has no checkpoint"), fact_name(n->run, n->idx));
	fsck_begin(f, "ways_back");
	if (check_procedures(f->store, read_procedure, f, &err))
		fsck_unable(f, &err);
}
