/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What compilers, linters and test runners say, found in their output: file, line, column and message of each
 * error, warning and failed test. Pure: bytes in, rows out. The formats are rules in tables, one file a family. */
#ifndef PAWL_MODEL_DIAGNOSTIC_H
#define PAWL_MODEL_DIAGNOSTIC_H

#include "model/graph.h"

#define DIAGNOSTICS_MAX 200             /* rows that are kept; all are counted */
#define DIAGNOSTIC_MESSAGE_MAX 1000     /* bytes */
#define DIAGNOSTIC_REPORT_MAX (8 * MIB) /* bytes of an XML document */

enum diagnostic_kind {
	DIAGNOSTIC_ERROR,
	DIAGNOSTIC_FAILURE, /* of a test */
	DIAGNOSTIC_WARNING,
	DIAGNOSTIC_NOTE,
	DIAGNOSTIC_KIND_COUNT
};
const char *diagnostic_kind_name(enum diagnostic_kind k); /* "error"; never translated */
enum diagnostic_kind diagnostic_kind_from_name(const char *name); /* DIAGNOSTIC_NOTE when unknown */

/* What sort of tool says so. */
enum diagnostic_sort { SORT_COMPILER, SORT_LINTER, SORT_TEST, SORT_BUILD, SORT_OTHER, DIAGNOSTIC_SORT_COUNT };

struct diagnostic {
	enum diagnostic_kind kind;
	enum diagnostic_sort sort;
	char *file;       /* from the workspace, absolute outside of it; NULL: none */
	int line, column; /* from 1; 0: not said */
	char *test;       /* name of the test; NULL: it is none */
	char *message;    /* one line, safe to show */
};

struct diagnostic_counts {
	int64_t errors, warnings, failed_tests;
	int64_t files; /* with errors or failed tests; without any: with warnings */
};

struct diagnostics;

/* `root`: the workspace, absolute; `cwd`: where the command ran, from where its paths count. NULL: paths are left
 * as they are. Rows of the same place and text count once. */
struct diagnostics *diagnostics_new(enum check_parse parse, const char *root, const char *cwd);
void diagnostics_free(struct diagnostics *d);
static inline void diagnostics_free_p(struct diagnostics **p)
{
	diagnostics_free(*p);
}
#define auto_diagnostics CLEANUP(diagnostics_free_p) struct diagnostics

/* Output as it comes, cut anywhere. */
void diagnostics_feed(struct diagnostics *d, const char *bytes, size_t len);
/* The output ended. */
void diagnostics_end(struct diagnostics *d);

/* One that was found otherwise than in output. `file` may be NULL. */
void diagnostics_add(struct diagnostics *d, enum diagnostic_kind kind, enum diagnostic_sort sort, const char *file,
		     int line, int column, const char *message);

/* Valid until the next call that feeds; errors and failures drive out notes and warnings when there are too many. */
const struct diagnostic *diagnostics_list(const struct diagnostics *d, size_t *ret_n);
struct diagnostic_counts diagnostics_count(const struct diagnostics *d);
/* How many errors, failures and warnings tools of that sort gave. */
int64_t diagnostics_sort_count(const struct diagnostics *d, enum diagnostic_sort sort);

#endif
