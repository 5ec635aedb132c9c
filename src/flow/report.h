/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Collects the mistakes of a file. */
#ifndef PAWL_FLOW_REPORT_H
#define PAWL_FLOW_REPORT_H

#include "flow/flow.h"

#define WORD_SHOWN_MAX 80 /* bytes of a word of the file in a message */

/* A word of the file, cut to WORD_SHOWN_MAX and harmless for a terminal. */
struct word {
	char s[4 * WORD_SHOWN_MAX + 8];
};
struct word word_of(const char *text);

void report_add(struct flow_report *r, const char *file, int line, int column, const char *path,
		const char *fmt, ...) PRINTF_LIKE(6, 7);
static inline bool report_is_full(const struct flow_report *r)
{
	return r->n >= FLOW_ISSUES_MAX;
}
/* By place, `file` before all others. */
void report_sort(struct flow_report *r, const char *file);

#endif
