/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl gc: disk space of runs that ended long ago, and what crashes left. */
#include "cli/commands.h"

#include <string.h>

#define OLDER_MS (INT64_C(30) * 24 * 3600 * 1000)

static void add_size(struct str *s, double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;
	for (; bytes >= 1024 && i + 1 < COUNT(units); i++)
		bytes /= 1024;
	str_addf(s, i ? "%.1f %s" : "%.0f %s", bytes, units[i]);
}

static const char *kind_of(const char *kind)
{
	/* clang-format off */
	static const struct { const char *name, *text; } kinds[] = {
		{ "workspace", N_("workspace of a run that ended") }, { "worktree", N_("worktree of a run that ended") },
		{ "folder", N_("folder of no run") }, { "orphan", N_("worktree or branch of no run") },
		{ "temporary", N_("left by an engine that died") },
	};
	/* clang-format on */
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (str_eq(kind, kinds[i].name))
			return _(kinds[i].text);
	return kind;
}

static void print_items(const struct cli *cli, const struct json *items)
{
	struct grid g;
	grid_begin(&g, 4);
	grid_head(&g, ">");
	for (int i = 0; i < 3; i++)
		grid_head(&g, "");
	for (const struct json *v = json_first(items); v; v = json_next(v)) {
		auto_str size = STR_INIT, what = STR_INIT;
		add_size(&size, (double)json_get_int(v, "bytes", 0));
		const char *path = json_get_str(v, "path", ""), *branch = json_get_str(v, "branch", NULL);
		const char *error = json_get_str(v, "error", NULL);
		str_add(&what, kind_of(json_get_str(v, "kind", "")));
		if (branch)
			str_addf(&what, " (%s%s)", branch, json_get_bool(v, "kept", false) ? _(", stays") : "");
		grid_add(&g, STYLE_NONE, str_text(&size));
		grid_add(&g, STYLE_NONE, json_get_str(v, "run", ""));
		grid_add(&g, STYLE_NONE, str_text(&what));
		grid_add(&g, error ? STYLE_RED : STYLE_DIM, error ? error : path);
	}
	grid_print(cli, &g);
	grid_done(&g);
}

static void print_sum(const struct json *v, bool dry)
{
	auto_str s = STR_INIT;
	int64_t runs = json_get_int(v, "runs", 0);
	str_addf(&s, ngettext("%lld run ended long enough ago", "%lld runs ended long enough ago", (unsigned long)runs),
	         (long long)runs);
	str_add(&s, dry ? _("; in folders alone would be free: ") : _("; now free: "));
	add_size(&s, (double)json_get_int(v, "bytes", 0));
	str_add(&s, _("; the snapshots take "));
	add_size(&s, (double)json_get_int(v, "store_bytes", 0));
	str_add_char(&s, '\n');
	if (dry)
		str_add(&s, _("nothing was changed; do it with --yes\n"));
	out_text(&s);
}

static enum err_code run_gc(struct call *call, struct err *err)
{
	int64_t older_ms = OLDER_MS;
	enum err_code code = call_duration(call, "older", &older_ms, err);
	if (code)
		return code;
	bool dry = !call_has(call, "yes");
	auto_str body = STR_INIT;
	struct jw w = jw_begin(&body);
	jw_obj(&w, NULL);
	jw_int(&w, "older_ms", older_ms);
	jw_bool(&w, "dry_run", dry);
	jw_end_obj(&w);
	auto_json *v = NULL;
	code = cli_post(call->cli, "/v1/gc", str_text(&body), &v, err);
	if (code)
		return code;
	if (call->cli->json) {
		out_json(v);
		return ERR_OK;
	}
	if (!call->cli->quiet)
		print_items(call->cli, json_get(v, "items"));
	print_sum(v, dry);
	return ERR_OK;
}

/* clang-format off */
static const struct cli_option options[] = {
	{ "older", 0,   N_("TIME"), N_("of runs that ended longer ago than this (default: 30d)") },
	{ "yes",   'y', NULL,       N_("do it; without this it is only shown") },
	{ NULL },
};
static const struct cli_example examples[] = {
	{ "pawl gc", N_("what would be given back of runs that ended more than 30 days ago") },
	{ "pawl gc --older 7d --yes", N_("give it back") },
	{ "pawl gc --json", N_("for programs: each item with its bytes") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_gc = {
	.name = "gc",
	.group = GROUP_ENGINE,
	.arguments = "",
	.max = 0,
	.help = N_("give back disk space of runs that ended long ago"),
	.about = N_("Gives back the workspaces and snapshots of runs that ended strictly longer ago than --older; their state, "
	            "history and logs stay. A run that has not ended keeps everything, and so does one that a fork is about to "
	            "begin from. What crashes left goes, too: folders, worktrees and branches of runs that are not there (a branch "
	            "with commits of its own stays), unfinished exports and imports. Without --yes nothing is changed."),
	.options = options,
	.examples = examples,
	.run = run_gc,
};
