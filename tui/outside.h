/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Other programs, which get the terminal meanwhile: pager, editor, shell, and the command line's own verbs. */
#ifndef PAWL_TUI_OUTSIDE_H
#define PAWL_TUI_OUTSIDE_H

#include "tui/console.h"

enum outside_wait { WAIT_NEVER, WAIT_FAILED, WAIT_ALWAYS };
/* Run a program. Before the console comes back Enter is asked for, always or when it failed, so that its words can be
 * read. Returns its exit status, 128 + signal, or -1 when it could not be started. */
int outside_run(struct console *c, const char *const *argv, enum outside_wait wait);
/* A file in the program that the person's environment names, at a line. */
void outside_page_file(struct console *c, const char *path, int64_t line);
void outside_edit_file(struct console *c, const char *path, int64_t line);
/* `pawl` with the engine of this console, and these words. */
int outside_pawl(struct console *c, const char *const *words, enum outside_wait wait);

/* A verb of the command line that the palette offers beside the actions. */
struct outside_row {
	const char *name;
	const char *help;      /* translate on use */
	bool of_run, of_node;  /* it gets the run, and the node, that are selected */
	bool changes;          /* not in read-only */
	bool more;             /* it takes further words: the palette has its beginning */
	bool talks;            /* it talks with the person: nothing is asked when it ended well */
};
extern const struct outside_row outside_rows[];
extern const size_t noutside_rows;
/* Why it cannot be run now; NULL if it can. Yours. */
char *outside_why_not(const struct console *c, const struct outside_row *row);
void outside_verb(struct console *c, const struct outside_row *row);
void outside_break(struct console *c, const char *text);
void outside_edit(struct console *c, const char *text);
/* "pawl runs --state failed", as typed: words apart at blanks, '...' and "..." hold together. */
void outside_line(struct console *c, const char *line);

#endif
