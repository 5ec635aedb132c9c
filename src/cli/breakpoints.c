/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl break: where a run is to stop. Shared with submit and run: how a breakpoint is written. */
#include "cli/commands.h"

#include <string.h>

/* Where the condition begins: behind the colon that is not in brackets. */
static const char *condition_of(const char *text)
{
	int depth = 0;
	for (; *text; text++) {
		depth += (*text == '[') - (*text == ']');
		if (*text == ':' && depth <= 0)
			return text;
	}
	return text;
}

static enum err_code add_part(struct jw *w, const char *part, size_t len, const char **seen, struct err *err)
{
	static const char *const keys[] = { "state=", "class=", "output=" };
	auto_free char *text = xstrndup(part, len);
	for (size_t i = 0; i < COUNT(keys); i++) {
		if (!str_starts(text, keys[i]))
			continue;
		auto_free char *key = xstrndup(keys[i], strlen(keys[i]) - 1);
		jw_str(w, key, text + strlen(keys[i]));
		return ERR_OK;
	}
	if (strchr(text, '=') || !*text || *seen)
		return err_set(err, ERR_USAGE,
			       _("\"%s\" is no condition; write NODE:STATE, or class=NAME, hits=N, output=REGEX (the last)"),
			       text);
	*seen = part;
	jw_str(w, "state", text);
	return ERR_OK;
}

enum err_code break_json(struct jw *w, const char *text, struct err *err)
{
	const char *at = condition_of(text), *seen = NULL;
	long hits = 1;
	jw_obj(w, NULL);
	if (at == text)
		return err_set(err, ERR_USAGE, _("name a node before the colon, or * for any: NODE:failed"));
	jw_strn(w, "node", text, (size_t)(at - text));
	jw_obj(w, "when");
	while (*at) {
		const char *part = at + 1;
		size_t len = str_starts(part, "output=") ? strlen(part) : strcspn(part, ",");
		at = part + len;
		if (str_starts(part, "hits=")) {
			char *end;
			hits = strtol(part + 5, &end, 10);
			if (end != at || hits < 1 || hits > 1000000)
				return err_set(err, ERR_USAGE, _("hits=%.*s: expected a whole number"), (int)(len - 5),
					       part + 5);
			continue;
		}
		enum err_code code = add_part(w, part, len, &seen, err);
		if (code)
			return code;
	}
	jw_end_obj(w);
	jw_int(w, "hits", hits);
	jw_end_obj(w);
	return ERR_OK;
}

/* "failed, class timeout, output /x/" */
static void add_when(struct str *s, const struct json *b)
{
	const struct json *when = json_get(b, "when");
	const char *state = json_get_str(when, "state", NULL), *class = json_get_str(when, "class", NULL),
		   *output = json_get_str(when, "output", NULL);
	if (state)
		add_safe(s, state);
	if (class) {
		str_add(s, s->len ? ", class " : "class ");
		add_safe(s, class);
	}
	if (output) {
		str_add(s, s->len ? ", output /" : "output /");
		add_safe(s, output);
		str_add_char(s, '/');
	}
	if (json_get_int(b, "hits", 1) > 1)
		str_addf(s, _(", from hit %lld on"), (long long)json_get_int(b, "hits", 1));
}

static void print_list(const struct cli *cli, const struct json *v)
{
	if (cli->json) {
		out_json(v);
		return;
	}
	const struct json *items = json_get(v, "items");
	if (!json_first(items)) {
		note_line(cli, _("the run stops nowhere"));
		return;
	}
	struct grid g;
	grid_begin(&g, 4);
	grid_head(&g, ">#");
	grid_head(&g, _("NODE"));
	grid_head(&g, _(">HIT"));
	grid_head(&g, _("WHEN"));
	for (const struct json *b = json_first(items); b; b = json_next(b)) {
		auto_str number = STR_INIT, hit = STR_INIT, when = STR_INIT;
		str_add_i64(&number, json_get_int(b, "number", 0));
		str_add_i64(&hit, json_get_int(b, "hit", 0));
		add_when(&when, b);
		grid_add(&g, STYLE_NONE, str_text(&number));
		grid_add(&g, STYLE_BOLD, json_get_str(b, "node", "?"));
		grid_add(&g, STYLE_NONE, str_text(&hit));
		grid_add(&g, STYLE_NONE, str_text(&when));
	}
	grid_print(cli, &g);
	grid_done(&g);
}

static enum err_code remove_them(struct call *call, const char *path, struct json **ret, struct err *err)
{
	size_t at = 0;
	const char *v;
	enum err_code code = cli_connect(call->cli, true, err);
	while (!code && (v = call_next(call, "remove", &at))) {
		auto_str one = STR_INIT;
		str_add(&one, path);
		if (!str_eq(v, "all")) {
			str_add_char(&one, '/');
			client_add_encoded(&one, v);
		}
		json_free(*ret);
		*ret = NULL;
		code = client_call(call->cli->client, "DELETE", str_text(&one), NULL, ret, err);
	}
	return code;
}

static enum err_code run_break(struct call *call, struct err *err)
{
	struct target t = { .kind = TARGET_ANY };
	enum err_code code = target_parse(call->args[0], &t, err);
	if (!code && t.kind != TARGET_ANY && t.kind != TARGET_RUN)
		code = err_set(err, ERR_USAGE, _("\"%s\" is not a run"), call->args[0]);
	auto_free char *path = code ? NULL : xasprintf("/v1/runs/%s/breakpoints", t.id);
	target_done(&t);
	auto_json *v = NULL;
	if (!code)
		code = remove_them(call, path, &v, err);
	for (size_t i = 1; !code && i < call->nargs; i++) {
		auto_str body = STR_INIT;
		struct jw w = jw_begin(&body);
		code = break_json(&w, call->args[i], err);
		json_free(v);
		v = NULL;
		if (!code)
			code = cli_post(call->cli, path, str_text(&body), &v, err);
	}
	if (!code && !v)
		code = cli_get(call->cli, path, &v, err);
	if (!code)
		print_list(call->cli, v);
	return code;
}

/* clang-format off */
static const struct cli_option break_options[] = {
	{ "remove", 'd', N_("N|all"), N_("remove breakpoint N, or all"), .many = true, .words = "all" },
	{ NULL },
};
static const struct cli_example break_examples[] = {
	{ "pawl break last tests", N_("pause before tests starts") },
	{ "pawl break last 'tests:failed,class=timeout'", N_("pause when tests fails because its time ran out") },
	{ "pawl break last '*:output=warning: '", N_("pause when any node wrote a warning") },
	{ "pawl break last", N_("where does it stop?") },
	{ "pawl break last -d 2", N_("not there any more") }, { NULL } };
/* clang-format on */

const struct command cmd_break = {
	.name = "break", .group = GROUP_VERB, .arguments = "RUN [NODE[:CONDITION]…]", .words = "ID", .min = 1, .max = -1,
	.help = N_("pause a run at a node, or show where it pauses"),
	.about = N_("Lets a run pause at a node: before it starts, or when it reaches the condition. A condition is a state "
		    "(running, succeeded, failed, retrying, skipped, …), class=NAME of its failure, hits=N (only from the "
		    "Nth time on), output=REGEX in the end of its output, or several with commas; output= must be the last. "
		    "* is any node; SUB/NODE is a node of a sub-workflow. Without a node, the breakpoints are listed."),
	.options = break_options, .examples = break_examples, .run = run_break };
