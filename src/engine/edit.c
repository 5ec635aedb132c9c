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

/* Where its nodes stand; yours, each of them, too. */
static char **places_of(const struct run *r)
{
	char **v = xcalloc(r->nnodes + 1, sizeof(*v));
	for (size_t i = 0; i < r->nnodes; i++) {
		const struct node *n = r->nodes[i];
		bool gone = n->def->handler == HANDLER_GONE;
		if (n->parent < 0 && n->def->name[0])
			v[i] = node_is_handler(n) && !gone ? xasprintf("%c%s", PLACE_HANDLER, n->def->name) : xstrdup(n->def->name);
	}
	return v;
}

static bool is_in_its_middle(const struct node *n)
{
	return n->state == NODE_RUNNING || n->state == NODE_VALIDATING || n->state == NODE_WAITING;
}

/* What a run has done stays with the nodes that did it: those have to be there, or to be whole. */
static enum err_code check_swap(const struct run *r, const struct graph *now, struct err *err)
{
	const struct graph *was = r->graph;
	auto_str what = STR_INIT;
	bool streams = was->nstreams == now->nstreams;
	for (size_t i = 0; i < was->nstreams && streams; i++)
		streams = str_eq(was->streams[i].name, now->streams[i].name);
	if (!streams)
		str_add(&what, _("its workstreams are others, and each has its folder already"));
	for (size_t i = 0; i < was->nnodes && !what.len; i++) {
		const struct graph_node *a = &was->nodes[i], *b = &now->nodes[i];
		const struct node *n = r->nodes[i];
		bool own = a->kind == NODE_GROUP || a->kind == NODE_WORKFLOW || b->kind == NODE_GROUP || b->kind == NODE_WORKFLOW;
		if (!graph_has(was, (int)i))
			continue;
		if (!graph_has(now, (int)i) && is_in_its_middle(n))
			str_addf(&what, _("it takes away %s, which is %s; let it end first"), a->name,
				 state_name(ENTITY_NODE, (int)n->state));
		else if (!graph_has(now, (int)i))
			continue;
		else if (a->kind != b->kind && own)
			str_addf(&what, _("%s becomes another kind of node; give the new one another name"), a->name);
		else if (a->stream != b->stream)
			str_addf(&what, _("%s changes its workstream; give the new one another name"), a->name);
	}
	if (!what.len)
		return ERR_OK;
	enum err_code code = err_set(err, ERR_CONFLICT, _("the definition does not fit what the run has done: %s"), str_text(&what));
	err_hint(err, _("or submit it as a new run"));
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

/* The new text, and where it comes from; *ret_was NULL: with its sub-workflows, the files. */
static enum err_code new_text(const struct edit *x, char **made, struct definition_text *ret, const struct hash **ret_was,
			      struct err *err)
{
	const struct edit_spec *s = x->spec;
	enum err_code code = ERR_OK;
	if (s->node && !s->text)
		return err_set(err, ERR_USAGE, _("definition: with \"node\" comes its \"text\""));
	if (s->node)
		code = splice(x, made, err);
	else if (s->from_file)
		code = read_file(x, made, err);
	if (code)
		return code;
	const char *text = *made ? *made : s->source;
	*ret = (struct definition_text){ .file = x->r->graph->file, .text = text, .len = strlen(text) };
	*ret_was = s->from_file ? NULL : &x->r->definition->hash;
	return ERR_OK;
}

/* As a definition that is stored, or as a graph that is only looked at. */
static enum err_code compile_text(const struct edit *x, struct definition_text *t, const struct hash *was,
				  struct definition **ret, struct graph **ret_graph, struct flow_report *report, struct err *err)
{
	struct flow_report own = { 0 };
	char **places = places_of(x->r);
	t->places = (const char *const *)places;
	t->nplaces = x->r->nnodes;
	enum err_code code = ret ? definition_edited(x->e, was, t, ret, report ? report : &own, err) :
				   definition_try(x->e, was, t, ret_graph, report ? report : &own, err);
	for (size_t i = 0; i < t->nplaces; i++)
		free(places[i]);
	free(places);
	flow_report_done(&own);
	return code ? code : check_swap(x->r, ret ? (*ret)->graph : *ret_graph, err);
}

static void list_others(struct jw *w, const char *key, const struct graph *these, const struct graph *those)
{
	jw_arr(w, key);
	for (size_t i = 0, n = 0; i < these->nnodes && n < 100; i++)
		if (graph_has(these, (int)i) && !graph_has(those, (int)i)) {
			jw_str(w, NULL, these->nodes[i].name);
			n++;
		}
	jw_end_arr(w);
}

static enum err_code take_definition(struct edit *x, struct flow_report *report, struct err *err)
{
	const struct edit_spec *s = x->spec;
	const struct run *r = x->r;
	auto_free char *made = NULL;
	struct definition_text t;
	const struct hash *from;
	if (!s->source && !s->node && !s->from_file)
		return ERR_OK;
	enum err_code code = new_text(x, &made, &t, &from, err);
	if (!code)
		code = compile_text(x, &t, from, &x->d, NULL, report, err);
	if (code)
		return code;
	char was[HASH_TEXT_LEN + 1], now[HASH_TEXT_LEN + 1];
	hash_hex(&r->definition->hash, was);
	hash_hex(&x->d->hash, now);
	jw_obj(&x->w, "definition");
	jw_str(&x->w, "was", was);
	jw_str(&x->w, "now", now);
	jw_str(&x->w, "node", s->node);
	list_others(&x->w, "added", x->d->graph, r->graph);
	list_others(&x->w, "removed", r->graph, x->d->graph);
	jw_end_obj(&x->w);
	return ERR_OK;
}

enum err_code edit_try(struct engine *e, struct run *r, const struct edit_spec *spec, struct graph **ret, struct err *err)
{
	struct edit x = { .e = e, .r = r, .spec = spec };
	auto_free char *made = NULL;
	struct definition_text t;
	const struct hash *was;
	*ret = NULL;
	if (!spec || (!spec->source && !spec->node && !spec->from_file))
		return ERR_OK;
	enum err_code code = new_text(&x, &made, &t, &was, err);
	if (!code)
		code = compile_text(&x, &t, was, NULL, ret, NULL, err);
	if (code)
		graph_free(TAKE(*ret));
	return code;
}

/* The place of the node in the new graph. */
static const struct graph_node *def_of(const struct graph *g, const struct node *n)
{
	const struct graph_node *def = &g->nodes[n->parent >= 0 ? n->parent : n->idx];
	return n->parent >= 0 && def->handler != HANDLER_GONE ? def->group.body : def;
}

static void use_graph(struct run *r, const struct graph *g)
{
	r->graph = g;
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *n = r->nodes[i];
		n->def = def_of(g, n);
		if (n->parent < 0)
			n->name = n->def->name;
	}
	while (r->nnodes < g->nnodes) {
		GROW(r->nodes, r->nnodes, r->capnodes);
		r->nodes[r->nnodes] = node_new(r, &g->nodes[r->nnodes], (int)r->nnodes);
		r->nnodes++;
	}
	/* What it had to stop at, or failed by, may be gone. */
	size_t n = 0;
	for (size_t i = 0; i < r->ntargets; i++)
		if (r->targets[i]->def->handler != HANDLER_GONE)
			r->targets[n++] = r->targets[i];
	r->ntargets = n;
	if (r->step_node >= 0 && r->nodes[r->step_node]->def->handler == HANDLER_GONE)
		r->step_node = -1;
	if (r->failed_node >= 0 && r->nodes[r->failed_node]->def->handler == HANDLER_GONE && !state_final(ENTITY_RUN, (int)r->state)) {
		r->failing = false;
		r->failed_node = -1;
		r->failed_token = 0;
	}
}

/* The counters follow from the states; nodes come and go with the definition. */
static void count_nodes(struct run *r)
{
	memset(r->counts, 0, sizeof(r->counts));
	for (size_t i = 0; i < r->nnodes; i++)
		if (node_counts(r->nodes[i]))
			r->counts[r->nodes[i]->state]++;
	run_derive(r);
}

/* The nodes are what the new definition says; what was ready is considered anew. */
static void use_definition(struct edit *x, bool alone, const struct note *note)
{
	struct engine *e = x->e;
	struct run *r = x->r;
	auto_free bool *due = xcalloc(r->nnodes + 1, sizeof(*due)), *others = xcalloc(r->nnodes + 1, sizeof(*others));
	const struct graph *now = x->d->graph;
	size_t nwas = r->nnodes;
	for (size_t i = 0; i < nwas; i++) {
		struct node *n = r->nodes[i];
		bool goes = graph_has(r->graph, (int)i) && !graph_has(now, (int)i);
		bool comes = !graph_has(r->graph, (int)i) && graph_has(now, (int)i) && n->parent < 0;
		if (heap_has(&n->ready)) {
			due[i] = n->state != NODE_PENDING && !goes; /* between two tries or phases */
			node_unready(e, n);
		}
		if (goes && n->state == NODE_RETRYING)
			node_send_back(e, n, true, note);
		/* It was there before, and left: its rows of that time are its history. */
		if (comes && alone)
			node_send_back(e, n, true, note);
		others[i] = i < r->graph->nnodes && graph_has(r->graph, (int)i) && graph_has(now, (int)i) &&
			    !graph_same_needs(r->graph, (int)i, now, (int)i);
	}
	struct definition *was = r->definition;
	r->definition = definition_ref(x->d);
	use_graph(r, now);
	definition_unref(e, was);
	resources_declare(e, r->graph);
	count_nodes(r);
	for (size_t i = 0; i < nwas && alone; i++)
		if (others[i] && state_final(ENTITY_NODE, (int)r->nodes[i]->state) && !node_is_handler(r->nodes[i]))
			node_mark_stale(e, r->nodes[i], note);
	if (r->state != RUN_PAUSED)
		return;
	run_begin(e, r);
	for (size_t i = 0; i < nwas; i++)
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
		use_definition(x, alone, note);
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
	if (!a->source || !b->source || !flow_node_lines(a->source, name, a->nodes[ia].line, &fa, &ta) ||
	    !flow_node_lines(b->source, name, b->nodes[ib].line, &fb, &tb))
		return false; /* it cannot be told apart from the rest, which has changed */
	return ta - fa == tb - fb && memcmp(a->source + fa, b->source + fb, ta - fa) == 0;
}

static void list_changed(struct jw *w, const struct graph *was, const struct graph *now)
{
	jw_arr(w, "nodes");
	for (size_t i = 0, n = 0; i < was->nnodes && n < 100; i++)
		if (graph_has(was, (int)i) && graph_has(now, (int)i) && !same_lines(was, now, was->nodes[i].name)) {
			jw_str(w, NULL, was->nodes[i].name);
			n++;
		}
	jw_end_arr(w);
}

static void show_news(struct edit *x, struct jw *w)
{
	auto_free char *text = NULL;
	struct definition_text t;
	const struct hash *was;
	const struct graph *g = x->r->graph;
	struct err err = { .code = ERR_OK };
	enum err_code code = new_text(x, &text, &t, &was, &err);
	bool changed = !code && !str_eq(text, g->source ? g->source : "");
	struct graph *now = NULL;
	/* Only looked at: it is not stored. */
	if (changed)
		code = compile_text(x, &t, was, NULL, &now, NULL, &err);
	jw_obj(w, NULL);
	jw_str(w, "file", g->file);
	jw_bool(w, "changed", changed);
	if (now) {
		list_others(w, "added", now, g);
		list_others(w, "removed", g, now);
		list_changed(w, g, now);
	}
	jw_bool(w, "fits", !code);
	jw_str(w, "why", code ? err.message : NULL);
	jw_end_obj(w);
	graph_free(now);
}

void engine_definition_news(struct engine *e, id_t64 run, struct str *ret)
{
	static const struct edit_spec file = { .from_file = true };
	struct edit x = { .e = e, .spec = &file };
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
