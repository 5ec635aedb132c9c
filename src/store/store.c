/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening, the transaction of a turn, statements. */
#include "store/store_internal.h"
#include "store/migrate.h"
#include "base/fs.h"

#include <assert.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROBE_BYTES (128 * KIB)

/* clang-format off */
const struct store_query store_queries[STMT_COUNT] = { STMT_TABLE };
/* clang-format on */

enum err_code store_error(struct store *st, int rc, struct err *err, const char *what)
{
	const char *why = st->db ? sqlite3_errmsg(st->db) : sqlite3_errstr(rc);
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return err_set(err, ERR_STORAGE, _("%s: the disk is full (%s)"), what, why);
	case SQLITE_READONLY:
		return err_set(err, ERR_STORAGE, _("%s: the database cannot be written (%s)"), what, why);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_CONFLICT, _("%s: another program holds %s"), what, st->path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(err, ERR_CORRUPT, _("%s: %s is damaged (%s)"), what, st->path, why);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return err_set(err, ERR_IO, _("%s: %s (%s)"), what, why, st->path);
	default:
		return err_set(err, ERR_INTERNAL, _("%s: %s"), what, why);
	}
}

static enum err_code run_sql(struct store *st, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(st->db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? ERR_OK : store_error(st, rc, err, sql);
}

/* EXCLUSIVE before WAL: the index of the log is then in memory, and nobody else can open the file. */
static enum err_code configure(struct store *st, const struct store_options *o, struct err *err)
{
	static const char *const settings[] = {
		"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL", "PRAGMA foreign_keys=ON",
		"PRAGMA temp_store=MEMORY",      "PRAGMA trusted_schema=OFF", "PRAGMA wal_autocheckpoint=0",
		"PRAGMA cache_size=-4096",
	};
	(void)sqlite3_extended_result_codes(st->db, 1);
	(void)sqlite3_busy_timeout(st->db, 0);
	(void)sqlite3_db_config(st->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	for (size_t i = 0; i < COUNT(settings); i++) {
		enum err_code code = run_sql(st, settings[i], err);
		if (code)
			return code;
	}
	return run_sql(st, o->relaxed_sync ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL", err);
}

static enum err_code prepare_file(struct store *st, struct err *err)
{
	int version;
	enum err_code code = migrate_version(st->db, &version, err);
	if (code)
		return code;
	if (version == 0) {
		char text[64];
		(void)snprintf(text, sizeof(text), "PRAGMA application_id=%d", STORE_APPLICATION_ID);
		if ((code = run_sql(st, text, err)))
			return code;
	}
	if (version == migrate_newest())
		return ERR_OK;
	/* Foreign keys would follow tables that a migration makes anew. */
	if ((code = run_sql(st, "PRAGMA foreign_keys=OFF", err)) ||
	    (code = migrate_to(st->db, st->path, migrate_newest(), err)))
		return code;
	return run_sql(st, "PRAGMA foreign_keys=ON", err);
}

enum err_code store_open(const char *path, const struct store_options *o, struct store **ret,
			 struct err *err)
{
	auto_free char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	const char *network = slash && slash != dir ? fs_network_kind(dir) : NULL;
	if (network && !o->unsafe_network_fs) {
		enum err_code code = err_set(err, ERR_UNSUPPORTED,
					     _("%s is on a network file system (%s), whose locks and flushes cannot "
					       "be trusted"),
					     dir, network);
		err_hint(err, _("set PAWL_HOME to a folder on a local disk, or start with --set "
				"unsafe_network_fs=yes and never more than one engine"));
		return code;
	}
	struct store *st = xcalloc(1, sizeof(*st));
	st->path = xstrdup(path);
	/* SQLite would make it readable for others; what belongs to it later gets the same permissions. */
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		(void)close(fd); /* if not, SQLite says why */
	int rc = sqlite3_open_v2(path, &st->db,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	enum err_code code = rc ? store_error(st, rc, err, _("opening the database")) : ERR_OK;
	if (!code)
		code = configure(st, o, err);
	if (!code)
		code = prepare_file(st, err);
	if (!code)
		code = store_load_tail(st, err);
	if (code) {
		store_close(st);
		return code;
	}
	*ret = st;
	return ERR_OK;
}

static void finalize_all(struct store *st)
{
	for (size_t i = 0; i < STMT_COUNT; i++) {
		(void)sqlite3_finalize(st->stmts[i]); /* repeats the error of the last step */
		st->stmts[i] = NULL;
	}
}

void store_close(struct store *st)
{
	if (!st)
		return;
	store_rollback(st);
	finalize_all(st);
	int rc = sqlite3_close(st->db);
	assert(rc == SQLITE_OK);
	(void)rc;
	free(st->path);
	free(st);
}

int store_version(const struct store *st)
{
	int version = 0;
	if (migrate_version(st->db, &version, NULL))
		return -1;
	return version;
}

int store_newest_version(void)
{
	return migrate_newest();
}

enum err_code store_migrate_down(struct store *st, int version, struct err *err)
{
	if (version < 1 || version > store_version(st))
		return err_set(err, ERR_USAGE, _("the schema can go down to 1 … %d, not to %d"), store_version(st),
			       version);
	finalize_all(st);
	enum err_code code = run_sql(st, "PRAGMA foreign_keys=OFF", err);
	return code ? code : migrate_to(st->db, st->path, version, err);
}

/* ---- the turn ---- */

static void fail(struct store *st, int rc, const char *what)
{
	if (!st->failed)
		st->failed = store_error(st, rc, &st->failure, what);
}

void turn_begin(struct store *st)
{
	if (st->in_turn)
		return;
	st->in_turn = true;
	st->failed = ERR_OK;
	int rc = sqlite3_exec(st->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		fail(st, rc, _("beginning to write"));
}

bool store_in_turn(const struct store *st)
{
	return st->in_turn;
}

void store_rollback(struct store *st)
{
	if (!st->in_turn)
		return;
	/* SQLite may have rolled back by itself; then there is nothing to do. */
	if (!sqlite3_get_autocommit(st->db))
		(void)sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
	st->in_turn = false;
	st->failed = ERR_OK;
	st->last_seq = st->committed_seq;
	st->last_hash = st->committed_hash;
}

/* A statement that stands at a row keeps the write-ahead log from being copied back. */
static void let_go(struct store *st)
{
	for (size_t i = 0; i < STMT_COUNT; i++)
		if (st->stmts[i] && sqlite3_stmt_busy(st->stmts[i]))
			(void)sqlite3_reset(st->stmts[i]);
}

static void checkpoint(struct store *st)
{
	let_go(st);
	(void)sqlite3_wal_checkpoint_v2(st->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

enum err_code store_commit(struct store *st, struct err *err)
{
	if (!st->in_turn)
		return ERR_OK;
	if (!st->failed && st->full && st->full(st->full_ctx))
		fail(st, SQLITE_FULL, _("committing"));
	if (!st->failed) {
		int rc = sqlite3_exec(st->db, "COMMIT", NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			fail(st, rc, _("committing"));
	}
	if (st->failed) {
		enum err_code code = st->failed;
		if (err)
			*err = st->failure;
		store_rollback(st);
		return code;
	}
	st->in_turn = false;
	st->committed_seq = st->last_seq;
	st->committed_hash = st->last_hash;
	st->commits++;
	/* A log that grows for ever slows reading; in the middle of work only when it is large. */
	if (st->commits % 256 == 0)
		checkpoint(st);
	return ERR_OK;
}

void store_idle(struct store *st)
{
	if (!st->in_turn)
		checkpoint(st);
}

enum err_code store_probe(struct store *st, struct err *err)
{
	/* What fits into a page that is there already says nothing of room for the next turn. */
	auto_free char *much = xmalloc(PROBE_BYTES + 1);
	memset(much, 'x', PROBE_BYTES);
	much[PROBE_BYTES] = '\0';
	store_rollback(st);
	store_meta_set(st, "probe", much);
	enum err_code code = store_commit(st, err);
	if (code)
		return code;
	store_meta_set(st, "probe", "");
	return store_commit(st, err);
}

int64_t store_commits(const struct store *st)
{
	return st->commits;
}

int64_t store_statements(const struct store *st)
{
	return st->statements;
}

void store_on_commit(struct store *st, bool (*full)(void *ctx), void *ctx)
{
	st->full = full;
	st->full_ctx = ctx;
}

void store_limit_growth(struct store *st, int64_t pages)
{
	sqlite3_stmt *s = NULL;
	int64_t have = 0;
	if (sqlite3_prepare_v2(st->db, "PRAGMA page_count", -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		have = col_int(s, 0);
	(void)sqlite3_finalize(s);
	char text[64];
	(void)snprintf(text, sizeof(text), "PRAGMA max_page_count=%lld",
		       (long long)(pages < 0 ? 1073741823 : have + pages));
	(void)sqlite3_exec(st->db, text, NULL, NULL, NULL); /* a test that sees no failure says so */
}

/* ---- statements ---- */

sqlite3_stmt *stmt_get(struct store *st, enum stmt_id id)
{
	st->statements++;
	if (!st->stmts[id]) {
		int rc = sqlite3_prepare_v3(st->db, store_queries[id].sql, -1, SQLITE_PREPARE_PERSISTENT,
					    &st->stmts[id], NULL);
		if (rc != SQLITE_OK)
			fail(st, rc, store_queries[id].name);
		return st->stmts[id];
	}
	(void)sqlite3_reset(st->stmts[id]);
	return st->stmts[id];
}

void stmt_bind(sqlite3_stmt *s, const char *types, ...)
{
	if (!s)
		return;
	va_list ap;
	va_start(ap, types);
	int rc = SQLITE_OK;
	for (int i = 1; *types; types++, i++) {
		int64_t v;
		const char *text;
		switch (*types) {
		case 'i':
			rc |= sqlite3_bind_int64(s, i, va_arg(ap, int64_t));
			break;
		case 'z':
		case 'm':
			v = va_arg(ap, int64_t);
			rc |= v == (*types == 'z' ? 0 : -1) ? sqlite3_bind_null(s, i) : sqlite3_bind_int64(s, i, v);
			break;
		case 't':
			text = va_arg(ap, const char *);
			rc |= text ? sqlite3_bind_text(s, i, text, -1, SQLITE_STATIC) : sqlite3_bind_null(s, i);
			break;
		case 'b':
			rc |= sqlite3_bind_blob(s, i, va_arg(ap, const struct hash *)->b, HASH_LEN, SQLITE_STATIC);
			break;
		default:
			assert(!"a letter that stmt_bind() knows");
		}
	}
	va_end(ap);
	assert(rc == SQLITE_OK);
	(void)rc;
}

void stmt_run(struct store *st, sqlite3_stmt *s)
{
	if (!s || st->failed)
		return;
	int rc = sqlite3_step(s);
	if (rc != SQLITE_DONE)
		fail(st, rc, _("writing"));
	(void)sqlite3_reset(s);
}

bool stmt_row(struct store *st, sqlite3_stmt *s, enum err_code *code, struct err *err)
{
	if (!s) {
		*code = ERR_INTERNAL;
		if (err)
			*err = st->failure;
		return false;
	}
	int rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		return true;
	*code = rc == SQLITE_DONE ? ERR_OK : store_error(st, rc, err, _("reading"));
	(void)sqlite3_reset(s);
	return false;
}

void col_hash(sqlite3_stmt *s, int i, struct hash *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (sqlite3_column_bytes(s, i) == HASH_LEN)
		memcpy(ret->b, sqlite3_column_blob(s, i), HASH_LEN);
}

enum err_code store_check(struct store *st, bool quick, struct err *err)
{
	sqlite3_stmt *s = NULL;
	const char *sql = quick ? "PRAGMA quick_check(1)" : "PRAGMA integrity_check(1)";
	int rc = sqlite3_prepare_v2(st->db, sql, -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	enum err_code code = ERR_OK;
	if (rc != SQLITE_ROW)
		code = store_error(st, rc, err, _("checking the database"));
	else if (!str_eq(col_text(s, 0), "ok"))
		code = err_set(err, ERR_CORRUPT, _("%s is damaged: %s"), st->path, col_text(s, 0));
	(void)sqlite3_finalize(s);
	return code;
}
