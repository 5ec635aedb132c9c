/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request and its answer, whatever it travelled on. */
#include "client/client_internal.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static void random_key(char key[CLIENT_KEY_MAX + 1])
{
	unsigned char b[16];
	random_bytes(b, sizeof(b));
	for (size_t i = 0; i < sizeof(b); i++)
		(void)snprintf(key + 2 * i, 3, "%02x", (unsigned int)b[i]);
}

struct request *request_new(struct client *c, const char *method, const char *path,
                            const char *body)
{
	struct request *r = xcalloc(1, sizeof(*r));
	r->number = ++c->last_number ? c->last_number : ++c->last_number;
	r->method = xstrdup(method);
	r->path = xstrdup(path);
	r->body = body ? xstrdup(body) : NULL;
	r->to_fd = r->from_fd = -1;
	r->begun_us = clock_mono_us();
	r->deadline_us = r->begun_us + c->timeout_ms * 1000;
	if (str_eq(method, "POST"))
		random_key(r->key);
	return r;
}

void request_free(struct request *r)
{
	free(r->method);
	free(r->path);
	free(r->body);
	str_done(&r->bytes);
	sse_done(&r->sse);
	free(r);
}

static void stream_says(struct request *r, enum stream_state state, const struct err *err,
                        int64_t retry_in_ms)
{
	r->state = state;
	if (r->on_state && !r->dropped)
		r->on_state(r->ctx, state, err, retry_in_ms);
}

void request_head(struct request *r, int status, const char *content_type)
{
	r->status = status;
	r->head_seen = true;
	r->json_type = strncasecmp(content_type, "application/json", 16) == 0;
	if (!r->stream || status != 200)
		return;
	if (strncasecmp(content_type, "text/event-stream", 17)) {
		r->status = 0;
		return; /* its end is reported as a broken stream */
	}
	sse_restart(&r->sse);
	r->deadline_us = clock_mono_us() + (int64_t)CLIENT_STREAM_SILENCE_MS * 1000;
	stream_says(r, STREAM_LIVE, NULL, 0);
}

static void one_event(void *ctx, const struct stream_event *e)
{
	struct request *r = ctx;
	r->failures = 0;
	if (!r->dropped)
		r->on_event(r->ctx, e);
}

bool request_body(struct request *r, const char *p, size_t n)
{
	if (r->dropped)
		return false;
	if (r->stream && r->status == 200) {
		r->deadline_us = clock_mono_us() + (int64_t)CLIENT_STREAM_SILENCE_MS * 1000;
		if (sse_feed(&r->sse, p, n, one_event, r))
			return !r->dropped;
		err_note(&r->end, ERR_TOO_LARGE, _("an event of the engine is larger than %d MiB"),
		         SSE_EVENT_MAX / MIB);
		return false;
	}
	if (r->to_fd >= 0 && r->status == 200) {
		r->deadline_us = clock_mono_us() + CLIENT_FILE_SILENCE_US;
		r->taken += n;
		if (fs_write_all(r->to_fd, p, n))
			return true;
		err_note_errno(&r->end, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot write the file"));
		return false;
	}
	if (r->bytes.len + n > CLIENT_BODY_MAX) {
		err_note(&r->end, ERR_TOO_LARGE,
		         _("the answer of the engine is larger than %zu MiB"),
		         CLIENT_BODY_MAX / MIB);
		return false;
	}
	str_add_len(&r->bytes, p, n);
	return true;
}

size_t request_read(struct request *r, char *p, size_t max)
{
	ssize_t n = 0;
	if (r->from_left)
		do
			n = read(r->from_fd, p, (size_t)MIN(r->from_left, (uint64_t)max));
		while (n < 0 && errno == EINTR);
	if (n < 0 || (n == 0 && r->from_left)) {
		err_note_errno(&r->end, ERR_IO, _("cannot read the file"));
		return 0;
	}
	r->from_left -= (uint64_t)n;
	r->deadline_us = clock_mono_us() + CLIENT_FILE_SILENCE_US;
	return (size_t)n;
}

void request_end(struct request *r, enum err_code code, const struct err *err)
{
	if (r->finished)
		return;
	r->finished = true;
	r->conn = NULL;
	if (code && !r->end.code) {
		r->end = *err;
		r->end.code = code;
	}
}

/* What a status means when no body says it. */
static enum err_code code_of_status(int status)
{
	switch (status) {
	case 400:
		return ERR_USAGE;
	case 422:
		return ERR_INVALID;
	case 404:
		return ERR_NOT_FOUND;
	case 409:
		return ERR_CONFLICT;
	case 401:
		return ERR_UNAUTHORIZED;
	case 403:
		return ERR_FORBIDDEN;
	case 408:
	case 504:
		return ERR_TIMEOUT;
	case 413:
	case 431:
		return ERR_TOO_LARGE;
	case 429:
		return ERR_RATE_LIMITED;
	case 502:
	case 503:
		return ERR_UNAVAILABLE;
	case 507:
		return ERR_STORAGE;
	case 426:
		return ERR_VERSION;
	case 405:
	case 501:
		return ERR_UNSUPPORTED;
	default:
		return ERR_INTERNAL;
	}
}

/* An error answer becomes `end`. */
static void read_error(struct request *r, const struct json *body)
{
	enum err_code code = code_of_status(r->status);
	const char *name = json_get_str(body, "code", NULL);
	const char *message = json_get_str(body, "message", NULL);
	if (name && (err_from_name(name) != ERR_INTERNAL || str_eq(name, "internal")))
		code = err_from_name(name);
	if (code == ERR_OK)
		code = ERR_INTERNAL;
	if (message)
		err_note(&r->end, code, "%s", message);
	else
		err_note(&r->end, code, _("the engine answered with status %d"), r->status);
	const char *hint = json_get_str(body, "hint", NULL);
	if (hint)
		err_hint(&r->end, "%s", hint);
}

/* 1, 2, 4, 8, 15, 15 … seconds. An answer that says "never" is not asked again. */
static void plan_stream(struct client *c, struct request *r)
{
	bool never = r->status >= 400 && r->status < 500 && r->status != 408 && r->status != 429;
	bool too_large = r->end.code == ERR_TOO_LARGE && !r->status;
	if (!r->end.code)
		err_note(&r->end, ERR_CANCELED, _("the engine at %s ended the stream"),
		         c->where);
	int64_t wait_ms = r->failures < 4 ? 1000 << r->failures : 15000;
	r->failures++;
	r->retry_us = never || too_large ? 0 : clock_mono_us() + wait_ms * 1000;
	struct err err = r->end;
	r->finished = r->head_seen = false;
	r->status = 0;
	r->end = (struct err){ .code = ERR_OK };
	str_clear(&r->bytes);
	stream_says(r, STREAM_DOWN, &err, r->retry_us ? wait_ms : -1);
}

void request_deliver(struct client *c, struct request *r)
{
	struct client_reply reply = {
		.status = r->status,
		.bytes = str_text(&r->bytes),
		.len = r->to_fd >= 0 && r->status == 200 ? (size_t)r->taken : r->bytes.len,
		.took_us = clock_mono_us() - r->begun_us,
	};
	if (!r->end.code && r->json_type && r->bytes.len && (!r->raw || r->status >= 400)) {
		struct err err;
		if (json_parse(r->bytes.p, r->bytes.len, CLIENT_BODY_MAX, &reply.body, &err))
			err_note(&r->end, ERR_INTERNAL, _("the engine's answer is not JSON: %s"),
			         err.message);
	}
	if (!r->end.code && (r->status < 200 || r->status >= 300))
		read_error(r, reply.body);
	if (r->stream) {
		json_free(reply.body);
		plan_stream(c, r);
		return;
	}
	reply.code = r->end.code;
	reply.err = r->end.code ? &r->end : NULL;
	if (r->fn && !r->dropped)
		r->fn(r->ctx, &reply);
	json_free(reply.body);
}
