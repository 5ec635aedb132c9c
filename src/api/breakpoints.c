/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Breakpoints of a run: listed, added, removed. Each change is answered with the list. */
#include "api/api_internal.h"

#include "store/steer.h"

#include <string.h>

static void show_one(void *ctx, const struct breakpoint_row *b)
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
	jw_int(w, "hit", b->hits);
	jw_time(w, "at_ms", b->made_ms);
	jw_str(w, "who", b->who);
	jw_end_obj(w);
}

enum err_code show_breakpoints(struct api *a, struct jw *w, const char *key, id_t64 run, struct err *err)
{
	jw_obj(w, key);
	jw_id(w, "run", 'r', run);
	jw_arr(w, "items");
	enum err_code code = store_breakpoints_of(a->store, run, show_one, w, err);
	jw_end_arr(w);
	jw_end_obj(w);
	return code;
}

enum err_code api_breakpoints(struct request *r, struct err *err)
{
	id_t64 run;
	engine_settle(r->api->engine);
	enum err_code code = find_run(r->api, r->args[0], &run, err);
	struct jw w = jw_begin(&r->out);
	return code ? code : show_breakpoints(r->api, &w, NULL, run, err);
}

enum err_code api_break(struct request *r, struct err *err)
{
	struct breakpoint_spec s;
	struct command c = { .breakpoint = &s };
	engine_settle(r->api->engine);
	enum err_code code = find_run(r->api, r->args[0], &c.id, err);
	if (!code)
		code = body_text(r->json, "reason", &c.reason, err);
	if (!code)
		code = breakpoint_read(r->json, &s, err);
	if (!code)
		command_start(r, &c);
	return code;
}

enum err_code api_unbreak(struct request *r, struct err *err)
{
	struct command c = { .number = 0 };
	engine_settle(r->api->engine);
	enum err_code code = find_run(r->api, r->args[0], &c.id, err);
	const char *text = r->args[1];
	if (!code && text) {
		char *end;
		long n = strtol(text, &end, 10);
		if (*end || n < 1 || n > INT32_MAX)
			code = err_set(err, ERR_USAGE, _("\"%.40s\" is no number of a breakpoint"), text);
		c.number = (int)n;
	}
	if (!code)
		command_start(r, &c);
	return code;
}
