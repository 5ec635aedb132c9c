/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scene's loop: the node "fix" of the run that waits, its iterations, transcript, checks, question and breakers. */
#include "tests/tui/engine_loop.h"

#include <string.h>

static const struct {
	const char *state, *decision, *final, *reason, *class, *message, *feedback;
	int64_t ago_ms, took_ms, tokens, cost;
	int problems;
} rounds[] = {
	{ "rejected", "continue", NULL, "its checks failed, and iterations are left", "typecheck_failed",
	  "build failed: exit status 2, 2 errors: merge.c:10:3: expected ';'", NULL, 500000, 91000, 12300, 41200, 2 },
	{ "rejected", "continue", NULL, "its checks failed, and iterations are left", "test_failed",
	  "tests failed: exit status 1, 1 failed test: merge.c:219: expected 3, got 4",
	  "The checks of iteration 1 failed at level L1:\n- build: exit status 2, 2 errors\n", 400000, 62000, 9800, 30100, 1 },
	{ "rejected", "escalate", NULL, "two states alternate", "test_failed",
	  "tests failed: exit status 1, 1 failed test: merge.c:219: expected 3, got 4",
	  "The checks of iteration 2 failed at level L1:\n- tests: 1 failed test\n  merge.c:219: expected 3, got 4\n",
	  300000, 75000, 1234567, -1, 1 },
};
static const char *const talk[] = {
	"note> model scripted, session s-1", "agent> I look at the merge first, which is where the test complains.",
	"agent> It keeps the left side when both are new.", "think> base is 3", "think> both sides have 4",
	"usage> 580 in, 20 out", "tool> Edit merge.c", "tool< Edit: 1 line, 0.2 s", "tool> Bash make check",
	"tool< Bash: failed, 12 lines, 3.1 s: make: *** [check] Error 1", "retry> overloaded, again in 2 s",
	"agent> One test is left: I do not know why.", "note> result: success", "usage> 12.3k in, 840 out, $0.0412",
};

static void jw_known(struct jw *w, const char *key, int64_t n)
{
	if (n < 0)
		jw_null(w, key);
	else
		jw_int(w, key, n);
}

bool loop_is(const char *run)
{
	return strstr(run, "r-000004806") != NULL;
}

void loop_write_round(struct jw *w, size_t i)
{
	int64_t started = NOW_MS - rounds[i].ago_ms;
	jw_obj(w, NULL);
	jw_str(w, "run", "r-000004806");
	jw_str(w, "node", "fix");
	jw_int(w, "generation", 1);
	jw_int(w, "iteration", (int64_t)i + 1);
	jw_int(w, "attempt", 2);
	jw_int(w, "attempts", 2);
	jw_int(w, "max_attempts", 1);
	jw_str(w, "phase", "verify");
	jw_str(w, "state", "failed");
	jw_str(w, "class", rounds[i].class);
	jw_str(w, "why", rounds[i].message);
	jw_int(w, "exit_code", 1);
	jw_time(w, "started_at_ms", started + rounds[i].took_ms / 2);
	jw_time(w, "ended_at_ms", started + rounds[i].took_ms);
	jw_obj(w, "round");
	jw_str(w, "state", rounds[i].state);
	jw_str(w, "decision", rounds[i].decision);
	jw_str(w, "final", rounds[i].final);
	jw_str(w, "reason", rounds[i].reason);
	jw_int(w, "problems", rounds[i].problems);
	jw_bool(w, "verified", true);
	jw_time(w, "started_at_ms", started);
	jw_time(w, "ended_at_ms", started + rounds[i].took_ms);
	jw_int(w, "tokens", rounds[i].tokens);
	jw_known(w, "cost_micro_usd", rounds[i].cost);
	jw_end_obj(w);
	jw_obj(w, "log");
	jw_int(w, "lines", (int64_t)COUNT(talk));
	jw_end_obj(w);
	jw_end_obj(w);
}

static void write_iteration(struct jw *w, size_t i)
{
	int64_t started = NOW_MS - rounds[i].ago_ms;
	jw_obj(w, NULL);
	jw_int(w, "generation", 1);
	jw_int(w, "iteration", (int64_t)i + 1);
	jw_str(w, "state", rounds[i].state);
	jw_bool(w, "worked", true);
	jw_bool(w, "passed", false);
	jw_str(w, "class", rounds[i].class);
	jw_str(w, "message", rounds[i].message);
	jw_int(w, "problems", rounds[i].problems);
	jw_num(w, "score", 0.5);
	jw_obj(w, "decision");
	jw_str(w, "action", rounds[i].decision);
	jw_str(w, "final", rounds[i].final);
	jw_str(w, "reason", rounds[i].reason);
	jw_str(w, "trend", i ? "stagnant" : "unknown");
	jw_str(w, "detected", i == 2 ? "oscillation" : NULL);
	jw_end_obj(w);
	jw_str(w, "feedback", rounds[i].feedback);
	jw_time(w, "started_at_ms", started);
	jw_time(w, "ended_at_ms", started + rounds[i].took_ms);
	jw_int(w, "duration_ms", rounds[i].took_ms);
	jw_raw(w, "work", "{\"token\":\"7\",\"attempt\":1,\"state\":\"succeeded\",\"prompt\":null}");
	jw_raw(w, "verify", "{\"token\":\"8\",\"attempt\":2,\"state\":\"failed\"}");
	jw_obj(w, "usage");
	jw_int(w, "calls", 1);
	jw_int(w, "total", rounds[i].tokens);
	jw_known(w, "cost_micro_usd", rounds[i].cost);
	jw_end_obj(w);
	jw_end_obj(w);
}

void loop_iterations(struct jw *w, const char *query)
{
	size_t first = (size_t)query_number(query, "iteration", 1) - 1, limit = (size_t)query_number(query, "limit", 100);
	jw_obj(w, NULL);
	jw_arr(w, "items");
	for (size_t i = first; i < COUNT(rounds) && i < first + limit; i++)
		write_iteration(w, i);
	jw_end_arr(w);
	jw_null(w, "next");
	jw_raw(w, "budget", "[{\"of\":\"node\",\"what\":\"wall\",\"limit\":1800000,\"used\":275000},"
	       "{\"of\":\"node\",\"what\":\"iterations\",\"limit\":3,\"used\":3},"
	       "{\"of\":\"run\",\"what\":\"tokens\",\"limit\":1500000,\"used\":1256667},"
	       "{\"of\":\"run\",\"what\":\"cost\",\"limit\":5000000,\"used\":71300},"
	       "{\"of\":\"run\",\"what\":\"disk\",\"limit\":1073741824,\"used\":null}]");
	jw_end_obj(w);
}

const char loop_report[] =
	"{\"phase\":\"verify\",\"file\":\"/srv/work/log/3.g1.i3.a2.verify.json\",\"report\":{\"kind\":\"verify\",\"passed\":false,"
	"\"class\":\"test_failed\",\"message\":\"tests failed: exit status 1, 1 failed test: expected 3, got 4\","
	"\"levels\":[{\"level\":\"L0\",\"state\":\"passed\",\"duration_ms\":3,\"checks\":["
	"{\"name\":\"no-new-files\",\"state\":\"passed\",\"message\":\"\",\"output\":\"5 changed paths\\n\",\"duration_ms\":3},"
	"{\"name\":\"secrets\",\"state\":\"skipped_config\",\"message\":\"\",\"output\":\"\",\"duration_ms\":0}]},"
	"{\"level\":\"L1\",\"state\":\"failed\",\"duration_ms\":4100,\"checks\":["
	"{\"name\":\"build\",\"state\":\"passed\",\"message\":\"\",\"output\":\"\",\"duration_ms\":3200},"
	"{\"name\":\"tests\",\"state\":\"failed\",\"message\":\"exit status 1\",\"output\":\"case merge_octopus ok\\n"
	"merge.c:219: \\u001b[2Jexpected 3, got 4\\n\",\"duration_ms\":900}]},"
	"{\"level\":\"L2\",\"state\":\"not_reached\",\"duration_ms\":0,\"checks\":["
	"{\"name\":\"cli\",\"state\":\"not_reached\",\"message\":\"\",\"output\":\"\",\"duration_ms\":0}]}],"
	"\"skipped_levels\":[\"L3\"],\"diagnostics\":["
	"{\"level\":\"L1\",\"check\":\"tests\",\"kind\":\"failure\",\"message\":\"expected 3, got 4\",\"file\":\"merge.c\",\"line\":219},"
	"{\"level\":\"L1\",\"check\":\"tests\",\"kind\":\"error\",\"message\":\"elsewhere\",\"file\":\"../../etc/passwd\",\"line\":1},"
	"{\"level\":\"L1\",\"check\":\"build\",\"kind\":\"warning\",\"message\":\"unused variable 'base'\",\"file\":\"merge.c\",\"line\":12,\"column\":7}],"
	"\"counts\":{\"errors\":1,\"warnings\":1,\"failed_tests\":1,\"files\":1,\"failed_checks\":1}}}";
const char loop_approvals[] =
	"{\"items\":[{\"run\":\"r-000004806\",\"node\":\"fix\",\"generation\":1,\"iteration\":3,\"state\":\"open\","
	"\"question\":\"It goes in circles: two states alternate. What now?\",\"choices\":[\"continue\",\"retry\",\"redirect\",\"abort\"],"
	"\"roles\":[],\"to\":[\"build\"],\"on_timeout\":\"abort\",\"asked_at_ms\":1795269826000,\"deadline_at_ms\":1795273426000}],\"next\":null}";
const char loop_breakers[] =
	"{\"items\":[{\"name\":\"agent:claude\",\"state\":\"open\",\"failures\":5,\"until_ms\":1795270080000,\"waiting\":2,"
	"\"reason\":\"5 failures in a row\",\"who\":null},"
	"{\"name\":\"llm:local\",\"state\":\"closed\",\"failures\":0,\"until_ms\":null,\"waiting\":0,\"reason\":null,\"who\":null},"
	"{\"name\":\"llm:spare\",\"state\":\"forced_open\",\"failures\":0,\"until_ms\":null,\"waiting\":0,\"reason\":\"billing\",\"who\":\"mira\"}]}";

void loop_transcript(struct jw *w, const char *query)
{
	int64_t from = query_number(query, "from", 1);
	jw_obj(w, NULL);
	jw_raw(w, "attempt", "{\"attempt\":1,\"attempts\":2,\"state\":\"succeeded\",\"started_at_ms\":1795269751000,\"log\":{}}");
	jw_int(w, "first", from);
	jw_arr(w, "items");
	for (size_t i = from > 0 ? (size_t)from - 1 : 0; i < COUNT(talk); i++) {
		jw_obj(w, NULL);
		jw_int(w, "n", (int64_t)i + 1);
		jw_int(w, "t_ms", 1795269751000);
		jw_str(w, "s", "out");
		jw_str(w, "text", talk[i]);
		jw_int(w, "len", (int64_t)strlen(talk[i]));
		jw_end_obj(w);
	}
	jw_end_arr(w);
	jw_int(w, "lines", (int64_t)COUNT(talk));
	jw_int(w, "bytes", 1000);
	jw_bool(w, "done", true);
	jw_null(w, "cut_line");
	jw_end_obj(w);
}

size_t loop_rounds(void)
{
	return COUNT(rounds);
}
