/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Searching a log: blocks of whole lines are read and searched at once, by the quickest of four
 * ways that the pattern allows. Which one it is makes no difference to what is found: a line
 * matches if it would match alone. */
#include "journal/reader.h"

#include "base/clock.h"
#include "journal/scan.h"

#include <string.h>

#define TEXT_MIN 2
#define LONG_LINE (8 * MIB) /* of a longer line the first 8 MiB are searched */
#define ASK_EACH (2 * MIB)  /* bytes between two looks at the clock and at the caller */

struct match {
	size_t start, end; /* of the line in the block, without its newline */
	size_t from, to;   /* of the match in the line */
};

struct search {
	struct log_reader *r;       /* borrowed */
	const struct log_search *s; /* borrowed */
	struct regex_plan plan;
	struct scan_text text; /* when the plan has one */
	struct scan_set set;   /* when it has several */
	bool use_texts;
	struct regex *line_re; /* borrowed: for one line */
	char *block;
	size_t cap;
	int64_t asked_at, started_us;
	struct match *found; /* of the present block, in order */
	size_t nfound, found_cap;
};

static void search_done(struct search *q)
{
	regex_plan_done(&q->plan);
	free(q->block);
	free(q->found);
}
#define auto_search CLEANUP(search_done) struct search

static void init_texts(struct search *q)
{
	struct scan_text texts[REGEX_TEXTS];
	size_t n = q->plan.ntexts, least = SIZE_MAX;
	for (size_t i = 0; i < n; i++) {
		least = MIN(least, q->plan.texts[i].len);
		scan_text_init(&texts[i], q->plan.texts[i].p, q->plan.texts[i].len, q->plan.fold);
	}
	if (n == 1)
		q->text = texts[0];
	q->use_texts = n && (q->plan.exact ||
	                     (least >= TEXT_MIN && (n == 1 || scan_set_init(&q->set, texts, n))));
}

static void search_init(struct search *q, struct log_reader *r, const struct log_search *s)
{
	*q =
	    (struct search){ .r = r, .s = s, .started_us = s->budget_us > 0 ? clock_mono_us() : 0 };
	regex_plan_init(&q->plan, s->re);
	q->line_re = q->plan.lines ? q->plan.lines : s->re;
	init_texts(q);
	q->cap = READ_BLOCK;
	q->block = xmalloc(q->cap);
}

/* ---- within a block ---- */

static void add_match(struct search *q, size_t start, size_t end, size_t from, size_t to)
{
	GROW(q->found, q->nfound, q->found_cap);
	q->found[q->nfound++] = (struct match){ start, end, from, to };
}

static size_t line_start(const char *p, size_t floor, size_t at)
{
	const char *newline = at > floor ? memrchr(p + floor, '\n', at - floor) : NULL;
	return newline ? (size_t)(newline + 1 - p) : floor;
}

static size_t line_end(const char *p, size_t at, size_t len)
{
	const char *newline = at < len ? memchr(p + at, '\n', len - at) : NULL;
	return newline ? (size_t)(newline - p) : len;
}

/* Whether the line [start, end) of the block matches by itself. */
static void match_line(struct search *q, size_t start, size_t end)
{
	size_t len = end - start, from, to;
	if (!q->plan.lines && len && q->block[end - 1] == '\r')
		len--; /* so that $ is where people see the end */
	if (regex_find(q->line_re, q->block + start, len, 0, &from, &to, NULL))
		add_match(q, start, end, from, to);
}

static void match_each_line(struct search *q, size_t at, size_t len)
{
	while (at < len) {
		size_t end = line_end(q->block, at, len);
		match_line(q, at, end);
		at = end + 1;
	}
}

/* Many lines at once. A limit that is hit in a block of thousands may not be hit in a line. */
static void match_block(struct search *q, size_t at, size_t len)
{
	const char *p = q->block;
	struct regex *re = q->plan.lines;
	if (q->plan.lines_ascii && scan_ascii(p + at, len - at))
		re = q->plan.lines_ascii;
	while (at < len) {
		size_t from, to;
		bool limited;
		if (!regex_find(re, p, len, at, &from, &to, &limited)) {
			if (limited)
				match_each_line(q, at, len);
			return;
		}
		if (from == len && p[len - 1] == '\n')
			return; /* behind the last line there is none */
		size_t start = line_start(p, at, from), end = line_end(p, from, len);
		if (to > end)
			match_line(q, start, end);
		else
			add_match(q, start, end, from - start, to - start);
		at = end + 1;
	}
}

/* The lines that hold one of the texts. When many of them do and do not match, that is of no use.
 */
static void match_texts(struct search *q, size_t len)
{
	const char *p = q->block;
	size_t at = 0, tried = 0;
	while (at < len) {
		size_t found = q->plan.ntexts == 1 ? scan_find(&q->text, p + at, len - at)
		                                   : scan_set_find(&q->set, p + at, len - at);
		if (found == SCAN_NONE)
			break;
		found += at;
		size_t start = line_start(p, at, found), end = line_end(p, found, len);
		if (q->plan.exact)
			add_match(q, start, end, found - start, found - start + q->text.len);
		else
			match_line(q, start, end);
		tried++;
		at = end + 1;
	}
	if (q->plan.lines && tried > len / 512 && q->nfound < tried / 2)
		q->use_texts = q->plan.exact;
}

/* All lines of the block that match, in order. It holds whole lines. */
static void match_lines(struct search *q, size_t len)
{
	q->nfound = 0;
	if (len == 0)
		return;
	if (q->use_texts)
		match_texts(q, len);
	else if (q->plan.lines)
		match_block(q, 0, len);
	else
		match_each_line(q, 0, len);
	if (!q->s->invert)
		return;
	/* The lines between: appended behind the matches, then moved to the front. */
	size_t nmatches = q->nfound, at = 0;
	for (size_t i = 0; i <= nmatches; i++) {
		size_t stop = i < nmatches ? q->found[i].start : len;
		while (at < stop) {
			size_t end = line_end(q->block, at, stop);
			add_match(q, at, end, 0, 0);
			at = end + 1;
		}
		if (i < nmatches)
			at = q->found[i].end + 1;
	}
	q->nfound -= nmatches;
	if (nmatches && q->nfound)
		memmove(q->found, q->found + nmatches, q->nfound * sizeof(*q->found));
}

/* ---- blocks of whole lines ---- */

static enum err_code cannot_read(const struct search *q, struct err *err)
{
	return err_sys(err, ERR_IO, _("cannot read the log %s"), q->r->path);
}

static void make_room(struct search *q, size_t cap)
{
	if (cap <= q->cap)
		return;
	q->block = xrealloc(q->block, cap);
	q->cap = cap;
}

/* The next newline at or behind `at`: the offset behind it, or the end of the text. */
static enum err_code skip_line(struct search *q, int64_t at, int64_t *ret, struct err *err)
{
	char bytes[16 * KIB];
	while (at < q->r->size) {
		ssize_t n = reader_pread(q->r->fd, bytes,
		                         (size_t)MIN((int64_t)sizeof(bytes), q->r->size - at), at);
		if (n < 0)
			return cannot_read(q, err);
		const char *newline = n ? memchr(bytes, '\n', (size_t)n) : NULL;
		at = newline ? at + (newline + 1 - bytes) : at + n;
		if (newline || n == 0)
			break;
	}
	*ret = at;
	return ERR_OK;
}

/* Read whole lines from `at` on; *ret_next is where the ones behind them begin. Of a line that is
 * too long its first bytes. */
static enum err_code read_forward(struct search *q, int64_t at, size_t *ret_len, int64_t *ret_next,
                                  struct err *err)
{
	size_t have = 0, want = READ_BLOCK;
	for (;;) {
		int64_t left = q->r->size - at;
		want = (size_t)MIN((int64_t)want, left);
		make_room(q, want);
		ssize_t n =
		    reader_pread(q->r->fd, q->block + have, want - have, at + (int64_t)have);
		if (n < 0)
			return cannot_read(q, err);
		bool end = (int64_t)want == left || (size_t)n < want - have;
		const char *newline = n ? memrchr(q->block + have, '\n', (size_t)n) : NULL;
		have += (size_t)n;
		if (end)
			break;
		if (newline) {
			have = (size_t)(newline + 1 - q->block);
			break;
		}
		if (want >= LONG_LINE) {
			*ret_len = have;
			return skip_line(q, at + (int64_t)have, ret_next, err);
		}
		want *= 2;
	}
	*ret_len = have;
	*ret_next = have ? at + (int64_t)have : q->r->size;
	return ERR_OK;
}

/* The start of the line that ends before `end`. */
static enum err_code find_start(struct search *q, int64_t end, int64_t *ret, struct err *err)
{
	char bytes[16 * KIB];
	int64_t at = end - 1; /* its newline, or the last byte of the text */
	while (at > 0) {
		size_t n = (size_t)MIN((int64_t)sizeof(bytes), at);
		if (reader_pread(q->r->fd, bytes, n, at - (int64_t)n) != (ssize_t)n)
			return cannot_read(q, err);
		const char *newline = memrchr(bytes, '\n', n);
		if (newline) {
			at = at - (int64_t)n + (newline + 1 - bytes);
			break;
		}
		at -= (int64_t)n;
	}
	*ret = at;
	return ERR_OK;
}

/* Read whole lines that end at `end`; *ret_at is where the first of them begins. */
static enum err_code read_backward(struct search *q, int64_t end, size_t *ret_len, int64_t *ret_at,
                                   struct err *err)
{
	for (size_t want = READ_BLOCK;; want *= 2) {
		want = (size_t)MIN((int64_t)want, end);
		make_room(q, want);
		int64_t at = end - (int64_t)want;
		ssize_t n = reader_pread(q->r->fd, q->block, want, at);
		if (n < 0)
			return cannot_read(q, err);
		size_t skip = 0;
		if (at > 0) {
			const char *newline = n > 1 ? memchr(q->block, '\n', (size_t)n - 1) : NULL;
			skip = newline ? (size_t)(newline + 1 - q->block) : (size_t)n;
		}
		if (n == 0 || skip < (size_t)n) {
			*ret_len = (size_t)n - skip;
			*ret_at = at + (int64_t)skip;
			memmove(q->block, q->block + skip, *ret_len);
			return ERR_OK;
		}
		if (want < LONG_LINE)
			continue;
		enum err_code code = find_start(q, end, ret_at, err);
		if (code)
			return code;
		n = reader_pread(q->r->fd, q->block, LONG_LINE, *ret_at);
		*ret_len = (size_t)MAX(n, (ssize_t)0);
		return n < 0 ? cannot_read(q, err) : ERR_OK;
	}
}

/* Whether to go on: asks each few MiB. */
static enum err_code ask(struct search *q, int64_t at, bool *ret_late, struct err *err)
{
	*ret_late = false;
	if (llabs(at - q->asked_at) < ASK_EACH)
		return ERR_OK;
	q->asked_at = at;
	if (q->s->canceled && q->s->canceled(q->s->ctx))
		return err_set(err, ERR_CANCELED, _("the search was canceled"));
	*ret_late = q->s->budget_us > 0 && clock_mono_us() - q->started_us >= q->s->budget_us;
	return ERR_OK;
}

/* ---- hits ---- */

struct giving {
	bool (*fn)(void *ctx, const struct log_hit *hit);
	void *ctx;
	int64_t hits;
	int64_t number, offset; /* of the last hit; number 0: none, or not in this block */
};

/* Number of the line at `offset`: counted from the last hit when that is in the block as well. */
static enum err_code number_of(struct search *q, const struct giving *g, int64_t base,
                               int64_t offset, int64_t *ret, struct err *err)
{
	if (g->number && g->offset >= base) {
		const char *low = q->block + (MIN(offset, g->offset) - base);
		int64_t between = (int64_t)scan_newlines(low, (size_t)llabs(offset - g->offset));
		*ret = g->number + (offset > g->offset ? between : -between);
		return ERR_OK;
	}
	return reader_line_at(q->r, offset, ret, err);
}

/* Give the hits of a block that begins at `base`, the last ones first if backwards. *ret_stop when
 * the caller has enough. */
static enum err_code give(struct search *q, struct giving *g, int64_t base, size_t len,
                          int64_t next, bool *ret_stop, struct err *err)
{
	for (size_t i = 0; i < q->nfound; i++) {
		const struct match *m = &q->found[q->s->backwards ? q->nfound - 1 - i : i];
		struct log_hit hit = { .start = m->from, .end = m->to };
		hit.line.offset = base + (int64_t)m->start;
		enum err_code code = number_of(q, g, base, hit.line.offset, &hit.line.number, err);
		if (code)
			return code;
		hit.line.text = q->block + m->start;
		hit.line.len = hit.line.full_len = m->end - m->start;
		if (m->end == len && next > base + (int64_t)len) {
			/* The rest of a line that was too long; its newline is the last byte before
			 * `next`. */
			hit.line.full_len = (size_t)(next - hit.line.offset);
			hit.line.full_len -= next < q->r->size || !q->r->ends_open;
		}
		reader_stamp(q->r, &hit.line);
		g->number = hit.line.number;
		g->offset = hit.line.offset;
		g->hits++;
		if (!g->fn(g->ctx, &hit) || g->hits == q->s->max_hits) {
			*ret_stop = true;
			return ERR_OK;
		}
	}
	return ERR_OK;
}

static enum err_code find_forward(struct search *q, struct giving *g, int64_t *ret_next,
                                  struct err *err)
{
	struct log_reader *r = q->r;
	int64_t lines = reader_lines(r), first = MAX(q->s->from, 1), at;
	*ret_next = 0;
	if (first > lines)
		return ERR_OK;
	enum err_code code = reader_find_line(r, first, &at, err);
	bool stop = false, late = false;
	q->asked_at = at;
	while (!code && at < r->size) {
		size_t len;
		int64_t next;
		code = read_forward(q, at, &len, &next, err);
		if (code)
			break;
		match_lines(q, len);
		code = give(q, g, at, len, next, &stop, err);
		if (code || stop) {
			*ret_next = g->number < lines ? g->number + 1 : 0;
			break;
		}
		at = next;
		code = ask(q, at, &late, err);
		if (!code && late && at < r->size)
			return reader_line_at(r, at, ret_next, err);
	}
	return code;
}

static enum err_code find_backward(struct search *q, struct giving *g, int64_t *ret_next,
                                   struct err *err)
{
	struct log_reader *r = q->r;
	int64_t lines = reader_lines(r), from = q->s->from, end = r->size;
	*ret_next = 0;
	enum err_code code = ERR_OK;
	if (from >= 1 && from < lines)
		code = reader_find_line(r, from + 1, &end, err);
	bool stop = false, late = false;
	q->asked_at = end;
	while (!code && end > 0) {
		size_t len;
		int64_t at;
		code = read_backward(q, end, &len, &at, err);
		if (code)
			break;
		match_lines(q, len);
		g->number = 0; /* the last hit is behind the block */
		code = give(q, g, at, len, end, &stop, err);
		if (code || stop) {
			*ret_next = g->number - 1;
			break;
		}
		end = at;
		code = ask(q, end, &late, err);
		if (!code && late && end > 0)
			return reader_line_at(r, end - 1, ret_next, err);
	}
	return code;
}

enum err_code log_find(struct log_reader *r, const struct log_search *s,
                       bool (*fn)(void *ctx, const struct log_hit *hit), void *ctx,
                       int64_t *ret_next, struct err *err)
{
	auto_search q;
	search_init(&q, r, s);
	struct giving g = { .fn = fn, .ctx = ctx };
	int64_t next = 0;
	enum err_code code =
	    s->backwards ? find_backward(&q, &g, &next, err) : find_forward(&q, &g, &next, err);
	if (!code && ret_next)
		*ret_next = next;
	return code;
}

enum err_code log_count(struct log_reader *r, const struct log_search *s, int64_t *ret_count,
                        struct err *err)
{
	auto_search q;
	search_init(&q, r, s);
	int64_t count = 0;
	for (int64_t at = 0; at < r->size;) {
		size_t len;
		bool late = false;
		enum err_code code = read_forward(&q, at, &len, &at, err);
		if (!code)
			code = ask(&q, at, &late, err);
		if (code)
			return code;
		if (late)
			return err_set(err, ERR_TIMEOUT, _("counting took too long"));
		match_lines(&q, len);
		count += (int64_t)q.nfound;
	}
	*ret_count = count;
	return ERR_OK;
}
