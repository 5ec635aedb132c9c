/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading a unified diff: sections of files, their headers, their hunks. Strict where git is lenient: what cannot
 * be understood for certain is an error with its line. */
#include "space/patch.h"

#include "base/utf8.h"
#include "space/git.h"

#include <stdlib.h>
#include <string.h>

#define MODE_MAX 0177777U

void patch_done(struct patch *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].from);
		free(p->v[i].to);
	}
	free(p->v);
	*p = (struct patch){ NULL, 0, 0, 0, 0 };
}

const char *patch_path(const struct patch_file *f)
{
	return f->to ? f->to : f->from;
}

const char *patch_change(const struct patch_file *f)
{
	return !f->from ? "created" : !f->to ? "deleted" : f->renamed ? "renamed" : f->copied ? "copied" : "modified";
}

/* ---- lines ---- */

struct reader {
	const char *at, *end; /* of what was not read yet */
	const char *line;     /* the present one, without its newline */
	size_t len, number;
	bool whole;           /* it ended with a newline */
	int strip;
	struct patch *patch;
	struct err *err;
};

static bool next(struct reader *r)
{
	if (r->at >= r->end)
		return false;
	const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
	r->line = r->at;
	r->whole = newline != NULL;
	r->len = (size_t)((newline ? newline : r->end) - r->at);
	r->at = newline ? newline + 1 : r->end;
	r->number++;
	return true;
}

static void back(struct reader *r)
{
	r->at = r->line;
	r->number--;
}

static bool starts(const struct reader *r, const char *prefix)
{
	size_t n = strlen(prefix);
	return r->len >= n && memcmp(r->line, prefix, n) == 0;
}

#define wrong(r, ...) wrong_at((r)->err, (r)->number, __VA_ARGS__)
static PRINTF_LIKE(3, 4) enum err_code wrong_at(struct err *err, size_t line, const char *fmt, ...)
{
	va_list ap;
	auto_str s = STR_INIT;
	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	return err_set(err, ERR_INVALID, _("line %zu of the diff: %s"), line, str_text(&s));
}

/* ---- names ---- */

/* A name in quotes as C has them; *ret_end is behind the closing one. NULL: it is none. */
static char *unquote(const char *p, const char *end, const char **ret_end)
{
	static const char letters[] = "abtnvfr\"\\", meant[] = "\a\b\t\n\v\f\r\"\\";
	auto_str s = STR_INIT;
	for (p++; p < end && *p != '"'; p++) {
		if (*p != '\\') {
			str_add_char(&s, *p);
			continue;
		}
		if (++p >= end)
			return NULL;
		const char *letter = *p ? strchr(letters, *p) : NULL;
		if (letter) {
			str_add_char(&s, meant[letter - letters]);
		} else if (end - p >= 3 && *p >= '0' && *p <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' && p[2] <= '7') {
			str_add_char(&s, (char)((*p - '0') << 6 | (p[1] - '0') << 3 | (p[2] - '0')));
			p += 2;
		} else {
			return NULL;
		}
	}
	if (p >= end || memchr(str_text(&s), '\0', s.len))
		return NULL;
	*ret_end = p + 1;
	return str_take(&s);
}

/* Behind the leading folders; NULL when there are not so many. */
static const char *strip_folders(const char *name, int n)
{
	for (; n > 0; n--) {
		name = strchr(name, '/');
		if (!name)
			return NULL;
		while (*name == '/')
			name++;
	}
	return *name ? name : NULL;
}

static enum err_code check_name(struct reader *r, const char *name, size_t len)
{
	if (len == 0 || len > PATCH_PATH_MAX)
		return wrong(r, _("a name of 1 to %d bytes is wanted"), PATCH_PATH_MAX);
	if (name[len - 1] == '\r')
		return wrong(r, _("it ends with a carriage return: the lines of the diff itself were changed to CRLF"));
	if (!utf8_valid(name, len, NULL))
		return wrong(r, _("the name is not UTF-8"));
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return wrong(r, _("the name has control characters"));
	return ERR_OK;
}

/* One name as it stands in a header, up to the end of the line or a tab. */
static enum err_code read_name(struct reader *r, const char *p, int strip, char **ret)
{
	const char *end = r->line + r->len, *stop;
	auto_free char *name = NULL;
	if (p < end && *p == '"') {
		name = unquote(p, end, &stop);
		if (!name || (stop < end && *stop != '\t' && *stop != '\r'))
			return wrong(r, _("the quoted name is not understood"));
		if (stop < end && *stop == '\r')
			return check_name(r, "\r", 1);
	} else {
		const char *tab = memchr(p, '\t', (size_t)(end - p));
		name = xstrndup(p, (size_t)((tab ? tab : end) - p));
		if (strlen(name) != (size_t)((tab ? tab : end) - p))
			return wrong(r, _("the name has control characters"));
	}
	*ret = NULL;
	if (str_eq(name, "/dev/null"))
		return ERR_OK;
	enum err_code code = check_name(r, name, strlen(name));
	if (code)
		return code;
	if (name[0] == '/') /* git would strip the empty folder before it */
		return wrong(r, _("'%s' is absolute; names are relative to the workspace"), name);
	const char *rest = strip_folders(name, strip);
	if (!rest)
		return wrong(r, _("'%s' has fewer than %d leading folders; see strip:"), name, strip);
	*ret = xstrdup(rest);
	return ERR_OK;
}

/* "diff --git A B" where A and B are one name: that name. NULL: it cannot be told. */
static char *common_name(const struct reader *r)
{
	const char *p = r->line + strlen("diff --git "), *end = r->line + r->len, *stop = NULL;
	auto_free char *first = NULL, *second = NULL;
	if (p < end && *p == '"') {
		first = unquote(p, end, &stop);
		if (!first || stop >= end || *stop != ' ')
			return NULL;
		second = stop + 1 < end && stop[1] == '"' ? unquote(stop + 1, end, &stop) :
							     xstrndup(stop + 1, (size_t)(end - stop - 1));
	}
	for (const char *gap = first ? NULL : memchr(p, ' ', (size_t)(end - p)); gap && !second;
	     gap = memchr(gap + 1, ' ', (size_t)(end - gap - 1))) {
		auto_free char *a = xstrndup(p, (size_t)(gap - p));
		auto_free char *b = gap + 1 < end && gap[1] == '"' ? unquote(gap + 1, end, &stop) :
								      xstrndup(gap + 1, (size_t)(end - gap - 1));
		const char *x = strip_folders(a, r->strip), *y = b ? strip_folders(b, r->strip) : NULL;
		if (x && y && str_eq(x, y)) {
			first = TAKE(a);
			second = TAKE(b);
		}
	}
	const char *x = first ? strip_folders(first, r->strip) : NULL, *y = second ? strip_folders(second, r->strip) : NULL;
	return x && y && str_eq(x, y) && first[0] != '/' ? xstrdup(x) : NULL;
}

/* ---- hunks ---- */

static bool read_count(const char **p, const char *end, size_t *ret)
{
	size_t v = 0;
	const char *from = *p;
	while (*p < end && **p >= '0' && **p <= '9' && *p - from < 9)
		v = v * 10 + (size_t)(*(*p)++ - '0');
	*ret = v;
	return *p > from;
}

/* "@@ -l,n +l,n @@" */
static bool read_range(const struct reader *r, size_t *ret_old, size_t *ret_new)
{
	const char *p = r->line + 4, *end = r->line + r->len;
	size_t line;
	*ret_old = *ret_new = 1;
	if (!read_count(&p, end, &line))
		return false;
	if (p < end && *p == ',' && (p++, !read_count(&p, end, ret_old)))
		return false;
	if (end - p < 2 || p[0] != ' ' || p[1] != '+')
		return false;
	p += 2;
	if (!read_count(&p, end, &line))
		return false;
	if (p < end && *p == ',' && (p++, !read_count(&p, end, ret_new)))
		return false;
	return end - p >= 3 && memcmp(p, " @@", 3) == 0;
}

static enum err_code read_hunk(struct reader *r, struct patch_file *f)
{
	size_t old, new, began = r->number;
	if (!read_range(r, &old, &new))
		return wrong(r, _("a hunk begins with '@@ -LINE,COUNT +LINE,COUNT @@'"));
	while (old > 0 || new > 0) {
		if (!next(r))
			return wrong_at(r->err, began, _("the hunk is cut off: %zu lines before and %zu after are missing"), old, new);
		char sign = r->len ? r->line[0] : ' '; /* an empty line of context that lost its blank */
		if (sign == '\\')
			continue; /* "\ No newline at end of file" */
		if (sign != ' ' && sign != '-' && sign != '+')
			return wrong(r, _("a line of a hunk begins with a blank, + or -; the one of line %zu wants %zu lines before and %zu after"),
				     began, old, new);
		if ((sign != '+' && old == 0) || (sign != '-' && new == 0))
			return wrong(r, _("the hunk of line %zu has more lines than it says"), began);
		old -= sign != '+';
		new -= sign != '-';
		f->added += sign == '+';
		f->removed += sign == '-';
	}
	f->contents = true;
	while (next(r)) {
		if (starts(r, "\\ "))
			continue;
		back(r);
		break;
	}
	return ERR_OK;
}

static enum err_code read_hunks(struct reader *r, struct patch_file *f)
{
	while (next(r)) {
		if (!starts(r, "@@ ")) {
			back(r);
			return ERR_OK;
		}
		enum err_code code = read_hunk(r, f);
		if (code)
			return code;
	}
	return ERR_OK;
}

/* ---- sections ---- */

static struct patch_file *add_file(struct reader *r, enum err_code *code)
{
	struct patch *p = r->patch;
	if (p->n >= PATCH_FILES_MAX) {
		*code = err_set(r->err, ERR_TOO_LARGE, _("the diff names more than %d files"), PATCH_FILES_MAX);
		return NULL;
	}
	GROW(p->v, p->n, p->cap);
	p->v[p->n] = (struct patch_file){ .line = r->number };
	return &p->v[p->n++];
}

/* "--- A" was read; "+++ B" and hunks follow. */
static enum err_code read_text(struct reader *r, struct patch_file *f)
{
	enum err_code code = read_name(r, r->line + 4, r->strip, &f->from);
	if (code)
		return code;
	if (!next(r) || !starts(r, "+++ "))
		return wrong(r, _("'+++ NAME' is wanted behind '--- NAME'"));
	code = read_name(r, r->line + 4, r->strip, &f->to);
	if (code)
		return code;
	if (!f->from && !f->to)
		return wrong(r, _("both names are /dev/null"));
	code = read_hunks(r, f);
	return code ? code : f->contents ? ERR_OK : wrong(r, _("no hunk follows"));
}

/* "literal N" or "delta N", lines, an empty line; twice at most. Git checks what is in it. */
static enum err_code read_binary(struct reader *r, struct patch_file *f)
{
	f->binary = f->contents = true;
	while (next(r)) {
		if (!starts(r, "literal ") && !starts(r, "delta ")) {
			back(r);
			break;
		}
		while (next(r) && r->len > 0)
			if (r->len > 66)
				return wrong(r, _("that is no line of binary data"));
	}
	return ERR_OK;
}

static bool read_mode(const struct reader *r, const char *prefix, uint32_t *ret)
{
	if (!starts(r, prefix))
		return false;
	const char *p = r->line + strlen(prefix), *end = r->line + r->len;
	uint32_t v = 0;
	for (; p < end && *p >= '0' && *p <= '7' && v <= MODE_MAX; p++)
		v = v << 3 | (uint32_t)(*p - '0');
	*ret = p == end && v <= MODE_MAX ? v : UINT32_MAX;
	return true;
}

struct header {
	bool created, deleted;
	uint32_t mode; /* of "index A..B MODE" */
	char *name, *from, *to;
};

static void header_done(struct header *h)
{
	free(h->name);
	free(h->from);
	free(h->to);
}

/* True: the line belongs to the header, and *code says how it went. */
static bool read_extended(struct reader *r, struct patch_file *f, struct header *h, enum err_code *code)
{
	uint32_t mode;
	*code = ERR_OK;
	if (read_mode(r, "old mode ", &mode)) {
		f->old_mode = mode;
	} else if (read_mode(r, "new mode ", &mode)) {
		f->new_mode = mode;
	} else if (read_mode(r, "deleted file mode ", &mode)) {
		f->old_mode = mode;
		h->deleted = true;
	} else if (read_mode(r, "new file mode ", &mode)) {
		f->new_mode = mode;
		h->created = true;
	} else if (starts(r, "rename from ") || starts(r, "copy from ")) {
		f->renamed = starts(r, "rename");
		f->copied = !f->renamed;
		free(TAKE(h->from));
		*code = read_name(r, r->line + strlen(f->renamed ? "rename from " : "copy from "), MAX(r->strip - 1, 0), &h->from);
	} else if (starts(r, "rename to ") || starts(r, "copy to ")) {
		free(TAKE(h->to));
		*code = read_name(r, r->line + strlen(starts(r, "rename") ? "rename to " : "copy to "), MAX(r->strip - 1, 0), &h->to);
	} else if (starts(r, "index ")) {
		const char *blank = memchr(r->line + 6, ' ', r->len - 6);
		struct reader rest = *r;
		if (blank) {
			rest.line = blank + 1;
			rest.len = (size_t)(r->line + r->len - blank - 1);
			(void)read_mode(&rest, "", &h->mode);
		}
	} else if (!starts(r, "similarity index ") && !starts(r, "dissimilarity index ")) {
		return false;
	}
	if (!*code && (f->old_mode == UINT32_MAX || f->new_mode == UINT32_MAX || h->mode == UINT32_MAX))
		*code = wrong(r, _("the mode is not understood"));
	return true;
}

static enum err_code name_file(struct reader *r, struct patch_file *f, struct header *h)
{
	if (f->renamed || f->copied) {
		if (!h->from || !h->to)
			return wrong(r, _("a rename or copy wants both names"));
		f->from = TAKE(h->from);
		f->to = TAKE(h->to);
		return ERR_OK;
	}
	if (h->from || h->to)
		return wrong(r, _("a rename or copy wants both names"));
	if (h->created && h->deleted)
		return wrong(r, _("a file cannot be new and deleted"));
	if (h->mode && !h->created && !h->deleted && !f->old_mode)
		f->old_mode = f->new_mode = h->mode;
	if (!h->name)
		return ERR_OK; /* "---" and "+++" have to tell */
	enum err_code code = check_name(r, h->name, strlen(h->name));
	f->from = h->created || code ? NULL : xstrdup(h->name);
	f->to = h->deleted || code ? NULL : xstrdup(h->name);
	return code;
}

/* A file that is made or removed has one name; the other is /dev/null, which is no name. */
static enum err_code read_git_text(struct reader *r, struct patch_file *f, const struct header *h)
{
	struct patch_file seen = { .line = f->line };
	enum err_code code = read_text(r, &seen);
	bool named = f->from || f->to;
	const char *from = seen.from ? seen.from : "", *to = seen.to ? seen.to : "";
	if (!code && named && (!str_eq(from, f->from ? f->from : "") || !str_eq(to, f->to ? f->to : "")))
		code = wrong(r, _("the names '%s' and '%s' are not those of the header"), from, to);
	if (!code && !named && !h->created && !h->deleted && seen.from && seen.to && !str_eq(from, to))
		code = wrong(r, _("the names '%s' and '%s' differ; a rename wants its header lines"), from, to);
	if (!code && !named && (h->created != !seen.from || h->deleted != !seen.to))
		code = wrong(r, _("the names do not fit the header"));
	if (!named) {
		f->from = TAKE(seen.from);
		f->to = TAKE(seen.to);
	}
	f->added = seen.added;
	f->removed = seen.removed;
	f->contents = seen.contents;
	free(seen.from);
	free(seen.to);
	return code;
}

static enum err_code read_git(struct reader *r)
{
	enum err_code code = ERR_OK;
	CLEANUP(header_done) struct header h = { .name = common_name(r) };
	struct patch_file *f = add_file(r, &code);
	bool more = false;
	while (!code && (more = next(r)) && read_extended(r, f, &h, &code))
		;
	if (code || !f)
		return code;
	code = name_file(r, f, &h);
	if (code)
		return code;
	if (more && starts(r, "--- ")) {
		code = read_git_text(r, f, &h);
	} else if (more && starts(r, "GIT binary patch")) {
		code = read_binary(r, f);
	} else if (more && starts(r, "Binary files ")) {
		f->binary = true;
		return wrong(r, _("the diff says that binary files differ, but not how; git diff --binary does"));
	} else if (more) {
		back(r);
	}
	if (!code && !f->from && !f->to)
		return wrong(r, _("the name of the file cannot be told from its header"));
	bool mode = f->old_mode != f->new_mode;
	if (!code && !f->contents && !mode && !f->renamed && !f->copied)
		return wrong(r, _("nothing is changed in '%s'"), patch_path(f));
	return code;
}

static enum err_code read_plain(struct reader *r)
{
	enum err_code code = ERR_OK;
	struct patch_file *f = add_file(r, &code);
	if (!code && f)
		code = read_text(r, f);
	/* git takes the shorter of two names, which is not for certain what was meant */
	if (!code && f && f->from && f->to && !str_eq(f->from, f->to))
		code = wrong_at(r->err, f->line, _("the names '%s' and '%s' differ; a rename wants the header lines of git diff"),
				f->from, f->to);
	return code;
}

/* "--- A" begins a section only with "+++ B" and "@@" behind it; text before a diff may have such lines. */
static bool begins_plain(const struct reader *r)
{
	struct reader ahead = *r;
	return starts(r, "--- ") && next(&ahead) && starts(&ahead, "+++ ") && next(&ahead) && starts(&ahead, "@@ -");
}

enum err_code patch_read(const char *text, size_t len, int strip, struct patch *ret, struct err *err)
{
	struct reader r = { .at = text, .end = text + len, .strip = strip, .patch = ret, .err = err };
	enum err_code code = ERR_OK;
	*ret = (struct patch){ NULL, 0, 0, 0, 0 };
	if (len > PATCH_TEXT_MAX)
		return err_set(err, ERR_TOO_LARGE, _("the diff has %zu bytes; at most %zu are read"), len, PATCH_TEXT_MAX);
	while (!code && next(&r)) {
		if (starts(&r, "diff --git "))
			code = read_git(&r);
		else if (begins_plain(&r))
			code = read_plain(&r);
		else if (starts(&r, "@@ -"))
			code = wrong(&r, _("a hunk without the names of its file"));
	}
	if (!code && ret->n == 0)
		code = err_set(err, ERR_INVALID, _("that is no unified diff: there is no '--- NAME', '+++ NAME' and '@@'"));
	for (size_t i = 0; !code && i < ret->n; i++) {
		ret->added += ret->v[i].added;
		ret->removed += ret->v[i].removed;
	}
	return code;
}

/* ---- text around it ---- */

static bool is_fence(const char *line, size_t len, bool open)
{
	while (len && (line[len - 1] == '\r' || line[len - 1] == ' '))
		len--;
	if (len < 3 || memcmp(line, "```", 3) != 0)
		return false;
	for (size_t i = 3; i < len; i++)
		if (!open || line[i] == '`' || line[i] == ' ')
			return false;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void patch_unfence(const char *text, size_t len, const char **ret, size_t *ret_len)
{
	const char *from = text, *end = text + len;
	*ret = text;
	*ret_len = len;
	while (from < end && is_blank(*from))
		from++;
	while (end > from && is_blank(end[-1]))
		end--;
	const char *body = from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;
	const char *last = end;
	while (last > from && last[-1] != '\n')
		last--;
	if (!body || last <= body || !is_fence(from, (size_t)(body - from), true) || !is_fence(last, (size_t)(end - last), false))
		return;
	/* Another fence within: nobody can tell which is meant. A line of a diff never begins with ```. */
	for (const char *p = body + 1; p < last; p++) {
		if (last - p >= 3 && memcmp(p, "```", 3) == 0)
			return;
		p = memchr(p, '\n', (size_t)(last - p));
		if (!p)
			break;
	}
	*ret = body + 1;
	*ret_len = (size_t)(last - body - 1);
}
