/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pawl queue: what waits, and in which order it will start. */
#include "cli/commands.h"

#include "base/clock.h"

#include <string.h>

static enum err_code order_row(void *ctx, const struct json *o, struct err *err UNUSED)
{
	struct grid *g = ctx;
	const char *state = json_get_str(o, "state", "?"),
		   *reason = json_get_str(o, "reason", NULL);
	int64_t position = json_get_int(o, "position", 0),
		queued = json_get_int(o, "enqueued_at_ms", 0);
	auto_str place = STR_INIT, priority = STR_INIT, waits = STR_INIT, estimate = STR_INIT,
		 note = STR_INIT;
	if (position > 0)
		str_add_i64(&place, position);
	str_add_i64(&priority, json_get_int(o, "priority", 0));
	if (queued && json_type(json_get(o, "started_at_ms")) == JSON_NULL)
		duration_add(&waits, MAX(clock_wall_ms() - queued, (int64_t)0));
	add_duration(&estimate, o, "estimate_ms");
	if (json_get_str(o, "run", NULL))
		str_add(&note, json_get_str(o, "run", ""));
	else if (reason)
		str_add(&note, reason);
	for (const struct json *e = note.len ? NULL : json_first(json_get(o, "depends_on")); e;
	     e = json_next(e))
		str_addf(&note, "%s%s", note.len ? ", " : _("after "), json_str(e, ""));
	grid_add(g, STYLE_NONE, str_text(&place));
	grid_add(g, STYLE_BOLD, json_get_str(o, "id", "?"));
	grid_add(g, STYLE_NONE, priority.p);
	grid_add(g, state_style(state), state);
	grid_add(g, STYLE_NONE, json_get_str(o, "workflow", ""));
	grid_add(g, STYLE_NONE, str_text(&waits));
	grid_add(g, STYLE_NONE, str_text(&estimate));
	grid_add(g, STYLE_NONE, str_text(&note));
	return ERR_OK;
}

static void add_filter(struct str *path, const char *key, const char *value)
{
	if (!value)
		return;
	str_addf(path, "&%s=", key);
	client_add_encoded(path, value);
}

static enum err_code list(struct call *call, struct err *err)
{
	static const char *const heads[] = { N_(">POS"),       N_("ORDER"),
		                             N_(">PRIO"),      N_("STATE"),
		                             N_("WORKFLOW"),   N_(">WAITS"),
		                             N_(">STARTS IN"), N_("RUN, OR WHY IT WAITS") };
	int64_t limit = call_has(call, "all") ? INT64_C(10000000) : 50, total = -1;
	enum err_code code = call_int(call, "limit", 1, 10000000, &limit, err);
	if (code)
		return code;
	auto_str path = STR_INIT, rest = STR_INIT;
	bool history = call_has(call, "history") || call_has(call, "state");
	str_add(&path, history ? "/v1/orders?order=newest" : "/v1/orders?order=queue");
	str_add(&rest, "/v1/orders?state=held,blocked,pending");
	add_filter(&path, "state", call_value(call, "state"));
	add_filter(&path, "workflow", call_value(call, "workflow"));
	add_filter(&rest, "workflow", call_value(call, "workflow"));
	/* Only what is queued has a place; what is held or blocked comes after it. */
	const char *const paths[] = { path.p, rest.p };
	struct grid g;
	grid_begin(&g, COUNT(heads));
	for (size_t i = 0; i < COUNT(heads); i++)
		grid_head(&g, _(heads[i]));
	code = cli_lists(call->cli, paths, history ? 1 : 2, limit, order_row, &g, &total, err);
	size_t shown = g.n / COUNT(heads) - 1;
	if (!code && !call->cli->json && !shown)
		note_line(call->cli, _("nothing waits"));
	else if (!code && !call->cli->json)
		grid_print(call->cli, &g);
	grid_done(&g);
	if (!code && !call->cli->json && total > (int64_t)shown)
		note_line(call->cli, _("%zu of %lld are shown; --all shows the rest"), shown,
		          (long long)total);
	return code;
}

static void stats_lines(const struct cli *cli, const struct json *v)
{
	auto_str s = STR_INIT;
	str_addf(&s, _("%lld waiting, %lld held, %lld blocked, %lld running"),
	         (long long)json_get_int(v, "waiting", 0), (long long)json_get_int(v, "held", 0),
	         (long long)json_get_int(v, "blocked", 0),
	         (long long)json_get_int(v, "running", 0));
	out_field(cli, _("orders"), s.p);
	str_clear(&s);
	str_addf(&s, _("%lld runs at a time, %lld orders in the queue"),
	         (long long)json_get_int(v, "max_concurrent", 0),
	         (long long)json_get_int(v, "max_queue_size", 0));
	out_field(cli, _("room for"), s.p);
	str_clear(&s);
	add_duration(&s, v, "average_wait_ms");
	out_field(cli, _("mean wait"), str_text(&s));
	str_clear(&s);
	add_duration(&s, v, "oldest_wait_ms");
	out_field(cli, _("longest"), str_text(&s));
	out_field(cli, _("accepting"), json_get_bool(v, "accepting", true) ? _("yes") : _("no"));
	out_field(cli, _("paused"),
	          json_get_bool(v, "paused", false) ? _("yes: no order starts; pawl queue resume")
	                                            : _("no"));
}

static enum err_code health(struct cli *cli, struct err *err)
{
	auto_json *v = NULL;
	enum err_code code = cli_get(cli, "/v1/queue/health", &v, err);
	if (code)
		return code;
	if (cli->json)
		out_json(v);
	else {
		out_safe(json_get_str(v, "status", "?"));
		(void)putchar('\n');
	}
	return ERR_OK;
}

static enum err_code run_queue(struct call *call, struct err *err)
{
	const char *what = call->nargs ? call->args[0] : "list";
	struct cli *cli = call->cli;
	if (str_eq(what, "list"))
		return list(call, err);
	if (str_eq(what, "health"))
		return health(cli, err);
	bool change = str_eq(what, "pause") || str_eq(what, "resume");
	if (!change && !str_eq(what, "stats")) {
		err_note(err, ERR_USAGE, _("\"%s\" is nothing a queue can do"), what);
		err_hint(err, _("use: list, stats, health, pause, resume"));
		return ERR_USAGE;
	}
	auto_str body = STR_INIT;
	struct jw w = jw_begin(&body);
	jw_obj(&w, NULL);
	if (call_value(call, "reason"))
		jw_str(&w, "reason", call_value(call, "reason"));
	jw_end_obj(&w);
	auto_json *v = NULL;
	auto_free char *path = xasprintf("/v1/queue/%s", what);
	enum err_code code =
	    change ? cli_post(cli, path, body.p, &v, err) : cli_get(cli, path, &v, err);
	if (code)
		return code;
	if (cli->json)
		out_json(v);
	else
		stats_lines(cli, v);
	return ERR_OK;
}

/* clang-format off */
static const struct cli_option options[] = {
	{ "state",    's', N_("STATE,…"), N_("only orders in these states"),
	  .words = "pending queued held blocked running succeeded failed skipped canceled" },
	{ "workflow", 'w', N_("NAME"),    N_("only orders of this workflow") },
	{ "history",  0,   NULL,          N_("newest first, and those that ended, too") },
	{ "limit",    'n', N_("N"),       N_("at most N (default 50)") },
	{ "all",      0,   NULL,          N_("all of them") },
	{ "reason",   0,   N_("TEXT"),    N_("with pause and resume: why, for the record") },
	{ NULL },
};
static const struct cli_example examples[] = {
	{ "pawl queue", N_("what waits, the next to start first") },
	{ "pawl queue stats", N_("counts, waiting times, whether orders are taken") },
	{ "pawl queue pause --reason 'disk is being moved'", N_("start no order until: pawl queue resume") },
	{ "pawl queue --history -s failed", N_("orders that failed") },
	{ NULL },
};
/* clang-format on */

const struct command cmd_queue = {
	.name = "queue",
	.group = GROUP_LOOK,
	.arguments = "[list|stats|health|pause|resume]",
	.words = "list stats health pause resume",
	.max = 1,
	.help = N_("show what waits; pause and resume the queue"),
	.about = N_("Lists the orders that wait, in the order in which they will start, with an "
	            "estimate of when. "
	            "Position 1 starts next. A paused queue takes orders, but starts none."),
	.options = options,
	.examples = examples,
	.run = run_queue,
};
