/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/roundview.h"

#include "base/utf8.h"
#include "tui/action.h"
#include "tui/outside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_MAX 50000
#define PAGE_LINES 2000
#define LIVE_US 1000000 /* between two looks at a transcript that grows */

/* ---- lines ---- */

size_t round_add(struct roundview *v, enum role role, int indent, size_t of, const char *text, size_t len)
{
	auto_str safe = STR_INIT;
	if (v->n >= LINES_MAX)
		return v->n - 1;
	text_add_safe(&safe, text, len, SAFE_PLAIN, false);
	GROW(v->v, v->n, v->cap);
	v->v[v->n] = (struct round_line){ .text = str_take(&safe), .role = role, .indent = indent, .of = of };
	v->columns = 0;
	return v->n++;
}

size_t round_addf(struct roundview *v, enum role role, int indent, size_t of, const char *fmt, ...)
{
	auto_str s = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	return round_add(v, role, indent, of, str_text(&s), s.len);
}

void round_add_text(struct roundview *v, enum role role, int indent, size_t of, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		(void)round_add(v, role, indent, of, text, n);
		text += n + (text[n] == '\n');
	}
}

static void forget_lines(struct roundview *v)
{
	for (size_t i = 0; i < v->n; i++) {
		free(v->v[i].text);
		free(v->v[i].file);
	}
	free(v->v);
	free(v->rows);
	free(v->title);
	json_free(v->result);
	v->v = NULL;
	v->rows = NULL;
	v->title = NULL;
	v->result = NULL;
	v->n = v->cap = v->nrows = v->caprows = v->tools = 0;
	v->columns = 0;
	v->next_line = 1;
}

void round_free(struct console *c)
{
	struct roundview *v = c->round;
	if (!v)
		return;
	if (v->request)
		client_drop(c->client, v->request);
	forget_lines(v);
	free(v->run);
	free(v->node);
	free(v);
	c->round = NULL;
}

bool round_busy(const struct console *c)
{
	return c->round && c->round->request;
}

/* ---- asking: the iteration first, then what it leads to ---- */

static void add_path(const struct roundview *v, const char *tail, struct str *path)
{
	str_add(path, "/v1/runs/");
	client_add_encoded(path, v->run);
	str_add(path, "/nodes/");
	client_add_encoded(path, v->node);
	str_add(path, tail);
}

static void say_failure(struct roundview *v, const struct client_reply *r)
{
	(void)round_addf(v, ROLE_ALARM, 0, NO_HEAD, _("cannot be read: %s"),
			 r->err ? r->err->message : err_name(r->code));
}

/* Where the cursor is to be after lines were read: on the first thing to look at. */
static void go_first(struct roundview *v)
{
	v->at = v->top = 0;
	for (size_t i = 0; i < v->n; i++) {
		if (!v->v[i].stop || (v->kind == ROUND_CHECKS && v->v[i].role == ROLE_DIM))
			continue;
		v->at = i;
		return;
	}
}

static void go_last(struct roundview *v)
{
	v->at = v->n ? v->n - 1 : 0;
	for (size_t i = v->n; v->kind == ROUND_TRAIL && i-- > 0;)
		if (v->v[i].stop && v->v[i].line == v->iteration && v->v[i].ended) {
			v->at = i;
			return;
		}
}

static void on_checks(void *ctx, const struct client_reply *r)
{
	struct roundview *v = ctx;
	size_t at = v->at;
	bool again = v->n > 0;
	v->request = 0;
	v->c->dirty = true;
	forget_lines(v);
	if (r->code != ERR_OK)
		say_failure(v, r);
	else
		round_show_checks(v, r->body);
	if (again)
		v->at = MIN(at, v->n ? v->n - 1 : 0);
	else
		go_first(v);
}

static void on_log(void *ctx, const struct client_reply *r);

static void ask_log(struct roundview *v)
{
	auto_str path = STR_INIT;
	add_path(v, "/log", &path);
	str_addf(&path, "?generation=%lld&iteration=%lld&attempt=%lld&from=%lld&lines=%d&width=65536",
		 (long long)v->generation, (long long)v->iteration, (long long)v->attempt,
		 (long long)v->next_line, PAGE_LINES);
	v->asked_us = v->c->mono_us;
	v->request = client_send(v->c->client, "GET", str_text(&path), NULL, on_log, v);
}

static void on_log(void *ctx, const struct client_reply *r)
{
	struct roundview *v = ctx;
	bool at_end = v->n && v->at + 1 >= v->n, first = !v->n;
	v->request = 0;
	v->c->dirty = true;
	if (r->code != ERR_OK) {
		v->live = false;
		say_failure(v, r);
		return;
	}
	int64_t before = v->next_line;
	round_show_talk(v, r->body);
	if (first)
		go_first(v);
	if ((at_end && !first) || (first && v->live))
		v->at = v->n ? v->n - 1 : 0;
	if (v->next_line > before && json_get_int(r->body, "lines", 0) >= v->next_line)
		ask_log(v);
}

/* What follows from the iteration: another question, or lines. */
static void follow(struct roundview *v, const struct json *list)
{
	const struct json *it = json_first(list), *work = json_get(it, "work"), *verify = json_get(it, "verify");
	auto_str path = STR_INIT;
	const char *token = json_get_str(verify, "token", NULL);
	if (v->kind == ROUND_TALK) {
		v->attempt = json_get_int(work, "attempt", 1);
		v->live = json_type(json_get(it, "ended_at_ms")) != JSON_NUMBER && str_eq(json_get_str(work, "state", ""), "running");
		ask_log(v);
	} else if (v->kind == ROUND_PROMPT) {
		forget_lines(v);
		round_show_prompt(v, list);
	} else if (!token) {
		forget_lines(v);
		round_show_no_checks(v, it);
	} else {
		add_path(v, "/report?token=", &path);
		client_add_encoded(&path, token);
		v->request = client_send(v->c->client, "GET", str_text(&path), NULL, on_checks, v);
	}
}

static void on_iterations(void *ctx, const struct client_reply *r)
{
	struct roundview *v = ctx;
	const struct json *items = json_get(r->body, "items");
	size_t at = v->at;
	bool again = v->n > 0;
	v->request = 0;
	v->c->dirty = true;
	if (r->code != ERR_OK) {
		forget_lines(v);
		say_failure(v, r);
	} else if (!json_first(items)) {
		forget_lines(v);
		(void)round_addf(v, ROLE_TEXT, 0, NO_HEAD, "%s",
				 _("nothing is known of an iteration: the node is no agent, and nothing checks its work"));
	} else if (v->kind == ROUND_TRAIL) {
		forget_lines(v);
		round_show_trail(v, r->body);
		if (again)
			v->at = MIN(at, v->n - 1);
		else
			go_last(v);
	} else {
		follow(v, items);
	}
}

static void ask(struct roundview *v)
{
	auto_str path = STR_INIT;
	add_path(v, "/iterations", &path);
	str_addf(&path, "?generation=%lld&iteration=%lld&limit=%d", (long long)v->generation,
		 v->kind == ROUND_TRAIL ? 1LL : (long long)v->iteration, v->kind == ROUND_TRAIL ? 500 : 2);
	v->stale = false;
	v->asked_us = v->c->mono_us;
	v->request = client_send(v->c->client, "GET", str_text(&path), NULL, on_iterations, v);
}

void round_open(struct console *c, enum round_kind kind, const char *node, int64_t generation, int64_t iteration)
{
	struct roundview *v = xcalloc(1, sizeof(*v));
	v->c = c;
	v->kind = kind;
	v->run = xstrdup(c->model.run);
	v->node = xstrdup(node);
	v->generation = generation;
	v->iteration = iteration;
	v->next_line = 1;
	round_free(c);
	c->round = v;
	ask(v);
	console_view(c, PANE_ROUND);
}

void round_turn(struct console *c, bool news)
{
	struct roundview *v = c->round;
	if (!v || c->view != PANE_ROUND)
		return;
	bool grows = v->kind == ROUND_TALK;
	if (news && (!grows || v->live || !v->n))
		v->stale = true;
	if (v->request || model_down(&c->model))
		return;
	if (v->stale && !(grows && v->n))
		ask(v);
	else if (grows && v->live && (v->stale || c->mono_us - v->asked_us >= LIVE_US)) {
		v->stale = false;
		ask_log(v);
	}
}

/* ---- the keys ---- */

const char *round_why_not(const struct console *c)
{
	const struct iteration_row *it = console_iteration(c);
	if (c->view == PANE_ROUND)
		return NULL;
	return it && it->round ? NULL : _("the node is no agent, and nothing checks its work");
}

void act_round(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	const struct iteration_row *it = console_iteration(c);
	const char *node = console_node(c);
	if (c->view == PANE_ROUND && c->round) {
		auto_free char *same = xstrdup(c->round->node);
		round_open(c, (enum round_kind)a->value, same, c->round->generation, c->round->iteration);
		return;
	}
	/* Under the cursor of the graph may be another node: its newest iteration. */
	for (size_t i = 0; node && it && it->node && !str_eq(node, it->node) && i < c->model.iterations.n; i++) {
		const struct iteration_row *other = (const struct iteration_row *)c->model.iterations.v[i];
		if (other->node && str_eq(other->node, node)) {
			it = other;
			break;
		}
	}
	if (!c->model.run || !it || !it->node)
		console_say(c, ROLE_DIM, _("nothing is selected"));
	else if (!it->round)
		console_say(c, ROLE_DIM, "%s", _("the node is no agent, and nothing checks its work"));
	else
		round_open(c, (enum round_kind)a->value, it->node, it->generation, it->iteration);
}

void act_round_iteration(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	const struct roundview *v = c->round;
	const struct iteration_row *found = NULL;
	for (size_t i = 0; v && i < c->model.iterations.n; i++) {
		const struct iteration_row *it = (const struct iteration_row *)c->model.iterations.v[i];
		if (!it->node || !str_eq(it->node, v->node) || it->generation != v->generation ||
		    (it->iteration - v->iteration) * a->value <= 0)
			continue;
		if (!found || (it->iteration - found->iteration) * a->value < 0)
			found = it;
	}
	if (!found) {
		console_say(c, ROLE_DIM, a->value > 0 ? _("this is the last iteration") : _("this is the first iteration"));
		return;
	}
	(void)list_go_id(&c->list[PANE_ITERATIONS], found->row.id);
	console_selected(c, PANE_ITERATIONS);
	auto_free char *node = xstrdup(v->node);
	round_open(c, v->kind, node, found->generation, found->iteration);
}

static bool is_shown(const struct roundview *v, size_t i)
{
	return v->v[i].of == NO_HEAD || v->v[v->v[i].of].open;
}

void act_round_stop(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	struct roundview *v = c->round;
	for (size_t i = v ? v->at : 0; v && v->n;) {
		if ((a->value < 0 && i == 0) || (a->value > 0 && i + 1 >= v->n))
			break;
		i += a->value < 0 ? (size_t)-1 : 1;
		if (!v->v[i].stop || !is_shown(v, i))
			continue;
		v->at = i;
		c->dirty = true;
		return;
	}
	console_say(c, ROLE_DIM, a->value > 0 ? _("nothing more below") : _("nothing more above"));
}

/* The file that a check named, if it is one of the workspace: what it prints is not trusted. */
static char *find_file(const struct console *c, const char *name, char **ret_why)
{
	const struct run_row *run = console_run(c);
	const char *folder = run ? run->workspace : NULL;
	if (!folder) {
		*ret_why = xstrdup(_("the run has no workspace any more"));
		return NULL;
	}
	auto_free char *joined = *name == '/' ? xstrdup(name) : xasprintf("%s/%s", folder, name);
	char *root = realpath(folder, NULL), *file = realpath(joined, NULL);
	size_t n = root ? strlen(root) : 0;
	bool inside = root && file && strncmp(file, root, n) == 0 && file[n] == '/';
	if (!file)
		*ret_why = xasprintf(_("%s is not there"), joined);
	else if (!inside)
		*ret_why = xasprintf(_("%s is outside of the workspace"), name);
	free(root);
	if (inside)
		return file;
	free(file);
	return NULL;
}

static void open_file(struct console *c, const struct round_line *line)
{
	auto_free char *why = NULL;
	auto_free char *path = find_file(c, line->file, &why);
	if (!path) {
		console_say(c, ROLE_ALARM, "%s", why);
		return;
	}
	outside_edit_file(c, path, MAX(line->line, (int64_t)1));
}

static void round_enter(struct console *c)
{
	struct roundview *v = c->round;
	if (!v || v->at >= v->n)
		return;
	struct round_line *line = &v->v[v->at];
	if (line->file) {
		open_file(c, line);
		return;
	}
	if (!line->head && line->of != NO_HEAD)
		v->at = line->of; /* from within: fold it */
	if (v->v[v->at].head) {
		v->v[v->at].open = !v->v[v->at].open;
		v->columns = 0;
	}
}

void act_round_fold(struct console *c, const struct action *a, int letter)
{
	(void)a, (void)letter;
	struct roundview *v = c->round;
	bool any = false;
	for (size_t i = 0; v && i < v->n; i++)
		any = any || (v->v[i].head && !v->v[i].open);
	for (size_t i = 0; v && i < v->n; i++)
		v->v[i].open = any;
	if (!v)
		return;
	if (!any && v->n && v->v[v->at].of != NO_HEAD)
		v->at = v->v[v->at].of;
	v->columns = 0;
	c->dirty = true;
}

static void round_move(struct console *c, int across, int down)
{
	struct roundview *v = c->round;
	(void)across;
	if (!v || !v->n)
		return;
	size_t i = v->at;
	for (int left = abs(down); left > 0;) {
		if ((down < 0 && i == 0) || (down > 0 && i + 1 >= v->n))
			break;
		i += down < 0 ? (size_t)-1 : 1;
		if (!is_shown(v, i))
			continue;
		v->at = i;
		left--;
	}
	c->dirty = true;
}

/* ---- drawing ---- */

/* Bytes of a line that go into a row: to the last blank that fits, or as many as fit. */
static size_t row_bytes(const char *text, size_t len, int columns)
{
	size_t fit = text_fit(text, len, (size_t)MAX(columns, 8));
	if (fit >= len)
		return len;
	for (size_t i = fit; i > fit / 2; i--)
		if (text[i - 1] == ' ')
			return i;
	return MAX(fit, (size_t)1);
}

static void lay_out(struct roundview *v, int columns)
{
	if (v->columns == columns)
		return;
	v->columns = columns;
	v->nrows = 0;
	for (size_t i = 0; i < v->n; i++) {
		const struct round_line *line = &v->v[i];
		size_t len = strlen(line->text), from = 0;
		if (!is_shown(v, i))
			continue;
		do {
			size_t n = row_bytes(line->text + from, len - from, columns - line->indent - 2);
			GROW(v->rows, v->nrows, v->caprows);
			v->rows[v->nrows++] = (struct round_row){ i, from, n };
			from += n;
		} while (from < len);
	}
}

/* The rows of the line with the cursor are to be seen, its first one at least. */
static void keep_in_sight(struct roundview *v, int rows)
{
	size_t first = 0, last = 0;
	for (size_t i = 0; i < v->nrows; i++) {
		if (v->rows[i].line < v->at)
			first = last = i + 1;
		else if (v->rows[i].line == v->at)
			last = i;
	}
	first = MIN(first, v->nrows ? v->nrows - 1 : 0);
	last = MAX(last, first);
	size_t height = (size_t)MAX(rows, 1);
	if (last >= v->top + height)
		v->top = last - height + 1;
	if (first < v->top)
		v->top = first;
	if (v->nrows > height && v->top + height > v->nrows)
		v->top = v->nrows - height;
	if (v->nrows <= height)
		v->top = 0;
	v->height = rows;
}

static void draw_line(struct console *c, struct rect r, int row, const struct round_row *at)
{
	const struct roundview *v = c->round;
	const struct round_line *line = &v->v[at->line];
	bool here = at->line == v->at;
	int column = r.column + 1 + line->indent;
	if (here)
		cells_clear(c->cells, (struct rect){ row, r.column, 1, r.columns }, ROLE_CURSOR);
	(void)cells_puts(c->cells, row, r.column, 1, here ? ROLE_CURSOR : ROLE_TEXT, here && !at->from ? ">" : " ");
	if (line->head && !at->from && column > r.column + 2)
		(void)cells_puts(c->cells, row, column - 2, 1, here ? ROLE_CURSOR : ROLE_DIM, line->open ? "-" : "+");
	(void)cells_put(c->cells, row, column, r.columns - column + r.column, here ? ROLE_CURSOR : line->role,
			line->text + at->from, at->len);
}

static const char *const titles[] = {
	[ROUND_TALK] = N_("TRANSCRIPT"), [ROUND_CHECKS] = N_("CHECKS"),
	[ROUND_PROMPT] = N_("PROMPT"),   [ROUND_TRAIL] = N_("DECISIONS"),
};
static_assert(COUNT(titles) == ROUND_KIND_COUNT, "every view has a title");

static void round_draw(struct console *c, struct rect r, bool focused)
{
	struct roundview *v = c->round;
	auto_str left = STR_INIT, right = STR_INIT;
	if (!v)
		return;
	lay_out(v, r.columns);
	keep_in_sight(v, r.rows - 1);
	for (int i = 0; i < r.rows - 1 && v->top + (size_t)i < v->nrows; i++)
		draw_line(c, r, r.row + 1 + i, &v->rows[v->top + (size_t)i]);
	if (v->request && !v->n)
		(void)cells_puts(c->cells, r.row + 1, r.column + 1, r.columns - 1, ROLE_DIM, _("reading ..."));
	str_addf(&left, _("run %s > %s > it %lld"), v->run, v->node, (long long)v->iteration);
	if (v->title)
		str_addf(&left, "  %s", v->title);
	size_t last = MIN(v->top + (size_t)MAX(r.rows - 1, 0), v->nrows);
	str_addf(&right, "%zu-%zu/%zu", MIN(v->top + 1, v->nrows), last, v->nrows);
	draw_title(c, r, focused, 0, _(titles[v->kind]), str_text(&left), str_text(&right));
}

const struct pane_ops pane_round = {
	.name = "round",
	.title = N_("ITERATION"),
	.draw = round_draw,
	.enter = round_enter,
	.move = round_move,
	.parent = PANE_ITERATIONS,
};
