/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/verb.h"

#include "tui/action.h"

#include <assert.h>
#include <string.h>

#define NAMES_SHOWN 4 /* files that are named, of those that change */
#define PREVIEW_MAX 40 /* lines that are kept of what a verb would do */

#define LIVE                                                                                       \
	(STATE_BIT(STATE_PENDING) | STATE_BIT(STATE_PREPARING) | STATE_BIT(STATE_RUNNING) |        \
	 STATE_BIT(STATE_PAUSING) | STATE_BIT(STATE_PAUSED) | STATE_BIT(STATE_FROZEN) |            \
	 STATE_BIT(STATE_WAITING) | STATE_BIT(STATE_CANCELING) | STATE_BIT(STATE_ROLLING_BACK))
#define GOING                                                                                      \
	(STATE_BIT(STATE_PENDING) | STATE_BIT(STATE_PREPARING) | STATE_BIT(STATE_RUNNING) |        \
	 STATE_BIT(STATE_WAITING))
#define STOPPED                                                                                    \
	(STATE_BIT(STATE_PAUSING) | STATE_BIT(STATE_PAUSED) | STATE_BIT(STATE_FROZEN))
/* Something may run in it: that ends first when it is sent back. */
#define GOES_BACK                                                                                  \
	(STATE_BIT(STATE_RUNNING) | STATE_BIT(STATE_WAITING) | STOPPED | STATE_BIT(STATE_FAILED) |  \
	 STATE_BIT(STATE_CANCELED))
#define ENDED_BADLY                                                                                \
	(STATE_BIT(STATE_PAUSED) | STATE_BIT(STATE_FAILED) | STATE_BIT(STATE_CANCELED))
#define WAITS                                                                                      \
	(STATE_BIT(STATE_PENDING) | STATE_BIT(STATE_QUEUED) | STATE_BIT(STATE_HELD) |              \
	 STATE_BIT(STATE_BLOCKED))

/* clang-format off */
const struct verb_row verb_rows[] = {
	{ "pause",   OF_RUN, "/v1/runs/%s/pause",  GOING | STATE_BIT(STATE_PAUSING), NULL, "pawl pause", N_("pausing %s"), "resume", .cannot = N_("cannot pause") },
	{ "freeze",  OF_RUN, "/v1/runs/%s/freeze", GOING | STATE_BIT(STATE_PAUSING) | STATE_BIT(STATE_PAUSED), NULL, "pawl freeze", N_("freezing %s"), "resume", .cannot = N_("cannot freeze") },
	{ "resume",  OF_RUN, "/v1/runs/%s/resume", STOPPED, NULL, "pawl resume", N_("resuming %s"), "pause", .cannot = N_("cannot resume") },
	{ "step",    OF_RUN, "/v1/runs/%s/step",   STATE_BIT(STATE_PENDING) | STATE_BIT(STATE_PAUSED), NULL, "pawl step", N_("one step of %s"), .with_argument = true, .field = "node", .cannot = N_("cannot step") },
	{ "until",   OF_RUN, "/v1/runs/%s/until",  LIVE, NULL, "pawl until", N_("%s runs until there"), .with_argument = true, .cannot = N_("cannot run until a node") },
	{ "until_failure", OF_RUN, "/v1/runs/%s/until", LIVE, NULL, "pawl until --failure", N_("%s runs until a failure"), .cannot = N_("cannot run until a failure") },
	{ "retry",   OF_RUN, "/v1/runs/%s/retry",  GOES_BACK, N_("run again what failed in %s"), "pawl retry", N_("%s runs again"), .preview = true, .cannot = N_("cannot retry"), .options = OPTION_BIT(OPTION_RESTORE) | OPTION_BIT(OPTION_NOW) | OPTION_BIT(OPTION_DEFINITION) },
	{ "resume_from", OF_RUN, "/v1/runs/%s/resume-from", GOES_BACK | STATE_BIT(STATE_SUCCEEDED), N_("run %s again"), "pawl resume-from", N_("%s runs again"), .with_argument = true, .field = "node", .preview = true, .cannot = N_("cannot resume from a node"), .options = OPTION_BIT(OPTION_KEEP_FILES) | OPTION_BIT(OPTION_ONLY) | OPTION_BIT(OPTION_NOW) | OPTION_BIT(OPTION_DEFINITION) },
	{ "skip",    OF_RUN, "/v1/runs/%s/nodes/{arg}/skip", LIVE | ENDED_BADLY, NULL, "pawl skip", N_("in %s it is done without"), .with_argument = true, .with_reason = true, .cannot = N_("cannot skip a node") },
	{ "mark",    OF_RUN, "/v1/runs/%s/nodes/{arg}/mark", LIVE | ENDED_BADLY, NULL, "pawl mark", N_("in %s it counts as done"), .with_argument = true, .with_reason = true, .cannot = N_("cannot mark a node") },
	{ "break",   OF_RUN, "/v1/runs/%s/breakpoints", 0, NULL, "pawl break", N_("%s stops there"), .with_argument = true, .field = "node" },
	{ "unbreak", OF_RUN, "/v1/runs/%s/breakpoints/{arg}", 0, NULL, "pawl break", N_("%s does not stop there any more"), .with_argument = true, .flag = "-d", .method = "DELETE" },
	{ "rollback", OF_RUN, "/v1/runs/%s/rollback", GOES_BACK | STATE_BIT(STATE_SUCCEEDED), N_("roll back %s"), "pawl rollback", N_("%s goes back"), .with_argument = true, .field = "checkpoint", .preview = true, .typed = true, .cannot = N_("cannot roll back"), .options = OPTION_BIT(OPTION_KEEP_FILES) | OPTION_BIT(OPTION_NOW) },
	{ "fork",    OF_RUN, "/v1/runs/%s/fork", 0, N_("fork %s"), "pawl fork", N_("%s was forked"), .with_argument = true, .field = "checkpoint", .preview = true, .options = OPTION_BIT(OPTION_KEEP_FILES) },
	{ "undo",    OF_RUN, "/v1/runs/%s/undo", 0, N_("undo what was last done to %s"), "pawl undo", N_("%s: the last verb is undone") },
	{ "decide",  OF_RUN, "/v1/runs/%s/nodes/{arg}/decide", LIVE, NULL, "pawl approve", N_("in %s it is decided"), .with_argument = true, .with_reason = true, .cannot = N_("there is nothing to decide") },
	{ "cancel",  OF_RUN, "/v1/runs/%s/cancel", LIVE, N_("cancel %s"), "pawl cancel", N_("canceling %s"), .cannot = N_("cannot cancel") },
	{ "acknowledge", OF_RUN, "/v1/runs/%s/acknowledge", STATE_BIT(STATE_FAILED), NULL, "pawl ack", N_("acknowledged %s"), .cannot = N_("nothing to acknowledge") },
	{ "priority", OF_RUN, "/v1/runs/%s/priority", LIVE, NULL, "pawl priority", N_("priority of %s set"), "priority", .with_argument = true, .cannot = N_("cannot change the priority") },
	{ "hold",    OF_ORDER, "/v1/orders/%s/hold",    WAITS & ~STATE_BIT(STATE_HELD), NULL, "pawl hold", N_("holding %s"), "release", .cannot = N_("cannot hold") },
	{ "release", OF_ORDER, "/v1/orders/%s/release", STATE_BIT(STATE_HELD), NULL, "pawl release", N_("released %s"), "hold", .cannot = N_("cannot release") },
	{ "front",   OF_ORDER, "/v1/orders/%s/front",   STATE_BIT(STATE_QUEUED), NULL, "pawl front", N_("%s is in front"), .cannot = N_("cannot move") },
	{ "back",    OF_ORDER, "/v1/orders/%s/back",    STATE_BIT(STATE_QUEUED), NULL, "pawl back", N_("%s is at the end"), .cannot = N_("cannot move") },
	{ "cancel",  OF_ORDER, "/v1/orders/%s/cancel",  WAITS | STATE_BIT(STATE_RUNNING), N_("cancel %s"), "pawl cancel", N_("canceled %s"), .cannot = N_("cannot cancel") },
	{ "priority", OF_ORDER, "/v1/orders/%s/priority", WAITS, NULL, "pawl priority", N_("priority of %s set"), "priority", .with_argument = true, .cannot = N_("cannot change the priority") },
	{ "breaker_open",  OF_BREAKER, "/v1/breakers/%s", 0, N_("force %s open: nothing is called"), "pawl breaker", N_("%s is forced open"), "breaker_auto", .with_reason = true, .flag = "--open", .field = "open" },
	{ "breaker_close", OF_BREAKER, "/v1/breakers/%s", 0, N_("force %s closed: it is called whatever happens"), "pawl breaker", N_("%s is forced closed"), "breaker_auto", .with_reason = true, .flag = "--close", .field = "closed" },
	{ "breaker_auto",  OF_BREAKER, "/v1/breakers/%s", 0, N_("let %s work by itself again"), "pawl breaker", N_("%s works by itself"), .flag = "--auto", .field = "auto" },
	{ "queue_pause",  OF_QUEUE, "/v1/queue/pause",  0, N_("pause the whole queue: no order starts"), "pawl queue pause", N_("the queue is paused"), "queue_resume" },
	{ "queue_resume", OF_QUEUE, "/v1/queue/resume", 0, N_("let the queue go on"), "pawl queue resume", N_("the queue goes on"), "queue_pause" },
	{ "engine_stop",  OF_ENGINE, "/v1/engine/stop", 0, N_("stop the engine; steps that run go on"), "pawl engine stop", N_("the engine stops") },
	{ "fsck",         OF_ENGINE, "/v1/fsck",        0, NULL, "pawl fsck", N_("the data was checked: nothing wrong") },
};
/* clang-format on */
const size_t nverb_rows = COUNT(verb_rows);

const struct verb_option_row verb_option_rows[] = {
	[OPTION_KEEP_FILES] = { 'K', "keep_files", "--keep-files", N_("keep the files") },
	[OPTION_RESTORE] = { 'R', "restore", "--restore", N_("restore the files") },
	[OPTION_ONLY] = { 'O', "only", "--only", N_("only this node") },
	[OPTION_NOW] = { 'N', "now", "--now", N_("stop what runs") },
	[OPTION_DEFINITION] = { 'D', "definition", "--with-definition new", N_("new definition"), "new" },
};
static_assert(COUNT(verb_option_rows) == VERB_OPTION_COUNT, "every option has a row");

const struct verb_row *verb_find(enum verb_of of, const char *name)
{
	for (size_t i = 0; i < COUNT(verb_rows); i++)
		if (verb_rows[i].of == of && str_eq(verb_rows[i].name, name))
			return &verb_rows[i];
	return NULL;
}

static const struct row *find(const struct console *c, const struct verb_row *v, const char *id)
{
	if (v->of == OF_RUN)
		return (const struct row *)model_run(&c->model, id);
	return v->of == OF_ORDER ? rows_find(&c->model.orders, id) : NULL;
}

char *verb_why_not(const struct console *c, const struct verb_row *v, const char *id)
{
	if (c->read_only && !str_eq(v->name, "fsck"))
		return xstrdup(_("the console is read-only"));
	if (model_down(&c->model))
		return xstrdup(_("not sent: the engine is down"));
	const struct row *row = find(c, v, id);
	if (!row || !v->states || row->state == STATE_UNKNOWN)
		return NULL;
	if (state_is(row->state, v->states)) {
		const struct run_row *run = (const struct run_row *)row;
		if (v->of == OF_RUN && str_eq(v->name, "acknowledge") && run->acknowledged)
			return xasprintf(_("%s is acknowledged already"), id);
		return NULL;
	}
	return xasprintf(_("%s: %s is %s"), _(v->cannot), id, ui_state_name(row->state));
}

/* "redirect build the cache was stale": a choice, with redirect a node, and what is left is the reason. */
struct choice {
	const char *word, *to, *reason;
	int len, to_len;
};

static struct choice read_choice(const char *text)
{
	struct choice c = { .word = text, .to = "" };
	c.len = (int)strcspn(text, " ");
	text += c.len + (int)strspn(text + c.len, " ");
	if (c.len == 8 && memcmp(c.word, "redirect", 8) == 0) {
		c.to = text;
		c.to_len = (int)strcspn(text, " ");
		text += c.to_len + (int)strspn(text + c.to_len, " ");
	}
	c.reason = text;
	return c;
}

bool verb_is_choice(const char *text)
{
	static const char *const words[] = { "continue", "retry", "skip", "redirect", "abort" };
	struct choice c = read_choice(text);
	for (size_t i = 0; i < COUNT(words); i++)
		if (strlen(words[i]) == (size_t)c.len && memcmp(words[i], c.word, (size_t)c.len) == 0)
			return !str_eq(words[i], "redirect") || c.to_len > 0;
	return false;
}

/* A word as a shell reads it back. */
static void add_word(struct str *s, const char *word)
{
	bool plain = *word != '\0';
	for (const char *p = word; *p && plain; p++)
		plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			(*p >= '0' && *p <= '9') || strchr("-_./:=@,+", *p) != NULL;
	if (plain) {
		str_add(s, word);
		return;
	}
	str_add_char(s, '\'');
	for (const char *p = word; *p; p++)
		str_add(s, *p == '\'' ? "'\\''" : (char[]){ *p, 0 });
	str_add_char(s, '\'');
}

void verb_add_command(const struct verb_row *v, const char *id, const struct verb_with *with,
		      struct str *s)
{
	bool of_node = strstr(v->path, "/nodes/{arg}") != NULL;
	str_add(s, v->command);
	if (v->of == OF_RUN || v->of == OF_ORDER || v->of == OF_BREAKER)
		str_addf(s, " %s", id);
	if (v->of == OF_BREAKER)
		str_addf(s, " %s", v->flag);
	if (str_eq(v->name, "priority"))
		str_addf(s, " %lld", (long long)with->value);
	if (with->argument) {
		str_add_char(s, of_node ? '/' : ' ');
		if (v->flag)
			str_addf(s, "%s ", v->flag);
		add_word(s, with->argument);
	}
	for (int i = 0; i < VERB_OPTION_COUNT; i++)
		if (with->options & OPTION_BIT(i))
			str_addf(s, " %s", verb_option_rows[i].flag);
	if (with->reason && str_eq(v->name, "decide")) {
		struct choice choice = read_choice(with->reason);
		str_addf(s, " --choice %.*s", choice.len, choice.word);
		if (choice.to_len)
			str_addf(s, " --to %.*s", choice.to_len, choice.to);
		if (*choice.reason) {
			str_add(s, " --reason ");
			add_word(s, choice.reason);
		}
	} else if (with->reason) {
		str_add(s, " --reason ");
		add_word(s, with->reason);
	}
}

/* ---- sending ---- */

struct change {
	struct console *c;
	const struct verb_row *verb;
	char *id;
	int64_t value, old_value;
	bool undo; /* is an undo itself */
};

static void push_undo(struct console *c, const struct verb_row *inverse, const char *id, int64_t value)
{
	if (c->nundo == UNDO_MAX) {
		free(c->undo[0].id);
		memmove(c->undo, c->undo + 1, (UNDO_MAX - 1) * sizeof(c->undo[0]));
		c->nundo--;
	}
	c->undo[c->nundo++] = (struct undo){ inverse, id ? xstrdup(id) : NULL, value };
}

static void say_outcome(struct console *c, const struct change *ch)
{
	if (c->refused && c->sent)
		console_say(c, ROLE_ALARM, _("%zu done, %zu refused: %s"), c->sent, c->refused,
			    c->refusal);
	else if (c->refused)
		console_say(c, ROLE_ALARM, "%s", c->refusal);
	else if (c->sent > 1)
		console_say(c, ROLE_OK, _("%s: %zu done"), ch->verb->name, c->sent);
	else if (ch->verb->of == OF_RUN || ch->verb->of == OF_ORDER || ch->verb->of == OF_BREAKER)
		console_say(c, ROLE_OK, "%s", c->sent_what);
	else
		console_say(c, ROLE_OK, "%s", _(ch->verb->done));
}

/* The tables hold the formats: each has exactly one %s, which a test checks. */
static char *with_id(const char *format, const char *id)
{
	const char *at = strstr(format, "%s");
	return at ? xasprintf("%.*s%s%s", (int)(at - format), format, id, at + 2) : xstrdup(format);
}

static void take_answer(struct console *c, const struct change *ch, const struct json *body)
{
	bool stops = str_eq(ch->verb->name, "break") || str_eq(ch->verb->name, "unbreak");
	bool forks = str_eq(ch->verb->name, "fork"); /* the answer is the new order */
	if (forks) {
		model_ask_anew(&c->model, TOPIC_ORDERS);
		model_ask_anew(&c->model, TOPIC_RUNS);
	}
	if (ch->verb->of == OF_RUN && !stops && !forks)
		model_take_run(&c->model, body);
	if (stops)
		model_ask_anew(&c->model, TOPIC_BREAKPOINTS);
	if (ch->verb->typed || ch->verb->preview)
		model_stale(&c->model, TOPIC_BIT(TOPIC_CHECKPOINTS));
	/* Answers that are under way may be older than the change. */
	model_stale(&c->model, TOPIC_BIT(TOPIC_ENGINE));
	if (ch->verb->of == OF_ORDER || ch->verb->of == OF_QUEUE)
		model_ask_anew(&c->model, TOPIC_ORDERS);
	if (ch->verb->of == OF_BREAKER)
		model_ask_anew(&c->model, TOPIC_BREAKERS);
	if (str_eq(ch->verb->name, "decide"))
		model_ask_anew(&c->model, TOPIC_APPROVALS);
	if (str_eq(ch->verb->name, "acknowledge")) {
		rows_remove(&c->model.failures, ch->id);
		model_ask_anew(&c->model, TOPIC_FAILURES);
	}
	if (str_eq(ch->verb->name, "fsck") && !json_get_bool(body, "ok", true)) {
		free(c->refusal);
		c->refusal = xstrdup(_("the check found problems: pawl fsck lists them"));
		c->refused++;
		c->sent--;
	}
}

static void on_answer(void *ctx, const struct client_reply *r)
{
	struct change *ch = ctx;
	struct console *c = ch->c;
	c->dirty = true;
	c->sending--;
	if (r->code == ERR_OK) {
		c->sent++;
		free(c->sent_what);
		c->sent_what = with_id(_(ch->verb->done), ch->id);
		const struct verb_row *inverse =
			ch->verb->inverse ? verb_find(ch->verb->of, ch->verb->inverse) : NULL;
		if (inverse && !ch->undo)
			push_undo(c, inverse, ch->id, ch->old_value);
		take_answer(c, ch, r->body);
	} else {
		c->refused++;
		free(c->refusal);
		const char *why = r->err ? r->err->message : err_name(r->code);
		c->refusal = r->status ? xstrdup(why) : xasprintf(_("not sent: %s"), why);
	}
	if (!c->sending)
		say_outcome(c, ch);
	free(ch->id);
	free(ch);
}

static int64_t old_priority(const struct console *c, const struct verb_row *v, const char *id)
{
	const struct row *row = find(c, v, id);
	if (!row)
		return 0;
	return v->of == OF_RUN ? ((const struct run_row *)row)->priority :
				 ((const struct order_row *)row)->priority;
}

static void put_option(struct jw *w, const struct verb_option_row *o)
{
	if (o->value)
		jw_str(w, o->field, o->value);
	else
		jw_bool(w, o->field, true);
}

static void write_body(const struct verb_row *v, const struct verb_with *with, struct str *body)
{
	struct jw w = jw_begin(body);
	jw_obj(&w, NULL);
	if (str_eq(v->name, "priority"))
		jw_int(&w, "priority", with->value);
	if (str_eq(v->name, "until")) {
		jw_arr(&w, "nodes");
		jw_str(&w, NULL, with->argument ? with->argument : "");
		jw_end_arr(&w);
	}
	if (str_eq(v->name, "until_failure"))
		jw_bool(&w, "failure", true);
	if (v->of == OF_BREAKER)
		jw_str(&w, "force", v->field);
	else if (v->field && with->argument)
		jw_str(&w, v->field, with->argument);
	for (int i = 0; i < VERB_OPTION_COUNT; i++)
		if (with->options & OPTION_BIT(i))
			put_option(&w, &verb_option_rows[i]);
	if (str_eq(v->name, "decide")) {
		struct choice choice = read_choice(with->reason ? with->reason : "");
		jw_strn(&w, "choice", choice.word, (size_t)choice.len);
		if (choice.to_len)
			jw_strn(&w, "to", choice.to, (size_t)choice.to_len);
		if (*choice.reason)
			jw_str(&w, "reason", choice.reason);
	} else if (v->with_reason && with->reason) {
		jw_str(&w, "reason", with->reason);
	}
	jw_end_obj(&w);
}

static char *path_of(const struct verb_row *v, const char *id, const char *argument)
{
	auto_str encoded = STR_INIT, word = STR_INIT;
	client_add_encoded(&encoded, id);
	char *path = with_id(v->path, str_text(&encoded));
	char *at = strstr(path, "{arg}");
	if (!at)
		return path;
	client_add_encoded(&word, argument ? argument : "");
	char *whole = xasprintf("%.*s%s%s", (int)(at - path), path, str_text(&word), at + 5);
	free(path);
	return whole;
}

static void send_one(struct console *c, const struct verb_row *v, const char *id,
		     const struct verb_with *with)
{
	auto_str body = STR_INIT;
	auto_free char *path = path_of(v, id, with->argument);
	const char *method = v->method ? v->method : "POST";
	write_body(v, with, &body);
	struct change *ch = xcalloc(1, sizeof(*ch));
	*ch = (struct change){ c, v, xstrdup(id), with->value, old_priority(c, v, id), c->undoing };
	c->sending++;
	(void)client_send(c->client, method, path, str_eq(method, "POST") ? str_text(&body) : NULL,
			  on_answer, ch);
}

static void send_all(struct console *c, const struct verb_row *v, const char *const *ids, size_t n,
		     const struct verb_with *with)
{
	c->sent = c->refused = 0;
	for (size_t i = 0; i < n; i++) {
		auto_free char *why = verb_why_not(c, v, ids[i]);
		if (why) {
			c->refused++;
			free(c->refusal);
			c->refusal = TAKE(why);
			continue;
		}
		send_one(c, v, ids[i], with);
	}
	if (!c->sending)
		console_say(c, ROLE_ALARM, "%s", c->refusal ? c->refusal : _("nothing is selected"));
}

/* ---- asking ---- */

static char *describe(struct console *c, const struct verb_row *v, const char **ids, size_t n,
		      const char *argument)
{
	auto_str what = STR_INIT;
	const struct row *row = find(c, v, ids[0]);
	if (v->of == OF_BREAKER) {
		auto_free char *text = with_id(_(v->question), ids[0]);
		str_add(&what, text);
	} else if (v->of != OF_RUN && v->of != OF_ORDER) {
		str_add(&what, _(v->question));
	} else if (n > 1) {
		auto_free char *many = xasprintf(v->of == OF_RUN ? _("%zu runs") : _("%zu orders"), n);
		auto_free char *text = with_id(_(v->question), many);
		str_add(&what, text);
	} else {
		const char *name = !row		      ? "" :
				   v->of == OF_RUN ? ((const struct run_row *)row)->workflow :
						     ((const struct order_row *)row)->workflow;
		bool brief = v->typed || !name; /* room for what is to be typed */
		auto_free char *one = xasprintf("%s%s%s", ids[0], brief ? "" : " ", brief ? "" : name);
		auto_free char *text = with_id(_(v->question), one);
		str_add(&what, text);
		if (row && v->of == OF_RUN && !v->preview) {
			const struct run_row *r = (const struct run_row *)row;
			str_addf(&what, " (%s, %lld/%lld)", ui_state_name(row->state),
				 (long long)r->done, (long long)r->total);
		}
	}
	if (argument && v->of == OF_RUN) {
		bool checkpoint = v->field && str_eq(v->field, "checkpoint");
		auto_free char *from = with_id(checkpoint ? _(" to checkpoint %s") :
							    _(" from %s on, with all after it"),
					       argument);
		str_add(&what, from);
	}
	return str_take(&what);
}

/* ---- what it would do ---- */

static void add_preview(struct confirm *f, char *line)
{
	f->preview = xreallocarray(f->preview, f->npreview + 1, sizeof(*f->preview));
	f->preview[f->npreview++] = line;
}

static void add_names(struct str *s, const struct json *names, int64_t n, const char *what)
{
	int shown = 0;
	if (n < 1)
		return;
	str_addf(s, "  %lld %s", (long long)n, what);
	for (const struct json *e = json_first(names); e && shown < NAMES_SHOWN; e = json_next(e)) {
		auto_free char *name = safe_text(e);
		str_addf(s, "%s%s", shown++ ? ", " : ": ", name ? name : "?");
	}
	if (n > shown)
		str_add(s, " ...");
}

/* What becomes of the files of one workspace. */
static void read_files(struct confirm *f, const struct json *e)
{
	auto_str s = STR_INIT;
	auto_free char *stream = safe_text(json_get(e, "workstream"));
	auto_free char *why = safe_text(json_get(e, "why"));
	auto_free char *conflict = safe_text(json_get(e, "conflict"));
	const char *action = json_get_str(e, "action", "stays");
	str_addf(&s, _("  files    %s"), stream ? stream : "main");
	if (str_eq(action, "stays"))
		str_addf(&s, _("  stay as they are%s%s"), why ? ": " : "", why ? why : "");
	else if (str_eq(action, "make_again"))
		str_add(&s, _("  the workspace is made again"));
	else if (str_eq(action, "copy"))
		str_add(&s, _("  the workspace is copied"));
	const struct json *head = json_get(e, "head");
	if (json_type(head) == JSON_OBJECT)
		str_addf(&s, _("  branch to %.12s"), json_get_str(head, "to", "?"));
	add_names(&s, json_get(e, "written"), json_get_int(e, "nwritten", 0), _("written"));
	add_names(&s, json_get(e, "removed"), json_get_int(e, "nremoved", 0), _("removed"));
	add_names(&s, json_get(e, "modes"), json_get_int(e, "nmodes", 0), _("modes"));
	add_names(&s, json_get(e, "not_covered_names"), json_count(json_get(e, "not_covered_names")),
		  _("not covered"));
	add_preview(f, str_take(&s));
	if (conflict)
		add_preview(f, xasprintf(_("! it would be refused: %s"), conflict));
}

/* What the file of the definition says by now. */
static void read_definition(struct confirm *f, const struct json *d)
{
	static const struct {
		const char *key, *mark;
	} lists[] = { { "added", "+" }, { "removed", "-" }, { "nodes", "" } };
	auto_str s = STR_INIT;
	int shown = 0;
	if (!json_get_bool(d, "changed", false))
		return;
	str_add(&s, f->options & OPTION_BIT(OPTION_DEFINITION) ?
			    _("  the workflow's file as it is now") :
			    _("  the workflow's file was changed since; the run keeps its definition"));
	for (size_t i = 0; i < COUNT(lists); i++)
		for (const struct json *e = json_first(json_get(d, lists[i].key)); e && shown < NAMES_SHOWN; e = json_next(e)) {
			auto_free char *name = safe_text(e);
			str_addf(&s, "%s%s%s", shown++ ? ", " : ": ", lists[i].mark, name ? name : "?");
		}
	add_preview(f, str_take(&s));
	auto_free char *why = json_get_bool(d, "fits", true) ? NULL : safe_text(json_get(d, "why"));
	if (why)
		add_preview(f, xasprintf(_("! it does not fit: %s"), why));
}

/* What runs again or becomes stale, in the engine's order; what is kept is only counted. */
static void read_preview(struct confirm *f, const struct json *body)
{
	const struct json *counts = json_get(body, "counts"), *files = json_get(body, "files");
	auto_free char *workspace = safe_text(json_get(body, "workspace"));
	auto_str s = STR_INIT;
	str_addf(&s, _("%lld run again, %lld kept, %lld stale"),
		 (long long)(json_get_int(counts, "rerun", 0) + json_get_int(counts, "open", 0)),
		 (long long)json_get_int(counts, "kept", 0), (long long)json_get_int(counts, "stale", 0));
	if (json_get_int(counts, "ineligible", 0))
		str_addf(&s, _(", %lld cannot be kept"), (long long)json_get_int(counts, "ineligible", 0));
	if (workspace)
		str_addf(&s, _("; the workspace %s"), workspace);
	add_preview(f, str_take(&s));
	if (json_get_int(counts, "running", 0))
		add_preview(f, xasprintf(f->options & OPTION_BIT(OPTION_NOW) ? _("  %lld run now: they are stopped first") :
									       _("  %lld run now: they end first"),
					 (long long)json_get_int(counts, "running", 0)));
	read_definition(f, json_get(body, "definition"));
	for (const struct json *e = json_first(files); e && f->npreview < PREVIEW_MAX; e = json_next(e))
		read_files(f, e);
	for (const struct json *e = json_first(json_get(body, "items"));
	     e && f->npreview < PREVIEW_MAX; e = json_next(e)) {
		const char *verdict = json_get_str(e, "verdict", "");
		if (str_eq(verdict, "kept"))
			continue;
		auto_free char *node = safe_text(json_get(e, "node"));
		auto_free char *why = safe_text(json_get(e, "why"));
		add_preview(f, xasprintf("  %-8s %s  %s", verdict, node ? node : "?", why ? why : ""));
	}
}

static void on_preview(void *ctx, const struct client_reply *r)
{
	struct console *c = ctx;
	struct confirm *f = &c->confirm;
	f->preview_request = 0;
	f->preview_failed = r->code != ERR_OK;
	c->dirty = true;
	if (f->preview_failed)
		add_preview(f, xstrdup(r->err ? r->err->message : err_name(r->code)));
	else
		read_preview(f, r->body);
}

static void clear_preview(struct console *c)
{
	struct confirm *f = &c->confirm;
	if (f->preview_request)
		client_drop(c->client, f->preview_request);
	for (size_t i = 0; i < f->npreview; i++)
		free(f->preview[i]);
	free(f->preview);
	f->preview = NULL;
	f->npreview = f->preview_request = 0;
	f->preview_failed = false;
}

static void ask_preview(struct console *c)
{
	const struct confirm *f = &c->confirm;
	const struct verb_row *v = f->verb;
	const char *id = f->ids[0], *argument = f->argument;
	auto_str path = STR_INIT;
	str_add(&path, "/v1/runs/");
	client_add_encoded(&path, id);
	str_addf(&path, "/preview?verb=%s", v->name);
	if (argument) {
		str_add(&path, v->field && str_eq(v->field, "checkpoint") ? "&checkpoint=" : "&node=");
		client_add_encoded(&path, argument);
	}
	for (int i = 0; i < VERB_OPTION_COUNT; i++)
		if (f->options & OPTION_BIT(i))
			str_addf(&path, "&%s=%s", verb_option_rows[i].field,
				 verb_option_rows[i].value ? verb_option_rows[i].value : "1");
	c->confirm.preview_request =
		client_send(c->client, "GET", str_text(&path), NULL, on_preview, c);
}

void confirm_close(struct console *c)
{
	struct confirm *f = &c->confirm;
	clear_preview(c);
	for (size_t i = 0; i < f->nids; i++)
		free(f->ids[i]);
	free(f->ids);
	free(f->text);
	free(f->command);
	free(f->argument);
	free(f->reason);
	*f = (struct confirm){ 0 };
	c->dirty = true;
}

/* The command line and the preview, as the options are now. */
static void look_ahead(struct console *c)
{
	struct confirm *f = &c->confirm;
	const struct verb_with with = { f->value, f->argument, f->reason, f->options };
	auto_str command = STR_INIT;
	for (size_t i = 0; i < f->nids; i++) {
		if (i)
			str_add(&command, "; ");
		verb_add_command(f->verb, f->ids[i], &with, &command);
	}
	free(f->command);
	f->command = str_take(&command);
	clear_preview(c);
	if (f->verb->preview && f->nids == 1)
		ask_preview(c);
	c->dirty = true;
}

static void open_question(struct console *c, const struct verb_row *v, const char **ids, size_t n,
			  const struct verb_with *with)
{
	struct confirm *f = &c->confirm;
	f->open = true;
	f->verb = v;
	f->value = with->value;
	f->argument = with->argument ? xstrdup(with->argument) : NULL;
	f->reason = with->reason ? xstrdup(with->reason) : NULL;
	f->ids = xcalloc(n + 1, sizeof(*f->ids));
	f->options = with->options;
	for (size_t i = 0; i < n; i++)
		f->ids[f->nids++] = xstrdup(ids[i]);
	f->text = describe(c, v, ids, n, with->argument);
	look_ahead(c);
	/* What was typed before the question was there is no answer to it. */
	struct key_event ahead;
	while (screen_read(c->screen, &ahead))
		;
}

void verb_begin(struct console *c, const struct verb_row *v, const char **ids, size_t n,
		const struct verb_with *with)
{
	if (n == 1) {
		auto_free char *why = verb_why_not(c, v, ids[0]);
		if (why) {
			console_say(c, ROLE_ALARM, "%s", why);
			return;
		}
	}
	if (!v->question || c->undoing) {
		send_all(c, v, ids, n, with);
		return;
	}
	confirm_close(c);
	open_question(c, v, ids, n, with);
}

void verb_do(struct console *c, const char *name, const struct verb_with *with)
{
	auto_free const char **ids = NULL;
	size_t n = 0;
	const struct verb_row *v = verb_of_selection(c, name, &ids, &n);
	if (v && n)
		verb_begin(c, v, ids, n, with);
	else
		console_say(c, ROLE_DIM, _("nothing is selected"));
}

static void confirm_yes(struct console *c)
{
	struct confirm *f = &c->confirm;
	struct verb_with with = { f->value, f->argument, f->reason, f->options };
	send_all(c, f->verb, (const char *const *)f->ids, f->nids, &with);
	confirm_close(c);
}

/* The whole id, or at least its last four characters. */
static bool names_the_run(const struct confirm *f)
{
	size_t typed = strlen(f->typed), id = strlen(f->ids[0]);
	return typed >= MIN((size_t)4, id) && typed <= id && str_eq(f->ids[0] + id - typed, f->typed);
}

static void type_answer(struct console *c, int key)
{
	struct confirm *f = &c->confirm;
	size_t len = strlen(f->typed);
	c->dirty = true;
	if (key == K_ENTER && names_the_run(f)) {
		confirm_yes(c);
	} else if (key == K_ENTER) {
		f->typed[0] = '\0';
		console_say(c, ROLE_ALARM, _("that is not the end of %s"), f->ids[0]);
	} else if (key == K_BACKSPACE) {
		f->typed[len - (len > 0)] = '\0';
	} else if (key > ' ' && key < 0x7f && len + 1 < sizeof(f->typed)) {
		f->typed[len] = (char)key;
		f->typed[len + 1] = '\0';
	}
}

/* An option that the key switches, or the command line that it copies. */
static bool switch_option(struct console *c, int key)
{
	static const struct action copy = { .name = "copy-command", .value = 'C' };
	struct confirm *f = &c->confirm;
	for (int i = 0; i < VERB_OPTION_COUNT; i++) {
		if (key != verb_option_rows[i].key || !(f->verb->options & OPTION_BIT(i)))
			continue;
		f->options ^= OPTION_BIT(i);
		look_ahead(c);
		return true;
	}
	if (key != (f->verb->typed ? 'C' : 'c'))
		return false;
	act_copy(c, &copy, 0);
	return true;
}

void confirm_answer(struct console *c, int key)
{
	struct confirm *f = &c->confirm;
	if (switch_option(c, key))
		return;
	if (key == K_ESCAPE || key == K_CTRL('c') || (!f->verb->typed && (key == 'n' || key == 'q'))) {
		confirm_close(c);
		console_say(c, ROLE_DIM, _("nothing was changed"));
	} else if (f->verb->typed) {
		type_answer(c, key);
	} else if (key == 'y') {
		confirm_yes(c);
	}
}

/* ---- what is selected ---- */

const struct verb_row *verb_of_selection(struct console *c, const char *name, const char ***ret_ids,
					 size_t *ret_n)
{
	const struct verb_row *v = NULL;
	*ret_ids = NULL;
	*ret_n = 0;
	if ((v = verb_find(OF_QUEUE, name)) || (v = verb_find(OF_ENGINE, name))) {
		*ret_ids = xcalloc(2, sizeof(**ret_ids));
		(*ret_ids)[(*ret_n)++] = "";
		return v;
	}
	if (c->view == PANE_QUEUE) {
		*ret_ids = list_targets(&c->list[PANE_QUEUE], ret_n);
		return verb_find(OF_ORDER, name);
	}
	if (c->view == PANE_RUNS) {
		*ret_ids = list_targets(&c->list[PANE_RUNS], ret_n);
		return verb_find(OF_RUN, name);
	}
	if ((v = verb_find(OF_BREAKER, name))) {
		*ret_ids = list_targets(&c->list[PANE_BREAKERS], ret_n);
		return v;
	}
	if (c->view == PANE_APPROVALS) {
		const struct approval_row *asked = (const struct approval_row *)list_selected(&c->list[PANE_APPROVALS]);
		*ret_ids = xcalloc(2, sizeof(**ret_ids));
		if (asked && asked->run)
			(*ret_ids)[(*ret_n)++] = asked->run;
		return verb_find(OF_RUN, name);
	}
	*ret_ids = xcalloc(2, sizeof(**ret_ids));
	if (c->model.run)
		(*ret_ids)[(*ret_n)++] = c->model.run;
	return verb_find(OF_RUN, name);
}
