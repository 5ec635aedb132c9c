/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which files a tree ignores: the rules of gitignore(5), for one file of patterns. */
#ifndef PAWL_SPACE_IGNORE_H
#define PAWL_SPACE_IGNORE_H

#include "base/base.h"

#define IGNORE_MAX (4 * MIB) /* bytes of one file of patterns */

struct ignore_rule {
	const char *pattern; /* borrowed from the text */
	bool negated, folder_only, anchored;
};

struct ignore {
	char *text;
	struct ignore_rule *rules;
	size_t n, cap;
	size_t base_len;             /* of the folder that the file stands in, with its '/' */
	const struct ignore *parent; /* borrowed: the rules of the folder above; they count for less */
};

void ignore_init(struct ignore *ignore, const char *text, size_t len, size_t base_len,
		 const struct ignore *parent);
void ignore_done(struct ignore *ignore);
/* `path` from the top of the tree, its folders not ignored. */
bool ignore_matches(const struct ignore *ignore, const char *path, bool is_folder);
/* Shell pattern with `**`; with `path`, '*', '?' and [] do not match a '/'. */
bool ignore_glob(const char *pattern, const char *text, bool path);

#endif
