/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A stand-in for pawld that speaks doc/API over its unix socket, with a scene that is always the same: for tests of
 * the console that need every state at a known place. Verbs change the scene and are told to the event stream.
 *
 *   engine HOME [RUNS [LINES]]    serve HOME/pawl.sock: so many finished runs more, so long a log
 *
 * POST /test/fail makes the running run fail, /test/append adds a log line, /test/hostile puts hostile
 * bytes into the log, /test/slow delays each answer, /test/flood sends 1,000 events, /test/empty has nothing. */
#include "tests/tui/engine_loop.h"

#include "base/regex.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PEERS 64
#define RUNS_FIXED 8
#define PAGE_MAX 1000

struct peer {
	int fd;
	struct str in;
	bool stream, follow;
};

struct run {
	char id[16];
	const char *workflow, *state, *reason, *current;
	int total, done, failed, running;
	int64_t started_ms, ended_ms;
	bool new_failure;
	int64_t priority;
};

struct order {
	const char *id, *workflow, *state, *reason;
	int64_t priority, waited_ms, estimate_ms;
};

static struct run runs[RUNS_FIXED] = {
	{ "r-000004812", "nightly-train", "failed", NULL, NULL, 5, 3, 1, 0, 2820000, 33000, true, 0 },
	{ "r-000004811", "fuzz-parser", "running", NULL, "fuzz", 4, 2, 0, 1, 11100000, 0, false, 5 },
	{ "r-000004810", "bisect-9f2e", "running", NULL, "build", 11, 6, 0, 1, 360000, 0, false, 0 },
	{ "r-000004809", "nightly-docs", "paused", "operator", NULL, 5, 2, 0, 0, 720000, 0, false, 0 },
	{ "r-000004807", "port-arm64", "failed", NULL, NULL, 9, 8, 1, 0, 5220000, 600000, true, 0 },
	{ "r-000004806", "soak-db", "waiting", "approval", NULL, 9, 4, 0, 0, 17520000, 0, false, 0 },
	{ "r-000004805", "nightly-train", "succeeded", NULL, NULL, 5, 5, 0, 0, 9060000, 86400000, false, 0 },
	{ "r-000004804", "nightly-docs", "canceled", "operator", NULL, 5, 1, 0, 0, 540000, 90000000, false, 0 },
};

static struct order orders[] = {
	{ "o-000000901", "fuzz-parser", "queued", NULL, 5, 41000, 30000 },
	{ "o-000000902", "nightly-docs", "queued", NULL, 0, 38000, 95000 },
	{ "o-000000903", "\xe6\x9e\x84\xe5\xbb\xba-release", "queued", NULL, 0, 22000, 150000 },
	{ "o-000000904", "port-arm64", "held", "operator: wait for the board", 0, 600000, -1 },
	{ "o-000000905", "deploy", "blocked", "waits for o-000000903", 0, 15000, -1 },
};

/* node, state, attempts, started before now, took, why */
static const struct {
	const char *node, *state, *why;
	int iteration, attempts, max;
	int64_t ago_ms, took_ms;
} iterations[] = {
	{ "test", "failed", "assert: expected 3, got 4", 1, 3, 3, 75000, 42000 },
	{ "lint", "succeeded", NULL, 1, 1, 1, 206000, 8000 },
	{ "build", "succeeded", NULL, 1, 1, 3, 206000, 131000 },
	{ "fetch", "succeeded", NULL, 1, 2, 3, 209000, 3000 },
};
static const struct {
	const char *node, *state, *needs[3];
} nodes[] = {
	{ "fetch", "succeeded", { NULL } },
	{ "build", "succeeded", { "fetch" } },
	{ "lint", "succeeded", { "fetch" } },
	{ "test", "failed", { "build", "lint" } },
	{ "report", "blocked", { "test" } },
};

static struct peer peers[PEERS];
static size_t npeers;
static int extra_runs, log_lines = 18214, appended;
static int64_t seq = 1000;
static bool queue_paused, slow, hostile, empty;
static char stops_at[32]; /* node with a breakpoint, "": none */

/* ---- objects ---- */

static const struct run *run_at(int i)
{
	static struct run made;
	if (i < RUNS_FIXED)
		return &runs[i];
	made = (struct run){ .workflow = i % 3 ? "nightly-train" : "nightly-docs",
			     .state = "succeeded", .total = 5, .done = 5 };
	(void)snprintf(made.id, sizeof(made.id), "r-%09d", 4803 - (i - RUNS_FIXED) > 0 ?
			       4803 - (i - RUNS_FIXED) : 900000000 - i);
	made.started_ms = 9000000 + i;
	made.ended_ms = 90000000LL + i * 60000LL;
	return &made;
}

static void write_failure(struct jw *w, const struct run *r)
{
	if (!r->failed) {
		jw_null(w, "failure");
		return;
	}
	jw_obj(w, "failure");
	jw_str(w, "node", "test");
	jw_int(w, "iteration", 1);
	jw_int(w, "attempt", 3);
	jw_str(w, "class", "exit");
	jw_str(w, "message", "assertion failed: expected 3, got 4");
	jw_int(w, "exit_code", 1);
	jw_null(w, "signal");
	jw_int(w, "line", log_lines - 4);
	jw_end_obj(w);
}

static void write_run(struct jw *w, const struct run *r)
{
	int64_t ended = r->ended_ms ? NOW_MS - r->ended_ms : 0;
	int64_t started = (ended ? ended : NOW_MS) - r->started_ms;
	jw_obj(w, NULL);
	jw_str(w, "id", r->id);
	jw_null(w, "order");
	jw_str(w, "workflow", r->workflow);
	jw_str(w, "state", r->state);
	jw_str(w, "reason", r->reason);
	jw_int(w, "generation", 1);
	jw_int(w, "priority", r->priority);
	jw_obj(w, "progress");
	jw_int(w, "total", r->total);
	jw_int(w, "succeeded", r->done);
	jw_int(w, "failed", r->failed);
	jw_int(w, "running", r->running);
	jw_int(w, "skipped", 0);
	jw_end_obj(w);
	jw_arr(w, "current");
	if (r->current)
		jw_str(w, NULL, r->current);
	jw_end_arr(w);
	jw_time(w, "created_at_ms", started);
	jw_time(w, "started_at_ms", started);
	jw_time(w, "ended_at_ms", ended);
	jw_int(w, "duration_ms", r->started_ms);
	if (r->running)
		jw_int(w, "eta_ms", 240000);
	else
		jw_null(w, "eta_ms");
	write_failure(w, r);
	jw_bool(w, "acknowledged", r->failed && !r->new_failure);
	jw_str(w, "workspace", "/srv/work/nightly");
	jw_int(w, "version", 1);
	jw_end_obj(w);
}

static void write_order(struct jw *w, const struct order *o, int position)
{
	bool queued = str_eq(o->state, "queued");
	jw_obj(w, NULL);
	jw_str(w, "id", o->id);
	jw_str(w, "workflow", o->workflow);
	jw_str(w, "state", o->state);
	jw_int(w, "priority", o->priority);
	if (queued)
		jw_int(w, "position", position);
	else
		jw_null(w, "position");
	if (o->estimate_ms >= 0 && queued)
		jw_int(w, "estimate_ms", o->estimate_ms);
	else
		jw_null(w, "estimate_ms");
	jw_str(w, "reason", o->reason);
	jw_null(w, "run");
	jw_str(w, "submitter", "mira");
	jw_time(w, "enqueued_at_ms", NOW_MS - o->waited_ms);
	jw_end_obj(w);
}

/* ---- the log ---- */

static int64_t line_ms(int n)
{
	return NOW_MS - 75000 + (int64_t)n * 42000 / (log_lines ? log_lines : 1);
}

static const char *const hostiles[] = {
	"\033]0;stolen title\a", "\033]52;c;c3RvbGVu\a", "\033[2J\033[H\033[?1049l", "\033[6n\033[c\033[>q",
	"\x9b" "31mC1", "a\rb\bc\x7f", "\xe2\x80\xae" "evil", "\xff\xfe\x80 bytes", "\033P$q\"p\033\\",
	"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81 zalgo", "\033[1;31mred\033[0m plain",
	"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e wide",
};

static void line_text(int n, struct str *s)
{
	static const char *const usual[] = {
		"I read chunk ", "D verify sha256 ok ", "I case merge_octopus ", "D case merge_subtree ok ",
	};
	static const char *const last[] = {
		"W conflict marker not written",
		"E test_merge.c:219: assertion failed: expected 3, got 4",
		"E   in merge_conflict (test_merge.c:188)",
		"I 1 of 212 cases failed",
		"I flushing coverage",
	};
	int left = log_lines - n;
	if (hostile && n > 100 && n <= 1100)
		str_addf(s, "%s %d", hostiles[n % (int)COUNT(hostiles)], n);
	else if (n > log_lines)
		str_addf(s, "I appended %d", n);
	else if (log_lines > 100 && left < 6 && left > 0)
		str_add(s, last[5 - left]);
	else if (n == 120)
		str_add(s, "\033[32mgreen\033[0m and \033[1;33mbold yellow\033[0m \xe6\x97\xa5\xe6\x9c\xac "
			   "NEEDLE one");
	else if (n == 3000)
		str_addf(s, "I far off: %0300d FARAWAY", n);
	else if (n == 4000)
		str_add(s, "E first error: NEEDLE two");
	else
		str_addf(s, "%s%d", usual[n % 4], n);
}

static void write_line(struct jw *w, int n)
{
	auto_str text = STR_INIT;
	line_text(n, &text);
	jw_obj(w, NULL);
	jw_int(w, "n", n);
	jw_int(w, "t_ms", line_ms(n));
	jw_str(w, "s", n % 9 ? "out" : "err");
	jw_strn(w, "text", text.p, text.len);
	jw_int(w, "len", (int64_t)text.len);
	jw_end_obj(w);
}

int64_t query_number(const char *query, const char *name, int64_t fallback)
{
	for (const char *p = query; p; p = strchr(p, '&') ? strchr(p, '&') + 1 : NULL) {
		size_t n = strlen(name);
		if (strncmp(p, name, n) == 0 && p[n] == '=')
			return strtoll(p + n + 1, NULL, 10);
	}
	return fallback;
}

static char *text_of(const char *query, const char *name)
{
	auto_str s = STR_INIT;
	for (const char *p = query; p; p = strchr(p, '&') ? strchr(p, '&') + 1 : NULL) {
		size_t n = strlen(name);
		if (strncmp(p, name, n) != 0 || p[n] != '=')
			continue;
		for (p += n + 1; *p && *p != '&'; p++) {
			char hex[3] = { p[1], p[1] ? p[2] : 0, 0 };
			if (*p == '%' && p[1] && p[2]) {
				str_add_char(&s, (char)strtoul(hex, NULL, 16));
				p += 2;
			} else {
				str_add_char(&s, *p == '+' ? ' ' : *p);
			}
		}
		return str_take(&s);
	}
	return NULL;
}

static bool log_is_live(const char *path)
{
	return strstr(path, "r-000004811") || strstr(path, "r-000004810");
}

static void log_window(struct jw *w, const char *path, const char *query)
{
	int total = log_lines + appended, n = (int)query_number(query, "lines", 200);
	int64_t from = query_number(query, "from", 1), tail = query_number(query, "tail", 0),
		around = query_number(query, "around", 0);
	if (tail)
		from = total - tail + 1, n = (int)tail;
	if (around)
		from = around - n / 2;
	if (from < 1)
		from = 1;
	bool live = log_is_live(path), failed = strstr(path, "/test/") != NULL;
	jw_obj(w, NULL);
	jw_obj(w, "attempt");
	jw_int(w, "attempt", query_number(query, "attempt", failed ? 3 : 1));
	jw_int(w, "attempts", failed ? 3 : 1);
	jw_str(w, "state", live ? "running" : failed ? "failed" : "succeeded");
	jw_time(w, "started_at_ms", NOW_MS - 75000);
	jw_time(w, "ended_at_ms", live ? 0 : NOW_MS - 33000);
	jw_obj(w, "log");
	jw_str(w, "path", "/tmp/pawl-console-test.log");
	jw_end_obj(w);
	jw_end_obj(w);
	jw_int(w, "first", from);
	jw_arr(w, "items");
	for (int64_t i = from; i < from + n && i <= total; i++)
		write_line(w, (int)i);
	jw_end_arr(w);
	jw_int(w, "lines", total);
	jw_int(w, "bytes", total * 30LL);
	jw_bool(w, "done", !live);
	jw_null(w, "cut_line");
	if (query_number(query, "errors", 0))
		jw_int(w, "first_error", failed ? log_lines - 4 : 0);
	jw_end_obj(w);
}

static void log_search(struct jw *w, const char *query)
{
	auto_free char *pattern = text_of(query, "pattern");
	auto_free char *dir = text_of(query, "dir");
	auto_regex *re = NULL;
	bool up = dir && str_eq(dir, "prev"), invert = query_number(query, "invert", 0);
	bool count = query_number(query, "count", 0);
	unsigned int flags = query_number(query, "case", 1) ? 0 : REGEX_CASELESS;
	int64_t limit = query_number(query, "limit", 100), hits = 0, from = query_number(query, "from", 1), next = 0;
	jw_obj(w, NULL);
	jw_arr(w, "hits");
	if (pattern && regex_new(pattern, flags, &re, NULL) == ERR_OK) {
		auto_str line = STR_INIT;
		for (int64_t n = count ? 1 : from; n >= 1 && n <= log_lines + appended; n += up ? -1 : 1) {
			size_t start = 0, end = 0;
			str_clear(&line);
			line_text((int)n, &line);
			if (regex_find(re, str_text(&line), line.len, 0, &start, &end, NULL) == invert)
				continue;
			if (!count && hits == limit) {
				next = n;
				break;
			}
			hits++;
			if (count)
				continue;
			jw_obj(w, NULL);
			jw_raw(w, "line", "");
			w->comma = false;
			write_line(w, (int)n);
			jw_int(w, "start", (int64_t)start);
			jw_int(w, "end", (int64_t)end);
			jw_end_obj(w);
		}
	}
	jw_end_arr(w);
	if (next)
		jw_int(w, "next", next);
	if (count)
		jw_int(w, "count", hits);
	jw_end_obj(w);
}

/* ---- lists ---- */

static bool is_in(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = list; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (strncmp(p, word, n) == 0 && (p[n] == ',' || !p[n]))
			return true;
	return false;
}

static void list_runs(struct jw *w, const char *query)
{
	auto_free char *states = text_of(query, "state");
	auto_free char *text = text_of(query, "q");
	auto_free char *after = text_of(query, "after");
	int64_t limit = query_number(query, "limit", 100), n = 0, next = -1;
	int all = empty ? 0 : RUNS_FIXED + extra_runs;
	jw_obj(w, NULL);
	jw_arr(w, "items");
	for (int i = after ? atoi(after) : 0; i < all; i++) {
		const struct run *r = run_at(i);
		if (states && str_eq(states, "failed_new")) {
			if (!r->new_failure)
				continue;
		} else if (states && !is_in(states, r->state)) {
			continue;
		}
		if (text && !strstr(r->id, text) && !strstr(r->workflow, text))
			continue;
		if (n == limit) {
			next = i;
			break;
		}
		n++;
		write_run(w, r);
	}
	jw_end_arr(w);
	char cursor[24];
	(void)snprintf(cursor, sizeof(cursor), "%lld", (long long)next);
	jw_str(w, "next", next >= 0 ? cursor : NULL);
	if (!states && !text)
		jw_int(w, "total", all);
	jw_end_obj(w);
}

static void list_orders(struct jw *w)
{
	jw_obj(w, NULL);
	jw_arr(w, "items");
	int position = 0;
	for (size_t i = 0; !empty && i < COUNT(orders); i++) {
		if (str_eq(orders[i].state, "canceled"))
			continue;
		position += str_eq(orders[i].state, "queued");
		write_order(w, &orders[i], position);
	}
	jw_end_arr(w);
	jw_null(w, "next");
	jw_int(w, "total", (int64_t)COUNT(orders));
	jw_end_obj(w);
}

static void write_engine(struct jw *w)
{
	static const char *const states[] = { "running", "waiting", "paused", "failed", "succeeded", "canceled" };
	int failures = 0, waiting = 0;
	for (size_t i = 0; i < RUNS_FIXED; i++)
		failures += runs[i].new_failure && !empty;
	for (size_t i = 0; i < COUNT(orders) && !empty; i++)
		waiting += str_eq(orders[i].state, "queued");
	jw_obj(w, NULL);
	jw_str(w, "version", "0.1.0");
	jw_int(w, "pid", 8123);
	jw_str(w, "home", "/var/lib/pawl");
	jw_int(w, "started_at_ms", NOW_MS - 273600000);
	jw_str(w, "state", "running");
	jw_obj(w, "queue");
	jw_int(w, "waiting", waiting);
	jw_int(w, "held", empty ? 0 : 1);
	jw_int(w, "oldest_wait_ms", empty ? 0 : 41000);
	jw_end_obj(w);
	jw_obj(w, "counts");
	jw_obj(w, "runs");
	for (size_t s = 0; s < COUNT(states); s++) {
		int n = 0;
		for (size_t i = 0; i < RUNS_FIXED && !empty; i++)
			n += str_eq(runs[i].state, states[s]);
		jw_int(w, states[s], n);
	}
	jw_end_obj(w);
	jw_end_obj(w);
	jw_int(w, "failures_unacknowledged", failures);
	static const int hours[] = { 0, 0, 1, 0, 3, 0, 0, 12, 0, 1, 0, 2 };
	jw_arr(w, "failures_per_hour");
	for (size_t i = 0; i < COUNT(hours); i++)
		jw_int(w, NULL, hours[i]);
	jw_end_arr(w);
	jw_bool(w, "queue_paused", queue_paused);
	jw_int(w, "last_seq", seq);
	jw_end_obj(w);
}

/* In one run the build was run again, and only the build. */
static bool is_stale(const char *run, const char *node)
{
	return strstr(run, "r-000004805") && str_eq(node, "test");
}

static void list_iterations(struct jw *w, const char *run)
{
	if (loop_is(run)) {
		jw_obj(w, NULL);
		jw_arr(w, "items");
		for (size_t i = loop_rounds(); i-- > 0;)
			loop_write_round(w, i);
		jw_end_arr(w);
		jw_null(w, "next");
		jw_end_obj(w);
		return;
	}
	bool failed = strstr(run, "r-000004812") || strstr(run, "r-000004807");
	jw_obj(w, NULL);
	jw_arr(w, "items");
	for (size_t i = 0; i < COUNT(iterations); i++) {
		bool test = str_eq(iterations[i].node, "test");
		bool live = test && log_is_live(run);
		jw_obj(w, NULL);
		jw_strn(w, "run", run, 11);
		jw_str(w, "node", iterations[i].node);
		jw_int(w, "generation", 1);
		jw_int(w, "iteration", iterations[i].iteration);
		jw_int(w, "attempt", test && !failed ? 1 : iterations[i].attempts);
		jw_int(w, "attempts", test && !failed ? 1 : iterations[i].attempts);
		jw_int(w, "max_attempts", iterations[i].max);
		jw_str(w, "state", live ? "running" : test && !failed ? "succeeded" : iterations[i].state);
		jw_bool(w, "stale", is_stale(run, iterations[i].node));
		jw_str(w, "why", test && failed ? iterations[i].why : NULL);
		if (test && failed)
			jw_int(w, "exit_code", 1);
		jw_time(w, "started_at_ms", NOW_MS - iterations[i].ago_ms);
		jw_time(w, "ended_at_ms", live ? 0 : NOW_MS - iterations[i].ago_ms + iterations[i].took_ms);
		jw_int(w, "duration_ms", iterations[i].took_ms);
		jw_obj(w, "log");
		jw_int(w, "lines", log_lines);
		jw_end_obj(w);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_null(w, "next");
	jw_int(w, "total", (int64_t)COUNT(iterations));
	jw_end_obj(w);
}

static void write_node(struct jw *w, const char *run, size_t i)
{
	bool stale = is_stale(run, nodes[i].node);
	jw_obj(w, NULL);
	jw_str(w, "node", nodes[i].node);
	jw_str(w, "kind", "run");
	jw_str(w, "state", stale ? "succeeded" : nodes[i].state);
	jw_bool(w, "stale", stale);
	jw_int(w, "iteration", 1);
	jw_int(w, "attempts", 1);
	jw_int(w, "max_attempts", 3);
	jw_arr(w, "needs");
	for (size_t k = 0; k < COUNT(nodes[i].needs) && nodes[i].needs[k]; k++)
		jw_str(w, NULL, nodes[i].needs[k]);
	jw_end_arr(w);
	for (size_t k = 0; k < COUNT(iterations); k++) {
		if (!str_eq(iterations[k].node, nodes[i].node))
			continue;
		jw_time(w, "started_at_ms", NOW_MS - iterations[k].ago_ms);
		jw_time(w, "ended_at_ms", NOW_MS - iterations[k].ago_ms + iterations[k].took_ms);
		jw_int(w, "duration_ms", iterations[k].took_ms);
	}
	jw_end_obj(w);
}

static void write_event(struct jw *w, int64_t number_, const char *type, const char *run, const char *to)
{
	jw_obj(w, NULL);
	jw_int(w, "seq", number_);
	jw_int(w, "at_ms", NOW_MS - (seq - number_) * 1000);
	jw_str(w, "type", type);
	jw_str(w, "entity", "run");
	jw_str(w, "run", run);
	jw_str(w, "from", "running");
	jw_str(w, "to", to);
	jw_str(w, "actor", "operator");
	jw_str(w, "who", "mira");
	jw_end_obj(w);
}

static void list_events(struct jw *w, const char *query)
{
	int64_t before = query_number(query, "before", seq + 1), limit = query_number(query, "limit", 100), n = 0;
	jw_obj(w, NULL);
	jw_arr(w, "items");
	for (int64_t i = before > seq ? seq : before - 1; i > 0 && n < limit; i--, n++)
		write_event(w, i, i % 4 ? "node.succeeded" : "run.paused", runs[i % RUNS_FIXED].id,
			    i % 4 ? "succeeded" : "paused");
	jw_end_arr(w);
	jw_null(w, "next");
	jw_end_obj(w);
}

/* ---- answering ---- */

static void send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return; /* the console went away */
		p += sent;
		n -= (size_t)sent;
	}
}

static void answer(int fd, int status, const struct str *body)
{
	auto_str head = STR_INIT;
	str_addf(&head, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		 status, body->len);
	send_all(fd, head.p, head.len);
	send_all(fd, str_text(body), body->len);
}

static void add_chunk(struct str *out, const char *text, size_t len)
{
	str_addf(out, "%zx\r\n", len);
	str_add_len(out, text, len);
	str_add(out, "\r\n");
}

static void publish(const char *type, const char *run, const char *to)
{
	auto_str json = STR_INIT, event = STR_INIT, out = STR_INIT;
	struct jw w = jw_begin(&json);
	write_event(&w, ++seq, type, run, to);
	str_addf(&event, "id: %lld\nevent: %s\ndata: %s\n\n", (long long)seq, type, str_text(&json));
	add_chunk(&out, event.p, event.len);
	for (size_t i = 0; i < npeers; i++)
		if (peers[i].stream)
			send_all(peers[i].fd, out.p, out.len);
}

static void publish_line(void)
{
	auto_str json = STR_INIT, event = STR_INIT, out = STR_INIT;
	struct jw w = jw_begin(&json);
	appended++;
	jw_obj(&w, NULL);
	jw_arr(&w, "items");
	write_line(&w, log_lines + appended);
	jw_end_arr(&w);
	jw_int(&w, "lines", log_lines + appended);
	jw_int(&w, "bytes", (log_lines + appended) * 30LL);
	jw_end_obj(&w);
	str_addf(&event, "event: lines\ndata: %s\n\n", str_text(&json));
	add_chunk(&out, event.p, event.len);
	for (size_t i = 0; i < npeers; i++)
		if (peers[i].follow)
			send_all(peers[i].fd, out.p, out.len);
}

static void open_stream(struct peer *p, bool follow)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n8\r\n: hello\n\r\n1\r\n\n\r\n";
	p->stream = !follow;
	p->follow = follow;
	send_all(p->fd, head, sizeof(head) - 1);
}

static int refuse(struct str *body, const char *state, const char *verb)
{
	struct jw w = jw_begin(body);
	auto_free char *text = xasprintf("%s is not possible while it is %s", verb, state);
	jw_obj(&w, NULL);
	jw_str(&w, "code", "conflict");
	jw_str(&w, "message", text);
	jw_end_obj(&w);
	return 409;
}

static int change_run(struct run *r, const char *verb, const char *body_text, struct str *body)
{
	static const struct { const char *verb, *from, *to; } moves[] = {
		{ "pause", "running waiting", "paused" }, { "freeze", "running", "frozen" },
		{ "resume", "paused frozen", "running" },
		{ "cancel", "running waiting paused frozen", "canceled" }, { "step", "paused", "running" },
		{ "until", "running paused", "running" }, { "retry", "failed canceled paused", "running" },
		{ "resume-from", "failed canceled paused succeeded", "running" },
		{ "rollback", "failed running paused succeeded canceled", "paused" },
	};
	const char *to = NULL;
	for (size_t i = 0; i < COUNT(moves); i++)
		if (str_eq(moves[i].verb, verb) && strstr(moves[i].from, r->state))
			to = moves[i].to;
	if (str_eq(verb, "acknowledge") || str_eq(verb, "priority") || str_eq(verb, "skip") ||
	    str_eq(verb, "mark") || str_eq(verb, "undo") || str_eq(verb, "decide") || str_eq(verb, "fork"))
		to = r->state;
	if (!to)
		return refuse(body, r->state, verb);
	r->state = to;
	if (str_eq(verb, "acknowledge"))
		r->new_failure = false;
	const char *priority = strstr(body_text, "\"priority\":");
	if (priority)
		r->priority = atoll(priority + 11);
	struct jw w = jw_begin(body);
	write_run(&w, r);
	publish(str_eq(verb, "acknowledge") ? "run.acknowledged" : "run.changed", r->id, to);
	return 200;
}

static int change_order(struct order *o, const char *verb, const char *body_text, struct str *body)
{
	if (str_eq(verb, "hold"))
		o->state = "held";
	else if (str_eq(verb, "release"))
		o->state = "queued";
	else if (str_eq(verb, "cancel"))
		o->state = "canceled";
	const char *priority = strstr(body_text, "\"priority\":");
	if (priority)
		o->priority = atoll(priority + 11);
	struct jw w = jw_begin(body);
	write_order(&w, o, 1);
	publish("order.changed", NULL, o->state);
	return 200;
}

static int breakpoints(const char *method, const char *body_text, struct str *body)
{
	const char *node = strstr(body_text, "\"node\":\"");
	if (str_eq(method, "DELETE"))
		stops_at[0] = '\0';
	else if (str_eq(method, "POST") && node)
		(void)snprintf(stops_at, sizeof(stops_at), "%.*s", (int)strcspn(node + 8, "\""), node + 8);
	if (*stops_at)
		str_addf(body, "{\"items\":[{\"number\":1,\"node\":\"%s\",\"when\":{\"state\":null,"
			 "\"class\":null,\"output\":null},\"hits\":0,\"hit\":0}]}", stops_at);
	else
		str_add(body, "{\"items\":[]}");
	return 200;
}

static void list_checkpoints(struct jw *w)
{
	static const struct { const char *name, *files, *why_not; int ago_s; } points[] = {
		{ "start", "empty", NULL, 240 }, { "fetch", "kept", NULL, 206 },
		{ "lint", "not_kept", "no space left on device", 198 }, { "build", "kept", NULL, 75 },
	};
	jw_obj(w, NULL);
	jw_arr(w, "items");
	for (size_t i = 0; i < COUNT(points); i++) {
		jw_obj(w, NULL);
		jw_int(w, "number", (int64_t)i);
		jw_str(w, "name", points[i].name);
		jw_str(w, "node", i ? points[i].name : NULL);
		jw_bool(w, "stands", true);
		jw_str(w, "files", points[i].files);
		jw_int(w, "generation", 1);
		jw_str(w, "workstream", "main");
		jw_int(w, "at_ms", NOW_MS - points[i].ago_s * 1000LL);
		jw_str(w, "why_not", points[i].why_not);
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_null(w, "next");
	jw_obj(w, "way_back");
	jw_str(w, "step", "done");
	jw_int(w, "lost_ms", 75000);
	jw_int(w, "took_ms", 42);
	jw_null(w, "error");
	jw_end_obj(w);
	jw_end_obj(w);
}

static int post(const char *path, const char *body_text, struct str *body)
{
	const char *verb = strrchr(path, '/') + 1;
	if (str_starts(path, "/test/")) {
		if (str_eq(verb, "fail")) {
			runs[1].state = "failed";
			runs[1].failed = 1;
			runs[1].new_failure = true;
			runs[1].ended_ms = 1000;
			publish("run.failed", runs[1].id, "failed");
		}
		for (int i = 0; str_eq(verb, "append") && i < 3; i++)
			publish_line();
		for (int i = 0; str_eq(verb, "flood") && i < 1000; i++)
			publish("node.changed", runs[1].id, "running");
		hostile = hostile || str_eq(verb, "hostile");
		slow = str_eq(verb, "slow");
		empty = empty || str_eq(verb, "empty");
		str_add(body, "{}");
		return 200;
	}
	for (size_t i = 0; i < RUNS_FIXED; i++)
		if (strstr(path, runs[i].id))
			return change_run(&runs[i], verb, body_text, body);
	for (size_t i = 0; i < COUNT(orders); i++)
		if (strstr(path, orders[i].id))
			return change_order(&orders[i], verb, body_text, body);
	if (str_starts(path, "/v1/queue/")) {
		queue_paused = str_eq(verb, "pause");
		publish("queue.changed", NULL, NULL);
	}
	if (str_eq(verb, "validate")) {
		bool bad = strstr(body_text, "bogus") != NULL;
		str_add(body, bad ? "{\"valid\":false,\"issues\":[{\"line\":3,\"column\":5,\"path\":\"nodes.a\","
				    "\"message\":\"unknown key 'bogus'; did you mean 'run'?\"}]}" :
				    "{\"valid\":true,\"issues\":[],\"name\":\"demo\",\"params\":["
				    "{\"name\":\"suite\",\"type\":\"enum\",\"choices\":[\"unit\",\"all\"],"
				    "\"default\":\"unit\",\"help\":\"which tests\"},"
				    "{\"name\":\"jobs\",\"type\":\"int\",\"required\":true,\"help\":\"how many\"}]}");
		return 200;
	}
	if (str_eq(verb, "orders")) {
		publish("order.submitted", NULL, "queued");
		str_add(body, "{\"id\":\"o-000000999\",\"state\":\"queued\",\"position\":4}");
		return 201;
	}
	str_add(body, str_eq(verb, "fsck") ? "{\"ok\":true,\"checks\":[]}" : "{}");
	return 200;
}

static int get(const char *path, const char *query, struct str *body)
{
	struct jw w = jw_begin(body);
	const char *run = str_starts(path, "/v1/runs/") ? path + 9 : NULL;
	if (str_eq(path, "/v1/engine"))
		write_engine(&w);
	else if (str_eq(path, "/v1/orders"))
		list_orders(&w);
	else if (str_eq(path, "/v1/runs"))
		list_runs(&w, query);
	else if (str_eq(path, "/v1/approvals"))
		str_add(body, empty ? "{\"items\":[]}" : loop_approvals);
	else if (str_eq(path, "/v1/breakers"))
		str_add(body, loop_breakers);
	else if (str_eq(path, "/v1/events"))
		list_events(&w, query);
	else if (run && strstr(run, "/log/search"))
		log_search(&w, query);
	else if (run && loop_is(run) && strstr(run, "/log"))
		loop_transcript(&w, query);
	else if (run && strstr(run, "/log"))
		log_window(&w, path, query);
	else if (run && strstr(run, "/report"))
		str_add(body, loop_report);
	else if (run && strstr(run, "/nodes/") && strstr(run, "/iterations"))
		loop_iterations(&w, query);
	else if (run && strstr(run, "/iterations"))
		list_iterations(&w, run);
	else if (run && strstr(run, "/definition"))
		str_add(body, "{\"name\":\"nightly-train\",\"source\":\"name: nightly-train\\nnodes: {}\\n\","
			      "\"nodes\":[{\"name\":\"test\",\"kind\":\"run\",\"needs\":[{\"node\":\"build\"}],"
			      "\"timeout_ms\":600000,\"run\":\"make check\\nmake report\"}]}");
	else if (run && strstr(run, "/preview"))
		str_add(body, "{\"run\":\"r-000004812\",\"verb\":\"retry\",\"items\":["
			      "{\"node\":\"fetch\",\"state\":\"succeeded\",\"verdict\":\"kept\",\"why\":\"not after it\"},"
			      "{\"node\":\"test\",\"state\":\"failed\",\"verdict\":\"rerun\",\"why\":\"failed\"},"
			      "{\"node\":\"report\",\"state\":\"skipped\",\"verdict\":\"rerun\",\"why\":\"needs test\"}],"
			      "\"counts\":{\"open\":0,\"kept\":2,\"rerun\":2,\"stale\":0,\"ineligible\":1},\"files\":["
			      "{\"workstream\":\"main\",\"action\":\"restore\",\"written\":[\"src/merge.c\",\"Makefile\"],\"nwritten\":2,"
			      "\"removed\":[\"core\"],\"nremoved\":1,\"not_covered_names\":[],\"conflict\":null}],"
			      "\"workspace\":\"goes back, too\"}");
	else if (run && strstr(run, "/breakpoints"))
		(void)breakpoints("GET", "", body);
	else if (run && strstr(run, "/checkpoints"))
		list_checkpoints(&w);
	else if (run && strstr(run, "/why"))
		str_add(body, "{\"node\":\"report\",\"state\":\"pending\",\"verdict\":\"waits\",\"generation\":1,"
			      "\"reasons\":[{\"kind\":\"needs\",\"holds\":true,\"text\":\"build succeeded\"},"
			      "{\"kind\":\"needs\",\"holds\":false,\"text\":\"test failed: assertion failed\"},"
			      "{\"kind\":\"slots\",\"holds\":null,\"text\":\"2 of 4 slots are free\"}],\"history\":["
			      "{\"generation\":1,\"state\":\"failed\",\"iteration\":1,\"attempts\":3,\"class\":\"exit\","
			      "\"reason\":\"exit code 1\",\"stale\":false,\"started_at_ms\":1795269976000}]}");
	else if (run && strstr(run, "/compare"))
		str_add(body, "{\"run\":\"r-000004812\",\"node\":\"test\","
			      "\"a\":{\"run\":\"r-000004805\",\"node\":\"test\",\"generation\":1,\"iteration\":1,\"attempt\":1,"
			      "\"state\":\"succeeded\",\"exit_code\":0,\"duration_ms\":38000,\"log_lines\":212},"
			      "\"b\":{\"run\":\"r-000004812\",\"node\":\"test\",\"generation\":1,\"iteration\":1,\"attempt\":3,"
			      "\"state\":\"failed\",\"exit_code\":1,\"duration_ms\":42000,\"log_lines\":18214},"
			      "\"params\":[{\"name\":\"suite\",\"a\":\"unit\",\"b\":\"all\"}],\"environment\":[],\"outputs\":null,"
			      "\"files\":{\"total\":1,\"error\":null,\"items\":[{\"path\":\"merge.c\",\"change\":\"modified\"}]},"
			      "\"definition\":null,\"log\":{\"same\":210,\"removed\":1,\"added\":2,\"truncated\":false,\"hunks\":["
			      "{\"a\":100,\"b\":100,\"lines\":[{\"op\":\"same\",\"text\":\"case merge_empty ... ok\"},"
			      "{\"op\":\"remove\",\"text\":\"case merge_conflict ... ok\"},"
			      "{\"op\":\"add\",\"text\":\"\\u001b[2Jassertion failed: expected 3, got 4\"}]},"
			      "{\"a\":210,\"b\":211,\"lines\":[{\"op\":\"add\",\"text\":\"1 of 212 cases failed\"}]}]}}");
	else if (run && strstr(run, "/diff"))
		str_add(body, "{\"from\":\"3\",\"to\":\"now\",\"workstream\":\"main\",\"total\":2,\"items\":["
			      "{\"path\":\"merge.c\",\"change\":\"modified\"},{\"path\":\"core\",\"change\":\"added\"}],"
			      "\"text\":\"diff --git a/merge.c b/merge.c\\nindex 5626abf..d1e2a9f 100644\\n--- a/merge.c\\n"
			      "+++ b/merge.c\\n@@ -1 +1,2 @@\\n int left;\\n+int right;\\n\"}");
	else if (run && strstr(run, "/attempts"))
		str_add(body, "{\"items\":[{\"attempt\":3,\"state\":\"failed\",\"exit_code\":1},"
			      "{\"attempt\":2,\"state\":\"failed\",\"exit_code\":1}],\"next\":null}");
	else if (run && strstr(run, "/nodes/"))
		write_node(&w, run, 3);
	else if (run && strstr(run, "/nodes")) {
		jw_obj(&w, NULL);
		jw_arr(&w, "items");
		for (size_t i = 0; i < COUNT(nodes); i++)
			write_node(&w, run, i);
		jw_end_arr(&w);
		jw_null(&w, "next");
		jw_end_obj(&w);
	} else if (run) {
		for (int i = 0; i < RUNS_FIXED + extra_runs; i++)
			if (str_starts(run, run_at(i)->id)) {
				write_run(&w, run_at(i));
				return 200;
			}
	}
	if (body->len)
		return 200;
	str_add(body, "{\"code\":\"not_found\",\"message\":\"no such thing\"}");
	return 404;
}

static void serve_request(struct peer *p, char *request)
{
	auto_str body = STR_INIT;
	char *method = request, *path = strchr(request, ' ');
	char *end = path ? strchr(path + 1, ' ') : NULL;
	const char *content = end ? strstr(end + 1, "\r\n\r\n") : NULL;
	if (!end || !content)
		return;
	*path++ = *end = '\0';
	char *query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	if (slow && !str_starts(path, "/test/")) {
		const struct timespec pause = { 0, 400000000 };
		(void)nanosleep(&pause, NULL);
	}
	if (strstr(path, "/events/stream") || strstr(path, "/log/follow")) {
		open_stream(p, strstr(path, "/log/follow") != NULL);
		return;
	}
	int status = strstr(path, "/breakpoints") ? breakpoints(method, content + 4, &body) :
		     str_eq(method, "POST") ? post(path, content + 4, &body) : get(path, query, &body);
	answer(p->fd, status, &body);
}

static size_t whole(const struct str *in)
{
	const char *end = in->len ? strstr(in->p, "\r\n\r\n") : NULL;
	if (!end)
		return 0;
	const char *length = strcasestr(in->p, "Content-Length: ");
	size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
	size_t all = (size_t)(end + 4 - in->p) + body;
	return all <= in->len ? all : 0;
}

static bool serve(struct peer *p)
{
	char buffer[16384];
	ssize_t n = recv(p->fd, buffer, sizeof(buffer), 0);
	if (n <= 0)
		return false;
	str_add_len(&p->in, buffer, (size_t)n);
	for (size_t len; (len = whole(&p->in)) != 0;) {
		auto_free char *request = xstrndup(p->in.p, len);
		memmove(p->in.p, p->in.p + len, p->in.len - len + 1);
		p->in.len -= len;
		serve_request(p, request);
	}
	return true;
}

int main(int argc, char **argv)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (argc < 2)
		return 2;
	extra_runs = argc > 2 ? atoi(argv[2]) : 0;
	log_lines = argc > 3 ? atoi(argv[3]) : log_lines;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/pawl.sock", argv[1]);
	(void)unlink(to.sun_path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&to, sizeof(to)) || listen(listener, 64)) {
		perror(to.sun_path);
		return 1;
	}
	for (;;) {
		struct pollfd fds[PEERS + 1] = { { listener, POLLIN, 0 } };
		size_t n = npeers;
		for (size_t i = 0; i < n; i++)
			fds[i + 1] = (struct pollfd){ peers[i].fd, POLLIN, 0 };
		if (poll(fds, n + 1, -1) < 0 && errno != EINTR)
			return 1;
		for (size_t i = n; i-- > 0;) {
			if (!fds[i + 1].revents || serve(&peers[i]))
				continue;
			(void)close(peers[i].fd);
			str_done(&peers[i].in);
			peers[i] = peers[--npeers];
		}
		int fd = fds[0].revents && npeers < PEERS ? accept(listener, NULL, NULL) : -1;
		if (fd >= 0)
			peers[npeers++] = (struct peer){ .fd = fd };
	}
}
