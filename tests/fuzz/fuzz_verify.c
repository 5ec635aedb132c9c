/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as the spec of pawl-verify: taken whole or refused with a reason; and its report is JSON. Nothing is run. */
#include "tests/fuzz/fuzz.h"
#include "work/verify.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct verify v;
	struct err err = { 0 };
	auto_str report = STR_INIT, output = STR_INIT;
	auto_json *a = NULL, *b = NULL;
	if (verify_parse((const char *)bytes, len, &v, &err)) {
		MUST(err.message[0]);
		return 0;
	}
	for (size_t i = 0; i < v.nchecks; i++) {
		struct check *c = &v.checks[i];
		MUST(c->name[0] && c->level < VERIFY_LEVEL_COUNT && c->kind < CHECK_KIND_COUNT);
		if (i % 2)
			check_fail(c, "%s", c->name);
		c->diagnostics = diagnostics_new(c->parse, v.workspace, v.cwd);
		diagnostics_feed(c->diagnostics, (const char *)bytes, len);
		diagnostics_end(c->diagnostics);
		str_add_len(&c->output, bytes, len);
	}
	verify_add_report(&v, &report);
	verify_add_output(&v, 64 * KIB, &output);
	MUST(json_parse(report.p, report.len, 64 * MIB, &a, NULL) == ERR_OK);
	MUST(json_parse(output.p, output.len, 64 * MIB, &b, NULL) == ERR_OK);
	verify_done(&v);
	return 0;
}
