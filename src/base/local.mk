noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/arena.c src/base/arena.h \
	src/base/base.c src/base/base.h \
	src/base/clock.c src/base/clock.h \
	src/base/diag.c src/base/diag.h \
	src/base/err.c src/base/err.h \
	src/base/fs.c src/base/fs.h \
	src/base/hash.c src/base/hash.h \
	src/base/heap.c src/base/heap.h \
	src/base/id.c src/base/id.h \
	src/base/json.c src/base/json.h src/base/json_write.c \
	src/base/language.c src/base/language.h \
	src/base/linediff.c src/base/linediff.h \
	src/base/map.c src/base/map.h \
	src/base/proc.c src/base/proc.h \
	src/base/nearest.c src/base/nearest.h \
	src/base/regex.c src/base/regex.h \
	src/base/regex_internal.h \
	src/base/regex_plan.c \
	src/base/regex_texts.c \
	src/base/random.c \
	src/base/rng.h \
	src/base/spawn.c src/base/spawn.h \
	src/base/str.c src/base/str.h \
	src/base/utf8.c src/base/utf8.h

check_PROGRAMS += tests/unit/base_text
TESTS += tests/unit/base_text
tests_unit_base_text_SOURCES = tests/unit/base_text.c
tests_unit_base_text_LDADD = $(LIB_BASE) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/base_regex
TESTS += tests/unit/base_regex
tests_unit_base_regex_SOURCES = tests/unit/base_regex.c
tests_unit_base_regex_LDADD = $(LIB_BASE) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/base_language
TESTS += tests/unit/base_language
tests_unit_base_language_SOURCES = tests/unit/base_language.c
tests_unit_base_language_LDADD = $(LIB_BASE) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/base_linediff
TESTS += tests/unit/base_linediff
tests_unit_base_linediff_SOURCES = tests/unit/base_linediff.c
tests_unit_base_linediff_LDADD = $(LIB_BASE) $(CHECK_LIBS)
