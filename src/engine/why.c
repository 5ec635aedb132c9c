/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why a node ran, did not run, waits, or would run again: the same questions that the scheduler asks, answered one
 * by one and with their values. */
#include "engine/engine_internal.h"
#include "store/steer.h"

#include <string.h>

#define VALUE_MAX 400 /* bytes of a value that is shown */
#define NAMES_MAX 8   /* nodes that are named one by one */

enum err_code run_look(struct engine *e, id_t64 id, struct run **ret, bool *ret_loaded, struct err *err)
{
	*ret = map_get(&e->runs, (uint64_t)id);
	*ret_loaded = false;
	if (*ret && (*ret)->dead)
		return err_set(err, ERR_CONFLICT, _("the run is just ending; ask again"));
	if (*ret)
		return ERR_OK;
	*ret_loaded = true;
	return run_load(e, id, ret, err);
}

void run_look_done(struct engine *e, struct run *r, bool loaded)
{
	if (!loaded)
		return;
	/* What was changed of it may want to settle: nothing of it is live. */
	size_t kept = 0;
	for (size_t i = 0; i < e->ndirty; i++)
		if (e->dirty[i] != r)
			e->dirty[kept++] = e->dirty[i];
	e->ndirty = kept;
	(void)map_del(&e->runs, (uint64_t)r->id);
	r->dead = true;
	run_free(e, r);
}

struct why {
	struct engine *e;
	const struct node *n;
	struct jw w;
};

enum speaks { SPEAKS_NOT, SPEAKS_FOR, SPEAKS_AGAINST };

static void begin(struct why *y, const char *kind, enum speaks speaks)
{
	jw_obj(&y->w, NULL);
	jw_str(&y->w, "kind", kind);
	if (speaks == SPEAKS_NOT)
		jw_null(&y->w, "holds");
	else
		jw_bool(&y->w, "holds", speaks == SPEAKS_FOR);
}

static PRINTF_LIKE(2, 3) void end(struct why *y, const char *fmt, ...)
{
	auto_str text = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	jw_str(&y->w, "text", str_text(&text));
	jw_end_obj(&y->w);
}

/* ---- what it needs ---- */

static void needs(struct why *y)
{
	const struct node *n = y->n;
	for (size_t i = 0; n->parent < 0 && i < n->def->nneeds; i++) {
		const struct graph_edge *edge = &n->def->needs[i];
		const struct node *m = n->run->nodes[edge->node];
		const char *state = state_name(ENTITY_NODE, node_derived_state(m));
		bool ended = state_final(ENTITY_NODE, (int)m->state), fits = ended && node_edge_holds(edge, m);
		begin(y, "need", fits ? SPEAKS_FOR : SPEAKS_AGAINST);
		jw_str(&y->w, "node", m->name);
		jw_str(&y->w, "state", state);
		jw_str(&y->w, "when", edge_when_name(edge->when));
		jw_int(&y->w, "generation", m->generation);
		jw_bool(&y->w, "stale", m->stale);
		end(y, fits  ? _("it needs %s, which is %s") :
		       ended ? _("it needs %s, which is %s: that is not what was asked for") :
			       _("it needs %s, which is %s: it waits for it"),
		    m->name, state);
	}
	if (n->parent < 0)
		return;
	const struct node *g = n->run->nodes[n->parent];
	begin(y, "group", g->state == NODE_RUNNING || g->state == NODE_SUCCEEDED ? SPEAKS_FOR : SPEAKS_AGAINST);
	jw_str(&y->w, "node", g->name);
	jw_str(&y->w, "state", state_name(ENTITY_NODE, node_derived_state(g)));
	end(y, _("it is an instance of %s, which is %s"), g->name, state_name(ENTITY_NODE, node_derived_state(g)));
}

struct values {
	struct why *y;
	const struct expr_scope *scope;
};

static bool is_hidden(const struct run *r, const char *const *path, size_t npath)
{
	if (str_eq(path[0], "env"))
		return true;
	if (!str_eq(path[0], "params") || npath < 2)
		return false;
	for (size_t i = 0; i < r->graph->nparams; i++)
		if (r->graph->params[i].secret && str_eq(r->graph->params[i].name, path[1]))
			return true;
	return false;
}

/* `at`: bytes offset of the name, of no use here. */
static void one_value(void *ctx, const char *const *path, size_t npath, size_t at UNUSED)
{
	struct values *v = ctx;
	struct jw *w = &v->y->w;
	auto_str name = STR_INIT, value = STR_INIT;
	for (size_t i = 0; i < npath; i++)
		str_addf(&name, "%s%s", i ? "." : "", path[i]);
	/* As the expression itself would see it: what follows the part that is known is looked up in the value. */
	size_t used = 0;
	bool found = !v->scope->get(v->scope->ctx, path, npath, &used, &value, NULL);
	auto_json *json = NULL;
	if (found && json_parse(str_text(&value), value.len, 4 * MIB, &json, NULL))
		found = false;
	const struct json *at_value = json;
	for (size_t i = used; found && i < npath; i++)
		at_value = json_get(at_value, path[i]);
	str_clear(&value);
	json_add(&value, at_value);
	jw_obj(w, NULL);
	jw_str(w, "name", str_text(&name));
	if (is_hidden(v->y->n->run, path, npath))
		jw_str(w, "value", "***");
	else if (!found)
		jw_null(w, "value");
	else if (value.len > VALUE_MAX)
		jw_strn(w, "value", value.p, VALUE_MAX);
	else
		jw_raw(w, "value", str_text(&value));
	jw_end_obj(w);
}

static void condition(struct why *y)
{
	const struct node *n = y->n;
	if (!n->def->when)
		return;
	struct scope_ctx ctx = { y->e, n, n->run, NULL, 0 };
	struct expr_scope scope = node_scope(&ctx);
	scope.any_failed = n->run->failing || node_anything_failed(n);
	scope.canceled = n->run->state == RUN_CANCELING;
	struct values v = { y, &scope };
	struct err err;
	bool yes = false;
	enum err_code code = expr_test(n->def->when, &scope, &yes, &err);
	begin(y, "condition", yes ? SPEAKS_FOR : SPEAKS_AGAINST);
	jw_str(&y->w, "expression", expr_text(n->def->when));
	jw_arr(&y->w, "values");
	expr_names(n->def->when, one_value, &v);
	jw_end_arr(&y->w);
	if (code)
		end(y, _("its condition cannot be evaluated: %s"), err.message);
	else
		end(y, yes ? _("its condition is true: %s") : _("its condition is false: %s"), expr_text(n->def->when));
}

/* ---- what keeps one that is ready ---- */

static void run_itself(struct why *y)
{
	const struct run *r = y->n->run;
	if (r->failing && r->failed_node >= 0 && !node_goes_on(y->n)) {
		begin(y, "failing", SPEAKS_AGAINST);
		jw_str(&y->w, "node", r->nodes[r->failed_node]->name);
		end(y, _("%s failed, and it is critical: nothing ordinary starts any more; retry lets it go on"),
		    r->nodes[r->failed_node]->name);
	}
	if (r->state != RUN_RUNNING) {
		begin(y, "run", SPEAKS_AGAINST);
		jw_str(&y->w, "state", state_name(ENTITY_RUN, (int)r->state));
		jw_str(&y->w, "reason", r->reason);
		end(y, r->reason ? _("the run is %s: %s") : _("the run is %s"), state_name(ENTITY_RUN, (int)r->state),
		    r->reason);
	}
	const struct node *step = run_step_of(r);
	if (step && !run_may_start(r, y->n)) {
		begin(y, "step", SPEAKS_AGAINST);
		jw_str(&y->w, "node", step->name);
		end(y, _("the run steps %s alone"), step->name);
	}
	if (r->graph->concurrency > 0 && r->steps >= r->graph->concurrency) {
		begin(y, "concurrency", SPEAKS_AGAINST);
		jw_int(&y->w, "limit", r->graph->concurrency);
		end(y, _("the workflow runs %d nodes at a time, and they are taken"), r->graph->concurrency);
	}
}

/* Who has units of the resource, at most some of them by name. */
static void holders(struct why *y, const char *resource, struct str *text)
{
	size_t at = 0, n = 0;
	const struct run *r;
	jw_arr(&y->w, "holders");
	while ((r = map_next(&y->e->runs, &at))) {
		for (size_t i = 0; i < r->nnodes && r->graph->nresources > 0 && n < NAMES_MAX; i++) {
			const struct node *m = r->nodes[i];
			for (size_t k = 0; m->taken && k < m->def->nuses; k++) {
				if (!str_eq(r->graph->resources[m->def->uses[k].resource].name, resource))
					continue;
				jw_obj(&y->w, NULL);
				jw_str(&y->w, "run", id_text('r', r->id).s);
				jw_str(&y->w, "node", m->name);
				jw_int(&y->w, "units", m->taken[k]);
				jw_end_obj(&y->w);
				str_addf(text, "%s%s/%s", n++ ? ", " : "", id_text('r', r->id).s, m->name);
			}
		}
	}
	jw_end_arr(&y->w);
}

static void resources(struct why *y, bool waits)
{
	const struct node *n = y->n;
	for (size_t i = 0; i < n->def->nuses; i++) {
		const struct graph_use *use = &n->def->uses[i];
		const struct resource *res = smap_get(&y->e->resources, n->run->graph->resources[use->resource].name);
		if (!res)
			continue;
		int wanted = MIN(use->units, res->capacity);
		bool enough = n->taken || res->used + wanted <= res->capacity;
		bool first = !res->waiting.n || CONTAINER_OF(heap_min(&res->waiting), struct node, ready) == n;
		auto_str who = STR_INIT;
		if (!waits && !n->taken)
			continue;
		begin(y, "resource", enough && (n->taken || first) ? SPEAKS_FOR : SPEAKS_AGAINST);
		jw_str(&y->w, "name", res->name);
		jw_int(&y->w, "units", wanted);
		jw_int(&y->w, "used", res->used);
		jw_int(&y->w, "capacity", res->capacity);
		holders(y, res->name, &who);
		if (n->taken)
			end(y, _("it has %d of %d units of %s"), n->taken[i], res->capacity, res->name);
		else if (enough)
			end(y, first ? _("it takes %d of %s, of which there is enough") :
				       _("it takes %d of %s, and others wait before it"), wanted, res->name);
		else
			end(y, _("it takes %d of %s, of which %d of %d are used: %s"), wanted, res->name, res->used,
			    res->capacity, str_text(&who));
	}
}

static void places(struct why *y)
{
	const struct engine *e = y->e;
	const struct node *n = y->n;
	const struct node *g = n->parent >= 0 ? n->run->nodes[n->parent] : NULL;
	if (g && g->def->group.max_parallel > 0 && n->attempt == 0 && g->instances_active >= g->def->group.max_parallel) {
		begin(y, "group", SPEAKS_AGAINST);
		jw_str(&y->w, "node", g->name);
		jw_int(&y->w, "limit", g->def->group.max_parallel);
		end(y, _("%s runs %d instances at a time, and they are taken"), g->name, g->def->group.max_parallel);
	}
	if (!node_is_own(n) && e->steps_running >= e->settings->steps) {
		begin(y, "places", SPEAKS_AGAINST);
		jw_int(&y->w, "limit", e->settings->steps);
		end(y, _("the engine runs %d steps at a time, and they are taken"), e->settings->steps);
	}
	if (e->draining) {
		begin(y, "engine", SPEAKS_AGAINST);
		end(y, _("the engine is stopping"));
	}
}

/* ---- how it ended, or goes on ---- */

static void attempts(struct why *y)
{
	const struct node *n = y->n;
	int max = MAX(n->def->retry.max_attempts, 1);
	if (n->state == NODE_RETRYING || n->state == NODE_FAILED) {
		begin(y, "retry", n->state == NODE_RETRYING ? SPEAKS_FOR : SPEAKS_AGAINST);
		jw_str(&y->w, "class", n->class ? error_class_name(n->class) : NULL);
		jw_int(&y->w, "attempt", n->attempt);
		jw_int(&y->w, "max_attempts", max);
		jw_time(&y->w, "next_at_ms", n->next_ms);
		int tries = n->attempt - n->interrupted;
		if (n->state == NODE_RETRYING)
			end(y, _("try %d of %d ended: %s; it is tried again"), n->attempt, max, n->reason ? n->reason : "");
		else if (n->attempt == 0)
			end(y, _("it never began: %s"), n->reason ? n->reason : "");
		else if (tries >= max)
			end(y, _("try %d of %d failed, and there are no more: %s"), n->attempt, max, n->reason ? n->reason : "");
		else
			end(y, _("try %d failed, and its retry rule does not cover %s: %s"), n->attempt,
			    error_class_name(n->class), n->reason ? n->reason : "");
	} else if (n->state == NODE_RUNNING || n->state == NODE_VALIDATING || n->state == NODE_WAITING) {
		begin(y, "now", SPEAKS_FOR);
		jw_int(&y->w, "attempt", n->attempt);
		jw_time(&y->w, "since_ms", n->started_ms);
		jw_str(&y->w, "child", n->child_id ? id_text('r', n->child_id).s : NULL);
		if (n->def->kind == NODE_GROUP)
			end(y, _("%d of its %d instances have ended"), n->instances_done, n->ninstances);
		else if (n->child_id)
			end(y, _("its work is the run %s"), id_text('r', n->child_id).s);
		else
			end(y, n->orphan ? _("try %d runs; its worker has not come back yet") : _("try %d runs"), n->attempt);
	} else if (state_final(ENTITY_NODE, (int)n->state)) {
		bool decided = n->reason && (str_starts(n->reason, "skipped by the operator") ||
					     str_starts(n->reason, "marked by the operator"));
		begin(y, decided ? "operator" : "end", n->state == NODE_SUCCEEDED ? SPEAKS_FOR : SPEAKS_AGAINST);
		jw_str(&y->w, "state", state_name(ENTITY_NODE, (int)n->state));
		jw_str(&y->w, "reason", n->reason);
		end(y, n->reason ? _("it is %s: %s") : _("it is %s"), state_name(ENTITY_NODE, (int)n->state), n->reason);
	}
}

static void show_stale(struct why *y)
{
	const struct node *n = y->n;
	if (!n->stale)
		return;
	begin(y, "stale", SPEAKS_AGAINST);
	end(y, _("what it was made from was made anew since: it is stale"));
}

/* Everything that it needs, directly or not. */
static size_t before(const struct node *n, int *queue, bool *seen)
{
	size_t nqueue = 0;
	const struct graph *g = n->run->graph;
	const struct graph_node *def = n->parent >= 0 ? &g->nodes[n->parent] : n->def;
	for (size_t at = 0;; def = &g->nodes[queue[at++]]) {
		for (size_t i = 0; i < def->nneeds; i++) {
			int idx = def->needs[i].node;
			if (seen[idx])
				continue;
			seen[idx] = true;
			queue[nqueue++] = idx;
		}
		if (at >= nqueue)
			return nqueue;
	}
}

static void again(struct why *y)
{
	const struct node *n = y->n;
	const struct graph *g = n->run->graph;
	if (!state_final(ENTITY_NODE, (int)n->state))
		return;
	begin(y, "again", SPEAKS_NOT);
	if (n->def->handler == HANDLER_HEALTH) {
		end(y, _("it runs after a rollback, never otherwise"));
		return;
	}
	if (node_is_handler(n)) {
		end(y, _("it runs again at the end of the next generation"));
		return;
	}
	auto_free int *queue = xcalloc(g->nnodes + 1, sizeof(*queue));
	auto_free bool *seen = xcalloc(g->nnodes + 1, sizeof(*seen));
	size_t nbefore = before(n, queue, seen);
	bool failed = n->state == NODE_FAILED || n->state == NODE_CANCELED;
	jw_bool(&y->w, "retry", failed);
	jw_arr(&y->w, "resume_from");
	jw_str(&y->w, NULL, n->parent >= 0 ? n->run->nodes[n->parent]->name : n->name);
	for (size_t i = 0; i < nbefore && i < NAMES_MAX; i++)
		jw_str(&y->w, NULL, g->nodes[queue[i]].name);
	jw_end_arr(&y->w);
	jw_int(&y->w, "before", (int64_t)nbefore);
	if (failed)
		end(y, _("it runs again with a retry, or with resume-from it or one of the %zu nodes before it"), nbefore);
	else if (nbefore)
		end(y, _("it runs again with resume-from it, or from one of the %zu nodes before it"), nbefore);
	else
		end(y, _("it runs again with resume-from it"));
}

static void breakpoint_reason(void *ctx, const struct breakpoint_row *b)
{
	struct why *y = ctx;
	if (!str_eq(b->node, y->n->name) && !str_eq(b->node, "*"))
		return;
	begin(y, "breakpoint", SPEAKS_NOT);
	jw_int(&y->w, "number", b->number);
	jw_int(&y->w, "hits", b->wanted);
	jw_int(&y->w, "hit", b->hits);
	end(y, _("breakpoint %d watches it; it was met %d times"), b->number, b->hits);
}

/* ---- the whole ---- */

static void history_row(void *ctx, const struct node_row *row)
{
	struct why *y = ctx;
	jw_obj(&y->w, NULL);
	jw_int(&y->w, "generation", row->generation);
	jw_str(&y->w, "state", state_name(ENTITY_NODE, (int)row->state));
	jw_int(&y->w, "iteration", row->iteration);
	jw_int(&y->w, "attempts", row->attempt);
	jw_str(&y->w, "class", row->class ? error_class_name(row->class) : NULL);
	jw_str(&y->w, "reason", row->reason);
	jw_bool(&y->w, "stale", row->stale);
	jw_time(&y->w, "started_at_ms", row->started_ms);
	jw_time(&y->w, "ended_at_ms", row->ended_ms);
	jw_end_obj(&y->w);
}

static const char *verdict_of(const struct node *n)
{
	switch (n->state) {
	case NODE_PENDING:
	case NODE_BLOCKED:
	case NODE_READY:
	case NODE_RETRYING:
		return state_final(ENTITY_RUN, (int)n->run->state) ? "did_not_run" : "waits";
	case NODE_RUNNING:
	case NODE_WAITING:
	case NODE_VALIDATING:
		return "runs";
	case NODE_SUCCEEDED:
	case NODE_FAILED:
		return n->attempt > 0 ? "ran" : "did_not_run";
	case NODE_SKIPPED:
	case NODE_CANCELED:
	case NODE_STATE_COUNT:
		break;
	}
	return n->attempt > 0 ? "ran" : "did_not_run";
}

static enum err_code reasons(struct why *y, struct err *err)
{
	const struct node *n = y->n;
	bool waits = n->state == NODE_PENDING && !state_final(ENTITY_RUN, (int)n->run->state);
	attempts(y);
	needs(y);
	condition(y);
	if (n->state == NODE_PENDING || n->state == NODE_RETRYING)
		run_itself(y);
	if (waits && n->unmet == 0)
		places(y);
	resources(y, waits && n->unmet == 0);
	show_stale(y);
	again(y);
	return store_breakpoints_of(y->e->store, n->run->id, breakpoint_reason, y, err);
}

enum err_code engine_why(struct engine *e, id_t64 run, const char *node, struct str *out, struct err *err)
{
	struct run *r;
	bool loaded;
	enum err_code code = run_look(e, run, &r, &loaded, err);
	if (code)
		return code;
	struct why y = { e, run_node(r, node), jw_begin(out) };
	if (!y.n) {
		code = err_set(err, ERR_NOT_FOUND, _("the run has no node %.64s"), node);
		run_look_done(e, r, loaded);
		return code;
	}
	jw_obj(&y.w, NULL);
	jw_str(&y.w, "run", id_text('r', run).s);
	jw_str(&y.w, "node", y.n->name);
	jw_str(&y.w, "state", state_name(ENTITY_NODE, node_derived_state(y.n)));
	jw_str(&y.w, "verdict", verdict_of(y.n));
	jw_int(&y.w, "generation", y.n->generation);
	jw_arr(&y.w, "reasons");
	code = reasons(&y, err);
	jw_end_arr(&y.w);
	jw_arr(&y.w, "history");
	if (!code)
		code = store_node_generations(e->store, run, y.n->idx, history_row, &y, err);
	jw_end_arr(&y.w);
	jw_end_obj(&y.w);
	run_look_done(e, r, loaded);
	return code;
}
