/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the checks of an iteration found, what it was told, and what was decided, as lines. */
#include "tui/roundview.h"

#include "base/fs.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define PROMPT_TEXT_MAX (4 * MIB)
#define BAR_COLUMNS 24
#define NAME_COLUMNS 20    /* of a check */
#define MEANING_COLUMNS 12 /* of a level */
#define OWNER_COLUMNS 6    /* whose limit it is */
#define LIMIT_COLUMNS 16   /* what is limited */

/* ---- checks ---- */

static const char *check_word(const char *state, enum role *role)
{
	static const struct { const char *name, *word; enum role role; } words[] = {
		{ "passed", N_("passed"), ROLE_OK },
		{ "failed", N_("FAILED"), ROLE_FAILED },
		{ "skipped_config", N_("skipped, as the workflow says"), ROLE_DIM },
		{ "not_reached", N_("not reached: a level before it failed"), ROLE_DIM },
	};
	for (size_t i = 0; i < COUNT(words); i++) {
		if (!str_eq(words[i].name, state))
			continue;
		*role = words[i].role;
		return _(words[i].word);
	}
	*role = ROLE_TEXT;
	return state;
}

static void show_check(struct roundview *v, const struct json *check)
{
	auto_str s = STR_INIT;
	enum role role;
	const char *output = json_get_str(check, "output", ""), *message = json_get_str(check, "message", "");
	const char *state = json_get_str(check, "state", "?"), *word = check_word(state, &role);
	if (str_eq(state, "not_reached"))
		word = _("not reached"); /* its level says why */
	bool failed = role == ROLE_FAILED;
	text_add_column(&s, json_get_str(check, "name", "?"), NAME_COLUMNS);
	str_addf(&s, " %s", word);
	if (json_get_int(check, "duration_ms", 0) > 0) {
		str_add(&s, "  ");
		add_took(&s, json_get_int(check, "duration_ms", 0));
	}
	if (*message)
		str_addf(&s, "  %s", message);
	size_t head = round_add(v, role, 4, NO_HEAD, str_text(&s), s.len);
	v->v[head].stop = failed;
	if (!*output)
		return;
	v->v[head].head = true;
	v->v[head].open = failed;
	round_add_text(v, ROLE_TEXT, 8, head, output);
}

static void show_level(struct roundview *v, const struct json *level)
{
	static const struct { const char *name, *meaning; } names[] = {
		{ "L0", N_("contracts") }, { "L1", N_("commands") }, { "L2", N_("fixtures") }, { "L3", N_("sanity") },
	};
	const char *name = json_get_str(level, "level", "?"), *meaning = "";
	enum role role;
	auto_str s = STR_INIT;
	const char *word = check_word(json_get_str(level, "state", "?"), &role);
	for (size_t i = 0; i < COUNT(names); i++)
		if (str_eq(names[i].name, name))
			meaning = _(names[i].meaning);
	str_addf(&s, "%s ", name);
	text_add_column(&s, meaning, MEANING_COLUMNS);
	str_addf(&s, " %s", word);
	if (json_get_int(level, "duration_ms", 0) > 0) {
		str_add(&s, "  ");
		add_took(&s, json_get_int(level, "duration_ms", 0));
	}
	(void)round_add(v, role == ROLE_DIM ? ROLE_DIM : ROLE_TITLE, 1, NO_HEAD, str_text(&s), s.len);
	for (const struct json *e = json_first(json_get(level, "checks")); e; e = json_next(e))
		show_check(v, e);
}

static void show_diagnostic(struct roundview *v, const struct json *d)
{
	const char *file = json_get_str(d, "file", NULL), *kind = json_get_str(d, "kind", "?");
	int64_t line = json_get_int(d, "line", 0), column = json_get_int(d, "column", 0);
	auto_str s = STR_INIT;
	if (file && *file)
		str_add(&s, file);
	if (line > 0)
		str_addf(&s, ":%lld", (long long)line);
	if (column > 0)
		str_addf(&s, ":%lld", (long long)column);
	str_addf(&s, "%s%s: %s", s.len ? "  " : "", kind, json_get_str(d, "message", ""));
	bool mild = str_eq(kind, "warning") || str_eq(kind, "note");
	size_t at = round_add(v, mild ? ROLE_RETRY : ROLE_FAILED, 4, NO_HEAD, str_text(&s), s.len);
	v->v[at].stop = true;
	v->v[at].line = line;
	if (file && *file)
		v->v[at].file = xstrdup(file);
}

static void count_word(struct str *s, int64_t n, const char *one, const char *many)
{
	if (n > 0)
		str_addf(s, "%s%lld %s", s->len ? ", " : "", (long long)n, ngettext(one, many, (unsigned long)n));
}

/* What is wrong and where comes first, then the levels that led to it. */
void round_show_checks(struct roundview *v, const struct json *body)
{
	const struct json *report = json_get(body, "report"), *counts = json_get(report, "counts");
	const struct json *found = json_first(json_get(report, "diagnostics"));
	bool passed = json_get_bool(report, "passed", false);
	const char *message = json_get_str(report, "message", ""), *class = json_get_str(report, "class", NULL);
	auto_str title = STR_INIT, sum = STR_INIT;
	count_word(&sum, json_get_int(counts, "failed_checks", 0), "failed check", "failed checks");
	count_word(&sum, json_get_int(counts, "errors", 0), "error", "errors");
	count_word(&sum, json_get_int(counts, "failed_tests", 0), "failed test", "failed tests");
	count_word(&sum, json_get_int(counts, "warnings", 0), "warning", "warnings");
	count_word(&sum, json_get_int(counts, "files", 0), "file", "files");
	str_addf(&title, "%s%s%s", passed ? _("passed") : class ? class : _("FAILED"), sum.len ? ": " : "", str_text(&sum));
	v->title = str_take(&title);
	if (*message)
		(void)round_addf(v, passed ? ROLE_TEXT : ROLE_FAILED, 1, NO_HEAD, "%s", message);
	if (found)
		(void)round_addf(v, ROLE_TITLE, 1, NO_HEAD, "%s", _("what they found (Enter opens the place in $EDITOR)"));
	for (; found; found = json_next(found))
		show_diagnostic(v, found);
	for (const struct json *e = json_first(json_get(report, "levels")); e; e = json_next(e))
		show_level(v, e);
	for (const struct json *e = json_first(json_get(report, "skipped_levels")); e; e = json_next(e))
		(void)round_addf(v, ROLE_DIM, 1, NO_HEAD, _("%s skipped, as the workflow says"), json_str(e, "?"));
	const char *file = json_get_str(body, "file", NULL);
	if (file)
		(void)round_addf(v, ROLE_DIM, 1, NO_HEAD, _("all of it: %s"), file);
}

void round_show_no_checks(struct roundview *v, const struct json *it)
{
	const char *message = json_get_str(it, "message", NULL), *class = json_get_str(it, "class", NULL);
	bool worked = json_get_bool(it, "worked", false), ended = json_type(json_get(it, "ended_at_ms")) == JSON_NUMBER;
	if (!worked && !ended)
		(void)round_addf(v, ROLE_TEXT, 1, NO_HEAD, "%s", _("nothing is checked yet: it works"));
	else if (worked)
		(void)round_addf(v, ROLE_TEXT, 1, NO_HEAD, "%s", _("nothing was checked: the node has no checks"));
	else
		(void)round_addf(v, ROLE_FAILED, 1, NO_HEAD, "%s", _("nothing was checked: the work itself failed (t: its transcript)"));
	if (message)
		(void)round_addf(v, ROLE_FAILED, 1, NO_HEAD, "%s%s%s", class ? class : "", class ? ": " : "", message);
}

/* ---- prompt and feedback ---- */

static bool show_file(struct roundview *v, const char *path, const char *feedback)
{
	char *text = NULL;
	size_t len = 0;
	struct err err = { 0 };
	if (fs_read(path, PROMPT_TEXT_MAX, &text, &len, &err)) {
		(void)round_addf(v, ROLE_ALARM, 4, NO_HEAD, _("cannot be read from here: %s"), err.message);
		return false;
	}
	/* The feedback is at its end: it gets a title of its own. */
	char *told = feedback && *feedback ? strstr(text, feedback) : NULL;
	if (told)
		*told = '\0';
	round_add_text(v, ROLE_TEXT, 4, NO_HEAD, text);
	free(text);
	return told != NULL;
}

void round_show_prompt(struct roundview *v, const struct json *list)
{
	const struct json *it = json_first(list), *next = json_next(it);
	const char *feedback = json_get_str(it, "feedback", NULL);
	const char *path = json_get_str(json_get(it, "work"), "prompt", NULL);
	bool successor = next && json_get_int(next, "generation", 0) == v->generation;
	const char *then = successor ? json_get_str(next, "feedback", NULL) : NULL;
	if (json_get_bool(it, "same_prompt", false))
		v->title = xstrdup(_("the same as before"));
	size_t head = round_addf(v, ROLE_TITLE, 1, NO_HEAD, "%s", _("what the work was told"));
	v->v[head].stop = true;
	if (path)
		(void)show_file(v, path, feedback);
	else
		(void)round_addf(v, ROLE_DIM, 4, NO_HEAD, "%s", _("no prompt is kept"));
	head = round_addf(v, ROLE_TITLE, 1, NO_HEAD, "%s", _("at its end, of the iteration before"));
	v->v[head].stop = true;
	if (feedback)
		round_add_text(v, ROLE_TEXT, 4, NO_HEAD, feedback);
	else
		(void)round_addf(v, ROLE_DIM, 4, NO_HEAD, "%s", _("nothing"));
	head = round_addf(v, ROLE_TITLE, 1, NO_HEAD, "%s", _("what the next iteration was told of this one"));
	v->v[head].stop = true;
	if (then)
		round_add_text(v, ROLE_TEXT, 4, NO_HEAD, then);
	else
		(void)round_addf(v, ROLE_DIM, 4, NO_HEAD, "%s", successor ? _("nothing") : _("there is no next iteration"));
	if (path)
		(void)round_addf(v, ROLE_DIM, 1, NO_HEAD, _("all of it: %s"), path);
}

/* ---- decisions and limits ---- */

static void show_decided(struct roundview *v, const struct json *it)
{
	const struct json *d = json_get(it, "decision"), *usage = json_get(it, "usage");
	int64_t number = json_get_int(it, "iteration", 0);
	const char *state = json_get_str(it, "state", "?"), *final = json_get_str(d, "final", NULL);
	const char *class = json_get_str(it, "class", NULL), *detected = json_get_str(d, "detected", NULL);
	bool passed = json_get_bool(it, "passed", false);
	auto_str s = STR_INIT;
	str_addf(&s, _("it %lld  %s"), (long long)number, state);
	if (json_type(d) == JSON_OBJECT)
		str_addf(&s, "  %s%s%s: %s", json_get_str(d, "action", "?"), final ? " " : "", final ? final : "",
			 json_get_str(d, "reason", ""));
	size_t at = round_add(v, passed ? ROLE_OK : json_type(d) == JSON_OBJECT ? ROLE_FAILED : ROLE_RUNNING, 1, NO_HEAD,
			      str_text(&s), s.len);
	v->v[at].stop = v->v[at].ended = true;
	v->v[at].line = number;
	str_clear(&s);
	str_addf(&s, ngettext("%lld problem", "%lld problems", (unsigned long)json_get_int(it, "problems", 0)),
		 (long long)json_get_int(it, "problems", 0));
	str_addf(&s, _("  score %.2f  %s"), json_num(json_get(it, "score"), 0), json_get_str(d, "trend", ""));
	if (detected)
		str_addf(&s, _("  goes in circles: %s"), detected);
	str_add(&s, "  ");
	add_took(&s, json_get_int(it, "duration_ms", -1));
	if (json_get_int(usage, "calls", 0)) {
		str_add(&s, "  ");
		add_count(&s, json_get_int(usage, "total", -1));
		str_add(&s, _(" tokens  "));
		add_cost(&s, json_get_int(usage, "cost_micro_usd", -1));
	}
	(void)round_add(v, ROLE_DIM, 7, NO_HEAD, str_text(&s), s.len);
	if (class)
		(void)round_addf(v, ROLE_TEXT, 7, NO_HEAD, "%s: %s", class, json_get_str(it, "message", ""));
}

void round_bar(struct str *s, int64_t used, int64_t limit, int columns)
{
	int64_t full = limit > 0 && used > 0 ? (int64_t)((double)used / (double)limit * columns) : 0;
	if (used > 0 && full == 0)
		full = 1;
	str_add_char(s, '[');
	for (int i = 0; i < columns; i++)
		str_add_char(s, i < full ? '#' : '.');
	str_add_char(s, ']');
}

static void add_amount(struct str *s, const char *what, int64_t n)
{
	if (str_eq(what, "wall") || str_eq(what, "iteration"))
		add_took(s, n);
	else if (str_eq(what, "cost"))
		add_cost(s, n);
	else if (str_eq(what, "disk") || str_eq(what, "memory"))
		str_addf(s, "%lld MiB", (long long)(n / MIB));
	else
		add_count(s, n);
}

static void show_limit(struct roundview *v, const struct json *e)
{
	static const struct { const char *name, *word; } names[] = {
		{ "wall", N_("time") }, { "iteration", N_("time of one") }, { "tokens", N_("tokens") },
		{ "tokens_per_iteration", N_("tokens of one") }, { "cost", N_("cost") },
		{ "iterations", N_("iterations") }, { "disk", N_("disk") }, { "memory", N_("memory") },
	};
	const char *what = json_get_str(e, "what", "?"), *word = what;
	int64_t limit = json_get_int(e, "limit", 0), used = json_get_int(e, "used", -1);
	auto_str s = STR_INIT, bar = STR_INIT;
	for (size_t i = 0; i < COUNT(names); i++)
		if (str_eq(names[i].name, what))
			word = _(names[i].word);
	double part = limit > 0 && used >= 0 ? (double)used / (double)limit : 0;
	text_add_column(&s, str_eq(json_get_str(e, "of", ""), "run") ? _("run") : _("node"), OWNER_COLUMNS);
	text_add_column(&s, word, LIMIT_COLUMNS);
	if (used >= 0) {
		round_bar(&bar, used, limit, BAR_COLUMNS);
		str_addf(&s, "%s ", str_text(&bar));
		add_amount(&s, what, used);
		str_add(&s, _(" of "));
		add_amount(&s, what, limit);
		str_addf(&s, "  %d%%", (int)(part * 100));
	} else { /* nobody measured it yet */
		str_add(&s, _("at most "));
		add_amount(&s, what, limit);
	}
	enum role role = part >= 1 ? ROLE_FAILED : part >= 0.8 ? ROLE_RETRY : ROLE_TEXT;
	(void)round_add(v, role, 4, NO_HEAD, str_text(&s), s.len);
}

void round_show_trail(struct roundview *v, const struct json *body)
{
	const struct json *limits = json_first(json_get(body, "budget"));
	size_t n = 0;
	for (const struct json *e = json_first(json_get(body, "items")); e; e = json_next(e), n++)
		if (json_get_int(e, "generation", 0) == v->generation)
			show_decided(v, e);
	size_t head = round_addf(v, ROLE_TITLE, 1, NO_HEAD, "%s", limits ? _("limits") : _("no limits are set"));
	v->v[head].stop = true;
	for (; limits; limits = json_next(limits))
		show_limit(v, limits);
}
