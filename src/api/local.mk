# The HTTP server of the engine.
noinst_LIBRARIES += libapi.a
libapi_a_SOURCES = \
	src/api/api_internal.h \
	src/api/command.c \
	src/api/config.c src/api/config.h \
	src/api/conn.c \
	src/api/errors.c \
	src/api/events.c \
	src/api/find.c \
	src/api/follow.c \
	src/api/job.c \
	src/api/logs.c src/api/logs.h \
	src/api/nodes.c \
	src/api/orders.c \
	src/api/params.c \
	src/api/raw.c \
	src/api/request.c src/api/request.h \
	src/api/route.c src/api/route.h \
	src/api/routes.c \
	src/api/runs.c \
	src/api/server.c src/api/server.h \
	src/api/show.c \
	src/api/show_node.c \
	src/api/status.c \
	src/api/stream.c \
	src/api/submit.c \
	src/api/target.c src/api/target.h
