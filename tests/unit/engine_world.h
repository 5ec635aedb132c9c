/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of the engine share: a world for each test, and short words for what is asked of it. */
#ifndef PAWL_TESTS_UNIT_ENGINE_WORLD_H
#define PAWL_TESTS_UNIT_ENGINE_WORLD_H

#include "tests/sim/world.h"

#include <check.h>
#include <string.h>

#define HOUR (3600 * 1000)

static struct world *w;

static void setup(void)
{
	w = world_new(1, 4, 8);
}

/* Whatever a test did, what is stored then is sound. */
static inline void is_sound(void)
{
	struct fsck f;
	world_run_ms(w, 20000); /* an engine may be away */
	fsck_run(w->store, w->dir, w->e, &f);
	for (size_t i = 0; i < f.n; i++)
		ck_assert_msg(f.v[i].problems == 0, "%s: %s", f.v[i].name, str_text(&f.v[i].text));
	fsck_done(&f);
}

static inline void teardown(void)
{
	world_free(w);
}

static inline void teardown_sound(void)
{
	is_sound();
	world_free(w);
}

/* The order of a workflow that validates. */
static inline id_t64 submit_as(const char *yaml, const struct submission *options)
{
	struct answer a = world_submit(w, yaml, options);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	ck_assert_int_eq(a.times, 1);
	return a.id;
}

static inline id_t64 submit(const char *yaml)
{
	return submit_as(yaml, NULL);
}

static inline void finish(void)
{
	ck_assert_msg(world_finish(w, HOUR), "something never ends");
}

/* The run of a workflow that has ended. */
static inline id_t64 run(const char *yaml)
{
	id_t64 order = submit(yaml);
	finish();
	return world_run_of(w, order);
}

/* The run of a workflow that has just begun. */
static inline id_t64 begin(const char *yaml)
{
	id_t64 order = submit(yaml);
	ck_assert_int_ne(world_run_of(w, order), 0);
	return world_run_of(w, order);
}

static inline id_t64 begin_paused(const char *yaml)
{
	id_t64 order = submit_as(yaml, &(struct submission){ .paused = true });
	return world_run_of(w, order);
}

static inline void verb(enum verb v, id_t64 id)
{
	struct answer a = world_verb(w, v, id, NULL);
	ck_assert_msg(a.code == ERR_OK, "%s: %s", verb_name(v), a.message);
	ck_assert_int_eq(a.times, 1);
}

static inline void verb_node(enum verb v, id_t64 id, const char *node)
{
	struct answer a = world_verb(w, v, id, node);
	ck_assert_msg(a.code == ERR_OK, "%s %s: %s", verb_name(v), node, a.message);
}

static inline void refused(enum verb v, id_t64 id, const char *node, enum err_code code, const char *says)
{
	struct answer a = world_verb(w, v, id, node);
	ck_assert_msg(a.code == code, "%s: %s, not %s", verb_name(v), err_name(a.code), err_name(code));
	ck_assert_msg(strstr(a.message, says) || strstr(a.hint, says), "%s | %s", a.message, a.hint);
	ck_assert_int_eq(a.times, 1);
}

static inline void is_order(id_t64 o, enum order_state state)
{
	ck_assert_str_eq(state_name(ENTITY_ORDER, (int)world_order_state(w, o)), state_name(ENTITY_ORDER, (int)state));
}

static inline void is_run(id_t64 r, enum run_state state)
{
	struct run_row row = world_run(w, r);
	ck_assert_msg(row.state == state, "the run is %s (%s), not %s", state_name(ENTITY_RUN, (int)row.state),
		      row.reason ? row.reason : "", state_name(ENTITY_RUN, (int)state));
}

static inline void is_node(id_t64 r, const char *name, enum node_state state)
{
	struct node_row row = world_node(w, r, name);
	ck_assert_msg(row.state == state, "%s is %s (%s), not %s", name, state_name(ENTITY_NODE, (int)row.state),
		      row.reason ? row.reason : "", state_name(ENTITY_NODE, (int)state));
}

static inline void started(id_t64 r, const char *name, int times)
{
	ck_assert_msg(world_started(w, r, name) == times, "%s was begun %d times, not %d", name,
		      world_started(w, r, name), times);
}

static inline int run_suite(Suite *s)
{
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
