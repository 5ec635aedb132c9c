/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The report of pawl-verify. Every text in it is masked by itself: a mask never swallows JSON. */
#include "work/verify.h"

#include "base/utf8.h"

#include <string.h>


/* How much is written. */
struct extent {
	size_t output, diagnostics, message;
	bool whole; /* with the ends of both streams and what only the kept report has */
};

static void add_text(struct jw *w, const struct verify *v, const char *key, const char *text, size_t len)
{
	auto_str clean = STR_INIT;
	redact_text(v->secrets, text, len, &clean);
	jw_strn(w, key, str_text(&clean), clean.len);
}

/* Its end. Masked before it is cut: half a secret has no shape. */
static void add_tail(struct jw *w, const struct verify *v, const char *key, const struct str *s, size_t lines, size_t max)
{
	auto_str clean = STR_INIT;
	redact_text(v->secrets, str_text(s), s->len, &clean);
	size_t from = tail_of(str_text(&clean), clean.len, lines, max);
	jw_strn(w, key, str_text(&clean) + from, clean.len - from);
}

static void add_cut(struct jw *w, const struct verify *v, const char *key, const char *text, size_t max)
{
	size_t len = strlen(text);
	add_text(w, v, key, text, len <= max ? len : utf8_floor(text, max));
}

bool verify_passed(const struct verify *v)
{
	for (size_t i = 0; i < v->nchecks; i++)
		if (v->checks[i].state == STATE_FAILED)
			return false;
	return true;
}

/* ---- levels ---- */

bool verify_level_state(const struct verify *v, enum verify_level level, enum check_state *ret)
{
	size_t n[CHECK_STATE_COUNT] = { 0 }, all = 0;
	for (size_t i = 0; i < v->nchecks; i++)
		if (v->checks[i].level == level) {
			n[v->checks[i].state]++;
			all++;
		}
	*ret = n[STATE_FAILED]	    ? STATE_FAILED :
	       n[STATE_NOT_REACHED] ? STATE_NOT_REACHED :
	       n[STATE_PASSED]	    ? STATE_PASSED :
				      STATE_SKIPPED;
	return all > 0;
}

static void add_check(struct jw *w, const struct verify *v, const struct check *c, const struct extent *x)
{
	jw_obj(w, NULL);
	jw_str(w, "name", c->name);
	jw_str(w, "kind", check_kind_name(c->kind));
	jw_bool(w, "passed", c->state == STATE_PASSED);
	jw_str(w, "state", check_state_name(c->state));
	if (c->class != CLASS_NONE)
		jw_str(w, "class", error_class_name(c->class));
	add_cut(w, v, "message", str_text(&c->message), x->message);
	add_tail(w, v, "output", &c->output, SIZE_MAX, x->output);
	jw_int(w, "output_bytes", MAX(c->output_bytes, (int64_t)c->output.len));
	jw_int(w, "duration_ms", c->duration_ms);
	if (c->ran)
		jw_int(w, "exit_code", c->exit_code);
	if (x->whole && c->state == STATE_FAILED) {
		add_tail(w, v, "stdout_tail", &c->out_tail, TAIL_LINES, VERIFY_TAIL_MAX);
		add_tail(w, v, "stderr_tail", &c->err_tail, TAIL_LINES, VERIFY_TAIL_MAX);
	}
	jw_end_obj(w);
}

static void add_levels(struct jw *w, const struct verify *v, const struct extent *x)
{
	jw_arr(w, "levels");
	for (int l = 0; l < VERIFY_LEVEL_COUNT; l++) {
		enum check_state state;
		int64_t duration = 0;
		if (!verify_level_state(v, (enum verify_level)l, &state))
			continue;
		jw_obj(w, NULL);
		jw_str(w, "level", verify_level_name((enum verify_level)l));
		jw_bool(w, "passed", state == STATE_PASSED);
		jw_str(w, "state", check_state_name(state));
		jw_arr(w, "checks");
		for (size_t i = 0; i < v->nchecks; i++)
			if (v->checks[i].level == (enum verify_level)l) {
				add_check(w, v, &v->checks[i], x);
				duration += v->checks[i].duration_ms;
			}
		jw_end_arr(w);
		jw_int(w, "duration_ms", duration);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

/* ---- diagnostics ---- */

static void add_diagnostic(struct jw *w, const struct verify *v, const struct check *c, const struct diagnostic *d,
			   const struct extent *x)
{
	auto_str message = STR_INIT;
	str_addf(&message, "%s%s%s", d->test ? d->test : "", d->test && d->message[0] ? ": " : "", d->message);
	jw_obj(w, NULL);
	jw_str(w, "level", verify_level_name(c->level));
	jw_str(w, "check", c->name);
	jw_str(w, "kind", diagnostic_kind_name(d->kind));
	add_cut(w, v, "message", str_text(&message), x->message);
	if (d->file)
		add_text(w, v, "file", d->file, strlen(d->file));
	else
		jw_null(w, "file");
	jw_int(w, "line", d->line);
	jw_int(w, "column", d->column);
	jw_end_obj(w);
}

/* Of checks that failed everything; of the others warnings: what looks like an error in them was none. */
static bool counts_for(const struct check *c, const struct diagnostic *d)
{
	return c->state == STATE_FAILED || (d->kind == DIAGNOSTIC_WARNING && d->sort != SORT_OTHER);
}

static void add_diagnostics(struct jw *w, const struct verify *v, const struct extent *x)
{
	size_t written = 0;
	jw_arr(w, "diagnostics");
	/* Errors and failures first where there are too many. */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < v->nchecks; i++) {
			const struct check *c = &v->checks[i];
			size_t n = 0;
			const struct diagnostic *d = c->diagnostics ? diagnostics_list(c->diagnostics, &n) : NULL;
			for (size_t k = 0; k < n && written < x->diagnostics; k++) {
				bool grave = d[k].kind == DIAGNOSTIC_ERROR || d[k].kind == DIAGNOSTIC_FAILURE;
				if (grave != (pass == 0) || !counts_for(c, &d[k]))
					continue;
				add_diagnostic(w, v, c, &d[k], x);
				written++;
			}
		}
	jw_end_arr(w);
}

/* Distinct ones, over all failed checks. */
static int64_t count_files(const struct verify *v)
{
	struct smap files = SMAP_INIT;
	int64_t most = 0;
	for (size_t i = 0; i < v->nchecks; i++) {
		const struct check *c = &v->checks[i];
		size_t n = 0;
		if (c->state != STATE_FAILED || !c->diagnostics)
			continue;
		const struct diagnostic *d = diagnostics_list(c->diagnostics, &n);
		for (size_t k = 0; k < n; k++)
			if (d[k].file && d[k].kind <= DIAGNOSTIC_FAILURE)
				smap_put(&files, d[k].file, c->diagnostics);
		most = MAX(most, diagnostics_count(c->diagnostics).files); /* more than are listed */
	}
	most = MAX(most, (int64_t)files.n);
	smap_done(&files);
	return most;
}

static void add_counts(struct jw *w, const struct verify *v)
{
	struct diagnostic_counts sum = { 0 };
	size_t failed = 0;
	for (size_t i = 0; i < v->nchecks; i++) {
		const struct check *c = &v->checks[i];
		failed += c->state == STATE_FAILED;
		if (!c->diagnostics)
			continue;
		struct diagnostic_counts n = diagnostics_count(c->diagnostics);
		sum.warnings += n.warnings;
		if (c->state != STATE_FAILED)
			continue;
		sum.errors += n.errors;
		sum.failed_tests += n.failed_tests;
	}
	jw_obj(w, "counts");
	jw_int(w, "errors", sum.errors);
	jw_int(w, "warnings", sum.warnings);
	jw_int(w, "failed_tests", sum.failed_tests);
	jw_int(w, "files", count_files(v));
	jw_int(w, "failed_checks", (int64_t)failed);
	jw_end_obj(w);
}

/* ---- all of it ---- */

static const struct check *first_failed(const struct verify *v)
{
	for (size_t i = 0; i < v->nchecks; i++)
		if (v->checks[i].state == STATE_FAILED)
			return &v->checks[i];
	return NULL;
}

static void add_skipped(struct jw *w, const struct verify *v)
{
	jw_arr(w, "skipped_levels");
	for (int l = 0; l < VERIFY_LEVEL_COUNT; l++) {
		enum check_state state;
		if (!verify_level_state(v, (enum verify_level)l, &state) ||
		    (state != STATE_SKIPPED && state != STATE_NOT_REACHED))
			continue;
		jw_obj(w, NULL);
		jw_str(w, "level", verify_level_name((enum verify_level)l));
		jw_str(w, "why", check_state_name(state));
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

/* "build failed: exit status 2, …", and how many other checks failed. */
static void failure_text(const struct verify *v, struct str *s)
{
	const struct check *first = first_failed(v);
	size_t others = 0;
	for (size_t i = 0; first && i < v->nchecks; i++)
		others += v->checks[i].state == STATE_FAILED && &v->checks[i] != first;
	if (!first)
		return;
	str_addf(s, _("%s failed: %s"), first->name, str_text(&first->message));
	if (others)
		str_addf(s, ngettext(" (and %zu check more)", " (and %zu checks more)", others), others);
}

static const char *base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash ? slash + 1 : path;
}

static void add_body(struct jw *w, const struct verify *v, const struct extent *x)
{
	const struct check *first = first_failed(v);
	auto_str message = STR_INIT;
	failure_text(v, &message);
	jw_str(w, "kind", "verify");
	jw_bool(w, "passed", !first);
	jw_str(w, "class", error_class_name(first ? first->class : CLASS_NONE));
	add_cut(w, v, "message", str_text(&message), 2 * (size_t)DIAGNOSTIC_MESSAGE_MAX);
	if (x->whole) {
		jw_str(w, "run", json_get_str(v->document, "run", NULL));
		jw_str(w, "node", json_get_str(v->document, "node", NULL));
		jw_int(w, "iteration", json_get_int(v->document, "iteration", 0));
		jw_time(w, "started_at", v->began_ms);
	}
	jw_int(w, "duration_ms", v->duration_ms);
	add_levels(w, v, x);
	add_skipped(w, v);
	add_diagnostics(w, v, x);
	add_counts(w, v);
	if (!v->report_lost && v->report)
		jw_str(w, "file", base_name(v->report));
	else
		jw_null(w, "file");
}

void verify_add_report(const struct verify *v, struct str *json)
{
	const struct extent whole = { VERIFY_KEPT_MAX, SIZE_MAX, DIAGNOSTIC_MESSAGE_MAX * 4, true };
	struct jw w = jw_begin(json);
	jw_obj(&w, NULL);
	add_body(&w, v, &whole);
	jw_end_obj(&w);
	str_add_char(json, '\n');
}

void verify_add_output(const struct verify *v, size_t max, struct str *json)
{
	struct extent x = { VERIFY_SHOWN_MAX, DIAGNOSTICS_MAX, DIAGNOSTIC_MESSAGE_MAX, false };
	for (;;) {
		struct jw w = jw_begin(json);
		const struct check *first = first_failed(v);
		auto_str message = STR_INIT;
		failure_text(v, &message);
		str_clear(json);
		jw_obj(&w, NULL);
		jw_obj(&w, "report");
		add_body(&w, v, &x);
		jw_end_obj(&w);
		if (first) {
			jw_str(&w, "class", error_class_name(first->class));
			add_cut(&w, v, "message", str_text(&message), DIAGNOSTIC_MESSAGE_MAX);
		}
		jw_end_obj(&w);
		if (json->len <= max || x.output <= 1)
			return;
		x.output /= 2;
		x.diagnostics = MAX(x.diagnostics / 2, (size_t)20);
		x.message = MAX(x.message / 2, (size_t)120);
	}
}
