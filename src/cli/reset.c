/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sending a run back: retry, resume-from, rollback and fork, and what they would do (--dry-run). */
#include "cli/commands.h"

#include <string.h>
#include <unistd.h>

static enum err_code run_of(struct cli *cli, const char *text, char **ret, struct err *err)
{
	struct target t = { .kind = TARGET_ANY };
	enum err_code code = target_parse(text, &t, err);
	if (!code && t.kind != TARGET_ANY && t.kind != TARGET_RUN)
		code = err_set(err, ERR_USAGE, _("\"%s\" is not a run"), text);
	if (!code)
		*ret = xstrdup(t.id);
	target_done(&t);
	(void)cli;
	return code;
}

/* One of the ways back, as its command says it. */
struct way {
	const char *verb, *route;
	bool checkpoint; /* its argument is a checkpoint, not nodes */
};

static void add_question(struct str *path, struct call *call, const struct way *way)
{
	static const struct {
		const char *option, *query;
	} flags[] = { { "only", "&only=1" }, { "keep-files", "&keep_files=1" }, { "restore", "&restore=1" }, { "now", "&now=1" } };
	for (size_t i = 1; i < call->nargs; i++) {
		str_add(path, i > 1 ? "%2C" : way->checkpoint ? "&checkpoint=" : "&node=");
		client_add_encoded(path, call->args[i]);
	}
	for (size_t i = 0; i < COUNT(flags); i++)
		if (call_has(call, flags[i].option))
			str_add(path, flags[i].query);
	if (call_value(call, "with-definition")) {
		str_add(path, "&definition=");
		client_add_encoded(path, call_value(call, "with-definition"));
	}
}

/* ---- what it would do ---- */

#define NAMES_SHOWN 10

static void add_files(struct str *s, const struct json *files, const char *list, const char *count, const char *title)
{
	int64_t n = json_get_int(files, count, 0), shown = 0;
	if (n == 0)
		return;
	str_addf(s, "  %s (%lld):", title, (long long)n);
	for (const struct json *i = json_first(json_get(files, list)); i && shown < NAMES_SHOWN; i = json_next(i)) {
		str_add(s, shown++ ? ", " : " ");
		add_safe(s, json_str(i, "")[0] ? json_str(i, "") : ".");
	}
	str_add(s, n > shown ? ", …\n" : "\n");
}

static void add_left(struct str *s, const struct json *files)
{
	bool any = false;
	for (const struct json *i = json_first(json_get(files, "not_covered")); i; i = json_next(i)) {
		str_add(s, any ? ", " : _("  not covered, stays as it is: "));
		str_addf(s, "%lld ", (long long)json_int(i, 0));
		add_safe(s, json_key(i));
		any = true;
	}
	if (any)
		str_add_char(s, '\n');
}

static void add_effect(struct str *s, const struct json *files)
{
	const char *action = json_get_str(files, "action", "stays"), *why = json_get_str(files, "why", NULL);
	const char *stream = json_get_str(files, "workstream", "main"), *path = json_get_str(files, "path", "");
	if (str_eq(action, "stays"))
		str_add(s, _("files stay as they are: "));
	else if (str_eq(action, "copy"))
		str_add(s, _("files are copied as they were then: "));
	else if (str_eq(action, "make_again"))
		str_add(s, _("files are made again: "));
	else
		str_add(s, _("files go back: "));
	add_safe(s, path);
	if (!str_eq(stream, "main")) {
		str_add(s, " (");
		add_safe(s, stream);
		str_add_char(s, ')');
	}
	if (why) {
		str_add(s, "; ");
		add_safe(s, why);
	}
	str_add_char(s, '\n');
	const struct json *head = json_get(files, "head");
	if (json_type(head) == JSON_OBJECT) {
		str_add(s, _("  branch "));
		add_safe(s, json_get_str(head, "branch", "?"));
		str_addf(s, _(": from %.12s to %.12s; what it leaves is kept under refs/pawl/\n"), json_get_str(head, "from", "?"),
			 json_get_str(head, "to", "?"));
	}
	add_files(s, files, "written", "nwritten", _("written"));
	add_files(s, files, "removed", "nremoved", _("removed"));
	add_files(s, files, "modes", "nmodes", _("permissions"));
	add_left(s, files);
	if (json_get_str(files, "conflict", NULL)) {
		str_add(s, _("  cannot be done: "));
		add_safe(s, json_get_str(files, "conflict", ""));
		str_add_char(s, '\n');
	}
}

/* The file of the definition is another by now. */
static void add_news(struct str *s, const struct json *d, bool used)
{
	static const char *const keys[] = { "nodes", "added", "removed" };
	const char *comma = ": ";
	if (!json_get_bool(d, "changed", false))
		return;
	str_add(s, used ? _("used as it is now: ") : _("changed since, and used only with --with-definition new: "));
	add_safe(s, json_get_str(d, "file", "?"));
	for (size_t k = 0; k < COUNT(keys); k++)
		for (const struct json *i = json_first(json_get(d, keys[k])); i; i = json_next(i), comma = ", ") {
			str_add(s, comma);
			str_add(s, k == 1 ? "+" : k == 2 ? "-" : "");
			add_safe(s, json_str(i, "?"));
		}
	if (!json_get_bool(d, "fits", true)) {
		str_add(s, _(" (it does not fit: "));
		add_safe(s, json_get_str(d, "why", "?"));
		str_add_char(s, ')');
	}
	str_add_char(s, '\n');
}

static void print_preview(const struct cli *cli, const struct json *v, bool news)
{
	auto_str s = STR_INIT;
	for (const struct json *i = json_first(json_get(v, "items")); i; i = json_next(i)) {
		const char *verdict = json_get_str(i, "verdict", "?");
		bool calm = str_eq(verdict, "kept") || str_eq(verdict, "open");
		str_addf(&s, "%s%-10s%s  ", calm ? "" : style_on(cli, STYLE_BOLD), verdict, calm ? "" : style_off(cli));
		add_safe(&s, json_get_str(i, "node", "?"));
		str_add(&s, ": ");
		add_safe(&s, json_get_str(i, "why", ""));
		const char *first = json_get_str(i, "first", NULL);
		if (first)
			str_add(&s, str_eq(first, "ends") ? _(" (it runs: it ends first)") : _(" (it runs: it is stopped first)"));
		str_add_char(&s, '\n');
	}
	for (const struct json *i = json_first(json_get(v, "files")); i; i = json_next(i))
		add_effect(&s, i);
	add_news(&s, json_get(v, "definition"), news);
	out_text(&s);
}

/* What would be given anew, to be checked: "set" and "env", as in the body of the verb. */
static enum err_code add_edited(struct str *path, struct call *call, struct err *err)
{
	auto_str text = STR_INIT;
	struct jw w = jw_begin(&text);
	jw_obj(&w, NULL);
	enum err_code code = add_edits(call, &w, "set", err);
	jw_end_obj(&w);
	auto_json *v = NULL;
	if (!code)
		code = json_parse(text.p, text.len, MIB, &v, err);
	for (const struct json *i = json_first(v); i; i = json_next(i)) {
		auto_str value = STR_INIT;
		json_add(&value, i);
		str_addf(path, "&%s=", json_key(i));
		client_add_encoded(path, str_text(&value));
	}
	return code;
}

static enum err_code show_preview(struct call *call, const char *run, const struct way *way, struct err *err)
{
	auto_str path = STR_INIT;
	auto_json *v = NULL;
	str_addf(&path, "/v1/runs/%s/preview?verb=%s", run, way->verb);
	add_question(&path, call, way);
	enum err_code code = add_edited(&path, call, err);
	if (!code)
		code = cli_get(call->cli, str_text(&path), &v, err);
	if (code)
		return code;
	if (call->cli->json)
		out_json(v);
	else
		print_preview(call->cli, v, str_eq(call_value(call, "with-definition") ? call_value(call, "with-definition") : "", "new"));
	return ERR_OK;
}

/* ---- doing it ---- */

/* --edit: the lines of the first node that is named, in $EDITOR, before anything goes back. */
static enum err_code edit_named(struct call *call, const char *run, struct err *err)
{
	auto_json *v = NULL;
	bool changed;
	if (!call_has(call, "edit"))
		return ERR_OK;
	if (call->nargs < 2)
		return err_set(err, ERR_USAGE, _("--edit: name the node to edit"));
	return edit_node(call->cli, run, call->args[1], call_value(call, "reason"), &changed, &v, err);
}

static enum err_code add_body(struct str *body, struct call *call, const struct way *way, struct err *err)
{
	static const struct {
		const char *option, *field;
	} flags[] = { { "only", "only" }, { "keep-files", "keep_files" }, { "restore", "restore" }, { "now", "now" },
		    { "paused", "paused" } };
	int64_t priority = INT64_MIN;
	enum err_code code = call_int(call, "priority", INT32_MIN, INT32_MAX, &priority, err);
	if (code)
		return code;
	struct jw w = jw_begin(body);
	jw_obj(&w, NULL);
	if (way->checkpoint) {
		jw_str(&w, "checkpoint", call->args[1]);
	} else {
		jw_arr(&w, "nodes");
		for (size_t i = 1; i < call->nargs; i++)
			jw_str(&w, NULL, call->args[i]);
		jw_end_arr(&w);
	}
	for (size_t i = 0; i < COUNT(flags); i++)
		if (call_has(call, flags[i].option))
			jw_bool(&w, flags[i].field, true);
	if (priority != INT64_MIN)
		jw_int(&w, "priority", priority);
	if (call_value(call, "with-definition"))
		jw_str(&w, "definition", call_value(call, "with-definition"));
	if (call_value(call, "reason"))
		jw_str(&w, "reason", call_value(call, "reason"));
	code = add_edits(call, &w, "set", err);
	jw_end_obj(&w);
	return code;
}

/* What runs ends first, a rollback of many files takes its time, and it may be refused by what it finds: wait for
 * its end. */
#define LOOK_AGAIN_US 20000

static enum err_code wait_until_back(struct call *call, const char *id, struct json **ret, struct err *err)
{
	auto_free char *points = xasprintf("/v1/runs/%s/checkpoints?limit=1", id);
	for (;;) {
		auto_json *v = NULL;
		enum err_code code = cli_get(call->cli, points, &v, err);
		if (code)
			return code;
		const struct json *ended = json_get(json_get(v, "way_back"), "ended_ms");
		if (json_type(ended) == JSON_NUMBER) {
			*ret = TAKE(v);
			return ERR_OK;
		}
		(void)usleep(LOOK_AGAIN_US);
	}
}

static enum err_code print_rollback(struct call *call, const struct json *v, struct err *err)
{
	auto_json *points = NULL;
	auto_str s = STR_INIT;
	const char *id = json_get_str(v, "id", "?");
	enum err_code code = wait_until_back(call, id, &points, err);
	if (code)
		return code;
	if (call->cli->json) {
		out_json(json_get(points, "way_back"));
		return ERR_OK;
	}
	const struct json *back = json_get(points, "way_back");
	if (json_get_str(back, "error", NULL)) {
		code = err_set(err, ERR_CONFLICT, "%s", json_get_str(back, "error", ""));
		err_hint(err, _("the run is as it was before; one that ran is paused, and pawl resume %s goes on. Mend the cause, and ask again"),
			 id);
		return code;
	}
	int64_t written = 0, removed = 0;
	for (const struct json *i = json_first(json_get(back, "files")); i; i = json_next(i)) {
		written += json_get_int(i, "written", 0);
		removed += json_get_int(i, "removed", 0);
	}
	str_addf(&s, _("%s is back and paused: %lld files written, %lld removed, in "), id, (long long)written,
		 (long long)removed);
	add_duration(&s, back, "took_ms");
	str_addf(&s, _("\npawl resume %s goes on\n"), id);
	out_text(&s);
	return ERR_OK;
}

static void print_done(const struct way *way, const struct json *v)
{
	auto_str s = STR_INIT;
	const char *id = json_get_str(v, "id", "?");
	if (str_eq(way->verb, "fork"))
		str_addf(&s, _("%s begins there\n"), id);
	else
		str_addf(&s, json_get_str(v, "way_back", NULL) ? _("%s goes back and runs again, after generation %lld\n") :
					_("%s runs again, generation %lld\n"), id, (long long)json_get_int(v, "generation", 0));
	out_text(&s);
}

static enum err_code send_back(struct call *call, const struct way *way, struct err *err)
{
	auto_free char *run = NULL;
	auto_str body = STR_INIT;
	enum err_code code = run_of(call->cli, call->args[0], &run, err);
	if (!code && call_has(call, "dry-run"))
		return show_preview(call, run, way, err);
	if (!code)
		code = add_body(&body, call, way, err);
	if (!code)
		code = edit_named(call, run, err);
	if (code)
		return code;
	auto_free char *path = xasprintf("/v1/runs/%s/%s", run, way->route);
	auto_json *v = NULL;
	code = cli_post(call->cli, path, str_text(&body), &v, err);
	if (code)
		return code;
	if (str_eq(way->verb, "rollback"))
		return print_rollback(call, v, err);
	if (call->cli->json)
		out_json(v);
	else
		print_done(way, v);
	return ERR_OK;
}

static enum err_code run_retry(struct call *call, struct err *err)
{
	return send_back(call, &(struct way){ "retry", "retry", false }, err);
}

static enum err_code run_resume_from(struct call *call, struct err *err)
{
	return send_back(call, &(struct way){ "resume_from", "resume-from", false }, err);
}

static enum err_code run_rollback(struct call *call, struct err *err)
{
	return send_back(call, &(struct way){ "rollback", "rollback", true }, err);
}

static enum err_code run_fork(struct call *call, struct err *err)
{
	return send_back(call, &(struct way){ "fork", "fork", true }, err);
}

/* clang-format off */
#define EDIT_OPTIONS \
	{ "set",     0,   N_("NAME=VALUE"), N_("a parameter is another from now on; NAME:=JSON, NAME alone for its default"), .many = true }, \
	{ "env",     0,   N_("NAME=TEXT"), N_("a variable for all steps; NAME alone takes it away"), .many = true }, \
	{ "edit",    0,   NULL,       N_("edit the lines of the first node in $EDITOR before") }, \
	{ "with-definition", 0, N_("new|pinned"), N_("the file as it is now, or the definition as it was (default)"), .words = "new pinned" }
static const struct cli_option retry_options[] = {
	EDIT_OPTIONS,
	{ "restore",    0,   NULL,       N_("the files, too, become what they were before what runs again") },
	{ "now",        0,   NULL,       N_("what runs is stopped, not waited for") },
	{ "dry-run",    'n', NULL,       N_("only show what would run again, and why") },
	{ "reason",     0,   N_("TEXT"), N_("why, for the record") },
	{ NULL },
};
static const struct cli_option resume_from_options[] = {
	EDIT_OPTIONS,
	{ "only",       0,   NULL,       N_("just these nodes; what came after them is marked as stale") },
	{ "keep-files", 0,   NULL,       N_("the files stay as they are") },
	{ "now",        0,   NULL,       N_("what runs is stopped, not waited for") },
	{ "dry-run",    'n', NULL,       N_("only show what would run again, and why") },
	{ "reason",     0,   N_("TEXT"), N_("why, for the record") },
	{ NULL },
};
static const struct cli_option rollback_options[] = {
	{ "keep-files", 0,   NULL,       N_("the files stay as they are") },
	{ "now",        0,   NULL,       N_("what runs is stopped, not waited for") },
	{ "dry-run",    'n', NULL,       N_("only show what it would do to nodes and files") },
	{ "reason",     0,   N_("TEXT"), N_("why, for the record") },
	{ NULL },
};
static const struct cli_option fork_options[] = {
	{ "keep-files", 0,   NULL,       N_("begin without files, in an empty workspace") },
	{ "priority",   'p', N_("N"),    N_("of the new order; higher goes first") },
	{ "paused",     0,   NULL,       N_("the new run waits for pawl resume") },
	{ "dry-run",    'n', NULL,       N_("only show what would be kept, and what would run") },
	{ "reason",     0,   N_("TEXT"), N_("why, for the record") },
	{ NULL },
};
static const struct cli_example retry_examples[] = {
	{ "pawl retry last", N_("everything that failed, and what follows from it") },
	{ "pawl retry last tests --dry-run", N_("what would retrying one node do?") },
	{ "pawl retry last tests --restore", N_("on the files as tests found them") }, { NULL } };
static const struct cli_example resume_from_examples[] = {
	{ "pawl resume-from last build", N_("build and everything after it; the rest is kept") },
	{ "pawl resume-from last build --keep-files", N_("on the files as they are, mended by hand") },
	{ "pawl resume-from last build --only", N_("just build") }, { NULL } };
static const struct cli_example rollback_examples[] = {
	{ "pawl rollback last build --dry-run", N_("what would become of nodes and files?") },
	{ "pawl rollback last build", N_("as it was after build; then pawl resume last") },
	{ "pawl rollback last build --now", N_("what runs is stopped first") },
	{ "pawl rollback last start", N_("as it was before its first node") }, { NULL } };
static const struct cli_example fork_examples[] = {
	{ "pawl fork last build", N_("a second run, from after build") },
	{ "pawl fork last 3 --paused", N_("from checkpoint 3, to be looked at first") }, { NULL } };
/* clang-format on */

const struct command cmd_retry = {
	.name = "retry", .group = GROUP_VERB, .arguments = "RUN [NODE…]", .words = "ID", .min = 1, .max = -1,
	.help = N_("run again what failed"),
	.about = N_("Runs again the nodes of a run that failed (or those named), and what follows from them, with a fresh "
	            "budget of tries. What succeeded is kept. A run that has ended is opened again: same id, next "
	            "generation; everything earlier stays in its history. The files of its workspace stay as they are, "
	            "unless --restore is given."),
	.options = retry_options, .examples = retry_examples, .run = run_retry };
const struct command cmd_resume_from = {
	.name = "resume-from", .group = GROUP_VERB, .arguments = "RUN NODE…", .words = "ID", .min = 2, .max = -1,
	.help = N_("run a node and all after it again"),
	.about = N_("Runs the named nodes again, with everything that needs them, and what had failed, on the files as they "
	            "were before. All else is kept, but for what changed the same files later. A run that has ended is "
	            "opened again: same id, next generation. What the files are now is kept as a patch beside its logs."),
	.options = resume_from_options, .examples = resume_from_examples, .run = run_resume_from };
const struct command cmd_rollback = {
	.name = "rollback", .group = GROUP_VERB, .arguments = "RUN CHECKPOINT", .words = "ID", .min = 2, .max = 2,
	.help = N_("take a run back to a checkpoint, files and all"),
	.about = N_("Makes a run what it was at a checkpoint: the states and outputs of its nodes, and the files of its "
	            "workspace, byte for byte. Then it is paused. A checkpoint is a number of pawl checkpoints, a node (as "
	            "it was when that had succeeded) or start. What the files are now is kept as a patch beside the logs "
	            "first; if that cannot be, nothing is changed. The branch of a worktree goes back, too; the commits that it "
	            "leaves are kept under refs/pawl/. Interrupted, it is finished by the next engine. In a run "
	            "that runs, nothing new starts and what runs ends first; with --now it is stopped. Until then pawl "
	            "resume and pawl cancel take it back."),
	.options = rollback_options, .examples = rollback_examples, .run = run_rollback };
const struct command cmd_fork = {
	.name = "fork", .group = GROUP_VERB, .arguments = "RUN CHECKPOINT", .words = "ID", .min = 2, .max = 2,
	.help = N_("begin a new run at a checkpoint of another"),
	.about = N_("Makes a new run that begins where another was at a checkpoint, with a copy of the files of then. What "
	            "the other had done by then is taken over. Both say where they come from; the other is not changed."),
	.options = fork_options, .examples = fork_examples, .run = run_fork };
