/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the routes of a log share: which attempt is meant, its file, and a line as JSON. */
#ifndef PAWL_API_LOGS_H
#define PAWL_API_LOGS_H

#include "api/api_internal.h"
#include "journal/journal.h"

#define LINE_WIDTH 4096 /* of a line as shown, if not asked otherwise */
#define LINE_WIDTH_MAX (64 * KIB)
#define LOG_BYTES_MAX (4 * MIB) /* text in one answer */

struct log_choice {
	int64_t token;
	id_t64 run;
	int idx, generation, iteration, attempt;
	bool running;
	char *path;         /* yours */
	char *attempt_json; /* yours; NULL unless asked for */
};
/* The attempt that the request means. With `show` its JSON is made, too. */
enum err_code log_choose(struct request *r, bool show, struct log_choice *ret,
                         struct err *err) MUST_CHECK;
void log_choice_done(struct log_choice *c);
void jw_line(struct jw *w, const char *key, const struct log_line *line);

#endif
