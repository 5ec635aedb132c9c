/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A compiled workflow: what a definition means, immutable once made. Made by flow/ from YAML or JSON,
 * read by the engine, drawn by the command line. Everything is owned by the `struct graph`. */
#ifndef PAWL_MODEL_GRAPH_H
#define PAWL_MODEL_GRAPH_H

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/map.h"
#include "model/expr.h"

#define GRAPH_NODES_MAX 100000
#define NAME_MAX_LEN 64 /* of workflows, nodes, params, resources: [A-Za-z_][A-Za-z0-9_.-]* */

/* Kinds of node. A kind is a row here, a row of keys in flow/kinds.c and a row of functions in
 * work/executor.c; the engine itself knows only the kinds that it does without a worker. */
enum node_kind {
	NODE_RUN,      /* a command in a shell, or a program with arguments */
	NODE_HTTP,     /* one HTTP request */
	NODE_WORKFLOW, /* a sub-workflow: a child run (done by the engine) */
	NODE_GROUP,    /* matrix or foreach: its instances do the work (done by the engine) */
	NODE_KIND_COUNT
};
const char *node_kind_name(enum node_kind kind); /* "run"; never translated */

/* When an edge counts as satisfied, by the state in which the needed node ended. */
enum edge_when {
	EDGE_SUCCESS, /* succeeded; or skipped because its own `when` was false (see `skipped_ok`) */
	EDGE_FAILURE, /* failed */
	EDGE_DONE,    /* ended in any way */
	EDGE_WHEN_COUNT
};
const char *edge_when_name(enum edge_when w); /* "success" */

struct graph_edge {
	int node; /* index of the needed node */
	enum edge_when when;
};

/* What is worth another try; see model/retry.h for how it is judged. */
struct retry_policy {
	int max_attempts;     /* all tries together; 1 is "no retry" */
	int64_t initial_ms;   /* wait before the second try */
	double factor;        /* each wait is this much longer */
	int64_t max_ms;       /* the longest wait */
	bool jitter;          /* add 0 … 25 % */
	unsigned int classes; /* bits of enum error_class (model/error.h) that are retried */
	bool any_exit;        /* every exit code that is not 0 */
	int *exit_codes;      /* "exit:75" */
	size_t nexit_codes;
	int *signals;         /* "signal:KILL" */
	size_t nsignals;
	char **patterns;      /* "output:REGEX": the last 64 KiB of output match */
	size_t npatterns;
};

/* A value from the file in which ${{ }} may stand. */
struct tmpl;

struct graph_env {
	char *name;
	struct tmpl *value;
};

enum param_type { PARAM_STRING, PARAM_INT, PARAM_NUMBER, PARAM_BOOL, PARAM_ENUM, PARAM_LIST, PARAM_TYPE_COUNT };
const char *param_type_name(enum param_type t); /* "string" */

struct graph_param {
	char *name;
	enum param_type type;
	bool required;
	bool secret;        /* never shown, redacted from logs */
	char *default_json; /* JSON text, NULL if none */
	char **choices;     /* PARAM_ENUM */
	size_t nchoices;
	char *pattern;      /* PCRE2 that a string must match as a whole; NULL if none */
	char *help;
};

struct graph_resource {
	char *name;
	int capacity;
};

struct graph_use { /* a node takes `units` of resource `resource` while it runs */
	int resource;
	int units;
};

/* What the process of a node may take; 0 is "not limited here". */
struct graph_limits {
	int64_t memory_bytes, cpu_s, file_bytes, output_bytes; /* output_bytes: the log, head and tail kept */
	int open_files, processes;
};

enum shell_kind {
	SHELL_SH,     /* sh -eu */
	SHELL_BASH,   /* bash -euo pipefail */
	SHELL_PYTHON, /* python3 */
	SHELL_CUSTOM, /* shell_argv, the script's path appended */
	SHELL_NONE,   /* run: is a list, executed without a shell */
};

enum crash_policy { CRASH_RERUN, CRASH_FAIL, CRASH_ASK };

enum handler_kind { HANDLER_NONE, HANDLER_SUCCESS, HANDLER_FAILURE, HANDLER_CANCEL, HANDLER_EXIT };

struct node_run {
	enum shell_kind shell;
	char **shell_argv; /* SHELL_CUSTOM; NULL-terminated */
	char *script;      /* the body; never holds ${{ }} */
	char **argv;       /* SHELL_NONE: fixed words …, NULL-terminated */
	struct tmpl **argv_tmpl; /* … the same as templates */
	size_t nargv;
};

struct node_http {
	struct tmpl *method, *url, *body; /* method and body may be NULL: GET, none */
	struct graph_env *headers;
	size_t nheaders;
	int *expect; /* statuses that are success; none: 200 … 299 */
	size_t nexpect;
	/* Outputs taken from a JSON answer: name = path ("data.items[0].id"). */
	struct { char *name, *path; } *outputs;
	size_t noutputs;
	bool follow_redirects;
};

struct node_workflow {
	char *file;               /* as written */
	struct graph *graph;      /* compiled; owned by the parent graph */
	struct graph_env *params; /* values for its parameters */
	size_t nparams;
};

struct node_group {
	/* Exactly one of the two. matrix: the product of the axes, last axis fastest. */
	struct { char *name; struct tmpl *values; } *axes; /* each evaluates to a list */
	size_t naxes;
	struct tmpl *foreach; /* evaluates to a list */
	int max_parallel;     /* 0: no limit of its own */
	bool fail_fast;       /* one failed instance cancels those not started */
	struct graph_node *body; /* what each instance is; its name is the group's */
};

struct graph_node {
	char *name;
	char *description; /* may be NULL */
	enum node_kind kind;
	enum handler_kind handler; /* not HANDLER_NONE: runs after the graph, needs nothing */
	int line, column;          /* where it stands in the file, from 1 */
	struct graph_edge *needs;
	size_t nneeds;
	int *feeds; /* the reverse: indices of the nodes that need this one */
	size_t nfeeds;
	int64_t rank; /* nodes on the longest path from here to an end: the critical path goes first */
	struct expr *when; /* NULL: always */
	int64_t timeout_ms; /* of one attempt; 0: none, or as the engine is set */
	struct retry_policy retry;
	struct graph_env *env;
	size_t nenv;
	struct tmpl *cwd; /* relative to the workspace; NULL: the workspace itself */
	bool critical;    /* a failure fails the run (default true) */
	bool allow_skipped; /* dependents run although this was skipped (default true for `when` false) */
	enum crash_policy on_crash;
	struct graph_use *uses;
	size_t nuses;
	struct graph_limits limits;
	char **outputs; /* declared outputs, checked when not empty */
	size_t noutputs;
	char *workstream; /* NULL: main */
	int64_t grace_ms; /* between TERM and KILL; 0: as the engine is set */
	union {
		struct node_run run;
		struct node_http http;
		struct node_workflow workflow;
		struct node_group group;
	};
};

enum workspace_kind { WORKSPACE_SCRATCH, WORKSPACE_FOLDER };

struct graph {
	char *name, *description;
	struct hash hash; /* over the text and the texts of all sub-workflows */
	char *file;       /* the name given, for messages; may be "" */
	struct graph_param *params;
	size_t nparams;
	struct graph_env *env;
	size_t nenv;
	char **pass_env; /* names passed from the engine's environment besides the fixed ones */
	size_t npass_env;
	int concurrency; /* nodes of one run at a time; 0: the engine's limit alone */
	struct graph_resource *resources;
	size_t nresources;
	enum workspace_kind workspace;
	struct tmpl *workspace_path; /* WORKSPACE_FOLDER */
	bool workspace_shared;       /* several runs may use the folder at once */
	struct graph_node *nodes;    /* handlers are the last `nhandlers` of them */
	size_t nnodes, nhandlers;
	struct smap by_name; /* name → struct graph_node * */
	char *source;        /* the text it was made of */
	size_t source_len;
};

void graph_free(struct graph *g);
/* Frees what a node owns, not the node. */
void graph_node_done(struct graph_node *n);
/* Index of a node by name, -1 if there is none. */
int graph_find(const struct graph *g, const char *name);

#endif
