/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gc: what is given back, and what stays. */
#ifndef PAWL_ENGINE_GC_H
#define PAWL_ENGINE_GC_H

#include "engine/engine.h"
#include "base/map.h"

enum gc_kind {
	GC_WORKSPACE, /* the scratch folder of a run that ended */
	GC_WORKTREE,  /* the worktree of one that failed */
	GC_FOLDER,    /* of a run that is not there */
	GC_ORPHAN,    /* a branch, and perhaps its worktree, of such a run; a branch that has commits stays, and so does
	               * a worktree that is not beneath the home */
	GC_TEMPORARY, /* what an export, an import or an upload of an engine that died left */
	GC_KINDS
};

struct gc_item {
	enum gc_kind kind;
	id_t64 run;
	int stream;
	char *path, *repository, *branch, *base;
	uint64_t bytes;
	bool failed; /* it could not be removed: err */
	bool kept;   /* named only; with an orphan: its branch */
	struct err err;
};

struct gc;
/* Called once; `gc` is valid during the call. */
typedef void (*gc_done_fn)(void *ctx, enum err_code code, const struct err *err, const struct gc *gc);

struct gc {
	bool dry_run;
	struct gc_item *v;
	size_t n, cap;
	id_t64 *runs; /* that ended long enough ago */
	size_t nruns, capruns;
	char **keep;  /* snapshots that stay */
	size_t nkeep, capkeep;
	char **repositories;
	size_t nrepositories, caprepositories;
	struct map known; /* ids of all runs */
	char *home;
	int64_t epoch;
	uint64_t bytes, store_bytes; /* that are, or would be, free; of the store of snapshots (afterwards) */
	enum err_code code;
	struct err err;
	gc_done_fn done;
	void *ctx;
};

/* Give back what belongs to runs that ended strictly longer than `older_ms` ago. */
enum err_code engine_gc(struct engine *e, int64_t older_ms, bool dry_run, gc_done_fn fn, void *ctx,
			struct err *err) MUST_CHECK;
void gc_keep(struct engine *e, struct gc *gc);
enum err_code gc_run(struct gc *gc, struct err *err) MUST_CHECK; /* blocks; in the pool */
void gc_free(struct gc *gc);

#endif
