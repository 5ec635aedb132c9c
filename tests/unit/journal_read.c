/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log reader: any line, time and stream, whatever happened to the text and to its index. */
#include "journal/journal.h"

#include "base/fs.h"
#include "base/rng.h"
#include "journal/index.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], path[96], index_path[128];

static void setup(void)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/pawl-journal-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/log", folder);
	(void)snprintf(index_path, sizeof(index_path), "%s" INDEX_SUFFIX, path);
}

static void teardown(void)
{
	ck_assert_int_eq(fs_rmtree(folder, NULL), ERR_OK);
}

static void put_file(const char *name, const char *bytes, size_t len)
{
	ck_assert_int_eq(fs_write(name, bytes, len, 0600, NULL), ERR_OK);
}

static struct log_reader *open_log(void)
{
	struct log_reader *r = NULL;
	struct err err = { 0 };
	ck_assert_msg(log_open(path, &r, &err) == ERR_OK, "%s", err.message);
	return r;
}

static int64_t lines_of(struct log_reader *r)
{
	struct log_info info;
	log_info(r, &info);
	return info.lines;
}

/* What a window gives, as "number@offset/full_len:text|…". */
struct seen {
	struct str text;
	struct log_line last;
	int n, stop_after;
};

static bool note_line(void *ctx, const struct log_line *line)
{
	struct seen *seen = ctx;
	str_addf(&seen->text, "%lld@%lld/%zu:", (long long)line->number, (long long)line->offset,
	         line->full_len);
	str_add_len(&seen->text, line->text, line->len);
	str_add_char(&seen->text, '|');
	seen->last = *line;
	seen->n++;
	return seen->n != seen->stop_after;
}

static void expect_window(struct log_reader *r, int64_t first, int64_t n, const char *want)
{
	struct seen seen = { .text = STR_INIT };
	ck_assert_int_eq(log_window(r, first, n, 1000, 100000, note_line, &seen, NULL), ERR_OK);
	ck_assert_str_eq(str_text(&seen.text), want);
	str_done(&seen.text);
}

/* clang-format off */
static const struct { const char *text; size_t len; int64_t lines; const char *window; } texts[] = {
	{ "", 0, 0, "" },
	{ "\n", 1, 1, "1@0/0:|" },
	{ "a", 1, 1, "1@0/1:a|" },
	{ "a\nb", 3, 2, "1@0/1:a|2@2/1:b|" },
	{ "a\n\n\nb\n", 6, 4, "1@0/1:a|2@2/0:|3@3/0:|4@4/1:b|" },
	{ "dos\r\nline\r\n", 11, 2, "1@0/4:dos\r|2@5/5:line\r|" },
	{ "\xff\xfe\x01\n\x80", 5, 2, "1@0/3:\xff\xfe\x01|2@4/1:\x80|" },
};
/* clang-format on */

START_TEST(a_text_without_an_index_is_enough)
{
	put_file(path, texts[_i].text, texts[_i].len);
	struct log_reader *r = open_log();
	struct log_info info;
	log_info(r, &info);
	ck_assert_int_eq(info.bytes, (int64_t)texts[_i].len);
	ck_assert_int_eq(info.lines, texts[_i].lines);
	ck_assert(!info.timed && !info.done && info.cut_line == 0);
	expect_window(r, 1, 100, texts[_i].window);
	expect_window(r, texts[_i].lines + 1, 100, "");
	expect_window(r, -5, 0, "");
	ck_assert_int_eq(log_line_at_time(r, 0), texts[_i].lines + 1);
	log_close(r);
}
END_TEST

START_TEST(no_file_is_not_found)
{
	struct log_reader *r = NULL;
	struct err err;
	ck_assert_int_eq(log_open(path, &r, &err), ERR_NOT_FOUND);
	ck_assert_int_eq(log_open(folder, &r, &err), ERR_IO);
	ck_assert_ptr_nonnull(strstr(err.message, "not a file"));
	ck_assert_ptr_null(r);
}
END_TEST

/* ---- a log of many bursts, and the same text read naively ---- */

enum { LINES = 3000 };
static int64_t offsets[LINES + 1];

static int64_t wall_of(int line)
{
	return 100000 + line / 7 * 3;
}

static enum log_stream stream_of(int line)
{
	return line / 3 % 2 ? LOG_ERR : LOG_OUT;
}

static void line_text(int line, struct str *s)
{
	str_addf(s, "line %d %.*s\n", line, line % 60,
	         "............................................................");
}

static void write_log(const struct log_options *options)
{
	struct log_writer *w = log_writer_new(path, options);
	auto_str s = STR_INIT;
	int64_t at = 0;
	for (int i = 1; i <= LINES; i++) {
		str_clear(&s);
		line_text(i, &s);
		offsets[i] = at;
		at += (int64_t)s.len;
		log_write(w, stream_of(i), s.p, s.len, wall_of(i));
		if (i % 100 == 0)
			log_flush(w);
	}
	log_writer_close(w, false);
}

static bool check_line(void *ctx, const struct log_line *line)
{
	int64_t *expected = ctx;
	ck_assert_int_eq(line->number, *expected);
	ck_assert_int_eq(line->offset, offsets[line->number]);
	auto_str s = STR_INIT;
	line_text((int)line->number, &s);
	ck_assert_uint_eq(line->len, s.len - 1);
	ck_assert_uint_eq(line->full_len, s.len - 1);
	ck_assert_mem_eq(line->text, s.p, line->len);
	if (line->wall_ms) {
		ck_assert_int_eq(line->wall_ms, wall_of((int)line->number));
		ck_assert_int_eq(line->stream, stream_of((int)line->number));
	}
	(*expected)++;
	return true;
}

static void check_windows(struct log_reader *r)
{
	static const int firsts[] = {
		1, 2, 255, 256, 257, 258, 1000, 2560, 2817, LINES - 1, LINES
	};
	for (size_t i = 0; i < COUNT(firsts); i++) {
		int64_t next = firsts[i];
		ck_assert_int_eq(log_window(r, next, 300, 200, 1 << 20, check_line, &next, NULL),
		                 ERR_OK);
		ck_assert_int_eq(next, MIN(firsts[i] + 300, LINES + 1));
	}
}

static void check_positions(struct log_reader *r)
{
	for (int i = 1; i <= LINES; i += 37) {
		ck_assert_int_eq(log_line_at_offset(r, offsets[i]), i);
		ck_assert_int_eq(log_line_at_offset(r, offsets[i] + 3), i);
		ck_assert_int_eq(log_line_at_offset(r, offsets[i] - 1), MAX(i - 1, 1));
	}
	ck_assert_int_eq(log_line_at_offset(r, 1LL << 40), LINES);
}

START_TEST(lines_have_their_times_and_streams)
{
	write_log(NULL);
	struct log_reader *r = open_log();
	struct log_info info;
	log_info(r, &info);
	ck_assert(info.timed && info.done);
	ck_assert_int_eq(info.lines, LINES);
	check_windows(r);
	check_positions(r);
	struct seen seen = { .text = STR_INIT };
	ck_assert_int_eq(log_window(r, 2000, 1, 100, 100, note_line, &seen, NULL), ERR_OK);
	str_done(&seen.text);
	ck_assert_int_eq(seen.last.wall_ms, wall_of(2000));
	ck_assert_int_eq(seen.last.stream, stream_of(2000));
	for (int i = 1; i <= LINES; i++) {
		int first = i;
		while (first > 1 && wall_of(first - 1) == wall_of(i))
			first--;
		ck_assert_int_eq(log_line_at_time(r, wall_of(i)), first);
	}
	ck_assert_int_eq(log_line_at_time(r, 0), 1);
	ck_assert_int_eq(log_line_at_time(r, wall_of(LINES) + 1), LINES + 1);
	log_close(r);
}
END_TEST

START_TEST(a_window_stops_where_it_is_told_to)
{
	write_log(NULL);
	struct log_reader *r = open_log();
	struct seen seen = { .text = STR_INIT, .stop_after = 3 };
	ck_assert_int_eq(log_window(r, 10, 100, 4, 1 << 20, note_line, &seen, NULL), ERR_OK);
	ck_assert_int_eq(seen.n, 3);
	ck_assert_uint_eq(seen.last.len, 4);
	ck_assert_uint_eq(seen.last.full_len, strlen("line 12 ............"));
	seen.n = seen.stop_after = 0;
	ck_assert_int_eq(log_window(r, 10, 100, 1000, 50, note_line, &seen, NULL), ERR_OK);
	ck_assert_int_eq(seen.n, 2);
	seen.n = 0; /* one line comes in any case */
	ck_assert_int_eq(log_window(r, 10, 100, 1000, 1, note_line, &seen, NULL), ERR_OK);
	ck_assert_int_eq(seen.n, 1);
	str_done(&seen.text);
	log_close(r);
}
END_TEST

/* ---- an index that a crash, or somebody, left in a bad state ---- */

START_TEST(the_index_may_end_anywhere)
{
	write_log(NULL);
	char *bytes;
	size_t len;
	ck_assert_int_eq(fs_read(index_path, 1 << 26, &bytes, &len, NULL), ERR_OK);
	/* Each length near the start and the end, and some between. */
	for (size_t cut = 0; cut <= len; cut += (cut < 200 || cut > len - 200) ? 1 : 997) {
		put_file(index_path, bytes, cut);
		struct log_reader *r = open_log();
		ck_assert_int_eq(lines_of(r), LINES);
		int64_t next = 2500;
		ck_assert_int_eq(log_window(r, next, 10, 200, 1 << 20, check_line, &next, NULL),
		                 ERR_OK);
		log_close(r);
	}
	ck_assert_int_eq(unlink(index_path), 0);
	struct log_reader *r = open_log();
	check_windows(r);
	check_positions(r);
	log_close(r);
	free(bytes);
}
END_TEST

START_TEST(any_byte_of_the_index_may_be_wrong)
{
	write_log(NULL);
	char *bytes;
	size_t len;
	ck_assert_int_eq(fs_read(index_path, 1 << 26, &bytes, &len, NULL), ERR_OK);
	struct rng rng = { (uint64_t)_i };
	for (int k = 0; k < 40; k++) {
		auto_free char *bad = xmemdup(bytes, len);
		size_t at = rng_below(&rng, len), n = MIN(1 + rng_below(&rng, 70), len - at);
		bool zero = rng_below(&rng, 2);
		for (size_t i = 0; i < n; i++)
			bad[at + i] =
			    zero ? '\0' : (char)(bad[at + i] ^ (char)(1 + rng_below(&rng, 255)));
		put_file(index_path, bad, len);
		struct log_reader *r = open_log();
		ck_assert_int_eq(lines_of(r), LINES);
		check_positions(r); /* lines are where they are, whatever the index says */
		log_close(r);
	}
	free(bytes);
}
END_TEST

START_TEST(an_index_of_another_text_is_not_believed)
{
	write_log(NULL);
	auto_str s = STR_INIT;
	for (int i = 1; i <= LINES * 3; i++)
		str_addf(&s, "other %d%s\n", i, i % 5 ? "" : " and longer");
	put_file(path, s.p, s.len);
	struct log_reader *r = open_log();
	ck_assert_int_eq(lines_of(r), LINES * 3);
	struct log_info info;
	log_info(r, &info);
	ck_assert(!info.timed && !info.done);
	expect_window(r, 8001, 1, "8001@104493/10:other 8001|");
	log_close(r);
}
END_TEST

START_TEST(a_killed_writer_leaves_a_readable_log)
{
	for (int round = 0; round < 8; round++) {
		int fds[2];
		ck_assert_int_eq(pipe(fds), 0);
		pid_t pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			struct log_writer *w = log_writer_new(path, NULL);
			auto_str s = STR_INIT;
			for (int i = 1;; i++) {
				str_clear(&s);
				line_text(i, &s);
				log_write(w, stream_of(i), s.p, s.len, wall_of(i));
				if (i % (50 + round * 31) == 0)
					log_flush(w);
				if (i == 20000 && write(fds[1], "x", 1) != 1)
					_exit(1);
			}
		}
		char c;
		ck_assert_int_eq(read(fds[0], &c, 1), 1);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		(void)close(fds[0]);
		(void)close(fds[1]);

		char *text;
		size_t len;
		ck_assert_int_eq(fs_read(path, 1 << 30, &text, &len, NULL), ERR_OK);
		struct log_reader *r = open_log();
		struct log_info info;
		log_info(r, &info);
		ck_assert(info.timed && !info.done);
		ck_assert_int_eq(info.bytes, (int64_t)len);
		int64_t lines = 0;
		for (size_t i = 0; i < len; i++)
			lines += text[i] == '\n';
		ck_assert_int_eq(info.lines, lines + (text[len - 1] != '\n'));
		struct seen seen = { .text = STR_INIT };
		ck_assert_int_eq(log_window(r, 19000, 1, 100, 100, note_line, &seen, NULL), ERR_OK);
		ck_assert_int_eq(strncmp(seen.last.text, "line 19000 ", 11), 0);
		ck_assert_int_eq(seen.last.wall_ms, wall_of(19000));
		ck_assert_int_eq(seen.last.stream, stream_of(19000));
		str_done(&seen.text);
		log_close(r);
		free(text);
	}
}
END_TEST

/* ---- while it changes ---- */

START_TEST(a_reader_keeps_up_with_a_writer)
{
	struct log_writer *w = log_writer_new(path, NULL);
	log_write(w, LOG_OUT, "first", 5, 50);
	log_flush(w);
	struct log_reader *r = open_log();
	expect_window(r, 1, 10, "1@0/5:first|");
	log_write(w, LOG_OUT, " half\nsecond\n", 13, 60);
	ck_assert_int_eq(log_refresh(r, NULL), ERR_OK);
	ck_assert_int_eq(lines_of(r), 1); /* still in the writer's buffer */
	log_flush(w);
	ck_assert_int_eq(log_refresh(r, NULL), ERR_OK);
	expect_window(r, 1, 10, "1@0/10:first half|2@11/6:second|");
	auto_str s = STR_INIT;
	for (int i = 3; i <= 5000; i++) {
		str_clear(&s);
		str_addf(&s, "line %d\n", i);
		log_write(w, i % 2 ? LOG_ERR : LOG_OUT, s.p, s.len, 1000 + i);
		if (i % 331)
			continue;
		log_flush(w);
		ck_assert_int_eq(log_refresh(r, NULL), ERR_OK);
		ck_assert_int_eq(lines_of(r), i);
		struct seen seen = { .text = STR_INIT };
		ck_assert_int_eq(log_window(r, i, 5, 100, 1000, note_line, &seen, NULL), ERR_OK);
		ck_assert_int_eq(seen.n, 1);
		ck_assert_int_eq(seen.last.wall_ms, 1000 + i);
		ck_assert_int_eq(seen.last.stream, i % 2 ? LOG_ERR : LOG_OUT);
		str_done(&seen.text);
	}
	log_writer_close(w, false);
	ck_assert_int_eq(log_refresh(r, NULL), ERR_OK);
	struct log_info info;
	log_info(r, &info);
	ck_assert(info.done);
	ck_assert_int_eq(info.lines, 5000);
	log_close(r);
}
END_TEST

START_TEST(a_cut_file_is_noticed)
{
	write_log(NULL);
	struct log_reader *r = open_log();
	check_windows(r);
	ck_assert_int_eq(truncate(path, offsets[1001]), 0);
	/* Before the refresh a window ends where the bytes end. */
	int64_t next = 900;
	ck_assert_int_eq(log_window(r, next, 3000, 200, 1 << 20, check_line, &next, NULL), ERR_OK);
	ck_assert_int_le(next, LINES + 1);
	ck_assert_int_eq(log_refresh(r, NULL), ERR_OK);
	ck_assert_int_eq(lines_of(r), 1000);
	struct log_info info;
	log_info(r, &info);
	ck_assert(!info.done && info.timed);
	next = 700;
	ck_assert_int_eq(log_window(r, next, 3000, 200, 1 << 20, check_line, &next, NULL), ERR_OK);
	ck_assert_int_eq(next, 1001);
	ck_assert_int_eq(truncate(path, 0), 0);
	ck_assert_int_eq(log_refresh(r, NULL), ERR_OK);
	ck_assert_int_eq(lines_of(r), 0);
	expect_window(r, 1, 10, "");
	put_file(path, "new\nfile\n", 9); /* by rename: another inode */
	ck_assert_int_eq(log_refresh(r, NULL), ERR_OK);
	expect_window(r, 1, 10, "1@0/3:new|2@4/4:file|");
	log_close(r);
}
END_TEST

START_TEST(the_cut_of_a_capped_log_is_known)
{
	struct log_options options = { .head_bytes = 20000, .tail_bytes = 20000 };
	write_log(&options);
	for (int round = 0; round < 2; round++) {
		struct log_reader *r = open_log();
		struct log_info info;
		log_info(r, &info);
		ck_assert_int_gt(info.cut_line, 1);
		ck_assert_int_gt(info.cut_bytes, 1000);
		ck_assert_int_eq(info.timed, round == 0);
		struct seen seen = { .text = STR_INIT };
		ck_assert_int_eq(log_window(r, info.cut_line, 1, 100, 100, note_line, &seen, NULL),
		                 ERR_OK);
		ck_assert_ptr_nonnull(strstr(seen.text.p, ":[pawl: "));
		ck_assert(round == 1 || seen.last.stream == LOG_NOTE);
		str_done(&seen.text);
		log_close(r);
		ck_assert_int_eq(round == 0 ? unlink(index_path) : 0, 0);
	}
}
END_TEST

START_TEST(a_mark_is_found_across_blocks)
{
	static const char mark[] = "[pawl: 7 bytes (1 lines) cut here]\n";
	for (int shift = 0; shift < 120; shift += 7) {
		auto_str s = STR_INIT;
		while (s.len < 256 * KIB - 130)
			str_add(&s, "0123456789abcde\n");
		while (s.len < 256 * KIB - 110 + (size_t)shift)
			str_add_char(&s, 'x');
		str_add(&s, "\n");
		int64_t at = (int64_t)s.len;
		str_add(&s, mark);
		str_add(&s, "more\n");
		put_file(path, s.p, s.len);
		struct log_reader *r = open_log();
		struct log_info info;
		log_info(r, &info);
		ck_assert_int_eq(info.cut_bytes, 7);
		ck_assert_int_eq(info.cut_line, log_line_at_offset(r, at));
		log_close(r);
	}
}
END_TEST

START_TEST(a_line_of_two_megabytes)
{
	enum { LONG = 2000000 };
	auto_free char *line = xmalloc(LONG);
	memset(line, 'y', LONG);
	line[0] = '<';
	line[LONG - 1] = '>';
	auto_str s = STR_INIT;
	str_add(&s, "before\n");
	str_add_len(&s, line, LONG);
	str_add(&s, "\nafter\n");
	str_add_len(&s, line, LONG);
	put_file(path, s.p, s.len);
	struct log_reader *r = open_log();
	ck_assert_int_eq(lines_of(r), 4);
	for (int round = 0; round < 2; round++) {
		struct seen part = { .text = STR_INIT };
		ck_assert_int_eq(log_window(r, 1, 10, 5, 1000, note_line, &part, NULL), ERR_OK);
		ck_assert_str_eq(part.text.p, "1@0/6:befor|2@7/2000000:<yyyy|3@2000008/5:after|"
		                              "4@2000014/2000000:<yyyy|");
		str_done(&part.text);
	}
	struct seen seen = { .text = STR_INIT };
	ck_assert_int_eq(log_window(r, 2, 1, 3 * MIB, 8 * MIB, note_line, &seen, NULL), ERR_OK);
	ck_assert_uint_eq(seen.last.len, LONG);
	ck_assert_mem_eq(seen.last.text, line, LONG);
	str_done(&seen.text);
	log_close(r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("journal_read");
	TCase *c = tcase_create("read");
	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, a_text_without_an_index_is_enough, 0, COUNT(texts));
	tcase_add_test(c, no_file_is_not_found);
	tcase_add_test(c, lines_have_their_times_and_streams);
	tcase_add_test(c, a_window_stops_where_it_is_told_to);
	tcase_add_test(c, the_index_may_end_anywhere);
	tcase_add_loop_test(c, any_byte_of_the_index_may_be_wrong, 0, 5);
	tcase_add_test(c, an_index_of_another_text_is_not_believed);
	tcase_add_test(c, a_killed_writer_leaves_a_readable_log);
	tcase_add_test(c, a_reader_keeps_up_with_a_writer);
	tcase_add_test(c, a_cut_file_is_noticed);
	tcase_add_test(c, the_cut_of_a_capped_log_is_known);
	tcase_add_test(c, a_mark_is_found_across_blocks);
	tcase_add_test(c, a_line_of_two_megabytes);
	suite_add_tcase(suite, c);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
