/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a step costs does not depend on how large the graph or the queue around it is: the same work is done
 * in small and in large pieces, statements and commits of a step are counted and compared, and the processor
 * time is shown (not judged: it belongs to the machine). */
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HOUR (3600 * 1000LL)

static double cpu_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

struct cost {
	double statements, commits, us; /* of a step */
};

struct measure {
	struct world *w;
	int64_t statements, commits;
	size_t steps;
	double us;
};

static struct measure begin(struct world *w)
{
	return (struct measure){ w, store_statements(w->store), store_commits(w->store), w->nstarts, cpu_us() };
}

static struct cost end(const struct measure *m)
{
	double steps = (double)(m->w->nstarts - m->steps);
	return (struct cost){ (double)(store_statements(m->w->store) - m->statements) / steps,
			      (double)(store_commits(m->w->store) - m->commits) / steps, (cpu_us() - m->us) / steps };
}

/* Layers of ten; each node needs up to three of the layer before it. */
static char *layers(struct rng *rng, int n, const char *extra)
{
	struct str s = STR_INIT;
	str_addf(&s, "%snodes:\n", extra);
	for (int i = 0; i < n; i++) {
		str_addf(&s, "  n%d: {run: took=%d", i, 1 + (int)rng_below(rng, 20));
		int above = i / 10 * 10 - 10, first = above >= 0 ? above + (int)rng_below(rng, 8) : -1;
		if (first >= 0)
			str_addf(&s, ", needs: [n%d, n%d, n%d]", first, first + 1, first + 2);
		str_add(&s, "}\n");
	}
	return str_take(&s);
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	(void)printf("FAIL: %s\n", what);
	exit(1);
}

/* `n` nodes in graphs of `size`. */
static struct cost graphs(int n, int size, bool stop, bool until)
{
	struct world *w = world_new(1, 8, 4);
	struct rng rng = { 1 };
	auto_free char *yaml = layers(&rng, size, "");
	struct answer a = world_submit(w, yaml, NULL);
	must(a.code == ERR_OK, a.message);
	must(world_finish(w, HOUR), "the first run does not end");
	struct measure m = begin(w);
	for (int i = 0; i < n / size; i++) {
		auto_free char *last = xasprintf("n%d", size - 1);
		const char *targets[] = { last };
		a = world_submit(w, yaml, &(struct submission){ .until = targets, .nuntil = until });
		/* Verbs in the middle, some of them at every size. */
		for (int k = 0; stop && k < size / 100; k++) {
			world_run_ms(w, 50);
			(void)world_verb(w, VERB_PAUSE, world_run_of(w, a.id), NULL);
			world_run_ms(w, 50);
			(void)world_verb(w, VERB_RESUME, world_run_of(w, a.id), NULL);
		}
		if (until && !world_finish(w, HOUR))
			(void)world_verb(w, VERB_RESUME, world_run_of(w, a.id), NULL);
		must(world_finish(w, HOUR), "a run does not end");
		must(world_order_state(w, a.id) == ORDER_SUCCEEDED, "a run did not succeed");
	}
	struct cost c = end(&m);
	world_free(w);
	return c;
}

/* `n` instances in groups of `size`. */
static struct cost groups(int n, int size, const char *limit)
{
	struct world *w = world_new(1, 8, 4);
	auto_str yaml = STR_INIT;
	str_addf(&yaml, "resources: {r: 4}\nnodes: {list: {run: 'took=1 out=items=[0");
	for (int i = 1; i < size; i++)
		str_addf(&yaml, ",%d", i);
	str_addf(&yaml, "]'}, g: {needs: list, foreach: \"${{ nodes.list.outputs.items }}\", %s, run: took=3}}\n", limit);
	struct measure m = begin(w);
	for (int i = 0; i < n / size; i++) {
		struct answer a = world_submit(w, str_text(&yaml), NULL);
		must(a.code == ERR_OK, a.message);
		must(world_finish(w, HOUR), "a run does not end");
		must(world_order_state(w, a.id) == ORDER_SUCCEEDED, "a run did not succeed");
	}
	struct cost c = end(&m);
	world_free(w);
	return c;
}

/* `n` orders, `size` at a time in the queue, half of them depending on another one. */
static struct cost orders(int n, int size)
{
	struct world *w = world_new(1, 8, 8);
	struct rng rng = { 3 };
	struct measure m = begin(w);
	for (int i = 0; i < n / size; i++) {
		id_t64 last = 0;
		for (int k = 0; k < size; k++) {
			struct submission s = { .priority = (int)rng_below(&rng, 20), .depends_on = &last,
						.ndepends_on = last && k % 2 };
			struct answer a = world_submit(w, "nodes: {a: {run: took=5}}", &s);
			must(a.code == ERR_OK, a.message);
			last = a.id;
			int64_t estimate;
			(void)engine_position(w->e, a.id, &estimate);
			if (k % 10 == 0)
				(void)world_verb(w, VERB_FRONT, a.id, NULL);
		}
		must(world_finish(w, HOUR), "an order does not end");
	}
	struct cost c = end(&m);
	world_free(w);
	return c;
}

static int compare(const char *what, int small, int large, const struct cost *a, const struct cost *b)
{
	bool same = b->statements <= a->statements * 1.1 + 0.5 && b->commits <= a->commits * 1.1 + 0.1;
	(void)printf("%-34s %6d: %6.2f statements %5.2f commits %7.1f us   %6d: %6.2f statements %5.2f commits %7.1f us  %s\n",
		     what, small, a->statements, a->commits, a->us, large, b->statements, b->commits, b->us,
		     same ? "same" : "MORE");
	(void)fflush(stdout);
	return !same;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? (int)strtol(argv[1], NULL, 10) : SIM_SLOW ? 2000 : 10000, small = 100, bad = 0;
	struct cost a, b;
	a = graphs(n, small, false, false);
	b = graphs(n, n, false, false);
	bad += compare("nodes of a graph", small, n, &a, &b);
	a = graphs(n, small, true, false);
	b = graphs(n, n, true, false);
	bad += compare("nodes of a graph, often paused", small, n, &a, &b);
	a = graphs(n, small, false, true);
	b = graphs(n, n, false, true);
	bad += compare("nodes of a graph, until the last", small, n, &a, &b);
	int items = MIN(n, 5000);
	a = groups(items, small, "max_parallel: 4");
	b = groups(items, items, "max_parallel: 4");
	bad += compare("instances, a limit of the group", small, items, &a, &b);
	a = groups(items, small, "resources: {r: 1}");
	b = groups(items, items, "resources: {r: 1}");
	bad += compare("instances, a resource", small, items, &a, &b);
	a = orders(n, small);
	b = orders(n, n);
	bad += compare("orders in the queue", small, n, &a, &b);
	return bad ? 1 : 0;
}
