/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client/sse.h"

#include <string.h>

void sse_done(struct sse *s)
{
	str_done(&s->line);
	str_done(&s->data);
}

void sse_restart(struct sse *s)
{
	str_clear(&s->line);
	str_clear(&s->data);
	s->type[0] = '\0';
	memcpy(s->id, s->last_id, sizeof(s->id));
	s->has_data = s->after_cr = false;
	s->bom = 0;
}

static void dispatch(struct sse *s, client_event_fn fn, void *ctx)
{
	memcpy(s->last_id, s->id, sizeof(s->id));
	if (s->has_data) {
		struct stream_event e = {
			.type = s->type[0] ? s->type : "message",
			.id = s->id,
			.data = str_text(&s->data),
			.len = s->data.len,
		};
		fn(ctx, &e);
	}
	str_clear(&s->data);
	s->has_data = false;
	s->type[0] = '\0';
}

/* A name that is too long is cut: it is none of ours then, but does no harm. */
static void set_name(char *to, const char *value, size_t len)
{
	size_t n = MIN(len, (size_t)SSE_NAME_MAX);
	memcpy(to, value, n);
	to[n] = '\0';
}

static bool field(struct sse *s, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name = colon ? (size_t)(colon - line) : len;
	const char *value = colon ? colon + 1 : line + len;
	size_t n = len - (size_t)(value - line);
	if (n && *value == ' ') {
		value++;
		n--;
	}
	if (name == 4 && memcmp(line, "data", 4) == 0) {
		if (s->data.len + n + 1 > SSE_EVENT_MAX)
			return false;
		if (s->has_data)
			str_add_char(&s->data, '\n');
		str_add_len(&s->data, value, n);
		s->has_data = true;
	} else if (name == 5 && memcmp(line, "event", 5) == 0) {
		set_name(s->type, value, n);
	} else if (name == 2 && memcmp(line, "id", 2) == 0 && !memchr(value, '\0', n)) {
		set_name(s->id, value, n);
	}
	return true; /* comments, and fields that are not known, mean nothing */
}

static bool line_end(struct sse *s, client_event_fn fn, void *ctx)
{
	bool good = true;
	if (!s->line.len)
		dispatch(s, fn, ctx);
	else if (s->line.p[0] != ':')
		good = field(s, s->line.p, s->line.len);
	str_clear(&s->line);
	return good;
}

/* Drop the byte order mark that may stand at the start. */
static size_t skip_bom(struct sse *s, const char *p, size_t n)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t at = 0;
	while (s->bom < 3 && at < n) {
		if (p[at] != mark[s->bom]) {
			str_add_len(&s->line, mark, s->bom);
			s->bom = 4;
			return at;
		}
		s->bom++;
		at++;
	}
	if (s->bom == 3)
		s->bom = 4;
	return at;
}

bool sse_feed(struct sse *s, const char *p, size_t n, client_event_fn fn, void *ctx)
{
	size_t at = s->bom < 4 ? skip_bom(s, p, n) : 0;
	while (at < n) {
		if (s->after_cr) {
			s->after_cr = false;
			if (p[at] == '\n') {
				at++;
				continue;
			}
		}
		size_t end = at;
		while (end < n && p[end] != '\n' && p[end] != '\r')
			end++;
		if (s->line.len + (end - at) > SSE_EVENT_MAX)
			return false;
		str_add_len(&s->line, p + at, end - at);
		if (end == n)
			return true;
		s->after_cr = p[end] == '\r';
		if (!line_end(s, fn, ctx))
			return false;
		at = end + 1;
	}
	return true;
}
