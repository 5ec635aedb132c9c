/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/standin.h"

#include "base/fs.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PEERS 32
#define ASKED 256

struct peer {
	int fd;
	struct str in;
};

struct standin {
	int listener, wake[2];
	char *path;
	struct standin_row *rows;
	size_t nrows;
	struct peer peers[PEERS];
	size_t npeers;
	pthread_t thread;
	pthread_mutex_t lock; /* over what follows */
	char *asked[ASKED];
	size_t nasked, nconnections;
};

static void send_all(int fd, const char *p, size_t n, size_t piece)
{
	while (n) {
		size_t len = piece && piece < n ? piece : n;
		ssize_t sent = send(fd, p, len, MSG_NOSIGNAL);
		if (sent <= 0)
			return; /* the client went away: its matter */
		p += sent;
		n -= (size_t)sent;
	}
}

static const struct standin_row *find(struct standin *s, const char *request)
{
	for (size_t i = 0; i < s->nrows; i++) {
		struct standin_row *row = &s->rows[i];
		if (row->uses < 0 || !str_starts(request, row->request))
			continue;
		if (row->uses && --row->uses == 0)
			row->uses = -1;
		return row;
	}
	return NULL;
}

/* Returns false when the connection is to be closed. */
static bool answer(struct standin *s, int fd, char *request)
{
	(void)pthread_mutex_lock(&s->lock);
	const struct standin_row *row = find(s, request);
	if (s->nasked < ASKED)
		s->asked[s->nasked++] = TAKE(request);
	(void)pthread_mutex_unlock(&s->lock);
	free(request);
	if (row && !row->reply)
		return false;
	auto_str out = STR_INIT;
	const char *body =
	    row ? row->reply : "404 {\"code\":\"not_found\",\"message\":\"no such row\"}";
	if (str_starts(body, "HTTP/")) {
		str_add(&out, body);
	} else {
		bool status = body[0] >= '1' && body[0] <= '9';
		const char *json = status ? body + 4 : body;
		str_addf(&out,
		         "HTTP/1.1 %.3s -\r\nContent-Type: application/json\r\nContent-Length: "
		         "%zu\r\n\r\n%s",
		         status ? body : "200", strlen(json), json);
	}
	send_all(fd, out.p, out.len, row ? row->piece : 0);
	return !row || !row->close;
}

/* The length of the first whole request in `in`, 0 if there is none yet. */
static size_t whole(const struct str *in)
{
	const char *end = in->len ? strstr(in->p, "\r\n\r\n") : NULL;
	if (!end)
		return 0;
	const char *length = strstr(in->p, "Content-Length: ");
	size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
	size_t all = (size_t)(end + 4 - in->p) + body;
	return all <= in->len ? all : 0;
}

static bool serve(struct standin *s, struct peer *p)
{
	char buffer[4096];
	ssize_t n = recv(p->fd, buffer, sizeof(buffer), 0);
	if (n <= 0)
		return false;
	str_add_len(&p->in, buffer, (size_t)n);
	for (size_t len; (len = whole(&p->in)) != 0;) {
		char *request = xstrndup(p->in.p, len);
		memmove(p->in.p, p->in.p + len, p->in.len - len + 1);
		p->in.len -= len;
		if (!answer(s, p->fd, request))
			return false;
	}
	return true;
}

static void leave(struct standin *s, size_t i)
{
	(void)close(s->peers[i].fd);
	str_done(&s->peers[i].in);
	s->peers[i] = s->peers[--s->npeers];
}

static void *loop(void *ctx)
{
	struct standin *s = ctx;
	for (;;) {
		struct pollfd fds[PEERS + 2] = { { s->wake[0], POLLIN, 0 },
			                         { s->listener, POLLIN, 0 } };
		for (size_t i = 0; i < s->npeers; i++)
			fds[i + 2] = (struct pollfd){ s->peers[i].fd, POLLIN, 0 };
		size_t n = s->npeers;
		if (poll(fds, n + 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[0].revents)
			return NULL;
		for (size_t i = n; i-- > 0;)
			if (fds[i + 2].revents && !serve(s, &s->peers[i]))
				leave(s, i);
		if (!fds[1].revents || s->npeers == PEERS)
			continue;
		int fd = accept(s->listener, NULL, NULL);
		if (fd < 0)
			continue;
		s->peers[s->npeers++] = (struct peer){ .fd = fd, .in = STR_INIT };
		(void)pthread_mutex_lock(&s->lock);
		s->nconnections++;
		(void)pthread_mutex_unlock(&s->lock);
	}
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

static struct standin *serve_on(int listener, const struct standin_row *rows, size_t n)
{
	struct standin *s = xcalloc(1, sizeof(*s));
	s->rows = xmemdup(rows, n * sizeof(*rows));
	s->nrows = n;
	s->listener = listener;
	must(listen(s->listener, 16) == 0 && pipe(s->wake) == 0 && pthread_mutex_init(&s->lock, NULL) == 0 &&
		     pthread_create(&s->thread, NULL, loop, s) == 0,
	     "the stand-in cannot start");
	return s;
}

struct standin *standin_start(const char *home, const struct standin_row *rows, size_t n)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char *path = xasprintf("%s/pawl.sock", home);
	must(strlen(path) < sizeof(to.sun_path), "the stand-in's path is too long");
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	(void)unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "the stand-in has no socket");
	struct standin *s = serve_on(fd, rows, n);
	s->path = path;
	return s;
}

struct standin *standin_start_tcp(const struct standin_row *rows, size_t n, int *ret_port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
		     getsockname(fd, (struct sockaddr *)&to, &len) == 0,
	     "the stand-in has no port");
	*ret_port = ntohs(to.sin_port);
	return serve_on(fd, rows, n);
}

void standin_stop(struct standin *s)
{
	must(write(s->wake[1], "", 1) == 1 && pthread_join(s->thread, NULL) == 0,
	     "the stand-in does not stop");
	while (s->npeers)
		leave(s, 0);
	(void)close(s->listener);
	(void)close(s->wake[0]);
	(void)close(s->wake[1]);
	if (s->path)
		(void)unlink(s->path);
	for (size_t i = 0; i < s->nasked; i++)
		free(s->asked[i]);
	free(s->path);
	free(s->rows);
	free(s);
}

size_t standin_requests(struct standin *s)
{
	(void)pthread_mutex_lock(&s->lock);
	size_t n = s->nasked;
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

size_t standin_connections(struct standin *s)
{
	(void)pthread_mutex_lock(&s->lock);
	size_t n = s->nconnections;
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

const char *standin_request(struct standin *s, size_t i)
{
	(void)pthread_mutex_lock(&s->lock);
	const char *text = i < s->nasked ? s->asked[i] : "";
	(void)pthread_mutex_unlock(&s->lock);
	return text;
}

char *standin_home(void)
{
	char *home = xstrdup("/tmp/pawl-test-XXXXXX");
	must(mkdtemp(home) != NULL, "no temporary folder");
	return home;
}

void standin_home_remove(char *home)
{
	must(fs_rmtree(home, NULL) == ERR_OK, "the temporary folder stays");
	free(home);
}
