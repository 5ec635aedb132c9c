/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The settings of the engine program: rows of name, type, limits and help, read from HOME/pawl.conf
 * ("key = value" lines, # begins a comment) and from --set KEY=VALUE, which wins. */
#ifndef PAWL_API_CONFIG_H
#define PAWL_API_CONFIG_H

#include "engine/engine.h"

struct config {
	struct engine_settings engine;
	bool unsafe_network_fs;
	int event_lag;      /* events that a reader of the stream may be behind */
	int64_t import_max; /* bytes of a file that is imported, packed or not */
	int streams_max;    /* streams open at once */
	int64_t request_ms; /* for a request to arrive in whole */
};

void config_default(struct config *c);
/* One "KEY=VALUE"; `where` stands before the message ("--set", "/path/pawl.conf:3"). */
enum err_code config_set(struct config *c, const char *where, const char *assignment,
                         struct err *err) MUST_CHECK;
/* A file; one that is missing is fine. */
enum err_code config_read(struct config *c, const char *path, struct err *err) MUST_CHECK;
/* What the parts together must fulfil. */
enum err_code config_check(const struct config *c, struct err *err) MUST_CHECK;
/* The rows as a commented sample file. */
void config_help(struct str *out);

#endif
