/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Migrations: numbered pairs of up and down, one transaction each, a copy of the file before. */
#ifndef PAWL_STORE_MIGRATE_H
#define PAWL_STORE_MIGRATE_H

#include "base/err.h"

struct sqlite3;

int migrate_newest(void);
enum err_code migrate_version(struct sqlite3 *db, int *ret, struct err *err) MUST_CHECK;
/* To `version`; `path` is the database file, its copy is path.vN (N: the version it has). */
enum err_code migrate_to(struct sqlite3 *db, const char *path, int version, struct err *err) MUST_CHECK;

#endif
