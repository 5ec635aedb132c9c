/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checkpoints of a run, newest first: the places that it can be sent back to. */
#include "tui/panes.h"

#include "tui/action.h"
#include "tui/verb.h"

#define CHECKPOINT(row) ((const struct checkpoint_row *)(row))

static void checkpoint_number(const struct row *row, const struct list_context *c, struct str *out,
			      enum role *role)
{
	(void)c, (void)role;
	str_add_i64(out, CHECKPOINT(row)->number);
}

static void checkpoint_node(const struct row *row, const struct list_context *c, struct str *out,
			    enum role *role)
{
	(void)c;
	if (!CHECKPOINT(row)->stands)
		*role = ROLE_DIM;
	str_add(out, CHECKPOINT(row)->name ? CHECKPOINT(row)->name : "?");
}

static void checkpoint_when(const struct row *row, const struct list_context *c, struct str *out,
			    enum role *role)
{
	(void)role;
	add_when(out, CHECKPOINT(row)->at_ms, c->now_ms);
}

static void checkpoint_generation(const struct row *row, const struct list_context *c, struct str *out,
				  enum role *role)
{
	(void)c, (void)role;
	str_add_i64(out, CHECKPOINT(row)->generation);
}

static void checkpoint_stream(const struct row *row, const struct list_context *c, struct str *out,
			      enum role *role)
{
	(void)c, (void)role;
	if (CHECKPOINT(row)->stream)
		str_add(out, CHECKPOINT(row)->stream);
}

static void checkpoint_files(const struct row *row, const struct list_context *c, struct str *out,
			     enum role *role)
{
	(void)c;
	const struct checkpoint_row *p = CHECKPOINT(row);
	*role = ROLE_OK;
	if (!p->stands) {
		*role = ROLE_DIM;
		str_add(out, _("ran again since"));
	} else if (p->files && str_eq(p->files, "not_kept")) {
		*role = ROLE_RETRY;
		str_addf(out, _("not kept: %s"), p->why_not ? p->why_not : "?");
	} else if (p->files && str_eq(p->files, "empty")) {
		*role = ROLE_DIM;
		str_add(out, _("none"));
	} else {
		str_add(out, _("kept"));
		if (p->not_covered)
			str_addf(out, _(", %lld not covered"), (long long)p->not_covered);
	}
}

/* clang-format off */
static const struct column checkpoint_columns[] = {
	{ N_("#"),      4, .right = true, .text = checkpoint_number },
	{ N_("after"), 12, .share = 2, .text = checkpoint_node },
	{ N_("when"),   9, .right = true, .text = checkpoint_when },
	{ N_("gen"),    3, .right = true, .from_width = 60, .text = checkpoint_generation },
	{ N_("stream"), 8, .from_width = 90, .text = checkpoint_stream },
	{ N_("files"), 10, .share = 3, .text = checkpoint_files },
};
/* clang-format on */
const struct list_ops checkpoints_list = { checkpoint_columns, COUNT(checkpoint_columns) };

static void checkpoints_draw(struct console *c, struct rect r, bool focused)
{
	struct list *l = &c->list[PANE_CHECKPOINTS];
	struct rect rows = { r.row + 1, r.column, r.rows - 1, r.columns };
	struct list_context context = list_context(c, r.columns);
	auto_str left = STR_INIT, right = STR_INIT;
	const struct run_row *run = console_run(c);
	if (c->model.way_back && rows.rows > 4) {
		rows.rows--;
		(void)cells_puts(c->cells, rows.row + rows.rows, r.column + 1, r.columns - 1, ROLE_DIM,
				 c->model.way_back);
	}
	if (l->n)
		list_draw(l, c->cells, rows, focused, true, &context);
	else
		draw_empty(c, rows, TOPIC_CHECKPOINTS,
			   l->filter ? _("no row matches the filter") : _("no checkpoint yet"));
	if (c->model.run)
		str_addf(&left, _("run %s %s"), c->model.run, run && run->workflow ? run->workflow : "");
	add_range(&right, l, rows.rows - 1, -1);
	draw_title(c, r, focused, 0, _(pane_checkpoints.title), str_text(&left), str_text(&right));
}

static void checkpoints_enter(struct console *c)
{
	const struct row *row = list_selected(&c->list[PANE_CHECKPOINTS]);
	if (!row)
		return;
	if (c->read_only)
		console_say(c, ROLE_ALARM, _("the console is read-only"));
	else
		verb_do(c, "rollback", &(struct verb_with){ .argument = row->id });
}

const struct pane_ops pane_checkpoints = {
	.name = "checkpoints",
	.title = N_("CHECKPOINTS"),
	.draw = checkpoints_draw,
	.enter = checkpoints_enter,
	.parent = PANE_ITERATIONS,
};
