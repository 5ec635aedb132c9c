/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checks of a node as a step: pawl-verify and its spec (verify.h). */
#include "work/executor_rows.h"

#include <string.h>

#define SCRIPT_ARG_MAX (96 * KIB)
#define DOCUMENT_MAX (3 * MIB) /* has to fit into a message to the worker with everything else */

static void add_words(struct jw *w, const char *key, char *const *words, size_t n)
{
	jw_arr(w, key);
	for (size_t i = 0; i < n; i++)
		jw_str(w, NULL, words[i]);
	jw_end_arr(w);
}

/* ---- commands ---- */

/* clang-format off */
static const struct {
	const char *with_text[6], *with_file[6];
} shells[] = {
	[SHELL_SH]     = { { "sh", "-eu", "-c" },                { "sh", "-eu" } },
	[SHELL_BASH]   = { { "bash", "-euo", "pipefail", "-c" }, { "bash", "-euo", "pipefail" } },
	[SHELL_PYTHON] = { { "python3", "-c" },                  { "python3" } },
};
/* clang-format on */

static void add_command(struct jw *w, const struct graph_command *command)
{
	bool custom = command->shell == SHELL_CUSTOM;
	bool file = command->script && (custom || strlen(command->script) > SCRIPT_ARG_MAX);
	jw_arr(w, "argv");
	if (command->shell == SHELL_NONE) {
		for (size_t i = 0; i < command->nargv; i++)
			jw_str(w, NULL, command->argv[i]);
	} else if (custom) {
		for (size_t i = 0; command->shell_argv[i]; i++)
			jw_str(w, NULL, command->shell_argv[i]);
	} else {
		const char *const *words = file ? shells[command->shell].with_file : shells[command->shell].with_text;
		for (size_t i = 0; words[i]; i++)
			jw_str(w, NULL, words[i]);
	}
	if (command->script && !file)
		jw_str(w, NULL, command->script);
	jw_end_arr(w);
	if (file)
		jw_str(w, "script", command->script);
}

static void add_fixture(struct jw *w, const struct check_fixture *f)
{
	if (f->input)
		jw_str(w, "stdin", f->input);
	jw_int(w, "exit", f->exit_code);
	add_words(w, "contains", f->contains, f->ncontains);
	add_words(w, "matches", f->matches, f->nmatches);
	if (f->json)
		jw_raw(w, "json", f->json);
	if (f->schema_json)
		jw_raw(w, "schema", f->schema_json);
	jw_arr(w, "compare");
	for (size_t i = 0; i < f->nfiles; i++) {
		jw_obj(w, NULL);
		jw_str(w, "path", f->files[i].path);
		jw_str(w, "expected", f->files[i].expected);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

/* ---- checks ---- */

static void add_check(struct jw *w, const struct graph_check *c)
{
	jw_obj(w, NULL);
	jw_str(w, "level", verify_level_name(c->level));
	jw_str(w, "kind", check_kind_name(c->kind));
	jw_str(w, "name", c->name);
	jw_bool(w, "skip", c->skip);
	if (c->nfiles)
		add_words(w, "files", c->files, c->nfiles);
	if (c->npatterns)
		add_words(w, "patterns", c->patterns, c->npatterns);
	if (c->nin)
		add_words(w, "in", c->in, c->nin);
	if (c->nallow)
		add_words(w, "allow", c->allow, c->nallow);
	if (c->ndeny)
		add_words(w, "deny", c->deny, c->ndeny);
	if (c->max_file)
		jw_int(w, "max_file", c->max_file);
	if (c->kind == CHECK_RUN || c->kind == CHECK_FIXTURE) {
		jw_int(w, "timeout_ms", c->timeout_ms);
		jw_str(w, "parse", check_parse_name(c->parse));
		if (c->report)
			jw_str(w, "report", c->report);
		add_command(w, &c->command);
	}
	if (c->fixture)
		add_fixture(w, c->fixture);
	jw_end_obj(w);
}

static void add_document(struct jw *w, const struct step_context *c, const struct step_build *b)
{
	const struct graph_node *node = c->node;
	jw_obj(w, NULL);
	jw_str(w, "workspace", c->workspace);
	jw_str(w, "run", b->spec.run_id);
	jw_str(w, "node", b->spec.node_name);
	jw_int(w, "iteration", c->iteration);
	if (c->changed)
		jw_raw(w, "changed", c->changed);
	if (b->spec.log_path) {
		const char *log = b->spec.log_path;
		size_t len = strlen(log);
		len -= len > 4 && str_eq(log + len - 4, ".log") ? 4 : 0;
		auto_free char *path = xasprintf("%.*s.verify.json", (int)len, log);
		jw_str(w, "report", path);
	}
	jw_arr(w, "skip_levels");
	for (int l = 0; l < VERIFY_LEVEL_COUNT; l++)
		if (node->verify_skip >> l & 1)
			jw_str(w, NULL, verify_level_name((enum verify_level)l));
	jw_end_arr(w);
	jw_arr(w, "secrets");
	for (size_t i = 0; b->spec.secrets && b->spec.secrets[i]; i++)
		jw_str(w, NULL, b->spec.secrets[i]);
	jw_end_arr(w);
	jw_arr(w, "checks");
	for (size_t i = 0; i < node->nchecks; i++)
		add_check(w, &node->checks[i]);
	jw_end_arr(w);
	jw_end_obj(w);
}

enum err_code verify_prepare(const struct step_context *c, struct step_build *b, struct err *err)
{
	auto_free char *program = xasprintf("%s/pawl-verify", c->libexec);
	auto_str document = STR_INIT;
	struct jw w = jw_begin(&document);
	add_document(&w, c, b);
	if (document.len > DOCUMENT_MAX)
		return err_set(err, ERR_TOO_LARGE, _("the checks have %zu bytes when quoted; at most %d can be given"),
			       document.len, DOCUMENT_MAX);
	free(b->argv);
	b->argv = xcalloc(2, sizeof(*b->argv));
	b->argv[0] = step_keep(b, program, strlen(program));
	b->nargv = 1;
	b->spec.argv = b->argv;
	b->spec.script = NULL;
	b->spec.plain = false;
	b->spec.script_file = false;
	b->spec.stdin_bytes = step_keep(b, document.p, document.len);
	b->spec.stdin_len = document.len;
	return ERR_OK;
}

void verify_end_take(struct step_result *r, struct step_end *ret)
{
	*ret = (struct step_end){ 0 };
	report_take(r, ret);
	/* Without a word of pawl-verify it did not judge: that is no verdict about the work. */
	if (r->class == CLASS_EXIT)
		r->class = CLASS_SYSTEM;
	else if (r->class == CLASS_NONE && !ret->report.len)
		r->class = CLASS_OUTPUT;
}
