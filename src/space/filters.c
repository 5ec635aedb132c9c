/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "space/filters.h"

#include "space/git.h"

#include <string.h>

void filters_done(struct filters *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->settings[i]);
	free(u->settings);
}

static void override(struct filters *u, const char *name, const char *value)
{
	while (u->n + 1 >= u->cap) {
		u->cap = u->cap ? u->cap * 2 : 16;
		u->settings = xreallocarray(u->settings, u->cap, sizeof *u->settings);
	}
	u->settings[u->n++] = xasprintf("%s=%s", name, value);
	u->settings[u->n] = NULL;
}

#define FILTERS_MAX 40

enum err_code filters_find(const char *repository, struct filters *u, struct err *err)
{
	struct git git = { .dir = repository, .foreign = true };
	static const char *const args[] = { "config", "--list", "--name-only", "-z", "--includes", NULL };
	auto_str out = STR_INIT;
	enum err_code code = git_capture(&git, args, -1, MIB, &out, err);
	for (size_t at = 0; !code && at < out.len; at += strlen(out.p + at) + 1) {
		const char *name = out.p + at, *last = strrchr(name, '.');
		if (!str_starts(name, "filter.") || !last)
			continue;
		if (strchr(name, '=') || u->n > FILTERS_MAX)
			return err_set(err, ERR_UNSUPPORTED,
				       _("the settings of %s name filters that cannot be switched off"),
				       repository);
		override(u, name, str_eq(last, ".required") ? "false" : "");
	}
	return code;
}
