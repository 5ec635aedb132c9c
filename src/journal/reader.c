/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader: opening, keeping up with a file that grows or is cut, and finding the line that is
 * asked for from the nearest checkpoint. */
#include "journal/reader.h"

#include "journal/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "[pawl: "
#define MARK_LEN (sizeof(MARK) - 1)

static enum err_code cannot_read(const struct log_reader *r, struct err *err)
{
	return err_sys(err, ERR_IO, _("cannot read the log %s"), r->path);
}

void reader_forget_text(struct log_reader *r)
{
	r->size = r->newlines = 0;
	r->ends_open = false;
	r->cut_line = r->cut_bytes = 0;
	r->ncheckpoints = 0;
	reader_add_checkpoint(r, 0);
	r->buf_len = 0;
	r->long_start = r->long_end = -1;
}

/* ---- keeping up ---- */

/* Count the lines of bytes [r->size, r->size + len) and look for the cut mark among them. */
static void count_block(struct log_reader *r, const char *bytes, size_t len,
                        const struct scan_text *mark)
{
	for (size_t at = 0; at < len; at += MARK_LEN) {
		size_t found = r->done ? SCAN_NONE : scan_find(mark, bytes + at, len - at);
		if (found == SCAN_NONE)
			break;
		at += found;
		if (at ? bytes[at - 1] == '\n' : !r->ends_open)
			reader_note_cut(r, r->size + (int64_t)at,
			                r->newlines + 1 + (int64_t)scan_newlines(bytes, at));
	}
	size_t at = 0;
	while (at < len) {
		size_t found, want = INDEX_STEP - (size_t)(r->newlines % INDEX_STEP);
		at += scan_lines(bytes + at, len - at, want, &found);
		r->newlines += (int64_t)found;
		if (found == want && r->newlines / INDEX_STEP == (int64_t)r->ncheckpoints)
			reader_add_checkpoint(r, r->size + (int64_t)at);
	}
	r->ends_open = bytes[len - 1] != '\n';
	r->size += (int64_t)len;
}

/* Read on to the end of the text as it is now. */
static enum err_code count_on(struct log_reader *r, int64_t end, struct err *err)
{
	if (r->size >= end)
		return ERR_OK;
	auto_free char *block = xmalloc(READ_BLOCK);
	struct scan_text mark;
	scan_text_init(&mark, MARK, MARK_LEN, false);
	while (r->size < end) {
		ssize_t n = reader_pread(r->fd, block,
		                         (size_t)MIN((int64_t)READ_BLOCK, end - r->size), r->size);
		if (n < 0)
			return cannot_read(r, err);
		if (n == 0)
			break; /* it was cut while it was read; the next refresh sees that */
		/* A mark that lies across two blocks is seen whole in the second. */
		if (r->size + n < end) {
			const char *newline = memrchr(block, '\n', (size_t)n);
			if (newline && block + n - newline < CUT_MARK_MAX)
				n = newline + 1 - block;
		}
		count_block(r, block, (size_t)n, &mark);
	}
	return ERR_OK;
}

static enum err_code open_text(const char *path, int *ret_fd, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
		               _("cannot read the log %s"), path);
	struct stat st;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return err_set(err, ERR_IO, _("cannot read the log %s: it is not a file"), path);
	}
	*ret_fd = fd;
	return ERR_OK;
}

enum err_code log_refresh(struct log_reader *r, struct err *err)
{
	struct stat st;
	if (fstat(r->fd, &st))
		return cannot_read(r, err);
	int fd;
	if (st.st_nlink == 0 && open_text(r->path, &fd, NULL) == ERR_OK) {
		(void)close(r->fd); /* another file has its name now */
		r->fd = fd;
		reader_drop_index(r);
		reader_forget_text(r);
	}
	reader_load_index(r);
	if (fstat(r->fd, &st))
		return cannot_read(r, err);
	if (st.st_size < r->size || (r->done && st.st_size != r->last.offset)) {
		/* It was cut, or written to after its end: the index may still fit what is left. */
		reader_drop_index(r);
		reader_forget_text(r);
		reader_load_index(r);
	}
	if (r->last.offset > r->size) {
		r->size = r->last.offset;
		r->newlines = r->last.line - 1;
		r->ends_open = !r->last.line_start;
	}
	return count_on(r, st.st_size, err);
}

enum err_code log_open(const char *path, struct log_reader **ret, struct err *err)
{
	int fd;
	log_salvage(path);
	enum err_code code = open_text(path, &fd, err);
	if (code)
		return code;
	struct log_reader *r = xcalloc(1, sizeof(*r));
	r->path = xstrdup(path);
	r->fd = fd;
	r->index_fd = -1;
	reader_forget_text(r);
	code = log_refresh(r, err);
	if (code) {
		log_close(r);
		return code;
	}
	*ret = r;
	return ERR_OK;
}

void log_close(struct log_reader *r)
{
	if (!r)
		return;
	if (r->index_fd >= 0)
		(void)close(r->index_fd);
	(void)close(r->fd);
	free(r->checkpoints);
	free(r->buf);
	free(r->path);
	free(r);
}

int64_t reader_lines(const struct log_reader *r)
{
	return r->newlines + r->ends_open;
}

void log_info(const struct log_reader *r, struct log_info *ret)
{
	*ret = (struct log_info){
		.bytes = r->size,
		.lines = reader_lines(r),
		.cut_line = r->cut_line,
		.cut_bytes = r->cut_bytes,
		.timed = r->nrecords > 0,
		.done = r->done,
	};
}

/* ---- bytes and lines ---- */

enum err_code reader_peek(struct log_reader *r, int64_t offset, size_t want, const char **ret,
                          size_t *ret_len, struct err *err)
{
	int64_t left = MAX(r->size - offset, 0);
	want = (size_t)MIN((int64_t)want, left);
	if (offset < r->buf_at || offset + (int64_t)want > r->buf_at + (int64_t)r->buf_len) {
		size_t cap = MAX(want, (size_t)READ_BLOCK);
		if (cap > r->buf_cap) {
			free(r->buf);
			r->buf = xmalloc(cap);
			r->buf_cap = cap;
		}
		ssize_t n =
		    reader_pread(r->fd, r->buf, (size_t)MIN((int64_t)r->buf_cap, left), offset);
		if (n < 0) {
			r->buf_len = 0;
			return cannot_read(r, err);
		}
		r->buf_at = offset;
		r->buf_len = (size_t)n;
	}
	*ret = r->buf ? r->buf + (offset - r->buf_at) : "";
	*ret_len = (size_t)MAX(MIN(r->buf_at + (int64_t)r->buf_len - offset, left), 0);
	return ERR_OK;
}

enum err_code reader_find_line(struct log_reader *r, int64_t number, int64_t *ret_offset,
                               struct err *err)
{
	int64_t skip = (number - 1) % INDEX_STEP,
		offset = r->checkpoints[(number - 1) / INDEX_STEP];
	while (skip > 0) {
		const char *bytes;
		size_t len, found;
		enum err_code code = reader_peek(r, offset, 1, &bytes, &len, err);
		if (code)
			return code;
		if (len == 0)
			break;
		offset += (int64_t)scan_lines(bytes, len, (size_t)skip, &found);
		skip -= (int64_t)found;
	}
	*ret_offset = offset;
	return ERR_OK;
}

enum err_code reader_line_at(struct log_reader *r, int64_t offset, int64_t *ret_number,
                             struct err *err)
{
	size_t low = 0, high = r->ncheckpoints;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (r->checkpoints[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	int64_t at = r->checkpoints[low], number = 1 + (int64_t)low * INDEX_STEP;
	while (at < offset) {
		const char *bytes;
		size_t len;
		enum err_code code = reader_peek(r, at, 1, &bytes, &len, err);
		if (code)
			return code;
		if (len == 0)
			break;
		len = (size_t)MIN((int64_t)len, offset - at);
		number += (int64_t)scan_newlines(bytes, len);
		at += (int64_t)len;
	}
	*ret_number = number;
	return ERR_OK;
}

int64_t log_line_at_offset(struct log_reader *r, int64_t offset)
{
	int64_t number, lines = reader_lines(r);
	if (offset >= r->size)
		return lines;
	if (reader_line_at(r, MAX(offset, 0), &number, NULL))
		return lines;
	return MIN(number, lines);
}

/* ---- times ---- */

/* The last record at or before `offset`: a binary search in the index itself. */
static bool record_at(struct log_reader *r, int64_t offset, struct index_record *ret)
{
	int64_t low = 0, high = r->nrecords;
	/* The page that was used last has it when lines are read one after another. */
	if (r->npage && r->page[0].offset <= offset && r->page[r->npage - 1].offset > offset) {
		low = r->page_at;
		high = MIN(r->page_at + (int64_t)r->npage, r->nrecords);
	}
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;
		struct index_record record;
		if (!reader_record(r, middle, &record))
			return false;
		if (record.offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return reader_record(r, low, ret) && ret->offset <= offset;
}

void reader_stamp(struct log_reader *r, struct log_line *line)
{
	struct index_record record;
	/* Of bytes that the index does not know yet, or lost, neither is known. */
	bool known = line->offset < r->last.offset && record_at(r, line->offset, &record);
	line->wall_ms = known ? record.wall_ms : 0;
	line->stream = known ? (enum log_stream)record.stream : LOG_OUT;
}

int64_t log_line_at_time(struct log_reader *r, int64_t wall_ms)
{
	int64_t low = 0, high = r->nrecords, lines = reader_lines(r);
	struct index_record record;
	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		if (!reader_record(r, middle, &record))
			return lines + 1;
		if (record.wall_ms < wall_ms)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == r->nrecords || !reader_record(r, low, &record))
		return lines + 1;
	return MIN(record.line + !record.line_start, lines + 1);
}
