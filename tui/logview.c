/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The view's place and what it asks for; logread.c takes the answers. */
#include "tui/logview.h"

#include "tui/logread.h"

#include <ctype.h>
#include <string.h>

#define CONTEXT_MAX 20
#define CACHE_MAX 4000 /* lines that are kept */

void logview_init(struct logview *v, struct client *client)
{
	*v = (struct logview){ .client = client, .match_count = -1, .error_count = -1 };
	for (size_t i = 0; i < LOG_REQUEST_COUNT; i++)
		v->call[i] = (struct log_call){ .view = v, .what = (enum log_request)i };
}

void log_name_done(struct log_name *n)
{
	free(n->run);
	free(n->node);
	*n = (struct log_name){ 0 };
}

void log_name_set(struct log_name *to, const struct log_name *from)
{
	struct log_name copy = *from;
	copy.run = from->run ? xstrdup(from->run) : NULL;
	copy.node = from->node ? xstrdup(from->node) : NULL;
	log_name_done(to);
	*to = copy;
}

bool log_name_eq(const struct log_name *a, const struct log_name *b)
{
	return a->run && b->run && str_eq(a->run, b->run) && str_eq(a->node, b->node) &&
	       a->generation == b->generation && a->iteration == b->iteration &&
	       a->attempt == b->attempt;
}

void log_path(const struct log_name *n, const char *tail, struct str *path)
{
	str_add(path, "/v1/runs/");
	client_add_encoded(path, n->run);
	str_add(path, "/nodes/");
	client_add_encoded(path, n->node);
	str_addf(path, "/log%s?generation=%lld&iteration=%lld", tail, (long long)n->generation,
		 (long long)n->iteration);
	if (n->attempt)
		str_addf(path, "&attempt=%lld", (long long)n->attempt);
}

void log_lines_done(struct log_lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].text);
	free(l->v);
	*l = (struct log_lines){ 0 };
}

static void drop(struct logview *v, enum log_request what)
{
	if (v->call[what].request)
		client_drop(v->client, v->call[what].request);
	v->call[what].request = 0;
}

void logview_unfollow(struct logview *v)
{
	if (v->stream)
		client_drop(v->client, v->stream);
	v->stream = 0;
}

static void forget_search(struct logview *v)
{
	drop(v, LOG_SEARCH);
	drop(v, LOG_COUNT);
	free(v->pattern);
	v->pattern = NULL;
	regex_free(v->re);
	v->re = NULL;
	v->match_line = v->searched_to = 0;
	v->match_count = -1;
}

void logview_forget_filter(struct logview *v)
{
	drop(v, LOG_FILTER);
	free(v->filter);
	v->filter = NULL;
	regex_free(v->filter_re);
	v->filter_re = NULL;
	log_lines_done(&v->hits);
	v->nhits = 0;
	v->filter_next = 0;
}

void logview_done(struct logview *v)
{
	for (size_t i = 0; i < LOG_REQUEST_COUNT; i++)
		drop(v, (enum log_request)i);
	logview_unfollow(v);
	forget_search(v);
	logview_forget_filter(v);
	log_lines_done(&v->cache);
	log_name_done(&v->name);
	log_name_done(&v->wanted);
	free(v->path);
	free(v->message);
}

void logview_say(struct logview *v, char *message)
{
	free(v->message);
	v->message = message;
	v->changed = true;
}

void logview_open(struct logview *v, const struct log_name *name, bool failed, int64_t line)
{
	if (v->wanted.run && log_name_eq(&v->wanted, name))
		return;
	for (size_t i = 0; i < LOG_REQUEST_COUNT; i++)
		drop(v, (enum log_request)i);
	logview_unfollow(v);
	log_name_set(&v->wanted, name);
	v->wanted_us = v->mono_us;
	v->at_error = failed;
	v->error_line = line;
	v->failed = false;
	log_ask_first(v);
}

void logview_close(struct logview *v)
{
	if (!v->wanted.run)
		return;
	for (size_t i = 0; i < LOG_REQUEST_COUNT; i++)
		drop(v, (enum log_request)i);
	logview_unfollow(v);
	log_name_done(&v->wanted);
	log_name_done(&v->name);
	log_lines_done(&v->cache);
	v->have = v->missing = v->failed = false;
	v->lines = v->bytes = 0;
	v->changed = true;
}

/* ---- place ---- */

int64_t logview_count(const struct logview *v)
{
	return v->filter ? (int64_t)v->hits.n : v->lines;
}

const struct log_text *logview_line(const struct logview *v, int64_t position)
{
	if (position < 1)
		return NULL;
	if (v->filter)
		return (size_t)position <= v->hits.n ? &v->hits.v[position - 1] : NULL;
	if (!v->cache.n || position < v->cache.v[0].number)
		return NULL;
	size_t at = (size_t)(position - v->cache.v[0].number);
	return at < v->cache.n ? &v->cache.v[at] : NULL;
}

int64_t logview_number(const struct logview *v, int64_t position)
{
	if (!v->filter)
		return position;
	const struct log_text *line = logview_line(v, position);
	return line ? line->number : 0;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
	return x > high ? MAX(high, low) : MAX(x, low);
}

void logview_keep_in_sight(struct logview *v)
{
	int64_t count = logview_count(v), rows = MAX(v->rows, 1);
	v->cursor = clamp(v->cursor, 1, count);
	if (v->cursor < v->top)
		v->top = v->cursor;
	if (v->cursor >= v->top + rows)
		v->top = v->cursor - rows + 1;
	v->top = clamp(v->top, 1, MAX(count - rows + 1, 1));
}

/* Stand on a line with its past in sight, and a little of what followed. */
void logview_anchor(struct logview *v, int64_t position)
{
	int64_t rows = MAX(v->rows, 1);
	v->cursor = position;
	v->top = position - rows * 5 / 8 + (rows > 2 ? 1 : 0);
	logview_keep_in_sight(v);
}

void logview_go(struct logview *v, int64_t position)
{
	bool away = position < v->top - v->rows || position > v->top + 2 * v->rows;
	if (v->follow && position < logview_count(v))
		logview_follow(v, false);
	v->cursor = clamp(position, 1, logview_count(v));
	if (away)
		logview_anchor(v, v->cursor);
	logview_keep_in_sight(v);
	v->changed = true;
}

void logview_move(struct logview *v, int64_t by)
{
	int64_t was = v->cursor, top = v->top;
	int64_t to = clamp(v->cursor + by, 1, logview_count(v));
	if (v->follow && by < 0)
		logview_follow(v, false);
	v->cursor = to;
	if (by > 1 || by < -1) /* paging: the window moves with the cursor */
		v->top = top + (to - was);
	logview_keep_in_sight(v);
	v->changed = true;
}

void logview_go_line(struct logview *v, int64_t number)
{
	if (!v->filter) {
		logview_go(v, number);
		return;
	}
	int64_t at = 1;
	while (at < (int64_t)v->hits.n && v->hits.v[at - 1].number < number)
		at++;
	logview_go(v, at);
}

void logview_follow(struct logview *v, bool on)
{
	v->follow = on;
	v->seen_lines = v->lines;
	v->changed = true;
	if (!on)
		return;
	v->cursor = logview_count(v);
	v->top = v->cursor - v->rows + 1;
	logview_keep_in_sight(v);
}

void logview_fit(struct logview *v)
{
	if (v->cursor >= v->lines && !v->filter)
		v->top = v->cursor - v->rows + 1;
	else if (v->error_line && v->cursor == v->error_line && !v->filter)
		logview_anchor(v, v->cursor);
	logview_keep_in_sight(v);
}

int64_t logview_new_lines(const struct logview *v)
{
	return v->follow || !v->seen_lines ? 0 : MAX(v->lines - v->seen_lines, 0);
}

/* ---- what to look for ---- */

static bool has_upper(const char *s)
{
	for (; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (isupper((unsigned char)*s))
			return true;
	}
	return false;
}

void logview_context(struct logview *v, int by)
{
	int context = v->filter_context + by;
	if (!v->filter || context < 0 || context > CONTEXT_MAX)
		return;
	v->keep_line = logview_number(v, v->cursor);
	v->filter_context = context;
	log_lines_done(&v->hits);
	v->nhits = 0;
	v->cursor = v->top = 1;
	v->filter_next = 1;
	log_ask_filter(v);
	v->changed = true;
}

void logview_unsearch(struct logview *v)
{
	forget_search(v);
	v->changed = true;
}

void logview_unfilter(struct logview *v)
{
	int64_t line = logview_number(v, v->cursor);
	if (!v->filter)
		return;
	logview_forget_filter(v);
	logview_anchor(v, line ? line : 1);
	v->changed = true;
}

enum err_code logview_search(struct logview *v, const char *pattern, bool backwards, struct err *err)
{
	if (!pattern || !*pattern) {
		logview_unsearch(v);
		return ERR_OK;
	}
	bool negate = pattern[0] == '!' && pattern[1];
	struct regex *re = NULL;
	bool caseless = !has_upper(pattern);
	enum err_code code = regex_new(pattern + negate, caseless ? REGEX_CASELESS : 0, &re, err);
	if (code)
		return code;
	forget_search(v);
	v->re = re;
	v->pattern = xstrdup(pattern + negate);
	v->negate = negate;
	v->caseless = caseless;
	v->backwards = backwards;
	log_ask_count(v);
	logview_next(v, false);
	return ERR_OK;
}

void logview_next(struct logview *v, bool backwards)
{
	if (!v->pattern) {
		logview_say(v, xstrdup(_("nothing to search for: / asks")));
		return;
	}
	bool up = v->backwards != backwards;
	int64_t from = logview_number(v, v->cursor);
	bool on_match = v->match_line == from;
	from += !on_match ? 0 : up ? -1 : 1;
	v->wrapped = from < 1 || from > v->lines;
	if (v->wrapped)
		from = up ? v->lines : 1;
	log_ask_search(v, from, up);
}

void logview_next_error(struct logview *v, bool backwards)
{
	int64_t from = logview_number(v, v->cursor) + (backwards ? -1 : 1);
	log_ask_error(v, from, backwards);
}

bool logview_stop(struct logview *v)
{
	bool any = v->call[LOG_SEARCH].request || v->call[LOG_ERRORS].request ||
		   v->call[LOG_FILTER].request || v->call[LOG_COUNT].request;
	if (!any)
		return false;
	drop(v, LOG_SEARCH);
	drop(v, LOG_ERRORS);
	drop(v, LOG_COUNT);
	drop(v, LOG_FILTER);
	v->filter_next = 0;
	v->searched_to = 0;
	logview_say(v, xstrdup(_("stopped")));
	return true;
}

enum err_code logview_filter(struct logview *v, const char *pattern, struct err *err)
{
	int64_t line = logview_number(v, v->cursor);
	if (!pattern || !*pattern) {
		logview_unfilter(v);
		return ERR_OK;
	}
	if (!v->have || !v->name.run)
		return err_set(err, ERR_NOT_FOUND, _("there is no log"));
	bool negate = pattern[0] == '!' && pattern[1];
	struct regex *re = NULL;
	enum err_code code = regex_new(pattern + negate,
				       has_upper(pattern) ? 0 : REGEX_CASELESS, &re, err);
	if (code)
		return code;
	logview_forget_filter(v);
	v->filter = xstrdup(pattern + negate);
	v->filter_negate = negate;
	v->filter_re = re;
	v->follow = false;
	v->keep_line = line;
	v->cursor = v->top = 1;
	v->filter_next = 1;
	log_ask_filter(v);
	return ERR_OK;
}

/* ---- keeping what is near ---- */

static bool in_cache(const struct logview *v, int64_t first, int64_t last)
{
	return v->cache.n && v->cache.v[0].number <= first &&
	       v->cache.v[v->cache.n - 1].number >= last;
}

void logview_trim(struct logview *v)
{
	struct log_lines *c = &v->cache;
	if (c->n <= CACHE_MAX)
		return;
	size_t over = c->n - CACHE_MAX / 2;
	bool keep_end = v->top > c->v[0].number + (int64_t)c->n / 2;
	size_t from = keep_end ? 0 : c->n - over;
	for (size_t i = from; i < from + over; i++)
		free(c->v[i].text);
	if (keep_end)
		memmove(c->v, c->v + over, (c->n - over) * sizeof(*c->v));
	c->n -= over;
}

/* With a filter, lines around the hits are read when they come into sight. */
static void read_context(struct logview *v)
{
	for (int64_t p = v->top; p < v->top + v->rows && !v->call[LOG_WINDOW].request; p++) {
		const struct log_text *line = logview_line(v, p);
		if (line && !line->text)
			log_ask_window(v, line->number, 2 * v->filter_context + 1);
	}
}

void logview_turn(struct logview *v, int64_t mono_us)
{
	v->mono_us = mono_us;
	if (!v->wanted.run || v->failed || v->offline)
		return;
	if (!v->have || !log_name_eq(&v->name, &v->wanted)) {
		if (!v->call[LOG_WINDOW].request)
			log_ask_first(v);
		return;
	}
	if (!v->done && !v->stream)
		log_ask_follow(v);
	if (v->filter) {
		if (v->filter_next && !v->call[LOG_FILTER].request)
			log_ask_filter(v);
		read_context(v);
		return;
	}
	int64_t first = v->top, last = MIN(v->top + v->rows - 1, v->lines);
	if (!v->lines || last < first || v->call[LOG_WINDOW].request)
		return;
	int64_t margin = MAX((int64_t)v->rows, 50);
	if (!in_cache(v, first, last))
		log_ask_window(v, MAX(first - margin, 1), v->rows + 2 * margin);
	else if (!in_cache(v, MAX(first - margin, 1), first))
		log_ask_window(v, MAX(first - 4 * margin, 1), 4 * margin);
	else if (!in_cache(v, last, MIN(last + margin, v->lines)))
		log_ask_window(v, last + 1, 4 * margin);
}

/* clang-format off */
static const struct { const char *word; enum log_level level; } words[] = {
	{ "ERROR", LEVEL_ERROR }, { "error:", LEVEL_ERROR }, { "Error", LEVEL_ERROR }, { "FATAL", LEVEL_ERROR },
	{ "fatal:", LEVEL_ERROR }, { "FAIL", LEVEL_ERROR }, { "ssertion", LEVEL_ERROR }, { "panic", LEVEL_ERROR },
	{ "Traceback", LEVEL_ERROR }, { "CRITICAL", LEVEL_ERROR }, { " E ", LEVEL_ERROR },
	{ "WARN", LEVEL_WARN }, { "warning:", LEVEL_WARN }, { "Warning", LEVEL_WARN }, { " W ", LEVEL_WARN },
	{ "DEBUG", LEVEL_DEBUG }, { "TRACE", LEVEL_DEBUG }, { "debug:", LEVEL_DEBUG }, { " D ", LEVEL_DEBUG },
};
/* clang-format on */

enum log_level log_level_of(const char *text, size_t len)
{
	static const char letters[] = "DIWE";
	const char *letter = len > 1 && text[1] == ' ' ? strchr(letters, text[0]) : NULL;
	if (letter && *letter)
		return (enum log_level)(LEVEL_DEBUG + (letter - letters));
	size_t head = MIN(len, (size_t)160);
	for (size_t i = 0; i < COUNT(words); i++)
		if (memmem(text, head, words[i].word, strlen(words[i].word)))
			return words[i].level;
	return LEVEL_NONE;
}
