noinst_LIBRARIES += libwork.a
libwork_a_SOURCES = src/work/proto.c src/work/proto.h src/work/executor.h
