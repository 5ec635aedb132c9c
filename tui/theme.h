/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Themes: how each role looks. data/themes/ holds the shipped ones, which are compiled in; a file of the
 * same form can be named instead. Colours are ANSI indices on the terminal's own background. */
#ifndef PAWL_TUI_THEME_H
#define PAWL_TUI_THEME_H

#include "base/err.h"
#include "tui/cells.h"

struct look {
	int16_t foreground, background; /* 0 … 255; -1: the terminal's own */
	uint32_t attrs;                 /* STYLE_BOLD … */
};

struct theme {
	struct look look[ROLE_COUNT];
};

/* Fill `theme` from a shipped theme's name or a file's path; the error names line and word. */
enum err_code theme_load(const char *name, struct theme *theme, struct err *err) MUST_CHECK;
/* Parse the text of a theme file; `path` is for messages. */
enum err_code theme_parse(const char *path, const char *text, struct theme *theme,
			  struct err *err) MUST_CHECK;
/* The names of the shipped themes, NULL-terminated. */
const char *const *theme_names(void);

#endif
