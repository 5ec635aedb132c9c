/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parameters: their declarations in the file, and the values of a submission. */
#include "flow/keys.h"
#include "base/nearest.h"
#include "base/regex.h"

#include <math.h>
#include <string.h>

#define LIST_MAX 10000

/* ---- values ---- */

static enum err_code wrong(const struct graph_param *p, const char *wanted, struct err *err)
{
	return err_set(err, ERR_INVALID, _("parameter '%s' wants %s"), p->name, wanted);
}

static enum err_code check_text(const struct graph_param *p, const char *text, struct str *out,
				struct err *err)
{
	if (p->pattern) {
		auto_regex *re = NULL;
		auto_free char *whole = xasprintf("\\A(?:%s)\\z", p->pattern);
		size_t start, end;
		enum err_code code = regex_new(whole, 0, &re, err);
		if (code)
			return code;
		if (!regex_find(re, text, strlen(text), 0, &start, &end, NULL))
			return err_set(err, ERR_INVALID, _("parameter '%s' does not match its pattern %s"),
				       p->name, word_of(p->pattern).s);
	}
	json_add_quoted(out, text, strlen(text));
	return ERR_OK;
}

static enum err_code check_choice(const struct graph_param *p, const char *text, struct str *out,
				  struct err *err)
{
	auto_str list = STR_INIT;
	for (size_t i = 0; i < p->nchoices; i++) {
		if (str_eq(p->choices[i], text)) {
			json_add_quoted(out, text, strlen(text));
			return ERR_OK;
		}
		str_addf(&list, "%s%s", i ? ", " : "", word_of(p->choices[i]).s);
	}
	const char *near = nearest_word(text, (const char *const *)p->choices, p->nchoices);
	enum err_code code = err_set(err, ERR_INVALID, _("parameter '%s' wants one of: %s"), p->name,
				     str_text(&list));
	if (near)
		err_hint(err, _("did you mean '%s'?"), near);
	return code;
}

static enum err_code check_number(const struct graph_param *p, double n, struct str *out,
				  struct err *err)
{
	bool whole = !(n < floor(n)) && !(n > floor(n)) && fabs(n) <= 1e15;
	if (!isfinite(n) || (p->type == PARAM_INT && !whole))
		return wrong(p, p->type == PARAM_INT ? _("a whole number of at most 15 digits") : _("a number"),
			     err);
	struct jw w = jw_begin(out);
	jw_num(&w, NULL, n);
	return ERR_OK;
}

static enum err_code check_bool(const struct graph_param *p, const char *text, struct str *out,
				struct err *err)
{
	if (!str_eq(text, "true") && !str_eq(text, "false"))
		return wrong(p, _("true or false"), err);
	str_add(out, text);
	return ERR_OK;
}

/* A list from the command line: "a, b, c", or JSON when that is what it looks like. */
static enum err_code convert_list(const struct graph_param *p, const char *text, struct str *out,
				  struct err *err)
{
	text += strspn(text, " \t\r\n");
	if (*text == '[') {
		auto_json *v = NULL;
		if (json_parse(text, strlen(text), FLOW_MAX, &v, NULL) != ERR_OK)
			return wrong(p, _("a list: a,b,c or JSON such as [\"a\", \"b\"]"), err);
		return param_check(p, v, out, err);
	}
	size_t n = 0;
	str_add_char(out, '[');
	while (*text) {
		size_t len = strcspn(text, ","), used = len;
		while (used && strchr(" \t\r\n", text[used - 1]))
			used--;
		if (++n > LIST_MAX)
			return wrong(p, _("at most 10,000 elements"), err);
		str_add(out, n > 1 ? "," : "");
		json_add_quoted(out, text, used);
		text += len + (text[len] == ',');
		text += strspn(text, " \t\r\n");
	}
	str_add_char(out, ']');
	return ERR_OK;
}

static enum err_code number_of(const struct graph_param *p, const char *text, struct str *out,
			       struct err *err)
{
	auto_json *v = NULL;
	if (json_parse(text, strlen(text), 64, &v, NULL) != ERR_OK || json_type(v) != JSON_NUMBER)
		return wrong(p, p->type == PARAM_INT ? _("a whole number") : _("a number"), err);
	return check_number(p, json_num(v, 0), out, err);
}

static enum err_code param_convert(const struct graph_param *p, const char *text, struct str *out,
				   struct err *err)
{
	switch (p->type) {
	case PARAM_STRING:
		return check_text(p, text, out, err);
	case PARAM_ENUM:
		return check_choice(p, text, out, err);
	case PARAM_BOOL:
		return check_bool(p, text, out, err);
	case PARAM_INT:
	case PARAM_NUMBER:
		return number_of(p, text, out, err);
	case PARAM_LIST:
	case PARAM_TYPE_COUNT:
		break;
	}
	return convert_list(p, text, out, err);
}

static enum err_code check_list(const struct graph_param *p, const struct json *v, struct str *out,
				struct err *err)
{
	size_t n = 0;
	if (json_type(v) != JSON_ARRAY)
		return wrong(p, _("a list"), err);
	for (const struct json *e = json_first(v); e; e = json_next(e))
		if (json_type(e) == JSON_ARRAY || json_type(e) == JSON_OBJECT || ++n > LIST_MAX)
			return wrong(p, _("a list of at most 10,000 plain values"), err);
	json_add(out, v);
	return ERR_OK;
}

enum err_code param_check(const struct graph_param *p, const struct json *v, struct str *out,
			  struct err *err)
{
	enum json_type type = json_type(v);
	if (type == JSON_STRING)
		return param_convert(p, json_str(v, ""), out, err);
	if (p->type == PARAM_LIST)
		return check_list(p, v, out, err);
	if ((p->type == PARAM_INT || p->type == PARAM_NUMBER) && type == JSON_NUMBER)
		return check_number(p, json_num(v, 0), out, err);
	auto_str text = STR_INIT;
	if (type == JSON_NUMBER || type == JSON_BOOL)
		json_add(&text, v);
	if (p->type == PARAM_BOOL && type == JSON_BOOL)
		return check_bool(p, str_text(&text), out, err);
	if ((p->type == PARAM_STRING || p->type == PARAM_ENUM) && text.len)
		return param_convert(p, str_text(&text), out, err);
	/* clang-format off */
	static const char *const wanted[] = {
		[PARAM_STRING] = N_("a text"), [PARAM_INT] = N_("a whole number"), [PARAM_NUMBER] = N_("a number"),
		[PARAM_BOOL] = N_("true or false"), [PARAM_ENUM] = N_("one of its words"), [PARAM_LIST] = N_("a list"),
	};
	/* clang-format on */
	return wrong(p, _(wanted[p->type]), err);
}

/* ---- a submission ---- */

/* Several mistakes in one message, as far as it holds them. */
static void join_mistake(struct str *all, const struct err *err)
{
	if (all->len)
		str_add(all, "; ");
	str_add(all, err->message);
	if (err->hint[0])
		str_addf(all, " (%s)", err->hint);
}

static void check_known(const struct graph *g, const struct json *given, struct str *mistakes)
{
	for (const struct json *e = given ? json_first(given) : NULL; e; e = json_next(e)) {
		struct nearest near = { .word = json_key(e) };
		bool known = false;
		for (size_t i = 0; i < g->nparams && !known; i++) {
			known = str_eq(g->params[i].name, json_key(e));
			nearest_try(&near, g->params[i].name);
		}
		if (known)
			continue;
		struct err err = { 0 };
		if (near.best)
			err_note(&err, ERR_INVALID, _("%s has no parameter '%s'; did you mean '%s'?"), g->name,
				 word_of(json_key(e)).s, near.best);
		else
			err_note(&err, ERR_INVALID, _("%s has no parameter '%s'"), g->name,
				 word_of(json_key(e)).s);
		join_mistake(mistakes, &err);
	}
}

enum err_code flow_params(const struct graph *g, const struct json *given, char **ret,
			  struct err *err)
{
	auto_str out = STR_INIT, mistakes = STR_INIT;
	if (given && json_type(given) != JSON_OBJECT)
		return err_set(err, ERR_INVALID, _("parameters are given as an object of names and values"));
	check_known(g, given, &mistakes);
	struct jw w = jw_begin(&out);
	jw_obj(&w, NULL);
	for (size_t i = 0; i < g->nparams; i++) {
		const struct graph_param *p = &g->params[i];
		const struct json *v = given ? json_get(given, p->name) : NULL;
		auto_str value = STR_INIT;
		struct err e = { 0 };
		enum err_code code = ERR_OK;
		if (v && json_type(v) != JSON_NULL)
			code = param_check(p, v, &value, &e);
		else if (p->required)
			code = err_set(&e, ERR_INVALID, _("parameter '%s' is required%s%s"), p->name,
				       p->help ? ": " : "", p->help ? word_of(p->help).s : "");
		else
			str_add(&value, p->default_json ? p->default_json : "null");
		if (code)
			join_mistake(&mistakes, &e);
		else
			jw_raw(&w, p->name, str_text(&value));
	}
	jw_end_obj(&w);
	if (mistakes.len)
		return err_set(err, ERR_INVALID, "%s", str_text(&mistakes));
	*ret = str_take(&out);
	return ERR_OK;
}

/* ---- declarations ---- */

KEY(param_type)
{
	const char *words[PARAM_TYPE_COUNT];
	for (int i = 0; i < PARAM_TYPE_COUNT; i++)
		words[i] = param_type_name((enum param_type)i);
	int which = load_word(l, v, words, COUNT(words));
	if (which >= 0)
		((struct graph_param *)target)->type = (enum param_type)which;
}

KEY(param_enum)
{
	struct graph_param *p = target;
	if (v->kind != TREE_LIST || !v->n) {
		issue(l, v, _("a list of the words that may be given is wanted here, such as [unit, all]"));
		return;
	}
	p->choices = load_texts(l, v, ENTRIES_MAX, &p->nchoices);
	p->type = PARAM_ENUM;
	for (size_t i = 0; i < p->nchoices; i++)
		for (size_t j = 0; j < i; j++)
			if (str_eq(p->choices[i], p->choices[j]))
				issue(l, v, _("'%s' is named twice; once is enough"), word_of(p->choices[i]).s);
}

KEY(param_required)
{
	load_bool(l, v, &((struct graph_param *)target)->required);
}

KEY(param_secret)
{
	load_bool(l, v, &((struct graph_param *)target)->secret);
}

KEY(param_pattern)
{
	struct graph_param *p = target;
	struct err err = { 0 };
	auto_regex *re = NULL;
	const char *text = load_scalar(l, v);
	if (!text)
		return;
	if (p->type != PARAM_STRING)
		issue_key(l, v, _("a pattern belongs to type: string"));
	else if (regex_new(text, 0, &re, &err) != ERR_OK)
		issue(l, v, "%s", err.message);
	else
		p->pattern = xstrdup(text);
}

KEY(param_help)
{
	((struct graph_param *)target)->help = load_text(l, v);
}

KEY(param_default)
{
	struct graph_param *p = target;
	auto_str json = STR_INIT, out = STR_INIT;
	auto_json *value = NULL;
	struct err err = { 0 };
	if (p->required)
		issue_key(l, v, _("a required parameter never uses its default; remove one of the two"));
	if (p->secret)
		issue_key(l, v, _("a secret has no default: this file is no safe place for it"));
	if (v->kind == TREE_NULL)
		return;
	if (v->kind == TREE_TEXT && strstr(v->text, "${{")) {
		issue(l, v, _("a default is a value itself; there is no ${{ }} here"));
		return;
	}
	/* Texts keep their spelling: 1.10 is a text when the type is. */
	bool as_written = p->type == PARAM_STRING || p->type == PARAM_ENUM;
	enum err_code code = ERR_OK;
	if (as_written && v->kind != TREE_LIST && v->kind != TREE_MAP) {
		code = param_convert(p, v->text, &out, &err);
	} else {
		tree_add_json(&json, v);
		code = json_parse(str_text(&json), json.len, FLOW_MAX, &value, &err);
		if (!code)
			code = param_check(p, value, &out, &err);
	}
	if (code)
		issue(l, v, _("the default does not fit: %s%s%s"), err.message, err.hint[0] ? "; " : "",
		      err.hint);
	else
		p->default_json = str_take(&out);
}

/* The variable of a parameter: upper case, other characters become _. */
static char *variable_of(const char *name)
{
	char *s = xasprintf("PARAM_%s", name);
	for (char *p = s; *p; p++)
		*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p == '.' || *p == '-' ? '_' : *p);
	return s;
}

static void load_param(struct load *l, const struct tree *m, struct smap *variables)
{
	struct graph_param *p = &l->g->params[l->g->nparams];
	auto_free char *variable = variable_of(m->key);
	const struct tree *other = smap_get(variables, variable);
	if (!load_name(l, m, m->key, true))
		return;
	if (other)
		issue_key(l, m, _("'%s' and '%s' would both be %s in the environment; rename one"), m->key,
			  other->key, variable);
	else
		smap_put(variables, variable, (void *)(uintptr_t)m);
	p->name = xstrdup(m->key);
	l->g->nparams++;
	const struct tree *type = tree_get(m, "type"), *choices = tree_get(m, "enum");
	load_map(l, m, &flow_param_keys, p);
	if (type && choices && type->kind == TREE_TEXT && !str_eq(type->text, "enum"))
		issue(l, type, _("a parameter with enum: is of type enum; remove the type"));
	else if (p->type == PARAM_ENUM && !choices)
		issue(l, m, _("which words may be given? write enum: [unit, all]"));
}

void load_params(struct load *l, const struct tree *v)
{
	struct smap variables = SMAP_INIT;
	if (!wants_small_map(l, v))
		return;
	l->g->params = xcalloc(v->n, sizeof(*l->g->params));
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		load_param(l, m, &variables);
		path_pop(l, before);
	}
	smap_done(&variables);
}
