/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between logs.c (choose, print, search) and log_follow.c (wait for more). */
#ifndef PAWL_CLI_LOG_LINES_H
#define PAWL_CLI_LOG_LINES_H

#include "cli/cli_internal.h"

struct log_view {
	struct cli *cli;
	char *run, *node;                       /* encoded for a path */
	int64_t generation, iteration, attempt; /* 0: the newest */
	int64_t width;                          /* bytes of a line that are asked for */
	bool times, numbers, only_stderr;
};

/* "/v1/runs/…/log" + what + "?" + attempt + query. */
void log_view_path(const struct log_view *v, const char *what, const char *query, struct str *path);
/* Print a line object; text[from..to) is emphasised. */
void log_line_print(const struct log_view *v, const struct json *line, int64_t from, int64_t to);
/* Print lines from `from` on as they are written, and those of later attempts, until the node ended
 * (or after line `last`, or an interrupt). */
enum err_code log_follow(struct log_view *v, int64_t from, int64_t last,
                         struct err *err) MUST_CHECK;

#endif
