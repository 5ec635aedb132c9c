/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of pawl-http: the request document that the executor writes to its stdin, as a struct. */
#ifndef PAWL_WORK_HTTP_REQUEST_H
#define PAWL_WORK_HTTP_REQUEST_H

#include "base/json.h"

#define HTTP_REQUEST_MAX (4 * MIB)
#define HTTP_ANSWER_MAX (16 * MIB) /* of the body */

struct http_header {
	const char *name, *value;
};

struct http_request {
	struct json *document; /* owns the texts */
	const char *method, *url, *body; /* body may be NULL */
	size_t body_len;
	struct http_header *headers;
	size_t nheaders;
	const struct json *expect;  /* list of statuses; empty: 200 … 299 */
	const struct json *outputs; /* list of { name, path } */
	bool follow;
	int64_t timeout_ms; /* 0: none */
};

/* Check and take the document; on success call http_request_done() later. */
enum err_code http_request_parse(const char *text, size_t len, struct http_request *ret,
				 struct err *err) MUST_CHECK;
void http_request_done(struct http_request *q);
/* Whether these can be a header: the name a token, no line break in the value. */
enum err_code http_header_check(const char *name, const char *value, struct err *err) MUST_CHECK;
bool http_request_expects(const struct http_request *q, long status);

/* The value at a path such as "data.items[0].id" as text: strings as they are, the rest as JSON. The
 * error says which part is not there. An empty path or "." is the whole answer. */
enum err_code http_extract(const struct json *answer, const char *path, struct str *ret,
			   struct err *err) MUST_CHECK;
/* One output in the form of $PAWL_OUTPUT; texts of several lines as a block with a word that is not in
 * it. */
void http_add_output(struct str *out, const char *name, const char *value, size_t len);

#endif
