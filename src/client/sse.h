/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading an event stream (HTML Living Standard, "Server-sent events", 9.2.6) from bytes that
 * arrive in any pieces. Pure: reconnecting is the client's matter. */
#ifndef PAWL_CLIENT_SSE_H
#define PAWL_CLIENT_SSE_H

#include "client/client.h"

#define SSE_EVENT_MAX (64 * MIB) /* data of one event */
#define SSE_NAME_MAX 127         /* bytes of an event's type and id */

struct sse {
	struct str line, data;
	char type[SSE_NAME_MAX + 1];
	char id[SSE_NAME_MAX + 1];      /* the last id that was seen … */
	char last_id[SSE_NAME_MAX + 1]; /* … and that of the last whole event: resume after it */
	bool has_data;
	bool after_cr;    /* an LF that comes now belongs to the CR before it */
	unsigned int bom; /* bytes of a byte order mark seen at the start; 4: past it */
};

void sse_done(struct sse *s); /* a zeroed struct is a new stream */
/* Begin a new connection: half an event is forgotten, the last id stays. */
void sse_restart(struct sse *s);
/* `fn` is called for each complete event. False when an event is beyond the limits. */
bool sse_feed(struct sse *s, const char *p, size_t n, client_event_fn fn, void *ctx) MUST_CHECK;

#endif
