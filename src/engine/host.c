/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine in the world: lock file, sockets of the workers, processes, clocks, the spool. All inputs of one
 * round of the loop make one turn: a check handle, which libuv calls after the descriptors, ends it. */
#include "engine/host.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCK_WAIT_US 1000000
#define LEAVING_WAIT_US 500000

extern char **environ;

struct peer {
	struct host *h;
	uv_poll_t poll;
	int fd;
	struct worker *worker;
	bool closing;
	struct peer *next;
	/* What did not fit into the socket. */
	struct str *queue;
	size_t nqueue, capqueue;
};

struct host {
	uv_loop_t *loop;
	struct host_options options;
	char *home, *libexec, *worker_path;
	int lock_fd, listen_fd;
	struct store *store;
	struct engine *engine;
	struct peer *peers;
	uv_poll_t listen;
	uv_check_t check;
	uv_timer_t timer;
	uv_signal_t child;
	uv_timer_t housekeeping;
	pid_t *workers; /* that were started and not yet waited for */
	size_t nworkers, capworkers;
	bool stopping, kill, dirty;
	int64_t started_ms, timer_due;
	void (*published)(void *ctx, int64_t seq);
	void *published_ctx;
	void (*iteration)(void *ctx, id_t64 run, int idx, int generation, int iteration);
	void *iteration_ctx;
	void (*progress)(void *ctx, int64_t token);
	void *progress_ctx;
	char storage_text[768];
};

/* ---- what the engine asks for ---- */

static struct engine_now io_now(void *ctx UNUSED)
{
	return (struct engine_now){ clock_wall_ms(), clock_boot_ms() };
}

static uint64_t io_random(void *ctx UNUSED)
{
	uint64_t v;
	random_bytes(&v, sizeof(v));
	return v;
}

static void mark(struct host *h)
{
	if (h->dirty)
		return;
	h->dirty = true;
}

static void io_spawn_worker(void *ctx)
{
	struct host *h = ctx;
	char *argv[] = { h->worker_path, (char[]){ "--home" }, h->home, NULL };
	posix_spawnattr_t attr;
	posix_spawn_file_actions_t actions;
	sigset_t none, all;
	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawnattr_init(&attr) || posix_spawn_file_actions_init(&actions))
		abort(); /* only for want of memory */
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	pid_t pid;
	int rc = posix_spawn(&pid, h->worker_path, &actions, &attr, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	if (rc) {
		diag(DIAG_ERROR, "cannot start %s: %s", h->worker_path, strerror(rc));
		engine_spawn_failed(h->engine);
		return;
	}
	GROW(h->workers, h->nworkers, h->capworkers);
	h->workers[h->nworkers++] = pid;
}

static void peer_close(struct peer *p);
static void peer_changed(uv_poll_t *poll, int status, int events);

static void flush_queue(struct peer *p)
{
	size_t sent = 0;
	for (; sent < p->nqueue; sent++)
		if (send(p->fd, p->queue[sent].p, p->queue[sent].len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	for (size_t i = 0; i < sent; i++)
		str_done(&p->queue[i]);
	memmove(p->queue, p->queue + sent, (p->nqueue - sent) * sizeof(*p->queue));
	p->nqueue -= sent;
	(void)uv_poll_start(&p->poll, UV_READABLE | (p->nqueue ? UV_WRITABLE : 0), peer_changed);
}

static void io_send(void *ctx UNUSED, void *peer, const struct proto_message *m)
{
	struct peer *p = peer;
	if (p->closing)
		return;
	struct err err;
	if (p->nqueue == 0) {
		enum err_code code = proto_send(p->fd, m, &err);
		if (!code)
			return;
		if (code != ERR_IO || errno != EAGAIN) {
			peer_close(p);
			return;
		}
	}
	/* A worker reads one message at a time, so this is rare and short. */
	GROW(p->queue, p->nqueue, p->capqueue);
	p->queue[p->nqueue] = (struct str)STR_INIT;
	proto_encode(m, &p->queue[p->nqueue++]);
	flush_queue(p);
}

static void io_close_worker(void *ctx UNUSED, void *peer)
{
	peer_close(peer);
}

static bool io_alive(void *ctx UNUSED, int64_t pid, int64_t start_time)
{
	return pid > 0 && proc_alive((pid_t)pid, start_time);
}

static void io_kill_token(void *ctx, int64_t token)
{
	struct host *h = ctx;
	auto_str text = STR_INIT;
	step_token(&text, h->home, token);
	const char *values[] = { text.p };
	spool_sweep(h->home);
	int n = proc_signal_marked(STEP_MARK, values, 1, SIGKILL);
	if (n > 0)
		diag(DIAG_WARN, "ended %d processes that a lost worker left", n);
}

static void io_exit_records(void *ctx, void (*fn)(void *fn_ctx, const struct step_result *r), void *fn_ctx)
{
	struct host *h = ctx;
	auto_free char *folder = xasprintf("%s/spool", h->home);
	DIR *d = opendir(folder);
	if (!d)
		return;
	for (struct dirent *i; (i = readdir(d));) {
		size_t len = strlen(i->d_name);
		if (len < 6 || !str_eq(i->d_name + len - 5, ".exit"))
			continue;
		auto_free char *path = xasprintf("%s/%s", folder, i->d_name);
		struct proto_message m;
		struct err err;
		if (exit_record_read(path, &m, &err)) {
			diag(DIAG_WARN, "%s: %s", path, err.message);
			continue;
		}
		fn(fn_ctx, &m.result);
		proto_done(&m);
	}
	(void)closedir(d);
}

static void io_exit_record_remove(void *ctx, int64_t token)
{
	struct host *h = ctx;
	auto_free char *path = xasprintf("%s/spool/%" PRId64 ".exit", h->home, token);
	if (unlink(path) && errno != ENOENT)
		diag(DIAG_WARN, "cannot remove %s: %s", path, strerror(errno));
}

static enum err_code make_run_folders(const char *work, struct err *err)
{
	/* work is HOME/runs/ID/work; its neighbour is log. */
	auto_free char *base = xstrndup(work, (size_t)(strrchr(work, '/') - work));
	auto_free char *log = xasprintf("%s/log", base);
	if ((mkdir(base, 0700) && errno != EEXIST) || (mkdir(log, 0700) && errno != EEXIST))
		return err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE : ERR_IO,
			       _("cannot make the folder %s"), log);
	return ERR_OK;
}

static enum err_code io_workspace(void *ctx, const char *path, const char *run, bool make, struct err *err)
{
	struct host *h = ctx;
	struct stat st;
	/* First of all: of a run that cannot begin nothing is left. What is in the run's own folder comes with that. */
	auto_free char *log_beside = xasprintf("%s/runs/%s/work", h->home, run);
	bool own = strncmp(path, log_beside, strlen(log_beside) - strlen("work")) == 0;
	if (!make && !own && (stat(path, &st) || !S_ISDIR(st.st_mode)))
		return err_set(err, ERR_INVALID, _("the workspace %s is not a folder"), path);
	enum err_code code = make_run_folders(log_beside, err);
	if (code)
		return code;
	if (make && mkdir(path, 0700) && errno != EEXIST)
		return err_sys(err, errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE : ERR_IO,
			       _("cannot make the workspace %s"), path);
	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, _("the workspace %s is not a folder"), path);
	return ERR_OK;
}

static bool io_empty(void *ctx UNUSED, const char *path)
{
	DIR *d = opendir(path);
	bool any = false;
	for (struct dirent *i; d && !any && (i = readdir(d));)
		any = !str_eq(i->d_name, ".") && !str_eq(i->d_name, "..");
	if (d)
		(void)closedir(d);
	return d && !any;
}

static char *io_real_path(void *ctx UNUSED, const char *path)
{
	return realpath(path, NULL);
}

struct host_job {
	uv_work_t work;
	struct host *h;
	struct space_job *j;
};

static void job_run(uv_work_t *work)
{
	struct host_job *hj = work->data;
	space_job_run(hj->h->home, hj->j);
}

static void job_done(uv_work_t *work, int status)
{
	struct host_job *hj = work->data;
	if (status)
		hj->j->code = err_set(&hj->j->err, ERR_UNAVAILABLE, _("no thread could be had: %s"), uv_strerror(status));
	engine_space_done(hj->h->engine, hj->j);
	mark(hj->h);
	free(hj);
}

static void io_space(void *ctx, struct space_job *j)
{
	struct host *h = ctx;
	struct host_job *hj = xcalloc(1, sizeof(*hj));
	hj->h = h;
	hj->j = j;
	hj->work.data = hj;
	/* Fails for want of the two functions alone. */
	(void)uv_queue_work(h->loop, &hj->work, job_run, job_done);
}

static void io_progress(void *ctx, int64_t token)
{
	struct host *h = ctx;
	if (h->progress)
		h->progress(h->progress_ctx, token);
}

static void io_iteration(void *ctx, id_t64 run, int idx, int generation, int iteration)
{
	struct host *h = ctx;
	if (h->iteration)
		h->iteration(h->iteration_ctx, run, idx, generation, iteration);
}

static void io_published(void *ctx, int64_t seq)
{
	struct host *h = ctx;
	if (h->published)
		h->published(h->published_ctx, seq);
}

static void io_storage(void *ctx, const struct err *err)
{
	struct host *h = ctx;
	if (err)
		diag(DIAG_ERROR, "nothing can be stored: %s; what runs goes on", err->message);
	else
		diag(DIAG_INFO, "storing works again");
	(void)snprintf(h->storage_text, sizeof(h->storage_text), "%s", err ? err->message : "");
}

static const struct engine_io host_io = {
	.now = io_now,
	.random = io_random,
	.spawn_worker = io_spawn_worker,
	.send = io_send,
	.close_worker = io_close_worker,
	.alive = io_alive,
	.kill_token = io_kill_token,
	.exit_records = io_exit_records,
	.exit_record_remove = io_exit_record_remove,
	.workspace = io_workspace,
	.empty = io_empty,
	.real_path = io_real_path,
	.space = io_space,
	.iteration = io_iteration,
	.progress = io_progress,
	.published = io_published,
	.storage = io_storage,
};

/* ---- workers' connections ---- */

static void peer_freed(uv_handle_t *handle)
{
	struct peer *p = handle->data;
	struct host *h = p->h;
	(void)close(p->fd);
	for (struct peer **at = &h->peers; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	for (size_t i = 0; i < p->nqueue; i++)
		str_done(&p->queue[i]);
	free(p->queue);
	free(p);
}

static void peer_close(struct peer *p)
{
	if (p->closing)
		return;
	p->closing = true;
	(void)uv_poll_stop(&p->poll);
	(void)shutdown(p->fd, SHUT_RDWR);
	struct worker *w = p->worker;
	p->worker = NULL;
	if (w && p->h->engine) {
		engine_worker_gone(p->h->engine, w);
		mark(p->h);
	}
	uv_close((uv_handle_t *)&p->poll, peer_freed);
}

static void peer_changed(uv_poll_t *poll, int status, int events)
{
	struct peer *p = poll->data;
	if (p->closing)
		return;
	if (status < 0) {
		peer_close(p);
		return;
	}
	if (events & UV_WRITABLE)
		flush_queue(p);
	for (int i = 0; i < 16 && !p->closing && (events & UV_READABLE); i++) {
		struct proto_message m;
		struct err err;
		enum err_code code = proto_recv(p->fd, &m, &err);
		if (code == ERR_TIMEOUT)
			return;
		if (code) {
			if (code != ERR_UNAVAILABLE)
				diag(DIAG_WARN, "worker: %s", err.message);
			peer_close(p);
			return;
		}
		engine_worker_message(p->h->engine, p->worker, &m);
		mark(p->h);
		proto_done(&m);
	}
}

static bool peer_allowed(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == geteuid() || cred.uid == 0);
}

static void accept_workers(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
	struct host *h = poll->data;
	for (;;) {
		int fd = accept4(h->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		if (!peer_allowed(fd) || h->stopping) {
			(void)close(fd);
			continue;
		}
		struct peer *p = xcalloc(1, sizeof(*p));
		p->h = h;
		p->fd = fd;
		p->poll.data = p;
		if (uv_poll_init(h->loop, &p->poll, fd)) {
			(void)close(fd);
			free(p);
			continue;
		}
		p->next = h->peers;
		h->peers = p;
		p->worker = engine_worker_new(h->engine, p);
		(void)uv_poll_start(&p->poll, UV_READABLE, peer_changed);
		peer_changed(&p->poll, 0, UV_READABLE);
	}
}

/* ---- the loop ---- */

static void end_turn(uv_check_t *check);

static void on_timer(uv_timer_t *t)
{
	struct host *h = t->data;
	h->timer_due = -1;
	engine_tick(h->engine);
	end_turn(&h->check); /* timers run before the loop sleeps, the check handle after */
}

static void arm_timer(struct host *h)
{
	int64_t due = engine_next_ms(h->engine);
	if (due == h->timer_due)
		return;
	h->timer_due = due;
	if (due < 0) {
		(void)uv_timer_stop(&h->timer);
		return;
	}
	int64_t in = due - clock_boot_ms();
	(void)uv_timer_start(&h->timer, on_timer, in > 0 ? (uint64_t)in : 0, 0);
}

static void close_handle(uv_handle_t *handle, void *ctx UNUSED)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void leave_when_done(struct host *h)
{
	if (!h->stopping || !engine_idle(h->engine) || uv_is_closing((uv_handle_t *)&h->listen))
		return;
	for (struct peer *p = h->peers, *next; p; p = next) {
		next = p->next;
		p->worker = NULL; /* the step goes on; the worker sees the connection end */
		peer_close(p);
	}
	close_handle((uv_handle_t *)&h->listen, NULL);
	close_handle((uv_handle_t *)&h->check, NULL);
	close_handle((uv_handle_t *)&h->timer, NULL);
	close_handle((uv_handle_t *)&h->child, NULL);
	close_handle((uv_handle_t *)&h->housekeeping, NULL);
}

static void end_turn(uv_check_t *check)
{
	struct host *h = check->data;
	/* Effects may bring new inputs (a refused worker, a reply's next command): until there are none. */
	for (int i = 0; i < 8; i++) {
		h->dirty = false;
		engine_commit(h->engine);
		if (!h->dirty)
			break;
	}
	arm_timer(h);
	leave_when_done(h);
}

static void reap(uv_signal_t *s, int number UNUSED)
{
	struct host *h = s->data;
	/* A worker's end is seen by its connection. Only they: the children of jobs are waited for by their threads. */
	for (size_t i = 0; i < h->nworkers;) {
		pid_t got = waitpid(h->workers[i], NULL, WNOHANG);
		if (got == 0 || (got < 0 && errno == EINTR))
			i++;
		else
			h->workers[i] = h->workers[--h->nworkers];
	}
}

static void keep_house(uv_timer_t *t)
{
	struct host *h = t->data;
	store_idle(h->store);
}

/* ---- life ---- */

/* An engine that was killed while it started a worker leaves a child that has the lock, too, until it
 * becomes that worker: when the holder is gone, it is a matter of milliseconds. One that was killed or is leaving
 * is there for some milliseconds, too, before its files are closed. */
static enum err_code take_lock(struct host *h, struct err *err)
{
	auto_free char *path = xasprintf("%s/pawl.lock", h->home);
	h->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (h->lock_fd < 0)
		return err_sys(err, ERR_IO, _("cannot open %s"), path);
	int64_t since_us = clock_mono_us();
	while (flock(h->lock_fd, LOCK_EX | LOCK_NB)) {
		char who[32] = "";
		ssize_t n = pread(h->lock_fd, who, sizeof(who) - 1, 0);
		who[n > 0 ? n : 0] = '\0';
		who[strcspn(who, "\n")] = '\0';
		long pid = strtol(who, NULL, 10);
		bool lives = pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH;
		if (clock_mono_us() - since_us > (lives ? LEAVING_WAIT_US : LOCK_WAIT_US))
			return err_set(err, ERR_CONFLICT, _("another engine (pid %s) has the home %s"),
				       who[0] ? who : "?", h->home);
		(void)poll(NULL, 0, 2);
	}
	char text[64];
	int n = snprintf(text, sizeof(text), "%ld\n%s\n", (long)getpid(), clock_boot_id());
	if (ftruncate(h->lock_fd, 0) || pwrite(h->lock_fd, text, (size_t)n, 0) < 0)
		diag(DIAG_WARN, "cannot write %s: %s", path, strerror(errno)); /* says who, no more */
	return ERR_OK;
}

static enum err_code listen_workers(struct host *h, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int len = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/worker.sock", h->home);
	if (len < 0 || (size_t)len >= sizeof(addr.sun_path))
		return err_set(err, ERR_USAGE, _("the home's path is too long for a socket (%d of %zu characters): %s"),
			       len, sizeof(addr.sun_path) - 1, h->home);
	h->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)unlink(addr.sun_path); /* the lock says that nobody listens on it */
	mode_t old = umask(0177);
	int rc = h->listen_fd < 0 ? -1 : bind(h->listen_fd, (struct sockaddr *)&addr, sizeof(addr));
	(void)umask(old);
	if (rc || listen(h->listen_fd, 256))
		return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO, _("cannot listen on %s"), addr.sun_path);
	return ERR_OK;
}

static void start_handles(struct host *h)
{
	(void)uv_poll_init(h->loop, &h->listen, h->listen_fd);
	(void)uv_check_init(h->loop, &h->check);
	(void)uv_timer_init(h->loop, &h->timer);
	(void)uv_timer_init(h->loop, &h->housekeeping);
	(void)uv_signal_init(h->loop, &h->child);
	h->listen.data = h->check.data = h->timer.data = h->child.data = h->housekeeping.data = h;
	(void)uv_poll_start(&h->listen, UV_READABLE, accept_workers);
	(void)uv_check_start(&h->check, end_turn);
	(void)uv_signal_start(&h->child, reap, SIGCHLD);
	(void)uv_timer_start(&h->housekeeping, keep_house, 60000, 60000);
	h->timer_due = -1;
}

enum err_code host_new(uv_loop_t *loop, const struct host_options *o, struct host **ret, struct err *err)
{
	struct host *h = xcalloc(1, sizeof(*h));
	h->loop = loop;
	h->options = *o;
	h->home = xstrdup(o->home);
	h->libexec = xstrdup(o->libexec);
	h->worker_path = xasprintf("%s/pawl-worker", o->libexec);
	h->lock_fd = h->listen_fd = -1;
	h->started_ms = clock_wall_ms();
	auto_free char *db = xasprintf("%s/state.db", h->home);
	auto_free char *spool = xasprintf("%s/spool", h->home);
	auto_free char *runs = xasprintf("%s/runs", h->home);
	struct store_options so = { .unsafe_network_fs = o->unsafe_network_fs };
	enum err_code code = take_lock(h, err);
	if (!code)
		code = fs_mkdirs(spool, 0700, err);
	if (!code)
		code = fs_mkdirs(runs, 0700, err);
	if (!code)
		code = store_open(db, &so, &h->store, err);
	if (!code)
		code = listen_workers(h, err);
	if (!code)
		code = engine_new(h->store, &h->options.settings, h->home, &host_io, h, &h->engine, err);
	if (code) {
		host_free(h);
		return code;
	}
	engine_set_libexec(h->engine, h->libexec);
	spool_sweep(h->home);
	start_handles(h);
	/* Recovery was a turn of its own. */
	engine_commit(h->engine);
	arm_timer(h);
	*ret = h;
	return ERR_OK;
}

struct engine *host_engine(struct host *h)
{
	return h->engine;
}

struct store *host_store(struct host *h)
{
	return h->store;
}

const char *host_storage_trouble(const struct host *h)
{
	return h->storage_text;
}

void host_on_published(struct host *h, void (*fn)(void *ctx, int64_t seq), void *ctx)
{
	h->published = fn;
	h->published_ctx = ctx;
}

void host_on_iteration(struct host *h, void (*fn)(void *ctx, id_t64 run, int idx, int generation, int iteration), void *ctx)
{
	h->iteration = fn;
	h->iteration_ctx = ctx;
}

void host_on_progress(struct host *h, void (*fn)(void *ctx, int64_t token), void *ctx)
{
	h->progress = fn;
	h->progress_ctx = ctx;
}

void host_stop(struct host *h, bool kill)
{
	h->stopping = true;
	engine_drain(h->engine, kill);
	/* The loop may be about to sleep: end the turn now. */
	engine_commit(h->engine);
	leave_when_done(h);
}

bool host_stopping(const struct host *h)
{
	return h->stopping;
}

void host_free(struct host *h)
{
	if (!h)
		return;
	engine_free(h->engine);
	store_close(h->store);
	if (h->listen_fd >= 0)
		(void)close(h->listen_fd);
	if (h->lock_fd >= 0)
		(void)close(h->lock_fd);
	free(h->workers);
	free(h->worker_path);
	free(h->libexec);
	free(h->home);
	free(h);
}

int64_t host_started_ms(const struct host *h)
{
	return h->started_ms;
}
