/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pull requests through the REST API of GitHub or of what is compatible with it
 * (https://docs.github.com/rest/pulls/pulls). Blocks. The token is in a header and nowhere else; redirects are not
 * followed, and what a server says is masked. */
#ifndef PAWL_WORK_GITHUB_H
#define PAWL_WORK_GITHUB_H

#include "base/err.h"
#include "base/json.h"

#define GITHUB_API "https://api.github.com"

struct github {
	const char *api, *token, *repository; /* "OWNER/NAME" */
	int retried; /* by the last call */
};

struct pull_request {
	const char *head, *base, *title, *body; /* base NULL: the repository's default branch; body NULL: none */
	bool draft;
};

struct pull_made {
	int64_t number;
	char *url, *base;
	bool created; /* false: it was there */
};
void pull_made_done(struct pull_made *m);

/* "OWNER/NAME" out of the address of a remote; false: it has none. */
bool github_repository(const char *remote, struct str *ret);
/* The pull request of head into base: the open one, or a new one. An answer that was lost makes no second one.
 * Failures that pass are tried again; ERR_UNAVAILABLE when they do not. *ret is yours. */
enum err_code github_pull(struct github *g, const struct pull_request *p, struct pull_made *ret, struct err *err) MUST_CHECK;

#endif
