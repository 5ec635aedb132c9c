# The HTTP server of the engine.
noinst_LIBRARIES += libapi.a
libapi_a_SOURCES = \
	src/api/api_internal.h \
	src/api/approvals.c src/api/iterations.c src/api/iteration_files.c src/api/limits.c src/api/usage.c \
	src/api/breakpoints.c \
	src/api/back.c \
	src/api/command.c \
	src/api/compare.c \
	src/api/config.c src/api/config.h \
	src/api/conn.c \
	src/api/edit.c \
	src/api/errors.c \
	src/api/events.c \
	src/api/export.c \
	src/api/find.c \
	src/api/follow.c \
	src/api/fsck.c src/api/fsck.h \
	src/api/import.c \
	src/api/job.c \
	src/api/logs.c src/api/logs.h \
	src/api/nodes.c \
	src/api/orders.c \
	src/api/params.c \
	src/api/patches.c \
	src/api/raw.c \
	src/api/request.c src/api/request.h \
	src/api/route.c src/api/route.h \
	src/api/routes.c \
	src/api/runs.c \
	src/api/server.c src/api/server.h \
	src/api/shell.c \
	src/api/show.c \
	src/api/show_node.c \
	src/api/status.c \
	src/api/metrics.c \
	src/api/stream.c \
	src/api/submit.c \
	src/api/target.c src/api/target.h \
	src/api/upload.c src/api/upload.h

check_PROGRAMS += tests/unit/api_config tests/unit/api_route
TESTS += tests/unit/api_config tests/unit/api_route
tests_unit_api_config_SOURCES = tests/unit/api_config.c
tests_unit_api_config_LDADD = $(LIB_API) $(CHECK_LIBS)
tests_unit_api_route_SOURCES = tests/unit/api_route.c
tests_unit_api_route_LDADD = $(LIB_API) $(CHECK_LIBS)

# The real engine in a temporary home, asked over its socket.
PAWL_API_TESTS = \
	tests/api/back.py \
	tests/api/carry.py \
	tests/api/change.py \
	tests/api/gc.py \
	tests/api/hostile.py \
	tests/api/lists.py \
	tests/api/logs.py \
	tests/api/patches.py \
	tests/api/program.py \
	tests/api/read.py \
	tests/api/resumption.py \
	tests/api/steer.py tests/api/loops.py \
	tests/api/streams.py
TESTS += $(PAWL_API_TESTS)
dist_check_SCRIPTS += $(PAWL_API_TESTS)
EXTRA_DIST += tests/api/engine.py
