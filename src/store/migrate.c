/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/migrate.h"
#include "store/store_internal.h"
#include "store/migrations.h"

#include <stdio.h>
#include <unistd.h>

static const struct {
	int version;
	const char *up, *down;
} migrations[] = { MIGRATION_TABLE };

int migrate_newest(void)
{
	return migrations[COUNT(migrations) - 1].version;
}

static enum err_code one_int(sqlite3 *db, const char *sql, int *ret, struct err *err)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int(s, 0);
	(void)sqlite3_finalize(s);
	if (rc == SQLITE_ROW)
		return ERR_OK;
	if (rc == SQLITE_NOTADB || rc == SQLITE_CORRUPT)
		return err_set(err, ERR_CORRUPT, _("the database is damaged: %s"), sqlite3_errmsg(db));
	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return err_set(err, ERR_CONFLICT, _("the database is in use by another program"));
	return err_set(err, ERR_IO, _("cannot read the database: %s"), sqlite3_errmsg(db));
}

enum err_code migrate_version(sqlite3 *db, int *ret, struct err *err)
{
	return one_int(db, "PRAGMA user_version", ret, err);
}

static enum err_code copy_before(sqlite3 *db, const char *path, int version, struct err *err)
{
	auto_free char *to = xasprintf("%s.v%d", path, version);
	(void)unlink(to); /* a copy of an earlier try */
	sqlite3 *copy = NULL;
	int rc = sqlite3_open(to, &copy);
	if (rc == SQLITE_OK) {
		sqlite3_backup *b = sqlite3_backup_init(copy, "main", db, "main");
		rc = b ? sqlite3_backup_step(b, -1) : sqlite3_errcode(copy);
		if (b)
			(void)sqlite3_backup_finish(b);
	}
	(void)sqlite3_close(copy);
	if (rc == SQLITE_DONE)
		return ERR_OK;
	(void)unlink(to);
	return err_set(err, ERR_STORAGE, _("cannot copy the database to %s before migrating it: %s"), to,
		       sqlite3_errstr(rc));
}

static enum err_code apply(sqlite3 *db, const char *sql, int version, struct err *err)
{
	auto_free char *text = xasprintf("BEGIN IMMEDIATE;\n%s\nPRAGMA user_version=%d;\nCOMMIT;", sql, version);
	char *why = NULL;
	int rc = sqlite3_exec(db, text, NULL, NULL, &why);
	if (rc == SQLITE_OK)
		return ERR_OK;
	enum err_code code = err_set(err, rc == SQLITE_FULL ? ERR_STORAGE : ERR_IO,
				     _("cannot migrate the database to version %d: %s"), version,
				     why ? why : sqlite3_errstr(rc));
	sqlite3_free(why);
	(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL); /* may have been rolled back already */
	return code;
}

enum err_code migrate_to(sqlite3 *db, const char *path, int version, struct err *err)
{
	int have;
	enum err_code code = migrate_version(db, &have, err);
	if (code)
		return code;
	if (have > migrate_newest())
		return err_set(err, ERR_VERSION,
			       _("%s was made by a newer pawl (schema %d, this one knows %d); use that one, or its "
				 "\"pawld --migrate-down %d\""),
			       path, have, migrate_newest(), migrate_newest());
	if (have == version)
		return ERR_OK;
	if (have > 0 && (code = copy_before(db, path, have, err)))
		return code;
	for (; have < version; have++)
		if ((code = apply(db, migrations[have].up, have + 1, err)))
			return code;
	for (; have > version; have--)
		if ((code = apply(db, migrations[have - 1].down, have - 1, err)))
			return code;
	return ERR_OK;
}
