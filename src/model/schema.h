/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON Schema: whether a value has the shape that was asked for. A subset of draft 2020-12: every keyword
 * that is understood is a row in schema.c; one that would restrict a value but is not understood is
 * refused by schema_verify(), so that nothing is passed unchecked. Pure, and bounded in depth and work. */
#ifndef PAWL_MODEL_SCHEMA_H
#define PAWL_MODEL_SCHEMA_H

#include "base/json.h"

#define SCHEMA_PROBLEMS 8 /* are told of one value */

/* Whether `schema` (an object, or true or false) can be used; ERR_INVALID says where it cannot. */
enum err_code schema_verify(const struct json *schema, struct err *err) MUST_CHECK;

/* Whether `value` fits a schema that was verified. What does not fit is appended to `ret_problems` (may be NULL),
 * one line each, as "$.items[2].name: …"; at most SCHEMA_PROBLEMS of them. */
bool schema_fits(const struct json *schema, const struct json *value, struct str *ret_problems);

/* Equal as JSON: the order of members is of no matter, 1 and 1.0 are the same. */
bool json_equal(const struct json *a, const struct json *b);

#endif
