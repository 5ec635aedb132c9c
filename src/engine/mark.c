/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Skip and mark: an operator says that a node is not needed, or is done. One that has not run ends at once. One
 * that has ended goes back first, with what follows from it, so that its row of that time stays as it was. */
#include "engine/engine_internal.h"

#include <string.h>

#define OUTPUTS_MAX (256 * KIB)

bool mark_is(enum verb v)
{
	return v == VERB_SKIP || v == VERB_MARK;
}

/* As in $PAWL_OUTPUT. */
static bool name_is_good(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
	return len > 0 && !name[len] && len <= NAME_MAX_LEN && !strchr("0123456789.-", name[0]);
}

enum err_code mark_outputs_fit(const struct json *outputs, struct err *err)
{
	if (outputs && json_type(outputs) != JSON_OBJECT)
		return err_set(err, ERR_USAGE, _("outputs: expected an object of names and texts"));
	auto_str text = STR_INIT;
	for (const struct json *i = json_first(outputs); i; i = json_next(i)) {
		const char *name = json_key(i);
		if (!name_is_good(name))
			return err_set(err, ERR_USAGE, _("outputs: \"%.40s\" is no name of an output"), name);
		if (json_type(i) != JSON_STRING)
			return err_set(err, ERR_USAGE, _("outputs.%.64s: expected text"), name);
	}
	if (outputs)
		json_add(&text, outputs);
	if (text.len > OUTPUTS_MAX)
		return err_set(err, ERR_TOO_LARGE, _("the outputs have more than %d bytes"), OUTPUTS_MAX);
	return ERR_OK;
}

static enum err_code check_outputs(const struct node *n, const struct json *outputs, struct err *err)
{
	enum err_code code = mark_outputs_fit(outputs, err);
	if (code)
		return code;
	for (size_t i = 0; i < n->def->noutputs; i++)
		if (!json_get(outputs, n->def->outputs[i]))
			return err_set(err, ERR_INVALID, _("%s declares the output %s: give it a value"), n->name,
				       n->def->outputs[i]);
	return ERR_OK;
}

static enum err_code check_state(const struct node *n, enum verb v, struct err *err)
{
	const char *state = state_name(ENTITY_NODE, node_derived_state(n));
	enum err_code code = ERR_CONFLICT;
	switch (n->state) {
	case NODE_PENDING:
	case NODE_RETRYING:
	case NODE_FAILED:
	case NODE_CANCELED:
		return ERR_OK;
	case NODE_SKIPPED:
		if (v == VERB_MARK)
			return ERR_OK;
		code = err_set(err, ERR_CONFLICT, _("%s is skipped already"), n->name);
		break;
	case NODE_SUCCEEDED:
		code = err_set(err, ERR_CONFLICT, _("%s has succeeded already"), n->name);
		err_hint(err, _("to change its outputs: pawl edit %s --output %s.NAME=VALUE"),
			 id_text('r', n->run->id).s, n->name);
		break;
	case NODE_WAITING:
		code = err_set(err, ERR_CONFLICT, _("%s waits for a decision: that is how it goes on"), n->name);
		break;
	case NODE_BLOCKED:
	case NODE_READY:
	case NODE_RUNNING:
	case NODE_VALIDATING:
	case NODE_STATE_COUNT:
		code = err_set(err, ERR_CONFLICT, _("%s is %s; let it end, or cancel the run"), n->name, state);
		break;
	}
	return code;
}

enum err_code mark_check(const struct run *r, const struct command *c, struct err *err)
{
	if (!mark_is(c->verb))
		return ERR_OK;
	const struct node *n = run_node(r, c->nodes[0]);
	enum err_code code = check_state(n, c->verb, err);
	return code || c->verb == VERB_SKIP ? code : check_outputs(n, c->outputs, err);
}

static void decide(struct engine *e, struct node *n, const struct command *c, const struct note *given)
{
	auto_str data = STR_INIT;
	str_addf(&data, "{\"verb\":\"%s\"}", verb_name(c->verb));
	/* The words before the operator's keep it apart from what the engine says of needs. */
	auto_free char *reason = xasprintf("%s: %s", c->verb == VERB_SKIP ? "skipped by the operator" :
								  "marked by the operator",
					   c->reason);
	struct note note = { .actor = ACTOR_OPERATOR, .who = given->who, .reason = reason, .data = str_text(&data) };
	free(n->outputs);
	n->outputs = NULL;
	if (c->verb == VERB_MARK && json_count(c->outputs) > 0) {
		auto_str text = STR_INIT;
		json_add(&text, c->outputs);
		n->outputs = str_take(&text);
	}
	node_end_by(e, n, c->verb == VERB_SKIP ? NODE_SKIPPED : NODE_SUCCEEDED, CLASS_NONE, &note);
}

void mark_apply(struct engine *e, struct run *r, const struct command *c, const struct note *n)
{
	struct node *m = mark_is(c->verb) ? run_node(r, c->nodes[0]) : NULL;
	if (m)
		decide(e, m, c, n);
}

enum err_code run_mark(struct engine *e, const struct command *c, const struct note *n, struct err *err)
{
	if (!c->reason || !*c->reason)
		return err_set(err, ERR_USAGE, _("say why, for the record: a reason is wanted"));
	if (c->nnodes != 1)
		return err_set(err, ERR_USAGE, _("name one node"));
	struct run *r = map_get(&e->runs, (uint64_t)c->id);
	if (!r || r->dead)
		return run_reset(e, c, n, err);
	struct node *m = run_node(r, c->nodes[0]);
	if (!m)
		return err_set(err, ERR_NOT_FOUND, _("the run has no node %s"), c->nodes[0]);
	enum err_code code = mark_check(r, c, err);
	if (code)
		return code;
	if (!state_final(ENTITY_NODE, (int)m->state)) {
		decide(e, m, c, n);
		return ERR_OK;
	}
	if (r->state == RUN_PAUSED)
		return run_reset(e, c, n, err);
	code = err_set(err, ERR_CONFLICT, _("%s has ended, and goes back with what follows from it; the run is %s"),
		       m->name, state_name(ENTITY_RUN, (int)r->state));
	err_hint(err, _("pause it first: pawl pause %s"), id_text('r', r->id).s);
	return code;
}
