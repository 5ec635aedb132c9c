/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The API client of the command line and the console. One loop, no thread: the owner polls the
 * descriptors that client_poll() names and calls client_turn(). The local engine is spoken to over
 * its unix socket with connections that are kept; a base URL (http, https) goes through libcurl,
 * which is loaded only then, so that a local command starts in a millisecond. */
#ifndef PAWL_CLIENT_CLIENT_H
#define PAWL_CLIENT_CLIENT_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#include <poll.h>

struct client;

struct client_options {
	const char *home;     /* folder of the engine; the socket is home/pawl.sock */
	const char *base_url; /* instead: "https://host:port"; NULL for the socket */
	const char *token;    /* for base_url */
	int64_t timeout_ms;   /* of one request; 0: 10 s */
};

enum err_code client_new(const struct client_options *o, struct client **ret,
                         struct err *err) MUST_CHECK;
void client_free(struct client *c);
/* Answers are for a program, and so in English, whatever this process speaks with people. */
void client_neutral(struct client *c);
/* What is spoken to, for messages: the path of the socket or the base URL. */
const char *client_where(const struct client *c);
/* Connect now instead of with the first request; the connection is kept for it. */
enum err_code client_connect(struct client *c, struct err *err) MUST_CHECK;

struct client_reply {
	int status; /* HTTP status; 0 when no answer came */
	struct json
	    *body; /* parsed JSON, NULL if none; owned by the client after the callback returns */
	const char *bytes; /* the body as it came */
	size_t len;
	enum err_code code;    /* ERR_OK, or what the engine (or the lack of one) said */
	const struct err *err; /* filled when code is not ERR_OK */
	int64_t took_us;
};
typedef void (*client_reply_fn)(void *ctx, const struct client_reply *r);

/* ---- one at a time: the command line ---- */

/* Ask and wait. `body` is JSON text or NULL; a change (POST) gets an Idempotency-Key by itself and
 * is sent again once if the connection broke before the answer. *ret_json (may be NULL) is yours.
 */
enum err_code client_call(struct client *c, const char *method, const char *path, const char *body,
                          struct json **ret_json, struct err *err) MUST_CHECK;
/* The Idempotency-Key of the next client_call() that is a POST, instead of a random one. */
void client_key(struct client *c, const char *key);
/* The one that the last client_call() had; "" for one that changes nothing. Borrowed until the next call. */
const char *client_last_key(const struct client *c);
/* The body of the last client_call() or client_fetch() that was answered with an error:
 * {"code","message", "details",…}; NULL if it was none. Valid until the next call. */
const struct json *client_error_body(const struct client *c);
/* As client_call(), but the bytes as they came, appended to `out`. */
enum err_code client_fetch(struct client *c, const char *path, struct str *out,
                           struct err *err) MUST_CHECK;
/* As client_fetch(), bytes from…from+len-1 of the whole (Range); *ret_more tells whether something
 * follows. */
enum err_code client_fetch_range(struct client *c, const char *path, uint64_t from, uint64_t len,
                                 struct str *out, bool *ret_more, struct err *err) MUST_CHECK;

/* The body of a good answer goes into a file; an answer that takes minutes is waited for. */
enum err_code client_download(struct client *c, const char *path, int fd, uint64_t *ret_len,
                              struct err *err) MUST_CHECK;
/* POST `len` bytes of a file, from where it stands; sent once only. *ret_json (may be NULL) is yours. */
enum err_code client_upload(struct client *c, const char *path, int fd, uint64_t len,
                            struct json **ret_json, struct err *err) MUST_CHECK;

/* ---- many at once: the console, following ---- */

/* Send and go on; `fn` is called from client_turn(). Returns a number for client_drop(). */
unsigned int client_send(struct client *c, const char *method, const char *path, const char *body,
                         client_reply_fn fn, void *ctx);
void client_drop(struct client *c, unsigned int request); /* its callback will not be called */

/* An event stream (SSE) that reconnects by itself (1, 2, 4 … 15 s) and resumes after the last id.
 */
enum stream_state { STREAM_CONNECTING, STREAM_LIVE, STREAM_DOWN };
struct stream_event {
	const char *type; /* "run.paused", "lines", "lost" … */
	const char *id;   /* "" if none */
	const char *data; /* JSON text */
	size_t len;
};
typedef void (*client_event_fn)(void *ctx, const struct stream_event *e);
/* For STREAM_DOWN `err` says why: ERR_CANCELED when the engine took its leave, ERR_UNAVAILABLE when it did not;
 * retry_in_ms is -1 when there will be no further try. */
typedef void (*client_stream_fn)(void *ctx, enum stream_state state, const struct err *err,
                                 int64_t retry_in_ms);
unsigned int client_stream(struct client *c, const char *path, client_event_fn on_event,
                           client_stream_fn on_state, void *ctx);
void client_stream_retry(struct client *c, unsigned int stream); /* now */

/* Descriptors to poll, at most `max`; *ret_timeout_ms is when to come back at the latest (-1:
 * never). */
size_t client_poll(struct client *c, struct pollfd *fds, size_t max, int *ret_timeout_ms);
/* Do what is ready; never blocks. */
void client_turn(struct client *c, const struct pollfd *fds, size_t n);

/* Percent-encode a path part or query value. */
void client_add_encoded(struct str *s, const char *text);

/* ---- the engine's process ---- */

/* Start pawld for `home` unless one answers; waits until it does. `pawld` is $PAWL_ENGINE, or
 * looked for beside this program, then in the installation. `settings` are "name=value",
 * NULL-terminated, or NULL. Returns with a client that is connected. */
enum err_code engine_ensure(const char *home, const char *const *settings, struct client **ret,
                            struct err *err) MUST_CHECK;

#endif
