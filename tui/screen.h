/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The terminal. Everything about ncurses is behind this header: modes, keys, colours, and turning the grid
 * of cells into as few bytes as possible. */
#ifndef PAWL_TUI_SCREEN_H
#define PAWL_TUI_SCREEN_H

#include "base/err.h"
#include "tui/cells.h"
#include "tui/theme.h"

struct screen;

struct screen_options {
	const struct theme *theme; /* copied */
	bool ascii;                /* only ASCII goes out, whatever the locale says */
	bool no_color;
};

struct key_event {
	int key;         /* see key.h */
	int row, column; /* of mouse events */
};

/* Whether this terminal can show the console (a tty with cup, el and ed); changes nothing. */
enum err_code screen_check(struct err *err) MUST_CHECK;
enum err_code screen_open(const struct screen_options *o, struct screen **ret,
			  struct err *err) MUST_CHECK;
/* Leave the terminal as it was found. */
void screen_close(struct screen *s);
struct cells *screen_cells(struct screen *s);
/* Show the cursor at a place, or hide it with row -1. */
void screen_cursor(struct screen *s, int row, int column);
/* Bring the terminal to what the cells say. False if output is still queued and nothing was done: come
 * back later, with what is true then. */
bool screen_flush(struct screen *s);
/* The descriptor to poll for POLLOUT while a frame is not out yet, -1: none; and to go on when it is ready. */
int screen_output_fd(const struct screen *s);
void screen_output(struct screen *s);
/* Next key if there is one; never waits longer than the 25 ms after a lone Esc. */
bool screen_read(struct screen *s, struct key_event *ret);
/* Take the terminal's present size; true if it differs. The cells are blank then. */
bool screen_resize(struct screen *s);
void screen_repaint(struct screen *s); /* as if the terminal had lost everything */
/* Give the terminal back for a while (shell, pager, ^Z), and take it again. */
void screen_suspend(struct screen *s);
void screen_resume(struct screen *s);
void screen_set_theme(struct screen *s, const struct theme *theme);
void screen_set_mouse(struct screen *s, bool on);
void screen_beep(struct screen *s);
/* Whether the terminal understands OSC sequences (clipboard, notification) or at least swallows them. */
bool screen_takes_osc(const struct screen *s);
/* Bytes for the terminal itself (OSC 52 and the like), between two frames. */
void screen_send(struct screen *s, const char *bytes, size_t len);

#endif
