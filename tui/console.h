/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of the console, shared by its panes, actions and frame. */
#ifndef PAWL_TUI_CONSOLE_H
#define PAWL_TUI_CONSOLE_H

#include "tui/key.h"
#include "tui/list.h"
#include "tui/logview.h"
#include "tui/model.h"
#include "tui/prompt.h"
#include "tui/screen.h"

/* The four panes, then the views that take their place. */
enum pane {
	PANE_QUEUE,
	PANE_RUNS,
	PANE_ITERATIONS,
	PANE_LOG,
	PANE_GRAPH,
	PANE_INSPECT,
	PANE_EVENTS,
	PANE_HELP,
	PANE_SUBMIT,
	PANE_CHECKPOINTS,
	PANE_TEXT,
	PANE_ROUND,
	PANE_APPROVALS,
	PANE_BREAKERS,
	PANE_COUNT
};
#define PANES_MAIN 4 /* the first ones are on the main screen */

enum graph_mode { GRAPH_STRIP, GRAPH_FULL, GRAPH_OFF };

struct verb_row;
struct keymap;
struct inspect;
struct textview;
struct roundview;
struct submit;
struct session;

struct confirm {
	bool open;
	char *text;               /* what will happen, as a question */
	char *command;            /* the same as a command line */
	const struct verb_row *verb;
	char **ids;               /* what it is done to; owned */
	size_t nids;
	int64_t value;            /* priority */
	char *argument;           /* node or checkpoint; NULL: none */
	char *reason;             /* NULL: none */
	unsigned int options;     /* bits of enum verb_option that are on */
	char typed[48];           /* what was typed of the run's id */
	/* what exactly it would do, for verbs that can tell */
	unsigned int preview_request;
	char **preview;           /* lines; the first one sums up */
	size_t npreview;
	bool preview_failed;
};

struct undo {
	const struct verb_row *verb;
	char *id;
	int64_t value;
};
#define UNDO_MAX 32

struct message {
	char *text;
	enum role role;
	int64_t until_us;
};

struct console_options {
	const char *home, *base_url, *token;
	const char *theme, *keymap;
	bool ascii, no_color, read_only, mouse, notify, no_session;
};

struct console {
	struct console_options options;
	bool saving_filter;       /* the next letter names the filter */
	struct screen *screen;
	struct cells *cells;      /* of the screen */
	struct client *client;
	struct model model;
	struct logview log;
	struct keymap *keymap;
	/* what is seen */
	enum pane focus;          /* one of the four panes */
	enum pane view;           /* == focus, or a view in their place */
	enum pane expanded;       /* the list that is open while the log has the keys (narrow screens) */
	bool zoomed;
	int split;                /* rows of the lists on a wide screen; 0: by size */
	enum graph_mode graph_mode;
	struct list list[PANE_COUNT]; /* of those panes that are lists */
	struct rows help_rows;
	enum pane help_of;        /* the pane whose keys the help shows */
	char *graph_node;         /* cursor in the graph */
	struct inspect *inspect;
	struct submit *submit;
	struct textview *text;
	struct roundview *round;
	/* where the keys go */
	struct prompt prompt;
	struct confirm confirm;
	int prefix[4];            /* keys of a sequence that is not complete */
	int nprefix;
	const struct action *char_action; /* waits for its letter */
	bool pasting;
	/* what is said */
	struct message message;
	struct undo undo[UNDO_MAX];
	int nundo;
	bool undoing;
	size_t sending, sent, refused; /* answers of a change that are out, good, bad */
	char *refusal, *sent_what;
	char *saved_filters[26];
	/* time */
	int64_t wall_ms, mono_us;
	bool frozen_clock;
	/* life */
	struct session *session;
	bool started;             /* the first selection was made */
	bool dirty, quit, read_only, test_idle;
	bool suspend_wanted, repaint_wanted;
	int exit_status;
	struct smap known_failures; /* for the bell: each rings once */
	bool failures_known;
	struct smap known_approvals; /* each rings once, too */
	bool approvals_known;
	struct live *live;        /* what a model that works has used so far */
	char *pending_log_iteration; /* "node/iteration" to select once the iterations are read */
	int64_t pending_line;
	char *shown_run;          /* whose iterations the list shows */
	char *restored_run, *restored_iteration; /* of the last session */
	int64_t restored_line;
	size_t theme;
	bool theme_custom;
};

/* ---- what panes are ---- */

struct pane_ops {
	const char *name;                 /* scope in keymap files */
	const char *title;                /* translate on use */
	void (*draw)(struct console *c, struct rect r, bool focused); /* title row and contents */
	void (*summary)(struct console *c, struct rect r); /* one row; NULL: the title */
	void (*enter)(struct console *c);  /* Enter; NULL: nothing */
	void (*leave)(struct console *c);  /* parent, h; NULL: nothing */
	void (*move)(struct console *c, int across, int down); /* of views that are no lists */
	bool (*key)(struct console *c, int key); /* takes plain keys itself (forms); NULL: no */
	enum pane parent;                  /* where Esc goes */
};
extern const struct pane_ops pane_queue, pane_runs, pane_iterations, pane_log, pane_graph,
	pane_inspect, pane_events, pane_help, pane_submit, pane_checkpoints, pane_text, pane_round,
	pane_approvals, pane_breakers;
const struct pane_ops *pane_ops(enum pane pane);

/* ---- console.c ---- */

void console_key(struct console *c, const struct key_event *e);
void console_focus(struct console *c, enum pane pane);
void console_view(struct console *c, enum pane pane); /* open a view, or go back with the focus */
/* Filter the runs in the engine; NULL: not by this. */
void console_filter_runs(struct console *c, const char *state, const char *text);
/* The selection of a list changed: what follows from it is read. */
void console_selected(struct console *c, enum pane pane);
/* New rows came, time passed: select, ring, say. */
void console_update(struct console *c);
void console_say(struct console *c, enum role role, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The time for which what is seen holds: ages stand while there is no engine, and the header says since when. */
static inline int64_t console_seen_ms(const struct console *c)
{
	return model_down(&c->model) ? c->model.down_since_ms : c->wall_ms;
}
struct run_row *console_run(const struct console *c);  /* that the screen is about; NULL: none */
struct iteration_row *console_iteration(const struct console *c);
/* The node that the view is about: under the cursor of the graph, else that of the iteration; NULL: none. */
const char *console_node(const struct console *c);
/* Go to a run: select it and the iteration that failed, or its newest. */
void console_go_run(struct console *c, const char *run, bool to_failure);
bool console_list_pane(enum pane pane); /* whether it is a list */
struct list *console_list(struct console *c); /* of the view that has the keys, NULL: none */

/* ---- pane_help.c ---- */

void help_fill(struct console *c); /* for the pane that has the keys */

/* ---- frame.c ---- */

void frame_draw(struct console *c);
/* How many rows the parts get for a size of the screen. */
struct layout {
	bool tiny, narrow, small; /* one line; accordion; focused pane only */
	struct rect header, pane[PANES_MAIN], graph, body, detail, keys;
	bool open[PANES_MAIN]; /* false: one line */
};
void layout_make(const struct console *c, struct layout *ret);
struct list_context list_context(const struct console *c, int width);
/* Title row of a pane: number, name, left text, right text. */
void draw_title(struct console *c, struct rect r, bool focused, int number, const char *name,
		const char *left, const char *right);
/* A line in place of rows: why there are none. */
void draw_empty(struct console *c, struct rect r, enum topic topic, const char *nothing);
/* "1-12/4812" for a list */
void add_range(struct str *s, const struct list *l, int rows, int64_t total);

#endif
