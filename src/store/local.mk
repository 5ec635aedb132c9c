noinst_LIBRARIES += libstore.a
libstore_a_SOURCES = \
	src/store/migrate.c src/store/migrate.h \
	src/store/store.c src/store/store.h src/store/store_internal.h \
	src/store/back.c src/store/carry.c src/store/carry.h src/store/check.c src/store/check.h src/store/loop.c src/store/patch.c src/store/patch.h src/store/row.c src/store/event.c src/store/load.c \
	src/store/read.c src/store/read_run.c src/store/read.h \
	src/store/steer.c src/store/steer.h
nodist_libstore_a_SOURCES = src/store/queries.h src/store/migrations.h
EXTRA_DIST += src/store/queries.sql src/store/sql2h.awk src/store/mig2h.awk \
	src/store/migrations/0001.up.sql src/store/migrations/0001.down.sql \
	src/store/migrations/0002.up.sql src/store/migrations/0002.down.sql \
	src/store/migrations/0003.up.sql src/store/migrations/0003.down.sql \
	src/store/migrations/0004.up.sql src/store/migrations/0004.down.sql
BUILT_SOURCES += src/store/queries.h src/store/migrations.h
CLEANFILES += src/store/queries.h src/store/migrations.h
PAWL_MIGRATIONS = src/store/migrations/0001.up.sql src/store/migrations/0001.down.sql \
	src/store/migrations/0002.up.sql src/store/migrations/0002.down.sql \
	src/store/migrations/0003.up.sql src/store/migrations/0003.down.sql \
	src/store/migrations/0004.up.sql src/store/migrations/0004.down.sql
src/store/queries.h: src/store/queries.sql src/store/sql2h.awk
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(AWK) -f $(srcdir)/src/store/sql2h.awk $(srcdir)/src/store/queries.sql > $@.tmp && mv $@.tmp $@
src/store/migrations.h: $(PAWL_MIGRATIONS) src/store/mig2h.awk
	$(AM_V_GEN)$(MKDIR_P) $(@D) && (cd $(srcdir) && $(AWK) -f src/store/mig2h.awk $(PAWL_MIGRATIONS)) > $@.tmp && mv $@.tmp $@
$(libstore_a_OBJECTS): src/store/queries.h src/store/migrations.h

check_PROGRAMS += tests/unit/store_turn
TESTS += tests/unit/store_turn
tests_unit_store_turn_SOURCES = tests/unit/store_turn.c
tests_unit_store_turn_LDADD = $(LIB_STORE) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/store_read
TESTS += tests/unit/store_read
tests_unit_store_read_SOURCES = tests/unit/store_read.c
tests_unit_store_read_LDADD = $(LIB_STORE) $(CHECK_LIBS)
