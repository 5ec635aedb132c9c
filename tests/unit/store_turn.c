/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: rows come back as they went in, a turn is whole or absent, the chain of events tells of a
 * change, no statement scans a table without saying so, migrations go down and up. */
#include "store/store.h"
#include "store/store_internal.h"
#include "base/fs.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static char path[96];
static const struct store_options options = { .relaxed_sync = true };

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "%s", "/tmp/pawl-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/state.db", dir);
}

static void teardown(void)
{
	ck_assert_int_eq(fs_rmtree(dir, NULL), ERR_OK);
}

static struct store *open_store(void)
{
	struct store *st = NULL;
	struct err err = { 0 };
	ck_assert_msg(store_open(path, &options, &st, &err) == ERR_OK, "%s", err.message);
	return st;
}

static void commit(struct store *st)
{
	struct err err = { 0 };
	ck_assert_msg(store_commit(st, &err) == ERR_OK, "%s", err.message);
}

static struct hash put_workflow(struct store *st)
{
	struct hash h = hash_bytes("x", 1);
	store_workflow_put(st, &h, "wf", "wf.yaml", "name: wf\n", NULL, 5);
	return h;
}

static void add_event(struct store *st, const char *type)
{
	struct event_row e = { .at_ms = 7, .type = type, .run = 9, .idx = 0, .was = -1, .now = 3 };
	store_event(st, &e);
}

START_TEST(rows_come_back)
{
	struct store *st = open_store();
	struct hash h = put_workflow(st);
	struct order_row o = { .id = 3, .workflow = h, .name = "wf", .file = "f", .dir = "/d", .state = ORDER_QUEUED,
			       .priority = -2, .place = 11, .params = "{}", .until = "[\"a\"]", .flags = 5,
			       .max_wait_ms = 12, .submitter = "me", .enqueued_ms = 13 };
	store_order_add(st, &o);
	store_order_add(st, &(struct order_row){ .id = 4, .workflow = h, .name = "wf", .file = "", .dir = "",
						 .params = "{}", .submitter = "" });
	store_order_need_add(st, 4, 3);
	struct run_row r = { .id = 9, .order = 3, .workflow = h, .name = "wf", .file = "f", .dir = "/d",
			     .state = RUN_RUNNING, .mode = MODE_UNTIL, .until = "[]", .reason = "why", .generation = 2,
			     .priority = 4, .params = "{\"a\":1}", .env = "{}", .workspace = "/w", .parent_run = 8,
			     .parent_node = 0, .failed_node = 0, .failed_token = 77, .acknowledged = true,
			     .created_ms = 1, .started_ms = 2, .ended_ms = 3, .paused_at_ms = 4, .paused_ms = 5,
			     .crashes = 1, .counts = "{}", .epoch = 6 };
	store_run_add(st, &r);
	r.reason = NULL;
	r.failed_node = -1;
	r.failed_token = 0;
	r.crashes = 2;
	store_run_set(st, &r);
	struct node_row n = { .run = 9, .idx = 0, .generation = 1, .state = NODE_RUNNING, .iteration = 1, .attempt = 2,
			      .token = 77, .class = CLASS_EXIT, .reason = "r", .outputs = "{}", .child = 5,
			      .started_ms = 1, .ended_ms = 2, .next_ms = 3, .seq = 4 };
	store_node_put(st, &n);
	n.state = NODE_SUCCEEDED;
	store_node_put(st, &n);
	store_instance_add(st, &(struct instance_row){ .run = 9, .idx = 5, .parent = 1, .expansion = 1,
							 .name = "x[0]", .bindings = "{\"item\":1}" });
	struct attempt_row a = { .token = 77, .run = 9, .idx = 0, .generation = 1, .iteration = 1, .attempt = 2,
				 .previous = 70, .started_ms = 1, .worker_pid = 123, .worker_start = 456,
				 .boot_id = "b" };
	store_attempt_add(st, &a);
	a.state = ATTEMPT_FAILED;
	a.class = CLASS_EXIT;
	a.exit_code = 3;
	a.signal = -1;
	a.message = "m";
	a.tail = "t";
	a.ended_ms = 9;
	a.retry_in_ms = 0;
	a.retry_reason = "rr";
	a.leftover = 2;
	store_attempt_end(st, &a);
	a.exit_code = 4;
	store_attempt_end(st, &a); /* has ended: must change nothing */
	commit(st);
	store_close(st);

	st = open_store();
	struct order_row o2;
	ck_assert_int_eq(store_order_get(st, 3, &o2, NULL), ERR_OK);
	ck_assert_int_eq(o2.priority, -2);
	ck_assert_int_eq(o2.place, 11);
	ck_assert_str_eq(o2.until, "[\"a\"]");
	ck_assert_ptr_null(o2.env);
	ck_assert_int_eq(o2.max_wait_ms, 12);
	ck_assert_int_eq(o2.enqueued_ms, 13);
	ck_assert(memcmp(&o2.workflow, &h, sizeof(h)) == 0);
	struct run_row r2;
	ck_assert_int_eq(store_run_get(st, 9, &r2, NULL), ERR_OK);
	ck_assert_int_eq(r2.parent_node, 0);
	ck_assert_int_eq(r2.failed_node, -1);
	ck_assert_ptr_null(r2.reason);
	ck_assert_int_eq(r2.crashes, 2);
	ck_assert_int_eq(r2.epoch, 6);
	ck_assert_int_eq(r2.version, 2);
	ck_assert_str_eq(r2.workspace, "/w");
	ck_assert(r2.acknowledged);
	struct attempt_row a2;
	ck_assert_int_eq(store_attempt_get(st, 77, &a2, NULL), ERR_OK);
	ck_assert_int_eq(a2.exit_code, 3);
	ck_assert_int_eq(a2.signal, -1);
	ck_assert_int_eq(a2.retry_in_ms, 0);
	ck_assert_int_eq(a2.leftover, 2);
	ck_assert_str_eq(a2.retry_reason, "rr");
	ck_assert_int_eq(store_order_get(st, 99, &o2, NULL), ERR_NOT_FOUND);
	ck_assert_int_eq(store_last_token(st), 77);
	store_close(st);
}
END_TEST

START_TEST(turn_is_whole_or_absent)
{
	struct store *st = open_store();
	add_event(st, "a.b");
	commit(st);
	add_event(st, "a.c");
	ck_assert_int_eq(store_last_seq(st), 2);
	store_rollback(st);
	ck_assert_int_eq(store_last_seq(st), 1);
	/* A write that breaks a rule of the schema makes the commit fail and takes the turn back. */
	add_event(st, "a.d");
	store_run_add(st, &(struct run_row){ .id = 1, .name = "n", .file = "", .dir = "", .params = "{}",
					     .workspace = "" });
	struct err err;
	ck_assert_int_ne(store_commit(st, &err), ERR_OK);
	ck_assert_int_eq(store_last_seq(st), 1);
	add_event(st, "a.e");
	commit(st);
	int64_t checked;
	ck_assert_int_eq(store_verify_events(st, &checked, &err), ERR_OK);
	ck_assert_int_eq(checked, 2);
	store_close(st);
}
END_TEST

/* clang-format off */
static const char *const tampering[] = {
	"UPDATE event SET reason = 'x' WHERE seq = 3", "DELETE FROM event WHERE seq = 2",
	"UPDATE event SET now = 4 WHERE seq = 1",
	("UPDATE event SET seq = 9 WHERE seq = 2; UPDATE event SET seq = 2 WHERE seq = 3;"
	 "UPDATE event SET seq = 3 WHERE seq = 9"),
};
/* clang-format on */

START_TEST(tampering_is_found)
{
	struct store *st = open_store();
	for (int i = 0; i < 5; i++)
		add_event(st, i % 2 ? "x.y" : "x.z");
	commit(st);
	int64_t checked;
	ck_assert_int_eq(store_verify_events(st, &checked, NULL), ERR_OK);
	ck_assert_int_eq(sqlite3_exec(st->db, tampering[_i], NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(store_verify_events(st, &checked, NULL), ERR_CORRUPT);
	store_close(st);
}
END_TEST

START_TEST(statements_do_not_scan)
{
	struct store *st = open_store();
	for (int i = 0; i < STMT_COUNT; i++) {
		auto_free char *sql = xasprintf("EXPLAIN QUERY PLAN %s", store_queries[i].sql);
		sqlite3_stmt *s = NULL;
		ck_assert_msg(sqlite3_prepare_v2(st->db, sql, -1, &s, NULL) == SQLITE_OK, "%s: %s",
			      store_queries[i].name, sqlite3_errmsg(st->db));
		while (sqlite3_step(s) == SQLITE_ROW) {
			const char *plan = col_text(s, 3);
			bool scans = strstr(plan, "SCAN") && !strstr(plan, "SCAN (subquery") &&
				     !strstr(plan, "SCAN CONSTANT ROW") && !strstr(sql, "LIMIT 1\n");
			ck_assert_msg(!scans || store_queries[i].scan, "%s: %s", store_queries[i].name, plan);
		}
		(void)sqlite3_finalize(s);
	}
	store_close(st);
}
END_TEST

START_TEST(second_opener_is_refused)
{
	struct store *st = open_store();
	add_event(st, "a.b");
	commit(st);
	struct store *other = NULL;
	struct err err;
	ck_assert_int_eq(store_open(path, &options, &other, &err), ERR_CONFLICT);
	store_close(st);
}
END_TEST

static char *schema(struct store *st)
{
	auto_str text = STR_INIT;
	sqlite3_stmt *s = NULL;
	ck_assert_int_eq(sqlite3_prepare_v2(st->db, "SELECT sql FROM sqlite_schema ORDER BY name", -1, &s, NULL),
			 SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW)
		str_add(&text, col_text(s, 0) ? col_text(s, 0) : "-");
	(void)sqlite3_finalize(s);
	return str_take(&text);
}

START_TEST(migrations_go_down_and_up)
{
	struct store *st = open_store();
	auto_free char *fresh = schema(st);
	ck_assert_int_eq(store_version(st), store_newest_version());
	for (int v = store_newest_version(); v > 1; v--)
		ck_assert_int_eq(store_migrate_down(st, v - 1, NULL), ERR_OK);
	ck_assert_int_eq(store_version(st), 1);
	ck_assert_int_ne(store_migrate_down(st, 0, NULL), ERR_OK);
	store_close(st);
	st = open_store();
	auto_free char *again = schema(st);
	ck_assert_str_eq(fresh, again);
	/* One that is newer is refused and left alone. */
	ck_assert_int_eq(sqlite3_exec(st->db, "PRAGMA user_version=999", NULL, NULL, NULL), SQLITE_OK);
	store_close(st);
	struct err err;
	ck_assert_int_eq(store_open(path, &options, &st, &err), ERR_VERSION);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("store_turn");
	TCase *t = tcase_create("store");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, rows_come_back);
	tcase_add_test(t, turn_is_whole_or_absent);
	tcase_add_loop_test(t, tampering_is_found, 0, (int)COUNT(tampering));
	tcase_add_test(t, statements_do_not_scan);
	tcase_add_test(t, second_opener_is_refused);
	tcase_add_test(t, migrations_go_down_and_up);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
