/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Patches as a step: pawl-patch and its spec (patch_main.c). */
#include "work/executor_rows.h"

#include <string.h>

#define DOCUMENT_MAX (3 * MIB) /* has to fit into a message to the worker with everything else */

static void add_list(struct jw *w, const char *key, char *const *v, size_t n)
{
	jw_arr(w, key);
	for (size_t i = 0; i < n; i++)
		jw_str(w, NULL, v[i]);
	jw_end_arr(w);
}

static void add_rules(struct jw *w, const struct node_patch *p)
{
	jw_int(w, "strip", p->strip);
	add_list(w, "allow", p->allow, p->nallow);
	add_list(w, "deny", p->deny, p->ndeny);
	jw_int(w, "max_file", p->max_file);
	jw_int(w, "max_files", (int64_t)p->max_files);
	jw_int(w, "max_lines", (int64_t)p->max_lines);
	jw_bool(w, "binary", p->binary);
	jw_bool(w, "modes", p->modes);
	jw_bool(w, "symlinks", p->symlinks);
	jw_bool(w, "commit", p->commit);
}

enum err_code prepare_patch(const struct step_context *c, struct step_build *b, struct err *err)
{
	const struct node_patch *p = &c->node->patch;
	auto_free char *program = xasprintf("%s/pawl-patch", c->libexec);
	auto_str document = STR_INIT;
	struct jw w = jw_begin(&document);
	jw_obj(&w, NULL);
	jw_str(&w, "workspace", c->workspace);
	jw_str(&w, "stem", c->patch_stem);
	jw_str(&w, "patch", c->patch_id);
	enum err_code code = spec_text(&w, "file", p->file, c->scope, err);
	if (!code)
		code = spec_text(&w, "text", p->text, c->scope, err);
	add_rules(&w, p);
	jw_end_obj(&w);
	if (!code && document.len > DOCUMENT_MAX)
		code = err_set(err, ERR_TOO_LARGE, _("the diff has %zu bytes when quoted; at most %d can be given"), document.len,
			       DOCUMENT_MAX);
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
