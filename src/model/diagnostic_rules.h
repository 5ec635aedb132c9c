/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the families of diagnostic parsers and what drives them. */
#ifndef PAWL_MODEL_DIAGNOSTIC_RULES_H
#define PAWL_MODEL_DIAGNOSTIC_RULES_H

#include "model/diagnostic.h"

#define MATCH_GROUPS 8

/* Groups of a match as texts; those that took no part are NULL. s[0] is the whole line. */
struct diagnostic_match {
	const char *s[MATCH_GROUPS];
};

/* A line that matches is the rule's, unless `act` answers false. */
struct diagnostic_rule {
	const char *need; /* stands in every line that matches: looked for first; NULL: not known */
	const char *pattern;
	bool (*act)(struct diagnostics *d, const struct diagnostic_match *m);
};

/* One that is being put together from several lines. */
struct pending {
	bool on;
	const void *owner; /* the rules that it belongs to */
	enum diagnostic_kind kind;
	enum diagnostic_sort sort;
	struct str test, file, message;
	int line, column;
	int stage; /* the owner's */
};

struct diagnostic_family {
	enum check_parse parse; /* chosen by this; all by PARSE_AUTO */
	const struct diagnostic_rule *rules;
	size_t nrules;
	/* Asked before the rules: lines within a block. May be NULL. */
	bool (*line)(struct diagnostics *d, const char *line);
	void (*end)(struct diagnostics *d); /* may be NULL */
};

/* What the rules work on. */
struct diagnostics {
	enum check_parse parse;
	char *root, *cwd;
	struct str *dirs; /* where make says that it is */
	size_t ndirs, capdirs;
	struct str line;      /* the present one, as it comes */
	struct str document;  /* an XML report */
	bool is_document, started;
	struct diagnostic *v;
	size_t n;
	struct smap seen, bad_files, warned_files;
	struct diagnostic_counts counts;
	int64_t sorts[DIAGNOSTIC_SORT_COUNT];
	struct regex **compiled; /* of all rules, made when first needed */
	struct str groups;       /* texts of the present match */
	struct pending pending;
	struct { /* TAP */
		int64_t planned, ran, indent;
		bool on, in_yaml, yaml_text;
	} tap;
	struct { /* pytest and unittest */
		bool in_failures, in_traceback;
		struct smap tests;
	} python;
	struct str go_test; /* the one that runs */
	struct str go_said, go_file, go_message; /* the last that said something, and what */
	int go_line;
	struct str script_file; /* eslint, shellcheck: what the following lines are about */
	int script_line;
};

/* Ask the families about a line, which may still have its colours and newline. */
void diagnostic_line(struct diagnostics *d, const char *bytes, size_t len);
/* Keep one. `file`, `test` may be NULL; `message` is made safe and cut. NULL when it was known already or there
 * is no room; counted all the same. */
struct diagnostic *diagnostic_add(struct diagnostics *d, enum diagnostic_kind kind, enum diagnostic_sort sort,
				  const char *file, int line, int column, const char *test, const char *message);
/* The failure of that test, NULL if there is none. */
struct diagnostic *diagnostic_of_test(struct diagnostics *d, const char *test);
/* It was no failure after all (a suite of others that failed). */
void diagnostic_demote(struct diagnostics *d, struct diagnostic *row);
/* Give it a place if it has none. */
void diagnostic_place(struct diagnostics *d, struct diagnostic *row, const char *file, int line, int column);
/* Another message. */
void diagnostic_say(struct diagnostic *row, const char *message);
bool diagnostic_has_errors(const struct diagnostics *d);

int diagnostic_number(const char *digits); /* NULL: 0 */

/* Begin one of several lines; what was pending is given out. */
struct pending *pending_begin(struct diagnostics *d, const void *owner, enum diagnostic_kind kind,
			      enum diagnostic_sort sort);
/* The pending one if it is of that owner, else NULL. */
struct pending *pending_of(struct diagnostics *d, const void *owner);
void pending_flush(struct diagnostics *d);
void pending_drop(struct diagnostics *d);
static inline void pending_set(struct str *s, const char *text)
{
	str_clear(s);
	str_add(s, text);
}

extern const struct diagnostic_family compiler_family, make_family, tap_family, python_family, go_family,
	rust_family, script_family, test_family, generic_family;
/* A whole JUnit document. */
void junit_parse(struct diagnostics *d, const char *text, size_t len);

#endif
