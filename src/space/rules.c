/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is covered, at present: asked of the folder's own repository without changing it. */
#include "space/internal.h"

#include "base/fs.h"
#include "space/ignore.h"

#include <string.h>

void rules_done(struct rules *rules)
{
	size_t at = 0;
	const char *key;
	for (void *text; (text = smap_next(&rules->texts, &at, &key));)
		free(text);
	free(rules->head);
	smap_done(&rules->texts);
	smap_done(&rules->always);
	smap_done(&rules->empty);
	free(rules->exclude);
	*rules = (struct rules)RULES_INIT;
}

void rules_always(struct rules *rules, const char *path)
{
	auto_free char *prefix = xstrdup(path);
	for (char *slash; !smap_get(&rules->always, prefix); *slash = '\0') {
		smap_put(&rules->always, prefix, rules);
		slash = strrchr(prefix, '/');
		if (!slash)
			break;
	}
}

/* The repository that the folder is the top of, NULL if none; yours. */
static char *repository_of(const char *folder)
{
	char *dir = xasprintf("%s/.git", folder);
	auto_free char *text = NULL;
	size_t len;
	if (fs_read(dir, 8 * KIB, &text, &len, NULL) == ERR_OK) { /* a worktree: the file names it */
		free(dir);
		if (!str_starts(text, "gitdir: "))
			return NULL;
		text[strcspn(text, "\n")] = '\0';
		dir = fs_absolute(folder, text + strlen("gitdir: "));
	}
	auto_free char *head = xasprintf("%s/HEAD", dir);
	if (fs_exists(head))
		return dir;
	free(dir);
	return NULL;
}

static char *exclude_of(const char *repository)
{
	auto_free char *pointer = xasprintf("%s/commondir", repository);
	auto_free char *text = NULL, *common = NULL;
	if (fs_read(pointer, 8 * KIB, &text, NULL, NULL) == ERR_OK) {
		text[strcspn(text, "\n")] = '\0';
		common = fs_absolute(repository, text);
	}
	auto_free char *path = xasprintf("%s/info/exclude", common ? common : repository);
	char *patterns = NULL;
	return fs_read(path, IGNORE_MAX, &patterns, NULL, NULL) ? NULL : patterns;
}

enum err_code rules_present(struct rules *rules, const char *folder, const struct space_options *options,
			    struct err *err)
{
	rules->include_ignored = options && options->include_ignored;
	rules->head = options && options->head ? xstrdup(options->head) : NULL;
	auto_free char *repository = repository_of(folder);
	if (rules->include_ignored || !repository)
		return ERR_OK;
	rules->exclude = exclude_of(repository);
	auto_free char *index = xasprintf("%s/index", repository);
	if (!fs_exists(index))
		return ERR_OK;
	struct git git = { .dir = repository, .work = folder, .foreign = true };
	static const char *const args[] = { "ls-files", "-z", "-c", "-i", "--exclude-standard", NULL };
	auto_str out = STR_INIT;
	enum err_code code = git_capture(&git, args, -1, SPACE_META_MAX, &out, err);
	for (size_t at = 0; !code && at < out.len; at += strlen(out.p + at) + 1)
		rules_always(rules, out.p + at);
	return code;
}
