/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and their names, the ones that keymap files and the help use: "j", "C-d", "PgDn", "Space". */
#ifndef PAWL_TUI_K_H
#define PAWL_TUI_K_H

#include "base/str.h"

/* A key is a character (its code point; control keys are 1 … 26 and 28 … 31) or one of these. */
enum key {
	K_NOTHING = 0,
	K_TAB = 9,
	K_ENTER = 13,
	K_ESCAPE = 27,
	K_SPACE = 32,
	K_SPECIAL = 0x200000, /* above every code point */
	K_UP = K_SPECIAL,
	K_DOWN,
	K_LEFT,
	K_RIGHT,
	K_HOME,
	K_END,
	K_PAGE_UP,
	K_PAGE_DOWN,
	K_BACKTAB,
	K_BACKSPACE,
	K_DELETE,
	K_INSERT,
	K_F1,
	K_F12 = K_F1 + 11,
	K_PASTE_BEGIN,
	K_PASTE_END,
	K_MOUSE_CLICK, /* place in the event */
	K_WHEEL_UP,
	K_WHEEL_DOWN,
	K_FOCUS_IN,
	K_FOCUS_OUT,
};
#define K_CTRL(c) ((c) & 0x1f)

/* Read one key's name at the start of `text`; returns the bytes it takes, 0 if it names none. */
size_t key_parse(const char *text, int *ret_key);
void key_add_name(struct str *s, int key);

#endif
