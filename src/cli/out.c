/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Printing: what comes from outside is made safe, colours only where they were decided on. */
#include "cli/cli_internal.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <string.h>

/* clang-format off */
static const char *const styles[] = {
	[STYLE_NONE] = "", [STYLE_BOLD] = "\033[1m", [STYLE_DIM] = "\033[2m", [STYLE_RED] = "\033[31m",
	[STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m", [STYLE_CYAN] = "\033[36m",
};

static const struct { const char *state; enum style style; const char *utf8, *ascii; } states[] = {
	{ "succeeded",    STYLE_GREEN,  "✓", "+" },
	{ "failed",       STYLE_RED,    "✗", "x" },
	{ "rejected",     STYLE_YELLOW, "✗", "x" },
	{ "passed",       STYLE_GREEN,  "✓", "+" },
	{ "timed_out",    STYLE_RED,    "✗", "x" },
	{ "interrupted",  STYLE_RED,    "✗", "x" },
	{ "canceled",     STYLE_DIM,    "⊘", "c" },
	{ "skipped",      STYLE_DIM,    "–", "-" },
	{ "running",      STYLE_CYAN,   "▶", ">" },
	{ "preparing",    STYLE_CYAN,   "▶", ">" },
	{ "validating",   STYLE_CYAN,   "▶", ">" },
	{ "retrying",     STYLE_YELLOW, "↻", "~" },
	{ "waiting",      STYLE_YELLOW, "?", "?" },
	{ "paused",       STYLE_YELLOW, "‖", "=" },
	{ "pausing",      STYLE_YELLOW, "‖", "=" },
	{ "frozen",       STYLE_YELLOW, "‖", "=" },
	{ "held",         STYLE_YELLOW, "‖", "=" },
	{ "canceling",    STYLE_YELLOW, "⊘", "c" },
	{ "rolling_back", STYLE_YELLOW, "↺", "<" },
};
/* clang-format on */

const char *style_on(const struct cli *cli, enum style s)
{
	return cli->colour ? styles[s] : "";
}

const char *style_off(const struct cli *cli)
{
	return cli->colour ? "\033[0m" : "";
}

enum style state_style(const char *state)
{
	for (size_t i = 0; i < COUNT(states); i++)
		if (str_eq(states[i].state, state))
			return states[i].style;
	return STYLE_NONE;
}

const char *mark(const struct cli *cli, const char *state)
{
	for (size_t i = 0; i < COUNT(states); i++)
		if (str_eq(states[i].state, state))
			return cli->utf8 ? states[i].utf8 : states[i].ascii;
	return cli->utf8 ? "·" : ".";
}

void add_safe(struct str *s, const char *text)
{
	text_add_safe(s, text, strlen(text), SAFE_PLAIN, false);
}

void out_safe(const char *text)
{
	auto_str s = STR_INIT;
	add_safe(&s, text);
	out_text(&s);
}

/* A write that fails is noticed when the output is flushed at the end. */
void out_text(const struct str *s)
{
	(void)fwrite(str_text(s), 1, s->len, stdout);
}

void out_json(const struct json *v)
{
	auto_str s = STR_INIT;
	json_add(&s, v);
	str_add_char(&s, '\n');
	out_text(&s);
}

void note_line(const struct cli *cli, const char *fmt, ...)
{
	if (cli->quiet)
		return;
	auto_str s = STR_INIT, safe = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	text_add_safe(&safe, str_text(&s), s.len, SAFE_PLAIN, true);
	(void)fflush(stdout); /* in order with what was said before; a failure shows at the end */
	(void)fprintf(stderr, "%s\n", str_text(&safe));
}

void leave_line(const struct cli *cli)
{
	if (cli->any_tty_out)
		(void)putchar('\n');
}

static void error_json(const struct err *err, const struct json *body)
{
	auto_str s = STR_INIT;
	struct jw w = jw_begin(&s);
	jw_obj(&w, NULL);
	jw_str(&w, "code", err_name(err->code));
	jw_str(&w, "message", err->message);
	auto_str details = STR_INIT;
	if (json_get(body, "details"))
		json_add(&details, json_get(body, "details"));
	jw_raw(&w, "details", details.len ? details.p : "{}");
	jw_str(&w, "hint", err->hint[0] ? err->hint : NULL);
	jw_end_obj(&w);
	(void)fprintf(stderr, "%s\n", str_text(&s));
}

/* The issues of a workflow that does not validate stand one a line, as compilers have it. */
static void issue_lines(struct str *s, const struct json *issues)
{
	for (const struct json *e = json_first(issues); e; e = json_next(e)) {
		auto_str line = STR_INIT;
		str_addf(&line, "%s:%lld:%lld: ", json_get_str(e, "file", "-"),
		         (long long)json_get_int(e, "line", 0),
		         (long long)json_get_int(e, "column", 0));
		const char *path = json_get_str(e, "path", "");
		if (path[0])
			str_addf(&line, "%s: ", path);
		str_add(&line, json_get_str(e, "message", ""));
		add_safe(s, line.p);
		str_add_char(s, '\n');
	}
}

void error_print(const struct cli *cli, const struct err *err, const struct json *body)
{
	if (cli->json) {
		error_json(err, body);
		return;
	}
	auto_str s = STR_INIT;
	const struct json *issues = json_get(json_get(body, "details"), "issues");
	size_t n = err->code == ERR_INVALID ? json_count(issues) : 0;
	issue_lines(&s, issues);
	str_add(&s, "pawl: ");
	if (n)
		str_addf(&s, ngettext("the workflow has %zu mistake", "the workflow has %zu mistakes", n), n);
	else
		text_add_safe(&s, err->message, strlen(err->message), SAFE_PLAIN, true);
	str_add_char(&s, '\n');
	if (err->hint[0]) {
		str_add(&s, "      ");
		text_add_safe(&s, err->hint, strlen(err->hint), SAFE_PLAIN, true);
		str_add_char(&s, '\n');
	}
	(void)fputs(str_text(&s), stderr);
}

void add_time(struct str *s, const struct json *object, const char *key)
{
	int64_t at = json_get_int(object, key, 0);
	if (at)
		time_add_short(s, at, clock_wall_ms());
}

void add_duration(struct str *s, const struct json *object, const char *key)
{
	const struct json *v = json_get(object, key);
	if (json_type(v) == JSON_NUMBER)
		duration_add(s, json_int(v, 0));
}

void add_progress(struct str *s, const struct json *run)
{
	const struct json *p = json_get(run, "progress");
	int64_t total = json_get_int(p, "total", 0), done = 0;
	static const char *const ended[] = { "succeeded", "failed", "skipped", "canceled" };
	for (size_t i = 0; i < COUNT(ended); i++)
		done += json_get_int(p, ended[i], 0);
	str_addf(s, "%lld/%lld", (long long)done, (long long)total);
}

#define LABEL_WIDTH 12

void out_field(const struct cli *cli, const char *label, const char *value)
{
	if (!value || !value[0])
		return;
	auto_str s = STR_INIT;
	size_t width = text_width(label, strlen(label));
	str_addf(&s, "%s%s%s%*s ", style_on(cli, STYLE_DIM), label, style_off(cli),
	         (int)(width < LABEL_WIDTH ? LABEL_WIDTH - width : 0), "");
	add_safe(&s, value);
	str_add_char(&s, '\n');
	out_text(&s);
}

void out_field_time(const struct cli *cli, const char *label, const struct json *object,
                    const char *key)
{
	int64_t at = json_get_int(object, key, 0);
	if (!at)
		return;
	auto_str s = STR_INIT;
	time_add_iso(&s, at);
	int64_t ago = clock_wall_ms() - at;
	if (ago >= 0) {
		auto_str age = STR_INIT;
		duration_add(&age, ago);
		str_addf(&s, _(" (%s ago)"), age.p);
	}
	out_field(cli, label, s.p);
}

/* ---- grids ---- */

void grid_begin(struct grid *g, size_t ncolumns)
{
	*g = (struct grid){ .ncolumns = ncolumns };
}

static void add_cell(struct grid *g, enum style style, char *text, bool right)
{
	GROW(g->cells, g->n, g->cap);
	g->cells[g->n++] = (struct grid_cell){ text, style, right };
}

void grid_head(struct grid *g, const char *title)
{
	bool right = title[0] == '>';
	add_cell(g, STYLE_DIM, xstrdup(right ? title + 1 : title), right);
}

void grid_add(struct grid *g, enum style style, const char *text)
{
	struct str s = STR_INIT;
	add_safe(&s, text ? text : "");
	add_cell(g, style, str_take(&s), g->cells[g->n % g->ncolumns].right);
}

static void grid_cell(const struct cli *cli, struct str *s, const struct grid_cell *c, size_t width,
                      bool last, size_t left)
{
	size_t len = strlen(c->text), has = text_width(c->text, len);
	size_t pad = has < width ? width - has : 0;
	if (last && cli->any_tty_out && has > left)
		len = text_fit(c->text, len, left);
	if (c->right)
		str_addf(s, "%*s", (int)pad, "");
	if (c->style != STYLE_NONE && len)
		str_add(s, style_on(cli, c->style));
	str_add_len(s, c->text, len);
	if (c->style != STYLE_NONE && len)
		str_add(s, style_off(cli));
	if (!c->right && !last)
		str_addf(s, "%*s", (int)pad, "");
}

static void trim_line(struct str *s, size_t from)
{
	size_t len = s->len;
	while (len > from && s->p[len - 1] == ' ')
		len--;
	str_cut(s, len);
	str_add_char(s, '\n');
}

void grid_print(const struct cli *cli, const struct grid *g)
{
	size_t columns = g->ncolumns;
	auto_free size_t *widths = xcalloc(columns + 1, sizeof(*widths));
	for (size_t i = 0; i < g->n; i++) {
		size_t w = text_width(g->cells[i].text, strlen(g->cells[i].text));
		widths[i % columns] = MAX(widths[i % columns], w);
	}
	auto_str s = STR_INIT;
	for (size_t i = cli->quiet ? columns : 0; i < g->n; i += columns) {
		size_t from = s.len, at = 0;
		for (size_t c = 0; c < columns && i + c < g->n; c++) {
			size_t left = cli->columns > at ? cli->columns - at : 1;
			grid_cell(cli, &s, &g->cells[i + c], widths[c], c + 1 == columns, left);
			at += widths[c] + 2;
			if (c + 1 < columns)
				str_add(&s, "  ");
		}
		trim_line(&s, from);
	}
	out_text(&s);
}

void grid_done(struct grid *g)
{
	for (size_t i = 0; i < g->n; i++)
		free(g->cells[i].text);
	free(g->cells);
	*g = (struct grid){ .ncolumns = 0 };
}
