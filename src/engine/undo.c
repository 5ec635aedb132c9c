/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Undo: with each verb of a run goes a note of what would take it back, or of why nothing does. The last one counts. */
#include "engine/engine_internal.h"
#include "store/steer.h"

#include <string.h>

/* ---- before the verb ---- */

static void note_break(void *ctx, const struct breakpoint_row *b)
{
	struct jw *w = ctx;
	jw_obj(w, NULL);
	jw_int(w, "number", b->number);
	jw_str(w, "node", b->node);
	jw_obj(w, "when");
	jw_str(w, "state", b->state >= 0 ? state_name(ENTITY_NODE, b->state) : NULL);
	jw_str(w, "class", b->class ? error_class_name(b->class) : NULL);
	jw_str(w, "output", b->pattern);
	jw_end_obj(w);
	jw_int(w, "hits", b->wanted);
	jw_end_obj(w);
}

/* What an edit will change of it: all that it is given, and the outputs that are named. */
static void note_edit(struct engine *e, const struct command *c, const struct run_row *row, struct jw *w)
{
	char hash[HASH_TEXT_LEN + 1];
	hash_hex(&row->workflow, hash);
	jw_str(w, "params", row->params);
	jw_str(w, "env", row->env);
	jw_str(w, "workflow", hash);
	if (!c->edit->outputs)
		return;
	struct run *r;
	bool loaded;
	if (run_look(e, c->id, &r, &loaded, NULL))
		return;
	jw_obj(w, "outputs");
	for (const struct json *i = json_first(c->edit->outputs); i; i = json_next(i)) {
		const struct node *n = run_node(r, json_key(i));
		if (n)
			jw_raw(w, n->name, n->outputs ? n->outputs : "{}");
	}
	jw_end_obj(w);
	run_look_done(e, r, loaded);
}

bool undo_before(struct engine *e, const struct command *c, struct str *ret)
{
	struct run_row row;
	if (verb_entity(c->verb) != ENTITY_RUN || c->verb == VERB_UNDO || c->verb == VERB_ACKNOWLEDGE ||
	    c->verb == VERB_SHELL_RENEW || c->verb == VERB_SHELL || c->verb == VERB_FORK ||
	    store_run_get(e->store, c->id, &row, NULL))
		return false;
	struct jw w = jw_begin(ret);
	jw_obj(&w, NULL);
	jw_str(&w, "state", state_name(ENTITY_RUN, (int)row.state));
	jw_int(&w, "generation", row.generation);
	jw_int(&w, "priority", row.priority);
	if (c->nnodes > 0)
		jw_str(&w, "node", c->nodes[0]);
	if (c->verb == VERB_EDIT) {
		/* The texts of the row live until the next question. */
		auto_free char *params = xstrdup(row.params), *env = row.env ? xstrdup(row.env) : NULL;
		row.params = params;
		row.env = env;
		note_edit(e, c, &row, &w);
	}
	if (c->verb == VERB_BREAK || c->verb == VERB_UNBREAK) {
		jw_arr(&w, "breakpoints");
		if (store_breakpoints_of(e->store, c->id, note_break, &w, NULL))
			w.comma = true;
		jw_end_arr(&w);
	}
	jw_end_obj(&w);
	return true;
}

void undo_note(struct engine *e, const struct command *c, const struct str *before)
{
	store_undo_put(e->store, c->id, verb_name(c->verb), str_text(before), e->now.wall_ms);
}

/* ---- taking it back ---- */

static enum err_code no_way(const char *verb, const char *why, struct err *err)
{
	return err_set(err, ERR_CONFLICT, _("%s cannot be undone: %s"), verb, why);
}

static bool has_number(const struct json *list, int number)
{
	for (const struct json *i = json_first(list); i; i = json_next(i))
		if (json_get_int(i, "number", 0) == number)
			return true;
	return false;
}

struct number_search {
	const struct json *before;
	int found;
};

static void find_new(void *ctx, const struct breakpoint_row *b)
{
	struct number_search *s = ctx;
	if (!has_number(s->before, b->number))
		s->found = b->number;
}

static enum err_code unbreak(struct engine *e, const struct command *c, const struct json *before, const struct note *n,
			     struct err *err)
{
	struct number_search s = { json_get(before, "breakpoints"), 0 };
	enum err_code code = store_breakpoints_of(e->store, c->id, find_new, &s, err);
	if (!code && !s.found)
		return no_way("break", _("the breakpoint is gone already"), err);
	struct command take = { .verb = VERB_UNBREAK, .id = c->id, .number = s.found };
	return code ? code : run_break(e, &take, n, err);
}

static void drop_known(void *ctx, const struct breakpoint_row *b)
{
	bool *there = ctx;
	if (b->number < 1024)
		there[b->number] = true;
}

static enum err_code rebreak(struct engine *e, const struct command *c, const struct json *before, const struct note *n,
			     struct err *err)
{
	bool there[1024] = { false };
	enum err_code code = store_breakpoints_of(e->store, c->id, drop_known, there, err);
	for (const struct json *i = json_first(json_get(before, "breakpoints")); i && !code; i = json_next(i)) {
		int number = (int)json_get_int(i, "number", 0);
		struct breakpoint_spec s = { .node = json_get_str(i, "node", ""), .hits = (int)json_get_int(i, "hits", 1),
					     .state = json_get_str(json_get(i, "when"), "state", NULL),
					     .class = json_get_str(json_get(i, "when"), "class", NULL),
					     .output = json_get_str(json_get(i, "when"), "output", NULL) };
		struct command add = { .verb = VERB_BREAK, .id = c->id, .breakpoint = &s };
		if (number < 1024 && !there[number])
			code = run_break(e, &add, n, err);
	}
	return code;
}

/* What it was given before, whole: names that came with the edit go. */
static char *put_back(const char *was, const char *now)
{
	auto_json *a = NULL, *b = NULL;
	auto_str s = STR_INIT;
	struct jw w = jw_begin(&s);
	if (json_parse(was, strlen(was), 4 * MIB, &a, NULL) || json_parse(now, strlen(now), 4 * MIB, &b, NULL))
		return xstrdup("{}");
	jw_obj(&w, NULL);
	for (const struct json *i = json_first(a); i; i = json_next(i)) {
		auto_str v = STR_INIT;
		json_add(&v, i);
		jw_raw(&w, json_key(i), str_text(&v));
	}
	for (const struct json *i = json_first(b); i; i = json_next(i))
		if (!json_get(a, json_key(i)))
			jw_null(&w, json_key(i));
	jw_end_obj(&w);
	return str_take(&s);
}

static enum err_code unedit(struct engine *e, const struct command *c, const struct json *before, const struct note *n,
			    struct err *err)
{
	struct run_row row;
	struct hash was;
	auto_free char *file = NULL, *source = NULL, *includes = NULL;
	auto_json *params = NULL, *env = NULL;
	enum err_code code = store_run_get(e->store, c->id, &row, err);
	if (code)
		return code;
	bool other = hash_parse(json_get_str(before, "workflow", ""), &was) && memcmp(&was, &row.workflow, sizeof(was)) != 0;
	auto_free char *p = put_back(json_get_str(before, "params", "{}"), row.params);
	auto_free char *v = put_back(json_get_str(before, "env", "{}"), row.env ? row.env : "{}");
	if (other)
		code = store_workflow_get(e->store, &was, &file, &source, &includes, err);
	if (!code)
		code = json_parse(p, strlen(p), 4 * MIB, &params, err);
	if (!code)
		code = json_parse(v, strlen(v), 4 * MIB, &env, err);
	if (code)
		return code;
	struct edit_spec spec = { .params = params, .env = env, .outputs = json_get(before, "outputs"), .source = source };
	struct command back = { .verb = VERB_EDIT, .id = c->id, .edit = &spec };
	return run_edit(e, &back, n, NULL, err);
}

/* One that was skipped or marked goes back, unless something was made of it. */
static enum err_code undecide(struct engine *e, const struct command *c, const char *verb, const struct json *before,
			      const struct note *n, struct err *err)
{
	const char *name = json_get_str(before, "node", "");
	const struct run *r = map_get(&e->runs, (uint64_t)c->id);
	const struct node *m = r && !r->dead ? run_node(r, name) : NULL;
	if (!m)
		return no_way(verb, _("the run has ended since"), err);
	if (r->state != RUN_PAUSED) {
		enum err_code code = no_way(verb, _("the run goes on meanwhile"), err);
		err_hint(err, _("pause it first: pawl pause %s"), id_text('r', r->id).s);
		return code;
	}
	if (m->parent >= 0)
		return no_way(verb, _("it is an instance of a group: retry the group"), err);
	for (size_t i = 0; i < m->def->nfeeds; i++) {
		const struct node *f = r->nodes[m->def->feeds[i]];
		if (f->state != NODE_PENDING && f->state != NODE_SKIPPED) {
			auto_free char *why = xasprintf(_("%s needs it, and is %s"), f->name, state_name(ENTITY_NODE, (int)f->state));
			return no_way(verb, why, err);
		}
	}
	struct command back = { .verb = VERB_RETRY, .id = c->id, .nodes = &name, .nnodes = 1, .stay = true };
	return run_reset(e, &back, n, err);
}

static enum err_code unstate(struct engine *e, const struct command *c, const char *verb, const struct json *before,
			     const struct note *n, struct err *err)
{
	struct run *r = map_get(&e->runs, (uint64_t)c->id);
	const char *was = json_get_str(before, "state", "");
	if (!r || r->dead)
		return no_way(verb, _("the run has ended since"), err);
	if (str_eq(was, "running"))
		run_resume(e, r, n);
	else if (str_eq(was, "frozen"))
		run_freeze(e, r, n);
	else if (str_eq(was, "paused") || str_eq(was, "pausing"))
		run_pause(e, r, &(struct note){ n->actor, n->who, n->reason ? n->reason : "operator", NULL });
	else
		return no_way(verb, _("the run was in another state"), err);
	return ERR_OK;
}

static const struct {
	enum verb verb;
	const char *why;
} never[] = {
	{ VERB_CANCEL, N_("what it ended has ended; retry runs it again") },
	{ VERB_RETRY, N_("what ran again stays; rollback goes back to a checkpoint") },
	{ VERB_RESUME_FROM, N_("what ran again stays; rollback goes back to a checkpoint") },
	{ VERB_ROLLBACK, N_("the files from before it are kept as a patch beside the run") },
	{ VERB_STEP, N_("what ran has run; rollback goes back to a checkpoint") },
	{ VERB_UNTIL, N_("what ran has run; pause stops it, resume forgets its targets") },
	{ VERB_DECIDE, N_("the answer was acted upon") },
	{ VERB_SHELL_END, N_("what was done in a shell is not known") },
};

static enum err_code take_back(struct engine *e, const struct command *c, const char *verb, const struct json *before,
			       const struct note *n, struct err *err)
{
	for (size_t i = 0; i < COUNT(never); i++)
		if (str_eq(verb, verb_name(never[i].verb)))
			return no_way(verb, _(never[i].why), err);
	if (str_eq(verb, "break"))
		return unbreak(e, c, before, n, err);
	if (str_eq(verb, "unbreak"))
		return rebreak(e, c, before, n, err);
	if (str_eq(verb, "edit"))
		return unedit(e, c, before, n, err);
	if (str_eq(verb, "skip") || str_eq(verb, "mark"))
		return undecide(e, c, verb, before, n, err);
	if (str_eq(verb, "pause") || str_eq(verb, "freeze") || str_eq(verb, "resume"))
		return unstate(e, c, verb, before, n, err);
	struct run *r = map_get(&e->runs, (uint64_t)c->id);
	if (!str_eq(verb, "priority") || !r || r->dead)
		return no_way(verb, r ? _("it has no inverse") : _("the run has ended since"), err);
	run_set_priority(e, r, (int)json_get_int(before, "priority", 0), n);
	return ERR_OK;
}

enum err_code run_undo(struct engine *e, const struct command *c, const struct note *n, struct err *err)
{
	auto_free char *verb = NULL, *text = NULL;
	auto_json *before = NULL;
	if (!store_undo_get(e->store, c->id, &verb, &text))
		return err_set(err, ERR_CONFLICT, _("there is nothing to undo: no verb was given to this run, or it was undone"));
	enum err_code code = json_parse(text, strlen(text), 16 * MIB, &before, err);
	if (!code)
		code = take_back(e, c, verb, before, n, err);
	if (code)
		return code;
	auto_str data = STR_INIT;
	str_addf(&data, "{\"verb\":\"%s\"}", verb);
	struct event_row ev = { .at_ms = e->now.wall_ms, .type = "run.undone", .run = c->id, .idx = -1, .was = -1, .now = -1,
				.actor = n->actor, .who = n->who, .reason = n->reason, .data = str_text(&data) };
	store_event(e->store, &ev);
	store_undo_delete(e->store, c->id);
	return ERR_OK;
}
