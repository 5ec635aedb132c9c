noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = src/engine/engine.c src/engine/engine.h src/engine/host.h
