/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl export and pawl import: a run as one file, from home to home. */
#include "cli/commands.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_size(struct str *s, double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t i = 0;
	for (; bytes >= 1024 && i + 1 < COUNT(units); i++)
		bytes /= 1024;
	str_addf(s, i ? "%.1f %s" : "%.0f %s", bytes, units[i]);
}

/* ---- export ---- */

/* A device or a pipe is written to: it must not be replaced by a file. */
static enum err_code download_into(struct call *call, const char *path, const char *file, uint64_t *ret_len, struct err *err)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, ERR_IO, _("cannot write %s"), file);
	enum err_code code = client_download(call->cli->client, path, fd, ret_len, err);
	if (close(fd) && !code)
		code = err_sys(err, ERR_IO, _("cannot write %s"), file);
	return code;
}

/* Into a file beside it, which takes the name when it is whole. */
static enum err_code download(struct call *call, const char *path, const char *file, uint64_t *ret_len, struct err *err)
{
	struct stat st;
	if (stat(file, &st) == 0 && !S_ISREG(st.st_mode))
		return download_into(call, path, file, ret_len, err);
	auto_free char *part = xasprintf("%s.part", file);
	int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST) {
		(void)err_set(err, ERR_CONFLICT, _("%s exists already"), part);
		err_hint(err, _("another export writes it; if none does, remove it"));
		return ERR_CONFLICT;
	}
	if (fd < 0)
		return err_sys(err, ERR_IO, _("cannot make %s"), part);
	enum err_code code = client_download(call->cli->client, path, fd, ret_len, err);
	if (!code && fsync(fd))
		code = err_sys(err, ERR_IO, _("cannot write %s"), part);
	(void)close(fd);
	if (!code && rename(part, file))
		code = err_sys(err, ERR_IO, _("cannot make %s"), file);
	if (code)
		(void)unlink(part); /* the error is the news */
	return code;
}

/* What a file has not: a run that runs writes on, and one that stands may have changed since its last snapshot. */
static int64_t left_out(struct call *call, const struct json *run, const char *id, struct str *ret)
{
	const char *state = json_get_str(run, "state", "");
	bool stands = str_eq(state, "paused") || json_type(json_get(run, "ended_at_ms")) == JSON_NUMBER;
	auto_json *points = NULL, *changes = NULL;
	auto_free char *path = xasprintf("/v1/runs/%s/checkpoints?limit=1000", id);
	if (!stands) {
		str_addf(ret, _("%s is %s: what its steps wrote since the last snapshot is not in the file; pause it first for all of it"), id,
			 state);
		return -1;
	}
	if (cli_get(call->cli, path, &points, NULL))
		return 0;
	int64_t last = 0;
	for (const struct json *i = json_first(json_get(points, "items")); i; i = json_next(i))
		last = MAX(last, json_get_int(i, "number", 0));
	auto_free char *diff = xasprintf("/v1/runs/%s/diff?from=%lld&to=now", id, (long long)last);
	if (cli_get(call->cli, diff, &changes, NULL))
		return 0; /* it has no folder any more, or no snapshots: the export says what there is */
	int64_t n = json_get_int(changes, "total", 0), shown = 0;
	if (n == 0)
		return 0;
	str_addf(ret, _("%lld files changed since checkpoint %lld, and are in the file as they were then:"), (long long)n,
		 (long long)last);
	for (const struct json *i = json_first(json_get(changes, "items")); i && shown < 5; i = json_next(i), shown++) {
		str_add(ret, shown ? ", " : " ");
		add_safe(ret, json_get_str(i, "path", "?"));
	}
	str_add(ret, n > shown ? ", …" : "");
	return n;
}

static void export_told(struct call *call, const struct json *of, const char *run, const char *file, uint64_t len)
{
	auto_str s = STR_INIT, warning = STR_INIT;
	int64_t left = left_out(call, of, run, &warning);
	if (call->cli->json) {
		struct jw w = jw_begin(&s);
		jw_obj(&w, NULL);
		jw_str(&w, "run", run);
		jw_str(&w, "file", file);
		jw_int(&w, "bytes", (int64_t)len);
		jw_bool(&w, "logs", !call_has(call, "no-logs"));
		jw_int(&w, "changed_since", left);
		jw_str(&w, "warning", warning.len ? str_text(&warning) : NULL);
		jw_end_obj(&w);
		str_add_char(&s, '\n');
		out_text(&s);
		return;
	}
	if (call->cli->quiet)
		return;
	str_addf(&s, "%s %s ", run, call->cli->utf8 ? "→" : "->");
	add_safe(&s, file);
	str_add(&s, " (");
	add_size(&s, (double)len);
	str_add(&s, ")\n");
	out_text(&s);
	if (warning.len)
		note_line(call->cli, "%s", str_text(&warning));
}

static enum err_code run_export(struct call *call, struct err *err)
{
	auto_json *run = NULL;
	enum err_code code = target_run(call->cli, call->args[0], &run, err);
	if (code)
		return code;
	const char *id = json_get_str(run, "id", ""), *given = call_value(call, "output");
	auto_free char *file = given ? xstrdup(given) : xasprintf("%s.pawl", id);
	auto_free char *path = xasprintf("/v1/runs/%s/export?logs=%d", id, !call_has(call, "no-logs"));
	uint64_t len = 0;
	if (str_eq(file, "-")) {
		if (call->cli->any_tty_out)
			return err_set(err, ERR_USAGE, _("that is not for a terminal: redirect it, or name a file"));
		return client_download(call->cli->client, path, 1, &len, err);
	}
	if (fs_exists(file) && !call_has(call, "force")) {
		code = err_set(err, ERR_CONFLICT, _("%s exists already"), file);
		err_hint(err, _("name another with -o, or replace it with --force"));
		return code;
	}
	code = download(call, path, file, &len, err);
	if (!code)
		export_told(call, run, id, file, len);
	return code;
}

/* ---- import ---- */

static void import_told(const struct cli *cli, const struct json *v)
{
	const struct json *from = json_get(v, "from");
	auto_str s = STR_INIT;
	const char *run = json_get_str(v, "run", "?"), *was = json_get_str(from, "run", "?");
	str_addf(&s, str_eq(run, was) ? _("%s is here: ") : _("%s is here, which was %s: "), run, was);
	add_safe(&s, json_get_str(v, "name", ""));
	str_addf(&s, ", %s\n", json_get_str(v, "state", "?"));
	out_text(&s);
	if (cli->quiet)
		return;
	str_clear(&s);
	str_addf(&s, _("  %lld runs, %lld rows, %lld files, %lld snapshots\n"), (long long)json_get_int(v, "runs", 0),
	         (long long)json_get_int(v, "rows", 0), (long long)json_get_int(v, "files", 0),
	         (long long)json_get_int(v, "snapshots", 0));
	if (!json_get_bool(v, "logs", true))
		str_add(&s, _("  without its logs\n"));
	if (json_get_bool(v, "moved", false))
		str_add(&s, _("  its folder or worktree stayed behind: it has a plain folder here, with the files of the newest "
		              "snapshot\n"));
	str_add(&s, _("  workspace: "));
	add_safe(&s, json_get_str(v, "workspace", ""));
	str_add_char(&s, '\n');
	if (json_get_bool(v, "paused", false))
		str_addf(&s, _("  it had not ended: go on with pawl resume %s\n"), run);
	out_text(&s);
}

static enum err_code run_import(struct call *call, struct err *err)
{
	const char *file = call->args[0];
	struct stat st;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, _("cannot read %s"), file);
	enum err_code code = fstat(fd, &st) || !S_ISREG(st.st_mode)
	                         ? err_set(err, ERR_USAGE, _("%s is no plain file"), file)
	                         : cli_connect(call->cli, true, err);
	auto_json *v = NULL;
	if (!code)
		code = client_upload(call->cli->client, "/v1/import", fd, (uint64_t)st.st_size, &v, err);
	(void)close(fd);
	if (code)
		return code;
	if (call->cli->json)
		out_json(v);
	else
		import_told(call->cli, v);
	return ERR_OK;
}

/* clang-format off */
static const struct cli_option export_options[] = {
	{ "output",  'o', N_("FILE"), N_("where it goes (default: RUN.pawl here); - is standard output"), .words = "FILE" },
	{ "no-logs", 0,   NULL,       N_("without the logs") },
	{ "force",   'f', NULL,       N_("replace a file that is there") },
	{ NULL },
};
static const struct cli_example export_examples[] = {
	{ "pawl export last", N_("into r-….pawl") },
	{ "pawl export r-3f9 -o broken-build.pawl", N_("for somebody who is to look at it") },
	{ "pawl export last -o - | ssh ci 'cat > run.pawl && pawl import run.pawl'", N_("to another machine") },
	{ NULL },
};
static const struct cli_example import_examples[] = {
	{ "pawl import r-3f9k2m7qd.pawl", N_("then show, logs, resume-from, retry, rollback as at home") },
	{ "pawl --home /tmp/look import broken-build.pawl", N_("into a home of its own") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_export = {
	.name = "export",
	.group = GROUP_ENGINE,
	.arguments = "RUN",
	.words = "ID",
	.min = 1,
	.max = 1,
	.help = N_("write a run into one file"),
	.about = N_("Writes a run into one file: its definition, state and history, the runs of its sub-workflows, its logs, "
	            "and the snapshots of its files. pawl import reads it in another home. A run that has not ended can be "
	            "exported, too; what changed in its files since the newest snapshot is not in the file. What a snapshot "
	            "does not cover, and secrets, never are."),
	.options = export_options,
	.examples = export_examples,
	.run = run_export,
};

const struct command cmd_import = {
	.name = "import",
	.group = GROUP_ENGINE,
	.arguments = "FILE",
	.words = "FILE",
	.min = 1,
	.max = 1,
	.help = N_("read a run that pawl export wrote"),
	.about = N_("Reads a run that pawl export wrote, checks all of it, and adds it to this home. Its ids stay what they were "
	            "unless they are taken here. Its workspaces become plain folders beneath this home, with the files of the "
	            "newest snapshots, also where they were worktrees or somebody's folder. A run that had not ended is paused. "
	            "Nothing is left of a file that is refused."),
	.examples = import_examples,
	.run = run_import,
};
