noinst_LIBRARIES += libwork.a
libwork_a_SOURCES = src/work/proto.c src/work/proto.h src/work/executor.h

check_PROGRAMS += tests/unit/work_proto
TESTS += tests/unit/work_proto
tests_unit_work_proto_SOURCES = tests/unit/work_proto.c
tests_unit_work_proto_LDADD = $(LIB_WORK) $(CHECK_LIBS)
