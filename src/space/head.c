/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the branch of a run's worktree stands: a part of its snapshots, so that a step that committed can be gone back
 * behind. What the branch leaves is kept under refs/pawl/, and so are its commits. */
#include "space/internal.h"
#include "space/worktree.h"
#include "base/fs.h"

#include <dirent.h>
#include <string.h>

#define REF_MAX ((size_t)4 * KIB)

static void chomp(char *text)
{
	text[strcspn(text, "\r\n")] = '\0';
}

static bool is_commit_id(const char *text)
{
	size_t len = strlen(text);
	return (len == 40 || len == WORKTREE_OID_LEN) && strspn(text, "0123456789abcdef") == len;
}

static enum err_code ask(const struct git *git, const char *const *args, char ret[WORKTREE_OID_LEN + 1], struct err *err)
{
	auto_str out = STR_INIT;
	enum err_code code = git_capture(git, args, -1, REF_MAX, &out, err);
	auto_free char *text = xstrdup(str_text(&out));
	chomp(text);
	if (!code && !is_commit_id(text))
		return err_set(err, ERR_IO, _("git %s failed: %s"), args[0], _("it gave no commit"));
	if (!code)
		memcpy(ret, text, strlen(text) + 1);
	return code;
}

enum err_code worktree_head(const char *repository, const char *branch, char ret[WORKTREE_OID_LEN + 1], struct err *err)
{
	auto_free char *path = xasprintf("%s/refs/heads/%s", repository, branch), *text = NULL;
	size_t len;
	/* As git writes it; what is not there so is packed, or elsewhere. */
	if (!fs_read(path, REF_MAX, &text, &len, NULL)) {
		chomp(text);
		if (is_commit_id(text)) {
			memcpy(ret, text, strlen(text) + 1);
			return ERR_OK;
		}
	}
	struct git git = { .dir = repository, .foreign = true };
	auto_free char *ref = xasprintf("refs/heads/%s", branch);
	return ask(&git, (const char *const[]){ "rev-parse", "--verify", "--quiet", "--end-of-options", ref, NULL }, ret, err);
}

bool worktree_has_commit(const char *repository, const char *commit)
{
	struct git git = { .dir = repository, .foreign = true };
	auto_free char *object = xasprintf("%s^{commit}", commit);
	return git_capture(&git, (const char *const[]){ "cat-file", "-e", object, NULL }, -1, REF_MAX, NULL, NULL) == ERR_OK;
}

/* What the repository keeps of the worktree: its index and HEAD; yours, NULL: none. */
static char *admin_of(const char *repository, const char *folder)
{
	auto_free char *all = xasprintf("%s/worktrees", repository), *wanted = xasprintf("%s/.git", folder);
	DIR *d = opendir(all);
	char *found = NULL;
	for (const struct dirent *e = d ? readdir(d) : NULL; e && !found; e = readdir(d)) {
		auto_free char *file = xasprintf("%s/%s/gitdir", all, e->d_name), *text = NULL;
		size_t len;
		if (e->d_name[0] == '.' || fs_read(file, 64 * KIB, &text, &len, NULL))
			continue;
		chomp(text);
		if (str_eq(text, wanted))
			found = xasprintf("%s/%s", all, e->d_name);
	}
	if (d)
		(void)closedir(d);
	return found;
}

enum err_code worktree_move(const struct worktree *t, const char *to, struct err *err)
{
	char tip[WORKTREE_OID_LEN + 1];
	auto_free char *admin = admin_of(t->repository, t->folder), *ref = xasprintf("refs/heads/%s", t->branch);
	struct git git = { .dir = t->repository, .foreign = true };
	if (!admin)
		return err_set(err, ERR_NOT_FOUND, _("%s is no worktree of its repository any more"), t->folder);
	bool there = worktree_head(t->repository, t->branch, tip, NULL) == ERR_OK;
	enum err_code code = ERR_OK;
	if (there && !str_eq(tip, to)) { /* nothing that was committed is lost */
		auto_free char *kept = xasprintf("refs/pawl/%s/%s", str_starts(t->branch, "pawl/") ? t->branch + 5 : t->branch, tip);
		code = git_capture(&git, (const char *const[]){ "update-ref", "-m", "pawl: kept", kept, tip, NULL }, -1, REF_MAX, NULL,
				   err);
	}
	if (!code && (!there || !str_eq(tip, to)))
		code = git_capture(&git, (const char *const[]){ "update-ref", "-m", "pawl: goes back", ref, to, there ? tip : "", NULL },
				   -1, REF_MAX, NULL, err);
	/* The files are what they were already: the index, and which branch is checked out, follow. */
	struct git own = { .dir = admin, .work = t->folder, .foreign = true };
	if (!code)
		code = git_capture(&own, (const char *const[]){ "symbolic-ref", "HEAD", ref, NULL }, -1, REF_MAX, NULL, err);
	if (!code)
		/* Without --reset: nothing of the old index is compared with files, which could run a filter of the user. */
		code = git_capture(&own, (const char *const[]){ "read-tree", to, NULL }, -1, REF_MAX, NULL, err);
	return code;
}

enum err_code space_head(const char *store, const char *id, char ret[WORKTREE_OID_LEN + 1], struct err *err)
{
	auto_place place = PLACE_INIT;
	auto_meta meta = META_INIT;
	enum err_code code = place_open(&place, store, NULL, false, false, err);
	if (!code)
		code = meta_read(&place, id, &meta, err);
	if (code)
		return code;
	const char *head = meta.head && is_commit_id(meta.head) ? meta.head : "";
	memcpy(ret, head, strlen(head) + 1);
	return ERR_OK;
}
