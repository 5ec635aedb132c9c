/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/textview.h"

#include "base/utf8.h"
#include "tui/action.h"

#include <assert.h>
#include <string.h>

#define LINES_MAX 20000

void text_addf(struct textview *t, enum role role, bool change, const char *fmt, ...)
{
	auto_str s = STR_INIT, safe = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	if (t->n >= LINES_MAX)
		return;
	text_add_safe(&safe, str_text(&s), s.len, SAFE_PLAIN, false);
	GROW(t->v, t->n, t->cap);
	t->v[t->n++] = (struct text_line){ str_take(&safe), role, change };
	t->changes += change;
}

static void forget_lines(struct textview *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].text);
	free(t->v);
	t->v = NULL;
	t->n = t->cap = t->changes = 0;
}

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

static void path_why(const struct textview *t, struct str *path)
{
	(void)t;
	str_add(path, "/why");
}

static void show_why(struct textview *t, const struct json *body)
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

/* ---- asking ---- */

static const struct {
	const char *title;
	void (*path)(const struct textview *t, struct str *path); /* after the node */
	void (*show)(struct textview *t, const struct json *body);
} kinds[] = {
	[TEXT_WHY] = { N_("WHY"), path_why, show_why },
};
static_assert(COUNT(kinds) == TEXT_KIND_COUNT, "every kind is asked for and shown");

static void on_answer(void *ctx, const struct client_reply *r)
{
	struct textview *t = ctx;
	t->request = 0;
	t->c->dirty = true;
	forget_lines(t);
	if (r->code != ERR_OK)
		text_addf(t, ROLE_ALARM, false, _("cannot be read: %s"),
			  r->err ? r->err->message : err_name(r->code));
	else
		kinds[t->kind].show(t, r->body);
}

void text_free(struct console *c)
{
	struct textview *t = c->text;
	if (!t)
		return;
	if (t->request)
		client_drop(c->client, t->request);
	forget_lines(t);
	free(t->run);
	free(t->node);
	free(t);
	c->text = NULL;
}

bool text_busy(const struct console *c)
{
	return c->text && c->text->request;
}

void text_open(struct console *c, enum text_kind kind, const char *node)
{
	auto_str path = STR_INIT;
	struct textview *t = xcalloc(1, sizeof(*t));
	t->c = c;
	t->kind = kind;
	t->run = xstrdup(c->model.run);
	t->node = xstrdup(node);
	text_free(c);
	c->text = t;
	str_add(&path, "/v1/runs/");
	client_add_encoded(&path, t->run);
	str_add(&path, "/nodes/");
	client_add_encoded(&path, t->node);
	kinds[kind].path(t, &path);
	t->request = client_send(c->client, "GET", str_text(&path), NULL, on_answer, t);
	console_view(c, PANE_TEXT);
}

void act_text(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	const char *node = console_node(c);
	if (c->model.run && node)
		text_open(c, (enum text_kind)a->value, node);
	else
		console_say(c, ROLE_DIM, _("nothing is selected"));
}

void act_next_change(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	struct textview *t = c->text;
	for (size_t i = t ? t->top : 0; t && i < t->n;) {
		if (a->value < 0 && i == 0)
			break;
		i += a->value < 0 ? (size_t)-1 : 1;
		if (i >= t->n || !t->v[i].change)
			continue;
		t->top = i;
		c->dirty = true;
		return;
	}
	console_say(c, ROLE_DIM, a->value > 0 ? _("no change below") : _("no change above"));
}

/* ---- drawing ---- */

static void text_draw(struct console *c, struct rect r, bool focused)
{
	struct textview *t = c->text;
	auto_str left = STR_INIT, right = STR_INIT;
	if (!t)
		return;
	for (int i = 0; i < r.rows - 1 && t->top + (size_t)i < t->n; i++) {
		const struct text_line *line = &t->v[t->top + (size_t)i];
		size_t from = text_fit(line->text, strlen(line->text), (int)t->left);
		(void)cells_puts(c->cells, r.row + 1 + i, r.column + 1, r.columns - 1, line->role,
				 line->text + from);
	}
	if (t->request)
		(void)cells_puts(c->cells, r.row + 1, r.column + 1, r.columns - 1, ROLE_DIM,
				 _("reading ..."));
	str_addf(&left, _("run %s"), t->run);
	str_addf(&left, " > %s", t->node);
	size_t last = MIN(t->top + (size_t)MAX(r.rows - 1, 0), t->n);
	str_addf(&right, "%zu-%zu/%zu", MIN(t->top + 1, t->n), last, t->n);
	draw_title(c, r, focused, 0, _(kinds[t->kind].title), str_text(&left), str_text(&right));
}

static void text_move(struct console *c, int across, int down)
{
	struct textview *t = c->text;
	if (!t)
		return;
	int64_t to = (int64_t)t->top + down, side = (int64_t)t->left + across * 20LL;
	t->top = to < 0 ? 0 : MIN((size_t)to, t->n ? t->n - 1 : 0);
	t->left = side < 0 ? 0 : (size_t)MIN(side, 4000);
	c->dirty = true;
}

const struct pane_ops pane_text = {
	.name = "text",
	.title = N_("TEXT"),
	.draw = text_draw,
	.move = text_move,
	.parent = PANE_ITERATIONS,
};
