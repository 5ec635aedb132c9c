noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = \
	src/engine/archive.c \
	src/engine/breakpoint.c \
	src/engine/carry.h src/engine/carry_internal.h \
	src/engine/checkpoint.c \
	src/engine/approval.c \
	src/engine/breaker.c \
	src/engine/calls.c \
	src/engine/definition.c \
	src/engine/edit.c \
	src/engine/engine.c src/engine/engine.h src/engine/engine_internal.h \
	src/engine/fork.c \
	src/engine/export.c \
	src/engine/import.c src/engine/import_rows.c src/engine/import_space.c \
	src/engine/fsck.c src/engine/fsck_internal.h \
	src/engine/fsck_files.c \
	src/engine/fsck_graph.c \
	src/engine/fsck_loop.c \
	src/engine/fsck_memory.c \
	src/engine/fsck_points.c \
	src/engine/gc.c src/engine/gc.h \
	src/engine/group.c \
	src/engine/hold.c \
	src/engine/host.c src/engine/host.h \
	src/engine/loop.c \
	src/engine/mark.c \
	src/engine/node.c \
	src/engine/order.c \
	src/engine/pool.c \
	src/engine/queue.c \
	src/engine/recover.c \
	src/engine/release.c \
	src/engine/reset.c \
	src/engine/rollback.c \
	src/engine/run.c \
	src/engine/sched.c \
	src/engine/scope.c \
	src/engine/patch.c src/engine/patch_work.c src/engine/patch_work.h \
	src/engine/space.c \
	src/engine/space_work.c \
	src/engine/stand.c \
	src/engine/step.c \
	src/engine/undo.c \
	src/engine/verbs.c \
	src/engine/why.c

ENGINE_TESTS = tests/unit/engine_basic tests/unit/engine_verbs tests/unit/engine_queue tests/unit/engine_recovery \
	tests/unit/engine_fsck tests/unit/engine_reset tests/unit/engine_decide \
	tests/unit/engine_breakpoint tests/unit/engine_space tests/unit/engine_rollback
tests_unit_engine_rollback_SOURCES = tests/unit/engine_rollback.c tests/unit/engine_world.h
tests_unit_engine_rollback_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
tests_unit_engine_breakpoint_SOURCES = tests/unit/engine_breakpoint.c tests/unit/engine_world.h
tests_unit_engine_breakpoint_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
tests_unit_engine_decide_SOURCES = tests/unit/engine_decide.c tests/unit/engine_world.h
tests_unit_engine_decide_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
tests_unit_engine_space_SOURCES = tests/unit/engine_space.c tests/unit/engine_world.h
tests_unit_engine_space_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
tests_unit_engine_reset_SOURCES = tests/unit/engine_reset.c tests/unit/engine_world.h
tests_unit_engine_reset_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
check_PROGRAMS += $(ENGINE_TESTS)
TESTS += $(ENGINE_TESTS)
tests_unit_engine_basic_SOURCES = tests/unit/engine_basic.c tests/unit/engine_world.h
tests_unit_engine_basic_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
tests_unit_engine_verbs_SOURCES = tests/unit/engine_verbs.c tests/unit/engine_world.h
tests_unit_engine_verbs_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
tests_unit_engine_queue_SOURCES = tests/unit/engine_queue.c tests/unit/engine_world.h
tests_unit_engine_queue_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
tests_unit_engine_recovery_SOURCES = tests/unit/engine_recovery.c tests/unit/engine_world.h
tests_unit_engine_recovery_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
tests_unit_engine_fsck_SOURCES = tests/unit/engine_fsck.c tests/unit/engine_world.h
tests_unit_engine_fsck_LDADD = $(LIB_WORLD) $(CHECK_LIBS)

# ---- steering by nodes ----
STEER_TESTS = tests/unit/engine_why tests/unit/engine_hold tests/unit/engine_edit tests/unit/engine_undo tests/unit/engine_reshape
tests_unit_engine_undo_SOURCES = tests/unit/engine_undo.c tests/unit/engine_world.h
tests_unit_engine_undo_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
tests_unit_engine_edit_SOURCES = tests/unit/engine_edit.c tests/unit/engine_world.h
tests_unit_engine_edit_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
tests_unit_engine_reshape_SOURCES = tests/unit/engine_reshape.c tests/unit/engine_world.h
tests_unit_engine_reshape_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
tests_unit_engine_hold_SOURCES = tests/unit/engine_hold.c tests/unit/engine_world.h
tests_unit_engine_hold_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
check_PROGRAMS += $(STEER_TESTS)
TESTS += $(STEER_TESTS)
tests_unit_engine_why_SOURCES = tests/unit/engine_why.c tests/unit/engine_world.h
tests_unit_engine_why_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
LOOP_TESTS = tests/unit/engine_approval tests/unit/engine_loop
tests_unit_engine_loop_SOURCES = tests/unit/engine_loop.c tests/unit/engine_world.h
tests_unit_engine_loop_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
check_PROGRAMS += $(LOOP_TESTS)
TESTS += $(LOOP_TESTS)
tests_unit_engine_approval_SOURCES = tests/unit/engine_approval.c tests/unit/engine_world.h
tests_unit_engine_approval_LDADD = $(LIB_WORLD) $(CHECK_LIBS)

GC_TESTS = tests/unit/engine_gc
check_PROGRAMS += $(GC_TESTS)
TESTS += $(GC_TESTS)
tests_unit_engine_gc_SOURCES = tests/unit/engine_gc.c tests/unit/engine_world.h
tests_unit_engine_gc_LDADD = $(LIB_WORLD) $(CHECK_LIBS)
