/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lists of the main screen: queue and runs. Each is a table of columns, a title and what
 * Enter does. */
#include "tui/panes.h"

#include <string.h>

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

static void add_number(struct str *out, int64_t n)
{
	if (n < 0)
		str_add_char(out, '-');
	else
		str_add_i64(out, n);
}

/* ---- queue ---- */

#define ORDER(row) ((const struct order_row *)(row))

static void order_position(const struct row *row, const struct list_context *c, struct str *out,
			   enum role *role)
{
	(void)c, (void)role;
	add_number(out, ORDER(row)->position);
}

static void order_id(const struct row *row, const struct list_context *c, struct str *out,
		     enum role *role)
{
	(void)c, (void)role;
	str_add(out, row->id);
}

static void order_workflow(const struct row *row, const struct list_context *c, struct str *out,
			   enum role *role)
{
	(void)c, (void)role;
	str_add(out, ORDER(row)->workflow ? ORDER(row)->workflow : "?");
}

static void order_priority(const struct row *row, const struct list_context *c, struct str *out,
			   enum role *role)
{
	(void)c, (void)role;
	str_add_i64(out, ORDER(row)->priority);
}

static void order_waited(const struct row *row, const struct list_context *c, struct str *out,
			 enum role *role)
{
	(void)role;
	if (!ORDER(row)->enqueued_at_ms)
		return;
	int64_t ms = MAX(c->now_ms - ORDER(row)->enqueued_at_ms, (int64_t)0);
	add_took(out, ms / 5000 * 5000);
}

static void order_estimate(const struct row *row, const struct list_context *c, struct str *out,
			   enum role *role)
{
	(void)c, (void)role;
	add_took(out, ORDER(row)->estimate_ms);
}

static void order_reason(const struct row *row, const struct list_context *c, struct str *out,
			 enum role *role)
{
	(void)c;
	*role = ROLE_DIM;
	if (ORDER(row)->reason)
		str_add(out, ORDER(row)->reason);
}

static int order_by_position(const struct row *a, const struct row *b)
{
	return cmp_int(ORDER(a)->position, ORDER(b)->position);
}

static int order_by_workflow(const struct row *a, const struct row *b)
{
	return cmp_text(ORDER(a)->workflow, ORDER(b)->workflow);
}

static int order_by_priority(const struct row *a, const struct row *b)
{
	return cmp_int(ORDER(b)->priority, ORDER(a)->priority);
}

static int order_by_waited(const struct row *a, const struct row *b)
{
	return cmp_int(ORDER(a)->enqueued_at_ms, ORDER(b)->enqueued_at_ms);
}

/* clang-format off */
static const struct column queue_columns[] = {
	{ N_("#"),        3, .right = true, .text = order_position, .compare = order_by_position },
	{ N_("order"),   11, .from_width = 56, .text = order_id },
	{ N_("workflow"), 8, .share = 1, .text = order_workflow, .compare = order_by_workflow },
	{ N_("state"),    6, .from_width = 36, .text = state_text, .compare = state_compare },
	{ N_("waited"),   6, .right = true, .text = order_waited, .compare = order_by_waited },
	{ N_("starts"),   6, .right = true, .from_width = 44, .text = order_estimate },
	{ N_("prio"),     4, .right = true, .from_width = 64, .text = order_priority, .compare = order_by_priority },
	{ N_("why"),     10, .share = 1, .from_width = 72, .text = order_reason },
};
/* clang-format on */
const struct list_ops queue_list = { queue_columns, COUNT(queue_columns) };

static void add_queue(struct console *c, struct str *s)
{
	const struct engine_info *e = &c->model.engine;
	str_addf(s, _("%lld waiting"), (long long)e->queue_waiting);
	if (e->queue_held)
		str_addf(s, _("  %lld held"), (long long)e->queue_held);
	if (e->queue_paused)
		str_addf(s, "  %s", _("PAUSED"));
	if (e->oldest_wait_ms > 0) {
		str_add(s, _("  oldest "));
		add_took(s, e->oldest_wait_ms / 5000 * 5000);
	}
}

void draw_list(struct console *c, enum pane pane, struct rect r, bool focused,
		      enum topic topic, const char *left, const char *nothing)
{
	struct list *l = &c->list[pane];
	struct rect rows = { r.row + 1, r.column, r.rows - 1, r.columns };
	struct list_context context = list_context(c, r.columns);
	auto_str right = STR_INIT;
	if (l->marks.n)
		str_addf(&right, _("%zu marked  "), l->marks.n);
	/* Draw first: it decides which rows are in sight. */
	if (l->n)
		list_draw(l, c->cells, rows, focused, true, &context);
	else
		draw_empty(c, rows, topic, l->filter ? _("no row matches the filter") : nothing);
	if (l->new_above)
		str_addf(&right, _("%zu new above  "), l->new_above);
	add_range(&right, l, rows.rows - 1, l->rows->total);
	auto_str shown = STR_INIT;
	if (l->filter)
		str_addf(&shown, "/%s  ", l->filter);
	str_add(&shown, left);
	draw_title(c, r, focused, pane < PANES_MAIN ? (int)pane + 1 : 0, _(pane_ops(pane)->title), str_text(&shown),
		   str_text(&right));
}

static void queue_draw(struct console *c, struct rect r, bool focused)
{
	auto_str left = STR_INIT;
	add_queue(c, &left);
	draw_list(c, PANE_QUEUE, r, focused, TOPIC_ORDERS, str_text(&left), _("nothing waits"));
}

static void queue_summary(struct console *c, struct rect r)
{
	auto_str left = STR_INIT;
	add_queue(c, &left);
	const struct order_row *o = (const struct order_row *)list_selected(&c->list[PANE_QUEUE]);
	if (o)
		str_addf(&left, _("   next %s %s"), o->row.id, o->workflow ? o->workflow : "");
	draw_title(c, r, false, 1, _(pane_queue.title), str_text(&left), NULL);
}

const struct pane_ops pane_queue = {
	.name = "queue",
	.title = N_("QUEUE"),
	.draw = queue_draw,
	.summary = queue_summary,
	.parent = PANE_QUEUE,
};

/* ---- runs ---- */

#define RUN(row) ((const struct run_row *)(row))

static void run_id(const struct row *row, const struct list_context *c, struct str *out,
		   enum role *role)
{
	(void)c;
	if (row->state == STATE_FAILED && !RUN(row)->acknowledged)
		*role = ROLE_NEW;
	str_add(out, row->id);
}

static void run_workflow(const struct row *row, const struct list_context *c, struct str *out,
			 enum role *role)
{
	(void)c, (void)role;
	str_add(out, RUN(row)->workflow ? RUN(row)->workflow : "?");
}

static void run_progress(const struct row *row, const struct list_context *c, struct str *out,
			 enum role *role)
{
	(void)c, (void)role;
	str_addf(out, "%lld/%lld", (long long)RUN(row)->done, (long long)RUN(row)->total);
}

static void run_started(const struct row *row, const struct list_context *c, struct str *out,
			enum role *role)
{
	(void)role;
	add_when(out, RUN(row)->started_at_ms, c->now_ms);
}

static void run_took(const struct row *row, const struct list_context *c, struct str *out,
		     enum role *role)
{
	(void)role;
	const struct run_row *r = RUN(row);
	if (!r->started_at_ms)
		str_add_char(out, '-');
	else if (r->ended_at_ms || r->duration_ms < 0)
		add_took(out, r->duration_ms);
	else
		add_took(out, MAX(c->now_ms - r->started_at_ms, (int64_t)0) / 5000 * 5000);
}

static void run_eta(const struct row *row, const struct list_context *c, struct str *out,
		    enum role *role)
{
	(void)c, (void)role;
	if (!RUN(row)->ended_at_ms && RUN(row)->eta_ms >= 0)
		add_took(out, RUN(row)->eta_ms / 5000 * 5000);
}

static void run_node(const struct row *row, const struct list_context *c, struct str *out,
		     enum role *role)
{
	(void)c;
	const struct run_row *r = RUN(row);
	*role = r->failure.node && row->state == STATE_FAILED ? ROLE_FAILED : ROLE_DIM;
	if (r->failure.node && row->state == STATE_FAILED)
		str_add(out, r->failure.node);
	else if (r->current)
		str_add(out, r->current);
	else if (r->reason)
		str_add(out, r->reason);
}

static int run_by_workflow(const struct row *a, const struct row *b)
{
	return cmp_text(RUN(a)->workflow, RUN(b)->workflow);
}

static int run_by_started(const struct row *a, const struct row *b)
{
	return cmp_int(RUN(b)->started_at_ms, RUN(a)->started_at_ms);
}

static int run_by_took(const struct row *a, const struct row *b)
{
	return cmp_int(RUN(b)->duration_ms, RUN(a)->duration_ms);
}

/* clang-format off */
static const struct column run_columns[] = {
	{ N_("run"),     11, .text = run_id },
	{ N_("name"),     8, .share = 2, .text = run_workflow, .compare = run_by_workflow },
	{ N_("state"),    6, .text = state_text, .compare = state_compare },
	{ N_("done"),     5, .right = true, .text = run_progress },
	{ N_("started"),  9, .right = true, .from_width = 70, .text = run_started, .compare = run_by_started },
	{ N_("took"),     6, .right = true, .from_width = 43, .text = run_took, .compare = run_by_took },
	{ N_("left"),     6, .right = true, .from_width = 78, .text = run_eta },
	{ N_("node"),     7, .share = 1, .from_width = 56, .text = run_node },
};
/* clang-format on */
const struct list_ops runs_list = { run_columns, COUNT(run_columns) };

static void runs_draw(struct console *c, struct rect r, bool focused)
{
	auto_str left = STR_INIT;
	if (c->model.runs_state)
		str_addf(&left, "%s  ", c->model.runs_state);
	if (c->model.runs_text)
		str_addf(&left, "/%s  ", c->model.runs_text);
	if (!left.len && !c->list[PANE_RUNS].filter)
		str_add(&left, _("all"));
	draw_list(c, PANE_RUNS, r, focused, TOPIC_RUNS, str_text(&left),
		  _("no runs yet; A submits a workflow"));
}

static void runs_summary(struct console *c, struct rect r)
{
	auto_str left = STR_INIT;
	const struct engine_info *e = &c->model.engine;
	const struct run_row *run = console_run(c);
	if (run) {
		str_addf(&left, "%s %s %s %lld/%lld %s", run->row.id,
			 run->workflow ? run->workflow : "", state_word(run->row.state),
			 (long long)run->done, (long long)run->total,
			 run->failure.node ? run->failure.node : run->current ? run->current : "");
	}
	str_addf(&left, _("   %lld run %lld fail %lld pause"), (long long)e->runs[STATE_RUNNING],
		 (long long)e->runs[STATE_FAILED], (long long)e->runs[STATE_PAUSED]);
	draw_title(c, r, false, 2, _(pane_runs.title), str_text(&left), NULL);
}

static void runs_enter(struct console *c)
{
	console_selected(c, PANE_RUNS);
	console_focus(c, PANE_ITERATIONS);
}

static void runs_leave(struct console *c)
{
	console_focus(c, PANE_QUEUE);
}

const struct pane_ops pane_runs = {
	.name = "runs",
	.title = N_("RUNS"),
	.draw = runs_draw,
	.summary = runs_summary,
	.enter = runs_enter,
	.leave = runs_leave,
	.parent = PANE_QUEUE,
};
