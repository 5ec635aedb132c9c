/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader: verification. */
#include "flow/keys.h"

#include <stdio.h>
#include <string.h>

#define CHECKS_MAX 64
#define CHECK_TIMEOUT_MS (10 * 60 * 1000)

static int load_level(struct load *l, const struct tree *v)
{
	const char *words[VERIFY_LEVEL_COUNT];
	for (size_t i = 0; i < COUNT(words); i++)
		words[i] = verify_level_name((enum verify_level)i);
	return load_word(l, v, words, COUNT(words));
}

/* ---- keys of a check ---- */

KEY(check_level)
{
	int which = load_level(l, v);
	if (which >= 0)
		((struct check_load *)target)->check->level = (enum verify_level)which;
}

KEY(check_name)
{
	struct check_load *cl = target;
	if (load_scalar(l, v) && load_name(l, v, v->text, false))
		cl->check->name = xstrdup(v->text);
}

KEY(check_skip)
{
	load_bool(l, v, &((struct check_load *)target)->check->skip);
}

/* Keys that belong to commands. */
static bool of_command(struct load *l, const struct tree *v, const struct check_load *cl)
{
	enum check_kind kind = cl->check->kind;
	if (!cl->key_of_kind)
		return false; /* what it is was not said, and that is reported */
	if (kind == CHECK_RUN || kind == CHECK_FIXTURE)
		return true;
	issue_key(l, v, _("'%s' belongs to a check with run: or fixture:; this one has %s:"), v->key, cl->key_of_kind);
	return false;
}

KEY(check_timeout)
{
	struct check_load *cl = target;
	if (of_command(l, v, cl) && load_duration(l, v, &cl->check->timeout_ms) && cl->check->timeout_ms < 1)
		issue(l, v, _("no time at all is too little"));
}

KEY(check_shell)
{
	struct check_load *cl = target;
	if (of_command(l, v, cl))
		load_shell(l, v, &cl->check->command.shell, &cl->check->command.shell_argv);
}

static bool of_run(struct load *l, const struct tree *v, const struct check_load *cl)
{
	if (cl->check->kind == CHECK_RUN)
		return cl->key_of_kind != NULL;
	issue_key(l, v, _("'%s' belongs to a check with run:; this one has %s:"), v->key, cl->key_of_kind);
	return false;
}

KEY(check_parse)
{
	struct check_load *cl = target;
	const char *words[CHECK_PARSE_COUNT];
	for (size_t i = 0; i < COUNT(words); i++)
		words[i] = check_parse_name((enum check_parse)i);
	int which = of_run(l, v, cl) ? load_word(l, v, words, COUNT(words)) : -1;
	if (which >= 0)
		cl->check->parse = (enum check_parse)which;
}

KEY(check_report)
{
	struct check_load *cl = target;
	if (of_run(l, v, cl) && load_scalar(l, v) && load_path(l, v, v->text))
		cl->check->report = xstrdup(v->text);
}

KEY(check_files)
{
	struct graph_check *c = ((struct check_load *)target)->check;
	c->files = load_paths(l, v, &c->nfiles);
}

KEY(check_secrets)
{
	bool wanted = false;
	if (load_bool(l, v, &wanted) && !wanted)
		issue(l, v, _("a check that looks for nothing; to leave it out write skip: true, or remove it"));
}

KEY(check_run)
{
	load_command(l, v, &((struct check_load *)target)->check->command);
}

/* ---- forbid and paths ---- */

KEY(forbid_patterns)
{
	struct graph_check *c = target;
	c->patterns = load_patterns(l, v, &c->npatterns);
}

KEY(forbid_in)
{
	struct graph_check *c = target;
	c->in = load_globs(l, v, &c->nin);
}

KEY(check_forbid)
{
	struct check_load *cl = target;
	if (v->kind == TREE_MAP && !tree_get(v, "patterns"))
		issue(l, v, _("what is forbidden? write patterns: and one or more regular expressions"));
	load_map(l, v, &flow_forbid_keys, cl->check);
}

KEY(paths_allow)
{
	struct graph_check *c = target;
	c->allow = load_globs(l, v, &c->nallow);
}

KEY(paths_deny)
{
	struct graph_check *c = target;
	c->deny = load_globs(l, v, &c->ndeny);
}

KEY(paths_max_file)
{
	load_size(l, v, &((struct graph_check *)target)->max_file);
}

KEY(check_paths)
{
	struct check_load *cl = target;
	if (v->kind == TREE_MAP && !v->n)
		issue(l, v, _("which paths? write allow: or deny: with patterns such as src/**, or max_file:"));
	load_map(l, v, &flow_paths_keys, cl->check);
}

/* ---- fixtures ---- */

KEY(fixture_run)
{
	load_command(l, v, &((struct graph_check *)target)->command);
}

KEY(fixture_stdin)
{
	if (load_scalar(l, v))
		((struct graph_check *)target)->fixture->input = xstrdup(v->text);
}

KEY(fixture_exit)
{
	int64_t n = 0;
	if (load_int(l, v, 0, 255, &n))
		((struct graph_check *)target)->fixture->exit_code = (int)n;
}

KEY(fixture_contains)
{
	struct check_fixture *f = ((struct graph_check *)target)->fixture;
	f->contains = load_texts(l, v, ENTRIES_MAX, &f->ncontains);
	for (size_t i = 0; i < f->ncontains; i++)
		if (!f->contains[i][0])
			issue(l, v, _("an empty text stands in every output"));
}

KEY(fixture_matches)
{
	struct check_fixture *f = ((struct graph_check *)target)->fixture;
	f->matches = load_patterns(l, v, &f->nmatches);
}

KEY(fixture_json)
{
	((struct graph_check *)target)->fixture->json = load_json(l, v);
}

KEY(fixture_schema)
{
	((struct graph_check *)target)->fixture->schema_json = load_schema(l, v);
}

KEY(fixture_file)
{
	struct check_fixture *f = ((struct graph_check *)target)->fixture;
	if (!wants_small_map(l, v))
		return;
	f->files = xcalloc(v->n, sizeof(*f->files));
	for (const struct tree *m = v->first; m; m = m->next) {
		size_t before = path_push(l, m->key);
		if (load_path(l, m, m->key) && load_scalar(l, m) && load_path(l, m, m->text)) {
			f->files[f->nfiles].path = xstrdup(m->key);
			f->files[f->nfiles++].expected = xstrdup(m->text);
		}
		path_pop(l, before);
	}
}

KEY(check_fixture)
{
	struct graph_check *c = ((struct check_load *)target)->check;
	c->fixture = xcalloc(1, sizeof(*c->fixture));
	if (v->kind == TREE_MAP && !tree_get(v, "run"))
		issue(l, v, _("which program? write run: and its command"));
	load_map(l, v, &flow_fixture_keys, c);
}

/* ---- checks ---- */

static void find_kind(struct load *l, const struct tree *v, struct check_load *cl)
{
	auto_str known = STR_INIT;
	for (size_t i = 0; i < CHECK_KIND_COUNT; i++) {
		const char *name = check_kind_name((enum check_kind)i);
		const struct tree *m = tree_get(v, name);
		str_addf(&known, "%s%s:", i ? ", " : "", name);
		if (m && cl->key_of_kind)
			issue_key(l, m, _("a check looks at one thing, and this one has %s: already; make two checks"),
				  cl->key_of_kind);
		if (!m || cl->key_of_kind)
			continue;
		cl->key_of_kind = name;
		cl->check->kind = (enum check_kind)i;
	}
	if (!cl->key_of_kind)
		issue(l, v, _("what does it check? it has one of %s"), str_text(&known));
}

static void load_check(struct load *l, const struct tree *v, struct graph_check *c)
{
	/* clang-format off */
	static const enum verify_level levels[] = {
		[CHECK_FILES] = LEVEL_L0, [CHECK_FORBID] = LEVEL_L0, [CHECK_PATHS] = LEVEL_L0,
		[CHECK_SECRETS] = LEVEL_L0, [CHECK_RUN] = LEVEL_L1, [CHECK_FIXTURE] = LEVEL_L2,
	};
	/* clang-format on */
	struct check_load cl = { .check = c };
	*c = (struct graph_check){ .line = v->line, .column = v->column, .timeout_ms = CHECK_TIMEOUT_MS };
	if (!wants_map(l, v))
		return;
	find_kind(l, v, &cl);
	c->level = levels[c->kind];
	load_map(l, v, &flow_check_keys, &cl);
}

static bool name_is_taken(const struct graph_node *n, size_t but, const char *name)
{
	for (size_t i = 0; i < n->nchecks; i++)
		if (i != but && n->checks[i].name && str_eq(n->checks[i].name, name))
			return true;
	return false;
}

/* Names that were not written: the kind, then the kind and a number. */
static void name_checks(struct graph_node *n)
{
	for (size_t i = 0; i < n->nchecks; i++) {
		struct graph_check *c = &n->checks[i];
		char name[NAME_MAX_LEN];
		if (c->name)
			continue;
		(void)snprintf(name, sizeof(name), "%s", check_kind_name(c->kind));
		for (int k = 2; name_is_taken(n, i, name); k++)
			(void)snprintf(name, sizeof(name), "%s-%d", check_kind_name(c->kind), k);
		c->name = xstrdup(name);
	}
}

/* By level, as written within one. */
static void sort_checks(struct graph_node *n)
{
	for (size_t i = 1; i < n->nchecks; i++)
		for (size_t j = i; j > 0 && n->checks[j].level < n->checks[j - 1].level; j--) {
			struct graph_check c = n->checks[j];
			n->checks[j] = n->checks[j - 1];
			n->checks[j - 1] = c;
		}
}

KEY(node_verify)
{
	struct graph_node *n = ((struct node_load *)target)->work;
	if (v->kind != TREE_LIST || !v->n || v->n > CHECKS_MAX) {
		issue(l, v, _("a list of 1 to %d checks is wanted here, such as [{run: make check}]"), CHECKS_MAX);
		return;
	}
	n->checks = xcalloc(v->n, sizeof(*n->checks));
	for (const struct tree *e = v->first; e; e = e->next) {
		size_t before = path_push_index(l, n->nchecks);
		struct graph_check *c = &n->checks[n->nchecks++];
		load_check(l, e, c);
		if (c->name && name_is_taken(n, n->nchecks - 1, c->name))
			issue(l, e, _("'%s' is named twice; each check has a name of its own"), c->name);
		path_pop(l, before);
	}
	name_checks(n);
	sort_checks(n);
}

KEY(node_verify_skip)
{
	struct node_load *nl = target;
	size_t i = 0;
	if (!tree_get(nl->map, "verify"))
		issue_key(l, v, _("there is no verify: of which levels could be skipped"));
	for (const struct tree *e = v->kind == TREE_LIST ? v->first : v; e; e = v->kind == TREE_LIST ? e->next : NULL) {
		size_t before = v->kind == TREE_LIST ? path_push_index(l, i++) : l->path.len;
		int which = load_level(l, e);
		if (which >= 0)
			nl->work->verify_skip |= 1U << which;
		path_pop(l, before);
	}
}
