/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log writer: what lands in the text, in the index, at the cap, and when the disk says no. */
#include "journal/journal.h"

#include "base/fs.h"
#include "journal/index.h"
#include "journal/scan.h"
#include "journal/tail.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
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

static char *text_of(const char *suffix, size_t *ret_len)
{
	auto_free char *name = xasprintf("%s%s", path, suffix);
	char *text;
	ck_assert_int_eq(fs_read(name, 1 << 30, &text, ret_len, NULL), ERR_OK);
	return text;
}

static void expect_text(const char *want, size_t want_len)
{
	size_t len;
	auto_free char *text = text_of("", &len);
	ck_assert_uint_eq(len, want_len);
	ck_assert_mem_eq(text, want, len);
}

/* The records, all checked to be sound and in order. */
static struct index_record *records_of(size_t *ret_n)
{
	size_t len;
	char head[sizeof(struct index_record)];
	auto_free char *bytes = text_of(INDEX_SUFFIX, &len);
	ck_assert_uint_eq(len % sizeof(struct index_record), 0);
	index_head(head);
	ck_assert_mem_eq(bytes, head, sizeof(head));
	*ret_n = len / sizeof(struct index_record) - 1;
	struct index_record *records = xmemdup(bytes + sizeof(head), len - sizeof(head));
	for (size_t i = 0; i < *ret_n; i++) {
		ck_assert(index_sound(&records[i]));
		ck_assert(i == 0 || records[i].offset >= records[i - 1].offset);
		ck_assert(i == 0 || records[i].line >= records[i - 1].line);
	}
	return records;
}

START_TEST(nothing_is_opened_before_the_first_byte)
{
	struct log_writer *w = log_writer_new(path, NULL);
	log_write(w, LOG_OUT, "", 0, 1);
	log_flush(w);
	log_writer_close(w, true);
	ck_assert(!fs_exists(path));
	w = log_writer_new(path, NULL);
	log_write(w, LOG_OUT, "x", 1, 1);
	log_flush(w);
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	log_writer_close(w, true);
	expect_text("x", 1);
}
END_TEST

START_TEST(bursts_carry_time_and_stream)
{
	struct log_writer *w = log_writer_new(path, NULL);
	log_write(w, LOG_OUT, "one\ntw", 6, 1000);
	log_write(w, LOG_OUT, "o\n", 2, 1000);
	log_write(w, LOG_ERR, "bad\r\n\0\xff", 7, 1000);
	log_write(w, LOG_OUT, "three", 5, 1005);
	struct log_totals totals;
	log_totals(w, &totals);
	ck_assert_int_eq(totals.bytes, 20);
	ck_assert_int_eq(totals.lines, 4);
	ck_assert_int_eq(totals.seen_bytes, 20);
	ck_assert_int_eq(totals.seen_lines, 4);
	log_writer_close(w, false);
	expect_text("one\ntwo\nbad\r\n\0\xffthree", 20);

	size_t n;
	auto_free struct index_record *r = records_of(&n);
	ck_assert_uint_eq(n, 4);
	ck_assert(r[0].kind == INDEX_BURST && r[0].offset == 0 && r[0].line == 1 &&
	          r[0].line_start);
	ck_assert(r[1].kind == INDEX_BURST && r[1].offset == 8 && r[1].line == 3 &&
	          r[1].line_start);
	ck_assert(r[1].stream == LOG_ERR && r[1].wall_ms == 1000);
	ck_assert(r[2].kind == INDEX_BURST && r[2].offset == 15 && r[2].line == 4 &&
	          !r[2].line_start);
	ck_assert(r[2].stream == LOG_OUT && r[2].wall_ms == 1005);
	ck_assert(r[3].kind == INDEX_DONE && r[3].offset == 20 && r[3].line == 4);
}
END_TEST

static const size_t chunks[] = { 1, 7, 4095, 65536, 300000, 1 << 20 };

START_TEST(each_256th_line_has_a_checkpoint)
{
	enum { LINES = 6000 };
	auto_str all = STR_INIT;
	for (int i = 0; i < LINES; i++)
		str_addf(&all, "line %d %.*s\n", i, i % 90,
		         "-------------------------------------------------------------------------"
		         "-----------------");
	struct log_writer *w = log_writer_new(path, NULL);
	for (size_t at = 0; at < all.len; at += chunks[_i])
		log_write(w, LOG_OUT, all.p + at, MIN(chunks[_i], all.len - at), 5);
	struct log_totals totals;
	log_totals(w, &totals);
	ck_assert_int_eq(totals.lines, LINES);
	log_writer_close(w, false);
	expect_text(all.p, all.len);
	size_t n, checkpoints = 0;
	auto_free struct index_record *r = records_of(&n);
	for (size_t i = 0; i < n; i++) {
		if (r[i].kind != INDEX_CHECKPOINT)
			continue;
		checkpoints++;
		ck_assert_int_eq(r[i].line, (int64_t)checkpoints * INDEX_STEP + 1);
		int number;
		ck_assert_int_eq(sscanf(all.p + r[i].offset, "line %d", &number), 1);
		ck_assert_int_eq(number, r[i].line - 1);
	}
	ck_assert_uint_eq(checkpoints, LINES / INDEX_STEP);
}
END_TEST

START_TEST(the_index_never_leads_the_text)
{
	struct log_writer *w = log_writer_new(path, NULL);
	auto_str line = STR_INIT;
	for (int i = 0; i < 30000; i++) {
		str_clear(&line);
		str_addf(&line, "%d\n", i);
		log_write(w, i % 2 ? LOG_OUT : LOG_ERR, line.p, line.len, i);
		if (i % 1000)
			continue;
		if (i % 2000)
			log_flush(w);
		struct stat text, index;
		if (stat(path, &text))
			continue;
		auto_free char *name = xasprintf("%s" INDEX_SUFFIX, path);
		if (stat(name, &index))
			continue;
		size_t n;
		auto_free struct index_record *r = records_of(&n);
		ck_assert(n == 0 || r[n - 1].offset <= text.st_size);
	}
	log_writer_close(w, false);
}
END_TEST

/* clang-format off */
static const struct {
	int64_t head, tail;
	const char *in, *out;
	int64_t dropped;
} caps[] = {
	{ 100, 100, "a\nb\nc\n", "a\nb\nc\n", 0 },
	{ 4, 100, "aa\nbb\ncc\n", "aa\nbb\ncc\n", 0 },
	{ 4, 4, "aa\nbb\ncc\ndd\nee\n", "aa\n[pawl: 9 bytes (3 lines) cut here]\nee\n", 9 },
	{ 4, 0, "aa\nbb\ncc\n", "aa\n[pawl: 6 bytes (2 lines) cut here]\n", 6 },
	{ 3, 3, "0123456789", "012\n[pawl: 4 bytes (0 lines) cut here]\n789", 4 },
	/* Borders of characters: the euro sign has three bytes. */
	{ 4, 4, "a\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
	  "a\xe2\x82\xac\n[pawl: 6 bytes (0 lines) cut here]\n\xe2\x82\xac", 6 },
	{ 3, 5, "a\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", "a\n[pawl: 6 bytes (0 lines) cut here]\n\xe2\x82\xac", 6 },
	{ 1, 5, "\xff\xff\xff\xff\xff\xff\xff\xff", "\xff\n[pawl: 2 bytes (0 lines) cut here]\n\xff\xff\xff\xff\xff", 2 },
};
/* clang-format on */

START_TEST(caps_keep_head_and_tail)
{
	struct log_options options = { .head_bytes = caps[_i].head, .tail_bytes = caps[_i].tail };
	struct log_writer *w = log_writer_new(path, &options);
	log_write(w, LOG_OUT, caps[_i].in, strlen(caps[_i].in), 7);
	log_writer_finish(w, true);
	struct log_totals totals;
	log_totals(w, &totals);
	expect_text(caps[_i].out, strlen(caps[_i].out));
	ck_assert_int_eq(totals.dropped_bytes, caps[_i].dropped);
	ck_assert_int_eq(totals.seen_bytes, (int64_t)strlen(caps[_i].in));
	ck_assert_int_eq(totals.bytes, (int64_t)strlen(caps[_i].out));
	ck_assert_int_eq(totals.fault, 0);
	log_writer_close(w, false);
	auto_free char *tail = xasprintf("%s" TAIL_SUFFIX, path);
	ck_assert(!fs_exists(tail));
}
END_TEST

START_TEST(long_caps_keep_whole_lines_with_their_streams)
{
	enum { LINES = 60000 };
	struct log_options options = { .head_bytes = 100000, .tail_bytes = 200000 };
	struct log_writer *w = log_writer_new(path, &options);
	auto_str line = STR_INIT;
	int64_t seen = 0;
	for (int i = 0; i < LINES; i++) {
		str_clear(&line);
		str_addf(&line, "line %d of the step\n", i);
		seen += (int64_t)line.len;
		log_write(w, i % 3 ? LOG_OUT : LOG_ERR, line.p, line.len, 1000 + i / 10);
	}
	log_writer_finish(w, false);
	struct log_totals totals;
	log_totals(w, &totals);
	log_writer_close(w, false);
	ck_assert_int_eq(totals.seen_lines, LINES);
	ck_assert_int_eq(totals.seen_bytes, seen);

	size_t len, n;
	auto_free char *text = text_of("", &len);
	ck_assert(len < 301000 && len > 290000);
	const char *mark = strstr(text, "[pawl: ");
	ck_assert_ptr_nonnull(mark);
	long long bytes, lines;
	ck_assert_int_eq(sscanf(mark, "[pawl: %lld bytes (%lld lines) cut here]\n", &bytes, &lines),
	                 2);
	ck_assert_int_eq(bytes, totals.dropped_bytes);
	size_t mark_len = strcspn(mark, "\n") + 1;
	ck_assert_int_eq((int64_t)(len - mark_len) + bytes, seen);
	ck_assert_int_eq((int64_t)scan_newlines(text, len) - 1 + lines, LINES);
	ck_assert_int_eq(totals.lines, (int64_t)scan_newlines(text, len));
	/* Before and after the mark stand whole lines. */
	int before = -1, after = -1;
	const char *previous = mark - 1;
	while (previous > text && previous[-1] != '\n')
		previous--;
	ck_assert_int_eq(sscanf(previous, "line %d of the step\n", &before), 1);
	ck_assert_int_eq(sscanf(mark + mark_len, "line %d of the step\n", &after), 1);
	ck_assert_int_eq(after - before - 1, lines);

	auto_free struct index_record *r = records_of(&n);
	bool cut = false;
	for (size_t i = 0; i < n; i++) {
		int number;
		cut |= r[i].kind == INDEX_CUT && r[i].offset == mark - text;
		if (r[i].kind != INDEX_BURST || sscanf(text + r[i].offset, "line %d", &number) != 1)
			continue;
		ck_assert_int_eq(r[i].stream, number % 3 ? LOG_OUT : LOG_ERR);
		ck_assert_int_eq(r[i].wall_ms, 1000 + number / 10);
	}
	ck_assert(cut);
	ck_assert(r[n - 1].kind == INDEX_DONE && r[n - 1].offset == (int64_t)len);
}
END_TEST

/* A writer with a cap in another process, killed after `lines` lines. */
static void write_and_die(int lines)
{
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct log_options options = { .head_bytes = 50000, .tail_bytes = 300000 };
		struct log_writer *w = log_writer_new(path, &options);
		auto_str line = STR_INIT;
		for (int i = 0; i < lines; i++) {
			str_clear(&line);
			str_addf(&line, "line %d of the step\n", i);
			log_write(w, LOG_OUT, line.p, line.len, 1000 + i);
		}
		if (write(fds[1], "x", 1) == 1)
			(void)pause();
		_exit(1);
	}
	char c;
	ck_assert_int_eq(read(fds[0], &c, 1), 1);
	/* As long as it lives nobody takes its tail away. */
	struct log_reader *r = NULL;
	ck_assert_int_eq(log_open(path, &r, NULL), ERR_OK);
	struct log_info info;
	log_info(r, &info);
	log_close(r);
	ck_assert_int_le(info.bytes, 50000);
	ck_assert_int_eq(info.cut_line, 0);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static const int killed_after[] = { 4000, 8000, 30000, 123456 };

START_TEST(the_tail_of_a_killed_writer_is_salvaged)
{
	int lines = killed_after[_i];
	write_and_die(lines);
	struct log_reader *r = NULL;
	ck_assert_int_eq(log_open(path, &r, NULL), ERR_OK);
	struct log_info info;
	log_info(r, &info);
	log_close(r);
	size_t len;
	auto_free char *text = text_of("", &len);
	auto_free char *tail = xasprintf("%s" TAIL_SUFFIX, path);
	ck_assert(!fs_exists(tail));
	/* Line by line: whole, in order, one gap at the mark, and at most the writer's buffer
	 * missing. */
	int next = 0, marks = 0;
	for (const char *at = text; *at; at = strchr(at, '\n') + 1) {
		int number;
		long long bytes, cut;
		if (sscanf(at, "[pawl: %lld bytes (%lld lines) cut here]\n", &bytes, &cut) == 2) {
			marks++;
			next += (int)cut;
			continue;
		}
		ck_assert_int_eq(sscanf(at, "line %d of the step\n", &number), 1);
		ck_assert_int_eq(number, next);
		next++;
		if (!strchr(at, '\n'))
			break;
	}
	ck_assert_int_eq(marks, lines > 20000);
	ck_assert_int_eq(info.cut_line > 0, lines > 20000);
	ck_assert_int_gt(next, lines - (64 * KIB) / 19 - 2);
	/* Once is enough. */
	log_salvage(path);
	size_t again;
	free(text_of("", &again));
	ck_assert_uint_eq(again, len);
}
END_TEST

START_TEST(the_last_bytes_are_at_hand)
{
	struct log_writer *w = log_writer_new(path, NULL);
	auto_str all = STR_INIT;
	size_t len;
	ck_assert_str_eq(log_writer_tail(w, &len), "");
	for (int i = 0; all.len < 400000; i++) {
		size_t before = all.len;
		str_addf(&all, "%d ", i * 7919);
		if (i % 1000 == 0)
			for (int k = 0; k < 80 * KIB; k++)
				str_add_char(&all, (char)('a' + k % 26));
		log_write(w, LOG_OUT, all.p + before, all.len - before, 1);
		const char *last = log_writer_tail(w, &len);
		ck_assert_uint_eq(len, MIN(all.len, (size_t)64 * KIB));
		ck_assert_mem_eq(last, all.p + all.len - len, len);
	}
	log_writer_close(w, false);
}
END_TEST

/* A file size limit stands for the full disk: writes fail, and go on when it is lifted. */
START_TEST(a_fault_is_counted_and_told_when_it_is_over)
{
	(void)signal(SIGXFSZ, SIG_IGN);
	struct rlimit old, small;
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 1000000;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	enum { CHUNK = 100000, CHUNKS = 20 };
	auto_free char *chunk = xmalloc(CHUNK);
	memset(chunk, 'x', CHUNK);
	chunk[CHUNK - 1] = '\n';
	struct log_writer *w = log_writer_new(path, NULL);
	for (int i = 0; i < CHUNKS; i++)
		log_write(w, LOG_OUT, chunk, CHUNK, 10 + i);
	log_flush(w);
	struct log_totals totals;
	log_totals(w, &totals);
	ck_assert_int_eq(totals.fault, EFBIG);
	ck_assert(totals.lost_bytes > 0);
	ck_assert_int_eq(totals.bytes + totals.lost_bytes, totals.seen_bytes);
	ck_assert_int_eq(totals.seen_lines, CHUNKS);
	int64_t lost = totals.lost_bytes;

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	log_write(w, LOG_ERR, "back\n", 5, 99);
	log_writer_finish(w, true);
	log_totals(w, &totals);
	log_writer_close(w, false);
	ck_assert_int_eq(totals.lost_bytes, lost);
	size_t len, n;
	auto_free char *text = text_of("", &len);
	auto_free char *note =
	    xasprintf("[pawl: %lld bytes lost here: File too large]\nback\n", (long long)lost);
	ck_assert_str_eq(text + len - strlen(note), note);
	ck_assert_int_eq((int64_t)len, totals.bytes);
	auto_free struct index_record *r = records_of(&n);
	ck_assert(r[n - 1].kind == INDEX_DONE && r[n - 1].offset == (int64_t)len);
	ck_assert(r[n - 2].kind == INDEX_BURST && r[n - 2].stream == LOG_ERR &&
	          r[n - 2].wall_ms == 99);
	ck_assert_int_eq(r[n - 2].offset, (int64_t)len - 5);
}
END_TEST

START_TEST(no_folder_loses_bytes_not_the_step)
{
	auto_free char *nowhere = xasprintf("%s/none/log", folder);
	struct log_writer *w = log_writer_new(nowhere, NULL);
	for (int i = 0; i < 100; i++)
		log_write(w, LOG_OUT, "0123456789\n", 11, 1);
	log_writer_finish(w, true);
	struct log_totals totals;
	log_totals(w, &totals);
	log_writer_close(w, true);
	ck_assert_int_eq(totals.fault, ENOENT);
	ck_assert_int_eq(totals.lost_bytes, 1100);
	ck_assert_int_eq(totals.seen_bytes, 1100);
	ck_assert_int_eq(totals.bytes, 0);
	ck_assert_int_eq(totals.lines, 0);
}
END_TEST

START_TEST(newlines_are_found_wherever_they_are)
{
	char text[300];
	for (size_t len = 0; len < sizeof(text); len++) {
		for (size_t step = 1; step < 70; step += 3) {
			size_t want = 0, found;
			for (size_t i = 0; i < len; i++) {
				text[i] =
				    i % step == step - 1 ? '\n' : (char)('a' + (char)(i % 26));
				want += text[i] == '\n';
			}
			ck_assert_uint_eq(scan_newlines(text, len), want);
			ck_assert_uint_eq(scan_lines(text, len, 2, &found),
			                  want >= 2 ? 2 * step : len);
			ck_assert_uint_eq(found, MIN(want, (size_t)2));
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("journal_write");
	TCase *c = tcase_create("write");
	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, nothing_is_opened_before_the_first_byte);
	tcase_add_test(c, bursts_carry_time_and_stream);
	tcase_add_loop_test(c, each_256th_line_has_a_checkpoint, 0, COUNT(chunks));
	tcase_add_test(c, the_index_never_leads_the_text);
	tcase_add_loop_test(c, caps_keep_head_and_tail, 0, COUNT(caps));
	tcase_add_test(c, long_caps_keep_whole_lines_with_their_streams);
	tcase_add_loop_test(c, the_tail_of_a_killed_writer_is_salvaged, 0, COUNT(killed_after));
	tcase_add_test(c, the_last_bytes_are_at_hand);
	tcase_add_test(c, a_fault_is_counted_and_told_when_it_is_over);
	tcase_add_test(c, no_folder_loses_bytes_not_the_step);
	tcase_add_test(c, newlines_are_found_wherever_they_are);
	suite_add_tcase(suite, c);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
