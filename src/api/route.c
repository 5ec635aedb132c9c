/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Matching of a request against the table. */
#include "api/route.h"

#include "base/str.h"
#include "flow/flow.h"

#include <string.h>

/* Does the pattern fit the segments? Fills the values of its {…}. */
static bool fits(const char *pattern, const struct target *t, const char *args[ROUTE_ARGS_MAX])
{
	size_t nargs = 0;
	const char *p = pattern;
	for (size_t i = 0; i < t->nsegments; i++) {
		if (*p != '/')
			return false;
		size_t len = strcspn(++p, "/");
		const char *segment = t->segments[i];
		if (*p == '{') {
			if (!*segment || nargs == ROUTE_ARGS_MAX)
				return false;
			args[nargs++] = segment;
		} else if (strncmp(p, segment, len) || segment[len]) {
			return false;
		}
		p += len;
	}
	return *p == '\0';
}

/* The pattern with the {…} replaced by what the request has in their place, for comparing. */
static char *filled(const char *pattern, const struct target *t)
{
	auto_str s = STR_INIT;
	const char *p = pattern;
	for (size_t i = 0; *p == '/'; i++) {
		size_t len = strcspn(++p, "/");
		str_add_char(&s, '/');
		if (*p == '{' && i < t->nsegments)
			str_add(&s, t->segments[i]);
		else
			str_add_len(&s, p, len);
		p += len;
	}
	return str_take(&s);
}

static void suggest(const struct target *t, struct err *err)
{
	const char **names = xcalloc(nroutes, sizeof(*names));
	for (size_t i = 0; i < nroutes; i++)
		names[i] = filled(routes[i].pattern, t);
	const char *near = flow_nearest(t->path, names, nroutes);
	if (near)
		err_hint(err, _("did you mean %.200s?"), near);
	else
		err_hint(err, _("the routes are listed in doc/API and in openapi.json"));
	for (size_t i = 0; i < nroutes; i++)
		free((char *)(uintptr_t)names[i]);
	free(names);
}

enum err_code route_find(const char *method, const struct target *t, const struct route **ret,
                         const char *args[ROUTE_ARGS_MAX], char **ret_allow, struct err *err)
{
	bool head = str_eq(method, "HEAD");
	auto_str allow = STR_INIT;
	for (size_t i = 0; i < nroutes; i++) {
		const struct route *r = &routes[i];
		if (!fits(r->pattern, t, args))
			continue;
		if (str_eq(r->method, head ? "GET" : method)) {
			*ret = r;
			return ERR_OK;
		}
		str_addf(&allow, "%s%s", allow.len ? ", " : "", r->method);
		if (str_eq(r->method, "GET"))
			str_add(&allow, ", HEAD");
	}
	if (allow.len) {
		err_note(err, ERR_USAGE, _("%.16s is not possible for %.200s"), method, t->path);
		err_hint(err, _("possible: %s"), str_text(&allow));
		*ret_allow = str_take(&allow);
		return ERR_USAGE;
	}
	err_note(err, ERR_NOT_FOUND, _("there is no route %.200s"), t->path);
	suggest(t, err);
	return ERR_NOT_FOUND;
}

bool route_allows(const char *names, const char *word)
{
	size_t len = strlen(word);
	for (const char *p = names; p && *p && len;) {
		size_t n = strcspn(p, " ");
		if (n == len && !strncmp(p, word, n))
			return true;
		p += n + (p[n] == ' ');
	}
	return false;
}

enum err_code route_check_word(const char *names, const char *word, const char *what,
                               struct err *err)
{
	if (route_allows(names, word))
		return ERR_OK;
	err_note(err, ERR_USAGE, _("unknown %s %.64s"), what, word);
	if (!names) {
		err_hint(err, _("this request takes none"));
		return ERR_USAGE;
	}
	auto_free char *copy = xstrdup(names);
	const char *v[32];
	size_t n = 0;
	char *rest = copy, *name;
	while (n < COUNT(v) && (name = strsep(&rest, " ")))
		v[n++] = name;
	const char *near = flow_nearest(word, v, n);
	if (near)
		err_hint(err, _("did you mean %s? possible: %s"), near, names);
	else
		err_hint(err, _("possible: %s"), names);
	return ERR_USAGE;
}
