/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzzy matching as finders do it: the letters in order, better together and at the start of words. */
#ifndef PAWL_TUI_FUZZY_H
#define PAWL_TUI_FUZZY_H

/* A score, the higher the better; -1 if `text` does not hold the letters of `pattern` in order (ASCII case
 * is ignored). Blanks in the pattern separate parts that all must match. */
int fuzzy_score(const char *pattern, const char *text);

#endif
