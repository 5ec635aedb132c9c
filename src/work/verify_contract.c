/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Level L0: rules for files, which need no command. */
#include "work/verify.h"

#include "base/regex.h"
#include "base/utf8.h"
#include "space/ignore.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAMED_MAX 5      /* paths in a sentence */
#define FINDINGS_MAX 50  /* of one check, each with its line */
#define BINARY_PROBE (8 * KIB)

void check_fail(struct check *c, const char *fmt, ...)
{
	va_list ap;
	c->state = STATE_FAILED;
	if (c->message.len)
		str_add(&c->message, "; ");
	va_start(ap, fmt);
	str_vaddf(&c->message, fmt, ap);
	va_end(ap);
}

/* Paths for a sentence: the first ones, and how many more. */
struct named {
	struct str text;
	size_t n;
};

static void name_path(struct named *named, const char *path, const char *why)
{
	if (named->n++ >= NAMED_MAX)
		return;
	if (named->text.len)
		str_add(&named->text, ", ");
	text_add_safe(&named->text, path, strlen(path), SAFE_PLAIN, false);
	if (why)
		str_addf(&named->text, " (%s)", why);
}

static const char *named_text(struct named *named)
{
	if (named->n > NAMED_MAX)
		str_addf(&named->text, _(" and %zu more"), named->n - NAMED_MAX);
	return str_text(&named->text);
}

static struct diagnostics *findings(struct verify *v, struct check *c)
{
	if (!c->diagnostics)
		c->diagnostics = diagnostics_new(PARSE_GENERIC, v->workspace, v->workspace);
	return c->diagnostics;
}

static void add_finding(struct verify *v, struct check *c, const char *path, int line, int column, const char *message)
{
	diagnostics_add(findings(v, c), DIAGNOSTIC_ERROR, SORT_OTHER, path, line, column, message);
	text_add_safe(&c->output, path, strlen(path), SAFE_PLAIN, false);
	if (line)
		str_addf(&c->output, ":%d", line);
	if (line && column)
		str_addf(&c->output, ":%d", column);
	str_addf(&c->output, ": %s\n", message);
}

static bool any_glob(const struct json *globs, const char *path)
{
	for (const struct json *g = json_first(globs); g; g = json_next(g))
		if (ignore_glob(json_str(g, ""), path, true))
			return true;
	return false;
}

/* ---- files ---- */

static const char *why_text(enum tree_why why)
{
	switch (why) {
	case TREE_MISSING:
		return _("missing");
	case TREE_OUTSIDE:
		return _("leads out of the workspace");
	case TREE_NO_FILE:
		return _("is no file");
	case TREE_LARGE:
		return _("is too large");
	case TREE_REFUSED:
		return _("cannot be read");
	case TREE_READ:
	default:
		return "";
	}
}

static enum err_code check_files(struct verify *v, struct check *c, struct err *err UNUSED)
{
	struct named missing = { 0 };
	for (const struct json *f = json_first(json_get(c->v, "files")); f; f = json_next(f)) {
		struct tree_file file;
		const char *path = json_str(f, "");
		tree_read(v, path, 0, &file); /* 0: to look, not to read */
		if (file.why != TREE_READ && file.why != TREE_LARGE) {
			name_path(&missing, path, why_text(file.why));
			add_finding(v, c, path, 0, 0, why_text(file.why));
		}
		tree_file_done(&file);
	}
	if (missing.n)
		check_fail(c, ngettext("%zu required file is not there: %s", "%zu required files are not there: %s", missing.n),
			   missing.n, named_text(&missing));
	str_done(&missing.text);
	return ERR_OK;
}

/* ---- which files are searched ---- */

struct search {
	struct verify *v;
	struct check *c;
	struct regex **patterns;
	size_t npatterns;
	size_t found, looked_at, binary;
	struct named bad, left_out; /* files with findings; files that could not be searched */
};

typedef enum err_code (*search_fn)(struct search *s, const char *path, const struct tree_file *file, struct err *err);

static enum err_code search_file(struct search *s, const char *path, search_fn look, struct err *err)
{
	struct tree_file file;
	enum err_code code = ERR_OK;
	tree_read(s->v, path, VERIFY_FILE_MAX, &file);
	if (file.why == TREE_READ) {
		s->looked_at++;
		code = look(s, path, &file, err);
	} else if (file.why != TREE_MISSING && file.why != TREE_NO_FILE) {
		name_path(&s->left_out, path, why_text(file.why));
	}
	tree_file_done(&file);
	return code;
}

static enum err_code search_files(struct search *s, search_fn look, struct err *err)
{
	const struct json *globs = json_get(s->c->v, "in");
	bool all = json_first(globs) != NULL;
	enum err_code code = all ? tree_files(s->v, err) : tree_changed(s->v, err);
	char **paths = all ? s->v->files : s->v->changed;
	size_t n = all ? s->v->nfiles : s->v->nchanged;
	for (size_t i = 0; !code && i < n; i++)
		if (!all || any_glob(globs, paths[i]))
			code = search_file(s, paths[i], look, err);
	return code;
}

/* Say what was not looked at: nobody shall take it for looked at. */
static void tell_left_out(struct search *s)
{
	str_addf(&s->c->output, ngettext("%zu file searched", "%zu files searched", s->looked_at), s->looked_at);
	if (s->binary)
		str_addf(&s->c->output, ngettext(", %zu binary file passed over", ", %zu binary files passed over", s->binary),
			 s->binary);
	str_add_char(&s->c->output, '\n');
	if (s->left_out.n) {
		str_addf(&s->c->output, _("not searched: %s\n"), named_text(&s->left_out));
		if (s->c->state != STATE_FAILED)
			str_addf(&s->c->message, _("not searched: %s"), str_text(&s->left_out.text));
	}
	str_done(&s->bad.text);
	str_done(&s->left_out.text);
}

/* ---- forbid ---- */

struct place {
	size_t at;
	int line, column;
};

/* Line and column of an offset; offsets come in rising order. */
static void find_place(const struct tree_file *f, size_t at, struct place *p)
{
	for (; p->at < at; p->at++) {
		bool newline = f->bytes[p->at] == '\n';
		p->line += newline;
		p->column = newline ? 1 : p->column + 1;
	}
}

static void search_pattern(struct search *s, const char *path, const struct tree_file *f, struct regex *re)
{
	struct place place = { .line = 1, .column = 1 };
	size_t from = 0, start, end, before = s->found;
	bool limited = false;
	unsigned int flags;
	const char *pattern = regex_pattern(re, &flags);
	while (from <= f->len && s->found < FINDINGS_MAX &&
	       regex_find(re, f->bytes, f->len, from, &start, &end, &limited)) {
		find_place(f, start, &place);
		auto_free char *message = xasprintf(_("matches the forbidden pattern %s"), pattern);
		add_finding(s->v, s->c, path, place.line, place.column, message);
		s->found++;
		/* One finding a line is enough. */
		const char *newline = start < f->len ? memchr(f->bytes + start, '\n', f->len - start) : NULL;
		from = MAX(end, newline ? (size_t)(newline - f->bytes) + 1 : f->len + 1);
	}
	if (limited) {
		auto_free char *message = xasprintf(_("the pattern %s takes too long here"), pattern);
		add_finding(s->v, s->c, path, 0, 0, message);
		s->found++;
	}
	if (s->found > before)
		name_path(&s->bad, path, NULL);
}

static enum err_code search_forbidden(struct search *s, const char *path, const struct tree_file *f, struct err *err UNUSED)
{
	if (memchr(f->bytes, '\0', MIN(f->len, (size_t)BINARY_PROBE))) {
		s->binary++;
		return ERR_OK;
	}
	for (size_t i = 0; i < s->npatterns; i++)
		search_pattern(s, path, f, s->patterns[i]);
	return ERR_OK;
}

static enum err_code compile_patterns(struct search *s, struct err *err)
{
	const struct json *list = json_get(s->c->v, "patterns");
	s->patterns = xcalloc(json_count(list) + 1, sizeof(*s->patterns));
	for (const struct json *p = json_first(list); p; p = json_next(p)) {
		enum err_code code = regex_new(json_str(p, ""), REGEX_MULTILINE, &s->patterns[s->npatterns], err);
		if (code)
			return code;
		s->npatterns++;
	}
	return ERR_OK;
}

static enum err_code check_forbid(struct verify *v, struct check *c, struct err *err)
{
	struct search s = { .v = v, .c = c };
	enum err_code code = compile_patterns(&s, err);
	if (!code)
		code = search_files(&s, search_forbidden, err);
	if (s.found)
		check_fail(c, ngettext("%zu place matches a forbidden pattern, in %s",
				       "%zu places match a forbidden pattern, in %s", s.found), s.found, named_text(&s.bad));
	tell_left_out(&s);
	for (size_t i = 0; i < s.npatterns; i++)
		regex_free(s.patterns[i]);
	free(s.patterns);
	return code;
}

/* ---- secrets ---- */

static int64_t secrets_in(const struct verify *v, const char *bytes, size_t len)
{
	auto_str out = STR_INIT;
	struct redactor *r = redactor_new(v->shapes);
	redact_feed(r, bytes, len, &out);
	redact_flush(r, &out);
	int64_t n = redact_count(r);
	redactor_free(r);
	return n;
}

/* The file as a whole first, since keys go over lines; then the lines, to say where. */
static enum err_code search_secret(struct search *s, const char *path, const struct tree_file *f, struct err *err UNUSED)
{
	size_t before = s->found;
	if (!secrets_in(s->v, f->bytes, f->len))
		return ERR_OK;
	int line = 1;
	for (size_t at = 0; at < f->len && s->found < FINDINGS_MAX; line++) {
		const char *newline = memchr(f->bytes + at, '\n', f->len - at);
		size_t n = newline ? (size_t)(newline - f->bytes) - at + 1 : f->len - at;
		if (secrets_in(s->v, f->bytes + at, n)) {
			add_finding(s->v, s->c, path, line, 0, _("looks like a secret"));
			s->found++;
		}
		at += n;
	}
	if (s->found == before) {
		add_finding(s->v, s->c, path, 0, 0, _("looks like it holds a secret"));
		s->found++;
	}
	name_path(&s->bad, path, NULL);
	return ERR_OK;
}

static enum err_code check_secrets(struct verify *v, struct check *c, struct err *err)
{
	struct search s = { .v = v, .c = c };
	enum err_code code = search_files(&s, search_secret, err);
	if (s.found)
		check_fail(c, ngettext("%zu place looks like a secret, in %s", "%zu places look like secrets, in %s", s.found),
			   s.found, named_text(&s.bad));
	tell_left_out(&s);
	return code;
}

/* ---- paths ---- */

struct scope {
	const struct json *allow, *deny;
	int64_t max_file;
	struct named outside, large;
};

static void check_size(struct verify *v, struct check *c, struct scope *s, const char *path)
{
	struct tree_file file;
	if (s->max_file <= 0)
		return;
	tree_read(v, path, 0, &file); /* 0: to look, not to read */
	if (file.size > s->max_file) {
		auto_free char *why = xasprintf(_("%lld bytes"), (long long)file.size);
		name_path(&s->large, path, why);
		add_finding(v, c, path, 0, 0, _("is larger than allowed"));
	}
	tree_file_done(&file);
}

static enum err_code check_paths(struct verify *v, struct check *c, struct err *err)
{
	struct scope s = { .allow = json_get(c->v, "allow"),
			   .deny = json_get(c->v, "deny"),
			   .max_file = json_get_int(c->v, "max_file", 0) };
	enum err_code code = tree_changed(v, err);
	for (size_t i = 0; !code && i < v->nchanged; i++) {
		const char *path = v->changed[i];
		bool allowed = !json_first(s.allow) || any_glob(s.allow, path);
		if (!allowed || any_glob(s.deny, path)) {
			name_path(&s.outside, path, NULL);
			add_finding(v, c, path, 0, 0, allowed ? _("is denied") : _("is not among the allowed paths"));
		}
		check_size(v, c, &s, path);
	}
	if (s.outside.n)
		check_fail(c, ngettext("%zu changed path is not allowed: %s", "%zu changed paths are not allowed: %s",
				       s.outside.n), s.outside.n, named_text(&s.outside));
	if (s.large.n)
		check_fail(c, ngettext("%zu file is larger than %lld bytes: %s", "%zu files are larger than %lld bytes: %s",
				       s.large.n), s.large.n, (long long)s.max_file, named_text(&s.large));
	str_addf(&c->output, ngettext("%zu changed path\n", "%zu changed paths\n", v->nchanged), v->nchanged);
	str_done(&s.outside.text);
	str_done(&s.large.text);
	return code;
}

/* ---- the table ---- */

enum err_code check_contract(struct verify *v, struct check *c, struct err *err)
{
	/* clang-format off */
	static enum err_code (*const rows[CHECK_KIND_COUNT])(struct verify *v, struct check *c, struct err *err) = {
		[CHECK_FILES] = check_files, [CHECK_FORBID] = check_forbid,
		[CHECK_PATHS] = check_paths, [CHECK_SECRETS] = check_secrets,
	};
	/* clang-format on */
	c->state = STATE_PASSED;
	return rows[c->kind](v, c, err);
}
