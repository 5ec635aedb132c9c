noinst_LIBRARIES += libwork.a
libwork_a_SOURCES = \
	src/work/cgroup.c src/work/cgroup.h \
	src/work/executor.c src/work/executor.h \
	src/work/executor_agent.c src/work/executor_strategy.c src/work/executor_llm.c src/work/executor_publish.c src/work/executor_patch.c \
	src/work/executor_rows.h \
	src/work/finish.c \
	src/work/http.h \
	src/work/live.c src/work/live.h \
	src/work/outputs.c \
	src/work/plain.c \
	src/work/proto.c src/work/proto.h \
	src/work/spool.c \
	src/work/step.c \
	src/work/verify_prepare.c

check_PROGRAMS += tests/unit/work_proto
TESTS += tests/unit/work_proto
tests_unit_work_proto_SOURCES = tests/unit/work_proto.c
tests_unit_work_proto_LDADD = $(LIB_WORK) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/work_outputs
TESTS += tests/unit/work_outputs
tests_unit_work_outputs_SOURCES = tests/unit/work_outputs.c
tests_unit_work_outputs_LDADD = $(LIB_WORK) $(CHECK_LIBS)

# The worker links what it needs and no library besides libc: it is small, and starts at once.
pkglibexec_PROGRAMS += pawl-worker
pawl_worker_SOURCES = \
	src/work/worker.h \
	src/work/worker_exec.c \
	src/work/worker_link.c \
	src/work/worker_log.c \
	src/work/worker_main.c \
	src/work/worker_step.c
pawl_worker_LDADD = libwork.a libjournal.a libmodel.a libbase.a $(LIBINTL)

pkglibexec_PROGRAMS += pawl-http
pawl_http_SOURCES = \
	src/work/http.h \
	src/work/http_main.c \
	src/work/http_request.c src/work/http_request.h
pawl_http_LDADD = libbase.a $(CJSON_LIBS) $(CURL_LIBS) $(LIBINTL) -lm

pkglibexec_PROGRAMS += pawl-agent
AGENT_SOURCES = \
	src/work/agent.h \
	src/work/agent_claude.c \
	src/work/agent_codex.c \
	src/work/agent_record.c \
	src/work/agent_report.c \
	src/work/agent_spec.c \
	src/work/agent_stream.c \
	src/work/agent_usage.c
pawl_agent_SOURCES = src/work/agent_main.c $(AGENT_SOURCES)
pawl_agent_LDADD = libwork.a libjournal.a libmodel.a libbase.a $(CJSON_LIBS) $(PCRE2_LIBS) $(LIBINTL) -lm

EXTRA_DIST += tests/fixtures/agent

# Agents' output as a fuzz target, as those of tests/fuzz/local.mk.
check_PROGRAMS += tests/fuzz/run_agent
TESTS += tests/fuzz/run_agent
tests_fuzz_run_agent_SOURCES = tests/fuzz/driver.c tests/fuzz/fuzz_agent.c tests/fuzz/fuzz.h $(AGENT_SOURCES)
tests_fuzz_run_agent_LDADD = $(LIB_WORK)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_agent
tests_fuzz_fuzz_agent_SOURCES = tests/fuzz/fuzz_agent.c tests/fuzz/fuzz.h $(AGENT_SOURCES)
tests_fuzz_fuzz_agent_LDADD = $(LIB_WORK)
tests_fuzz_fuzz_agent_LDFLAGS = -fsanitize=fuzzer
endif

check_PROGRAMS += tests/unit/work_agent_run
TESTS += tests/unit/work_agent_run
tests_unit_work_agent_run_SOURCES = tests/unit/work_agent_run.c tests/unit/work_engine.h
tests_unit_work_agent_run_LDADD = $(LIB_WORK) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/work_agent
TESTS += tests/unit/work_agent
tests_unit_work_agent_SOURCES = tests/unit/work_agent.c $(AGENT_SOURCES)
tests_unit_work_agent_LDADD = $(LIB_WORK) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/work_worker
TESTS += tests/unit/work_worker
tests_unit_work_worker_SOURCES = tests/unit/work_worker.c tests/unit/work_engine.h
tests_unit_work_worker_LDADD = $(LIB_WORK) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/work_life
TESTS += tests/unit/work_life
tests_unit_work_life_SOURCES = tests/unit/work_life.c tests/unit/work_engine.h
tests_unit_work_life_LDADD = $(LIB_WORK) $(CHECK_LIBS)

# ---- bench: not a test, the machine decides ----
EXTRA_PROGRAMS += tests/bench/bench_worker
CLEANFILES += tests/bench/bench_worker
tests_bench_bench_worker_SOURCES = tests/bench/bench_worker.c
tests_bench_bench_worker_LDADD = $(LIB_WORK)
bench-worker: pawl-worker tests/bench/bench_worker
	tests/bench/bench_worker $(ARGS)
.PHONY: bench-worker

check_PROGRAMS += tests/unit/work_http
TESTS += tests/unit/work_http
tests_unit_work_http_SOURCES = tests/unit/work_http.c tests/unit/work_engine.h src/work/http_request.c
tests_unit_work_http_LDADD = $(LIB_WORK) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/work_executor
TESTS += tests/unit/work_executor
tests_unit_work_executor_SOURCES = tests/unit/work_executor.c
tests_unit_work_executor_LDADD = $(LIB_WORK) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/work_cgroup
TESTS += tests/unit/work_cgroup
tests_unit_work_cgroup_SOURCES = tests/unit/work_cgroup.c tests/unit/work_engine.h
tests_unit_work_cgroup_LDADD = $(LIB_WORK) $(CHECK_LIBS)

pkglibexec_PROGRAMS += pawl-verify
VERIFY_SOURCES = \
	src/work/verify.h \
	src/work/verify_command.c \
	src/work/verify_contract.c \
	src/work/verify_fixture.c \
	src/work/verify_report.c \
	src/work/verify_spec.c \
	src/work/verify_tree.c
pawl_verify_SOURCES = src/work/verify_main.c $(VERIFY_SOURCES)
pawl_verify_LDADD = libjournal.a libspace.a libmodel.a libbase.a $(CJSON_LIBS) $(PCRE2_LIBS) $(LIBINTL) -lm

check_PROGRAMS += tests/unit/work_verify
TESTS += tests/unit/work_verify
tests_unit_work_verify_SOURCES = tests/unit/work_verify.c tests/unit/work_engine.h
tests_unit_work_verify_LDADD = $(LIB_WORK) $(CHECK_LIBS)

pkglibexec_PROGRAMS += pawl-publish
pawl_publish_SOURCES = src/work/publish_main.c src/work/github.c src/work/github.h
pawl_publish_LDADD = libspace.a libmodel.a libbase.a $(CJSON_LIBS) $(PCRE2_LIBS) $(CURL_LIBS) $(LIBINTL) -lm
pkglibexec_PROGRAMS += pawl-patch
pawl_patch_SOURCES = src/work/patch_main.c
pawl_patch_LDADD = $(LIB_SPACE)
TESTS += tests/publish.sh tests/pull.py
dist_check_SCRIPTS += tests/publish.sh tests/pull.py
EXTRA_DIST += tests/standin/github.py
