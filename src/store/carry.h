/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All rows of a run as one JSON text, and back into another database: ids stay, the numbers of attempts and events
 * are given anew. */
#ifndef PAWL_STORE_CARRY_H
#define PAWL_STORE_CARRY_H

#include "base/json.h"
#include "store/store.h"

/* Append an object: {"version", "tables": {NAME: {"columns": […], "rows": [[…]…]}}}. A value is null, or text that
 * begins with its kind: i (integer), t (text), b (bytes, hexadecimal). */
enum err_code carry_out(struct store *st, id_t64 run, struct str *out, struct err *err) MUST_CHECK;

struct carry {
	const char *workspace; /* where the run's files are now */
	int64_t last_token;    /* in: the newest number of an attempt here; out: after it */
};
/* Part of the present turn; the rows must belong to `run` and `order`. ERR_VERSION: of another schema;
 * ERR_CORRUPT: not what carry_out() wrote. On an error the turn must be rolled back. */
enum err_code carry_in(struct store *st, const struct json *v, id_t64 run, id_t64 order, struct carry *c,
		       struct err *err) MUST_CHECK;

#endif
