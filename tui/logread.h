/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside of the log view: requests and what their answers do. */
#ifndef PAWL_TUI_LOGREAD_H
#define PAWL_TUI_LOGREAD_H

#include "tui/logview.h"

void log_ask_first(struct logview *v); /* the log that is wanted, where it is worth looking */
void log_ask_window(struct logview *v, int64_t first, int64_t n);
void log_ask_follow(struct logview *v);
void log_ask_search(struct logview *v, int64_t from, bool up);
void log_ask_error(struct logview *v, int64_t from, bool up);
void log_ask_count(struct logview *v);
void log_ask_filter(struct logview *v);
void log_lines_done(struct log_lines *l);

/* of logview.c */
void logview_say(struct logview *v, char *message);
void logview_anchor(struct logview *v, int64_t position);
void logview_keep_in_sight(struct logview *v);
void logview_trim(struct logview *v);
void logview_unfollow(struct logview *v);
void logview_forget_filter(struct logview *v);

#endif
