/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a reader takes from the index. Each record is checked by itself, against the one before, and
 * a sample of them against the text, so that a torn, short or foreign index costs time, never
 * truth. */
#include "journal/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAMPLES 16

ssize_t reader_pread(int fd, void *buf, size_t len, int64_t offset)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = pread(fd, (char *)buf + done, len - done, offset + (int64_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int64_t place_of(int64_t number)
{
	return (number + 1) * (int64_t)sizeof(struct index_record); /* behind the head */
}

bool reader_record(struct log_reader *r, int64_t number, struct index_record *ret)
{
	if (number < 0 || number >= r->nrecords)
		return false;
	if (number < r->page_at || number >= r->page_at + (int64_t)r->npage) {
		r->page_at = number / RECORD_PAGE * RECORD_PAGE;
		ssize_t n =
		    reader_pread(r->index_fd, r->page, sizeof(r->page), place_of(r->page_at));
		r->npage = n > 0 ? (size_t)n / sizeof(*r->page) : 0;
		if (number >= r->page_at + (int64_t)r->npage)
			return false; /* it was cut meanwhile */
	}
	*ret = r->page[number - r->page_at];
	return true;
}

void reader_add_checkpoint(struct log_reader *r, int64_t offset)
{
	GROW(r->checkpoints, r->ncheckpoints, r->checkpoints_cap);
	r->checkpoints[r->ncheckpoints++] = offset;
}

void reader_note_cut(struct log_reader *r, int64_t offset, int64_t line)
{
	char text[CUT_MARK_MAX];
	ssize_t n = reader_pread(r->fd, text, sizeof(text), offset);
	const char *newline = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;
	int64_t bytes;
	if (newline && cut_mark_parse(text, (size_t)(newline - text), &bytes)) {
		r->cut_line = line;
		r->cut_bytes = bytes;
	}
}

/* Whether a record says the truth about the byte before its offset. */
static bool fits(struct log_reader *r, const struct index_record *record)
{
	if (record->offset == 0)
		return record->line == 1 && record->line_start;
	char before;
	return reader_pread(r->fd, &before, 1, record->offset - 1) == 1 &&
	       (before == '\n') == record->line_start;
}

/* Whether `record` may follow the last one. `size` is that of the text. */
static bool follows(const struct log_reader *r, const struct index_record *record, int64_t size)
{
	const struct index_record *last = &r->last;
	if (!index_sound(record) || record->offset > size || r->done)
		return false;
	if (record->kind == INDEX_DONE && record->offset != size)
		return false;
	if (last->kind && (record->offset < last->offset || record->line < last->line))
		return false;
	if (record->kind != INDEX_CHECKPOINT)
		return record->line <= (int64_t)r->ncheckpoints * INDEX_STEP;
	int64_t k = (record->line - 1) / INDEX_STEP;
	if ((record->line - 1) % INDEX_STEP || k > (int64_t)r->ncheckpoints)
		return false;
	return k == (int64_t)r->ncheckpoints || r->checkpoints[k] == record->offset;
}

/* Returns whether another record may follow. */
static bool take(struct log_reader *r, const struct index_record *record)
{
	if (record->kind == INDEX_CHECKPOINT &&
	    (record->line - 1) / INDEX_STEP == (int64_t)r->ncheckpoints)
		reader_add_checkpoint(r, record->offset);
	if (record->kind == INDEX_CUT)
		reader_note_cut(r, record->offset, record->line);
	r->done = record->kind == INDEX_DONE;
	r->last = *record;
	if (record->kind == INDEX_DONE || record->kind == INDEX_END)
		return false; /* not one to look up: it will be overwritten */
	r->nrecords++;
	return true;
}

/* Open it, or open it anew when another file has its name now. */
static bool open_index(struct log_reader *r)
{
	struct stat st;
	if (r->index_fd >= 0 && (fstat(r->index_fd, &st) || st.st_nlink == 0))
		reader_drop_index(r);
	if (r->index_foreign)
		return false;
	if (r->index_fd < 0) {
		auto_free char *path = xasprintf("%s" INDEX_SUFFIX, r->path);
		r->index_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
		if (r->index_fd < 0)
			return false;
	}
	if (!r->index_checked) {
		char head[sizeof(struct index_record)], want[sizeof(struct index_record)];
		index_head(want);
		if (reader_pread(r->index_fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
			return false; /* not written yet */
		r->index_checked = true;
		r->index_foreign = memcmp(head, want, sizeof(head)) != 0;
	}
	return !r->index_foreign;
}

void reader_drop_index(struct log_reader *r)
{
	if (r->index_fd >= 0)
		(void)close(r->index_fd);
	r->index_fd = -1;
	r->nrecords = 0;
	r->npage = 0;
	r->index_checked = r->index_foreign = r->done = false;
	r->last = (struct index_record){ 0 };
}

/* A sample of the records from `first` on, and what came last. */
static bool sample_fits(struct log_reader *r, int64_t first)
{
	int64_t n = r->nrecords - first;
	if (r->last.kind && !fits(r, &r->last))
		return false;
	for (int i = 0; i < SAMPLES && n > 0; i++) {
		struct index_record record;
		if (!reader_record(r, first + n * i / SAMPLES, &record) || !fits(r, &record))
			return false;
	}
	return true;
}

/* What does not follow is not taken, but may be sound the next time: the writer was just at it. */
void reader_load_index(struct log_reader *r)
{
	if (!open_index(r))
		return;
	auto_free struct index_record *records = xmalloc(READ_BLOCK);
	int64_t first = r->nrecords, offset = r->last.offset;
	struct stat st;
	for (bool more = !r->done; more;) {
		/* The text is written first: what the index says now is true of its size then. */
		ssize_t n = reader_pread(r->index_fd, records, READ_BLOCK, place_of(r->nrecords));
		if (n < (ssize_t)sizeof(*records) || fstat(r->fd, &st))
			break;
		size_t count = (size_t)n / sizeof(*records);
		more = count == READ_BLOCK / sizeof(*records);
		for (size_t i = 0; i < count; i++) {
			if (!follows(r, &records[i], st.st_size) || !take(r, &records[i])) {
				more = false;
				break;
			}
		}
	}
	r->npage = 0;
	if ((r->nrecords == first && r->last.offset == offset) || sample_fits(r, first))
		return;
	reader_drop_index(
	    r); /* it belongs to another text, and what it said of the lines goes, too */
	r->index_checked = r->index_foreign = true;
	reader_forget_text(r);
}
