/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl engine and pawl fsck: the engine's process, and whether what it stored is sound. */
#include "cli/commands.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STOP_MS 60000 /* how long a stop may take before we stop waiting */

/* "name=value" for pawld; NULL-terminated, borrowed values. */
static const char **settings_of(const struct call *call)
{
	const char **v = xcalloc(call->ngiven + 1, sizeof(*v)), *value;
	size_t n = 0;
	for (size_t at = 0; (value = call_next(call, "set", &at));)
		v[n++] = value;
	return v;
}

static void health_fields(const struct cli *cli, const struct json *v)
{
	auto_str s = STR_INIT;
	const struct json *steps = json_get(v, "steps"), *runs = json_get(v, "runs"),
			  *workers = json_get(v, "workers");
	const char *reason = json_get_str(v, "reason", NULL);
	str_addf(&s, "%s%s%s", json_get_str(v, "state", "?"), reason ? ": " : "",
	         reason ? reason : "");
	out_field(cli, _("state"), s.p);
	out_field(cli, _("home"), json_get_str(v, "home", ""));
	str_clear(&s);
	str_add_i64(&s, json_get_int(v, "pid", 0));
	out_field(cli, _("pid"), s.p);
	out_field(cli, _("version"), json_get_str(v, "version", ""));
	out_field_time(cli, _("started"), v, "started_at_ms");
	str_clear(&s);
	str_addf(&s, _("%lld running, at most %lld at a time"),
	         (long long)json_get_int(steps, "running", 0),
	         (long long)json_get_int(steps, "limit", 0));
	out_field(cli, _("steps"), s.p);
	str_clear(&s);
	str_addf(&s, _("%lld live, at most %lld at a time"),
	         (long long)json_get_int(runs, "live", 0),
	         (long long)json_get_int(runs, "limit", 0));
	out_field(cli, _("runs"), s.p);
	str_clear(&s);
	str_addf(&s, _("%lld, %lld of them busy"), (long long)json_get_int(workers, "total", 0),
	         (long long)json_get_int(workers, "busy", 0));
	out_field(cli, _("workers"), s.p);
	str_clear(&s);
	str_addf(&s, _("%lld waiting%s"),
	         (long long)json_get_int(json_get(v, "queue"), "waiting", 0),
	         json_get_bool(v, "queue_paused", false) ? _(", the queue is paused") : "");
	out_field(cli, _("queue"), s.p);
}

static enum err_code print_status(struct cli *cli, const char *word, struct err *err)
{
	auto_json *v = NULL;
	enum err_code code = client_call(cli->client, "GET", "/v1/engine", NULL, &v, err);
	if (code)
		return code;
	if (cli->json)
		out_json(v);
	else if (word && !cli->quiet)
		(void)printf(_("%s, pid %lld\n"), word, (long long)json_get_int(v, "pid", 0));
	else if (!word)
		health_fields(cli, v);
	return ERR_OK;
}

static enum err_code start(struct call *call, struct err *err)
{
	struct cli *cli = call->cli;
	if (cli->url)
		return err_set(err, ERR_USAGE, _("an engine at a URL is started where it lives"));
	enum err_code code = cli_connect(cli, false, NULL);
	if (!code) {
		code = print_status(cli, _("the engine runs already"), err);
		if (code != ERR_UNAVAILABLE)
			return code;
		client_free(TAKE(cli->client)); /* it was just ending */
	}
	auto_free const char **settings = settings_of(call);
	code = cli_home(cli, true, err);
	code = code ? code : engine_ensure(cli->home, settings, &cli->client, err);
	return code ? code : print_status(cli, _("the engine runs"), err);
}

/* The process, so that its end can be waited for; -1 when it cannot be seen from here. */
static int engine_process(struct cli *cli, struct err *err)
{
	auto_json *v = NULL;
	if (client_call(cli->client, "GET", "/v1/engine", NULL, &v, err))
		return -1;
	int64_t pid = json_get_int(v, "pid", 0);
	return pid > 0 && !cli->url ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;
}

static enum err_code wait_gone(int process, struct err *err)
{
	int64_t until = clock_mono_us() + (int64_t)STOP_MS * 1000;
	for (;;) {
		struct pollfd p = { .fd = process, .events = POLLIN };
		int64_t left = (until - clock_mono_us()) / 1000;
		int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
		if (ready > 0)
			return ERR_OK;
		if (ready == 0)
			return err_set(
			    err, ERR_TIMEOUT,
			    _("the engine was told to stop, but is still there after %d s"),
			    STOP_MS / 1000);
		if (errno != EINTR)
			return err_sys(err, ERR_INTERNAL, _("cannot wait for the engine"));
	}
}

static enum err_code stop(struct call *call, struct err *err)
{
	struct cli *cli = call->cli;
	struct err why = { .code = ERR_OK };
	enum err_code code = cli_connect(cli, false, &why);
	if (code == ERR_UNAVAILABLE && !cli->url) {
		if (cli->json)
			(void)puts("{\"stopping\":false}");
		else
			note_line(cli, _("no engine runs for %s"), cli->home);
		return ERR_OK; /* what was wanted is so */
	}
	if (code) {
		if (err)
			*err = why;
		return code;
	}
	int process = engine_process(cli, err);
	auto_json *v = NULL;
	code =
	    client_call(cli->client, "POST", "/v1/engine/stop",
	                call_has(call, "kill") ? "{\"kill\":true}" : "{\"kill\":false}", &v, err);
	if (!code && process >= 0)
		code = wait_gone(process, err);
	if (process >= 0)
		(void)close(process);
	if (code)
		return code;
	if (cli->json)
		out_json(v);
	else
		note_line(cli, call_has(call, "kill")
		                   ? _("the engine and its steps were stopped")
		                   : _("the engine was stopped; steps that run go on, and the next "
		                       "engine collects them"));
	return ERR_OK;
}

static enum err_code status(struct call *call, struct err *err)
{
	struct cli *cli = call->cli;
	enum err_code code = cli_connect(cli, false, err);
	return code ? code : print_status(cli, NULL, err);
}

/* In the foreground: this process becomes the engine. */
static enum err_code foreground(struct call *call, struct err *err)
{
	auto_free char *program = NULL;
	enum err_code code = cli_home(call->cli, true, err);
	code = code ? code : cli_program("pawld", &program, err);
	if (code)
		return code;
	auto_free const char **argv = xcalloc(2 * call->ngiven + 8, sizeof(*argv));
	auto_free const char **settings = settings_of(call);
	size_t n = 0;
	argv[n++] = program;
	argv[n++] = "--home";
	argv[n++] = call->cli->home;
	argv[n++] = "--foreground";
	for (size_t i = 0; settings[i]; i++) {
		argv[n++] = "--set";
		argv[n++] = settings[i];
	}
	return cli_exec(program, argv, err);
}

/* Told as it is, so that a collector of text files can have it. */
static enum err_code metrics(struct call *call, struct err *err)
{
	auto_str text = STR_INIT;
	enum err_code code = cli_connect(call->cli, false, err);
	code = code ? code : client_fetch(call->cli->client, "/metrics", &text, err);
	if (!code)
		out_text(&text);
	return code;
}

static enum err_code run_engine(struct call *call, struct err *err)
{
	static const struct {
		const char *name;
		enum err_code (*run)(struct call *call, struct err *err);
	} words[] = {
		{ "start", start }, { "stop", stop }, { "status", status }, { "run", foreground }, { "metrics", metrics }
	};
	const char *what = call->nargs ? call->args[0] : "status";
	for (size_t i = 0; i < COUNT(words); i++)
		if (str_eq(words[i].name, what))
			return words[i].run(call, err);
	err_note(err, ERR_USAGE, _("\"%s\" is nothing an engine can do"), what);
	err_hint(err, _("use: start, stop, status, metrics, run"));
	return ERR_USAGE;
}

/* ---- fsck ---- */

static void print_checks(const struct cli *cli, const struct json *v)
{
	for (const struct json *c = json_first(json_get(v, "checks")); c; c = json_next(c)) {
		bool good = json_get_bool(c, "ok", false);
		const char *state = good ? "succeeded" : "failed";
		auto_str s = STR_INIT;
		if (good && cli->quiet)
			continue;
		str_addf(&s, "%s%s%s ", style_on(cli, state_style(state)), mark(cli, state),
		         style_off(cli));
		add_safe(&s, json_get_str(c, "name", "?"));
		str_addf(&s, _(" (%lld checked)"), (long long)json_get_int(c, "count", 0));
		str_add_char(&s, '\n');
		for (const struct json *p = json_first(json_get(c, "problems")); p;
		     p = json_next(p)) {
			str_add(&s, "    ");
			add_safe(&s, json_str(p, ""));
			str_add_char(&s, '\n');
		}
		out_text(&s);
	}
}

static enum err_code run_fsck(struct call *call, struct err *err)
{
	struct cli *cli = call->cli;
	struct err why = { .code = ERR_OK };
	enum err_code code = cli_connect(cli, false, &why);
	if (code == ERR_UNAVAILABLE && !cli->url) {
		auto_free char *program = NULL;
		code = cli_program("pawld", &program, err);
		const char *argv[] = {
			program, "--home", cli->home, "--fsck", cli->json ? "--json" : NULL, NULL
		};
		return code ? code : cli_exec(program, argv, err);
	}
	if (code) {
		if (err)
			*err = why;
		return code;
	}
	auto_json *v = NULL;
	code = client_call(cli->client, "POST", "/v1/fsck", "{}", &v, err);
	if (code)
		return code;
	bool good = json_get_bool(v, "ok", false);
	if (cli->json)
		out_json(v);
	else
		print_checks(cli, v);
	if (!good)
		return err_set(err, ERR_CORRUPT, _("what is stored breaks the rules above"));
	if (!cli->json)
		note_line(cli, _("all is well"));
	return ERR_OK;
}

/* clang-format off */
static const struct cli_option engine_options[] = {
	{ "kill", 0, NULL,            N_("with stop: end the steps that run, too") },
	{ "set",  0, N_("NAME=VALUE"), N_("with start and run: a setting, see pawld(8)"), .many = true },
	{ NULL },
};
static const struct cli_example engine_examples[] = {
	{ "pawl engine status", N_("what it does; exit status 6 if none runs") },
	{ "pawl engine start --set steps=8", N_("eight steps at a time; without start, any command starts one as usual") },
	{ "pawl engine stop", N_("steps go on under their workers, and the next engine collects their results") },
	{ "pawl engine stop --kill", N_("end the steps, too") },
	{ "pawl engine metrics", N_("figures for a monitoring system, as Prometheus reads them") },
	{ "pawl engine run", N_("in the foreground, as under systemd") },
	{ NULL },
};
static const struct cli_example fsck_examples[] = {
	{ "pawl fsck", N_("with or without a running engine; exit status 13 if something is wrong") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_engine = {
	.name = "engine",
	.group = GROUP_ENGINE,
	.arguments = "[status|start|stop|metrics|run]",
	.words = "status start stop metrics run",
	.max = 1,
	.help = N_("start, stop and look at the engine"),
	.about = N_("The engine is the process that runs everything, one for each home. Commands "
	            "that need it start it, and it "
	            "outlives them and the terminal."),
	.options = engine_options,
	.examples = engine_examples,
	.run = run_engine,
};

const struct command cmd_fsck = {
	.name = "fsck",
	.group = GROUP_ENGINE,
	.arguments = "",
	.help = N_("check that what is stored is sound"),
	.about = N_("Checks the rules that must hold at any time: every finished node has its "
	            "outputs and its event, states "
	            "follow from events, the chain of events is whole. Through the engine if one "
	            "runs, else on the home itself."),
	.examples = fsck_examples,
	.run = run_fsck,
};
