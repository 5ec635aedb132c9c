/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line of input at the bottom of the screen, with history and, for the palette, candidates. */
#ifndef PAWL_TUI_PROMPT_H
#define PAWL_TUI_PROMPT_H

#include "tui/cells.h"

struct console;

enum prompt_kind {
	PROMPT_NONE,
	PROMPT_FILTER,   /* of a list */
	PROMPT_SEARCH,   /* in the log, downwards */
	PROMPT_SEARCH_UP,
	PROMPT_LOG_FILTER,
	PROMPT_PALETTE,
	PROMPT_SAVE,     /* path for the log */
	PROMPT_PRIORITY,
	PROMPT_UNTIL,    /* node */
	PROMPT_STEP,     /* node */
	PROMPT_FROM,     /* node */
	PROMPT_SKIP,     /* reason */
	PROMPT_MARK,     /* reason */
	PROMPT_BREAK,    /* NODE[:CONDITION] */
	PROMPT_EDIT,     /* NAME=VALUE */
	PROMPT_DECIDE,   /* choice, node for redirect, reason */
	PROMPT_OPEN,     /* reason */
	PROMPT_CLOSE,    /* reason */
	PROMPT_KIND_COUNT
};

#define PROMPT_MAX 1024 /* bytes */
#define HISTORY_MAX 32

struct prompt {
	enum prompt_kind kind; /* PROMPT_NONE: closed */
	char text[PROMPT_MAX];
	size_t len, at;        /* bytes; the cursor is before text[at] */
	char *history[PROMPT_KIND_COUNT][HISTORY_MAX]; /* newest first */
	int browsing;          /* -1: not in the history */
	size_t chosen;         /* candidate of the palette */
	char *problem;         /* why the text is refused */
	char *about;           /* what it is about, before the label; NULL: nothing */
};

void prompt_open(struct prompt *p, enum prompt_kind kind, const char *text);
void prompt_close(struct prompt *p);
void prompt_done(struct prompt *p);
const char *prompt_label(enum prompt_kind kind);
/* Edit by one key; false if the key is none of editing (Enter, Esc, Tab, candidates). */
bool prompt_edit(struct prompt *p, int key);
void prompt_remember(struct prompt *p);
/* Draw on a row; returns the column of the cursor. */
int prompt_draw(const struct prompt *p, struct cells *g, int row);

#endif
