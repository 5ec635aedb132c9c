/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "space/committer.h"

#include "base/fs.h"

#include <unistd.h>

enum err_code git_ask(const struct git *git, const char *const *args, struct str *out, struct err *err)
{
	str_clear(out);
	enum err_code code = git_capture(git, args, -1, GIT_ANSWER_MAX, out, err);
	while (!code && out->len && out->p[out->len - 1] == '\n')
		str_cut(out, out->len - 1);
	return code;
}

/* Who commits: as the user's git says it, who may have said nothing. */
static char *identity(const char *dir, const char *key, const char *otherwise)
{
	struct git user = { .dir = dir, .foreign = true, .user = true };
	auto_str out = STR_INIT;
	if (git_ask(&user, (const char *const[]){ "config", "--get", key, NULL }, &out, NULL) || !out.len)
		return xasprintf("%s=%s", key, otherwise);
	return xasprintf("%s=%s", key, str_text(&out));
}

enum err_code committer_open(const char *folder, struct committer *ret, struct err *err)
{
	*ret = (struct committer){ .dir = xasprintf("%s/.git", folder) };
	enum err_code code = filters_find(ret->dir, &ret->filters, err);
	if (code)
		return code;
	ret->name = identity(ret->dir, "user.name", "pawl");
	ret->mail = identity(ret->dir, "user.email", "pawl@localhost");
	ret->settings = xcalloc(ret->filters.n + 3, sizeof(*ret->settings));
	for (size_t i = 0; i < ret->filters.n; i++)
		ret->settings[i] = ret->filters.settings[i];
	ret->settings[ret->filters.n] = ret->name;
	ret->settings[ret->filters.n + 1] = ret->mail;
	ret->git = (struct git){ .dir = ret->dir, .work = folder, .cwd = folder, .foreign = true, .settings = ret->settings };
	auto_str git_dir = STR_INIT;
	code = git_ask(&ret->git, (const char *const[]){ "rev-parse", "--absolute-git-dir", NULL }, &git_dir, err);
	if (code)
		return code;
	ret->index = xasprintf("%s/pawl-index-%ld", str_text(&git_dir), (long)getpid());
	ret->own = ret->git;
	ret->own.index = ret->index;
	return ERR_OK;
}

void committer_done(struct committer *c)
{
	if (c->index)
		(void)unlink(c->index);
	filters_done(&c->filters);
	free(c->dir);
	free(c->name);
	free(c->mail);
	free(c->index);
	free(c->settings);
	*c = (struct committer){ .index = NULL };
}
