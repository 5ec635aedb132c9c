noinst_LIBRARIES += libjournal.a
libjournal_a_SOURCES = src/journal/journal.c src/journal/journal.h src/journal/redact.h
