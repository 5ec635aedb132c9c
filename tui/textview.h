/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A view of lines that the engine's answer to one question gives: why a node did what it did, what differs between
 * two attempts. Some lines are changes, between which keys go. */
#ifndef PAWL_TUI_TEXTVIEW_H
#define PAWL_TUI_TEXTVIEW_H

#include "tui/console.h"

enum text_kind { TEXT_WHY, TEXT_COMPARE, TEXT_FILES, TEXT_KIND_COUNT };

struct text_line {
	char *text;
	enum role role;
	bool change; /* the first line of one */
};

struct textview {
	struct console *c;
	enum text_kind kind;
	char *run, *node; /* node: NULL: of the run */
	char *a, *b; /* what is compared, as the API names it; NULL: as it thinks best */
	unsigned int request;
	struct text_line *v;
	size_t n, cap, top, left, changes;
	size_t at; /* the line that the keys went to */
	enum pane from; /* the view that it goes back to */
};

/* Ask about a node of the selected run (NULL: the run), and show the answer when it comes; a and b may be NULL. */
void text_open(struct console *c, enum text_kind kind, const char *node, const char *a, const char *b);
bool text_busy(const struct console *c);
void text_free(struct console *c);
/* For those who turn answers into lines. */
void text_addf(struct textview *t, enum role role, bool change, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* textshow.c: the answers as lines. */
void show_why(struct textview *t, const struct json *body);
void show_compare(struct textview *t, const struct json *body);
void show_files(struct textview *t, const struct json *body);

#endif
