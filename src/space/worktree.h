/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run's own working tree of somebody's git repository: a folder and a branch `pawl/RUN` from a named
 * base. Of the repository only the registration of the worktree and that branch are written: its index,
 * HEAD, settings, hooks and files stay as they are, and nothing that its settings name is executed:
 * filters (as of Git LFS) do not run, so files that need them are what the repository stores.
 *
 * All functions block and may be called from any thread; git's own locks order calls on one repository. */
#ifndef PAWL_SPACE_WORKTREE_H
#define PAWL_SPACE_WORKTREE_H

#include "base/err.h"

#define WORKTREE_OID_LEN 64 /* SHA-256 repositories have long ones */

struct worktree {
	char *repository; /* the common git folder, absolute */
	char *folder;     /* of the run, absolute */
	char *branch;     /* "pawl/RUN" */
	char base[WORKTREE_OID_LEN + 1]; /* the commit that it started from */
};
void worktree_done(struct worktree *worktree);

/* Make `folder` (which must not exist) a worktree of the repository that `repository` is in, on the new
 * branch pawl/RUN at `base` (a branch, tag or commit; NULL is HEAD). On failure nothing is left behind.
 * ERR_NOT_FOUND: no repository, or no such base; ERR_CONFLICT: the branch or folder exists; ERR_USAGE: a
 * name that cannot be one. *ret is yours. */
enum err_code worktree_acquire(const char *repository, const char *folder, const char *run, const char *base,
			       struct worktree *ret, struct err *err) MUST_CHECK;

/* As worktree_acquire(), for a run that had one: on its branch, where that was kept. What a process that died
 * had begun (`folder` is there, registered or not) is removed before, with all that is in it. */
enum err_code worktree_again(const char *repository, const char *folder, const char *run, const char *base,
			     struct worktree *ret, struct err *err) MUST_CHECK;

/* Remove the folder and its registration. The branch stays if it carries commits that the base does not,
 * *ret_branch_kept (may be NULL) tells; else it is removed, too. What is gone already is fine, so a
 * release that was interrupted is finished by another. */
enum err_code worktree_release(const struct worktree *worktree, bool *ret_branch_kept,
			       struct err *err) MUST_CHECK;

/* The commit that a branch of the repository stands at. */
enum err_code worktree_head(const char *repository, const char *branch, char ret[WORKTREE_OID_LEN + 1],
			    struct err *err) MUST_CHECK;
bool worktree_has_commit(const char *repository, const char *commit);
/* Its branch stands at the commit `to` from now on, is checked out, and its index is as if it had just been; its files
 * stay as they are. Where it stood before is kept as refs/pawl/RUN/COMMIT. What is so already is fine. */
enum err_code worktree_move(const struct worktree *worktree, const char *to, struct err *err) MUST_CHECK;

/* The common git folder of the repository that `path` is in; yours. ERR_NOT_FOUND. */
enum err_code worktree_repository(const char *path, char **ret, struct err *err) MUST_CHECK;

struct worktree_orphan {
	char *folder;     /* of a worktree on a branch of pawl; NULL if only the branch is there */
	char *branch;     /* "pawl/RUN" */
	bool folder_gone; /* registered, but the folder is not there */
};
/* Every branch pawl/ of the repository whose run `is_alive` does not know, with its worktree. */
typedef bool (*worktree_alive_fn)(void *with, const char *run);
enum err_code worktree_orphans(const char *repository, worktree_alive_fn is_alive, void *with,
			       struct worktree_orphan **ret, size_t *ret_n, struct err *err) MUST_CHECK;
void worktree_orphans_free(struct worktree_orphan *orphans, size_t n);

#endif
