/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two logs (or texts) line by line, with times, durations, ids and addresses left out of the comparison: what
 * differs with each run says nothing. Reads files: not for the loop's thread. */
#ifndef PAWL_JOURNAL_COMPARE_H
#define PAWL_JOURNAL_COMPARE_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

/* Append the line without what differs by itself: each is replaced by #. Colours are dropped. Pure. */
void log_mask(const char *line, size_t len, struct str *out);

struct text_lines {
	struct str text;
	struct text_line {
		size_t at, len;
	} *v;
	size_t n, cap;
	int64_t first; /* number of the first one: of a long log the end is taken */
};
void lines_of_text(const char *text, struct text_lines *ret);
/* At most 100,000 lines and 16 MiB from the end of a log; none when there is no file. */
enum err_code lines_of_log(const char *path, struct text_lines *ret, struct err *err) MUST_CHECK;
void lines_done(struct text_lines *l);

struct compare_options {
	bool mask;
	int64_t context;   /* lines around a change; -1: all */
	size_t max_shown;  /* lines in the answer; what follows is counted, and "truncated" is true */
	size_t line_max;   /* bytes of a line that are shown */
};
/* Write {"same", "removed", "added", "from_a", "from_b", "truncated", "hunks": [{"a", "b", "lines": [{"op":
 * "same|remove|add", "a", "b", "text"}]}]}. */
void lines_compare(const struct text_lines *a, const struct text_lines *b, const struct compare_options *o,
		   struct jw *w, const char *key);

#endif
