noinst_LIBRARIES += libwork.a
libwork_a_SOURCES = \
	src/work/executor.c src/work/executor.h \
	src/work/http.h \
	src/work/outputs.c \
	src/work/plain.c \
	src/work/proto.c src/work/proto.h \
	src/work/step.c

check_PROGRAMS += tests/unit/work_proto
TESTS += tests/unit/work_proto
tests_unit_work_proto_SOURCES = tests/unit/work_proto.c
tests_unit_work_proto_LDADD = $(LIB_WORK) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/work_outputs
TESTS += tests/unit/work_outputs
tests_unit_work_outputs_SOURCES = tests/unit/work_outputs.c
tests_unit_work_outputs_LDADD = $(LIB_WORK) $(CHECK_LIBS)
