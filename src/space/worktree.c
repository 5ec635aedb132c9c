/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "space/worktree.h"

#include "base/fs.h"
#include "space/filters.h"
#include "space/git.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)16 * MIB)
#define RUN_MAX 100

void worktree_done(struct worktree *worktree)
{
	free(worktree->repository);
	free(worktree->folder);
	free(worktree->branch);
	*worktree = (struct worktree){ 0 };
}

static void chomp(struct str *s)
{
	while (s->len && s->p[s->len - 1] == '\n')
		str_cut(s, s->len - 1);
}

static bool good_run(const char *run)
{
	size_t len = strlen(run);
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)run[i]) && run[i] != '-' && run[i] != '_')
			return false;
	return len > 0 && len <= RUN_MAX && run[0] != '-';
}

/* The common git folder of the repository that `path` is in: asked of the file system, because git
 * would read its settings to find it. */
static enum err_code find_repository(const char *path, char **ret, struct err *err)
{
	auto_free char *at = realpath(path, NULL);
	while (at && at[0]) {
		auto_free char *inside = xasprintf("%s/.git", at), *text = NULL;
		auto_free char *dir = fs_read(inside, 8 * KIB, &text, NULL, NULL) ? xstrdup(inside) : NULL;
		if (!dir && str_starts(text, "gitdir: ")) {
			text[strcspn(text, "\n")] = '\0';
			dir = fs_absolute(at, text + strlen("gitdir: "));
		}
		for (int bare = 0; bare < 2; bare++) {
			const char *candidate = bare ? at : dir;
			auto_free char *head = xasprintf("%s/HEAD", candidate ? candidate : "");
			auto_free char *pointer = xasprintf("%s/commondir", candidate ? candidate : "");
			auto_free char *objects = xasprintf("%s/objects", candidate ? candidate : "");
			auto_free char *common = NULL;
			if (!candidate || !fs_exists(head))
				continue;
			if (fs_read(pointer, 8 * KIB, &common, NULL, NULL) == ERR_OK) {
				common[strcspn(common, "\n")] = '\0';
				*ret = fs_absolute(candidate, common);
				return ERR_OK;
			}
			if (!fs_exists(objects))
				continue;
			*ret = xstrdup(candidate);
			return ERR_OK;
		}
		*strrchr(at, '/') = '\0';
	}
	return err_set(err, ERR_NOT_FOUND, _("%s is in no git repository"), path);
}

enum err_code worktree_repository(const char *path, char **ret, struct err *err)
{
	return find_repository(path, ret, err);
}

/* ---- acquiring ---- */

static enum err_code resolve(const struct git *git, const char *base, char ret[WORKTREE_OID_LEN + 1],
			     struct err *err)
{
	auto_free char *commit = xasprintf("%s^{commit}", base);
	const char *const args[] = { "rev-parse", "--verify", "--quiet", "--end-of-options", commit, NULL };
	auto_str out = STR_INIT;
	enum err_code code = git_capture(git, args, -1, 4 * KIB, &out, err);
	chomp(&out);
	auto_free char *shown = git_shown(base);
	if (code == ERR_IO || (!code && (!out.len || out.len > WORKTREE_OID_LEN)))
		return err_set(err, ERR_NOT_FOUND, _("the repository has no commit %s"), shown);
	if (!code)
		memcpy(ret, out.p, out.len + 1);
	return code;
}

static bool has_branch(const struct git *git, const char *branch)
{
	auto_free char *ref = xasprintf("refs/heads/%s", branch);
	const char *const args[] = { "show-ref", "--verify", "--quiet", ref, NULL };
	return git_capture(git, args, -1, 4 * KIB, NULL, NULL) == ERR_OK;
}

static enum err_code add_worktree(const struct git *git, const struct worktree *t, bool branch_there, struct err *err)
{
	const char *const there[] = { "worktree", "add", "--quiet", "--no-guess-remote", t->folder, t->branch, NULL };
	if (branch_there)
		return git_capture(git, there, -1, ANSWER_MAX, NULL, err);
	const char *const args[] = { "worktree", "add",	    "--quiet", "--no-guess-remote", "--no-track", "-b",
				     t->branch,	 t->folder, t->base,   NULL };
	return git_capture(git, args, -1, ANSWER_MAX, NULL, err);
}

static enum err_code clear_folder(const struct git *git, const struct worktree *t, struct err *err);

static enum err_code acquire(const char *repository, const char *folder, const char *run, const char *base,
			     bool again, struct worktree *ret, struct err *err)
{
	CLEANUP(worktree_done) struct worktree t = { 0 };
	auto_filters filters = { NULL, 0, 0 };
	struct stat st;
	if (!good_run(run))
		return err_set(err, ERR_USAGE, _("a run's name has letters, digits, '-' and '_'; at most %d"),
			       RUN_MAX);
	if (folder[0] != '/')
		return err_set(err, ERR_USAGE, _("%s is not an absolute path"), folder);
	enum err_code code = find_repository(repository, &t.repository, err);
	if (code)
		return code;
	t.folder = fs_absolute("/", folder);
	t.branch = xasprintf("pawl/%s", run);
	if (!again && lstat(t.folder, &st) == 0)
		return err_set(err, ERR_CONFLICT, _("%s exists already"), t.folder);
	code = filters_find(t.repository, &filters, err);
	struct git git = { .dir = t.repository, .foreign = true,
			   .settings = (const char *const *)filters.settings };
	if (!code)
		code = resolve(&git, base ? base : "HEAD", t.base, err);
	if (!code && again)
		code = clear_folder(&git, &t, err);
	bool there = !code && has_branch(&git, t.branch);
	if (there && !again)
		code = err_set(err, ERR_CONFLICT, _("the branch %s exists already"), t.branch);
	if (code)
		return code;
	code = add_worktree(&git, &t, there, err);
	if (code && !again) { /* what was begun is taken back; why it failed is more to the point than whether that did */
		enum err_code undone = worktree_release(&t, NULL, NULL);
		if (undone)
			err_hint(err, _("the branch %s may be left behind; gc lists it"), t.branch);
		return code;
	}
	if (code)
		return code;
	*ret = t;
	t = (struct worktree){ 0 };
	return ERR_OK;
}

enum err_code worktree_acquire(const char *repository, const char *folder, const char *run, const char *base,
			       struct worktree *ret, struct err *err)
{
	return acquire(repository, folder, run, base, false, ret, err);
}

enum err_code worktree_again(const char *repository, const char *folder, const char *run, const char *base,
			     struct worktree *ret, struct err *err)
{
	return acquire(repository, folder, run, base, true, ret, err);
}

/* ---- releasing ---- */

struct listed {
	const char *folder, *branch;
	bool locked;
};
typedef enum err_code (*listed_fn)(void *with, const struct listed *listed, struct err *err);

/* `git worktree list --porcelain -z`: lines end with NUL, a record with an empty one. */
static enum err_code each_worktree(const struct git *git, listed_fn each, void *with, struct err *err)
{
	static const char *const args[] = { "worktree", "list", "--porcelain", "-z", NULL };
	auto_str out = STR_INIT;
	enum err_code code = git_capture(git, args, -1, ANSWER_MAX, &out, err);
	struct listed listed = { NULL, NULL, false };
	for (size_t at = 0; !code && at < out.len; at += strlen(out.p + at) + 1) {
		const char *line = out.p + at;
		if (str_starts(line, "worktree "))
			listed.folder = line + strlen("worktree ");
		else if (str_starts(line, "branch refs/heads/"))
			listed.branch = line + strlen("branch refs/heads/");
		else if (str_starts(line, "locked"))
			listed.locked = true;
		else if (!line[0] && listed.folder) {
			code = each(with, &listed, err);
			listed = (struct listed){ NULL, NULL, false };
		}
	}
	return code;
}

struct search {
	const struct worktree *worktree;
	bool found;
};

static enum err_code is_ours(void *with, const struct listed *listed, struct err *err UNUSED)
{
	struct search *search = with;
	search->found |= str_eq(listed->folder, search->worktree->folder) ||
			 (listed->branch && str_eq(listed->branch, search->worktree->branch));
	return ERR_OK;
}

/* Whether the branch has commits that its base has not. */
static enum err_code carries_commits(const struct git *git, const struct worktree *t, bool *ret, struct err *err)
{
	auto_free char *range = xasprintf("%s..refs/heads/%s", t->base, t->branch);
	const char *const args[] = { "rev-list", "--max-count=1", range, "--", NULL };
	auto_str out = STR_INIT;
	enum err_code code = git_capture(git, args, -1, 4 * KIB, &out, err);
	*ret = out.len > 0;
	return code;
}

static enum err_code drop_branch(const struct git *git, const struct worktree *t, bool *ret_kept, struct err *err)
{
	bool kept = false;
	enum err_code code = ERR_OK;
	auto_free char *ref = xasprintf("refs/heads/%s", t->branch);
	const char *const args[] = { "update-ref", "-d", ref, NULL };
	if (has_branch(git, t->branch)) {
		code = carries_commits(git, t, &kept, err);
		if (!code && !kept)
			code = git_capture(git, args, -1, 4 * KIB, NULL, err);
	}
	if (!code && ret_kept)
		*ret_kept = kept;
	return code;
}

/* A git that died leaves the lock of the branch behind. The branch is the run's, and nothing of that runs now. */
static void unlock_branch(const struct worktree *t)
{
	auto_free char *lock = xasprintf("%s/refs/heads/%s.lock", t->repository, t->branch);
	(void)unlink(lock); /* there is none, as a rule; where it stays git says so */
}

/* Whether what git notes of a worktree in `admin` is half made, and of this folder. */
static bool is_half_made(const char *admin, const char *folder)
{
	auto_free char *commondir = xasprintf("%s/commondir", admin), *gitdir = xasprintf("%s/gitdir", admin);
	auto_free char *text = NULL, *at = NULL, *real = realpath(folder, NULL), *wanted = NULL;
	struct stat st;
	if ((lstat(commondir, &st) == 0 && st.st_size > 0) || fs_read(gitdir, 8 * KIB, &at, NULL, NULL))
		return false;
	at[strcspn(at, "\n")] = '\0';
	text = xasprintf("%s/.git", folder);
	wanted = xasprintf("%s/.git", real ? real : folder);
	return str_eq(at, text) || str_eq(at, wanted);
}

/* A git that died while it made the worktree leaves notes that no git can read any more: not of this repository's
 * other worktrees either. */
static enum err_code drop_half_made(const struct worktree *t, struct err *err)
{
	auto_free char *dir = xasprintf("%s/worktrees", t->repository);
	enum err_code code = ERR_OK;
	DIR *d = opendir(dir);
	for (const struct dirent *i; d && !code && (i = readdir(d));) {
		auto_free char *admin = xasprintf("%s/%s", dir, i->d_name);
		if (i->d_name[0] != '.' && is_half_made(admin, t->folder))
			code = fs_rmtree(admin, err);
	}
	if (d)
		(void)closedir(d);
	return code;
}

/* Folder and notes are gone, however they were left. */
static enum err_code clear_folder(const struct git *git, const struct worktree *t, struct err *err)
{
	struct stat st;
	unlock_branch(t);
	enum err_code half = drop_half_made(t, err);
	if (half)
		return half;
	struct search search = { t, false };
	enum err_code code = each_worktree(git, is_ours, &search, err);
	const char *const args[] = { "worktree", "remove", "--force", "--force", t->folder, NULL };
	/* First as git does it, then whatever it would not remove; a missing folder is pruned. */
	if (!code && search.found && git_capture(git, args, -1, ANSWER_MAX, NULL, NULL)) {
		code = fs_rmtree(t->folder, err);
		static const char *const prune[] = { "worktree", "prune", "--expire=now", NULL };
		if (!code)
			code = git_capture(git, prune, -1, ANSWER_MAX, NULL, err);
	}
	if (!code && lstat(t->folder, &st) == 0)
		code = fs_rmtree(t->folder, err);
	return code;
}

enum err_code worktree_release(const struct worktree *t, bool *ret_branch_kept, struct err *err)
{
	struct git git = { .dir = t->repository, .foreign = true };
	enum err_code code = clear_folder(&git, t, err);
	return code ? code : drop_branch(&git, t, ret_branch_kept, err);
}

/* ---- orphans ---- */

struct orphans {
	worktree_alive_fn is_alive;
	void *with;
	struct worktree_orphan *v;
	size_t n, cap;
};

void worktree_orphans_free(struct worktree_orphan *orphans, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(orphans[i].folder);
		free(orphans[i].branch);
	}
	free(orphans);
}

static void orphans_done(struct orphans *o)
{
	worktree_orphans_free(o->v, o->n);
}

static bool is_known(const struct orphans *o, const char *branch)
{
	for (size_t i = 0; i < o->n; i++)
		if (str_eq(o->v[i].branch, branch))
			return true;
	return o->is_alive(o->with, branch + strlen("pawl/"));
}

static enum err_code add_orphan(void *with, const struct listed *listed, struct err *err UNUSED)
{
	struct orphans *o = with;
	if (!listed->branch || !str_starts(listed->branch, "pawl/") || is_known(o, listed->branch))
		return ERR_OK;
	GROW(o->v, o->n, o->cap);
	o->v[o->n++] = (struct worktree_orphan){
		.folder = listed->folder ? xstrdup(listed->folder) : NULL,
		.branch = xstrdup(listed->branch),
		.folder_gone = listed->folder && !fs_exists(listed->folder),
	};
	return ERR_OK;
}

enum err_code worktree_orphans(const char *repository, worktree_alive_fn is_alive, void *with,
			       struct worktree_orphan **ret, size_t *ret_n, struct err *err)
{
	auto_free char *dir = NULL;
	CLEANUP(orphans_done) struct orphans o = { is_alive, with, NULL, 0, 0 };
	enum err_code code = find_repository(repository, &dir, err);
	if (code)
		return code;
	struct git git = { .dir = dir, .foreign = true };
	code = each_worktree(&git, add_orphan, &o, err);
	static const char *const args[] = { "for-each-ref", "--format=%(refname)", "refs/heads/pawl/", NULL };
	auto_str out = STR_INIT;
	if (!code)
		code = git_capture(&git, args, -1, ANSWER_MAX, &out, err);
	char *save = NULL;
	for (char *line = code || !out.len ? NULL : strtok_r(out.p, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		struct listed branch = { NULL, line + strlen("refs/heads/"), false };
		code = add_orphan(&o, &branch, err);
	}
	if (code)
		return code;
	*ret = TAKE(o.v);
	*ret_n = o.n;
	o.n = 0;
	return ERR_OK;
}
