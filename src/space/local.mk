noinst_LIBRARIES += libspace.a
libspace_a_SOURCES = \
	src/space/carry.c \
	src/space/diff.c \
	src/space/committer.c src/space/committer.h \
	src/space/filters.c src/space/filters.h \
	src/space/gc.c \
	src/space/head.c \
	src/space/git.c src/space/git.h \
	src/space/ignore.c src/space/ignore.h \
	src/space/import.c \
	src/space/internal.h \
	src/space/meta.c \
	src/space/object.c \
	src/space/patch.h src/space/patch_apply.c src/space/patch_journal.c src/space/patch_journal.h \
	src/space/patch_judge.c src/space/patch_read.c src/space/patch_settle.c \
	src/space/place.c \
	src/space/publish.c src/space/publish.h \
	src/space/restore.c \
	src/space/rules.c \
	src/space/snapshot.c src/space/snapshot.h \
	src/space/walk.c \
	src/space/worktree.c src/space/worktree.h

check_PROGRAMS += tests/unit/space_snapshot
TESTS += tests/unit/space_snapshot
tests_unit_space_snapshot_SOURCES = tests/unit/space_snapshot.c tests/unit/space_tree.h
tests_unit_space_snapshot_LDADD = $(LIB_SPACE) $(CHECK_LIBS)

# ---- bench: not a test, the machine decides ----
EXTRA_PROGRAMS += tests/bench/bench_snapshot
CLEANFILES += tests/bench/bench_snapshot
dist_noinst_SCRIPTS += tests/bench/bench_snapshot.sh
tests_bench_bench_snapshot_SOURCES = tests/bench/bench_snapshot.c
tests_bench_bench_snapshot_LDADD = $(LIB_SPACE)
bench-snapshot: tests/bench/bench_snapshot
	$(srcdir)/tests/bench/bench_snapshot.sh $(builddir) $(ARGS)
.PHONY: bench-snapshot

check_PROGRAMS += tests/unit/space_worktree
TESTS += tests/unit/space_worktree
tests_unit_space_worktree_SOURCES = tests/unit/space_worktree.c tests/unit/space_tree.h
tests_unit_space_worktree_LDADD = $(LIB_SPACE) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/space_ignore
TESTS += tests/unit/space_ignore
tests_unit_space_ignore_SOURCES = tests/unit/space_ignore.c tests/unit/space_tree.h
tests_unit_space_ignore_LDADD = $(LIB_SPACE) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/space_patch
TESTS += tests/unit/space_patch
tests_unit_space_patch_SOURCES = tests/unit/space_patch.c tests/unit/space_tree.h
tests_unit_space_patch_LDADD = $(LIB_SPACE) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/space_exact
TESTS += tests/unit/space_exact
tests_unit_space_exact_SOURCES = tests/unit/space_exact.c tests/unit/space_tree.h
tests_unit_space_exact_LDADD = $(LIB_SPACE) $(CHECK_LIBS)
