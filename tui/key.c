/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/key.h"

#include "base/utf8.h"

#include <string.h>

/* clang-format off */
static const struct { const char *name; int key; } names[] = {
	{ "Tab",   K_TAB     }, { "Enter", K_ENTER }, { "Esc",  K_ESCAPE    }, { "Space", K_SPACE     },
	{ "Up",    K_UP      }, { "Down",  K_DOWN  }, { "Left", K_LEFT      }, { "Right", K_RIGHT     },
	{ "Home",  K_HOME    }, { "End",   K_END   }, { "PgUp", K_PAGE_UP   }, { "PgDn",  K_PAGE_DOWN },
	{ "S-Tab", K_BACKTAB }, { "BS",    K_BACKSPACE }, { "Del", K_DELETE }, { "Ins",   K_INSERT    },
	{ "F10", K_F1 + 9 }, { "F11", K_F1 + 10 }, { "F12", K_F12 },
	{ "F1", K_F1 }, { "F2", K_F1 + 1 }, { "F3", K_F1 + 2 }, { "F4", K_F1 + 3 }, { "F5", K_F1 + 4 },
	{ "F6", K_F1 + 5 }, { "F7", K_F1 + 6 }, { "F8", K_F1 + 7 }, { "F9", K_F1 + 8 },
};
/* clang-format on */

size_t key_parse(const char *text, int *ret_key)
{
	for (size_t i = 0; i < COUNT(names); i++) {
		size_t n = strlen(names[i].name);
		if (strncmp(text, names[i].name, n) == 0 && (text[n] == '\0' || text[n] == ' ')) {
			*ret_key = names[i].key;
			return n;
		}
	}
	if (text[0] == 'C' && text[1] == '-' && text[2] > '@' && text[2] < 0x7f) {
		*ret_key = K_CTRL(text[2]);
		return 3;
	}
	uint32_t cp = 0;
	size_t n = utf8_decode(text, strlen(text), &cp);
	if (!n || cp <= 0x20 || cp == 0x7f)
		return 0;
	*ret_key = (int)cp;
	return n;
}

void key_add_name(struct str *s, int key)
{
	for (size_t i = 0; i < COUNT(names); i++) {
		if (names[i].key == key) {
			str_add(s, names[i].name);
			return;
		}
	}
	if (key > 0 && key < 0x20) {
		str_addf(s, "^%c", key + '@');
	} else if (key < K_SPECIAL) {
		utf8_add(s, (uint32_t)key);
	}
}
