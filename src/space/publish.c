/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "space/publish.h"

#include "base/fs.h"
#include "space/committer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void publish_commit_done(struct publish_commit *c)
{
	free(c->branch);
	*c = (struct publish_commit){ 0 };
}

static bool is_there(const struct git *git, const char *ref, struct str *out)
{
	auto_free char *commit = xasprintf("%s^{commit}", ref);
	return git_ask(git, (const char *const[]){ "rev-parse", "--verify", "--quiet", "--end-of-options", commit, NULL },
		   out, NULL) == ERR_OK && out->len > 0 && out->len <= WORKTREE_OID_LEN;
}

static enum err_code find_branch(const struct git *git, const char *branch, struct str *ret, bool *ret_here,
				 struct err *err)
{
	auto_str here = STR_INIT;
	if (git_ask(git, (const char *const[]){ "symbolic-ref", "--quiet", "--short", "HEAD", NULL }, &here, NULL))
		str_clear(&here); /* no branch is checked out */
	if (!branch && !here.len)
		return err_set(err, ERR_CONFLICT, _("no branch is checked out; say which one with branch:"));
	*ret_here = !branch || str_eq(branch, str_text(&here));
	str_add(ret, branch ? branch : str_text(&here));
	if (!branch || git_ask(git, (const char *const[]){ "check-ref-format", "--branch", branch, NULL }, &here, NULL) == ERR_OK)
		return ERR_OK;
	auto_free char *shown = git_shown(branch);
	return err_set(err, ERR_USAGE, _("'%s' is no name of a branch"), shown);
}

/* The tree of the folder, by an index of our own that begins with that of the base. */
static enum err_code write_tree(const struct git *git, const char *base, struct str *ret, struct err *err)
{
	enum err_code code = ERR_OK;
	if (base)
		code = git_capture(git, (const char *const[]){ "read-tree", base, NULL }, -1, GIT_ANSWER_MAX, NULL, err);
	if (!code)
		code = git_capture(git, (const char *const[]){ "add", "--all", ".", NULL }, -1, GIT_ANSWER_MAX, NULL, err);
	return code ? code : git_ask(git, (const char *const[]){ "write-tree", NULL }, ret, err);
}

static enum err_code count_files(const struct git *git, const char *base, const char *tree, size_t *ret, struct err *err)
{
	auto_str out = STR_INIT;
	/* The empty tree is known to every repository, by its hash of either kind. */
	enum err_code code = base ? git_capture(git, (const char *const[]){ "diff-tree", "-r", "--name-only", "-z", base, tree, NULL },
						-1, (size_t)256 * MIB, &out, err) :
				    git_capture(git, (const char *const[]){ "ls-tree", "-r", "--name-only", "-z", tree, NULL },
						-1, (size_t)256 * MIB, &out, err);
	for (size_t i = 0; i < out.len; i++)
		*ret += out.p[i] == '\0';
	return code;
}

struct commit_job {
	const struct git *git; /* with the index of our own */
	const char *ref, *message;
	const char *base;      /* NULL: the first commit of all */
	bool is_new;           /* the branch */
};

static enum err_code add_commit(const struct commit_job *j, const char *tree, struct publish_commit *ret, struct err *err)
{
	auto_str commit = STR_INIT;
	const char *args[] = { "commit-tree", tree, "-m", j->message, j->base ? "-p" : NULL, j->base, NULL };
	enum err_code code = git_ask(j->git, args, &commit, err);
	if (code)
		return code;
	if (commit.len > WORKTREE_OID_LEN)
		return err_set(err, ERR_IO, _("git %s failed: %s"), "commit-tree", _("it gave no reason"));
	memcpy(ret->commit, commit.p, commit.len + 1);
	ret->made_commit = true;
	return ERR_OK;
}

/* Only when it is still where it was: nobody's commit is lost. */
static enum err_code move_branch(const struct commit_job *j, const char *commit, struct err *err)
{
	const char *was = j->is_new || !j->base ? "" : j->base;
	return git_capture(j->git, (const char *const[]){ "update-ref", "-m", "pawl: publish", j->ref, commit, was, NULL }, -1,
			   GIT_ANSWER_MAX, NULL, err);
}

static enum err_code commit(const struct commit_job *j, struct publish_commit *ret, struct err *err)
{
	auto_str tree = STR_INIT, old = STR_INIT;
	enum err_code code = write_tree(j->git, j->base, &tree, err);
	auto_free char *base_tree = j->base ? xasprintf("%s^{tree}", j->base) : NULL;
	if (!code && j->base)
		code = git_ask(j->git, (const char *const[]){ "rev-parse", "--verify", base_tree, NULL }, &old, err);
	if (!code)
		code = count_files(j->git, j->base, str_text(&tree), &ret->files, err);
	if (code)
		return code;
	if (j->base && str_eq(str_text(&tree), str_text(&old)))
		(void)snprintf(ret->commit, sizeof(ret->commit), "%s", j->base);
	else
		code = add_commit(j, str_text(&tree), ret, err);
	ret->made_branch = j->is_new;
	if (!code && (ret->made_commit || j->is_new))
		code = move_branch(j, ret->commit, err);
	return code;
}

enum err_code publish_commit(const char *folder, const char *branch, const char *message,
			     struct publish_commit *ret, struct err *err)
{
	auto_free char *dir = xasprintf("%s/.git", folder);
	if (!fs_exists(dir))
		return err_set(err, ERR_NOT_FOUND, _("%s is no git repository; there is nothing to publish from"), folder);
	auto_committer c = { .index = NULL };
	enum err_code code = committer_open(folder, &c, err);
	auto_str where = STR_INIT, base = STR_INIT;
	bool here = false;
	if (!code)
		code = find_branch(&c.git, branch, &where, &here, err);
	if (code)
		return code;
	auto_free char *ref = xasprintf("refs/heads/%s", str_text(&where));
	struct commit_job j = { .git = &c.own, .ref = ref, .message = message };
	bool there = is_there(&c.git, ref, &base);
	j.is_new = !there;
	j.base = there || is_there(&c.git, "HEAD", &base) ? str_text(&base) : NULL;
	*ret = (struct publish_commit){ .branch = str_take(&where) };
	code = commit(&j, ret, err);
	if (!code && here && ret->made_commit)
		code = git_capture(&c.git, (const char *const[]){ "read-tree", ret->commit, NULL }, -1, GIT_ANSWER_MAX, NULL, err);
	if (code)
		publish_commit_done(ret);
	return code;
}

/* ---- push ---- */

static bool holds_password(const char *url)
{
	const char *host = strstr(url, "://");
	const char *end = host ? host + 3 + strcspn(host + 3, "/") : NULL;
	const char *at = host ? memchr(host + 3, '@', (size_t)(end - host - 3)) : NULL;
	return at && memchr(host + 3, ':', (size_t)(at - host - 3));
}

enum err_code publish_push(const char *folder, const char *remote, const char *branch, struct err *err)
{
	auto_free char *dir = xasprintf("%s/.git", folder), *refs = xasprintf("refs/heads/%s:refs/heads/%s", branch, branch);
	if (holds_password(remote))
		return err_set(err, ERR_USAGE, _("no password or token in an address; git finds it with a credential helper "
						 "or a key"));
	if (!*remote || *remote == '-')
		return err_set(err, ERR_USAGE, _("'%s' is neither the name nor the address of a remote"), remote);
	struct git git = { .dir = dir, .work = folder, .foreign = true, .user = true };
	return git_capture(&git, (const char *const[]){ "push", "--quiet", "--no-verify", "--recurse-submodules=no", "--end-of-options",
							remote, refs, NULL },
			   -1, GIT_ANSWER_MAX, NULL, err);
}

enum err_code publish_address(const char *folder, const char *remote, struct str *ret, struct err *err)
{
	auto_free char *dir = xasprintf("%s/.git", folder);
	struct git git = { .dir = dir, .work = folder, .foreign = true, .user = true };
	if (strchr(remote, '/') || strchr(remote, ':')) {
		str_add(ret, remote);
		return ERR_OK;
	}
	return git_ask(&git, (const char *const[]){ "remote", "get-url", "--", remote, NULL }, ret, err);
}

bool publish_may_pass(const struct err *err)
{
	static const char *const passing[] = { "Could not resolve", "Connection ", "timed out", "unable to access",
					       "early EOF", "remote end hung up", "unable to connect" };
	for (size_t i = 0; i < COUNT(passing); i++)
		if (strstr(err->message, passing[i]))
			return true;
	return false;
}
