/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/config.h"

#include "base/clock.h"
#include "base/fs.h"
#include "flow/flow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum config_type { CONFIG_NUMBER, CONFIG_SIZE, CONFIG_TIME, CONFIG_SWITCH };

struct config_row {
	const char *name;
	enum config_type type;
	size_t at; /* offset in struct config; an int for numbers, int64_t for sizes and times */
	int64_t min, max;
	const char *help; /* translate on use */
};

#define AT(member) offsetof(struct config, member)
#define DAY_MS (24 * 3600 * (int64_t)1000)
/* clang-format off */
static const struct config_row rows[] = {
	{ "steps", CONFIG_NUMBER, AT(engine.steps), .min = 1, .max = 4096,
	  N_("steps that run at a time; the default is the number of processors") },
	{ "runs", CONFIG_NUMBER, AT(engine.runs), .min = 1, .max = 100000,
	  N_("runs that are under way at a time; further orders wait in the queue") },
	{ "queue_max", CONFIG_NUMBER, AT(engine.queue_max), .min = 1, .max = 10000000,
	  N_("orders that may wait; beyond it a submission is refused as queue_full") },
	{ "workers_min", CONFIG_NUMBER, AT(engine.workers_min), .min = 0, .max = 4096,
	  N_("worker processes that are kept ready") },
	{ "workers_max", CONFIG_NUMBER, AT(engine.workers_max), .min = 0, .max = 4096,
	  N_("worker processes at most; 0: as many as steps") },
	{ "worker_idle", CONFIG_TIME, AT(engine.worker_idle_ms), .min = 100, .max = DAY_MS,
	  N_("an idle worker beyond workers_min leaves after so long") },
	{ "grace", CONFIG_TIME, AT(engine.grace_ms), .min = 0, .max = DAY_MS,
	  N_("time between TERM and KILL where the workflow says nothing") },
	{ "adopt", CONFIG_TIME, AT(engine.adopt_ms), .min = 0, .max = DAY_MS,
	  N_("how long after the engine's start a worker that holds a step may take to come back") },
	{ "log_head", CONFIG_SIZE, AT(engine.log_head), .min = 0, .max = INT64_C(1) << 50,
	  N_("bytes kept from the start of each attempt's output; 0: all") },
	{ "log_tail", CONFIG_SIZE, AT(engine.log_tail), .min = 0, .max = INT64_C(1) << 50,
	  N_("bytes kept from its end, once the head is full") },
	{ "timeout", CONFIG_TIME, AT(engine.timeout_ms), .min = 0, .max = 366 * DAY_MS,
	  N_("time of an attempt where the workflow says nothing; 0: no limit") },
	{ "redact_tokens", CONFIG_SWITCH, AT(engine.redact_tokens), .min = 0, .max = 1,
	  N_("mask the shapes of well-known tokens in logs, besides the secrets") },
	{ "unsafe_network_fs", CONFIG_SWITCH, AT(unsafe_network_fs), .min = 0, .max = 1,
	  N_("allow the home on a network file system, whose locks and flushes cannot be trusted") },
	{ "event_lag", CONFIG_NUMBER, AT(event_lag), .min = 100, .max = 10000000,
	  N_("events that a reader of the event stream may be behind before it is told what it lost") },
	{ "streams_max", CONFIG_NUMBER, AT(streams_max), .min = 1, .max = 400,
	  N_("event and log streams that are open at once") },
	{ "import_max", CONFIG_SIZE, AT(import_max), .min = MIB, .max = INT64_C(1) << 50,
	  N_("bytes that a file may have which is imported, as it is and unpacked") },
	{ "request_time", CONFIG_TIME, AT(request_ms), .min = 100, .max = DAY_MS,
	  N_("a request that has not arrived in whole after so long is cut") },
};
/* clang-format on */

void config_default(struct config *c)
{
	*c = (struct config){ .event_lag = 10000, .streams_max = 64, .request_ms = 10000,
		              .import_max = INT64_C(8) << 30 };
	engine_settings_default(&c->engine);
}

/* A whole number with an optional K, M, G or T (powers of 1024). */
static bool parse_size(const char *text, bool units, int64_t *ret)
{
	char *end;
	errno = 0;
	int64_t v = strtoll(text, &end, 10);
	if (end == text || errno)
		return false;
	const char *unit = units && *end ? strchr("KMGT", *end) : NULL;
	if (unit) {
		int shift = 10 * (int)(unit - "KMGT" + 1);
		if (v > INT64_MAX >> shift || v < 0)
			return false;
		v <<= shift;
		end++;
		if (end[0] == 'i' && end[1] == 'B')
			end += 2;
		else if (end[0] == 'B')
			end++;
	}
	*ret = v;
	return *end == '\0';
}

static bool parse_switch(const char *text, int64_t *ret)
{
	static const char *const words[] = { "no", "yes", "off", "on", "false", "true", "0", "1" };
	for (size_t i = 0; i < COUNT(words); i++)
		if (str_eq(words[i], text)) {
			*ret = i & 1;
			return true;
		}
	return false;
}

static void show(const struct config_row *row, int64_t v, struct str *out)
{
	if (row->type == CONFIG_SWITCH)
		str_add(out, v ? "yes" : "no");
	else if (row->type == CONFIG_TIME && v && v % 1000)
		str_addf(out, "%" PRId64 "ms", v);
	else if (row->type == CONFIG_TIME && v)
		duration_add(out, v);
	else if (row->type == CONFIG_SIZE && v && v % MIB == 0)
		str_addf(out, "%" PRId64 "M", v / MIB);
	else
		str_add_i64(out, v);
}

static int64_t get(const struct config *c, const struct config_row *row)
{
	const char *p = (const char *)c + row->at;
	int64_t v = 0;
	int number;
	bool on;
	switch (row->type) {
	case CONFIG_NUMBER:
		memcpy(&number, p, sizeof(number));
		return number;
	case CONFIG_SWITCH:
		memcpy(&on, p, sizeof(on));
		return on;
	case CONFIG_SIZE:
	case CONFIG_TIME:
		memcpy(&v, p, sizeof(v));
		break;
	}
	return v;
}

static void put(struct config *c, const struct config_row *row, int64_t v)
{
	char *p = (char *)c + row->at;
	int number = (int)v;
	bool on = v != 0;
	switch (row->type) {
	case CONFIG_NUMBER:
		memcpy(p, &number, sizeof(number));
		break;
	case CONFIG_SWITCH:
		memcpy(p, &on, sizeof(on));
		break;
	case CONFIG_SIZE:
	case CONFIG_TIME:
		memcpy(p, &v, sizeof(v));
		break;
	}
}

static const char *wanted(enum config_type type)
{
	switch (type) {
	case CONFIG_NUMBER:
		return _("a whole number");
	case CONFIG_SIZE:
		return _("a number of bytes such as 65536 or 64M");
	case CONFIG_TIME:
		return _("a time such as 10s, 5m or 0");
	case CONFIG_SWITCH:
		return _("yes or no");
	}
	return "";
}

static bool parse_value(const struct config_row *row, const char *text, int64_t *ret)
{
	switch (row->type) {
	case CONFIG_NUMBER:
		return parse_size(text, false, ret);
	case CONFIG_SIZE:
		return parse_size(text, true, ret);
	case CONFIG_TIME:
		return !duration_parse(text, ret, NULL);
	case CONFIG_SWITCH:
		return parse_switch(text, ret);
	}
	return false;
}

static enum err_code unknown(const char *where, const char *key, struct err *err)
{
	const char *names[COUNT(rows)];
	for (size_t i = 0; i < COUNT(rows); i++)
		names[i] = rows[i].name;
	err_note(err, ERR_USAGE, _("%s: %.64s: there is no such setting"), where, key);
	const char *near = flow_nearest(key, names, COUNT(rows));
	if (near)
		err_hint(err, _("did you mean %s?"), near);
	else
		err_hint(err, _("pawld --help-config lists them"));
	return ERR_USAGE;
}

/* Cut spaces off both ends, in place. */
static char *trimmed(char *s)
{
	s += strspn(s, " \t\r");
	size_t len = strlen(s);
	while (len && strchr(" \t\r", s[len - 1]))
		s[--len] = '\0';
	return s;
}

enum err_code config_set(struct config *c, const char *where, const char *assignment,
                         struct err *err)
{
	auto_free char *copy = xstrdup(assignment);
	char *value = strchr(copy, '=');
	if (!value)
		return err_set(err, ERR_USAGE, _("%s: %.64s: expected key = value"), where,
		               assignment);
	*value++ = '\0';
	const char *key = trimmed(copy);
	value = trimmed(value);
	const struct config_row *row = NULL;
	for (size_t i = 0; i < COUNT(rows) && !row; i++)
		if (str_eq(rows[i].name, key))
			row = &rows[i];
	if (!row)
		return unknown(where, key, err);
	int64_t v;
	if (!parse_value(row, value, &v))
		return err_set(err, ERR_USAGE, _("%s: %s: %.64s: expected %s"), where, key, value,
		               wanted(row->type));
	if (v < row->min || v > row->max) {
		auto_str least = STR_INIT, most = STR_INIT;
		show(row, row->min, &least);
		show(row, row->max, &most);
		return err_set(err, ERR_USAGE, _("%s: %s: %.64s: allowed are %s to %s"), where, key,
		               value, str_text(&least), str_text(&most));
	}
	put(c, row, v);
	return ERR_OK;
}

enum err_code config_read(struct config *c, const char *path, struct err *err)
{
	auto_free char *text = NULL;
	if (!fs_exists(path))
		return ERR_OK;
	enum err_code code = fs_read(path, 64 * KIB, &text, NULL, err);
	char *rest = text, *line;
	for (int n = 1; !code && (line = strsep(&rest, "\n")); n++) {
		line[strcspn(line, "#")] = '\0';
		line = trimmed(line);
		auto_free char *where = xasprintf("%s:%d", path, n);
		if (*line)
			code = config_set(c, where, line, err);
	}
	return code;
}

enum err_code config_check(const struct config *c, struct err *err)
{
	const struct engine_settings *e = &c->engine;
	if (e->workers_max > 0 && e->workers_min > e->workers_max)
		return err_set(err, ERR_USAGE, _("workers_min: %d: more than workers_max (%d)"),
		               e->workers_min, e->workers_max);
	if (e->log_head == 0 && e->log_tail > 0)
		return err_set(err, ERR_USAGE, _("log_tail: without log_head everything is kept"));
	return ERR_OK;
}

void config_help(struct str *out)
{
	struct config c;
	config_default(&c);
	str_add(out, _("# HOME/pawl.conf: the settings of the engine, with their defaults.\n"));
	for (size_t i = 0; i < COUNT(rows); i++) {
		str_addf(out, "\n# %s (%s)\n# %s = ", _(rows[i].help), wanted(rows[i].type),
		         rows[i].name);
		show(&rows[i], get(&c, &rows[i]), out);
		str_add_char(out, '\n');
	}
}
