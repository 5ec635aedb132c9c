/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flow/report.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct word word_of(const char *text)
{
	struct word w;
	size_t len = strlen(text), shown = utf8_floor(text, MIN(len, (size_t)WORD_SHOWN_MAX));
	auto_str safe = STR_INIT;
	text_add_safe(&safe, text, shown, SAFE_PLAIN, false);
	(void)snprintf(w.s, sizeof(w.s), "%s%s", str_text(&safe), shown < len ? "…" : "");
	return w;
}

void report_add(struct flow_report *r, const char *file, int line, int column, const char *path,
		const char *fmt, ...)
{
	if (report_is_full(r)) {
		r->dropped++;
		return;
	}
	GROW(r->v, r->n, r->cap);
	auto_str said = STR_INIT, message = STR_INIT, safe = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&said, fmt, ap);
	va_end(ap);
	/* Words of the file come through here, also in the messages of others (of a pattern, say). */
	text_add_safe(&message, str_text(&said), said.len, SAFE_PLAIN, false);
	text_add_safe(&safe, path, strlen(path), SAFE_PLAIN, false);
	r->v[r->n++] = (struct flow_issue){
		.line = line,
		.column = column,
		.file = xstrdup(file),
		.path = str_take(&safe),
		.message = str_take(&message),
	};
}

static int compare_issues(const void *a, const void *b, void *first_file)
{
	const struct flow_issue *x = a, *y = b;
	int by_file = strcmp(x->file, y->file);
	if (by_file)
		return str_eq(x->file, first_file) ? -1 : str_eq(y->file, first_file) ? 1 : by_file;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return strcmp(x->message, y->message);
}

void report_sort(struct flow_report *r, const char *file)
{
	auto_free char *first = xstrdup(file);
	if (r->n)
		qsort_r(r->v, r->n, sizeof(*r->v), compare_issues, first);
}

void flow_report_done(struct flow_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].file);
		free(r->v[i].path);
		free(r->v[i].message);
	}
	free(r->v);
	*r = (struct flow_report){ 0 };
}

void flow_report_text(const struct flow_report *r, struct str *out)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct flow_issue *e = &r->v[i];
		const char *file = *e->file ? e->file : "workflow"; /* it came without a name */
		text_add_safe(out, file, strlen(file), SAFE_PLAIN, false);
		str_addf(out, ":%d:%d: %s%s%s\n", e->line, e->column, e->path, *e->path ? ": " : "",
			 e->message);
	}
	if (r->dropped)
		str_addf(out, ngettext("… and %zu mistake more\n", "… and %zu mistakes more\n", r->dropped),
			 r->dropped);
}
