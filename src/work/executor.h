/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Executors: how a kind of node becomes a process. One row a kind; the engine asks the row and knows
 * nothing more of it. Every step that does work outside of the engine is a process under a worker (an
 * HTTP request is one of `pawl-http`), so all of them survive the engine's death alike. */
#ifndef PAWL_WORK_EXECUTOR_H
#define PAWL_WORK_EXECUTOR_H

#include "model/graph.h"
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
	const char *libexec;     /* folder of pawl-http */
};

struct executor {
	enum node_kind kind;
	const char *name;
	/* Fill argv, script, stdin and what else the kind needs of `b->spec`; the engine has put in key, env,
	 * cwd, paths and limits. NULL: the engine does this kind itself. */
	enum err_code (*prepare)(const struct step_context *c, struct step_build *b, struct err *err);
	/* Judge the end: may turn the class, the outputs (JSON object text in *outputs, already made from
	 * $PAWL_OUTPUT) and the message, and set *retry_after_ms when the other side named a time. NULL: as it is. */
	void (*finish)(const struct graph_node *node, struct step_result *r, struct str *outputs,
		       struct str *message, int64_t *retry_after_ms);
};

/* The row of a kind; never NULL. */
const struct executor *executor_for(enum node_kind kind);

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

#endif
