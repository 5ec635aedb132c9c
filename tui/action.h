/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Everything that a key can do, as one table: it drives the keys, the key row, the help, the palette, the
 * manual page and the tests. Adding an action is adding a row. */
#ifndef PAWL_TUI_ACTION_H
#define PAWL_TUI_ACTION_H

#include "tui/console.h"

#define IN(pane) (1U << (pane))
#define IN_LISTS                                                                                   \
	(IN(PANE_QUEUE) | IN(PANE_RUNS) | IN(PANE_ITERATIONS) | IN(PANE_EVENTS) |           \
	 IN(PANE_CHECKPOINTS) | IN(PANE_APPROVALS) | IN(PANE_BREAKERS) | IN(PANE_HELP))
#define IN_PANES (IN(PANE_QUEUE) | IN(PANE_RUNS) | IN(PANE_ITERATIONS) | IN(PANE_LOG))
#define IN_VIEWS                                                                                   \
	(IN(PANE_GRAPH) | IN(PANE_INSPECT) | IN(PANE_EVENTS) | IN(PANE_CHECKPOINTS) |              \
	 IN(PANE_TEXT) | IN(PANE_ROUND) | IN(PANE_APPROVALS) | IN(PANE_BREAKERS) | IN(PANE_HELP))
#define IN_NODE (IN(PANE_ITERATIONS) | IN(PANE_LOG) | IN(PANE_GRAPH)) /* where a node is selected */
#define IN_ROUND (IN(PANE_ITERATIONS) | IN(PANE_GRAPH) | IN(PANE_ROUND))
#define IN_ALL (IN_PANES | IN_VIEWS)
#define IN_WORK (IN_ALL & ~IN(PANE_HELP)) /* where a run or an order is selected */

#define ACTION_KEYS 4

struct action {
	const char *name;               /* in keymap files and the palette; never translated */
	const char *keys[ACTION_KEYS];  /* defaults; a sequence is written with blanks: "y l" */
	unsigned int where;             /* panes in which the keys work */
	void (*run)(struct console *c, const struct action *a, int letter);
	const char *help;               /* translate on use */
	const char *label;              /* in the key row; NULL: not there */
	const char *verb;               /* act_verb(): name of the verb */
	int value;                      /* for the function */
	bool takes_letter;              /* the next key is an argument */
	bool changes;                   /* not in read-only */
};

extern const struct action actions[];
extern const size_t nactions;
const struct action *action_find(const char *name);

/* ---- keymap: which keys do it ---- */

#define SEQUENCE_MAX 3

struct binding {
	int key[SEQUENCE_MAX];
	int n;
	enum pane pane;
	const struct action *action;
};

struct keymap {
	struct binding *v;
	size_t n, cap;
};

struct keymap *keymap_new(void); /* the defaults */
void keymap_free(struct keymap *m);
/* Take the lines of a keymap file: "SCOPE KEYS… ACTION", "SCOPE KEYS… -" unbinds. The error names line
 * and word. */
enum err_code keymap_parse(struct keymap *m, const char *path, const char *text,
			   struct err *err) MUST_CHECK;
enum err_code keymap_load(struct keymap *m, const char *path, struct err *err) MUST_CHECK;
enum keymap_match { MATCH_NONE, MATCH_PREFIX, MATCH_ACTION };
enum keymap_match keymap_look(const struct keymap *m, enum pane pane, const int *keys, int n,
			      const struct action **ret);
/* The keys of an action in a pane ("y l"), "" if there are none. */
void keymap_add_keys(const struct keymap *m, const struct action *a, enum pane pane, struct str *s);
/* The whole keymap as a file. */
void keymap_print(const struct keymap *m, struct str *s);
/* The action table as a table of the manual page. */
void actions_print_manual(struct str *s);
const char *pane_name(enum pane pane); /* scope */

/* ---- the functions of the rows ---- */

void act_move(struct console *c, const struct action *a, int letter);
void act_page(struct console *c, const struct action *a, int letter);
void act_ends(struct console *c, const struct action *a, int letter);
void act_across(struct console *c, const struct action *a, int letter);
void act_sideways(struct console *c, const struct action *a, int letter);
void act_enter(struct console *c, const struct action *a, int letter);
void act_leave(struct console *c, const struct action *a, int letter);
void act_focus(struct console *c, const struct action *a, int letter);
void act_next_pane(struct console *c, const struct action *a, int letter);
void act_zoom(struct console *c, const struct action *a, int letter);
void act_split(struct console *c, const struct action *a, int letter);
void act_failure(struct console *c, const struct action *a, int letter);
void act_mark(struct console *c, const struct action *a, int letter);
void act_range(struct console *c, const struct action *a, int letter);
void act_mark_all(struct console *c, const struct action *a, int letter);
void act_sort(struct console *c, const struct action *a, int letter);
void act_columns(struct console *c, const struct action *a, int letter);
void act_prompt(struct console *c, const struct action *a, int letter);
void act_saved_filter(struct console *c, const struct action *a, int letter);
void act_view(struct console *c, const struct action *a, int letter);
void act_graph(struct console *c, const struct action *a, int letter);
void act_escape(struct console *c, const struct action *a, int letter);
void act_quit(struct console *c, const struct action *a, int letter);
void act_suspend(struct console *c, const struct action *a, int letter);
void act_repaint(struct console *c, const struct action *a, int letter);
void act_reload(struct console *c, const struct action *a, int letter);
void act_mouse(struct console *c, const struct action *a, int letter);
void act_theme(struct console *c, const struct action *a, int letter);
void act_read_write(struct console *c, const struct action *a, int letter);
/* log */
void act_follow(struct console *c, const struct action *a, int letter);
void act_wrap(struct console *c, const struct action *a, int letter);
void act_time(struct console *c, const struct action *a, int letter);
void act_next_match(struct console *c, const struct action *a, int letter);
void act_next_error(struct console *c, const struct action *a, int letter);
void act_bookmark(struct console *c, const struct action *a, int letter);
void act_attempt(struct console *c, const struct action *a, int letter);
void act_context(struct console *c, const struct action *a, int letter);
void act_more_context(struct console *c, const struct action *a, int letter);
void act_pager(struct console *c, const struct action *a, int letter);
void act_copy(struct console *c, const struct action *a, int letter);
/* changes */
void act_verb(struct console *c, const struct action *a, int letter);
void act_pause(struct console *c, const struct action *a, int letter);
void act_queue_pause(struct console *c, const struct action *a, int letter);
void act_hold(struct console *c, const struct action *a, int letter);
void act_priority(struct console *c, const struct action *a, int letter);
void act_node_prompt(struct console *c, const struct action *a, int letter);
void act_break(struct console *c, const struct action *a, int letter);
void act_fork(struct console *c, const struct action *a, int letter);
void act_shell(struct console *c, const struct action *a, int letter);
void act_files(struct console *c, const struct action *a, int letter);
void act_text(struct console *c, const struct action *a, int letter);
void act_next_change(struct console *c, const struct action *a, int letter);
/* iterations */
void act_round(struct console *c, const struct action *a, int letter);
void act_round_iteration(struct console *c, const struct action *a, int letter);
void act_round_stop(struct console *c, const struct action *a, int letter);
void act_round_fold(struct console *c, const struct action *a, int letter);
void act_work_diff(struct console *c, const struct action *a, int letter);
void act_answer(struct console *c, const struct action *a, int letter);
void act_breaker(struct console *c, const struct action *a, int letter);
void act_undo(struct console *c, const struct action *a, int letter);

#endif
