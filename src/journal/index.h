/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The index beside a log: a head, then records of one size in the order of their offsets. Each
 * record says which line its offset lies in, and when and on which stream the bytes from there on
 * came, so that any question about a line, a time or a stream is one binary search; the last one
 * tells how far that goes. It is a cache in the byte order of the machine: what is torn, foreign or
 * does not fit the text is left out and read from the text. */
#ifndef PAWL_JOURNAL_INDEX_H
#define PAWL_JOURNAL_INDEX_H

#include "base/base.h"

#include <assert.h>

#define INDEX_STEP 256 /* lines between two checkpoints */
#define INDEX_SUFFIX ".idx"
#define INDEX_HEAD "pawl log index 1\n" /* padded with NUL to the size of a record */

enum index_kind {
	INDEX_BURST = 1,  /* another time or stream from here on */
	INDEX_CHECKPOINT, /* the start of line 1 + k * INDEX_STEP */
	INDEX_CUT,        /* the start of the line that marks the cut */
	INDEX_END,        /* the index is complete up to here; the next record takes its place */
	INDEX_DONE,       /* as INDEX_END, and the writer finished: this is the size of the text */
};

/* Two to a cache line, and none lies across two sectors of a disk. */
struct index_record {
	int64_t offset;
	int64_t line; /* from 1 */
	int64_t wall_ms;
	uint8_t kind, stream;
	uint8_t line_start; /* 1: the offset is the start of the line */
	uint8_t zero;
	uint32_t check;
};

static_assert(sizeof(struct index_record) == 32, "records of the index are 32 bytes");

void index_seal(struct index_record *record);        /* fill in the check */
bool index_sound(const struct index_record *record); /* whether it is as it was written */
void index_head(char head[sizeof(struct index_record)]);

/* The line that stands where bytes were cut out, and reading it back. */
#define CUT_MARK_MAX 96
size_t cut_mark(char mark[CUT_MARK_MAX], int64_t bytes, int64_t lines);
bool cut_mark_parse(const char *line, size_t len, int64_t *ret_bytes);

#endif
