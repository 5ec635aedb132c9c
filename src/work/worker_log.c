/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the pipes through the redactor into the log. The worker keeps the write ends of both pipes: so no
 * hang-up wakes it while the step ends, and the one that tells the end is the end of the process. That
 * nobody is left who could still write is known from wait(). */
#include "work/worker.h"

#include "base/clock.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PIPE_FIRST (64 * KIB)   /* what the kernel gives */
#define PIPE_LARGE MIB          /* once a step has filled the first */
#define READ_MAX (256 * KIB)
#define SYNC_LATER_MAX MIB      /* larger logs are on the disk before the result is told */
#define SYNC_LATER_US (50 * MS)
#define WRITEBACK_EACH (8 * MIB)
#define DRAIN_MAX (4 * MIB)     /* what one pipe can hold at most, and some */
#define FLUSH_US (40 * MS)      /* followers see a line after this at the latest */

static bool pump_open(struct pump *p, enum log_stream stream)
{
	int ends[2];
	*p = (struct pump){ .fd = -1, .write_fd = -1, .stream = stream };
	if (pipe2(ends, O_CLOEXEC))
		return false;
	p->fd = ends[0];
	p->write_fd = ends[1];
	return true;
}

static void pump_close(struct pump *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	if (p->write_fd >= 0)
		(void)close(p->write_fd);
	redactor_free(TAKE(p->redactor));
	p->fd = p->write_fd = -1;
}

bool capture_open(struct capture *c, const struct step_spec *spec, struct redact_cache *cache)
{
	*c = (struct capture){ .spec = spec, .cache = cache, .flush_us = NEVER, .sync_fd = -1 };
	c->err = (struct pump){ .fd = -1, .write_fd = -1 };
	if (pump_open(&c->out, LOG_OUT) && pump_open(&c->err, LOG_ERR))
		return true;
	int saved = errno;
	pump_close(&c->out);
	pump_close(&c->err);
	errno = saved;
	return false;
}

/* The compiled patterns for the secrets of this step; steps of a run mostly have the same. */
static const struct redact_set *redact_patterns(struct redact_cache *cache, const char *const *secrets)
{
	auto_str key = STR_INIT;
	for (size_t i = 0; secrets && secrets[i]; i++)
		str_add_len(&key, secrets[i], strlen(secrets[i]) + 1);
	if (cache->set && cache->key.len == key.len && memcmp(str_text(&cache->key), str_text(&key), key.len) == 0)
		return cache->set;
	redact_set_free(cache->set);
	cache->set = redact_set_new(true);
	for (size_t i = 0; secrets && secrets[i]; i++)
		(void)redact_secret(cache->set, secrets[i], strlen(secrets[i]),
				    NULL); /* too short to mask: the loader has said so */
	redact_compile(cache->set);
	str_done(&cache->key);
	cache->key = key;
	key = (struct str)STR_INIT;
	return cache->set;
}

void capture_redact(struct capture *c, const char *text, size_t len, struct str *out)
{
	redact_text(redact_patterns(c->cache, c->spec->secrets), text, len, out);
}

static struct log_writer *capture_log(struct capture *c)
{
	if (c->log)
		return c->log;
	const char *path = c->spec->log_path, *slash = strrchr(path, '/');
	if (slash && slash != path) {
		auto_free char *folder = xstrndup(path, (size_t)(slash - path));
		if (!fs_exists(folder))
			(void)!fs_mkdirs(folder, 0700, NULL); /* if not, the writer counts what is lost */
	}
	struct log_options options = { c->spec->log_head, c->spec->log_tail };
	c->log = log_writer_new(path, &options);
	return c->log;
}

/* Have the disk begin with a large log while the step still writes: the sync at its end is short then. */
static void begin_writeback(struct capture *c)
{
	c->unsynced = 0;
	if (c->sync_fd < 0)
		c->sync_fd = open(c->spec->log_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (c->sync_fd >= 0)
		(void)sync_file_range(c->sync_fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static void to_log(struct capture *c, enum log_stream stream, const char *bytes, size_t len)
{
	log_write(capture_log(c), stream, bytes, len, clock_wall_ms());
	c->unsynced += len;
	if (c->unsynced >= WRITEBACK_EACH)
		begin_writeback(c);
	if (c->flush_us == NEVER)
		c->flush_us = clock_mono_us() + FLUSH_US;
}

static void take_bytes(struct capture *c, struct pump *p, const char *bytes, size_t len)
{
	static struct str clean; /* kept for its memory */
	if (!p->redactor)
		p->redactor = redactor_new(redact_patterns(c->cache, c->spec->secrets));
	str_clear(&clean);
	redact_feed(p->redactor, bytes, len, &clean);
	if (clean.len)
		to_log(c, p->stream, clean.p, clean.len);
	if (clean.cap > 2 * READ_MAX)
		str_done(&clean);
}

bool capture_pump(struct capture *c, struct pump *p)
{
	static char bytes[READ_MAX];
	ssize_t n = read(p->fd, bytes, sizeof(bytes));
	if (n <= 0)
		return false;
	if (n == PIPE_FIRST)
		(void)fcntl(p->fd, F_SETPIPE_SZ, PIPE_LARGE); /* beyond the user's quota it stays small */
	take_bytes(c, p, bytes, (size_t)n);
	return true;
}

/* What is held back could still become a secret, so a quiet time does not bring it out: only the end does. */
static void pump_end(struct capture *c, struct pump *p)
{
	if (!p->redactor)
		return;
	auto_str rest = STR_INIT;
	redact_flush(p->redactor, &rest);
	if (rest.len)
		to_log(c, p->stream, rest.p, rest.len);
	c->redacted += redact_count(p->redactor);
}

void capture_drain(struct capture *c)
{
	struct pump *pumps[] = { &c->out, &c->err };
	for (size_t have = 0; have < DRAIN_MAX;) {
		struct pollfd fds[] = { { .fd = c->out.fd, .events = POLLIN },
					{ .fd = c->err.fd, .events = POLLIN } };
		if (poll(fds, 2, 0) <= 0)
			return;
		for (size_t i = 0; i < 2; i++)
			if (fds[i].revents & POLLIN && capture_pump(c, pumps[i]))
				have += PIPE_FIRST;
	}
}

void capture_note(struct capture *c, const char *text)
{
	auto_str line = STR_INIT;
	str_addf(&line, "[pawl: %s]\n", text);
	to_log(c, LOG_NOTE, line.p, line.len);
}

void capture_flush(struct capture *c)
{
	if (c->log)
		log_flush(c->log);
	c->flush_us = NEVER;
}

/* The last whole lines of at most `max` bytes, as text. */
static char *last_lines(const struct log_writer *log, size_t max)
{
	size_t len;
	const char *p = log_writer_tail(log, &len);
	struct log_totals totals;
	log_totals(log, &totals);
	if (totals.seen_bytes > (int64_t)MIN(len, max)) {
		const char *end = p + len, *from = end - MIN(len, max);
		const char *newline = memchr(from, '\n', (size_t)(end - from) - 1);
		p = newline ? newline + 1 : from;
		len = (size_t)(end - p);
	}
	char *text = xmalloc(len + 1);
	for (size_t i = 0; i < len; i++)
		text[i] = p[i] ? p[i] : '?';
	text[len] = '\0';
	return text;
}

void capture_close(struct capture *c, struct step_result *r, size_t tail_max, char **ret_tail)
{
	pump_end(c, &c->out);
	pump_end(c, &c->err);
	pump_close(&c->out);
	pump_close(&c->err);
	r->redacted += c->redacted;
	if (c->sync_fd >= 0)
		(void)close(c->sync_fd);
	if (!c->log)
		return;
	if (tail_max)
		*ret_tail = last_lines(c->log, tail_max);
	struct log_totals totals;
	log_totals(c->log, &totals);
	bool large = totals.bytes > SYNC_LATER_MAX;
	log_writer_finish(c->log, large);
	log_totals(c->log, &totals);
	c->sync = totals.bytes > 0 && !large;
	r->log_bytes = totals.bytes;
	r->log_lines = totals.lines;
	r->log_dropped = totals.dropped_bytes;
	r->log_lost = totals.lost_bytes;
	log_writer_close(TAKE(c->log), false);
}

/* Several logs together: writing all of them is begun before the first is waited for, so that one commit of
 * the file system does for all. A fault of a log never fails a step. */
void sync_all(struct sync_list *list)
{
	int fds[SYNC_LIST_MAX];
	for (size_t i = 0; i < list->n; i++) {
		fds[i] = open(list->paths[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fds[i] >= 0)
			(void)sync_file_range(fds[i], 0, 0, SYNC_FILE_RANGE_WRITE);
	}
	for (size_t i = 0; i < list->n; i++) {
		if (fds[i] >= 0) {
			(void)fdatasync(fds[i]);
			(void)close(fds[i]);
		}
		free(list->paths[i]);
	}
	list->n = 0;
	list->due_us = NEVER;
}

void sync_later(struct sync_list *list, const char *path)
{
	if (list->n == SYNC_LIST_MAX)
		sync_all(list);
	if (list->n == 0)
		list->due_us = clock_mono_us() + SYNC_LATER_US;
	list->paths[list->n++] = xstrdup(path);
}
