/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl logs: the output of a node's attempts. Lines come with escapes made visible; --raw gives the
 * bytes. */
#include "cli/commands.h"
#include "cli/log_lines.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "model/states.h"

#include <string.h>

#define PAGE_LINES 1000
#define RAW_PIECE ((uint64_t)4 * MIB)

/* ---- which log ---- */

/* A run alone: the node that failed, else one that runs, else the last that ended. */
static enum err_code choose_node(struct cli *cli, const struct json *run, char **ret,
                                 struct err *err)
{
	const char *node = json_get_str(json_get(run, "failure"), "node", NULL);
	if (!node || !node[0])
		node = json_str(json_first(json_get(run, "current")), NULL);
	if (node) {
		*ret = xstrdup(node);
		return ERR_OK;
	}
	auto_free char *path = xasprintf("/v1/runs/%s/partial", json_get_str(run, "id", ""));
	auto_json *partial = NULL;
	enum err_code code = cli_get(cli, path, &partial, err);
	if (code)
		return code;
	const char *last = NULL;
	for (const struct json *e = json_first(json_get(partial, "completed")); e; e = json_next(e))
		last = json_str(e, last);
	if (!last)
		return err_set(err, ERR_NOT_FOUND, _("no node of %s has run yet"),
		               json_get_str(run, "id", ""));
	*ret = xstrdup(last);
	return ERR_OK;
}

static enum err_code find_log(struct call *call, const char *text, struct log_view *v,
                              struct err *err)
{
	struct cli *cli = call->cli;
	struct target t = { .kind = TARGET_ANY };
	enum err_code code = target_parse(text, &t, err);
	code = code ? code : target_settle(cli, &t, err);
	if (!code && (t.kind == TARGET_NODE || t.kind == TARGET_ATTEMPT)) {
		v->run = TAKE(t.id);
		v->node = TAKE(t.node);
	} else if (!code) {
		auto_json *run = NULL;
		auto_free char *node = NULL;
		auto_str encoded = STR_INIT;
		code = target_run(cli, text, &run, err);
		code = code ? code : choose_node(cli, run, &node, err);
		if (!code) {
			note_line(cli, _("the log of %s/%s; others: pawl show %s"),
			          json_get_str(run, "id", ""), node, json_get_str(run, "id", ""));
			client_add_encoded(&encoded, node);
			v->run = xstrdup(json_get_str(run, "id", ""));
			v->node = str_take(&encoded);
		}
	}
	v->generation = t.generation;
	v->iteration = t.iteration;
	v->attempt = t.attempt;
	target_done(&t);
	return code;
}

void log_view_path(const struct log_view *v, const char *what, const char *query, struct str *path)
{
	str_addf(path, "/v1/runs/%s/nodes/%s/log%s?", v->run, v->node, what);
	if (v->generation)
		str_addf(path, "generation=%lld&", (long long)v->generation);
	if (v->iteration)
		str_addf(path, "iteration=%lld&", (long long)v->iteration);
	if (v->attempt)
		str_addf(path, "attempt=%lld&", (long long)v->attempt);
	str_add(path, query);
}

/* ---- lines ---- */

void log_line_print(const struct log_view *v, const struct json *line, int64_t from, int64_t to)
{
	const struct cli *cli = v->cli;
	const char *stream = json_get_str(line, "s", "out"), *text = json_get_str(line, "text", "");
	if (v->only_stderr && strcmp(stream, "err"))
		return;
	if (cli->json) {
		out_json(line);
		return;
	}
	auto_str s = STR_INIT;
	size_t len = strlen(text);
	bool note = str_eq(stream, "note");
	if (v->numbers)
		str_addf(&s, "%s%6lld%s ", style_on(cli, STYLE_DIM),
		         (long long)json_get_int(line, "n", 0), style_off(cli));
	if (v->times) {
		auto_str at = STR_INIT;
		if (json_get_int(line, "t_ms", 0))
			time_add_iso(&at, json_get_int(line, "t_ms", 0));
		str_addf(&s, "%s%-24s%s ", style_on(cli, STYLE_DIM), str_text(&at), style_off(cli));
	}
	if (note)
		str_add(&s, style_on(cli, STYLE_DIM));
	enum safe_mode mode = cli->colour ? SAFE_SGR : SAFE_PLAIN;
	if (to > from && from >= 0 && (size_t)to <= len && cli->colour) {
		text_add_safe(&s, text, (size_t)from, SAFE_PLAIN, false);
		str_add(&s, style_on(cli, STYLE_RED));
		text_add_safe(&s, text + from, (size_t)(to - from), SAFE_PLAIN, false);
		str_add(&s, style_off(cli));
		text_add_safe(&s, text + to, len - (size_t)to, SAFE_PLAIN, false);
	} else {
		text_add_safe(&s, text, len, mode, false);
	}
	if (cli->colour)
		str_add(&s, style_off(cli)); /* a colour that the step left on ends here */
	int64_t whole = json_get_int(line, "len", 0);
	if (whole > v->width)
		str_addf(&s, _(" … (%lld bytes; --raw has all)"), (long long)whole);
	str_add_char(&s, '\n');
	out_text(&s);
}

/* One page from `*from` on; *from becomes the line after it. *ret_end: there is nothing more now.
 */
static enum err_code one_page(struct log_view *v, const char *query, int64_t *from, int64_t last,
                              bool *ret_end, struct err *err)
{
	auto_str path = STR_INIT;
	auto_json *page = NULL;
	log_view_path(v, "", query, &path);
	enum err_code code = cli_get(v->cli, path.p, &page, err);
	if (code)
		return code;
	const struct json *e = json_first(json_get(page, "items"));
	*ret_end = !e;
	for (; e && !*ret_end; e = json_next(e)) {
		int64_t n = json_get_int(e, "n", *from);
		*ret_end = n > last;
		if (!*ret_end)
			log_line_print(v, e, 0, 0);
		*from = n + 1;
	}
	*ret_end = *ret_end || *from > json_get_int(page, "lines", 0) || *from > last;
	return ERR_OK;
}

static enum err_code print_lines(struct log_view *v, int64_t *from, int64_t last, int64_t since_ms,
                                 struct err *err)
{
	bool end = false;
	while (!end) {
		auto_str query = STR_INIT;
		if (since_ms)
			str_addf(&query, "at_ms=%lld", (long long)since_ms);
		else
			str_addf(&query, "from=%lld", (long long)*from);
		str_addf(&query, "&lines=%d&width=%lld", PAGE_LINES, (long long)v->width);
		since_ms = 0;
		enum err_code code = one_page(v, query.p, from, last, &end, err);
		if (code)
			return code;
	}
	return ERR_OK;
}

/* Where the last `n` lines begin. */
static enum err_code tail_start(struct log_view *v, int64_t n, int64_t *ret_from, struct err *err)
{
	auto_str path = STR_INIT;
	auto_json *page = NULL;
	log_view_path(v, "", "tail=1&width=1", &path);
	enum err_code code = cli_get(v->cli, path.p, &page, err);
	if (!code)
		*ret_from = MAX(json_get_int(page, "lines", 0) - n + 1, (int64_t)1);
	return code;
}

/* ---- search ---- */

static enum err_code search(const struct call *call, struct log_view *v, int64_t from, int64_t last,
                            struct err *err)
{
	int64_t found = 0;
	bool end = false;
	while (!end) {
		auto_str query = STR_INIT, path = STR_INIT;
		str_add(&query, "pattern=");
		client_add_encoded(&query, call_value(call, "grep"));
		str_addf(&query, "&from=%lld&dir=next&limit=%d&case=%d", (long long)from,
		         PAGE_LINES, !call_has(call, "ignore-case"));
		if (call_has(call, "fixed"))
			str_add(&query, "&literal=1");
		if (call_has(call, "invert"))
			str_add(&query, "&invert=1");
		log_view_path(v, "/search", query.p, &path);
		auto_json *page = NULL;
		enum err_code code = cli_get(v->cli, path.p, &page, err);
		if (code)
			return code;
		for (const struct json *e = json_first(json_get(page, "hits")); e && !end;
		     e = json_next(e)) {
			const struct json *line = json_get(e, "line");
			end = json_get_int(line, "n", 0) > last;
			if (end)
				break;
			found++;
			log_line_print(v, line, json_get_int(e, "start", 0),
			               json_get_int(e, "end", 0));
		}
		int64_t next = json_get_int(page, "next", 0);
		end = end || next <= from;
		from = next;
	}
	if (!found)
		return err_set(err, ERR_NOT_FOUND, _("no line matches"));
	return ERR_OK;
}

/* ---- bytes ---- */

static enum err_code raw(const struct call *call, struct log_view *v, struct err *err)
{
	if (v->cli->any_tty_out && !call_has(call, "yes")) {
		err_note(
		    err, ERR_USAGE,
		    _("--raw could control your terminal: the bytes are as the step wrote them"));
		err_hint(err, _("send them to a file or a program, or add --yes"));
		return ERR_USAGE;
	}
	bool more = true;
	auto_str path = STR_INIT;
	log_view_path(v, "/raw", "", &path);
	for (uint64_t at = 0; more; at += RAW_PIECE) {
		auto_str piece = STR_INIT;
		enum err_code code = cli_connect(v->cli, true, err);
		code = code ? code
		            : client_fetch_range(v->cli->client, path.p, at, RAW_PIECE, &piece,
		                                 &more, err);
		if (code)
			return code;
		out_text(&piece);
	}
	return ERR_OK;
}

/* ---- the command ---- */

/* "A:B", "A:", ":B" or "A". */
static enum err_code line_range(const char *text, int64_t *first, int64_t *last, struct err *err)
{
	if (!text)
		return ERR_OK;
	char *end;
	bool good = true;
	const char *p = text;
	if (*p != ':') {
		*first = strtoll(p, &end, 10);
		good = end != p && *first > 0;
		*last = *first;
		p = end;
	}
	if (good && *p == ':') {
		p++;
		*last = INT64_MAX;
		if (*p) {
			*last = strtoll(p, &end, 10);
			good = end != p && *last >= *first;
			p = end;
		}
	}
	if (!good || *p)
		return err_set(err, ERR_USAGE,
		               _("--lines is \"%s\"; it must be A:B, numbers of lines from 1"),
		               text);
	return ERR_OK;
}

static enum err_code print_log(const struct call *call, struct log_view *v, struct err *err)
{
	int64_t from = 1, last = INT64_MAX, tail = 0, since_ms = 0;
	bool follow = call_has(call, "follow");
	enum err_code code = line_range(call_value(call, "lines"), &from, &last, err);
	code = code ? code : call_int(call, "tail", 1, INT64_C(1000000000), &tail, err);
	code = code ? code : call_time(call, "since", &since_ms, err);
	if (!code && call_has(call, "raw"))
		return raw(call, v, err);
	if (!code && tail)
		code = tail_start(v, tail, &from, err);
	if (code)
		return code;
	if (call_has(call, "grep"))
		return search(call, v, from, last, err);
	struct err why = { .code = ERR_OK };
	code = print_lines(v, &from, last, since_ms, &why);
	/* Nothing was written yet: there is no log, but there may be one to follow. */
	if (code && !(code == ERR_NOT_FOUND && follow)) {
		if (err)
			*err = why;
		return code;
	}
	return follow ? log_follow(v, from, last, err) : ERR_OK;
}

/* --all: every node's newest log under a heading. */
struct all_logs {
	const struct call *call;
	struct log_view *v;
};

static enum err_code one_of_all(void *ctx, const struct json *node, struct err *err)
{
	struct all_logs *a = ctx;
	struct cli *cli = a->call->cli;
	const char *kind = json_get_str(node, "kind", "");
	if (json_get_int(node, "attempts", 0) == 0 || str_eq(kind, "group") || str_eq(kind, "workflow"))
		return ERR_OK; /* it wrote nothing, or others write for it */
	auto_str name = STR_INIT, head = STR_INIT;
	client_add_encoded(&name, json_get_str(node, "node", ""));
	free(a->v->node);
	a->v->node = str_take(&name);
	str_addf(&head, "%s==> ", style_on(cli, STYLE_BOLD));
	add_safe(&head, json_get_str(node, "node", ""));
	str_addf(&head, " (%s) <==%s\n", json_get_str(node, "state", "?"), style_off(cli));
	out_text(&head);
	enum err_code code = print_log(a->call, a->v, err);
	return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static enum err_code print_all(const struct call *call, struct log_view *v, struct err *err)
{
	auto_json *run = NULL;
	enum err_code code = target_run(call->cli, call->args[0], &run, err);
	if (code)
		return code;
	v->run = xstrdup(json_get_str(run, "id", ""));
	struct all_logs a = { call, v };
	auto_free char *path = xasprintf("/v1/runs/%s/nodes", v->run);
	return cli_list(call->cli, path, INT64_C(10000000), one_of_all, &a, NULL, err);
}

static enum err_code run_logs(struct call *call, struct err *err)
{
	struct log_view v = {
		.cli = call->cli,
		.width = 65536,
		.times = call_has(call, "times"),
		.numbers = call_has(call, "number"),
		.only_stderr = call_has(call, "stderr"),
	};
	enum err_code code;
	if (call_has(call, "all") && (call_has(call, "follow") || call->cli->json))
		code =
		    err_set(err, ERR_USAGE, _("--all goes neither with --follow nor with --json"));
	else if (call_has(call, "all"))
		code = print_all(call, &v, err);
	else
		code = find_log(call, call->nargs ? call->args[0] : "last", &v, err);
	if (!code && !call_has(call, "all"))
		code = print_log(call, &v, err);
	free(v.run);
	free(v.node);
	return code;
}

/* clang-format off */
static const struct cli_option options[] = {
	{ "follow",      'f', NULL,          N_("go on with what is written, through retries, until the node ended") },
	{ "grep",        'g', N_("PATTERN"), N_("only lines that match (PCRE2)") },
	{ "ignore-case", 'i', NULL,          N_("with --grep: upper and lower case are alike") },
	{ "fixed",       'F', NULL,          N_("with --grep: the pattern is plain text") },
	{ "invert",      'v', NULL,          N_("with --grep: lines that do not match") },
	{ "lines",       'l', N_("A:B"),     N_("lines A to B; A: and :B work, too") },
	{ "tail",        't', N_("N"),       N_("the last N lines") },
	{ "since",       's', N_("TIME"),    N_("lines written since: 10m, 14:07") },
	{ "times",       0,   NULL,          N_("the time of each line before it") },
	{ "number",      'n', NULL,          N_("its number before it") },
	{ "stderr",      0,   NULL,          N_("only what was written to standard error") },
	{ "all",         'a', NULL,          N_("of a run: the logs of all its nodes") },
	{ "raw",         0,   NULL,          N_("the bytes as the step wrote them; not to a terminal") },
	{ "yes",         0,   NULL,          N_("with --raw: to a terminal, too") },
	{ NULL },
};
static const struct cli_example examples[] = {
	{ "pawl logs last", N_("of the newest run: the node that failed, or runs") },
	{ "pawl logs r-3f9k2m7qd/tests -f", N_("watch a node") },
	{ "pawl logs r-3f9k2m7qd/tests.1 --grep 'error|FAIL' -n", N_("search its first attempt") },
	{ "pawl logs r-3f9k2m7qd/tests --lines 80:120", N_("a part of it") },
	{ "pawl logs last/build --raw > build.log", N_("byte for byte") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_logs = {
	.name = "logs",
	.alias = "log",
	.group = GROUP_LOOK,
	.arguments = "[RUN[/NODE[.ATTEMPT]]]",
	.words = "ID",
	.max = 1,
	.help = N_("print, follow and search the output of a node"),
	.about = N_("Prints the output of a node's newest attempt, or of another one: RUN/NODE.1. "
	            "Of a run alone, the node "
	            "that failed is taken, or one that runs, or the last that ended. Bytes that "
	            "could control the terminal are "
	            "shown as \\xNN; colours are kept on a terminal."),
	.options = options,
	.examples = examples,
	.run = run_logs,
};
