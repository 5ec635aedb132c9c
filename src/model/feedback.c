/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/feedback.h"

#include "base/utf8.h"

#include <string.h>

#define DIAGNOSTICS_MAX 50
#define SIGNATURE_OF 5 /* diagnostics */
#define OUTPUT_MAX (4 * KIB)

/* The level that failed; NULL: none did. */
static const struct json *failing_level(const struct json *report)
{
	for (const struct json *l = json_first(json_get(report, "levels")); l; l = json_next(l))
		if (str_eq(json_get_str(l, "state", ""), "failed"))
			return l;
	return NULL;
}

static bool check_failed(const struct json *check)
{
	const char *state = json_get_str(check, "state", "");
	return str_eq(state, "failed") || (!*state && !json_get_bool(check, "passed", true));
}

static bool is_problem(const struct json *d)
{
	const char *kind = json_get_str(d, "kind", "");
	return str_eq(kind, "error") || str_eq(kind, "failure");
}

static void add_position(struct str *out, const struct json *d)
{
	const char *file = json_get_str(d, "file", NULL);
	int64_t line = json_get_int(d, "line", 0), column = json_get_int(d, "column", 0);
	if (!file || !*file)
		return;
	str_add(out, file);
	if (line > 0)
		str_addf(out, ":%lld", (long long)line);
	if (line > 0 && column > 0)
		str_addf(out, ":%lld", (long long)column);
	str_add(out, ": ");
}

static void add_diagnostics(struct str *out, const struct json *report, const char *level, size_t room)
{
	int shown = 0, more = 0;
	for (const struct json *d = json_first(json_get(report, "diagnostics")); d; d = json_next(d)) {
		if (!str_eq(json_get_str(d, "level", level), level) || str_eq(json_get_str(d, "kind", ""), "note"))
			continue;
		if (shown >= DIAGNOSTICS_MAX || out->len >= room) {
			more++;
			continue;
		}
		str_add(out, "- ");
		add_position(out, d);
		str_addf(out, "%s: %s\n", json_get_str(d, "kind", "error"), json_get_str(d, "message", ""));
		shown++;
	}
	if (more)
		str_addf(out, _("(%d more)\n"), more);
}

/* The end of a text, whole lines of it. */
static void add_end(struct str *out, const char *text, size_t max)
{
	size_t len = strlen(text);
	const char *from = text;
	if (len > max) {
		from = text + len - max;
		const char *newline = strchr(from, '\n');
		if (newline && newline[1])
			from = newline + 1;
		str_add(out, "…\n");
	}
	str_add(out, from);
	if (out->len && out->p[out->len - 1] != '\n')
		str_add_char(out, '\n');
}

static void add_checks(struct str *out, const struct json *level)
{
	const struct json *first = NULL;
	for (const struct json *c = json_first(json_get(level, "checks")); c; c = json_next(c)) {
		if (!check_failed(c))
			continue;
		str_addf(out, "- %s: %s\n", json_get_str(c, "name", "?"), json_get_str(c, "message", _("failed")));
		first = first ? first : c;
	}
	const char *output = json_get_str(first, "output", "");
	if (!*output)
		return;
	str_addf(out, _("\nThe end of the output of %s:\n"), json_get_str(first, "name", "?"));
	add_end(out, output, OUTPUT_MAX);
}

static void cut(struct str *out, size_t from)
{
	if (out->len - from <= FEEDBACK_MAX)
		return;
	size_t at = from + FEEDBACK_MAX - 64;
	while (at > from && ((unsigned char)out->p[at] & 0xc0) == 0x80)
		at--;
	str_cut(out, at);
	str_add(out, _("\n(the rest was cut)\n"));
}

void feedback_add(const struct feedback_case *c, struct str *out)
{
	size_t from = out->len;
	const struct json *level = failing_level(c->report);
	if (c->failure) {
		str_addf(out, _("Iteration %d failed: %s\n"), c->iteration, c->failure);
		if (c->tail && *c->tail)
			add_end(out, c->tail, OUTPUT_MAX);
	} else if (level) {
		const char *name = json_get_str(level, "level", "?");
		str_addf(out, _("The checks of iteration %d failed at level %s:\n"), c->iteration, name);
		add_checks(out, level);
		size_t heading = out->len;
		str_add(out, _("\nWhat they found:\n"));
		size_t before = out->len;
		add_diagnostics(out, c->report, name, from + FEEDBACK_MAX - 1024);
		if (out->len == before)
			str_cut(out, heading);
	} else if (c->report) {
		str_addf(out, _("The checks of iteration %d passed, but the work is not complete.\n"), c->iteration);
	}
	if (c->decision && c->decision->detected)
		str_addf(out, _("\nTake another way: %s.\n"), c->decision->reason);
	if (c->decision && c->decision->feedback[0])
		str_addf(out, "\n%s\n", c->decision->feedback);
	cut(out, from);
}

void feedback_prompt(const char *prompt, const char *feedback, struct str *out)
{
	str_add(out, prompt);
	if (!feedback || !*feedback)
		return;
	str_addf(out, "%s\n---\n%s", *prompt && prompt[strlen(prompt) - 1] != '\n' ? "\n" : "", feedback);
}

/* ---- a round, from its report ---- */

static int count_problems(const struct json *report, const struct json *level)
{
	int errors = 0, checks = 0;
	const char *name = json_get_str(level, "level", "");
	for (const struct json *d = json_first(json_get(report, "diagnostics")); d; d = json_next(d))
		errors += is_problem(d) && str_eq(json_get_str(d, "level", name), name);
	for (const struct json *c = json_first(json_get(level, "checks")); c; c = json_next(c))
		checks += check_failed(c);
	const struct json *counts = json_get(report, "counts");
	int64_t counted = json_get_int(counts, "errors", 0) + json_get_int(counts, "failed_tests", 0);
	/* Diagnostics are capped; the counts are not. */
	int found = MAX(errors, checks);
	return MAX(found, counted > 1000000 ? 1000000 : (int)counted);
}

static void hash_text(uint64_t *h, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		*h = (*h ^ *p) * 0x100000001b3ULL;
	*h = (*h ^ 0xffU) * 0x100000001b3ULL;
}

/* Lines and columns do not count: what moved is the same problem. */
static uint64_t signature_of(const struct json *report, const struct json *level)
{
	uint64_t h = 0xcbf29ce484222325ULL;
	int n = 0;
	hash_text(&h, json_get_str(level, "level", ""));
	for (const struct json *d = json_first(json_get(report, "diagnostics")); d && n < SIGNATURE_OF; d = json_next(d)) {
		if (!is_problem(d))
			continue;
		hash_text(&h, json_get_str(d, "file", ""));
		hash_text(&h, json_get_str(d, "message", ""));
		n++;
	}
	for (const struct json *c = json_first(json_get(level, "checks")); c && n == 0; c = json_next(c))
		if (check_failed(c))
			hash_text(&h, json_get_str(c, "name", ""));
	return h ? h : 1;
}

int feedback_levels(const struct json *report)
{
	int n = 0;
	for (const struct json *l = json_first(json_get(report, "levels")); l; l = json_next(l))
		n += !str_eq(json_get_str(l, "state", ""), "skipped_config");
	return n;
}

void feedback_round(const struct json *report, struct loop_round *ret)
{
	ret->verified = true;
	ret->passed = json_get_bool(report, "passed", false);
	ret->level = ret->problems = 0;
	ret->signature = 0;
	for (const struct json *l = json_first(json_get(report, "levels")); l; l = json_next(l))
		ret->level += str_eq(json_get_str(l, "state", ""), "passed");
	if (ret->passed)
		return;
	const struct json *level = failing_level(report);
	ret->problems = MAX(count_problems(report, level), 1);
	ret->signature = signature_of(report, level);
}
