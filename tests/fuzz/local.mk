# Fuzz targets. Each runs its corpus as a test (run_NAME); with --enable-fuzzing (clang) the same source is a
# libFuzzer program, too: tests/fuzz/fuzz_workflow -dict=tests/fuzz/workflow.dict FOLDER tests/fuzz/corpus/workflow
check_PROGRAMS += tests/fuzz/run_workflow tests/fuzz/run_expr
TESTS += tests/fuzz/run_workflow tests/fuzz/run_expr
tests_fuzz_run_workflow_SOURCES = tests/fuzz/driver.c tests/fuzz/fuzz_workflow.c tests/fuzz/fuzz.h
tests_fuzz_run_workflow_LDADD = $(LIB_FLOW)
tests_fuzz_run_expr_SOURCES = tests/fuzz/driver.c tests/fuzz/fuzz_expr.c tests/fuzz/fuzz.h
tests_fuzz_run_expr_LDADD = $(LIB_MODEL)
check_PROGRAMS += tests/fuzz/run_diagnostic
TESTS += tests/fuzz/run_diagnostic
tests_fuzz_run_diagnostic_SOURCES = tests/fuzz/driver.c tests/fuzz/fuzz_diagnostic.c tests/fuzz/fuzz.h
tests_fuzz_run_diagnostic_LDADD = $(LIB_MODEL)
check_PROGRAMS += tests/fuzz/run_verify
TESTS += tests/fuzz/run_verify
tests_fuzz_run_verify_SOURCES = tests/fuzz/driver.c tests/fuzz/fuzz_verify.c tests/fuzz/fuzz.h $(VERIFY_SOURCES)
tests_fuzz_run_verify_LDADD = $(LIB_WORK)
EXTRA_DIST += tests/fuzz/workflow.dict tests/fuzz/corpus
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_workflow tests/fuzz/fuzz_expr
tests_fuzz_fuzz_workflow_SOURCES = tests/fuzz/fuzz_workflow.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_workflow_LDADD = $(LIB_FLOW)
tests_fuzz_fuzz_workflow_LDFLAGS = -fsanitize=fuzzer
tests_fuzz_fuzz_expr_SOURCES = tests/fuzz/fuzz_expr.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_expr_LDADD = $(LIB_MODEL)
tests_fuzz_fuzz_expr_LDFLAGS = -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz_diagnostic
tests_fuzz_fuzz_diagnostic_SOURCES = tests/fuzz/fuzz_diagnostic.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_diagnostic_LDADD = $(LIB_MODEL)
tests_fuzz_fuzz_diagnostic_LDFLAGS = -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz_verify
tests_fuzz_fuzz_verify_SOURCES = tests/fuzz/fuzz_verify.c tests/fuzz/fuzz.h $(VERIFY_SOURCES)
tests_fuzz_fuzz_verify_LDADD = $(LIB_WORK)
tests_fuzz_fuzz_verify_LDFLAGS = -fsanitize=fuzzer
endif
