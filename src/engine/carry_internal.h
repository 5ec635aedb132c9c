/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What export and import share. */
#ifndef PAWL_ENGINE_CARRY_INTERNAL_H
#define PAWL_ENGINE_CARRY_INTERNAL_H

#include "engine/carry.h"
#include "base/arena.h"
#include "engine/engine_internal.h"
#include "store/carry.h"

#define CARRY_RUNS_MAX 10000     /* in one file */
#define CARRY_ROWS_MAX 2000000
#define CARRY_MANIFEST_MAX ((size_t)64 * MIB)
#define CARRY_LINE_MAX ((size_t)64 * MIB)

/* ---- archive.c ---- */

/* Run pawl-archive with these words (NULL-terminated, at most 6) and this input (may be NULL). */
enum err_code archive_run(const char *libexec, const char *const *words, const struct str *in,
			  struct err *err) MUST_CHECK;
enum err_code hash_file(const char *path, struct hash *ret, int64_t *ret_size, struct err *err) MUST_CHECK;
/* A new folder HOME/tmp/WHAT-EPOCH-…; yours. Those of another epoch are leftovers. */
enum err_code staging_make(const char *home, const char *what, int64_t epoch, char **ret,
			   struct err *err) MUST_CHECK;

/* ---- an import ---- */

struct import_rows {
	struct carry_cell *v; /* `width` of them a row */
	size_t n, cap, width;
};

/* A folder of a run here. */
struct import_space {
	size_t run; /* index of the run */
	int stream;
	bool scratch;  /* it was one where it comes from, too */
	char *path;
	char tree[41]; /* newest snapshot; "" if there is none */
	int64_t seq;   /* of the checkpoint that has it */
};

struct import_run {
	id_t64 was, id;
	size_t parent;            /* index of the run above; SIZE_MAX: none */
	int parent_node;
	const struct graph *graph; /* one of `graphs`, or below it */
};

struct import {
	char *home, *libexec, *upload, *dir; /* dir: where it is unpacked */
	int64_t epoch, now_ms;
	struct import_limits limits;
	struct carry_columns columns[CARRY_TABLES];
	struct import_rows rows[CARRY_TABLES];
	struct arena texts;
	struct json *manifest;
	struct hash hash; /* of the manifest, and so of all */
	char *old_home, *name;
	int64_t made_ms;
	id_t64 order, old_order;
	struct import_run *runs; /* by their old ids; the one above goes before those below */
	size_t nruns, top;
	int64_t *tokens; /* the old ones, sorted; the new ones follow first_token */
	size_t ntokens;
	int64_t first_token;
	int64_t *seqs; /* the old ones, sorted */
	size_t nseqs;
	struct graph **graphs;
	size_t ngraphs;
	const char **trees; /* of the manifest */
	size_t ntrees;
	struct import_space *spaces;
	size_t nspaces, capspaces;
	bool logs, live, moved, made, kept, pack;
	int64_t nrows, nfiles;
};

/* ---- import_rows.c ---- */

/* Read rows/TABLE.jsonl. */
enum err_code import_rows_read(struct import *x, enum carry_table t, const char *path, struct err *err) MUST_CHECK;
/* The cell of a column, which the table has. */
struct carry_cell *import_cell(const struct import *x, enum carry_table t, size_t row, const char *column)
	__attribute__((returns_nonnull));
/* … as a number, 0 when it is null; as text or bytes, NULL when it is null. */
int64_t import_number(const struct import *x, enum carry_table t, size_t row, const char *column);
const char *import_text(const struct import *x, enum carry_table t, size_t row, const char *column);
/* Every value is one that this version knows. */
enum err_code import_rows_check(struct import *x, struct err *err) MUST_CHECK;
/* The numbers that they have here; `seq`s become ranks, from 1. */
enum err_code import_rows_map(struct import *x, struct err *err) MUST_CHECK;
/* Write them, in one turn. */
void import_rows_put(const struct import *x, struct store *st);

/* ---- import_space.c ---- */

/* Which folders the runs have, and what is in them; their rows. */
void import_spaces(struct import *x);

#endif
