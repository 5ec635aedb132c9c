/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an id on the command line means. */
#include "cli/cli_internal.h"

#include <string.h>

static char *encoded(const char *text, size_t len)
{
	auto_free char *part = xstrndup(text, len);
	struct str s = STR_INIT;
	client_add_encoded(&s, part);
	return str_take(&s);
}

void target_done(struct target *t)
{
	free(t->id);
	free(t->node);
	*t = (struct target){ .kind = TARGET_ANY };
}

enum err_code no_such(const char *id, struct err *err)
{
	(void)err_set(err, ERR_NOT_FOUND, _("there is no run and no order %s"), id);
	err_hint(err, _("see: pawl runs, pawl queue"));
	return ERR_NOT_FOUND;
}

/* "#123": an event. */
static enum err_code event_number(const char *text, struct target *t, struct err *err)
{
	char *end;
	long long seq = strtoll(text + 1, &end, 10);
	if (!text[1] || *end || seq <= 0)
		return err_set(err, ERR_USAGE,
		               _("\"%s\" is no event; an event is # and its number: #123"), text);
	t->kind = TARGET_EVENT;
	t->seq = seq;
	return ERR_OK;
}

enum err_code target_parse(const char *text, struct target *ret, struct err *err)
{
	struct target t = { .kind = TARGET_ANY };
	size_t len = strlen(text);
	if (!len || len > 1024)
		return err_set(err, ERR_USAGE, _("an id is empty or too long"));
	if (text[0] == '#') {
		enum err_code code = event_number(text, &t, err);
		*ret = t;
		return code;
	}
	const char *slash = strchr(text, '/');
	size_t id_len = slash ? (size_t)(slash - text) : len;
	if (slash && (!id_len || !slash[1]))
		return err_set(err, ERR_USAGE, _("\"%s\" is no id: a node is RUN/NODE"), text);
	for (size_t i = 0; i < id_len; i++)
		if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
		      (text[i] >= '0' && text[i] <= '9') || text[i] == '-'))
			return err_set(err, ERR_USAGE,
			               _("\"%s\" is no id; ids look like r-3f9k2m7qd, or last"),
			               text);
	t.id = encoded(text, id_len);
	if (slash) {
		t.kind = TARGET_NODE;
		t.node = encoded(slash + 1, strlen(slash + 1));
	} else if (str_starts(text, "o-") || str_starts(text, "O-")) {
		t.kind = TARGET_ORDER;
	} else if (str_starts(text, "r-") || str_starts(text, "R-")) {
		t.kind = TARGET_RUN;
	} else if (len == 64 && strspn(text, "0123456789abcdef") == 64) {
		t.kind = TARGET_WORKFLOW;
	}
	*ret = t;
	return ERR_OK;
}

/* Take up to three numbers off the end: NAME.A, NAME.I.A or NAME.G.I.A. False: there is none. */
static bool split_attempt(struct target *t)
{
	int64_t numbers[3] = { 0 };
	size_t n = 0, len = strlen(t->node);
	while (n < 3) {
		size_t digits = len;
		while (digits > 0 && t->node[digits - 1] >= '0' && t->node[digits - 1] <= '9')
			digits--;
		if (digits == len || digits < 2 || t->node[digits - 1] != '.' || len - digits > 9)
			break;
		numbers[n++] = strtol(t->node + digits, NULL, 10);
		len = digits - 1;
		t->node[len] = '\0';
	}
	t->attempt = numbers[0];
	t->iteration = numbers[1];
	t->generation = numbers[2];
	t->kind = n ? TARGET_ATTEMPT : t->kind;
	return n > 0;
}

enum err_code target_settle(struct cli *cli, struct target *t, struct err *err)
{
	if (t->kind != TARGET_NODE || !strpbrk(t->node, "."))
		return ERR_OK;
	auto_free char *path = xasprintf("/v1/runs/%s/nodes/%s", t->id, t->node);
	struct err why = { .code = ERR_OK };
	enum err_code code = cli_get(cli, path, NULL, &why);
	if (code == ERR_NOT_FOUND && split_attempt(t))
		return ERR_OK;
	if (code && err)
		*err = why;
	return code;
}

enum err_code target_run(struct cli *cli, const char *id, struct json **ret_run, struct err *err)
{
	struct target t;
	enum err_code code = target_parse(id, &t, err);
	if (code)
		return code;
	auto_str path = STR_INIT;
	if (t.kind == TARGET_ORDER) {
		auto_json *order = NULL;
		str_addf(&path, "/v1/orders/%s", t.id);
		code = cli_get(cli, path.p, &order, err);
		const char *run = json_get_str(order, "run", NULL);
		if (!code && !run)
			code =
			    err_set(err, ERR_CONFLICT, _("the order %s has no run yet; it is %s"),
			            id, json_get_str(order, "state", "?"));
		str_clear(&path);
		str_addf(&path, "/v1/runs/%s", run ? run : "");
	} else if (t.kind == TARGET_RUN || t.kind == TARGET_ANY) {
		str_addf(&path, "/v1/runs/%s", t.id);
	} else {
		code = err_set(err, ERR_USAGE, _("\"%s\" is not a run"), id);
	}
	target_done(&t);
	return code ? code : cli_get(cli, path.p, ret_run, err);
}
