/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What waits for a person: questions of approval nodes and loops, and the circuit breakers that hold nodes back. */
#include "tui/panes.h"

#include "base/utf8.h"
#include "tui/action.h"
#include "tui/verb.h"

#include <string.h>

/* ---- approvals ---- */

#define ASKS(row) ((const struct approval_row *)(row))

static void ask_run(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)c, (void)role;
	str_add(out, ASKS(row)->run ? ASKS(row)->run : "?");
}

static void ask_node(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)c, (void)role;
	str_add(out, ASKS(row)->node ? ASKS(row)->node : "?");
}

static void ask_waited(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)role;
	add_took(out, MAX(c->now_ms - ASKS(row)->asked_at_ms, (int64_t)0) / 5000 * 5000);
}

static void ask_left(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	int64_t left = ASKS(row)->deadline_at_ms - c->now_ms;
	if (!ASKS(row)->deadline_at_ms)
		return;
	if (left < 600000)
		*role = ROLE_RETRY;
	add_took(out, MAX(left, (int64_t)0) / 5000 * 5000);
}

static void ask_choices(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)c;
	*role = ROLE_DIM;
	str_add(out, ASKS(row)->choices);
}

static void ask_question(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)c, (void)role;
	str_add(out, ASKS(row)->question ? ASKS(row)->question : "");
}

/* clang-format off */
static const struct column approval_columns[] = {
	{ N_("run"),      11, .text = ask_run },
	{ N_("node"),      8, .share = 1, .text = ask_node },
	{ N_("waited"),    6, .right = true, .from_width = 56, .text = ask_waited },
	{ N_("left"),      6, .right = true, .from_width = 64, .text = ask_left },
	{ N_("question"), 20, .share = 4, .text = ask_question },
	{ N_("choices"),  16, .share = 1, .from_width = 100, .text = ask_choices },
};
/* clang-format on */
const struct list_ops approvals_list = { approval_columns, COUNT(approval_columns) };

static void approvals_draw(struct console *c, struct rect r, bool focused)
{
	/* Below the list: the whole of the question, and what can be answered. */
	const struct approval_row *asked = ASKS(list_selected(&c->list[PANE_APPROVALS]));
	int below = asked && r.rows >= 12 ? 8 : 0, row = r.row + r.rows - below;
	r.rows -= below;
	draw_list(c, PANE_APPROVALS, r, focused, TOPIC_APPROVALS, "", _("nothing waits for a person"));
	const char *text = asked && asked->question ? asked->question : "";
	for (int i = 0; below && *text && i < 4; i++) {
		size_t n = text_fit(text, strlen(text), (size_t)MAX(r.columns - 2, 8));
		(void)cells_put(c->cells, row++, r.column + 1, r.columns - 1, ROLE_TEXT, text, MAX(n, (size_t)1));
		text += MAX(n, (size_t)1);
	}
	if (!below)
		return;
	(void)cells_putf(c->cells, row++, r.column + 1, r.columns - 1, ROLE_DIM, _("choices: %s"), asked->choices);
	if (*asked->targets)
		(void)cells_putf(c->cells, row++, r.column + 1, r.columns - 1, ROLE_DIM, _("redirect to: %s"), asked->targets);
	if (asked->on_timeout)
		(void)cells_putf(c->cells, row, r.column + 1, r.columns - 1, ROLE_DIM, _("when nobody answers: %s"),
				 asked->on_timeout);
}

const struct approval_row *approval_selected(const struct console *c)
{
	if (c->view == PANE_APPROVALS)
		return ASKS(list_selected(&c->list[PANE_APPROVALS]));
	const struct rows *all = &c->model.approvals;
	const char *node = console_node(c);
	const struct approval_row *found = NULL;
	for (size_t i = 0; c->model.run && i < all->n; i++) {
		const struct approval_row *a = ASKS(all->v[i]);
		if (!a->run || !a->node || !str_eq(a->run, c->model.run))
			continue;
		if (node && str_eq(a->node, node))
			return a;
		found = found ? found : a;
	}
	return found;
}

void act_answer(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	const struct approval_row *asked = approval_selected(c);
	if (!asked && c->view != PANE_APPROVALS && c->model.approvals.n) {
		console_view(c, PANE_APPROVALS);
		return;
	}
	if (!asked) {
		console_say(c, ROLE_DIM, _("nothing waits for a person"));
		return;
	}
	if (c->view != PANE_APPROVALS)
		(void)list_go_id(&c->list[PANE_APPROVALS], asked->row.id);
	prompt_open(&c->prompt, (enum prompt_kind)a->value, NULL);
	c->prompt.about = xstrdup(asked->node);
	c->dirty = true;
}

static void approvals_enter(struct console *c)
{
	static const struct action answer = { .value = PROMPT_DECIDE };
	if (c->read_only)
		console_say(c, ROLE_ALARM, _("the console is read-only"));
	else
		act_answer(c, &answer, 0);
}

/* Tab: the next choice that there is; what was typed behind it stays away. */
void approval_complete(struct console *c)
{
	const struct approval_row *asked = approval_selected(c);
	const char *words = asked ? asked->choices : "";
	size_t typed = strcspn(c->prompt.text, " ");
	const char *next = NULL;
	for (const char *p = words; *p && !next;) {
		size_t n = strcspn(p, " ");
		bool this = n == typed && strncmp(p, c->prompt.text, n) == 0;
		p += n + (p[n] == ' ');
		if (this)
			next = *p ? p : words;
	}
	for (const char *p = words; *p && !next; p += strcspn(p, " "), p += *p == ' ')
		if (typed && strncmp(p, c->prompt.text, typed) == 0)
			next = p;
	next = next ? next : words;
	auto_free char *word = xstrndup(next, strcspn(next, " "));
	bool there = asked && str_eq(word, "redirect") && *asked->targets;
	auto_free char *text = there ? xasprintf("%s %.*s ", word, (int)strcspn(asked->targets, " "), asked->targets) :
				       xasprintf("%s ", word);
	auto_free char *about = c->prompt.about ? xstrdup(c->prompt.about) : NULL;
	prompt_open(&c->prompt, c->prompt.kind, text);
	c->prompt.about = TAKE(about);
}

const struct pane_ops pane_approvals = {
	.name = "approvals",
	.title = N_("QUESTIONS"),
	.draw = approvals_draw,
	.enter = approvals_enter,
	.parent = PANE_RUNS,
};

/* ---- breakers ---- */

#define BREAKER(row) ((const struct breaker_row *)(row))

static void breaker_name(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)c, (void)role;
	str_add(out, row->id);
}

static void breaker_word(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	static const struct { const char *name, *word; } words[] = {
		{ "closed", N_("closed") }, { "open", N_("OPEN") }, { "half_open", N_("probing") },
		{ "forced_open", N_("FORCED OPEN") }, { "forced_closed", N_("forced closed") },
	};
	const char *word = BREAKER(row)->word;
	(void)c;
	*role = state_role(row->state);
	for (size_t i = 0; word && i < COUNT(words); i++)
		if (str_eq(words[i].name, word))
			str_add(out, _(words[i].word));
}

static void breaker_failures(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)c, (void)role;
	str_add_i64(out, BREAKER(row)->failures);
}

static void breaker_until(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)role;
	if (BREAKER(row)->until_ms)
		add_when(out, BREAKER(row)->until_ms, c->now_ms);
}

static void breaker_waiting(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)c;
	if (BREAKER(row)->waiting)
		*role = ROLE_RETRY;
	str_add_i64(out, BREAKER(row)->waiting);
}

static void breaker_why(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)c;
	*role = ROLE_DIM;
	if (BREAKER(row)->reason && *BREAKER(row)->reason)
		str_addf(out, "%s%s%s", BREAKER(row)->who ? BREAKER(row)->who : "", BREAKER(row)->who ? ": " : "",
			 BREAKER(row)->reason);
}

/* clang-format off */
static const struct column breaker_columns[] = {
	{ N_("breaker"),  16, .share = 2, .text = breaker_name },
	{ N_("state"),    13, .text = breaker_word },
	{ N_("failures"),  8, .right = true, .from_width = 56, .text = breaker_failures },
	{ N_("until"),     9, .right = true, .text = breaker_until },
	{ N_("nodes"),     5, .right = true, .text = breaker_waiting },
	{ N_("why"),       8, .share = 3, .text = breaker_why },
};
/* clang-format on */
const struct list_ops breakers_list = { breaker_columns, COUNT(breaker_columns) };

static void breakers_draw(struct console *c, struct rect r, bool focused)
{
	draw_list(c, PANE_BREAKERS, r, focused, TOPIC_BREAKERS, "",
		  _("no agent program and no provider was called yet"));
}

void act_breaker(struct console *c, const struct action *a, int letter)
{
	(void)letter;
	const struct row *row = list_selected(&c->list[PANE_BREAKERS]);
	if (!row) {
		console_say(c, ROLE_DIM, _("nothing is selected"));
		return;
	}
	if (a->value == PROMPT_NONE) {
		verb_do(c, a->verb, &(struct verb_with){ 0 });
		return;
	}
	prompt_open(&c->prompt, (enum prompt_kind)a->value, NULL);
	c->prompt.about = xstrdup(row->id);
	c->dirty = true;
}

const struct pane_ops pane_breakers = {
	.name = "breakers",
	.title = N_("BREAKERS"),
	.draw = breakers_draw,
	.parent = PANE_ITERATIONS,
};
