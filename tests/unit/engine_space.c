/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workspaces and snapshots: who has a folder, what a run waits for before it starts, what is kept with each success. */
#include "tests/unit/engine_world.h"

#define FOLDER "workspace: {folder: here}\n"

static void take_point(void *ctx, const struct checkpoint_row *c)
{
	const char *text = c->tree ? world_snapshot_text(w, c->tree) : NULL;
	str_addf(ctx, "%d/%d:%s; ", c->number, c->idx, text ? text : c->why_not ? "-" : "lost");
}

static char *checkpoints(id_t64 r)
{
	auto_str text = STR_INIT;
	ck_assert_int_eq(store_checkpoints_of(w->store, r, -1, 1000, take_point, &text, NULL), ERR_OK);
	return str_take(&text);
}

static void points_are(id_t64 r, const char *want)
{
	auto_free char *have = checkpoints(r);
	ck_assert_str_eq(have, want);
}

START_TEST(empty_folders_cost_no_job)
{
	id_t64 r = run("nodes: {a: {run: took=1}, b: {run: took=1, needs: a}}");
	is_run(r, RUN_SUCCEEDED);
	points_are(r, "0/-1:; 1/0:; 2/1:; ");
	for (int i = 0; i < SPACE_JOB_KINDS; i++)
		ck_assert_int_eq(w->njobs_done[i], 0);
}
END_TEST

START_TEST(each_success_keeps_the_files)
{
	id_t64 r = run("nodes: {a: {run: took=1 writes=x}, b: {run: took=1 writes=y, needs: a}}");
	is_run(r, RUN_SUCCEEDED);
	points_are(r, "0/-1:; 1/0:x=1; 2/1:x=1 y=2; ");
	ck_assert_str_eq(world_node(w, r, "a").before, SPACE_EMPTY);
	ck_assert_str_eq(world_snapshot_text(w, world_node(w, r, "b").before), "x=1");
}
END_TEST

START_TEST(a_success_waits_for_its_snapshot_and_survives_a_crash)
{
	id_t64 r = begin("nodes: {a: {run: took=10 writes=x out=v=1}, b: {run: took=1, needs: a}}");
	int64_t until = w->boot_ms + 1000;
	while (w->njobs == 0)
		ck_assert(world_step(w, until));
	is_node(r, "a", NODE_RUNNING);
	world_restart(w);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
	points_are(r, "0/-1:; 1/0:x=1; 2/1:x=1; ");
}
END_TEST

START_TEST(a_snapshot_that_fails_does_not_fail_the_node)
{
	w->fail_job = 1;
	id_t64 r = run("nodes: {a: {run: took=1 writes=x}, b: {run: took=1 writes=y, needs: a}}");
	is_run(r, RUN_SUCCEEDED);
	points_are(r, "0/-1:; 1/0:-; 2/1:x=1 y=2; ");
}
END_TEST

START_TEST(what_a_failure_left_is_kept_before_the_next)
{
	id_t64 r = run("nodes: {a: {run: took=1 writes=x exit=1, critical: false}, b: {run: took=1 writes=y, needs: {a: failure}}}");
	is_run(r, RUN_SUCCEEDED);
	ck_assert_str_eq(world_snapshot_text(w, world_node(w, r, "b").before), "x=1");
	points_are(r, "0/-1:; 1/1:x=1 y=2; ");
}
END_TEST

START_TEST(a_folder_belongs_to_one_run_at_a_time)
{
	id_t64 a = begin(FOLDER "nodes: {a: {run: took=100 writes=x}}");
	id_t64 b = begin(FOLDER "nodes: {a: {run: took=100 writes=x}}");
	world_run_ms(w, 50);
	is_run(a, RUN_RUNNING);
	is_run(b, RUN_PREPARING);
	ck_assert_ptr_nonnull(strstr(world_run(w, b).reason, "waits for the folder"));
	world_restart(w);
	world_run_ms(w, 20);
	is_run(b, RUN_PREPARING);
	finish();
	is_run(a, RUN_SUCCEEDED);
	is_run(b, RUN_SUCCEEDED);
	ck_assert_int_ge(world_run(w, b).started_ms, 0);
	points_are(b, "0/-1:x=1; 1/0:x=2; ");
}
END_TEST

START_TEST(one_that_waits_for_a_folder_can_be_canceled)
{
	id_t64 a = begin(FOLDER "nodes: {a: {run: took=100}}");
	id_t64 b = begin(FOLDER "nodes: {a: {run: took=100}}");
	world_run_ms(w, 50);
	is_run(b, RUN_PREPARING);
	verb(VERB_CANCEL, b);
	is_run(b, RUN_CANCELED);
	finish();
	is_run(a, RUN_SUCCEEDED);
}
END_TEST

START_TEST(a_shared_folder_waits_for_nobody_and_keeps_no_files)
{
	const char *yaml = "workspace: {folder: here, shared: true}\nnodes: {a: {run: took=100 writes=x}}";
	id_t64 a = begin(yaml), b = begin(yaml);
	world_run_ms(w, 50);
	is_run(a, RUN_RUNNING);
	is_run(b, RUN_RUNNING);
	finish();
	points_are(a, "0/-1:-; 1/0:-; ");
}
END_TEST

START_TEST(a_folder_is_taken_again_when_the_run_is_reopened)
{
	id_t64 a = run(FOLDER "nodes: {a: {run: took=1 exit=1 fails=1}}");
	is_run(a, RUN_FAILED);
	id_t64 b = begin(FOLDER "nodes: {a: {run: took=500}}");
	world_run_ms(w, 50);
	is_run(b, RUN_RUNNING);
	refused(VERB_RETRY, a, NULL, ERR_CONFLICT, "has the folder");
	finish();
	verb(VERB_RETRY, a);
	finish();
	is_run(a, RUN_SUCCEEDED);
}
END_TEST

START_TEST(an_engine_that_dies_while_it_prepares_begins_again)
{
	id_t64 r = begin(FOLDER "nodes: {a: {run: took=1}}");
	is_run(r, RUN_PREPARING);
	ck_assert_int_eq((int)w->njobs, 1);
	world_restart(w);
	is_run(r, RUN_PREPARING);
	finish();
	is_run(r, RUN_SUCCEEDED);
	started(r, "a", 1);
}
END_TEST

#define REPOSITORY "workspace: {repo: code}\n"

static enum space_state state_found;

static const char *kept_files;

static void take_tree(void *ctx UNUSED, const struct workspace_row *row)
{
	kept_files = row->tree ? world_snapshot_text(w, row->tree) : NULL;
}

static void take_state(void *ctx UNUSED, const struct workspace_row *row)
{
	ck_assert(row->state != SPACE_RELEASED || row->tree);
	state_found = row->state;
}

static enum space_state state_of(id_t64 r)
{
	ck_assert_int_eq(store_workspaces_of(w->store, r, take_state, NULL, NULL), ERR_OK);
	return state_found;
}

static const char *files_of(id_t64 r)
{
	return world_files(w, world_run(w, r).workspace);
}

/* Step until the worktree of a run is in this state. */
static id_t64 run_until(enum space_state state)
{
	id_t64 r = begin(REPOSITORY "nodes: {a: {run: took=1 writes=x}, b: {run: took=1 writes=y, needs: a}}");
	int64_t until = w->boot_ms + 10000;
	while (state_of(r) != state)
		ck_assert(world_step(w, until));
	is_run(r, RUN_SUCCEEDED);
	return r;
}

static void goes_back(id_t64 r)
{
	struct command c = { .verb = VERB_ROLLBACK, .id = r, .checkpoint = "a", .who = "operator" };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_OK);
	world_run_ms(w, 1000);
	is_run(r, RUN_PAUSED);
	ck_assert_str_eq(files_of(r), "base=1 x=1");
	verb(VERB_RESUME, r);
	finish();
	world_run_ms(w, 1000);
	is_run(r, RUN_SUCCEEDED);
	ck_assert_int_eq(state_of(r), SPACE_RELEASED);
	ck_assert_str_eq(files_of(r), "");
}

START_TEST(a_worktree_goes_when_what_is_in_it_is_kept)
{
	id_t64 r = run_until(SPACE_LEAVING);
	struct command c = { .verb = VERB_ROLLBACK, .id = r, .checkpoint = "a", .who = "operator" };
	ck_assert_int_eq(world_ask(w, &c).code, ERR_CONFLICT);
	world_write(w, world_run(w, r).workspace, "late", "1");
	if (_i == 1) /* the engine dies before it is kept */
		world_restart(w);
	while (state_of(r) != SPACE_REMOVING)
		ck_assert(world_step(w, w->boot_ms + 1000));
	if (_i == 2) { /* … or while it is removed: what is left then is not taken for all that there was */
		world_write(w, world_run(w, r).workspace, "late", NULL);
		world_restart(w);
	}
	world_run_ms(w, 1000);
	ck_assert_int_eq(state_of(r), SPACE_RELEASED);
	ck_assert_str_eq(files_of(r), "");
	ck_assert_int_eq(store_workspaces_of(w->store, r, take_tree, NULL, NULL), ERR_OK);
	ck_assert_str_eq(kept_files, "base=1 late=1 x=1 y=2");
	goes_back(r);
}
END_TEST

START_TEST(a_worktree_that_cannot_be_kept_stays)
{
	id_t64 r = run_until(SPACE_LEAVING);
	w->fail_job = 1;
	world_run_ms(w, 1000);
	ck_assert_int_eq(state_of(r), SPACE_HELD);
	ck_assert_str_eq(files_of(r), "base=1 x=1 y=2");
	goes_back(r);
}
END_TEST

START_TEST(a_worktree_that_cannot_be_removed_is_made_anew)
{
	id_t64 r = run_until(SPACE_REMOVING);
	w->fail_job = 1;
	world_run_ms(w, 1000);
	ck_assert_int_eq(state_of(r), SPACE_REMOVING);
	if (_i == 0) {
		goes_back(r);
		return;
	}
	world_restart(w);
	world_run_ms(w, 1000);
	ck_assert_int_eq(state_of(r), SPACE_RELEASED);
	goes_back(r);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine_space");
	TCase *t = tcase_create("space");
	tcase_add_checked_fixture(t, setup, teardown_sound);
	tcase_add_test(t, empty_folders_cost_no_job);
	tcase_add_test(t, each_success_keeps_the_files);
	tcase_add_test(t, a_success_waits_for_its_snapshot_and_survives_a_crash);
	tcase_add_test(t, a_snapshot_that_fails_does_not_fail_the_node);
	tcase_add_test(t, what_a_failure_left_is_kept_before_the_next);
	tcase_add_test(t, a_folder_belongs_to_one_run_at_a_time);
	tcase_add_test(t, one_that_waits_for_a_folder_can_be_canceled);
	tcase_add_test(t, a_shared_folder_waits_for_nobody_and_keeps_no_files);
	tcase_add_test(t, a_folder_is_taken_again_when_the_run_is_reopened);
	tcase_add_test(t, an_engine_that_dies_while_it_prepares_begins_again);
	tcase_add_loop_test(t, a_worktree_goes_when_what_is_in_it_is_kept, 0, 3);
	tcase_add_test(t, a_worktree_that_cannot_be_kept_stays);
	tcase_add_loop_test(t, a_worktree_that_cannot_be_removed_is_made_anew, 0, 2);
	suite_add_tcase(s, t);
	return run_suite(s);
}
