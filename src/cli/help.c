/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help, from the table of commands: on the terminal, and as the tables of the manual. */
#include "cli/commands.h"

#include "base/utf8.h"

#include <string.h>

static bool has_text(const char *s)
{
	return s && s[0];
}

void help_usage(struct str *s, const struct command *c)
{
	str_addf(s, "pawl %s", c->name);
	if (c->options)
		str_add(s, " [OPTIONS]");
	if (has_text(c->arguments))
		str_addf(s, " %s", c->arguments);
}

/* Words wrapped to `width`, each line after `indent` blanks. */
static void wrap(struct str *s, const char *text, size_t indent, size_t width)
{
	size_t column = 0;
	while (*text) {
		size_t len = strcspn(text, " \n");
		size_t w = text_width(text, len);
		if (column && column + 1 + w > width) {
			str_add_char(s, '\n');
			column = 0;
		}
		if (column)
			str_add_char(s, ' ');
		else
			str_addf(s, "%*s", (int)indent, "");
		column = (column ? column + 1 : indent) + w;
		str_add_len(s, text, len);
		text += len;
		if (*text == '\n') {
			str_add_char(s, '\n');
			column = 0;
		}
		text += *text != '\0';
	}
	str_add_char(s, '\n');
}

static void option_words(struct str *s, const struct cli_option *o)
{
	if (o->letter)
		str_addf(s, "-%c, ", o->letter);
	else
		str_add(s, "    ");
	str_addf(s, "--%s", o->name);
	if (o->value)
		str_addf(s, " %s", _(o->value));
}

static void add_options(const struct cli *cli, struct str *s, const struct cli_option *v)
{
	for (; v && v->name; v++) {
		auto_str words = STR_INIT;
		option_words(&words, v);
		size_t w = text_width(words.p, words.len);
		str_addf(s, "  %s%s%s%*s", style_on(cli, STYLE_BOLD), words.p, style_off(cli),
		         (int)(w < 25 ? 25 - w : 1), "");
		auto_str text = STR_INIT;
		wrap(&text, _(v->help), 27, MAX(cli->columns, (size_t)60) - 1);
		str_add(s, text.p + (w < 25 ? 27 : 26));
	}
}

static size_t help_width(const struct cli *cli)
{
	return MIN(MAX(cli->columns, (size_t)60), (size_t)100) - 1;
}

void help_command(const struct cli *cli, const struct command *c, FILE *to)
{
	auto_str s = STR_INIT, usage = STR_INIT;
	help_usage(&usage, c);
	str_addf(&s, "%s%s%s\n\n", style_on(cli, STYLE_BOLD), usage.p, style_off(cli));
	wrap(&s, _(c->about), 0, help_width(cli));
	if (c->alias)
		str_addf(&s, _("\nAlso: pawl %s\n"), c->alias);
	str_addf(&s, "\n%s%s%s\n", style_on(cli, STYLE_DIM), _("Examples"), style_off(cli));
	for (const struct cli_example *e = c->examples; e && e->command; e++) {
		str_addf(&s, "  %s%s%s\n", style_on(cli, STYLE_GREEN), e->command, style_off(cli));
		wrap(&s, _(e->help), 6, help_width(cli));
	}
	if (c->options) {
		str_addf(&s, "\n%s%s%s\n", style_on(cli, STYLE_DIM), _("Options"), style_off(cli));
		add_options(cli, &s, c->options);
	}
	str_addf(&s, "\n%s%s%s\n", style_on(cli, STYLE_DIM), _("Options of every command"),
	         style_off(cli));
	add_options(cli, &s, global_options);
	(void)fputs(s.p, to);
}

void help_overview(const struct cli *cli, FILE *to)
{
	auto_str s = STR_INIT;
	str_addf(&s, "%s\n\n", _("pawl runs workflows that never lose ground."));
	str_addf(&s, "  pawl                       %s\n", _("the console, on a terminal"));
	str_addf(&s, "  pawl COMMAND [OPTIONS] …   %s\n", _("one of these"));
	for (int g = 0; g < GROUP_COUNT; g++) {
		str_addf(&s, "\n%s%s%s\n", style_on(cli, STYLE_DIM),
		         _(command_group_title((enum command_group)g)), style_off(cli));
		for (size_t i = 0; commands[i]; i++)
			if ((int)commands[i]->group == g)
				str_addf(&s, "  %s%-11s%s %s\n", style_on(cli, STYLE_BOLD),
				         commands[i]->name, style_off(cli), _(commands[i]->help));
	}
	str_addf(&s, "\n%s%s%s\n", style_on(cli, STYLE_DIM), _("Options of every command"),
	         style_off(cli));
	add_options(cli, &s, global_options);
	str_addf(&s, "\n%s\n  pawl demo\n  pawl run FILE.yaml\n  pawl COMMAND --help\n",
	         _("Begin with:"));
	(void)fputs(s.p, to);
}

/* ---- the manual's tables, in mdoc(7) ---- */

/* Text for mdoc: a backslash is escaped, and no line begins with a control character. */
static void roff(struct str *s, const char *text)
{
	if (*text == '.' || *text == '\'')
		str_add(s, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			str_add(s, "\\e");
		else if (*text == '-')
			str_add(s, "\\-");
		else
			str_add_char(s, *text);
	}
}

/* As an argument of a macro: in quotes, their own kind doubled. */
static void roff_argument(struct str *s, const char *text)
{
	auto_str plain = STR_INIT;
	roff(&plain, text);
	str_add_char(s, '"');
	for (const char *p = str_text(&plain); *p; p++) {
		if (*p == '"')
			str_add_char(s, '"');
		str_add_char(s, *p);
	}
	str_add_char(s, '"');
}

/* A sentence a line: mdoc counts on it. */
static void roff_sentences(struct str *s, const char *text)
{
	auto_str lines = STR_INIT;
	for (; *text; text++) {
		bool end = text[0] == '.' && text[1] == ' ' && text[2] >= 'A' && text[2] <= 'Z';
		str_add_char(&lines, *text);
		if (end)
			str_add_char(&lines, '\n');
		text += end;
	}
	char *save = NULL;
	for (char *line = strtok_r(lines.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		auto_str wrapped = STR_INIT;
		wrap(&wrapped, line, 0, 74);
		char *rest = NULL;
		for (char *part = strtok_r(wrapped.p, "\n", &rest); part; part = strtok_r(NULL, "\n", &rest)) {
			roff(s, part);
			str_add_char(s, '\n');
		}
	}
}

static void roff_options(struct str *s, const struct cli_option *v)
{
	str_add(s, ".Bl -tag -width Ds\n");
	for (; v && v->name; v++) {
		str_add(s, ".It ");
		if (v->letter)
			str_addf(s, "Fl %c , ", v->letter);
		str_addf(s, "Fl \\-%s", v->name);
		if (v->value)
			str_addf(s, " Ar %s", v->value);
		str_add_char(s, '\n');
		roff_sentences(s, v->help);
	}
	str_add(s, ".El\n");
}

static void roff_command(struct str *s, const struct command *c)
{
	str_addf(s, ".It Nm Cm %s", c->name);
	if (has_text(c->arguments)) {
		str_add(s, " Ar ");
		roff_argument(s, c->arguments);
	}
	str_add_char(s, '\n');
	roff_sentences(s, c->about);
	if (c->alias)
		str_addf(s, "Also\n.Nm Cm %s .\n", c->alias);
	if (c->options)
		roff_options(s, c->options);
}

static void help_roff(void)
{
	auto_str s = STR_INIT;
	for (int g = 0; g < GROUP_COUNT; g++) {
		str_addf(&s, ".Ss %s\n.Bl -tag -width Ds\n",
		         command_group_title((enum command_group)g));
		for (size_t i = 0; commands[i]; i++)
			if ((int)commands[i]->group == g)
				roff_command(&s, commands[i]);
		str_add(&s, ".El\n");
	}
	str_add(&s, ".Ss Options of every command\n");
	roff_options(&s, global_options);
	out_text(&s);
}

static void exit_codes_roff(void)
{
	auto_str s = STR_INIT;
	str_add(&s, ".Bl -column \"status\" \"rate_limited\" \"HTTP\"\n.It Em exit Ta Em code Ta "
	            "Em HTTP Ta Em meaning\n");
	for (int i = 0; i < ERR_COUNT; i++)
		str_addf(&s, ".It %d Ta %s Ta %d Ta %s\n", err_exit_status((enum err_code)i),
		         err_name((enum err_code)i), err_http_status((enum err_code)i),
		         err_meaning((enum err_code)i));
	str_add(&s, ".El\n");
	out_text(&s);
}

static enum err_code run_help(struct call *call, struct err *err)
{
	const char *as = call_value(call, "as");
	if (as && str_eq(as, "mdoc")) {
		help_roff();
		return ERR_OK;
	}
	if (as && !str_eq(as, "text"))
		return err_set(err, ERR_USAGE, _("--as is \"%s\"; it must be text or mdoc"), as);
	if (!call->nargs) {
		help_overview(call->cli, stdout);
		return ERR_OK;
	}
	const struct command *c = command_find(call->args[0]);
	if (!c) {
		err_note(err, ERR_USAGE, _("there is no command \"%s\""), call->args[0]);
		err_hint(err, _("see: pawl help"));
		return ERR_USAGE;
	}
	help_command(call->cli, c, stdout);
	return ERR_OK;
}

static enum err_code run_version(struct call *call, struct err *err UNUSED)
{
	if (call->cli->json) {
		auto_str s = STR_INIT;
		struct jw w = jw_begin(&s);
		jw_obj(&w, NULL);
		jw_str(&w, "version", PACKAGE_VERSION);
		jw_end_obj(&w);
		str_add_char(&s, '\n');
		out_text(&s);
		return ERR_OK;
	}
	(void)printf("pawl %s\n", PACKAGE_VERSION);
	return ERR_OK;
}

static void exit_codes_json(void)
{
	auto_str s = STR_INIT;
	struct jw w = jw_begin(&s);
	jw_obj(&w, NULL);
	jw_arr(&w, "items");
	for (int i = 0; i < ERR_COUNT; i++) {
		jw_obj(&w, NULL);
		jw_int(&w, "exit", err_exit_status((enum err_code)i));
		jw_str(&w, "code", err_name((enum err_code)i));
		jw_int(&w, "http", err_http_status((enum err_code)i));
		jw_str(&w, "meaning", err_meaning((enum err_code)i));
		jw_end_obj(&w);
	}
	jw_end_arr(&w);
	jw_end_obj(&w);
	str_add_char(&s, '\n');
	out_text(&s);
}

static enum err_code run_exit_codes(struct call *call, struct err *err)
{
	const char *as = call_value(call, "as");
	if (as && str_eq(as, "mdoc")) {
		exit_codes_roff();
		return ERR_OK;
	}
	if (as && !str_eq(as, "text"))
		return err_set(err, ERR_USAGE, _("--as is \"%s\"; it must be text or mdoc"), as);
	if (call->cli->json) {
		exit_codes_json();
		return ERR_OK;
	}
	struct grid g;
	grid_begin(&g, 4);
	grid_head(&g, _(">EXIT"));
	grid_head(&g, _("CODE"));
	grid_head(&g, _(">HTTP"));
	grid_head(&g, _("MEANING"));
	for (int i = 0; i < ERR_COUNT; i++) {
		enum err_code code = (enum err_code)i;
		auto_free char *status = xasprintf("%d", err_exit_status(code));
		auto_free char *http = xasprintf("%d", err_http_status(code));
		grid_add(&g, STYLE_BOLD, status);
		grid_add(&g, STYLE_NONE, err_name(code));
		grid_add(&g, STYLE_DIM, http);
		grid_add(&g, STYLE_NONE, _(err_meaning(code)));
	}
	grid_print(call->cli, &g);
	grid_done(&g);
	return ERR_OK;
}

/* clang-format off */
static const struct cli_option as_options[] = {
	{ "as", 0, N_("FORM"), N_("text (default) or mdoc, for manual pages"), .words = "text mdoc" },
	{ NULL },
};
static const struct cli_example help_examples[] = {
	{ "pawl help", N_("all commands") },
	{ "pawl help logs", N_("one command, with examples; the same as: pawl logs --help") },
	{ NULL },
};
static const struct cli_example version_examples[] = {
	{ "pawl version --json", N_("for programs") },
	{ NULL },
};
static const struct cli_example exit_examples[] = {
	{ "pawl exit-codes", N_("what the exit status of any command means") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_help = {
	.name = "help",
	.group = GROUP_OTHER,
	.arguments = "[COMMAND]",
	.words = "COMMAND",
	.max = 1,
	.help = N_("explain a command, with examples"),
	.about = N_("Without a command, lists them all."),
	.options = as_options,
	.examples = help_examples,
	.run = run_help,
};

const struct command cmd_version = {
	.name = "version",
	.group = GROUP_OTHER,
	.arguments = "",
	.help = N_("print the version"),
	.about = N_("Prints the version of this program. The engine's is in: pawl engine status."),
	.examples = version_examples,
	.run = run_version,
};

const struct command cmd_exit_codes = {
	.name = "exit-codes",
	.group = GROUP_OTHER,
	.arguments = "",
	.help = N_("list the exit statuses and error codes"),
	.about = N_("Lists the error codes as they stand in JSON, the exit status of the command "
	            "line and the HTTP "
	            "status of the API that belong to each."),
	.options = as_options,
	.examples = exit_examples,
	.run = run_exit_codes,
};
