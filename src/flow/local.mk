noinst_LIBRARIES += libflow.a
libflow_a_SOURCES = \
	src/flow/agent.c \
	src/flow/approval.c src/flow/publish.c \
	src/flow/command.c \
	src/flow/draw.c \
	src/flow/flow.h \
	src/flow/group.c \
	src/flow/http.c \
	src/flow/keys.h \
	src/flow/kinds.c \
	src/flow/llm.c \
	src/flow/load.c src/flow/load.h \
	src/flow/loop.c \
	src/flow/names.c \
	src/flow/needs.c \
	src/flow/node.c \
	src/flow/param.c \
	src/flow/patch.c \
	src/flow/report.c src/flow/report.h \
	src/flow/retry.c \
	src/flow/space.c \
	src/flow/sub.c \
	src/flow/tree.c src/flow/tree.h \
	src/flow/value.c \
	src/flow/verify.c

check_PROGRAMS += tests/unit/flow_load
TESTS += tests/unit/flow_load
tests_unit_flow_load_SOURCES = tests/unit/flow_load.c
tests_unit_flow_load_LDADD = $(LIB_FLOW) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/flow_draw
TESTS += tests/unit/flow_draw
tests_unit_flow_draw_SOURCES = tests/unit/flow_draw.c
tests_unit_flow_draw_LDADD = $(LIB_FLOW) $(CHECK_LIBS)

pkglibexec_PROGRAMS += pawl-flow
pawl_flow_SOURCES = src/flow/flow_main.c
pawl_flow_LDADD = $(LIB_FLOW)

check_PROGRAMS += tests/unit/flow_schema
TESTS += tests/unit/flow_schema
tests_unit_flow_schema_SOURCES = tests/unit/flow_schema.c
tests_unit_flow_schema_LDADD = $(LIB_FLOW) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/flow_malformed
TESTS += tests/unit/flow_malformed
tests_unit_flow_malformed_SOURCES = tests/unit/flow_malformed.c
tests_unit_flow_malformed_LDADD = $(LIB_FLOW) $(CHECK_LIBS)

check_PROGRAMS += tests/schema/judge
tests_schema_judge_SOURCES = tests/schema/judge.c
tests_schema_judge_LDADD = $(LIB_FLOW)
TESTS += tests/schema.sh
dist_check_SCRIPTS += tests/schema.sh
EXTRA_DIST += tests/schema/cases.txt tests/schema/compare.js
clean-local: clean-ajv
clean-ajv:
	rm -rf tests/schema/ajv
.PHONY: clean-ajv
