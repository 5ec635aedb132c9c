/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one table of routes: method, full pattern, permission, handler, and what may come with it. */
#ifndef PAWL_API_ROUTE_H
#define PAWL_API_ROUTE_H

#include "api/target.h"
#include "model/states.h"

#define ROUTE_ARGS_MAX 4
#define BODY_MAX (4 * MIB)
#define BATCH_MAX (64 * MIB)

struct request;

/* Who may ask. The peer of the unix socket is the engine's own user (or root) and may do anything.
 */
enum permission {
	PERM_UNSET, /* a row that forgot it; a test refuses it */
	PERM_NONE,  /* anybody who reaches the socket */
	PERM_READ,
	PERM_OPERATE,
	PERM_ADMIN,
};

/* Fills the reply of `r` (or arranges that it comes later); otherwise says why not. */
typedef enum err_code (*route_fn)(struct request *r, struct err *err);

struct route {
	const char *method;
	const char *pattern; /* "/v1/runs/{run}/cancel" */
	enum permission perm;
	route_fn handle;
	const char *help;   /* one line; translate on use */
	const char *query;  /* names of the query parameters, separated by a space; NULL: none */
	const char *fields; /* names of the body's members; NULL: none */
	size_t body_max;    /* 0: no body */
	bool upload;        /* the body is a file, of at most import_max bytes; see upload.h */
	enum verb verb;     /* of the handlers that serve several verbs */
};

extern const struct route routes[];
extern const size_t nroutes;

/* Find the route; *args gets the values of {…} in order. ERR_NOT_FOUND with a "did you mean", or
 * ERR_USAGE when the path exists with other methods: *ret_allow (yours) then names them. */
enum err_code route_find(const char *method, const struct target *t, const struct route **ret,
                         const char *args[ROUTE_ARGS_MAX], char **ret_allow,
                         struct err *err) MUST_CHECK;
/* Whether the list `names` ("a b c", may be NULL) has `word`. */
bool route_allows(const char *names, const char *word);
/* Refuse a word that is not in the list: ERR_USAGE with what was probably meant. */
enum err_code route_check_word(const char *names, const char *word, const char *what,
                               struct err *err) MUST_CHECK;

#endif
