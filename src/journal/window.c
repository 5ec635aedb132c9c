/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Windows of lines: what a screen or a page of the API shows. */
#include "journal/reader.h"

#include <string.h>

/* Where the line that begins at `start` ends: its newline, or the end of the text. `from` lies in
 * it. */
static enum err_code measure(struct log_reader *r, int64_t start, int64_t from, int64_t *ret_end,
                             struct err *err)
{
	if (r->long_start == start && r->long_end < r->size) {
		*ret_end = r->long_end;
		return ERR_OK;
	}
	auto_free char *block = xmalloc(READ_BLOCK);
	while (from < r->size) {
		size_t want = (size_t)MIN((int64_t)READ_BLOCK, r->size - from);
		ssize_t n = reader_pread(r->fd, block, want, from);
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read the log %s"), r->path);
		const char *newline = n ? memchr(block, '\n', (size_t)n) : NULL;
		if (newline) {
			r->long_start = start;
			r->long_end = *ret_end = from + (newline - block);
			return ERR_OK;
		}
		if (n == 0)
			break;
		from += n;
	}
	*ret_end = from;
	return ERR_OK;
}

/* The line that begins at line->offset; *ret_next is where the one behind it begins, -1 if the text
 * was cut ahead of it. */
static enum err_code read_line(struct log_reader *r, struct log_line *line, size_t line_max,
                               int64_t *ret_next, struct err *err)
{
	const char *bytes;
	size_t len;
	enum err_code code = reader_peek(r, line->offset, 1, &bytes, &len, err);
	if (code)
		return code;
	*ret_next = -1;
	if (len == 0)
		return ERR_OK;
	const char *newline = memchr(bytes, '\n', len);
	if (!newline && len < line_max) {
		code = reader_peek(r, line->offset, line_max + 1, &bytes, &len, err);
		if (code)
			return code;
		newline = len ? memchr(bytes, '\n', len) : NULL;
	}
	int64_t end = line->offset + (newline ? newline - bytes : (int64_t)len);
	if (!newline && end < r->size) {
		code = measure(r, line->offset, end, &end, err);
		if (code)
			return code;
	}
	line->text = bytes;
	line->full_len = (size_t)(end - line->offset);
	line->len = MIN(line->full_len, line_max);
	line->len = MIN(line->len, len);
	*ret_next = MIN(end + 1, r->size);
	return ERR_OK;
}

enum err_code log_window(struct log_reader *r, int64_t first, int64_t n, size_t line_max,
                         size_t max_bytes, bool (*fn)(void *ctx, const struct log_line *line),
                         void *ctx, struct err *err)
{
	int64_t lines = reader_lines(r);
	struct log_line line = { .number = MAX(first, 1) };
	if (n <= 0 || line.number > lines)
		return ERR_OK;
	int64_t end = line.number - 1 + MIN(n, lines - line.number + 1);
	line_max = MIN(line_max, (size_t)LINE_MAX_LIMIT);
	enum err_code code = reader_find_line(r, line.number, &line.offset, err);
	size_t given = 0;
	for (; !code && line.number <= end && line.offset < r->size; line.number++) {
		int64_t next;
		code = read_line(r, &line, line_max, &next, err);
		if (code || next < 0 || (given && given + line.len > max_bytes))
			break;
		reader_stamp(r, &line);
		if (!fn(ctx, &line))
			break;
		given += line.len + 1;
		line.offset = next;
	}
	return code;
}
