/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Executors: how a kind of node becomes a process. One row a kind; the engine asks the row and knows
 * nothing more of it. Every step that does work outside of the engine is a process under a worker (an
 * HTTP request is one of `pawl-http`), so all of them survive the engine's death alike. */
#ifndef PAWL_WORK_EXECUTOR_H
#define PAWL_WORK_EXECUTOR_H

#include "model/graph.h"
#include "model/states.h"
#include "work/proto.h"

/* Memory that lives as long as one prepared step. */
struct step_build {
	struct step_spec spec;
	struct str *texts; /* owned pieces */
	size_t ntexts;
	const char **argv;
	const char **env;
	const char **secrets; /* the list; the values are borrowed */
	size_t nargv, nenv, capenv;
};

/* What an executor is given to build a step. */
struct step_context {
	const struct graph *graph;
	const struct graph_node *node;
	const struct expr_scope *scope;
	const char *workspace;   /* absolute */
	const char *libexec;     /* folder of pawl-http and pawl's other programs */
	int iteration;           /* from 1 */
	const char *feedback;    /* what the last iteration's checks say, for the next prompt; NULL: nothing */
	const char *changed;     /* for checks: JSON list of the paths changed since the base; NULL: pawl-verify finds out */
	/* Until when (wall clock) the breaker of this name ("llm:claude") lets nothing through; 0: it does, -1: until
	 * somebody changes it. NULL: there are no breakers. */
	int64_t (*breaker_until)(void *ctx, const char *name);
	void *breaker_ctx;
	const char *input;       /* strategy: the iteration as JSON */
	const char *patch_id, *patch_stem; /* patch: of its entry in the ledger, and where its files are (space/patch.h) */
};

/* What came of a step besides its result. */
struct step_end {
	struct str outputs; /* JSON object of strings; empty: none */
	struct str report;  /* JSON object as the step's program wrote it, for later questions; empty: none */
	struct str message; /* one sentence about a failure; empty: the caller's usual one */
	int64_t retry_after_ms; /* the other side named a time; 0: it did not */
};

/* What a kind of step writes to $PAWL_OUTPUT. */
enum output_form {
	OUTPUT_LINES,  /* name=value, see outputs_parse() */
	OUTPUT_REPORT, /* pawl's own programs: one JSON object, see report_take() */
};

struct executor {
	enum node_kind kind;
	const char *name;
	/* Fill argv, script, stdin and what else the kind needs of `b->spec`; the engine has put in key, env,
	 * cwd, paths, secrets and limits. NULL: the engine does this kind itself. */
	enum err_code (*prepare)(const struct step_context *c, struct step_build *b, struct err *err);
	/* Judge the end: may turn the class in *r and everything in *end, which has been filled from $PAWL_OUTPUT
	 * (r->outputs, r->outputs_len: the raw text). NULL: as it is. */
	void (*finish)(const struct graph_node *node, struct step_result *r, struct step_end *end);
	enum output_form form;
};

/* The row of a kind; never NULL. */
const struct executor *executor_for(enum node_kind kind);
/* … and of what an attempt is for: its work, its checks, its strategy's command. */
const struct executor *executor_at(enum node_kind kind, enum attempt_phase phase);
/* The i-th circuit breaker that the work of a node passes, by name; yours, NULL: there are no more. */
char *executor_breaker(const struct graph *g, const struct graph_node *node, size_t i);

/* What a result means for its node: $PAWL_OUTPUT is taken apart in the form of the row, declared outputs
 * are looked for, the row's finish() is asked. *ret is to be freed with step_end_done() in any case. */
void step_end_take(const struct graph_node *node, struct step_result *r, struct step_end *ret);
/* … of an attempt at its checks or its strategy's command. */
void step_end_take_at(const struct graph_node *node, enum attempt_phase phase, struct step_result *r,
		      struct step_end *ret);
void step_end_done(struct step_end *end);

/* The step of a node's checks (pawl-verify), in place of prepare() of its row; the engine has put in the same. */
enum err_code verify_prepare(const struct step_context *c, struct step_build *b, struct err *err) MUST_CHECK;
/* The command that takes a patch back: argv, script and stdin of a step. */
enum err_code compensation_prepare(const struct graph_command *command, struct step_build *b, struct err *err) MUST_CHECK;
/* What its result means, in place of step_end_take(): CLASS_NONE is passed, the class of the first failed check is
 * rejected; with any of both ret->report holds the report. CLASS_SYSTEM and the like: it could not judge. */
void verify_end_take(struct step_result *r, struct step_end *ret);

void step_build_done(struct step_build *b);
/* Keep a text for the life of the step; returns the kept text. */
const char *step_keep(struct step_build *b, const char *text, size_t len);
/* Set a variable of the step's environment; a later value replaces an earlier one. */
void step_env(struct step_build *b, const char *name, const char *value);

/* Whether a script is one simple command that a shell would execute just so: then its words are
 * appended to `ret_words`, each with its NUL, and *ret_n says how many they are. */
bool script_is_plain(const char *script, struct str *ret_words, size_t *ret_n);

/* Read $PAWL_OUTPUT ("name=value" lines, and "name<<END" … "END" blocks) into a JSON object of strings.
 * The error names the line. */
enum err_code outputs_parse(const char *text, size_t len, struct str *ret_json,
			    struct err *err) MUST_CHECK;

/* Take the other form of $PAWL_OUTPUT, that of pawl's own programs, into *end, and the class into *r:
 *
 *	{"outputs": {"name": "text"…}, "report": {…}, "class": "output", "message": "…", "retry_after_ms": 7000}
 *
 * All members may be missing. An output that is no string becomes its JSON text, null is left out. The
 * program's class replaces that of its exit status, but not that of a signal, a time limit or a cancel. What is
 * no such object fails a step that had not failed. */
void report_take(struct step_result *r, struct step_end *end);

#endif
