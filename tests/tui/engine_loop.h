/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the stand-in's scene that goes round in a loop; see engine.c. */
#ifndef PAWL_TESTS_TUI_ENGINE_LOOP_H
#define PAWL_TESTS_TUI_ENGINE_LOOP_H

#include "base/json.h"

#define NOW_MS 1795270051000LL /* 2026-11-21 14:07:31 UTC */

/* A number of the query string. engine.c */
int64_t query_number(const char *query, const char *name, int64_t fallback);

bool loop_is(const char *run); /* the run, or a path with it */
size_t loop_rounds(void);
void loop_write_round(struct jw *w, size_t i); /* as a row of the list of iterations */
void loop_iterations(struct jw *w, const char *query);
void loop_transcript(struct jw *w, const char *query);
extern const char loop_report[], loop_approvals[], loop_breakers[];

#endif
