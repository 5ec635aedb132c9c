/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal of a patch that is being applied: what is touched, and what it was before. */
#ifndef PAWL_SPACE_PATCH_JOURNAL_H
#define PAWL_SPACE_PATCH_JOURNAL_H

#include "space/patch.h"

#include <sys/stat.h>

enum kept_kind { KEPT_ABSENT, KEPT_FILE, KEPT_LINK };

struct kept_stand {
	enum kept_kind kind;
	uint32_t mode; /* permissions */
	char hash[65]; /* of the bytes, or of the target */
};

struct kept {
	char *path;
	struct kept_stand before, after;
	int64_t mtime_ns; /* before */
};

struct kept_folder { /* that leads to a touched path; a folder stands before what is in it */
	char *path;
	int64_t mode; /* -1: it was not there */
};

enum journal_phase {
	JOURNAL_APPLYING, /* nothing is certain but what was before */
	JOURNAL_APPLIED,  /* `after` is known */
	JOURNAL_RESTORED,
	JOURNAL_SETTLED,
	JOURNAL_PHASE_COUNT
};

struct patch_journal {
	enum journal_phase phase;
	struct kept *v;
	size_t n;
	struct kept_folder *folders;
	size_t nfolders;
	char commit[WORKTREE_OID_LEN + 1]; /* that is about to be, or was, made; "" none */
};
void patch_journal_done(struct patch_journal *j);
#define auto_journal CLEANUP(patch_journal_done) struct patch_journal

enum err_code patch_journal_write(const char *stem, const struct patch_journal *j, struct err *err) MUST_CHECK;
/* ERR_NOT_FOUND: there is none. */
enum err_code patch_journal_read(const char *stem, struct patch_journal *ret, struct err *err) MUST_CHECK;

/* The folder opened, following links only to it. */
enum err_code patch_root(const char *folder, int *ret, struct err *err) MUST_CHECK;
/* What a path is now; ERR_FORBIDDEN: neither a file nor a link nor nothing, or a link leads to it. */
enum err_code patch_stat(int root, const char *path, struct kept_stand *ret, int64_t *ret_mtime_ns,
			 struct err *err) MUST_CHECK;
/* The folder that a path stands in, opened; *ret_name is its name there. -1 with errno set. */
int patch_parent(int root, const char *path, const char **ret_name);
bool kept_same(const struct kept_stand *a, const struct kept_stand *b);

#endif
