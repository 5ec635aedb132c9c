/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a job on files does. Runs in a thread beside the loop: it touches nothing but the job and the files. */
#include "engine/engine.h"
#include "engine/gc.h"
#include "engine/patch_work.h"
#include "base/fs.h"
#include "space/snapshot.h"
#include "space/worktree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATCH_MAX ((size_t)64 * MIB)

/* SPACE_EMPTY by its real name: a snapshot of a folder with nothing in it. */
enum err_code space_tree_id(const char *home, const char *tree, char ret[41], struct err *err)
{
	if (!str_eq(tree, SPACE_EMPTY)) {
		(void)snprintf(ret, SPACE_ID_LEN + 1, "%s", tree);
		return ERR_OK;
	}
	auto_free char *store = xasprintf("%s/snapshots", home), *folder = xasprintf("%s/snapshots.empty", home);
	if (mkdir(folder, 0700) && errno != EEXIST)
		return err_sys(err, ERR_IO, _("cannot make the folder %s"), folder);
	return space_snapshot(store, folder, &(struct space_options){ .include_ignored = false }, ret, NULL, err);
}

static enum err_code snapshot(const char *store, struct space_job *j, struct err *err)
{
	auto_report report = { .files = 0 };
	char head[WORKTREE_OID_LEN + 1];
	bool stands = j->worktree && j->repository && j->branch && !worktree_head(j->repository, j->branch, head, NULL);
	struct space_options options = { .include_ignored = j->include_ignored, .head = stands ? head : NULL };
	enum err_code code = space_snapshot(store, j->path, &options, j->taken, &report, err);
	if (code)
		j->taken[0] = '\0';
	for (int i = 0; i < SPACE_LEFT_COUNT; i++)
		j->nleft += report.nleft[i];
	return code;
}

static enum err_code acquire(const char *store, struct space_job *j, struct err *err)
{
	CLEANUP(worktree_done) struct worktree t = { .repository = NULL };
	enum err_code code = ERR_OK;
	if (j->worktree) {
		const char *base = j->base && *j->base ? j->base : NULL;
		code = j->again ? worktree_again(j->repository, j->path, j->name, base, &t, err) :
				  worktree_acquire(j->repository, j->path, j->name, base, &t, err);
	}
	if (!code && j->worktree) {
		free(j->repository);
		free(j->branch);
		free(j->base);
		j->repository = TAKE(t.repository);
		j->branch = TAKE(t.branch);
		j->base = xstrdup(t.base);
	}
	/* Without a first snapshot the run goes on all the same; its start is just not kept. */
	if (!code && j->wanted && snapshot(store, j, err))
		return ERR_OK; /* the error says why */
	return code;
}

static enum err_code release(struct space_job *j, struct err *err)
{
	struct worktree t = { .repository = j->repository, .folder = j->path, .branch = j->branch };
	(void)snprintf(t.base, sizeof(t.base), "%s", j->base ? j->base : "");
	return worktree_release(&t, &j->branch_kept, err);
}

/* From what will be to what is now: applied afterwards, it brings the present back. */
static enum err_code write_patch(const char *home, const char *store, struct space_job *j, struct err *err)
{
	char to[SPACE_ID_LEN + 1];
	auto_str text = STR_INIT;
	enum err_code code = space_tree_id(home, j->tree, to, err);
	if (!code)
		code = space_diff_text(store, to, j->taken, NULL, PATCH_MAX, &text, err);
	if (code == ERR_TOO_LARGE) {
		j->too_large = true;
		return ERR_OK;
	}
	return code ? code : fs_write(j->patch, str_text(&text), text.len, 0600, err);
}

/* Where the branch of the worktree goes; "": it stays. Asked before any file is touched. */
static enum err_code head_of(const char *store, const struct space_job *j, const char *to, char ret[WORKTREE_OID_LEN + 1],
			     struct err *err)
{
	ret[0] = '\0';
	if (!j->worktree || !j->repository || !j->branch)
		return ERR_OK;
	enum err_code code = space_head(store, to, ret, err);
	if (!code && ret[0] && !worktree_has_commit(j->repository, ret))
		return err_set(err, ERR_CONFLICT, _("the commit %.12s, at which its branch stood then, is not in the repository any more"),
			       ret);
	return code;
}

static enum err_code restore(const char *home, const char *store, struct space_job *j, struct err *err)
{
	char to[SPACE_ID_LEN + 1], head[WORKTREE_OID_LEN + 1] = "";
	struct space_restored restored = { .removed = 0 };
	enum err_code code = space_tree_id(home, j->tree, to, err);
	if (!code)
		code = head_of(store, j, to, head, err);
	if (!code)
		code = space_restore(store, j->path, to, &restored, err);
	struct worktree t = { .repository = j->repository, .folder = j->path, .branch = j->branch };
	if (!code && head[0])
		code = worktree_move(&t, head, err);
	j->written = restored.written;
	j->removed = restored.removed;
	j->changed_mode = restored.changed_mode;
	space_restored_done(&restored);
	return code;
}

void space_job_run(const char *home, struct space_job *j)
{
	auto_free char *store = xasprintf("%s/snapshots", home);
	j->err = (struct err){ .code = ERR_OK };
	switch (j->kind) {
	case SPACE_ACQUIRE:
		j->code = acquire(store, j, &j->err);
		break;
	case SPACE_SNAPSHOT:
		j->code = snapshot(store, j, &j->err);
		if (j->measure)
			j->disk_bytes = fs_disk_used(j->path);
		break;
	case SPACE_MEASURE:
		j->disk_bytes = fs_disk_used(j->path);
		break;
	case SPACE_PROTECT:
		j->code = snapshot(store, j, &j->err);
		if (!j->code && j->patch)
			j->code = write_patch(home, store, j, &j->err);
		break;
	case SPACE_RESTORE:
		j->code = restore(home, store, j, &j->err);
		break;
	case SPACE_GC:
		j->code = gc_run(j->gc, &j->err);
		break;
	case SPACE_RELEASE:
		j->code = release(j, &j->err);
		break;
	case SPACE_PATCH:
		patch_work_run(j);
		break;
	case SPACE_JOB_KINDS:
		break;
	}
}
