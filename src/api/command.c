/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes: each becomes a command to the engine and is answered after the commit that holds it. */
#include "api/api_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

/* What an accepted command answers with. */
enum answer { ANSWER_ORDER, ANSWER_BREAKER, ANSWER_RUN, ANSWER_QUEUE, ANSWER_BREAKPOINTS, ANSWER_SHELL, ANSWER_PATCH };

static enum answer answer_of(const struct request *r)
{
	if (r->route->verb == VERB_FORK)
		return ANSWER_ORDER;
	if (r->route->verb == VERB_BREAK || r->route->verb == VERB_UNBREAK)
		return ANSWER_BREAKPOINTS;
	if (r->route->verb == VERB_SHELL || r->route->verb == VERB_SHELL_RENEW)
		return ANSWER_SHELL;
	switch (verb_entity(r->route->verb)) {
	case ENTITY_RUN:
		return ANSWER_RUN;
	case ENTITY_ORDER:
		return ANSWER_ORDER;
	case ENTITY_NODE:
	case ENTITY_ATTEMPT:
	case ENTITY_WORKER:
	case ENTITY_ENGINE:
	case ENTITY_PATCH:
	case ENTITY_COUNT:
		break;
	}
	if (r->route->verb == VERB_BREAKER)
		return ANSWER_BREAKER;
	if (r->route->verb == VERB_PATCH)
		return ANSWER_PATCH;
	return r->route->verb == VERB_SUBMIT ? ANSWER_ORDER : ANSWER_QUEUE;
}

static enum err_code write_answer(struct request *r, id_t64 id, struct err *err)
{
	struct jw w = jw_begin(&r->out);
	struct order_row o;
	struct run_row run;
	enum err_code code = ERR_OK;
	switch (answer_of(r)) {
	case ANSWER_ORDER:
		if (!(code = store_order_get(r->api->store, id, &o, err)))
			show_order(r->api, &w, NULL, &o);
		break;
	case ANSWER_RUN:
		if (!(code = store_run_get(r->api->store, id, &run, err)))
			show_run(r->api, &w, NULL, &run);
		break;
	case ANSWER_BREAKER:
		breaker_answer(r, r->args[0]);
		break;
	case ANSWER_PATCH:
		code = patch_answer(r, id, err);
		break;
	case ANSWER_QUEUE:
		code = api_queue_stats(r, err);
		break;
	case ANSWER_SHELL:
		code = show_shell(r, &w, id, err);
		break;
	case ANSWER_BREAKPOINTS:
		code = show_breakpoints(r->api, &w, NULL, id, err);
		break;
	}
	return code;
}

/* What a refusal says beside its sentence. */
static void write_details(struct request *r, const struct command_reply *reply)
{
	struct jw w = jw_begin(&r->details);
	enum entity e = verb_entity(r->route->verb);
	jw_obj(&w, NULL);
	if (reply->report)
		show_report(&w, "issues", reply->report);
	if (reply->code == ERR_CONFLICT && reply->state >= 0 && e != ENTITY_ENGINE) {
		auto_str legal = STR_INIT;
		verbs_legal(e, reply->state, &legal);
		jw_str(&w, "state", state_name(e, reply->state));
		jw_str(&w, "verb", verb_name(r->route->verb));
		jw_arr(&w, "legal");
		for (const char *p = str_text(&legal); *p;) {
			size_t n = strcspn(p, ",");
			jw_strn(&w, NULL, p, n);
			p += n + strspn(p + n, ", ");
		}
		jw_end_arr(&w);
	}
	jw_end_obj(&w);
}

static void answered(void *ctx, const struct command_reply *reply)
{
	struct request *r = ctx;
	if (reply->code) {
		write_details(r, reply);
		request_finish(r, reply->code, reply->err);
		return;
	}
	struct err err = { .code = ERR_OK };
	r->replayed = reply->replayed;
	if (r->route->verb == VERB_SUBMIT || r->route->verb == VERB_FORK)
		r->status = 201;
	if (verb_entity(r->route->verb) == ENTITY_RUN)
		forget_run_graph(r->api, reply->id); /* it may have been edited */
	enum err_code code = write_answer(r, reply->id, &err);
	if (code)
		r->status = 0;
	request_finish(r, code, &err);
}

void command_start(struct request *r, struct command *c)
{
	c->verb = r->route->verb;
	c->who = request_who(r);
	c->idempotency_key = r->idempotency_key;
	if (r->idempotency_key) {
		struct hash_part parts[] = { { r->target.path, strlen(r->target.path) },
			                     { str_text(&r->body), r->body.len } };
		c->body = hash_parts(parts, COUNT(parts));
	}
	request_wait(r);
	engine_command(r->api->engine, c, answered, r);
}

/* ---- verbs ---- */

static enum err_code common(struct request *r, struct command *c, struct err *err)
{
	int64_t priority = 0;
	enum err_code code = body_text(r->json, "reason", &c->reason, err);
	if (!code)
		code = body_number(r->json, "priority", 0, -1000000, 1000000, &priority, err);
	if (!code)
		c->priority = (int)priority;
	bool priority_verb =
	    r->route->verb == VERB_RUN_PRIORITY || r->route->verb == VERB_ORDER_PRIORITY;
	if (!code && priority_verb && json_type(json_get(r->json, "priority")) != JSON_NUMBER)
		return err_set(err, ERR_USAGE, _("priority: expected a whole number"));
	return code;
}

enum err_code api_order_verb(struct request *r, struct err *err)
{
	struct command c = { .verb = r->route->verb };
	engine_settle(r->api->engine);
	enum err_code code = find_order(r->api, r->args[0], &c.id, err);
	if (!code)
		code = common(r, &c, err);
	if (!code)
		command_start(r, &c);
	return code;
}

/* A number or a text. */
enum err_code body_checkpoint(const struct json *body, char *number, size_t size, const char **ret, struct err *err)
{
	const struct json *v = json_get(body, "checkpoint");
	if (json_type(v) != JSON_NUMBER)
		return body_text(body, "checkpoint", ret, err);
	if (json_int(v, -1) < 0)
		return err_set(err, ERR_USAGE, _("checkpoint: expected its number, a node, or start"));
	(void)snprintf(number, size, "%lld", (long long)json_int(v, -1));
	*ret = number;
	return ERR_OK;
}

enum err_code api_run_verb(struct request *r, struct err *err)
{
	struct command c = { .verb = r->route->verb };
	struct edit_spec edit;
	bool edits = false;
	const char *node = NULL;
	char number[24];
	auto_free const char **nodes = NULL;
	engine_settle(r->api->engine);
	enum err_code code = find_run(r->api, r->args[0], &c.id, err);
	if (!code)
		code = common(r, &c, err);
	if (!code)
		code = body_text(r->json, "node", &node, err);
	if (!code)
		code = body_flag(r->json, "failure", &c.failure, err);
	if (!code)
		code = body_flag(r->json, "only", &c.only, err);
	if (!code)
		code = body_flag(r->json, "keep_files", &c.keep_files, err);
	if (!code)
		code = body_flag(r->json, "restore", &c.restore, err);
	if (!code)
		code = body_flag(r->json, "now", &c.now, err);
	if (!code)
		code = body_checkpoint(r->json, number, sizeof(number), &c.checkpoint, err);
	if (!code)
		code = body_texts(r->json, "nodes", 1000, &nodes, &c.nnodes, err);
	if (!code && (c.verb == VERB_RETRY || c.verb == VERB_RESUME_FROM))
		code = read_edit(r->json, true, &edit, &edits, err);
	if (code)
		return code;
	c.edit = edits ? &edit : NULL;
	c.nodes = nodes;
	if (node) {
		c.nodes = &node;
		c.nnodes = 1;
	}
	if (c.verb == VERB_UNTIL && !c.nnodes && !c.failure)
		return err_set(err, ERR_USAGE,
		               _("until: name at least one node in \"nodes\", or set \"failure\""));
	/* With another definition, that one says which nodes there are. */
	for (size_t i = 0; i < c.nnodes && !(edits && edit.from_file); i++) {
		int idx;
		code = node_find(r->api, c.id, c.nodes[i], &idx, err);
		if (code)
			return code;
	}
	command_start(r, &c);
	return ERR_OK;
}

enum err_code api_node_verb(struct request *r, struct err *err)
{
	struct command c = { .verb = r->route->verb, .nodes = &r->args[1], .nnodes = 1 };
	int idx;
	engine_settle(r->api->engine);
	enum err_code code = find_run(r->api, r->args[0], &c.id, err);
	if (!code)
		code = node_find(r->api, c.id, r->args[1], &idx, err);
	if (!code)
		code = common(r, &c, err);
	if (code)
		return code;
	const struct json *outputs = json_get(r->json, "outputs");
	c.outputs = json_type(outputs) == JSON_NULL ? NULL : outputs;
	command_start(r, &c);
	return ERR_OK;
}

enum err_code api_fork(struct request *r, struct err *err)
{
	struct command c = { .verb = VERB_FORK };
	char number[24];
	engine_settle(r->api->engine);
	enum err_code code = find_run(r->api, r->args[0], &c.id, err);
	if (!code)
		code = common(r, &c, err);
	if (!code)
		code = body_checkpoint(r->json, number, sizeof(number), &c.checkpoint, err);
	if (!code)
		code = body_flag(r->json, "paused", &c.paused, err);
	if (!code)
		code = body_flag(r->json, "keep_files", &c.keep_files, err);
	c.params = json_get(r->json, "params");
	if (!code && c.params && json_type(c.params) != JSON_OBJECT)
		code = err_set(err, ERR_USAGE, _("params: expected an object"));
	if (!code)
		command_start(r, &c);
	return code;
}

enum err_code api_queue_verb(struct request *r, struct err *err)
{
	struct command c = { .verb = r->route->verb };
	enum err_code code = common(r, &c, err);
	if (!code)
		command_start(r, &c);
	return code;
}
