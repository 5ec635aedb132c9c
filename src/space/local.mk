noinst_LIBRARIES += libspace.a
libspace_a_SOURCES = src/space/space.c src/space/space.h
