# pawl-llm. All of it but its main() is a library, so that tests can link it.
noinst_LIBRARIES += libllm.a
libllm_a_SOURCES = \
	src/work/llm.h \
	src/work/llm_call.c \
	src/work/llm_chain.c \
	src/work/llm_decode.c src/work/llm_decode.h \
	src/work/llm_report.c \
	src/work/llm_request.c \
	src/work/llm_spec.c \
	src/work/http_request.c src/work/http_request.h
LIB_LLM = libllm.a $(LIB_WORK) $(CURL_LIBS)

pkglibexec_PROGRAMS += pawl-llm
pawl_llm_SOURCES = src/work/llm_main.c
pawl_llm_LDADD = $(LIB_LLM)

check_PROGRAMS += tests/unit/work_llm tests/fuzz/run_llm
TESTS += tests/unit/work_llm tests/fuzz/run_llm
tests_unit_work_llm_SOURCES = tests/unit/work_llm.c
tests_unit_work_llm_LDADD = $(LIB_LLM) $(CHECK_LIBS)
tests_fuzz_run_llm_SOURCES = tests/fuzz/driver.c tests/fuzz/fuzz_llm.c tests/fuzz/fuzz.h
tests_fuzz_run_llm_LDADD = $(LIB_LLM)
check_PROGRAMS += tests/fuzz/run_schema
TESTS += tests/fuzz/run_schema
tests_fuzz_run_schema_SOURCES = tests/fuzz/driver.c tests/fuzz/fuzz_schema.c tests/fuzz/fuzz.h
tests_fuzz_run_schema_LDADD = $(LIB_MODEL)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_llm tests/fuzz/fuzz_schema
tests_fuzz_fuzz_schema_SOURCES = tests/fuzz/fuzz_schema.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_schema_LDADD = $(LIB_MODEL)
tests_fuzz_fuzz_schema_LDFLAGS = -fsanitize=fuzzer
tests_fuzz_fuzz_llm_SOURCES = tests/fuzz/fuzz_llm.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_llm_LDADD = $(LIB_LLM)
tests_fuzz_fuzz_llm_LDFLAGS = -fsanitize=fuzzer
endif

# A real pawl-llm against a server that has every manner, good and bad.
TESTS += tests/llm/manners.py tests/llm/engine.py tests/llm/clients.sh
dist_check_SCRIPTS += tests/llm/manners.py tests/llm/engine.py tests/llm/clients.sh
EXTRA_DIST += tests/llm/lib.py tests/llm/clients.mjs tests/standin/provider.py
