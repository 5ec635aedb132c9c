/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The failure card: what failed, in which class, its last words, where to look, and what can be
 * done now. */
#include "cli/cli_internal.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "model/error.h"

#include <string.h>

#define TAIL_LINES 12
#define FOUND_LINES 5
#define TRAIL_LINES 5

static void field(const struct cli *cli, struct str *s, const char *label, const char *text)
{
	size_t w = text_width(label, strlen(label));
	str_addf(s, "  %s%s%s%*s ", style_on(cli, STYLE_DIM), label, style_off(cli),
	         (int)(w < 8 ? 8 - w : 0), "");
	add_safe(s, text);
	str_add_char(s, '\n');
}

static void title(const struct cli *cli, struct str *s, const struct json *run)
{
	const char *state = json_get_str(run, "state", "failed");
	str_addf(s, "%s%s ", style_on(cli, state_style(state)), mark(cli, state));
	add_safe(s, json_get_str(run, "workflow", ""));
	str_addf(s, "%s ", style_off(cli));
	add_safe(s, json_get_str(run, "id", ""));
	str_add_char(s, ' ');
	add_safe(s, state);
	if (json_type(json_get(run, "duration_ms")) == JSON_NUMBER) {
		str_add(s, _(" after "));
		add_duration(s, run, "duration_ms");
	}
	str_add_char(s, '\n');
}

static void class_line(const struct cli *cli, struct str *s, const struct json *failure)
{
	const char *name = json_get_str(failure, "class", "");
	enum error_class class = error_class_from_name(name);
	auto_str text = STR_INIT;
	str_add(&text, name);
	int64_t code = json_get_int(failure, "exit_code", -1),
		signal = json_get_int(failure, "signal", 0);
	if (code >= 0)
		str_addf(&text, _(" (exit code %lld)"), (long long)code);
	else if (signal > 0)
		str_addf(&text, _(" (signal %lld, %s)"), (long long)signal, strsignal((int)signal));
	if (class != CLASS_COUNT && class != CLASS_NONE)
		str_addf(&text, ": %s", _(error_class_meaning(class)));
	field(cli, s, _("class"), str_text(&text));
}

static void tail_lines(const struct cli *cli, struct str *s, const struct json *failure)
{
	const struct json *tail = json_get(failure, "tail");
	size_t n = json_count(tail), skip = n > TAIL_LINES ? n - TAIL_LINES : 0;
	if (!n)
		return;
	str_addf(s, "  %s%s%s\n", style_on(cli, STYLE_DIM), _("its last lines"), style_off(cli));
	for (const struct json *e = json_first(tail); e; e = json_next(e)) {
		if (skip) {
			skip--;
			continue;
		}
		auto_str line = STR_INIT;
		const char *text = json_str(e, "");
		text_add_safe(&line, text, strlen(text), cli->colour ? SAFE_SGR : SAFE_PLAIN,
		              false);
		str_addf(s, "  %s ", cli->utf8 ? "│" : "|");
		size_t fit = cli->any_tty_out && cli->columns > 6 && !cli->colour
		                 ? text_fit(str_text(&line), line.len, cli->columns - 5)
		                 : line.len;
		str_add_len(s, str_text(&line), fit);
		str_add(s, style_off(cli));
		str_add_char(s, '\n');
	}
}

/* What the checks found, where. */
static void found(const struct cli *cli, struct str *s, const struct json *failure)
{
	const struct json *list = json_get(failure, "diagnostics");
	size_t shown = 0, n = json_count(list);
	for (const struct json *d = json_first(list); d && shown < FOUND_LINES; d = json_next(d), shown++) {
		auto_str line = STR_INIT;
		const char *file = json_get_str(d, "file", NULL);
		int64_t number = json_get_int(d, "line", 0);
		if (file && *file)
			str_addf(&line, "%s", file);
		if (file && *file && number > 0)
			str_addf(&line, ":%lld", (long long)number);
		str_addf(&line, "%s%s", line.len ? ": " : "", json_get_str(d, "message", ""));
		field(cli, s, shown ? "" : _("found"), str_text(&line));
	}
	if (n > shown) {
		auto_free char *more = xasprintf(_("and %zu more"), n - shown);
		field(cli, s, "", more);
	}
}

/* What was decided after each iteration. */
static void trail(const struct cli *cli, struct str *s, const struct json *failure)
{
	const struct json *list = json_get(failure, "trail");
	size_t n = json_count(list), at = 0;
	for (const struct json *i = json_first(list); i && n > 1; i = json_next(i), at++) {
		if (at + TRAIL_LINES < n)
			continue;
		auto_free char *line = xasprintf("%lld %s, %lld: %s: %s", (long long)json_get_int(i, "iteration", 0),
		                                 json_get_str(i, "state", ""), (long long)json_get_int(i, "problems", 0),
		                                 json_get_str(i, "decision", ""), json_get_str(i, "reason", ""));
		field(cli, s, at + TRAIL_LINES == n || at == 0 ? _("rounds") : "", line);
	}
}

static void files(const struct cli *cli, struct str *s, const struct json *failure)
{
	static const char *const keys[] = { "report", "result", "prompt" };
	const struct json *list = json_get(failure, "files");
	for (size_t i = 0; i < COUNT(keys); i++)
		if (json_get_str(list, keys[i], NULL))
			field(cli, s, i == 0 ? _("report") : i == 1 ? _("result") : _("prompt"),
			      json_get_str(list, keys[i], ""));
}

/* The log's file on disk, if the engine says it. */
static void log_file(struct cli *cli, struct str *s, const char *run, const char *node)
{
	auto_str path = STR_INIT;
	str_addf(&path, "/v1/runs/%s/nodes/", run);
	client_add_encoded(&path, node);
	str_add(&path, "/attempts?limit=1");
	auto_json *attempts = NULL;
	if (cli_get(cli, path.p, &attempts, NULL))
		return; /* the card does without */
	const struct json *log = json_get(json_first(json_get(attempts, "items")), "log");
	const char *file = json_get_str(log, "path", NULL);
	if (file)
		field(cli, s, _("file"), file);
}

static void next_steps(const struct cli *cli, struct str *s, const char *run, const char *node,
                       int64_t line)
{
	auto_str words = STR_INIT;
	if (line > 0)
		str_addf(&words, "pawl logs %s/%s --lines %lld:%lld", run, node,
		         (long long)MAX(line - 5, (int64_t)1), (long long)line + 10);
	else
		str_addf(&words, "pawl logs %s/%s", run, node);
	field(cli, s, _("look"), words.p);
	str_clear(&words);
	str_addf(&words, "pawl show %s", run);
	field(cli, s, "", words.p);
	str_clear(&words);
	str_addf(&words, "pawl ack %s", run);
	field(cli, s, _("seen"), words.p);
}

void card_print(struct cli *cli, const struct json *run, FILE *to)
{
	auto_str s = STR_INIT;
	const struct json *failure = json_get(run, "failure");
	const char *id = json_get_str(run, "id", ""), *node = json_get_str(failure, "node", "");
	title(cli, &s, run);
	if (json_type(failure) == JSON_OBJECT) {
		auto_str what = STR_INIT;
		str_add(&what, node);
		int64_t attempt = json_get_int(failure, "attempt", 0);
		if (attempt > 1)
			str_addf(&what, _(", attempt %lld"), (long long)attempt);
		if (what.len)
			field(cli, &s, _("node"), what.p);
		class_line(cli, &s, failure);
		const char *message = json_get_str(failure, "message", "");
		if (message[0] && !str_starts(message, "exit code "))
			field(cli, &s, _("what"), message);
		found(cli, &s, failure);
		trail(cli, &s, failure);
		tail_lines(cli, &s, failure);
		if (node[0]) {
			log_file(cli, &s, id, node);
			files(cli, &s, failure);
			next_steps(cli, &s, id, node, json_get_int(failure, "line", 0));
		}
	} else if (json_get_str(run, "way_back", NULL)) {
		field(cli, &s, _("goes back"), json_get_str(run, "way_back", ""));
	} else if (json_get_str(run, "reason", NULL)) {
		field(cli, &s, _("reason"), json_get_str(run, "reason", ""));
		if (str_eq(json_get_str(run, "reason", ""), "rollback_undone")) {
			auto_free char *next = xasprintf(_("it could not go back and is as it was: pawl resume %s goes on; pawl checkpoints %s says why"),
							 id, id);
			field(cli, &s, _("next"), next);
		}
	}
	(void)fputs(str_text(&s), to);
}
