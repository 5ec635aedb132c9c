/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/reset.h"

#include <assert.h>

static const char *const modes[] = { "retry", "resume_from", "only", "rollback" };
static const char *const verdicts[] = { "open", "kept", "rerun", "stale", "ineligible" };
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
	[WHY_LATER]      = N_("it ended after the checkpoint"),
	[WHY_THEN]       = N_("it had ended by the checkpoint"),
	[WHY_FILES]      = N_("it wrote files after the point to which they go back"),
	[WHY_HEALTH]     = N_("it runs after a rollback, never otherwise"),
	[WHY_NEEDS]      = N_("what it needs has changed in the definition"),
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

bool reset_reruns(enum reset_verdict v)
{
	return v == VERDICT_RERUN || v == VERDICT_INELIGIBLE;
}

struct plan {
	const struct graph *g;
	const struct reset_question *q;
	struct reset_row *rows;
	int *queue; /* nodes whose dependents are to be looked at */
	size_t n, at;
	int busy;   /* one that is in the middle of its work and would have to begin anew, -1: none */
};

static void first_verdict(struct plan *p, int i)
{
	const struct graph_node *n = &p->g->nodes[i];
	const struct reset_node *k = &p->q->nodes[i];
	struct reset_row *row = &p->rows[i];
	bool final = state_final(ENTITY_NODE, (int)k->state);
	*row = (struct reset_row){ VERDICT_KEPT, p->q->mode == RESET_BACK ? WHY_THEN : WHY_UNAFFECTED, -1 };
	if (n->handler == HANDLER_GONE)
		*row = (struct reset_row){ VERDICT_OPEN, WHY_NOTHING, -1 };
	else if (n->handler == HANDLER_HEALTH && p->q->mode != RESET_BACK && k->now != NODE_PENDING)
		*row = (struct reset_row){ VERDICT_KEPT, WHY_HEALTH, -1 };
	else if (n->handler != HANDLER_NONE)
		*row = (struct reset_row){ k->now == NODE_PENDING ? VERDICT_OPEN : VERDICT_RERUN,
					   n->handler == HANDLER_HEALTH ? WHY_HEALTH : WHY_HANDLER, -1 };
	else if (p->q->mode == RESET_BACK && !final)
		*row = k->now != NODE_PENDING ? (struct reset_row){ VERDICT_RERUN, WHY_LATER, -1 } :
						(struct reset_row){ VERDICT_OPEN, WHY_NOT_RUN, -1 };
	else if (!final && k->state != NODE_RETRYING && k->state != NODE_WAITING && k->state != NODE_VALIDATING)
		*row = (struct reset_row){ VERDICT_OPEN, WHY_NOT_RUN, -1 };
}

/* Whether it stays because nothing has sent it back yet. */
static bool is_kept(const struct plan *p, int i)
{
	return p->rows[i].verdict == VERDICT_KEPT && p->rows[i].why != WHY_HEALTH;
}

static void rerun(struct plan *p, int i, enum reset_verdict v, enum reset_why why)
{
	p->rows[i] = (struct reset_row){ v, why, -1 };
	p->queue[p->n++] = i;
}

/* Mark everything after what runs again, breadth first: each node and edge once. */
static void follow(struct plan *p)
{
	const struct reset_node *nodes = p->q->nodes;
	for (; p->at < p->n; p->at++) {
		const struct graph_node *from = &p->g->nodes[p->queue[p->at]];
		for (size_t k = 0; k < from->nfeeds; k++) {
			int to = from->feeds[k];
			struct reset_row *row = &p->rows[to];
			if (row->verdict == VERDICT_OPEN && nodes[to].now != NODE_PENDING)
				p->busy = to;
			bool late = row->verdict == VERDICT_INELIGIBLE; /* is in the queue already */
			if (row->verdict != VERDICT_KEPT && !late)
				continue;
			bool skipped = nodes[to].state == NODE_SKIPPED;
			row->verdict = p->q->mode == RESET_ONLY && !skipped ? VERDICT_STALE : VERDICT_RERUN;
			row->why = skipped ? WHY_SKIPPED : WHY_AFTER;
			row->node = p->queue[p->at];
			if (!late)
				p->queue[p->n++] = to;
		}
	}
}

/* What is named, and what failed: that would only fail the run again, so it goes along, unless just some of it
 * was asked for. */
static void begin(struct plan *p)
{
	const struct reset_question *q = p->q;
	for (size_t i = 0; i < q->nnamed; i++)
		if (is_kept(p, q->named[i]))
			rerun(p, q->named[i], VERDICT_RERUN, WHY_CHOSEN);
	follow(p); /* what failed after one that is named begins where that does */
	for (size_t i = 0; i < p->g->nnodes && (q->nnamed == 0 || q->mode == RESET_FROM); i++) {
		enum node_state s = q->nodes[i].state;
		/* A failure that the run got over is a result as others are. */
		bool result = q->mode == RESET_BACK && !p->g->nodes[i].critical;
		bool failed = s == NODE_CANCELED || (s == NODE_FAILED && !result);
		if (is_kept(p, (int)i) && failed)
			rerun(p, (int)i, VERDICT_RERUN, WHY_FAILED);
	}
}

/* What was made when it needed others is not what the definition asks for. */
static void follow_definition(struct plan *p)
{
	for (size_t i = 0; i < p->g->nnodes; i++) {
		const struct reset_node *k = &p->q->nodes[i];
		bool stays = p->q->mode == RESET_ONLY && k->state != NODE_SKIPPED;
		if (k->other_needs && is_kept(p, (int)i))
			rerun(p, (int)i, stays ? VERDICT_STALE : VERDICT_RERUN, WHY_NEEDS);
	}
}

static bool any_open(const struct plan *p)
{
	for (size_t i = 0; i < p->g->nnodes; i++)
		if (p->rows[i].verdict == VERDICT_OPEN && p->g->nodes[i].handler == HANDLER_NONE)
			return true;
	return false;
}

/* Whether the workspace goes back to before this one. What failed elsewhere finds its files as they are. */
static bool moves_files(const struct plan *p, int i)
{
	const struct reset_row *row = &p->rows[i];
	bool by_itself = row->why == WHY_HANDLER || (row->why == WHY_FAILED && p->q->mode != RESET_RETRY);
	return row->verdict == VERDICT_RERUN && p->q->nodes[i].began > 0 && !by_itself;
}

/* Files go back to before the first of those; who wrote in the same workspace since cannot be kept, and what
 * follows from it neither, which may lie in yet another workspace: until nothing changes. */
static void go_back(struct plan *p, int64_t *points)
{
	bool more = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < p->g->nnodes; i++) {
			const struct reset_node *k = &p->q->nodes[i];
			if (moves_files(p, (int)i) && k->began < points[k->space])
				points[k->space] = k->began;
		}
		for (size_t i = 0; i < p->g->nnodes; i++) {
			const struct reset_node *k = &p->q->nodes[i];
			if (!is_kept(p, (int)i) || !k->wrote || k->ended <= points[k->space])
				continue;
			rerun(p, (int)i, VERDICT_INELIGIBLE, WHY_FILES);
			more = true;
		}
		follow(p);
	}
}

enum err_code reset_plan(const struct graph *g, const struct reset_question *q, struct reset_row *ret,
			 int64_t *ret_points, struct err *err)
{
	if (q->nnamed == 0 && (q->mode == RESET_FROM || q->mode == RESET_ONLY))
		return err_set(err, ERR_USAGE, _("name the node to start again from"));
	struct plan p = { .g = g, .q = q, .rows = ret, .queue = xcalloc(g->nnodes + 1, sizeof(int)), .busy = -1 };
	for (size_t i = 0; i < q->nspaces; i++)
		ret_points[i] = RESET_STAYS;
	for (size_t i = 0; i < g->nnodes; i++)
		first_verdict(&p, (int)i);
	begin(&p);
	size_t started = p.n;
	follow(&p);
	follow_definition(&p);
	started += q->mode != RESET_ONLY && p.n > started;
	follow(&p);
	if (q->files && q->mode != RESET_ONLY && q->mode != RESET_BACK)
		go_back(&p, ret_points);
	free(p.queue);
	if (q->mode == RESET_BACK)
		return ERR_OK;
	if (started > 0 && p.busy >= 0 && q->mode != RESET_ONLY)
		return err_set(err, ERR_CONFLICT,
			       _("%s is in the middle of its work with what would run again; let it end first"),
			       g->nodes[p.busy].name);
	if (started > 0 || (q->grown && q->mode != RESET_ONLY && any_open(&p)))
		return ERR_OK;
	return err_set(err, ERR_CONFLICT, q->mode == RESET_RETRY ? _("no node of it has failed") :
								  _("the node has not run yet; there is nothing to go back to"));
}
