/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal/tail.h"

#include "journal/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define BUFFER (64 * KIB)
#define BURSTS_MAX 65536  /* 1.5 MiB */
#define PIECE (256 * KIB) /* written at most before the note is */

/* At the start of the file. Behind it the ring, which is larger than what is kept by one piece: so
 * what the note speaks of is whole even when the piece after it was written already. */
struct note {
	char magic[16];
	int64_t keep, head, flushed, valid, newlines;
	uint64_t sum;
};
static const char magic[16] = "pawl log tail 1\n";

struct burst {
	int64_t from, wall_ms;
	int stream;
};

struct tail {
	char *path;
	int fd;
	int64_t keep;     /* bytes kept; the ring has one piece more */
	int64_t head;     /* size of the text before it */
	int64_t newlines; /* among what is flushed */
	int64_t seen;     /* bytes appended */
	int64_t flushed;  /* of them in the ring */
	int64_t valid;    /* nothing before this can be read */
	char *buf;        /* [flushed, seen) */
	struct burst *bursts;
	size_t nbursts, bursts_cap;
};

struct tail *tail_new(const char *log_path, int64_t keep, int64_t head)
{
	struct tail *t = xcalloc(1, sizeof(*t));
	t->path = xasprintf("%s" TAIL_SUFFIX, log_path);
	t->fd = -1;
	t->keep = keep;
	t->head = head;
	return t;
}

void tail_free(struct tail *t, bool leave)
{
	if (!t)
		return;
	if (t->fd >= 0) {
		if (!leave)
			(void)unlink(t->path); /* if not, it is adopted, with the same result */
		(void)close(t->fd);
	}
	free(t->buf);
	free(t->bursts);
	free(t->path);
	free(t);
}

void tail_held(const struct tail *t, int64_t *ret_from, int64_t *ret_to)
{
	*ret_from = MAX(t->valid, t->seen - t->keep);
	*ret_to = t->seen;
}

/* Forget the bursts that are out of reach; when there are still too many, every second of them. */
static void thin_bursts(struct tail *t)
{
	int64_t from, to;
	tail_held(t, &from, &to);
	size_t n = 0;
	for (size_t i = 0; i < t->nbursts; i++)
		if (i + 1 == t->nbursts || t->bursts[i + 1].from > from)
			t->bursts[n++] = t->bursts[i];
	t->nbursts = n;
	if (n <= BURSTS_MAX / 2)
		return;
	for (size_t i = 0; i < n / 2; i++)
		t->bursts[i] = t->bursts[2 * i];
	t->nbursts = n / 2;
}

static void note_burst(struct tail *t, int stream, int64_t wall_ms)
{
	if (t->nbursts) {
		const struct burst *last = &t->bursts[t->nbursts - 1];
		if (last->stream == stream && last->wall_ms == wall_ms)
			return;
	}
	if (t->nbursts >= BURSTS_MAX)
		thin_bursts(t);
	GROW(t->bursts, t->nbursts, t->bursts_cap);
	t->bursts[t->nbursts++] =
	    (struct burst){ .from = t->seen, .wall_ms = wall_ms, .stream = stream };
}

static uint64_t note_sum(const struct note *note)
{
	uint64_t word[sizeof(*note) / 8 - 1], h = 1469598103934665603ULL; /* FNV-1a by words */
	memcpy(word, note, sizeof(word));
	for (size_t i = 0; i < COUNT(word); i++)
		h = (h ^ word[i]) * 1099511628211ULL;
	return h ^ (h >> 32);
}

static int write_all(int fd, const char *bytes, size_t len, int64_t place)
{
	while (len) {
		ssize_t n = pwrite(fd, bytes, len, place);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		bytes += n;
		place += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_note(const struct tail *t)
{
	struct note note = { .keep = t->keep,
		             .head = t->head,
		             .flushed = t->flushed,
		             .valid = t->valid,
		             .newlines = t->newlines };
	memcpy(note.magic, magic, sizeof(magic));
	note.sum = note_sum(&note);
	return write_all(t->fd, (const char *)&note, sizeof(note), 0);
}

static int open_ring(struct tail *t)
{
	t->fd = open(t->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (t->fd < 0)
		return errno;
	while (flock(t->fd, LOCK_EX) && errno == EINTR)
		;
	return 0;
}

/* Where byte `at` of all that was appended lies, and how many bytes lie behind it up to the ring's
 * end. */
static int64_t place_of(const struct tail *t, int64_t at, int64_t *ret_left)
{
	int64_t size = t->keep + PIECE, in_ring = at % size;
	*ret_left = size - in_ring;
	return (int64_t)sizeof(struct note) + in_ring;
}

/* Write bytes that belong behind what is flushed, piece by piece. */
static int put(struct tail *t, const char *bytes, size_t len)
{
	int fault = t->fd < 0 ? open_ring(t) : 0;
	for (size_t done = 0; !fault && done < len;) {
		int64_t left, place = place_of(t, t->flushed, &left);
		size_t n = MIN(len - done, (size_t)PIECE);
		n = MIN(n, (size_t)left);
		fault = write_all(t->fd, bytes + done, n, place);
		t->newlines += (int64_t)scan_newlines(bytes + done, n);
		t->flushed += (int64_t)n;
		done += n;
		if (!fault)
			fault = write_note(t);
	}
	return fault;
}

int tail_flush(struct tail *t)
{
	if (t->keep <= 0)
		return 0;
	int fault = t->seen > t->flushed ? put(t, t->buf, (size_t)(t->seen - t->flushed)) : 0;
	t->flushed = t->seen;
	if (fault)
		t->valid = t->seen; /* the ring now has a hole: start anew behind it */
	return fault;
}

int tail_write(struct tail *t, const char *bytes, size_t len, int stream, int64_t wall_ms)
{
	int fault = 0;
	if (t->keep <= 0) {
		t->seen += (int64_t)len;
		return 0;
	}
	note_burst(t, stream, wall_ms);
	if (!t->buf)
		t->buf = xmalloc(BUFFER);
	if (t->seen - t->flushed + (int64_t)len > BUFFER)
		fault = tail_flush(t);
	if (len > BUFFER) {
		int failed = put(t, bytes, len);
		t->seen += (int64_t)len;
		t->flushed = t->seen;
		if (failed)
			t->valid = t->seen;
		return failed ? failed : fault;
	}
	memcpy(t->buf + (t->seen - t->flushed), bytes, len);
	t->seen += (int64_t)len;
	return fault;
}

struct tail *tail_adopt(const char *log_path, int64_t *ret_head, int64_t *ret_newlines)
{
	auto_free char *path = xasprintf("%s" TAIL_SUFFIX, log_path);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	struct note note;
	/* The lock of a writer that was killed is gone with it. */
	if (flock(fd, LOCK_EX | LOCK_NB) ||
	    pread(fd, &note, sizeof(note), 0) != (ssize_t)sizeof(note) ||
	    memcmp(note.magic, magic, sizeof(magic)) != 0 || note.sum != note_sum(&note) ||
	    note.keep <= 0) {
		(void)close(fd);
		return NULL;
	}
	struct tail *t = tail_new(log_path, note.keep, note.head);
	t->fd = fd;
	t->seen = t->flushed = note.flushed;
	t->valid = note.valid;
	GROW(t->bursts, t->nbursts, t->bursts_cap);
	t->bursts[t->nbursts++] = (struct burst){ .stream = 1 };
	*ret_head = note.head;
	*ret_newlines = note.newlines;
	return t;
}

size_t tail_read(struct tail *t, int64_t from, char *buf, size_t size, int *ret_stream,
                 int64_t *ret_wall_ms)
{
	int64_t first, to;
	tail_held(t, &first, &to);
	if (from < first || from >= to)
		return 0;
	/* The last burst that begins at or before `from`; one begins at or before `first`. */
	size_t low = 0, high = t->nbursts;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (t->bursts[middle].from <= from)
			low = middle;
		else
			high = middle;
	}
	*ret_stream = t->bursts[low].stream;
	*ret_wall_ms = t->bursts[low].wall_ms;
	if (low + 1 < t->nbursts)
		to = MIN(to, t->bursts[low + 1].from);
	if (from >= t->flushed) {
		size_t n = MIN(size, (size_t)(to - from));
		memcpy(buf, t->buf + (from - t->flushed), n);
		return n;
	}
	int64_t n, place = place_of(t, from, &n);
	to = MIN(to, t->flushed);
	n = MIN(n, to - from);
	for (;;) {
		ssize_t got = pread(t->fd, buf, MIN(size, (size_t)n), place);
		if (got < 0 && errno == EINTR)
			continue;
		return got > 0 ? (size_t)got : 0;
	}
}
