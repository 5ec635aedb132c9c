/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: nodes and handlers. */
#include "flow/keys.h"
#include "base/nearest.h"

#include <string.h>

/* clang-format off */
static const char *const handler_names[] = {
	[HANDLER_SUCCESS] = "on_success", [HANDLER_FAILURE] = "on_failure",
	[HANDLER_CANCEL] = "on_cancel", [HANDLER_EXIT] = "on_exit", [HANDLER_HEALTH] = "health",
};
static const struct { const char *key; enum node_kind kind; } kind_keys[] = {
	{ "run", NODE_RUN }, { "http", NODE_HTTP }, { "workflow", NODE_WORKFLOW }, { "agent", NODE_AGENT },
	{ "llm", NODE_LLM }, { "approval", NODE_APPROVAL }, { "publish", NODE_PUBLISH }, { "patch", NODE_PATCH },
};
/* clang-format on */

/* ---- keys ---- */

KEY(node_description)
{
	struct node_load *nl = target;
	nl->node->description = load_text(l, v);
}

KEY(node_needs)
{
	/* The edges were made before, when all names were known. */
	struct node_load *nl = target;
	if (nl->node->handler)
		issue_key(l, v, _("a handler runs when all nodes have ended; it needs none"));
}

KEY(node_when)
{
	struct node_load *nl = target;
	nl->node->when = load_condition(l, v, NAMES_NODES | NAMES_WORKSPACE | NAMES_OUTCOME);
}

KEY(node_critical)
{
	load_bool(l, v, &((struct node_load *)target)->node->critical);
}

KEY(node_allow_skipped)
{
	load_bool(l, v, &((struct node_load *)target)->node->allow_skipped);
}

KEY(node_env)
{
	struct node_load *nl = target;
	struct graph *g = l->g;
	if (nl->index >= 0) {
		load_env(l, v, nl->names, &nl->work->env, &nl->work->nenv);
		return;
	}
	/* Variables of defaults: are those of the workflow: what a node sets itself comes behind. */
	load_env(l, v, nl->names, &g->env, &g->nenv);
	for (size_t i = 0; i < g->nenv; i++)
		smap_put(&l->env, g->env[i].name, l);
}

KEY(node_cwd)
{
	struct node_load *nl = target;
	nl->work->cwd = load_tmpl(l, v, nl->names);
}

KEY(node_timeout)
{
	if (v->kind == TREE_TEXT && str_eq(v->text, "none"))
		return;
	load_duration(l, v, &((struct node_load *)target)->work->timeout_ms);
}

KEY(node_grace)
{
	load_duration(l, v, &((struct node_load *)target)->work->grace_ms);
}

KEY(node_retry)
{
	load_retry(l, v, &((struct node_load *)target)->work->retry);
}

KEY(node_on_crash)
{
	static const char *const words[] = {
		[CRASH_RERUN] = "rerun", [CRASH_FAIL] = "fail", [CRASH_ASK] = "ask"
	};
	int which = load_word(l, v, words, COUNT(words));
	if (which >= 0)
		((struct node_load *)target)->work->on_crash = (enum crash_policy)which;
}

static const char *resource_at(const void *ctx, size_t i)
{
	return ((const struct graph *)ctx)->resources[i].name;
}

static void add_use(struct load *l, struct graph_node *n, const struct tree *v, const char *name,
		    int64_t units)
{
	const struct graph *g = l->g;
	size_t i = 0;
	while (i < g->nresources && !str_eq(g->resources[i].name, name))
		i++;
	if (i == g->nresources) {
		struct suggestion near = suggest(l, name, resource_at, g, g->nresources);
		issue(l, v, _("there is no resource '%s'%s%s"), word_of(name).s, near.s,
		      near.s[0] ? "" : _("; declare it with its capacity under resources: of the workflow"));
		return;
	}
	for (size_t j = 0; j < n->nuses; j++)
		if (n->uses[j].resource == (int)i) {
			issue(l, v, _("'%s' is named twice; for more than one write {%s: 2}"), name, name);
			return;
		}
	if (units > g->resources[i].capacity)
		issue(l, v, _("there are only %d of '%s': this could never start"), g->resources[i].capacity,
		      name);
	n->uses[n->nuses++] = (struct graph_use){ (int)i, (int)units };
}

KEY(node_resources)
{
	struct graph_node *n = ((struct node_load *)target)->work;
	if (v->kind != TREE_MAP) {
		size_t nnames;
		char **names = load_texts(l, v, ENTRIES_MAX, &nnames);
		n->uses = xcalloc(nnames, sizeof(*n->uses));
		for (size_t i = 0; i < nnames; i++) {
			add_use(l, n, v, names[i], 1);
			free(names[i]);
		}
		free(names);
		return;
	}
	if (!wants_small_map(l, v))
		return;
	n->uses = xcalloc(v->n, sizeof(*n->uses));
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		int64_t units = 1;
		if (load_int(l, m, 1, 1000000, &units))
			add_use(l, n, m, m->key, units);
		path_pop(l, before);
	}
}

KEY(node_outputs)
{
	struct graph_node *n = ((struct node_load *)target)->work;
	n->outputs = load_texts(l, v, ENTRIES_MAX, &n->noutputs);
	for (size_t i = 0; i < n->noutputs; i++) {
		load_name(l, v, n->outputs[i], false);
		for (size_t j = 0; j < i; j++)
			if (str_eq(n->outputs[i], n->outputs[j]))
				issue(l, v, _("'%s' is named twice; once is enough"), word_of(n->outputs[i]).s);
	}
}

KEY(node_limits)
{
	load_map(l, v, &flow_limits_keys, &((struct node_load *)target)->work->limits);
}

KEY(limits_memory)
{
	load_size(l, v, &((struct graph_limits *)target)->memory_bytes);
}

KEY(limits_cpu)
{
	int64_t ms = 0;
	if (load_duration(l, v, &ms) && ms < 1000)
		issue(l, v, _("less than a second of processor time is too little"));
	((struct graph_limits *)target)->cpu_s = (ms + 999) / 1000;
}

KEY(limits_file)
{
	load_size(l, v, &((struct graph_limits *)target)->file_bytes);
}

KEY(limits_output)
{
	load_size(l, v, &((struct graph_limits *)target)->output_bytes);
}

KEY(limits_open_files)
{
	int64_t n = 0;
	if (load_int(l, v, 8, 1048576, &n))
		((struct graph_limits *)target)->open_files = (int)n;
}

KEY(limits_processes)
{
	int64_t n = 0;
	if (load_int(l, v, 1, 1048576, &n))
		((struct graph_limits *)target)->processes = (int)n;
}

/* ---- run and shell ---- */

KEY(node_shell)
{
	struct node_run *run = &((struct node_load *)target)->work->run;
	load_shell(l, v, &run->shell, &run->shell_argv);
}

void load_words(struct load *l, const struct tree *v, const struct node_load *nl, struct node_run *run)
{
	const struct tree *shell = tree_get(nl->map, "shell");
	if (shell)
		issue_key(l, shell, _("a list under run: is executed without a shell; remove shell:, or write "
				      "the script as a text"));
	if (!shell)
		run->shell = SHELL_NONE;
	if (!v->n)
		issue(l, v, _("the list is empty; its first element is the program"));
	run->argv = xcalloc(v->n + 1, sizeof(*run->argv));
	run->argv_tmpl = xcalloc(v->n + 1, sizeof(struct tmpl *));
	size_t i = 0;
	for (const struct tree *e = v->first; e; e = e->next) {
		size_t before = path_push_index(l, i++);
		struct tmpl *t = load_tmpl(l, e, nl->names);
		if (t) {
			run->argv[run->nargv] = xstrdup(e->kind == TREE_NULL ? "" : e->text);
			run->argv_tmpl[run->nargv++] = t;
		}
		path_pop(l, before);
	}
}

KEY(node_run)
{
	struct node_load *nl = target;
	if (v->kind == TREE_LIST)
		load_words(l, v, nl, &nl->work->run);
	else
		nl->work->run.script = load_script(l, v);
}

/* ---- a node ---- */

bool node_key_fits(struct load *l, const struct flow_key *key, const struct tree *v,
		   const struct node_load *nl)
{
	if (nl->index < 0 && !key->shared) {
		issue_key(l, v, _("'%s' belongs to a node; defaults: has env, shell, cwd, timeout, grace, retry, "
				  "on_crash and limits"), key->name);
		return false;
	}
	if (nl->index < 0 || !key->kinds || (key->kinds & 1U << nl->work->kind))
		return true;
	if (!nl->key_of_kind)
		return false; /* what it is was not said, and that is reported */
	auto_str wanted = STR_INIT;
	for (size_t i = 0; i < COUNT(kind_keys); i++)
		if (key->kinds & 1U << kind_keys[i].kind)
			str_addf(&wanted, "%s%s:", wanted.len ? ", " : "", kind_keys[i].key);
	issue_key(l, v, _("'%s' belongs to a node with %s; this one has %s:"), key->name, str_text(&wanted),
		  nl->key_of_kind);
	return false;
}

/* run, http, workflow …: exactly one. */
static void find_kind(struct load *l, const struct tree *v, struct node_load *nl)
{
	for (size_t i = 0; i < COUNT(kind_keys); i++) {
		const struct tree *m = tree_get(v, kind_keys[i].key);
		if (m && nl->key_of_kind)
			issue_key(l, m, _("a node does one thing, and this one has %s: already; make two nodes"),
				  nl->key_of_kind);
		if (!m || nl->key_of_kind)
			continue;
		nl->key_of_kind = kind_keys[i].key;
		nl->work->kind = kind_keys[i].kind;
	}
	if (nl->key_of_kind)
		return;
	/* When one of them is there but mistyped, that is said of the key. */
	const char *names[COUNT(kind_keys)];
	for (size_t i = 0; i < COUNT(kind_keys); i++)
		names[i] = kind_keys[i].key;
	size_t looked = 0;
	for (const struct tree *m = v->first; m && looked++ < ENTRIES_MAX; m = m->next)
		if (nearest_word(m->key, names, COUNT(names)))
			return;
	issue(l, v, _("what does it do? a node has one of run:, http:, workflow:, agent:, llm:, "
		      "approval:, publish: and patch:"));
}

static void set_plain(struct graph_node *n)
{
	n->critical = true;
	n->allow_skipped = true;
	n->retry = (struct retry_policy){ .max_attempts = 1, .factor = 1 };
}

static void make_group(struct load *l, const struct tree *v, struct node_load *nl)
{
	const struct tree *each = tree_get(v, "matrix");
	if (!each)
		each = tree_get(v, "foreach");
	if (!each)
		return;
	if (nl->node->handler) {
		issue_key(l, each, _("a handler runs once; matrix: and foreach: belong to nodes"));
		return;
	}
	struct graph_node *body = xcalloc(1, sizeof(*body));
	set_plain(body);
	body->name = xstrdup(nl->node->name);
	body->line = nl->node->line;
	body->column = nl->node->column;
	nl->node->kind = NODE_GROUP;
	nl->node->group.body = body;
	nl->work = body;
	nl->names |= NAMES_EACH;
}

static void copy_retry(struct retry_policy *to, const struct retry_policy *from)
{
	*to = *from;
	to->exit_codes = from->nexit_codes ? xmemdup(from->exit_codes, from->nexit_codes * sizeof(int)) : NULL;
	to->signals = from->nsignals ? xmemdup(from->signals, from->nsignals * sizeof(int)) : NULL;
	to->patterns = from->npatterns ? xcalloc(from->npatterns, sizeof(char *)) : NULL;
	for (size_t i = 0; i < from->npatterns; i++)
		to->patterns[i] = xstrdup(from->patterns[i]);
}

static void copy_shell(struct node_run *to, const struct node_run *from)
{
	size_t n = 0;
	to->shell = from->shell;
	while (from->shell_argv && from->shell_argv[n])
		n++;
	if (!n)
		return;
	to->shell_argv = xcalloc(n + 1, sizeof(char *));
	for (size_t i = 0; i < n; i++)
		to->shell_argv[i] = xstrdup(from->shell_argv[i]);
}

/* What defaults: says and the node `v` does not. */
static bool is_left(const struct load *l, const struct tree *v, const char *key)
{
	return tree_get(l->defaults_map, key) && !tree_get(v, key);
}

static void apply_defaults(struct load *l, const struct tree *v, struct graph_node *work)
{
	const struct graph_node *d = l->defaults;
	if (!d)
		return;
	if (work->kind == NODE_APPROVAL)
		return;
	if (is_left(l, v, "timeout"))
		work->timeout_ms = d->timeout_ms;
	if (is_left(l, v, "retry"))
		copy_retry(&work->retry, &d->retry);
	if (is_left(l, v, "on_crash"))
		work->on_crash = d->on_crash;
	if (work->kind != NODE_RUN && work->kind != NODE_AGENT)
		return;
	if (is_left(l, v, "grace"))
		work->grace_ms = d->grace_ms;
	if (is_left(l, v, "limits"))
		work->limits = d->limits;
	if (is_left(l, v, "cwd"))
		work->cwd = tmpl_ref(d->cwd);
	if (work->kind == NODE_RUN && is_left(l, v, "shell") && work->run.shell != SHELL_NONE)
		copy_shell(&work->run, &d->run);
}

void load_defaults_done(struct load *l)
{
	if (l->defaults)
		graph_node_done(l->defaults);
	free(l->defaults);
	l->defaults = NULL;
}

static void load_one_node(struct load *l, const struct tree *v, int index, enum handler_kind handler)
{
	struct graph_node *n = &l->g->nodes[index];
	n->line = v->key_line;
	n->column = v->key_column;
	n->handler = handler;
	set_plain(n);
	struct node_load nl = { .node = n, .work = n, .map = v, .index = index,
				.names = NAMES_NODES | NAMES_WORKSPACE };
	if (v->kind == TREE_NULL) {
		issue_key(l, v, _("nothing follows; a node is written %s: {run: COMMAND}"), word_of(v->key).s);
		return;
	}
	if (!wants_map(l, v))
		return;
	make_group(l, v, &nl);
	find_kind(l, v, &nl);
	if (handler == HANDLER_HEALTH && nl.key_of_kind && nl.work->kind != NODE_RUN)
		issue_key(l, v, _("a command says whether all is well: write health: {run: COMMAND}"));
	l->current = &nl;
	load_map(l, v, &flow_node_keys, &nl);
	apply_defaults(l, v, nl.work);
	if (nl.work->kind == NODE_WORKFLOW && nl.work->workflow.graph)
		check_sub_params(l, v, &nl.work->workflow);
	l->current = NULL;
}

KEY(workflow_defaults)
{
	struct graph_node *n = xcalloc(1, sizeof(*n));
	struct node_load nl = { .node = n, .work = n, .map = v, .index = -1, .names = NAMES_WORKSPACE,
				.key_of_kind = "run" };
	set_plain(n);
	l->current = &nl;
	if (v->kind != TREE_NULL)
		load_map(l, v, &flow_node_keys, &nl);
	l->current = NULL;
	l->defaults = n;
	l->defaults_map = v;
	/* A map of unknown keys is not looked through again for every node. */
	if (v->n > flow_node_keys.n)
		load_defaults_done(l);
}

/* ---- all nodes ---- */

static void name_nodes(struct load *l, const struct tree *v)
{
	struct graph *g = l->g;
	for (const struct tree *m = v->first; m; m = m->next) {
		struct graph_node *n = &g->nodes[g->nnodes++];
		size_t before = path_push(l, m->key);
		n->name = xstrdup(m->key);
		load_name(l, m, m->key, true);
		/* "health" is a good name for a node, as long as it is not used for both. */
		for (size_t i = 1; i < COUNT(handler_names); i++)
			if (str_eq(handler_names[i], m->key) &&
			    (i != HANDLER_HEALTH || tree_get(l->root, "health")))
				issue_key(l, m, _("%s is a handler: it stands beside nodes:, not under it"), m->key);
		path_pop(l, before);
		if (!smap_get(&g->by_name, n->name))
			smap_put(&g->by_name, n->name, n);
	}
	for (size_t i = 1; i < COUNT(handler_names); i++) {
		const struct tree *m = tree_get(l->root, handler_names[i]);
		if (!m)
			continue;
		struct graph_node *n = &g->nodes[g->nnodes++];
		g->nhandlers++;
		n->name = xstrdup(handler_names[i]);
		n->handler = (enum handler_kind)i;
		if (!smap_get(&g->by_name, n->name))
			smap_put(&g->by_name, n->name, n);
	}
}

void load_nodes(struct load *l, const struct tree *v)
{
	struct graph *g = l->g;
	if (!wants_map(l, v))
		return;
	if (!v->n) {
		issue(l, v, _("there are no nodes; write at least one, such as hello: {run: echo hello}"));
		return;
	}
	l->shared->nodes += v->n;
	if (l->shared->nodes > GRAPH_NODES_MAX) {
		issue(l, v, _("more than %d nodes, with those of sub-workflows"), GRAPH_NODES_MAX);
		return;
	}
	g->nodes = xcalloc(v->n + COUNT(handler_names), sizeof(*g->nodes));
	l->needs = xcalloc(v->n + COUNT(handler_names), sizeof(struct tree *));
	name_nodes(l, v);
	size_t i = 0;
	for (const struct tree *m = v->first; m; m = m->next)
		l->needs[i++] = tree_get(m, "needs");
	load_needs(l);
	i = 0;
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		load_one_node(l, m, (int)i++, HANDLER_NONE);
		path_pop(l, before);
	}
}

void load_handler(struct load *l, const struct tree *v, enum handler_kind which)
{
	for (size_t i = 0; i < l->g->nnodes; i++)
		if (i >= l->g->nnodes - l->g->nhandlers && l->g->nodes[i].handler == which)
			load_one_node(l, v, (int)i, which);
}
