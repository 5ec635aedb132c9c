/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading an HTTP/1.1 answer (RFC 9112) from bytes that arrive in any pieces. Pure: knows no
 * socket. */
#ifndef PAWL_CLIENT_HTTP_H
#define PAWL_CLIENT_HTTP_H

#include "base/err.h"
#include "base/str.h"

#define HTTP_HEAD_MAX (64 * KIB) /* status line and headers */

enum http_state {
	HTTP_STATUS,     /* in the status line */
	HTTP_HEADERS,    /* after it, up to the empty line */
	HTTP_LENGTH,     /* a body of `left` bytes */
	HTTP_TO_END,     /* a body that ends with the connection */
	HTTP_CHUNK_SIZE, /* the line before a chunk */
	HTTP_CHUNK,      /* `left` bytes of one */
	HTTP_CHUNK_END,  /* the line end after one */
	HTTP_TRAILERS,   /* after the last one */
	HTTP_COMPLETE,
};

struct http {
	enum http_state state;
	int status;
	bool head_done;  /* status and the fields below are known */
	bool keep_alive; /* the connection may be used again */
	bool chunked;
	int64_t length; /* -1: not said */
	char content_type[64];
	uint64_t left;
	size_t head_bytes;
	struct str line; /* a line that is not complete yet */
};

void http_init(struct http *h);
void http_done(struct http *h);

enum http_result {
	HTTP_MORE, /* all bytes are used, the answer goes on */
	HTTP_BODY, /* a piece of the body; call again with the rest */
	HTTP_END,  /* the answer is complete; what is not used belongs to nobody */
	HTTP_BAD,  /* not HTTP, or beyond a limit; err says what */
};

/* Take bytes of p[0..n); *ret_used of them are done with. For HTTP_BODY the piece is in *ret_body,
 * *ret_len and points into `p`. */
enum http_result http_feed(struct http *h, const char *p, size_t n, size_t *ret_used,
                           const char **ret_body, size_t *ret_len, struct err *err) MUST_CHECK;
/* The connection ended: whether the answer is complete with that. */
bool http_eof(struct http *h);

#endif
