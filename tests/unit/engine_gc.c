/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gc by the engine's clock: what it takes of runs of many ages, to the millisecond, and what it leaves. */
#include "tests/unit/engine_world.h"
#include "engine/gc.h"

#include <stdio.h>

#define DAY ((int64_t)24 * HOUR)

struct collected {
	int times;
	enum err_code code;
	id_t64 runs[20];
	size_t nruns;
	char keep[50][41];
	size_t nkeep;
};

static void collected(void *ctx, enum err_code code, const struct err *err UNUSED, const struct gc *gc)
{
	struct collected *c = ctx;
	c->times++;
	c->code = code;
	ck_assert_uint_le(gc->nruns, COUNT(c->runs));
	c->nruns = gc->nruns;
	for (size_t i = 0; i < gc->nruns; i++)
		c->runs[i] = gc->runs[i];
	c->nkeep = MIN(gc->nkeep, COUNT(c->keep));
	for (size_t i = 0; i < c->nkeep; i++)
		(void)snprintf(c->keep[i], sizeof(c->keep[i]), "%s", gc->keep[i]);
}

static struct collected collect(int64_t older_ms, bool dry_run)
{
	struct collected c = { .times = 0 };
	struct err err;
	ck_assert_int_eq(engine_gc(w->e, older_ms, dry_run, collected, &c, &err), ERR_OK);
	world_turn(w);
	for (int i = 0; i < 10000 && !c.times; i++)
		ck_assert(world_step(w, w->boot_ms + 60000));
	ck_assert_int_eq(c.times, 1);
	ck_assert_int_eq(c.code, ERR_OK);
	return c;
}

static bool has_run(const struct collected *c, id_t64 run)
{
	for (size_t i = 0; i < c->nruns; i++)
		if (c->runs[i] == run)
			return true;
	return false;
}

static bool has_files(id_t64 r, const char *node)
{
	struct checkpoint_row c;
	ck_assert_int_eq(store_checkpoint_of(w->store, r, world_idx(w, r, node), &c, NULL), ERR_OK);
	return c.tree != NULL;
}

static bool keeps(const struct collected *c, id_t64 r, const char *node)
{
	struct checkpoint_row p;
	ck_assert_int_eq(store_checkpoint_of(w->store, r, world_idx(w, r, node), &p, NULL), ERR_OK);
	for (size_t i = 0; p.tree && i < c->nkeep; i++)
		if (str_eq(c->keep[i], p.tree))
			return true;
	return false;
}

START_TEST(of_ten_days_it_takes_what_is_strictly_older)
{
	id_t64 runs[11];
	for (int age = 10; age >= 1; age--) {
		char yaml[64];
		(void)snprintf(yaml, sizeof(yaml), "nodes: {a: {run: writes=a%d}}", age);
		runs[age] = run(yaml);
		w->wall_ms += DAY;
	}
	/* So that the seventh is exactly seven days old. */
	w->wall_ms = world_run(w, runs[7]).ended_ms + 7 * DAY;
	for (int age = 1; age <= 10; age++) {
		int64_t is = w->wall_ms - world_run(w, runs[age]).ended_ms;
		ck_assert_msg(is / DAY == age || (age < 7 && is > (age - 1) * DAY && is < age * DAY), "%d: %lld ms", age,
			      (long long)is);
	}
	struct collected c = collect(7 * DAY, true);
	ck_assert_uint_eq(c.nruns, 3);
	for (int age = 1; age <= 10; age++) {
		ck_assert_int_eq(has_run(&c, runs[age]), age > 7);
		ck_assert(has_files(runs[age], "a")); /* nothing was changed */
	}
	w->wall_ms = world_run(w, runs[7]).ended_ms + 7 * DAY;
	c = collect(7 * DAY, false);
	ck_assert_uint_eq(c.nruns, 3);
	for (int age = 1; age <= 10; age++) {
		ck_assert_int_eq(has_files(runs[age], "a"), age <= 7);
		ck_assert_int_eq(keeps(&c, runs[age], "a"), age <= 7);
		is_run(runs[age], RUN_SUCCEEDED); /* its state and history stay */
	}
	/* A millisecond decides. */
	ck_assert(!has_run(&c, runs[7]));
	w->wall_ms = world_run(w, runs[7]).ended_ms + 7 * DAY + 1;
	c = collect(7 * DAY, true);
	ck_assert(has_run(&c, runs[7]));
}
END_TEST

START_TEST(a_run_that_has_not_ended_keeps_its_only_way_back)
{
	id_t64 ended = run("nodes: {a: {run: writes=x}}");
	id_t64 r = begin("nodes: {a: {run: took=1 writes=a}, b: {run: forever, needs: a}}");
	id_t64 paused = begin("nodes: {a: {run: took=1 writes=z}, b: {run: forever, needs: a}}");
	world_run_ms(w, 5000);
	is_node(r, "b", NODE_RUNNING);
	verb(VERB_FREEZE, paused);
	world_run_ms(w, 1000);
	w->wall_ms += 100 * DAY;
	struct collected c = collect(1, false);
	ck_assert_uint_eq(c.nruns, 1);
	ck_assert(has_run(&c, ended) && !has_files(ended, "a"));
	ck_assert(has_files(r, "a") && keeps(&c, r, "a"));
	ck_assert(has_files(paused, "a") && keeps(&c, paused, "a"));
	verb(VERB_CANCEL, r);
	verb(VERB_CANCEL, paused);
	world_run_ms(w, HOUR);
	/* Now they have ended, and are not older than a day; later they are. */
	c = collect(DAY, false);
	ck_assert(!has_run(&c, r) && has_files(r, "a"));
	w->wall_ms += 2 * DAY;
	c = collect(DAY, false);
	ck_assert(has_run(&c, r) && has_run(&c, paused) && !has_files(r, "a"));
}
END_TEST

START_TEST(one_that_is_reopened_keeps_what_it_has)
{
	id_t64 r = run("nodes: {a: {run: took=1 writes=a}, b: {run: took=1 exit=1 fails=1, needs: a}}");
	is_run(r, RUN_FAILED);
	w->wall_ms += 100 * DAY;
	verb(VERB_RETRY, r);
	struct collected c = collect(1, false);
	ck_assert(!has_run(&c, r) && has_files(r, "a"));
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine_gc");
	TCase *t = tcase_create("gc");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, of_ten_days_it_takes_what_is_strictly_older);
	tcase_add_test(t, a_run_that_has_not_ended_keeps_its_only_way_back);
	tcase_add_test(t, one_that_is_reopened_keeps_what_it_has);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	return run_suite(s);
}
