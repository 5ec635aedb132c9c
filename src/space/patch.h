/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unified diffs that come from outside: read, judged by rules, applied so that they can be taken back byte for
 * byte, committed. The grammar is that of git-diff(1) and of diff -u; what git's own reader makes of the same text
 * is compared with what was read here before anything is written.
 *
 * A patch that is being applied has a journal, STEM.json, and what the files were before in STEM.pre/: both are on
 * disk before the first byte of the workspace changes. Whatever ends the process, patch_restore() brings the files
 * back, and patch_stand() tells what they are. All functions block, those of reading and judging do not.
 */
#ifndef PAWL_SPACE_PATCH_H
#define PAWL_SPACE_PATCH_H

#include "base/err.h"
#include "base/str.h"
#include "space/worktree.h"

#define PATCH_TEXT_MAX ((size_t)1 * MIB) /* bytes of a diff */
#define PATCH_FILES_MAX 2000             /* that it may name at all */
#define PATCH_PATH_MAX 1000              /* bytes of a name */
#define PATCH_FILE_MAX ((int64_t)64 * MIB) /* bytes of a file that is touched: it is kept twice */

/* ---- reading ---- */

struct patch_file {
	char *from, *to;             /* without the stripped folders; NULL: it is made new, or removed */
	uint32_t old_mode, new_mode; /* as the headers say; 0: they do not */
	bool renamed, copied, binary;
	bool contents;               /* there are hunks, or binary data */
	size_t added, removed;       /* lines */
	size_t line;                 /* where it begins in the diff, from 1 */
};

struct patch {
	struct patch_file *v;
	size_t n, cap;
	size_t added, removed;
};
void patch_done(struct patch *p);
#define auto_patch CLEANUP(patch_done) struct patch

/* Where it is, for people: the path that it has afterwards, or had. */
const char *patch_path(const struct patch_file *f);
const char *patch_change(const struct patch_file *f); /* "modified", "created", "deleted", "renamed", "copied" */

/* Read a diff whose names have `strip` leading folders too many. ERR_INVALID names the line and what is wrong
 * there; ERR_TOO_LARGE. *ret is to be freed in any case. */
enum err_code patch_read(const char *text, size_t len, int strip, struct patch *ret, struct err *err) MUST_CHECK;

/* The diff within a text: what stands between the ``` lines if the text is one such block and nothing else,
 * the text itself otherwise. */
void patch_unfence(const char *text, size_t len, const char **ret, size_t *ret_len);

/* ---- judging ---- */

struct patch_rules {
	const char *const *allow; /* globs; none: every path */
	size_t nallow;
	const char *const *deny;
	size_t ndeny;
	size_t max_files, max_lines; /* 0: no limit */
	int64_t max_file;            /* bytes of a file afterwards; 0: no limit but PATCH_FILE_MAX */
	bool binary, modes, symlinks; /* allowed */
};

/* ERR_FORBIDDEN with the first rule that is broken. Nothing outside of the folder and nothing of a .git can be allowed. */
enum err_code patch_judge(const struct patch *p, const struct patch_rules *rules, struct err *err) MUST_CHECK;

/* ---- applying ---- */

struct patch_place {
	const char *folder; /* the workspace, absolute */
	const char *stem;   /* STEM.diff, STEM.json, STEM.pre/; absolute, its folder exists */
	int strip;
	bool reverse;       /* take STEM.diff back */
};

/* What the files of a journal are. */
enum patch_stand {
	PATCH_NONE,   /* there is no journal */
	PATCH_BEFORE, /* what they were */
	PATCH_AFTER,  /* what the patch made of them */
	PATCH_MIXED,  /* neither */
};

/* Whether git would apply STEM.diff, and touch what `p` says and nothing else. */
enum err_code patch_try(const struct patch_place *w, const struct patch *p, struct err *err) MUST_CHECK;
/* Keep what is there, apply. With `instead` that is called in place of git, and the files that `p` names are its
 * business (a command, a person). After an error the files are what they were, unless *ret_stuck: then the journal is
 * there, and patch_restore() is to be asked again. */
enum err_code patch_apply(const struct patch_place *w, const struct patch *p, const struct patch_rules *rules,
			  bool *ret_stuck, struct err *err) MUST_CHECK;
typedef enum err_code (*patch_instead_fn)(void *ctx, struct err *err);
enum err_code patch_apply_by(const struct patch_place *w, const struct patch *p, patch_instead_fn instead, void *ctx,
			     bool *ret_stuck, struct err *err) MUST_CHECK;
enum err_code patch_look(const struct patch_place *w, enum patch_stand *ret, struct err *err) MUST_CHECK;
/* Make the files what they were; with no journal there is nothing to do. Ends with the journal saying so.
 * ERR_CONFLICT: patch_settle() is done with it. */
enum err_code patch_restore(const struct patch_place *w, struct err *err) MUST_CHECK;

struct patch_commit {
	char commit[WORKTREE_OID_LEN + 1]; /* "" without one */
	bool made; /* false: the files are what the last commit has */
};
/* Commit the touched files, and nothing else, on what is checked out. Asked again after a crash, it finds the commit
 * that it made. ERR_CONFLICT: a file is not what the patch made of it. message NULL: check the files, no commit. */
enum err_code patch_settle(const struct patch_place *w, const char *message, const char *author,
			   struct patch_commit *ret, struct err *err) MUST_CHECK;
/* Whether patch_settle() was done with it, and the commit then. */
bool patch_is_settled(const char *stem, struct patch_commit *ret);
/* Whether the folder is a git repository, so that there can be a commit. */
bool patch_can_commit(const char *folder);

#endif
