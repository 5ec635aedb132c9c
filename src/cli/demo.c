/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl demo: a private engine in a temporary home runs the shipped examples, and goes away without
 * a trace. */
#include "cli/commands.h"

#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GONE_MS 20000  /* how long the engine may take to end */
#define GONE_TRIES 200 /* of 50 ms: how long its workers may take to leave the home */

/* clang-format off */
static const struct { const char *file, *text; } shown[] = {
	{ "hello.yaml",   N_("succeeds: steps that need each other, with outputs passed on") },
	{ "retries.yaml", N_("fails twice, and succeeds when it is tried again") },
	{ "fails.yaml",   N_("fails: see how the cause is shown") },
};
/* clang-format on */

/* The temporary home must go whatever happens: a child waits for this process to end (its end of a
 * pipe closes), and cleans up. It outlives Ctrl-C, a crash and kill -9 of the demo. */
static int janitor_pipe = -1;
static pid_t janitor_pid;

static NORETURN void janitor(int from, const char *home)
{
	(void)setsid();
	struct pollfd p = { .fd = from, .events = POLLIN };
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	struct client_options o = { .home = home };
	struct client *c = NULL;
	auto_json *v = NULL;
	struct pollfd engine = { .fd = -1, .events = POLLIN };
	if (!client_new(&o, &c, NULL)) {
		if (!client_call(c, "GET", "/v1/engine", NULL, &v, NULL))
			engine.fd = (int)syscall(SYS_pidfd_open, (pid_t)json_get_int(v, "pid", 0), 0);
		if (!client_call(c, "POST", "/v1/engine/stop", "{\"kill\":true}", NULL, NULL))
			(void)poll(&engine, engine.fd >= 0, GONE_MS);
	}
	for (int i = 0; i < GONE_TRIES && fs_exists(home) && fs_rmtree(home, NULL); i++)
		(void)poll(NULL, 0, 50); /* a worker was still writing */
	_exit(0);
}

static enum err_code start_janitor(const char *home, struct err *err)
{
	int ends[2];
	if (pipe(ends))
		return err_sys(err, ERR_INTERNAL, _("cannot make a pipe"));
	pid_t pid = fork();
	if (pid < 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return err_sys(err, ERR_INTERNAL, _("cannot start a process"));
	}
	if (pid == 0) {
		static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT };
		for (size_t i = 0; i < COUNT(ignored); i++)
			(void)signal(ignored[i], SIG_IGN);
		(void)close(ends[1]);
		janitor(ends[0], home);
	}
	(void)close(ends[0]);
	janitor_pipe = ends[1];
	janitor_pid = pid;
	return ERR_OK;
}

/* Let it clean up, and wait until it has. */
static void dismiss_janitor(const struct cli *cli)
{
	if (janitor_pipe < 0)
		return;
	(void)close(janitor_pipe);
	janitor_pipe = -1;
	note_line(cli, _("The demo's engine and its folder are removed."));
	while (waitpid(janitor_pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static enum err_code make_home(struct cli *cli, struct err *err)
{
	const char *tmp = getenv("TMPDIR");
	auto_free char *home =
	    xasprintf("%s/pawl-demo-XXXXXX", tmp && tmp[0] == '/' ? tmp : "/tmp");
	if (!mkdtemp(home))
		return err_sys(err, ERR_IO, _("cannot make the folder %s"), home);
	enum err_code code = start_janitor(home, err);
	if (code) {
		(void)rmdir(home);
		return code;
	}
	free(cli->home);
	cli->home = TAKE(home);
	cli->home_option = cli->home;
	cli->url = NULL;
	/* A pause of a retry is a second in the demo's files: nothing to set here. */
	return engine_ensure(cli->home, NULL, &cli->client, err);
}

static enum err_code submit_one(struct call *call, const char *folder, const char *file,
                                struct followed *f, struct err *err)
{
	auto_free char *path = xasprintf("%s/%s", folder, file);
	auto_str body = STR_INIT;
	auto_json *order = NULL;
	enum err_code code = submit_body(call, path, &body, err);
	code = code ? code : cli_post(call->cli, "/v1/orders", body.p, &order, err);
	if (code)
		return code;
	f->order = xstrdup(json_get_str(order, "id", ""));
	f->title = xstrdup(json_get_str(order, "workflow", file));
	return ERR_OK;
}

/* What each was, and why the one failed. */
static enum err_code summary(struct cli *cli, const struct followed *v, size_t n, struct err *err)
{
	bool good = true;
	if (!cli->json)
		(void)printf("\n%s%s%s\n\n", style_on(cli, STYLE_BOLD), _("What happened"),
		             style_off(cli));
	for (size_t i = 0; i < n; i++) {
		const char *state = json_get_str(v[i].last, "state", "?");
		bool meant_to_fail = str_eq(shown[i].file, "fails.yaml");
		good = good && str_eq(state, meant_to_fail ? "failed" : "succeeded");
		struct err ignored;
		if (followed_report(cli, &v[i], &ignored) && !meant_to_fail)
			good = false;
		if (!cli->json)
			(void)printf("  %s: %s\n\n", shown[i].file, _(shown[i].text));
	}
	if (!good)
		return err_set(err, ERR_INTERNAL, _("the examples did not end as they should"));
	return ERR_OK;
}

static void offer_console(struct cli *cli)
{
	auto_free char *program = NULL;
	if (cli_program("pawl-console", &program, NULL) || !cli->tty_in || !cli->tty_out || cli->json)
		return;
	note_line(cli, _("Press Enter for the console on these runs, Ctrl-C to end."));
	(void)fflush(stdout); /* a failure shows at the end */
	int signals = signals_open();
	struct pollfd fds[2] = { { .fd = 0, .events = POLLIN },
		                 { .fd = signals, .events = POLLIN } };
	bool open = false;
	while (!open) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		int signal = fds[1].revents ? signals_take(signals) : 0;
		if (signal && signal != SIGWINCH)
			break;
		open = fds[0].revents != 0;
	}
	signals_close(signals);
	char line[256];
	if (open && read(0, line, sizeof(line)) > 0) {
		const char *argv[] = { program, "--home", cli->home, NULL };
		struct err err;
		int status; /* the console has told it */
		if (cli_wait(program, argv, &status, &err))
			error_print(cli, &err, NULL);
	}
}

static enum err_code demo(struct call *call, struct followed *v, bool *ret_ended, struct err *err)
{
	struct cli *cli = call->cli;
	auto_free char *folder = cli_data_folder("examples");
	if (!folder)
		return err_set(err, ERR_NOT_FOUND, _("the examples are not installed: %s/examples"),
		               PKGDATADIR);
	enum err_code code = make_home(cli, err);
	if (code)
		return code;
	note_line(cli, _("A private engine runs in %s."), cli->home);
	for (size_t i = 0; i < COUNT(shown) && !code; i++)
		code = submit_one(call, folder, shown[i].file, &v[i], err);
	struct follow_options o = { .after_seq = 0 };
	enum follow_end end = FOLLOW_ALL_ENDED;
	code = code ? code : follow(cli, v, COUNT(shown), &o, &end, err);
	*ret_ended = !code && end == FOLLOW_ALL_ENDED;
	if (!code && end == FOLLOW_DETACHED)
		cli->status = 130;
	return code ? code : *ret_ended ? summary(cli, v, COUNT(shown), err) : ERR_OK;
}

static enum err_code run_demo(struct call *call, struct err *err)
{
	struct followed v[COUNT(shown)] = { 0 };
	bool ended = false;
	enum err_code code = demo(call, v, &ended, err);
	if (!code && ended)
		offer_console(call->cli);
	for (size_t i = 0; i < COUNT(shown); i++)
		followed_done(&v[i]);
	client_free(call->cli->client);
	call->cli->client = NULL;
	(void)fflush(stdout); /* a failure shows at the end */
	dismiss_janitor(call->cli);
	return code;
}

/* clang-format off */
static const struct cli_example examples[] = {
	{ "pawl demo", N_("a minute's look at what pawl does; leaves nothing behind") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_demo = {
	.name = "demo",
	.group = GROUP_RUN,
	.arguments = "",
	.help = N_("see it work: three examples in a private engine"),
	.about = N_("Starts a private engine in a temporary folder, runs three examples at once - "
	            "one that succeeds, one that is "
	            "tried again, one that fails - shows their progress and explains the failure. "
	            "On a terminal it offers the "
	            "console afterwards. Then engine and folder are removed, also after Ctrl-C."),
	.examples = examples,
	.run = run_demo,
};
