/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The floor of any honest durable step engine, to measure pawl against: start a process, wait for it,
 * and make the result safe before the next one starts.
 *
 *   ideal COUNT IN-FLIGHT DATABASE
 *
 * One at a time (a chain) that is one flushed transaction a step: a row updated, an event inserted.
 * With more in flight (a fan) all that ended since the last transaction share one. Prints what it
 * did: steps, commits, milliseconds. */
#include <errno.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define IN_FLIGHT_MAX 256

static sqlite3 *db;
static sqlite3_stmt *begin, *commit, *update, *insert;
static pid_t pids[IN_FLIGHT_MAX];
static long steps[IN_FLIGHT_MAX];

static void die(const char *what)
{
	fprintf(stderr, "ideal: %s: %s\n", what, db ? sqlite3_errmsg(db) : strerror(errno));
	exit(1);
}

static sqlite3_stmt *prepared(const char *sql)
{
	sqlite3_stmt *st = NULL;
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL))
		die(sql);
	return st;
}

static void run(sqlite3_stmt *st)
{
	if (sqlite3_step(st) != SQLITE_DONE)
		die(sqlite3_sql(st));
	sqlite3_reset(st);
}

static void open_database(const char *path, long count)
{
	if (sqlite3_open(path, &db) ||
	    sqlite3_exec(db,
			 "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			 "CREATE TABLE step(n INTEGER PRIMARY KEY, state INTEGER, ended_at INTEGER) STRICT;"
			 "CREATE TABLE event(seq INTEGER PRIMARY KEY, step INTEGER, state INTEGER,"
			 " at INTEGER, text TEXT) STRICT; BEGIN",
			 NULL, NULL, NULL))
		die(path);
	sqlite3_stmt *row = prepared("INSERT INTO step VALUES(?1, 0, NULL)");
	for (long n = 1; n <= count; n++) {
		sqlite3_bind_int64(row, 1, n);
		run(row);
	}
	sqlite3_finalize(row);
	begin = prepared("BEGIN IMMEDIATE");
	commit = prepared("COMMIT");
	update = prepared("UPDATE step SET state = ?2, ended_at = ?3 WHERE n = ?1");
	insert = prepared("INSERT INTO event VALUES(NULL, ?1, ?2, ?3, 'node.succeeded')");
	run(commit);
}

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static void start(int slot, long step)
{
	char name[] = "/bin/true";
	char *argv[] = { name, NULL }, *environment[] = { NULL };
	if (posix_spawn(&pids[slot], name, NULL, NULL, argv, environment))
		die("posix_spawn");
	steps[slot] = step;
}

static int slot_of(pid_t pid)
{
	int slot = 0;
	while (pids[slot] != pid)
		slot++;
	return slot;
}

static void record(long step, int status)
{
	sqlite3_bind_int64(update, 1, step);
	sqlite3_bind_int(update, 2, status ? 2 : 1);
	sqlite3_bind_int64(update, 3, now_us());
	run(update);
	sqlite3_bind_int64(insert, 1, step);
	sqlite3_bind_int(insert, 2, status ? 2 : 1);
	sqlite3_bind_int64(insert, 3, now_us());
	run(insert);
}

int main(int argc, char **argv)
{
	long count = argc > 3 ? strtol(argv[1], NULL, 10) : 0, started = 0, ended = 0, commits = 0;
	int in_flight = argc > 3 ? (int)strtol(argv[2], NULL, 10) : 0;
	if (count < 1 || in_flight < 1 || in_flight > IN_FLIGHT_MAX) {
		fprintf(stderr, "usage: ideal COUNT IN-FLIGHT DATABASE\n");
		return 2;
	}
	int64_t from = now_us();
	open_database(argv[3], count);
	for (int slot = 0; slot < in_flight && started < count; slot++)
		start(slot, ++started);
	while (ended < count) {
		int freed[IN_FLIGHT_MAX], nfreed = 0, status;
		pid_t pid = waitpid(-1, &status, 0);
		run(begin);
		for (; pid > 0; pid = nfreed < in_flight ? waitpid(-1, &status, WNOHANG) : 0) {
			freed[nfreed] = slot_of(pid);
			record(steps[freed[nfreed++]], status);
			ended++;
		}
		if (!nfreed)
			die("waitpid");
		run(commit);
		commits++;
		while (nfreed && started < count)
			start(freed[--nfreed], ++started);
	}
	printf("%ld steps, %ld commits, %.1f ms\n", count, commits, (double)(now_us() - from) / 1000);
	sqlite3_finalize(begin);
	sqlite3_finalize(commit);
	sqlite3_finalize(update);
	sqlite3_finalize(insert);
	return sqlite3_close(db) ? 1 : 0;
}
