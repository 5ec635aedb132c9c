/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a keymap, as a theme, and as text on the screen: refused with a sentence or taken, and what is
 * drawn stays within its field and holds nothing that controls a terminal. */
#include "tests/fuzz/fuzz.h"
#include "tui/action.h"
#include "tui/theme.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS_OF_FIELD 40

static void draw(const char *text, size_t len)
{
	struct cells g = { 0 };
	auto_str row = STR_INIT;
	cells_resize(&g, 1, COLUMNS_OF_FIELD + 1);
	cells_at(&g, 0, COLUMNS_OF_FIELD)->ch[0] = L'#';
	MUST(cells_put(&g, 0, 0, COLUMNS_OF_FIELD, ROLE_TEXT, text, len) <= COLUMNS_OF_FIELD);
	MUST(cells_at(&g, 0, COLUMNS_OF_FIELD)->ch[0] == L'#');
	cells_text(&g, 0, &row);
	for (size_t i = 0; i < row.len; i++)
		MUST((unsigned char)row.p[i] >= 0x20 && row.p[i] != 0x7f);
	cells_done(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	auto_free char *text = xstrndup((const char *)bytes, len);
	struct keymap *m = keymap_new();
	struct theme theme;
	struct err err = { 0 };
	if (keymap_parse(m, "keymap", text, &err) == ERR_OK) {
		auto_str printed = STR_INIT;
		struct keymap *again = keymap_new();
		keymap_print(m, &printed);
		MUST(keymap_parse(again, "printed", str_text(&printed), NULL) == ERR_OK);
		keymap_free(again);
	} else {
		MUST(strstr(err.message, "keymap:") != NULL);
	}
	keymap_free(m);
	if (theme_parse("theme", text, &theme, &err))
		MUST(strstr(err.message, "theme:") != NULL);
	draw((const char *)bytes, len);
	return 0;
}
