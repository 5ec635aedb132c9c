/* SPDX-License-Identifier: GPL-3.0-or-later */
/* YAML or JSON text to a small tree whose every value knows where it stands. What YAML can do beyond
 * trees of text, numbers, lists and maps is refused. */
#ifndef PAWL_FLOW_TREE_H
#define PAWL_FLOW_TREE_H

#include "base/arena.h"
#include "flow/flow.h"

#define TREE_DEPTH_MAX 64
#define TREE_NODES_MAX 500000
#define TREE_SCALAR_MAX (256 * KIB)

enum tree_kind { TREE_NULL, TREE_BOOL, TREE_INT, TREE_FLOAT, TREE_TEXT, TREE_LIST, TREE_MAP };

struct tree {
	enum tree_kind kind;
	int line, column;         /* from 1; columns count characters */
	const char *text;         /* of a scalar, quotes and escapes resolved, NUL-terminated */
	size_t len;
	struct tree *first, *last; /* elements or members, linked by `next` */
	size_t n;
	struct tree *next;
	const char *key; /* of a member of a map */
	int key_line, key_column;
};

/* Parse; the tree lives in `arena`. NULL when the text is no tree at all; also with a tree, mistakes
 * (keys given twice) may have been added to the report. */
struct tree *tree_parse(struct arena *arena, const char *file, const char *text, size_t len,
			struct flow_report *report);
/* The member of a map, NULL if it has none. */
const struct tree *tree_get(const struct tree *map, const char *key);
/* What it is, for messages: "a list". */
const char *tree_kind_name(const struct tree *t);
/* The JSON value that a tree stands for. Whole numbers of more than 15 digits are written as they are. */
void tree_add_json(struct str *out, const struct tree *t);

#endif
