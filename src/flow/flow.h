/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workflow files: strict YAML (or JSON) text to a compiled graph, with every mistake of the file at
 * once and where it stands. */
#ifndef PAWL_FLOW_FLOW_H
#define PAWL_FLOW_FLOW_H

#include "model/graph.h"

#define FLOW_MAX (1 * MIB)       /* of one file */
#define FLOW_ISSUES_MAX 100      /* reported; the rest is counted */

/* One mistake: "file:line:column: path: what is wrong, and what would be right". */
struct flow_issue {
	int line, column; /* from 1 */
	char *file;
	char *path;    /* "nodes.build.timeout" */
	char *message; /* what is wrong, and what would be right */
};

struct flow_report {
	struct flow_issue *v;
	size_t n, cap;
	size_t dropped; /* found beyond FLOW_ISSUES_MAX */
};

void flow_report_done(struct flow_report *r);
/* Append "file:line:col: path: message\n" for each. */
void flow_report_text(const struct flow_report *r, struct str *out);

/* How the texts of sub-workflows are found. `from` is the file that names it. *ret is yours. */
struct flow_source {
	enum err_code (*read)(void *ctx, const char *from, const char *name, char **ret, size_t *ret_len,
			      char **ret_file, struct err *err);
	void *ctx;
};
/* Reads files below and beside the naming file. */
extern const struct flow_source flow_files;

/* Compile. On ERR_INVALID the report holds every mistake and `err` the first with the count.
 * `source` may be NULL: then sub-workflows are refused. */
enum err_code flow_load(const char *file, const char *text, size_t len,
			const struct flow_source *source, struct graph **ret, struct flow_report *report,
			struct err *err) MUST_CHECK;

/* Check the values of a submission against the parameters: unknown names (did you mean), types,
 * required ones. `given` is a JSON object of values (strings are converted to the type) or NULL;
 * *ret is the complete JSON object with defaults filled in, yours. */
enum err_code flow_params(const struct graph *g, const struct json *given, char **ret,
			  struct err *err) MUST_CHECK;

/* The nearest of `names` to `word` for "did you mean", NULL when none is near. */
const char *flow_nearest(const char *word, const char *const *names, size_t n);

/* Drawings of a graph. `state` (may be NULL) gives a one-column mark and an SGR colour number of a
 * node for the terminal drawing. */
struct flow_mark {
	const char *(*mark)(void *ctx, int node, int *ret_sgr);
	void *ctx;
};
enum flow_drawing { FLOW_TERMINAL, FLOW_DOT, FLOW_MERMAID };
void flow_draw(const struct graph *g, enum flow_drawing kind, size_t width, bool utf8,
	       const struct flow_mark *mark, struct str *out);

#endif
