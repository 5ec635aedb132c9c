/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/logread.h"

#include "base/utf8.h"

#include <string.h>

#define WIDTH 4096         /* bytes of a line that are asked for */
#define TAIL 200           /* lines of a first look */
#define FILTER_PAGE 500
#define FILTER_MAX 20000   /* hits that are kept */
#define TEXT_LIMIT 16384   /* bytes of a line once it is safe */

/* What an error line looks like, where the engine is only asked for the first one. */
#define ERROR_PATTERN                                                                              \
	"\\b(error|fatal|panic|failed|failure|assert(ion)?|traceback|exception|FAIL)\\b|^E |^\\S+ E "

/* ---- lines ---- */

static void read_line(struct log_text *t, const struct json *line)
{
	auto_str safe = STR_INIT;
	const char *text = json_get_str(line, "text", "");
	text_add_safe(&safe, text, utf8_floor(text, strnlen(text, TEXT_LIMIT)), SAFE_SGR, false);
	*t = (struct log_text){
		.number = json_get_int(line, "n", 0),
		.t_ms = json_get_int(line, "t_ms", 0),
		.full_len = json_get_int(line, "len", 0),
		.stream = json_get_str(line, "s", "out")[0],
	};
	t->len = safe.len;
	t->text = str_take(&safe);
	t->level = t->stream == 'n' ? LEVEL_WARN : log_level_of(t->text, t->len);
}

static void add_line(struct log_lines *l, const struct log_text *t)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = *t;
}

/* Lines before, after, over or beside what is there; beside it, they replace it. */
static void take_items(struct logview *v, const struct json *items)
{
	struct log_lines got = { 0 };
	for (const struct json *e = json_first(items); e; e = json_next(e)) {
		struct log_text t;
		read_line(&t, e);
		if (t.number < 1 || (got.n && t.number != got.v[got.n - 1].number + 1))
			free(t.text);
		else
			add_line(&got, &t);
	}
	if (!got.n) {
		log_lines_done(&got);
		return;
	}
	struct log_lines *c = &v->cache;
	int64_t first = got.v[0].number, last = got.v[got.n - 1].number;
	bool meets = c->n && first <= c->v[c->n - 1].number + 1 && last + 1 >= c->v[0].number;
	struct log_lines all = { 0 };
	for (size_t i = 0; meets && i < c->n && c->v[i].number < first; i++) {
		add_line(&all, &c->v[i]);
		c->v[i].text = NULL;
	}
	for (size_t i = 0; i < got.n; i++)
		add_line(&all, &got.v[i]);
	for (size_t i = 0; meets && i < c->n; i++) {
		if (c->v[i].number <= last)
			continue;
		add_line(&all, &c->v[i]);
		c->v[i].text = NULL;
	}
	free(got.v);
	log_lines_done(c);
	*c = all;
	logview_trim(v);
}

static unsigned int send(struct logview *v, enum log_request what, const char *path);

/* ---- a window ---- */

static void take_attempt(struct logview *v, const struct json *body)
{
	const struct json *a = json_get(body, "attempt");
	const struct json *log = json_get(a, "log");
	v->attempt = json_get_int(a, "attempt", v->wanted.attempt);
	v->attempts = json_get_int(a, "attempts", v->attempt);
	v->started_at_ms = json_get_int(a, "started_at_ms", 0);
	v->ended_at_ms = json_get_int(a, "ended_at_ms", 0);
	v->exit_code = json_get_int(a, "exit_code", -1);
	v->signal = json_get_int(a, "signal", -1);
	v->state = ui_state_from_name(json_get_str(a, "state", ""));
	v->checks = str_eq(json_get_str(a, "phase", ""), "verify");
	v->decides = str_eq(json_get_str(a, "phase", ""), "strategy");
	free(v->path);
	const char *path = json_get_str(log, "path", NULL);
	v->path = path ? xstrdup(path) : NULL;
	v->lines = json_get_int(body, "lines", 0);
	v->bytes = json_get_int(body, "bytes", 0);
	v->done = json_get_bool(body, "done", true);
	v->cut_line = json_get_int(body, "cut_line", 0);
	v->cut_bytes = json_get_int(body, "cut_bytes", 0);
}

/* No line looks like an error: what was said last on standard error is the best guess; 0: nothing was. */
static int64_t last_on_stderr(const struct logview *v)
{
	for (size_t i = v->cache.n; i-- > 0;)
		if (v->cache.v[i].stream == 'e')
			return v->cache.v[i].number;
	return 0;
}

/* The first window of another log: forget the old one and find the place to stand on. */
static void show_first(struct logview *v, const struct json *body)
{
	log_lines_done(&v->cache);
	logview_forget_filter(v);
	log_name_set(&v->name, &v->wanted);
	v->have = true;
	v->missing = false;
	v->left = 0;
	v->match_line = 0;
	v->match_count = v->error_count = -1;
	memset(v->marks, 0, sizeof(v->marks));
	v->first_error = json_get_int(body, "first_error", 0);
	take_items(v, json_get(body, "items"));
	v->seen_lines = v->lines;
	v->follow = !v->done && !v->at_error && !v->error_line;
	int64_t line = v->error_line ? v->error_line : v->at_error ? v->first_error : 0;
	if (v->error_line && !v->first_error)
		v->first_error = v->error_line;
	if (v->at_error && line < 1)
		line = last_on_stderr(v);
	v->error_line = line;
	if (line > 0 && line <= v->lines)
		logview_anchor(v, line);
	else
		logview_anchor(v, v->lines);
	if (!line)
		v->top = MAX(v->lines - v->rows + 1, 1);
	if (v->pattern)
		log_ask_count(v);
}

static void fill_context(struct logview *v, const struct json *items);

static void on_window(struct logview *v, const struct json *body)
{
	bool other = !v->have || !log_name_eq(&v->name, &v->wanted);
	bool at_end = v->cursor >= v->lines;
	int64_t had = v->lines;
	take_attempt(v, body);
	if (!other && v->lines < had) {
		log_lines_done(&v->cache);
		logview_say(v, xasprintf(_("the log was cut: it had %lld lines, now %lld"),
					 (long long)had, (long long)v->lines));
	}
	if (other) {
		show_first(v, body);
		return;
	}
	if (v->filter) {
		fill_context(v, json_get(body, "items"));
		return;
	}
	take_items(v, json_get(body, "items"));
	if (v->follow && at_end && !v->filter)
		v->cursor = v->lines;
	logview_keep_in_sight(v);
}

/* ---- search ---- */

#define GUTTER_ROOM 20 /* columns that number and time of a line take, at most */

/* Columns before byte `at` of a line, whose colours take none. */
static int64_t column_of(const char *text, int64_t at)
{
	size_t len = strlen(text), to = at < 0 ? 0 : MIN((size_t)at, len);
	int64_t column = 0;
	for (size_t i = 0; i < to;) {
		size_t n = utf8_len(text + i, len - i);
		if (text[i] == '\t')
			column += 8 - column % 8;
		else if (text[i] == '\033' && text[i + 1] == '[')
			n = strcspn(text + i, "m") + 1;
		else
			column += (int64_t)text_width(text + i, MAX(n, (size_t)1));
		i += MAX(n, (size_t)1);
	}
	return column;
}

/* Scroll sideways so that the match of a hit is in sight. */
static void bring_in_sight(struct logview *v, const struct json *hit)
{
	const char *text = json_get_str(json_get(hit, "line"), "text", "");
	int64_t start = column_of(text, json_get_int(hit, "start", 0));
	int64_t end = column_of(text, json_get_int(hit, "end", 0));
	int64_t width = MAX(v->columns - GUTTER_ROOM, 10);
	if (v->wrap || (start >= v->left && end <= v->left + width))
		return;
	v->left = end <= width ? 0 : MAX(start - width / 3, (int64_t)0);
}

static void on_search(struct logview *v, const struct json *body, bool for_error)
{
	const struct json *hit = json_first(json_get(body, "hits"));
	int64_t next = json_get_int(body, "next", 0);
	int64_t line = json_get_int(json_get(hit, "line"), "n", 0);
	bool up = v->searched_to < 0;
	v->searched_to = 0;
	if (line) {
		if (!for_error)
			v->match_line = line;
		if (!for_error && v->wrapped)
			logview_say(v, xstrdup(up ? _("from the end on") : _("from the top on")));
		if (v->filter && !for_error) {
			logview_go_line(v, line);
		} else {
			if (v->filter)
				logview_unfilter(v);
			logview_go(v, line);
		}
		bring_in_sight(v, hit);
		return;
	}
	if (next > 0) { /* the engine stopped after its slice of time: go on from there */
		if (for_error)
			log_ask_error(v, next, up);
		else
			log_ask_search(v, next, up);
		return;
	}
	if (for_error) {
		logview_say(v, xasprintf(up ? _("no error line above line %lld") :
					      _("no error line below line %lld"),
					 (long long)logview_number(v, v->cursor)));
	} else if (!v->wrapped && v->match_count != 0) {
		v->wrapped = true; /* nothing up to the end: the rest of the log */
		log_ask_search(v, up ? v->lines : 1, up);
	} else {
		logview_say(v, xstrdup(_("no line matches")));
	}
}

/* Lines around a hit that are not read yet: they have a number and no text. */
static void add_context(struct logview *v, int64_t from, int64_t to)
{
	struct log_lines *h = &v->hits;
	if (h->n)
		from = MAX(from, h->v[h->n - 1].number + 1);
	for (int64_t n = MAX(from, (int64_t)1); n <= MIN(to, v->lines) && h->n < FILTER_MAX; n++)
		add_line(h, &(struct log_text){ .number = n, .stream = 'o', .context = true });
}

/* A hit may have been put in as context of the one before it. */
static void add_hit(struct logview *v, struct log_text *t)
{
	struct log_lines *h = &v->hits;
	int64_t around = v->filter_context;
	v->nhits++;
	add_context(v, t->number - around, t->number - 1);
	for (size_t i = h->n; i-- > 0 && h->v[i].number >= t->number;) {
		if (h->v[i].number != t->number)
			continue;
		free(h->v[i].text);
		h->v[i] = *t;
		add_context(v, t->number + 1, t->number + around);
		return;
	}
	if (h->n && h->v[h->n - 1].number >= t->number) {
		free(t->text);
		return;
	}
	add_line(h, t);
	add_context(v, t->number + 1, t->number + around);
}

/* A window that was asked for to fill in context. */
static void fill_context(struct logview *v, const struct json *items)
{
	size_t at = 0;
	for (const struct json *e = json_first(items); e; e = json_next(e)) {
		int64_t n = json_get_int(e, "n", 0);
		while (at < v->hits.n && v->hits.v[at].number < n)
			at++;
		if (at == v->hits.n || v->hits.v[at].number != n || v->hits.v[at].text)
			continue;
		read_line(&v->hits.v[at], e);
		v->hits.v[at].context = true;
	}
}

static void on_filter(struct logview *v, const struct json *body)
{
	const struct json *hits = json_get(body, "hits");
	for (const struct json *e = json_first(hits); e && v->hits.n < FILTER_MAX; e = json_next(e)) {
		struct log_text t;
		read_line(&t, json_get(e, "line"));
		add_hit(v, &t);
	}
	v->filter_next = v->hits.n < FILTER_MAX ? json_get_int(body, "next", 0) : 0;
	if (v->keep_line) {
		size_t at = 0;
		while (at < v->hits.n && v->hits.v[at].number < v->keep_line)
			at++;
		v->cursor = (int64_t)at + 1;
		if (at < v->hits.n)
			v->keep_line = 0;
		logview_anchor(v, v->cursor);
	}
	logview_keep_in_sight(v);
}

static void on_reply(void *ctx, const struct client_reply *r)
{
	struct log_call *call = ctx;
	struct logview *v = call->view;
	call->request = 0;
	v->changed = true;
	if (r->code != ERR_OK) {
		if (!r->status)
			return; /* no engine: logview_turn() asks again when there is one */
		if (call->what != LOG_WINDOW) {
			logview_say(v, xstrdup(r->err ? r->err->message : ""));
			v->filter_next = v->searched_to = 0;
			return;
		}
		bool other = !v->have || !log_name_eq(&v->name, &v->wanted);
		v->missing = r->code == ERR_NOT_FOUND;
		v->failed = true;
		v->err = r->err ? *r->err : (struct err){ .code = r->code };
		if (other) {
			log_lines_done(&v->cache);
			log_name_set(&v->name, &v->wanted);
			v->lines = v->bytes = 0;
			v->have = true;
		}
		return;
	}
	switch (call->what) {
	case LOG_WINDOW:
		on_window(v, r->body);
		break;
	case LOG_SEARCH:
	case LOG_ERRORS:
		on_search(v, r->body, call->what == LOG_ERRORS);
		break;
	case LOG_COUNT:
		v->match_count = json_get_int(r->body, "count", -1);
		break;
	case LOG_FILTER:
		on_filter(v, r->body);
		break;
	case LOG_REQUEST_COUNT:
		break;
	}
}

static unsigned int send(struct logview *v, enum log_request what, const char *path)
{
	struct log_call *call = &v->call[what];
	if (call->request)
		client_drop(v->client, call->request);
	call->asked_us = v->mono_us;
	call->request = client_send(v->client, "GET", path, NULL, on_reply, call);
	return call->request;
}

void log_ask_first(struct logview *v)
{
	auto_str path = STR_INIT;
	log_path(&v->wanted, "", &path);
	if (v->error_line > 0)
		str_addf(&path, "&around=%lld&lines=%d", (long long)v->error_line, TAIL);
	else
		str_addf(&path, "&tail=%d", TAIL);
	str_addf(&path, "&errors=1&width=%d", WIDTH);
	(void)send(v, LOG_WINDOW, str_text(&path));
}

void log_ask_window(struct logview *v, int64_t first, int64_t n)
{
	auto_str path = STR_INIT;
	log_path(&v->wanted, "", &path);
	str_addf(&path, "&from=%lld&lines=%lld&width=%d", (long long)first, (long long)n, WIDTH);
	(void)send(v, LOG_WINDOW, str_text(&path));
}

void logview_refresh(struct logview *v)
{
	v->failed = false;
	if (v->have && !v->call[LOG_WINDOW].request && v->wanted.run)
		log_ask_window(v, MAX(v->top, 1), MAX(v->rows, 1));
}

void logview_refresh_state(struct logview *v, enum state state, int64_t attempt)
{
	if (!v->have || v->wanted.attempt)
		return;
	if (attempt > v->attempt && v->attempt) {
		/* Another attempt: its log begins anew. */
		logview_unfollow(v);
		log_name_done(&v->name);
		v->failed = false;
		v->error_line = 0;
		v->at_error = state == STATE_FAILED || state == STATE_TIMED_OUT;
		log_ask_first(v);
	} else if (v->failed || state_is(state, STATES_FINAL) != v->done) {
		logview_refresh(v);
	}
}

static void add_pattern(struct str *path, const char *pattern, bool caseless, bool negate)
{
	str_add(path, "&pattern=");
	client_add_encoded(path, pattern);
	str_addf(path, "&case=%d&invert=%d", caseless ? 0 : 1, negate ? 1 : 0);
}

static void ask_hit(struct logview *v, enum log_request what, int64_t from, bool up)
{
	if (!v->have || from < 1 || from > MAX(v->lines, 1)) {
		logview_say(v, xstrdup(up ? _("this is the first line") : _("this is the last line")));
		return;
	}
	auto_str path = STR_INIT;
	log_path(&v->name, "/search", &path);
	if (what == LOG_ERRORS)
		add_pattern(&path, ERROR_PATTERN, true, false);
	else
		add_pattern(&path, v->pattern, v->caseless, v->negate);
	str_addf(&path, "&from=%lld&dir=%s&limit=1", (long long)from, up ? "prev" : "next");
	v->searched_to = up ? -from : from;
	(void)send(v, what, str_text(&path));
}

void log_ask_search(struct logview *v, int64_t from, bool up)
{
	ask_hit(v, LOG_SEARCH, from, up);
}

void log_ask_error(struct logview *v, int64_t from, bool up)
{
	ask_hit(v, LOG_ERRORS, from, up);
}

void log_ask_count(struct logview *v)
{
	v->match_count = -1;
	if (!v->have)
		return;
	auto_str path = STR_INIT;
	log_path(&v->name, "/search", &path);
	add_pattern(&path, v->pattern, v->caseless, v->negate);
	str_add(&path, "&count=1&limit=1");
	(void)send(v, LOG_COUNT, str_text(&path));
}

void log_ask_filter(struct logview *v)
{
	auto_str path = STR_INIT;
	log_path(&v->name, "/search", &path);
	bool caseless = true;
	for (const char *s = v->filter; *s && caseless; s++)
		caseless = !(*s >= 'A' && *s <= 'Z' && (s == v->filter || s[-1] != '\\'));
	add_pattern(&path, v->filter, caseless, v->filter_negate);
	str_addf(&path, "&from=%lld&dir=next&limit=%d", (long long)MAX(v->filter_next, 1),
		 FILTER_PAGE);
	(void)send(v, LOG_FILTER, str_text(&path));
}

/* ---- following ---- */

static void on_event(void *ctx, const struct stream_event *e)
{
	struct logview *v = ctx;
	v->changed = true;
	if (str_eq(e->type, "end")) {
		logview_unfollow(v);
		v->done = true;
		logview_refresh(v);
		return;
	}
	auto_json *body = NULL;
	if (!str_eq(e->type, "lines") || json_parse(e->data, e->len, 16 * MIB, &body, NULL))
		return;
	bool at_end = v->cursor >= v->lines;
	const struct json *items = json_get(body, "items");
	int64_t first = json_get_int(json_first(items), "n", 0);
	v->lines = MAX(json_get_int(body, "lines", v->lines), v->lines);
	v->bytes = MAX(json_get_int(body, "bytes", v->bytes), v->bytes);
	struct log_lines *c = &v->cache;
	bool near = c->n && first <= c->v[c->n - 1].number + 1;
	if (near || v->follow || !c->n)
		take_items(v, items);
	if (v->follow && at_end && !v->filter) {
		v->cursor = v->lines;
		logview_keep_in_sight(v);
	}
}

static void on_state(void *ctx, enum stream_state state, const struct err *err, int64_t retry_in_ms)
{
	struct logview *v = ctx;
	(void)err, (void)retry_in_ms;
	if (state == STREAM_DOWN) /* it would begin at an old line: a new one begins at the last */
		logview_unfollow(v);
}

void log_ask_follow(struct logview *v)
{
	auto_str path = STR_INIT;
	log_path(&v->name, "/follow", &path);
	str_addf(&path, "&from=%lld", (long long)v->lines + 1);
	v->stream = client_stream(v->client, str_text(&path), on_event, on_state, v);
}
