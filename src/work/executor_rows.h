/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Functions of those rows of executors that have a file of their own. */
#ifndef PAWL_WORK_EXECUTOR_ROWS_H
#define PAWL_WORK_EXECUTOR_ROWS_H

#include "work/executor.h"

/* executor.c: a template's text into the spec of a program; nothing is written for NULL. */
enum err_code spec_text(struct jw *w, const char *key, const struct tmpl *t, const struct expr_scope *scope,
			struct err *err) MUST_CHECK;

/* executor_agent.c */
enum err_code prepare_agent(const struct step_context *c, struct step_build *b, struct err *err) MUST_CHECK;
void finish_agent(const struct graph_node *node, struct step_result *r, struct step_end *end);

/* What the program is called, as in the name of its breaker; yours. */
char *agent_program(const struct node_agent *agent);

/* executor_llm.c */
enum err_code prepare_llm(const struct step_context *c, struct step_build *b, struct err *err) MUST_CHECK;

/* executor_publish.c */
enum err_code prepare_publish(const struct step_context *c, struct step_build *b, struct err *err) MUST_CHECK;

/* executor_patch.c */
enum err_code prepare_patch(const struct step_context *c, struct step_build *b, struct err *err) MUST_CHECK;

/* executor_strategy.c */
enum err_code prepare_strategy(const struct step_context *c, struct step_build *b, struct err *err) MUST_CHECK;

#endif
