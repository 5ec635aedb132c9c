/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Editing a run between steps. */
#include "api/api_internal.h"

#include <string.h>

static const struct json *member(const struct json *body, const char *name)
{
	const struct json *v = json_get(body, name);
	return json_type(v) == JSON_NULL ? NULL : v;
}

/* {"source"} or {"node", "text"}; "new" and "pinned" where a run goes back. */
static enum err_code read_definition(const struct json *v, bool reset, struct edit_spec *ret, struct err *err)
{
	if (reset) {
		const char *text = json_str(v, "");
		ret->from_file = str_eq(text, "new");
		return ret->from_file || str_eq(text, "pinned") ?
			       ERR_OK :
			       err_set(err, ERR_USAGE, _("definition: possible are \"new\" and \"pinned\""));
	}
	if (json_type(v) != JSON_OBJECT)
		return err_set(err, ERR_USAGE, _("definition: expected an object with source, or with node and text"));
	ret->source = json_get_str(v, "source", NULL);
	ret->node = json_get_str(v, "node", NULL);
	ret->text = json_get_str(v, "text", NULL);
	for (const struct json *i = json_first(v); i; i = json_next(i))
		if (!str_eq(json_key(i), "source") && !str_eq(json_key(i), "node") && !str_eq(json_key(i), "text"))
			return err_set(err, ERR_USAGE, _("definition.%.40s: possible are source, node and text"), json_key(i));
	if (!ret->source == !ret->node || !ret->node != !ret->text)
		return err_set(err, ERR_USAGE, _("definition: give the source, or a node and its text"));
	return ERR_OK;
}

enum err_code read_edit(const struct json *body, bool reset, struct edit_spec *ret, bool *ret_any, struct err *err)
{
	const struct json *definition = member(body, "definition");
	*ret = (struct edit_spec){ .params = member(body, reset ? "set" : "params"), .env = member(body, "env"),
				   .outputs = reset ? NULL : member(body, "outputs") };
	enum err_code code = definition ? read_definition(definition, reset, ret, err) : ERR_OK;
	*ret_any = ret->params || ret->env || ret->outputs || ret->source || ret->node || ret->from_file;
	return code;
}

enum err_code api_edit(struct request *r, struct err *err)
{
	struct edit_spec spec;
	struct command c = { .edit = &spec };
	bool any;
	engine_settle(r->api->engine);
	enum err_code code = find_run(r->api, r->args[0], &c.id, err);
	if (!code)
		code = body_text(r->json, "reason", &c.reason, err);
	if (!code)
		code = read_edit(r->json, false, &spec, &any, err);
	if (!code)
		command_start(r, &c);
	return code;
}
