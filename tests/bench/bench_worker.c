/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a worker adds to a step: a real pawl-worker over its socket beside bare posix_spawn + wait, in
 * turn, round by round, and its log beside `cat > file`. Prints medians and their ratios: the times are this
 * machine's, the ratios mean something.
 *
 *	make bench-worker [ARGS="STEPS ROUNDS"]
 *
 * The home is made in $TMPDIR. On ext4 a new file costs 10 to 100 times as much for half a minute after
 * thousands of files were removed: wait that long between two benches, or use a tmpfs.
 */
#include "base/clock.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "work/proto.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS_MAX 50
#define BIG "106000000"
#define SECRETS 20

static const char *const env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				   "LC_ALL=C", "HOME=/root", "LANG=C", NULL };
static const char *const true_argv[] = { "/bin/true", NULL };
static const char *const sh_argv[] = { "sh", "-eu", "-c", NULL };
static const char *const sh_noop[] = { "/bin/sh", "-eu", "-c", ":", NULL };
static const char *const sh_echo[] = { "/bin/sh", "-eu", "-c", "echo hello > /dev/null", NULL };

static char home[80];
static char log_path[120];
static int engine_fd;
static pid_t worker;
static int64_t token;

static NORETURN void die(const char *what)
{
	(void)fprintf(stderr, "bench_worker: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void open_worker(const char *program)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct proto_message hello;
	const char *folder = getenv("TMPDIR");
	(void)snprintf(home, sizeof(home), "%.60s/pawl-bench-XXXXXX", folder ? folder : "/tmp");
	if (!mkdtemp(home))
		die("mkdtemp");
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/worker.sock", home);
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1))
		die("socket");
	const char *argv[] = { "pawl-worker", "--home", home, NULL };
	struct err err;
	if (spawn_daemon(program, argv, NULL, 2, &worker, &err))
		die(err.message);
	engine_fd = accept(listener, NULL, NULL);
	if (engine_fd < 0 || proto_recv(engine_fd, &hello, &err))
		die("hello");
	proto_done(&hello);
	(void)close(listener);
}

static void close_worker(void)
{
	/* A worker keeps a result until it is acknowledged. */
	struct proto_message ack = { .type = MSG_ACK, .key.token = token };
	if (proto_send(engine_fd, &ack, NULL) ||
	    proto_send(engine_fd, &(struct proto_message){ .type = MSG_STOP }, NULL))
		die("stop");
	(void)waitpid(worker, NULL, 0);
	(void)!fs_rmtree(home, NULL);
}

/* One step through the worker; as the engine does, START acknowledges the step before. */
static void step(const char *const *argv, const char *script, const char *const *secrets,
		 struct step_result *ret)
{
	struct proto_message m = { .type = MSG_START }, r;
	m.spec.key.token = ++token;
	m.spec.argv = argv;
	m.spec.script = script;
	m.spec.secrets = secrets;
	m.spec.env = env;
	m.spec.cwd = "/tmp";
	m.spec.umask = -1;
	m.spec.grace_ms = 10000;
	m.spec.log_path = log_path;
	(void)snprintf(log_path, sizeof(log_path), "%s/%d.log", home, (int)token);
	if (proto_send(engine_fd, &m, NULL))
		die("send");
	do
		if (proto_recv(engine_fd, &r, NULL))
			die("receive");
	while (r.type != MSG_RESULT);
	if (r.result.class != CLASS_NONE)
		die(r.result.message);
	if (ret)
		*ret = r.result;
	proto_done(&r);
}

static void bare(const char *const *argv)
{
	pid_t pid;
	int status;
	errno = posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv,
			    (char *const *)(uintptr_t)env);
	if (errno || waitpid(pid, &status, 0) != pid || status)
		die("posix_spawn");
}

/* clang-format off */
static const struct contest {
	const char *name;
	const char *const *bare;
	const char *const *argv;
	const char *script;
	int base; /* the row that it is compared with */
} contests[] = {
	{ "bare /bin/true",          true_argv, NULL,      NULL,         0 },
	{ "worker /bin/true",        NULL,      true_argv, NULL,         0 },
	{ "bare sh -c :",            sh_noop,   NULL,      NULL,         2 },
	{ "worker sh -c :",          NULL,      sh_argv,   ":",          2 },
	{ "bare sh -c 'echo >null'", sh_echo,   NULL,      NULL,         4 },
	{ "worker, log of one line", NULL,      sh_argv,   "echo hello", 4 },
};
/* clang-format on */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(const double *v, size_t n)
{
	double sorted[ROUNDS_MAX];
	memcpy(sorted, v, n * sizeof(*v));
	qsort(sorted, n, sizeof(*sorted), compare);
	return sorted[n / 2];
}

static double run_contest(const struct contest *c, int steps)
{
	int64_t from = clock_mono_us();
	for (int i = 0; i < steps; i++) {
		if (c->bare)
			bare(c->bare);
		else
			step(c->argv, c->script, NULL, NULL);
	}
	return (double)(clock_mono_us() - from) / steps;
}

static void chain(int steps, size_t rounds)
{
	double us[COUNT(contests)][ROUNDS_MAX], ratio[COUNT(contests)][ROUNDS_MAX];
	for (size_t round = 0; round < rounds; round++)
		for (size_t i = 0; i < COUNT(contests); i++) {
			us[i][round] = run_contest(&contests[i], steps);
			ratio[i][round] = us[i][round] / us[contests[i].base][round];
		}
	(void)printf("%-26s %10s %8s   (medians of %zu rounds of %d)\n", "one after the other", "us a step", "ratio", rounds,
		     steps);
	for (size_t i = 0; i < COUNT(contests); i++)
		(void)printf("%-26s %10.1f %8.2f\n", contests[i].name, median(us[i], rounds),
			     median(ratio[i], rounds));
}

static void throughput(size_t rounds)
{
	static const char source[] = "head -c " BIG " lines.txt";
	auto_free char *make = xasprintf("cd %s && yes 'compiling src/module/file.c: warning: a line as logs have them' | "
					 "head -c " BIG " > lines.txt", home);
	auto_free char *cat = xasprintf("cd %s && %s | cat > copy && sync copy", home, source);
	auto_free char *through = xasprintf("cd %s && %s", home, source);
	const char *make_argv[] = { "/bin/sh", "-c", make, NULL };
	const char *cat_argv[] = { "/bin/sh", "-c", cat, NULL };
	static char words[SECRETS][24];
	const char *secrets[SECRETS + 1] = { NULL };
	double ms[3][ROUNDS_MAX], ratio[3][ROUNDS_MAX];
	struct step_result r = { 0 };
	for (size_t i = 0; i < SECRETS; i++) {
		(void)snprintf(words[i], sizeof(words[i]), "%zu-secret-%zu", i * 7919, i * 104729);
		secrets[i] = words[i];
	}
	bare(make_argv);
	for (size_t round = 0; round < rounds; round++) {
		int64_t from = clock_mono_us();
		bare(cat_argv);
		ms[0][round] = (double)(clock_mono_us() - from) / 1000;
		for (size_t i = 1; i < 3; i++) {
			from = clock_mono_us();
			step(sh_argv, through, i == 2 ? secrets : NULL, &r);
			ms[i][round] = (double)(clock_mono_us() - from) / 1000;
			ratio[i][round] = ms[i][round] / ms[0][round];
			(void)unlink(log_path);
		}
	}
	(void)printf("106 MB: | cat > file; sync  %8.0f ms\n", median(ms[0], rounds));
	(void)printf("106 MB: worker's log        %8.0f ms %8.2f   %" PRId64 " lines\n", median(ms[1], rounds),
		     median(ratio[1], rounds), r.log_lines);
	(void)printf("106 MB: ... with %d secrets %8.0f ms %8.2f\n", SECRETS, median(ms[2], rounds),
		     median(ratio[2], rounds));
}

static void print_memory(void)
{
	auto_free char *path = xasprintf("/proc/%d/status", (int)worker), *text = NULL;
	if (fs_read(path, 64 * KIB, &text, NULL, NULL))
		return;
	static const char *const rows[] = { "VmHWM:", "VmRSS:", "RssAnon:" };
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *line = strstr(text, rows[i]);
		if (line)
			(void)printf("worker %.*s\n", (int)strcspn(line, "\n"), line);
	}
}

int main(int argc, char **argv)
{
	const char *program = getenv("PAWL_WORKER");
	int steps = argc > 1 ? atoi(argv[1]) : 300;
	size_t rounds = argc > 2 ? (size_t)atoi(argv[2]) : 7;
	if (steps < 1 || rounds < 1 || rounds > ROUNDS_MAX) {
		(void)fprintf(stderr, "usage: bench_worker [STEPS [ROUNDS (at most %d)]]\n", ROUNDS_MAX);
		return 2;
	}
	open_worker(program ? program : "./pawl-worker");
	chain(steps, rounds);
	print_memory();
	throughput(MIN(rounds, (size_t)5));
	print_memory();
	close_worker();
	return 0;
}
