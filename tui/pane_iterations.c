/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The iterations of a run. Where nodes do work that is checked and done again, the columns are others: what an
 * iteration came to matters more than how often it was tried. */
#include "tui/panes.h"

#include <string.h>

#define IT(row) ((const struct iteration_row *)(row))

static int cmp_int(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int cmp_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static void state_text(const struct row *row, const struct list_context *c, struct str *out,
		       enum role *role)
{
	(void)c;
	str_add(out, state_word(row->state));
	*role = state_role(row->state);
}

static int state_compare(const struct row *a, const struct row *b)
{
	return (int)b->state - (int)a->state;
}

static void it_number(const struct row *row, const struct list_context *c, struct str *out,
		      enum role *role)
{
	(void)c;
	if (IT(row)->superseded)
		*role = ROLE_DIM;
	str_add_i64(out, IT(row)->iteration);
}

static void it_node(const struct row *row, const struct list_context *c, struct str *out,
		    enum role *role)
{
	(void)c;
	if (IT(row)->superseded)
		*role = ROLE_DIM;
	str_add(out, IT(row)->node ? IT(row)->node : "?");
}

static void it_tries(const struct row *row, const struct list_context *c, struct str *out,
		     enum role *role)
{
	(void)c, (void)role;
	str_addf(out, "%lld/%lld", (long long)IT(row)->tries, (long long)IT(row)->max_attempts);
}

static void it_took(const struct row *row, const struct list_context *c, struct str *out,
		    enum role *role)
{
	(void)role;
	const struct iteration_row *r = IT(row);
	if (r->round && r->round_started_ms)
		add_took(out, r->round_ended_ms ? r->round_ended_ms - r->round_started_ms :
						  MAX(c->now_ms - r->round_started_ms, (int64_t)0) / 5000 * 5000);
	else if (r->ended_at_ms || !r->started_at_ms)
		add_took(out, r->duration_ms);
	else
		add_took(out, MAX(c->now_ms - r->started_at_ms, (int64_t)0) / 5000 * 5000);
}

static void it_ended(const struct row *row, const struct list_context *c, struct str *out,
		     enum role *role)
{
	(void)role;
	if (IT(row)->ended_at_ms)
		add_when(out, IT(row)->ended_at_ms, c->now_ms);
	else if (IT(row)->next_at_ms)
		str_add(out, _("backoff"));
}

static void it_why(const struct row *row, const struct list_context *c, struct str *out,
		   enum role *role)
{
	(void)c;
	const struct iteration_row *r = IT(row);
	*role = row->state == STATE_FAILED || row->state == STATE_TIMED_OUT ? ROLE_TEXT : ROLE_DIM;
	if (r->superseded)
		str_add(out, _("superseded "));
	if (!r->round && r->exit_code > 0 && (!r->why || str_starts(r->why, "exit code ")))
		str_addf(out, _("exit %lld"), (long long)r->exit_code);
	else if (r->why)
		str_add(out, r->why);
}

static void it_log(const struct row *row, const struct list_context *c, struct str *out,
		   enum role *role)
{
	(void)c, (void)role;
	if (IT(row)->ended_at_ms || IT(row)->log_lines) /* while it runs nobody counts them */
		str_add_i64(out, IT(row)->log_lines);
}

static int it_by_node(const struct row *a, const struct row *b)
{
	return cmp_text(IT(a)->node, IT(b)->node);
}

static int it_by_took(const struct row *a, const struct row *b)
{
	return cmp_int(IT(b)->duration_ms, IT(a)->duration_ms);
}

static int it_by_log(const struct row *a, const struct row *b)
{
	return cmp_int(IT(b)->log_lines, IT(a)->log_lines);
}

/* clang-format off */
static const struct column iteration_columns[] = {
	{ N_("it"),     3, .right = true, .text = it_number },
	{ N_("node"),   9, .share = 3, .text = it_node, .compare = it_by_node },
	{ N_("state"),  6, .text = state_text, .compare = state_compare },
	{ N_("try"),    3, .text = it_tries },
	{ N_("took"),   6, .right = true, .text = it_took, .compare = it_by_took },
	{ N_("ended"),  9, .right = true, .from_width = 62, .text = it_ended },
	{ N_("lines"),  7, .right = true, .from_width = 84, .text = it_log, .compare = it_by_log },
	{ N_("why"),    5, .share = 4, .text = it_why },
};
/* clang-format on */
const struct list_ops iterations_list = { iteration_columns, COUNT(iteration_columns) };

/* ---- iterations that were checked ---- */

static const char *phase_word(const struct iteration_row *r)
{
	static const struct { const char *name, *word; } words[] = {
		{ "work", N_("work") }, { "verify", N_("verify") }, { "strategy", N_("decide") },
	};
	for (size_t i = 0; r->phase && i < COUNT(words); i++)
		if (str_eq(words[i].name, r->phase))
			return _(words[i].word);
	return r->phase ? r->phase : "";
}

static void it_phase(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)c;
	*role = IT(row)->round_ended_ms ? ROLE_DIM : ROLE_TEXT;
	if (IT(row)->round)
		str_add(out, phase_word(IT(row)));
}

/* What was decided after it; before that, in which part of it it is. */
static void it_decision(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	static const struct { const char *name, *word; enum role role; } words[] = {
		{ "continue", N_("continue"), ROLE_TEXT }, { "retry", N_("retry"), ROLE_RETRY },
		{ "escalate", N_("ask"), ROLE_RETRY },     { "stop", N_("stop"), ROLE_FAILED },
	};
	const struct iteration_row *r = IT(row);
	(void)c;
	if (!r->round)
		return;
	if (!r->decision) {
		str_add(out, phase_word(r));
		*role = ROLE_RUNNING;
		return;
	}
	if (r->final && str_eq(r->final, "passed")) {
		str_add(out, _("passed"));
		*role = ROLE_OK;
		return;
	}
	for (size_t i = 0; i < COUNT(words); i++) {
		if (!str_eq(words[i].name, r->decision))
			continue;
		str_add(out, _(words[i].word));
		*role = words[i].role;
		return;
	}
	str_add(out, r->decision);
}

static void it_tokens(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)c, (void)role;
	if (IT(row)->round)
		add_count(out, IT(row)->tokens);
}

static void it_cost(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)c, (void)role;
	if (IT(row)->round)
		add_cost(out, IT(row)->cost_micro_usd);
}

static void it_class(const struct row *row, const struct list_context *c, struct str *out, enum role *role)
{
	(void)c;
	*role = state_role(row->state);
	if (IT(row)->class)
		str_add(out, IT(row)->class);
}

static int it_by_tokens(const struct row *a, const struct row *b)
{
	return cmp_int(IT(b)->tokens, IT(a)->tokens);
}

static int it_by_cost(const struct row *a, const struct row *b)
{
	return cmp_int(IT(b)->cost_micro_usd, IT(a)->cost_micro_usd);
}

static int it_by_class(const struct row *a, const struct row *b)
{
	return cmp_text(IT(a)->class, IT(b)->class);
}

/* What falls out first where it is narrow: when it ended, its phase (the decision says it while it runs), its class
 * (which `why` begins to tell), its cost, its tokens. */
/* clang-format off */
static const struct column round_columns[] = {
	{ N_("it"),      3, .right = true, .text = it_number },
	{ N_("node"),    8, .share = 2, .text = it_node, .compare = it_by_node },
	{ N_("state"),   6, .text = state_text, .compare = state_compare },
	{ N_("phase"),   6, .from_width = 104, .text = it_phase },
	{ N_("then"),    8, .text = it_decision },
	{ N_("took"),    6, .right = true, .text = it_took, .compare = it_by_took },
	{ N_("tokens"),  6, .right = true, .from_width = 56, .text = it_tokens, .compare = it_by_tokens },
	{ N_("cost"),    8, .right = true, .from_width = 66, .text = it_cost, .compare = it_by_cost },
	{ N_("ended"),   9, .right = true, .from_width = 112, .text = it_ended },
	{ N_("class"),  16, .from_width = 90, .text = it_class, .compare = it_by_class },
	{ N_("why"),     4, .share = 5, .text = it_why },
};
/* clang-format on */
static const struct list_ops rounds_list = { round_columns, COUNT(round_columns) };

/* The columns that suit what the run has. */
void iterations_fit(struct console *c)
{
	struct list *l = &c->list[PANE_ITERATIONS];
	bool any = false;
	for (size_t i = 0; i < c->model.iterations.n && !any; i++)
		any = IT(c->model.iterations.v[i])->round;
	const struct list_ops *ops = any ? &rounds_list : &iterations_list;
	if (l->ops == ops)
		return;
	l->ops = ops;
	l->sort_column = -1;
	l->reverse = false;
	l->hidden = 0;
}

static void iterations_draw(struct console *c, struct rect r, bool focused)
{
	auto_str left = STR_INIT;
	const struct run_row *run = model_run(&c->model, c->shown_run);
	if (c->shown_run)
		str_addf(&left, _("run %s %s"), c->shown_run, run && run->workflow ? run->workflow : "");
	draw_list(c, PANE_ITERATIONS, r, focused, TOPIC_ITERATIONS, str_text(&left),
		  c->model.run ? _("no node has started yet") : _("no run is selected"));
}

static void add_summary(const struct iteration_row *it, struct str *s)
{
	str_addf(s, _("it %lld %s %s"), (long long)it->iteration, it->node ? it->node : "?", state_word(it->row.state));
	if (it->round && it->decision)
		str_addf(s, "  %s", it->decision);
	else if (it->round)
		str_addf(s, "  %s", phase_word(it));
	else
		str_addf(s, _("  try %lld/%lld"), (long long)it->tries, (long long)it->max_attempts);
	str_addf(s, "  %s", it->why ? it->why : "");
}

static void iterations_summary(struct console *c, struct rect r)
{
	auto_str left = STR_INIT;
	const struct iteration_row *it = console_iteration(c);
	if (it)
		add_summary(it, &left);
	draw_title(c, r, false, 3, _(pane_iterations.title), str_text(&left), NULL);
}

/* A node that is a sub-workflow has no log of its own: it leads to its run. */
static void iterations_enter(struct console *c)
{
	const struct iteration_row *it = console_iteration(c);
	const struct node_row *node =
		it ? (const struct node_row *)rows_find(&c->model.nodes, it->node) : NULL;
	if (node && node->child) {
		console_go_run(c, node->child, false);
		return;
	}
	console_selected(c, PANE_ITERATIONS);
	console_focus(c, PANE_LOG);
}

static void iterations_leave(struct console *c)
{
	console_focus(c, PANE_RUNS);
}

const struct pane_ops pane_iterations = {
	.name = "iterations",
	.title = N_("ITERATIONS"),
	.draw = iterations_draw,
	.summary = iterations_summary,
	.enter = iterations_enter,
	.leave = iterations_leave,
	.parent = PANE_RUNS,
};
