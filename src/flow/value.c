/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: plain values. */
#include "flow/load.h"
#include "base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is_scalar(const struct tree *v)
{
	return v->kind != TREE_LIST && v->kind != TREE_MAP && v->kind != TREE_NULL;
}

bool wants_map(struct load *l, const struct tree *v)
{
	if (v->kind == TREE_MAP)
		return true;
	issue(l, v, _("a map of keys and values is wanted here, this is %s"), tree_kind_name(v));
	return false;
}

bool wants_small_map(struct load *l, const struct tree *v)
{
	if (!wants_map(l, v))
		return false;
	if (v->n <= ENTRIES_MAX)
		return true;
	issue(l, v, _("more than %d entries"), ENTRIES_MAX);
	return false;
}

const char *load_scalar(struct load *l, const struct tree *v)
{
	if (is_scalar(v))
		return v->text;
	issue(l, v, _("a text is wanted here, this is %s"), tree_kind_name(v));
	return NULL;
}

char *load_text(struct load *l, const struct tree *v)
{
	const char *text = load_scalar(l, v);
	if (text && v->len <= TEXT_MAX)
		return xstrdup(text);
	if (text)
		issue(l, v, _("longer than %d bytes"), TEXT_MAX);
	return NULL;
}

static bool name_is_good(const char *s)
{
	size_t n = strlen(s);
	bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || *s == '_';
	return letter && n <= NAME_MAX_LEN &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

bool load_name(struct load *l, const struct tree *v, const char *name, bool is_key)
{
	if (name_is_good(name))
		return true;
	issue_at(l, is_key ? v->key_line : v->line, is_key ? v->key_column : v->column,
		 _("'%s' is no name; a name begins with a letter or _, goes on with letters, digits, "
		   "_, - and ., and has at most %d characters"),
		 word_of(name).s, NAME_MAX_LEN);
	return false;
}

bool load_variable_name(struct load *l, const struct tree *m)
{
	const char *name = m->key;
	if (!name_is_good(name) || strpbrk(name, ".-")) {
		issue_key(l, m, _("'%s' is no name of a variable; it begins with a letter or _ and goes on "
				  "with letters, digits and _"), word_of(name).s);
		return false;
	}
	if (str_starts(name, "PAWL_") || str_starts(name, "PARAM_")) {
		issue_key(l, m, _("names that begin with PAWL_ or PARAM_ are set by pawl; choose another"));
		return false;
	}
	return true;
}

bool load_int(struct load *l, const struct tree *v, int64_t min, int64_t max, int64_t *ret)
{
	auto_str json = STR_INIT;
	if ((v->kind == TREE_INT || v->kind == TREE_FLOAT) && v->len <= 18)
		tree_add_json(&json, v); /* 4.0 is whole, as it is in JSON; 0x10 is 16 */
	char *end = NULL;
	int64_t n = json.len ? strtoll(str_text(&json), &end, 10) : 0;
	if (end && !*end && n >= min && n <= max) {
		*ret = n;
		return true;
	}
	if (is_scalar(v))
		issue(l, v, _("'%s' is not a whole number from %" PRId64 " to %" PRId64), word_of(v->text).s,
		      min, max);
	else
		issue(l, v, _("a whole number from %" PRId64 " to %" PRId64 " is wanted here, this is %s"),
		      min, max, tree_kind_name(v));
	return false;
}

bool load_number(struct load *l, const struct tree *v, double min, double max, double *ret)
{
	if (v->kind == TREE_INT || v->kind == TREE_FLOAT) {
		double n = strtod(v->text, NULL);
		if (n >= min && n <= max) {
			*ret = n;
			return true;
		}
	}
	issue(l, v, _("a number from %g to %g is wanted here"), min, max);
	return false;
}

bool load_bool(struct load *l, const struct tree *v, bool *ret)
{
	if (v->kind == TREE_BOOL) {
		*ret = (v->text[0] | 32) == 't';
		return true;
	}
	if (is_scalar(v))
		issue(l, v, _("'%s' is neither true nor false; write one of the two, without quotes"),
		      word_of(v->text).s);
	else
		issue(l, v, _("true or false is wanted here, this is %s"), tree_kind_name(v));
	return false;
}

bool load_duration(struct load *l, const struct tree *v, int64_t *ret_ms)
{
	auto_str json = STR_INIT;
	const char *text = v->text;
	if (v->kind == TREE_INT) {
		tree_add_json(&json, v);
		text = str_text(&json);
	}
	if ((v->kind == TREE_INT || v->kind == TREE_TEXT) && duration_parse(text, ret_ms, NULL) == ERR_OK)
		return true;
	if (is_scalar(v))
		issue(l, v, _("'%s' is not a time; write it as 90s, 30m, 1h30m, 2d or 250ms, at most 366d"),
		      word_of(v->text).s);
	else
		issue(l, v, _("a time such as 90s or 30m is wanted here, this is %s"), tree_kind_name(v));
	return false;
}

bool load_size(struct load *l, const struct tree *v, int64_t *ret_bytes)
{
	/* clang-format off */
	static const struct { const char *unit; double bytes; } units[] = {
		{ "", 1 }, { "B", 1 }, { "K", 0x1p10 }, { "M", 0x1p20 }, { "G", 0x1p30 }, { "T", 0x1p40 },
		{ "KiB", 0x1p10 }, { "MiB", 0x1p20 }, { "GiB", 0x1p30 }, { "TiB", 0x1p40 },
		{ "kB", 1e3 }, { "KB", 1e3 }, { "MB", 1e6 }, { "GB", 1e9 }, { "TB", 1e12 },
	};
	/* clang-format on */
	if (is_scalar(v) && v->text[0] >= '0' && v->text[0] <= '9' && v->len < 32) {
		char *end = NULL;
		size_t digits = strspn(v->text, "0123456789.");
		double n = strtod(v->text, &end);
		const char *unit = end + strspn(end, " ");
		for (size_t i = 0; i < COUNT(units) && end == v->text + digits; i++)
			if (str_eq(units[i].unit, unit) && n * units[i].bytes >= 1 &&
			    n * units[i].bytes <= 0x1p50) {
				*ret_bytes = (int64_t)(n * units[i].bytes);
				return true;
			}
	}
	issue(l, v, _("a size is wanted here: a number of bytes, or one with a unit such as 512MiB or 2GB"));
	return false;
}

static const char *word_at(const void *ctx, size_t i)
{
	return ((const char *const *)ctx)[i];
}

struct suggestion suggest_of(struct load *l, const char *word, const char *const *names, size_t n)
{
	return suggest(l, word, word_at, names, n);
}

int load_word(struct load *l, const struct tree *v, const char *const *words, size_t n)
{
	const char *text = is_scalar(v) ? v->text : "";
	for (size_t i = 0; i < n; i++)
		if (str_eq(words[i], text))
			return (int)i;
	auto_str list = STR_INIT;
	for (size_t i = 0; i < n; i++)
		str_addf(&list, "%s%s", i ? ", " : "", words[i]);
	if (is_scalar(v))
		issue(l, v, _("'%s' is not one of: %s%s"), word_of(text).s, str_text(&list),
		      suggest_of(l, text, words, n).s);
	else
		issue(l, v, _("one of these words is wanted here: %s"), str_text(&list));
	return -1;
}

char **load_texts(struct load *l, const struct tree *v, size_t max, size_t *ret_n)
{
	size_t cap = v->kind == TREE_LIST ? v->n : 1, n = 0, i = 0;
	char **texts = xcalloc(MIN(cap, max) + 1, sizeof(*texts));
	if (v->kind != TREE_LIST) {
		if (load_scalar(l, v))
			texts[n++] = xstrdup(v->text);
	} else if (cap > max) {
		issue(l, v, _("more than %zu elements"), max);
	} else {
		for (const struct tree *e = v->first; e; e = e->next) {
			size_t before = path_push_index(l, i++);
			if (load_scalar(l, e))
				texts[n++] = xstrdup(e->text);
			path_pop(l, before);
		}
	}
	*ret_n = n;
	return texts;
}

/* ---- with expressions ---- */

struct tmpl *load_tmpl(struct load *l, const struct tree *v, unsigned int names)
{
	struct tmpl *t = NULL;
	struct err err;
	size_t at;
	const char *text = v->kind == TREE_NULL ? "" : load_scalar(l, v);
	if (!text)
		return NULL;
	if (tmpl_new(text, strlen(text), &t, &at, &err) != ERR_OK) {
		int line, column;
		place_in(l, v, at, &line, &column);
		issue_at(l, line, column, "%s", err.message);
		return NULL;
	}
	check_tmpl(l, v, t, names);
	return t;
}

static struct tmpl *load_items(struct load *l, const struct tree *v, unsigned int names)
{
	struct tmpl **items = xcalloc(v->n, sizeof(*items));
	char **keys = v->kind == TREE_MAP ? xcalloc(v->n, sizeof(*keys)) : NULL;
	size_t i = 0;
	for (const struct tree *e = v->first; e; e = e->next, i++) {
		size_t before = keys ? path_push(l, e->key) : path_push_index(l, i);
		items[i] = load_value(l, e, names);
		if (!items[i])
			items[i] = tmpl_const("null");
		if (keys)
			keys[i] = xstrdup(e->key);
		path_pop(l, before);
	}
	return keys ? tmpl_map(keys, items, i) : tmpl_list(items, i);
}

struct tmpl *load_value(struct load *l, const struct tree *v, unsigned int names)
{
	if (v->kind == TREE_TEXT)
		return load_tmpl(l, v, names);
	if (v->kind == TREE_LIST || v->kind == TREE_MAP)
		return load_items(l, v, names);
	if (v->kind == TREE_INT && v->len > 15 && fabs(strtod(v->text, NULL)) > 1e15)
		issue(l, v, _("a number of more than 15 digits loses some of them; quote it"));
	auto_str json = STR_INIT;
	tree_add_json(&json, v);
	return tmpl_const(str_text(&json));
}

/* Whether the text is one expression and nothing else. */
static bool is_expression(const char *text)
{
	size_t n = strlen(text);
	const char *close = strstr(text, "}}");
	return n >= 5 && str_starts(text, "${{") && close && str_eq(text + n - 2, "}}");
}

struct tmpl *load_list(struct load *l, const struct tree *v, unsigned int names)
{
	if (v->kind == TREE_LIST && v->n == 0) {
		issue(l, v, _("the list is empty: there is nothing to do; give it an element"));
		return NULL;
	}
	if (v->kind == TREE_LIST || (v->kind == TREE_TEXT && is_expression(v->text)))
		return load_value(l, v, names);
	issue(l, v, _("a list, or one ${{ }} that gives a list, is wanted here"));
	return NULL;
}

struct expr *load_condition(struct load *l, const struct tree *v, unsigned int names)
{
	const char *text = load_scalar(l, v);
	if (!text)
		return NULL;
	size_t len = v->len, shift = 0, at;
	if (is_expression(text)) {
		shift = 3;
		len -= 5;
	}
	struct expr *e = NULL;
	struct err err;
	if (expr_new(text + shift, len, &e, &at, &err) != ERR_OK) {
		int line, column;
		place_in(l, v, at + shift, &line, &column);
		issue_at(l, line, column, "%s", err.message);
		return NULL;
	}
	check_expr(l, v, e, names, shift);
	return e;
}

void load_env(struct load *l, const struct tree *v, unsigned int names, struct graph_env **env,
	      size_t *nenv)
{
	if (!wants_small_map(l, v))
		return;
	*env = xreallocarray(*env, *nenv + v->n, sizeof(**env));
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		if (load_variable_name(l, m)) {
			struct tmpl *value = load_tmpl(l, m, names);
			if (value)
				(*env)[(*nenv)++] = (struct graph_env){ xstrdup(m->key), value };
		}
		path_pop(l, before);
	}
}
