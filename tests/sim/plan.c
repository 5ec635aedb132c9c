/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random workflows and orders. */
#include "tests/sim/simulate.h"

#include <stdio.h>
#include <string.h>

struct making {
	struct rng rng;
	struct sim_plan *p;
	struct str out;
	int nnodes;
	bool child;
	bool lists[32];  /* node i writes a list as `items` */
	bool writes[32]; /* … and `v` */
};

static int below(struct making *m, int n)
{
	return (int)rng_below(&m->rng, (uint64_t)n);
}

static bool chance(struct making *m, int percent)
{
	return below(m, 100) < percent;
}

static void add_retry(struct making *m)
{
	static const char *const rules[] = { "\"exit:75\"", "timeout", "exit", "\"signal:9\"", "\"output:again\"" };
	str_addf(&m->out, "    retry: {max_attempts: %d, on: [%s, %s], initial: %dms, factor: %d, jitter: %s}\n",
		 2 + below(m, 3), rules[below(m, 2)], rules[2 + below(m, 3)], 10 + below(m, 3000), 1 + below(m, 3),
		 chance(m, 50) ? "true" : "false");
}

/* What the command does; most of the time, well. */
static void add_script(struct making *m, int node, const char *indent)
{
	struct str *out = &m->out;
	str_addf(out, "%srun: 'took=%d", indent, chance(m, 70) ? below(m, 300) : below(m, 8000));
	if (chance(m, 15))
		str_addf(out, " exit=%d", chance(m, 60) ? 75 : 1 + below(m, 3));
	else if (chance(m, 4))
		str_add(out, " signal=9");
	if (chance(m, 60))
		str_addf(out, " fails=%d", 1 + below(m, 3));
	if (chance(m, 10))
		str_add(out, " says=again");
	if (chance(m, 4))
		str_addf(out, " dies=%d", 1 + below(m, 2));
	if (chance(m, 10))
		str_add(out, " stubborn");
	if (chance(m, 5))
		str_addf(out, " log=%d", 1 + below(m, 5000));
	for (int i = 0; i < 3 && chance(m, m->p->files); i++)
		str_addf(out, " writes=f%d", below(m, 6));
	if (node >= 0 && m->writes[node])
		str_addf(out, " out=v=%d", below(m, 3));
	if (node >= 0 && m->lists[node]) {
		str_add(out, " out=items=[");
		for (int i = 0, n = below(m, 5); i < n; i++)
			str_addf(out, "%s\"x%d\"", i ? "," : "", i);
		str_add(out, "]");
	}
	str_add(out, "'\n");
}

static void add_needs(struct making *m, int node)
{
	static const char *const edges[] = { "success", "success", "success", "done", "failure" };
	int n = 0;
	for (int i = 0; i < node; i++) {
		if (!chance(m, node < 4 ? 50 : 25) || n >= 4)
			continue;
		str_addf(&m->out, "%sn%d: %s", n++ ? ", " : "    needs: {", i, edges[below(m, 5)]);
	}
	if (n)
		str_add(&m->out, "}\n");
}

static void add_when(struct making *m, int needed)
{
	static const char *const asks[] = { "always()", "failure()", "success()", "params.go", "'false'" };
	if (needed >= 0 && m->writes[needed] && chance(m, 60))
		str_addf(&m->out, "    when: nodes.n%d.outputs.v == '%d'\n", needed, below(m, 3));
	else
		str_addf(&m->out, "    when: %s\n", asks[below(m, 4)]);
}

/* matrix or foreach; the instances share what follows. */
static bool add_group(struct making *m, int node)
{
	bool grouped = true;
	if (node > 0 && m->lists[node - 1] && chance(m, 60))
		str_addf(&m->out, "    needs: n%d\n    foreach: \"${{ nodes.n%d.outputs.items }}\"\n", node - 1, node - 1);
	else if (chance(m, 12))
		str_addf(&m->out, "    matrix: {a: [\"1\", \"2\"%s], b: [x%s]}\n", chance(m, 50) ? ", \"3\"" : "",
			 chance(m, 50) ? ", y" : "");
	else
		grouped = false;
	if (grouped && chance(m, 50))
		str_addf(&m->out, "    max_parallel: %d\n", 1 + below(m, 3));
	/* Which instances it cancels is a matter of time. */
	if (grouped && m->p->lossy && chance(m, 50))
		str_add(&m->out, "    fail_fast: true\n");
	return grouped;
}

/* Checks that fail for a while, and what is done about it. */
static void add_checks(struct making *m)
{
	static const char *const loops[] = {
		"{strategy: fixed, max: 4}", "{strategy: hybrid}", "{strategy: ralph, max: 5, min: 2}",
		"{strategy: custom, max: 5, run: 'took=3 decide=continue;retry;continue;stop'}",
		"{strategy: fixed, max: 9, min: 2}",
	};
	struct str *out = &m->out;
	str_addf(out, "    verify: [{run: 'took=%d", below(m, 300));
	if (chance(m, 10))
		str_addf(out, " dies=%d", 1 + below(m, 3));
	str_add(out, " verdicts=");
	for (int i = 0, n = below(m, 5); i < n; i++)
		str_addf(out, "%df%d/%d;", below(m, 4), 1 + below(m, 9), below(m, 4));
	str_add(out, chance(m, 80) ? "p'}]\n" : "1f1'}]\n");
	if (chance(m, 75))
		str_addf(out, "    loop: %s\n", loops[below(m, (int)COUNT(loops))]);
	if (chance(m, 20))
		str_addf(out, "    budget: {tokens: %d}\n", 50 + below(m, 400));
}

static void add_agent(struct making *m)
{
	str_addf(&m->out, "    agent: {adapter: text, prompt: do it, command: 'took=%d tokens=%d%s said=%s%s%s'}\n", below(m, 500),
		 below(m, 100), chance(m, 50) ? " cost=100" : "", chance(m, 50) ? "so|DONE" : "not_yet",
		 chance(m, 10) ? " exit=1" : "", chance(m, 20) ? " fails=1" : "");
}

static void add_node(struct making *m, int node)
{
	struct str *out = &m->out;
	str_addf(out, "  n%d:\n", node);
	size_t before = out->len;
	bool grouped = add_group(m, node);
	bool needs = grouped && strstr(out->p + before, "needs:");
	if (!needs)
		add_needs(m, node);
	if (chance(m, 12))
		add_when(m, strstr(out->p + before, "n0:") ? 0 : -1);
	if (chance(m, 20))
		str_add(out, "    critical: false\n");
	if (m->p->streams && chance(m, 40))
		str_addf(out, "    workstream: %s\n", chance(m, 50) ? "docs" : "web");
	if (chance(m, 10))
		str_add(out, "    allow_skipped: false\n");
	if (m->p->nchildren > 0 && !m->child && chance(m, 12)) {
		str_addf(out, "    workflow: child%d.yaml\n", below(m, m->p->nchildren));
		return;
	}
	/* Who answers, and when, is chance: such outcomes are not compared. */
	if (!grouped && m->p->lossy && chance(m, 10)) {
		/* retry would go on for ever where nobody answers. */
		static const char *const policies[] = { "continue", "skip", "abort" };
		str_addf(out, "    approval: {ask: go on, timeout: %ds, on_timeout: %s}\n", 1 + below(m, 20),
			 policies[below(m, 3)]);
		return;
	}
	if (chance(m, 35))
		add_retry(m);
	if (chance(m, 15))
		str_addf(out, "    timeout: %ds\n", 1 + below(m, 6));
	if (chance(m, 15))
		str_addf(out, "    resources: {%s: %d}\n", chance(m, 50) ? "db" : "net", 1 + below(m, 2));
	if (m->p->lossy && chance(m, 10))
		str_addf(out, "    on_crash: %s\n", chance(m, 50) ? "fail" : "ask");
	if (chance(m, 25))
		add_checks(m);
	if (chance(m, 20))
		add_agent(m);
	else
		add_script(m, node, "    ");
}

static void add_handlers(struct making *m)
{
	static const char *const names[] = { "on_success", "on_failure", "on_cancel", "on_exit" };
	for (size_t i = 0; i < COUNT(names); i++) {
		if (!chance(m, 15))
			continue;
		str_addf(&m->out, "%s:\n", names[i]);
		add_script(m, -1, "  ");
	}
}

/* It iterates, or calls what does so in its workspace. */
static bool has_loops(const struct making *m, const char *text)
{
	bool loops = strstr(text, "loop:");
	for (int i = 0; i < m->p->nchildren && !loops; i++) {
		auto_free char *call = xasprintf("workflow: child%d.yaml", i);
		loops = strstr(text, call) && strstr(m->p->children[i], "loop:");
	}
	return loops;
}

static char *make_flow(struct making *m, bool child)
{
	m->out = (struct str)STR_INIT;
	m->child = child;
	m->nnodes = 1 + below(m, child ? 4 : chance(m, 10) ? 24 : 9);
	for (int i = 0; i < m->nnodes; i++) {
		m->writes[i] = chance(m, 40);
		m->lists[i] = chance(m, 15);
	}
	str_addf(&m->out, "params: {go: {type: bool, default: %s}}\n", chance(m, 50) ? "true" : "false");
	if (chance(m, 25))
		str_addf(&m->out, "concurrency: %d\n", 1 + below(m, 3));
	/* Each takes up to two units; capacities are the same in all workflows of a seed, unless it is uneven. */
	if (!child && m->p->repos && chance(m, 60))
		str_add(&m->out, "workspace: {repo: code}\n");
	else if (!child && chance(m, m->p->files))
		str_addf(&m->out, "workspace: %s\n", chance(m, 60) ? "{folder: one}" : "{folder: two, shared: true}");
	if (m->p->streams)
		str_add(&m->out, "workstreams: {docs: {}, web: {}}\n");
	bool narrow = m->p->uneven && chance(m, 50);
	str_addf(&m->out, "resources: {db: %d, net: 3}\nnodes:\n", narrow ? 2 : 4);
	for (int i = 0; i < m->nnodes; i++)
		add_node(m, i);
	add_handlers(m);
	/* Whether files changed between two iterations is a matter of time where others write, too. */
	if (!m->p->lossy && has_loops(m, str_text(&m->out)))
		str_add(&m->out, "snapshot: off\n");
	return str_take(&m->out);
}

static void make_orders(struct making *m, struct sim_plan *p)
{
	static const char *const targets[] = { "n0", "n1", "n2" };
	p->norders = 1 + below(m, ORDERS_MAX);
	for (int i = 0; i < p->norders; i++) {
		p->orders[i].flow = below(m, p->nflows);
		p->orders[i].priority = chance(m, 40) ? below(m, 41) - 20 : 0;
		p->orders[i].at_ms = chance(m, 50) ? 0 : below(m, 20000);
		p->orders[i].hold = chance(m, 10);
		p->orders[i].paused = chance(m, 10);
		p->orders[i].skip = chance(m, 30);
		p->orders[i].until_failure = chance(m, 5);
		p->orders[i].until = chance(m, 10) ? targets[below(m, 3)] : NULL;
		p->orders[i].max_wait_ms = chance(m, 5) ? 1 + below(m, 30000) : 0;
		for (int k = 0; k < 3 && i > 0 && chance(m, 20); k++)
			p->orders[i].needs[p->orders[i].nneeds++] = below(m, i);
	}
}

static void make_faults(struct making *m, struct sim_plan *p)
{
	if (chance(m, 25))
		return;
	struct sim_faults *f = &p->faults;
	f->worker_death = chance(m, 40) ? below(m, 60) : 0;
	f->slow_link = chance(m, 40) ? below(m, 200) : 0;
	f->disconnect = chance(m, 30) ? below(m, 60) : 0;
	f->duplicate = chance(m, 30) ? below(m, 300) : 0;
	f->spawn_fails = chance(m, 30) ? below(m, 300) : 0;
	f->commit_fails = chance(m, 30) ? below(m, 30) : 0;
	f->crash = chance(m, 50) ? below(m, 60) : 0;
	f->clock_jump = chance(m, 20) ? below(m, 60) : 0;
	f->orphans = chance(m, 50);
	f->snapshot_fails = p->lossy && chance(m, 30) ? below(m, 300) : 0;
	f->workspace_fails = p->lossy && chance(m, 30) ? below(m, 300) : 0;
}

void plan_make(uint64_t seed, struct sim_plan *p)
{
	*p = (struct sim_plan){ .seed = seed };
	struct making m = { .rng = { seed * 0x2545f4914f6cdd1dULL + 1 }, .p = p };
	p->steps = 1 + below(&m, 6);
	p->runs = 1 + below(&m, 5);
	p->workers_max = chance(&m, 30) ? 1 + below(&m, p->steps) : 0;
	p->lossy = chance(&m, 30);
	p->uneven = chance(&m, 10);
	p->files = chance(&m, 50) ? 10 + below(&m, 50) : 0;
	p->backs = chance(&m, 40);
	p->streams = p->backs && chance(&m, 40);
	if (p->backs)
		p->files = 30 + below(&m, 60);
	p->idle_ms = chance(&m, 30) ? 1 + below(&m, 2000) : 60000;
	p->drains = chance(&m, 20);
	p->repos = seed >= SEED_REPOS;
	int nchildren = below(&m, CHILDREN_MAX + 1);
	for (int i = 0; i < nchildren; i++)
		p->children[i] = make_flow(&m, true);
	p->nchildren = nchildren;
	p->nflows = 1 + below(&m, FLOWS_MAX);
	for (int i = 0; i < p->nflows; i++)
		p->flows[i] = make_flow(&m, false);
	make_orders(&m, p);
	make_faults(&m, p);
	p->ndeeds = chance(&m, 20) ? 0 : below(&m, 40);
	p->deeds_ms = 1000 + below(&m, 60000);
}

void plan_done(struct sim_plan *p)
{
	for (int i = 0; i < p->nflows; i++)
		free(p->flows[i]);
	for (int i = 0; i < p->nchildren; i++)
		free(p->children[i]);
}
