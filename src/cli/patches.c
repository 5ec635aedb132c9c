/* SPDX-License-Identifier: GPL-3.0-or-later */
/* patches: the ledger of patches, and what can be done to one. */
#include "cli/commands.h"

#include <string.h>
#include <unistd.h>

#define LOOK_AGAIN_US 200000

/* ---- the list ---- */

static enum style patch_style(const char *state)
{
	static const struct {
		const char *state;
		enum style style;
	} styles[] = { { "committed", STYLE_GREEN }, { "quarantined", STYLE_RED }, { "apply_failed", STYLE_RED },
		       { "rolled_back", STYLE_YELLOW }, { "dropped", STYLE_DIM } };
	for (size_t i = 0; i < COUNT(styles); i++)
		if (str_eq(styles[i].state, state))
			return styles[i].style;
	return STYLE_CYAN;
}

static void add_size(struct str *s, const struct json *p)
{
	str_addf(s, "%lld  +%lld -%lld", (long long)json_get_int(p, "files", 0), (long long)json_get_int(p, "added", 0),
		 (long long)json_get_int(p, "removed", 0));
}

static enum err_code list_row(void *ctx, const struct json *p, struct err *err)
{
	struct grid *g = ctx;
	auto_str at = STR_INIT, where = STR_INIT, size = STR_INIT, note = STR_INIT;
	const char *state = json_get_str(p, "state", "?"), *reverts = json_get_str(p, "reverts", NULL);
	(void)err;
	add_time(&at, p, "created_at_ms");
	str_addf(&where, "%s/%s", json_get_str(p, "run", "?"), json_get_str(p, "node", "?"));
	add_size(&size, p);
	if (reverts)
		str_addf(&note, _("takes %s back "), reverts);
	str_add(&note, json_get_str(p, "reason", ""));
	grid_add(g, STYLE_BOLD, json_get_str(p, "id", "?"));
	grid_add(g, patch_style(state), state);
	grid_add(g, STYLE_NONE, str_text(&where));
	grid_add(g, STYLE_NONE, str_text(&size));
	grid_add(g, STYLE_DIM, str_text(&at));
	grid_add(g, STYLE_NONE, str_text(&note));
	return ERR_OK;
}

static enum err_code list_patches(struct call *call, const char *run, struct err *err)
{
	static const char *const heads[] = { N_("PATCH"), N_("STATE"), N_("NODE"), N_("FILES"), N_("SINCE"), N_("REASON") };
	auto_str path = STR_INIT;
	struct target t = { .kind = TARGET_ANY };
	int64_t limit = run ? 100000 : 100, total;
	enum err_code code = run ? target_parse(run, &t, err) : ERR_OK;
	str_add(&path, "/v1/patches");
	if (t.id)
		str_addf(&path, "?run=%s", t.id);
	target_done(&t);
	if (call_value(call, "state")) {
		str_addf(&path, "%cstate=", run ? '&' : '?');
		client_add_encoded(&path, call_value(call, "state"));
	}
	if (!code)
		code = call_int(call, "limit", 1, 10000000, &limit, err);
	if (code)
		return code;
	struct grid g;
	grid_begin(&g, COUNT(heads));
	for (size_t i = 0; i < COUNT(heads); i++)
		grid_head(&g, _(heads[i]));
	code = cli_list(call->cli, str_text(&path), limit, list_row, &g, &total, err);
	if (!code && !call->cli->json && g.n == COUNT(heads))
		note_line(call->cli, _("there are no patches"));
	else if (!code && !call->cli->json)
		grid_print(call->cli, &g);
	grid_done(&g);
	return code;
}

/* ---- one ---- */

static enum err_code get_patch(struct cli *cli, const char *id, struct json **ret, struct err *err)
{
	auto_str path = STR_INIT;
	str_add(&path, "/v1/patches/");
	client_add_encoded(&path, id);
	return cli_get(cli, str_text(&path), ret, err);
}

static void print_history(const struct json *history)
{
	auto_str s = STR_INIT;
	for (const struct json *m = json_first(history); m; m = json_next(m)) {
		const char *who = json_get_str(m, "who", json_get_str(m, "actor", "?")), *reason = json_get_str(m, "reason", NULL);
		str_add(&s, "  ");
		add_time(&s, m, "at_ms");
		str_addf(&s, "  %-12s ", json_get_str(m, "to", "?"));
		add_safe(&s, who);
		if (reason) {
			str_add(&s, ": ");
			add_safe(&s, reason);
		}
		str_add_char(&s, '\n');
	}
	out_text(&s);
}

static void print_diff(const struct cli *cli, const char *diff)
{
	auto_str s = STR_INIT;
	str_add_char(&s, '\n');
	for (const char *p = diff; *p;) {
		size_t len = strcspn(p, "\n");
		auto_free char *line = xstrndup(p, len);
		enum style style = *line == '+' ? STYLE_GREEN : *line == '-' ? STYLE_RED : *line == '@' ? STYLE_CYAN : STYLE_NONE;
		str_add(&s, style_on(cli, style));
		add_safe(&s, line);
		if (style != STYLE_NONE)
			str_add(&s, style_off(cli));
		str_add_char(&s, '\n');
		p += len + (p[len] == '\n');
	}
	out_text(&s);
}

static enum err_code show_patch(struct call *call, const char *id, struct err *err)
{
	struct cli *cli = call->cli;
	auto_json *v = NULL;
	auto_str where = STR_INIT, size = STR_INIT;
	enum err_code code = get_patch(cli, id, &v, err);
	if (code)
		return code;
	if (cli->json) {
		out_json(v);
		return ERR_OK;
	}
	str_addf(&where, "%s/%s", json_get_str(v, "run", "?"), json_get_str(v, "node", "?"));
	add_size(&size, v);
	out_field(cli, _("patch"), json_get_str(v, "id", "?"));
	out_field(cli, _("state"), json_get_str(v, "state", "?"));
	out_field(cli, _("reason"), json_get_str(v, "reason", ""));
	out_field(cli, _("node"), str_text(&where));
	out_field(cli, _("files"), str_text(&size));
	out_field(cli, _("commit"), json_get_str(v, "commit", ""));
	out_field(cli, _("reverts"), json_get_str(v, "reverts", ""));
	out_field(cli, _("reverted by"), json_get_str(v, "reverted_by", ""));
	out_field(cli, _("folder"), json_get_str(v, "workspace", ""));
	out_field(cli, _("diff"), json_get_str(v, "diff_file", ""));
	print_history(json_get(v, "history"));
	print_diff(cli, json_get_str(v, "diff", ""));
	return ERR_OK;
}

/* ---- verbs ---- */

static bool is_settled(const char *state)
{
	return str_eq(state, "committed") || str_eq(state, "quarantined") || str_eq(state, "rolled_back") || str_eq(state, "dropped");
}

/* A revert is an entry of its own, done beside everything else: its end is waited for. */
static enum err_code wait_for(struct cli *cli, struct json **v, struct err *err)
{
	auto_free char *id = xstrdup(json_get_str(*v, "id", ""));
	enum err_code code = ERR_OK;
	while (!code && !is_settled(json_get_str(*v, "state", "committed"))) {
		auto_str path = STR_INIT;
		struct json *next = NULL;
		str_addf(&path, "/v1/patches/%s", id);
		(void)usleep(LOOK_AGAIN_US);
		code = cli_get(cli, str_text(&path), &next, err);
		if (!code) {
			json_free(*v);
			*v = next;
		}
	}
	return code;
}

static enum err_code do_patch(struct call *call, const char *what, const char *id, struct err *err)
{
	struct cli *cli = call->cli;
	auto_str path = STR_INIT, body = STR_INIT, s = STR_INIT;
	auto_json *v = NULL;
	if (!call_value(call, "reason"))
		return err_set(err, ERR_USAGE, _("say why, for the record: --reason TEXT"));
	str_add(&path, "/v1/patches/");
	client_add_encoded(&path, id);
	struct jw w = jw_begin(&body);
	jw_obj(&w, NULL);
	jw_str(&w, "do", what);
	jw_str(&w, "reason", call_value(call, "reason"));
	jw_end_obj(&w);
	enum err_code code = cli_post(cli, str_text(&path), str_text(&body), &v, err);
	if (!code && str_eq(what, "revert") && !call_has(call, "no-wait"))
		code = wait_for(cli, &v, err);
	if (code)
		return code;
	const char *state = json_get_str(v, "state", "?"), *reverts = json_get_str(v, "reverts", NULL);
	if (cli->json)
		out_json(v);
	if (str_eq(what, "revert") && str_eq(state, "quarantined"))
		return err_set(err, ERR_RUN_FAILED, _("%s could not be taken back, and the files are what they were: %s"),
			       reverts ? reverts : id, json_get_str(v, "reason", "?"));
	if (cli->json)
		return ERR_OK;
	if (reverts)
		str_addf(&s, _("%s takes %s back; it is %s\n"), json_get_str(v, "id", "?"), reverts, state);
	else
		str_addf(&s, _("%s is %s\n"), json_get_str(v, "id", "?"), state);
	out_text(&s);
	return ERR_OK;
}

static enum err_code run_patches(struct call *call, struct err *err)
{
	static const char *const verbs[] = { "revert", "drop", "quarantine" };
	const char *what = call->nargs ? call->args[0] : NULL, *id = call->nargs > 1 ? call->args[1] : NULL;
	if (!what || str_eq(what, "list"))
		return list_patches(call, id, err);
	for (size_t i = 0; i < COUNT(verbs); i++) {
		if (!str_eq(what, verbs[i]))
			continue;
		return id ? do_patch(call, what, id, err) : err_set(err, ERR_USAGE, _("which patch? they are listed by: pawl patches"));
	}
	if (str_eq(what, "show"))
		return id ? show_patch(call, id, err) : err_set(err, ERR_USAGE, _("which patch? they are listed by: pawl patches"));
	if (id)
		return err_set(err, ERR_USAGE, _("\"%s\" is not one of: list, show, revert, drop, quarantine"), what);
	return strncmp(what, "p-", 2) == 0 ? show_patch(call, what, err) : list_patches(call, what, err);
}

/* clang-format off */
static const struct cli_option patches_options[] = {
	{ "state",   's', N_("STATE"), N_("list: only those in this state"),
	  .words = "created validated queued applying applied verified committed rolled_back apply_failed quarantined dropped" },
	{ "limit",   'n', N_("N"),     N_("at most N patches (default: 100, all of one run)") },
	{ "reason",  0,   N_("TEXT"),  N_("revert, drop, quarantine: why, for the record") },
	{ "no-wait", 0,   NULL,        N_("revert: do not wait for its end") },
	{ NULL },
};
static const struct cli_example patches_examples[] = {
	{ "pawl patches", N_("the newest patches of all runs") },
	{ "pawl patches list last --state quarantined", N_("those of the newest run that were refused or taken back") },
	{ "pawl patches show p-3f9k2m7qd", N_("one with its history and its diff") },
	{ "pawl patches revert p-3f9k2m7qd --reason 'breaks the build on arm'", N_("take a committed one back, with its checks again") },
	{ "pawl patches drop p-3f9k2m7qd --reason 'not wanted'", N_("be done with a quarantined one") }, { NULL } };
/* clang-format on */

const struct command cmd_patches = {
	.name = "patches", .group = GROUP_LOOK, .arguments = "[list [RUN]|show|revert|drop|quarantine PATCH]",
	.words = "list show revert drop quarantine ID", .max = 2,
	.help = N_("the ledger of patches: list, show, revert, drop"),
	.about = N_("Lists what nodes with patch: applied or refused, shows one with its diff and every move of it, takes a "
		    "committed one back, and is done with a quarantined one. A revert is an entry of its own: the files go back "
		    "as the node says under compensate:, its checks are made again, and only when they pass is the first one "
		    "rolled back; else the files are what they were before the revert, and the exit status is 1. A run has to "
		    "have ended, or to be paused, for that. quarantine takes one that is under way out: its node fails."),
	.options = patches_options, .examples = patches_examples, .run = run_patches };
