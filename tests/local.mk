# Tests that belong to no floor. (The unit tests stand in the fragments of their floors.)
TESTS += tests/check-floors.sh tests/check-text.sh tests/check-scripts.sh
dist_check_SCRIPTS += tests/check-floors.sh tests/check-text.sh tests/check-scripts.sh

# ---- crash tools ----
check_PROGRAMS += tests/crash/replay tests/crash/ledger
tests_crash_replay_SOURCES = tests/crash/replay.c
tests_crash_replay_LDADD = $(LIB_BASE)
tests_crash_ledger_SOURCES = tests/crash/ledger.c
tests_crash_ledger_LDADD = $(LIB_BASE) $(SQLITE_LIBS)

check_DATA += tests/crash/record.so tests/crash/failnth.so
CLEANFILES += tests/crash/record.so tests/crash/failnth.so
EXTRA_DIST += tests/crash/record.c tests/crash/failnth.c tests/crash/preload.h
tests/crash/record.so: tests/crash/record.c tests/crash/preload.h
tests/crash/failnth.so: tests/crash/failnth.c tests/crash/preload.h
tests/crash/record.so tests/crash/failnth.so:
	$(AM_V_CCLD)mkdir -p tests/crash && \
	$(CC) -D_GNU_SOURCE $(PAWL_PLAIN_CFLAGS) -O2 -g -shared -fPIC -o $@ \
		$(srcdir)/$(@:.so=.c) -ldl -lpthread

TESTS += tests/crash/selftest.sh
dist_check_SCRIPTS += tests/crash/selftest.sh

# ---- the world of the simulator, in which the engine's unit tests live, too ----
check_LIBRARIES += tests/sim/libworld.a
tests_sim_libworld_a_SOURCES = tests/sim/world.c tests/sim/world.h tests/sim/worker.c tests/sim/program.c \
	tests/sim/files.c
check_PROGRAMS += tests/sim/simulate
TESTS += tests/sim/simulate
tests_sim_simulate_SOURCES = tests/sim/simulate.c tests/sim/simulate.h tests/sim/check.c tests/sim/plan.c \
	tests/sim/judge.c tests/sim/judge.h tests/sim/ways.c tests/sim/ways.h
tests_sim_simulate_LDADD = $(LIB_WORLD)
check_PROGRAMS += tests/sim/scale
TESTS += tests/sim/scale
tests_sim_scale_SOURCES = tests/sim/scale.c
tests_sim_scale_LDADD = $(LIB_WORLD)
simulate: tests/sim/simulate
	tests/sim/simulate --seeds $(or $(SEEDS),10000) --from $(or $(FROM),1)
.PHONY: simulate
LIB_WORLD = tests/sim/libworld.a $(LIB_ENGINE)

# ---- bench: not a test, the machine decides ----
EXTRA_PROGRAMS += tests/bench/ideal
CLEANFILES += tests/bench/ideal
tests_bench_ideal_SOURCES = tests/bench/ideal.c
tests_bench_ideal_LDADD = $(SQLITE_LIBS)
dist_noinst_SCRIPTS += tests/bench/run tests/bench/console
bench: all tests/bench/ideal
	$(srcdir)/tests/bench/run --build $(builddir) $(BENCH)
bench-console: all
	$(srcdir)/tests/bench/console --build $(builddir) $(BENCH)
.PHONY: bench bench-console

# ---- crash suite: real engines in homes of their own ----
check_DATA += tests/crash/clockshift.so
CLEANFILES += tests/crash/clockshift.so
EXTRA_DIST += tests/crash/clockshift.c tests/crash/harness.py
tests/crash/clockshift.so: tests/crash/clockshift.c
	$(AM_V_CCLD)mkdir -p tests/crash && \
	$(CC) -D_GNU_SOURCE $(PAWL_PLAIN_CFLAGS) -O2 -g -shared -fPIC -o $@ $(srcdir)/$(@:.so=.c) -ldl
crash_tests = tests/crash/kill.py tests/crash/points.py tests/crash/powerloss.py tests/crash/faults.py \
	tests/crash/diskfull.py tests/crash/lock.py tests/crash/clock.py tests/crash/agent.py tests/crash/rollback.py
TESTS += $(crash_tests)
dist_check_SCRIPTS += $(crash_tests)

# ---- the languages: complete, and fitting where they are shown ----
TESTS += tests/po.sh
dist_check_SCRIPTS += tests/po.sh
EXTRA_DIST += tests/po_room.py

# ---- what the documents tell people to type ----
TESTS += tests/docs.sh tests/manuals.py
dist_check_SCRIPTS += tests/docs.sh tests/manuals.py
