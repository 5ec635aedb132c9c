/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside of the reader: what its files share. Nothing is mapped into memory (a file that is cut
 * while it is mapped kills the reader), and nothing is kept per line but one offset for INDEX_STEP
 * lines. */
#ifndef PAWL_JOURNAL_READER_H
#define PAWL_JOURNAL_READER_H

#include "journal/index.h"
#include "journal/journal.h"

#define READ_BLOCK (256 * KIB) /* fits into the cache of a core */
#define LINE_MAX_LIMIT (16 * MIB)
#define RECORD_PAGE 128

struct log_reader {
	char *path;
	int fd, index_fd; /* index_fd: -1 if there is none */

	int64_t size;         /* bytes of the text that are known: all of them are counted */
	int64_t newlines;     /* among them */
	bool ends_open;       /* a last line has no newline */
	int64_t *checkpoints; /* offset of line 1 + k * INDEX_STEP */
	size_t ncheckpoints, checkpoints_cap;
	int64_t cut_line, cut_bytes;

	int64_t nrecords;   /* of the index that are sound and fit the text */
	bool index_foreign; /* it is of no use for this text */
	bool index_checked; /* its head was read */
	bool done;
	struct index_record last; /* what it said last */

	struct index_record page[RECORD_PAGE]; /* records of the index from page_at on */
	int64_t page_at;
	size_t npage;

	char *buf; /* bytes of the text from buf_at on */
	size_t buf_len, buf_cap;
	int64_t buf_at;
	int64_t long_start, long_end; /* the long line that was measured last */
};

/* Bytes of the text from `offset` on: at least min(want, what there is). Valid until the next call;
 * *ret_len 0 at the end. */
enum err_code reader_peek(struct log_reader *r, int64_t offset, size_t want, const char **ret,
                          size_t *ret_len, struct err *err) MUST_CHECK;
/* As pread(), in whole; less only at the end of the file. -1 with errno. */
ssize_t reader_pread(int fd, void *buf, size_t len, int64_t offset);

/* Offset of line `number`, which exists or is one past the last. */
enum err_code reader_find_line(struct log_reader *r, int64_t number, int64_t *ret_offset,
                               struct err *err) MUST_CHECK;
/* Number of the line that `offset` lies in. */
enum err_code reader_line_at(struct log_reader *r, int64_t offset, int64_t *ret_number,
                             struct err *err) MUST_CHECK;
/* Fill in time and stream of a line whose offset is set. */
void reader_stamp(struct log_reader *r, struct log_line *line);
int64_t reader_lines(const struct log_reader *r);

/* reader_index.c: take in what the index says; and look a record up. */
void reader_load_index(struct log_reader *r);
/* The index does not fit the text: use none of it. */
void reader_drop_index(struct log_reader *r);
/* Nothing is known of the text. */
void reader_forget_text(struct log_reader *r);
bool reader_record(struct log_reader *r, int64_t number, struct index_record *ret);
void reader_note_cut(struct log_reader *r, int64_t offset, int64_t line);
void reader_add_checkpoint(struct log_reader *r, int64_t offset);

#endif
