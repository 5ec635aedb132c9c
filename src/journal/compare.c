/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "journal/compare.h"

#include "base/linediff.h"
#include "journal/journal.h"

#include <string.h>

#define LINES_MAX 100000
#define BYTES_MAX (16 * MIB)
#define LINE_READ 8192

static void add_line(struct text_lines *l, const char *text, size_t len)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = (struct text_line){ l->text.len, len };
	str_add_len(&l->text, text, len);
}

void lines_of_text(const char *text, struct text_lines *ret)
{
	*ret = (struct text_lines){ .text = STR_INIT, .first = 1 };
	for (size_t len; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		add_line(ret, text, len);
	}
}

static bool take_line(void *ctx, const struct log_line *line)
{
	struct text_lines *l = ctx;
	if (l->n == 0)
		l->first = line->number;
	add_line(l, line->text, line->len);
	return true;
}

enum err_code lines_of_log(const char *path, struct text_lines *ret, struct err *err)
{
	struct log_reader *r = NULL;
	struct log_info info = { .bytes = 0 };
	*ret = (struct text_lines){ .text = STR_INIT, .first = 1 };
	enum err_code code = log_open(path, &r, err);
	if (code == ERR_NOT_FOUND)
		return ERR_OK; /* it wrote nothing */
	if (code)
		return code;
	log_info(r, &info);
	int64_t first = MAX(info.lines - LINES_MAX + 1, (int64_t)1);
	if (info.bytes > BYTES_MAX)
		first = MAX(first, log_line_at_offset(r, info.bytes - BYTES_MAX));
	code = log_window(r, first, LINES_MAX, LINE_READ, BYTES_MAX + LINE_READ, take_line, ret, err);
	log_close(r);
	if (code)
		lines_done(ret);
	return code;
}

void lines_done(struct text_lines *l)
{
	str_done(&l->text);
	free(l->v);
	*l = (struct text_lines){ .text = STR_INIT };
}

/* ---- what is the same ---- */

struct numbered {
	int *v;
	struct str masked; /* all lines; a number borrows its text from here */
};

static void number_lines(const struct text_lines *l, bool mask, struct line_numbers *m, struct numbered *ret)
{
	size_t *at = xcalloc(l->n + 1, sizeof(*at));
	ret->v = xcalloc(l->n + 1, sizeof(*ret->v));
	ret->masked = (struct str)STR_INIT;
	for (size_t i = 0; i < l->n; i++) {
		const char *text = str_text(&l->text) + l->v[i].at;
		if (mask)
			log_mask(text, l->v[i].len, &ret->masked);
		else
			str_add_len(&ret->masked, text, l->v[i].len);
		at[i + 1] = ret->masked.len;
	}
	/* Only now: the text moved while it grew. */
	for (size_t i = 0; i < l->n; i++)
		ret->v[i] = line_number(m, str_text(&ret->masked) + at[i], at[i + 1] - at[i]);
	free(at);
}

/* ---- writing ---- */

struct writing {
	const struct text_lines *a, *b;
	const struct compare_options *o;
	struct jw *w;
	size_t shown;
	bool open, truncated;
};

static void write_line(struct writing *x, enum diff_op op, size_t a, size_t b)
{
	static const char *const names[] = { "same", "remove", "add" };
	if (x->shown >= x->o->max_shown) {
		x->truncated = true;
		return;
	}
	if (!x->open) {
		jw_obj(x->w, NULL);
		jw_int(x->w, "a", x->a->first + (int64_t)a);
		jw_int(x->w, "b", x->b->first + (int64_t)b);
		jw_arr(x->w, "lines");
		x->open = true;
	}
	const struct text_lines *l = op == DIFF_REMOVE ? x->a : x->b;
	const struct text_line *line = &l->v[op == DIFF_REMOVE ? a : b];
	jw_obj(x->w, NULL);
	jw_str(x->w, "op", names[op]);
	if (op == DIFF_ADD)
		jw_null(x->w, "a");
	else
		jw_int(x->w, "a", x->a->first + (int64_t)a);
	if (op == DIFF_REMOVE)
		jw_null(x->w, "b");
	else
		jw_int(x->w, "b", x->b->first + (int64_t)b);
	jw_strn(x->w, "text", str_text(&l->text) + line->at, MIN(line->len, x->o->line_max));
	jw_end_obj(x->w);
	x->shown++;
}

static void close_hunk(struct writing *x)
{
	if (!x->open)
		return;
	jw_end_arr(x->w);
	jw_end_obj(x->w);
	x->open = false;
}

static void write_same(struct writing *x, const struct diff_part *p, bool first, bool last)
{
	size_t context = x->o->context < 0 ? SIZE_MAX / 4 : (size_t)x->o->context;
	bool whole = x->o->context < 0 || (!first && !last && p->n <= 2 * context);
	for (size_t i = 0; i < p->n; i++) {
		bool after = !first && i < context, before = !last && p->n - i <= context;
		if (whole || after || before)
			write_line(x, DIFF_SAME, p->a + i, p->b + i);
		else if (x->open)
			close_hunk(x);
	}
}

void lines_compare(const struct text_lines *a, const struct text_lines *b, const struct compare_options *o,
		   struct jw *w, const char *key)
{
	struct line_numbers m = { NULL, 0, 0 };
	struct numbered na, nb;
	struct linediff d;
	number_lines(a, o->mask, &m, &na);
	number_lines(b, o->mask, &m, &nb);
	linediff_make(na.v, a->n, nb.v, b->n, &d);
	line_numbers_done(&m);
	struct writing x = { a, b, o, w, 0, false, false };
	size_t counts[3] = { 0 };
	for (size_t i = 0; i < d.n; i++)
		counts[d.v[i].op] += d.v[i].n;
	jw_obj(w, key);
	jw_int(w, "same", (int64_t)counts[DIFF_SAME]);
	jw_int(w, "removed", (int64_t)counts[DIFF_REMOVE]);
	jw_int(w, "added", (int64_t)counts[DIFF_ADD]);
	jw_int(w, "from_a", a->first);
	jw_int(w, "from_b", b->first);
	jw_arr(w, "hunks");
	for (size_t i = 0; i < d.n; i++) {
		const struct diff_part *p = &d.v[i];
		if (p->op == DIFF_SAME) {
			if (d.n > 1 || o->context < 0)
				write_same(&x, p, i == 0, i + 1 == d.n);
			continue;
		}
		for (size_t k = 0; k < p->n; k++)
			write_line(&x, p->op, p->a + (p->op == DIFF_REMOVE ? k : 0), p->b + (p->op == DIFF_ADD ? k : 0));
	}
	close_hunk(&x);
	jw_end_arr(w);
	jw_bool(w, "truncated", x.truncated);
	jw_end_obj(w);
	linediff_done(&d);
	free(na.v);
	free(nb.v);
	str_done(&na.masked);
	str_done(&nb.masked);
}
