/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections to the engine's unix socket: kept after an answer, one request at a time on each. */
#include "client/client_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define BUSY_RETRY_US 20000 /* the engine's backlog is full, and that cannot be polled for */

struct conn {
	struct conn *next;
	int fd;
	struct request *r; /* borrowed; NULL: free */
	struct str out;
	size_t sent;
	struct http http;
	bool used;  /* it carried an answer before: the engine may just be closing it */
	bool heard; /* a byte of the present answer came */
};

static int dial_address(const struct sockaddr_un *to, int64_t wait_ms)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (wait_ms ? 0 : SOCK_NONBLOCK), 0);
	if (fd < 0)
		return -1;
	struct timeval tv = { .tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000 };
	if ((wait_ms && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv))) ||
	    connect(fd, (const struct sockaddr *)to, sizeof(*to)) ||
	    (wait_ms && fcntl(fd, F_SETFL, O_NONBLOCK))) {
		int saved = errno;
		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int conn_dial(const char *socket_path, const char *home, int64_t wait_ms)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (strlen(socket_path) < sizeof(to.sun_path)) {
		memcpy(to.sun_path, socket_path, strlen(socket_path) + 1);
		return dial_address(&to, wait_ms);
	}
	/* Longer than an address may be: name the folder by a descriptor. */
	int dir = open(home, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -1;
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/pawl.sock", dir);
	int fd = dial_address(&to, wait_ms);
	int saved = errno;
	(void)close(dir);
	errno = saved;
	return fd;
}

static void no_engine(const struct client *c, struct err *err)
{
	if (errno == ENOENT || errno == ECONNREFUSED) {
		err_note(err, ERR_UNAVAILABLE, _("no engine answers at %s"), c->socket);
		err_hint(err, _("start it with: pawl engine start"));
	} else if (errno == EAGAIN || errno == EINPROGRESS) {
		err_note(err, ERR_TIMEOUT, _("the engine at %s takes no connection"), c->socket);
	} else {
		err_note_errno(err,
		               errno == EACCES || errno == EPERM ? ERR_FORBIDDEN : ERR_UNAVAILABLE,
		               _("cannot speak to the engine at %s"), c->socket);
	}
}

static struct conn *open_one(struct client *c, struct err *err)
{
	int fd = conn_dial(c->socket, c->home, c->waiting ? c->timeout_ms : 0);
	if (fd < 0) {
		no_engine(c, err);
		return NULL;
	}
	struct conn *k = xcalloc(1, sizeof(*k));
	k->fd = fd;
	http_init(&k->http);
	k->next = c->conns;
	c->conns = k;
	return k;
}

enum err_code conn_open(struct client *c, struct err *err)
{
	struct err why = { .code = ERR_OK };
	bool before = c->waiting;
	c->waiting = true;
	struct conn *k = open_one(c, &why);
	c->waiting = before;
	if (k)
		return ERR_OK;
	if (err)
		*err = why;
	return why.code;
}

static void conn_close(struct client *c, struct conn *k)
{
	for (struct conn **p = &c->conns; *p; p = &(*p)->next) {
		if (*p != k)
			continue;
		*p = k->next;
		break;
	}
	(void)close(k->fd);
	str_done(&k->out);
	http_done(&k->http);
	free(k);
}

void conn_free_all(struct client *c)
{
	while (c->conns)
		conn_close(c, c->conns);
}

static void write_head(struct str *out, const struct client *c, const struct request *r)
{
	str_add(out, r->method);
	str_add_char(out, ' ');
	str_add(out, r->path);
	str_add(out, " HTTP/1.1\r\nHost: pawl\r\nAccept: ");
	str_add(out, r->stream ? "text/event-stream\r\n" : "*/*\r\n");
	if (c->languages)
		str_addf(out, "Accept-Language: %s\r\n", c->languages);
	if (r->key[0])
		str_addf(out, "Idempotency-Key: %s\r\n", r->key);
	if (r->range[0])
		str_addf(out, "Range: %s\r\n", r->range);
	if (r->stream && r->sse.last_id[0])
		str_addf(out, "Last-Event-ID: %s\r\n", r->sse.last_id);
	if (r->body)
		str_add(out, "Content-Type: application/json\r\n");
	if (r->from_fd >= 0)
		str_addf(out, "Content-Type: application/octet-stream\r\nContent-Length: %llu\r\n",
		         (unsigned long long)r->from_len);
	else if (r->body || str_eq(r->method, "POST"))
		str_addf(out, "Content-Length: %zu\r\n", r->body ? strlen(r->body) : 0);
	str_add(out, "\r\n");
	if (r->body)
		str_add(out, r->body);
}

/* The connection is of no use any more. A request that the engine cannot have answered is sent once
 * more: a GET changes nothing, and a POST carries the key by which the engine knows a repetition.
 */
static void broken(struct client *c, struct conn *k, enum err_code code, const struct err *err)
{
	struct request *r = k->r;
	bool stale = k->used && !k->heard;
	conn_close(c, k);
	if (!r)
		return;
	r->conn = NULL;
	bool again = !r->dropped && !r->stream && !r->head_seen && code == ERR_UNAVAILABLE && r->from_fd < 0;
	if (again && (stale || !r->sent_again)) {
		r->sent_again = r->sent_again || !stale;
		return; /* unstarted: the next turn gives it a new connection */
	}
	request_end(r, code, err);
}

static void lost(struct client *c, struct conn *k, const char *what)
{
	struct err err;
	err_note(&err, ERR_UNAVAILABLE, _("the connection to the engine at %s broke: %s"),
	         c->socket, what);
	broken(c, k, err.code, &err);
}

/* The next piece of a file that is sent. */
static void read_file(struct conn *k)
{
	if (k->sent < k->out.len || !k->r || !k->r->from_left || k->r->end.code)
		return;
	str_clear(&k->out);
	str_reserve(&k->out, CLIENT_BUFFER);
	k->sent = 0;
	k->out.len = request_read(k->r, k->out.p, CLIENT_BUFFER);
}

/* Returns false when the connection is gone. */
static bool write_more(struct client *c, struct conn *k)
{
	for (read_file(k); k->sent < k->out.len; read_file(k)) {
		ssize_t n = send(k->fd, k->out.p + k->sent, k->out.len - k->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0 && errno == EPIPE && (k->sent || k->r->from_fd >= 0)) {
			k->r->from_left = 0;
			return true; /* an early answer may lie there to be read */
		}
		if (n < 0) {
			lost(c, k, strerror(errno));
			return false;
		}
		k->sent += (size_t)n;
	}
	if (k->r && k->r->from_fd >= 0 && k->r->end.code) { /* the file cannot be read to its end */
		struct err err = k->r->end;
		broken(c, k, err.code, &err);
		return false;
	}
	return true;
}

bool conn_start(struct client *c, struct request *r)
{
	struct conn *k;
	size_t busy = 0;
	for (k = c->conns; k && k->r; k = k->next)
		busy += !k->r->stream;
	if (!k && !r->stream && busy >= CLIENT_CONNS_MAX)
		return false;
	struct err err;
	if (!k && !(k = open_one(c, &err))) {
		if (err.code == ERR_TIMEOUT && !c->waiting)
			r->retry_us = clock_mono_us() + BUSY_RETRY_US;
		else
			request_end(r, err.code, &err);
		return false;
	}
	k->r = r;
	r->conn = k;
	k->heard = false;
	k->sent = 0;
	str_clear(&k->out);
	write_head(&k->out, c, r);
	(void)write_more(c, k); /* a broken one has been dealt with */
	return true;
}

void conn_drop(struct client *c, struct request *r)
{
	if (!r->conn)
		return;
	r->conn->r = NULL;
	conn_close(c, r->conn);
	r->conn = NULL;
}

/* The answer is complete: keep the connection for the next request. */
static void answered(struct client *c, struct conn *k)
{
	struct request *r = k->r;
	bool keep = k->http.keep_alive && k->sent == k->out.len && !r->from_left;
	k->r = NULL;
	k->used = true;
	http_done(&k->http);
	http_init(&k->http);
	if (!keep)
		conn_close(c, k);
	request_end(r, ERR_OK, NULL);
}

/* Returns false when the connection is gone or free. */
static bool take_bytes(struct client *c, struct conn *k, const char *p, size_t n)
{
	for (size_t at = 0;;) {
		size_t used, len;
		const char *piece;
		struct err err = { .code = ERR_OK };
		enum http_result got =
		    http_feed(&k->http, p + at, n - at, &used, &piece, &len, &err);
		at += used;
		if (k->http.head_done && !k->r->head_seen)
			request_head(k->r, k->http.status, k->http.content_type);
		if (got == HTTP_BAD) {
			broken(c, k, ERR_INTERNAL, &err);
			return false;
		}
		if (got == HTTP_BODY && !request_body(k->r, piece, len)) {
			broken(c, k, k->r->end.code, &k->r->end);
			return false;
		}
		if (k->http.state == HTTP_COMPLETE) {
			if (at < n)
				k->http.keep_alive = false; /* more than was asked for */
			answered(c, k);
			return false;
		}
		if (got == HTTP_MORE)
			return true;
	}
}

static void read_more(struct client *c, struct conn *k)
{
	for (;;) {
		ssize_t n = recv(k->fd, c->buffer, CLIENT_BUFFER, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (!k->r) { /* a free one: closed by the engine, or noise */
			conn_close(c, k);
			return;
		}
		if (n < 0) {
			lost(c, k, strerror(errno));
			return;
		}
		if (n == 0 && k->heard && http_eof(&k->http)) {
			answered(c, k);
			return;
		}
		if (n == 0) {
			engine_reap();
			lost(c, k, _("it was closed"));
			return;
		}
		k->heard = true;
		if (!take_bytes(c, k, c->buffer, (size_t)n) || (size_t)n < CLIENT_BUFFER)
			return;
	}
}

size_t conn_poll(const struct client *c, struct pollfd *fds, size_t max)
{
	size_t n = 0;
	for (const struct conn *k = c->conns; k && n < max; k = k->next, n++) {
		short events = POLLIN;
		if (k->r && k->sent < k->out.len)
			events |= POLLOUT;
		fds[n] = (struct pollfd){ .fd = k->fd, .events = events };
	}
	return n;
}

void conn_turn(struct client *c, const struct pollfd *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!fds[i].revents)
			continue;
		struct conn *k = c->conns;
		while (k && k->fd != fds[i].fd)
			k = k->next;
		if (!k)
			continue;
		if ((fds[i].revents & POLLOUT) && k->r && !write_more(c, k))
			continue;
		if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
			read_more(c, k);
	}
}
