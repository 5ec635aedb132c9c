/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Searching logs: whichever way the search goes about it, it finds the lines that match alone. */
#include "journal/journal.h"

#include "base/fs.h"
#include "base/rng.h"
#include "journal/scan.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char folder[64], path[96];

static void setup(void)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/pawl-journal-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/log", folder);
}

static void teardown(void)
{
	ck_assert_int_eq(fs_rmtree(folder, NULL), ERR_OK);
}

static struct log_reader *open_text(const char *bytes, size_t len)
{
	struct log_reader *r = NULL;
	ck_assert_int_eq(fs_write(path, bytes, len, 0600, NULL), ERR_OK);
	ck_assert_int_eq(log_open(path, &r, NULL), ERR_OK);
	return r;
}

static struct regex *regex_of(const char *pattern, unsigned int flags)
{
	struct regex *re = NULL;
	struct err err = { 0 };
	ck_assert_msg(regex_new(pattern, flags, &re, &err) == ERR_OK, "%s", err.message);
	return re;
}

struct hits {
	struct str text; /* "line:start-end " each */
	int n, stop_after;
	struct log_hit last;
};

static bool note_hit(void *ctx, const struct log_hit *hit)
{
	struct hits *h = ctx;
	str_addf(&h->text, "%lld:%zu-%zu ", (long long)hit->line.number, hit->start, hit->end);
	h->last = *hit;
	return ++h->n != h->stop_after;
}

/* ---- what is found, in plain cases ---- */

static const char small[] = "one two\n\nTwo three\r\ntwo\nlast twofold";

/* clang-format off */
static const struct { const char *pattern; unsigned int flags; bool invert; const char *hits; } cases[] = {
	{ "two", 0, false, "1:4-7 4:0-3 5:5-8 " },
	{ "two", REGEX_LITERAL, false, "1:4-7 4:0-3 5:5-8 " },
	{ "two", REGEX_LITERAL | REGEX_CASELESS, false, "1:4-7 3:0-3 4:0-3 5:5-8 " },
	{ "two", REGEX_LITERAL, true, "2:0-0 3:0-0 " },
	{ "^t", REGEX_CASELESS, false, "3:0-1 4:0-1 " },
	{ "(?i)TWO$", 0, false, "1:4-7 4:0-3 " },
	{ "three$", 0, false, "3:4-9 " },
	{ "three\\z", 0, false, "3:4-9 " },
	{ "^$", 0, false, "2:0-0 " },
	{ "^$", 0, true, "1:0-0 3:0-0 4:0-0 5:0-0 " },
	{ "x*", 0, false, "1:0-0 2:0-0 3:0-0 4:0-0 5:0-0 " },
	{ "two\\s+T", 0, false, "" },
	{ "e[^x]*w", 0, false, "1:2-6 " },
	{ "two\\nl", 0, false, "" },
	{ "\\Aone", 0, false, "1:0-3 " },
	{ "\\At", 0, false, "4:0-1 " },
	{ "o(?=ne)", 0, false, "1:0-1 " },
	{ "two(?!f)", 0, false, "1:4-7 4:0-3 " },
	{ "[[:space:]]t", 0, false, "1:3-5 3:3-5 5:4-6 " },
	{ "a.c|fold", 0, false, "5:8-12 " },
	{ "zebra", 0, false, "" },
	{ "last|three|zebra", 0, false, "3:4-9 5:0-4 " },
	{ "LAST|THREE", REGEX_CASELESS, false, "3:4-9 5:0-4 " },
	{ "[tT]wo (three|four)", 0, false, "3:0-9 " },
	{ "two\n", REGEX_LITERAL, false, "" },
	{ ".*", REGEX_LITERAL, false, "" },
};
/* clang-format on */

START_TEST(lines_match_as_if_alone)
{
	struct log_reader *r = open_text(small, sizeof(small) - 1);
	struct regex *re = regex_of(cases[_i].pattern, cases[_i].flags);
	struct log_search s = { .re = re, .from = 1, .invert = cases[_i].invert };
	struct hits h = { .text = STR_INIT };
	int64_t next, count;
	ck_assert_int_eq(log_find(r, &s, note_hit, &h, &next, NULL), ERR_OK);
	ck_assert_msg(str_eq(str_text(&h.text), cases[_i].hits), "%s: %s", cases[_i].pattern,
	              str_text(&h.text));
	ck_assert_int_eq(next, 0);
	ck_assert_int_eq(log_count(r, &s, &count, NULL), ERR_OK);
	ck_assert_int_eq(count, h.n);
	str_done(&h.text);
	regex_free(re);
	log_close(r);
}
END_TEST

/* ---- against a loop over the lines, with patterns and texts at random ---- */

static void random_text(struct rng *rng, struct str *s, bool bytes)
{
	static const char *const words[] = {
		"ab",           "abc",      "error", "ERROR", "x=1",      "node-12", " ", "  ",
		"\t",           "\n",       "\n",    "\n",    "foo.c:12", "k",       "K", "s",
		"\xe2\x84\xaa", "\xc3\xa4", "_",     "a",     "b",        "c"
	};
	size_t lines = rng_below(rng, 40);
	for (size_t i = 0; i < lines * 4; i++) {
		str_add(s, words[rng_below(rng, COUNT(words))]);
		if (bytes && rng_below(rng, 10) == 0)
			str_add_len(s, &"\xff\0\x80"[rng_below(rng, 3)], 1);
	}
}

static void random_pattern(struct rng *rng, struct str *s, int depth)
{
	static const char *const atoms[] = { "a",           "b",
		                             "ab",          "abc",
		                             "error",       "c",
		                             "k",           "s",
		                             "\\d",         "\\w",
		                             "\\s",         "\\S",
		                             "\\W",         "\\D",
		                             ".",           "[ab]",
		                             "[^a]",        "[^]a]",
		                             "[^-a]",       "[\\s,]",
		                             "[[:space:]]", "[[:alpha:]x]",
		                             "^",           "$",
		                             "\\b",         "\\.",
		                             "foo",         " ",
		                             "\\h",         "[a-c]",
		                             "\\t",         "[\\t-x]",
		                             "\\B",         "\xc3\xa4",
		                             "=",           "\\n",
		                             "[\\D]",       "(?=a)",
		                             "(?!b)",       "(?<=o)",
		                             "\\z",         "[a\n]",
		                             "\\N" };
	static const char *const repeats[] = { "",    "",      "",     "",   "*",  "+",  "?",
		                               "{2}", "{0,1}", "{1,}", "*?", "+?", "++", "*+" };
	size_t n = 1 + rng_below(rng, 4);
	for (size_t i = 0; i < n; i++) {
		uint64_t kind = rng_below(rng, depth > 2 ? 8 : 10);
		if (kind < 8) {
			str_add(s, atoms[rng_below(rng, COUNT(atoms))]);
		} else {
			str_add(s, kind == 8 ? "(?:" : "(");
			random_pattern(rng, s, depth + 1);
			str_add(s, ")");
		}
		str_add(s, repeats[rng_below(rng, COUNT(repeats))]);
		if (rng_below(rng, 12) == 0)
			str_add(s, "|");
	}
}

static void expected_hits(const char *p, size_t len, struct regex *re, bool invert, struct hits *h)
{
	int64_t number = 1;
	for (size_t at = 0; at < len; number++) {
		const char *newline = memchr(p + at, '\n', len - at);
		size_t end = newline ? (size_t)(newline - p) : len, from = 0, to = 0;
		if (regex_find(re, p + at, end - at, 0, &from, &to, NULL) != invert) {
			str_addf(&h->text, "%lld:%zu-%zu ", (long long)number, invert ? 0 : from,
			         invert ? 0 : to);
			h->n++;
		}
		at = end + 1;
	}
}

START_TEST(every_way_finds_the_same)
{
	struct rng rng = { (uint64_t)_i * 7919 + 1 };
	auto_str text = STR_INIT;
	random_text(&rng, &text, _i % 3 == 0);
	struct log_reader *r = open_text(str_text(&text), text.len);
	int tried = 0;
	for (int k = 0; k < 150; k++) {
		auto_str pattern = STR_INIT;
		random_pattern(&rng, &pattern, 0);
		unsigned int flags = rng_below(&rng, 3) ? 0 : REGEX_CASELESS;
		auto_regex *re = NULL;
		/* Beside bytes that are not UTF-8, \B depends on where the text begins. */
		if (_i % 3 == 0 && strstr(str_text(&pattern), "\\B"))
			continue;
		if (regex_new(str_text(&pattern), flags, &re, NULL))
			continue; /* it has no meaning */
		tried++;
		bool invert = rng_below(&rng, 4) == 0;
		struct hits want = { .text = STR_INIT }, got = { .text = STR_INIT };
		expected_hits(str_text(&text), text.len, re, invert, &want);
		struct log_search s = { .re = re, .from = 1, .invert = invert };
		int64_t next, count;
		ck_assert_int_eq(log_find(r, &s, note_hit, &got, &next, NULL), ERR_OK);
		ck_assert_msg(str_eq(str_text(&got.text), str_text(&want.text)),
		              "pattern %s flags %u invert %d\ngot  %s\nwant %s\nin %s", pattern.p,
		              flags, invert, str_text(&got.text), str_text(&want.text),
		              str_text(&text));
		ck_assert_int_eq(log_count(r, &s, &count, NULL), ERR_OK);
		ck_assert_int_eq(count, want.n);
		str_done(&want.text);
		str_done(&got.text);
	}
	ck_assert_int_gt(tried, 50);
	log_close(r);
}
END_TEST

/* ---- long texts, in pieces, in both directions ---- */

static void big_text(struct str *s)
{
	for (int i = 1; i <= 20000; i++) {
		str_addf(s, "%d ", i);
		if (i % 997 == 0)
			str_add(s, "needle ");
		if (i == 7000)
			for (int k = 0; k < 700000; k++)
				str_add_char(s, (char)('a' + k % 20));
		str_addf(s, "%.*s\n", i % 50, "..................................................");
	}
	str_add(s, "needle at the end");
}

static const char *const needles[] = { "needle", "nee+dle", "^\\d+ needle|^needle",
	                               "^\\d* ?needle(?= )" };

START_TEST(pages_in_both_directions_give_all_hits)
{
	auto_str text = STR_INIT;
	big_text(&text);
	struct log_reader *r = open_text(text.p, text.len);
	auto_regex *re = regex_of(needles[_i], 0);
	struct hits want = { .text = STR_INIT };
	expected_hits(text.p, text.len, re, false, &want);
	ck_assert_int_eq(want.n, 21);
	for (int max = 1; max < 25; max += 5) {
		/* Forward, `max` at a time, must be the same text; backwards, the same hits in
		 * reverse. */
		struct hits got = { .text = STR_INIT };
		struct log_search s = { .re = re, .from = 1, .max_hits = max };
		for (int64_t next = 1; next;) {
			s.from = next;
			ck_assert_int_eq(log_find(r, &s, note_hit, &got, &next, NULL), ERR_OK);
		}
		ck_assert_str_eq(str_text(&got.text), str_text(&want.text));
		str_done(&got.text);
		s.backwards = true;
		struct str reverse = STR_INIT;
		int n = 0;
		for (int64_t next = 1LL << 40; next; n++) {
			struct hits page = { .text = STR_INIT };
			s.from = next;
			s.max_hits = 1;
			ck_assert_int_eq(log_find(r, &s, note_hit, &page, &next, NULL), ERR_OK);
			str_add(&page.text, str_text(&reverse));
			str_done(&reverse);
			reverse = page.text;
		}
		ck_assert_str_eq(str_text(&reverse), str_text(&want.text));
		str_done(&reverse);
	}
	/* All at once, backwards. */
	struct log_search s = { .re = re, .backwards = true };
	struct hits got = { .text = STR_INIT };
	int64_t next;
	ck_assert_int_eq(log_find(r, &s, note_hit, &got, &next, NULL), ERR_OK);
	ck_assert_int_eq(got.n, want.n);
	ck_assert_int_eq(next, 0);
	ck_assert_int_eq(strncmp(got.text.p, "20001:", 6), 0);
	/* From the middle. */
	str_clear(&got.text);
	s.from = 5000;
	s.max_hits = 1;
	ck_assert_int_eq(log_find(r, &s, note_hit, &got, &next, NULL), ERR_OK);
	ck_assert_int_eq(got.last.line.number, 997 * 5);
	ck_assert_int_eq(next, 997 * 5 - 1);
	s.backwards = false;
	s.from = 997 * 5 + 1;
	ck_assert_int_eq(log_find(r, &s, note_hit, &got, &next, NULL), ERR_OK);
	ck_assert_int_eq(got.last.line.number, 997 * 6);
	str_done(&got.text);
	str_done(&want.text);
	log_close(r);
}
END_TEST

START_TEST(hits_carry_their_line)
{
	struct log_writer *w = log_writer_new(path, NULL);
	for (int i = 1; i <= 3000; i++) {
		auto_str s = STR_INIT;
		str_addf(&s, "line %d\n", i);
		log_write(w, i % 2 ? LOG_OUT : LOG_ERR, s.p, s.len, 1000 + i);
	}
	log_writer_close(w, false);
	struct log_reader *r = NULL;
	ck_assert_int_eq(log_open(path, &r, NULL), ERR_OK);
	auto_regex *re = regex_of("2\\d\\d4$", 0);
	struct log_search s = { .re = re, .from = 2500, .max_hits = 1 };
	struct hits h = { .text = STR_INIT };
	int64_t next;
	ck_assert_int_eq(log_find(r, &s, note_hit, &h, &next, NULL), ERR_OK);
	ck_assert_str_eq(h.text.p, "2504:5-9 ");
	ck_assert_int_eq(h.last.line.wall_ms, 3504);
	ck_assert_int_eq(h.last.line.stream, LOG_ERR);
	ck_assert_int_eq(next, 2505);
	str_done(&h.text);
	log_close(r);
}
END_TEST

START_TEST(lines_longer_than_the_limit)
{
	enum { LONG = 9 * MIB };
	auto_str s = STR_INIT;
	str_add(&s, "first needle\n");
	str_reserve(&s, LONG + 100);
	for (int i = 0; i < LONG; i++)
		str_add_char(&s, i == 2000000 ? '#' : (char)('a' + i % 13));
	str_add(&s, " needle\nbehind needle\n");
	struct log_reader *r = open_text(s.p, s.len);
	static const char *const patterns[] = { "needle", "#", "\\d|#", "n..dle$" };
	static const char *const want[] = { "1:6-12 3:7-13 ", "2:2000000-2000001 ",
		                            "2:2000000-2000001 ", "1:6-12 3:7-13 " };
	for (size_t i = 0; i < COUNT(patterns); i++) {
		auto_regex *re = regex_of(patterns[i], 0);
		for (int backwards = 0; backwards < 2; backwards++) {
			struct log_search q = { .re = re, .backwards = backwards };
			struct hits h = { .text = STR_INIT };
			int64_t next;
			ck_assert_int_eq(log_find(r, &q, note_hit, &h, &next, NULL), ERR_OK);
			if (!backwards)
				ck_assert_str_eq(h.text.p, want[i]);
			ck_assert_int_eq(h.n, i == 0 || i == 3 ? 2 : 1);
			if (h.n == 1)
				ck_assert_uint_eq(h.last.line.full_len, LONG + 7);
			str_done(&h.text);
		}
	}
	log_close(r);
}
END_TEST

static bool never(void *ctx)
{
	(*(int *)ctx)++;
	return true;
}

START_TEST(a_search_can_be_canceled_and_has_a_budget)
{
	auto_str s = STR_INIT;
	for (int i = 0; s.len < 6 * MIB; i++)
		str_addf(&s, "line %d of many\n", i);
	struct log_reader *r = open_text(s.p, s.len);
	auto_regex *re = regex_of("nowhere", 0);
	int asked = 0;
	struct log_search q = { .re = re, .canceled = never, .ctx = &asked };
	struct hits h = { .text = STR_INIT };
	int64_t next, count;
	struct err err;
	for (q.backwards = false;; q.backwards = true) {
		ck_assert_int_eq(log_find(r, &q, note_hit, &h, &next, &err), ERR_CANCELED);
		if (q.backwards)
			break;
	}
	ck_assert_int_eq(log_count(r, &q, &count, &err), ERR_CANCELED);
	ck_assert_int_eq(asked, 3);
	/* A budget that is over at once: each call goes on some way, and all of them together go
	 * through. */
	struct log_search b = { .re = re, .budget_us = 1, .from = 1 };
	int calls = 0;
	int64_t last = 0;
	do {
		ck_assert_int_eq(log_find(r, &b, note_hit, &h, &next, NULL), ERR_OK);
		ck_assert(next == 0 || next > last);
		last = b.from = next;
		calls++;
	} while (next);
	ck_assert_int_gt(calls, 1);
	b = (struct log_search){ .re = re, .budget_us = 1, .backwards = true };
	for (last = INT64_MAX;; last = next) {
		ck_assert_int_eq(log_find(r, &b, note_hit, &h, &next, NULL), ERR_OK);
		ck_assert_int_lt(next, last);
		if (!next)
			break;
		b.from = next;
	}
	ck_assert_int_eq(log_count(r, &b, &count, &err), ERR_TIMEOUT);
	ck_assert_int_eq(h.n, 0);
	str_done(&h.text);
	log_close(r);
}
END_TEST

/* A pattern that backtracks without end is cut off by its limit, line by line, and hangs nothing.
 */
START_TEST(evil_patterns_end)
{
	auto_str s = STR_INIT;
	for (int i = 0; i < 50; i++)
		str_add(&s, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\n");
	str_add(&s, "aaaab\n");
	struct log_reader *r = open_text(s.p, s.len);
	auto_regex *re = regex_of("^(a|a)+b$", 0);
	struct log_search q = { .re = re };
	int64_t count;
	ck_assert_int_eq(log_count(r, &q, &count, NULL), ERR_OK);
	ck_assert_int_eq(count, 1);
	log_close(r);
}
END_TEST

START_TEST(texts_are_found_wherever_they_are)
{
	struct rng rng = { (uint64_t)_i };
	for (int k = 0; k < 400; k++) {
		char text[400], what[12];
		size_t len = rng_below(&rng, sizeof(text)),
		       n = 1 + rng_below(&rng, sizeof(what) - 1);
		for (size_t i = 0; i < len; i++)
			text[i] = "aAbB."[rng_below(&rng, 5)];
		bool fold = rng_below(&rng, 2);
		for (size_t i = 0; i < n; i++)
			what[i] = len > n && k % 3 ? text[len - n + i] : "ab."[rng_below(&rng, 3)];
		struct scan_text t;
		scan_text_init(&t, what, n, fold);
		size_t want = SCAN_NONE;
		for (size_t i = 0; i + n <= len && want == SCAN_NONE; i++)
			if (fold ? strncasecmp(text + i, what, n) == 0
			         : memcmp(text + i, what, n) == 0)
				want = i;
		ck_assert_uint_eq(scan_find(&t, text, len), want);
		bool ascii = rng_below(&rng, 2) || len == 0;
		if (!ascii)
			text[rng_below(&rng, len)] = (char)(128 + (int)rng_below(&rng, 128));
		ck_assert_int_eq(scan_ascii(text, len), ascii);
	}
}
END_TEST

START_TEST(the_first_of_several_texts_is_found)
{
	struct rng rng = { (uint64_t)_i };
	for (int k = 0; k < 300; k++) {
		char text[300], what[SCAN_SET][8];
		struct scan_text texts[SCAN_SET];
		size_t len = rng_below(&rng, sizeof(text)), n = 1 + rng_below(&rng, SCAN_SET);
		bool fold = rng_below(&rng, 2);
		for (size_t i = 0; i < len; i++)
			text[i] = "aAbBcd."[rng_below(&rng, 7)];
		size_t want = SCAN_NONE;
		for (size_t i = 0; i < n; i++) {
			size_t size = 2 + rng_below(&rng, sizeof(what[i]) - 1);
			for (size_t c = 0; c < size; c++)
				what[i][c] = "abcd."[rng_below(&rng, 5)];
			scan_text_init(&texts[i], what[i], size, fold);
			want = MIN(want, scan_find(&texts[i], text, len));
		}
		struct scan_set set;
		if (!scan_set_init(&set, texts, n))
			return; /* not on this machine, where the search does without */
		size_t got = scan_set_find(&set, text, len);
		ck_assert((got == SCAN_NONE) == (want == SCAN_NONE));
		if (got == SCAN_NONE)
			continue;
		bool one = false;
		for (size_t i = 0; i < n; i++)
			one |= got + texts[i].len <= len && scan_find(&texts[i], text + got, texts[i].len) == 0;
		ck_assert(one);
		/* It is the first, but for the place in the texts that is looked at. */
		ck_assert_uint_ge(got, want);
		ck_assert_uint_le(got, want + sizeof(what[0]));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("journal_search");
	TCase *c = tcase_create("search");
	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, lines_match_as_if_alone, 0, COUNT(cases));
	tcase_add_loop_test(c, every_way_finds_the_same, 0, 60);
	tcase_add_loop_test(c, pages_in_both_directions_give_all_hits, 0, COUNT(needles));
	tcase_add_test(c, hits_carry_their_line);
	tcase_add_test(c, lines_longer_than_the_limit);
	tcase_add_test(c, a_search_can_be_canceled_and_has_a_budget);
	tcase_add_test(c, evil_patterns_end);
	tcase_add_loop_test(c, texts_are_found_wherever_they_are, 0, 5);
	tcase_add_loop_test(c, the_first_of_several_texts_is_found, 0, 5);
	suite_add_tcase(suite, c);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
