/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commits in the user's own repository: with their name, an index of ours, and nothing of theirs executed (hooks, filters,
 * signatures). What pawl-publish and the settling of patches have in common. */
#ifndef PAWL_SPACE_COMMITTER_H
#define PAWL_SPACE_COMMITTER_H

#include "space/filters.h"
#include "space/git.h"

#define GIT_ANSWER_MAX ((size_t)16 * MIB)

/* The answer of git without the line feeds at its end; `out` is cleared first. */
enum err_code git_ask(const struct git *git, const char *const *args, struct str *out, struct err *err) MUST_CHECK;

struct committer {
	struct git git; /* with the user's index */
	struct git own; /* with ours, which committer_done() removes */
	struct filters filters;
	char *dir, *name, *mail, *index;
	const char **settings;
};
#define auto_committer CLEANUP(committer_done) struct committer

/* Of the repository whose work tree `folder` is. What points into *ret stays where it is: do not copy it. */
enum err_code committer_open(const char *folder, struct committer *ret, struct err *err) MUST_CHECK;
void committer_done(struct committer *c);

#endif
