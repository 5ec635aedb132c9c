/* SPDX-License-Identifier: GPL-3.0-or-later */
/* simulate --seeds N [--from M] | --seed N [--trace]: see simulate.h. Exit status 1 when a seed shows a
 * violation; the seed is printed, and --seed shows it again, exactly. */
#include "tests/sim/simulate.h"
#include "tests/sim/ways.h"
#include "engine/engine_internal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOUR (3600 * 1000LL)

/* ---- the operator ---- */

static struct simulation *sim_of(void *ctx)
{
	return ctx;
}

/* Submits as someone who does not trust the line: with a key, again until there is an answer. */
static void submit_order(struct world *w, void *ctx)
{
	struct simulation *s = sim_of(ctx);
	for (int i = 0; i < s->plan->norders; i++) {
		if (s->orders[i] || s->plan->orders[i].at_ms > w->boot_ms)
			continue;
		const char *until = s->plan->orders[i].until;
		id_t64 needs[3];
		bool ready = true;
		for (int k = 0; k < s->plan->orders[i].nneeds; k++) {
			needs[k] = s->orders[s->plan->orders[i].needs[k]];
			ready &= needs[k] != 0;
		}
		if (!ready)
			continue;
		auto_free char *key = xasprintf("order-%d", i);
		auto_free char *file = xasprintf("%s/flow%d.yaml", w->dir, s->plan->orders[i].flow);
		const char *text = s->plan->flows[s->plan->orders[i].flow];
		bool until_known = until && strstr(text, until);
		struct submission sub = { .source = text, .source_len = strlen(text), .file = file, .dir = w->dir,
					  .priority = s->plan->orders[i].priority, .depends_on = needs,
					  .ndepends_on = (size_t)s->plan->orders[i].nneeds, .submitter = "operator",
					  .skip_on_failure = s->plan->orders[i].skip };
		if (!s->quiet) {
			sub.hold = s->plan->orders[i].hold;
			sub.paused = s->plan->orders[i].paused;
			sub.until_failure = s->plan->orders[i].until_failure;
			sub.until = &until;
			sub.nuntil = until_known;
			sub.max_wait_ms = s->plan->orders[i].max_wait_ms;
			s->disturbed[i] |= sub.max_wait_ms > 0;
		}
		struct command c = { .verb = VERB_SUBMIT, .submit = &sub, .who = "operator", .idempotency_key = key,
				     .body = hash_bytes(key, strlen(key)) };
		world_say(w, "order %d, flow %d, needs %d %d %d of %d%s%s", i, s->plan->orders[i].flow,
			  s->plan->orders[i].needs[0], s->plan->orders[i].needs[1], s->plan->orders[i].needs[2],
			  s->plan->orders[i].nneeds, sub.hold ? ", held" : "", sub.skip_on_failure ? ", to be skipped" : "");
		struct answer a = world_ask(w, &c);
		if (a.times > 1)
			violation(s, "a submission was answered %d times", a.times);
		if (a.times == 1 && a.code == ERR_OK)
			s->orders[i] = a.id;
		else if (a.times == 1 && a.code != ERR_STORAGE && a.code != ERR_UNAVAILABLE)
			violation(s, "order %d is refused: %s", i, a.message);
	}
	bool all = true;
	for (int i = 0; i < s->plan->norders; i++)
		all &= s->orders[i] != 0;
	if (!all)
		world_call(w, 200, submit_order, s);
}

static void disturb(struct simulation *s, id_t64 order)
{
	for (int i = 0; i < s->plan->norders; i++)
		s->disturbed[i] |= s->orders[i] == order;
	/* What depends on it changes with it. */
	for (int i = 0; i < s->plan->norders; i++)
		for (int k = 0; k < s->plan->orders[i].nneeds; k++)
			s->disturbed[i] |= s->disturbed[s->plan->orders[i].needs[k]];
}

/* A run of the order, or one of those below it. */
static id_t64 some_run(struct simulation *s, id_t64 order)
{
	id_t64 id = world_run_of(s->w, order);
	struct run *r = map_get(&s->w->e->runs, (uint64_t)id);
	while (r && r->children.n > 0 && rng_below(&s->rng, 2))
		r = r->children.v[rng_below(&s->rng, r->children.n)];
	return r ? r->id : id;
}

static void do_run_verb(struct simulation *s, id_t64 order)
{
	static const enum verb verbs[] = { VERB_PAUSE,  VERB_PAUSE, VERB_RESUME, VERB_RESUME, VERB_RESUME, VERB_FREEZE,
					   VERB_FREEZE, VERB_STEP,  VERB_STEP,   VERB_UNTIL,  VERB_RUN_PRIORITY,
					   VERB_CANCEL, VERB_ACKNOWLEDGE, VERB_RETRY, VERB_RETRY, VERB_RESUME_FROM, VERB_DECIDE, VERB_DECIDE,
					   VERB_RESUME_FROM, VERB_ROLLBACK, VERB_ROLLBACK, VERB_FORK,
					   VERB_SKIP, VERB_MARK, VERB_BREAK, VERB_BREAK, VERB_UNBREAK, VERB_UNDO };
	static const char *const names[] = { "n0", "n1", "n2", "n3", "nope" };
	static const char *const points[] = { "start", "1", "2", "n0", "n1", "n2", "3" };
	enum verb v = verbs[rng_below(&s->rng, COUNT(verbs))];
	const char *node = names[rng_below(&s->rng, COUNT(names))];
	id_t64 id = some_run(s, order);
	if (!id || (v == VERB_CANCEL && rng_below(&s->rng, 3)))
		return;
	bool either = rng_below(&s->rng, 2) == 1;
	bool decides = v == VERB_SKIP || v == VERB_MARK || v == VERB_DECIDE;
	bool named = decides || v == VERB_UNTIL || v == VERB_RESUME_FROM || ((v == VERB_STEP || v == VERB_RETRY) && either);
	if (decides || v == VERB_CANCEL || v == VERB_RETRY || v == VERB_RESUME_FROM || v == VERB_ROLLBACK)
		disturb(s, order);
	static const char *const reached[] = { NULL, "succeeded", "failed", "running", "skipped", "retrying" };
	struct breakpoint_spec at = { .node = either ? node : "*", .state = reached[rng_below(&s->rng, COUNT(reached))],
				      .hits = 1 + (int)rng_below(&s->rng, 3) };
	struct command c = { .verb = v, .id = id, .nodes = &node, .nnodes = named, .breakpoint = &at, .who = "operator", .reason = decides ? "simulated" : NULL,
			     .priority = (int)rng_below(&s->rng, 41) - 20, .failure = v == VERB_UNTIL && either, .only = v == VERB_RESUME_FROM && either,
			     .choice = (int)rng_below(&s->rng, APPROVAL_CHOICE_COUNT),
			     .checkpoint = points[rng_below(&s->rng, COUNT(points))],
			     .paused = either, .now = either,
			     .keep_files = (v == VERB_ROLLBACK || v == VERB_RESUME_FROM) && rng_below(&s->rng, 4) == 0, .restore = rng_below(&s->rng, 2) == 1 };
	bool back = v == VERB_RETRY || v == VERB_RESUME_FROM || v == VERB_ROLLBACK || v == VERB_FORK;
	struct answer a = back ? ways_ask(s, &c) : world_ask(s->w, &c);
	s->refused += a.code != ERR_OK;
	if (a.times > 1)
		violation(s, "%s was answered %d times", verb_name(v), a.times);
}

/* A node more, a node less, or a need more: what the loader refuses is refused. */
static char *reshaped(struct simulation *s, const struct graph *g)
{
	auto_str text = STR_INIT;
	const char *source = g->source, *at = strstr(source, "\nnodes:\n");
	size_t from = 0, to = 0;
	int idx = (int)rng_below(&s->rng, g->nnodes), fresh = (int)rng_below(&s->rng, 3);
	const struct graph_node *n = &g->nodes[idx];
	bool mine = graph_has(g, idx) && n->handler == HANDLER_NONE && flow_node_lines(source, n->name, n->line, &from, &to);
	if (!at)
		return xstrdup(source);
	at += strlen("\nnodes:\n");
	if (mine && rng_below(&s->rng, 3) == 0) {
		str_addf(&text, "%.*s%s", (int)from, source, source + to);
	} else if (rng_below(&s->rng, 2)) {
		str_addf(&text, "%.*s  x%d:\n", (int)(at - source), source, fresh);
		if (mine && rng_below(&s->rng, 2))
			str_addf(&text, "    needs: %s\n", n->name);
		str_addf(&text, "    run: took=%d\n%s", (int)rng_below(&s->rng, 50), at);
	} else {
		const char *needs = strstr(source, "needs: {");
		size_t len = needs ? (size_t)(needs - source) + strlen("needs: {") : 0;
		str_addf(&text, "%.*s%s%s", (int)len, source, needs ? "x0: done, " : "", source + len);
	}
	return str_take(&text);
}

/* Gives it another definition, where it stands still. */
static void do_reshape(struct simulation *s, id_t64 id)
{
	struct run_row row = world_run(s->w, id);
	const struct graph *g;
	if (row.state == RUN_STATE_COUNT || row.parent_run || engine_graph(s->w->e, &row.workflow, NULL, &g, NULL))
		return;
	auto_free char *text = reshaped(s, g);
	struct edit_spec edit = { .source = text };
	struct command c = { .verb = VERB_EDIT, .id = id, .edit = &edit, .who = "operator" };
	struct answer a = world_ask(s->w, &c);
	s->refused += a.code != ERR_OK;
	s->reshaped += a.code == ERR_OK;
}

/* Goes back, where it can: a run that goes on is paused for it. */
static void do_way(struct simulation *s, id_t64 order)
{
	static const enum verb verbs[] = { VERB_RETRY, VERB_RETRY, VERB_RESUME_FROM, VERB_RESUME_FROM, VERB_RESUME_FROM,
					   VERB_ROLLBACK, VERB_ROLLBACK, VERB_FORK };
	struct run_row row = world_run(s->w, world_run_of(s->w, order));
	if (row.state == RUN_STATE_COUNT)
		return;
	disturb(s, order);
	bool goes_on = row.state == RUN_RUNNING || row.state == RUN_WAITING;
	if (goes_on && rng_below(&s->rng, 4)) {
		(void)world_verb(s->w, rng_below(&s->rng, 4) ? VERB_PAUSE : VERB_FREEZE, row.id, NULL);
		return;
	}
	if (row.state == RUN_PAUSED && rng_below(&s->rng, 4) == 0) {
		(void)world_verb(s->w, rng_below(&s->rng, 2) ? VERB_RESUME : VERB_STEP, row.id, NULL);
		return;
	}
	if (rng_below(&s->rng, 4) == 0)
		do_reshape(s, row.id);
	if (!s->w->e)
		return;
	char names[2][8], point[8];
	const char *nodes[] = { names[0], names[1] };
	for (size_t i = 0; i < COUNT(names); i++)
		(void)snprintf(names[i], sizeof(names[i]), "n%d", (int)rng_below(&s->rng, 6));
	(void)snprintf(point, sizeof(point), rng_below(&s->rng, 2) ? "%d" : "n%d", (int)rng_below(&s->rng, 6));
	enum verb v = verbs[rng_below(&s->rng, COUNT(verbs))];
	size_t named = v == VERB_RETRY ? rng_below(&s->rng, 3) : 1 + rng_below(&s->rng, 2);
	struct command c = { .verb = v, .id = row.id, .nodes = nodes, .nnodes = v == VERB_RETRY || v == VERB_RESUME_FROM ? named : 0,
			     .who = "operator", .only = v == VERB_RESUME_FROM && rng_below(&s->rng, 4) == 0,
			     .keep_files = v != VERB_RETRY && rng_below(&s->rng, 5) == 0, .restore = rng_below(&s->rng, 2) == 1,
			     .stay = v == VERB_RETRY && rng_below(&s->rng, 4) == 0, .paused = rng_below(&s->rng, 2) == 1,
			     .checkpoint = point };
	struct answer a = ways_ask(s, &c);
	s->refused += a.code != ERR_OK;
	if (a.times > 1)
		violation(s, "%s was answered %d times", verb_name(v), a.times);
}

static void do_order_verb(struct simulation *s, id_t64 order)
{
	static const enum verb verbs[] = { VERB_HOLD, VERB_RELEASE, VERB_FRONT, VERB_BACK, VERB_ORDER_PRIORITY,
					   VERB_ORDER_CANCEL, VERB_QUEUE_PAUSE, VERB_QUEUE_RESUME };
	enum verb v = verbs[rng_below(&s->rng, COUNT(verbs))];
	if (v == VERB_ORDER_CANCEL && rng_below(&s->rng, 3))
		return;
	if (v == VERB_ORDER_CANCEL)
		disturb(s, order);
	struct command c = { .verb = v, .id = order, .who = "operator", .priority = (int)rng_below(&s->rng, 41) - 20 };
	struct answer a = world_ask(s->w, &c);
	s->refused += a.code != ERR_OK;
	if (a.times > 1)
		violation(s, "%s was answered %d times", verb_name(v), a.times);
}

/* Stopped in order: when nothing is left to be said, another one starts. */
static void start_again(struct world *w, void *ctx)
{
	struct simulation *s = sim_of(ctx);
	if (w->e && !w->e->draining)
		return;
	if (w->e && !engine_idle(w->e) && rng_below(&s->rng, 20))
		world_call(w, 50, start_again, s);
	else
		world_crash(w, (int64_t)rng_below(&s->rng, 3000));
}

static void do_deed(struct world *w, void *ctx)
{
	struct simulation *s = sim_of(ctx);
	id_t64 order = s->orders[rng_below(&s->rng, (uint64_t)s->plan->norders)];
	if (!w->e || !order)
		return;
	s->deeds++;
	if (s->plan->drains && rng_below(&s->rng, 10) == 0) {
		bool kill = rng_below(&s->rng, 2);
		world_say(w, "operator: stops the engine%s", kill ? ", and what runs" : "");
		engine_drain(w->e, kill);
		world_turn(w);
		world_call(w, 50, start_again, s);
		return;
	}
	if (rng_below(&s->rng, 12) == 0) {
		w->reboot = rng_below(&s->rng, 3) == 0 && s->plan->faults.crash;
		if (s->plan->faults.crash)
			world_crash(w, (int64_t)rng_below(&s->rng, 30000));
		return;
	}
	if (s->plan->backs && rng_below(&s->rng, 3))
		do_way(s, order);
	else if (rng_below(&s->rng, 3))
		do_run_verb(s, order);
	else
		do_order_verb(s, order);
}

/* ---- one world ---- */

static void after_turn(struct world *w, void *ctx)
{
	struct simulation *s = sim_of(ctx);
	check_turn(s);
	ways_check(s);
	if (w->ncrashes > s->ncrashes_checked) {
		s->ncrashes_checked = w->ncrashes;
		check_store(s);
	}
}

static void on_orphan(struct world *w UNUSED, void *ctx, const struct sim_orphan *o)
{
	violation(ctx, "node %d of %s begins again, and processes of its try %" PRId64 " are still there", o->idx,
		  id_text('r', o->run).s, o->token);
}

/* Whatever is asked: go on. */
static void answer_all(struct simulation *s)
{
	struct world *w = s->w;
	for (bool any = true; any && w->e;) {
		size_t at = 0;
		const struct run *r;
		id_t64 asking = 0;
		const char *node = NULL;
		while ((r = map_next(&w->e->runs, &at)))
			for (size_t i = 0; i < r->nnodes && !asking; i++)
				if (r->nodes[i]->state == NODE_WAITING) {
					asking = r->id;
					node = r->nodes[i]->name;
				}
		struct command c = { .verb = VERB_DECIDE, .id = asking, .nodes = &node, .nnodes = 1,
				     .choice = APPROVAL_CONTINUE, .who = "operator" };
		any = asking && world_ask(w, &c).code == ERR_OK;
	}
}

/* Everything that was stopped goes on. */
static void let_go(struct simulation *s)
{
	struct world *w = s->w;
	(void)world_verb(w, VERB_QUEUE_RESUME, 0, NULL);
	for (int i = 0; i < s->plan->norders; i++) {
		if (!s->orders[i])
			continue;
		if (world_order_state(w, s->orders[i]) == ORDER_HELD)
			(void)world_verb(w, VERB_RELEASE, s->orders[i], NULL);
	}
	id_t64 stopped[256];
	size_t n = 0, at = 0;
	const struct run *r;
	while ((r = map_next(&w->e->runs, &at)))
		if ((r->state == RUN_PAUSED || r->state == RUN_FROZEN) && n < COUNT(stopped))
			stopped[n++] = r->id;
	for (size_t i = 0; i < n; i++)
		(void)world_verb(w, VERB_RESUME, stopped[i], NULL);
	answer_all(s);
}

static bool any_missing(const struct simulation *s)
{
	for (int i = 0; i < s->plan->norders; i++)
		if (!s->orders[i])
			return true;
	return false;
}

/* What is still there, for the trace. */
static void describe_living(struct world *w)
{
	size_t at = 0;
	const struct order *o;
	const struct run *r;
	while (w->e && (o = map_next(&w->e->orders, &at)))
		world_say(w, "living: %s is %s, waits for %d", id_text('o', o->id).s, state_name(ENTITY_ORDER, (int)o->state),
			  o->unmet);
	at = 0;
	while (w->e && (r = map_next(&w->e->runs, &at))) {
		world_say(w, "living: %s is %s, mode %s, phase %d, %d steps%s", id_text('r', r->id).s,
			  state_name(ENTITY_RUN, (int)r->state), run_mode_name(r->mode), (int)r->phase, r->steps,
			  r->failing ? ", failing" : "");
		for (size_t i = 0; i < r->nnodes; i++)
			world_say(w, "    %s is %s, waits for %d%s%s", r->nodes[i]->name,
				  state_name(ENTITY_NODE, node_derived_state(r->nodes[i])), r->nodes[i]->unmet,
				  r->nodes[i]->orphan ? ", orphan" : "", r->nodes[i]->worker ? ", has a worker" : "");
	}
}

static void carry_out(struct simulation *s)
{
	struct world *w = s->w;
	const struct sim_plan *p = s->plan;
	for (int i = 0; i < p->nchildren; i++) {
		auto_free char *name = xasprintf("child%d.yaml", i);
		world_file(w, name, p->children[i]);
	}
	w->after_turn = after_turn;
	w->on_orphan = on_orphan;
	w->after_ctx = s;
	world_call(w, 0, submit_order, s);
	if (!s->quiet) {
		w->faults = p->faults;
		w->down_ms = p->faults.crash ? (int64_t)rng_below(&s->rng, 15000) : 0;
		for (int i = 0; i < p->ndeeds; i++)
			world_call(w, (int64_t)rng_below(&s->rng, (uint64_t)p->deeds_ms), do_deed, s);
		int64_t until = w->boot_ms + p->deeds_ms + 20000;
		while (!s->problem[0] && world_step(w, until))
			;
		w->faults = (struct sim_faults){ 0 };
		w->effects_left = -1;
		if (w->e && w->e->draining)
			world_crash(w, 0);
	}
	w->disk_full_until_ms = 0;
	for (int round = 0; round < 200 && !s->problem[0]; round++) {
		int64_t until = w->boot_ms + HOUR / 10;
		while ((!w->e || any_missing(s)) && world_step(w, until))
			;
		if (w->e && !s->quiet)
			let_go(s);
		if (world_finish(w, HOUR / 10) && !any_missing(s))
			break;
	}
	if (s->problem[0])
		return;
	if (any_missing(s) || !world_finish(w, 0)) {
		describe_living(w);
		violation(s, "something never ends");
	}
	check_store(s);
}

/* ---- the quiet world and this one end alike ---- */

struct rows {
	struct ended {
		int idx; /* of an instance: 1000 times its group's and one more, and its place there */
		enum node_state state;
		char *outputs;
		id_t64 child;
	} *v;
	size_t n, cap;
};

/* Groups open in any order, and so number their instances. */
static void take_instance(void *ctx, const struct instance_row *i)
{
	struct rows *r = ctx;
	int place = 0;
	for (size_t k = 0; k < r->n; k++)
		place += r->v[k].idx / 1000 == i->parent + 1;
	for (size_t k = 0; k < r->n; k++)
		if (r->v[k].idx == i->idx)
			r->v[k].idx = 1000 * (i->parent + 1) + place;
}

static int by_idx(const void *a, const void *b)
{
	return ((const struct ended *)a)->idx - ((const struct ended *)b)->idx;
}

static void take_row(void *ctx, const struct node_row *n)
{
	struct rows *r = ctx;
	GROW(r->v, r->n, r->cap);
	r->v[r->n].idx = n->idx;
	r->v[r->n].state = n->state;
	r->v[r->n].outputs = n->outputs ? xstrdup(n->outputs) : NULL;
	r->v[r->n++].child = n->child;
}

/* How a run ended. Of one that failed only that: what else ran then depends on the moment. */
static void describe_run(struct simulation *s, id_t64 run, struct str *out)
{
	struct run_row row = world_run(s->w, run);
	str_addf(out, "%s(", state_name(ENTITY_RUN, (int)row.state));
	if (row.state == RUN_SUCCEEDED) {
		struct rows rows = { NULL, 0, 0 };
		if (store_nodes_of(s->w->store, run, take_row, &rows, NULL))
			violation(s, "the nodes of a run cannot be read");
		if (store_instances_of(s->w->store, run, take_instance, &rows, NULL))
			violation(s, "the instances of a run cannot be read");
		qsort(rows.v, rows.n, sizeof(*rows.v), by_idx);
		for (size_t i = 0; i < rows.n; i++) {
			str_addf(out, " %d:%s", rows.v[i].idx, state_name(ENTITY_NODE, (int)rows.v[i].state));
			if (rows.v[i].state == NODE_SUCCEEDED)
				str_addf(out, "=%s", rows.v[i].outputs ? rows.v[i].outputs : "");
			if (rows.v[i].child)
				describe_run(s, rows.v[i].child, out);
			free(rows.v[i].outputs);
		}
		free(rows.v);
	}
	str_add(out, ")");
}

static void describe_order(struct simulation *s, int i, struct str *out)
{
	enum order_state state = world_order_state(s->w, s->orders[i]);
	str_addf(out, "order %d %s ", i, state_name(ENTITY_ORDER, (int)state));
	if (world_run_of(s->w, s->orders[i]))
		describe_run(s, world_run_of(s->w, s->orders[i]), out);
}

static void compare(struct simulation *s, struct simulation *quiet)
{
	for (int i = 0; i < s->plan->norders; i++) {
		auto_str a = STR_INIT, b = STR_INIT;
		if (s->disturbed[i])
			continue;
		bool leans = false; /* on one that was disturbed */
		for (int k = 0; k < s->plan->orders[i].nneeds; k++)
			leans |= s->disturbed[s->plan->orders[i].needs[k]];
		s->disturbed[i] |= leans;
		if (leans)
			continue;
		describe_order(s, i, &a);
		describe_order(quiet, i, &b);
		if (!str_eq(str_text(&a), str_text(&b)))
			violation(s, "undisturbed it ends as\n  %s, but it ended as\n  %s", str_text(&b), str_text(&a));
	}
}

/* ---- seeds ---- */

struct totals {
	int64_t seeds, turns, crashes, full, deeds, refused, steps, compared, judged, went_back, reshaped;
};

static volatile uint64_t now_seed;

static void tell_seed(int number)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "\nseed %llu: signal %d\n", (unsigned long long)now_seed, number);
	(void)!write(STDERR_FILENO, text, (size_t)n);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

static bool simulate(uint64_t seed, bool trace, struct totals *t)
{
	struct sim_plan plan;
	now_seed = seed;
	plan_make(seed, &plan);
	if (trace)
		for (int i = 0; i < plan.nflows + plan.nchildren; i++)
			(void)fprintf(stderr, "---- %s %d\n%s", i < plan.nflows ? "flow" : "child",
				      i < plan.nflows ? i : i - plan.nflows,
				      i < plan.nflows ? plan.flows[i] : plan.children[i - plan.nflows]);
	struct simulation s = { .plan = &plan, .rng = { seed ^ 0xabcdef } };
	s.w = world_new(seed, plan.steps, plan.runs);
	s.w->settings.workers_max = plan.workers_max;
	s.w->settings.worker_idle_ms = plan.idle_ms;
	s.w->trace = trace;
	carry_out(&s);
	if (!s.problem[0] && !plan.lossy) {
		struct simulation quiet = { .plan = &plan, .quiet = true };
		quiet.w = world_new(seed, plan.steps, plan.runs);
		carry_out(&quiet);
		if (quiet.problem[0])
			violation(&s, "in a quiet world: %s", quiet.problem);
		else
			compare(&s, &quiet);
		world_free(quiet.w);
		t->compared++;
	}
	t->seeds++;
	t->turns += s.turns;
	t->crashes += s.w->ncrashes;
	t->full += s.w->nfull;
	t->deeds += s.deeds;
	t->refused += s.refused;
	t->judged += s.judged;
	t->went_back += s.went_back;
	t->reshaped += s.reshaped;
	t->steps += (int64_t)s.w->nstarts;
	if (s.problem[0])
		(void)printf("seed %" PRIu64 ": %s\n  again: tests/sim/simulate --seed %" PRIu64 " --trace\n", seed, s.problem,
			     seed);
	ways_free(&s);
	world_free(s.w);
	plan_done(&plan);
	return !s.problem[0];
}

/* Seeds that found something; what they make changes with the plans, so new ones are only added. */
static const uint64_t once_bad[] = { 1483, 2432, 2518, 3189, 3348, 3468, 3573, 3681,
				      4438, 4536, 4833, 5999, 8960, 11750, 15660, 18444, 19390 };

int main(int argc, char **argv)
{
	uint64_t first = 1, n = SIM_SLOW ? 60 : 400;
	const char *wanted = getenv("PAWL_SIM_SEEDS"), *scale = getenv("PAWL_TEST_SCALE");
	bool regressions = true, chosen = false;
	bool trace = false;
	struct totals t = { 0 };
	n *= scale ? MAX(strtoull(scale, NULL, 10), 1ULL) : 1;
	if (wanted && *wanted)
		n = strtoull(wanted, NULL, 10);
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--trace")) {
			trace = true;
		} else if (i + 1 < argc && str_eq(argv[i], "--seed")) {
			first = strtoull(argv[++i], NULL, 10);
			n = 1;
			regressions = false;
		} else if (i + 1 < argc && str_eq(argv[i], "--seeds")) {
			n = strtoull(argv[++i], NULL, 10);
		} else if (i + 1 < argc && str_eq(argv[i], "--from")) {
			first = strtoull(argv[++i], NULL, 10);
			chosen = true;
		} else {
			(void)fprintf(stderr, "usage: simulate [--seeds N] [--from N] | --seed N [--trace]\n");
			return 2;
		}
	}
	(void)signal(SIGABRT, tell_seed);
	(void)signal(SIGSEGV, tell_seed);
	int bad = 0;
	for (size_t i = 0; i < COUNT(once_bad) && regressions && bad < 10; i++)
		bad += !simulate(once_bad[i], trace, &t);
	for (uint64_t i = 0; i < n && bad < 10; i++)
		bad += !simulate(first + i, trace, &t);
	for (uint64_t i = 0; i < n / 4 && regressions && !chosen && bad < 10; i++)
		bad += !simulate(SEED_REPOS + i, trace, &t);
	(void)printf("%" PRId64 " seeds: %" PRId64 " turns, %" PRId64 " steps, %" PRId64 " crashes, %" PRId64
		     " times no room, %" PRId64 " verbs (%" PRId64 " refused), %" PRId64 " ways back judged, %" PRId64
		     " gone, %" PRId64 " other definitions, %" PRId64 " outcomes compared; %d bad\n",
		     t.seeds, t.turns, t.steps, t.crashes, t.full, t.deeds, t.refused, t.judged, t.went_back, t.reshaped, t.compared, bad);
	return bad ? 1 : 0;
}
