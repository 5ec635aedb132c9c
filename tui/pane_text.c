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

/* ---- asking ---- */

static void add_node_path(const struct textview *t, struct str *path)
{
	str_add(path, "/nodes/");
	client_add_encoded(path, t->node ? t->node : "");
}

static void path_why(const struct textview *t, struct str *path)
{
	add_node_path(t, path);
	str_add(path, "/why");
}

static void path_compare(const struct textview *t, struct str *path)
{
	add_node_path(t, path);
	str_add(path, "/compare?context=3");
	if (t->a && t->b) {
		str_add(path, "&a=");
		client_add_encoded(path, t->a);
		str_add(path, "&b=");
		client_add_encoded(path, t->b);
	}
}

static void path_files(const struct textview *t, struct str *path)
{
	str_add(path, "/diff?text=1&from=");
	client_add_encoded(path, t->a ? t->a : "start");
	str_add(path, "&to=");
	client_add_encoded(path, t->b ? t->b : "now");
}

static const struct {
	const char *title;
	void (*path)(const struct textview *t, struct str *path); /* after the run */
	void (*show)(struct textview *t, const struct json *body);
} kinds[] = {
	[TEXT_WHY] = { N_("WHY"), path_why, show_why },
	[TEXT_COMPARE] = { N_("DIFFERENCE"), path_compare, show_compare },
	[TEXT_FILES] = { N_("FILES"), path_files, show_files },
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
	free(t->a);
	free(t->b);
	free(t);
	c->text = NULL;
}

bool text_busy(const struct console *c)
{
	return c->text && c->text->request;
}

void text_open(struct console *c, enum text_kind kind, const char *node, const char *a, const char *b)
{
	auto_str path = STR_INIT;
	struct textview *t = xcalloc(1, sizeof(*t));
	t->c = c;
	t->kind = kind;
	t->from = c->view == PANE_TEXT && c->text ? c->text->from : c->view;
	t->run = xstrdup(c->model.run);
	t->node = node ? xstrdup(node) : NULL;
	t->a = a ? xstrdup(a) : NULL;
	t->b = b ? xstrdup(b) : NULL;
	text_free(c);
	c->text = t;
	str_add(&path, "/v1/runs/");
	client_add_encoded(&path, t->run);
	kinds[kind].path(t, &path);
	t->request = client_send(c->client, "GET", str_text(&path), NULL, on_answer, t);
	console_view(c, PANE_TEXT);
}

static char *attempt_name(const struct iteration_row *it)
{
	return xasprintf("%lld.%lld.%lld", (long long)it->generation, (long long)it->iteration,
			 (long long)it->attempt);
}

/* Two marked iterations of a node are what is to be compared, the older one first. */
static bool open_marked(struct console *c)
{
	const struct list *l = &c->list[PANE_ITERATIONS];
	const struct iteration_row *found[2] = { NULL, NULL };
	size_t n = 0;
	for (size_t i = l->n; c->view == PANE_ITERATIONS && l->marks.n == 2 && i-- > 0 && n < 2;)
		if (list_is_marked(l, list_at(l, i)))
			found[n++] = (const struct iteration_row *)list_at(l, i);
	if (n < 2 || !found[0]->node || !found[1]->node || !str_eq(found[0]->node, found[1]->node))
		return false;
	auto_free char *older = attempt_name(found[0]), *newer = attempt_name(found[1]);
	text_open(c, TEXT_COMPARE, found[0]->node, older, newer);
	return true;
}

/* The iteration before that passed its checks; when none did, the one before. NULL: it is the first. */
static const struct iteration_row *last_good(const struct console *c, const struct iteration_row *it)
{
	const struct iteration_row *found = NULL;
	for (size_t i = 0; i < c->model.iterations.n; i++) {
		const struct iteration_row *other = (const struct iteration_row *)c->model.iterations.v[i];
		if (!other->node || !str_eq(other->node, it->node) || other->generation != it->generation ||
		    other->iteration >= it->iteration)
			continue;
		bool good = other->round_state && str_eq(other->round_state, "passed");
		bool was_good = found && found->round_state && str_eq(found->round_state, "passed");
		if (!found || (good && !was_good) || (good == was_good && other->iteration > found->iteration))
			found = other;
	}
	return found;
}

/* Of work that is checked: the checks of the selected iteration beside those of the last good one. */
static bool open_rounds(struct console *c, const char *node)
{
	const struct iteration_row *it = console_iteration(c);
	if (!it || !it->round || !it->node || !node || !str_eq(it->node, node))
		return false;
	const struct iteration_row *good = last_good(c, it);
	if (!good)
		return false;
	auto_free char *older = attempt_name(good), *newer = attempt_name(it);
	text_open(c, TEXT_COMPARE, node, older, newer);
	return true;
}

void act_work_diff(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	const struct iteration_row *it = console_iteration(c);
	if (!c->model.run || !it || !it->round || !it->node) {
		console_say(c, ROLE_DIM, _("the node is no agent, and nothing checks its work"));
		return;
	}
	const struct iteration_row *good = last_good(c, it);
	auto_free char *older = xasprintf("%s@%lld.%lld", it->node, (long long)it->generation,
					  good ? (long long)good->iteration : 0LL);
	auto_free char *newer = xasprintf("%s@%lld.%lld", it->node, (long long)it->generation,
					  (long long)it->iteration);
	text_open(c, TEXT_FILES, NULL, older, newer);
}

void act_text(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	const char *node = console_node(c);
	if (a->value == TEXT_COMPARE && (open_marked(c) || open_rounds(c, node)))
		return;
	if (c->model.run && node)
		text_open(c, (enum text_kind)a->value, node, NULL, NULL);
	else
		console_say(c, ROLE_DIM, _("nothing is selected"));
}

/* The files as they were at the checkpoint, and as they are; with two marks: at the two. */
void act_files(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	const struct list *l = &c->list[PANE_CHECKPOINTS];
	const char *found[2] = { NULL, NULL };
	size_t n = 0;
	for (size_t i = l->n; l->marks.n == 2 && i-- > 0 && n < 2;)
		if (list_is_marked(l, list_at(l, i)))
			found[n++] = list_at(l, i)->id;
	const struct row *row = list_selected(l);
	if (!c->model.run || !row)
		console_say(c, ROLE_DIM, _("nothing is selected"));
	else if (n == 2)
		text_open(c, TEXT_FILES, NULL, found[0], found[1]);
	else
		text_open(c, TEXT_FILES, NULL, row->id, NULL);
}

void act_next_change(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	struct textview *t = c->text;
	for (size_t i = t ? t->at : 0; t && i < t->n;) {
		if (a->value < 0 && i == 0)
			break;
		i += a->value < 0 ? (size_t)-1 : 1;
		if (i >= t->n || !t->v[i].change)
			continue;
		t->at = i;
		t->top = i > 3 ? i - 3 : 0;
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
		bool here = t->at && t->at == t->top + (size_t)i;
		(void)cells_puts(c->cells, r.row + 1 + i, r.column, 1, ROLE_TEXT, here ? ">" : " ");
		(void)cells_puts(c->cells, r.row + 1 + i, r.column + 1, r.columns - 1,
				 line->role | (here ? STYLE_BOLD : 0U), line->text + from);
	}
	if (t->request)
		(void)cells_puts(c->cells, r.row + 1, r.column + 1, r.columns - 1, ROLE_DIM,
				 _("reading ..."));
	str_addf(&left, _("run %s"), t->run);
	if (t->node)
		str_addf(&left, " > %s", t->node);
	if (t->kind == TEXT_FILES)
		str_addf(&left, t->a && strchr(t->a, '@') ? "  %s > %s" : _("  checkpoint %s > %s"),
			 t->a ? t->a : "start", t->b ? t->b : _("now"));
	size_t last = MIN(t->top + (size_t)MAX(r.rows - 1, 0), t->n);
	if (t->changes)
		str_addf(&right, ngettext("%zu change  ", "%zu changes  ", t->changes), t->changes);
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
	t->at = t->top;
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
