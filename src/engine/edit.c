/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Editing between steps: parameters, environment, outputs of a node, or the definition, of a run that stands still.
 * What was is in the event and, of definitions, stored by its hash. */
#include "engine/engine_internal.h"
#include "store/steer.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define VALUES_MAX (1 * MIB)
#define SOURCE_MAX (1 * MIB)

/* ---- a node's lines ---- */

static size_t indent_of(const char *line)
{
	return strspn(line, " ");
}

static const char *next_line(const char *p)
{
	p += strcspn(p, "\n");
	return p + (*p == '\n');
}

static bool begins_with_key(const char *line, const char *name)
{
	line += indent_of(line);
	char quote = *line == '"' || *line == '\'' ? *line++ : '\0';
	size_t len = strlen(name);
	if (strncmp(line, name, len))
		return false;
	line += len;
	if (quote && *line++ != quote)
		return false;
	return *line == ':';
}

bool flow_node_lines(const char *source, const char *node, int line, size_t *ret_from, size_t *ret_to)
{
	const char *p = source;
	for (int i = 1; i < line && *p; i++)
		p = next_line(p);
	if (!begins_with_key(p, node))
		return false;
	size_t indent = indent_of(p);
	*ret_from = (size_t)(p - source);
	/* Up to the next line that is not deeper; blank lines and comments before it are not the node's. */
	p = next_line(p);
	const char *end = p;
	while (*p) {
		size_t depth = indent_of(p);
		bool blank = p[depth] == '\n' || !p[depth];
		if (!blank && p[depth] != '#' && depth <= indent)
			break;
		p = next_line(p);
		if (!blank && depth > indent)
			end = p;
	}
	*ret_to = (size_t)(end - source);
	return true;
}

/* ---- what is changed ---- */

struct edit {
	struct engine *e;
	struct run *r;
	const struct edit_spec *spec;
	struct definition *d; /* the new one; NULL: it stays */
	char *params, *env;   /* the new texts; NULL: they stay */
	struct str data;      /* of the event */
	struct jw w;
};

static bool is_secret_param(const struct graph *g, const char *name)
{
	for (size_t i = 0; i < g->nparams; i++)
		if (str_eq(g->params[i].name, name))
			return g->params[i].secret;
	return false;
}

/* Variables are not declared: their names are all that is known. */
static bool looks_secret(const char *name)
{
	static const char *const words[] = { "SECRET", "TOKEN", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL", "AUTH" };
	for (size_t i = 0; i < COUNT(words); i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}

static void note_change(struct edit *x, const char *name, const struct json *was, const struct json *now, bool hide)
{
	auto_str a = STR_INIT, b = STR_INIT;
	json_add(&a, was);
	json_add(&b, now);
	jw_obj(&x->w, name);
	jw_raw(&x->w, "was", hide ? "\"***\"" : was ? str_text(&a) : "null");
	jw_raw(&x->w, "now", hide ? "\"***\"" : now ? str_text(&b) : "null");
	jw_end_obj(&x->w);
}

/* `old` with the members of `given` in their place; null takes one away. */
static char *merged(const struct json *old, const struct json *given)
{
	auto_str s = STR_INIT;
	struct jw w = jw_begin(&s);
	jw_obj(&w, NULL);
	for (int round = 0; round < 2; round++)
		for (const struct json *i = json_first(round ? given : old); i; i = json_next(i)) {
			auto_str value = STR_INIT;
			if ((!round && json_get(given, json_key(i))) || (round && json_type(i) == JSON_NULL))
				continue;
			json_add(&value, i);
			jw_raw(&w, json_key(i), str_text(&value));
		}
	jw_end_obj(&w);
	return str_take(&s);
}

static enum err_code take_params(struct edit *x, struct err *err)
{
	const struct graph *g = x->d ? x->d->graph : x->r->graph;
	const struct json *given = x->spec->params;
	if (!given && !x->d)
		return ERR_OK;
	if (given && json_type(given) != JSON_OBJECT)
		return err_set(err, ERR_USAGE, _("params: expected an object"));
	auto_free char *text = merged(x->r->params, given);
	auto_json *all = NULL;
	enum err_code code = json_parse(text, strlen(text), 4 * MIB, &all, err);
	if (!code)
		code = flow_params(g, all, &x->params, err);
	if (code || !given)
		return code;
	auto_json *now = NULL;
	code = json_parse(x->params, strlen(x->params), 4 * MIB, &now, err);
	jw_obj(&x->w, "params");
	for (const struct json *i = json_first(given); i; i = json_next(i))
		note_change(x, json_key(i), json_get(x->r->params, json_key(i)), json_get(now, json_key(i)),
			    is_secret_param(g, json_key(i)));
	jw_end_obj(&x->w);
	return code;
}

static enum err_code take_env(struct edit *x, struct err *err)
{
	const struct json *given = x->spec->env;
	if (!given)
		return ERR_OK;
	if (json_type(given) != JSON_OBJECT)
		return err_set(err, ERR_USAGE, _("env: expected an object of texts"));
	enum err_code code = check_env(given, true, err);
	if (code)
		return code;
	jw_obj(&x->w, "env");
	for (const struct json *i = json_first(given); i; i = json_next(i))
		note_change(x, json_key(i), json_get(x->r->env, json_key(i)), i, looks_secret(json_key(i)));
	jw_end_obj(&x->w);
	x->env = merged(x->r->env, given);
	return strlen(x->env) > VALUES_MAX ? err_set(err, ERR_TOO_LARGE, _("the environment has more than %d bytes"), VALUES_MAX) :
					     ERR_OK;
}

static enum err_code check_outputs(const struct edit *x, struct err *err)
{
	if (json_type(x->spec->outputs) != JSON_OBJECT)
		return err_set(err, ERR_USAGE, _("outputs: expected an object of nodes"));
	for (const struct json *i = json_first(x->spec->outputs); i; i = json_next(i)) {
		const struct node *n = run_node(x->r, json_key(i));
		if (!n)
			return err_set(err, ERR_NOT_FOUND, _("the run has no node %.64s"), json_key(i));
		if (n->state != NODE_SUCCEEDED)
			return err_set(err, ERR_CONFLICT, _("%s is %s: only one that succeeded has outputs to edit"), n->name,
				       state_name(ENTITY_NODE, node_derived_state(n)));
		enum err_code code = mark_outputs_fit(i, err);
		if (code)
			return code;
	}
	return ERR_OK;
}

static void put_outputs(struct edit *x, const struct note *note)
{
	struct engine *e = x->e;
	for (const struct json *i = json_first(x->spec->outputs); i; i = json_next(i)) {
		struct node *n = run_node(x->r, json_key(i));
		auto_json *old = NULL;
		if (n->outputs && json_parse(n->outputs, strlen(n->outputs), 16 * MIB, &old, NULL))
			old = NULL;
		auto_str data = STR_INIT;
		struct jw w = jw_begin(&data);
		jw_obj(&w, NULL);
		jw_raw(&w, "was", n->outputs ? n->outputs : "null");
		free(n->outputs);
		n->outputs = merged(old, i);
		jw_raw(&w, "now", n->outputs);
		jw_end_obj(&w);
		struct event_row ev = { .at_ms = e->now.wall_ms, .type = "node.edited", .order = n->run->order_id,
					.run = n->run->id, .idx = n->idx, .generation = n->generation,
					.iteration = n->iteration, .attempt = n->attempt, .was = -1, .now = -1,
					.actor = note->actor, .who = note->who, .reason = note->reason,
					.data = str_text(&data) };
		store_event(e->store, &ev);
		node_store(e, n, ev.seq);
	}
}

/* ---- the definition ---- */

static bool same_needs(const struct graph_node *a, const struct graph_node *b)
{
	if (a->nneeds != b->nneeds)
		return false;
	for (size_t i = 0; i < a->nneeds; i++)
		if (a->needs[i].node != b->needs[i].node || a->needs[i].when != b->needs[i].when)
			return false;
	return true;
}

static void add_names(struct str *s, const char *title, const struct graph *these, const struct graph *those)
{
	size_t n = 0;
	for (size_t i = 0; i < these->nnodes && n < 10; i++)
		if (graph_find(those, these->nodes[i].name) < 0)
			str_addf(s, "%s%s", n++ ? ", " : title, these->nodes[i].name);
}

/* The history of a run is told by its nodes and what they need: these stay as they are. */
static enum err_code check_shape(const struct graph *was, const struct graph *now, struct err *err)
{
	auto_str what = STR_INIT;
	add_names(&what, _(" it adds "), now, was);
	add_names(&what, _(" it takes away "), was, now);
	for (size_t i = 0; !what.len && i < was->nnodes; i++) {
		const struct graph_node *a = &was->nodes[i], *b = &now->nodes[i];
		bool own = a->kind == NODE_GROUP || a->kind == NODE_WORKFLOW || b->kind == NODE_GROUP || b->kind == NODE_WORKFLOW;
		if (!str_eq(a->name, b->name))
			str_addf(&what, _(" %s stands in the place of %s"), b->name, a->name);
		else if (!same_needs(a, b))
			str_addf(&what, _(" what %s needs is another"), a->name);
		else if (a->kind != b->kind && own)
			str_addf(&what, _(" %s becomes another kind of node"), a->name);
		else if (a->stream != b->stream)
			str_addf(&what, _(" %s changes its workstream"), a->name);
	}
	if (!what.len && was->nstreams != now->nstreams)
		str_add(&what, _(" its workstreams are others"));
	if (!what.len)
		return ERR_OK;
	enum err_code code = err_set(err, ERR_CONFLICT, _("the definition has another shape than the run:%s"), str_text(&what));
	err_hint(err, _("what nodes do can be changed, not which there are; submit it as a new run"));
	return code;
}

static enum err_code splice(const struct edit *x, char **ret, struct err *err)
{
	const struct graph *g = x->r->graph;
	const struct edit_spec *s = x->spec;
	int idx = graph_find(g, s->node);
	size_t from, to;
	if (idx < 0)
		return err_set(err, ERR_NOT_FOUND, _("the run has no node %.64s"), s->node);
	if (!g->source || !flow_node_lines(g->source, s->node, g->nodes[idx].line, &from, &to))
		return err_set(err, ERR_CONFLICT, _("%s has no lines of its own in the file: edit the whole definition"), s->node);
	size_t len = strlen(s->text);
	*ret = xasprintf("%.*s%s%s%s", (int)from, g->source, s->text, len && s->text[len - 1] == '\n' ? "" : "\n",
			 g->source + to);
	return ERR_OK;
}

static enum err_code read_file(const struct edit *x, char **ret, struct err *err)
{
	const struct graph *g = x->r->graph;
	size_t len;
	if (!g->file || g->file[0] != '/')
		return err_set(err, ERR_CONFLICT, _("the run was not submitted from a file"));
	return fs_read(g->file, SOURCE_MAX, ret, &len, err);
}

static enum err_code take_definition(struct edit *x, struct flow_report *report, struct err *err)
{
	const struct edit_spec *s = x->spec;
	struct run *r = x->r;
	auto_free char *made = NULL;
	struct flow_report own = { 0 };
	enum err_code code = ERR_OK;
	if (!s->source && !s->node && !s->from_file)
		return ERR_OK;
	if (s->node && !s->text)
		return err_set(err, ERR_USAGE, _("definition: with \"node\" comes its \"text\""));
	if (s->node)
		code = splice(x, &made, err);
	else if (s->from_file)
		code = read_file(x, &made, err);
	const char *text = made ? made : s->source;
	if (!code && s->from_file) {
		struct submission sub = { .source = text, .source_len = strlen(text), .file = r->graph->file };
		code = definition_submit(x->e, &sub, &x->d, report ? report : &own, err);
	} else if (!code) {
		code = definition_edited(x->e, &r->definition->hash, text, strlen(text), &x->d, report ? report : &own, err);
	}
	flow_report_done(&own);
	if (!code)
		code = check_shape(r->graph, x->d->graph, err);
	if (code)
		return code;
	char was[HASH_TEXT_LEN + 1], now[HASH_TEXT_LEN + 1];
	hash_hex(&r->definition->hash, was);
	hash_hex(&x->d->hash, now);
	jw_obj(&x->w, "definition");
	jw_str(&x->w, "was", was);
	jw_str(&x->w, "now", now);
	jw_str(&x->w, "node", s->node);
	jw_end_obj(&x->w);
	return ERR_OK;
}

/* The nodes are what the new definition says; what was ready is considered anew. */
static void use_definition(struct engine *e, struct run *r, struct definition *d)
{
	auto_free bool *due = xcalloc(r->nnodes + 1, sizeof(*due));
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *n = r->nodes[i];
		if (!heap_has(&n->ready))
			continue;
		due[i] = n->state == NODE_RETRYING;
		node_unready(e, n);
	}
	struct definition *was = r->definition;
	r->definition = definition_ref(d);
	r->graph = d->graph;
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *n = r->nodes[i];
		const struct graph_node *def = &d->graph->nodes[n->parent >= 0 ? n->parent : n->idx];
		n->def = n->parent >= 0 ? def->group.body : def;
		if (n->parent < 0)
			n->name = def->name;
	}
	definition_unref(e, was);
	resources_declare(e, r->graph);
	run_derive(r);
	if (r->state != RUN_PAUSED)
		return;
	run_begin(e, r);
	for (size_t i = 0; i < r->nnodes; i++)
		if (due[i])
			node_make_ready(e, r->nodes[i]);
}

/* ---- doing it ---- */

static void put_texts(struct run *r, char **params, char **env)
{
	if (*params) {
		free(r->params_text);
		r->params_text = TAKE(*params);
		json_free(r->params);
		r->params = NULL;
		if (json_parse(r->params_text, strlen(r->params_text), 4 * MIB, &r->params, NULL))
			r->params = NULL;
	}
	if (*env) {
		free(r->env_text);
		r->env_text = TAKE(*env);
		json_free(r->env);
		r->env = NULL;
		if (json_parse(r->env_text, strlen(r->env_text), 4 * MIB, &r->env, NULL))
			r->env = NULL;
	}
	for (char **p = r->base_env; p && *p; p++)
		free(*p);
	free(TAKE(r->base_env));
}

static void apply(struct edit *x, bool alone, const struct note *note)
{
	struct engine *e = x->e;
	struct run *r = x->r;
	struct hash was = r->definition->hash;
	bool changed = x->d && memcmp(&was, &x->d->hash, sizeof(was)) != 0;
	if (changed && alone)
		r->generation++; /* a way back makes the next one itself */
	if (changed)
		use_definition(e, r, x->d);
	put_texts(r, &x->params, &x->env);
	store_run_edit(e->store, r->id, &r->definition->hash, changed ? &was : NULL, r->generation + !alone, r->params_text,
		       r->env_text);
	run_event(e, r, "run.edited", &(struct note){ note->actor, note->who, note->reason, str_text(&x->data) });
	if (x->spec->outputs)
		put_outputs(x, note);
	run_store(e, r);
	if (!state_final(ENTITY_RUN, (int)r->state))
		run_touch(e, r);
}

enum err_code run_edit(struct engine *e, const struct command *c, const struct note *n, struct flow_report *report,
		       struct err *err)
{
	struct edit x = { .e = e, .spec = c->edit, .data = STR_INIT };
	bool loaded;
	struct run_row row;
	x.w = jw_begin(&x.data);
	jw_obj(&x.w, NULL);
	enum err_code code = run_look(e, c->id, &x.r, &loaded, err);
	if (code) {
		str_done(&x.data);
		return code;
	}
	code = store_run_get(e->store, c->id, &row, err);
	if (!code && row.parent_run)
		code = err_set(err, ERR_CONFLICT, _("this run belongs to a node of %s: edit that one"),
			       id_text('r', row.parent_run).s);
	if (!code)
		code = take_definition(&x, report, err);
	if (!code)
		code = take_params(&x, err);
	if (!code)
		code = take_env(&x, err);
	if (!code && x.spec->outputs)
		code = check_outputs(&x, err);
	jw_end_obj(&x.w);
	if (!code && !x.d && !x.params && !x.env && !x.spec->outputs)
		code = err_set(err, ERR_USAGE, _("nothing is to be changed: give params, env, outputs or a definition"));
	if (!code && n)
		apply(&x, c->verb == VERB_EDIT, n);
	if (x.d)
		definition_unref(e, x.d);
	free(x.params);
	free(x.env);
	str_done(&x.data);
	run_look_done(e, x.r, loaded);
	return code;
}

/* ---- what the file says now ---- */

static bool same_lines(const struct graph *a, const struct graph *b, const char *name)
{
	size_t fa, ta, fb, tb;
	int ia = graph_find(a, name), ib = graph_find(b, name);
	if (!flow_node_lines(a->source, name, a->nodes[ia].line, &fa, &ta) ||
	    !flow_node_lines(b->source, name, b->nodes[ib].line, &fb, &tb))
		return false; /* it cannot be told apart from the rest, which has changed */
	return ta - fa == tb - fb && memcmp(a->source + fa, b->source + fb, ta - fa) == 0;
}

static void list(struct jw *w, const char *key, const struct graph *these, const struct graph *those, bool common)
{
	jw_arr(w, key);
	for (size_t i = 0, n = 0; i < these->nnodes && n < 100; i++) {
		const char *name = these->nodes[i].name;
		bool both = graph_find(those, name) >= 0;
		if (common ? both && !same_lines(these, those, name) : !both) {
			jw_str(w, NULL, name);
			n++;
		}
	}
	jw_end_arr(w);
}

static void show_news(struct edit *x, struct jw *w)
{
	auto_free char *text = NULL;
	struct flow_report report = { 0 };
	const struct graph *g = x->r->graph;
	struct err err = { .code = ERR_OK };
	enum err_code code = read_file(x, &text, &err);
	bool changed = !code && !str_eq(text, g->source ? g->source : "");
	struct graph *now = NULL;
	/* Only looked at: it is not stored. */
	if (changed)
		code = flow_load(g->file, text, strlen(text), &flow_files, &now, &report, &err);
	flow_report_done(&report);
	jw_obj(w, NULL);
	jw_str(w, "file", g->file);
	jw_bool(w, "changed", changed);
	if (changed && !code) {
		list(w, "added", now, g, false);
		list(w, "removed", g, now, false);
		list(w, "nodes", g, now, true);
		code = check_shape(g, now, &err);
	}
	jw_bool(w, "fits", !code);
	jw_str(w, "why", code ? err.message : NULL);
	jw_end_obj(w);
	graph_free(now);
}

void engine_definition_news(struct engine *e, id_t64 run, struct str *ret)
{
	static const struct edit_spec nothing;
	struct edit x = { .e = e, .spec = &nothing };
	bool loaded;
	struct jw w = jw_begin(ret);
	if (run_look(e, run, &x.r, &loaded, NULL)) {
		jw_null(&w, NULL);
		return;
	}
	if (x.r->graph->file && x.r->graph->file[0] == '/' && !x.r->sub)
		show_news(&x, &w);
	else
		jw_null(&w, NULL);
	run_look_done(e, x.r, loaded);
}
