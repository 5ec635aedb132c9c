/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writer: bytes go through a buffer into the text file, and what the index has to say about
 * them is written after them, so that the index never speaks of bytes that are not there. */
#include "journal/journal.h"

#include "base/fs.h"
#include "base/utf8.h"
#include "journal/index.h"
#include "journal/scan.h"
#include "journal/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_FIRST (4 * KIB)
#define BUFFER_MAX (256 * KIB)
#define DIRECT (64 * KIB)       /* from here on bytes go to the file without a copy */
#define RECORDS_MAX 1024        /* of the index, held back at most between two writes */
#define LAST_KEPT (64 * KIB)    /* log_writer_tail() */
#define BORDER_WINDOW (4 * KIB) /* how far back from a cap the end of a line is looked for */

struct log_writer {
	char *path;
	struct log_options options;
	int fd, index_fd;
	char *buf; /* accepted, not yet in the file */
	size_t buf_len, buf_cap;
	int64_t written;  /* bytes in the file */
	int64_t put;      /* bytes accepted: in the file and in the buffer */
	int64_t newlines; /* among them */
	bool line_start;  /* the next byte begins a line */
	struct index_record *records;
	size_t nrecords, records_cap;
	int64_t index_written;
	int64_t indexed; /* how much of the text the index knows */
	int index_fault;
	enum log_stream stream; /* of the present burst */
	int64_t wall_ms;
	struct tail *tail; /* NULL until the head is full */
	char *last;
	size_t last_len, last_cap;
	bool seen_line_start;
	int64_t seen_newlines, lost_now; /* lost and not yet told in the log */
	int lost_why;
	bool finished, salvage;
	struct log_totals totals;
};

struct log_writer *log_writer_new(const char *path, const struct log_options *options)
{
	struct log_writer *w = xcalloc(1, sizeof(*w));
	w->path = xstrdup(path);
	if (options)
		w->options = *options;
	w->fd = w->index_fd = -1;
	w->line_start = w->seen_line_start = true;
	return w;
}

/* ---- to the files ---- */

static bool fault(struct log_writer *w, int why)
{
	if (!w->totals.fault)
		w->totals.fault = why;
	w->lost_why = why;
	return false;
}

static bool open_text(struct log_writer *w)
{
	if (w->fd >= 0)
		return true;
	w->fd = open(w->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	return w->fd >= 0 || fault(w, errno);
}

/* All bytes to the end of the text; *ret_done says how many went. False after a fault. */
static bool write_text(struct log_writer *w, const char *bytes, size_t len, size_t *ret_done)
{
	*ret_done = 0;
	if (len == 0)
		return true;
	if (!open_text(w))
		return false;
	while (*ret_done < len) {
		ssize_t n = pwrite(w->fd, bytes + *ret_done, len - *ret_done, w->written);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fault(w, n < 0 ? errno : EIO);
		*ret_done += (size_t)n;
		w->written += n;
	}
	return true;
}

static bool open_index(struct log_writer *w)
{
	if (w->index_fd >= 0)
		return true;
	auto_free char *path = xasprintf("%s" INDEX_SUFFIX, w->path);
	w->index_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	return w->index_fd >= 0;
}

static bool write_index(struct log_writer *w, const void *bytes, size_t len)
{
	const char *at = bytes;
	while (len) {
		ssize_t n = pwrite(w->index_fd, at, len, w->index_written);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
		w->index_written += n;
	}
	return true;
}

static void add_record(struct log_writer *w, enum index_kind kind, int64_t offset, int64_t line,
                       bool line_start)
{
	GROW(w->records, w->nrecords, w->records_cap);
	struct index_record *record = &w->records[w->nrecords++];
	*record = (struct index_record){ .offset = offset,
		                         .line = line,
		                         .wall_ms = w->wall_ms,
		                         .kind = (uint8_t)kind,
		                         .stream = (uint8_t)w->stream,
		                         .line_start = line_start };
	index_seal(record);
}

/* Write the records that wait, if all the text that they speak of is in the file, and how far the
 * index is complete now; the next ones overwrite that. The index is a cache that readers can
 * complete: after a fault it just ends. */
static void flush_index(struct log_writer *w, enum index_kind end)
{
	if (w->written < w->put || w->put == w->indexed)
		return;
	if (!w->index_fault) {
		char head[sizeof(struct index_record)];
		index_head(head);
		add_record(w, end, w->put, w->newlines + 1, w->line_start);
		if (!open_index(w) ||
		    (w->index_written == 0 && !write_index(w, head, sizeof(head))) ||
		    !write_index(w, w->records, w->nrecords * sizeof(*w->records)))
			w->index_fault = errno ? errno : EIO;
		w->index_written -= (int64_t)sizeof(*w->records);
	}
	w->indexed = w->put;
	w->nrecords = 0;
}

/* Empty the buffer into the file, and what the index says of it behind it. After a fault what did
 * not go stays, and the next call tries again. */
static bool flush_text(struct log_writer *w)
{
	size_t done;
	bool good = write_text(w, w->buf, w->buf_len, &done);
	if (done)
		memmove(w->buf, w->buf + done, w->buf_len - done);
	w->buf_len -= done;
	if (good)
		flush_index(w, INDEX_END);
	return good;
}

/* ---- into the log ---- */

/* Give bytes to the file or the buffer; returns how many were taken. */
static size_t store(struct log_writer *w, const char *bytes, size_t len)
{
	size_t taken = 0;
	if (w->buf_len + len > BUFFER_MAX || len >= DIRECT) {
		if (flush_text(w) && len >= DIRECT && write_text(w, bytes, len, &taken))
			return len;
	}
	size_t room = MIN(len - taken, BUFFER_MAX - w->buf_len);
	if (w->buf_len + room > w->buf_cap) {
		while (w->buf_cap < w->buf_len + room)
			w->buf_cap = w->buf_cap ? w->buf_cap * 2 : BUFFER_FIRST;
		w->buf = xrealloc(w->buf, w->buf_cap);
	}
	if (room)
		memcpy(w->buf + w->buf_len, bytes + taken, room);
	w->buf_len += room;
	return taken + room;
}

/* Count what was accepted, and note each INDEX_STEP-th line. */
static void account(struct log_writer *w, const char *bytes, size_t len)
{
	size_t at = 0;
	while (at < len) {
		size_t found, want = INDEX_STEP - (size_t)(w->newlines % INDEX_STEP);
		at += scan_lines(bytes + at, len - at, want, &found);
		w->newlines += (int64_t)found;
		if (found == want)
			add_record(w, INDEX_CHECKPOINT, w->put + (int64_t)at, w->newlines + 1,
			           true);
	}
	w->put += (int64_t)len;
	w->line_start = bytes[len - 1] == '\n';
}

static void begin_burst(struct log_writer *w, enum log_stream stream, int64_t wall_ms)
{
	if (w->put && w->stream == stream && w->wall_ms == wall_ms)
		return;
	w->stream = stream;
	w->wall_ms = wall_ms;
	add_record(w, INDEX_BURST, w->put, w->newlines + 1, w->line_start);
}

static void put(struct log_writer *w, enum log_stream stream, const char *bytes, size_t len,
                int64_t wall_ms);

/* Space came back: say in the log what is missing before going on. */
static void tell_lost(struct log_writer *w, int64_t wall_ms)
{
	auto_free char *note =
	    xasprintf("%s[pawl: %lld bytes lost here: %s]\n", w->line_start ? "" : "\n",
	              (long long)w->lost_now, strerror(w->lost_why));
	w->lost_now = 0;
	put(w, LOG_NOTE, note, strlen(note), wall_ms);
}

static void put(struct log_writer *w, enum log_stream stream, const char *bytes, size_t len,
                int64_t wall_ms)
{
	if (len == 0)
		return;
	if (w->lost_now && flush_text(w))
		tell_lost(w, wall_ms);
	size_t taken = w->lost_now ? 0 : store(w, bytes, len);
	if (taken) {
		begin_burst(w, stream, wall_ms);
		account(w, bytes, taken);
	}
	if (taken < len) {
		w->lost_now += (int64_t)(len - taken);
		w->totals.lost_bytes += (int64_t)(len - taken);
	}
	if (w->nrecords >= RECORDS_MAX)
		(void)flush_text(w);
	else
		flush_index(w, INDEX_END);
}

/* How many bytes still go into the head, which has room for `room` of them but not for all: up to
 * the end of a line if one is near, else of a character. */
static size_t head_border(const struct log_writer *w, const char *bytes, size_t room)
{
	size_t window = MIN(room, (size_t)BORDER_WINDOW);
	const char *newline = memrchr(bytes + room - window, '\n', window);
	if (newline)
		return (size_t)(newline + 1 - bytes);
	if (w->put && w->line_start && room == window)
		return 0;
	size_t back = MIN(room, (size_t)8);
	size_t whole = utf8_floor(bytes + room - back, back);
	return whole ? room - back + whole : room;
}

static void keep_last(struct log_writer *w, const char *bytes, size_t len)
{
	if (len > LAST_KEPT) {
		bytes += len - LAST_KEPT;
		len = LAST_KEPT;
	}
	if (w->last_len + len > 2 * (size_t)LAST_KEPT) {
		size_t stay = LAST_KEPT - len;
		memmove(w->last, w->last + w->last_len - stay, stay);
		w->last_len = stay;
	}
	if (w->last_len + len > w->last_cap) {
		while (w->last_cap < w->last_len + len)
			w->last_cap = w->last_cap ? w->last_cap * 2 : BUFFER_FIRST;
		w->last = xrealloc(w->last, w->last_cap);
	}
	memcpy(w->last + w->last_len, bytes, len);
	w->last_len += len;
}

void log_write(struct log_writer *w, enum log_stream stream, const char *bytes, size_t len,
               int64_t wall_ms)
{
	if (len == 0 || w->finished)
		return;
	w->totals.seen_bytes += (int64_t)len;
	keep_last(w, bytes, len);
	int64_t before = w->newlines;
	size_t head = len;
	if (w->options.head_bytes > 0) {
		int64_t room = w->tail ? 0 : MAX(w->options.head_bytes - w->put, 0);
		if ((int64_t)len > room)
			head = room ? head_border(w, bytes, (size_t)room) : 0;
	}
	put(w, stream, bytes, head, wall_ms);
	if (head == len && w->totals.lost_bytes == 0)
		w->seen_newlines += w->newlines - before; /* counted already */
	else
		w->seen_newlines += (int64_t)scan_newlines(bytes, len);
	w->seen_line_start = bytes[len - 1] == '\n';
	if (head == len)
		return;
	if (!w->tail) {
		(void)flush_text(w); /* so that the head is whole, should this process be killed */
		w->tail = tail_new(w->path, w->options.tail_bytes, w->put);
	}
	int why = tail_write(w->tail, bytes + head, len - head, stream, wall_ms);
	if (why)
		(void)fault(w, why);
}

void log_flush(struct log_writer *w)
{
	if (!w->finished)
		(void)flush_text(w); /* a fault is counted */
}

void log_totals(const struct log_writer *w, struct log_totals *ret)
{
	*ret = w->totals;
	ret->bytes = w->put;
	ret->lines = w->newlines + !w->line_start;
	ret->seen_lines = w->seen_newlines + !w->seen_line_start;
	if (w->tail) {
		int64_t from, to;
		tail_held(w->tail, &from, &to);
		ret->dropped_bytes = from;
	}
}

const char *log_writer_tail(const struct log_writer *w, size_t *ret_len)
{
	*ret_len = MIN(w->last_len, (size_t)LAST_KEPT);
	return w->last_len ? w->last + w->last_len - *ret_len : "";
}

/* ---- the end ---- */

/* Where the tail begins when what precedes it was cut: behind the first newline if one is near,
 * else at the start of a character. */
static int64_t tail_border(struct log_writer *w, int64_t from)
{
	char start[BORDER_WINDOW];
	size_t len = 0;
	while (len < sizeof(start)) {
		int stream;
		int64_t wall_ms;
		size_t n = tail_read(w->tail, from + (int64_t)len, start + len, sizeof(start) - len,
		                     &stream, &wall_ms);
		if (n == 0)
			break;
		len += n;
	}
	const char *newline = memchr(start, '\n', len);
	if (newline)
		return from + (newline + 1 - start);
	size_t skip = 0;
	while (skip < MIN(len, (size_t)3) && ((unsigned char)start[skip] & 0xc0) == 0x80)
		skip++;
	return from + (int64_t)skip;
}

/* Newlines of the tail from `from` on. */
static int64_t tail_newlines(struct log_writer *w, int64_t from, char *buf, size_t size)
{
	int64_t newlines = 0, wall_ms;
	size_t n;
	int stream;
	for (; (n = tail_read(w->tail, from, buf, size, &stream, &wall_ms)) > 0; from += (int64_t)n)
		newlines += (int64_t)scan_newlines(buf, n);
	return newlines;
}

static void write_tail(struct log_writer *w)
{
	auto_free char *buf = xmalloc(DIRECT);
	int64_t from, to;
	int why = tail_flush(w->tail);
	if (why)
		(void)fault(w, why);
	tail_held(w->tail, &from, &to);
	if (from > 0) {
		if (to > from)
			from = tail_border(w, from);
		w->totals.dropped_bytes = from;
		int64_t lines =
		    w->seen_newlines - w->newlines - tail_newlines(w, from, buf, DIRECT);
		if (!w->line_start)
			put(w, LOG_NOTE, "\n", 1, w->wall_ms);
		char mark[CUT_MARK_MAX];
		size_t len = cut_mark(mark, from, MAX(lines, 0));
		begin_burst(w, LOG_NOTE, w->wall_ms);
		add_record(w, INDEX_CUT, w->put, w->newlines + 1, true);
		put(w, LOG_NOTE, mark, len, w->wall_ms);
	}
	size_t n;
	int stream;
	int64_t wall_ms;
	for (; (n = tail_read(w->tail, from, buf, DIRECT, &stream, &wall_ms)) > 0;
	     from += (int64_t)n)
		put(w, (enum log_stream)stream, buf, n, wall_ms);
	w->totals.lost_bytes += to - from;
}

static void sync_folder(const char *path)
{
	auto_free char *folder = xstrdup(path);
	char *slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	int fd = open(slash ? (slash == folder ? "/" : folder) : ".",
	              O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd); /* the text itself is durable; its name is all that is at stake here */
	(void)close(fd);
}

void log_writer_finish(struct log_writer *w, bool sync)
{
	if (w->finished)
		return;
	if (w->tail)
		write_tail(w);
	if (flush_text(w) && w->lost_now)
		tell_lost(w, w->wall_ms);
	if (flush_text(w)) {
		w->indexed = -1; /* the last record is written in any case */
		if (w->put)
			flush_index(w, INDEX_DONE);
	} else {
		w->totals.lost_bytes += (int64_t)w->buf_len;
		w->newlines -= (int64_t)scan_newlines(w->buf, w->buf_len);
		w->put = w->written;
		w->buf_len = 0;
	}
	if (sync && w->fd >= 0) {
		if (fdatasync(w->fd))
			(void)fault(w, errno);
		sync_folder(w->path);
	}
	if (w->fd >= 0 && close(w->fd))
		(void)fault(w, errno);
	if (w->index_fd >= 0)
		(void)close(w->index_fd); /* a cache: readers check it */
	w->fd = w->index_fd = -1;
	w->finished = true;
	tail_free(TAKE(w->tail), w->salvage && w->totals.fault);
}

void log_salvage(const char *path)
{
	int64_t head, newlines;
	struct tail *tail = tail_adopt(path, &head, &newlines);
	if (!tail)
		return;
	struct log_writer *w = log_writer_new(path, NULL);
	w->tail = tail;
	w->seen_newlines = newlines;
	w->salvage = true;
	w->index_fault = ENOTSUP; /* the index ends where the writer was killed */
	w->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	char last = '\n';
	/* When it was killed while it copied the tail, that is done once more, with the same
	 * result. */
	if (w->fd < 0 || fstat(w->fd, &st) || (st.st_size > head && ftruncate(w->fd, head)) ||
	    (st.st_size && pread(w->fd, &last, 1, MIN(st.st_size, head) - 1) != 1)) {
		w->finished = true;
	} else {
		w->written = w->put = MIN(st.st_size, head);
		w->line_start = last == '\n';
		log_writer_finish(w, true);
	}
	log_writer_close(w, false);
}

void log_writer_close(struct log_writer *w, bool sync)
{
	if (!w)
		return;
	log_writer_finish(w, sync);
	tail_free(w->tail, true); /* only what could not be salvaged is left here */
	free(w->buf);
	free(w->records);
	free(w->last);
	free(w->path);
	free(w);
}
