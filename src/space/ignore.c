/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "space/ignore.h"

#include <ctype.h>
#include <string.h>

/* Matching as git does it (wildmatch, after Rich Salz's wildmat): byte by byte, whatever the locale.
 * The two GIVE_UP results keep a pattern of many stars from taking exponential time. */
enum match { MATCH, NO_MATCH, GIVE_UP, GIVE_UP_TO_STARSTAR };

static bool in_class(const char *name, size_t len, unsigned char c)
{
	static const struct {
		const char *name;
		int (*is)(int);
	} classes[] = {
		{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank }, { "cntrl", iscntrl },
		{ "digit", isdigit }, { "graph", isgraph }, { "lower", islower }, { "print", isprint },
		{ "punct", ispunct }, { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
	};
	for (size_t i = 0; i < COUNT(classes); i++)
		if (strlen(classes[i].name) == len && strncmp(classes[i].name, name, len) == 0)
			return c < 128 && classes[i].is(c);
	return false;
}

/* *at stands on '['; on return on the closing ']'. */
static enum match match_set(const char **at, unsigned char c, bool path)
{
	const char *p = *at + 1;
	bool negated = *p == '!' || *p == '^', found = false;
	if (negated)
		p++;
	unsigned char last = 0;
	do {
		unsigned char want = (unsigned char)*p;
		if (!want)
			return GIVE_UP;
		if (want == '\\') {
			want = (unsigned char)*++p;
			if (!want)
				return GIVE_UP;
			found |= c == want;
		} else if (want == '-' && last && p[1] && p[1] != ']') {
			want = (unsigned char)*++p;
			if (want == '\\')
				want = (unsigned char)*++p;
			if (!want)
				return GIVE_UP;
			found |= c >= last && c <= want;
			want = 0;
		} else if (want == '[' && p[1] == ':') {
			const char *name = p + 2, *end = strchr(name, ']');
			if (!end)
				return GIVE_UP;
			if (end > name && end[-1] == ':') {
				found |= in_class(name, (size_t)(end - name) - 1, c);
				p = end;
				want = 0;
			} else {
				found |= c == '[';
			}
		} else {
			found |= c == want;
		}
		last = want;
		p++;
	} while (*p != ']');
	*at = p;
	return found == negated || (path && c == '/') ? NO_MATCH : MATCH;
}

static enum match match(const char *pattern, const char *text, bool path);

/* `p` stands on a '*'. */
static enum match match_star(const char *pattern, const char *p, const char *text, bool path)
{
	bool slash_too = !path;
	const char *star = p++;
	if (*p == '*') {
		while (*p == '*')
			p++;
		bool bounded = (star == pattern || star[-1] == '/') &&
			       (!*p || *p == '/' || (p[0] == '\\' && p[1] == '/'));
		if (path && bounded) {
			if (*p == '/' && match(p + 1, text, path) == MATCH)
				return MATCH; /* "**" stands for no folder at all */
			slash_too = true;
		}
	}
	if (!*p)
		return slash_too || !strchr(text, '/') ? MATCH : NO_MATCH;
	for (;; text++) {
		enum match got = match(p, text, path);
		if (got != NO_MATCH) {
			if (!slash_too || got != GIVE_UP_TO_STARSTAR)
				return got;
		} else if (!slash_too && *text == '/') {
			return GIVE_UP_TO_STARSTAR;
		}
		if (!*text)
			return GIVE_UP;
	}
}

static enum match match(const char *pattern, const char *text, bool path)
{
	for (const char *p = pattern; *p; p++, text++) {
		if (*p == '*')
			return match_star(pattern, p, text, path);
		if (!*text)
			return GIVE_UP;
		if (*p == '?') {
			if (path && *text == '/')
				return NO_MATCH;
		} else if (*p == '[') {
			enum match got = match_set(&p, (unsigned char)*text, path);
			if (got != MATCH)
				return got;
		} else {
			if (*p == '\\')
				p++;
			if (*p != *text)
				return NO_MATCH;
		}
	}
	return *text ? NO_MATCH : MATCH;
}

bool ignore_glob(const char *pattern, const char *text, bool path)
{
	return match(pattern, text, path) == MATCH;
}

/* Spaces at the end do not count unless quoted. */
static void trim(char *line)
{
	char *spaces = NULL;
	for (char *p = line; *p; p++) {
		if (*p == ' ') {
			if (!spaces)
				spaces = p;
			continue;
		}
		spaces = NULL;
		if (*p == '\\' && !*++p)
			return;
	}
	if (spaces)
		*spaces = '\0';
}

static void add_rule(struct ignore *ignore, char *line)
{
	struct ignore_rule rule = { line, false, false, false };
	if (line[0] == '#' || !line[0])
		return;
	trim(line);
	if (*line == '!') {
		rule.negated = true;
		line++;
	}
	size_t len = strlen(line);
	if (len && line[len - 1] == '/') {
		rule.folder_only = true;
		line[len - 1] = '\0';
	}
	rule.anchored = strchr(line, '/') != NULL;
	rule.pattern = *line == '/' ? line + 1 : line;
	GROW(ignore->rules, ignore->n, ignore->cap);
	ignore->rules[ignore->n++] = rule;
}

void ignore_init(struct ignore *ignore, const char *text, size_t len, size_t base_len,
		 const struct ignore *parent)
{
	*ignore = (struct ignore){ .base_len = base_len, .parent = parent };
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	ignore->text = xstrndup(text, len);
	for (char *line = ignore->text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next) {
			if (next > line && next[-1] == '\r')
				next[-1] = '\0';
			*next++ = '\0';
		}
		add_rule(ignore, line);
	}
}

void ignore_done(struct ignore *ignore)
{
	free(ignore->text);
	free(ignore->rules);
	*ignore = (struct ignore){ 0 };
}

bool ignore_matches(const struct ignore *ignore, const char *path, bool is_folder)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	for (; ignore; ignore = ignore->parent) {
		for (size_t i = ignore->n; i-- > 0;) {
			const struct ignore_rule *rule = &ignore->rules[i];
			if (rule->folder_only && !is_folder)
				continue;
			if (rule->anchored ? ignore_glob(rule->pattern, path + ignore->base_len, true) :
					     ignore_glob(rule->pattern, name, false))
				return !rule->negated;
		}
	}
	return false;
}
