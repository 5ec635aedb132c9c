/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Level L2: what a program must answer, as it is written: exit status, texts, patterns, JSON, files. */
#include "work/verify.h"

#include "base/clock.h"
#include "base/regex.h"
#include "base/utf8.h"
#include "model/schema.h"

#include <string.h>

#define SHOWN 120 /* bytes of an expected text in a message */

/* A text for a sentence: on one line, cut. */
static char *shown(const char *text)
{
	auto_str s = STR_INIT;
	size_t len = strlen(text), n = utf8_floor(text, MIN(len, (size_t)SHOWN));
	text_add_safe(&s, text, n, SAFE_PLAIN, false);
	if (n < len)
		str_add(&s, "…");
	return str_take(&s);
}

static void check_texts(struct check *c, const struct json *texts, const struct str *out)
{
	for (const struct json *t = json_first(texts); t; t = json_next(t)) {
		const char *text = json_str(t, "");
		if (memmem(str_text(out), out->len, text, strlen(text)))
			continue;
		auto_free char *part = shown(text);
		check_fail(c, _("its output does not contain \"%s\""), part);
	}
}

static enum err_code check_patterns(struct check *c, const struct json *patterns, const struct str *out, struct err *err)
{
	for (const struct json *p = json_first(patterns); p; p = json_next(p)) {
		auto_regex *re = NULL;
		size_t start, end;
		bool limited = false;
		enum err_code code = regex_new(json_str(p, ""), REGEX_MULTILINE, &re, err);
		if (code)
			return code;
		auto_free char *part = shown(json_str(p, ""));
		if (regex_find(re, str_text(out), out->len, 0, &start, &end, &limited))
			continue;
		if (limited)
			check_fail(c, _("the pattern %s takes too long on its output"), part);
		else
			check_fail(c, _("its output does not match %s"), part);
	}
	return ERR_OK;
}

static void check_json(struct check *c, const struct json *expected, const struct json *schema, const struct str *out)
{
	auto_json *value = NULL;
	auto_str problems = STR_INIT, got = STR_INIT, want = STR_INIT;
	struct err err;
	if (json_parse(str_text(out), out->len, VERIFY_STDOUT_MAX, &value, &err)) {
		check_fail(c, _("its output is not JSON: %s"), err.message);
		return;
	}
	if (expected && !json_equal(expected, value)) {
		json_add(&got, value);
		json_add(&want, expected);
		auto_free char *a = shown(got.p), *b = shown(want.p);
		check_fail(c, _("its output is the JSON %s, expected %s"), a, b);
	}
	if (schema && !schema_fits(schema, value, &problems)) {
		while (problems.len && problems.p[problems.len - 1] == '\n')
			str_cut(&problems, problems.len - 1);
		for (char *p = problems.p; p && *p; p++)
			if (*p == '\n')
				*p = ';';
		check_fail(c, _("its output does not fit the schema: %s"), str_text(&problems));
	}
}

/* ---- files ---- */

static const char *why_not(const struct tree_file *f)
{
	switch (f->why) {
	case TREE_MISSING:
		return _("is missing");
	case TREE_OUTSIDE:
		return _("leads out of the workspace");
	case TREE_NO_FILE:
		return _("is no file");
	case TREE_LARGE:
		return _("is too large to be compared");
	case TREE_READ:
	case TREE_REFUSED:
	default:
		return _("cannot be read");
	}
}

static void compare(struct check *c, const char *path, const struct tree_file *a, const char *expected,
		    const struct tree_file *b)
{
	size_t at = 0, line = 1;
	if (a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0)
		return;
	for (; at < a->len && at < b->len && a->bytes[at] == b->bytes[at]; at++)
		line += a->bytes[at] == '\n';
	check_fail(c, _("%s differs from %s at byte %zu, line %zu"), path, expected, at + 1, line);
}

static void check_file(struct verify *v, struct check *c, const struct json *f)
{
	const char *path = json_get_str(f, "path", ""), *expected = json_get_str(f, "expected", "");
	struct tree_file a, b;
	tree_read(v, path, VERIFY_FILE_MAX, &a);
	tree_read(v, expected, VERIFY_FILE_MAX, &b);
	if (a.why != TREE_READ)
		check_fail(c, "%s %s", path, why_not(&a));
	else if (b.why != TREE_READ)
		check_fail(c, "%s %s", expected, why_not(&b));
	else
		compare(c, path, &a, expected, &b);
	tree_file_done(&a);
	tree_file_done(&b);
}

/* ---- the check ---- */

static void check_exit(struct check *c, const struct command *command)
{
	int expected = (int)json_get_int(c->v, "exit", 0);
	auto_str time = STR_INIT;
	duration_add(&time, c->timeout_ms);
	if (command->timed_out)
		check_fail(c, _("did not end within %s"), str_text(&time));
	else if (c->signal)
		check_fail(c, _("ended by signal %d, expected exit status %d"), c->signal, expected);
	else if (c->exit_code != expected)
		check_fail(c, _("exit status %d, expected %d"), c->exit_code, expected);
	if (command->out_cut)
		check_fail(c, _("its output is longer than %d bytes"), VERIFY_STDOUT_MAX);
}

enum err_code check_fixture(struct verify *v, struct check *c, struct err *err)
{
	struct command command = { .out_max = VERIFY_STDOUT_MAX };
	const char *input = json_get_str(c->v, "stdin", NULL);
	const struct json *expected = json_get(c->v, "json"), *schema = json_get(c->v, "schema");
	enum err_code code = schema ? schema_verify(schema, err) : ERR_OK;
	if (!code)
		code = command_run(v, c, input, input ? strlen(input) : 0, &command, err);
	if (!code && c->ran) {
		c->state = STATE_PASSED;
		check_exit(c, &command);
		check_texts(c, json_get(c->v, "contains"), &command.out);
		code = check_patterns(c, json_get(c->v, "matches"), &command.out, err);
		if (expected || schema)
			check_json(c, expected, schema, &command.out);
		for (const struct json *f = json_first(json_get(c->v, "compare")); f; f = json_next(f))
			check_file(v, c, f);
	}
	str_done(&command.out);
	return code;
}
