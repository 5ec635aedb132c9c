/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Breakpoints: a node reaches a state (or is about to start), fails with a class, or writes what a pattern
 * matches, and its run pauses. What was met is counted, and survives a restart. Those of a run also watch the
 * nodes of its sub-workflows, by path. */
#include "engine/engine_internal.h"
#include "base/regex.h"
#include "store/steer.h"

#include <string.h>

#define BREAKPOINTS_MAX 64 /* of a run */
#define HITS_MAX 1000000

struct breakpoint {
	struct breakpoint_row row; /* the texts are owned */
	struct regex *re;
};

static void breakpoint_free(struct breakpoint *b)
{
	free((void *)(uintptr_t)b->row.node);
	free((void *)(uintptr_t)b->row.pattern);
	free((void *)(uintptr_t)b->row.who);
	regex_free(b->re);
	free(b);
}

void breakpoints_free(struct run *r)
{
	for (size_t i = 0; i < r->nbreaks; i++)
		breakpoint_free(r->breaks[i]);
	free(r->breaks);
	r->breaks = NULL;
	r->nbreaks = r->capbreaks = 0;
}

/* ---- what is asked for ---- */

enum err_code breakpoint_read(const struct json *v, struct breakpoint_spec *ret, struct err *err)
{
	*ret = (struct breakpoint_spec){ .node = json_get_str(v, "node", NULL), .hits = 1 };
	const struct json *when = json_get(v, "when"), *hits = json_get(v, "hits");
	if (!ret->node || !*ret->node || strlen(ret->node) > 1024)
		return err_set(err, ERR_USAGE, _("node: expected the name of a node, or *"));
	for (const struct json *i = json_first(v); i; i = json_next(i))
		if (!str_eq(json_key(i), "node") && !str_eq(json_key(i), "when") && !str_eq(json_key(i), "hits") &&
		    !str_eq(json_key(i), "reason"))
			return err_set(err, ERR_USAGE, _("a breakpoint has no %.40s; it has node, when, hits"), json_key(i));
	if (json_type(hits) != JSON_NULL && (json_int(hits, 0) < 1 || json_int(hits, 0) > HITS_MAX))
		return err_set(err, ERR_USAGE, _("hits: expected a whole number from 1 to %d"), HITS_MAX);
	ret->hits = (int)json_int(hits, 1);
	if (json_type(when) != JSON_NULL && json_type(when) != JSON_OBJECT)
		return err_set(err, ERR_USAGE, _("when: expected an object with state, class or output"));
	for (const struct json *i = json_first(when); i; i = json_next(i)) {
		const char **to = str_eq(json_key(i), "state") ? &ret->state :
				  str_eq(json_key(i), "class") ? &ret->class :
				  str_eq(json_key(i), "output") ? &ret->output : NULL;
		if (!to)
			return err_set(err, ERR_USAGE, _("when.%.40s: possible are state, class and output"), json_key(i));
		if (json_type(i) != JSON_STRING && json_type(i) != JSON_NULL)
			return err_set(err, ERR_USAGE, _("when.%s: expected text"), json_key(i));
		*to = json_str(i, NULL);
	}
	return ERR_OK;
}

static bool state_can_be_met(int state)
{
	return state >= 0 && state != NODE_PENDING && state != NODE_BLOCKED;
}

static enum err_code check_when(const struct breakpoint_spec *s, struct err *err)
{
	if (s->state && !state_can_be_met(state_from_name(ENTITY_NODE, s->state))) {
		auto_str all = STR_INIT;
		for (int i = 0; i < NODE_STATE_COUNT; i++)
			if (state_can_be_met(i))
				str_addf(&all, "%s%s", all.len ? ", " : "", state_name(ENTITY_NODE, i));
		return err_set(err, ERR_USAGE, _("when.state: \"%.40s\" is none of %s"), s->state, str_text(&all));
	}
	enum error_class class = s->class ? error_class_from_name(s->class) : CLASS_EXIT;
	if (class == CLASS_COUNT || class == CLASS_NONE)
		return err_set(err, ERR_USAGE, _("when.class: \"%.40s\" is no class of failure"), s->class);
	struct regex *re = NULL;
	struct err why;
	if (s->output && regex_new(s->output, REGEX_MULTILINE, &re, &why))
		return err_set(err, ERR_USAGE, _("when.output: %s"), why.message);
	regex_free(re);
	return ERR_OK;
}

/* A name, a path of names into sub-workflows, or *. Of an instance the group must be there. */
static enum err_code check_node(const struct graph *g, const char *path, struct err *err)
{
	const char *at = path;
	while (g && !str_eq(path, "*")) {
		size_t name = strcspn(at, "[/"), all = name;
		if (at[name] == '[')
			all = strchr(at, ']') ? (size_t)(strchr(at, ']') + 1 - at) : strlen(at);
		const struct graph_node *n = smap_getn(&g->by_name, at, name);
		if (!n || (all > name && n->kind != NODE_GROUP))
			return err_set(err, ERR_NOT_FOUND, _("there is no node %.64s to stop at"), path);
		if (!at[all])
			return ERR_OK;
		if (n->kind == NODE_GROUP)
			n = n->group.body;
		g = n->kind == NODE_WORKFLOW && at[all] == '/' ? n->workflow.graph : NULL;
		at += all + 1;
	}
	return g ? ERR_OK : err_set(err, ERR_NOT_FOUND, _("there is no node %.64s to stop at"), path);
}

enum err_code breakpoints_check(const struct graph *g, const struct json *breaks, struct err *err)
{
	if (json_type(breaks) != JSON_ARRAY || json_count(breaks) > BREAKPOINTS_MAX)
		return err_set(err, ERR_USAGE, _("breakpoints: expected a list of at most %d"), BREAKPOINTS_MAX);
	enum err_code code = ERR_OK;
	for (const struct json *i = json_first(breaks); i && !code; i = json_next(i)) {
		struct breakpoint_spec s;
		code = breakpoint_read(i, &s, err);
		if (!code)
			code = check_when(&s, err);
		if (!code)
			code = check_node(g, s.node, err);
	}
	return code;
}

/* ---- those of a run ---- */

static struct breakpoint *keep(struct run *r, const struct breakpoint_row *row)
{
	struct breakpoint *b = xcalloc(1, sizeof(*b));
	b->row = *row;
	b->row.node = xstrdup(row->node);
	b->row.pattern = row->pattern ? xstrdup(row->pattern) : NULL;
	b->row.who = xstrdup(row->who);
	struct err why;
	if (row->pattern && regex_new(row->pattern, REGEX_MULTILINE, &b->re, &why))
		b->re = NULL; /* an older engine knew it: it never matches now */
	GROW(r->breaks, r->nbreaks, r->capbreaks);
	r->breaks[r->nbreaks++] = b;
	return b;
}

static void load_one(void *ctx, const struct breakpoint_row *row)
{
	(void)keep(ctx, row);
}

enum err_code breakpoints_load(struct engine *e, struct run *r, struct err *err)
{
	return store_breakpoints_of(e->store, r->id, load_one, r, err);
}

static void say(struct engine *e, const struct run *r, const char *type, const struct breakpoint *b,
		const struct note *n)
{
	auto_str data = STR_INIT;
	struct jw w = jw_begin(&data);
	jw_obj(&w, NULL);
	jw_int(&w, "breakpoint", b->row.number);
	jw_str(&w, "node", b->row.node);
	jw_str(&w, "state", b->row.state >= 0 ? state_name(ENTITY_NODE, b->row.state) : NULL);
	jw_str(&w, "class", b->row.class ? error_class_name(b->row.class) : NULL);
	jw_str(&w, "output", b->row.pattern);
	jw_int(&w, "wanted", b->row.wanted);
	jw_int(&w, "hits", b->row.hits);
	jw_end_obj(&w);
	run_event(e, r, type, &(struct note){ n->actor, n->who, n->reason, str_text(&data) });
}

static void meet_ready(struct engine *e, struct run *owner, struct breakpoint *b, struct run *r, const char *prefix);

static void add(struct engine *e, struct run *r, const struct breakpoint_spec *s, const struct note *n)
{
	bool nothing = !s->state && !s->class && !s->output;
	struct breakpoint_row row = { .run = r->id, .number = 1, .node = s->node,
				      .state = s->state ? state_from_name(ENTITY_NODE, s->state) :
					       nothing	? (int)NODE_READY : -1,
				      .class = s->class ? error_class_from_name(s->class) : CLASS_NONE,
				      .pattern = s->output, .wanted = MAX(s->hits, 1),
				      .made_ms = e->now.wall_ms, .who = n->who ? n->who : "" };
	if (r->nbreaks)
		row.number = r->breaks[r->nbreaks - 1]->row.number + 1;
	struct breakpoint *b = keep(r, &row);
	store_breakpoint_put(e->store, &b->row);
	say(e, r, "run.breakpoint_added", b, n);
	meet_ready(e, r, b, r, "");
}

void breakpoints_begin(struct engine *e, struct run *r, const struct note *n)
{
	auto_free char *text = store_order_breakpoints_get(e->store, r->order_id);
	auto_json *v = NULL;
	struct breakpoint_spec s;
	if (!text || json_parse(text, strlen(text), 4 * MIB, &v, NULL))
		return;
	for (const struct json *i = json_first(v); i; i = json_next(i))
		if (breakpoint_read(i, &s, NULL) == ERR_OK)
			add(e, r, &s, n);
}

static enum err_code remove_some(struct engine *e, struct run *r, int number, const struct note *n, struct err *err)
{
	size_t kept = 0, before = r->nbreaks;
	for (size_t i = 0; i < before; i++) {
		struct breakpoint *b = r->breaks[i];
		if (number && b->row.number != number) {
			r->breaks[kept++] = b;
			continue;
		}
		store_breakpoint_delete(e->store, r->id, b->row.number);
		say(e, r, "run.breakpoint_removed", b, n);
		breakpoint_free(b);
	}
	r->nbreaks = kept;
	return number && kept == before ? err_set(err, ERR_NOT_FOUND, _("the run has no breakpoint %d"), number) : ERR_OK;
}

enum err_code run_break(struct engine *e, const struct command *c, const struct note *n, struct err *err)
{
	struct run *r;
	bool loaded;
	enum err_code code = run_look(e, c->id, &r, &loaded, err);
	if (code)
		return code;
	if (c->verb == VERB_UNBREAK) {
		code = remove_some(e, r, c->number, n, err);
	} else {
		code = check_when(c->breakpoint, err);
		if (!code)
			code = check_node(r->graph, c->breakpoint->node, err);
		if (!code && r->nbreaks >= BREAKPOINTS_MAX)
			code = err_set(err, ERR_TOO_LARGE, _("the run has %d breakpoints; more are not possible"),
				       BREAKPOINTS_MAX);
		if (!code)
			add(e, r, c->breakpoint, n);
	}
	run_look_done(e, r, loaded);
	return code;
}

/* ---- what happens ---- */

/* `path`: from the run that the breakpoint belongs to. */
static bool names(const struct breakpoint *b, const char *path, const struct node *n)
{
	const char *want = b->row.node;
	if (str_eq(want, "*") || str_eq(want, path))
		return true;
	/* A group writes nothing itself: its instances do. */
	size_t len = strlen(want);
	return n->parent >= 0 && b->row.pattern && strncmp(path, want, len) == 0 && path[len] == '[' &&
	       !strchr(path + len, '/');
}

static bool fits(struct breakpoint *b, const char *path, const struct node *n, enum node_state state)
{
	if (b->row.state >= 0 && b->row.state != (int)state)
		return false;
	if (b->row.class && (b->row.class != n->class || (state != NODE_FAILED && state != NODE_RETRYING)))
		return false;
	if (!names(b, path, n))
		return false;
	bool ended = state == NODE_SUCCEEDED || state == NODE_FAILED || state == NODE_RETRYING || state == NODE_VALIDATING;
	size_t from, to;
	return !b->row.pattern ||
	       (ended && b->re && n->tail && regex_find(b->re, n->tail, strlen(n->tail), 0, &from, &to, NULL));
}

static bool can_stop(const struct run *r)
{
	return r->state == RUN_RUNNING || r->state == RUN_PREPARING;
}

static void hit(struct engine *e, struct run *r, struct breakpoint *b, struct node *n)
{
	if (b->row.state == NODE_READY) {
		if (!can_stop(r))
			return; /* it is met when the run goes on, as long as the node has not begun */
		n->met = true;
	}
	b->row.hits = MIN(b->row.hits + 1, HITS_MAX);
	store_breakpoint_put(e->store, &b->row);
	say(e, r, "run.breakpoint_hit", b, &(struct note){ .actor = ACTOR_ENGINE, .reason = n->name });
	if (b->row.hits < b->row.wanted || !can_stop(r))
		return;
	r->break_hit = b->row.number;
	run_touch(e, r);
}

static void ask(struct engine *e, struct run *r, const char *path, struct node *n, enum node_state state)
{
	for (size_t i = 0; i < r->nbreaks; i++)
		if (fits(r->breaks[i], path, n, state))
			hit(e, r, r->breaks[i], n);
	if (!r->parent)
		return;
	auto_free char *longer = xasprintf("%s/%s", r->parent->nodes[r->parent_node]->name, path);
	ask(e, r->parent, longer, n, state);
}

static bool watched(const struct run *r)
{
	for (; r; r = r->parent)
		if (r->nbreaks)
			return true;
	return false;
}

void breakpoint_reached(struct engine *e, struct node *n, enum node_state state)
{
	n->met = false;
	if (watched(n->run))
		ask(e, n->run, n->name, n, state);
}

/* A breakpoint that came when nodes were ready already holds at them, too. */
static void meet_ready(struct engine *e, struct run *owner, struct breakpoint *b, struct run *r, const char *prefix)
{
	for (size_t i = 0; i < r->nnodes; i++) {
		struct node *n = r->nodes[i];
		auto_free char *path = xasprintf("%s%s", prefix, n->name);
		if (node_derived_state(n) == NODE_READY && fits(b, path, n, NODE_READY))
			hit(e, owner, b, n);
		if (!n->child || n->child->dead)
			continue;
		auto_free char *longer = xasprintf("%s/", path);
		meet_ready(e, owner, b, n->child, longer);
	}
}

void breakpoints_go_on(struct engine *e, struct run *r)
{
	if (!watched(r))
		return;
	for (size_t i = 0; i < r->nnodes; i++)
		if (!r->nodes[i]->met && node_derived_state(r->nodes[i]) == NODE_READY)
			ask(e, r, r->nodes[i]->name, r->nodes[i], NODE_READY);
}

void breakpoint_recovered(struct node *n)
{
	n->met = n->run->state != RUN_PAUSED || str_eq(n->run->reason, "breakpoint");
}

void breakpoint_stop(struct engine *e, struct run *r)
{
	r->break_hit = 0;
	if (r->mode == MODE_STEP) {
		r->mode = MODE_RUN;
		r->step_node = -1;
		run_set_until(e, r, NULL, 0, false);
	}
	run_pause(e, r, &(struct note){ .actor = ACTOR_ENGINE, .reason = "breakpoint" });
}

bool breakpoint_wants_tail(const struct node *n)
{
	for (const struct run *r = n->run; r; r = r->parent)
		for (size_t i = 0; i < r->nbreaks; i++)
			if (r->breaks[i]->row.pattern)
				return true;
	return false;
}

void breakpoint_tail(struct node *n, const char *tail)
{
	free(n->tail);
	n->tail = tail && breakpoint_wants_tail(n) ? xstrdup(tail) : NULL;
}
