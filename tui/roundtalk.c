/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The transcript of an agent or a model, out of the log of its attempt: a message a paragraph, a tool call a line,
 * with its input and its result folded under it. */
#include "tui/roundview.h"

#include "base/fs.h"

#include <string.h>

#define RESULT_MAX (16 * MIB)
#define FOLDED_MAX 200 /* lines of one input or result that are shown */

enum mark { TALK_AGENT, TALK_THINK, TALK_TOOL, TALK_TOOL_END, TALK_NOTE, TALK_RETRY, TALK_ERROR, TALK_USAGE, TALK_OTHER,
	    TALK_RAW, TALK_NONE };

/* clang-format off */
static const struct {
	const char *text;
	enum role role;
	bool stop, fold; /* fold: further lines are folded under the first */
} marks[] = {
	[TALK_AGENT]    = { "agent> ", ROLE_TEXT,    true,  false },
	[TALK_THINK]    = { "think> ", ROLE_DIM,     false, true  },
	[TALK_TOOL]     = { "tool> ",  ROLE_RUNNING, true,  true  },
	[TALK_TOOL_END] = { "tool< ",  ROLE_RUNNING, false, false },
	[TALK_NOTE]     = { "note> ",  ROLE_DIM,     false, false },
	[TALK_RETRY]    = { "retry> ", ROLE_RETRY,   true,  false },
	[TALK_ERROR]    = { "error> ", ROLE_FAILED,  true,  false },
	[TALK_USAGE]    = { "usage> ", ROLE_DIM,     false, false },
	[TALK_OTHER]    = { "other> ", ROLE_DIM,     false, true  },
	[TALK_RAW]      = { "raw> ",   ROLE_DIM,     false, true  },
	[TALK_NONE]     = { "",        ROLE_TEXT,    false, false },
};
/* clang-format on */

#define LABEL_COLUMNS 8

static enum mark mark_of(const char *text)
{
	int m = 0;
	while (m < TALK_NONE && !str_starts(text, marks[m].text))
		m++;
	return (enum mark)m;
}

/* The mark that a line of the view begins with, or that of the paragraph that it goes on with. */
static enum mark mark_at(const struct roundview *v, size_t i)
{
	while (i > 0 && v->v[i].indent)
		i--;
	return i < v->n ? mark_of(v->v[i].text) : TALK_NONE;
}

/* What the program kept of its calls lies in a file beside the log, which can be read when the engine is on this
 * machine. */
static void read_result(struct roundview *v, const char *log)
{
	size_t n = log ? strlen(log) : 0;
	char *text = NULL;
	size_t len = 0;
	if (v->result || n < 5)
		return;
	auto_free char *path = xasprintf("%.*s.agent.json", (int)(n - 4), log);
	if (fs_read(path, RESULT_MAX, &text, &len, NULL) == ERR_OK && json_parse(text, len, RESULT_MAX, &v->result, NULL))
		v->result = NULL;
	free(text);
}

static void add_folded(struct roundview *v, size_t head, const char *title, const char *text)
{
	int n = 0;
	if (!text || !*text)
		return;
	(void)round_addf(v, ROLE_DIM, LABEL_COLUMNS, head, "%s", title);
	for (; *text && n < FOLDED_MAX; n++) {
		size_t len = strcspn(text, "\n");
		(void)round_add(v, ROLE_TEXT, LABEL_COLUMNS + 2, head, text, len);
		text += len + (text[len] == '\n');
	}
	if (*text)
		(void)round_addf(v, ROLE_DIM, LABEL_COLUMNS + 2, head, "%s", _("... cut"));
}

/* What a call was given: the members of an object one by one, so that text in them has its lines. */
static void add_input(struct roundview *v, size_t head, const struct json *input)
{
	if (json_type(input) != JSON_OBJECT) {
		add_folded(v, head, _("input:"), json_str(input, NULL));
		return;
	}
	for (const struct json *e = json_first(input); e; e = json_next(e)) {
		auto_str text = STR_INIT;
		auto_free char *title = xasprintf("%s:", json_key(e));
		if (json_type(e) == JSON_STRING)
			str_add(&text, json_str(e, ""));
		else
			json_add(&text, e);
		add_folded(v, head, title, str_text(&text));
	}
}

static const struct json *call_at(const struct roundview *v, size_t number)
{
	const struct json *e = json_first(json_get(v->result, "tool_calls"));
	for (size_t i = 0; e && i < number; i++)
		e = json_next(e);
	return e;
}

static void begin_tool(struct roundview *v, const char *text)
{
	size_t head = round_addf(v, ROLE_RUNNING, 0, NO_HEAD, "%-7s %s", "tool>", text + strlen("tool> "));
	const struct json *call = call_at(v, v->tools++);
	v->v[head].stop = true;
	v->v[head].head = call != NULL;
	if (!call)
		return;
	if (json_get_bool(call, "failed", false))
		v->v[head].role = ROLE_FAILED;
	add_input(v, head, json_get(call, "input"));
	add_folded(v, head, _("result:"), json_get_str(call, "output", NULL));
}

/* The result goes behind the call that it belongs to: the first open one of that tool. */
static void end_tool(struct roundview *v, const char *text)
{
	const char *rest = strstr(text, ": ");
	size_t name = rest ? (size_t)(rest - text) - strlen("tool< ") : 0;
	for (size_t i = 0; rest && i < v->n; i++) {
		struct round_line *line = &v->v[i];
		if (line->ended || line->of != NO_HEAD || mark_of(line->text) != TALK_TOOL ||
		    strncmp(line->text + 8, text + strlen("tool< "), name) != 0 || line->text[8 + name] != ' ')
			continue;
		char *whole = xasprintf("%s  = %s", line->text, rest + 2);
		free(line->text);
		line->text = whole;
		line->ended = true;
		v->columns = 0;
		return;
	}
	(void)round_addf(v, ROLE_RUNNING, 0, NO_HEAD, "%-7s %s", "tool<", text + strlen("tool< "));
}

static void add_line(struct roundview *v, const char *text, enum mark *previous, size_t *head)
{
	enum mark m = mark_of(text);
	bool goes_on = m == *previous && v->n && (m == TALK_AGENT || marks[m].fold) && m != TALK_TOOL;
	const char *rest = text + strlen(marks[m].text);
	*previous = m;
	if (m == TALK_TOOL) {
		begin_tool(v, text);
	} else if (m == TALK_TOOL_END) {
		end_tool(v, text);
	} else if (goes_on) {
		if (marks[m].fold)
			v->v[*head].head = true;
		(void)round_add(v, marks[m].role, LABEL_COLUMNS, marks[m].fold ? *head : NO_HEAD, rest, strlen(rest));
	} else {
		auto_free char *label = xasprintf("%.*s", (int)strcspn(marks[m].text, " "), marks[m].text);
		*head = round_addf(v, marks[m].role, 0, NO_HEAD, "%-7s %s", label, rest);
		v->v[*head].stop = marks[m].stop;
	}
}

void round_show_talk(struct roundview *v, const struct json *body)
{
	const struct json *attempt = json_get(body, "attempt");
	size_t head = v->n ? v->n - 1 : 0;
	while (head > 0 && v->v[head].of != NO_HEAD)
		head = v->v[head].of;
	enum mark previous = v->n ? mark_at(v, v->n - 1) : TALK_NONE;
	read_result(v, json_get_str(json_get(attempt, "log"), "path", NULL));
	for (const struct json *e = json_first(json_get(body, "items")); e; e = json_next(e)) {
		v->next_line = json_get_int(e, "n", v->next_line) + 1;
		add_line(v, json_get_str(e, "text", ""), &previous, &head);
	}
	v->live = !json_get_bool(body, "done", true);
	if (!v->n && !v->live)
		(void)round_addf(v, ROLE_DIM, 0, NO_HEAD, "%s", _("it wrote nothing"));
	auto_str title = STR_INIT;
	str_addf(&title, ngettext("%zu tool call", "%zu tool calls", v->tools), v->tools);
	if (v->live)
		str_addf(&title, "  %s", _("it works ..."));
	free(v->title);
	v->title = str_take(&title);
}
