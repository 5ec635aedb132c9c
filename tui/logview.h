/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One attempt's log under a cursor: windows of lines read through the API from a file of any size. Nothing here
 * grows with the log; lines far from the cursor are forgotten and read again. */
#ifndef PAWL_TUI_LOGVIEW_H
#define PAWL_TUI_LOGVIEW_H

#include "base/regex.h"
#include "client/client.h"
#include "tui/cells.h"
#include "tui/state.h"

enum log_level { LEVEL_NONE, LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };
enum time_style { TIME_ELAPSED, TIME_WALL, TIME_UTC, TIME_NONE, TIME_STYLE_COUNT };

struct log_text {
	int64_t number;  /* of the line, from 1 */
	int64_t t_ms;    /* 0: unknown */
	int64_t full_len; /* bytes of the whole line */
	char stream;     /* 'o', 'e', 'n' */
	bool context;    /* in a filtered view: stands beside a hit */
	enum log_level level;
	char *text;      /* NULL: not read yet; safe but for colour sequences, which are well-formed */
	size_t len;
};

struct log_lines { /* consecutive lines, or the hits of a filter */
	struct log_text *v;
	size_t n, cap;
};

/* Whose log. The attempt 0 is the newest. */
struct log_name {
	char *run, *node;
	int64_t generation, iteration, attempt;
};

enum log_request { LOG_WINDOW, LOG_SEARCH, LOG_COUNT, LOG_ERRORS, LOG_FILTER, LOG_REQUEST_COUNT };

struct logview;
struct log_call {
	struct logview *view;
	enum log_request what;
	unsigned int request; /* in flight, 0: none */
	int64_t asked_us;
};

struct logview {
	struct client *client;
	struct log_name name, wanted; /* shown, and asked for */
	bool have;               /* something is shown */
	int64_t wanted_us;       /* when it was asked for */
	struct err err;          /* the log cannot be read: why */
	bool failed, missing;    /* missing: the attempt wrote nothing */
	/* the attempt, as the last window said */
	int64_t attempt, attempts, started_at_ms, ended_at_ms, lines, bytes, cut_line, cut_bytes;
	int64_t first_error, exit_code, signal;
	enum state state;
	bool done;
	bool checks, decides;    /* it is no work, but what judges it */
	char *path;              /* of the file, where the engine is */
	struct log_lines cache;
	/* the view */
	int64_t cursor, top;     /* line numbers; with a filter: positions in `hits`, from 1 */
	int64_t left;            /* columns scrolled sideways */
	int64_t error_line;      /* the anchor on which the view was opened, 0: none */
	int rows, columns;       /* of the pane, for paging and what must be read */
	bool follow, wrap, at_error;
	enum time_style time_style;
	int64_t seen_lines;      /* lines there were when following ended */
	/* search */
	char *pattern;
	struct regex *re;
	bool negate, caseless, backwards;
	bool wrapped;            /* the search went on at the other end */
	int64_t match_line, match_count; /* count -1: not known yet */
	int64_t searched_to;     /* line up to which a search has come, 0: none is running */
	int64_t error_count;     /* lines that look like errors, -1: not known */
	/* filter */
	char *filter;
	bool filter_negate;
	struct regex *filter_re;
	struct log_lines hits;
	int64_t nhits;           /* lines of `hits` that are no context */
	int64_t filter_next;     /* line to go on from, 0: all was looked at */
	int filter_context;      /* lines around each hit */
	int64_t keep_line;       /* line to stand on when a filter comes or goes */
	struct log_call call[LOG_REQUEST_COUNT];
	unsigned int stream;     /* following, 0: not */
	struct { char name; int64_t line; } marks[26];
	char *message;           /* for the person: "no match below line 12"; taken by the pane */
	bool changed;
	bool offline;            /* no engine: nothing is asked for */
	int64_t mono_us;
};

void logview_init(struct logview *v, struct client *client);
void logview_done(struct logview *v);
/* Show this log; `failed` says whether to open on its first error, `line` overrides (0: none). */
void logview_open(struct logview *v, const struct log_name *name, bool failed, int64_t line);
void logview_close(struct logview *v); /* nothing is to be shown */
/* Read what the view needs and has not; restart what an outage broke off. */
void logview_turn(struct logview *v, int64_t mono_us);
/* The attempt may have ended or a new one begun: read its state again. */
void logview_refresh(struct logview *v);
/* What a list says of the newest attempt: reads anew when the view shows something older. */
void logview_refresh_state(struct logview *v, enum state state, int64_t attempt);

int64_t logview_count(const struct logview *v); /* lines or hits */
const struct log_text *logview_line(const struct logview *v, int64_t position); /* NULL: not read */
int64_t logview_number(const struct logview *v, int64_t position); /* line number, 0: unknown */
void logview_move(struct logview *v, int64_t by);
void logview_go(struct logview *v, int64_t position);
void logview_go_line(struct logview *v, int64_t number);
void logview_follow(struct logview *v, bool on);
/* The pane got another height: keep what matters in sight. */
void logview_fit(struct logview *v);
/* Search for a pattern from the cursor; NULL or "": forget it. The error tells what is wrong with it. */
enum err_code logview_search(struct logview *v, const char *pattern, bool backwards,
			     struct err *err) MUST_CHECK;
void logview_next(struct logview *v, bool backwards); /* match */
void logview_next_error(struct logview *v, bool backwards);
bool logview_stop(struct logview *v); /* a running search or filter; false if there is none */
/* Show only matching lines ("!re": the others); NULL or "": all. */
enum err_code logview_filter(struct logview *v, const char *pattern, struct err *err) MUST_CHECK;
/* Show more or fewer lines around each line of the filter. */
void logview_context(struct logview *v, int by);
void logview_unsearch(struct logview *v);
void logview_unfilter(struct logview *v); /* stays on the line */
int64_t logview_new_lines(const struct logview *v); /* since following ended */
enum log_level log_level_of(const char *text, size_t len);

/* Copy of a name; what was in `to` is freed. */
void log_name_set(struct log_name *to, const struct log_name *from);
void log_name_done(struct log_name *n);
bool log_name_eq(const struct log_name *a, const struct log_name *b);
/* "/v1/runs/R/nodes/N/log" + tail + "generation=…&iteration=…&attempt=…" */
void log_path(const struct log_name *n, const char *tail, struct str *path);

#endif
