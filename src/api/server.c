/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server library in the loop: it works without threads, its epoll descriptor is one of the
 * loop's, and its timeouts are a timer of ours. */
#include "api/api_internal.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/hash.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX 512
#define CONNECTION_MEMORY \
	(32 * KIB)  /* of the library, a connection: request line and headers fit into half of it \
	             */
#define QUIET_S 300 /* a client that takes nothing of its answer is cut */
#define LEAVE_MS 2000 /* for answers that are under way when the engine leaves */
#define TURNS_MAX 32  /* in a row, then the rest of the loop has its turn */

static void close_p(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}
#define auto_fd CLEANUP(close_p) int

/* ---- the socket ---- */

static enum err_code socket_address(const char *path, struct sockaddr_un *ret, struct err *err)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path)) {
		err_note(err, ERR_USAGE, _("the path of the socket is longer than %zu bytes: %s"),
		         sizeof(ret->sun_path) - 1, path);
		err_hint(err, _("choose a home with a shorter path"));
		return ERR_USAGE;
	}
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return ERR_OK;
}

/* Make way for a new socket: what is there is removed if nobody answers at it. */
static enum err_code clear_path(const char *path, const struct sockaddr_un *address,
                                struct err *err)
{
	struct stat st;
	if (lstat(path, &st))
		return ERR_OK;
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_CONFLICT, _("%s is in the way: it is no socket"), path);
	auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, ERR_IO, _("cannot make a socket"));
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return err_set(err, ERR_CONFLICT, _("another program answers at %s"), path);
	if (unlink(path) && errno != ENOENT)
		return err_sys(err, ERR_IO, _("cannot remove the old socket %s"), path);
	return ERR_OK;
}

static enum err_code listen_at(const char *path, int *ret, struct err *err)
{
	struct sockaddr_un address;
	enum err_code code = socket_address(path, &address, err);
	if (!code)
		code = clear_path(path, &address, err);
	if (code)
		return code;
	auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, ERR_IO, _("cannot make a socket"));
	mode_t before = umask(0177);
	int e = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	(void)umask(before);
	if (e || listen(fd, SOMAXCONN))
		return err_sys(err, ERR_IO, _("cannot listen at %s"), path);
	*ret = fd;
	fd = -1;
	return ERR_OK;
}

/* ---- the turn ---- */

static void on_timer(uv_timer_t *timer)
{
	api_turn(timer->data);
}

/* The library does not come by itself to what was resumed outside of its turn (by a worker's
 * result, a timer): the next round of the loop takes it there. */
void api_wake(struct api *a)
{
	a->again = true;
	if (!a->turning && !a->closed)
		(void)uv_timer_start(&a->timer, on_timer, 0, 0);
}

static void arm(struct api *a)
{
	MHD_UNSIGNED_LONG_LONG ms;
	if (MHD_get_timeout(a->daemon, &ms) == MHD_YES)
		(void)uv_timer_start(&a->timer, on_timer, ms, 0);
	else
		(void)uv_timer_stop(&a->timer);
}

static void close_all(struct api *a);

void api_turn(struct api *a)
{
	if (a->turning || a->closed)
		return;
	a->turning = true;
	for (int i = 0; i < TURNS_MAX; i++) {
		a->again = false;
		(void)MHD_run(a->daemon); /* fails only when misused */
		engine_commit(a->engine);
		if (!a->again)
			break;
	}
	a->turning = false;
	arm(a);
	if (a->stop_wanted && !a->stopping) {
		host_stop(a->host, a->stop_kill);
		api_stop(a);
	} else if (a->stopping && !a->nrequests && !a->jobs) {
		close_all(a);
	}
}

void api_stop_soon(struct api *a, bool kill)
{
	a->stop_wanted = true;
	a->stop_kill = kill;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status; /* the library finds out by itself */
	(void)events;
	api_turn(poll->data);
}

/* ---- life ---- */

static void log_library(void *cls, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
static void log_library(void *cls, const char *fmt, va_list ap)
{
	(void)cls;
	char text[256];
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	diag(DIAG_DEBUG, "http: %s", text);
}

/* Nothing of the URL is decoded by the library: the raw line is parsed by target_parse(). */
static size_t leave_escaped(void *cls, struct MHD_Connection *mhd, char *s)
{
	(void)cls;
	(void)mhd;
	return strlen(s);
}

static enum err_code start_library(struct api *a, int fd, struct err *err)
{
	a->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
		MHD_USE_SUPPRESS_DATE_NO_CLOCK,
	    0, NULL, NULL, request_access, a, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_EXTERNAL_LOGGER, log_library, a, MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)QUIET_S, MHD_OPTION_SIGPIPE_HANDLED_BY_APP,
	    1, MHD_OPTION_URI_LOG_CALLBACK, request_line, a, MHD_OPTION_UNESCAPE_CALLBACK,
	    leave_escaped, a, MHD_OPTION_NOTIFY_CONNECTION, conn_notify, a,
	    MHD_OPTION_NOTIFY_COMPLETED, request_completed, a, MHD_OPTION_END);
	const union MHD_DaemonInfo *info =
	    a->daemon ? MHD_get_daemon_info(a->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		if (!a->daemon)
			(void)close(fd);
		return err_set(err, ERR_INTERNAL, _("the HTTP server does not start"));
	}
	int e = uv_poll_init(a->loop, &a->poll, info->epoll_fd);
	e = e ? e : uv_poll_start(&a->poll, UV_READABLE, on_poll);
	return e ? err_set(err, ERR_INTERNAL, _("the HTTP server does not start: %s"),
	                   uv_strerror(e))
	         : ERR_OK;
}

/* Asked once, at the start: what knows the names of users may be far away. */
static char *own_name(void)
{
	const struct passwd *user = getpwuid(geteuid());
	return user && user->pw_name && *user->pw_name ? xstrdup(user->pw_name) : xasprintf("uid %ld", (long)geteuid());
}

enum err_code api_new(uv_loop_t *loop, struct host *host, const struct config *config,
                      struct api **ret, struct err *err)
{
	struct api *a = xcalloc(1, sizeof(*a));
	a->loop = loop;
	a->host = host;
	a->engine = host_engine(host);
	a->store = host_store(host);
	a->config = config;
	a->socket_path = xasprintf("%s/pawl.sock", engine_home(a->engine));
	a->user = own_name();
	unsigned char id[4];
	random_bytes(id, sizeof(id));
	(void)snprintf(a->start_id, sizeof(a->start_id), "%02x%02x%02x%02x", id[0], id[1], id[2],
	               id[3]);
	int fd = -1;
	enum err_code code = listen_at(a->socket_path, &fd, err);
	if (!code)
		code = start_library(a, fd, err);
	if (code) {
		if (a->daemon)
			MHD_stop_daemon(a->daemon);
		free(a->socket_path);
		free(a->user);
		free(a);
		return code;
	}
	(void)uv_timer_init(loop, &a->timer); /* cannot fail */
	(void)uv_timer_init(loop, &a->deadline);
	a->poll.data = a->timer.data = a->deadline.data = a;
	a->events = events_new(a);
	a->follows = follows_new(a);
	host_on_published(host, events_published, a);
	a->files = iteration_files_new(a);
	arm(a);
	*ret = a;
	return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
	struct api *a = handle->data;
	a->closing--;
}

static void close_all(struct api *a)
{
	if (a->closed)
		return;
	a->closed = true;
	uv_handle_t *handles[] = { (uv_handle_t *)&a->poll, (uv_handle_t *)&a->timer,
		                   (uv_handle_t *)&a->deadline };
	for (size_t i = 0; i < COUNT(handles); i++) {
		a->closing++;
		uv_close(handles[i], on_closed);
	}
	/* The library stops only when nothing is suspended. */
	events_stop(a->events);
	follows_stop(a->follows);
	struct err err;
	err_note(&err, ERR_UNAVAILABLE, _("the engine is leaving"));
	for (struct request *r = a->requests; r; r = r->next)
		if (r->suspended)
			request_finish(r, ERR_UNAVAILABLE, &err);
	MHD_stop_daemon(TAKE(a->daemon));
	events_free(TAKE(a->events));
	follows_free(TAKE(a->follows));
}

void api_stop(struct api *a)
{
	if (a->stopping)
		return;
	__atomic_store_n(&a->stopping, true, __ATOMIC_RELAXED);
	(void)unlink(a->socket_path); /* a left-over is replaced at the next start */
	MHD_socket fd = MHD_quiesce_daemon(a->daemon);
	if (fd != MHD_INVALID_SOCKET)
		(void)close(fd);
	events_stop(a->events);
	follows_stop(a->follows);
	/* What is being read now has no claim to an answer; what is being answered has, for a
	 * while. */
	for (struct conn *c = a->conns[CONN_READING].first; c; c = c->next)
		(void)shutdown(c->fd, SHUT_RDWR);
	(void)uv_timer_start(&a->deadline, conn_cut_late, LEAVE_MS, 0);
	api_turn(a);
}

void api_free(struct api *a)
{
	if (!a)
		return;
	close_all(a);
	while (a->closing)
		(void)uv_run(a->loop, UV_RUN_ONCE); /* until the handles are let go */
	size_t at = 0;
	struct run_graph *g;
	while ((g = map_next(&a->run_graphs, &at))) {
		free(g->sub);
		free(g->name);
		free(g);
	}
	map_done(&a->run_graphs);
	map_done(&a->first_errors);
	host_on_iteration(a->host, NULL, NULL);
	iteration_files_free(a->files);
	free(a->socket_path);
	free(a->user);
	free(a);
}
