/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One iteration of a node, seen closely: the transcript of its agent, what its checks found, what it was told, and how it
 * was decided about. Lines may be folded, may name a place in a file, and may be stops between which keys go. */
#ifndef PAWL_TUI_ROUNDVIEW_H
#define PAWL_TUI_ROUNDVIEW_H

#include "tui/console.h"

enum round_kind { ROUND_TALK, ROUND_CHECKS, ROUND_PROMPT, ROUND_TRAIL, ROUND_KIND_COUNT };

#define NO_HEAD SIZE_MAX

struct round_line {
	char *text;
	enum role role;
	int indent;    /* columns */
	bool stop;     /* n and N go here */
	bool head;     /* has lines folded under it … */
	bool open;     /* … which are shown */
	bool ended;    /* of a tool call: its result came */
	size_t of;     /* the head under which it is; NO_HEAD: always shown */
	char *file;    /* that the line is about, as the checks named it; NULL: none */
	int64_t line;  /* in that file; 0: not known */
};

/* A row of the screen: a piece of a line. */
struct round_row {
	size_t line, from, len;
};

struct roundview {
	struct console *c;
	enum round_kind kind;
	char *run, *node;
	int64_t generation, iteration;
	unsigned int request;
	bool stale;              /* ask again when the answer is there */
	char *title;             /* what it comes to */
	struct round_line *v;
	size_t n, cap;
	size_t at, top;          /* line with the cursor, first row of the screen */
	struct round_row *rows;  /* the lines that are shown, wrapped */
	size_t nrows, caprows;
	int columns;             /* for which they are laid out; 0: to be laid out anew */
	int height;              /* rows that are seen */
	/* of the transcript */
	int64_t attempt, next_line, asked_us;
	bool live;               /* more comes */
	size_t tools;            /* calls so far */
	struct json *result;     /* what the program kept of its calls; NULL: not known */
};

/* Show an iteration of the selected run. */
void round_open(struct console *c, enum round_kind kind, const char *node, int64_t generation, int64_t iteration);
bool round_busy(const struct console *c);
void round_free(struct console *c);
/* News of the run came, or time passed: read what changed. */
void round_turn(struct console *c, bool news);
/* Why the iteration under the cursor has no such view; NULL: it has. */
const char *round_why_not(const struct console *c);

/* For those who turn answers into lines; the texts are made safe. The index of the line. */
size_t round_add(struct roundview *v, enum role role, int indent, size_t of, const char *text, size_t len);
size_t round_addf(struct roundview *v, enum role role, int indent, size_t of, const char *fmt, ...)
	PRINTF_LIKE(5, 6);
/* Each line of a text. */
void round_add_text(struct roundview *v, enum role role, int indent, size_t of, const char *text);

/* roundshow.c: answers as lines. */
void round_show_checks(struct roundview *v, const struct json *body);
void round_show_prompt(struct roundview *v, const struct json *iterations);
void round_show_trail(struct roundview *v, const struct json *body);
void round_show_no_checks(struct roundview *v, const struct json *iteration);
void round_bar(struct str *s, int64_t used, int64_t limit, int columns);
/* roundtalk.c: lines of the log, as they come. */
void round_show_talk(struct roundview *v, const struct json *body);

#endif
