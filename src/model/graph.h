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
	NODE_AGENT,    /* an agent program that works in the workspace */
	NODE_LLM,      /* a call of a model */
	NODE_APPROVAL, /* a question to a person (done by the engine) */
	NODE_PUBLISH,  /* a commit on a branch, and its push */
	NODE_PATCH,    /* a unified diff: judged, applied, checked, committed or taken back */
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

enum handler_kind {
	HANDLER_NONE,
	HANDLER_SUCCESS,
	HANDLER_FAILURE,
	HANDLER_CANCEL,
	HANDLER_EXIT,
	HANDLER_HEALTH, /* after a rollback, never otherwise */
	HANDLER_GONE,   /* never: its place alone is kept, see graph_place() */
};

/* What all iterations of a node, or all nodes of a run, may take together; 0 is "no limit". */
struct graph_budget {
	int64_t wall_ms;
	int64_t iteration_ms; /* one iteration: its work and its checks */
	int64_t tokens, tokens_per_iteration;
	int64_t cost_micro_usd;
	int64_t disk_bytes, memory_bytes;
	int iterations;
};

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

/* ---- agents and models ---- */

enum agent_adapter { /* how the output of an agent program is read */
	ADAPTER_TEXT,    /* all of it is the answer */
	ADAPTER_CLAUDE,  /* claude -p --output-format stream-json --verbose */
	ADAPTER_CODEX,   /* codex exec --json */
	ADAPTER_COUNT
};
const char *agent_adapter_name(enum agent_adapter a); /* "claude" */

enum prompt_via {
	PROMPT_STDIN,    /* default */
	PROMPT_ARGUMENT, /* the last argument (of a script: "$1") */
	PROMPT_FILE,     /* a file whose path is in PAWL_PROMPT_FILE; its standard input is empty */
	PROMPT_VIA_COUNT
};
const char *prompt_via_name(enum prompt_via v); /* "stdin" */

struct node_agent {
	struct node_run command; /* SHELL_SH with its script, or SHELL_NONE with its words */
	enum agent_adapter adapter; /* where not written: after the name of the program */
	struct tmpl *prompt;
	enum prompt_via prompt_via;
	int64_t max_stdout, max_stderr; /* bytes of each kept in the result; default 1 MB */
	bool tool_calls;                /* keep them in the result; default true */
};

enum provider_type { PROVIDER_ANTHROPIC, PROVIDER_OLLAMA, PROVIDER_OPENAI, PROVIDER_TYPE_COUNT };
const char *provider_type_name(enum provider_type t); /* "anthropic" */
const char *provider_default_url(enum provider_type t); /* "https://api.anthropic.com" */

/* A server of models, under providers: of the workflow. Its templates may use params, run and env. */
struct graph_provider {
	char *name;
	enum provider_type type;
	struct tmpl *url;   /* without the path of the call; NULL: provider_default_url() */
	struct tmpl *model; /* NULL: the llm node says it */
	char *key_env;      /* the variable of the engine's environment that holds the key; NULL: none */
	struct tmpl *key;   /* or the key itself, from a secret parameter; NULL: none */
	int64_t timeout_ms; /* of one try; default 60 s */
	int max_tokens;     /* of an answer; default 4096 */
	struct retry_policy retry; /* of tries at this provider, before the next one; default: four tries */
	struct graph_env *headers;
	size_t nheaders;
};

struct node_llm {
	int *providers; /* indices in graph.providers, in the order in which they are tried; at least one */
	size_t nproviders;
	struct tmpl *model;  /* NULL: the provider's */
	struct tmpl *system; /* NULL: none */
	struct tmpl *prompt;
	int max_tokens;     /* 0: the provider's */
	double temperature; /* below 0: not sent */
	char *schema_json;  /* JSON Schema that the answer must meet; NULL: the answer is text */
	bool stream;        /* default true */
};

/* ---- people ---- */

enum approval_choice {
	APPROVAL_CONTINUE, /* the node succeeds */
	APPROVAL_RETRY,    /* the nodes that it needs run again, then it asks again */
	APPROVAL_SKIP,     /* the node is skipped */
	APPROVAL_REDIRECT, /* go on at one of `to`, which runs again with all that comes behind it */
	APPROVAL_ABORT,    /* the node fails */
	APPROVAL_CHOICE_COUNT
};
const char *approval_choice_name(enum approval_choice c); /* "continue" */

#define APPROVAL_RETRIES 3 /* unless it says otherwise */

struct node_approval {
	struct tmpl *ask;
	unsigned int choices; /* bits of enum approval_choice; default: all but redirect, and that with `to` */
	char **roles;         /* who may decide; none: everybody */
	size_t nroles;
	int64_t timeout_ms;              /* 0: waits for ever */
	enum approval_choice on_timeout; /* default abort; never redirect */
	int retries;          /* with on_timeout: retry, so often in a row; then it fails */
	int *to; /* indices of the nodes that redirect may go to; not empty if it is among the choices */
	size_t nto;
};

/* ---- publishing ---- */

enum publish_mode {
	PUBLISH_DISABLED,    /* nothing is done, and the node succeeds and says so */
	PUBLISH_BEST_EFFORT, /* an operation that fails is a warning */
	PUBLISH_FAIL_FAST,   /* it fails the node; default */
	PUBLISH_MODE_COUNT
};
const char *publish_mode_name(enum publish_mode m); /* "fail_fast" */

struct node_publish {
	struct tmpl *remote;  /* name or address; NULL: origin */
	struct tmpl *branch;  /* NULL: the branch of the run's worktree */
	struct tmpl *message; /* of the commit; NULL: made of the names of workflow and run */
	bool push;            /* default true; false: the commit alone */
	enum publish_mode mode;
	bool github;          /* and a pull request: */
	struct tmpl *repository;  /* "OWNER/NAME"; NULL: that of the remote */
	struct tmpl *base;        /* branch that it goes into; NULL: the repository's default */
	struct tmpl *title, *body; /* NULL: made of the names of workflow and run */
	struct tmpl *api;         /* address; NULL: https://api.github.com */
	struct tmpl *token;       /* NULL: the variable token_env of the engine has it */
	char *token_env;          /* NULL: GITHUB_TOKEN */
	bool draft;
};

/* ---- patches ---- */

/* How a patch that was committed is taken back. */
enum patch_compensation {
	COMPENSATE_REVERT, /* the diff, in reverse; default */
	COMPENSATE_RUN,    /* a command */
	COMPENSATE_MANUAL, /* a person did it, and says so */
	PATCH_COMPENSATION_COUNT
};
const char *patch_compensation_name(enum patch_compensation c); /* "revert" */

struct graph_command;

struct node_patch {
	struct tmpl *file, *text; /* where the diff is: one of both. A file is relative to the workspace */
	int strip;                /* leading folders of its names that are left away; default 1 */
	char **allow;             /* globs of the paths that it may touch; none: all */
	size_t nallow;
	char **deny;
	size_t ndeny;
	int64_t max_file;         /* bytes of a file afterwards; 0: no limit here */
	size_t max_files, max_lines; /* 0: no limit */
	bool binary, modes, symlinks; /* allowed */
	bool commit;
	struct tmpl *message;     /* of the commit; NULL: made of the names of workflow, node and run */
	struct tmpl *author;      /* "NAME <ADDRESS>"; NULL: who commits */
	enum patch_compensation compensate;
	struct graph_command *command; /* COMPENSATE_RUN; else NULL */
};

/* ---- verification ---- */

enum verify_level { LEVEL_L0, LEVEL_L1, LEVEL_L2, LEVEL_L3, VERIFY_LEVEL_COUNT };
const char *verify_level_name(enum verify_level l); /* "L0" */

enum check_kind { /* exactly one in each check */
	CHECK_FILES,   /* these exist */
	CHECK_FORBID,  /* no file matches these patterns */
	CHECK_PATHS,   /* only these were changed, and none is too large */
	CHECK_SECRETS, /* no file that was changed holds what looks like a key */
	CHECK_RUN,     /* a command ends with 0 */
	CHECK_FIXTURE, /* a command answers as written */
	CHECK_KIND_COUNT
};
const char *check_kind_name(enum check_kind k); /* "files" */

enum check_parse { /* how diagnostics are found in the output of a command */
	PARSE_AUTO, /* default: what the output looks like */
	PARSE_GCC,  /* and clang */
	PARSE_MAKE,
	PARSE_TAP,
	PARSE_JUNIT, /* XML, in `report` */
	PARSE_PYTEST,
	PARSE_GO, /* go test */
	PARSE_GENERIC, /* FILE:LINE: MESSAGE */
	CHECK_PARSE_COUNT
};
const char *check_parse_name(enum check_parse p); /* "auto" */

/* A command without templates. */
struct graph_command {
	enum shell_kind shell;
	char **shell_argv; /* SHELL_CUSTOM; NULL-terminated */
	char *script;      /* NULL for SHELL_NONE */
	char **argv;       /* SHELL_NONE; NULL-terminated */
	size_t nargv;
};

struct check_fixture { /* what is not written is not looked at, but for the exit code */
	char *input; /* on its standard input; NULL: empty */
	int exit_code;
	char **contains; /* texts that stand in its standard output */
	size_t ncontains;
	char **matches; /* regular expressions that match there */
	size_t nmatches;
	char *json;        /* the JSON value that its output is; NULL: not looked at */
	char *schema_json; /* the JSON Schema that it meets; NULL: not looked at */
	struct { char *path, *expected; } *files; /* afterwards `path` has the bytes of `expected` */
	size_t nfiles;
};

/* A row of verify:. Paths and globs are relative to the workspace; a glob has * ? [ ] and **, which goes
 * over folders. */
struct graph_check {
	enum verify_level level; /* default by kind: commands are L1, fixtures L2, all else L0 */
	enum check_kind kind;
	char *name; /* unique in its node; where not written: the kind and, from the second on, its number */
	int line, column;
	bool skip;          /* configured: shown as skipped, never as passed */
	int64_t timeout_ms; /* of a command; default 10 minutes */
	enum check_parse parse;
	char *report; /* a file that the command writes and that is parsed instead of its output; NULL: none */
	char **files; /* CHECK_FILES */
	size_t nfiles;
	char **patterns; /* CHECK_FORBID: regular expressions, ^ and $ at lines */
	size_t npatterns;
	char **in; /* CHECK_FORBID: globs of the files looked at; none: all that changed */
	size_t nin;
	char **allow; /* CHECK_PATHS: globs; none: everything */
	size_t nallow;
	char **deny;
	size_t ndeny;
	int64_t max_file;             /* CHECK_PATHS: bytes; 0: no limit */
	struct graph_command command; /* CHECK_RUN, CHECK_FIXTURE */
	struct check_fixture *fixture; /* CHECK_FIXTURE; else NULL */
};

/* ---- loops ---- */

enum loop_strategy {
	LOOP_FIXED,  /* `max` iterations at most */
	LOOP_HYBRID, /* `base`, and up to `bonus` more while it gets better by `threshold` */
	LOOP_RALPH,  /* until it passes, says a signal, goes in circles or stands still; `max` at most */
	LOOP_CUSTOM, /* a command decides */
	LOOP_STRATEGY_COUNT
};
const char *loop_strategy_name(enum loop_strategy s); /* "hybrid" */

struct graph_loop {
	enum loop_strategy strategy; /* default hybrid */
	int max;  /* default: fixed 3, hybrid base + bonus, ralph 10, custom 10 */
	int base, bonus; /* hybrid: 3, 2 */
	double threshold; /* hybrid: share of the errors that must be gone; 0.1 */
	int min;          /* iterations that are done in any case; default 1 */
	int window;        /* how many are looked at for circles; default 3 */
	double similarity; /* from where on two results are the same; 0.95 */
	char **signals;    /* ralph: whole lines of the answer that say that it is done; none: see loop_signal() */
	size_t nsignals;
	struct graph_command command; /* LOOP_CUSTOM */
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
	int stream;       /* index in graph.streams; 0 is main. Of a group: the same in its body */
	bool checkpoint;  /* snapshots are taken here, too, when the workflow says `gates` */
	int64_t grace_ms; /* between TERM and KILL; 0: as the engine is set */
	/* run, agent and llm nodes, checks of patches, too; of a group: those of its body. */
	struct graph_check *checks; /* sorted by level, as written within one */
	size_t nchecks;
	unsigned int verify_skip; /* bits of enum verify_level that are configured not to be run */
	struct graph_loop *loop;  /* NULL: one iteration */
	struct graph_budget budget;
	union {
		struct node_run run;
		struct node_http http;
		struct node_workflow workflow;
		struct node_group group;
		struct node_agent agent;
		struct node_llm llm;
		struct node_approval approval;
		struct node_publish publish;
		struct node_patch patch;
	};
};

enum workspace_kind {
	WORKSPACE_SCRATCH, /* an empty folder of the run */
	WORKSPACE_FOLDER,  /* one that exists */
	WORKSPACE_REPO,    /* a worktree of a git repository, on a branch of the run */
};

struct graph_workspace {
	enum workspace_kind kind;
	struct tmpl *path; /* the folder or repository; NULL for WORKSPACE_SCRATCH */
	struct tmpl *base; /* WORKSPACE_REPO: what the branch starts from; NULL: HEAD */
	bool shared;       /* WORKSPACE_FOLDER: several runs may use it at once; then there are no snapshots */
	bool include_ignored; /* snapshots hold files that git ignores, too */
};

/* A line of work. All nodes of one stream share its workspace. */
struct graph_stream {
	char *name; /* streams[0] is "main" and has the workflow's workspace */
	bool declared; /* has a workspace of its own written in the file. Otherwise one of the workflow's
	                * kind is made for it (scratch, worktree), but for a plain folder, which is main's */
	struct graph_workspace workspace; /* of main: the workflow's; as declared; or as derived from main */
};

enum snapshot_policy {
	SNAPSHOT_NODES, /* after every node that succeeded, and before one that others may have written for */
	SNAPSHOT_GATES, /* at the start, at approvals and at nodes with `checkpoint: true` */
	SNAPSHOT_OFF,
	SNAPSHOT_POLICY_COUNT
};
const char *snapshot_policy_name(enum snapshot_policy p); /* "nodes" */

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
	struct graph_stream *streams; /* at least main */
	size_t nstreams;
	enum snapshot_policy snapshot; /* default nodes; off where main's folder is shared */
	struct graph_provider *providers;
	size_t nproviders;
	struct graph_budget budget; /* of a whole run */
	struct graph_node *nodes;    /* handlers are the last `nhandlers` of them, unless `placed` */
	size_t nnodes, nhandlers;    /* handlers: with those that are gone */
	bool placed;                 /* nodes stand where graph_place() has put them */
	struct smap by_name; /* name → struct graph_node * */
	char *source;        /* the text it was made of */
	size_t source_len;
};

void graph_free(struct graph *g);
/* Frees what a node owns, not the node. */
void graph_node_done(struct graph_node *n);
/* Frees what they own, not themselves. */
void graph_command_done(struct graph_command *c);
void graph_check_done(struct graph_check *c);
void graph_loop_done(struct graph_loop *l);
/* Index of a node by name, -1 if there is none. */
int graph_find(const struct graph *g, const char *name);

/* Put the nodes where a run has them that began with another definition: `places` are the names there by index, NULL
 * where an instance stands; before the name of a handler stands PLACE_HANDLER. What the graph has no more is left as a
 * node of HANDLER_GONE that keeps its name (an instance: ""), what is new stands behind. */
#define PLACE_HANDLER '!'
enum err_code graph_place(struct graph *g, const char *const *places, size_t n, struct err *err) MUST_CHECK;
/* Where handlers may stand, up to the end. */
size_t graph_handlers_from(const struct graph *g);
bool graph_has(const struct graph *g, int idx);     /* a node, or a handler, stands there */
bool graph_is_hole(const struct graph *g, int idx); /* … an instance does, */
bool graph_is_beyond(const struct graph *g, int idx); /* … or the same, or behind its nodes */
int graph_find_gone(const struct graph *g, const char *name); /* one that it has no more, -1: none */
/* Whether node `i` of a and `k` of b need the same nodes in the same way; by names. */
bool graph_same_needs(const struct graph *a, int i, const struct graph *b, int k);

/* The workspace of the stream "main": the workflow's. */
const struct graph_workspace *graph_workspace(const struct graph *g);

#endif
