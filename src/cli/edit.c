/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl edit: what a run is given, between its steps; and the lines of a node in $EDITOR. */
#include "cli/commands.h"

#include "base/fs.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX (1 * MIB)

/* "NAME=TEXT", "NAME:=JSON", "NAME=" for an empty text, "NAME" alone: as if it was not given. */
static enum err_code add_value(struct jw *w, const char *given, bool json_too, const char *option, struct err *err)
{
	const char *equals = strchr(given, '=');
	bool json = json_too && equals && equals > given && equals[-1] == ':';
	size_t len = equals ? (size_t)(equals - given) - json : strlen(given);
	if (!len)
		return err_set(err, ERR_USAGE, _("--%s: expected NAME=VALUE, or NAME to take it away, not \"%s\""), option, given);
	auto_free char *name = xstrndup(given, len);
	if (!equals) {
		jw_null(w, name);
	} else if (!json) {
		jw_str(w, name, equals + 1);
	} else {
		auto_json *v = NULL;
		struct err why;
		auto_str text = STR_INIT;
		if (json_parse(equals + 1, strlen(equals + 1), TEXT_MAX, &v, &why))
			return err_set(err, ERR_USAGE, _("parameter %s is not JSON: %s"), name, why.message);
		json_add(&text, v);
		jw_raw(w, name, str_text(&text));
	}
	return ERR_OK;
}

enum err_code add_edits(const struct call *call, struct jw *w, const char *params, struct err *err)
{
	static const char *const options[] = { "set", "env" };
	enum err_code code = ERR_OK;
	for (size_t i = 0; i < COUNT(options); i++) {
		const char *v;
		size_t at = 0;
		if (!call_has(call, options[i]))
			continue;
		jw_obj(w, i ? "env" : params);
		while (!code && (v = call_next(call, options[i], &at)))
			code = add_value(w, v, i == 0, options[i], err);
		jw_end_obj(w);
	}
	return code;
}

/* NODE.NAME=TEXT; the node's own name may have dots: the last one counts. */
static enum err_code add_outputs(const struct call *call, struct jw *w, struct err *err)
{
	const char *v;
	size_t at = 0;
	if (!call_has(call, "output"))
		return ERR_OK;
	jw_obj(w, "outputs");
	while ((v = call_next(call, "output", &at))) {
		const char *equals = strchr(v, '='), *dot = equals;
		while (dot && dot > v && *dot != '.')
			dot--;
		if (!equals || dot == v || dot + 1 == equals)
			return err_set(err, ERR_USAGE, _("--output: expected NODE.NAME=TEXT, not \"%s\""), v);
		auto_free char *node = xstrndup(v, (size_t)(dot - v)), *name = xstrndup(dot + 1, (size_t)(equals - dot - 1));
		jw_obj(w, node);
		jw_str(w, name, equals + 1);
		jw_end_obj(w);
	}
	jw_end_obj(w);
	return ERR_OK;
}

static enum err_code add_definition(const struct call *call, struct jw *w, struct err *err)
{
	const char *file = call_value(call, "definition");
	auto_free char *text = NULL;
	size_t len;
	if (!file)
		return ERR_OK;
	enum err_code code = fs_read(file, TEXT_MAX, &text, &len, err);
	if (code)
		return code;
	jw_obj(w, "definition");
	jw_strn(w, "source", text, len);
	jw_end_obj(w);
	return ERR_OK;
}

/* ---- in $EDITOR ---- */

/* The editor's words go through the shell, as everywhere: it may be "code --wait". The file's name does not. */
static enum err_code open_editor(const char *path, struct err *err)
{
	const char *editor = getenv("VISUAL");
	if (!editor || !*editor)
		editor = getenv("EDITOR");
	if (!editor || !*editor)
		editor = "vi";
	auto_free char *command = xasprintf("%s \"$1\"", editor);
	const char *const argv[] = { "sh", "-c", command, editor, path, NULL };
	int status;
	enum err_code code = cli_wait("/bin/sh", argv, &status, err);
	if (code || !status)
		return code;
	code = err_set(err, ERR_CONFLICT, _("the editor \"%s\" ended with %d, so nothing was changed"), editor, status);
	if (status == 127)
		err_hint(err, _("set EDITOR to one that is there"));
	return code;
}

static enum err_code edit_text(const char *before, char **ret, struct err *err)
{
	const char *folder = getenv("TMPDIR");
	auto_free char *path = xasprintf("%s/pawl-edit.XXXXXX", folder && *folder == '/' ? folder : "/tmp");
	int fd = mkstemp(path);
	size_t len;
	if (fd < 0)
		return err_sys(err, ERR_IO, _("cannot make a temporary file"));
	bool written = fs_write_all(fd, before, strlen(before));
	(void)close(fd);
	enum err_code code = written ? ERR_OK : err_set(err, ERR_IO, _("cannot write %s"), path);
	if (!code)
		code = open_editor(path, err);
	if (!code)
		code = fs_read(path, TEXT_MAX, ret, &len, err);
	(void)unlink(path);
	return code;
}

enum err_code edit_node(struct cli *cli, const char *run, const char *node, const char *reason, bool *ret_changed,
			struct json **ret, struct err *err)
{
	auto_str path = STR_INIT, body = STR_INIT;
	auto_json *v = NULL;
	auto_free char *text = NULL;
	*ret_changed = false;
	str_addf(&path, "/v1/runs/%s/definition?node=", run);
	client_add_encoded(&path, node);
	enum err_code code = cli_get(cli, str_text(&path), &v, err);
	if (code)
		return code;
	const char *before = json_get_str(v, "text", NULL);
	if (!before)
		return err_set(err, ERR_NOT_FOUND, _("%s has no lines of its own in the definition; change the file, and give it with "
						     "--definition"), node);
	code = edit_text(before, &text, err);
	if (code || str_eq(text, before))
		return code;
	struct jw w = jw_begin(&body);
	jw_obj(&w, NULL);
	jw_obj(&w, "definition");
	jw_str(&w, "node", node);
	jw_str(&w, "text", text);
	jw_end_obj(&w);
	if (reason)
		jw_str(&w, "reason", reason);
	jw_end_obj(&w);
	str_clear(&path);
	str_addf(&path, "/v1/runs/%s/edit", run);
	*ret_changed = true;
	return cli_post(cli, str_text(&path), str_text(&body), ret, err);
}

/* ---- the command ---- */

static bool gives_values(const struct call *call)
{
	return call_has(call, "set") || call_has(call, "env") || call_has(call, "output") || call_has(call, "definition");
}

static enum err_code post_values(struct call *call, const char *run, struct json **ret, struct err *err)
{
	auto_str body = STR_INIT;
	struct jw w = jw_begin(&body);
	jw_obj(&w, NULL);
	enum err_code code = add_edits(call, &w, "params", err);
	if (!code)
		code = add_outputs(call, &w, err);
	if (!code)
		code = add_definition(call, &w, err);
	if (call_value(call, "reason"))
		jw_str(&w, "reason", call_value(call, "reason"));
	jw_end_obj(&w);
	auto_free char *path = xasprintf("/v1/runs/%s/edit", run);
	return code ? code : cli_post(call->cli, path, str_text(&body), ret, err);
}

static enum err_code run_edit(struct call *call, struct err *err)
{
	struct target t = { .kind = TARGET_ANY };
	auto_json *v = NULL;
	bool changed = true;
	if (!gives_values(call) && call->nargs < 2)
		return err_set(err, ERR_USAGE, _("say what is to change: --set, --env, --output, --definition, or a node to edit"));
	enum err_code code = target_parse(call->args[0], &t, err);
	if (!code && t.kind != TARGET_ANY && t.kind != TARGET_RUN)
		code = err_set(err, ERR_USAGE, _("\"%s\" is not a run"), call->args[0]);
	if (!code && gives_values(call))
		code = post_values(call, t.id, &v, err);
	if (!code && call->nargs > 1) {
		json_free(v);
		v = NULL;
		code = edit_node(call->cli, t.id, call->args[1], call_value(call, "reason"), &changed, &v, err);
	}
	target_done(&t);
	if (code)
		return code;
	if (!changed) {
		note_line(call->cli, _("nothing was changed"));
	} else if (call->cli->json) {
		out_json(v);
	} else {
		auto_str s = STR_INIT;
		str_addf(&s, _("%s is edited: %s, generation %lld\n"), json_get_str(v, "id", "?"), json_get_str(v, "state", "?"),
			 (long long)json_get_int(v, "generation", 0));
		out_text(&s);
	}
	return ERR_OK;
}

/* clang-format off */
static const struct cli_option edit_options[] = {
	{ "set",        0, N_("NAME=VALUE"), N_("a parameter; NAME:=JSON for what is not text, NAME alone for its default"), .many = true },
	{ "env",        0, N_("NAME=TEXT"),  N_("a variable for all steps; NAME alone takes it away"), .many = true },
	{ "output",     0, N_("NODE.NAME=TEXT"), N_("an output of a node that succeeded"), .many = true },
	{ "definition", 0, N_("FILE"),       N_("the whole definition anew; nodes may come and go"), .words = "FILE" },
	{ "reason",     0, N_("TEXT"),       N_("why, for the record") },
	{ NULL },
};
static const struct cli_example edit_examples[] = {
	{ "pawl edit last --set suite=unit --reason 'all takes too long'", N_("with this parameter from now on") },
	{ "pawl edit last --output plan.branch=main", N_("what needs plan sees another output") },
	{ "pawl edit last tests", N_("the lines of the node tests, in $EDITOR") }, { NULL } };
/* clang-format on */

const struct command cmd_edit = {
	.name = "edit", .group = GROUP_VERB, .arguments = "RUN [NODE]", .words = "ID", .min = 1, .max = 2,
	.help = N_("change what a run is given, between its steps"),
	.about = N_("Changes parameters, environment, outputs or the definition of a run that is paused or has ended; with NODE, "
		    "opens the lines of that node in $EDITOR. A new definition is checked, and holds from the next generation "
		    "on: nodes that it adds have not run, those that it takes away stay in the history, and what needs "
		    "others by now is stale. One that is in the middle of its work cannot be taken away. What was is kept."),
	.options = edit_options, .examples = edit_examples, .run = run_edit };
