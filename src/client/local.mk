noinst_LIBRARIES += libclient.a
libclient_a_SOURCES = src/client/client.c src/client/client.h
