/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a text with ${{ }} in it, and as an expression: evaluation ends, within its bounds. */
#include "tests/fuzz/fuzz.h"
#include "base/utf8.h"
#include "model/expr.h"

#include <stdio.h>
#include <string.h>

/* Names are what their first letter says. */
static enum err_code get(void *ctx UNUSED, const char *const *path, size_t npath UNUSED, size_t *ret_used,
			 struct str *out, struct err *err)
{
	*ret_used = 1;
	switch (path[0][0] % 5) {
	case 0:
		str_add(out, "{\"a\":[1,2,{\"b\":\"text\"}],\"c\":null}");
		return ERR_OK;
	case 1:
		str_add(out, "\"a text, with commas\"");
		return ERR_OK;
	case 2:
		str_add(out, "[1,\"2\",true,null]");
		return ERR_OK;
	case 3:
		str_add(out, "42");
		return ERR_OK;
	default:
		return err_set(err, ERR_NOT_FOUND, "there is no %.64s", path[0]);
	}
}

static void check_value(const struct str *out)
{
	struct json *v = NULL;
	MUST(json_parse(str_text(out), out->len, 2 * MIB, &v, NULL) == ERR_OK);
	json_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	const struct expr_scope scope = { .get = get };
	struct err err = { 0 };
	size_t at = 0;
	struct expr *e = NULL;
	auto_str out = STR_INIT, value = STR_INIT;
	if (expr_new(text, len, &e, &at, &err) == ERR_OK) {
		if (expr_eval(e, &scope, &out, &err) == ERR_OK)
			check_value(&out);
		expr_free(e);
	} else {
		MUST(at <= len && err.message[0]);
	}
	struct tmpl *t = NULL;
	if (!utf8_valid(text, len, NULL) || memchr(text, '\0', len))
		return 0;
	if (tmpl_new(text, len, &t, &at, &err) == ERR_OK) {
		if (tmpl_value(t, &scope, &value, &err) == ERR_OK)
			check_value(&value);
		tmpl_free(t);
	} else {
		MUST(at <= len && err.message[0]);
	}
	return 0;
}
