/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The redactor: what is masked, what is left alone, and that no cut of the stream changes either.
 */
#include "journal/redact.h"

#include "base/rng.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static void set_free_p(struct redact_set **set)
{
	redact_set_free(*set);
}
#define auto_set CLEANUP(set_free_p) struct redact_set

static struct redact_set *set_of(bool shapes, const char *const *secrets, size_t n)
{
	struct redact_set *set = redact_set_new(shapes);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(redact_secret(set, secrets[i], strlen(secrets[i]), NULL), ERR_OK);
	redact_compile(set);
	return set;
}

/* Feed in pieces that end at the cuts. */
static void feed_cut(const struct redact_set *set, const char *text, size_t len, const size_t *cuts,
                     size_t ncuts, struct str *out)
{
	struct redactor *r = redactor_new(set);
	size_t at = 0;
	for (size_t i = 0; i < ncuts; i++) {
		redact_feed(r, text + at, cuts[i] - at, out);
		at = cuts[i];
	}
	redact_feed(r, text + at, len - at, out);
	redact_flush(r, out);
	ck_assert_uint_eq(redact_held(r), 0);
	redactor_free(r);
}

static void feed_pieces(const struct redact_set *set, const char *text, size_t len, size_t piece,
                        struct str *out)
{
	struct redactor *r = redactor_new(set);
	for (size_t at = 0; at < len; at += piece)
		redact_feed(r, text + at, MIN(piece, len - at), out);
	redact_flush(r, out);
	redactor_free(r);
}

#define A36 "abcdefghij0123456789ABCDEFGHIJ012345"

/* clang-format off */
static const struct { const char *in, *out; } tokens[] = {
	{ "key AKIAIOSFODNN7EXAMPLE.", "key ***." },
	{ "AKIAIOSFODNN7EXAMPL", "AKIAIOSFODNN7EXAMPL" },
	{ "x=ghp_" A36 ";", "x=***;" },
	{ "gho_" A36 "\nghs_" A36, "***\n***" },
	{ "github_pat_11ABCDEFG0_" A36 " ", "*** " },
	{ "\"sk-proj-" A36 "\"", "\"***\"" },
	{ "task-abcdefghij-klmnopqrst-uvwxyz", "task-abcdefghij-klmnopqrst-uvwxyz" },
	{ "\"a\\nsk-" A36 "\"", "\"a\\n***\"" },
	{ "xoxb-1234567890-abc", "***" },
	{ "AIzaSyA-1234567890abcdefghijklmnopqrstu", "***" },
	{ "npm_" A36, "***" },
	{ "npm_config_registry", "npm_config_registry" },
	{ "glpat-ABCDEFGHIJ0123456789", "***" },
	{ "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P end",
	  "jwt *** end" },
	{ "eyJa.eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", "eyJa.***" },
	{ "eyJhbGciOiJIUzI1NiJ9.short.x", "eyJhbGciOiJIUzI1NiJ9.short.x" },
	{ "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIEow+/==\nabcd\n-----END RSA PRIVATE KEY-----\nb\n", "a\n***\nb\n" },
	{ "-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n.", "***\\n." },
	{ "-----BEGIN CERTIFICATE-----\nMIIE\n", "-----BEGIN CERTIFICATE-----\nMIIE\n" },
	{ "-----BEGIN -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "-----BEGIN ***" },
	{ "strstr(s, \"-----BEGIN PRIVATE KEY-----\"); ok", "strstr(s, \"***\"); ok" },
	{ "postgres://bob:hunter2@db/x", "postgres://bob:***@db/x" },
	{ "https://u:p@ss@host/", "https://u:***@host/" },
	{ "http://localhost:8080/a@b", "http://localhost:8080/a@b" },
	{ "http://host:80 a@b", "http://host:80 a@b" },
	{ "http://u:@host", "http://u:@host" },
	{ "see :// u:p@x", "see :// u:p@x" },
	{ "https://ghp_" A36 "@github.com", "https://***@github.com" },
	{ "plain text, nothing here\n", "plain text, nothing here\n" },
	{ "", "" },
};
/* clang-format on */

START_TEST(tokens_are_known_by_shape)
{
	auto_set *set = set_of(true, NULL, 0);
	auto_str whole = STR_INIT;
	redact_text(set, tokens[_i].in, strlen(tokens[_i].in), &whole);
	ck_assert_str_eq(str_text(&whole), tokens[_i].out);
	for (size_t piece = 1; piece < 9; piece++) {
		auto_str cut = STR_INIT;
		feed_pieces(set, tokens[_i].in, strlen(tokens[_i].in), piece, &cut);
		ck_assert_str_eq(str_text(&cut), tokens[_i].out);
	}
}
END_TEST

static const char split_text[] =
    "pass=hunter22 hunter2 hunhunter22hunter22 aHVudGVyMjI= ghp_" A36 " hunter2"
    "2 s\"q\\uote s\\\"q\\\\uote http://u:pw@h "
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3 end hunte";
static const char *const split_secrets[] = { "hunter22", "s\"q\\uote", "22 hunter2" };

START_TEST(no_two_cuts_change_the_output)
{
	auto_set *set = set_of(true, split_secrets, COUNT(split_secrets));
	size_t len = strlen(split_text);
	auto_str whole = STR_INIT;
	redact_text(set, split_text, len, &whole);
	ck_assert_ptr_null(strstr(str_text(&whole), "hunter22"));
	for (size_t a = 0; a <= len; a++) {
		for (size_t b = a; b <= len; b++) {
			size_t cuts[] = { a, b };
			auto_str cut = STR_INIT;
			feed_cut(set, split_text, len, cuts, 2, &cut);
			ck_assert_str_eq(str_text(&cut), str_text(&whole));
		}
	}
}
END_TEST

/* ---- against a program that looks everywhere ---- */

START_TEST(every_byte_of_every_occurrence_is_masked)
{
	struct rng rng = { (uint64_t)_i + 1 };
	char secrets[6][16];
	const char *list[6];
	for (size_t i = 0; i < COUNT(secrets); i++) {
		size_t len = 6 + rng_below(&rng, 6);
		for (size_t k = 0; k < len; k++)
			secrets[i][k] = (char)('a' + (char)rng_below(&rng, 2));
		secrets[i][len] = '\0';
		list[i] = secrets[i];
	}
	auto_set *set = set_of(_i % 2, list, COUNT(list));
	char text[600];
	size_t len = sizeof(text);
	for (size_t k = 0; k < len; k++)
		text[k] = "aabbc"[rng_below(&rng, 5)];
	bool masked[sizeof(text)] = { false };
	for (size_t i = 0; i < COUNT(secrets); i++) {
		size_t n = strlen(secrets[i]);
		for (size_t k = 0; k + n <= len; k++)
			if (memcmp(text + k, secrets[i], n) == 0)
				memset(masked + k, true, n);
	}
	auto_str want = STR_INIT;
	for (size_t k = 0; k < len; k++) {
		if (!masked[k])
			str_add_char(&want, text[k]);
		else if (k == 0 || !masked[k - 1])
			str_add(&want, REDACT_MASK);
	}
	struct redactor *r = redactor_new(set);
	auto_str got = STR_INIT;
	for (size_t at = 0; at < len;) {
		size_t n = MIN(1 + rng_below(&rng, 40), len - at);
		redact_feed(r, text + at, n, &got);
		at += n;
		ck_assert_uint_le(redact_held(r), 24); /* hex of the longest */
	}
	redact_flush(r, &got);
	redactor_free(r);
	ck_assert_str_eq(str_text(&got), str_text(&want));
}
END_TEST

/* ---- encodings, written here once more and plainly ---- */

static void to_base64(const char *in, size_t len, bool url, struct str *out)
{
	const char *abc = url ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	                      : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)(unsigned char)in[i] << 16;
		if (i + 1 < len)
			v |= (uint32_t)(unsigned char)in[i + 1] << 8;
		if (i + 2 < len)
			v |= (unsigned char)in[i + 2];
		str_add_char(out, abc[v >> 18]);
		str_add_char(out, abc[v >> 12 & 63]);
		str_add_char(out, i + 1 < len ? abc[v >> 6 & 63] : '=');
		str_add_char(out, i + 2 < len ? abc[v & 63] : '=');
	}
}

enum form {
	RAW,
	BASE64_0,
	BASE64_1,
	BASE64_2,
	BASE64URL_0,
	BASE64URL_1,
	BASE64URL_2,
	HEX,
	HEX_UPPER,
	PERCENT,
	FORM,
	JSON,
	FORMS
};

/* How a program prints `value` with two letters before and behind it. */
static void print_form(enum form form, const char *value, struct str *out)
{
	size_t len = strlen(value);
	auto_str padded = STR_INIT;
	switch (form) {
	case RAW:
		str_add(out, value);
		return;
	case BASE64_0:
	case BASE64_1:
	case BASE64_2:
	case BASE64URL_0:
	case BASE64URL_1:
	case BASE64URL_2:
		for (int i = 0; i < (int)(form - BASE64_0) % 3; i++)
			str_add_char(&padded, 'q');
		str_addf(&padded, "%sz", value);
		to_base64(padded.p, padded.len, form >= BASE64URL_0, out);
		return;
	case HEX:
	case HEX_UPPER:
		for (size_t i = 0; i < len; i++)
			str_addf(out, form == HEX ? "%02x" : "%02X",
			         (unsigned int)(unsigned char)value[i]);
		return;
	case PERCENT:
	case FORM:
		for (size_t i = 0; i < len; i++) {
			unsigned char c = (unsigned char)value[i];
			if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			    (c >= 'a' && c <= 'z') || (c && strchr("-_.", c)))
				str_add_char(out, (char)c);
			else if (form == FORM && c == ' ')
				str_add_char(out, '+');
			else
				str_addf(out, "%%%02X", (unsigned int)c);
		}
		return;
	case JSON:
		for (size_t i = 0; i < len; i++) {
			if (value[i] == '\n')
				str_add(out, "\\n");
			else if (value[i] == '"' || value[i] == '\\')
				str_addf(out, "\\%c", value[i]);
			else
				str_add_char(out, value[i]);
		}
		return;
	case FORMS:
		break;
	}
}

enum { SECRETS = 40 };
static char many[SECRETS][64];

static void make_many(void)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	                            "!$%&/=?+*#-_. \"\\\n@:;,<>";
	struct rng rng = { 42 };
	for (size_t i = 0; i < SECRETS; i++) {
		size_t len = 6 + i;
		for (size_t k = 0; k < len; k++)
			many[i][k] = chars[rng_below(&rng, sizeof(chars) - 1)];
		many[i][len - 1] = (char)('a' + (char)(i % 26)); /* no newline at the end */
		many[i][0] = (char)('A' + (char)(i % 26));
		many[i][len] = '\0';
	}
}

START_TEST(no_form_of_a_secret_leaks_at_any_cut)
{
	make_many();
	const char *list[SECRETS];
	for (size_t i = 0; i < SECRETS; i++)
		list[i] = many[i];
	auto_set *set = set_of(true, list, SECRETS);
	for (size_t i = 0; i < SECRETS; i++) {
		auto_str form = STR_INIT, text = STR_INIT;
		print_form((enum form)_i, many[i], &form);
		str_addf(&text, "before ~%s~ behind", form.p);
		/* base64 at the edges mixes in the neighbours: up to three characters at either
		 * side stay */
		bool edges = _i >= BASE64_0 && _i <= BASE64URL_2;
		size_t trim = edges ? 3 : 0, trim_end = edges ? 4 : 0;
		char *core = form.p + trim;
		form.p[form.len - trim_end] = '\0';
		for (size_t cut = 0; cut <= text.len; cut++) {
			auto_str out = STR_INIT;
			feed_cut(set, text.p, text.len, &cut, 1, &out);
			ck_assert_ptr_nonnull(strstr(str_text(&out), REDACT_MASK));
			ck_assert_msg(!strstr(str_text(&out), core), "%s in %s", core,
			              str_text(&out));
			ck_assert(strncmp(str_text(&out), "before ~", 8) == 0);
			ck_assert_str_eq(out.p + out.len - 8, "~ behind");
		}
	}
}
END_TEST

START_TEST(lines_of_a_secret_are_masked_one_by_one)
{
	static const char *const secret[] = {
		"first line of it\n  second \"line\"\nx\nthird-line\n"
	};
	auto_set *set = set_of(false, secret, 1);
	static const char text[] = "1: first line of it\n2: second \"line\"\n3: x\n4: "
	                           "third-line\n5: second \\\"line\\\"\n";
	auto_str out = STR_INIT;
	redact_text(set, text, strlen(text), &out);
	ck_assert_str_eq(str_text(&out), "1: ***\n2: ***\n3: x\n4: ***\n5: ***\n");
}
END_TEST

START_TEST(only_what_may_become_a_secret_is_held_back)
{
	static const char *const secret[] = { "correct horse" };
	auto_set *set = set_of(true, secret, 1);
	struct redactor *r = redactor_new(set);
	auto_str out = STR_INIT;
	static const struct {
		const char *in;
		size_t held;
		const char *out;
	} steps[] = {
		{ "Name: ", 0, "Name: " },
		{ "corr", 4, "Name: " },
		{ "al c", 1, "Name: corral " },
		{ "orrect hors", 12, "Name: corral " },
		{ "es!", 0, "Name: corral ***s!" },
		{ "http://me:se", 2, "Name: corral ***s!http://me:" },
		{ "cret", 6, "Name: corral ***s!http://me:" },
		{ "/", 0, "Name: corral ***s!http://me:secret/" },
		{ "ghp_0123456789", 14, "Name: corral ***s!http://me:secret/" },
		{ "01234567890", 0, "Name: corral ***s!http://me:secret/***" },
		{ "9999", 0, "Name: corral ***s!http://me:secret/***" },
		{ " \n", 0, "Name: corral ***s!http://me:secret/*** \n" },
	};
	for (size_t i = 0; i < COUNT(steps); i++) {
		redact_feed(r, steps[i].in, strlen(steps[i].in), &out);
		ck_assert_str_eq(str_text(&out), steps[i].out);
		ck_assert_uint_eq(redact_held(r), steps[i].held);
	}
	ck_assert_int_eq(redact_count(r), 2);
	redactor_free(r);
}
END_TEST

START_TEST(a_flush_gives_out_what_was_held)
{
	static const char *const secret[] = { "correct horse" };
	auto_set *set = set_of(false, secret, 1);
	struct redactor *r = redactor_new(set);
	auto_str out = STR_INIT;
	redact_feed(r, "say corr", 8, &out);
	redact_flush(r, &out);
	ck_assert_str_eq(str_text(&out), "say corr");
	redact_feed(r, "ect horse now", 13, &out);
	redact_flush(r, &out);
	ck_assert_str_eq(str_text(&out), "say corr*** now");
	redactor_free(r);
}
END_TEST

START_TEST(short_secrets_are_refused)
{
	struct redact_set *set = redact_set_new(false);
	struct err err;
	ck_assert_int_eq(redact_secret(set, "12345", 5, &err), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(err.message, "too short"));
	ck_assert_int_eq(redact_secret(set, "12345\n\n", 7, &err), ERR_USAGE);
	ck_assert_int_eq(redact_secret(set, "123456", 6, &err), ERR_OK);
	auto_free char *long_one = xcalloc(1, 65 * KIB);
	memset(long_one, 'x', 65 * KIB);
	ck_assert_int_eq(redact_secret(set, long_one, 65 * KIB, &err), ERR_TOO_LARGE);
	redact_set_free(set);
}
END_TEST

START_TEST(binary_secrets_and_text)
{
	static const char secret[] = { '\0', '\xff', '\n', '\0', '\x80', 'a', '\0' };
	struct redact_set *set = redact_set_new(true);
	ck_assert_int_eq(redact_secret(set, secret, sizeof(secret), NULL), ERR_OK);
	redact_compile(set);
	auto_str text = STR_INIT, out = STR_INIT;
	str_add_len(&text, "\0\0", 2);
	str_add_len(&text, secret, sizeof(secret));
	str_add_len(&text, "\xff\0", 2);
	feed_pieces(set, text.p, text.len, 1, &out);
	ck_assert_uint_eq(out.len, 7);
	ck_assert_mem_eq(out.p, "\0\0***\xff\0", 7);
	redact_set_free(set);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("journal_redact");
	TCase *c = tcase_create("redact");
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, tokens_are_known_by_shape, 0, COUNT(tokens));
	tcase_add_test(c, no_two_cuts_change_the_output);
	tcase_add_loop_test(c, every_byte_of_every_occurrence_is_masked, 0, 200);
	tcase_add_loop_test(c, no_form_of_a_secret_leaks_at_any_cut, 0, FORMS);
	tcase_add_test(c, lines_of_a_secret_are_masked_one_by_one);
	tcase_add_test(c, only_what_may_become_a_secret_is_held_back);
	tcase_add_test(c, a_flush_gives_out_what_was_held);
	tcase_add_test(c, short_secrets_are_refused);
	tcase_add_test(c, binary_secrets_and_text);
	suite_add_tcase(suite, c);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
