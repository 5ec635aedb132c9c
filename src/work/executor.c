/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of executors: how each kind of node becomes a process. */
#include "work/executor.h"

#include "base/utf8.h"
#include "work/executor_rows.h"
#include "work/http.h"

#include <assert.h>
#include <string.h>

/* The kernel takes 128 KiB as one argument; longer scripts go through a file. */
#define SCRIPT_ARG_MAX (96 * KIB)

/* Room for n words and the NULL. */
static const char **new_argv(struct step_build *b, size_t n)
{
	free(b->argv);
	b->argv = xcalloc(n + 1, sizeof(*b->argv));
	b->nargv = n;
	b->spec.argv = b->argv;
	return b->argv;
}

static void copy_argv(struct step_build *b, const char *const *words)
{
	size_t n = 0;
	while (words[n])
		n++;
	const char **argv = new_argv(b, n);
	for (size_t i = 0; i < n; i++)
		argv[i] = words[i];
}

/* ---- run ---- */

/* clang-format off */
static const struct {
	const char *with_text[6], *with_file[6];
} shells[] = {
	[SHELL_SH]     = { { "sh", "-eu", "-c" },                     { "sh", "-eu" } },
	[SHELL_BASH]   = { { "bash", "-euo", "pipefail", "-c" },      { "bash", "-euo", "pipefail" } },
	[SHELL_PYTHON] = { { "python3", "-c" },                       { "python3" } },
};
/* clang-format on */

static enum err_code prepare_list(const struct step_context *c, struct step_build *b, struct err *err)
{
	const struct node_run *run = &c->node->run;
	const char **argv = new_argv(b, run->nargv);
	for (size_t i = 0; i < run->nargv; i++) {
		auto_str word = STR_INIT;
		enum err_code code = tmpl_text(run->argv_tmpl[i], c->scope, &word, err);
		if (code)
			return code;
		if (word.p && strlen(word.p) != word.len)
			return err_set(err, ERR_INVALID,
				       _("word %zu of `run` holds a NUL byte; no argument can"), i + 1);
		argv[i] = step_keep(b, str_text(&word), word.len);
	}
	if (!argv[0] || !argv[0][0])
		return err_set(err, ERR_INVALID, _("the first word of `run` is empty; it names the program"));
	return ERR_OK;
}

static bool prepare_plain(const char *script, struct step_build *b)
{
	auto_str words = STR_INIT;
	size_t n;
	if (!script_is_plain(script, &words, &n))
		return false;
	const char **argv = new_argv(b, n), *at = step_keep(b, words.p, words.len);
	for (size_t i = 0; i < n; i++, at += strlen(at) + 1)
		argv[i] = at;
	b->spec.plain = true;
	return true;
}

static enum err_code prepare_run(const struct step_context *c, struct step_build *b, struct err *err)
{
	const struct node_run *run = &c->node->run;
	if (run->shell == SHELL_NONE)
		return prepare_list(c, b, err);
	b->spec.script = run->script; /* the graph outlives the step */
	if (run->shell == SHELL_CUSTOM) {
		copy_argv(b, (const char *const *)run->shell_argv);
		b->spec.script_file = true;
		return ERR_OK;
	}
	if (run->shell == SHELL_SH && prepare_plain(run->script, b))
		return ERR_OK;
	b->spec.script_file = strlen(run->script) > SCRIPT_ARG_MAX;
	copy_argv(b, b->spec.script_file ? shells[run->shell].with_file : shells[run->shell].with_text);
	return ERR_OK;
}

/* ---- http: the request itself is made by pawl-http ---- */

static void add_headers(struct jw *w, const struct node_http *http)
{
	jw_arr(w, "expect");
	for (size_t i = 0; i < http->nexpect; i++)
		jw_int(w, NULL, http->expect[i]);
	jw_end_arr(w);
	jw_arr(w, "outputs");
	for (size_t i = 0; i < http->noutputs; i++) {
		jw_obj(w, NULL);
		jw_str(w, "name", http->outputs[i].name);
		jw_str(w, "path", http->outputs[i].path);
		jw_end_obj(w);
	}
	jw_end_arr(w);
}

enum err_code spec_text(struct jw *w, const char *key, const struct tmpl *t, const struct expr_scope *scope, struct err *err)
{
	auto_str text = STR_INIT;
	if (!t)
		return ERR_OK;
	enum err_code code = tmpl_text(t, scope, &text, err);
	if (code)
		return code;
	if (strlen(str_text(&text)) != text.len)
		return err_set(err, ERR_INVALID, _("\"%s\" holds a NUL byte; a text has none"), key);
	jw_strn(w, key, str_text(&text), text.len);
	return ERR_OK;
}

/* As it is, NUL bytes and all: a body may hold them. */
static enum err_code add_tmpl(struct jw *w, const char *key, const struct tmpl *t,
			      const struct expr_scope *scope, struct err *err)
{
	auto_str text = STR_INIT;
	if (!t)
		return ERR_OK;
	enum err_code code = tmpl_text(t, scope, &text, err);
	if (!code)
		jw_strn(w, key, str_text(&text), text.len);
	return code;
}

static enum err_code prepare_http(const struct step_context *c, struct step_build *b, struct err *err)
{
	const struct node_http *http = &c->node->http;
	auto_str document = STR_INIT;
	struct jw w = jw_begin(&document);
	jw_obj(&w, NULL);
	enum err_code code = add_tmpl(&w, "method", http->method, c->scope, err);
	if (!code)
		code = add_tmpl(&w, "url", http->url, c->scope, err);
	if (!code)
		code = add_tmpl(&w, "body", http->body, c->scope, err);
	jw_arr(&w, "headers");
	for (size_t i = 0; i < http->nheaders && !code; i++) {
		jw_obj(&w, NULL);
		jw_str(&w, "name", http->headers[i].name);
		code = add_tmpl(&w, "value", http->headers[i].value, c->scope, err);
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	add_headers(&w, http);
	jw_bool(&w, "follow", http->follow_redirects);
	jw_int(&w, "timeout_ms", c->node->timeout_ms);
	jw_end_obj(&w);
	if (code)
		return code;
	auto_free char *program = xasprintf("%s/pawl-http", c->libexec);
	new_argv(b, 1)[0] = step_keep(b, program, strlen(program));
	b->spec.stdin_len = document.len;
	b->spec.stdin_bytes = step_keep(b, document.p, document.len);
	return ERR_OK;
}

/* pawl-http says by its exit status what went wrong, and in its outputs when to come again. */
static void finish_http(const struct graph_node *node UNUSED, struct step_result *r, struct step_end *end)
{
	if (r->class != CLASS_EXIT && r->class != CLASS_NONE)
		return;
	enum error_class class = http_exit_class(r->exit_code);
	if (r->class == CLASS_EXIT && class != CLASS_NONE)
		r->class = class;
	if (r->class == CLASS_NONE)
		return;
	auto_json *v = NULL;
	if (!end->outputs.len || json_parse(end->outputs.p, end->outputs.len, OUTPUTS_MAX * 4, &v, NULL))
		return;
	const char *after = json_get_str(v, "retry_after_ms", NULL), *error = json_get_str(v, "error", NULL);
	if (after)
		end->retry_after_ms = strtoll(after, NULL, 10);
	if (error) {
		str_clear(&end->message);
		text_add_safe(&end->message, error, strlen(error), SAFE_PLAIN, false);
	}
}

/* ---- the table ---- */

/* clang-format off */
static const struct executor rows[] = {
	[NODE_RUN]      = { NODE_RUN,      "run",      prepare_run,   NULL,         .form = OUTPUT_LINES },
	[NODE_HTTP]     = { NODE_HTTP,     "http",     prepare_http,  finish_http,  .form = OUTPUT_LINES },
	[NODE_WORKFLOW] = { NODE_WORKFLOW, "workflow", NULL,          NULL,         .form = OUTPUT_LINES },
	[NODE_GROUP]    = { NODE_GROUP,    "group",    NULL,          NULL,         .form = OUTPUT_LINES },
	[NODE_AGENT]    = { NODE_AGENT,    "agent",    prepare_agent, finish_agent, .form = OUTPUT_REPORT },
	[NODE_LLM]      = { NODE_LLM,      "llm",      prepare_llm,   NULL,         .form = OUTPUT_REPORT },
	[NODE_APPROVAL] = { NODE_APPROVAL, "approval", NULL,          NULL,         .form = OUTPUT_LINES },
	[NODE_PUBLISH]  = { NODE_PUBLISH,  "publish",  prepare_publish, NULL,       .form = OUTPUT_REPORT },
	[NODE_PATCH]    = { NODE_PATCH,    "patch",    prepare_patch, NULL,         .form = OUTPUT_REPORT },
};
/* clang-format on */
static_assert(COUNT(rows) == NODE_KIND_COUNT, "every kind of node has an executor");

const struct executor *executor_for(enum node_kind kind)
{
	return &rows[kind];
}

/* Whatever the node is: its checks and its strategy are the same programs. */
const struct executor *executor_at(enum node_kind kind, enum attempt_phase phase)
{
	static const struct executor verify = { NODE_RUN, "verify", verify_prepare, NULL, .form = OUTPUT_REPORT };
	static const struct executor strategy = { NODE_RUN, "strategy", prepare_strategy, NULL, .form = OUTPUT_LINES };
	return phase == PHASE_VERIFY ? &verify : phase == PHASE_STRATEGY ? &strategy : executor_for(kind);
}

char *executor_breaker(const struct graph *g, const struct graph_node *node, size_t i)
{
	if (node->kind == NODE_LLM && i < node->llm.nproviders)
		return xasprintf("llm:%s", g->providers[node->llm.providers[i]].name);
	if (node->kind != NODE_AGENT || i > 0)
		return NULL;
	auto_free char *program = agent_program(&node->agent);
	return xasprintf("agent:%s", program);
}
