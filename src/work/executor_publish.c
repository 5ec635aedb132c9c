/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishing as a step: pawl-publish and its spec (publish_main.c). */
#include "work/executor_rows.h"

#include <string.h>

static enum err_code add_github(struct jw *w, const struct step_context *c, const struct step_build *b, const char *usual,
				struct err *err)
{
	const struct node_publish *p = &c->node->publish;
	const char *name = p->token_env ? p->token_env : "GITHUB_TOKEN";
	const char *value = p->token ? NULL : getenv(name);
	auto_free char *body = xasprintf("Made by run %s.", b->spec.run_id);
	jw_obj(w, "github");
	enum err_code code = spec_text(w, "api", p->api, c->scope, err);
	if (!code)
		code = spec_text(w, "repository", p->repository, c->scope, err);
	if (!code)
		code = spec_text(w, "base", p->base, c->scope, err);
	if (!code && p->title)
		code = spec_text(w, "title", p->title, c->scope, err);
	else if (!code)
		jw_str(w, "title", usual);
	if (!code && p->body)
		code = spec_text(w, "body", p->body, c->scope, err);
	else if (!code)
		jw_str(w, "body", body);
	if (!code && p->token)
		code = spec_text(w, "token", p->token, c->scope, err);
	else if (!code && value && *value)
		jw_str(w, "token", value);
	else if (!code)
		jw_str(w, "missing_token", name);
	jw_bool(w, "draft", p->draft);
	jw_end_obj(w);
	return code;
}

enum err_code prepare_publish(const struct step_context *c, struct step_build *b, struct err *err)
{
	const struct node_publish *p = &c->node->publish;
	auto_free char *program = xasprintf("%s/pawl-publish", c->libexec);
	auto_free char *usual = xasprintf("%s: what run %s made", c->graph ? c->graph->name : "pawl", b->spec.run_id);
	auto_str document = STR_INIT;
	struct jw w = jw_begin(&document);
	jw_obj(&w, NULL);
	jw_str(&w, "workspace", c->workspace);
	jw_str(&w, "mode", publish_mode_name(p->mode));
	jw_bool(&w, "push", p->push);
	enum err_code code = spec_text(&w, "remote", p->remote, c->scope, err);
	if (!code)
		code = spec_text(&w, "branch", p->branch, c->scope, err);
	if (!code && p->github)
		code = add_github(&w, c, b, usual, err);
	if (!code && p->message)
		code = spec_text(&w, "message", p->message, c->scope, err);
	else if (!code)
		jw_str(&w, "message", usual);
	jw_end_obj(&w);
	if (code)
		return code;
	free(b->argv);
	b->argv = xcalloc(2, sizeof(*b->argv));
	b->argv[0] = step_keep(b, program, strlen(program));
	b->nargv = 1;
	b->spec.argv = b->argv;
	b->spec.stdin_bytes = step_keep(b, document.p, document.len);
	b->spec.stdin_len = document.len;
	return ERR_OK;
}
