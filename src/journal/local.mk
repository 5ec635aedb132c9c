noinst_LIBRARIES += libjournal.a
libjournal_a_SOURCES = \
	src/journal/index.c src/journal/index.h \
	src/journal/journal.h \
	src/journal/redact.h \
	src/journal/scan.c src/journal/scan.h \
	src/journal/tail.c src/journal/tail.h \
	src/journal/writer.c

check_PROGRAMS += tests/unit/journal_write
TESTS += tests/unit/journal_write
tests_unit_journal_write_SOURCES = tests/unit/journal_write.c
tests_unit_journal_write_LDADD = $(LIB_JOURNAL) $(CHECK_LIBS)
