noinst_LIBRARIES += libclient.a
libclient_a_SOURCES = \
	src/client/client.c src/client/client.h src/client/client_internal.h \
	src/client/conn.c \
	src/client/ensure.c \
	src/client/http.c src/client/http.h \
	src/client/request.c \
	src/client/sse.c src/client/sse.h \
	src/client/web.c

check_PROGRAMS += tests/unit/client_text tests/unit/client_socket tests/unit/client_engine
TESTS += tests/unit/client_text tests/unit/client_socket tests/unit/client_engine
tests_unit_client_text_SOURCES = tests/unit/client_text.c
tests_unit_client_text_LDADD = $(LIB_CLIENT) $(CHECK_LIBS)
tests_unit_client_socket_SOURCES = tests/unit/client_socket.c tests/unit/standin.c tests/unit/standin.h
tests_unit_client_socket_LDADD = $(LIB_CLIENT) $(CHECK_LIBS)
tests_unit_client_engine_SOURCES = tests/unit/client_engine.c tests/unit/standin.c tests/unit/standin.h
tests_unit_client_engine_LDADD = $(LIB_CLIENT) $(CHECK_LIBS)
