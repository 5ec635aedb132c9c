/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/inspect.h"

#include "base/utf8.h"
#include "tui/panes.h"

#include <assert.h>
#include <string.h>

#define LINES_MAX 5000
#define VALUE_MAX 400

enum part { PART_NODE, PART_DEFINITION, PART_RUN, PART_ATTEMPTS, PART_EVENTS, PART_COUNT };

struct inspect_part {
	struct inspect *inspect;
	enum part part;
	unsigned int request;
	struct str text; /* lines */
};

struct inspect {
	struct console *c;
	char *run, *node; /* node is NULL: the run alone */
	struct inspect_part part[PART_COUNT];
	size_t top;
	size_t nlines;
};

static const char *const titles[] = {
	[PART_NODE] = N_("node"),         [PART_DEFINITION] = N_("definition"),
	[PART_RUN] = N_("run"),           [PART_ATTEMPTS] = N_("attempts, newest first"),
	[PART_EVENTS] = N_("events, newest first"),
};
static_assert(COUNT(titles) == PART_COUNT, "every part has a title");

/* ---- JSON as lines ---- */

static void add_indent(struct str *s, int depth)
{
	for (int i = 0; i < depth; i++)
		str_add(s, "  ");
}

static bool is_time(const char *key, const struct json *v)
{
	size_t n = strlen(key);
	return n > 6 && str_eq(key + n - 6, "_at_ms") && json_int(v, 0) > 0;
}

static bool is_duration(const char *key, const struct json *v)
{
	size_t n = strlen(key);
	return n > 3 && str_eq(key + n - 3, "_ms") && json_int(v, -1) >= 0;
}

static void add_text(struct str *s, const char *text, int depth)
{
	/* A text of several lines stands below its key. */
	if (!strchr(text, '\n')) {
		text_add_safe(s, text, utf8_floor(text, strnlen(text, VALUE_MAX)), SAFE_PLAIN, false);
		return;
	}
	while (*text && s->len < 256 * KIB) {
		size_t n = strcspn(text, "\n");
		str_add_char(s, '\n');
		add_indent(s, depth + 1);
		text_add_safe(s, text, utf8_floor(text, MIN(n, (size_t)VALUE_MAX)), SAFE_PLAIN, false);
		text += n + (text[n] == '\n');
	}
}

static void add_value(struct console *c, struct str *s, const char *key, const struct json *v,
		      int depth);

static void add_members(struct console *c, struct str *s, const struct json *v, int depth)
{
	for (const struct json *e = json_first(v); e && s->len < 256 * KIB; e = json_next(e)) {
		const char *key = json_key(e);
		if (json_type(e) == JSON_NULL)
			continue;
		add_indent(s, depth);
		if (key) {
			text_add_safe(s, key, strlen(key), SAFE_PLAIN, false);
			str_add(s, ": ");
		} else {
			str_add(s, "- ");
		}
		add_value(c, s, key ? key : "", e, depth);
		str_add_char(s, '\n');
	}
}

static bool is_flat(const struct json *v)
{
	for (const struct json *e = json_first(v); e; e = json_next(e))
		if (json_type(e) == JSON_OBJECT || json_type(e) == JSON_ARRAY)
			return false;
	return json_count(v) <= 12;
}

static void add_value(struct console *c, struct str *s, const char *key, const struct json *v,
		      int depth)
{
	switch (json_type(v)) {
	case JSON_STRING:
		add_text(s, json_str(v, ""), depth);
		break;
	case JSON_NUMBER:
		if (is_time(key, v))
			add_when(s, json_int(v, 0), c->wall_ms);
		else if (is_duration(key, v))
			add_took(s, json_int(v, 0));
		else
			json_add(s, v);
		break;
	case JSON_ARRAY:
		if (is_flat(v)) {
			const char *comma = "";
			for (const struct json *e = json_first(v); e; e = json_next(e)) {
				str_add(s, comma);
				add_value(c, s, "", e, depth);
				comma = ", ";
			}
			break;
		}
		str_add_char(s, '\n');
		add_members(c, s, v, depth + 1);
		str_cut(s, s->len - (s->len && s->p[s->len - 1] == '\n'));
		break;
	case JSON_OBJECT:
		str_add_char(s, '\n');
		add_members(c, s, v, depth + 1);
		str_cut(s, s->len - (s->len && s->p[s->len - 1] == '\n'));
		break;
	case JSON_NULL:
	case JSON_BOOL:
		json_add(s, v);
		break;
	}
}

static const struct json *find_node(const struct json *body, const char *name)
{
	const struct json *nodes = json_get(body, "nodes");
	for (const struct json *e = json_first(nodes); e; e = json_next(e))
		if (name && str_eq(json_get_str(e, "name", ""), name))
			return e;
	return NULL;
}

static void add_definition(struct console *c, struct str *s, const struct json *body, const char *node)
{
	const struct json *own = find_node(body, node);
	if (own) {
		add_members(c, s, own, 1);
		return;
	}
	str_add(s, "  source:");
	add_text(s, json_get_str(body, "source", ""), 1);
	str_add_char(s, '\n');
}

static void add_events(struct console *c, struct str *s, const struct json *body, const char *node)
{
	for (const struct json *e = json_first(json_get(body, "items")); e; e = json_next(e)) {
		struct row *row = row_read(ROWS_EVENTS, e);
		struct event_row *v = (struct event_row *)row;
		if (!row)
			continue;
		if (!node || (v->node && str_eq(v->node, node))) {
			str_add(s, "  ");
			add_when(s, v->at_ms, c->wall_ms);
			str_addf(s, "  %s", v->type ? v->type : "?");
			if (v->node && !node)
				str_addf(s, " %s", v->node);
			if (v->to)
				str_addf(s, "  %s -> %s", v->from ? v->from : "", v->to);
			str_addf(s, "  %s%s%s\n", v->who ? v->who : v->actor ? v->actor : "",
				 v->reason ? ": " : "", v->reason ? v->reason : "");
		}
		row_free(ROWS_EVENTS, row);
	}
}

static void on_part(void *ctx, const struct client_reply *r)
{
	struct inspect_part *p = ctx;
	struct inspect *in = p->inspect;
	p->request = 0;
	in->c->dirty = true;
	str_clear(&p->text);
	if (r->code != ERR_OK) {
		str_addf(&p->text, _("  cannot be read: %s\n"),
			 r->err ? r->err->message : err_name(r->code));
	} else if (p->part == PART_DEFINITION) {
		add_definition(in->c, &p->text, r->body, in->node);
	} else if (p->part == PART_EVENTS) {
		add_events(in->c, &p->text, r->body, in->node);
	} else if (p->part == PART_ATTEMPTS) {
		add_members(in->c, &p->text, json_get(r->body, "items"), 1);
	} else {
		add_members(in->c, &p->text, r->body, 1);
	}
	if (!p->text.len)
		str_add(&p->text, _("  nothing\n"));
}

static void ask(struct inspect *in, enum part part)
{
	auto_str path = STR_INIT;
	struct inspect_part *p = &in->part[part];
	str_add(&path, part == PART_EVENTS ? "/v1/events?before=999999999999999&limit=200&run=" :
					     "/v1/runs/");
	client_add_encoded(&path, in->run);
	if (part == PART_DEFINITION)
		str_add(&path, "/definition");
	if (part == PART_NODE || part == PART_ATTEMPTS) {
		if (!in->node)
			return;
		str_add(&path, "/nodes/");
		client_add_encoded(&path, in->node);
		str_add(&path, part == PART_ATTEMPTS ? "/attempts?limit=20" : "");
	}
	if (p->request)
		client_drop(in->c->client, p->request);
	p->request = client_send(in->c->client, "GET", str_text(&path), NULL, on_part, p);
}

void inspect_free(struct console *c)
{
	struct inspect *in = c->inspect;
	if (!in)
		return;
	for (int i = 0; i < PART_COUNT; i++) {
		if (in->part[i].request)
			client_drop(c->client, in->part[i].request);
		str_done(&in->part[i].text);
	}
	free(in->run);
	free(in->node);
	free(in);
	c->inspect = NULL;
}

bool inspect_busy(const struct console *c)
{
	for (int i = 0; c->inspect && i < PART_COUNT; i++)
		if (c->inspect->part[i].request)
			return true;
	return false;
}

void inspect_refresh(struct console *c)
{
	for (int i = 0; c->inspect && i < PART_COUNT; i++)
		ask(c->inspect, (enum part)i);
}

bool inspect_open(struct console *c)
{
	const struct iteration_row *it = console_iteration(c);
	bool of_node = c->focus == PANE_ITERATIONS || c->focus == PANE_LOG || c->view == PANE_GRAPH;
	inspect_free(c);
	if (!c->model.run)
		return false;
	struct inspect *in = xcalloc(1, sizeof(*in));
	in->c = c;
	in->run = xstrdup(c->model.run);
	if (c->view == PANE_GRAPH && c->graph_node)
		in->node = xstrdup(c->graph_node);
	else if (of_node && it && it->node)
		in->node = xstrdup(it->node);
	for (int i = 0; i < PART_COUNT; i++) {
		in->part[i].inspect = in;
		in->part[i].part = (enum part)i;
	}
	c->inspect = in;
	inspect_refresh(c);
	return true;
}

/* ---- the timeline: when each node ran ---- */

static void draw_timeline_row(struct console *c, struct rect r, int row, const struct node_row *n,
			      int64_t from_ms, int64_t to_ms)
{
	int name = MIN(24, r.columns / 3), width = r.columns - name - 12;
	(void)cells_puts(c->cells, row, r.column + 2, name - 1, ROLE_TEXT, n->row.id);
	auto_str took = STR_INIT;
	int64_t end = n->ended_at_ms ? n->ended_at_ms : console_seen_ms(c);
	add_took(&took, MAX(end - n->started_at_ms, (int64_t)0));
	cells_put_right(c->cells, row, r.column + name + 2, 7, ROLE_DIM, str_text(&took));
	int64_t span = MAX(to_ms - from_ms, (int64_t)1);
	int start = (int)((n->started_at_ms - from_ms) * width / span);
	int stop = MAX((int)((end - from_ms) * width / span), start + 1);
	for (int x = MAX(start, 0); x < MIN(stop, width); x++)
		(void)cells_puts(c->cells, row, r.column + name + 10 + x, 1,
				 state_role(n->row.state), n->ended_at_ms ? "=" : "-");
}

/* ---- drawing ---- */

static void draw_line(struct console *c, struct rect r, size_t *at, uint32_t style, const char *text,
		      size_t len)
{
	struct inspect *in = c->inspect;
	if (*at >= in->top && *at < in->top + (size_t)r.rows)
		(void)cells_put(c->cells, r.row + (int)(*at - in->top), r.column + 1, r.columns - 1,
				style, text, len);
	(*at)++;
}

static void draw_part(struct console *c, struct rect r, size_t *at, enum part part)
{
	const struct inspect_part *p = &c->inspect->part[part];
	if (!p->request && !p->text.len)
		return;
	const char *title = _(titles[part]);
	draw_line(c, r, at, ROLE_TITLE, title, strlen(title));
	const char *text = p->text.len ? p->text.p : _("  reading ...\n");
	for (size_t i = 0; *text && i < LINES_MAX; i++) {
		size_t n = strcspn(text, "\n");
		draw_line(c, r, at, ROLE_TEXT, text, n);
		text += n + (text[n] == '\n');
	}
	draw_line(c, r, at, ROLE_TEXT, "", 0);
}

static void draw_timeline(struct console *c, struct rect r, size_t *at)
{
	const struct rows *nodes = &c->model.nodes;
	int64_t from = 0, to = 0;
	for (size_t i = 0; i < nodes->n; i++) {
		const struct node_row *n = (const struct node_row *)nodes->v[i];
		if (!n->started_at_ms)
			continue;
		from = from ? MIN(from, n->started_at_ms) : n->started_at_ms;
		to = MAX(to, n->ended_at_ms ? n->ended_at_ms : console_seen_ms(c));
	}
	if (!from)
		return;
	const char *title = _("timeline");
	draw_line(c, r, at, ROLE_TITLE, title, strlen(title));
	for (size_t i = 0; i < nodes->n; i++) {
		const struct node_row *n = (const struct node_row *)nodes->v[i];
		if (!n->started_at_ms)
			continue;
		if (*at >= c->inspect->top && *at < c->inspect->top + (size_t)r.rows)
			draw_timeline_row(c, r, r.row + (int)(*at - c->inspect->top), n, from, to);
		(*at)++;
	}
}

static void inspect_draw(struct console *c, struct rect r, bool focused)
{
	struct inspect *in = c->inspect;
	auto_str left = STR_INIT, right = STR_INIT;
	if (!in)
		return;
	struct rect inner = { r.row + 1, r.column, r.rows - 1, r.columns };
	size_t at = 0;
	for (int i = 0; i < PART_COUNT; i++)
		draw_part(c, inner, &at, (enum part)i);
	draw_timeline(c, inner, &at);
	in->nlines = at;
	str_addf(&left, _("run %s"), in->run);
	if (in->node)
		str_addf(&left, " > %s", in->node);
	str_addf(&right, "%zu-%zu/%zu", MIN(in->top + 1, at), MIN(in->top + (size_t)inner.rows, at), at);
	draw_title(c, r, focused, 0, _(pane_inspect.title), str_text(&left), str_text(&right));
}

static void inspect_move(struct console *c, int across, int down)
{
	(void)across;
	struct inspect *in = c->inspect;
	if (!in)
		return;
	int64_t to = (int64_t)in->top + down;
	size_t last = in->nlines > 5 ? in->nlines - 5 : 0;
	in->top = to < 0 ? 0 : MIN((size_t)to, last);
	c->dirty = true;
}

const struct pane_ops pane_inspect = {
	.name = "inspect",
	.title = N_("INSPECT"),
	.draw = inspect_draw,
	.move = inspect_move,
	.parent = PANE_ITERATIONS,
};
