/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the logs cost: writing a million lines beside cat, masking twenty secrets in them, indexing
 * them, and searching them beside ripgrep. All of a round runs in one sitting, so look at the
 * ratios. bench_journal [--lines N] [--rounds N] [--dir FOLDER] [--large] */
#include "journal/journal.h"
#include "journal/redact.h"

#include "base/clock.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK MIB
#define ROUNDS_MAX 99

extern char **environ;

static int rounds = 5;
static char text_path[256], out_path[256];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), compare);
	return v[n / 2];
}

/* Lines of about 105 bytes, as programs write them. */
static int64_t make_text(const char *path, int64_t lines)
{
	static const char *const levels[] = { "INFO ", "DEBUG", "INFO ", "WARN ",
		                              "INFO ", "INFO ", "DEBUG", "ERROR" };
	static const char *const words[] = { "checkpoint", "committed", "restored", "lease",
		                             "renewed",    "edge",      "ready",    "node",
		                             "started",    "finished",  "retry",    "backoff",
		                             "token",      "heartbeat", "payload",  "hash" };
	FILE *f = fopen(path, "we");
	if (!f)
		die(path);
	uint32_t x = 12345;
	for (int64_t i = 0; i < lines; i++) {
		x = x * 1103515245U + 12345U;
		const char *level = levels[(x >> 8) % ((x >> 16) % 5 ? 3 : 8)];
		int64_t ms = i * 7;
		char what[64];
		if ((i + 1) % 100000 == 0)
			(void)snprintf(what, sizeof(what),
			               "NEEDLE k=%d assertion failed: expected 3 got 4",
			               (int)(i / 100000));
		else
			(void)snprintf(what, sizeof(what), "%s %s %s", words[x % 16],
			               words[x >> 4 & 15], words[x >> 12 & 15]);
		(void)fprintf(f,
		              "2024-03-%02dT%02d:%02d:%02d.%03d %s node=%s-%04u iter=%06d seq=%07d "
		              "%s took=%ums\n",
		              (int)(1 + ms / 86400000 % 28), (int)(ms / 3600000 % 24),
		              (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000),
		              level, words[x >> 20 & 15], x % 9973, (int)(i / 50), (int)i, what,
		              x % 997);
	}
	int64_t size = ftell(f);
	if (fclose(f))
		die(path);
	return size;
}

/* ---- writing ---- */

enum pump { PUMP_CAT, PUMP_LOG, PUMP_REDACT, PUMP_COUNT };

static struct redact_set *secrets(void)
{
	struct redact_set *set = redact_set_new(true);
	for (int i = 0; i < 20; i++) {
		char value[64];
		int len = snprintf(value, sizeof(value), "%c%dxY!z-%08xq/%d \"k", 'a' + i, i * 7919,
		                   (unsigned int)i * 2654435761U, i);
		if (redact_secret(set, value, (size_t)len, NULL))
			exit(1);
	}
	redact_compile(set);
	return set;
}

/* What a worker does with the bytes of a step. */
static void pump_log(int fd, bool redact, bool sync)
{
	auto_free char *buf = xmalloc(CHUNK);
	auto_str out = STR_INIT;
	struct redact_set *set = redact ? secrets() : NULL;
	struct redactor *r = redact ? redactor_new(set) : NULL;
	struct log_writer *w = log_writer_new(out_path, NULL);
	ssize_t n;
	while ((n = read(fd, buf, CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("read");
		if (!r) {
			log_write(w, LOG_OUT, buf, (size_t)n, clock_wall_ms());
			continue;
		}
		str_clear(&out);
		redact_feed(r, buf, (size_t)n, &out);
		log_write(w, LOG_OUT, str_text(&out), out.len, clock_wall_ms());
	}
	if (r) {
		str_clear(&out);
		redact_flush(r, &out);
		log_write(w, LOG_OUT, str_text(&out), out.len, clock_wall_ms());
	}
	log_writer_close(w, sync);
	redactor_free(r);
	redact_set_free(set);
}

static void feed(int fd)
{
	auto_free char *buf = xmalloc(CHUNK);
	int in = open(text_path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	while ((n = read(in, buf, CHUNK)) > 0)
		if (!fs_write_all(fd, buf, (size_t)n))
			_exit(1);
	_exit(0);
}

/* Seconds from the first byte to the last; the memory of the reader in KiB. */
static double run_pump(enum pump kind, bool sync, long *ret_kib)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC))
		die("pipe");
	(void)fcntl(fds[0], F_SETPIPE_SZ, CHUNK);
	(void)unlink(out_path);
	int64_t start = clock_mono_us();
	pid_t feeder = fork();
	if (feeder == 0) {
		(void)close(fds[0]);
		feed(fds[1]);
	}
	(void)close(fds[1]);
	pid_t reader = fork();
	if (reader == 0) {
		if (kind != PUMP_CAT) {
			pump_log(fds[0], kind == PUMP_REDACT, sync);
			_exit(0);
		}
		int out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (out < 0 || dup2(fds[0], 0) < 0 || dup2(out, 1) < 0)
			_exit(1);
		if (!sync)
			(void)execlp("cat", "cat", (char *)NULL);
		else
			(void)execlp("sh", "sh", "-c", "cat; exec sync -d /dev/stdout",
			             (char *)NULL);
		_exit(127);
	}
	(void)close(fds[0]);
	struct rusage usage;
	int status, fed;
	if (wait4(reader, &status, 0, &usage) != reader || status ||
	    waitpid(feeder, &fed, 0) != feeder || fed)
		die("a child");
	*ret_kib = usage.ru_maxrss;
	return (double)(clock_mono_us() - start) / 1e6;
}

static void bench_write(int64_t bytes, bool sync)
{
	static const char *const names[] = { "cat > file", "log, index", "log, index, 20 secrets" };
	double t[PUMP_COUNT][ROUNDS_MAX];
	long kib[PUMP_COUNT] = { 0 };
	for (int i = 0; i < rounds; i++)
		for (enum pump k = 0; k < PUMP_COUNT; k++)
			t[k][i] = run_pump(k, sync, &kib[k]);
	printf("\nwriting %.0f MB through a pipe%s\n", (double)bytes / 1e6, sync ? ", synced" : "");
	double base = median(t[PUMP_CAT], rounds);
	for (enum pump k = 0; k < PUMP_COUNT; k++) {
		double m = median(t[k], rounds);
		printf("  %-28s %7.1f ms  %6.0f MB/s  %5.2f × cat  %6.1f MiB\n", names[k], m * 1e3,
		       (double)bytes / m / 1e6, m / base, (double)kib[k] / 1024);
	}
}

static void bench_redact(int64_t bytes)
{
	auto_free char *buf = xmalloc(CHUNK);
	struct redact_set *set = secrets();
	double t[ROUNDS_MAX];
	for (int i = 0; i < rounds; i++) {
		auto_str out = STR_INIT;
		struct redactor *r = redactor_new(set);
		int fd = open(text_path, O_RDONLY | O_CLOEXEC);
		int64_t spent = 0;
		ssize_t n;
		while ((n = read(fd, buf, CHUNK)) > 0) {
			str_clear(&out);
			int64_t start = clock_mono_us();
			redact_feed(r, buf, (size_t)n, &out);
			spent += clock_mono_us() - start;
		}
		(void)close(fd);
		redactor_free(r);
		t[i] = (double)spent / 1e6;
	}
	printf("\nmasking alone: %.0f MB/s\n", (double)bytes / median(t, rounds) / 1e6);
	redact_set_free(set);
}

/* ---- reading ---- */

static void bench_open(const char *path, const char *what)
{
	double t[2][ROUNDS_MAX];
	struct log_info info = { 0 };
	for (int i = 0; i < rounds; i++) {
		struct log_reader *r = NULL;
		int64_t start = clock_mono_us();
		if (log_open(path, &r, NULL))
			die(path);
		t[0][i] = (double)(clock_mono_us() - start) / 1e3;
		log_info(r, &info);
		log_close(r);
	}
	printf("  open %-36s %9.2f ms  %lld lines, %s\n", what, median(t[0], rounds),
	       (long long)info.lines, info.timed ? "timed" : "not timed");
}

static bool count_hit(void *ctx, const struct log_line *line)
{
	*(size_t *)ctx += line->len;
	return true;
}

static void bench_window(const char *path)
{
	struct log_reader *r = NULL;
	if (log_open(path, &r, NULL))
		die(path);
	struct log_info info;
	log_info(r, &info);
	enum { WINDOWS = 2000 };
	size_t sum = 0;
	int64_t start = clock_mono_us();
	for (int i = 0; i < WINDOWS; i++)
		if (log_window(r, (int64_t)i * 7919 % info.lines, 60, 4096, MIB, count_hit, &sum,
		               NULL))
			die(path);
	printf("  window of 60 lines, anywhere %25.1f us\n",
	       (double)(clock_mono_us() - start) / WINDOWS);
	log_close(r);
}

static bool spawn_rg(const char *pattern, bool caseless, bool unicode, double *ret_ms)
{
	char fold[] = "-i", sense[] = "-s", bytes[] = "--no-unicode", plain[] = "--no-config";
	char name[] = "rg", count[] = "-c", e[] = "-e";
	auto_free char *copy = xstrdup(pattern);
	char *argv[] = {
		name, plain,     count, caseless ? fold : sense, unicode ? plain : bytes, e,
		copy, text_path, NULL
	};
	posix_spawn_file_actions_t actions;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	int64_t start = clock_mono_us();
	pid_t pid;
	int status = posix_spawnp(&pid, "rg", &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (status || waitpid(pid, &status, 0) != pid || (WEXITSTATUS(status) > 1))
		return false;
	*ret_ms = (double)(clock_mono_us() - start) / 1e3;
	return true;
}

static double count_ours(const char *pattern, unsigned int flags, int64_t *ret_count)
{
	struct log_reader *r = NULL;
	auto_regex *re = NULL;
	int64_t start = clock_mono_us();
	if (log_open(out_path, &r, NULL) || regex_new(pattern, flags, &re, NULL))
		die(pattern);
	struct log_search s = { .re = re };
	if (log_count(r, &s, ret_count, NULL))
		die(pattern);
	double ms = (double)(clock_mono_us() - start) / 1e3;
	log_close(r);
	return ms;
}

static void bench_search(void)
{
	/* clang-format off */
	static const struct { const char *name, *pattern; unsigned int flags; } rows[] = {
		{ "literal", "assertion failed", 0 },
		{ "literal, caseless", "assertion failed", REGEX_CASELESS },
		{ "literal, in many lines", "checkpoint", 0 },
		{ "path", "[a-z_/]+\\.[ch]:\\d+", 0 },
		{ "words, caseless", "error|warning|failed|timeout", REGEX_CASELESS },
		{ "words", "ERROR|FATAL|NEEDLE", 0 },
		{ "number at the end", "took=99\\dms$", 0 },
		{ "time", "T12:\\d\\d:\\d\\d\\.7\\d\\d", 0 },
		{ "no literal", "\\w+-\\d{4}\\s+\\w+=\\d+7\\s", 0 },
		{ "anything but", "^[^=]*=[^=]*=[^=]*$", 0 },
	};
	/* clang-format on */
	double t[3][ROUNDS_MAX];
	if (!spawn_rg("x", false, true, &t[0][0])) {
		printf("\nsearching: skipped, rg (ripgrep) is not installed\n");
		return;
	}
	printf("\nsearching, ms               ripgrep    as bytes        ours     × the better\n");
	for (size_t k = 0; k < COUNT(rows); k++) {
		int64_t count = 0;
		bool caseless = rows[k].flags & REGEX_CASELESS;
		for (int i = 0; i < rounds; i++) {
			(void)spawn_rg(rows[k].pattern, caseless, true, &t[0][i]);
			(void)spawn_rg(rows[k].pattern, caseless, false, &t[1][i]);
			t[2][i] = count_ours(rows[k].pattern, rows[k].flags, &count);
		}
		double rg = median(t[0], rounds), bytes = median(t[1], rounds),
		       ours = median(t[2], rounds);
		printf("  %-24s %9.1f %11.1f %11.1f %9.2f   (%lld lines)\n", rows[k].name, rg,
		       bytes, ours, ours / MIN(rg, bytes), (long long)count);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "lines", required_argument, NULL, 'n' },
		                                 { "rounds", required_argument, NULL, 'r' },
		                                 { "dir", required_argument, NULL, 'd' },
		                                 { "large", no_argument, NULL, 'l' },
		                                 { NULL, 0, NULL, 0 } };
	long lines = 1000000;
	bool large = false;
	const char *dir = "/tmp";
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'n':
			lines = strtol(optarg, NULL, 10);
			break;
		case 'r':
			rounds = (int)strtol(optarg, NULL, 10);
			break;
		case 'd':
			dir = optarg;
			break;
		case 'l':
			large = true;
			break;
		default:
			return 2;
		}
	}
	rounds = MIN(MAX(rounds, 1), ROUNDS_MAX);
	char folder[200];
	(void)snprintf(folder, sizeof(folder), "%s/bench-journal-XXXXXX", dir);
	if (!mkdtemp(folder))
		die(folder);
	(void)snprintf(text_path, sizeof(text_path), "%s/text", folder);
	(void)snprintf(out_path, sizeof(out_path), "%s/log", folder);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	int64_t bytes = make_text(text_path, lines);

	bench_write(bytes, false);
	bench_write(bytes, true);
	bench_redact(bytes);
	long kib;
	(void)run_pump(PUMP_LOG, false, &kib);
	printf("\nreading\n");
	bench_open(out_path, "with its index");
	bench_open(text_path, "without an index");
	bench_window(out_path);
	bench_search();
	if (large) {
		(void)make_text(text_path, 10 * lines);
		printf("\nten times as much\n");
		bench_open(text_path, "without an index");
	}
	return fs_rmtree(folder, NULL) == ERR_OK ? 0 : 1;
}
