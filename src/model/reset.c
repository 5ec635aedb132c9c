/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/reset.h"

#include <assert.h>

static const char *const modes[] = { "retry", "resume_from", "only" };
static const char *const verdicts[] = { "open", "kept", "rerun", "stale" };
/* clang-format off */
static const char *const whys[] = {
	[WHY_NOTHING]    = "",
	[WHY_CHOSEN]     = N_("it was named"),
	[WHY_FAILED]     = N_("it did not succeed"),
	[WHY_AFTER]      = N_("it needs %s, which runs again"),
	[WHY_SKIPPED]    = N_("it was skipped, and may run now"),
	[WHY_HANDLER]    = N_("it runs at the end of every generation"),
	[WHY_UNAFFECTED] = N_("nothing that it needs runs again"),
	[WHY_NOT_RUN]    = N_("it has not run yet"),
};
/* clang-format on */
static_assert(COUNT(modes) == RESET_MODE_COUNT, "every mode has a name");
static_assert(COUNT(verdicts) == VERDICT_COUNT, "every verdict has a name");
static_assert(COUNT(whys) == WHY_COUNT, "every reason has a text");

const char *reset_mode_name(enum reset_mode m)
{
	return modes[m];
}

const char *reset_verdict_name(enum reset_verdict v)
{
	return verdicts[v];
}

const char *reset_why_text(enum reset_why w)
{
	return whys[w];
}

static void first_verdict(const struct graph_node *n, enum node_state state, struct reset_row *row)
{
	*row = (struct reset_row){ VERDICT_KEPT, WHY_UNAFFECTED, -1 };
	if (n->handler != HANDLER_NONE)
		*row = (struct reset_row){ state == NODE_PENDING ? VERDICT_OPEN : VERDICT_RERUN, WHY_HANDLER, -1 };
	else if (!state_final(ENTITY_NODE, (int)state) && state != NODE_RETRYING && state != NODE_WAITING)
		*row = (struct reset_row){ VERDICT_OPEN, WHY_NOT_RUN, -1 };
}

/* Mark everything after what runs again, breadth first: each node and edge once. -1, or a node that is in the
 * middle of its work (a group or sub-workflow of a paused run) and would have to begin anew. */
static int follow(const struct graph *g, const enum node_state *states, enum reset_mode mode,
		   struct reset_row *rows, int *queue, size_t n)
{
	int busy = -1;
	for (size_t i = 0; i < n; i++) {
		const struct graph_node *from = &g->nodes[queue[i]];
		for (size_t k = 0; k < from->nfeeds; k++) {
			int to = from->feeds[k];
			if (rows[to].verdict == VERDICT_OPEN && states[to] != NODE_PENDING)
				busy = to;
			if (rows[to].verdict != VERDICT_KEPT)
				continue;
			bool skipped = states[to] == NODE_SKIPPED;
			rows[to].verdict = mode == RESET_ONLY && !skipped ? VERDICT_STALE : VERDICT_RERUN;
			rows[to].why = skipped ? WHY_SKIPPED : WHY_AFTER;
			rows[to].node = queue[i];
			queue[n++] = to;
		}
	}
	return busy;
}

enum err_code reset_plan(const struct graph *g, const enum node_state *states, enum reset_mode mode,
			 const int *named, size_t nnamed, struct reset_row *ret, struct err *err)
{
	if (nnamed == 0 && mode != RESET_RETRY)
		return err_set(err, ERR_USAGE, _("name the node to start again from"));
	int *queue = xcalloc(g->nnodes + 1, sizeof(*queue));
	size_t n = 0;
	for (size_t i = 0; i < g->nnodes; i++)
		first_verdict(&g->nodes[i], states[i], &ret[i]);
	for (size_t i = 0; i < nnamed; i++) {
		struct reset_row *row = &ret[named[i]];
		if (row->verdict != VERDICT_KEPT)
			continue;
		*row = (struct reset_row){ VERDICT_RERUN, WHY_CHOSEN, -1 };
		queue[n++] = named[i];
	}
	/* What failed would only fail the run again, so it goes along, unless just some of it was asked for. */
	for (size_t i = 0; i < g->nnodes && (nnamed == 0 || mode == RESET_FROM); i++) {
		if (ret[i].verdict != VERDICT_KEPT || (states[i] != NODE_FAILED && states[i] != NODE_CANCELED))
			continue;
		ret[i] = (struct reset_row){ VERDICT_RERUN, WHY_FAILED, -1 };
		queue[n++] = (int)i;
	}
	size_t started = n;
	int busy = follow(g, states, mode, ret, queue, n);
	free(queue);
	if (started > 0 && busy >= 0 && mode != RESET_ONLY)
		return err_set(err, ERR_CONFLICT,
			       _("%s is in the middle of its work with what would run again; let it end first"),
			       g->nodes[busy].name);
	if (started > 0)
		return ERR_OK;
	return err_set(err, ERR_CONFLICT, mode == RESET_RETRY ? _("no node of it has failed") :
							       _("the node has not run yet; there is nothing to go back to"));
}
