noinst_LIBRARIES += libflow.a
libflow_a_SOURCES = src/flow/flow.c src/flow/flow.h
