/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log of one attempt: a plain text file that `less` and `grep` can read, and beside it a small
 * binary index. The text file holds the bytes of both streams as they came (after redaction); the
 * index holds a mark for each burst (offset, time, stream) and a checkpoint each 256 lines, so that
 * any line is found without reading what precedes it. The index is a cache: what it lacks, or what
 * in it does not fit, is counted from the text, then without times and streams. No line ever enters
 * the database. Readers and writers are used by one thread at a time. */
#ifndef PAWL_JOURNAL_JOURNAL_H
#define PAWL_JOURNAL_JOURNAL_H

#include "base/err.h"
#include "base/regex.h"
#include "base/str.h"

enum log_stream { LOG_OUT = 1, LOG_ERR = 2, LOG_NOTE = 3 /* words of pawl itself */ };

/* ---- writing: the worker ---- */

struct log_writer;

struct log_options {
	int64_t head_bytes; /* kept from the start; 0: no cap */
	int64_t tail_bytes; /* kept from the end once the head is full */
};

/* Nothing is opened until the first byte. `path` is the text file, its index is `path` + ".idx";
 * files of that name are replaced. While a capped log is written, `path` + ".tail" holds its end. */
struct log_writer *log_writer_new(const char *path, const struct log_options *options);
/* Append bytes of a stream. A fault (disk full) is counted, not returned: it never fails a step.
 * Later bytes are tried again; when they go, a line in the log says how many are missing. */
void log_write(struct log_writer *w, enum log_stream stream, const char *bytes, size_t len,
	       int64_t wall_ms);
/* Give what is buffered to the file system; called when the step is quiet, for those who follow. */
void log_flush(struct log_writer *w);

struct log_totals {
	int64_t bytes, lines;      /* in the file */
	int64_t seen_bytes, seen_lines; /* written by the step, before any cut */
	int64_t dropped_bytes;     /* cut out between head and tail */
	int64_t lost_bytes;        /* not written because of faults */
	int fault;                 /* errno of the first fault, 0 if none */
};
void log_totals(const struct log_writer *w, struct log_totals *ret);
/* Write the tail and the cut mark, close the files; `sync` makes the text durable. The totals are
 * final then, and nothing more is written. */
void log_writer_finish(struct log_writer *w, bool sync);
/* Finish, if that was not done, and free. NULL is fine. */
void log_writer_close(struct log_writer *w, bool sync);
/* Do for a writer that was killed what its close would have done: put the tail of a capped log
 * behind the cut mark. Does nothing while the writer lives, or when there is nothing to do;
 * log_open() calls it. */
void log_salvage(const char *path);
/* The last bytes written (for patterns and error text), at most 64 KiB; borrowed until the next
 * call. */
const char *log_writer_tail(const struct log_writer *w, size_t *ret_len);

/* ---- reading: engine, fsck, tests. Safe while it is being written, in another process. ---- */

struct log_reader;

/* ERR_NOT_FOUND when there is no file (the step wrote nothing). */
enum err_code log_open(const char *path, struct log_reader **ret, struct err *err) MUST_CHECK;
void log_close(struct log_reader *r);
/* Take notice of what was appended (or cut) since. */
enum err_code log_refresh(struct log_reader *r, struct err *err) MUST_CHECK;

struct log_info {
	int64_t bytes, lines; /* a last line without newline counts */
	int64_t cut_line;     /* line number of the cut mark, 0 if nothing was cut */
	int64_t cut_bytes;    /* what was cut */
	bool timed;           /* times and streams are known */
	bool done;            /* the writer finished */
};
void log_info(const struct log_reader *r, struct log_info *ret);

struct log_line {
	int64_t number; /* from 1 */
	int64_t offset; /* of its first byte in the file */
	int64_t wall_ms; /* when its first byte came; 0 if not known */
	enum log_stream stream; /* of its first byte; LOG_OUT if not known */
	/* Without newline, but with the carriage return if one precedes it; borrowed until the next call
	 * on the reader. */
	const char *text;
	size_t len;       /* of what was returned: long lines are cut at `line_max` */
	size_t full_len;  /* of the whole line */
};

/* Lines [first, first + n): calls `fn` for each; stops when it returns false or after `max_bytes`
 * of text, but not before the first line. `line_max` is at most 16 MiB. */
enum err_code log_window(struct log_reader *r, int64_t first, int64_t n, size_t line_max,
			 size_t max_bytes, bool (*fn)(void *ctx, const struct log_line *line), void *ctx,
			 struct err *err) MUST_CHECK;
/* The first line that came at or after `wall_ms`; one past the last if there is none. (A clock that
 * was set back makes it one of those that may be meant.) */
int64_t log_line_at_time(struct log_reader *r, int64_t wall_ms);
/* The line that the byte at `offset` lies in; the last one if that is behind the text. */
int64_t log_line_at_offset(struct log_reader *r, int64_t offset);

/* A line is a hit when it matches by itself: no match goes over its end, ^ and $ are its ends ($ is
 * before a carriage return, too). Of a line over 8 MiB the first 8 MiB are searched. */
struct log_search {
	struct regex *re;
	int64_t from;      /* line to start at; backwards: 0 is the last one */
	bool backwards;
	bool invert;       /* lines that do not match */
	int64_t max_hits;  /* 0: no limit */
	int64_t budget_us; /* give up after so long; 0: never */
	bool (*canceled)(void *ctx); /* may be NULL; asked every few MiB; then ERR_CANCELED */
	void *ctx;
};
struct log_hit {
	struct log_line line;
	size_t start, end; /* of the first match in the line; 0 if inverted */
};
/* Calls `fn` for each hit in order, last to first if backwards. *ret_next is the line to go on from,
 * 0 when all was searched. */
enum err_code log_find(struct log_reader *r, const struct log_search *s,
		       bool (*fn)(void *ctx, const struct log_hit *hit), void *ctx, int64_t *ret_next,
		       struct err *err) MUST_CHECK;
/* How many lines are hits, over the whole file. ERR_TIMEOUT when the budget is not enough. */
enum err_code log_count(struct log_reader *r, const struct log_search *s, int64_t *ret_count,
			struct err *err) MUST_CHECK;

#endif
