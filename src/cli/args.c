/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From argv to a call: options may stand anywhere before "--", also before the command's name. */
#include "cli/cli_internal.h"

#include "base/clock.h"
#include "base/nearest.h"

#include <errno.h>
#include <string.h>

static const struct cli_option *find_in(const struct cli_option *v, const char *name, size_t len,
                                        char letter)
{
	for (; v && v->name; v++)
		if (name ? strlen(v->name) == len && memcmp(v->name, name, len) == 0
		         : v->letter == letter)
			return v;
	return NULL;
}

static const struct cli_option *find(const struct call *call, const char *name, size_t len,
                                     char letter)
{
	const struct cli_option *o = NULL;
	if (call->command)
		o = find_in(call->command->options, name, len, letter);
	return o ? o : find_in(global_options, name, len, letter);
}

static void try_all(struct nearest *near, const struct cli_option *v)
{
	for (; v && v->name; v++)
		nearest_try(near, v->name);
}

static enum err_code unknown_option(const struct call *call, const char *text, size_t len,
                                    struct err *err)
{
	auto_free char *word = xstrndup(text, len);
	const char *name = call->command ? call->command->name : NULL;
	struct nearest near = { .word = word };
	if (call->command)
		try_all(&near, call->command->options);
	try_all(&near, global_options);
	if (name)
		err_note(err, ERR_USAGE, _("\"pawl %s\" has no option --%s"), name, word);
	else
		err_note(err, ERR_USAGE, _("there is no option --%s before a command"), word);
	if (near.best)
		err_hint(err, _("did you mean --%s?"), near.best);
	else if (name)
		err_hint(err, _("see: pawl %s --help"), name);
	else
		err_hint(err, _("options of a command stand after its name; see: pawl --help"));
	return ERR_USAGE;
}

static enum err_code unknown_command(const char *word, struct err *err)
{
	struct nearest near = { .word = word };
	for (size_t i = 0; commands[i]; i++) {
		nearest_try(&near, commands[i]->name);
		if (commands[i]->alias)
			nearest_try(&near, commands[i]->alias);
	}
	err_note(err, ERR_USAGE, _("there is no command \"%s\""), word);
	if (near.best)
		err_hint(err, _("did you mean: pawl %s?"), near.best);
	else
		err_hint(err, _("see: pawl --help"));
	return ERR_USAGE;
}

static enum err_code add(struct call *call, const struct cli_option *o, const char *value,
                         struct err *err)
{
	for (size_t i = 0; i < call->ngiven && !o->many && o->value; i++)
		if (call->given[i].option == o && strcmp(call->given[i].value, value))
			return err_set(err, ERR_USAGE, _("--%s is given twice: \"%s\" and \"%s\""),
			               o->name, call->given[i].value, value);
	call->given[call->ngiven++] = (struct given){ o, value };
	return ERR_OK;
}

/* "--name", "--name=value" or "--name value"; *at is moved past what was used. */
static enum err_code long_option(struct call *call, int argc, char **argv, int *at, struct err *err)
{
	const char *text = argv[*at] + 2, *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	const struct cli_option *o = find(call, text, len, 0);
	if (!o)
		return unknown_option(call, text, len, err);
	if (!o->value && equals)
		return err_set(err, ERR_USAGE, _("--%s takes no value"), o->name);
	if (!o->value || equals)
		return add(call, o, equals ? equals + 1 : NULL, err);
	if (*at + 1 >= argc)
		return err_set(err, ERR_USAGE, _("--%s needs a value: --%s %s"), o->name, o->name,
		               _(o->value));
	return add(call, o, argv[++*at], err);
}

/* "-q", "-qf", "-pname=value" or "-p name=value". */
static enum err_code short_options(struct call *call, int argc, char **argv, int *at,
                                   struct err *err)
{
	for (const char *p = argv[*at] + 1; *p; p++) {
		const struct cli_option *o = find(call, NULL, 0, *p);
		if (!o) {
			err_note(err, ERR_USAGE, _("there is no option -%c here"),
			         *p > ' ' && *p < 0x7f ? *p : '?');
			if (call->command)
				err_hint(err, _("see: pawl %s --help"), call->command->name);
			else
				err_hint(err, _("options of a command stand after its name; see: pawl --help"));
			return ERR_USAGE;
		}
		enum err_code code;
		if (!o->value) {
			code = add(call, o, NULL, err);
			if (code)
				return code;
			continue;
		}
		if (p[1])
			return add(call, o, p + 1, err);
		if (*at + 1 >= argc)
			return err_set(err, ERR_USAGE, _("-%c needs a value: -%c %s"), o->letter,
			               o->letter, _(o->value));
		return add(call, o, argv[++*at], err);
	}
	return ERR_OK;
}

static enum err_code count_arguments(const struct call *call, struct err *err)
{
	const struct command *c = call->command;
	if (!c || call_has(call, "help"))
		return ERR_OK;
	auto_str usage = STR_INIT;
	help_usage(&usage, c);
	if (call->nargs < (size_t)c->min) {
		err_note(err, ERR_USAGE, _("\"pawl %s\" needs more: %s"), c->name, c->arguments);
		err_hint(err, _("usage: %s"), str_text(&usage));
		return ERR_USAGE;
	}
	if (c->max >= 0 && call->nargs > (size_t)c->max) {
		err_note(err, ERR_USAGE, _("\"%s\" is one argument too many for \"pawl %s\""),
		         call->args[c->max], c->name);
		err_hint(err, _("usage: %s"), str_text(&usage));
		return ERR_USAGE;
	}
	return ERR_OK;
}

enum err_code call_parse(struct call *call, int argc, char **argv, struct err *err)
{
	call->args = xcalloc((size_t)argc + 1, sizeof(*call->args));
	size_t letters = 0; /* bundles hold more options than words */
	for (int i = 1; i < argc; i++)
		letters += strlen(argv[i]);
	call->given = xcalloc((size_t)argc + letters + 1, sizeof(*call->given));
	bool options = true;
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		enum err_code code = ERR_OK;
		if (options && str_eq(word, "--")) {
			options = false;
		} else if (options && word[0] == '-' && word[1] == '-') {
			code = long_option(call, argc, argv, &i, err);
		} else if (options && word[0] == '-' && word[1] &&
		           !(word[1] >= '0' && word[1] <= '9')) {
			code = short_options(call, argc, argv, &i, err);
		} else if (!call->command) {
			call->command = command_find(word);
			if (!call->command)
				code = unknown_command(word, err);
		} else {
			call->args[call->nargs++] = argv[i];
		}
		if (code)
			return code;
	}
	return count_arguments(call, err);
}

void call_done(struct call *call)
{
	free(call->args);
	free(call->given);
}

const char *call_next(const struct call *call, const char *option, size_t *at)
{
	while (*at < call->ngiven) {
		const struct given *g = &call->given[(*at)++];
		if (str_eq(g->option->name, option))
			return g->value ? g->value : "";
	}
	return NULL;
}

const char *call_value(const struct call *call, const char *option)
{
	const char *last = NULL, *v;
	for (size_t at = 0; (v = call_next(call, option, &at));)
		last = v;
	return last;
}

bool call_has(const struct call *call, const char *option)
{
	return call_value(call, option) != NULL;
}

enum err_code call_int(const struct call *call, const char *option, int64_t min, int64_t max,
                       int64_t *value, struct err *err)
{
	const char *text = call_value(call, option);
	if (!text)
		return ERR_OK;
	char *end;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (!*text || *end || errno || v < min || v > max)
		return err_set(err, ERR_USAGE,
		               _("--%s is \"%s\"; it must be a whole number from %lld to %lld"),
		               option, text, (long long)min, (long long)max);
	*value = v;
	return ERR_OK;
}

static enum err_code wrong_value(const char *option, const struct err *why, struct err *err)
{
	return err_set(err, ERR_USAGE, "--%s: %s", option, why->message);
}

enum err_code call_duration(const struct call *call, const char *option, int64_t *value_ms,
                            struct err *err)
{
	const char *text = call_value(call, option);
	struct err why;
	return text && duration_parse(text, value_ms, &why) ? wrong_value(option, &why, err)
	                                                    : ERR_OK;
}

enum err_code call_time(const struct call *call, const char *option, int64_t *value_ms,
                        struct err *err)
{
	const char *text = call_value(call, option);
	struct err why;
	return text && time_parse(text, clock_wall_ms(), value_ms, &why)
	           ? wrong_value(option, &why, err)
	           : ERR_OK;
}
