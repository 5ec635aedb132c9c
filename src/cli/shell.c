/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl shell and pawl exec: stand where an attempt stood, with its environment, folder, umask and limits. The engine
 * keeps the place while this program lives: it renews the hold until the shell has ended. */
#include "cli/commands.h"

#include "base/fs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (256 * KIB)

struct standing {
	struct cli *cli;
	char *path;        /* of the node's routes */
	struct json *v;    /* what the engine answered */
	char output[256];  /* stands for $PAWL_OUTPUT */
	char **env;
	size_t nenv, capenv;
	bool lost; /* the hold could not be renewed */
};

static void standing_done(struct standing *s)
{
	for (size_t i = 0; i < s->nenv; i++)
		free(s->env[i]);
	free(s->env);
	if (s->output[0])
		(void)unlink(s->output);
	json_free(s->v);
	free(s->path);
}

/* ---- the place ---- */

static void add_env(struct standing *s, char *text)
{
	GROW(s->env, s->nenv, s->capenv);
	s->env[s->nenv++] = text;
}

static enum err_code make_env(struct standing *s, const char *prompt, struct err *err)
{
	const char *folder = getenv("TMPDIR"), *term = getenv("TERM");
	const struct json *env = json_get(s->v, "env");
	(void)snprintf(s->output, sizeof(s->output), "%s/pawl-shell.XXXXXX", folder && *folder == '/' ? folder : "/tmp");
	int fd = mkstemp(s->output);
	if (fd < 0) {
		s->output[0] = '\0';
		return err_sys(err, ERR_IO, _("cannot make a temporary file"));
	}
	(void)close(fd);
	for (const struct json *i = json_first(env); i; i = json_next(i))
		add_env(s, xasprintf("%s=%s", json_key(i), json_str(i, "")));
	if (term && !json_get(env, "TERM"))
		add_env(s, xasprintf("TERM=%s", term));
	add_env(s, xasprintf("PAWL_OUTPUT=%s", s->output));
	add_env(s, xasprintf("PAWL_HOLD=%lld", (long long)json_get_int(s->v, "hold", 0)));
	if (prompt)
		add_env(s, xasprintf("PS1=%s", prompt));
	GROW(s->env, s->nenv, s->capenv);
	s->env[s->nenv] = NULL;
	return ERR_OK;
}

static void limit(const struct json *limits, const char *name, int what)
{
	int64_t most = json_get_int(limits, name, 0);
	struct rlimit now;
	if (most <= 0 || getrlimit((__rlimit_resource_t)what, &now))
		return;
	struct rlimit wanted = { (rlim_t)most, now.rlim_max < (rlim_t)most ? now.rlim_max : (rlim_t)most };
	if (wanted.rlim_cur > wanted.rlim_max)
		wanted.rlim_cur = wanted.rlim_max;
	(void)setrlimit((__rlimit_resource_t)what, &wanted);
}

extern char **environ;

/* In the child: become the command. */
static NORETURN void become(const struct standing *s, char *const *argv, const sigset_t *mask)
{
	const struct json *limits = json_get(s->v, "limits");
	const char *cwd = json_get_str(s->v, "cwd", "/");
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGQUIT, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)umask((mode_t)json_get_int(s->v, "umask", 022));
	limit(limits, "memory_bytes", RLIMIT_DATA);
	limit(limits, "cpu_s", RLIMIT_CPU);
	limit(limits, "file_bytes", RLIMIT_FSIZE);
	limit(limits, "open_files", RLIMIT_NOFILE);
	limit(limits, "processes", RLIMIT_NPROC);
	if (chdir(cwd)) {
		(void)fprintf(stderr, "pawl: %s: %s\n", cwd, strerror(errno));
		_exit(126);
	}
	environ = s->env; /* the search for the program uses the PATH in it, too */
	(void)execvp(argv[0], argv);
	int why = errno;
	(void)fprintf(stderr, "pawl: %s: %s\n", argv[0], strerror(why));
	_exit(why == ENOENT ? 127 : 126);
}

static void renew(struct standing *s)
{
	auto_free char *path = xasprintf("%s/shell/renew", s->path);
	auto_free char *body = xasprintf("{\"hold\":%lld}", (long long)json_get_int(s->v, "hold", 0));
	struct err why = { .code = ERR_OK };
	enum err_code code = cli_post(s->cli, path, body, NULL, &why);
	if (code == ERR_NOT_FOUND && !s->lost) {
		s->lost = true;
		(void)fprintf(stderr, "pawl: %s\n", why.message);
	}
}

/* Run it to its end and keep the place meanwhile. */
static enum err_code run_there(struct standing *s, char *const *argv, int *ret_status, struct err *err)
{
	sigset_t child, before;
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, &before);
	(void)fflush(NULL);
	/* What the terminal says is for the command; this program waits. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	pid_t pid = fork();
	if (pid == 0)
		become(s, argv, &before);
	int status = 0;
	enum err_code code = pid < 0 ? err_sys(err, ERR_IO, _("cannot start %s"), argv[0]) : ERR_OK;
	int64_t lease_ms = MAX(json_get_int(s->v, "lease_ms", 60000), (int64_t)3000);
	struct timespec each = { .tv_sec = lease_ms / 3000 };
	while (!code && waitpid(pid, &status, WNOHANG) == 0)
		if (sigtimedwait(&child, NULL, &each) < 0 && errno == EAGAIN)
			renew(s);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGQUIT, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return code;
}

/* ---- the engine's side ---- */

static enum err_code failed_node(struct cli *cli, const char *run, char **ret, struct err *err)
{
	auto_json *v = NULL;
	enum err_code code = target_run(cli, run, &v, err);
	const char *node = json_get_str(json_get(v, "failure"), "node", NULL);
	if (!code && !node)
		code = err_set(err, ERR_CONFLICT, _("no node of %s has failed: name one"), json_get_str(v, "id", run));
	if (!code) {
		auto_str encoded = STR_INIT;
		client_add_encoded(&encoded, node);
		*ret = str_take(&encoded);
	}
	return code;
}

static enum err_code stand(struct call *call, struct standing *s, size_t *ret_used, struct err *err)
{
	auto_free char *run = NULL, *node = NULL;
	struct target t = { .kind = TARGET_ANY };
	s->cli = call->cli;
	if (call->cli->url)
		return err_set(err, ERR_USAGE, _("a shell stands on the engine's own machine: log in there"));
	enum err_code code = target_parse(call->args[0], &t, err);
	bool alone = !code && t.kind != TARGET_NODE && call->nargs == 1;
	if (!code && alone) {
		run = xstrdup(t.id);
		code = failed_node(call->cli, call->args[0], &node, err);
		*ret_used = 1;
	} else if (!code) {
		code = node_args(call, &run, &node, ret_used, err);
	}
	target_done(&t);
	if (code)
		return code;
	auto_str body = STR_INIT;
	struct jw w = jw_begin(&body);
	jw_obj(&w, NULL);
	if (call_value(call, "attempt"))
		jw_str(&w, "attempt", call_value(call, "attempt"));
	if (call_value(call, "reason"))
		jw_str(&w, "reason", call_value(call, "reason"));
	jw_end_obj(&w);
	s->path = xasprintf("/v1/runs/%s/nodes/%s", run, node);
	auto_free char *path = xasprintf("%s/shell", s->path);
	return cli_post(call->cli, path, str_text(&body), &s->v, err);
}

/* Lines name=value of the file: what the node would have written. */
static void add_outputs(const struct standing *s, struct jw *w)
{
	auto_free char *text = NULL;
	size_t len = 0;
	jw_obj(w, "outputs");
	if (!fs_read(s->output, OUTPUT_MAX, &text, &len, NULL))
		for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
			char *equals = strchr(line, '=');
			if (!equals || equals == line)
				continue;
			*equals = '\0';
			jw_str(w, line, equals + 1);
		}
	jw_end_obj(w);
}

static enum err_code leave(struct standing *s, const char *outcome, int status, const char *reason, struct json **ret,
			   struct err *err)
{
	auto_str body = STR_INIT;
	struct jw w = jw_begin(&body);
	jw_obj(&w, NULL);
	jw_int(&w, "hold", json_get_int(s->v, "hold", 0));
	jw_str(&w, "outcome", outcome);
	if (status >= 0)
		jw_int(&w, "exit_code", status);
	if (reason)
		jw_str(&w, "reason", reason);
	if (str_eq(outcome, "done"))
		add_outputs(s, &w);
	jw_end_obj(&w);
	auto_free char *path = xasprintf("%s/shell/end", s->path);
	return cli_post(s->cli, path, str_text(&body), ret, err);
}

/* ---- pawl shell ---- */

/* In a prompt nothing is to be expanded but what is meant. */
static void add_plain(struct str *s, const char *text)
{
	for (; *text; text++)
		str_add_char(s, strchr("$`\\%!\"'#", *text) || (unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e ?
					'_' : *text);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static char *make_prompt(const struct standing *s, const char *shell)
{
	auto_str text = STR_INIT;
	str_add(&text, "[pawl ");
	add_plain(&text, json_get_str(s->v, "run", "?"));
	str_add_char(&text, '/');
	add_plain(&text, json_get_str(s->v, "node", "?"));
	str_add(&text, str_eq(shell, "bash") ? "] \\w \\$ " : str_eq(shell, "zsh") ? "] %~ %# " : "] $ ");
	return str_take(&text);
}

/* No file of settings is read: the environment is to be the step's. */
static size_t shell_argv(const char *shell, char **argv)
{
	size_t n = 0;
	argv[n++] = (char *)(uintptr_t)shell;
	if (str_eq(base_name(shell), "bash")) {
		argv[n++] = (char *)(uintptr_t) "--norc";
		argv[n++] = (char *)(uintptr_t) "--noprofile";
	} else if (str_eq(base_name(shell), "zsh")) {
		argv[n++] = (char *)(uintptr_t) "-f";
	} else if (str_eq(base_name(shell), "fish")) {
		argv[n++] = (char *)(uintptr_t) "--no-config";
	}
	argv[n++] = (char *)(uintptr_t) "-i";
	argv[n] = NULL;
	return n;
}

static void greet(const struct standing *s)
{
	auto_str text = STR_INIT;
	const char *attempt = json_get_str(s->v, "attempt", NULL);
	str_add(&text, _("You stand where "));
	add_safe(&text, json_get_str(s->v, "run", "?"));
	str_add_char(&text, '/');
	add_safe(&text, json_get_str(s->v, "node", "?"));
	if (attempt) {
		str_add_char(&text, ' ');
		add_safe(&text, attempt);
		str_add(&text, " (");
		add_safe(&text, json_get_str(s->v, "state", "?"));
		str_add_char(&text, ')');
	}
	str_add(&text, _(" stood: its folder, environment, umask and limits. Nothing of the run starts meanwhile.\n"));
	if (json_get_str(s->v, "script", NULL)) {
		const char *script = json_get_str(s->v, "script", "");
		str_add(&text, _("It ran:"));
		for (size_t n; *script; script += n + (script[n] == '\n')) {
			n = strcspn(script, "\n");
			auto_free char *line = xstrndup(script, n);
			str_add(&text, "\n  ");
			add_safe(&text, line);
		}
		str_add_char(&text, '\n');
	}
	str_add(&text, _("Leave with exit.\n"));
	(void)fputs(str_text(&text), stderr);
}

static const char *ask(const struct cli *cli)
{
	char line[64];
	if (!cli->tty_in || !cli->tty_err)
		return "leave";
	for (;;) {
		(void)fputs(_("And now: (r)etry the node, mark it as (d)one, or (l)eave it as it is? [l] "), stderr);
		(void)fflush(stderr);
		if (!fgets(line, sizeof(line), stdin) || line[0] == '\n' || line[0] == 'l')
			return "leave";
		if (line[0] == 'r')
			return "retry";
		if (line[0] == 'd')
			return "done";
	}
}

static void print_end(const struct cli *cli, const struct json *run)
{
	if (cli->json) {
		out_json(run);
		return;
	}
	auto_str s = STR_INIT;
	const char *state = json_get_str(run, "state", "?");
	add_safe(&s, json_get_str(run, "id", "?"));
	str_addf(&s, " %s%s%s\n", style_on(cli, state_style(state)), state, style_off(cli));
	out_text(&s);
}

static enum err_code run_shell(struct call *call, struct err *err)
{
	CLEANUP(standing_done) struct standing s = { .cli = call->cli };
	const char *then = call_value(call, "then"), *shell = getenv("SHELL");
	auto_free char *prompt = NULL;
	char *argv[6];
	size_t used = 0;
	int status = -1;
	if (then && !str_eq(then, "retry") && !str_eq(then, "done") && !str_eq(then, "leave"))
		return err_set(err, ERR_USAGE, _("--then is \"%s\"; it must be retry, done or leave"), then);
	shell = shell && *shell == '/' ? shell : "/bin/sh";
	if (access(shell, X_OK))
		return err_sys(err, ERR_UNSUPPORTED, _("SHELL is %s"), shell);
	enum err_code code = stand(call, &s, &used, err);
	if (code)
		return code;
	prompt = make_prompt(&s, base_name(shell));
	(void)shell_argv(shell, argv);
	code = call->nargs > used ? err_set(err, ERR_USAGE, _("one node at a time: \"%s\" is too much"), call->args[used]) :
				    make_env(&s, prompt, err);
	if (!code && !call->cli->quiet)
		greet(&s);
	if (!code)
		code = run_there(&s, argv, &status, err);
	auto_json *run = NULL;
	enum err_code end = leave(&s, code ? "leave" : then ? then : ask(call->cli), status, call_value(call, "reason"), &run,
				  code ? NULL : err);
	if (!code && !end)
		print_end(call->cli, run);
	/* It cannot be done so: then it is left. */
	if (!code && end && !s.lost && leave(&s, "leave", status, NULL, NULL, NULL))
		s.lost = true;
	return code ? code : end;
}

/* ---- pawl exec ---- */

static enum err_code run_exec(struct call *call, struct err *err)
{
	CLEANUP(standing_done) struct standing s = { .cli = call->cli };
	size_t used = 0;
	int status = -1;
	enum err_code code = stand(call, &s, &used, err);
	if (code)
		return code;
	char **argv = xcalloc(call->nargs + 1, sizeof(*argv));
	size_t n = 0;
	for (size_t i = used; i < call->nargs; i++)
		argv[n++] = call->args[i];
	code = n ? make_env(&s, NULL, err) : err_set(err, ERR_USAGE, _("name a command: pawl exec RUN/NODE -- COMMAND"));
	if (!code)
		code = run_there(&s, argv, &status, err);
	free(argv);
	struct err why;
	enum err_code end = leave(&s, "leave", status, call_value(call, "reason"), NULL, &why);
	if (!code && end && !s.lost)
		note_line(call->cli, "%s", why.message);
	if (!code)
		call->cli->status = status;
	if (!code && call->cli->json)
		(void)printf("{\"run\":\"%s\",\"hold\":%lld,\"exit_code\":%d}\n", json_get_str(s.v, "run", ""),
			     (long long)json_get_int(s.v, "hold", 0), status);
	return code;
}

/* clang-format off */
static const struct cli_option shell_options[] = {
	{ "then",    0, N_("retry|done|leave"), N_("what becomes of the node afterwards, without asking"), .words = "retry done leave" },
	{ "attempt", 0, N_("G.I.A"), N_("another attempt than the newest") },
	{ "reason",  0, N_("TEXT"),  N_("why, for the record") },
	{ NULL },
};
static const struct cli_option exec_options[] = {
	{ "attempt", 0, N_("G.I.A"), N_("another attempt than the newest") },
	{ "reason",  0, N_("TEXT"),  N_("why, for the record") },
	{ NULL },
};
static const struct cli_example shell_examples[] = {
	{ "pawl shell last", N_("stand where the failed node stood") },
	{ "pawl shell last tests --then retry", N_("mend it there, then let it run again") }, { NULL } };
static const struct cli_example exec_examples[] = {
	{ "pawl exec last/tests -- ls -l", N_("one command there; its exit status is pawl's") }, { NULL } };
/* clang-format on */

const struct command cmd_shell = {
	.name = "shell", .group = GROUP_VERB, .arguments = "RUN [NODE]", .words = "ID", .min = 1, .max = 2,
	.help = N_("a shell where a node stood"),
	.about = N_("Opens $SHELL in the folder of an attempt with exactly its environment, umask and limits; without NODE, of "
		    "the node that failed. The run is paused or has ended; while the shell is open nothing of it starts. "
		    "Afterwards it asks whether the node is to run again, is done, or is left as it is; lines NAME=TEXT in "
		    "$PAWL_OUTPUT become the outputs of a node that is done. Who stood there, when, and how it ended is in the "
		    "history."),
	.options = shell_options, .examples = shell_examples, .run = run_shell };
const struct command cmd_exec = {
	.name = "exec", .group = GROUP_VERB, .arguments = "RUN/NODE -- COMMAND…", .words = "ID", .min = 2, .max = -1,
	.help = N_("one command where a node stood"),
	.about = N_("Runs one command in the folder of an attempt with exactly its environment, umask and limits. The exit "
		    "status is that of the command, 127 when there is none, 128 and the signal that ended it."),
	.options = exec_options, .examples = exec_examples, .run = run_exec };
