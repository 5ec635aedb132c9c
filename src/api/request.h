/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request from its first line to its answer, as the handlers of routes see it. A handler writes
 * JSON into `out` and returns ERR_OK, or returns an error; or it calls request_wait() and somebody
 * calls request_finish() later (after a commit, after a job in the thread pool). Everything here
 * runs on the loop's thread. */
#ifndef PAWL_API_REQUEST_H
#define PAWL_API_REQUEST_H

#include "api/route.h"
#include "base/json.h"
#include "base/language.h"
#include "base/str.h"

struct api;
struct conn;
struct MHD_Connection;
struct MHD_Response;

#define REPLY_MAX (8 * MIB) /* bytes of one JSON answer; pages end earlier */

enum request_phase {
	REQUEST_NEW,     /* nothing but the request line is there */
	REQUEST_READING, /* the body comes */
	REQUEST_ASKED,   /* the handler is at work, or somebody is for it */
	REQUEST_READY,   /* the answer is made */
	REQUEST_SENT,    /* the answer was given to the server library */
};

struct request {
	struct api *api;
	struct MHD_Connection *mhd;
	struct conn *conn;
	struct request *next, *previous; /* all that live */
	uint64_t number;
	enum request_phase phase;
	bool suspended;
	struct target target;
	enum err_code target_code;
	const struct route *route;
	const char *args[ROUTE_ARGS_MAX];
	struct str body;
	size_t discarded;            /* bytes of a body that is not wanted */
	struct json *json;           /* the parsed body; NULL: none */
	locale_t language; /* of the answer, for uselocale() */
	const char *idempotency_key; /* NULL: none; lives as long as the request */

	/* the answer */
	int status; /* 0: 200, or that of the error */
	struct str out;
	const char *type;              /* NULL: application/json */
	struct MHD_Response *response; /* instead of `out`: a stream */
	struct str details;            /* of an error: a JSON object */
	char *allow;                   /* header Allow */
	bool replayed;
	bool close; /* the connection ends with the answer */
	struct upload *upload; /* of a route that takes a file; NULL: it was taken */

	void *state; /* of the handler */
	void (*state_free)(void *state);
	void (*sent)(struct request *r); /* called when the answer is out; may be NULL */
};

/* The handler's answer comes later, by request_finish(). */
void request_wait(struct request *r);
/* The answer is in `out` (ERR_OK), or is this error. */
void request_finish(struct request *r, enum err_code code, const struct err *err);

/* What it waited for is there: call the handler again. */
void request_again(struct request *r);

/* A query parameter as text, `fallback` when it is not there or empty. */
/* Who asks, as the socket says; for the record. */
const char *request_who(const struct request *r);
const char *request_query(const struct request *r, const char *name, const char *fallback);
/* … as a whole number within limits; ERR_USAGE says what is allowed. */
enum err_code request_number(const struct request *r, const char *name, int64_t fallback,
                             int64_t min, int64_t max, int64_t *ret, struct err *err) MUST_CHECK;
enum err_code request_flag(const struct request *r, const char *name, bool *ret,
                           struct err *err) MUST_CHECK;
/* ?limit=, 1 … 1000, 100 when it is not there. */
enum err_code request_limit(const struct request *r, size_t *ret, struct err *err) MUST_CHECK;
/* ?after= of a list: the key that a cursor stands for; 0 without one. */
enum err_code request_cursor(const struct request *r, int64_t *ret, struct err *err) MUST_CHECK;
/* Write "next": the cursor for a key, null for 0. */
void jw_cursor(struct jw *w, int64_t key);

/* Members of the body, with their types checked; the fallback when not there or null. */
enum err_code body_text(const struct json *body, const char *name, const char **ret,
                        struct err *err) MUST_CHECK;
enum err_code body_number(const struct json *body, const char *name, int64_t fallback, int64_t min,
                          int64_t max, int64_t *ret, struct err *err) MUST_CHECK;
enum err_code body_flag(const struct json *body, const char *name, bool *ret,
                        struct err *err) MUST_CHECK;
/* A list of texts; *ret is yours (the texts are the body's), NULL when there is none. */
enum err_code body_texts(const struct json *body, const char *name, size_t max, const char ***ret,
                         size_t *ret_n, struct err *err) MUST_CHECK;
/* Refuse members that are not in `fields`. */
enum err_code body_check(const struct json *body, const char *fields, struct err *err) MUST_CHECK;

#endif
