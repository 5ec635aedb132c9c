/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the loader share: the state of one load, rows of keys, readers of values.
 *
 * kinds.c holds every table of keys. load.c walks tables and does the top of a file, node.c the nodes,
 * names.c the names in expressions, needs.c the edges, retry.c, http.c and group.c what their names
 * say, value.c the plain values, param.c the parameters, space.c workspaces and workstreams, agent.c,
 * llm.c, approval.c and patch.c the nodes of these kinds (and publish:), verify.c the checks, loop.c loops and
 * budgets, command.c commands and paths. */
#ifndef PAWL_FLOW_LOAD_H
#define PAWL_FLOW_LOAD_H

#include "flow/report.h"
#include "flow/tree.h"

#define FLOW_FILES_MAX 1000 /* sub-workflow files that one workflow loads, each time counted */
#define FLOW_CHAIN_MAX 8    /* sub-workflows within sub-workflows */
#define FLOW_SUB_MAX (16 * MIB) /* bytes of all of them together */
#define TEXT_MAX (4 * KIB)  /* descriptions, help and the like */
#define ENTRIES_MAX 1000    /* of maps and lists that are looked through one by one */
#define WORDS_MAX 32        /* of a shell, of causes to retry: every node may have a copy */
#define WORD_MAX 256        /* bytes of each */
#define STREAMS_MAX 64      /* workstreams of a workflow */
#define PROVIDERS_MAX 32    /* of a workflow, and of one call */
#define AGENT_KEPT_MAX (64 * MIB) /* bytes of a stream of an agent that are kept */
#define JSON_VALUE_MAX (64 * KIB) /* a schema, a value to compare with */

/* ---- tables ---- */

struct load;
struct node_load;

struct flow_key {
	const char *name;
	void (*load)(struct load *l, const struct tree *v, void *target);
	unsigned int kinds; /* bits of enum node_kind that the key belongs to; 0: all */
	bool shared;        /* may stand in defaults:, too */
};

struct flow_table {
	const char *name; /* of its definition in the JSON Schema */
	const char *what; /* for messages: "a node" */
	const struct flow_key *keys;
	size_t n;
};

extern const struct flow_table flow_workflow_keys, flow_node_keys, flow_param_keys,
	flow_workspace_keys, flow_workstream_keys, flow_retry_keys, flow_http_keys, flow_limits_keys,
	flow_budget_keys, flow_provider_keys, flow_agent_keys, flow_llm_keys, flow_approval_keys,
	flow_publish_keys, flow_patch_keys, flow_commit_keys, flow_compensate_keys, flow_check_keys, flow_forbid_keys, flow_paths_keys, flow_fixture_keys,
	flow_loop_keys;
extern const struct flow_table *const flow_tables[]; /* NULL behind the last */

/* Whether a key may stand in this node; reported if not. */
bool node_key_fits(struct load *l, const struct flow_key *key, const struct tree *v,
		   const struct node_load *nl);
/* Walk `map` in the order of the table's rows, report unknown keys, call the handlers. */
void load_map(struct load *l, const struct tree *map, const struct flow_table *table, void *target);

/* ---- the state ---- */

/* Which names an expression may use, besides params, run and env. */
enum names_flags {
	NAMES_NODES = 1,     /* nodes that come before */
	NAMES_EACH = 2,      /* matrix.axis, item, index */
	NAMES_WORKSPACE = 4, /* workspace.path */
	NAMES_OUTCOME = 8,   /* success() and the like */
};

/* A node is named in an expression of another one: it must come before. Judged when all edges are known. */
struct node_ref {
	int node, named;
	const struct tree *v; /* the value that names it, and at which byte */
	size_t at;
	char *path;
	const char *output; /* of the named node; NULL: its state, or all outputs */
	bool direct;        /* it is needed directly, or by a handler */
};

struct shared_load { /* by all files of one load */
	size_t files, bytes, nodes, suggestions;
};

struct node_load {
	struct graph_node *node;
	struct graph_node *work; /* the node itself, or the body of its group */
	const struct tree *map;
	int index;               /* -1 in defaults: */
	unsigned int names;      /* enum names_flags in values of the work */
	const char *key_of_kind; /* "run" */
};

struct check_load {
	struct graph_check *check;
	const char *key_of_kind; /* "files"; NULL: not said */
};

struct load {
	const char *file, *text;
	size_t len;
	struct flow_report *report;
	const struct flow_source *source;
	const struct load *parent; /* the file that names this one */
	int depth;
	struct shared_load *shared;
	struct arena arena;
	struct graph *g;
	const struct tree *root;
	struct str path;
	struct graph_node *defaults; /* what defaults: says, as a node of its own; NULL without it */
	const struct tree *defaults_map;
	const struct tree **needs; /* where each node says what it needs */
	struct smap env;  /* variables that every node has; values are not used */
	struct node_load *current;
	struct node_ref *refs;
	size_t nrefs, refs_cap;
	size_t *lines; /* offset of each line of the text, made when first asked for */
	size_t nlines;
};

/* Add `.key` or `[i]` to the path; returns what path_pop() takes. */
size_t path_push(struct load *l, const char *key);
size_t path_push_index(struct load *l, size_t i);
void path_pop(struct load *l, size_t before);

#define issue(l, v, ...) issue_at((l), (v)->line, (v)->column, __VA_ARGS__)
void issue_at(struct load *l, int line, int column, const char *fmt, ...) PRINTF_LIKE(4, 5);
#define issue_key(l, v, ...) issue_at((l), (v)->key_line, (v)->key_column, __VA_ARGS__)
/* Where byte `offset` of a scalar's text stands in the file. */
void place_in(struct load *l, const struct tree *v, size_t offset, int *ret_line, int *ret_column);

/* "; did you mean 'x'?" or "". */
struct suggestion {
	char s[WORD_SHOWN_MAX + 64];
};
struct suggestion suggest(struct load *l, const char *word,
			  const char *(*name)(const void *ctx, size_t i), const void *ctx, size_t n);
struct suggestion suggest_of(struct load *l, const char *word, const char *const *names, size_t n);

/* ---- values: each reports what is wrong and then returns NULL, false or `fallback` ---- */

bool wants_map(struct load *l, const struct tree *v);
/* The same, and at most ENTRIES_MAX of them. */
bool wants_small_map(struct load *l, const struct tree *v);
const char *load_scalar(struct load *l, const struct tree *v); /* any scalar but null, as written */
char *load_text(struct load *l, const struct tree *v);         /* the same, up to TEXT_MAX; yours */
bool load_name(struct load *l, const struct tree *v, const char *name, bool is_key);
bool load_variable_name(struct load *l, const struct tree *member);
/* A text that is a secret: out of a parameter that is one, and nothing else. */
void load_check_secret(struct load *l, const struct tree *v, const struct tmpl *t, const char *what, const char *env_key);
bool load_int(struct load *l, const struct tree *v, int64_t min, int64_t max, int64_t *ret);
bool load_number(struct load *l, const struct tree *v, double min, double max, double *ret);
bool load_bool(struct load *l, const struct tree *v, bool *ret);
bool load_duration(struct load *l, const struct tree *v, int64_t *ret_ms);
bool load_size(struct load *l, const struct tree *v, int64_t *ret_bytes);
/* One of `words`; its index, -1 if none. */
int load_word(struct load *l, const struct tree *v, const char *const *words, size_t n);
/* A list of at most `max` texts, or one text; each is yours, as is the NULL-terminated vector. */
char **load_texts(struct load *l, const struct tree *v, size_t max, size_t *ret_n);
/* A text with ${{ }}; `names` are the names that it may use. */
struct tmpl *load_tmpl(struct load *l, const struct tree *v, unsigned int names);
/* Any value; texts in it may hold ${{ }}. */
struct tmpl *load_value(struct load *l, const struct tree *v, unsigned int names);
/* A list, or one ${{ }} that gives one. */
struct tmpl *load_list(struct load *l, const struct tree *v, unsigned int names);
struct expr *load_condition(struct load *l, const struct tree *v, unsigned int names);
/* Variables, added behind those in *env. */
void load_env(struct load *l, const struct tree *v, unsigned int names, struct graph_env **env,
	      size_t *nenv);

/* A script, without ${{ }}; yours. */
char *load_script(struct load *l, const struct tree *v);
void load_shell(struct load *l, const struct tree *v, enum shell_kind *shell, char ***argv);
/* A list executed without a shell, each word a template. */
void load_words(struct load *l, const struct tree *v, const struct node_load *nl, struct node_run *run);
/* A script, or a list of words, without templates; its shell is set before. */
void load_command(struct load *l, const struct tree *v, struct graph_command *c);
/* Whether a path stays in the workspace. */
bool load_path(struct load *l, const struct tree *v, const char *path);
/* Lists of at least one, each looked at: as load_texts(). */
char **load_paths(struct load *l, const struct tree *v, size_t *ret_n);
char **load_globs(struct load *l, const struct tree *v, size_t *ret_n);
char **load_patterns(struct load *l, const struct tree *v, size_t *ret_n);
/* The value as JSON, up to JSON_VALUE_MAX; yours. */
char *load_json(struct load *l, const struct tree *v);
/* The same, and it is a JSON Schema. */
char *load_schema(struct load *l, const struct tree *v);
/* A template that is not blank. */
struct tmpl *load_prompt(struct load *l, const struct tree *v, unsigned int names);
/* Names and templates; there is room for one more behind them. */
void load_headers(struct load *l, const struct tree *v, unsigned int names, struct graph_env **headers,
		  size_t *nheaders);

/* ---- parts ---- */

void load_nodes(struct load *l, const struct tree *v);
void load_handler(struct load *l, const struct tree *v, enum handler_kind which);
void load_defaults_done(struct load *l);
/* When all nodes are known: what the workstreams that nobody declared have. */
void load_streams_end(struct load *l);
/* needs: of every node; then, when all are loaded, feeds, ranks, cycles and names in expressions. */
void load_needs(struct load *l);
void load_edges(struct load *l);
/* The nodes named in expressions come before; `order` has every node behind those that it needs. */
void load_refs(struct load *l, const int *order, size_t norder);
void check_tmpl(struct load *l, const struct tree *v, const struct tmpl *t, unsigned int names);
void check_expr(struct load *l, const struct tree *v, const struct expr *e, unsigned int names,
		size_t shift);
void load_retry(struct load *l, const struct tree *v, struct retry_policy *retry);
void check_sub_params(struct load *l, const struct tree *node, const struct node_workflow *w);
/* Convert a value to the parameter's type, JSON to `out`; ERR_INVALID with a sentence. */
enum err_code param_check(const struct graph_param *p, const struct json *v, struct str *out,
			  struct err *err) MUST_CHECK;
void load_params(struct load *l, const struct tree *v);
/* A file into l->g and *ret; false when the report has something about it. */
bool load_file(struct load *l, const char *file, const char *text, size_t len, struct graph **ret);

#endif
