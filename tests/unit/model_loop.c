/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strategies against histories: converging, oscillating, stuck and noisy ones. A history is a word an iteration:
 *
 *	p    passed            f5   failed with 5 problems (f alone: 1)     x    the work itself failed
 *	2f5  … after 2 levels  g    no gate, the work ended well
 *
 * and after that: a capital letter, what it made (none: something new each time); a digit after /, the signature of its
 * diagnostics; ! nothing changed; ~ says the same as the last one; d says "DONE" in a line of its own; D says it in
 * the middle of a line. */
#include "model/feedback.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct graph_loop fixed = { .strategy = LOOP_FIXED, .max = 3, .min = 1, .window = 3, .similarity = 0.95,
				   .threshold = 0.1 };
static struct graph_loop fixed9 = { .strategy = LOOP_FIXED, .max = 9, .min = 1, .window = 3, .similarity = 0.95,
				    .threshold = 0.1 };
static struct graph_loop least3 = { .strategy = LOOP_FIXED, .max = 9, .min = 3, .window = 3, .similarity = 0.95,
				    .threshold = 0.1 };
static struct graph_loop hybrid = { .strategy = LOOP_HYBRID, .max = 5, .base = 3, .bonus = 2, .min = 1, .window = 3,
				    .similarity = 0.95, .threshold = 0.1 };
static struct graph_loop ralph = { .strategy = LOOP_RALPH, .max = 10, .min = 2, .window = 3, .similarity = 0.95,
				   .threshold = 0.1 };
static struct graph_loop ralph4 = { .strategy = LOOP_RALPH, .max = 4, .min = 2, .window = 3, .similarity = 0.95,
				    .threshold = 0.1 };

/* clang-format off */
static const struct {
	struct graph_loop *loop;
	const char *history;
	int ends; /* after so many */
	enum loop_final final;
	const char *detected;
} rows[] = {
	/* one iteration, without a loop */
	{ NULL,    "p",              1, FINAL_PASSED, NULL },
	{ NULL,    "f3",             1, FINAL_MAX_ITERATIONS, NULL },
	{ NULL,    "x",              1, FINAL_ERROR, NULL },
	/* converging */
	{ &fixed,  "p",              1, FINAL_PASSED, NULL },
	{ &fixed,  "f5 f2 p",        3, FINAL_PASSED, NULL },
	{ &fixed,  "f5 f2 f1",       3, FINAL_MAX_ITERATIONS, NULL },
	{ &fixed,  "x f2 p",         3, FINAL_PASSED, NULL },
	{ &fixed,  "f2 f1 x",        3, FINAL_ERROR, NULL },
	{ &hybrid, "f9 f5 p",        3, FINAL_PASSED, NULL },
	{ &hybrid, "f9 f5 f3 f1 p",  5, FINAL_PASSED, NULL },
	{ &hybrid, "f9 f5 f3 f2 f1", 5, FINAL_MAX_ITERATIONS, NULL },
	{ &hybrid, "f9 1f9 2f9 2f4 p", 5, FINAL_PASSED, NULL },
	/* too slow, or not at all */
	{ &hybrid, "f9 f9 f9",       3, FINAL_STRATEGY, NULL },
	{ &hybrid, "f99 f98 f97",    3, FINAL_STRATEGY, NULL },
	{ &hybrid, "f9 f5 f6",       3, FINAL_STRATEGY, NULL },
	{ &hybrid, "2f9 1f3 1f1",    3, FINAL_STRATEGY, NULL },
	{ &hybrid, "f9 f5 f3 f3",    4, FINAL_STRATEGY, NULL },
	/* noisy: a good one after a bad one is no progress while an earlier one was better */
	{ &hybrid, "f5 f3 f6",       3, FINAL_STRATEGY, NULL },
	{ &hybrid, "f5 f8 f4 f6",    4, FINAL_STRATEGY, NULL },
	{ &hybrid, "f6 f8 f5 f3 p",  5, FINAL_PASSED, NULL },
	/* stuck */
	{ &fixed9, "f5A f5A! f5A!",  3, FINAL_LOOP, "no_change" },
	{ &fixed9, "f5A f4B f5A f6C f5A", 5, FINAL_LOOP, "repeat" },
	{ &fixed9, "f5/1 f5/1 f5/1", 3, FINAL_LOOP, "diagnostics" },
	{ &fixed9, "f9/1 f7/1 f5/1 f3/1 f2/1 f1/1 p", 7, FINAL_PASSED, NULL },
	{ &fixed9, "f5/1 f5/2 f5/1 f5/3 f5/1 f5/1 f5/1", 7, FINAL_LOOP, "diagnostics" },
	{ &fixed9, "f5! f4 f3! f2 p", 5, FINAL_PASSED, NULL },
	/* oscillating */
	{ &fixed9, "f5A f4B f5A f4B", 4, FINAL_LOOP, "oscillation" },
	{ &fixed9, "f5/1 f4/2 f5/1 f4/2", 4, FINAL_LOOP, "oscillation" },
	{ &fixed9, "f5C f5A f4B f5A f4B", 5, FINAL_LOOP, "oscillation" },
	{ &fixed9, "f5A f4B f5C f4B p", 5, FINAL_PASSED, NULL },
	{ &ralph,  "f5A f4B f5A f4B", 4, FINAL_LOOP, "oscillation" },
	/* the minimum does not keep it from what was found, nor does a pass that is complete wait */
	{ &least3, "f f p",          3, FINAL_PASSED, NULL },
	/* ralph: goes on after a pass until the minimum */
	{ &ralph,  "p p",            2, FINAL_PASSED, NULL },
	{ &ralph,  "f3 p",           2, FINAL_PASSED, NULL },
	{ &ralph,  "pd",             1, FINAL_PASSED, NULL },
	{ &ralph,  "pD p",           2, FINAL_PASSED, NULL },
	{ &ralph,  "f3d f3d f2d p",  4, FINAL_PASSED, NULL },
	{ &ralph4, "f4d f3d f2d f1d", 4, FINAL_MAX_ITERATIONS, NULL },
	{ &ralph,  "f3 f3~ f2~",     3, FINAL_LOOP, "similar" },
	{ &ralph,  "f3 f3~ f2 f1~ p", 5, FINAL_PASSED, NULL },
	{ &ralph,  "g g gd",         3, FINAL_PASSED, NULL },
	{ &ralph,  "g g~ g~",        3, FINAL_PASSED, NULL },
	{ &ralph4, "g gD g g",       4, FINAL_MAX_ITERATIONS, NULL },
	{ &ralph4, "x x x p",        4, FINAL_PASSED, NULL },
	{ &ralph4, "f f f p",        4, FINAL_PASSED, NULL },
};
/* clang-format on */

static void parse_word(const char *p, int i, struct loop_round *r, char *said)
{
	static int number;
	*r = (struct loop_round){ .worked = true, .verified = true, .changed = true, .problems = 1 };
	r->content = 1000 + (uint64_t)++number;
	(void)snprintf(said, 120, "words of round %d: a%d b%d c%d and so on", i, i, i, i);
	if (*p >= '0' && *p <= '9')
		r->level = *p++ - '0';
	r->worked = *p != 'x';
	r->verified = *p == 'p' || *p == 'f';
	r->passed = *p == 'p' || *p == 'g';
	p++;
	if (*p >= '0' && *p <= '9')
		r->problems = (int)strtol(p, (char **)(uintptr_t)&p, 10);
	for (; *p && *p != ' '; p++) {
		if (*p == '/')
			r->signature = (uint64_t)*++p;
		else if (*p == '!')
			r->changed = false;
		else if (*p == 'd')
			(void)snprintf(said, 120, "round %d is over\n  **DONE** \nsee you", i);
		else if (*p == 'D')
			(void)snprintf(said, 120, "round %d is not DONE yet, x%d", i, i);
		else if (*p == '~')
			(void)snprintf(said, 120, "%s", said - 120);
		else
			r->content = (uint64_t)*p;
	}
	r->said = said;
}

START_TEST(histories_end_as_they_should)
{
	struct loop_round rounds[12] = { 0 };
	char said[13][120] = { "" };
	struct loop_decision d = { 0 };
	int n = 0;
	for (const char *p = rows[_i].history; p; p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL) {
		ck_assert_msg(n == 0 || d.action == LOOP_CONTINUE, "%s: stopped after %d: %s", rows[_i].history, n, d.reason);
		parse_word(p, n, &rounds[n], said[n + 1]);
		struct loop_case c = { .loop = rows[_i].loop, .iteration = n + 1, .now = rounds[n], .previous = rounds,
				       .nprevious = (size_t)n };
		n++;
		loop_decide(&c, &d);
		ck_assert(d.reason[0]);
		if (d.action == LOOP_STOP)
			break;
	}
	ck_assert_msg(d.action == LOOP_STOP, "%s goes on: %s", rows[_i].history, d.reason);
	ck_assert_msg(n == rows[_i].ends, "%s ended after %d: %s", rows[_i].history, n, d.reason);
	ck_assert_str_eq(loop_final_name(d.final), loop_final_name(rows[_i].final));
	ck_assert_str_eq(d.detected ? d.detected : "", rows[_i].detected ? rows[_i].detected : "");
}
END_TEST

/* The order of the rules: each row says what else is true at the same time. */
START_TEST(rules_come_in_their_order)
{
	struct loop_round passed = { .worked = true, .verified = true, .passed = true, .changed = true };
	struct loop_round bad = { .worked = true, .verified = true, .changed = true, .problems = 2, .content = 7 };
	struct loop_round before[4] = { bad, bad, bad, bad };
	struct loop_decision d, answer = { .action = LOOP_RETRY, .reason = "because" };
	struct loop_case c = { .loop = &fixed, .iteration = 3, .now = passed, .previous = before, .nprevious = 2,
			       .canceled = true, .limit = "no money", .limit_final = FINAL_BUDGET, .breaker = "it is open" };
	loop_decide(&c, &d);
	ck_assert_int_eq(d.final, FINAL_CANCELED);
	c.canceled = false;
	loop_decide(&c, &d); /* what passed has passed: no limit takes it back */
	ck_assert_int_eq(d.final, FINAL_PASSED);
	c.now = bad;
	loop_decide(&c, &d);
	ck_assert_int_eq(d.final, FINAL_BUDGET);
	ck_assert_str_eq(d.reason, "no money");
	c.limit = NULL;
	loop_decide(&c, &d); /* the maximum before what is going in circles */
	ck_assert_int_eq(d.final, FINAL_MAX_ITERATIONS);
	ck_assert_ptr_null(d.detected);
	c.loop = &fixed9;
	loop_decide(&c, &d);
	ck_assert_int_eq(d.final, FINAL_LOOP);
	before[0].content = before[1].content = 0;
	loop_decide(&c, &d);
	ck_assert_int_eq(d.action, LOOP_ESCALATE);
	ck_assert_str_eq(d.reason, "it is open");
	c.breaker = NULL;
	loop_decide(&c, &d);
	ck_assert_int_eq(d.action, LOOP_CONTINUE);
	c.loop = &least3;
	c.iteration = 1;
	loop_decide(&c, &d);
	ck_assert_ptr_nonnull(strstr(d.reason, "at least 3"));
	struct graph_loop own = { .strategy = LOOP_CUSTOM, .max = 5, .min = 1 };
	c.loop = &own;
	loop_decide(&c, &d);
	ck_assert_int_eq(d.action, LOOP_ESCALATE); /* no answer: a person is asked */
	c.answer = &answer;
	loop_decide(&c, &d);
	ck_assert_int_eq(d.action, LOOP_RETRY);
	ck_assert_str_eq(d.reason, "because");
	/* A command that says stop does not make a failing gate pass. */
	answer.action = LOOP_STOP;
	loop_decide(&c, &d);
	ck_assert_int_eq(d.final, FINAL_STRATEGY);
	c.now = passed;
	loop_decide(&c, &d);
	ck_assert_int_eq(d.final, FINAL_PASSED);
}
END_TEST

START_TEST(a_trend_is_known_from_the_second_on)
{
	struct loop_round a = { .worked = true, .verified = true, .changed = true, .problems = 10 };
	struct loop_case c = { .loop = &fixed9, .iteration = 1, .now = a };
	struct loop_decision d;
	static const struct { int problems; enum loop_trend trend; } trends[] = {
		{ 5, TREND_IMPROVING }, { 10, TREND_STAGNANT }, { 20, TREND_REGRESSING },
	};
	loop_decide(&c, &d);
	ck_assert_int_eq(d.trend, TREND_UNKNOWN);
	for (size_t i = 0; i < COUNT(trends); i++) {
		c.iteration = 2;
		c.previous = &a;
		c.nprevious = 1;
		c.now.problems = trends[i].problems;
		loop_decide(&c, &d);
		ck_assert_str_eq(loop_trend_name(d.trend), loop_trend_name(trends[i].trend));
	}
}
END_TEST

START_TEST(likeness_is_of_sets_of_words)
{
	ck_assert(loop_likeness("", "") > 0.99);
	ck_assert(loop_likeness("a b c", "C, b: a a") > 0.99);
	ck_assert(loop_likeness("a b", "c d") < 0.01);
	double half = loop_likeness("a b c", "b c d");
	ck_assert(half > 0.49 && half < 0.51);
	ck_assert(loop_likeness("x", NULL) < 0.01);
}
END_TEST

START_TEST(a_signal_is_a_whole_line)
{
	char own[] = "FERTIG", *list[] = { own };
	struct graph_loop l = { .strategy = LOOP_RALPH }, mine = { .signals = list, .nsignals = 1 };
	ck_assert_str_eq(loop_signal(&l, "x\nTASK_COMPLETE\n"), "TASK_COMPLETE");
	ck_assert_str_eq(loop_signal(&l, "`DONE`\r\n"), "DONE");
	ck_assert_str_eq(loop_signal(&l, "so\n[COMPLETE]"), "[COMPLETE]");
	ck_assert_ptr_null(loop_signal(&l, "I am not DONE\nDONE soon\nUNDONE\nTASK_COMPLETELY\n"));
	ck_assert_ptr_null(loop_signal(&l, ""));
	ck_assert_ptr_null(loop_signal(&l, NULL));
	ck_assert_ptr_null(loop_signal(&mine, "DONE"));
	ck_assert_str_eq(loop_signal(&mine, "FERTIG"), "FERTIG");
}
END_TEST

/* clang-format off */
static const struct { const char *json; enum loop_action action; const char *says; } answers[] = {
	{ "{\"decision\":\"continue\",\"reason\":\"why\",\"feedback\":\"do this\"}", LOOP_CONTINUE, "why" },
	{ "{\"decision\":\"stop\"}", LOOP_STOP, "decided so" },
	{ "{\"decision\":\"escalate\",\"reason\":\"\"}", LOOP_ESCALATE, "decided so" },
	{ "{\"decision\":\"halt\"}", LOOP_ACTION_COUNT, "halt" },
	{ "{\"reason\":\"x\"}", LOOP_ACTION_COUNT, "decision" },
	{ "[]", LOOP_ACTION_COUNT, "object" },
};
/* clang-format on */

START_TEST(a_command_answers_in_json)
{
	auto_json *v = NULL;
	struct loop_decision d;
	struct err err = { 0 };
	ck_assert_int_eq(json_parse(answers[_i].json, strlen(answers[_i].json), KIB, &v, NULL), ERR_OK);
	enum err_code code = loop_answer(v, &d, &err);
	ck_assert_int_eq(d.action, answers[_i].action);
	ck_assert_int_eq(code != ERR_OK, answers[_i].action == LOOP_ACTION_COUNT);
	ck_assert_ptr_nonnull(strstr(code ? err.message : d.reason, answers[_i].says));
}
END_TEST

/* ---- feedback ---- */

static const char report[] =
	"{\"kind\":\"verify\",\"passed\":false,\"levels\":["
	"{\"level\":\"L0\",\"state\":\"passed\",\"checks\":[{\"name\":\"scope\",\"state\":\"passed\",\"passed\":true}]},"
	"{\"level\":\"L1\",\"state\":\"failed\",\"checks\":[{\"name\":\"build\",\"state\":\"passed\",\"passed\":true},"
	"{\"name\":\"tests\",\"state\":\"failed\",\"passed\":false,\"message\":\"ended with exit code 2\",\"output\":\"one\\ntwo\\n\"}]},"
	"{\"level\":\"L2\",\"state\":\"skipped_config\",\"checks\":[]},{\"level\":\"L3\",\"state\":\"not_reached\",\"checks\":[]}],"
	"\"diagnostics\":[{\"level\":\"L1\",\"check\":\"tests\",\"kind\":\"error\",\"message\":\"x undeclared\",\"file\":\"a.c\","
	"\"line\":3,\"column\":7},{\"level\":\"L1\",\"check\":\"tests\",\"kind\":\"note\",\"message\":\"a note\"},"
	"{\"level\":\"L1\",\"check\":\"tests\",\"kind\":\"failure\",\"message\":\"sum is wrong\",\"file\":\"t.c\",\"line\":9}],"
	"\"counts\":{\"errors\":1,\"failed_tests\":1,\"files\":2}}";

START_TEST(feedback_names_what_failed_and_where)
{
	auto_json *v = NULL;
	ck_assert_int_eq(json_parse(report, strlen(report), MIB, &v, NULL), ERR_OK);
	struct loop_decision d = { .detected = "repeat", .reason = "it repeats", .feedback = "read the manual" };
	struct feedback_case c = { .iteration = 2, .report = v, .decision = &d };
	auto_str out = STR_INIT, prompt = STR_INIT;
	feedback_add(&c, &out);
	static const char *const wanted[] = { "iteration 2", "level L1", "tests: ended with exit code 2", "one\ntwo\n",
					      "a.c:3:7: error: x undeclared", "t.c:9: failure: sum is wrong",
					      "Take another way: it repeats", "read the manual" };
	for (size_t i = 0; i < COUNT(wanted); i++)
		ck_assert_msg(strstr(str_text(&out), wanted[i]) != NULL, "%s is missing in\n%s", wanted[i], str_text(&out));
	ck_assert_ptr_null(strstr(str_text(&out), "a note"));
	ck_assert_ptr_null(strstr(str_text(&out), "scope"));
	feedback_prompt("Mend it.", str_text(&out), &prompt);
	ck_assert(str_starts(str_text(&prompt), "Mend it.\n\n---\nThe checks of iteration 2"));
	str_clear(&prompt);
	feedback_prompt("Mend it.", NULL, &prompt);
	ck_assert_str_eq(str_text(&prompt), "Mend it.");
}
END_TEST

START_TEST(feedback_has_an_end)
{
	auto_str text = STR_INIT, out = STR_INIT;
	str_add(&text, "{\"passed\":false,\"levels\":[{\"level\":\"L1\",\"state\":\"failed\",\"checks\":[{\"name\":\"b\","
		       "\"state\":\"failed\",\"output\":\"");
	for (int i = 0; i < 3000; i++)
		str_add(&text, "äöü ");
	str_add(&text, "\"}]}],\"diagnostics\":[");
	for (int i = 0; i < 200; i++)
		str_addf(&text, "%s{\"level\":\"L1\",\"kind\":\"error\",\"message\":\"number %d of many, and it goes on and on, so "
				"that it is quite long, longer than anybody wants to read, and then some more: äöüäöüäöüäöüäöü"
				"äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü\"}", i ? "," : "", i);
	str_add(&text, "]}");
	auto_json *v = NULL;
	ck_assert_int_eq(json_parse(str_text(&text), text.len, MIB, &v, NULL), ERR_OK);
	feedback_add(&(struct feedback_case){ .iteration = 1, .report = v }, &out);
	ck_assert_uint_le(out.len, FEEDBACK_MAX);
	ck_assert_ptr_nonnull(strstr(str_text(&out), "number 0"));
	ck_assert_ptr_nonnull(strstr(str_text(&out), "more)"));
}
END_TEST

START_TEST(a_report_gives_a_round)
{
	auto_json *v = NULL, *w = NULL;
	struct loop_round r = { .worked = true }, moved = { .worked = true };
	ck_assert_int_eq(json_parse(report, strlen(report), MIB, &v, NULL), ERR_OK);
	feedback_round(v, &r);
	ck_assert(r.verified && !r.passed);
	ck_assert_int_eq(r.level, 1);
	ck_assert_int_eq(r.problems, 2);
	ck_assert_uint_ne(r.signature, 0);
	ck_assert_int_eq(feedback_levels(v), 3);
	double score = loop_score(&r, feedback_levels(v));
	ck_assert(score > 0.33 && score < 0.67);
	/* A problem that stands in another line is the same. */
	auto_free char *copy = xstrdup(report);
	memcpy(strstr(copy, "\"line\":3"), "\"line\":8", 8);
	ck_assert_int_eq(json_parse(copy, strlen(copy), MIB, &w, NULL), ERR_OK);
	feedback_round(w, &moved);
	ck_assert_uint_eq(moved.signature, r.signature);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("model_loop");
	TCase *t = tcase_create("model_loop");
	tcase_add_loop_test(t, histories_end_as_they_should, 0, COUNT(rows));
	tcase_add_test(t, rules_come_in_their_order);
	tcase_add_test(t, a_trend_is_known_from_the_second_on);
	tcase_add_test(t, likeness_is_of_sets_of_words);
	tcase_add_test(t, a_signal_is_a_whole_line);
	tcase_add_loop_test(t, a_command_answers_in_json, 0, COUNT(answers));
	tcase_add_test(t, feedback_names_what_failed_and_where);
	tcase_add_test(t, feedback_has_an_end);
	tcase_add_test(t, a_report_gives_a_round);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
