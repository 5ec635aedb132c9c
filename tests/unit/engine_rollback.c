/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Going back with the files: resume-from, rollback, and what is left of them when the engine dies at any of their
 * steps. */
#include "tests/unit/engine_world.h"
#include "engine/gc.h"
#include "store/read.h"

#include <stdio.h>

/* Every try writes its own number, so what stands in the files says which tries they are of. */
#define CHAIN                                                                                                   \
	"nodes: {a: {run: took=1 writes=a out=v=1}, b: {run: took=1 writes=b, needs: a}, c: {run: took=1 writes=c, needs: b}}"

static struct answer back(id_t64 r, const char *checkpoint)
{
	struct command c = { .verb = VERB_ROLLBACK, .id = r, .checkpoint = checkpoint, .who = "tester", .reason = "mend" };
	return world_ask(w, &c);
}

static void roll_back(id_t64 r, const char *checkpoint)
{
	struct answer a = back(r, checkpoint);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	for (int i = 0; i < 10000 && world_run(w, r).state == RUN_ROLLING_BACK; i++)
		ck_assert(world_step(w, w->boot_ms + 60000));
}

static void files_are(id_t64 r, const char *want)
{
	auto_free char *path = xstrdup(world_run(w, r).workspace);
	ck_assert_str_eq(world_files(w, path), want);
}

struct seen {
	int events;
	const char *type;
	char reason[200], data[1000];
};

static void see(void *ctx, const struct event_row *ev)
{
	struct seen *s = ctx;
	if (!str_eq(ev->type, s->type))
		return;
	s->events++;
	(void)snprintf(s->reason, sizeof(s->reason), "%s", ev->reason ? ev->reason : "");
	(void)snprintf(s->data, sizeof(s->data), "%s", ev->data ? ev->data : "");
}

static struct seen events(id_t64 r, const char *type)
{
	struct seen s = { .type = type };
	int64_t last = 0;
	struct event_filter f = { .run = r, .limit = 1000 };
	ck_assert_int_eq(read_events(w->store, &f, see, &s, &last, NULL), ERR_OK);
	return s;
}

START_TEST(rollback_restores_the_state_and_the_files)
{
	id_t64 r = run(CHAIN);
	files_are(r, "a=1 b=2 c=3");
	roll_back(r, "b");
	is_run(r, RUN_PAUSED);
	ck_assert_str_eq(world_run(w, r).reason, "rollback");
	files_are(r, "a=1 b=2");
	is_node(r, "a", NODE_SUCCEEDED);
	is_node(r, "b", NODE_SUCCEEDED);
	is_node(r, "c", NODE_PENDING);
	ck_assert_int_eq(world_run(w, r).generation, 2);
	ck_assert_int_eq(world_node(w, r, "b").generation, 1);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	files_are(r, "a=1 b=2 c=4");
	started(r, "b", 1);
	started(r, "c", 2);
	ck_assert_int_eq(events(r, "run.protected").events, 1);
	ck_assert_int_eq(events(r, "run.rolled_back").events, 1);
}
END_TEST

START_TEST(rollback_to_the_start_runs_everything_again)
{
	id_t64 r = run(CHAIN);
	roll_back(r, "start");
	is_run(r, RUN_PAUSED);
	files_are(r, "");
	is_node(r, "a", NODE_PENDING);
	verb(VERB_RESUME, r);
	finish();
	started(r, "a", 2);
	files_are(r, "a=4 b=5 c=6");
}
END_TEST

START_TEST(rollback_brings_back_what_a_later_generation_replaced)
{
	id_t64 r = run(CHAIN);
	verb_node(VERB_RESUME_FROM, r, "a");
	finish();
	files_are(r, "a=4 b=5 c=6");
	/* Checkpoint 2 is of b in the first generation. */
	roll_back(r, "2");
	files_are(r, "a=1 b=2");
	ck_assert_int_eq(world_node(w, r, "a").generation, 3);
	ck_assert_int_eq((int)world_node(w, r, "a").token, 1);
	ck_assert_str_eq(world_node(w, r, "a").outputs, "{\"v\":\"1\"}");
	is_node(r, "c", NODE_PENDING);
	world_restart(w);
	/* And from there to the other one. */
	roll_back(r, "5");
	files_are(r, "a=4 b=5");
	/* By its name: what it is now. */
	roll_back(r, "a");
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(rollback_needs_a_checkpoint_that_is_there)
{
	id_t64 r = run("nodes: {a: {run: took=1}, b: {run: exit=1, needs: a}}");
	ck_assert_int_eq(back(r, "9").code, ERR_NOT_FOUND);
	ck_assert_int_eq(back(r, "b").code, ERR_NOT_FOUND);
	ck_assert_int_eq(back(r, "nope").code, ERR_NOT_FOUND);
	ck_assert_int_eq(back(r, NULL).code, ERR_USAGE);
	is_run(r, RUN_FAILED);
	id_t64 l = begin("nodes: {a: {run: took=1000}}");
	ck_assert_int_eq(back(l, "a").code, ERR_NOT_FOUND);
	is_run(l, RUN_RUNNING);
	finish();
}
END_TEST

START_TEST(rollback_of_a_failed_run_goes_on_well)
{
	id_t64 r = run("nodes: {a: {run: took=1 writes=a}, b: {run: exit=1 fails=1 writes=a writes=x, needs: a}}");
	is_run(r, RUN_FAILED);
	files_are(r, "a=2 x=2");
	roll_back(r, "a");
	files_are(r, "a=1");
	is_node(r, "b", NODE_PENDING);
	is_order(world_run(w, r).order, ORDER_RUNNING);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(rollback_is_refused_when_the_present_cannot_be_protected)
{
	id_t64 r = run(CHAIN);
	w->fail_job = 1;
	roll_back(r, "a");
	is_run(r, RUN_SUCCEEDED);
	files_are(r, "a=1 b=2 c=3");
	ck_assert_int_eq(w->njobs_done[SPACE_RESTORE], 0);
	ck_assert_int_eq(events(r, "run.rollback_undone").events, 1);
	ck_assert_int_eq(world_run(w, r).generation, 1);
	roll_back(r, "a");
	is_run(r, RUN_PAUSED);
	files_are(r, "a=1");
}
END_TEST

START_TEST(a_restore_that_fails_puts_the_present_back)
{
	id_t64 r = run(CHAIN);
	ck_assert_int_eq(back(r, "a").code, ERR_OK);
	while (w->njobs_done[SPACE_PROTECT] == 0)
		ck_assert(world_step(w, w->boot_ms + 1000));
	w->fail_job = 1;
	world_run_ms(w, 1000);
	is_run(r, RUN_SUCCEEDED);
	files_are(r, "a=1 b=2 c=3");
	ck_assert_int_eq(events(r, "run.rollback_failed").events, 1);
}
END_TEST

/* The engine dies after so many turns of a rollback: it is finished, or was never begun. */
START_TEST(rollback_survives_a_crash_at_any_moment)
{
	w->trace = getenv("TRACE") != NULL;
	id_t64 r = run("health: {run: took=1}\n" CHAIN);
	ck_assert_int_eq(back(r, "b").code, ERR_OK);
	for (int i = 0; i < _i; i++)
		(void)world_step(w, w->boot_ms + 60000);
	world_restart(w);
	for (int i = 0; i < 10000 && world_run(w, r).state == RUN_ROLLING_BACK; i++)
		ck_assert(world_step(w, w->boot_ms + 60000));
	if (world_run(w, r).state == RUN_SUCCEEDED) {
		files_are(r, "a=1 b=2 c=3");
		ck_assert_int_eq(w->njobs_done[SPACE_RESTORE], 0);
		roll_back(r, "b");
	}
	is_run(r, RUN_PAUSED);
	files_are(r, "a=1 b=2");
	is_node(r, "c", NODE_PENDING);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "b", 1);
	started(r, "c", 2);
}
END_TEST

/* a and b are done, c and d run; d takes longer than it needs to for this. */
#define BUSY                                                                                                    \
	"nodes: {a: {run: took=1 writes=a out=v=1}, b: {run: took=1 writes=b, needs: a}, "                       \
	"c: {run: took=100 writes=c, needs: b}, d: {run: took=300 writes=d, needs: b}, e: {run: took=1 writes=e, needs: [c, d]}}"

static struct answer back_now(id_t64 r, enum verb v, const char *what, bool now)
{
	const char *nodes[] = { what };
	struct command c = { .verb = v, .id = r, .checkpoint = v == VERB_ROLLBACK ? what : NULL, .nodes = nodes,
			     .nnodes = v == VERB_ROLLBACK ? 0 : 1, .now = now, .who = "tester", .reason = "mend" };
	return world_ask(w, &c);
}

static id_t64 busy(void)
{
	id_t64 r = begin(BUSY);
	world_run_ms(w, 150);
	is_node(r, "b", NODE_SUCCEEDED);
	is_node(r, "d", NODE_RUNNING);
	return r;
}

static void until_back(id_t64 r)
{
	for (int i = 0; i < 10000; i++) {
		enum run_state s = world_run(w, r).state;
		struct procedure_row p;
		if (s != RUN_ROLLING_BACK && !store_procedure_get(w->store, r, &p, NULL) && p.ended_ms)
			return;
		ck_assert(world_step(w, w->boot_ms + 60000));
	}
	ck_abort_msg("it never comes back");
}

START_TEST(a_rollback_of_a_run_waits_for_what_runs)
{
	id_t64 r = busy();
	bool now = _i;
	struct answer a = back_now(r, VERB_ROLLBACK, "a", now);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	is_run(r, RUN_PAUSING);
	struct procedure_row p;
	ck_assert_int_eq(store_procedure_get(w->store, r, &p, NULL), ERR_OK);
	ck_assert_int_eq(p.step, STEP_QUIESCE);
	int64_t began = w->boot_ms;
	until_back(r);
	ck_assert_int_eq(w->boot_ms - began < 150, now);
	is_run(r, RUN_PAUSED);
	files_are(r, "a=1");
	is_node(r, "a", NODE_SUCCEEDED);
	is_node(r, "b", NODE_PENDING);
	is_node(r, "d", NODE_PENDING);
	started(r, "e", 0);
	ck_assert_int_eq(events(r, "run.quiescing").events, 1);
	struct attempt_row d;
	ck_assert_int_eq(store_attempt_get(w->store, 4, &d, NULL), ERR_OK);
	ck_assert_int_eq(d.state, now ? ATTEMPT_INTERRUPTED : ATTEMPT_SUCCEEDED);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "d", 2);
	started(r, "e", 1);
}
END_TEST

/* What cannot go back stands still: somebody decides, and it can go on as if nothing had been asked. */
START_TEST(a_run_that_could_not_go_back_stays_paused)
{
	id_t64 r = busy();
	ck_assert_int_eq(back_now(r, VERB_ROLLBACK, "a", false).code, ERR_OK);
	while (world_run(w, r).state != RUN_ROLLING_BACK)
		ck_assert(world_step(w, w->boot_ms + 60000));
	w->fail_job = 1;
	until_back(r);
	is_run(r, RUN_PAUSED);
	ck_assert_str_eq(world_run(w, r).reason, "rollback_undone");
	struct procedure_row p;
	ck_assert_int_eq(store_procedure_get(w->store, r, &p, NULL), ERR_OK);
	ck_assert_int_eq(p.step, STEP_UNDONE);
	ck_assert_ptr_nonnull(p.error);
	ck_assert_int_eq(world_run(w, r).generation, 1);
	world_restart(w);
	is_run(r, RUN_PAUSED);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "b", 1);
	started(r, "d", 1);
}
END_TEST

/* The engine dies after so many turns of it, while it waits, too. */
START_TEST(a_rollback_of_a_run_survives_a_crash_at_any_moment)
{
	id_t64 r = busy();
	bool now = _i % 2;
	ck_assert_int_eq(back_now(r, VERB_ROLLBACK, "a", now).code, ERR_OK);
	for (int i = 0; i < _i / 2; i++)
		(void)world_step(w, w->boot_ms + 60000);
	world_restart(w);
	until_back(r);
	if (events(r, "run.rollback_undone").events > 0) { /* stopped before any file was touched */
		is_run(r, RUN_PAUSED);
		ck_assert_int_eq(w->njobs_done[SPACE_RESTORE], 0);
		ck_assert_int_eq(back_now(r, VERB_ROLLBACK, "a", now).code, ERR_OK);
		until_back(r);
	}
	is_run(r, RUN_PAUSED);
	files_are(r, "a=1");
	is_node(r, "c", NODE_PENDING);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "b", 2);
}
END_TEST

START_TEST(a_way_back_that_waits_is_taken_back)
{
	id_t64 r = busy();
	ck_assert_int_eq(back_now(r, VERB_ROLLBACK, "a", _i == 3).code, ERR_OK);
	if (_i == 2)
		world_restart(w);
	verb(_i == 1 ? VERB_CANCEL : VERB_RESUME, r);
	ck_assert_int_eq(events(r, "run.rollback_undone").events, 1);
	finish();
	is_run(r, _i == 1 ? RUN_CANCELED : RUN_SUCCEEDED);
	ck_assert_int_eq(world_run(w, r).generation, 1);
	ck_assert_int_eq(w->njobs_done[SPACE_RESTORE], 0);
	started(r, "b", 1);
	started(r, "d", _i == 3 ? 2 : 1);
}
END_TEST

START_TEST(a_way_back_that_waits_gives_way_to_another)
{
	id_t64 r = busy();
	ck_assert_int_eq(back_now(r, VERB_ROLLBACK, "start", false).code, ERR_OK);
	verb(VERB_FREEZE, r);
	world_run_ms(w, 1000);
	is_run(r, RUN_FROZEN);
	ck_assert_int_eq(back_now(r, VERB_ROLLBACK, "b", true).code, ERR_OK);
	until_back(r);
	is_run(r, RUN_PAUSED);
	files_are(r, "a=1 b=2");
	verb(VERB_RESUME, r);
	finish();
	started(r, "b", 1);
}
END_TEST

START_TEST(what_runs_is_sent_back)
{
	/* 0: c ends, 1: c is stopped; 2, 3: as a retry, on the files as they are. */
	enum verb v = _i < 2 ? VERB_RESUME_FROM : VERB_RETRY;
	bool now = _i % 2;
	id_t64 r = begin("nodes: {a: {run: took=1 writes=a}, b: {run: took=100 writes=b, needs: a}, c: {run: took=1 writes=c, needs: b}}");
	world_run_ms(w, 80);
	is_node(r, "b", NODE_RUNNING);
	struct answer a = back_now(r, v, "b", now);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	finish();
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(world_run(w, r).generation, 2);
	started(r, "a", 1);
	started(r, "b", 2);
	started(r, "c", 1);
	files_are(r, "a=1 b=3 c=4");
}
END_TEST

START_TEST(sub_workflows_are_stopped_with_the_run)
{
	world_file(w, "child.yaml", "nodes: {x: {run: took=10 writes=x}, y: {run: took=2000, needs: x}}");
	id_t64 r = begin("nodes: {a: {run: took=1 writes=a}, s: {workflow: child.yaml, needs: a}}");
	world_run_ms(w, 300);
	id_t64 child = world_node(w, r, "s").child;
	is_node(child, "y", NODE_RUNNING);
	int64_t began = w->boot_ms;
	ck_assert_int_eq(back_now(r, VERB_ROLLBACK, "a", true).code, ERR_OK);
	if (_i == 1)
		world_restart(w);
	until_back(r);
	ck_assert_int_lt(w->boot_ms - began, 1500);
	is_run(child, RUN_CANCELED);
	files_are(r, "a=1");
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(the_health_command_runs_after_a_rollback_alone)
{
	id_t64 r = run("health: {run: took=5 exit=1}\n" CHAIN);
	is_run(r, RUN_SUCCEEDED);
	started(r, "health", 0);
	roll_back(r, "a");
	started(r, "health", 1);
	is_run(r, RUN_PAUSED);
	ck_assert_str_eq(world_run(w, r).reason, "health_failed");
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "health", 1);
}
END_TEST

START_TEST(resume_from_takes_the_files_along)
{
	id_t64 r = run(CHAIN);
	verb_node(VERB_RESUME_FROM, r, "b");
	finish();
	is_run(r, RUN_SUCCEEDED);
	files_are(r, "a=1 b=4 c=5");
	ck_assert_int_eq(w->njobs_done[SPACE_RESTORE], 1);
	const char *nodes[] = { "b" };
	struct command c = { .verb = VERB_RESUME_FROM, .id = r, .nodes = nodes, .nnodes = 1, .keep_files = true };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_OK);
	finish();
	ck_assert_int_eq(w->njobs_done[SPACE_RESTORE], 1);
	started(r, "b", 3);
}
END_TEST

START_TEST(retry_leaves_the_files_unless_asked)
{
	const char *yaml = "nodes: {a: {run: took=1 writes=a}, b: {run: exit=1 fails=2 writes=x, needs: a}}";
	id_t64 r = run(yaml);
	files_are(r, "a=1 x=2");
	verb(VERB_RETRY, r);
	finish();
	ck_assert_int_eq(w->njobs_done[SPACE_RESTORE], 0);
	struct command c = { .verb = VERB_RETRY, .id = r, .restore = true };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_OK);
	finish();
	ck_assert_int_eq(w->njobs_done[SPACE_RESTORE], 1);
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

static void preview(void *ctx, const struct reset_preview *p)
{
	str_addf(ctx, "%s %s; ", p->node, p->verdict);
}

static void preview_files(void *ctx, const struct reset_files *f)
{
	str_addf(ctx, "%s: %s", f->stream, f->to ? world_snapshot_text(w, f->to) : f->why);
}

static void previews(enum verb v, id_t64 r, const char *what, const char *want)
{
	const char *nodes[] = { what };
	struct command c = { .verb = v, .id = r, .nodes = nodes, .nnodes = v == VERB_ROLLBACK ? 0 : 1, .checkpoint = what };
	auto_str text = STR_INIT;
	struct err err;
	ck_assert_msg(engine_reset_preview(w->e, &c, preview, preview_files, &text, &err) == ERR_OK, "%s", err.message);
	ck_assert_str_eq(str_text(&text), want);
}

START_TEST(who_wrote_since_cannot_be_kept)
{
	/* a, then b and c beside each other; c ends after b began, in the same workspace. */
	id_t64 r = run("nodes: {a: {run: took=1 writes=a}, b: {run: took=5 writes=b, needs: a}, "
		       "c: {run: took=50 writes=c, needs: a}, d: {run: took=1, needs: c}}");
	previews(VERB_RESUME_FROM, r, "b", "a kept; b rerun; c ineligible; d rerun; main: a=1");
	verb_node(VERB_RESUME_FROM, r, "b");
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	started(r, "c", 2);
	started(r, "d", 2);
}
END_TEST

START_TEST(the_preview_of_a_rollback_says_what_stays)
{
	id_t64 r = run(CHAIN);
	previews(VERB_ROLLBACK, r, "b", "a kept; b kept; c rerun; main: a=1 b=2");
	previews(VERB_ROLLBACK, r, "start", "a rerun; b rerun; c rerun; main: ");
}
END_TEST

START_TEST(instances_come_back_with_their_group)
{
	id_t64 r = run("nodes: {m: {matrix: {x: [1, 2]}, run: took=5 writes=m}, n: {run: took=1 writes=n, needs: m}}");
	is_run(r, RUN_SUCCEEDED);
	verb_node(VERB_RESUME_FROM, r, "m");
	finish();
	started(r, "m[1]", 2);
	roll_back(r, "m"); /* of the second expansion */
	is_node(r, "m[2]", NODE_SUCCEEDED);
	roll_back(r, "3"); /* the group in the first one */
	is_node(r, "m", NODE_SUCCEEDED);
	world_restart(w);
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "m[1]", 2);
	started(r, "n", 3);
	/* To the first instance: the other one runs again. */
	roll_back(r, "1");
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(world_started(w, r, "m[1]") + world_started(w, r, "m[2]"), 5);
}
END_TEST

START_TEST(a_sub_workflow_in_its_middle_ends_with_a_rollback)
{
	world_file(w, "child.yaml", "nodes: {x: {run: took=10 writes=x}, y: {run: took=100, needs: x}, z: {run: took=100, needs: y}}");
	id_t64 r = begin("nodes: {a: {run: took=1 writes=a}, s: {workflow: child.yaml, needs: a}}");
	world_run_ms(w, 60);
	verb(VERB_PAUSE, r);
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	id_t64 child = world_node(w, r, "s").child;
	roll_back(r, "a");
	is_run(r, RUN_PAUSED);
	is_run(child, RUN_CANCELED);
	is_node(r, "s", NODE_PENDING);
	files_are(r, "a=1");
	verb(VERB_RESUME, r);
	finish();
	is_run(r, RUN_SUCCEEDED);
}
END_TEST

START_TEST(a_fork_begins_where_the_other_run_was)
{
	id_t64 r = run("params: {p: {type: string, default: one}}\n" CHAIN);
	struct command c = { .verb = VERB_FORK, .id = r, .checkpoint = "b", .who = "tester", .reason = "try" };
	struct answer a = world_ask(w, &c);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	if (_i == 1) /* while it is made */
		world_restart(w);
	finish();
	id_t64 f = world_run_of(w, a.id);
	is_run(f, RUN_SUCCEEDED);
	started(f, "a", 0);
	started(f, "b", 0);
	started(f, "c", 1);
	files_are(f, "a=1 b=2 c=4");
	files_are(r, "a=1 b=2 c=3");
	ck_assert_str_eq(world_node(w, f, "a").outputs, "{\"v\":\"1\"}");
	ck_assert_int_eq(events(r, "run.forked").events, 1);
	ck_assert_int_eq(events(f, "run.forked_from").events, 1);
	/* It can go back to what it took over. */
	roll_back(f, "b");
	files_are(f, "a=1 b=2");
	verb(VERB_RESUME, f);
	finish();
	is_run(f, RUN_SUCCEEDED);
	started(f, "b", 0);
}
END_TEST

START_TEST(a_fork_goes_back_as_the_other_run_does)
{
	id_t64 f = run(CHAIN);
	for (int i = 0; i <= _i; i++) { /* of a fork, too */
		struct command c = { .verb = VERB_FORK, .id = f, .checkpoint = "c" };
		struct answer a = world_ask(w, &c);
		ck_assert_msg(a.code == ERR_OK, "%s", a.message);
		finish();
		f = world_run_of(w, a.id);
	}
	is_run(f, RUN_SUCCEEDED);
	started(f, "c", 0);
	previews(VERB_RESUME_FROM, f, "b", "a kept; b rerun; c rerun; main: a=1");
	verb_node(VERB_RESUME_FROM, f, "b");
	finish();
	files_are(f, "a=1 b=4 c=5");
	roll_back(f, "1");
	files_are(f, "a=1");
	roll_back(f, "start");
	files_are(f, "");
	verb(VERB_RESUME, f);
	finish();
	is_run(f, RUN_SUCCEEDED);
}
END_TEST

START_TEST(a_fork_of_a_folder_works_on_a_copy)
{
	id_t64 r = begin("workspace: {folder: here}\nnodes: {a: {run: took=1 writes=a}, b: {run: took=500 writes=b, needs: a}}");
	world_run_ms(w, 100);
	struct command c = { .verb = VERB_FORK, .id = r, .checkpoint = "a", .paused = true };
	struct answer a = world_ask(w, &c);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	world_run_ms(w, 50);
	id_t64 f = world_run_of(w, a.id);
	is_run(f, RUN_PAUSED);
	is_run(r, RUN_RUNNING);
	files_are(f, "a=1");
	world_restart(w);
	verb(VERB_RESUME, f);
	finish();
	is_run(f, RUN_SUCCEEDED);
	is_run(r, RUN_SUCCEEDED);
	started(f, "a", 0);
	auto_free char *one = xstrdup(world_run(w, f).workspace);
	ck_assert_str_ne(one, world_run(w, r).workspace);
}
END_TEST

START_TEST(a_fork_takes_instances_over)
{
	id_t64 r = run("nodes: {m: {matrix: {x: [1, 2]}, run: took=5 writes=m out=v=1}, n: {run: took=1, needs: m}}");
	struct command c = { .verb = VERB_FORK, .id = r, .checkpoint = "m" };
	struct answer a = world_ask(w, &c);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	finish();
	id_t64 f = world_run_of(w, a.id);
	is_run(f, RUN_SUCCEEDED);
	started(f, "m[1]", 0);
	started(f, "n", 1);
	is_node(f, "m[2]", NODE_SUCCEEDED);
	c.checkpoint = "1";
	a = world_ask(w, &c);
	ck_assert_msg(a.code == ERR_OK, "%s", a.message);
	finish();
	is_run(world_run_of(w, a.id), RUN_SUCCEEDED);
}
END_TEST

static void count_gc(void *ctx, enum err_code code, const struct err *err UNUSED, const struct gc *gc)
{
	*(int *)ctx = code ? -1 : (int)gc->nruns;
}

START_TEST(gc_takes_what_ended_strictly_longer_ago)
{
	const int64_t day = 24LL * HOUR;
	int64_t ended = 0;
	int n = -2;
	for (int i = 0; i < 10; i++) {
		id_t64 r = run("nodes: {a: {run: took=1 writes=a}}");
		ended = i == 2 ? world_run(w, r).ended_ms : ended;
		world_run_ms(w, day);
	}
	id_t64 l = begin_paused("nodes: {a: {run: took=1}}");
	/* The third one ended exactly so long ago: it stays. */
	ck_assert_int_eq(engine_gc(w->e, w->wall_ms - ended, false, count_gc, &n, NULL), ERR_OK);
	world_turn(w);
	world_run_ms(w, 1000);
	ck_assert_int_eq(n, 2);
	ck_assert_int_eq(engine_gc(w->e, 7 * day, true, count_gc, &n, NULL), ERR_OK);
	world_turn(w);
	world_run_ms(w, 1000);
	ck_assert_int_eq(n, 4);
	ck_assert_int_ne(engine_gc(w->e, -1, true, count_gc, &n, NULL), ERR_OK);
	is_run(l, RUN_PAUSED);
	verb(VERB_RESUME, l);
	finish();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine_rollback");
	TCase *t = tcase_create("rollback");
	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, rollback_restores_the_state_and_the_files);
	tcase_add_test(t, rollback_to_the_start_runs_everything_again);
	tcase_add_test(t, rollback_brings_back_what_a_later_generation_replaced);
	tcase_add_test(t, rollback_needs_a_checkpoint_that_is_there);
	tcase_add_test(t, rollback_of_a_failed_run_goes_on_well);
	tcase_add_test(t, rollback_is_refused_when_the_present_cannot_be_protected);
	tcase_add_test(t, a_restore_that_fails_puts_the_present_back);
	tcase_add_loop_test(t, rollback_survives_a_crash_at_any_moment, 0, 12);
	tcase_add_loop_test(t, a_rollback_of_a_run_waits_for_what_runs, 0, 2);
	tcase_add_loop_test(t, a_rollback_of_a_run_survives_a_crash_at_any_moment, 0, 40);
	tcase_add_loop_test(t, a_way_back_that_waits_is_taken_back, 0, 4);
	tcase_add_test(t, a_way_back_that_waits_gives_way_to_another);
	tcase_add_loop_test(t, what_runs_is_sent_back, 0, 4);
	tcase_add_test(t, a_run_that_could_not_go_back_stays_paused);
	tcase_add_loop_test(t, sub_workflows_are_stopped_with_the_run, 0, 2);
	tcase_add_test(t, the_health_command_runs_after_a_rollback_alone);
	tcase_add_test(t, resume_from_takes_the_files_along);
	tcase_add_test(t, retry_leaves_the_files_unless_asked);
	tcase_add_test(t, who_wrote_since_cannot_be_kept);
	tcase_add_test(t, the_preview_of_a_rollback_says_what_stays);
	tcase_add_test(t, instances_come_back_with_their_group);
	tcase_add_test(t, a_sub_workflow_in_its_middle_ends_with_a_rollback);
	tcase_add_loop_test(t, a_fork_begins_where_the_other_run_was, 0, 2);
	tcase_add_loop_test(t, a_fork_goes_back_as_the_other_run_does, 0, 2);
	tcase_add_test(t, a_fork_of_a_folder_works_on_a_copy);
	tcase_add_test(t, a_fork_takes_instances_over);
	tcase_add_test(t, gc_takes_what_ended_strictly_longer_ago);
	suite_add_tcase(s, t);
	return run_suite(s);
}
