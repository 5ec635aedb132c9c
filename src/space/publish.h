/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run has made, on a branch: a commit of a workspace that is a git repository, and its push. Commits are
 * made without hooks, filters and signatures, with an index of their own. A push is the user's: with the settings,
 * helpers and keys by which git always finds a password, but without hooks and without asking anybody.
 *
 * All functions block. */
#ifndef PAWL_SPACE_PUBLISH_H
#define PAWL_SPACE_PUBLISH_H

#include "base/str.h"
#include "space/worktree.h"

struct publish_commit {
	char *branch;                      /* on which it is */
	char commit[WORKTREE_OID_LEN + 1]; /* its newest commit, also when there was nothing to commit */
	bool made_branch, made_commit;
	size_t files; /* that the commit changes */
};
void publish_commit_done(struct publish_commit *c);

/* Commit all files of `folder` that git does not ignore on `branch` (NULL: the one that is checked out), which is
 * made from what is checked out if it is new. Without a difference there is no commit. The branch that is
 * checked out has its index set to the commit. ERR_NOT_FOUND: the folder is no repository; ERR_USAGE: no such
 * name of a branch; ERR_CONFLICT: no branch is checked out, or it moved meanwhile. *ret is yours. */
enum err_code publish_commit(const char *folder, const char *branch, const char *message,
			     struct publish_commit *ret, struct err *err) MUST_CHECK;

/* Push `branch` to the same name at `remote`, a name or an address; never by force. ERR_USAGE: an address
 * with a password in it, or one that looks like an option. */
enum err_code publish_push(const char *folder, const char *remote, const char *branch, struct err *err) MUST_CHECK;

/* The address of a remote by its name, or what is an address already. */
enum err_code publish_address(const char *folder, const char *remote, struct str *ret, struct err *err) MUST_CHECK;

/* Whether another try can help against what publish_push() said: the network, not a refusal. */
bool publish_may_pass(const struct err *err);

#endif
