/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small durable program, for the crash tools to prove themselves on.
 *
 *   ledger write MODE FOLDER COUNT [MARKS]   makes COUNT entries; appends "m N" to the file MARKS
 *                                            after it was told that entry N is safe
 *   ledger check MODE FOLDER [N]             0: at least N entries, in order; 1: some lost; 2: corrupt
 *
 * MODE full, normal or off: rows of SQLite in WAL with that synchronous. MODE file or careless: the
 * count in a file that is replaced each time, with the flushes that this needs or without. */
#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *mode, *folder, *marks;

static int mark(long n)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "m %ld\n", n), fd;
	if (!marks)
		return 0;
	fd = open(marks, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return -1;
	bool ok = fs_write_all(fd, line, (size_t)len);
	close(fd);
	return ok ? 0 : -1;
}

/* ---- rows ---- */

static int run_sql(sqlite3 *db, const char *sql)
{
	char *message = NULL;
	int rc = sqlite3_exec(db, sql, NULL, NULL, &message);
	if (rc)
		fprintf(stderr, "ledger: %s: %s\n", sql, message);
	sqlite3_free(message);
	return rc;
}

static long rows_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	long n = -1;
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = (long)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

static sqlite3 *rows_open(int flags)
{
	auto_free char *path = xasprintf("%s/ledger.db", folder);
	auto_free char *pragmas = xasprintf("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
					    "PRAGMA synchronous=%s; PRAGMA wal_autocheckpoint=20",
					    mode);
	sqlite3 *db = NULL;
	if (sqlite3_open_v2(path, &db, flags, NULL) || run_sql(db, pragmas)) {
		sqlite3_close(db);
		return NULL;
	}
	return db;
}

static int rows_write(long count)
{
	sqlite3 *db = rows_open(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	if (!db || run_sql(db, "CREATE TABLE IF NOT EXISTS entry"
			       "(n INTEGER PRIMARY KEY, text TEXT NOT NULL)")) {
		sqlite3_close(db);
		return 4;
	}
	int rc = 0;
	for (long n = 1; n <= count && !rc; n++) {
		auto_free char *sql = xasprintf("INSERT INTO entry VALUES(%ld, hex(randomblob(%ld)))",
						n, 20 + n % 7 * 100);
		rc = run_sql(db, sql) || mark(n) ? 4 : 0;
	}
	return sqlite3_close(db) || rc ? 4 : 0;
}

static int rows_check(long least)
{
	sqlite3 *db = rows_open(SQLITE_OPEN_READWRITE);
	if (!db)
		return least > 0 ? 1 : 0;
	sqlite3_stmt *st = NULL;
	int found = 0;
	if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL) ||
	    sqlite3_step(st) != SQLITE_ROW ||
	    strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
		found = 2;
	sqlite3_finalize(st);
	long n = rows_number(db, "SELECT count(*) FROM entry");
	if (!found && MAX(n, 0L) < least)
		found = 1;
	if (!found && n > 0 && rows_number(db, "SELECT max(n) FROM entry") != n)
		found = 2;
	sqlite3_close(db);
	return found;
}

/* ---- a file that is replaced ---- */

static enum err_code careless_write(const char *path, const char *text)
{
	auto_free char *tmp = xasprintf("%s.tmp", path);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && fs_write_all(fd, text, strlen(text));
	if (fd >= 0)
		close(fd);
	return ok && !rename(tmp, path) ? ERR_OK : ERR_IO;
}

static int file_write(long count)
{
	auto_free char *path = xasprintf("%s/ledger", folder);
	for (long n = 1; n <= count; n++) {
		auto_free char *text = xasprintf("%ld %0*ld\n", n, (int)(n % 5) * 300 + 1, n);
		struct err err = { .message = "careless" };
		enum err_code code = str_eq(mode, "file") ?
					     fs_write(path, text, strlen(text), 0600, &err) :
					     careless_write(path, text);
		if (code) {
			fprintf(stderr, "ledger: %s\n", err.message);
			return 4;
		}
		if (mark(n))
			return 4;
	}
	return 0;
}

static int file_check(long least)
{
	auto_free char *path = xasprintf("%s/ledger", folder);
	auto_free char *text = NULL;
	size_t len;
	if (fs_read(path, MIB, &text, &len, NULL))
		return least > 0 ? 1 : 0;
	char *end;
	long n = strtol(text, &end, 10);
	if (n <= 0 || len != strlen(text) || strtol(end, &end, 10) != n || !str_eq(end, "\n"))
		return 2;
	return n < least ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: ledger write|check MODE FOLDER NUMBER [MARKS]\n");
		return 4;
	}
	mode = argv[2];
	folder = argv[3];
	long number = argc > 4 ? strtol(argv[4], NULL, 10) : 0;
	marks = argc > 5 ? argv[5] : NULL;
	bool file = str_eq(mode, "file") || str_eq(mode, "careless");
	if (str_eq(argv[1], "write"))
		return file ? file_write(number) : rows_write(number);
	return file ? file_check(number) : rows_check(number);
}
