noinst_LIBRARIES += libwork.a
libwork_a_SOURCES = src/work/work.c src/work/work.h
