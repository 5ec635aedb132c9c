/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A program on a pseudo-terminal whose output libvterm interprets: what a person would see. The program
 * says with an OSC (PAWL_TEST_IDLE) when it waits for input and owes nothing; no test guesses how long
 * something takes. */
#ifndef PAWL_TESTS_TERM_H
#define PAWL_TESTS_TERM_H

#include "base/str.h"

#include <sys/types.h>

struct term;

/* Start argv with env ("NAME=value", NULL-terminated; nothing else is inherited, and PATH is the system's). */
struct term *term_start(int rows, int columns, const char *const *argv, const char *const *env);
/* Kill what still runs, free all. */
void term_stop(struct term *t);
/* Wait until the program is idle and its output is read; false after 10 s or when it ended. */
bool term_settle(struct term *t);
/* Wait until a row holds `text`; false after 10 s. */
bool term_wait(struct term *t, const char *text);
/* Wait until the bytes that came hold `text`. */
bool term_wait_bytes(struct term *t, const char *text);
bool term_has(const struct term *t, const char *text);
/* Type: words separated by blanks, each sent alone and waited for: "j", "<Enter>", "<Esc>", "<C-d>", "<Space>",
 * "abc". */
bool term_type(struct term *t, const char *words);
/* Send bytes as they are, and do not wait. */
void term_send(struct term *t, const char *bytes, size_t len);
void term_resize(struct term *t, int rows, int columns);
void term_signal(struct term *t, int signal);
pid_t term_pid(const struct term *t);
/* Wait for the end: exit status, 128 + signal, -1 after 10 s. */
int term_end(struct term *t);
/* Wait until the program was stopped by a signal; false after 10 s. */
bool term_stopped(struct term *t);
/* The screen as text: rows, then the attributes of each row as spans. */
void term_dump(const struct term *t, bool attributes, struct str *out);
/* All bytes since the start, or since term_mark(). */
const struct str *term_bytes(const struct term *t);
void term_mark(struct term *t);
/* Bytes with which a terminal would have answered (queries), the title that was set, bells. */
size_t term_answers(const struct term *t);
const char *term_title(const struct term *t);
int term_bells(const struct term *t);
bool term_alternate(const struct term *t); /* alternate screen */
bool term_cursor(const struct term *t);    /* visible */

#endif
