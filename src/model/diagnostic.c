/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drives the families: cuts output into lines without colours, asks the rules, and keeps what they find. */
#include "model/diagnostic_rules.h"

#include "base/fs.h"
#include "base/regex.h"
#include "base/utf8.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#define LINE_MAX_BYTES (8 * KIB) /* of a line, what comes behind is not looked at */
#define SEEN_MAX 20000           /* rows and files that are told apart */
#define DIRS_MAX 64
#define SNIFFED 6 /* bytes that tell an XML report */

/* clang-format off */
static const char *const kind_names[] = {
	[DIAGNOSTIC_ERROR] = "error", [DIAGNOSTIC_FAILURE] = "failure",
	[DIAGNOSTIC_WARNING] = "warning", [DIAGNOSTIC_NOTE] = "note",
};
/* The order is that in which they are asked: from the most particular form to the most general. */
static const struct diagnostic_family *const families[] = {
	&go_family, &tap_family, &python_family, &test_family, &rust_family, &make_family, &compiler_family,
	&script_family, &generic_family,
};
/* clang-format on */
static_assert(COUNT(kind_names) == DIAGNOSTIC_KIND_COUNT, "every kind has a name");

const char *diagnostic_kind_name(enum diagnostic_kind k)
{
	return kind_names[k];
}

enum diagnostic_kind diagnostic_kind_from_name(const char *name)
{
	for (size_t i = 0; i < COUNT(kind_names); i++)
		if (str_eq(kind_names[i], name))
			return (enum diagnostic_kind)i;
	return DIAGNOSTIC_NOTE;
}

int diagnostic_number(const char *digits)
{
	long n = digits ? strtol(digits, NULL, 10) : 0;
	return n < 0 || n > INT_MAX ? 0 : (int)n;
}

/* ---- paths ---- */

static const char *present_dir(const struct diagnostics *d)
{
	return d->ndirs ? str_text(&d->dirs[d->ndirs - 1]) : d->cwd;
}

/* As seen from the workspace; as it is if it lies elsewhere. */
static char *path_of(const struct diagnostics *d, const char *file)
{
	if (str_starts(file, "file://"))
		file += strlen("file://");
	if (!d->root) {
		while (str_starts(file, "./"))
			file += 2;
		return xstrdup(file);
	}
	auto_free char *full = fs_absolute(present_dir(d), file);
	size_t len = strlen(d->root);
	if (strncmp(full, d->root, len) == 0 && full[len] == '/')
		return xstrdup(full + len + 1);
	return file[0] == '/' ? TAKE(full) : xstrdup(file);
}

/* "make[1]: Entering directory '/x'": relative paths count from there. */
static bool take_directory(struct diagnostics *d, const char *line)
{
	const char *at = strstr(line, ": Entering directory "), *leave = strstr(line, ": Leaving directory ");
	if (leave && !at) {
		if (d->ndirs)
			str_done(&d->dirs[--d->ndirs]);
		return true;
	}
	if (!at || d->ndirs >= DIRS_MAX || !d->root)
		return at != NULL;
	at += strlen(": Entering directory ");
	size_t len = strlen(at);
	if (len < 3 || at[1] != '/')
		return true;
	GROW(d->dirs, d->ndirs, d->capdirs);
	d->dirs[d->ndirs] = (struct str)STR_INIT;
	str_add_len(&d->dirs[d->ndirs++], at + 1, len - 2);
	return true;
}

/* ---- keeping ---- */

static void row_done(struct diagnostic *row)
{
	free(row->file);
	free(row->test);
	free(row->message);
}

static void count(struct diagnostics *d, enum diagnostic_kind kind, enum diagnostic_sort sort, int by)
{
	int64_t *const counters[] = {
		[DIAGNOSTIC_ERROR] = &d->counts.errors,
		[DIAGNOSTIC_FAILURE] = &d->counts.failed_tests,
		[DIAGNOSTIC_WARNING] = &d->counts.warnings,
	};
	if (kind == DIAGNOSTIC_NOTE)
		return;
	*counters[kind] += by;
	d->sorts[sort] += by;
}

static void count_file(struct diagnostics *d, enum diagnostic_kind kind, const char *file)
{
	struct smap *files = kind == DIAGNOSTIC_WARNING ? &d->warned_files : &d->bad_files;
	if (file && kind != DIAGNOSTIC_NOTE && files->n < SEEN_MAX)
		smap_put(files, file, d);
}

/* A place in the list: at its end, or that of the least important when it is full. */
static struct diagnostic *make_room(struct diagnostics *d, enum diagnostic_kind kind)
{
	size_t worst = 0;
	if (d->n < DIAGNOSTICS_MAX) {
		if (!d->v)
			d->v = xcalloc(DIAGNOSTICS_MAX, sizeof(*d->v));
		return &d->v[d->n++];
	}
	for (size_t i = 1; i < d->n; i++)
		if (d->v[i].kind >= d->v[worst].kind)
			worst = i;
	if (d->v[worst].kind <= kind || kind > DIAGNOSTIC_FAILURE)
		return NULL;
	row_done(&d->v[worst]);
	memmove(&d->v[worst], &d->v[worst + 1], (d->n - worst - 1) * sizeof(*d->v));
	return &d->v[d->n - 1];
}

static char *safe_text(const char *text)
{
	auto_str s = STR_INIT;
	while (*text == ' ' || *text == '\t')
		text++;
	size_t len = strlen(text);
	text_add_safe(&s, text, MIN(len, (size_t)DIAGNOSTIC_MESSAGE_MAX), SAFE_PLAIN, false);
	str_cut(&s, utf8_floor(str_text(&s), MIN(s.len, (size_t)DIAGNOSTIC_MESSAGE_MAX)));
	while (s.len && s.p[s.len - 1] == ' ')
		str_cut(&s, s.len - 1);
	return str_take(&s);
}

static bool is_new(struct diagnostics *d, const struct diagnostic *row)
{
	auto_str key = STR_INIT;
	str_addf(&key, "%d:%d:%d:%s:%s:%s", (int)row->kind, row->line, row->column, row->file ? row->file : "",
		 row->test ? row->test : "", row->message);
	if (smap_get(&d->seen, key.p))
		return false;
	if (d->seen.n < SEEN_MAX)
		smap_put(&d->seen, key.p, d);
	return true;
}

struct diagnostic *diagnostic_add(struct diagnostics *d, enum diagnostic_kind kind, enum diagnostic_sort sort,
				  const char *file, int line, int column, const char *test, const char *message)
{
	auto_free char *path = file && *file ? path_of(d, file) : NULL;
	struct diagnostic row = { .kind = kind,
				  .sort = sort,
				  .file = path ? safe_text(path) : NULL,
				  .line = line,
				  .column = column,
				  .test = test && *test ? safe_text(test) : NULL,
				  .message = safe_text(message) };
	if (!is_new(d, &row)) {
		row_done(&row);
		return NULL;
	}
	count(d, kind, sort, 1);
	count_file(d, kind, row.file);
	struct diagnostic *room = make_room(d, kind);
	if (!room) {
		row_done(&row);
		return NULL;
	}
	*room = row;
	return room;
}

void diagnostics_add(struct diagnostics *d, enum diagnostic_kind kind, enum diagnostic_sort sort, const char *file,
		     int line, int column, const char *message)
{
	(void)diagnostic_add(d, kind, sort, file, line, column, NULL, message);
}

struct diagnostic *diagnostic_of_test(struct diagnostics *d, const char *test)
{
	for (size_t i = d->n; i > 0; i--)
		if (d->v[i - 1].test && d->v[i - 1].kind == DIAGNOSTIC_FAILURE && str_eq(d->v[i - 1].test, test))
			return &d->v[i - 1];
	return NULL;
}

void diagnostic_demote(struct diagnostics *d, struct diagnostic *row)
{
	count(d, row->kind, row->sort, -1);
	row->kind = DIAGNOSTIC_NOTE;
}

void diagnostic_place(struct diagnostics *d, struct diagnostic *row, const char *file, int line, int column)
{
	if (row->file || !file || !*file)
		return;
	auto_free char *path = path_of(d, file);
	row->file = safe_text(path);
	row->line = line;
	row->column = column;
	count_file(d, row->kind, row->file);
}

void diagnostic_say(struct diagnostic *row, const char *message)
{
	free(row->message);
	row->message = safe_text(message);
}

bool diagnostic_has_errors(const struct diagnostics *d)
{
	return d->counts.errors + d->counts.failed_tests > 0;
}

/* ---- one of several lines ---- */

void pending_drop(struct diagnostics *d)
{
	struct pending *p = &d->pending;
	str_clear(&p->test);
	str_clear(&p->file);
	str_clear(&p->message);
	p->on = false;
	p->line = p->column = p->stage = 0;
	p->owner = NULL;
}

void pending_flush(struct diagnostics *d)
{
	struct pending *p = &d->pending;
	if (p->on && (p->message.len || p->test.len))
		(void)diagnostic_add(d, p->kind, p->sort, str_text(&p->file), p->line, p->column, str_text(&p->test),
				     str_text(&p->message));
	pending_drop(d);
}

struct pending *pending_begin(struct diagnostics *d, const void *owner, enum diagnostic_kind kind,
			      enum diagnostic_sort sort)
{
	pending_flush(d);
	d->pending.on = true;
	d->pending.owner = owner;
	d->pending.kind = kind;
	d->pending.sort = sort;
	return &d->pending;
}

struct pending *pending_of(struct diagnostics *d, const void *owner)
{
	return d->pending.on && d->pending.owner == owner ? &d->pending : NULL;
}

/* ---- rules ---- */

static struct regex *compiled_rule(struct diagnostics *d, size_t index, const struct diagnostic_rule *rule)
{
	if (!d->compiled) {
		size_t n = 0;
		for (size_t i = 0; i < COUNT(families); i++)
			n += families[i]->nrules;
		d->compiled = xcalloc(n, sizeof(struct regex *));
	}
	if (!d->compiled[index] && regex_new(rule->pattern, 0, &d->compiled[index], NULL) != ERR_OK)
		abort(); /* a mistake in a table; the tests walk all of it */
	return d->compiled[index];
}

/* The groups of the last match, one behind the other with their NULs. */
static void take_groups(struct diagnostics *d, struct regex *re, const char *line, struct diagnostic_match *ret)
{
	size_t from[MATCH_GROUPS];
	bool has[MATCH_GROUPS] = { false };
	str_clear(&d->groups);
	for (unsigned int i = 1; i < MATCH_GROUPS; i++) {
		size_t start, end;
		has[i] = regex_group(re, i, &start, &end);
		from[i] = d->groups.len;
		if (!has[i])
			continue;
		str_add_len(&d->groups, line + start, end - start);
		str_add_len(&d->groups, "", 1);
	}
	*ret = (struct diagnostic_match){ .s = { line } };
	for (unsigned int i = 1; i < MATCH_GROUPS; i++)
		ret->s[i] = has[i] ? d->groups.p + from[i] : NULL;
}

static bool try_rules(struct diagnostics *d, const struct diagnostic_family *f, size_t first, const char *line)
{
	size_t len = strlen(line), start, end;
	for (size_t i = 0; i < f->nrules; i++) {
		const struct diagnostic_rule *rule = &f->rules[i];
		struct diagnostic_match m;
		if (rule->need && !strstr(line, rule->need))
			continue;
		struct regex *re = compiled_rule(d, first + i, rule);
		if (!regex_find(re, line, len, 0, &start, &end, NULL))
			continue;
		take_groups(d, re, line, &m);
		if (rule->act(d, &m))
			return true;
	}
	return false;
}

static void take_line(struct diagnostics *d, const char *line)
{
	size_t first = 0;
	if (take_directory(d, line))
		return;
	for (size_t i = 0; i < COUNT(families); first += families[i]->nrules, i++) {
		const struct diagnostic_family *f = families[i];
		if (d->parse != PARSE_AUTO && d->parse != f->parse)
			continue;
		if ((f->line && f->line(d, line)) || try_rules(d, f, first, line))
			return;
	}
}

/* ---- lines ---- */

/* The end of an escape sequence that begins at p: ECMA-48 §5.4 for CSI, and the strings of §5.6. */
static const char *skip_escape(const char *p, const char *end)
{
	if (++p == end)
		return end;
	if (*p == '[') {
		for (p++; p < end && !(*p >= '@' && *p <= '~'); p++) {
		}
		return p < end ? p + 1 : end;
	}
	if (strchr("]PX^_", *p)) {
		for (p++; p < end && *p != '\a' && *p != '\033'; p++) {
		}
		if (p < end && *p == '\033' && p + 1 < end && p[1] == '\\')
			p++;
		return p < end ? p + 1 : end;
	}
	return p + 1;
}

/* Without colours and what a carriage return overwrote. */
static void add_plain(struct str *out, const char *p, size_t len)
{
	const char *end = p + len;
	while (end > p && end[-1] == '\r')
		end--;
	while (p < end) {
		if (*p == '\033') {
			p = skip_escape(p, end);
		} else if (*p == '\r') {
			str_clear(out);
			p++;
		} else {
			if (*p != '\0')
				str_add_char(out, *p);
			p++;
		}
	}
}

void diagnostic_line(struct diagnostics *d, const char *bytes, size_t len)
{
	auto_str plain = STR_INIT, safe = STR_INIT;
	if (len && bytes[len - 1] == '\n')
		len--;
	add_plain(&plain, bytes, len);
	text_add_safe(&safe, str_text(&plain), plain.len, SAFE_PLAIN, false);
	take_line(d, str_text(&safe));
}

static void finish_line(struct diagnostics *d)
{
	diagnostic_line(d, str_text(&d->line), d->line.len);
	str_clear(&d->line);
}

static void feed_lines(struct diagnostics *d, const char *bytes, size_t len)
{
	const char *end = bytes + len;
	while (bytes < end) {
		const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
		size_t n = (size_t)((newline ? newline : end) - bytes);
		if (d->line.len < LINE_MAX_BYTES)
			str_add_len(&d->line, bytes, MIN(n, LINE_MAX_BYTES - d->line.len));
		bytes += n;
		if (newline) {
			finish_line(d);
			bytes++;
		}
	}
}

/* The first bytes say whether it is an XML report. They are kept until there are enough, or `all` are here. */
static void begin(struct diagnostics *d, bool all)
{
	const char *text = str_text(&d->document);
	size_t len = d->document.len, at = 0;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		at = 3;
	while (at < len && strchr(" \t\r\n", text[at]))
		at++;
	if (len - at < SNIFFED && len < LINE_MAX_BYTES && !all)
		return;
	d->started = true;
	d->is_document = d->parse == PARSE_JUNIT ||
			 (d->parse == PARSE_AUTO &&
			  (str_starts(text + at, "<?xml") || str_starts(text + at, "<tests")));
	if (d->is_document)
		return;
	struct str head = d->document;
	d->document = (struct str)STR_INIT;
	feed_lines(d, str_text(&head), head.len);
	str_done(&head);
}

void diagnostics_feed(struct diagnostics *d, const char *bytes, size_t len)
{
	if (d->started && !d->is_document) {
		feed_lines(d, bytes, len);
		return;
	}
	if (d->document.len <= DIAGNOSTIC_REPORT_MAX)
		str_add_len(&d->document, bytes, MIN(len, DIAGNOSTIC_REPORT_MAX + 1 - d->document.len));
	if (!d->started)
		begin(d, false);
}

void diagnostics_end(struct diagnostics *d)
{
	if (!d->started)
		begin(d, true);
	if (d->is_document)
		junit_parse(d, str_text(&d->document), d->document.len);
	if (d->line.len)
		finish_line(d);
	for (size_t i = 0; i < COUNT(families); i++)
		if (families[i]->end && (d->parse == PARSE_AUTO || d->parse == families[i]->parse))
			families[i]->end(d);
	pending_flush(d);
}

/* ---- life ---- */

struct diagnostics *diagnostics_new(enum check_parse parse, const char *root, const char *cwd)
{
	struct diagnostics *d = xcalloc(1, sizeof(*d));
	d->parse = parse;
	d->root = root ? xstrdup(root) : NULL;
	d->cwd = root ? xstrdup(cwd ? cwd : root) : NULL;
	return d;
}

void diagnostics_free(struct diagnostics *d)
{
	size_t n = 0;
	if (!d)
		return;
	for (size_t i = 0; i < COUNT(families); i++)
		n += families[i]->nrules;
	for (size_t i = 0; d->compiled && i < n; i++)
		regex_free(d->compiled[i]);
	free(d->compiled);
	for (size_t i = 0; i < d->n; i++)
		row_done(&d->v[i]);
	free(d->v);
	for (size_t i = 0; i < d->ndirs; i++)
		str_done(&d->dirs[i]);
	free(d->dirs);
	struct str *const texts[] = { &d->line, &d->document, &d->groups, &d->pending.test, &d->pending.file,
				      &d->pending.message, &d->go_test, &d->go_said, &d->go_file, &d->go_message, &d->script_file };
	for (size_t i = 0; i < COUNT(texts); i++)
		str_done(texts[i]);
	struct smap *const maps[] = { &d->seen, &d->bad_files, &d->warned_files, &d->python.tests };
	for (size_t i = 0; i < COUNT(maps); i++)
		smap_done(maps[i]);
	free(d->root);
	free(d->cwd);
	free(d);
}

const struct diagnostic *diagnostics_list(const struct diagnostics *d, size_t *ret_n)
{
	*ret_n = d->n;
	return d->v;
}

struct diagnostic_counts diagnostics_count(const struct diagnostics *d)
{
	struct diagnostic_counts c = d->counts;
	c.files = (int64_t)(d->bad_files.n ? d->bad_files.n : d->warned_files.n);
	return c;
}

int64_t diagnostics_sort_count(const struct diagnostics *d, enum diagnostic_sort sort)
{
	return d->sorts[sort];
}
