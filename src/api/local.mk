noinst_LIBRARIES += libapi.a
libapi_a_SOURCES = src/api/api.c src/api/api.h
