/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is done to the files of a patch beside the loop: the commit, the way back, the revert with its checks. */
#ifndef PAWL_ENGINE_PATCH_WORK_H
#define PAWL_ENGINE_PATCH_WORK_H

#include "base/id.h"
#include "model/graph.h"
#include "model/states.h"

enum patch_op {
	PATCH_OP_COMMIT,  /* of a patch that passed; what cannot be committed is restored */
	PATCH_OP_RESTORE,
	PATCH_OP_REVERT,  /* of one that is committed: compensation, checks, commit; else restored */
};

struct patch_command {
	char **argv; /* NULL-terminated; NULL: there is none */
	char *input;
	size_t input_len;
};

struct patch_work {
	enum patch_op op;
	id_t64 id;
	char *stem;               /* of the entry (space/patch.h) */
	char *message, *author;   /* of the commit; message NULL: none is made */
	/* revert */
	char *from;               /* stem of what is taken back */
	int strip;
	enum patch_compensation how;
	struct patch_command compensation, checks;
	char **env;               /* of both; NULL-terminated */
	char *cwd;
	/* What came of it: PATCH_COMMITTED, PATCH_QUARANTINED (the files are what they were), or PATCH_APPLY_FAILED: they
	 * could not be restored. */
	enum patch_state state, reached; /* reached: the last one on the way to PATCH_COMMITTED */
	struct err why;
	char commit[65];
};
void patch_work_free(struct patch_work *w);
struct space_job;
/* Blocks. */
void patch_work_run(struct space_job *j);

#endif
