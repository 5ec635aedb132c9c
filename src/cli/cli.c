/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line's main: what surrounds it, dispatch, and the exit status. A submit must cost
 * next to nothing beside its one request, so nothing is looked up before it is needed. */
#include "cli/commands.h"

#include "base/language.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Descriptors 0, 1 and 2 must be something, or the socket would become "standard output". */
static void open_standard(void)
{
	while (fcntl(2, F_GETFD) < 0 || fcntl(1, F_GETFD) < 0 || fcntl(0, F_GETFD) < 0)
		if (open("/dev/null", O_RDWR) < 0)
			_exit(err_exit_status(ERR_INTERNAL));
}

/* The locale that the environment names for a category: the first of the three that is set. */
static const char *locale_name(const char *category)
{
	const char *const names[] = { "LC_ALL", category, "LANG" };
	for (size_t i = 0; i < COUNT(names); i++) {
		const char *v = getenv(names[i]);
		if (v && v[0])
			return v;
	}
	return "C";
}

static bool is_plain(const char *locale)
{
	return str_eq(locale, "C") || str_eq(locale, "POSIX");
}

/* Only what is used is loaded: characters and messages. Numbers are read by programs, too, and
 * times are printed the same everywhere. Whether text may be UTF-8. */
static bool set_locale(void)
{
	const char *characters = locale_name("LC_CTYPE"), *messages = locale_name("LC_MESSAGES");
	if (!is_plain(messages) && !str_starts(messages, "C.") && setlocale(LC_MESSAGES, ""))
		language_texts();
	if (is_plain(characters) || !setlocale(LC_CTYPE, ""))
		return false;
	return str_eq(nl_langinfo(CODESET), "UTF-8");
}

static size_t number_of(const char *name)
{
	const char *text = getenv(name);
	unsigned long v = text ? strtoul(text, NULL, 10) : 0;
	return v > 0 && v < 10000 ? v : 0;
}

static void look_at_terminal(struct cli *cli, bool no_colour)
{
	const char *term = getenv("TERM"), *never = getenv("NO_COLOR");
	bool dumb = !term || !term[0] || str_eq(term, "dumb");
	cli->any_tty_out = isatty(1);
	cli->tty_in = isatty(0);
	cli->tty_out = cli->any_tty_out && !dumb;
	cli->tty_err = isatty(2) && !dumb;
	cli->colour = cli->tty_out && !no_colour && !(never && never[0]) && !cli->json;
	struct winsize ws;
	cli->columns = 80;
	cli->rows = 24;
	if (cli->any_tty_out && ioctl(1, TIOCGWINSZ, &ws) == 0 && ws.ws_col && ws.ws_row) {
		cli->columns = ws.ws_col;
		cli->rows = ws.ws_row;
	}
	size_t columns = number_of("COLUMNS");
	if (columns && !cli->any_tty_out)
		cli->columns = columns;
}

static enum err_code dispatch(struct call *call, struct err *err)
{
	struct cli *cli = call->cli;
	if (call_has(call, "version"))
		return cmd_version.run(call, err);
	if (call_has(call, "help")) {
		if (call->command)
			help_command(cli, call->command, stdout);
		else
			help_overview(cli, stdout);
		return ERR_OK;
	}
	if (!call->command)
		return cmd_console.run(call, err);
	return call->command->run(call, err);
}

static void read_globals(struct call *call)
{
	struct cli *cli = call->cli;
	cli->home_option = call_value(call, "home");
	cli->url = call_value(call, "url");
	if (!cli->url && !cli->home_option)
		cli->url = getenv("PAWL_URL");
	if (cli->url && !cli->url[0])
		cli->url = NULL;
	cli->token = getenv("PAWL_TOKEN");
	cli->json = call_has(call, "json");
	cli->quiet = call_has(call, "quiet");
	look_at_terminal(cli, call_has(call, "no-color"));
}

/* Output that could not be written is an error, too. */
static enum err_code flush_output(struct err *err)
{
	if (fflush(stdout) || ferror(stdout))
		return err_sys(err, errno == ENOSPC ? ERR_STORAGE : ERR_IO,
		               _("cannot write the output"));
	return ERR_OK;
}

int cli_main(int argc, char **argv)
{
	open_standard();
	struct cli cli = { .status = -1 };
	cli.utf8 = set_locale();
	struct call call = { .cli = &cli };
	struct err err = { .code = ERR_OK };
	enum err_code code = call_parse(&call, argc, argv, &err);
	read_globals(&call);
	if (!code)
		code = dispatch(&call, &err);
	enum err_code flushed = flush_output(code ? NULL : &err);
	if (!code)
		code = flushed;
	if (code && err.message[0])
		error_print(&cli, &err, cli.client ? client_error_body(cli.client) : NULL);
	client_free(cli.client);
	free(cli.home);
	call_done(&call);
	return cli.status >= 0 ? cli.status : err_exit_status(code);
}
