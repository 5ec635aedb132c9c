/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's answers as lines of the text view. */
#include "tui/textview.h"

#include <string.h>

/* ---- why ---- */

static const char *verdict_word(const char *verdict)
{
	static const struct { const char *name, *word; } words[] = {
		{ "waits", N_("it waits") }, { "runs", N_("it runs") }, { "ran", N_("it ran") },
		{ "did_not_run", N_("it did not run") },
	};
	for (size_t i = 0; i < COUNT(words); i++)
		if (str_eq(words[i].name, verdict))
			return _(words[i].word);
	return verdict;
}

static void add_reason(struct textview *t, const struct json *e)
{
	const struct json *holds = json_get(e, "holds");
	bool known = json_type(holds) == JSON_BOOL, yes = json_get_bool(e, "holds", false);
	text_addf(t, known && !yes ? ROLE_FAILED : ROLE_TEXT, known && !yes, "  %s %s",
		  !known ? " " : yes ? "+" : "-", json_get_str(e, "text", ""));
}

static void add_past(struct textview *t, const struct json *e)
{
	auto_str when = STR_INIT;
	add_when(&when, json_get_int(e, "started_at_ms", 0), t->c->wall_ms);
	text_addf(t, ROLE_TEXT, false, _("  generation %lld  %s  it %lld  tries %lld  %s  %s%s"),
		  (long long)json_get_int(e, "generation", 0), json_get_str(e, "state", "?"),
		  (long long)json_get_int(e, "iteration", 0),
		  (long long)json_get_int(e, "attempts", 0), str_text(&when),
		  json_get_str(e, "reason", ""), json_get_bool(e, "stale", false) ? _("  stale") : "");
}

void show_why(struct textview *t, const struct json *body)
{
	text_addf(t, ROLE_TITLE, false, _("%s: %s"), json_get_str(body, "state", "?"),
		  verdict_word(json_get_str(body, "verdict", "?")));
	for (const struct json *e = json_first(json_get(body, "reasons")); e; e = json_next(e))
		add_reason(t, e);
	const struct json *history = json_get(body, "history");
	if (!json_count(history))
		return;
	text_addf(t, ROLE_TEXT, false, "%s", "");
	text_addf(t, ROLE_TITLE, false, "%s", _("before"));
	for (const struct json *e = json_first(history); e; e = json_next(e))
		add_past(t, e);
}

/* ---- two attempts beside each other ---- */

static void add_side(struct textview *t, const char *sign, const struct json *side)
{
	auto_str s = STR_INIT;
	str_addf(&s, "%s %s/%s %lld.%lld.%lld  %s", sign, json_get_str(side, "run", "?"),
		 json_get_str(side, "node", "?"), (long long)json_get_int(side, "generation", 0),
		 (long long)json_get_int(side, "iteration", 0), (long long)json_get_int(side, "attempt", 0),
		 json_get_str(side, "state", "?"));
	if (json_get_int(side, "exit_code", -1) >= 0)
		str_addf(&s, _("  exit %lld"), (long long)json_get_int(side, "exit_code", 0));
	if (json_get_int(side, "signal", -1) > 0)
		str_addf(&s, _("  signal %lld"), (long long)json_get_int(side, "signal", 0));
	str_add(&s, "  ");
	add_took(&s, json_get_int(side, "duration_ms", -1));
	str_addf(&s, ngettext("  %lld line", "  %lld lines", (unsigned long)json_get_int(side, "log_lines", 0)),
		 (long long)json_get_int(side, "log_lines", 0));
	if (json_get_str(side, "message", NULL))
		str_addf(&s, "  %s", json_get_str(side, "message", ""));
	text_addf(t, *sign == '-' ? ROLE_FAILED : ROLE_OK, false, "%s", str_text(&s));
}

static void add_value(struct textview *t, char sign, bool first, const char *name, const struct json *v)
{
	auto_str text = STR_INIT;
	if (json_type(v) == JSON_NULL)
		return;
	if (json_type(v) == JSON_STRING)
		str_add(&text, json_str(v, ""));
	else
		json_add(&text, v);
	text_addf(t, sign == '-' ? ROLE_FAILED : ROLE_OK, first, "%c %s=%s", sign, name, str_text(&text));
}

static void add_values(struct textview *t, const char *title, const struct json *items)
{
	text_addf(t, ROLE_TEXT, false, "%s", "");
	if (json_type(items) != JSON_ARRAY || !json_first(items)) {
		text_addf(t, ROLE_TITLE, false, _("%s: no difference"), title);
		return;
	}
	text_addf(t, ROLE_TITLE, false, "%s", title);
	for (const struct json *e = json_first(items); e; e = json_next(e)) {
		const struct json *a = json_get(e, "a"), *b = json_get(e, "b");
		const char *name = json_get_str(e, "name", "?");
		add_value(t, '-', true, name, a);
		add_value(t, '+', json_type(a) == JSON_NULL, name, b);
	}
}

static void add_hunk(struct textview *t, const struct json *hunk)
{
	bool in_change = false;
	text_addf(t, ROLE_DIM, false, "@@ -%lld +%lld @@", (long long)json_get_int(hunk, "a", 0),
		  (long long)json_get_int(hunk, "b", 0));
	for (const struct json *e = json_first(json_get(hunk, "lines")); e; e = json_next(e)) {
		const char *op = json_get_str(e, "op", "same");
		bool add = str_eq(op, "add"), removed = str_eq(op, "remove");
		text_addf(t, add ? ROLE_OK : removed ? ROLE_FAILED : ROLE_TEXT,
			  (add || removed) && !in_change, "%c %s", add ? '+' : removed ? '-' : ' ',
			  json_get_str(e, "text", ""));
		in_change = add || removed;
	}
}

static void add_texts(struct textview *t, const char *title, const struct json *v)
{
	text_addf(t, ROLE_TEXT, false, "%s", "");
	int64_t removed = json_get_int(v, "removed", 0), added = json_get_int(v, "added", 0);
	if (json_type(v) != JSON_OBJECT || (!removed && !added)) {
		text_addf(t, ROLE_TITLE, false, _("%s: no difference"), title);
		return;
	}
	text_addf(t, ROLE_TITLE, false, _("%s: %lld lines the same, %lld removed, %lld added"), title,
		  (long long)json_get_int(v, "same", 0), (long long)removed, (long long)added);
	for (const struct json *h = json_first(json_get(v, "hunks")); h; h = json_next(h))
		add_hunk(t, h);
	if (json_get_bool(v, "truncated", false))
		text_addf(t, ROLE_DIM, false, "%s", _("... there is more: pawl diff --all"));
}

/* What the attempts found in their workspaces. */
static void add_found_files(struct textview *t, const struct json *v)
{
	const char *error = json_get_str(v, "error", NULL);
	if (json_type(v) != JSON_OBJECT)
		return;
	text_addf(t, ROLE_TEXT, false, "%s", "");
	if (error) {
		text_addf(t, ROLE_TITLE, false, "%s: %s", _("files"), error);
		return;
	}
	if (!json_get_int(v, "total", 0)) {
		text_addf(t, ROLE_TITLE, false, _("%s: no difference"), _("files"));
		return;
	}
	text_addf(t, ROLE_TITLE, false, "%s", _("files"));
	for (const struct json *e = json_first(json_get(v, "items")); e; e = json_next(e))
		text_addf(t, ROLE_TEXT, true, "  %-9s %s", json_get_str(e, "change", "?"),
			  json_get_str(e, "path", "?"));
}

void show_compare(struct textview *t, const struct json *body)
{
	add_side(t, "---", json_get(body, "a"));
	add_side(t, "+++", json_get(body, "b"));
	add_values(t, _("parameters"), json_get(body, "params"));
	add_values(t, _("environment"), json_get(body, "environment"));
	add_values(t, _("outputs"), json_get(body, "outputs"));
	add_texts(t, _("definition"), json_get(body, "definition"));
	add_found_files(t, json_get(body, "files"));
	add_texts(t, _("log"), json_get(body, "log"));
}

/* ---- the files of a workspace, then and now ---- */

static void add_patch(struct textview *t, const char *text)
{
	bool in_change = false;
	while (*text) {
		size_t n = strcspn(text, "\n");
		bool file = str_starts(text, "diff --git "), hunk = str_starts(text, "@@");
		bool head = str_starts(text, "--- ") || str_starts(text, "+++ ") || str_starts(text, "index ");
		bool change = !head && (*text == '+' || *text == '-');
		enum role role = file		       ? ROLE_TITLE :
				 hunk || head	       ? ROLE_DIM :
				 change && *text == '+' ? ROLE_OK :
				 change		       ? ROLE_FAILED : ROLE_TEXT;
		text_addf(t, role, change && !in_change, "%.*s", (int)n, text);
		in_change = change;
		text += n + (text[n] == '\n');
	}
}

void show_files(struct textview *t, const struct json *body)
{
	int64_t total = json_get_int(body, "total", 0);
	if (!total) {
		text_addf(t, ROLE_TITLE, false, "%s", _("the files are the same"));
		return;
	}
	text_addf(t, ROLE_TITLE, false, ngettext("%lld file is different", "%lld files are different", (unsigned long)total),
		  (long long)total);
	for (const struct json *e = json_first(json_get(body, "items")); e; e = json_next(e))
		text_addf(t, ROLE_TEXT, false, "  %-9s %s", json_get_str(e, "change", "?"),
			  json_get_str(e, "path", "?"));
	text_addf(t, ROLE_TEXT, false, "%s", "");
	add_patch(t, json_get_str(body, "text", ""));
}
