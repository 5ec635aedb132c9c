/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where an attempt stood: its environment and folder, made again from the run as it is now. */
#include "engine/engine_internal.h"

#include <string.h>

static enum err_code give(struct engine *e, struct node *n, void (*fn)(void *ctx, const struct stand *s), void *ctx,
			  struct err *err)
{
	struct step_build b = { .texts = NULL };
	enum err_code code = step_surroundings(e, n, &b, err);
	struct step_build whole = { .texts = NULL };
	struct err why;
	/* What it ran cannot always be had: an output that it names may be gone. It can be stood in all the same. */
	bool known = !code && !node_is_own(n) && step_prepare(e, n, &whole, &why) == ERR_OK;
	if (!code) {
		const struct step_spec *s = &b.spec;
		struct stand stand = { .cwd = s->cwd, .env = b.env, .nenv = b.nenv, .secrets = s->secrets,
				       .memory_bytes = s->memory_bytes, .cpu_s = s->cpu_s,
				       .file_bytes = s->file_bytes, .open_files = s->open_files,
				       .processes = s->processes,
				       .argv = known ? whole.spec.argv : NULL,
				       .script = known ? whole.spec.script : NULL };
		fn(ctx, &stand);
	}
	step_build_done(&whole);
	step_build_done(&b);
	return code;
}

enum err_code engine_stand(struct engine *e, id_t64 run, const char *node, const struct attempt_row *a,
			   void (*fn)(void *ctx, const struct stand *s), void *ctx, struct err *err)
{
	struct run *r;
	bool loaded;
	enum err_code code = run_look(e, run, &r, &loaded, err);
	if (code)
		return code;
	struct node *n = run_node(r, node);
	if (!n) {
		code = err_set(err, ERR_NOT_FOUND, _("the run has no node %.64s"), node);
	} else {
		enum run_phase phase = r->phase;
		int generation = n->generation, iteration = n->iteration, attempt = n->attempt;
		if (!node_is_handler(n))
			r->phase = PHASE_MAIN; /* as it was when it ran */
		if (a) {
			n->generation = a->generation;
			n->iteration = a->iteration;
			n->attempt = a->attempt;
		}
		code = give(e, n, fn, ctx, err);
		r->phase = phase;
		n->generation = generation;
		n->iteration = iteration;
		n->attempt = attempt;
	}
	run_look_done(e, r, loaded);
	return code;
}
