/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl submit and pawl run: a workflow file becomes an order. */
#include "cli/commands.h"

#include "base/fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORKFLOW_MAX (1 * MIB) /* what the loader takes */
#define PARAMS_MAX (1 * MIB)

static enum err_code read_stdin(size_t max, char **ret, size_t *ret_len, struct err *err)
{
	auto_str s = STR_INIT;
	for (;;) {
		str_reserve(&s, 64 * KIB);
		ssize_t n = read(0, s.p + s.len, 64 * KIB);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, _("cannot read standard input"));
		if (n == 0)
			break;
		s.len += (size_t)n;
		s.p[s.len] = '\0';
		if (s.len > max)
			return err_set(err, ERR_TOO_LARGE,
			               _("standard input is larger than %zu bytes"), max);
	}
	*ret_len = s.len;
	*ret = str_take(&s);
	return ERR_OK;
}

/* The text, the name for messages, and the folder that relative paths in it start from. */
static enum err_code add_workflow(struct jw *w, const char *file, struct err *err)
{
	auto_free char *text = NULL, *cwd = getcwd(NULL, 0);
	size_t len;
	bool in = str_eq(file, "-");
	if (!cwd)
		return err_sys(err, ERR_IO, _("the current folder is gone"));
	enum err_code code = in ? read_stdin(WORKFLOW_MAX, &text, &len, err)
	                        : fs_read(file, WORKFLOW_MAX, &text, &len, err);
	if (code)
		return code;
	if (memchr(text, '\0', len))
		return err_set(err, ERR_INVALID, _("%s is not text: it holds a NUL byte"), file);
	auto_free char *path = fs_absolute(cwd, in ? "-" : file);
	char *slash = strrchr(path, '/');
	jw_strn(w, "workflow", text, len);
	jw_str(w, "file", slash + 1);
	slash[slash == path] = '\0';
	jw_str(w, "dir", path);
	return ERR_OK;
}

/* ---- parameters ---- */

static bool name_is_good(const char *p, size_t len)
{
	if (!len || len > 64 || (*p >= '0' && *p <= '9') || *p == '-' || *p == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') ||
		      (p[i] >= '0' && p[i] <= '9') || p[i] == '_' || p[i] == '-' || p[i] == '.'))
			return false;
	return true;
}

/* "name=text" or "name:=JSON". */
static enum err_code add_param(struct jw *w, const char *given, struct err *err)
{
	const char *equals = strchr(given, '=');
	bool json = equals && equals > given && equals[-1] == ':';
	size_t len = equals ? (size_t)(equals - given) - json : 0;
	if (!name_is_good(given, len))
		return err_set(err, ERR_USAGE,
		               _("\"%s\" is no parameter; write -p NAME=VALUE, or -p NAME:=JSON"),
		               given);
	auto_free char *name = xstrndup(given, len);
	if (!json) {
		jw_str(w, name, equals + 1);
		return ERR_OK;
	}
	auto_json *v = NULL;
	struct err why;
	if (json_parse(equals + 1, strlen(equals + 1), PARAMS_MAX, &v, &why))
		return err_set(err, ERR_USAGE, _("parameter %s is not JSON: %s"), name,
		               why.message);
	auto_str text = STR_INIT;
	json_add(&text, v);
	jw_raw(w, name, text.p);
	return ERR_OK;
}

/* Whether `name` is given by a -p after the first `from` of them. */
static bool given_later(const struct call *call, const char *name, size_t len, size_t from)
{
	const char *v;
	for (size_t at = from; (v = call_next(call, "param", &at));)
		if (strncmp(v, name, len) == 0 &&
		    (v[len] == '=' || (v[len] == ':' && v[len + 1] == '=')))
			return true;
	return false;
}

static enum err_code add_params_file(const struct call *call, struct jw *w, const char *file,
                                     struct err *err)
{
	auto_free char *text = NULL;
	size_t len;
	enum err_code code = str_eq(file, "-") ? read_stdin(PARAMS_MAX, &text, &len, err)
	                                       : fs_read(file, PARAMS_MAX, &text, &len, err);
	if (code)
		return code;
	auto_json *v = NULL;
	struct err why;
	if (json_parse(text, len, PARAMS_MAX, &v, &why))
		return err_set(err, ERR_USAGE, _("%s: %s"), file, why.message);
	if (json_type(v) != JSON_OBJECT)
		return err_set(err, ERR_USAGE,
		               _("%s must hold one JSON object: {\"name\": value, …}"), file);
	for (const struct json *e = json_first(v); e; e = json_next(e)) {
		if (given_later(call, json_key(e), strlen(json_key(e)), 0))
			continue; /* -p wins over the file */
		auto_str value = STR_INIT;
		json_add(&value, e);
		jw_raw(w, json_key(e), value.p);
	}
	return ERR_OK;
}

static enum err_code add_params(const struct call *call, struct jw *w, struct err *err)
{
	const char *file = call_value(call, "params"), *v;
	if (!file && !call_has(call, "param"))
		return ERR_OK;
	jw_obj(w, "params");
	enum err_code code = file ? add_params_file(call, w, file, err) : ERR_OK;
	for (size_t at = 0; !code && (v = call_next(call, "param", &at));) {
		size_t len = strcspn(v, "=");
		if (len && v[len - 1] == ':')
			len--;
		if (len && given_later(call, v, len, at))
			code = err_set(err, ERR_USAGE, _("parameter %.*s is given twice"),
			               (int)MIN(len, (size_t)64), v);
		else
			code = add_param(w, v, err);
	}
	jw_end_obj(w);
	return code;
}

static enum err_code add_env(const struct call *call, struct jw *w, struct err *err)
{
	const char *v;
	if (!call_has(call, "env"))
		return ERR_OK;
	jw_obj(w, "env");
	for (size_t at = 0; (v = call_next(call, "env", &at));) {
		const char *equals = strchr(v, '=');
		auto_free char *name = xstrndup(v, equals ? (size_t)(equals - v) : strlen(v));
		const char *value = equals ? equals + 1 : getenv(name);
		if (!name_is_good(name, strlen(name)) || strpbrk(name, "-."))
			return err_set(
			    err, ERR_USAGE,
			    _("\"%s\" is no variable; write --env NAME=VALUE, or --env NAME"), v);
		if (!value)
			return err_set(err, ERR_USAGE,
			               _("--env %s: there is no such variable here"), name);
		jw_str(w, name, value);
	}
	jw_end_obj(w);
	return ERR_OK;
}

static void add_words(const struct call *call, struct jw *w, const char *option, const char *key)
{
	const char *v;
	if (!call_has(call, option))
		return;
	jw_arr(w, key);
	for (size_t at = 0; (v = call_next(call, option, &at));)
		jw_str(w, NULL, v);
	jw_end_arr(w);
}

static enum err_code add_breaks(const struct call *call, struct jw *w, struct err *err)
{
	const char *v;
	enum err_code code = ERR_OK;
	if (!call_has(call, "break"))
		return ERR_OK;
	jw_arr(w, "breakpoints");
	for (size_t at = 0; !code && (v = call_next(call, "break", &at));)
		code = break_json(w, v, err);
	jw_end_arr(w);
	return code;
}

static enum err_code add_options(const struct call *call, struct jw *w, struct err *err)
{
	int64_t priority = 0, wait_ms = 0;
	enum err_code code = call_int(call, "priority", -1000000, 1000000, &priority, err);
	if (code)
		return code;
	if (call_has(call, "priority"))
		jw_int(w, "priority", priority);
	const char *policy = call_value(call, "if-dependency-fails");
	code = call_duration(call, "max-wait", &wait_ms, err);
	if (code)
		return code;
	if (call_has(call, "max-wait"))
		jw_int(w, "max_wait_ms", wait_ms);
	if (policy && !str_eq(policy, "fail") && !str_eq(policy, "skip"))
		return err_set(err, ERR_USAGE,
		               _("--if-dependency-fails is \"%s\"; it must be fail or skip"),
		               policy);
	if (policy)
		jw_str(w, "on_dependency_failure", policy);
	if (call_has(call, "hold"))
		jw_bool(w, "hold", true);
	if (call_has(call, "paused"))
		jw_bool(w, "paused", true);
	add_words(call, w, "after", "depends_on");
	add_words(call, w, "until", "until");
	if (call_has(call, "until-failure"))
		jw_bool(w, "until_failure", true);
	return add_breaks(call, w, err);
}

enum err_code submit_body(const struct call *call, const char *file, struct str *body,
                          struct err *err)
{
	struct jw w = jw_begin(body);
	jw_obj(&w, NULL);
	enum err_code code = add_workflow(&w, file, err);
	code = code ? code : add_params(call, &w, err);
	code = code ? code : add_env(call, &w, err);
	code = code ? code : add_options(call, &w, err);
	jw_end_obj(&w);
	return code;
}

static enum err_code use_key(const struct call *call, struct err *err)
{
	const char *key = call_value(call, "key");
	if (!key)
		return ERR_OK;
	if (!key[0] || strlen(key) > 128 || strpbrk(key, "\r\n\t "))
		return err_set(err, ERR_USAGE,
		               _("--key must be 1 to 128 characters without blanks"));
	client_key(call->cli->client, key);
	return ERR_OK;
}

/* Read, connect, send: one request. *ret_order is yours. */
static enum err_code submit(const struct call *call, bool watch, int64_t *ret_seq,
                            struct json **ret_order, struct err *err)
{
	struct cli *cli = call->cli;
	auto_str body = STR_INIT;
	enum err_code code = submit_body(call, call->args[0], &body, err);
	code = code ? code : cli_connect(cli, true, err);
	if (!code && watch) {
		auto_json *engine = NULL;
		code = cli_get(cli, "/v1/engine", &engine, err);
		*ret_seq = json_get_int(engine, "last_seq", 0);
	}
	code = code ? code : use_key(call, err);
	return code ? code : cli_post(cli, "/v1/orders", body.p, ret_order, err);
}

static enum err_code run_submit(struct call *call, struct err *err)
{
	auto_json *order = NULL;
	enum err_code code = submit(call, false, NULL, &order, err);
	if (code)
		return code;
	struct cli *cli = call->cli;
	if (cli->json) {
		out_json(order);
		return ERR_OK;
	}
	auto_str s = STR_INIT;
	add_safe(&s, json_get_str(order, "id", "?"));
	if (!cli->quiet) {
		str_add_char(&s, ' ');
		add_safe(&s, json_get_str(order, "state", "?"));
		int64_t position = json_get_int(order, "position", 0);
		if (position > 0)
			str_addf(&s, _(", position %lld"), (long long)position);
	}
	str_add_char(&s, '\n');
	out_text(&s);
	return ERR_OK;
}

static enum err_code run_run(struct call *call, struct err *err)
{
	struct cli *cli = call->cli;
	struct follow_options o = {
		.leave_when_paused = call_has(call, "until") || call_has(call, "until-failure") ||
		                     call_has(call, "break") || call_has(call, "paused"),
		.asks = cli->tty_in && cli->tty_out,
		.lines = call_has(call, "lines"),
	};
	auto_json *order = NULL;
	enum err_code code = submit(call, true, &o.after_seq, &order, err);
	if (code)
		return code;
	const char *run = json_get_str(order, "run", NULL);
	struct followed f = {
		.order = xstrdup(json_get_str(order, "id", "")),
		.run = run ? xstrdup(run) : NULL,
		.title = xstrdup(json_get_str(order, "workflow", "")),
	};
	enum follow_end end = FOLLOW_DETACHED;
	code = follow(cli, &f, 1, &o, &end, err);
	if (!code && end == FOLLOW_DETACHED) {
		note_line(cli, _("%s goes on; watch it with: pawl follow %s"),
		          f.run ? f.run : f.order, f.run ? f.run : f.order);
		cli->status = 130;
	} else if (!code) {
		code = followed_report(cli, &f, err);
	}
	followed_done(&f);
	return code;
}

/* clang-format off */
#define SUBMIT_OPTIONS \
	{ "param",    'p', N_("NAME=VALUE"), N_("a parameter; NAME:=JSON gives a value that is not text"), .many = true }, \
	{ "params",   0,   N_("FILE.json"),  N_("parameters as one JSON object; -p wins over it"), .words = "FILE" }, \
	{ "env",      'e', N_("NAME[=VALUE]"), N_("a variable for all steps; without a value, as it is here"), .many = true }, \
	{ "priority", 0,   N_("N"),          N_("higher starts first; 0 is usual") }, \
	{ "until",    0,   N_("NODE"),       N_("pause after the first of these nodes completed"), .many = true }, \
	{ "until-failure", 0, NULL,          N_("pause when a node failed that matters") }, \
	{ "break",    0,   N_("NODE[:COND]"), N_("pause at a node, see pawl help break"), .many = true }, \
	{ "paused",   0,   NULL,             N_("begin paused: nothing runs before step or resume") }, \
	{ "hold",     0,   NULL,             N_("queue it, but do not start it before release") }, \
	{ "after",    0,   N_("ORDER"),      N_("start only after this order succeeded"), .many = true, .words = "ID" }, \
	{ "if-dependency-fails", 0, N_("fail|skip"), N_("what becomes of it then (default: fail)"), .words = "fail skip" }, \
	{ "max-wait", 0,   N_("TIME"),       N_("fail it if it waits longer in the queue: 10m") }, \
	{ "key",      0,   N_("KEY"),        N_("submitting again with the same key submits nothing again") }

static const struct cli_option submit_options[] = { SUBMIT_OPTIONS, { NULL } };
static const struct cli_option run_options[] = {
	SUBMIT_OPTIONS,
	{ "lines", 0, NULL, N_("a line for each change instead of a block that is redrawn") },
	{ NULL },
};
static const struct cli_example submit_examples[] = {
	{ "pawl submit build.yaml", N_("queue it; prints the order's id") },
	{ "pawl submit deploy.yaml -p target=staging -p dry_run:=true", N_("with parameters") },
	{ "pawl submit nightly.yaml --hold --priority 5", N_("queued, but not started before: pawl release ID") },
	{ "pawl submit report.yaml --after last", N_("once the newest order has succeeded") },
	{ "generate-workflow | pawl submit -", N_("from standard input") },
	{ NULL },
};
static const struct cli_example run_examples[] = {
	{ "pawl run build.yaml", N_("follow it to its end; the exit status is 0 if it succeeded and 1 if it failed") },
	{ "pawl run build.yaml --until tests", N_("pause after the node tests; go on with: pawl resume last") },
	{ "pawl run build.yaml --json > result.json", N_("in a script: the finished run as JSON") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_submit = {
	.name = "submit",
	.group = GROUP_RUN,
	.arguments = "FILE|-",
	.words = "FILE",
	.min = 1,
	.max = 1,
	.help = N_("queue a workflow and return"),
	.about =
	    N_("Sends a workflow file to the engine, which puts an order into its queue, and "
	       "prints the order's id. "
	       "When the id is printed, the order is on disk. The engine is started if none runs."),
	.options = submit_options,
	.examples = submit_examples,
	.run = run_submit,
};

const struct command cmd_run = {
	.name = "run",
	.group = GROUP_RUN,
	.arguments = "FILE|-",
	.words = "FILE",
	.min = 1,
	.max = 1,
	.help = N_("queue a workflow and follow it to its end"),
	.about = N_("Submits a workflow file and follows it: with a block that is redrawn on a "
	            "terminal, with a line for each "
	            "change elsewhere. It ends with the run: exit status 0 if the run succeeded, 1 "
	            "if it failed, and then the "
	            "cause is shown. Ctrl-C asks whether to leave the run to itself, to cancel it, "
	            "or to go on watching."),
	.options = run_options,
	.examples = run_examples,
	.run = run_run,
};
