/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an operator does to runs and orders. All but step, until and priority take several ids. */
#include "cli/commands.h"

#include <string.h>

/* On what a verb works: an id that does not say what it is means that. */
enum verb_on { ON_RUN, ON_ORDER, ON_EITHER };

static void begin_body(const struct call *call, struct str *body, struct jw *w)
{
	*w = jw_begin(body);
	jw_obj(w, NULL);
	if (call_value(call, "reason"))
		jw_str(w, "reason", call_value(call, "reason"));
}

/* The run of an order, or the order of a run, where the verb wants the other. *ret_id is encoded
 * and yours. */
static enum err_code other_kind(struct cli *cli, const struct target *t, bool want_run,
                                char **ret_id, struct err *err)
{
	auto_json *v = NULL;
	auto_free char *path = xasprintf("/v1/%s/%s", want_run ? "orders" : "runs", t->id);
	enum err_code code = cli_get(cli, path, &v, err);
	if (code)
		return code;
	const char *id = json_get_str(v, want_run ? "run" : "order", NULL);
	if (!id && want_run)
		return err_set(err, ERR_CONFLICT, _("the order %s has no run yet; it is %s"),
		               json_get_str(v, "id", t->id), json_get_str(v, "state", "?"));
	if (!id)
		return err_set(err, ERR_CONFLICT, _("the run %s has no order"),
		               json_get_str(v, "id", t->id));
	*ret_id = xstrdup(id);
	return ERR_OK;
}

static void print_result(const struct cli *cli, const struct json *v)
{
	if (cli->json) {
		out_json(v);
		return;
	}
	auto_str s = STR_INIT;
	const char *state = json_get_str(v, "state", "?"),
		   *reason = json_get_str(v, "reason", NULL);
	add_safe(&s, json_get_str(v, "id", "?"));
	str_addf(&s, " %s%s%s", style_on(cli, state_style(state)), state, style_off(cli));
	if (reason && !cli->quiet) {
		str_add(&s, ": ");
		add_safe(&s, reason);
	}
	if (json_get_int(v, "position", 0) > 0 && !cli->quiet)
		str_addf(&s, _(", position %lld"), (long long)json_get_int(v, "position", 0));
	str_add_char(&s, '\n');
	out_text(&s);
}

static enum err_code post_verb(struct cli *cli, const char *kind, const char *id, const char *verb,
                               const char *body, struct err *err)
{
	auto_free char *path = xasprintf("/v1/%s/%s/%s", kind, id, verb);
	auto_json *v = NULL;
	enum err_code code = cli_post(cli, path, body, &v, err);
	if (!code)
		print_result(cli, v);
	return code;
}

static enum err_code one(struct cli *cli, const char *text, const char *verb, enum verb_on on,
                         const char *body, struct err *err)
{
	struct target t = { .kind = TARGET_ANY };
	enum err_code code = target_parse(text, &t, err);
	if (!code && t.kind != TARGET_ANY && t.kind != TARGET_RUN && t.kind != TARGET_ORDER)
		code = err_set(err, ERR_USAGE, _("\"%s\" is neither a run nor an order"), text);
	auto_free char *other = NULL;
	bool order = t.kind == TARGET_ORDER || (t.kind == TARGET_ANY && on == ON_ORDER);
	if (!code && on == ON_RUN && order) {
		code = other_kind(cli, &t, true, &other, err);
		order = false;
	} else if (!code && on == ON_ORDER && t.kind == TARGET_RUN) {
		code = other_kind(cli, &t, false, &other, err);
		order = true;
	}
	if (!code) {
		struct err why = { .code = ERR_OK };
		code = post_verb(cli, order ? "orders" : "runs", other ? other : t.id, verb, body,
		                 &why);
		if (code == ERR_NOT_FOUND && on == ON_EITHER && t.kind == TARGET_ANY)
			code = post_verb(cli, "orders", t.id, verb, body, &why);
		if (code == ERR_NOT_FOUND && on == ON_EITHER && t.kind == TARGET_ANY)
			code = no_such(t.id, &why);
		if (code && err)
			*err = why;
	}
	target_done(&t);
	return code;
}

/* The same verb for each id. All are tried; the first error is the command's, later ones are said
 * at once. */
static enum err_code each(struct call *call, const char *verb, enum verb_on on, const char *body,
                          struct err *err)
{
	enum err_code first = ERR_OK;
	for (size_t i = 0; i < call->nargs; i++) {
		struct err why = { .code = ERR_OK };
		enum err_code code = one(call->cli, call->args[i], verb, on, body, &why);
		if (code && first)
			error_print(call->cli, &why, client_error_body(call->cli->client));
		else if (code && err)
			*err = why;
		first = first ? first : code;
		if (code == ERR_UNAVAILABLE)
			break;
	}
	return first;
}

static enum err_code simple(struct call *call, const char *verb, enum verb_on on, struct err *err)
{
	auto_str body = STR_INIT;
	struct jw w;
	begin_body(call, &body, &w);
	jw_end_obj(&w);
	return each(call, verb, on, body.p, err);
}

static enum err_code run_pause(struct call *call, struct err *err)
{
	return simple(call, "pause", ON_RUN, err);
}

static enum err_code run_freeze(struct call *call, struct err *err)
{
	return simple(call, "freeze", ON_RUN, err);
}

static enum err_code run_resume(struct call *call, struct err *err)
{
	return simple(call, "resume", ON_RUN, err);
}

static enum err_code run_cancel(struct call *call, struct err *err)
{
	return simple(call, "cancel", ON_EITHER, err);
}

static enum err_code run_undo(struct call *call, struct err *err)
{
	return simple(call, "undo", ON_RUN, err);
}

static enum err_code run_ack(struct call *call, struct err *err)
{
	return simple(call, "acknowledge", ON_RUN, err);
}

static enum err_code run_hold(struct call *call, struct err *err)
{
	return simple(call, "hold", ON_ORDER, err);
}

static enum err_code run_release(struct call *call, struct err *err)
{
	return simple(call, "release", ON_ORDER, err);
}

static enum err_code run_front(struct call *call, struct err *err)
{
	return simple(call, "front", ON_ORDER, err);
}

static enum err_code run_back(struct call *call, struct err *err)
{
	return simple(call, "back", ON_ORDER, err);
}

static enum err_code run_step(struct call *call, struct err *err)
{
	auto_str body = STR_INIT;
	struct jw w;
	begin_body(call, &body, &w);
	jw_str(&w, "node", call->nargs > 1 ? call->args[1] : NULL);
	jw_end_obj(&w);
	return one(call->cli, call->args[0], "step", ON_RUN, body.p, err);
}

static enum err_code run_until(struct call *call, struct err *err)
{
	if (call->nargs < 2 && !call_has(call, "failure"))
		return err_set(err, ERR_USAGE, _("name a node after the run, or give --failure"));
	auto_str body = STR_INIT;
	struct jw w;
	begin_body(call, &body, &w);
	jw_arr(&w, "nodes");
	for (size_t i = 1; i < call->nargs; i++)
		jw_str(&w, NULL, call->args[i]);
	jw_end_arr(&w);
	jw_bool(&w, "failure", call_has(call, "failure"));
	jw_end_obj(&w);
	return one(call->cli, call->args[0], "until", ON_RUN, body.p, err);
}

static enum err_code run_priority(struct call *call, struct err *err)
{
	char *end;
	const char *text = call->args[1];
	long priority = strtol(text, &end, 10);
	if (!*text || *end || priority < -1000000 || priority > 1000000)
		return err_set(err, ERR_USAGE,
		               _("the priority is \"%s\"; it must be a whole number from -1000000 to 1000000"), text);
	auto_str body = STR_INIT;
	struct jw w;
	begin_body(call, &body, &w);
	jw_int(&w, "priority", priority);
	jw_end_obj(&w);
	return one(call->cli, call->args[0], "priority", ON_EITHER, body.p, err);
}

/* clang-format off */
static const struct cli_option reason_options[] = {
	{ "reason", 0, N_("TEXT"), N_("why, for the record") },
	{ NULL },
};
static const struct cli_option until_options[] = {
	{ "failure", 0, NULL,       N_("pause also when a node fails") },
	{ "reason",  0, N_("TEXT"), N_("why, for the record") },
	{ NULL },
};
static const struct cli_example pause_examples[] = {
	{ "pawl pause last --reason 'look at the logs first'", N_("what runs finishes; nothing new starts") }, { NULL } };
static const struct cli_example freeze_examples[] = {
	{ "pawl freeze last", N_("stop the processes where they are; pawl resume lets them go on") }, { NULL } };
static const struct cli_example resume_examples[] = {
	{ "pawl resume last", N_("go on") }, { "pawl resume r-3f9 r-3fa", N_("several") }, { NULL } };
static const struct cli_example step_examples[] = {
	{ "pawl step last", N_("run one ready node, then pause again") },
	{ "pawl step last tests", N_("choose which") }, { NULL } };
static const struct cli_example until_examples[] = {
	{ "pawl until last build tests", N_("pause after the first of the two completed") },
	{ "pawl until last --failure", N_("pause as soon as something fails") }, { NULL } };
static const struct cli_example cancel_examples[] = {
	{ "pawl cancel last", N_("end a run: TERM, then KILL after the grace time; again: KILL at once") },
	{ "pawl cancel o-3f9k2m7qd", N_("take an order out of the queue") }, { NULL } };
static const struct cli_example undo_examples[] = {
	{ "pawl undo last", N_("as if the last verb had not been given") }, { NULL } };
static const struct cli_example ack_examples[] = {
	{ "pawl ack last", N_("the failure was seen: it leaves the list of new failures") }, { NULL } };
static const struct cli_example hold_examples[] = {
	{ "pawl hold o-3f9k2m7qd", N_("it keeps its place in time, but is passed over") }, { NULL } };
static const struct cli_example release_examples[] = {
	{ "pawl release o-3f9k2m7qd", N_("back into the queue") }, { NULL } };
static const struct cli_example priority_examples[] = {
	{ "pawl priority o-3f9k2m7qd 10", N_("before everything with a lower one") },
	{ "pawl priority last 5", N_("of a run: its steps go first") }, { NULL } };
static const struct cli_example front_examples[] = {
	{ "pawl front o-3f9k2m7qd", N_("it starts next") }, { NULL } };
static const struct cli_example back_examples[] = {
	{ "pawl back o-3f9k2m7qd", N_("it starts last") }, { NULL } };

#define VERB(word, args, least, most, tasks, text, long_text, opts) \
	const struct command cmd_##word = { \
		.name = #word, .group = GROUP_VERB, .arguments = args, .words = "ID", .min = least, .max = most, \
		.help = text, .about = long_text, .options = opts, .examples = word##_examples, .run = tasks }
/* clang-format on */

VERB(pause, "RUN…", 1, -1, run_pause, N_("start no new node of a run"),
     N_("Steps that run finish; no new one starts. The run is paused when the last has ended."),
     reason_options);
VERB(freeze, "RUN…", 1, -1, run_freeze, N_("stop a run's processes where they are"),
     N_("Stops every process of the run's steps (SIGSTOP) and starts no new node. Time frozen does "
        "not count against "
        "timeouts."),
     reason_options);
VERB(resume, "RUN…", 1, -1, run_resume, N_("let a paused or frozen run go on"),
     N_("Lets a run go on that was paused or frozen, by an operator or by itself."),
     reason_options);
VERB(step, "RUN [NODE]", 1, 2, run_step, N_("run one node, then pause again"),
     N_("Runs exactly one node that is ready, and pauses again. Without NODE, the engine takes the "
        "one it would take anyway."),
     reason_options);
VERB(until, "RUN [NODE…]", 1, -1, run_until, N_("run, and pause after a node"),
     N_("Lets the run go on, and pauses it after the first of the nodes completed."),
     until_options);
VERB(cancel, "RUN|ORDER…", 1, -1, run_cancel, N_("end a run, or take an order out of the queue"),
     N_("Ends the processes of a run with everything they started: TERM, and KILL after the grace "
        "time. What finished stays. "
        "A second cancel kills at once. An order that waits is taken out of the queue."),
     reason_options);
VERB(undo, "RUN…", 1, -1, run_undo, N_("take the last verb back"),
     N_("Takes back the last verb that was given to a run, where that is possible: pause, freeze, resume, priority, breakpoints, "
        "edit; skip and mark while the run is paused and nothing was made of them. Otherwise it says why not."),
     reason_options);
VERB(ack, "RUN…", 1, -1, run_ack, N_("acknowledge a failure"),
     N_("Says that somebody has seen the failure. It leaves the list of new failures, and nothing "
        "else changes."),
     reason_options);
VERB(hold, "ORDER…", 1, -1, run_hold, N_("keep an order from starting"),
     N_("Keeps an order in the queue from starting until it is released."), reason_options);
VERB(release, "ORDER…", 1, -1, run_release, N_("let a held order start"),
     N_("Lets an order that was held start again in its turn."), reason_options);
VERB(priority, "ORDER|RUN N", 2, 2, run_priority, N_("change a priority"),
     N_("Changes the priority of an order in the queue, or of a run: higher goes first."),
     reason_options);
VERB(front, "ORDER…", 1, -1, run_front, N_("move an order to the front of the queue"),
     N_("Moves an order before all others of the queue."), reason_options);
VERB(back, "ORDER…", 1, -1, run_back, N_("move an order to the end of the queue"),
     N_("Moves an order behind all others of the queue."), reason_options);
