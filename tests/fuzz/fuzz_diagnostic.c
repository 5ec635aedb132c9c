/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as output of a tool, read by each parser: however it is cut, the rows are the same, and they are safe to
 * show. The first byte chooses the parser. */
#include "tests/fuzz/fuzz.h"
#include "base/utf8.h"
#include "model/classify.h"

#include <stdio.h>
#include <string.h>

static void check_text(const char *text)
{
	size_t len = strlen(text);
	MUST(len <= DIAGNOSTIC_MESSAGE_MAX && utf8_valid(text, len, NULL));
	for (size_t i = 0; i < len; i++)
		MUST(((unsigned char)text[i] >= 0x20 || text[i] == '\t') && text[i] != 0x7f);
}

static void check_row(const struct diagnostic *v, struct str *out)
{
	check_text(v->message);
	if (v->file)
		check_text(v->file);
	if (v->test)
		check_text(v->test);
	MUST(v->line >= 0 && v->column >= 0 && v->kind < DIAGNOSTIC_KIND_COUNT);
	str_addf(out, "%d %d %s %d %d %s %s\n", (int)v->kind, (int)v->sort, v->file ? v->file : "", v->line, v->column,
		 v->test ? v->test : "", v->message);
}

static void run(enum check_parse parse, const char *text, size_t len, size_t piece, struct str *out)
{
	size_t n;
	auto_diagnostics *d = diagnostics_new(parse, "/ws", "/ws/sub");
	for (size_t at = 0; at < len; at += piece)
		diagnostics_feed(d, text + at, MIN(piece, len - at));
	diagnostics_end(d);
	const struct diagnostic *v = diagnostics_list(d, &n);
	MUST(n <= DIAGNOSTICS_MAX);
	for (size_t i = 0; i < n; i++)
		check_row(&v[i], out);
	struct diagnostic_counts c = diagnostics_count(d);
	MUST(c.errors >= 0 && c.warnings >= 0 && c.failed_tests >= 0 && c.files >= 0);
	struct check_case check = { .kind = CHECK_RUN, .name = "x", .exit_code = 1, .diagnostics = d };
	auto_str message = STR_INIT;
	(void)classify_check(&check);
	classify_message(&check, &message);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	auto_str whole = STR_INIT, cut = STR_INIT;
	if (len < 2)
		return 0;
	enum check_parse parse = (enum check_parse)(bytes[0] % CHECK_PARSE_COUNT);
	const char *text = (const char *)bytes + 1;
	run(parse, text, len - 1, len, &whole);
	run(parse, text, len - 1, 1 + bytes[1] % 7, &cut);
	MUST(str_eq(str_text(&whole), str_text(&cut)));
	return 0;
}
