/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any JSON as a schema (the first line), any other (the rest) judged by it: it ends, and says why or nothing. */
#include "tests/fuzz/fuzz.h"
#include "base/utf8.h"
#include "model/schema.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes, *newline = len ? memchr(text, '\n', len) : NULL;
	auto_json *schema = NULL, *value = NULL;
	auto_str problems = STR_INIT;
	struct err err = { 0 };
	if (!newline)
		return 0;
	size_t first = (size_t)(newline - text);
	if (json_parse(text, first, MIB, &schema, NULL) || json_parse(newline + 1, len - first - 1, MIB, &value, NULL))
		return 0;
	if (schema_verify(schema, &err)) {
		MUST(err.message[0]);
		return 0;
	}
	bool good = schema_fits(schema, value, &problems);
	MUST(good == schema_fits(schema, value, NULL));
	MUST(good == (problems.len == 0));
	MUST(utf8_valid(str_text(&problems), problems.len, NULL));
	MUST(json_equal(value, value) && json_equal(schema, schema));
	return 0;
}
