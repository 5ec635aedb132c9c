/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The target of a request ("/v1/runs/r-3f9?limit=2"), taken apart strictly: percent-encoding as in
 * RFC 3986
 * ("+" is a plus), UTF-8, no control characters, each query name once. */
#ifndef PAWL_API_TARGET_H
#define PAWL_API_TARGET_H

#include "base/err.h"

#define TARGET_MAX (16 * KIB)
#define TARGET_SEGMENTS_MAX 12
#define TARGET_QUERY_MAX 24

struct target {
	char *storage; /* what the rest points into */
	char *path;    /* as written, without the query */
	const char *segments[TARGET_SEGMENTS_MAX];
	size_t nsegments;
	struct {
		const char *name, *value;
	} query[TARGET_QUERY_MAX];
	size_t nquery;
};

/* ERR_USAGE or ERR_TOO_LARGE with the reason; `ret` needs target_done() in any case. */
enum err_code target_parse(const char *raw, struct target *ret, struct err *err) MUST_CHECK;
void target_done(struct target *t);
/* Value of a query parameter, NULL when it is not there. */
const char *target_query(const struct target *t, const char *name);

#endif
