/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this folder share: a request passes from client.c (the list, the loop) to a
 * transport (conn.c: the unix socket; web.c: libcurl), which hands the answer to request.c piece by
 * piece. */
#ifndef PAWL_CLIENT_INTERNAL_H
#define PAWL_CLIENT_INTERNAL_H

#include "client/client.h"
#include "client/http.h"
#include "client/sse.h"

#define CLIENT_BODY_MAX ((size_t)64 * MIB) /* of an answer */
#define CLIENT_CONNS_MAX 6                 /* requests at a time; streams have their own */
#define CLIENT_STREAM_SILENCE_MS 45000     /* the engine pings every 15 s */
#define CLIENT_KEY_MAX 128
#define CLIENT_FILE_SILENCE_US (INT64_C(600) * 1000000) /* while a file is made, sent or checked */

struct conn;
struct web;

struct request {
	struct request *next;
	unsigned int number;
	char *method, *path, *body;
	char key[CLIENT_KEY_MAX + 1]; /* "" for none */
	char range[64];               /* "" for none */
	bool raw;                     /* the body is not parsed */
	int to_fd;                    /* the body of a good answer goes there, -1: into `bytes` */
	uint64_t taken;               /* so much went there */
	int from_fd;                  /* what is sent comes from there, -1: from `body` */
	uint64_t from_len, from_left;
	bool dropped;                 /* its callback may not be called any more */
	bool finished;                /* `end` and the answer are there, the callback is due */
	bool sent_again;
	client_reply_fn fn;
	void *ctx;
	int64_t begun_us, deadline_us;
	int64_t retry_us; /* not started before; for a stream 0 is never */

	/* the answer */
	int status;
	bool head_seen, json_type;
	struct str bytes;
	struct err end;

	/* an event stream */
	bool stream;
	enum stream_state state;
	struct sse sse;
	client_event_fn on_event;
	client_stream_fn on_state;
	unsigned int failures; /* in a row */

	/* its transport while it is under way */
	struct conn *conn;
	void *easy;
};

struct client {
	char *home, *socket, *base_url, *token, *where;
	char *languages; /* of Accept-Language; NULL: English */
	int64_t timeout_ms;
	unsigned int last_number;
	struct request *requests, **tail;
	struct conn *conns;
	struct web *web;
	bool waiting; /* inside client_call(): a connect may block for a while */
	char next_key[CLIENT_KEY_MAX + 1], last_key[CLIENT_KEY_MAX + 1];
	struct json *error_body;
	char *buffer; /* for reading */
};
#define CLIENT_BUFFER (64 * KIB)

/* ---- request.c ---- */

struct request *request_new(struct client *c, const char *method, const char *path,
                            const char *body);
void request_free(struct request *r);
/* The transport's side. The head is there; a piece of the body (false: give up, `end` says why);
 * the end. */
void request_head(struct request *r, int status, const char *content_type);
bool request_body(struct request *r, const char *p, size_t n) MUST_CHECK;
void request_end(struct request *r, enum err_code code, const struct err *err);
/* The next bytes of a file that is sent; 0 at its end, or when it cannot be read (`end` says why). */
size_t request_read(struct request *r, char *p, size_t max);
/* Call back for a finished one: an answer is delivered; a stream plans its next connection. */
void request_deliver(struct client *c, struct request *r);

/* ---- conn.c ---- */

/* Put the request on a free or new connection. False when all are busy: it stays unstarted. True
 * says nothing about success: a connection that breaks at once may leave it unstarted, too. */
bool conn_start(struct client *c, struct request *r);
enum err_code conn_open(struct client *c, struct err *err) MUST_CHECK;
void conn_drop(struct client *c, struct request *r); /* close the connection it is on */
size_t conn_poll(const struct client *c, struct pollfd *fds, size_t max);
void conn_turn(struct client *c, const struct pollfd *fds, size_t n);
void conn_free_all(struct client *c);
/* Connect to the socket; a blocking connect waits at most `wait_ms` for a busy engine. -1 with
 * errno. */
int conn_dial(const char *socket_path, const char *home, int64_t wait_ms);

/* ---- web.c ---- */

void web_start(struct client *c, struct request *r);
void web_drop(struct client *c, struct request *r);
size_t web_poll(const struct client *c, struct pollfd *fds, size_t max, int64_t *ret_due_us);
void web_turn(struct client *c, const struct pollfd *fds, size_t n);
void web_free(struct client *c);

/* ---- ensure.c ---- */

/* Forget an engine of ours that ended, so that it leaves no zombie behind. */
void engine_reap(void);

#endif
