/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What retry or resume-from would do, shown before it is done. */
#include "api/api_internal.h"

#include <string.h>

#define NODES_MAX 64 /* named in one question */

struct preview {
	struct jw w;
	int counts[4]; /* by the verdict, in the order of `verdicts` */
};

static const char *const verdicts[] = { "open", "kept", "rerun", "stale" };

static void show_row(void *ctx, const struct reset_preview *p)
{
	struct preview *l = ctx;
	jw_obj(&l->w, NULL);
	jw_str(&l->w, "node", p->node);
	jw_str(&l->w, "state", state_name(ENTITY_NODE, (int)p->state));
	jw_str(&l->w, "verdict", p->verdict);
	jw_str(&l->w, "why", p->why);
	jw_end_obj(&l->w);
	for (size_t i = 0; i < COUNT(verdicts); i++)
		l->counts[i] += str_eq(p->verdict, verdicts[i]);
}

/* "a,b" cut into its parts, in place. */
static size_t split_names(char *text, const char **names)
{
	size_t n = 0;
	for (char *save = NULL, *part = strtok_r(text, ",", &save); part && n < NODES_MAX;
	     part = strtok_r(NULL, ",", &save))
		names[n++] = part;
	return n;
}

enum err_code api_preview(struct request *r, struct err *err)
{
	const char *verb = request_query(r, "verb", "retry");
	struct command c = { .verb = str_eq(verb, "retry") ? VERB_RETRY : VERB_RESUME_FROM };
	if (c.verb == VERB_RESUME_FROM && !str_eq(verb, "resume_from"))
		return err_set(err, ERR_USAGE,
		               _("verb: \"%.40s\" has no preview; retry and resume_from have one"),
		               verb);
	enum err_code code = find_run(r->api, r->args[0], &c.id, err);
	if (!code)
		code = request_flag(r, "only", &c.only, err);
	if (code)
		return code;
	auto_free char *text = xstrdup(request_query(r, "node", ""));
	const char *names[NODES_MAX];
	c.nodes = names;
	c.nnodes = split_names(text, names);
	struct preview p = { .w = jw_begin(&r->out) };
	jw_obj(&p.w, NULL);
	jw_str(&p.w, "run", id_text('r', c.id).s);
	jw_str(&p.w, "verb", verb_name(c.verb));
	jw_arr(&p.w, "items");
	code = engine_reset_preview(r->api->engine, &c, show_row, NULL, &p, err);
	if (code) {
		str_clear(&r->out);
		return code;
	}
	jw_end_arr(&p.w);
	jw_obj(&p.w, "counts");
	for (size_t i = 0; i < COUNT(verdicts); i++)
		jw_int(&p.w, verdicts[i], p.counts[i]);
	jw_end_obj(&p.w);
	jw_str(&p.w, "workspace", _("stays as it is: snapshots of workspaces are not taken"));
	jw_end_obj(&p.w);
	return ERR_OK;
}
