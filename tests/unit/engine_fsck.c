/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fsck finds nothing in what the engine stored, and finds each thing that was spoilt by hand. */
#include "tests/unit/engine_world.h"
#include "store/store_internal.h"

/* What a home of everything looks like: ended, failed, paused, running, waiting, blocked. */
static void fill(void)
{
	world_file(w, "child.yaml", "nodes: {x: {run: took=5}, y: {run: took=5, needs: x}}");
	(void)run("nodes: {a: {run: took=5 out=v=1 log=100}, b: {run: took=5, needs: a}, s: {workflow: child.yaml, needs: b}, "
		  "t: {matrix: {i: [\"1\", \"2\"]}, run: took=5}}\non_exit: {run: took=1}\n");
	(void)run("nodes: {a: {run: exit=75, retry: {max_attempts: 3, on: [\"exit:75\"], initial: 1s}}, b: {run: took=1, needs: a}}");
	id_t64 p = begin("nodes: {a: {run: took=100}, b: {run: took=5, needs: a}}");
	verb(VERB_PAUSE, p);
	world_run_ms(w, 1000);
	id_t64 o = submit("nodes: {a: {run: took=60000}, b: {run: took=5, needs: a}}");
	(void)submit_as("nodes: {a: {run: took=1}}", &(struct submission){ .depends_on = &o, .ndepends_on = 1 });
	(void)submit_as("nodes: {a: {run: took=1}}", &(struct submission){ .hold = true });
	world_run_ms(w, 1000);
}

static const struct fsck_check *check_named(const struct fsck *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_eq(f->v[i].name, name))
			return &f->v[i];
	ck_abort_msg("there is no check %s", name);
	return &f->v[0];
}

static void is_clean(struct engine *e)
{
	struct fsck f;
	fsck_run(w->store, w->dir, e, &f);
	for (size_t i = 0; i < f.n; i++)
		ck_assert_msg(f.v[i].problems == 0, "%s: %s", f.v[i].name, str_text(&f.v[i].text));
	ck_assert(f.ok);
	static const char *const made[] = { "file", "chain", "moves", "orders", "runs", "nodes", "instances", "attempts",
					    "places", "needs", "logs" };
	for (size_t i = 0; i < COUNT(made); i++)
		ck_assert_msg(check_named(&f, made[i])->checked > 0, "%s checked nothing", made[i]);
	fsck_done(&f);
}

START_TEST(a_sound_home_has_no_problem)
{
	fill();
	is_clean(w->e);
	is_clean(NULL);
	world_restart(w);
	is_clean(w->e);
}
END_TEST

/* clang-format off */
static const struct { const char *sql, *check, *says; } damages[] = {
	{ "UPDATE event SET reason = 'x' WHERE seq = 9", "chain", "event 9 was changed" },
	{ "DELETE FROM event WHERE seq = 9", "chain", "event 9 is missing" },
	{ "UPDATE event SET now = 1 WHERE seq = (SELECT seq FROM event WHERE type = 'node.running' LIMIT 1)", "moves", "must not move from pending to" },
	{ "UPDATE work_order SET state = 6, ended_ms = 1 WHERE id = (SELECT min(id) FROM work_order)", "orders", "by its events it is succeeded" },
	{ "UPDATE work_order SET ended_ms = 0 WHERE id = (SELECT min(id) FROM work_order)", "orders", "its end is not noted" },
	{ "UPDATE work_order SET run = NULL WHERE id = (SELECT min(id) FROM work_order)", "places", "belongs to no order" },
	{ "UPDATE work_order SET state = 4 WHERE state = 3", "places", "its run is missing" },
	{ "UPDATE run SET state = 9 WHERE id = (SELECT min(id) FROM run)", "runs", "by its events it is succeeded" },
	{ "UPDATE run SET result = 2 WHERE id = (SELECT min(id) FROM run)", "places", "its result is another one" },
	{ "UPDATE run SET counts = '{}' WHERE id = (SELECT min(id) FROM run)", "needs", "says that it has" },
	{ "UPDATE run SET paused_at_ms = 0 WHERE state = 4", "runs", "its pause is not noted" },
	{ "DELETE FROM node WHERE run = (SELECT min(run) FROM node) AND idx = 0", "nodes", "has events, but is not there" },
	{ "UPDATE node SET state = 8 WHERE state = 3", "nodes", "by its events it is running" },
	{ "UPDATE node SET seq = 1 WHERE state = 7", "nodes", "its row names 1" },
	{ "UPDATE node SET outputs = 'x' WHERE outputs IS NOT NULL", "nodes", "not readable" },
	{ "UPDATE node SET generation = 2 WHERE run = (SELECT min(run) FROM node) AND idx = 0", "nodes", "of generation 2" },
	{ "UPDATE attempt SET state = 1 WHERE state = 0", "attempts", "runs, but its try does not" },
	{ "UPDATE attempt SET attempt = 7 WHERE attempt = 2", "attempts", "try 7 comes where 2 was due" },
	{ "UPDATE attempt SET previous = 1 WHERE attempt = 3", "attempts", "does not follow" },
	{ "UPDATE attempt SET class = 1 WHERE state = 1", "attempts", "error class exit" },
	{ "UPDATE attempt SET state = 0 WHERE token = 1", "attempts", "the node is succeeded" },
	{ "DELETE FROM attempt WHERE token = 1", "attempts", "succeeded, but its last try did not" },
	{ "UPDATE attempt SET log_bytes = 99 WHERE log_bytes > 0", "logs", "100 bytes, not 99" },
	{ "UPDATE attempt SET idx = 77 WHERE token = 1", "attempts", "belongs to no node" },
	{ "UPDATE instance SET idx = 90 WHERE idx = (SELECT max(idx) FROM instance)", "needs", "before it is missing" },
	{ "UPDATE run SET parent_run = 1 WHERE parent_run IS NOT NULL", "places", "the run above it is not there" },
	{ "INSERT INTO idempotency VALUES ('k', x'00', 1, 5, 5)", "references", "the request key k" },
	{ "INSERT INTO order_need SELECT max(id), 77 FROM work_order", "references", "of order_need refers" },
	{ "PRAGMA user_version = 0", "file", "the schema is version 0" },
};
/* clang-format on */

START_TEST(each_damage_is_found)
{
	fill();
	char *why = NULL;
	ck_assert_int_eq(sqlite3_exec(w->store->db, "PRAGMA foreign_keys=OFF", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(w->store->db, damages[_i].sql, NULL, NULL, &why) == SQLITE_OK, "%s", why);
	ck_assert(sqlite3_changes(w->store->db) > 0);
	struct fsck f;
	fsck_run(w->store, w->dir, NULL, &f);
	ck_assert(!f.ok);
	const struct fsck_check *c = check_named(&f, damages[_i].check);
	ck_assert_msg(strstr(str_text(&c->text), damages[_i].says) != NULL, "%s: %s", damages[_i].check,
		      str_text(&c->text));
	fsck_done(&f);
}
END_TEST

START_TEST(a_record_of_nobody_is_found)
{
	fill();
	world_file(w, "t", "");
	auto_free char *spool = xasprintf("%s/spool", w->dir);
	ck_assert_int_eq(fs_mkdirs(spool, 0700, NULL), ERR_OK);
	world_file(w, "spool/1.exit", "");
	is_clean(w->e);
	world_file(w, "spool/4711.exit", "");
	struct fsck f;
	fsck_run(w->store, w->dir, w->e, &f);
	ck_assert_int_eq(check_named(&f, "records")->problems, 1);
	fsck_done(&f);
}
END_TEST

START_TEST(what_memory_and_disk_do_not_share_is_found)
{
	fill();
	ck_assert_int_eq(sqlite3_exec(w->store->db, "UPDATE work_order SET state = 1 WHERE state = 2", NULL, NULL, NULL),
			 SQLITE_OK);
	struct fsck f;
	fsck_run(w->store, w->dir, w->e, &f);
	ck_assert_ptr_nonnull(strstr(str_text(&check_named(&f, "memory")->text), "is held in memory"));
	fsck_done(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine_fsck");
	TCase *t = tcase_create("engine_fsck");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_sound_home_has_no_problem);
	tcase_add_loop_test(t, each_damage_is_found, 0, COUNT(damages));
	tcase_add_test(t, a_record_of_nobody_is_found);
	tcase_add_test(t, what_memory_and_disk_do_not_share_is_found);
	suite_add_tcase(s, t);
	return run_suite(s);
}
