/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawld, the engine: one loop on one thread that owns the database, every state and the HTTP
 * server.
 *
 *   main()                    options, the home, signals, the loop
 *     config_read/set()       src/api/config.c    settings: HOME/pawl.conf, --set
 *     host_new()              src/engine/host.c   lock of the home, worker socket, timers, the end
 * of a turn store_open()          src/store/          SQLite: one connection, one transaction a
 * turn engine_new()          src/engine/         the turn: queue, scheduling, verbs, recovery
 *         flow_load()         src/flow/           workflow files to graphs
 *         model/              src/model/          states, graph, expressions, retry: pure
 *         proto_send/recv()   src/work/proto.c    what engine and pawl-worker say to each other
 *     api_new()               src/api/server.c    HTTP on HOME/pawl.sock
 *       routes[]              src/api/routes.c    the table: one row a route
 *       request_access()      src/api/request.c   the life of a request
 *       api_orders() …        src/api/orders.c, runs.c, nodes.c, events.c, logs.c, status.c
 *       api_submit() …        src/api/submit.c, command.c: changes, answered after their commit
 *       api_event_stream()    src/api/stream.c, follow.c: events and log lines as they come
 *
 * Beside it run pawl-worker (src/work/), one process a step, which outlives it, and pawl
 * (src/main.c), which speaks to it over the socket. */
#include "api/config.h"
#include "api/fsck.h"
#include "api/server.h"
#include "base/diag.h"
#include "base/fs.h"
#include "base/language.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTINGS_MAX 64

struct options {
	const char *home;
	const char *settings[SETTINGS_MAX];
	size_t nsettings;
	int ready_fd; /* -1: nobody waits */
	bool foreground, fsck, json;
};

static void print_help(void)
{
	(void)fputs(
	    _("Usage: pawld [OPTION]…\n"
	      "Run the engine of pawl. It is started by pawl on demand; see pawld(8).\n\n"
	      "  --home DIR        the folder of its database, logs and socket ($PAWL_HOME,\n"
	      "                    else ~/.local/state/pawl)\n"
	      "  --set KEY=VALUE   a setting; wins over DIR/pawl.conf\n"
	      "  --help-config     list the settings as a sample file\n"
	      "  --foreground      stay with the terminal and write diagnostics to it\n"
	      "  --ready-fd N      write \"ready\" to descriptor N when requests are answered,\n"
	      "                    or \"error: why\"\n"
	      "  --fsck [--json]   check what is stored in the home and leave; no engine may run\n"
	      "  --version, --help\n\n"
	      "Examples:\n"
	      "  pawld --foreground --home /tmp/try --set steps=4\n"
	      "  pawld --help-config > ~/.local/state/pawl/pawl.conf\n"),
	    stdout);
}

/* -1: go on; else the exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
	enum {
		OPT_HOME = 1,
		OPT_SET,
		OPT_HELP_CONFIG,
		OPT_FOREGROUND,
		OPT_READY,
		OPT_VERSION,
		OPT_HELP,
		OPT_FSCK,
		OPT_JSON
	};
	static const struct option longs[] = {
		{ "home", required_argument, NULL, OPT_HOME },
		{ "set", required_argument, NULL, OPT_SET },
		{ "help-config", no_argument, NULL, OPT_HELP_CONFIG },
		{ "foreground", no_argument, NULL, OPT_FOREGROUND },
		{ "ready-fd", required_argument, NULL, OPT_READY },
		{ "fsck", no_argument, NULL, OPT_FSCK },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ "help", no_argument, NULL, OPT_HELP },
		{ NULL, 0, NULL, 0 },
	};
	auto_str text = STR_INIT;
	int c;
	char *end;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case OPT_HOME:
			o->home = optarg;
			break;
		case OPT_SET:
			if (o->nsettings == SETTINGS_MAX) {
				(void)fprintf(stderr, _("pawld: --set: at most %d are possible\n"),
				              SETTINGS_MAX);
				return 2;
			}
			o->settings[o->nsettings++] = optarg;
			break;
		case OPT_HELP_CONFIG:
			config_help(&text);
			(void)fputs(str_text(&text), stdout);
			return 0;
		case OPT_FOREGROUND:
			o->foreground = true;
			break;
		case OPT_FSCK:
			o->fsck = true;
			break;
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_READY:
			o->ready_fd = (int)strtol(optarg, &end, 10);
			if (*end || end == optarg || fcntl(o->ready_fd, F_GETFD) < 0) {
				(void)fprintf(stderr,
				              _("pawld: --ready-fd: %s is no open descriptor\n"),
				              optarg);
				return 2;
			}
			break;
		case OPT_VERSION:
			(void)printf("pawld %s\n", PACKAGE_VERSION);
			return 0;
		case 'h':
		case OPT_HELP:
			print_help();
			return 0;
		default:
			(void)fputs(_("Try \"pawld --help\".\n"), stderr);
			return 2;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, _("pawld: unexpected argument: %s\n"), argv[optind]);
		return 2;
	}
	return -1;
}

/* Tell who started us, in one line. */
static void tell(struct options *o, const char *line)
{
	if (o->ready_fd < 0)
		return;
	auto_str text = STR_INIT;
	for (const char *p = line; *p; p++)
		str_add_char(&text, *p == '\n' ? ' ' : *p);
	str_add_char(&text, '\n');
	(void)fs_write_all(o->ready_fd, str_text(&text),
	                   text.len); /* nobody may be there any more */
	(void)close(o->ready_fd);
	o->ready_fd = -1;
}

static int fail(struct options *o, const struct err *err)
{
	auto_free char *line =
	    xasprintf("error: %s%s%s", err->message, err->hint[0] ? "; " : "", err->hint);
	diag(DIAG_ERROR, "%s%s%s", err->message, err->hint[0] ? "; " : "", err->hint);
	tell(o, line);
	return err_exit_status(err->code);
}

/* Leave the terminal: a session of its own, no standard input, nothing that keeps a file system
 * busy. */
static void detach(const char *home)
{
	(void)setsid(); /* fails when the starter did it */
	(void)signal(SIGHUP, SIG_IGN);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		if (isatty(STDOUT_FILENO))
			(void)dup2(null, STDOUT_FILENO);
		(void)close(null);
	}
	if (isatty(STDERR_FILENO)) {
		auto_free char *path = xasprintf("%s/pawld.log", home);
		int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (log >= 0) {
			(void)dup2(log, STDERR_FILENO);
			(void)close(log);
		}
	}
	if (chdir("/"))
		diag(DIAG_WARN, "chdir: %s", strerror(errno));
}

/* A descriptor a connection and a worker. Steps inherit the limit, so it is raised no more than
 * needed. */
static void raise_files(const struct config *c)
{
	struct rlimit l;
	rlim_t needed = 768 + (rlim_t)MAX(c->engine.steps, c->engine.workers_max);
	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < needed) {
		l.rlim_cur = l.rlim_max == RLIM_INFINITY ? needed : MIN(l.rlim_max, needed);
		(void)setrlimit(RLIMIT_NOFILE, &l); /* fewer connections then */
	}
}

static enum err_code configure(const struct options *o, const char *home, struct config *c,
                               struct err *err)
{
	auto_free char *path = xasprintf("%s/pawl.conf", home);
	config_default(c);
	enum err_code code = config_read(c, path, err);
	for (size_t i = 0; i < o->nsettings && !code; i++)
		code = config_set(c, "--set", o->settings[i], err);
	return code ? code : config_check(c, err);
}

/* The workers stand beside this program in the build tree, in libexec when installed. */
static char *find_libexec(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		auto_free char *worker = xasprintf("%s/pawl-worker", self);
		if (access(worker, X_OK) == 0)
			return xstrdup(self);
	}
	return xstrdup(PKGLIBEXECDIR);
}

struct leaving {
	struct host *host;
	struct api *api;
	const char *home;
	struct stat was; /* of the home */
	uv_timer_t look;
};

#define LOOK_MS 5000

/* An engine whose home was removed or moved is out of reach, and another one may begin in its place. */
static void look_for_home(uv_timer_t *timer)
{
	struct leaving *l = timer->data;
	struct stat now;
	if (stat(l->home, &now) == 0 ? now.st_dev == l->was.st_dev && now.st_ino == l->was.st_ino : errno != ENOENT)
		return;
	diag(DIAG_ERROR, "the home %s is gone: leaving", l->home);
	host_stop(l->host, false);
	api_stop(l->api);
}

static void watch_home(uv_loop_t *loop, struct leaving *l)
{
	(void)uv_timer_init(loop, &l->look); /* cannot fail */
	l->look.data = l;
	if (stat(l->home, &l->was) == 0)
		(void)uv_timer_start(&l->look, look_for_home, LOOK_MS, LOOK_MS);
	uv_unref((uv_handle_t *)&l->look);
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct leaving *l = signal->data;
	diag(DIAG_INFO, "signal %d: leaving", number);
	host_stop(l->host, false);
	api_stop(l->api);
}

static void watch_signals(uv_loop_t *loop, uv_signal_t signals[2], struct leaving *l)
{
	static const int numbers[] = { SIGTERM, SIGINT };
	for (size_t i = 0; i < COUNT(numbers); i++) {
		(void)uv_signal_init(loop, &signals[i]); /* cannot fail for these */
		signals[i].data = l;
		(void)uv_signal_start(&signals[i], on_signal, numbers[i]);
		uv_unref((uv_handle_t *)&signals[i]);
	}
}

static void forget_signals(uv_loop_t *loop, uv_signal_t signals[2], struct leaving *l)
{
	uv_close((uv_handle_t *)&l->look, NULL);
	for (int i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&signals[i], NULL);
	(void)uv_run(loop, UV_RUN_DEFAULT);
}

static int run(struct options *o, const char *home)
{
	struct config config;
	struct err err = { .code = ERR_OK };
	if (configure(o, home, &config, &err))
		return fail(o, &err);
	raise_files(&config);
	auto_free char *libexec = find_libexec();
	struct host_options ho = { .home = home,
		                   .settings = config.engine,
		                   .libexec = libexec,
		                   .unsafe_network_fs = config.unsafe_network_fs };
	language_neutral(); /* what is stored is in English */
	uv_loop_t *loop = uv_default_loop();
	struct leaving l = { .home = home };
	uv_signal_t signals[2];
	if (host_new(loop, &ho, &l.host, &err))
		return fail(o, &err);
	if (api_new(loop, l.host, &config, &l.api, &err)) {
		host_stop(l.host, false);
		(void)uv_run(loop, UV_RUN_DEFAULT);
		host_free(l.host);
		return fail(o, &err);
	}
	watch_signals(loop, signals, &l);
	watch_home(loop, &l);
	tell(o, "ready");
	diag(DIAG_INFO, "pawld %s answers in %s (pid %ld)", PACKAGE_VERSION, home, (long)getpid());
	(void)uv_run(loop, UV_RUN_DEFAULT);
	api_free(l.api);
	host_free(l.host);
	forget_signals(loop, signals, &l);
	diag(DIAG_INFO, "left");
	return 0;
}

static int check(struct options *o, const char *home)
{
	struct config config;
	struct err err = { .code = ERR_OK };
	if (configure(o, home, &config, &err) ||
	    fsck_home(home, config.unsafe_network_fs, o->json, &err))
		return err.code == ERR_CORRUPT ? err_exit_status(err.code) : fail(o, &err);
	return 0;
}

int main(int argc, char **argv)
{
	language_begin();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a file that would be too large is an error like a full disk */
	struct options o = { .ready_fd = -1 };
	int status = parse_options(argc, argv, &o);
	if (status >= 0)
		return status;
	if (o.ready_fd >= 0)
		(void)fcntl(o.ready_fd, F_SETFD, FD_CLOEXEC);
	diag_open(STDERR_FILENO, DIAG_INFO, false, "pawld");
	auto_free char *home = NULL;
	struct err err = { .code = ERR_OK };
	if (fs_home(o.home, !o.fsck, &home, &err))
		return fail(&o, &err);
	if (o.fsck)
		return check(&o, home);
	if (!o.foreground)
		detach(home);
	return run(&o, home);
}
