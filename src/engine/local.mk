noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = \
	src/engine/definition.c \
	src/engine/engine.c src/engine/engine.h src/engine/engine_internal.h \
	src/engine/group.c \
	src/engine/host.c src/engine/host.h \
	src/engine/node.c \
	src/engine/order.c \
	src/engine/pool.c \
	src/engine/queue.c \
	src/engine/recover.c \
	src/engine/run.c \
	src/engine/sched.c \
	src/engine/scope.c \
	src/engine/step.c \
	src/engine/verbs.c

check_PROGRAMS += tests/unit/engine_basic
TESTS += tests/unit/engine_basic
tests_unit_engine_basic_SOURCES = tests/unit/engine_basic.c
tests_unit_engine_basic_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
