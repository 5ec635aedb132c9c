noinst_LIBRARIES += libjournal.a
libjournal_a_SOURCES = \
	src/journal/compare.c src/journal/compare.h \
	src/journal/index.c src/journal/index.h \
	src/journal/journal.h \
	src/journal/mask.c \
	src/journal/reader.c src/journal/reader.h \
	src/journal/reader_index.c \
	src/journal/redact.c src/journal/redact.h \
	src/journal/redact_forms.c \
	src/journal/redact_set.h \
	src/journal/redact_shapes.c \
	src/journal/scan.c src/journal/scan.h \
	src/journal/search.c \
	src/journal/tail.c src/journal/tail.h \
	src/journal/window.c \
	src/journal/writer.c

check_PROGRAMS += tests/unit/journal_write
TESTS += tests/unit/journal_write
tests_unit_journal_write_SOURCES = tests/unit/journal_write.c
tests_unit_journal_write_LDADD = $(LIB_JOURNAL) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/journal_redact
TESTS += tests/unit/journal_redact
tests_unit_journal_redact_SOURCES = tests/unit/journal_redact.c
tests_unit_journal_redact_LDADD = $(LIB_JOURNAL) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/journal_read
TESTS += tests/unit/journal_read
tests_unit_journal_read_SOURCES = tests/unit/journal_read.c
tests_unit_journal_read_LDADD = $(LIB_JOURNAL) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/journal_search
TESTS += tests/unit/journal_search
tests_unit_journal_search_SOURCES = tests/unit/journal_search.c
tests_unit_journal_search_LDADD = $(LIB_JOURNAL) $(CHECK_LIBS)

# Not a test: the machine decides.
EXTRA_PROGRAMS += tests/bench/bench_journal
CLEANFILES += tests/bench/bench_journal
tests_bench_bench_journal_SOURCES = tests/bench/bench_journal.c
tests_bench_bench_journal_LDADD = $(LIB_JOURNAL)

check_PROGRAMS += tests/unit/journal_compare
TESTS += tests/unit/journal_compare
tests_unit_journal_compare_SOURCES = tests/unit/journal_compare.c
tests_unit_journal_compare_LDADD = $(LIB_JOURNAL) $(CHECK_LIBS)
