noinst_LIBRARIES += libmodel.a
libmodel_a_SOURCES = \
	src/model/classify.c src/model/classify.h \
	src/model/diagnostic.c src/model/diagnostic.h src/model/diagnostic_rules.h \
	src/model/diagnostic_compiler.c \
	src/model/diagnostic_go.c \
	src/model/diagnostic_junit.c \
	src/model/diagnostic_python.c \
	src/model/diagnostic_script.c \
	src/model/diagnostic_tap.c \
	src/model/diagnostic_test.c \
	src/model/breaker.c src/model/breaker.h \
	src/model/budget.c src/model/budget.h \
	src/model/error.c src/model/error.h \
	src/model/expr.c src/model/expr.h src/model/expr_internal.h \
	src/model/expr_eval.c \
	src/model/expr_functions.c \
	src/model/expr_lex.c \
	src/model/expr_parse.c \
	src/model/expr_tmpl.c \
	src/model/expr_value.c \
	src/model/feedback.c src/model/feedback.h \
	src/model/graph.c src/model/graph.h \
	src/model/loop.c src/model/loop.h \
	src/model/place.c \
	src/model/price.c src/model/price.h \
	src/model/reset.c src/model/reset.h \
	src/model/retry.c src/model/retry.h \
	src/model/schema.c src/model/schema.h \
	src/model/states.c src/model/states.h

check_PROGRAMS += tests/unit/model_expr
TESTS += tests/unit/model_expr
tests_unit_model_expr_SOURCES = tests/unit/model_expr.c
tests_unit_model_expr_LDADD = $(LIB_MODEL) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/model_graph
TESTS += tests/unit/model_graph
tests_unit_model_graph_SOURCES = tests/unit/model_graph.c
tests_unit_model_graph_LDADD = $(LIB_MODEL) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/model_retry tests/unit/model_states
TESTS += tests/unit/model_retry tests/unit/model_states
tests_unit_model_retry_SOURCES = tests/unit/model_retry.c
tests_unit_model_retry_LDADD = $(LIB_MODEL) $(CHECK_LIBS)
tests_unit_model_states_SOURCES = tests/unit/model_states.c
tests_unit_model_states_LDADD = $(LIB_MODEL) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/model_schema
TESTS += tests/unit/model_schema
tests_unit_model_schema_SOURCES = tests/unit/model_schema.c
tests_unit_model_schema_LDADD = $(LIB_MODEL) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/model_loop tests/unit/model_limits
TESTS += tests/unit/model_loop tests/unit/model_limits
tests_unit_model_loop_SOURCES = tests/unit/model_loop.c
tests_unit_model_loop_LDADD = $(LIB_MODEL) $(CHECK_LIBS)
tests_unit_model_limits_SOURCES = tests/unit/model_limits.c
tests_unit_model_limits_LDADD = $(LIB_MODEL) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/model_price
TESTS += tests/unit/model_price
tests_unit_model_price_SOURCES = tests/unit/model_price.c
tests_unit_model_price_LDADD = $(LIB_MODEL) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/model_outputs
TESTS += tests/unit/model_outputs
tests_unit_model_outputs_SOURCES = tests/unit/model_outputs.c
tests_unit_model_outputs_LDADD = $(LIB_MODEL) $(CHECK_LIBS)
EXTRA_DIST += tests/fixtures/outputs

check_PROGRAMS += tests/unit/model_diagnostic
TESTS += tests/unit/model_diagnostic
tests_unit_model_diagnostic_SOURCES = tests/unit/model_diagnostic.c
tests_unit_model_diagnostic_LDADD = $(LIB_MODEL) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/model_reset
TESTS += tests/unit/model_reset
tests_unit_model_reset_SOURCES = tests/unit/model_reset.c tests/sim/judge.c tests/sim/judge.h
tests_unit_model_reset_LDADD = $(LIB_MODEL) $(CHECK_LIBS)
