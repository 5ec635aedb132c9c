/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading for lists: every row once, in order, whatever the page's size and the filter. */
#include "store/read.h"
#include "base/fs.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NORDERS 250
#define NRUNS 120

static char dir[64];
static struct store *st;
static const struct hash workflow = { { 1 } };

static void must(enum err_code code, const struct err *err)
{
	ck_assert_msg(code == ERR_OK, "%s", err->message);
}

static enum order_state order_state_of(int i)
{
	static const enum order_state v[] = { ORDER_SUCCEEDED, ORDER_QUEUED, ORDER_FAILED,
		                              ORDER_HELD };
	return v[i % 4];
}

static enum run_state run_state_of(int i)
{
	return i % 3 == 0 ? RUN_FAILED : i % 3 == 1 ? RUN_SUCCEEDED : RUN_RUNNING;
}

static void event(const char *type, id_t64 order, id_t64 run, int idx, int was, int now)
{
	struct event_row e = { .at_ms = 5,
		               .type = type,
		               .order = order,
		               .run = run,
		               .idx = idx,
		               .was = was,
		               .now = now };
	store_event(st, &e);
}

static void add_order(int i)
{
	struct order_row o = { .id = 1000 + i,
		               .workflow = workflow,
		               .name = i % 5 ? "common" : "rare",
		               .file = "",
		               .dir = "",
		               .state = order_state_of(i),
		               .params = "{}",
		               .submitter = "",
		               .enqueued_ms = 100,
		               .started_ms = i % 4 == 0 ? 100 + i : 0,
		               .run = i < NRUNS ? 1 + i : 0 };
	store_order_add(st, &o);
	event("order.any", o.id, 0, -1, ORDER_PENDING, (int)o.state);
}

static void add_run(int i)
{
	struct run_row r = { .id = 1 + i,
		             .order = 1000 + i,
		             .workflow = workflow,
		             .name = i % 7 ? "common" : "seven",
		             .file = "",
		             .dir = "",
		             .state = run_state_of(i),
		             .params = "{}",
		             .workspace = "",
		             .generation = 1,
		             .parent_run = i >= 100 ? 1 : 0,
		             .parent_node = 0,
		             .failed_node = -1,
		             .acknowledged = i % 6 != 0,
		             .created_ms = 1000 + i };
	store_run_add(st, &r);
	event("run.any", r.order, r.id, -1, RUN_PENDING, (int)r.state);
}

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "%s", "/tmp/pawl-read-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	auto_free char *path = xasprintf("%s/state.db", dir);
	struct err err;
	must(store_open(path, &(struct store_options){ .relaxed_sync = true }, &st, &err), &err);
	store_workflow_put(st, &workflow, "wf", "wf.yaml", "text", NULL, 1);
	for (int i = 0; i < NORDERS; i++)
		add_order(i);
	for (int i = 0; i < NRUNS; i++)
		add_run(i);
	must(store_commit(st, &err), &err);
}

static void teardown(void)
{
	store_close(st);
	ck_assert_int_eq(fs_rmtree(dir, NULL), ERR_OK);
}

struct seen {
	int64_t v[2000];
	size_t n;
};

static void take_order(void *ctx, const struct order_row *o)
{
	struct seen *s = ctx;
	s->v[s->n++] = o->id;
}

static void take_run(void *ctx, const struct run_row *r)
{
	struct seen *s = ctx;
	s->v[s->n++] = r->id;
}

static void is_descending(const struct seen *s)
{
	for (size_t i = 1; i < s->n; i++)
		ck_assert_int_lt(s->v[i], s->v[i - 1]);
}

static const struct {
	struct order_filter f;
	int n;
} order_filters[] = {
	{ { 0 }, NORDERS },
	{ { .states = 1U << ORDER_QUEUED }, 63 },
	{ { .states = 1U << ORDER_QUEUED | 1U << ORDER_HELD }, 125 },
	{ { .states = 1U << ORDER_BLOCKED }, 0 },
	{ { .workflow = "rare" }, 50 },
	{ { .states = 1U << ORDER_SUCCEEDED, .workflow = "rare" }, 13 },
	{ { .workflow = "none" }, 0 },
};

START_TEST(orders_come_once)
{
	static const size_t limits[] = { 1, 7, 63, 250, 1000 };
	for (size_t k = 0; k < COUNT(limits); k++) {
		struct seen s = { .n = 0 };
		struct read_page page = { .limit = limits[k] };
		struct err err;
		do {
			size_t before = s.n;
			must(read_orders(st, &order_filters[_i].f, &page, take_order, &s, &err),
			     &err);
			ck_assert_uint_le(s.n - before, limits[k]);
			page.before = page.next;
		} while (page.next);
		ck_assert_int_eq((int)s.n, order_filters[_i].n);
		is_descending(&s);
	}
}
END_TEST

static const struct {
	struct run_filter f;
	int n;
} run_filters[] = {
	{ { 0 }, NRUNS },
	{ { .states = 1U << RUN_FAILED }, 40 },
	{ { .states = 1U << RUN_FAILED | 1U << RUN_SUCCEEDED }, 80 },
	{ { .unseen = true }, 20 },
	{ { .unseen = true, .states = 1U << RUN_RUNNING }, 60 },
	{ { .workflow = "seven" }, 18 },
	{ { .workflow = "seven", .states = 1U << RUN_FAILED }, 6 },
	{ { .text = "SEV" }, 18 },
	{ { .parent = 1 }, 20 },
	{ { .parent = -1 }, 100 },
	{ { .parent = 1, .states = 1U << RUN_RUNNING }, 7 },
	{ { .since_ms = 1110 }, 10 },
	{ { .since_ms = 1110, .states = 1U << RUN_SUCCEEDED }, 3 },
};

START_TEST(runs_come_once)
{
	static const size_t limits[] = { 1, 7, 40, 1000 };
	for (size_t k = 0; k < COUNT(limits); k++) {
		struct seen s = { .n = 0 };
		struct read_page page = { .limit = limits[k] };
		struct err err;
		do {
			must(read_runs(st, &run_filters[_i].f, &page, take_run, &s, &err), &err);
			page.before = page.next;
		} while (page.next);
		ck_assert_int_eq((int)s.n, run_filters[_i].n);
		is_descending(&s);
	}
}
END_TEST

START_TEST(prefixes)
{
	int n;
	id_t64 id = 0;
	ck_assert(!read_order_range(st, 1000, 1000, &n, &id, NULL) && n == 1 && id == 1000);
	ck_assert(!read_order_range(st, 1000, 2000, &n, &id, NULL) && n == 2 && id == 1000);
	ck_assert(!read_run_range(st, 500, 600, &n, &id, NULL) && n == 0);
}
END_TEST

/* What is folded from the events is what a count says. */
START_TEST(counts_follow_the_events)
{
	struct read_counts c = { .seq = 0 }, anew = { .seq = 0 };
	struct err err;
	must(read_counts(st, &c, &err), &err);
	ck_assert(c.norders == NORDERS && c.nruns == NRUNS && c.runs[RUN_FAILED] == 40);
	add_order(NORDERS);
	struct run_row r;
	must(store_run_get(st, 3, &r, &err), &err);
	ck_assert_int_eq(r.state, RUN_RUNNING);
	r.state = RUN_SUCCEEDED;
	store_run_set(st, &r);
	event("run.succeeded", 1002, 3, -1, RUN_RUNNING, RUN_SUCCEEDED);
	event("run.refused", 1002, 3, -1, RUN_SUCCEEDED, -1);
	event("node.running", 1002, 3, 0, NODE_PENDING, NODE_RUNNING);
	must(store_commit(st, &err), &err);
	must(read_counts(st, &c, &err), &err);
	must(read_counts(st, &anew, &err), &err);
	ck_assert(!memcmp(&c, &anew, sizeof(c)));
	ck_assert(c.norders == NORDERS + 1 && c.runs[RUN_SUCCEEDED] == 41);
	ck_assert_int_eq(read_unseen(st), 20);
}
END_TEST

START_TEST(mean_wait_is_of_the_last_that_started)
{
	/* Orders 0, 4, … 248 started i ms after they were queued; the last 50 of them are 52 … 248.
	 */
	ck_assert_int_eq(read_mean_wait_ms(st), 150);
}
END_TEST

static void take_event(void *ctx, const struct event_row *e)
{
	struct seen *s = ctx;
	s->v[s->n++] = e->seq;
}

START_TEST(events)
{
	struct seen s = { .n = 0 };
	struct err err;
	int64_t last;
	struct event_filter f = { .after = 10, .limit = 5 };
	must(read_events(st, &f, take_event, &s, &last, &err), &err);
	ck_assert(s.n == 5 && s.v[0] == 11 && last == 15);
	f = (struct event_filter){ .before = 4, .limit = 5 };
	s.n = 0;
	must(read_events(st, &f, take_event, &s, &last, &err), &err);
	ck_assert(s.n == 3 && s.v[0] == 3 && last == 0);
	f = (struct event_filter){ .after = 0, .upto = 2, .limit = 5 };
	s.n = 0;
	must(read_events(st, &f, take_event, &s, &last, &err), &err);
	ck_assert(s.n == 2 && last == 0);
	f = (struct event_filter){ .run = 1, .limit = 5 };
	s.n = 0;
	must(read_events(st, &f, take_event, &s, &last, &err), &err);
	ck_assert(s.n == 1 && s.v[0] == NORDERS + 1);
	f = (struct event_filter){ .order = 1000, .limit = 5 };
	s.n = 0;
	must(read_events(st, &f, take_event, &s, &last, &err), &err);
	ck_assert(s.n == 2 && s.v[0] == 1 && s.v[1] == NORDERS + 1);
	f.before = INT64_MAX;
	f.limit = 1;
	s.n = 0;
	must(read_events(st, &f, take_event, &s, &last, &err), &err);
	ck_assert(s.n == 1 && s.v[0] == NORDERS + 1 && last == NORDERS + 1);
	f = (struct event_filter){ .type = "run.", .limit = 1000 };
	s.n = 0;
	must(read_events(st, &f, take_event, &s, &last, &err), &err);
	ck_assert(s.n == NRUNS && last == 0);
}
END_TEST

/* ---- nodes and attempts of one run ---- */

static void add_attempt(int64_t token, int idx, int generation, int iteration, int attempt,
                        int64_t previous, int64_t retry_in_ms)
{
	struct attempt_row a = { .token = token,
		                 .run = 1,
		                 .idx = idx,
		                 .generation = generation,
		                 .iteration = iteration,
		                 .attempt = attempt,
		                 .previous = previous,
		                 .started_ms = 1,
		                 .boot_id = "b" };
	store_attempt_add(st, &a);
	a.state = ATTEMPT_FAILED;
	a.ended_ms = 2;
	a.exit_code = 1;
	a.signal = -1;
	a.retry_in_ms = retry_in_ms;
	store_attempt_end(st, &a);
}

static void add_node(int idx, int generation, enum node_state state, int iteration, int attempt,
                     int64_t token, int64_t seq)
{
	struct node_row n = { .run = 1,
		              .idx = idx,
		              .generation = generation,
		              .state = state,
		              .iteration = iteration,
		              .attempt = attempt,
		              .token = token,
		              .seq = seq };
	store_node_put(st, &n);
}

/* Node 0: generation 1 with two attempts, generation 2 with one; node 1 succeeded in generation 1.
 */
static void fill_run(void)
{
	struct err err;
	add_attempt(1, 0, 1, 1, 1, 0, 5);
	add_attempt(2, 0, 1, 1, 2, 1, -1);
	add_attempt(3, 1, 1, 1, 1, 0, -1);
	add_attempt(4, 0, 2, 1, 1, 2, -1);
	add_node(0, 1, NODE_FAILED, 1, 2, 2, 20);
	add_node(0, 2, NODE_FAILED, 1, 1, 4, 40);
	add_node(1, 1, NODE_SUCCEEDED, 1, 1, 3, 30);
	must(store_commit(st, &err), &err);
}

static void take_node(void *ctx, const struct node_row *n)
{
	struct seen *s = ctx;
	s->v[s->n++] = n->idx * 10 + n->generation;
}

static void take_attempt(void *ctx, const struct attempt_row *a, int newest)
{
	struct seen *s = ctx;
	s->v[s->n++] = a->token * 10 + newest;
}

START_TEST(newest_generation)
{
	fill_run();
	struct seen s = { .n = 0 };
	struct err err;
	must(read_nodes(st, 1, 0, 100, take_node, &s, &err), &err);
	ck_assert(s.n == 2 && s.v[0] == 2 && s.v[1] == 11);
	s.n = 0;
	must(read_nodes(st, 1, 1, 2, take_node, &s, &err), &err);
	ck_assert(s.n == 1 && s.v[0] == 11);
}
END_TEST

START_TEST(attempts_and_iterations)
{
	fill_run();
	struct seen s = { .n = 0 };
	struct err err;
	struct read_page page = { .limit = 2 };
	must(read_node_attempts(st, 1, 0, &page, take_attempt, &s, &err), &err);
	ck_assert(s.n == 2 && s.v[0] == 42 && s.v[1] == 22 && page.next == 1);
	page.before = page.next;
	must(read_node_attempts(st, 1, 0, &page, take_attempt, &s, &err), &err);
	ck_assert(s.n == 3 && s.v[2] == 12 && page.next == 0);
	page.before = 3; /* an attempt of another node */
	must(read_node_attempts(st, 1, 0, &page, take_attempt, &s, &err), &err);
	ck_assert_uint_eq(s.n, 3);
	s.n = 0;
	page = (struct read_page){ .limit = 10 };
	must(read_iterations(st, 1, &page, take_attempt, &s, &err), &err);
	ck_assert(s.n == 3 && s.v[0] == 42 && s.v[1] == 31 && s.v[2] == 22);
	struct attempt_row a;
	must(read_attempt(st, 1, 0, -1, -1, -1, &a, &err), &err);
	ck_assert_int_eq(a.token, 4);
	must(read_attempt(st, 1, 0, 1, -1, 1, &a, &err), &err);
	ck_assert_int_eq(a.token, 1);
	ck_assert_int_eq(read_attempt(st, 1, 0, 3, -1, -1, &a, NULL), ERR_NOT_FOUND);
	ck_assert_int_eq(read_attempt(st, 2, 0, -1, -1, -1, &a, NULL), ERR_NOT_FOUND);
}
END_TEST

START_TEST(checkpoints)
{
	fill_run();
	struct seen s = { .n = 0 };
	struct err err;
	struct read_page page = { .limit = 10 };
	must(read_checkpoints(st, 1, &page, take_node, &s, &err), &err);
	ck_assert(s.n == 1 && s.v[0] == 11 && page.next == 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("store_read");
	TCase *t = tcase_create("lists");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, orders_come_once, 0, COUNT(order_filters));
	tcase_add_loop_test(t, runs_come_once, 0, COUNT(run_filters));
	tcase_add_test(t, prefixes);
	tcase_add_test(t, counts_follow_the_events);
	tcase_add_test(t, mean_wait_is_of_the_last_that_started);
	tcase_add_test(t, events);
	tcase_add_test(t, newest_generation);
	tcase_add_test(t, attempts_and_iterations);
	tcase_add_test(t, checkpoints);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
