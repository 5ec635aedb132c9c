/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Filters (as of Git LFS) that the settings of a repository name: settings that override each by none, so
 * that nothing of them is executed and files are what the repository stores. */
#ifndef PAWL_SPACE_FILTERS_H
#define PAWL_SPACE_FILTERS_H

#include "base/err.h"

struct filters {
	char **settings; /* for struct git; NULL-terminated, NULL if there are none */
	size_t n, cap;
};
void filters_done(struct filters *f);
#define auto_filters CLEANUP(filters_done) struct filters

/* ERR_UNSUPPORTED: one cannot be switched off. */
enum err_code filters_find(const char *repository, struct filters *f, struct err *err) MUST_CHECK;

#endif
