/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: tables walked over trees, and the top of a file. */
#include "flow/keys.h"
#include "base/nearest.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define ROWS_MAX 64

/* ---- the path, and mistakes ---- */

size_t path_push(struct load *l, const char *key)
{
	size_t before = l->path.len;
	if (before)
		str_add_char(&l->path, '.');
	str_add(&l->path, key);
	return before;
}

size_t path_push_index(struct load *l, size_t i)
{
	size_t before = l->path.len;
	str_add_char(&l->path, '[');
	str_add_u64(&l->path, i);
	str_add_char(&l->path, ']');
	return before;
}

void path_pop(struct load *l, size_t before)
{
	str_cut(&l->path, before);
}

void issue_at(struct load *l, int line, int column, const char *fmt, ...)
{
	if (report_is_full(l->report)) {
		l->report->dropped++;
		return;
	}
	auto_str message = STR_INIT;
	va_list ap;
	va_start(ap, fmt);
	str_vaddf(&message, fmt, ap);
	va_end(ap);
	report_add(l->report, l->file, line, column, str_text(&l->path), "%s", str_text(&message));
}

/* Bytes of the line break at offset i, as YAML has them: LF, CR, CR LF, U+2028, U+2029. */
static size_t break_at(const struct load *l, size_t i)
{
	if (l->text[i] == '\n')
		return 1;
	if (l->text[i] == '\r')
		return i + 1 < l->len && l->text[i + 1] == '\n' ? 2 : 1;
	bool separator = l->len - i >= 3 && memcmp(l->text + i, "\xe2\x80", 2) == 0 &&
			 (l->text[i + 2] == '\xa8' || l->text[i + 2] == '\xa9');
	return separator ? 3 : 0;
}

static void find_lines(struct load *l)
{
	size_t cap = 0;
	GROW(l->lines, l->nlines, cap);
	l->lines[l->nlines++] = 0;
	for (size_t i = 0, n; i < l->len; i += n ? n : 1) {
		n = break_at(l, i);
		if (!n)
			continue;
		GROW(l->lines, l->nlines, cap);
		l->lines[l->nlines++] = i + n;
	}
}

static size_t offset_of(struct load *l, int line, int column)
{
	if (!l->lines)
		find_lines(l);
	size_t at = l->lines[MIN((size_t)line, l->nlines) - 1];
	for (int i = 1; i < column && at < l->len && !break_at(l, at); i++) {
		size_t step = utf8_len(l->text + at, l->len - at);
		at += step ? step : 1;
	}
	return at;
}

/* The text of a scalar and its source differ by quotes, escapes, indentation; so the words at the
 * offset are looked for behind the place where the scalar begins. */
void place_in(struct load *l, const struct tree *v, size_t offset, int *ret_line, int *ret_column)
{
	*ret_line = v->line;
	*ret_column = v->column;
	if (report_is_full(l->report))
		return; /* nobody will see it, and it takes a look at the whole line */
	size_t from = offset_of(l, v->line, v->column);
	offset = MIN(offset, v->len);
	if (offset == v->len && offset > 0) { /* behind the end: beside the last character */
		place_in(l, v, offset - 1, ret_line, ret_column);
		(*ret_column)++;
		return;
	}
	const char *word = v->text + offset;
	size_t n = MIN(strcspn(word, "\n"), (size_t)24);
	if (!n)
		return;
	const char *hit = NULL, *at = l->text + from, *end = l->text + l->len;
	const char *same = v->text;
	/* The same words may stand earlier in the text: count those. */
	do {
		hit = memmem(at, (size_t)(end - at), word, n);
		same = memmem(same, (size_t)(v->text + v->len - same), word, n);
		at = hit ? hit + 1 : end;
	} while (hit && same && same++ < word);
	if (!hit)
		return;
	size_t low = MIN((size_t)v->line, l->nlines) - 1;
	while (low + 1 < l->nlines && l->lines[low + 1] <= (size_t)(hit - l->text))
		low++;
	*ret_line = (int)low + 1;
	*ret_column = 1;
	for (const char *p = l->text + l->lines[low]; p < hit; (*ret_column)++) {
		size_t step = utf8_len(p, (size_t)(hit - p));
		p += step ? step : 1;
	}
}

struct suggestion suggest(struct load *l, const char *word,
			  const char *(*name)(const void *ctx, size_t i), const void *ctx, size_t n)
{
	struct suggestion s = { "" };
	/* Among very many names only so often, so that a file of mistakes stays quick. */
	if (report_is_full(l->report) || (n > 100 && l->shared->suggestions++ > 20))
		return s;
	struct nearest near = { .word = word };
	for (size_t i = 0; i < n; i++)
		nearest_try(&near, name(ctx, i));
	if (near.best)
		(void)snprintf(s.s, sizeof(s.s), _("; did you mean '%s'?"), near.best);
	return s;
}

const char *flow_nearest(const char *word, const char *const *names, size_t n)
{
	return nearest_word(word, names, n);
}

/* ---- tables ---- */

static const char *key_at(const void *ctx, size_t i)
{
	return ((const struct flow_table *)ctx)->keys[i].name;
}

/* Keys of nodes that a later version has. */
static const char *later_key(const struct flow_table *table, const char *key)
{
	/* clang-format off */
	static const struct { const char *key, *what; } later[] = {
		{ "environment", N_("environments") }, { "role", N_("roles") },
	};
	/* clang-format on */
	for (size_t i = 0; table == &flow_node_keys && i < COUNT(later); i++)
		if (str_eq(later[i].key, key))
			return _(later[i].what);
	return NULL;
}

/* What other programs call it. */
static const char *word_for(const struct flow_table *table, const char *key)
{
	/* clang-format off */
	static const struct { const struct flow_table *table; const char *key, *word; } others[] = {
		{ &flow_workflow_keys, "jobs", "nodes" }, { &flow_workflow_keys, "steps", "nodes" },
		{ &flow_workflow_keys, "tasks", "nodes" }, { &flow_workflow_keys, "stages", "nodes" },
		{ &flow_workflow_keys, "inputs", "params" }, { &flow_workflow_keys, "parameters", "params" },
		{ &flow_workflow_keys, "variables", "env" }, { &flow_workflow_keys, "on_error", "on_failure" },
		{ &flow_workflow_keys, "finally", "on_exit" }, { &flow_workflow_keys, "max_parallel", "concurrency" },
		{ &flow_node_keys, "if", "when" }, { &flow_node_keys, "command", "run" },
		{ &flow_node_keys, "cmd", "run" }, { &flow_node_keys, "script", "run" },
		{ &flow_node_keys, "depends_on", "needs" }, { &flow_node_keys, "dependsOn", "needs" },
		{ &flow_node_keys, "dependencies", "needs" }, { &flow_node_keys, "after", "needs" },
		{ &flow_node_keys, "timeout-minutes", "timeout" }, { &flow_node_keys, "retries", "retry" },
		{ &flow_node_keys, "working-directory", "cwd" }, { &flow_node_keys, "working_directory", "cwd" },
		{ &flow_node_keys, "continue-on-error", "critical: false" },
		{ &flow_node_keys, "allow_failure", "critical: false" }, { &flow_node_keys, "strategy", "matrix" },
		{ &flow_node_keys, "with", "params" }, { &flow_node_keys, "uses", "workflow" },
		{ &flow_node_keys, "for_each", "foreach" }, { &flow_node_keys, "with_items", "foreach" },
		{ &flow_param_keys, "description", "help" }, { &flow_param_keys, "choices", "enum" },
		{ &flow_param_keys, "options", "enum" }, { &flow_retry_keys, "attempts", "max_attempts" },
		{ &flow_retry_keys, "backoff", "factor" }, { &flow_retry_keys, "delay", "initial" },
		{ &flow_node_keys, "ai", "llm" }, { &flow_node_keys, "model", "llm" },
		{ &flow_node_keys, "checks", "verify" }, { &flow_node_keys, "gates", "verify" },
		{ &flow_node_keys, "gate", "approval" }, { &flow_node_keys, "manual", "approval" },
		{ &flow_check_keys, "command", "run" }, { &flow_check_keys, "script", "run" },
		{ &flow_agent_keys, "run", "command" }, { &flow_agent_keys, "task", "prompt" },
		{ &flow_agent_keys, "model", "command" },
		{ &flow_approval_keys, "question", "ask" }, { &flow_approval_keys, "message", "ask" },
		{ &flow_approval_keys, "options", "choices" }, { &flow_approval_keys, "deadline", "timeout" },
		{ &flow_loop_keys, "max_iterations", "max" }, { &flow_loop_keys, "command", "run" },
		{ &flow_budget_keys, "time", "wall" }, { &flow_budget_keys, "timeout", "wall" },
		{ &flow_budget_keys, "usd", "cost" }, { &flow_budget_keys, "money", "cost" },
		{ &flow_provider_keys, "base_url", "url" }, { &flow_provider_keys, "api_key", "key" },
		{ &flow_fixture_keys, "input", "stdin" }, { &flow_fixture_keys, "status", "exit" },
		{ &flow_workspace_keys, "path", "folder" }, { &flow_workspace_keys, "branch", "base" },
	};
	/* clang-format on */
	for (size_t i = 0; i < COUNT(others); i++)
		if (others[i].table == table && str_eq(others[i].key, key))
			return others[i].word;
	return NULL;
}

static void unknown_key(struct load *l, const struct flow_table *table, const struct tree *m)
{
	const char *later = later_key(table, m->key);
	struct word key = word_of(m->key);
	if (later) {
		issue_key(l, m, _("this version of pawl does not have %s (%s:)"), later, key.s);
		return;
	}
	const char *word = word_for(table, m->key);
	if (word) {
		issue_key(l, m, _("%s has no key '%s'; it is called %s here"), _(table->what), key.s, word);
		return;
	}
	struct suggestion near = suggest(l, m->key, key_at, table, table->n);
	auto_str known = STR_INIT;
	for (size_t i = 0; !near.s[0] && i < table->n && !report_is_full(l->report); i++)
		str_addf(&known, "%s%s", i ? ", " : _("; it has "), table->keys[i].name);
	issue_key(l, m, _("%s has no key '%s'%s%s"), _(table->what), key.s, near.s, str_text(&known));
}

void load_map(struct load *l, const struct tree *map, const struct flow_table *table, void *target)
{
	const struct tree *members[ROWS_MAX] = { NULL };
	if (!wants_map(l, map))
		return;
	for (const struct tree *m = map->first; m; m = m->next) {
		size_t row = 0;
		while (row < table->n && !str_eq(table->keys[row].name, m->key))
			row++;
		if (row < table->n) {
			members[row] = m;
			continue;
		}
		size_t before = path_push(l, m->key);
		unknown_key(l, table, m);
		path_pop(l, before);
	}
	for (size_t row = 0; row < table->n; row++) {
		if (!members[row])
			continue;
		size_t before = path_push(l, table->keys[row].name);
		if (table != &flow_node_keys || node_key_fits(l, &table->keys[row], members[row], target))
			table->keys[row].load(l, members[row], target);
		path_pop(l, before);
	}
}

/* ---- the top of a file ---- */

KEY(workflow_name)
{
	if (load_scalar(l, v) && load_name(l, v, v->text, false))
		l->g->name = xstrdup(v->text);
}

KEY(workflow_description)
{
	l->g->description = load_text(l, v);
}

KEY(workflow_params)
{
	load_params(l, v);
}

/* A mark that a variable is known; what matters is the name. */
static void know_variable(struct load *l, const char *name)
{
	smap_put(&l->env, name, l);
}

KEY(workflow_pass_env)
{
	struct graph *g = l->g;
	g->pass_env = load_texts(l, v, ENTRIES_MAX, &g->npass_env);
	for (size_t i = 0; i < g->npass_env; i++) {
		struct tree name = { .line = v->line, .column = v->column, .key = g->pass_env[i],
				     .key_line = v->line, .key_column = v->column };
		if (load_variable_name(l, &name))
			know_variable(l, g->pass_env[i]);
	}
}

KEY(workflow_env)
{
	struct graph *g = l->g;
	if (!wants_small_map(l, v))
		return;
	g->env = xcalloc(v->n, sizeof(*g->env));
	/* One by one, so that a value may use the variables above it. */
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		struct tmpl *value = load_variable_name(l, m) ? load_tmpl(l, m, NAMES_WORKSPACE) : NULL;
		if (value) {
			g->env[g->nenv++] = (struct graph_env){ xstrdup(m->key), value };
			know_variable(l, m->key);
		}
		path_pop(l, before);
	}
}

KEY(workflow_concurrency)
{
	int64_t n = 0;
	if (load_int(l, v, 1, 10000, &n))
		l->g->concurrency = (int)n;
}

KEY(workflow_resources)
{
	struct graph *g = l->g;
	if (!wants_small_map(l, v))
		return;
	g->resources = xcalloc(v->n, sizeof(*g->resources));
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		int64_t capacity = 1;
		if (load_name(l, m, m->key, true) && load_int(l, m, 1, 1000000, &capacity))
			g->resources[g->nresources++] =
				(struct graph_resource){ xstrdup(m->key), (int)capacity };
		path_pop(l, before);
	}
}

KEY(workflow_nodes)
{
	load_nodes(l, v);
}

KEY(workflow_on_success)
{
	load_handler(l, v, HANDLER_SUCCESS);
}

KEY(workflow_on_failure)
{
	load_handler(l, v, HANDLER_FAILURE);
}

KEY(workflow_on_cancel)
{
	load_handler(l, v, HANDLER_CANCEL);
}

KEY(workflow_on_exit)
{
	load_handler(l, v, HANDLER_EXIT);
}

KEY(workflow_health)
{
	load_handler(l, v, HANDLER_HEALTH);
}

/* ---- a file ---- */

/* "dir/fix-it.yaml" is called fix-it when it does not say. */
static char *name_of_file(const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	auto_str name = STR_INIT;
	for (const char *p = base; *p && *p != '.' && name.len < NAME_MAX_LEN; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_';
		bool later = (*p >= '0' && *p <= '9') || *p == '-';
		if (!letter && !later)
			str_add_char(&name, '_');
		else if (!name.len && !letter)
			str_addf(&name, "_%c", *p);
		else
			str_add_char(&name, *p);
	}
	if (!name.len)
		str_add(&name, "workflow");
	return str_take(&name);
}

static void hash_graph(struct graph *g)
{
	struct hash_part *parts = xcalloc(g->nnodes + 1, sizeof(*parts));
	size_t n = 0;
	parts[n++] = (struct hash_part){ g->source, g->source_len };
	for (size_t i = 0; i < g->nnodes; i++) {
		const struct graph_node *node = &g->nodes[i];
		const struct graph_node *work = node->kind == NODE_GROUP ? node->group.body : node;
		if (work && work->kind == NODE_WORKFLOW && work->workflow.graph)
			parts[n++] = (struct hash_part){ work->workflow.graph->hash.b, HASH_LEN };
	}
	g->hash = hash_parts(parts, n);
	free(parts);
}

/* What every step finds in its environment without being asked for. */
static const char *const given_variables[] = { "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR",
					      "SSH_AUTH_SOCK" };

static void load_tree(struct load *l)
{
	for (size_t i = 0; i < COUNT(given_variables); i++)
		know_variable(l, given_variables[i]);
	if (l->root->kind == TREE_MAP && !tree_get(l->root, "nodes"))
		issue(l, l->root, _("there are no nodes; a workflow has at least nodes: {hello: {run: echo hello}}"));
	load_map(l, l->root, &flow_workflow_keys, NULL);
	if (l->g->nnodes)
		load_edges(l);
	load_streams_end(l);
	if (!l->g->name)
		l->g->name = name_of_file(l->file);
}

static void load_done(struct load *l)
{
	load_defaults_done(l);
	for (size_t i = 0; i < l->nrefs; i++)
		free(l->refs[i].path);
	free(l->refs);
	free(l->needs);
	free(l->lines);
	smap_done(&l->env);
	str_done(&l->path);
	arena_done(&l->arena);
}

bool load_file(struct load *l, const char *file, const char *text, size_t len, struct graph **ret)
{
	size_t before = l->report->n + l->report->dropped;
	l->file = file;
	l->text = text;
	l->len = len;
	l->g = xcalloc(1, sizeof(*l->g));
	l->g->file = xstrdup(file);
	l->g->streams = xcalloc(1, sizeof(*l->g->streams));
	l->g->streams[l->g->nstreams++].name = xstrdup("main");
	l->root = tree_parse(&l->arena, file, text, len, l->report);
	if (l->root) {
		l->g->source = xmalloc(len + 1);
		memcpy(l->g->source, text, len);
		l->g->source[len] = '\0';
		l->g->source_len = len;
		load_tree(l);
		hash_graph(l->g);
	}
	struct graph *g = l->g;
	load_done(l);
	if (l->report->n + l->report->dropped > before) {
		graph_free(g);
		return false;
	}
	*ret = g;
	return true;
}

enum err_code flow_load(const char *file, const char *text, size_t len,
			const struct flow_source *source, struct graph **ret,
			struct flow_report *report, struct err *err)
{
	struct shared_load shared = { 0 };
	struct load l = { .report = report, .source = source, .shared = &shared };
	if (load_file(&l, file, text, len, ret))
		return ERR_OK;
	report_sort(report, file);
	const struct flow_issue *first = &report->v[0];
	size_t more = report->n + report->dropped - 1;
	auto_str count = STR_INIT;
	if (more)
		str_addf(&count, ngettext(" (and %zu mistake more)", " (and %zu mistakes more)", more), more);
	return err_set(err, ERR_INVALID, "%s:%d:%d: %s%s%s%s", word_of(first->file).s, first->line,
		       first->column, first->path, *first->path ? ": " : "", first->message,
		       str_text(&count));
}
