/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BUFFER (64 * KIB)
#define BURSTS_MAX 65536 /* 1.5 MiB */

struct burst {
	int64_t from, wall_ms;
	int stream;
};

struct tail {
	char *path;
	int fd;
	int64_t keep;    /* size of the ring */
	int64_t seen;    /* bytes appended */
	int64_t flushed; /* of them in the ring */
	int64_t valid;   /* nothing before this can be read */
	char *buf;       /* [flushed, seen) */
	struct burst *bursts;
	size_t nbursts, bursts_cap;
};

struct tail *tail_new(const char *log_path, int64_t keep)
{
	struct tail *t = xcalloc(1, sizeof(*t));
	t->path = xasprintf("%s" TAIL_SUFFIX, log_path);
	t->fd = -1;
	t->keep = keep;
	return t;
}

void tail_free(struct tail *t)
{
	if (!t)
		return;
	if (t->fd >= 0) {
		(void)close(t->fd);
		(void)unlink(t->path); /* what is left over is not read by anybody */
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

/* Write bytes [at, at + len) of all that was appended to their place in the ring. */
static int put(struct tail *t, int64_t at, const char *bytes, size_t len)
{
	if (t->fd < 0)
		t->fd = open(t->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (t->fd < 0)
		return errno;
	while (len) {
		int64_t place = at % t->keep;
		ssize_t n = pwrite(t->fd, bytes, (size_t)MIN((int64_t)len, t->keep - place), place);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		bytes += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int flush(struct tail *t)
{
	int fault =
	    t->seen > t->flushed ? put(t, t->flushed, t->buf, (size_t)(t->seen - t->flushed)) : 0;
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
		fault = flush(t);
	if (len > BUFFER) {
		size_t skip = (int64_t)len > t->keep ? len - (size_t)t->keep : 0;
		int failed = put(t, t->seen + (int64_t)skip, bytes + skip, len - skip);
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
	int64_t place = from % t->keep;
	to = MIN(to, t->flushed);
	int64_t n = MIN(to - from, t->keep - place);
	for (;;) {
		ssize_t got = pread(t->fd, buf, MIN(size, (size_t)n), place);
		if (got < 0 && errno == EINTR)
			continue;
		return got > 0 ? (size_t)got : 0;
	}
}
