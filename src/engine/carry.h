/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Carrying a run, with the runs of its sub-workflows, from home to home in one file: rows, logs, snapshots,
 * definition. What reads the store or changes the engine runs on the loop's thread, in pieces; what touches files
 * blocks, and is done beside the loop, never both at a time for one of them.
 *
 * The file is a tar archive (pax, zstd) of these members:
 *   pawl-export.json      what it is, and each other member with its size and hash
 *   rows/TABLE.jsonl      a row a line: an object of the table's columns
 *   log/RUN/FILE          logs and what lies beside them
 *   patch/RUN/FILE        what rollbacks took away
 *   snapshots.pack        the workspaces' files, as git packs them
 *   pawl-export.sum       hash of pawl-export.json; the end */
#ifndef PAWL_ENGINE_CARRY_H
#define PAWL_ENGINE_CARRY_H

#include "engine/engine.h"

#define CARRY_FORMAT "pawl-export"
#define CARRY_VERSION 1

/* ---- export ---- */

struct export;
/* ERR_CONFLICT while the run is in a state that does not last. Loop. */
enum err_code export_new(struct engine *e, id_t64 run, bool logs, struct export **ret, struct err *err) MUST_CHECK;
/* Read the next rows; *ret_more: export_work() has to be called, then this again. Loop. ERR_CONFLICT when the run
 * changes faster than it can be read. */
enum err_code export_next(struct engine *e, struct export *x, bool *ret_more, struct err *err) MUST_CHECK;
/* Write what was read; when nothing was left to read, make the file. Beside the loop. */
enum err_code export_work(struct export *x, struct err *err) MUST_CHECK;
/* The file: gone with export_free(), but what is open stays. */
const char *export_path(const struct export *x);
void export_free(struct export *x); /* blocks: removes its files */

/* ---- import ---- */

struct import;
struct import_limits {
	int64_t bytes; /* of all members together */
	int64_t files;
};
/* Of a file that was uploaded to `path`, which stays the caller's. Loop. */
enum err_code import_new(struct engine *e, const char *path, const struct import_limits *limits,
			 struct import **ret, struct err *err) MUST_CHECK;
/* Unpack and check it. Beside the loop. */
enum err_code import_read(struct import *x, struct err *err) MUST_CHECK;
/* Give it ids that are free here. Loop. */
enum err_code import_reserve(struct engine *e, struct import *x, struct err *err) MUST_CHECK;
/* Make folders and files of the runs, and check the rows as they will be. Beside the loop. */
enum err_code import_make(struct import *x, struct err *err) MUST_CHECK;
/* Store it; `reply` comes after the commit. A run that had not ended is paused. Loop. */
void import_commit(struct engine *e, struct import *x, const char *idempotency_key, command_reply_fn reply, void *ctx);
/* The run that the same file under the same key became before; 0: none. ERR_CONFLICT: the key was of something
 * else. After import_read(). Loop. */
enum err_code import_seen(struct engine *e, const struct import *x, const char *idempotency_key, id_t64 *ret,
			  struct err *err) MUST_CHECK;
/* What came of it. */
struct imported {
	id_t64 run, from_run, order, from_order;
	size_t nruns, nfolders, nsnapshots;
	int64_t nrows, nfiles;
	bool logs, live, moved; /* moved: a workspace was a worktree or a folder of its own */
};
void import_result(const struct import *x, struct imported *ret);
/* Unless it is kept, nothing is left of it. Blocks. */
void import_keep(struct import *x);
void import_free(struct import *x);

#endif
