/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of a patch that passed its checks: a commit of what it touched and of nothing else, without hooks, filters
 * and signatures, with an index of its own. */
#include "space/patch_journal.h"

#include "base/fs.h"
#include "space/committer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The touched paths into an index: what is there, and what is not there any more. */
static enum err_code add_paths(const struct git *git, const struct patch_journal *j, struct err *err)
{
	auto_str paths = STR_INIT;
	for (size_t i = 0; i < j->n; i++)
		str_add_len(&paths, j->v[i].path, strlen(j->v[i].path) + 1);
	int fd = git_memory(paths.p, paths.len);
	if (fd < 0)
		return err_sys(err, ERR_IO, _("cannot make the list of paths"));
	enum err_code code = git_capture(git, (const char *const[]){ "update-index", "--add", "--remove", "-z", "--stdin", NULL }, fd,
					 GIT_ANSWER_MAX, NULL, err);
	(void)close(fd);
	return code;
}

struct settle {
	const struct patch_place *w;
	struct patch_journal *j;
	const struct git *git, *own; /* own: with the index of its own */
	const char *message, *author;
	struct patch_commit *ret;
};

static bool is_made(const struct settle *s, const char *head)
{
	auto_str out = STR_INIT;
	return s->j->commit[0] && *head &&
	       git_ask(s->git, (const char *const[]){ "merge-base", "--is-ancestor", s->j->commit, head, NULL }, &out, NULL) == ERR_OK;
}

static enum err_code new_commit(const struct settle *s, const char *head, const char *tree, struct err *err)
{
	auto_str commit = STR_INIT;
	auto_free char *name = NULL, *mail = NULL;
	const char *settings[64] = { NULL };
	struct git git = *s->own;
	size_t n = 0;
	for (; s->own->settings && s->own->settings[n] && n + 3 < COUNT(settings); n++)
		settings[n] = s->own->settings[n];
	const char *less = s->author ? strrchr(s->author, '<') : NULL;
	if (less) { /* "NAME <ADDRESS>"; the committer is who always commits here */
		size_t len = (size_t)(less - s->author);
		while (len && s->author[len - 1] == ' ')
			len--;
		name = xasprintf("author.name=%.*s", (int)len, s->author);
		mail = xasprintf("author.email=%.*s", (int)strcspn(less + 1, ">"), less + 1);
		settings[n++] = name;
		settings[n++] = mail;
		git.settings = settings;
	}
	const char *args[] = { "commit-tree", tree, "-m", s->message, *head ? "-p" : NULL, head, NULL };
	enum err_code code = git_ask(&git, args, &commit, err);
	if (code)
		return code;
	if (!commit.len || commit.len > WORKTREE_OID_LEN)
		return err_set(err, ERR_IO, _("git %s failed: %s"), "commit-tree", _("it gave no reason"));
	/* Written before the branch moves: after a crash it is known which commit is meant. */
	(void)snprintf(s->j->commit, sizeof(s->j->commit), "%s", str_text(&commit));
	code = patch_journal_write(s->w->stem, s->j, err);
	return code ? code : git_capture(s->git, (const char *const[]){ "update-ref", "-m", "pawl: patch", "HEAD", s->j->commit, head, NULL },
					 -1, GIT_ANSWER_MAX, NULL, err);
}

static enum err_code commit(const struct settle *s, struct err *err)
{
	auto_str head = STR_INIT, tree = STR_INIT, old = STR_INIT;
	if (git_ask(s->git, (const char *const[]){ "rev-parse", "--verify", "--quiet", "HEAD^{commit}", NULL }, &head, NULL))
		str_clear(&head); /* there is no commit yet */
	const char *base = str_text(&head);
	if (is_made(s, base)) {
		s->ret->made = true;
		return ERR_OK;
	}
	enum err_code code = ERR_OK;
	if (*base)
		code = git_capture(s->own, (const char *const[]){ "read-tree", base, NULL }, -1, GIT_ANSWER_MAX, NULL, err);
	if (!code)
		code = add_paths(s->own, s->j, err);
	if (!code)
		code = git_ask(s->own, (const char *const[]){ "write-tree", NULL }, &tree, err);
	auto_free char *base_tree = xasprintf("%s^{tree}", base);
	if (!code && *base)
		code = git_ask(s->git, (const char *const[]){ "rev-parse", "--verify", base_tree, NULL }, &old, err);
	if (code)
		return code;
	if (*base && str_eq(str_text(&tree), str_text(&old))) {
		(void)snprintf(s->j->commit, sizeof(s->j->commit), "%s", base);
		return ERR_OK;
	}
	s->ret->made = true;
	return new_commit(s, base, str_text(&tree), err);
}

static enum err_code commit_in(const struct patch_place *w, struct patch_journal *j, const char *message, const char *author,
			       struct patch_commit *ret, struct err *err)
{
	auto_committer c = { .index = NULL };
	enum err_code code = committer_open(w->folder, &c, err);
	if (code)
		return code;
	struct settle s = { .w = w, .j = j, .git = &c.git, .own = &c.own, .message = message, .author = author, .ret = ret };
	code = commit(&s, err);
	/* The index of the branch knows them, too; what else was staged stays. */
	return code ? code : add_paths(&c.git, j, err);
}

bool patch_is_settled(const char *stem, struct patch_commit *ret)
{
	auto_journal j = { .phase = JOURNAL_APPLYING };
	*ret = (struct patch_commit){ "", false };
	if (patch_journal_read(stem, &j, NULL) || j.phase != JOURNAL_SETTLED)
		return false;
	memcpy(ret->commit, j.commit, sizeof(ret->commit));
	return true;
}

enum err_code patch_settle(const struct patch_place *w, const char *message, const char *author, struct patch_commit *ret,
			   struct err *err)
{
	auto_journal j = { .phase = JOURNAL_APPLYING };
	enum patch_stand stand;
	*ret = (struct patch_commit){ "", false };
	enum err_code code = patch_journal_read(w->stem, &j, err);
	if (code)
		return code;
	if (j.phase == JOURNAL_RESTORED || j.phase == JOURNAL_APPLYING)
		return err_set(err, ERR_CONFLICT, _("the patch is not applied"));
	if (j.phase == JOURNAL_APPLIED) {
		code = patch_look(w, &stand, err);
		if (!code && stand != PATCH_AFTER)
			code = err_set(err, ERR_CONFLICT, _("the files are not what the patch made of them"));
		if (!code && message)
			code = commit_in(w, &j, message, author, ret, err);
		j.phase = JOURNAL_SETTLED;
		if (!code)
			code = patch_journal_write(w->stem, &j, err);
	}
	if (!code)
		memcpy(ret->commit, j.commit, sizeof(ret->commit));
	return code;
}
